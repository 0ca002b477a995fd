import re

import numpy as np

from minirnn import activations

from . import derivatives, normal

TITLE = "the slopes of σ and tanh, from their outputs"
FUNCTION = "slopes"
OUTPUTS = {"sigmoid_slope": "H B", "tanh_slope": "H B"}


def layer(H, B):
    def inputs(rng):
        return {"s": activations.sigmoid(1.4 * normal(rng, H, B)), "h": np.tanh(0.8 * normal(rng, H, B))}
    return inputs


def flat(rng):
    """Far out: in float64, σ(-800) is 0 and σ(800) is 1, and so with tanh."""
    ends = np.array([[-800.0, 0.3, 40.0], [800.0, -900.0, -1.7]])
    return {"s": activations.sigmoid(ends + rng.uniform(-0.2, 0.2, ends.shape)),
            "h": np.tanh(ends[:, ::-1] + rng.uniform(-0.2, 0.2, ends.shape))}


CASES = {"one number each": layer(1, 1), "a whole layer": layer(5, 3), "where s is 0 or 1, and h is -1 or 1": flat}


def reference(s, h):
    """The slopes of the functions themselves, at the a and b that s and h imply; 0 where these are infinite."""
    def slope(function, inverse, y, lowest):
        steep, found = (lowest < y) & (y < 1), np.zeros(y.shape)
        found[steep], = derivatives(function, np.ones(steep.sum()), inverse(y[steep]))
        return found
    return slope(activations.sigmoid, lambda s: np.log(s / (1 - s)), s, 0), slope(np.tanh, np.arctanh, h, -1)


def terms(s, h):
    each = {"(1)": s ** 0, "s": s, "s²": s ** 2, "s³": s ** 3, "h": h, "h²": h ** 2, "s h": s * h}
    return {"sigmoid_slope": each, "tanh_slope": each}


WHERE_FLAT = "For very large a, s is nearly 1 and σ is flat. What does your formula give for s = 1? And for s = 0?"
FORMULA = "Put exp(-a) = 1/s - 1 into the formula of σ'. What is left?"
TWICE = "Is the function not already in what you were given?"
TANH_FLAT = "tanh is flat at both ends, where h is nearly 1 or -1. What does your formula give there?"
TANH_STEEP = "Where b = 0, tanh is as steep as the line h = b. What does your formula give for h = 0?"
RISES = "Both functions only ever rise. Which sign does a slope then have?"
MUTANTS = [
    ("s * (1 - s)", "s", "returns s itself for σ'", WHERE_FLAT),
    ("s * (1 - s)", "1 - s", "takes 1 - s for σ'", WHERE_FLAT),
    ("s * (1 - s)", "1 - s ** 2", "takes 1 - s², which is tanh', for σ'", WHERE_FLAT),
    ("s * (1 - s)", "s * (1 - s ** 2)", "takes s (1 - s²) for σ'", FORMULA),
    ("s * (1 - s)", "s ** 2 * (1 - s)", "takes s² (1 - s) for σ'", FORMULA),
    ("s * (1 - s)", "s * (1 - s) ** 2", "takes s (1 - s)² for σ'", FORMULA),
    ("s * (1 - s)", "s * (s - 1)", "takes s (s - 1) for σ', which has the wrong sign", RISES),
    ("s * (1 - s)", "s * (1 + s)", "takes s (1 + s) for σ'", WHERE_FLAT),
    ("s * (1 - s)", "s * 1 - s", "computes s * 1 - s, which is 0, for σ'",
     "In which order does Python work out a * b - c?"),
    ("s * (1 - s)", "s * (1 / s - 1)", "has s (1/s - 1), where the second s is missing: that is 1 - s, and nan far out",
     "What is s (1/s - 1), when it is multiplied out?"),
    ("s * (1 - s)", "s ** 2 * (1 / s - 1)", "divides by s: far out s is 0, and nan comes up",
     "What is 1/s where s is 0? Multiply out first."),
    ("s * (1 - s)", "s ** 2", "takes s² for σ', without the exp(-a)", FORMULA),
    ("s * (1 - s)", "s ** 2 * np.exp(-s)", "puts s in place of a in s² exp(-a)",
     "Do you have a? What is exp(-a), if you have s?"),
    ("s * (1 - s)", "np.exp(-s) / (1 + np.exp(-s)) ** 2", "feeds σ' with s instead of a, so the σ is taken twice",
     TWICE),
    ("1 - h ** 2", "1 - h", "takes 1 - h for tanh'", TANH_FLAT),
    ("1 - h ** 2", "1 - abs(h)", "takes 1 - |h| for tanh'", "Is tanh' a curve or a pair of straight lines?"),
    ("1 - h ** 2", "(1 - h) ** 2", "takes (1 - h)² for tanh'", TANH_FLAT),
    ("1 - h ** 2", "1 - 2 * h", "takes 1 - 2 h for tanh'", TANH_FLAT),
    ("1 - h ** 2", "1 + h ** 2", "takes 1 + h² for tanh'", TANH_FLAT),
    ("1 - h ** 2", "h ** 2 - 1", "takes h² - 1 for tanh', which has the wrong sign", RISES),
    ("1 - h ** 2", "-h ** 2", "takes -h² for tanh', without the 1", TANH_STEEP),
    ("1 - h ** 2", "h * (1 - h)", "takes h (1 - h), which is σ', for tanh'", TANH_STEEP),
    ("1 - h ** 2", "h * (1 - h ** 2)", "takes h (1 - h²) for tanh'", TANH_STEEP),
    ("1 - h ** 2", "1 / (1 + h ** 2)", "takes 1 / (1 + h²), the slope of arctan, for tanh'", TANH_FLAT),
    ("1 - h ** 2", "1 / (1 - h ** 2)", "takes 1 / (1 - h²), the slope of the inverse function, for tanh'", TANH_FLAT),
    ("1 - h ** 2", "1 - np.tanh(h) ** 2", "feeds tanh' with h instead of b, so the tanh is taken twice", TWICE),
    ("s * (1 - s)", "s * (1 - 1 / (1 + np.exp(-s)))", "takes the σ of s, in 1 - s only, for σ'", TWICE),
    ("s * (1 - s)", "(1 - s) / (1 + np.exp(-s))", "takes the σ of s, but not in 1 - s, for σ'", TWICE),
    ("1 - h ** 2", "1 - h * np.tanh(h)", "takes the tanh of one h, for tanh'", TWICE),
    ("return sigmoid_slope, tanh_slope", "return tanh_slope, sigmoid_slope", "returns the two in the other order",
     "Which of the two is to come first?"),
]
BOTH = "Put a = 0 and b = 0 in: s is 1/2 and h is 0. The slopes there are 1/4 and 1. What do your two lines give?"
for _sigma, _tanh, _words, _asks in (
        ("np.exp(-s) / (1 + np.exp(-s)) ** 2", "1 - np.tanh(h) ** 2",
         "feeds both slopes with s and h instead of a and b, so that σ and tanh are taken twice", TWICE),
        ("1 - s ** 2", "h * (1 - h)", "has the two formulas exchanged: 1 - s² for σ' and h (1 - h) for tanh'", BOTH),
        ("s * (1 + s)", "1 + h ** 2", "adds where it should subtract, in both slopes", WHERE_FLAT),
        ("s * (s - 1)", "h ** 2 - 1", "gives both slopes the wrong sign", RISES),
        ("s", "h", "returns s and h themselves", WHERE_FLAT), ("1 - s", "1 - h", "takes 1 - s and 1 - h", WHERE_FLAT),
        ("s * (1 - s) ** 2", "(1 - h) ** 2", "squares 1 - s and 1 - h", WHERE_FLAT),
        ("1 / (s * (1 - s))", "1 / (1 - h ** 2)", "takes the slopes of the two inverse functions", WHERE_FLAT)):
    MUTANTS.append(({"s * (1 - s)": _sigma, "1 - h ** 2": _tanh}, _words, _asks))
VALUES = {"1": "1", "0.25": "1/4", "0.5": "1/2", "-1": "-1", "np.nan": "nan", "np.inf": "inf"}
for _right, _slope, _y, _low, _asks in (("s * (1 - s)", "σ'", "s", 0, WHERE_FLAT),
                                        ("1 - h ** 2", "tanh'", "h", -1, TANH_FLAT)):
    for _where, _words in ((f"({_y} == {_low}) | ({_y} == 1)", f"{_low} or 1"), (f"{_y} == {_low}", f"{_low}"),
                           (f"{_y} == 1", "1")):
        MUTANTS += [(_right, f"np.where({_where}, {_value}, {_right})",
                     f"has {_said} for {_slope} where {_y} is {_words}, and is right elsewhere", _asks)
                    for _value, _said in (VALUES | ({"h": "h itself"} if _words == "-1 or 1" else {})).items()
                    if (_value, _words) != ("np.nan", "0")]
    for _k in range(3, 10):
        _low_end = f"1e-{_k}" if _low == 0 else f"-1 + 1e-{_k}"
        MUTANTS.append((_right, re.sub(rf"\b{_y}\b", f"{_y}.clip({_low_end}, 1 - 1e-{_k})", _right),
                        f"clips {_y} to {_low_end} .. 1 - 1e-{_k} for {_slope}", _asks))

HINTS = [
    "Try numbers: for a = 0, s is 1/2 and σ'(a) is 1/4; for b = 0, h is 0 and tanh'(b) is 1. Far out, where s is "
    "nearly 0 or 1 and h nearly -1 or 1, both slopes are nearly 0.",
    "1 + exp(-a) is 1/s, so σ'(a) = s² exp(-a). Put exp(-a) = 1/s - 1 in, and multiply out. For tanh, call the top u "
    "and the bottom v: u' = v and v' = u, so the quotient rule gives (v² - u²) / v², and u / v is h.",
    "σ' = s² (1/s - 1), which is s - s². tanh' = 1 - u²/v². Both work for whole arrays as they are.",
]

ALTERNATIVES = ["""
import math

import numpy as np

def slopes(s, h):
    one, two = np.zeros(s.shape), np.zeros(h.shape)
    for i in range(s.shape[0]):
        for b in range(s.shape[1]):
            one[i, b] = 0.25 - (s[i, b] - 0.5) ** 2
            if abs(h[i, b]) < 1:
                two[i, b] = 1 / math.cosh(math.atanh(h[i, b])) ** 2
    return one, two
""", """
def slopes(s, h):
    return s - s * s, (1 - h) * (1 + h)
"""]
