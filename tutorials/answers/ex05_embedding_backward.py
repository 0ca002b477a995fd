"""Answer to exercise 5. The embedding, backward."""

import numpy as np


def embedding_backward(W, ids, dx):
    dW = np.zeros_like(W)  # an id that is nowhere keeps its zero
    for b, t in np.ndindex(ids.shape):
        dW[ids[b, t]] += dx[b, t]  # each place adds its part; in one line: np.add.at(dW, ids, dx)
    return dW
