import numpy as np

from . import derivatives, normal, weights

TITLE = "truncated backpropagation through time"
FUNCTION = "truncated_bptt"
OUTPUTS = {"state": "B H", "dx": "B T D", "dW_ih": "H D", "dU_h": "H H", "db_h": "H"}


def steps(T, k, size=1.0, B=5, D=7, H=6):
    def inputs(rng):
        params = {"W_ih": weights(rng, H, D), "U_h": 0.7 * weights(rng, H, H), "b_h": 0.5 * weights(rng, H)}
        return {"params": params, "x": 0.4 * normal(rng, B, T, D), "h0": 0.5 * normal(rng, B, H),
                "dh": size * normal(rng, B, T, H), "k": k}
    return inputs


CASES = {"one chunk of 4 steps": steps(4, 4), "10 steps in chunks of 4": steps(10, 4),
         "3 steps, fewer than the 4 of a chunk": steps(3, 4),
         "a single sequence": steps(6, 4, B=1), "9 steps in chunks of 3, gradients near 30": steps(9, 3, 30.0)}


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
SUM = "The loss is one sum over all steps. Is its gradient a sum or a mean over the chunks?"
DIVIDE = "The loss is one number for all steps and the whole batch. Who divides?"
SECOND = "Which steps are those of the second chunk, if k is 4? And which come after it?"
LAST = "With 10 steps and k = 4, at which steps do the chunks begin? How many steps has each of them?"
OUTSIDE = "Which steps of dh belong to this chunk?"
MUTANTS = [
    ("np.zeros_like(x), h0", "np.zeros_like(x), 0 * h0", "starts the first chunk from zero, not from h0",
     "In which state does the sequence begin?"),
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
    ("dx[:, part] = dx_part", "dx[:, part] = dx_part; state = dstate",
     "overwrites the state with dstate, the gradient that rnn.backward returns, and hands that on to the next chunk",
     "Which of what the library returns is a state, and which the gradient of one?"),
    ("dx[:, part] = dx_part", "dx[:, part] = dx_part; end, state = state, dstate if start + k < T else state",
     "starts each chunk but the first from dstate, a gradient, where a state belongs",
     "Which of what the library returns is a state, and which the gradient of one?"),
    ("T = x.shape[1]", "T = k = x.shape[1]", "never cuts: it goes back through the whole sequence",
     "What does the gradient of the last step reach, if it is cut between chunks?"),
    ("T = x.shape[1]", "T, k = x.shape[1], 1", "cuts between any two steps, as if k were 1",
     "How many steps does a gradient go back in a chunk of 4?"),
    ("T = x.shape[1]", "T = x.shape[1]; k = -(-T // k)", "takes k for the number of chunks",
     "Is k how many chunks there are, or how long each is?"),
    ("range(0, T, k)", "range(0, T - T % k, k)", "leaves out the last chunk where it is shorter", LAST),
    ("range(0, T, k)", "range(k, T, k)", "leaves out the first chunk", "Where does your first chunk begin?"),
    ("range(0, T, k)", "range(T - k + 1)", "moves on by one step from chunk to chunk, so that they overlap", SECOND),
    ("range(0, T, k)", "range(0, T, max(k - 1, 1))",
     "moves on by k - 1 steps from chunk to chunk, so that the last step of one is the first of the next", SECOND),
    ({"range(0, T, k)": "range(0, T, max(k - 1, 1))", "dx[:, part] =": "dx[:, part] +="},
     "moves on by k - 1 steps from chunk to chunk, so that the last step of one is the first of the next, and adds dx "
     "up where they overlap", SECOND),
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
    *[("total[name] +=", f"total[name] = (name != '{_name}') * total[name] +",
       f"assigns d{_name} at each chunk instead of adding to it", "How many chunks have a part in it?")
      for _name in ("W_ih", "U_h", "b_h")],
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
SPOKEN = {"part": "the chunk"}

for _state, _words in (("h[:, 0]", "first"), ("h[:, -2]", "last but one"), ("h.mean(axis=1)", "mean")):
    MUTANTS.append(("x[:, part], state)", f"x[:, part], {_state} if start else h0)", f"starts each chunk but the first "
                    f"from the {_words} state of the chunk before, and returns the right one", CARRIED))

LOOP = "for start in range(0, T, k):\n        part = slice(start, start + k)"
for _borders, _words in (
        ("[(s * k, (s + 1) * k if s < max(T // k, 1) - 1 else T) for s in range(max(T // k, 1))]",
         "makes T // k chunks, the last one longer, with the rest of the steps"),
        ("[(0, T % k)][:T % k] + [(s, s + k) for s in range(T % k, T, k)]",
         "makes the first chunk the shorter one, with the rest of the steps"),
        ("[(int(a[0]), int(a[-1]) + 1) for a in np.array_split(np.arange(T), -(-T // k))]",
         "cuts into chunks that are as equal as possible, not k steps each"),
        ("[(int(a[0]), int(a[-1]) + 1) for a in np.array_split(np.arange(T), max(T // k, 1))]",
         "cuts into T // k equal chunks, not k steps each"),
        ("[(int(a[0]), int(a[-1]) + 1) for a in np.array_split(np.arange(T), min(k, T))]",
         "takes k for the number of chunks, and makes them as equal as possible"),
        ("[(0, T - min(k, T)), (T - min(k, T), T)][T <= k:]", "cuts once only, k steps before the end"),
        ("[(0, min(k, T)), (k, T)][:1 + (T > k)]", "cuts once only, after the first k steps"),
        ("[(s, s + k + (s == 0)) for s in [0, *range(k + 1, T, k)]]", "cuts one step too late, after k + 1"),
        ("[(s, min(s + k + 1, T)) for s in range(0, T, k + 1)]", "takes chunks of k + 1 steps"),
        ("[(s, min(s + max(k - 1, 1), T)) for s in range(0, T, max(k - 1, 1))]", "takes chunks of k - 1 steps"),
        ("[(s, min(s + k, T)) for s in range(0, max(T - 1, 1), max(k - 1, 1))]",
         "begins each chunk one step too early, so that chunks overlap by one step"),
        ("[(s, s + k) for s in range(0, T, 2 * k)]", "leaves out every second chunk"),
        ("[(s, s + k) for s in range(0, T, k)][-1:]", "does the last chunk only"),
        ("[(s, s + k) for s in range(0, T, k)][:1]", "does the first chunk only")):
    MUTANTS.append((LOOP, f"for start, end in {_borders}:\n        part = slice(start, end)", _words, LAST))
BACK = "From which step on may the gradient of a step be cut: the same for the whole chunk, or another for each?"
WHOLE = ("    for start in range(0, T, k):\n        part = slice(start, start + k)  # a slice ends by itself at T, so "
         "the last may be shorter\n")
EACH = """    h, state, _ = rnn.forward(params, x, h0)
    before = np.concatenate([h0[:, None], h], axis=1)
    for t in range(T):
        first = {first}
        part = slice(first, t + 1)
        _, _, cache = rnn.forward(params, x[:, part], before[:, first])
        only = np.zeros_like(dh[:, part]) + dh[:, part] * (np.arange(first, t + 1) == t)[:, None]
        grads, dx_part, _ = rnn.backward(cache, only)
        dx[:, part] += dx_part
        for name in total:
            total[name] += grads[name]
    return state, dx, total["W_ih"], total["U_h"], total["b_h"]
"""
for _first, _words in (("max(0, t - k + 1)", "k steps back"), ("max(0, t - k)", "k + 1 steps back")):
    MUTANTS.append((WHOLE, EACH.format(first=_first) + WHOLE,
                    f"goes {_words} from each step, in a sliding window over the borders, not to the start of its "
                    "chunk",
                    BACK))
MUTANTS += [
    ({"grads[name]": "grads[name] * len(h[0]) / T"}, "weighs each chunk's gradients by its share of the steps", DIVIDE),
    ({"grads[name]": "grads[name] / T"}, "divides the gradients of the weights by T", DIVIDE),
    ({"grads[name]": "grads[name] / k"}, "divides the gradients of the weights by k", DIVIDE),
    ("total[name] += grads[name]", "total[name] = total[name] * (start == 0) + grads[name] * (start == 0)",
     "keeps the gradients of the first chunk only", SUM),
    ("return state", "return h[:, 0]", "returns the first state of the last chunk", "What did the last chunk return?"),
    ("return state", "return h.mean(axis=1)", "returns the mean state of the last chunk", "What did the last chunk "
     "return?"),
    ("dh[:, part])", "dh[:, part] / h.shape[1])", "divides dh of each chunk by its length", DIVIDE),
    ("dh[:, part])", "dh[:, part], dh[:, min(start + k, T - 1)] * (start + k < T))",
     "hands dh of the next chunk's first step to the backward pass as the gradient of the last state", OUTSIDE),
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
