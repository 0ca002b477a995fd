"""Optimizers against their formulas worked by hand, one number at a time, and clipping."""

import math

import numpy as np
import pytest

from minirnn import linear, lstm, optim, tree

GRADIENTS = [2.0, -0.5, 3.0, 0.25, -1.0]


def sgd_by_hand(p, lr, momentum=0.0):
    v, path = 0.0, []
    for dp in GRADIENTS:
        v = momentum * v + dp
        p = p - lr * v
        path.append(p)
    return path


def adam_by_hand(p, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    m, v, path, (beta1, beta2) = 0.0, 0.0, [], betas
    for t, dp in enumerate(GRADIENTS, start=1):
        dp = dp + weight_decay * p
        m = beta1 * m + (1 - beta1) * dp
        v = beta2 * v + (1 - beta2) * dp**2
        p = p - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        path.append(p)
    return path


@pytest.mark.parametrize("optimizer, by_hand, settings", [
    (optim.SGD, sgd_by_hand, {"lr": 0.1}),
    (optim.SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.9}),
    (optim.Adam, adam_by_hand, {}),
    (optim.Adam, adam_by_hand, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.1}),
    (optim.Adam, adam_by_hand, {"lr": 0.1, "weight_decay": 0.3}),
])
def test_steps_follow_the_formula(optimizer, by_hand, settings):
    opt, params, path = optimizer(**settings), {"w": np.array([1.5])}, []
    for dp in GRADIENTS:
        opt.step(params, {"w": np.array([dp])})
        path.append(params["w"][0])
    np.testing.assert_allclose(path, by_hand(1.5, **settings), rtol=1e-14)


each_optimizer = pytest.mark.parametrize(
    "make", [lambda: optim.SGD(0.1, momentum=0.9), lambda: optim.Adam(0.1, weight_decay=0.1)], ids=["sgd", "adam"])


def model(dtype=np.float64):
    """Parameters nested as a chain's are, and gradients to go with them."""
    rng = np.random.default_rng(0)
    params = [lstm.init(rng, 2, 3, dtype=dtype), {}, linear.init(rng, 3, 1, dtype=dtype)]
    return params, tree.map(lambda p: rng.standard_normal(p.shape).astype(dtype), params)


def bits(one):
    return [(path, np.asarray(leaf).tobytes()) for path, leaf in tree.leaves(one)]


@each_optimizer
def test_state_is_none_before_the_first_step_and_then_a_plain_tree(make):
    opt, (params, grads) = make(), model()
    assert opt.state is None
    opt.step(params, grads)
    assert all(isinstance(leaf, (int, np.ndarray)) for _, leaf in tree.leaves(opt.state))


@each_optimizer
def test_a_copied_state_goes_on_bit_for_bit(make):
    (params, grads), opt, resumed = model(), make(), make()
    opt.step(params, grads)
    copied, resumed.state = tree.map(np.copy, params), tree.map(lambda s: s * 1, opt.state)
    opt.step(params, grads)
    resumed.step(copied, grads)
    assert bits(params) == bits(copied)


@each_optimizer
def test_params_change_in_place_and_gradients_not_at_all(make):
    params, grads = model()
    arrays, before, given = [p for _, p in tree.leaves(params)], bits(params), bits(grads)
    make().step(params, grads)
    assert all(p is array for (_, p), array in zip(tree.leaves(params), arrays))
    assert bits(params) != before and bits(grads) == given


@each_optimizer
def test_float32_stays_float32(make):
    (params, grads), opt = model(np.float32), make()
    opt.step(params, grads)
    arrays = [leaf for _, leaf in tree.leaves([params, opt.state]) if isinstance(leaf, np.ndarray)]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


@each_optimizer
@pytest.mark.parametrize("spoil", [
    lambda grads: grads[:1],
    lambda grads: [{**grads[0], "extra": np.zeros(1)}, *grads[1:]],
    lambda grads: [grads[0], {}, {"W": grads[2]["W"].T, "b": grads[2]["b"]}],
], ids=["one missing", "one too many", "transposed"])
def test_gradients_that_do_not_mirror_the_parameters_are_one_error_and_change_nothing(make, spoil):
    (params, grads), opt = model(), make()
    before = bits(params)
    with pytest.raises(ValueError, match="^gradients .* do not mirror the parameters .*: pass what backward"):
        opt.step(params, spoil(grads))
    assert bits(params) == before and opt.state is None


@each_optimizer
def test_an_optimizer_serves_one_set_of_parameters(make):
    (params, grads), opt = model(), make()
    opt.step(params, grads)
    with pytest.raises(ValueError, match="^state is for parameters of shapes .*, expected .*: each set"):
        opt.step(params[2], grads[2])


def test_clip_by_norm_scales_the_whole_tree_to_the_largest_norm_allowed():
    grads = {"a": np.array([3.0]), "b": (np.array([[4.0]]), np.array([12.0]))}
    assert optim.clip_by_norm(grads, 6.5) == 13.0
    assert grads == {"a": [1.5], "b": ([[2.0]], [6.0])}


@pytest.mark.parametrize("max_norm", [13.0, 20.0, math.inf])
def test_clip_by_norm_leaves_a_norm_that_is_allowed_untouched(max_norm):
    grads = {"a": np.array([5.0]), "b": np.array([12.0])}
    assert optim.clip_by_norm(grads, max_norm) == 13.0
    assert grads == {"a": [5.0], "b": [12.0]}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_norm_that_is_not_finite_is_returned_and_nothing_is_changed(bad):
    grads = {"a": np.array([5.0, bad]), "b": np.array([12.0])}
    before = bits(grads)
    assert not math.isfinite(optim.clip_by_norm(grads, 1.0))
    assert bits(grads) == before


def test_clip_by_norm_of_float32_stays_float32():
    grads = {"a": np.array([3, 4], np.float32)}
    assert isinstance(optim.clip_by_norm(grads, np.float64(1.0)), float)
    assert grads["a"].dtype == np.float32


def test_clip_by_value_cuts_each_entry_alone():
    grads = [{"a": np.array([-3.0, 0.5])}, (np.array([2.0, np.inf]),)]
    optim.clip_by_value(grads, 1.0)
    assert bits(grads) == bits([{"a": np.array([-1.0, 0.5])}, (np.array([1.0, 1.0]),)])


@pytest.mark.parametrize("clip", [optim.clip_by_norm, optim.clip_by_value])
@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan])
def test_a_limit_that_would_erase_or_turn_the_gradient_is_refused(clip, limit):
    with pytest.raises(ValueError, match=f"is {limit}, expected a number above 0$"):
        clip({"a": np.array([3.0])}, limit)
