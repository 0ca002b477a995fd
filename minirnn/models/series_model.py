"""What the models of a series share: the end of the series they have seen, the questions, and the file."""

import math

import numpy as np

from .. import baselines, boundary, datasets, weights


def checked(series):
    """A series (n,) as float64; counts are welcome."""
    series = boundary.regular("series", series)
    series = series.astype(np.float64) if series.dtype.kind in "iu" else series
    return boundary.array("series", series, ("n",), np.float64, "one number a step, in time's order")


class SeriesModel:
    """A fitted model that reads the last `reach` values of a series and forecasts what follows.

    A kind of model has

        name, settings, reach         the kind in its file, what it was made with, how many values it reads
        _ahead(pasts, horizon)        forecasts in the units of the series
        _parts(), _restore(parts)     the trees of what its training found
        _compose()                    makes what is made of settings alone
    """

    params = past = history = None  # until it is fitted

    def observe(self, series):
        """Forecast from the end of this series from now on; nothing is trained. Returns self."""
        reach, series = self._fitted().reach, checked(series)
        if len(series) < reach:
            raise ValueError(f"series has {len(series)} values, expected at least the {reach} that the model reads")
        self._ahead(series[None, -reach:], 1)  # what it cannot read is refused before anything changes
        self.past = series[-reach:].copy()
        return self

    def predict(self, horizon):
        """The `horizon` values that follow the series it has seen, (horizon,)."""
        return self._ahead(self._fitted().past[None], boundary.size("horizon", horizon))[0]

    def forecasts(self, series, start, horizon):
        """A forecast from each origin in a series, (n, horizon): see baselines.py."""
        return self._ahead(baselines.pasts(checked(series), self._fitted().reach, start, horizon), horizon)

    def save(self, path):
        """Write the fitted model to an .npz file, beside and renamed."""
        weights.save(path, {self.name: {"settings": self._fitted().settings, "past": self.past, **self._parts()}})

    @classmethod
    def load(cls, path):
        """The model that `save` wrote: it forecasts the same numbers, bit for bit."""
        saved = weights.load(path)
        try:
            parts = saved[cls.name]
            model = cls(**parts["settings"])
            model._restore(parts)
            model.observe(parts["past"])
            if not np.isfinite(model.predict(1)).all():
                raise ValueError("it forecasts no number")
        except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise ValueError(f"{path} holds no {cls.name.replace('_', ' ')}, expected a file that {cls.__name__}.save "
                             "made") from None
        return model

    def _fitted(self):
        if self.params is None:
            raise ValueError(f"this {type(self).__name__} is not fitted yet: call fit(series) first")
        return self

    def __getstate__(self):
        """For pickle and copy: all but the network, whose functions are made of the settings."""
        return {name: value for name, value in vars(self).items() if name != "network"}

    def __setstate__(self, state):
        vars(self).update(state)
        self._compose()


def validation_start(series, validation, ahead, least):
    """Where the last share `validation` of a series begins: at least `least` values before, `ahead` from there on."""
    if not (isinstance(validation, (int, float, np.floating)) and 0 < validation < 1):
        raise ValueError(f"validation is {boundary.brief(validation)}, expected a share above 0 and below 1: it "
                         "chooses how long to train")
    train, _, _ = datasets.split(series, 1 - validation, validation)
    if len(train) < least or len(series) - len(train) < ahead:
        enough = math.ceil(max(least / (1 - validation), ahead / validation)) + 1
        raise ValueError(f"series has {len(series)} values, expected at least {enough} for {ahead} ahead and "
                         f"{validation:.0%} for validation: a longer series, or fewer ahead")
    return len(train)


def around(forecasts, errors, level, invert=lambda values: values):
    """Low and high around forecasts (..., horizon), from the errors (n, ahead) of each step on other data: the smallest
    distance that at least level (n + 1) of them keep, or the largest there is, if n is below `enough`. Split conformal.
    """
    n, ahead = errors.shape
    rank = math.ceil((n + 1) * boundary.share("level", level) - 1e-9)  # no rounding makes it larger
    kept = np.sort(abs(errors), axis=0)[min(max(rank, 1), n) - 1]
    steps = np.arange(np.shape(forecasts)[-1])
    distance = kept[np.minimum(steps, ahead - 1)] * np.sqrt(np.maximum(1, (steps + 1) / ahead))
    return invert(forecasts - distance), invert(forecasts + distance)


def enough(level):
    """How many errors the level needs: where there are fewer, the largest is passed more often than 1 - level.

    >>> enough(0.8), enough(0.95)
    (4, 19)
    """
    return max(1, math.ceil(level / (1 - level) - 1e-9))  # from level (n + 1) ≤ n; no rounding makes it 20
