"""Exercise 18. A cell of which nobody has written the backward pass. It is yours.

One gate r decides how much of the old cell is kept, and what is not kept is new: where an LSTM has i and f, here is r
and 1 - r. The gate also looks at the old cell itself, through p. There is no output gate.

    r_t = σ(W_r x_t + U_r h_{t-1} + p ⊙ c_{t-1} + b_r)
    n_t = tanh(W_n x_t + U_n h_{t-1} + b_n)
    c_t = r_t ⊙ c_{t-1} + (1 - r_t) ⊙ n_t
    h_t = c_t / √(1 + c_t²)

The blocks of r and n lie on top of each other in W = [W_r; W_n], U and b. `forward` below does all this. You write the
backward pass. No file has the answer: what you return is compared with derivatives that are taken by moving every
number a little, so there is nobody who could name your mistake. But you know by now where to look:

    Draw the arrows from step t to step t+1. How many leave h_t, how many leave c_t? As many gradients are to be summed.
    Do the single step first. Which of its outputs are right says which line is wrong.
"""

import numpy as np


def forward(W, U, b, p, x, h0, c0):
    """Returns r, n, c and h, each (T, H, B), where r[t] is r_t."""
    H, states = len(p), []
    h, c = h0, c0
    for x_t in x:
        a = W @ x_t + U @ h + b[:, None]
        r = 1 / (1 + np.exp(-(a[:H] + p[:, None] * c)))
        n = np.tanh(a[H:])
        c = r * c + (1 - r) * n
        h = c / np.sqrt(1 + c * c)
        states.append((r, n, c, h))
    return [np.array(each) for each in zip(*states)]


def backward(W, U, b, p, x, h0, c0, dh, dc):
    """W (2H, D), U (2H, H), b (2H,), p (H,), x (T, D, B), h0 and c0 (H, B). From the loss: dh (T, H, B), dc (H, B).

    dh[t] is what the loss says of h_t, dc what it says of the last cell, c_{T-1}. Leave all inputs as they are.
    Returns dx (T, D, B), dW (2H, D), dU (2H, H), db (2H,), dp (H,), dh0 and dc0 (H, B). About 22 lines.
    """
    raise NotImplementedError
