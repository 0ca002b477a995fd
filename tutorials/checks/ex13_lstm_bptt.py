import numpy as np

from minirnn import lstm

from . import normal, orders, weights
from .ex12_lstm_step_backward import bias

TITLE = "backpropagation through time, of the LSTM"
FUNCTION = "lstm_backward"
OUTPUTS = {"dx": "T D B", "dW_x": "4H D", "dU_h": "4H H", "db": "4H", "dh0": "H B", "dc0": "H B"}
GATES = ["i", "f", "c̃", "o"]


def steps(T, size=1.0, B=3, D=7, H=5):
    def inputs(rng):
        params = {"W_x": weights(rng, 4 * H, D), "U_h": weights(rng, 4 * H, H), "b": weights(rng, 4 * H)}
        x, h0, c0 = 0.4 * normal(rng, T, D, B), 0.5 * normal(rng, H, B), normal(rng, H, B)
        _, one = forward(params, x, h0, c0)
        return {"W_x": params["W_x"], "U_h": params["U_h"], "x": x, "h0": h0, "c0": c0,
                "gates": np.concatenate([one[gate] for gate in "ifgo"], axis=1), "c": one["c"], "h": one["h"],
                "dh": size * normal(rng, T, H, B)}
    return inputs


CASES = {"a single step": steps(1), "six steps": steps(6),
         "two steps of a single sequence": steps(2, B=1),
         "three steps, with gradients near 30": steps(3, 30.0, B=7, D=4)}


def forward(params, x, h0, c0):
    """The library's cache, and all that happened inside, (T, H, B) each."""
    *_, cache = lstm.forward(params, x.transpose(2, 0, 1), (h0.T, c0.T))
    return cache, {name: values.transpose(1, 2, 0).copy() for name, values in lstm.trace(cache).items()}


def reference(W_x, U_h, x, h0, c0, gates, c, h, dh):
    """The library's backward. It runs forward first, with the b that the gates imply."""
    params = {"W_x": W_x, "U_h": U_h, "b": bias(W_x, U_h, x[0], h0, gates[0])}
    grads, dx, (dh0, dc0) = lstm.backward(forward(params, x, h0, c0)[0], dh.transpose(2, 0, 1))
    return dx.transpose(1, 2, 0), grads["W_x"], grads["U_h"], grads["b"], dh0.T, dc0.T


def terms(W_x, U_h, x, h0, c0, gates, c, h, dh):
    if len(x) > 1:
        return {}
    (i, f, g, o), t, dh = np.split(gates[0], 4), np.tanh(c[0]), dh[0]
    dc = dh * o * (1 - t ** 2)
    dgates = np.concatenate([dc * g, dc * c0, dc * i, dh * t])
    da = {"dgate": dgates, "dgate ⊙ gate": dgates * gates[0], "dgate ⊙ gate²": dgates * gates[0] ** 2}
    parts = {"dh": dh, "dh ⊙ tanh(c)": dh * t, "dh ⊙ o": dh * o, "dh ⊙ o ⊙ tanh(c)": dh * o * t,
             "dh ⊙ o ⊙ tanh²(c)": dh * o * t ** 2}
    return {"dc0": {f"f ⊙ {name}": f * part for name, part in parts.items()},
            "dW_x": {f"({name}) x_0ᵀ": d @ x[0].T for name, d in da.items()}}


ORDER = "In which order do the blocks lie on top of each other?"
TWO_H = "From where does h_t get its gradient? There are two places."
TWO_C = "From where does c_t get its gradient? There are two places."
BY_H = "Look at h_t = o_t ⊙ tanh(c_t). How does a small change of c_t change h_t?"
TANH_C = "What is the slope of tanh at c_t, and which quantity is the tanh already?"
SLOPE = "Through which function does each block go, and what is its slope from its own output?"
PRODUCT = "In c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t: what is each of the four multiplied by?"
OUT = "Where does o_t appear in the equations, and what is it multiplied by there?"
FROM = "Which of c_t and h_t does this gate appear in?"
CELL = "What was c_{t-1} multiplied by, on its way to c_t?"
AGAIN = "What is still to be passed on, when step t has used what came from step t+1?"
FAR = "How far back does the gradient go?"
BEFORE = "Which states came before the first step?"
PYTHON = "What do h[t - 1] and c[t - 1] mean in Python at t = 0?"
LEFT = "Do h0 and c0 reach the loss, and by which way each?"
SUM_OVER_T = "At how many steps is it used?"
SUM_OVER_B = "The loss is one number for all B columns. Who divides by B?"
MUTANTS = [
    # time
    (" + dh_next", "", "never adds dh_next", TWO_H),
    ("dh[t] + dh_next", "dh[t] - dh_next", "subtracts dh_next", TWO_H),
    ("dh[t] + dh_next", "dh_next", "never adds dh[t], the gradient from outside", TWO_H),
    ("dh[t] + dh_next", "dh[t] * (t == len(x) - 1) + dh_next", "adds dh[t] at the last step only", TWO_H),
    ("dh[t] + dh_next", "dh[t - 1] + dh_next", "adds dh[t - 1] where dh[t] belongs", "Whose gradient is dh[t]?"),
    ("dc_next + ", "", "never adds dc_next", TWO_C),
    ("dc_next + dh_t", "dc_next * f + dh_t", "multiplies dc_next by f_t on arrival",
     "Which forget gate stands between c_t and c_{t+1}: that of step t, or that of step t+1?"),
    ("dc_next + dh_t * o", "(dc_next + dh_t) * o", "sends dc_next through o and tanh', as if it came by h_t",
     "Which of the two gradients comes by h_t, and which does not?"),
    ("dc_next + dh_t * o * (1 - tanh_c ** 2)", "dc_next", "leaves out of dc_t what comes by h_t", TWO_C),
    ("dh_t * o", "dh[t] * o", "leaves dh_next out of dc_t", "Which gradient of h_t reaches c_t: a part, or the whole?"),
    ("dh_t * tanh_c", "dh[t] * tanh_c", "leaves dh_next out of the block of o",
     "Which gradient of h_t reaches o_t: a part, or the whole?"),
    ("dh_next = U_h", "dh_next = dh_next + U_h", "adds to dh_next at each step instead of assigning it", AGAIN),
    ("dc_next = dc_t", "dc_next = dc_next + dc_t", "adds to dc_next at each step instead of assigning it", AGAIN),
    ("dc_next = dc_t * f", "dc_next = dc_t", "passes dc_t on as dc_next, without f", CELL),
    ("dc_next = dc_t * f", "dc_next = dc_next * f", "never passes dc_t on as dc_next, so that dc_next stays zero: its "
     "line is missing, or has dc_next f", AGAIN),
    ("dc_next = dc_t * f", "dc_next = dh_t * f", "passes on dh_t f, not dc_t f, as dc_next", CELL),
    ("dc_next = dc_t * f", "dc_next = dc_t * i", "takes i for f in dc_next", CELL),
    ("dc_next = dc_t * f", "dc_next = dc_t * slope(f)", "takes σ' of f for f in dc_next", CELL),
    ("dc_next = dc_t * f", "dc_next = dc_t * np.split(gates[t - 1], 4)[1]", "takes f_{t-1} for f_t in dc_next",
     "Which step's forget gate stands between c_{t-1} and c_t?"),
    ("dc_next = dc_t * f", "dc_next = dc_t * np.split(gates[max(t - 1, 0)], 4)[1]",
     "takes f_{t-1} for f_t in dc_next at each step but the first",
     "Which step's forget gate stands between c_{t-1} and c_t?"),
    ("dc_next = dc_t * f", "dc_next = dc_t * f * ((len(x) - t) % 2)",
     "cuts the gradient of the cell off after every second step", FAR),
    ("U_h.T @ da_t", "U_h.T @ da_t * ((len(x) - t) % 2)",
     "cuts the gradient of the hidden state off after every second step", FAR),
    ("U_h.T @ da_t", "U_h[:-len(h0)].T @ da_t[:-len(h0)]", "leaves the block of o out of dh_next",
     "How many blocks does h_{t-1} take part in?"),
    ("U_h.T @ da_t", "U_h.T @ da_t + dh_t", "adds dh_t to dh_next", "Does h_{t-1} reach h_t other than by the gates?"),
    ("h[t - 1] if t > 0 else h0", "h[t - 1]", "takes h[-1], the last state, for h_{-1}", PYTHON),
    ("c[t - 1] if t > 0 else c0", "c[t - 1]", "takes c[-1], the last cell, for c_{-1}", PYTHON),
    ("else h0", "else 0 * h0", "takes zero for h_{-1}", BEFORE),
    ("else c0", "else 0 * c0", "takes zero for c_{-1}", BEFORE),
    ("reversed(range(len(x)))", "range(len(x))", "walks from the first step to the last",
     "What is carried comes from step t+1. Which step has to be done first?"),
    ("reversed(range(len(x)))", "reversed(range(1, len(x)))", "leaves out the step t = 0",
     "Which steps does your loop visit?"),
    ("gates[t]", "gates[-1]", "takes the gates of the last step at every step", "Whose gates does step t go through?"),
    ("dx[t]", "dx[-1 - t]", "writes dx in reversed order", "Which step does dx[0] belong to?"),
    ("dW_x +=", "dW_x =", "assigns dW_x at each step instead of adding to it", SUM_OVER_T),
    ("dU_h +=", "dU_h =", "assigns dU_h at each step instead of adding to it", SUM_OVER_T),
    ("db +=", "db =", "assigns db at each step instead of adding to it", SUM_OVER_T),
    ("dh_next, dc_next\n", "dc_next, dh_next\n", "returns dh0 and dc0 the wrong way round", LEFT),
    ("dh_next, dc_next\n", "0 * dh_next, dc_next\n", "returns zero for dh0", LEFT),
    ("dh_next, dc_next\n", "dh_next, 0 * dc_next\n", "returns zero for dc0", LEFT),
    ("dh_next, dc_next\n", "dh_t, dc_next\n",
     "returns for dh0 the gradient of the first step's state, not of the state before it", LEFT),
    ("dh_next, dc_next\n", "dh_next, dc_t\n",
     "returns for dc0 the gradient of the first step's cell, not of the cell before it", LEFT),
    ("return dx, dW_x, dU_h, db", "return dx, dW_x / len(x), dU_h / len(x), db / len(x)",
     "divides the gradients of all weights by T", "The loss is one number for all T steps. Who divides by T?"),
    ("return dx, dW_x, dU_h, db", "return dx, dW_x / h0.shape[1], dU_h / h0.shape[1], db / h0.shape[1]",
     "divides the gradients of all weights by B", SUM_OVER_B),
    # the step
    *orders(GATES, "i, f, g, o", "da_i, da_f, da_c, da_o"),
    ("tanh_c = np.tanh(c[t])", "tanh_c = c[t]", "takes c_t for tanh(c_t), both in dc_t and for o", BY_H),
    ("tanh_c = np.tanh(c[t])", "tanh_c = h[t]", "takes h_t for tanh(c_t), both in dc_t and for o",
     "What does o_t do to tanh(c_t)?"),
    ("tanh_c = np.tanh(c[t])", "tanh_c = np.tanh(c_prev)", "takes tanh(c_{t-1}) for tanh(c_t)",
     "Which cell does h_t show?"),
    ("dh_t * o", "dh_t", "leaves o out of dc_t", BY_H),
    ("dh_t * o", "dh_t * tanh_c", "takes tanh(c_t) for o in dc_t", BY_H),
    (" * (1 - tanh_c ** 2)", "", "forgets tanh' in dc_t", BY_H),
    ("(1 - tanh_c ** 2)", "(1 - c[t] ** 2)", "takes 1 - c² for tanh' in dc_t", TANH_C),
    ("(1 - tanh_c ** 2)", "(1 - h[t] ** 2)", "takes 1 - h² for tanh' in dc_t", TANH_C),
    ("s * (1 - s)", "1", "forgets σ' in i, f and o", SLOPE),
    ("s * (1 - s)", "(1 - s ** 2)", "takes 1 - s², which is tanh', for σ' in i, f and o", SLOPE),
    ("slope(i)", "1", "forgets σ' in i only", SLOPE),
    ("slope(f)", "1", "forgets σ' in f only", SLOPE),
    ("slope(o)", "1", "forgets σ' in o only", SLOPE),
    ("(1 - g ** 2)", "1", "forgets tanh' in c̃", SLOPE),
    ("(1 - g ** 2)", "(1 - g) ** 2", "squares 1 - c̃, not c̃, for tanh' in c̃", SLOPE),
    ("(1 - g ** 2)", "slope(g)", "takes c̃ (1 - c̃), which is σ', for tanh' in c̃", SLOPE),
    ("dc_t * g", "dc_t * c_prev", "multiplies by c_{t-1}, not by c̃_t, in the block of i", PRODUCT),
    ("dc_t * c_prev", "dc_t * c[t]", "multiplies by c_t, not by c_{t-1}, in the block of f", PRODUCT),
    ("dc_t * c_prev", "dc_t * h_prev", "multiplies by h_{t-1}, not by c_{t-1}, in the block of f", PRODUCT),
    ("dc_t * i", "dc_t * f", "multiplies by f, not by i, in the block of c̃", PRODUCT),
    ("dh_t * tanh_c", "dh_t * c[t]", "multiplies by c_t, not by tanh(c_t), in the block of o", OUT),
    ("dh_t * tanh_c", "(dh_t + dc_next) * tanh_c", "adds dc_next to dh_t in the block of o", FROM),
    ("dh_t * tanh_c", "dc_t * tanh_c", "computes the block of o from dc_t instead of dh_t", FROM),
    ("[da_i, da_f, da_c, da_o]", "[da_i * f, da_f * f, da_c * f, da_o]",
     "computes the blocks of i, f and c̃ from dc_t f, which belongs to c_{t-1}",
     "Which cell's gradient do these gates need, that of c_t or of c_{t-1}?"),
    ("np.concatenate([da_i, da_f, da_c, da_o])",
     "np.stack([da_i, da_f, da_c, da_o], axis=1).reshape(4 * len(da_i), -1)",
     "mixes the rows of the four blocks in da_t", "Which rows of da_t belong to i?"),
    ("da_t @ x[t].T", "da_t @ x[t - 1].T", "meets x_{t-1} in dW_x where x_t belongs",
     "What was W_x multiplied by at step t?"),
    ("da_t @ h_prev.T", "da_t @ h[t].T", "uses h_t in dU_h where h_{t-1} belongs",
     "What was U_h multiplied by at step t?"),
    ("da_t @ h_prev.T", "da_t @ c_prev.T", "uses c_{t-1} in dU_h where h_{t-1} belongs",
     "What was U_h multiplied by at step t?"),
    ("da_t.sum(axis=1)", "np.full(len(db), da_t.sum())",
     "sums over the rows of da_t too in db, not only over the batch",
     "db has 4H entries. Which entries of da_t belong to one of them?"),
    ("da_t.sum(axis=1)", "da_t.mean(axis=1)", "takes the mean over the batch in db, not the sum", SUM_OVER_B),
]
SPOKEN = {"g": "c̃_t", "i": "i_t", "f": "f_t", "o": "o_t", "tanh_c": "tanh(c_t)", "da_i": "the block of i",
          "da_f": "the block of f", "da_c": "the block of c̃", "da_o": "the block of o", "slope": "σ'",
          "h_prev": "h_{t-1}", "c_prev": "c_{t-1}"}

for _name, _given in (("dh_next", "dh[-1]"), ("dc_next", "dh[-1]"), ("dh_next", "h[-1]"), ("dc_next", "c[-1]"),
                      ("dc_next", "dh[-1] * gates[-1][-len(h0):] * (1 - np.tanh(c[-1]) ** 2)"), ("dh_next", "h0"),
                      ("dc_next", "c0")):
    _old = {"dh_next": "np.zeros_like(h0)", "dc_next": "np.zeros_like(c0)"}[_name]
    _said = _given if len(_given) < 9 else "what comes by h of the last step"
    MUTANTS.append((_old, _given, f"starts {_name} from {_said} instead of from zero", "What is there after the last "
                    "step?"))
for _k, _gate, _old in ((0, "i", "dc_t * i"), (1, "f", "dc_t * f"), (2, "c̃", "dc_t * g"), (3, "o", "dh_t * o")):
    for _at, _step, _words in (("t - 1", "t-1", ""), ("max(t - 1, 0)", "t-1", " at each step but the first"),
                               ("(t + 1) % len(x)", "t+1", ""), ("min(t + 1, len(x) - 1)", "t+1",
                                                                 " at each step but the last")):
        if (_k, _step) != (1, "t-1"):
            MUTANTS.append((_old, f"{_old[:-1]}np.split(gates[{_at}], 4)[{_k}]", f"takes {_gate}_{{{_step}}} for "
                            f"{_gate}_t in {_old[:4]} {_gate}_t{_words}", "Whose gates does step t go through?"))
MUTANTS += [
    ({"dc_t * g * slope(i)": "dc_t * g * slope(i); i = da_i",
      "dc_t * c_prev * slope(f)": "dc_t * c_prev * slope(f); f = da_f"},
     "writes each block of da over its gate, so that the block of c̃ uses the changed i, and dc_next the changed f",
     "Which lines still need the gates? Is a slice of an array an array of its own?"),
    ("np.split(gates[t], 4)", "(lambda a: [np.tanh(a[k]) if k == 2 else 1 / (1 + np.exp(-a[k])) for k in range(4)])("
     "np.split(W_x @ x[t] + U_h @ h_prev, 4))", "computes the gates anew, without b",
     "What has the forward pass kept for you?"),
    ({"h[t - 1] if t > 0 else h0": "h[t - 1]", "c[t - 1] if t > 0 else c0": "c[t - 1]"},
     "takes h[-1] and c[-1], the last step's, for h_{-1} and c_{-1}", PYTHON),
    ({"else h0": "else 0 * h0", "else c0": "else 0 * c0"}, "takes zero for both h_{-1} and c_{-1}", BEFORE),
    ({"dW_x +=": "dW_x =", "dU_h +=": "dU_h =", "db +=": "db ="},
     "assigns the gradients of all weights at each step instead of adding to them", SUM_OVER_T),
    ({" + dh_next": "", "dc_next + ": ""}, "never adds dh_next and dc_next: nothing is carried from step to step",
     TWO_H),
    ({"dh_next = U_h": "dh_next = dh_next + U_h", "dc_next = dc_t": "dc_next = dc_next + dc_t"},
     "adds to both dh_next and dc_next at each step instead of assigning them", AGAIN),
    ({"s * (1 - s)": "1", "(1 - g ** 2)": "1"}, "forgets σ' and tanh' in all four blocks", SLOPE),
    ({"s * (1 - s)": "(s * (1 - s)) ** 2", "(1 - g ** 2)": "(1 - g ** 2) ** 2"}, "takes σ' and tanh' twice in all four "
     "blocks", SLOPE),
    ({"(1 - g ** 2)": "g * (1 - g)", "s * (1 - s)": "(1 - s ** 2)"}, "has σ' and tanh' in each other's place, in all "
     "four blocks", SLOPE),
    ({"s * (1 - s)": "(lambda r: r * (1 - r))(1 / (1 + np.exp(-s)))", "(1 - g ** 2)": "(1 - np.tanh(g) ** 2)"},
     "takes σ and tanh twice in the slopes of all four blocks, as if the gates were a", SLOPE),
    ({"s * (1 - s)": "(lambda r: r * (1 - r))(1 / (1 + np.exp(-s)))", "(1 - g ** 2)":
      "(lambda r: r * (1 - r))(1 / (1 + np.exp(-g)))"}, "takes σ'(gate) for the slope in all four blocks, so the σ is "
     "taken twice", SLOPE),
    ({"dc_next + dh_t": "dc_next * f + dh_t", "dc_next = dc_t * f": "dc_next = dc_t"},
     "applies f_t to dc_next on arrival, and not to dc_t when it leaves: the forget gate of the wrong step", CELL),
    ({"dc_next = dc_t * f": "dc_next = dh_t * o * (1 - tanh_c ** 2) * f"},
     "passes on as dc_next only what comes by h_t, "
     "not all of dc_t", CELL),
    ({"dc_next = dc_t * f": "dc_next = (dc_t + dc_next) * f"}, "counts dc_next twice in what is carried: it is in dc_t "
     "already", CELL),
    ({"dc_next + dh_t": "dc_next * (np.split(gates[t + 1], 4)[1] if t + 1 < len(x) else 0) + dh_t"},
     "multiplies dc_next by f_{t+1} on arrival, though f is in it already", CELL),
    ({"dc_t * g": "dc_t * i", "dc_t * i": "dc_t * g"},
     "has i and c̃ swapped: multiplies by i_t itself in the block of i, "
     "and by c̃_t itself in the block of c̃, where each needs the other", PRODUCT),
    ({"dc_t * c_prev": "dc_t * f"}, "multiplies by f_t itself, not by c_{t-1}, in the block of f", PRODUCT),
    ({"dh_t * tanh_c": "dh_t * o"}, "multiplies by o_t itself, not by tanh(c_t), in the block of o", OUT),
    ({"dc_t * g": "dh_t * g", "dc_t * c_prev": "dh_t * c_prev", "dc_t * i": "dh_t * i"},
     "computes the blocks of i, f and c̃ from dh_t instead of dc_t", FROM),
    ({"da_t = np.concatenate([da_i, da_f, da_c, da_o])": "da_t = np.clip(np.concatenate([da_i, da_f, da_c, da_o]), -5, "
      "5)"}, "clips da_t to -5 .. 5", "May a gradient be larger than 5? Who clips?"),
    ({"dh_next, dc_next\n": "dh_next * (1 - h0 ** 2), dc_next\n"}, "takes tanh' of h0 once more in dh0", LEFT),
    ({"dh_next, dc_next\n": "dh_next + dh[0], dc_next\n"}, "adds dh[0] to dh0", LEFT),
]

HINTS = [
    "Exercises 7 and 12 put together: the loop and what is carried from 7, the body from 12. There dh was the whole "
    "gradient of h; here it is dh[t] + dh_next.",
    "Before the loop dh_next and dc_next are zeros of (H, B), and the gradients of the weights are zeros that each "
    "turn adds to. A turn ends with what 12 called dh_prev and dc_prev: they become dh_next and dc_next for the turn "
    "after. At t = 0 the states before are h0 and c0.",
    "dh_t = dh[t] + dh_next, dc_t = dc_next + dh_t * o * (1 - np.tanh(c[t])**2), then the four blocks as in 12 with "
    "dh_t and dc_t, then dx[t] and three lines with +=. Last dh_next = U_h.T @ da_t and dc_next = dc_t * f, which "
    "after the loop are dh0 and dc0.",
]

ALTERNATIVES = ["""
import numpy as np

def lstm_backward(W_x, U_h, x, h0, c0, gates, c, h, dh):
    T, H, B = h.shape
    s = gates.reshape(T, 4, H, B).swapaxes(0, 1)
    before_h, before_c = np.concatenate([h0[None], h[:-1]]), np.concatenate([c0[None], c[:-1]])
    partner = np.stack([s[2], before_c, s[0], np.tanh(c)])
    local = partner * np.where(np.arange(4)[:, None, None, None] == 2, 1 - s ** 2, s * (1 - s))
    W = U_h.reshape(4, H, H)
    da, dh_sum, dc_sum = np.zeros((4, T, H, B)), dh.copy(), np.zeros((T + 1, H, B))
    for t in range(T - 1, -1, -1):
        if t < T - 1:
            dh_sum[t] += np.einsum("gij,gib->jb", W, da[:, t + 1])
            dc_sum[t] = dc_sum[t + 1] * s[1, t + 1]
        dc_sum[t] += dh_sum[t] * s[3, t] / np.cosh(c[t]) ** 2
        da[:3, t], da[3, t] = local[:3, t] * dc_sum[t], local[3, t] * dh_sum[t]
    return (np.einsum("gid,gtib->tdb", W_x.reshape(4, H, -1), da),
            np.einsum("gtib,tdb->gid", da, x).reshape(4 * H, -1),
            np.einsum("gtib,tjb->gij", da, before_h).reshape(4 * H, H), da.sum(axis=(1, 3)).ravel(),
            np.einsum("gij,gib->jb", W, da[:, 0]), dc_sum[0] * s[1, 0])
""", """
import numpy as np

def lstm_backward(W_x, U_h, x, h0, c0, gates, c, h, dh):
    H = len(h0)

    def back(t, dh_next, dc_next):
        if t < 0:
            return [], 0, 0, 0, dh_next, dc_next
        i, f, g, o = (gates[t, k * H:(k + 1) * H] for k in range(4))
        show = h[t] / o
        dh_t = dh_next + dh[t]
        dc_t = dh_t * (1 + show) * (1 - show) * o + dc_next
        da = [dc_t * (g * i - g * i * i), dc_t * (c[t] - g * i if t else f * c0) * (1 - f),
              dc_t * i * (1 + g) * (1 - g), dh_t * h[t] * (1 - o)]
        blocks = lambda W: [W[k * H:(k + 1) * H] for k in range(4)]
        dx, dW_x, dU_h, db, dh0, dc0 = back(t - 1, sum(U.T @ d for U, d in zip(blocks(U_h), da)), f * dc_t)
        h_prev = h[t - 1] if t else h0
        return (dx + [sum(W.T @ d for W, d in zip(blocks(W_x), da))], dW_x + np.vstack([d @ x[t].T for d in da]),
                dU_h + np.vstack([(h_prev @ d.T).T for d in da]), db + np.hstack([d.sum(1) for d in da]), dh0, dc0)

    return back(len(x) - 1, 0, 0)
"""]
