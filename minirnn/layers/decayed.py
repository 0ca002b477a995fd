"""Irregularly spaced data: between two steps the state fades, the longer the gap the more.

    γ_t = exp(-max(0, w_γ δ_t + b_γ))           δ_t: the gap before step t, in any unit; one γ for each hidden unit
    h_t = layer([x_t; δ_t], γ_t ⊙ h_{t-1})      the gap is also a feature of its own

A recurrent layer takes its steps for equally spaced. Here the state lets go of what is out of date, before a reading
after a long silence arrives. Each unit learns its rate: at w_γ = 0 it never lets go. `decayed(gru)` is the decay of
hidden states in GRU-D (Che et al. 2018), which also decays missing inputs towards their mean. `decayed(lstm)` decays h
and c.
"""

import numpy as np

from .. import boundary, tree
from . import sequence
from .layer import Layer, name_of


def decayed(layer):
    """A recurrent layer whose state fades with the time between steps.

    init(rng, D, H)                                       {"layer": for D + 1 inputs, "w": (H,), "b": (H,)}
    forward(params, x, gaps, state=None, lengths=None)    x (B, T, D), gaps (B, T) at least 0, the first one since the
                                                          initial state; h (B, T, H), the state, a cache
    backward(cache, dh, dstate=None)                      grads, dx, dgaps, dstate

    One step at a time, so it takes several times as long as the layer alone.

        (B1)  dγ_t    = Σ (the layer's gradient of its initial state) ⊙ h_{t-1}       over h, and the LSTM's c
        (B2)  dh_{t-1} = the same ⊙ γ_t, and dh_{t-1} from outside
        (B3)  da_t    = -dγ_t ⊙ γ_t where a_t = w_γ δ_t + b_γ is above 0, else 0
        (B4)  dw_γ    = Σ_t da_t δ_t,    db_γ = Σ_t da_t
        (B5)  dδ_t    = w_γ · da_t + the layer's gradient of its last feature

    >>> from minirnn import gru
    >>> layer = decayed(gru)
    >>> params = layer.init(np.random.default_rng(0), 2, 3)
    >>> h, state, cache = layer.forward(params, np.ones((4, 5, 2), np.float32), np.ones((4, 5), np.float32))
    >>> h.shape
    (4, 5, 3)
    """
    def init(rng, D, H, dtype=np.float32):
        (rng, H), D = boundary.init(rng, dtype, H=H), boundary.size("D", D, least=0)  # gaps alone serve too
        return {"layer": layer.init(rng, D + 1, H, dtype=dtype),
                "w": rng.uniform(0, 1, H).astype(dtype), "b": np.zeros(H, dtype)}

    def forward(params, x, gaps, state=None, lengths=None):
        boundary.names("decayed", params, {"layer", "w", "b"})
        w, b = params["w"], params["b"]
        H = boundary.params("decayed", {"w": w, "b": b}, w="H", b="H")["H"]
        first = (p for name, p in tree.leaves(params["layer"]) if name.endswith(("W_x", "W_ih")))
        D = next((p.shape[1] - 1 for p in first), "D")  # one less than the layer's, for the gap
        x, lengths = sequence.checked(x, lengths, D, w.dtype)
        gaps = boundary.array("gaps", gaps, x.shape[:2], w.dtype, "the time before each step").copy()
        if (gaps.real < 0).any():
            raise ValueError(f"gaps holds {gaps.min()}, expected no gap below 0: sort the readings by time")
        _, state, _ = layer.forward(params["layer"], np.zeros((len(x), 0, x.shape[2] + 1), w.dtype), state)
        if any(s.shape[1] != H for _, s in tree.leaves(state)):
            raise ValueError(f"params of decayed: w has shape {w.shape}, expected a number for each unit of the layer: "
                             "make them with its init")
        h, steps = np.zeros((*x.shape[:2], len(w)), w.dtype), []
        for t in range(x.shape[1]):
            here = None if lengths is None else (t < lengths).astype(int)  # a sequence that has ended keeps its state
            a = gaps[:, t, None] * w + b
            gamma = np.exp(-np.where(a.real < 0, 0, a))
            if here is not None:
                gamma = np.where(here[:, None], gamma, 1)
            inputs = np.concatenate([x[:, t], gaps[:, t, None]], axis=1)[:, None]
            before, faded = state, tree.map(lambda s: gamma * s, state)
            h_t, state, cache = layer.forward(params["layer"], inputs, faded, here)
            h[:, t] = h_t[:, 0]
            steps.append((before, gamma, a.real > 0, here, cache))
        return h, state, (params, gaps, x.shape, steps)

    def backward(cache, dh, dstate=None):
        params, gaps, shape, steps = boundary.cache("decayed", cache, parts=4, has="layer")
        grads = tree.map(np.zeros_like, params)
        dx, dgaps = np.empty(shape, gaps.dtype), np.empty_like(gaps)
        shape_h = (*shape[:2], len(params["w"]))
        dh = np.zeros(shape_h, gaps.dtype) if dh is None else boundary.gradient("dh", dh, shape_h, gaps.dtype)
        for t in reversed(range(shape[1])):
            before, gamma, fading, here, cache = steps[t]
            g, dinputs, dfaded = layer.backward(cache, dh[:, t:t + 1], dstate)
            grads["layer"] = tree.map(np.add, grads["layer"], g)
            dgamma = sum(d * s for (_, d), (_, s) in zip(tree.leaves(dfaded), tree.leaves(before)))  # (B1)
            dstate = tree.map(lambda d: gamma * d, dfaded)  # (B2)
            da = -dgamma * gamma * fading  # (B3)
            if here is not None:
                da *= here[:, None]
            grads["w"] += gaps[:, t] @ da  # (B4)
            grads["b"] += da.sum(axis=0)  # (B4)
            dx[:, t] = dinputs[:, 0, :-1]
            dgaps[:, t] = da @ params["w"] + dinputs[:, 0, -1]  # (B5)
        return grads, dx, dgaps, dstate

    return Layer(init, forward, backward, 2, ("state", "lengths"), f"decayed({name_of(layer)})")
