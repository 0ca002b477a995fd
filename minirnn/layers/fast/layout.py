"""How the fast layers lay out their memory."""

from .. import sequence


def columns(x):
    """As sequence.columns, in two moves, whole rows first: straight from x, a column would be gathered from B places
    far apart."""
    return x.transpose(1, 0, 2).copy().transpose(0, 2, 1)


def rows(steps, lengths=None):
    """As sequence.rows, likewise."""
    out = steps.transpose(0, 2, 1).copy().transpose(1, 0, 2)
    if lengths is not None:
        out[sequence.padding(lengths, len(steps))] = 0
    return out


def joined(steps):
    """(n, H, B) to (H, n B): the columns of several steps side by side, for one large product in place of n small."""
    return steps.transpose(1, 0, 2).reshape(steps.shape[1], -1)
