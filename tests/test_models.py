"""The PlainForecaster: it learns, repeats itself to the bit, survives being saved and killed, and answers mistakes."""

import io
import pickle
import sys

import numpy as np
import pytest
from accidents import Killed, at, full_disk, interrupted

from minirnn import datasets, optim, training, weights
from minirnn.models import LanguageModel, PlainForecaster

SINE = 20 + 5 * np.sin(np.arange(130) / 4)
each_layer = pytest.mark.parametrize("layer", ["rnn", "lstm"])


def small(layer="lstm", seed=0):
    return PlainForecaster(layer, hidden=4, seed=seed, window=8)


def fitted(layer="lstm", seed=0, epochs=3, **settings):
    return small(layer, seed).fit(SINE[:70], epochs=epochs, **settings)


@each_layer
def test_it_learns_a_sine(layer):
    model = PlainForecaster(layer, hidden=8, window=12).fit(SINE[:110], epochs=80)
    np.testing.assert_allclose(model.predict(20), SINE[110:], atol=0.5)  # of an amplitude of 5
    assert model.history["validation"][-1] < 0.05 * model.history["validation"][0]


@each_layer
def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(layer):
    one, same, other = (fitted(layer, seed).predict(9) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()


@each_layer
def test_what_was_saved_and_loaded_forecasts_the_same_bits(layer, tmp_path):
    model = fitted(layer)
    model.save(tmp_path / "model.npz")
    loaded = PlainForecaster.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict(9), model.predict(9))
    np.testing.assert_array_equal(loaded.forecasts(SINE, 100, 5), model.forecasts(SINE, 100, 5))
    np.testing.assert_array_equal(loaded.observe(SINE).predict(9), model.observe(SINE).predict(9))


def test_predict_continues_what_was_last_observed():
    model, horizon = fitted(), 6
    ends = model.forecasts(SINE, 100, horizon)
    for k in (100, len(SINE) - horizon):
        np.testing.assert_allclose(model.observe(SINE[:k]).predict(horizon), ends[k - 100], rtol=1e-6)


def test_what_was_observed_is_kept_when_the_series_goes_on_in_place():
    series, model = SINE.copy(), fitted()
    before = model.observe(series).predict(3)
    series[:] = 0
    np.testing.assert_array_equal(model.predict(3), before)


def test_the_scale_is_that_of_the_training_part_alone():
    series = SINE[:100].copy()
    series[85:] += 50
    assert small().fit(series, epochs=1).scale == datasets.Scale.fit(SINE[:85])


def test_several_steps_ahead_are_many_times_one_step():
    model, series = fitted(), SINE[:70]
    for value in model.predict(4):
        np.testing.assert_allclose(model.observe(series).predict(1), value, rtol=1e-6)
        series = np.append(series, value)


def test_several_values_said_at_once_are_learned_and_go_on_from_themselves():
    model = PlainForecaster("rnn", hidden=8, window=8, ahead=3).fit(SINE[:100], epochs=60)
    three, five = model.predict(3), model.predict(5)
    assert abs(three - SINE[100:103]).max() < 0.2
    np.testing.assert_allclose(five[:3], three, rtol=1e-6)
    np.testing.assert_allclose(five[3:], model.observe(np.append(SINE[:100], three)).predict(2), rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_a_constant_series_goes_on(value):
    np.testing.assert_allclose(small().fit(np.full(60, value), epochs=30).predict(5), value, atol=0.1)


# --- Two trainings, and what may happen in each

def recorded(monkeypatch):
    """The parameters and the sizes of every training from now on."""
    trainings, fit = [], training.fit

    def recording(model, params, optimizer, train, *rest, **settings):
        trainings.append((params, len(train[0]), settings["epochs"]))
        return fit(model, params, optimizer, train, *rest, **settings)

    monkeypatch.setattr(training, "fit", recording)
    return trainings


def test_the_second_training_uses_everything_for_as_long_as_was_best(monkeypatch):
    trainings, scripted = recorded(monkeypatch), iter([3.0, 1.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(training, "evaluate", lambda *args, **_: next(scripted))
    model = fitted(epochs=5)
    (_, few, most), (params, everything, best) = trainings
    assert (few, most, everything, best) == (round(0.85 * 70) - 8, 5, 70 - 8, 2)
    assert model.params is params


@pytest.mark.parametrize("call", [11, 13, 15], ids=["in the first", "as the second starts", "in the second"])
def test_ctrl_c_in_either_training_keeps_the_best_of_the_first(call, monkeypatch):
    trainings = recorded(monkeypatch)
    monkeypatch.setattr(optim.Adam, "step", at(call, optim.Adam.step, KeyboardInterrupt))
    model = fitted()  # 3 epochs of 4 steps each
    assert model.history["stopped"] == "interrupted" and model.params is trainings[0][0]
    assert np.isfinite(model.predict(3)).all()


@each_layer
def test_killed_at_any_step_of_either_training_it_ends_the_same(layer, tmp_path, monkeypatch):
    whole = fitted(layer)
    for call in range(1, 4 * (3 + whole.history["best"]) + 1, 3):  # 4 steps an epoch
        checkpoint = str(tmp_path / f"killed at {call}")
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(optim.Adam, "step", at(call, optim.Adam.step))
            fitted(layer, checkpoint=checkpoint)
        again = fitted(layer, checkpoint=checkpoint)
        assert again.history == whole.history
        np.testing.assert_array_equal(again.predict(9), whole.predict(9))


def test_a_finished_run_with_a_checkpoint_trains_no_more(tmp_path, monkeypatch):
    whole = fitted(checkpoint=tmp_path / "checkpoint")
    monkeypatch.setattr(optim.Adam, "step", at(1, None))
    np.testing.assert_array_equal(fitted(checkpoint=tmp_path / "checkpoint").predict(9), whole.predict(9))


def test_a_fit_that_fails_leaves_the_model_as_it_was(tmp_path):
    fitted(seed=5, checkpoint=tmp_path / "another run")
    model, new = fitted(), small()
    before = model.predict(9)
    for one in (model, new):
        with pytest.raises(ValueError, match="belongs to another run"):
            one.fit(SINE, checkpoint=tmp_path / "another run")
    np.testing.assert_array_equal(model.predict(9), before)
    with pytest.raises(ValueError, match="is not fitted yet"):
        new.predict(9)


def test_both_trainings_show_one_line_on_a_terminal(monkeypatch):
    """The second has no validation loss to show."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    model = fitted()
    shown = sys.stderr.getvalue()
    assert "\033[K1 of 2, how long: epoch 1/" in shown and "\033[K2 of 2, on all data: epoch 1/" in shown
    assert shown.count("\n") == 1 and shown.endswith("\n") and np.isfinite(model.predict(2)).all()


# --- Mistakes

FITTED = fitted(epochs=1)


def with_nan():
    series = SINE.copy()
    series[7] = np.nan
    return series


@pytest.mark.parametrize("says, mistake", [
    ("layer is 'gru', expected one of 'rnn', 'lstm'", lambda: PlainForecaster("gru")),
    ("hidden is 0, expected a whole number of at least 1", lambda: PlainForecaster(hidden=0)),
    ("window is 2.5, expected a whole number of at least 1", lambda: PlainForecaster(window=2.5)),
    ("seed is -1, expected a whole number of at least 0", lambda: PlainForecaster(seed=-1)),
    ("series has 11 values, expected at least 13 for 1 ahead and 15% for validation: a longer",
     lambda: small().fit(SINE[:11])),
    ("series has 0 values, expected at least 13", lambda: small().fit(SINE[:0])),
    ("series holds nan at (7,), expected finite numbers", lambda: small().fit(with_nan())),
    ("series has shape (130, 1), expected (n", lambda: small().fit(SINE[:, None])),
    ("series has dtype <U1, expected floating point", lambda: small().fit(["a"] * 90)),
    ("series has dtype object, expected floating point", lambda: small().fit(None)),
    ("epochs is 0, expected a whole number of at least 1", lambda: small().fit(SINE, epochs=0)),
    ("this PlainForecaster is not fitted yet: call fit(series) first", lambda: small().predict(1)),
    ("this PlainForecaster is not fitted yet", lambda: small().observe(SINE)),
    ("this PlainForecaster is not fitted yet", lambda: small().forecasts(SINE, 100, 1)),
    ("this PlainForecaster is not fitted yet", lambda: small().save("never written")),
    ("horizon is 0, expected a whole number of at least 1", lambda: FITTED.predict(0)),
    ("horizon is '3', expected a whole number of at least 1", lambda: FITTED.predict("3")),
    ("series has 7 values, expected at least the 8 that the model reads", lambda: FITTED.observe(SINE[:7])),
    ("series holds nan at (7,), expected finite numbers", lambda: FITTED.observe(with_nan())),
    ("start is 7, expected a whole number of at least 8", lambda: FITTED.forecasts(SINE, 7, 1)),
])
def test_mistakes_get_one_line(says, mistake):
    with pytest.raises((ValueError, TypeError)) as caught:
        mistake()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


def test_the_shortest_series_is_as_short_as_the_message_says():
    assert np.isfinite(small().fit(SINE[:13], epochs=1).predict(2)).all()


def test_only_a_saved_forecaster_can_be_loaded(tmp_path):
    fitted(epochs=1, checkpoint=tmp_path / "checkpoint")
    weights.save(tmp_path / "weights", [np.ones(3)])
    parts = {"settings": FITTED.settings, "params": [], "scale": (0, 1), "past": SINE}
    weights.save(tmp_path / "half", {"plain_forecaster": parts})
    weights.save(tmp_path / "nothing", None)
    LanguageModel("rnn", hidden=2).fit("ab" * 20, epochs=1, batch_size=2).save(tmp_path / "language model")
    for name in ("checkpoint", "weights", "half", "nothing", "language model"):
        says = f"{name} holds no plain forecaster, expected a file that PlainForecaster.save made$"
        with pytest.raises(ValueError, match=says):
            PlainForecaster.load(tmp_path / name)
    (tmp_path / "text").write_text("SINE")
    with pytest.raises(ValueError, match="text is not a whole file written by minirnn"):
        PlainForecaster.load(tmp_path / "text")


def test_a_file_of_one_array_is_no_forecaster(tmp_path):
    weights.save(tmp_path / "array", np.ones(3))
    with pytest.raises(ValueError, match="array holds no plain forecaster"):
        PlainForecaster.load(tmp_path / "array")


def test_counts_are_welcome_and_a_model_can_be_pickled():
    model = small().fit(np.arange(90), epochs=1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(3), model.predict(3))


def test_ctrl_c_before_the_first_epoch_leaves_nothing(monkeypatch):
    monkeypatch.setattr(optim.Adam, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted()


@pytest.mark.parametrize("change", [{"settings": {"hidden": 10**6}}, {"scale": (0.0, 0.0)}, {"past": None}])
def test_a_file_made_by_hand_is_refused_in_one_line(change, tmp_path):
    FITTED.save(tmp_path / "good")
    parts = weights.load(tmp_path / "good")["plain_forecaster"]
    weights.save(tmp_path / "bad", {"plain_forecaster": {**parts, **change}})
    with pytest.raises(ValueError, match="bad holds no plain forecaster"):
        PlainForecaster.load(tmp_path / "bad")


def test_saving_over_the_model_of_before_is_all_or_nothing(tmp_path, monkeypatch):
    FITTED.save(tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        fitted(seed=1).save(tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == before
