"""The gradient check is itself checked: it must reject every classic bug, put into the source one at a time."""

import inspect
import types

import numpy as np
import pytest

from helpers import (CLASSES, IDS, LENGTHS, MASK, NOT_EMPTY, NUMBERS, B, D, H, K, T, V, arrange, assert_same, big,
                     each_method, generator, like, normal)
from minirnn import compose, embedding, fast, gradcheck, gru, linear, losses, lstm, rnn, tree
from minirnn.activations import softmax
from minirnn.layers import decayed, dropout, layer, sequence
from minirnn.layers.attention import additive, dot, multi_head, weights
from minirnn.layers.fast import layout
from minirnn.layers.normalize import batch_norm, layer_norm, layer_norm_lstm
from minirnn.models import encoder_decoder


def copy_of(module, right="", wrong=""):
    """The module, or a copy of it, made again from its source, with the right text replaced by the wrong one."""
    source = vars(module).get("SOURCE") or inspect.getsource(module)
    if right:
        if (count := source.count(right)) != 1:
            pytest.fail(f"{module.__name__} has this {count} times, expected once: {right}", pytrace=False)
        source = source.replace(right, wrong)
    copy = types.ModuleType(module.__name__)
    copy.__package__, copy.SOURCE = module.__package__, source
    exec(source, vars(copy))
    return copy


def on(part, layer):
    """A copy of the layer that stands on this copy of a module: wherever it imports that, or functions out of it."""
    layer = copy_of(layer)
    for name, value in list(vars(layer).items()):
        if getattr(value, "__module__", None) == part.__name__ and hasattr(value, "__name__"):
            setattr(layer, name, vars(part)[value.__name__])
        elif isinstance(value, types.ModuleType) and value.__name__ == part.__name__:
            setattr(layer, name, part)
    return layer


def given(layer, sizes, *inputs, **settings):
    """The layer, big parameters, these inputs and settings: for layers that take other than x and a state."""
    return layer, big(generator(), layer, *sizes), inputs, settings


def attend(layer, *sizes, width=D, lengths=(3, 2), **settings):
    """Attention to queries, keys and values of one shape, so that one taken for another is not just a wrong shape."""
    q, k, v = normal(generator(4), 3, len(lengths), max(lengths), width)
    return given(layer, sizes, q, k, v, lengths=np.array(lengths), **settings)


def batch(layer, **settings):
    """Batch normalization, with a running variance above 0, and running averages that stay as they are."""
    layer, params, *rest = given(layer, [D], X, momentum=0.0, **settings)
    return layer, params | {"var": 0.5 + params["var"]**2}, *rest


def drop(layer, *sizes, **settings):
    """While training, with one mask at every call: a seed draws the same again."""
    return arrange(compose.with_settings(layer, rng=1, training=True), *sizes, **settings)


def irregular(layer, state):
    """A recurrent layer of two units, and gaps between the steps."""
    return given(layer, [D, 2], X_FEW, GAPS_FEW, state, lengths=FEW)


def translate(module, attention):
    """An encoder-decoder whose two sides have the same sizes: three words, widths of D."""
    return given(module.EncoderDecoder(attention, rnn), [3, 3, D, D], (IDS % 3, CLASSES[:, :3] % 3), lengths=LENGTHS)


def read_out(loss, target):
    return compose.with_loss(compose.chain(linear), loss, target, MASK)


# Not from generator(1), as the upstream gradients are: where dy is x, the dx of a normalization is 0, and hides much.
X, WIDE = normal(generator(4), B, T, D), normal(generator(4), B, T, H)
FEW = np.array([3, 1])  # where a check takes long: two sequences of at most three steps
X_FEW, GAPS_FEW, STATE_FEW = X[:2, :3], generator(4).uniform(0.1, 2, (2, 3)), normal(generator(5), 2, 2, 2)
SHORT_BLOCKS = copy_of(fast.lstm, "max(4, 2**17 // step_size)", "3")  # T is 4: so there are two

# What is checked: the module that has the bug, and a layer, parameters, inputs and settings that use a copy of it.
SUBJECTS = {
    "rnn": (rnn, lambda copy: arrange(copy, D, H)),
    "rnn with sigmoid": (rnn, lambda copy: arrange(copy, D, H, activation="sigmoid")),
    "rnn with lengths": (rnn, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "lstm": (lstm, lambda copy: arrange(copy, D, 3, x=X_FEW)),
    "lstm with lengths": (lstm, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "fast.lstm": (fast.lstm, lambda copy: arrange(copy, D, 3, x=X_FEW)),
    "fast.lstm with lengths": (fast.lstm, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "fast.lstm in blocks": (SHORT_BLOCKS, lambda copy: arrange(copy, D, H)),
    "layout": (layout, lambda copy: arrange(on(copy, fast.lstm), D, H)),
    "fast.rnn": (fast.rnn, lambda copy: arrange(copy, D, H)),
    "fast.gru": (fast.gru, lambda copy: arrange(copy, D, H)),
    "gru": (gru, lambda copy: arrange(copy, D, 3, x=X_FEW)),
    "gru with lengths": (gru, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "sequence": (sequence, lambda copy: arrange(on(copy, rnn), D, H, lengths=LENGTHS)),
    "sequence, equal lengths": (sequence, lambda copy: arrange(on(copy, rnn), D, H)),
    "linear": (linear, lambda copy: arrange(copy, D, K, activation="sigmoid")),
    "embedding": (embedding, lambda copy: arrange(copy, V, D, x=IDS)),
    "attention weights": (weights, lambda copy: attend(on(copy, dot), lengths=(3, 0, 2), causal=True)),
    "dot": (dot, lambda copy: attend(copy)),
    "dot as self-attention": (dot, lambda copy: given(compose.self_attention(copy), [], X, lengths=LENGTHS)),
    "additive": (additive, lambda copy: attend(copy, D)),
    "multi_head": (multi_head, lambda copy: attend(copy, 4, width=4, heads=2)),
    "multi_head, one head": (multi_head, lambda copy: attend(copy, 4, width=4)),
    "layer_norm": (layer_norm, lambda copy: arrange(copy, H, x=WIDE)),
    "batch_norm": (batch_norm, lambda copy: batch(copy, training=True, lengths=LENGTHS)),
    "batch_norm, equal lengths": (batch_norm, lambda copy: batch(copy, training=True)),
    "batch_norm, running": (batch_norm, lambda copy: batch(copy, lengths=LENGTHS)),
    "layer_norm_lstm": (layer_norm_lstm, lambda copy: arrange(copy, D, 3, x=X[:2, :2], lengths=np.array([2, 1]))),
    "dropout": (dropout, lambda copy: drop(copy)),
    "dropout through time": (dropout, lambda copy: drop(copy, same_through_time=True)),
    "decayed": (decayed, lambda copy: irregular(copy.decayed(rnn), STATE_FEW[0])),
    "decayed lstm": (decayed, lambda copy: irregular(copy.decayed(lstm), tuple(STATE_FEW))),
    "mse": (losses, lambda copy: arrange(read_out(copy.mse, NUMBERS), D, K)),
    "cross-entropy": (losses, lambda copy: arrange(read_out(copy.cross_entropy, CLASSES), D, K)),
    "chain": (compose, lambda copy: arrange(copy.chain(rnn, rnn, linear), D, H, H, K)),
    "chain's layers": (layer, lambda copy: arrange(on(copy, compose).chain(rnn, linear), D, H, K)),
    "last step": (compose, lambda copy: arrange(copy.last_step, lengths=NOT_EMPTY)),
    "both ends": (compose, lambda copy: arrange(
        copy.both_ends, x=normal(generator(4), B, T, 4), lengths=NOT_EMPTY)),
    "with_loss": (compose, lambda copy: arrange(
        copy.with_loss(copy.chain(lstm, linear), losses.mse, NUMBERS), D, H, K)),
    "stack": (compose, lambda copy: drop(copy.stack(rnn, 2, dropout=0.5), D, D)),
    "bidirectional": (compose, lambda copy: arrange(copy.bidirectional(rnn), D, 4, lengths=LENGTHS)),
    "bidirectional, equal lengths": (compose, lambda copy: arrange(copy.bidirectional(rnn), D, 4)),
    "residual": (compose, lambda copy: arrange(copy.residual(rnn), D, D)),
    "self_attention": (compose, lambda copy: given(copy.self_attention(dot), [], X, lengths=LENGTHS)),
    "attention_pooling": (compose, lambda copy: arrange(copy.attention_pooling(additive), D, lengths=NOT_EMPTY)),
    "with_dropout": (compose, lambda copy: drop(copy.with_dropout(rnn, 0.5), D, H)),
    "with_dropout, not training": (compose, lambda copy: arrange(copy.with_dropout(rnn, 0.5), D, H)),
    "tied": (compose, lambda copy: arrange(copy.tied(copy.chain(embedding, rnn, linear)), V, D, D, V, x=IDS)),
    "encoder-decoder": (encoder_decoder, lambda copy: translate(copy, additive)),
}

# The bug in words, the text that is right, the text that is wrong.
BUGS = {
    "rnn": [
        ("U_h not transposed", "U_h.T @ da", "U_h @ da"),
        ("no dh_next", "dh_prev[t] += U_h.T @ da", "pass"),
        ("dh_next replaces dh from outside", "dh_prev[t] += U_h.T", "dh_prev[t] = U_h.T"),
        ("dh_next without tanh'", "U_h.T @ da", "U_h.T @ dh[t]"),
        ("dh_next off by 1 part in 2,000", "U_h.T @ da", "1.0005 * U_h.T @ da"),
        ("dh_next added to a copy", "dh_prev, dh = dh_slots[:-1],", "dh_prev, dh = dh_slots[:-1].copy(),"),
        ("truncated after two steps", "U_h.T @ da", "(t != len(x) - 2) * U_h.T @ da"),
        ("clipped on the way", "da = dh[t] *", "da = dh[t].clip(-1, 1) *"),
        ("normalized on the way", "da = dh[t] *", "da = dh[t] / np.linalg.norm(dh[t]) *"),
        ("stops before the first step", "for t in reversed(range(len(x)))",
         "dx[0] = 0\n    for t in reversed(range(1, len(x)))"),
        ("walks forward in time", "reversed(range(len(x)))", "range(len(x))"),
        ("da_t from dh_{t-1}", "da = dh[t] *", "da = dh_prev[t] *"),
        ("the views of the slots swapped", "dh_prev, dh = dh_slots", "dh, dh_prev = dh_slots"),
        ("h_t for h_{t-1} in dU_h", "da @ h_prev[t].T", "da @ h[t].T"),
        ("dU_h without the first step", "da @ h_prev[t].T", "(t > 0) * da @ h_prev[t].T"),
        ("dU_h of the first step only: assigned, not added", "dU_h += da", "dU_h = da"),
        ("dU_h transposed", "da @ h_prev[t].T", "h_prev[t] @ da.T"),
        ("dU_h of one sequence", "da @ h_prev[t].T", "da[:, :1] @ h_prev[t, :, :1].T"),
        ("dU_h starts from the weights, not from zeros", "np.zeros_like(U_h)", "U_h.copy()"),
        ("the weights as scratch", "np.zeros_like(U_h)", "U_h"),
        ("dW_ih meets a later x", "da @ x[t].T", "da @ x[(t + 1) % len(x)].T"),
        ("dW_ih of the first step only: assigned, not added", "dW_ih += da", "dW_ih = da"),
        ("dW_ih off by 1 part in 2,000", "da @ x[t].T", "1.0005 * da @ x[t].T"),
        ("db_h the mean over the batch", "da.sum(axis=1)", "da.mean(axis=1)"),
        ("db_h of the last step only", "db_h += da", "db_h += (t == len(x) - 1) * da"),
        ("db_h of the first step only: assigned, not added", "db_h += da", "db_h = da"),
        ("dx without the recurrent path", "dx[t] = W_ih.T @ da",
         "later = U_h.T @ da_later if t + 1 < len(x) else 0\n"
         "        dx[t], da_later = W_ih.T @ ((dh[t] - later) * phi_prime_from(h[t])), da"),
        ("dx without tanh'", "W_ih.T @ da", "W_ih.T @ dh[t]"),
        ("dx in the memory of x", "np.empty_like(x)", "x"),
        ("tanh' is 1 - h", "1 - h**2", "1 - h"),
        ("tanh' fed its own output", "1 - h**2", "1 - np.tanh(h)**2"),
        ("tanh' forgotten", "1 - h**2", "np.ones_like(h)"),
        ("tanh' from h_{t-1}", "phi_prime_from(h[t])", "phi_prime_from(h_prev[t])"),
        ("sigmoid' for tanh'", "1 - h**2", "h * (1 -  h)"),
        ("no gradient from the final state", "dh, dstate, lengths", "dh, None, lengths"),
        ("no gradient from outside", "dh, dstate, lengths", "None, dstate, lengths"),
        ("no gradient of the initial state", "dh_slots[0].T.copy()", "np.zeros_like(dh_slots[0].T)"),
        ("the gradient of h_0 for that of h_{-1}", "dh_slots[0].T.copy()", "dh_slots[1].T.copy()"),
        ("the gradient of the final state for that of the initial", "dh_slots[0].T.copy()", "dh_slots[-1].T.copy()"),
        ("all zeros", "da = dh[t]", "da = 0 * dh[t]"),
        ("computed in float32", "dh[t] * phi_prime_from(h[t])", "(dh[t] * phi_prime_from(h[t])).astype(np.float32)"),
        ("the cache as scratch", "da = dh[t] * phi_prime_from(h[t])",
         "h[t] = phi_prime_from(h[t])\n        da = dh[t] * h[t]"),
        ("a gradient missing", ', "b_h": db_h', ""),
    ],
    "rnn with sigmoid": [
        ("sigmoid' forgotten", "h * (1 - h)),", "np.ones_like(h)),"),
        ("sigmoid' fed its own output", "h * (1 - h)),", "sigmoid(h) * (1 - sigmoid(h))),"),
        ("tanh' for sigmoid'", "phi_prime_from = ACTIVATIONS[activation]", 'phi_prime_from = ACTIVATIONS["tanh"]'),
    ],
    "rnn with lengths": [
        ("lengths ignored", "dh, dstate, lengths", "dh, dstate, None"),
    ],
    "lstm": [
        ("U_i .. U_o not transposed", "U_h.T @ da",
         "sum(U @ da_k for U, da_k in zip(np.split(U_h, 4), (da_i, da_f, da_g, da_o)))"),
        ("no dh_next", "dh_prev[t] += U_h.T @ da", "pass"),
        ("dh_next replaces dh from outside", "dh_prev[t] += U_h.T", "dh_prev[t] = U_h.T"),
        ("dh_next without the output gate's part", "U_h.T @ da",
         "U_h.T @ np.concatenate([da_i, da_f, da_g, 0 * da_o])"),
        ("dh_next before da_o is complete", "U_h.T @ da",
         "U_h.T @ np.concatenate([da_i, da_f, da_g, dh[t] * tanh_c])"),
        ("dh_next added to a copy", "dh_prev, dh = dh_slots[:-1],", "dh_prev, dh = dh_slots[:-1].copy(),"),
        ("dh_next off by 1 part in 2,000", "U_h.T @ da", "1.0005 * U_h.T @ da"),
        ("no dc_next", "dc_prev[t] += dc[t] * f[t]", "pass"),
        ("dc_next without the forget gate", "dc_prev[t] += dc[t] * f[t]", "dc_prev[t] += dc[t]"),
        ("dc_next with the forget gate of step t-1", "dc_prev[t] += dc[t] * f[t]", "dc_prev[t] += dc[t] * f[t - 1]"),
        ("dc_next with the input gate for the forget gate", "dc_prev[t] += dc[t] * f[t]", "dc_prev[t] += dc[t] * i[t]"),
        ("dc_next before dc_t is complete", "dc_prev[t] += dc[t] * f[t]",
         "dc_prev[t] += (dc[t] - dh[t] * o[t] * (1 - tanh_c**2)) * f[t]"),
        ("dc_next replaced by what h_t sends", "dc[t] += dh[t]", "dc[t] = dh[t]"),
        ("dc_next added to a copy", "dc_prev, dc = dc_slots[:-1],", "dc_prev, dc = dc_slots[:-1].copy(),"),
        ("dc_next off by 1 part in 2,000", "dc_prev[t] += dc[t]", "dc_prev[t] += 1.0005 * dc[t]"),
        ("dc truncated after two steps", "dc_prev[t] += dc[t]", "dc_prev[t] += (t != len(x) - 2) * dc[t]"),
        ("dh truncated after two steps", "U_h.T @ da", "(t != len(x) - 2) * U_h.T @ da"),
        ("dh clipped on the way", "dc[t] += dh[t] *", "dc[t] += dh[t].clip(-1, 1) *"),
        ("stops before the first step", "for t in reversed(range(len(x)))",
         "dx[0] = 0\n    for t in reversed(range(1, len(x)))"),
        ("walks forward in time", "reversed(range(len(x)))", "range(len(x))"),
        ("the views of dc's slots swapped", "dc_prev, dc = dc_slots", "dc, dc_prev = dc_slots"),
        ("nothing from h_t to c_t", "dc[t] += dh[t] * o[t] * (1 - tanh_c**2)", "pass"),
        ("what h_t sends to c_t comes too late for da_i", "da_i = dc[t]",
         "da_i = (dc[t] - dh[t] * o[t] * (1 - tanh_c**2))"),
        ("what h_t sends to c_t comes too late for da_f", "da_f = dc[t]",
         "da_f = (dc[t] - dh[t] * o[t] * (1 - tanh_c**2))"),
        ("what h_t sends to c_t comes too late for da_g", "da_g = dc[t]",
         "da_g = (dc[t] - dh[t] * o[t] * (1 - tanh_c**2))"),
        ("what h_t sends to c_t added to c_{t-1}'s", "dc[t] += dh[t]", "dc_prev[t] += dh[t]"),
        ("c_t without tanh'", "dh[t] * o[t] * (1 - tanh_c**2)", "dh[t] * o[t]"),
        ("c_t's tanh' is 1 - tanh", "(1 - tanh_c**2)", "(1 - tanh_c)"),
        ("c_t's tanh' fed c_t for its tanh", "(1 - tanh_c**2)", "(1 - c[t]**2)"),
        ("c_t's tanh' fed its own output", "(1 - tanh_c**2)", "(1 - np.tanh(tanh_c)**2)"),
        ("c_t without the output gate", "dh[t] * o[t] * (1 - tanh_c**2)", "dh[t] * (1 - tanh_c**2)"),
        ("o_{t+1} for o_t", "dh[t] * o[t] * (1 - tanh_c**2)", "dh[t] * o[(t + 1) % len(x)] * (1 - tanh_c**2)"),
        ("the tanh of c_{t-1} for that of c_t", "np.tanh(c[t])\n        dc", "np.tanh(c_prev[t])\n        dc"),
        ("da_i from dh_t", "da_i = dc[t]", "da_i = dh[t]"),
        ("da_f from dh_t", "da_f = dc[t]", "da_f = dh[t]"),
        ("da_g from dh_t", "da_g = dc[t]", "da_g = dh[t]"),
        ("da_f from what is left of dc", "da_f = dc[t]", "da_f = dc[t] * f[t]"),
        ("da_f from dc_{t-1}", "da_f = dc[t]", "da_f = dc_prev[t]"),
        ("da_i with o for g", "dc[t] * g[t] * i[t]", "dc[t] * o[t] * i[t]"),
        ("da_i without sigmoid'", " * i[t] * (1 - i[t])", ""),
        ("da_i with half of sigmoid'", " * i[t] * (1 - i[t])", " * (1 - i[t])"),
        ("da_i with tanh'", "i[t] * (1 - i[t])", "(1 - i[t]**2)"),
        ("da_i with sigmoid' fed its own output", "i[t] * (1 - i[t])", "sigmoid(i[t]) * (1 - sigmoid(i[t]))"),
        ("c_t for c_{t-1} in da_f", "dc[t] * c_prev[t]", "dc[t] * c[t]"),
        ("da_f without sigmoid'", " * f[t] * (1 - f[t])", ""),
        ("da_f with f for σ'", "f[t] * (1 - f[t])", "f[t]"),
        ("da_g with f for i", "dc[t] * i[t] * (1 - g", "dc[t] * f[t] * (1 - g"),
        ("da_g with tanh' = 1 - g", "(1 - g[t]**2)", "(1 - g[t])"),
        ("da_g with sigmoid'", "(1 - g[t]**2)", "g[t] * (1 - g[t])"),
        ("da_g with tanh' fed its own output", "(1 - g[t]**2)", "(1 - np.tanh(g[t])**2)"),
        ("da_o with c_t for its tanh", "dh[t] * tanh_c *", "dh[t] * c[t] *"),
        ("da_o without sigmoid'", " * o[t] * (1 - o[t])", ""),
        ("da_o off by 1 part in 2,000", "dh[t] * tanh_c *", "1.0005 * dh[t] * tanh_c *"),
        ("da_o from dc_t", "dh[t] * tanh_c *", "dc[t] * tanh_c *"),
        ("da_o from dc_t as well", "dh[t] * tanh_c *", "dh[t] * dc[t] * tanh_c *"),
        ("gates i and f swapped", "c_slots, i, f, g, o = boundary",
         "c_slots, f, i, g, o = boundary"),
        ("gates g and o swapped", "c_slots, i, f, g, o = boundary",
         "c_slots, i, f, o, g = boundary"),
        ("da_i and da_f swapped", "np.concatenate([da_i, da_f,", "np.concatenate([da_f, da_i,"),
        ("da_g and da_o swapped", "np.concatenate([da_i, da_f, da_g, da_o])",
         "np.concatenate([da_i, da_f, da_o, da_g])"),
        ("blocks in the order o, i, f, c", "np.concatenate([da_i, da_f, da_g, da_o])",
         "np.concatenate([da_o, da_i, da_f, da_g])"),
        ("forward cuts the blocks in the order i, f, o, c", "a_i, a_f, a_g, a_o =", "a_i, a_f, a_o, a_g ="),
        ("h_t for h_{t-1} in dU_h", "da @ h_prev[t].T", "da @ h_slots[t + 1].T"),
        ("c_{t-1} for h_{t-1} in dU_h", "da @ h_prev[t].T", "da @ c_prev[t].T"),
        ("dU_h without the first step", "da @ h_prev[t].T", "(t > 0) * da @ h_prev[t].T"),
        ("dU_h of the last step only", "dU_h += da", "dU_h += (t == len(x) - 1) * da"),
        ("dU_h of the first step only: assigned, not added", "dU_h += da", "dU_h = da"),
        ("dW_x of the first step only: assigned, not added", "dW_x += da", "dW_x = da"),
        ("dW_x meets a later x", "da @ x[t].T", "da @ x[(t + 1) % len(x)].T"),
        ("dW_x clipped in backward", '"W_x": dW_x', '"W_x": dW_x.clip(-0.1, 0.1)'),
        ("dW_x starts from the weights, not from zeros", "np.zeros_like(W_x)", "W_x.copy()"),
        ("db the mean over the batch", "da.sum(axis=1)", "da.mean(axis=1)"),
        ("db of the first step only: assigned, not added", "db += da", "db = da"),
        ("db off by 1 part in 2,000", "da.sum(axis=1)", "1.0005 * da.sum(axis=1)"),
        ("dx of the input gate only", "W_x.T @ da", "np.split(W_x, 4)[0].T @ da_i"),
        ("dx off by 1 part in 2,000", "W_x.T @ da", "1.0005 * W_x.T @ da"),
        ("no gradient from the final h", "dh, dh_final, lengths", "dh, None, lengths"),
        ("no gradient from the final c", "None, dc_final, lengths", "None, None, lengths"),
        ("the final h and c swapped", "dh_final, dc_final = b", "dc_final, dh_final = b"),
        ("dh from outside sent to c too", "None, dc_final, lengths", "dh, dc_final, lengths"),
        ("no gradient of the initial h", "dh_slots[0].T.copy()", "np.zeros_like(dh_slots[0].T)"),
        ("no gradient of the initial c", "dc_slots[0].T.copy()", "np.zeros_like(dc_slots[0].T)"),
        ("the gradient of c_0 for that of c_{-1}", "dc_slots[0].T.copy()", "dc_slots[1].T.copy()"),
        ("the initial h and c swapped", "(dh_slots[0].T.copy(), dc_slots[0].T.copy())",
         "(dc_slots[0].T.copy(), dh_slots[0].T.copy())"),
        ("all zeros", "dh_prev, dh = ", "dh_slots[:], dc_slots[:] = 0, 0\n    dh_prev, dh = "),
        ("the gradient of c in the memory of c", "dc_prev, dc = dc_slots",
         "c_slots[:] = dc_slots\n    dc_prev, dc = c_slots"),
        ("the cache as scratch", "da_o = dh[t] * tanh_c * o[t] * (1 - o[t])",
         "o[t] *= 1 - o[t]\n        da_o = dh[t] * tanh_c * o[t]"),
        ("a gradient missing", ', "b": db}', "}"),
    ],
    "lstm with lengths": [
        ("lengths ignored for h", "dh, dh_final, lengths", "dh, dh_final, None"),
        ("lengths ignored for c", "None, dc_final, lengths", "None, dc_final, None"),
        ("the final c's gradient one step early", "None, dc_final, lengths", "None, dc_final, lengths - 1"),
        ("dc_next replaces the final c's gradient", "dc_prev[t] += dc", "dc_prev[t] = dc"),
        ("what h_t sends replaces the final c's gradient", "dc[t] += dh[t]", "dc[t] = dh[t]"),
    ],
    "fast.lstm": [
        ("blocks not in forward's order o, i, f, c", "weights[3 * H:], weights[:3 * H]", "weights[:H], weights[H:]"),
        ("the a/2 of the gates for the candidate too", "W[:3 * H] *= half", "W *= half"),
        ("da_i, da_f, da_o twice: forward's a/2 forgotten", "sigma - sigma * sigma", "2 * (sigma - sigma * sigma)"),
        ("gates i and o swapped", "sigma, o, i, g, tanh =", "sigma, i, o, g, tanh ="),
        ("c_t for c_{t-1} in da_f", "part[:, 3 * H:], out=", "np.hstack([g, gates[1:, 4 * H:][steps]]), out="),
        ("da_i, da_f, da_g from what is left of dc", "np.multiply(slopes_ifc, dc,",
         "np.multiply(slopes_ifc, dc * f_t,"),
        ("what h_t sends to c_t comes too late for the gates", "slopes_ifc, dc,", "slopes_ifc, dc - dc_from_h,"),
        ("dh_next replaces dh from outside", "dh_prev_t += dz_h", "dh_prev_t[:] = dz_h"),
        ("weights' steps and sequences mixed up", "layout.joined(z[steps]).T",
         "z[steps].transpose(2, 0, 1).reshape(-1, K)"),
        ("no gradient from the final c", "dc += boundary.gradient", "boundary.gradient"),
        ("the cache as scratch", "dc *= f_t", "f_t *= dc; dc[:] = f_t"),
    ],
    "fast.lstm with lengths": [
        ("lengths ignored for h", "dh, dh_T, lengths", "dh, dh_T, None"),
        ("dc fades while it waits", "np.where(beyond, 1, part[:, 2 * H:3 * H])", "part[:, 2 * H:3 * H]"),
        ("dc leaks into the input gate while it waits", "np.where(beyond, 0, part[:, :2 * H])", "part[:, :2 * H]"),
        ("the gates are shut one step early", "sequence.padding(lengths, T)[:", "sequence.padding(lengths - 1, T)[:"),
        ("the gates are shut one step late", "sequence.padding(lengths, T)[:", "sequence.padding(lengths + 1, T)[:"),
    ],
    "fast.lstm in blocks": [
        ("weights of the first block only", "dW += layout", "dW[:] = layout"),
        ("weights of the last block only", "dW += layout", "dW += (steps.stop == T) * layout"),
        ("weights meet z from the first step on", "joined(z[steps])", "joined(z[:len(part)])"),
        ("dx of the first block only", "dx[steps] = dz", "dx[:len(dz)] = dz"),
        ("nothing through h from block to block", "dh_prev_t += dz_h",
         "dh_prev_t += dz_h * (not np.shares_memory(da_t, da[0]))"),
        ("nothing through c from block to block", "dc *= f_t", "dc *= f_t * (not np.shares_memory(f_t, part[0]))"),
        ("steps of the last block only", "stop) for stop in range(T, 0, -length)]", "stop) for stop in [T]]"),
        ("a first block that would start before 0 is empty", "max(0, stop - length)", "stop - length"),
        ("blocks overlap", "max(0, stop - length)", "max(0, stop - length - 1)"),
        ("blocks from the first to the last", "range(T, 0, -length)]", "range(T, 0, -length)][::-1]"),
    ],
    "fast.rnn": [
        ("dh_next replaces dh from outside", "dh_prev_t += U_h.T", "dh_prev_t[:] = U_h.T"),
        ("steps and sequences mixed up", "layout.joined(h_prev).T", "h_prev.transpose(2, 0, 1).reshape(-1, len(U_h))"),
    ],
    "fast.gru": [
        ("du in the memory of da", "du[:] = da", "du = da"),
        ("da without dh_t", "da.reshape(T, 3, H, B)[:] *= dh_slots[:, None]", "pass"),
        ("the a/2 of the gates for the candidate too", "weights[:2 * H] *= half", "weights *= half"),
        ("h_t from z_t ⊙ (n_t - h_{t-1})", "np.subtract(h_prev_t, n, out=h_t)", "np.subtract(n, h_prev_t, out=h_t)"),
    ],
    "gru": [
        ("U_r .. U_n not transposed", "U_h.T @ du",
         "sum(U @ du_k for U, du_k in zip(np.split(U_h, 3), (da_r, da_z, du_n)))"),
        ("no dh_next", "dh_prev[t] += dh[t] * z[t]  # (B1) from step t to h_{t-1}: no matrix on this path\n"
         "        dh_prev[t] += U_h.T @ du", "pass"),
        ("dh_next replaces dh from outside", "dh_prev[t] += dh[t]", "dh_prev[t] = dh[t]"),
        ("what comes through the gates replaces dh_t z_t", "dh_prev[t] += U_h.T", "dh_prev[t] = U_h.T"),
        ("dh_next without dh_t z_t", "dh_prev[t] += dh[t] * z[t]", "pass"),
        ("dh_next through dh_t z_t alone", "dh_prev[t] += U_h.T @ du", "pass"),
        ("dh_next past the reset gate", "U_h.T @ du", "U_h.T @ np.concatenate([0 * da_r, da_z, du_n])"),
        ("dh_next past the update gate", "U_h.T @ du", "U_h.T @ np.concatenate([da_r, 0 * da_z, du_n])"),
        ("dh_next past the candidate", "U_h.T @ du", "U_h.T @ np.concatenate([da_r, da_z, 0 * du_n])"),
        ("dh_next from dv", "U_h.T @ du", "U_h.T @ dv"),
        ("dh_next added to a copy", "dh_prev, dh = dh_slots[:-1],", "dh_prev, dh = dh_slots[:-1].copy(),"),
        ("dh_next off by 1 part in 2,000", "U_h.T @ du", "1.0005 * U_h.T @ du"),
        ("1 - z_t for z_t in dh_next", "dh_prev[t] += dh[t] * z[t]", "dh_prev[t] += dh[t] * (1 - z[t])"),
        ("r_t for z_t in dh_next", "dh_prev[t] += dh[t] * z[t]", "dh_prev[t] += dh[t] * r[t]"),
        ("z_{t-1} for z_t in dh_next", "dh_prev[t] += dh[t] * z[t]", "dh_prev[t] += dh[t] * z[t - 1]"),
        ("dh_t z_t without z_t", "dh_prev[t] += dh[t] * z[t]", "dh_prev[t] += dh[t]"),
        ("dh_t z_t off by 1 part in 2,000", "dh_prev[t] += dh[t]", "dh_prev[t] += 1.0005 * dh[t]"),
        ("truncated after two steps", "U_h.T @ du", "(t != len(x) - 2) * U_h.T @ du"),
        ("clipped on the way", "da_n = dh[t] *", "da_n = dh[t].clip(-1, 1) *"),
        ("walks forward in time", "reversed(range(len(x)))", "range(len(x))"),
        ("stops before the first step", "for t in reversed(range(len(x)))",
         "dx[0] = 0\n    for t in reversed(range(1, len(x)))"),
        ("the views of the slots swapped", "dh_prev, dh = dh_slots", "dh, dh_prev = dh_slots"),
        ("forward resets before the product, as Cho et al. do", "v_n + r[t] * u_n",
         "v_n + U_h[2 * H:] @ (r[t] * h_prev[t]) + b_h[2 * H:]"),
        ("dU_n as if reset before the product", "du @ h_prev[t].T",
         "np.concatenate([np.concatenate([da_r, da_z]) @ h_prev[t].T, da_n @ (r[t] * h_prev[t]).T])"),
        ("du without r on n", "du_n = da_n * r[t]", "du_n = da_n"),
        ("du with r on z and n", "np.concatenate([da_r, da_z, du_n])", "np.concatenate([da_r, da_z * r[t], du_n])"),
        ("du with r on r instead of n", "np.concatenate([da_r, da_z, du_n])",
         "np.concatenate([da_r * r[t], da_z, da_n])"),
        ("du with r of the step before", "du_n = da_n * r[t]", "du_n = da_n * r[t - 1]"),
        ("z for r in du", "du_n = da_n * r[t]", "du_n = da_n * z[t]"),
        ("du_n in the memory of da_n", "du_n = da_n * r[t]", "du_n = da_n; du_n *= r[t]"),
        ("z for 1 - z in da_n", "dh[t] * (1 - z[t]) * (1 - n", "dh[t] * z[t] * (1 - n"),
        ("da_n without 1 - z", "dh[t] * (1 - z[t]) * (1 - n", "dh[t] * (1 - n"),
        ("da_n without tanh'", " * (1 - n[t]**2)", ""),
        ("da_n with tanh' = 1 - n", "(1 - n[t]**2)", "(1 - n[t])"),
        ("da_n with sigmoid'", "(1 - n[t]**2)", "n[t] * (1 - n[t])"),
        ("da_n with tanh' fed its own output", "(1 - n[t]**2)", "(1 - np.tanh(n[t])**2)"),
        ("da_n off by 1 part in 2,000", "da_n = dh[t]", "da_n = 1.0005 * dh[t]"),
        ("da_z with the sign of n - h_{t-1}", "(h_prev[t] - n[t])", "(n[t] - h_prev[t])"),
        ("da_z without h_{t-1}", "(h_prev[t] - n[t])", "-n[t]"),
        ("da_z without n", "(h_prev[t] - n[t])", "h_prev[t]"),
        ("h_t for h_{t-1} in da_z", "(h_prev[t] - n[t])", "(h_slots[t + 1] - n[t])"),
        ("da_z without sigmoid'", " * z[t] * (1 - z[t])  # (B3)", ""),
        ("da_z with tanh'", "z[t] * (1 - z[t])  # (B3)", "(1 - z[t]**2)"),
        ("da_z with sigmoid' fed its own output", "z[t] * (1 - z[t])  # (B3)", "sigmoid(z[t]) * (1 - sigmoid(z[t]))"),
        ("da_r from dh_t", "da_n * u_n", "dh[t] * u_n"),
        ("da_r without tanh'", "da_n * u_n", "dh[t] * (1 - z[t]) * u_n"),
        ("da_r from du_n", "da_n * u_n", "da_n * r[t] * u_n"),
        ("n for u_n in da_r", "da_n * u_n", "da_n * n[t]"),
        ("h_{t-1} for u_n in da_r", "da_n * u_n", "da_n * h_prev[t]"),
        ("u_z for u_n in da_r", "_, _, u_n = np.split", "_, u_n, _ = np.split"),
        ("u_n without its bias", "da_n * u_n", 'da_n * (u_n - params["b_h"][-len(u_n):, None])'),
        ("da_r without sigmoid'", " * r[t] * (1 - r[t])", ""),
        ("da_r with tanh'", "r[t] * (1 - r[t])", "(1 - r[t]**2)"),
        ("da_r off by 1 part in 2,000", "da_n * u_n", "1.0005 * da_n * u_n"),
        ("da_n without dh_t", "da_n = dh[t] * ", "da_n = "),
        ("da_z without dh_t", "da_z = dh[t] * ", "da_z = "),
        ("da_n from dh_{t-1}", "da_n = dh[t]", "da_n = dh_prev[t]"),
        ("da_z from dh_{t-1}", "da_z = dh[t]", "da_z = dh_prev[t]"),
        ("gates r and z swapped", "h_slots, r, z, n, u = boundary", "h_slots, z, r, n, u = boundary"),
        ("da_r and da_z swapped in dv", "np.concatenate([da_r, da_z, da_n])", "np.concatenate([da_z, da_r, da_n])"),
        ("da_r and da_z swapped in du", "np.concatenate([da_r, da_z, du_n])", "np.concatenate([da_z, da_r, du_n])"),
        ("blocks in the order n, r, z", "np.concatenate([da_r, da_z, da_n])", "np.concatenate([da_n, da_r, da_z])"),
        ("forward cuts the blocks in the order z, r, n", "v_r, v_z, v_n = np.split", "v_z, v_r, v_n = np.split"),
        ("dW_x from du", "dv @ x[t].T", "du @ x[t].T"),
        ("dW_x meets a later x", "dv @ x[t].T", "dv @ x[(t + 1) % len(x)].T"),
        ("dW_x of the first step only: assigned, not added", "dW_x += dv", "dW_x = dv"),
        ("dW_x off by 1 part in 2,000", "dv @ x[t].T", "1.0005 * dv @ x[t].T"),
        ("dU_h from dv", "du @ h_prev[t].T", "dv @ h_prev[t].T"),
        ("h_t for h_{t-1} in dU_h", "du @ h_prev[t].T", "du @ h_slots[t + 1].T"),
        ("dU_h without the first step", "du @ h_prev[t].T", "(t > 0) * du @ h_prev[t].T"),
        ("dU_h of the first step only: assigned, not added", "dU_h += du", "dU_h = du"),
        ("b_x from du", "db_x += dv", "db_x += du"),
        ("b_h from dv", "db_h += du", "db_h += dv"),
        ("b_x and b_h swapped", '"b_x": db_x, "b_h": db_h', '"b_x": db_h, "b_h": db_x'),
        ("b_h the mean over the batch", "du.sum(axis=1)", "du.mean(axis=1)"),
        ("b_h of the first step only: assigned, not added", "db_h += du", "db_h = du"),
        ("dx from du", "W_x.T @ dv", "W_x.T @ du"),
        ("dx of the candidate only", "W_x.T @ dv", "np.split(W_x, 3)[2].T @ da_n"),
        ("dx off by 1 part in 2,000", "W_x.T @ dv", "1.0005 * W_x.T @ dv"),
        ("no gradient from the final state", "dh, dstate, lengths", "dh, None, lengths"),
        ("no gradient from outside", "dh, dstate, lengths", "None, dstate, lengths"),
        ("no gradient of the initial state", "dh_slots[0].T.copy()", "np.zeros_like(dh_slots[0].T)"),
        ("the gradient of h_0 for that of h_{-1}", "dh_slots[0].T.copy()", "dh_slots[1].T.copy()"),
        ("all zeros", "dh_prev, dh = ", "dh_slots[:] = 0\n    dh_prev, dh = "),
        ("computed in float32", "du = np.concatenate([da_r, da_z, du_n])",
         "du = np.concatenate([da_r, da_z, du_n]).astype(np.float32)"),
        ("the cache as scratch", "da_r = da_n * u_n * r[t] * (1 - r[t])",
         "u_n *= r[t]\n        da_r = da_n * u_n * (1 - r[t])"),
        ("a gradient missing", ', "b_h": db_h', ""),
    ],
    "gru with lengths": [
        ("lengths ignored", "dh, dstate, lengths", "dh, dstate, None"),
    ],
    "sequence": [
        ("the final gradient replaces that from outside", "np.arange(B)] += dfinal", "np.arange(B)] = dfinal"),
        ("the final gradient one step early", "np.full(B, T) if lengths is None else lengths", "lengths - 1"),
        ("the final gradient after the padding", "np.full(B, T) if lengths is None else lengths", "T"),
        ("dh from outside one step early", "dslots[1:] = columns(", "dslots[:-1] = columns("),
        ("gradients on padding count", "dslots[1:].transpose(2, 0, 1)[padding(lengths, T)] = 0", "pass"),
        ("the gradient on the last real step is dropped", "1)[padding(lengths, T)]", "1)[padding(lengths - 1, T)]"),
        ("the gradient on the first padded step counts", "1)[padding(lengths, T)]", "1)[padding(lengths + 1, T)]"),
        ("gradients in the memory of the states", "np.zeros_like(slots)", "slots\n    dslots[:] = 0"),
        ("forward's padding is not zero", "out[padding(lengths, len(steps))] = 0", "pass"),
        ("forward's final state is that after the padding", "if lengths is None:\n        return slots[-1]",
         "if True:\n        return slots[-1]"),
    ],
    "linear": [
        ("sigmoid' forgotten", "da = da * y * (1 - y)", "pass"),
        ("sigmoid' half forgotten", "da = da * y * (1 - y)", "da = da * (1 - y)"),
        ("sigmoid' fed its own output", "da = da * y * (1 - y)", "da = da * sigmoid(y) * (1 - sigmoid(y))"),
        ("dy changed in place", "da = da * y * (1 - y)", "da *= y * (1 - y)"),
        ("dW the mean, not the sum", '"W": da.T @', '"W": 1 / len(y) * da.T @'),
        ("dW off by 1 part in 2,000", '"W": da.T @', '"W": 1.0005 * da.T @'),
        ("db the mean, not the sum", "da.sum(axis=0)", "da.mean(axis=0)"),
        ("db of a shape that broadcasts", "da.sum(axis=0)", "da.sum(axis=0, keepdims=True)"),
        ("db not a number", "da.sum(axis=0)", "da.sum(axis=0) * np.nan"),
        ("dx without sigmoid'", '(da @ params["W"])', '(dy @ params["W"])'),
        ("dx all zeros", '(da @ params["W"])', '(0 * da @ params["W"])'),
        ("gradients add up from call to call", "def backward(cache, dy):",
         "def backward(cache, dy, calls=[]):\n    calls.append(dy)\n    dy = sum(calls)"),
        ("forward changes x", "y = x.reshape", "x *= 2\n    y = x.reshape"),
    ],
    "embedding": [
        ("assigned, not added", "np.add.at(dW, ids,", "dW.__setitem__(ids,"),
        ("added once for each id", "np.add.at(dW, ids, boundary", "dW[ids] += (boundary"),
        ("rows off by one", "np.add.at(dW, ids,", "np.add.at(dW, ids - 1,"),
        ("rows of the batch in reversed order", "np.add.at(dW, ids,", "np.add.at(dW, ids[::-1],"),
        ("steps in reversed order", "np.add.at(dW, ids,", "np.add.at(dW, ids[:, ::-1],"),
        ("id 0 taken for padding", 'return {"W": dW}', 'dW[0] = 0\n    return {"W": dW}'),
        ("the mean over an id's places", 'return {"W": dW}',
         'return {"W": dW / np.bincount(ids.ravel(), minlength=len(W)).clip(1)[:, None]}'),
        ("rows of the ids that occur only", 'return {"W": dW}', 'return {"W": dW[np.unique(ids)]}'),
        ("transposed", 'return {"W": dW}', 'return {"W": dW.T}'),
        ("off by 1 part in 2,000", 'return {"W": dW}', 'return {"W": 1.0005 * dW}'),
        ("all zeros", 'return {"W": dW}', 'return {"W": 0 * dW}'),
        ("starts from the table, not from zeros", "np.zeros_like(W)", "W.copy()"),
        ("the table as scratch", "np.zeros_like(W)", "W; dW[:] = 0"),
        ("laid into memory that holds others", "np.zeros_like(W)", "np.full_like(W, 7)"),
        ("dx as the gradient of the ids", 'return {"W": dW}, None', 'return {"W": dW}, dx'),
    ],
    "attention weights": [
        ("softmax' without the row's sum", "(dweights - (weights * dweights).sum(axis=-1, keepdims=True))", "dweights"),
        ("the sum over the queries, not the keys", "axis=-1", "axis=-2"),
        ("the sum over queries and keys", "axis=-1", "axis=(-1, -2)"),
        ("the mean for the sum", ").sum(axis=-1", ").mean(axis=-1"),
        ("the sum without the weights", "(weights * dweights).sum", "dweights.sum"),
        ("the sum added, not taken off", "(dweights - (weights", "(dweights + (weights"),
        ("the diagonal w (1 - w) alone", "(dweights - (weights * dweights).sum(axis=-1, keepdims=True))",
         "(1 - weights) * dweights"),
        ("the diagonal 1 - w, without w", "return weights * (dweights", "return (dweights"),
        ("with w for dw", "return weights * (dweights", "return weights * (weights"),
        ("off by 1 part in 2,000", "return weights * (", "return 1.0005 * weights * ("),
        ("the sum off by 1 part in 2,000", "(weights * dweights).sum", "(1.0005 * weights * dweights).sum"),
        ("all zeros", "return weights * (", "return 0 * weights * ("),
        ("forward hides padding after the softmax", "softmax(np.where(seen, scores, -1e30))", "softmax(scores)"),
        ("forward takes the mean where no key is real", "np.where(seen, softmax(np.where(seen, scores, -1e30)), 0)",
         "softmax(np.where(seen, scores, -1e30))"),
    ],
    "dot": [
        ("dweights ignored", 'dw += boundary.gradient("dweights", dweights, weights.shape, q.dtype)', "pass"),
        ("dweights replaces what the context sends", 'dw += boundary.gradient("dw', 'dw = boundary.gradient("dw'),
        ("dw with k for v", "dcontext @ v.swapaxes", "dcontext @ k.swapaxes"),
        ("dweights changed in place", 'dw += boundary.gradient("dweights", dweights, weights.shape, q.dtype)',
         "dweights += dw; dw = dweights"),
        ("dv with weights not transposed", "weights.swapaxes(1, 2) @ dcontext", "weights @ dcontext"),
        ("dv without the weights", "weights.swapaxes(1, 2) @ dcontext", "0 * v + dcontext.sum(axis=1, keepdims=True)"),
        ("the softmax skipped", "weigh_backward(weights, dw)", "dw"),
        ("the softmax's diagonal alone", "weigh_backward(weights, dw)", "(weights * (1 - weights) * dw)"),
        ("1/√D forgotten", "scale * weigh_backward", "weigh_backward"),
        ("1/D for 1/√D", "scale * weigh_backward", "scale**2 * weigh_backward"),
        ("√D for 1/√D", "scale * weigh_backward", "1 / scale * weigh_backward"),
        ("1/√D in dq only", "swapaxes(1, 2) @ q", "swapaxes(1, 2) @ q / scale"),
        ("forward without 1/√D", "weigh(scale * (", "weigh(("),
        ("dscores not transposed in dk", "dscores.swapaxes(1, 2) @ q", "dscores @ q"),
        ("dscores transposed in dq", "dscores @ k,", "dscores.swapaxes(1, 2) @ k,"),
        ("dq from q", "dscores @ k,", "dscores @ q,"),
        ("dk from k", "swapaxes(1, 2) @ q", "swapaxes(1, 2) @ k"),
        ("dq and dk swapped", "dscores @ k, dscores.swapaxes(1, 2) @ q", "dscores.swapaxes(1, 2) @ q, dscores @ k"),
        ("dk and dv swapped", "dscores.swapaxes(1, 2) @ q, dv", "dv, dscores.swapaxes(1, 2) @ q"),
        ("dk off by 1 part in 2,000", "dscores.swapaxes(1, 2) @ q", "1.0005 * dscores.swapaxes(1, 2) @ q"),
    ],
    "additive": [
        ("dweights ignored", 'dw += boundary.gradient("dweights", dweights, weights.shape, e.dtype)', "pass"),
        ("the softmax skipped", "weigh_backward(weights, dw)", "dw"),
        ("da without tanh'", ' * (1 - e * e)', ""),
        ("da with tanh' = 1 - e", "(1 - e * e)", "(1 - e)"),
        ("da with tanh' fed its own output", "(1 - e * e)", "(1 - np.tanh(e)**2)"),
        ("da with sigmoid'", "(1 - e * e)", "(e * (1 - e))"),
        ("da without v_a", ' * params["v_a"] *', " *"),
        ("da off by 1 part in 2,000", "(1 - e * e)", "(1.0005 - 1.0005 * e * e)"),
        ("dv_a of one sequence", "np.tensordot(dscores, e, 3)", "np.tensordot(dscores[0], e[0], 2)"),
        ("dv_a of the last query", "np.tensordot(dscores, e, 3)", "np.tensordot(dscores[:, -1], e[:, -1], 2)"),
        ("dv_a the mean over the batch", "np.tensordot(dscores, e, 3)", "np.tensordot(dscores, e, 3) / len(e)"),
        ("dv_a from da", "np.tensordot(dscores, e, 3)", "(da * e).sum(axis=(0, 1, 2))"),
        ("dv_a meets e before its tanh", "np.tensordot(dscores, e, 3)", "np.tensordot(dscores, np.arctanh(e), 3)"),
        ("the sums over queries and keys swapped", "da.sum(axis=2), da.sum(axis=1)", "da.sum(axis=1), da.sum(axis=2)"),
        ("a query meets the last key only", "da.sum(axis=2), da", "da[:, :, -1], da"),
        ("a key meets queries by their mean", "da.sum(axis=1)\n", "da.mean(axis=1)\n"),
        ("dW_q and dW_k swapped", '"W_q": np.tensordot(da_q, q, ([0, 1], [0, 1])),  # (B6)\n             "W_k"',
         '"W_k": np.tensordot(da_q, q, ([0, 1], [0, 1])),\n             "W_q"'),
        ("dW_q transposed", "np.tensordot(da_q, q,", "np.tensordot(q, da_q,"),
        ("dq through W_k, dk through W_q", 'da_q @ params["W_q"], da_k @ params["W_k"]',
         'da_q @ params["W_k"], da_k @ params["W_q"]'),
        ("dk through W_k transposed", 'da_k @ params["W_k"]', 'da_k @ params["W_k"].T'),
    ],
    "multi_head": [
        ("dweights ignored", "heads), dweights)  # (B2)", "heads))"),
        ("dweights the mean over the heads", "dweights.reshape(N",
         "dweights.mean(axis=1, keepdims=True).repeat(heads, axis=1).reshape(N"),
        ("dweights with heads for sequences", "dweights.reshape(N", "dweights.swapaxes(0, 1).reshape(N"),
        ("dcontext cut without the swap of heads and steps", "_split(dcontext, heads)",
         "dcontext.reshape(len(dcontext) * heads, dcontext.shape[1], -1)"),
        ("heads cut from every second number", "x.reshape(B, T, heads, D // heads).swapaxes(1, 2)",
         "x.reshape(B, T, D // heads, heads).transpose(0, 3, 1, 2)"),
        ("heads joined without the swap of heads and steps", "x.reshape(N // heads, heads, T, D).swapaxes(1, 2)", "x"),
        ("heads joined in reversed order", "x.reshape(N // heads, heads, T, D)",
         "x.reshape(N // heads, heads, T, D)[:, ::-1]"),
        ("heads joined from another sequence", "x.reshape(N // heads, heads, T, D).swapaxes(1, 2)",
         "x.reshape(heads, N // heads, T, D).transpose(1, 2, 0, 3)"),
        ("every head gets the first one's gradient", "linear.backward(cache, _join(dx, heads))",
         "linear.backward(cache, np.tile(_join(dx, heads)[..., :dx.shape[2]], heads))"),
        ("dcontext past W_o", 'grads["o"], dcontext = linear.backward(read_out, dy)',
         'grads["o"], dcontext = linear.backward(read_out, dy)[0], dy'),
        ("dq', dk', dv' past W_q, W_k, W_v", "dinputs.append(dinput)", "dinputs.append(_join(dx, heads))"),
        ("dq' and dk' swapped", "projections, dprojected)", "projections, [*dprojected[1::-1], dprojected[2]])"),
        ("dv' and dk' swapped", "projections, dprojected)", "projections, [*dprojected[:1], *dprojected[:0:-1]])"),
        ("the gradients of W_q and W_k swapped", 'zip("qkv",', 'zip("kqv",'),
        ("dk and dv swapped", "return _flat(grads), *dinputs", "return _flat(grads), *[dinputs[i] for i in (0, 2, 1)]"),
        ("dq off by 1 part in 2,000", "return _flat(grads), *dinputs",
         "return _flat(grads), 1.0005 * dinputs[0], *dinputs[1:]"),
        ("dW_o with dcontext for the context", 'linear.backward(read_out, dy)  # (B1)',
         'linear.backward(read_out, dy)\n    grads["o"]["W"] = np.tensordot(dcontext, dy, ([0, 1], [0, 1]))'),
    ],
    "layer_norm": [
        ("γ forgotten", 'dy * params["gamma"]', "dy"),
        ("γ forgotten in the means", "dx_hat - mean(dx_hat) - x_hat * mean(dx_hat * x_hat)",
         "dx_hat - mean(dy) - x_hat * mean(dy * x_hat)"),
        ("divided by γ", 'dy * params["gamma"]', 'dy / params["gamma"]'),
        ("mean and variance taken for constants", "(dx_hat - mean(dx_hat) - x_hat * mean(dx_hat * x_hat))", "dx_hat"),
        ("the mean taken for a constant", "dx_hat - mean(dx_hat) - x_hat", "dx_hat - x_hat"),
        ("the variance taken for a constant", " - x_hat * mean(dx_hat * x_hat)", ""),
        ("the variance's part without x̂", "x_hat * mean(", "mean("),
        ("the variance's part twice", "x_hat * mean(", "2 * x_hat * mean("),
        ("the variance with D - 1", "x_hat * mean(dx_hat * x_hat)",
         "x_hat * (dx_hat * x_hat).sum(axis=-1, keepdims=True) / (dy.shape[-1] - 1)"),
        ("means over the batch, not the features", "a.mean(axis=-1", "a.mean(axis=0"),
        ("means over all steps", "a.mean(axis=-1", "a.mean(axis=(1, 2)"),
        ("sums for means", "a.mean(axis=-1", "a.sum(axis=-1"),
        ("standard deviation forgotten", " / std  # (B4)", ""),
        ("variance for standard deviation", " / std  # (B4)", " / std**2"),
        ("ε forgotten", "(params, x_hat, std)\n", "(params, x_hat, np.sqrt(std**2 - eps))\n"),
        ("dγ without x̂", "(dy * x_hat).sum", "dy.sum"),
        ("dγ with x for x̂", "(dy * x_hat).sum", "(dy * x_hat * std).sum"),
        ("dγ the mean over the steps", "(dy * x_hat).sum(", "(dy * x_hat).mean("),
        ("dβ of the last step", "dy.sum(axis=leading)", "dy[:, -1].sum(axis=0)"),
        ("dx off by 1 part in 2,000", " / std  # (B4)", " / (1.0005 * std)"),
    ],
    "batch_norm": [
        ("γ forgotten", "dy * gamma", "dy"),
        ("mean and variance taken for constants",
         "(dx_hat - dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0))", "dx_hat"),
        ("the mean taken for a constant", "(dx_hat - dx_hat.mean(axis=0) - x_hat", "(dx_hat - x_hat"),
        ("the variance taken for a constant", " - x_hat * (dx_hat * x_hat).mean(axis=0)", ""),
        ("the variance's part without x̂", "x_hat * (dx_hat * x_hat).mean", "(dx_hat * x_hat).mean"),
        ("the variance with N - 1, as the running one", "(dx_hat * x_hat).mean(axis=0)",
         "(dx_hat * x_hat).sum(axis=0) / (len(dy) - 1)"),
        ("the mean over the padding too", "dx_hat - dx_hat.mean(axis=0)", "dx_hat - dx_hat.sum(axis=0) / real.size"),
        ("the variance over the padding too", "(dx_hat * x_hat).mean(axis=0)",
         "(dx_hat * x_hat).sum(axis=0) / real.size"),
        ("forward's mean over the padding too", "mean = rows.mean(axis=0)", "mean = x.mean(axis=(0, 1))"),
        ("the mean over the features", "(dx_hat - dx_hat.mean(axis=0)", "(dx_hat - dx_hat.mean(axis=1, keepdims=True)"),
        ("the running branch", "    if training:\n        dx", "    if not training:\n        dx"),
        ("variance for standard deviation", ".mean(axis=0)) / std", ".mean(axis=0)) / std**2"),
        ("ε forgotten", '(params, x_hat, std,', '(params, x_hat, np.sqrt(var),'),
        ("ε forgotten in x̂", "x_hat, std, real, training)", "(rows - mean) / np.sqrt(var), std, real, training)"),
        ("dγ without x̂", "(dy * x_hat).sum", "dy.sum"),
        ("dβ the mean", '"beta": dy.sum', '"beta": dy.mean'),
        ("dγ and dβ swapped", '"gamma": (dy * x_hat).sum(axis=0),  # (B1)\n             "beta"',
         '"beta": (dy * x_hat).sum(axis=0),\n             "gamma"'),
        ("padding gets a gradient", "dx, dy = np.zeros_like(dy)", "dx, dy = dy.copy()"),
        ("forward lays β onto the padding", "y = np.zeros_like(x)", 'y = np.zeros_like(x) + params["beta"]'),
        ("off by 1 part in 2,000", ".mean(axis=0)) / std", ".mean(axis=0)) / (1.0005 * std)"),
    ],
    "batch_norm, running": [
        ("the training branch", "    if training:\n        dx", "    if not training:\n        dx"),
        ("the running mean taken for a constant", 'grads["mean"] = -dx[real].sum(axis=0)', "pass"),
        ("the running variance taken for a constant", 'grads["var"] = -(dx[real]', 'grads["var"] = -(0 * dx[real]'),
        ("dmean's sign", '= -dx[real].sum', '= dx[real].sum'),
        ("dmean without γ", "-dx[real].sum(axis=0)", "-(dy / std).sum(axis=0)"),
        ("dvar without the 2 of the square root", "/ (2 * std)", "/ std"),
        ("dvar without x̂", "dx[real] * x_hat /", "dx[real] /"),
        ("dvar from dx̂", "dx[real] * x_hat /", "dx_hat * x_hat /"),
        ("the standard deviation's gradient for dvar", "/ (2 * std))", ")"),
        ("off by 1 part in 2,000", "dx[real] = dx_hat / std  # (B5)", "dx[real] = 1.0005 * dx_hat / std"),
    ],
    "layer_norm_lstm": [
        ("from h_t to c_t past the normalization", "dc[t] += _normalize_backward(norm_c[t],",
         "dc[t] += dn; _normalize_backward(norm_c[t],"),
        ("to U_h past the normalization", "du = _normalize_backward(", "du = da; _normalize_backward("),
        ("to W_x past the normalization", "dv = _normalize_backward(", "dv = da; _normalize_backward("),
        ("LN of the input for LN of the state", "_normalize_backward(norm_h[t],", "_normalize_backward(norm_x[t],"),
        ("one cache of LN for all steps, of c", "(norm_c[t],", "(norm_c[len(x) - 1],"),
        ("one cache of LN for all steps, of the state", "(norm_h[t],", "(norm_h[len(x) - 1],"),
        ("dU_h from da", "du @ h_prev[t].T", "da @ h_prev[t].T"),
        ("dU_h from dv", "du @ h_prev[t].T", "dv @ h_prev[t].T"),
        ("h_t for h_{t-1} in dU_h", "du @ h_prev[t].T", "du @ h_slots[t + 1].T"),
        ("dU_h of the first step only: assigned, not added", 'grads["U_h"] +=', 'grads["U_h"] ='),
        ("no dh_next", "dh_prev[t] += U_h.T @ du", "pass"),
        ("dh_next from da", "U_h.T @ du", "U_h.T @ da"),
        ("dx from da", "W_x.T @ dv", "W_x.T @ da"),
        ("no dc_next", "dc_prev[t] += dc[t] * f[t]", "pass"),
        ("dc_next without the forget gate", "dc_prev[t] += dc[t] * f[t]", "dc_prev[t] += dc[t]"),
        ("dc_next replaces the final c's gradient", "dc_prev[t] += dc[t]", "dc_prev[t] = dc[t]"),
        ("dc_next replaced by what h_t sends", "dc[t] += _normalize", "dc[t] = _normalize"),
        ("nothing from h_t to c_t", "dc[t] += _normalize", "_normalize"),
        ("dn without the output gate", "dn = dh[t] * o[t] *", "dn = dh[t] *"),
        ("tanh' of n forgotten", " * (1 - tanh_n**2)", ""),
        ("tanh' of c_t for that of n", "(1 - tanh_n**2)", "(1 - np.tanh(c_slots[t + 1])**2)"),
        ("da_o with c_t for n", "dh[t] * tanh_n *", "dh[t] * np.tanh(c_slots[t + 1]) *"),
        ("da_o from dn", "dh[t] * tanh_n *", "dn * tanh_n *"),
        ("da_f with c_t for c_{t-1}", "dc[t] * c_prev[t]", "dc[t] * c_slots[t + 1]"),
        ("da_g and da_o swapped", "np.concatenate([da_i, da_f, da_g, da_o])",
         "np.concatenate([da_i, da_f, da_o, da_g])"),
        ("γ of the first step only: assigned, not added", "grads[gamma] +=", "grads[gamma] ="),
        ("γ_c and β_c swapped", '"gamma_c", "beta_c")  #', '"beta_c", "gamma_c")  #'),
        ("γ_x's gradient added to γ_h's", '"gamma_x", "b")  #', '"gamma_h", "b")  #'),
        ("b counted for both sums", 'grads, "gamma_h")', 'grads, "gamma_h", "b")'),
        ("lengths ignored for h", "dh, dh_final, lengths", "dh, dh_final, None"),
        ("lengths ignored for c", "None, dc_final, lengths", "None, dc_final, None"),
        ("da_g off by 1 part in 2,000", "dc[t] * i[t] * (1 - g[t]**2)", "1.0005 * dc[t] * i[t] * (1 - g[t]**2)"),
    ],
    "dropout": [
        ("the mask forgotten", "m * boundary", "boundary"),
        ("the mask not scaled", "m * boundary", "(m > 0) * boundary"),
        ("forward scales, the cache does not", "return m * x, (m,", "return m * x, (m * (1 - rate),"),
        ("the mask applied twice", "m * boundary", "m * m * boundary"),
        ("what was left out passes, and the rest does not", "m * boundary", "(2 - m) * boundary"),
        ("the mask drawn anew", "m * boundary",
         "2.0 * (np.random.default_rng(2).random(m.shape) >= 0.5) * boundary"),
        ("the first sequence's mask for all", "m * boundary", "m[:1] * boundary"),
        ("the first step's mask for all", "m * boundary", "m[:, :1] * boundary"),
        ("forward forgets the mask", "return m * x,", "return x,"),
        ("off by 1 part in 2,000", "m * boundary", "1.0005 * m * boundary"),
        ("all zeros", "m * boundary", "0 * m * boundary"),
    ],
    "dropout through time": [
        ("a mask for each step", "m * boundary", "2.0 * (np.random.default_rng(1).random(shape) >= 0.5) * boundary"),
        ("the mask the mean over the features", "m * boundary", "m.mean(axis=2, keepdims=True) * boundary"),
    ],
    "decayed": [
        ("dγ's sign", "da = -dgamma", "da = dgamma"),
        ("the gate of max(0, a) ignored", "da = -dgamma * gamma * fading", "da = -dgamma * gamma"),
        ("forward without the max", "gamma = np.exp(-np.where(a.real < 0, 0, a))", "gamma = np.exp(-a)"),
        ("da without γ", "da = -dgamma * gamma * fading", "da = -dgamma * fading"),
        ("da off by 1 part in 2,000", "da = -dgamma", "da = -1.0005 * dgamma"),
        ("dγ meets the state that has faded", "steps.append((before,", "steps.append((faded,"),
        ("dγ meets the state after the step", "steps.append((before,", "steps.append((state,"),
        ("the state's gradient not decayed", "tree.map(lambda d: gamma * d, dfaded)", "dfaded"),
        ("the state's gradient decayed twice", "lambda d: gamma * d", "lambda d: gamma * gamma * d"),
        ("nothing goes back in time", "lambda d: gamma * d", "lambda d: 0 * d"),
        ("what has ended fades on", "da *= here[:, None]", "pass"),
        ("forward lets what has ended fade on", "gamma = np.where(here[:, None], gamma, 1)", "pass"),
        ("dw the sum without the gaps", "gaps[:, t] @ da", "da.sum(axis=0)"),
        ("dw with the gap after the step", "gaps[:, t] @ da", "np.roll(gaps, -1, axis=1)[:, t] @ da"),
        ("dw of the first step only", 'grads["w"] += ', 'grads["w"] = '),
        ("db the mean over the batch", 'grads["b"] += da.sum', 'grads["b"] += da.mean'),
        ("the layer's of the first step only", 'tree.map(np.add, grads["layer"], g)', "g"),
        ("dgaps without the decay", 'da @ params["w"] + ', ""),
        ("dgaps without the feature", " + dinputs[:, 0, -1]", ""),
        ("the gap taken for the first feature", "dinputs[:, 0, :-1]", "dinputs[:, 0, 1:]"),
    ],
    "decayed lstm": [
        ("dγ without what c sends", "zip(tree.leaves(dfaded), tree.leaves(before)))",
         "zip(tree.leaves(dfaded)[:1], tree.leaves(before)))"),
        ("dγ without what h sends", "zip(tree.leaves(dfaded), tree.leaves(before)))",
         "zip(tree.leaves(dfaded)[1:], tree.leaves(before)[1:]))"),
        ("dγ from h meets c, and from c h", "tree.leaves(before)))", "tree.leaves(before)[::-1]))"),
        ("the gradient of c not decayed", "tree.map(lambda d: gamma * d, dfaded)", "(gamma * dfaded[0], dfaded[1])"),
    ],
    "mse": [
        ("without the 2", "2 / N * error", "1 / N * error"),
        ("off by 1 part in 2,000", "2 / N * error", "2.001 / N * error"),
        ("with the sign of target - prediction", "2 / N * error", "2 / N * -error"),
        ("mean over the batch, not over all numbers", "2 / N * error", "2 / len(error) * error"),
        ("mean over the masked numbers too", "2 / N * error", "2 / error.size * error"),
        ("mask ignored in backward", "/ N, (error, N)", "/ N, (prediction - target, N)"),
        ("the cache as scratch", "return (2 / N * error)", "error *= 2 / N\n    return (error)"),
    ],
    "cross-entropy": [
        ("without - onehot", "np.exp(log_p) - onehot", "np.exp(log_p)"),
        ("with p (1 - p)", "np.exp(log_p) - onehot", "np.exp(log_p) * (1 - np.exp(log_p))"),
        ("with an extra p (1 - p)", "np.exp(log_p) - onehot",
         "(np.exp(log_p) - onehot) * np.exp(log_p) * (1 - np.exp(log_p))"),
        ("with log p for p", "np.exp(log_p) - onehot", "log_p - onehot"),
        ("with the sign of onehot - p", "np.exp(log_p) - onehot", "onehot - np.exp(log_p)"),
        ("p off by 1 part in 2,000", "np.exp(log_p) - onehot", "1.0005 * np.exp(log_p) - onehot"),
        ("mask ignored in backward", "np.where(keep[..., None], np", "np.where(True, np"),
        ("mean over the masked targets too", "0) / int(N)", "0) / keep.size"),
        ("sum, not mean", "0) / int(N)", "0)"),
        ("all zeros", "0) / int(N)", "0) * 0"),
    ],
    "chain": [
        ("no gradient from the final states", "after.pop() if stateful", "None if stateful"),
        ("final states in reversed order", "after.pop()", "after.pop(0)"),
        ("initial states in reversed order", "tuple(before[::-1])", "tuple(before)"),
        ("an initial state dropped", "tuple(before[::-1])", "(None, before[0])"),
        ("gradients in reversed order", "grads[::-1], dy", "grads, dy"),
    ],
    "chain's layers": [
        ("no gradient from the final state", '*[dstate] * ("state"', '*[None] * ("state"'),
        ("no gradient of the initial state", "return grads, dx, rest[0] if", "return grads, dx, 0 * rest[0] if"),
    ],
    "last step": [
        ("to the last step of the padding", "dh[at] =", "dh[:, -1] ="),
        ("to the first step", "dh[at] =", "dh[:, 0] ="),
        ("to all steps", "dh[at] =", "dh.swapaxes(0, 1)[:] ="),
    ],
    "both ends": [
        ("halves of dy swapped", "dh[at] = boundary",
         "dy = np.roll(dy, shape[2] // 2, axis=1)\n        dh[at] = boundary"),
        ("first and last step swapped", "dh[at] =", "dh[at[0], at[1][:, ::-1], at[2]] ="),
        ("both halves to the last step", "dh[at] =", "dh[at[0], at[1][:, :1], at[2]] ="),
        ("both halves to the first step", "dh[at] =", "dh[at[0], 0, at[2]] ="),
        ("the forward half to the last step of the padding", "dh[at] =",
         "dh[at[0], np.where(np.arange(shape[2]) < shape[2] // 2, shape[1] - 1, 0), at[2]] ="),
        ("the backward half to where the first step stands if padding comes first", "dh[at] =",
         "dh[at[0], np.where(np.arange(shape[2]) < shape[2] // 2, at[1], shape[1] - 1 - at[1][:, :1]), at[2]] ="),
        ("every second unit for a half", "dh[at] =", "dh[at[0], at[1], np.argsort(np.arange(shape[2]) % 2)] ="),
        ("off by 1 part in 2,000", "dh[at] = boundary", "dh[at] = 1.0005 * boundary"),
    ],
    "with_loss": [
        ("upstream gradient ignored", "dloss * loss.backward(", "loss.backward("),
        ("no gradient from the final state", "loss.backward(loss_cache), dstate)", "loss.backward(loss_cache), None)"),
    ],
    "stack": [
        ("gradients in reversed order", "grads[::-1], dy", "grads, dy"),
        ("each layer gets the gradient from outside", "g, dy, initial = layer.backward(",
         "g, dx, initial = layer.backward("),
        ("final states in reversed order", "after.pop()", "after.pop(0)"),
        ("dropout between the layers forgotten", "_, dy = dropout_layer.backward(mask, dy)", "pass"),
        ("dropout after the last layer too", "inside(layers)._replace(",
         "inside(layers._replace(backward=lambda caches, dy, dh: layers.backward(\n"
         "        caches, caches[0][1][0] * dy, dh)))._replace("),
        ("off by 1 part in 2,000", "g, dy, initial = layer.backward(cache, dy,",
         "g, dy, initial = layer.backward(cache, 1.0005 * dy,"),
    ],
    "bidirectional": [
        ("dy not reversed", "_reversed(dy_back, lengths)", "dy_back"),
        ("dx not reversed", "_reversed(dx_back, lengths)", "dx_back"),
        ("dy reversed over the padding", "_reversed(dy_back, lengths)", "_reversed(dy_back, None)"),
        ("dx reversed over the padding", "_reversed(dx_back, lengths)", "_reversed(dx_back, None)"),
        ("forward reverses x over the padding", "_reversed(x, lengths), before", "_reversed(x, None), before"),
        ("forward leaves y reversed", "_reversed(y_back, lengths)", "y_back"),
        ("the forward direction's dy reversed", "inner.backward(cache, dy, dafter)",
         "inner.backward(cache, _reversed(dy, lengths), dafter)"),
        ("the batch reversed, not the steps", "_reversed(dx_back, lengths)", "dx_back[::-1]"),
        ("a reversal that is one step short", "np.where(steps <= last,", "np.where(steps < last,"),
        ("halves of dy swapped", "dy, dy_back = np.split(", "dy_back, dy = np.split("),
        ("dy cut into every second number", "np.split(dy, 2, axis=2)",
         "dy[..., ::2], dy[..., 1::2]"),
        ("both directions get the first half", "_reversed(dy_back, lengths), d", "_reversed(dy, lengths), d"),
        ("dx without the forward direction", "dx + _reversed(dx_back, lengths)", "_reversed(dx_back, lengths)"),
        ("dx without the backward direction", "dx + _reversed(dx_back, lengths)", "dx"),
        ("dx the mean of both", "dx + _reversed(dx_back, lengths)", "(dx + _reversed(dx_back, lengths)) / 2"),
        ("gradients of the weights swapped", '{"forward": grads, "backward": grads_back}',
         '{"forward": grads_back, "backward": grads}'),
        ("caches swapped", "cache, cache_back, lengths, shape,", "cache_back, cache, lengths, shape,"),
        ("gradients of the final states swapped", "dafter, dafter_back = b", "dafter_back, dafter = b"),
        ("gradients of the initial states swapped", "(dbefore, dbefore_back)", "(dbefore_back, dbefore)"),
        ("dx of the backward direction off by 1 part in 2,000", "dx + _reversed(", "dx + 1.0005 * _reversed("),
    ],
    "residual": [
        ("dx without the skip", "dx = dx + np.asarray(dy, dx.dtype)", "pass"),
        ("dx without the layer", "dx = dx + np.asarray(dy", "dx = np.asarray(dy"),
        ("the difference for the sum", "dx + np.asarray(dy", "dx - np.asarray(dy"),
        ("forward without the skip", "return np.asarray(x, y.dtype) + y, state", "return y, state"),
        ("the layer gets dy twice", "grads, dx, dstate = inner.backward(cache, dy,",
         "grads, dx, dstate = inner.backward(cache, 2 * dy,"),
        ("dy changed in place", "dx = dx + np.asarray(dy, dx.dtype)", "dy += dx; dx = dy"),
        ("the skip off by 1 part in 2,000", "dx + np.asarray(dy", "dx + 1.0005 * np.asarray(dy"),
    ],
    "attention_pooling": [
        ("dh without the keys", "dk + dv  # h", "dv  # h"),
        ("dh without the values", "dk + dv  # h", "dk  # h"),
        ("dh the mean", "dk + dv  # h", "(dk + dv) / 2  # h"),
        ("dq the mean over the batch", "dq.sum(axis=(0, 1))", "dq.mean(axis=(0, 1))"),
        ("dq of one sequence", "dq.sum(axis=(0, 1))", "dq[0, 0]"),
    ],
    "self_attention": [
        ("dx without the queries", "dq + dk + dv", "dk + dv"),
        ("dx without the keys", "dq + dk + dv", "dq + dv"),
        ("dx without the values", "dq + dk + dv", "dq + dk"),
        ("dx the mean", "dq + dk + dv", "(dq + dk + dv) / 3"),
        ("dweights ignored", "dq, dk, dv = layer.backward(cache, dy, dweights)",
         "dq, dk, dv = layer.backward(cache, dy)"),
        ("forward's values of the step before", "layer.forward(params, x, x, x,",
         "layer.forward(params, x, x, np.roll(x, 1, axis=1),"),
        ("the values off by 1 part in 2,000", "dq + dk + dv", "dq + dk + 1.0005 * dv"),
    ],
    "with_dropout": [
        ("the mask forgotten", "_, dy = dropout_layer.backward(mask, dy)", "pass"),
        ("the mask twice", "_, dy = dropout_layer.backward(mask, dy)",
         "_, dy = dropout_layer.backward(mask, dropout_layer.backward(mask, dy)[1])"),
        ("the mask not scaled", "_, dy = dropout_layer.backward(mask, dy)", "dy = dy * (mask[0] > 0)"),
        ("the mask of another draw", "return y, state, (cache, mask)",
         "return y, state, (cache, dropout_layer.forward({}, y, 2, training, rate)[1])"),
        ("the mask on the final state too", "_, dy = dropout_layer.backward(mask, dy)",
         "_, dy = dropout_layer.backward(mask, dy); dstate = mask[0][:, -1] * dstate"),
        ("off by 1 part in 2,000", "_, dy = dropout_layer.backward(mask, dy)",
         "dy = 1.0005 * dropout_layer.backward(mask, dy)[1]"),
    ],
    "tied": [
        ("assigned, not added: no gradient from the embedding", 'grads[0]["W"] += grads', 'grads[0]["W"] = grads'),
        ("no gradient from the read-out", 'grads[0]["W"] += grads[-1].pop("W")', 'grads[-1].pop("W")'),
        ("the mean of both", 'grads[0]["W"] += grads[-1].pop("W")',
         'grads[0]["W"] = (grads[0]["W"] + grads[-1].pop("W")) / 2'),
        ("the difference of both", 'grads[0]["W"] += grads', 'grads[0]["W"] -= grads'),
        ("the read-out's twice", 'grads[0]["W"] += grads[-1]', 'grads[0]["W"] += 2 * grads[-1]'),
        ("the read-out's in its own place too", 'grads[-1].pop("W")', 'grads[-1]["W"]'),
        ("the read-out's off by 1 part in 2,000", 'grads[0]["W"] += grads[-1]', 'grads[0]["W"] += 1.0005 * grads[-1]'),
        ("no gradient from the final state", "inner.backward(caches, dy, dstate)", "inner.backward(caches, dy)"),
    ],
    "encoder-decoder": [
        ("dh without the keys", "ds + ds_asked, dk + dv", "ds + ds_asked, dv"),
        ("dh without the values", "ds + ds_asked, dk + dv", "ds + ds_asked, dk"),
        ("no dh at all", "ds + ds_asked, dk + dv", "ds + ds_asked, None"),
        ("ds without the queries", "ds + ds_asked, dk", "ds, dk"),
        ("ds without the read-out", "ds + ds_asked, dk", "ds_asked, dk"),
        ("dcontext for ds", "ds, dcontext = np.split(", "dcontext, ds = np.split("),
        ("forward reads out the context first", "[s, context]", "[context, s]"),
        ("dweights ignored", "(attended, dcontext, dweights)", "(attended, dcontext)"),
        ("the attention's gradients forgotten", 'grads["attention"], ds_asked',
         'grads["attention"], ds_asked, dk, dv = self.attention.backward(attended, 0 * dcontext)\n'
         '            _, ds_asked'),
        ("no gradient from the state to the encoder", "encoder, dh, dstate)", "encoder, dh, None)"),
        ("no gradient from the decoder's states", "_, dstate = self.reader.backward(decoder, ds)",
         "_, dstate = self.reader.backward(decoder, 0 * ds)"),
        ("forward's decoder starts from zeros", "decoder = self._decode(params, inputs, state,",
         "decoder = self._decode(params, inputs, None,"),
        ("gradients of encoder and decoder swapped", 'grads["decoder"], _, dstate = self.reader.backward(decoder, ds)  '
         '# (B3)\n        grads["encoder"]',
         'grads["encoder"], _, dstate = self.reader.backward(decoder, ds)\n        grads["decoder"]'),
        ("dstate off by 1 part in 2,000", "encoder, dh, dstate)", "encoder, dh, (1.0005 * dstate[0],))"),
        ("the values off by 1 part in 2,000", "dk + dv", "dk + 1.0005 * dv"),
    ],
}

# Bugs of memory alone: every gradient is right, until what was given or returned is changed between the two passes.
LEAKS = {
    "sequence": [
        ("inputs are kept, not copied", "x.transpose(1, 2, 0).copy()", "x.transpose(1, 2, 0)"),
        ("outputs are a view", "steps.transpose(2, 0, 1).copy()", "steps.transpose(2, 0, 1)"),
    ],
    "sequence, equal lengths": [
        ("the final state is a view", "slots[-1].T.copy()", "slots[-1].T"),
    ],
    "layout": [
        ("outputs are a view", "steps.transpose(0, 2, 1).copy()", "steps.transpose(0, 2, 1)"),
    ],
}


def check(subject, method, right="", wrong=""):
    module, arranged = SUBJECTS[subject]
    layer, params, inputs, settings = arranged(copy_of(module, right, wrong))
    return gradcheck.check(layer, params, *inputs, rng=generator(1), method=method, **settings)


def each_of(table):
    rows = [pytest.param(subject, *texts, id=f"{subject}: {bug}") for subject, bugs in table.items()
            for bug, *texts in bugs]
    return pytest.mark.parametrize("subject, right, wrong", rows)


@each_method
@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_untouched_copy_passes(subject, method):
    report = check(subject, method)
    assert report.ok, f"\n{report}"


@each_method
@each_of(BUGS)
def test_the_bug_is_caught(subject, right, wrong, method):
    report = check(subject, method, right, wrong)
    assert not report.ok, f"\n{report}"


def gradients(layer, params, inputs, settings, spoil):
    """Those of backward, after `spoil` had what was given and returned."""
    given = tree.map(np.array, inputs)
    *outputs, cache = layer.forward(params, *given, **settings)
    upstream = like(generator(3), outputs)
    for _, array in tree.leaves([given, outputs]):
        spoil(array)
    return layer.backward(cache, *upstream)


def assert_no_leak(*problem):
    assert_same(gradients(*problem, lambda array: array.fill(7)), gradients(*problem, lambda array: None))


@each_of(LEAKS)
def test_the_leak_is_caught(subject, right, wrong):
    module, arranged = SUBJECTS[subject]
    problem = arranged(copy_of(module, right, wrong))
    assert check(subject, "central", right, wrong).ok
    assert_no_leak(*arranged(copy_of(module)))
    with pytest.raises(AssertionError):
        assert_no_leak(*problem)


@pytest.mark.parametrize("subject, right, wrong, weaken", [
    pytest.param("rnn", "U_h.T @ da", "U_h @ da",
                 lambda params, x, state: (params | {"U_h": params["U_h"] + params["U_h"].T}, x, state),
                 id="symmetric weights hide a missing transpose"),
    pytest.param("rnn", "da @ h_prev[t].T", "(t > 0) * da @ h_prev[t].T",
                 lambda params, x, state: (params, x, 0 * state),
                 id="a zero initial state hides that dU_h forgets it"),
    pytest.param("rnn", "U_h.T @ da", "(t == 0) * U_h.T @ da",
                 lambda params, x, state: (params, x[:, :1], state),
                 id="a single step hides that nothing goes back in time"),
    pytest.param("rnn", "da.sum(axis=1)", "da.mean(axis=1)",
                 lambda params, x, state: (params, x[:1], state[:1]),
                 id="a single sequence hides a mean for a sum"),
    pytest.param("gru", "da_n * u_n", 'da_n * (u_n - params["b_h"][-len(u_n):, None])',
                 lambda params, x, state: (params | {"b_h": 0 * params["b_h"]}, x, state),
                 id="a zero bias, as init makes it, hides that the reset gate forgets it"),
    pytest.param("embedding", "np.add.at(dW, ids,", "dW.__setitem__(ids,",
                 lambda params, ids: (params, np.unique(ids)),
                 id="ids that do not repeat hide that they should add up"),
    pytest.param("layer_norm", 'dy * params["gamma"]', "dy",
                 lambda params, x: (params | {"gamma": np.ones(H)}, x),
                 id="γ = 1, as init makes it, hides that it is forgotten"),
    pytest.param("decayed", "gamma * fading", "gamma",
                 lambda params, x, gaps, state: (params | {"w": np.abs(params["w"]), "b": np.ones(2)}, x, gaps, state),
                 id="units that all fade hide that max(0, a) stops the gradient of those that do not"),
])
def test_weak_settings_hide_a_bug(subject, right, wrong, weaken):
    module, arranged = SUBJECTS[subject]
    layer, params, inputs, _ = arranged(copy_of(module, right, wrong))
    assert gradcheck.check(layer, *weaken(params, *inputs), rng=generator(1)).ok
    assert not gradcheck.check(layer, params, *inputs, rng=generator(1)).ok


@pytest.mark.parametrize("right, wrong, weak, strong", [
    pytest.param("dW += layout", "dW[:] = layout", "fast.lstm", "fast.lstm in blocks",
                 id="sequences shorter than a block hide that only one block counts"),
    pytest.param("dc_prev[t] += dc", "dc_prev[t] = dc", "lstm", "lstm with lengths",
                 id="equal lengths hide that a gradient going back replaces one that arrives on the way"),
    pytest.param("x.reshape(N // heads, heads, T, D).swapaxes(1, 2)", "x", "multi_head, one head", "multi_head",
                 id="a single head hides that heads are mixed up"),
    pytest.param("dscores @ k, dscores.swapaxes(1, 2) @ q", "dscores.swapaxes(1, 2) @ q, dscores @ k",
                 "dot as self-attention", "dot", id="self-attention hides that dq and dk are swapped"),
    pytest.param("dx_hat - dx_hat.mean(axis=0)", "dx_hat - dx_hat.sum(axis=0) / real.size",
                 "batch_norm, equal lengths", "batch_norm", id="equal lengths hide a mean that counts the padding"),
    pytest.param("_reversed(dy_back, lengths)", "_reversed(dy_back, None)", "bidirectional, equal lengths",
                 "bidirectional", id="equal lengths hide that padding is reversed too"),
    pytest.param("_, dy = dropout_layer.backward(mask, dy)", "pass", "with_dropout, not training", "with_dropout",
                 id="a layer that is not training hides that backward forgets the mask"),
])
def test_a_weak_subject_hides_a_bug(right, wrong, weak, strong):
    assert check(weak, "central", right, wrong).ok
    assert not check(strong, "central", right, wrong).ok


def test_small_weights_and_a_loose_tolerance_hide_a_missing_transpose():
    broken = copy_of(rnn, "U_h.T @ da", "U_h @ da")
    _, params, inputs, _ = arrange(rnn, D, H)
    upstream = like(generator(1), rnn.forward(params, *inputs)[:2])

    def error(scale):
        small = {name: scale * p for name, p in params.items()}
        dU_h = lambda layer: layer.backward(layer.forward(small, *inputs)[-1], *upstream)[0]["U_h"]
        return np.linalg.norm(dU_h(broken) - dU_h(rnn)) / np.linalg.norm(dU_h(rnn))

    assert error(scale=0.001) < 0.01 and error(scale=1) > 0.5


def test_an_upstream_gradient_of_ones_hides_a_softmax_whose_backward_is_all_zeros():
    layer = compose.Layer(None, lambda params, z: (softmax(z), z), lambda z, dp: ({}, 0 * dp), sizes=0)
    z = normal(generator(), 2, 3)
    assert np.allclose(gradcheck.numerical(lambda z: softmax(z).sum(), z), 0, atol=1e-9)
    assert not gradcheck.check(layer, {}, z, rng=generator(1)).ok
