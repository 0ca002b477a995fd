"""Is a backward pass right? Compare every entry of every gradient with a derivative taken without it.

Two witnesses that share nothing with the backward pass, nor with each other:

    central differences   df/dx ≈ (f(x + ε) - f(x - ε)) / 2ε    good to about 1e-9 in float64 with ε = 1e-5
    complex step          df/dx = Im f(x + ih) / h              exact to rounding with h = 1e-30: nothing is subtracted

f is the sum of all outputs, the final state too, each weighted by a random number. An upstream gradient of ones would
not do: a softmax sums to 1 whatever its input, so a backward of zeros would pass.

Source: Squire and Trapp, Using complex variables to estimate derivatives, 1998, for the complex step.
"""

import inspect
import itertools
from dataclasses import dataclass, field

import numpy as np

from . import boundary, tree

TOLERANCE = {"central": 1e-7, "complex": 1e-12}
FLOOR = 1e-3
EPS = 1e-5  # the step of central differences


@dataclass
class Row:
    """One tensor: its largest relative error, where that is, and the two numbers there."""
    tensor: str
    shape: tuple
    error: float
    index: tuple = ()
    backward: float = float("nan")
    numerical: float = float("nan")


@dataclass
class Report:
    """What `check` found. `print(report)` shows the table, `ok` and `max_error` sum it up."""
    method: str
    rows: list = field(default_factory=list)
    broken: list = field(default_factory=list)  # what else of the law does not hold, in words

    @property
    def max_error(self):
        return max((row.error for row in self.rows), default=0.0)

    @property
    def ok(self):
        return self.max_error <= TOLERANCE[self.method] and not self.broken

    def __str__(self):
        lines = [f"{'tensor':<12} {'shape':<14} {'largest error':>13}  {'at':<14} {'backward':>22} {self.method:>22}"]
        lines += [f"{row.tensor:<12} {row.shape!s:<14} {row.error:>13.1e}  {row.index!s:<14} {row.backward:>22.15g} "
                  f"{row.numerical:>22.15g}" for row in self.rows]
        lines += [f"broken: {words}" for words in self.broken]
        lines += [f"{'ok' if self.ok else 'WRONG'}: largest error {self.max_error:.1e}, "
                  f"at most {TOLERANCE[self.method]:.0e} allowed ({self.method})"]
        return "\n".join(lines)


def check(layer, params, *inputs, rng, method="central", **settings):
    """Check the backward of a layer, a composition, or a whole model with its loss.

    params, inputs  as for layer.forward, floating point in float64; `settings` are its further keyword arguments
    rng             draws the upstream gradients
    method          "central" or "complex"
    returns         a Report; an error is |backward - numerical| over the larger of the two. Where both are smaller than
                    a thousandth of the largest gradient of all, it is over that thousandth: a gradient that is truly
                    zero is not measured against rounding. A difference no larger than the rounding of the forward
                    counts as zero; so it is with all gradients where every unit is saturated
    errors          TypeError for float32, whose differences are mostly rounding

    >>> from minirnn import linear
    >>> rng = np.random.default_rng(0)
    >>> params = linear.init(rng, 3, 2, dtype=np.float64)
    >>> check(linear, params, rng.normal(size=(4, 3)), rng=rng, method="complex").ok
    True
    """
    boundary.one_of("method", method, TOLERANCE)
    names = list(inspect.signature(layer.forward).parameters)[1:]
    given = [params, *inputs]
    _refuse_all_but_float64(given, ["params", *names])
    copied = tree.map(np.array, given)
    run = lambda tensors: layer.forward(*tensors, **settings)

    *outputs, cache = run(copied)
    upstream = tree.map(lambda y: rng.standard_normal(np.shape(y)), outputs)
    kept = tree.map(np.array, upstream)
    grads = layer.backward(cache, *upstream)
    first = tree.map(np.array, grads)
    report = Report(method)
    if not _same(first, layer.backward(cache, *upstream)):
        report.broken.append("backward called again does not return the same gradients")
    if not _same(copied, given) or not _same(upstream, kept):
        report.broken.append("forward or backward changes its inputs")

    if method == "complex":
        copied = tree.map(lambda a: a.astype(complex) if _differentiable(a) else a, copied)
    base = [np.array(y) for _, y in tree.leaves(list(run(copied)[:-1]))]  # a copy: an output may be the input itself

    def f(_):
        """The weighted sum of all outputs, less its value at the start, so that rounding is that of the change."""
        now = tree.leaves(list(run(copied)[:-1]))
        return sum(np.sum(r * (y - y_0)) for (_, r), (_, y), y_0 in zip(tree.leaves(kept), now, base))

    derive = {"central": numerical, "complex": complex_step}[method]
    compared = []
    for name, tensor, gradient in zip(["", *names], copied, itertools.chain(first, itertools.repeat(None))):
        gradients = dict(tree.leaves(gradient, name))
        for path, array in tree.leaves(tensor, name):
            if _differentiable(array):
                compared.append((path, gradients.pop(path, np.zeros(0)), derive(f, array)))
        if gradients and tensor is not None:
            report.broken.append(f"backward returns gradients of what was not given: {', '.join(gradients)}")
    if not compared:
        report.broken.append("nothing given is floating point, so there is nothing to compare")
    scale = FLOOR * max((np.abs(n).max(initial=0) for _, _, n in compared), default=0)
    scale = max(scale, _rounding(method, given, kept, base) / TOLERANCE[method])
    report.rows = [_compare(*row, scale) for row in compared]
    return report


def _rounding(method, given, upstream, outputs):
    """How far off rounding alone can put a gradient. A unit's slope, such as 1 - h², is rounded. That error is
    multiplied by what arrives there and by the largest factors on its way, one before it and one after. For central
    differences the rounding of f over their step is added. It shrinks with the numbers: where they are 1e-8 it hides
    nothing that was seen before."""
    r, y = (np.concatenate([np.ravel(a) for a in arrays] or [[]]) for arrays in
            ([leaf for _, leaf in tree.leaves(upstream)], outputs))
    given = [np.asarray(a) for _, a in tree.leaves(given)]
    largest = max((np.abs(a).max(initial=0) for a in given if _differentiable(a)), default=0)
    unit = np.finfo(np.float64).eps
    rounding = unit * np.abs(r).sum() * max(largest, largest**2)
    return rounding + (unit * np.abs(r * y.real).sum() / EPS if method == "central" else 0)


def numerical(f, array, eps=EPS):
    """Central differences of the scalar function f(array), for every entry of a float64 array. The array is changed in
    place while f is called, and restored bit for bit, also when f raises.

    >>> numerical(lambda w: (w**2).sum(), np.array([1.0, -3.0])).round(6)
    array([ 2., -6.])
    """
    _refuse_all_but(np.float64, array)
    return _each_entry(array, lambda move: (move(eps) - move(-eps)) / (2 * eps), f)


def complex_step(f, array, h=1e-30):
    """The derivative of a scalar analytic f, Im f(x + ih) / h, for every entry of a complex array; restored likewise.

    >>> complex_step(lambda w: (w**2).sum(), np.array([1.0 + 0j, -3.0]))
    array([ 2., -6.])
    """
    _refuse_all_but(np.complex128, array)
    return _each_entry(array, lambda move: np.imag(move(1j * h)) / h, f)


def _each_entry(array, derivative, f):
    result = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        before = array[index]

        def move(step):
            array[index] = before + step
            return f(array)

        try:
            result[index] = derivative(move)
        finally:
            array[index] = before
    return result


def _compare(tensor, backward, numerical, scale):
    if np.shape(backward) != numerical.shape:
        return Row(f"{tensor} (backward: {np.shape(backward)})", numerical.shape, float("inf"))
    if not numerical.size:
        return Row(tensor, numerical.shape, 0.0)
    size = np.maximum(np.maximum(np.abs(backward), np.abs(numerical)), scale)
    with np.errstate(invalid="ignore"):
        error = np.abs(backward - numerical) / np.where(size > 0, size, 1)
    error = np.where(np.isfinite(error), error, np.inf)
    index = tuple(int(k) for k in np.unravel_index(error.argmax(), error.shape))
    return Row(tensor, numerical.shape, float(error[index]), index, float(backward[index]), float(numerical[index]))


def _differentiable(array):
    return array.dtype.kind in "fc"


def _same(one, other):
    one, other = tree.leaves(one), tree.leaves(other)
    return len(one) == len(other) and all(np.array_equal(a, b, equal_nan=True) for (_, a), (_, b) in zip(one, other))


def _refuse_all_but(dtype, array):
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        came = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"array is {came}, expected {np.dtype(dtype)}: it is changed in place, by steps that other "
                        f"types round away; make it with dtype=np.{np.dtype(dtype)}")


def _refuse_all_but_float64(trees, names):
    for name, one in zip(names, trees):
        for path, array in tree.leaves(one, name):
            if np.asarray(array).dtype.kind in "fc" and np.asarray(array).dtype != np.float64:
                raise TypeError(f"{path} is {array.dtype}, expected float64: at lower precision the differences are "
                                "mostly rounding; make it with dtype=np.float64")
