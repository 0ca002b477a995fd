"""Exercise 4. Softmax and cross-entropy: the loss of a classifier, and its gradient.

At each place (sequence b, step t) there are V scores z, one for each class, and one right class, the target:

    p[v] = exp(z[v]) / (sum over w of exp(z[w]))          softmax
    l    = -log p[target]                                 cross-entropy
    L    = (sum of l over the places that count) / N      N is how many places count, at least one

Sequences are not equally long. The mask says which places count; the others are padding: they add nothing to L, and
their gradient is zero.

Backward: find dL/dz. Write l = -z[target] + log(sum over w of exp(z[w])), and take the derivative with respect to one
z[v]. The first part gives something only if v is the target: write onehot[v], which is 1 there and 0 elsewhere. What
the second part gives has a name above.

And exp(1000) is inf, exp(-1000) is 0, and log(0) is -inf. Softmax does not change if the same number is taken off all V
scores of a place: take off the largest of them first. p of a target can be as small as 1e-30; l must be right there,
too.

Check it with: python tutorials/check.py 04
"""

import numpy as np


def cross_entropy(logits, target_ids, mask):
    """logits (B, T, V), the scores; target_ids (B, T), integers in 0..V-1; mask (B, T), True where a place counts.

    A sequence may be padding from end to end. Leave all inputs as they are.
    Returns loss, a number, and dlogits (B, T, V), which is dL/dlogits. About 10 lines.
    """
    raise NotImplementedError
