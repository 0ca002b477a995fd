"""Every layer with inputs that hide nothing, for gradient checks: `python -m minirnn gradcheck` and the tests.

Sizes all differ, weights are near 0.7 and not symmetric, biases and initial states are not zero, and sequences have
unequal lengths. A wrong gradient is easily right at small weights, zero states, or a single step.
"""

import numpy as np

from . import losses, tree
from .layers import embedding, gru, linear, lstm, rnn
from .layers.compose import chain, last_step, with_loss

B, T, D, H, K = 3, 5, 2, 4, 6


def cases(rng):
    """Name, layer, params, inputs and settings for `gradcheck.check`, for every layer and some whole models."""
    def normal(*shape):
        return 0.7 * rng.standard_normal(shape)

    def params(layer, *sizes):
        return tree.map(lambda p: normal(*p.shape), layer.init(rng, *sizes, dtype=np.float64))

    x, h_0, c_0 = normal(B, T, D), normal(B, H), normal(B, H)
    lengths, no_empty = np.array([T, 0, 3]), np.array([T, 1, 3])
    article = chain(lstm, last_step, linear)
    every_step = chain(rnn, lstm, linear)
    mask = losses.length_mask(lengths, T)
    regression = with_loss(article, losses.mse, normal(B, K))
    classification = with_loss(every_step, losses.cross_entropy, rng.integers(0, K, (B, T)), mask)
    return [
        ("rnn", rnn, params(rnn, D, H), (x, h_0, lengths), {}),
        ("rnn, sigmoid", rnn, params(rnn, D, H), (x, h_0, lengths), {"activation": "sigmoid"}),
        ("lstm", lstm, params(lstm, D, H), (x, (h_0, c_0), lengths), {}),
        ("gru", gru, params(gru, D, H), (x, h_0, lengths), {}),
        ("linear", linear, params(linear, D, K), (x,), {}),
        ("linear, sigmoid", linear, params(linear, D, K), (x,), {"activation": "sigmoid"}),
        ("embedding", embedding, params(embedding, K, D), (rng.integers(0, K, (B, 2 * T)),), {}),  # some ids repeat
        ("last_step", last_step, {}, (x, no_empty), {}),
        ("chain(lstm, last_step, linear)", article, params(article, D, H, K), (x, ((h_0, c_0),), no_empty), {}),
        ("the same with mse", regression, params(article, D, H, K), (x, ((h_0, c_0),), no_empty), {}),
        ("chain(rnn, lstm, linear) with cross_entropy", classification, params(every_step, D, H, H, K),
         (x, (h_0, (h_0, c_0)), lengths), {}),
    ]
