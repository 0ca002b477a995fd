"""A composition passes on what each layer says it takes. What nobody takes is an error."""

import inspect
import re
import types

import numpy as np
import pytest

from helpers import LENGTHS, NOT_EMPTY, B, D, H, K, T, arrange, assert_same, big, everything, generator, normal
from minirnn import (attention, compose, dropout, embedding, fast, gradcheck, gru, linear, losses, lstm, models,
                     normalize, optim, rnn, training)
from minirnn.layers.compose import (attention_pooling, bidirectional, both_ends, chain, last_step, residual,
                                    self_attention, stack, tied, with_dropout, with_loss, with_settings)
from minirnn.layers.layer import SETTINGS, Layer

MODULES = [rnn, lstm, gru, fast.rnn, fast.lstm, fast.gru, linear, embedding, dropout, attention.dot, attention.additive,
           attention.multi_head, normalize.layer_norm, normalize.batch_norm, normalize.layer_norm_lstm]
X = normal(generator(), B, T, D)


def own(*, takes=("state", "lengths"), forward=lstm.forward):
    """A layer of a user's own around the LSTM."""
    return types.SimpleNamespace(init=lstm.init, forward=forward, backward=lstm.backward, takes=takes, name="mine")


def any_arguments(params, x, *args, **kw):
    return lstm.forward(params, x, *args, **kw)


@pytest.mark.parametrize("layer", MODULES, ids=lambda layer: layer.__name__.split("layers.")[1])
def test_each_layer_says_what_its_forward_takes(layer):
    assert set(layer.takes) == inspect.signature(layer.forward).parameters.keys() & set(SETTINGS)


def test_a_forward_of_any_arguments_is_handed_what_it_declares():
    wrapped, plain = chain(own(forward=any_arguments), linear), chain(lstm, linear)
    layer, params, inputs, settings = arrange(plain, D, H, K, lengths=LENGTHS)
    assert_same(everything(wrapped, params, inputs, settings), everything(plain, params, inputs, settings))
    h, ((h_T, c_T),), _ = chain(own(forward=any_arguments)).forward([params[0]], X, None, LENGTHS)
    assert (h[1] == 0).all() and (h[2, 2:] == 0).all() and c_T.shape == (B, H)  # padding is zero


def nothing_declared():
    layer = own(forward=any_arguments)
    del layer.takes
    return layer


@pytest.mark.parametrize("says, mistake", [
    ("mine does not say what it takes, expected `takes`, a tuple of some of state, lengths",
     lambda: chain(nothing_declared(), linear)),
    ("a layer does not say what it takes", lambda: chain(Layer(rnn.init, rnn.forward, rnn.backward, sizes=2))),
    ("takes of mine is 'length', expected one of 'state', 'lengths'", lambda: stack(own(takes=["state", "length"]), 2)),
    ("mine says that it takes lengths, expected an argument of that name in its forward, which has params, x, state, "
     "length", lambda: bidirectional(own(forward=lambda params, x, state=None, length=None: None))),
    ("mine.forward has the argument lengths, expected 'lengths' in its `takes` too",
     lambda: residual(own(takes=["state"]))),
    ("mine.init takes any number of sizes, expected to know how many: give the Layer sizes=2",
     lambda: chain(types.SimpleNamespace(init=lambda rng, *sizes: {}, forward=linear.forward, takes=(), name="mine"))),
    ("rnn.forward has no argument activations, expected one of params, x, state, lengths, activation",
     lambda: with_settings(rnn, activations="sigmoid")),
])
def test_what_a_layer_does_not_declare_is_refused_where_it_is_composed(says, mistake):
    with pytest.raises(ValueError, match=re.escape(says)):
        mistake()


def call(layer, *sizes, x=X, **settings):
    return layer.forward(big(generator(), layer, *sizes), x, **settings)


@pytest.mark.parametrize("says, mistake", [
    ("chain(linear, normalize.layer_norm) got lengths, which nothing in it takes: leave lengths out",
     lambda: call(chain(linear, normalize.layer_norm), D, H, lengths=LENGTHS)),
    ("chain(lstm, linear) got rng, which nothing in it takes", lambda: call(chain(lstm, linear), D, H, K, rng=1)),
    ("stack(lstm, 2) got training, which", lambda: call(stack(lstm, 2), D, H, training=True)),
    ("bidirectional(lstm) got inference, which", lambda: call(bidirectional(lstm), D, 6, inference=True)),
    ("residual(linear) got state, which", lambda: call(residual(linear), D, D, state=normal(generator(), B, D))),
    ("with_dropout(linear) got lengths, which", lambda: call(with_dropout(linear, 0.1), D, K, lengths=LENGTHS)),
    ("tied(chain(embedding, linear)) got training, which",
     lambda: call(tied(chain(embedding, linear)), K, D, K, x=LENGTHS[:, None], training=True)),
    ("with_loss(linear) got lengths, which",
     lambda: call(with_loss(linear, losses.mse, normal(generator(), B, T, K)), D, K, lengths=LENGTHS)),
    ("total has a state and does not take lengths, expected lengths=None, or a layer that takes them",
     lambda: call(chain(TOTAL, lstm), D, D, H, lengths=LENGTHS)),
])
def test_what_nobody_in_a_composition_takes_is_refused(says, mistake):
    with pytest.raises(ValueError, match=re.escape(says)):
        mistake()


def total_forward(params, x, state=None):
    h = np.cumsum(x, axis=1) + (0 if state is None else state[:, None])
    return h, h[:, -1], None


TOTAL = Layer(lambda rng, D, H, dtype=np.float32: {}, total_forward, None, takes=("state",), name="total")


def test_what_says_nothing_is_not_refused():
    """None, False, and the () that a composition without a state returned itself."""
    y, state, _ = call(chain(linear), D, K)
    again, *_ = call(chain(linear), D, K, state=state, lengths=None, rng=None, training=False)
    assert state == () and (again == y).all()


def test_training_refuses_lengths_that_the_model_cannot_use():
    model, rng = chain(linear, normalize.layer_norm), generator()
    with pytest.raises(ValueError, match=re.escape("chain(linear, normalize.layer_norm) got lengths, which")):
        training.fit(model, model.init(rng, D, K), optim.Adam(), (X, np.zeros((B, T, K)), LENGTHS), rng=rng, epochs=1)


# --- Where a direction has read the whole sequence

@pytest.mark.parametrize("lengths", [None, NOT_EMPTY], ids=["all steps", "lengths"])
def test_both_ends_are_each_directions_own_final_state(lengths):
    layer = bidirectional(rnn)
    params = big(generator(), layer, D, 6)
    h, final, _ = layer.forward(params, X, None, lengths)
    ends, _ = both_ends.forward({}, h, lengths)
    assert_same(ends, np.concatenate(final, axis=1))


def test_attention_pooling_is_a_mean_with_learned_weights_of_the_real_steps():
    """The scores of the states 4 and 8 differ by ln 3, so they have the weights 1/4 and 3/4."""
    layer = attention_pooling(attention.additive)
    ones, v_a = np.ones((1, 1)), np.log(3) / (np.tanh([8.0]) - np.tanh(4))
    params = {"q": np.zeros(1), "attention": {"W_q": ones, "W_k": ones, "v_a": v_a}}
    for padding in (0, 100):
        y, cache = layer.forward(params, np.array([[[4.0], [8], [padding]]]), np.array([2]))
        np.testing.assert_allclose(y, [[7]], atol=1e-12)
        grads, dh = layer.backward(cache, ones)
        assert dh[0, 2] == 0 and (dh[0, :2] != 0).all()


@pytest.mark.parametrize("says, kind, mistake", [
    ("params of attention_pooling are ['W'], expected ['attention', 'q']", ValueError,
     lambda layer, params: layer.forward({"W": X}, X)),
    ("params of attention_pooling: q has shape (2, 1), expected (H)", ValueError,
     lambda layer, params: layer.forward(params | {"q": np.ones((2, 1))}, X)),
    ("h has shape (3, 4), expected (B, T, 2): the states", ValueError,
     lambda layer, params: layer.forward(params, X[..., 0])),
    ("dy has shape (3, 4, 2), expected (3, 2)", ValueError,
     lambda layer, params: layer.backward(layer.forward(params, X)[1], X)),
])
def test_attention_pooling_says_what_it_expected(says, kind, mistake):
    layer = attention_pooling(attention.additive)
    with pytest.raises(kind, match=re.escape(says)):
        mistake(layer, big(generator(), layer, D))


@pytest.mark.parametrize("layers", [
    (bidirectional(lstm), both_ends, linear), (stack(bidirectional(gru), 2), both_ends, linear),
    (with_dropout(bidirectional(gru), 0.1), normalize.layer_norm, both_ends, linear),
    (bidirectional(lstm), attention_pooling(attention.additive), linear),
    (lstm, attention_pooling(attention.dot), linear), (gru, attention_pooling(attention.multi_head), linear),
    (bidirectional(lstm), lstm, last_step, linear),  # the LSTM reads on from the first step
    (bidirectional(lstm), self_attention(attention.dot), last_step, linear)])  # each step has seen all
def test_the_right_reading_of_both_directions_fits_into_a_chain(layers):
    model = chain(*layers)
    widths = [6 if model.sizes > 3 and k == 2 else 4 for k in range(model.sizes - 2)]
    report = gradcheck.check(model, big(generator(), model, D, *widths, K), X, None, NOT_EMPTY, rng=generator(1))
    assert report.ok, report


@pytest.mark.parametrize("says, layers", [
    ("last_step reads one step only for the backward half of bidirectional(lstm), expected both_ends",
     (bidirectional(lstm), last_step, linear)),
    ("last_step reads one step only for the backward half of stack(bidirectional(gru), 2), expected both_ends",
     (stack(bidirectional(gru), 2), normalize.layer_norm, last_step)),
    ("last_step reads one step only for the backward half of with_dropout(residual(bidirectional(rnn)))",
     (with_dropout(residual(bidirectional(rnn)), 0.1), last_step)),
    ("both_ends reads the first step for half of the units of gru, expected last_step", (lstm, gru, both_ends)),
])
def test_the_wrong_reading_is_refused(says, layers):
    with pytest.raises(ValueError, match=re.escape(says)):
        chain(*layers)


def test_a_decoder_that_would_see_what_it_has_to_say_is_refused():
    with pytest.raises(ValueError, match=re.escape("layer is chain(embedding, bidirectional(gru)), which reads both")):
        models.EncoderDecoder(layer=bidirectional(gru))


# --- Dropout between layers

def test_a_stack_of_one_layer_has_no_place_for_dropout():
    with pytest.raises(ValueError, match=re.escape("stack of 1 layer has dropout=0.9, which lies between layers only: "
                                                   "use with_dropout(layer, rate)")):
        stack(lstm, 1, dropout=0.9)


def test_a_language_model_of_one_layer_has_dropout_after_it():
    network = models.LanguageModel(hidden=4, num_layers=1, dropout=0.9).network
    params = network.init(generator(), 7, 4, 4, 7)
    ids = generator().integers(0, 7, (2, 3))
    dropped, whole = (network.forward(params, ids, rng=1, training=training)[0] for training in (True, False))
    assert not np.allclose(dropped, whole)
