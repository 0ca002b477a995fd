"""The gradient check itself: it must pass what is right, fail what is wrong, and leave everything as it was."""

from types import SimpleNamespace

import numpy as np
import pytest

from minirnn import gradcheck, lstm
from minirnn.activations import softmax

each_method = pytest.mark.parametrize("method", gradcheck.TOLERANCE)


class Cubic:
    """y = w x³, a layer small enough to be spoilt in every way."""

    def forward(self, params, x):
        return params["w"] * x**3, (params, x)

    def backward(self, cache, dy):
        params, x = cache
        return {"w": (dy * x**3).sum(axis=0)}, dy * params["w"] * 3 * x**2


def spoilt(**functions):
    return SimpleNamespace(**{"forward": Cubic().forward, "backward": Cubic().backward, **functions})


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2, shape)


def check(layer, *inputs, method="central", seed=1):
    """The report on a layer like Cubic."""
    inputs = inputs or [numbers(4, 3)]
    return gradcheck.check(layer, {"w": numbers(3)}, *inputs, rng=np.random.default_rng(seed), method=method)


@each_method
def test_a_right_gradient_is_ok(method):
    report = check(Cubic(), method=method)
    assert report.ok and report.max_error <= gradcheck.TOLERANCE[method]


def wrong(change):
    """Cubic with the gradient of x changed."""
    def backward(cache, dy):
        grads, dx = Cubic().backward(cache, dy)
        return grads, change(dx)

    return spoilt(backward=backward)


def one_entry(change):
    def changed(dx):
        dx[2, 1] = change(dx[2, 1])
        return dx
    return changed


@each_method
@pytest.mark.parametrize("change", [
    pytest.param(lambda dx: dx * (1 + 1 / 2000), id="by 1 in 2000"),
    pytest.param(one_entry(lambda entry: entry * (1 + 1 / 2000)), id="by 1 in 2000 at one entry"),
    pytest.param(one_entry(lambda entry: np.nan), id="nan"),
    pytest.param(one_entry(lambda entry: np.inf), id="infinite"),
    pytest.param(np.zeros_like, id="zeros"),
    pytest.param(np.negative, id="sign"),
    pytest.param(np.transpose, id="transposed"),
    pytest.param(lambda dx: dx[0], id="one row"),
    pytest.param(np.sum, id="sum"),
    pytest.param(lambda dx: None, id="none"),
])
def test_a_wrong_gradient_is_not_ok(change, method):
    report = check(wrong(change), method=method)
    assert not report.ok
    assert [row.tensor for row in report.rows if row.error <= gradcheck.TOLERANCE[method]] == ["w"]


@pytest.mark.parametrize("change", [lambda grads: {}, lambda grads: None, lambda grads: {"W": grads["w"]}])
def test_a_missing_gradient_is_not_ok(change):
    def backward(cache, dy):
        grads, dx = Cubic().backward(cache, dy)
        return change(grads), dx

    assert not check(spoilt(backward=backward)).ok


def test_an_input_without_its_gradient_is_not_ok():
    assert not check(spoilt(backward=lambda cache, dy: Cubic().backward(cache, dy)[:1])).ok


def broken(layer):
    """What the report finds broken although every number is right."""
    report = check(layer)
    assert report.max_error <= gradcheck.TOLERANCE["central"] and not report.ok
    return report.broken


def test_a_gradient_of_what_was_not_given_is_noticed():
    def backward(cache, dy):
        grads, dx = Cubic().backward(cache, dy)
        return {**grads, "b": dy}, dx

    assert broken(spoilt(backward=backward)) == ["backward returns gradients of what was not given: b"]


def test_a_backward_that_accumulates_is_noticed():
    total = np.zeros(3)

    def backward(cache, dy):
        grads, dx = Cubic().backward(cache, dy)
        np.add(total, grads["w"], out=total)
        return {"w": total}, dx

    assert broken(spoilt(backward=backward)) == ["backward called again does not return the same gradients"]


def test_a_backward_that_changes_its_cache_is_noticed():
    def forward(params, x):
        y, cache = Cubic().forward(params, x)
        return y, [*cache, np.ones(())]

    def backward(cache, dy):
        *cache, calls = cache
        grads, dx = Cubic().backward(cache, dy * calls)
        calls += 1
        return grads, dx

    assert broken(spoilt(forward=forward, backward=backward)) == [
        "backward called again does not return the same gradients"]


def test_a_backward_that_changes_its_upstream_gradient_is_noticed():
    def backward(cache, dy):
        gradients = Cubic().backward(cache, dy)
        dy *= 2
        return gradients

    assert "forward or backward changes its inputs" in broken(spoilt(backward=backward))


def test_a_layer_that_changes_its_inputs_is_noticed():
    def backward(cache, dy):
        gradients = Cubic().backward(cache, dy)
        params, x = cache
        x *= 1 + 1e-12
        return gradients

    assert "forward or backward changes its inputs" in broken(spoilt(backward=backward))


def test_what_was_given_is_never_changed_even_by_a_layer_that_does():
    def forward(params, x):
        x *= 2
        return Cubic().forward(params, x)

    x = numbers(4, 3)
    check(spoilt(forward=forward), x)
    assert x.tobytes() == numbers(4, 3).tobytes()


def test_nothing_to_compare_is_not_ok():
    layer = SimpleNamespace(forward=lambda params, ids: (1.0 * ids, None), backward=lambda cache, dy: ({}, None))
    report = gradcheck.check(layer, {}, np.arange(3), rng=np.random.default_rng(0))
    assert not report.ok and "nothing" in str(report)


class AllOnes:
    """The random numbers of a checker that cannot fail."""
    standard_normal = staticmethod(np.ones)


def test_random_upstream_gradients_see_what_ones_cannot():
    def forward(params, z):
        p = softmax(z)
        return params["s"] * p, (p, z)

    def backward(cache, dy):
        p, z = cache
        return {"s": (dy * p).sum()}, np.zeros_like(z)  # wrong, but p sums to 1 whatever z

    layer, params, z = SimpleNamespace(forward=forward, backward=backward), {"s": np.array(2.0)}, numbers(4, 3)
    assert gradcheck.check(layer, params, z, rng=AllOnes).ok
    assert not gradcheck.check(layer, params, z, rng=np.random.default_rng(0)).ok


@each_method
def test_a_gradient_that_is_truly_zero_is_not_measured_against_rounding(method):
    def backward(z, dy):
        y = softmax(z)
        dz = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
        return {"b": dz.sum()}, dz  # b shifts all scores alike and moves nothing: its gradient is rounding around 0

    layer = SimpleNamespace(forward=lambda params, z: (softmax(z + params["b"]), z), backward=backward)
    params = {"b": np.array(0.0)}
    assert gradcheck.check(layer, params, numbers(4, 3), rng=np.random.default_rng(0), method=method).ok


def lstm_report(**settings):
    rng = np.random.default_rng(0)
    params, x, state = lstm.init(rng, 2, 3, dtype=np.float64), numbers(4, 5, 2), (numbers(4, 3), numbers(4, 3))
    return gradcheck.check(lstm, params, x, state, rng=rng, **settings)


def test_the_report_names_every_tensor():
    report = lstm_report()
    assert [row.tensor for row in report.rows] == ["W_x", "U_h", "b", "x", "state.0", "state.1"]
    assert all(f"\n{row.tensor} " in str(report) and str(row.shape) in str(report) for row in report.rows)
    assert str(report).splitlines()[-1].startswith("ok: largest error")


def test_the_report_shows_where_the_worst_entry_is_and_both_numbers():
    report = check(wrong(one_entry(lambda entry: entry + 1)))
    row = report.rows[1]
    assert (row.tensor, row.shape, row.index) == ("x", (4, 3), (2, 1))
    assert row.backward == pytest.approx(row.numerical + 1, abs=1e-8)
    assert row.error == report.max_error == pytest.approx(1 / max(abs(row.backward), abs(row.numerical)), rel=1e-6)
    line, = (line for line in str(report).splitlines() if line.startswith("x "))
    assert all(part in line for part in ("(4, 3)", "(2, 1)", f"{row.backward:.15g}", f"{row.numerical:.15g}"))
    assert str(report).splitlines()[-1].startswith("WRONG: largest error")


def test_the_report_shows_a_wrong_shape():
    assert "x (backward: (3, 4))" in str(check(wrong(np.transpose)))


def test_settings_reach_the_forward():
    assert lstm_report(lengths=np.array([5, 0, 2, 3])).ok


@each_method
def test_the_same_seed_gives_the_same_report(method):
    one, same, other = (str(check(Cubic(), method=method, seed=seed)) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("name, w, x", [("params.w", numbers(3).astype(np.float32), numbers(4, 3)),
                                        ("x", numbers(3), numbers(4, 3).astype(np.float32))], ids=["params", "x"])
def test_float32_is_refused_with_the_reason(name, w, x):
    with pytest.raises(TypeError, match=f"^{name} is float32, expected float64: .* mostly rounding"):
        gradcheck.check(Cubic(), {"w": w}, x, rng=np.random.default_rng(0))


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="^method is 'forward', expected one of 'central', 'complex'$"):
        check(Cubic(), method="forward")


def test_numerical_of_a_function_with_a_known_derivative():
    x = numbers(3, 4)
    np.testing.assert_allclose(gradcheck.numerical(lambda x: np.sin(x).sum(), x), np.cos(x), atol=1e-10)


def test_numerical_of_a_single_number():
    assert gradcheck.numerical(lambda x: x**2, np.array(3.0)) == pytest.approx(6)


def test_complex_step_is_exact_to_rounding():
    """The function of Squire and Trapp's own example, e^x / (sin³x + cos³x)."""
    f = lambda x: (np.exp(x) / (np.sin(x)**3 + np.cos(x)**3)).sum()
    x = np.array([0.3, 1.0, 1.5])
    sin, cos = np.sin(x), np.cos(x)
    below = sin**3 + cos**3
    exact = np.exp(x) * (below - 3 * sin * cos * (sin - cos)) / below**2
    np.testing.assert_allclose(gradcheck.complex_step(f, x.astype(complex)), exact, rtol=1e-14)


each_derivative = pytest.mark.parametrize("derivative, dtype", [(gradcheck.numerical, np.float64),
                                                                (gradcheck.complex_step, np.complex128)])


@each_derivative
def test_the_array_is_restored_bit_for_bit(derivative, dtype):
    array = (numbers(2, 3) / 3 * [1e-9, 1, 1e9]).astype(dtype)  # where (x + ε) - ε is not always x
    before = array.tobytes()
    derivative(lambda a: a.sum(), array)
    assert array.tobytes() == before


@each_derivative
@pytest.mark.parametrize("call", [1, 2, 6])
def test_the_array_is_restored_when_f_raises(derivative, dtype, call):
    array, calls = (numbers(2, 3) / 3).astype(dtype), iter(range(1, call + 1))
    before = array.tobytes()

    def f(array):
        if next(calls) == call:
            raise ArithmeticError
        return array.sum()

    with pytest.raises(ArithmeticError):
        derivative(f, array)
    assert array.tobytes() == before


@each_derivative
@pytest.mark.parametrize("array", [np.ones(3, np.float32), np.arange(3), [1.0, 2.0]], ids=["float32", "int", "list"])
def test_an_array_that_cannot_hold_the_step_is_refused(derivative, dtype, array):
    with pytest.raises(TypeError, match=f"^array is .*, expected {np.dtype(dtype)}: it is changed in place"):
        derivative(np.sum, array)
