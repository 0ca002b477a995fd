"""The training loop against one written out by hand, and everything that may happen to a long run."""

import io
import math
import os
import re
import sys

import numpy as np
import pytest
from accidents import Killed, at
from helpers import assert_same, generator, normal

from minirnn import attention, gradcheck, gru, linear, losses, lstm, normalize, optim, rnn, training, tree, weights
from minirnn.layers.compose import Layer, chain, last_step, self_attention, stack, with_dropout

N, T, D, H, K = 7, 6, 2, 3, 1
MODEL = chain(lstm, linear)
LENGTHS = np.array([6, 1, 4, 6, 3, 5, 2])
OPTIMIZERS = {"momentum": lambda: optim.SGD(0.1, momentum=0.9), "adam": lambda: optim.Adam(0.05, weight_decay=0.01)}
each_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


def fresh(dtype=np.float32, seed=0):
    return MODEL.init(generator(seed), D, H, K, dtype=dtype)


def data(seed=1, dtype=np.float32):
    """Sequences of unequal length, with a target at every step."""
    rng = generator(seed)
    x, y = normal(rng, N, T, D, dtype=dtype), normal(rng, N, T, K, dtype=dtype)
    return training.Batch(x, y, LENGTHS, losses.length_mask(LENGTHS, T))


def run(make=OPTIMIZERS["adam"], seed=3, model=MODEL, schedule=None, **settings):
    """A whole training run from the start: everything that it leaves behind, as one tree."""
    params, optimizer, rng = model.init(generator(), D, H, K), make(), generator(seed)
    settings = {"train": data(), "validation": data(2), "epochs": 3, "batch_size": 4, "truncate": 2} | settings
    schedule = schedule and schedule()
    history = training.fit(model, params, optimizer, rng=rng, schedule=schedule, **settings)
    return {"params": params, "history": {**history, "stopped": [ord(c) for c in history["stopped"]]},
            "optimizer": optimizer.state, "schedule": schedule and schedule.state, "next": rng.random(3)}


STEPS = 3 * 2 * 3  # epochs, batches, chunks: what `run` makes of them


def half_a_step(optimizer, params, grads):
    params[0]["W_x"] += 1


# --- The loop itself

def test_an_epoch_of_truncated_bptt_is_this_loop():
    (x, y, lengths, mask), params, by_hand = data(), fresh(), fresh()
    values, norms = training.epoch(MODEL, params, optim.SGD(0.1), data(), generator(), 4, truncate=2, clip=0.1)
    order, optimizer, expected = generator().permutation(N), optim.SGD(0.1), []
    for rows in (order[:4], order[4:]):
        state = None
        for t in (0, 2, 4):
            steps = slice(t, t + 2)
            left = np.clip(lengths[rows] - t, 0, 2)
            prediction, state, cache = MODEL.forward(by_hand, x[rows, steps], state, left)
            value, loss_cache = losses.mse(prediction, y[rows, steps], mask[rows, steps])
            grads, _, _ = MODEL.backward(cache, losses.mse_backward(loss_cache))
            expected.append((value, optim.clip_by_norm(grads, 0.1)))
            optimizer.step(by_hand, grads)
    assert list(zip(values, norms)) == expected
    assert_same(params, by_hand)


def test_two_steps_of_fit_are_this_loop():
    model, rng = chain(rnn, last_step, linear), generator()
    params = model.init(rng, D, H, K)
    by_hand, optimizer = tree.map(np.copy, params), optim.Adam(0.1)
    x, y = data().x, data().y[:, -1]
    history = training.fit(model, params, optim.Adam(0.1), (x, y), rng=generator(5), epochs=1, batch_size=4, clip=0.01)
    order, norms = generator(5).permutation(N), []
    for rows in (order[:4], order[4:]):
        prediction, _, cache = model.forward(by_hand, x[rows])
        _, loss_cache = losses.mse(prediction, y[rows])
        grads, _, _ = model.backward(cache, losses.mse_backward(loss_cache))
        norms.append(optim.clip_by_norm(grads, 0.01))
        optimizer.step(by_hand, grads)
    assert_same(params, by_hand)
    assert history["norm"] == [max(norms)] and max(norms) > 0.01  # the norm before clipping


def frozen_losses(truncate, mask):
    """The losses of an epoch that leaves the weights as they are, so that they only show what the model saw."""
    batch = data(dtype=np.float64)._replace(lengths=None, mask=mask)
    return training.epoch(MODEL, fresh(np.float64), optim.SGD(0.0), batch, generator(), N, truncate)[0]


def test_the_state_is_carried_over_the_cuts():
    assert np.mean(frozen_losses(truncate=2, mask=None)) == pytest.approx(frozen_losses(None, None)[0], rel=1e-12)


def test_the_state_is_carried_through_a_stretch_that_does_not_count():
    """A mask may leave out the first steps, for the state to warm up."""
    late = np.broadcast_to(np.arange(T) >= 4, (N, T))
    assert frozen_losses(truncate=2, mask=late) == pytest.approx(frozen_losses(None, late), rel=1e-12)


def test_every_sequence_is_used_once_an_epoch_in_another_order():
    seen = []

    def forward(params, x, state=None, lengths=None):
        seen.append(x[:, 0, 0].astype(int).tolist())
        return MODEL.forward(params, x, state)

    x = np.broadcast_to(np.arange(N, dtype=np.float32)[:, None, None], (N, T, D))
    training.fit(MODEL._replace(forward=forward), fresh(), optim.SGD(0.0), (x, data().y), rng=generator(), epochs=2,
                 batch_size=3)
    first, second = sum(seen[:3], []), sum(seen[3:], [])
    assert sorted(first) == sorted(second) == list(range(N)) and first != second
    assert [len(rows) for rows in seen[:3]] == [3, 3, 1]


@pytest.mark.parametrize("batch", [data(dtype=np.float64), data(dtype=np.float64)._replace(lengths=None, mask=None)],
                         ids=["masks", "no masks"])
def test_evaluate_is_the_mean_over_everything_that_counts(batch):
    params = fresh(np.float64)
    prediction, *_ = MODEL.forward(params, batch.x, None, batch.lengths)
    at_once, _ = losses.mse(prediction, batch.y, batch.mask)
    for batch_size in (1, 2, N):
        assert training.evaluate(MODEL, params, batch, batch_size=batch_size) == pytest.approx(at_once, rel=1e-14)


# --- How a run ends

def test_early_stopping_restores_the_parameters_of_the_best_epoch(monkeypatch):
    scripted, seen = iter([3.0, 2.0, 1.0, 1.5, 1.0]), []
    monkeypatch.setattr(training, "evaluate", lambda model, params, *rest, **_: (seen.append(tree.map(np.copy, params)),
                                                                            next(scripted))[1])
    params = fresh()
    history = training.fit(MODEL, params, optim.Adam(), data(), data(2), rng=generator(), epochs=9, patience=2)
    assert (history["best"], history["stopped"], len(history["train"])) == (3, "patience", 5)
    assert_same(params, seen[2])


@pytest.mark.parametrize("call", [1, 2, 6, 7, 18])
@pytest.mark.parametrize("half", [None, half_a_step], ids=["before the weights", "half the weights changed"])
def test_ctrl_c_in_a_step_keeps_the_last_whole_epoch(call, half, monkeypatch):
    params, expected, whole, settings = fresh(), fresh(), (call - 1) // 6, {"batch_size": 4, "truncate": 2}
    with monkeypatch.context() as patch:
        patch.setattr(optim.Adam, "step", at(call, optim.Adam.step, KeyboardInterrupt, half))
        history = training.fit(MODEL, params, optim.Adam(0.05), data(), rng=generator(), epochs=5, **settings)
    assert history["stopped"] == "interrupted" and len(history["train"]) == whole
    training.fit(MODEL, expected, optim.Adam(0.05), data(), rng=generator(), epochs=whole, **settings)
    assert_same(params, expected)


def test_ctrl_c_keeps_the_best_by_validation(monkeypatch):
    scripted, seen = iter([2.0, 1.0, 3.0]), []
    monkeypatch.setattr(training, "evaluate", lambda model, params, *rest, **_: (seen.append(tree.map(np.copy, params)),
                                                                            next(scripted))[1])
    monkeypatch.setattr(training, "step", at(10, training.step, KeyboardInterrupt))
    params = fresh()
    history = training.fit(MODEL, params, optim.Adam(), data(), data(2), rng=generator(), epochs=9, batch_size=3)
    assert history["stopped"] == "interrupted" and history["best"] == 2
    assert_same(params, seen[1])


def test_ctrl_c_while_the_checkpoint_is_written_loses_nothing_but_that_epoch(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", at(2, np.savez, KeyboardInterrupt))
        run(checkpoint=tmp_path / "checkpoint")
    assert os.listdir(tmp_path) == ["checkpoint"]
    assert_same(run(checkpoint=tmp_path / "checkpoint"), run())


@pytest.mark.parametrize("make, lr", [(optim.SGD, 1e30), (optim.SGD, 1e38), (optim.Adam, 1e20), (optim.Adam, 1e38)])
@pytest.mark.parametrize("validation", [None, data(2)], ids=["", "validation"])
@pytest.mark.parametrize("batch_size", [4, N])
def test_a_learning_rate_far_too_high_is_told_in_one_line(make, lr, validation, batch_size):
    params = fresh()
    with pytest.raises(FloatingPointError) as caught:
        training.fit(MODEL, params, make(lr), data(), validation, rng=generator(), epochs=9, batch_size=batch_size)
    assert re.fullmatch(r"epoch \d: the ((validation )?loss is \S+|weights are not finite) and the gradient's norm "
                        r"(was )?\S+ at step \d of the epoch: lower the learning rate or clip, or scale the data",
                        str(caught.value))
    assert all(np.isfinite(p).all() for _, p in tree.leaves(params))


def test_a_gradient_that_is_no_number_is_told_and_the_best_so_far_kept():
    def backward(caches, dy, dstate=None):
        grads, *rest = MODEL.backward(caches, dy, dstate)
        grads[0]["U_h"] = grads[0]["U_h"] * np.nan
        return grads, *rest

    good = iter([MODEL.backward] * 3)  # an epoch and a half
    model = MODEL._replace(backward=lambda *args: next(good, backward)(*args))
    params, expected = fresh(), fresh()
    with pytest.raises(FloatingPointError, match=r"^epoch 2: the loss is \d\.\d+ and the gradient's norm nan at step"):
        training.fit(model, params, optim.Adam(), data(), rng=generator(), epochs=9, batch_size=4)
    training.fit(MODEL, expected, optim.Adam(), data(), rng=generator(), epochs=1, batch_size=4)
    assert_same(params, expected)


def test_a_step_with_a_loss_that_is_no_number_leaves_the_weights():
    params = tree.map(lambda p: p * 1e38, fresh())
    with pytest.raises(FloatingPointError, match="the loss is"), np.errstate(all="ignore"):
        training.step(MODEL, params, optim.SGD(0.1), data())
    assert_same(params, tree.map(lambda p: p * 1e38, fresh()))


# --- Bad input

def holding(value, part, at=(1, 0)):
    batch = data()
    array = getattr(batch, part).copy()
    array[at] = value
    return batch._replace(**{part: array})


X, Y, BAD = data().x, data().y, holding(np.nan, "x").x


@pytest.mark.parametrize("says, given", [
    ("train x holds NaN or infinity, expected finite numbers: fill", {"train": holding(np.nan, "x")}),
    ("train x holds NaN or infinity, expected finite numbers: fill", {"train": holding(np.inf, "x", (1, T - 1))}),
    ("train y holds NaN or infinity, expected finite numbers: fill", {"train": holding(np.nan, "y")}),
    ("validation y holds NaN or infinity, expected finite numbers", {"validation": holding(np.nan, "y")}),
    ("train holds [7, 6, None, None] sequences in x, y, lengths", {"train": (X, Y[1:])}),
    ("train holds [7, 7, 3, None] sequences in x, y, lengths", {"train": (X, Y, LENGTHS[:3])}),
    ("train holds [0, 0, None, None] sequences", {"train": (X[:0], Y[:0])}),
    ("train mask is bool of shape (7, 5), expected booleans in", {"train": data()._replace(mask=data().mask[:, 1:])}),
    ("train mask is int64 of shape (7, 6), expected", {"train": data()._replace(mask=data().mask.astype(int))}),
    ("train mask is bool of shape (7, 6), expected booleans in the leading axes of y (7, 6, 1), not all False",
     {"train": data()._replace(mask=np.zeros((N, T), bool))}),
    ("train y has shape (7, 1), expected (7, 6) and more: truncated BPTT needs a target", {"train": (X, Y[:, -1])}),
    ("train holds [7, 6, 7, None, None] sequences in x, y, lengths", {"train": ((X, X[1:]), Y)}),
    ("train holds [7, 7, 6, None, None] sequences in x, y, lengths", {"train": ((X, X), Y[1:])}),
    ("train holds [7, 0, 7, None, None] sequences in x, y, lengths", {"train": ((X, X[:0]), Y)}),
    ("train holds [7, 1, 7, None, None] sequences in x, y, lengths", {"train": ((X, 3.0), Y)}),
    ("train holds [7, 7, 7, None, None] sequences in x, y, lengths", {"train": ((X, X[:, :0]), Y)}),
    ("train x holds NaN or infinity, expected finite numbers: fill", {"train": ((X, BAD), Y)}),
    ("train x holds NaN or infinity, expected finite numbers: fill", {"train": ((BAD, X), Y)}),
    ("validation x holds NaN or infinity, expected finite numbers", {"validation": ((X, BAD), Y)}),
    ("train x is ragged, expected a regular array", {"train": ((X, [[1.0]] * 6 + [[1.0, 2.0]]), Y)}),
    ("train y has shape (7, 6, 1), expected one x: truncated BPTT needs", {"train": ((X, X), Y)}),
    ("epochs is -1, expected a whole number of at least 0", {"epochs": -1}),
    ("batch_size is 0, expected a whole number of at least 1", {"batch_size": 0}),
    ("truncate is 0, expected a whole number of at least 1", {"truncate": 0}),
    ("patience is 0, expected a whole number of at least 1", {"patience": 0}),
    ("clip is 0, expected a number above 0", {"clip": 0}),
    ("no such folder/a cannot be written: expected a file name in a folder", {"checkpoint": "no such folder/a"}),
])
def test_bad_input_gets_one_line_before_any_step(says, given):
    with pytest.raises(ValueError) as caught:
        run(Untouched, **given)
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


class Untouched(optim.SGD):
    """An optimizer that is not to be used."""

    def __init__(self):
        super().__init__(0.1)

    def step(self, params, grads):
        raise AssertionError("a step was made")


def test_a_missing_target_may_be_masked():
    batch = data()
    y = np.where(batch.mask[..., None], batch.y, np.nan)
    assert_same(run(train=batch._replace(y=y)), run())


def test_lists_will_do():
    batch = data()
    assert_same(run(train=(batch.x, batch.y, LENGTHS.tolist(), batch.mask.tolist())), run())


# --- Killed and started again

@each_optimizer
def test_killed_at_any_step_it_ends_where_an_uninterrupted_run_does(make, tmp_path, monkeypatch):
    uninterrupted, optimizer = run(make), type(make())
    for call in range(1, STEPS + 1):
        checkpoint = tmp_path / f"killed at {call}"
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(optimizer, "step", at(call, optimizer.step, half=half_a_step))
            run(make, checkpoint=checkpoint)
        assert_same(run(make, checkpoint=checkpoint), uninterrupted)


@pytest.mark.parametrize("half", [None, os.replace], ids=["before", "after"])
def test_killed_as_a_checkpoint_takes_its_name_it_ends_there_too(half, tmp_path, monkeypatch):
    uninterrupted = run()
    for call in (1, 2, 3):
        checkpoint = tmp_path / f"killed at {call}"
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(os, "replace", at(call, os.replace, half=half))
            run(checkpoint=checkpoint)
        assert_same(run(checkpoint=checkpoint), uninterrupted)


def test_killed_again_and_again_it_ends_there_too(tmp_path, monkeypatch):
    settings = {"epochs": 8, "patience": 3}
    uninterrupted, kills = run(**settings), 0
    while True:
        try:
            with monkeypatch.context() as patch:
                patch.setattr(optim.Adam, "step", at(STEPS // 3 + 1 + kills % 5, optim.Adam.step, half=half_a_step))
                again = run(checkpoint=tmp_path / "checkpoint", **settings)
            break
        except Killed:
            kills += 1
    assert kills >= 3
    assert_same(again, uninterrupted)


DYING = """
import os
import numpy as np
from accidents import at
from minirnn import optim
import test_training

def dying(*args, **kwargs):
    os._exit(9)  # as a kill or a power cut would: nothing is tidied up

def half_a_file(file, **arrays):
    file.write(b"PK half of it")
    file.flush()
    os._exit(9)

{where}
test_training.run(checkpoint="checkpoint")
"""


@pytest.mark.parametrize("where, epochs", [
    ("optim.Adam.step = at(10, optim.Adam.step, half=dying)", 1),
    ("np.savez = at(1, np.savez, half=half_a_file)", 0),
    ("np.savez = at(3, np.savez, half=half_a_file)", 2),
], ids=["in an epoch", "in writing the first checkpoint", "in writing the third checkpoint"])
def test_really_killed_it_ends_there_too(where, epochs, tmp_path, python):
    killed = python("-c", DYING.format(where=where))
    assert killed.returncode == 9, killed.stderr
    if epochs:
        assert len(weights.load(tmp_path / "checkpoint")["history"]["train"]) == epochs
    assert_same(run(checkpoint=tmp_path / "checkpoint"), run())


@pytest.mark.parametrize("other", [
    {"seed": 4}, {"train": data(5)}, {"validation": None}, {"make": lambda: optim.Adam(0.06)},
    {"make": OPTIMIZERS["momentum"]}, {"batch_size": 5}, {"truncate": 3}, {"patience": 7}, {"clip": 2.0},
    {"train": data()._replace(mask=None)}, {"schedule": optim.ReduceOnPlateau},
    {"make": lambda: optim.AdamW(0.05, weight_decay=0.01)},
], ids=["seed", "data", "no validation", "learning rate", "optimizer", "batch size", "truncate", "patience", "clip",
        "mask", "schedule", "decoupled weight decay"])
def test_the_checkpoint_of_another_run_is_refused_and_left_as_it_is(other, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    run(checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(ValueError, match="belongs to another run .*: name another file, or remove this one$"):
        run(checkpoint=checkpoint, **other)
    assert checkpoint.read_bytes() == before


def test_a_file_that_is_no_checkpoint_is_refused_and_left_as_it_is(tmp_path):
    weights.save(tmp_path / "weights", [np.ones(3)])
    (tmp_path / "notes").write_text("mine")
    for name, says in (("weights", "belongs to another run"), ("notes", "is not a whole file written by minirnn")):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(ValueError, match=says):
            run(checkpoint=tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_finished_run_is_not_run_again(tmp_path, monkeypatch):
    finished = run(checkpoint=tmp_path / "checkpoint")
    monkeypatch.setattr(optim.Adam, "step", at(1, None))
    assert_same(run(checkpoint=tmp_path / "checkpoint"), finished)


def test_more_epochs_go_on_from_a_finished_run(tmp_path):
    run(checkpoint=tmp_path / "checkpoint", epochs=2)
    assert_same(run(checkpoint=tmp_path / "checkpoint", epochs=5), run(epochs=5))


# --- A schedule of the learning rate

SCHEDULES = {"plateau": lambda: optim.ReduceOnPlateau(factor=0.5, patience=0, threshold=0.1),
             "warmup, cosine": lambda: optim.WarmupCosine(peak=0.1, warmup=2, total=6)}
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def rates(monkeypatch):
    """The learning rate of every step from now on."""
    seen, step = [], optim.Adam.step

    def recording(optimizer, params, grads):
        seen.append(optimizer.lr)
        step(optimizer, params, grads)

    monkeypatch.setattr(optim.Adam, "step", recording)
    return seen


def test_the_learning_rate_falls_when_the_validation_loss_no_longer_does(monkeypatch):
    scripted, seen = iter([4.0, 3.0, 3.5, 3.0, 2.0, 2.5, 2.6, 2.7, 2.8]), rates(monkeypatch)
    monkeypatch.setattr(training, "evaluate", lambda *args, **_: next(scripted))
    run(lambda: optim.Adam(0.8), epochs=9, schedule=lambda: optim.ReduceOnPlateau(factor=0.5, patience=1))
    assert seen == np.repeat([0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2], 6).tolist()


def test_without_validation_it_falls_when_the_training_loss_no_longer_does(monkeypatch):
    scripted, seen = iter([4.0, 3.0, 3.0, 3.0, 3.0]), []

    def epoch(model, params, optimizer, *rest):
        seen.append(optimizer.lr)
        return [next(scripted)], [1.0]

    monkeypatch.setattr(training, "epoch", epoch)
    run(lambda: optim.SGD(0.8), epochs=5, validation=None,
        schedule=lambda: optim.ReduceOnPlateau(factor=0.25, patience=0))
    assert seen == [0.8, 0.8, 0.8, 0.2, 0.05]


def test_the_learning_rate_warms_up_and_cools_down(monkeypatch):
    seen, third = rates(monkeypatch), math.pi / 3
    run(epochs=7, schedule=lambda: optim.WarmupCosine(peak=0.08, warmup=2, total=6, lowest=0.02))
    expected = [0.04, 0.08, 0.08, 0.05 + 0.03 * math.cos(third), 0.05 + 0.03 * math.cos(2 * third), 0.02, 0.02]
    assert seen == pytest.approx(np.repeat(expected, 6).tolist(), rel=1e-12)


@pytest.mark.parametrize("validation, of", [(data(2), "validation"), (None, "train")])
def test_before_each_epoch_a_schedule_is_told_the_loss_of_the_last(validation, of, tmp_path):
    told = []

    class Listening:
        state = {}

        def step(self, optimizer, *loss):
            told.append(loss)

    settings = {"validation": validation, "schedule": Listening, "checkpoint": tmp_path / "checkpoint"}
    run(**settings, epochs=2)
    history = run(**settings, epochs=4)["history"]  # goes on from there
    assert told == [(), *((loss,) for loss in history[of][:3])] and len(set(told)) == 4


@each_schedule
def test_with_a_schedule_killed_at_any_step_it_ends_where_an_uninterrupted_run_does(schedule, tmp_path, monkeypatch):
    settings = {"epochs": 6, "schedule": schedule}
    with monkeypatch.context() as patch:
        seen = rates(patch)
        uninterrupted = run(**settings)
    assert len(set(seen)) >= 3  # it changed on the way
    for call in range(1, 37, 4):
        checkpoint = tmp_path / f"killed at {call}"
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(optim.Adam, "step", at(call, optim.Adam.step, half=half_a_step))
            run(**settings, checkpoint=checkpoint)
        assert_same(run(**settings, checkpoint=checkpoint), uninterrupted)


@each_schedule
def test_with_a_schedule_more_epochs_go_on_from_a_finished_run(schedule, tmp_path):
    run(checkpoint=tmp_path / "checkpoint", epochs=3, schedule=schedule)
    assert_same(run(checkpoint=tmp_path / "checkpoint", epochs=6, schedule=schedule), run(epochs=6, schedule=schedule))


@each_schedule
@pytest.mark.parametrize("other", [
    None,
    lambda: optim.ReduceOnPlateau(factor=0.4, patience=0, threshold=0.1),
    lambda: optim.ReduceOnPlateau(factor=0.5, patience=1, threshold=0.1),
    lambda: optim.WarmupCosine(peak=0.1, warmup=2, total=7),
    lambda: optim.WarmupCosine(peak=0.2, warmup=2, total=6),
    lambda: type("Another", (optim.ReduceOnPlateau,), {})(factor=0.5, patience=0, threshold=0.1),
    lambda: type("Another", (optim.WarmupCosine,), {})(peak=0.1, warmup=2, total=6),
], ids=["none", "factor", "patience", "total", "peak", "plateau's kind", "cosine's kind"])
def test_the_checkpoint_of_a_run_with_another_schedule_is_refused_and_left_as_it_is(schedule, other, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    run(checkpoint=checkpoint, schedule=schedule)
    before = checkpoint.read_bytes()
    with pytest.raises(ValueError, match="belongs to another run .*: name another file, or remove this one$"):
        run(checkpoint=checkpoint, schedule=other)
    assert checkpoint.read_bytes() == before


# --- Models that do something else in training: dropout, batch normalization

DROPPING = chain(stack(lstm, 2, dropout=0.3), with_dropout(linear, 0.2))
NORMALIZED = chain(normalize.batch_norm, lstm, linear)


def test_two_steps_with_dropout_are_this_loop():
    """One generator gives the order and then, step by step, the masks."""
    (x, y, lengths, mask), rng = data(), generator(5)
    params, by_hand = (DROPPING.init(generator(), D, H, K) for _ in range(2))
    training.fit(DROPPING, params, optim.SGD(0.1), data(), rng=generator(5), epochs=1, batch_size=4)
    order, optimizer = rng.permutation(N), optim.SGD(0.1)
    for rows in (order[:4], order[4:]):
        prediction, _, cache = DROPPING.forward(by_hand, x[rows], None, lengths[rows], rng, training=True)
        _, loss_cache = losses.mse(prediction, y[rows], mask[rows])
        grads, _, _ = DROPPING.backward(cache, losses.mse_backward(loss_cache))
        optim.clip_by_norm(grads, 1.0)
        optimizer.step(by_hand, grads)
    assert_same(params, by_hand)


def test_dropout_draws_from_rng_in_training_and_not_in_evaluation():
    params, rng = DROPPING.init(generator(), D, H, K), generator(5)
    one, two = (training.step(DROPPING, params, optim.SGD(0.0), data(), rng=rng)[0] for _ in range(2))
    again = training.step(DROPPING, params, optim.SGD(0.0), data(), rng=generator(5))[0]
    assert one == again != two
    prediction, _, _ = DROPPING.forward(params, data().x, None, LENGTHS)
    expected, _ = losses.mse(prediction, data().y, data().mask)
    for _ in range(2):
        assert training.evaluate(DROPPING, params, data()) == pytest.approx(expected, rel=1e-6)
    assert training.evaluate(DROPPING, params, data()) == training.evaluate(DROPPING, params, data())


def test_validation_is_without_dropout():
    after = run(lambda: optim.SGD(0.0), model=DROPPING, validation=data())
    params, history = after["params"], after["history"]
    assert history["validation"] == [training.evaluate(DROPPING, params, data(), truncate=2)] * 3
    assert len({*history["train"], *history["validation"]}) == 4  # and training with it


def test_a_stretch_that_does_not_count_draws_no_masks():
    batch, rng = data()._replace(lengths=None, mask=np.broadcast_to(np.arange(T) >= 4, (N, T))), generator(5)
    params, last = DROPPING.init(generator(), D, H, K), generator(5)
    values, _ = training.epoch(DROPPING, params, optim.SGD(0.0), batch, rng, N, truncate=2)
    rows = last.permutation(N)
    _, state, _ = DROPPING.forward(params, batch.x[rows, :4])
    prediction, _, _ = DROPPING.forward(params, batch.x[rows, 4:], state, rng=last, training=True)
    assert values == [pytest.approx(losses.mse(prediction, batch.y[rows, 4:])[0], rel=1e-6)]
    assert rng.random() == last.random()


def test_a_step_with_dropout_and_no_rng_is_told_in_one_line():
    with pytest.raises(ValueError, match="^rng is None, expected a np.random.Generator while training"):
        training.step(DROPPING, DROPPING.init(generator(), D, H, K), optim.SGD(0.1), data())


@pytest.mark.parametrize("model", [DROPPING, NORMALIZED], ids=["dropout", "batch_norm"])
def test_they_too_killed_at_any_step_end_where_an_uninterrupted_run_does(model, tmp_path, monkeypatch):
    settings = {"model": model, "truncate": None}  # 2 steps an epoch
    uninterrupted = run(**settings)
    for call in range(1, 7):
        checkpoint = tmp_path / f"killed at {call}"
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(optim.Adam, "step", at(call, optim.Adam.step))
            run(**settings, checkpoint=checkpoint)
        assert_same(run(**settings, checkpoint=checkpoint), uninterrupted)


def statistics(params):
    return {name: params[0][name].copy() for name in ("mean", "var")}


def test_the_running_statistics_move_in_training_to_those_of_the_data():
    x, y = 3 + 2 * normal(generator(6), 50, T, D, dtype=np.float32), normal(generator(7), 50, T, K, dtype=np.float32)
    params = NORMALIZED.init(generator(), D, H, K)
    training.fit(NORMALIZED, params, optim.Adam(0.01), (x, y), rng=generator(), epochs=1, batch_size=50)
    mean, var = x.mean(axis=(0, 1)), x.var(axis=(0, 1), ddof=1)
    assert_same(statistics(params), {"mean": 0.1 * mean, "var": 0.9 + 0.1 * var}, 1e-5)
    training.fit(NORMALIZED, params, optim.Adam(0.01), (x, y), rng=generator(), epochs=60, batch_size=50)
    assert_same(statistics(params), {"mean": mean, "var": var}, 0.05)


@pytest.mark.parametrize("make", [lambda: optim.Adam(0.05, weight_decay=0.01), lambda: optim.AdamW(0.05)],
                         ids=["adam", "adamw"])
def test_weight_decay_leaves_the_running_statistics_alone(make):
    x, y = 3 + 2 * normal(generator(6), 50, D, dtype=np.float32), normal(generator(7), 50, K, dtype=np.float32)
    model = chain(normalize.batch_norm, linear)
    params = model.init(generator(), D, K)
    training.fit(model, params, make(), (x, y), rng=generator(), epochs=10, batch_size=50)
    assert_same(params[0]["mean"], (1 - 0.9**10) * x.mean(axis=0), 1e-4)


def test_the_running_statistics_stay_in_evaluation_and_serve_there():
    params = NORMALIZED.init(generator(), D, H, K)
    training.fit(NORMALIZED, params, optim.Adam(0.01), data(), rng=generator(), epochs=3)
    before = statistics(params)
    value = training.evaluate(NORMALIZED, params, data())
    assert_same(statistics(params), before)
    prediction, _, _ = NORMALIZED.forward(params, data().x, None, LENGTHS)
    assert value == pytest.approx(losses.mse(prediction, data().y, data().mask)[0], rel=1e-6)
    params[0]["mean"] += 1
    assert abs(training.evaluate(NORMALIZED, params, data()) - value) > 1e-3


def test_the_running_statistics_are_in_the_checkpoint_and_of_the_best_epoch(monkeypatch, tmp_path):
    scripted, seen = iter([3.0, 1.0, 2.0]), []
    monkeypatch.setattr(training, "evaluate", lambda model, params, *rest, **_: (seen.append(tree.map(np.copy, params)),
                                                                            next(scripted))[1])
    after = run(model=NORMALIZED, truncate=None, checkpoint=tmp_path / "checkpoint")
    saved = weights.load(tmp_path / "checkpoint")
    assert_same([after["params"], saved["best"], saved["params"]], [seen[1], seen[1], seen[2]])
    assert all((seen[1][0][name] != seen[2][0][name]).all() for name in ("mean", "var"))


def test_ctrl_c_takes_back_the_running_statistics_of_the_epoch_it_came_in(monkeypatch):
    settings = {"model": NORMALIZED, "validation": None, "truncate": None}
    with monkeypatch.context() as patch:
        patch.setattr(optim.Adam, "step", at(4, optim.Adam.step, KeyboardInterrupt))
        after = run(**settings)
    assert_same(after["params"], run(**settings, epochs=1)["params"])


# --- Models without a state, and models of several inputs

def test_a_layer_alone_can_be_trained_as_in_a_chain():
    x, y, settings = X[:, 0], X[:, 0] @ np.float32([[1.0], [-2.0]]), {"rng": generator(), "epochs": 60, "batch_size": 3}
    params, chained = linear.init(generator(), D, K), chain(linear).init(generator(), D, K)
    history = training.fit(linear, params, optim.Adam(0.05), (x, y), (x, y), **settings)
    assert history["validation"][-1] < 1e-3 < training.evaluate(linear, linear.init(generator(), D, K), (x, y))
    again = training.fit(chain(linear), chained, optim.Adam(0.05), (x, y), (x, y), **settings | {"rng": generator()})
    assert_same([params], chained)
    assert again == history


def test_a_layer_without_a_state_can_be_trained_in_chunks():
    """The weights of attention come where others have their state, and are none."""
    model = self_attention(attention.additive)
    params, by_hand = (model.init(generator(), D) for _ in range(2))
    values, _ = training.epoch(model, params, optim.SGD(0.1), training.Batch(X, X[:, ::-1], LENGTHS), generator(), N, 4)
    rows, optimizer, expected = generator().permutation(N), optim.SGD(0.1), []
    for t, steps in ((0, 4), (4, 2)):
        part = slice(t, t + 4)
        y, looked, cache = model.forward(by_hand, X[rows, part], np.clip(LENGTHS[rows] - t, 0, steps))
        value, loss_cache = losses.mse(y, X[rows, ::-1][:, part])
        grads, _ = model.backward(cache, losses.mse_backward(loss_cache))
        optim.clip_by_norm(grads, 1.0)
        optimizer.step(by_hand, grads)
        expected.append(value)
    assert values == expected and looked.shape == (N, 2, 2)
    assert_same(params, by_hand)


BOTH = Layer(linear.init, lambda params, x: linear.forward(params, np.concatenate(x, axis=-1)), linear.backward,
             takes=())


def test_the_rows_of_a_batch_are_those_of_all_its_parts():
    batch, which = data()._replace(x=(X, (10 * X)[:, 0])), np.array([5, 0])
    (one, two), y, lengths, mask = batch.rows(which)
    for part, whole in ((one, X), (two, (10 * X)[:, 0]), (y, Y), (lengths, LENGTHS), (mask, data().mask)):
        np.testing.assert_array_equal(part, whole[which])
    assert training.Batch((X, X), Y).rows(slice(0, 2))[2:] == (None, None)
    assert isinstance(batch.rows(which), training.Batch) and next(batch.chunks(None)) is batch


@pytest.mark.parametrize("as_given", [tuple, lambda x: tuple(part.tolist() for part in x)], ids=["arrays", "lists"])
def test_several_inputs_are_shuffled_together(as_given):
    """Two halves of the features, given as two inputs, train as the whole does."""
    one, two = (linear.init(generator(), D, K) for _ in range(2))
    settings = {"epochs": 3, "batch_size": 3}
    split = as_given((X[..., :1], X[..., 1:]))
    history = training.fit(BOTH, one, optim.Adam(), (split, Y), (split, Y), rng=generator(), **settings)
    assert history == training.fit(linear, two, optim.Adam(), (X, Y), (X, Y), rng=generator(), **settings)
    assert_same(one, two, 1e-6)
    for batch_size in (1, 3, N):
        assert training.evaluate(BOTH, one, (split, Y), batch_size=batch_size) == pytest.approx(
            training.evaluate(linear, two, (X, Y)), rel=1e-5)


@pytest.mark.parametrize("other", [(X, 2 * X), (2 * X, X), (X, X, X)], ids=["second", "first", "one more"])
def test_a_checkpoint_knows_all_inputs(other, tmp_path):
    def fit(x):
        model = BOTH._replace(forward=lambda params, x: linear.forward(params, x[0] + x[1]))
        training.fit(model, linear.init(generator(), D, K), optim.Adam(), (x, Y), rng=generator(), epochs=1,
                     checkpoint=tmp_path / "checkpoint")

    fit((X, X))
    fit((X, X))
    with pytest.raises(ValueError, match="belongs to another run"):
        fit(other)


# --- What one sees of it

class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_shown_in_a_pipe(capsys):
    run()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("validation, shows", [(data(2), "validation"), (None, "loss")])
def test_on_a_terminal_one_line_rewrites_itself(validation, shows, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    run(validation=validation)
    line = sys.stderr.getvalue()
    shown = line.split("\r\033[K")
    assert [text[:9] for text in shown] == ["", "epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert line.count("\n") == 1 and line.endswith("\n") and shows in line


def test_an_error_starts_on_a_line_of_its_own(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(optim.Adam, "step", at(STEPS, optim.Adam.step))
    with pytest.raises(Killed):
        run()
    assert sys.stderr.getvalue().endswith("\n")


# --- The gradient through time

@pytest.mark.parametrize("layer", [rnn, lstm, gru], ids=["rnn", "lstm", "gru"])
def test_the_gradient_through_time_is_that_of_finite_differences(layer):
    rng = generator(4)
    params = tree.map(lambda p: normal(rng, *p.shape), layer.init(rng, D, H, dtype=np.float64))
    x, dh = normal(rng, 2, T, D), normal(rng, 2, T, H)
    norms = training.gradient_through_time(layer, params, x, dh)
    for t in range(T):
        _, state, _ = layer.forward(params, x[:, :t + 1])
        h_t = state[0] if layer is lstm else state

        def loss_from_here_on(h_t):
            later = layer.forward(params, x[:, t + 1:], state)[0] if t + 1 < T else 0
            return (dh[:, t] * h_t).sum() + (dh[:, t + 1:] * later).sum()

        dh_t = gradcheck.numerical(loss_from_here_on, h_t)  # moves h_t where it lies, inside `state`
        np.testing.assert_allclose(norms[:, t], np.linalg.norm(dh_t, axis=1), rtol=1e-7)


def test_the_gradient_through_time_starts_from_a_given_state():
    rng = generator(4)
    params, x, dh = rnn.init(rng, D, H, dtype=np.float64), normal(rng, 2, T, D), normal(rng, 2, T, H)
    _, state, _ = rnn.forward(params, x[:, :2])
    np.testing.assert_allclose(training.gradient_through_time(rnn, params, x[:, 2:], dh[:, 2:], state),
                               training.gradient_through_time(rnn, params, x, dh)[:, 2:], rtol=1e-14)
