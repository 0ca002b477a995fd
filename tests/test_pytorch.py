"""minirnn computes what PyTorch computes: outputs, states, every gradient, losses, and twenty training steps.

The numbers are those of references/record_pytorch.py, from its files and, where PyTorch is installed, made afresh.
"""

import pathlib

import numpy as np
import pytest

from minirnn import attention, compose, embedding, gru, linear, losses, lstm, normalize, optim, rnn, tree

pytestmark = pytest.mark.filterwarnings("ignore:::torch")

RECURRENT = {"rnn": rnn, "lstm": lstm, "gru": gru,
             "rnn_stack": compose.stack(rnn, 2), "gru_stack": compose.stack(gru, 2),
             "lstm_stack_both": compose.stack(compose.bidirectional(lstm), 2)}
TWO_HEADS = compose.with_settings(attention.multi_head, heads=2)
ATTENTION = {"dot": attention.dot, "dot_causal": attention.dot, "multi_head_lengths": TWO_HEADS,
             "multi_head_causal": TWO_HEADS, "multi_head_widths": TWO_HEADS}
SECTION_5 = compose.chain(lstm, compose.last_step, linear)
OPTIMIZERS = {"adam_clipped": optim.Adam, "adam_weight_decay": optim.Adam, "sgd_momentum": optim.SGD,
              "sgd_nesterov": optim.SGD, "adagrad": optim.AdaGrad, "rmsprop": optim.RMSProp, "adamw": optim.AdamW}


@pytest.fixture(params=["recorded", "live"])
def reference(request):
    """A function from a case's name to its two trees: what was given, what PyTorch returns."""
    if request.param == "live":
        pytest.importorskip("torch")
        from references.record_pytorch import record
    else:
        record = read
    return lambda case: nested(record(case)).values()


def read(case):
    with np.load(pathlib.Path(__file__).parent / "references" / f"{case}.npz") as arrays:
        return dict(arrays)


def nested(flat):
    """The tree that has these {path: leaf}; numbered children are a tuple's."""
    branches = {}
    for path, leaf in flat.items():
        child, _, rest = path.partition(".")
        branches.setdefault(child, {})[rest] = leaf
    children = {child: branch[""] if "" in branch else nested(branch) for child, branch in branches.items()}
    return tuple(children.values()) if "0" in children else children


def assert_same(ours, theirs):
    """Leaf by leaf to 1e-12: of a tensor's largest entry, or of 1 where that is smaller."""
    ours, theirs = dict(tree.leaves(ours)), dict(tree.leaves(theirs))
    assert ours.keys() == theirs.keys()
    for path, their in theirs.items():
        np.testing.assert_allclose(ours[path], their, rtol=0, atol=1e-12 * max(1, np.abs(their).max()), err_msg=path)


@pytest.mark.parametrize("lengths", ["", "_lengths"])
@pytest.mark.parametrize("layer", RECURRENT)
def test_layer(reference, layer, lengths):
    given, expected = reference(layer + lengths)
    layer = RECURRENT[layer]
    h, state, cache = layer.forward(given["params"], given["x"], given["state"], given.get("lengths"))
    grads, dx, dstate = layer.backward(cache, given["dh"], given["dstate"])
    assert_same({"h": h, "state": state, "grads": grads, "dx": dx, "dstate": dstate}, expected)


@pytest.mark.parametrize("case", ATTENTION)
def test_attention(reference, case):
    given, expected = reference(case)
    params, q, k, v = given.get("params", {}), given["q"], given["k"], given["v"]
    context, weights, cache = ATTENTION[case].forward(params, q, k, v, given.get("lengths"), bool(given["causal"]))
    grads, dq, dk, dv = ATTENTION[case].backward(cache, given["dcontext"], given["dweights"])
    assert_same({"context": context, "weights": weights, "grads": grads, "dq": dq, "dk": dk, "dv": dv}, expected)


def test_layer_norm(reference):
    given, expected = reference("layer_norm")
    y, cache = normalize.layer_norm.forward(given["params"], given["x"])
    grads, dx = normalize.layer_norm.backward(cache, given["dy"])
    assert_same({"y": y, "grads": grads, "dx": dx}, expected)


@pytest.mark.parametrize("case", ["batch_norm", "batch_norm_steps"])
def test_batch_norm(reference, case):
    given, expected = reference(case)
    params = given["params"]
    for given, expected in zip(given["passes"], expected["passes"], strict=True):
        y, cache = normalize.batch_norm.forward(params, given["x"], training=bool(given["training"]))
        grads, dx = normalize.batch_norm.backward(cache, given["dy"])
        assert_same({"y": y, "grads": grads, "dx": dx, "params": params}, expected)


def test_embedding(reference):
    given, expected = reference("embedding")
    x, cache = embedding.forward(given["params"], given["ids"])
    grads, _ = embedding.backward(cache, given["dx"])
    assert_same({"x": x, "grads": grads}, expected)


def test_model_of_section_5_with_its_loss(reference):
    given, expected = reference("model")
    prediction, _, cache = SECTION_5.forward(section_5(given["params"]), given["x"])
    loss, loss_cache = losses.mse(prediction, given["target"])
    grads, dx, _ = SECTION_5.backward(cache, losses.mse_backward(loss_cache))
    assert_same({"prediction": prediction, "loss": loss, "grads": by_name(grads), "dx": dx}, expected["once"])


@pytest.mark.parametrize("run", OPTIMIZERS)
def test_training(reference, run):
    given, expected = reference("model")
    expected, settings, max_norm = expected["runs"][run], given["runs"][run]["settings"], given["runs"][run]["max_norm"]
    params, opt = section_5(given["params"]), OPTIMIZERS[run](**tree.map(float, settings))
    values, norms = [], []
    for _ in expected["losses"]:
        prediction, _, cache = SECTION_5.forward(params, given["x"])
        loss, loss_cache = losses.mse(prediction, given["target"])
        grads, _, _ = SECTION_5.backward(cache, losses.mse_backward(loss_cache))
        norms.append(optim.clip_by_norm(grads, float(max_norm)))
        opt.step(params, grads)
        values.append(loss)
    assert_same({"losses": np.array(values), "norms": np.array(norms), "params": by_name(params)}, expected)


def test_clipping_is_active_at_some_of_the_recorded_steps_only(reference):
    given, expected = reference("model")
    clipped = expected["runs"]["adam_clipped"]["norms"] > given["runs"]["adam_clipped"]["max_norm"]
    assert clipped.any() and not clipped.all()


def test_reduce_on_plateau(reference):
    given, expected = reference("reduce_on_plateau")
    schedule = optim.ReduceOnPlateau(**tree.map(np.ndarray.item, given["settings"]))
    opt, rates = optim.SGD(lr=given["lr"].item()), []
    for loss in given["losses"]:
        schedule.step(opt, loss)
        rates.append(opt.lr)
    np.testing.assert_array_equal(rates, expected["rates"])


def test_masked_losses(reference):
    given, expected = reference("masked_losses")
    cross_entropy, cache = losses.cross_entropy(given["logits"], given["target_ids"], given["mask"])
    mse, mse_cache = losses.mse(given["prediction"], given["target"], given["mask"])
    assert_same({"cross_entropy": cross_entropy, "dlogits": losses.cross_entropy_backward(cache),
                 "mse": mse, "dprediction": losses.mse_backward(mse_cache)}, expected)


def section_5(params):
    return tree.map(np.array, [params["lstm"], {}, params["linear"]])


def by_name(layers):
    return {"lstm": layers[0], "linear": layers[2]}
