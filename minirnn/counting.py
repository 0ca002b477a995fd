"""Which item comes next in a session? Guesses by counting, which a network has to beat.

A session is a row of item ids, 0..V-1, in the order of time. An *event* is an item of a session that is not its first:
it is guessed from the items before it. Events stand session after session, as `datasets.next_items` masks them.
"""

import numpy as np

from . import boundary


def popularity(sessions, V, half_life=np.inf):
    """Each item's share of all items (V,). A session counts half for each `half_life` sessions that came after it.

    >>> popularity([[0, 1, 2], [0, 1, 3], [1, 2]], V=4).tolist()
    [0.25, 0.375, 0.25, 0.125]
    """
    items, sizes = boundary.sessions("sessions", sessions, boundary.size("V", V))
    counted = np.bincount(items, np.repeat(_weights(len(sizes), half_life), sizes), V)
    return counted / counted.sum()


def memories(sessions, V, decay):
    """m_t = decay · m_{t-1} + onehot(item_t), before each event (events, V): an item k steps back has decay^k.

    >>> memories([[0, 1, 2]], V=3, decay=0.5).tolist()
    [[1.0, 0.0, 0.0], [0.5, 1.0, 0.0]]
    """
    V, decay = boundary.size("V", V), boundary.number("decay", decay, 0)
    return _memories(*_events(sessions, V)[:2], V, decay)


def masked(scores, seen):
    """Probabilities (n, V) from scores (n, V) of at least 0: zero where `seen`, the rest scaled to sum to 1.

    >>> masked(np.array([[1.0, 2.0, 3.0]]), np.array([[False, True, False]])).tolist()
    [[0.25, 0.0, 0.75]]
    """
    scores, seen = boundary.numeric("scores", scores), boundary.regular("seen", seen)
    if scores.ndim != 2 or seen.shape != scores.shape or seen.dtype != bool:
        raise ValueError(f"scores has shape {scores.shape} and seen {seen.shape} of {seen.dtype}, expected (n, V) "
                         "twice, of numbers and of booleans")
    scores = np.where(seen, 0, scores)
    total = scores.sum(axis=1, keepdims=True)
    if not (scores >= 0).all() or not ((total > 0) & np.isfinite(total)).all():
        raise ValueError("scores holds numbers below 0, none above 0 that are not masked, or NaN, expected scores of "
                         "at least 0: take the exponential of logits")
    return scores / total


class Counts:
    """Tables of counts, with a memory of the earlier items and with pairs:

        p_j ∝ popularity_j · Π_i (P(j | i) / popularity_j)^{m_i} · Π_i (Q(j | i) / popularity_j)^{δ s_i / √n}
        P(j | i) = (N_ij + α · popularity_j) / (Σ_j N_ij + α)            Q(j | i): the same with N'_ij + N'_ji

    m has the decay γ, and s the decay 1. Each event before adds its m_i to N_ij of the item j that came, and its s_i to
    N'_ij. So N'_ij + N'_ji counts the sessions that have both, in any order. n = Σ_i s_i is the number of items before:
    similar items say the same several times. γ = δ = 0 is a first-order Markov chain.
    A session counts half for each `half_life` sessions that came after it, in all counts.

    >>> sessions = [[0, 1, 2], [0, 1, 3], [1, 2]]
    >>> Counts(decay=0.0, alpha=1).fit(sessions, V=4).probabilities([[1, 2]]).round(5).tolist()
    [[0.0625, 0.09375, 0.5625, 0.28125]]
    """

    def __init__(self, decay, alpha, pairs=0.0, half_life=np.inf):
        self.decay, self.alpha = boundary.number("decay", decay, 0), boundary.positive("alpha", alpha)
        self.pairs, self.half_life = boundary.number("pairs", pairs, 0), boundary.positive("half_life", half_life)
        self.popularity = self.logs = None  # popularity (V,), and log P(j | i) / popularity_j (V, V) of each table

    def fit(self, sessions, V):
        V = boundary.size("V", V)
        self.popularity = popularity(sessions, V, self.half_life)
        items, place, lengths, came = _events(sessions, V)
        weight = np.repeat(_weights(len(lengths), self.half_life), lengths)
        self.logs = []
        for decay, both_ways in ((self.decay, False), (1.0, True))[:1 + (self.pairs > 0)]:
            N = np.zeros((V, V))
            for k, at, before in _steps_back(items, place):
                N += np.bincount(before * V + came[at], decay**k * weight[at], V * V).reshape(V, V)
            N = N + N.T if both_ways else N
            P = (N + self.alpha * self.popularity) / (N.sum(axis=1, keepdims=True) + self.alpha)
            sold = self.popularity > 0  # nothing is known of an item that nobody bought: it keeps p = 0
            self.logs.append(np.log(np.divide(P, self.popularity, out=np.ones((V, V)), where=sold)))
        return self

    def probabilities(self, sessions):
        """p (events, V) of each item at each event; p sums to 1."""
        if self.logs is None:
            raise ValueError("these Counts are not fitted yet: call fit(sessions, V) first")
        V = len(self.popularity)
        items, place, *_ = _events(sessions, V)
        scores = _memories(items, place, V, self.decay) @ self.logs[0]
        if self.pairs:
            scores += self.pairs / np.sqrt(place + 1)[:, None] * (_memories(items, place, V, 1.0) @ self.logs[1])
        p = self.popularity * np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)


def _weights(n, half_life):
    return 0.5 ** (np.arange(n)[::-1] / boundary.positive("half_life", half_life))


def _events(sessions, V):
    """For all events: the item before, its place in the session, how many events each session has, the item that came.
    """
    items, sizes = boundary.sessions("sessions", sessions, V)
    last = np.cumsum(sizes) - 1
    place = np.arange(len(items)) - np.repeat(last - sizes + 1, sizes)
    return np.delete(items, last), np.delete(place, last), sizes - 1, items[place > 0]


def _steps_back(items, place):
    """For k = 0, 1, ...: which events have an item k steps before the last, and that item."""
    for k in range(place.max(initial=-1) + 1):
        at = np.flatnonzero(place >= k)
        yield k, at, items[at - k]


def _memories(items, place, V, decay):
    m = np.zeros((len(items), V))
    for k, at, before in _steps_back(items, place):
        m[at, before] += decay**k
    return m
