"""Parameters to and from PyTorch, as arrays by the names of its state_dict. PyTorch itself is not needed.

    params = weights.from_torch(module.state_dict())
    module.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(params)))

The arrays are copies of the same dtype; what does not fit gets a ValueError, or TypeError if it is no floating point.
Where nn.RNN and nn.LSTM have two biases for one of ours, their sum comes in, and (b, 0) goes out. Settings are not
parameters: give both sides the same activation, eps and number of heads, and PyTorch batch_first=True.
"""

import itertools
import re
from collections.abc import Mapping

import numpy as np

from . import boundary

LAYERS = {  # PyTorch's module; the names of its arrays; which of ours lie in each, one on the other, each of this shape
    "rnn": ("nn.RNN", {"weight_ih": ("W_ih", "H D"), "weight_hh": ("U_h", "H H"),
                       "bias_ih": ("b_h", "H"), "bias_hh": ("b_h", "H")}),
    "lstm": ("nn.LSTM", {"weight_ih": ("W_x", "4H D"), "weight_hh": ("U_h", "4H H"),
                         "bias_ih": ("b", "4H"), "bias_hh": ("b", "4H")}),
    "gru": ("nn.GRU", {"weight_ih": ("W_x", "3H D"), "weight_hh": ("U_h", "3H H"),
                       "bias_ih": ("b_x", "3H"), "bias_hh": ("b_h", "3H")}),
    "linear": ("nn.Linear", {"weight": ("W", "K D"), "bias": ("b", "K")}),
    "embedding": ("nn.Embedding", {"weight": ("W", "V D")}),
    "layer_norm": ("nn.LayerNorm", {"weight": ("gamma", "D"), "bias": ("beta", "D")}),
    "batch_norm": ("nn.BatchNorm1d", {"weight": ("gamma", "D"), "bias": ("beta", "D"),
                                      "running_mean": ("mean", "D"), "running_var": ("var", "D")}),
    "multi_head": ("nn.MultiheadAttention", {
        "q_proj_weight": ("W_q", "D D"), "k_proj_weight": ("W_k", "D K"), "v_proj_weight": ("W_v", "D V"),
        "in_proj_bias": ("b_q b_k b_v", "D"), "out_proj.weight": ("W_o", "D D"), "out_proj.bias": ("b_o", "D")}),
}
PACKED = {"in_proj_weight": ("W_q W_k W_v", "D D"),  # in place of three where K = V = D
          **{name: entry for name, entry in LAYERS["multi_head"][1].items() if "_proj_weight" not in name}}
OURS = {kind: {our: shape for ours, shape in entries.values() for our in ours.split()}
        for kind, (_, entries) in LAYERS.items()}
RECURRENT = {"rnn": 1, "lstm": 4, "gru": 3}  # how many blocks (H, H) weight_hh has
WAYS = {"forward": "", "backward": "_reverse"}
FOREIGN = {"weight_hr_l0": "proj_size", "bias_k": "add_bias_kv"}  # the setting that a name comes from


def to_torch(params, layer=None):
    """The arrays of PyTorch's state_dict by its names.

    params   a layer's; of rnn, lstm and gru also {"forward": params, "backward": params}, and a stack's list of either
    layer    the kind that they have to be, such as "lstm"; None is any

    >>> from minirnn import lstm
    >>> {name: array.shape for name, array in to_torch(lstm.init(np.random.default_rng(0), D=2, H=3)).items()}
    {'weight_ih_l0': (12, 2), 'weight_hh_l0': (12, 3), 'bias_ih_l0': (12,), 'bias_hh_l0': (12,)}
    """
    stack = params if isinstance(params, (list, tuple)) else [params]
    both = lambda entry: isinstance(entry, dict) and entry.keys() == WAYS.keys()
    stack = [entry if both(entry) else {"forward": entry} for entry in stack]
    parts = [part for entry in stack for part in entry.values()]
    keys = [sorted(map(str, part)) if isinstance(part, dict) else type(part).__name__ for part in parts]
    kind = next((kind for kind in LAYERS if all(came == sorted(OURS[kind]) for came in keys)), None)
    if not parts or not kind or parts[0] is not params and kind not in RECURRENT:
        raise ValueError(f"params hold {keys}, expected those of {', '.join(LAYERS)}, or of a stack or both directions "
                         "of one of the first three: pass a chain's entries one by one, params[0] first")
    kind = boundary.one_of("layer", kind if layer is None else layer, LAYERS)
    sizes = [boundary.params(kind, part, **OURS[kind]) for part in parts][0]
    packed = sizes.get("D") == sizes.get("K") == sizes.get("V")  # asked of multi_head only
    places = _places(kind, len(stack), list(WAYS)[:1 + (len(parts) > len(stack))], packed)
    arrays = {name: np.concatenate([stack[k][way][our] for our in ours])
              for name, (k, way, ours, _) in places.items() if way in stack[k]}
    _check(arrays, places, f"{LAYERS[kind][0]} has one H and the same directions in all its layers")
    if kind in ("rnn", "lstm"):
        arrays |= {name: np.zeros_like(array) for name, array in arrays.items() if "bias_hh" in name}
    return arrays | ({"num_batches_tracked": np.array(0)} if kind == "batch_norm" else {})


def from_torch(state_dict, layer=None):
    """The params in a module's state_dict, of tensors or arrays; the inverse of to_torch.

    layer    the kind that it has to be, such as "lstm"; None finds it from the names and shapes
    returns  a layer's params; of both directions {"forward": params, "backward": params}; of several layers a list

    A recurrent or linear layer made with bias=False gets a bias of zeros. But nn.Linear then looks like nn.Embedding,
    and is taken for one, unless layer="linear".

    >>> from_torch({"weight": np.array([[1.0, 2.0]]), "bias": np.array([3.0])})
    {'W': array([[1., 2.]]), 'b': array([3.])}
    """
    if not isinstance(state_dict, Mapping):
        raise ValueError(f"state_dict is a {type(state_dict).__name__}, expected a dict: pass module.state_dict()")
    for name, value in state_dict.items():
        if "." in (name := str(name)) and name not in PACKED:
            module = re.sub(r"\.(\d+)", r"[\1]", "model." + re.sub(r"\.(out_proj\.)?\w+$", "", name))
            raise ValueError(f"state_dict has {name}, expected names of one layer: pass {module}.state_dict()")
        if name in FOREIGN:
            raise ValueError(f"state_dict has {name}, expected none: make the module without {FOREIGN[name]}")
        if str(getattr(value, "dtype", None)) == "torch.bfloat16":
            raise ValueError(f"{name} is bfloat16, which NumPy does not have: pass module.float().state_dict()")
    arrays = {str(name): np.array(value.numpy(force=True) if hasattr(value, "numpy") else value)  # from any device
              for name, value in state_dict.items() if name != "num_batches_tracked"}
    arrays = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays.items()}
    kind = boundary.one_of("layer", _kind(arrays) if layer is None else layer, LAYERS)
    depth = len(set(re.findall(r"_l(\d+)", " ".join(arrays)))) or 1
    ways = list(WAYS)[:1 + any(name.endswith("_reverse") for name in arrays)]
    places = _places(kind, depth, ways, packed="q_proj_weight" not in arrays)
    if kind in (*RECURRENT, "linear") and not any(name.startswith("bias") for name in arrays):
        arrays |= {name.replace("weight", "bias"): np.zeros(weight.shape[:1], weight.dtype)
                   for name, weight in arrays.items()}
    _check(arrays, places, f"read as {LAYERS[kind][0]}, so pass the whole state_dict() of one")
    stack = [{way: {} for way in ways} for _ in range(depth)]
    for name, (k, way, ours, _) in places.items():
        for our, array in zip(ours, np.split(arrays[name], len(ours))):
            first = stack[k][way].get(our)  # of two biases; adding only what is not 0 keeps a -0.0
            stack[k][way][our] = array if first is None else np.where(array == 0, first, first + array)
    stack = [entry if len(ways) == 2 else entry["forward"] for entry in stack]
    return stack if depth > 1 else stack[0]


def _kind(arrays):
    """The layer whose arrays have such names; rnn, lstm and gru share theirs, but not the shape of weight_hh."""
    names = " ".join(arrays)
    if re.search("[ih]h_l", names):
        shape = np.shape(arrays.get("weight_hh_l0", np.ones((4, 1))))  # if there is none, _check will say so
        for kind, n in RECURRENT.items():
            if shape[:1] == tuple(n * H for H in shape[1:]):
                return kind
        raise ValueError(f"weight_hh_l0 has shape {shape}, expected (H, H) as in nn.RNN, (4H, H) as in nn.LSTM or "
                         "(3H, H) as in nn.GRU: pass the whole state_dict() of one")
    return ("multi_head" if "_proj" in names else "batch_norm" if "running_" in names else
            "layer_norm" if np.ndim(arrays.get("weight")) == 1 else "linear" if "bias" in names else "embedding")


def _places(kind, depth, ways, packed):
    """Where PyTorch's arrays belong, by name: the layer, the direction, the names that are ours, the whole shape."""
    places = {}
    for k, way in itertools.product(range(depth), ways):
        for name, (ours, shape) in (PACKED if packed and kind == "multi_head" else LAYERS[kind][1]).items():
            ours = ours.split()
            if len(ours) > 1:
                shape = f"{len(ours)}{shape}"
            if k:  # it reads what the layer below shows, in both directions
                shape = shape.replace("D", "2H" if len(ways) == 2 else "H")
            places[name + f"_l{k}{WAYS[way]}" * (kind in RECURRENT)] = k, way, ours, shape
    return places


def _check(arrays, places, hint):
    """ValueError unless the arrays have the names and the shapes of their places."""
    differ = {"lacks": [*places.keys() - arrays.keys()], "has": [*arrays.keys() - places.keys()]}
    if any(differ.values()):
        came = " and ".join(f"{verb} {', '.join(sorted(names))}" for verb, names in differ.items() if names)
        raise ValueError(f"state_dict {came}: {hint}")
    sizes = {}
    for name, (*_, shape) in places.items():
        for n, size in zip(shape.split(), arrays[name].shape):
            sizes.setdefault(n, size)  # "4H" too, but H comes from where it stands alone
    for name, (*_, shape) in places.items():
        expected = [int(n[:-1] or 1) * sizes[n[-1]] if n[-1] in sizes else n for n in shape.split()]
        boundary.array(name, arrays[name], expected, np.float64, hint, where=False)
