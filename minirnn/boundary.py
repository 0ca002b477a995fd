"""Checks at the boundary. Whatever a mistake can reach passes here once, and gets one clear line: what came, what was
expected, what to do."""

import functools
import math
import numbers
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


def number(name, value, low=-math.inf, below=math.inf):
    """Return a real number from `low` to below `below`: never NaN."""
    real = isinstance(value, (numbers.Real, np.ndarray)) and np.ndim(value) == 0
    real = real and np.asarray(value).dtype.kind in "iuf"
    if not real or not low <= value < below or math.isinf(value):
        finite = "" if below < math.inf else "finite "
        bounds = f" of at least {low}" * bool(low > -math.inf) + f" and below {below}" * bool(below < math.inf)
        raise (ValueError if real else TypeError)(f"{name} is {brief(value)}, expected a {finite}number{bounds}")
    return value


def generator(rng):
    """Return a np.random.Generator; an int is the seed of a new one."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(rng)
    raise TypeError(f"rng is {brief(rng)}, expected a np.random.Generator or a seed, such as "
                    "np.random.default_rng(0)")


def init(rng, dtype, **sizes):
    """Check what every layer's init is given; return the generator, and the sizes in their order."""
    floating(dtype)
    return generator(rng), *(size(name, value) for name, value in sizes.items())


def floating(dtype):
    """Return a dtype that weights can have, in this machine's byte order."""
    try:
        given = None if isinstance(dtype, bytes) else np.dtype(dtype)
    except TypeError:
        given = None
    if given is None or given.kind not in "fc" or not given.isnative:
        raise TypeError(f"dtype is {brief(dtype)}, expected floating point: np.float32 to train, np.float64 to check")
    return given


def one_of(name, value, choices):
    """Return `value` if it is one of the choices."""
    if not isinstance(value, (str, int, type(None))) or value not in list(choices):
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


def numeric(name, value):
    """Return real numbers as float64, whatever their type: differences and squares of small integers wrap around."""
    value = regular(name, value)
    if value.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {value.dtype}, expected real numbers: convert it with .astype(np.float64)")
    return value.astype(np.float64)


def series(name, value):
    """Return a series (n,) of finite numbers as float64; counts are welcome."""
    return array(name, numeric(name, value), ("n",), np.float64, "one number a step, in time's order")


def real(name, value):
    """Return a floating-point array of at least one axis, as a network's outputs are."""
    value = regular(name, value)
    if value.dtype.kind not in "fc" or value.ndim < 1:
        raise TypeError(f"{name} is {value.dtype} of shape {value.shape}, expected floating point of shape "
                        "(B, ..., K): pass what a forward returned")
    return value


def sessions(name, value, V=2**62):
    """Return sessions, each a row of item ids in 0..V-1, as all their items (n,) and how many each session has."""
    if not isinstance(value, (list, tuple)) or not value:
        raise TypeError(f"{name} is {brief(value)}, expected a list of sessions: rows of item ids such as [4, 56, 94]")
    rows = [regular(name, row) for row in value]
    for k, row in enumerate(rows):
        if row.ndim != 1 or not row.size or row.dtype.kind not in "iu":
            raise TypeError(f"{name}[{k}] is {row.dtype} of shape {row.shape}, expected a row of integers, not empty: "
                            "the ids of its items")
    items = np.concatenate(rows, dtype=np.int64, casting="unsafe")  # a uint64 too large for it is then below 0
    return integers(name, items, 0, V - 1, "the id of an item each"), np.array([row.size for row in rows])


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


def names(layer, given, expected, init="its init"):
    """Check that the parameters of a layer are a dict with these names, a set."""
    if not isinstance(given, dict) or given.keys() != expected:
        came = sorted(map(str, given)) if isinstance(given, dict) else type(given).__name__
        raise ValueError(f"params of {layer} are {came}, expected {sorted(expected)}: make them with {init}")


def params(layer, given, **shapes):
    """Check the parameters of a layer against shapes such as W_x="4H D", and return what each letter stands for."""
    names(layer, given, shapes.keys(), f"{layer}.init")
    sizes = {}
    for name, shape in shapes.items():
        expected = _factors(shape)
        kind = getattr(given[name], "dtype", None)
        if kind is None or kind.kind not in "fc" or isinstance(given[name], UNLIKE):
            came = kind if kind is not None and kind.kind not in "fc" else type(given[name]).__name__
            raise TypeError(f"params of {layer}: {name} is {came}, expected an array of floating point: make them with "
                            f"{layer}.init")
        if not kind.isnative:
            raise TypeError(f"params of {layer}: {name} is {kind}, with another machine's byte order, expected this "
                            f"one's: convert it with .astype(np.{kind.name})")
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
    """Return a copy of `value` as int64, whose entries lie in low..high."""
    value = regular(name, value)
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {value.dtype}, expected integers: {hint}")
    wrong = (value < low) | (value > high)
    if wrong.any():
        at = _first(wrong)
        raise ValueError(f"{name} holds {value[at]} at {at}, expected {low} to {high}: {hint}")
    return value.astype(np.int64)  # before any sum or difference, which a small type would not hold


UNLIKE = np.ma.MaskedArray, np.matrix  # arrays with rules of their own, which a plain one forgets


def regular(name, value):
    """Return `value` as an array of any kind."""
    parts = value if isinstance(value, (list, tuple)) else ()
    if isinstance(value, np.ma.MaskedArray) or any(isinstance(part, np.ma.MaskedArray) for part in parts):
        raise TypeError(f"{name} is a masked array, whose mask would be lost, expected a plain one: fill it with "
                        ".filled(number), or drop what is masked")
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged, expected a regular array: pad it, and give sequences lengths") from None


def positive(name, value):
    """Return a number above 0; infinity is one."""
    if not isinstance(value, (numbers.Real, np.ndarray)) or np.ndim(value):
        raise TypeError(f"{name} is {brief(value)}, expected a number above 0")
    if not value > 0:
        raise ValueError(f"{name} is {value}, expected a number above 0")
    return value


def share(name, value):
    """Return a number from 0 to below 1."""
    if not (isinstance(value, (int, float, np.floating)) and 0 <= value < 1):
        raise ValueError(f"{name} is {brief(value)}, expected a number from 0 to below 1: the share that is left out")
    return value


def in_place(name, value):
    """Check that an array of floating point can be changed."""
    if not isinstance(value, np.ndarray) or isinstance(value, UNLIKE) or value.dtype.kind not in "fc":
        came = value.dtype if type(value) is np.ndarray else type(value).__name__
        raise TypeError(f"{name} is {came}, expected an array of floating point: it is changed in place")
    if not value.flags.writeable:
        raise ValueError(f"{name} cannot be written, expected an array that can: it is changed in place, so pass a "
                         "copy")


def cache(layer, given, parts, has=None, first=object):
    """Return the cache of this layer's forward, checked: a tuple of so many parts, the first of which `has` a parameter
    of this name."""
    mine = isinstance(given, tuple) and len(given) == parts and isinstance(given[0], first)
    if not mine or has and not (isinstance(given[0], dict) and has in given[0]):
        came = f"a tuple of {len(given)}" if isinstance(given, tuple) else type(given).__name__
        raise TypeError(f"cache is {came}, expected what {layer}.forward returned last: each layer reads only its own")
    return given


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
