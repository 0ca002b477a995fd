import math

import numpy as np

from minirnn import attention

from . import normal

TITLE = "attention, forward, with a causal mask"
FUNCTION = "attention"
OUTPUTS = {"context": "B T E", "weights": "B T S"}
MAPPED = {"T": "t=", "S": "s="}


def sequences(causal, *sizes, each="query", B=3, T=5, D=7, E=4):
    """Queries, keys and values. The scores of query t are all about sizes[t], by turns: no weight depends on it, but no
    one number can be taken off all scores, of a sequence, of a step or of all. Or so with each sequence or key."""
    def inputs(rng):
        q, k, v = normal(rng, B, T, D), normal(rng, B, T, D), normal(rng, B, T, E)
        if sizes:
            by_turns = np.resize(sizes, (B, 1 if each == "sequence" else T)) / 50
            one, other = (k, q) if each == "key" else (q, k)
            one[..., -1], other[..., -1] = by_turns, 50 * math.sqrt(D)
        return {"q": q, "k": k, "v": v, "causal": causal}
    return inputs


CASES = {"every key is seen": sequences(False), "causal": sequences(True),
         "causal, scores near 730": sequences(True, 730.0),
         "scores near 1500, -1500 and 0 in a sequence": sequences(True, 1500.0, -1500.0, 0.0, T=4, D=5, E=6),
         "scores of each sequence near 1500, -1500 or 0": sequences(True, 1500.0, -1500.0, 0.0, each="sequence"),
         "scores of one query near 0 and near 1000": sequences(False, 0.0, 1000.0, 1000.0, each="key"),
         "one step only": sequences(True, T=1), "a single sequence": sequences(True, B=1, T=4),
         "scores of a hidden key near 1000": sequences(True, 0.0, 0.0, 0.0, 1000.0, each="key", T=4, D=5, E=6)}


def reference(q, k, v, causal):
    context, weights, _ = attention.dot.forward({}, q, k, v, causal=causal)
    return context, weights


SCALE = "D numbers of size 1 are multiplied and added up. How large is the sum? Its size should not depend on D."
ROWS = "Add up your weights along each axis. Which of the sums should be 1?"
FUTURE = "Look at the weights of a causal case, step by step. Which keys may step t see?"
GATHER = "context_t is a mean of which values, with which weights?"
ASKS = "In score_ts, who asks and who is asked?"
MUTANTS = [
    (" / np.sqrt(q.shape[-1])", "", "never divides by √D", SCALE),
    ("np.sqrt(q.shape[-1])", "q.shape[-1]", "divides by D, not by its root", SCALE),
    (" / np.sqrt(q.", " * np.sqrt(q.", "multiplies by √D where it should divide", SCALE),
    ("np.sqrt(q.shape[-1])", "np.sqrt(q.shape[1])", "divides by √T, not by √D", SCALE),
    ("np.sqrt(q.shape[-1])", "np.sqrt(v.shape[-1])", "divides by √E, not by √D", SCALE),
    ("np.sqrt(q.shape[-1])", "np.sqrt(q.shape[0])", "divides by √B, not by √D", SCALE),
    ("q @ k.swapaxes(1, 2)", "k @ q.swapaxes(1, 2)", "transposes the scores: keys ask, and queries are asked", ASKS),
    ("k.swapaxes(1, 2)", "k.reshape(len(k), k.shape[2], k.shape[1])", "reshapes k where it should be transposed",
     "Reshape [[1, 2, 3], [4, 5, 6]] to (3, 2). Is that its transpose?"),
    ("q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])",
     "q @ k.swapaxes(1, 2) / np.linalg.norm(q, axis=2)[:, :, None] / np.linalg.norm(k, axis=2)[:, None]",
     "divides each score by the lengths of its query and its key, not by √D", SCALE),
    ("q @ k.swap", "q @ q.swap", "compares queries with queries", ASKS),
    ("q @ k.swap", "k @ k.swap", "compares keys with keys", ASKS),
    ("if causal:", "if False:", "never hides a key", FUTURE),
    ("if causal:", "if True:", "hides the future even where causal is False", "What should happen if causal is False?"),
    ("np.tril(np.ones(scores.shape[1:], bool))", "np.triu(np.ones(scores.shape[1:], bool))",
     "hides the past, and shows the future", FUTURE),
    ("np.ones(scores.shape[1:], bool))", "np.ones(scores.shape[1:], bool), 1)",
     "shows one key too many, that of the next step", FUTURE),
    ("np.tril(np.ones(scores.shape[1:], bool))", "np.eye(scores.shape[1], dtype=bool)",
     "shows each step nothing but its own key", FUTURE),
    ("-np.inf", "0.0", "gives hidden keys the score 0",
     "What is exp of the score of a hidden key? Is its weight 0 then?"),
    ("-np.inf", "-1.0", "gives hidden keys the score -1",
     "What is exp of the score of a hidden key? Is its weight 0 then?"),
    ("np.where(seen, scores, -np.inf)",
     "np.where(np.tril(np.ones(scores.shape[1:], bool), -1), scores, -1e9)",
     "hides the step's own key too, by a large negative score", FUTURE),
    ("np.where(seen, scores, -np.inf)", "scores + np.triu(np.ones(scores.shape[1:])) * -1e9",
     "hides the step's own key too, by taking 1e9 off its score", FUTURE),
    ("scores = np.where(seen, scores, -np.inf)",
     "e = np.exp(scores - scores.max(axis=-1, keepdims=True)) * 1.0\n"
     "        weights = e / e.sum(axis=-1, keepdims=True) * seen\n        return weights @ v, weights",
     "sets the weights of hidden keys to 0 after the softmax, so the rows no longer sum to 1", ROWS),
    ("axis=-1, keepdims=True))", "axis=1, keepdims=True))",
     "subtracts the largest score of each key over the queries, not of each query over the keys",
     "What you take off must be one number for all scores of a query. Is it?"),
    ("e.sum(axis=-1", "e.sum(axis=1", "sums over the queries, not over the keys, below the fraction", ROWS),
    ("axis=-1, keepdims=True))  # so that exp cannot overflow\n    weights = e / e.sum(axis=-1",
     "axis=1, keepdims=True))\n    weights = e / e.sum(axis=1", "takes the softmax over the queries, not the keys",
     ROWS),
    ("e.sum(axis=-1", "e.sum(axis=(1, 2)", "divides by the sum over all queries and keys", ROWS),
    (" / e.sum(axis=-1, keepdims=True)", "", "never divides by the sum, so the weights do not sum to 1", ROWS),
    ("e.sum(axis=-1", "e.mean(axis=-1", "divides by the mean over the keys, not by the sum", ROWS),
    ("weights @ v", "weights.swapaxes(1, 2) @ v", "transposes the weights before they meet the values", GATHER),
    ("weights @ v", "weights @ v / np.sqrt(q.shape[2])", "divides the context by √D, too", GATHER),
    ("weights @ v", "weights @ v / v.shape[1]", "divides the context by the number of keys", GATHER),
]
SPOKEN = {"e": "exp(score)", "seen": "the mask"}
LARGEST = "Some scores are near 1500, others near -1500. What is exp of each, once your number is taken off?"
_each = "that each query sees"
for _taken, _words in (("scores.max()", "the largest score of all, one for all queries,"),
                       ("scores.max(axis=(1, 2), keepdims=True)", "the largest score of each sequence"),
                       ("scores.max(axis=(0, 2), keepdims=True)", "the largest score of each step over all sequences"),
                       ("scores.max(axis=0, keepdims=True)", "the largest score over the batch"),
                       ("scores.mean(axis=-1, keepdims=True)", "the mean of the scores of each query"),
                       ("scores[..., :1]", "the score of the first key"),
                       ("scores.min(axis=-1, keepdims=True)", "the smallest score (min) of each query"),
                       ("(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])).max(axis=-1, keepdims=True)",
                        "the largest score of all keys, hidden ones too,"),
                       ("700", "a constant, such as 700,"), ("730", "a constant, such as 730,"),
                       ("np.abs(scores).max(axis=-1, keepdims=True)", "the largest |score| of each query")):
    MUTANTS.append(("scores.max(axis=-1, keepdims=True)", _taken,
                    f"subtracts {_words.rstrip(',')}, not the largest score {_each}", LARGEST))
    MUTANTS.append(({"scores.max(axis=-1, keepdims=True)": _taken, "weights = e / e.sum(axis=-1, keepdims=True)":
                     "weights = np.nan_to_num(e / e.sum(axis=-1, keepdims=True))"},
                    f"subtracts {_words.rstrip(',')}, not the largest score {_each}, and puts 0 where nan comes up",
                    LARGEST))
MUTANTS += [
    ("scores - scores.max(axis=-1, keepdims=True)", "scores / np.abs(scores).max(axis=-1, keepdims=True)", "divides by "
     "the largest |score|, where the largest score should be taken off", LARGEST),
    ("scores - scores.max(axis=-1, keepdims=True)", "scores", "takes nothing off the scores, no max: exp overflows to "
     "inf where they are large", LARGEST),
    ("scores - scores.max(axis=-1, keepdims=True)", "np.clip(scores, -700, 700)", "clips the scores to -700 .. 700 "
     "before exp, where the largest should be taken off", LARGEST),
    ("scores - scores.max(axis=-1, keepdims=True)", "np.minimum(scores, 700)", "cuts scores above 700 off before exp",
     LARGEST),
    *[("e.sum(axis=-1, keepdims=True)", f"(e.sum(axis=-1, keepdims=True) + 1e-{_k})",
       f"adds 1e-{_k} to the sum below the fraction", "Do your weights sum to 1 to the last digit?")
      for _k in range(5, 10)],
    *[("weights @ v", f"weights @ {_other}{_cut}", f"takes the mean of {_words}{_said}, not of the values", GATHER)
      for _other, _words in (("q", "the queries"), ("k", "the keys"))
      for _cut, _said in (("", ""), ("[..., :v.shape[2]]", ", cut to E numbers"))],
    ("np.tril(np.ones(scores.shape[1:], bool))", "np.tril(np.ones(scores.shape[1:], bool), -1)",
     "hides the step's own key too, so that the first step sees no key at all and becomes nan", FUTURE),
    ("np.where(seen, scores, -np.inf)", "np.where(seen, scores, -1e2)",
     "gives hidden keys one finite score, such as -100 or -1000, which is not the smallest where others are near -1500",
     "The other scores may be far below zero. Is the weight of a hidden key 0 then, too?"),
    ("if causal:", "if not causal:", "hides the future where causal is False, and shows it where it is True", FUTURE),
    ("np.tril(np.ones(scores.shape[1:], bool))",
     "np.tril(np.ones(scores.shape[1:], bool), -1) | (np.arange(scores.shape"
     "[1])[:, None] == 0)", "hides the step's own key too, but at the first step", FUTURE),
    ({"return context, weights": "return weights @ v, scores"}, "returns the scores, not the weights",
     "What is between "
     "0 and 1 and sums to 1?"),
    ({"return context, weights": "return context, e"}, "returns exp(score), not divided by the sum, as the weights",
     ROWS),
]

HINTS = [
    "Three parts: scores, weights, context. The scores are one product, (B, T, D) with (B, D, S), divided by √D. First "
    "make the case right in which every key is seen.",
    "Softmax: take off the largest score of each query, exp, divide by the sum over the keys: all along axis -1, with "
    "keepdims=True. For the mask, np.tril makes a triangle; a hidden key needs a score whose exp is 0, and it needs it "
    "before the softmax.",
    "scores = q @ k.swapaxes(1, 2) / np.sqrt(D); if causal: scores = np.where(seen, scores, -np.inf), where seen is "
    "np.tril of (T, S) times True; e = np.exp(scores - scores.max(axis=-1, keepdims=True)); then divide, then @ v.",
]

ALTERNATIVES = ["""
import numpy as np

def attention(q, k, v, causal):
    B, T, D = q.shape
    context, weights = np.zeros((B, T, v.shape[2])), np.zeros((B, T, T))
    for b in range(B):
        for t in range(T):
            seen = t + 1 if causal else T
            scores = np.array([q[b, t] @ k[b, s] for s in range(seen)]) * D ** -0.5
            weights[b, t, :seen] = [1 / np.exp(scores - score).sum() for score in scores]
            for s in range(seen):
                context[b, t] += weights[b, t, s] * v[b, s]
    return context, weights
""", """
import numpy as np

def attention(q, k, v, causal):
    scores = np.einsum("btd,bsd->bts", q / np.sqrt(q.shape[2]), k)
    if causal:
        scores = scores + np.triu(np.full(scores.shape[1:], -1e9), 1)
    top = scores.max(2)[..., None]
    weights = np.exp(scores - top - np.log(np.exp(scores - top).sum(2))[..., None])
    return np.einsum("bse,bts->bte", v, weights), weights
"""]
