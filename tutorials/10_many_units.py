# %% [markdown]
# # 10. Many units: one number that says whether a gradient vanishes
#
# *Beside the article: §2, on vanishing and exploding gradients; §4, equation 1.*
#
# With one unit each step back multiplies the gradient by the number u φ'. Below 1 it vanishes, above 1 it explodes
# (tutorial 9). With many units each step multiplies a vector by a matrix (tutorial 3):
#
#     backward    dh_{t-1} = U_hᵀ (φ'(a_t) ⊙ dh_t)
#
# ⊙ multiplies entry by entry. Is there one number for a matrix that takes the place of |u|?
#
# The size of a vector is its *length*, the root of the sum of squares. Here is the loop, which also writes down the
# length of dh_t at each step. `rnn.backward(cache, dh, dh_last)` must arrive at the same gradient of the initial state.
# dh would be a gradient for every state, here None. dh_last is the one for the last state.

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import plots, rnn


def backward_through_time(U_h, h, dh):
    """From h (T, H) and dh at the last step: the length of dh_t at each step, and dh before the first one."""
    lengths = []
    for h_t in reversed(h):
        lengths.append(np.linalg.norm(dh))
        dh = U_h.T @ ((1 - h_t**2) * dh)
    return np.array(lengths[::-1]), dh


rng = np.random.default_rng(0)
params = rnn.init(rng, 2, 5, dtype=np.float64)
h, _, cache = rnn.forward(params, rng.normal(size=(1, 4, 2)))
dh_last = rng.normal(size=5)
_, ours = backward_through_time(params["U_h"], h[0], dh_last)
_, _, theirs = rnn.backward(cache, None, dh_last[None])
gap = abs(ours - theirs[0]).max()
print("largest difference from rnn.backward", gap)

# %% tags=["proof"]
assert gap < 1e-14

# %% [markdown]
# ## The smallest numbers: the same matrix again and again
#
# For some vectors v the product U v is v times a number λ. Each such λ is an *eigenvalue* of U. It may be complex. The
# largest |λ| is called the *spectral radius* ρ ("rho") of the matrix. U and Uᵀ have the same eigenvalues.
#
# Nearly any vector is a sum of parts, one for each λ. Multiply it by U again and again. The part with the largest |λ|
# outgrows all others. So in the long run each product makes the vector longer or shorter by ρ, on average. So ρ is for
# a matrix what |u| is for a number.
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
measured = np.exp(np.mean(np.log(growth)))  # the geometric mean: the n-th root of the product of n factors
radius_of_U = abs(np.linalg.eigvals(U)).max()
print(f"factors from {min(growth):.2f} to {max(growth):.2f}, mean factor {measured:.3f}, "
      f"largest |eigenvalue| {radius_of_U:.3f}")
U = U / radius_of_U  # so that ρ = 1; c · U has ρ = c

# %% tags=["proof"]
assert abs(measured / radius_of_U - 1) < 0.01 and min(growth) < 0.97 * measured and max(growth) > 1.03 * measured

# %% [markdown]
# About 6. The variances of the 32 products add up, so the length grows by about the root of 32, which is 5.66. And the
# mean factor is the largest |λ|. Now divide the matrix by its ρ: then it has ρ = 1, and c times it has ρ = c.
#
# ## The picture
#
# One random U_h, multiplied by several numbers, so that ρ is 4, 1.5, 1 and 0.5. First *at rest*: no input and h = 0,
# so tanh' is 1. Then *at work*: random inputs with mean 0 and variance 1, so that the states move. The gradient comes
# from a loss at the last step.
#
# PREDICT: at rest the gradient explodes with ρ = 4 and with ρ = 1.5. And at work?

# %%
W_ih, x = rng.normal(size=(H, 1)), rng.normal(size=(T, 1))
dh_last = np.ones(H) / np.sqrt(H)  # of length 1


def back_from_the_end(U_h, W_ih, x):
    """The length of dh_t at each step, and the states."""
    h = rnn.forward({"W_ih": W_ih, "U_h": U_h, "b_h": np.zeros(H)}, x[None])[0][0]
    return backward_through_time(U_h, h, dh_last)[0], h


def factor(lengths):
    """By how much the gradient changes in a step back, on average over the steps 9 to 89."""
    return (lengths[9] / lengths[89]) ** (1 / 80)


figure, found = Figure(figsize=(12, 4.2), layout="constrained"), {}
left, right = figure.subplots(1, 2, sharey=True)
print(f"{'':<9}factor at rest   factor at work   mean slope at work")
for rho, colour in ((4, plots.ORANGE), (1.5, plots.GREEN), (1, plots.BLUE), (0.5, plots.GREY)):
    rest, _ = back_from_the_end(rho * U, W_ih, 0 * x)
    work, h = back_from_the_end(rho * U, W_ih, x)
    found[rho] = factor(rest), factor(work), (1 - h**2).mean()
    print(f"ρ = {rho:<5}{found[rho][0]:>14.2f}{found[rho][1]:>17.2f}{found[rho][2]:>21.2f}")
    for ax, lengths in (left, rest), (right, work):
        ax.semilogy(lengths, color=colour, linewidth=2, label=f"ρ = {rho}")
for ax, title in (left, "at rest"), (right, "at work"):
    ax.axhline(1, color="black", linewidth=0.5)
    ax.set(title=title, xlabel="step t; the loss is at the right end", ylim=(1e-30, 1e30), xlim=(0, T - 1))
left.set_ylabel("length of dh$_t$")
right.legend(frameon=False, loc="upper right")
save(figure, "10_many_units.png")

# %% [markdown]
# ![Length of the gradient over time for several spectral radii, at rest and at work](figures/10_many_units.png)
#
# The loss is at the right end, so read from right to left. The lines are nearly straight on a logarithmic axis, so
# each step multiplies by about the same factor. At rest this is ρ. Lines end at the edge of the picture.
#
# At work h is not 0, so the slope of tanh is below 1: on average 0.67 for ρ = 0.5 and 0.25 for ρ = 4. So each factor is
# smaller. Now the gradient vanishes with ρ = 1.5, and still explodes with ρ = 4.
#
# Does that depend on the matrix, or on the size of the inputs? The next cell takes twenty other matrices, and inputs of
# several sizes.
#
# PREDICT: with inputs five times as large, does ρ = 4 explode in more of the twenty, or in fewer?

# %%
def grows(seed, rho, size):
    """Whether the gradient grows from step to step, for another random matrix and other inputs."""
    rng = np.random.default_rng(seed)
    U, W_ih, x = rng.normal(size=(H, H)), rng.normal(size=(H, 1)), rng.normal(size=(T, 1))
    return factor(back_from_the_end(rho * U / abs(np.linalg.eigvals(U)).max(), W_ih, size * x)[0]) > 1


growing = {(rho, size): sum(grows(seed, rho, size) for seed in range(1, 21))
           for rho in (1.5, 4) for size in (0.1, 1, 5)}
for (rho, size), count in growing.items():
    print(f"ρ = {rho:<4} inputs of size {size:<4} the gradient grows in {count:>2} of 20")

# %% [markdown]
# In fewer. Large inputs move the states to where tanh is flat, and then ρ = 4 vanishes too for most matrices. Small
# inputs leave the states near 0, and then even ρ = 1.5 explodes for some. So over many steps ρ decides alone at rest
# only. At work the slopes count too. Their mean alone does not give the factor: with ρ = 4 it gives 4 · 0.25 = 1, and
# the measured factor is 1.31.

# %% tags=["proof"]
for rho, (rest, work, slope) in found.items():
    assert abs(rest / rho - 1) < 0.05 and work < rest and slope < 1
assert found[1.5][1] < 0.97 and found[4][1] > 1.1
assert round(found[4][1], 2) == 1.31
assert abs(found[0.5][2] - 0.67) < 0.01 and abs(found[4][2] - 0.25) < 0.01
assert growing[1.5, 1] == 0 and growing[4, 1] >= 19 and growing[4, 5] < 10 and growing[1.5, 0.1] > 2

# %% [markdown]
# **To take away:** `rnn.init` takes random numbers between -1/√H and 1/√H for U_h. The variance of such numbers is
# 1/(3H). The ρ of a random matrix is about √(variance · H). Which ρ is that? At rest, how much of a gradient is left
# 100 steps back?

# %% [markdown] tags=["answer"]
# ## Answer
#
# ρ is about √(H / (3H)) = 1/√3 = 0.58. At rest (1/√3)¹⁰⁰ = 1.4e-24 is left, at work less. Twelve matrices of 32 units
# leave 1e-26 to 6e-17: their ρ differ a little, and a hundred steps make much of it. So in a fresh RNN next to nothing
# of the gradient comes back over a hundred steps. What comes from near steps is far larger.
#
# `initialize.orthogonal` makes a U_h that keeps the length of every vector. Then only tanh' makes the gradient
# shorter.

# %%
left = []
for seed in range(12):
    U_h, dh = rnn.init(np.random.default_rng(seed), 1, H, np.float64)["U_h"], dh_last
    for _ in range(100):
        dh = U_h.T @ dh
    left.append(np.linalg.norm(dh))
print(f"(1/√3)^100 = {3**-50.0:.1e}; left by twelve matrices: {min(left):.0e} to {max(left):.0e}")

# %% tags=["proof"]
drawn = rnn.init(np.random.default_rng(1), 1, 400, np.float64)["U_h"]
assert abs(abs(np.linalg.eigvals(drawn)).max() - 0.58) < 0.04 and round(3**-50.0 * 1e24, 1) == 1.4
assert 5e-27 < min(left) and max(left) < 2e-16 and min(left) < 1e-25 and max(left) > 1e-17
