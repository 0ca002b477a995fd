"""Layers made of layers. Each function takes layers and returns a layer, so whatever holds for one holds for all.

The article's model of section 5 is `chain(lstm, last_step, linear)`; a deep one, `chain(stack(lstm, 2, dropout=0.3),
linear)`. Whatever is composed has one signature:

    y, state, cache   = layer.forward(params, x, state=None, lengths=None, rng=None, training=False, inference=False)
    grads, dx, dstate = layer.backward(cache, dy, dstate=None)

    state          nested as the layers are; () where there is none
    lengths        (B,), how many steps of each sequence are real; a loss over padded steps needs its mask all the same
    rng, training  for dropout and batch normalization
    inference      True: no backward will follow, so fast.lstm need not keep what only that would read

What a layer inside takes of these, it says itself: see layer.py, also for a layer of your own.
"""

import functools
import inspect

import numpy as np

from .. import boundary
from . import dropout as dropout_layer
from . import sequence
from .layer import Layer, any_keyword, around, composed, inside, name_of, sides_of, sizes, takes_of


def chain(*layers):
    """One layer after the other.

    init(rng, *widths)  the widths from layer to layer: a layer of two sizes leads from one width to the next, a layer
                        of one or none keeps the width. `params` is a list, one entry a layer; `state` a tuple, one
                        entry for each layer that has a state.

    >>> from minirnn import lstm, linear
    >>> model = chain(lstm, last_step, linear)
    >>> params = model.init(np.random.default_rng(0), 10, 20, 1)
    >>> y, state, cache = model.forward(params, np.ones((4, 7, 10), np.float32))
    >>> y.shape, [s.shape for s in state[0]]
    ((4, 1), [(4, 20), (4, 20)])
    """
    layers = [inside(layer) for layer in layers]
    has_state = ["state" in layer.takes for layer in layers]
    counts = [layer.sizes for layer in layers]
    widths_expected = 1 + sum(max(0, n - 1) for n in counts)
    name = f"chain({', '.join(layer.name for layer in layers)})"

    direction, giver = "", ""
    for layer in layers:
        if layer.reads and direction and layer.reads != direction:
            raise ValueError(f"{name}: {layer.name} reads {_HALVES[direction]} of {giver}, expected "
                             f"{_ENDS[direction]}: put {_ENDS[direction]} in its place")
        if layer.direction:
            direction, giver = layer.direction, layer.name

    def states(name, given):
        return iter([None] * sum(has_state) if given is None else _entries(
            name, given, sum(has_state), "layer that has a state: pass on what chain returned"))

    def init(rng, *widths, dtype=np.float32):
        if len(widths) != widths_expected:
            raise ValueError(f"chain.init got the widths {widths}, expected {widths_expected}: "
                             "as chain(lstm, last_step, linear) takes D, H, K")
        rng, params, rest = boundary.generator(rng), [], list(widths)
        for layer, n in zip(layers, counts):
            params.append(layer.init(rng, *rest[:n], dtype=dtype))
            del rest[:max(0, n - 1)]
        return params

    def forward(params, x, state, **given):
        _entries("params", params, len(layers), "layer: make them with chain.init")
        before, after, caches = states("state", state), [], []
        for layer, p, stateful in zip(layers, params, has_state):
            x, final, cache = layer.forward(p, x, next(before) if stateful else None, **given)
            after += [final] * stateful
            if np.ndim(x) < 3:
                given["lengths"] = None  # one vector a sequence, no steps
            caches.append(cache)
        return x, tuple(after), caches

    def backward(caches, dy, dstate=None):
        _entries("cache", caches, len(layers), "layer: pass on what chain.forward returned last")
        after = list(states("dstate", dstate))
        grads, before = [], []
        for layer, cache, stateful in zip(reversed(layers), reversed(caches), reversed(has_state)):
            g, dy, initial = layer.backward(cache, dy, after.pop() if stateful else None)
            grads.append(g)
            before += [initial] * stateful
        return grads[::-1], dy, tuple(before[::-1])

    takes = {setting for layer in layers for setting in layer.takes}
    return composed(Layer(init, forward, backward, widths_expected, takes, name, direction))


_HALVES = {"both": "one step only for the backward half", "past": "the first step for half of the units"}
_ENDS = {"both": "both_ends", "past": "last_step"}


def stack(layer, num_layers, dropout=0.0):
    """The same kind of layer `num_layers` times, each with its own parameters, and dropout between them.

    init(rng, D, H)  as of the layer itself: the first one leads from D to H, the others from H to H. `params` and
                     `state` have one entry a layer.

    >>> from minirnn import lstm
    >>> deep = stack(lstm, 2, dropout=0.3)
    >>> params = deep.init(np.random.default_rng(0), 10, 20)
    >>> [p["W_x"].shape for p in params]
    [(80, 10), (80, 20)]
    """
    expected = sizes(layer)
    if boundary.size("num_layers", num_layers) == 1 and boundary.share("dropout", dropout):
        raise ValueError(f"stack of 1 layer has dropout={dropout}, which lies between layers only: use "
                         "with_dropout(layer, rate) for its output, or more layers")
    below = with_dropout(layer, dropout) if dropout else layer
    layers = chain(*[below] * (num_layers - 1), layer)

    def init(rng, *widths, dtype=np.float32):
        if len(widths) != expected:
            raise ValueError(f"stack.init got the widths {widths}, expected {expected}: those of one layer")
        return layers.init(rng, *widths, *widths[-1:] * (layers.sizes - len(widths)), dtype=dtype)

    name = f"stack({name_of(layer)}, {num_layers})"
    return composed(inside(layers)._replace(init=init, sizes=expected, name=name))


def bidirectional(layer):
    """Two of a recurrent layer, one reading from the first step on, one from each sequence's own last step back.

    init(rng, D, H)  H is even: the width of the output, the forward direction's H/2 units first. `params` is
                     {"forward": ..., "backward": ...}, `state` a pair in the same order.

    Source: Schuster and Paliwal, Bidirectional recurrent neural networks, 1997.

    >>> from minirnn import gru
    >>> both = bidirectional(gru)
    >>> h, state, cache = both.forward(both.init(np.random.default_rng(0), 2, 6), np.ones((4, 5, 2), np.float32))
    >>> h.shape, [s.shape for s in state]
    ((4, 5, 6), [(4, 3), (4, 3)])
    """
    inner = inside(layer)

    def init(rng, D, H, dtype=np.float32):
        rng, D, H = boundary.init(rng, dtype, D=D, H=H)
        if H % 2:
            raise ValueError(f"H is {H}, expected an even number: half of the output is the backward direction's")
        return {way: inner.init(rng, D, H // 2, dtype=dtype) for way in ("forward", "backward")}

    def forward(params, x, state, lengths=None, **given):
        if not isinstance(params, dict) or params.keys() != {"forward", "backward"}:
            raise ValueError(f"params of bidirectional: got {type(params).__name__}, expected a dict of forward and "
                             "backward: make them with its init")
        x = boundary.regular("x", x)
        if lengths is not None and x.ndim > 1:
            lengths = sequence.check_lengths(lengths, *x.shape[:2])
        before, before_back = boundary.pair("state", state, "(forward, backward)")
        y, after, cache = inner.forward(params["forward"], x, before, lengths=lengths, **given)
        y_back, after_back, cache_back = inner.forward(
            params["backward"], _reversed(x, lengths), before_back, lengths=lengths, **given)
        y = np.concatenate([y, _reversed(y_back, lengths)], axis=2)
        return y, (after, after_back), ("bidirectional", cache, cache_back, lengths, y.shape, y.dtype)

    def backward(caches, dy, dstate=None):
        _, cache, cache_back, lengths, shape, dtype = boundary.cache("bidirectional", caches, parts=6, first=str)
        dafter, dafter_back = boundary.pair("dstate", dstate, "(forward, backward)")
        dy = np.zeros(shape, dtype) if dy is None else boundary.gradient("dy", dy, shape, dtype)
        dy, dy_back = np.split(dy, 2, axis=2)
        grads, dx, dbefore = inner.backward(cache, dy, dafter)
        grads_back, dx_back, dbefore_back = inner.backward(cache_back, _reversed(dy_back, lengths), dafter_back)
        return {"forward": grads, "backward": grads_back}, dx + _reversed(dx_back, lengths), (dbefore, dbefore_back)

    return composed(Layer(init, forward, backward, 2, inner.takes, f"bidirectional({inner.name})", "both"))


def _reversed(x, lengths):
    """x (B, T, D), each sequence reversed within its length. Done twice it is undone, so it is its own backward."""
    if lengths is None:
        return x[:, ::-1]
    B, T, _ = x.shape
    steps, last = np.arange(T), sequence.check_lengths(lengths, B, T)[:, None] - 1
    return x[np.arange(B)[:, None], np.where(steps <= last, last - steps, steps)]


def residual(layer):
    """y = x + layer(x), a skip connection: the gradient has a way around the layer, dx = dy + what comes through it.

    The layer must keep the width: `chain(lstm, residual(lstm)).init(rng, D, H, H)`. Source: He et al. 2016.
    """
    inner = inside(layer)

    def forward(params, x, state, **given):
        y, state, cache = inner.forward(params, x, state, **given)
        if y.shape != np.shape(x):
            raise ValueError(f"residual: x has shape {np.shape(x)}, the layer's output {y.shape}, expected the same: "
                             "give the layer one width")
        return np.asarray(x, y.dtype) + y, state, cache

    def backward(cache, dy, dstate=None):
        grads, dx, dstate = inner.backward(cache, dy, dstate)
        if dy is not None:
            dx = dx + np.asarray(dy, dx.dtype)  # past the layer
        return grads, dx, dstate

    return around(inner, "residual", forward, backward)


def self_attention(layer):
    """An attention layer with q = k = v = x: between the steps of one sequence, so a chain can hold it.

    >>> from minirnn import attention, lstm
    >>> model = chain(lstm, self_attention(attention.dot))
    """
    def forward(params, x, lengths=None, causal=False):
        return layer.forward(params, x, x, x, lengths, causal)

    def backward(cache, dy, dweights=None):
        grads, dq, dk, dv = layer.backward(cache, dy, dweights)
        return grads, dq + dk + dv  # x is used three times

    return Layer(layer.init, forward, backward, sizes(layer), ("lengths",), f"self_attention({name_of(layer)})", "past")


def attention_pooling(layer):
    """One vector a sequence, h (B, T, H) to (B, H): the mean of its states with the weights that an attention layer
    finds for one query. The query is a parameter, the same for all sequences.

    init(rng, H)  {"q": (H,), "attention": those of the layer}

    Source: Yang et al., Hierarchical attention networks for document classification, 2016.

    >>> from minirnn import attention, linear, lstm
    >>> model = chain(bidirectional(lstm), attention_pooling(attention.additive), linear)
    >>> params = model.init(np.random.default_rng(0), 10, 20, 1)
    >>> model.forward(params, np.ones((4, 7, 10), np.float32))[0].shape
    (4, 1)
    """
    def init(rng, H, dtype=np.float32):
        rng, H = boundary.init(rng, dtype, H=H)
        return {"q": rng.normal(size=H).astype(dtype), "attention": layer.init(rng, *[H] * sizes(layer), dtype=dtype)}

    def forward(params, h, lengths=None):
        boundary.names("attention_pooling", params, {"q", "attention"})
        H = boundary.params("attention_pooling", {"q": params["q"]}, q="H")["H"]
        h = boundary.array("h", h, ("B", "T", H), params["q"].dtype, "the states of a recurrent layer")
        q = np.tile(params["q"], (len(h), 1, 1))  # (B, 1, H)
        context, _, cache = layer.forward(params["attention"], q, h, h, lengths)
        return context[:, 0], ("attention_pooling", cache, context.shape, context.dtype)

    def backward(caches, dy):
        _, cache, (B, _, H), dtype = boundary.cache("attention_pooling", caches, parts=4, first=str)
        dy = boundary.gradient("dy", dy, (B, H), dtype)
        grads, dq, dk, dv = layer.backward(cache, dy[:, None])
        return {"q": dq.sum(axis=(0, 1)), "attention": grads}, dk + dv  # h is the keys and the values

    return Layer(init, forward, backward, 1, ("lengths",), f"attention_pooling({name_of(layer)})")


def with_dropout(layer, rate, same_through_time=False):
    """The layer with dropout on its output, see dropout.py; the parameters are the layer's alone."""
    inner, rate = inside(layer), boundary.share("rate", rate)

    def forward(params, x, state, rng=None, training=False, **given):
        y, state, cache = inner.forward(params, x, state, rng=rng, training=training, **given)
        y, mask = dropout_layer.forward({}, y, rng, training, rate, same_through_time)
        return y, state, (cache, mask)

    def backward(caches, dy, dstate=None):
        cache, mask = boundary.cache("with_dropout", caches, parts=2)
        _, dy = dropout_layer.backward(mask, dy)
        return inner.backward(cache, dy, dstate)

    return around(inner, "with_dropout", forward, backward, dropout_layer.takes)


def tied(model):
    """A chain from an embedding to a linear read-out that share one table W (V, D): so the read-out's width is D.

    The table is used twice, so its gradient is the sum of two. Source: Press and Wolf 2017.
    """
    inner = inside(model)

    def init(rng, *widths, dtype=np.float32):
        params = model.init(rng, *widths, dtype=dtype)
        if params[0]["W"].shape != params[-1]["W"].shape:
            raise ValueError(f"tied: the embedding's W has shape {params[0]['W'].shape}, the read-out's "
                             f"{params[-1]['W'].shape}, expected the same: give the last layer the embedding's width")
        params[0]["W"] = params[-1].pop("W")  # an embedding's own start at N(0, 1) would make the logits large
        return params

    def forward(params, x, state, **given):
        if params and isinstance(params, (list, tuple)):
            ends = (params[0], True), (params[-1], False)
            if not all(isinstance(p, dict) and ("W" in p) == has_table for p, has_table in ends):
                raise ValueError("params of tied: W expected in the first and not in the last: make them with its init")
            params = [*params[:-1], params[-1] | {"W": params[0]["W"]}]
        return inner.forward(params, x, state, **given)

    def backward(caches, dy, dstate=None):
        grads, dx, dstate = inner.backward(caches, dy, dstate)
        grads[0]["W"] += grads[-1].pop("W")
        return grads, dx, dstate

    return around(inner, "tied", forward, backward)._replace(init=init)


def _gathering(name, reads, where):
    """A layer that keeps one vector a sequence: of h (B, T, H), the entries at `where`(lengths, H) of each."""
    def init(rng, dtype=np.float32):
        return {}

    def forward(params, h, lengths=None):
        h = boundary.array("h", h, ("B", "T", "H"), boundary.real("h", h).dtype, "the states of a recurrent layer")
        B, T, H = h.shape
        lengths = np.full(B, T) if lengths is None else sequence.check_lengths(lengths, B, T)
        if (lengths < 1).any():
            raise ValueError(f"{name}: sequence {int(np.argmax(lengths < 1))} has no step, expected at least one: "
                             "leave empty sequences out")
        at = np.arange(B)[:, None], where(lengths[:, None], H), np.arange(H)
        return h[at], (h.shape, h.dtype, at)

    def backward(cache, dy):
        shape, dtype, at = boundary.cache(name, cache, parts=3)
        dh = np.zeros(shape, dtype)  # the other steps did not count
        dh[at] = boundary.gradient("dy", dy, (shape[0], shape[2]), dtype)
        return {}, dh

    return Layer(init, forward, backward, 0, ("lengths",), name, "", reads)


# h (B, T, H) to each sequence's own last step (B, H).
last_step = _gathering("last_step", "past", lambda lengths, H: lengths - 1)

# For a bidirectional layer: the forward half of h at the last step, the backward half at the first, where each has read
# the whole sequence. As in chain(bidirectional(lstm), both_ends, linear).
both_ends = _gathering("both_ends", "both", lambda lengths, H: np.where(np.arange(H) < H // 2, lengths - 1, 0))


def with_settings(layer, **settings):
    """The layer with keyword arguments of its forward fixed.

    >>> from minirnn import linear, rnn
    >>> equation_1_and_4 = chain(with_settings(rnn, activation="sigmoid"), with_settings(linear, activation="sigmoid"))
    """
    known = inspect.signature(layer.forward).parameters
    unknown = [] if any_keyword(known) else sorted(settings.keys() - known.keys())
    if unknown:
        raise ValueError(f"{name_of(layer)}.forward has no argument {unknown[0]}, expected one of {', '.join(known)}")
    takes = tuple(setting for setting in takes_of(layer) if setting not in settings)
    return Layer(layer.init, functools.partial(layer.forward, **settings), layer.backward, sizes(layer), takes,
                 name_of(layer), *sides_of(layer))


def with_loss(layer, loss, target, mask=None):
    """A layer followed by its loss: a layer too, so a gradient check covers the whole model. Its y is the loss."""
    inner = inside(layer)

    def forward(params, x, state, **given):
        y, state, cache = inner.forward(params, x, state, **given)
        value, loss_cache = loss(y, target, mask)
        return value, state, (cache, loss_cache)

    def backward(cache, dloss=1.0, dstate=None):
        cache, loss_cache = boundary.cache("with_loss", cache, parts=2)
        return inner.backward(cache, dloss * loss.backward(loss_cache), dstate)

    return around(inner, "with_loss", forward, backward)


def _entries(name, given, expected, hint):
    if not isinstance(given, (list, tuple)) or len(given) != expected:
        came = len(given) if isinstance(given, (list, tuple)) else type(given).__name__
        raise ValueError(f"{name} of chain: got {came}, expected a list or tuple of {expected}, one for each {hint}")
    return given
