"""The weight update, step 4 of the article's section 3, and what keeps it from blowing up.

An optimizer changes `params` in place; a schedule sets its learning rate, before an epoch or an update. The `state` of
either is a plain tree that `weights.save` can keep, and all that a fresh one needs to go on from there.
"""

import math

import numpy as np

from . import boundary, tree


class _Optimizer:
    """What all optimizers share: the state, with moments that mirror the parameters, and the loop over these."""

    _moments = ()
    state = None  # until the first step

    def step(self, params, grads):
        """Change `params` in place, all of them or, where something does not fit, none. In float16 the squares of
        gradients would be lost, so the moments of such parameters are float32."""
        pairs = [(p, _wide(dp)) for p, dp in _changeable(params, grads)]
        if self.state is None:
            self.state = {"t": 0} | {name: [np.zeros_like(_wide(p)) for p, _ in pairs] for name in self._moments}
        came = {name: [m.shape for m in moment] for name, moment in self.state.items() if name != "t"}
        expected = {name: [p.shape for p, _ in pairs] for name in self._moments}
        if came != expected:
            raise ValueError(f"state is for parameters of shapes {came}, expected {expected}: each set of parameters "
                             "needs an optimizer of its own")
        self.state["t"] += 1
        for (p, dp), *moments in zip(pairs, *(self.state[name] for name in self._moments)):
            self._update(p, dp, *moments)


class SGD(_Optimizer):
    """Stochastic gradient descent with momentum (Polyak 1964, in the form that PyTorch uses).

        velocity ← momentum · velocity + dp
        p ← p - lr · velocity                           or, with nesterov,
        p ← p - lr · (dp + momentum · velocity)         one step ahead (Nesterov 1983; Sutskever et al. 2013)

    >>> params = {"w": np.array([1.0])}
    >>> SGD(lr=0.1).step(params, {"w": np.array([2.0])})
    >>> params["w"]
    array([0.8])
    """

    _moments = ("v",)

    def __init__(self, lr, momentum=0.0, nesterov=False):
        self.lr, self.momentum = boundary.number("lr", lr, 0), boundary.number("momentum", momentum, 0, 1)
        if nesterov and not momentum > 0:
            raise ValueError(f"nesterov is {nesterov} and momentum is {momentum}, expected a momentum above 0: pass "
                             "one, or leave nesterov out")
        self.nesterov = nesterov

    def _update(self, p, dp, velocity):
        velocity *= self.momentum
        velocity += dp
        p -= self.lr * (dp + self.momentum * velocity if self.nesterov else velocity)


class AdaGrad(_Optimizer):
    """AdaGrad (Duchi et al. 2011): a coordinate slows down by all the gradients that it has seen.

        v ← v + dp²
        p ← p - lr · dp / (√v + eps)

    >>> params = {"w": np.array([1.0])}
    >>> AdaGrad(lr=0.1).step(params, {"w": np.array([2.0])})
    >>> params["w"]
    array([0.9])
    """

    _moments = ("v",)

    def __init__(self, lr=1e-2, eps=1e-10):
        self.lr, self.eps = boundary.number("lr", lr, 0), boundary.number("eps", eps, 0)

    def _update(self, p, dp, v):
        v += dp * dp
        p -= self.lr * dp / (np.sqrt(v) + self.eps)


class RMSProp(_Optimizer):
    """RMSProp (Tieleman and Hinton 2012): AdaGrad that forgets; v is about the mean of the last 1 / (1 - alpha) dp².

        v ← alpha · v + (1 - alpha) dp²
        p ← p - lr · dp / (√v + eps)

    >>> params = {"w": np.array([1.0])}
    >>> RMSProp(lr=0.1, alpha=0.75).step(params, {"w": np.array([2.0])})
    >>> params["w"]
    array([0.8])
    """

    _moments = ("v",)

    def __init__(self, lr=1e-2, alpha=0.99, eps=1e-8):
        self.lr, self.eps = boundary.number("lr", lr, 0), boundary.number("eps", eps, 0)
        self.alpha = boundary.number("alpha", alpha, 0, 1)

    def _update(self, p, dp, v):
        v *= self.alpha
        v += (1 - self.alpha) * dp * dp
        p -= self.lr * dp / (np.sqrt(v) + self.eps)


class Adam(_Optimizer):
    """Adam (Kingma and Ba 2015): a step of about lr in each coordinate, whatever the gradient's scale.

        dp ← dp + weight_decay · p       the L2 form; not where dp is all zero, as for batch_norm's running statistics
        m  ← β₁ m + (1 - β₁) dp          v ← β₂ v + (1 - β₂) dp²
        p  ← p - lr · m̂ / (√v̂ + eps)     m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ): both start at zero, this undoes it

    >>> params = {"w": np.array([1.0])}
    >>> Adam(lr=0.1).step(params, {"w": np.array([2.0])})
    >>> params["w"]
    array([0.9])
    """

    _moments = ("m", "v")

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.lr, self.eps = boundary.number("lr", lr, 0), boundary.number("eps", eps, 0)
        self.betas = tuple(boundary.number("betas", beta, 0, 1) for beta in boundary.pair("betas", betas, "(β₁, β₂)"))
        self.weight_decay = boundary.number("weight_decay", weight_decay, 0)

    def _update(self, p, dp, m, v):
        beta1, beta2 = self.betas
        correct1, correct2 = (1 - beta**self.state["t"] for beta in self.betas)
        dp = self._decayed(p, dp)
        m *= beta1
        m += (1 - beta1) * dp
        v *= beta2
        v += (1 - beta2) * dp * dp
        p -= self.lr / correct1 * m / (np.sqrt(v) / math.sqrt(correct2) + self.eps)

    def _decayed(self, p, dp):
        return dp + self.weight_decay * p if self.weight_decay and dp.any() else dp


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): all weights shrink at one rate. The L2 form
    is divided by √v̂, as the gradient is, so there the weights with large gradients hardly shrink.

        p ← p - lr · weight_decay · p           and then Adam's step without weight decay

    >>> params = {"w": np.array([1.0])}
    >>> AdamW(lr=0.1, weight_decay=0.5).step(params, {"w": np.array([2.0])})
    >>> params["w"]
    array([0.85])
    """

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(lr, betas, eps, weight_decay)

    def _decayed(self, p, dp):
        if dp.any():
            p *= 1 - self.lr * self.weight_decay
        return dp


class ReduceOnPlateau:
    """A learning rate that falls when the loss no longer does, as PyTorch's ReduceLROnPlateau.

        better:  loss < best - threshold · |best|
        lr ← max(lr · factor, min_lr)           when more than `patience` losses in a row were not better

    PyTorch's best · (1 - threshold) lies above a best below zero, so that there a rising loss would count as better.
    NaN is not better, None (nothing measured yet) is no loss at all, and lr is never raised. PyTorch's eps, which skips
    changes of lr below 1e-8, is left out.

    >>> optimizer, schedule = SGD(lr=1.0), ReduceOnPlateau(patience=1)
    >>> for loss in [None, 3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(optimizer, loss)
    >>> optimizer.lr
    0.1
    """

    def __init__(self, factor=0.1, patience=10, threshold=1e-4, min_lr=0.0):
        self.factor = boundary.number("factor", factor, 0, 1)
        self.patience = boundary.size("patience", patience, least=0)
        self.threshold = boundary.number("threshold", threshold, 0, 1)
        self.min_lr = boundary.number("min_lr", min_lr, 0)
        self.state = {"lr": math.inf, "best": math.inf, "bad": 0}

    def step(self, optimizer, loss=None):
        lr, best, bad = min(optimizer.lr, self.state["lr"]), self.state["best"], self.state["bad"]
        if loss is not None:
            loss = float(loss)
            better = loss < best * (1 - math.copysign(self.threshold, best))
            best, bad = (loss, 0) if better else (best, bad + 1)
        if bad > self.patience:
            lr, bad = min(lr, max(lr * self.factor, self.min_lr)), 0
        optimizer.lr = float(lr)
        self.state = {"lr": optimizer.lr, "best": best, "bad": bad}


class WarmupCosine:
    """A learning rate that rises in a line (Goyal et al. 2017) and falls in half a cosine (Loshchilov and Hutter 2017).
    Call n, counted from 0, sets

        lr = peak · (n + 1) / warmup                                    while n < warmup, then
        lr = lowest + (peak - lowest) · (1 + cos(π q)) / 2              q = (n - warmup) / (total - 1 - warmup),
                                                                        at most 1: lowest from call total - 1 on

    >>> optimizer, schedule, rates = SGD(lr=1.0), WarmupCosine(peak=1.0, warmup=2, total=5), []
    >>> for _ in range(6):
    ...     schedule.step(optimizer)
    ...     rates.append(round(optimizer.lr, 3))
    >>> rates
    [0.5, 1.0, 1.0, 0.5, 0.0, 0.0]
    """

    def __init__(self, peak, warmup, total, lowest=0.0):
        self.peak = boundary.number("peak", boundary.positive("peak", peak))
        self.lowest = boundary.number("lowest", lowest, 0, peak)
        self.warmup = boundary.size("warmup", warmup, least=0)
        self.total = boundary.size("total", total, least=self.warmup + 2)
        self.state = {"calls": 0}

    def step(self, optimizer, loss=None):
        n = self.state["calls"]
        if n < self.warmup:
            optimizer.lr = self.peak * (n + 1) / self.warmup
        else:
            q = min(1, (n - self.warmup) / (self.total - 1 - self.warmup))
            optimizer.lr = self.lowest + (self.peak - self.lowest) * (1 + math.cos(math.pi * q)) / 2
        self.state = {"calls": n + 1}


def _wide(a):
    """The array, or of float16 its copy in float32."""
    return a.astype(np.float32) if a.dtype == np.float16 else a


def _changeable(params, grads):
    """tree.pairs of arrays that all can be changed in place by their gradients."""
    pairs = tree.pairs(params, grads)
    for (path, _), (p, dp) in zip(tree.leaves(params), pairs):
        boundary.in_place(f"params {path}".strip(), p)
        came = getattr(dp, "dtype", type(dp).__name__)
        plain = isinstance(dp, np.ndarray) and not isinstance(dp, boundary.UNLIKE)
        if not plain or not np.can_cast(dp.dtype, p.dtype, "same_kind"):
            raise TypeError(f"the gradient of {path} is {came}, expected an array that fits into {p.dtype}: pass what "
                            "backward returned")
    return pairs


def norm(grads):
    """The Euclidean norm of a whole tree, as if it were one long vector."""
    leaves = [boundary.real("grads", np.atleast_1d(g)) for _, g in tree.leaves(grads)]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        plain = math.hypot(*map(np.linalg.norm, leaves))
        if 1e-15 < plain < math.inf:
            return plain
        largest = max((float(np.abs(g).max(initial=0)) for g in leaves), default=0.0)
        if not 0 < largest < math.inf:
            return plain
        return largest * math.hypot(*(np.linalg.norm(g / largest) for g in leaves))  # squares too large or too small


def clip_by_norm(grads, max_norm):
    """Scale the whole tree in place so that its norm is at most `max_norm`, keeping its direction (Pascanu et al.
    2013). Returns the norm before. A norm that is not finite is returned and nothing is changed.

    >>> grads = {"w": np.array([3.0, 4.0])}
    >>> clip_by_norm(grads, 1.0), grads["w"]
    (5.0, array([0.6, 0.8]))
    """
    return _scale(grads, boundary.positive("max_norm", max_norm), above=max_norm)


def normalize(grads):
    """Scale the whole tree in place to a norm of 1: only its direction is left (Hazan et al. 2015). Returns the norm
    before. If that is zero or not finite nothing is changed.

    >>> grads = {"w": np.array([3.0, 4.0])}
    >>> normalize(grads), grads["w"]
    (5.0, array([0.6, 0.8]))
    """
    return _scale(grads, 1.0, above=0.0)


def _scale(grads, to, above):
    """Scale the tree in place to the norm `to` if its own is finite and above a bound. Returns the norm before."""
    before = norm(grads)
    for path, g in tree.leaves(grads):
        boundary.in_place(f"grads {path}".strip(), g)
    if above < before < math.inf:
        for _, g in tree.leaves(grads):
            g *= to / before
    return before


def clip_by_value(grads, limit):
    """Cut every entry in place to [-limit, limit]. This changes the direction; prefer `clip_by_norm`.

    >>> grads = {"w": np.array([3.0, 0.5])}
    >>> clip_by_value(grads, 1.0)
    >>> grads["w"]
    array([1. , 0.5])
    """
    boundary.positive("limit", limit)
    for path, g in tree.leaves(grads):
        boundary.in_place(f"grads {path}".strip(), g)
    for _, g in tree.leaves(grads):
        np.clip(g, -limit, limit, out=g)
