"""Answer to exercise 13. Backpropagation through time, of the LSTM."""

import numpy as np


def lstm_backward(W_x, U_h, x, h0, c0, gates, c, h, dh):
    slope = lambda s: s * (1 - s)  # σ' from its output
    dx, dW_x, dU_h, db = np.zeros_like(x), np.zeros_like(W_x), np.zeros_like(U_h), np.zeros(len(U_h))
    dh_next, dc_next = np.zeros_like(h0), np.zeros_like(c0)  # after the last step comes nothing
    for t in reversed(range(len(x))):
        h_prev = h[t - 1] if t > 0 else h0
        c_prev = c[t - 1] if t > 0 else c0
        i, f, g, o = np.split(gates[t], 4)  # g is c̃
        tanh_c = np.tanh(c[t])
        dh_t = dh[t] + dh_next  # two sources: the loss, and the four gates of step t+1
        dc_t = dc_next + dh_t * o * (1 - tanh_c ** 2)  # two sources: the cell of step t+1, and h_t
        da_i = dc_t * g * slope(i)
        da_f = dc_t * c_prev * slope(f)
        da_c = dc_t * i * (1 - g ** 2)
        da_o = dh_t * tanh_c * slope(o)
        da_t = np.concatenate([da_i, da_f, da_c, da_o])
        dx[t] = W_x.T @ da_t
        dW_x += da_t @ x[t].T  # the weights are used at every step: sums over t
        dU_h += da_t @ h_prev.T
        db += da_t.sum(axis=1)
        dh_next = U_h.T @ da_t  # what step t sends back to h_{t-1}
        dc_next = dc_t * f  # and to c_{t-1}
    return dx, dW_x, dU_h, db, dh_next, dc_next
