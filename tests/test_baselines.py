"""What a network has to beat, and how it is measured: by hand, against published numbers, and without the future."""

import numpy as np
import pytest

from minirnn import baselines, datasets, gradcheck, metrics
from minirnn.models import Forecaster, PlainForecaster


def noisy(n=120, seed=0):
    """A made-up year with a season of 7, and noise."""
    return 10 + np.sin(np.arange(n) * 2 * np.pi / 7) + 0.3 * np.random.default_rng(seed).normal(size=n)


def autoregressive(n, weights, noise, seed=0):
    """x_t = 1 + Σ_k w_k x_{t-k} + noise."""
    rng = np.random.default_rng(seed)
    x = list(rng.normal(size=len(weights)))
    while len(x) < n:
        x.append(1 + sum(w * past for w, past in zip(weights, x[::-1])) + noise * rng.normal())
    return np.array(x)


def test_persistence_by_hand():
    assert baselines.persistence(np.array([3.0, 1.0, 4.0, 1.0, 5.0]), start=2, horizon=2).tolist() == [[1, 1], [4, 4]]


def test_seasonal_naive_by_hand():
    series = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    assert baselines.seasonal_naive(series, start=3, horizon=5, season=3).tolist() == [[1, 2, 3, 1, 2]]
    assert baselines.seasonal_naive(series, start=6, horizon=1, season=3).tolist() == [[4], [5]]


def test_the_truth_is_what_follows_each_origin():
    assert baselines.truth(np.arange(5.0), start=2, horizon=2).tolist() == [[2, 3], [3, 4]]


def test_ar_recovers_the_coefficients_that_made_the_series():
    weights = [1.2, -0.5, 0.2]
    series = autoregressive(200, weights, noise=0.0)[:40]  # later it has come to rest, and says nothing
    ar = baselines.AR(3).fit(series)
    np.testing.assert_allclose(ar.w[:0:-1], weights, rtol=1e-6)  # of standardized values, the oldest first


def test_ar_finds_them_in_noise_too():
    ar = baselines.AR(2).fit(autoregressive(20_000, [1.2, -0.5], noise=1.0))
    np.testing.assert_allclose(ar.w[:0:-1], [1.2, -0.5], atol=0.02)


def test_ar_continues_a_sine_for_many_steps():
    series = 5 + 3 * np.sin(np.arange(60) / 4)
    np.testing.assert_allclose(baselines.AR(2).fit(series[:40]).forecasts(series, 40, 20)[0], series[40:], atol=1e-8)


def test_a_ridge_shrinks_the_weights():
    free, ridge = (baselines.AR(5, penalty).fit(noisy()).w[1:] for penalty in (0.0, 1.0))
    assert np.linalg.norm(ridge) < 0.8 * np.linalg.norm(free)


def test_a_ridge_leaves_the_mean_of_the_errors_at_zero():
    """The constant is not penalized."""
    series = noisy() + np.arange(120)
    errors = baselines.AR(5, ridge=1.0).fit(series).forecasts(series, 5, 1) - baselines.truth(series, 5, 1)
    assert np.mean(errors) == pytest.approx(0, abs=1e-8) and np.std(errors) > 1


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_ar_of_a_constant_series_stays_there(value):
    series = np.full(30, value)
    np.testing.assert_allclose(baselines.AR(3).fit(series).forecasts(series, 20, 5), value, rtol=1e-12)


@pytest.mark.parametrize("first, last, naive, ar", [(1921, 1955, "0.416", "0.123"), (1956, 1979, "0.940", "0.342")])
def test_the_numbers_for_sunspots(first, last, naive, ar):
    years, numbers = datasets.sunspots()
    start, stop = np.searchsorted(years, [first, last + 1])
    truth, known = numbers[start:stop], numbers[:stop]
    fitted = baselines.AR(9).fit(numbers[years <= 1920])
    assert f"{metrics.nmse(baselines.persistence(known, start, 1)[:, 0], truth, 1535):.3f}" == naive
    assert f"{metrics.nmse(fitted.forecasts(known, start, 1)[:, 0], truth, 1535):.3f}" == ar


# --- One question, and no look at the future

MAKERS = {
    "persistence": baselines.persistence,
    "seasonal naive": lambda *question: baselines.seasonal_naive(*question, season=7),
    "AR": baselines.AR(5, ridge=0.1).fit(noisy()[:80]).forecasts,
    "chosen AR": baselines.chosen_ar(noisy()[:80], 60, season=7).forecasts,
    "PlainForecaster": PlainForecaster("rnn", hidden=3, window=8).fit(noisy()[:80], epochs=2).forecasts,
    "Forecaster": Forecaster(season=7, ahead=3, hidden=3).fit(noisy()[:80], epochs=2).forecasts,
}
each_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@each_maker
@pytest.mark.parametrize("start, horizon", [(80, 1), (80, 9), (111, 9), (119, 1)])
def test_all_answer_the_same_question(make, start, horizon):
    forecasts = make(noisy(), start, horizon)
    assert forecasts.shape == baselines.truth(noisy(), start, horizon).shape == (120 - horizon - start + 1, horizon)
    assert np.isfinite(forecasts).all()


@each_maker
def test_a_forecast_does_not_know_the_future(make):
    series, horizon, start = noisy(), 9, 80
    before = make(series, start, horizon)
    for k in (start, start + 4, 111):
        changed = series.copy()
        changed[k:] += 100
        np.testing.assert_array_equal(make(changed, start, horizon)[:k - start + 1], before[:k - start + 1])


@each_maker
def test_a_forecast_does_not_depend_on_where_the_question_starts(make):
    np.testing.assert_allclose(make(noisy(), 80, 3)[20:], make(noisy(), 100, 3), rtol=1e-5)


@each_maker
@pytest.mark.parametrize("says, question", [
    ("start is 0, expected a whole number of at least", (noisy(), 0, 1)),  # a negative index would be the future
    ("start is -3, expected a whole number of at least", (noisy(), -3, 1)),
    ("horizon is 0, expected a whole number of at least 1", (noisy(), 100, 0)),
    ("series has 120 values, expected at least 121: 120 before the first forecast and the 1", (noisy(), 120, 1)),
    ("series has 120 values, expected at least 130: 100 before the first forecast and the 30", (noisy(), 100, 30)),
    ("series holds nan at (3,), expected finite numbers", (np.where(np.arange(120) == 3, np.nan, noisy()), 100, 1)),
    ("series has shape (120, 1), expected (n", (noisy()[:, None], 100, 1)),
    ("series has dtype complex128, expected", (noisy() + 0j, 100, 1)),
])
def test_a_bad_question_gets_one_line(make, says, question):
    with pytest.raises((ValueError, TypeError)) as caught:
        make(*question)
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


def test_what_reaches_back_further_than_there_are_values_is_refused():
    with pytest.raises(ValueError, match="^start is 6, expected a whole number of at least 7$"):
        baselines.seasonal_naive(noisy(), 6, 1, season=7)
    with pytest.raises(ValueError, match="^season is 0, expected a whole number of at least 1$"):
        baselines.seasonal_naive(noisy(), 6, 1, season=0)


def test_the_chosen_ar_is_the_one_that_did_best_on_the_validation_part():
    series, start = noisy(), 90
    chosen = baselines.chosen_ar(series, start, season=7)

    def error(p, ridge):
        forecasts = baselines.AR(p, ridge).fit(series[:start]).forecasts(series, start, 1)
        return metrics.rmse(forecasts, baselines.truth(series, start, 1))

    assert error(chosen.p, chosen.ridge) == min(error(p, ridge) for p in (1, 2, 3, 5, 7, 9, 14, 21, 30)
                                                for ridge in (0, 1e-4, 1e-3, 1e-2, 1e-1))
    np.testing.assert_array_equal(chosen.w, baselines.AR(chosen.p, chosen.ridge).fit(series).w)


def test_the_order_of_a_season_can_be_chosen():
    season = 60  # more than any usual order sees
    series = np.tile(np.random.default_rng(0).normal(size=season), 6)
    assert baselines.chosen_ar(series + 1e-3 * noisy(len(series)), 300, season).p == season


@pytest.mark.parametrize("n", [3, 4, 8])
def test_an_ar_can_be_chosen_for_very_few_values(n):
    assert baselines.chosen_ar(noisy(n), n - 1).p == 1 or n == 8


# --- A line of windows

def test_a_ridge_on_paper():
    """x = 1, 2, 3 and y = 1, 3, 5 about their means: Σx² = 2, Σxy = 4, N λ = 2, so w = 4 / (2 + 2) = 1."""
    x, y = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [3.0], [5.0]])
    np.testing.assert_allclose(baselines.Ridge(2 / 3).fit(x, y).w, [[1], [1]])
    np.testing.assert_allclose(baselines.Ridge(0).fit(x, y).w, [[-1], [2]], atol=1e-12)


def test_at_the_weights_of_a_ridge_the_loss_has_no_slope():
    rng = np.random.default_rng(0)
    x, y, penalty = rng.normal(size=(30, 4, 2)), rng.normal(size=(30, 3)), np.array([0.1, 2.0, 0.1])
    line = baselines.Ridge(penalty).fit(x, y)
    X = np.column_stack([np.ones(30), x.reshape(30, 8)])

    def loss(w):
        return (((X @ w - y) ** 2).mean(axis=0) + penalty * (w[1:] ** 2).sum(axis=0)).sum()

    assert np.abs(gradcheck.numerical(loss, line.w.copy())).max() < 1e-8
    np.testing.assert_array_equal(line.forecasts(x), X @ line.w)


def test_an_ar_of_one_step_is_a_ridge_of_its_windows():
    series = noisy()
    ar, scale = baselines.AR(5, 0.1).fit(series), datasets.Scale.fit(series)
    np.testing.assert_array_equal(baselines.Ridge(0.1).fit(*datasets.windows(scale.apply(series), 5)).w[:, 0], ar.w)


@pytest.mark.parametrize("gap, blocks", [(0, 2), (3, 4), (6, 7)])
def test_the_chosen_ridge_is_the_one_that_did_best_on_blocks_left_out(gap, blocks):
    x, y = datasets.windows(noisy(60), 4, 3)
    penalties, N = (1e-3, 0.1, 1.0), len(x)
    errors = np.zeros((3, 3))
    for block in np.array_split(np.arange(N), blocks):
        others = [n for n in range(N) if min(abs(n - b) for b in block) > gap]
        for k, penalty in enumerate(penalties):
            forecasts = baselines.Ridge(penalty).fit(x[others], y[others]).forecasts(x[block])
            errors[k] += ((forecasts - y[block]) ** 2).sum(axis=0)
    line = baselines.chosen_ridge(x, y, gap, blocks, penalties)
    np.testing.assert_array_equal(line.penalty, np.array(penalties)[errors.argmin(axis=0)])
    np.testing.assert_array_equal(line.w, baselines.Ridge(line.penalty).fit(x, y).w)


def test_each_column_has_the_penalty_that_is_best_for_it():
    """The first column follows from the window, the second is noise: there the largest penalty does best."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6, 1))
    y = np.column_stack([x.sum(axis=(1, 2)), rng.normal(size=80)])
    assert baselines.chosen_ridge(x, y).penalty.tolist() == [1e-4, 10.0]


LINE = baselines.Ridge(0.1).fit(np.ones((4, 3)), np.ones((4, 2)))


@pytest.mark.parametrize("call, says", [
    (lambda: baselines.Ridge(-1), "penalty is -1, expected a finite number of at least 0"),
    (lambda: baselines.Ridge([1, np.nan]), "penalty is [1, nan], expected a finite number"),
    (lambda: baselines.Ridge([1, 2]).fit(np.ones((4, 3)), np.ones((4, 3))), "penalty has shape (2,) and y (4, 3)"),
    (lambda: baselines.Ridge([]), "penalty is [], expected a finite number"),
    (lambda: baselines.Ridge(1).fit(np.ones(4), np.ones((4, 3))), "x has shape (4,), expected (N, ...)"),
    (lambda: baselines.Ridge(1).fit(np.ones((4, 3)), np.ones(4)), "y has shape (4,), expected (4, H)"),
    (lambda: baselines.Ridge(1).fit(np.ones((4, 3)), np.ones((5, 1))), "y has shape (5, 1), expected (4, H)"),
    (lambda: baselines.Ridge(1).fit(np.ones((4, 3)), np.full((4, 1), np.nan)), "y holds nan at (0, 0), expected"),
    (lambda: baselines.Ridge(1).fit(np.full((4, 3), np.inf), np.ones((4, 1))), "x holds inf at (0, 0), expected"),
    (lambda: baselines.Ridge(1).fit(np.ones((4, 3)), np.ones((4, 0))), "y has shape (4, 0), expected at least one"),
    (lambda: baselines.Ridge(1).forecasts(np.ones((4, 3))), "this Ridge is not fitted yet: call fit"),
    (lambda: LINE.forecasts(np.ones((4, 2))), "x has 2 inputs a window, expected 3 as in fit"),
    (lambda: baselines.chosen_ridge(np.ones((4, 3)), np.ones((4, 1))), "x has 4 windows, expected more for 10 blocks"),
    (lambda: baselines.chosen_ridge(np.ones((40, 3)), np.ones((40, 1)), gap=20, blocks=2), "x has 40 windows"),
    (lambda: baselines.chosen_ridge(np.ones((4, 3)), np.ones((4, 1)), blocks=1), "blocks is 1, expected"),
])
def test_a_bad_line_gets_one_line(call, says):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


# --- Metrics

FORECAST, TRUTH = np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[2.0, 2.0], [3.0, 3.0]])


def test_metrics_by_hand():
    assert metrics.mse(FORECAST, TRUTH) == (1 + 9) / 4
    assert metrics.rmse(FORECAST, TRUTH) == 2.5**0.5
    assert metrics.mae(FORECAST, TRUTH) == (1 + 3) / 4
    assert metrics.nmse(FORECAST, TRUTH, variance=5.0) == 0.5


@pytest.mark.parametrize("season, naive", [(1, (1 + 2 + 4) / 3), (2, (3 + 2) / 2), (3, 1)])
def test_mase_by_hand(season, naive):
    past = np.array([0.0, 1.0, 3.0, -1.0])
    assert metrics.mase(FORECAST, TRUTH, past, season) == pytest.approx(1.0 / naive)


def test_the_naive_forecast_itself_has_a_mase_near_one():
    series = noisy(2000)
    forecast, truth = baselines.seasonal_naive(series, 1000, 1, 7), baselines.truth(series, 1000, 1)
    assert metrics.mase(forecast, truth, series[:1000], season=7) == pytest.approx(1, abs=0.1)


def test_mase_of_a_constant_past_is_no_number():
    assert np.isnan(metrics.mase(FORECAST, TRUTH, np.ones(9)))


@pytest.mark.parametrize("metric", [metrics.mse, metrics.rmse, metrics.mae])
def test_nothing_is_broadcast(metric):
    with pytest.raises(ValueError, match=r"^forecast has shape \(2, 1\) and truth \(2,\), expected the same"):
        metric(np.ones((2, 1)), np.ones(2))
    with pytest.raises(ValueError, match="expected the same, not empty"):
        metric(np.ones(0), np.ones(0))
