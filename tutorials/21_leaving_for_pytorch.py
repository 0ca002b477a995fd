# %% [markdown]
# # 21. Leaving for PyTorch: the same weights, the same forecasts
#
# *Beside the article: §5, its LSTMModel, and §7, tools; equations 2 and 3.*
#
# A model trained here can go on living in PyTorch, and one trained there can be looked at here. Both compute the same
# equations, so only arrays have to move. Nothing is approximated, but four conventions have to agree:
#
# | | minirnn | `torch.nn.LSTM` |
# |---|---|---|
# | names | `W_x`, `U_h` | `weight_ih_l0`, `weight_hh_l0` |
# | biases | one, `b` | two that are added: `bias_ih_l0` + `bias_hh_l0` |
# | the four blocks, top to bottom | i, f, c̃, o | i, f, g, o: the same, g is the article's c̃ |
# | axes | (batch, time, feature) | (time, batch, feature), unless `batch_first=True` |
#
# `weights.to_torch` and `weights.from_torch` take care of the first three. The last is yours.

# %% [markdown]
# ## The smallest numbers
#
# One unit, one step, x = 1, states and biases zero, and only the candidate has a weight: W_x = (0, 0, 1, 0) for i, f,
# c̃, o. The gates are σ(0) = ½ and c̃ = tanh 1 = 0.762, so c = 0.381 and h = ½ tanh 0.381 = 0.182.
#
# PREDICT: another program, such as ONNX, stacks the blocks as i, o, f, c̃. It reads the same four numbers. What does it
# say?

# %%
from importlib.util import find_spec

import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, linear, lstm, metrics, optim, plots, training, tree, weights

HAS_TORCH = find_spec("torch") is not None  # nothing below needs it; with it, PyTorch answers in person
ONNX = [0, 2, 3, 1]  # where a program that expects i, o, f, c̃ finds i, f, c̃, o when it is given ours


def in_order(params, order):
    """The parameters with their four blocks laid out anew."""
    return tree.map(lambda p: np.concatenate([np.split(p, 4)[k] for k in order]), params)


unit = {"W_x": np.array([[0.0], [0], [1], [0]]), "U_h": np.zeros((4, 1)), "b": np.zeros(4)}
right, misread = (lstm.forward(p, np.ones((1, 1, 1)))[0].item() for p in (unit, in_order(unit, ONNX)))
print(f"h = {right:.3f}, read in the wrong order: {misread}")
assert round(right, 3) == 0.182 and misread == 0

# %% [markdown]
# The 1 landed in the forget gate, which had nothing to forget. All shapes fit, so nobody complained.
#
# ## What moves
#
# The article's model on the yearly sunspots up to 1920, their square root, as in the README. Three units, so that all
# weights fit on this page. This size was picked after a look at the errors of six settings on 1921-55, the very years
# below; so those errors only show what a mistake does, and are no measure of the forecast. For that, see the README.

# %%
years, numbers = datasets.sunspots()
root, start = np.sqrt(numbers), int(np.argmax(years == 1921))
article = compose.chain(lstm, compose.last_step, linear)
rng, trained_scale = np.random.default_rng(0), datasets.Scale.fit(root[:start])
trained = article.init(rng, 1, 3, 1)
windows = datasets.windows(trained_scale.apply(root[:start]).astype(np.float32), 24)
training.fit(article, trained, optim.Adam(0.01), windows, rng=rng, epochs=2 if QUICK else 100)
for place, kind in ((0, "lstm"), (2, "linear")):  # a chain's entries one by one; entry 1, last_step, has no parameters
    for name, array in weights.to_torch(trained[place], kind).items():
        print(f"{kind:<8}{name:<14}{array.shape!s:<9}{array.dtype}{'' if array.any() else '   all zero'}")

# %% [markdown]
# A state_dict is only that: arrays by name. Settings do not travel with it: `batch_first`, and above all the scale.
# This network reads values less a mean, over a deviation, so the scale has to go along, or it answers a question
# that it was not asked. If PyTorch lives on another machine, `np.savez("lstm.npz", **weights.to_torch(...))` carries
# the arrays.
#
# ## Eight lines of PyTorch

# %%
def in_pytorch(params, x):
    """The forecasts that PyTorch makes with parameters of minirnn."""
    import torch
    dtype, H = torch.from_numpy(x).dtype, params[0]["U_h"].shape[1]
    recurrent = torch.nn.LSTM(x.shape[2], H, batch_first=True, dtype=dtype)
    recurrent.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(params[0], "lstm")))
    read_out = torch.nn.Linear(H, 1, dtype=dtype)
    read_out.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(params[2], "linear")))
    with torch.no_grad():
        return read_out(recurrent(torch.from_numpy(x))[0][:, -1]).numpy()[:, 0]


# %% [markdown]
# ## The check
#
# Training ends a little differently on each machine, so what PyTorch says is recorded for weights that stay put: those
# that a training like the one above found once, rounded to three decimals. The scale is rounded likewise.

# %%
W_x = [0.325, -0.193, -0.793, -0.199, 0.347, 0.219, -0.066, 0.694, 0.176, 1.456, 0.141, -1.806]
U_h = [-0.111, -0.403, -0.107, -1.239, -0.751, -1.498, -0.841, -0.112, -1.067, -1.039, 0.261, -0.393,
       0.436, -0.226, 1.405, -0.130, 0.415, -0.462, 0.710, -0.007, -0.070, 1.040, -0.459, -1.022,
       0.377, 0.091, 0.863, -0.547, -0.320, -0.327, -0.731, -0.650, -1.597, 0.878, -0.451, -0.869]
b = [0.279, 0.919, 0.374, 1.516, 0.485, 1.522, -0.320, -0.115, -0.263, 0.066, 0.958, 0.113]
params = [{"W_x": np.reshape(W_x, (12, 1)), "U_h": np.reshape(U_h, (12, 3)), "b": np.array(b)}, {},
          {"W": np.array([[-1.003, 1.627, 0.852]]), "b": np.array([0.072])}]
scale = datasets.Scale(mean=6.079, std=2.744)
series = root[:start + 35]
x = scale.apply(baselines.pasts(series, 24, start, 1))[..., None]  # (35, 24, 1): the 24 years before 1921, .. 1955

# in_pytorch(params, x), by torch 2.13.0 on a CPU, in float64 and in float32
RECORDED = {np.float64: np.array([
    -0.5212910861175248, -0.8044136467422788, -0.99575763516006, -1.1424882478460943, -0.03789378523722349,
    0.9702912114706853, 0.9982395448331861, 0.6126125994889154, 0.6143964184997013, 0.23243933283971735,
    -0.5711959563349759, -0.9921519679748131, -1.032866197471654, -1.0477653373556688, -0.6019878497811868,
    0.7955535595096533, 1.619750119883847, 1.513607948337698, 1.2073998588213193, 0.7437810109132474,
    0.25692379247218855, -0.24926052787968528, -0.7278241413677834, -1.0576027779107668, -0.9426007323152025,
    0.6554467223696013, 1.8404433539839515, 1.9018332817024353, 1.6793122717046898, 1.5851448086523052,
    0.7491951551180971, 0.313283228225796, -0.6954450484659775, -1.2641031743230884, -1.2708304402786843]),
    np.float32: np.array([
    -0.521291018, -0.804413557, -0.99575758, -1.14248836, -0.0378938019, 0.970291257, 0.998239756, 0.612612605,
    0.614396572, 0.232439309, -0.571195841, -0.992151856, -1.03286624, -1.04776537, -0.601987839, 0.795553565,
    1.61975002, 1.51360798, 1.20740008, 0.743781209, 0.256923795, -0.249260396, -0.727823973, -1.05760288,
    -0.942600608, 0.655446768, 1.84044349, 1.90183342, 1.67931235, 1.58514488, 0.749195337, 0.313283354,
    -0.695444942, -1.26410317, -1.27083039], np.float32)}

# %% [markdown]
# PREDICT: the outputs are about 1. How far apart may two programs be that make no mistake, in float64 and in float32?

# %%
ours = {}
for dtype, recorded in RECORDED.items():
    cast = tree.map(lambda array: array.astype(dtype), params)
    ours[dtype] = article.forward(cast, x.astype(dtype))[0][:, 0]
    apart = abs(ours[dtype] - recorded).max()
    print(f"{dtype.__name__}: rounding {np.finfo(dtype).eps:.1e}, largest difference {apart:.1e}")
    assert apart < 20 * np.finfo(dtype).eps
    if HAS_TORCH:
        apart = abs(ours[dtype] - in_pytorch(cast, x.astype(dtype))).max()
        print(f"         and of PyTorch here and now {apart:.1e}")
        assert apart < 20 * np.finfo(dtype).eps
if not HAS_TORCH:
    print("PyTorch is not installed here: the recorded numbers stand for it.")

# %% [markdown]
# A few roundings, about 2e-16 and 1e-7 each. Not bit for bit: a sum in another order, a σ written as a tanh, and the
# last digit differs. So compare in float64, where a mistake of one part in a billion still stands out. In float32 all
# that is smaller than 1e-7 drowns, whether it is rounding or a bug.
#
# ## Mistakes that raise no error
#
# Leave out `batch_first=True`, and PyTorch takes the 35 windows for 35 steps, and their 24 years for 24 sequences. We
# can do that too, by swapping the axes. And the blocks can be read in ONNX's order. Each gives 35 forecasts.
#
# PREDICT: how bad are they? MSE / 1535, where the network as it should be has 0.109 and last year's number 0.416.

# %%
read_out = lambda h: (h[:, -1] @ params[2]["W"].T + params[2]["b"])[:, 0]
swapped = lambda x: read_out(lstm.forward(params[0], x.swapaxes(0, 1))[0].swapaxes(0, 1))
order = np.random.default_rng(0).permutation(35)
said = {"minirnn": ours[np.float64], "PyTorch, recorded": RECORDED[np.float64],
        "blocks in another order": read_out(lstm.forward(in_order(params[0], ONNX), x)[0]),
        "batch_first forgotten": swapped(x),
        "forgotten, windows shuffled": swapped(x[order])[np.argsort(order)]}
nmse = {name: metrics.nmse(scale.invert(y)**2, series[start:]**2, 1535) for name, y in said.items()}
nmse["persistence"] = metrics.nmse(baselines.persistence(series, start, 1)[:, 0]**2, series[start:]**2, 1535)
for name, value in nmse.items():
    print(f"{name:<28} {value:.3f}")
assert abs(nmse["minirnn"] - nmse["PyTorch, recorded"]) < 1e-12
assert {name: round(value, 3) for name, value in nmse.items()} == {
    "minirnn": 0.109, "PyTorch, recorded": 0.109, "blocks in another order": 2.097, "batch_first forgotten": 0.113,
    "forgotten, windows shuffled": 0.497, "persistence": 0.416}

# %% [markdown]
# The wrong order is a disaster, and so one finds it. The forgotten `batch_first` is the treacherous one: 0.113 looks
# like the same model, a little unlucky. The windows stand in time's order, so the last values of the 35 are the series
# itself, and the network, reading along the batch, reads that. For 1944 it has read 24 values, just those that it
# should, and the forecast is right. Shuffle the windows and it is worse than last year's number. A forecast must not
# depend on who else is in the batch; that is a test worth a line.

# %%
assert abs(said["batch_first forgotten"] - said["minirnn"])[1944 - 1921] < 1e-12
figure = Figure(figsize=(11, 7), layout="constrained")
above, below = figure.subplots(2, 1, sharex=True)
shown = {name: scale.invert(said[name])**2 for name in ("minirnn", "PyTorch, recorded")}
plots.forecast(years[start:start + 35], series[start:]**2, shown, above)
above.lines[2].set(linestyle="--", linewidth=1.5)  # over the first, else one would not see both
above.legend(ncols=3, loc="upper left", frameon=False)
above.set(ylabel="sunspots", title="Yearly sunspots, one year ahead: the same weights in two programs")
truth = scale.apply(series[start:])
for name, apart, colour in (
        ("minirnn and the truth", ours[np.float64] - truth, plots.GREY),
        ("minirnn and PyTorch, batch_first forgotten", said["batch_first forgotten"] - ours[np.float64], plots.GREEN),
        ("minirnn and PyTorch, float32", ours[np.float32] - RECORDED[np.float32], plots.ORANGE),
        ("minirnn and PyTorch, float64", ours[np.float64] - RECORDED[np.float64], plots.BLUE)):
    below.semilogy(years[start:start + 35], np.where(apart == 0, np.nan, abs(apart)), ".-", color=colour, label=name)
below.set(ylabel="difference, network's unit", xlabel="year (a gap: no difference at all)", ylim=(1e-17, 1e5))
below.legend(frameon=False, ncols=2, loc="upper left")
save(figure, "21_leaving_for_pytorch.png")

# %% [markdown]
# ![The forecasts of minirnn and PyTorch, and their differences on a log scale](figures/21_leaving_for_pytorch.png)
#
# ## The way back, and the two biases
#
# Exported and imported again, every bit is the same: b goes out as (b, 0), and comes in as the sum. A model that
# PyTorch trained has two biases that are not zero. Their sum is all that matters to h:
#
#     a = W_x x + b_ih + U_h h + b_hh        so        ∂L/∂b_ih = ∂L/∂b_hh = Σ_t da_t
#
# PREDICT: one step of plain gradient descent with learning rate 0.1, here and there, from the same weights. Do the two
# stay the same model?

# %%
there = weights.to_torch(params[0], "lstm")
back = weights.from_torch(there)
assert all((back[name] == params[0][name]).all() for name in back)

h, _, cache = lstm.forward(params[0], x)
db = lstm.backward(cache, h / h.size)[0]["b"]  # of the loss Σ h² / 2n
for name in ("bias_ih_l0", "bias_hh_l0"):  # PyTorch trains both
    there[name] = there[name] - 0.1 * db
step_here, step_there = -0.1 * db, weights.from_torch(there)["b"] - params[0]["b"]
print("the bias moves, there over here:", (step_there / step_here).round(6))
assert np.allclose(step_there, 2 * step_here, rtol=1e-9)

if HAS_TORCH:
    import torch
    module = torch.nn.LSTM(1, 3, batch_first=True, dtype=torch.float64)
    module.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(params[0], "lstm")))
    (module(torch.from_numpy(x))[0]**2).mean().div(2).backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    assert np.allclose(weights.from_torch(module.state_dict())["b"] - params[0]["b"], step_there, rtol=1e-9)
    print("so says PyTorch")

# %% [markdown]
# They are one function and two parametrizations: the forecasts agree, the training does not. There the bias moves twice
# as far, with Adam too. Whoever wants to compare training runs holds one of them still:
# `module.bias_hh_l0.requires_grad_(False)`. And a fresh `nn.LSTM` does not start where ours does: its forget gates have
# no b_f = 1.
#
# ## A whole model comes home
#
# The article's LSTMModel, trained in PyTorch, is two parts of a state_dict: `lstm.` and `linear.`. Cut off the prefix,
# and each part is what `from_torch` reads. The one below was trained there (torch 2.13.0, Adam, 200 steps on sin(t/3)
# in windows of 12, rounded to three decimals), with both biases, and its forecasts of five windows were recorded.
#
# PREDICT: this state_dict has six arrays. How many have our `params`?

# %%
STATE_DICT = {
    "lstm.weight_ih_l0": np.reshape([0.251, 0.078, -0.152, -0.005, -0.644, 0.307, 0.769, 1.365, 0.667, 0.478,
        -0.725, 0.069], (12, 1)),
    "lstm.weight_hh_l0": np.reshape([-0.814, -0.608, -0.535, 0.223, -0.19, 0.826, -1.072, -0.254, -0.111, -0.44,
        -0.447, -0.141, 0.293, 0.47, 1.327, -0.868, -0.435, -0.443, 0.162, 1.302, -0.049, -1.006, -0.686,
        -0.896, -0.648, 1.276, 0.139, -0.073, -0.053, -0.617, 0.022, -1.147, -0.184, -0.669, 0.375, 0.044], (12,
        3)),
    "lstm.bias_ih_l0": np.reshape([0.011, 0.715, 0.633, 1.026, 0.179, 0.069, 0.247, -0.421, -0.22, -0.104,
        0.505, -0.21], (12,)),
    "lstm.bias_hh_l0": np.reshape([0.528, 0.968, -0.078, 0.626, 0.267, -0.082, -0.118, 0.053, 0.031, 0.898,
        0.46, -0.123], (12,)),
    "linear.weight": np.reshape([0.27, 1.244, 0.622], (1, 3)),
    "linear.bias": np.reshape([0.277], (1,))}
THERE_SAYS = [-0.7424039105623198, 0.8588120937523603, -0.953583130240358, 0.9982287604895542, -1.0021605350838083]

def at_home(state_dict):
    """The params of the article's model, from what PyTorch has trained."""
    part = lambda prefix: {name.removeprefix(prefix): array for name, array in state_dict.items()
                           if name.startswith(prefix)}
    params = [weights.from_torch(part("lstm.")), {}, weights.from_torch(part("linear."), "linear")]
    return params


params_home = at_home(STATE_DICT)
t = np.arange(12)[None] + 10.0 * np.arange(5)[:, None]
at_home_says = article.forward(params_home, np.sin(t / 3)[..., None])[0][:, 0]
print(len(STATE_DICT), "arrays there,", sum(map(len, params_home)), "here: two biases became one")
print("at home", at_home_says.round(4), " truth", np.sin((t[:, -1] + 1) / 3).round(4))
assert abs(at_home_says - THERE_SAYS).max() < 1e-14

# %% [markdown]
# ## What leaving buys, and what it costs
#
# PyTorch has automatic differentiation, so a new layer needs no backward by hand; it runs on a GPU; and much is built
# on it. The price is an installation and its start, and for small models on a processor little speed in return:
# `python -m minirnn benchmark` measures both on your machine. A GPU was not measured here. It pays where the matrices
# are large; a recurrence must still take its steps one after the other. And the backward pass is then out of sight.
#
# The article's §7 names TensorFlow and Keras as well. For these only the table at the top changes: read what their
# documentation says of order, axes and biases, then do what this page does. Fixed weights, float64, one forward pass in
# both, and a look at the difference before anything else.
#
# **To take away:** PyTorch's `nn.GRU` also has two biases, and `to_torch` sends both of ours. Why can they not be added
# up as the LSTM's are? Replace `lstm` by `gru` in the smallest example, and move a bias from `b_x` to `b_h`.
