"""The EncoderDecoder: what it computes, that it learns to turn sequences round, and that it survives being killed."""

import numpy as np
import pytest
from accidents import Killed, at
from helpers import assert_same, generator, like

from minirnn import attention, compose, datasets, gru, losses, lstm, optim, training, tree, weights
from minirnn.activations import softmax
from minirnn.models import EncoderDecoder

V_SOURCE, V_TARGET, D, H = 7, 8, 3, 4
B, T, Ty = 3, 5, 6
LENGTHS = np.array([5, 1, 3])
HEADS = compose.with_settings(attention.multi_head, heads=2)

MODELS = {
    "dot": EncoderDecoder(attention.dot),
    "additive": EncoderDecoder(attention.additive),
    "multi_head": EncoderDecoder(HEADS),
    "none": EncoderDecoder(),
    "dot, stack": EncoderDecoder(attention.dot, compose.stack(lstm, 2)),
    "additive, gru": EncoderDecoder(attention.additive, gru),
    "none, gru": EncoderDecoder(None, gru),
    "none, stack of gru": EncoderDecoder(layer=compose.stack(gru, 2)),
}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def sequences():
    rng = generator(1)
    return rng.integers(V_SOURCE, size=(B, T)), rng.integers(V_TARGET, size=(B, Ty))


def opinionated(model, dtype=np.float64, seed=2):
    """Large random weights: whatever was read matters for what is said."""
    params = like(generator(seed), model.init(generator(), V_SOURCE, V_TARGET, D, H, dtype=dtype))
    params["read_out"]["b"] *= 0.1  # no word is liked whatever came before
    params["decoder"][0]["W"] *= 3
    return params


SOURCE, INPUTS = sequences()


# --- What it computes

RECURRENT = {"W_x": (16, 3), "U_h": (16, 4), "b": (16,)}
GATED = {"W_x": (12, 3), "U_h": (12, 4), "b_x": (12,), "b_h": (12,)}
LOOKING = {
    "dot": {},
    "additive": {"W_q": (4, 4), "W_k": (4, 4), "v_a": (4,)},
    "multi_head": {f"{part}_{name}": (4, 4) if part == "W" else (4,) for name in "qkvo" for part in "Wb"},
}


@pytest.mark.parametrize("name, looking, recurrent", [
    ("dot", LOOKING["dot"], RECURRENT),
    ("additive", LOOKING["additive"], RECURRENT),
    ("multi_head", LOOKING["multi_head"], RECURRENT),
    ("none", None, RECURRENT),
    ("dot, stack", LOOKING["dot"], [RECURRENT, RECURRENT | {"W_x": (16, 4)}]),
    ("additive, gru", LOOKING["additive"], GATED),
])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_init_makes_these_parameters(name, looking, recurrent, dtype):
    params = MODELS[name].init(generator(), V_SOURCE, V_TARGET, D, H, dtype=dtype)
    expected = {"encoder": [{"W": (V_SOURCE, D)}, recurrent], "decoder": [{"W": (V_TARGET, D)}, recurrent],
                "read_out": {"W": (V_TARGET, H if looking is None else 2 * H), "b": (V_TARGET,)}}
    if looking is not None:
        expected["attention"] = looking
    shapes = lambda node: ({key: shapes(child) for key, child in node.items()} if isinstance(node, dict) else
                           [shapes(child) for child in node] if isinstance(node, list) else node.shape)
    assert shapes(params) == expected
    assert {leaf.dtype for _, leaf in tree.leaves(params)} == {np.dtype(dtype)}
    assert_same(params, MODELS[name].init(generator(), V_SOURCE, V_TARGET, D, H, dtype=dtype))


@each_model
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_gives_logits_for_each_word_and_weights_over_the_source(model, dtype):
    logits, looked, _ = model.forward(opinionated(model, dtype), (SOURCE, INPUTS), LENGTHS)
    assert logits.shape == (B, Ty, V_TARGET) and logits.dtype == dtype
    if model.attention is None:
        assert looked is None
        return
    assert looked.shape == ((B, 2, Ty, T) if model.attention is HEADS else (B, Ty, T)) and looked.dtype == dtype
    real = np.broadcast_to(np.arange(T) < LENGTHS.reshape(-1, *[1] * (looked.ndim - 1)), looked.shape)
    assert (looked[~real] == 0).all() and (looked[real] > 0).all()
    np.testing.assert_allclose(looked.sum(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("name", ["dot", "none"])
def test_it_is_these_layers_one_after_the_other(name):
    """The decoder starts from the encoder's last state and reads the inputs alone; the attention looks at all states of
    the encoder; the read-out takes the state first, then the context."""
    params = opinionated(MODELS[name])
    logits, looked, _ = MODELS[name].forward(params, (SOURCE, INPUTS), LENGTHS)
    (table, reading), (words, saying) = params["encoder"], params["decoder"]
    for b, n in enumerate(LENGTHS):
        h, state, _ = lstm.forward(reading, table["W"][SOURCE[b, :n]][None])
        s, _, _ = lstm.forward(saying, words["W"][INPUTS[b]][None], state)
        for t in range(Ty):
            read = s[0, t]
            if name == "dot":
                w = softmax(h[0] @ s[0, t] / np.sqrt(H))
                np.testing.assert_allclose(looked[b, t, :n], w, rtol=1e-12)
                read = np.concatenate([read, w @ h[0]])
            np.testing.assert_allclose(logits[b, t], params["read_out"]["W"] @ read + params["read_out"]["b"],
                                       rtol=1e-12)


@each_model
def test_a_word_depends_on_the_words_before_it_alone(model):
    params, inputs = opinionated(model), INPUTS.copy()
    before, _, _ = model.forward(params, (SOURCE, INPUTS), LENGTHS)
    inputs[:, 3] = (inputs[:, 3] + 1) % V_TARGET
    after, _, _ = model.forward(params, (SOURCE, inputs), LENGTHS)
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    assert (abs(after[:, 3:] - before[:, 3:]).max(axis=2) > 1e-6).all()


@each_model
def test_each_real_word_of_the_source_matters_and_no_padding_does(model):
    params = opinionated(model)
    before, looked, _ = model.forward(params, (SOURCE, INPUTS), LENGTHS)
    for b, n in enumerate(LENGTHS):
        for t in range(T):
            source = SOURCE.copy()
            source[b, t] = (source[b, t] + 1) % V_SOURCE
            after, _, _ = model.forward(params, (source, INPUTS), LENGTHS)
            assert (after[b] != before[b]).any() == (t < n)
    wider = np.concatenate([SOURCE, SOURCE[:, :3]], axis=1)
    after, looked_wider, _ = model.forward(params, (wider, INPUTS), LENGTHS)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)
    if looked is not None:
        np.testing.assert_allclose(looked_wider[..., :T], looked, rtol=0, atol=1e-12)
        assert not looked_wider[..., T:].any()


@each_model
def test_a_batch_is_each_sequence_alone(model):
    params = opinionated(model)
    logits, looked, _ = model.forward(params, (SOURCE, INPUTS), LENGTHS)
    said, looking = model.greedy(params, SOURCE, 0, 4, LENGTHS)
    for b, n in enumerate(LENGTHS):
        alone, looked_alone, _ = model.forward(params, (SOURCE[b:b + 1, :n], INPUTS[b:b + 1]))
        said_alone, looking_alone = model.greedy(params, SOURCE[b:b + 1, :n], 0, 4)
        np.testing.assert_allclose(alone[0], logits[b], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(said_alone[0], said[b])
        if looked is not None:
            np.testing.assert_allclose(looked_alone[0], looked[b, ..., :n], rtol=0, atol=1e-12)
            np.testing.assert_allclose(looking_alone[0], looking[b, ..., :n], rtol=0, atol=1e-12)


@each_model
def test_without_lengths_all_of_the_source_is_real(model):
    params = opinionated(model)
    for lengths in (np.full(B, T), [T] * B):
        assert_same(model.forward(params, (SOURCE, INPUTS))[:2], model.forward(params, (SOURCE, INPUTS), lengths)[:2])
    assert_same(model.greedy(params, SOURCE, 1, 4), model.greedy(params, SOURCE, 1, 4, np.full(B, T)))


# --- What it says

@each_model
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["", "lengths"])
def test_greedy_is_forward_fed_with_what_it_said(model, lengths):
    steps, varied = 9, 0
    for start in range(V_TARGET):
        params = opinionated(model, seed=start)
        said, looked = model.greedy(params, SOURCE, start, steps, lengths)
        inputs = np.concatenate([np.full((B, 1), start), said[:, :-1]], axis=1)
        logits, looked_at_once, _ = model.forward(params, (SOURCE, inputs), lengths)
        assert said.shape == (B, steps) and said.dtype.kind == "i"
        np.testing.assert_array_equal(said, logits.argmax(axis=2))
        if model.attention is None:
            assert looked is looked_at_once is None
        else:
            assert looked.shape == looked_at_once.shape
            np.testing.assert_allclose(looked, looked_at_once, rtol=0, atol=1e-12)
        varied += sum(len(set(words)) > 1 for words in said.tolist())
    assert varied > 5  # else any word fed back would do


@each_model
def test_greedy_says_the_same_for_fewer_steps(model):
    params = opinionated(model)
    np.testing.assert_array_equal(model.greedy(params, SOURCE, 0, 2)[0], model.greedy(params, SOURCE, 0, 6)[0][:, :2])


# --- What it learns

def trained(model, epochs, checkpoint=None, n=200, width=16, **settings):
    """A training run from the start, on sequences of 1 to 4 symbols to be said backwards."""
    params, optimizer = model.init(generator(), 4, 4, 8, width), optim.Adam(1e-2)
    train, validation = (datasets.tasks.reversal(generator(seed), n, shortest=1, longest=4, symbols=3)
                         for seed in (1, 2))
    history = training.fit(model, params, optimizer, train, validation, rng=generator(3), epochs=epochs, batch_size=25,
                           loss=losses.cross_entropy, checkpoint=checkpoint, **settings)
    return params, optimizer, history


@pytest.mark.parametrize("name", ["dot", "additive", "multi_head", "none", "dot, stack", "additive, gru"])
def test_it_learns_to_say_a_sequence_backwards(name):
    model = MODELS[name]
    params, _, history = trained(model, epochs=40)
    assert history["train"][-1] < 0.03 and min(history["validation"]) < 0.06 < 0.5 < history["validation"][0]
    (source, _), targets, lengths, mask = datasets.tasks.reversal(generator(4), 100, 1, 4, 3)
    said, looked = model.greedy(params, source, start=3, steps=5, lengths=lengths)
    assert np.where(mask, said == targets, True).all(axis=1).mean() > 0.9


def test_dropout_within_the_layer_is_drawn_in_training():
    model = EncoderDecoder(attention.dot, compose.stack(lstm, 2, dropout=0.5))
    batch = training.Batch((SOURCE, INPUTS), INPUTS, LENGTHS)
    one, other = (training.step(model, opinionated(model), optim.SGD(0.0), batch, loss=losses.cross_entropy,
                                rng=generator(seed))[0] for seed in (1, 2))
    assert one != other


def test_a_loss_on_the_weights_reaches_the_parameters_too():
    """backward(cache, dlogits, dweights): with dlogits zero all that arrives comes through the weights."""
    model = MODELS["additive"]
    params = opinionated(model)
    logits, looked, cache = model.forward(params, (SOURCE, INPUTS), LENGTHS)
    grads, dx = model.backward(cache, np.zeros_like(logits), like(generator(3), looked))
    assert dx is None and not any(g.any() for g in grads["read_out"].values())
    for part in ("encoder", "decoder", "attention"):
        assert all(g.any() for path, g in tree.leaves(grads[part]))


# --- Saved, killed and started again

@each_model
def test_saved_parameters_say_the_same(model, tmp_path):
    params = opinionated(model, np.float32)
    weights.save(tmp_path / "params.npz", params)
    loaded, fresh = weights.load(tmp_path / "params.npz"), model.init(generator(9), V_SOURCE, V_TARGET, D, H)
    weights.restore(fresh, loaded)
    expected = model.forward(params, (SOURCE, INPUTS), LENGTHS)[:2], model.greedy(params, SOURCE, 0, 5)
    for again in (loaded, fresh):
        assert_same([model.forward(again, (SOURCE, INPUTS), LENGTHS)[:2], model.greedy(again, SOURCE, 0, 5)], expected)


@pytest.mark.parametrize("name", ["dot", "multi_head", "dot, stack", "none, gru"])
def test_killed_at_any_epoch_it_ends_where_an_uninterrupted_run_does(name, tmp_path, monkeypatch):
    model, small = MODELS[name], {"epochs": 3, "n": 50, "width": 4}  # 2 steps an epoch
    params, optimizer, history = trained(model, **small)
    for call in (1, 2, 3, 5, 6):
        checkpoint = tmp_path / f"killed at {call}"
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(optim.Adam, "step", at(call, optim.Adam.step))
            trained(model, **small, checkpoint=checkpoint)
        again, optimizer_again, history_again = trained(model, **small, checkpoint=checkpoint)
        assert history_again == history
        assert_same([again, optimizer_again.state], [params, optimizer.state])


@pytest.mark.parametrize("part", ["source", "inputs"])
def test_a_checkpoint_knows_the_sources_and_the_inputs(part, tmp_path):
    (source, inputs), *rest = datasets.tasks.reversal(generator(1), 10, 1, 4, 3)

    def run(source, inputs):
        params = MODELS["dot"].init(generator(), 4, 4, 2, 2)
        training.fit(MODELS["dot"], params, optim.SGD(0.1), ((source, inputs), *rest), rng=generator(), epochs=1,
                     loss=losses.cross_entropy, checkpoint=tmp_path / "checkpoint")

    run(source, inputs)
    other = {"source": source, "inputs": inputs}
    other[part] = 2 - other[part].clip(0, 2)
    with pytest.raises(ValueError, match="belongs to another run"):
        run(**other)


# --- Mistakes

DOT, PARAMS = MODELS["dot"], opinionated(MODELS["dot"])


@pytest.mark.parametrize("says, mistake", [
    ("x is ndarray, expected a tuple (source, inputs)", lambda: DOT.forward(PARAMS, SOURCE)),
    ("x is ndarray, expected a tuple (source, inputs)", lambda: DOT.forward(PARAMS, np.stack([SOURCE, SOURCE]))),
    ("x is tuple of 3, expected a tuple (source, inputs)", lambda: DOT.forward(PARAMS, (SOURCE, INPUTS, INPUTS))),
    ("x is tuple of 1, expected a tuple (source, inputs)", lambda: DOT.forward(PARAMS, (SOURCE,))),
    ("ids holds 7 at (0, 0), expected 0 to 6", lambda: DOT.forward(PARAMS, (np.full((1, 2), 7), INPUTS[:1]))),
    ("ids holds -1 at (0, 0), expected 0 to 7", lambda: DOT.forward(PARAMS, (SOURCE[:1], np.full((1, 2), -1)))),
    ("ids has dtype float64, expected integers", lambda: DOT.forward(PARAMS, (SOURCE * 1.0, INPUTS))),
    ("state h has shape (3, 4), expected (2, 4): batch first", lambda: DOT.forward(PARAMS, (SOURCE, INPUTS[:2]))),
    ("lengths holds 6 at (0,), expected 0 to 5", lambda: DOT.forward(PARAMS, (SOURCE, INPUTS), LENGTHS + 1)),
    ("lengths has shape (2,), expected (3,)", lambda: DOT.forward(PARAMS, (SOURCE, INPUTS), LENGTHS[:2])),
    ("ids holds 8 at (0, 0), expected 0 to 7", lambda: DOT.greedy(PARAMS, SOURCE, 8, 3)),
    ("steps is 0, expected a whole number of at least 1", lambda: DOT.greedy(PARAMS, SOURCE, 0, 0)),
    ("H is 0, expected a whole number of at least 1", lambda: DOT.init(generator(), 7, 8, 3, 0)),
    ("V is 0, expected a whole number of at least 1", lambda: DOT.init(generator(), 7, 0, 3, 4)),
    ("heads is 2, expected a divisor of the width 5", lambda: MODELS["multi_head"].forward(
        MODELS["multi_head"].init(generator(), 7, 8, 3, 5), (SOURCE, INPUTS))),
])
def test_mistakes_get_one_line(says, mistake):
    with pytest.raises((ValueError, TypeError)) as caught:
        mistake()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)
