"""The gradient check is itself checked: it must reject every classic bug, put into the source one at a time."""

import inspect
import types

import numpy as np
import pytest

from helpers import (CLASSES, IDS, LENGTHS, MASK, NOT_EMPTY, NUMBERS, B, D, H, K, T, V, arrange, assert_same, big,
                     each_method, everything, generator, in_used_memory, like, normal)
from minirnn import compose, embedding, gradcheck, gru, linear, losses, lstm, rnn, tree
from minirnn.activations import softmax
from minirnn.layers import decayed, dropout, sequence
from minirnn.layers.attention import additive, dot, multi_head, weights
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
        if getattr(value, "__module__", None) == part.__name__:
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


def final_only(layer):
    """The layer with its final state as its only output, so that its backward gets None for dh."""
    return compose.Layer(layer.init, lambda *inputs, **settings: layer.forward(*inputs, **settings)[1:],
                         lambda cache, dstate: layer.backward(cache, None, dstate), sizes=2)


def used(layer, right, *sizes):
    """To be run in memory that the right layer has used before, for other numbers."""
    layer, params, inputs, _ = arrange(layer, *sizes)
    _, cache = everything(right, *like(generator(3), (params, inputs)), {})
    return layer, params, inputs, {"out": cache}


def read_out(loss, target):
    return compose.with_loss(compose.chain(linear), loss, target, MASK)


# Not from generator(1), as the upstream gradients are: where dy is x, the dx of a normalization is 0, and hides much.
X, WIDE = normal(generator(4), B, T, D), normal(generator(4), B, T, H)
FEW = np.array([3, 1])  # where a check takes long: two sequences of at most three steps
X_FEW, GAPS_FEW, STATE_FEW = X[:2, :3], generator(4).uniform(0.1, 2, (2, 3)), normal(generator(5), 2, 2, 2)
SHORT_BLOCKS = copy_of(sequence, "max(4, 2**17 // step_size)", "3")  # T is 4: so there are two

# What is checked: the module that has the bug, and a layer, parameters, inputs and settings that use a copy of it.
SUBJECTS = {
    "rnn": (rnn, lambda copy: arrange(copy, D, H)),
    "rnn with sigmoid": (rnn, lambda copy: arrange(copy, D, H, activation="sigmoid")),
    "rnn with lengths": (rnn, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "lstm": (lstm, lambda copy: arrange(copy, D, H)),
    "lstm with lengths": (lstm, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "lstm in blocks": (lstm, lambda copy: arrange(on(SHORT_BLOCKS, copy), D, H)),
    "gru": (gru, lambda copy: arrange(copy, D, H)),
    "gru with lengths": (gru, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "rnn in used memory": (rnn, lambda copy: used(copy, rnn, D, H)),
    "lstm in used memory": (lstm, lambda copy: used(copy, lstm, D, H)),
    "gru in used memory": (gru, lambda copy: used(copy, gru, D, H)),
    "sequence": (sequence, lambda copy: arrange(on(copy, rnn), D, H, lengths=LENGTHS)),
    "sequence in blocks": (SHORT_BLOCKS, lambda copy: arrange(on(copy, lstm), D, H)),
    "sequence in used memory": (sequence, lambda copy: used(on(copy, rnn), rnn, D, H)),
    "sequence in used memory, no dh": (sequence, lambda copy: used(final_only(on(copy, rnn)), final_only(rnn), D, H)),
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
    "chain in used memory": (compose, lambda copy: used(
        copy.chain(rnn, rnn, linear), compose.chain(rnn, rnn, linear), D, D, D, K)),
    "last step": (compose, lambda copy: arrange(copy.last_step, lengths=NOT_EMPTY)),
    "with_loss": (compose, lambda copy: arrange(
        copy.with_loss(copy.chain(lstm, linear), losses.mse, NUMBERS), D, H, K)),
    "stack": (compose, lambda copy: drop(copy.stack(rnn, 2, dropout=0.5), D, D)),
    "bidirectional": (compose, lambda copy: arrange(copy.bidirectional(rnn), D, 4, lengths=LENGTHS)),
    "bidirectional, equal lengths": (compose, lambda copy: arrange(copy.bidirectional(rnn), D, 4)),
    "residual": (compose, lambda copy: arrange(copy.residual(rnn), D, D)),
    "self_attention": (compose, lambda copy: given(copy.self_attention(dot), [], X, lengths=LENGTHS)),
    "with_dropout": (compose, lambda copy: drop(copy.with_dropout(rnn, 0.5), D, H)),
    "with_dropout, not training": (compose, lambda copy: arrange(copy.with_dropout(rnn, 0.5), D, H)),
    "tied": (compose, lambda copy: arrange(copy.tied(copy.chain(embedding, rnn, linear)), V, D, D, V, x=IDS)),
    "encoder-decoder": (encoder_decoder, lambda copy: translate(copy, additive)),
}

# The bug in words, the text that is right, the text that is wrong.
BUGS = {
    "rnn": [
        ("U_h not transposed", "U_h.T @ da_t", "U_h @ da_t"),
        ("no dh_next", "dh_prev_t += U_h.T @ da_t", "pass"),
        ("dh_next replaces dh from outside", "dh_prev_t += U_h.T", "dh_prev_t[:] = U_h.T"),
        ("dh_next without tanh'", "U_h.T @ da_t", "U_h.T @ dh_t"),
        ("dh_next off by 1 part in 2,000", "U_h.T @ da_t", "1.0005 * U_h.T @ da_t"),
        ("truncated after two steps", "U_h.T @ da_t", "U_h.T @ da_t * (not np.shares_memory(da_t, da[2]))"),
        ("clipped on the way", "da_t *= dh_t", "da_t *= dh_t.clip(-1, 1)"),
        ("normalized on the way", "da_t *= dh_t", "da_t *= dh_t / np.linalg.norm(dh_t)"),
        ("stops before the first step", "zip(da[::-1]", "zip(da[:0:-1]"),
        ("walks forward in time", "zip(da[::-1], dh_total[::-1], dh_prev[::-1])", "zip(da, dh_total, dh_prev)"),
        ("da_t from dh_{t-1}", "dh_total[::-1]", "dh_prev[::-1]"),
        ("h_t for h_{t-1} in dU_h", "np.tensordot(da, h_prev,", "np.tensordot(da, h,"),
        ("dU_h without the first step", "np.tensordot(da, h_prev,", "np.tensordot(da[1:], h_prev[1:],"),
        ("dU_h transposed", "np.tensordot(da, h_prev,", "np.tensordot(h_prev, da,"),
        ("dU_h of one sequence", "np.tensordot(da, h_prev,", "np.tensordot(da[:, :, :1], h_prev[:, :, :1],"),
        ("dW_ih meets a later x", "np.tensordot(da, x,", "np.tensordot(da, np.roll(x, -1, axis=1),"),
        ("dW_ih off by 1 part in 2,000", "np.tensordot(da, x,", "np.tensordot(1.0005 * da, x,"),
        ("db_h the mean over the batch", "da.sum(axis=(0, 2))", "da.sum(axis=0).mean(axis=1)"),
        ("db_h of the last step only", "da.sum(axis=(0, 2))", "da[-1].sum(axis=1)"),
        ("dx without the recurrent path", "(W_ih.T @ da)", "(W_ih.T @ (phi_prime(h) * dh.transpose(1, 2, 0)))"),
        ("dx without tanh'", "(W_ih.T @ da)", "(W_ih.T @ dh_total)"),
        ("tanh' is 1 - h", "1 - h * h", "1 - h"),
        ("tanh' fed its own output", "1 - h * h", "1 - np.tanh(h)**2"),
        ("tanh' forgotten", "1 - h * h", "np.ones_like(h)"),
        ("tanh' from h_{t-1}", "phi_prime(h)", "phi_prime(h_prev)"),
        ("sigmoid' for tanh'", "1 - h * h", "h * (1 -  h)"),
        ("no gradient from the final state", "arrive(dslots, dh, dstate,", "arrive(dslots, dh, None,"),
        ("no gradient from outside", "arrive(dslots, dh, dstate,", "arrive(dslots, None, dstate,"),
        ("no gradient of the initial state", "dslots[0].T.copy()", "np.zeros_like(dslots[0].T)"),
        ("the gradient of h_0 for that of h_{-1}", "dslots[0].T.copy()", "dslots[1].T.copy()"),
        ("all zeros", "da[:] = phi_prime(h)", "da[:], dslots[:] = 0, 0"),
        ("computed in float32", "da[:] = phi_prime(h)", "da = phi_prime(h).astype(np.float32)"),
        ("the cache as scratch", "da[:] = phi_prime(h)", "da = h\n    da[:] = phi_prime(h)"),
        ("a gradient missing", '"b_h": da.sum(axis=(0, 2))', ""),
    ],
    "rnn with sigmoid": [
        ("sigmoid' forgotten", "h * (1 - h)),", "np.ones_like(h)),"),
        ("sigmoid' fed its own output", "h * (1 - h)),", "sigmoid(h) * (1 - sigmoid(h))),"),
        ("tanh' for sigmoid'", "_, phi_prime = ACTIVATIONS[activation]", '_, phi_prime = ACTIVATIONS["tanh"]'),
    ],
    "rnn with lengths": [
        ("lengths ignored", "dh, dstate, lengths", "dh, dstate, None"),
    ],
    "lstm": [
        ("U_i .. U_o not transposed", "W_T.dot(da_t, out=dz_t)",
         "W_T.dot(da_t, out=dz_t)\n"
         "            dz_h += sum((U - U.T) @ a for U, a in zip(np.split(W_T[:H].T, 4), np.split(da_t, 4)))"),
        ("no dh_next", "dh_prev_t += dz_h", "pass"),
        ("dh_next replaces dh from outside", "dh_prev_t += dz_h", "dh_prev_t[:] = dz_h"),
        ("dh_next without the output gate's part", "dh_prev_t += dz_h", "dh_prev_t += W_T[:H, :3 * H] @ da_t[:3 * H]"),
        ("dh_next with forward's halved weights",
         'W_T = np.hstack([params["U_h"], params["W_x"]], dtype=dtype).T',
         "W_T = np.roll(cache[-1][0][:, :-1], -H, axis=0).T"),
        ("dh_next before da_o is complete",
         "np.multiply(slope_o_t, dh_t, out=da_o)  # (B6)\n            W_T.dot(da_t, out=dz_t)",
         "da_o[:] = slope_o_t\n            W_T.dot(da_t, out=dz_t)\n            da_o *= dh_t"),
        ("dh_next added to a copy", "dh_slots[:-1][steps],", "dh_slots[:-1][steps].copy(),"),
        ("dh_next off by 1 part in 2,000", "dh_prev_t += dz_h", "dh_prev_t += 1.0005 * dz_h"),
        ("no dc_next", "dc *= f_t", "dc *= 0"),
        ("dc_next without the forget gate", "dc *= f_t", "pass"),
        ("dc_next with the forget gate of step t-1",
         "[steps], shown, f,\n", "[steps], shown, np.roll(f, 1, axis=0),\n"),
        ("dc_next replaced by what h_t sends", "dc += dh_t * shown_t", "dc[:] = dh_t * shown_t"),
        ("dc_next off by 1 part in 2,000", "dc *= f_t", "dc *= 1.0005 * f_t"),
        ("dc truncated after two steps", "dc *= f_t", "dc *= f_t * (not np.shares_memory(f_t, f[2]))"),
        ("dh clipped on the way", "dc += dh_t * shown_t", "dc += dh_t.clip(-1, 1) * shown_t"),
        ("nothing from h_t to c_t", "dc += dh_t * shown_t", "pass"),
        ("what h_t sends to c_t comes too late for the gates", "            dc += dh_t * shown_t  # (B2)\n",
         "            sent = dh_t * shown_t\n"),
        ("c_t without tanh'", "shown = o - o * tanh * tanh", "shown = o"),
        ("c_t's tanh' is 1 - tanh", "shown = o - o * tanh * tanh", "shown = o - o * tanh"),
        ("c_t's tanh' fed c_t for its tanh", "shown = o - o * tanh * tanh",
         "shown = o - o * gates[1:, 4 * H:][steps]**2"),
        ("c_t without the output gate", "shown = o - o * tanh * tanh", "shown = 1 - tanh * tanh"),
        ("o_{t+1} for o_t", "shown = o - o * tanh * tanh", "shown = np.roll(o, -1, axis=0) * (1 - tanh * tanh)"),
        ("da_i from dh_t", "np.multiply(slope_i_t, dc,", "np.multiply(slope_i_t, dh_t,"),
        ("da_f from dh_t", "np.multiply(slope_f_t, dc,", "np.multiply(slope_f_t, dh_t,"),
        ("da_c from dh_t", "np.multiply(slope_c_t, dc,", "np.multiply(slope_c_t, dh_t,"),
        ("da_f from what is left of dc", "np.multiply(slope_f_t, dc,", "np.multiply(slope_f_t, dc * f_t,"),
        ("da_i with o for g", "slope_i = g *", "slope_i = o *"),
        ("da_i without sigmoid'", "slope_i = g * (i - i * i)", "slope_i = g"),
        ("da_i with tanh'", "(i - i * i)", "(1 - i * i)"),
        ("da_i twice: forward's a/2 forgotten", "slope_i = g *", "slope_i = 2 * g *"),
        ("c_t for c_{t-1} in da_f", "slope_f = c_prev *", "slope_f = gates[1:, 4 * H:][steps] *"),
        ("da_f without sigmoid'", "slope_f = c_prev * (f - f * f)", "slope_f = c_prev"),
        ("da_f with f for σ'", "(f - f * f)", "f"),
        ("da_c with f for i", "slope_c = i - i * g * g", "slope_c = f - f * g * g"),
        ("da_c with tanh' = 1 - g", "slope_c = i - i * g * g", "slope_c = i - i * g"),
        ("da_c with sigmoid'", "slope_c = i - i * g * g", "slope_c = i * (g - g * g)"),
        ("da_c with tanh' fed its own output", "slope_c = i - i * g * g", "slope_c = i - i * np.tanh(g)**2"),
        ("da_c with the a/2 of the gates", "W[:3 * H] *= half", "W *= half"),
        ("da_o with c_t for its tanh", "slope_o = tanh *", "slope_o = gates[1:, 4 * H:][steps] *"),
        ("da_o without sigmoid'", "slope_o = tanh * (o - o * o)", "slope_o = tanh"),
        ("da_o off by 1 part in 2,000", "slope_o = tanh *", "slope_o = 1.0005 * tanh *"),
        ("da_o from dc_t", "np.multiply(slope_o_t, dh_t,", "np.multiply(slope_o_t, dc,"),
        ("da_o from dc_t as well", "np.multiply(slope_o_t, dh_t,", "np.multiply(slope_o_t, dh_t * dc,"),
        ("gates i and f swapped", "o, i, f, g, c_prev =", "o, f, i, g, c_prev ="),
        ("gates g and o swapped", "o, i, f, g, c_prev =", "g, i, f, o, c_prev ="),
        ("da_i and da_f swapped", "da_i, da_f, da_c, da_o,", "da_f, da_i, da_c, da_o,"),
        ("blocks left in forward's order o, i, f, c", "dW[:, :H].copy()", "np.roll(dW[:, :H], H, axis=0)"),
        ("blocks of U_h not put in the order o, i, f, c", "W[:3 * H] *= half",
         'W[:3 * H] *= half\n    W[:, :H] = params["U_h"]'),
        ("h_t for h_{t-1} in dU_h", '"U_h": dW[:, :H].copy()', '"U_h": np.tensordot(da, z[1:, :H], ([0, 2], [0, 2]))'),
        ("weights of the last step only", "dW += da.transpose(1, 0, 2).reshape(4 * H, -1) @ z[steps].",
         "dW += da[-1:].transpose(1, 0, 2).reshape(4 * H, -1) @ z[T - 1:T]."),
        ("weights' steps and sequences mixed up", "z[steps].transpose(0, 2, 1)", "z[steps].transpose(2, 0, 1)"),
        ("weights clipped in backward", ".reshape(-1, K)  # (B8)", ".reshape(-1, K).clip(-1, 1)  # (B8)"),
        ("weights laid into memory that holds others", "np.zeros((4 * H, K), dtype)", "cache[-1][0].copy()"),
        ("db the mean over the batch", '"b": dW[:, -1].copy()', '"b": dW[:, -1] / B'),
        ("db off by 1 part in 2,000", '"b": dW[:, -1].copy()', '"b": 1.0005 * dW[:, -1]'),
        ("dx of the input gate only", "dz[:, H:].transpose", "(W_T[H:, :H] @ da[:, :H]).transpose"),
        ("dx off by 1 part in 2,000", "return grads, dx", "return grads, 1.0005 * dx"),
        ("no gradient from the final h", "dh_T, lengths", "None, lengths"),
        ("no gradient from the final c", "dc += boundary.gradient", "boundary.gradient"),
        ("no gradient of the initial h", "dh_slots[0].T.copy()", "np.zeros_like(dh_slots[0].T)"),
        ("no gradient of the initial c", "dc.T)", "0 * dc.T)"),
        ("the initial h and c swapped", "(dh_slots[0].T.copy(), dc.T)", "(dc.T, dh_slots[0].T.copy())"),
        ("all zeros", "dh_T, dc_T = boundary.pair(", "dh, (dh_T, dc_T) = 0 * dh, (None, None) or ("),
        ("the gradient of h in the memory of h", "dh_slots, dc = np.empty((T + 1, H, B), dtype),",
         "dh_slots, dc = z[:, :H],"),
        ("the cache as scratch", ".swapaxes(0, 1).copy()  # g is", ".swapaxes(0, 1); g *= i  # g is"),
    ],
    "lstm with lengths": [
        ("lengths ignored for h", "dh_T, lengths", "dh_T, None"),
        ("lengths ignored for c", "if lengths is not None:", "if False:"),
        ("dc fades while it waits", "np.where(beyond, 1, f)", "f"),
        ("dc leaks into the input gate while it waits", "np.where(beyond, 0, i)", "i"),
        ("the gates are shut one step early", "sequence.padding(lengths,", "sequence.padding(lengths - 1,"),
        ("the gates are shut one step late", "sequence.padding(lengths,", "sequence.padding(lengths + 1,"),
    ],
    "lstm in blocks": [
        ("weights of the first block only", "dW += da.", "dW[:] = da."),
        ("weights of the last block only", "dW += da.", "dW += (steps.stop == T) * da."),
        ("weights meet z from the first step on", "@ z[steps].", "@ z[:len(f)]."),
        ("dx of the first block only", "dx[steps] = dz", "dx[:len(dz)] = dz"),
        ("nothing through h from block to block", "dh_prev_t += dz_h",
         "dh_prev_t += dz_h * (not np.shares_memory(da_t, da[0]))"),
        ("nothing through c from block to block", "dc *= f_t", "dc *= f_t * (not np.shares_memory(f_t, f[0]))"),
    ],
    "gru": [
        ("U_r .. U_n not transposed", 'params["U_h"].T @ du_t',
         'sum(U @ du_k for U, du_k in zip(np.split(params["U_h"], 3), du_rzn_t))'),
        ("no dh_next", 'dh_prev_t += params["U_h"].T @ du_t + dh_t * z_t', "pass"),
        ("dh_next replaces dh from outside", "dh_prev_t += params", "dh_prev_t[:] = params"),
        ("dh_next without dh_t z_t", " + dh_t * z_t", ""),
        ("dh_next through dh_t z_t alone", 'params["U_h"].T @ du_t + dh_t * z_t', "dh_t * z_t"),
        ("dh_next past the reset gate", 'params["U_h"].T @ du_t', 'params["U_h"][H:].T @ du_t[H:]'),
        ("dh_next past the update gate", 'params["U_h"].T @ du_t',
         'params["U_h"].T @ (du_rzn_t * np.array([1, 0, 1])[:, None, None]).reshape(-1, B)'),
        ("dh_next past the candidate", 'params["U_h"].T @ du_t', 'params["U_h"][:2 * H].T @ du_t[:2 * H]'),
        ("dh_next before du is complete", "du_rzn_t *= dh_t  # (B2) to (B5), now whole\n"
         '        dh_prev_t += params["U_h"].T @ du_t + dh_t * z_t',
         'dh_prev_t += params["U_h"].T @ du_t + dh_t * z_t\n        du_rzn_t *= dh_t'),
        ("dh_next added to a copy", "dh_slots, dh_prev)))", "dh_slots, dh_prev.copy())))"),
        ("dh_next off by 1 part in 2,000", 'params["U_h"].T @ du_t', '1.0005 * params["U_h"].T @ du_t'),
        ("1 - z_t for z_t in dh_next", "dh_t * z_t", "dh_t * (1 - z_t)"),
        ("r_t for z_t in dh_next", "(du.reshape(T, 3, H, B), du, z,", "(du.reshape(T, 3, H, B), du, r,"),
        ("dh_t z_t without z_t", "dh_t * z_t", "dh_t"),
        ("dh_t z_t off by 1 part in 2,000", "dh_t * z_t", "1.0005 * dh_t * z_t"),
        ("truncated after two steps", "dh_prev_t += params",
         "dh_prev_t += 0 if np.shares_memory(dh_t, dh_slots[2]) else params"),
        ("clipped on the way", "du_rzn_t *= dh_t", "du_rzn_t *= dh_t.clip(-1, 1)"),
        ("walks forward in time", "zip(*(a[::-1] for a", "zip(*(a for a"),
        ("stops before the first step", "zip(*(a[::-1] for a", "zip(*(a[:0:-1] for a"),
        ("forward resets before the product, as Cho et al. do", "n += r * u_n_kept",
         "n += U_h[2 * H:] @ (r * h_prev_t) + b_n"),
        ("dU_n as if reset before the product", "np.tensordot(du, h_prev, ([0, 2], [0, 2]))",
         "np.concatenate([np.tensordot(du[:, :2 * H], h_prev, ([0, 2], [0, 2])), "
         "np.tensordot(da_n, r * h_prev, ([0, 2], [0, 2]))])"),
        ("du without r on n", "du[:, 2 * H:] *= r", "pass"),
        ("du with r on z and n", "du[:, 2 * H:] *= r", "du[:, H:2 * H] *= r; du[:, 2 * H:] *= r"),
        ("du with r on r instead of n", "du[:, 2 * H:] *= r", "du[:, :H] *= r"),
        ("du with r of the step before", "du[:, 2 * H:] *= r", "du[:, 2 * H:] *= np.roll(r, 1, axis=0)"),
        ("z for r in du", "du[:, 2 * H:] *= r", "du[:, 2 * H:] *= z"),
        ("du in the memory of da", "du[:] = da", "du = da"),
        ("z for 1 - z in da_n", "np.multiply(1 - z, 1 - n * n", "np.multiply(z, 1 - n * n"),
        ("da_n without 1 - z", "np.multiply(1 - z, 1 - n * n, out=da_n)", "da_n[:] = 1 - n * n"),
        ("da_n without tanh'", "np.multiply(1 - z, 1 - n * n, out=da_n)", "da_n[:] = 1 - z"),
        ("da_n with tanh' = 1 - n", "1 - n * n", "1 - n"),
        ("da_n with sigmoid'", "1 - n * n", "n * (1 - n)"),
        ("da_n with tanh' fed its own output", "1 - n * n", "1 - np.tanh(n)**2"),
        ("da_n off by 1 part in 2,000", "np.multiply(1 - z, 1 - n * n", "np.multiply(1 - z, 1.0005 - 1.0005 * n * n"),
        ("da_z with the sign of n - h_{t-1}", "np.multiply(h_prev - n", "np.multiply(n - h_prev"),
        ("da_z without h_{t-1}", "np.multiply(h_prev - n", "np.multiply(-n"),
        ("da_z without n", "np.multiply(h_prev - n", "np.multiply(h_prev"),
        ("h_t for h_{t-1} in da_z", "np.multiply(h_prev - n", "np.multiply(slots[1:] - n"),
        ("da_z without sigmoid'", "np.multiply(h_prev - n, z * (1 - z), out=da_z)", "da_z[:] = h_prev - n"),
        ("da_z with tanh'", "z * (1 - z)", "1 - z * z"),
        ("da_z with sigmoid' fed its own output", "z * (1 - z)", "0.25 / np.cosh(z / 2)**2"),
        ("da_r from dh_t", "np.multiply(da_n * u_n", "np.multiply(u_n"),
        ("da_r without tanh'", "np.multiply(da_n * u_n", "np.multiply((1 - z) * u_n"),
        ("n for u_n in da_r", "np.multiply(da_n * u_n", "np.multiply(da_n * n"),
        ("h_{t-1} for u_n in da_r", "np.multiply(da_n * u_n", "np.multiply(da_n * h_prev"),
        ("r u_n for u_n in da_r", "np.multiply(da_n * u_n", "np.multiply(da_n * r * u_n"),
        ("u_n without its bias", "np.multiply(da_n * u_n", 'np.multiply(da_n * (u_n - params["b_h"][2 * H:, None])'),
        ("da_r without sigmoid'", "np.multiply(da_n * u_n, r * (1 - r), out=da_r)", "da_r[:] = da_n * u_n"),
        ("da_r with tanh'", "r * (1 - r)", "1 - r * r"),
        ("da_r off by 1 part in 2,000", "np.multiply(da_n * u_n", "np.multiply(1.0005 * da_n * u_n"),
        ("da without dh_t", "da.reshape(T, 3, H, B)[:] *= dh_slots[:, None]", "pass"),
        ("da from dh_{t-1}", "*= dh_slots[:, None]", "*= dh_prev[:, None]"),
        ("da from dh_t of the outside alone", "*= dh_slots[:, None]", "*= dh.transpose(1, 2, 0)[:, None]"),
        ("gates r and z swapped", "r, z, n = gate", "z, r, n = gate"),
        ("da_r and da_z swapped", "da_r, da_z, da_n =", "da_z, da_r, da_n ="),
        ("blocks in the order n, r, z", "da_r, da_z, da_n =", "da_n, da_r, da_z ="),
        ("dW_x from du", "np.tensordot(da, x,", "np.tensordot(du, x,"),
        ("dW_x meets a later x", "np.tensordot(da, x,", "np.tensordot(da, np.roll(x, -1, axis=1),"),
        ("dW_x off by 1 part in 2,000", "np.tensordot(da, x,", "np.tensordot(1.0005 * da, x,"),
        ("dU_h from da", "np.tensordot(du, h_prev,", "np.tensordot(da, h_prev,"),
        ("h_t for h_{t-1} in dU_h", "np.tensordot(du, h_prev,", "np.tensordot(du, slots[1:],"),
        ("dU_h without the first step", "np.tensordot(du, h_prev,", "np.tensordot(du[1:], h_prev[1:],"),
        ("b_x from du", '"b_x": da.sum', '"b_x": du.sum'),
        ("b_h from da", '"b_h": du.sum', '"b_h": da.sum'),
        ("b_x and b_h swapped", '"b_x": da.sum(axis=(0, 2)), "b_h": du', '"b_h": da.sum(axis=(0, 2)), "b_x": du'),
        ("b_h the mean over the batch", '"b_h": du.sum(axis=(0, 2))', '"b_h": du.sum(axis=0).mean(axis=1)'),
        ("dx from du", '(params["W_x"].T @ da)', '(params["W_x"].T @ du)'),
        ("dx of the candidate only", '(params["W_x"].T @ da)', '(params["W_x"][2 * H:].T @ da_n)'),
        ("dx off by 1 part in 2,000", '(params["W_x"].T @ da)', '(1.0005 * params["W_x"].T @ da)'),
        ("no gradient from the final state", "arrive(dslots, dh, dstate,", "arrive(dslots, dh, None,"),
        ("no gradient from outside", "arrive(dslots, dh, dstate,", "arrive(dslots, None, dstate,"),
        ("no gradient of the initial state", "dslots[0].T.copy()", "np.zeros_like(dslots[0].T)"),
        ("the gradient of h_0 for that of h_{-1}", "dslots[0].T.copy()", "dslots[1].T.copy()"),
        ("all zeros", "steps = zip(", "du[:], da[:], dslots[:] = 0, 0, 0\n    steps = zip("),
        ("computed in float32", "du[:] = da", "du = da.astype(np.float32)"),
        ("the cache as scratch", "da_n * u_n, r * (1 - r), out=da_r)", "da_n * u_n, r * (1 - r), out=da_r); u_n *= r"),
        ("a gradient missing", ', "b_h": du.sum(axis=(0, 2))', ""),
    ],
    "gru with lengths": [
        ("lengths ignored", "dh, dstate, lengths", "dh, dstate, None"),
    ],
    "rnn in used memory": [
        ("da not reset", "da[:] = phi_prime(h)", "da *= phi_prime(h)"),
        ("da added to what was there", "da[:] = phi_prime(h)", "da += phi_prime(h)"),
    ],
    "lstm in used memory": [
        ("the initial c of another pass", 'c[0] = sequence.initial("state c", c_0, B, H, dtype)',
         'c_0 is None or sequence.initial("state c", c_0, B, H, dtype)'),
        ("the weights of another pass", "W[:H], W[H:] = weights[3 * H:], weights[:3 * H]", "W[:H] = weights[3 * H:]"),
    ],
    "gru in used memory": [
        ("da_n not reset", "np.multiply(1 - z, 1 - n * n, out=da_n)", "da_n *= (1 - z) * (1 - n * n)"),
        ("da_z added to what was there", "np.multiply(h_prev - n, z * (1 - z), out=da_z)",
         "da_z += (h_prev - n) * z * (1 - z)"),
        ("du added to what was there", "du[:] = da", "du += da"),
    ],
    "sequence": [
        ("the final gradient replaces that from outside", "np.arange(B)] += dfinal", "np.arange(B)] = dfinal"),
        ("the final gradient one step early", "T if lengths is None else lengths, :", "lengths - 1, :"),
        ("dh from outside one step early", "slots[1:] = columns(", "slots[-1], slots[:-1] = 0, columns("),
        ("gradients on padding count", "slots[1:].transpose(2, 0, 1)[padding(lengths, T)] = 0", "pass"),
    ],
    "sequence in blocks": [
        ("steps of the last block only", "stop) for stop in range(T, 0, -length)]", "stop) for stop in [T]]"),
        ("a first block that would start before 0 is empty", "max(0, stop - length)", "stop - length"),
        ("blocks overlap", "max(0, stop - length)", "max(0, stop - length - 1)"),
        ("blocks from the first to the last", "range(T, 0, -length)]", "range(T, 0, -length)][::-1]"),
    ],
    "sequence in used memory": [
        ("the gradient of another pass's initial state stays", "slots[0] = 0", "pass"),
    ],
    "sequence in used memory, no dh": [
        ("the gradients of another pass stay", "slots[1:] = 0", "pass"),
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
        ("ε forgotten", '(params["gamma"], x_hat, std,', '(params["gamma"], x_hat, np.sqrt(var),'),
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
        ("from h_t to c_t past the normalization",
         "dn_grads, dc_shown = layer_norm.backward(cache_c, dh_t * o * (1 - tanh_n * tanh_n))",
         "dc_shown = dh_t * o * (1 - tanh_n * tanh_n)\n"
         "        dn_grads, _ = layer_norm.backward(cache_c, dc_shown)"),
        ("to U_h past the normalization", "du = layer_norm.backward(cache_h, da[:, t])",
         "du = layer_norm.backward(cache_h, da[:, t])[0], da[:, t]"),
        ("to W_x past the normalization", "d_from_x = layer_norm.backward(cache_x, da)",
         "d_from_x = layer_norm.backward(cache_x, da)[0], da"),
        ("dU_h from da", "du.T @ h[t].T", "da[:, t].T @ h[t].T"),
        ("h_t for h_{t-1} in dU_h", "du.T @ h[t].T", "du.T @ h[t + 1].T"),
        ("dU_h of the first step only", 'grads["U_h"] += ', 'grads["U_h"] = '),
        ("no dh_next", 'dh_slots[t] += (du @ params["U_h"]).T', "pass"),
        ("dh_next from da", 'dh_slots[t] += (du @', 'dh_slots[t] += (da[:, t] @'),
        ("no dc_next", "dc[t] += (dc_t * f).T", "pass"),
        ("dc_next without the forget gate", "dc[t] += (dc_t * f).T", "dc[t] += dc_t.T"),
        ("dc_next without what h_t sends", "dc_t = dc[t + 1].T + dc_shown", "dc_t = dc[t + 1].T"),
        ("tanh' of n forgotten", " * (1 - tanh_n * tanh_n)", ""),
        ("tanh' of c_t for that of n", "(1 - tanh_n * tanh_n)", "(1 - np.tanh(c[t + 1].T)**2)"),
        ("da_o with c_t for n", "dh_t * tanh_n * o", "dh_t * np.tanh(c[t + 1].T) * o"),
        ("da_f with c_t for c_{t-1}", "dc_t * c[t].T * f", "dc_t * c[t + 1].T * f"),
        ("γ_h of the first step only", 'grads["gamma_h"] += ', 'grads["gamma_h"] = '),
        ("γ_c and β_c swapped", 'grads["gamma_c"] += dn_grads["gamma"]\n        grads["beta_c"]',
         'grads["beta_c"] += dn_grads["gamma"]\n        grads["gamma_c"]'),
        ("b counted for both sums", '["gamma"], dx_grads["beta"]', '["gamma"], 2 * dx_grads["beta"]'),
        ("lengths ignored for c", "None, dc_T, lengths", "None, dc_T, None"),
        ("da_c off by 1 part in 2,000", "dc_t * i * (1 - g * g)", "1.0005 * dc_t * i * (1 - g * g)"),
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
        ("forward without the max", "gamma = np.exp(-np.where(a.real > 0, a, 0))", "gamma = np.exp(-a)"),
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
        ("mean over the masked targets too", "0) / N)", "0) / keep.size)"),
        ("sum, not mean", "0) / N)", "0))"),
        ("all zeros", "0) / N)", "0) * 0)"),
    ],
    "chain": [
        ("no gradient from the final states", "after.pop() if stateful", "None if stateful"),
        ("final states in reversed order", "after.pop()", "after.pop(0)"),
        ("initial states in reversed order", "tuple(before[::-1])", "tuple(before)"),
        ("an initial state dropped", "tuple(before[::-1])", "(None, before[0])"),
        ("gradients in reversed order", "grads[::-1], dy", "grads, dy"),
    ],
    "chain in used memory": [
        ("two layers in the same memory", "return out[:n] if", "return out[:1] * n if"),
    ],
    "last step": [
        ("to the last step of the padding", "dh[np.arange(len(h)), lengths - 1] =", "dh[:, -1] ="),
        ("to the first step", "dh[np.arange(len(h)), lengths - 1] =", "dh[:, 0] ="),
        ("to all steps", "dh[np.arange(len(h)), lengths - 1] =", "dh.swapaxes(0, 1)[:] ="),
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
        ("dropout after the last layer too", "Layer(init, layers.forward, layers.backward,",
         "Layer(init, layers.forward, lambda caches, dy, dh: layers.backward(caches, caches[0][1][0] * dy, dh),"),
        ("off by 1 part in 2,000", "g, dy, initial = layer.backward(cache, dy,",
         "g, dy, initial = layer.backward(cache, 1.0005 * dy,"),
    ],
    "bidirectional": [
        ("dy not reversed", "_reversed(dy_back, lengths)", "dy_back"),
        ("dx not reversed", "_reversed(dx_back, lengths)", "dx_back"),
        ("dy reversed over the padding", "_reversed(dy_back, lengths)", "_reversed(dy_back, None)"),
        ("dx reversed over the padding", "_reversed(dx_back, lengths)", "_reversed(dx_back, None)"),
        ("forward reverses x over the padding", "x = _reversed(x, lengths)", "x = _reversed(x, None)"),
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
        ("the mask of another draw", "return y, state, [cache, mask]",
         "return y, state, [cache, dropout_layer.forward({}, y, 2, training, rate)[1]]"),
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
        ("no gradient from the final state", "model.backward(caches, dy, dstate)", "model.backward(caches, dy)"),
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
        ("forward's decoder starts from zeros", "params, inputs, state, h, lengths, rng, training)\n",
         "params, inputs, None, h, lengths, rng, training)\n"),
        ("gradients of encoder and decoder swapped", 'grads["decoder"], _, dstate = self.reader.backward(decoder, ds)  '
         '# (B3)\n        grads["encoder"]',
         'grads["encoder"], _, dstate = self.reader.backward(decoder, ds)\n        grads["decoder"]'),
        ("dstate off by 1 part in 2,000", "encoder, dh, dstate)", "encoder, dh, (1.0005 * dstate[0],))"),
        ("the values off by 1 part in 2,000", "dk + dv", "dk + 1.0005 * dv"),
    ],
}

# Bugs of memory alone: every gradient is right, until the memory is used again.
LEAKS = {
    "rnn in used memory": [
        ("the gradient of the initial state is a view", "dslots[0].T.copy()", "dslots[0].T"),
    ],
    "gru in used memory": [
        ("the gradient of the initial state is a view", "dslots[0].T.copy()", "dslots[0].T"),
    ],
    "sequence in used memory": [
        ("outputs are a view", "steps.transpose(0, 2, 1).copy()", "steps.transpose(0, 2, 1)"),
        ("the final state is a view", "slots[-1].T.copy()", "slots[-1].T"),
        ("memory of another dtype", "a.dtype) for a in old]", "dtype) for a in old]"),
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


def assert_no_leak(layer, params, inputs):
    problems = [(params, inputs), like(generator(3), (params, inputs))]
    problems.append(tree.map(lambda array: array.astype(np.float32), problems[0]))
    for fresh, again in list(in_used_memory(layer, [(*problem, {}) for problem in problems])):
        assert_same(again, fresh)


@each_of(LEAKS)
def test_the_leak_is_caught(subject, right, wrong):
    module, arranged = SUBJECTS[subject]
    layer, params, inputs, _ = arranged(copy_of(module, right, wrong))
    assert gradcheck.check(layer, params, *inputs, rng=generator(1)).ok
    assert_no_leak(arranged(copy_of(module))[0], params, inputs)
    with pytest.raises(AssertionError):
        assert_no_leak(layer, params, inputs)


@pytest.mark.parametrize("subject, right, wrong, weaken", [
    pytest.param("rnn", "U_h.T @ da_t", "U_h @ da_t",
                 lambda params, x, state: (params | {"U_h": params["U_h"] + params["U_h"].T}, x, state),
                 id="symmetric weights hide a missing transpose"),
    pytest.param("rnn", "np.tensordot(da, h_prev,", "np.tensordot(da[1:], h_prev[1:],",
                 lambda params, x, state: (params, x, 0 * state),
                 id="a zero initial state hides that dU_h forgets it"),
    pytest.param("rnn", "U_h.T @ da_t", "U_h.T @ da_t * np.shares_memory(da_t, da[0])",
                 lambda params, x, state: (params, x[:, :1], state),
                 id="a single step hides that nothing goes back in time"),
    pytest.param("rnn", "da.sum(axis=(0, 2))", "da.sum(axis=0).mean(axis=1)",
                 lambda params, x, state: (params, x[:1], state[:1]),
                 id="a single sequence hides a mean for a sum"),
    pytest.param("gru", "np.multiply(da_n * u_n", 'np.multiply(da_n * (u_n - params["b_h"][2 * H:, None])',
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
    pytest.param("dW += da.", "dW[:] = da.", "lstm", "lstm in blocks",
                 id="sequences shorter than a block hide that only one block counts"),
    pytest.param("return out[:n] if", "return out[:1] * n if", "chain", "chain in used memory",
                 id="fresh memory hides that two layers share the old one"),
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
    broken = copy_of(rnn, "U_h.T @ da_t", "U_h @ da_t")
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
