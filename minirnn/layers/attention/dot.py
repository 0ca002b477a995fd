"""Dot-product attention: a key fits a query as far as they point the same way.

    score(q_i, k_j) = q_i · k_j / √D        scaled, or without the √D plain

Of two vectors of D independent numbers of variance 1 the product has variance D: without the √D the softmax of wide
vectors puts all weight on one key, and its gradient vanishes. It has no parameters.

Source: Luong et al. 2015 (plain), Vaswani et al. 2017 (scaled).
"""

import math

import numpy as np

from ... import boundary
from .weights import inputs, weigh, weigh_backward

takes = ("lengths",)  # see layer.py


def init(rng, dtype=np.float32):
    """It has no parameters."""
    return {}


def forward(params, q, k, v, lengths=None, causal=False, scaled=True):
    """q (B, Tq, D), k (B, T, D), v (B, T, Dv) to context (B, Tq, Dv), weights (B, Tq, T), and a cache.

    >>> keys = np.array([[[8.0, 0.0], [0.0, 8.0]]])
    >>> context, weights, _ = forward({}, keys[:, :1], keys, values := np.array([[[1.0], [2.0]]]))
    >>> weights.round(3).tolist(), context.round(3).tolist()
    ([[[1.0, 0.0]]], [[[1.0]]])
    """
    q = boundary.real("q", q)
    q, k, v = inputs(q, k, v, q.dtype, D_k=q.shape[-1])
    scale = 1 / math.sqrt(max(1, q.shape[2])) if scaled else 1.0
    weights = weigh(scale * (q @ k.swapaxes(1, 2)), lengths, causal)
    return weights @ v, weights.copy(), (q, k, v, weights, scale)


def backward(cache, dcontext, dweights=None):
    """dcontext (B, Tq, Dv), and dweights (B, Tq, T) or None, to no grads, dq, dk and dv.

        (B1)  dw      = dcontext vᵀ + dw from outside
        (B2)  dv      = wᵀ dcontext
        (B3)  dscores = the softmax's backward of dw, see weights.py
        (B4)  dq      = dscores k / √D
        (B5)  dk      = dscoresᵀ q / √D
    """
    q, k, v, weights, scale = boundary.cache("dot", cache, parts=5, first=np.ndarray)
    dcontext = boundary.gradient("dcontext", dcontext, (*q.shape[:2], v.shape[2]), q.dtype)
    dw = dcontext @ v.swapaxes(1, 2)  # (B1)
    if dweights is not None:
        dw += boundary.gradient("dweights", dweights, weights.shape, q.dtype)  # (B1) from outside
    dv = weights.swapaxes(1, 2) @ dcontext  # (B2)
    dscores = scale * weigh_backward(weights, dw)  # (B3)
    return {}, dscores @ k, dscores.swapaxes(1, 2) @ q, dv  # (B4) (B5)
