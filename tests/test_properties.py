"""What must hold for every shape and all numbers: hypothesis looks for those where it does not."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import DEEP, GATED, assert_same, big, everything, generator, in_used_memory, like, normal, total
from minirnn import compose, embedding, gradcheck, gru, linear, losses, lstm, optim, rnn, tree
from minirnn.layers import sequence

LAYERS = {  # layer, how many widths
    "rnn": (rnn, 2),
    "lstm": (lstm, 2),
    "gru": (gru, 2),
    "lstm, rnn": (compose.chain(lstm, rnn), 3),
    "gru, lstm": (compose.chain(gru, lstm), 3),
    "lstm, linear": (compose.chain(lstm, linear), 3),
}
seeds = st.integers(0, 2**32)


def numbers(rng, layer, B, T, *widths, dtype=np.float64):
    """Parameters, inputs, and what the layer makes of them: outputs and a final state."""
    params, x = big(rng, layer, *widths, dtype=dtype), normal(rng, B, T, widths[0], dtype=dtype)
    return params, x, *layer.forward(params, x)[:2]


@st.composite
def problems(draw, dtype=np.float64):
    """A layer with parameters, inputs, an initial state, and the gradients that arrive at what it returns."""
    layer, count = LAYERS[draw(st.sampled_from(list(LAYERS)))]
    B, T, *widths = (draw(st.integers(1, 6)) for _ in range(2 + count))
    rng = generator(draw(seeds))
    params, x, y, state = numbers(rng, layer, B, T, *widths, dtype=dtype)
    state, dy, dstate = like(rng, (state, y, state))
    return SimpleNamespace(rng=rng, layer=layer, B=B, T=T, params=params, x=x, state=state, dy=dy, dstate=dstate,
                           lengths=rng.integers(0, T + 1, size=B))


def run(p, **changed):
    """All that a problem returns, forward and backward: outputs, state, gradients of parameters, inputs and state."""
    p = SimpleNamespace(**vars(p) | changed)
    y, state, cache = p.layer.forward(p.params, p.x, p.state, lengths=p.lengths)
    return y, state, *p.layer.backward(cache, p.dy, p.dstate)


@given(problems(), st.data())
def test_no_output_depends_on_a_later_input(p, data):
    t = data.draw(st.integers(0, p.T - 1))
    future = p.x.copy()
    future[:, t:] = normal(p.rng, *future[:, t:].shape)
    assert_same(run(p, x=future)[0][:, :t], run(p)[0][:, :t])


@given(problems())
def test_the_order_of_the_batch_does_not_matter(p):
    order = p.rng.permutation(p.B)
    permuted = lambda given: tree.map(lambda array: array[order], given)
    y, state, grads, dx, dstate = run(p)
    given = {name: permuted(vars(p)[name]) for name in ("x", "state", "dy", "dstate", "lengths")}
    assert_same(run(p, **given), (*permuted((y, state)), grads, *permuted((dx, dstate))), 1e-12)


@given(problems(), st.sampled_from([1.0, 1e6]))
def test_the_numbers_in_the_padding_do_not_matter(p, scale):
    padding = ~losses.length_mask(p.lengths, p.T)
    other = p.x.copy()
    other[padding] = scale * normal(p.rng, *other[padding].shape)
    assert_same(run(p, x=other), run(p))


@given(problems())
def test_backward_again_returns_the_same_and_nothing_given_is_changed(p):
    given = (p.params, p.x, p.state, p.dy, p.dstate, p.lengths)
    before = copy.deepcopy(given)
    *_, cache = p.layer.forward(p.params, p.x, p.state, lengths=p.lengths)
    first = copy.deepcopy(p.layer.backward(cache, p.dy, p.dstate))
    assert_same(p.layer.backward(cache, p.dy, p.dstate), first)
    assert_same(given, before)


@given(problems())
def test_none_means_zeros_for_states_and_all_steps_for_lengths(p):
    nothing = {"state": None, "dstate": None, "lengths": None}
    zeros = tree.map(np.zeros_like, p.state)
    assert_same(run(p, **nothing), run(p, state=zeros, dstate=zeros, lengths=np.full(p.B, p.T)))


@given(st.sampled_from([rnn, lstm, gru]), st.integers(1, 4), seeds)
def test_a_layer_used_twice_has_the_sum_of_two_gradients(layer, width, seed):
    rng = generator(seed)
    params, x = big(rng, layer, width, width), normal(rng, 2, 3, width)
    h, _, lower = layer.forward(params, x)
    y, _, upper = layer.forward(params, h)
    dy = like(rng, y)
    upper_grads, dh, _ = layer.backward(upper, dy)
    lower_grads, _, _ = layer.backward(lower, dh)
    loss = lambda _: (dy * layer.forward(params, layer.forward(params, x)[0])[0]).sum()
    numerical = tree.map(lambda p: gradcheck.numerical(loss, p), params)
    assert_same(total(upper_grads, lower_grads), numerical, 1e-6)


@given(problems(), st.floats(1e-3, 1e3))
def test_clipping_bounds_the_norm_and_keeps_the_direction(p, max_norm):
    grads = run(p)[2]
    before = copy.deepcopy(grads)
    norm = np.linalg.norm(np.concatenate([g.ravel() for _, g in tree.leaves(grads)]))
    np.testing.assert_allclose(optim.clip_by_norm(grads, max_norm), norm, rtol=1e-12)
    np.testing.assert_allclose(optim.norm(grads), min(norm, max_norm), rtol=1e-12)
    scale = min(1, max_norm / norm) if norm else 1
    assert_same(grads, tree.map(lambda g: scale * g, before), 1e-12 * max_norm)


def dtypes(given):
    return {array.dtype for _, array in tree.leaves(given)}


each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@each_dtype
@given(st.data())
def test_layers_keep_the_dtype(dtype, data):
    assert dtypes(run(data.draw(problems(dtype)))) == {np.dtype(dtype)}


@each_dtype
@given(st.lists(st.integers(0, 4), max_size=3), st.integers(1, 5), st.integers(1, 3), seeds)
def test_an_embedding_is_a_linear_layer_whose_inputs_are_one_hot(dtype, shape, V, D, seed):
    rng = generator(seed)
    params, ids = big(rng, embedding, V, D, dtype=dtype), rng.integers(V, size=shape)
    x, cache = embedding.forward(params, ids)
    y, linear_cache = linear.forward({"W": params["W"].T, "b": np.zeros(D, dtype)}, np.eye(V, dtype=dtype)[ids])
    dx = like(rng, x)
    (grads, nothing), (linear_grads, _) = embedding.backward(cache, dx), linear.backward(linear_cache, dx)
    assert nothing is None and dtypes((x, grads)) == {np.dtype(dtype)}
    assert_same(x, y)
    assert_same(grads["W"], linear_grads["W"].T, 1000 * np.finfo(dtype).eps)  # BLAS may add up in another order


@each_dtype
@given(seeds)
def test_the_gradients_of_losses_keep_the_dtype(dtype, seed):
    rng = generator(seed)
    y, target = normal(rng, 2, 3, 4, dtype=dtype), normal(rng, 2, 3, 4)
    _, mse = losses.mse(y, target)
    _, cross_entropy = losses.cross_entropy(y, target.argmax(axis=-1))
    assert dtypes((losses.mse_backward(mse), losses.cross_entropy_backward(cross_entropy))) == {np.dtype(dtype)}


@each_dtype
@pytest.mark.parametrize("optimizer", [lambda: optim.SGD(0.1, momentum=0.9), lambda: optim.Adam(weight_decay=0.1)],
                         ids=["SGD", "Adam"])
@given(st.data())
def test_optimizers_keep_the_dtype(optimizer, dtype, data):
    p, opt = data.draw(problems(dtype)), optimizer()
    for _ in range(2):
        opt.step(p.params, run(p)[2])
    moments = [array for _, array in tree.leaves(opt.state) if np.ndim(array)]
    assert dtypes((p.params, moments)) == {np.dtype(dtype)}


@st.composite
def successive(draw, layer, count):
    """Two to five problems for `in_used_memory`: of two sizes and dtypes in all, with new numbers each time."""
    sizes = st.tuples(st.sampled_from([np.float32, np.float64]), *[st.sampled_from([1, 3])] * (2 + count))
    two = st.sampled_from([draw(sizes), draw(sizes)])
    drawn = []
    for dtype, B, T, *widths in draw(st.lists(two, min_size=2, max_size=5)):
        rng = generator(draw(seeds))
        params, x, _, state = numbers(rng, layer, B, T, *widths, dtype=dtype)
        lengths = draw(st.sampled_from([None, rng.integers(1, T + 1, size=B)]))
        drawn.append((params, (x, like(rng, state)), {"lengths": lengths}))
    return drawn


each_with_out = pytest.mark.parametrize("layer, count", [(rnn, 2), (lstm, 2), (gru, 2), (DEEP, 4), (GATED, 5)],
                                        ids=["rnn", "lstm", "gru", "chain", "chain with gru"])


@each_with_out
@given(st.data())
def test_a_pass_in_used_memory_returns_what_one_in_fresh_memory_does_bit_for_bit(layer, count, data):
    for fresh, again in in_used_memory(layer, data.draw(successive(layer, count))):
        assert_same(again, fresh)
        assert dtypes(again) == dtypes(fresh)


@each_with_out
@given(st.data())
def test_what_a_pass_returned_is_not_changed_by_later_ones_in_its_memory(layer, count, data):
    for fresh, again in list(in_used_memory(layer, data.draw(successive(layer, count)))):  # when all have run
        assert_same(again, fresh)


@pytest.mark.parametrize("chained", [False, True], ids=["alone", "in a chain"])
@pytest.mark.parametrize("layer", [rnn, lstm, gru], ids=["rnn", "lstm", "gru"])
def test_memory_of_the_right_size_and_dtype_is_used_again(layer, chained):
    layer = compose.chain(layer) if chained else layer
    params, x, *_ = numbers(generator(), layer, 3, 4, 2, 5)
    arrays = lambda cache: [id(array) for _, array in tree.leaves(cache) if isinstance(array, np.ndarray)]
    *_, cache = layer.forward(params, x)
    *_, again = layer.forward(params, x, out=cache)
    assert arrays(again) == arrays(cache)


@given(st.integers(0, 2000), st.integers(1, 2**18))
def test_blocks_hold_every_step_once_and_the_last_comes_first(T, step_size):
    blocks = sequence.blocks_from_the_end(T, step_size)
    assert [t for block in blocks for t in range(T)[block][::-1]] == list(range(T))[::-1]


def test_backward_in_blocks_of_steps_equals_all_steps_at_once(monkeypatch):
    B, T, D, H = 64, 40, 2, 64
    assert len(sequence.blocks_from_the_end(T, 4 * H * B)) == 3
    rng = generator()
    problem = lstm, lstm.init(rng, D, H, dtype=np.float64), [normal(rng, B, T, D)], {}
    in_blocks, _ = everything(*problem)
    monkeypatch.setattr(sequence, "blocks_from_the_end", lambda T, step_size: [slice(T)])
    assert_same(in_blocks, everything(*problem)[0], 1e-12)
