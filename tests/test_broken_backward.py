"""The gradient check is itself checked: it must reject every classic bug, put into the source one at a time."""

import inspect
import types

import numpy as np
import pytest

from helpers import CLASSES, LENGTHS, MASK, NOT_EMPTY, NUMBERS, D, H, K, arrange, each_method, generator, like, normal
from minirnn import compose, gradcheck, linear, losses, lstm, rnn
from minirnn.activations import softmax
from minirnn.layers import sequence


def copy_of(module, right="", wrong=""):
    """The module made again from its source, with the right text replaced by the wrong one."""
    source = inspect.getsource(module)
    if right:
        if (count := source.count(right)) != 1:
            pytest.fail(f"{module.__name__} has this {count} times, expected once: {right}", pytrace=False)
        source = source.replace(right, wrong)
    copy = types.ModuleType(module.__name__)
    copy.__package__ = module.__package__
    exec(source, vars(copy))
    return copy


def rnn_on(sequence):
    layer = copy_of(rnn)
    layer.sequence = sequence
    return layer


def read_out(loss, target):
    return compose.with_loss(compose.chain(linear), loss, target, MASK)


# What is checked: the module that has the bug, and a layer, parameters, inputs and settings that use a copy of it.
SUBJECTS = {
    "rnn": (rnn, lambda copy: arrange(copy, D, H)),
    "rnn with sigmoid": (rnn, lambda copy: arrange(copy, D, H, activation="sigmoid")),
    "rnn with lengths": (rnn, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "lstm": (lstm, lambda copy: arrange(copy, D, H)),
    "lstm with lengths": (lstm, lambda copy: arrange(copy, D, H, lengths=LENGTHS)),
    "sequence": (sequence, lambda copy: arrange(rnn_on(copy), D, H, lengths=LENGTHS)),
    "linear": (linear, lambda copy: arrange(copy, D, K, activation="sigmoid")),
    "mse": (losses, lambda copy: arrange(read_out(copy.mse, NUMBERS), D, K)),
    "cross-entropy": (losses, lambda copy: arrange(read_out(copy.cross_entropy, CLASSES), D, K)),
    "chain": (compose, lambda copy: arrange(copy.chain(rnn, rnn, linear), D, H, H, K)),
    "last step": (compose, lambda copy: arrange(copy.last_step, lengths=NOT_EMPTY)),
    "with_loss": (compose, lambda copy: arrange(
        copy.with_loss(copy.chain(lstm, linear), losses.mse, NUMBERS), D, H, K)),
}

# The bug in words, the text that is right, the text that is wrong.
BUGS = {
    "rnn": [
        ("U_h not transposed", "U_h.T @ da[t]", "U_h @ da[t]"),
        ("no dh_next", "dh_prev[t] += U_h.T @ da[t]", "pass"),
        ("dh_next replaces dh from outside", "dh_prev[t] += U_h.T", "dh_prev[t] = U_h.T"),
        ("dh_next without tanh'", "dh_prev[t] += U_h.T @ da[t]", "dh_prev[t] += U_h.T @ dh_t[t]"),
        ("dh_next off by 1 part in 2,000", "U_h.T @ da[t]", "1.0005 * U_h.T @ da[t]"),
        ("truncated after two steps", "U_h.T @ da[t]", "U_h.T @ da[t] * (t != 2)"),
        ("clipped on the way", "da[t] *= dh_t[t]", "da[t] *= dh_t[t].clip(-1, 1)"),
        ("normalized on the way", "da[t] *= dh_t[t]", "da[t] *= dh_t[t] / np.linalg.norm(dh_t[t])"),
        ("stops before the first step", "reversed(range(len(h)))", "reversed(range(1, len(h)))"),
        ("walks forward in time", "reversed(range(len(h)))", "range(len(h))"),
        ("h_t for h_{t-1} in dU_h", "np.tensordot(da, h_prev,", "np.tensordot(da, h,"),
        ("dU_h without the first step", "np.tensordot(da, h_prev,", "np.tensordot(da[1:], h_prev[1:],"),
        ("dU_h transposed", "np.tensordot(da, h_prev,", "np.tensordot(h_prev, da,"),
        ("dU_h of one sequence", "np.tensordot(da, h_prev,", "np.tensordot(da[:, :, :1], h_prev[:, :, :1],"),
        ("dW_ih meets a later x", "np.tensordot(da, x,", "np.tensordot(da, np.roll(x, -1, axis=1),"),
        ("dW_ih off by 1 part in 2,000", "np.tensordot(da, x,", "np.tensordot(1.0005 * da, x,"),
        ("db_h the mean over the batch", "da.sum(axis=(0, 2))", "da.sum(axis=0).mean(axis=1)"),
        ("db_h of the last step only", "da.sum(axis=(0, 2))", "da[-1].sum(axis=1)"),
        ("dx without the recurrent path", "(W_ih.T @ da)", "(W_ih.T @ (phi_prime(h) * dh.transpose(1, 2, 0)))"),
        ("dx without tanh'", "(W_ih.T @ da)", "(W_ih.T @ dh_t)"),
        ("tanh' is 1 - h", "1 - h * h", "1 - h"),
        ("tanh' fed its own output", "1 - h * h", "1 - np.tanh(h)**2"),
        ("tanh' forgotten", "1 - h * h", "np.ones_like(h)"),
        ("sigmoid' for tanh'", "1 - h * h", "h * (1 -  h)"),
        ("no gradient from the final state", "arrive(dslots, dh, dstate,", "arrive(dslots, dh, None,"),
        ("no gradient from outside", "arrive(dslots, dh, dstate,", "arrive(dslots, None, dstate,"),
        ("no gradient of the initial state", "dslots[0].T.copy()", "np.zeros_like(dslots[0].T)"),
        ("the gradient of h_0 for that of h_{-1}", "dslots[0].T.copy()", "dslots[1].T.copy()"),
        ("all zeros", "da = phi_prime(h)", "da, dslots[:] = 0 * h, 0"),
        ("computed in float32", "da = phi_prime(h)", "da = phi_prime(h).astype(np.float32)"),
        ("the cache as scratch", "da = phi_prime(h)", "da = h\n    da[:] = phi_prime(h)"),
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
        ("U_i .. U_o not transposed", "dz[t] += W.T @ da[t]",
         "dz[t] += W.T @ da[t]\n"
         "            dz[t, :H] += sum((U - U.T) @ a for U, a in zip(np.split(W[:, :H], 4), np.split(da[t], 4)))"),
        ("no dh_next", "dz[t] += W.T @ da[t]", "dz[t, H:] += W[:, H:].T @ da[t]"),
        ("dh_next replaces dh from outside", "dz[t] += W.T @ da[t]", "dz[t] = W.T @ da[t]"),
        ("dh_next without the output gate's part", "dz[t] += W.T @ da[t]", "dz[t] += W[:3 * H].T @ da[t, :3 * H]"),
        ("dh_next off by 1 part in 2,000", "W.T @ da[t]", "1.0005 * W.T @ da[t]"),
        ("no dc_next", "dc_prev[t] += dc[t] * f_t", "pass"),
        ("dc_next without the forget gate", "dc_prev[t] += dc[t] * f_t", "dc_prev[t] += dc[t]"),
        ("dc_next replaced by what h_t sends", "dc[t] += dh_t[t] * shown_t", "dc[t] = dh_t[t] * shown_t"),
        ("dc_next off by 1 part in 2,000", "dc[t] * f_t", "1.0005 * dc[t] * f_t"),
        ("dc truncated after two steps", "dc[t] * f_t", "dc[t] * f_t * (t != 2)"),
        ("dh clipped on the way", "dh_t[t] * shown_t", "dh_t[t].clip(-1, 1) * shown_t"),
        ("nothing from h_t to c_t", "dc[t] += dh_t[t] * shown_t", "pass"),
        ("c_t without tanh'", "shown = o * (1 - tanh_c[steps] * tanh_c[steps])", "shown = o.copy()"),
        ("c_t's tanh' is 1 - tanh", "(1 - tanh_c[steps] * tanh_c[steps])", "(1 - tanh_c[steps])"),
        ("c_t's tanh' fed c_t for its tanh", "(1 - tanh_c[steps] * tanh_c[steps])", "(1 - cells[1:][steps] ** 2)"),
        ("c_t without the output gate", "shown = o * (1", "shown = 1 * (1"),
        ("o_{t+1} for o_t", "shown = o * (1", "shown = np.roll(o, -1, axis=0) * (1"),
        ("c_t for c_{t-1} in da_f", "c_prev[steps] * f", "cells[1:][steps] * f"),
        ("da_i with o for g", "g * i * (1 - i)", "o * i * (1 - i)"),
        ("da_i without sigmoid'", "g * i * (1 - i)", "g"),
        ("da_i with tanh'", "g * i * (1 - i)", "g * (1 - i * i)"),
        ("da_f without sigmoid'", "c_prev[steps] * f * (1 - f)", "c_prev[steps]"),
        ("da_c with f for i", "i * (1 - g * g)", "f * (1 - g * g)"),
        ("da_c with tanh' = 1 - g", "i * (1 - g * g)", "i * (1 - g)"),
        ("da_c with sigmoid'", "i * (1 - g * g)", "i * g * (1 - g)"),
        ("da_c with tanh' fed its own output", "i * (1 - g * g)", "i * (1 - np.tanh(g)**2)"),
        ("da_o with c_t for its tanh", "tanh_c[steps] * o * (1 - o)", "cells[1:][steps] * o * (1 - o)"),
        ("da_o without sigmoid'", "tanh_c[steps] * o * (1 - o)", "tanh_c[steps]"),
        ("da_o off by 1 part in 2,000", "tanh_c[steps] * o * (1 - o)", "1.0005 * tanh_c[steps] * o * (1 - o)"),
        ("da_o from dc_t", "da[t, 3 * H:] *= dh_t[t]", "da[t, 3 * H:] *= dc[t]"),
        ("gates i and f swapped", "da_i, da_f, da_c, da_o =", "da_f, da_i, da_c, da_o ="),
        ("gates g and o swapped", "da_i, da_f, da_c, da_o =", "da_i, da_f, da_o, da_c ="),
        ("h_t for h_{t-1} in dU_h", '"U_h": dW[:, :H]', '"U_h": np.tensordot(da, z[1:, :H], ([0, 2], [0, 2]))'),
        ("weights of the last step only", "np.tensordot(da, z[:T],", "np.tensordot(da[-1:], z[T - 1:T],"),
        ("weights clipped in backward", "([0, 2], [0, 2]))  # (B8)", "([0, 2], [0, 2])).clip(-1, 1)  # (B8)"),
        ("db the mean over the batch", '"b": dW[:, -1]', '"b": dW[:, -1] / B'),
        ("db off by 1 part in 2,000", '"b": dW[:, -1]', '"b": 1.0005 * dW[:, -1]'),
        ("dx of the input gate only", "dz[:T, H:-1].transpose", "(W[:H, H:-1].T @ da[:, :H]).transpose"),
        ("dx off by 1 part in 2,000", "return grads, dz[:T", "return grads, 1.0005 * dz[:T"),
        ("no gradient from the final h", "dh_T, lengths", "None, lengths"),
        ("no gradient from the final c", "dc_T, lengths", "None, lengths"),
        ("no gradient of the initial h", "dz[0, :H].T.copy()", "np.zeros_like(dz[0, :H].T)"),
        ("no gradient of the initial c", "dcells[0].T.copy()", "np.zeros_like(dcells[0].T)"),
        ("the initial h and c swapped", "(dz[0, :H].T.copy(), dcells[0].T.copy())",
         "(dcells[0].T.copy(), dz[0, :H].T.copy())"),
        ("all zeros", "dh_T, dc_T = boundary.pair(", "dh, (dh_T, dc_T) = 0 * dh, (None, None) or ("),
        ("the cache as scratch", "da_c[:] = i * (1 - g * g)", "da_c[:] = i * (1 - g * g); g *= i"),
    ],
    "lstm with lengths": [
        ("lengths ignored for h", "dh_T, lengths", "dh_T, None"),
        ("lengths ignored for c", "dc_T, lengths", "dc_T, None"),
    ],
    "sequence": [
        ("the final gradient replaces that from outside", "np.arange(B)] += dfinal", "np.arange(B)] = dfinal"),
        ("the final gradient one step early", "T if lengths is None else lengths, :", "lengths - 1, :"),
        ("dh from outside one step early", "slots[1:] = dsteps", "slots[:-1] = dsteps"),
        ("gradients on padding count", "slots[1:].transpose(2, 0, 1)[padding(lengths, T)] = 0", "pass"),
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
        ("no gradient from the final states", "layer.backward(cache, dy, after.pop())", "layer.backward(cache, dy)"),
        ("final states in reversed order", "after.pop()", "after.pop(0)"),
        ("initial states in reversed order", "tuple(before[::-1])", "tuple(before)"),
        ("an initial state dropped", "tuple(before[::-1])", "(None, before[0])"),
        ("gradients in reversed order", "grads[::-1], dy", "grads, dy"),
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
}


def check(subject, method, right="", wrong=""):
    module, arranged = SUBJECTS[subject]
    layer, params, inputs, settings = arranged(copy_of(module, right, wrong))
    return gradcheck.check(layer, params, *inputs, rng=generator(1), method=method, **settings)


@each_method
@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_untouched_copy_passes(subject, method):
    report = check(subject, method)
    assert report.ok, f"\n{report}"


@each_method
@pytest.mark.parametrize("subject, right, wrong", [pytest.param(subject, *texts, id=f"{subject}: {bug}")
                                                   for subject, bugs in BUGS.items() for bug, *texts in bugs])
def test_the_bug_is_caught(subject, right, wrong, method):
    report = check(subject, method, right, wrong)
    assert not report.ok, f"\n{report}"


@pytest.mark.parametrize("right, wrong, weaken", [
    pytest.param("U_h.T @ da[t]", "U_h @ da[t]",
                 lambda params, x, state: (params | {"U_h": params["U_h"] + params["U_h"].T}, x, state),
                 id="symmetric weights hide a missing transpose"),
    pytest.param("np.tensordot(da, h_prev,", "np.tensordot(da[1:], h_prev[1:],",
                 lambda params, x, state: (params, x, 0 * state),
                 id="a zero initial state hides that dU_h forgets it"),
    pytest.param("dh_prev[t] += U_h.T @ da[t]", "dh_prev[t] += U_h.T @ da[t] * (t == 0)",
                 lambda params, x, state: (params, x[:, :1], state),
                 id="a single step hides that nothing goes back in time"),
    pytest.param("da.sum(axis=(0, 2))", "da.sum(axis=0).mean(axis=1)",
                 lambda params, x, state: (params, x[:1], state[:1]),
                 id="a single sequence hides a mean for a sum"),
])
def test_weak_settings_hide_a_bug(right, wrong, weaken):
    layer, params, inputs, _ = arrange(copy_of(rnn, right, wrong), D, H)
    assert gradcheck.check(layer, *weaken(params, *inputs), rng=generator(1)).ok
    assert not gradcheck.check(layer, params, *inputs, rng=generator(1)).ok


def test_small_weights_and_a_loose_tolerance_hide_a_missing_transpose():
    broken = copy_of(rnn, "U_h.T @ da[t]", "U_h @ da[t]")
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
