"""Every mistake gets one line that names the argument and says what came, what was expected and what to do."""

import numpy as np
import pytest

from minirnn import boundary, compose, embedding, gru, linear, losses, lstm, rnn

B, T, D, H, K, V = 3, 4, 2, 5, 6, 7
CHAIN = compose.chain(rnn, lstm, linear)


def initial(layer, *sizes):
    return layer.init(np.random.default_rng(0), *sizes)


def ones(*shape):
    return np.ones(shape, np.float32)


def holding(number):
    x = ones(B, T, D)
    x[1, 2, 0] = number
    return x


RNN, LSTM, LINEAR, CHAINED = initial(rnn, D, H), initial(lstm, D, H), initial(linear, D, K), initial(CHAIN, D, H, H, K)
GRU, TABLE = initial(gru, D, H), initial(embedding, V, D)
X, STATE, RAGGED = ones(B, T, D), ones(B, H), [[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]]
each_recurrent = pytest.mark.parametrize("layer, params", [(rnn, RNN), (lstm, LSTM), (gru, GRU)],
                                         ids=["rnn", "lstm", "gru"])


def mistakes(*rows):
    """Rows of how the message begins, its error, and the mistake that it answers."""
    return pytest.mark.parametrize("says, error, mistake", rows, ids=[says for says, _, _ in rows])


def assert_refused(says, error, mistake, *args):
    with pytest.raises(error) as caught:
        mistake(*args)
    message = str(caught.value)
    assert message.startswith(says) and "\n" not in message


@each_recurrent
@mistakes(
    ("x has shape (4, 2), expected (B, T, 2): batch first", ValueError, lambda run: run(X[0])),
    ("x has shape (1, 3, 4, 2), expected (B, T, 2): batch first", ValueError, lambda run: run(X[None])),
    ("x has shape (3, 4, 1), expected (B, T, 2): batch first", ValueError, lambda run: run(X[:, :, :1])),
    ("x has shape (0, 4, 2), expected at least one sequence: skip", ValueError, lambda run: run(X[:0])),
    ("x is ragged, expected a regular array: pad it", ValueError, lambda run: run(RAGGED)),
    ("x has dtype int64, expected floating point: convert it with .astype(np.float32)", TypeError,
     lambda run: run(X.astype(np.int64))),
    ("x has dtype bool, expected floating point: convert it", TypeError, lambda run: run(X > 0)),
    ("x has dtype object, expected floating point: convert it", TypeError, lambda run: run(X.astype(object))),
    ("x has dtype complex64, expected floating point: convert it", TypeError, lambda run: run(X * 1j)),
    ("x has dtype object, expected floating point: convert it", TypeError, lambda run: run(None)),
    ("x holds nan at (1, 2, 0), expected finite numbers", ValueError, lambda run: run(holding(np.nan))),
    ("x holds -inf at (1, 2, 0), expected finite numbers", ValueError, lambda run: run(holding(-np.inf))),
    ("x holds 1e+39 at (0, 0, 0), expected finite numbers of float32: fill, drop or scale", ValueError,
     lambda run: run(np.full((B, T, D), 1e39))),
    ("lengths holds 5 at (1,), expected 0 to 4: how many steps", ValueError, lambda run: run(X, lengths=[4, 5, 1])),
    ("lengths holds -1 at (0,), expected 0 to 4: how many steps", ValueError, lambda run: run(X, lengths=[-1, 5, 1])),
    ("lengths has shape (2,), expected (3,): one for each sequence", ValueError, lambda run: run(X, lengths=[1, 2])),
    ("lengths has shape (3, 1), expected (3,): one for each", ValueError, lambda run: run(X, lengths=[[1], [2], [3]])),
    ("lengths has shape (), expected (3,): one for each sequence", ValueError, lambda run: run(X, lengths=4)),
    ("lengths has dtype float64, expected integers: how many", TypeError, lambda run: run(X, lengths=[1.0, 2.0, 3.0])),
    ("lengths has dtype bool, expected integers: how many", TypeError, lambda run: run(X, lengths=[True] * B)),
    ("lengths is ragged, expected a regular array: pad it", ValueError, lambda run: run(X, lengths=[[1], [2, 3]])),
)
def test_inputs(layer, params, says, error, mistake):
    def run(x, lengths=None):
        layer.forward(params, x, None, lengths)

    assert_refused(says, error, mistake, run)


@mistakes(
    ("state has shape (5, 3), expected (3, 5): batch first", ValueError, lambda: rnn.forward(RNN, X, STATE.T)),
    ("state has shape (1, 5), expected (3, 5): batch first", ValueError, lambda: rnn.forward(RNN, X, STATE[:1])),
    ("state has shape (2, 3, 5), expected (3, 5): batch first", ValueError,
     lambda: rnn.forward(RNN, X, (STATE, STATE))),
    ("state has dtype int64, expected floating point: convert it", TypeError,
     lambda: rnn.forward(RNN, X, STATE.astype(np.int64))),
    ("state holds nan at (0, 0), expected finite numbers", ValueError, lambda: rnn.forward(RNN, X, STATE * np.nan)),
    ("state is ndarray, expected a tuple (h, c) or None: pass on", TypeError, lambda: lstm.forward(LSTM, X, STATE)),
    ("state is tuple of 3, expected a tuple (h, c) or None: pass on", TypeError,
     lambda: lstm.forward(LSTM, X, (STATE, STATE, STATE))),
    ("state is dict, expected a tuple (h, c) or None: pass on", TypeError,
     lambda: lstm.forward(LSTM, X, {"h": STATE, "c": STATE})),
    ("state h has shape (5, 3), expected (3, 5): batch first", ValueError,
     lambda: lstm.forward(LSTM, X, (STATE.T, STATE))),
    ("state c has shape (5, 3), expected (3, 5): batch first", ValueError,
     lambda: lstm.forward(LSTM, X, (STATE, STATE.T))),
    ("state has shape (5, 3), expected (3, 5): batch first; None", ValueError, lambda: gru.forward(GRU, X, STATE.T)),
    ("state has shape (2, 3, 5), expected (3, 5): batch first; None starts", ValueError,
     lambda: gru.forward(GRU, X, (STATE, STATE))),
    ("state holds inf at (0, 0), expected finite numbers", ValueError, lambda: gru.forward(GRU, X, STATE * np.inf)),
)
def test_states(says, error, mistake):
    assert_refused(says, error, mistake)


@mistakes(
    ("params of rnn are ['W', 'b'], expected ['U_h', 'W_ih', 'b_h']: make them with rnn.init", ValueError,
     lambda: rnn.forward(LINEAR, X)),
    ("params of lstm are ['U_h', 'W_ih', 'b_h'], expected ['U_h', 'W_x', 'b']: make them with lstm.init", ValueError,
     lambda: lstm.forward(RNN, X)),
    ("params of linear are ['W'], expected ['W', 'b']: make them with linear.init", ValueError,
     lambda: linear.forward({"W": LINEAR["W"]}, X)),
    ("params of rnn are [], expected", ValueError, lambda: rnn.forward({}, X)),
    ("params of rnn are ['0'], expected", ValueError, lambda: rnn.forward({0: X}, X)),
    ("params of rnn are NoneType, expected", ValueError, lambda: rnn.forward(None, X)),
    ("params of rnn are list, expected", ValueError, lambda: rnn.forward(list(RNN.values()), X)),
    ("params of rnn are ndarray, expected", ValueError, lambda: rnn.forward(X, RNN)),
    ("params of rnn: U_h has shape (4, 5), expected (H, H) with {'H': 5, 'D': 2}: make them with rnn.init", ValueError,
     lambda: rnn.forward({**RNN, "U_h": RNN["U_h"][1:]}, X)),
    ("params of rnn: W_ih has shape (10,), expected (H, D)", ValueError,
     lambda: rnn.forward({**RNN, "W_ih": RNN["W_ih"].ravel()}, X)),
    ("params of lstm: W_x has shape (20,), expected (4H, D)", ValueError,
     lambda: lstm.forward({**LSTM, "W_x": LSTM["b"]}, X)),
    ("params of lstm: W_x has shape (19, 2), expected (4H, D)", ValueError,
     lambda: lstm.forward({**LSTM, "W_x": LSTM["W_x"][1:]}, X)),
    ("params of lstm: b has shape (), expected (4H)", ValueError,
     lambda: lstm.forward({**LSTM, "b": np.array(1.0)}, X)),
    ("params of gru are ['U_h', 'W_x', 'b'], expected ['U_h', 'W_x', 'b_h', 'b_x']: make them with", ValueError,
     lambda: gru.forward(LSTM, X)),
    ("params of gru: W_x has shape (20, 2), expected (3H, D)", ValueError,
     lambda: gru.forward({**GRU, "W_x": LSTM["W_x"]}, X)),
    ("params of gru: U_h has shape (14, 5), expected (3H, H)", ValueError,
     lambda: gru.forward({**GRU, "U_h": GRU["U_h"][1:]}, X)),
    ("params of gru: b_h has shape (5,), expected (3H)", ValueError,
     lambda: gru.forward({**GRU, "b_h": RNN["b_h"]}, X)),
    ("params of embedding are ['W', 'b'], expected ['W']: make them with embedding.init", ValueError,
     lambda: embedding.forward(LINEAR, IDS)),
    ("params of embedding: W has shape (14,), expected (V, D)", ValueError,
     lambda: embedding.forward({"W": TABLE["W"].ravel()}, IDS)),
    ("params of embedding: W is int64, expected an array of floating point: make them with embedding.init", TypeError,
     lambda: embedding.forward({"W": TABLE["W"].astype(np.int64)}, IDS)),
    ("params of linear: b has shape (1, 6), expected (K)", ValueError,
     lambda: linear.forward({**LINEAR, "b": LINEAR["b"][None]}, X)),
    ("params of linear: W is int64, expected an array of floating point: make them with linear.init", TypeError,
     lambda: linear.forward({**LINEAR, "W": LINEAR["W"].astype(np.int64)}, X)),
    ("params of linear: W is list, expected an array of floating point: make them with linear.init", TypeError,
     lambda: linear.forward({**LINEAR, "W": LINEAR["W"].tolist()}, X)),
)
def test_params(says, error, mistake):
    assert_refused(says, error, mistake)


@pytest.mark.parametrize("layer, sizes", [(rnn, "DH"), (lstm, "DH"), (gru, "DH"), (linear, "DK"), (embedding, "VD")],
                         ids=["rnn", "lstm", "gru", "linear", "embedding"])
@mistakes(
    ("is 0, expected a whole number of at least 1", ValueError, 0),
    ("is -1, expected a whole number of at least 1", ValueError, -1),
    ("is 2.0, expected a whole number of at least 1", TypeError, 2.0),
    ("is '2', expected a whole number of at least 1", TypeError, "2"),
    ("is None, expected a whole number of at least 1", TypeError, None),
    ("is array([[1., 0", TypeError, np.eye(2)),
)
def test_sizes(layer, sizes, says, error, mistake):
    first, last = sizes
    assert_refused(f"{first} {says}", error, initial, layer, mistake, 3)
    assert_refused(f"{last} {says}", error, initial, layer, 3, mistake)


@each_recurrent
@mistakes(
    ("dh has shape (3, 5), expected (3, 4, 5): a gradient has the shape", ValueError, lambda run, dh: run(dh[:, -1])),
    ("dh has shape (3, 3, 5), expected (3, 4, 5): a gradient has", ValueError, lambda run, dh: run(dh[:, 1:])),
    ("dh has shape (), expected (3, 4, 5): a gradient has the shape", ValueError, lambda run, dh: run(1.0)),
    ("dh has dtype int64, expected floating point: convert it", TypeError, lambda run, dh: run(dh.astype(np.int64))),
)
def test_gradients_of_the_outputs(layer, params, says, error, mistake):
    dh, _, cache = layer.forward(params, X)
    assert_refused(says, error, mistake, lambda dh: layer.backward(cache, dh), dh)


@mistakes(
    ("dstate has shape (5, 3), expected (3, 5): a gradient has the shape", ValueError, lambda: back(rnn, RNN, STATE.T)),
    ("dstate c has shape (5, 3), expected (3, 5): a gradient has the shape", ValueError,
     lambda: back(lstm, LSTM, (STATE, STATE.T))),
    ("dstate has shape (3, 4), expected (3, 5): a gradient has the shape", ValueError,
     lambda: back(gru, GRU, STATE[:, 1:])),
    ("dstate has shape (2, 3, 5), expected (3, 5): a gradient has the shape", ValueError,
     lambda: back(gru, GRU, (STATE, STATE))),
    ("dstate is ndarray, expected a tuple (dh, dc) or None: pass on", TypeError, lambda: back(lstm, LSTM, STATE)),
    ("dstate is list of 1, expected a tuple (dh, dc) or None: pass on", TypeError, lambda: back(lstm, LSTM, [STATE])),
)
def test_gradients_of_the_final_state(says, error, mistake):
    assert_refused(says, error, mistake)


def back(layer, params, dstate):
    h, _, cache = layer.forward(params, X)
    layer.backward(cache, h, dstate)


@mistakes(
    ("x has shape (3, 4, 1), expected (..., 2): the last axis holds", ValueError,
     lambda: linear.forward(LINEAR, X[:, :, :1])),
    ("x has shape (), expected (..., 2): the last axis holds", ValueError, lambda: linear.forward(LINEAR, 1.0)),
    ("dy has shape (3, 4), expected (3, 4, 6): a gradient has the shape", ValueError,
     lambda: linear.backward(linear.forward(LINEAR, X)[1], X[:, :, 0])),
    ("activation is 'tanh', expected one of None, 'sigmoid'", ValueError,
     lambda: linear.forward(LINEAR, X, activation="tanh")),
    ("activation is 'relu', expected one of 'tanh', 'sigmoid'", ValueError,
     lambda: rnn.forward(RNN, X, activation="relu")),
    ("activation is ['tanh'], expected one of 'tanh', 'sigmoid'", ValueError,
     lambda: rnn.forward(RNN, X, activation=["tanh"])),
)
def test_read_out_and_activations(says, error, mistake):
    assert_refused(says, error, mistake)


@mistakes(
    ("chain.init got the widths (2, 5, 6), expected 4: as", ValueError, lambda: initial(CHAIN, D, H, K)),
    ("chain.init got the widths (2, 5, 5, 6, 1), expected 4: as", ValueError, lambda: initial(CHAIN, D, H, H, K, 1)),
    ("state of chain: got ndarray, expected a list or tuple of 2, one for each layer that has a state", ValueError,
     lambda: CHAIN.forward(CHAINED, X, STATE)),
    ("state of chain: got 1, expected a list or tuple of 2", ValueError, lambda: CHAIN.forward(CHAINED, X, (STATE,))),
    ("state of chain: got 3, expected a list or tuple of 2", ValueError,
     lambda: CHAIN.forward(CHAINED, X, (STATE, (STATE, STATE), STATE))),
    ("dstate of chain: got ndarray, expected a list or tuple of 2", ValueError,
     lambda: CHAIN.backward(CHAIN.forward(CHAINED, X)[-1], ones(B, T, K), STATE)),
    ("params of chain: got 1, expected a list or tuple of 3, one for each layer: make them with chain.init", ValueError,
     lambda: CHAIN.forward(CHAINED[:1], X)),
    ("params of chain: got dict, expected a list or tuple of 3", ValueError, lambda: CHAIN.forward(RNN, X)),
    ("h has shape (4, 2), expected (B, T, H): the states of a recurrent layer", ValueError,
     lambda: compose.last_step.forward({}, X[0])),
    ("lengths has shape (2,), expected (3,): one for each sequence", ValueError,
     lambda: compose.last_step.forward({}, X, [1, 2])),
    ("dy has shape (3, 4, 2), expected (3, 2): a gradient has the shape", ValueError,
     lambda: compose.last_step.backward(compose.last_step.forward({}, X)[-1], X)),
    ("params of linear are ['U_h', 'W_x', 'b'], expected ['W', 'b']: make", ValueError,
     lambda: compose.chain(rnn, linear).forward([RNN, LSTM], X)),
    ("last_step: sequence 0 has no step, expected at least one: leave", ValueError,
     lambda: compose.last_step.forward({}, X[:, :0])),
    ("last_step: sequence 1 has no step, expected at least one: leave", ValueError,
     lambda: compose.chain(rnn, compose.last_step).forward([RNN, {}], X, lengths=[1, 0, 4])),
)
def test_chains(says, error, mistake):
    assert_refused(says, error, mistake)


NUMBERS, IDS = ones(B, T, K), np.ones((B, T), np.int64)


@mistakes(
    ("ids holds 7 at (0, 0), expected 0 to 6: rows of the table", ValueError, lambda run: run(7 * IDS)),
    ("ids holds -1 at (0, 0), expected 0 to 6: rows of the table", ValueError, lambda run: run(-IDS)),
    ("ids has dtype float64, expected integers: rows of the table", TypeError, lambda run: run(1.0 * IDS)),
    ("ids has dtype bool, expected integers: rows of the table", TypeError, lambda run: run(IDS > 0)),
    ("ids has dtype object, expected integers: rows of the table", TypeError, lambda run: run(None)),
    ("ids has dtype <U1, expected integers: rows of the table", TypeError, lambda run: run(list("text"))),
    ("ids is ragged, expected a regular array: pad it", ValueError, lambda run: run([[1], [2, 3]])),
    ("dx has shape (3, 4), expected (3, 4, 2): a gradient has the shape", ValueError, lambda run: run(IDS, X[..., 0])),
    ("dx has shape (4, 2), expected (3, 4, 2): a gradient has the shape", ValueError, lambda run: run(IDS, X[0])),
    ("dx has dtype int64, expected floating point: convert it", TypeError, lambda run: run(IDS, IDS)),
)
def test_embeddings(says, error, mistake):
    def run(ids, dx=None):
        _, cache = embedding.forward(TABLE, ids)
        embedding.backward(cache, dx)

    assert_refused(says, error, mistake, run)


@mistakes(
    ("target has shape (4, 6), expected (3, 4, 6): one target for each", ValueError,
     lambda: losses.mse(NUMBERS, NUMBERS[0])),
    ("target has dtype int64, expected floating point: convert it with .astype(np.float32)", TypeError,
     lambda: losses.mse(NUMBERS, NUMBERS.astype(np.int64))),
    ("target holds nan at (0, 0, 0), expected finite numbers", ValueError,
     lambda: losses.mse(NUMBERS, NUMBERS * np.nan)),
    ("target is ragged, expected a regular array", ValueError, lambda: losses.mse(NUMBERS, RAGGED)),
    ("prediction is int64 of shape (3, 4), expected floating point", TypeError, lambda: losses.mse(IDS, IDS)),
    ("prediction is ragged, expected a regular array", ValueError, lambda: losses.mse(RAGGED, NUMBERS)),
    ("logits is int64 of shape (3, 4), expected floating point", TypeError, lambda: losses.cross_entropy(IDS, IDS)),
    ("target_ids holds 6 at (0, 0), expected 0 to 5", ValueError, lambda: losses.cross_entropy(NUMBERS, 6 * IDS)),
    ("target_ids holds -1 at (0, 0), expected 0 to 5", ValueError, lambda: losses.cross_entropy(NUMBERS, -IDS)),
    ("target_ids has shape (4,), expected (3, 4): one class", ValueError,
     lambda: losses.cross_entropy(NUMBERS, IDS[0])),
    ("target_ids has shape (3, 4, 6), expected (3, 4): one class for each row of logits, not one-hot", ValueError,
     lambda: losses.cross_entropy(NUMBERS, NUMBERS)),
    ("target_ids has dtype float64, expected integers", TypeError, lambda: losses.cross_entropy(NUMBERS, IDS * 1.0)),
    ("target_ids is ragged, expected a regular array", ValueError, lambda: losses.cross_entropy(NUMBERS, RAGGED)),
    ("mask is ragged, expected a regular array", ValueError, lambda: losses.mse(NUMBERS, NUMBERS, RAGGED)),
    ("mask leaves nothing of shape (0, 4), expected something", ValueError,
     lambda: losses.cross_entropy(NUMBERS[:0], IDS[:0])),
    ("mask leaves nothing of shape (3, 0, 6), expected something", ValueError,
     lambda: losses.mse(NUMBERS[:, :0], NUMBERS[:, :0])),
)
def test_losses(says, error, mistake):
    assert_refused(says, error, mistake)


@each_recurrent
def test_no_steps_at_all_is_no_mistake(layer, params):
    _, state, _ = layer.forward(params, X)
    h, final, cache = layer.forward(params, X[:, :0], state)
    grads, dx, dstate = layer.backward(cache, h, final)
    assert h.shape == (B, 0, H) and dx.shape == (B, 0, D)
    np.testing.assert_array_equal(final, state)
    np.testing.assert_array_equal(dstate, final)
    assert all((g == 0).all() and g.shape == params[name].shape for name, g in grads.items())


@each_recurrent
def test_lists_and_float64_are_no_mistake(layer, params):
    for x in (X.tolist(), X.astype(np.float64)):
        np.testing.assert_array_equal(layer.forward(params, x)[0], layer.forward(params, X)[0])


def test_what_was_not_finite_is_told_apart_for_the_training_loop():
    with pytest.raises(boundary.NotFinite):
        rnn.forward(RNN, holding(np.nan))
