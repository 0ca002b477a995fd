"""Forecasts without a network, which a network has to beat: the last value, last season's, and a linear model.

They share one shape of question, as does `models.Forecaster`: forecasts(series, start, horizon) gives for each k from
`start` to len(series) - horizon the forecast of series[k:k+horizon] from series[:k] alone, together (n, horizon). Only
Ridge is given the windows themselves, so that they may hold other inputs too.
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
        self.w = _least_squares(_flat(x), y[:, 0], self.ridge)
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


class Ridge:
    """A straight line from windows x (N, ...), laid flat, to what follows y (N, H): all steps at once, any inputs.

    Each column of y has weights w (1 + inputs,) of its own, those of the least 1/N Σ_n (X_n w - y_n)² + λ |w|². The
    first input is a 1, and its weight is not penalized. `penalty` is λ: a number, or one for each column of y.

    >>> x, y = datasets.windows(np.arange(9.0), length=2, horizon=3)
    >>> Ridge(penalty=0).fit(x, y).forecasts(np.array([[[20.0], [21.0]]])).round(6).tolist()
    [[22.0, 23.0, 24.0]]
    """

    def __init__(self, penalty):
        self.penalty = boundary.numeric("penalty", penalty)
        if self.penalty.ndim > 1 or not self.penalty.size or not ((self.penalty >= 0) & (self.penalty < np.inf)).all():
            raise ValueError(f"penalty is {boundary.brief(penalty)}, expected a finite number of at least 0, or one "
                             "for each column of y")
        self.w = None

    def fit(self, x, y):
        X, y = _pairs(x, y)
        if self.penalty.shape not in ((), y.shape[1:]):
            raise ValueError(f"penalty has shape {self.penalty.shape} and y {y.shape}, expected a number, or one for "
                             "each column of y")
        penalties = np.broadcast_to(self.penalty, y.shape[1])
        self.w = np.empty((X.shape[1], y.shape[1]))
        for penalty in np.unique(penalties):
            same = penalties == penalty
            self.w[:, same] = _least_squares(X, y[:, same], penalty)
        return self

    def forecasts(self, x):
        if self.w is None:
            raise ValueError("this Ridge is not fitted yet: call fit(x, y) first")
        X = _flat(_windows(x))
        if X.shape[1] != len(self.w):
            raise ValueError(f"x has {X.shape[1] - 1} inputs a window, expected {len(self.w) - 1} as in fit")
        return X @ self.w


PENALTIES = 1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0


def chosen_ridge(x, y, gap=0, blocks=10, penalties=PENALTIES):
    """The Ridge whose penalties, one for each column of y, do best by cross-validation; fitted to all of x and y.

    The windows, in time's order, are divided into blocks. Each block in turn is forecast by a line fitted to the other
    windows, without the `gap` windows on either side of the block. Those would know some of its values: a window of
    `length` steps shares values with the length + H - 1 windows before it, and with as many after it.
    """
    X, y = _pairs(x, y)
    gap, blocks = boundary.size("gap", gap, least=0), boundary.size("blocks", blocks, least=2)
    penalties = Ridge(penalties).penalty.reshape(-1)
    rows, errors = np.arange(len(X)), np.zeros((len(penalties), y.shape[1]))
    for block in np.array_split(rows, min(blocks, len(X))):
        others = (rows < block[0] - gap) | (rows > block[-1] + gap)
        if len(X) < blocks or not others.any():
            raise ValueError(f"x has {len(X)} windows, expected more for {blocks} blocks with a gap of {gap}: each "
                             "block needs windows of its own, and others beyond the gap")
        for error, penalty in zip(errors, penalties):
            error += ((X[block] @ _least_squares(X[others], y[others], penalty) - y[block]) ** 2).sum(axis=0)
    return Ridge(penalties[errors.argmin(axis=0)]).fit(x, y)


def _windows(x):
    x = boundary.numeric("x", x)
    if x.ndim < 2 or not x.size:
        raise ValueError(f"x has shape {x.shape}, expected (N, ...), not empty: one window for each forecast")
    return boundary.array("x", x, x.shape, np.float64, "one window for each forecast")


def _pairs(x, y):
    """The inputs X (N, 1 + inputs) and y (N, H) of a line that is to be fitted."""
    x = _windows(x)
    y = boundary.array("y", boundary.numeric("y", y), (len(x), "H"), np.float64, "a row for each window of x")
    if not y.size:
        raise ValueError(f"y has shape {y.shape}, expected at least one column: what is to be forecast")
    return _flat(x), y


def _flat(x):
    """A 1 and each window laid flat: (N, 1 + inputs)."""
    return np.column_stack([np.ones(len(x)), x.reshape(len(x), -1)])


def _least_squares(X, y, penalty):
    punish = penalty * len(X) * np.eye(X.shape[1])
    punish[0, 0] = 0  # the constant
    return np.linalg.lstsq(X.T @ X + punish, X.T @ y, rcond=None)[0]


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
