"""The read-out: a linear layer applied to the last axis, at every step or to one.

    y = φ(W x + b)

φ is the identity, or with activation="sigmoid" the logistic σ: read over the hidden state, that is the article's
equation 4 as it is printed, o_t = σ(W_oh h_t + b_o). It cannot be the LSTM's output gate, since it reads the very h_t
that the gate is needed for; see lstm.py.
"""

import numpy as np

from .. import boundary
from ..activations import sigmoid

takes = ()  # see layer.py


def init(rng, D, K, dtype=np.float32):
    """Weights uniform in ±1/√D, bias zero: {"W": (K, D), "b": (K,)}."""
    rng, D, K = boundary.init(rng, dtype, D=D, K=K)
    return {"W": (rng.uniform(-1, 1, (K, D)) / np.sqrt(D)).astype(dtype), "b": np.zeros(K, dtype)}


def forward(params, x, activation=None):
    """x (..., D) to y (..., K), and a cache.

    >>> y, cache = forward({"W": np.array([[1.0, 2.0]]), "b": np.array([0.5])}, np.array([[3.0, 4.0]]))
    >>> y
    array([[11.5]])
    """
    sizes = boundary.params("linear", params, W="K D", b="K")
    boundary.one_of("activation", activation, (None, "sigmoid"))
    W, b = params["W"], params["b"]
    x = boundary.array("x", x, (..., sizes["D"]), W.dtype, "the last axis holds the features").copy()
    y = x.reshape(-1, sizes["D"]) @ W.T + b  # the leading axes are one long batch
    if activation:
        y = sigmoid(y)
    return y.reshape(*x.shape[:-1], sizes["K"]).copy(), (params, x, y, activation)


def backward(cache, dy):
    """dy (..., K) to grads and dx (..., D).

        (B1)  da = dy ⊙ y (1 - y)  with σ, dy without
        (B2)  dW = Σ da xᵀ         the sum runs over all leading axes
        (B3)  db = Σ da
        (B4)  dx = Wᵀ da
    """
    params, x, y, activation = boundary.cache("linear", cache, parts=4, has="W")
    da = boundary.gradient("dy", dy, (*x.shape[:-1], y.shape[1]), y.dtype).reshape(y.shape)
    if activation:
        da = da * y * (1 - y)  # (B1)
    grads = {"W": da.T @ x.reshape(-1, x.shape[-1]),  # (B2)
             "b": da.sum(axis=0)}  # (B3)
    return grads, (da @ params["W"]).reshape(x.shape)  # (B4)
