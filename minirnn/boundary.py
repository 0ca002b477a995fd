"""Checks at the boundary. Whatever a mistake can reach passes here once, and gets one clear line: what came, what was
expected, what to do."""

import functools
import operator
import reprlib

import numpy as np


class NotFinite(ValueError):
    """A NaN or an infinity where numbers belong."""


def size(name, value, least=1):
    """Return a layer size or a count as an int of at least `least`."""
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {brief(value)}, expected a whole number of at least {least}") from None
    if value < least:
        raise ValueError(f"{name} is {value}, expected a whole number of at least {least}")
    return value


def one_of(name, value, choices):
    """Return `value` if it is one of the choices."""
    if value not in list(choices):
        raise ValueError(f"{name} is {brief(value)}, expected one of {', '.join(map(repr, choices))}")
    return value


def array(name, value, shape, dtype, hint, where=True):
    """Return `value` as an array of `dtype`, finite `where` it counts. In `shape`, a number is required and a name
    stands for any size."""
    value = _floating(name, value, dtype)
    _shape(name, value, shape, hint)
    converted = value
    if value.dtype != dtype:
        with np.errstate(over="ignore"):
            converted = value.astype(dtype)
    finite = np.isfinite(converted)
    if not finite.all() and not (finite | ~np.asarray(where)).all():
        at = _first(~finite & where)
        raise NotFinite(f"{name} holds {value[at]} at {at}, expected finite numbers of {converted.dtype}: "
                        "fill, drop or scale it first")
    return converted


def real(name, value):
    """Return a floating-point array of at least one axis, as a network's outputs are."""
    value = regular(name, value)
    if value.dtype.kind not in "fc" or value.ndim < 1:
        raise TypeError(f"{name} is {value.dtype} of shape {value.shape}, expected floating point of shape "
                        "(B, ..., K): pass what a forward returned")
    return value


def pair(name, value, meaning):
    """Return the two parts of a state or of its gradient; None is a pair of None."""
    if value is None:
        return None, None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        came = type(value).__name__ + (f" of {len(value)}" if isinstance(value, (tuple, list)) else "")
        raise TypeError(f"{name} is {came}, expected a tuple {meaning} or None: pass on what was returned")
    return value


def gradient(name, value, shape, dtype):
    """Return an upstream gradient of exactly `shape`. It may be non-finite: the training loop reports that."""
    value = _floating(name, value, dtype)
    _shape(name, value, shape, "a gradient has the shape of what it is the gradient of")
    return np.asarray(value, dtype)


def params(layer, given, **shapes):
    """Check the parameters of a layer against shapes such as W_x="4H D", and return what each letter stands for."""
    if not isinstance(given, dict) or given.keys() != shapes.keys():
        came = sorted(map(str, given)) if isinstance(given, dict) else type(given).__name__
        raise ValueError(f"params of {layer} are {came}, expected {sorted(shapes)}: make them with {layer}.init")
    sizes = {}
    for name, shape in shapes.items():
        expected = _factors(shape)
        kind = getattr(given[name], "dtype", None)
        if kind is None or kind.kind not in "fc":
            raise TypeError(f"params of {layer}: {name} is {kind or type(given[name]).__name__}, expected an array of "
                            f"floating point: make them with {layer}.init")
        came = given[name].shape
        for (factor, letter), n in zip(expected, came):
            sizes.setdefault(letter, n // factor)
        if len(came) != len(expected) or came != tuple(factor * sizes[letter] for factor, letter in expected):
            raise ValueError(f"params of {layer}: {name} has shape {came}, expected ({', '.join(shape.split())}) with "
                             f"{sizes}: make them with {layer}.init")
    return sizes


@functools.cache
def _factors(shape):
    """A shape such as "4H D" as (factor, letter) pairs."""
    return [(int(n[:-1] or 1), n[-1]) for n in shape.split()]


def integers(name, value, low, high, hint):
    """Return `value` as an integer array whose entries lie in low..high."""
    value = regular(name, value)
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {value.dtype}, expected integers: {hint}")
    wrong = (value < low) | (value > high)
    if wrong.any():
        at = _first(wrong)
        raise ValueError(f"{name} holds {value[at]} at {at}, expected {low} to {high}: {hint}")
    return value


def regular(name, value):
    """Return `value` as an array of any kind."""
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged, expected a regular array: pad it, and give sequences lengths") from None


def positive(name, value):
    """Return a number above 0; infinity is one."""
    if not value > 0:
        raise ValueError(f"{name} is {value}, expected a number above 0")
    return value


def share(name, value):
    """Return a number from 0 to below 1."""
    if not (isinstance(value, (int, float, np.floating)) and 0 <= value < 1):
        raise ValueError(f"{name} is {brief(value)}, expected a number from 0 to below 1: the share that is left out")
    return value


def _floating(name, value, dtype):
    value = regular(name, value)
    if value.dtype.kind not in ("fc" if np.dtype(dtype).kind == "c" else "f"):
        raise TypeError(f"{name} has dtype {value.dtype}, expected floating point: convert it with "
                        f".astype(np.{np.dtype(dtype)})")
    return value


def _shape(name, value, shape, hint):
    tail = shape[1:] if shape[0] is ... else shape  # (..., D): any axes may come before
    sizes = value.shape[len(value.shape) - len(tail):] if shape[0] is ... else value.shape
    if len(sizes) != len(tail) or any(isinstance(n, int) and n != m for n, m in zip(tail, sizes)):
        expected = ", ".join("..." if n is ... else str(n) for n in shape) + "," * (len(shape) == 1)
        raise ValueError(f"{name} has shape {value.shape}, expected ({expected}): {hint}")
    if "B" in tail and sizes[tail.index("B")] == 0:
        raise ValueError(f"{name} has shape {value.shape}, expected at least one sequence: skip a batch without any")


def _first(wrong):
    return tuple(int(k) for k in np.argwhere(wrong)[0])


def brief(value):
    """What came, short and on one line."""
    return " ".join(reprlib.repr(value).split())
