"""Answer to exercise 6. One step of the RNN, forward and backward."""

import numpy as np


def rnn_step(W_ih, U_h, b_h, x, h_prev, dh):
    a = W_ih @ x + U_h @ h_prev + b_h[:, None]  # b_h as a column, for every column of the batch
    h = np.tanh(a)
    da = dh * (1 - h ** 2)  # through the tanh, entry by entry
    dx = W_ih.T @ da  # x reaches the loss by W_ih: forward W_ih, backward its transpose
    dh_prev = U_h.T @ da
    dW_ih = da @ x.T  # the product sums over the batch
    dU_h = da @ h_prev.T
    db_h = da.sum(axis=1)
    return h, dx, dh_prev, dW_ih, dU_h, db_h
