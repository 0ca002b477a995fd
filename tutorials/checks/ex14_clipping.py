import copy

from minirnn import optim

from . import normal

TITLE = "clipping by the global norm"
FUNCTION = "clip"
OUTPUTS = {"dW_ih": "H D", "dU_h": "H H", "db_h": "H", "norm": ""}


def gradients(norm, ratio):
    """Gradients with about this norm, and max_norm that many times as large."""
    def inputs(rng, D=5, H=4):
        grads = [normal(rng, H, D), normal(rng, H, H), normal(rng, H)]
        sizes = [norm * share * rng.uniform(0.95, 1.05) for share in (0.55, 0.75, 0.25)]
        grads = [g * (size / optim.norm([g])) for g, size in zip(grads, sizes)]
        return {"grads": grads, "max_norm": optim.norm(grads) * ratio}
    return inputs


CASES = {"norm far below the limit": gradients(0.6, 2.7), "norm just below the limit": gradients(3.0, 1.15),
         "norm just above the limit": gradients(3.0, 0.87), "norm far above the limit": gradients(6.0, 0.28)}


def reference(grads, max_norm):
    clipped = copy.deepcopy(grads)
    norm = optim.clip_by_norm(clipped, max_norm)
    return *clipped, norm


LONG = "All gradients are one long vector here. How long is it?"
ONE = "One long vector is to keep its direction. By how many different numbers may its entries be multiplied?"
AFTER = "Measure the norm of what you return. What is it, and what should it be?"
SMALL = "What should happen to gradients whose norm is below max_norm?"
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
    ("for g in grads))", "for g in grads[:1]))", "takes the norm of the first array only",
     "Which arrays belong to the long vector?"),
    ("for g in grads))", "for g in grads[:2]))", "leaves db_h out of the norm",
     "Which arrays belong to the long vector?"),
    ("for g in grads))", "for g in grads[-1:]))", "takes the norm of the last array only",
     "Which arrays belong to the long vector?"),
    ("[g * scale for g in grads]", "[*(g * scale for g in grads[:2]), grads[2]]", "does not scale db_h", ONE),
    ("min(1.0, max_norm / norm)", "max_norm / norm", "always scales to max_norm, so small gradients grow", SMALL),
    ("min(1.0, max_norm / norm)", "1.0 / norm", "always scales to a norm of 1", SMALL),
    ("min(1.0, max_norm / norm)", "max_norm / norm if norm ** 2 > max_norm else 1.0",
     "compares the squared norm with max_norm", "At which norm does your clipping begin?"),
    ("min(1.0, max_norm / norm)", "1.0 / norm if norm > max_norm else 1.0",
     "scales a norm above max_norm to 1, not to max_norm", AFTER),
    ("min(1.0, max_norm / norm)", "max_norm if norm > max_norm else 1.0",
     "multiplies by max_norm and does not divide by the norm", AFTER),
    ("min(1.0, max_norm / norm)", "max_norm / norm ** 2 if norm > max_norm else 1.0",
     "divides by the square of the norm", AFTER),
    ("min(1.0, max_norm / norm)", "norm / max_norm if norm > max_norm else 1.0",
     "divides the norm by max_norm, where it should be the other way round", AFTER),
    ("min(1.0", "max(1.0", "takes the larger of 1 and max_norm / norm, so small gradients grow and large ones stay",
     SMALL),
    ("max_norm / norm)", "max_norm / (norm + 1e-6))", "adds 1e-6 to the norm where it divides, as PyTorch does",
     "Very near. After clipping, is the norm max_norm to the last digit?"),
    ("g * scale", "g * (scale == 1.0)", "sets gradients above the limit to zero",
     "Which way do the weights go when the norm is above max_norm?"),
    ("g * scale", "g", "never changes the gradients", AFTER),
    ("return *clipped, norm", "return *clipped, norm * scale", "returns the norm after clipping",
     "Which of the two norms is to be returned?"),
    ("return *clipped, norm", "return *clipped, scale", "returns the factor in place of the norm",
     "What is the fourth value to be?"),
    ("return *clipped, norm", "return *clipped, norm ** 2", "returns the square of the norm",
     "Of the vector (3, 4), what is the length?"),
]

HINTS = [
    "First the norm, a single number for all three arrays. Then the factor, again a single number. Then a new list.",
    "Add up (g ** 2).sum() over the arrays and take one root at the end. The factor is max_norm / norm where the norm "
    "is above max_norm, and 1 elsewhere: is there a function that gives the smaller of two numbers?",
    "norm = np.sqrt(sum((g ** 2).sum() for g in grads)), scale = min(1.0, max_norm / norm), then "
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
