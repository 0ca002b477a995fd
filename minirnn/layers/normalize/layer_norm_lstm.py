"""The LSTM with layer normalization inside its recurrence, so that its sums keep their scale however long it runs.

    a_t = LN(W_x x_t; γ_x, b) + LN(U_h h_{t-1}; γ_h, 0)        cut into a_i, a_f, a_g, a_o, as in lstm.py
    i_t = σ(a_i),    f_t = σ(a_f),    c̃_t = tanh(a_g),    o_t = σ(a_o)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t
    h_t = o_t ⊙ tanh(LN(c_t; γ_c, β_c))

LN(·; γ, β) is layer_norm.py with these parameters, over all 4H numbers of a_t and over the H of c_t.

Source: Ba, Kiros and Hinton 2016, equations 20 to 22.
"""

import numpy as np

from ... import boundary
from ...activations import sigmoid
from .. import lstm, sequence
from . import layer_norm

takes = "state", "lengths"  # what a composition passes on to forward, see layer.py


def init(rng, D, H, dtype=np.float32):
    """{"W_x": (4H, D), "U_h": (4H, H), "b": (4H,)} as for the LSTM, γ one ("gamma_x" and "gamma_h": (4H,), "gamma_c":
    (H,)), "beta_c" (H,) zero."""
    params = lstm.init(rng, D, H, dtype=dtype)
    return params | {"gamma_x": np.ones(4 * H, dtype), "gamma_h": np.ones(4 * H, dtype),
                     "gamma_c": np.ones(H, dtype), "beta_c": np.zeros(H, dtype)}


def forward(params, x, state=None, lengths=None):
    """As lstm.forward: x (B, T, D), state ((B, H), (B, H)) and lengths (B,) to h (B, T, H), the state, a cache."""
    sizes = boundary.params("layer_norm_lstm", params, W_x="4H D", U_h="4H H", b="4H", gamma_x="4H", gamma_h="4H",
                            gamma_c="H", beta_c="H")
    W_x, U_h = params["W_x"], params["U_h"]
    x, lengths = sequence.inputs(x, lengths, sizes["D"], U_h.dtype)  # x becomes (T, D, B): each x[t] is (D, B)
    h_init, c_init = boundary.pair("state", state, "(h, c)")
    (T, _, B), H = x.shape, sizes["H"]

    h_slots = sequence.slots("state h", h_init, T, H, B, U_h.dtype)  # (T+1, H, B): slot 0 is the initial state
    c_slots = sequence.slots("state c", c_init, T, H, B, U_h.dtype)
    h_prev, h = h_slots[:-1], h_slots[1:]  # two views of one memory, a step apart: h_prev[t] is h_{t-1}
    c_prev, c = c_slots[:-1], c_slots[1:]
    i, f, g, o, n = np.empty((5, T, H, B), U_h.dtype)  # g is c̃, n is LN(c)
    norm_x, norm_h, norm_c = {}, {}, {}  # the caches of LN, by step

    for t in range(T):  # past a length too: below, `rows` makes those h zero, `final` takes the state at the length
        a_x, norm_x[t] = _normalize(W_x @ x[t], params["gamma_x"], params["b"])
        a_h, norm_h[t] = _normalize(U_h @ h_prev[t], params["gamma_h"], np.zeros_like(params["b"]))
        a_i, a_f, a_g, a_o = np.split(a_x + a_h, 4)
        i[t] = sigmoid(a_i)
        f[t] = sigmoid(a_f)
        g[t] = np.tanh(a_g)
        o[t] = sigmoid(a_o)
        c[t] = f[t] * c_prev[t] + i[t] * g[t]
        n[t], norm_c[t] = _normalize(c[t], params["gamma_c"], params["beta_c"])
        h[t] = o[t] * np.tanh(n[t])

    state = sequence.final(h_slots, lengths), sequence.final(c_slots, lengths)
    kept = i, f, g, o, n, norm_x, norm_h, norm_c
    return sequence.rows(h, lengths), state, (params, x, lengths, h_slots, c_slots, kept)


def backward(cache, dh, dstate=None):
    """As lstm.backward: dh (B, T, H) and dstate to grads, dx, and the gradients of the initial state.

    n_t is LN(c_t), and LNᵀ is the backward of LN at that place, see layer_norm.py, which gives the gradients of γ and β
    too.

        (B1)  dh_t = dh_t from outside + U_hᵀ LNᵀ(da_{t+1})
        (B2)  dn_t = dh_t ⊙ o_t ⊙ (1 - tanh²(n_t))
        (B3)  dc_t = dc_{t+1} ⊙ f_{t+1} + LNᵀ(dn_t)
        (B4)  da_i = dc_t ⊙ c̃_t ⊙ i_t (1 - i_t)
        (B5)  da_f = dc_t ⊙ c_{t-1} ⊙ f_t (1 - f_t)
        (B6)  da_g = dc_t ⊙ i_t ⊙ (1 - c̃_t²)                  g is c̃
        (B7)  da_o = dh_t ⊙ tanh(n_t) ⊙ o_t (1 - o_t)
        (B8)  dv_t = LNᵀ(da_t),    du_t = LNᵀ(da_t)            v_t = W_x x_t, u_t = U_h h_{t-1}, each with its own LN
        (B9)  dx_t = W_xᵀ dv_t
        (B10) dW_x = Σ_t dv_t x_tᵀ,    dU_h = Σ_t du_t h_{t-1}ᵀ
    """
    params, x, lengths, h_slots, c_slots, kept = boundary.cache("layer_norm_lstm", cache, parts=6, has="gamma_x")
    i, f, g, o, n, norm_x, norm_h, norm_c = kept
    W_x, U_h = params["W_x"], params["U_h"]
    h_prev, c_prev = h_slots[:-1], c_slots[:-1]
    dh_final, dc_final = boundary.pair("dstate", dstate, "(dh, dc)")
    dh_slots = sequence.from_outside(dh, dh_final, lengths, h_slots, "h")  # (B1) from outside: dh, dstate at the end
    dc_slots = sequence.from_outside(None, dc_final, lengths, c_slots, "c")  # of c, the final state only
    dh_prev, dh = dh_slots[:-1], dh_slots[1:]
    dc_prev, dc = dc_slots[:-1], dc_slots[1:]
    grads = {name: np.zeros_like(p) for name, p in params.items()}
    dx = np.empty_like(x)  # (T, D, B), as x is in the cache

    for t in reversed(range(len(x))):
        # dh[t] and dc[t] hold what comes from outside and, as step t+1 is done, what comes from there.
        tanh_n = np.tanh(n[t])
        dn = dh[t] * o[t] * (1 - tanh_n**2)  # (B2)
        dc[t] += _normalize_backward(norm_c[t], dn, grads, "gamma_c", "beta_c")  # (B3): dc[t] is now complete
        da_i = dc[t] * g[t] * i[t] * (1 - i[t])  # (B4)
        da_f = dc[t] * c_prev[t] * f[t] * (1 - f[t])  # (B5)
        da_g = dc[t] * i[t] * (1 - g[t]**2)  # (B6)
        da_o = dh[t] * tanh_n * o[t] * (1 - o[t])  # (B7)
        da = np.concatenate([da_i, da_f, da_g, da_o])  # the mirror of np.split
        dv = _normalize_backward(norm_x[t], da, grads, "gamma_x", "b")  # (B8)
        du = _normalize_backward(norm_h[t], da, grads, "gamma_h")  # (B8): its β is the constant 0
        dc_prev[t] += dc[t] * f[t]  # (B3) to c_{t-1}
        dh_prev[t] += U_h.T @ du  # (B1) to h_{t-1}
        dx[t] = W_x.T @ dv  # (B9)
        grads["W_x"] += dv @ x[t].T  # (B10)
        grads["U_h"] += du @ h_prev[t].T  # (B10)

    return grads, sequence.rows(dx), (dh_slots[0].T.copy(), dc_slots[0].T.copy())


def _normalize(a, gamma, beta):
    """layer_norm.forward of columns: it normalizes the last axis, so they lie down for it and stand up again."""
    y, cache = layer_norm.forward({"gamma": gamma, "beta": beta}, a.T)
    return y.T, cache


def _normalize_backward(cache, dy, grads, gamma, beta=None):
    """The mirror of _normalize: returns da, and adds the gradients of γ and β to those of these names."""
    d, da = layer_norm.backward(cache, dy.T)
    grads[gamma] += d["gamma"]
    if beta:
        grads[beta] += d["beta"]
    return da.T
