"""Exercise 11. One step of the LSTM, forward.

    i = σ(W_xi x + U_i h_prev + b_i)          input gate: may new information enter?
    f = σ(W_xf x + U_f h_prev + b_f)          forget gate: is the old cell kept?
    c̃ = tanh(W_xc x + U_c h_prev + b_c)       candidate, equation 3 of the article
    o = σ(W_xo x + U_o h_prev + b_o)          output gate: is the cell shown?
    c = f ⊙ c_prev + i ⊙ c̃                    cell state, equation 2
    h = o ⊙ tanh(c)                           hidden state

The four blocks lie on top of each other, H rows each, in the order i, f, c̃, o: W_x is W_xi, W_xf, W_xc, W_xo, and so
are U_h and b. So one product serves all four. Python has no name c̃, so minirnn calls it g.

Every vector is a column and the batch is B columns: x (D, B), as in exercise 6.
"""

import numpy as np

from minirnn.activations import sigmoid


def lstm_step(W_x, U_h, b, x, h_prev, c_prev):
    """W_x (4H, D), U_h (4H, H), b (4H,), x (D, B), h_prev (H, B), c_prev (H, B). Leave all inputs as they are.

    Returns gates (4H, B), which is i, f, c̃, o on top of each other, c (H, B), h (H, B). About 9 lines.
    """
    raise NotImplementedError
