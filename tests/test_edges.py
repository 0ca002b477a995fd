"""Nothing silently wrong: small types, masks, settings out of range, changes half way, calls with odd arguments."""

import functools
import inspect
import pickle
import warnings

import numpy as np
import pytest

from minirnn import (attention, baselines, compose, counting, datasets, decayed, dropout, embedding, fast, gradcheck,
                     gru, initialize,
                     linear, losses, lstm, metrics, models, normalize, optim, rnn, training, tree, weights)
from minirnn.training import Batch

RECURRENT = {"rnn": rnn, "lstm": lstm, "gru": gru, "fast.rnn": fast.rnn, "fast.lstm": fast.lstm, "fast.gru": fast.gru,
             "layer_norm_lstm": normalize.layer_norm_lstm}
each_recurrent = pytest.mark.parametrize("layer", RECURRENT.values(), ids=RECURRENT)
X = np.random.default_rng(0).normal(size=(3, 5, 2))


def params_of(layer, *sizes, scale=0.7):
    rng = np.random.default_rng(1)
    params = tree.map(lambda p: scale * rng.normal(size=p.shape), layer.init(0, *sizes, dtype=np.float64))
    return params | {"var": 1 + params["var"]**2} if "var" in params else params


def refused(call, *words):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and "expected" in message and all(word in message for word in words), message


# --- Numbers and lengths in the caller's type

@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64, np.float16])
def test_metrics_compute_in_float64(dtype):
    forecast, truth = np.array([1, 2, 100], dtype), np.array([2, 1, 3], dtype)
    assert metrics.mse(forecast, truth) == 3137 and metrics.rmse(forecast, truth) == 3137**0.5
    assert metrics.mae(forecast, truth) == 33 and metrics.nmse(forecast, truth, 2) == 3137 / 2
    assert metrics.mase(np.array([3], dtype), np.array([4], dtype), np.array([4, 2, 0], dtype)) == 0.5


def test_large_integers_do_not_wrap_around():
    assert metrics.rmse(np.int32([60_000, 0]), np.int32([0, 0])) == 60_000 / 2**0.5
    assert metrics.mae(np.uint64([0]), np.uint64([1])) == 1


def test_baselines_and_scale_take_counts():
    counts = np.random.default_rng(0).integers(0, 200, 60)
    for dtype in (np.uint8, np.int16, np.uint64):
        series = counts.astype(dtype)
        for make in (baselines.persistence, functools.partial(baselines.seasonal_naive, season=7), baselines.truth,
                     baselines.AR(2, 0.1).fit(series).forecasts, baselines.chosen_ar(series, 40).forecasts):
            ours, expected = make(series, 50, 3), make(counts.astype(float), 50, 3)
            assert ours.dtype == np.float64 and np.array_equal(ours, expected)
        assert datasets.Scale.fit(series) == datasets.Scale.fit(counts.astype(float))
        assert np.array_equal(datasets.windows(series, 3)[0], datasets.windows(counts.astype(float), 3)[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, np.int32])
def test_lengths_of_any_integer_type(dtype):
    lengths = np.array([3, 7, 12], dtype)
    batch = Batch(np.zeros((3, 12, 1)), np.zeros((3, 12, 1)), lengths)
    assert [part.lengths.tolist() for part in batch.chunks(4)] == [[3, 4, 4], [0, 3, 4], [0, 0, 4]]
    lengths = np.array([0, 5, 2], dtype)
    for layer in (*RECURRENT.values(), compose.bidirectional(lstm)):
        params = params_of(layer, 2, 4)
        (y, *_), (expected, *_) = (layer.forward(params, X, None, given) for given in (lengths, lengths.astype(int)))
        assert np.array_equal(y, expected)
    assert losses.length_mask(lengths, 5).sum() == 7


def test_sizes_of_any_integer_type():
    """In int8, T + T // 10 is -124."""
    x, _, lengths = datasets.adding(0, np.int8(4), T=np.int8(120))
    assert x.shape == (4, 132, 2) and lengths.min() >= 120


# --- Masked arrays

@pytest.mark.parametrize("call", [
    lambda a: rnn.forward(params_of(rnn, 2, 4), a), lambda a: lstm.forward(params_of(lstm, 2, 4), a),
    lambda a: linear.forward(params_of(linear, 2, 4), list(a)), lambda a: fast.gru.forward(params_of(gru, 2, 4), a),
    lambda a: metrics.mse(a, X), lambda a: metrics.mae(X, a), lambda a: losses.mse(X, a), lambda a: losses.mse(a, X),
    lambda a: datasets.Scale.fit(a[0, 0]), lambda a: datasets.windows(a[0, 0], 1),
    lambda a: baselines.AR(1).fit(a[0, :, 0]),
    lambda a: training.fit(rnn, {}, optim.Adam(), (a, X), rng=0, epochs=1),
    lambda a: dropout.forward({}, a), lambda a: attention.dot.forward({}, a, X, X),
    lambda a: compose.bidirectional(rnn).forward(params_of(compose.bidirectional(rnn), 2, 4), a),
])
def test_masked_arrays_are_refused_by_name(call):
    with pytest.raises(TypeError, match="masked array.*expected"):
        call(np.ma.masked_array(X, X > 1))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_masked_and_matrix_weights_are_refused(tmp_path):
    for unlike in (np.ma.masked_array(np.ones((4, 2))), np.matrix(np.ones((4, 2)))):
        refused(lambda: linear.forward({"W": unlike, "b": np.ones(4)}, X), type(unlike).__name__)
        refused(lambda: weights.save(tmp_path / "a", {"W": unlike}), type(unlike).__name__)
        refused(lambda: optim.Adam().step({"W": unlike}, {"W": np.ones((4, 2))}), type(unlike).__name__)
    assert not list(tmp_path.iterdir())


# --- All or nothing

def trees():
    return {"a": np.ones(3), "b": np.ones(2)}


@pytest.mark.parametrize("change", [
    lambda t: t | {"b": np.ones(2, complex)}, lambda t: t | {"b": np.array(["a", "b"])},
    lambda t: t | {"b": [1.0, 2.0]},
    lambda t: t | {"b": np.ones(3)}, lambda t: {"a": t["a"]}, lambda t: t | {"b": np.array([None, 1.0], object)}])
def test_a_step_or_a_restore_that_fails_changes_nothing(change):
    for optimizer in (optim.SGD(0.1, 0.9), optim.AdaGrad(), optim.RMSProp(), optim.Adam(), optim.AdamW()):
        params = trees()
        optimizer.step(params, trees())
        before, state = tree.map(np.copy, params), pickle.dumps(optimizer.state)
        with pytest.raises((TypeError, ValueError)):
            optimizer.step(params, change(trees()))
        assert pickle.dumps(optimizer.state) == state and all(np.array_equal(params[k], before[k]) for k in params)
    params, given = trees(), tree.map(lambda a: 5 * a, trees())
    given = change(given)
    if not isinstance(given.get("b"), list):  # a list is a tree of numbers
        refused(lambda: weights.restore(params, given))
        assert params["a"].sum() == 3 and params["b"].sum() == 2


def test_what_cannot_be_written_is_known_before_anything_is():
    params = trees()
    params["b"].flags.writeable = False
    for change in (lambda: optim.Adam().step(params, trees()),
                   lambda: weights.restore(params, {"a": np.zeros(3), "b": np.ones(2)}),
                   lambda: optim.clip_by_norm(params, 0.1), lambda: optim.clip_by_value(params, 0.1)):
        refused(change, "b cannot be written")
        assert params["a"].sum() == 3


# --- Settings within their range

@pytest.mark.parametrize("call", [
    lambda: optim.Adam(lr=-1), lambda: optim.SGD(lr=np.nan), lambda: optim.Adam(lr=np.inf),
    lambda: optim.AdaGrad(lr="a"),
    lambda: optim.Adam(betas=(1, 0.9)), lambda: optim.AdamW(betas=(0.9, 1.0)), lambda: optim.Adam(betas=0.9),
    lambda: optim.RMSProp(alpha=1.5), lambda: optim.Adam(eps=-1), lambda: optim.AdaGrad(eps=np.nan),
    lambda: optim.AdamW(weight_decay=-0.1), lambda: optim.SGD(0.1, momentum=1),
    lambda: optim.WarmupCosine(np.nan, 1, 9),
    lambda: baselines.AR(1, ridge=np.nan), lambda: baselines.AR(1, ridge=-1),
    lambda: baselines.chosen_ar(np.ones(30), 20, np.nan),
    lambda: baselines.chosen_ar(np.ones(30), 0), lambda: metrics.mase([1.0], [2.0], np.arange(9.0), season=-3),
    lambda: metrics.mase([1.0], [2.0], np.arange(3.0), season=3), lambda: metrics.nmse([1.0], [2.0], 0),
    lambda: metrics.hit_rate(np.array([["1", "2"]]), np.array([1]), 1),
    lambda: metrics.mrr(np.array([[1]]), np.array(["1"]), 1),
    lambda: metrics.paired([1, 0], [0, 1]), lambda: metrics.paired([True], [True, False]),
    lambda: datasets.padded([]), lambda: datasets.padded([np.ones(3)]),
    lambda: datasets.padded([np.ones((3, 2)), np.ones((3, 1))]),
    lambda: metrics.rouge_n("1 2", [1, 2]), lambda: metrics.rouge_l([1, 2], "1 2"),
    lambda: datasets.Scale.fit(np.ones((3, 2))), lambda: datasets.Scale.fit([]),
    lambda: datasets.windows(np.ones((9, 2)), 3),
    lambda: normalize.batch_norm.forward(params_of(normalize.batch_norm, 2), X[:, 0], np.array([1, 2, 3])),
    lambda: normalize.layer_norm.forward(params_of(normalize.layer_norm, 2), X, eps=-1),
    lambda: lstm.init(0, 2, 3, dtype=int), lambda: normalize.batch_norm.init(None, 2, dtype=bool),
    lambda: embedding.init(0, 2, 3, dtype="nothing"), lambda: rnn.init("seed", 2, 3), lambda: rnn.init(None, 2, 3),
    lambda: training.step(linear, params_of(linear, 2, 1), optim.SGD(0.1), 7),
    lambda: training.fit(linear, params_of(linear, 2, 1), optim.SGD(0.1), (X, X[..., :1]), rng=0, epochs=1, loss=print),
    lambda: training.fit(linear, params_of(linear, 2, 1), optim.SGD(0.1), (X.astype(str), X[..., :1]), rng=0, epochs=1),
    lambda: lstm.forward(tree.map(lambda p: p.astype(">f8"), params_of(lstm, 2, 3)), X),
    lambda: baselines.recursive(lambda x: x, np.ones(3), 2), lambda: metrics.perplexity((1.0, None)),
])
def test_what_is_out_of_range_or_of_another_kind_is_refused(call):
    refused(call)


def test_ar_before_fit_says_so():
    with pytest.raises(ValueError, match="not fitted yet: call fit"):
        baselines.AR(2).forecasts(np.ones(9), 5, 1)


def test_a_plateau_below_zero():
    def lr(rates):
        optimizer, schedule = optim.SGD(1.0), optim.ReduceOnPlateau(patience=0, threshold=0.01)
        for loss in rates:
            schedule.step(optimizer, loss)
        return optimizer.lr
    assert lr([-1.0, -2.0, -3.0]) == 1.0  # falls: better each time
    assert lr([-1.0, -0.995]) == pytest.approx(0.1)  # rises: never better
    assert lr([-1.0, -1.005]) == pytest.approx(0.1) and lr([0.0, -1e-9]) == 1.0


def test_a_weight_that_is_nan_is_never_covered_up():
    for layer in (*RECURRENT.values(), decayed(gru)):
        inputs = (X, np.ones((3, 5))) if layer not in RECURRENT.values() else (X,)
        clean = params_of(layer, 2, 4)
        for path, p in tree.leaves(clean):
            before = p.flat[0]
            p.flat[0] = np.nan
            with np.errstate(invalid="ignore"):
                try:
                    y, *_ = layer.forward(clean, *inputs)
                    assert np.isnan(y).any(), path
                except ValueError as error:
                    assert "nan" in str(error)
            p.flat[0] = before


# --- Numbers at the ends of a type

@pytest.mark.parametrize("size, dtype", [(1e20, np.float32), (1e200, np.float64), (1e-30, np.float32),
                                         (3e4, np.float16)])
def test_the_norm_of_gradients_whose_squares_do_not_fit(size, dtype):
    grads = {"a": np.array([0.6 * size, 0], dtype), "b": np.array([0.8 * size], dtype)}
    assert optim.norm(grads) == pytest.approx(size, rel=1e-3)
    optim.normalize(grads)
    assert np.allclose([grads["a"][0], grads["b"][0]], [0.6, 0.8], rtol=1e-2)


@pytest.mark.parametrize("make", [optim.Adam, optim.RMSProp, optim.AdaGrad, optim.AdamW])
def test_float16_learns(make):
    params = {"w": np.ones(3, np.float16)}
    optimizer = make(lr=0.1)
    for _ in range(3):
        optimizer.step(params, {"w": np.array([1e-4, -1.0, 200.0], np.float16)})
    wide = {"w": np.ones(3)}
    again = make(lr=0.1)
    for _ in range(3):
        again.step(wide, {"w": np.array([1e-4, -1.0, 200.0])})
    assert params["w"].dtype == np.float16 and np.allclose(params["w"], wide["w"], atol=5e-3)


# --- A cache is nobody else's

CASES = {
    "linear": (linear, (2, 4), (X,)), "sigmoid": (compose.with_settings(linear, activation="sigmoid"), (2, 4), (X,)),
    "embedding": (embedding, (6, 4), (np.arange(6).reshape(2, 3),)), "layer_norm": (normalize.layer_norm, (2,), (X,)),
    "batch_norm": (normalize.batch_norm, (2,), (X, np.array([5, 1, 3]))), "dot": (attention.dot, (), (X, X + 1, X + 2)),
    "additive": (attention.additive, (2,), (X, X + 1, X + 2)),
    "multi_head": (attention.multi_head, (2,), (X, X + 1, X + 2)),
    "bidirectional": (compose.bidirectional(lstm), (2, 4), (X, None, np.array([5, 0, 3]))),
    "decayed": (decayed(gru), (2, 4), (X, np.ones((3, 5)), None, np.array([5, 0, 3]))),
    "last_step": (compose.last_step, (), (X, np.array([5, 1, 3]))), "residual": (compose.residual(lstm), (2, 2), (X,)),
    **{name: (layer, (2, 4), (X, None, np.array([5, 0, 3]))) for name, layer in RECURRENT.items()}}


@pytest.mark.parametrize("name", CASES)
def test_inputs_and_outputs_changed_between_the_passes_change_no_gradient(name):
    layer, sizes, inputs = CASES[name]
    params, inputs = params_of(layer, *sizes), tree.map(np.copy, inputs)
    *outputs, cache = layer.forward(params, *inputs)
    upstream = tree.map(lambda y: np.random.default_rng(2).normal(size=y.shape), outputs)
    expected = tree.map(np.copy, layer.backward(cache, *upstream))
    for _, array in tree.leaves([inputs, outputs]):
        array[:] = array[::-1].copy() if array.dtype.kind == "i" else 3 - array
    for (path, g), (_, e) in zip(tree.leaves(layer.backward(cache, *upstream)), tree.leaves(expected)):
        assert np.array_equal(g, e), path


def test_losses_keep_their_mask():
    for loss, y in ((losses.mse, X), (losses.cross_entropy, np.zeros((3, 5), int))):
        mask = np.arange(15).reshape(3, 5) % 2 == 0
        _, cache = loss(X, y, mask)
        expected = loss.backward(cache).copy()
        mask[:] = True
        assert np.array_equal(loss.backward(cache), expected)


def test_another_layers_cache_is_refused():
    caches = {name: layer.forward(params_of(layer, *sizes), *inputs)[-1]
              for name, (layer, sizes, inputs) in CASES.items()}
    alike = {"linear", "sigmoid"}, {"residual", "lstm"}, {"rnn", "fast.rnn"}  # what one keeps serves the other
    for name, (layer, *_) in CASES.items():
        for other, cache in (*caches.items(), ("none", None)):
            if name != other and {name, other} not in alike:
                with pytest.raises((TypeError, ValueError)) as caught:
                    layer.backward(cache, np.ones((3, 5, 4)))
                assert "expected" in str(caught.value), (name, other)


# --- Gradient checks

@pytest.mark.parametrize("method", ["central", "complex"])
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_saturated_right_layers_are_right(name, method):
    layer = RECURRENT[name]
    for seed in range(2):
        rng = np.random.default_rng(seed)
        params = tree.map(lambda p: 50 * (1 + rng.random(p.shape)), layer.init(rng, 2, 3, dtype=np.float64))
        report = gradcheck.check(layer, params, 1 + rng.random((2, 4, 2)), rng=rng, method=method)
        assert report.ok and max(abs(row.backward) for row in report.rows) < 1e-13, str(report)


@pytest.mark.parametrize("method", ["central", "complex"])
@pytest.mark.parametrize("key, factor", [("x", -1), ("W_ih", -1), ("b_h", 1.001)])
def test_no_bug_hides_at_tiny_weights(method, key, factor):
    """The gradients of x and W_ih are of the order of 1e-8 there: what is no larger than rounding is far smaller."""
    def backward(cache, dh, dstate=None):
        grads, dx, dstate = rnn.backward(cache, dh, dstate)
        if key != "x":
            grads[key] *= factor
        return grads, factor * dx if key == "x" else dx, dstate
    params = params_of(rnn, 2, 4, scale=1e-8)
    wrong = compose.Layer(rnn.init, rnn.forward, backward, takes=("state", "lengths"))
    x = 1e-8 * X if key == "W_ih" else X
    report = gradcheck.check(wrong, params, x, rng=np.random.default_rng(3), method=method)
    assert not report.ok, str(report)
    assert gradcheck.check(rnn, params, x, rng=np.random.default_rng(3), method=method).ok


# --- What once ended in other words

def test_a_partial_is_a_loss(tmp_path):
    loss = functools.partial(losses.mse)
    loss.backward = losses.mse_backward
    params = params_of(linear, 2, 1)
    history = training.fit(linear, params, optim.Adam(), (X, X[..., :1]), rng=0, epochs=2, loss=loss, clip=None,
                           checkpoint=tmp_path / "a")
    again = training.fit(linear, params_of(linear, 2, 1), optim.Adam(), (X, X[..., :1]), rng=np.random.default_rng(0),
                         epochs=2, clip=None)
    assert history["train"] == again["train"]


def test_an_int_is_a_generator():
    for layer, sizes, _ in CASES.values():
        one, two = layer.init(7, *sizes), layer.init(np.random.default_rng(7), *sizes)
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(tree.leaves(one), tree.leaves(two)))
    first, second = compose.chain(linear, linear).init(0, 3, 3, 3)
    assert not np.array_equal(first["W"], second["W"])
    assert np.array_equal(datasets.long_lag(3, 4)[1], datasets.long_lag(np.random.default_rng(3), 4)[1])
    initialize.orthogonal(0, params_of(rnn, 2, 4))


def test_a_tuple_is_a_batch():
    loss, norm, _ = training.step(linear, params_of(linear, 2, 1), optim.SGD(0.1), (X, X[..., :1]))
    assert np.isfinite(loss) and norm > 0


def test_big_endian_weights_come_in_from_elsewhere():
    for layer in (lstm, gru, rnn):
        params = layer.init(0, 2, 3)
        foreign = {name: a.astype(">f4") for name, a in weights.to_torch(params).items()}
        ours = weights.from_torch(foreign)
        assert all(a.dtype == np.float32 and a.dtype.isnative for a in ours.values())
        assert all(np.array_equal(a, params[name]) for name, a in ours.items())
        assert np.isfinite(layer.forward(ours, X.astype(">f8"))[0]).all()


def test_a_language_model_can_be_pickled():
    model = models.LanguageModel("gru", hidden=4).fit("abcd" * 40, epochs=1, batch_size=2)
    assert pickle.loads(pickle.dumps(model)).sample(5, "a") == model.sample(5, "a")


def test_ctrl_c_before_the_first_epoch_is_no_model(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt
    monkeypatch.setattr(optim.Adam, "step", interrupted)
    model = models.LanguageModel("rnn", hidden=4)
    with pytest.raises(KeyboardInterrupt):
        model.fit("abcd" * 40, epochs=1, batch_size=2)
    assert model.params is None


# --- Public functions with odd arguments

ODD = [None, True, 0, 1, -1, 3, 2**70, 0.5, -0.5, np.nan, np.inf, 1j, "", "a b", b"a", (), [], {}, [1, 2], (1, [2, 3]),
       [[1], [2, 3]],
       np.int8(3), np.uint8(200), np.float16(0.1), np.array(2.0), np.array([]), np.zeros((0, 3)), np.ones(3),
       np.arange(5),
       np.arange(9, dtype=np.uint8), np.ones((3, 2)), X, X.astype(np.float32), X[:, ::-1], np.full((3, 2), np.nan),
       np.array(["a", "b", "c"]), np.array([1, None, "a"], object), np.array([True, False, True]), np.ones(3, complex),
       np.ma.masked_array(np.arange(3.0), [0, 1, 0]), np.datetime64("2020-01-01"), np.ones((2, 2), ">f8"),
       lambda *a: 1, object]
FUNCTIONS = {f"{module.__name__}.{name}": function for module in (
    metrics, losses, baselines, counting, datasets, optim, initialize, rnn, lstm, gru, linear, embedding, dropout,
    normalize.layer_norm,
    normalize.batch_norm, normalize.layer_norm_lstm, attention.dot, attention.additive, attention.multi_head,
    fast.lstm, fast.gru,
    fast.rnn, weights) for name, function in vars(module).items()
    if callable(function) and not name.startswith("_") and getattr(function, "__module__", "").startswith("minirnn")
    and name not in ("inputs", "weigh", "weigh_backward", "gates", "recursive", "save", "load", "read_csv",
                     "log_softmax", "sigmoid", "softmax", "Layer", "trace")
    and not inspect.isclass(function) and inspect.signature(function).parameters}
FUNCTIONS |= {cls.__name__: cls for cls in (optim.SGD, optim.Adam, optim.AdamW, optim.AdaGrad, optim.RMSProp,
              optim.ReduceOnPlateau, optim.WarmupCosine, baselines.AR, baselines.Ridge, counting.Counts,
              models.Forecaster, models.LanguageModel)}
FUNCTIONS |= {"Scale.fit": datasets.Scale.fit, "AR.fit": baselines.AR(2).fit, "Ridge.fit": baselines.Ridge(0.1).fit,
              "Counts.fit": counting.Counts(0.5, 1.0).fit, "Adam.step": optim.Adam().step,
              "Scale.apply": datasets.Scale(0.0, 1.0).apply, "Batch.chunks": Batch(X, X, np.array([1, 2, 3])).chunks}
GOOD = {"params": [params_of(rnn, 2, 4), params_of(lstm, 2, 4), params_of(gru, 2, 4), params_of(linear, 2, 4)],
        "x": [X], "q": [X],
        "k": [X], "v": [X], "rng": [0, np.random.default_rng(0)], "n": [2], "series": [np.arange(40)], "start": [20],
        "horizon": [2], "sessions": [[[0, 1, 2], [1, 0]]], "V": [3],
        "state_dict": [weights.to_torch(rnn.init(0, 2, 3))], "dh": [X], "grads": [{"a": np.ones(3)}]}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_odd_arguments_get_the_right_value_or_one_clear_line(name):
    """A few dozen calls each: whatever is raised is ours, raised in a file of minirnn, in one line."""
    function, rng = FUNCTIONS[name], np.random.default_rng(sum(map(ord, name)))
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    required = sum(p.default is p.empty for p in parameters)
    for _ in range(30):
        chosen = parameters[:rng.integers(required, len(parameters) + 1)]
        given = [ODD[rng.integers(len(ODD))] if p.name not in GOOD or rng.random() < 0.4
                 else GOOD[p.name][rng.integers(len(GOOD[p.name]))] for p in chosen]
        given = [bool(rng.integers(2)) if isinstance(p.default, bool) else a  # a flag is a flag
                 for p, a in zip(chosen, given)]
        if "backward" in name and isinstance(given[0], tuple) and given[0]:
            continue  # nobody can tell what is in a tuple of the right length
        if any(isinstance(a, int) and abs(a) > 10**6 for a in given) and name.split(".")[-1] not in ("mse", "mae"):
            continue  # a size that no memory holds
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                result = function(*map(lambda a: tree.map(np.copy, a) if isinstance(a, dict) else a, given))
                list(result) if inspect.isgenerator(result) else None
            except (ValueError, TypeError) as error:
                assert_ours(error, name, given)


def assert_ours(error, name, given):
    at = error.__traceback__
    while at.tb_next:
        at = at.tb_next
    message, line = str(error), f"{name}{tuple(map(repr, given))}: {type(error).__name__}: {error}"
    raised_here = "minirnn" in at.tb_frame.f_code.co_filename
    clear = any(word in message for word in ("expected", "not fitted", "mirror"))
    assert raised_here and "\n" not in message and clear, line[:600]
