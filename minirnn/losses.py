"""What training makes small. A loss returns its value and a cache; its backward turns the cache into a gradient.

`loss.backward` is the backward of `loss`, so a training loop needs to be told only which loss.
"""

import numpy as np

from . import boundary
from .activations import log_softmax


def mse(prediction, target, mask=None):
    """Mean squared error: L = 1/N Σ (prediction - target)², over the N numbers that the mask leaves.

    prediction, target  the same shape (B, ..., K); where masked, any number, NaN too
    mask                booleans in the shape of the leading axes, such as (B, T) for (B, T, K); None keeps everything
    returns             the loss, a cache
    errors              ValueError for shapes that differ (nothing is broadcast), or a mask that leaves nothing

    >>> loss, cache = mse(np.array([[1.0], [5.0]]), np.array([[3.0], [0.0]]), mask=np.array([True, False]))
    >>> float(loss), mse_backward(cache).ravel().tolist()
    (4.0, [-4.0, 0.0])
    """
    prediction = boundary.real("prediction", prediction)
    keep = _keep(mask, prediction.shape)
    hint = "one target for each prediction"
    target = boundary.array("target", target, prediction.shape, prediction.dtype, hint, where=keep)
    error = np.where(keep, prediction - target, 0)
    N = np.broadcast_to(keep, prediction.shape).sum()
    return (error**2).sum() / N, (error, N)


def mse_backward(cache):
    """dprediction = 2/N (prediction - target), zero where masked."""
    error, N = boundary.cache("losses.mse", cache, parts=2)
    return (2 / N * error).astype(error.dtype)


def cross_entropy(logits, target_ids, mask=None):
    """Cross-entropy of a softmax, in nats: L = -1/N Σ log softmax(logits)[target], over the N unmasked targets.

    logits      (B, ..., V)  one score for each of V classes
    target_ids  (B, ...)     integers in 0..V-1; where masked, any integer
    mask        booleans shaped as target_ids; None keeps everything
    returns     the loss, a cache
    errors      ValueError or TypeError for shapes that do not fit, ids out of range, or a mask that leaves nothing

    >>> loss, cache = cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
    >>> round(float(loss), 4), cross_entropy_backward(cache).tolist()
    (0.6931, [[0.5, -0.5]])
    """
    logits = boundary.real("logits", logits)
    *shape, V = logits.shape
    keep = np.broadcast_to(_keep(mask, tuple(shape)), shape).copy()
    target_ids = boundary.regular("target_ids", target_ids)
    if target_ids.shape != keep.shape:
        raise ValueError(f"target_ids has shape {target_ids.shape}, expected {keep.shape}: one class for each row of "
                         "logits, not one-hot rows")
    target_ids = boundary.integers("target_ids", np.where(keep, target_ids, 0), 0, V - 1, "the number of a class each")
    log_p = log_softmax(logits)
    picked = np.take_along_axis(log_p, target_ids[..., None], axis=-1)[..., 0]
    N = keep.sum()
    return -np.where(keep, picked, 0).sum() / N, (log_p, target_ids, keep, N)


def cross_entropy_backward(cache):
    """dlogits = (softmax(logits) - onehot(target)) / N, zero where masked."""
    log_p, target_ids, keep, N = boundary.cache("losses.cross_entropy", cache, parts=4)
    onehot = np.arange(log_p.shape[-1]) == target_ids[..., None]
    return np.where(keep[..., None], np.exp(log_p) - onehot, 0) / int(N)  # NumPy's own integers lead to float64


mse.backward, cross_entropy.backward = mse_backward, cross_entropy_backward


def length_mask(lengths, T):
    """The mask (B, T) of the steps that are real.

    >>> length_mask([1, 3], T=3).astype(int).tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    T = boundary.size("T", T, least=0)
    lengths = boundary.integers("lengths", lengths, 0, T, "how many steps of each sequence are real")
    return np.arange(T) < lengths[..., None]


def _keep(mask, shape):
    if mask is None:
        mask = np.ones(shape[:1], bool)
    mask = boundary.regular("mask", mask)
    if mask.dtype != bool or mask.shape != shape[:mask.ndim]:
        raise ValueError(f"mask is {mask.dtype} of shape {mask.shape}, expected booleans in the leading axes of "
                         f"{shape}: make it with length_mask")
    if not mask.any() or 0 in shape:
        raise ValueError(f"mask leaves nothing of shape {shape}, expected something to take the mean of: skip a batch "
                         "that is all padding")
    return mask.reshape(mask.shape + (1,) * (len(shape) - mask.ndim))
