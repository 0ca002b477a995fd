"""Checks at the boundary. Whatever a mistake can reach passes here once, and gets one clear line: what came, what was
expected, what to do."""

import operator

import numpy as np


def size(name, value):
    """Return a layer size or count as an int of at least 1."""
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, expected a whole number of at least 1") from None
    if value < 1:
        raise ValueError(f"{name} is {value}, expected a whole number of at least 1")
    return value


def one_of(name, value, choices):
    """Return `value` if it is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(map(repr, choices))}")
    return value


def array(name, value, shape, dtype, hint):
    """Return `value` as a finite array of `dtype`. In `shape`, a number is required and a name stands for any size."""
    value = _floating(name, value, dtype)
    _shape(name, value, shape, hint)
    if not np.isfinite(value).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(value))[0])
        raise ValueError(f"{name} holds {value[where]} at {where}, expected finite numbers: fill or drop it first")
    return np.asarray(value, dtype)


def real(name, value):
    """Return a floating-point array of at least one axis, as a network's outputs are."""
    value = np.asarray(value)
    if value.dtype.kind not in "fc" or value.ndim < 1:
        raise TypeError(f"{name} is {value.dtype} of shape {value.shape}, expected floating point of shape (B, ..., K): "
                        "pass what a forward returned")
    return value


def pair(name, value, meaning):
    """Return the two parts of a state or of its gradient; None is a pair of None."""
    if value is None:
        return None, None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} is {type(value).__name__}, expected a tuple {meaning} or None")
    return value


def gradient(name, value, shape, dtype):
    """Return an upstream gradient of exactly `shape`. It may be non-finite: the training loop reports that."""
    value = _floating(name, value, dtype)
    _shape(name, value, shape, "a gradient has the shape of what it is the gradient of")
    return np.asarray(value, dtype)


def params(layer, given, **shapes):
    """Check the parameters of a layer against shapes such as W_x="4H D", and return what each letter stands for."""
    if not isinstance(given, dict) or given.keys() != shapes.keys():
        came = sorted(given) if isinstance(given, dict) else type(given).__name__
        raise ValueError(f"params of {layer} are {came}, expected {sorted(shapes)}: make them with {layer}.init")
    sizes = {}
    for name, shape in shapes.items():
        expected = [(int(n[:-1] or 1), n[-1]) for n in shape.split()]
        came = given[name].shape
        for (factor, letter), n in zip(expected, came):
            sizes.setdefault(letter, n // factor)
        if came != tuple(factor * sizes[letter] for factor, letter in expected if letter in sizes):
            raise ValueError(f"params of {layer}: {name} has shape {came}, expected ({', '.join(shape.split())}) with "
                             f"{sizes}: make them with {layer}.init")
    return sizes


def integers(name, value, low, high, hint):
    """Return `value` as an integer array whose entries lie in low..high."""
    value = np.asarray(value)
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {value.dtype}, expected integers: {hint}")
    wrong = (value < low) | (value > high)
    if wrong.any():
        where = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(f"{name} holds {value[where]} at {where}, expected {low} to {high}: {hint}")
    return value


def _floating(name, value, dtype):
    try:
        value = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged, expected a regular array: pad it and pass lengths") from None
    if value.dtype.kind not in ("fc" if np.dtype(dtype).kind == "c" else "f"):
        raise TypeError(f"{name} has dtype {value.dtype}, expected floating point as the parameters' {np.dtype(dtype)}: "
                        f"convert it with .astype(np.{np.dtype(dtype)})")
    return value


def _shape(name, value, shape, hint):
    tail = shape[1:] if shape[0] is ... else shape  # (..., D): any axes may come before
    sizes = value.shape[len(value.shape) - len(tail):] if shape[0] is ... else value.shape
    if len(sizes) != len(tail) or any(isinstance(n, int) and n != m for n, m in zip(tail, sizes)):
        expected = ", ".join("..." if n is ... else str(n) for n in shape)
        raise ValueError(f"{name} has shape {value.shape}, expected ({expected}): {hint}")
    if "B" in tail and sizes[tail.index("B")] == 0:
        raise ValueError(f"{name} has shape {value.shape}, an empty batch: skip it when there is nothing in it")
