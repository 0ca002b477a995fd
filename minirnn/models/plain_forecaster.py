"""The article's model of section 5, put right and fitted to a series. To forecast, `Forecaster` is the better one."""

import contextlib
from pathlib import Path

import numpy as np

from .. import baselines, boundary, datasets, optim, training, weights
from ..blas import one_thread
from ..layers import fast, linear, rnn
from ..layers.compose import chain, last_step
from ..layers.layer import accepted
from .series_model import SeriesModel, checked, validation_start

LAYERS = {"rnn": rnn, "lstm": fast.lstm}


class PlainForecaster(SeriesModel):
    """One recurrent layer, then a linear layer on its last step.

    It reads the last `window` values of a series and says the next `ahead`; further on it reads its own forecasts.

        layer     "lstm" or "rnn"
        hidden    number of hidden units
        seed      of the weights and of the order of training
        window    number of values it reads
        ahead     number of values it says at once

    >>> series = np.sin(np.arange(200) / 3)
    >>> model = PlainForecaster("rnn", hidden=8, window=12).fit(series, epochs=40)
    >>> error = model.predict(horizon=5) - np.sin(np.arange(200, 205) / 3)
    >>> bool(abs(error).max() < 0.1)
    True
    """

    name = "plain_forecaster"

    def __init__(self, layer="lstm", hidden=16, seed=0, window=24, ahead=1):
        boundary.one_of("layer", layer, LAYERS)
        self.settings = {"layer": layer, "hidden": boundary.size("hidden", hidden),
                         "seed": boundary.size("seed", seed, least=0), "window": boundary.size("window", window),
                         "ahead": boundary.size("ahead", ahead)}
        self._compose()

    def _compose(self):
        self.network = chain(LAYERS[self.settings["layer"]], last_step, linear)

    def fit(self, series, validation=0.15, epochs=300, patience=None, checkpoint=None):
        """Train on a series (n,) and return self.

        The last share `validation` serves to choose how many epochs are best, at most `epochs`; then the model starts
        afresh and trains for so many on all of it. `patience` is in epochs; None is 400 updates, but at least 10
        epochs. Ctrl-C keeps the best so far. With `checkpoint` a stopped run goes on where it was; the second training
        keeps its own, under the same name with "-refit" added.
        """
        series, epochs = checked(series), boundary.size("epochs", epochs)
        window, ahead = self.settings["window"], self.settings["ahead"]
        train = series[:validation_start(series, validation, ahead, least=window + ahead + 1)]
        n = len(train) - window - ahead + 1  # windows whose targets all lie in the training part
        scale = datasets.Scale.fit(train)
        x, y = datasets.windows(scale.apply(series).astype(np.float32), window, ahead)
        parts = (x[:n], y[:n]), (x[len(train) - window:], y[len(train) - window:])
        with contextlib.closing(training.Progress()) as progress:
            progress.stage = "1 of 2, how long: "
            params, history = self._train(*parts, epochs, patience, checkpoint, progress)
            if history["stopped"] == "interrupted" and not history["best"]:  # random weights are no model
                raise KeyboardInterrupt
            if history["stopped"] != "interrupted":
                progress.stage = "2 of 2, on all data: "
                refit = checkpoint and Path(checkpoint).with_name(Path(checkpoint).name + "-refit")
                all_of_it, again = self._train((x, y), None, history["best"], None, refit, progress)
                if again["stopped"] == "interrupted":
                    history["stopped"] = "interrupted"
                else:
                    params = all_of_it
        self.scale, self.params, self.history = scale, params, history  # only now: a fit that fails changes nothing
        return self.observe(series)

    def _train(self, train, validation, epochs, patience, checkpoint, progress):
        rng, params = self._fresh()
        batch_size = min(max(16, len(train[0]) // 100), 128)  # about a hundred updates an epoch
        if validation is not None and patience is None:
            patience = max(10, 400 * batch_size // len(train[0]))
        with one_thread():
            return params, training.fit(self.network, params, optim.Adam(lr=3e-3), train, validation, rng=rng,
                                        epochs=epochs, batch_size=batch_size, patience=patience, checkpoint=checkpoint,
                                        progress=progress)

    def _fresh(self):
        rng = np.random.default_rng(self.settings["seed"])
        return rng, self.network.init(rng, 1, self.settings["hidden"], self.settings["ahead"])

    @property
    def reach(self):
        """How many values it reads."""
        return self.settings["window"]

    def _ahead(self, pasts, horizon):
        pasts = self.scale.apply(pasts).astype(np.float32)
        hints = accepted(self.network, inference=True)
        say = lambda x: self.network.forward(self.params, x[..., None], **hints)[0]
        with one_thread():
            ahead = baselines.recursive(say, pasts, horizon)
        return self.scale.invert(ahead.astype(np.float64))

    def _parts(self):
        return {"params": self.params, "scale": self.scale}

    def _restore(self, parts):
        hidden = self.settings["hidden"]
        if parts["params"][0]["b" if self.settings["layer"] == "lstm" else "b_h"].size not in (hidden, 4 * hidden):
            raise ValueError("before as many weights are drawn")
        params = self._fresh()[1]
        weights.restore(params, parts["params"])
        self.params, self.scale = params, datasets.Scale(*parts["scale"])
        if not self.scale.std > 0:
            raise ValueError("no scale")
