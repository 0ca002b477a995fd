"""The next item by counting: by hand, against loops that say what the equations say, and without the future."""

import numpy as np
import pytest

from minirnn import counting, datasets, losses

TOY = [[0, 1, 2], [0, 1, 3], [1, 2]]


def some_sessions(seed=0, n=40, V=7):
    """Also of one item, which have no event, and with items that come twice."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, V, size) for size in [1, *rng.integers(1, 9, n)]]


def by_loops(past, asked, V, decay, alpha, pairs, half_life):
    """The equations of Counts, one event at a time."""
    share, N, both = np.zeros(V), np.zeros((V, V)), np.zeros((V, V))
    for age, session in enumerate(past[::-1]):
        m, s, weight = np.zeros(V), np.zeros(V), 0.5 ** (age / half_life)
        for before, came in zip(session, session[1:]):
            m, s = decay * m + np.eye(V)[before], s + np.eye(V)[before]
            N[:, came] += weight * m
            both[:, came] += weight * s
        np.add.at(share, session, weight)
    share, both = share / share.sum(), both + both.T
    P, Q = ((n + alpha * share) / (n.sum(axis=1, keepdims=True) + alpha) for n in (N, both))
    for session in asked:
        m, s = np.zeros(V), np.zeros(V)
        for before in session[:-1]:
            m, s = decay * m + np.eye(V)[before], s + np.eye(V)[before]
            tables = (P / share) ** m[:, None], (Q / share) ** (pairs / np.sqrt(s.sum()) * s[:, None])
            scores = share * np.prod(tables, axis=(0, 1))
            yield scores / scores.sum()


def test_popularity_by_hand():
    assert counting.popularity(TOY, 4).tolist() == [2 / 8, 3 / 8, 2 / 8, 1 / 8]
    np.testing.assert_allclose(counting.popularity(TOY, 4, half_life=1), np.array([0.75, 1.75, 1.25, 0.5]) / 4.25)


def test_a_markov_chain_by_hand():
    p = counting.Counts(0.0, alpha=1).fit(TOY, 4).probabilities([[0, 1, 2]])
    np.testing.assert_allclose(p, [np.array([1 / 4, 2 + 3 / 8, 1 / 4, 1 / 8]) / 3, [0.0625, 0.09375, 0.5625, 0.28125]])


def test_masked_by_hand():
    p = counting.masked(np.array([[0.5, 0.25, 0.25]]), np.array([[False, True, False]]))
    np.testing.assert_allclose(p, [[2 / 3, 0, 1 / 3]])


@pytest.mark.parametrize("decay, pairs, half_life", [(0.0, 0.0, np.inf), (0.4, 0.0, np.inf), (0.3, 0.2, np.inf),
                                                     (1.0, 0.5, 9.0), (0.6, 0.0, 3.0)])
def test_counts_are_what_loops_over_the_events_give(decay, pairs, half_life):
    past, asked = some_sessions(), some_sessions(1)
    p = counting.Counts(decay, 2.5, pairs, half_life).fit(past, 7).probabilities(asked)
    np.testing.assert_allclose(p, list(by_loops(past, asked, 7, decay, 2.5, pairs, half_life)), rtol=1e-10)


def test_memories_are_the_recurrence():
    expected = []
    for session in some_sessions():
        m = np.zeros(7)
        for item in session[:-1]:
            expected.append(m := 0.7 * m + np.eye(7)[item])
    np.testing.assert_allclose(counting.memories(some_sessions(), 7, 0.7), expected, rtol=1e-12)


def test_a_guess_does_not_know_what_comes():
    counts = counting.Counts(0.5, 1.0, pairs=0.3).fit(some_sessions(), 7)
    one, other = counts.probabilities([[1, 2, 3, 4, 5]]), counts.probabilities([[1, 2, 3, 0, 6]])
    np.testing.assert_array_equal(one[:3], other[:3])
    assert (one[3] != other[3]).any()


def test_an_item_that_nobody_bought_has_no_chance():
    p = counting.Counts(0.5, 1.0, pairs=0.3).fit(TOY, 6).probabilities([[0, 5, 1]])
    assert (p[:, 4:] == 0).all() and np.isfinite(p).all() and np.allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize("settings, expected", [((0.0, 160), 3.983), ((0.2, 320, 0.5), 3.881)])
def test_the_numbers_of_the_shop(settings, expected):
    sessions, items = datasets.online_retail()
    n, V = round(0.85 * len(sessions)), len(items)
    p = counting.Counts(*settings).fit(sessions[:n], V).probabilities(sessions[n:])
    p = counting.masked(p, counting.memories(sessions[n:], V, 1.0) > 0)
    _, y, _, mask = datasets.next_items(sessions[n:])
    assert losses.cross_entropy(np.log(np.maximum(p, 1e-300)), y[mask])[0] == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("call, says", [
    (lambda: counting.popularity([], 4), "sessions is [], expected a list of sessions"),
    (lambda: counting.popularity([[0, 1], []], 4), "sessions[1] is float64 of shape (0,), expected a row of integers"),
    (lambda: counting.memories([[0, 4]], 4, 0.5), "sessions holds 4 at (1,), expected 0 to 3"),
    (lambda: counting.Counts(-0.1, 1.0), "decay is -0.1, expected a finite number of at least 0"),
    (lambda: counting.Counts(0.5, 0.0), "alpha is 0.0, expected a number above 0"),
    (lambda: counting.Counts(0.5, 1.0, half_life=0), "half_life is 0, expected a number above 0"),
    (lambda: counting.Counts(0.5, 1.0).probabilities(TOY), "these Counts are not fitted yet: call fit(sessions, V)"),
    (lambda: counting.masked(np.ones((1, 2)), np.ones((1, 2), bool)), "scores holds numbers below 0, none above 0"),
    (lambda: counting.masked(np.ones((1, 2)), np.ones((1, 3), bool)), "scores has shape (1, 2) and seen (1, 3)"),
    (lambda: datasets.next_items([1, 2]), "sessions[0] is int64 of shape (), expected a row of integers"),
])
def test_bad_input_gets_one_line(call, says):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)
