"""The training loop: the article's four steps (section 3), again and again, and what makes a long run safe."""

import functools
import hashlib
import math
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import boundary, files, losses, optim, printing, tree, weights
from .layers.layer import accepted

REMEDY = "lower the learning rate or clip, or scale the data"


class Batch(NamedTuple):
    """Sequences and their targets: x (B, T, D), or a tuple of such arrays for a model that reads several; y (B, ...);
    and for padded ones lengths (B,) and the loss's mask."""
    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None = None
    mask: np.ndarray | None = None

    def rows(self, which):
        """Some of the sequences."""
        return Batch(*(tree.map(lambda a: a[which], part) for part in self))

    def chunks(self, steps):
        """Consecutive stretches of at most `steps` steps, for truncated BPTT; None is all steps at once."""
        if steps is None:
            yield self
            return
        steps, lengths = boundary.size("steps", steps), self.lengths
        if lengths is not None:
            lengths = boundary.integers("lengths", lengths, 0, self.x.shape[1], "how many steps are real")
        for start in range(0, self.x.shape[1], steps):
            part = slice(start, start + steps)
            yield Batch(self.x[:, part], self.y[:, part],
                        None if lengths is None else np.clip(lengths - start, 0, steps),
                        None if self.mask is None else self.mask[:, part])


def step(model, params, optimizer, batch, state=None, loss=losses.mse, clip=1.0, rng=None):
    """One update of the weights. Returns the loss, the gradient's norm before clipping, and the state at the end. `rng`
    is for dropout; clip=None does not clip.

    Raises FloatingPointError, before the optimizer touches the weights, if the loss or the norm is not finite.
    """
    batch = _batch("batch", batch)
    try:
        prediction, state, cache = _forward(model, params, batch, state, rng, training=True)  # 1 forward, 2 states
        value, loss_cache = loss(prediction, batch.y, batch.mask)
        grads, *_ = model.backward(cache, loss.backward(loss_cache))  # 3 backward pass
        norm = optim.clip_by_norm(grads, math.inf if clip is None else clip)
    except boundary.NotFinite:  # inside the model: the data was checked before
        value = norm = math.nan
    if not (math.isfinite(value) and math.isfinite(norm)):
        raise FloatingPointError(f"the loss is {float(value):.4g} and the gradient's norm {norm:.4g}")
    optimizer.step(params, grads)  # 4 weight update
    return float(value), norm, state


def _forward(model, params, batch, state, rng=None, training=False):
    """What the model makes of a batch, its state or None, and a cache. A model without a state may have other outputs,
    such as the weights of its attention."""
    given = accepted(model, state=state, lengths=batch.lengths, rng=rng, training=training, inference=not training)
    prediction, *after, cache = model.forward(params, batch.x, **given)
    return prediction, after[0] if "state" in model.takes else None, cache


def epoch(model, params, optimizer, data, rng, batch_size=32, truncate=None, loss=losses.mse, clip=1.0):
    """Once through the data in random order. Returns each step's loss and gradient norm."""
    data, rng = _batch("data", data), boundary.generator(rng)
    order = rng.permutation(len(data.y))
    values, norms = [], []
    for start in range(0, len(order), batch_size):
        state = None
        for chunk in data.rows(order[start:start + batch_size]).chunks(truncate):  # the state is carried, dh is not
            if chunk.mask is not None and not chunk.mask.any():  # nothing to learn from, but the state goes on
                _, state, _ = _forward(model, params, chunk, state)
                continue
            try:
                value, norm, state = step(model, params, optimizer, chunk, state, loss, clip, rng)
            except FloatingPointError as error:
                raise FloatingPointError(f"{error} at step {len(values) + 1} of the epoch: {REMEDY}") from None
            values.append(value)
            norms.append(norm)
    if not all(np.isfinite(p).all() for _, p in tree.leaves(params)):  # the last update was too large
        raise FloatingPointError(f"the weights are not finite and the gradient's norm was {norms[-1]:.4g} at step "
                                 f"{len(values)} of the epoch: {REMEDY}")
    return values, norms


def evaluate(model, params, data, loss=losses.mse, batch_size=256, truncate=None):
    """The mean loss over all of `data`, a few sequences and at most `truncate` steps at a time, the state carried on;
    NaN where the model itself gives no number."""
    data = _checked("data", data)
    total, count = 0.0, 0
    for start in range(0, len(data.y), batch_size):
        state = None
        for batch in data.rows(slice(start, start + batch_size)).chunks(truncate):
            n = len(batch.y) * (1 if truncate is None else batch.y.shape[1]) if batch.mask is None else batch.mask.sum()
            if not n and truncate is None:
                continue
            try:
                prediction, state, _ = _forward(model, params, batch, state)
            except boundary.NotFinite:  # inside the model: the data was checked before
                return math.nan
            if n:
                total += n * float(loss(prediction, batch.y, batch.mask)[0])
                count += n
    return float(total / count)


def fit(model, params, optimizer, train, validation=None, *, rng, epochs, batch_size=32, truncate=None, patience=None,
        loss=losses.mse, clip=1.0, schedule=None, checkpoint=None, progress=None):
    """Train `params` in place, epoch by epoch over shuffled mini-batches, and return the history.

    train, validation  (x, y), (x, y, lengths) or (x, y, lengths, mask), see Batch
    truncate           truncated BPTT: the gradient is cut every so many steps, the state is carried on; None is never
    patience           stop after so many epochs without a better validation loss; the best parameters are restored
    clip               the largest norm of the gradient; None does not clip
    rng                a np.random.Generator, or a seed
    schedule           of the learning rate, such as optim.ReduceOnPlateau: told before each epoch the last validation
                       loss, or without validation the last training loss
    checkpoint         a file, renewed after every epoch. If it exists the run goes on from it, and ends bit for bit
                       where an uninterrupted one does. It knows weights, data and the settings above, but not those
                       inside the model, such as a dropout rate: give each model a file of its own
    progress           a Progress that this training shares with others; None is a line of its own
    returns            {"train": [...], "validation": [...], "norm": [...], "best": epoch, "stopped": why}; best is 0
                       where no epoch was completed, and then `params` are what they were
    errors             FloatingPointError if the loss or the gradient is not finite; `params` are then the best so far

    Ctrl-C stops early and keeps the best so far: by validation loss, or without validation the last whole epoch.
    """
    train = _checked("train", train)
    validation = None if validation is None else _checked("validation", validation)
    rng = boundary.generator(rng)
    _check_settings(train, validation, epochs, batch_size, truncate, patience, loss, clip)
    if checkpoint is not None:
        files.check_writable(checkpoint)
    kinds = [type(one).__name__ for one in (optimizer, schedule)]
    run = _fingerprint([params, train, validation, rng.bit_generator.state, kinds, vars(optimizer),
                        schedule and vars(schedule), batch_size, truncate, patience, _identity(loss), clip])
    history = {"train": [], "validation": [], "norm": [], "best": 0, "stopped": None}
    best, lowest = tree.map(np.copy, params), math.inf
    if checkpoint is not None and Path(checkpoint).exists():
        size = sum(p.nbytes for _, p in tree.leaves(params))  # it holds a few copies of them
        saved = weights.load(checkpoint, limit=max(2**30, 8 * size))
        if not isinstance(saved, dict) or saved.get("run") != run:
            raise ValueError(f"{checkpoint} belongs to another run (other data, settings or seed): "
                             "name another file, or remove this one")
        history, best, lowest, optimizer.state = (saved[key] for key in ("history", "best", "lowest", "optimizer"))
        if schedule is not None:
            schedule.state = saved["schedule"]
        rng.bit_generator.state = saved["rng"]
        weights.restore(params, saved["params"])

    line = progress or Progress()
    try:
        while history["stopped"] is None and len(history["train"]) < epochs:
            if schedule is not None:
                schedule.step(optimizer, *(history["validation"] or history["train"])[-1:])
            with np.errstate(over="ignore", invalid="ignore"):
                values, norms = epoch(model, params, optimizer, train, rng, batch_size, truncate, loss, clip)
                value = math.inf if validation is None else evaluate(model, params, validation, loss, truncate=truncate)
            if validation is not None and not math.isfinite(value):
                raise FloatingPointError(f"the validation loss is {value:.4g} and the gradient's norm was "
                                         f"{norms[-1]:.4g} at step {len(values)} of the epoch: {REMEDY}")
            history["train"].append(float(np.mean(values)))
            history["norm"].append(float(np.max(norms)))
            if validation is not None:
                history["validation"].append(value)
            if validation is None or value < lowest:
                best, lowest, history["best"] = tree.map(np.copy, params), value, len(history["train"])
            if patience is not None and len(history["train"]) - history["best"] >= patience:
                history["stopped"] = "patience"
            if checkpoint is not None:
                weights.save(checkpoint, {"run": run, "params": params, "best": best, "lowest": lowest,
                                          "optimizer": optimizer.state, "schedule": schedule and schedule.state,
                                          "rng": rng.bit_generator.state, "history": history})
            line.show(history, epochs)
    except KeyboardInterrupt:
        history["stopped"] = "interrupted"
    except FloatingPointError as error:
        raise FloatingPointError(f"epoch {len(history['train']) + 1}: {error}") from None
    finally:
        weights.restore(params, best)
        if progress is None:
            line.close()
    history["stopped"] = history["stopped"] or "epochs"
    return history


def gradient_through_time(layer, params, x, dh, state=None):
    """The norm of dLoss/dh_t for each sequence and step, (B, T), when dh (B, T, H) is what arrives from outside.

    The layer runs one step at a time, and its state is carried on. Its backward runs one step at a time too, and the
    state's gradient is carried back. So between any two steps one can look at what comes through.
    """
    T = x.shape[1]
    caches, norms, dstate = [], np.zeros(x.shape[:2]), None
    for t in range(T):
        _, state, cache = layer.forward(params, x[:, t:t + 1], state)
        caches.append(cache)
    for t in reversed(range(T)):
        dh_t = dh[:, t:t + 1]
        through_time = 0 if dstate is None else tree.leaves(dstate)[0][1]  # of h; an LSTM's second is of c
        norms[:, t] = np.linalg.norm(dh_t[:, 0] + through_time, axis=1)
        _, _, dstate = layer.backward(caches[t], dh_t, dstate)
    return norms


class Progress:
    """One line that rewrites itself on a terminal, and nothing in a pipe.

    Trainings share it if it is given to each of them: `stage` says which one it is, and who made it closes it.
    """

    def __init__(self):
        self.stage, self.start, self.shown, self.out = "", time.monotonic(), False, printing.Steady(sys.stderr)

    def show(self, history, epochs):
        if self.out.isatty():
            best = "".join(f"  validation {value:.4g}, best at epoch {history['best']}"
                           for value in history["validation"][-1:])
            print(f"\r\033[K{self.stage}epoch {len(history['train'])}/{epochs}  loss {history['train'][-1]:.4g}{best}"
                  f"  |gradient| {history['norm'][-1]:.3g}  {time.monotonic() - self.start:.0f} s",
                  end="", file=self.out, flush=True)
            self.shown = True

    def close(self):
        if self.shown:
            print(file=self.out)


def _checked(name, data):
    """A Batch whose numbers are finite, y's where the mask keeps them, and whose parts have one entry a sequence."""
    x, *rest = _batch(name, data)
    xs = tuple(boundary.regular(f"{name} x", a) for a in (x if isinstance(x, tuple) else (x,)))
    rest = (None if a is None else boundary.regular(f"{name} {part}", a) for part, a in zip(Batch._fields[1:], rest))
    data = Batch(xs if isinstance(x, tuple) else xs[0], *rest)
    if data.lengths is not None and xs[0].ndim > 1:
        lengths = boundary.integers(f"{name} lengths", data.lengths, 0, xs[0].shape[1], "how many steps are real")
        data = data._replace(lengths=lengths)
    counts = [None if a is None else len(np.atleast_1d(a)) for a in (*xs, *data[1:])]
    if not all(a.size for a in xs) or len(set(counts) - {None}) > 1:
        raise ValueError(f"{name} holds {counts} sequences in x, y, lengths, mask, expected the same number in "
                         "each, at least one")
    if data.mask is not None and not (data.mask.dtype == bool and data.mask.shape == data.y.shape[:data.mask.ndim]
                                      and data.mask.any()):
        raise ValueError(f"{name} mask is {data.mask.dtype} of shape {data.mask.shape}, expected booleans in the "
                         f"leading axes of y {data.y.shape}, not all False: make it with losses.length_mask")
    for part, a in (*(("x", a) for a in xs), ("y", data.y if data.mask is None else data.y[data.mask])):
        if a.dtype.kind not in "iufc":
            raise TypeError(f"{name} {part} has dtype {a.dtype}, expected numbers")
        if not np.isfinite(a).all():
            raise ValueError(f"{name} {part} holds NaN or infinity, expected finite numbers: fill or drop them first")
    return data


def _batch(name, data):
    """(x, y), (x, y, lengths) or (x, y, lengths, mask) as a Batch."""
    if not isinstance(data, (tuple, list)) or not 2 <= len(data) <= len(Batch._fields):
        came = type(data).__name__ + (f" of {len(data)}" if isinstance(data, (tuple, list)) else "")
        raise TypeError(f"{name} is {came}, expected a tuple (x, y), (x, y, lengths) or (x, y, lengths, mask)")
    return Batch(*data)


def _identity(loss):
    """What tells one loss from another, whatever can be called: a partial has no name of its own."""
    if isinstance(loss, functools.partial):
        return [_identity(loss.func), list(loss.args), loss.keywords]
    return getattr(loss, "__name__", type(loss).__name__)


def _check_settings(train, validation, epochs, batch_size, truncate, patience, loss, clip):
    if not callable(getattr(loss, "backward", None)):
        raise TypeError(f"loss is {boundary.brief(loss)}, expected a function whose attribute `backward` is its "
                        "backward: see losses.py")
    boundary.positive("clip", math.inf if clip is None else clip)
    boundary.size("epochs", epochs, least=0), boundary.size("batch_size", batch_size)
    for name, value in (("truncate", truncate), ("patience", patience)):
        if value is not None:
            boundary.size(name, value)
    if patience is not None and validation is None:
        raise ValueError(f"patience is {patience} and there is no validation, expected both: pass validation")
    if truncate is not None and (isinstance(train.x, tuple) or train.y.shape[:2] != train.x.shape[:2]):
        expected = "one x" if isinstance(train.x, tuple) else f"{train.x.shape[:2]} and more"
        raise ValueError(f"train y has shape {train.y.shape}, expected {expected}: truncated BPTT needs a target at "
                         "every step")


def _fingerprint(settings):
    """What makes this run this run: the first weights, the data, the generator, the settings."""
    digest = hashlib.sha256()
    for path, leaf in tree.leaves(settings):
        digest.update(f"{path} {leaf.dtype}{leaf.shape}".encode() if isinstance(leaf, np.ndarray)
                      else f"{path} {leaf!r}".encode())
        if isinstance(leaf, np.ndarray):
            digest.update(np.ascontiguousarray(leaf))
    return digest.hexdigest()
