"""Answer to exercise 11. One step of the LSTM, forward."""

import numpy as np

from minirnn.activations import sigmoid


def lstm_step(W_x, U_h, b, x, h_prev, c_prev):
    a = W_x @ x + U_h @ h_prev + b[:, None]  # all four blocks at once
    a_i, a_f, a_c, a_o = np.split(a, 4)  # H rows each
    i = sigmoid(a_i)  # a gate is between 0 and 1
    f = sigmoid(a_f)
    g = np.tanh(a_c)  # c̃ is new content, of either sign
    o = sigmoid(a_o)
    c = f * c_prev + i * g  # equation 2: a part of the old, and a part of the new
    h = o * np.tanh(c)  # what the cell shows
    return np.concatenate([i, f, g, o]), c, h
