# %% [markdown]
# # 6. The weight update: the same slope, six ways down
#
# *Beside the article: §3, step 4; its question-and-answer part, on optimizers.*
#
# The backward pass gives the slope of the loss for each weight p: dp = dL/dp. The loss falls in the direction of -dp.
# How far to go is another question. An *optimizer* answers it. The simplest is SGD, stochastic gradient descent
# (*stochastic*: the slope comes from data drawn at random). Its step is the slope times lr, the *learning rate*:
#
#     SGD         p ← p - lr · dp
#
# The other five remember earlier slopes. Two remember them in a *velocity*. At each step it shrinks by a factor μ
# ("mu", the *momentum*, such as 0.8), and the new slope is added:
#
#     momentum    velocity ← μ · velocity + dp(p)                       p ← p - lr · velocity
#     Nesterov    velocity ← μ · velocity + dp(p - lr · μ · velocity)   p ← p - lr · velocity
#
# Momentum takes the slope at p. Nesterov takes it one step ahead, where the old velocity alone would carry p.
#
# Three remember the squares dp² in a number v, and divide by the root of v. Each weight has a v of its own:
#
#     AdaGrad     v ← v + dp²                                           p ← p - lr · dp / √v
#     RMSProp     v ← α v + (1 - α) dp²                                 p ← p - lr · dp / √v
#     Adam        m ← β₁ m + (1 - β₁) dp                                p ← p - lr · m̂ / √v̂
#                 v ← β₂ v + (1 - β₂) dp²
#
# In AdaGrad v is the sum of all squares. In RMSProp it is an average, in which old squares fade by a factor α at each
# step. Adam also averages the slope itself, in m. Usual values are β₁ = 0.9 and β₂ = 0.999.
#
# Velocity, v and m start at 0. So averages are too small at first. Adam corrects its two, where t counts the steps:
#
#                 m̂ = m / (1 - β₁ᵗ)                                     v̂ = v / (1 - β₂ᵗ)
#
# (A tiny number in the denominators, against 0 / 0, is not shown.)
#
# ## The smallest numbers
#
# Take a valley, f = (x² + 30 y²) / 2, instead of a loss. It is steep in y and flat in x. The slope is (x, 30 y), and
# at the start (-4, 1) it is (-4, 30). SGD with lr = 0.05 multiplies x by 1 - 0.05 = 0.95 and y by 1 - 0.05 · 30 =
# -0.5. So it goes to (-3.8, -0.5): far across the valley, and hardly along it.
#
# PREDICT: where does Adam with lr = 0.5 go first? And if f were 1000 times as large?

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
# To (-3.5, 0.5), and to the same place if f is 1000 times as large. In Adam's first step m̂ / √v̂ is dp / |dp|, the
# sign of each slope. So the step has length lr in x and in y, however large f is.
#
# Adam's learning rate is a length. At 0.001 a weight moves by about 0.001 at a step, if its slope stays about the
# same. To move by 1 it then needs a thousand steps. If the sign of the slope changes often, it moves less.
#
# SGD's lr is no length. It must fit the steepest direction.
#
# PREDICT: from which lr on does |y| grow with SGD, instead of going to 0?

# %%
for lr in (0.02, 0.04, 0.06, 0.08, 0.1):
    print(f"lr {lr:.2f}: |y| after 40 steps of SGD {abs(descend(optim.SGD(lr), 40)[-1, 1]):.2g}")

# %% [markdown]
# From 2/30 = 0.067 on. Each step multiplies y by 1 - 30 lr. So y goes to 0 only if |1 - 30 lr| is below 1.

# %% tags=["proof"]
assert np.allclose(descend(optim.Adam(lr=0.5), 40, scale=1000), descend(optim.Adam(lr=0.5), 40), atol=1e-6)
assert np.allclose(descend(optim.Adam(lr=0.5), 1)[1], [-3.5, 0.5]) and np.allclose(descend(optim.SGD(0.05), 1)[1],
                                                                                  [-3.8, -0.5])
assert abs(descend(optim.SGD(0.066), 40)[-1, 1]) < 1 < abs(descend(optim.SGD(0.067), 40)[-1, 1])

# %% [markdown]
# ## The picture
#
# SGD has lr = 0.05. Momentum and Nesterov have lr = 0.025 and μ = 0.8. AdaGrad and Adam have lr = 0.5, RMSProp has
# lr = 0.1 and α = 0.9.
#
# PREDICT: which of the six swing across the valley? Which have a first step that is as long in x as in y?

# %%
WAYS = {"SGD": optim.SGD(lr=0.05), "momentum": optim.SGD(lr=0.025, momentum=0.8),
        "Nesterov": optim.SGD(lr=0.025, momentum=0.8, nesterov=True), "AdaGrad": optim.AdaGrad(lr=0.5),
        "RMSProp": optim.RMSProp(lr=0.1, alpha=0.9), "Adam": optim.Adam(lr=0.5)}
paths = {name: descend(opt, 40) for name, opt in WAYS.items()}
ahead, paths["Nesterov"] = paths["Nesterov"], [START]
for q in ahead[1:]:  # the library holds Nesterov's p one step ahead (see the end of this page): back to p
    paths["Nesterov"].append((q + 0.8 * paths["Nesterov"][-1]) / 1.8)
paths["Nesterov"] = np.array(paths["Nesterov"])
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
save(figure, "06_six_ways_down.png")
for name, path in paths.items():
    print(f"{name:<9} step 1 {path[1].round(3)}  step 2 {path[2].round(3)}  f after 20 {f(path[20]):.3f}, "
          f"after 40 {f(path[40]):.4f}")

# %% [markdown]
# ![The paths of six optimizers in one valley](figures/06_six_ways_down.png)
#
# Momentum swings the farthest across the valley. SGD crosses at each step, each time half as far as before. Adam
# crosses three times, Nesterov once. AdaGrad and RMSProp never cross.
#
# The lower three have a first step that is as long in x as in y. With AdaGrad and Adam it is lr. With RMSProp v is
# then 0.1 dp², and the step is lr / √0.1 = 0.316.
#
# - **SGD** is soon done with the steep direction. Along the flat one it is slow: each step multiplies x by 0.95.
# - **Momentum** gets faster along the valley, and swings across it.
# - **Nesterov** takes the slope one step ahead. It sees the other side of the valley earlier, and swings less.
# - **AdaGrad** gets slower and slower, because its v only grows. **RMSProp**'s v can shrink again.
# - **Adam** has a momentum too, its m, and here it runs past the minimum.
#
# The learning rates were chosen by hand. The picture shows how each one moves. It does not show which is best.

# %% tags=["proof"]
# Two steps by hand: g0 and g1 are the slopes at the first and the second point.
g0 = slope(START)
first = {"SGD": [-3.8, -0.5], "momentum": [-3.9, 0.25], "Nesterov": [-3.9, 0.25], "AdaGrad": [-3.5, 0.5],
         "RMSProp": [-4 + 0.1 / np.sqrt(0.1), 1 - 0.1 / np.sqrt(0.1)], "Adam": [-3.5, 0.5]}
g1 = {name: slope(np.array(p)) for name, p in first.items()}
g1["Nesterov"] = slope(np.array([-3.9, 0.25]) - 0.025 * 0.8 * g0)  # one step ahead
move = {"SGD": 0.05 * g1["SGD"],
        "momentum": 0.025 * (0.8 * g0 + g1["momentum"]),
        "Nesterov": 0.025 * (0.8 * g0 + g1["Nesterov"]),
        "AdaGrad": 0.5 * g1["AdaGrad"] / np.sqrt(g0**2 + g1["AdaGrad"]**2),
        "RMSProp": 0.1 * g1["RMSProp"] / np.sqrt(0.09 * g0**2 + 0.1 * g1["RMSProp"]**2),
        "Adam": 0.5 * (0.09 * g0 + 0.1 * g1["Adam"]) / 0.19
                / np.sqrt((0.000999 * g0**2 + 0.001 * g1["Adam"]**2) / 0.001999)}
for name, path in paths.items():
    assert np.allclose(path[1], first[name]) and np.allclose(path[2], first[name] - move[name])
swing = {name: np.abs(path[3:21, 1]).max() for name, path in paths.items()}
assert swing["momentum"] > 3 * swing["Nesterov"] and paths["Nesterov"][2:, 1].min() > -0.1
side = {name: np.sign([y for _, y in path[:21] if abs(y) > 0.02]) for name, path in paths.items()}
assert {name: int((np.diff(s) != 0).sum()) for name, s in side.items() if name != "SGD"} == {
    "momentum": 6, "Nesterov": 1, "AdaGrad": 0, "RMSProp": 0, "Adam": 3} and swing["momentum"] == max(swing.values())
assert np.allclose(paths["SGD"][1:, 1], -0.5 * paths["SGD"][:-1, 1])
assert paths["Adam"][:21, 0].max() > 0.1 and f(paths["Nesterov"][20]) < f(paths["momentum"][20])

# %% [markdown]
# ## Where the library keeps Nesterov's point
#
# The backward pass gives the slope at the weights that are in the network. Nesterov needs it at another point. So
# programs give the network the point one step ahead, q = p - lr · μ · velocity. Written for q, the same method is
#
#     velocity ← μ · velocity + dq
#     q        ← q - lr · (dq + μ · velocity)
#
# This is how `optim.py` has it. There q is called p. The figure shows Nesterov's own p. Both forms, side by side:

# %%
lr, mu = 0.025, 0.8
p, velocity = START.copy(), np.zeros(2)
for step in range(1, 4):
    velocity = mu * velocity + slope(p - lr * mu * velocity)  # the slope one step ahead
    p = p - lr * velocity
    q = p - lr * mu * velocity
    print(f"step {step}: p {p.round(4)}, one step ahead {q.round(4)}, the library {ahead[step].round(4)}")

# %% tags=["proof"]
assert np.allclose(q, ahead[3], rtol=1e-12) and np.allclose(p, paths["Nesterov"][3], rtol=1e-12)

# %% [markdown]
# **To take away:** turn the valley and the start by 45°. For which of the six is the new path the old one, turned by
# 45°? Answer from the formulas.

# %% [markdown] tags=["answer"]
# ## Answer
#
# For SGD, momentum and Nesterov: they only add slopes and multiply them by numbers, so their paths turn with the
# valley. AdaGrad, RMSProp and Adam divide x by one number and y by another. So their paths depend on the axes. In the
# turned valley the slopes in x and y are similar at first, -24 and 18. So they divide both by similar numbers. AdaGrad
# and RMSProp are slower there: after 40 steps f is 1.61 and 0.79, in place of 0.08 with both.

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
    old = ahead if name == "Nesterov" else paths[name]
    assert np.allclose(turned(opt), old[20], atol=1e-9) == (name in ("SGD", "momentum", "Nesterov")), name
assert (turn @ slope(START)).round().tolist() == [-24, 18]
slower = [f(turned(opt, 40)) for opt in (optim.AdaGrad(0.5), optim.RMSProp(lr=0.1, alpha=0.9))]
assert np.round(slower, 2).tolist() == [1.61, 0.79]
assert np.round([f(paths[name][40]) for name in ("AdaGrad", "RMSProp")], 2).tolist() == [0.08, 0.08]
