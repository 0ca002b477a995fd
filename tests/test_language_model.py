"""The LanguageModel: what it learns, what it says, and that it survives being saved and killed."""

import math

import numpy as np
import pytest
from accidents import Killed, at, full_disk
from helpers import assert_same, generator, like

from minirnn import losses, optim, training, tree, weights
from minirnn.activations import softmax
from minirnn.models import LanguageModel, PlainForecaster

TEXT = "abcad" * 40  # what comes after an a, the letter before it says
WORDS = "to be or not to be is what to ask".split() * 15
SMALL = {"epochs": 2, "batch_size": 4, "truncate": 10, "lr": 3e-2}

KINDS = {
    "rnn": {"layer": "rnn"},
    "lstm": {"layer": "lstm"},
    "gru": {"layer": "gru"},
    "stacked": {"layer": "rnn", "num_layers": 2},
    "dropout": {"layer": "gru", "dropout": 0.2},
    "tied": {"layer": "lstm", "tied": True},
    "all at once": {"layer": "gru", "num_layers": 2, "dropout": 0.1, "tied": True},
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
each_layer = pytest.mark.parametrize("layer", ["rnn", "lstm", "gru"])
either_table = pytest.mark.parametrize("tied", [False, True], ids=["two tables", "tied"])


def small(layer="rnn", seed=0, **settings):
    return LanguageModel(layer, **{"hidden": 6, "seed": seed} | settings)


def fitted(text=TEXT, kind=None, **settings):
    return small(**kind or {}).fit(text, **SMALL | settings)


def opinionated(text=TEXT, **kind):
    """A model with large random weights: every token that it has read matters for what it says."""
    model = fitted(text, kind, epochs=0)
    model.params = like(generator(1), model.params)
    model.params[-1]["b"] *= 0.1  # no token is liked whatever came before
    return model


def logits_after(model, prompt):
    """What the model makes of a whole prompt at once, as numbers of float64."""
    ids = np.array([[model.vocabulary.index(token) for token in prompt]])
    return model.network.forward(model.params, ids)[0][0, -1].astype(np.float64)


def recorded(monkeypatch):
    """The training and the validation data of every training from now on."""
    batches, fit = [], training.fit

    def recording(model, params, optimizer, train, validation, **settings):
        batches.extend([training.Batch(*train), training.Batch(*validation)])
        return fit(model, params, optimizer, train, validation, **settings)

    monkeypatch.setattr(training, "fit", recording)
    return batches


# --- What it learns

@each_kind
def test_it_learns_a_periodic_text(kind):
    model = LanguageModel(**kind, hidden=12).fit(TEXT, **SMALL | {"epochs": 15})
    assert model.perplexity(TEXT[:50]) < 1.1
    assert model.perplexity("aabbccdd") > 2  # it did not just learn to be sure
    assert model.sample(10, "abcad", temperature=0.2) == "abcadabcad"
    assert model.history["validation"][-1] < 0.1 < 0.2 < model.history["validation"][0]


def test_a_list_of_words_is_learned_word_by_word():
    model = fitted(WORDS, {"layer": "gru", "hidden": 16}, epochs=20)
    assert model.vocabulary == sorted(set(WORDS))
    assert model.sample(6, ["or", "not"], temperature=0.2) == ["to", "be", "is", "what", "to", "ask"]
    assert model.perplexity(WORDS[:30]) < 1.2


def test_a_list_of_characters_is_the_same_text_as_a_str():
    one, other = fitted(TEXT), fitted(list(TEXT))
    assert one.history == other.history and one.perplexity("abca") == other.perplexity(list("abca"))
    assert one.sample(9, "ab") == "".join(other.sample(9, ["a", "b"]))
    assert isinstance(one.sample(1, ["a"]), str) and isinstance(other.sample(1, "a"), list)  # as the text was


def test_it_remembers_beyond_the_steps_that_the_gradient_goes_back():
    """With truncate=1 no gradient goes back at all, and what comes after an a is known from the state alone: were it
    not carried on, half of the tokens would cost log 2."""
    model = fitted("abac" * 60, {"hidden": 24}, epochs=10, truncate=1, lr=5e-3)
    assert model.history["train"][-1] < 0.1 < math.log(2) / 2
    assert model.perplexity("abac" * 5) < 1.2


@each_layer
def test_the_state_is_carried_from_chunk_to_chunk(layer, monkeypatch):
    """At a learning rate of zero an epoch's losses only show what the model saw."""
    batches = recorded(monkeypatch)
    model = fitted(kind={"layer": layer, "num_layers": 2}, lr=0.0, epochs=1, truncate=3)

    def mean_loss(carried):
        state, values = None, []
        for chunk in batches[0].chunks(3):
            logits, state, _ = model.network.forward(model.params, chunk.x, state if carried else None)
            values.append(losses.cross_entropy(logits, chunk.y)[0])
        return np.mean(values)

    assert model.history["train"] == [pytest.approx(mean_loss(carried=True), rel=1e-6)]
    assert abs(mean_loss(carried=False) / mean_loss(carried=True) - 1) > 1e-4  # it would show


@pytest.mark.parametrize("count, length, validation", [(4, 200, 0.1), (1, 200, 0.1), (7, 211, 0.3), (32, 203, 0.5)])
def test_the_streams_lie_side_by_side_and_cover_the_text(count, length, validation, monkeypatch):
    batches = recorded(monkeypatch)
    text = [f"{k:03}" for k in range(length)]  # no token twice: its number is its place
    fitted(text, epochs=0, batch_size=count, validation=validation)
    cut = round(length * (1 - validation))
    for (x, y, *_), start, stop in zip(batches, (0, cut), (cut, length)):
        np.testing.assert_array_equal(y, x + 1)
        assert x.ravel().tolist() == list(range(start, start + x.size))
        assert 0 <= stop - start - 1 - x.size < len(x)  # the last target is within, and less than a column left over
    assert len(batches[0].x) == count and 1 <= len(batches[1].x) <= count


def test_each_epoch_without_a_better_validation_loss_halves_the_learning_rate(monkeypatch):
    scripted, rates, seen, step = iter([3.0, 2.0, 2.5, 1.0, 1.5, 1.2, 1.1]), [], [], optim.Adam.step

    def evaluate(model, params, *rest, **_):
        seen.append(tree.map(np.copy, params))
        return next(scripted)

    def recording(optimizer, params, grads):
        rates.append(optimizer.lr)
        step(optimizer, params, grads)

    monkeypatch.setattr(training, "evaluate", evaluate)
    monkeypatch.setattr(optim.Adam, "step", recording)
    model = fitted(epochs=7, lr=0.08)
    assert rates[::len(rates) // 7] == [0.08, 0.08, 0.08, 0.04, 0.04, 0.02, 0.01]
    assert model.history["best"] == 4
    assert_same(model.params, seen[3])


# --- Its parameters

@each_kind
@either_table
def test_the_parameters_are_as_many_as_the_equations_have(kind, tied):
    V, H = 4, 6
    each = {"rnn": 2 * H * H + H, "lstm": 4 * (2 * H * H + H), "gru": 3 * (2 * H * H + 2 * H)}[kind["layer"]]
    params = fitted(kind=kind | {"tied": tied}).params
    count = sum(leaf.size for _, leaf in tree.leaves(params))
    assert count == V * H + kind.get("num_layers", 1) * each + (V if tied else V * H + V)
    assert params[0]["W"].shape == (V, H)
    assert params[-1].keys() == ({"b"} if tied else {"W", "b"})


@either_table
def test_what_it_says_is_by_the_equations(tied):
    """W_e picks a row for each token, an RNN reads the rows, W_o says the next token; tied, W_e and W_o are one."""
    model = opinionated(tied=tied)
    (embedding, (rnn,), read_out), text = model.params, "abcadabdca"
    ids = [model.vocabulary.index(token) for token in text]
    W_e, W_o, h, surprise = embedding["W"], embedding["W"] if tied else read_out["W"], np.zeros(6), []
    for now, after in zip(ids, ids[1:]):
        h = np.tanh(rnn["W_ih"] @ W_e[now] + rnn["U_h"] @ h + rnn["b_h"])
        p = softmax(W_o @ h + read_out["b"])
        surprise.append(-math.log(p[after]))
    assert model.perplexity(text) == pytest.approx(math.exp(np.mean(surprise)), rel=1e-4)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    one, same, other = (fitted(kind={"dropout": 0.3, "seed": seed}) for seed in (1, 1, 2))
    assert_same(one.params, same.params)
    assert one.history == same.history and one.perplexity(TEXT) != other.perplexity(TEXT)


def test_to_fit_again_starts_afresh():
    again = fitted(WORDS).fit(TEXT, **SMALL)
    assert_same(again.params, fitted().params)
    assert again.vocabulary == ["a", "b", "c", "d"] and again.characters


def test_dropout_is_drawn_in_training_and_not_afterwards():
    model, without = (fitted(kind={"dropout": rate}, epochs=1, lr=0.0) for rate in (0.6, 0.0))
    assert_same(model.params, without.params)
    assert model.history["train"] != without.history["train"]
    assert model.history["validation"] == without.history["validation"]
    assert model.perplexity(TEXT) == without.perplexity(TEXT)


# --- Perplexity

@pytest.mark.parametrize("text", [TEXT, "ab" * 60, WORDS], ids=["4 letters", "2 letters", "words"])
def test_to_know_nothing_of_v_tokens_is_a_perplexity_of_v(text):
    model = fitted(text, epochs=0)
    assert model.perplexity(text) == pytest.approx(len(model.vocabulary), rel=0.5)  # as it starts
    model.params = tree.map(np.zeros_like, model.params)
    assert model.perplexity(text) == pytest.approx(len(set(text)), rel=1e-6)


@each_kind
def test_perplexity_is_exp_of_the_mean_cross_entropy_after_the_first_token(kind):
    model, text = opinionated(**kind), "abcadaabdc"
    p = [softmax(logits_after(model, text[:k]))[model.vocabulary.index(text[k])] for k in range(1, len(text))]
    assert model.perplexity(text) == pytest.approx(math.exp(-np.mean(np.log(p))), rel=1e-4)


# --- Sampling

@each_kind
def test_at_a_low_temperature_it_says_what_is_most_likely_after_all_before(kind):
    model, everything = opinionated("abcdefgh" * 20, **kind), ""
    for prompt in ("a", "bh", "gcc", "ffad", "hdeba"):
        said = model.sample(6, prompt, temperature=1e-4)
        for k, token in enumerate(said):
            assert token == model.vocabulary[logits_after(model, prompt + said[:k]).argmax()]
        everything += said
    assert len(everything) == 30 and len(set(everything)) > 1


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_it_draws_by_the_softmax_of_logits_over_temperature(temperature):
    model, rng, N = opinionated(), generator(), 2000
    z = logits_after(model, "abc")
    said = [model.sample(1, "abc", temperature, rng) for _ in range(N)]
    share = np.array([said.count(token) for token in model.vocabulary]) / N

    def far(temperature):
        """The largest difference, in standard deviations."""
        p = np.exp(z / temperature) / np.exp(z / temperature).sum()
        return (abs(share - p) / np.sqrt(p * (1 - p) / N)).max()

    assert far(temperature) < 4 and all(far(other) > 8 for other in {0.5, 1.0, 3.0} - {temperature})


def test_a_seed_repeats_itself_and_a_generator_goes_on():
    model = opinionated()
    one, two = ([model.sample(30, "ab", rng=rng) for _ in range(2)] for rng in (3, generator(3)))
    assert one[0] == one[1] == two[0] != two[1]
    assert model.sample(30, "ab", rng=4) != one[0]
    rng = generator(3)
    assert [model.sample(30, "ab", rng=rng) for _ in range(2)] == two
    assert model.sample(30, "ab") == model.sample(30, "ab", rng=0)


def test_it_returns_as_many_tokens_as_asked_for_in_the_form_of_the_text():
    letters, words = fitted(TEXT), fitted(WORDS)
    for n in (1, 7):
        assert isinstance(letters.sample(n, "a"), str) and len(letters.sample(n, "a")) == n
        said = words.sample(n, ["to"])
        assert isinstance(said, list) and len(said) == n and set(said) <= set(WORDS)


def test_sampling_and_measuring_leave_the_model_as_it_was():
    model = fitted(kind={"dropout": 0.3})
    before = tree.map(np.copy, model.params)
    model.sample(5, "ab"), model.perplexity(TEXT)
    assert_same(model.params, before)


# --- Saved and loaded

@each_kind
@pytest.mark.parametrize("text", [TEXT, WORDS, "été\n\"'\\\0 时 " * 20], ids=["letters", "words", "odd characters"])
def test_what_was_saved_and_loaded_says_the_same(kind, text, tmp_path):
    model = fitted(text, kind)
    model.save(tmp_path / "model.npz")
    loaded = LanguageModel.load(tmp_path / "model.npz")
    assert loaded.sample(40, text[:3], rng=5) == model.sample(40, text[:3], rng=5)
    assert loaded.perplexity(text) == model.perplexity(text)
    assert (loaded.settings, loaded.vocabulary) == (model.settings, model.vocabulary)
    assert_same(loaded.params, model.params)
    assert {leaf.dtype for _, leaf in tree.leaves(loaded.params)} == {np.dtype(np.float32)}


def test_a_loaded_model_can_be_fitted_again(tmp_path):
    model = fitted(WORDS, {"dropout": 0.2, "seed": 3})
    model.save(tmp_path / "model")
    assert_same(LanguageModel.load(tmp_path / "model").fit(WORDS, **SMALL).params, model.params)


def test_saving_over_the_model_of_before_is_all_or_nothing(tmp_path, monkeypatch):
    FITTED.save(tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        fitted(WORDS).save(tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == before


def foreign(tmp_path):
    """Files that weights.save made, and none of them a language model."""
    parts = {"settings": FITTED.settings, "params": FITTED.params, "vocabulary": FITTED.vocabulary, "characters": True}
    files = {"weights": [np.ones(3)], "params": FITTED.params, "a number": 3, "nothing": None,
             "half": {"language_model": {"settings": FITTED.settings}},
             "other weights": {"language_model": parts | {"params": []}},
             "other vocabulary": {"language_model": parts | {"vocabulary": ["a", "b", "c"]}},
             "other settings": {"language_model": parts | {"settings": {"layer": "rnn", "width": 6}}},
             "other layer": {"language_model": parts | {"settings": FITTED.settings | {"layer": "transformer"}}}}
    for name, content in files.items():
        weights.save(tmp_path / name, content)
    PlainForecaster("rnn", hidden=2, window=4).fit(np.sin(np.arange(40) / 3), epochs=1).save(tmp_path / "forecaster")
    fitted(epochs=1, checkpoint=tmp_path / "checkpoint")
    return [*files, "forecaster", "checkpoint"]


def test_only_a_saved_language_model_can_be_loaded(tmp_path):
    for name in foreign(tmp_path):
        says = f"{name} holds no language model, expected a file that LanguageModel.save made$"
        with pytest.raises(ValueError, match=says):
            LanguageModel.load(tmp_path / name)
    (tmp_path / "text").write_text(TEXT)
    with pytest.raises(ValueError, match="text is not a whole file written by minirnn"):
        LanguageModel.load(tmp_path / "text")


def test_a_file_of_one_array_is_no_language_model(tmp_path):
    weights.save(tmp_path / "array", np.ones(3))
    with pytest.raises(ValueError, match="array holds no language model"):
        LanguageModel.load(tmp_path / "array")


def test_a_file_cut_short_is_told_in_one_line(tmp_path):
    FITTED.save(tmp_path / "model")
    whole = (tmp_path / "model").read_bytes()
    (tmp_path / "model").write_bytes(whole[:-100])
    with pytest.raises(ValueError, match="model is not a whole file written by minirnn"):
        LanguageModel.load(tmp_path / "model")


# --- Killed, and started again

KILLED = {"dropout": 0.3, "num_layers": 2}
LONG = {"epochs": 7, "lr": 0.3}  # so large that the learning rate is halved on the way
STEPS = 5  # in an epoch


def test_killed_at_any_epoch_it_ends_where_an_uninterrupted_run_does(tmp_path, monkeypatch):
    whole = fitted(kind=KILLED, **LONG, checkpoint=tmp_path / "whole")
    assert weights.load(tmp_path / "whole")["schedule"]["lr"] < LONG["lr"] / 3
    for call in (1, STEPS, *range(STEPS + 1, LONG["epochs"] * STEPS, STEPS), LONG["epochs"] * STEPS):
        checkpoint = tmp_path / f"killed at {call}"
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(optim.Adam, "step", at(call, optim.Adam.step))
            fitted(kind=KILLED, **LONG, checkpoint=checkpoint)
        assert checkpoint.exists() == (call > STEPS)
        again = fitted(kind=KILLED, **LONG, checkpoint=checkpoint)
        assert again.history == whole.history
        assert_same(again.params, whole.params)
        assert_same(weights.load(checkpoint)["schedule"], weights.load(tmp_path / "whole")["schedule"])


def test_more_epochs_go_on_from_a_finished_run(tmp_path, monkeypatch):
    fitted(kind=KILLED, **LONG | {"epochs": 3}, checkpoint=tmp_path / "checkpoint")
    more, whole = fitted(kind=KILLED, **LONG, checkpoint=tmp_path / "checkpoint"), fitted(kind=KILLED, **LONG)
    assert more.history == whole.history
    assert_same(more.params, whole.params)
    monkeypatch.setattr(optim.Adam, "step", at(1, None))  # and now there is nothing left to do
    assert_same(fitted(kind=KILLED, **LONG, checkpoint=tmp_path / "checkpoint").params, whole.params)


def test_ctrl_c_keeps_the_best_so_far(monkeypatch):
    monkeypatch.setattr(optim.Adam, "step", at(2 * STEPS + 3, optim.Adam.step, KeyboardInterrupt))
    model = fitted(epochs=9)
    monkeypatch.undo()
    assert model.history["stopped"] == "interrupted" and len(model.history["train"]) == 2
    assert_same(model.params, fitted(epochs=2).params)
    assert len(model.sample(3, "ab")) == 3


@pytest.mark.parametrize("text, kind, settings", [
    (TEXT[5:], {}, {}), (TEXT, {"seed": 1}, {}), (TEXT, {"layer": "gru"}, {}), (TEXT, {"num_layers": 2}, {}),
    (TEXT, {"tied": True}, {}), (TEXT, {}, {"lr": 0.1}), (TEXT, {}, {"batch_size": 3}), (TEXT, {}, {"truncate": 9}),
    (TEXT, {}, {"validation": 0.2}),
], ids=["text", "seed", "layer", "num_layers", "tied", "lr", "batch_size", "truncate", "validation"])
def test_the_checkpoint_of_another_run_is_refused_and_the_model_left_as_it_was(text, kind, settings, tmp_path):
    fitted(checkpoint=tmp_path / "checkpoint")
    before, new, old = (tmp_path / "checkpoint").read_bytes(), small(**kind), fitted("xyz" * 70, kind)
    params = tree.map(np.copy, old.params)
    for model in (new, old):
        with pytest.raises(ValueError, match="belongs to another run .*: name another file, or remove this one$"):
            model.fit(text, **SMALL | settings, checkpoint=tmp_path / "checkpoint")
    assert (tmp_path / "checkpoint").read_bytes() == before
    assert_same(old.params, params)
    assert old.vocabulary == ["x", "y", "z"] and new.vocabulary is new.params is None


# --- Mistakes

FITTED = fitted(epochs=1)
SPOKEN = fitted(WORDS, epochs=1)


@pytest.mark.parametrize("says, mistake", [
    ("layer is 'transformer', expected one of 'rnn', 'lstm', 'gru'", lambda: LanguageModel("transformer")),
    ("hidden is 0, expected a whole number of at least 1", lambda: LanguageModel(hidden=0)),
    ("num_layers is 0, expected a whole number of at least 1", lambda: LanguageModel(num_layers=0)),
    ("num_layers is 1.5, expected a whole number of at least 1", lambda: LanguageModel(num_layers=1.5)),
    ("seed is -1, expected a whole number of at least 0", lambda: LanguageModel(seed=-1)),
    ("dropout is 1.0, expected a number from 0 to below 1", lambda: fitted(kind={"dropout": 1.0})),
    ("dropout is -0.1, expected a number from 0 to below 1", lambda: fitted(kind={"dropout": -0.1})),
    ("text holds no token, expected at least one", lambda: fitted("")),
    ("text holds no token, expected at least one", lambda: fitted([])),
    ("text has 3 tokens, too few for 4 streams and 10% for validation: a longer text, or a smaller batch_size",
     lambda: fitted("abc")),
    ("text has 1 tokens, too few for 4 streams", lambda: fitted("a")),
    ("text has 19 tokens, too few for 4 streams and 5% for validation", lambda: fitted("a" * 19, validation=0.05)),
    ("text has 200 tokens, too few for 4 streams and 0% for validation", lambda: fitted(validation=0)),
    ("split got train=-0.5, validation=1.5, expected shares that sum to at most 1", lambda: fitted(validation=1.5)),
    ("epochs is -1, expected a whole number of at least 0", lambda: fitted(epochs=-1)),
    ("truncate is -1, expected a whole number of at least 1", lambda: fitted(truncate=-1)),
    ("truncate is 0, expected a whole number of at least 1", lambda: fitted(truncate=0)),
    ("batch_size is 0, expected a whole number of at least 1", lambda: fitted(batch_size=0)),
    ("no such folder/a cannot be written: expected a file name in a folder",
     lambda: fitted(checkpoint="no such folder/a")),
    ("this LanguageModel is not fitted yet: call fit(text) first", lambda: small().perplexity("ab")),
    ("this LanguageModel is not fitted yet: call fit(text) first", lambda: small().sample(1, "ab")),
    ("this LanguageModel is not fitted yet: call fit(text) first", lambda: small().save("never written")),
    ("text holds the token 'x', expected at least one, each among the 4 of training", lambda: FITTED.perplexity("axb")),
    ("text holds the token '\\n', expected", lambda: FITTED.perplexity("ab\n")),
    ("text holds the token 'not seen'", lambda: SPOKEN.perplexity(["to", "not seen"])),
    ("text holds the token ' ', expected at least one, each among the 7 of", lambda: SPOKEN.perplexity("to be")),
    ("text holds the token 'x', expected at least one, each among the 4 of training", lambda: FITTED.sample(1, "ax")),
    ("text holds no token, expected at least one", lambda: FITTED.perplexity("")),
    ("text holds no token, expected at least one", lambda: FITTED.sample(1, "")),
    ("text has 1 tokens, expected at least 2: the first is only read", lambda: FITTED.perplexity("a")),
    ("temperature is 0, expected a number above 0", lambda: FITTED.sample(1, "a", temperature=0)),
    ("temperature is -1, expected a number above 0", lambda: FITTED.sample(1, "a", temperature=-1)),
    ("temperature is nan, expected a number above 0", lambda: FITTED.sample(1, "a", temperature=math.nan)),
    ("n is 0, expected a whole number of at least 1", lambda: FITTED.sample(0, "a")),
    ("n is 1.5, expected a whole number of at least 1", lambda: FITTED.sample(1.5, "a")),
])
def test_mistakes_get_one_line(says, mistake):
    with pytest.raises((ValueError, TypeError)) as caught:
        mistake()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


def test_a_learning_rate_far_too_high_is_told_in_one_line():
    with pytest.raises(FloatingPointError, match="^epoch 1: .* lower the learning rate or clip, or scale the data$"):
        fitted(lr=1e30)


@pytest.mark.parametrize("temperature", [1e-300, math.inf])
def test_no_temperature_is_too_low_or_too_high(temperature):
    assert set(FITTED.sample(50, "a", temperature)) <= set(TEXT)
