"""The layers against their equations, written out literally: one sequence, one gate at a time, only loops.

The article prints equations 1 to 4 in its section 4. The lines marked "not printed" are those it needs and leaves out.
It names neither the GRU nor the embedding: theirs are the equations of PyTorch's documentation. Nor does it name what
comes after them below: attention, normalization, dropout, decay, and layers that are made of layers.
"""

import math

import numpy as np
import pytest

from helpers import assert_same, big, generator, like, normal
from minirnn import attention, compose, decayed, dropout, embedding, gru, linear, lstm, normalize, rnn, tree

B, T, D, H, K, Tq = 3, 6, 2, 5, 4, 7
LENGTHS = np.array([T, 0, 4])  # how many steps or keys are real: all, none, some
ROUNDING = 1e-14


def dot(W, v):
    return np.array([sum(w * v_k for w, v_k in zip(row, v)) for row in W])


def sigma(z):
    return np.array([1 / (1 + math.exp(-z_k)) for z_k in z])


def tanh(z):
    return np.array([math.tanh(z_k) for z_k in z])


def rnn_of_the_article(x, h, phi, W_ih, U_h, b_h):
    hs = []
    for x_t in x:
        h = phi(dot(W_ih, x_t) + dot(U_h, h) + b_h)  # equation 1
        hs.append(h)
    return hs


def lstm_of_the_article(x, h, c, W_xi, W_xf, W_xc, W_xo, U_i, U_f, U_c, U_o, b_i, b_f, b_c, b_o):
    hs, cs = [], []
    for x_t in x:
        i_t = sigma(dot(W_xi, x_t) + dot(U_i, h) + b_i)  # not printed
        f_t = sigma(dot(W_xf, x_t) + dot(U_f, h) + b_f)  # not printed
        o_t = sigma(dot(W_xo, x_t) + dot(U_o, h) + b_o)  # not printed: equation 4 reads h_t, which needs this first
        candidate = tanh(dot(W_xc, x_t) + dot(U_c, h) + b_c)  # equation 3
        c = f_t * c + i_t * candidate  # equation 2
        h = o_t * tanh(c)  # not printed
        hs.append(h)
        cs.append(c)
    return hs, cs


def gru_of_pytorch(x, h, W_xr, W_xz, W_xn, U_r, U_z, U_n, b_xr, b_xz, b_xn, b_hr, b_hz, b_hn):
    hs = []
    for x_t in x:
        r_t = sigma(dot(W_xr, x_t) + b_xr + dot(U_r, h) + b_hr)
        z_t = sigma(dot(W_xz, x_t) + b_xz + dot(U_z, h) + b_hz)
        n_t = tanh(dot(W_xn, x_t) + b_xn + r_t * (dot(U_n, h) + b_hn))  # not U_n (r ⊙ h), as Cho et al. have it
        h = (1 - z_t) * n_t + z_t * h
        hs.append(h)
    return hs


def blocks_of_gru(params):
    return {f"{ours}{gate}": block for ours, theirs in (("W_x", "W_x"), ("U_", "U_h"), ("b_x", "b_x"), ("b_h", "b_h"))
            for gate, block in zip("rzn", np.split(params[theirs], 3))}


def read_out_of_the_article(h, W_oh, b_o):
    return [sigma(dot(W_oh, h_t) + b_o) for h_t in h]  # equation 4


@pytest.mark.parametrize("activation, phi", [("sigmoid", sigma), ("tanh", tanh)])
def test_rnn_is_equation_1(activation, phi):
    rng = generator()
    params, x, h_0 = big(rng, rnn, D, H), normal(rng, B, T, D), normal(rng, B, H)
    h, h_T, _ = rnn.forward(params, x, h_0, activation=activation)
    expected = np.array([rnn_of_the_article(x[b], h_0[b], phi, **params) for b in range(B)])
    assert_same((h, h_T), (expected, expected[:, -1]), ROUNDING)


def test_lstm_is_equations_2_and_3_with_the_gates_left_out():
    rng = generator()
    params, x, h_0, c_0 = big(rng, lstm, D, H), normal(rng, B, T, D), normal(rng, B, H), normal(rng, B, H)
    h, state, _ = lstm.forward(params, x, (h_0, c_0))
    expected = [lstm_of_the_article(x[b], h_0[b], c_0[b], **lstm.gates(params)) for b in range(B)]
    hs, cs = np.array(expected).swapaxes(0, 1)
    assert_same((h, state), (hs, (hs[:, -1], cs[:, -1])), ROUNDING)


def test_gru_is_its_equations_one_gate_at_a_time():
    rng = generator()
    params, x, h_0 = big(rng, gru, D, H), normal(rng, B, T, D), normal(rng, B, H)
    h, h_T, _ = gru.forward(params, x, h_0)
    expected = np.array([gru_of_pytorch(x[b], h_0[b], **blocks_of_gru(params)) for b in range(B)])
    assert_same((h, h_T), (expected, expected[:, -1]), ROUNDING)


def test_embedding_looks_each_id_up():
    params, ids = big(generator(), embedding, K, D), np.array([[1, 0, 1], [3, 3, 1]])
    x, _ = embedding.forward(params, ids)
    assert_same(x, np.array([[params["W"][i] for i in row] for row in ids]))


def test_equation_4_as_printed_is_a_read_out_of_the_hidden_state():
    rng = generator()
    params, h = big(rng, linear, H, K), normal(rng, B, T, H)
    y, _ = linear.forward(params, h, activation="sigmoid")
    expected = np.array([read_out_of_the_article(h[b], W_oh=params["W"], b_o=params["b"]) for b in range(B)])
    assert_same(y, expected, ROUNDING)


def test_gates_are_views_into_the_parameters():
    params = big(generator(), lstm, D, H)
    for block in lstm.gates(params).values():
        block[...] = 7
    assert_same(params, {name: np.full_like(p, 7) for name, p in params.items()})


def test_the_forget_gate_starts_open():
    gates = lstm.gates(lstm.init(generator(), D, H))
    assert (gates["b_f"] == 1).all() and not any(gates[name].any() for name in ("b_i", "b_c", "b_o"))


# --- Attention: one query at a time, one key at a time



def scaled(q, k):
    return sum(q * k) / math.sqrt(len(q))


def plain(q, k):
    return sum(q * k)


def mean_of_values(q, keys, values, score):
    """What one query sees of some keys and their values, and its weight on each: no keys, nothing."""
    shares = [math.exp(score(q, k)) for k in keys]
    weights = [share / sum(shares) for share in shares]
    return sum((w * v for w, v in zip(weights, values)), np.zeros(values.shape[1])), weights


def attend(q, k, v, n, causal, score):
    """One sequence with n real keys: for each query its context and T weights."""
    contexts, weights = np.zeros((len(q), v.shape[1])), np.zeros((len(q), len(k)))
    for i in range(len(q)):
        seen = [j for j in range(len(k)) if j < n and (j <= i or not causal)]
        contexts[i], weights[i, seen] = mean_of_values(q[i], k[seen], v[seen], score)
    return contexts, weights


def assert_attends(layer, params, widths, attend_one, lengths, causal, **settings):
    """The layer does for each sequence what attend_one does for one alone."""
    rng = generator(3)
    q, k, v = (normal(rng, B, steps, width) for steps, width in zip((Tq, T, T), widths))
    context, weights, _ = layer.forward(params, q, k, v, lengths, causal, **settings)
    real = [T] * B if lengths is None else lengths
    alone = [attend_one(q[b], k[b], v[b], real[b], causal) for b in range(B)]
    assert_same((context, weights), tuple(map(np.array, zip(*alone))), 10 * ROUNDING)  # one product upon another


VISIBLE = {"all": (None, False), "causal": (None, True), "lengths": (LENGTHS, False), "both": (LENGTHS, True)}
each_visibility = pytest.mark.parametrize("lengths, causal", VISIBLE.values(), ids=VISIBLE)


@each_visibility
@pytest.mark.parametrize("score", [scaled, plain])
def test_dot_attention_one_query_at_a_time(score, lengths, causal):
    one = lambda *args: attend(*args, score)
    assert_attends(attention.dot, {}, (H, H, K), one, lengths, causal, scaled=score is scaled)


@each_visibility
def test_additive_attention_one_query_at_a_time(lengths, causal):
    params = big(generator(), attention.additive, H, D, 8)
    score = lambda q, k: sum(params["v_a"] * tanh(dot(params["W_q"], q) + dot(params["W_k"], k)))
    assert_attends(attention.additive, params, (H, D, K), lambda *args: attend(*args, score), lengths, causal)


@each_visibility
@pytest.mark.parametrize("heads", [1, 2, 3, 12])
def test_multi_head_attention_one_head_at_a_time(heads, lengths, causal):
    params, width = big(generator(), attention.multi_head, 12, D, K), 12 // heads

    def project(name, xs):
        return np.array([dot(params[f"W_{name}"], x) + params[f"b_{name}"] for x in xs])

    def one(q, k, v, n, causal):
        q, k, v = project("q", q), project("k", k), project("v", v)
        parts = [slice(h * width, (h + 1) * width) for h in range(heads)]
        contexts, weights = zip(*(attend(q[:, part], k[:, part], v[:, part], n, causal, scaled) for part in parts))
        return project("o", np.concatenate(contexts, axis=1)), weights

    assert_attends(attention.multi_head, params, (12, D, K), one, lengths, causal, heads=heads)


def test_a_query_without_any_key_has_context_and_weights_of_zero():
    rng = generator()
    q, k, v = (normal(rng, B, steps, H) for steps in (Tq, T, T))
    for layer in attention.dot, attention.additive:
        context, weights, _ = layer.forward(big(rng, layer, *[H] * compose.sizes(layer)), q, k, v, LENGTHS)
        assert not context[1].any() and not weights[1].any() and context[0].all()


def test_self_attention_is_attention_of_the_steps_to_themselves():
    params, x = big(generator(), attention.multi_head, H), normal(generator(1), B, T, H)
    context, weights, _ = compose.self_attention(attention.multi_head).forward(params, x, LENGTHS, causal=True)
    assert_same((context, weights), attention.multi_head.forward(params, x, x, x, LENGTHS, causal=True)[:2])


# --- Normalization: one number at a time

def normal_form(numbers, gamma, beta, eps=1e-5):
    """Each of some numbers, less their mean, over their standard deviation; times its γ, and its β."""
    mean = sum(numbers) / len(numbers)
    var = sum((number - mean)**2 for number in numbers) / len(numbers)
    return np.array([g * (number - mean) / math.sqrt(var + eps) + b for number, g, b in zip(numbers, gamma, beta)])


@pytest.mark.parametrize("eps", [1e-5, 0.1])
@pytest.mark.parametrize("shape", [(B, T, H), (B, H), (H,)], ids=str)
def test_layer_norm_is_over_the_features_of_each_step_alone(shape, eps):
    params, x = big(generator(), normalize.layer_norm, H), normal(generator(1), *shape)
    y, _ = normalize.layer_norm.forward(params, x, eps=eps)
    expected = [normal_form(x[index], params["gamma"], params["beta"], eps) for index in np.ndindex(shape[:-1])]
    assert_same(y, np.reshape(expected, shape), ROUNDING)


def of_batch_norm():
    params = big(generator(), normalize.batch_norm, D)
    return params | {"var": 0.5 + params["var"]**2}


# Which of all x are real.
each_batch = pytest.mark.parametrize("shape, lengths, real", [
    ((B, T, D), None, [(b, t) for b in range(B) for t in range(T)]),
    ((B, T, D), LENGTHS, [(b, t) for b in range(B) for t in range(LENGTHS[b])]),
    ((B, D), None, [(b,) for b in range(B)]),
], ids=["steps", "lengths", "no steps"])


@each_batch
def test_batch_norm_in_training_is_over_all_real_steps_for_each_feature_alone(shape, lengths, real):
    params, x = of_batch_norm(), normal(generator(1), *shape)
    before, N = tree.map(np.copy, params), len(real)
    y, _ = normalize.batch_norm.forward(params, x, lengths, training=True, momentum=0.3)
    expected = np.zeros(shape)
    for d in range(D):
        numbers = [x[index][d] for index in real]
        normalized = normal_form(numbers, N * [params["gamma"][d]], N * [params["beta"][d]])
        for index, number in zip(real, normalized):
            expected[index][d] = number
        mean = sum(numbers) / N
        var = sum((number - mean)**2 for number in numbers) / (N - 1)  # not N, as in what is normalized by
        before["mean"][d] = 0.7 * before["mean"][d] + 0.3 * mean
        before["var"][d] = 0.7 * before["var"][d] + 0.3 * var
    assert_same((y, params), (expected, before), ROUNDING)


@each_batch
def test_batch_norm_after_training_is_by_the_running_mean_and_variance(shape, lengths, real):
    params, x = of_batch_norm(), normal(generator(1), *shape)
    before = tree.map(np.copy, params)
    y, _ = normalize.batch_norm.forward(params, x, lengths)
    expected = np.zeros(shape)
    for index in real:
        for d, (gamma, beta, mean, var) in enumerate(zip(*before.values())):
            expected[index][d] = gamma * (x[index][d] - mean) / math.sqrt(var + 1e-5) + beta
    assert_same((y, params), (expected, before), ROUNDING)


def test_the_running_statistics_of_batch_norm_come_to_be_those_of_the_data():
    rng, params = generator(), normalize.batch_norm.init(None, D, dtype=np.float64)
    for _ in range(200):
        normalize.batch_norm.forward(params, 5 + 2 * normal(rng, 8, T, D), training=True)
    np.testing.assert_allclose(params["mean"], 5, atol=0.3)
    np.testing.assert_allclose(params["var"], 4, rtol=0.2)


def layer_norm_lstm_one_step_at_a_time(x, h, c, W_x, U_h, b, gamma_x, gamma_h, gamma_c, beta_c):
    hs, nothing = [], np.zeros_like(b)
    for x_t in x:
        a_t = normal_form(dot(W_x, x_t), gamma_x, b) + normal_form(dot(U_h, h), gamma_h, nothing)
        i_t, f_t, candidate, o_t = (a_t[n * H:(n + 1) * H] for n in range(4))
        c = sigma(f_t) * c + sigma(i_t) * tanh(candidate)
        h = sigma(o_t) * tanh(normal_form(c, gamma_c, beta_c))
        hs.append(h)
    return hs, h, c


def beyond(lengths, rows):
    """Sequences of unequal length as one array (B, T, H), zero beyond each."""
    return np.array([[*row, *np.zeros((T - n, H))] for n, row in zip(lengths, rows)])


def test_layer_norm_lstm_one_step_at_a_time():
    rng, layer = generator(), normalize.layer_norm_lstm
    params, x, h_0, c_0 = big(rng, layer, D, H), normal(rng, B, T, D), *normal(rng, 2, B, H)
    h, state, _ = layer.forward(params, x, (h_0, c_0), LENGTHS)
    alone = [layer_norm_lstm_one_step_at_a_time(x[b, :n], h_0[b], c_0[b], **params) for b, n in enumerate(LENGTHS)]
    hs, h_T, c_T = zip(*alone)
    assert_same((h, state), (beyond(LENGTHS, hs), (np.array(h_T), np.array(c_T))), ROUNDING)


# --- Decay with the time between steps

def fade(w, b, gap):
    return np.array([math.exp(-max(0, w_k * gap + b_k)) for w_k, b_k in zip(w, b)])


def gru_with_gaps(x, gaps, h, w, b, blocks):
    hs = []
    for x_t, gap in zip(x, gaps):
        h, = gru_of_pytorch([np.append(x_t, gap)], fade(w, b, gap) * h, **blocks)
        hs.append(h)
    return hs, h


def lstm_with_gaps(x, gaps, h, c, w, b, blocks):
    hs = []
    for x_t, gap in zip(x, gaps):
        gamma = fade(w, b, gap)
        (h,), (c,) = lstm_of_the_article([np.append(x_t, gap)], gamma * h, gamma * c, **blocks)
        hs.append(h)
    return hs, h, c


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "padded"])
@pytest.mark.parametrize("layer", [gru, lstm], ids=["gru", "lstm"])
def test_the_state_fades_with_the_gap_before_each_step(layer, lengths):
    rng = generator()
    params, x, gaps = big(rng, decayed(layer), D, H), normal(rng, B, T, D), rng.uniform(0, 3, (B, T))
    fading = gaps[..., None] * params["w"] + params["b"] > 0
    assert fading.any() and not fading.all()  # on both sides of max
    state = normal(rng, B, H) if layer is gru else tuple(normal(rng, 2, B, H))
    h, final, _ = decayed(layer).forward(params, x, gaps, state, lengths)
    blocks, run = (blocks_of_gru, gru_with_gaps) if layer is gru else (lstm.gates, lstm_with_gaps)
    real, states = [T] * B if lengths is None else lengths, [state] if layer is gru else state
    hs, *finals = zip(*(run(x[b, :n], gaps[b], *(s[b] for s in states), params["w"], params["b"],
                            blocks(params["layer"])) for b, n in enumerate(real)))
    finals = tuple(map(np.array, finals))
    assert_same((h, final), (beyond(real, hs), finals[0] if layer is gru else finals), ROUNDING)


# --- Dropout

def test_dropout_leaves_a_number_out_or_makes_up_for_those_left_out():
    x = normal(generator(), B, T, D)
    y, _ = dropout.forward({}, x, generator(1), training=True, rate=0.3)
    kept = y != 0
    assert_same(y, np.where(kept, x / 0.7, 0), ROUNDING)
    assert 0.5 < kept.mean() < 0.9 and kept.any(axis=1).all() and not (kept == kept[:, :1]).all()


@pytest.mark.parametrize("shape", [(B, T, D), (B, T, 2, D), (B, D)], ids=str)
def test_one_mask_through_time_is_the_same_at_all_steps_and_another_for_each_sequence(shape):
    y, _ = dropout.forward({}, np.ones(shape), generator(1), training=True, same_through_time=True)
    first = y.reshape(B, -1, D)[:, :1]
    assert_same(y.reshape(B, -1, D), np.broadcast_to(first, (B, y.size // B // D, D)))
    assert {*y.flat} == {0, 2} and len({row.tobytes() for row in first}) > 1


@pytest.mark.parametrize("settings", [{}, {"rng": 1}, {"rng": 1, "training": True, "rate": 0.0}],
                         ids=["not training", "not training, with rng", "rate 0"])
def test_dropout_of_nothing_is_the_identity(settings):
    x = normal(generator(), B, T, D)
    assert_same(dropout.forward({}, x, **settings)[0], x)


@pytest.mark.parametrize("through_time", [False, True])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_on_average_dropout_changes_nothing(rate, through_time):
    x = np.full((400, 5, 20), 3.0)
    y, _ = dropout.forward({}, x, generator(), training=True, rate=rate, same_through_time=through_time)
    assert abs(y.mean() - 3) < 0.2 and abs((y == 0).mean() - rate) < 0.02


def test_a_generator_draws_another_mask_at_every_call_and_a_seed_the_same():
    mask = lambda rng: dropout.forward({}, np.ones((B, T, D)), rng, training=True)[0].tobytes()
    rng = generator()
    assert mask(rng) != mask(rng) and mask(1) == mask(1) != mask(2)


def test_with_dropout_is_dropout_of_what_the_layer_shows_and_not_of_its_state():
    rng = generator()
    params, x, h_0 = big(rng, gru, D, H), normal(rng, B, T, D), normal(rng, B, H)
    layer = compose.with_dropout(gru, 0.3, same_through_time=True)
    y, after, _ = layer.forward(params, x, h_0, LENGTHS, generator(1), training=True)
    h, h_T, _ = gru.forward(params, x, h_0, LENGTHS)
    dropped, _ = dropout.forward({}, h, generator(1), training=True, rate=0.3, same_through_time=True)
    assert_same((y, after), (dropped, h_T))
    assert_same(layer.forward(params, x, h_0, LENGTHS)[:2], (h, h_T))


# --- Layers made of layers

def test_residual_adds_what_it_was_given():
    rng = generator()
    params, x, state = big(rng, lstm, H, H), normal(rng, B, T, H), tuple(normal(rng, 2, B, H))
    y, after, _ = compose.residual(lstm).forward(params, x, state, LENGTHS)
    h, expected, _ = lstm.forward(params, x, state, LENGTHS)
    assert_same((y, after), (x + h, expected))


@pytest.mark.parametrize("layer", [rnn, gru, lstm], ids=["rnn", "gru", "lstm"])
def test_bidirectional_is_two_layers_run_by_hand_on_each_sequence_alone(layer):
    rng, both = generator(), compose.bidirectional(layer)
    params, x = big(rng, both, D, 2 * H), normal(rng, B, T, D)
    state = like(rng, both.forward(params, x)[1])
    y, after, _ = both.forward(params, x, state, LENGTHS)
    for b, n in enumerate(LENGTHS):
        before, before_back = tree.map(lambda s: s[b:b + 1], state)
        h, final, _ = layer.forward(params["forward"], x[b:b + 1, :n], before)
        h_back, final_back, _ = layer.forward(params["backward"], x[b:b + 1, :n][:, ::-1], before_back)
        assert_same(y[b:b + 1, :n], np.concatenate([h, h_back[:, ::-1]], axis=2), ROUNDING)
        assert_same(tree.map(lambda s: s[b:b + 1], after), (final, final_back), ROUNDING)
        assert not y[b, n:].any()


def test_a_stack_is_its_layers_by_hand():
    rng, layer = generator(), compose.stack(gru, 3)
    params, x, states = big(rng, layer, D, H), normal(rng, B, T, D), tuple(normal(rng, 3, B, H))
    y, after, _ = layer.forward(params, x, states, LENGTHS)
    h, finals = x, []
    for p, state in zip(params, states):
        h, final, _ = gru.forward(p, h, state, LENGTHS)
        finals.append(final)
    assert_same((y, after), (h, tuple(finals)))


def test_a_stack_has_dropout_between_its_layers_and_not_after_the_last():
    rng, masks = generator(1), generator(1)
    layer = compose.stack(gru, 3, dropout=0.3)
    params, x = big(generator(), layer, D, H), normal(generator(2), B, T, D)
    y, _, _ = layer.forward(params, x, rng=rng, training=True)
    h = x
    for p in params:
        h = h if h is x else dropout.forward({}, h, masks, training=True, rate=0.3)[0]
        h, _, _ = gru.forward(p, h)
    assert_same(y, h)


def test_tied_is_a_chain_whose_two_tables_are_one():
    rng, chain = generator(), compose.chain(embedding, lstm, linear)
    params, ids = big(rng, compose.tied(chain), K, D, D, K), rng.integers(K, size=(B, T))
    assert [sorted(p) for p in params] == [["W"], ["U_h", "W_x", "b"], ["b"]]
    apart = [*params[:2], params[2] | {"W": params[0]["W"].copy()}]
    y, state, cache = compose.tied(chain).forward(params, ids)
    expected, expected_state, cache_apart = chain.forward(apart, ids)
    assert_same((y, state), (expected, expected_state))
    grads, nothing, dstate = compose.tied(chain).backward(cache, y, state)
    read, middle, said = chain.backward(cache_apart, y, state)[0]
    assert_same(grads, [{"W": read["W"] + said["W"]}, middle, {"b": said["b"]}])
    assert nothing is None and dstate is not None


def test_a_tied_table_starts_as_the_read_out_does():
    params = compose.tied(compose.chain(embedding, linear)).init(generator(), 50, 4, 50)
    assert 0.45 < abs(params[0]["W"]).max() <= 0.5  # ±1/√4, and not from N(0, 1)
