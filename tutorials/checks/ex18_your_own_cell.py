import numpy as np

from . import derivatives, normal, weights

TITLE = "a cell whose answer is nowhere"
FUNCTION = "backward"
OUTPUTS = {"dx": "T D B", "dW": "2H D", "dU": "2H H", "db": "2H", "dp": "H", "dh0": "H B", "dc0": "H B"}
GATES = "rn"


def steps(T):
    def inputs(rng, B=3, D=7, H=5):
        return {"W": weights(rng, 2 * H, D), "U": weights(rng, 2 * H, H), "b": 0.5 * weights(rng, 2 * H),
                "p": weights(rng, H), "x": 0.5 * normal(rng, T, D, B), "h0": 0.5 * normal(rng, H, B),
                "c0": normal(rng, H, B), "dh": normal(rng, T, H, B), "dc": normal(rng, H, B)}
    return inputs


def without(*names):
    """A single step where these are zero: what becomes right then tells by which way a mistake comes in."""
    return lambda rng: {name: 0 * value if name in names else value for name, value in steps(1)(rng).items()}


PROBES = {f"a single step where {' and '.join(names)} {'is' if len(names) == 1 else 'are'} zero": names
          for names in (("dh",), ("dc",), ("p",), ("U",), ("c0",))}
CASES = {"a single step": steps(1), "six steps": steps(6)} | {words: without(*names) for words, names in PROBES.items()}


def forward(x, W, U, b, p, h, c):
    """All h_t and the last c_t, for real and for complex numbers."""
    states, H = [], len(p)
    for x_t in x:
        a = W @ x_t + U @ h + b[:, None]
        r = 1 / (1 + np.exp(-(a[:H] + p[:, None] * c)))
        c = r * c + (1 - r) * np.tanh(a[H:])
        h = c / np.sqrt(1 + c * c)
        states.append(h)
    return np.array(states), c


def reference(W, U, b, p, x, h0, c0, dh, dc):
    return derivatives(forward, (dh, dc), x, W, U, b, p, h0, c0)


def becomes_right(cases):
    """What is wrong in a single step and right where something is zero, in sentences."""
    by_words = {case.words: set().union(*case.masks) for case in cases}
    single, said = by_words["a single step"], []
    for words, names in PROBES.items():
        gone = [name for name in OUTPUTS if name in single - by_words[words]]
        if gone:
            zero = " and ".join(names)
            said.append(f"Where {zero} {'is' if len(names) == 1 else 'are'} zero, "
                        f"{'all of a single step' if len(gone) == len(single) else ', '.join(gone)} "
                        f"{'becomes' if len(gone) in (1, len(single)) else 'become'} right: what is wrong there goes "
                        f"with {zero}.")
    if single and not said:
        said.append("In a single step nothing becomes right where dh, dc, p, U or c0 is zero.")
    return said


MUTANTS = []  # there is no answer that could be broken, so nothing is named: only what is seen

HINTS = [
    "Begin with a single step, and go through forward's lines from the last to the first. At the top stand the "
    "whole gradients of h_t and c_t, called dh_t and dc_t; then what each line makes of them. The "
    "first is h = c / √(1 + c²): its slope is (1 + c²) to the power -3/2.",
    "c_{t-1} goes into step t in two places: it is multiplied by r_t, and it stands inside r_t beside p. h_{t-1} goes "
    "into both a's. r_t stands in c_t twice: once before c_{t-1}, once, with a minus, before n_t.",
    "Build it as the LSTM's backward pass: from step to step carry what was called dh_next and dc_next "
    "there. At each step: dh_t, then dc_t "
    "(from h_t and dc_next, which is a sum of two by itself), then dr and dn, then da, both blocks on top. "
    "dx, dW, dU, db and dh_next come from da as in exercise 7; p is used at every step and for all B columns.",
]

ALTERNATIVES = ["""
import numpy as np

from minirnn import gradcheck

def backward(W, U, b, p, x, h0, c0, dh, dc):
    # no backward pass, but as right as one, and slow: each number is moved a little
    given = [array.astype(complex) for array in (x, W, U, b, p, h0, c0)]

    def loss(_):
        x, W, U, b, p, h, c = given
        total = 0
        for x_t, dh_t in zip(x, dh):
            above, below = np.split(W @ x_t + U @ h + b[:, None], 2)
            r = 1 / (1 + np.exp(-above - p[:, None] * c))
            c = r * c + (1 - r) * np.tanh(below)
            h = c * (1 + c * c) ** -0.5
            total = total + (dh_t * h).sum()
        return total + (dc * c).sum()
    return [gradcheck.complex_step(loss, array) for array in given]
"""]
