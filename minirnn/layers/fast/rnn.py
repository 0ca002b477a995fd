"""layers/rnn.py in less time: the same equation, parameters and results, see there.

What the inputs add is one product for all steps, and so is each gradient of the weights.
"""

import numpy as np

from ... import boundary
from .. import rnn, sequence
from . import layout

takes, init = rnn.takes, rnn.init


def forward(params, x, state=None, lengths=None, activation="tanh"):
    """As rnn.forward."""
    sizes = boundary.params("rnn", params, W_ih="H D", U_h="H H", b_h="H")
    W_ih, U_h, b_h = params["W_ih"], params["U_h"], params["b_h"]
    phi, _ = rnn.ACTIVATIONS[boundary.one_of("activation", activation, rnn.ACTIVATIONS)]
    x, lengths = sequence.checked(x, lengths, sizes["D"], U_h.dtype)
    x = layout.columns(x)
    (T, _, B), H = x.shape, len(U_h)

    slots = sequence.slots("state", state, T, H, B, U_h.dtype)
    h_prev, h = slots[:-1], slots[1:]
    a = np.asarray(W_ih @ x, U_h.dtype)  # what the inputs add, for all steps at once
    a += b_h[:, None]
    for a_t, h_prev_t, h_t in zip(a, h_prev, h):
        h_t[:] = phi(a_t + U_h @ h_prev_t)  # equation 1
    return layout.rows(h, lengths), sequence.final(slots, lengths), (params, x, lengths, activation, slots)


def backward(cache, dh, dstate=None):
    """As rnn.backward, with its (B1) to (B7)."""
    params, x, lengths, activation, slots = boundary.cache("fast.rnn", cache, parts=5, has="W_ih")
    W_ih, U_h = params["W_ih"], params["U_h"]
    _, phi_prime = rnn.ACTIVATIONS[activation]
    h_prev, h = slots[:-1], slots[1:]
    dslots = sequence.from_outside(dh, dstate, lengths, slots)  # (B1) from outside
    dh_prev, dh_total = dslots[:-1], dslots[1:]

    da = phi_prime(h)
    for da_t, dh_t, dh_prev_t in zip(da[::-1], dh_total[::-1], dh_prev[::-1]):  # from the last step to the first
        da_t *= dh_t  # (B2)
        dh_prev_t += U_h.T @ da_t  # (B1) from step t to h_{t-1}; (B7) at the first
    grads = {"W_ih": layout.joined(da) @ layout.joined(x).T,  # (B3)
             "U_h": layout.joined(da) @ layout.joined(h_prev).T,  # (B4)
             "b_h": da.sum(axis=(0, 2))}  # (B5)
    dx = (W_ih.T @ da).transpose(2, 0, 1)  # (B6)
    return grads, dx, dslots[0].T.copy()
