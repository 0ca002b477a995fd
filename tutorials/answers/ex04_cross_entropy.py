"""Answer to exercise 4. Softmax and cross-entropy: the loss of a classifier, and its gradient."""

import numpy as np


def cross_entropy(logits, target_ids, mask):
    B, T, V = logits.shape
    counts = mask[:, :, None]  # (B, T, 1), to meet (B, T, V)
    N = mask.sum()
    z = logits - logits.max(axis=2, keepdims=True)  # the largest is 0 now, and exp cannot overflow
    log_p = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
    p = np.exp(log_p)
    onehot = np.eye(V)[target_ids]  # row k of the identity has its 1 at k
    loss = -(onehot * log_p * counts / N).sum()  # onehot picks the target's log p
    dlogits = (p - onehot) * counts / N
    return loss, dlogits
