"""Answer to exercise 7. Backpropagation through time."""

import numpy as np


def rnn_backward(W_ih, U_h, x, h0, h, dh):
    dx, dW_ih, dU_h, db_h = np.zeros_like(x), np.zeros_like(W_ih), np.zeros_like(U_h), np.zeros(len(U_h))
    dh_next = np.zeros_like(h0)  # after the last step comes nothing
    for t in reversed(range(len(x))):
        h_prev = h[t - 1] if t > 0 else h0  # h[-1] would be the last step
        dh_t = dh[t] + dh_next  # two sources: the loss, and step t+1
        da_t = dh_t * (1 - h[t] ** 2)  # through the tanh
        dx[t] = W_ih.T @ da_t
        dW_ih += da_t @ x[t].T  # the weights are used at every step: sums over t
        dU_h += da_t @ h_prev.T
        db_h += da_t.sum(axis=1)
        dh_next = U_h.T @ da_t  # what step t sends back to h_{t-1}
    dh0 = dh_next
    return dx, dW_ih, dU_h, db_h, dh0
