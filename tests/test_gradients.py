"""Every backward pass is the derivative of its forward pass: alone, composed, in chunks, and on padded batches."""

from collections import namedtuple
from itertools import pairwise, starmap

import numpy as np
import pytest

from helpers import (LENGTHS, MASK, TOLERANCE, B, D, H, K, T, assert_same, big, each_case, each_method, generator, like,
                     normal, total)
from minirnn import compose, gradcheck, gru, linear, lstm, rnn, tree

RECURRENT = {  # layer, sizes
    "rnn": (rnn, D, H),
    "lstm": (lstm, D, H),
    "gru": (gru, D, H),
    "rnn, lstm": (compose.chain(rnn, lstm), D, K, H),
    "gru, lstm, gru": (compose.chain(gru, lstm, gru), D, K, 7, H),
    "lstm, linear": (compose.chain(lstm, linear), D, H, K),
}
WITHOUT_READ_OUT = [name for name in RECURRENT if "linear" not in name]


def each_layer(*names):
    rows = [pytest.param(layer, sizes, id=name) for name, (layer, *sizes) in RECURRENT.items() if name in names]
    return pytest.mark.parametrize("layer, sizes", rows)


def problem(layer, sizes, steps=T, dtype=np.float64):
    """Parameters, inputs and an initial state, and the generator they came from."""
    rng = generator()
    params, x = big(rng, layer, *sizes, dtype=dtype), normal(rng, B, steps, D, dtype=dtype)
    _, state, _ = layer.forward(params, x)
    return params, x, like(rng, state), rng


Chunk = namedtuple("Chunk", "steps before y after cache")


def in_chunks(layer, params, x, state, cuts=(2, 3)):
    """Run the steps from cut to cut, each chunk from the state that the one before it ended in."""
    chunks = []
    for steps in starmap(slice, pairwise([0, *cuts, x.shape[1]])):
        chunks.append(Chunk(steps, state, *layer.forward(params, x[:, steps], state)))
        state = chunks[-1].after
    return chunks


def final_state_only(layer):
    """The layer with its final state as the only output, so that a gradient arrives nowhere else."""
    def forward(params, x, state, lengths=None):
        y, state, cache = layer.forward(params, x, state, lengths=lengths)
        return state, (cache, np.zeros_like(y))

    def backward(cache, dstate):
        return layer.backward(*cache, dstate)

    return compose.Layer(layer.init, forward, backward, sizes=2)


@each_method
@each_case
def test_backward_is_the_derivative_of_forward(layer, params, inputs, settings, method):
    report = gradcheck.check(layer, params, *inputs, rng=generator(2), method=method, **settings)
    assert report.ok and report.max_error <= TOLERANCE[method], f"\n{report}"


@each_method
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "padded"])
@each_layer(*RECURRENT)
def test_a_gradient_may_arrive_at_the_final_state_alone(layer, sizes, lengths, method):
    params, x, state, rng = problem(layer, sizes)
    report = gradcheck.check(final_state_only(layer), params, x, state, rng=rng, method=method, lengths=lengths)
    assert report.ok and report.max_error <= TOLERANCE[method], f"\n{report}"


@pytest.mark.parametrize("layer", [rnn, lstm, gru])
def test_no_gradient_from_outside_is_a_gradient_of_zero(layer):
    params, x, state, rng = problem(layer, (D, H))
    h, after, cache = layer.forward(params, x, state)
    dstate = like(rng, after)
    assert_same(layer.backward(cache, None, dstate), layer.backward(cache, np.zeros_like(h), dstate))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_layer(*WITHOUT_READ_OUT)
def test_chunks_with_carried_state_equal_the_whole_bit_for_bit(layer, sizes, dtype):
    params, x, state, _ = problem(layer, sizes, steps=9, dtype=dtype)
    y, after, _ = layer.forward(params, x, state)
    chunks = in_chunks(layer, params, x, state)
    assert_same((np.concatenate([chunk.y for chunk in chunks], axis=1), chunks[-1].after), (y, after))


def test_a_read_out_in_chunks_equals_the_whole_up_to_rounding():
    # A linear layer takes all steps in one product; BLAS may add up a product of another size in another order.
    layer, *sizes = RECURRENT["lstm, linear"]
    params, x, state, _ = problem(layer, sizes, steps=9)
    y, after, _ = layer.forward(params, x, state)
    chunks = in_chunks(layer, params, x, state)
    assert_same(chunks[-1].after, after)
    assert_same(np.concatenate([chunk.y for chunk in chunks], axis=1), y, 1e-14)


@each_layer(*RECURRENT)
def test_backward_through_chunks_equals_the_whole(layer, sizes):
    params, x, state, rng = problem(layer, sizes, steps=9)
    y, after, cache = layer.forward(params, x, state)
    dy, dstate = like(rng, (y, after))
    whole = layer.backward(cache, dy, dstate)
    grads, dx = [], np.empty_like(x)
    for chunk in reversed(in_chunks(layer, params, x, state)):
        g, dx[:, chunk.steps], dstate = layer.backward(chunk.cache, dy[:, chunk.steps], dstate)
        grads.append(g)
    assert_same((total(*grads), dx, dstate), whole, 1e-12)


@each_layer(*RECURRENT)
def test_truncated_gradients_hold_the_state_before_each_chunk_constant(layer, sizes):
    params, x, state, rng = problem(layer, sizes, steps=9)
    chunks = in_chunks(layer, params, x, state)
    dy = normal(rng, *layer.forward(params, x, state)[0].shape)

    def loss(_):
        return sum((dy[:, c.steps] * layer.forward(params, x[:, c.steps], c.before)[0]).sum() for c in chunks)

    grads = total(*(layer.backward(c.cache, dy[:, c.steps])[0] for c in chunks))
    assert_same(grads, tree.map(lambda p: gradcheck.numerical(loss, p), params), 1e-8)


@each_layer(*RECURRENT)
def test_a_padded_batch_equals_each_sequence_alone(layer, sizes):
    params, x, state, rng = problem(layer, sizes)
    y, after, cache = layer.forward(params, x, state, LENGTHS)
    dy, dafter = like(rng, (y, after))
    dy[~MASK] = 0  # as from a masked loss
    grads, dx, dstate = layer.backward(cache, dy, dafter)
    alone = []
    for b, n in enumerate(LENGTHS):
        one = lambda given: tree.map(lambda array: array[b:b + 1], given)
        y_b, after_b, cache = layer.forward(params, one(x)[:, :n], one(state))
        grads_b, dx_b, dstate_b = layer.backward(cache, one(dy)[:, :n], one(dafter))
        assert_same((y_b, after_b, dx_b, dstate_b), (one(y)[:, :n], one(after), one(dx)[:, :n], one(dstate)), 1e-13)
        alone.append(grads_b)
    assert_same(total(*alone), grads, 1e-13)


@each_layer(*WITHOUT_READ_OUT)
def test_padding_is_zero_in_and_out(layer, sizes):
    params, x, state, rng = problem(layer, sizes)
    y, after, cache = layer.forward(params, x, state, LENGTHS)
    _, dx, _ = layer.backward(cache, like(rng, y), like(rng, after))
    assert not y[~MASK].any() and not dx[~MASK].any()


@each_layer(*WITHOUT_READ_OUT)
def test_a_gradient_on_padding_is_ignored(layer, sizes):
    params, x, state, rng = problem(layer, sizes)
    y, after, cache = layer.forward(params, x, state, LENGTHS)
    dy, dafter = like(rng, (y, after))
    assert_same(layer.backward(cache, dy, dafter), layer.backward(cache, dy * MASK[..., None], dafter))


@each_layer(*RECURRENT)
def test_without_steps_the_state_and_its_gradient_pass_straight_through(layer, sizes):
    params, x, state, rng = problem(layer, sizes, steps=0)
    y, after, cache = layer.forward(params, x, state)
    dafter = like(rng, after)
    grads, dx, dstate = layer.backward(cache, y, dafter)
    assert_same((after, dstate), (state, dafter))
    assert_same((grads, dx), (tree.map(np.zeros_like, params), x))
