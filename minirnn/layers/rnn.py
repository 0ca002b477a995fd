"""The recurrent network of the article's equation 1. START HERE.

    (1)  h_t = φ(W_ih x_t + U_h h_{t-1} + b_h),    t = 0 .. T-1

h_{-1} is the initial state. φ is tanh, as in today's networks, or with activation="sigmoid" the article's own logistic
σ. The i of W_ih means "input"; it has nothing to do with the LSTM's input gate. An RNN is a feedforward network only
once it is unrolled in time: one layer for each step, every layer with the same weights.

How sequences and states lie in memory: sequence.py, whose first lines say it.

Source: Elman, Finding structure in time, 1990; backpropagation through time: Werbos 1990.
"""

import numpy as np

from .. import boundary
from ..activations import sigmoid
from . import sequence

takes = "state", "lengths"  # what a composition passes on to forward, see layer.py

ACTIVATIONS = {  # φ, and φ' written with φ's own output h
    "tanh": (np.tanh, lambda h: 1 - h**2),
    "sigmoid": (sigmoid, lambda h: h * (1 - h)),
}


def init(rng, D, H, dtype=np.float32):
    """Weights uniform in ±1/√H, bias zero: {"W_ih": (H, D), "U_h": (H, H), "b_h": (H,)}."""
    rng, D, H = boundary.init(rng, dtype, D=D, H=H)
    uniform = lambda *shape: (rng.uniform(-1, 1, shape) / np.sqrt(H)).astype(dtype)
    return {"W_ih": uniform(H, D), "U_h": uniform(H, H), "b_h": np.zeros(H, dtype)}


def forward(params, x, state=None, lengths=None, activation="tanh"):
    """Run equation 1 over a batch of sequences.

    x        (B, T, D)  inputs
    state    (B, H)     h before the first step; None is zero
    lengths  (B,)       how many steps of each sequence are real; None is all T
    returns  h (B, T, H), zero beyond each length; the state after each sequence's last step (B, H); a cache
    errors   ValueError or TypeError for a wrong shape, dtype or length, or a number that is not finite

    >>> params = init(np.random.default_rng(0), D=2, H=3)
    >>> h, state, cache = forward(params, np.ones((4, 5, 2), np.float32))
    >>> h.shape, state.shape, bool((h[:, -1] == state).all())
    ((4, 5, 3), (4, 3), True)
    """
    sizes = boundary.params("rnn", params, W_ih="H D", U_h="H H", b_h="H")  # checks the shapes, finds D and H
    W_ih, U_h, b_h = params["W_ih"], params["U_h"], params["b_h"][:, None]  # b_h is added to every column
    phi, _ = ACTIVATIONS[boundary.one_of("activation", activation, ACTIVATIONS)]
    x, lengths = sequence.inputs(x, lengths, sizes["D"], U_h.dtype)  # x becomes (T, D, B): each x[t] is (D, B)
    T, _, B = x.shape

    h_slots = sequence.slots("state", state, T, sizes["H"], B, U_h.dtype)  # (T+1, H, B): slot 0 is the initial state
    h_prev, h = h_slots[:-1], h_slots[1:]  # two views of one memory, a step apart: h_prev[t] is h_{t-1}

    for t in range(T):  # past a length too: below, `rows` makes those h zero, `final` takes the state at the length
        h[t] = phi(W_ih @ x[t] + U_h @ h_prev[t] + b_h)  # equation 1

    return sequence.rows(h, lengths), sequence.final(h_slots, lengths), (params, x, lengths, activation, h_slots)


def backward(cache, dh, dstate=None):
    """Backpropagation through time: the lines of forward from the last to the first.

    dh       (B, T, H)  dLoss/dh from outside, at every step; None is zero
    dstate   (B, H)     dLoss/d(final state); None is zero
    returns  grads like params, dx (B, T, D), the gradient of the initial state (B, H)

    Write a_t for the argument of φ. h_t is used twice, outside and by step t+1 as U_h h_t, so its gradient is a sum of
    two. The weights are used at every step, so theirs is a sum over t.

        (B1)  dh_t    = from outside + U_hᵀ da_{t+1}        dh_{t-1} += U_hᵀ da_t
        (B2)  da_t    = dh_t ⊙ φ'(a_t)         φ'(a_t) from h_t alone: 1 - h_t² for tanh, h_t (1 - h_t) for σ
        (B3)  dW_ih   = Σ_t da_t x_tᵀ
        (B4)  dU_h    = Σ_t da_t h_{t-1}ᵀ
        (B5)  db_h    = Σ_t da_t
        (B6)  dx_t    = W_ihᵀ da_t
        (B7)  dh_{-1} = (B1) at t = -1         the gradient of the initial state, in slot 0

    At the right of (B1) stands the same term as the loop adds it: step t adds to the sum of step t-1. The sums over t
    run over the batch too.

    From outside comes dh, and dstate where a sequence ends. After its end nothing comes, so padding adds nothing. Going
    back one step multiplies by U_hᵀ and by φ', in (B1) and (B2). Going back k steps does so k times: this is where the
    gradient vanishes or explodes. σ' is at most 1/4, so with σ it vanishes far faster.
    """
    params, x, lengths, activation, h_slots = boundary.cache("rnn", cache, parts=5, has="W_ih")
    W_ih, U_h = params["W_ih"], params["U_h"]
    _, phi_prime_from = ACTIVATIONS[activation]
    h_prev, h = h_slots[:-1], h_slots[1:]
    dh_slots = sequence.from_outside(dh, dstate, lengths, h_slots)  # (B1) from outside: dh, dstate at the end
    dh_prev, dh = dh_slots[:-1], dh_slots[1:]  # as h_prev and h: what is added to dh_prev[t] is in dh[t-1]
    dW_ih, dU_h, db_h = np.zeros_like(W_ih), np.zeros_like(U_h), np.zeros_like(params["b_h"])
    dx = np.empty_like(x)  # (T, D, B), as x is in the cache

    for t in reversed(range(len(x))):
        # dh[t] is complete: step t+1 has added its term to what comes from outside.
        da = dh[t] * phi_prime_from(h[t])  # (B2)
        dh_prev[t] += U_h.T @ da  # (B1) from step t to h_{t-1}; at t = 0 this is (B7)
        dW_ih += da @ x[t].T  # (B3): the product sums over the batch
        dU_h += da @ h_prev[t].T  # (B4)
        db_h += da.sum(axis=1)  # (B5): axis 1 is the batch
        dx[t] = W_ih.T @ da  # (B6)

    # Beyond a sequence's length da is zero, and so is dx.
    return {"W_ih": dW_ih, "U_h": dU_h, "b_h": db_h}, sequence.rows(dx), dh_slots[0].T.copy()
