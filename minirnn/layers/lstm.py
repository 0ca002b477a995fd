"""Long short-term memory: the article's equations 2 and 3, with the gates it leaves out.

    i_t = σ(W_xi x_t + U_i h_{t-1} + b_i)        input gate: may new information enter?    (not printed)
    f_t = σ(W_xf x_t + U_f h_{t-1} + b_f)        forget gate: is the old cell kept?        (not printed)
    c̃_t = tanh(W_xc x_t + U_c h_{t-1} + b_c)     candidate                                 equation 3
    o_t = σ(W_xo x_t + U_o h_{t-1} + b_o)        output gate: is the cell shown?           (not equation 4)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t              cell state                                equation 2
    h_t = o_t ⊙ tanh(c_t)                        hidden state                              (not printed)

The article's equation 4 calls "the output" o_t and lets it read h_t: a read-out, found in linear.py. The gate is
the o_t above, with a b_o of its own; h_t needs it first. The forget gate is that of Gers, Schmidhuber and Cummins 2000;
the LSTM of Hochreiter and Schmidhuber 1997 had none (f_t = 1). Its bias starts at 1, so the cell remembers before it
learns.

The four weight blocks lie on top of each other in the order i, f, c̃, o; `gates` gives them the article's names.

Inside the loop all that a step multiplies is one column, and all weights are one matrix:

    z_t = [h_{t-1}; x_t; 1],    W = [U_h W_x b],    W z_t = U_h h_{t-1} + W_x x_t + b

so a step is one product forward and one backward, and so is the gradient of all weights. There the blocks lie in the
order c̃, i, f, o: then the three σ are neighbours, and so are the three gates that dc_t reaches.
"""

import numpy as np

from .. import boundary
from . import sequence

INSIDE = [1, 2, 0, 3]  # where the blocks i, f, c̃, o go: to the order c̃, i, f, o


def init(rng, D, H, dtype=np.float32):
    """Weights uniform in ±1/√H, bias zero but b_f = 1: {"W_x": (4H, D), "U_h": (4H, H), "b": (4H,)}."""
    D, H = boundary.size("D", D), boundary.size("H", H)
    uniform = lambda *shape: (rng.uniform(-1, 1, shape) / np.sqrt(H)).astype(dtype)
    params = {"W_x": uniform(4 * H, D), "U_h": uniform(4 * H, H), "b": np.zeros(4 * H, dtype)}
    gates(params)["b_f"][:] = 1
    return params


def gates(params):
    """The parameters by the article's names, W_xi .. b_o, as views: writing to one changes `params`."""
    return {f"{ours}{gate}": block for ours, theirs in (("W_x", "W_x"), ("U_", "U_h"), ("b_", "b"))
            for gate, block in zip("ifco", np.split(params[theirs], 4))}


def forward(params, x, state=None, lengths=None, out=None):
    """Run the LSTM over a batch of sequences.

    x        (B, T, D)            inputs
    state    ((B, H), (B, H))     h and c before the first step; None is zero
    lengths  (B,)                 how many steps of each sequence are real; None is all T
    out      a cache              of an earlier pass, needed no more, whose memory is used again
    returns  h (B, T, H), zero beyond each length; the state (h, c) after each sequence's last step; a cache
    errors   ValueError or TypeError for a wrong shape, dtype or length, or a number that is not finite

    >>> params = init(np.random.default_rng(0), D=2, H=3)
    >>> h, (h_T, c_T), cache = forward(params, np.ones((4, 5, 2), np.float32))
    >>> h.shape, c_T.shape, bool((h[:, -1] == h_T).all())
    ((4, 5, 3), (4, 3), True)
    """
    sizes = boundary.params("lstm", params, W_x="4H D", U_h="4H H", b="4H")
    D, H, dtype = sizes["D"], sizes["H"], params["U_h"].dtype
    x, lengths = sequence.inputs(x, lengths, D, dtype)
    h_0, c_0 = boundary.pair("state", state, "(h, c)")
    B, T, _ = x.shape

    shapes = (4 * H, H + D + 1), (T + 1, H + D + 1, B), (T + 1, H, B), (T, 4 * H, B)
    buffers = sequence.buffers(out, dtype, *shapes, (T, H, B), *shapes)
    W, z, cells, gate, tanh_c, half, *_ = buffers  # the last three are for backward
    h, c_prev, c = z[1:, :H], cells[:-1], cells[1:]  # one step on is the same memory: z_{t+1} holds h_t

    blocks = W.reshape(4, H, -1)
    blocks[INSIDE, :, :H] = params["U_h"].reshape(4, H, H)
    blocks[INSIDE, :, H:-1] = params["W_x"].reshape(4, H, D)
    blocks[INSIDE, :, -1] = params["b"].reshape(4, H)
    half[:H], half[H:] = W[:H], W[H:] / 2  # σ(a) = (1 + tanh(a/2)) / 2: one tanh serves all four gates
    z[0, :H] = sequence.initial("state h", h_0, B, H, dtype)
    cells[0] = sequence.initial("state c", c_0, B, H, dtype)
    z[:T, H:-1], z[:, -1] = x.transpose(1, 2, 0), 1

    steps = zip(z, gate, gate.reshape(T, 4, H, B), gate[:, H:], c_prev, c, tanh_c, h)
    for z_t, a, (g, i, f, o), sigma, c_prev_t, c_t, tanh_c_t, h_t in steps:  # views to be filled; g is the article's c̃
        np.tanh(np.matmul(half, z_t, out=a), out=a)  # equation 3: c̃_t
        sigma += 1
        sigma *= 0.5  # i_t, f_t, o_t
        np.multiply(f, c_prev_t, out=c_t)
        c_t += i * g  # equation 2: c_t
        np.multiply(o, np.tanh(c_t, out=tanh_c_t), out=h_t)  # h_t
    state = sequence.final(z[:, :H], lengths), sequence.final(cells, lengths)
    return sequence.rows(h, lengths), state, (lengths, buffers)


def backward(cache, dh, dstate=None):
    """Backpropagation through time.

    dh       (B, T, H)            dLoss/dh from outside, at every step; None is zero
    dstate   ((B, H), (B, H))     dLoss/d(final h and c); None, whole or in part, is zero
    returns  grads like params, dx (B, T, D), the gradients of the initial state (dh, dc)

    With a for the argument of a σ or tanh, σ' = s (1 - s) and tanh' = 1 - s² from their own outputs s:

        (B1)  dh_t = dh_t from outside + the h rows of dz_{t+1}              h_t is used twice: outside, and by step t+1
        (B2)  dc_t = dc_{t+1} ⊙ f_{t+1} + dh_t ⊙ o_t ⊙ (1 - tanh²(c_t))      and so is c_t: by equation 2, and by h_t
        (B3)  da_i = dc_t ⊙ c̃_t ⊙ i_t (1 - i_t)
        (B4)  da_f = dc_t ⊙ c_{t-1} ⊙ f_t (1 - f_t)
        (B5)  da_c = dc_t ⊙ i_t ⊙ (1 - c̃_t²)
        (B6)  da_o = dh_t ⊙ tanh(c_t) ⊙ o_t (1 - o_t)
        (B7)  dz_t = Wᵀ da_t                                                 its rows are dh_{t-1}, dx_t and unused
        (B8)  dW   = Σ_t da_t z_tᵀ                                           its columns are dU_h, dW_x and db

    From dc_{t+1} to dc_t leads only a product with f: where f is near 1 the gradient neither vanishes nor explodes.
    """
    lengths, (W, z, cells, gate, tanh_c, _, dz, dcells, da) = cache
    (T, H, B), c_prev = tanh_c.shape, cells[:-1]
    dh_T, dc_T = boundary.pair("dstate", dstate, "(dh, dc)")
    gifo, da_gifo = gate.reshape(T, 4, H, B), da.reshape(T, 4, H, B)
    dh_slots, dc_prev, dc = dz[1:, :H], dcells[:-1], dcells[1:]  # the mirror of h, c_prev and c

    sequence.arrive(dz[:, :H], dh, dh_T, lengths, "dstate h")  # (B1) from outside
    sequence.arrive(dcells, None, dc_T, lengths, "dstate c")
    dz[:, H:] = 0
    dW = np.zeros_like(W)
    for steps in sequence.blocks_from_the_end(T, 4 * H * B):
        # For speed, what does not depend on the loss is done for a block of steps at once: all but dc_t and dh_t.
        g, i, f, o = gifo[steps].swapaxes(0, 1)
        da_g, da_i, da_f, da_o = da_gifo[steps].swapaxes(0, 1)
        np.multiply(g, i * (1 - i), out=da_i)  # (B3)
        np.multiply(c_prev[steps], f * (1 - f), out=da_f)  # (B4)
        np.multiply(i, 1 - g * g, out=da_g)  # (B5): g is the article's c̃
        np.multiply(tanh_c[steps], o * (1 - o), out=da_o)  # (B6)
        shown = o * (1 - tanh_c[steps] * tanh_c[steps])  # (B2)
        through = dh_slots[steps], dc[steps], dc_prev[steps], dz[steps], da[steps], da_gifo[steps, :3], da_o, f, shown
        for dh_t, dc_t, dc_prev_t, dz_t, da_t, da_gif_t, da_o_t, f_t, shown_t in zip(*(a[::-1] for a in through)):
            dc_t += dh_t * shown_t  # (B2)
            da_gif_t *= dc_t  # (B3) (B4) (B5), now whole
            da_o_t *= dh_t  # (B6), now whole
            dz_t += W.T @ da_t  # (B7), and (B1) from step t to h_{t-1}
            dc_prev_t += dc_t * f_t  # (B2) from step t to c_{t-1}
        dW += np.tensordot(da[steps], z[steps], ([0, 2], [0, 2]))  # (B8)
    dW = dW.reshape(4, H, -1)[INSIDE].reshape(4 * H, -1)  # back to the order i, f, c̃, o
    grads = {"W_x": dW[:, H:-1], "U_h": dW[:, :H], "b": dW[:, -1]}
    return grads, dz[:T, H:-1].transpose(2, 0, 1).copy(), (dz[0, :H].T.copy(), dcells[0].T.copy())


def trace(cache):
    """What happened inside a forward pass, for a picture: i, f, g (the article's c̃), o, c and h, each (B, T, H)."""
    lengths, (_, z, cells, gate, *_) = cache
    T, H, B = len(gate), cells.shape[1], cells.shape[2]
    steps = [*gate.reshape(T, 4, H, B).swapaxes(0, 1), cells[1:], z[1:, :H]]
    return {name: sequence.rows(values, lengths) for name, values in zip("gifoch", steps)}
