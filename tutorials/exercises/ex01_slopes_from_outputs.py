"""Exercise 1. The slopes of σ and tanh, from what came out of them.

Forward, entry by entry:

    s = σ(a) = 1 / (1 + exp(-a))
    h = tanh(b) = (exp(b) - exp(-b)) / (exp(b) + exp(-b))

The backward pass needs the slopes σ'(a) and tanh'(b). By the quotient rule, the first is

    σ'(a) = exp(-a) / (1 + exp(-a))²

By then a and b are gone: a layer keeps only s and h. But s and h are enough, and no exp is needed again. For σ', note
that exp(-a) = 1/s - 1. For tanh', use the quotient rule, and see what becomes of the two squares.

Far out, s is exactly 0 or 1 in float64, and h exactly -1 or 1. Your formulas have to give a number there too.

Check it with: python tutorials/check.py 01
"""

import numpy as np


def slopes(s, h):
    """s (H, B), the output of σ, and h (H, B), the output of tanh. Leave all inputs as they are.

    Returns sigmoid_slope (H, B), which is σ'(a), and tanh_slope (H, B), which is tanh'(b). About 2 lines.
    """
    raise NotImplementedError
