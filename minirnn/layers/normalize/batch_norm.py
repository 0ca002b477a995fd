"""Batch normalization: for each feature over the batch, or the batch and all its real steps.

    x̂ = (x - μ) / √(σ² + ε),    y = γ ⊙ x̂ + β

While training, μ and σ² are those of the batch, and running averages of them are kept in `params`. Afterwards μ and σ²
are these averages. So one sequence's result does not depend on the other sequences of its batch.

The running averages are why this forward, and no other, writes to its params: while training, mean and var move by
`momentum` towards the batch's (the variance with N - 1, as in PyTorch). They take no part in that result, and their
gradients are zero.

Source: Ioffe and Szegedy 2015.
"""

import numpy as np

from ... import boundary
from .. import sequence

takes = "lengths", "training"  # see layer.py


def init(rng, D, dtype=np.float32):
    """γ and var one, β and mean zero: {"gamma": (D,), "beta": (D,), "mean": (D,), "var": (D,)}."""
    D = boundary.size("D", D)
    boundary.floating(dtype)
    one, zero = np.ones(D, dtype), np.zeros(D, dtype)
    return {"gamma": one, "beta": zero, "mean": zero.copy(), "var": one.copy()}


def forward(params, x, lengths=None, training=False, momentum=0.1, eps=1e-5):
    """x (B, D) or (B, T, D) to y of the same shape, zero beyond each length, and a cache.

    lengths   (B,) or None: only real steps count; for x (B, T, D)
    training  True for the batch's own mean and variance, False for the running ones
    momentum  how far the running ones move; 0 holds them fixed, for a gradient check
    """
    boundary.number("momentum", momentum, 0), boundary.number("eps", eps, 0)
    sizes = boundary.params("batch_norm", params, gamma="D", beta="D", mean="D", var="D")
    x = boundary.array("x", x, (..., sizes["D"]), params["gamma"].dtype, "the last axis holds the features")
    real = np.ones(x.shape[:-1], bool)
    if lengths is not None:
        if x.ndim != 3:
            raise ValueError(f"x has shape {x.shape} and there are lengths, expected (B, T, {sizes['D']}): leave them "
                             "out")
        real = ~sequence.padding(sequence.check_lengths(lengths, *x.shape[:2]), x.shape[1])
    rows = x[real]  # (N, D)
    mean, var = params["mean"], params["var"]
    if training:
        N = len(rows)
        if N < 2:
            raise ValueError(f"batch_norm: the batch has {N} real steps, expected at least 2 while training: a larger "
                             "batch")
        mean = rows.mean(axis=0)
        var = ((rows - mean) * (rows - mean)).mean(axis=0)
        params["mean"] += momentum * (mean - params["mean"])
        params["var"] += momentum * (var * N / (N - 1) - params["var"])
    std = np.sqrt(var + eps)
    x_hat = (rows - mean) / std
    y = np.zeros_like(x)
    y[real] = params["gamma"] * x_hat + params["beta"]
    return y, (params, x_hat, std, real, training)


def backward(cache, dy):
    """dy, shaped as x, to grads and dx.

        (B1)  dγ  = Σ dy ⊙ x̂        sums and means run over the N real steps of the batch
        (B2)  dβ  = Σ dy
        (B3)  dx̂  = dy ⊙ γ
        (B4)  dx  = (dx̂ - mean(dx̂) - x̂ mean(dx̂ ⊙ x̂)) / √(σ² + ε)        while training: each x also moves μ and σ²
        (B5)  dx  = dx̂ / √(σ² + ε)                                         afterwards: they are constants for x,
        (B6)  dmean = - Σ dx,    dvar = - Σ dx ⊙ x̂ / (2 √(σ² + ε))         and parameters like others
    """
    params, x_hat, std, real, training = boundary.cache("batch_norm", cache, parts=5, has="gamma")
    gamma = params["gamma"]
    dy = boundary.gradient("dy", dy, (*real.shape, len(gamma)), x_hat.dtype)
    dx, dy = np.zeros_like(dy), dy[real]
    grads = {"gamma": (dy * x_hat).sum(axis=0),  # (B1)
             "beta": dy.sum(axis=0),  # (B2)
             "mean": np.zeros_like(gamma), "var": np.zeros_like(gamma)}
    dx_hat = dy * gamma  # (B3)
    if training:
        dx[real] = (dx_hat - dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0)) / std  # (B4)
    else:
        dx[real] = dx_hat / std  # (B5)
        grads["mean"] = -dx[real].sum(axis=0)  # (B6)
        grads["var"] = -(dx[real] * x_hat / (2 * std)).sum(axis=0)  # (B6)
    return grads, dx
