"""Dropout: while training, each number is left out with probability `rate`, so none can be relied on.

    y = m ⊙ x,    m = 1/(1 - rate) with probability 1 - rate, else 0        so that y is x on average
    y = x         when not training

With same_through_time one mask (B, 1, D) serves all steps of a sequence: a recurrent layer then sees the same numbers
missing throughout, instead of a signal that flickers.

Source: Srivastava et al. 2014; the mask held through time: Gal and Ghahramani 2016, here on what enters and leaves a
recurrent layer, not on the way from step to step within it.
"""

import numpy as np

from .. import boundary

takes = "rng", "training"  # see layer.py


def init(rng, dtype=np.float32):
    """It has no parameters."""
    return {}


def forward(params, x, rng=None, training=False, rate=0.5, same_through_time=False):
    """x (B, ..., D) to y of the same shape, and a cache.

    rng       a np.random.Generator; a seed instead draws the same mask at every call, for a gradient check
    training  False returns x as it is

    >>> y, cache = forward({}, np.ones((1, 2, 4)), np.random.default_rng(0), training=True, same_through_time=True)
    >>> y
    array([[[2., 0., 0., 0.],
            [2., 0., 0., 0.]]])
    """
    x = boundary.real("x", x)
    if not boundary.share("rate", rate) or not training:
        return x, (x.dtype.type(1), x.shape)
    if rng is None:
        raise ValueError("rng is None, expected a np.random.Generator while training: dropout draws its mask from it")
    shape = (x.shape[0], *[1] * (x.ndim - 2), x.shape[-1]) if same_through_time else x.shape
    m = ((boundary.generator(rng).random(shape) >= rate) / (1 - rate)).astype(x.dtype)
    return m * x, (m, x.shape)


def backward(cache, dy):
    """dy (B, ..., D) to no grads, and dx.

        (B1)  dx = m ⊙ dy
    """
    m, shape = boundary.cache("dropout", cache, parts=2)
    return {}, m * boundary.gradient("dy", dy, shape, m.dtype)  # (B1)
