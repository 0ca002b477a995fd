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
    about: tuple  # what its letters mean
    params: dict
    x: tuple  # one number a step, those of the tutorial; a longer run begins again
    state: dict  # the initial states
    width: float  # of a step in the picture
    places: dict  # {box: (x, y)} of step 0; step t stands t widths further right. `all` is a frame around all gates
    edges: str  # what each box is made of; h' is the h of the step before
    carries: dict  # {state: what lets its gradient through on the straight way to the step before}
    words: dict = {}  # what an equation leaves open


NETWORKS = {
    "rnn": Network(
        rnn, ("h is the output and the memory. Step t reads x_t and the h before, adds them up in a_t, and h_t = tanh(a_t).",),
        {"W_ih": [[0.5]], "U_h": [[0.8]], "b_h": [0.0]}, (1, 1, -2), {"h": 0.0}, 4.6,
        {"h": (0, 1.2), "a": (-2.3, 1.2), "x": (-2.3, 0.1), "L": (0, 2.4)}, "h'>a x>a a>h h>L",
        {"h": "the factor tanh' · U_h"}, {"φ'(a_t)": "(1 - h_t²)", "φ": "tanh"}),
    "lstm": Network(
        lstm, ("c is the memory, h the output. Gates, between 0 and 1: f keeps the old c, i lets the new c̃ in, o shows c.",
         "Under a gate stands da: the gradient of a, the argument of its σ or tanh. The code says g for c̃."),
        {"W_x": [[1.0], [1.0], [0.5], [-0.5]], "U_h": [[0.2], [0.4], [0.1], [1.0]], "b": [0.0, 1.0, 0.0, 0.0]},
        (1, -1), {"h": 0.5, "c": 0.5}, 5.2,
        {"c": (0, 5.3), "f": (-2.6, 4.15), "i": (-2.6, 3.25), "g": (-2.6, 2.35), "o": (-2.6, 1.45), "h": (0, 1.45),
         "x": (-2.6, 0.3), "L": (0, -0.4), "all": (-2.6, 2.8)},
        "h'>i h'>f h'>g h'>o x>all c'>c f>c i>c g>c o>h c>h h>L", {"c": "the forget gate f_t"}),
    "gru": Network(
        gru, ("h is the output and the memory. Gates, between 0 and 1: z keeps the old h, r shows it to the candidate n.",
         "Under a gate stands da: the gradient of a, the argument of its σ or tanh."),
        {"W_x": [[1.0], [0.5], [0.5]], "U_h": [[0.4], [1.0], [0.8]], "b_x": [0.0, 1.0, 0.0],
              "b_h": [0.0, 0.0, 0.2]},
        (1, -1), {"h": 0.5}, 7.0,
        {"h": (0, 4.2), "z": (-4.5, 3.1), "r": (-4.5, 2.0), "u_n": (-4.5, 0.9), "n": (-2.2, 2.0), "x": (-2.2, 0.3),
         "L": (0, -0.4)}, "h'>r h'>z h'>u_n h'>h x>r x>z x>n z>h u_n>n r>n n>h h>L",
        {"h": "the update gate z_t"}),
}


class Moment(NamedTuple):
    """One operation: of which step, what is said about it, what is known by then, and what is lit."""
    T: int  # how many steps there are
    t: int
    tag: str  # B3, or in the forward pass the name of what is computed; first of all "start", last of all "end"
    title: str
    lines: tuple  # the equation, and the same with its numbers
    rows: tuple  # lines of code, each after the part of a sum that it added, if it is a sum: (words, code)
    known: dict  # {"c_1": array, "dc_1": array, ...}
    partly: dict  # gradients to which something is still to be added
    lit: dict  # {box: None, (from, to): the words on the arrow}

    forward = property(lambda self: self.tag[0] != "B" and self.tag != "end")


class Part(NamedTuple):
    """What one operation added to a gradient."""
    much: float
    product: str  # the same as what came, times the factor on the arrow
    whence: str
    step: int  # whose operation it is
    code: str
    lit: dict


def layout(name, T):
    """Where each box stands, and the edges (from, to)."""
    net = NETWORKS[name]
    places = {f"{box}_{t}": (x + t * net.width, y) for t in range(T + 1) for box, (x, y) in net.places.items()
              if t or box in net.state}
    places["L_0"] = tuple(np.mean([places.pop(f"L_{t}") for t in range(1, T + 1)], axis=0))
    pairs = [edge.split(">") for edge in net.edges.split()]
    return places, [(f"{a.strip(chr(39))}_{t - a.endswith(chr(39))}", "L_0" if b == "L" else f"{b}_{t}")
                    for t in range(1, T + 1) for a, b in pairs]


def step(box):
    return int(box.rsplit("_", 1)[1])


def gradient(box):
    return f"da_{box}" if box.rsplit("_", 1)[0] in [*"ifgorzn"] else f"d{box}"


def label(key):
    """As it is written; what has one name in the article and one in the code, with both."""
    return "L" if key == "L_0" else f"c̃_{key[2:]} = {key}" if key[:2] == "g_" else key


def number(value, given=False):
    """A number with three digits, or as it was given; a vector in parentheses."""
    if np.size(value) > 1:
        return f"({', '.join(number(one, given) for one in np.ravel(value))})"
    value = np.ravel(value)[0]
    return f"{value:g}" if given else f"{value:.3f}".replace("-0.000", "0.000")


def factor(value, given=False):
    """A number inside a formula: in parentheses if below 0."""
    text = number(value, given)
    return f"({text})" if text[0] == "-" else text


def at_step(text, t):
    """A formula with numbers for the index t."""
    text = re.sub(r"_\{t([+-]1)\}", lambda index: f"_{t + int(index[1])}", text)
    return re.sub(r"_t(?![A-Za-z0-9_])", f"_{t}", text)


def with_numbers(text, t, known, given, T):
    """A formula with numbers for its symbols, and of how many terms it is a sum. What lies beyond the T steps adds 0."""
    find = lambda name: name if name in known else f"{name}_{t}"

    def exists(term):
        return all(0 < int(k) <= T or k == "0" and name.strip("d") in ("h", "c")
                   for name, k in re.findall(r"(?a:([A-Za-z]+)_(\d))", term))

    def product(match):
        weights, gradients = (np.ravel(known[find(name)]) for name in match.groups())
        return " + ".join(f"{factor(u, True)} · {factor(v)}" for u, v in zip(weights, gradients))

    def value(match):
        name = find(match[0])
        return factor(known[name], name in given) if name in known else match[0]

    terms = re.split(r" \+ (?![^(]*\))", at_step(text.replace("c̃", "g"), t))
    terms = [re.sub(r"(?a:(\w+))ᵀ (?a:(\w+))", product, term) if exists(term) else "0" for term in terms]
    text = re.sub(r"(?a:[A-Za-z]\w*)", value, " + ".join(terms)).replace(" ⊙ ", " · ")
    return re.sub(r"(?<=[\d)]) (?=\(|\d)", " · ", text), sum(term != "0" for term in terms)


def equations(layer):
    """The equations of a layer's docstrings, by their left side (i_t) and by their number in the derivation (B3), and
    what stands beside them, such as "forget gate: is the old cell kept?"."""
    lines = re.findall(r"^ {4}(?:\(\d\) +)?(\S+_t = .*)$", layer.__doc__, re.M)
    found = [(line.split(" = ")[0], line) for line in lines]
    found += re.findall(r"^ +\((B\d+)\) +(.*)$", layer.backward.__doc__, re.M)
    parts = {name: re.split(r"(?<![, ]) {2,}|, +t = .*", re.sub(" += ", " = ", text)) for name, text in found}
    return ({name: re.sub(" +", " ", text) for name, (text, *_) in parts.items()},
            {name: beside[0] for name, (_, *beside) in parts.items() if beside and beside[0] and "=" not in beside[0]})


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
    T, column = steps or len(net.x), lambda value: np.full((1, 1), value)
    params = {key: np.array(value) for key, value in (params or net.params).items()}
    x, outside = np.resize(net.x, T).astype(float), np.array(outside or [1.0] * T)
    state = [column(value) for value in net.state.values()]
    (h, *_, cache), forward = observe(net.layer.forward, params, x.reshape(1, T, 1), tuple(state) if state[1:] else state[0])
    _, backward = observe(net.layer.backward, cache, outside.reshape(1, T, 1))

    known = getattr(net.layer, "gates", dict)(params) | params | dict(zip((f"{key}_0" for key in net.state), state))
    known |= {f"x_{t}": column(value) for t, value in enumerate(x, 1)}
    film = Film(name, T, known, outside, column(h.ravel() @ outside))
    shown, before = [film.start()], {}
    for at, now in forward + backward:
        shown += film.after(at, before, now)
        before = now
    return [*shown, film.end()]


class Film:
    """Makes the moments of one run, one after the other: `known` grows."""

    def __init__(self, name, T, known, outside, loss):
        self.net, self.T, self.known, self.outside, self.loss = NETWORKS[name], T, known, outside, loss
        self.given, self.partly, self.parts = set(known), {}, {}
        self.equation, self.meaning = equations(self.net.layer)
        self.source, (self.places, self.edges) = inspect.getsource(self.net.layer).splitlines(), layout(name, T)
        self.name, self.stacked, self.loss_is = name, {}, f"L = {' + '.join(f'h_{t}' for t in range(1, T + 1))}"

    def moment(self, t, tag, title, lines, rows, lit):
        return Moment(self.T, t, tag, title, tuple(lines), tuple(rows), dict(self.known), dict(self.partly), lit)

    def code(self, at):
        return f"{self.name}.py:{at + 1}  {self.source[at].split('  # ')[0].strip()}"

    def say(self, text, t):
        for words in self.net.words.items():
            text = text.replace(*words)
        return with_numbers(text, t, self.known, self.given, self.T)

    def gates(self, t):
        return [box for box in self.places if step(box) == t and box[:-2] not in (*self.net.state, "x", "L", "all")]

    def after(self, at, before, now):
        """What there is to see after a line of the layer has run."""
        line = re.match(r" {8}(\w+(?:, \w+)*)(\[t\])? (\+?)= (.*)", self.source[at])
        tag = re.search(r"# \((B\d+)\)|$", self.source[at])[1]
        if tag and "t" not in now:
            yield self.from_outside(at, tag)
        if not line or "t" not in now:
            return
        targets, indexed, adds, right = line.groups()
        k = int(now["t"]) + 1
        for target in targets.split(", "):
            value, old = ((values[target][k - 1] if indexed else values[target]) if target in values else 0
                          for values in (now, before if adds else {}))
            base, left = target.removesuffix("_prev"), f"{target}_t".replace("g_", "c̃_")
            if tag and target[1:] in self.given:
                yield self.weight(at, tag, k, target, value, value - old)
            elif tag and "concatenate" not in right:
                yield self.sent_back(at, tag, k, k - (base != target), base, right, value, value - old)
            elif left in self.equation:
                yield self.computed(at, k, target, left, value)
            else:
                self.known[f"{target}_{k}"] = value
                self.stacked[target] = re.search(r"\[.*?\]|$", right)[0] * ("concatenate" in right)

    def start(self):
        return self.moment(0, "start", f"The {self.name.upper()}, one unit, {self.T} step{'s' * (self.T > 1)}. Time runs from left to right", (
            self.net.about[0], f"First forward, in blue: the value of each box. At the end the loss {self.loss_is}.",
            "Then back, in orange: the gradients. dX means dL/dX: how much L grows for each unit that X grows.",
            *self.net.about[1:],
            "Three digits are shown, all are kept: ≈ means rounded, and the last digit of a sum may be off by one."), (), {})

    def computed(self, at, k, target, left, value):
        text = self.equation[left]
        of = re.findall(r"\w_(\w)", text.split(" = ")[1]) if text.count(" = ") > 1 else [target]
        boxes = [box for part in of for box in (f"{target}_{part}_{k}", f"{part}_{k}") if box in self.places]
        filled, name = self.say(text.split(" = ")[-1], k)[0], label(f"{target}_{k}")
        self.known[f"{target}_{k}"] = value
        lit = {edge: "" for edge in self.edges if edge[1] in boxes or edge == (f"x_{k}", f"all_{k}") and
               (f"h_{k - 1}", boxes[0]) in self.edges}
        title = f"Forward, step {k}: {name}" + ", " * (left in self.meaning) + self.meaning.get(left, "")
        lines = text, f"{name} = {filled} ≈ {number(value)}"
        return self.moment(k, target, title, lines, [("", self.code(at))], lit | dict.fromkeys(boxes))

    def from_outside(self, at, tag):
        self.known["L_0"] = self.loss
        lit = {}
        for t, value in enumerate(self.outside, 1):
            if value:
                (self.known if t == self.T else self.partly)[f"dh_{t}"] = np.full((1, 1), value)
                part = Part(value, "", "from L", self.T + 1, self.code(at), {(f"h_{t}", "L_0"): ""})
                self.parts[f"dh_{t}"], lit = [part], lit | {f"h_{t}": None, (f"h_{t}", "L_0"): f"× {value:g}"}
        lines = [f"({tag})   {self.equation[tag]}",
                 f"{self.loss_is}, so each h gets 1 from outside, from L.",
                 f"dh_{self.T} is complete: no step comes after step {self.T}."
                 + f" To {' and '.join(self.partly)} a part from the next step is still to come." * bool(self.partly)]
        return self.moment(self.T, tag, "Backward: the first part of each dh, from the loss L", lines, [("", self.code(at))], lit)

    def weight(self, at, tag, k, dweight, total, added):
        terms = self.parts.setdefault(dweight, [])
        terms.append(number(added))
        self.known[dweight] = total
        text = next(one for one in self.equation[tag].split(", ") if one.startswith(f"{dweight} "))
        product = text.split("Σ_t ")[1].replace("ᵀ", "")
        filled = f"{at_step(product, k)} = {self.say(product, k)[0]}"
        order = self.stacked.get(product.split("_t")[0])
        lines = [f"({tag})   {text}" + f",   {product.split('_t')[0]} = {order}" * bool(order), f"step {k} adds {filled}" + f" ≈ {terms[-1]}" * (not filled.endswith(terms[-1]))]
        lines += [f"{dweight} ≈ {' + '.join(terms)} ≈ {number(total)}"] * (len(terms) > 1)
        start = {"W": f"x_{k}", "U": f"h_{k - 1}"}.get(dweight[1])
        lit = {edge: "" for edge in self.edges if edge[0] == start and step(edge[1]) == k}
        return self.moment(k, tag, f"Backward, step {k}: {dweight} grows, a sum over the steps", lines,
                           [("", self.code(at))], lit | dict.fromkeys(self.gates(k)))

    def sent_back(self, at, tag, k, t, target, right, value, added):
        key, matrix = f"{target}_{t}", re.match(r"(\w+)\.T @", right)
        outside = f"{self.outside[t - 1]:g}" if target == "dh" and t else "0"
        filled, terms = self.say(self.equation[tag].split(" = ")[-1].replace("from outside", outside), t)
        box = next(box for box in self.places if gradient(box) == key)
        lit = {(a, b): "" for a, b in self.edges if a == box and step(b) == k and (
            b in (*self.gates(k), f"all_{k}") if matrix else re.search(rf"\b{gradient(b)[:-2]}\b", right))}
        came = next(iter(lit))[1]
        factors = self.known[matrix[1]].ravel() if matrix else [(added / self.known[gradient(came)]).item()]
        whole = len(factors) == len(lit)  # or to the frame around all gates
        lit = {edge: f"× {factor(one, bool(matrix))}" if whole else f"× {matrix[1]}ᵀ" for edge, one in zip(lit, factors)}
        product = "" if matrix else f"{factor(self.known[gradient(came)])} · {factor(factors[0])}"
        whence = f"from step {k} through {matrix[1]}" if matrix else f"from {came}"
        parts = self.parts.setdefault(key, [])
        parts.append(Part(added.item(), product, whence, k, self.code(at), lit))
        complete = len(parts) == terms
        (self.known if complete else self.partly)[key] = value

        rows, nth = [("", parts[-1].code)], ("first", "second", "third")[len(parts) - 1]
        if not complete:
            title, filled = f"the {nth} part of {key}", f"{filled},   so far {number(value)}: a part is still to come"
        elif terms > 1:
            title = f"{key} complete, with its {nth} part"
            filled += f" ≈ {' + '.join(factor(part.much) for part in parts)} ≈ {number(value)}"
            rows = [(f"{part.product}{' ≈ ' * bool(part.product)}{number(part.much)}   {part.whence}", part.code)
                    for part in parts]
            lit = lit | {edge: f"{words} ≈ {number(part.much)}" if words else number(part.much)
                         for part in parts if len(part.lit) == 1 for edge, words in part.lit.items()}
        else:
            name = self.meaning.get(f"{target[3:]}_t".replace("g_", "c̃_"), "").split(":")[0]
            title = f"{key} of the {name}" if target[:3] == "da_" and name else key
            filled += f" ≈ {product}" * (product not in filled) + f" ≈ {number(value)}"
        if t < k and not matrix:
            whence += f" through {self.net.carries[target[1:]].replace('_t', f'_{k}')}"
        return self.moment(t, tag, f"Backward, step {k}: {title}, {whence}",
                           (f"({tag})   {self.equation[tag]}", f"{key} = {filled}"), rows, lit | {box: None})

    def end(self):
        """What arrived at step 0, and what each factor took away on the straight way."""
        known, lines, lit, arrived = self.known, [], {}, [f"d{key}_0" for key in self.net.state]
        for key, gate in self.net.carries.items():
            factors = []
            for t in range(self.T, 0, -1):
                now, then = f"d{key}_{t}", f"d{key}_{t - 1}"
                straight = next(part for part in self.parts[then] if part.step == t)
                others = [part for part in self.parts[then] if part is not straight]
                factors.append(straight.much / known[now].item())
                for part in (straight, *self.parts.get(f"da_{t}", ()), *others):
                    lit |= {edge: f"+ {number(part.much)}" if part in others else words
                            for edge, words in part.lit.items() if len(part.lit) == 1}
                added = "".join(f"  Add {number(part.much)} {part.whence}." for part in others)
                lines.append(f"Of {now} = {number(known[now])} {gate.replace('_t', f'_{t}')} takes away {1 - factors[-1]:.0%}: "
                             f"{number(straight.much)} is left.{added}" + f"  So {then} ≈ {number(known[then])}." * bool(others))
            straight = np.prod(factors) * known[f"d{key}_{self.T}"].item()
            lines.append(f"So {' · '.join(map(number, factors))} ≈ {np.prod(factors):.0%} of d{key}_{self.T} came to d{key}_0: {number(straight)}.  "
                         f"The other {number(known[f'd{key}_0'].item() - straight)} is from what was added on the way.")
        lines += [f"{name} = {number(known[name])} came another way: {part.whence.replace('step', 'the gates of step')}."
                  for name in arrived if name[1] not in self.net.carries for part in self.parts[name]]
        title = f"What arrived at step 0: {', '.join(f'{name} = {number(known[name])}' for name in arrived)}"
        return self.moment(0, "end", title, lines, (), lit | {name[1:]: None for name in arrived})


def side_by_side(biases, T):
    """The LSTM once for each forget bias, with the loss h_T alone: moments of all at once, from dc_T to dc_0."""
    params, outside = NETWORKS["lstm"].params, [0.0] * (T - 1) + [1.0]
    runs = [moments("lstm", T, params | {"b": [0.0, bias, 0.0, 0.0]}, outside) for bias in biases]
    keep = [[m for m in run if m.tag == "h" and m.t == T or m.tag == "B2" and f"dc_{m.t}" in m.known] for run in runs]
    return list(zip(*keep))
