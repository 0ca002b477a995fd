"""Answer to exercise 14. Clipping by the global norm."""

import numpy as np


def clip(grads, max_norm):
    norm = np.sqrt(sum((g ** 2).sum() for g in grads))  # one root, over everything
    scale = min(1.0, max_norm / norm)  # above max_norm this is less than 1; else it stays 1, so nothing grows
    clipped = [g * scale for g in grads]  # the same number for all keeps the direction; g *= scale would change grads
    return *clipped, norm
