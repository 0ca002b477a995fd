"""Multi-head attention: several scaled dot-product attentions side by side, each in a subspace of its own.

    q' = W_q q + b_q,    k' = W_k k + b_k,    v' = W_v v + b_v        each of width D, cut into `heads` equal parts
    context_h = dot(q'_h, k'_h, v'_h)                                  for each head h
    y = W_o [context_1; ..; context_heads] + b_o

One head alone must mix all it looks for into one mean; several can look at different steps. All of it is linear.py
and dot.py, and so is its backward: the same, from right to left.

Source: Vaswani et al. 2017; names and shapes as in PyTorch's nn.MultiheadAttention.
"""

import numpy as np

from ... import boundary
from .. import linear, sequence
from . import dot
from .weights import inputs

takes = ("lengths",)  # see layer.py


def init(rng, D, D_k=None, D_v=None, dtype=np.float32):
    """As linear.init: {"W_q": (D, D), "W_k": (D, D_k), "W_v": (D, D_v), "W_o": (D, D)} and "b_q" to "b_o", each (D,).
    D_k and D_v are D unless given."""
    rng = boundary.generator(rng)
    widths = {"q": D, "k": D if D_k is None else D_k, "v": D if D_v is None else D_v, "o": D}
    return _flat({name: linear.init(rng, width, D, dtype=dtype) for name, width in widths.items()})


def forward(params, q, k, v, lengths=None, causal=False, heads=1):
    """q (B, Tq, D), k (B, T, D_k), v (B, T, D_v) to y (B, Tq, D), weights (B, heads, Tq, T), and a cache."""
    sizes = boundary.params("multi_head", params, W_q="D D", W_k="D K", W_v="D V", W_o="D D", b_q="D", b_k="D", b_v="D",
                            b_o="D")
    heads = boundary.size("heads", heads)
    if sizes["D"] % heads:
        raise ValueError(f"heads is {heads}, expected a divisor of the width {sizes['D']}: each head has an equal part")
    q, k, v = inputs(q, k, v, params["W_q"].dtype, sizes["D"], sizes["K"], sizes["V"])
    projected = [linear.forward(_of(params, name), x) for name, x in (("q", q), ("k", k), ("v", v))]
    if lengths is not None:
        lengths = np.repeat(sequence.check_lengths(lengths, *k.shape[:2]), heads)
    context, weights, seen = dot.forward({}, *(_split(x, heads) for x, _ in projected), lengths, causal)
    y, read_out = linear.forward(_of(params, "o"), _join(context, heads))
    weights = weights.reshape(len(q), heads, *weights.shape[1:])
    return y, weights, ([cache for _, cache in projected], seen, read_out, heads)


def backward(cache, dy, dweights=None):
    """dy (B, Tq, D), and dweights (B, heads, Tq, T) or None, to grads, dq, dk and dv.

        (B1)  dcontext, dW_o, db_o  from dy, through linear.py
        (B2)  dq'_h, dk'_h, dv'_h   from dcontext_h, through dot.py
        (B3)  dq, dW_q, db_q        from dq', through linear.py; likewise k and v
    """
    projections, seen, read_out, heads = boundary.cache("multi_head", cache, parts=4)
    grads = {}
    grads["o"], dcontext = linear.backward(read_out, dy)  # (B1)
    if dweights is not None:
        N, *sizes = seen[3].shape  # of the weights of all heads, one after the other
        dweights = boundary.gradient("dweights", dweights, (N // heads, heads, *sizes), dcontext.dtype)
        dweights = dweights.reshape(N, *sizes)
    _, *dprojected = dot.backward(seen, _split(dcontext, heads), dweights)  # (B2)
    dinputs = []
    for name, cache, dx in zip("qkv", projections, dprojected):
        grads[name], dinput = linear.backward(cache, _join(dx, heads))  # (B3)
        dinputs.append(dinput)
    return _flat(grads), *dinputs


def _split(x, heads):
    """(B, T, D) to (B · heads, T, D / heads): each head like a sequence of its own."""
    B, T, D = x.shape
    return x.reshape(B, T, heads, D // heads).swapaxes(1, 2).reshape(B * heads, T, D // heads)


def _join(x, heads):
    """The mirror of _split."""
    N, T, D = x.shape
    return x.reshape(N // heads, heads, T, D).swapaxes(1, 2).reshape(N // heads, T, heads * D)


def _of(params, name):
    return {"W": params[f"W_{name}"], "b": params[f"b_{name}"]}


def _flat(parts):
    return {f"{part}_{name}": p[part] for name, p in parts.items() for part in ("W", "b")}
