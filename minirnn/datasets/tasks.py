"""Tasks made by rule, as many sequences as one wants: each a generator with an explicit rng."""

import numpy as np

from .. import boundary, losses


def reversal(rng, n, shortest=4, longest=10, symbols=10):
    """Say a sequence backwards: 3 1 4 becomes 4 1 3 and then the stop symbol.

    returns  (source, inputs), targets, lengths, mask: as training.fit takes them for a models.EncoderDecoder.
             source (n, longest), each of `lengths` (n,) uniform in shortest .. longest; targets (n, longest + 1); inputs,
             the targets one step late, after the start symbol; mask, where targets are real. Start and stop are both the
             id `symbols`, so there are symbols + 1 ids.
    chance   1/symbols a symbol, and about symbols**-length a whole sequence

    >>> (source, inputs), targets, lengths, mask = reversal(np.random.default_rng(0), 1, shortest=3, longest=3)
    >>> source.tolist(), inputs.tolist(), targets.tolist()
    ([[8, 6, 5]], [[10, 5, 6, 8]], [[5, 6, 8, 10]])
    """
    boundary.size("longest", longest, least=boundary.size("shortest", shortest))
    lengths = rng.integers(shortest, longest + 1, n)
    source = rng.integers(0, symbols, (n, longest))
    steps = np.arange(longest)
    backwards = np.take_along_axis(source, np.maximum(lengths[:, None] - 1 - steps, 0), axis=1)
    targets = np.full((n, longest + 1), symbols)
    targets[:, :-1] = np.where(steps < lengths[:, None], backwards, symbols)
    inputs = np.concatenate([np.full((n, 1), symbols), targets[:, :-1]], axis=1)
    return (source, inputs), targets, lengths, losses.length_mask(lengths + 1, longest + 1)


def adding(rng, n, T=100):
    """The adding problem of Hochreiter and Schmidhuber 1997, experiment 4: add two numbers, a long time ago.

    returns  x, y, lengths as training.fit takes them: x (n, 1.1 T, 2) pairs of a value, uniform in -1 .. 1, and a marker;
             lengths (n,) uniform in T .. 1.1 T; y (n, 1) = 0.5 + (X1 + X2) / 4. The marker is 1 at X1, one of the first
             ten, and at X2, another of the first T/2 - 1; -1 at both ends, where a value counts as 0; else 0.
    chance   the best constant, 0.5, has an MSE of 0.0417; knowing X2 alone, 0.0208

    >>> x, y, lengths = adding(np.random.default_rng(0), 1000, T=20)
    >>> x.shape, bool(lengths.max() == 22), bool(abs(np.mean((y - 0.5)**2) - 0.0417) < 0.004)
    ((1000, 22, 2), True, True)
    """
    boundary.size("T", T, least=20)
    rows, longest = np.arange(n), T + T // 10
    lengths = rng.integers(T, longest + 1, n)
    first, second = rng.integers(0, 10, n), rng.integers(0, T // 2 - 2, n)
    second += second >= first  # uniform among those still unmarked
    x = np.zeros((n, longest, 2), np.float32)
    x[..., 0] = np.where(losses.length_mask(lengths, longest), rng.uniform(-1, 1, (n, longest)), 0)
    x[rows, first, 1] = x[rows, second, 1] = 1
    x[:, 0, 1] = x[rows, lengths - 1, 1] = -1
    marked = (x[..., 0] * (x[..., 1] == 1)).sum(axis=1)
    return x, 0.5 + marked[:, None] / 4, lengths
