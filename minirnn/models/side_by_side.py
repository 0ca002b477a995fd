"""Several networks of one kind that read the same x: each learns for itself, and their mean is steadier than any."""

import numpy as np

from .. import losses
from ..layers import layer


def side_by_side(inner, count):
    """A layer of `count` such layers, each with its own parameters: y (B, T, count · K), theirs one after the other.

    >>> from minirnn import linear
    >>> three = side_by_side(linear, 3)
    >>> three.forward(three.init(np.random.default_rng(0), 2, 4), np.ones((5, 7, 2), np.float32))[0].shape
    (5, 7, 12)
    """
    inner = layer.inside(inner)

    def init(rng, *sizes, dtype=np.float32):
        return [inner.init(rng, *sizes, dtype=dtype) for _ in range(count)]

    def forward(params, x, state, **given):
        said = [inner.forward(p, x, before, **given) for p, before in zip(params, state or [None] * count)]
        ys, after, caches = zip(*said)
        return np.concatenate(ys, axis=-1), after, list(caches)

    def backward(caches, dy, dstate=None):
        parts = zip(caches, np.split(dy, count, axis=-1), dstate or [None] * count)
        grads, dx, before = zip(*(inner.backward(cache, d, after) for cache, d, after in parts))
        return list(grads), sum(dx), before

    return layer.composed(layer.Layer(init, forward, backward, inner.sizes, inner.takes,
                                      f"side_by_side({inner.name}, {count})", inner.direction))


def mse(prediction, target, mask=None):
    """The mean of what losses.mse says of each one's prediction: they share the target (B, T, K)."""
    count = prediction.shape[-1] // target.shape[-1]
    alike = lambda a: a if a is None or a.ndim < target.ndim else np.concatenate([a] * count, axis=-1)
    return losses.mse(prediction, alike(target), alike(mask))


mse.backward = losses.mse_backward
