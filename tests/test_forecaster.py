"""The Forecaster: the line alone where that is all there is to know, networks where it is not, intervals, accidents."""

import copy
import io
import pickle
import sys

import numpy as np
import pytest
from accidents import Killed, at, interrupted

from minirnn import baselines, gradcheck, linear, lstm, metrics, optim, tree, weights
from minirnn.blas import one_thread
from minirnn.models import Forecaster, line
from minirnn.models.side_by_side import mse, side_by_side

NOISE = np.random.default_rng(0).normal(size=600)
SINE = 20 + 5 * np.sin(np.arange(130) / 4) + 0.1 * NOISE[:130]


def lorenz(n, every=12, step=0.01):
    """The x of the Lorenz system: what a line cannot know a few steps ahead."""
    state, values = np.array([1.0, 1.0, 20.0]), []

    def slope(s):
        return np.array([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])

    for k in range(n * every):
        middle = state + step / 2 * slope(state)
        state = state + step * slope(middle)
        if k % every == 0:
            values.append(state[0])
    return np.array(values)


def small(**settings):
    return Forecaster(**({"ahead": 2, "hidden": 4} | settings))


def fitted(series=SINE[:90], epochs=3, checkpoint=None, **settings):
    return small(**settings).fit(series, epochs=epochs, checkpoint=checkpoint)


def error(model, series, start, horizon):
    return metrics.rmse(model.forecasts(series, start, horizon), baselines.truth(series, start, horizon))


@pytest.fixture
def always(monkeypatch):
    """The networks count, however little they learned."""
    monkeypatch.setattr(Forecaster, "_better", lambda *_: True)


# --- The line

def test_a_trend_goes_on_beyond_the_range():
    series = 3 * np.arange(200) + 5 + NOISE[:200]
    model = fitted(series[:150], ahead=10, epochs=5)
    assert error(model, series, 150, 10) < 2.5 and model.predict(10).min() > series[:150].max() - 3


def test_growth_with_a_spread_that_goes_with_the_level_is_taken_in_logarithms():
    series = np.exp(0.02 * np.arange(250) + 0.05 * NOISE[:250])
    model = fitted(series[:200], ahead=5, epochs=3)
    assert model.line.log
    assert error(model, series, 200, 5) < error(baselines.chosen_ar(series[:200], 170), series, 200, 5)
    low, high = model.intervals(5)
    assert (low > 0).all() and (high / model.predict(5) == pytest.approx(model.predict(5) / low))


def test_a_season_longer_than_any_window_is_known():
    season = np.tile(np.random.default_rng(1).normal(size=90), 6)
    series = season + 0.1 * NOISE[:540]
    assert error(fitted(series[:450], season=90, ahead=4, epochs=1), series, 450, 4) < 0.25


def test_of_noise_nothing_is_learned_but_its_mean():
    model = fitted(NOISE[:300] + 7, epochs=15)
    assert model.history["best"] == 0 and model.params == []
    np.testing.assert_allclose(model.predict(2), 7, atol=0.4)
    np.testing.assert_array_equal(model.forecasts(NOISE + 7, 400, 2), model.line.forecasts(NOISE + 7, 400, 2))


def test_all_steps_at_once_are_one_step_again_and_again():
    form = line.Form(False, 7, "drift", 9, 1e-3)
    one = line.fitted(form, SINE)
    again = baselines.recursive(lambda x: one.b + x[:, ::-1] @ one.w, one.apply(SINE)[None, -len(one.w):], 20)
    np.testing.assert_allclose(one.ahead(one.apply(SINE), np.array([130]), 20), again, atol=1e-8)


def test_the_line_is_the_ridge_regression_of_its_form():
    """Against least squares on the augmented system, for each kind of deviation."""
    n, order = len(SINE), 4
    for anchor in line.ANCHORS:
        one = line.fitted(line.Form(False, 0, anchor, order, 0.01), SINE)
        z = one.apply(SINE)
        past = np.stack([z[order - 1 - k:n - 1 - k] for k in range(order)], axis=1)
        y = z[order:]
        if anchor != "mean":
            past, y = past[:, 1:] - past[:, :1], y - past[:, 0]
        if anchor != "last":
            centre = past.mean(axis=0), y.mean()
            past, y = past - centre[0], y - centre[1]
        penalty = 0.01 * (past**2).sum() / past.shape[1] + 1e-12 * len(past)
        width = past.shape[1]
        rows = np.vstack([past, np.sqrt(penalty) * np.eye(width)])
        w = np.linalg.lstsq(rows, np.append(y, np.zeros(width)), rcond=None)[0]
        np.testing.assert_allclose(one.w[-len(w):], w, rtol=1e-6)
        assert anchor == "mean" or one.w.sum() == pytest.approx(1)


# --- The networks

def test_what_is_not_linear_is_learned():
    series = lorenz(700)
    model = Forecaster(ahead=2, hidden=12).fit(series[:600], epochs=25)
    assert model.history["best"] > 0
    assert error(model, series, 600, 2) < 0.6 * error(model.line, series, 600, 2)


def test_side_by_side_is_a_layer_under_the_law():
    rng = np.random.default_rng(0)
    layer = side_by_side(lstm, 3)
    params = tree.map(lambda p: p + 0.5 * rng.normal(size=p.shape), layer.init(rng, 2, 4, dtype=np.float64))
    state = tuple((rng.normal(size=(3, 4)), rng.normal(size=(3, 4))) for _ in range(3))
    assert gradcheck.check(layer, params, rng.normal(size=(3, 5, 2)), state, rng=rng).ok
    alone, _, _ = lstm.forward(params[1], np.ones((1, 2, 2)))
    np.testing.assert_array_equal(layer.forward(params, np.ones((1, 2, 2)))[0][..., 4:8], alone)


def test_the_loss_of_several_is_the_mean_of_theirs():
    prediction, target = np.array([[[1.0, 2.0, 3.0, 5.0]]]), np.array([[[0.0, 1.0]]])
    assert mse(prediction, target)[0] == (1 + 1 + 9 + 16) / 4
    assert mse(prediction, target, np.array([[[True, False]]]))[0] == (1 + 9) / 2


def test_before_training_the_model_is_the_line(always, monkeypatch):
    monkeypatch.setattr(optim.AdamW, "step", lambda *_: None)
    model = fitted()
    np.testing.assert_array_equal(model.forecasts(SINE, 100, 2), model.line.forecasts(SINE, 100, 2))
    assert model.params and model.history["rmse"]["model"] == model.history["rmse"]["line"]


# --- Questions

def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(always):
    one, same, other = (fitted(seed=seed).predict(5) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()


def test_one_origin_or_many_or_a_longer_horizon_say_the_same(always):
    model = fitted()
    ends = model.forecasts(SINE, 100, 2)
    for k in (100, 128):
        np.testing.assert_allclose(model.observe(SINE[:k]).predict(2), ends[k - 100], rtol=1e-6)
    np.testing.assert_allclose(model.forecasts(SINE, 100, 5)[:, :2], ends[:-3], rtol=1e-6)
    five = model.observe(SINE[:100]).predict(5)
    np.testing.assert_allclose(five[2:4], model.observe(np.append(SINE[:100], five[:2])).predict(2), rtol=1e-6)


def test_counts_are_welcome():
    counts = np.random.default_rng(0).poisson(20, size=90)
    one, same = fitted(counts), fitted(counts.astype(float))
    np.testing.assert_array_equal(one.predict(3), same.predict(3))
    np.testing.assert_array_equal(one.forecasts(counts, 70, 2), same.forecasts(counts.astype(float), 70, 2))


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e9])
def test_a_constant_series_goes_on(value):
    model = fitted(np.full(40, value))
    np.testing.assert_allclose(model.predict(5), value)
    np.testing.assert_allclose(model.intervals(5), value)


def test_intervals_hold_about_what_they_say():
    series = np.convolve(np.random.default_rng(3).normal(size=4000), 0.8 ** np.arange(20))[:4000]
    model = fitted(series[:3000], ahead=4, epochs=1)
    forecasts, truth = model.forecasts(series, 3000, 4), baselines.truth(series, 3000, 4)
    for level in (0.5, 0.8, 0.95):
        low, high = model.around(forecasts, level)
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(level, abs=0.08)
    low, high = model.around(forecasts, 0)
    assert (high - low < np.ptp(model.errors) / 4).all()  # the smallest error, not the largest
    width = np.subtract(*model.intervals(9)[::-1])
    assert (np.diff(width) > 0).all()  # beyond what was measured too
    with pytest.raises(ValueError, match="^level is 1.5, expected a number from 0 to below 1"):
        model.intervals(2, level=1.5)


# --- Files and accidents

def test_all_networks_and_both_trainings_show_one_line(always, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    model = fitted()
    line = sys.stderr.getvalue()
    shown = [text.split("  loss")[0] for text in line.split("\r\033[K")]
    assert shown == ["", *(f"1 of 2, how long: epoch {k}/3" for k in (1, 2, 3)),
                     *(f"2 of 2, on all data: epoch {k}/{model.history['best']}"
                       for k in range(1, model.history["best"] + 1))]
    assert line.count("\n") == 1 and line.endswith("\n")


def test_what_was_saved_or_pickled_or_copied_forecasts_the_same_bits(always, tmp_path):
    model = fitted()
    model.save(tmp_path / "model.npz")
    for again in (Forecaster.load(tmp_path / "model.npz"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(again.predict(9), model.predict(9))
        np.testing.assert_array_equal(again.forecasts(SINE, 100, 2), model.forecasts(SINE, 100, 2))
        np.testing.assert_array_equal(again.intervals(4), model.intervals(4))


@pytest.mark.parametrize("change", [
    lambda parts: parts["settings"].update(hidden=10**6),
    lambda parts: parts["settings"].update(colour="red"),
    lambda parts: parts.update(past=None),
    lambda parts: parts["line"].update(std=0.0),
    lambda parts: parts["line"].update(w=np.full(3, np.nan)),
    lambda parts: parts["view"].update(need=10**9),
    lambda parts: parts.pop("scale"),
    lambda parts: parts.update(params=[np.ones(3)]),
    lambda parts: parts.update(errors=np.ones(3)),
], ids=["million units", "setting", "past", "std", "nan", "view", "scale", "params", "errors"])
def test_a_file_made_by_hand_is_refused_in_one_line(change, always, tmp_path):
    fitted().save(tmp_path / "good")
    saved = weights.load(tmp_path / "good")
    change(saved["forecaster"])
    weights.save(tmp_path / "bad", saved)
    with pytest.raises(ValueError, match="bad holds no forecaster, expected a file that Forecaster.save made$"):
        Forecaster.load(tmp_path / "bad")


@pytest.mark.parametrize("call", [1, 25, 70])
def test_killed_at_any_step_it_ends_the_same_with_one_name(call, always, tmp_path, monkeypatch):
    whole, checkpoint = fitted(), tmp_path / "checkpoint"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(optim.AdamW, "step", at(call, optim.AdamW.step))
        fitted(checkpoint=checkpoint)
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} <= {"checkpoint"}
    again = fitted(checkpoint=checkpoint)
    assert again.history == whole.history
    np.testing.assert_array_equal(again.predict(9), whole.predict(9))
    with monkeypatch.context() as patch:
        patch.setattr(optim.AdamW, "step", at(1, None))
        np.testing.assert_array_equal(fitted(checkpoint=checkpoint).predict(9), whole.predict(9))


def test_a_checkpoint_that_was_removed_takes_the_second_one_along(always, tmp_path):
    fitted(checkpoint=tmp_path / "checkpoint")
    (tmp_path / "checkpoint").unlink()
    np.testing.assert_array_equal(fitted(SINE, checkpoint=tmp_path / "checkpoint").predict(2), fitted(SINE).predict(2))


def test_ctrl_c_before_the_first_epoch_leaves_the_line(monkeypatch):
    monkeypatch.setattr(optim.AdamW, "step", interrupted)
    model = fitted()
    assert model.history["stopped"] == "interrupted" and model.params == [] and model.history["best"] == 0
    np.testing.assert_array_equal(model.forecasts(SINE, 100, 2), model.line.forecasts(SINE, 100, 2))


def test_ctrl_c_before_the_line_leaves_nothing(monkeypatch):
    monkeypatch.setattr(line, "chosen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted()


@pytest.mark.parametrize("call", [30, 70], ids=["in the first training", "in the second"])
def test_ctrl_c_later_keeps_the_best_so_far(call, always, monkeypatch):
    monkeypatch.setattr(optim.AdamW, "step", at(call, optim.AdamW.step, KeyboardInterrupt))
    model = fitted()
    assert model.history["stopped"] == "interrupted" and model.params and np.isfinite(model.predict(3)).all()


@pytest.mark.parametrize("says, mistake", [
    ("season is 0, expected a whole number of at least 1", lambda: Forecaster(season=0)),
    ("series has 11 values, expected at least", lambda: fitted(SINE[:11])),
    ("validation is 0.0, expected a share above 0 and below 1", lambda: small().fit(SINE, validation=0.0)),
    ("validation is 1.5, expected a share", lambda: small().fit(SINE, validation=1.5)),
    ("this Forecaster is not fitted yet: call fit(series) first", lambda: small().predict(1)),
    ("this Forecaster is not fitted yet", lambda: small().intervals(1)),
    ("series holds nan at (3,)", lambda: fitted(np.where(np.arange(130) == 3, np.nan, SINE))),
    ("values go from 0 to 1e+200, expected squares that float64 can hold", lambda: fitted(np.array([1e200, 0.0] * 30))),
    ("series holds -1, expected values above 0",
     lambda: fitted(np.exp(0.03 * np.arange(90) + 0.1 * NOISE[:90])).observe(np.full(99, -1.0))),
])
def test_mistakes_get_one_line(says, mistake):
    with pytest.raises((ValueError, TypeError)) as caught:
        mistake()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


def test_one_blas_thread_and_then_as_many_as_before():
    from minirnn import blas
    get, put = blas._threads()
    before = get()
    with one_thread():
        assert get() == 1
    assert get() == before
