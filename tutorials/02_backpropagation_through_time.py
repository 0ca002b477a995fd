# %% [markdown]
# # 2. Backpropagation through time: two sources, and sums
#
# *Beside the article: §3, step 3, the backward pass of §4, equation 1.*
#
# The *loss* L is one number that says how wrong a network is. Training changes the weights so that L gets smaller.
# For that one has to know how L changes with each weight. This is the *gradient* dL/dweight, and the chain rule finds
# it. The calculation is called the *backward pass*, because it goes from the last step to the first.
#
# Here it is done with the numbers of tutorial 1: three steps, one unit, W_ih = 0.5, U_h = 0.8, b_h = 0. For a real task
# the loss compares forecasts with what came. Here the simplest loss will do, the sum of all states:
#
#     a_t = W_ih x_t + U_h h_{t-1} + b_h        h_t = tanh(a_t)
#     L   = h_1 + h_2 + h_3 = 0.462 + 0.701 - 0.413 = 0.750
#
# For short, dX stands for dL/dX on all pages.

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import diagrams

W_ih, U_h, b_h = 0.5, 0.8, 0.0
x = [None, 1.0, 1.0, -2.0]  # x[1] is x_1, as on paper
h, a = [0.0], [None]  # h[0] is the state before the first step
for t in (1, 2, 3):
    a.append(W_ih * x[t] + U_h * h[t - 1] + b_h)
    h.append(float(np.tanh(a[t])))
L = h[1] + h[2] + h[3]
print("h", np.round(h, 3), "L", round(L, 3))

# %% [markdown]
# ## Backward by hand
#
# L contains h_3 once, so dL/dh_3 = 1.
#
# The next cell moves h_1 a little up and a little down. The difference of L over the difference of h_1 is the slope.
#
# PREDICT: L contains h_1 once, too. Is dL/dh_1 below 1, exactly 1, or above 1?

# %%
eps = 1e-6
# Move h_1 a little, and compute the rest of the forward pass again.
h_2 = lambda h_1: np.tanh(W_ih * x[2] + U_h * h_1)
h_3 = lambda h_1: np.tanh(W_ih * x[3] + U_h * h_2(h_1))
L_of_h_1 = lambda h_1: h_1 + h_2(h_1) + h_3(h_1)
print("dL/dh_1 =", round((L_of_h_1(h[1] + eps) - L_of_h_1(h[1] - eps)) / (2 * eps), 3))

# %% [markdown]
# Above 1: h_1 is in the sum itself, and it also raises h_2 and h_3.
#
# Now the same by the chain rule, from the last step to the first. From h_t to a_t the gradient is multiplied by
# tanh' = 1 - h_t². From a_t to h_{t-1} it is multiplied by U_h = 0.8. And each h_t gets a 1 from the loss directly:
#
#     dh_3 = 1                   = 1            da_3 = 1     · (1 - 0.413²) = 0.830
#     dh_2 = 1 + 0.8 · 0.830     = 1.664        da_2 = 1.664 · (1 - 0.701²) = 0.846
#     dh_1 = 1 + 0.8 · 0.846     = 1.676        da_1 = 1.676 · (1 - 0.462²) = 1.318
#     dh_0 =     0.8 · 1.318     = 1.055
#
# (The computer keeps all digits. With the rounded numbers above, the last digit may differ by one.)
#
# So every dh_t has **two sources**: one from outside, the loss at step t, and one from the future, step t+1.

# %%
outside = [0.0, 1.0, 1.0, 1.0]  # dL/dh_t as far as the loss reads h_t itself; it does not read h_0
dh, da = [0.0] * 4, [0.0] * 4
from_future = 0.0  # after the last step comes nothing
for t in (3, 2, 1):
    dh[t] = outside[t] + from_future  # two sources
    da[t] = dh[t] * (1 - h[t] ** 2)
    from_future = U_h * da[t]
dh[0] = outside[0] + from_future
print("dh", np.round(dh, 3), "da", np.round(da[1:], 3))

# %% tags=["proof"]
assert np.round(h, 3).tolist() == [0, 0.462, 0.701, -0.413] and round(L, 3) == 0.750
assert np.round(dh, 3).tolist() == [1.055, 1.676, 1.664, 1] and np.round(da[1:], 3).tolist() == [1.318, 0.846, 0.830]
assert np.isclose(dh[1], (L_of_h_1(h[1] + eps) - L_of_h_1(h[1] - eps)) / (2 * eps))

# %% [markdown]
# ## A weight is used at every step
#
# Unrolled, there are three layers. Suppose that each has a U_h of its own, and change one of them at a time.
#
# PREDICT: one of the three layers can change its U_h without any effect on L. Which one?

# %%
def loss(U):
    """L with a recurrent weight U[t] of its own for each layer."""
    h_t, total = 0.0, 0.0
    for x_t, U_t in zip(x[1:], U):
        h_t = np.tanh(W_ih * x_t + U_t * h_t + b_h)
        total += h_t
    return total


same = np.full(3, U_h)
for layer in range(3):
    one = np.eye(3)[layer]  # 1 for this layer, 0 for the others
    each = (loss(same + eps * one) - loss(same - eps * one)) / (2 * eps)
    print(f"U_h of layer {layer + 1} changed: {each:.3f}   da_{layer + 1} h_{layer} = {da[layer + 1] * h[layer]:.3f}")
together = (loss(same + eps) - loss(same - eps)) / (2 * eps)
print(f"all changed together:   {together:.3f}")

# %% [markdown]
# The first: its U_h is multiplied by h_0 = 0. In layer t U_h is multiplied by h_{t-1}, and the product is a part of
# a_t. So its gradient is da_t h_{t-1}. But there is only one U_h. If it changes, it changes in all three layers. So
# the three gradients add up. The same holds for W_ih and b_h:
#
#     dU_h  = Σ_t da_t h_{t-1} = 1.318 · 0 + 0.846 · 0.462 + 0.830 · 0.701    =  0.972
#     dW_ih = Σ_t da_t x_t     = 1.318 · 1 + 0.846 · 1     + 0.830 · -2       =  0.505
#     db_h  = Σ_t da_t         = 1.318     + 0.846         + 0.830            =  2.994
#
# An input has a gradient too: dx_1 = W_ih da_1 = 0.5 · 1.318 = 0.659. Training does not need it. A layer that lies
# before this one does.
#
# ## The picture
#
# The unrolled network as a graph. Blue runs forward, orange back along the same arrows. (The next cell only draws.)

# %%
places, edges, wide = diagrams.unrolled(steps=3)
boxes = {"L": (f"L = h_1 + h_2 + h_3 = {L:.3f}", ""), "h_0": (f"h_0 = {h[0]:.3f}", f"dh_0 = {dh[0]:.3f}")}
arrows = {}
for t in (1, 2, 3):
    boxes[f"x_{t}"] = f"x_{t} = {x[t]:.3f}", f"dx_{t} = {W_ih * da[t]:.3f}"
    boxes[f"a_{t}"] = f"a_{t} = {a[t]:.3f}", f"da_{t} = {da[t]:.3f}"
    boxes[f"h_{t}"] = f"h_{t} = {h[t]:.3f}", f"dh_{t} = {dh[t]:.3f}"
    arrows[f"x_{t}", f"a_{t}"] = "·W_ih", "·W_ih"
    arrows[f"h_{t - 1}", f"a_{t}"] = "·U_h", f"·{U_h}"
    arrows[f"a_{t}", f"h_{t}"] = "tanh", f"·{1 - h[t]**2:.3f}"
    arrows[f"h_{t}", "L"] = "·1", "·1"
    # U_h itself: a box below, where the three parts of its gradient arrive
    places[f"use {t}"], wide[f"use {t}"] = (4.4 * t - 3.3, -0.15), 0.1
    arrows["dU_h", f"use {t}"] = None, f"da_{t} h_{t - 1} = {da[t] * h[t - 1]:.3f}", 0.2
places["dU_h"], wide["dU_h"] = (5.5, -3.3), 11
boxes["dU_h"] = f"U_h = {U_h}, used three times", "dU_h = 0.000 + 0.391 + 0.582 ≈ 0.972, a sum over the steps"
figure = Figure(figsize=(13, 5.6), layout="constrained")
ax = diagrams.graph(figure.subplots(), places, boxes, arrows, wide=wide, fontsize=13)
ax.set(xlim=(-0.9, 14.1), ylim=(-3.8, 2.2))
save(figure, "02_backpropagation_through_time.png")

# %% tags=["proof"]
assert arrows.keys() >= set(edges) and boxes.keys() <= places.keys()
parts = [da[t] * h[t - 1] for t in (1, 2, 3)]
assert np.round(parts, 3).tolist() == [0, 0.391, 0.582] and np.isclose(sum(parts), together)
assert round(sum(parts), 3) == 0.972 and round(sum(da), 3) == 2.994 and round(np.dot(da[1:], x[1:]), 3) == 0.505

# %% [markdown]
# ![The unrolled network with its numbers, forward and backward](figures/02_backpropagation_through_time.png)
#
# Follow the orange arrows. Two arrive at h_1 and two at h_2: the two sources. Three arrive at U_h: the sum.
#
# Three paths lead from h_1 to L: straight up, through h_2, and through h_2 and h_3. To follow a path back, multiply the
# factors at its arrows. Straight up that is 1. All paths together must give dh_1.
#
# PREDICT: how much comes back along the longest path? More or less than along the other two?

# %%
step_2, step_3 = U_h * (1 - h[2] ** 2), U_h * (1 - h[3] ** 2)  # from h_2 back to h_1, from h_3 back to h_2
paths = [1.0, step_2, step_2 * step_3]
print(f"factor of the step from h_2 back to h_1: {step_2:.3f}, from h_3 back to h_2: {step_3:.3f}")
print("the paths from h_1 to L", np.round(paths, 3), "together", round(sum(paths), 3))

# %% [markdown]
# The least. The longest path has the most factors. Each step on it is a factor U_h tanh', here 0.407 and 0.664. If the
# factors stay well below 1, the product is nearly 0 after many steps. This is called the *vanishing gradient*; tutorial
# 9 is about it.
#
# There are three paths, but dh_1 above has two terms only. The second one has dh_2 in it, and dh_2 = 1.664 is already
# the sum of all paths from h_2 to L. So the backward pass computes no path twice.
#
# Tutorial 3 does all this with many units and many series at once.

# %% tags=["proof"]
assert np.round(paths, 3).tolist() == [1, 0.407, 0.270] and np.isclose(sum(paths), dh[1]) and round(step_3, 3) == 0.664

# %% [markdown]
# **To take away:** in the small example let only the last state count, L = h_3: `outside` is 0, 0, 0, 1. Work out dh_0
# on paper. Then make the first two inputs 3 instead of 1. Why is dh_0 nearly 0 now? (If you change the file and step
# through it again, the stepper says which of the page's numbers no longer hold.)

# %% [markdown] tags=["answer"]
# ## Answer
#
# Only one path leads from h_0 to the loss, so dh_0 is one product:
#
#     dh_0 = (0.8 · 0.830) (0.8 · 0.508) (0.8 · 0.786) = 0.170
#
# With inputs of 3 the states h_1 and h_2 are 0.905 and 0.977. There tanh is nearly flat: its slope is 0.181 and
# 0.046.
#
#     dh_0 = (0.8 · 0.954) (0.8 · 0.046) (0.8 · 0.181) = 0.004

# %% tags=["proof"]
def dh_0_of_last(x):
    h_t, product = 0.0, 1.0
    for x_t in x:
        h_t = np.tanh(W_ih * x_t + U_h * h_t)
        product *= U_h * (1 - h_t**2)
    return product


assert np.round([1 - np.tanh(a) ** 2 for a in (1.5, 1.5 + 0.8 * np.tanh(1.5))], 3).tolist() == [0.181, 0.046]
assert round(dh_0_of_last([1, 1, -2]), 3) == 0.170 and round(dh_0_of_last([3, 3, -2]), 3) == 0.004
