"""Exercise 9. Gradient flow: how much of a gradient is left after going back in time?

From one state to the next an RNN does

    a_{t+1} = W_ih x_{t+1} + U_h h_t + b_h
    h_{t+1} = tanh(a_{t+1})

How the last state h_{T-1} changes with an earlier h_t is a matrix (H, H), the Jacobian, a product of one for each step:

    dh_{T-1}/dh_t = J_{T-1} J_{T-2} ... J_{t+1},    J_s = dh_s/dh_{s-1}

Entry i, j of J_s says how h_s[i] changes with h_{s-1}[j]. The states are given, so you need neither x_t nor the weights
but U_h. Of each product find the norm: the largest factor by which it can stretch a vector, `np.linalg.norm(A, 2)`. It
vanishes or explodes as t goes back.

U_h alone predicts a limit, whatever the states are: tanh' is at most 1, so each step back multiplies by the norm of
U_h at most. Return that limit as well.
"""

import numpy as np


def gradient_norms(U_h, h):
    """U_h (H, H), h (T, H, B): h[t] is h_t, and its B columns are B sequences. Leave all inputs as they are.

    Returns norm (T, B) and limit (T,). norm[t] is that of dh_{T-1}/dh_t for each sequence; at t = T-1 it is 1.
    limit[t] is the bound on norm[t] that follows from U_h alone. About 9 lines.
    """
    raise NotImplementedError
