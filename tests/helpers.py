"""What the tests share: random numbers, parameters that hide nothing, and a table of layers to run them on."""

import numpy as np
import pytest

from minirnn import attention, compose, decayed, embedding, fast, gru, linear, losses, lstm, normalize, rnn, tree
from minirnn.commands import gradcheck as proof

# All different, so that no two axes can be mistaken for each other.
B, T, D, H, K, Tq = 3, 4, 2, 5, 6, 7

# What a gradient check may miss by: central differences lose half the digits, a complex step hardly any.
TOLERANCE = {"central": 1e-7, "complex": 1e-12}


def generator(seed=0):
    return np.random.default_rng(seed)


def normal(rng, *shape, dtype=np.float64):
    return rng.standard_normal(shape).astype(dtype)


def like(rng, given):
    """A tree of random numbers with the shapes and dtypes of the given one."""
    return tree.map(lambda array: normal(rng, *array.shape, dtype=array.dtype), given)


def big(rng, layer, *sizes, dtype=np.float64):
    """The layer's parameters with every entry, biases too, from 0.7 · N(0, 1).

    At a layer's own small initial weights a wrong backward pass is nearly right: see test_broken_backward.
    """
    return tree.map(lambda p: (0.7 * p).astype(dtype), like(rng, layer.init(rng, *sizes, dtype=dtype)))


def total(*trees):
    """The sum of trees of the same structure, entry by entry."""
    return tree.map(lambda *arrays: sum(arrays), *trees)


def assert_same(one, other, atol=0.0):
    """Two trees have the same leaves: the same numbers, or up to `atol`."""
    one, other = dict(tree.leaves(one)), dict(tree.leaves(other))
    assert one.keys() == other.keys()
    for path, array in one.items():
        assert np.shape(array) == np.shape(other[path]), path
        np.testing.assert_allclose(array, other[path], rtol=0, atol=atol, equal_nan=False, err_msg=path)


def arrange(layer, *sizes, x=None, **settings):
    """The layer, big parameters, inputs and settings: x, and where the layer has a state an initial one, not zero."""
    rng = generator()
    params, x = big(rng, layer, *sizes), normal(rng, B, T, D) if x is None else x
    _, *state, _ = layer.forward(params, x, **settings)
    return layer, params, (x, *like(rng, state)), settings


def everything(layer, params, inputs, settings, seed=2):
    """All that forward and backward return, for random gradients from outside, and the cache."""
    *outputs, cache = layer.forward(params, *inputs, **settings)
    return [*outputs, *layer.backward(cache, *like(generator(seed), outputs))], cache


def spaced(layer):
    """decayed(layer) with the signature of the others: the gap before a step is made of the last of its features."""
    inner = decayed(layer)

    def init(rng, D, H, dtype=np.float32):
        return inner.init(rng, D - 1, H, dtype=dtype)

    def forward(params, x, state=None, lengths=None):
        h, state, cache = inner.forward(params, x[..., :-1], 0.1 + x[..., -1]**2, state, lengths)
        return h, state, (x[..., -1:], cache)

    def backward(cache, dh, dstate=None):
        last, cache = cache
        grads, dx, dgaps, dstate = inner.backward(cache, dh, dstate)
        return grads, np.concatenate([dx, (2 * last).astype(dx.dtype) * dgaps[..., None]], axis=2), dstate

    return compose.Layer(init, forward, backward, takes=("state", "lengths"))


def queries(name, rng, B=B, Tq=Tq, T=T, dtype=np.float64):
    """An attention layer with big parameters, and random queries, keys and values for it."""
    layer, sizes, (D_q, D_k, D_v) = ATTENTION[name]
    shapes = (B, Tq, D_q), (B, T, D_k), (B, T, D_v)
    return layer, big(rng, layer, *sizes, dtype=dtype), tuple(normal(rng, *shape, dtype=dtype) for shape in shapes)


def model(loss, target, **mask):
    return compose.with_loss(compose.chain(lstm, linear), loss, target, **mask)


LENGTHS = np.array([T, 0, 2])  # full, empty, in between
NOT_EMPTY = np.array([T, 1, 2])  # for the layers that need a last step
MASK = losses.length_mask(LENGTHS, T)
V, IDS = 8, np.array([[7, 0, 7, 7], [3, 0, 3, 7], [0, 7, 5, 5]])  # ids repeat, both ends occur, some rows never do
NUMBERS, CLASSES = normal(generator(1), B, T, K), generator(1).integers(K, size=(B, T))
DEEP = compose.chain(rnn, lstm, compose.last_step, linear)
GATED = compose.chain(gru, lstm, gru, linear)
TEXT = compose.with_loss(compose.chain(embedding, lstm, linear), losses.cross_entropy, CLASSES, MASK)
NESTED = compose.chain(rnn, compose.chain(lstm, linear), linear)
SIGMOID = {"activation": "sigmoid"}
ARTICLE = compose.chain(compose.with_settings(rnn, **SIGMOID), compose.with_settings(linear, **SIGMOID))

TRAINING = {"rng": 1, "training": True}  # a seed: the same masks at every call
WITH_MASKS = compose.with_settings(compose.stack(lstm, 2, dropout=0.4), **TRAINING)
NORMALIZED = compose.chain(compose.with_settings(normalize.batch_norm, training=True, momentum=0.0), rnn)

ATTENTION = {  # layer, sizes for its init, widths of queries, keys and values
    "dot": (attention.dot, (), (H, H, D)),
    "dot, plain": (compose.with_settings(attention.dot, scaled=False), (), (H, H, D)),
    "additive": (attention.additive, (H, K, 8), (H, K, D)),
    "multi_head": (compose.with_settings(attention.multi_head, heads=3), (K, D, H), (K, D, H)),
}

# (name, layer, params, inputs, settings), to be run as layer.forward(params, *inputs, **settings).
CASES = [
    *proof.cases(generator()),  # all that has lengths is given some
    ("rnn without lengths", *arrange(rnn, D, H)),
    ("rnn, sigmoid, without lengths", *arrange(rnn, D, H, **SIGMOID)),
    ("lstm without lengths", *arrange(lstm, D, H)),
    ("fast.rnn without lengths", *arrange(fast.rnn, D, H)),
    ("fast.lstm without lengths", *arrange(fast.lstm, D, H)),
    ("fast.gru without lengths", *arrange(fast.gru, D, H)),
    ("gru without lengths", *arrange(gru, D, H)),
    ("layer_norm_lstm without lengths", *arrange(normalize.layer_norm_lstm, D, H)),
    ("bidirectional(gru) without lengths", *arrange(compose.bidirectional(gru), D, K)),
    ("decayed(lstm) without lengths", *arrange(spaced(lstm), D, H)),
    ("decayed(lstm)", *arrange(spaced(lstm), D, H, lengths=LENGTHS)),
    ("stack(lstm, 2) with dropout", *arrange(WITH_MASKS, D, H, lengths=LENGTHS)),
    ("batch_norm, rnn", *arrange(NORMALIZED, D, H, lengths=LENGTHS)),
    *((f"{name}, causal", *queries(name, generator()), {"causal": True, "lengths": LENGTHS}) for name in ATTENTION),
    ("last_step without lengths", *arrange(compose.last_step)),
    ("equations 1 and 4", *arrange(ARTICLE, D, H, K)),
    ("equations 1 and 4 with lengths", *arrange(ARTICLE, D, H, K, lengths=LENGTHS)),
    ("rnn, lstm, last_step, linear", *arrange(DEEP, D, H, 7, K)),
    ("rnn, lstm, last_step, linear with lengths", *arrange(DEEP, D, H, 7, K, lengths=NOT_EMPTY)),
    ("gru, lstm, gru, linear", *arrange(GATED, D, H, 7, 3, K)),
    ("gru, lstm, gru, linear with lengths", *arrange(GATED, D, H, 7, 3, K, lengths=LENGTHS)),
    ("chain in a chain", *arrange(NESTED, D, 7, H, K, 1)),
    ("chain in a chain with lengths", *arrange(NESTED, D, 7, H, K, 1, lengths=LENGTHS)),
    ("mse at every step", *arrange(model(losses.mse, NUMBERS), D, H, K)),
    ("mse with mask", *arrange(model(losses.mse, NUMBERS, mask=MASK), D, H, K, lengths=LENGTHS)),
    ("cross_entropy without mask", *arrange(model(losses.cross_entropy, CLASSES), D, H, K)),
    ("embedding, lstm, linear with cross_entropy", *arrange(TEXT, V, D, H, K, x=IDS, lengths=LENGTHS)),
]


def parametrize(cases):
    """Run a test once for each row of such a table, as its arguments layer, params, inputs, settings."""
    return pytest.mark.parametrize("layer, params, inputs, settings", [pytest.param(*c[1:], id=c[0]) for c in cases])


each_case = parametrize(CASES)
each_method = pytest.mark.parametrize("method", TOLERANCE)
