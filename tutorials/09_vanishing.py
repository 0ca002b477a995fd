# %% [markdown]
# # 9. Vanishing and exploding: a product with a factor for every step
#
# *Beside the article: §2, on vanishing and exploding gradients; §4, equation 1.*
#
# The loss at step 100 may depend on what the network read at step 0. To learn this, the gradient has to come back
# from step 100 to step 0. Tutorial 2 showed what one step back does to it:
#
#     forward     a_t = W_ih x_t + U_h h_{t-1} + b_h,  h_t = φ(a_t)
#     backward    dh_{t-1} = U_hᵀ (φ'(a_t) ⊙ dh_t)
#
# ⊙ multiplies entry by entry. So each step back multiplies dh by the slope φ' and by U_hᵀ. A hundred steps do this a
# hundred times.
#
# ## The smallest numbers
#
# Take one unit without input and bias, and write u for its single number U_h: h_t = tanh(u h_{t-1}). From h = 0 it
# stays at 0, where tanh' = 1. So the factor of each step is u.
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
# The slope of σ is σ' = s (1 - s), where s is its output. It is at most 1/4, at s = 1/2. Take this best case: u = 1,
# and a bias that keeps the state at 1/2.
#
# PREDICT: what is left of dh = 1 ten steps back?

# %%
dh = 1.0
for _ in range(10):
    s = 0.5
    dh = 1.0 * s * (1 - s) * dh
print(f"ten steps back with σ {dh:.1e}, with tanh at 0: 1")

# %% [markdown]
# A millionth. To keep the gradient σ needs u = 4, where tanh needs u = 1. That is one reason why today's equation 1 has
# tanh.

# %% tags=["proof"]
assert round(0.9**50, 4) == 0.0052 and round(1.1**50) == 117 and 9e-7 < dh < 1e-6

# %% [markdown]
# ## Many units: the loop in matrices
#
# Now dh_t is a vector, and each step multiplies it by a matrix. Its size is its *length*, the root of the sum of
# squares. Here is the loop, which also writes down the length of dh_t at each step. `rnn.backward` must arrive at the
# same gradient of the initial state. Its second argument is the gradient of all states, here None. The third is that of
# the last state.

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
# ## One number for a matrix: what |u| was for one unit
#
# For some vectors v the product U v is v times a number λ. Each such λ is an *eigenvalue* of U. It may be complex. The
# largest |λ| is called the *spectral radius* ρ ("rho") of the matrix.
#
# Multiply nearly any vector by U again and again. Each product makes it longer or shorter by some factor. The factors
# differ, but their mean settles at ρ. So ρ is for a matrix what |u| is for a number. (The mean is the geometric one:
# the n-th root of the product of n factors.)
#
# Take a 32 x 32 matrix of random numbers with mean 0 and variance 1. Each entry of U v is a sum of 32 random numbers
# times the entries of v.
#
# PREDICT: is the mean factor of such a matrix about 1, 6 or 32?

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
growth = growth[200:]  # the first ones still depend on the start
measured = np.exp(np.mean(np.log(growth)))  # the geometric mean
radius_of_U = abs(np.linalg.eigvals(U)).max()
print(f"factors from {min(growth):.2f} to {max(growth):.2f}, mean factor {measured:.3f}, "
      f"largest |eigenvalue| {radius_of_U:.3f}")
U = U / radius_of_U  # so that ρ = 1; c · U has ρ = c

# %% tags=["proof"]
assert abs(measured / radius_of_U - 1) < 0.01 and min(growth) < 0.97 * measured and max(growth) > 1.03 * measured

# %% [markdown]
# About 6, near √32. The variances of the 32 products add up, so the length grows by about the root of 32. And the mean
# factor is the largest |λ|. The last line of the cell divides the matrix by its ρ. So the new matrix has ρ = 1.
#
# ## The picture
#
# One random U_h, multiplied by several numbers, so that ρ is 4, 1.5, 1 and 0.5. First *at rest*: no input and h = 0,
# so tanh' is 1. Then *at work*: random inputs, so that the states move. The gradient comes from a loss at the last
# step.
#
# PREDICT: at rest the gradient explodes with ρ = 4 and with ρ = 1.5. And at work?

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
save(figure, "09_vanishing.png")
print("factor a step    at rest   at work")
for rho, phi, *_ in LINES:
    print(f"{phi:<8} ρ = {rho:<5} {factors[rho, phi, 'at rest']:>6.2f}   {factors[rho, phi, 'at work']:>6.2f}")

# %% [markdown]
# ![Length of the gradient over time for several spectral radii, at rest and at work](figures/09_vanishing.png)
#
# The loss is at the right end, so read from right to left. The lines are nearly straight on a logarithmic axis, so
# each step multiplies by about the same factor. At rest this is ρ, and ρ/4 with σ.
#
# At work the states are often near ±1, where tanh is flat and its slope is far below 1. So the average factor is
# smaller. Now the gradient vanishes with ρ = 1.5, and still explodes with ρ = 4. Five other random matrices and inputs
# gave the same.
#
# (In the left panel the orange line leaves the picture at 1e30.)

# %% tags=["proof"]
for rho in (4, 1.5, 1, 0.5):
    assert abs(factors[rho, "tanh", "at rest"] / rho - 1) < 0.05
    assert factors[rho, "tanh", "at work"] < factors[rho, "tanh", "at rest"]
assert abs(factors[1, "sigmoid", "at rest"] - 0.25) < 0.01
assert factors[1.5, "tanh", "at work"] < 0.97 and factors[4, "tanh", "at work"] > 1.1


def other_factor(seed, rho):
    """The factor at work with another random matrix and other inputs."""
    rng = np.random.default_rng(seed)
    U, W, x = rng.normal(size=(H, H)), rng.normal(size=(H, 1)), rng.normal(size=(T, 1))
    U_h = rho * U / abs(np.linalg.eigvals(U)).max()
    h, _, _ = rnn.forward({"W_ih": W, "U_h": U_h, "b_h": np.zeros(H)}, x[None])
    return factor(backward_through_time(U_h, h[0], dh_last, tanh_slope)[0])


for rho, smallest, largest in ((1.5, 0.79, 0.92), (4, 1.25, 1.36)):
    others = [other_factor(seed, rho) for seed in range(1, 6)]
    assert np.allclose([min(others), max(others)], [smallest, largest], atol=0.02)

# %% [markdown]
# ## Must a network that remembers lose its gradient?
#
# Tutorial 1 had a unit with u = 1.5 that kept the sign of a pulse. Its state then rests at 0.859 or -0.859.
#
# PREDICT: at h = 0 the factor of this unit is 1.5, and its gradient explodes. What is the factor at h = 0.859?

# %%
h = 0.8586
print(f"the factor at h = {h}: {1.5 * (1 - h**2):.3f}, after 19 steps {(1.5 * (1 - h**2)) ** 19:.0e}")

# %% [markdown]
# 0.39: the gradient vanishes. This must be so. Move h a little: after one step the change is multiplied by the
# factor. If the state is to come back to its place, the factor must be below 1. So a tanh unit that holds a value
# against small changes loses the gradient of this value. Bengio, Simard and Frasconi (1994) showed this in general.
# Tutorial 15 shows what the LSTM does about it.

# %% tags=["proof"]
assert np.isclose(np.tanh(1.5 * h), h, atol=1e-4) and round(1.5 * (1 - h**2), 2) == 0.39

# %% [markdown]
# **To take away:** `rnn.init` takes random numbers between -1/√H and 1/√H for U_h. The variance of such numbers is
# 1/(3H). The ρ of a random matrix is about √(variance · H). Which ρ is that? At rest, how much of a gradient is left
# 100 steps back?

# %% [markdown] tags=["answer"]
# ## Answer
#
# ρ is about √(H / (3H)) = 1/√3 = 0.58. At rest (1/√3)¹⁰⁰ = 1.4e-24 is left, at work less. Twelve matrices of 32
# units gave 1e-26 to 1e-16. So in a fresh RNN next to nothing of the gradient comes back over a hundred steps. What
# comes from near steps is far larger.
#
# `initialize.orthogonal` makes a U_h that keeps the length of every vector. Then only tanh' makes the gradient
# shorter.

# %% tags=["proof"]
drawn = rnn.init(np.random.default_rng(1), 1, 400, np.float64)["U_h"]
assert abs(abs(np.linalg.eigvals(drawn)).max() - 0.58) < 0.04 and round(3**-50.0 * 1e24, 1) == 1.4
left = []
for seed in range(12):
    U_h, dh = rnn.init(np.random.default_rng(seed), 1, 32, np.float64)["U_h"], dh_last
    for _ in range(100):
        dh = U_h.T @ dh
    left.append(np.linalg.norm(dh))
assert 5e-27 < min(left) and max(left) < 2e-16 and min(left) < 1e-25 and max(left) > 1e-17
