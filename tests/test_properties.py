"""What must hold for every shape and all numbers: hypothesis looks for those where it does not."""

import copy
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers import (ATTENTION, NORMALIZED, WITH_MASKS, arrange, assert_same, big, everything, generator,
                     like, normal, queries, spaced, total)
from minirnn import (attention, compose, decayed, embedding, fast, gradcheck, gru, linear, losses, lstm, normalize,
                     optim, rnn, tree)

TIED = compose.tied(compose.chain(embedding, lstm, linear))
TWO_HEADS = compose.chain(compose.self_attention(compose.with_settings(attention.multi_head, heads=2)))
CAUSAL = compose.chain(rnn, compose.with_settings(compose.self_attention(attention.additive), causal=True))
LAYERS = {  # layer, its widths: each letter any number, where V is first not of features but of words
    "rnn": (rnn, "D H"),
    "lstm": (lstm, "D H"),
    "fast.rnn": (fast.rnn, "D H"),
    "fast.lstm": (fast.lstm, "D H"),
    "fast.gru": (fast.gru, "D H"),
    "gru": (gru, "D H"),
    "lstm, rnn": (compose.chain(lstm, rnn), "D H K"),
    "gru, lstm": (compose.chain(gru, lstm), "D H K"),
    "lstm, linear": (compose.chain(lstm, linear), "D H K"),
    "layer_norm_lstm": (normalize.layer_norm_lstm, "D H"),
    "decayed(gru)": (spaced(gru), "D H"),
    "stack(lstm, 2) with dropout": (WITH_MASKS, "D H"),
    "residual(gru)": (compose.residual(gru), "H H"),
    "bidirectional(lstm)": (compose.bidirectional(lstm), "D 2H"),
    "bidirectional, layer_norm": (compose.chain(compose.bidirectional(gru), normalize.layer_norm), "D 2H"),
    "self_attention": (TWO_HEADS, "2D"),
    "rnn, causal self_attention": (CAUSAL, "D H"),
    "gru, self_attention": (compose.chain(gru, compose.self_attention(attention.dot)), "D H"),
    "batch_norm, rnn": (NORMALIZED, "D H"),
    "tied": (TIED, "V D D V"),
}
LOOK_AHEAD = {"bidirectional(lstm)", "bidirectional, layer_norm", "self_attention", "gru, self_attention",
              "batch_norm, rnn"}
PASS_PADDING_ON = {"residual(gru)", "self_attention"}  # what is beyond is not zero, nor is its gradient ignored
NOT_THE_SAME_IN_ALL_ROWS = {"stack(lstm, 2) with dropout"}
seeds = st.integers(0, 2**32)
for_each_of_many = settings(max_examples=10 * len(LAYERS))  # about ten for each layer


def widths_of(spelled, sizes):
    """"D 2H" to the widths, two numbers, where sizes gives a number for each letter."""
    return [int(factor or 1) * sizes[letter] for factor, letter in re.findall(r"(\d*)([A-Z])", spelled)]


def inputs(rng, layer, shape, width, dtype, scale=1):
    """Random features (B, T, D), or where the layer reads words, ids (B, T)."""
    return rng.integers(width, size=shape) if layer is TIED else scale * normal(rng, *shape, width, dtype=dtype)


def numbers(rng, layer, B, T, *widths, dtype=np.float64):
    """Parameters, inputs, and what the layer makes of them: outputs and a final state."""
    params, x = big(rng, layer, *widths, dtype=dtype), inputs(rng, layer, (B, T), widths[0], dtype)
    return params, x, *layer.forward(params, x)[:2]


@st.composite
def problems(draw, dtype=np.float64, names=LAYERS.keys()):
    """A layer with parameters, inputs, an initial state, and the gradients that arrive at what it returns."""
    name = draw(st.sampled_from([name for name in LAYERS if name in names]))
    layer, spelled = LAYERS[name]
    B, T, *sizes = (draw(st.integers(1, 6)) for _ in "BTDHKV")
    widths = widths_of(spelled, dict(zip("DHKV", sizes)))
    rng = generator(draw(seeds))
    lengths = rng.integers(0, T + 1, size=B)
    assume("batch_norm" not in name or lengths.sum() > 1)
    params, x, y, state = numbers(rng, layer, B, T, *widths, dtype=dtype)
    state, dy, dstate = like(rng, (state, y, state))
    others = lambda shape, scale=1: inputs(rng, layer, shape, widths[0], dtype, scale)
    return SimpleNamespace(rng=rng, name=name, layer=layer, B=B, T=T, params=params, x=x, others=others, state=state,
                           dy=dy, dstate=dstate, lengths=lengths)


def run(p, **changed):
    """All that a problem returns, forward and backward: outputs, state, gradients of parameters, inputs and state."""
    p = SimpleNamespace(**vars(p) | changed)
    y, state, cache = p.layer.forward(p.params, p.x, p.state, lengths=p.lengths)
    return y, state, *p.layer.backward(cache, p.dy, p.dstate)


@for_each_of_many
@given(problems(names=LAYERS.keys() - LOOK_AHEAD), st.data())
def test_no_output_depends_on_a_later_input(p, data):
    t = data.draw(st.integers(0, p.T - 1))
    future = p.x.copy()
    future[:, t:] = p.others((p.B, p.T - t))
    assert_same(run(p, x=future)[0][:, :t], run(p)[0][:, :t])


@for_each_of_many
@given(problems(names=LAYERS.keys() - NOT_THE_SAME_IN_ALL_ROWS))
def test_the_order_of_the_batch_does_not_matter(p):
    order = p.rng.permutation(p.B)
    permuted = lambda given: tree.map(lambda array: array[order], given)
    y, state, grads, dx, dstate = run(p)
    given = {name: permuted(vars(p)[name]) for name in ("x", "state", "dy", "dstate", "lengths")}
    assert_same(run(p, **given), (*permuted((y, state)), grads, *permuted((dx, dstate))), 1e-12)


@for_each_of_many
@given(problems(), st.sampled_from([1.0, 1e6]))
def test_the_numbers_in_the_padding_do_not_matter(p, scale):
    real = losses.length_mask(p.lengths, p.T)
    other = np.where(real.reshape(p.B, p.T, *[1] * (p.x.ndim - 2)), p.x, p.others((p.B, p.T), scale))
    if p.name in PASS_PADDING_ON:
        p.dy[~real] = 0  # as from a masked loss
    (y, *rest), (expected, *expected_rest) = run(p, x=other), run(p)
    if p.name in PASS_PADDING_ON:
        y, expected = y[real], expected[real]
    assert_same((y, rest), (expected, expected_rest))


@for_each_of_many
@given(problems())
def test_backward_again_returns_the_same_and_nothing_given_is_changed(p):
    given = (p.params, p.x, p.state, p.dy, p.dstate, p.lengths)
    before = copy.deepcopy(given)
    *_, cache = p.layer.forward(p.params, p.x, p.state, lengths=p.lengths)
    first = copy.deepcopy(p.layer.backward(cache, p.dy, p.dstate))
    assert_same(p.layer.backward(cache, p.dy, p.dstate), first)
    assert_same(given, before)


@for_each_of_many
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
@for_each_of_many
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


# --- A fast twin computes what the text says

TWINS = {"rnn": (fast.rnn, rnn), "lstm": (fast.lstm, lstm), "gru": (fast.gru, gru)}
ROUNDING = {np.float64: 1e-12, np.float32: 2e-4}  # in float32 the text itself is as far from float64


@st.composite
def twin_problems(draw, layer, dtype):
    """Parameters, an input, a state, lengths, and what arrives at h and at the final state. Each may be missing."""
    B, D, H = (draw(st.integers(1, 5)) for _ in "BDH")
    T = draw(st.integers(0, 9))
    rng = generator(draw(seeds))
    params, x = big(rng, layer, D, H, dtype=dtype), normal(rng, B, T, D, dtype=dtype)
    _, final, _ = layer.forward(params, x)
    some = lambda array: draw(st.sampled_from([None, like(rng, array)]))
    dfinal = tuple(map(some, final)) if isinstance(final, tuple) else some(final)
    return SimpleNamespace(params=params, x=x, state=some(final), dstate=dfinal,
                           lengths=draw(st.sampled_from([None, rng.integers(0, T + 1, size=B)])),
                           dh=some(np.zeros((B, T, H), dtype)))


@each_dtype
@pytest.mark.parametrize("twin, text", TWINS.values(), ids=TWINS)
@given(st.data())
def test_a_fast_twin_returns_what_the_text_returns(twin, text, dtype, data):
    p = data.draw(twin_problems(text, dtype))
    answers = []
    for layer in (twin, text):
        h, state, cache = layer.forward(p.params, p.x, p.state, p.lengths)
        inside = layer.trace(cache) if text is lstm else None
        answers.append([h, state, inside, *layer.backward(cache, p.dh, p.dstate)])
    assert_same(*answers, ROUNDING[dtype])
    assert dtypes(answers) == {np.dtype(dtype)}


@given(st.data())
def test_inference_returns_what_a_pass_that_keeps_every_step_does_bit_for_bit(data):
    p = data.draw(twin_problems(lstm, np.float32))
    inputs = p.params, p.x, p.state, p.lengths
    assert_same(fast.lstm.forward(*inputs, inference=True)[:2], fast.lstm.forward(*inputs)[:2])


@pytest.mark.parametrize("activation", rnn.ACTIVATIONS)
def test_the_fast_rnn_has_both_activations(activation):
    problem = arrange(rnn, 2, 5, activation=activation)[1:]
    assert_same(everything(fast.rnn, *problem)[0], everything(rnn, *problem)[0], 1e-12)


@given(st.data(), st.integers(1, 4))
def test_the_fast_lstm_in_blocks_of_steps(data, steps):
    """Long sequences and large batches are walked back in blocks of steps; here all are short."""
    p = data.draw(twin_problems(lstm, np.float64))
    *_, cache = fast.lstm.forward(p.params, p.x, p.state, p.lengths)
    whole = fast.lstm.backward(cache, p.dh, p.dstate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast.lstm, "_blocks_from_the_end", lambda T, _: [
            slice(max(0, stop - steps), stop) for stop in range(T, 0, -steps)])
        assert_same(fast.lstm.backward(cache, p.dh, p.dstate), whole, 1e-12)


@given(st.integers(0, 2000), st.integers(1, 2**18))
def test_blocks_hold_every_step_once_and_the_last_comes_first(T, step_size):
    blocks = fast.lstm._blocks_from_the_end(T, step_size)
    assert [t for block in blocks for t in range(T)[block][::-1]] == list(range(T))[::-1]


def test_inference_keeps_little_memory():
    params, x, *_ = numbers(generator(), lstm, 3, 100, 4, 20)
    whole, inference = (sum(array.nbytes for _, array in tree.leaves(fast.lstm.forward(params, x, inference=one)[-1]))
                        for one in (False, True))
    assert inference < 0.4 * whole


# --- Attention: queries, keys and values

@st.composite
def asked(draw, dtype=np.float64):
    """An attention layer with parameters, queries, keys and values, and the gradients of context and weights."""
    B, Tq, T = (draw(st.integers(1, 6)) for _ in range(3))
    rng = generator(draw(seeds))
    layer, params, inputs = queries(draw(st.sampled_from(list(ATTENTION))), rng, B, Tq, T, dtype)
    doutputs = like(rng, layer.forward(params, *inputs)[:2])
    return SimpleNamespace(rng=rng, layer=layer, B=B, Tq=Tq, T=T, params=params, inputs=inputs, doutputs=doutputs,
                           lengths=rng.integers(0, T + 1, size=B), causal=draw(st.booleans()))


def answer(p, **changed):
    """All that it returns, forward and backward: context, weights, gradients of parameters, queries, keys, values."""
    p = SimpleNamespace(**vars(p) | changed)
    *outputs, cache = p.layer.forward(p.params, *p.inputs, p.lengths, p.causal)
    return *outputs, *p.layer.backward(cache, *p.doutputs)


@given(asked(), st.data())
def test_causal_attention_does_not_look_ahead(p, data):
    t = data.draw(st.integers(0, p.T - 1))
    q, k, v = p.inputs
    future_k, future_v = k.copy(), v.copy()
    future_k[:, t:], future_v[:, t:] = like(p.rng, (k[:, t:], v[:, t:]))
    context, weights, *_ = answer(p, causal=True)
    other_context, other_weights, *_ = answer(p, causal=True, inputs=(q, future_k, future_v))
    assert_same((other_context[:, :t], other_weights[..., :t, :]), (context[:, :t], weights[..., :t, :]))


@given(asked())
def test_the_order_of_the_batch_does_not_matter_to_attention(p):
    order = p.rng.permutation(p.B)
    permuted = lambda given: tree.map(lambda array: array[order], given)
    context, weights, grads, *dinputs = answer(p)
    given = {name: permuted(vars(p)[name]) for name in ("inputs", "doutputs", "lengths")}
    assert_same(answer(p, **given), (*permuted((context, weights)), grads, *permuted(dinputs)), 1e-12)


@given(asked(), st.data())
def test_the_order_of_the_keys_does_not_matter_to_attention(p, data):
    order = p.rng.permutation(p.T)
    (q, k, v), (dcontext, dweights) = p.inputs, p.doutputs
    context, weights, grads, dq, dk, dv = answer(p, lengths=None, causal=False)
    other = answer(p, lengths=None, causal=False, inputs=(q, k[:, order], v[:, order]),
                   doutputs=(dcontext, dweights[..., order]))
    assert_same(other, (context, weights[..., order], grads, dq, dk[:, order], dv[:, order]), 1e-12)


@given(asked(), st.sampled_from([1.0, 1e6]))
def test_the_numbers_in_the_padding_do_not_matter_to_attention(p, scale):
    padding = ~losses.length_mask(p.lengths, p.T)
    q, *others = (array.copy() for array in p.inputs)
    for array in others:
        array[padding] = scale * like(p.rng, array[padding])
    assert_same(answer(p, inputs=(q, *others)), answer(p))


@given(asked())
def test_no_lengths_mean_that_attention_may_see_all_keys(p):
    assert_same(answer(p, lengths=None), answer(p, lengths=np.full(p.B, p.T)))


@given(asked())
def test_attention_backward_again_returns_the_same_and_nothing_given_is_changed(p):
    given = (p.params, p.inputs, p.doutputs, p.lengths)
    before = copy.deepcopy(given)
    *_, cache = p.layer.forward(p.params, *p.inputs, p.lengths, p.causal)
    first = copy.deepcopy(p.layer.backward(cache, *p.doutputs))
    assert_same(p.layer.backward(cache, *p.doutputs), first)
    assert_same(given, before)


@each_dtype
@given(st.data())
def test_attention_keeps_the_dtype(dtype, data):
    assert dtypes(answer(data.draw(asked(dtype)))) == {np.dtype(dtype)}


# --- What belongs to one layer alone

@given(st.integers(2, 6), st.integers(1, 6), st.integers(1, 4), seeds)
def test_batch_norm_in_training_changes_its_running_statistics_and_nothing_else(B, T, D, seed):
    rng = generator(seed)
    params, x = big(rng, normalize.batch_norm, D), normal(rng, B, T, D)
    before, x_before, arrays = *copy.deepcopy((params, x)), dict(params)
    y, cache = normalize.batch_norm.forward(params, x, training=True)
    dy = like(rng, y)
    moved, dy_before = copy.deepcopy((params, dy))
    first = copy.deepcopy(normalize.batch_norm.backward(cache, dy))
    assert_same(normalize.batch_norm.backward(cache, dy), first)
    assert_same((params, x, dy), (moved, x_before, dy_before))
    assert_same([params[name] for name in ("gamma", "beta")], [before[name] for name in ("gamma", "beta")])
    assert all((params[name] != before[name]).all() for name in ("mean", "var"))
    assert all(params[name] is arrays[name] for name in params)  # in place, as an optimizer changes them


@each_dtype
@given(st.sampled_from([normalize.layer_norm, normalize.batch_norm]), st.booleans(), seeds)
def test_normalization_keeps_the_dtype_also_that_of_its_running_statistics(dtype, layer, training, seed):
    rng = generator(seed)
    params, x = layer.init(rng, 3, dtype=dtype), normal(rng, 2, 4, 3, dtype=dtype)
    y, cache = layer.forward(params, x, **{"training": training} if layer is normalize.batch_norm else {})
    assert dtypes((params, y, layer.backward(cache, y))) == {np.dtype(dtype)}


WIDE = {
    "residual": compose.residual(lstm),
    "bidirectional": compose.bidirectional(lstm),
    "stack": compose.stack(lstm, 2, dropout=0.5),
    "layer_norm_lstm": normalize.layer_norm_lstm,
    "decayed": spaced(gru),
    "self_attention": TWO_HEADS,
}


@pytest.mark.parametrize("layer", WIDE.values(), ids=WIDE)
def test_the_dtype_of_the_parameters_rules_over_that_of_the_inputs(layer):
    rng = generator()
    params, x = layer.init(rng, *[4] * compose.sizes(layer)), normal(rng, 2, 3, 4)
    y, state, cache = layer.forward(params, x)
    assert dtypes((y, state)) == dtypes(layer.backward(cache, normal(rng, *y.shape), state)) == {np.dtype(np.float32)}


each_recurrent = pytest.mark.parametrize("layer", [rnn, gru, lstm], ids=["rnn", "gru", "lstm"])


@each_dtype
@each_recurrent
@given(st.data())
def test_a_state_that_never_fades_is_the_layer_with_the_gap_as_one_more_feature(layer, dtype, data):
    B, T, D, H = (data.draw(st.integers(1, 5)) for _ in range(4))
    rng = generator(data.draw(seeds))
    params = big(rng, decayed(layer), D, H, dtype=dtype) | {"w": np.zeros(H, dtype), "b": np.zeros(H, dtype)}
    x, gaps = normal(rng, B, T, D, dtype=dtype), rng.uniform(0, 9, (B, T)).astype(dtype)
    lengths = data.draw(st.sampled_from([None, rng.integers(0, T + 1, size=B)]))
    features = np.concatenate([x, gaps[..., None]], axis=2)
    state = like(rng, layer.forward(params["layer"], features)[1])
    h, after, cache = decayed(layer).forward(params, x, gaps, state, lengths)
    expected, expected_after, plain = layer.forward(params["layer"], features, state, lengths)
    rounding = 1000 * np.finfo(dtype).eps  # the layer inside runs one step at a time, and adds up in another order
    assert_same((h, after), (expected, expected_after), rounding)
    dh, dafter = like(rng, (h, after))
    grads, dx, dgaps, dstate = decayed(layer).backward(cache, dh, dafter)
    layer_grads, dfeatures, expected_dstate = layer.backward(plain, dh, dafter)
    assert_same((grads["layer"], dx, dgaps), (layer_grads, dfeatures[..., :-1], dfeatures[..., -1]), rounding)
    assert_same(dstate, expected_dstate, rounding)


@each_recurrent
def test_parameters_of_two_dtypes_run_in_that_of_the_recurrent_ones(layer):
    params, x, *_ = numbers(generator(), layer, 3, 4, 2, 5, dtype=np.float32)
    mixed = {name: p if name == "U_h" else p.astype(np.float64) for name, p in params.items()}
    (h, *_, dstate), _ = everything(layer, mixed, [x], {})
    assert dtypes((h, dstate)) == {np.dtype(np.float32)}
