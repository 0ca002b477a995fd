"""Long short-term memory: the article's equations 2 and 3, with the gates it leaves out.

    i_t = σ(W_xi x_t + U_i h_{t-1} + b_i)        input gate: may new information enter?    (not printed)
    f_t = σ(W_xf x_t + U_f h_{t-1} + b_f)        forget gate: is the old cell state kept?  (not printed)
    c̃_t = tanh(W_xc x_t + U_c h_{t-1} + b_c)     candidate                                 equation 3
    o_t = σ(W_xo x_t + U_o h_{t-1} + b_o)        output gate: is the cell state shown?     (not equation 4)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t              cell state                                equation 2
    h_t = o_t ⊙ tanh(c_t)                        hidden state                              (eq. 1 is that of rnn.py)

The o_t of the article's equation 4 is another: it reads h_t, so it is a read-out, see linear.py. The output gate must
be known before h_t, so it cannot read h_t. The forget gate is that of Gers, Schmidhuber and Cummins 2000. Its bias
starts at 1, so most of the cell is kept at first. The LSTM of Hochreiter and Schmidhuber 1997 had no forget gate: f_t =
1.

The four arguments of σ and tanh are computed together, one under the other. In the code g stands for c̃:

    a_t = [a_i; a_f; a_g; a_o] = W_x x_t + U_h h_{t-1} + b      W_x = [W_xi; W_xf; W_xc; W_xo], and so U_h and b

`gates` returns the blocks of W_x, U_h and b by the names above.

A picture of the cell: tutorials/figures/12_the_lstm_cell.png. The backward pass, derived arrow by arrow with numbers:
tutorials/13_the_lstms_backward_pass.py. Its transposes and sums: tutorials/14_the_backward_pass_in_matrices.py.

How sequences and states lie in memory: sequence.py, whose first lines say it. fast/lstm.py computes the same numbers in
less time, and is harder to read.
"""

import numpy as np

from .. import boundary
from ..activations import sigmoid
from . import sequence

takes = "state", "lengths"  # what a composition passes on to forward, see layer.py


def init(rng, D, H, dtype=np.float32):
    """Weights uniform in ±1/√H, bias zero but b_f = 1: {"W_x": (4H, D), "U_h": (4H, H), "b": (4H,)}."""
    rng, D, H = boundary.init(rng, dtype, D=D, H=H)
    uniform = lambda *shape: (rng.uniform(-1, 1, shape) / np.sqrt(H)).astype(dtype)
    params = {"W_x": uniform(4 * H, D), "U_h": uniform(4 * H, H), "b": np.zeros(4 * H, dtype)}
    gates(params)["b_f"][:] = 1
    return params


def gates(params):
    """The parameters by the article's names, W_xi .. b_o, as views: writing to one changes `params`."""
    return {f"{article}{gate}": block for article, name in (("W_x", "W_x"), ("U_", "U_h"), ("b_", "b"))
            for gate, block in zip("ifco", np.split(params[name], 4))}


def forward(params, x, state=None, lengths=None):
    """Run the LSTM over a batch of sequences.

    x        (B, T, D)          inputs
    state    ((B, H), (B, H))   h and c before the first step; None is zero
    lengths  (B,)               how many steps of each sequence are real; None is all T
    returns  h (B, T, H), zero beyond each length; the state (h, c) after each sequence's last step; a cache
    errors   ValueError or TypeError for a wrong shape, dtype or length, or a number that is not finite

    >>> params = init(np.random.default_rng(0), D=2, H=3)
    >>> h, (h_T, c_T), cache = forward(params, np.ones((4, 5, 2), np.float32))
    >>> h.shape, c_T.shape, bool((h[:, -1] == h_T).all())
    ((4, 5, 3), (4, 3), True)
    """
    sizes = boundary.params("lstm", params, W_x="4H D", U_h="4H H", b="4H")  # checks the shapes, finds D and H
    W_x, U_h, b = params["W_x"], params["U_h"], params["b"][:, None]  # b is added to every column
    x, lengths = sequence.inputs(x, lengths, sizes["D"], U_h.dtype)  # x becomes (T, D, B): each x[t] is (D, B)
    h_init, c_init = boundary.pair("state", state, "(h, c)")
    (T, _, B), H = x.shape, sizes["H"]

    h_slots = sequence.slots("state h", h_init, T, H, B, U_h.dtype)  # (T+1, H, B): slot 0 is the initial state
    c_slots = sequence.slots("state c", c_init, T, H, B, U_h.dtype)
    h_prev, h = h_slots[:-1], h_slots[1:]  # two views of one memory, a step apart: h_prev[t] is h_{t-1}
    c_prev, c = c_slots[:-1], c_slots[1:]
    i, f, g, o = np.empty((4, T, H, B), U_h.dtype)  # g is the article's c̃

    for t in range(T):  # past a length too: below, `rows` makes those h zero, `final` takes the state at the length
        a = W_x @ x[t] + U_h @ h_prev[t] + b
        a_i, a_f, a_g, a_o = np.split(a, 4)
        i[t] = sigmoid(a_i)
        f[t] = sigmoid(a_f)
        g[t] = np.tanh(a_g)  # equation 3, c̃_t
        o[t] = sigmoid(a_o)  # the gate, not the article's equation 4
        c[t] = f[t] * c_prev[t] + i[t] * g[t]  # equation 2
        h[t] = o[t] * np.tanh(c[t])

    state = sequence.final(h_slots, lengths), sequence.final(c_slots, lengths)
    return sequence.rows(h, lengths), state, (params, x, lengths, h_slots, c_slots, i, f, g, o)


def backward(cache, dh, dstate=None):
    """Backpropagation through time: the lines of forward from the last to the first.

    dh       (B, T, H)          dLoss/dh from outside, at every step; None is zero
    dstate   ((B, H), (B, H))   dLoss/d(final h and c); None, whole or in part, is zero
    returns  grads like params, dx (B, T, D), the gradients of the initial state (dh, dc)

    σ' = s (1 - s) and tanh' = 1 - s², with their own output s. da_t = [da_i; da_f; da_g; da_o] is the gradient of a_t.
    h_t is used outside and by step t+1. c_t is used by h_t and by step t+1, and the last c_t outside. So their
    gradients are sums:

        (B1)  dh_t = from outside + U_hᵀ da_{t+1}                                            dh_{t-1} += U_hᵀ da_t
        (B2)  dc_t = from outside + dc_{t+1} ⊙ f_{t+1} + dh_t ⊙ o_t ⊙ (1 - tanh²(c_t))       dc_{t-1} += dc_t ⊙ f_t
        (B3)  da_i = dc_t ⊙ c̃_t ⊙ i_t (1 - i_t)
        (B4)  da_f = dc_t ⊙ c_{t-1} ⊙ f_t (1 - f_t)
        (B5)  da_g = dc_t ⊙ i_t ⊙ (1 - c̃_t²)                  g is c̃
        (B6)  da_o = dh_t ⊙ tanh(c_t) ⊙ o_t (1 - o_t)
        (B7)  dx_t = W_xᵀ da_t
        (B8)  dW_x = Σ_t da_t x_tᵀ,    dU_h = Σ_t da_t h_{t-1}ᵀ,    db = Σ_t da_t

    At the right of (B1) and (B2) stands the same term as the loop adds it: step t adds to a sum of step t-1.
    The sums over t run over the batch too.

    From outside comes dh, and dstate where a sequence ends. After its end nothing comes, so padding adds nothing.
    Before the first step, in slot 0, stands the gradient of the initial state.

    On the way from dc_{t+1} to dc_t stands f, and no matrix. Where f is near 1, what goes this way neither vanishes nor
    explodes. The way through da_{t+1} and dh_t has U_hᵀ on it.
    """
    params, x, lengths, h_slots, c_slots, i, f, g, o = boundary.cache("lstm", cache, parts=9, has="W_x")
    W_x, U_h = params["W_x"], params["U_h"]
    h_prev, c_prev, c = h_slots[:-1], c_slots[:-1], c_slots[1:]
    dh_final, dc_final = boundary.pair("dstate", dstate, "(dh, dc)")
    dh_slots = sequence.from_outside(dh, dh_final, lengths, h_slots, "h")  # (B1) from outside: dh, dstate at the end
    dc_slots = sequence.from_outside(None, dc_final, lengths, c_slots, "c")  # of c, only the final state
    dh_prev, dh = dh_slots[:-1], dh_slots[1:]  # as h_prev and h: what is added to dh_prev[t] is in dh[t-1]
    dc_prev, dc = dc_slots[:-1], dc_slots[1:]
    dW_x, dU_h, db = np.zeros_like(W_x), np.zeros_like(U_h), np.zeros_like(params["b"])
    dx = np.empty_like(x)  # (T, D, B), as x is in the cache

    for t in reversed(range(len(x))):
        # dh[t] is complete: step t+1 has added its term to what comes from outside. dc[t] lacks what comes through h_t.
        tanh_c = np.tanh(c[t])
        dc[t] += dh[t] * o[t] * (1 - tanh_c**2)  # (B2) through h_t: dc[t] is complete
        da_i = dc[t] * g[t] * i[t] * (1 - i[t])  # (B3)
        da_f = dc[t] * c_prev[t] * f[t] * (1 - f[t])  # (B4)
        da_g = dc[t] * i[t] * (1 - g[t]**2)  # (B5), c̃
        da_o = dh[t] * tanh_c * o[t] * (1 - o[t])  # (B6)
        da = np.concatenate([da_i, da_f, da_g, da_o])  # the mirror of np.split
        dc_prev[t] += dc[t] * f[t]  # (B2) from step t to c_{t-1}: no matrix on this path
        dh_prev[t] += U_h.T @ da  # (B1) from step t to h_{t-1}
        dx[t] = W_x.T @ da  # (B7)
        dW_x += da @ x[t].T  # (B8): the product sums over the batch
        dU_h += da @ h_prev[t].T  # (B8)
        db += da.sum(axis=1)  # (B8): axis 1 is the batch

    # Beyond a sequence's length da is zero, and so is dx.
    grads = {"W_x": dW_x, "U_h": dU_h, "b": db}
    return grads, sequence.rows(dx), (dh_slots[0].T.copy(), dc_slots[0].T.copy())


def trace(cache):
    """What happened inside a forward pass, for a picture: i, f, g (the article's c̃), o, c and h, each (B, T, H)."""
    _, _, lengths, h_slots, c_slots, i, f, g, o = cache
    inside = {"i": i, "f": f, "g": g, "o": o, "c": c_slots[1:], "h": h_slots[1:]}
    return {name: sequence.rows(values, lengths) for name, values in inside.items()}
