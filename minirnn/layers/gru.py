"""The gated recurrent unit: two gates and no cell, in the form that PyTorch uses.

    v_t = [v_r; v_z; v_n] = W_x x_t + b_x      from the input
    u_t = [u_r; u_z; u_n] = U_h h_{t-1} + b_h  from the state
    r_t = σ(v_r + u_r)                         reset gate: does the candidate see the old state?
    z_t = σ(v_z + u_z)                         update gate: is the old state kept?
    n_t = tanh(v_n + r_t ⊙ u_n)                candidate
    h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}      hidden state

The reset gate multiplies u_n, which is why u_n has a bias apart from that of v_n. In the two gates the two biases only
add up. The article does not name the GRU. Source: Cho et al. 2014. They let r_t multiply h_{t-1} before the product
with U_n. This form is PyTorch's. How sequences and states lie in memory: sequence.py, whose first lines say it.
"""

import numpy as np

from .. import boundary
from ..activations import sigmoid
from . import sequence

takes = "state", "lengths"  # what a composition passes on to forward, see layer.py


def init(rng, D, H, dtype=np.float32):
    """Weights uniform in ±1/√H, biases zero: {"W_x": (3H, D), "U_h": (3H, H), "b_x": (3H,), "b_h": (3H,)}."""
    rng, D, H = boundary.init(rng, dtype, D=D, H=H)
    uniform = lambda *shape: (rng.uniform(-1, 1, shape) / np.sqrt(H)).astype(dtype)
    return {"W_x": uniform(3 * H, D), "U_h": uniform(3 * H, H), "b_x": np.zeros(3 * H, dtype),
            "b_h": np.zeros(3 * H, dtype)}


def forward(params, x, state=None, lengths=None):
    """Run the GRU over a batch of sequences.

    x        (B, T, D)  inputs
    state    (B, H)     h before the first step; None is zero
    lengths  (B,)       how many steps of each sequence are real; None is all T
    returns  h (B, T, H), zero beyond each length; the state after each sequence's last step (B, H); a cache
    errors   ValueError or TypeError for a wrong shape, dtype or length, or a number that is not finite

    >>> params = init(np.random.default_rng(0), D=2, H=3)
    >>> h, state, cache = forward(params, np.ones((4, 5, 2), np.float32))
    >>> h.shape, state.shape, bool((h[:, -1] == state).all())
    ((4, 5, 3), (4, 3), True)
    """
    sizes = boundary.params("gru", params, W_x="3H D", U_h="3H H", b_x="3H", b_h="3H")  # checks them, finds D and H
    W_x, U_h, b_x, b_h = params["W_x"], params["U_h"], params["b_x"][:, None], params["b_h"][:, None]  # b: columns
    x, lengths = sequence.inputs(x, lengths, sizes["D"], U_h.dtype)  # x becomes (T, D, B): each x[t] is (D, B)
    (T, _, B), H = x.shape, sizes["H"]

    h_slots = sequence.slots("state", state, T, H, B, U_h.dtype)  # (T+1, H, B): slot 0 is the initial state
    h_prev, h = h_slots[:-1], h_slots[1:]  # two views of one memory, a step apart: h_prev[t] is h_{t-1}
    r, z, n = np.empty((3, T, H, B), U_h.dtype)
    u = np.empty((T, 3 * H, B), U_h.dtype)  # kept for every step: (B4) of backward needs u_n

    for t in range(T):  # past a length too: below, `rows` makes those h zero, `final` takes the state at the length
        v = W_x @ x[t] + b_x
        u[t] = U_h @ h_prev[t] + b_h
        v_r, v_z, v_n = np.split(v, 3)
        u_r, u_z, u_n = np.split(u[t], 3)
        r[t] = sigmoid(v_r + u_r)
        z[t] = sigmoid(v_z + u_z)
        n[t] = np.tanh(v_n + r[t] * u_n)
        h[t] = (1 - z[t]) * n[t] + z[t] * h_prev[t]

    return sequence.rows(h, lengths), sequence.final(h_slots, lengths), (params, x, lengths, h_slots, r, z, n, u)


def backward(cache, dh, dstate=None):
    """Backpropagation through time: the lines of forward from the last to the first.

    dh       (B, T, H)  dLoss/dh from outside, at every step; None is zero
    dstate   (B, H)     dLoss/d(final state); None is zero
    returns  grads like params, dx (B, T, D), the gradient of the initial state (B, H)

    da_r, da_z, da_n are the gradients of the arguments v_r + u_r, v_z + u_z and v_n + r_t ⊙ u_n. h_t is used outside
    and, by step t+1, in u_{t+1} and in z_{t+1} ⊙ h_t. So its gradient is a sum of three:

        (B1)  dh_t = from outside + U_hᵀ du_{t+1} + dh_{t+1} ⊙ z_{t+1}     dh_{t-1} += dh_t ⊙ z_t, dh_{t-1} += U_hᵀ du_t
        (B2)  da_n = dh_t ⊙ (1 - z_t) ⊙ (1 - n_t²)
        (B3)  da_z = dh_t ⊙ (h_{t-1} - n_t) ⊙ z_t (1 - z_t)
        (B4)  da_r = da_n ⊙ u_n ⊙ r_t (1 - r_t)
        (B5)  du_n = da_n ⊙ r_t
        (B6)  dv_t = [da_r; da_z; da_n]
        (B7)  du_t = [da_r; da_z; du_n]
        (B8)  dx_t = W_xᵀ dv_t
        (B9)  dW_x = Σ_t dv_t x_tᵀ,          db_x = Σ_t dv_t
        (B10) dU_h = Σ_t du_t h_{t-1}ᵀ,      db_h = Σ_t du_t

    At the right of (B1) stand the same terms as the loop adds them: step t adds to the sum of step t-1. The sums over t
    run over the batch too.

    From outside comes dh, and dstate where a sequence ends. After its end nothing comes, so padding adds nothing.
    Before the first step, in slot 0, stands the gradient of the initial state. Where z is near 1 the last term of (B1)
    carries the gradient back nearly unchanged, as the LSTM's forget gate does.
    """
    params, x, lengths, h_slots, r, z, n, u = boundary.cache("gru", cache, parts=8, has="b_x")
    W_x, U_h = params["W_x"], params["U_h"]
    h_prev = h_slots[:-1]
    dh_slots = sequence.from_outside(dh, dstate, lengths, h_slots)  # (B1) from outside: dh, dstate at the end
    dh_prev, dh = dh_slots[:-1], dh_slots[1:]  # as h_prev and h in forward: dh_prev[t] is dh[t-1]
    dW_x, dU_h, db_x, db_h = (np.zeros_like(params[name]) for name in ("W_x", "U_h", "b_x", "b_h"))
    dx = np.empty_like(x)  # (T, D, B), as x is in the cache

    for t in reversed(range(len(x))):
        # dh[t] is complete: step t+1 has added its two terms to what comes from outside.
        _, _, u_n = np.split(u[t], 3)
        da_n = dh[t] * (1 - z[t]) * (1 - n[t]**2)  # (B2)
        da_z = dh[t] * (h_prev[t] - n[t]) * z[t] * (1 - z[t])  # (B3)
        da_r = da_n * u_n * r[t] * (1 - r[t])  # (B4)
        du_n = da_n * r[t]  # (B5)
        dv = np.concatenate([da_r, da_z, da_n])  # (B6): the mirror of np.split
        du = np.concatenate([da_r, da_z, du_n])  # (B7): likewise
        dh_prev[t] += dh[t] * z[t]  # (B1) from step t to h_{t-1}: no matrix on this path
        dh_prev[t] += U_h.T @ du  # (B1) from step t to h_{t-1}, through u_t
        dx[t] = W_x.T @ dv  # (B8)
        dW_x += dv @ x[t].T  # (B9): the product sums over the batch
        db_x += dv.sum(axis=1)  # (B9): axis 1 is the batch
        dU_h += du @ h_prev[t].T  # (B10)
        db_h += du.sum(axis=1)  # (B10)

    # Beyond a sequence's length dv is zero, and so is dx.
    return {"W_x": dW_x, "U_h": dU_h, "b_x": db_x, "b_h": db_h}, sequence.rows(dx), dh_slots[0].T.copy()
