import numpy as np

from minirnn import lstm

from . import normal, orders, weights

TITLE = "one step of the LSTM, backward"
FUNCTION = "lstm_step_backward"
OUTPUTS = {"dx": "D B", "dh_prev": "H B", "dc_prev": "H B", "dW_x": "4H D", "dU_h": "4H H", "db": "4H"}
GATES = ["i", "f", "c̃", "o"]


def step(later, size=1.0, B=3, D=7, H=5):
    def inputs(rng):
        params = {"W_x": weights(rng, 4 * H, D), "U_h": weights(rng, 4 * H, H), "b": weights(rng, 4 * H)}
        x, h_prev, c_prev = 0.4 * normal(rng, D, B), 0.5 * normal(rng, H, B), normal(rng, H, B)
        gates, c = forward(params, x, h_prev, c_prev)[1:]
        return {"W_x": params["W_x"], "U_h": params["U_h"], "x": x, "h_prev": h_prev, "c_prev": c_prev,
                "gates": gates, "c": c, "dh": size * normal(rng, H, B), "dc_next": later * normal(rng, H, B)}
    return inputs


CASES = {"the last step, where dc_next is zero": step(0.0), "any step": step(1.0),
         "any step of a single sequence": step(1.0, B=1),
         "any step, with gradients near 30": step(30.0, 30.0, B=7, D=3)}


def forward(params, x, h_prev, c_prev):
    """The library's cache, gates and c of one step, in columns."""
    *_, cache = lstm.forward(params, x.T[:, None], (h_prev.T, c_prev.T))
    one = {name: values[:, 0].T for name, values in lstm.trace(cache).items()}
    return cache, np.concatenate([one[gate] for gate in "ifgo"]), one["c"].copy()


def bias(W_x, U_h, x, h_prev, gates):
    """The b that the gates of a step imply."""
    H = len(h_prev)
    a = np.log(gates.clip(1e-300) / (1 - gates))
    a[2 * H:3 * H] = np.arctanh(gates[2 * H:3 * H])
    return np.median(a - W_x @ x - U_h @ h_prev, axis=1)


def reference(W_x, U_h, x, h_prev, c_prev, gates, c, dh, dc_next):
    """The library's backward. It runs forward first, with the b that the gates imply."""
    params = {"W_x": W_x, "U_h": U_h, "b": bias(W_x, U_h, x, h_prev, gates)}
    cache = forward(params, x, h_prev, c_prev)[0]
    grads, dx, (dh_prev, dc_prev) = lstm.backward(cache, dh.T[:, None], (np.zeros_like(dc_next.T), dc_next.T))
    return dx[:, 0].T, dh_prev.T, dc_prev.T, grads["W_x"], grads["U_h"], grads["b"]


def terms(W_x, U_h, x, h_prev, c_prev, gates, c, dh, dc_next):
    if not dc_next.any():
        return {}
    (i, f, g, o), t = np.split(gates, 4), np.tanh(c)
    dc = dc_next + dh * o * (1 - t ** 2)
    dgates = np.concatenate([dc * g, dc * c_prev, dc * i, dh * t])
    da = {"dgate": dgates, "dgate ⊙ gate": dgates * gates, "dgate ⊙ gate²": dgates * gates ** 2}
    parts = {"dc_next": dc_next, "dh": dh, "dh ⊙ tanh(c)": dh * t, "dh ⊙ o": dh * o, "dh ⊙ o ⊙ tanh(c)": dh * o * t,
             "dh ⊙ o ⊙ tanh²(c)": dh * o * t ** 2}
    return {"dc_prev": {f"f ⊙ {name}": f * part for name, part in parts.items()},
            "dW_x": {f"({name}) xᵀ": d @ x.T for name, d in da.items()}}


ORDER = "In which order do the blocks lie on top of each other?"
LATER = "By which ways does c reach the loss? There are two."
BY_H = "Look at h = o ⊙ tanh(c). How does a small change of c change h?"
TANH_C = "What is the slope of tanh at c, and which quantity is the tanh already?"
SLOPE = "Through which function does each block go, and what is its slope from its own output?"
PRODUCT = "In c = f ⊙ c_prev + i ⊙ c̃: what is each of the four multiplied by?"
OUT = "Where does o appear in the equations, and what is it multiplied by there?"
FROM = "Which of c and h does this gate appear in?"
FOUR = "How many blocks of a does h_prev, and does x, take part in?"
CELL = "What was c_prev multiplied by, on its way to c?"
SUM_OVER_B = "The loss is one number for all B columns. Who divides by B?"
MUTANTS = [
    *orders(GATES, "i, f, g, o", "da_i, da_f, da_c, da_o"),
    ("np.split(gates, 4)", "gates.reshape(-1, 4, gates.shape[1]).swapaxes(0, 1)",
     "takes every fourth row of gates for a gate, not H rows that follow each other", "Which rows of gates are i?"),
    ("tanh_c = np.tanh(c)", "tanh_c = c", "takes c for tanh(c), both in dc and for o", BY_H),
    ("tanh_c = np.tanh(c)", "tanh_c = np.tanh(c_prev)", "takes tanh(c_prev) for tanh(c)", "Which cell does h show?"),
    ("tanh_c = np.tanh(c)", "tanh_c = o * np.tanh(c)", "takes h for tanh(c)", "What does o do to tanh(c)?"),
    ("dc_next + ", "", "never adds dc_next", LATER),
    ("dc_next + dh", "dc_next * f + dh", "multiplies dc_next by f before adding it",
     "dc_next is already dL/dc. Which f leads from c to the next cell, and is it this step's?"),
    ("dc_next + dh * o", "(dc_next + dh) * o", "sends dc_next through o and tanh', as if it came by h",
     "Which of the two gradients comes by h, and which does not?"),
    ("dc_next + dh * o * (1 - tanh_c ** 2)", "dc_next", "leaves out of dc what comes by h", LATER),
    ("dh * o", "dh", "leaves o out of dc", BY_H),
    ("dh * o", "dh * tanh_c", "takes tanh(c) for o in dc", BY_H),
    ("dh * o", "dh * i", "takes i for o in dc", BY_H),
    (" * (1 - tanh_c ** 2)", "", "forgets tanh' in dc", BY_H),
    ("(1 - tanh_c ** 2)", "(1 - c ** 2)", "takes 1 - c² for tanh' in dc", TANH_C),
    ("(1 - tanh_c ** 2)", "(1 - np.tanh(tanh_c) ** 2)", "takes the tanh twice for tanh' in dc", TANH_C),
    ("(1 - tanh_c ** 2)", "(1 - (o * tanh_c) ** 2)", "takes 1 - h² for tanh' in dc", TANH_C),
    ("(1 - tanh_c ** 2)", "tanh_c", "multiplies by tanh(c), not by its slope, in dc", TANH_C),
    ("s * (1 - s)", "1", "forgets σ' in i, f and o", SLOPE),
    ("s * (1 - s)", "(1 - s ** 2)", "takes 1 - s², which is tanh', for σ' in i, f and o", SLOPE),
    ("s * (1 - s)", "(1 - s)", "takes 1 - s for σ' in i, f and o", SLOPE),
    ("s * (1 - s)", "(lambda r: r * (1 - r))(1 / (1 + np.exp(-s)))",
     "feeds σ' with the gates instead of a, so the σ is taken twice", "Are the gates not σ of something already?"),
    ("slope(i)", "1", "forgets σ' in i only", SLOPE),
    ("slope(f)", "1", "forgets σ' in f only", SLOPE),
    ("slope(o)", "1", "forgets σ' in o only", SLOPE),
    ("(1 - g ** 2)", "1", "forgets tanh' in c̃", SLOPE),
    ("(1 - g ** 2)", "(1 - g) ** 2", "squares 1 - c̃, not c̃, for tanh' in c̃", SLOPE),
    ("(1 - g ** 2)", "slope(g)", "takes c̃ (1 - c̃), which is σ', for tanh' in c̃", SLOPE),
    ("(1 - g ** 2)", "(1 - np.tanh(g) ** 2)", "feeds tanh' with c̃ instead of a_c, so the tanh is taken twice",
     "Is c̃ not already a tanh?"),
    ("dc * g", "dh * g", "computes the block of i from dh instead of dc", FROM),
    ("dc * g", "dc", "does not multiply by c̃ in the block of i", PRODUCT),
    ("dc * g", "dc * c_prev", "multiplies by c_prev, not by c̃, in the block of i", PRODUCT),
    ("dc * c_prev", "dc * c", "multiplies by c, not by c_prev, in the block of f", PRODUCT),
    ("dc * c_prev", "dc * h_prev", "multiplies by h_prev, not by c_prev, in the block of f", PRODUCT),
    ("dc * c_prev", "dc", "does not multiply by c_prev in the block of f", PRODUCT),
    ("dc * c_prev", "dh * c_prev", "computes the block of f from dh instead of dc", FROM),
    ("dc * c_prev", "dc_next * c_prev", "computes the block of f from dc_next alone, not from dc", LATER),
    ("dc * i", "dc", "does not multiply by i in the block of c̃", PRODUCT),
    ("dc * i", "dc * f", "multiplies by f, not by i, in the block of c̃", PRODUCT),
    ("dc * i", "dh * i", "computes the block of c̃ from dh instead of dc", FROM),
    ("dh * tanh_c", "dh * c", "multiplies by c, not by tanh(c), in the block of o", OUT),
    ("dh * tanh_c", "dh", "does not multiply by tanh(c) in the block of o", OUT),
    ("dh * tanh_c", "(dh + dc_next) * tanh_c", "adds dc_next to dh in the block of o", FROM),
    ("dh * tanh_c", "dc * tanh_c", "computes the block of o from dc instead of dh", OUT),
    ("[da_i, da_f, da_c, da_o]", "[da_i * f, da_f * f, da_c * f, da_o]",
     "computes the blocks of i, f and c̃ from dc f, which belongs to c_prev",
     "Which cell's gradient do these gates need, that of c or of c_prev?"),
    ("np.concatenate([da_i, da_f, da_c, da_o])",
     "np.stack([da_i, da_f, da_c, da_o], axis=1).reshape(4 * len(da_i), -1)",
     "mixes the rows of the four blocks in da", "Which rows of da belong to i?"),
    ("W_x.T @ da", "W_x[:len(c)].T @ da_i", "computes dx from the block of i alone", FOUR),
    ("U_h.T @ da", "U_h[:-len(c)].T @ da[:-len(c)]", "leaves the block of o out of dh_prev", FOUR),
    ("U_h.T @ da", "U_h.T @ da + dh", "adds dh to dh_prev", "Does h_prev reach h other than by a?"),
    ("dc * f", "dc", "passes dc on as dc_prev, without f", CELL),
    ("dc * f", "dc_next * f", "computes dc_prev from dc_next alone, not from dc", LATER),
    ("dc * f", "dh * f", "computes dc_prev from dh instead of dc", CELL),
    ("dc * f", "dc * i", "takes i for f in dc_prev", CELL),
    ("dc * f", "dc * slope(f)", "takes σ' of f for f in dc_prev", CELL),
    ("da @ x.T", "da @ x.T / x.shape[1]", "takes the mean over the batch in dW_x, not the sum", SUM_OVER_B),
    ("da @ h_prev.T", "da @ h_prev.T / x.shape[1]", "takes the mean over the batch in dU_h, not the sum", SUM_OVER_B),
    ("da @ h_prev.T", "da @ (o * tanh_c).T", "uses h in dU_h where h_prev belongs", "What was U_h multiplied by?"),
    ("da @ h_prev.T", "da @ c_prev.T", "uses c_prev in dU_h where h_prev belongs", "What was U_h multiplied by?"),
    ("da.sum(axis=1)", "da.mean(axis=1)", "takes the mean over the batch in db, not the sum", SUM_OVER_B),
    ("da.sum(axis=1)", "da[:, 0]", "takes only the first column of the batch in db", "How many columns did b serve?"),
]
SPOKEN = {"g": "c̃", "tanh_c": "tanh(c)", "da_i": "the block of i", "da_f": "the block of f", "da_c": "the block of c̃",
          "da_o": "the block of o", "slope": "σ'"}

MUTANTS += [
    ({"dc * g * slope(i)": "dc * g * slope(i); i = da_i", "dc * c_prev * slope(f)": "dc * c_prev * slope(f); f = da_f"},
     "writes each block of da over its gate, so that the block of c̃ uses the changed i, and dc_prev the changed f",
     "Which lines still need the gates? Is a slice of an array an array of its own?"),
    ("np.split(gates, 4)", "(lambda a: [np.tanh(a[k]) if k == 2 else 1 / (1 + np.exp(-a[k])) for k in range(4)])("
     "np.split(W_x @ x + U_h @ h_prev, 4))", "computes the gates anew, without b",
     "What has the forward pass kept for you?"),
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
    ({"dc_next + dh": "dc_next * f + dh", "dc * f": "dc"}, "applies f to dc_next on arrival, and not to dc when it "
     "leaves as dc_prev", "Which f leads from c to the next cell, and is it this step's?"),
    ({"dc_next + dh": "dc_next * f + dh", "dc * f": "dh * o * (1 - tanh_c ** 2)"}, "applies f to dc_next on arrival, "
     "and passes on only what comes by h", CELL),
    ({"dc * g": "dc * i", "dc * i": "dc * g"},
     "has i and c̃ swapped: multiplies by i itself in the block of i, and by c̃ "
     "itself in the block of c̃, where each needs the other", PRODUCT),
    ({"dc * c_prev": "dc * f"}, "multiplies by f itself, not by c_prev, in the block of f", PRODUCT),
    ({"dh * tanh_c": "dh * o"}, "multiplies by o itself, not by tanh(c), in the block of o", OUT),
    ({"dc * g": "dh * g", "dc * c_prev": "dh * c_prev", "dc * i": "dh * i"},
     "computes the blocks of i, f and c̃ from dh instead of dc", FROM),
    ({"dc * g": "dc_next * g", "dc * c_prev": "dc_next * c_prev", "dc * i": "dc_next * i"},
     "computes the blocks of i, f and c̃ from dc_next alone, not from dc", FROM),
    ({"dc * g": "dc * g * o", "dc * c_prev": "dc * c_prev * o", "dc * i": "dc * i * o"},
     "multiplies the blocks of i, f and c̃ by o once more", FROM),
    ({"da @ x.T": "da @ x.T / x.shape[1]", "da @ h_prev.T": "da @ h_prev.T / x.shape[1]", "da.sum(axis=1)":
      "da.mean(axis=1)"}, "takes the mean over the batch for all weights, not the sum", SUM_OVER_B),
    ({"dc * f": "dc * f + dc_next * f"}, "counts dc_next twice in dc_prev: it is in dc already", CELL),
    ({"dc * f": "dc * f + dc_next"}, "adds dc_next to dc_prev", CELL),
]

HINTS = [
    "First dc, the whole gradient of c: what arrives from later cells, plus what comes by h = o ⊙ tanh(c). Then ask of "
    "each of i, f, c̃, o: in which equation does it stand, and what is it multiplied by there?",
    "i, f, g, o = np.split(gates, 4) cuts the gates apart; g is c̃. dc = dc_next + dh ⊙ o ⊙ tanh'(c). i, f and c̃ get "
    "their gradients from dc, o gets its own from dh. Then each goes through its own σ or tanh, and np.concatenate "
    "makes the four one da of (4H, B). c_prev is reached by one product only.",
    "dc = dc_next + dh * o * (1 - np.tanh(c)**2). The block of i in da is dc * g * i * (1 - i), that of c̃ is "
    "dc * i * (1 - g**2); f is like i, and o is dh * np.tanh(c) * o * (1 - o). dc_prev = dc * f. The rest is as in "
    "exercise 6: dx = W_x.T @ da, dW_x = da @ x.T, and so on.",
]

ALTERNATIVES = ["""
import numpy as np

def lstm_step_backward(W_x, U_h, x, h_prev, c_prev, gates, c, dh, dc_next):
    H, B = c.shape
    dx, dh_prev, dc_prev = np.zeros(x.shape), np.zeros((H, B)), np.zeros((H, B))
    dW_x, dU_h, db = np.zeros(W_x.shape), np.zeros(U_h.shape), np.zeros(4 * H)
    for n in range(B):
        for k in range(H):
            i, f, g, o = gates[k::H, n]
            t = np.tanh(c[k, n])
            dc = dc_next[k, n] + o * dh[k, n] / np.cosh(c[k, n]) ** 2
            dc_prev[k, n] = f * dc
            da = [(i - i * i) * g * dc, (f - f * f) * c_prev[k, n] * dc, (1 + g) * (1 - g) * i * dc,
                  (o - o * o) * t * dh[k, n]]
            for block, d in enumerate(da):
                row = block * H + k
                db[row] += d
                dW_x[row] += d * x[:, n]
                dU_h[row] += d * h_prev[:, n]
                dx[:, n] += d * W_x[row]
                dh_prev[:, n] += d * U_h[row]
    return dx, dh_prev, dc_prev, dW_x, dU_h, db
""", """
import numpy as np

def lstm_step_backward(W_x, U_h, x, h_prev, c_prev, gates, c, dh, dc_next):
    H = len(c)
    s = gates.reshape(4, H, -1)
    slope = s * (1 - s)
    slope[2] = 1 - s[2] ** 2
    dtanh_c = dh * s[3]
    dc = dc_next + dtanh_c - dtanh_c * np.tanh(c) ** 2
    da = np.stack([dc * s[2], dc * c_prev, dc * s[0], dh * np.tanh(c)]) * slope
    back = lambda W: np.einsum("gij,gib->jb", W.reshape(4, H, -1), da)
    flat = lambda v: np.einsum("gib,jb->gij", da, v).reshape(4 * H, -1)
    return back(W_x), back(U_h), s[1] * dc, flat(x), flat(h_prev), np.einsum("gib->gi", da).ravel()
"""]
