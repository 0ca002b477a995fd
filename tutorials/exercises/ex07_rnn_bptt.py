"""Exercise 7. Backpropagation through time: the backward pass of the RNN over a whole sequence.

Forward was, for t = 0 .. T-1, with h_{-1} = h0:

    a_t = W_ih x_t + U_h h_{t-1} + b_h
    h_t = tanh(a_t)

Now go from the last step to the first. Two things are new since exercise 6:

    h_t is used twice, by the loss at step t and by step t+1, so dh_t is the sum of two gradients
    the weights are used at every step, so their gradients are sums over t

`dh` holds the first of the two, dL/dh_t as far as the loss reads h_t itself. The second, dh_next, you carry from step
to step. After the last step there is nothing, so there it is zero. What is left over at the end is the gradient of h0.
As in exercise 6, dh_t goes through the tanh to da_t, and da_t to all that a_t is a sum of.
"""

import numpy as np


def rnn_backward(W_ih, U_h, x, h0, h, dh):
    """W_ih (H, D), U_h (H, H), x (T, D, B), h0 (H, B), h (T, H, B), and from the loss: dh (T, H, B).

    x[t] and h[t] are x_t and h_t: B columns. Leave all inputs as they are.
    Returns dx (T, D, B), dW_ih (H, D), dU_h (H, H), db_h (H,), dh0 (H, B). About 12 lines.
    """
    raise NotImplementedError
