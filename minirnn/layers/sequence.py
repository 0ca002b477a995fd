"""What every recurrent layer does at its edges: batch first outside, columns inside, and sequences of unequal length.

Outside, x is (B, T, D). Inside the loop each vector is a column, as in the article's equations: x[t] is a matrix (D,
B), one column for each sequence. States lie in slots, one more than there are steps. Slot 0 is the initial state, slot
n the state after n steps, slot lengths[b] the final state of sequence b. So

    h_prev, h = h_slots[:-1], h_slots[1:]

are two views of the same memory, one step apart: h[t] is h_t and h_prev[t] is h_{t-1}.
"""

import numpy as np

from .. import boundary


def inputs(x, lengths, D, dtype):
    """Check x (B, T, D) and lengths (B,) or None. Return x as columns (T, D, B), and the lengths."""
    x, lengths = checked(x, lengths, D, dtype)
    return columns(x), lengths


def checked(x, lengths, D, dtype):
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


def columns(x):
    """Batch first (B, T, D) to columns (T, D, B): always a copy, so that nobody changes it between the two passes."""
    return x.transpose(1, 2, 0).copy()


def rows(steps, lengths=None):
    """The mirror of `columns`: (T, H, B) to batch first (B, T, H), a copy, zero beyond each length. The gradient dx
    needs no lengths: it is zero there by itself."""
    out = steps.transpose(2, 0, 1).copy()
    if lengths is not None:
        out[padding(lengths, len(steps))] = 0
    return out


def padding(lengths, T):
    """(B, T): True where step t lies beyond sequence b's length."""
    return np.arange(T) >= lengths[:, None]


def slots(name, initial, T, H, B, dtype):
    """T + 1 slots (H, B) for states: the first holds the initial state, (B, H) or None for zeros."""
    states = np.empty((T + 1, H, B), dtype)
    states[0] = 0 if initial is None else boundary.array(
        name, initial, (B, H), dtype, "batch first; None starts from zeros").T
    return states


def final(slots, lengths):
    """Each sequence's own last state (B, H)."""
    if lengths is None:
        return slots[-1].T.copy()
    return slots[lengths, :, np.arange(slots.shape[2])]


def from_outside(dsteps, dfinal, lengths, slots, name=""):
    """The mirror of `rows` and `final`: slots (T+1, H, B) with the gradients that come from outside.

    dsteps   (B, T, H)  gradient of the outputs h_0 .. h_{T-1}, zero beyond a sequence's length; None is zero
    dfinal   (B, H)     gradient of the final state, added at the slot of each sequence's own last state; None is zero
    name                of the state, where a layer has two
    """
    T, (H, B) = len(slots) - 1, slots.shape[1:]
    dslots = np.zeros_like(slots)
    if dsteps is not None:
        dslots[1:] = columns(boundary.gradient("dh", dsteps, (B, T, H), slots.dtype))
        if lengths is not None:
            dslots[1:].transpose(2, 0, 1)[padding(lengths, T)] = 0
    if dfinal is not None:
        dfinal = boundary.gradient(f"dstate {name}".strip(), dfinal, (B, H), slots.dtype)
        last = np.full(B, T) if lengths is None else lengths
        dslots[last, :, np.arange(B)] += dfinal
    return dslots
