"""The networks that `python -m minirnn watch` shows: a table for each, and what its layer says of itself, which are the
equations of its docstrings, the same with numbers, and its lines of code while they run."""

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
    places: dict  # {box: (x, y)} of step 0; step t stands t widths further right. `gates` is a frame around all gates
    edges: str  # what each box is made of; h' is the h of the step before
    carries: dict  # {state: (what lets its gradient through to the step before, the name of this way)}
    words: dict = {}  # what an equation leaves open


SIGNS = (
    "Upper half of a box: the value. Lower half: the gradient, dX = dL/dX, how much L grows per unit of X.",
    "Under a gate stands da: its σ or tanh is taken of a, and da is the gradient of a. σ lies between 0 and 1.",
    "Back along an arrow: the gradient where it starts × the number on it → what arrives. Parts that meet add up.",
    "⊙ multiplies number by number. ᵀ turns a matrix: its rows become columns.",
    "The code counts from 0: there step 1 is t = 0. It keeps all digits; here numbers have three after the point.")
NETWORKS = {
    "rnn": Network(
        rnn, ("x is the input. h is the output. It is also the memory: the hidden state.",
              "a_t is a weighted sum of x_t and of the h before, and h_t = tanh(a_t).",
              "W_ih, U_h, b_h are the weights, here fixed numbers: those of tutorial 1."),
        {"W_ih": [[0.5]], "U_h": [[0.8]], "b_h": [0.0]}, (1, 1, -2), {"h": 0.0}, 4.9,
        {"h": (0, 1.2), "a": (-2.45, 1.2), "x": (-2.45, 0.1), "L": (0, 2.9)}, "h'>a x>a a>h h>L",
        {"h": ("the factor tanh' · U_h", "this line")}, {"φ'(a_t)": "(1 - h_t²)", "φ": "tanh"}),
    "lstm": Network(
        lstm, ("x is the input. h is the output, also called the hidden state. c is the memory, called the cell state.",
               "Gates i, f, o, from 0 to 1: f keeps the old cell state, i lets new content in, o shows the cell state.",
               "c̃ is the candidate: the new content, from -1 to 1. It is g in the code, and c in W_xc, U_c, b_c.",
               "W_x, U_h, b are the weights, here fixed numbers: those of tutorial 13."),
        {"W_x": [[1.0], [1.0], [0.5], [-0.5]], "U_h": [[0.2], [0.4], [0.1], [1.0]], "b": [0.0, 1.0, 0.0, 0.0]},
        (1, -1), {"h": 0.5, "c": 0.5}, 5.3,
        {"c": (0, 5.3), "i": (-2.65, 4.15), "f": (-2.65, 3.25), "g": (-2.65, 2.35), "o": (-2.65, 1.45), "h": (0, 1.45),
         "x": (-2.65, 0.3), "L": (0, -0.53), "gates": (-2.65, 2.8)},
        "h'>i h'>f h'>g h'>o x>gates c'>c f>c i>c g>c o>h c>h h>L", {"c": ("the forget gate f_t", "the cell line")}),
    "gru": Network(
        gru, ("x is the input. h is the output. It is also the memory: the hidden state.",
              "Gates r, z, from 0 to 1: z keeps the old h, r shows it to the candidate n. n is the new content.",
              "W_x, U_h, b_x, b_h are the weights, here fixed numbers. u_n is what n gets from the old h."),
        {"W_x": [[1.0], [0.5], [0.5]], "U_h": [[0.4], [1.0], [0.8]], "b_x": [0.0, 1.0, 0.0], "b_h": [0.0, 0.0, 0.2]},
        (1, -1), {"h": 0.5}, 7.2,
        {"h": (0, 4.2), "r": (-4.7, 3.1), "z": (-4.7, 2.0), "u_n": (-4.7, 0.9), "n": (-2.3, 1.75), "x": (-2.3, 0.3),
         "L": (0, -0.53)}, "h'>r h'>z h'>u_n h'>h x>r x>z x>n z>h u_n>n r>n n>h h>L",
        {"h": ("the update gate z_t", "the line of h")}),
}


def layout(name, T):
    """Where each box stands, and the edges (from, to)."""
    net = NETWORKS[name]
    places = {f"{box}_{t}": (x + t * net.width, y) for t in range(T + 1) for box, (x, y) in net.places.items()
              if t or box in net.state}
    places["L_0"] = tuple(np.mean([places.pop(f"L_{t}") for t in range(1, T + 1)], axis=0))
    pairs = [edge.split(">") for edge in net.edges.split()]
    return places, [(f"{a.strip(chr(39))}_{t - a.endswith(chr(39))}", "L_0" if b == "L" else f"{b}_{t}")
                    for t in range(1, T + 1) for a, b in pairs]


def outputs(T):
    """The loss is their sum."""
    return " + ".join(f"h_{t}" for t in range(1, T + 1))


def gradient(box):
    return f"da_{box}" if box.rsplit("_", 1)[0] in [*"ifgorzn"] else f"d{box}"


def article(name):
    """The article's name for the code's."""
    return name.replace("g_", "c̃_")


def label(key):
    """As it is written. What has one name in the article and one in the code is written with both."""
    return key[:-2] if key in ("L_0", "dL_0") else f"c̃_{key[2:]} = {key}" if key[:2] == "g_" else key


def equations(layer):
    """The equations of a layer's docstrings, by their left side (i_t) and by their number in the derivation (B3), and
    what stands beside them, such as "forget gate: is the old cell state kept?"."""
    lines = re.findall(r"^ {4}(?:\(\d\) +)?(\S+_t = .*)$", layer.__doc__, re.M)
    found = [(line.split(" = ")[0], line) for line in lines]
    found += re.findall(r"^ +\((B\d+)\) +(.*)$", layer.backward.__doc__, re.M)
    parts = {name: re.split(r"(?<![, ]) {2,}|, +t = .*", re.sub(" += ", " = ", text)) for name, text in found}
    return ({name: re.sub(" +", " ", text) for name, (text, *_) in parts.items()},
            {name: beside[0] for name, (_, *beside) in parts.items() if beside and beside[0] and "=" not in beside[0]})


def at_step(text, t):
    """A formula with numbers for the index t."""
    text = re.sub(r"_\{t([+-]1)\}", lambda index: f"_{t + int(index[1])}", text)
    return re.sub(r"_t(?![A-Za-z0-9_])", f"_{t}", text)


def with_numbers(text, t, known, given, T):
    """A formula with numbers for its symbols, and how many terms it adds. What lies beyond the T steps is 0."""
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


def number(value, given=False):
    """A number with three digits, or as it was given, or whole where its type is; a vector in parentheses."""
    if np.size(value) > 1:
        return f"({', '.join(number(one, given) for one in np.ravel(value))})"
    value = np.ravel(value)[0]
    return f"{value:g}" if given or value.dtype.kind == "i" else f"{value:.3f}".replace("-0.000", "0.000")


def factor(value, given=False):
    """A number inside a formula: in parentheses if below 0."""
    text = number(value, given)
    return f"({text})" if text[0] == "-" else text


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
