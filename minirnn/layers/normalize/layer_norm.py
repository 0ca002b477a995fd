"""Layer normalization: over the features of each step, so neither the batch nor other steps matter.

    x̂ = (x - μ) / √(σ² + ε),    y = γ ⊙ x̂ + β        μ and σ²: mean and variance of the D numbers of x

Source: Ba, Kiros and Hinton 2016.
"""

import numpy as np

from ... import boundary

takes = ()  # see layer.py


def init(rng, D, dtype=np.float32):
    """γ one, β zero: {"gamma": (D,), "beta": (D,)}."""
    D = boundary.size("D", D)
    boundary.floating(dtype)
    return {"gamma": np.ones(D, dtype), "beta": np.zeros(D, dtype)}


def forward(params, x, eps=1e-5):
    """x (..., D) to y of the same shape, and a cache.

    >>> y, _ = forward(init(None, 4), np.array([[1.0, 2.0, 3.0, 4.0]], np.float32))
    >>> y.round(2).tolist() == np.float32([[-1.34, -0.45, 0.45, 1.34]]).tolist()
    True
    """
    boundary.number("eps", eps, 0)
    sizes = boundary.params("layer_norm", params, gamma="D", beta="D")
    x = boundary.array("x", x, (..., sizes["D"]), params["gamma"].dtype, "the last axis holds the features")
    centred = x - x.mean(axis=-1, keepdims=True)
    std = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
    x_hat = centred / std
    return params["gamma"] * x_hat + params["beta"], (params, x_hat, std)


def backward(cache, dy):
    """dy (..., D) to grads and dx.

        (B1)  dγ  = Σ dy ⊙ x̂        the sum runs over all leading axes
        (B2)  dβ  = Σ dy
        (B3)  dx̂  = dy ⊙ γ
        (B4)  dx  = (dx̂ - mean(dx̂) - x̂ mean(dx̂ ⊙ x̂)) / √(σ² + ε)

    In (B4) the means are over the D features: each x also moves μ, which the first mean accounts for, and σ², which the
    second does.
    """
    params, x_hat, std = boundary.cache("layer_norm", cache, parts=3, has="gamma")
    dy = boundary.gradient("dy", dy, x_hat.shape, x_hat.dtype)
    leading = tuple(range(dy.ndim - 1))
    grads = {"gamma": (dy * x_hat).sum(axis=leading),  # (B1)
             "beta": dy.sum(axis=leading)}  # (B2)
    dx_hat = dy * params["gamma"]  # (B3)
    mean = lambda a: a.mean(axis=-1, keepdims=True)
    return grads, (dx_hat - mean(dx_hat) - x_hat * mean(dx_hat * x_hat)) / std  # (B4)
