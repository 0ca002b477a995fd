"""What `python -m minirnn watch` shows: the operations of a network of one unit, one after the other, forward and back.

Nothing is computed here. The layer's own forward and backward run, and after each of their lines its variables are
copied, as a debugger does. So a number is that of the line which is shown. The equations are found in the layer's
docstrings. The networks are tables. watch.py draws.
"""

import inspect
import re
import sys
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..layers import gru, lstm, rnn


class Network(NamedTuple):
    layer: ModuleType
    params: dict
    x: tuple  # one number a step, those of the tutorial; a longer run begins again
    state: dict  # the initial states
    width: float  # of a step in the picture
    places: dict  # {box: (x, y)} of step 0; step t stands t widths further right. `all` is a frame around all gates
    edges: str  # what each box is made of; h' is the h of the step before
    carries: dict  # {state: what goes of its gradient the straight way to the step before, and what lets it through}
    words: dict = {}  # what an equation leaves open


NETWORKS = {
    "rnn": Network(
        rnn, {"W_ih": [[0.5]], "U_h": [[0.8]], "b_h": [0.0]}, (1, 1, -2), {"h": 0.0}, 4.2,
        {"h": (0, 1.2), "a": (-2.1, 1.2), "x": (-2.1, 0.1), "L": (0, 2.4)}, "h'>a x>a a>h h>L",
        {"h": ("dh_t ⊙ φ'(a_t) ⊙ U_h", "tanh' and U_h")}, {"φ'(a_t)": "(1 - h_t²)", "φ": "tanh"}),
    "lstm": Network(
        lstm, {"W_x": [[1.0], [1.0], [0.5], [-0.5]], "U_h": [[0.2], [0.4], [0.1], [1.0]], "b": [0.0, 1.0, 0.0, 0.0]},
        (1, -1), {"h": 0.5, "c": 0.5}, 5.2,
        {"c": (0, 5.3), "f": (-2.6, 4.15), "i": (-2.6, 3.25), "g": (-2.6, 2.35), "o": (-2.6, 1.45), "h": (0, 1.45),
         "x": (-2.6, 0.3), "L": (0, -0.4), "all": (-2.6, 2.8)},
        "h'>i h'>f h'>g h'>o x>all c'>c f>c i>c g>c o>h c>h h>L", {"c": ("dc_t ⊙ f_t", "the forget gate f_t")}),
    "gru": Network(
        gru, {"W_x": [[1.0], [0.5], [0.5]], "U_h": [[0.4], [1.0], [0.8]], "b_x": [0.0, 1.0, 0.0],
              "b_h": [0.0, 0.0, 0.2]},
        (1, -1), {"h": 0.5}, 7.0,
        {"h": (0, 4.2), "z": (-4.5, 3.1), "r": (-4.5, 2.0), "u_n": (-4.5, 0.9), "n": (-2.2, 2.0), "x": (-2.2, 0.3),
         "L": (0, -0.4)}, "h'>r h'>z h'>u_n h'>h x>r x>z x>n z>h u_n>n r>n n>h h>L",
        {"h": ("dh_t ⊙ z_t", "the update gate z_t")}),
}


class Moment(NamedTuple):
    """One operation: of which step, what is said about it, what is known by then, and what is lit."""
    T: int  # how many steps there are
    forward: bool
    t: int
    tag: str  # B3, or in the forward pass the name of what is computed
    title: str
    lines: tuple  # the equation, the same with its numbers, the sum where gradients meet
    code: tuple
    known: dict  # {"c_1": array, "dc_1": array, ...}
    partly: dict  # gradients to which something is still to be added
    lit: dict  # {box: None, (from, to): the words on the arrow}


class Biases(NamedTuple):
    """The same moment of several LSTMs, which differ in the bias of the forget gate."""
    biases: list
    moments: tuple

    forward = property(lambda self: self.moments[0].forward)


def layout(name, T):
    """Where each box stands, and the edges (from, to)."""
    net = NETWORKS[name]
    places = {f"{box}_{t}": (x + t * net.width, y) for t in range(T + 1) for box, (x, y) in net.places.items()
              if t or box in net.state}
    L = places.pop(f"L_{T}"), *[places.pop(f"L_{t}") for t in range(1, T)]
    places["L_0"] = tuple(np.mean(L, axis=0))
    pairs = [edge.split(">") for edge in net.edges.split()]
    return places, [(f"{a.strip(chr(39))}_{t - a.endswith(chr(39))}", "L_0" if b == "L" else f"{b}_{t}")
                    for t in range(1, T + 1) for a, b in pairs]


def step(box):
    return int(box.rsplit("_", 1)[1])


def gradient(box):
    return f"da_{box}" if box.rsplit("_", 1)[0] in [*"ifgorzn"] else f"d{box}"


def label(key):
    name, t = key.rsplit("_", 1)
    return name if "_" in name or name == "L" else f"c̃_{t}" if name == "g" else key


def number(value, given=False):
    """A number with three digits, or as it was given; a vector in parentheses."""
    if np.size(value) > 1:
        return f"({', '.join(number(one, given) for one in np.ravel(value))})"
    value = np.ravel(value)[0]
    return f"{value:g}" if given else f"{value:.3f}".replace("-0.000", "0.000")


def with_numbers(text, t, known, given, T):
    """A formula with numbers for its symbols, and whether all were known. What lies beyond the T steps adds 0."""
    missing = []
    text = re.sub(r"_\{t([+-]1)\}", lambda index: f"_{t + int(index[1])}", text.replace("c̃", "g"))
    text = re.sub(r"_t(?![A-Za-z0-9_])", f"_{t}", text)
    find = lambda name: name if name in known else f"{name}_{t}"

    def exists(term):
        return all(0 < int(k) <= T or k == "0" and name.strip("d") in ("h", "c")
                   for name, k in re.findall(r"(?a:([A-Za-z]+)_(\d))", term))

    def product(match):
        weights, gradients = (np.ravel(known[find(name)]) for name in match.groups())
        return " + ".join(f"{number(u, True)} · {number(v)}" for u, v in zip(weights, gradients))

    def value(match):
        name = find(match[0])
        if name not in known:
            missing.extend([name] * (match[0] != "tanh"))
        text = number(known[name], name in given) if name in known else match[0]
        return f"({text})" if text[0] == "-" and match.string[match.end():][:1] == "²" else text

    terms = [term if exists(term) else "0" for term in re.split(r" \+ (?![^(]*\))", text)]
    terms = [re.sub(r"(?a:(\w+))ᵀ (?a:(\w+))", product, term) for term in terms]
    text = re.sub(r"(?a:[A-Za-z]\w*)", value, " + ".join(terms)).replace(" ⊙ ", " · ")
    return re.sub(r"(?<=[\d)]) (?=\(|\d|-\d)", " · ", text), not missing


def equations(layer):
    """The equations of a layer's docstrings, by their left side (i_t) and by their number in the derivation (B3), and
    what stands beside them, such as "forget gate: is the old cell kept?"."""
    lines = re.findall(r"^ {4}(?:\(\d\) +)?(\S+_t = .*)$", layer.__doc__, re.M)
    found = [(line.split(" = ")[0], line) for line in lines]
    found += re.findall(r"^ +\((B\d+)\) +(.*)$", layer.backward.__doc__, re.M)
    parts = {name: re.split(r"(?<![, ]) {2,}|, +t = ", re.sub(" += ", " = ", text)) for name, text in found}
    return ({name: re.sub(" +", " ", text) for name, (text, *_) in parts.items()},
            {name: beside[0] for name, (_, *beside) in parts.items() if beside and "=" not in beside[0]})


def observe(function, *arguments):
    """Run a function. What it returns, and for each line that ran its index and copies of the arrays after it."""
    seen, before = [], sys.gettrace()

    def each_line(frame, event, _):
        if seen:
            seen[-1][1].update((k, np.copy(v)) for k, v in frame.f_locals.items() if isinstance(v, (int, np.ndarray)))
        if event == "line":
            seen.append((frame.f_lineno - 1, {}))
        return each_line

    sys.settrace(lambda frame, *_: each_line if frame.f_code is function.__code__ else None)
    try:
        return function(*arguments), seen
    finally:
        sys.settrace(before)


def moments(name, steps=None, params=None, outside=None):
    """Every operation of a forward and a backward pass, in order. outside: dL/dh_t at each step; None is 1."""
    net = NETWORKS[name]
    T, layer, column = steps or len(net.x), net.layer, lambda value: np.full((1, 1), value)
    params = {key: np.array(value) for key, value in (params or net.params).items()}
    x, outside = np.resize(net.x, T).astype(float), np.array(outside or [1.0] * T)
    state = [column(value) for value in net.state.values()]
    initial = tuple(state) if len(state) > 1 else state[0]
    (h, *_, cache), forward = observe(layer.forward, params, x.reshape(1, T, 1), initial)
    _, backward = observe(layer.backward, cache, outside.reshape(1, T, 1))

    known = getattr(layer, "gates", dict)(params) | params | dict(zip((f"{key}_0" for key in net.state), state))
    known |= {f"x_{t}": column(value) for t, value in enumerate(x, 1)}
    (equation, meaning), given, source, shown = equations(layer), set(known), inspect.getsource(layer).splitlines(), []
    partly, sources, sums, straight, path = {}, {}, {}, {}, {}
    places, edges = layout(name, T)
    gates = lambda t: [box for box in places if step(box) == t and box[:-2] not in (*net.state, "x", "L", "all")]

    def add(at, t, tag, title, lines, lit):
        code = f"{at + 1:>3}  {source[at].strip()}",
        if shown and tag[0] == "B" and (shown[-1].t, shown[-1].tag) == (t, tag):  # one equation in several lines
            last = shown.pop()
            lines = (*(last.lines if "Σ" in lines[0] else last.lines[:1]), *lines[1:])
            code, lit = (*last.code, *code), last.lit | lit
        else:
            lines = (f"({tag})   {lines[0]}" if tag[0] == "B" else lines[0], *lines[1:])
        shown.append(Moment(T, tag[0] != "B", t, tag, title, tuple(lines), code, dict(known), dict(partly), lit))

    def from_outside(at, tag):
        known["L_0"] = column(h.ravel() @ outside)
        for t, value in enumerate(outside, 1):
            (known if t == T else partly)[f"dh_{t}"] = column(value)
            sources[f"dh_{t}"] = [(value, "L", {(f"h_{t}", "L_0"): ""})]
        lit = {(f"h_{t}", "L_0"): f"× {value:g}" for t, value in enumerate(outside, 1)}
        add(at, T, tag, "Backward: what each h gets from outside, from the loss L", (equation[tag], ",   ".join(
            f"dh_{t} = {value:g} from outside" for t, value in enumerate(outside, 1))), lit | {a: None for a, _ in lit})

    def weight(at, tag, k, dweight, new, old):
        terms = sums.setdefault(dweight, [])
        terms.append(new - old)
        known[dweight] = new
        start = {"W": f"x_{k}", "U": f"h_{k - 1}"}.get(dweight[1])
        lit = {edge: "" for edge in edges if edge[0] == start and step(edge[1]) == k}
        add(at, k, tag, f"Backward, step {k}: the weights' gradients grow, sums over t", (equation[tag], (
            f"{dweight} = {' + '.join(map(number, terms))}" + f" = {number(new)}" * (len(terms) > 1))),
            lit | dict.fromkeys(gates(k)))

    def computed(at, k, target, value, text):
        parts = re.findall(r"\w_(\w)", text.split(" = ")[1]) if text.count(" = ") > 1 else [target]
        boxes = [box for part in parts for box in (f"{target}_{part}_{k}", f"{part}_{k}") if box in places]
        filled, left = say(text, k, known)[0], text.split(" = ")[0]
        known[f"{target}_{k}"] = value
        lit = {edge: "" for edge in edges if edge[1] in boxes or edge == (f"x_{k}", f"all_{k}") and
               (f"h_{k - 1}", boxes[0]) in edges}
        title = f"Forward, step {k}: {label(f'{target}_{k}')}" + ", " * (left in meaning) + meaning.get(left, "")
        add(at, k, target, title,
            (text, f"{label(f'{target}_{k}')} = {filled} = {number(value)}"), lit | dict.fromkeys(boxes))

    def say(text, t, known):
        text = text.split(" = ")[-1]
        for words in net.words.items():
            text = text.replace(*words)
        return with_numbers(text, t, known, given, T)

    def sent_back(at, tag, k, t, target, right, value, added):
        key, text = f"{target}_{t}", equation[tag].replace("from outside", "{}")
        filled, complete = say(text, t, known)
        filled = filled.format(f"{outside[t - 1]:g}" if target == "dh" and t else "0")
        (known if complete else partly)[key] = value
        box = next(box for box in places if gradient(box) == key)
        matrix = re.match(r"(\w+)\.T @", right)
        lit = {(a, b): "" for a, b in edges if a == box and step(b) == k and (
            b in (*gates(k), f"all_{k}") if matrix else re.search(rf"\b{gradient(b)[:-2]}\b", right))}
        factors = params[matrix[1]].ravel() if matrix else [(added / known[gradient(b)]).item() for _, b in lit]
        if len(factors) == len(lit):
            lit = {edge: f"× {number(factor, bool(matrix))}" for edge, factor in zip(lit, factors)}
        else:  # to the frame around all gates
            lit = dict.fromkeys(lit, f"× {matrix[1]}ᵀ")
        if t < k and target[1:] in net.carries and key not in straight or target == "da":
            path.update(lit)
        lines = [equation[tag], f"{label(key)} = {filled}" + (" = " if complete else ",   so far ") + number(value)]
        if target[1:] in net.state:
            whence = f"step {k} by {matrix[1]}" if matrix else label(next(iter(lit))[1])
            sources.setdefault(key, []).append((added.item(), whence, lit))
            if t < k and target[1:] in net.carries:
                straight.setdefault(key, added.item())
            if complete and len(sources[key]) > 1:
                parts = (f"{number(much)} from {where}" for much, where, _ in sources[key])
                lines.append(f"{label(key)} is a sum:  {'  +  '.join(parts)}")
                lit = lit | {edge: f"{words} = {number(much)}" if words else number(much)
                             for much, _, some in sources[key] if len(some) == 1 for edge, words in some.items()}
        name_of = meaning.get(label(f"{target[3:]}_t"), "").split(":")[0] if target[:3] == "da_" else ""
        through = f", of the {name_of}" if name_of else ""
        if t < k and target[1:] in net.carries and len(sources[key]) == 1:
            through = f", let through by {net.carries[target[1:]][1].replace('_t', f'_{k}')}"
        add(at, t, tag, f"Backward, step {k}: {label(key)}{through}", lines, lit | {box: None})

    before = {}
    for at, now in forward + backward:
        line = re.match(r" {8}(\w+(?:, \w+)*)(\[t\])? \+?= (.*)", source[at])
        tag = re.search(r"# \((B\d+)\)|$", source[at])[1]
        if tag and "t" not in now:
            from_outside(at, tag)
        elif line and "t" in now:
            targets, indexed, right = line.groups()
            k = int(now["t"]) + 1
            for target in targets.split(", "):
                of_step = lambda values: values[target][k - 1] if indexed else values[target]
                base = target.removesuffix("_prev")
                if "concatenate" in right:
                    known[f"{base}_{k}"] = now[target]
                elif tag and target[1:] in params:
                    weight(at, tag, k, target, now[target], before[target])
                elif tag:
                    sent_back(at, tag, k, k - (base != target), base, right, of_step(now),
                              of_step(now) - (of_step(before) if "+=" in source[at] else 0))
                elif label(f"{base}_t") in equation:
                    computed(at, k, base, of_step(now), equation[label(f"{base}_t")])
                else:
                    known[f"{base}_{k}"] = of_step(now)
        before = now

    lines = []
    for key, (formula, gate) in net.carries.items():
        for t in range(T, 0, -1):
            left = straight[f"d{key}_{t - 1}"]
            there, filled = formula.replace("_t", f"_{t}"), say(formula, t, known)[0]
            lines.append(f"{key}_{t} to {key}_{t - 1}:   {there} = {filled} = {number(left)}   "
                         f"({gate.replace('_t', f'_{t}')} let {abs(left / known[f'd{key}_{t}'].item()):.0%} through)")
    ways = [f"{number(much)} to h_{t}" for t in range(T - 1, -1, -1) for much, whence, _ in sources[f"dh_{t}"]
            if "by U" in whence]
    if name != "rnn":
        lines.append(f"The other way, through the gates and U_h, brought {', '.join(ways)}.")
    arrived = {f"{key}_0": None for key in net.state}
    last = ", ".join(f"d{box} = {number(known[f'd{box}'])}" for box in arrived)
    title = f"What arrived at step 0: {last}"
    shown.append(Moment(T, False, 0, "end", title, tuple(lines), (), dict(known), {}, path | arrived))
    return shown


def side_by_side(biases, T):
    """The LSTM once for each forget bias, with the loss h_T alone: moments of all at once, from dc_T to dc_0."""
    params, outside = NETWORKS["lstm"].params, [0.0] * (T - 1) + [1.0]
    runs = [moments("lstm", T, params | {"b": [0.0, bias, 0.0, 0.0]}, outside) for bias in biases]
    keep = [[m for m in run if m.tag == "h" and m.t == T or m.tag == "B2" and f"dc_{m.t}" in m.known] for run in runs]
    return [Biases(biases, together) for together in zip(*keep)]
