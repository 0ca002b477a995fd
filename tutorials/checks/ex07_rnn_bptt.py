import numpy as np

from minirnn import rnn

from . import normal, weights

TITLE = "backpropagation through time"
FUNCTION = "rnn_backward"
OUTPUTS = {"dx": "T D B", "dW_ih": "H D", "dU_h": "H H", "db_h": "H", "dh0": "H B"}


def steps(T, size=1.0, B=3, D=7, H=5):
    def inputs(rng):
        params = {"W_ih": weights(rng, H, D), "U_h": weights(rng, H, H), "b_h": weights(rng, H)}
        x, h0 = 0.4 * normal(rng, T, D, B), 0.5 * normal(rng, H, B)
        h, _, _ = rnn.forward(params, x.transpose(2, 0, 1), h0.T)
        return {"W_ih": params["W_ih"], "U_h": params["U_h"], "x": x, "h0": h0, "h": h.transpose(1, 2, 0).copy(),
                "dh": size * normal(rng, T, H, B)}
    return inputs


CASES = {"a single step": steps(1), "five steps": steps(5),
         "three steps of a single sequence": steps(3, B=1),
         "six steps, with gradients near 30": steps(6, 30.0, B=7, D=3, H=4)}


def reference(W_ih, U_h, x, h0, h, dh):
    """The library's backward. It runs forward first, with the b_h that the states imply."""
    h_prev = np.concatenate([h0[None], h[:-1]])
    b_h = np.median(np.arctanh(h) - W_ih @ x - U_h @ h_prev, axis=(0, 2))
    _, _, cache = rnn.forward({"W_ih": W_ih, "U_h": U_h, "b_h": b_h}, x.transpose(2, 0, 1), h0.T)
    grads, dx, dh0 = rnn.backward(cache, dh.transpose(2, 0, 1))
    return dx.transpose(1, 2, 0), grads["W_ih"], grads["U_h"], grads["b_h"], dh0.T


def terms(W_ih, U_h, x, h0, h, dh):
    if len(x) > 1:
        return {}
    da = {"dh": dh[0], "dh ⊙ h": dh[0] * h[0], "dh ⊙ h²": dh[0] * h[0] ** 2}
    return {"dW_ih": {f"({name}) x_0ᵀ": d @ x[0].T for name, d in da.items()},
            "dU_h": {f"({name}) h0ᵀ": d @ h0.T for name, d in da.items()},
            "dh0": {f"U_hᵀ ({name})": U_h.T @ d for name, d in da.items()}}


SUM_OVER_T = "At how many steps is it used?"
SUM_OVER_B = "The loss is one number for all B columns. Who divides by B?"
TANH = "Through which function do you go back from h_t to a_t, and what is its slope there?"
OUTSIDE = "From where does h_t get its gradient? There are two places."
NEXT = "Which quantity exists at every step but the last?"
MUTANTS = [
    (" + dh_next", "", "never adds dh_next", NEXT),
    ("dh[t] + dh_next", "dh[t] - dh_next", "subtracts dh_next", OUTSIDE),
    ("dh[t] + dh_next", "dh_next", "never adds dh[t], the gradient from outside", OUTSIDE),
    ("dh[t] + dh_next", "dh[t] * (t == len(x) - 1) + dh_next", "adds dh[t] at the last step only", OUTSIDE),
    ("dh[t] + dh_next", "dh[t - 1] + dh_next", "adds dh[t - 1] where dh[t] belongs", "Whose gradient is dh[t]?"),
    ("(1 - h[t] ** 2)", "1", "forgets tanh'", TANH),
    ("(1 - h[t] ** 2)", "(1 - h[t])", "takes 1 - h for tanh'", "What is tanh' where h = -1?"),
    ("(1 - h[t] ** 2)", "(1 - np.tanh(h[t]) ** 2)", "feeds tanh' with h instead of a, so the tanh is taken twice",
     "Is h[t] not already a tanh?"),
    ("(1 - h[t] ** 2)", "(1 - h_prev ** 2)", "takes tanh' from h_{t-1} instead of h_t",
     "Whose tanh is it that you go through at step t?"),
    ("(1 - h[t] ** 2)", "(h[t] * (1 - h[t]))", "takes h (1 - h), which is σ', for tanh'", TANH),
    ("dx[t]", "dx[-1 - t]", "writes dx in reversed order", "Which step does dx[0] belong to?"),
    ("W_ih.T @ da_t", "W_ih.T @ dh_t", "computes dx_t from dh_t instead of da_t", "What lies between h_t and x_t?"),
    ("W_ih.T @ da_t", "W_ih.T @ (dh[t] * (1 - h[t] ** 2))", "leaves what comes from later steps out of dx",
     "By how many ways does x_t reach the loss?"),
    ("dW_ih +=", "dW_ih =", "assigns dW_ih at each step instead of adding to it", SUM_OVER_T),
    ("dU_h +=", "dU_h =", "assigns dU_h at each step instead of adding to it", SUM_OVER_T),
    ("db_h +=", "db_h =", "assigns db_h at each step instead of adding to it", SUM_OVER_T),
    ("da_t @ x[t].T", "da_t @ x[t - 1].T", "meets x_{t-1} in dW_ih where x_t belongs",
     "What was W_ih multiplied by at step t?"),
    ("da_t @ x[t].T", "dh_t @ x[t].T", "computes dW_ih from dh_t instead of da_t", "What lies between h_t and W_ih?"),
    ("da_t @ h_prev.T", "da_t @ h[t].T", "uses h_t in dU_h where h_{t-1} belongs",
     "What was U_h multiplied by at step t?"),
    ("da_t @ h_prev.T", "h_prev @ da_t.T", "computes the transpose of dU_h",
     "dU_h[i, j] belongs to U_h[i, j], which leads from h_{t-1}[j] to a_t[i]. Which comes first in the product?"),
    ("da_t @ h_prev.T", "dh_t @ h_prev.T", "computes dU_h from dh_t instead of da_t", "What lies between h_t and U_h?"),
    ("h[t - 1] if t > 0 else h0", "h[t - 1]", "takes h[-1], the last state, for h_{-1}",
     "What is h[t - 1] in Python at t = 0?"),
    ("else h0", "else 0 * h0", "takes zero for h_{-1}", "Which state came before the first step?"),
    ("da_t.sum(axis=1)", "da_t.mean(axis=1)", "takes the mean over the batch in db_h, not the sum", SUM_OVER_B),
    ("da_t.sum(axis=1)", "dh_t.sum(axis=1)", "computes db_h from dh_t instead of da_t",
     "What lies between h_t and b_h?"),
    ("U_h.T @ da_t", "U_h @ da_t", "does not transpose U_h in dh_next",
     "h_{t-1}[j] reaches a_t[i] by U_h[i, j]. Over which index do you sum to go back?"),
    ("U_h.T @ da_t", "U_h.T @ dh_t", "computes dh_next from dh_t instead of da_t",
     "What lies between h_t and h_{t-1}?"),
    ("dh_next = U_h.T @ da_t", "dh_next = da_t", "passes da_t on as dh_next, not through U_h",
     "What was h_{t-1} multiplied by on its way to a_t?"),
    ("dh_next = U_h", "unused = U_h",
     "never passes dh_next on, so that it stays zero: its line is missing, or has dh_next where da_t belongs",
     "What has the next turn to get from this one, and what does it get?"),
    ("dh_next = U_h", "dh_next = dh_next + U_h", "adds to dh_next at each step instead of assigning it",
     "What is still to be passed on when step t has used dh_next?"),
    ("U_h.T @ da_t", "U_h.T @ da_t * ((len(x) - t) % 2)", "cuts the gradient off after every second step",
     "How far back does the gradient go?"),
    ("reversed(range(len(x)))", "range(len(x))", "walks from the first step to the last",
     "dh_next comes from step t+1. Which step has to be done first?"),
    ("reversed(range(len(x)))", "reversed(range(1, len(x)))", "leaves out the step t = 0",
     "Which steps does your loop visit?"),
    ("dh0 = dh_next", "dh0 = 0 * dh_next", "returns zero for dh0", "Does h0 reach the loss?"),
    ("dh0 = dh_next", "dh0 = da_t", "returns da_0 for dh0, not through U_h", "What was h0 multiplied by?"),
    ("dh0 = dh_next", "dh0 = dh_t", "returns dh_0, the gradient of the first step's state, for dh0",
     "Which state comes before h[0]?"),
    ("return dx, dW_ih, dU_h, db_h", "return dx, dW_ih / len(x), dU_h / len(x), db_h / len(x)",
     "divides the gradients of all weights by T", "The loss is one number for all T steps. Who divides by T?"),
    ("return dx, dW_ih, dU_h, db_h", "return dx, dW_ih / h0.shape[1], dU_h / h0.shape[1], db_h / h0.shape[1]",
     "divides the gradients of all weights by B", SUM_OVER_B),
]
SPOKEN = {"h_prev": "h_{t-1}"}

for _text, _words in (("dh[-1]", "dh of the last step"), ("dh[-1] * (1 - h[-1] ** 2)", "da of the last step"),
                      ("U_h.T @ (dh[-1] * (1 - h[-1] ** 2))", "what the last step sends back"),
                      ("dh[0]", "dh of the first step"), ("h[-1]", "the last state"), ("h0", "h0"),
                      ("np.ones_like(h0)", "one")):
    MUTANTS.append(("dh_next = np.zeros_like(h0)", f"dh_next = {_text}",
                    f"starts what is carried, dh_next, from {_words} instead of zero", NEXT))
MUTANTS += [
    ({"dW_ih +=": "dW_ih =", "dU_h +=": "dU_h =", "db_h +=": "db_h ="},
     "assigns the gradients of all weights at each step instead of adding to them", SUM_OVER_T),
    ({"dh_next = U_h.T @ da_t": "dh_next = U_h.T @ da_t * (1 - h_prev ** 2)"},
     "takes tanh' once more, of h_{t-1}, in what is carried", TANH),
    ({"dh[t] + dh_next": "dh[t]", "U_h.T @ da_t": "U_h.T @ (da_t + dh_next)"},
     "adds dh_next behind the tanh, to da_t, where it is carried", OUTSIDE),
    ({"da_t = dh_t * (1 - h[t] ** 2)": "da_t = dh[t] * (1 - h[t] ** 2) + dh_next"},
     "adds dh_next to da_t, behind the tanh, not to dh_t", OUTSIDE),
    ({"da_t = dh_t * (1 - h[t] ** 2)": "da_t = dh[t] + dh_next * (1 - h[t] ** 2)"},
     "takes tanh' for dh_next only, not for dh[t]", OUTSIDE),
    ({"da_t = dh_t * (1 - h[t] ** 2)": "da_t = np.clip(dh_t * (1 - h[t] ** 2), -5, 5)"}, "clips da_t to -5 .. 5",
     "May a gradient be larger than 5? Who clips?"),
    *(({"(1 - h[t] ** 2)": f"(1 - np.tanh({_a}) ** 2)"}, f"computes h_t anew for tanh', {_without}",
       "What has the forward pass kept for you, and how does tanh' follow from it alone?") for _a, _without in (
          ("W_ih @ x[t] + U_h @ h_prev", "without b_h"), ("W_ih @ x[t]", "from W_ih x_t alone"),
          ("U_h @ h_prev", "from U_h h_{t-1} alone"))),
    ({"dh0 = dh_next": "dh0 = dh_next * (1 - h0 ** 2)"}, "takes tanh' of h0 once more in dh0",
     "Which function makes h0?"),
    ({"dh0 = dh_next": "dh0 = dh_next + dh[0]"}, "adds dh[0] to dh0", "Does h0 reach the loss other than by step 0?"),
]

HINTS = [
    "One loop, from the last step to the first. Inside it is exercise 6, but for dh_t, which is dh[t] + dh_next.",
    "Before the loop, dh_next is zeros of the shape of h0. At the end of each turn it becomes what step t sends back "
    "to h_{t-1}: what was called dh_prev in exercise 6. The gradients of the weights start as zeros, and each turn "
    "adds to them. At t = 0 the state before is h0.",
    "for t in reversed(range(len(x))): dh_t = dh[t] + dh_next, then da_t = dh_t * (1 - h[t]**2), then dx[t], three "
    "lines with +=, and last dh_next = U_h.T @ da_t. When the loop is done, dh_next is dh0.",
]

ALTERNATIVES = ["""
import numpy as np

def rnn_backward(W_ih, U_h, x, h0, h, dh):
    before = np.concatenate([h0[None], h[:-1]])
    da = dh * (1 - h * h)
    for t in range(len(x) - 2, -1, -1):
        da[t] += (1 - h[t] * h[t]) * np.einsum("ij,ib->jb", U_h, da[t + 1])
    return (np.einsum("id,tib->tdb", W_ih, da), np.einsum("tib,tdb->id", da, x), np.einsum("tib,tjb->ij", da, before),
            np.einsum("tib->i", da), np.einsum("ij,ib->jb", U_h, da[0]))
""", """
def rnn_backward(W_ih, U_h, x, h0, h, dh):
    def back(t, arriving):
        if t < 0:
            return [], 0, 0, 0, arriving
        da = (dh[t] + arriving) * (1 - h[t]) * (1 + h[t])
        dx, dW_ih, dU_h, db_h, dh0 = back(t - 1, (da.T @ U_h).T)
        state = h0 if t == 0 else h[t - 1]
        return dx + [(da.T @ W_ih).T], dW_ih + da @ x[t].T, dU_h + (state @ da.T).T, db_h + da.sum(1), dh0

    return list(back(len(x) - 1, 0))
"""]
