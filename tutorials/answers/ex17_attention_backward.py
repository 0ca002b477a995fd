"""Answer to exercise 17. Attention, backward."""

import numpy as np


def attention_backward(q, k, v, weights, dcontext, dweights):
    dv = weights.swapaxes(1, 2) @ dcontext  # v_s went to every context_t, by w_ts
    dw = dcontext @ v.swapaxes(1, 2) + dweights  # two sources: the context, and the loss itself
    dscores = weights * (dw - (weights * dw).sum(axis=-1, keepdims=True))  # softmax; where w is 0, so is this
    dscores = dscores / np.sqrt(q.shape[-1])  # the √D of the scores, once for both of the lines below
    dq = dscores @ k
    dk = dscores.swapaxes(1, 2) @ q
    return dq, dk, dv
