"""How a series becomes training data without a look at the future, and data to try it on: small real series in
series.py, tasks made by rule in tasks.py."""

from numbers import Real
from typing import NamedTuple

import numpy as np

from .. import boundary, losses
from . import csv_files
from .series import i94_traffic, japanese_vowels, nyse, online_retail, seattle_weather, sunspots, tang_quatrains
from .tasks import (adding, copying_memory, distractors, embedded_reber, long_lag, mackey_glass, multiplication, reber,
                    reversal, temporal_order, two_sequence)

__all__ = ["read_csv", "split", "windows", "padded", "next_items", "Scale", "sunspots", "seattle_weather",
           "i94_traffic", "nyse", "online_retail", "japanese_vowels", "tang_quatrains", "reber", "embedded_reber",
           "long_lag", "distractors", "two_sequence", "adding", "multiplication", "temporal_order", "copying_memory",
           "reversal", "mackey_glass"]


def read_csv(path, column, **options):
    """One column of a CSV file with a header, as float64 in time's order; for the options see csv_files.py.

    Errors: ValueError that names the line for a missing column, an empty cell, text, or a number that is not finite.
    """
    return csv_files.read(path, column, **options).values


def split(series, train=0.7, validation=0.15):
    """Three consecutive views, in time's order: train, validation, test. The past never sees the future.

    >>> [len(part) for part in split(np.arange(100))]
    [70, 15, 15]
    """
    numbers = isinstance(train, Real) and isinstance(validation, Real)
    if not (numbers and train > 0 and validation >= 0 and train + validation <= 1):
        raise ValueError(f"split got train={boundary.brief(train)}, validation={boundary.brief(validation)}, expected "
                         "shares that sum to at most 1")
    if not hasattr(series, "__len__") or not hasattr(series, "__getitem__") or np.ndim(series) == 0:
        raise TypeError(f"series is {boundary.brief(series)}, expected a sequence in time's order")
    one, two = round(len(series) * train), round(len(series) * (train + validation))
    return series[:one], series[one:two], series[two:]


def windows(series, length, horizon=1):
    """Every stretch of `length` values with the `horizon` values that follow: x (N, length, 1), y (N, horizon).

    >>> x, y = windows(np.arange(5.0), length=3)
    >>> x[..., 0].tolist(), y.tolist()
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [[3.0], [4.0]])
    """
    length, horizon = boundary.size("length", length), boundary.size("horizon", horizon)
    series = boundary.regular("series", series)
    if series.dtype.kind != "f":
        series = boundary.numeric("series", series)
    if series.ndim != 1:
        raise ValueError(f"series has shape {series.shape}, expected (n,): cut each feature on its own, and stack x")
    if len(series) < length + horizon:
        raise ValueError(f"series has {len(series)} values, expected at least {length + horizon}: a window of {length} "
                         f"and the {horizon} after it")
    both = np.lib.stride_tricks.sliding_window_view(series, length + horizon)
    return both[:, :length, None].copy(), both[:, length:].copy()


def padded(sequences):
    """Sequences (T, D) of unequal length as one x (N, longest, D), zero at their ends, and their lengths (N,).

    >>> x, lengths = padded([np.ones((2, 1)), np.ones((3, 1))])
    >>> x[..., 0].tolist(), lengths.tolist()
    ([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]], [2, 3])
    """
    if not isinstance(sequences, (list, tuple)) or not sequences:
        raise TypeError(f"sequences is {boundary.brief(sequences)}, expected a list of arrays (T, D), at least one")
    shapes = [boundary.numeric("sequences", sequence).shape for sequence in sequences]
    if len(shapes[0]) != 2 or len({shape[1:] for shape in shapes}) > 1:
        raise ValueError(f"sequences have the shapes {boundary.brief(sorted(set(shapes)))}, expected (T, D) with one D")
    lengths = np.array([len(sequence) for sequence in sequences])
    x = np.zeros((len(sequences), lengths.max(), shapes[0][1]), np.result_type(*map(np.asarray, sequences)))
    for row, sequence in zip(x, sequences):
        row[:len(sequence)] = sequence
    return x, lengths


def next_items(sessions):
    """Sessions, rows of item ids, as rows of equal length to train on: x, y, lengths, mask as training.fit takes them.

    x (N, T) has all items of a session but the last, y (N, T) those that came next, zeros where the session is over.
    lengths (N,) are the steps of each session, and mask (N, T) is True there.

    >>> x, y, lengths, mask = next_items([[4, 56, 94], [7, 1]])
    >>> x.tolist(), y.tolist(), lengths.tolist()
    ([[4, 56], [7, 0]], [[56, 94], [1, 0]], [2, 1])
    """
    items, sizes = boundary.sessions("sessions", sessions)
    lengths = sizes - 1
    mask = losses.length_mask(lengths, lengths.max())
    first = np.append(0, np.cumsum(sizes)[:-1])  # where a session begins among the items
    x, y = np.zeros((2, *mask.shape), np.int64)
    now = (first[:, None] + np.arange(mask.shape[1]))[mask]
    x[mask], y[mask] = items[now], items[now + 1]
    return x, y, lengths, mask


class Scale(NamedTuple):
    """Standardization with the mean and deviation of the training data, and of nothing else.

    >>> scale = Scale.fit(np.array([1.0, 3.0]))
    >>> scale.apply(np.array([5.0])), scale.invert(np.array([3.0]))
    (array([3.]), array([5.]))
    """
    mean: float
    std: float

    @classmethod
    def fit(cls, train):
        train = boundary.numeric("train", train)
        if train.ndim != 1 or not train.size:
            raise ValueError(f"train has shape {train.shape}, expected (n,), not empty: each feature needs a "
                             "Scale of its own")
        with np.errstate(over="ignore", invalid="ignore"):
            constant = np.min(train) == np.max(train)  # is only shifted: its std may be rounding, not quite zero
            scale = cls(float(np.mean(train)), 1.0 if constant else float(np.std(train)))
        if not (np.isfinite(scale.mean) and 0 < scale.std < np.inf):
            raise ValueError(f"values go from {np.min(train):.4g} to {np.max(train):.4g}, expected squares that "
                             "float64 can hold: multiply them by a power of ten first")
        return scale

    def apply(self, values):
        return (boundary.numeric("values", values) - self.mean) / self.std

    def invert(self, values):
        return boundary.numeric("values", values) * self.std + self.mean
