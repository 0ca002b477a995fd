import numpy as np

from minirnn import embedding

from . import normal, reordered, weights

TITLE = "the embedding, backward: what repeats adds up"
FUNCTION = "embedding_backward"
OUTPUTS = {"dW": "V D"}
MAPPED = {"V": "id "}


def batch(B, T, *times, size=1.0):
    """Id v stands at times[v] places. The same ids repeat on every seed, so that the map shows which they are."""
    def inputs(rng, D=5):
        ids = rng.permutation(np.repeat(np.arange(len(times)), times)).reshape(B, T)
        return {"W": weights(rng, len(times), D), "ids": ids, "dx": size * normal(rng, B, T, D)}
    return inputs


CASES = {"each id at most once": batch(1, 4, 1, 1, 0, 0, 1, 0, 0, 1),
         "ids 0, 3, 5 and 7 repeat, 2 and 6 are nowhere": batch(3, 6, 4, 1, 0, 3, 1, 6, 0, 3),
         "the largest ids, 8 to 10, and 0 are nowhere": batch(3, 4, 0, 2, 1, 0, 5, 0, 1, 3, 0, 0, 0, size=30.0)}


def reference(W, ids, dx):
    _, cache = embedding.forward({"W": W}, ids)
    return embedding.backward(cache, dx)[0]["W"]


def terms(W, ids, dx):
    total, first, last = np.zeros_like(W), np.zeros_like(W), np.zeros_like(W)
    for b, t in np.ndindex(ids.shape):
        v = ids[b, t]
        first[v] = dx[b, t] if not total[v].any() else first[v]
        total[v] += dx[b, t]
        last[v] = dx[b, t]
    return {"dW": {"the sum of dx over an id's places": total, "dx of its first place": first,
                   "dx of its last place": last, "W": W, "(1)": np.ones_like(W)}}


TWICE = "An id may stand at two steps, or in two sequences at one step. Does your dW have the dx of both?"
SUM = "Each place tells how L changes with its x. If both x are the same row and it changes, how much does L change?"
NONE = "What is the gradient of a row that no place uses?"
WHICH = "Which place of dx belongs to the id at (b, t), and which row of W did that id pick?"
ALL = "Which places of ids does your code visit?"
GIVEN = "By what factor does the row reach x, and what is known of L?"
MUTANTS = [
    ("+=", "=", "keeps only the last place of each id, as `=` does. `dW[ids] += dx` does the same", TWICE),
    ("+= dx[b, t]", "+= dx[b, t] * (not dW[ids[b, t]].any())", "keeps only the first place of each id", TWICE),
    ("+= dx[b, t]", "+= dx[b, t] * (ids[b, t] not in ids[b, :t])",
     "keeps only the first place of each id within a sequence", TWICE),
    ("+= dx[b, t]", "+= dx[b, t] / (ids == ids[b, t]).sum()",
     "takes the mean over the places of each id, not the sum", SUM),
    ("+= dx[b, t]", "+= dx[b, t] / np.sqrt((ids == ids[b, t]).sum())",
     "divides by the root of how many places an id has", SUM),
    ("+= dx[b, t]", "+= dx[b, t] * (ids == ids[b, t]).sum()", "multiplies each sum by how many places the id has", SUM),
    ("+= dx[b, t]", "+= dx[b, t] / len(ids)", "divides by B", SUM),
    ("+= dx[b, t]", "+= dx[b, t] / ids.shape[1]", "divides by T", SUM),
    ("+= dx[b, t]", "+= dx[b, t] / ids.size", "divides by B T", SUM),
    ("+= dx[b, t]", "-= dx[b, t]", "subtracts dx, as an update of W would, instead of adding it",
     "Is dW to be the gradient, or the step against it?"),
    ("+= dx[b, t]", "+= 1", "counts the places of each id and does not use dx", GIVEN),
    ("+= dx[b, t]", "+= dx[b, t].sum()", "sums dx over D, too", "Which entry of dW does dx[b, t, d] belong to?"),
    ("+= dx[b, t]", "+= dx[b, t] * W[ids[b, t]]", "multiplies dx by the row of W", GIVEN),
    ("+= dx[b, t]", "+= dx[b, t] * (ids[b, t] != 0)", "leaves out the id 0",
     "Is there anything special about the id 0 here?"),
    ("dW[ids[b, t]]", "dW[ids[b, t] - 1]", "adds to the row before the one that the id picked", WHICH),
    ("dW[ids[b, t]]", "dW[t]", "adds to the row of the step t, not to that of the id", WHICH),
    ("np.ndindex(ids.shape)", "np.ndindex(1, ids.shape[1])", "visits the first sequence only", ALL),
    ("np.ndindex(ids.shape)", "[(b, 0) for b in range(len(ids))]", "visits the first step only", ALL),
    ("np.ndindex(ids.shape)", "[(b, ids.shape[1] - 1) for b in range(len(ids))]", "visits the last step only", ALL),
    ("np.ndindex(ids.shape)", "np.ndindex(len(ids), ids.shape[1] - 1)", "leaves out the last step", ALL),
    ("np.ndindex(ids.shape)", "np.ndindex(len(ids), len(ids))", "visits as many steps as there are sequences", ALL),
    ("for b, t in np.ndindex(ids.shape):\n        dW[ids[b, t]] += dx[b, t]",
     "for b in range(len(ids)):\n        dW[ids[b]] += dx[b]",
     "keeps only the last place of each id within a sequence, as `dW[ids[b]] += dx[b]` does", TWICE),
    ("for b, t in np.ndindex(ids.shape):\n        dW[ids[b, t]] += dx[b, t]",
     "for t in range(ids.shape[1]):\n        dW[ids[:, t]] += dx[:, t]",
     "keeps only the last sequence with an id at each step, as `dW[ids[:, t]] += dx[:, t]` does", TWICE),
    ("np.zeros_like(W)", "W.copy()", "starts from W instead of from zero", NONE),
    ("np.zeros_like(W)", "np.ones_like(W)", "starts from one instead of from zero", NONE),
    ("return dW", "return dW / max(1, np.abs(dW).max())", "scales dW so that its largest entry is 1", SUM),
]
for _new, _words in reordered("dx"):
    MUTANTS.append(("+= dx[b, t]", f"+= {_new}[b, t]",
                    f"goes through dx in another order than through ids, so they do not belong together: {_words}",
                    WHICH))
_new, _words = next(reordered("ids"))
MUTANTS += [
    ("dW[ids[b, t]]", f"dW[{_new}[b, t]]",
     f"goes through ids in another order than through dx, so they do not belong together: {_words}", WHICH),
    ("return dW", "return dW[:ids.max() + 1]", "has as many rows in dW as the largest id of this batch, not as W",
     "How many rows has dW to have, whichever ids come up?"),
    ("return dW", "return dW[np.unique(ids)]", "returns only the rows of the ids that come up",
     "How many rows has dW to have, whichever ids come up?"),
    ("return dW", "return W - dW", "returns W after a step instead of its gradient", "Is dW to be the gradient, or W "
     "after a step?"),
]

HINTS = [
    "dW has the shape of W and starts as zeros. Go through all places (b, t). Which row of dW does each concern?",
    "The row is ids[b, t], and what it gets is dx[b, t]. If the id has been there before, what it got then stays.",
    "for b in range(B): for t in range(T): dW[ids[b, t]] += dx[b, t]. Beware of dW[ids] += dx without a loop: NumPy "
    "takes only one of the places of an id. np.add.at(dW, ids, dx) takes them all.",
]

ALTERNATIVES = ["""
import numpy as np

def embedding_backward(W, ids, dx):
    dW = np.zeros(W.shape)
    np.add.at(dW, ids.ravel(), dx.reshape(-1, dx.shape[-1]))
    return dW
""", """
import numpy as np

def embedding_backward(W, ids, dx):
    return np.einsum("btv,btd->vd", np.eye(len(W))[ids], dx)
""", """
import numpy as np

def embedding_backward(W, ids, dx):
    return np.array([dx[ids == v].sum(axis=0) for v in range(W.shape[0])])
"""]
