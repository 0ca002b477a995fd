"""The experiments of "Long Short-Term Memory", Hochreiter and Schmidhuber 1997, at full length:

    python tutorials/hochreiter1997.py [TASK ...] [--trials N] [--seed S] [--quick]

Each trial trains an LSTM, and beside it a plain RNN, until the paper's own criterion of "solved" is met. It counts
every training sequence presented, also repeats and the short ones of a curriculum. After each run the results go to
hochreiter1997.json. So after an interruption the same command goes on. It trains the trials that are missing there, and
then prints the table of all. Without TASK, all of them. Set OPENBLAS_NUM_THREADS=1: the networks are small.

The number of sequences of a trial depends on the processor: another one adds up in another order, and a last digit
grows until another trial has come of it. So the file says on which processor each run was made.

Solved is said twice. First the most recent training sequences, each as the network answered it before it learned from
it: at most `allowed` of `recent` are wrong, that is, have an output further from its target than `margin`; for some
tasks the mean error is bounded too. Then test sequences that it has never seen: at most `test_allowed` of `test` are
wrong. If these fail, training goes on until as many new training sequences are right again, and others are drawn.
"""

import argparse
import functools
import itertools
import json
import os
import platform
import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
from common import FIGURES, QUICK, save

from minirnn import compose, datasets, embedding, fast, files, initialize, linear, losses, optim, plots, rnn, training
from minirnn.activations import softmax
from minirnn.training import Batch

RESULTS = Path(__file__).with_suffix(".json")
NOTE = """Our LSTM has a forget gate and learns by full backpropagation through time with Adam, in small batches,
clipped at norm 1; the paper's has no forget gate and learns online, by truncated gradients. Set-up: inputs-units-
outputs, then what differs from row to row; b_f is the forget gate's first bias, T the lengths of a curriculum, all of
them counted. Mean and range are over the trials that were solved; an LSTM may use twice the paper's sequences. The
plain RNN starts orthogonal, with 0.3 of the learning rate and three times the sequences that the LSTM needed, but no
more than the paper's: how many trials it solved, and its mean sequences, solved or not."""
RNN_LR, RNN_BUDGET = 0.3, 3  # the plain RNN's learning rate, in the LSTM's, and its sequences, in those the LSTM needed


# --- Where the sequences come from: each a function of rng, n and the length T, which gives a Batch

def reber(rng, n, T, exclude=None):
    """The target of a step is the symbol that follows and, behind it, which are legal."""
    x, y, lengths, mask, legal = datasets.embedded_reber(rng, n, exclude)
    return Batch(x, np.concatenate([y[..., None], legal], axis=2), lengths, mask)


def long_lag(rng, n, T):
    """p = 100; for T < 100 only the last T - 1 of the a_i, so that what comes before the last symbol stays the same."""
    x, y = datasets.long_lag(rng, n, p=100)
    kept = np.r_[0, 101 - T:100]
    x, last = x[:, kept], y[:, -1:]
    return Batch(x, np.concatenate([x[:, 1:].argmax(axis=2), last], axis=1))


def distractors(rng, n, T, p):
    return Batch(*datasets.distractors(rng, n, q=T, p=p, one_hot=False))


def two_sequence(rng, n, T, N):
    x, y, lengths = datasets.two_sequence(rng, n, T, N)
    return Batch(x, y[:, 0].astype(int), lengths)


def given(generator, **settings):
    return lambda rng, n, T: Batch(*generator(rng, n, T, **settings))


# --- What is wrong with an answer: the largest error among all outputs of a sequence, (n,)

def largest(errors, y):
    return errors.reshape(len(y), -1).max(axis=1)


def distance(answer, y, mask):
    return largest(np.abs(answer - y), y)


def of_probabilities(logits, y, mask):
    return largest(np.abs(softmax(logits) - np.eye(logits.shape[-1])[y]), y)


def illegal(logits, y, mask):
    """1 where, at some step, an illegal symbol is at least as active as a legal one."""
    legal = y[..., 1:] > 0
    wrong = np.where(legal, logits, np.inf).min(axis=2) <= np.where(legal, -np.inf, logits).max(axis=2)
    return (wrong & mask).any(axis=1).astype(float)


def next_symbol(logits, y, mask):
    return losses.cross_entropy(logits, y[..., 0], mask)


next_symbol.backward = losses.cross_entropy.backward


class Task(NamedTuple):
    """An experiment. The learning rate falls in proportion to the mean error of the most recent training sequences,
    once that is below `slow`: lr · error / slow."""
    paper: int  # sequences until the paper's LSTM had solved it
    draw: Callable
    widths: tuple  # of the network, such as inputs, units, outputs
    loss: Callable
    error: Callable
    margin: float  # a sequence with a larger error is wrong
    recent: int
    test: int
    allowed: int = 0  # wrong ones among the recent
    mean: float = np.inf  # error of the recent
    test_allowed: int = 0  # wrong ones in the test
    lengths: tuple = (100,)  # the curriculum: T, the last one that of the experiment
    advance: float = 0.0  # to the next T when the mean error of the last 200 is below this
    chrono: Any = None  # T of the chrono initialization; None is the usual b_f = 1
    layers: tuple = ("recurrent", compose.last_step, linear)
    batch: int = 8
    lr: float = 0.01
    beta2: float = 0.999  # of Adam
    slow: float = 0.0  # the error from which on the learning rate falls
    strings: int = 0  # the size of a fixed training set; 0 is a new sequence each time


adding = Task(74_000, given(datasets.adding), (2, 16, 1), losses.mse, distance, 0.04, 2000, 2560, mean=0.01,
              test_allowed=1, chrono=100, slow=0.02)
order = Task(31_390, given(datasets.temporal_order), (8, 16, 4), losses.cross_entropy, of_probabilities, 0.3, 2000,
             2560, mean=0.1, test_allowed=1, chrono=100)
two = Task(27_380, functools.partial(two_sequence, N=3), (1, 16, 2), losses.cross_entropy, of_probabilities, 0.5, 200,
           256, chrono=100)
TASKS = {
    "1 embedded Reber": Task(8_440, reber, (7, 24, 7), next_symbol, illegal, 0.5, 50, 512, strings=256,
                             layers=("recurrent", linear), batch=4),
    "2a": Task(5_040, long_lag, (101, 64, 101), losses.cross_entropy, of_probabilities, 0.25, 40, 10_000,
               layers=("recurrent", linear), batch=2, lr=0.02, beta2=0.97, chrono=100,
               lengths=(5, 7, 10, 14, 20, 28, 40, 56, 80, 100), advance=0.1),
    "2c (1000, 1000)": Task(49_000, functools.partial(distractors, p=1000), (1004, 8, 16, 2), losses.cross_entropy,
                            of_probabilities, 0.2, 200, 10_000, chrono=1000, lengths=(50, 200, 1000), advance=0.1,
                            layers=(embedding, "recurrent", compose.last_step, linear)),
    "3a T=100 N=3": two,
    "3a T=100 N=1": two._replace(paper=58_370, draw=functools.partial(two_sequence, N=1)),
    "3a T=1000 N=3": two._replace(paper=446_850, chrono=1000, slow=0.2, lengths=(100, 300, 1000), advance=0.05),
    "4 adding T=100": adding,
    "4 adding T=500": adding._replace(paper=209_000, lengths=(100, 200, 500), advance=0.02, chrono=500),
    "4 adding T=1000": adding._replace(paper=853_000, lengths=(100, 300, 1000), advance=0.02, chrono=1000),
    "5 multiplication": adding._replace(paper=482_000, draw=given(datasets.multiplication), allowed=140, mean=np.inf,
                                        test_allowed=179),
    "6a": order,
    "6b": order._replace(paper=571_100, draw=given(datasets.temporal_order, kind="6b"), widths=(8, 16, 8),
                         test_allowed=2),
}


def network(task, kind, rng):
    recurrent = {"lstm": fast.lstm, "rnn": rnn}[kind]
    model = compose.chain(*(recurrent if part == "recurrent" else part for part in task.layers))
    params = model.init(rng, *task.widths)
    if kind == "rnn":
        initialize.orthogonal(rng, params)
    elif task.chrono:
        initialize.chrono(rng, params, task.chrono)
    return model, params


def sources(task, rng, test_rng):
    """Two functions: of n and T, a batch to train on; and of nothing, the batches of a test."""
    if not task.strings:
        sizes = [min(256, task.test - start) for start in range(0, task.test, 256)]
        return (functools.partial(task.draw, rng),
                lambda: (task.draw(test_rng, n, task.lengths[-1]) for n in sizes))
    fixed = task.draw(rng, task.strings, None)
    unseen = task.draw(test_rng, task.strings, None, fixed.y[..., 0].astype(int))
    return lambda n, T: fixed.rows(rng.integers(0, task.strings, n)), lambda: (fixed, unseen)


def wrong_in_test(task, model, params, batches):
    """How many sequences are wrong; counted no further than one too many."""
    wrong = 0
    for batch in batches:
        answer, *_ = model.forward(params, batch.x, lengths=batch.lengths)
        wrong += int((task.error(answer, batch.y, batch.mask) > task.margin).sum())
        if wrong > task.test_allowed:
            break
    return wrong


def solve(name, kind, seed, budget):
    """One run: a new network and new sequences, until the task is solved or the budget is used up."""
    task, (T, *longer) = TASKS[name], TASKS[name].lengths
    rng, test_rng = (np.random.default_rng(s) for s in np.random.SeedSequence([seed, 1997]).spawn(2))
    model, params = network(task, kind, rng)
    base = task.lr * (RNN_LR if kind == "rnn" else 1)
    optimizer = optim.Adam(base, betas=(0.9, task.beta2))
    draw, test = sources(task, rng, test_rng)
    recent = deque(maxlen=task.recent)  # the errors of the last sequences at this T

    def loss(prediction, y, mask):  # sees the answers, so it can note how wrong they are
        recent.extend(task.error(prediction, y, mask).tolist())
        return task.loss(prediction, y, mask)

    loss.backward = task.loss.backward
    count, solved, wrong, curve, start, shown = 0, False, None, [[0, 1]], time.monotonic(), 0.0
    while count < budget and not solved:
        batch = draw(task.batch, T)
        try:
            training.step(model, params, optimizer, batch, loss=loss)
        except FloatingPointError:
            break
        count += task.batch
        errors = np.array(recent)
        level = float(errors[-200:].mean())
        optimizer.lr = base * min(1, max(level / task.slow, 0.03)) if task.slow else base
        if count > 1.05 * curve[-1][0] + 50:
            curve.append([count, round(level, 5)])
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            print(f"\r{name} {kind} seed {seed}: {count:,} sequences  T={T}  mean error {level:.4f}  "
                  f"wrong {np.mean(errors > task.margin):.1%}  {shown - start:.0f} s\033[K", end="", flush=True)
        if longer and len(recent) >= min(200, task.recent) and level < task.advance:
            T, *longer = longer
            recent.clear()
        elif (len(recent) == task.recent and not longer and errors.mean() < task.mean
                and (errors > task.margin).sum() <= task.allowed):
            wrong = wrong_in_test(task, model, params, test())
            solved = wrong <= task.test_allowed
            recent.clear()
    seconds = time.monotonic() - start
    print(f"\r{name} {kind} seed {seed}: {'solved' if solved else 'not solved'} after {count:,} sequences, "
          f"{seconds:.0f} s, {wrong} test sequences wrong\033[K", flush=True)
    return {"solved": solved, "sequences": count, "test": wrong, "seconds": round(seconds, 1),
            "processor": processor(), "curve": curve[1:]}


def processor():
    """The name of this machine's processor and whether it has the vectors of AVX-512, on which sums depend."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in told.splitlines() if line.startswith("model name")]
    kernel = os.environ.get("OPENBLAS_CORETYPE")
    held = f", BLAS held to {kernel}" if kernel else ""
    return f"{names[0] if names else platform.machine()}{', AVX-512' if 'avx512f' in told else ''}{held}"


# --- All trials, what comes of them, and what is said about it

def measure(names, trials, seed, results, path):
    """Fill `results`, name -> seed -> the two runs, and write them after each, with those that another process has
    written meanwhile; the plain RNN's come last."""
    for kind, name, s in itertools.product(("lstm", "rnn"), names, range(seed, seed + trials)):
        runs, paper = trial(results, name, s), TASKS[name].paper
        if kind not in runs:
            budget = 2 * paper if kind == "lstm" else min(RNN_BUDGET * runs["lstm"]["sequences"], paper)
            run = solve(name, kind, s, budget)
            with files.alone(path):
                results.update(read(path))
                trial(results, name, s)[kind] = run
                write(results, path)


def trial(results, name, seed):
    """The runs of one trial; those made with other settings are forgotten."""
    settings = described(TASKS[name])
    if results.get(name, {}).get("settings") != settings:
        results[name] = {"settings": settings, "trials": {}}
    return results[name]["trials"].setdefault(str(seed), {})


def read(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(results, path):
    with files.replacing(path) as file:
        lines = (f"{json.dumps(name)}: {json.dumps(result)}" for name, result in results.items())
        file.write(("{\n" + ",\n".join(lines) + "\n}\n").encode())


def described(task):
    """The settings of a task that its results depend on, in one line."""
    start = "b_f 1" if task.chrono is None else f"chrono {task.chrono}"
    curriculum = "" if len(task.lengths) == 1 else f", T {', '.join(map(str, task.lengths))}"
    falls = f" falling below error {task.slow}" if task.slow else ""
    beta2 = "" if task.beta2 == 0.999 else f", beta2 {task.beta2}"
    return f"{'-'.join(map(str, task.widths))}, batch {task.batch}, lr {task.lr}{falls}{beta2}, {start}{curriculum}"


def table(results):
    """Markdown: what was measured, over all trials in the file."""
    rows = ["| task | paper | LSTM: mean (range) | solved | wrong in test | s a trial | plain RNN | set-up |",
            "|---|---|---|---|---|---|---|---|"]
    for name, task in TASKS.items():
        trials = [runs for runs in results.get(name, {}).get("trials", {}).values() if "lstm" in runs]
        if not trials:
            continue
        ours = [runs["lstm"] for runs in trials]
        counts = [run["sequences"] for run in ours if run["solved"]]
        mean = f"{np.mean(counts):,.0f} ({min(counts):,}-{max(counts):,})" if counts else "-"
        tests = [run["test"] for run in ours if run["solved"]]
        wrong = f"{min(tests)}-{max(tests)} of {task.test:,}" if tests else "-"
        plain = [runs["rnn"] for runs in trials if "rnn" in runs]
        solved = sum(run["solved"] for run in plain)
        beside = f"{solved} of {len(plain)}, {np.mean([run['sequences'] for run in plain]):,.0f}" if plain else "-"
        rows.append(f"| {name} | {task.paper:,} | {mean} | {len(counts)} of {len(ours)} | {wrong} | "
                    f"{np.mean([run['seconds'] for run in ours]):.0f} | {beside} | {results[name]['settings']} |")
    machines = sorted({run.get("processor", "unknown") for result in results.values()
                       for runs in result["trials"].values() for run in runs.values()})
    return "\n".join([*rows, "", f"Recorded on: {'; '.join(machines)}."])


def picture(results):
    """For each task the mean error over the sequences presented, a line a run."""
    from matplotlib.figure import Figure
    names = [name for name in TASKS if results.get(name, {}).get("trials")]
    figure = Figure(figsize=(10, 2.1 * -(-len(names) // 3)), layout="constrained")
    for ax, name in zip(figure.subplots(-(-len(names) // 3), 3, squeeze=False).flat, names):
        for k, runs in enumerate(results[name]["trials"].values()):
            for kind, color in (("rnn", plots.GREY), ("lstm", plots.BLUE)):
                if runs.get(kind, {}).get("curve"):
                    label = {"lstm": "LSTM", "rnn": "plain RNN"}[kind] if k == 0 else None
                    ax.plot(*zip(*runs[kind]["curve"]), color=color, linewidth=1, label=label)
        ax.axvline(TASKS[name].paper, color=plots.ORANGE, linestyle=":", label="paper's LSTM")
        ax.set_title(name, fontsize="medium")
        ax.set(ylim=0, xscale="log")
        ax.tick_params(labelsize="small")
    figure.axes[0].legend(fontsize="small", frameon=False)
    figure.supxlabel("training sequences presented", fontsize="medium")
    figure.supylabel("mean error of the last 200", fontsize="medium")
    for ax in figure.axes[len(names):]:
        ax.set_axis_off()
    save(figure, "hochreiter1997.png")


def main():
    parser = argparse.ArgumentParser(prog="python tutorials/hochreiter1997.py", description=__doc__.split("\n\n")[0],
                                     epilog="tasks: " + ", ".join(TASKS))
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="a name or how it begins, such as 6a or '4 adding'")
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the first trial")
    parser.add_argument("--quick", action="store_true", help="one trial of embedded Reber, or of TASK; nothing is kept")
    parser.add_argument("--figures", action="store_true", help=f"renew the committed {RESULTS.name} and its figure")
    parser.add_argument("--into", metavar="FOLDER", help="where results and figure go (default: figures/run)")
    arguments = parser.parse_args()
    chosen = {asked: [asked] if asked in TASKS else [name for name in TASKS if name.startswith(asked)]
              for asked in arguments.tasks}
    for asked, found in chosen.items():
        if not found:
            parser.error(f"there is no task {asked!r}, expected the beginning of one of {', '.join(TASKS)}")
    names = list(itertools.chain(*chosen.values())) or list(TASKS)
    path, trials = RESULTS if arguments.figures else FIGURES / RESULTS.name, arguments.trials
    if QUICK:
        path, trials, names = FIGURES / RESULTS.name, 1, names if arguments.tasks else list(TASKS)[:1]
        path.unlink(missing_ok=True)
    files.check_writable(path)
    results = {} if QUICK else read(path) or read(RESULTS)  # a run of one's own goes on from the committed trials
    try:
        measure(names, trials, arguments.seed, results, path)
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on from here")
    print(f"\n{table(results)}\n\n{NOTE}\n")
    picture(results)


if __name__ == "__main__":
    main()
