"""Exercise 2. A derivative without a backward pass: central differences.

f takes an array to one number. How fast does f change with each entry x of the array, all others held still?

    df/dx ≈ (f(x + ε) - f(x - ε)) / 2ε

On both sides of x, and not (f(x + ε) - f(x)) / ε: the error of that one is proportional to ε, of this one to ε². This
is how you will know later whether a backward pass is right. There eps is 1e-5; here it is large, so that they differ.

Only one entry may be away from its place at a time. And in the end the array has to be as it was, bit for bit. Taking
ε off again does not always do that, because of rounding: keep the entry and put it back, or work on a copy.

Check it with: python tutorials/check.py 02
"""

import numpy as np


def numerical(f, array, eps):
    """f, a function that takes an array (R, C) and returns a number; array (R, C) of floats; eps, a number.

    Returns slope (R, C): for each entry of the array, the central difference of f. About 10 lines.
    """
    raise NotImplementedError
