"""Answer to exercise 14. Clipping by the global norm."""

import numpy as np


def clip(grads, max_norm):
    norm = np.sqrt(sum((g ** 2).sum() for g in grads))  # one root, over everything
    scale = max_norm / max(norm, max_norm)  # 1 up to max_norm, so nothing grows; and never 0 / 0, if all are zero
    clipped = [g * scale for g in grads]  # the same number for all keeps the direction; g *= scale would change grads
    return *clipped, norm
