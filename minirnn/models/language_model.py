"""A model of text: from the tokens so far to a probability for each that may come next."""

import numpy as np

from .. import boundary, datasets, losses, metrics, optim, training, tree, weights
from ..activations import softmax
from ..layers import compose, embedding, fast, linear
from ..layers.layer import accepted

LAYERS = {"rnn": fast.rnn, "lstm": fast.lstm, "gru": fast.gru}


class LanguageModel:
    """An embedding, a stack of recurrent layers and a linear read-out, trained by truncated BPTT to say the next token.

        layer       "lstm", "gru" or "rnn"
        hidden      number of hidden units, and width of the embedding
        num_layers  how many recurrent layers
        dropout     the share left out after the embedding and after each recurrent layer
        tied        one table for the embedding and the read-out, see compose.tied
        seed        of the weights, of the order of training and of dropout

    A text is a str, whose tokens are its characters, or a list of str, whose tokens are these.

    >>> model = LanguageModel("gru", hidden=16).fit("abcd" * 200, epochs=30, batch_size=4)
    >>> model.sample(6, "abc", temperature=0.1), round(model.perplexity("abcdabcd"), 1)
    ('dabcda', 1.0)
    """

    def __init__(self, layer="lstm", hidden=128, num_layers=1, dropout=0.0, tied=False, seed=0):
        boundary.one_of("layer", layer, LAYERS)
        self.settings = {"layer": layer, "hidden": boundary.size("hidden", hidden),
                         "num_layers": boundary.size("num_layers", num_layers),
                         "dropout": boundary.share("dropout", dropout), "tied": bool(tied),
                         "seed": boundary.size("seed", seed, least=0)}
        self._compose()
        self.params = self.vocabulary = self.characters = self.history = None

    def _compose(self):
        kind, num_layers, dropout = (self.settings[name] for name in ("layer", "num_layers", "dropout"))
        recurrent = compose.stack(LAYERS[kind], num_layers, dropout if num_layers > 1 else 0)
        network = compose.chain(*(compose.with_dropout(layer, dropout) for layer in (embedding, recurrent)), linear)
        self.network = compose.tied(network) if self.settings["tied"] else network
        self.hints = accepted(self.network, inference=True)

    def __getstate__(self):
        """For pickle and copy: all but the functions, which come from the settings."""
        return {name: value for name, value in vars(self).items() if name not in ("network", "hints")}

    def __setstate__(self, state):
        vars(self).update(state)
        self._compose()

    def fit(self, text, validation=0.1, epochs=20, batch_size=32, truncate=50, lr=3e-3, checkpoint=None):
        """Train on a text and return self.

        The text is cut into `batch_size` streams, read side by side in chunks of `truncate` tokens, the state carried
        on from chunk to chunk. After an epoch without a better loss on the text's last share `validation` the learning
        rate is halved; the best epoch is kept. Ctrl-C stops early, after the first epoch with the best so far, before
        with KeyboardInterrupt and nothing changed; with `checkpoint` a run goes on where it stopped.
        """
        boundary.size("batch_size", batch_size), boundary.size("truncate", truncate)
        characters, vocabulary = isinstance(text, str), sorted(set(_tokens(text)))
        ids = _ids(text, vocabulary)
        train, after, _ = datasets.split(ids, 1 - validation, validation)
        if len(train) <= batch_size or len(after) < 2:
            raise ValueError(f"text has {len(ids)} tokens, too few for {batch_size} streams and {validation:.0%} for "
                             "validation: a longer text, or a smaller batch_size")
        rng, params = self._fresh(len(vocabulary))
        history = training.fit(
            self.network, params, optim.Adam(lr), _streams(train, batch_size),
            _streams(after, max(1, min(batch_size, len(after) // (2 * truncate)))), rng=rng, epochs=epochs,
            batch_size=batch_size, truncate=truncate, loss=losses.cross_entropy,
            schedule=optim.ReduceOnPlateau(factor=0.5, patience=0), checkpoint=checkpoint)
        if history["stopped"] == "interrupted" and not history["best"]:  # random weights are no model
            raise KeyboardInterrupt
        self.params, self.vocabulary, self.characters, self.history = params, vocabulary, characters, history
        return self

    def perplexity(self, text):
        """exp of the mean cross-entropy of each token of a text after its first, given those before."""
        ids = _ids(text, self._fitted().vocabulary)
        return metrics.perplexity(training.evaluate(self.network, self.params, _streams(ids, 1), losses.cross_entropy,
                                                    truncate=1000))  # for memory: the state is carried on

    def sample(self, n, prompt, temperature=1.0, rng=0):
        """Say the n tokens that follow a prompt, each drawn with probability softmax(logits / temperature): below 1 the
        likely ones become likelier. `rng` is a np.random.Generator or a seed. Returns what `text` was: str or list."""
        rng, said, state = boundary.generator(rng), [], None
        new = _ids(prompt, self._fitted().vocabulary)
        boundary.positive("temperature", temperature)
        for _ in range(boundary.size("n", n)):
            logits, state, _ = self.network.forward(self.params, new[None], state, **self.hints)
            p = softmax(logits[0, -1].astype(np.float64) / temperature)
            new = np.array([rng.choice(len(p), p=p)])
            said.append(self.vocabulary[new[0]])
        return "".join(said) if self.characters else said

    def save(self, path):
        """Write the fitted model to an .npz file, beside and renamed."""
        self._fitted()
        weights.save(path, {"language_model": {"settings": self.settings, "params": self.params, "vocabulary":
                                               self.vocabulary, "characters": self.characters}})

    @classmethod
    def load(cls, path):
        """The model that `save` wrote."""
        saved = weights.load(path)
        try:
            parts = saved["language_model"]
            hidden, numbers = parts["settings"]["hidden"], sum(p.size for _, p in tree.leaves(parts["params"]))
            if numbers < hidden * (len(_tokens(parts["vocabulary"])) + parts["settings"]["num_layers"] * hidden):
                raise ValueError  # before as many are drawn
            model = cls(**parts["settings"])
            model.vocabulary, model.characters = parts["vocabulary"], parts["characters"]
            model.params = model._fresh(len(model.vocabulary))[1]
            weights.restore(model.params, parts["params"])
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise ValueError(f"{path} holds no language model, expected a file that LanguageModel.save made") from None
        return model

    def _fresh(self, V):
        rng, H = np.random.default_rng(self.settings["seed"]), self.settings["hidden"]
        return rng, self.network.init(rng, V, H, H, V)

    def _fitted(self):
        if self.params is None:
            raise ValueError("this LanguageModel is not fitted yet: call fit(text) first")
        return self


def _tokens(text):
    if not isinstance(text, (str, list, tuple)) or not all(isinstance(token, str) for token in text):
        raise TypeError(f"text is {boundary.brief(text)}, expected a str, or a list of str: split it into tokens first")
    return text


def _ids(text, vocabulary):
    """The number of each token in the vocabulary, (n,)."""
    number = {token: k for k, token in enumerate(vocabulary)}
    unknown = set(_tokens(text)) - number.keys()
    if unknown or not len(text):
        came = f"the token {min(unknown)!r}" if unknown else "no token"
        raise ValueError(f"text holds {came}, expected at least one, each among the {len(vocabulary)} of training: "
                         "leave out the unseen")
    return np.array([number[token] for token in text])


def _streams(ids, count):
    """Inputs and targets (count, n): the text in equal stretches side by side, the target one token on."""
    n = (len(ids) - 1) // count
    if not n:
        raise ValueError(f"text has {len(ids)} tokens, expected at least {count + 1}: the first is only read")
    return ids[:n * count].reshape(count, n), ids[1:n * count + 1].reshape(count, n)
