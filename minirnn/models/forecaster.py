"""The article's model of section 5, put right and fitted to a series."""

import math
from pathlib import Path

import numpy as np

from .. import baselines, boundary, datasets, optim, training, weights
from ..layers import fast, linear, rnn
from ..layers.compose import chain, last_step
from ..layers.layer import accepted

LAYERS = {"rnn": rnn, "lstm": fast.lstm}


class Forecaster:
    """One recurrent layer, then a linear layer on its last step.

    It reads the last `window` values of a series and says the next `ahead`; further on it reads its own forecasts.

        layer     "lstm" or "rnn"
        hidden    number of hidden units
        seed      of the weights and of the order of training
        window    number of values it reads
        ahead     number of values it says at once

    >>> series = np.sin(np.arange(200) / 3)
    >>> model = Forecaster("rnn", hidden=8, window=12).fit(series, epochs=40)
    >>> error = model.predict(horizon=5) - np.sin(np.arange(200, 205) / 3)
    >>> bool(abs(error).max() < 0.1)
    True
    """

    def __init__(self, layer="lstm", hidden=16, seed=0, window=24, ahead=1):
        boundary.one_of("layer", layer, LAYERS)
        self.settings = {"layer": layer, "hidden": boundary.size("hidden", hidden),
                         "seed": boundary.size("seed", seed, least=0), "window": boundary.size("window", window),
                         "ahead": boundary.size("ahead", ahead)}
        self.network = chain(LAYERS[layer], last_step, linear)
        self.params = self.scale = self.past = self.history = None

    def fit(self, series, validation=0.15, epochs=300, patience=None, checkpoint=None):
        """Train on a series (n,) and return self.

        The last share `validation` serves to choose how many epochs are best, at most `epochs`; then the model starts
        afresh and trains for so many on all of it. `patience` is in epochs; None is 400 updates, but at least 10
        epochs. Ctrl-C keeps the best so far. With `checkpoint` a stopped run goes on where it was; the second training
        keeps its own, under the same name with "-refit" added.
        """
        series = boundary.array("series", series, ("n",), np.float64, "one number a step, in time's order")
        window, ahead, epochs = self.settings["window"], self.settings["ahead"], boundary.size("epochs", epochs)
        train, after, _ = datasets.split(series, 1 - validation, validation)
        n = len(train) - window - ahead + 1  # windows whose targets all lie in the training part
        if n < 2 or len(after) < ahead:
            least = math.ceil(max((window + ahead + 1) / (1 - validation), ahead / validation)) + 1
            raise ValueError(f"series has {len(series)} values, expected at least {least} for a window of {window}, "
                             f"{ahead} ahead and {validation:.0%} for validation: a longer series, or a smaller window")
        scale = datasets.Scale.fit(train)
        x, y = datasets.windows(scale.apply(series).astype(np.float32), window, ahead)
        parts = (x[:n], y[:n]), (x[len(train) - window:], y[len(train) - window:])
        params, history = self._train(*parts, epochs, patience, checkpoint)
        if history["stopped"] != "interrupted":
            refit = checkpoint and Path(checkpoint).with_name(Path(checkpoint).name + "-refit")
            all_of_it, again = self._train((x, y), None, history["best"], None, refit)
            if again["stopped"] == "interrupted":
                history["stopped"] = "interrupted"
            else:
                params = all_of_it
        self.scale, self.params, self.history = scale, params, history  # only now: a fit that fails changes nothing
        return self.observe(series)

    def _train(self, train, validation, epochs, patience, checkpoint):
        rng, params = self._fresh()
        batch_size = min(max(16, len(train[0]) // 100), 128)  # about a hundred updates an epoch
        if validation is not None and patience is None:
            patience = max(10, 400 * batch_size // len(train[0]))
        return params, training.fit(self.network, params, optim.Adam(lr=3e-3), train, validation, rng=rng,
                                    epochs=epochs, batch_size=batch_size, patience=patience, checkpoint=checkpoint)

    def _fresh(self):
        rng = np.random.default_rng(self.settings["seed"])
        return rng, self.network.init(rng, 1, self.settings["hidden"], self.settings["ahead"])

    def observe(self, series):
        """Forecast from the end of this series from now on; nothing is trained. Returns self."""
        window = self._fitted().settings["window"]
        series = boundary.array("series", series, ("n",), np.float64, "one number a step, in time's order")
        if len(series) < window:
            raise ValueError(f"series has {len(series)} values, expected at least the {window} that the model reads")
        self.past = series[-window:].copy()
        return self

    def predict(self, horizon):
        """The `horizon` values that follow the series it has seen, (horizon,)."""
        return self._ahead(self._fitted().past[None], boundary.size("horizon", horizon))[0]

    def forecasts(self, series, start, horizon):
        """A forecast from each origin in a series, (n, horizon): see baselines.py."""
        return self._ahead(baselines.pasts(series, self._fitted().settings["window"], start, horizon), horizon)

    def _ahead(self, pasts, horizon):
        pasts = self.scale.apply(pasts).astype(np.float32)
        hints = accepted(self.network, inference=True)
        say = lambda x: self.network.forward(self.params, x[..., None], **hints)[0]
        ahead = baselines.recursive(say, pasts, horizon)
        return self.scale.invert(ahead.astype(np.float64))

    def save(self, path):
        """Write the fitted model to an .npz file, beside and renamed."""
        self._fitted()
        weights.save(path, {"forecaster": {"settings": self.settings, "params": self.params,
                                            "scale": self.scale, "past": self.past}})

    @classmethod
    def load(cls, path):
        """The model that `save` wrote: it forecasts the same numbers, bit for bit."""
        saved = weights.load(path)
        try:
            parts = saved["forecaster"]
            model = cls(**parts["settings"])
            model.params = model._fresh()[1]
            weights.restore(model.params, parts["params"])
            model.scale, model.past = datasets.Scale(*parts["scale"]), parts["past"]
        except (IndexError, KeyError, TypeError, ValueError):
            raise ValueError(f"{path} holds no forecaster, expected a file that Forecaster.save made") from None
        return model

    def _fitted(self):
        if self.params is None:
            raise ValueError("this Forecaster is not fitted yet: call fit(series) first")
        return self
