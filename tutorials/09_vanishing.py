# %% [markdown]
# # 9. Vanishing and exploding: a product with a factor for every step
#
# *Beside the article: §2, on vanishing and exploding gradients; §4, equation 1.*
#
# The loss at step 100 may depend on what the network read at step 0. To learn this, the gradient has to come back
# from step 100 to step 0. Tutorial 2 showed what one step back does to it, in a network of one unit:
#
#     forward     a_t = W_ih x_t + U_h h_{t-1} + b_h,  h_t = φ(a_t)
#     backward    dh_{t-1} = U_h φ'(a_t) dh_t
#
# So each step back multiplies dh by the number U_h φ'(a_t), the *factor* of this step. A hundred steps do this a
# hundred times. What is left? We look at the gradient of a loss at the last step.
#
# ## The smallest numbers
#
# Take a unit without input and bias, and write u for U_h: h_t = tanh(u h_{t-1}). From h = 0 it stays at 0, where
# tanh' = 1. So the factor of each step is u.
#
# PREDICT: dh is 1 at the last step. What is it 50 steps earlier, for u = 0.9, u = 1 and u = 1.1?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import plots, rnn

for u in (0.9, 1.0, 1.1):
    dh = 1.0
    for _ in range(50):
        dh = u * dh  # tanh' is 1
    print(f"u = {u}: 50 steps back {dh:.4f}")

# %% [markdown]
# 0.0052, 1 and 117. With 0.9 the gradient *vanishes*, with 1.1 it *explodes*. Only a factor of exactly 1 keeps it.
#
# ## The article's own σ
#
# The slope of σ is σ' = s (1 - s), where s is its output. It is at most 1/4, at s = 1/2. Take this steepest place, kept
# by a bias, and u = 1.
#
# PREDICT: what is left of dh = 1 ten steps back?

# %%
dh = 1.0
for _ in range(10):
    s = 0.5
    dh = 1.0 * s * (1 - s) * dh
print(f"ten steps back with σ {dh:.1e}, with tanh at 0: 1")

# %% [markdown]
# A millionth. To keep the gradient σ needs u = 4, where tanh needs u = 1. That is one reason why RNNs take tanh today.
#
# Only the size of the weights matters: σ(a) = (1 + tanh(a/2)) / 2. Take a σ network with U four times and W twice as
# large, and a fitting bias. It has the states of the tanh network, as (1 + h)/2. But training starts with small
# weights, and there σ loses far more.

# %% tags=["proof"]
assert round(0.9**50, 4) == 0.0052 and round(1.1**50) == 117 and 9e-7 < dh < 1e-6
rng = np.random.default_rng(0)
params = rnn.init(rng, 2, 5, dtype=np.float64)
twin = {"W_ih": 2 * params["W_ih"], "U_h": 4 * params["U_h"], "b_h": 2 * params["b_h"] - 2 * params["U_h"].sum(axis=1)}
x = rng.normal(size=(1, 9, 2))
h, h_twin = rnn.forward(params, x)[0], rnn.forward(twin, x, np.full((1, 5), 0.5), activation="sigmoid")[0]
assert np.allclose(h_twin, (1 + h) / 2, rtol=0, atol=1e-14)

# %% [markdown]
# ## A unit that holds a value
#
# Tutorial 1 had a unit with u = 1.5 that kept the sign of a pulse. Its state then rests at 0.859 or -0.859.
#
# PREDICT: at h = 0 the factor of this unit is 1.5. What is the factor at h = 0.859?

# %%
h = 0.8586
print(f"h = {h}, one step later {np.tanh(1.5 * h):.4f}; "
      f"the factor there {1.5 * (1 - h**2):.3f}, after 19 steps {(1.5 * (1 - h**2)) ** 19:.0e}")

# %% [markdown]
# 0.39: the gradient vanishes. That is why pulses of 2.1 and 2 ended alike in tutorial 1. It must be so. Move h a
# little: after one step the change is multiplied by the factor. If a change is to shrink by a fixed share at each step,
# the size of the factor must be below 1. So a tanh unit that holds a value against small changes loses the gradient
# with respect to what it holds. Bengio, Simard and Frasconi (1994) showed this in general. Tutorial 15 shows what the
# LSTM does about it.
#
# ## The picture

# %%
FACTORS = {"tanh at 0, u = 1.1": (1.1, plots.ORANGE, "-"), "tanh at 0, u = 1": (1.0, plots.BLUE, "-"),
           "tanh at 0, u = 0.9": (0.9, plots.GREEN, "-"), "σ at 1/2, u = 1": (0.25, "black", ":"),
           "tanh holding 0.859, u = 1.5": (1.5 * (1 - h**2), "black", "-")}
back = np.arange(101)
figure = Figure(figsize=(9, 4), layout="constrained")
ax = figure.subplots()
for name, (factor, colour, style) in FACTORS.items():
    ax.semilogy(-back, factor ** back, color=colour, linestyle=style, linewidth=2, label=f"{name}: factor {factor:.2f}")
ax.set(xlabel="step, counted from the loss", ylabel="dh", ylim=(1e-20, 1e6), xlim=(-100, 0))
ax.legend(frameon=False, loc="lower left")
save(figure, "09_vanishing.png")

# %% [markdown]
# ![The gradient over a hundred steps back, for five factors](figures/09_vanishing.png)
#
# The loss is at the right end, so read from right to left. The axis is logarithmic: it turns a product of equal factors
# into a straight line. Only one line is level.

# %% tags=["proof"]
assert np.isclose(np.tanh(1.5 * h), h, atol=1e-4) and round(1.5 * (1 - h**2), 2) == 0.39

# %% [markdown]
# **To take away:** is there a tanh unit that holds a value other than 0, and has a factor of 1 or more there? Try it:
# for h from 0.1 to 0.9, find the u with which h stays where it is, and compute the factor.

# %% [markdown] tags=["answer"]
# ## Answer
#
# h = tanh(u h) means u = artanh(h) / h, where artanh is the inverse of tanh. The factor is then u (1 - h²). For h = 0.1
# it is 0.99, for 0.5 it is 0.82, for 0.9 it is 0.31. It is always below 1. The larger the value that is held, the
# faster its gradient vanishes.
#
# So no tanh unit holds such a value and keeps its gradient. The cell of the LSTM can: its factor is its forget gate,
# for small and for large values alike (tutorials 12 and 15).

# %%
for h in (0.1, 0.5, 0.9):
    u = np.arctanh(h) / h
    print(f"h = {h} stays with u = {u:.3f}; the factor there is {u * (1 - h**2):.2f}")

# %% tags=["proof"]
h = np.linspace(0.01, 0.999, 500)
factor = np.arctanh(h) / h * (1 - h**2)
assert (factor < 1).all() and (np.diff(factor) < 0).all()
assert [round(np.arctanh(h) / h * (1 - h**2), 2) for h in (0.1, 0.5, 0.9)] == [0.99, 0.82, 0.31]
