import numpy as np

from minirnn import attention

from . import normal

TITLE = "attention, backward"
FUNCTION = "attention_backward"
OUTPUTS = {"dq": "B T D", "dk": "B S D", "dv": "B S E"}
MAPPED = {"T": "t=", "S": "s="}


def sequences(causal, size=1.0, B=3, T=5, D=7, E=4):
    def inputs(rng):
        q, k, v = normal(rng, B, T, D), normal(rng, B, T, D), normal(rng, B, T, E)
        _, weights, _ = attention.dot.forward({}, q, k, v, causal=causal)
        return {"q": q, "k": k, "v": v, "weights": weights, "dcontext": size * normal(rng, B, T, E),
                "dweights": size * normal(rng, B, T, T)}
    return inputs


CASES = {"every key is seen": sequences(False), "causal": sequences(True),
         "a single sequence": sequences(True, B=1, T=4), "one step only": sequences(True, T=1),
         "causal, with gradients near 30": sequences(True, 30.0, T=4, D=5, E=6)}


def reference(q, k, v, weights, dcontext, dweights):
    causal = not np.triu(weights, 1).any()
    _, _, cache = attention.dot.forward({}, q, k, v, causal=causal)
    _, dq, dk, dv = attention.dot.backward(cache, dcontext, dweights)
    return dq, dk, dv


def terms(q, k, v, weights, dcontext, dweights):
    w, dw = weights, dcontext @ v.swapaxes(1, 2) + dweights
    row = lambda d: (w * d).sum(axis=2, keepdims=True)
    back = {"(w ⊙ dw)": w * dw, "(w ⊙ Σ_s w ⊙ dw)": w * row(dw), "(Σ_s w ⊙ dw)": row(dw) + 0 * dw,
            "(w² ⊙ dw)": w * w * dw, "dw": dw, "(w ⊙ dweights)": w * dweights,
            "(w ⊙ Σ_s w ⊙ dweights)": w * row(dweights), "dweights": dweights}
    scale = 1 / np.sqrt(q.shape[-1])
    return {"dq": {f"{name} k/√D": scale * d @ k for name, d in back.items()},
            "dk": {f"{name}ᵀ q/√D": scale * d.swapaxes(1, 2) @ q for name, d in back.items()},
            "dv": {"wᵀ dcontext": w.swapaxes(1, 2) @ dcontext, "w dcontext": w @ dcontext,
                   "w v": w @ v, "wᵀ v": w.swapaxes(1, 2) @ v}}


SCALE = "By which number was q_t · k_s divided on the way forward? Which gradients need it on the way back?"
TIED = "If all of a row of dw grow by the same number, the loss does not care, as a softmax sums to 1. Does your dq?"
SOURCES = "From where does w get its gradient? There are two places."
INDICES = "Write it with indices. Over which one do you sum, that of the query or that of the key?"
SLOPE = "What does the last line of the maths say where s and s' differ?"
MEAN = "The loss is one number for all sequences and all steps. Who divides?"
MUTANTS = [
    (" / np.sqrt(q.shape[-1])", "", "never divides by √D", SCALE),
    ("np.sqrt(q.shape[-1])", "q.shape[-1]", "divides by √D twice", SCALE),
    (" / np.sqrt", " * np.sqrt", "multiplies by √D where it should divide", SCALE),
    ("np.sqrt(q.shape[-1])", "np.sqrt(q.shape[1])", "divides by √T, not by √D", SCALE),
    ("np.sqrt(q.shape[-1])", "np.sqrt(v.shape[-1])", "divides by √E, not by √D", SCALE),
    ("dscores @ k", "dscores @ k * np.sqrt(k.shape[-1])", "divides by √D in dk, but not in dq", SCALE),
    ("@ q\n", "@ q * np.sqrt(k.shape[-1])\n", "divides by √D in dq, but not in dk", SCALE),
    ("@ dcontext  #", "@ dcontext / np.sqrt(k.shape[-1])  #", "divides dv by √D, too",
     "Does a value pass through the scores?"),
    ("(dw - (weights * dw).sum(axis=-1, keepdims=True))", "dw", "forgets the sum over the row in the softmax", TIED),
    ("weights * (dw - (weights * dw).sum(axis=-1, keepdims=True))", "weights * (1 - weights) * dw",
     "takes w (1 - w) for the softmax's derivative, as if its outputs were not tied together", SLOPE),
    ("weights * (dw - (weights * dw).sum(axis=-1, keepdims=True))", "dw", "never goes back through the softmax",
     "What lies between the scores and w?"),
    ("dw).sum(axis=-1", "dw).sum(axis=1", "sums over the queries in the softmax, not over the keys", INDICES),
    ("dw).sum(axis=-1", "dw).sum(axis=(1, 2)", "sums over all queries and keys in the softmax", INDICES),
    ("dw).sum(axis=-1", "dw).sum(axis=0", "sums over the batch in the softmax, not over the keys", INDICES),
    ("dw).sum(axis=-1", "dw).mean(axis=-1", "takes the mean over the row in the softmax, not the sum", TIED),
    ("(weights * dw).sum", "dw.sum", "sums dw over the row without the weights", TIED),
    ("(weights * dw).sum", "dw.mean", "takes off the plain mean of dw over the row, without the weights", TIED),
    ("weights * (dw - ", "(dw - ", "leaves out the w in front of the softmax's bracket", SLOPE),
    ("weights * (dw - (weights", "dw - weights * ((1", "goes back through log softmax instead of softmax",
     "Is it the weights or their logarithms that meet the values?"),
    ("weights * (dw - (weights * dw).sum(axis=-1, keepdims=True))", "weights * dw - (weights * dw).sum(axis=-1, "
     "keepdims=True)", "multiplies only dw by w in the softmax, not the sum over the row: brackets are missing", SLOPE),
    ("(dw - (", "(dw + (", "adds the sum over the row in the softmax, where it should be taken off", SLOPE),
    ("weights * (dw - (", "-weights * (dw - (", "has the wrong sign in the softmax", SLOPE),
    (" + dweights", "", "leaves out dweights, what the loss reads of w itself", SOURCES),
    ("dcontext @ v.swapaxes(1, 2) + dweights", "dweights", "leaves out what comes to w from the context", SOURCES),
    (" + dweights", " - dweights", "subtracts dweights", SOURCES),
    ("(dw - (weights * dw).sum(axis=-1, keepdims=True))",
     "(dw - dweights - (weights * (dw - dweights)).sum(axis=-1, keepdims=True)) + dweights",
     "adds dweights behind the softmax, to the scores", "Is dweights a gradient of w or of the scores?"),
    ("(weights * dw).sum", "(weights * (dw - dweights)).sum", "leaves dweights out of the sum over the row", TIED),
    ("v.swapaxes(1, 2)", "v.reshape(len(v), v.shape[2], v.shape[1])", "reshapes v in dw where it should be transposed",
     "Reshape [[1, 2, 3], [4, 5, 6]] to (3, 2). Is that its transpose?"),
    ("    dw = dcontext", "    e = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(k.shape[-1]))\n"
     "    weights = e / e.sum(axis=2, keepdims=True)\n    dw = dcontext",
     "computes w anew for the softmax and forgets the mask", "Which weights are zero in the causal case? Are yours?"),
    ("    dv = weights", "    e = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(k.shape[-1]))\n"
     "    weights = e / e.sum(axis=2, keepdims=True)\n    dv = weights",
     "computes w anew and forgets the mask everywhere", "Which weights are zero in the causal case? Are yours?"),
    ("weights.swapaxes(1, 2) @ dcontext", "weights @ dcontext", "does not transpose w in dv", INDICES),
    ("weights.swapaxes(1, 2) @ dcontext", "weights.swapaxes(1, 2) @ v", "puts v in dv where dcontext belongs",
     "Of v and dcontext, which tells how the loss changes?"),
    ("dscores.swapaxes(1, 2) @ q", "dscores @ q", "does not transpose the scores' gradient in dk", INDICES),
    ("= dscores @ k", "= dscores.swapaxes(1, 2) @ k", "transposes the scores' gradient in dq", INDICES),
    ("= dscores @ k", "= dscores @ q", "puts q in dq where k belongs", "What was q_t multiplied by?"),
    ("1, 2) @ q", "1, 2) @ k", "puts k in dk where q belongs", "What was k_s multiplied by?"),
    ("return dq, dk", "return dk, dq", "swaps dq and dk", "In which order are the three returned?"),
    ("return dq, dk, dv", "return dq / len(q), dk / len(q), dv / len(q)", "divides everything by B", MEAN),
    ("return dq, dk, dv", "return dq / q.shape[1], dk / q.shape[1], dv / q.shape[1]", "divides everything by T", MEAN),
]
SPOKEN = {"dscores": "dscore"}

MUTANTS += [
    ("(dw - (weights * dw).sum(axis=-1, keepdims=True))", "(dw - dw.max(axis=-1, keepdims=True))",
     "takes off the largest dw of the row, not the sum of w dw", TIED),
    ("weights * (dw - (weights * dw).sum(axis=-1, keepdims=True))",
     "weights * (dw - (weights * dw).sum(axis=-1, keepdims=True)) * weights", "multiplies by w twice in the softmax",
     SLOPE),
    ("weights * (dw - (weights * dw).sum(axis=-1, keepdims=True))", "weights * (1 - weights) * dw - weights * "
     "(weights * dw).sum(axis=-1, keepdims=True)", "counts the term of its own key twice in the softmax: w (1 - w) dw, "
     "and the whole sum too", SLOPE),
    ("weights.swapaxes(1, 2) @ dcontext  #", "(weights + dweights).swapaxes(1, 2) @ dcontext  #",
     "adds dweights to w in dv", "Is dweights a weight or a gradient?"),
    ("weights.swapaxes(1, 2) @ dcontext  #", "dweights.swapaxes(1, 2) @ dcontext  #", "takes dweights for w in dv",
     "By what does v_s reach the context?"),
    ("dcontext @ v.swapaxes(1, 2) + dweights", "dcontext @ v.swapaxes(1, 2) + dcontext @ v.swapaxes(1, 2) * dweights",
     "multiplies by dweights where it should be added", SOURCES),
]

HINTS = [
    "dv first: it needs no softmax. v_s goes to every context_t, by w_ts: so dv at s is a sum over t. Then dw, which "
    "has two sources: the context, and dweights. Then the softmax, then √D, then dq and dk.",
    "Through the softmax: the last line of the maths, summed over s with dw_ts, gives "
    "dscore_ts = w_ts (dw_ts - Σ_s' w_ts' dw_ts'). The sum is over the keys, axis -1, with keepdims=True. The mask "
    "needs nothing more, since w is 0 there.",
    "dv = weights.swapaxes(1, 2) @ dcontext, dw = dcontext @ v.swapaxes(1, 2) + dweights, "
    "dscores = weights * (dw - (weights * dw).sum(axis=-1, keepdims=True)) / np.sqrt(D), dq = dscores @ k, and dk has "
    "dscores transposed.",
]

ALTERNATIVES = ["""
import numpy as np

def attention_backward(q, k, v, weights, dcontext, dweights):
    dq, dk, dv = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)
    scale = q.shape[2] ** -0.5
    for b in range(len(q)):
        for t in range(q.shape[1]):
            w = weights[b, t]
            dw = dweights[b, t] + np.array([dcontext[b, t] @ value for value in v[b]])
            jacobian = np.diag(w) - w[:, None] * w
            for s, dscore in enumerate(jacobian @ dw):
                dq[b, t] += scale * dscore * k[b, s]
                dk[b, s] += scale * dscore * q[b, t]
                dv[b, s] += w[s] * dcontext[b, t]
    return dq, dk, dv
""", """
import numpy as np

def attention_backward(q, k, v, weights, dcontext, dweights):
    dw = np.einsum("bte,bse->bts", dcontext, v) + dweights
    dscores = weights * dw
    dscores -= weights * np.einsum("bts->bt", dscores)[:, :, None]
    root = np.sqrt(k.shape[2])
    return (np.einsum("bts,bsd->btd", dscores, k / root), np.einsum("bts,btd->bsd", dscores, q / root),
            np.einsum("bts,bte->bse", weights, dcontext))
"""]
