"""Exercise 14. Clipping by the global norm: what keeps one steep place from throwing the weights far away.

Take all gradients as one long vector. Its length, over every entry of every array, is the norm:

    norm = √( Σ over all arrays, Σ over all entries g² )

Where the norm is above max_norm, all arrays are multiplied by one and the same number, so that the norm becomes
max_norm. The direction of the long vector stays as it is. Where the norm is not above max_norm, nothing changes.
All gradients may be 0; then the norm is 0.
"""

import numpy as np


def clip(grads, max_norm):
    """grads is a list of three arrays: dW_ih (H, D), dU_h (H, H), db_h (H,). max_norm is a number above 0.

    Leave the arrays of grads as they are, and make new ones. The norm that you return is the one before clipping.
    Returns four values, dW_ih (H, D), dU_h (H, H), db_h (H,), all clipped, and norm. About 4 lines.
    From a list, that is `return *clipped, norm`.
    """
    raise NotImplementedError
