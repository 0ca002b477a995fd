"""Attention: each query takes a weighted mean of the values, with weights that depend on how well it fits the keys.

    w_ij = softmax_j(score(q_i, k_j)),    context_i = Σ_j w_ij v_j

The layers differ in their score alone: `dot`, `additive`, and `multi_head`, which is several of the first side by side.
They share one signature; queries, keys and values are inputs of their own, and the weights are an output too:

    context, weights, cache = layer.forward(params, q, k, v, lengths=None, causal=False)
    grads, dq, dk, dv       = layer.backward(cache, dcontext, dweights=None)

    q (B, Tq, Dq), k (B, T, Dk), v (B, T, Dv), context (B, Tq, Dv), weights (B, Tq, T)
    lengths (B,)    how many keys of each sequence are real: the others get weight 0; a query without any, context 0
    causal          query i sees keys 0 .. i only

Self-attention is q = k = v: `compose.self_attention`.
"""

from . import additive, dot, multi_head

__all__ = ["additive", "dot", "multi_head"]
