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

so a step is one product forward and one backward, and so is the gradient of all weights. Forward, the blocks lie in the
order o, i, f, c̃, with c_{t-1} below them: so the three σ are neighbours, and [i_t; f_t] stands beside [c̃_t; c_{t-1}],
with which equation 2 multiplies it.
"""

import itertools

import numpy as np

from .. import boundary
from . import sequence


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


def forward(params, x, state=None, lengths=None, inference=False, out=None):
    """Run the LSTM over a batch of sequences.

    x          (B, T, D)            inputs
    state      ((B, H), (B, H))     h and c before the first step; None is zero
    lengths    (B,)                 how many steps of each sequence are real; None is all T
    inference                       True: less time and memory, and a cache that backward cannot use
    out        a cache              of an earlier pass, needed no more, whose memory is used again
    returns    h (B, T, H), zero beyond each length; the state (h, c) after each sequence's last step; a cache
    errors     ValueError or TypeError for a wrong shape, dtype or length, or a number that is not finite

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

    # For inference one slot serves all steps, so that it stays in the processor's cache; backward needs every step's.
    slots, each = (1, lambda a: itertools.repeat(a[0])) if inference and lengths is None else (T + 1, iter)
    shapes = (4 * H, H + D + 1), (T + 1, H + D + 1, B), (slots, 5 * H, B), (slots, H, B), (2 * H, B)
    buffers = sequence.buffers(out, dtype, *shapes)
    W, z, gates, tanh_c, summands = buffers
    h, c = z[1:, :H], gates[:, 4 * H:]  # z_{t+1} holds h_t, and the slot of t+1 holds c_t
    i_g, f_c = summands[:H], summands[H:]  # g is the article's c̃

    weights = np.hstack([params["U_h"], params["W_x"], params["b"][:, None]])
    W[:H], W[H:] = weights[3 * H:], weights[:3 * H]  # o, and then i, f, c̃
    one, half = np.array(1, dtype), np.array(0.5, dtype)  # for speed: of a plain number NumPy makes one at every step
    W[:3 * H] *= half  # σ(a) = (1 + tanh(a/2)) / 2: one tanh serves all four gates
    z[0, :H] = sequence.initial("state h", h_0, B, H, dtype)
    c[0] = sequence.initial("state c", c_0, B, H, dtype)
    z[:T, H:-1], z[:, -1] = sequence.columns(x), 1

    parts = gates[:, :4 * H], gates[:, :3 * H], gates[:, :H], gates[:, H:3 * H], gates[:, 3 * H:], c[-T:], tanh_c
    for h_t, z_t, a, sigma, o, i_f, g_c, c_t, tanh_c_t in zip(h, z, *map(each, parts)):  # views to be filled
        np.tanh(W.dot(z_t, out=a), out=a)  # equation 3: c̃_t
        sigma += one
        sigma *= half  # o_t, i_t, f_t
        np.multiply(i_f, g_c, out=summands)
        np.add(f_c, i_g, out=c_t)  # equation 2: c_t
        np.multiply(o, np.tanh(c_t, out=tanh_c_t), out=h_t)  # h_t
    state = sequence.final(z[:, :H], lengths), sequence.final(c, lengths)
    return sequence.rows(h, lengths), state, (params, lengths, buffers)


def backward(cache, dh, dstate=None):
    """Backpropagation through time.

    dh       (B, T, H)            dLoss/dh from outside, at every step; None is zero
    dstate   ((B, H), (B, H))     dLoss/d(final h and c); None, whole or in part, is zero
    returns  grads like params, dx (B, T, D), the gradients of the initial state (dh, dc)

    With a for the argument of a σ or tanh, σ' = s - s² and tanh' = 1 - s² from their own outputs s:

        (B1)  dh_t = dh_t from outside + the h rows of dz_{t+1}              h_t is used twice: outside, and by step t+1
        (B2)  dc_t = dc_{t+1} ⊙ f_{t+1} + dh_t ⊙ o_t ⊙ (1 - tanh²(c_t))      and so is c_t: by equation 2, and by h_t
        (B3)  da_i = dc_t ⊙ c̃_t ⊙ (i_t - i_t²)
        (B4)  da_f = dc_t ⊙ c_{t-1} ⊙ (f_t - f_t²)
        (B5)  da_c = dc_t ⊙ i_t ⊙ (1 - c̃_t²)
        (B6)  da_o = dh_t ⊙ tanh(c_t) ⊙ (o_t - o_t²)
        (B7)  dz_t = [U_h W_x]ᵀ da_t                                         its rows are dh_{t-1} and dx_t
        (B8)  dW   = Σ_t da_t z_tᵀ                                           its columns are dU_h, dW_x and db

    From dc_{t+1} to dc_t leads only a product with f: where f is near 1 the gradient neither vanishes nor explodes.
    """
    params, lengths, z, gates, tanh_c = _kept(cache)
    (T, K, B), H, dtype = z[1:].shape, tanh_c.shape[1], z.dtype
    dh_T, dc_T = boundary.pair("dstate", dstate, "(dh, dc)")
    dh_slots, dc = np.empty((T + 1, H, B), dtype), np.zeros((H, B), dtype)
    sequence.arrive(dh_slots, dh, dh_T, lengths, "dstate h")  # (B1) from outside
    if dc_T is not None:
        dc += boundary.gradient("dstate c", dc_T, (B, H), dtype).T

    W_T = np.hstack([params["U_h"], params["W_x"]], dtype=dtype).T.copy()  # for speed: BLAS is slower with a transpose
    dW, dx = np.zeros((4 * H, K), dtype), np.empty((T, B, K - 1 - H), dtype)
    for steps in sequence.blocks_from_the_end(T, 4 * H * B):
        # For speed, what does not depend on the loss is done for a block of steps at once, gate by gate: the slope of
        # the gradient of each a against dc_t, or against dh_t for the output gate, and that of dc_t against dh_t.
        o, i, f, g, c_prev = gates[steps].reshape(-1, 5, H, B).swapaxes(0, 1).copy()  # g is the article's c̃
        if lengths is not None:  # beyond its length a sequence's gates are shut: its dc waits there, unchanged
            beyond = sequence.padding(lengths, T)[:, steps].T[:, None]
            o, i, f = np.where(beyond, 0, o), np.where(beyond, 0, i), np.where(beyond, 1, f)
        tanh = tanh_c[steps]
        slope_i = g * (i - i * i)  # (B3)
        slope_f = c_prev * (f - f * f)  # (B4)
        slope_c = i - i * g * g  # (B5)
        slope_o = tanh * (o - o * o)  # (B6)
        shown = o - o * tanh * tanh  # (B2)

        da, dz = np.empty((len(i), 4 * H, B), dtype), np.empty((len(i), K - 1, B), dtype)
        da_ifco = da.reshape(-1, 4, H, B).swapaxes(0, 1)
        through = (dh_slots[1:][steps], dh_slots[:-1][steps], shown, f,
                   slope_i, slope_f, slope_c, slope_o,
                   *da_ifco, da, dz, dz[:, :H])
        for (dh_t, dh_prev_t, shown_t, f_t,
             slope_i_t, slope_f_t, slope_c_t, slope_o_t,
             da_i, da_f, da_c, da_o, da_t, dz_t, dz_h) in zip(*(a[::-1] for a in through)):  # from the last to the first
            dc += dh_t * shown_t  # (B2)
            np.multiply(slope_i_t, dc, out=da_i)  # (B3)
            np.multiply(slope_f_t, dc, out=da_f)  # (B4)
            np.multiply(slope_c_t, dc, out=da_c)  # (B5)
            np.multiply(slope_o_t, dh_t, out=da_o)  # (B6)
            W_T.dot(da_t, out=dz_t)  # (B7)
            dh_prev_t += dz_h  # (B1) from step t to h_{t-1}
            dc *= f_t  # (B2) from step t to c_{t-1}
        dW += da.transpose(1, 0, 2).reshape(4 * H, -1) @ z[steps].transpose(0, 2, 1).reshape(-1, K)  # (B8)
        dx[steps] = dz[:, H:].transpose(0, 2, 1)  # (B7)
    grads = {"W_x": dW[:, H:-1].copy(), "U_h": dW[:, :H].copy(), "b": dW[:, -1].copy()}
    return grads, dx.transpose(1, 0, 2), (dh_slots[0].T.copy(), dc.T)


def trace(cache):
    """What happened inside a forward pass, for a picture: i, f, g (the article's c̃), o, c and h, each (B, T, H)."""
    _, lengths, z, gates, tanh_c = _kept(cache)
    T, H, B = len(z) - 1, *tanh_c.shape[1:]
    o, i, f, g, _ = gates[:T].reshape(T, 5, H, B).swapaxes(0, 1)
    inside = {"i": i, "f": f, "g": g, "o": o, "c": gates[1:, 4 * H:], "h": z[1:, :H]}
    return {name: sequence.rows(values, lengths) for name, values in inside.items()}


def _kept(cache):
    """What forward leaves in its cache for backward."""
    params, lengths, (_, z, gates, tanh_c, _) = cache
    if len(gates) < len(z):
        raise ValueError("cache is of a forward with inference=True, expected one that kept every step: leave it out")
    return params, lengths, z, gates, tanh_c
