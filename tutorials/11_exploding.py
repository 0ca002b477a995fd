# %% [markdown]
# # 11. Exploding: a wall in the loss, and a step that is cut short
#
# *Beside the article: its question-and-answer part, on gradient clipping.*
#
# In tutorial 9 a gradient grew by a factor at every step. How does the loss look then, and what does that do to
# training?
#
# ## The smallest numbers
#
# One unit again, with u = 1.5, no input and a bias b: h_t = tanh(1.5 h_{t-1} + b), for twenty steps from h_0 = -1.
# The loss is (h_20 + 0.7)², and only b is learned. It is used at every step. So db is the sum of all da_t, as in
# tutorial 2.
#
# With b = 0 the state comes to rest at -0.859. A small b moves this *resting place* a little, and a larger one removes
# it. There is another one, near +0.859.
#
# PREDICT: the state starts at -1. From about which b on is h_20 positive: 0.15, 0.25 or 0.5?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import optim, plots

U, STEPS, TARGET = 1.5, 20, -0.7


def states(b):
    """h_0 to h_20."""
    h = [-1.0]
    for _ in range(STEPS):
        h.append(np.tanh(U * h[-1] + b))
    return h


def loss_and_slope(b):
    """The loss and db, forward and backward by hand."""
    h = states(b)
    dh, db = 2 * (h[-1] - TARGET), 0.0
    for h_t in reversed(h[1:]):
        da = dh * (1 - h_t**2)
        db += da
        dh = U * da
    return (h[-1] - TARGET) ** 2, db


for b in (*np.arange(0, 0.31, 0.02), 0.5):
    loss, db = loss_and_slope(b)
    print(f"b = {b:.2f}   h_20 {states(b)[-1]:>6.3f}   loss {loss:.3f}   db {db:>8.2f}")

# %% [markdown]
# From about b = 0.24 on. Between b = 0.22 and 0.26 the loss rises from less than 0.03 to more than 2.6. It has a wall,
# with a slope of more than 200.
#
# Why so steep? Here is the way from h_0 to h_20 in the middle of the wall, with the factor 1.5 tanh' of each step:

# %%
h = states(0.242)
factors = U * (1 - np.array(h[1:]) ** 2)
products = [np.prod(factors[t:]) / U for t in range(STEPS)]  # what a change of b at step t + 1 does to h_20
for t in range(STEPS):
    print(f"step {t + 1:>2}   h {h[t + 1]:>6.3f}   factor {factors[t]:.2f}   to h_20 {products[t]:.2f}")
print(f"sum {sum(products):.1f}, times 2 (h_20 + 0.7) = {2 * (h[-1] - TARGET):.2f}: "
      f"the slope is {loss_and_slope(0.242)[1]:.0f}")

# %% [markdown]
# Above b = 0.2075 the left resting place is gone. Just above it the state is still slow there, so 20 steps can end
# anywhere between the two. Here it moves slowly from -1 towards 0. From step 9 on it is near enough to 0, where tanh is
# steep, and the factors are above 1. b is added at each step, and what it adds reaches h_20 through tanh and all
# factors after it. This product is the last column. Read it upwards, from step 20 to step 9: it grows from 0.75 to 8.8.
# The sum over all steps is 99.

# %% tags=["proof"]
step = 1e-7
for b in (0.1, 0.24, 0.242):
    numerical = (loss_and_slope(b + step)[0] - loss_and_slope(b - step)[0]) / (2 * step)
    assert np.isclose(loss_and_slope(b)[1], numerical, rtol=1e-4)
resting = -np.sqrt(1 - 1 / U)  # where the factor is 1
assert round(np.arctanh(resting) - U * resting, 4) == 0.2075
assert loss_and_slope(0.22)[0] < 0.03 and loss_and_slope(0.26)[0] > 2.6 and 230 < loss_and_slope(0.242)[1] < 250
assert round(max(products), 1) == 8.8 == round(products[8], 1) and round(products[-1], 2) == 0.75
assert round(sum(products)) == 99
assert np.isclose(sum(products) * 2 * (h[-1] - TARGET), loss_and_slope(0.242)[1])
assert [U * (1 - h_t**2) > 1 for h_t in states(0.242)[1:]] == [False] * 8 + [True] * 12

# %% [markdown]
# ## A step from the wall
#
# Start at b = 0.242, where db is about 240. Take steps of SGD with lr = 0.05. The minimum is near b = 0.18, so it is
# only 0.06 away. In a second run a slope larger than 1 is cut to 1. This is called *clipping*.
#
# PREDICT: the first unclipped step is 0.05 · 240 = 12 long, to about -12. Do the next 200 steps bring b back?

# %%
def descend(largest, lr=0.05, steps=200, b=0.242):
    """b, loss and db at each step; a slope larger than `largest` is cut to that size."""
    path = []
    for _ in range(steps):
        loss, db = loss_and_slope(b)
        path.append((b, loss, db))
        b = b - lr * np.clip(db, -largest, largest)
    return np.array(path)


plain, clipped = descend(np.inf), descend(1.0)
for name, path in (("unclipped", plain), ("clipped to 1", clipped)):
    print(f"{name:<13} first step to b = {path[1, 0]:.3f}; 200 steps later b = {path[-1, 0]:.3f}, "
          f"loss {path[-1, 1]:.4f}, slope {path[-1, 2]:.0e}")

# %% [markdown]
# No. At b = -11.7 tanh is flat and the gradient vanishes: 200 steps later b has not moved. The loss there, 0.09, is
# lower than at the start, but training cannot get it any lower: the slope is nearly 0. With clipping the first step has
# length 0.05, and the descent finds the minimum.
#
# Would a smaller learning rate do the same? The next cell tries several limits and several rates, from sixteen starts
# on the wall.

# %%
STARTS = np.linspace(0.235, 0.25, 16)


def needed(largest, lr):
    """How many steps until the loss is below 1e-4; inf if 2000 are not enough. A row a setting, a column a start."""
    *_, starts = np.broadcast_arrays(largest, lr, STARTS)
    far = descend(largest, lr, 2000, starts)[:, 1] > 1e-4
    return np.where(far[-1], np.inf, far.argmin(axis=0))


limits, rates = (0.03, 0.1, 0.5, 1, 5, 10, 20, 100), (0.0001, 0.0002, 0.00025, 0.0003, 0.0005, 0.001, 0.005)
by_limit = dict(zip(limits, needed(np.array(limits)[:, None], 0.05)))
by_rate = dict(zip(rates, needed(np.inf, np.array(rates)[:, None])))
for words, scan in (("lr = 0.05, clipped to", by_limit), ("unclipped, lr =", by_rate)):
    for setting, steps in scan.items():
        print(f"{words} {setting:<8} fastest start {steps.min():>4.0f} steps, slowest {steps.max():>4.0f}")

# %% [markdown]
# Without clipping a small learning rate finds the minimum, too. Some starts need one or two steps: there the slope
# times lr happens to be the distance to the minimum. That is luck. So are the one or two steps with the limit 1: 0.05 ·
# 1 is nearly the distance. So look at the slowest start, and at many settings.
#
# With each limit from 0.03 to 10 it needs at most 100 steps. Without clipping it needs more than 400 at each of these
# rates: a rate that is small enough for the wall is too small beside it. The limit 20 still beats them all; 100 is too
# high.

# %%
grid = np.linspace(-0.05, 0.4, 1001)
figure = Figure(figsize=(9, 4), layout="constrained")
ax = figure.subplots()
ax.plot(grid, [loss_and_slope(b)[0] for b in grid], color="black", linewidth=1.5)
ax.plot(*clipped[:, :2].T, color=plots.BLUE, marker="s", markersize=5, linewidth=1,
        label="clipped: down to the minimum")
ax.plot(*plain[0, :2], color=plots.ORANGE, marker="o", markersize=10, linestyle="", label="the start, on the wall")
ax.annotate("", xy=(-0.05, plain[1, 1]), xytext=plain[0, :2],
            arrowprops={"arrowstyle": "->", "color": plots.ORANGE, "lw": 2})
ax.text(-0.045, 0.75, "unclipped: one step, to b = -11.7,\nwhere the slope is nearly 0", color=plots.ORANGE)
ax.set(xlabel="b", ylabel="loss after 20 steps", xlim=(-0.05, 0.4))
ax.legend(frameon=False, loc="upper left")
save(figure, "11_exploding.png")

# %% [markdown]
# ![A wall in the loss, with and without clipping](figures/11_exploding.png)

# %% tags=["proof"]
assert abs(plain[1, 0] + 11.7) < 0.1 and np.isclose(plain[-1, 0], plain[1, 0]) and abs(plain[-1, 2]) < 1e-6
assert abs(clipped[1, 0] - (0.242 - 0.05)) < 1e-9 and clipped[-1, 1] < 1e-6 and abs(clipped[-1, 0] - 0.18) < 0.01
assert max(by_limit[limit].max() for limit in (0.03, 0.1, 0.5, 1, 5, 10)) <= 100 and by_limit[100].max() == np.inf
assert by_limit[20].max() < min(steps.max() for steps in by_rate.values())
assert all(steps.max() > 400 for steps in by_rate.values()) and min(steps.min() for steps in by_rate.values()) <= 2

# %% [markdown]
# ## Many weights: by norm or by value
#
# With many weights there are two ways to clip. Take the gradient of all weights as one long vector. Its length is
# called its *norm*.
#
# - *By norm*: if the norm is above a limit, multiply the whole vector by one number, so that its norm is the limit.
# - *By value*: cut each entry by itself, to between -limit and limit.
#
# PREDICT: the gradient (-4, 30) has norm 30.3, and the limit is 1. By how many degrees does each way turn it?

# %%
turned = {}
for name, clip in (("by norm", optim.clip_by_norm), ("by value", optim.clip_by_value)):
    g, before = np.array([-4.0, 30.0]), np.array([-4.0, 30.0])
    clip({"p": g}, 1.0)  # changes g in place
    cosine = g @ before / np.linalg.norm(g) / np.linalg.norm(before)
    turned[name] = np.degrees(np.arccos(min(1.0, cosine)))
    print(f"{name:<9} {g.round(3)}, turned by {turned[name]:.1f}°")

# %% [markdown]
# By norm the direction stays. By value only the signs are left here, as in Adam's first step. That turns the gradient
# by 37°. A gradient within the limit is changed by neither. The library's `training.step` clips by norm, to 1 if
# nothing else is said.
#
# Clipping is for gradients that explode. For those that vanish it does nothing.

# %% tags=["proof"]
assert turned["by norm"] < 1e-5 and round(turned["by value"], 1) == 37.4

# %% [markdown]
# **To take away:** Adam divides by √v̂, so one large gradient makes no large step. Is clipping useless with Adam? Think
# of one gradient of 240 after a thousand gradients of 1. What does it do to v̂, and to the steps that follow?

# %% [markdown] tags=["answer"]
# ## Answer
#
# No. The step with the large gradient is only 2.6 lr long, since m̂ is 24.9 then, and √v̂ is 9.6. But v̂ was 1 and is
# now 92. Each later step multiplies it by about 0.999, so it shrinks slowly.
#
# For ten or twenty steps m still carries the large gradient. After that the steps stay short for a long time. Over the
# steps 20 to 300 after it Adam goes 36 times lr, and with clipping 280 times. Clipped to norm 1, the large gradient
# counts like any other.

# %%
def moved(limit):
    """How far a weight goes at the step with a gradient of 240, and from 20 to 300 steps after it; all others are 1."""
    p, opt, path = np.zeros(1), optim.Adam(lr=0.001), [0.0]
    for step in range(1301):
        g = np.array([240.0 if step == 1000 else 1.0])
        optim.clip_by_norm({"p": g}, limit)
        opt.step({"p": p}, {"p": g})
        path.append(p.item())
    return path[1000] - path[1001], path[1021] - path[1301]


(at_once, later), (_, later_clipped) = moved(np.inf), moved(1.0)
print(f"the step with 240 is {at_once / 0.001:.1f} lr long; the steps 20 to 300 after it go "
      f"{later / 0.001:.0f} lr, and {later_clipped / 0.001:.0f} lr with clipping")

# %% tags=["proof"]
assert (round(at_once / 0.001, 1), round(later, 3), round(later_clipped, 3)) == (2.6, 0.036, 0.280)
v = 1 - 0.999**1000
v_hat = (0.999 * v + 0.001 * 240**2) / (1 - 0.999**1001)
m_hat = 0.9 * (1 - 0.9**1000) + 0.1 * 240
assert round(v_hat) == 92 and round(m_hat, 1) == 24.9 and round(np.sqrt(v_hat), 1) == 9.6
