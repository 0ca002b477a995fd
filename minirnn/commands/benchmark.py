"""`python -m minirnn benchmark`: how long a pass takes: minirnn, the bare matrix products it cannot do without, and
PyTorch where it is installed.

All run in one process, in turn, with the same number of threads. Each figure is a median. So what else the machine
does falls on all of them alike.
"""

import functools
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from .. import losses, optim
from ..layers import fast, gru, linear, lstm, rnn
from ..layers.compose import chain, last_step
from ..layers.layer import accepted
from . import check_outputs, save_figure

SIZES = ((25, 1, 64, 100), (50, 32, 1, 32), (50, 32, 16, 64), (100, 64, 64, 128), (100, 64, 64, 256),
         (100, 64, 128, 512), (1000, 16, 2, 64))  # T, B, D, H
LAYERS = {"fast.lstm": (fast.lstm, 4), "lstm": (lstm, 4), "fast.gru": (fast.gru, 3), "gru": (gru, 3),
          "fast.rnn": (fast.rnn, 1), "rnn": (rnn, 1)}  # and how many blocks of H rows its weights have
FIRST_MODEL = {  # a process that trains its first small model, from its start to its end
    "minirnn": """
import numpy as np
from minirnn import fast, linear, compose, optim, training
rng = np.random.default_rng(0)
model = compose.chain(fast.lstm, compose.last_step, linear)
params = model.init(rng, 1, 16, 1)
x = rng.normal(size=(256, 24, 1)).astype(np.float32)
training.fit(model, params, optim.Adam(), (x, x[:, -1]), rng=rng, epochs=5)
""",
    "torch": """
import torch
lstm, linear = torch.nn.LSTM(1, 16, batch_first=True), torch.nn.Linear(16, 1)
optimizer = torch.optim.Adam([*lstm.parameters(), *linear.parameters()])
x = torch.randn(256, 24, 1)
for epoch in range(5):
    for rows in torch.randperm(256).split(32):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(linear(lstm(x[rows])[0][:, -1]), x[rows, -1])
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*lstm.parameters(), *linear.parameters()], 1.0)
        optimizer.step()
"""}

PASSES = {  # three training passes of the lstm
    "minirnn": """
import numpy as np
from minirnn import fast

def passes(T, B, D, H):
    params = fast.lstm.init(np.random.default_rng(0), D, H)
    x, dh = (np.ones((B, T, n), np.float32) for n in (D, H))
    yield
    for _ in range(3):
        h, state, cache = fast.lstm.forward(params, x)
        grads, dx, dstate = fast.lstm.backward(cache, dh)
    yield
""",
    "torch": """
import torch

def passes(T, B, D, H):
    layer = torch.nn.LSTM(D, H, batch_first=True)
    x, dh = torch.ones(B, T, D, requires_grad=True), torch.ones(B, T, H)
    yield
    for _ in range(3):
        layer.zero_grad()
        x.grad = None
        layer(x)[0].backward(dh)
    yield
"""}
MEMORY = """
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 2**10

list(passes(2, 2, 2, 2))
before, after = (peak() for _ in passes(100, 64, 128, 512))
print(after - before)
"""  # by how many megabytes they raise the peak of their process


def pin_threads(threads):
    """Start this command again with that many BLAS threads, which NumPy and PyTorch read when they are imported."""
    wanted = {name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", "minirnn", *sys.argv[1:]], {**os.environ, **wanted})


def torch_or_none():
    try:
        import torch
    except ImportError:
        return None
    return torch


def alternating(functions, threads=1, rounds=7, turn=0.06):
    """Median seconds of each of a dict of functions, which take turns of about `turn` seconds: so what else the machine
    does falls on all of them alike, and each runs warm, as in a training loop. A turn's first call does not count.

    With several threads a turn begins with a pause: threads of a BLAS that wait for work keep a core busy for 0.1 s,
    and would slow down whoever comes next.
    """
    medians = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            time.sleep(0.15 * (threads > 1))
            function()
            taken = []
            while not taken or sum(taken) < turn:
                start = time.perf_counter()
                function()
                taken.append(time.perf_counter() - start)
            medians[name].append(statistics.median(taken))
    return {name: statistics.median(turns) for name, turns in medians.items()}


def passes(name, T, B, D, H):
    """What is timed at one size: {"training": {who: function}, "inference": ..., "step": ...}."""
    layer, blocks = LAYERS[name]
    rng = np.random.default_rng(0)
    x, dh = (rng.normal(size=(B, T, n)).astype(np.float32) for n in (D, H))
    target = rng.normal(size=(B, 1)).astype(np.float32)
    params, hints = layer.init(rng, D, H), accepted(layer, inference=True)

    def training():
        _, _, cache = layer.forward(params, x)
        layer.backward(cache, dh)

    def inference():
        layer.forward(params, x, **hints)

    model, optimizer = chain(layer, last_step, linear), optim.Adam()
    whole = model.init(rng, D, H, 1)

    def step():
        y, _, cache = model.forward(whole, x)
        _, loss_cache = losses.mse(y, target)
        grads, *_ = model.backward(cache, losses.mse_backward(loss_cache))
        optim.clip_by_norm(grads, 1.0)
        optimizer.step(whole, grads)

    W = np.ones((blocks * H, H + D + 1), np.float32)
    z, da = np.ones((T, H + D + 1, B), np.float32), np.ones((T, blocks * H, B), np.float32)
    all_da, all_z = np.ones((blocks * H, T * B), np.float32), np.ones((T * B, H + D + 1), np.float32)
    a, dz = np.empty_like(da[0]), np.empty_like(z[0])

    def forward_products():
        for z_t in z:
            np.matmul(W, z_t, out=a)

    def products():
        forward_products()
        for da_t in da:
            np.matmul(W.T, da_t, out=dz)
        all_da @ all_z

    timed = {"training": {"minirnn": training, "products": products}, "step": {"minirnn": step},
             "inference": {"minirnn": inference, "products": forward_products}}
    torch = torch_or_none()
    if torch:
        for kind, function in _torch_passes(torch, name, x, dh, target, H).items():
            timed[kind]["torch"] = function
    return timed


def _torch_passes(torch, name, x, dh, target, H):
    layer = getattr(torch.nn, name.removeprefix("fast.").upper())(x.shape[2], H, batch_first=True)
    head = torch.nn.Linear(H, 1)
    x_leaf, x, dh, target = torch.tensor(x, requires_grad=True), torch.tensor(x), torch.tensor(dh), torch.tensor(target)
    weights = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights)

    def training():
        layer.zero_grad()
        x_leaf.grad = None
        layer(x_leaf)[0].backward(dh)

    def inference():
        with torch.no_grad():
            layer(x)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(head(layer(x)[0][:, -1]), target).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()

    return {"training": training, "inference": inference, "step": step}


def table(name, threads=1):
    """Print a row a size: our time, the share of it that is bare matrix products, and PyTorch's time over ours."""
    torch = torch_or_none()
    print(f"{name}, float32, forward and backward with the input's gradient; NumPy {np.__version__}"
          + (f", torch {torch.__version__}" if torch else "; no torch to compare with"))
    print(f"{'T, B, D, H':<18}{'one pass':>12}{'products':>10}"
          + (f"{'torch/ours:':>13}{'inference':>11}{'whole step':>12}" if torch else ""))
    ratios = []
    for size in SIZES:
        timed = passes(name, *size)
        taken = {kind: alternating(timed[kind], threads) for kind in (timed if torch else ["training"])}
        ours = taken["training"]
        row = f"{', '.join(map(str, size)):<18}{ours['minirnn'] * 1e3:>9.2f} ms"
        row += f"{ours['products'] / ours['minirnn']:>10.0%}"
        if torch:
            ratios.append([taken[kind]["torch"] / taken[kind]["minirnn"] for kind in ("training", "inference", "step")])
            row += "{:>13.2f}{:>11.2f}{:>12.2f}".format(*ratios[-1])
        print(row, flush=True)
    if torch:
        print(f"{'geometric mean':<40}{{:>13.2f}}{{:>11.2f}}{{:>12.2f}}".format(*np.exp(np.log(ratios).mean(axis=0))))


def curves(name, threads=1):
    """Milliseconds of a pass against T, B and H: {"T": (values, {who: milliseconds}), ...}, from (50, 32, 16, 64)."""
    base = {"T": 50, "B": 32, "D": 16, "H": 64}
    found = {}
    swept = {"T": (12, 25, 50, 100, 200, 400, 800), "B": (1, 4, 16, 64, 256), "H": (16, 32, 64, 128, 256)}
    for axis, values in swept.items():
        taken = [alternating(passes(name, **{**base, axis: value})["training"], threads) for value in values]
        found[axis] = values, {who: [1e3 * one[who] for one in taken] for who in taken[0]}
    return found


def processes():
    """Print what a whole process takes: from its start to its first trained model, and the memory of a pass."""
    who = ["minirnn"] + ["torch"] * bool(torch_or_none())
    taken = alternating({name: functools.partial(_run, FIRST_MODEL[name]) for name in who}, rounds=3, turn=0)
    print("from the start of a process to its first trained model, imports included: "
          + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in taken.items()))
    if os.path.exists("/proc/self/status"):
        print("memory of training passes of fast.lstm at 100, 64, 128, 512, beside weights and inputs: "
              + ", ".join(f"{name} {float(_run(PASSES[name] + MEMORY)):.0f} MB" for name in who))


def _run(script):
    return subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True).stdout


def run(args):
    """How fast: a table for each recurrent layer, and what a whole process takes."""
    check_outputs(args.plot)
    pin_threads(args.threads)
    print(f"{args.threads} BLAS thread{'s' if args.threads > 1 else ''} each, on {os.cpu_count()} cores")
    for name in LAYERS:
        table(name, args.threads)
    processes()
    if args.plot:
        from .. import plots
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 4), layout="constrained")
        measured = curves("fast.lstm", args.threads).items()
        for ax, (axis, (values, milliseconds)) in zip(figure.subplots(1, 3, sharey=True), measured):
            plots.duration(values, milliseconds, ax, label=axis)
        figure.suptitle("LSTM, forward and backward, from T, B, D, H = 50, 32, 16, 64")
        save_figure(figure, args.plot)
    return 0
