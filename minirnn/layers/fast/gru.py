"""layers/gru.py in less time: the same equations, parameters and results, see there.

What the inputs add is one product for all steps, and so is each gradient of the weights. r and z are neighbours, so one
tanh serves both.
"""

import numpy as np

from ... import boundary
from .. import gru, sequence
from . import layout

takes, init = gru.takes, gru.init


def forward(params, x, state=None, lengths=None):
    """As gru.forward."""
    sizes = boundary.params("gru", params, W_x="3H D", U_h="3H H", b_x="3H", b_h="3H")
    D, H, dtype = sizes["D"], sizes["H"], params["U_h"].dtype
    x, lengths = sequence.checked(x, lengths, D, dtype)
    x = layout.columns(x)
    T, _, B = x.shape

    slots = sequence.slots("state", state, T, H, B, dtype)
    h_prev, h = slots[:-1], slots[1:]
    gate, u_n = np.empty((T, 3 * H, B), dtype), np.empty((T, H, B), dtype)

    W_x, U_h, b = params["W_x"].copy(), params["U_h"].copy(), params["b_x"].copy()
    b[:2 * H] += params["b_h"][:2 * H]
    one, half = np.array(1, dtype), np.array(0.5, dtype)  # of a plain number NumPy makes one at every step
    for weights in (W_x, U_h, b):
        weights[:2 * H] *= half  # σ(a) = (1 + tanh(a/2)) / 2
    b_n = np.repeat(params["b_h"][2 * H:, None], B, axis=1)
    u = np.empty((3 * H, B), dtype)
    u_rz, u_n_t = u[:2 * H], u[2 * H:]

    np.matmul(W_x, x, out=gate)  # what the inputs add, for all steps at once
    gate += b[:, None]
    rzn = gate.reshape(T, 3, H, B).swapaxes(0, 1)
    for sigma, r, z, n, u_n_kept, h_prev_t, h_t in zip(gate[:, :2 * H], *rzn, u_n, h_prev, h):  # views to be filled
        U_h.dot(h_prev_t, out=u)
        sigma += u_rz
        np.tanh(sigma, out=sigma)
        sigma += one
        sigma *= half  # r_t and z_t
        np.add(u_n_t, b_n, out=u_n_kept)
        n += r * u_n_kept
        np.tanh(n, out=n)  # n_t
        np.subtract(h_prev_t, n, out=h_t)
        h_t *= z
        h_t += n  # h_t = n_t + z_t ⊙ (h_{t-1} - n_t)
    return layout.rows(h, lengths), sequence.final(slots, lengths), (params, x, lengths, slots, gate, u_n)


def backward(cache, dh, dstate=None):
    """As gru.backward, with its (B1) to (B10)."""
    params, x, lengths, slots, gate, u_n = boundary.cache("fast.gru", cache, parts=6, has="b_x")
    (T, H, B), h_prev = u_n.shape, slots[:-1]
    dslots = sequence.from_outside(dh, dstate, lengths, slots)  # (B1) from outside
    da, du = np.empty_like(gate), np.empty_like(gate)
    dh_prev, dh_slots = dslots[:-1], dslots[1:]  # the mirror of h_prev and h
    r, z, n = gate.reshape(T, 3, H, B).swapaxes(0, 1)
    da_r, da_z, da_n = da.reshape(T, 3, H, B).swapaxes(0, 1)

    # What does not depend on the loss is done for all steps at once: all but dh_t.
    np.multiply(1 - z, 1 - n * n, out=da_n)  # (B2)
    np.multiply(h_prev - n, z * (1 - z), out=da_z)  # (B3)
    np.multiply(da_n * u_n, r * (1 - r), out=da_r)  # (B4)
    du[:] = da
    du[:, 2 * H:] *= r  # (B5)
    steps = zip(*(a[::-1] for a in (du.reshape(T, 3, H, B), du, z, dh_slots, dh_prev)))  # from the last to the first
    for du_rzn_t, du_t, z_t, dh_t, dh_prev_t in steps:
        du_rzn_t *= dh_t  # (B2) to (B5), now whole
        dh_prev_t += params["U_h"].T @ du_t + dh_t * z_t  # (B1)
    da.reshape(T, 3, H, B)[:] *= dh_slots[:, None]  # (B2) to (B4), now that every dh_t is known
    grads = {"W_x": layout.joined(da) @ layout.joined(x).T,  # (B9)
             "U_h": layout.joined(du) @ layout.joined(h_prev).T,  # (B10)
             "b_x": da.sum(axis=(0, 2)), "b_h": du.sum(axis=(0, 2))}  # (B9) (B10)
    dx = (params["W_x"].T @ da).transpose(2, 0, 1)  # (B8)
    return grads, dx, dslots[0].T.copy()
