"""The layers against their equations, written out literally: one sequence, one gate at a time, only loops.

The article prints equations 1 to 4 in its section 4. The lines marked "not printed" are those it needs and leaves out.
It names neither the GRU nor the embedding: theirs are the equations of PyTorch's documentation.
"""

import math

import numpy as np
import pytest

from helpers import assert_same, big, generator, like, normal
from minirnn import embedding, gru, linear, lstm, rnn

B, T, D, H, K = 2, 6, 3, 5, 4
ROUNDING = 1e-14


def dot(W, v):
    return np.array([sum(w * v_k for w, v_k in zip(row, v)) for row in W])


def sigma(z):
    return np.array([1 / (1 + math.exp(-z_k)) for z_k in z])


def tanh(z):
    return np.array([math.tanh(z_k) for z_k in z])


def rnn_of_the_article(x, h, phi, W_ih, U_h, b_h):
    hs = []
    for x_t in x:
        h = phi(dot(W_ih, x_t) + dot(U_h, h) + b_h)  # equation 1
        hs.append(h)
    return hs


def lstm_of_the_article(x, h, c, W_xi, W_xf, W_xc, W_xo, U_i, U_f, U_c, U_o, b_i, b_f, b_c, b_o):
    hs, cs = [], []
    for x_t in x:
        i_t = sigma(dot(W_xi, x_t) + dot(U_i, h) + b_i)  # not printed
        f_t = sigma(dot(W_xf, x_t) + dot(U_f, h) + b_f)  # not printed
        o_t = sigma(dot(W_xo, x_t) + dot(U_o, h) + b_o)  # not printed: equation 4 reads h_t, which needs this first
        candidate = tanh(dot(W_xc, x_t) + dot(U_c, h) + b_c)  # equation 3
        c = f_t * c + i_t * candidate  # equation 2
        h = o_t * tanh(c)  # not printed
        hs.append(h)
        cs.append(c)
    return hs, cs


def gru_of_pytorch(x, h, W_xr, W_xz, W_xn, U_r, U_z, U_n, b_xr, b_xz, b_xn, b_hr, b_hz, b_hn):
    hs = []
    for x_t in x:
        r_t = sigma(dot(W_xr, x_t) + b_xr + dot(U_r, h) + b_hr)
        z_t = sigma(dot(W_xz, x_t) + b_xz + dot(U_z, h) + b_hz)
        n_t = tanh(dot(W_xn, x_t) + b_xn + r_t * (dot(U_n, h) + b_hn))  # not U_n (r ⊙ h), as Cho et al. have it
        h = (1 - z_t) * n_t + z_t * h
        hs.append(h)
    return hs


def read_out_of_the_article(h, W_oh, b_o):
    return [sigma(dot(W_oh, h_t) + b_o) for h_t in h]  # equation 4


@pytest.mark.parametrize("activation, phi", [("sigmoid", sigma), ("tanh", tanh)])
def test_rnn_is_equation_1(activation, phi):
    rng = generator()
    params, x, h_0 = big(rng, rnn, D, H), normal(rng, B, T, D), normal(rng, B, H)
    h, h_T, _ = rnn.forward(params, x, h_0, activation=activation)
    expected = np.array([rnn_of_the_article(x[b], h_0[b], phi, **params) for b in range(B)])
    assert_same((h, h_T), (expected, expected[:, -1]), ROUNDING)


def test_lstm_is_equations_2_and_3_with_the_gates_left_out():
    rng = generator()
    params, x, h_0, c_0 = big(rng, lstm, D, H), normal(rng, B, T, D), normal(rng, B, H), normal(rng, B, H)
    h, state, _ = lstm.forward(params, x, (h_0, c_0))
    expected = [lstm_of_the_article(x[b], h_0[b], c_0[b], **lstm.gates(params)) for b in range(B)]
    hs, cs = np.array(expected).swapaxes(0, 1)
    assert_same((h, state), (hs, (hs[:, -1], cs[:, -1])), ROUNDING)


def test_gru_is_its_equations_one_gate_at_a_time():
    rng = generator()
    params, x, h_0 = big(rng, gru, D, H), normal(rng, B, T, D), normal(rng, B, H)
    h, h_T, _ = gru.forward(params, x, h_0)
    blocks = {f"{ours}{gate}": block for ours, theirs in (("W_x", "W_x"), ("U_", "U_h"), ("b_x", "b_x"), ("b_h", "b_h"))
              for gate, block in zip("rzn", np.split(params[theirs], 3))}
    expected = np.array([gru_of_pytorch(x[b], h_0[b], **blocks) for b in range(B)])
    assert_same((h, h_T), (expected, expected[:, -1]), ROUNDING)


def test_embedding_looks_each_id_up():
    params, ids = big(generator(), embedding, K, D), np.array([[1, 0, 1], [3, 3, 1]])
    x, _ = embedding.forward(params, ids)
    assert_same(x, np.array([[params["W"][i] for i in row] for row in ids]))


def test_equation_4_as_printed_is_a_read_out_of_the_hidden_state():
    rng = generator()
    params, h = big(rng, linear, H, K), normal(rng, B, T, H)
    y, _ = linear.forward(params, h, activation="sigmoid")
    expected = np.array([read_out_of_the_article(h[b], W_oh=params["W"], b_o=params["b"]) for b in range(B)])
    assert_same(y, expected, ROUNDING)


def test_gates_are_views_into_the_parameters():
    params = big(generator(), lstm, D, H)
    for block in lstm.gates(params).values():
        block[...] = 7
    assert_same(params, {name: np.full_like(p, 7) for name, p in params.items()})


def test_the_forget_gate_starts_open():
    gates = lstm.gates(lstm.init(generator(), D, H))
    assert (gates["b_f"] == 1).all() and not any(gates[name].any() for name in ("b_i", "b_c", "b_o"))
