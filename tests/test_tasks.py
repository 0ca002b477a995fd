"""Tasks made by rule: every sequence keeps the rule, and what chance and the best possible answer cost is as stated."""

import collections
import math
import re

import numpy as np
import pytest
from helpers import generator

from minirnn import compose, embedding, linear, losses, lstm, models, optim, training, tree
from minirnn.datasets import (adding, copying_memory, distractors, embedded_reber, long_lag, mackey_glass,
                              multiplication, reber, reversal, temporal_order, two_sequence)

SMALL = {  # each task, n sequences of it
    "reber": reber, "embedded_reber": embedded_reber, "reversal": reversal,
    "2a": lambda rng, n: long_lag(rng, n, p=5), "2b": lambda rng, n: long_lag(rng, n, p=5, kind="2b"),
    "2c": lambda rng, n: distractors(rng, n, q=4, p=5),
    "2a ids": lambda rng, n: long_lag(rng, n, p=5, one_hot=False),
    "2c ids": lambda rng, n: distractors(rng, n, q=4, p=5, one_hot=False),
    **{kind: lambda rng, n, kind=kind: two_sequence(rng, n, T=10, kind=kind) for kind in ("3a", "3b", "3c")},
    "adding": lambda rng, n: adding(rng, n, T=20), "multiplication": lambda rng, n: multiplication(rng, n, T=20),
    **{kind: lambda rng, n, kind=kind: temporal_order(rng, n, T=20, kind=kind) for kind in ("6a", "6b")},
    "copying_memory": lambda rng, n: copying_memory(rng, n, T=5),
}
each_task = pytest.mark.parametrize("task", SMALL.values(), ids=SMALL)


def ids_of(x, lengths=None):
    """What one-hot rows stand for, the real ones of each sequence; all are one-hot, and padding is zero."""
    lengths = np.full(len(x), x.shape[1]) if lengths is None else lengths
    real = losses.length_mask(lengths, x.shape[1])
    assert x.dtype == np.float32 and np.isin(x, (0, 1)).all() and (x.sum(axis=2) == real).all()
    return [row[:length].argmax(axis=1) for row, length in zip(x, lengths)]


def assert_share(hits, share, sigmas=5):
    """As many hits as a fair draw gives, to within five standard deviations."""
    assert abs(np.mean(hits) - share) < sigmas * math.sqrt(share * (1 - share) / np.size(hits))


def assert_uniform(values, low, high):
    """Every whole number from low to high, each as often."""
    assert np.unique(values).tolist() == list(range(low, high + 1))
    for value in range(low, high + 1):
        assert_share(values == value, 1 / (high - low + 1))


# --- What all of them share

@each_task
def test_a_seed_makes_the_same_again_and_another_does_not(task):
    one, same, other = (task(generator(seed), 50) for seed in (3, 3, 4))
    leaves = [tree.leaves(data) for data in (one, same, other)]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(*leaves[:2]))
    assert not all(np.array_equal(a, b) for (_, a), (_, b) in zip(leaves[0], leaves[2]))


@each_task
def test_sequences_within_a_batch_differ(task):
    x, y, *_ = task(generator(), 50)
    assert len(np.unique((x[0] if isinstance(x, tuple) else x).reshape(50, -1), axis=0)) > 1
    assert len(np.unique(y.reshape(50, -1), axis=0)) > 1


@each_task
def test_padding_is_zero_and_the_longest_fills_the_batch(task):
    x, y, *rest = task(generator(), 200)
    if not rest or isinstance(x, tuple):  # of one length; reversal is padded with its stop symbol, see below
        return
    lengths, *masks = rest
    real = losses.length_mask(lengths, x.shape[1])
    assert lengths.max() == x.shape[1] > lengths.min() and not x[~real].any()
    for mask in masks:
        np.testing.assert_array_equal(mask.any(axis=2) if mask.ndim == 3 else mask, real)
        assert not y[~real].any()


@each_task
def test_a_training_step_takes_what_a_task_returns(task):
    """At weights of zero a network says nothing, and pays what that costs: log of the classes, or the mean square."""
    x, y, *rest = task(generator(), 20)
    batch = training.Batch(x, y, *rest[:2])
    ids = y.dtype.kind == "i"
    classes = y.max() + 1 if ids else 1
    if isinstance(x, tuple):
        model, sizes = models.EncoderDecoder(), (classes, classes, 3, 3)
    else:
        reads = [lstm] if x.ndim == 3 else [embedding, lstm]
        model = compose.chain(*reads, *[compose.last_step] * (y.ndim == 1 or not ids), linear)
        sizes = (*([x.shape[2]] if x.ndim == 3 else [x.max() + 1, 3]), 4, classes)
    params = model.init(generator(), *sizes)
    for _, p in tree.leaves(params):
        p[:] = 0
    loss = losses.cross_entropy if ids else losses.mse
    value, *_ = training.step(model, params, optim.Adam(), batch, loss=loss)
    assert value == pytest.approx(math.log(classes) if ids else np.mean(y**2), rel=1e-5)
    assert training.fit(model, params, optim.Adam(), batch, rng=generator(), epochs=1, loss=loss)["stopped"] == "epochs"


# --- Reber's grammar, told here once more: a regular expression, and what is seen to follow what

FROM_2 = "T*V(PXT*V)*(PS|V)"
REBER = f"B(TS*X(S|X{FROM_2})|P{FROM_2})E"
EMBEDDED = f"B(T{REBER}T|P{REBER}P)E"
each_grammar = pytest.mark.parametrize("task, rule, least, mean, branches", [
    (reber, REBER, 5, 8, 6), (embedded_reber, EMBEDDED, 9, 12, 7)], ids=["reber", "embedded"])


def strings(x, y, lengths, *_):
    """The strings, put together from inputs and targets, which overlap."""
    both = [(row, [*row[:1], *after[:len(row)]]) for row, after in zip(ids_of(x, lengths), y)]
    assert all((row == whole[:-1]).all() for row, whole in both)
    return ["".join("BTPSXVE"[k] for k in whole) for _, whole in both]


@each_grammar
def test_strings_follow_the_grammar(task, rule, least, mean, branches):
    said = strings(*task(generator(), 4000))
    assert all(re.fullmatch(rule, string) for string in said)
    lengths = np.array([len(string) for string in said])
    assert lengths.min() == least and abs(lengths.mean() - mean) < 5 * lengths.std() / math.sqrt(len(said))
    assert lengths.std() / math.sqrt(len(said)) < 0.07  # so that a mean off by 0.35 fails


@each_grammar
def test_legal_is_what_is_seen_to_follow(task, rule, least, mean, branches):
    """After each beginning that stands 20 times or more: a symbol missed by all of them has a chance of 2^-19."""
    x, y, lengths, mask, legal = task(generator(), 4000)
    follows, stated = collections.defaultdict(list), collections.defaultdict(set)
    for string, row in zip(strings(x, y, lengths), legal):
        for t in range(1, len(string)):
            follows[string[:t]].append(string[t])
            stated[string[:t]].add("".join(s for s, may in zip("BTPSXVE", row[t - 1]) if may))
    often = {start: symbols for start, symbols in follows.items() if len(symbols) >= 20}
    assert len(often) > 50 and all(len(sets) == 1 for sets in stated.values())
    assert all(set(symbols) == set(*stated[start]) for start, symbols in often.items())
    np.testing.assert_array_equal(legal.any(axis=2), mask)
    assert np.take_along_axis(legal, y[..., None], axis=2)[mask].all()  # what came was allowed to come
    for pair in set.union(*stated.values()):
        if len(pair) == 2:
            came = [s for start, symbols in follows.items() if stated[start] == {pair} for s in symbols]
            assert_share(np.array(came) == pair[0], 1 / 2)


@each_grammar
def test_the_entropy_floor_is_met_by_who_knows_what_is_legal(task, rule, least, mean, branches):
    """Each of 1 or 2 legal symbols equally likely: 7 log 2 / 11 = 0.441 nats a predicted symbol when embedded."""
    x, y, lengths, mask, legal = task(generator(), 10000)
    with np.errstate(divide="ignore"):
        logits = np.maximum(np.log(legal.astype(float)), -50)
    floor, _ = losses.cross_entropy(logits, y, mask)
    assert floor == pytest.approx(branches * math.log(2) / (mean - 1), abs=0.0015)
    assert task is reber or floor == pytest.approx(0.441, abs=0.0015)


def test_only_the_first_o_tells_the_second():
    x, y, lengths, mask, legal = embedded_reber(generator(), 1000)
    rows = np.arange(1000)
    o = legal[rows, lengths - 2]
    assert (o.sum(axis=1) == 1).all() and (o.argmax(axis=1) == y[:, 0]).all()
    assert_share(y[:, 0] == 1, 1 / 2)
    forgets = np.where(legal, 0.0, -50.0)
    forgets[rows, lengths - 2, 1:3] = 0
    assert losses.cross_entropy(forgets, y, mask)[0] == pytest.approx(8 * math.log(2) / 11, abs=0.006)


def test_excluded_strings_do_not_come_again():
    train = embedded_reber(generator(), 256)
    test = embedded_reber(generator(1), 256, exclude=train[1])
    assert set(strings(*train)) & set(strings(*embedded_reber(generator(1), 256)))
    assert not set(strings(*train)) & set(strings(*test)) and len(strings(*test)) == 256


# --- 2: one symbol to remember

@pytest.mark.parametrize("kind", ["2a", "2b"])
def test_long_lag(kind):
    n, p = 1000, 100
    x, y = long_lag(generator(), n, p, kind)
    assert x.shape == (n, p, p + 1) and y.shape == (n, p)
    ids = np.array(ids_of(x))
    assert (ids[:, 1:] == y[:, :-1]).all() and (ids[:, 0] == y[:, -1]).all()
    assert_uniform(y[:, -1], p - 1, p)
    if kind == "2a":
        assert (y[:, :-1] == np.arange(p - 1)).all()
    else:
        assert_uniform(y[:, :-1], 0, p - 2)
    as_ids, same = long_lag(generator(), n, p, kind, one_hot=False)
    assert (as_ids == ids).all() and (same == y).all()


def test_distractors():
    n, q, p = 4000, 20, 7
    b, e, X = p, p + 1, p + 2
    x, y, lengths = distractors(generator(), n, q, p)
    assert x.shape == (n, lengths.max(), p + 4) and y.shape == (n,)
    rows = ids_of(x, lengths)
    for row, answer in zip(rows, y):
        assert row[0] == b and row[1] == X + answer and row[-1] == e and (row[2:-1] < p).all()
    assert_uniform(y, 0, 1)
    assert_uniform(np.concatenate([row[2:-1] for row in rows]), 0, p - 1)
    for k in range(10):  # k more than q
        assert_share(lengths == q + 3 + k, 0.1 * 0.9**k)
    assert lengths.min() == q + 3 and lengths.mean() == pytest.approx(q + 12, abs=0.75)
    as_ids, *same = distractors(generator(), n, q, p, one_hot=False)
    assert all((row == full[:len(row)]).all() for row, full in zip(rows, as_ids))
    assert (same[0] == y).all() and (same[1] == lengths).all()


# --- 3: two sequences

@pytest.mark.parametrize("N", [1, 3])
@pytest.mark.parametrize("kind", ["3a", "3b", "3c"])
def test_two_sequence(kind, N):
    n, T = 4000, 50
    x, y, lengths = two_sequence(generator(), n, T, N, kind)
    assert x.shape == (n, 55, 1) and y.shape == (n, 1) and x.dtype == y.dtype == np.float32
    assert_uniform(lengths, 50, 55)
    real = losses.length_mask(lengths, 55)
    noise = x[:, N:, 0][real[:, N:]]
    assert abs(noise.mean()) < 0.006 and noise.var() == pytest.approx(0.2, rel=0.02)
    assert np.mean(noise**4) == pytest.approx(3 * 0.2**2, rel=0.05)  # Gaussian
    first, one = x[:, :N, 0], x[:, :1, 0] > 0
    if kind == "3b":
        one = y > 0.5
        noise = first - np.where(one, 1, -1)
        assert abs(noise.mean()) < 0.04 and noise.var() == pytest.approx(0.2, rel=0.12)
        assert_share((first.sum(axis=1, keepdims=True) > 0) != one, math.erfc(math.sqrt(N / 0.2 / 2)) / 2)
    else:
        np.testing.assert_array_equal(first, np.broadcast_to(np.where(one, 1, -1), (n, N)))
    if kind == "3c":
        noise = y - np.where(one, 0.2, 0.8)
        assert abs(noise.mean()) < 0.03 and noise.var() == pytest.approx(0.1, rel=0.12)
    else:
        np.testing.assert_array_equal(y, one)
    assert_share(one, 1 / 2)
    assert np.mean((y - 0.5)**2) == pytest.approx(0.19 if kind == "3c" else 0.25, rel=0.1)


# --- 4 and 5: adding and multiplication

def marked_first(T):
    """How often the first pair is marked: as one of the first ten, or else as another of the first T/2 - 1."""
    half = T // 2 - 1
    return 1 / 10 + sum(1 / 10 / (half - (first < half)) for first in range(1, 10))


@pytest.mark.parametrize("T", [20, 21, 30, 100])
@pytest.mark.parametrize("task, low", [(adding, -1), (multiplication, 0)])
def test_marked_pairs(task, low, T):
    n, rows = 4000, np.arange(4000)
    x, y, lengths = task(generator(), n, T)
    assert x.shape == (n, T + T // 10, 2) and y.shape == (n, 1) and x.dtype == y.dtype == np.float32
    assert_uniform(lengths, T, T + T // 10)
    values = x[..., 0][losses.length_mask(lengths, x.shape[1])]
    assert low <= values.min() < low + 0.001 and 0.999 < values.max() <= 1
    assert values.mean() == pytest.approx((low + 1) / 2, abs=0.01)
    assert values.var() == pytest.approx((1 - low)**2 / 12, rel=0.02)

    marks = x[..., 1].copy()
    assert (marks[:, 0] == -1).all() and (marks[rows, lengths - 1] == -1).all()
    marks[:, 0] = marks[rows, lengths - 1] = 0
    possible = max(10, T // 2 - 1)
    assert np.isin(marks, (0, 1)).all() and marks.any(axis=0).tolist() == [0 < k < possible for k in range(x.shape[1])]
    assert (marks[:, :10].any(axis=1) | (marks.sum(axis=1) == 1)).all() and np.isin(marks.sum(axis=1), (1, 2)).all()
    assert_share(marks.sum(axis=1) == 1, marked_first(T))

    for k in range(0, n, 7):
        picked = [float(value) for value, mark in x[k] if mark == 1]
        assert y[k, 0] == pytest.approx(0.5 + sum(picked) / 4 if task is adding else math.prod(picked), abs=1e-6)


def test_every_pair_but_the_first_marked_is_as_likely_to_be_the_second():
    """At T=40 the second is one of the first 19 but X1; the places past the tenth can be no other."""
    x, _, _ = adding(generator(), 20000, T=40)
    for place in range(10, 19):
        assert_share(x[:, place, 1] == 1, 1 / 18)
    for place in range(1, 10):
        assert_share(x[:, place, 1] == 1, 1 / 10 + 9 / 10 / 18)


def test_constant_answers_to_adding():
    """Where two values count: 2/48 for 0.5, half of it for who knows X2; one that does not count costs nothing."""
    x, y, _ = adding(generator(), 20000, T=100)
    marked = x[..., 1] == 1
    both, error = marked.sum(axis=1) == 2, ((y - 0.5)**2)[:, 0]
    last = np.take_along_axis(x[..., 0], 109 - marked[:, ::-1].argmax(axis=1)[:, None], axis=1)
    assert error[both].mean() == pytest.approx(0.0417, rel=0.025)
    assert error.mean() == pytest.approx((2 - marked_first(100)) / 48, rel=0.025)
    assert np.mean((y - 0.5 - last / 4)[both]**2) == pytest.approx(0.0208, rel=0.025)
    assert abs(y.mean() - 0.5) < 0.007


def test_constant_answers_to_multiplication():
    x, y, _ = multiplication(generator(), 20000, T=100)
    both = (x[..., 1] == 1).sum(axis=1) == 2
    assert y[both].mean() == pytest.approx(1 / 4, rel=0.025) and y[~both].mean() == pytest.approx(1 / 2, rel=0.05)
    assert np.mean((y[both] - 0.25)**2) == pytest.approx(0.0486, rel=0.035)
    assert y.var() == pytest.approx(0.0593, rel=0.035) and y.mean() == pytest.approx(0.28, abs=0.007)


# --- 6: temporal order

@pytest.mark.parametrize("kind, T, places", [
    ("6a", 100, [(10, 20), (50, 60)]), ("6b", 100, [(10, 20), (33, 43), (66, 76)]),
    ("6a", 50, [(5, 10), (25, 30)]), ("6b", 200, [(20, 40), (66, 86), (132, 152)]),
    ("6b", 10, [(1, 2), (3, 4), (6, 7)])])
def test_temporal_order(kind, T, places):
    n, (E, B, X, Y) = 2000, (0, 1, 6, 7)
    x, y, lengths = temporal_order(generator(), n, T, kind)
    assert x.shape == (n, T + T // 10, 8) and y.shape == (n,)
    assert_uniform(lengths, T, T + T // 10)
    rows = ids_of(x, lengths)
    assert all(row[0] == E and row[-1] == B and not np.isin(row[1:-1], (E, B)).any() for row in rows)
    at = np.array([np.flatnonzero(row >= X) for row in rows])
    for column, (low, high) in zip(at.T, places, strict=True):
        assert_uniform(column, low, high)
    assert_uniform(np.concatenate([row[(row > B) & (row < X)] for row in rows]), 2, 5)
    said = ["".join("XY"[row[k] - X] for k in where) for row, where in zip(rows, at)]
    names = sorted(set(said))
    assert len(names) == 2**len(places) and [names.index(word) for word in said] == y.tolist()
    assert_uniform(y, 0, len(names) - 1)


# --- Copying, reversal

@pytest.mark.parametrize("T, cost", [(100, 0.1733), (200, 0.0945), (1, 10 * math.log(8) / 21)])
def test_copying_memory(T, cost):
    n = 500
    x, y = copying_memory(generator(), n, T)
    assert x.shape == (n, T + 20, 10) and y.shape == (n, T + 20)
    ids = np.array(ids_of(x))
    assert (ids[:, 10:T + 9] == 8).all() and (ids[:, T + 9] == 9).all() and (ids[:, T + 10:] == 8).all()
    assert (y[:, :T + 10] == 8).all() and (y[:, T + 10:] == ids[:, :10]).all()
    assert_uniform(y[:, T + 10:], 0, 7)
    logits = np.where((np.arange(T + 20) >= T + 10)[:, None] == (np.arange(9) < 8), 0.0, -50.0)
    memoryless, _ = losses.cross_entropy(np.broadcast_to(logits, (n, T + 20, 9)), y)
    assert memoryless == pytest.approx(cost, abs=5e-5)


def test_reversal():
    n = 3000
    (source, inputs), targets, lengths, mask = reversal(generator(), n, shortest=2, longest=5, symbols=4)
    assert_uniform(lengths, 2, 5)
    assert_uniform(source, 0, 3)
    for k in range(n):
        assert targets[k].tolist() == source[k, :lengths[k]][::-1].tolist() + [4] * (6 - lengths[k])
        assert inputs[k].tolist() == [4] + targets[k, :-1].tolist()
    np.testing.assert_array_equal(mask, losses.length_mask(lengths + 1, 6))


# --- Mackey-Glass

def test_mackey_glass_values():
    """Up to t = 17 nothing is fed back, and x = 1.2 exp(-0.1 t); x(124) is that of the method of steps."""
    x = mackey_glass(125)
    assert x.shape == (125,) and x.dtype == np.float64
    np.testing.assert_allclose(x[:18], 1.2 * np.exp(-0.1 * np.arange(18)), rtol=1e-8)
    assert x[17] == pytest.approx(0.219220, abs=5e-7)
    np.testing.assert_allclose(x[:4], [1.2, 1.085805, 0.982477, 0.888982], atol=5e-7)
    assert x[124] == pytest.approx(1.020664, abs=5e-7)


def test_mackey_glass_at_length():
    x = mackey_glass(3000)
    np.testing.assert_array_equal(x[:125], mackey_glass(125))
    late = x[200:]
    assert 0.38 < late.min() < 0.45 and 1.28 < late.max() < 1.35
    assert late.mean() == pytest.approx(0.930, abs=0.005) and late.var() == pytest.approx(0.0511, rel=0.02)
    assert np.mean(np.diff(late)**2) == pytest.approx(0.0011, rel=0.05)
    assert mackey_glass(1).tolist() == [1.2] and abs(np.diff(mackey_glass(1500, tau=4)[-100:])).max() < 1e-6  # no chaos


# --- Mistakes

@pytest.mark.parametrize("says, error, mistake", [
    *(("n is 0, expected a whole number of at least 1", ValueError, lambda task=task: task(generator(), 0))
      for task in SMALL.values()),
    ("n is 0, expected a whole number of at least 1", ValueError, lambda: mackey_glass(0)),
    ("n is 2.0, expected a whole number", TypeError, lambda: adding(generator(), 2.0)),
    ("exclude has dtype float32, expected integers: the targets y", TypeError,
     lambda: embedded_reber(generator(), 2, exclude=reber(generator(), 2)[0])),
    ("p is 1, expected a whole number of at least 2", ValueError, lambda: long_lag(generator(), 2, p=1)),
    ("kind is '2c', expected one of '2a', '2b'", ValueError, lambda: long_lag(generator(), 2, kind="2c")),
    ("q is 0, expected a whole number of at least 1", ValueError, lambda: distractors(generator(), 2, q=0)),
    ("p is 0, expected a whole number of at least 1", ValueError, lambda: distractors(generator(), 2, p=0)),
    ("T is 2, expected a whole number of at least 3", ValueError, lambda: two_sequence(generator(), 2, T=2, N=3)),
    ("N is 0, expected a whole number of at least 1", ValueError, lambda: two_sequence(generator(), 2, N=0)),
    ("kind is 3, expected one of '3a', '3b', '3c'", ValueError, lambda: two_sequence(generator(), 2, kind=3)),
    ("T is 19, expected a whole number of at least 20", ValueError, lambda: adding(generator(), 2, T=19)),
    ("T is 19, expected a whole number of at least 20", ValueError, lambda: multiplication(generator(), 2, T=19)),
    ("T is 9, expected a whole number of at least 10", ValueError, lambda: temporal_order(generator(), 2, T=9)),
    ("kind is '6c', expected one of '6a', '6b'", ValueError, lambda: temporal_order(generator(), 2, kind="6c")),
    ("T is 0, expected a whole number of at least 1", ValueError, lambda: copying_memory(generator(), 2, T=0)),
    ("longest is 3, expected a whole number of at least 4", ValueError, lambda: reversal(generator(), 2, longest=3)),
    ("symbols is 0, expected a whole number of at least 1", ValueError, lambda: reversal(generator(), 2, symbols=0)),
    ("tau is 0, expected a whole number of at least 1", ValueError, lambda: mackey_glass(10, tau=0)),
    ("tau is 17.0, expected a whole number", TypeError, lambda: mackey_glass(10, tau=17.0)),
])
def test_mistakes_get_one_line(says, error, mistake):
    with pytest.raises(error) as caught:
        mistake()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)
