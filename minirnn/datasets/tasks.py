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
