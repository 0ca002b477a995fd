# %% [markdown]
# # 4. The weight update: the same slope, six ways down
#
# *Beside the article: §3, step 4; its question-and-answer part, on optimizers.*
#
# Backpropagation says which way is down: dp = dLoss/dp, for each weight p. How far to go is another question. The
# simplest answer is SGD (stochastic gradient descent): a step of lr, the learning rate, times the slope.
#
#     SGD         p ← p - lr · dp
#
# The other five remember something of the earlier slopes. Two remember them in a velocity v, which decays by a factor
# μ ("mu", the momentum) at each step:
#
#     momentum    v ← μ v + dp                             p ← p - lr · v
#     Nesterov    v ← μ v + dp at p - lr · μ v             p ← p - lr · v
#
# Momentum takes the slope where it stands. Nesterov takes it one step ahead: p - lr · μ v is where the velocity alone
# would carry it.
#
# Three remember the size of the slopes, dp², and divide by its root. They do it for each weight by itself:
#
#     AdaGrad     v ← v + dp²                              p ← p - lr · dp / √v
#     RMSProp     v ← α v + (1 - α) dp²                    p ← p - lr · dp / √v
#     Adam        m ← β₁ m + (1 - β₁) dp                   p ← p - lr · m̂ / √v̂
#                 v ← β₂ v + (1 - β₂) dp²
#
# AdaGrad sums all squares. RMSProp takes an average of them in which old ones fade by α. Adam averages the slope too,
# with β₁ = 0.9 and β₂ = 0.999. Its averages start at 0, so at first they are too small. m̂ = m / (1 - β₁ᵗ) and
# v̂ = v / (1 - β₂ᵗ) repair that, where t counts the steps. (A tiny eps in the denominators, against 0 / 0, is not
# shown.)
#
# ## The smallest numbers
#
# A valley: f = (x² + 30 y²) / 2, steep in y, flat in x, with the slope (x, 30 y). At the start (-4, 1) the slope is
# (-4, 30). SGD with lr = 0.05 multiplies x by 1 - 0.05 = 0.95 and y by 1 - 0.05 · 30 = -0.5. So it goes to (-3.8,
# -0.5): across the valley and hardly along it.
#
# PREDICT: Adam with lr = 0.5 goes to (-3.5, 0.5). Why so even? And where would it go if f were 1000 times as large?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import optim, plots

START = np.array([-4.0, 1.0])


def f(p):
    x, y = p
    return (x**2 + 30 * y**2) / 2


def slope(p):
    return p * [1, 30]


def descend(opt, steps, scale=1.0):
    """The points (steps + 1, 2) of a descent on scale · f."""
    p, points = START.copy(), [START.copy()]
    for _ in range(steps):
        opt.step({"p": p}, {"p": scale * slope(p)})  # changes p in place
        points.append(p.copy())
    return np.array(points)


print("Adam on f:       ", descend(optim.Adam(lr=0.5), 2).round(3).tolist())
print("Adam on 1000 · f:", descend(optim.Adam(lr=0.5), 2, scale=1000).round(3).tolist())

# %% [markdown]
# To the same places. In Adam's first step m̂ / √v̂ is dp / |dp|: the sign of each slope. So the step has length lr in
# each coordinate, however large f is. A learning rate of Adam is a length in the space of weights: at 0.001 a weight
# moves by about 0.001 an update, and needs a thousand updates to move by 1.
#
# SGD's lr has no such meaning. It must fit the steepest direction, where each step multiplies y by 1 - 30 lr.
#
# PREDICT: from which lr on does SGD fly out of the valley?

# %%
for lr in (0.02, 0.04, 0.06, 0.08, 0.1):
    print(f"lr {lr:.2f}: |y| after 40 steps of SGD {abs(descend(optim.SGD(lr), 40)[-1, 1]):.2g}")

# %% [markdown]
# From 2/30 = 0.067 on: |1 - 30 lr| must be below 1.

# %% tags=["proof"]
assert np.allclose(descend(optim.Adam(lr=0.5), 40, scale=1000), descend(optim.Adam(lr=0.5), 40), atol=1e-6)
assert np.allclose(descend(optim.Adam(lr=0.5), 1)[1], [-3.5, 0.5]) and np.allclose(descend(optim.SGD(0.05), 1)[1],
                                                                                  [-3.8, -0.5])
assert abs(descend(optim.SGD(0.066), 40)[-1, 1]) < 1 < abs(descend(optim.SGD(0.067), 40)[-1, 1])

# %% [markdown]
# ## The picture
#
# PREDICT: which of the six swing across the valley? Which go straight along a diagonal at first?

# %%
WAYS = {"SGD": optim.SGD(lr=0.05), "momentum": optim.SGD(lr=0.025, momentum=0.8),
        "Nesterov": optim.SGD(lr=0.025, momentum=0.8, nesterov=True), "AdaGrad": optim.AdaGrad(lr=0.5),
        "RMSProp": optim.RMSProp(lr=0.1, alpha=0.9), "Adam": optim.Adam(lr=0.5)}
paths = {name: descend(opt, 40) for name, opt in WAYS.items()}
grid = np.meshgrid(np.linspace(-4.4, 1.6, 200), np.linspace(-1.15, 1.25, 100))
figure = Figure(figsize=(12, 5), layout="constrained")
for ax, (name, path) in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, paths.items()):
    ax.contour(*grid, f(grid), levels=[0.1, 0.5, 1.5, 4, 8, 15], colors="#cccccc", linewidths=0.8)
    ax.plot(*path[:21].T, color=plots.BLUE, marker=".", markersize=8, linewidth=1.5)
    ax.plot(*START, "o", color=plots.GREEN, markersize=9, label="start")
    ax.plot(0, 0, "P", color=plots.ORANGE, markersize=11, label="minimum")
    ax.set_title(f"{name}, lr = {WAYS[name].lr}; f after 20 steps: {f(path[20]):.2f}")
figure.axes[0].legend(frameon=False, loc="lower right")
figure.supxlabel("x, the flat direction"), figure.supylabel("y, the steep direction")
save(figure, "04_six_ways_down.png")
for name, path in paths.items():
    print(f"{name:<9} step 1 {path[1].round(3)}  step 2 {path[2].round(3)}  f after 20 {f(path[20]):.3f}, "
          f"after 40 {f(path[40]):.4f}")

# %% [markdown]
# ![The paths of six optimizers in one valley](figures/04_six_ways_down.png)
#
# - **SGD** is soon done with the steep direction. Then it creeps along the flat one, by 0.95 a step.
# - **Momentum** gathers speed along the valley, and swings across it.
# - **Nesterov** sees the slope one step ahead, so it brakes in time.
# - **AdaGrad, RMSProp, Adam** do not see that the valley is steep: their first step is as long in x as in y. AdaGrad
#   then slows down, for its v only grows. Adam has a momentum too, and runs past the minimum.
#
# The learning rates were picked by hand. The picture shows habits; it is not a race.

# %% tags=["proof"]
# Two steps by hand: g0 and g1 are the slopes at the first and the second point.
g0 = slope(START)
first = {"SGD": [-3.8, -0.5], "momentum": [-3.9, 0.25], "Nesterov": [-3.82, -0.35], "AdaGrad": [-3.5, 0.5],
         "RMSProp": [-4 + 0.1 / np.sqrt(0.1), 1 - 0.1 / np.sqrt(0.1)], "Adam": [-3.5, 0.5]}
g1 = {name: slope(np.array(p)) for name, p in first.items()}
move = {"SGD": 0.05 * g1["SGD"],
        "momentum": 0.025 * (0.8 * g0 + g1["momentum"]),
        "Nesterov": 0.025 * (g1["Nesterov"] + 0.8 * (0.8 * g0 + g1["Nesterov"])),
        "AdaGrad": 0.5 * g1["AdaGrad"] / np.sqrt(g0**2 + g1["AdaGrad"]**2),
        "RMSProp": 0.1 * g1["RMSProp"] / np.sqrt(0.09 * g0**2 + 0.1 * g1["RMSProp"]**2),
        "Adam": 0.5 * (0.09 * g0 + 0.1 * g1["Adam"]) / 0.19
                / np.sqrt((0.000999 * g0**2 + 0.001 * g1["Adam"]**2) / 0.001999)}
for name, path in paths.items():
    assert np.allclose(path[1], first[name]) and np.allclose(path[2], first[name] - move[name])
swing = {name: np.abs(path[3:21, 1]).max() for name, path in paths.items()}
assert swing["momentum"] > 3 * swing["Nesterov"]
assert paths["Adam"][:21, 0].max() > 0.1 and f(paths["Nesterov"][20]) < f(paths["momentum"][20])

# %% [markdown]
# ## Where the library keeps Nesterov's point
#
# In a network dp is known only at the weights p themselves. So programs keep the point one step ahead, q = p - lr · μ
# v, and call it p. With v ← μ v + dq the same method then reads
#
#     q ← q - lr · (dq + μ v)
#
# which is the line in `optim.py`. Both forms, side by side:

# %%
lr, mu = 0.025, 0.8
p, v = START.copy(), np.zeros(2)
for step in range(1, 4):
    v = mu * v + slope(p - lr * mu * v)  # the slope one step ahead
    p = p - lr * v
    q = p - lr * mu * v
    print(f"step {step}: p {p.round(4)}, one step ahead {q.round(4)}, the library {paths['Nesterov'][step].round(4)}")

# %% tags=["proof"]
assert np.allclose(q, paths["Nesterov"][3], rtol=1e-12)

# %% [markdown]
# **To take away:** turn the valley by 45°, so that its floor runs along a diagonal. Whose path stays the same, only
# turned, and whose does not? Say it from the formulas first.

# %% [markdown] tags=["answer"]
# ## Answer
#
# SGD, momentum and Nesterov only add and scale slopes, so their paths turn with the valley. AdaGrad, RMSProp and Adam
# divide each coordinate by a size of its own. They depend on the axes: in the turned valley x and y are equally
# steep, so there is nothing left for them to balance.

# %% tags=["proof"]
turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)


def turned(opt, steps=20):
    p = turn @ START
    for _ in range(steps):
        opt.step({"p": p}, {"p": turn @ slope(turn.T @ p)})
    return turn.T @ p


fresh = {"SGD": optim.SGD(0.05), "momentum": optim.SGD(0.025, momentum=0.8), "AdaGrad": optim.AdaGrad(0.5),
         "Nesterov": optim.SGD(0.025, momentum=0.8, nesterov=True), "RMSProp": optim.RMSProp(lr=0.1, alpha=0.9),
         "Adam": optim.Adam(0.5)}
for name, opt in fresh.items():
    assert np.allclose(turned(opt), paths[name][20], atol=1e-9) == (name in ("SGD", "momentum", "Nesterov")), name
