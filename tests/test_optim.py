"""Optimizers and schedules against their formulas worked by hand, one number at a time, and clipping."""

import math

import numpy as np
import pytest

from minirnn import linear, lstm, optim, tree, weights

GRADIENTS = [2.0, -0.5, 3.0, 0.25, -1.0]


def sgd_by_hand(p, lr, momentum=0.0, nesterov=False):
    v, path = 0.0, []
    for dp in GRADIENTS:
        v = momentum * v + dp
        p = p - lr * (dp + momentum * v) if nesterov else p - lr * v
        path.append(p)
    return path


def adagrad_by_hand(p, lr=1e-2, eps=1e-10):
    path = []
    for t, dp in enumerate(GRADIENTS, start=1):
        p = p - lr * dp / (math.hypot(*GRADIENTS[:t]) + eps)
        path.append(p)
    return path


def rmsprop_by_hand(p, lr=1e-2, alpha=0.99, eps=1e-8):
    v, path = 0.0, []
    for dp in GRADIENTS:
        v = alpha * v + (1 - alpha) * dp**2
        p = p - lr * dp / (math.sqrt(v) + eps)
        path.append(p)
    return path


def adam_by_hand(p, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m, v, path, (beta1, beta2) = 0.0, 0.0, [], betas
    for t, dp in enumerate(GRADIENTS, start=1):
        p, dp = (p - lr * weight_decay * p, dp) if decoupled else (p, dp + weight_decay * p)
        m = beta1 * m + (1 - beta1) * dp
        v = beta2 * v + (1 - beta2) * dp**2
        p = p - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        path.append(p)
    return path


def adamw_by_hand(p, weight_decay=1e-2, **settings):
    return adam_by_hand(p, weight_decay=weight_decay, decoupled=True, **settings)


@pytest.mark.parametrize("optimizer, by_hand, settings", [
    (optim.SGD, sgd_by_hand, {"lr": 0.1}),
    (optim.SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd_by_hand, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (optim.AdaGrad, adagrad_by_hand, {}),
    (optim.AdaGrad, adagrad_by_hand, {"lr": 0.1, "eps": 0.1}),
    (optim.RMSProp, rmsprop_by_hand, {}),
    (optim.RMSProp, rmsprop_by_hand, {"lr": 0.1, "alpha": 0.5, "eps": 0.1}),
    (optim.Adam, adam_by_hand, {}),
    (optim.Adam, adam_by_hand, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.1}),
    (optim.Adam, adam_by_hand, {"lr": 0.1, "weight_decay": 0.3}),
    (optim.AdamW, adamw_by_hand, {}),
    (optim.AdamW, adamw_by_hand, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.1, "weight_decay": 0.3}),
])
def test_steps_follow_the_formula(optimizer, by_hand, settings):
    opt, params, path = optimizer(**settings), {"w": np.array([1.5])}, []
    for dp in GRADIENTS:
        opt.step(params, {"w": np.array([dp])})
        path.append(params["w"][0])
    np.testing.assert_allclose(path, by_hand(1.5, **settings), rtol=1e-14)


OPTIMIZERS = {
    "sgd": lambda: optim.SGD(0.1, momentum=0.9),
    "nesterov": lambda: optim.SGD(0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda: optim.AdaGrad(0.1),
    "rmsprop": lambda: optim.RMSProp(0.1),
    "adam": lambda: optim.Adam(0.1, weight_decay=0.1),
    "adamw": lambda: optim.AdamW(0.1),
}
each_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


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
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_state_goes_on_bit_for_bit(make, dtype, tmp_path):
    (params, grads), opt, resumed = model(dtype), make(), make()
    opt.step(params, grads)
    weights.save(tmp_path / "saved", (params, opt.state))
    copied, resumed.state = weights.load(tmp_path / "saved")
    for _ in range(3):
        opt.step(params, grads)
        resumed.step(copied, grads)
    assert bits((params, opt.state)) == bits((copied, resumed.state))


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
    before = bits((params, opt.state))
    with pytest.raises(ValueError, match="^state is for parameters of shapes .*, expected .*: each set"):
        opt.step(params[2], grads[2])
    assert bits((params, opt.state)) == before


def test_a_state_serves_one_kind_of_optimizer():
    (params, grads), sgd, adam = model(), optim.SGD(0.1), optim.Adam()
    sgd.step(params, grads)
    adam.state = sgd.state
    with pytest.raises(ValueError, match="^state is for parameters of shapes {'v': .*, expected {'m': .*: each set"):
        adam.step(params, grads)


@pytest.mark.parametrize("momentum", [0.0, -0.9, math.nan])
def test_nesterov_without_momentum_is_refused(momentum):
    with pytest.raises(ValueError, match=f"momentum is {momentum}, expected a .*"):
        optim.SGD(0.1, momentum=momentum, nesterov=True)


def test_clip_by_norm_scales_the_whole_tree_to_the_largest_norm_allowed():
    grads = {"a": np.array([3.0]), "b": (np.array([[4.0]]), np.array([12.0]))}
    assert optim.clip_by_norm(grads, 6.5) == 13.0
    assert grads == {"a": [1.5], "b": ([[2.0]], [6.0])}


@pytest.mark.parametrize("max_norm", [13.0, 20.0, math.inf])
def test_clip_by_norm_leaves_a_norm_that_is_allowed_untouched(max_norm):
    grads = {"a": np.array([5.0]), "b": np.array([12.0])}
    assert optim.clip_by_norm(grads, max_norm) == 13.0
    assert grads == {"a": [5.0], "b": [12.0]}


@pytest.mark.parametrize("length", [0.01, 0.25, 1.0, 100.0])
def test_normalize_scales_the_whole_tree_to_norm_1(length):
    grads = {"a": length * np.array([3.0]), "b": (length * np.array([[4.0]]), length * np.array([12.0]))}
    np.testing.assert_allclose(optim.normalize(grads), 13 * length, rtol=1e-14)
    np.testing.assert_allclose([g.item() for _, g in tree.leaves(grads)], [3 / 13, 4 / 13, 12 / 13], rtol=1e-14)


each_rescaling = pytest.mark.parametrize("rescale", [lambda grads: optim.clip_by_norm(grads, np.float64(1.0)),
                                                     optim.normalize], ids=["clip_by_norm", "normalize"])


@each_rescaling
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_norm_that_is_not_finite_is_returned_and_nothing_is_changed(rescale, bad):
    grads = {"a": np.array([5.0, bad]), "b": np.array([12.0])}
    before = bits(grads)
    assert not math.isfinite(rescale(grads))
    assert bits(grads) == before


@each_rescaling
@pytest.mark.parametrize("grads", [{}, {"a": np.zeros(2), "b": [np.zeros((0, 3))]}], ids=["nothing", "zeros"])
def test_a_norm_of_zero_is_returned_and_nothing_is_changed(rescale, grads):
    before = bits(grads)
    assert rescale(grads) == 0.0
    assert bits(grads) == before


@each_rescaling
def test_rescaled_float32_stays_float32(rescale):
    grads = {"a": np.array([3, 4], np.float32)}
    assert isinstance(rescale(grads), float)
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


# --- Schedules

def rates(schedule, losses, optimizer):
    """The learning rate that each call sets."""
    set_by = []
    for loss in losses:
        assert schedule.step(optimizer, loss) is None
        set_by.append(optimizer.lr)
    return set_by


def test_reduce_on_plateau_follows_the_losses():
    schedule = optim.ReduceOnPlateau(factor=0.5, patience=1, threshold=0.25, min_lr=0.15)
    by_hand = [  # loss, the learning rate after it, and why
        (None, 0.8),  # nothing measured yet
        (math.inf, 0.8),  # not better than nothing: 1 in a row
        (1.0, 0.8),  # better: 0 in a row
        (0.75, 0.8),  # 1: not below 0.75 · 1.0
        (None, 0.8),  # no loss
        (0.7, 0.8),  # better
        (0.6, 0.8),  # 1
        (math.nan, 0.4),  # 2, which is more than patience
        (None, 0.4),
        (0.55, 0.4),  # 1: the best is still 0.7
        (0.5, 0.4), (0.3, 0.4),  # better, and better
        (0.3, 0.4), (0.4, 0.2),
        (0.3, 0.2), (0.3, 0.15),  # and not 0.1
        (0.3, 0.15), (0.3, 0.15),
    ]
    losses, expected = zip(*by_hand)
    assert rates(schedule, losses, optim.SGD(0.8)) == list(expected)


def test_reduce_on_plateau_has_the_defaults_of_pytorch():
    losses = [1.0, *[0.99991] * 11, 0.9998, *[0.9998] * 10, 0.9998]
    assert rates(optim.ReduceOnPlateau(), losses, optim.SGD(1.0)) == [1.0] * 11 + [0.1] * 12 + [0.1 * 0.1]


def test_reduce_on_plateau_never_raises_the_rate():
    assert rates(optim.ReduceOnPlateau(patience=0, min_lr=0.5), [1.0, 1.0], optim.SGD(0.1)) == [0.1, 0.1]


def test_reduce_on_plateau_takes_a_rate_that_was_lowered_by_hand():
    optimizer, schedule = optim.SGD(0.8), optim.ReduceOnPlateau(factor=0.5, patience=0)
    assert rates(schedule, [1.0], optimizer) == [0.8]
    optimizer.lr = 0.2
    assert rates(schedule, [0.5, 0.5], optimizer) == [0.2, 0.1]


@pytest.mark.parametrize("settings, expected", [
    ({"warmup": 2, "total": 7}, [1.0, 2.0, 2.0, 1 + math.sqrt(0.5), 1.0, 1 - math.sqrt(0.5), 0.0, 0.0, 0.0]),
    ({"warmup": 4, "total": 7, "lowest": 0.5}, [0.5, 1.0, 1.5, 2.0, 2.0, 1.25, 0.5, 0.5]),
    ({"warmup": 0, "total": 3, "lowest": 1.0}, [2.0, 1.5, 1.0, 1.0]),
    ({"warmup": 1, "total": 3}, [2.0, 2.0, 0.0, 0.0]),
])
def test_warmup_cosine_follows_the_formula(settings, expected):
    schedule, optimizer = optim.WarmupCosine(peak=2.0, **settings), optim.SGD(9.0)
    np.testing.assert_allclose(rates(schedule, [None] * len(expected), optimizer), expected, rtol=1e-14, atol=1e-15)
    assert optimizer.lr == settings.get("lowest", 0.0)


def test_the_next_step_is_one_at_the_rate_that_a_schedule_sets():
    schedule, opt, params = optim.WarmupCosine(peak=0.4, warmup=4, total=9), optim.SGD(9.0), {"w": np.array([1.0])}
    for expected in (0.8, 0.4, -0.2):  # lr is 0.1, 0.2, 0.3
        schedule.step(opt)
        opt.step(params, {"w": np.array([2.0])})
        np.testing.assert_allclose(params["w"], expected, rtol=1e-14)


SCHEDULES = {
    "reduce on plateau": lambda: optim.ReduceOnPlateau(factor=np.float64(0.3), patience=1),
    "warm-up and cosine": lambda: optim.WarmupCosine(0.3, np.int64(3), 8, lowest=0.01),
}
each_schedule = pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
LOSSES = [None, np.float32(0.7), 0.8, math.nan, np.float64(0.1), 0.6, 0.1, None, 0.2, 0.1, 0.2]


@each_schedule
def test_a_schedule_saved_between_any_two_calls_goes_on_bit_for_bit(make, tmp_path):
    expected = rates(make(), LOSSES, optim.Adam(np.float64(0.7)))
    for calls in range(len(LOSSES)):
        before, after = make(), make()
        rates(before, LOSSES[:calls], optim.Adam(np.float64(0.7)))
        weights.save(tmp_path / "saved", before.state)
        after.state = weights.load(tmp_path / "saved")
        assert rates(after, LOSSES[calls:], optim.Adam(np.float64(0.7))) == expected[calls:]


@each_schedule
def test_a_schedule_is_made_of_plain_numbers_and_sets_plain_rates(make):
    schedule, optimizer = make(), optim.Adam()
    for loss in LOSSES:
        schedule.step(optimizer, loss)
        assert type(optimizer.lr) is float
        assert isinstance(schedule.state, dict)
        assert all(type(leaf) in (int, float) for _, leaf in tree.leaves(schedule.state))
    assert all(isinstance(leaf, (int, float)) for _, leaf in tree.leaves(vars(schedule)))


@each_schedule
def test_a_schedule_changes_the_learning_rate_and_nothing_else(make):
    opt, (params, grads) = optim.Adam(0.1), model()
    opt.step(params, grads)
    before = bits({**vars(opt), "lr": None})
    rates(make(), LOSSES, opt)
    assert bits({**vars(opt), "lr": None}) == before


@pytest.mark.parametrize("says, schedule, settings", [
    ("factor is 1.0, expected a number of at least 0 and below 1", optim.ReduceOnPlateau, {"factor": 1.0}),
    ("factor is -0.1, expected a number of at least 0 and below 1", optim.ReduceOnPlateau, {"factor": -0.1}),
    ("factor is nan, expected a number of at least 0 and below 1", optim.ReduceOnPlateau, {"factor": math.nan}),
    ("patience is -1, expected a whole number of at least 0", optim.ReduceOnPlateau, {"patience": -1}),
    ("patience is 1.5, expected a whole number of at least 0", optim.ReduceOnPlateau, {"patience": 1.5}),
    ("threshold is 1.0, expected a number of at least 0 and below 1", optim.ReduceOnPlateau, {"threshold": 1.0}),
    ("min_lr is -1.0, expected a finite number of at least 0", optim.ReduceOnPlateau, {"min_lr": -1.0}),
    ("peak is 0.0, expected a number above 0", optim.WarmupCosine, {"peak": 0.0}),
    ("warmup is -1, expected a whole number of at least 0", optim.WarmupCosine, {"warmup": -1}),
    ("warmup is 0.1, expected a whole number of at least 0", optim.WarmupCosine, {"warmup": 0.1}),
    ("total is 4, expected a whole number of at least 5", optim.WarmupCosine, {"total": 4}),
    ("lowest is 2.0, expected a number of at least 0 and below 1.0", optim.WarmupCosine, {"lowest": 2.0}),
    ("lowest is -1.0, expected a number of at least 0 and below 1.0", optim.WarmupCosine, {"lowest": -1.0}),
])
def test_settings_that_are_no_schedule_are_refused(says, schedule, settings):
    given = {"peak": 1.0, "warmup": 3, "total": 9} if schedule is optim.WarmupCosine else {}
    with pytest.raises((TypeError, ValueError)) as caught:
        schedule(**given | settings)
    assert str(caught.value) == says
