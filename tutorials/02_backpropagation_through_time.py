# %% [markdown]
# # 2. Backpropagation through time: two sources, and sums
#
# *Beside the article: §3, step 3, the backward pass of §4, equation 1.*
#
# To learn, one has to know how the loss L changes with each weight. The chain rule says it, but an RNN has two
# catches. A state is used twice, by the loss and by the next step. And a weight is used at every step. Here are both,
# with the numbers of tutorial 1: three steps, one unit, h_t = tanh(W_ih x_t + U_h h_{t-1}) with W_ih = 0.5, U_h = 0.8
# and no bias.
#
# One notation: dX stands for dL/dX, and a_t for the argument of the tanh. The loss is the smallest there is, L = h_1 +
# h_2 + h_3 = 0.462 + 0.701 - 0.413 = 0.750.

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minirnn import gradcheck, plots, rnn

W_ih, U_h, b_h = 0.5, 0.8, 0.0
x = [1.0, 1.0, -2.0]
h = [0.0]  # h[0] is the state before the first step
for x_t in x:
    h.append(np.tanh(W_ih * x_t + U_h * h[-1] + b_h))
print("h", np.round(h, 3), "L", round(sum(h), 3))
assert np.round(h, 3).tolist() == [0, 0.462, 0.701, -0.413] and round(sum(h), 3) == 0.750

# %% [markdown]
# ## Backward by hand
#
# PREDICT: L grows by 1 when h_3 grows by 1. What about h_1: by less, by the same, or by more?
#
# Go from the last step to the first. From h_t to a_t the gradient is multiplied by tanh' = 1 - h_t². From a_t to
# h_{t-1} it is multiplied by U_h = 0.8. On top of that, each h_t gets a 1 from the loss directly:
#
#     dh_3 = 1                    da_3 = 1     · (1 - 0.413²) = 0.830
#     dh_2 = 1 + 0.8 · 0.830      da_2 = 1.664 · (1 - 0.701²) = 0.846
#     dh_1 = 1 + 0.8 · 0.846      da_1 = 1.676 · (1 - 0.462²) = 1.318
#     dh_0 =     0.8 · 1.318 = 1.055
#
# (All digits are kept; from these rounded ones the last may come out one off.) So every dh_t has **two sources**: from
# outside, by the loss at step t, and from the future, by step t+1.

# %%
outside = [1.0, 1.0, 1.0]  # dL/dh_t as far as the loss reads h_t itself
dh, da = [0.0] * 4, [0.0] * 4
from_future = 0.0  # after the last step comes nothing
for t in (3, 2, 1):
    dh[t] = outside[t - 1] + from_future
    da[t] = dh[t] * (1 - h[t] ** 2)
    from_future = U_h * da[t]
dh[0] = from_future
print("dh", np.round(dh, 3), "da", np.round(da[1:], 3))
assert np.round(dh, 3).tolist() == [1.055, 1.676, 1.664, 1] and np.round(da[1:], 3).tolist() == [1.318, 0.846, 0.830]

# %% [markdown]
# ## The picture
#
# The unrolled network as a graph. Blue runs forward, orange runs back along the same edges.

# %%
figure = Figure(figsize=(12, 4.3), layout="constrained")
ax = figure.subplots()
ax.set(xlim=(-0.8, 12.8), ylim=(-2.3, 2.2))
ax.axis("off")
text = {"ha": "center", "va": "center", "fontsize": 11}


def box(x, y, name, value, gradient):
    ax.add_patch(Rectangle((x - 0.7, y - 0.4), 1.4, 0.8, facecolor="white", edgecolor=plots.GREY))
    ax.text(x, y + 0.17, f"{name} = {value:.3f}", color=plots.BLUE, **text)
    ax.text(x, y - 0.17, f"d{name} = {gradient:.3f}", color=plots.ORANGE, **text)


def edge(start, end, forward, backward):
    """An arrow each way between two places, and what it multiplies by."""
    start, end = np.array(start), np.array(end)
    upwards = start[0] == end[0]
    aside, label = np.array([[0.1, 0], [0.35, 0]] if upwards else [[0, -0.1], [0, -0.32]])
    for a, b, side, words, colour in ((start, end, -1, forward, plots.BLUE), (end, start, 1, backward, plots.ORANGE)):
        ax.annotate("", b + side * aside, a + side * aside, arrowprops={"arrowstyle": "->", "color": colour})
        ax.text(*(a + b) / 2 + side * label, words, color=colour, **text | {"fontsize": 10})


box(0, 0, "h_0", h[0], dh[0])
for t in (1, 2, 3):
    left, right = 4 * t - 2, 4 * t
    box(left, 0, f"a_{t}", W_ih * x[t - 1] + U_h * h[t - 1], da[t])
    box(right, 0, f"h_{t}", h[t], dh[t])
    box(left, -1.8, f"x_{t}", x[t - 1], W_ih * da[t])
    edge((left - 1.3, 0), (left - 0.7, 0), "·0.8", "·0.8")
    edge((left + 0.7, 0), (right - 0.7, 0), "tanh", f"·{1 - h[t] ** 2:.3f}")
    edge((left, -1.4), (left, -0.4), "·0.5", "·0.5")
    edge((right, 0.4), (right, 1.4), "·1", "·1")
ax.add_patch(Rectangle((3.3, 1.4), 9.4, 0.6, facecolor="white", edgecolor=plots.GREY))
ax.text(8, 1.7, f"L = h_1 + h_2 + h_3 = {sum(h):.3f}", color=plots.BLUE, **text)
save(figure, "02_backpropagation_through_time.png")

# %% [markdown]
# ![The unrolled network with its numbers, forward and backward](figures/02_backpropagation_through_time.png)
#
# PREDICT: how many ways lead from h_1 to L? Then why are there only two terms in dh_1?

# %%
step = [0.0] + [U_h * (1 - h[t] ** 2) for t in (1, 2, 3)]  # what one step multiplies by: from h_t back to h_{t-1}
ways = [1.0, step[2], step[2] * step[3]]
print("the three ways from h_1 to L", np.round(ways, 3), "together", round(sum(ways), 3))
assert np.round(ways, 3).tolist() == [1, 0.407, 0.270] and np.isclose(sum(ways), dh[1])

# %% [markdown]
# Three ways: straight up, by h_2, and by h_2 and h_3. But dh_2 = 1.664 is already the sum of all ways from h_2 on.
# That is all the cleverness of backpropagation: go backwards, and no way has to be walked twice.
#
# The longest way has the most factors, each of them U_h tanh'. Here they are 0.407 and 0.664, and the far future
# counts for little. That is the vanishing gradient, seen from close up.
#
# ## A weight is used at every step, so its gradient is a sum
#
# Unrolled, there are three layers. Give each a U_h of its own and change these one at a time. U_h of layer t
# multiplies h_{t-1} and goes into a_t, so its gradient is da_t h_{t-1}. That they are the same number is a promise to
# change them together, and then the changes add up:
#
#     dU_h  = Σ_t da_t h_{t-1} = 1.318 · 0 + 0.846 · 0.462 + 0.830 · 0.701    =  0.972
#     dW_ih = Σ_t da_t x_t     = 1.318 · 1 + 0.846 · 1     + 0.830 · -2       =  0.505
#     db_h  = Σ_t da_t         = 1.318     + 0.846         + 0.830            =  2.994

# %%
def loss(U):
    """L with a recurrent weight U[t] of its own for each layer."""
    h_t, total = 0.0, 0.0
    for x_t, U_t in zip(x, U):
        h_t = np.tanh(W_ih * x_t + U_t * h_t + b_h)
        total += h_t
    return total


shared, eps = np.full(3, U_h), 1e-5
each = [(loss(shared + eps * one) - loss(shared - eps * one)) / (2 * eps) for one in np.eye(3)]
together = (loss(shared + eps) - loss(shared - eps)) / (2 * eps)
products = [da[t] * h[t - 1] for t in (1, 2, 3)]
print("one layer's U_h changed ", np.round(each, 3))
print("da_t h_{t-1}            ", np.round(products, 3))
print("all changed together    ", round(together, 3), "  their sum", round(sum(products), 3))
assert np.allclose(each, products) and np.isclose(together, sum(products)) and round(together, 3) == 0.972

# %% [markdown]
# ## The same from `rnn.backward`
#
# It takes the cache of the forward pass and dh, what arrives from outside: here 1 at every step. In `layers/rnn.py`
# steps are counted from 0, as Python does, so our h_1 is h[0] there; its lines (B1) to (B7) are what we did.

# %%
params = {"W_ih": np.array([[W_ih]]), "U_h": np.array([[U_h]]), "b_h": np.array([b_h])}
_, _, cache = rnn.forward(params, np.reshape(x, (1, 3, 1)))  # one series, three steps, one value
grads, dx, dh_0 = rnn.backward(cache, np.reshape(outside, (1, 3, 1)))
print({name: round(g.item(), 3) for name, g in grads.items()}, "dx", dx.ravel().round(3), "dh_0", dh_0.ravel().round(3))
assert np.isclose(grads["U_h"].item(), sum(products)) and np.isclose(dh_0.item(), dh[0])
assert np.isclose(grads["W_ih"].item(), np.dot(da[1:], x)) and np.isclose(grads["b_h"].item(), sum(da))
assert [round(grads[name].item(), 3) for name in ("U_h", "W_ih", "b_h")] == [0.972, 0.505, 2.994]

# %% [markdown]
# ## More than one unit: why U_h is transposed
#
# Now h and da are vectors, and U_h is a matrix. Forward, unit i collects along a *row*: a_i = Σ_j U_ij h_j. Backward,
# ask where h_j went: into every a_i, with the weight U_ij. So its gradient collects down a *column*: dh_j = Σ_i U_ij
# da_i, which is Uᵀ da. With U = (1 2; 3 4) and da = (1, 10):
#
#     dh_1 = 1 · 1 + 3 · 10 = 31,        dh_2 = 2 · 1 + 4 · 10 = 42
#
# PREDICT: without the transpose, would NumPy complain?

# %%
U, da_t = np.array([[1, 2], [3, 4]]), np.array([1, 10])
print("Uᵀ da", U.T @ da_t, "   U da", U @ da_t, "is wrong, and nobody complains")
assert (U.T @ da_t).tolist() == [31, 42] and (U @ da_t).tolist() == [21, 43]

# %% [markdown]
# It would not: U_h is square. Hence the last cell, a whole backward pass in matrices, for one series, and whether it
# agrees with `rnn.backward`. The outer products are da_t h_{t-1}ᵀ, one entry for each weight.

# %%
def backward(params, x, h, dh_outside):
    """x (T, D), h (T+1, H) with the initial state in front, dh_outside (T, H)."""
    grads = {name: np.zeros_like(p) for name, p in params.items()}
    from_future = np.zeros(h.shape[1])
    for t in reversed(range(len(x))):  # h[t] is the state before step t, h[t+1] the one after it
        dh_t = dh_outside[t] + from_future  # two sources
        da_t = dh_t * (1 - h[t + 1] ** 2)
        grads["W_ih"] += np.outer(da_t, x[t])  # sums over t
        grads["U_h"] += np.outer(da_t, h[t])
        grads["b_h"] += da_t
        from_future = params["U_h"].T @ da_t
    return grads


rng = np.random.default_rng(0)
params = {name: rng.normal(size=p.shape) for name, p in rnn.init(rng, D=2, H=4).items()}
x, dh_outside, h_0 = rng.normal(size=(1, 5, 2)), rng.normal(size=(1, 5, 4)), rng.normal(size=(1, 4))
h, _, cache = rnn.forward(params, x, h_0)
grads, _, _ = rnn.backward(cache, dh_outside)
ours = backward(params, x[0], np.concatenate([h_0, h[0]]), dh_outside[0])
for name, g in grads.items():
    print(f"{name:<5} largest difference {abs(ours[name] - g).max():.0e}")
    assert np.allclose(ours[name], g, rtol=0, atol=1e-12)
report = gradcheck.check(rnn, params, x, h_0, rng=rng, method="complex")
print(f"and rnn.backward against the complex step: largest relative error {report.max_error:.0e}")
assert report.ok

# %% [markdown]
# That the two agree does not prove that they are right: the same mind wrote both. What the last line did is the
# subject of tutorial 3.
#
# **To take away:** in the small example, let only the last state count, L = h_3: call `rnn.backward` with 0, 0, 1.
# Work out dh_0 on paper first. Then make the first two inputs 3 instead of 1. Why is hardly anything left of it?
