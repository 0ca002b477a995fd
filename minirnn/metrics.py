"""How far forecasts are off. Each takes forecasts and truth of the same shape and returns one number."""

import numpy as np


def _errors(forecast, truth):
    """forecast - truth. Nothing is broadcast: (n, 1) less (n,) would be all n² pairs."""
    forecast, truth = np.asarray(forecast), np.asarray(truth)
    if forecast.shape != truth.shape or not truth.size:
        raise ValueError(f"forecast has shape {forecast.shape} and truth {truth.shape}, expected the same, not "
                         "empty")
    return forecast - truth


def mse(forecast, truth):
    """Mean squared error, in the square of the series' unit."""
    return float(np.mean(_errors(forecast, truth) ** 2))


def rmse(forecast, truth):
    """Root mean squared error, in the series' unit.

    >>> rmse(np.array([1.0, 4.0]), np.array([1.0, 8.0])) == 8**0.5
    True
    """
    return float(np.sqrt(mse(forecast, truth)))


def mae(forecast, truth):
    """Mean absolute error, in the series' unit."""
    return float(np.mean(np.abs(_errors(forecast, truth))))


def nmse(forecast, truth, variance):
    """MSE over a fixed variance: 1 is as good as a constant. Weigend et al. 1990 divide by 1535 for yearly sunspots."""
    return mse(forecast, truth) / variance


def mase(forecast, truth, past, season=1):
    """MAE over that of the seasonal naive forecast within the past: below 1 is better (Hyndman and Koehler 2006).

    >>> mase(np.array([3.0]), np.array([4.0]), past=np.array([0.0, 2.0, 4.0]))
    0.5
    """
    naive = mae(past[season:], past[:-season])
    return mae(forecast, truth) / naive if naive else float("nan")
