# %% [markdown]
# # 5. Vanishing and exploding: a product with a factor for every step
#
# *Beside the article: §2, on gates against vanishing and exploding gradients; §4, equation 1.*
#
# A network is to learn at step 100 from what it saw at step 0. For that the loss has to tell the state h_0 what to
# change, through a hundred steps. Equation 1, read backward, says what becomes of the message in one of them:
#
#     h_t = φ(W_ih x_t + U_h h_{t-1} + b_h)        dLoss/dh_{t-1} = U_hᵀ (φ'(a_t) ⊙ dLoss/dh_t)
#
# a_t is the argument of φ. U_hᵀ diag(φ'(a_t)) is the step's Jacobian, transposed. A hundred steps are a product of a
# hundred.
#
# ## The smallest numbers
#
# One unit, no input, no bias: h_t = tanh(u h_{t-1}) from h = 0 stays at 0, where tanh' = 1. So every factor is u.
#
# PREDICT: the gradient is 1 at the last step. What is it 50 steps earlier, for u = 0.9 and for u = 1.1?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import compose, losses, lstm, optim, plots, rnn, training
from minirnn.activations import sigmoid

sigma_rnn = compose.with_settings(rnn, activation="sigmoid")


def last_step_only(T, H=1, B=1):
    """A gradient (B, T, H) of norm 1 that arrives at the last step and nowhere else."""
    dh = np.zeros((B, T, H))
    dh[:, -1] = 1 / np.sqrt(H)
    return dh


def scalar(u, steps, layer=rnn, b=0.0, h=0.0):
    """The gradient at every step of a network of one unit without an input."""
    params = {"W_ih": np.zeros((1, 1)), "U_h": np.array([[u]]), "b_h": np.array([b])}
    x, state = np.zeros((1, steps + 1, 1)), np.array([[h]])
    return training.gradient_through_time(layer, params, x, last_step_only(steps + 1), state)[0]


for u in (0.9, 1.1):
    print(f"u = {u}: after 50 steps back {scalar(u, 50)[0]:.4f}, u**50 = {u**50:.4f}")
    assert np.isclose(scalar(u, 50)[0], u**50)
assert round(0.9**50, 4) == 0.0052 and round(1.1**50) == 117

# %% [markdown]
# 0.0052 and 117. There is no middle: only at exactly 1 does a product of many equal factors stay where it was.
#
# ## The article's own σ
#
# The slope of σ is σ' = s (1 - s), at most 1/4, at s = 1/2. Give it its best: u = 1, b = -1/2 and h = 1/2, so that
# a_t = 0 and σ' = 1/4 at every step. Ten steps back the gradient is 4⁻¹⁰, a millionth. tanh' is at most 1, and from
# h = 0 nothing is lost.

# %%
by_sigma = scalar(1.0, 10, sigma_rnn, b=-0.5, h=0.5)
by_tanh = scalar(1.0, 10)
print(f"ten steps back: σ {by_sigma[0]:.2e}, tanh {by_tanh[0]:.0f}")
assert np.isclose(by_sigma[0], 4.0**-10) and by_tanh[0] == 1

# %% [markdown]
# For equal reach σ needs a u four times as large. That is one reason why today's equation 1 has tanh.
#
# ## Backward by hand, and the check
#
# With many units the factors are matrices. Multiply them here, one by one, and compare with what `rnn.backward` sends
# to the state before the first step.

# %%
rng = np.random.default_rng(0)
params = rnn.init(rng, 2, 5, dtype=np.float64)
h, _, cache = rnn.forward(params, rng.normal(size=(1, 4, 2)))
dh = rng.normal(size=5)
_, _, by_backward = rnn.backward(cache, None, dh[None])
for h_t in h[0, ::-1]:
    dh = params["U_h"].T @ ((1 - h_t**2) * dh)  # tanh' = 1 - h_t²
print("largest difference", np.abs(dh - by_backward[0]).max())
assert np.allclose(dh, by_backward[0], rtol=1e-12)

# %% [markdown]
# ## Matrices: the spectral radius
#
# What is |u| for a matrix? At rest (x = 0, h = 0) tanh' is 1 and the product is (U_hᵀ)^k. For large k its size goes
# as ρ^k, where ρ is the spectral radius, the largest |eigenvalue| of U_h. So take one random U_h, scale it to several
# ρ, and look. Then once more at work, with inputs x_t drawn from N(0, 1).
#
# PREDICT: at rest the gradient of ρ = 1.5 explodes. At work h_t is often near ±1, where tanh is flat. Does it explode
# there?

# %%
T, H, B = 100, 32, 16
rng = np.random.default_rng(0)
U = rng.normal(size=(H, H))
U /= np.abs(np.linalg.eigvals(U)).max()  # radius 1
W_ih, x = rng.normal(size=(H, 1)), rng.normal(size=(B, T, 1))


def factor(norms):
    """By how much the gradient changes in a step back: the geometric mean over the steps 9 to 89."""
    start, end = np.median(norms, axis=0)[[9, 89]]
    return (start / end)**(1 / 80)


figure = Figure(figsize=(12, 4), layout="constrained")
rates = {}
for ax, (name, scale) in zip(figure.subplots(1, 2), (("at rest: x = 0", 0), ("at work: x from N(0, 1)", 1))):
    for radius in (4, 1.5, 1, 0.5):
        params = {"W_ih": W_ih, "U_h": radius * U, "b_h": np.zeros(H)}
        norms = training.gradient_through_time(rnn, params, scale * x, last_step_only(T, H, B))
        rates[radius, scale] = factor(norms)
        plots.gradient_norms(norms, ax, label=f"tanh, ρ = {radius}")
    params["U_h"], params["b_h"] = U, -U @ np.full(H, 0.5)  # the bias that keeps σ at rest at 1/2
    norms = training.gradient_through_time(sigma_rnn, params, scale * x, last_step_only(T, H, B), np.full((B, H), 0.5))
    rates["σ", scale] = factor(norms)
    plots.gradient_norms(norms, ax, label="σ, ρ = 1")
    ax.set(title=name, ylim=(1e-25, 1e25))
figure.axes[0].get_legend().remove()  # both panels have the same lines
save(figure, "05_vanishing_and_exploding.png")
print(f"largest singular value of U_h: {np.linalg.norm(U, 2):.1f} ρ")
print("factor a step    at rest   at work")
for name in (4, 1.5, 1, 0.5, "σ"):
    print(f"ρ = {name if name != 'σ' else '1, with σ':<12} {rates[name, 0]:>7.2f}   {rates[name, 1]:>7.2f}")

# %% [markdown]
# ![Gradient norms over time for several spectral radii, at rest and at work](figures/05_vanishing_and_exploding.png)
#
# The loss is at the right end, so read from right to left. Straight lines on a logarithmic axis: a factor for every
# step. At rest it is ρ, to a few percent, and ρ/4 with σ. At work the flat parts of tanh take their share: ρ = 1.5
# now vanishes, ρ = 4 explodes all the same. What one step can do at most is the largest singular value of U_h, which
# is 1.7 ρ here. Where it is below 1 the gradient must vanish, since no slope of tanh is above 1; where it is above,
# the gradient may explode, and need not (Pascanu, Mikolov and Bengio 2013).

# %%
for radius in (4, 1.5, 1, 0.5):
    assert abs(rates[radius, 0] / radius - 1) < 0.02 and rates[radius, 1] < rates[radius, 0]
assert abs(rates["σ", 0] - 0.25) < 0.01
assert round(np.linalg.norm(U, 2), 1) == 1.7 and rates[1.5, 1] < 0.95 and rates[4, 1] > 1.2

# %% [markdown]
# Bengio, Simard and Frasconi (1994) saw the trap in this: a state that stores something safely is one that small
# changes do not move, and then the gradient of what was stored vanishes.
#
# ## Against exploding: clip
#
# One unit again, u = 1.5, from h = -1, twenty steps, and the loss is (h_T + 0.7)². Only b is learned. Below a certain
# b the state stays negative; above, it tips over into the positive. Where it tips the loss has a wall.
#
# PREDICT: gradient descent with learning rate 0.05 stands on the wall, at b = 0.242, where dLoss/db is about 240. The
# minimum is 0.06 away. Where does one step lead?

# %%
model = compose.chain(rnn, compose.last_step)
x_0, target, start = np.zeros((1, 20, 1)), np.array([[-0.7]]), (np.array([[-1.0]]),)


def loss_and_slope(b):
    params = [{"W_ih": np.zeros((1, 1)), "U_h": np.array([[1.5]]), "b_h": b}, {}]
    y, _, cache = model.forward(params, x_0, start)
    loss, loss_cache = losses.mse(y, target)
    grads, *_ = model.backward(cache, losses.mse_backward(loss_cache))
    return loss, grads[0]["b_h"]


def descend(max_norm, steps=200):
    b, opt, path = np.array([0.242]), optim.SGD(lr=0.05), []
    for _ in range(steps):
        loss, db = loss_and_slope(b)
        norm = optim.clip_by_norm({"b": db}, max_norm)
        path.append((b.item(), loss, norm))
        opt.step({"b": b}, {"b": db})
    return np.array(path)


paths = {"unclipped": descend(np.inf), "clipped to norm 1": descend(1.0)}
for name, path in paths.items():
    print(f"{name:<18} norm {path[0, 2]:.0f} leads to b = {path[1, 0]:.3f}; 200 steps later b = {path[-1, 0]:.3f}, "
          f"loss {path[-1, 1]:.4f}, slope {path[-1, 2]:.0e}")
plain, clipped = paths.values()
assert 230 < plain[0, 2] < 250 and abs(plain[1, 0] + 11.7) < 0.1
assert np.isclose(plain[-1, 0], plain[1, 0]) and abs(plain[-1, 1] - 0.09) < 1e-6
assert abs(clipped[1, 0] - (0.242 - 0.05)) < 1e-9 and clipped[-1, 1] < 1e-6

# %% [markdown]
# One step unclipped leads to b = -11.7, onto a plain where tanh is flat. There the gradient vanishes: 200 steps later
# it has not moved. Clipped to norm 1 the same step has length 0.05, and the descent finds the minimum. `clip_by_norm`
# scales the gradient of *all* weights by one number: the direction stays, and far from walls nothing is changed at
# all.
#
# Clipping shortens what is too long. It cannot lengthen what has vanished: the message is lost in rounding and in
# noise.
#
# ## Against vanishing: the LSTM
#
# In equation 2, c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t, the direct way back is a product with f_t: no matrix, no slope of
# tanh. It is a product of a hundred factors all the same. With b_f = 0 the gate starts near f = σ(0) = 0.50, with
# b_f = 1 near 0.73, with 5 near 0.993. So b_f is how long the cell remembers before it has learned anything.
#
# PREDICT: 0.73^100 is 2e-14. Is b_f = 1, the usual start, enough for a hundred steps?

# %%
f = sigmoid(np.array([0.0, 1.0, 5.0]))
print("f at the start", f.round(3), "f**100", f**100)
assert f.round(3).tolist() == [0.5, 0.731, 0.993] and 2e-14 < f[1]**100 < 3e-14
x, dh = rng.normal(size=(B, T, 1)), last_step_only(T, H, B)
figure = Figure(figsize=(12, 4), layout="constrained")
left, right = figure.subplots(1, 2)
grid = np.linspace(-0.1, 0.45, 1101)
left.plot(grid, [loss_and_slope(np.array([b]))[0] for b in grid], color="black", linewidth=1)
left.plot(*clipped[:, :2].T, color=plots.BLUE, marker=".", label="clipped to norm 1")
left.plot(*plain[0, :2], color=plots.ORANGE, marker="o", linestyle="", label="the start, on the wall")
left.annotate("unclipped: one step, to b = -11.7", xy=(-0.1, 1.44), xytext=(0.23, 1.44), va="center", ha="right",
              color=plots.ORANGE, arrowprops={"arrowstyle": "->", "color": plots.ORANGE})
left.set(xlabel="b", ylabel="loss after 20 steps")
left.legend(frameon=False, loc="upper left")
norms = {"RNN, tanh": training.gradient_through_time(rnn, rnn.init(np.random.default_rng(1), 1, H, np.float64), x, dh)}
for b_f in (0, 1, 5):
    params = lstm.init(np.random.default_rng(1), 1, H, np.float64)
    lstm.gates(params)["b_f"][:] = b_f
    norms[f"LSTM, b$_f$ = {b_f}"] = training.gradient_through_time(lstm, params, x, dh)
for name, values in norms.items():
    plots.gradient_norms(values, right, label=name)
    print(f"{name:<14} step 0: {np.median(values[:, 0]):.0e}, a factor of {factor(values):.2f} a step")
right.set_ylim(1e-26, 1e3)
save(figure, "05_clip_and_gate.png")

# %% [markdown]
# ![A wall in the loss, with and without clipping; gradient norms of RNN and LSTM](figures/05_clip_and_gate.png)
#
# At the start, before any training, over a hundred steps: the RNN loses about 24 orders of magnitude, an LSTM with
# b_f = 0 about 21. b_f = 1 loses about 7: a factor of 0.86 a step, more than f alone would leave, for h_t feeds back
# too. With b_f = 5 the gradient arrives. So gates do not abolish vanishing: open gates do, and b_f = 1 opens them for
# a few steps only (Gers, Schmidhuber and Cummins 2000; Jozefowicz, Zaremba and Sutskever 2015, find that it helps).
# The rest is for training to learn, or for a larger b_f to give.
#
# And with b_f = 5 the line rises to the left: the feedback through h_t still multiplies by matrices. An LSTM can
# explode; so `training.step` clips for it too.

# %%
at_0 = {name: np.median(values[:, 0]) for name, values in norms.items()}
rnn_0, none, one, five = at_0.values()
assert 1e-26 < rnn_0 < 1e-23 and 1e-22 < none < 1e-20 and 1e-9 < one < 1e-6 and 0.1 < five
assert 0.80 < factor(norms["LSTM, b$_f$ = 1"]) < 0.90 and factor(norms["LSTM, b$_f$ = 5"]) > 1

# %% [markdown]
# **To take away:** the tanh RNN starts with U_h uniform in ±1/√H, whose variance is 1/(3H), and the radius of a
# random matrix is about √(variance · H). Which ρ is that, and what does it say about the line of the RNN? Give it
# `initialize.orthogonal(rng, params)`, radius 1, and see how much of the loss is tanh's own doing.
