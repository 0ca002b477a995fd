"""Tasks made by rule, as many sequences as one wants: each a generator with an explicit rng.

What they return goes into training.Batch and training.fit: x, y, where lengths differ lengths, and where each step of
them has a target the loss's mask. Numbers and one-hot symbols are float32, ids are integers. Padding is zero, except in
reversal. `kind` is the number of the experiment in Hochreiter and Schmidhuber 1997, "Long Short-Term Memory".
"""

import numpy as np

from .. import boundary, losses

SYMBOLS = "BTPSXVE"
REBER = [{"T": 1, "P": 2}, {"S": 1, "X": 3}, {"T": 2, "V": 4}, {"X": 2, "S": 5}, {"P": 3, "V": 5}, {"E": 6}]
PLACES = {"6a": (10, 50), "6b": (10, 33, 66)}  # where X or Y may stand first, in hundredths of T


# --- Grammars

def reber(rng, n, exclude=None):
    """Strings of Reber's grammar, such as BTXSE: say the next symbol. Of two that are possible each is equally likely.

    exclude  targets y (m, T) of strings that must not come again, such as the training set's
    returns  x, y, lengths, mask as training.fit takes them, and legal. x (n, T, 7) is the string without its last
             symbol, one-hot in the order BTPSXVE; y (n, T) the id of the symbol that follows; lengths (n,) those of x;
             mask (n, T), where y is real; legal (n, T, 7), True for each symbol that the grammar allows there. A string
             is learned when at every real step each legal symbol is more active than any other.
    chance   log 7 = 1.946 nats a symbol; the best possible, the grammar's entropy, is 6 log 2 / 7 = 0.594
    source   Reber 1967. A string has at least 5 symbols, 8 on average

    >>> *data, legal = reber(np.random.default_rng(0), 1)
    >>> "".join(SYMBOLS[k] for k in data[1][0]), legal[0, 0].nonzero()[0].tolist()
    ('PVVE', [1, 2])
    """
    return _strings(rng, n, _reber, exclude)


def embedded_reber(rng, n, exclude=None):
    """Experiment 1, the embedded grammar: B, o, a string of `reber`, o again, E. The first o, T or P, must be kept.

    returns  as reber: x, y, lengths, mask, and legal
    chance   log 7 = 1.946 nats a symbol; 8 log 2 / 11 = 0.504 for who knows the grammar and forgets o; the best
             possible, the grammar's entropy, is 7 log 2 / 11 = 0.441
    source   Hochreiter and Schmidhuber 1997. A string has at least 9 symbols, 12 on average

    >>> *data, legal = embedded_reber(np.random.default_rng(1), 1)
    >>> "".join(SYMBOLS[k] for k in data[1][0]), legal[0, -2].nonzero()[0].tolist()
    ('TBPVVETE', [1])
    """
    return _strings(rng, n, _embedded_reber, exclude)


def _reber(rng):
    """A string, and for each of its symbols but the first those that may stand there."""
    string, allowed, state = "B", [], 0
    while state < len(REBER):
        allowed.append("".join(REBER[state]))
        string += allowed[-1][rng.integers(len(allowed[-1]))]
        state = REBER[state][string[-1]]
    return string, allowed


def _embedded_reber(rng):
    o, (string, allowed) = "TP"[rng.integers(2)], _reber(rng)
    return "B" + o + string + o + "E", ["TP", "B", *allowed, o, "E"]


def _strings(rng, n, tell, exclude):
    rng = boundary.generator(rng)
    n = boundary.size("n", n)
    known = set()
    if exclude is not None:
        hint = "the targets y of strings that must not come again"
        for row in np.atleast_2d(boundary.integers("exclude", exclude, 0, len(SYMBOLS) - 1, hint)):
            known.add("B" + "".join(SYMBOLS[k] for k in row).rstrip("B"))  # the id of B is the padding too
    told = []
    while len(told) < n:
        string, allowed = tell(rng)
        if string not in known:
            told.append((string, allowed))
    lengths = np.array([len(allowed) for _, allowed in told])
    T = lengths.max()
    ids, legal = np.zeros((n, T + 1), int), np.zeros((n, T, len(SYMBOLS)), bool)
    for row, (string, allowed) in enumerate(told):
        ids[row, :len(string)] = [SYMBOLS.index(s) for s in string]
        legal[row, :len(allowed)] = [[s in may for s in SYMBOLS] for may in allowed]
    return _one_hot(ids[:, :-1], len(SYMBOLS), lengths), ids[:, 1:], lengths, losses.length_mask(lengths, T), legal


# --- One symbol to remember

def long_lag(rng, n, p=100, kind="2a", one_hot=True):
    """Experiments 2a and 2b: x a_1 ... a_(p-1) x, or y a_1 ... a_(p-1) y; say every next symbol. In 2b each symbol in
    between is any of a_1 ... a_(p-1).

    returns  x, y: x (n, p, p + 1) one-hot, or ids (n, p) for an embedding; y (n, p) the id of the symbol that follows.
             The id of a_i is i - 1, of x p - 1, of y p.
    chance   1/2 at the last step: log 2 = 0.693 nats there. At the steps before, 2a costs nothing to who knows the
             order, and 2b log(p - 1) nats to anyone
    source   Hochreiter and Schmidhuber 1997

    >>> x, y = long_lag(np.random.default_rng(2), 2, p=4, one_hot=False)
    >>> x.tolist(), y.tolist()
    ([[4, 0, 1, 2], [3, 0, 1, 2]], [[0, 1, 2, 4], [0, 1, 2, 3]])
    """
    rng = boundary.generator(rng)
    n, p, kind = boundary.size("n", n), boundary.size("p", p, least=2), boundary.one_of("kind", kind, ("2a", "2b"))
    first = rng.integers(p - 1, p + 1, (n, 1))
    between = np.tile(np.arange(p - 1), (n, 1)) if kind == "2a" else rng.integers(0, p - 1, (n, p - 1))
    ids = np.concatenate([first, between, first], axis=1)
    return _one_hot(ids[:, :-1], p + 1) if one_hot else ids[:, :-1].copy(), ids[:, 1:]


def distractors(rng, n, q=50, p=50, one_hot=True):
    """Experiment 2c: b, then x or y, then q of p distractors. More follow until an e, which comes with probability 1/10
    at each step. Then say x or y.

    returns  x, y, lengths: x (n, T, p + 4) one-hot over a_1 ... a_p, b, e, x, y, at q = p = 1000 4 MB a sequence; or
             ids (n, T) for an embedding. y (n,) is 0 for x and 1 for y; lengths (n,), at least q + 3, q + 12 on average
    chance   1/2: log 2 = 0.693 nats
    source   Hochreiter and Schmidhuber 1997

    >>> x, y, lengths = distractors(np.random.default_rng(0), 1, q=3, p=5, one_hot=False)
    >>> x.tolist(), y.tolist(), lengths.tolist()
    ([[5, 8, 0, 0, 0, 0, 4, 3, 4, 2, 3, 6]], [1], [12])
    """
    rng = boundary.generator(rng)
    n, q, p = boundary.size("n", n), boundary.size("q", q), boundary.size("p", p)
    lengths, y = q + 2 + rng.geometric(0.1, n), rng.integers(0, 2, n)
    ids = rng.integers(0, p, (n, lengths.max()))
    ids[:, 0], ids[:, 1], ids[np.arange(n), lengths - 1] = p, p + 2 + y, p + 1
    if one_hot:
        return _one_hot(ids, p + 4, lengths), y, lengths
    return np.where(losses.length_mask(lengths, lengths.max()), ids, 0), y, lengths


def two_sequence(rng, n, T=100, N=3, kind="3a"):
    """Experiment 3, the two-sequence problem: the first N numbers tell the class, the others are noise of variance 0.2.

    kind     3a: the N numbers are 1 or -1, the target 1 or 0. 3b: noise of variance 0.2 on the N numbers too. 3c: as
             3a with the targets 0.2 or 0.8 and noise of variance 0.1 on them; without it, they are
             np.where(x[:, 0] > 0, 0.2, 0.8)
    returns  x, y, lengths: x (n, 1.1 T, 1), y (n, 1), lengths (n,) uniform in T .. 1.1 T
    chance   1/2: the best constant, 0.5, has an MSE of 0.25, in 3c of 0.19. The best possible is wrong in 3b in 1.3 %
             of sequences at N=1 and 0.005 % at N=3, and has an MSE of 0.1 in 3c
    source   Bengio et al. 1994; Hochreiter and Schmidhuber 1997

    >>> x, y, lengths = two_sequence(np.random.default_rng(0), 2, T=10, N=2)
    >>> x[:, :2, 0].tolist(), y.tolist(), lengths.tolist()
    ([[1.0, 1.0], [-1.0, -1.0]], [[1.0], [0.0]], [11, 11])
    """
    rng = boundary.generator(rng)
    n, N = boundary.size("n", n), boundary.size("N", N)
    T = boundary.size("T", T, least=N)
    kind = boundary.one_of("kind", kind, ("3a", "3b", "3c"))
    lengths, longest = _lengths(rng, n, T)
    one = 2 * rng.integers(0, 2, (n, 1)) - 1
    x = rng.normal(0, 0.2**0.5, (n, longest))
    x[:, :N] = one + (x[:, :N] if kind == "3b" else 0)
    x[~losses.length_mask(lengths, longest)] = 0
    y = 0.5 - 0.3 * one + rng.normal(0, 0.1**0.5, (n, 1)) if kind == "3c" else one > 0
    return x[..., None].astype(np.float32), y.astype(np.float32), lengths


# --- Two or more to remember

def adding(rng, n, T=100):
    """Experiment 4, the adding problem: add two numbers, a long time ago.

    returns  x, y, lengths: x (n, 1.1 T, 2) pairs of a value, uniform in -1 .. 1, and a marker; lengths (n,) uniform in
             T .. 1.1 T; y (n, 1) = 0.5 + (X1 + X2) / 4. The marker is 1 at X1, one of the first ten, and at X2, another
             of the first T/2 - 1; -1 at both ends, where a value counts as 0; else 0.
    chance   the best constant, 0.5, has an MSE of 2/48 = 0.0417 where two values count, and knowing X2 alone 0.0208. In
             12 % of sequences at T=100 one is at the end and does not count: 0.0392 and 0.0188 over all
    source   Hochreiter and Schmidhuber 1997

    >>> x, y, lengths = adding(np.random.default_rng(0), 1000, T=30)
    >>> x.shape, int(lengths.max()), bool((x[..., 1] == 1).sum(axis=1).max() == 2)
    ((1000, 33, 2), 33, True)
    """
    x, lengths = _marked(rng, n, T, -1)
    return x, 0.5 + np.where(x[..., 1] == 1, x[..., 0], 0).sum(axis=1, keepdims=True) / 4, lengths


def multiplication(rng, n, T=100):
    """Experiment 5: as adding, with values uniform in 0 .. 1 and the target X1 X2, where a value at an end counts as 1.

    returns  x, y, lengths: x (n, 1.1 T, 2), y (n, 1), lengths (n,)
    chance   the best constant, 0.25, has an MSE of 7/144 = 0.0486 where two values count; over all at T=100 it is 0.28
             and has 0.0593
    source   Hochreiter and Schmidhuber 1997

    >>> x, y, lengths = multiplication(np.random.default_rng(0), 1000, T=30)
    >>> x.shape, y.shape, bool(y.min() >= 0 and y.max() <= 1)
    ((1000, 33, 2), (1000, 1), True)
    """
    x, lengths = _marked(rng, n, T, 0)
    return x, np.where(x[..., 1] == 1, x[..., 0], 1).prod(axis=1, keepdims=True), lengths


def _marked(rng, n, T, low):
    """Pairs of a value, uniform in low .. 1, and a marker: x (n, 1.1 T, 2), lengths."""
    rng = boundary.generator(rng)
    n, T = boundary.size("n", n), boundary.size("T", T, least=20)
    lengths, longest = _lengths(rng, n, T)
    rows, half = np.arange(n), T // 2 - 1
    first = rng.integers(0, 10, n)
    second = rng.integers(0, half - (first < half))
    second += second >= first  # uniform among those still unmarked
    x = np.zeros((n, longest, 2), np.float32)
    x[..., 0] = np.where(losses.length_mask(lengths, longest), rng.uniform(low, 1, (n, longest)), 0)
    x[rows, first, 1] = x[rows, second, 1] = 1
    x[:, 0, 1] = x[rows, lengths - 1, 1] = -1
    return x, lengths


def temporal_order(rng, n, T=100, kind="6a"):
    """Experiment 6: in which order did X and Y come? First E, then letters of abcd, last B; but X or Y at a step of
    10 .. 20 and of 50 .. 60 in 6a, of 10 .. 20, 33 .. 43 and 66 .. 76 in 6b, counted from 0.

    T        the least length; for another than 100 the places are in proportion
    returns  x, y, lengths: x (n, 1.1 T, 8) one-hot over EBabcdXY; y (n,) the class: XX XY YX YY, or XXX XXY ... YYY;
             lengths (n,) uniform in T .. 1.1 T
    chance   1/4 in 6a, log 4 = 1.386 nats; 1/8 in 6b, log 8 = 2.079 nats
    source   Hochreiter and Schmidhuber 1997

    >>> x, y, lengths = temporal_order(np.random.default_rng(0), 1, T=10)
    >>> "".join("EBabcdXY"[k] for k in x[0].argmax(axis=1)), int(y[0]), int(lengths[0])
    ('EbYaaaYcdcB', 3, 11)
    """
    rng = boundary.generator(rng)
    n, T, kind = boundary.size("n", n), boundary.size("T", T, least=10), boundary.one_of("kind", kind, PLACES)
    lengths, longest = _lengths(rng, n, T)
    places = np.array(PLACES[kind]) * T // 100
    which = rng.integers(0, 2, (n, len(places)))
    ids = rng.integers(2, 6, (n, longest))
    ids[:, 0], ids[np.arange(n), lengths - 1] = 0, 1
    np.put_along_axis(ids, places + rng.integers(0, T // 10 + 1, which.shape), 6 + which, axis=1)
    return _one_hot(ids, 8, lengths), which @ 2**np.arange(len(places))[::-1], lengths


def copying_memory(rng, n, T=100):
    """Ten symbols of eight, T - 1 blanks, a signal, ten blanks: repeat the ten after the signal, and say blank before.

    returns  x, y: x (n, T + 20, 10) one-hot, the symbols 0 .. 7, the blank 8, the signal 9; y (n, T + 20) ids in 0 .. 8
    chance   10 log 8 / (T + 20) nats without a memory: 0.1733 at T=100, 0.0945 at T=200
    source   Hochreiter and Schmidhuber 1997; in this form Arjovsky, Shah and Bengio 2016

    >>> x, y = copying_memory(np.random.default_rng(0), 1, T=3)
    >>> "".join(map(str, x[0].argmax(axis=1))), "".join(map(str, y[0]))
    ('65422000168898888888888', '88888888888886542200016')
    """
    rng = boundary.generator(rng)
    n, T = boundary.size("n", n), boundary.size("T", T)
    said, (ids, y) = rng.integers(0, 8, (n, 10)), np.full((2, n, T + 20), 8)
    ids[:, :10], ids[:, T + 9], y[:, -10:] = said, 9, said
    return _one_hot(ids, 10), y


def reversal(rng, n, shortest=4, longest=10, symbols=10):
    """Say a sequence backwards: 3 1 4 becomes 4 1 3 and then the stop symbol.

    returns  (source, inputs), targets, lengths, mask: as training.fit takes them for a models.EncoderDecoder.
             source (n, longest), each of `lengths` (n,) uniform in shortest .. longest; targets (n, longest + 1);
             inputs, the targets one step late, after the start symbol; mask, where targets are real. Start and stop
             are both the id `symbols`, so there are symbols + 1 ids. Padding is stop symbols, of the source any symbol.
    chance   1/symbols a symbol, and about symbols**-length a whole sequence

    >>> (source, inputs), targets, lengths, mask = reversal(np.random.default_rng(0), 1, shortest=3, longest=3)
    >>> source.tolist(), inputs.tolist(), targets.tolist()
    ([[8, 6, 5]], [[10, 5, 6, 8]], [[5, 6, 8, 10]])
    """
    rng = boundary.generator(rng)
    n, symbols = boundary.size("n", n), boundary.size("symbols", symbols)
    shortest = boundary.size("shortest", shortest)
    longest = boundary.size("longest", longest, least=shortest)
    lengths = rng.integers(shortest, longest + 1, n)
    source = rng.integers(0, symbols, (n, longest))
    steps = np.arange(longest)
    backwards = np.take_along_axis(source, np.maximum(lengths[:, None] - 1 - steps, 0), axis=1)
    targets = np.full((n, longest + 1), symbols)
    targets[:, :-1] = np.where(steps < lengths[:, None], backwards, symbols)
    inputs = np.concatenate([np.full((n, 1), symbols), targets[:, :-1]], axis=1)
    return (source, inputs), targets, lengths, losses.length_mask(lengths + 1, longest + 1)


# --- A series

def mackey_glass(n, tau=17):
    """The series of Mackey and Glass 1977: x(0), x(1), ... x(n - 1), shape (n,), float64. It needs no rng.

        dx/dt = 0.2 x(t - τ) / (1 + x(t - τ)^10) - 0.1 x,    x(0) = 1.2, and 0 before

    Runge-Kutta of order 4 with steps of 0.1; halfway through a step the delayed value comes from the cubic through
    x and its slopes at both ends. Up to t = τ nothing comes back yet, so x(t) = 1.2 exp(-0.1 t) there.
    At τ = 17 the series is chaotic: late values depend on the last bit, so compare early ones and statistics.

    chance   the mean of 0.930 has an MSE of 0.0511; persistence, one step ahead, 0.0011

    >>> mackey_glass(125)[[0, 1, 2, 3, 124]].round(6).tolist()
    [1.2, 1.085805, 0.982477, 0.888982, 1.020664]
    """
    n = boundary.size("n", n)
    x, halfway, delay, h = [1.2], [], 10 * boundary.size("tau", tau), 0.1
    for k in range(10 * (n - 1)):
        j = k - delay
        start, middle, end = (x[j], halfway[j], x[j + 1]) if j >= 0 else (0.0, 0.0, 0.0)  # 0 to the end of step τ
        k1 = _slope(x[k], start)
        k2 = _slope(x[k] + h / 2 * k1, middle)
        k3 = _slope(x[k] + h / 2 * k2, middle)
        k4 = _slope(x[k] + h * k3, end)
        x.append(x[k] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
        halfway.append((x[k] + x[k + 1]) / 2 + h / 8 * (k1 - _slope(x[k + 1], end)))
    return np.array(x[::10])


def _slope(x, delayed):
    return 0.2 * delayed / (1 + delayed**10) - 0.1 * x


def _lengths(rng, n, T):
    """Lengths uniform in T .. 1.1 T, and the longest."""
    longest = T + T // 10
    return rng.integers(T, longest + 1, n), longest


def _one_hot(ids, symbols, lengths=None):
    x = np.eye(symbols, dtype=np.float32)[ids]
    if lengths is not None:
        x[~losses.length_mask(lengths, ids.shape[1])] = 0
    return x
