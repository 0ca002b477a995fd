import numpy as np

from minirnn import activations, losses

from . import normal

TITLE = "softmax and cross-entropy, with mean and mask"
FUNCTION = "cross_entropy"
OUTPUTS = {"loss": "", "dlogits": "B T V"}


MAPPED = {"B": "b=", "T": "t=", "together": "B T"}


def batch(lengths, T, shift=0, rare=0, each="place"):
    """With `shift`, scores are far apart between places, also within a sequence and within a step: no one number can be
    taken off all. With `rare`, targets are that much less likely than other classes, some of them."""
    def inputs(rng, V=5):
        B = len(lengths)
        mask = np.arange(T) < rng.permutation(lengths)[:, None]
        shifts = shift * np.resize([1.0, -1.0, 0.0, -1.0, 0.5], (B, T if each == "place" else 1, 1))
        target_ids = rng.integers(0, V, (B, T))
        target_ids[target_ids == V - 1] = 0 if B > 1 and (rare or min(lengths) == T) else V - 1
        target_ids[~mask] = np.where(rare, V - 1, target_ids[~mask])  # so that padding alone has this target
        logits = 1.3 * normal(rng, B, T, V) + shifts
        np.put_along_axis(logits, target_ids[:, :, None], np.take_along_axis(logits, target_ids[:, :, None], 2)
                          - rare * np.resize([1.0, 0.5, 0.0, 1.5], (B, T, 1)), 2)
        return {"logits": logits, "target_ids": target_ids, "mask": mask}
    return inputs


CASES = {"one place": batch([1], 1), "three sequences, all equally long": batch([7, 7, 7], 7),
         "three sequences with padding": batch([7, 1, 3], 7),
         "three sequences, one of them all padding": batch([6, 0, 3], 6),
         "scores near 1000, -1000, 0 and 500": batch([7, 1, 4], 7, 1000),
         "scores of each sequence near 1000, -1000 or 0": batch([7, 1, 4], 7, 1000, each="sequence"),
         "targets that are hardly likely": batch([6, 2, 6], 6, 0, 40)}


def reference(logits, target_ids, mask):
    loss, cache = losses.cross_entropy(logits, target_ids, mask)
    return loss, losses.cross_entropy_backward(cache)


def sizes(logits, target_ids, mask):
    return {"N": mask.sum()}


def terms(logits, target_ids, mask):
    if abs(logits).max() > 30 or mask.size == 1:
        return {}
    p, onehot = activations.softmax(logits), np.eye(logits.shape[2])[target_ids]
    each = {"p": p, "onehot": onehot, "p²": p * p, "p ⊙ onehot": p * onehot, "(1)": np.ones(p.shape)}
    if mask.all():
        return {"dlogits": {f"{name} / N": term / mask.sum() for name, term in each.items()}}
    return {"dlogits": {f"{name} / N {where}": term * places[:, :, None] / mask.sum() for name, term in each.items()
                        for where, places in (("where it counts", mask), ("where it is padding", ~mask))}}


HOW_MANY = "The loss is a mean. Over how many places?"
PADDING = "Does padding have a part in the loss?"
NUMBERS = "Make z[target] a little larger. Does l rise or fall? And what of another z[v]?"
SECOND = "What is the derivative of log(sum over w of exp(z[w])) by z[v]? Not only the target's z is in it."
AXIS = "Which numbers have to sum to 1?"
TARGET = "Of which class is the probability to be large? The classes are counted from 0."
CHANCE = "If p is 1/2 for the right class, the loss is 0.69. What do you get?"
ONE_PLACE = "How many entries of dlogits does your line change at one place, and how many targets has that place?"
MUTANTS = [
    ("np.exp(z).sum(axis=2, keepdims=True)", "np.exp(z).sum(axis=1, keepdims=True)",
     "sums over T in the softmax, not over the classes", AXIS),
    ("np.exp(z).sum(axis=2, keepdims=True)", "np.exp(z).sum(axis=0, keepdims=True)",
     "sums over B in the softmax, not over the classes", AXIS),
    ("np.exp(z).sum(axis=2, keepdims=True)", "np.exp(z).sum()",
     "sums over all axes in the softmax, not over the classes alone", AXIS),
    ("z - np.log(np.exp(z).sum(axis=2, keepdims=True))", "-np.logaddexp(0, -logits)", "takes σ for the softmax",
     "Do your p sum to 1 at each place?"),
    ("np.eye(V)[target_ids]", "np.eye(V)[target_ids - 1]",
     "takes the class before the target, as if classes were counted from 1", TARGET),
    ("N = mask.sum()", "N = 1", "takes the sum over the places in both, not the mean", HOW_MANY),
    ("N = mask.sum()", "N = B", "divides both by B, not by the number of places that count", HOW_MANY),
    ("N = mask.sum()", "N = T", "divides both by T, not by the number of places that count", HOW_MANY),
    ("N = mask.sum()", "N = mask.size", "divides both by B T, padding included", "Is padding among the N places?"),
    ("N = mask.sum()", "N = mask.size * V", "divides both by B T V", HOW_MANY),
    ("N = mask.sum()", "N = mask.sum() * V", "divides both by V, too", HOW_MANY),
    ("N = mask.sum()", "N = B * mask.sum(axis=1)[:, None, None]",
     "takes the mean of each sequence, and the mean of those",
     "Does each place count the same, in a short sequence and in a long one?"),
    ("counts = mask[:, :, None]", "counts = 1", "has padding take part in both", PADDING),
    ("counts = mask[:, :, None]", "counts = 1 - mask[:, :, None]", "counts the padding and leaves the rest out",
     "What does True mean in the mask?"),
    ("-(onehot * log_p * counts / N).sum()", "(onehot * log_p * counts / N).sum()", "gives the loss the wrong sign",
     "Which sign has log p, and which sign is a loss to have?"),
    ({"loss = -(onehot * log_p * counts / N).sum()": "p = p - onehot * counts; loss = -(onehot * np.log(p) * counts / "
      "N).sum()", "(p - onehot) *": "p *"},
     "takes the log of p in the loss only after 1 is taken off p at the targets, as it happens if dlogits is another "
     "name for p",
     "Is dlogits an array of its own, or another name for p? Which line comes first, and which p does each line see?"),
    ("onehot * log_p * counts / N)", "onehot * p * counts / N)", "leaves the log out of the loss", CHANCE),
    ("onehot * log_p * counts / N)", "onehot * log_p * counts / N / np.log(2))", "takes the logarithm to base 2",
     CHANCE),
    ("onehot * log_p * counts / N)", "onehot * logits * counts / N)", "takes the score itself for log p in the loss",
     CHANCE),
    ("onehot * log_p * counts / N)", "log_p * counts / N)", "sums log p over all classes in the loss", TARGET),
    ("onehot * log_p * counts / N)", "p * log_p * counts / N)",
     "weighs log p with p in the loss, not with onehot: that is the entropy of p", TARGET),
    ("onehot * log_p * counts / N)", "onehot * log_p * counts)",
     "takes the sum over the places in the loss, not the mean", HOW_MANY),
    ("onehot * log_p * counts / N)", "onehot * log_p * counts / B)", "divides the loss by B, not by N", HOW_MANY),
    ("onehot * log_p * counts / N)", "onehot * log_p * counts / mask.size)",
     "divides the loss by B T, padding included", HOW_MANY),
    ("onehot * log_p * counts / N)", "onehot * log_p / N)", "has padding take part in the loss", PADDING),
    ("(p - onehot) *", "p *", "leaves - onehot out of dlogits", NUMBERS),
    ("(p - onehot) *", "-onehot *", "leaves p out of dlogits", SECOND),
    ("(p - onehot) *", "(p - 1) *", "takes 1 from p of every class in dlogits, not of the target only", NUMBERS),
    ("(p - onehot) *", "(p - onehot.max(axis=(0, 1))) *",
     "takes 1 from p in dlogits at every class that is a target anywhere, in each place, as "
     "dlogits[:, :, target_ids] -= 1 does", ONE_PLACE),
    ("(p - onehot) *", "(p - (onehot * counts).max(axis=(0, 1))) *",
     "takes 1 from p in dlogits at every class that is a target of a place that counts, in each place", ONE_PLACE),
    ("(p - onehot) *", "(p - onehot.max(axis=0)) *",
     "takes 1 from p in dlogits at the targets of all sequences, in each of them", ONE_PLACE),
    ("(p - onehot) *", "(p - onehot.max(axis=1, keepdims=True)) *",
     "takes 1 from p in dlogits at the targets of all steps, at each of them", ONE_PLACE),
    ("(p - onehot) *", "(p - 1) * onehot *", "keeps dlogits of the target only, zero for all other classes", SECOND),
    ("(p - onehot) *", "(onehot - p) *", "gives dlogits the wrong sign", NUMBERS),
    ("(p - onehot) *", "(p + onehot) *", "adds onehot to p in dlogits", NUMBERS),
    ("(p - onehot) *", "p * (1 - p) *", "takes p (1 - p) for dlogits, without the target",
     "Where is the target in your dlogits?"),
    ("(p - onehot) *", "(p - onehot) * p * (1 - p) *",
     "multiplies p - onehot by p (1 - p): the softmax is gone through twice", SECOND),
    ("(p - onehot) *", "(p - onehot) * p *", "multiplies p - onehot by p in dlogits", SECOND),
    ("(p - onehot) *", "-onehot / p *", "stops at dL/dp, which is -onehot / p, in dlogits",
     "What lies between z and p?"),
    ("(p - onehot) *", "-onehot * (1 - p) * p *", "takes -p (1 - p) for the target and zero for the rest", SECOND),
    ("(p - onehot) *", "(log_p - onehot) *", "takes log p for p in dlogits", SECOND),
    ("(p - onehot) *", "(logits - onehot) *", "takes the scores for p in dlogits", SECOND),
    ("onehot) * counts / N", "onehot) * counts", "does not divide dlogits by N",
     "The loss is divided by N. And its gradient?"),
    ("onehot) * counts / N", "onehot) * counts / B", "divides dlogits by B, not by N", HOW_MANY),
    ("onehot) * counts / N", "onehot) * counts / mask.size", "divides dlogits by B T, padding included", HOW_MANY),
    ("onehot) * counts / N", "onehot) / N", "gives padding a gradient", PADDING),
]
SPOKEN = {"counts": "mask"}
for _N, _words in (("mask.any(axis=1).sum()", "the number of sequences that are not all padding"),
                   ("mask[0].sum()", "the length of the first sequence"), ("(V * B)", "B V"), ("(V * T)", "T V")):
    for _edits, _where in (({"N = mask.sum()": f"N = {_N}"}, "both"),
                           ({"onehot * log_p * counts / N)": f"onehot * log_p * counts / {_N})"}, "the loss"),
                           ({"onehot) * counts / N": f"onehot) * counts / {_N}"}, "dlogits")):
        MUTANTS.append((_edits, f"divides {_where} by {_words}, not by the number of places that count", HOW_MANY))

STABLE = "How small can p be, and what becomes of log p then?"
for _k in range(5, 21):
    MUTANTS += [("onehot * log_p * counts / N)", f"onehot * np.log(p + 1e-{_k}) * counts / N)",
                 f"adds 1e-{_k} to p inside the log, in the loss", STABLE),
                ("onehot * log_p * counts / N)", f"onehot * np.log(np.maximum(p, 1e-{_k})) * counts / N)",
                 f"clips p to 1e-{_k} .. 1 before the log, in the loss", STABLE)]
LARGEST = "In each place the largest argument of exp has to be 0. Over which scores do you take the largest for that?"
for _axes, _words in (("", "of the whole array, one for all places,"), ("axis=1, keepdims=True",
"of each class over T"),
                      ("axis=0, keepdims=True", "of each class over B"),
                      ("axis=(1, 2), keepdims=True", "of each sequence, one for all its places,"),
                      ("axis=(0, 2), keepdims=True", "of each step, one for all sequences,")):
    MUTANTS += [
        ({"logits.max(axis=2, keepdims=True)": f"logits.max({_axes})"},
         f"subtracts the largest score {_words} not that of each place", LARGEST),
        ({"logits.max(axis=2, keepdims=True)": f"logits.max({_axes})",
          "log_p = z - np.log(np.exp(z).sum(axis=2, keepdims=True))\n    p = np.exp(log_p)":
          "p = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)\n    log_p = np.log(p)"},
         f"subtracts the largest score {_words} not that of each place, before exp, so all exp of a place may be 0",
         LARGEST)]
WHOLE = "log_p = z - np.log(np.exp(z).sum(axis=2, keepdims=True))\n    p = np.exp(log_p)"
for _axes, _words in (("axis=1, keepdims=True", "over T"), ("axis=0, keepdims=True", "over B"), ("", "over all axes"),
                      ("axis=(1, 2), keepdims=True", "over T and the classes"),
                      ("axis=(0, 1), keepdims=True", "over B and T")):
    _max, _p = f"logits.max({_axes})", f"np.exp(z) / np.exp(z).sum({_axes})"
    MUTANTS += [  # the largest is taken off along the same axis, so that nothing overflows, but p may be 0
        ({"logits.max(axis=2, keepdims=True)": _max, "np.exp(z).sum(axis=2, keepdims=True)": f"np.exp(z).sum({_axes})"},
         f"takes both, the largest score and the sum of the softmax, {_words}, not over the classes", AXIS),
        ({"logits.max(axis=2, keepdims=True)": _max, WHOLE: f"p = {_p}\n    log_p = np.log(p)"},
         f"takes both, the largest score and the sum of the softmax, {_words}, not over the classes, and then the log "
         "of p, which may be 0", AXIS)]
MUTANTS += [
    ({" - logits.max(axis=2, keepdims=True)": "",
      "log_p = z - np.log(np.exp(z).sum(axis=2, keepdims=True))\n    p = np.exp(log_p)":
      "p = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)\n    log_p = np.log(p)"},
     "takes off no largest score (max), so that exp overflows to inf", LARGEST),
    (" - logits.max(axis=2, keepdims=True)", "", "takes off no largest score (max), so that exp overflows to inf in "
     "log p", LARGEST),
    ({"onehot * log_p * counts / N)": "onehot * log_p)", "onehot) * counts / N": "onehot)"},
     "neither masks nor divides by N: padding takes part in both, and both are sums", PADDING),
    ("counts / N).sum()", "counts / mask.sum(axis=1)[:, None, None] / B).sum()",
     "takes the mean of each sequence, and the mean of those, in the loss", HOW_MANY),
    ("onehot) * counts / N", "onehot) * counts / mask.sum(axis=1)[:, None, None] / B",
     "takes the mean of each sequence, and the mean of those, in dlogits", HOW_MANY),
    ("counts / N).sum()", "counts / mask.sum(axis=1)[:, None, None]).sum()",
     "divides the loss of each sequence by its own length and adds those up", HOW_MANY),
    ("onehot) * counts / N", "onehot) * counts / mask.sum(axis=1)[:, None, None]",
     "divides dlogits of each sequence by its own length", HOW_MANY),
    ("onehot) * counts / N", "onehot) * counts / N / V", "divides dlogits by V, too", HOW_MANY),
    ("onehot) * counts / N", "onehot) * counts / T", "divides dlogits by T, not by N", HOW_MANY),
    ("onehot * log_p * counts / N)", "onehot * log_p * counts / T)", "divides the loss by T, not by N", HOW_MANY),
    ("np.eye(V)[target_ids]", "np.eye(V)[(target_ids + 1) % V]", "takes the class after the target", TARGET),
    ("np.eye(V)[target_ids]", "np.eye(V)[target_ids[::-1]]", "takes the targets of another sequence", TARGET),
    ("np.eye(V)[target_ids]", "np.eye(V)[target_ids[:, ::-1]]", "takes the targets backwards in time", TARGET),
    ("np.eye(V)[target_ids]", "np.eye(V)[np.roll(target_ids, -1, axis=1)]", "takes the target of the next step",
     TARGET),
    ("(p - onehot) * counts / N", "(p - onehot * counts) / N", "masks the target but not p in dlogits", PADDING),
    ("(p - onehot) * counts / N", "(p * counts - onehot) / N", "masks p but not the target in dlogits", PADDING),
    ("(p - onehot) * counts / N", "(p - onehot / N) * counts", "divides only onehot by N in dlogits", HOW_MANY),
    ("(p - onehot) * counts / N", "p * counts / N - onehot * counts", "divides only p by N in dlogits", HOW_MANY),
    ("loss = -(onehot * log_p * counts / N).sum()", "loss = -(onehot * log_p * counts).mean()",
     "takes the mean over all B T V entries in the loss", HOW_MANY),
    ("loss = -(onehot * log_p * counts / N).sum()", "loss = -(onehot * np.log(1 + np.exp(log_p)) * counts / N).sum()",
     "takes log(1 + p) for log p in the loss", CHANCE),
    ("loss = -(onehot * log_p * counts / N).sum()",
     "loss = -((onehot * log_p + (1 - onehot) * np.log1p(-np.exp(log_p))) * counts / N).sum()",
     "adds log(1 - p) of all other classes to the loss: the loss of V yes-or-no questions", NUMBERS),
]

HINTS = [
    "Work on all places at once; the classes are the last axis. With keepdims=True, a sum over them keeps the shape "
    "(B, T, 1), so it can be subtracted from (B, T, V). np.eye(V)[target_ids] is onehot (B, T, V): 1 at the target.",
    "log p = z - log(sum of exp(z)), once the largest score is taken off z. The loss is -log p at the targets, summed "
    "where the mask is True, over N = mask.sum(). The derivative of log(sum of exp(z)) with respect to z[v] is p[v].",
    "dlogits = (p - onehot) * mask[:, :, None] / N. With log_p = z - np.log(...), the loss is "
    "-(onehot * log_p * mask[:, :, None]).sum() / N.",
]

ALTERNATIVES = ["""
import math

import numpy as np

def cross_entropy(logits, target_ids, mask):
    loss, dlogits, N = 0.0, np.zeros(logits.shape), np.count_nonzero(mask)
    for b in range(logits.shape[0]):
        for t in range(logits.shape[1]):
            if mask[b, t]:
                top = max(logits[b, t])
                e = [math.exp(score - top) for score in logits[b, t]]
                loss += (math.log(sum(e)) - (logits[b, t, target_ids[b, t]] - top)) / N
                for v in range(logits.shape[2]):
                    dlogits[b, t, v] = (e[v] / sum(e) - (v == target_ids[b, t])) / N
    return loss, dlogits
""", """
import numpy as np

def cross_entropy(logits, target_ids, mask):
    scores, ids = logits[mask], target_ids[mask]
    rows = np.arange(len(ids))
    p = np.exp(scores - scores.max(axis=-1)[:, None])
    p /= p.sum(axis=-1)[:, None]
    loss = -np.log(p[rows, ids]).mean()
    p[rows, ids] -= 1
    dlogits = np.zeros_like(logits)
    dlogits[mask] = p / len(ids)
    return loss, dlogits
"""]
