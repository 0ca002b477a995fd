import numpy as np

from minirnn import linear

from . import normal, reordered, weights

TITLE = "the linear layer, backward"
FUNCTION = "linear_backward"
OUTPUTS = {"dx": "B T D", "dW": "K D", "db": "K"}


def batch(B, T, size=1.0):
    def inputs(rng, D=5, K=7):
        return {"W": weights(rng, K, D), "x": 0.6 * normal(rng, B, T, D), "dy": size * normal(rng, B, T, K)}
    return inputs


CASES = {"a single column": batch(1, 1), "three columns, one step": batch(3, 1),
         "three sequences of four steps": batch(3, 4), "the same, with gradients near 30": batch(3, 4, 30.0)}


def reference(W, x, dy):
    _, cache = linear.forward({"W": W, "b": np.zeros(len(W))}, x)
    grads, dx = linear.backward(cache, dy)
    return dx, grads["W"], grads["b"]


def terms(W, x, dy):
    if x.shape[1] == 1:
        return {}
    each = [np.einsum("tk,td->kd", *pair) for pair in zip(dy, x)]
    return {"dW": {"Σ dy xᵀ": sum(each), "Σ y xᵀ": np.einsum("kd,bte,btd->ke", W, x, x), "W": W,
                   "(Σ dy) (Σ x)ᵀ": np.outer(dy.sum((0, 1)), x.sum((0, 1)))},
            "dx": {"Wᵀ dy": dy @ W, "Wᵀ y": x @ W.T @ W, "x": x},
            "db": {"Σ dy": dy.sum((0, 1)), "Σ y": (x @ W.T).sum((0, 1)), "(1)": np.ones(len(W))}}


SHARED = "At how many places does the same W, or b, take part in the loss?"
MEAN = "The loss is one number for all B sequences and T steps. If that number is a mean, where was it divided?"
PLACE = "dW[k, d] belongs to W[k, d], which leads from x[d] to y[k]. With which dy does which x meet?"
GIVEN = "What does the loss tell you about y, and where is it in your formula?"
RESHAPE = "reshape keeps the order of the numbers in memory. Which numbers are neighbours before, and which after?"
MUTANTS = [
    ("dx = dy @ W", "dx = x @ W.T @ W", "computes dx from y instead of dy", GIVEN),
    ("dx = dy @ W", "dx = np.ones(dy.shape) @ W", "takes 1 for dy in dx", GIVEN),
    ("dx = dy @ W", "dx = dy @ dW", "multiplies by dW in dx where W belongs", "What was x multiplied by?"),
    ("dx = dy @ W", "dx = -dy @ W", "gives dx the wrong sign",
     "With W and dy positive, does L rise or fall when x rises?"),
    ("dx = dy @ W", "dx = dy @ W / len(x)", "divides dx by B", MEAN),
    ("dx = dy @ W", "dx = dy @ W / len(rows_x)", "divides dx by B T", MEAN),
    ("dx = dy @ W", "dx = dy @ W.reshape(D, K).T", "reshapes W in dx to get the transpose", RESHAPE),
    ("dx = dy @ W", "dx = (dy @ W).sum(axis=1, keepdims=True) + 0 * x", "sums dx over the steps",
     "Which y's does the x of one step reach?"),
    ("rows_dy.T @ rows_x", "(rows_x @ W.T).T @ rows_x", "computes dW from y instead of dy", GIVEN),
    ("rows_dy.T @ rows_x", "np.ones(rows_dy.shape).T @ rows_x", "takes 1 for dy in dW", GIVEN),
    ("rows_dy.T @ rows_x", "rows_dy.T @ np.ones(rows_x.shape)", "takes 1 for x in dW",
     "By what factor does W reach y?"),
    ("rows_dy.T @ rows_x", "rows_dy.T @ rows_x / len(x)", "divides dW by B", MEAN),
    ("rows_dy.T @ rows_x", "rows_dy.T @ rows_x / x.shape[1]", "divides dW by T", MEAN),
    ("rows_dy.T @ rows_x", "rows_dy.T @ rows_x / len(rows_x)", "divides dW by B T", MEAN),
    ("rows_dy.T @ rows_x", "np.outer(rows_dy[-1], rows_x[-1])",
     "keeps only the last place in dW, as `=` in a loop does", SHARED),
    ("rows_dy.T @ rows_x", "np.outer(rows_dy.sum(0), rows_x.sum(0))", "sums dy and x first, and multiplies then, in dW",
     PLACE),
    ("rows_dy.T @ rows_x", "(rows_x.T @ rows_dy).reshape(K, D)",
     "computes the transpose of dW and reshapes it to (K, D)", RESHAPE),
    ("rows_dy.T @ rows_x", "dy.reshape(K, -1) @ x.reshape(D, -1).T",
     "reshapes dy and x to (K, B T) and (D, B T) in dW, where the axes should change places", RESHAPE),
    ("rows_dy.T @ rows_x", "np.einsum('btk,bsd->kd', dy, x)",
     "sums dy and x over the steps first, and multiplies then, in dW", PLACE),
    ("rows_dy.T @ rows_x", "-rows_dy.T @ rows_x", "gives dW the wrong sign",
     "With x and dy positive, does L rise or fall when W rises?"),
    ("rows_dy.T @ rows_x", "W + rows_dy.T @ rows_x", "starts dW from W instead of from zero",
     "Is dW a weight or a gradient?"),
    ("rows_dy.sum(axis=0)", "rows_dy.mean(axis=0)", "takes the mean over B and T in db, not the sum", MEAN),
    ("rows_dy.sum(axis=0)", "rows_dy.sum(axis=0) / len(x)", "divides db by B", MEAN),
    ("rows_dy.sum(axis=0)", "rows_dy.sum(axis=0) / x.shape[1]", "divides db by T", MEAN),
    ("rows_dy.sum(axis=0)", "rows_dy[-1]", "keeps only the last place in db, as `=` in a loop does", SHARED),
    ("rows_dy.sum(axis=0)", "dW.sum(axis=1)", "sums dW over D for db", "By what factor does b reach y? Is x in it?"),
    ("rows_dy.sum(axis=0)", "np.full(K, float(len(rows_x)))", "counts places in db, as if dy were 1", GIVEN),
    ("rows_dy.sum(axis=0)", "np.full(K, rows_dy.sum())", "sums over K, too, in db",
     "How many numbers has b, and which y does each reach?"),
    ("rows_dy.sum(axis=0)", "dy.reshape(K, -1).sum(axis=1)", "reshapes dy to (K, B T) in db, where the axes should "
     "change places", RESHAPE),
    ("rows_dy.sum(axis=0)", "(rows_x @ W.T).sum(axis=0)", "computes db from y instead of dy", GIVEN),
    ("return dx, dW, db", "return dx / len(rows_x), dW / len(rows_x), db / len(rows_x)", "divides all three by B T",
     MEAN),
    ("return dx, dW, db", "return dx, dW / len(x), db / len(x)", "divides dW and db by B", MEAN),
    ("return dx, dW, db", "return dx, dW / len(rows_x), db / len(rows_x)", "divides dW and db by B T", MEAN),
]
SPOKEN = {"rows_dy": "dy", "rows_x": "x"}

for _where, _cut in (("the first sequence", "[:1]"), ("the last sequence", "[-1:]"), ("the first step", "[:, :1]"),
                     ("the last step", "[:, -1:]")):
    _product = f"np.einsum('btk,btd->kd', dy{_cut}, x{_cut})"
    for _dW, _db, _what in ((_product, None, "dW"), (None, f"dy{_cut}.sum((0, 1))", "db"),
                            (_product, f"dy{_cut}.sum((0, 1))", "dW and db")):
        MUTANTS.append(({old: new for old, new in (("rows_dy.T @ rows_x", _dW), ("rows_dy.sum(axis=0)", _db)) if new},
                        f"takes only {_where} in {_what}" + (
                            ", as `=` in place of `+=` in a loop does" if "last" in _where else ""), SHARED))
for _cut, _where in (("[1:]", "the first sequence"), ("[:-1]", "the last sequence"), ("[:, 1:]", "the first step"),
                     ("[:, :-1]", "the last step")):
    MUTANTS += [("rows_dy.T @ rows_x", f"np.einsum('btk,btd->kd', dy{_cut}, x{_cut})", f"leaves {_where} out in dW",
                 SHARED),
                ("rows_dy.sum(axis=0)", f"dy{_cut}.sum((0, 1))", f"leaves {_where} out in db", SHARED)]
for _cut, _where in (("[1:]", "the first sequence"), ("[:-1]", "the last sequence"), ("[:, 1:]", "the first step"),
                     ("[:, :-1]", "the last step"), ("[:1]", "all but the first sequence"),
                     ("[-1:]", "all but the last sequence"), ("[:, :1]", "all but the first step"),
                     ("[:, -1:]", "all but the last step")):
    MUTANTS.append(({"rows_dy.T @ rows_x": f"np.einsum('btk,btd->kd', dy{_cut}, x{_cut})",
                     "rows_dy.sum(axis=0)": f"dy{_cut}.sum((0, 1))",
                     "dx = dy @ W": f"dx = np.zeros_like(x); dx{_cut} = dy{_cut} @ W"},
                     f"leaves {_where} out in all three",
                    "Which places does your loop visit?"))
for _new, _words in reordered("x"):
    MUTANTS.append(("rows_dy.T @ rows_x", f"np.einsum('btk,btd->kd', dy, {_new})",
                    f"goes through x in another order than through dy in dW: {_words}", PLACE))
MUTANTS += [
    ("rows_dy.T @ rows_x", "np.einsum('btk,std->kd', dy, x)", "sums dy and x over the sequences first, and multiplies "
     "then, in dW", PLACE),
    ({"rows_dy.T @ rows_x": "rows_dy.T @ rows_x / len(x)", "rows_dy.sum(axis=0)": "rows_dy.sum(axis=0) / len(x)",
      "dx = dy @ W": "dx = dy @ W / len(x)"}, "divides all three by B", MEAN),
    ({"rows_dy.T @ rows_x": "rows_dy.T @ rows_x / x.shape[1]", "rows_dy.sum(axis=0)":
      "rows_dy.sum(axis=0) / x.shape[1]"}, "divides dW and db by T", MEAN),
    ("dx = dy @ W", "dx = np.cumsum(dy @ W, axis=1)", "adds up dx from step to step",
     "Which y's does the x of one step "
     "reach?"),
    ("dx = dy @ W", "dx = np.broadcast_to((dy @ W).sum(axis=(0, 1)), x.shape) * 1.0", "sums dx over all places",
     "Which y's does the x of one place reach?"),
]

HINTS = [
    "Take the shapes as a guide. dx has the shape of x, dW of W, db of b. From dy and W only one product has the shape "
    "of x. What is not in the result was summed over.",
    "With all places in one list, dy is (B T, K) and x is (B T, D). dW is (K, D), so B T is summed over: that is the "
    "matrix product of one, transposed, with the other. db (K,) is a sum over the same axis.",
    "rows_dy = dy.reshape(-1, K) and rows_x likewise. dW = rows_dy.T @ rows_x, db = rows_dy.sum(axis=0). For dx there "
    "is nothing to sum over places: dy @ W works on (B, T, K) as it is.",
]

ALTERNATIVES = ["""
import numpy as np

def linear_backward(W, x, dy):
    return np.einsum("kd,btk->btd", W, dy), np.einsum("btk,btd->kd", dy, x), np.einsum("btk->k", dy)
""", """
import numpy as np

def linear_backward(W, x, dy):
    dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(W.shape[0])
    for t in reversed(range(x.shape[1])):
        for b in range(x.shape[0]):
            dx[b, t] = W.T @ dy[b, t]
            dW += dy[b, t][:, None] * x[b, t]
            db += dy[b, t]
    return dx, dW, db
"""]
