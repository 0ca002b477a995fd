"""`python -m minirnn gradcheck`: every layer and some whole models, with inputs that hide nothing; for the tests too.

Sizes all differ, weights are near 0.7 and not symmetric, biases and initial states are not zero, and sequences have
unequal lengths. A wrong gradient is easily right at small weights, zero states, or a single step. Masks drawn at random
are the same at every call.
"""

import numpy as np

from .. import gradcheck, losses, models, tree
from ..layers import attention, dropout, embedding, fast, gru, linear, lstm, normalize, rnn
from ..layers.compose import (attention_pooling, bidirectional, both_ends, chain, last_step, residual, self_attention,
                              stack, tied, with_dropout, with_loss, with_settings)
from ..layers.decayed import decayed

B, T, D, H, K = 3, 5, 2, 4, 6
TRAINING = {"rng": 1, "training": True}  # a seed: the same masks at every call
FIXED = {"training": True, "momentum": 0.0}  # the running statistics stay as they are


def cases(rng):
    """Name, layer, params, inputs and settings for `gradcheck.check`, for every layer and some whole models."""
    def normal(*shape):
        return 0.7 * rng.standard_normal(shape)

    def params(layer, *sizes):
        return tree.map(lambda p: normal(*p.shape), layer.init(rng, *sizes, dtype=np.float64))

    lengths, no_empty = np.array([T, 0, 3]), np.array([T, 1, 3])
    mask, ids, classes = losses.length_mask(lengths, T), rng.integers(0, K, (B, T)), rng.integers(0, K, (B, T))
    x, h_0, c_0 = normal(B, T, D), normal(B, H), normal(B, H)
    half = (normal(B, H // 2), normal(B, H // 2)), (normal(B, H // 2), normal(B, H // 2))
    queries, keys, values = normal(B, K, H), normal(B, T, H), normal(B, T, D)
    running = params(normalize.batch_norm, D)
    running["var"] = 0.5 + running["var"]**2

    article = chain(lstm, last_step, linear)
    every_step = chain(rnn, lstm, linear)
    two_heads = with_settings(attention.multi_head, heads=2)
    skipping, pooling = stack(residual(lstm), 2), attention_pooling(attention.additive)
    deep = chain(bidirectional(lstm), residual(bidirectional(lstm)), residual(self_attention(two_heads)),
                 normalize.layer_norm, linear)
    language = with_settings(tied(chain(embedding, stack(lstm, 2, dropout=0.3), linear)), **TRAINING)
    translator, with_heads = models.EncoderDecoder(attention.additive, lstm), models.EncoderDecoder(two_heads, gru)
    return [
        ("rnn", rnn, params(rnn, D, H), (x, h_0, lengths), {}),
        ("rnn, sigmoid", rnn, params(rnn, D, H), (x, h_0, lengths), {"activation": "sigmoid"}),
        ("lstm", lstm, params(lstm, D, H), (x, (h_0, c_0), lengths), {}),
        ("gru", gru, params(gru, D, H), (x, h_0, lengths), {}),
        ("fast.rnn", fast.rnn, params(rnn, D, H), (x, h_0, lengths), {}),
        ("fast.rnn, sigmoid", fast.rnn, params(rnn, D, H), (x, h_0, lengths), {"activation": "sigmoid"}),
        ("fast.lstm", fast.lstm, params(lstm, D, H), (x, (h_0, c_0), lengths), {}),
        ("fast.gru", fast.gru, params(gru, D, H), (x, h_0, lengths), {}),
        ("linear", linear, params(linear, D, K), (x,), {}),
        ("linear, sigmoid", linear, params(linear, D, K), (x,), {"activation": "sigmoid"}),
        ("embedding", embedding, params(embedding, K, D), (rng.integers(0, K, (B, 2 * T)),), {}),  # some ids repeat
        ("dot", attention.dot, {}, (queries, keys, values, lengths), {}),
        ("dot, plain, causal", attention.dot, {}, (queries, keys, values), {"scaled": False, "causal": True}),
        ("additive", attention.additive, params(attention.additive, H, H, 7), (queries, keys, values, lengths), {}),
        ("multi_head", attention.multi_head, params(attention.multi_head, H, H, D), (queries, keys, values, lengths),
         {"heads": 2}),
        ("self_attention", self_attention(two_heads), params(two_heads, H), (keys, lengths), {"causal": True}),
        ("layer_norm", normalize.layer_norm, params(normalize.layer_norm, H), (keys,), {}),
        ("batch_norm, training", normalize.batch_norm, running, (x, lengths), FIXED),
        ("batch_norm, running", normalize.batch_norm, running, (x, lengths), {}),
        ("layer_norm_lstm", normalize.layer_norm_lstm, params(normalize.layer_norm_lstm, D, H),
         (x, (h_0, 3 * c_0), lengths), {}),  # where a few numbers nearly agree LN is too curved for central differences
        ("dropout", with_settings(dropout, **TRAINING), {}, (x,), {}),
        ("dropout through time", with_settings(dropout, **TRAINING), {}, (x,), {"same_through_time": True}),
        ("decayed(gru)", decayed(gru), params(decayed(gru), D, H), (x, rng.uniform(0.1, 2, (B, T)), h_0, lengths), {}),
        ("last_step", last_step, {}, (x, no_empty), {}),
        ("both_ends", both_ends, {}, (keys, no_empty), {}),
        ("chain(lstm, last_step, linear)", article, params(article, D, H, K), (x, ((h_0, c_0),), no_empty), {}),
        ("the same with mse", with_loss(article, losses.mse, normal(B, K)), params(article, D, H, K),
         (x, ((h_0, c_0),), no_empty), {}),
        ("chain(rnn, lstm, linear) with cross_entropy", with_loss(every_step, losses.cross_entropy, classes, mask),
         params(every_step, D, H, H, K), (x, (h_0, (h_0, c_0)), lengths), {}),
        ("bidirectional(lstm)", bidirectional(lstm), params(bidirectional(lstm), D, H), (x, half, lengths), {}),
        ("stack(residual(lstm), 2)", skipping, params(skipping, H, H), (keys, ((h_0, c_0), (c_0, h_0)), lengths), {}),
        ("with_dropout(gru)", with_settings(with_dropout(gru, 0.4), **TRAINING), params(gru, D, H), (x, h_0, lengths),
         {}),
        ("bidirectional LSTMs, residuals, self-attention, layer_norm, cross_entropy",
         with_loss(deep, losses.cross_entropy, classes, mask), params(deep, D, H, H, K), (x, (half, half), lengths),
         {}),
        ("language model: tied embedding, two LSTMs, dropout, cross_entropy",
         with_loss(language, losses.cross_entropy, classes, mask), params(language, K, H, H, K),
         (ids, (((h_0, c_0), (c_0, h_0)),), lengths), {}),
        ("encoder-decoder, additive attention", translator, params(translator, K, K, D, H),
         ((ids, classes[:, :4]), lengths), {}),
        ("encoder-decoder, multi_head, cross_entropy",
         with_loss(with_heads, losses.cross_entropy, classes[:, :3], losses.length_mask(np.array([2, 0, 1]), 3)),
         params(with_heads, K, K, D, H), ((ids, classes[:, 1:4]), None, lengths), {}),
        ("attention_pooling", pooling, params(pooling, H), (keys, no_empty), {}),
    ]


def run(args):
    """Each layer and tensor: the largest relative error over every entry, by both methods."""
    print(f"{'':<6}{'tensor':<12}{'shape':<12}{'central':>10}{'complex':>10}   largest relative error over every entry")
    rng, wrong = np.random.default_rng(args.seed), []
    worst = dict.fromkeys(gradcheck.TOLERANCE, 0.0)
    for name, layer, params, inputs, settings in cases(rng):
        reports = [gradcheck.check(layer, params, *inputs, rng=rng, method=method, **settings) for method in worst]
        print(name)
        for one, two in zip(*(report.rows for report in reports)):
            print(f"{'':<6}{one.tensor:<12}{one.shape!s:<12}{one.error:>10.1e}{two.error:>10.1e}")
        for report in reports:
            worst[report.method] = max(worst[report.method], report.max_error)
            if not report.ok:
                print(report)
                wrong.append(name)
    print("largest: " + ", ".join(f"{method} {error:.1e} (at most {gradcheck.TOLERANCE[method]:.0e} allowed)"
                                  for method, error in worst.items()))
    print(f"WRONG: {', '.join(dict.fromkeys(wrong))}" if wrong else "all right")
    return 1 if wrong else 0
