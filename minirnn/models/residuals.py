"""What a line leaves, as sequences to learn from: at each step what is known, and the errors of the line from there."""

from typing import NamedTuple

import numpy as np

from .line import ROWS, Line

WARM_UP = 24, 48  # steps that are read before the first target: a season's, but within these
TARGETS = 24  # steps of a chunk at which a forecast is learned
CHUNKS = 2048  # at most; over a longer series they are spread evenly
BATCHES = 20  # an epoch, at least


class View(NamedTuple):
    """What a network sees of a series in the scale of a line, and the sizes of a chunk."""
    season: int
    need: int  # values before the first step it sees
    warm_up: int
    targets: int

    @classmethod
    def of(cls, line, season, start):
        """For a training part of `start` values. A season too long for it is not shown."""
        season = season if season <= start // 2 else 1
        need = max(len(line.w), season, 2)
        steps = start - need
        warm_up = min(max(WARM_UP[0], season), WARM_UP[1], steps // 3)
        return cls(season, need, warm_up, min(TARGETS, (steps - warm_up) // 2))

    @property
    def steps(self):
        """How many steps are read for a forecast: so far into its chunk is a target of training on average."""
        return self.warm_up + self.targets // 2 + 1

    def inputs(self, line, scaled, low, high):
        """What is known after each of the values from the one numbered `need` on, (n - need + 1, D): x_t, the value a
        season before the one to come, and the line's next value.

        If the line goes on from any level, the networks must too. Then they read x_t less x_{t-1}, the others less x_t,
        and x_t itself only within low..high, the range of training.
        """
        now, before, later = scaled[self.need - 1:], scaled[self.need - 2:-1], len(scaled) - self.need + 1
        season = scaled[self.need - self.season:][:later]
        ahead = line.b + np.convolve(scaled, line.w, "valid")[-later:]
        if line.differences:
            return np.stack([now - before, season - now, ahead - now, now.clip(low, high)], axis=1)
        return np.stack([now, season, ahead], axis=1)


class Residuals(NamedTuple):
    """The inputs at each step of a series, and the line's errors, divided by `spread`: from `need` known values on."""
    line: Line
    view: View
    x: np.ndarray  # (n, D), standardized
    y: np.ndarray  # (n, ahead), NaN where the truth is not known yet
    scale: dict  # of the inputs "mean" and "std" (D,), of the errors "spread" (ahead,), of the values "low" and "high"

    @classmethod
    def of(cls, line, view, series, known, ahead):
        """Of a series (n,), all scales being those of its first `known` values."""
        scaled = line.apply(series)
        low, high = scaled[:known].min(), scaled[:known].max()
        x, origins = view.inputs(line, scaled, low, high), np.arange(view.need, len(series) + 1)
        future = np.append(scaled, np.full(ahead, np.nan))
        truth = np.lib.stride_tricks.sliding_window_view(future, ahead)[view.need:]
        y = np.empty(truth.shape, np.float32)
        for i in range(0, len(y), ROWS):
            y[i:i + ROWS] = truth[i:i + ROWS] - line.ahead(scaled, origins[i:i + ROWS], ahead)
        seen = slice(0, known - view.need + 1)
        errors = (y[:max(0, known - view.need - h), h].astype(np.float64) for h in range(ahead))  # known ones
        spread = np.array([np.sqrt(np.mean(e**2)) if len(e) else 0 for e in errors])
        spread = _not_zero(spread) * np.sqrt(np.arange(1, ahead + 1))  # later errors count less
        y /= spread.astype(np.float32)
        mean, std = x[seen].mean(axis=0), _not_zero(x[seen].std(axis=0))
        scale = {"mean": mean, "std": std, "spread": spread, "low": float(low), "high": float(high)}
        return cls(line, view, ((x - mean) / std).astype(np.float32), y, scale)

    def chunks(self, start, stop, apart=None):
        """Sequences (x, y, None, mask) whose targets are the forecasts made after start..stop-1 values, of what is
        known after `stop`; they begin so many steps apart, None is as far as there are enough of them."""
        view, length = self.view, self.view.warm_up + self.view.targets
        first, last = start - view.need, stop - view.need  # rows of x
        count = last - first - view.targets
        apart = apart or max(1, min(view.targets, count // BATCHES), count // CHUNKS)
        begins = np.arange(first, max(first + 1, last - (view.targets - 1 if apart < view.targets else 0)), apart)
        rows = begins[:, None] + np.arange(-view.warm_up, view.targets)
        steps = np.arange(1, self.y.shape[1] + 1)
        mask = (steps <= last - rows[..., None]) & (np.arange(length) >= view.warm_up)[:, None]
        rows = np.minimum(rows, len(self.x) - 1)
        return self.x[rows], np.nan_to_num(self.y[rows], copy=False), None, mask


def _not_zero(values):
    """With 1 for what is zero, or only rounding."""
    return np.where(values > 1e-7, values, 1.0)
