# %% [markdown]
# # 8. The weight update: the same slope, six ways down
#
# *Beside the article: §3, step 4; its question-and-answer part, on optimizers, learning rate, batch size and
# regularization.*
#
# Backpropagation says which way is down, dp = dLoss/dp. How far to go is another question. The answers all have a line
# of memory and a line of step; powers, roots and fractions are taken for each coordinate by itself:
#
#     SGD         p ← p - lr · dp
#     momentum    v ← μ v + dp                  p ← p - lr · v
#     Nesterov    v ← μ v + dp                  p ← p - lr · (dp + μ v)
#     AdaGrad     v ← v + dp²                   p ← p - lr · dp / √v
#     RMSProp     v ← α v + (1 - α) dp²         p ← p - lr · dp / √v
#     Adam        m ← β₁ m + (1 - β₁) dp, v ← β₂ v + (1 - β₂) dp²
#                 p ← p - lr · m̂ / √v̂           m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
#
# (plus a tiny eps in the denominators, against 0 / 0).
#
# ## The smallest numbers
#
# A valley: f = (x² + 30 y²) / 2, steep in y, flat in x, with the slope (x, 30 y). At the start (-4, 1) the slope is
# (-4, 30). SGD with lr = 0.05 multiplies x by 1 - 0.05 = 0.95 and y by 1 - 0.05 · 30 = -0.5: to (-3.8, -0.5), across
# the valley and hardly along it.
#
# PREDICT: Adam with lr = 0.5 goes to (-3.5, 0.5). Why so even? And where would it go if f were 1000 times as large?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, linear, lstm, metrics, optim, plots, training

f = lambda p: (p[..., 0]**2 + 30 * p[..., 1]**2) / 2
WAYS = {"SGD": optim.SGD(lr=0.05), "momentum": optim.SGD(lr=0.025, momentum=0.8),
        "Nesterov": optim.SGD(lr=0.025, momentum=0.8, nesterov=True), "AdaGrad": optim.AdaGrad(lr=0.5),
        "RMSProp": optim.RMSProp(lr=0.1, alpha=0.9), "Adam": optim.Adam(lr=0.5)}


def descend(opt, steps, scale=1.0):
    """The points (steps + 1, 2) of a descent from (-4, 1) on scale · f."""
    p, points = np.array([-4.0, 1.0]), []
    for _ in range(steps):
        points.append(p.copy())
        opt.step({"p": p}, {"p": scale * p * [1, 30]})
    return np.array([*points, p])


# Two steps by hand: g0 and g1 are the slopes at the first and the second point.
g0 = np.array([-4.0, 30.0])
first = {"SGD": [-3.8, -0.5], "momentum": [-3.9, 0.25], "Nesterov": [-3.82, -0.35], "AdaGrad": [-3.5, 0.5],
         "RMSProp": [-4 + 0.1 / np.sqrt(0.1), 1 - 0.1 / np.sqrt(0.1)], "Adam": [-3.5, 0.5]}
g1 = {name: np.array(p) * [1, 30] for name, p in first.items()}
move = {"SGD": 0.05 * g1["SGD"],
        "momentum": 0.025 * (0.8 * g0 + g1["momentum"]),
        "Nesterov": 0.025 * (g1["Nesterov"] + 0.8 * (0.8 * g0 + g1["Nesterov"])),
        "AdaGrad": 0.5 * g1["AdaGrad"] / np.sqrt(g0**2 + g1["AdaGrad"]**2),
        "RMSProp": 0.1 * g1["RMSProp"] / np.sqrt(0.09 * g0**2 + 0.1 * g1["RMSProp"]**2),
        "Adam": 0.5 * (0.09 * g0 + 0.1 * g1["Adam"]) / 0.19
                / np.sqrt((0.000999 * g0**2 + 0.001 * g1["Adam"]**2) / 0.001999)}
paths = {name: descend(opt, 40) for name, opt in WAYS.items()}
for name, path in paths.items():
    print(f"{name:<9} step 1 {path[1].round(3)}  step 2 {path[2].round(3)}  f after 20: {f(path[20]):.3f}, "
          f"after 40: {f(path[40]):.4f}")
    assert np.allclose(path[1], first[name]) and np.allclose(path[2], first[name] - move[name])
assert np.allclose(descend(optim.Adam(lr=0.5), 40, scale=1000), paths["Adam"], atol=1e-6)

# %% [markdown]
# In the first step of Adam and AdaGrad m̂ / √v̂ is dp / |dp|: the sign. So it has length lr in each coordinate, and f
# may be 1000 times as large: nothing changes. A learning rate of Adam is a length in the space of weights: at 0.001
# a weight moves by about 0.001 an update, and needs a thousand updates to move by 1.
#
# SGD's lr has no such meaning. It must fit the steepest direction: |1 - 30 lr| < 1, so lr < 2/30 = 0.067.

# %%
figure = Figure(figsize=(12, 5), layout="constrained")
grid = np.stack(np.meshgrid(np.linspace(-4.4, 1.6, 200), np.linspace(-1.15, 1.25, 100)), axis=-1)
for ax, (name, path) in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, paths.items()):
    ax.contour(*np.moveaxis(grid, -1, 0), f(grid), levels=[0.1, 0.5, 1.5, 4, 8, 15], colors="#cccccc", linewidths=0.8)
    ax.plot(*path[:21].T, color=plots.BLUE, marker=".", linewidth=1)
    ax.plot(0, 0, "+", color=plots.ORANGE, markersize=12)
    opt = WAYS[name]
    ax.set_title(f"{name}, lr = {opt.lr}, f after 20 steps: {f(path[20]):.2f}")
save(figure, "08_six_ways_down.png")
bounded, unbounded = (abs(descend(optim.SGD(lr), 40)[-1, 1]) for lr in (0.066, 0.067))
print(f"|y| after 40 steps of SGD: lr 0.066: {bounded:.2f}, lr 0.067: {unbounded:.2f}")
assert bounded < 1 < unbounded

# %% [markdown]
# ![The paths of six optimizers in one valley](figures/08_six_ways_down.png)
#
# SGD has killed the steep direction soon and then creeps along the flat one, by 0.95 a step. Momentum gathers speed
# along the valley, and swings across it. Nesterov asks for the slope one step ahead, so it brakes in time. AdaGrad,
# RMSProp and Adam do not see that the valley is steep: their first step is as long in x as in y. Then AdaGrad slows
# down, for its v only grows, and Adam, which has a momentum too, runs past the minimum. The learning rates were picked
# by hand: this is a picture of habits, not a race.
#
# ## Clipping
#
# Before the step, a gradient that is too long is cut. By norm: all of it times one number. By value: each entry by
# itself.
#
# PREDICT: the gradient (-4, 30) has norm 30.3. Clipped to norm 1, and clipped to values in -1 .. 1, by how many
# degrees is it turned?

# %%
for name, clip in (("by norm", optim.clip_by_norm), ("by value", optim.clip_by_value)):
    g = g0.copy()
    clip({"p": g}, 1.0)
    angle = np.degrees(np.arccos(min(1.0, g @ g0 / np.linalg.norm(g) / np.linalg.norm(g0))))
    print(f"{name:<9}{g.round(3)}, turned by {angle:.1f}°")
    assert round(angle, 1) == {"by norm": 0, "by value": 37.4}[name]

# %% [markdown]
# By norm the direction is kept; that is what `training.step` does. By value it is the sign again, as in Adam's first
# step. Turned need not be bad: in this valley the minimum lies that way. But it depends on the axes, and on how many
# entries happen to be above the limit.
#
# ## A real task: sunspots
#
# From 24 years to the next, an LSTM of 16 units, square roots of the numbers, standardized. Training targets
# 1724-1865, validation 1866-1920. Later years are not looked at. Adam, clip 1, 40 epochs, and of each run the lowest
# validation loss of all epochs.
#
# PREDICT: the article starts at 0.001. Is that right for batches of 8? And for all 142 windows in one batch?

# %%
years, numbers = datasets.sunspots()
series, WINDOW = np.sqrt(numbers[years <= 1920]), 24
past, _, _ = datasets.split(series, 0.75, 0.25)
start = len(past)
series = datasets.Scale.fit(past).apply(series).astype(np.float32)
x, y = datasets.windows(series, WINDOW)
train, validation = (x[:start - WINDOW], y[:start - WINDOW]), (x[start - WINDOW:], y[start - WINDOW:])
assert (len(train[1]), len(validation[1]), years[start]) == (142, 55, 1866)

truth = baselines.truth(series, start, 1)
naive = metrics.mse(baselines.persistence(series, start, 1), truth)
ar = metrics.mse(baselines.AR(9).fit(series[:start]).forecasts(series, start, 1), truth)
print(f"validation MSE: persistence {naive:.3f}, AR(9) {ar:.3f}")


def fit(opt, batch_size, epochs, hidden, schedule=None, layer=lstm, patience=None, seed=0):
    model, rng = compose.chain(layer, compose.last_step, linear), np.random.default_rng(seed)
    params = model.init(rng, 1, hidden, 1)
    return training.fit(model, params, opt, train, validation, rng=rng, epochs=3 if QUICK else epochs,
                        batch_size=batch_size, schedule=schedule, patience=patience)


RATES, BATCHES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0), (8, 32, 142)
lowest = {(size, lr): min(fit(optim.Adam(lr), size, 40, hidden=16)["validation"]) for size in BATCHES for lr in RATES}
print("lowest validation MSE\n" + f"{'batch':<8}" + "".join(f"lr {lr:<7g}" for lr in RATES))
for size in BATCHES:
    print(f"{size:<8}" + "".join(f"{lowest[size, lr]:<10.3f}" for lr in RATES))

# %% [markdown]
# For small batches 0.001 is a good start; with all windows in one batch the network has learned next to nothing when
# the 40 epochs are over. The same epochs are 720 updates there and 40 here, of about lr each. So the best lr depends on
# how many updates there will be: the fewer, the larger. Too large is bad for every batch, and where lr is right the
# batch matters little.

# %%
if not QUICK:
    best = {size: min(RATES, key=lambda lr: lowest[size, lr]) for size in BATCHES}
    assert lowest[8, 1e-3] < ar < lowest[32, 1e-3] < lowest[142, 1e-3] and lowest[142, 1e-3] > 0.8
    assert best[32] == best[142] == 1e-2 and best[8] < 0.1
    assert all(lowest[size, 1e-2] < ar + 0.01 and lowest[size, 1.0] > ar + 0.03 for size in BATCHES)

# %% [markdown]
# ## Does a bigger batch reduce overfitting?
#
# So says the question-and-answer part. Take a network that is sure to overfit: 32 units, 4,385 weights for 142 targets,
# lr 0.01, 120 epochs. Two seeds, and the mean of both.
#
# PREDICT: batches of 8, 32 or 142, which has the lowest validation loss on its way, and which in the end?

# %%
EPOCHS = 120
by_batch = {size: [fit(optim.Adam(lr=0.01), size, EPOCHS, hidden=32, seed=seed) for seed in (0, 1)] for size in BATCHES}
assert sum(p.size for p in lstm.init(np.random.default_rng(0), 1, 32).values()) + 33 == 4385


def summary(history):
    """The lowest validation loss and its epoch, the mean of the last 20, and the last training loss."""
    return min(history["validation"]), history["best"], np.mean(history["validation"][-20:]), history["train"][-1]


def table(rows):
    print(f"{'':<20}validation: lowest  at epoch  last 20   training: last")
    for name, (low, best, last, in_training) in rows.items():
        print(f"{name:<20}{low:>18.3f}{best:>10.0f}{last:>9.3f}{in_training:>17.4f}")


batches = {size: np.mean([summary(history) for history in histories], axis=0) for size, histories in by_batch.items()}
table({f"batches of {size}": row for size, row in batches.items()})

# %% [markdown]
# No. All three learn the training data by heart and end above the 0.187 of AR(9); on the way their lowest losses are
# nearly the same. The big batch takes more epochs to get there. Look after 25 epochs only and it seems to overfit less;
# it has merely made fewer updates. The last picture below takes the time out: validation loss against training loss.
# Down to a training loss of about 0.05 the three lie on one curve. Further on the batches of 8 are lowest here, as
# Keskar et al. (2017) found for small batches elsewhere. But other seeds change that order; they do not make the big
# batch the better one.
#
# ## What does reduce it
#
# *Weight decay* adds weight_decay · p to the gradient: each weight is pulled to zero, and has to earn its size.
# *Dropout* leaves out half of the h_t at random while training. *ReduceOnPlateau* multiplies lr by 0.3 after 5 epochs
# without a better validation loss. *Early stopping* ends after 20 such epochs and returns the best weights. Batches of
# 32, seed 0.

# %%
with_dropout = compose.with_dropout(lstm, 0.5)
remedies = {"none": by_batch[32][0],
            "weight decay 0.01": fit(optim.Adam(lr=0.01, weight_decay=0.01), 32, EPOCHS, 32),
            "dropout 0.5": fit(optim.Adam(lr=0.01), 32, EPOCHS, 32, layer=with_dropout),
            "ReduceOnPlateau": fit(optim.Adam(lr=0.01), 32, EPOCHS, 32, optim.ReduceOnPlateau(0.3, patience=5)),
            "early stopping": fit(optim.Adam(lr=0.01), 32, EPOCHS, 32, patience=20)}
table({name: summary(history) for name, history in remedies.items()})

# %% [markdown]
# Weight decay keeps the validation loss near its lowest, dropout slows the rise. A falling lr stops the damage where it
# is, since the weights hardly move any more; it does not undo it. Early stopping returns the lowest loss of the run
# without remedy, for about a fifth of the work. It is the first thing to use, and the others go on top: weight decay
# and early stopping together would be best here, at about 0.15.

# %%
if not QUICK:
    lows, _, ends, in_training = (dict(zip(BATCHES, column)) for column in zip(*batches.values()))
    assert max(lows.values()) - min(lows.values()) < 0.03 and max(in_training.values()) < 0.05
    assert all(ends[size] > ar + 0.02 for size in BATCHES) and ends[142] > ends[8] - 0.02
    around_25 = {size: np.mean([history["validation"][20:30] for history in by_batch[size]]) for size in BATCHES}
    assert around_25[142] < min(around_25[8], around_25[32])
    ends = {name: summary(history)[2] for name, history in remedies.items()}
    assert ends["weight decay 0.01"] < 0.23 and max(ends["dropout 0.5"], ends["ReduceOnPlateau"]) < ends["none"]
    none, stopped = remedies["none"], remedies["early stopping"]
    assert len(stopped["validation"]) < 40 and min(stopped["validation"]) == min(none["validation"]) < ar

figure = Figure(figsize=(12, 8.5), layout="constrained")
(sweep, curves), (epochs, losses) = figure.subplots(2, 2)
colours = dict(zip(BATCHES, (plots.ORANGE, plots.BLUE, plots.GREEN)))
for size, colour in colours.items():
    sweep.semilogx(RATES, [lowest[size, lr] for lr in RATES], ".-", color=colour, label=f"batches of {size}")
    history = by_batch[size][0]
    epochs.plot(np.arange(1, len(history["train"]) + 1), history["validation"], color=colour, linewidth=1)
    epochs.plot(np.arange(1, len(history["train"]) + 1), history["train"], color=colour, linewidth=1, linestyle=":")
    losses.semilogx(history["train"], history["validation"], ".", color=colour, markersize=4)
sweep.axhline(ar, color="black", linestyle="--", linewidth=1, label="AR(9)")
sweep.axhline(naive, color=plots.GREY, linestyle="--", linewidth=1, label="persistence")
sweep.set(title="16 units, 40 epochs", xlabel="learning rate of Adam", ylabel="lowest validation MSE", ylim=(0, 1))
sweep.legend(frameon=False, loc="upper right")
for (name, history), colour in zip(remedies.items(), ("black", plots.BLUE, plots.ORANGE, plots.GREEN, "#cc79a7")):
    width = 3 if name == "early stopping" else 1
    curves.plot(np.arange(1, len(history["train"]) + 1), history["validation"], color=colour, linewidth=width,
                label=name, zorder=3 - width)
curves.set(title="32 units, batches of 32", xlabel="epoch", ylabel="validation MSE", ylim=(0.1, 0.5))
curves.legend(frameon=False, loc="upper left", ncols=2)
epochs.set(title="32 units, colours as above; dotted: training", xlabel="epoch", ylabel="MSE", ylim=(0, 0.5))
losses.set(title="the same, a dot an epoch", xlabel="training MSE: learning goes to the right",
           ylabel="validation MSE", ylim=(0.1, 0.5), xlim=(1.2, 1e-3))
save(figure, "08_on_sunspots.png")

# %% [markdown]
# ![Learning rate by batch size; remedies against overfitting; overfitting by batch size](figures/08_on_sunspots.png)
#
# Above left the sweep, right the remedies; below the three batch sizes with seed 0. All of it was chosen and judged on
# the same 55 years. So the figures compare settings; they do not tell the error of a forecast, which takes later years
# that nobody has looked at.
#
# **To take away:** a smaller network is a remedy too. In the line of weight decay change the last 32, the units, to 4,
# and leave weight decay out. Before you run it: will the loss rise less? And will its lowest be lower?
