from minirnn import rnn

from . import normal, weights

TITLE = "one step of the RNN, forward and backward"
FUNCTION = "rnn_step"
OUTPUTS = {"h": "H B", "dx": "D B", "dh_prev": "H B", "dW_ih": "H D", "dU_h": "H H", "db_h": "H"}


def step(B, D, H, size=1.0):
    def inputs(rng):
        return {"W_ih": weights(rng, H, D), "U_h": weights(rng, H, H), "b_h": weights(rng, H),
                "x": 0.4 * normal(rng, D, B), "h_prev": 0.5 * normal(rng, H, B), "dh": size * normal(rng, H, B)}
    return inputs


CASES = {"one step": step(3, 7, 5), "one step of a single sequence": step(1, 4, 6),
         "one step of other sizes, with gradients near 30": step(7, 3, 4, 30.0)}


def reference(W_ih, U_h, b_h, x, h_prev, dh):
    h, _, cache = rnn.forward({"W_ih": W_ih, "U_h": U_h, "b_h": b_h}, x.T[:, None], h_prev.T)
    grads, dx, dh_prev = rnn.backward(cache, dh.T[:, None])
    return h[:, 0].T, dx[:, 0].T, dh_prev.T, grads["W_ih"], grads["U_h"], grads["b_h"]


def terms(W_ih, U_h, b_h, x, h_prev, dh):
    h = reference(W_ih, U_h, b_h, x, h_prev, dh)[0]
    da = {"dh": dh, "dh ⊙ h": dh * h, "dh ⊙ h²": dh * h * h}
    return {"dW_ih": {f"({name}) xᵀ": d @ x.T for name, d in da.items()},
            "dh_prev": {f"U_hᵀ ({name})": U_h.T @ d for name, d in da.items()},
            "dx": {f"W_ihᵀ ({name})": W_ih.T @ d for name, d in da.items()}}


MUTANTS = [
    (" + b_h[:, None]", "", "leaves b_h out of a", "Is everything of equation 1 in your a?"),
    (" + U_h @ h_prev", "", "leaves U_h h_prev out of a", "Is everything of equation 1 in your a?"),
    ("U_h @ h_prev", "U_h.T @ h_prev", "multiplies h_prev by the transpose of U_h on the way forward",
     "Which way round is U_h in equation 1?"),
    ("np.tanh(a)", "1 / (1 + np.exp(-a))", "uses σ for tanh on the way forward", "Which function makes h out of a?"),
    ("(1 - h ** 2)", "1", "forgets tanh'", "How does a small change of a change h?"),
    ("(1 - h ** 2)", "(1 - h)", "takes 1 - h for tanh'", "What is tanh' where h = -1?"),
    ("(1 - h ** 2)", "(1 - np.tanh(h) ** 2)", "feeds tanh' with h instead of a, so the tanh is taken twice",
     "Is h not already a tanh?"),
    ("(1 - h ** 2)", "(1 - a ** 2)", "takes 1 - a² for tanh'", "Which of a and h is the tanh?"),
    ("(1 - h ** 2)", "(1 - h_prev ** 2)", "takes tanh' from h_prev instead of h",
     "Whose tanh is it that you go through?"),
    ("(1 - h ** 2)", "(h * (1 - h))", "takes h (1 - h), which is σ', for tanh'",
     "Which function do you go back through?"),
    ("W_ih.T @ da", "W_ih.T @ dh", "computes dx from dh instead of da", "What lies between h and x?"),
    ("U_h.T @ da", "U_h @ da", "does not transpose U_h in dh_prev",
     "h_prev[j] reaches a[i] by U_h[i, j]. Over which index do you sum for dh_prev[j]?"),
    ("U_h.T @ da", "U_h.T @ dh", "computes dh_prev from dh instead of da", "What lies between h and h_prev?"),
    ("da @ x.T", "dh @ x.T", "computes dW_ih from dh instead of da", "What lies between h and W_ih?"),
    ("da @ x.T", "da @ x.T / x.shape[1]", "takes the mean over the batch in dW_ih, not the sum",
     "The loss is one number for all B columns. Who divides by B?"),
    ("da @ h_prev.T", "da @ h.T", "uses h in dU_h where h_prev belongs", "What was U_h multiplied by?"),
    ("da @ h_prev.T", "h_prev @ da.T", "computes the transpose of dU_h",
     "dU_h[i, j] belongs to U_h[i, j], which leads from h_prev[j] to a[i]. Which comes first in the product?"),
    ("da @ h_prev.T", "dh @ h_prev.T", "computes dU_h from dh instead of da", "What lies between h and U_h?"),
    ("da @ h_prev.T", "da @ h_prev.T / x.shape[1]", "takes the mean over the batch in dU_h, not the sum",
     "The loss is one number for all B columns. Who divides by B?"),
    ("da.sum(axis=1)", "da.mean(axis=1)", "takes the mean over the batch in db_h, not the sum",
     "The loss is one number for all B columns. Who divides by B?"),
    ("da.sum(axis=1)", "dh.sum(axis=1)", "computes db_h from dh instead of da", "What lies between h and b_h?"),
    ("da.sum(axis=1)", "da[:, 0]", "takes only the first column of the batch in db_h",
     "How many columns did b_h serve?"),
]

HINTS = [
    "Begin with a and h, exactly as in equation 1. b_h is (H,) and has to meet (H, B): b_h[:, None] makes it a column.",
    "da has the shape of a. Then ask of each input: what was it multiplied by, to become part of a? That, transposed, "
    "multiplies da. The shapes leave only one way round, except for U_h, which is square.",
    "da = dh * (1 - h**2), dx = W_ih.T @ da, dW_ih = da @ x.T. The other three are built like these; db_h has nothing "
    "to be multiplied by and sums over the batch.",
]

ALTERNATIVES = ["""
import numpy as np

def rnn_step(W_ih, U_h, b_h, x, h_prev, dh):
    h = np.tanh((x.T @ W_ih.T + h_prev.T @ U_h.T + b_h).T)
    dW_ih, dU_h, db_h = np.zeros(W_ih.shape), np.zeros(U_h.shape), np.zeros(len(b_h))
    dx, dh_prev = np.zeros(x.shape), np.zeros(h_prev.shape)
    for b in range(x.shape[1]):
        for i in range(len(b_h)):
            da = dh[i, b] * (1 + h[i, b]) * (1 - h[i, b])
            db_h[i] += da
            dW_ih[i] += da * x[:, b]
            dU_h[i] += da * h_prev[:, b]
            dx[:, b] += da * W_ih[i]
            dh_prev[:, b] += da * U_h[i]
    return h, dx, dh_prev, dW_ih, dU_h, db_h
"""]
