"""Parameters go to PyTorch under its names and come back bit for bit; there they compute the same, to 1e-12."""

import numpy as np
import pytest
from helpers import IDS, B, D, H, K, T, V, assert_same, generator, like, normal

from minirnn import compose, embedding, gru, linear, lstm, rnn, tree, weights
from minirnn.layers import attention, normalize

pytestmark = pytest.mark.filterwarnings("ignore:::torch")

BOTH, MULTI_HEAD = compose.bidirectional, attention.multi_head
X, MEMORY, VALUES = normal(generator(1), B, T, D), normal(generator(2), B, T, 3), normal(generator(3), B, T, 4)
READ_OUT = {"in_proj_bias": (18,), "out_proj.weight": (6, 6), "out_proj.bias": (6,)}

# name: our layer, its sizes, its inputs and settings, PyTorch's module, what is in its state_dict
CASES = {
    "rnn": (rnn, (D, H), [X], {}, lambda nn: nn.RNN(D, H, batch_first=True), {
        "weight_ih_l0": (5, 2), "weight_hh_l0": (5, 5), "bias_ih_l0": (5,), "bias_hh_l0": (5,)}),
    "lstm": (lstm, (D, H), [X], {}, lambda nn: nn.LSTM(D, H, batch_first=True), {
        "weight_ih_l0": (20, 2), "weight_hh_l0": (20, 5), "bias_ih_l0": (20,), "bias_hh_l0": (20,)}),
    "gru": (gru, (D, H), [X], {}, lambda nn: nn.GRU(D, H, batch_first=True), {
        "weight_ih_l0": (15, 2), "weight_hh_l0": (15, 5), "bias_ih_l0": (15,), "bias_hh_l0": (15,)}),
    "lstm of one unit": (lstm, (D, 1), [X], {}, lambda nn: nn.LSTM(D, 1, batch_first=True), {
        "weight_ih_l0": (4, 2), "weight_hh_l0": (4, 1), "bias_ih_l0": (4,), "bias_hh_l0": (4,)}),
    "stack": (compose.stack(rnn, 3), (D, H), [X], {}, lambda nn: nn.RNN(D, H, 3, batch_first=True), {
        "weight_ih_l0": (5, 2), "weight_hh_l0": (5, 5), "bias_ih_l0": (5,), "bias_hh_l0": (5,),
        "weight_ih_l1": (5, 5), "weight_hh_l1": (5, 5), "bias_ih_l1": (5,), "bias_hh_l1": (5,),
        "weight_ih_l2": (5, 5), "weight_hh_l2": (5, 5), "bias_ih_l2": (5,), "bias_hh_l2": (5,)}),
    "bidirectional": (BOTH(lstm), (D, 6), [X], {}, lambda nn: nn.LSTM(D, 3, batch_first=True, bidirectional=True), {
        "weight_ih_l0": (12, 2), "weight_hh_l0": (12, 3), "bias_ih_l0": (12,), "bias_hh_l0": (12,),
        "weight_ih_l0_reverse": (12, 2), "weight_hh_l0_reverse": (12, 3), "bias_ih_l0_reverse": (12,),
        "bias_hh_l0_reverse": (12,)}),
    "stack of both": (compose.stack(BOTH(gru), 2), (D, 6), [X], {},
                      lambda nn: nn.GRU(D, 3, 2, batch_first=True, bidirectional=True), {
        "weight_ih_l0": (9, 2), "weight_hh_l0": (9, 3), "bias_ih_l0": (9,), "bias_hh_l0": (9,),
        "weight_ih_l0_reverse": (9, 2), "weight_hh_l0_reverse": (9, 3), "bias_ih_l0_reverse": (9,),
        "bias_hh_l0_reverse": (9,),
        "weight_ih_l1": (9, 6), "weight_hh_l1": (9, 3), "bias_ih_l1": (9,), "bias_hh_l1": (9,),
        "weight_ih_l1_reverse": (9, 6), "weight_hh_l1_reverse": (9, 3), "bias_ih_l1_reverse": (9,),
        "bias_hh_l1_reverse": (9,)}),
    "linear": (linear, (D, K), [X], {}, lambda nn: nn.Linear(D, K), {"weight": (6, 2), "bias": (6,)}),
    "embedding": (embedding, (V, D), [IDS], {}, lambda nn: nn.Embedding(V, D), {"weight": (8, 2)}),
    "layer_norm": (normalize.layer_norm, (D,), [X], {}, lambda nn: nn.LayerNorm(D), {"weight": (2,), "bias": (2,)}),
    "batch_norm": (normalize.batch_norm, (D,), [X[:, 0]], {}, lambda nn: nn.BatchNorm1d(D), {
        "weight": (2,), "bias": (2,), "running_mean": (2,), "running_var": (2,), "num_batches_tracked": ()}),
    "multi_head": (MULTI_HEAD, (6,), [normal(generator(4), B, T, 6)] * 3, {"heads": 2},
                   lambda nn: nn.MultiheadAttention(6, 2, batch_first=True), {"in_proj_weight": (18, 6), **READ_OUT}),
    "multi_head, other widths": (
        MULTI_HEAD, (6, 3, 3), [normal(generator(4), B, T, 6), MEMORY, MEMORY], {"heads": 2},
        lambda nn: nn.MultiheadAttention(6, 2, kdim=3, vdim=3, batch_first=True), {
            "q_proj_weight": (6, 6), "k_proj_weight": (6, 3), "v_proj_weight": (6, 3), **READ_OUT}),
    "multi_head, one other width": (
        MULTI_HEAD, (6, 6, 4), [*[normal(generator(4), B, T, 6)] * 2, VALUES], {"heads": 3},
        lambda nn: nn.MultiheadAttention(6, 3, vdim=4, batch_first=True), {
            "q_proj_weight": (6, 6), "k_proj_weight": (6, 6), "v_proj_weight": (6, 4), **READ_OUT}),
}
LAYERS = ["rnn", "lstm", "gru", "linear", "embedding", "layer_norm", "batch_norm", "multi_head"]
each_kind = pytest.mark.parametrize("kind", CASES)


def params_of(kind, dtype=np.float64):
    """Random parameters, among them a -0.0 in every array but the variance."""
    layer, sizes, *_ = CASES[kind]
    params = like(generator(), layer.init(generator(), *sizes, dtype=dtype))
    for path, array in tree.leaves(params):
        array.flat[0] = -0.0
        if path == "var":
            array[:] = 1 + array * array
    return params


def exactly(node):
    return tree.map(lambda array: (str(array.dtype), array.shape, array.tobytes()), node)


def shapes(arrays):
    return {name: array.shape for name, array in arrays.items()}


@each_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back(kind, dtype):
    params = params_of(kind, dtype)
    arrays = weights.to_torch(params)
    assert {name: array.dtype for name, array in arrays.items()} == {
        name: np.int64 if name == "num_batches_tracked" else dtype for name in arrays}
    assert exactly(weights.from_torch(arrays)) == exactly(params)


@each_kind
def test_names_shapes_and_their_order_are_pytorch_s(kind):
    assert list(shapes(weights.to_torch(params_of(kind))).items()) == list(CASES[kind][-1].items())


@each_kind
def test_what_comes_out_is_a_copy(kind):
    params, before = params_of(kind), exactly(params_of(kind))
    arrays = weights.to_torch(params)
    back, again = weights.from_torch(arrays), exactly(weights.to_torch(params))
    for _, array in tree.leaves(back):
        array[:] = 7
    assert exactly(arrays) == again
    for array in arrays.values():
        array[...] = 7
    assert exactly(params) == before


def test_blocks_lie_where_pytorch_has_them():
    params = params_of("multi_head")
    arrays = weights.to_torch(params)
    np.testing.assert_array_equal(arrays["in_proj_weight"][6:12], params["W_k"])
    np.testing.assert_array_equal(arrays["in_proj_bias"][12:], params["b_v"])
    params = params_of("gru")
    arrays = weights.to_torch(params)
    assert_same([arrays["bias_ih_l0"], arrays["bias_hh_l0"]], [params["b_x"], params["b_h"]])


@pytest.mark.parametrize("kind, bias", [("rnn", "b_h"), ("lstm", "b")])
def test_two_biases_come_in_as_their_sum_and_go_out_with_a_zero(kind, bias):
    params = params_of(kind)
    arrays = weights.to_torch(params)
    assert not arrays["bias_hh_l0"].any() and exactly(arrays["bias_ih_l0"]) == exactly(params[bias])
    arrays["bias_hh_l0"] = normal(generator(5), len(params[bias]))
    assert_same(weights.from_torch(arrays)[bias], params[bias] + arrays["bias_hh_l0"])


def test_what_has_diverged_travels_too():
    params = {"W": np.full((2, 3), np.nan), "b": np.array([np.inf, -np.inf])}
    assert exactly(weights.from_torch(weights.to_torch(params))) == exactly(params)


def test_a_stack_of_one_layer_comes_back_plain():
    params = params_of("lstm")
    arrays = weights.to_torch([params])
    assert exactly(arrays) == exactly(weights.to_torch((params,))) == exactly(weights.to_torch(params))
    assert exactly(weights.from_torch(arrays)) == exactly(params)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "stack", "stack of both", "linear"])
def test_without_biases_they_are_zero(kind):
    params = params_of(kind, np.float32)
    arrays = {name: array for name, array in weights.to_torch(params).items() if not name.startswith("bias")}
    came = dict(tree.leaves(weights.from_torch(arrays, *["linear"] * (kind == "linear"))))
    for path, array in tree.leaves(params):
        expected = np.zeros_like(array) if path.split(".")[-1].startswith("b") else array
        assert exactly(came.pop(path)) == exactly(expected)
    assert not came


def test_a_weight_alone_is_an_embedding_unless_the_layer_is_named():
    assert weights.from_torch({"weight": X[0]}).keys() == {"W"}
    assert weights.from_torch({"weight": X[0]}, "linear").keys() == {"W", "b"}


def test_the_counter_of_batches_may_be_missing():
    arrays = weights.to_torch(params_of("batch_norm"))
    assert arrays.pop("num_batches_tracked") == 0
    assert weights.from_torch(arrays).keys() == {"gamma", "beta", "mean", "var"}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_layer_only_checks(layer):
    params = params_of(layer)
    arrays = weights.to_torch(params, layer)
    assert exactly(arrays) == exactly(weights.to_torch(params))
    assert exactly(weights.from_torch(arrays, layer)) == exactly(params)
    for other in set(LAYERS) - {layer}:
        with pytest.raises(ValueError, match=f"params of {other} are .*, expected .*: make them with {other}.init"):
            weights.to_torch(params, other)
        if (layer, other) != ("embedding", "linear"):  # that is an nn.Linear without bias
            with pytest.raises(ValueError, match="state_dict|weight"):
                weights.from_torch(arrays, other)


ARRAYS = {kind: weights.to_torch(params_of(kind, np.float32)) for kind in CASES}
LSTM, RNN = params_of("lstm"), params_of("rnn")
EMPTY = np.zeros((1, 1))


def without(kind, *names):
    return {name: array for name, array in ARRAYS[kind].items() if name not in names}


@pytest.mark.parametrize("says, mistake", [
    (f"params hold [['U_h', 'W_x', 'b'], [], ['W', 'b']], expected those of {', '.join(LAYERS)}, or of a stack or both "
     "directions of one of the first three: pass a chain's entries one by one, params[0] first",
     [LSTM, {}, params_of("linear")]),
    ("params hold [['U_h', 'W_x', 'b'], ['U_h', 'W_ih', 'b_h']], expected those", [LSTM, RNN]),
    ("params hold [['U_h', 'W_x', 'b'], ['U_h', 'W_ih', 'b_h']], expected those", {"forward": LSTM, "backward": RNN}),
    ("params hold [['W', 'b']], expected those", [params_of("linear")]),
    ("params hold [['W'], ['W']], expected those", {"forward": {"W": EMPTY}, "backward": {"W": EMPTY}}),
    ("params hold [['forward']], expected those", {"forward": LSTM}),
    ("params hold [['W', 'c']], expected those", {"W": EMPTY, "c": EMPTY}),
    ("params hold [['7', 'W']], expected those", {"W": EMPTY, 7: EMPTY}),
    ("params hold ['NoneType'], expected those", None),
    ("params hold ['ndarray', 'ndarray'], expected those", [EMPTY, EMPTY]),
    ("params hold [], expected those", []),
    ("params hold [[]], expected those", {}),
    ("params of lstm: U_h has shape (20, 2), expected (4H, H) with ", LSTM | {"U_h": LSTM["W_x"]}),
    ("params of lstm: U_h has shape (20, 2), expected (4H, H) with ", [LSTM, LSTM | {"U_h": LSTM["W_x"]}]),
    ("weight_ih_l1 has shape (20, 2), expected (20, 5): nn.LSTM has one H and the same directions", [LSTM, LSTM]),
    ("weight_ih_l0_reverse has shape (20, 2), expected (24, 2): nn.LSTM has one H and the same directions",
     {"forward": lstm.init(generator(), 2, 6), "backward": LSTM}),
    ("state_dict lacks bias_hh_l1_reverse, bias_ih_l1_reverse, weight_hh_l1_reverse, weight_ih_l1_reverse: nn.RNN has "
     "one H and the same directions in all its layers", [{"forward": RNN, "backward": RNN}, RNN]),
    ("state_dict lacks bias_hh_l0_reverse, bias_ih_l0_reverse", [RNN, {"forward": RNN, "backward": RNN}]),
])
def test_params_that_pytorch_cannot_hold(says, mistake):
    assert_refused(says, ValueError, lambda: weights.to_torch(mistake))


def test_params_of_no_layer_or_dtype():
    assert_refused("layer is 'LSTM', expected one of 'rnn', 'lstm'", ValueError, lambda: weights.to_torch(LSTM, "LSTM"))
    assert_refused("layer is 'LSTM', expected one of 'rnn', 'lstm'", ValueError,
                   lambda: weights.from_torch(ARRAYS["lstm"], "LSTM"))
    assert_refused("params of linear: W is int64, expected an array of floating point", TypeError,
                   lambda: weights.to_torch({"W": IDS, "b": IDS[0]}))
    assert_refused("weight has dtype int64, expected floating point: convert it", TypeError,
                   lambda: weights.from_torch({"weight": IDS}))


@pytest.mark.parametrize("says, mistake", [
    ("state_dict is a LSTM, expected a dict: pass module.state_dict()", type("LSTM", (), {})()),
    ("state_dict lacks bias_hh_l1, weight_ih_l2: read as nn.RNN, so pass the whole state_dict() of one",
     without("stack", "bias_hh_l1", "weight_ih_l2")),
    ("state_dict lacks weight_hh_l0: read as ", without("lstm", "weight_hh_l0")),
    ("state_dict lacks bias_hh_l0: read as nn.GRU", without("gru", "bias_hh_l0")),
    ("state_dict lacks bias_hh_l1, bias_ih_l1, weight_hh_l1, weight_ih_l1 and has bias_hh_l2, bias_ih_l2",
     {name: array for name, array in ARRAYS["stack"].items() if "l1" not in name}),
    ("state_dict lacks bias_hh_l0_reverse, bias_ih_l0_reverse, weight_hh_l0_reverse: read as nn.LSTM",
     without("bidirectional", "bias_ih_l0_reverse", "bias_hh_l0_reverse", "weight_hh_l0_reverse")),
    ("state_dict has gain_l0: read as nn.LSTM", ARRAYS["lstm"] | {"gain_l0": EMPTY}),
    ("state_dict has bias: read as nn.LSTM", ARRAYS["lstm"] | {"bias": EMPTY}),
    ("state_dict lacks weight: read as nn.Linear", {"bias": X[0, 0]}),
    ("state_dict lacks bias: read as nn.LayerNorm", {"weight": X[0, 0]}),
    ("state_dict lacks running_var: read as nn.BatchNorm1d", without("batch_norm", "running_var")),
    ("state_dict lacks bias, weight: read as nn.BatchNorm1d", without("batch_norm", "weight", "bias")),
    ("state_dict lacks in_proj_bias, out_proj.bias: read as nn.MultiheadAttention",
     without("multi_head", "in_proj_bias", "out_proj.bias")),
    ("state_dict lacks v_proj_weight: read as nn.MultiheadAttention",
     without("multi_head, other widths", "v_proj_weight")),
    ("state_dict lacks weight: read as nn.Embedding", {}),
    ("state_dict lacks weight and has epoch, model: read as", {"epoch": 3, "model": ARRAYS["lstm"]}),
    ("state_dict lacks weight and has 7: read as", {7: EMPTY}),
    ("state_dict has weight_hr_l0, expected none: make the module without proj_size",
     ARRAYS["lstm"] | {"weight_hr_l0": EMPTY}),
    ("state_dict has bias_k, expected none: make the module without add_bias_kv",
     ARRAYS["multi_head"] | {"bias_k": EMPTY, "bias_v": EMPTY}),
    ("state_dict has lstm.weight_ih_l0, expected names of one layer: pass model.lstm.state_dict()",
     {f"lstm.{name}": array for name, array in ARRAYS["lstm"].items()}),
    ("state_dict has 0.weight, expected names of one layer: pass model[0].state_dict()", {"0.weight": EMPTY}),
    ("state_dict has blocks.11.at.out_proj.bias, expected names of one layer: pass model.blocks[11].at.state_dict()",
     {"blocks.11.at.out_proj.bias": EMPTY}),
    ("weight_hh_l0 has shape (20, 2), expected (H, H) as in nn.RNN, (4H, H) as in nn.LSTM or (3H, H) as in nn.GRU: "
     "pass the whole state_dict() of one", ARRAYS["lstm"] | {"weight_hh_l0": np.ones((20, 2))}),
    ("weight_hh_l0 has shape (20,), expected (H, H) as in", ARRAYS["lstm"] | {"weight_hh_l0": np.ones(20)}),
    ("weight_hh_l0 has shape (20, 5, 1), expected", ARRAYS["lstm"] | {"weight_hh_l0": np.ones((20, 5, 1))}),
    ("weight_ih_l0 has shape (15, 2), expected (20, 2): read as nn.LSTM",
     ARRAYS["lstm"] | {"weight_ih_l0": ARRAYS["gru"]["weight_ih_l0"]}),
    ("weight_ih_l0 has shape (20,), expected (20, D): read as nn.LSTM", ARRAYS["lstm"] | {"weight_ih_l0": np.ones(20)}),
    ("bias_hh_l0 has shape (5,), expected (20,): read as nn.LSTM", ARRAYS["lstm"] | {"bias_hh_l0": np.ones(5)}),
    ("weight_hh_l0 has shape (), expected", ARRAYS["lstm"] | {"weight_hh_l0": np.array(1.0)}),
    ("weight_hh_l1 has shape (6, 6), expected (5, 5): read as nn.RNN",
     ARRAYS["stack"] | {"weight_hh_l1": np.ones((6, 6))}),
    ("weight_ih_l1 has shape (9, 3), expected (9, 6): read as nn.GRU",
     ARRAYS["stack of both"] | {"weight_ih_l1": np.ones((9, 3))}),
    ("bias has shape (3,), expected (6,): read as nn.Linear", ARRAYS["linear"] | {"bias": np.ones(3)}),
    ("weight has shape (6, 2, 3), expected (6, 2): read as nn.Linear",
     ARRAYS["linear"] | {"weight": np.ones((6, 2, 3))}),
    ("weight has shape (), expected (V, D): read as nn.Embedding", {"weight": np.array(1.0)}),
    ("running_var has shape (3,), expected (2,): read as nn.BatchNorm1d",
     ARRAYS["batch_norm"] | {"running_var": np.ones(3)}),
    ("in_proj_weight has shape (12, 6), expected (18, 6): read as nn.MultiheadAttention",
     ARRAYS["multi_head"] | {"in_proj_weight": np.ones((12, 6))}),
    ("k_proj_weight has shape (5, 3), expected (6, 3): read as nn.MultiheadAttention",
     ARRAYS["multi_head, other widths"] | {"k_proj_weight": np.ones((5, 3))}),
])
def test_what_is_no_layer_s_state_dict(says, mistake):
    assert_refused(says, ValueError, lambda: weights.from_torch(mistake))


def assert_refused(says, error, mistake):
    with pytest.raises(error) as caught:
        mistake()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def assert_computes_the_same(torch, kind, params, module):
    layer, _, inputs, settings, *_ = CASES[kind]
    theirs = module.eval()(*map(torch.from_numpy, inputs))
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    assert_same(layer.forward(params, *inputs, **settings)[0], theirs.detach().numpy(), atol=1e-12)


@each_kind
def test_pytorch_loads_it_and_computes_the_same(torch, kind):
    params, module = params_of(kind), CASES[kind][4](torch.nn).double()
    module.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(params)))  # it is strict unless told otherwise
    assert_computes_the_same(torch, kind, params, module)
    assert exactly(weights.from_torch(module.state_dict())) == exactly(params)


@each_kind
def test_pytorch_s_own_weights_compute_the_same_here(torch, kind):
    module = CASES[kind][4](torch.nn).double()
    module.load_state_dict({name: value if name == "num_batches_tracked" else torch.rand_like(value) + 0.1
                            for name, value in module.state_dict().items()})
    params = weights.from_torch(module.state_dict())
    assert_computes_the_same(torch, kind, params, module)
    assert exactly(weights.from_torch(module.state_dict(keep_vars=True))) == exactly(params)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "linear"])
def test_pytorch_without_biases(torch, kind):
    module = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "linear": torch.nn.Linear}[kind]
    module = module(D, H, bias=False, **{} if kind == "linear" else {"batch_first": True}).double()
    assert_computes_the_same(torch, kind, weights.from_torch(module.state_dict(), kind), module)


@pytest.mark.parametrize("says, make", [
    ("state_dict is a LSTM, expected a dict: pass module.state_dict()", lambda nn: nn.LSTM(4, 6)),
    ("state_dict has weight_hr_l0", lambda nn: nn.LSTM(4, 6, proj_size=2).state_dict()),
    ("state_dict has bias_k", lambda nn: nn.MultiheadAttention(4, 2, add_bias_kv=True).state_dict()),
    ("state_dict has 0.weight_ih_l0, expected names of one layer: pass model[0].state_dict()",
     lambda nn: nn.Sequential(nn.GRU(4, 6)).state_dict()),
    ("state_dict has self_attn.in_proj_weight, expected names of one layer: pass model.self_attn.state_dict()",
     lambda nn: nn.TransformerEncoderLayer(4, 2).state_dict()),
    ("weight_ih_l0 is bfloat16, which NumPy does not have: pass module.float().state_dict()",
     lambda nn: nn.LSTM(4, 6).bfloat16().state_dict()),
    ("weight has shape (3, 2, 1), expected (3, 2): read as nn.Linear", lambda nn: nn.Conv1d(2, 3, 1).state_dict()),
])
def test_what_pytorch_has_and_minirnn_has_not(torch, says, make):
    assert_refused(says, ValueError, lambda: weights.from_torch(make(torch.nn)))
