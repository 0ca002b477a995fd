"""Every backward pass is the derivative of its forward pass: alone, composed, in chunks, and on padded batches."""

from collections import namedtuple
from itertools import pairwise, starmap

import numpy as np
import pytest

from helpers import (ATTENTION, LENGTHS, MASK, TOLERANCE, B, D, H, K, T, assert_same, big, each_case, each_method,
                     generator, like, normal, queries, spaced, total)
from minirnn import attention, compose, gradcheck, gru, linear, lstm, normalize, rnn, tree

RECURRENT = {  # layer, sizes
    "rnn": (rnn, D, H),
    "lstm": (lstm, D, H),
    "gru": (gru, D, H),
    "rnn, lstm": (compose.chain(rnn, lstm), D, K, H),
    "gru, lstm, gru": (compose.chain(gru, lstm, gru), D, K, 7, H),
    "lstm, linear": (compose.chain(lstm, linear), D, H, K),
    "layer_norm_lstm": (normalize.layer_norm_lstm, D, H),
    "decayed(lstm)": (spaced(lstm), D, H),
    "stack(lstm, 2)": (compose.stack(lstm, 2), D, H),
    "stack(residual(gru), 2)": (compose.stack(compose.residual(gru), 2), D, D),
    "bidirectional(gru)": (compose.bidirectional(gru), D, K),
    "gru, self_attention": (compose.chain(gru, compose.self_attention(attention.additive)), D, H),
}
LOOK_AHEAD = {"bidirectional(gru)", "gru, self_attention"}  # so they cannot be run in chunks
AT_ONCE = {"lstm, linear", "layer_norm_lstm"}  # these take all steps in one product; BLAS may add up others otherwise
PASS_PADDING_ON = {"lstm, linear", "stack(residual(gru), 2)", "gru, self_attention"}  # what is beyond is not zero
NEED_DY = {"lstm, linear", "gru, self_attention"}


def each_layer(names=RECURRENT.keys()):
    rows = [pytest.param(layer, sizes, id=name) for name, (layer, *sizes) in RECURRENT.items() if name in names]
    return pytest.mark.parametrize("layer, sizes", rows)


def each_layer_but(names):
    return each_layer(RECURRENT.keys() - names)


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
@each_layer()
def test_a_gradient_may_arrive_at_the_final_state_alone(layer, sizes, lengths, method):
    params, x, state, rng = problem(layer, sizes)
    report = gradcheck.check(final_state_only(layer), params, x, state, rng=rng, method=method, lengths=lengths)
    assert report.ok and report.max_error <= TOLERANCE[method], f"\n{report}"


@each_layer_but(NEED_DY)
def test_no_gradient_from_outside_is_a_gradient_of_zero(layer, sizes):
    params, x, state, rng = problem(layer, sizes)
    h, after, cache = layer.forward(params, x, state)
    dstate = like(rng, after)
    assert_same(layer.backward(cache, None, dstate), layer.backward(cache, np.zeros_like(h), dstate))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_layer_but(LOOK_AHEAD | AT_ONCE)
def test_chunks_with_carried_state_equal_the_whole_bit_for_bit(layer, sizes, dtype):
    params, x, state, _ = problem(layer, sizes, steps=9, dtype=dtype)
    y, after, _ = layer.forward(params, x, state)
    chunks = in_chunks(layer, params, x, state)
    assert_same((np.concatenate([chunk.y for chunk in chunks], axis=1), chunks[-1].after), (y, after))


@each_layer(AT_ONCE)
def test_steps_that_are_taken_at_once_equal_those_in_chunks_up_to_rounding(layer, sizes):
    params, x, state, _ = problem(layer, sizes, steps=9)
    y, after, _ = layer.forward(params, x, state)
    chunks = in_chunks(layer, params, x, state)
    assert_same((np.concatenate([chunk.y for chunk in chunks], axis=1), chunks[-1].after), (y, after), 1e-14)


@each_layer_but(LOOK_AHEAD)
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


@each_layer_but(LOOK_AHEAD)
def test_truncated_gradients_hold_the_state_before_each_chunk_constant(layer, sizes):
    params, x, state, rng = problem(layer, sizes, steps=9)
    chunks = in_chunks(layer, params, x, state)
    dy = normal(rng, *layer.forward(params, x, state)[0].shape)

    def loss(_):
        return sum((dy[:, c.steps] * layer.forward(params, x[:, c.steps], c.before)[0]).sum() for c in chunks)

    grads = total(*(layer.backward(c.cache, dy[:, c.steps])[0] for c in chunks))
    assert_same(grads, tree.map(lambda p: gradcheck.numerical(loss, p), params), 1e-8)


@each_layer()
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


@each_layer_but(PASS_PADDING_ON)
def test_padding_is_zero_in_and_out(layer, sizes):
    params, x, state, rng = problem(layer, sizes)
    y, after, cache = layer.forward(params, x, state, LENGTHS)
    _, dx, _ = layer.backward(cache, like(rng, y), like(rng, after))
    assert not y[~MASK].any() and not dx[~MASK].any()


def test_residual_passes_padding_on_and_its_gradient_back():
    layer, *sizes = RECURRENT["stack(residual(gru), 2)"]
    params, x, state, rng = problem(layer, sizes)
    y, _, cache = layer.forward(params, x, state, LENGTHS)
    dy = like(rng, y)
    _, dx, _ = layer.backward(cache, dy)
    assert_same((y[~MASK], dx[~MASK]), (x[~MASK], dy[~MASK]))


@each_layer_but(PASS_PADDING_ON)
def test_a_gradient_on_padding_is_ignored(layer, sizes):
    params, x, state, rng = problem(layer, sizes)
    y, after, cache = layer.forward(params, x, state, LENGTHS)
    dy, dafter = like(rng, (y, after))
    assert_same(layer.backward(cache, dy, dafter), layer.backward(cache, dy * MASK[..., None], dafter))


@each_layer()
def test_without_steps_the_state_and_its_gradient_pass_straight_through(layer, sizes):
    params, x, state, rng = problem(layer, sizes, steps=0)
    y, after, cache = layer.forward(params, x, state)
    dafter = like(rng, after)
    grads, dx, dstate = layer.backward(cache, y, dafter)
    assert_same((after, dstate), (state, dafter))
    assert_same((grads, dx), (tree.map(np.zeros_like, params), x))


# --- Attention: queries, keys and values

each_attention = pytest.mark.parametrize("name", ATTENTION)


def attended(layer, params, inputs, lengths, doutputs):
    """The outputs, context and weights, and what backward returns for these gradients of both."""
    *outputs, cache = layer.forward(params, *inputs, lengths)
    return *outputs, *layer.backward(cache, *doutputs)


@each_attention
def test_a_padded_batch_of_keys_equals_each_sequence_alone(name):
    rng = generator()
    layer, params, (q, k, v) = queries(name, rng)
    dcontext, dweights = like(rng, layer.forward(params, q, k, v)[:2])
    context, weights, grads, dq, dk, dv = attended(layer, params, (q, k, v), LENGTHS, (dcontext, dweights))
    alone = []
    for b, n in enumerate(LENGTHS):
        one, keys = slice(b, b + 1), (slice(b, b + 1), slice(n))
        doutputs = dcontext[one], dweights[one][..., :n]
        *all_of_b, grads_b, dq_b, dk_b, dv_b = attended(layer, params, (q[one], k[keys], v[keys]), None, doutputs)
        assert_same(all_of_b, [context[one], weights[one][..., :n]], 1e-13)
        assert_same((dq_b, dk_b, dv_b), (dq[one], dk[keys], dv[keys]), 1e-13)
        alone.append(grads_b)
    assert_same(total(*alone), grads, 1e-13)


@each_attention
def test_keys_and_values_beyond_the_lengths_have_no_weight_and_no_gradient(name):
    rng = generator()
    layer, params, inputs = queries(name, rng)
    doutputs = like(rng, layer.forward(params, *inputs)[:2])
    _, weights, _, _, dk, dv = attended(layer, params, inputs, LENGTHS, doutputs)
    assert not dk[~MASK].any() and not dv[~MASK].any()
    assert not np.moveaxis(weights, -1, 1)[~MASK].any()


@pytest.mark.parametrize("causal", [False, True])
@each_attention
def test_the_weights_of_each_query_sum_to_one_or_to_zero_where_there_is_no_key(name, causal):
    layer, params, inputs = queries(name, generator())
    _, weights, _ = layer.forward(params, *inputs, LENGTHS, causal)
    sums = np.broadcast_to((LENGTHS > 0).reshape(-1, *[1] * (weights.ndim - 2)), weights.shape[:-1])
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=-1), sums, atol=1e-15)


@each_attention
def test_no_gradient_of_the_weights_is_a_gradient_of_zero(name):
    layer, params, inputs = queries(name, generator())
    context, weights, cache = layer.forward(params, *inputs, LENGTHS)
    assert_same(layer.backward(cache, context), layer.backward(cache, context, np.zeros_like(weights)))


@pytest.mark.parametrize("steps", [{"T": 0}, {"Tq": 0}, {"T": 0, "Tq": 0}], ids=["keys", "queries", "either"])
@each_attention
def test_attention_without_steps_has_nothing_to_say_and_no_gradient(name, steps):
    layer, params, inputs = queries(name, generator(), **steps)
    context, weights, cache = layer.forward(params, *inputs)
    zeros = layer.forward(params, *(np.zeros((B, 1, x.shape[2])) for x in inputs), np.zeros(B, int))[0]
    grads, *dinputs = layer.backward(cache, np.zeros_like(context), weights)
    assert_same(context, np.broadcast_to(zeros, context.shape))  # multi_head's b_o, else 0
    assert_same((grads, dinputs), (tree.map(np.zeros_like, params), [np.zeros_like(x) for x in inputs]))
