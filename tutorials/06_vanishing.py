# %% [markdown]
# # 6. Vanishing and exploding: a product with a factor for every step
#
# *Beside the article: §2, on vanishing and exploding gradients; §4, equation 1.*
#
# A network is to learn at step 100 from what it saw at step 0. For that the loss has to tell the state h_0 what to
# change, through a hundred steps. Tutorial 2 showed what one of them does to the message:
#
#     h_t = φ(a_t),  a_t = W_ih x_t + U_h h_{t-1} + b_h          dh_{t-1} = U_hᵀ (φ'(a_t) ⊙ dh_t)
#
# ⊙ multiplies entry by entry. A hundred steps are a product of a hundred such factors.
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

from minirnn import plots, rnn

for u in (0.9, 1.0, 1.1):
    dh = 1.0
    for _ in range(50):
        dh = u * dh  # tanh' is 1
    print(f"u = {u}: 50 steps back {dh:.4f}")

# %% [markdown]
# 0.0052 and 117. There is no middle: only at exactly 1 does a product of many equal factors stay where it was.
#
# ## The article's own σ
#
# The slope of σ is σ' = s (1 - s), where s is its output. It is at most 1/4, at s = 1/2. Give it its best: u = 1, and
# a bias that keeps the state at 1/2.
#
# PREDICT: what is left of the gradient ten steps back?

# %%
dh = 1.0
for _ in range(10):
    s = 0.5
    dh = 1.0 * s * (1 - s) * dh
print(f"ten steps back with σ {dh:.1e}, with tanh at 0: 1")

# %% [markdown]
# A millionth. For equal reach σ needs a u four times as large. That is one reason why today's equation 1 has tanh.

# %% tags=["proof"]
assert round(0.9**50, 4) == 0.0052 and round(1.1**50) == 117 and 9e-7 < dh < 1e-6

# %% [markdown]
# ## Many units: the loop in matrices
#
# The factor of a step is now a matrix: U_hᵀ, with each of its columns multiplied by the φ' of one unit. Here is the
# loop, which also writes down the length of dh_t (its norm, the root of the sum of squares) at each step.
# `rnn.backward` must arrive at the same gradient of the initial state.

# %%
def backward_through_time(U_h, h, dh, slope):
    """From h (T, H) and dh at the last step: the length of dh_t at each step, and dh before the first one."""
    lengths = []
    for h_t in reversed(h):
        lengths.append(np.linalg.norm(dh))
        dh = U_h.T @ (slope(h_t) * dh)  # the step's factor
    return np.array(lengths[::-1]), dh


tanh_slope = lambda h: 1 - h**2
sigma_slope = lambda h: h * (1 - h)

rng = np.random.default_rng(0)
params = rnn.init(rng, 2, 5, dtype=np.float64)
h, _, cache = rnn.forward(params, rng.normal(size=(1, 4, 2)))
dh_last = rng.normal(size=5)
_, ours = backward_through_time(params["U_h"], h[0], dh_last, tanh_slope)
_, _, theirs = rnn.backward(cache, None, dh_last[None])
gap = abs(ours - theirs[0]).max()
print("largest difference from rnn.backward", gap)

# %% tags=["proof"]
assert gap < 1e-14

# %% [markdown]
# ## What is |u| for a matrix?
#
# Multiply some vector by a matrix again and again. After a while each product makes it longer or shorter by the same
# factor. This factor ρ ("rho") is called the *spectral radius* of the matrix (the largest |eigenvalue|). It plays the
# part of |u|.

# %%
T, H = 100, 32
rng = np.random.default_rng(0)
U = rng.normal(size=(H, H))
v = rng.normal(size=H)
growth = []
for _ in range(2000):
    longer = U @ v
    growth.append(np.linalg.norm(longer) / np.linalg.norm(v))
    v = longer / np.linalg.norm(longer)
measured = np.exp(np.mean(np.log(growth[200:])))  # the mean factor, once the start is forgotten
radius_of_U = abs(np.linalg.eigvals(U)).max()
print(f"mean factor of a product {measured:.3f}, largest |eigenvalue| {radius_of_U:.3f}")
U = U / radius_of_U  # so that ρ = 1; c · U has ρ = c

# %% tags=["proof"]
assert abs(measured / radius_of_U - 1) < 0.01

# %% [markdown]
# ## The picture
#
# One random U_h, scaled to several ρ. First *at rest*: no input, h = 0, so tanh' is 1. Then *at work*: inputs drawn
# at random, so that the states move. The gradient arrives at the last step only.
#
# PREDICT: at rest the gradient of ρ = 1.5 explodes. At work h_t is often near ±1, where tanh is flat. Does it explode
# there?

# %%
W_ih = rng.normal(size=(H, 1))
noise, silence = rng.normal(size=(T, 1)), np.zeros((T, 1))
dh_last = np.ones(H) / np.sqrt(H)  # of length 1


def lengths(x, rho, phi="tanh"):
    """The length of dh_t at each step."""
    params = {"W_ih": W_ih, "U_h": rho * U, "b_h": np.zeros(H)}
    state, slope = np.zeros((1, H)), tanh_slope
    if phi == "sigmoid":
        params["b_h"] = -rho * U @ np.full(H, 0.5)  # at rest this keeps all states at 1/2, where σ' is 1/4
        state, slope = np.full((1, H), 0.5), sigma_slope
    h, _, _ = rnn.forward(params, x[None], state, activation=phi)
    return backward_through_time(params["U_h"], h[0], dh_last, slope)[0]


def factor(lengths):
    """By how much the gradient changes in a step back, on average over the steps 9 to 89."""
    return (lengths[9] / lengths[89]) ** (1 / 80)


LINES = ((4, "tanh", plots.ORANGE, "-"), (1.5, "tanh", plots.GREEN, "-"), (1, "tanh", plots.BLUE, "-"),
         (0.5, "tanh", plots.GREY, "-"), (1, "sigmoid", "black", ":"))
factors = {}
figure = Figure(figsize=(12, 4.2), layout="constrained")
for ax, (name, x) in zip(figure.subplots(1, 2, sharey=True), (("at rest", silence), ("at work", noise))):
    for rho, phi, colour, style in LINES:
        line = lengths(x, rho, phi)
        factors[rho, phi, name] = factor(line)
        ax.semilogy(line, color=colour, linestyle=style, linewidth=2,
                    label=f"{'σ' if phi == 'sigmoid' else phi}, ρ = {rho}")
    ax.axhline(1, color="black", linewidth=0.5)
    ax.set(title=name, xlabel="step t; the loss is at the right end", ylim=(1e-30, 1e30), xlim=(0, T - 1))
figure.axes[0].set_ylabel("length of dh$_t$")
figure.axes[1].legend(frameon=False, loc="upper right")
save(figure, "06_vanishing.png")
print("factor a step    at rest   at work")
for rho, phi, *_ in LINES:
    print(f"{phi:<8} ρ = {rho:<5} {factors[rho, phi, 'at rest']:>6.2f}   {factors[rho, phi, 'at work']:>6.2f}")

# %% [markdown]
# ![Length of the gradient over time for several spectral radii, at rest and at work](figures/06_vanishing.png)
#
# The loss is at the right end, so read from right to left. Straight lines on a logarithmic axis: a factor for every
# step. At rest it is ρ, to a few percent, and ρ/4 with σ. At work the flat parts of tanh take their share: ρ = 1.5
# now vanishes, ρ = 4 explodes all the same.

# %% tags=["proof"]
for rho in (4, 1.5, 1, 0.5):
    assert abs(factors[rho, "tanh", "at rest"] / rho - 1) < 0.05
    assert factors[rho, "tanh", "at work"] < factors[rho, "tanh", "at rest"]
assert abs(factors[1, "sigmoid", "at rest"] - 0.25) < 0.01
assert factors[1.5, "tanh", "at work"] < 0.97 and factors[4, "tanh", "at work"] > 1.1

# %% [markdown]
# ## Must a network that remembers lose its gradient?
#
# Tutorial 1 had a unit with u = 1.5 that kept the sign of a pulse for good. Its state rests at ±0.859.
#
# PREDICT: at rest at h = 0 its factor is 1.5 a step, so the gradient explodes. What is its factor at 0.859, where it
# keeps the bit?

# %%
h = 0.8586
print(f"the factor at h = {h}: {1.5 * (1 - h**2):.3f}, after 19 steps {(1.5 * (1 - h**2)) ** 19:.0e}")

# %% [markdown]
# 0.39: the gradient vanishes. This is no accident. A state that comes back to its place after every small push has a
# factor below 1, for the factor *is* what becomes of a small push. So a tanh unit that holds something safely loses
# the gradient of what it holds. That is what Bengio, Simard and Frasconi (1994) showed in general. Tutorial 10 shows
# the LSTM's way out.

# %% tags=["proof"]
assert np.isclose(np.tanh(1.5 * h), h, atol=1e-4) and round(1.5 * (1 - h**2), 2) == 0.39

# %% [markdown]
# **To take away:** `rnn.init` draws U_h uniformly from ±1/√H. The variance of such numbers is 1/(3H), and the
# spectral radius of a random matrix is about √(variance · H). Which ρ is that? How much of a gradient is left after
# 100 steps?

# %% [markdown] tags=["answer"]
# ## Answer
#
# ρ is about √(1/3) = 0.58. At rest 0.58¹⁰⁰ = 1e-24 is left, at work less. So a fresh RNN cannot learn anything over a
# hundred steps. `initialize.orthogonal` starts from a U_h whose factor is 1 for every vector; then only tanh' takes
# its share.

# %% tags=["proof"]
drawn = rnn.init(np.random.default_rng(1), 1, 400, np.float64)["U_h"]
assert abs(abs(np.linalg.eigvals(drawn)).max() - 0.58) < 0.04 and 1e-25 < 3 ** -50.0 < 1e-23
