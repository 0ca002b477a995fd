"""layers/lstm.py in less time: the same equations, parameters and results, see there.

Inside the loop all that a step multiplies is one column, and all weights are one matrix:

    z_t = [h_{t-1}; x_t; 1],    W = [U_h W_x b],    W z_t = U_h h_{t-1} + W_x x_t + b

so a step is one product forward and one backward, and so is the gradient of all weights. Forward, the blocks lie in the
order o, i, f, c̃, with c_{t-1} below them: so the three σ are neighbours, and [i_t; f_t] stands beside [c̃_t; c_{t-1}],
with which equation 2 multiplies it.
"""

import itertools

import numpy as np

from ... import boundary
from .. import lstm, sequence
from . import layout

takes = *lstm.takes, "inference"
init, gates = lstm.init, lstm.gates


def forward(params, x, state=None, lengths=None, inference=False):
    """As lstm.forward. With inference=True it keeps nothing for a backward, and takes less time and memory.

    >>> params = init(np.random.default_rng(0), D=2, H=3)
    >>> x = np.ones((4, 5, 2), np.float32)
    >>> h, state, _ = forward(params, x, inference=True)
    >>> bool(np.allclose(h, lstm.forward(params, x)[0], atol=1e-6))
    True
    """
    sizes = boundary.params("lstm", params, W_x="4H D", U_h="4H H", b="4H")
    D, H, dtype = sizes["D"], sizes["H"], params["U_h"].dtype
    x, lengths = sequence.checked(x, lengths, D, dtype)
    h_init, c_init = boundary.pair("state", state, "(h, c)")
    B, T, _ = x.shape

    # For inference one slot serves all steps, so that it stays in the processor's cache; backward needs every step's.
    slots, each = (1, lambda a: itertools.repeat(a[0])) if inference and lengths is None else (T + 1, iter)
    shapes = (4 * H, H + D + 1), (T + 1, H + D + 1, B), (slots, 5 * H, B), (slots, H, B), (2 * H, B)
    W, z, gates, tanh_c, summands = (np.empty(shape, dtype) for shape in shapes)
    h, c = z[1:, :H], gates[:, 4 * H:]  # z_{t+1} holds h_t, and the slot of t+1 holds c_t
    i_g, f_c = summands[:H], summands[H:]  # g is the article's c̃

    weights = np.hstack([params["U_h"], params["W_x"], params["b"][:, None]])
    W[:H], W[H:] = weights[3 * H:], weights[:3 * H]  # o, and then i, f, c̃
    one, half = np.array(1, dtype), np.array(0.5, dtype)  # for speed: of a plain number NumPy makes one at every step
    W[:3 * H] *= half  # σ(a) = (1 + tanh(a/2)) / 2: one tanh serves all four gates
    z[0, :H] = _initial("state h", h_init, B, H, dtype)
    c[0] = _initial("state c", c_init, B, H, dtype)
    z[:T, H:-1], z[:, -1] = layout.columns(x), 1

    parts = gates[:, :4 * H], gates[:, :3 * H], gates[:, :H], gates[:, H:3 * H], gates[:, 3 * H:], c[-T:], tanh_c
    for h_t, z_t, a, sigma, o, i_f, g_c, c_t, tanh_c_t in zip(h, z, *map(each, parts)):  # views to be filled
        np.tanh(W.dot(z_t, out=a), out=a)  # equation 3: c̃_t
        sigma += one
        sigma *= half  # o_t, i_t, f_t
        np.multiply(i_f, g_c, out=summands)
        np.add(f_c, i_g, out=c_t)  # equation 2: c_t
        np.multiply(o, np.tanh(c_t, out=tanh_c_t), out=h_t)  # h_t
    state = sequence.final(z[:, :H], lengths), sequence.final(c, lengths)
    return layout.rows(h, lengths), state, (params, lengths, z, gates, tanh_c)


def backward(cache, dh, dstate=None):
    """As lstm.backward, with its (B1) to (B8). (B1), (B7) and (B8) are those of z: dz_t = [U_h W_x]ᵀ da_t."""
    params, lengths, z, gates, tanh_c = _kept(cache)
    (T, K, B), H, dtype = z[1:].shape, tanh_c.shape[1], z.dtype
    dh_T, dc_T = boundary.pair("dstate", dstate, "(dh, dc)")
    dh_slots = sequence.from_outside(dh, dh_T, lengths, z[:, :H], "h")  # (B1) from outside
    dc = np.zeros((H, B), dtype)
    if dc_T is not None:
        dc += boundary.gradient("dstate c", dc_T, (B, H), dtype).T

    W_T = np.hstack([params["U_h"], params["W_x"]], dtype=dtype).T.copy()  # for speed: BLAS is slower with a transpose
    dW, dx = np.zeros((4 * H, K), dtype), np.empty((T, B, K - 1 - H), dtype)
    for steps in _blocks_from_the_end(T, 4 * H * B):
        # What does not depend on the loss is done for a block of steps at once: fewer and larger calls. These are the
        # slopes of a_i, a_f, a_c against dc_t, and those of a_o and c_t against dh_t.
        part = gates[steps]  # o, i, f, g, c_{t-1}; g is the article's c̃
        if lengths is not None:  # beyond its length a sequence's gates are shut: its dc waits there, unchanged
            beyond = sequence.padding(lengths, T)[:, steps].T[:, None]
            part = np.hstack([np.where(beyond, 0, part[:, :2 * H]), np.where(beyond, 1, part[:, 2 * H:3 * H]),
                              part[:, 3 * H:]])
        sigma, o, i, g, tanh = part[:, :3 * H], part[:, :H], part[:, H:2 * H], part[:, 3 * H:4 * H], tanh_c[steps]
        slope_sigma = sigma - sigma * sigma
        slopes = np.empty_like(part)
        np.multiply(slope_sigma[:, H:], part[:, 3 * H:], out=slopes[:, :2 * H])  # (B3) (B4): of [i; f], by [g; c_{t-1}]
        np.multiply(i, 1 - g * g, out=slopes[:, 2 * H:3 * H])  # (B5)
        np.multiply(slope_sigma[:, :H], tanh, out=slopes[:, 3 * H:4 * H])  # (B6)
        np.multiply(o, 1 - tanh * tanh, out=slopes[:, 4 * H:])  # (B2)
        slopes = slopes.reshape(-1, 5, H, B)

        # The last H rows of da are no gradient of an a but what h_t sends to c_t: so one call serves two products.
        da, dz = np.empty_like(slopes), np.empty((len(part), K - 1, B), dtype)
        da_ifco = da.reshape(-1, 5 * H, B)[:, :4 * H]
        through = (dh_slots[1:][steps], dh_slots[:-1][steps], part[:, 2 * H:3 * H], slopes[:, :3], slopes[:, 3:],
                   da[:, :3], da[:, 3:], da[:, 4], da_ifco, dz, dz[:, :H])
        for (dh_t, dh_prev_t, f_t, slopes_ifc, slopes_oh,
             da_ifc, da_oh, dc_from_h, da_t, dz_t, dz_h) in zip(*(a[::-1] for a in through)):  # from the last step
            np.multiply(slopes_oh, dh_t, out=da_oh)  # (B6), and (B2) through h_t
            dc += dc_from_h  # (B2)
            np.multiply(slopes_ifc, dc, out=da_ifc)  # (B3) (B4) (B5)
            W_T.dot(da_t, out=dz_t)  # (B7)
            dh_prev_t += dz_h  # (B1) from step t to h_{t-1}
            dc *= f_t  # (B2) from step t to c_{t-1}
        dW += layout.joined(da_ifco) @ layout.joined(z[steps]).T  # (B8)
        dx[steps] = dz[:, H:].transpose(0, 2, 1)  # (B7)
    grads = {"W_x": dW[:, H:-1].copy(), "U_h": dW[:, :H].copy(), "b": dW[:, -1].copy()}
    return grads, dx.transpose(1, 0, 2), (dh_slots[0].T.copy(), dc.T)


def trace(cache):
    """As lstm.trace."""
    _, lengths, z, gates, tanh_c = _kept(cache)
    T, H, B = len(z) - 1, *tanh_c.shape[1:]
    o, i, f, g, _ = gates[:T].reshape(T, 5, H, B).swapaxes(0, 1)
    inside = {"i": i, "f": f, "g": g, "o": o, "c": gates[1:, 4 * H:], "h": z[1:, :H]}
    return {name: layout.rows(values, lengths) for name, values in inside.items()}


def _kept(cache):
    """What forward leaves in its cache for backward."""
    params, lengths, z, gates, tanh_c = boundary.cache("fast.lstm", cache, parts=5, has="W_x")
    if len(gates) < len(z):
        raise ValueError("cache is of a forward with inference=True, expected one that kept every step: leave it out")
    return params, lengths, z, gates, tanh_c


def _initial(name, state, B, H, dtype):
    return sequence.slots(name, state, 0, H, B, dtype)[0]


def _blocks_from_the_end(T, step_size):
    """Slices of range(T), the last first: 2**17 numbers, half a megabyte that stays in cache, but at least 4 steps."""
    length = max(4, 2**17 // step_size)
    return [slice(max(0, stop - length), stop) for stop in range(T, 0, -length)]
