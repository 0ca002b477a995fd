"""Answer to exercise 12. One step of the LSTM, backward."""

import numpy as np


def lstm_step_backward(W_x, U_h, x, h_prev, c_prev, gates, c, dh, dc_next):
    slope = lambda s: s * (1 - s)  # σ' from its output
    i, f, g, o = np.split(gates, 4)  # g is c̃
    tanh_c = np.tanh(c)
    dc = dc_next + dh * o * (1 - tanh_c ** 2)  # two sources: later cells, and h = o tanh(c)
    da_i = dc * g * slope(i)  # i reaches c multiplied by c̃
    da_f = dc * c_prev * slope(f)  # f multiplied by the old cell
    da_c = dc * i * (1 - g ** 2)  # c̃ multiplied by i, and it is a tanh
    da_o = dh * tanh_c * slope(o)  # o reaches h only
    da = np.concatenate([da_i, da_f, da_c, da_o])
    dx = W_x.T @ da  # the product sums over the four blocks
    dh_prev = U_h.T @ da
    dc_prev = dc * f  # no weight stands between the two cells
    dW_x = da @ x.T
    dU_h = da @ h_prev.T
    db = da.sum(axis=1)
    return dx, dh_prev, dc_prev, dW_x, dU_h, db
