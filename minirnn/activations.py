"""The squashing functions of the article's equations, safe for any input size and for complex-step checks."""

import numpy as np


def sigmoid(z):
    """The article's σ, the logistic function: σ(z) = 1 / (1 + exp(-z)), written as (1 + tanh(z/2)) / 2, which cannot
    overflow. Its derivative, from its own output s, is s (1 - s).

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return 0.5 * (1 + np.tanh(0.5 * z))


def log_softmax(z):
    """log(exp(z_k) / Σ_j exp(z_j)) over the last axis; the largest entry is taken out first, so nothing overflows.

    >>> np.exp(log_softmax(np.array([1000.0, 1000.0])))
    array([0.5, 0.5])
    """
    z = z - z.real.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def softmax(z):
    """exp(z_k) / Σ_j exp(z_j) over the last axis: positive, and sums to 1."""
    return np.exp(log_softmax(z))
