"""The gated recurrent unit: two gates and no cell, in the form that PyTorch uses.

    r_t = σ(W_xr x_t + b_xr + U_r h_{t-1} + b_hr)             reset gate: does the candidate see the old state?
    z_t = σ(W_xz x_t + b_xz + U_z h_{t-1} + b_hz)             update gate: is the old state kept?
    n_t = tanh(W_xn x_t + b_xn + r_t ⊙ (U_n h_{t-1} + b_hn))  candidate
    h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}                     hidden state

The reset gate is applied after the recurrent product, so U_n h_{t-1} + b_hn has a bias of its own; the other two gates
could do with one. The article does not name the GRU. Source: Cho et al. 2014, who apply the reset gate before the
product.

The weights of the three lie one under the other, in the order r, z, n: W_x = [W_xr; W_xz; W_xn], and so U_h and the two
biases.
"""

import numpy as np

from .. import boundary
from ..activations import sigmoid
from . import sequence

takes = "state", "lengths"  # what a composition passes on to forward, see layer.py


def init(rng, D, H, dtype=np.float32):
    """Weights uniform in ±1/√H, biases zero: {"W_x": (3H, D), "U_h": (3H, H), "b_x": (3H,), "b_h": (3H,)}."""
    D, H = boundary.size("D", D), boundary.size("H", H)
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
    sizes = boundary.params("gru", params, W_x="3H D", U_h="3H H", b_x="3H", b_h="3H")
    W_x, U_h, b_x, b_h = params["W_x"], params["U_h"], params["b_x"][:, None], params["b_h"][:, None]  # columns
    x, lengths = sequence.inputs(x, lengths, sizes["D"], U_h.dtype)  # x[t] is (D, B): one column a sequence
    (T, D, B), H = x.shape, sizes["H"]

    h_slots = sequence.slots("state", state, T, H, B, U_h.dtype)  # slot 0 is the initial state
    h_prev, h = h_slots[:-1], h_slots[1:]  # two views of one memory, a step apart: h_prev[t] is h_{t-1}
    r, z, n = np.empty((3, T, H, B), U_h.dtype)
    u = np.empty((T, 3 * H, B), U_h.dtype)

    for t in range(T):
        v = W_x @ x[t] + b_x  # from the input
        u[t] = U_h @ h_prev[t] + b_h  # from the state
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

    da_r is the gradient of the argument of r's σ, and so on. u_t = U_h h_{t-1} + b_h, whose part u_n reaches n_t only
    through r_t. h_t is used outside and, by step t+1, in u_{t+1} and in z_{t+1} ⊙ h_t. So its gradient is a sum of
    three.

        (B1)  dh_t = dh_t from outside + U_hᵀ du_{t+1} + dh_{t+1} ⊙ z_{t+1}
        (B2)  da_n = dh_t ⊙ (1 - z_t) ⊙ (1 - n_t²)
        (B3)  da_z = dh_t ⊙ (h_{t-1} - n_t) ⊙ z_t (1 - z_t)
        (B4)  da_r = da_n ⊙ u_n ⊙ r_t (1 - r_t)
        (B5)  du_n = da_n ⊙ r_t                                    and du_r = da_r, du_z = da_z
        (B6)  dx_t = W_xᵀ da_t                                     da_t = [da_r; da_z; da_n], du_t = [da_r; da_z; du_n]
        (B7)  dW_x = Σ_t da_t x_tᵀ,          db_x = Σ_t da_t
        (B8)  dU_h = Σ_t du_t h_{t-1}ᵀ,      db_h = Σ_t du_t

    From outside nothing comes beyond a length, so padding adds nothing. Where z is near 1 the last term of (B1) carries
    the gradient back unchanged, as the LSTM's forget gate does.
    """
    params, x, lengths, h_slots, r, z, n, u = cache
    W_x, U_h = params["W_x"], params["U_h"]
    h_prev = h_slots[:-1]
    dh_slots = sequence.from_outside("", dh, dstate, lengths, h_slots)  # (B1) from outside, for all steps
    dh_prev, dh = dh_slots[:-1], dh_slots[1:]
    dW_x, dU_h, db_x, db_h = (np.zeros_like(params[name]) for name in ("W_x", "U_h", "b_x", "b_h"))
    dx = np.empty_like(x)

    for t in reversed(range(len(x))):
        # dh[t] is complete: what comes from outside, and, as step t+1 is done, what comes from there.
        _, _, u_n = np.split(u[t], 3)
        da_n = dh[t] * (1 - z[t]) * (1 - n[t]**2)  # (B2)
        da_z = dh[t] * (h_prev[t] - n[t]) * z[t] * (1 - z[t])  # (B3)
        da_r = da_n * u_n * r[t] * (1 - r[t])  # (B4)
        du_n = da_n * r[t]  # (B5)
        da = np.concatenate([da_r, da_z, da_n])  # the mirrors of np.split
        du = np.concatenate([da_r, da_z, du_n])
        dh_prev[t] += dh[t] * z[t]  # (B1) to h_{t-1}: no matrix on this path
        dh_prev[t] += U_h.T @ du  # (B1) to h_{t-1}, through the gates and the candidate
        dx[t] = W_x.T @ da  # (B6)
        dW_x += da @ x[t].T  # (B7): the product also sums over the batch
        db_x += da.sum(axis=1)  # (B7)
        dU_h += du @ h_prev[t].T  # (B8)
        db_h += du.sum(axis=1)  # (B8)

    return {"W_x": dW_x, "U_h": dU_h, "b_x": db_x, "b_h": db_h}, sequence.rows(dx), dh_slots[0].T.copy()
