"""Exercise 5. The embedding, backward.

W holds a row of D numbers for each of V ids, such as the words of a vocabulary. Forward, each id picks its row:

    x[b, t] = W[ids[b, t]]

Backward: given dx = dL/dx, find dW. The same question as ever: where in x does row v of W go, and by what factor? It
goes, unchanged, to every place (b, t) whose id is v. That may be one place, many, or none.

Check it with: python tutorials/check.py 05
"""

import numpy as np


def embedding_backward(W, ids, dx):
    """W (V, D), ids (B, T), integers in 0..V-1, and from the loss: dx (B, T, D). W is there for its shape.

    Leave all inputs as they are.
    Returns dW (V, D). About 4 lines.
    """
    raise NotImplementedError
