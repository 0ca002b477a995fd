"""Exercise 17. Attention, backward.

Forward was, with rows q_t, k_s, v_s of each of the B sequences, and w_ts = 0 where step t may not see step s:

    score_ts  = q_t · k_s / √D
    w_ts      = softmax of score_ts over s
    context_t = Σ_s w_ts v_s

The loss reads the context, and it may read the weights too: dcontext is dL/dcontext, and dweights is what the loss
gives to w directly. Call dw all that comes to w. Go back line by line. A softmax ties its outputs together, for one
query over all keys:

    ∂w_ts / ∂score_ts' = w_ts (1 if s = s' else 0) - w_ts w_ts'
"""

import numpy as np


def attention_backward(q, k, v, weights, dcontext, dweights):
    """q (B, T, D), k (B, S, D), v (B, S, E), as many keys as queries: S = T. weights (B, T, S) are those of the
    forward pass, and from the loss: dcontext (B, T, E), dweights (B, T, S). Leave all inputs as they are.

    For arrays like these, `a @ b` multiplies the matrices of each sequence, and `a.swapaxes(1, 2)` transposes them.
    Returns dq (B, T, D), dk (B, S, D), dv (B, S, E). About 7 lines.
    """
    raise NotImplementedError
