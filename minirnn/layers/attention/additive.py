"""Additive attention: a small network says how well a key fits a query.

    score(q_i, k_j) = v_a · tanh(W_q q_i + W_k k_j)

Queries and keys may have different widths. Each of the Tq · T pairs has A numbers of its own, so it takes more time and
memory than a dot product.

Source: Bahdanau, Cho and Bengio 2015.
"""

import numpy as np

from ... import boundary
from .weights import inputs, weigh, weigh_backward

takes = ("lengths",)  # see layer.py


def init(rng, D_q, D_k=None, A=None, dtype=np.float32):
    """Uniform in ±1/√width: {"W_q": (A, D_q), "W_k": (A, D_k), "v_a": (A,)}; D_k and A are D_q unless given."""
    rng, D_q, D_k, A = boundary.init(rng, dtype, D_q=D_q, D_k=D_q if D_k is None else D_k, A=D_q if A is None else A)
    uniform = lambda *shape: (rng.uniform(-1, 1, shape) / np.sqrt(shape[-1])).astype(dtype)
    return {"W_q": uniform(A, D_q), "W_k": uniform(A, D_k), "v_a": uniform(A)}


def forward(params, q, k, v, lengths=None, causal=False):
    """q (B, Tq, D_q), k (B, T, D_k), v (B, T, Dv) to context (B, Tq, Dv), weights (B, Tq, T), and a cache."""
    sizes = boundary.params("additive", params, W_q="A Q", W_k="A K", v_a="A")
    W_q, W_k, v_a = params["W_q"], params["W_k"], params["v_a"]
    q, k, v = inputs(q, k, v, v_a.dtype, sizes["Q"], sizes["K"])
    e = np.tanh((q @ W_q.T)[:, :, None] + (k @ W_k.T)[:, None])  # (B, Tq, T, A): every query with every key
    weights = weigh(e @ v_a, lengths, causal)
    return weights @ v, weights.copy(), (params, q, k, v, e, weights)


def backward(cache, dcontext, dweights=None):
    """dcontext (B, Tq, Dv), and dweights (B, Tq, T) or None, to grads, dq, dk and dv.

    With e_ij = tanh(a_ij):

        (B1)  dw      = dcontext vᵀ + dw from outside
        (B2)  dv      = wᵀ dcontext
        (B3)  dscores = the softmax's backward of dw, see weights.py
        (B4)  da_ij   = dscore_ij v_a ⊙ (1 - e_ij²)
        (B5)  dv_a    = Σ_ij dscore_ij e_ij
        (B6)  dW_q    = Σ_i (Σ_j da_ij) q_iᵀ,    dq_i = W_qᵀ Σ_j da_ij        a query meets all keys
        (B7)  dW_k    = Σ_j (Σ_i da_ij) k_jᵀ,    dk_j = W_kᵀ Σ_i da_ij        and a key all queries
    """
    params, q, k, v, e, weights = boundary.cache("additive", cache, parts=6, has="v_a")
    dcontext = boundary.gradient("dcontext", dcontext, (*q.shape[:2], v.shape[2]), e.dtype)
    dw = dcontext @ v.swapaxes(1, 2)  # (B1)
    if dweights is not None:
        dw += boundary.gradient("dweights", dweights, weights.shape, e.dtype)  # (B1) from outside
    dv = weights.swapaxes(1, 2) @ dcontext  # (B2)
    dscores = weigh_backward(weights, dw)  # (B3)
    da = dscores[..., None] * params["v_a"] * (1 - e * e)  # (B4)
    da_q, da_k = da.sum(axis=2), da.sum(axis=1)
    grads = {"W_q": np.tensordot(da_q, q, ([0, 1], [0, 1])),  # (B6)
             "W_k": np.tensordot(da_k, k, ([0, 1], [0, 1])),  # (B7)
             "v_a": np.tensordot(dscores, e, 3)}  # (B5)
    return grads, da_q @ params["W_q"], da_k @ params["W_k"], dv  # (B6) (B7)
