# %% [markdown]
# # 35. To PyTorch and back: the same weights, the same forecasts
#
# *Beside the article: §5, its LSTMModel, and §7, tools; equations 2 and 3.*
#
# PyTorch is the library that the article's code uses. A model trained here can be used there, and a model trained there
# can be used here. Both compute the same equations, so only arrays have to move. But both sides must agree on four
# conventions:
#
# | | minirnn | `torch.nn.LSTM` |
# |---|---|---|
# | names | `W_x`, `U_h` | `weight_ih_l0`, `weight_hh_l0` |
# | biases | one, `b` | two, `bias_ih_l0` and `bias_hh_l0` |
# | the four blocks of rows, top to bottom | i, f, c̃, o | i, f, g, o: the same, g is the article's c̃ |
# | axes | (batch, time, feature) | (time, batch, feature), unless `batch_first=True` |
#
# `weights.to_torch` and `weights.from_torch` do the first three. The last one you must do yourself. This page needs no
# PyTorch: what it says is recorded. Where PyTorch is installed, the page asks it again and compares.
#
# ## The smallest numbers
#
# One unit, one step, x = 1, states and biases zero. The gates i and f have the weight 0, so they are σ(0) = ½. The
# candidate and the gate o have the weight 1: c̃ = tanh 1 = 0.762 and o = σ(1) = 0.731. So c = ½ · 0.762 = 0.381 and
# h = 0.731 · tanh 0.381 = 0.266.
#
# Suppose that the other program has its blocks in the order o, f, c̃, i.
#
# PREDICT: the same four numbers (0, 0, 1, 1) are read in that order. Is there an error message? What is h?

# %%
from importlib.util import find_spec

import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, linear, lstm, metrics, plots, tree, weights


def o_and_i_swapped(params):
    """The parameters as a program reads them that has the blocks in the order o, f, c̃, i."""
    return tree.map(lambda p: np.concatenate([np.split(p, 4)[k] for k in (3, 1, 2, 0)]), params)


unit = {"W_x": np.array([[0.0], [0], [1], [1]]), "U_h": np.zeros((4, 1)), "b": np.zeros(4)}
h, h_swapped = (lstm.forward(p, np.ones((1, 1, 1)))[0].item() for p in (unit, o_and_i_swapped(unit)))
print(f"h = {h:.3f}; with o and i swapped {h_swapped:.3f}")

# %% [markdown]
# All shapes fit, so no program complains. And 0.253 looks as good as 0.266. Only a comparison finds such a mistake.

# %% tags=["proof"]
assert (round(h, 3), round(h_swapped, 3)) == (0.266, 0.253)

# %% [markdown]
# ## Recorded numbers
#
# The next cell only stores numbers. Nothing in it needs to be read. It holds:
#
# - `params`: the article's model with three units, trained here on the yearly sunspots up to 1920 (their square root),
#   then rounded to three decimals;
# - `RECORDED`: what PyTorch forecasts with these weights for 1921 to 1955, in float64 and in float32;
# - `FROM_PYTORCH`: a model that was trained in PyTorch, for the end of this page.
#
# The number of units was chosen with these same 35 years in view. So errors below show what a mistake does, and not how
# good a forecast is.

# %%
W_x = [0.325, -0.193, -0.793, -0.199, 0.347, 0.219, -0.066, 0.694, 0.176, 1.456, 0.141, -1.806]
U_h = [-0.111, -0.403, -0.107, -1.239, -0.751, -1.498, -0.841, -0.112, -1.067, -1.039, 0.261, -0.393,
       0.436, -0.226, 1.405, -0.130, 0.415, -0.462, 0.710, -0.007, -0.070, 1.040, -0.459, -1.022,
       0.377, 0.091, 0.863, -0.547, -0.320, -0.327, -0.731, -0.650, -1.597, 0.878, -0.451, -0.869]
b = [0.279, 0.919, 0.374, 1.516, 0.485, 1.522, -0.320, -0.115, -0.263, 0.066, 0.958, 0.113]
params = [{"W_x": np.reshape(W_x, (12, 1)), "U_h": np.reshape(U_h, (12, 3)), "b": np.array(b)}, {},
          {"W": np.array([[-1.003, 1.627, 0.852]]), "b": np.array([0.072])}]
article = compose.chain(lstm, compose.last_step, linear)
scale = datasets.Scale(mean=6.079, std=2.744)  # of the training years
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
trained_there = np.split([
    0.251, 0.078, -0.152, -0.005, -0.644, 0.307, 0.769, 1.365, 0.667, 0.478, -0.725, 0.069, -0.814, -0.608, -0.535,
    0.223, -0.19, 0.826, -1.072, -0.254, -0.111, -0.44, -0.447, -0.141, 0.293, 0.47, 1.327, -0.868, -0.435, -0.443,
    0.162, 1.302, -0.049, -1.006, -0.686, -0.896, -0.648, 1.276, 0.139, -0.073, -0.053, -0.617, 0.022, -1.147,
    -0.184, -0.669, 0.375, 0.044, 0.011, 0.715, 0.633, 1.026, 0.179, 0.069, 0.247, -0.421, -0.22, -0.104, 0.505,
    -0.21, 0.528, 0.968, -0.078, 0.626, 0.267, -0.082, -0.118, 0.053, 0.031, 0.898, 0.46, -0.123, 0.27, 1.244,
    0.622, 0.277], [12, 48, 60, 72, 75])
FROM_PYTORCH = {name: part.reshape(shape) for part, name, shape in zip(
    trained_there, ("lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0", "lstm.bias_hh_l0", "linear.weight",
                    "linear.bias"), ((12, 1), (12, 3), 12, 12, (1, 3), 1))}
THERE_SAYS = [-0.7424039105623198, 0.8588120937523603, -0.953583130240358, 0.9982287604895542, -1.0021605350838083]

# %% [markdown]
# ## What moves

# %%
for part, kind in ((0, "lstm"), (2, "linear")):  # the entries of the chain; entry 1, last_step, has no parameters
    for name, array in weights.to_torch(params[part], kind).items():
        print(f"{kind:<8}{name:<14}{array.shape!s:<9}{'' if array.any() else 'all zero'}")

# %% [markdown]
# PyTorch calls such a dict a *state_dict*: arrays by name, and nothing else. It holds no settings, so `batch_first`
# must be said again. It does not hold the scale either. This network reads (√sunspots - mean) / deviation, with the
# same mean and deviation there. In PyTorch the whole model is then eight lines:

# %%
def in_pytorch(params, x):
    """The forecasts that PyTorch makes with parameters of minirnn."""
    import torch
    dtype, H = torch.from_numpy(x).dtype, params[0]["U_h"].shape[1]
    recurrent = torch.nn.LSTM(x.shape[2], H, batch_first=True, dtype=dtype)
    recurrent.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(params[0], "lstm")))
    read_out = torch.nn.Linear(H, 1, dtype=dtype)
    read_out.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(params[2], "linear")))
    with torch.no_grad():  # forecasts only, no gradients
        return read_out(recurrent(torch.from_numpy(x))[0][:, -1]).numpy()[:, 0]


# %% [markdown]
# ## The check
#
# 35 windows of 24 years go into both programs.
#
# PREDICT: the outputs are about 1, and neither program makes a mistake. How far apart are they, in float64 and in
# float32? Is it 0?

# %%
years, numbers = datasets.sunspots()
start = int(np.argmax(years == 1921))
series = np.sqrt(numbers)[:start + 35]
x = scale.apply(baselines.pasts(series, 24, start, 1))[..., None]  # (35, 24, 1): the 24 years before 1921, .. 1955

ours, apart = {}, {}
for dtype, recorded in RECORDED.items():
    cast = tree.map(lambda array: array.astype(dtype), params)
    ours[dtype] = article.forward(cast, x.astype(dtype))[0][:, 0]
    apart[dtype] = [abs(ours[dtype] - recorded).max()]
    if find_spec("torch"):
        apart[dtype].append(abs(ours[dtype] - in_pytorch(cast, x.astype(dtype))).max())
    print(f"{dtype.__name__}: largest difference from PyTorch, recorded and (if installed) now:",
          *(f"{value:.1e}" for value in apart[dtype]))

# %% [markdown]
# A few roundings, and not 0. A float64 rounds to about 2e-16 of its size, a float32 to about 1e-7. PyTorch adds up in
# another order and computes σ in another way, so the last digit differs.
#
# Compare in float64. There an error of one part in a billion is far larger than the rounding. In float32 an error below
# about 3e-7 cannot be told from rounding.

# %% tags=["proof"]
assert all(0 < max(values) < 20 * np.finfo(dtype).eps for dtype, values in apart.items())

# %% [markdown]
# ## Mistakes that raise no error
#
# The measure is the *RMSE*, the root of the mean squared error, in sunspots. Here the network has 12.9. *Persistence*,
# which says last year's number, has 25.3.
#
# Now two mistakes. First: the blocks o and i are swapped. Second: `batch_first=True` is forgotten. PyTorch then takes
# the 35 windows for 35 steps in time, and the 24 years of a window for 24 sequences. Swapping the axes here does the
# same. Both mistakes give 35 forecasts, and no error.
#
# PREDICT: which of the two is worse? Is either one better than persistence?

# %%
def as_it_should_be(x):
    return article.forward(params, x)[0][:, 0]


def blocks_swapped(x):
    return article.forward([o_and_i_swapped(params[0]), {}, params[2]], x)[0][:, 0]


def forget_batch_first(x):
    h = lstm.forward(params[0], x.swapaxes(0, 1))[0].swapaxes(0, 1)
    return linear.forward(params[2], h[:, -1])[0][:, 0]


forecasts = {"right": as_it_should_be(x), "blocks o and i swapped": blocks_swapped(x),
             "batch_first forgotten": forget_batch_first(x),
             "persistence": scale.apply(baselines.persistence(series, start, 1)[:, 0])}
errors = {name: metrics.rmse(scale.invert(says)**2, series[start:]**2) for name, says in forecasts.items()}
for name, error in errors.items():
    print(f"{name:<24} {error:.1f}")

# %% [markdown]
# Both are better than persistence, so both can hide. The forgotten `batch_first` hides best: 13.2 looks like a little
# bad luck. This is what the network has then read:
#
# | forecast of | the window's last value | what the network has read |
# |---|---|---|
# | 1921 | 1920 | 1920: one value |
# | 1944 | 1943 | 1920 .. 1943: these are the 24 years that it should read |
# | 1955 | 1954 | 1920 .. 1954: 35 values |
#
# It reads the last value of window 1, then that of window 2, and so on. Because the windows stand in the order of time,
# these values are the series itself. In any other order they are not:

# %%
shuffled = []
for seed in range(20):
    order = np.random.default_rng(seed).permutation(len(x))
    says = forget_batch_first(x[order])
    shuffled.append(metrics.rmse(scale.invert(says)**2, series[start:][order]**2))
print(f"batch_first forgotten, windows shuffled, 20 orders: {min(shuffled):.1f} to {max(shuffled):.1f},",
      f"median {np.median(shuffled):.1f}")

# %% [markdown]
# Shuffled, it is mostly worse than persistence. A forecast must not depend on which other windows are in the batch. Put
# the last window alone through the model, and compare:

# %%
alone = {forecast: abs(forecast(x[-1:])[0] - forecast(x)[-1]) for forecast in (as_it_should_be, forget_batch_first)}
for forecast, difference in alone.items():
    print(f"the last window, alone and in the batch, {forecast.__name__}: {difference:.2g} apart")

# %% [markdown]
# This test finds the mistake: alone the network reads one value, and in the batch 35. (The first window would not find
# it. Its forecast reads 1920 only, alone and in the batch.)

# %% tags=["proof"]
assert [round(error, 1) for error in errors.values()] == [12.9, 21.8, 13.2, 25.3]
assert np.greater(shuffled, errors["persistence"]).mean() > 0.7 and min(shuffled) > 1.5 * errors["right"]
assert alone[as_it_should_be] < 1e-12 and alone[forget_batch_first] > 0.01
assert abs(forget_batch_first(x[:1])[0] - forget_batch_first(x)[0]) < 1e-12
apart_by_year = abs(forecasts["batch_first forgotten"] - forecasts["right"])
assert apart_by_year[1944 - 1921] < 1e-12 and apart_by_year[:3].min() > 0.02
along = article.forward(params, x[:, -1][None])[0]  # one sequence of the 35 last values, its last forecast
assert np.allclose(along[0, 0], forecasts["batch_first forgotten"][-1], rtol=0, atol=1e-12)

# %%
figure = Figure(figsize=(11, 7), layout="constrained")
above, below = figure.subplots(2, 1, sharex=True)
shown = {name: scale.invert(says)**2
         for name, says in (("minirnn", ours[np.float64]), ("PyTorch, recorded", RECORDED[np.float64]))}
plots.forecast(years[start:start + 35], series[start:]**2, shown, above)
above.lines[2].set(linestyle="--", linewidth=1.5)  # over the first, else one would not see both
above.legend(ncols=3, loc="upper left", frameon=False)
above.set(ylabel="sunspots", title="Yearly sunspots, one year ahead: the same weights in two programs")
for name, difference, colour in (
        ("minirnn and the truth", forecasts["right"] - scale.apply(series[start:]), plots.GREY),
        ("minirnn and batch_first forgotten", forget_batch_first(x) - forecasts["right"], plots.GREEN),
        ("minirnn and PyTorch", ours[np.float64] - RECORDED[np.float64], plots.BLUE)):
    size = np.maximum(abs(difference), 1e-17)  # the axis has no 0
    below.semilogy(years[start:start + 35], size, ".-", color=colour, label=name)
below.set(ylabel="difference, network's unit", xlabel="year", ylim=(3e-19, 1e4))
below.text(years[start], 8e-19, "lowest dots: no difference at all", color=plots.GREY)
below.legend(frameon=False, ncols=3, loc="upper left")
save(figure, "35_leaving_for_pytorch.png")

# %% [markdown]
# ![The forecasts of minirnn and PyTorch, and their differences on a log scale](figures/35_leaving_for_pytorch.png)
#
# Below, in float64: the two programs are about 15 digits closer to each other than to the truth. With `batch_first`
# forgotten the difference is large at first, and 0 in 1944.
#
# ## Two biases
#
# Our b goes to PyTorch as `bias_ih_l0` = b and `bias_hh_l0` = 0. On the way back the two are added up.
#
# PREDICT: both programs have the same weights, and make one step of gradient descent with learning rate 0.1. Do the
# two still make the same forecasts after it?

# %%
h, _, cache = lstm.forward(params[0], x)
db = lstm.backward(cache, h / h.size)[0]["b"]  # of the loss Σ h² / 2n
there = weights.to_torch(params[0], "lstm")
for name in ("bias_ih_l0", "bias_hh_l0"):
    there[name] = there[name] - 0.1 * db
step_here, step_there = -0.1 * db, weights.from_torch(there)["b"] - params[0]["b"]
print("the bias moves, there over here:", (step_there / step_here).round(6))

# %% [markdown]
# They do not. Only the sum counts for h, so both biases have the same gradient:
#
#     a = W_x x + b_ih + U_h h + b_hh        so        ∂L/∂b_ih = ∂L/∂b_hh = Σ_t da_t
#
# Both move, and their sum moves twice as far. So forecasts agree, and training does not.
# To compare training runs, tell PyTorch not to train one of them: `recurrent.bias_hh_l0.requires_grad_(False)`.

# %% tags=["proof"]
there_and_back = weights.from_torch(weights.to_torch(params[0], "lstm"))
assert all((there_and_back[name] == params[0][name]).all() for name in there_and_back)
assert np.allclose(step_there, 2 * step_here, rtol=1e-9)
if find_spec("torch"):
    import torch
    module = torch.nn.LSTM(1, 3, batch_first=True, dtype=torch.float64)
    module.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(params[0], "lstm")))
    (module(torch.from_numpy(x))[0]**2).mean().div(2).backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    assert np.allclose(weights.from_torch(module.state_dict())["b"] - params[0]["b"], step_there, rtol=1e-9)

# %% [markdown]
# ## A whole model from PyTorch
#
# The article's LSTMModel, trained in PyTorch, has a state_dict of six arrays. Their names begin with `lstm.` or with
# `linear.`. Without that beginning, each part is what `from_torch` reads. The one stored above was trained on sin(t/3)
# in windows of 12 (torch 2.13.0, Adam, 200 steps). Its forecasts of five windows were recorded.

# %%
def at_home(state_dict):
    """The params of the article's model, from what PyTorch has trained."""
    part = lambda start: {name.removeprefix(start): array for name, array in state_dict.items()
                          if name.startswith(start)}
    return [weights.from_torch(part("lstm.")), {}, weights.from_torch(part("linear."), "linear")]


t = np.arange(12)[None] + 10.0 * np.arange(5)[:, None]
says = article.forward(at_home(FROM_PYTORCH), np.sin(t / 3)[..., None])[0][:, 0]
print("here   ", says.round(4))
print("PyTorch", np.round(THERE_SAYS, 4))
print("truth  ", np.sin((t[:, -1] + 1) / 3).round(4))

# %% tags=["proof"]
assert abs(says - THERE_SAYS).max() < 1e-14
assert len(FROM_PYTORCH) == 6 and all(FROM_PYTORCH[f"lstm.bias_{way}_l0"].all() for way in ("ih", "hh"))

# %% [markdown]
# For TensorFlow and Keras, which the article's §7 names too, only the table at the top changes. Find it in their
# documentation. Then do what this page does: the same weights, float64, and a look at the difference.
#
# **To take away:** somebody sends you a state_dict. Its `weight_ih_l0` has the shape (80, 10). How many features does
# the LSTM read, and how many units has it? And what else must you ask for, before its forecasts mean anything?

# %% [markdown] tags=["answer"]
# ## Answer
#
# 10 features. The 80 rows are four blocks, so 20 units. Ask for what a state_dict does not hold: which axis is time,
# the scale of the data, and a few inputs with their forecasts, in float64, to compare with.

# %% tags=["proof"]
sent = weights.to_torch(lstm.init(np.random.default_rng(0), 10, 20))
assert sent["weight_ih_l0"].shape == (80, 10) and sent["weight_hh_l0"].shape == (80, 20)
