"""From scores to weights: a softmax over the keys that may be seen. What every attention layer shares."""

import numpy as np

from ... import boundary
from ...activations import softmax
from .. import sequence


def inputs(q, k, v, dtype, D_q="D_q", D_k="D_k", D_v="D_v"):
    """Check queries (B, Tq, D_q), keys (B, T, D_k) and values (B, T, D_v), and return copies for the cache."""
    q = boundary.array("q", q, ("B", "Tq", D_q), dtype, "queries, batch first")
    k = boundary.array("k", k, (len(q), "T", D_k), dtype, "keys, as many sequences as there are of queries")
    v = boundary.array("v", v, (*k.shape[:2], D_v), dtype, "values, one for each key")
    return q.copy(), k.copy(), v.copy()


def weigh(scores, lengths, causal):
    """Scores (B, Tq, T) to weights: over each row they sum to 1, and to 0 where no key may be seen."""
    B, Tq, T = scores.shape
    seen = np.ones((B, Tq, T), bool)
    if lengths is not None:
        seen &= ~sequence.padding(sequence.check_lengths(lengths, B, T), T)[:, None]
    if causal:
        seen &= np.arange(T) <= np.arange(Tq)[:, None]
    if not T:
        return scores
    return np.where(seen, softmax(np.where(seen, scores, -1e30)), 0)  # -inf would make a row without keys NaN


def weigh_backward(weights, dweights):
    """dscores from dweights. A softmax ties its outputs together, so what all of a row receive is taken off each:

        (B1)  dscore_ij = w_ij (dw_ij - Σ_l w_il dw_il)
    """
    return weights * (dweights - (weights * dweights).sum(axis=-1, keepdims=True))  # (B1)
