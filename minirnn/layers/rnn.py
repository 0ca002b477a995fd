"""The recurrent network of the article's equation 1. START HERE.

    (1)  h_t = φ(W_ih x_t + U_h h_{t-1} + b_h),    t = 0 .. T-1

φ is tanh, as in today's networks, or with activation="sigmoid" the article's own logistic σ. The i of W_ih means
"input"; it has nothing to do with the LSTM's input gate. An RNN is a feedforward network only once it is unrolled in
time: one layer a step, every layer with the same weights.

Source: Elman, Finding structure in time, 1990; backpropagation through time: Werbos 1990.
"""

import numpy as np

from .. import boundary
from ..activations import sigmoid
from . import sequence

ACTIVATIONS = {  # φ, and φ' written with φ's own output h, which forward has kept
    "tanh": (np.tanh, lambda h: 1 - h * h),
    "sigmoid": (sigmoid, lambda h: h * (1 - h)),
}


def init(rng, D, H, dtype=np.float32):
    """Weights uniform in ±1/√H, bias zero: {"W_ih": (H, D), "U_h": (H, H), "b_h": (H,)}."""
    D, H = boundary.size("D", D), boundary.size("H", H)
    uniform = lambda *shape: (rng.uniform(-1, 1, shape) / np.sqrt(H)).astype(dtype)
    return {"W_ih": uniform(H, D), "U_h": uniform(H, H), "b_h": np.zeros(H, dtype)}


def forward(params, x, state=None, lengths=None, activation="tanh", out=None):
    """Run equation 1 over a batch of sequences.

    x        (B, T, D)  inputs
    state    (B, H)     h before the first step; None is zero
    lengths  (B,)       how many steps of each sequence are real; None is all T
    out      a cache    of an earlier pass, needed no more, whose memory is used again
    returns  h (B, T, H), zero beyond each length; the state after each sequence's last step (B, H); a cache
    errors   ValueError or TypeError for a wrong shape, dtype or length, or a number that is not finite

    >>> params = init(np.random.default_rng(0), D=2, H=3)
    >>> h, state, cache = forward(params, np.ones((4, 5, 2), np.float32))
    >>> h.shape, state.shape, bool((h[:, -1] == state).all())
    ((4, 5, 3), (4, 3), True)
    """
    sizes = boundary.params("rnn", params, W_ih="H D", U_h="H H", b_h="H")
    W_ih, U_h, b_h = params["W_ih"], params["U_h"], params["b_h"]
    phi, _ = ACTIVATIONS[boundary.one_of("activation", activation, ACTIVATIONS)]
    x, lengths = sequence.inputs(x, lengths, sizes["D"], U_h.dtype)
    (B, T, D), H = x.shape, len(U_h)

    buffers = sequence.buffers(out, U_h.dtype, (T + 1, H, B), (T + 1, H, B), (T, H, B))
    slots, _, a = buffers  # backward has its own use for the last two
    h_prev, h = slots[:-1], slots[1:]  # the same memory, one step apart
    slots[0] = sequence.initial("state", state, B, H, U_h.dtype)
    np.matmul(W_ih, x.transpose(1, 2, 0), out=a)  # what the inputs add, for all steps at once
    a += b_h[:, None]
    for a_t, h_prev_t, h_t in zip(a, h_prev, h):
        h_t[:] = phi(a_t + U_h @ h_prev_t)  # equation 1
    return sequence.rows(h, lengths), sequence.final(slots, lengths), (params, x, lengths, activation, buffers)


def backward(cache, dh, dstate=None):
    """Backpropagation through time: equation 1 read from right to left and from the last step to the first.

    dh       (B, T, H)  dLoss/dh from outside, at every step; None is zero
    dstate   (B, H)     dLoss/d(final state); None is zero
    returns  grads like params, dx (B, T, D), the gradient of the initial state (B, H)

    Write a_t for the argument of φ. h_t is used twice, by the loss outside and by step t+1 as U_h h_t, so its gradient
    is the sum of two; the weights are used at every step, so theirs is a sum over t.

        (B1)  dh_t    = dh_t from outside + U_hᵀ da_{t+1}
        (B2)  da_t    = dh_t ⊙ φ'(a_t)         φ' = 1 - h_t² for tanh, h_t (1 - h_t) for σ
        (B3)  dW_ih   = Σ_t da_t x_tᵀ
        (B4)  dU_h    = Σ_t da_t h_{t-1}ᵀ
        (B5)  db_h    = Σ_t da_t
        (B6)  dx_t    = W_ihᵀ da_t
        (B7)  dh_{-1} = U_hᵀ da_0              the initial state, and no loss of its own

    Going back k steps multiplies by k factors U_hᵀ and φ' in (B1) and (B2): this is where the gradient vanishes or
    explodes. σ' is at most 1/4, so with σ it vanishes far faster.
    """
    params, x, lengths, activation, (slots, dslots, da) = cache
    W_ih, U_h = params["W_ih"], params["U_h"]
    _, phi_prime = ACTIVATIONS[activation]
    h_prev, h = slots[:-1], slots[1:]
    dh_prev, dh_total = dslots[:-1], dslots[1:]  # the mirror of h_prev and h

    sequence.arrive(dslots, dh, dstate, lengths)  # (B1) from outside
    da[:] = phi_prime(h)
    for da_t, dh_t, dh_prev_t in zip(da[::-1], dh_total[::-1], dh_prev[::-1]):  # from the last step to the first
        da_t *= dh_t  # (B2)
        dh_prev_t += U_h.T @ da_t  # (B1) from step t to h_{t-1}; (B7) at the first
    grads = {"W_ih": np.tensordot(da, x, ([0, 2], [1, 0])),  # (B3)
             "U_h": np.tensordot(da, h_prev, ([0, 2], [0, 2])),  # (B4)
             "b_h": da.sum(axis=(0, 2))}  # (B5)
    dx = (W_ih.T @ da).transpose(2, 0, 1)  # (B6)
    return grads, dx, dslots[0].T.copy()
