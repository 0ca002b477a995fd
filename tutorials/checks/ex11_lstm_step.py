import numpy as np

from minirnn import lstm

from . import normal, orders, weights

TITLE = "one step of the LSTM, forward"
FUNCTION = "lstm_step"
OUTPUTS = {"gates": "4H B", "c": "H B", "h": "H B"}
GATES = ["i", "f", "c̃", "o"]


def step(rng, B=3, D=7, H=5, size=1.0):
    return {"W_x": weights(rng, 4 * H, D), "U_h": weights(rng, 4 * H, H), "b": weights(rng, 4 * H),
            "x": 0.4 * normal(rng, D, B), "h_prev": 0.5 * normal(rng, H, B), "c_prev": size * normal(rng, H, B)}


def large(rng):
    return step(rng, B=7, D=3, H=6, size=12.0)


CASES = {"one step": step, "one step of a single sequence": lambda rng: step(rng, B=1),
         "one step of other sizes, with large numbers": large}


def reference(W_x, U_h, b, x, h_prev, c_prev):
    _, _, cache = lstm.forward({"W_x": W_x, "U_h": U_h, "b": b}, x.T[:, None], (h_prev.T, c_prev.T))
    one = {name: values[:, 0].T for name, values in lstm.trace(cache).items()}
    return np.concatenate([one[gate] for gate in "ifgo"]), one["c"], one["h"]


def terms(W_x, U_h, b, x, h_prev, c_prev):
    gates, c, _ = reference(W_x, U_h, b, x, h_prev, c_prev)
    i, f, g, o = np.split(gates, 4)
    return {"c": {"f ⊙ c_prev": f * c_prev, "i ⊙ c̃": i * g, "i ⊙ c_prev": i * c_prev, "f ⊙ c̃": f * g,
                  "c_prev": c_prev, "c̃": g},
            "h": {"o ⊙ tanh(c)": o * np.tanh(c), "tanh(c)": np.tanh(c), "o ⊙ c": o * c, "c": c, "o": o}}


EQUATION = "Is everything that makes up a gate's argument in your a?"
ORDER = "In which order do the blocks of W_x lie on top of each other?"
SIGMA = "Between which two numbers should each gate lie, and each c̃?"
CELL = "c is a sum of two products. Which gate stands before the old cell, and which before the candidate?"
SHOWN = "What lies between c and h?"
MUTANTS = [
    (" + b[:, None]", "", "leaves b out of a", EQUATION),
    (" + U_h @ h_prev", "", "leaves U_h h_prev out of a", EQUATION),
    ("U_h @ h_prev", "U_h @ c_prev", "multiplies U_h by c_prev, not by h_prev",
     "Which of the two states do gates read?"),
    ("np.split(a, 4)", "a.reshape(-1, 4, a.shape[1]).swapaxes(0, 1)",
     "takes every fourth row for a gate, not H rows that follow each other", "Which rows of W_x belong to i?"),
    ("i = sigmoid(a_i)", "i = np.tanh(a_i)", "uses tanh for i", SIGMA),
    ("f = sigmoid(a_f)", "f = np.tanh(a_f)", "uses tanh for f", SIGMA),
    ("f = sigmoid(a_f)", "f = sigmoid(a_f + 1)", "adds 1 to the argument of f, although b_f is in b already",
     "How large is the bias of the forget gate, and how often do you add it?"),
    ("g = np.tanh(a_c)", "g = sigmoid(a_c)", "uses σ for c̃", SIGMA),
    ("g = np.tanh(a_c)", "g = a_c", "forgets the tanh of c̃", SIGMA),
    ("g = np.tanh(a_c)", "g = np.tanh(sigmoid(a_c))", "sends the argument of c̃ through σ before tanh", SIGMA),
    ("o = sigmoid(a_o)", "o = np.tanh(a_o)", "uses tanh for o", SIGMA),
    ("f * c_prev + ", "", "leaves the old cell out of c", CELL),
    ("f * c_prev", "c_prev", "keeps all of the old cell, without f", CELL),
    ("f * c_prev", "(1 - f) * c_prev", "keeps the part 1 - f of the old cell",
     "Mind the name of the gate. With f = 1, is the old cell kept or forgotten?"),
    ("f * c_prev", "f * h_prev", "keeps a part of h_prev, not of c_prev", "Which of the two states is the old cell?"),
    ("f * c_prev + i * g", "f * c_prev + (1 - f) * g", "takes 1 - f for i in c", CELL),
    ("f * c_prev + i * g", "i * c_prev + f * g", "has i and f the wrong way round in c", CELL),
    ("f * c_prev + i * g", "f * (c_prev + i * g)", "lets f act on the candidate too", CELL),
    ("i * g", "g", "lets all of the candidate in, without i", CELL),
    ("o * np.tanh(c)", "o * c", "leaves the tanh of c out of h", SHOWN),
    ("o * np.tanh(c)", "np.tanh(c)", "leaves o out of h", SHOWN),
    ("o * np.tanh(c)", "np.tanh(o * c)", "takes the tanh after the product with o", "Which comes first, o or tanh?"),
    ("o * np.tanh(c)", "o * sigmoid(c)", "takes σ(c), not tanh(c), for h", SHOWN),
    ("o * np.tanh(c)", "o * np.tanh(c_prev)", "shows c_prev, not c, in h",
     "Which cell does h show, the old or the new?"),
    (", c, h", ", np.tanh(c), h", "takes the tanh already in c, where it belongs in h only: returns tanh(c) for c",
     "Which equation does the tanh of c belong to?"),
    ("np.concatenate([i, f, g, o])", "a", "returns the arguments of σ and tanh for gates",
     "Between which two numbers should all that you return as gates lie?"),
    *(row for row in orders(GATES, "a_i, a_f, a_c, a_o", "i, f, g, o")  # i and f exchanged in both is another entry
      if row[1] != "reads the blocks and stacks them in the order f, i, c̃, o"),
    ({"i = sigmoid(a_i)": "i = np.tanh(a_i)", "f = sigmoid(a_f)": "f = np.tanh(a_f)", "o = sigmoid(a_o)":
      "o = np.tanh(a_o)", "g = np.tanh(a_c)": "g = sigmoid(a_c)"}, "has σ and tanh in each other's place, in all four",
     SIGMA),
    ({"i = sigmoid(a_i)": "i = np.tanh(a_i)", "f = sigmoid(a_f)": "f = np.tanh(a_f)", "o = sigmoid(a_o)":
      "o = np.tanh(a_o)"}, "uses tanh for all three gates", SIGMA),
    ({"f * c_prev + i * g": "(1 - i) * c_prev + i * g"}, "takes 1 - i for f in c", CELL),
    ({"i * g": "i * np.tanh(g)"}, "takes the tanh of c̃ twice: once more in c", CELL),
    ({"f * c_prev + i * g": "np.tanh(f * c_prev + i * g)"}, "takes the tanh of c already in c, and again in h", CELL),
    ("b[:, None]", "2 * b[:, None]", "adds b twice", EQUATION),
]
SPOKEN = {"g": "c̃", "a_i": "the block of i in a", "a_f": "the block of f in a", "a_c": "the block of c̃ in a",
          "a_o": "the block of o in a"}

HINTS = [
    "Compute a, the arguments of all four at once: a = W_x x + U_h h_prev + b, (4H, B). As in exercise 6, b has to "
    "become a column. Then cut a into four blocks of H rows.",
    "np.split(a, 4) cuts an array into four blocks of rows, here in the order i, f, c̃, o. Three of them go through "
    "sigmoid, one through np.tanh. Then come equation 2 and h, entry by entry, with * for ⊙.",
    "a_i, a_f, a_c, a_o = np.split(a, 4), then i = sigmoid(a_i), and so f and o, but g = np.tanh(a_c). "
    "c = f * c_prev + i * g. h is like it. np.concatenate([i, f, g, o]) puts the gates on top of each other.",
]

ALTERNATIVES = ["""
import numpy as np

def lstm_step(W_x, U_h, b, x, h_prev, c_prev):
    H, B = h_prev.shape
    gates, c, h = np.zeros((4 * H, B)), np.zeros((H, B)), np.zeros((H, B))
    for n in range(B):
        for k in range(4 * H):
            a = b[k]
            for j in range(len(x)):
                a += W_x[k, j] * x[j, n]
            for j in range(H):
                a += U_h[k, j] * h_prev[j, n]
            gates[k, n] = np.tanh(a) if 2 * H <= k < 3 * H else 1 / (1 + np.exp(-a))
        for k in range(H):
            c[k, n] = gates[k + H, n] * c_prev[k, n] + gates[k, n] * gates[k + 2 * H, n]
            h[k, n] = gates[k + 3 * H, n] * np.tanh(c[k, n])
    return gates, c, h
""", """
import numpy as np

def lstm_step(W_x, U_h, b, x, h_prev, c_prev):
    H = len(h_prev)
    z = np.vstack([x, h_prev, np.ones((1, x.shape[1]))])
    a = np.einsum("gij,jb->gib", np.hstack([W_x, U_h, b[:, None]]).reshape(4, H, -1), z)
    s = 0.5 + 0.5 * np.tanh(a / 2)
    s[2] = 2 / (1 + np.exp(-2 * a[2])) - 1
    c = (s[:2][::-1] * np.stack([c_prev, s[2]])).sum(axis=0)
    return s.reshape(4 * H, -1), c, np.tanh(c) * s[3]
"""]
