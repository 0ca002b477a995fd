"""Exercise 12. One step of the LSTM, backward.

Forward was, with σ or tanh of the four blocks of a = W_x x + U_h h_prev + b:

    i = σ(a_i),  f = σ(a_f),  c̃ = tanh(a_c),  o = σ(a_o)
    c = f ⊙ c_prev + i ⊙ c̃
    h = o ⊙ tanh(c)

You get `gates`, which is i, f, c̃, o on top of each other, and c. Two gradients arrive:

    dh         dL/dh
    dc_next    dL/dc as far as the loss is reached by later cells and not by h

So c has two ways to the loss, by h and by later cells, and its gradient dc is the sum of two. Go on from h and c to the
four blocks of da = dL/da, each through its own σ or tanh. From their outputs s: σ' = s (1 - s), tanh' = 1 - s². What
is left is exercise 6, with four blocks for one.
"""

import numpy as np


def lstm_step_backward(W_x, U_h, x, h_prev, c_prev, gates, c, dh, dc_next):
    """W_x (4H, D), U_h (4H, H), x (D, B), h_prev (H, B), c_prev (H, B), gates (4H, B), c (H, B).
    From the loss: dh (H, B), dc_next (H, B). Blocks are in the order i, f, c̃, o. The batch is B columns.
    Leave all inputs as they are.

    Returns dx (D, B), dh_prev (H, B), dc_prev (H, B), dW_x (4H, D), dU_h (4H, H), db (4H,). About 16 lines.
    """
    raise NotImplementedError
