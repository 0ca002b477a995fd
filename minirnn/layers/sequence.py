"""What every recurrent layer does at its edges: batch first outside, columns inside, and sequences of unequal length.

Outside, x is (B, T, D). Inside the loop each vector is a column, as in the article's equations, and step t of a batch
is the matrix (D, B). A buffer of states has one slot more than there are steps: slot n is the state after n steps, so
slot 0 is the initial state, slot lengths[b] is sequence b's final one, and

    h_prev, h = slots[:-1], slots[1:]

are two views of the same memory, one step apart: h[t] is h_t and h_prev[t] is h_{t-1}.
"""

import numpy as np

from .. import boundary


def inputs(x, lengths, D, dtype):
    """Check x (B, T, D) and lengths (B,) or None, and return them."""
    x = boundary.array("x", x, ("B", "T", D), dtype,
                       f"batch first, {D} features a step as in init; one sequence alone is x[None]")
    return x, None if lengths is None else check_lengths(lengths, *x.shape[:2])


def check_lengths(lengths, B, T):
    """Check lengths (B,), each from 0 to T, and return them."""
    lengths = boundary.integers("lengths", lengths, 0, T, "how many steps of each sequence are real")
    if lengths.shape != (B,):
        raise ValueError(f"lengths has shape {lengths.shape}, expected {(B,)}: one for each sequence")
    return lengths


def initial(name, state, B, H, dtype):
    """An initial state as columns (H, B): the one given, (B, H), or zeros."""
    if state is None:
        return np.zeros((H, B), dtype)
    return boundary.array(name, state, (B, H), dtype, "batch first; None starts from zeros").T


def final(slots, lengths):
    """Each sequence's own last state (B, H), from slots (T+1, H, B)."""
    if lengths is None:
        return slots[-1].T.copy()
    return slots[lengths, :, np.arange(slots.shape[2])]


def columns(x):
    """Batch first (B, T, D) to a view (T, D, B) of a copy, in which every step lies together.

    For speed in two moves, whole rows first: straight from x, a column would be gathered from B places far apart.
    """
    return np.ascontiguousarray(x.transpose(1, 0, 2)).transpose(0, 2, 1)


def rows(steps, lengths):
    """The mirror of `columns`: (T, H, B) to batch first (B, T, H), a copy, zero beyond each length."""
    out = steps.transpose(0, 2, 1).copy().transpose(1, 0, 2)
    if lengths is not None:
        out[padding(lengths, len(steps))] = 0
    return out


def arrive(slots, dsteps, dfinal, lengths, name="dstate"):
    """The mirror of `rows` and `final`: the gradients that arrive from outside, laid into state slots (T+1, H, B).

    dsteps (B, T, H) or None reaches h_0 .. h_{T-1}; dfinal (B, H) or None is added at each sequence's own last state.
    """
    B, H, T = slots.shape[2], slots.shape[1], len(slots) - 1
    slots[0] = 0
    if dsteps is None:
        slots[1:] = 0
    else:
        slots[1:] = columns(boundary.gradient("dh", dsteps, (B, T, H), slots.dtype))
        if lengths is not None:
            slots[1:].transpose(2, 0, 1)[padding(lengths, T)] = 0
    if dfinal is not None:
        dfinal = boundary.gradient(name, dfinal, (B, H), slots.dtype)
        slots[T if lengths is None else lengths, :, np.arange(B)] += dfinal


def padding(lengths, T):
    """(B, T): True where step t lies beyond sequence b's length."""
    return np.arange(T) >= lengths[:, None]


# A page of memory that is fresh from the system costs 1 to 3 µs before its first number is written, and glibc's malloc
# gives back what was freed and takes it again, pass after pass: at small sizes this took longer than the maths. Once it
# has seen a large block come and go it keeps up to twice as much. The block is never written to, so it costs nothing.
np.empty(31 * 2**20, np.uint8)


def buffers(out, dtype, *shapes):
    """Arrays of these shapes, filled with anything: those of `out`, a cache that is needed no more, or where they do
    not fit, fresh ones.

    Above the 31 MB, and where malloc is another, a fresh array costs a page fault for every 4 KB that is written.
    """
    old = out[-1] if isinstance(out, tuple) else None
    if isinstance(old, list) and [(a.shape, a.dtype) for a in old] == [(shape, dtype) for shape in shapes]:
        return old
    return [np.empty(shape, dtype) for shape in shapes]


def blocks_from_the_end(T, step_size):
    """Slices of range(T), the last first: 2**17 numbers, half a megabyte that stays in cache, but at least 4 steps."""
    length = max(4, 2**17 // step_size)
    return [slice(max(0, stop - length), stop) for stop in range(T, 0, -length)]
