"""Exercise 16. Attention, forward: each step of a sequence looks back and takes what it needs.

Step t asks with its query q_t, step s has a key k_s and a value v_s, all of them rows of arrays:

    score_ts  = q_t · k_s / √D                            how well the key fits the question
    w_ts      = exp(score_ts) / Σ_s' exp(score_ts')       a softmax: what one query gives to all keys sums to 1
    context_t = Σ_s w_ts v_s                              a mean of the values

Causal means that nobody sees the future: step t sees the steps s up to t, itself among them. The sums then run over
these only, and all other weights are 0. The same holds for each of the B sequences by itself.

Some queries have scores near 1500, others of the same sequence near -1500. exp(710) is inf, and exp(-750) is 0. Taking
one number off all scores of a query changes no weight.
"""

import numpy as np


def attention(q, k, v, causal):
    """q (B, T, D), k (B, S, D), v (B, S, E), batch first, with as many keys as queries: S = T. causal is True or False.

    For arrays like these, `a @ b` multiplies the matrices of each sequence, and `a.swapaxes(1, 2)` transposes them.
    Leave all inputs as they are.
    Returns context (B, T, E), weights (B, T, S). About 8 lines.
    """
    raise NotImplementedError
