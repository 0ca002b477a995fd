"""The weight update, step 4 of the article's section 3, and what keeps it from blowing up.

An optimizer changes `params` in place. Its `state` is a plain tree that `weights.save` can keep.
"""

import math

import numpy as np

from . import boundary, tree


class SGD:
    """Stochastic gradient descent with momentum (Polyak 1964, in the form that PyTorch uses).

        v ← momentum · v + dp
        p ← p - lr · v

    >>> params = {"w": np.array([1.0])}
    >>> SGD(lr=0.1).step(params, {"w": np.array([2.0])})
    >>> params["w"]
    array([0.8])
    """

    def __init__(self, lr, momentum=0.0):
        self.lr, self.momentum = lr, momentum
        self.state = None

    def step(self, params, grads):
        pairs = tree.pairs(params, grads)
        if self.state is None:
            self.state = {"v": [np.zeros_like(p) for p, _ in pairs]}
        for p, dp, v in _beside(pairs, self.state["v"]):
            v *= self.momentum
            v += dp
            p -= self.lr * v


class Adam:
    """Adam (Kingma and Ba 2015): a step of about lr in each coordinate, whatever the gradient's scale.

        dp ← dp + weight_decay · p                          the L2 form
        m  ← β₁ m + (1 - β₁) dp          v ← β₂ v + (1 - β₂) dp²
        p  ← p - lr · m̂ / (√v̂ + eps)     m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ): both start at zero, this undoes it

    >>> params = {"w": np.array([1.0])}
    >>> Adam(lr=0.1).step(params, {"w": np.array([2.0])})
    >>> params["w"]
    array([0.9])
    """

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.state = None

    def step(self, params, grads):
        pairs = tree.pairs(params, grads)
        if self.state is None:
            self.state = {"t": 0, "m": [np.zeros_like(p) for p, _ in pairs], "v": [np.zeros_like(p) for p, _ in pairs]}
        self.state["t"] += 1
        beta1, beta2 = self.betas
        correct1, correct2 = (1 - beta**self.state["t"] for beta in self.betas)
        for p, dp, m, v in _beside(pairs, self.state["m"], self.state["v"]):
            if self.weight_decay:
                dp = dp + self.weight_decay * p
            m *= beta1
            m += (1 - beta1) * dp
            v *= beta2
            v += (1 - beta2) * dp * dp
            p -= self.lr / correct1 * m / (np.sqrt(v) / math.sqrt(correct2) + self.eps)


def _beside(pairs, *moments):
    """(parameter, gradient, its moments...) side by side: a state belongs to one set of parameters."""
    shapes = [p.shape for p, _ in pairs]
    for moment in moments:
        if [m.shape for m in moment] != shapes:
            raise ValueError(f"state is for parameters of shapes {[m.shape for m in moment]}, expected {shapes}: "
                             "each set of parameters needs an optimizer of its own")
    return [(*pair, *ms) for pair, *ms in zip(pairs, *moments)]


def norm(grads):
    """The Euclidean norm of a whole tree, as if it were one long vector."""
    return math.hypot(*(np.linalg.norm(g) for _, g in tree.leaves(grads)))


def clip_by_norm(grads, max_norm):
    """Scale the whole tree in place so that its norm is at most `max_norm`, keeping its direction (Pascanu et al.
    2013). Returns the norm before. A norm that is not finite is returned and nothing is changed.

    >>> grads = {"w": np.array([3.0, 4.0])}
    >>> clip_by_norm(grads, 1.0), grads["w"]
    (5.0, array([0.6, 0.8]))
    """
    boundary.positive("max_norm", max_norm)
    before = norm(grads)
    if max_norm < before < math.inf:
        for _, g in tree.leaves(grads):
            g *= max_norm / before
    return before


def clip_by_value(grads, limit):
    """Cut every entry in place to [-limit, limit]. This changes the direction; prefer `clip_by_norm`.

    >>> grads = {"w": np.array([3.0, 0.5])}
    >>> clip_by_value(grads, 1.0)
    >>> grads["w"]
    array([1. , 0.5])
    """
    boundary.positive("limit", limit)
    for _, g in tree.leaves(grads):
        np.clip(g, -limit, limit, out=g)
