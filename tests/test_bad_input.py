"""Every mistake gets one line that names the argument and says what came, what was expected and what to do."""

import numpy as np
import pytest

from minirnn import (attention, boundary, compose, decayed, dropout, embedding, fast, gru, linear, losses, lstm,
                     normalize, rnn, tree)

B, T, D, H, K, V, Tq = 3, 4, 2, 5, 6, 7, 8
CHAIN, FAST = compose.chain(rnn, lstm, linear), compose.chain(rnn, fast.lstm, linear)


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


# --- Attention

DOT, ADDITIVE, MULTI_HEAD = attention.dot, attention.additive, attention.multi_head
ASKED = {  # parameters, queries (B, Tq, K), keys (B, T, K or D) and values (B, T, H)
    "dot": (DOT, {}, ones(B, Tq, K), ones(B, T, K), ones(B, T, H)),
    "additive": (ADDITIVE, initial(ADDITIVE, K, D, V), ones(B, Tq, K), ones(B, T, D), ones(B, T, H)),
    "multi_head": (compose.with_settings(MULTI_HEAD, heads=2), initial(MULTI_HEAD, K, D, H), ones(B, Tq, K), X,
                   ones(B, T, H)),
}
ADDITIVE_PARAMS, MULTI_HEAD_PARAMS = ASKED["additive"][1], ASKED["multi_head"][1]
QUERIES, VALUES = ASKED["dot"][2], ASKED["dot"][4]
each_attention = pytest.mark.parametrize("layer, params, q, k, v", ASKED.values(), ids=ASKED)


@each_attention
@mistakes(
    ("q has shape (8, 6), expected (B, Tq, ", ValueError, lambda run, q, k, v: run(q[0], k, v)),
    ("q has shape (0, 8, 6), expected at least one sequence: skip", ValueError, lambda run, q, k, v: run(q[:0], k, v)),
    ("q holds nan at (0, 0, 0), expected finite numbers", ValueError, lambda run, q, k, v: run(q * np.nan, k, v)),
    ("q is ragged, expected a regular array: pad it", ValueError, lambda run, q, k, v: run(RAGGED, k, v)),
    ("k has shape (3, 4, 1), expected (3, T, ", ValueError, lambda run, q, k, v: run(q, k[..., :1], v)),
    ("k has shape (2, 4, ", ValueError, lambda run, q, k, v: run(q, k[:2], v)),
    ("k has shape (4, ", ValueError, lambda run, q, k, v: run(q, k[0], v)),
    ("k has dtype object, expected floating point: convert it", TypeError, lambda run, q, k, v: run(q, None, v)),
    ("k holds inf at (0, 0, 0), expected finite numbers", ValueError, lambda run, q, k, v: run(q, k * np.inf, v)),
    ("v has shape (3, 3, 5), expected (3, 4, ", ValueError, lambda run, q, k, v: run(q, k, v[:, 1:])),
    ("v has shape (2, 4, 5), expected (3, 4, ", ValueError, lambda run, q, k, v: run(q, k, v[:2])),
    ("v has shape (4, 5), expected (3, 4, ", ValueError, lambda run, q, k, v: run(q, k, v[0])),
    ("v has dtype object, expected floating point: convert it", TypeError, lambda run, q, k, v: run(q, k, None)),
    ("lengths holds 5 at (1,), expected 0 to 4: how many", ValueError, lambda run, *qkv: run(*qkv, [4, 5, 1])),
    ("lengths holds -1 at (2,), expected 0 to 4: how many", ValueError, lambda run, *qkv: run(*qkv, [4, 0, -1])),
    ("lengths has shape (2,), expected (3,): one for each", ValueError, lambda run, *qkv: run(*qkv, [4, 1])),
    ("lengths has shape (3, 1), expected (3,): one for each", ValueError, lambda run, *qkv: run(*qkv, [[4], [1], [2]])),
    ("lengths has shape (), expected (3,): one for each", ValueError, lambda run, *qkv: run(*qkv, 4)),
    ("lengths has dtype float64, expected integers: how many", TypeError, lambda run, *qkv: run(*qkv, [1.0, 2.0, 3.0])),
    ("lengths is ragged, expected a regular array: pad it", ValueError, lambda run, *qkv: run(*qkv, [[1], [2, 3]])),
)
def test_queries_keys_and_values(layer, params, q, k, v, says, error, mistake):
    assert_refused(says, error, mistake, lambda *inputs: layer.forward(params, *inputs), q, k, v)


@each_attention
@mistakes(
    ("has shape (8, 5), expected (3, 8, ", ValueError, lambda run, dcontext: run(dcontext[0, :, :5])),
    ("has shape (3, 7, ", ValueError, lambda run, dcontext: run(dcontext[:, 1:])),
    ("has dtype object, expected floating point: convert it", TypeError, lambda run, dcontext: run(None)),
)
def test_gradients_of_the_context(layer, params, q, k, v, says, error, mistake):
    context, _, cache = layer.forward(params, q, k, v)
    name = "dy" if "W_o" in params else "dcontext"
    assert_refused(f"{name} {says}", error, mistake, lambda dcontext: layer.backward(cache, dcontext), context)


@each_attention
@mistakes(
    ("dweights has shape (3, 4), expected (3, ", ValueError, lambda run, dweights: run(X[..., 0])),
    ("dweights has shape (), expected (3, ", ValueError, lambda run, dweights: run(1.0)),
    ("dweights has shape (4, ", ValueError, lambda run, dweights: run(dweights.swapaxes(0, -1))),
    ("dweights has dtype int64, expected floating point: convert it", TypeError,
     lambda run, dweights: run(dweights.astype(np.int64))),
)
def test_gradients_of_the_weights(layer, params, q, k, v, says, error, mistake):
    context, weights, cache = layer.forward(params, q, k, v)
    assert_refused(says, error, mistake, lambda dweights: layer.backward(cache, context, dweights), weights)


def ask(layer, params, **settings):
    layer.forward(params, QUERIES, X, VALUES, **settings)


@mistakes(
    ("heads is 4, expected a divisor of the width 6: each head has an equal part", ValueError,
     lambda: ask(MULTI_HEAD, MULTI_HEAD_PARAMS, heads=4)),
    ("heads is 7, expected a divisor of the width 6: each", ValueError,
     lambda: ask(MULTI_HEAD, MULTI_HEAD_PARAMS, heads=7)),
    ("heads is 0, expected a whole number of at least 1", ValueError,
     lambda: ask(MULTI_HEAD, MULTI_HEAD_PARAMS, heads=0)),
    ("heads is 2.0, expected a whole number of at least 1", TypeError,
     lambda: ask(MULTI_HEAD, MULTI_HEAD_PARAMS, heads=2.0)),
    ("params of multi_head are ['W_k', 'W_q', 'v_a'], expected ['W_k', 'W_o', 'W_q', 'W_v', 'b_k', 'b_o', 'b_q', "
     "'b_v']: make them with multi_head.init", ValueError, lambda: ask(MULTI_HEAD, ADDITIVE_PARAMS)),
    ("params of multi_head: W_o has shape (5, 6), expected (D, D)", ValueError,
     lambda: ask(MULTI_HEAD, MULTI_HEAD_PARAMS | {"W_o": MULTI_HEAD_PARAMS["W_o"][1:]})),
    ("params of multi_head: b_q has shape (2,), expected (D)", ValueError,
     lambda: ask(MULTI_HEAD, MULTI_HEAD_PARAMS | {"b_q": X[0, 0]})),
    ("params of additive are ['W', 'b'], expected ['W_k', 'W_q', 'v_a']: make them with additive.init", ValueError,
     lambda: ask(ADDITIVE, LINEAR)),
    ("params of additive are NoneType, expected ['W_k', 'W_q', 'v_a']: make", ValueError, lambda: ask(ADDITIVE, None)),
    ("params of additive: v_a has shape (6,), expected (A) with {'A': 7", ValueError,
     lambda: ask(ADDITIVE, ADDITIVE_PARAMS | {"v_a": ADDITIVE_PARAMS["v_a"][1:]})),
    ("q has shape (3, 4, 2), expected (B, Tq, 6): queries", ValueError,
     lambda: compose.self_attention(MULTI_HEAD).forward(initial(MULTI_HEAD, K), X)),
    ("q is int64 of shape (3, 4), expected floating point of shape", TypeError,
     lambda: DOT.forward({}, IDS, QUERIES, QUERIES)),
    ("q is object of shape (), expected floating point of shape", TypeError,
     lambda: DOT.forward({}, None, QUERIES, QUERIES)),
    ("q has dtype int64, expected floating point: convert it", TypeError,
     lambda: ADDITIVE.forward(ADDITIVE_PARAMS, IDS, X, VALUES)),
    ("q has dtype object, expected floating point: convert it", TypeError,
     lambda: MULTI_HEAD.forward(MULTI_HEAD_PARAMS, None, X, VALUES)),
    ("D_q is 0, expected a whole number of at least 1", ValueError, lambda: initial(ADDITIVE, 0)),
    ("D_k is 0, expected a whole number of at least 1", ValueError, lambda: initial(ADDITIVE, K, 0)),
    ("A is 0, expected a whole number of at least 1", ValueError, lambda: initial(ADDITIVE, K, D, 0)),
    ("D is '6', expected a whole number of at least 1", TypeError, lambda: initial(MULTI_HEAD, "6")),
)
def test_attention(says, error, mistake):
    assert_refused(says, error, mistake)


# --- Normalization, dropout, decay

LAYER_NORM, BATCH_NORM = initial(normalize.layer_norm, D), initial(normalize.batch_norm, D)
NORM_LSTM = initial(normalize.layer_norm_lstm, D, H)


def train(x, lengths=None):
    normalize.batch_norm.forward(BATCH_NORM, x, lengths, training=True)


@mistakes(
    ("batch_norm: the batch has 1 real steps, expected at least 2 while training: a larger batch", ValueError,
     lambda: train(X[:1, :1])),
    ("batch_norm: the batch has 1 real steps, expected at least 2 while training", ValueError, lambda: train(X[:1, 0])),
    ("batch_norm: the batch has 1 real steps, expected at least 2 while", ValueError, lambda: train(X, [0, 1, 0])),
    ("batch_norm: the batch has 0 real steps, expected at least 2 while", ValueError, lambda: train(X, [0, 0, 0])),
    ("x has shape (3, 4, 1), expected (..., 2): the last axis holds", ValueError, lambda: train(X[..., :1])),
    ("x holds nan at (1, 2, 0), expected finite numbers", ValueError, lambda: train(holding(np.nan))),
    ("lengths holds 5 at (1,), expected 0 to 4: how many", ValueError, lambda: train(X, [4, 5, 1])),
    ("lengths has shape (2,), expected (3,): one for each", ValueError, lambda: train(X, [4, 1])),
    ("params of batch_norm are ['beta', 'gamma'], expected ['beta', 'gamma', 'mean', 'var']: make them", ValueError,
     lambda: normalize.batch_norm.forward(LAYER_NORM, X)),
    ("params of batch_norm: var has shape (1,), expected (D)", ValueError,
     lambda: normalize.batch_norm.forward(BATCH_NORM | {"var": ones(1)}, X)),
    ("dy has shape (4, 2), expected (3, 4, 2): a gradient has the shape", ValueError,
     lambda: normalize.batch_norm.backward(normalize.batch_norm.forward(BATCH_NORM, X)[-1], X[0])),
    ("x has shape (3, 4, 6), expected (..., 2): the last axis holds the features", ValueError,
     lambda: normalize.layer_norm.forward(LAYER_NORM, ones(B, T, K))),
    ("x has shape (), expected (..., 2): the last axis holds the features", ValueError,
     lambda: normalize.layer_norm.forward(LAYER_NORM, 1.0)),
    ("params of layer_norm are ['beta', 'gamma', 'mean', 'var'], expected ['beta', 'gamma']: make them", ValueError,
     lambda: normalize.layer_norm.forward(BATCH_NORM, X)),
    ("dy has shape (4, 2), expected (3, 4, 2): a gradient has the shape", ValueError,
     lambda: normalize.layer_norm.backward(normalize.layer_norm.forward(LAYER_NORM, X)[-1], X[0])),
    ("D is 0, expected a whole number of at least 1", ValueError, lambda: initial(normalize.layer_norm, 0)),
    ("D is 2.0, expected a whole number of at least 1", TypeError, lambda: initial(normalize.batch_norm, 2.0)),
    ("params of layer_norm_lstm are ['U_h', 'W_x', 'b'], expected ['U_h', 'W_x', 'b', 'beta_c', 'gamma_c', 'gamma_h', "
     "'gamma_x']: make them with layer_norm_lstm.init", ValueError,
     lambda: normalize.layer_norm_lstm.forward(LSTM, X)),
    ("params of layer_norm_lstm: gamma_c has shape (20,), expected (H)", ValueError,
     lambda: normalize.layer_norm_lstm.forward(NORM_LSTM | {"gamma_c": LSTM["b"]}, X)),
    ("state is ndarray, expected a tuple (h, c) or None: pass on", TypeError,
     lambda: normalize.layer_norm_lstm.forward(NORM_LSTM, X, STATE)),
    ("state c has shape (5, 3), expected (3, 5): batch first", ValueError,
     lambda: normalize.layer_norm_lstm.forward(NORM_LSTM, X, (STATE, STATE.T))),
    ("x has shape (4, 2), expected (B, T, 2): batch first", ValueError,
     lambda: normalize.layer_norm_lstm.forward(NORM_LSTM, X[0])),
    ("lengths holds 5 at (1,), expected 0 to 4: how many", ValueError,
     lambda: normalize.layer_norm_lstm.forward(NORM_LSTM, X, None, [4, 5, 1])),
)
def test_normalization(says, error, mistake):
    before = tree.map(np.copy, BATCH_NORM)
    assert_refused(says, error, mistake)
    assert all((BATCH_NORM[name] == before[name]).all() for name in before)  # nothing was learned from a mistake


@mistakes(
    *((f"rate is {rate!r}, expected a number from 0 to below 1: the share that is left out", ValueError,
       lambda rate=rate: dropout.forward({}, X, rate=rate)) for rate in (1.0, 1.5, -0.1, float("nan"), "0.5", None)),
    ("rate is 1, expected a number from 0 to below 1: the share", ValueError,
     lambda: compose.with_dropout(gru, 1).forward(GRU, X)),
    ("rate is 2, expected a number from 0 to below 1: the share", ValueError,
     lambda: compose.stack(gru, 2, dropout=2).forward(STACK, X)),
    ("rng is None, expected a np.random.Generator while training: dropout draws", ValueError,
     lambda: dropout.forward({}, X, training=True)),
    ("rng is None, expected a np.random.Generator while training: dropout draws", ValueError,
     lambda: compose.stack(gru, 2, dropout=0.5).forward(STACK, X, training=True)),
    ("rng is 'seed', expected a np.random.Generator or a seed", TypeError,
     lambda: dropout.forward({}, X, "seed", training=True)),
    ("x is int64 of shape (3, 4, 2), expected floating point", TypeError,
     lambda: dropout.forward({}, X.astype(np.int64), 1, training=True)),
    ("dy has shape (4, 2), expected (3, 4, 2): a gradient has the shape", ValueError,
     lambda: dropout.backward(dropout.forward({}, X, 1, training=True)[-1], X[0])),
    ("dy has shape (4, 2), expected (3, 4, 2): a gradient has the shape", ValueError,
     lambda: dropout.backward(dropout.forward({}, X)[-1], X[0])),
)
def test_dropout(says, error, mistake):
    assert_refused(says, error, mistake)


FADING, GAPS = initial(decayed(gru), D, H), ones(B, T)
FADING_LSTM = initial(decayed(lstm), D, H)


def fade(gaps=GAPS, params=FADING, x=X, state=None, lengths=None):
    return decayed(gru).forward(params, x, gaps, state, lengths)


@mistakes(
    ("gaps holds -1.0, expected no gap below 0: sort the readings by time", ValueError, lambda: fade(-GAPS)),
    ("gaps has shape (3, 3), expected (3, 4): the time before each step", ValueError, lambda: fade(GAPS[:, 1:])),
    ("gaps has shape (2, 4), expected (3, 4): the time before each step", ValueError, lambda: fade(GAPS[:2])),
    ("gaps has shape (3, 4, 1), expected (3, 4): the time before each", ValueError, lambda: fade(GAPS[..., None])),
    ("gaps has shape (), expected (3, 4): the time before each step", ValueError, lambda: fade(1.0)),
    ("gaps has dtype object, expected floating point: convert it", TypeError, lambda: fade(None)),
    ("gaps has dtype int64, expected floating point: convert it", TypeError, lambda: fade(GAPS.astype(np.int64))),
    ("gaps holds nan at (0, 0), expected finite numbers", ValueError, lambda: fade(GAPS * np.nan)),
    ("x has shape (4, 2), expected (B, T, ", ValueError, lambda: fade(x=X[0])),
    ("x has shape (3, 4, 1), expected (B, T, 2): batch first", ValueError, lambda: fade(x=X[..., :1])),
    ("lengths holds 5 at (1,), expected 0 to 4: how many", ValueError, lambda: fade(lengths=[4, 5, 1])),
    ("state has shape (5, 3), expected (3, 5): batch first", ValueError, lambda: fade(state=STATE.T)),
    ("state has shape (3, 4), expected (3, 5): batch first", ValueError, lambda: fade(state=STATE[:, 1:])),
    ("state has shape (3, 1), expected (3, 5): batch first", ValueError, lambda: fade(state=STATE[:, :1])),
    ("state has shape (), expected (3, 5): batch first", ValueError, lambda: fade(state=1.0)),
    ("state has dtype <U5, expected floating point: convert it", TypeError, lambda: fade(state="state")),
    ("state holds nan at (0, 0), expected finite numbers", ValueError, lambda: fade(state=STATE * np.nan)),
    ("state is ndarray, expected a tuple (h, c) or None: pass on", TypeError,
     lambda: decayed(lstm).forward(FADING_LSTM, X, GAPS, STATE)),
    ("state c has shape (5, 3), expected (3, 5): batch first", ValueError,
     lambda: decayed(lstm).forward(FADING_LSTM, X, GAPS, (STATE, STATE.T))),
    ("params of decayed are ['U_h', 'W_x', 'b_h', 'b_x'], expected ['b', 'layer', 'w']: make them", ValueError,
     lambda: fade(params=GRU)),
    ("params of decayed are NoneType, expected ['b', 'layer', 'w']: make them", ValueError,
     lambda: decayed(gru).forward(None, X, GAPS)),
    ("params of decayed: ", ValueError, lambda: fade(params=FADING | {"w": ones(4)})),
    ("params of decayed: ", ValueError, lambda: fade(params=FADING | {"b": ones(1)})),
    ("params of gru are ['U_h', 'W_x', 'b'], expected ['U_h', 'W_x', 'b_h', 'b_x']: make", ValueError,
     lambda: fade(params=FADING | {"layer": FADING_LSTM["layer"]})),
    ("dh has shape (3, 5, 5), expected (3, 4, 5): a gradient has the shape", ValueError,
     lambda: decayed(gru).backward(fade()[-1], ones(B, T + 1, H))),
    ("dh has shape (3, 3, 5), expected (3, 4, 5): a gradient has the shape", ValueError,
     lambda: decayed(gru).backward(fade()[-1], ones(B, T - 1, H))),
    ("dstate has shape (5, 3), expected (3, 5): a gradient has the shape", ValueError,
     lambda: decayed(gru).backward(fade()[-1], ones(B, T, H), STATE.T)),
    ("H is 0, expected a whole number of at least 1", ValueError, lambda: initial(decayed(gru), D, 0)),
)
def test_decay(says, error, mistake):
    assert_refused(says, error, mistake)


# --- Layers made of layers

BOTH, SKIP = compose.bidirectional(gru), compose.residual(lstm)
BOTH_PARAMS, STACK = initial(BOTH, D, K), initial(compose.stack(gru, 2), D, H)
TIED = compose.tied(compose.chain(embedding, lstm, linear))
TIED_PARAMS = initial(TIED, V, H, H, V)


def both(params=BOTH_PARAMS, x=X, state=None, lengths=None):
    return BOTH.forward(params, x, state, lengths)[-1]


@pytest.mark.parametrize("layer, params, K", [(fast.lstm, LSTM, H), (FAST, CHAINED, K)],
                         ids=["fast.lstm", "chain"])
def test_a_cache_that_kept_nothing_for_backward(layer, params, K):
    *_, cache = layer.forward(params, X, inference=True)
    says = "cache is of a forward with inference=True, expected one that kept every step: leave it out"
    assert_refused(says, ValueError, layer.backward, cache, ones(B, T, K))
    if layer is fast.lstm:
        assert_refused(says, ValueError, fast.lstm.trace, cache)


def half(H):
    return ones(B, H)


@mistakes(
    ("H is 5, expected an even number: half of the output is the backward direction's", ValueError,
     lambda: initial(BOTH, D, 5)),
    ("H is 0, expected a whole number of at least 1", ValueError, lambda: initial(BOTH, D, 0)),
    ("H is '6', expected a whole number of at least 1", TypeError, lambda: initial(BOTH, D, "6")),
    ("params of bidirectional: got dict, expected a dict of forward and backward: make them", ValueError,
     lambda: both(GRU)),
    ("params of bidirectional: got list, expected a dict of forward and backward: make them", ValueError,
     lambda: both([GRU, GRU])),
    ("params of gru are [], expected", ValueError, lambda: both(BOTH_PARAMS | {"backward": {}})),
    ("x has shape (4, 2), expected (B, T, 2): batch first", ValueError, lambda: both(x=X[0])),
    ("x is ragged, expected a regular array: pad it", ValueError, lambda: both(x=RAGGED)),
    ("lengths holds 5 at (1,), expected 0 to 4: how many", ValueError, lambda: both(lengths=[4, 5, 1])),
    ("lengths has shape (2,), expected (3,): one for each", ValueError, lambda: both(lengths=[4, 1])),
    ("state is ndarray, expected a tuple (forward, backward) or None: pass on", TypeError,
     lambda: both(state=half(3))),
    ("state is tuple of 1, expected a tuple (forward, backward) or None: pass", TypeError,
     lambda: both(state=(half(3),))),
    ("state has shape (3, 6), expected (3, 3): batch first", ValueError, lambda: both(state=(half(6), half(6)))),
    ("state is ndarray, expected a tuple (h, c) or None: pass on", TypeError,
     lambda: compose.bidirectional(lstm).forward({"forward": LSTM, "backward": LSTM}, X, (half(5), half(5)))),
    ("dstate is ndarray, expected a tuple (forward, backward) or None: pass on", TypeError,
     lambda: BOTH.backward(both(), ones(B, T, K), half(3))),
    ("dy has shape (3, 4, 5), expected (3, 4, 6): a gradient has the shape", ValueError,
     lambda: BOTH.backward(both(), ones(B, T, 5))),
    ("dy has shape (3, 4, 4), expected (3, 4, 6): a gradient has the shape", ValueError,
     lambda: BOTH.backward(both(), ones(B, T, 4))),
    ("dy has shape (3, 3, 6), expected (3, 4, 6): a gradient has the shape", ValueError,
     lambda: BOTH.backward(both(lengths=[4, 0, 2]), ones(B, 3, K))),
    ("dy has shape (4, 6), expected (3, 4, 6): a gradient has the shape", ValueError,
     lambda: BOTH.backward(both(), ones(T, K))),
)
def test_both_directions(says, error, mistake):
    assert_refused(says, error, mistake)


@mistakes(
    ("residual: x has shape (3, 4, 2), the layer's output (3, 4, 5), expected the same: give the layer one width",
     ValueError, lambda: SKIP.forward(LSTM, X)),
    ("residual: x has shape (3, 4, 2), the layer's output (3, 4, 6), expected the same", ValueError,
     lambda: compose.residual(linear).forward(LINEAR, X)),
    ("residual: x has shape (3, 4, 2), the layer's output (3, 2), expected the same", ValueError,
     lambda: compose.residual(compose.last_step).forward({}, X)),
    ("state is ndarray, expected a tuple (h, c) or None: pass on", TypeError,
     lambda: SKIP.forward(initial(lstm, D, D), X, half(2))),
    ("x has shape (3, 4, 5), expected (B, T, 2): batch first", ValueError,
     lambda: SKIP.forward(initial(lstm, D, D), ones(B, T, H))),
    ("dh has shape (4, 2), expected (3, 4, 2): a gradient has the shape", ValueError,
     lambda: SKIP.backward(SKIP.forward(initial(lstm, D, D), X)[-1], X[0])),
    ("num_layers is 0, expected a whole number of at least 1", ValueError, lambda: compose.stack(lstm, 0)),
    ("num_layers is 2.0, expected a whole number of at least 1", TypeError, lambda: compose.stack(lstm, 2.0)),
    ("stack.init got the widths (2,), expected 2", ValueError, lambda: initial(compose.stack(lstm, 2), D)),
    ("params of chain: got 1, expected a list or tuple of 2, one for each layer", ValueError,
     lambda: compose.stack(gru, 2).forward(STACK[:1], X)),
    ("state of chain: got ndarray, expected a list or tuple of 2, one for each layer that has a state", ValueError,
     lambda: compose.stack(gru, 2).forward(STACK, X, STATE)),
    ("state of chain: got 1, expected a list or tuple of 2", ValueError,
     lambda: compose.stack(gru, 2).forward(STACK, X, (STATE,))),
)
def test_residuals_and_stacks(says, error, mistake):
    assert_refused(says, error, mistake)


@mistakes(
    ("tied: the embedding's W has shape (7, 2), the read-out's (7, 5), expected the same", ValueError,
     lambda: initial(TIED, V, D, H, V)),
    ("tied: the embedding's W has shape (7, 5), the read-out's (6, 5), expected the same", ValueError,
     lambda: initial(TIED, V, H, H, K)),
    ("chain.init got the widths (7, 5, 5), expected 4: as", ValueError, lambda: initial(TIED, V, H, H)),
    ("params of chain: got 2, expected a list or tuple of 3, one for each layer: make", ValueError,
     lambda: TIED.forward(TIED_PARAMS[:2], IDS)),
    ("params of chain: got 0, expected a list or tuple of 3, one for each layer: make", ValueError,
     lambda: TIED.forward([], IDS)),
    ("params of chain: got dict, expected a list or tuple of 3, one for each layer: make", ValueError,
     lambda: TIED.forward(TABLE, IDS)),
    ("params of chain: got NoneType, expected a list or tuple of 3, one for each layer: make", ValueError,
     lambda: TIED.forward(None, IDS)),
    ("params of tied", ValueError, lambda: TIED.forward([{}, *TIED_PARAMS[1:]], IDS)),
    ("params of tied", ValueError, lambda: TIED.forward([*TIED_PARAMS[:2], None], IDS)),
    ("params of tied", ValueError, lambda: TIED.forward([*TIED_PARAMS[:2], initial(linear, H, V)], IDS)),  # two tables
    ("params of linear are ['W'], expected ['W', 'b']: make", ValueError,
     lambda: TIED.forward([*TIED_PARAMS[:2], {}], IDS)),
    ("ids holds 7 at (0, 0), expected 0 to 6: rows of the table", ValueError,
     lambda: TIED.forward(TIED_PARAMS, 7 * IDS)),
)
def test_tied_tables(says, error, mistake):
    assert_refused(says, error, mistake)


# --- What is no mistake

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


@each_attention
def test_lists_and_float64_are_no_mistake_for_attention_either(layer, params, q, k, v):
    expected = layer.forward(params, q, k, v)[0]
    for given in ([x.tolist() for x in (q, k, v)], [x.astype(np.float64) for x in (q, k, v)]):
        np.testing.assert_allclose(layer.forward(params, *given)[0], expected, rtol=1e-5)  # dot's own are float64
