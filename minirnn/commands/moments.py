"""What `python -m minirnn watch` shows: the operations of a network of one unit, one after the other, forward and back.

Nothing is computed here. The layer's own forward and backward run, and after each of their lines its variables are
copied, as a debugger does. So a number is that of the line which is shown. networks.py says which networks. watch.py
draws.
"""

import inspect
import re
from typing import NamedTuple

import numpy as np

from .networks import (NETWORKS, SIGNS, article, at_step, equations, factor, gradient, label, layout, number, observe,
                       outputs, with_numbers)


class Moment(NamedTuple):
    """One operation: of which step, what is said about it, what is known by then, and what is lit."""
    T: int  # how many steps there are
    t: int
    tag: str  # B3, or in the forward pass the name of what is computed; first "start", "signs", last "end"
    title: str
    lines: tuple  # the equation, and the same with its numbers
    rows: tuple  # ("", a line of code); where parts meet in a sum, for each part (what it adds, its line of code)
    known: dict  # {"c_1": array, "dc_1": array, ...}
    partly: dict  # gradients to which a part is still to be added
    lit: dict  # {box: None, (from, to): the words on the arrow}

    forward = property(lambda self: self.tag[0] != "B" and self.tag != "end")


class Part(NamedTuple):
    """What one operation adds to a gradient."""
    much: float
    origin: str
    product: str  # what came times the factor on the arrow, if it is one arrow with one factor
    step: int  # whose operation it is
    code: str
    lit: dict

    def arrived(self):
        """The words on its arrow, if it is one: the factor, and what it gives."""
        return {edge: f"{words} → {number(self.much)}" for edge, words in self.lit.items() if len(self.lit) == 1}


def moments(name, steps=None, params=None, outside=None):
    """Every operation of a forward and a backward pass, in order. outside: dL/dh_t at each step; None is 1."""
    return list(_Film(name, steps or len(NETWORKS[name].x), params, outside).moments())


class _Film:
    """Makes the moments of one run. `known` grows."""

    def __init__(self, name, T, params, outside):
        self.name, self.T, self.net, self.parts, self.partly, self.stacked = name, T, NETWORKS[name], {}, {}, {}
        layer, column = self.net.layer, lambda value: np.full((1, 1), value)
        params = {key: np.array(value) for key, value in (params or self.net.params).items()}
        x, self.outside = np.resize(self.net.x, T), np.array(outside or [1] * T)
        state = tuple(map(column, self.net.state.values()))
        state = state if state[1:] else state[0]
        (h, *_, cache), forward = observe(layer.forward, params, 1.0 * x[None, :, None], state)
        _, backward = observe(layer.backward, cache, 1.0 * self.outside[None, :, None])
        self.loss, self.ran = column(h.ravel() @ self.outside), forward + backward
        self.known = getattr(layer, "gates", dict)(params) | params
        self.known |= {f"{key}_0": column(value) for key, value in self.net.state.items()}
        self.known |= {f"x_{t}": column(value) for t, value in enumerate(x, 1)}
        self.given, (self.equation, self.meaning) = set(self.known), equations(layer)
        self.source, (self.places, self.edges) = inspect.getsource(layer).splitlines(), layout(name, T)

    def moments(self):
        """After each line that ran: what there is to see."""
        title = f"The {self.name.upper()}, one unit, {self.T} step{'s' * (self.T > 1)}. Time runs to the right"
        about = *self.net.about, f"The loss L = {outputs(self.T)} is one number, made of the outputs."
        yield self.moment(0, "start", title, about, (), {})
        yield self.moment(0, "signs", "How to read it: first forward, in blue, then back, in orange", SIGNS, (), {})
        before = {}
        for at, now in self.ran:
            line = re.match(r" {8}(\w+(?:, \w+)*)(\[t\])? (\+?)= (.*)", self.source[at])
            tag = re.search(r"# \((B\d+)\)|$", self.source[at])[1]
            if tag and "t" not in now:
                yield self.total()
                yield self.from_outside(at, tag)
            for target in line[1].split(", ") if line and "t" in now else []:
                k, right, base = int(now["t"]) + 1, line[4], target.removesuffix("_prev")
                of_step = lambda values: values[target][k - 1] if line[2] else values[target]
                value, old = of_step(now), of_step(before) if line[3] else 0
                if tag and target[1:] in self.given:
                    yield self.weight(at, tag, k, target, value, value - old)
                elif tag and "concatenate" not in right:
                    yield self.sent_back(at, tag, k, f"{base}_{k - (base != target)}", right, value, value - old)
                elif article(f"{target}_t") in self.equation:
                    yield self.computed(at, k, target, value)
                else:
                    self.known[f"{target}_{k}"] = value
                    self.stacked[target] = re.search(r"\[.*?\]|$", right)[0]
            before = now
        yield self.end()

    def moment(self, t, tag, title, lines, rows, lit):
        return Moment(self.T, t, tag, title, tuple(lines), tuple(rows), dict(self.known), dict(self.partly), lit)

    def code(self, at, k=""):
        return f"{self.name}.py:{at + 1}  {f'step {k}  ' if k else ''}{self.source[at].split('  # ')[0].strip()}"

    def numbers(self, text, t):
        for words in self.net.words.items():
            text = text.replace(*words)
        return with_numbers(text, t, self.known, self.given, self.T)

    def gates(self, k):
        return [box for box in self.places if gradient(box)[:2] in ("da", "du") and box.endswith(f"_{k}")]

    def computed(self, at, k, target, value):
        left = article(f"{target}_t")
        text, name, beside = self.equation[left], label(f"{target}_{k}"), self.meaning.get(left)
        filled, _ = self.numbers(text.split(" = ")[-1], k)
        self.known[f"{target}_{k}"] = value
        of = re.findall(r"\w_(\w)", text.split(" = ")[1]) if text.count(" = ") > 1 else [target]  # a_t = [a_i; ...]
        boxes = [next(filter(self.places.get, (f"{target}_{part}_{k}", f"{part}_{k}"))) for part in of]
        beside = beside or "what goes into each gate" * (len(of) > 1)
        into = boxes + [f"gates_{k}"] * (boxes[0] in self.gates(k))  # x goes to the frame around all gates
        lit = {(a, b): "" for a, b in self.edges if b in into and (not of[1:] or re.search(rf"\b{a[0]}_", text))}
        title, lines = f"Forward, step {k}: {name}", (text, f"{name} = {filled} ≈ {number(value)}")
        return self.moment(k, target, f"{title}, {beside}" if beside else title, lines, [("", self.code(at, k))],
                           lit | dict.fromkeys(boxes))

    def total(self):
        self.known["L_0"], lit = self.loss, {edge: "" for edge in self.edges if edge[1] == "L_0"}
        filled = " + ".join(factor(self.known[f"h_{t}"]) for t in range(1, self.T + 1))
        return self.moment(self.T, "L", "Forward: the loss L, the sum of the outputs", (
            f"L = {outputs(self.T)}", f"L = {filled} ≈ {number(self.loss)}",
            f"{self.name}.py does not compute L. It is told what L sends back, from outside."), (), lit | {"L_0": None})

    def from_outside(self, at, tag):
        self.known["dL_0"], lit = np.ones((1, 1), int), {"L_0": None}
        for t, value in enumerate(self.outside, 1):
            if value:
                (self.known if t == self.T else self.partly)[f"dh_{t}"] = np.full((1, 1), float(value))
                arrow = {(f"h_{t}", "L_0"): f"× {value:g}"}
                self.parts[f"dh_{t}"] = [Part(value, "from L", "", self.T + 1, self.code(at), arrow)]
                lit |= {f"h_{t}": None} | arrow
        more = f" To {' and '.join(self.partly)} a part from the next step is still to come." * bool(self.partly)
        lines = (f"({tag})   {self.equation[tag]}",
                 f"dL = dL/dL = 1. If an h grows by 1, so does L = {outputs(self.T)}: each h gets 1 · 1 = 1.",
                 f"dh_{self.T} is complete: no step comes after step {self.T}.{more}")
        return self.moment(self.T, tag, "Backward: the part of each dh that comes from the loss L", lines,
                           [("from outside: the 1 that L gives", self.code(at))], lit)

    def weight(self, at, tag, k, dweight, total, added):
        terms = self.parts.setdefault(dweight, [])
        terms.append(factor(added))
        self.known[dweight] = total
        text = next(one for one in self.equation[tag].split(", ") if one.startswith(f"{dweight} "))
        product = text.split("Σ_t ")[1].replace("ᵀ", "")
        vector, filled = product.split("_t")[0], f"{at_step(product, k)} = {self.numbers(product, k)[0]}"
        order = f",   {vector} = {self.stacked[vector]}" if vector in self.stacked else ""
        lines = [f"({tag})   {text}{order}", f"step {k} adds {filled}" + f" ≈ {number(added)}" * (" · " in filled)]
        lines += [f"{dweight} ≈ {' + '.join(terms)} ≈ {number(total)}"] * (len(terms) > 1)
        start = {"W": [f"x_{k}"], "U": [f"h_{k - 1}"]}.get(dweight[1], [])
        boxes = [box for box in self.gates(k) if not order or gradient(box)[:-2] in order]
        return self.moment(k, tag, f"Backward, step {k}: {dweight} grows, a sum over the steps", lines,
                           [("", self.code(at, k))], dict.fromkeys(start + boxes))

    def sent_back(self, at, tag, k, key, right, value, added):
        target, t = key.rsplit("_", 1)
        part, gate = self.part(at, k, key, right, added)
        parts = self.parts.setdefault(key, [])
        parts.append(part)
        outside = f"{self.outside[int(t) - 1]:g}" if target == "dh" and t != "0" else "0"
        equation = self.equation[tag].split(" = ")[-1]
        filled, terms = self.numbers(equation.replace("from outside", outside), int(t))
        zeros = "   ".join(f"0 from outside: L does not use {key[1:]}." if "from" in term
                           else f"0 from step {int(t) + 1}: there is none." if "+1" in term
                           else f"0 through h_{t}: it is given, not made from {key[1:]}."
                           for term, value in zip(equation.split(" + "), filled.split(" + ")) if value == "0")
        complete, nth = len(parts) == terms, ("first", "second", "third")[len(parts) - 1]
        (self.known if complete else self.partly)[key] = value

        lit, rows = part.lit, [("", part.code)]
        if not complete:
            title, filled = f"the {nth} part of {key}", f"{filled},   so far {number(value)}: a part is still to come"
        elif terms > 1:
            title = f"{key} complete, with its {nth} part"
            filled += f" ≈ {' + '.join(factor(one.much) for one in parts)} ≈ {number(value)}"
            rows = [(f"{one.product} ≈ "[3 * (not one.product):] + f"{number(one.much)}   {one.origin}", one.code)
                    for one in parts]
            for one in parts:
                lit = lit | one.arrived()
        else:
            name = self.meaning.get(article(f"{target[3:]}_t"), "").split(":")[0]
            title = f"{key} of the {name}" if target[:3] == "da_" and name else key
            filled += f" ≈ {part.product}" * (part.product not in filled) + f" ≈ {number(value)}"
        box = next(box for box in self.places if gradient(box) == key)
        lines = [f"({tag})   {self.equation[tag]}", f"{key} = {filled}"] + [zeros] * bool(zeros)
        return self.moment(int(t), tag, f"Backward, step {k}: {title}, {part.origin}{gate}", lines, rows,
                           lit | {box: None})

    def part(self, at, k, key, right, added):
        """What an operation of step k adds, by which arrows it comes, and which gate it passes on the straight way."""
        matrix = re.match(r"(\w+)\.T @", right)
        edges = [(a, b) for a, b in self.edges if gradient(a) == key and b.endswith(f"_{k}") and (
            b in (*self.gates(k), f"gates_{k}") if matrix else re.search(rf"\b{gradient(b)[:-2]}\b", right))]
        if matrix:
            words = [f"× {factor(weight, True)}" for weight in self.known[matrix[1]].ravel()]
            if len(words) > len(edges):  # one arrow, to the frame around all gates
                words = [f"× {matrix[1]}ᵀ"]
            return Part(added.item(), f"from step {k} through {matrix[1]}", "", k, self.code(at, k),
                        dict(zip(edges, words))), ""
        (_, came), = edges
        slope = (added / self.known[gradient(came)]).item()
        gate = "" if key.endswith(f"_{k}") else f" through {at_step(self.net.carries[key[1]][0], k)}"
        product = f"{factor(self.known[gradient(came)])} · {factor(slope)}"
        return Part(added.item(), f"from {came}", product, k, self.code(at, k), {edges[0]: f"× {factor(slope)}"}), gate

    def end(self):
        """What arrived at step 0, and what each factor took away on the straight way."""
        known, lines, lit = self.known, [], {f"{key}_0": None for key in self.net.state}
        for key, (gate, line) in self.net.carries.items():
            factors = []
            for t in range(self.T, 0, -1):
                now, then = f"d{key}_{t}", f"d{key}_{t - 1}"
                straight = next(part for part in self.parts[then] if part.step == t)
                others = [part for part in self.parts[then] if part is not straight]
                factors.append(straight.much / known[now].item())
                for part in (straight, *self.parts.get(f"da_{t}", ()), *others):
                    lit |= part.arrived()
                lines.append(f"Of {now} = {number(known[now])} {at_step(gate, t)} takes away {1 - factors[-1]:.0%}: "
                             f"{number(straight.much)} is left."
                             + "".join(f"  Add {number(one.much)} {one.origin}." for one in others)
                             + f"  So {then} ≈ {number(known[then])}." * bool(others))
            last, share = f"d{key}_{self.T}", np.prod(factors)
            gates = f" A part of that began at {last} too, and came through the gates." * (self.name != "rnn")
            left, rest = number(straight := share * known[last].item()), number(known[then].item() - straight)
            lines.append(f"So along {line} {' · '.join(map(number, factors))} ≈ {share:.0%} of {last} came "
                         f"to {then}: {left}.")
            lines += [f"The other {rest} comes from what was added.{gates}"] * (rest != "0.000")
        arrived = [f"d{key}_0 = {number(known[f'd{key}_0'])}" for key in self.net.state]
        lines += [f"{one} came another way: {self.parts[one[:4]][0].origin.replace('step', 'the gates of step')}."
                  for one in arrived if one[1] not in self.net.carries]
        return self.moment(0, "end", f"What arrived at step 0: {', '.join(arrived)}", lines, (), lit)


def side_by_side(biases, T):
    """The LSTM once for each forget bias, with the loss h_T alone: moments of all at once, from dc_T to dc_0."""
    params, outside = NETWORKS["lstm"].params, [0.0] * (T - 1) + [1.0]
    runs = [moments("lstm", T, params | {"b": [0.0, bias, 0.0, 0.0]}, outside) for bias in biases]
    keep = [[m for m in run if m.tag == "h" and m.t == T or m.tag == "B2" and f"dc_{m.t}" in m.known] for run in runs]
    return list(zip(*keep))
