"""The weights that a recurrence starts from: orthogonal ones, and gates that remember."""

import copy

import numpy as np
import pytest

from helpers import assert_same, big, generator
from minirnn import attention, compose, decayed, embedding, gru, initialize, linear, lstm, models, normalize, rnn, tree

D, H, K, V = 3, 8, 2, 11
LAYERS = {  # layer, sizes; how many recurrent layers it holds
    "rnn": (rnn, (D, H), 1),
    "lstm": (lstm, (D, H), 1),
    "gru": (gru, (D, H), 1),
    "layer_norm_lstm": (normalize.layer_norm_lstm, (D, H), 1),
    "decayed(gru)": (decayed(gru), (D, H), 1),
    "bidirectional(lstm)": (compose.bidirectional(lstm), (D, H), 2),
    "stack(gru, 3)": (compose.stack(gru, 3, dropout=0.5), (D, H), 3),
    "a chain with chains in it": (compose.chain(compose.bidirectional(rnn), normalize.layer_norm,
                                                compose.stack(compose.residual(lstm), 2), linear), (D, H, H, K), 4),
    "tied": (compose.tied(compose.chain(embedding, gru, linear)), (V, D, D, V), 1),
    "encoder-decoder": (models.EncoderDecoder(attention.additive, lstm), (V, V + 1, D, H), 2),
}
each_layer = pytest.mark.parametrize("layer, sizes, count", LAYERS.values(), ids=LAYERS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_T = pytest.mark.parametrize("T", [3, 50])


def recurrences(params):
    """The parameters of each recurrent layer."""
    layers = {}
    for path, array in tree.leaves(params):
        owner, _, name = path.rpartition(".")
        layers.setdefault(owner, {})[name] = array
    return [layer for layer in layers.values() if "U_h" in layer]


def blocks(params):
    """Every square block of every U_h."""
    return [block for layer in recurrences(params) for block in np.split(layer["U_h"], _gates(layer))]


def others(params, *names):
    """All parameters but those with these names."""
    return {path: array for path, array in tree.leaves(params) if path.rpartition(".")[2] not in names}


def _gates(layer):
    """1 for an RNN, 3 for a GRU, 4 for an LSTM."""
    rows, H = layer["U_h"].shape
    return rows // H


@each_dtype
@each_layer
def test_every_block_of_every_recurrence_is_made_orthogonal_and_nothing_else_is_changed(layer, sizes, count, dtype):
    params = big(generator(), layer, *sizes, dtype=dtype)
    before = copy.deepcopy(params)
    assert initialize.orthogonal(generator(1), params) is params
    assert len(recurrences(params)) == count
    for block in blocks(params):
        np.testing.assert_allclose(block @ block.T, np.eye(len(block)), atol=100 * np.finfo(dtype).eps)
    assert_same(others(params, "U_h"), others(before, "U_h"))
    assert {array.dtype for _, array in tree.leaves(params)} == {np.dtype(dtype)}


@each_layer
def test_no_two_orthogonal_blocks_are_the_same(layer, sizes, count):
    drawn = [block.tobytes() for block in blocks(initialize.orthogonal(generator(), layer.init(generator(), *sizes)))]
    assert len({*drawn}) == len(drawn) >= count


def test_every_rotation_and_reflection_is_equally_likely():
    rng = generator()
    drawn = np.array([initialize.orthogonal(rng, {"U_h": np.empty((3, 3))})["U_h"] for _ in range(2000)])
    assert abs(drawn.mean(axis=0)).max() < 0.08 and abs(np.linalg.det(drawn).mean()) < 0.14  # 6 standard deviations


@pytest.mark.parametrize("U_h", [np.asfortranarray(np.ones((12, 3))), np.ones((12, 6))[:, ::2], np.ones((1, 1))],
                         ids=["by columns", "every other column", "one unit"])
def test_recurrent_weights_are_made_orthogonal_however_they_lie_in_memory(U_h):
    params = initialize.orthogonal(generator(), {"U_h": U_h})
    assert params["U_h"] is U_h
    for block in blocks(params):
        np.testing.assert_allclose(block @ block.T, np.eye(len(block)), atol=1e-14)


@each_dtype
@each_T
@each_layer
def test_gates_of_every_layer_are_made_to_remember_and_nothing_else_is_changed(layer, sizes, count, T, dtype):
    params = big(generator(), layer, *sizes, dtype=dtype)
    expected = copy.deepcopy(params)
    assert initialize.chrono(generator(1), params, T) is params
    assert len(recurrences(params)) == count
    for p, now in zip(recurrences(expected), recurrences(params)):
        H = p["U_h"].shape[1]
        if _gates(p) == 3:  # r, z, n
            times(now["b_x"][H:2 * H], T)
            p["b_x"][H:2 * H], p["b_h"][H:2 * H] = now["b_x"][H:2 * H], 0
        elif _gates(p) == 4:  # i, f, c̃, o
            times(now["b"][H:2 * H], T)
            p["b"][:H], p["b"][H:2 * H] = -now["b"][H:2 * H], now["b"][H:2 * H]
    assert_same(params, expected)
    assert {array.dtype for _, array in tree.leaves(params)} == {np.dtype(dtype)}


def times(biases, T):
    """For how long gates with these biases remember, all different and within 1 .. T - 1."""
    u = np.exp(biases)
    assert len({*u}) == len(u) and (u > 1 - 1e-6).all() and (u < T - 1 + 1e-5).all()
    return u


@each_T
@pytest.mark.parametrize("layer, name", [(lstm, "b"), (gru, "b_x")], ids=["lstm", "gru"])
def test_the_times_for_which_gates_remember_are_spread_evenly(layer, name, T):
    H = 1000
    params = initialize.chrono(generator(), layer.init(generator(), D, H, dtype=np.float64), T)
    u = np.sort(times(params[name][H:2 * H], T))
    np.testing.assert_allclose(u, np.linspace(1, T - 1, H), atol=0.06 * (T - 2))


def test_a_gate_that_remembers_for_u_steps_has_forgotten_two_thirds_after_them():
    H, T = 5, 400
    params = tree.map(np.zeros_like, gru.init(generator(), D, H, dtype=np.float64))  # nothing but what chrono writes
    u = times(initialize.chrono(generator(), params, T)["b_x"][H:2 * H], T)
    h, _, _ = gru.forward(params, np.zeros((1, T, D)), np.ones((1, H)))
    np.testing.assert_allclose(h[0, np.round(u).astype(int) - 1, np.arange(H)], np.exp(-1), atol=0.02)


@each_T
def test_an_rnn_has_no_gates_to_set(T):
    params = rnn.init(generator(), D, H)
    before = copy.deepcopy(params)
    assert_same(initialize.chrono(generator(), params, T), before)


@pytest.mark.parametrize("T, error, says", [
    (2, ValueError, "T is 2, expected a whole number of at least 3"),
    (0, ValueError, "T is 0, expected a whole number of at least 3"),
    (2.5, TypeError, "T is 2.5, expected a whole number of at least 3"),
    (None, TypeError, "T is None, expected a whole number of at least 3"),
])
def test_no_gate_can_remember_for_fewer_than_three_steps(T, error, says):
    params = lstm.init(generator(), D, H)
    before = copy.deepcopy(params)
    with pytest.raises(error, match=f"^{says}$"):
        initialize.chrono(generator(), params, T)
    assert_same(params, before)
