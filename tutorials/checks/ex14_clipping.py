import copy
import re

import numpy as np

from minirnn import optim

from . import normal

TITLE = "clipping by the global norm"
FUNCTION = "clip"
OUTPUTS = {"dW_ih": "H D", "dU_h": "H H", "db_h": "H", "norm": ""}


def gradients(norm, ratio, *shares):
    """Gradients with about this norm, and max_norm that many times as large."""
    def inputs(rng, D=5, H=6):
        grads = [normal(rng, H, D), normal(rng, H, H), normal(rng, H)]
        sizes = [norm * share * rng.uniform(0.95, 1.05) for share in shares or (0.55, 0.75, 0.25)]
        grads = [g * (size / optim.norm([g])) for g, size in zip(grads, sizes)]
        return {"grads": grads, "max_norm": optim.norm(grads) * ratio}
    return inputs


CASES = {"norm far below the limit": gradients(1.5, 2.7), "norm just below the limit": gradients(3.0, 1.15),
         "norm just above the limit": gradients(3.0, 0.87), "norm far above the limit": gradients(60.0, 0.13, 0.75,
         0.25, 0.55),
         "norm and limit near 0.05": gradients(0.06, 0.6),
         "all gradients are zero": lambda rng: {"grads": [np.zeros((6, 5)), np.zeros((6, 6)), np.zeros(6)],
                                                "max_norm": rng.uniform(1, 2)}}


def reference(grads, max_norm):
    clipped = copy.deepcopy(grads)
    norm = optim.clip_by_norm(clipped, max_norm)
    return *clipped, norm


LONG = "All gradients are one long vector here. How long is it?"
ONE = "One long vector is to keep its direction. By how many different numbers may its entries be multiplied?"
AFTER = "Measure the norm of what you return. What is it, and what should it be?"
SMALL = "What should happen to gradients whose norm is below max_norm?"
FACTOR = "max_norm / max(norm, max_norm)"
MUTANTS = [
    ("* scale for", "* min(1.0, max_norm / np.linalg.norm(g)) for", "clips each array by its own norm", ONE),
    ("g * scale", "np.clip(g, -max_norm, max_norm)", "cuts each entry to [-max_norm, max_norm]", ONE),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "sum((g ** 2).sum() for g in grads)",
     "forgets the root of the norm", "Of the vector (3, 4), what is the length?"),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "sum(np.sqrt((g ** 2).sum()) for g in grads)",
     "adds up the norms of the arrays", LONG),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "np.mean([np.sqrt((g ** 2).sum()) for g in grads])",
     "takes the mean of the arrays' norms", LONG),
    ("np.sqrt(sum(", "np.sqrt(max(", "takes the largest of the arrays' norms", LONG),
    ("(g ** 2).sum()", "(g ** 2).mean()", "takes the mean of the squares of each array, not the sum",
     "Of the vector (3, 4), what is the length?"),
    ("(g ** 2).sum()", "np.linalg.norm(g, 2) ** 2",
     "takes np.linalg.norm(g, 2), which for a matrix is not the root of the sum of all squares",
     "Take a matrix of ones. What is your norm of it, and what should it be?"),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "sum(np.abs(g).sum() for g in grads)",
     "adds up absolute values for the norm", "Of the vector (3, 4), what is the length?"),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "max(np.abs(g).max() for g in grads)",
     "takes the largest entry for the norm", LONG),
    (FACTOR, "max_norm / norm", "always scales to max_norm, so small gradients grow", SMALL),
    (FACTOR, "1.0 / norm", "always scales to a norm of 1", SMALL),
    (FACTOR, "max_norm / norm if norm ** 2 > max_norm else 1.0",
     "compares the squared norm with max_norm", "At which norm does your clipping begin?"),
    (FACTOR, "1.0 / norm if norm > max_norm else 1.0",
     "scales a norm above max_norm to 1, not to max_norm", AFTER),
    (FACTOR, "max_norm if norm > max_norm else 1.0",
     "multiplies by max_norm and does not divide by the norm", AFTER),
    (FACTOR, "max_norm / norm ** 2 if norm > max_norm else 1.0",
     "divides by the square of the norm", AFTER),
    (FACTOR, "norm / max_norm if norm > max_norm else 1.0",
     "divides the norm by max_norm, where it should be the other way round", AFTER),
    (FACTOR, "max(1.0, max_norm / norm)", "takes the larger of 1 and max_norm / norm, so small gradients grow and "
     "large ones stay", SMALL),
    ("g * scale", "g * (scale == 1.0)", "sets gradients above the limit to zero",
     "Which way do the weights go when the norm is above max_norm?"),
    ("g * scale", "g", "never changes the gradients", AFTER),
    ("return *clipped, norm", "return *clipped, clip(clipped, 1e300)[-1] if max_norm < 1e300 else norm",
     "returns the norm after clipping",  # measured again, as it is measured before
     "Which of the two norms is to be returned?"),
    ("return *clipped, norm", "return *clipped, scale", "returns the factor in place of the norm",
     "What is the fourth value to be?"),
    ("return *clipped, norm", "return *clipped, norm ** 2", "returns the square of the norm",
     "Of the vector (3, 4), what is the length?"),
]
for _k in range(4, 11):
    MUTANTS += [(FACTOR, f"min(1.0, max_norm / (norm + 1e-{_k}))", f"adds 1e-{_k} to the norm where it divides, as "
                 "other libraries do", "Very near. After clipping, is the norm max_norm to the last digit?"),
                ("np.sqrt(sum((g ** 2).sum() for g in grads))",
                 f"np.sqrt(sum((g ** 2).sum() for g in grads) + 1e-{_k})",
                 f"adds 1e-{_k} under the root of the norm", "What is the length of the vector (3, 4)?"),
                ("np.sqrt(sum((g ** 2).sum() for g in grads))",
                 f"np.sqrt(sum((g ** 2).sum() for g in grads)) + 1e-{_k}",
                 f"adds 1e-{_k} to the norm", "What is the length of the vector (3, 4)?")]
PARTS = ("dW_ih", "dU_h", "db_h")
WHICH = "Which arrays belong to the long vector, and which are multiplied?"
for _places in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2)):
    _kept = " and ".join(PARTS[k] for k in _places)
    _rest = " and ".join(PARTS[k] for k in range(3) if k not in _places)
    MUTANTS += [
        ("for g in grads))", f"for g in [grads[k] for k in {_places}]))",
         f"takes the norm of {_kept} alone, and leaves "
         f"{_rest} out of the norm", WHICH),
        ("[g * scale for g in grads]", f"[g * scale if k in {_places} else g for k, g in enumerate(grads)]",
         f"scales {_kept} only: {_rest} stay as they were", WHICH)]
MUTANTS += [
    (FACTOR, "max_norm", "multiplies by max_norm, always, and does not divide by the norm", AFTER),
    (FACTOR, "min(1.0, (max_norm / norm) ** 2)", "squares the factor", AFTER),
    (FACTOR, "min(1.0, (max_norm / norm) ** 0.5)", "takes the root of the factor", AFTER),
    (FACTOR, "min(1.0, max_norm / norm ** 2)", "takes the square of the norm, both to divide by and "
     "to compare with max_norm", AFTER),
    (FACTOR, "min(1.0, 1.0 / norm)", "scales to a norm of 1 where the norm is above 1", AFTER),
    (FACTOR, "max_norm / norm if norm > 1 else 1.0", "compares the norm with 1, not with max_norm",
     SMALL),
    (FACTOR, "max_norm / norm if max(np.abs(g).max() for g in grads) > max_norm else 1.0",
     "compares the largest entry with max_norm, not the norm", SMALL),
    (FACTOR, "max_norm / norm if any(np.linalg.norm(g) > max_norm for g in grads) else 1.0",
     "compares each array's own norm with max_norm, not the norm over all", ONE),
    (FACTOR, "max_norm / (norm + max_norm)", "scales by max_norm / (norm + max_norm), always",
     SMALL),
    ("g * scale", "g * (max_norm / norm if np.linalg.norm(g) > max_norm else 1.0)",
     "compares each array's own norm with max_norm, each for itself, and divides by the norm over all", ONE),
    ("g * scale", "g * (max_norm / norm if np.abs(g).max() > max_norm else 1.0)",
     "compares each array's largest entry with max_norm", ONE),
    ("(g ** 2).sum()", "np.abs(g).max() ** 2", "takes the largest entry of each array for its norm", LONG),
    ("g * scale", "np.clip(g, -1, 1)", "cuts each entry to -1 .. 1", ONE),
    ("g * scale", "np.clip(g, -5, 5)", "cuts each entry to -5 .. 5", ONE),
    ("g * scale", "np.minimum(g, max_norm)", "cuts entries above max_norm only", ONE),
    ("g * scale", "np.sign(g) * np.minimum(np.abs(g), scale)", "cuts each entry to the factor", ONE),
    ("g * scale", "(g * max_norm / np.linalg.norm(g))", "scales each array to max_norm by its own norm, always", ONE),
    ("g * scale", "(g * (max_norm / np.linalg.norm(g) if norm > max_norm else 1.0))",
     "divides each array by its own norm, where the norm over all is above max_norm", ONE),
    ("g * scale", "(g - (norm - max_norm) * (norm > max_norm))", "subtracts what is too much instead of scaling", ONE),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "np.sqrt(sum((g ** 2).sum() for g in grads) / len(grads))",
     "takes the mean over the three arrays inside the root", LONG),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))",
     "np.sqrt(sum((g ** 2).sum() for g in grads) / sum(g.size for g in grads))",
     "takes the root of the mean of all squares, not of their sum", LONG),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "np.sqrt(sum(np.abs(g).sum() for g in grads))",
     "forgets the square under the root", "Of the vector (3, 4), what is the length?"),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "np.sqrt(sum(np.linalg.norm(g) for g in grads))",
     "adds the norms of the arrays, not their squares, under the root", LONG),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "np.abs(sum(g.sum() for g in grads))",
     "takes the sum of all entries, without squares, for the norm", LONG),
    ("np.sqrt(sum((g ** 2).sum() for g in grads))", "np.sqrt(sum(g.sum() ** 2 for g in grads))",
     "squares the sum of each array, not its entries", LONG),
    ("return *clipped, norm", "return *clipped, max_norm", "returns max_norm for the norm", "Which norm is to be "
     "returned?"),
    ("g * scale", "g / norm * min(norm, max_norm)", "divides all by the norm, also where all gradients are zero: 0 / 0 "
     "is nan", "What is your norm where all gradients are zero, and what is 0 / 0?"),
    ("return *clipped, norm", "return norm, *clipped", "returns the norm first, so that all stand one place too late",
     "In which order are the four to be returned?"),
]
for _right, _wrong, _words, _asks in [row for row in MUTANTS if len(row) == 4 and row[0] in (
        FACTOR, "g * scale")]:  # a norm of 0 may be thought of, and the rest be wrong
    if re.search(r"/ (norm|np\.linalg\.norm\(g\))", _wrong) and " if " not in _wrong and "min(" not in _wrong:
        _zero = "g" if _right == "g * scale" else "1.0"
        MUTANTS.append((_right, f"({_wrong} if norm else {_zero})", f"{_words}, except where the norm is 0", _asks))

HINTS = [
    "First the norm, a single number for all three arrays. Then the factor, again a single number. Then a new list.",
    "Add up (g ** 2).sum() over the arrays and take one root at the end. The factor is max_norm / norm where the norm "
    "is above max_norm, and 1 elsewhere. If all gradients are zero, so is the norm: do not divide by it then.",
    "norm = np.sqrt(sum((g ** 2).sum() for g in grads)), scale = max_norm / max(norm, max_norm), then "
    "clipped = [g * scale for g in grads].",
]

ALTERNATIVES = ["""
import numpy as np

def clip(grads, max_norm):
    flat = np.concatenate([g.ravel() for g in grads])
    norm = np.linalg.norm(flat)
    if norm > max_norm:
        flat = flat / norm * max_norm
    ends = np.cumsum([g.size for g in grads])[:-1]
    return [part.reshape(g.shape) for part, g in zip(np.split(flat, ends), grads)] + [norm]
""", """
import math

def clip(grads, max_norm):
    total = 0.0
    for g in grads:
        for entry in g.ravel():
            total += float(entry) * float(entry)
    norm, clipped = math.sqrt(total), []
    for g in grads:
        clipped.append(g.copy() if norm <= max_norm else g / (norm / max_norm))
    return clipped[0], clipped[1], clipped[2], norm
"""]
