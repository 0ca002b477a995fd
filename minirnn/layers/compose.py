"""Layers made of layers. Each function takes layers and returns a layer, so whatever holds for one holds for all.

The article's model of section 5 is `chain(lstm, last_step, linear)`.
"""

import functools
import inspect
from typing import Callable, NamedTuple

import numpy as np

from .. import boundary
from . import sequence


class Layer(NamedTuple):
    """Three functions under the law; a module with the same three names serves as well. init takes `sizes` sizes."""
    init: Callable
    forward: Callable
    backward: Callable
    sizes: int


def chain(*layers):
    """One layer after the other.

    init(rng, *widths)  the widths from layer to layer: a layer of two sizes leads from one width to the next, a layer
                        of none keeps the width. `params` is a list, one entry a layer.
    forward(params, x, state=None, lengths=None, out=None)  returns y, state, cache. `state` is a tuple with one entry
                        for each layer that has a state; `lengths` and the parts of `out`, a cache needed no more, reach
                        the layers that know what to do with them. A loss over padded steps needs its mask all the same.

    >>> from minirnn import lstm, linear
    >>> model = chain(lstm, last_step, linear)
    >>> params = model.init(np.random.default_rng(0), 10, 20, 1)
    >>> y, state, cache = model.forward(params, np.ones((4, 7, 10), np.float32))
    >>> y.shape, [s.shape for s in state[0]]
    ((4, 1), [(4, 20), (4, 20)])
    """
    accepted = [inspect.signature(layer.forward).parameters for layer in layers]
    has_state = ["state" in names for names in accepted]
    sizes = [_sizes(layer) for layer in layers]
    widths_expected = 1 + sum(max(0, n - 1) for n in sizes)

    def states(name, given):
        return [None] * sum(has_state) if given is None else _entries(
            name, given, sum(has_state), "layer that has a state: pass on what chain returned")

    def init(rng, *widths, dtype=np.float32):
        if len(widths) != widths_expected:
            raise ValueError(f"chain.init got the widths {widths}, expected {widths_expected}: "
                             "as chain(lstm, last_step, linear) takes D, H, K")
        params, rest = [], list(widths)
        for layer, n in zip(layers, sizes):
            params.append(layer.init(rng, *rest[:n], dtype=dtype))
            del rest[:max(0, n - 1)]
        return params

    def forward(params, x, state=None, lengths=None, out=None):
        _entries("params", params, len(layers), "layer: make them with chain.init")
        before, after, caches = iter(states("state", state)), [], []
        fits = isinstance(out, list) and len(out) == len(layers)
        for layer, p, names, old in zip(layers, params, accepted, out if fits else [None] * len(layers)):
            given = {"state": next(before) if "state" in names else None, "lengths": lengths, "out": old}
            x, *final, cache = layer.forward(p, x, **{name: given[name] for name in given if name in names})
            after.extend(final)
            caches.append(cache)
        return x, tuple(after), caches

    def backward(caches, dy, dstate=None):
        after = list(states("dstate", dstate))
        grads, before = [], []
        for layer, cache, stateful in zip(reversed(layers), reversed(caches), reversed(has_state)):
            g, dy, *initial = layer.backward(cache, dy, after.pop()) if stateful else layer.backward(cache, dy)
            grads.append(g)
            before.extend(initial)
        return grads[::-1], dy, tuple(before[::-1])

    return Layer(init, forward, backward, widths_expected)


def _entries(name, given, expected, hint):
    if not isinstance(given, (list, tuple)) or len(given) != expected:
        came = len(given) if isinstance(given, (list, tuple)) else type(given).__name__
        raise ValueError(f"{name} of chain: got {came}, expected a list or tuple of {expected}, one for each {hint}")
    return given


def _sizes(layer):
    return layer.sizes if isinstance(layer, Layer) else len(inspect.signature(layer.init).parameters) - 2  # rng, dtype


def _last_step():
    def init(rng, dtype=np.float32):
        return {}

    def forward(params, h, lengths=None):
        """h (B, T, H) to each sequence's own last step (B, H), and a cache."""
        h = boundary.array("h", h, ("B", "T", "H"), boundary.real("h", h).dtype, "the states of a recurrent layer")
        B, T, _ = h.shape
        lengths = np.full(B, T) if lengths is None else sequence.check_lengths(lengths, B, T)
        if (lengths < 1).any():
            raise ValueError(f"last_step: sequence {int(np.argmax(lengths < 1))} has no step, expected at least one: "
                             "leave empty sequences out")
        return h[np.arange(B), lengths - 1], (h, lengths)

    def backward(cache, dy):
        """dy (B, H) goes to the last step; the steps before it did not count."""
        h, lengths = cache
        dh = np.zeros_like(h)
        dh[np.arange(len(h)), lengths - 1] = boundary.gradient("dy", dy, (len(h), h.shape[2]), h.dtype)
        return {}, dh

    return Layer(init, forward, backward, sizes=0)


last_step = _last_step()


def with_settings(layer, **settings):
    """The layer with keyword arguments of its forward fixed, those that a chain does not pass by itself.

    >>> from minirnn import linear, rnn
    >>> equation_1_and_4 = chain(with_settings(rnn, activation="sigmoid"), with_settings(linear, activation="sigmoid"))
    """
    return Layer(layer.init, functools.partial(layer.forward, **settings), layer.backward, _sizes(layer))


def with_loss(layer, loss, target, mask=None):
    """A chain, or a recurrent layer, followed by its loss: a layer too, so a gradient check covers the whole model.

    forward(params, x, state=None, lengths=None) returns loss, state, cache.
    """
    def forward(params, x, state=None, lengths=None):
        y, state, cache = layer.forward(params, x, state, lengths)
        value, loss_cache = loss(y, target, mask)
        return value, state, (cache, loss_cache)

    def backward(cache, dloss=1.0, dstate=None):
        cache, loss_cache = cache
        return layer.backward(cache, dloss * loss.backward(loss_cache), dstate)

    return Layer(layer.init, forward, backward, _sizes(layer))
