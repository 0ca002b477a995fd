"""A linear model first, and then LSTMs that learn what it leaves: a residual connection around a whole forecast."""

import contextlib
import math
from pathlib import Path

import numpy as np

from .. import baselines, boundary, metrics, optim, training, weights
from ..blas import one_thread
from ..layers import fast, linear
from ..layers.compose import chain
from . import line
from .residuals import BATCHES, TARGETS, Residuals, View
from .series_model import SeriesModel, around, checked, validation_start
from .side_by_side import mse, side_by_side

NETWORKS = 3  # trained side by side: one alone rests on its first weights
UPDATES = 60_000  # chunks that are learned at most, over all epochs, but at least 15 epochs; fewer where ahead is large
BLOCK = 512  # sequences read at once, for memory
KEPT = 2000  # validation errors that the intervals rest on, at most, spread evenly


class Forecaster(SeriesModel):
    """The line says the next `ahead` values; LSTMs read the series and say by how much each of them will be off.

        ŝ_{t+h} = line_h(past) + σ_h √h · o_h(t)        in the line's own scale: see line.py
        o(t) = mean of linear(lstm(inputs up to t))     several networks side by side; linear starts at zero

    Before training the model is the line. The epoch of the lowest validation loss is kept; if there the networks are
    not clearly better than the line, the line stands alone. Further on than `ahead` the model reads its own forecasts.

        season    steps in a season, such as 7, 24 or 365; 1 is none
        ahead     number of values it says at once: choose the horizon that counts
        hidden    number of units of each LSTM
        seed      of the weights and of the order of training

    >>> series = np.sin(np.arange(200) / 3)
    >>> model = Forecaster(ahead=5, hidden=8).fit(series, epochs=5)
    >>> bool(abs(model.predict(5) - np.sin(np.arange(200, 205) / 3)).max() < 0.01)
    True
    >>> low, high = model.intervals(5, level=0.8)
    """

    name = "forecaster"

    def __init__(self, season=1, ahead=1, hidden=32, seed=0):
        self.settings = {"season": boundary.size("season", season), "ahead": boundary.size("ahead", ahead),
                         "hidden": boundary.size("hidden", hidden), "seed": boundary.size("seed", seed, least=0)}
        self._compose()

    def _compose(self):
        self.network = side_by_side(chain(fast.lstm, linear), NETWORKS)

    def fit(self, series, validation=0.15, epochs=100, patience=30, checkpoint=None):
        """Fit to a series (n,) and return self.

        The last share `validation` chooses the form of the line, and how many epochs are best, at most `epochs`. Then
        all starts afresh on the whole series. Ctrl-C keeps the best so far; once the line is found that is a model.
        `history` says how it went; best is the number of epochs, 0 where the line stands alone. With `checkpoint` a
        stopped run goes on where it was.
        """
        series, epochs = checked(series), boundary.size("epochs", epochs)
        season, ahead = self.settings["season"], self.settings["ahead"]
        start = validation_start(series, validation, ahead, least=12)
        if checkpoint is not None and not Path(checkpoint).exists():
            _second(checkpoint).unlink(missing_ok=True)  # it goes with the first
        with one_thread(), contextlib.closing(training.Progress()) as progress:
            form = line.chosen(series, start, season, ahead)
            one, whole = line.fitted(form, series[:start]), line.fitted(form, series)
            view = View.of(one, season, start)
            first = Residuals.of(one, view, series, start, ahead)
            progress.stage = "1 of 2, how long: "
            params, history = self._train(first, start, epochs, patience, checkpoint, progress)
            trial = type(self)(**self.settings)._take(one, view, first.scale, params, None)
            del first  # for memory
            if not trial._better(series, start):
                trial.params, history["best"] = [], 0
            errors, history["rmse"] = trial._validated(series, start)
            residuals = Residuals.of(whole, view, series, len(series), ahead)
            params = trial.params
            if params and history["stopped"] != "interrupted":
                progress.stage = "2 of 2, on all data: "
                refit, again = self._train(residuals, len(series), history["best"], None, _second(checkpoint), progress)
                if again["stopped"] == "interrupted":
                    history["stopped"] = "interrupted"
                else:
                    params = refit
        self._take(whole, view, residuals.scale, params, errors).history = history  # only now: all or nothing
        return self.observe(series)

    def _train(self, residuals, start, epochs, patience, checkpoint, progress):
        """Train new networks on what was known after `start` values; the values after these choose the best epoch."""
        view, n, x = residuals.view, len(residuals.x) + residuals.view.need - 1, residuals.x
        rng = np.random.default_rng(self.settings["seed"])
        params = self.network.init(rng, x.shape[1], self.settings["hidden"], self.settings["ahead"])
        for _, read_out in params:
            read_out["W"][:] = 0
        train = residuals.chunks(view.need + view.warm_up, start)
        validation = residuals.chunks(start, n, view.targets) if start < n else None
        work = len(train[0]) * max(1, self.settings["ahead"] // TARGETS)
        epochs = min(epochs, max(15, UPDATES // work))
        history = training.fit(self.network, params, optim.AdamW(1e-2, weight_decay=1e-3), train, validation, rng=rng,
                               epochs=epochs, batch_size=min(max(1, len(train[0]) // BATCHES), 64), loss=mse,
                               patience=patience if validation else None, checkpoint=checkpoint, progress=progress)
        return params, history

    def _better(self, series, start):
        """Whether on series[start:] the networks lower the line's squared error by more than the standard error of that
        difference; forecasts overlap, so only every `ahead`th counts as a case of its own."""
        ahead, scaled = self.settings["ahead"], self.line.apply(series)
        origins, truth = np.arange(start, len(series) - ahead + 1), baselines.truth(scaled, start, ahead)
        alone, said = self.line.ahead(scaled, origins, ahead), self._said(scaled, origins)
        gain = np.mean(((truth - alone)**2 - (truth - said)**2) / self.scale["spread"]**2, axis=1)
        return gain.mean() > gain.std() / math.sqrt(max(1, len(gain) / ahead))

    def _validated(self, series, start):
        """Its errors (n, ahead) of steps 1, 2, ... on series[start:], in the units of series or of its logarithm, and
        the RMSE with networks and without."""
        ahead, scaled = self.settings["ahead"], self.line.apply(series)
        origins, truth = np.arange(start, len(series) - ahead + 1), baselines.truth(series, start, ahead)
        said, alone = self._said(scaled, origins), self.line.ahead(scaled, origins, ahead)
        errors = (baselines.truth(scaled, start, ahead) - said) * self.line.std
        kept = np.unique(np.linspace(0, len(errors) - 1, KEPT).astype(int))
        return errors[kept], {"model": metrics.rmse(self.line.invert(said), truth),
                              "line": metrics.rmse(self.line.invert(alone), truth)}

    def _said(self, scaled, origins):
        """Forecasts (n, ahead), in the line's scale, after each number of origins of known values."""
        said = self.line.ahead(scaled, origins, self.settings["ahead"])
        if self.params:
            x = self.view.inputs(self.line, scaled, self.scale["low"], self.scale["high"])
            x = ((x - self.scale["mean"]) / self.scale["std"]).astype(np.float32)
            steps = self.view.steps
            rows = np.lib.stride_tricks.sliding_window_view(x, steps, axis=0)[origins - self.view.need - steps + 1]
            for i in range(0, len(rows), BLOCK):
                part = rows[i:i + BLOCK].transpose(0, 2, 1)
                last = [(fast.lstm.forward(p, part, inference=True)[0][:, -1], read_out) for p, read_out in self.params]
                o = np.mean([linear.forward(read_out, h)[0] for h, read_out in last], axis=0)
                said[i:i + BLOCK] += o * self.scale["spread"]
        return said

    @property
    def reach(self):
        """How many values it reads."""
        return self.view.need + self.view.steps - 1 if self.params else len(self.line.w)

    def forecasts(self, series, start, horizon):
        """A forecast from each origin in a series, (n, horizon): see baselines.py."""
        series = checked(series)
        pasts = baselines.pasts(series, self._fitted().reach, start, horizon)
        if boundary.size("horizon", horizon) > self.settings["ahead"]:
            return self._ahead(pasts, horizon)
        with one_thread():
            said = self._said(self.line.apply(series), np.arange(start, start + len(pasts)))
        return self.line.invert(said)[:, :horizon]

    def _ahead(self, pasts, horizon):
        say = lambda pasts: np.concatenate([self._said(past, np.array([len(past)])) for past in pasts])
        with one_thread():
            return self.line.invert(baselines.recursive(say, self.line.apply(pasts), horizon))

    def intervals(self, horizon, level=0.8):
        """Between what the next values lie with probability `level`: low and high, (horizon,) each. See `around`."""
        return self.around(self.predict(horizon), level)

    def around(self, forecasts, level=0.8):
        """The intervals around forecasts (..., horizon): low and high, of the same shape.

        Split conformal: on both sides as far as the share `level` of the errors of that step on validation data. They
        are errors in the scale of the line: with logarithms the width is a factor. This is measured, not guaranteed:
        the future may differ from the validation data, on which form and epochs were chosen. Where errors are too few
        for the level, the largest stands: fewer than 19 for 0.95. Beyond `ahead` steps the width grows as √h.

        Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005.
        """
        std, invert = self._fitted().line.std, self.line.invert
        return around(self.line.apply(forecasts) * std, self.errors, level, lambda values: invert(values / std))

    def _parts(self):
        return {"line": self.line._asdict(), "view": self.view._asdict(), "scale": self.scale, "params": self.params,
                "errors": self.errors}

    def _restore(self, parts):
        given, view = line.Line(**parts["line"]), View(**parts["view"])
        params, scale = parts["params"], parts["scale"]
        if params:
            hidden = self.settings["hidden"]
            if params[0][0]["U_h"].shape != (4 * hidden, hidden):
                raise ValueError("before as many weights are drawn")
            fresh = self.network.init(np.random.default_rng(0), len(scale["mean"]), hidden, self.settings["ahead"])
            weights.restore(fresh, params)
            params = fresh
        if not (given.std > 0 and min(view) >= 0 and np.shape(parts["errors"])[1:] == (self.settings["ahead"],)):
            raise ValueError("no model")
        self._take(given, view, scale, params, parts["errors"])

    def _take(self, line, view, scale, params, errors):
        self.line, self.view, self.scale, self.params, self.errors = line, view, scale, params, errors
        return self


def _second(checkpoint):
    """Where the second training keeps its own: hidden beside the first one's, and of no use without that."""
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    return path.with_name(f".{path.name}.second")
