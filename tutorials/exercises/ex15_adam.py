"""Exercise 15. Adam: a step of about lr in each entry, whatever the size of its gradient.

Two running means, of the gradient dp and of its square, both zero at the start. At step n = 1, 2, 3, ...:

    m ← β₁ m + (1 - β₁) dp            m̂ = m / (1 - β₁ⁿ)
    v ← β₂ v + (1 - β₂) dp²           v̂ = v / (1 - β₂ⁿ)
    p ← p - lr · m̂ / (√v̂ + eps)

Squares, roots and fractions are taken for each entry by itself. As m and v start at zero, they are too small at first;
dividing by 1 - βⁿ undoes that. It is n to which β is raised, and m and v themselves go on to the next step as they are.
"""

import numpy as np


def adam(p0, dp, lr, beta1, beta2, eps):
    """p0 (H, D), the parameters before the first step; dp (T, H, D), the gradients of the T steps; four numbers.

    dp[0] is the gradient of step n = 1. Leave p0 and dp as they are.
    Returns p (T, H, D): p[t] holds the parameters after dp[t] was used. About 11 lines.
    """
    raise NotImplementedError
