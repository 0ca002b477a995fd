"""What PyTorch computes, recorded for test_pytorch.py, so that minirnn is compared with it where it is not installed.

    python tests/references/record_pytorch.py        writes the .npz files beside it; they were made with torch 2.13.0

Every case is a tree: what was `given`, and what is `expected`. All is float64 and drawn at random; PyTorch's second
bias is held at 0 where minirnn does not have it, which is everywhere but in the GRU.
"""

import math
import pathlib

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from minirnn import tree

torch.set_num_threads(1)  # threads cost more than they bring at these sizes
HERE = pathlib.Path(__file__).parent
OUR_NAMES = {
    torch.nn.RNN: {"W_ih": "weight_ih_l0", "U_h": "weight_hh_l0", "b_h": "bias_ih_l0"},
    torch.nn.LSTM: {"W_x": "weight_ih_l0", "U_h": "weight_hh_l0", "b": "bias_ih_l0"},
    torch.nn.GRU: {"W_x": "weight_ih_l0", "U_h": "weight_hh_l0", "b_x": "bias_ih_l0", "b_h": "bias_hh_l0"},
    torch.nn.Embedding: {"W": "weight"},
    torch.nn.Linear: {"W": "weight", "b": "bias"},
}
STEPS = 20
RUNS = {  # optimizer, its settings, the largest norm allowed
    "adam_clipped": (torch.optim.Adam, {"lr": 0.02}, 0.3),
    "adam_weight_decay": (torch.optim.Adam, {"lr": 0.02, "weight_decay": 0.1}, math.inf),
    "sgd_momentum": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}, math.inf),
    "sgd_nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}, math.inf),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.05}, math.inf),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.005, "alpha": 0.9}, math.inf),
    "adamw": (torch.optim.AdamW, {"lr": 0.02, "weight_decay": 0.1}, math.inf),
}


def recurrent(kind, lengths=None):
    """nn.RNN, nn.LSTM or nn.GRU forward and backward, with gradients arriving at every output and the final state."""
    B, T, D, H = 3, 6, 4, 5
    normal = normal_numbers()
    module = filled(kind(D, H, batch_first=True, dtype=torch.float64), normal)
    parts = 2 if kind is torch.nn.LSTM else 1
    x, state = normal(B, T, D), [normal(B, H) for _ in range(parts)]
    dh, dstate = normal(B, T, H), [normal(B, H) for _ in range(parts)]

    steps = x if lengths is None else pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    h, final = module(steps, as_state([s[None] for s in state]))
    if lengths is not None:
        h, _ = pad_packed_sequence(h, batch_first=True, total_length=T)
    final = [s[0] for s in (final if parts == 2 else [final])]
    torch.autograd.backward([h, *final], [dh, *dstate])
    given = {"params": values(module), "x": x, "state": as_state(state), "dh": dh, "dstate": as_state(dstate)}
    if lengths is not None:
        given["lengths"] = np.array(lengths)
    return {"given": given, "expected": {"h": h, "state": as_state(final), "grads": gradients(module), "dx": x.grad,
                                         "dstate": as_state([s.grad for s in state])}}


def as_state(parts):
    return tuple(parts) if len(parts) > 1 else parts[0]


def embedding():
    """Forward and backward of nn.Embedding; ten of five ids, so some repeat."""
    B, T, V, D = 2, 5, 5, 3
    normal = normal_numbers()
    module = filled(torch.nn.Embedding(V, D, dtype=torch.float64), normal)
    ids, dx = np.random.default_rng(1).integers(0, V, (B, T)), normal(B, T, D)
    x = module(torch.tensor(ids))
    x.backward(dx)
    return {"given": {"params": values(module), "ids": ids, "dx": dx},
            "expected": {"x": x, "grads": gradients(module)}}


class Model(torch.nn.ModuleDict):
    """The article's section 5, put right."""

    def __init__(self):
        super().__init__({"lstm": torch.nn.LSTM(10, 20, batch_first=True, dtype=torch.float64),
                          "linear": torch.nn.Linear(20, 1, dtype=torch.float64)})

    def forward(self, x):
        h, _ = self["lstm"](x)
        return self["linear"](h[:, -1])


def model():
    """The model with its loss once, then trained from the same start in each of RUNS."""
    normal = normal_numbers()
    start = filled(Model(), normal)
    x, target = normal(8, 7, 10), normal(8, 1).detach()
    prediction = start(x)
    loss = torch.nn.functional.mse_loss(prediction, target)
    loss.backward()
    once = {"prediction": prediction, "loss": loss, "grads": gradients(start), "dx": x.grad}
    given = {"params": values(start), "x": x, "target": target, "runs": {}}
    expected = {"once": once, "runs": {}}
    for name, (optimizer, settings, max_norm) in RUNS.items():
        given["runs"][name] = {"settings": tree.map(np.array, settings), "max_norm": np.array(max_norm)}
        expected["runs"][name] = train(start, x.detach(), target, optimizer, settings, max_norm)
    return {"given": given, "expected": expected}


def train(start, x, target, optimizer, settings, max_norm):
    trained = Model()
    trained.load_state_dict(start.state_dict())
    trained["lstm"].bias_hh_l0.requires_grad_(False)
    trainable = [p for p in trained.parameters() if p.requires_grad]
    opt, losses, norms = optimizer(trainable, **settings), [], []
    for _ in range(STEPS):
        opt.zero_grad()
        loss = torch.nn.functional.mse_loss(trained(x), target)
        loss.backward()
        norm = math.sqrt(sum((p.grad**2).sum().item() for p in trainable))
        if norm > max_norm:  # by hand: clip_grad_norm_ divides by norm + 1e-6
            for p in trainable:
                p.grad *= max_norm / norm
        opt.step()
        losses.append(loss.item())
        norms.append(norm)
    return {"losses": np.array(losses), "norms": np.array(norms), "params": values(trained)}


def reduce_on_plateau():
    """The learning rate after each of 40 losses that scatter as they fall; one of them is NaN."""
    settings = {"factor": 0.4, "patience": 2, "threshold": 0.02, "min_lr": 0.001}
    losses = np.exp(-np.arange(40) / 40) * np.random.default_rng(1).uniform(0.8, 1.2, 40)
    losses[15] = np.nan
    optimizer, rates = torch.optim.SGD([torch.zeros(1)], lr=0.1), []
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    for loss in losses:
        schedule.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return {"given": {"lr": np.array(0.1), "settings": tree.map(np.array, settings), "losses": losses},
            "expected": {"rates": np.array(rates)}}


def masked_losses():
    """Both losses over a mask: cross_entropy leaves it out as ignore_index, mse by indexing."""
    B, T, V = 3, 5, 7
    normal, rng = normal_numbers(), np.random.default_rng(1)
    mask = rng.random((B, T)) < 0.6
    target_ids = np.where(mask, rng.integers(0, V, (B, T)), -100)
    logits, prediction, target = normal(B, T, V), normal(B, T, V), normal(B, T, V).detach()
    cross_entropy = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(target_ids).flatten(),
                                                      ignore_index=-100)
    mse = torch.nn.functional.mse_loss(prediction[mask], target[mask])
    (cross_entropy + mse).backward()
    return {"given": {"mask": mask, "logits": logits, "target_ids": target_ids,
                      "prediction": prediction, "target": target},
            "expected": {"cross_entropy": cross_entropy, "dlogits": logits.grad,
                         "mse": mse, "dprediction": prediction.grad}}


def normal_numbers():
    """A function that draws a tensor of normal numbers; PyTorch will want a gradient for each."""
    rng = np.random.default_rng(0)
    return lambda *shape: torch.tensor(rng.standard_normal(shape), requires_grad=True)


def filled(module, normal):
    unused = () if isinstance(module, torch.nn.GRU) else ("bias_hh_l0",)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(0 * p if name.endswith(unused) else 0.5 * normal(*p.shape))
    return module


def values(module):
    return ours(module, lambda p: p.detach().clone())


def gradients(module):
    return ours(module, lambda p: p.grad)


def ours(module, get):
    """What `get` takes from each parameter, under minirnn's names."""
    if isinstance(module, Model):
        return {name: ours(child, get) for name, child in module.items()}
    return {our: get(getattr(module, theirs)) for our, theirs in OUR_NAMES[type(module)].items()}


CASES = {
    "rnn": lambda: recurrent(torch.nn.RNN),
    "rnn_lengths": lambda: recurrent(torch.nn.RNN, lengths=[5, 2, 4]),
    "lstm": lambda: recurrent(torch.nn.LSTM),
    "lstm_lengths": lambda: recurrent(torch.nn.LSTM, lengths=[5, 2, 4]),
    "gru": lambda: recurrent(torch.nn.GRU),
    "gru_lengths": lambda: recurrent(torch.nn.GRU, lengths=[5, 2, 4]),
    "embedding": embedding,
    "model": model,
    "masked_losses": masked_losses,
    "reduce_on_plateau": reduce_on_plateau,
}


def record(case):
    """One case as flat {path in the tree: array}, as its file holds it."""
    to_array = lambda leaf: leaf.detach().numpy() if isinstance(leaf, torch.Tensor) else leaf
    return dict(tree.leaves(tree.map(to_array, CASES[case]())))


if __name__ == "__main__":
    for case in CASES:
        np.savez(HERE / f"{case}.npz", **record(case))
