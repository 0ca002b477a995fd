"""How good predictions are: forecasts, classes, texts, rankings. Each takes what was predicted, then what came."""

import math
import numbers
from collections import Counter

import numpy as np

from . import boundary


def _alike(name, value, other_name, other):
    """Both as arrays of one shape. Nothing is broadcast: (n, 1) beside (n,) would be all n² pairs."""
    value, other = boundary.regular(name, value), boundary.regular(other_name, other)
    if value.shape != other.shape or not value.size:
        raise ValueError(f"{name} has shape {value.shape} and {other_name} {other.shape}, expected the same, not empty")
    return value, other


def _errors(forecast, truth):
    """forecast - truth in float64: in the caller's own type, such as int8, differences and squares wrap around."""
    forecast, truth = _alike("forecast", forecast, "truth", truth)
    return boundary.numeric("forecast", forecast) - boundary.numeric("truth", truth)


def mse(forecast, truth):
    """Mean squared error, in the square of the series' unit.

    >>> mse(np.array([1, 2, 100], np.int8), np.array([2, 1, 3], np.int8))
    3137.0
    """
    return float(np.mean(_errors(forecast, truth) ** 2))


def rmse(forecast, truth):
    """Root mean squared error, in the series' unit.

    >>> rmse(np.array([1.0, 4.0]), np.array([1.0, 8.0])) == 8**0.5
    True
    """
    return float(np.sqrt(mse(forecast, truth)))


def mae(forecast, truth):
    """Mean absolute error, in the series' unit."""
    return float(np.mean(np.abs(_errors(forecast, truth))))


def nmse(forecast, truth, variance):
    """MSE over a fixed variance: 1 is as good as a constant. Weigend et al. 1990 divide by 1535 for yearly sunspots."""
    return mse(forecast, truth) / boundary.number("variance", boundary.positive("variance", variance))


def mase(forecast, truth, past, season=1):
    """MAE over that of the seasonal naive forecast within the past: below 1 is better (Hyndman and Koehler 2006).

    >>> mase(np.array([3.0]), np.array([4.0]), past=np.array([0.0, 2.0, 4.0]))
    0.5
    """
    past, season = boundary.numeric("past", past), boundary.size("season", season)
    if past.ndim != 1 or len(past) <= season:
        raise ValueError(f"past has shape {past.shape}, expected (n,) with more than {season}, one season: a "
                         "longer past")
    naive = mae(past[season:], past[:-season])
    return mae(forecast, truth) / naive if naive else float("nan")


def _ids(predicted, true):
    predicted, true = _alike("predicted", predicted, "true", true)
    if predicted.dtype.kind not in "iub" or true.dtype.kind not in "iub":
        raise TypeError(f"predicted is {predicted.dtype}, true {true.dtype}, expected ids: take argmax or a threshold")
    return predicted, true


def accuracy(predicted, true, mask=None):
    """Share of equal ids, among those where the mask, booleans of the same shape, is True."""
    predicted, true = _ids(predicted, true)
    mask = np.ones(true.shape, bool) if mask is None else boundary.regular("mask", mask)
    if mask.dtype != bool or mask.shape != true.shape or not mask.any():
        raise ValueError(f"mask is {mask.dtype} of shape {mask.shape}, expected booleans of shape {true.shape}, not "
                         "all False: make it with losses.length_mask")
    return float(np.mean(predicted == true, where=mask))


def _f1(hits, predicted, true):
    """Harmonic mean of hits / predicted and hits / true, from their counts."""
    return 2 * hits / max(predicted + true, 1)


def precision_recall_f1(predicted, true, positive=1):
    """(precision, recall, F1) of one class. Undefined is 0.0: precision of none predicted, recall of none true."""
    predicted, true = _ids(predicted, true)
    if not isinstance(positive, numbers.Integral):
        raise TypeError(f"positive is of type {type(positive).__name__}, expected an integer: the id of one class")
    hits = np.count_nonzero((predicted == positive) & (true == positive))
    predicted, true = np.count_nonzero(predicted == positive), np.count_nonzero(true == positive)
    return hits / max(predicted, 1), hits / max(true, 1), _f1(hits, predicted, true)


def macro_f1(predicted, true):
    """Unweighted mean of F1 over the classes that occur in either: a rare class counts as much as a common one."""
    classes = np.union1d(*_ids(predicted, true)).tolist()
    return float(np.mean([precision_recall_f1(predicted, true, positive)[2] for positive in classes]))


def paired(wrong, other_wrong):
    """Two models' errors on the same items, booleans (n,): (only the first is wrong, only the other, p).

    p is how often a fair coin falls at least so unevenly, both ways: the exact test of McNemar 1947.

    >>> paired([True, False, False, False], [True, True, True, False])
    (0, 2, 0.5)
    """
    wrong, other_wrong = _alike("wrong", wrong, "other_wrong", other_wrong)
    if wrong.dtype != bool or other_wrong.dtype != bool:
        raise TypeError(f"wrong is {wrong.dtype}, other_wrong {other_wrong.dtype}, expected booleans: "
                        "predicted != true")
    one, two = int(np.sum(wrong & ~other_wrong)), int(np.sum(other_wrong & ~wrong))
    tail = sum(math.comb(one + two, k) for k in range(min(one, two) + 1))
    return one, two, min(1.0, 2 * tail / 2**(one + two))


def perplexity(cross_entropy):
    """exp of a mean cross-entropy in nats: log V, which is knowing nothing of V tokens, gives V."""
    if not isinstance(cross_entropy, (numbers.Real, np.ndarray)) or np.ndim(cross_entropy):
        raise TypeError(f"cross_entropy is {boundary.brief(cross_entropy)}, expected a number: the loss without its "
                        "cache")
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(cross_entropy)))


def _tokens(name, text):
    tokens = boundary.regular(name, text.split() if isinstance(text, str) else text)
    if tokens.ndim != 1:
        raise ValueError(f"{name} has shape {tokens.shape}, expected (T,): one sequence of ids or words, or a str")
    return tokens.tolist()


def _words(candidate, reference):
    """Both as lists of tokens of one kind: a word never equals a number."""
    candidate, reference = _tokens("candidate", candidate), _tokens("reference", reference)
    kinds = {isinstance(token, str) for token in (*candidate, *reference)}
    if len(kinds) > 1:
        raise TypeError("candidate and reference hold words and numbers, expected one kind: pass ids of both, or words")
    return candidate, reference


def rouge_n(candidate, reference, n=1):
    """F1 of the n-grams in common, each counted at most as often as in either (Lin 2004, ROUGE: a package for automatic
    evaluation of summaries). A str is split at white space. Left out: stemming, several references.

    >>> rouge_n("police kill the gunman", "police killed the gunman", n=2)  # 1 of 3 bigrams
    0.3333333333333333
    """
    boundary.size("n", n)
    candidate, reference = (Counter(tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1))
                            for tokens in _words(candidate, reference))
    return _f1((candidate & reference).total(), candidate.total(), reference.total())


def rouge_l(candidate, reference):
    """F1 of the longest common subsequence, in order but with gaps (Lin 2004); takes and leaves out as rouge_n."""
    candidate, reference = _words(candidate, reference)
    longest = [0] * (len(reference) + 1)  # longest[j]: of all candidate tokens so far and reference[:j]
    for token in candidate:
        above, longest = longest, [0]
        for j, other in enumerate(reference):
            longest.append(above[j] + 1 if token == other else max(above[j + 1], longest[j]))
    return _f1(longest[-1], len(candidate), len(reference))


def _hits(ranked, true, k):
    ranked, true, k = boundary.regular("ranked", ranked), boundary.regular("true", true), boundary.size("k", k)
    if ranked.ndim != 2 or true.shape != ranked.shape[:1] or not true.size or k > ranked.shape[1]:
        raise ValueError(f"ranked has shape {ranked.shape} and true {true.shape}, expected (n, m) and (n,), not "
                         f"empty, with m at least k, {k}: rank more items or take a smaller k")
    kinds = {"u": "i"}.get(ranked.dtype.kind, ranked.dtype.kind), {"u": "i"}.get(true.dtype.kind, true.dtype.kind)
    if kinds not in (("i", "i"), ("U", "U")):
        raise TypeError(f"ranked is {ranked.dtype}, true {true.dtype}, expected ids in both or names in both: nothing "
                        "of one kind equals the other")
    return ranked[:, :k] == true[:, None]


def hit_rate(ranked, true, k):
    """Share of rows whose true item (n,) is among the first k of those ranked (n, m), best first."""
    return float(_hits(ranked, true, k).any(axis=1).mean())


def mrr(ranked, true, k):
    """Mean reciprocal rank: of 1 / rank of the true item (n,) among those ranked (n, m), best first; 0 beyond k."""
    return float((_hits(ranked, true, k) / np.arange(1, k + 1)).max(axis=1).mean())
