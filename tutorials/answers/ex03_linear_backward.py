"""Answer to exercise 3. The linear layer, backward."""

import numpy as np


def linear_backward(W, x, dy):
    K, D = W.shape
    rows_x, rows_dy = x.reshape(-1, D), dy.reshape(-1, K)  # B T rows, in the same order in both
    dW = rows_dy.T @ rows_x  # W serves every row: the product sums over all of them
    db = rows_dy.sum(axis=0)  # and so does b
    dx = dy @ W  # each column alone: Wᵀ dy, for rows written dy W
    return dx, dW, db
