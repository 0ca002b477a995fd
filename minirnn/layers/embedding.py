"""The embedding: each token id picks its row of a table.

    x = W[id]

Read backwards, each row gathers the gradients of all places where its id stood; an id that repeats adds up.
"""

import numpy as np

from .. import boundary

takes = ()  # see layer.py


def init(rng, V, D, dtype=np.float32):
    """A row from N(0, 1) for each of V ids: {"W": (V, D)}."""
    rng, V, D = boundary.init(rng, dtype, V=V, D=D)
    return {"W": rng.standard_normal((V, D)).astype(dtype)}


def forward(params, ids):
    """ids (B, T), or of any shape, in 0..V-1, to x (B, T, D), and a cache.

    >>> x, cache = forward({"W": np.array([[1.0, 2.0], [3.0, 4.0]])}, np.array([[1, 0, 1]]))
    >>> x.tolist()
    [[[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]]
    >>> grads, _ = backward(cache, np.ones((1, 3, 2)))
    >>> grads["W"].tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """
    sizes = boundary.params("embedding", params, W="V D")
    ids = boundary.integers("ids", ids, 0, sizes["V"] - 1, "rows of the table; padding may be any of them")
    return params["W"][ids], (params, ids)


def backward(cache, dx):
    """dx (B, T, D) to grads, and None: a whole number has no gradient.

        (B1)  dW[v] = Σ dx over all places where ids = v
    """
    params, ids = boundary.cache("embedding", cache, parts=2, has="W")
    W = params["W"]
    dW = np.zeros_like(W)
    np.add.at(dW, ids, boundary.gradient("dx", dx, (*ids.shape, W.shape[1]), W.dtype))  # (B1)
    return {"W": dW}, None
