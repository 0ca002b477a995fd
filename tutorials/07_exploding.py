# %% [markdown]
# # 7. Exploding: a wall in the loss, and a step that is cut short
#
# *Beside the article: its question-and-answer part, on gradient clipping.*
#
# In tutorial 6 a gradient grew by a factor at every step. What does that look like in the loss, and what does it do
# to training?
#
# ## The smallest numbers
#
# One unit again, u = 1.5, no input, a bias b: h_t = tanh(1.5 h_{t-1} + b), twenty steps from h_0 = -1. With b = 0 the
# state rests at -0.859. The loss is (h_20 + 0.7)², and b alone is learned. It has two sources at each step, as in
# tutorial 2: db is the sum of all da_t.
#
# PREDICT: a small b moves the resting place a little. But there is another one, near +0.859. From about which b on
# does the state end there?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import optim, plots

U, STEPS, TARGET = 1.5, 20, -0.7


def loss_and_slope(b):
    """The loss and db, forward and backward by hand."""
    h = [-1.0]
    for _ in range(STEPS):
        h.append(np.tanh(U * h[-1] + b))
    dh, db = 2 * (h[-1] - TARGET), 0.0
    for h_t in reversed(h[1:]):
        da = dh * (1 - h_t**2)
        db += da
        dh = U * da
    return (h[-1] - TARGET) ** 2, db


for b in np.arange(0, 0.31, 0.02):
    loss, db = loss_and_slope(b)
    print(f"b = {b:.2f}   loss {loss:.3f}   dLoss/db {db:>8.2f}")

# %% [markdown]
# Below about b = 0.24 the state stays negative. Above, it tips over into the positive, and the loss jumps from below
# 0.3 to more than 2. Where it tips the loss has a wall: there the factors are above 1, one step after the other, and
# the slope is the sum of their products.

# %% tags=["proof"]
step = 1e-7
for b in (0.1, 0.24, 0.242):
    numerical = (loss_and_slope(b + step)[0] - loss_and_slope(b - step)[0]) / (2 * step)
    assert np.isclose(loss_and_slope(b)[1], numerical, rtol=1e-4)
assert loss_and_slope(0.23)[0] < 0.3 and loss_and_slope(0.3)[0] > 2 and 230 < loss_and_slope(0.242)[1] < 250

# %% [markdown]
# ## A step from the wall
#
# Start at b = 0.242, where dLoss/db is about 240, with gradient descent and lr = 0.05. The minimum is near b = 0.18,
# which is 0.06 away.
#
# PREDICT: where does one step lead? And the steps after it?

# %%
def descend(largest, steps=200):
    """b, loss and slope at each step; no step uses a slope larger than `largest`."""
    b, path = 0.242, []
    for _ in range(steps):
        loss, db = loss_and_slope(b)
        path.append((b, loss, db))
        if abs(db) > largest:
            db = largest * np.sign(db)  # clipping
        b = b - 0.05 * db
    return np.array(path)


plain, clipped = descend(np.inf), descend(1.0)
for name, path in (("unclipped", plain), ("clipped to 1", clipped)):
    print(f"{name:<13} first step to b = {path[1, 0]:.3f}; 200 steps later b = {path[-1, 0]:.3f}, "
          f"loss {path[-1, 1]:.4f}, slope {path[-1, 2]:.0e}")

# %% [markdown]
# Unclipped it leads to b = -11.7, onto a plain where tanh is flat. There the gradient vanishes: 200 steps later b has
# not moved. Clipped, the same step has length 0.05, and the descent finds the minimum.

# %%
grid = np.linspace(-0.05, 0.4, 1001)
figure = Figure(figsize=(9, 4), layout="constrained")
ax = figure.subplots()
ax.plot(grid, [loss_and_slope(b)[0] for b in grid], color="black", linewidth=1.5)
ax.plot(*clipped[:, :2].T, color=plots.BLUE, marker="s", markersize=5, linewidth=1,
        label="clipped: down to the minimum")
ax.plot(*plain[0, :2], color=plots.ORANGE, marker="o", markersize=10, linestyle="", label="the start, on the wall")
ax.annotate("unclipped: one step, to b = -11.7", xy=(-0.05, 1.44), xytext=(0.225, 1.44), va="center", ha="right",
            color=plots.ORANGE, arrowprops={"arrowstyle": "->", "color": plots.ORANGE, "lw": 2})
ax.set(xlabel="b", ylabel="loss after 20 steps", xlim=(-0.05, 0.4))
ax.legend(frameon=False, loc="upper left")
save(figure, "07_exploding.png")

# %% [markdown]
# ![A wall in the loss, with and without clipping](figures/07_exploding.png)

# %% tags=["proof"]
assert abs(plain[1, 0] + 11.7) < 0.1 and np.isclose(plain[-1, 0], plain[1, 0]) and abs(plain[-1, 2]) < 1e-6
assert abs(clipped[1, 0] - (0.242 - 0.05)) < 1e-9 and clipped[-1, 1] < 1e-6 and abs(clipped[-1, 0] - 0.18) < 0.01

# %% [markdown]
# ## Many weights: by norm or by value
#
# With many weights there are two ways to cut. *By norm*: if the gradient of all weights, taken as one long vector, is
# longer than the limit, multiply all of it by one number. *By value*: cut each entry by itself.
#
# PREDICT: the gradient (-4, 30) has norm 30.3. Clip it to norm 1, and to values in -1 .. 1. By how many degrees is it
# turned?

# %%
turned = {}
for name, clip in (("by norm", optim.clip_by_norm), ("by value", optim.clip_by_value)):
    g, before = np.array([-4.0, 30.0]), np.array([-4.0, 30.0])
    clip({"p": g}, 1.0)  # changes g in place
    cosine = g @ before / np.linalg.norm(g) / np.linalg.norm(before)
    turned[name] = np.degrees(np.arccos(min(1.0, cosine)))
    print(f"{name:<9} {g.round(3)}, turned by {turned[name]:.1f}°")

# %% [markdown]
# By norm the direction is kept, and a gradient that is short enough is not changed at all. `training.step` clips by
# norm. By value only the signs are left here, so the result depends on the axes, as Adam's first step does.
#
# Clipping shortens what is too long. It cannot lengthen what has vanished: that message is lost in rounding and in
# noise.

# %% tags=["proof"]
assert turned["by norm"] < 1e-5 and round(turned["by value"], 1) == 37.4

# %% [markdown]
# **To take away:** Adam divides by √v̂. So is clipping useless with Adam? Think of one gradient of norm 240 among a
# thousand of norm 1, and of what it leaves behind in v.

# %% [markdown] tags=["answer"]
# ## Answer
#
# No. The one step itself is tamed: it has length of about lr in each coordinate, or a few lr. But v takes in
# (1 - β₂) · 240² = 58, and forgets it by a factor of 0.999 a step. For hundreds of steps √v̂ is then several times
# what it was, and Adam hardly moves. Clipped to norm 1, the large gradient counts like any other.

# %% tags=["proof"]
def moved(limit):
    """How far a weight goes in the 300 steps after one gradient of 240, all others being 1."""
    p, opt, after = np.zeros(1), optim.Adam(lr=0.001), 0.0
    for step in range(1301):
        g = np.array([240.0 if step == 1000 else 1.0])
        optim.clip_by_norm({"p": g}, limit)
        opt.step({"p": p}, {"p": g})
        if step == 1020:
            after = p.copy()
    return abs(p - after).item()


assert moved(np.inf) < 0.3 * moved(1.0)
