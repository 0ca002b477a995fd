"""Forecasts without a network, which a network has to beat: the last value, last season's, and a linear model.

All share one shape of question, as does `models.Forecaster`: forecasts(series, start, horizon) gives for each k from
`start` to len(series) - horizon the forecast of series[k:k+horizon] from series[:k] alone, together (n, horizon).
"""

import itertools

import numpy as np

from . import boundary, datasets, metrics


def _question(series, start, horizon, reach=0):
    """Check a question of forecasts that look back `reach` values, and return its series."""
    series = boundary.series("series", series)
    horizon = boundary.size("horizon", horizon)
    start = boundary.size("start", start, least=reach)  # an index below zero would be one from the end: the future
    if start + horizon > len(series):
        raise ValueError(f"series has {len(series)} values, expected at least {start + horizon}: {start} before the "
                         f"first forecast and the {horizon} to compare it with")
    return series


def truth(series, start, horizon):
    """What the forecasts are compared with: series[k:k+horizon] for each k, (n, horizon)."""
    series, horizon = _question(series, start, horizon), boundary.size("horizon", horizon)
    return np.lib.stride_tricks.sliding_window_view(series[start:], horizon)


def pasts(series, p, start, horizon):
    """What the forecasts may look at: series[k-p:k] for each k, (n, p)."""
    p, horizon = boundary.size("p", p), boundary.size("horizon", horizon)
    series, start = _question(series, start, horizon, p), boundary.size("start", start)
    return np.lib.stride_tricks.sliding_window_view(series, p)[start - p:len(series) - horizon - p + 1]


def persistence(series, start, horizon):
    """Tomorrow is like today.

    >>> persistence(np.array([1.0, 2.0, 3.0, 4.0]), start=1, horizon=2).tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """
    return seasonal_naive(series, start, horizon, season=1)


def seasonal_naive(series, start, horizon, season):
    """Tomorrow is like the same day last season: `season` steps back, or as many seasons as it takes to be known."""
    series = _question(series, start, horizon, boundary.size("season", season))
    origins = np.arange(start, len(series) - horizon + 1)[:, None]
    ahead = np.arange(horizon)
    return series[origins + ahead % season - season]


class AR:
    """Linear autoregression x_t = w_0 + Σ_k w_k x_{t-k}, k = 1..p, by least squares with a ridge penalty on w_1..w_p.

    Several steps ahead it takes its own forecasts for the truth.

    >>> series = 0.5 ** np.arange(8.0)
    >>> AR(p=1).fit(series).forecasts(series, start=7, horizon=1).round(6).tolist()
    [[0.007812]]
    """

    def __init__(self, p, ridge=0.0):
        self.p, self.ridge = boundary.size("p", p), boundary.number("ridge", ridge, 0)
        self.w = self.scale = None

    def fit(self, series):
        series = boundary.series("series", series)
        self.scale = datasets.Scale.fit(series)
        x, y = datasets.windows(self.scale.apply(series), self.p)
        X = np.column_stack([np.ones(len(x)), x[..., 0]])
        penalty = self.ridge * len(x) * np.eye(self.p + 1)
        penalty[0, 0] = 0
        self.w = np.linalg.lstsq(X.T @ X + penalty, X.T @ y[:, 0], rcond=None)[0]
        return self

    def forecasts(self, series, start, horizon):
        if self.w is None:
            raise ValueError("this AR is not fitted yet: call fit(series) first")
        x = self.scale.apply(pasts(series, self.p, start, horizon))
        return self.scale.invert(recursive(lambda x: self.w[0] + x @ self.w[1:], x, horizon))


def chosen_ar(series, start, season=1):
    """The AR whose order and penalty, fitted to series[:start], forecast series[start:] best one step ahead; then
    fitted to all of `series`."""
    series = boundary.series("series", series)
    boundary.size("start", start, least=2), boundary.size("season", season)
    orders = {p for p in (1, 2, 3, 5, 9, 14, 21, 30, 50, season, 2 * season) if p <= start // 3} or {1}

    def validation_error(p, ridge):
        return metrics.mse(AR(p, ridge).fit(series[:start]).forecasts(series, start, 1), truth(series, start, 1))

    candidates = itertools.product(sorted(orders), (0.0, 1e-4, 1e-3, 1e-2, 1e-1))
    return AR(*min(candidates, key=lambda candidate: validation_error(*candidate))).fit(series)


def recursive(model, pasts, horizon):
    """Forecasts (n, horizon) of a model that says one or more values at once: they become the newest of the p that it
    reads (n, p) to say the next."""
    pasts = boundary.numeric("pasts", pasts)
    if pasts.ndim != 2 or not pasts.shape[1]:
        raise ValueError(f"pasts has shape {pasts.shape}, expected (n, p): one row of past values for each forecast")
    p, horizon = pasts.shape[1], boundary.size("horizon", horizon)
    while pasts.shape[1] < p + horizon:
        pasts = np.column_stack([pasts, model(pasts[:, -p:])])
    return pasts[:, p:p + horizon]
