"""The LSTM with layer normalization inside its recurrence, so that its sums keep their scale however long it runs.

    a_t = LN(W_x x_t; γ_x, b) + LN(U_h h_{t-1}; γ_h, 0)        cut into a_i, a_f, a_c, a_o, as in lstm.py
    c_t = σ(a_f) ⊙ c_{t-1} + σ(a_i) ⊙ tanh(a_c)
    h_t = σ(a_o) ⊙ tanh(LN(c_t; γ_c, β_c))

LN(·; γ, β) is layer_norm.py with these parameters, over all 4H numbers of a_t and over the H of c_t. It is written to
be read, and takes several times as long as lstm.py.

Source: Ba, Kiros and Hinton 2016, equations 20 to 22.
"""

import numpy as np

from ... import boundary
from ...activations import sigmoid
from .. import lstm, sequence
from . import layer_norm


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
    dtype = params["U_h"].dtype
    x, lengths = sequence.inputs(x, lengths, sizes["D"], dtype)
    h_0, c_0 = boundary.pair("state", state, "(h, c)")
    (B, T, _), H = x.shape, sizes["H"]
    norm_x, norm_h, norm_c = _norms(params)

    h, c = np.empty((T + 1, H, B), dtype), np.empty((T + 1, H, B), dtype)  # slots, see sequence.py
    h[0] = sequence.initial("state h", h_0, B, H, dtype)
    c[0] = sequence.initial("state c", c_0, B, H, dtype)
    from_x, cache_x = layer_norm.forward(norm_x, x @ params["W_x"].T)
    steps = []
    for t in range(T):
        from_h, cache_h = layer_norm.forward(norm_h, h[t].T @ params["U_h"].T)
        i, f, g, o = np.split(from_x[:, t] + from_h, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c[t + 1] = (f * c[t].T + i * g).T
        n, cache_c = layer_norm.forward(norm_c, c[t + 1].T)
        tanh_n = np.tanh(n)
        h[t + 1] = (o * tanh_n).T
        steps.append((i, f, g, o, tanh_n, cache_h, cache_c))
    state = sequence.final(h, lengths), sequence.final(c, lengths)
    return sequence.rows(h[1:], lengths), state, (params, x, lengths, h, c, cache_x, steps)


def backward(cache, dh, dstate=None):
    """As lstm.backward: dh (B, T, H) and dstate to grads, dx, and the gradient of the initial state.

        (B1)  dn     = dh_t ⊙ o ⊙ (1 - tanh²(n))            n = LN(c_t)
        (B2)  dc_t   = dc_t from step t+1 + LN's backward of dn
        (B3)  da_i   = dc_t ⊙ g ⊙ i (1 - i)                  and so on, as in lstm.py with n for c in da_o
        (B4)  du     = LN's backward of da                    u = U_h h_{t-1}
        (B5)  dh_{t-1} += U_hᵀ du,    dU_h += du h_{t-1}ᵀ
        (B6)  dc_{t-1} = dc_t ⊙ f
        (B7)  da reaches W_x x_t through LN's backward too, for all steps at once
    """
    params, x, lengths, h, c, cache_x, steps = cache
    dh_T, dc_T = boundary.pair("dstate", dstate, "(dh, dc)")
    grads = {name: np.zeros_like(p) for name, p in params.items()}
    dh_slots, dc = np.empty_like(h), np.empty_like(c)
    sequence.arrive(dh_slots, dh, dh_T, lengths, "dstate h")
    sequence.arrive(dc, None, dc_T, lengths, "dstate c")
    da = np.empty((*x.shape[:2], len(params["b"])), x.dtype)
    for t in reversed(range(len(steps))):
        (i, f, g, o, tanh_n, cache_h, cache_c), dh_t = steps[t], dh_slots[t + 1].T
        dn_grads, dc_shown = layer_norm.backward(cache_c, dh_t * o * (1 - tanh_n * tanh_n))  # (B1)
        dc_t = dc[t + 1].T + dc_shown  # (B2)
        da[:, t] = np.concatenate([dc_t * g * i * (1 - i), dc_t * c[t].T * f * (1 - f), dc_t * i * (1 - g * g),
                                   dh_t * tanh_n * o * (1 - o)], axis=1)  # (B3)
        du_grads, du = layer_norm.backward(cache_h, da[:, t])  # (B4)
        dh_slots[t] += (du @ params["U_h"]).T  # (B5)
        grads["U_h"] += du.T @ h[t].T  # (B5)
        dc[t] += (dc_t * f).T  # (B6)
        grads["gamma_h"] += du_grads["gamma"]
        grads["gamma_c"] += dn_grads["gamma"]
        grads["beta_c"] += dn_grads["beta"]
    dx_grads, d_from_x = layer_norm.backward(cache_x, da)  # (B7)
    grads["gamma_x"], grads["b"] = dx_grads["gamma"], dx_grads["beta"]
    grads["W_x"] = np.tensordot(d_from_x, x, ([0, 1], [0, 1]))
    return grads, d_from_x @ params["W_x"], (dh_slots[0].T.copy(), dc[0].T.copy())


def _norms(params):
    return ({"gamma": params["gamma_x"], "beta": params["b"]},
            {"gamma": params["gamma_h"], "beta": np.zeros_like(params["b"])},
            {"gamma": params["gamma_c"], "beta": params["beta_c"]})
