# %% [markdown]
# # 3. Is it right? A derivative without the backward pass
#
# *Beside the article: §3, step 3. It says what a backward pass is for, and not how to know that it is right.*
#
# A backward pass is a page of algebra, and one sign in it may be wrong. But what it computes can be had without any
# algebra: change a weight a little, and see how the loss changes. Three ways to do that, for a function f and a small
# step ε:
#
#     one-sided        (f(x + ε) - f(x)) / ε
#     central          (f(x + ε) - f(x - ε)) / 2ε
#     complex step     Im f(x + iε) / ε

# %% [markdown]
# ## The smallest numbers
#
# Let f(x) = x³ at x = 1, where the slope is 3. Multiply out, and each formula says how wrong it is:
#
#     one-sided        3 + 3ε + ε²         for ε = 0.1:   3.31
#     central          3 + ε²                             3.01
#     complex step     3 - ε²                             2.99
#
# PREDICT: on paper a smaller ε is always better. And in a computer, with ε = 1e-13?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import compose, gradcheck, plots, rnn


def slopes(eps):
    """The slope of x³ at 1 by the three formulas."""
    f = lambda x: x * x * x
    return [(f(1 + eps) - f(1)) / eps, (f(1 + eps) - f(1 - eps)) / (2 * eps), f(1 + 1j * eps).imag / eps]


for eps in (0.1, 1e-5, 1e-13):
    print("ε = {:<6}  one-sided {:.12f}   central {:.12f}   complex step {:.12f}".format(eps, *slopes(eps)))
assert np.allclose(slopes(0.1), [3.31, 3.01, 2.99], rtol=0, atol=1e-12)
one_sided, central, complex_step = (abs(slope - 3) for slope in slopes(1e-13))
assert min(one_sided, central) > 1e-4 and complex_step < 1e-15

# %% [markdown]
# The first two subtract two numbers that are nearly the same. Each is stored with about 16 digits in float64; if the
# first 13 are equal, three are left. So there are two errors. Of the formula: proportional to ε, or ε². Of rounding:
# about u/ε, where u = 1.1e-16 is the rounding of float64, and 6e-8 that of float32. The sum is smallest in between,
# near √u for one-sided differences and near the cube root of u for central ones.
#
# The complex step subtracts nothing. f(x + iε) = f(x) + iε f'(x) - ε² f''(x)/2 - ..., and the slope sits in the
# imaginary part all by itself. So ε may be as small as one likes; `gradcheck` takes 1e-30. The price: f must be made
# of operations that take complex numbers as they are, so no abs and no comparison (Squire and Trapp 1998).
#
# ## The same for an RNN
#
# Five steps, four units, and weights, inputs and initial state that are all of ordinary size. f is a randomly weighted
# sum of all states. The slopes are those of all 16 entries of U_h, compared with `rnn.backward`.

# %%
rng = np.random.default_rng(0)
B, T, D, H = 3, 5, 2, 4
params = {name: 0.7 * rng.normal(size=p.shape) for name, p in rnn.init(rng, D, H).items()}
x, h_0, dh = rng.normal(size=(B, T, D)), rng.normal(size=(B, H)), rng.normal(size=(B, T, H))
right = rnn.backward(rnn.forward(params, x, h_0)[-1], dh)[0]["U_h"]
EPS = np.array([10.0**-k for k in range(1, 16)])


def errors(formula, dtype):
    """For each ε, the largest error among the entries of dU_h, over the largest entry."""
    def f(index=None, step=0):
        moved = {name: p.astype(dtype) for name, p in params.items()}
        if index is not None:
            moved["U_h"][index] += dtype(step)
        return (dh.astype(dtype) * rnn.forward(moved, x.astype(dtype), h_0.astype(dtype))[0]).sum()

    entries = list(np.ndindex(H, H))
    numerical = np.array([[formula(f, index, eps) for index in entries] for eps in EPS])
    return abs(numerical - right.ravel()).max(axis=1) / abs(right).max()


FORMULAS = {
    "one-sided": lambda f, at, eps: float(f(at, eps) - f()) / eps,
    "central": lambda f, at, eps: float(f(at, eps) - f(at, -eps)) / (2 * eps),
    "complex step": lambda f, at, eps: float(f(at, 1j * eps).imag) / eps,
}
DTYPES = {"float64": (np.float64, np.complex128), "float32": (np.float32, np.complex64)}
curves = {(name, width): errors(formula, dtypes[name == "complex step"])
          for width, dtypes in DTYPES.items() for name, formula in FORMULAS.items()}

STYLES = ("one-sided", plots.GREEN, 4), ("complex step", plots.ORANGE, 8), ("central", plots.BLUE, 4)
figure = Figure(figsize=(11, 4.4), layout="constrained")
axes = figure.subplots(1, 2, sharey=True)
for ax, width in zip(axes, DTYPES):
    for name, colour, size in STYLES:
        ax.loglog(EPS, curves[name, width], color=colour, marker="o", markersize=size, linewidth=size / 3, label=name)
    ax.axvline(1e-5, color=plots.GREY, linestyle=":", label="ε = 1e-5")
    ax.set(title=width, xlabel="step ε", ylim=(1e-17, 20))
axes[0].set_ylabel("relative error of dU$_h$")
axes[1].legend(frameon=False, loc="lower right")
save(figure, "03_is_it_right.png")
for (name, width), error in curves.items():
    print(f"{width} {name:<13} best {error.min():.0e} at ε = {EPS[error.argmin()]:.0e},  at ε = 1e-5 {error[4]:.0e}")

# %% [markdown]
# ![Error of three derivative formulas over the step size, in float64 and in float32](figures/03_is_it_right.png)
#
# Read it from right to left, from a large ε to a small one. The blue line falls twice as steeply as the green: ε²
# against ε. Then rounding takes over, and both rise again. In float64 central differences are best near 1e-5, with an
# error of about 1e-11. The complex step has no second branch: from 1e-8 on it is exact to the last digit.
#
# In float32 central differences never get better than about 1e-5, and at the ε that float64 likes they are off by
# about 1 %. Below 1e-8 the loss does not move at all, so the slope comes out as 0. Whoever checks in float32 with ε =
# 1e-5 must allow more than 1 %, and then a factor that is wrong by 1 in 2,000 passes. Hence: train in float32 if you
# like, but check in float64. `gradcheck.check` refuses anything else.

# %%
central_64, central_32 = curves["central", "float64"], curves["central", "float32"]
assert EPS[central_64.argmin()] in (1e-4, 1e-5, 1e-6) and 1e-12 < central_64[4] < 1e-9
assert 1e-6 < central_32.min() < 2e-4 and 2e-3 < central_32[4] < 0.1
assert curves["complex step", "float64"][8:].max() < 1e-14 and curves["complex step", "float32"][8:].max() < 1e-5
assert np.allclose(central_32[9:], 1)  # the slope is 0

report = gradcheck.check(rnn, params, x, h_0, rng=rng)
print(report)
assert report.ok
try:
    gradcheck.check(rnn, rnn.init(rng, D, H), x, rng=rng)  # init makes float32 if it is not told otherwise
except TypeError as error:
    print("TypeError:", error)
else:
    raise AssertionError("a check in float32 should be refused")

# %% [markdown]
# One row for each tensor: its worst entry, where that is, and the two numbers there. All inputs are checked, the
# initial state too, with a random gradient arriving at each output.
#
# ## A bug that tiny weights hide
#
# A check can be run where it cannot fail. Many programs start from weights of about 0.01, as does Karpathy's
# min-char-rnn (2015); what if the check is run right there? Take the classic bug of tutorial 2, U_h where U_hᵀ
# belongs. `rnn.backward` finds U_h in its cache, so the bug is made by handing it the transposed matrix.
#
# PREDICT: weights of size 0.01, and a tolerance of 1 %. Is it found?

# %%
def no_transpose(cache, dh, dstate=None):
    params, *rest = cache
    return rnn.backward((params | {"U_h": params["U_h"].T}, *rest), dh, dstate)


wrong = compose.Layer(rnn.init, rnn.forward, no_transpose, sizes=2)
SCALES = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1])


def of_norms(layer, params):
    """|backward - numerical| / (|backward| + |numerical|) of dU_h, each a norm over the matrix: a usual check."""
    def f(_):
        return (dh * layer.forward(params, x)[0]).sum()

    backward = layer.backward(layer.forward(params, x)[-1], dh)[0]["U_h"]
    numerical = gradcheck.numerical(f, params["U_h"])
    return np.linalg.norm(backward - numerical) / (np.linalg.norm(backward) + np.linalg.norm(numerical))


at = [{name: scale / 0.7 * p for name, p in params.items()} for scale in SCALES]
usual = [of_norms(wrong, p) for p in at]
strict = {name: [gradcheck.check(layer, p, x, rng=np.random.default_rng(1)).max_error for p in at]
          for name, layer in (("right", rnn), ("wrong", wrong))}
for k, scale in enumerate(SCALES):
    print(f"weights of about {scale:<6} wrong: norms {usual[k]:.1e}, gradcheck {strict['wrong'][k]:.1e}   "
          f"right: gradcheck {strict['right'][k]:.0e}")

figure = Figure(figsize=(8, 4), layout="constrained")
ax = figure.subplots()
ax.loglog(SCALES, strict["wrong"], color=plots.ORANGE, marker="s", label="wrong: worst entry (gradcheck)")
ax.loglog(SCALES, usual, color=plots.ORANGE, marker="o", ls="--", label="wrong: norms of dU$_h$ (usual)")
ax.loglog(SCALES, strict["right"], color=plots.BLUE, marker="s", label="right: worst entry (gradcheck)")
for tolerance, words in ((1e-2, "allowed: 1 %"), (gradcheck.TOLERANCE["central"], "allowed by gradcheck: 1e-7")):
    ax.axhline(tolerance, color=plots.GREY, linestyle=":")
    ax.text(1, tolerance * 1.3, words, ha="right", fontsize=9)
ax.set(xlabel="size of the weights (standard deviation)", ylabel="relative error", ylim=(1e-11, 100))
ax.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.48))
save(figure, "03_hidden_by_tiny_weights.png")

# %% [markdown]
# ![Error of a right and of a wrong backward over the size of the weights](figures/03_hidden_by_tiny_weights.png)
#
# No: the dashed line, the difference measured as a norm, is below 1 % at weights of 0.01. The wrong term is U_h da
# instead of U_hᵀ da, and beside what arrives from outside both are as small as U_h is. At weights of 1 nothing hides
# it. A tolerance of 1e-7 finds it at any size here, and that is one more reason for float64: only there does a right
# backward stay below 1e-7.
#
# So a check needs three things: weights, states and inputs that are not small; float64; and a tolerance near what the
# formula can reach.

# %%
assert usual[2] < 0.01 < usual[4] and usual[-1] > 0.3
assert min(strict["wrong"]) > 1e-3 and max(strict["right"]) < gradcheck.TOLERANCE["central"]

# %% [markdown]
# **To take away:** for which U_h, of any size, does this bug pass every check? Put such a U_h into `params` and run
# the page again. What does that say about weights that are all 0.5, or an identity matrix?
