"""The gated recurrent unit: two gates and no cell, in the form that PyTorch uses.

    r_t = σ(W_xr x_t + b_xr + U_r h_{t-1} + b_hr)            reset gate: does the candidate see the old state?
    z_t = σ(W_xz x_t + b_xz + U_z h_{t-1} + b_hz)            update gate: is the old state kept?
    n_t = tanh(W_xn x_t + b_xn + r_t ⊙ (U_n h_{t-1} + b_hn))  candidate
    h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}                    hidden state

The reset gate is applied after the recurrent product, so U_n h_{t-1} + b_hn, below u_n, has a bias of its own; the
other two gates could do with one. The article does not name the GRU. Source: Cho et al. 2014, who apply the reset gate
before the product.

The three weight blocks lie on top of each other in the order r, z, n.
"""

import numpy as np

from .. import boundary
from . import sequence


def init(rng, D, H, dtype=np.float32):
    """Weights uniform in ±1/√H, biases zero: {"W_x": (3H, D), "U_h": (3H, H), "b_x": (3H,), "b_h": (3H,)}."""
    D, H = boundary.size("D", D), boundary.size("H", H)
    uniform = lambda *shape: (rng.uniform(-1, 1, shape) / np.sqrt(H)).astype(dtype)
    return {"W_x": uniform(3 * H, D), "U_h": uniform(3 * H, H), "b_x": np.zeros(3 * H, dtype),
            "b_h": np.zeros(3 * H, dtype)}


def forward(params, x, state=None, lengths=None, out=None):
    """Run the GRU over a batch of sequences.

    x        (B, T, D)  inputs
    state    (B, H)     h before the first step; None is zero
    lengths  (B,)       how many steps of each sequence are real; None is all T
    out      a cache    of an earlier pass, needed no more, whose memory is used again
    returns  h (B, T, H), zero beyond each length; the state after each sequence's last step (B, H); a cache
    errors   ValueError or TypeError for a wrong shape, dtype or length, or a number that is not finite

    >>> params = init(np.random.default_rng(0), D=2, H=3)
    >>> h, state, cache = forward(params, np.ones((4, 5, 2), np.float32))
    >>> h.shape, state.shape, bool((h[:, -1] == state).all())
    ((4, 5, 3), (4, 3), True)
    """
    sizes = boundary.params("gru", params, W_x="3H D", U_h="3H H", b_x="3H", b_h="3H")
    D, H, dtype = sizes["D"], sizes["H"], params["U_h"].dtype
    x, lengths = sequence.inputs(x, lengths, D, dtype)
    B, T, _ = x.shape

    states, blocks = (T + 1, H, B), (T, 3 * H, B)
    buffers = sequence.buffers(out, dtype, states, blocks, (T, H, B), states, blocks, blocks)
    slots, gate, u_n, *_ = buffers  # the last three are for backward
    h_prev, h = slots[:-1], slots[1:]  # the same memory, one step apart
    slots[0] = sequence.initial("state", state, B, H, dtype)

    W_x, U_h, b = params["W_x"].copy(), params["U_h"].copy(), params["b_x"].copy()
    b[:2 * H] += params["b_h"][:2 * H]
    one, half = np.array(1, dtype), np.array(0.5, dtype)  # for speed: of a plain number NumPy makes one at every step
    for weights in (W_x, U_h, b):
        weights[:2 * H] *= half  # σ(a) = (1 + tanh(a/2)) / 2
    b_n = np.repeat(params["b_h"][2 * H:, None], B, axis=1)
    u = np.empty((3 * H, B), dtype)
    u_rz, u_n_t = u[:2 * H], u[2 * H:]

    np.matmul(W_x, sequence.columns(x), out=gate)  # what the inputs add, for all steps at once
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
    return sequence.rows(h, lengths), sequence.final(slots, lengths), (params, x, lengths, buffers)


def backward(cache, dh, dstate=None):
    """Backpropagation through time.

    dh       (B, T, H)  dLoss/dh from outside, at every step; None is zero
    dstate   (B, H)     dLoss/d(final state); None is zero
    returns  grads like params, dx (B, T, D), the gradient of the initial state (B, H)

    With a for the argument of a σ or tanh, and u = U_h h_{t-1} + b_h, which reaches n_t only through r_t:

        (B1)  dh_t   = dh_t from outside + dh_t from step t+1
        (B2)  da_n   = dh_t ⊙ (1 - z_t) ⊙ (1 - n_t²)
        (B3)  da_z   = dh_t ⊙ (h_{t-1} - n_t) ⊙ z_t (1 - z_t)
        (B4)  da_r   = da_n ⊙ u_n ⊙ r_t (1 - r_t)
        (B5)  du     = [da_r; da_z; da_n ⊙ r_t]
        (B6)  dh_{t-1} from step t = U_hᵀ du + dh_t ⊙ z_t          through the gates, and straight through z_t ⊙ h_{t-1}
        (B7)  dW_x   = Σ_t da_t x_tᵀ,        db_x = Σ_t da_t
        (B8)  dU_h   = Σ_t du_t h_{t-1}ᵀ,    db_h = Σ_t du_t
        (B9)  dx_t   = W_xᵀ da_t

    Where z is near 1 the second term of (B6) carries the gradient back unchanged, as the LSTM's forget gate does.
    """
    params, x, lengths, (slots, gate, u_n, dslots, da, du) = cache
    (T, H, B), h_prev = u_n.shape, slots[:-1]
    dh_prev, dh_slots = dslots[:-1], dslots[1:]  # the mirror of h_prev and h
    r, z, n = gate.reshape(T, 3, H, B).swapaxes(0, 1)
    da_r, da_z, da_n = da.reshape(T, 3, H, B).swapaxes(0, 1)

    # For speed, what does not depend on the loss is done for all steps at once: all but dh_t.
    np.multiply(1 - z, 1 - n * n, out=da_n)  # (B2)
    np.multiply(h_prev - n, z * (1 - z), out=da_z)  # (B3)
    np.multiply(da_n * u_n, r * (1 - r), out=da_r)  # (B4)
    du[:] = da
    du[:, 2 * H:] *= r  # (B5)
    sequence.arrive(dslots, dh, dstate, lengths)  # (B1) from outside
    steps = zip(*(a[::-1] for a in (du.reshape(T, 3, H, B), du, z, dh_slots, dh_prev)))  # from the last to the first
    for du_rzn_t, du_t, z_t, dh_t, dh_prev_t in steps:
        du_rzn_t *= dh_t  # (B2) to (B5), now whole
        dh_prev_t += params["U_h"].T @ du_t + dh_t * z_t  # (B6), (B1)
    da.reshape(T, 3, H, B)[:] *= dh_slots[:, None]  # (B2) to (B4), now that every dh_t is known
    grads = {"W_x": np.tensordot(da, x, ([0, 2], [1, 0])),  # (B7)
             "U_h": np.tensordot(du, h_prev, ([0, 2], [0, 2])),  # (B8)
             "b_x": da.sum(axis=(0, 2)), "b_h": du.sum(axis=(0, 2))}  # (B7) (B8)
    dx = (params["W_x"].T @ da).transpose(2, 0, 1)  # (B9)
    return grads, dx, dslots[0].T.copy()
