"""The linear model of a series, exact and in closed form: an autoregression whose form validation chooses."""

import itertools
from typing import NamedTuple

import numpy as np

from .. import baselines, boundary, datasets

ORDERS = 1, 2, 3, 5, 9, 14, 21, 30, 50  # and those of a season
ANCHORS = "mean", "last", "drift"
PENALTIES = 1e-8, 1e-4, 1e-3, 1e-2, 1e-1, 1.0  # over the mean square of the inputs
LONGEST = 800  # more past values are not read, but for the one a season ago
ROWS = 4096  # worked on at once, for memory
ORIGINS = 2000  # of validation forecasts that choose, spread evenly


class Line(NamedTuple):
    """x_{t+1} = b + Σ_k w_k x_{t-k}, k = 0..p-1, of values, or where log is true their logarithms, standardized.

    What it makes of its own forecasts is linear too, so it says all steps at once: step h is bias[h] + W[h] · past.

    >>> series = 3.0 * 1.1 ** np.arange(60.0)
    >>> line = fitted(chosen(series, start=50, ahead=5), series[:55])
    >>> bool(np.allclose(line.forecasts(series, 55, 5), series[55:], rtol=1e-4))
    True
    """
    log: bool
    mean: float
    std: float
    differences: bool  # of the last value: then the weights sum to 1, and any level may go on
    b: float
    w: np.ndarray  # (p,), the newest value's first

    def apply(self, values):
        """Values in the line's own scale."""
        if self.log and np.min(values) <= 0:
            raise ValueError(f"series holds {np.min(values):.4g}, expected values above 0: all that the model was "
                             "fitted to are, and it reads their logarithms; fit it to this series")
        return ((np.log(values) if self.log else values) - self.mean) / self.std

    def invert(self, values):
        """Values in their own units again."""
        values = values * self.std + self.mean
        return np.exp(np.minimum(values, 700)) if self.log else values  # e^700 is what float64 can hold

    def weights(self, ahead):
        """How each of the next `ahead` values follows from the past: bias (ahead,), W (ahead, p)."""
        p = len(self.w)
        bias, W = np.zeros(ahead), np.zeros((ahead, p))
        for h in range(ahead):
            known = self.w[:h][::-1]  # the weights of forecasts of its own, of steps h-len(known)..h-1
            bias[h] = self.b + known @ bias[h - len(known):h]
            W[h] = known @ W[h - len(known):h]
            W[h, :max(0, p - h)] += self.w[h:]
        return bias, W

    def ahead(self, scaled, origins, ahead):
        """Forecasts (n, ahead), in its own scale, of scaled[k:k+ahead] for each k of origins from scaled[:k]."""
        bias, W = self.weights(ahead)
        views = np.lib.stride_tricks.sliding_window_view(scaled, len(self.w))
        parts = [views[origins[i:i + ROWS] - len(self.w)] @ W[:, ::-1].T for i in range(0, len(origins), ROWS)]
        return bias + np.concatenate(parts)

    def forecasts(self, series, start, horizon):
        """A forecast from each origin in a series, (n, horizon): see baselines.py."""
        baselines.pasts(series, len(self.w), start, horizon)  # checks the question
        origins = np.arange(start, len(series) - horizon + 1)
        return self.invert(self.ahead(self.apply(series), origins, horizon))


class Form(NamedTuple):
    """What tells one line from another before its weights are known."""
    log: bool  # of logarithms
    season: int  # steps back to the value whose difference is modelled; 0 for none
    anchor: str  # its inputs are deviations from the "mean", from the "last" value, or from that and with a "drift"
    order: int
    penalty: float


def chosen(series, start, season=1, ahead=1):
    """The form whose line, fitted to series[:start], forecasts series[start:] with the lowest RMSE over steps 1..ahead.

    Candidates: as is or as logarithms; with or without the difference from a season ago; deviations from the mean, or
    from the last value, with a drift or without; orders; penalties.
    """
    train, best, lowest = series[:start], None, np.inf
    origins = np.unique(np.linspace(start, len(series) - ahead, ORIGINS).astype(int))
    truth = baselines.truth(series, start, ahead)[origins - start]
    for log, difference in itertools.product((False, True)[:1 + (series.min() > 0)], {0, season} - {1}):
        longest = min((start - difference) // 3, LONGEST)
        orders = {p for p in (*ORDERS, season, season + 1, 2 * season, 2 * season + 1) if p <= longest}
        if not orders:
            continue
        scale, products = _products(train, log, difference, max(orders))
        for anchor, order, penalty in itertools.product(ANCHORS, sorted(orders), PENALTIES):
            form = Form(log, difference, anchor, order, penalty)
            line = _solved(form, scale, products)
            with np.errstate(over="ignore", invalid="ignore"):
                error = np.sqrt(np.mean((line.invert(line.ahead(line.apply(series), origins, ahead)) - truth)**2))
            if error < lowest * (1 - 1e-9):
                best, lowest = form, error
    return best


def fitted(form, series):
    """The line of a form for a series."""
    return _solved(form, *_products(series, form.log, form.season, form.order))


def _products(series, log, season, order):
    """The scale of the series, and of every row [z_t, z_{t-1}, ..., z_{t-order}] of its values, or of their differences
    from a season before: how many there are, their sum, and the sum of their products."""
    values = np.log(series) if log else series
    scale = datasets.Scale.fit(values)
    z = scale.apply(values)
    z = z[season:] - z[:-season] if season else z
    rows = np.lib.stride_tricks.sliding_window_view(z, order + 1)[:, ::-1]
    products = np.zeros((order + 1, order + 1))
    for i in range(0, len(rows), ROWS):
        part = rows[i:i + ROWS].copy()
        products += part.T @ part
    return scale, (len(rows), rows.sum(axis=0), products)


def _solved(form, scale, products):
    """Least squares with a ridge penalty; the constant is not penalized.

    A deviation from the last value, column 1, is a difference of two columns, and so are its sums and products.
    """
    n, total, G = products
    first = 1
    if form.anchor != "mean":
        G = G - G[1] - G[:, 1:2] + G[1, 1]
        total, first = total - total[1], 2
    if form.anchor != "last":
        G = G - np.outer(total, total) / n
    inputs = slice(first, form.order + 1)
    A, y = G[inputs, inputs], G[inputs, 0]
    w = np.linalg.solve(A + (form.penalty * A.trace() / max(1, len(A)) + 1e-12 * n) * np.eye(len(A)), y)
    b = 0.0 if form.anchor == "last" else (total[0] - total[inputs] @ w) / n
    if form.anchor != "mean":
        w = np.append(1 - w.sum(), w)
    if form.season:  # in z: z_t - Σ w_k z_{t-k}; in x, that polynomial times 1 - the step of a season
        w = -np.convolve(np.append(1, -w), [1, *np.zeros(form.season - 1), -1])[1:]
    return Line(form.log, scale.mean, scale.std, form.anchor != "mean" or form.season > 0, float(b), w)
