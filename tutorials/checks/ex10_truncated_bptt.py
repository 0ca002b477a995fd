import numpy as np

from . import derivatives, normal, weights

TITLE = "truncated backpropagation through time"
FUNCTION = "truncated_bptt"
OUTPUTS = {"state": "B H", "dx": "B T D", "dW_ih": "H D", "dU_h": "H H", "db_h": "H"}


def steps(T, k):
    def inputs(rng, B=3, D=5, H=6):
        params = {"W_ih": weights(rng, H, D), "U_h": 0.7 * weights(rng, H, H), "b_h": 0.5 * weights(rng, H)}
        return {"params": params, "x": 0.4 * normal(rng, B, T, D), "h0": 0.5 * normal(rng, B, H),
                "dh": normal(rng, B, T, H), "k": k}
    return inputs


CASES = {"one chunk of 4 steps": steps(4, 4), "10 steps in chunks of 4": steps(10, 4)}


def reference(params, x, h0, dh, k):
    """Each chunk for itself, by the complex step, from the state in which the one before it ended."""
    def forward(W_ih, U_h, b_h, x):
        h, before = [], state
        for t in range(x.shape[1]):
            before = np.tanh(x[:, t] @ W_ih.T + before @ U_h.T + b_h)
            h.append(before)
        return np.stack(h, axis=1)

    state, grads, dx = h0, [0, 0, 0], []
    for start in range(0, x.shape[1], k):
        part = x[:, start:start + k]
        *chunk, dx_part = derivatives(forward, dh[:, start:start + k], *params.values(), part)
        grads, dx = [g + more for g, more in zip(grads, chunk)], [*dx, dx_part]
        state = forward(*params.values(), part)[:, -1]
    return state, np.concatenate(dx, axis=1), *grads


CARRIED = "In which state did the chunk before end?"
SUM = "In how many chunks are the weights used?"
DIVIDE = "The loss is one number for all steps and the whole batch. Who divides?"
SECOND = "Which steps are those of the second chunk, if k is 4? And which come after it?"
LAST = "With 10 steps and k = 4, where does the last chunk begin, and how many steps has it?"
OUTSIDE = "Which steps of dh belong to this chunk?"
MUTANTS = [
    ("x[:, part], state)", "x[:, part], h0)", "starts every chunk from h0", CARRIED),
    ("x[:, part], state)", "x[:, part], state if start == 0 else 0 * h0)",
     "starts every chunk but the first from zero", CARRIED),
    ("x[:, part], state)", "x[:, part])", "never hands rnn.forward a state, so that every chunk starts from zero",
     CARRIED),
    ("grads, dx_part, dstate = rnn", "state = h[:, 0]; grads, dx_part, dstate = rnn",
     "carries the state after a chunk's first step, not after its last", CARRIED),
    ("grads, dx_part, dstate = rnn", "state = h[:, -2]; grads, dx_part, dstate = rnn",
     "carries the state before a chunk's last step, not after it", CARRIED),
    ("dh[:, part])", "dh[:, part], None if start == 0 else dstate)",
     "hands dstate of one chunk to the backward pass of the next",
     "In front of which chunk does that state stand? And what is to be cut?"),
    ("T = x.shape[1]", "T = k = x.shape[1]", "never cuts: it goes back through the whole sequence",
     "What does the gradient of the last step reach, if it is cut between chunks?"),
    ("T = x.shape[1]", "T, k = x.shape[1], 1", "cuts between any two steps, as if k were 1",
     "How many steps does a gradient go back in a chunk of 4?"),
    ("T = x.shape[1]", "T = x.shape[1]; k = -(-T // k)", "makes k chunks, where k is the length of each",
     "Is k how many chunks there are, or how long each is?"),
    ("range(0, T, k)", "range(0, T - T % k, k)", "leaves out the last chunk where it is shorter", LAST),
    ("range(0, T, k)", "range(k, T, k)", "leaves out the first chunk", "Where does your first chunk begin?"),
    ("range(0, T, k)", "range(T - k + 1)", "moves on by one step from chunk to chunk, so that they overlap", SECOND),
    ("range(0, T, k)", "reversed(range(0, T, k))", "walks from the last chunk to the first",
     "Which chunk has to be done before you know in which state the next begins?"),
    ("start + k)", "start + k + 1)", "takes one step too many into each chunk", SECOND),
    ("start + k)", "start + k - 1)", "leaves out the k-th step of each chunk", SECOND),
    ("dh[:, part])", "dh[:, :h.shape[1]])", "takes the first steps of dh for every chunk", OUTSIDE),
    ("dh[:, part])", "dh[:, T - h.shape[1]:])", "takes the last steps of dh for every chunk", OUTSIDE),
    ("dh[:, part])", "dh[:, part] * (np.arange(h.shape[1]) == h.shape[1] - 1)[:, None])",
     "takes dh at the last step of each chunk only", "At which steps does the loss read h?"),
    ("dh[:, part])", "dh[:, part] * (np.arange(T)[part] == T - 1)[:, None])",
     "takes dh at the last step of the sequence only", "At which steps does the loss read h?"),
    ("dx[:, part] =", "dx[:, :h.shape[1]] =", "writes dx of every chunk to the first steps",
     "Which steps does dx of the second chunk belong to?"),
    ("total[name] +=", "total[name] =", "assigns the gradients of the weights at each chunk instead of adding to them",
     SUM),
    ("grads[name]", "grads[name] / -(-T // k)", "takes the mean over the chunks for the weights, not the sum", SUM),
    ("grads[name]", "grads[name] / h.shape[1]", "divides the gradients of the weights by the steps of each chunk",
     DIVIDE),
    ("grads[name]", "grads[name] / len(x)", "divides the gradients of the weights by B", DIVIDE),
    ("forward(params,", "forward({name: p - 0.1 * total[name] for name, p in params.items()},",
     "changes the weights after each chunk, by 0.1 of the gradient so far",
     "At which weights is the gradient to be taken?"),
    ("return state", "return h0", "returns h0 for the state after the last step", "What did the last chunk return?"),
    ("return state", "return dstate", "returns dstate, a gradient, for the state after the last step",
     "Which of what the library returns is a state, and which the gradient of one?"),
]

HINTS = [
    "A loop over the first steps of the chunks: range(0, T, k). In Python x[:, start:start + k] ends at T by itself. "
    "One rnn.forward and one rnn.backward for each chunk.",
    "What rnn.forward returns as state is what the next chunk starts from, and the first one starts from h0. What "
    "rnn.backward returns as dstate is not used: this is the cut. dx goes chunk by chunk into zeros of x's shape.",
    "for start in range(0, T, k): part = slice(start, start + k); h, state, cache = rnn.forward(params, x[:, part], "
    "state); then backward with dh[:, part], write dx[:, part], and add each grads[name] to a sum that began as zeros.",
]

ALTERNATIVES = ["""
import numpy as np

def truncated_bptt(params, x, h0, dh, k):
    W, U, b = params["W_ih"], params["U_h"], params["b_h"]
    h = [h0]
    for t in range(x.shape[1]):
        h.append(np.tanh(x[:, t] @ W.T + h[t] @ U.T + b))
    da, later = np.zeros(dh.shape), np.zeros(h0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        if (t + 1) % k == 0:
            later = 0 * later
        da[:, t] = (dh[:, t] + later) * (1 - h[t + 1] ** 2)
        later = da[:, t] @ U
    before = np.stack(h[:-1], axis=1)
    return (h[-1], np.einsum("bth,hd->btd", da, W), np.einsum("bth,btd->hd", da, x),
            np.einsum("bth,btj->hj", da, before), da.sum((0, 1)))
""", """
import numpy as np
from minirnn import rnn

def truncated_bptt(params, x, h0, dh, k):
    if not x.shape[1]:
        return h0, x, *(0 * params[name] for name in ("W_ih", "U_h", "b_h"))
    _, state, cache = rnn.forward(params, x[:, :k], h0)
    grads, dx, _ = rnn.backward(cache, dh[:, :k])
    state, rest, *others = truncated_bptt(params, x[:, k:], state, dh[:, k:], k)
    return (state, np.concatenate([dx, rest], axis=1), others[0] + grads["W_ih"], others[1] + grads["U_h"],
            others[2] + grads["b_h"])
"""]
