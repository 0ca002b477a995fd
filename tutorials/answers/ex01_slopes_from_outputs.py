"""Answer to exercise 1. The slopes of σ and tanh, from what came out of them."""

import numpy as np


def slopes(s, h):
    sigmoid_slope = s * (1 - s)  # exp(-a) / (1 + exp(-a))² = s² exp(-a) = s² (1/s - 1); at most 1/4
    tanh_slope = 1 - h ** 2  # the quotient rule gives (square - other square) / square; at most 1
    return sigmoid_slope, tanh_slope
