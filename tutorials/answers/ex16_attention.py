"""Answer to exercise 16. Attention, forward."""

import numpy as np


def attention(q, k, v, causal):
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])  # [b, t, s]: a row for each query, a column for each key
    if causal:
        seen = np.tril(np.ones(scores.shape[1:], bool))  # s <= t; the diagonal belongs to it
        scores = np.where(seen, scores, -np.inf)  # before the softmax, as exp(-inf) = 0: then the rows still sum to 1
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))  # so that exp cannot overflow
    weights = e / e.sum(axis=-1, keepdims=True)  # the sum over the keys, for each query
    context = weights @ v
    return context, weights
