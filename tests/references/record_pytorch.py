"""What PyTorch computes, recorded for test_pytorch.py, so that minirnn is compared with it where it is not installed.

    python tests/references/record_pytorch.py [CASE ...]

writes the .npz files beside it, of these cases or of all; they were made with torch 2.13.0.

Every case is a tree: what was `given`, and what is `expected`. All is float64 and drawn at random; PyTorch's second
bias is held at 0 where minirnn does not have it, which is everywhere but in the GRU.
"""

import math
import operator
import pathlib
import sys

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from minirnn import tree

torch.set_num_threads(1)  # threads cost more than they bring at these sizes
HERE = pathlib.Path(__file__).parent
OUR_NAMES = {  # several of ours lie in one of PyTorch's, on top of each other; what a module does not have, it skips
    torch.nn.RNN: {"W_ih": "weight_ih", "U_h": "weight_hh", "b_h": "bias_ih"},
    torch.nn.LSTM: {"W_x": "weight_ih", "U_h": "weight_hh", "b": "bias_ih"},
    torch.nn.GRU: {"W_x": "weight_ih", "U_h": "weight_hh", "b_x": "bias_ih", "b_h": "bias_hh"},
    torch.nn.Embedding: {"W": "weight"},
    torch.nn.Linear: {"W": "weight", "b": "bias"},
    torch.nn.MultiheadAttention: {"W_q W_k W_v": "in_proj_weight", "b_q b_k b_v": "in_proj_bias",
                                  "W_q": "q_proj_weight", "W_k": "k_proj_weight", "W_v": "v_proj_weight",
                                  "W_o": "out_proj.weight", "b_o": "out_proj.bias"},
    torch.nn.LayerNorm: {"gamma": "weight", "beta": "bias"},
    torch.nn.BatchNorm1d: {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"},
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


def recurrent(kind, lengths=None, H=5, **settings):
    """nn.RNN, nn.LSTM or nn.GRU forward and backward, with gradients arriving at every output and the final state."""
    B, T, D = 3, 6, 4
    normal = normal_numbers()
    module = filled(kind(D, H, batch_first=True, dtype=torch.float64, **settings), normal)
    parts, ways = 2 if kind is torch.nn.LSTM else 1, 1 + module.bidirectional
    x, state = normal(B, T, D), [normal(module.num_layers * ways, B, H) for _ in range(parts)]
    dh, dstate = normal(B, T, ways * H), [normal(module.num_layers * ways, B, H) for _ in range(parts)]

    steps = x if lengths is None else pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    h, final = module(steps, one_or_all(state))
    if lengths is not None:
        h, _ = pad_packed_sequence(h, batch_first=True, total_length=T)
    final = final if parts == 2 else [final]
    torch.autograd.backward([h, *final], [dh, *dstate])
    as_ours = lambda parts: our_state(parts, ways)
    given = {"params": values(module), "x": x, "state": as_ours(state), "dh": dh, "dstate": as_ours(dstate)}
    if lengths is not None:
        given["lengths"] = np.array(lengths)
    return {"given": given, "expected": {"h": h, "state": as_ours(final), "grads": gradients(module), "dx": x.grad,
                                         "dstate": as_ours([s.grad for s in state])}}


def our_state(parts, ways):
    """h alone or h and c, each (layers · ways, B, H), as minirnn nests them: by layer, by direction, then h and c."""
    cells = [one_or_all(cell) for cell in zip(*parts)]
    return one_or_all([one_or_all(cells[k:k + ways]) for k in range(0, len(cells), ways)])


def one_or_all(parts):
    return tuple(parts) if len(parts) > 1 else parts[0]


def dot(causal=False):
    """scaled_dot_product_attention. What it makes of the identity for values are the weights, which it keeps inside."""
    def attend(q, k, v):
        B, T, _ = k.shape
        identity = torch.eye(T, dtype=torch.float64).expand(B, T, T)
        of_values = torch.nn.functional.scaled_dot_product_attention
        return of_values(q, k, v, is_causal=causal), of_values(q, k, identity, is_causal=causal)

    return attention(attend, normal_numbers(), (4, 4, 3), causal=np.array(causal))


def multi_head(lengths=None, causal=False, D_k=4, D_v=4):
    """nn.MultiheadAttention with two heads."""
    normal, settings = normal_numbers(), {"kdim": D_k, "vdim": D_v, "batch_first": True}
    module = filled(torch.nn.MultiheadAttention(4, 2, **settings, dtype=torch.float64), normal)

    def attend(q, k, v):
        Tq, T = q.shape[1], k.shape[1]
        return module(q, k, v, average_attn_weights=False,
                      key_padding_mask=None if lengths is None else torch.arange(T) >= torch.tensor(lengths)[:, None],
                      attn_mask=torch.ones(Tq, T, dtype=torch.bool).triu(1) if causal else None)

    masks = {"causal": np.array(causal)} | ({} if lengths is None else {"lengths": np.array(lengths)})
    case = attention(attend, normal, (4, D_k, D_v), params=values(module), **masks)
    case["expected"]["grads"] = gradients(module)
    return case


def attention(attend, normal, widths, **given):
    """Context and weights from queries, keys and values, and back, with gradients arriving at both."""
    B, Tq, T = 3, 4, 5
    q, k, v = (normal(B, steps, width) for steps, width in zip((Tq, T, T), widths))
    context, weights = attend(q, k, v)
    dcontext, dweights = normal(*context.shape), normal(*weights.shape)
    torch.autograd.backward([context, weights], [dcontext, dweights])
    return {"given": {**given, "q": q, "k": k, "v": v, "dcontext": dcontext, "dweights": dweights},
            "expected": {"context": context, "weights": weights, "dq": q.grad, "dk": k.grad, "dv": v.grad}}


def layer_norm():
    """Forward and backward of nn.LayerNorm."""
    B, T, D = 2, 3, 5
    normal = normal_numbers()
    module = filled(torch.nn.LayerNorm(D, dtype=torch.float64), normal)
    x, dy = normal(B, T, D), normal(B, T, D)
    y = module(x)
    y.backward(dy)
    return {"given": {"params": values(module), "x": x, "dy": dy},
            "expected": {"y": y, "grads": gradients(module), "dx": x.grad}}


def batch_norm(*shape):
    """nn.BatchNorm1d in three passes of training, each of which moves the running averages, then one of evaluation."""
    normal, D = normal_numbers(), shape[-1]
    module = filled(torch.nn.BatchNorm1d(D, dtype=torch.float64), normal)
    module.running_mean, module.running_var = normal(D).detach(), 0.5 + normal(D).detach()**2
    case = {"given": {"params": values(module), "passes": []}, "expected": {"passes": []}}
    for training in (True, True, True, False):
        x, dy = normal(*shape), normal(*shape)
        module.train(training).zero_grad()
        y = module(x.movedim(-1, 1)).movedim(1, -1)  # PyTorch wants (B, D, T)
        y.backward(dy)
        case["given"]["passes"].append({"training": np.array(training), "x": x, "dy": dy})
        case["expected"]["passes"].append({"y": y, "grads": gradients(module), "dx": x.grad, "params": values(module)})

    # nn.BatchNorm1d takes the running averages for constants: their gradients are autograd's through the formula
    mean, var = (average.clone().requires_grad_() for average in (module.running_mean, module.running_var))
    by_formula = (x - mean) / torch.sqrt(var + module.eps) * module.weight + module.bias
    torch.testing.assert_close(by_formula, y)
    by_formula.backward(dy, inputs=[mean, var])
    case["expected"]["passes"][-1]["grads"] |= {"mean": mean.grad, "var": var.grad}
    return case


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
    gru = isinstance(module, torch.nn.GRU)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(0 * p if "bias_hh" in name and not gru else 0.5 * normal(*p.shape))
    return module


def values(module):
    return ours(module, lambda p: p.detach().clone())


def gradients(module):
    return ours(module, lambda p: torch.zeros_like(p) if p.grad is None else p.grad)


def ours(module, get):
    """What `get` takes from each parameter, under minirnn's names and nested as there."""
    if isinstance(module, Model):
        return {name: ours(child, get) for name, child in module.items()}
    if not isinstance(module, torch.nn.RNNBase):
        return named(module, get)
    layers = [f"_l{k}" for k in range(module.num_layers)]
    if module.bidirectional:
        return one_or_all([{"forward": named(module, get, layer), "backward": named(module, get, layer + "_reverse")}
                           for layer in layers])
    return one_or_all([named(module, get, layer) for layer in layers])


def named(module, get, ending=""):
    got = {}
    for our, theirs in OUR_NAMES[type(module)].items():
        p, our = operator.attrgetter(theirs + ending)(module), our.split()
        if p is not None:
            got.update(zip(our, get(p).chunk(len(our))))
    return got


CASES = {
    "rnn": lambda: recurrent(torch.nn.RNN),
    "rnn_lengths": lambda: recurrent(torch.nn.RNN, lengths=[5, 2, 4]),
    "lstm": lambda: recurrent(torch.nn.LSTM),
    "lstm_lengths": lambda: recurrent(torch.nn.LSTM, lengths=[5, 2, 4]),
    "gru": lambda: recurrent(torch.nn.GRU),
    "gru_lengths": lambda: recurrent(torch.nn.GRU, lengths=[5, 2, 4]),
    "rnn_stack": lambda: recurrent(torch.nn.RNN, H=3, num_layers=2),
    "rnn_stack_lengths": lambda: recurrent(torch.nn.RNN, [5, 2, 4], H=3, num_layers=2),
    "gru_stack": lambda: recurrent(torch.nn.GRU, H=3, num_layers=2),
    "gru_stack_lengths": lambda: recurrent(torch.nn.GRU, [5, 2, 4], H=3, num_layers=2),
    "lstm_stack_both": lambda: recurrent(torch.nn.LSTM, H=3, num_layers=2, bidirectional=True),
    "lstm_stack_both_lengths": lambda: recurrent(torch.nn.LSTM, [5, 2, 4], H=3, num_layers=2, bidirectional=True),
    "dot": dot,
    "dot_causal": lambda: dot(causal=True),
    "multi_head_lengths": lambda: multi_head(lengths=[5, 1, 3]),
    "multi_head_causal": lambda: multi_head(causal=True),
    "multi_head_widths": lambda: multi_head(D_k=3, D_v=5),
    "layer_norm": layer_norm,
    "batch_norm": lambda: batch_norm(5, 4),
    "batch_norm_steps": lambda: batch_norm(3, 5, 4),
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
    for case in sys.argv[1:] or CASES:
        np.savez(HERE / f"{case}.npz", **record(case))
