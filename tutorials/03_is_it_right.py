# %% [markdown]
# # 3. Is it right? A derivative without the backward pass
#
# *Beside the article: §3, step 3. It says what a backward pass is for, and not how to know that it is right.*
#
# A backward pass is a page of algebra, and one sign in it may be wrong. But the same numbers can be found without
# algebra: change a weight a little, and see how the loss changes. There are three ways to do that, for a function f
# and a small step ε:
#
#     one-sided        (f(x + ε) - f(x)) / ε
#     central          (f(x + ε) - f(x - ε)) / 2ε
#     complex step     Im f(x + iε) / ε
#
# i is the imaginary unit, i² = -1, and Im the imaginary part.
#
# ## The smallest numbers
#
# Let f(x) = x³ at x = 1, where the slope is 3. Multiply out, and each formula says how wrong it is:
#
#     one-sided        3 + 3ε + ε²         for ε = 0.1:   3.31
#     central          3 + ε²                             3.01
#     complex step     3 - ε²                             2.99
#
# On paper a smaller ε is always better.
#
# PREDICT: a computer works with about 16 digits. How many digits of 3 will each formula get right at ε = 1e-13?

# %%
from types import SimpleNamespace

import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import gradcheck, plots, rnn


def slopes(eps):
    """The slope of x³ at 1 by the three formulas."""
    f = lambda x: x * x * x
    return [(f(1 + eps) - f(1)) / eps, (f(1 + eps) - f(1 - eps)) / (2 * eps), f(1 + 1j * eps).imag / eps]


for eps in (0.1, 1e-5, 1e-13):
    print("ε = {:<6}  one-sided {:.12f}   central {:.12f}   complex step {:.12f}".format(eps, *slopes(eps)))

# %% [markdown]
# The first two get about three digits right, and the complex step all of them. The first two subtract two
# numbers that are nearly the same. In float64 each is stored with about 16 digits. In 1 + 1e-13 the first 13 digits are
# those of 1, so only about three are left for the step. The same holds for f(1 + ε). So there are two errors:
#
# - of the formula: proportional to ε for one-sided differences, to ε² for central ones;
# - of rounding: about u/ε, where u is the rounding of one number: 1.1e-16 in float64, 6e-8 in float32.
#
# A large ε makes the first error large, a small ε the second. Their sum is smallest about where both are equal. For
# one-sided differences ε = u/ε there, so ε = √u. For central ones ε² = u/ε, so ε is the cube root of u. (Constant
# factors are left out.)
#
# The complex step subtracts nothing:
#
#     f(x + iε) = f(x) + iε f'(x) - ε² f''(x) / 2 - ...
#
# The imaginary part is ε times the slope, up to a term with ε³. So ε may be as small as one likes; `gradcheck` takes
# 1e-30. There is a price: f may use only operations that work for complex numbers, so no abs and no comparison (Squire
# and Trapp 1998).

# %% tags=["proof"]
assert np.allclose(slopes(0.1), [3.31, 3.01, 2.99], rtol=0, atol=1e-12)
one_sided, central, complex_step = (abs(slope - 3) for slope in slopes(1e-13))
assert 1e-4 < min(one_sided, central) and max(one_sided, central) < 1e-2 and complex_step < 1e-15

# %% [markdown]
# ## The same for an RNN
#
# An RNN with four units reads three series of five steps. All weights are random numbers with a standard deviation of
# 0.7, inputs and initial states of 1. The loss is the sum of all states, each times a random number. So these random
# numbers are the dh that arrives from outside. For each of the 16 entries of U_h the slope is compared with the
# gradient of `rnn.backward`. The error is the largest of the 16 differences, divided by the largest gradient of the 16.
#
# PREDICT: with central differences, how many digits can agree at best in float64? And in float32?

# %%
rng = np.random.default_rng(0)
B, T, D, H = 3, 5, 2, 4
params = {name: 0.7 * rng.normal(size=p.shape) for name, p in rnn.init(rng, D, H).items()}
x, h_0, dh = rng.normal(size=(B, T, D)), rng.normal(size=(B, H)), rng.normal(size=(B, T, H))
by_backward = rnn.backward(rnn.forward(params, x, h_0)[-1], dh)[0]["U_h"]
EPS = 10.0 ** -np.arange(1, 16)


def loss(entry, step, dtype):
    """The loss when one entry of U_h is moved by a step, all computed in this dtype."""
    moved = {name: p.astype(dtype) for name, p in params.items()}
    moved["U_h"][entry] += dtype(step)
    h, _, _ = rnn.forward(moved, x.astype(dtype), h_0.astype(dtype))
    return (dh.astype(dtype) * h).sum()


def one_sided(entry, eps, dtype):
    return float(loss(entry, eps, dtype) - loss(entry, 0, dtype)) / eps


def central(entry, eps, dtype):
    return float(loss(entry, eps, dtype) - loss(entry, -eps, dtype)) / (2 * eps)


def complex_step(entry, eps, dtype):
    return float(loss(entry, 1j * eps, {np.float64: np.complex128, np.float32: np.complex64}[dtype]).imag) / eps


curves = {}
for dtype in (np.float64, np.float32):
    for formula in (one_sided, central, complex_step):
        errors = []
        for eps in EPS:
            slopes_of_U_h = np.array([[formula((i, j), eps, dtype) for j in range(H)] for i in range(H)])
            errors.append(abs(slopes_of_U_h - by_backward).max() / abs(by_backward).max())
        curves[formula.__name__, dtype.__name__] = np.array(errors)
for (name, width), error in curves.items():
    print(f"{width} {name:<13} best {error.min():.0e} at ε = {EPS[error.argmin()]:.0e},  at ε = 1e-5 {error[4]:.0e}")

STYLES = ("one_sided", plots.GREEN, "s", 5), ("complex_step", plots.ORANGE, "D", 7), ("central", plots.BLUE, "o", 5)
figure = Figure(figsize=(11, 4.4), layout="constrained")
axes = figure.subplots(1, 2, sharey=True)
for ax, width in zip(axes, ("float64", "float32")):
    for name, colour, marker, size in STYLES:
        ax.loglog(EPS, curves[name, width], color=colour, marker=marker, markersize=size, linewidth=2,
                  label=name.replace("_", " ").replace("one sided", "one-sided"))
    ax.axvline(1e-5, color=plots.GREY, linestyle=":", label="ε = 1e-5")
    ax.set(title=width, xlabel="step ε", ylim=(1e-17, 20))
axes[0].set_ylabel("relative error of dU$_h$")
axes[1].legend(frameon=False, loc="lower right")
save(figure, "03_is_it_right.png")

# %% [markdown]
# ![Error of three derivative formulas over the step size, in float64 and in float32](figures/03_is_it_right.png)
#
# Read it from right to left, from a large ε to a small one. The blue line falls twice as steeply as the green: ε²
# against ε. Then the error of rounding is the larger one, and both rise again. In float64 central differences are
# best near 1e-5. There the error is 3e-11, so about ten digits agree. The complex step does not rise again: from 1e-8
# on it is exact to the last digits.
#
# In float32 differences reach three to five digits, and only two at ε = 1e-5. At ε = 1e-10 the loss does not change
# at all: the slope comes out as 0, an error of 1. So check gradients in float64. `gradcheck.check` refuses anything
# else.

# %% tags=["proof"]
best = {key: error.min() for key, error in curves.items()}
assert 1e-12 < best["central", "float64"] < 1e-10 and 1e-6 <= EPS[curves["central", "float64"].argmin()] <= 1e-4
assert 1e-9 < best["one_sided", "float64"] < 1e-7 and 1e-5 < best["central", "float32"] < 1e-2
assert curves["complex_step", "float64"][8:].max() < 1e-14 and curves["complex_step", "float32"][8:].max() < 1e-5
assert np.allclose(curves["central", "float32"][9:], 1) and 5e-3 < curves["central", "float32"][4] < 5e-2

# %% [markdown]
# ## The whole check in one call

# %%
report = gradcheck.check(rnn, params, x, h_0, rng=rng)
print(report)

# %% [markdown]
# One row for each *tensor*, as arrays of any shape are called: its worst entry, where that is, and the two numbers
# there. All weights are checked, and all inputs with the initial state. The loss is again the outputs times random
# numbers. An error is the difference of the two numbers, divided by the larger of them. If both are tiny, below 1/1000
# of the largest gradient, it is divided by that 1/1000.
#
# The check takes ε = 1e-5. Its largest error, 2e-8, is of an entry of W_ih of only 0.0016. In the figure each
# difference was divided by the largest entry.

# %% tags=["proof"]
assert report.ok
try:
    gradcheck.check(rnn, rnn.init(rng, D, H), x, rng=rng)  # init makes float32 if it is not told otherwise
except TypeError:
    pass
else:
    raise AssertionError("a check in float32 should be refused")

# %% [markdown]
# ## Does the size of the weights matter?
#
# Many programs start from weights of about 0.01, as does Karpathy's min-char-rnn (2015). Suppose that somebody checks
# the gradient at this start. Take the mistake of tutorial 2, U_h where U_hᵀ belongs. `rnn.backward` finds U_h in its
# cache. So the mistake is made by giving it a cache with the transposed matrix.
#
# A usual measure compares whole matrices, *numerical* being the one of central differences:
#
#     |backward - numerical| / (|backward| + |numerical|)
#
# |·| is the length of the matrix, taken as one long vector. This is the third error of this page. All three divide a
# difference by something else:
#
#     first figure     largest difference       / largest entry
#     gradcheck        difference of an entry   / this entry
#     whole matrix     length of the difference / sum of both lengths
#
# A loose tolerance is 1 %: up to there it is called right.
#
# PREDICT: how large is this measure at weights of 1, and at weights of 0.01?

# %%
def no_transpose(cache, dh, dstate=None):
    params, *rest = cache
    transposed = params | {"U_h": params["U_h"].T}
    return rnn.backward((transposed, *rest), dh, dstate)


wrong = SimpleNamespace(forward=rnn.forward, backward=no_transpose)  # a layer, as far as a check needs one


def whole_matrix(backward, params):
    """The usual measure for dU_h."""
    _, _, cache = rnn.forward(params, x)
    ours = backward(cache, dh)[0]["U_h"]
    # `numerical` moves the entries of params["U_h"] in place, and calls the loss, which reads them there
    numerical = gradcheck.numerical(lambda _: (dh * rnn.forward(params, x)[0]).sum(), params["U_h"])
    return np.linalg.norm(ours - numerical) / (np.linalg.norm(ours) + np.linalg.norm(numerical))


SCALES = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1])
at = [{name: scale / 0.7 * p for name, p in params.items()} for scale in SCALES]
of_right, of_wrong = ([whole_matrix(one.backward, p) for p in at] for one in (rnn, wrong))
for scale, wrong_one, right_one in zip(SCALES, of_wrong, of_right):
    print(f"weights of about {scale:<6} error of the wrong one {wrong_one:.1e}, of the right one {right_one:.0e}")

figure = Figure(figsize=(8, 4), layout="constrained")
ax = figure.subplots()
ax.loglog(SCALES, of_wrong, color=plots.ORANGE, marker="s", label="U$_h$ without its transpose")
ax.loglog(SCALES, of_right, color=plots.BLUE, marker="o", label="the right backward")
for tolerance, words in ((1e-2, "allowed: 1 %"), (1e-7, "allowed: 1e-7")):
    ax.axhline(tolerance, color="black", linestyle=":")
    ax.text(1, tolerance * 1.4, words, ha="right")
ax.set(xlabel="size of the weights (standard deviation)", ylabel="error of dU$_h$, whole matrix", ylim=(1e-12, 10))
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(0, 0.55))
save(figure, "03_at_tiny_weights.png")

# %% [markdown]
# ![Error of a right and of a wrong backward over the size of the weights](figures/03_at_tiny_weights.png)
#
# At weights of 1 it is 38 %: nobody misses that. At weights of 0.01 it is 0.8 %, and the mistake passes. The wrong
# term, U_h da in the place of U_hᵀ da, is added to what arrives from outside. With tiny weights it is tiny beside
# that.
#
# With other random numbers it can also be a little above 1 %. So finding it there is luck.
#
# A tolerance of 1e-7 finds it at each size in the figure. That needs float64: in float32 the differences
# themselves are less exact than that.
#
# PREDICT: `gradcheck` looks at each entry by itself. At weights of 0.01, is the error of its worst entry above
# or below 1 %?

# %%
for name, layer in (("right", rnn), ("wrong", wrong)):
    print(name, "worst entry at weights of 0.01:",
          f"{gradcheck.check(layer, at[2], x, rng=np.random.default_rng(1)).max_error:.1e}")

# %% [markdown]
# Far above: the worst entry is off by 29 %. Even a tolerance of 1 % would find it. So the measure matters too: one
# small entry that is quite wrong hardly changes the length of the whole matrix.
#
# So a check needs four things:
#
# - weights, states and inputs that are not small;
# - float64;
# - a look at every entry;
# - a tolerance near what the formula can reach.

# %% tags=["proof"]
assert of_wrong[2] < 0.01 < of_wrong[4] and of_wrong[-1] > 0.3 and min(of_wrong) > 1e-7 > max(of_right)
worst = [gradcheck.check(wrong, p, x, rng=np.random.default_rng(1)).max_error for p in at]
assert round(worst[2], 2) == 0.29 and round(of_wrong[2], 3) == 0.008 and round(of_wrong[-1], 2) == 0.38


def other_numbers(seed, scale):
    """The measure for the wrong backward, and its worst entry, with other random numbers."""
    rng = np.random.default_rng(seed)
    params = {name: scale * rng.normal(size=p.shape) for name, p in rnn.init(rng, D, H).items()}
    x, _, dh = rng.normal(size=(B, T, D)), rng.normal(size=(B, H)), rng.normal(size=(B, T, H))
    _, _, cache = rnn.forward(params, x)
    one, two = (backward(cache, dh)[0]["U_h"] for backward in (no_transpose, rnn.backward))
    return (np.linalg.norm(one - two) / (np.linalg.norm(one) + np.linalg.norm(two)),
            gradcheck.check(wrong, params, x, rng=np.random.default_rng(1)).max_error)


measures, entries = zip(*(other_numbers(seed, 0.01) for seed in range(1, 7)))
assert round(min(measures), 3) == 0.004 and round(max(measures), 3) == 0.019 and 0.1 < min(entries) < 0.105
assert max(other_numbers(seed, 0.001)[0] for seed in range(1, 7)) < 0.002

# %% [markdown]
# **To take away:** for which U_h, however large its entries, does this mistake pass every check? Are weights that are
# all 0.5 good for a check? Is the identity matrix? In the stepper press p and try
# `print(gradcheck.check(wrong, params | {"U_h": np.eye(H)}, x, rng=rng))`.

# %% [markdown] tags=["answer"]
# ## Answer
#
# For a symmetric one, U_h = U_hᵀ: then the transpose makes no difference. A matrix of equal entries is symmetric, and
# so is the identity. A check with such weights cannot find the mistake. A random matrix of two or more
# units is practically never symmetric.

# %% tags=["proof"]
for U in (np.full((H, H), 0.5), np.eye(H), params["U_h"] + params["U_h"].T):
    assert gradcheck.check(wrong, params | {"U_h": U}, x, rng=np.random.default_rng(1)).ok
