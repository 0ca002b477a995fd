"""Exercise 6. One step of the RNN, forward and backward.

Forward, equation 1 of the article:

    a = W_ih x + U_h h_prev + b_h
    h = tanh(a)

Backward: given dh = dL/dh, find dL/d of everything that went in. First through the tanh, to da = dL/da; then da reaches
each thing that a is a sum of. tanh'(a) = 1 - tanh²(a), and tanh(a) is h, which you have.

Every vector is a column, and the batch is B columns: x is (D, B), and `W_ih @ x` is right for all of them at once. The
weights and b_h serve all B columns, so their gradients are sums over the batch.
"""

import numpy as np


def rnn_step(W_ih, U_h, b_h, x, h_prev, dh):
    """W_ih (H, D), U_h (H, H), b_h (H,), x (D, B), h_prev (H, B), and from the loss: dh (H, B).
    Leave all inputs as they are.

    Returns h (H, B), dx (D, B), dh_prev (H, B), dW_ih (H, D), dU_h (H, H), db_h (H,). About 7 lines.
    """
    raise NotImplementedError
