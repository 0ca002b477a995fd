"""Exercise 13. Backpropagation through time, of the LSTM.

Forward was, for t = 0 .. T-1, with h_{-1} = h0 and c_{-1} = c0:

    i_t, f_t, c̃_t, o_t = σ, σ, tanh, σ of the blocks of W_x x_t + U_h h_{t-1} + b
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t
    h_t = o_t ⊙ tanh(c_t)

Now go from the last step to the first, as in exercise 7. Each step is exercise 12. Two things are carried from step to
step, because step t+1 reads two things of step t:

    dh_next    what step t+1 sends back to h_t; `dh` holds what the loss sends to h_t itself
    dc_next    what step t+1 sends back to c_t; the loss does not read c_t itself

After the last step there is nothing, so there both are zero. What is left over at the end belongs to h0 and c0. The
whole gradients of h_t and c_t are called dh_t and dc_t in hints and messages, and da_t has the four blocks of dL/da.
"""

import numpy as np


def lstm_backward(W_x, U_h, x, h0, c0, gates, c, h, dh):
    """W_x (4H, D), U_h (4H, H), x (T, D, B), h0 and c0 (H, B), gates (T, 4H, B), c and h (T, H, B).
    From the loss comes dh (T, H, B). x[t], gates[t], c[t], h[t] are those of step t: B columns. gates[t] is i_t, f_t,
    c̃_t, o_t on top of each other, and so are the blocks of W_x and U_h. Leave all inputs as they are.

    Returns dx (T, D, B), dW_x (4H, D), dU_h (4H, H), db (4H,), dh0 (H, B), dc0 (H, B). About 22 lines.
    """
    raise NotImplementedError
