# %% [markdown]
# # 4. Is it right? A derivative without the backward pass
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
# i is the imaginary unit, i² = -1, and Im the imaginary part. Which of the three gets the most digits right, and with
# which ε?
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
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import gradcheck, plots, rnn


# The slope of f at 0, where f is a function of the step alone.
def one_sided(f, eps):
    return (f(eps) - f(0)) / eps


def central(f, eps):
    return (f(eps) - f(-eps)) / (2 * eps)


def complex_step(f, eps):
    return f(1j * eps).imag / eps  # 1j is Python's i


def cube(step):
    """x³ at x = 1 + step."""
    x = 1 + step
    return x * x * x


for eps in (0.1, 1e-5, 1e-13):
    print(f"ε = {eps:<6}  one-sided {one_sided(cube, eps):.12f}   central {central(cube, eps):.12f}   "
          f"complex step {complex_step(cube, eps):.12f}")

# %% [markdown]
# The first two are wrong in the fourth digit, and the complex step has all digits right. The first two subtract two
# numbers that are nearly the same. In float64 each is stored with about 16 digits. In 1 + 1e-13 the first 13 digits are
# those of 1, so only about three are left for the step. The same holds for f(1 + ε). So there are two errors:
#
# - of the formula: proportional to ε for one-sided differences, to ε² for central ones;
# - of rounding: about u/ε, where u is the rounding of one number: 1.1e-16 in float64, 6e-8 in float32.
#
# A large ε makes the first error large, a small ε the second. Their sum is smallest about where both are equal. For
# one-sided differences ε = u/ε there, so ε = √u, about 1e-8. For central ones ε² = u/ε, so ε is the cube root of u,
# about 5e-6. In float32 these are 2e-4 and 4e-3. (Constant factors are left out.)
#
# The complex step subtracts nothing:
#
#     f(x + iε) = f(x) + iε f'(x) - ε² f''(x) / 2 - ...
#
# The imaginary part is ε times the slope, up to a term with ε³. So ε may be as small as one likes; `gradcheck` takes
# 1e-30. There is a price: f may use only operations that work for complex numbers (Squire and Trapp 1998).

# %% tags=["proof"]
FORMULAS = one_sided, central, complex_step
assert np.allclose([formula(cube, 0.1) for formula in FORMULAS], [3.31, 3.01, 2.99], rtol=0, atol=1e-12)
*differences, by_complex_step = (abs(formula(cube, 1e-13) - 3) for formula in FORMULAS)
assert 1e-4 < min(differences) and max(differences) < 1e-2 and by_complex_step < 1e-15
optima = [f"{u ** power:.0e}" for u in (1.1e-16, 6e-8) for power in (1 / 2, 1 / 3)]
assert optima == ["1e-08", "5e-06", "2e-04", "4e-03"]

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
    """The loss when one entry of U_h is moved by a step, all computed in this dtype, or in its complex sister."""
    if np.iscomplexobj(step):
        dtype = np.result_type(dtype, np.complex64)
    moved = {name: p.astype(dtype) for name, p in params.items()}
    moved["U_h"][entry] += step
    h, _, _ = rnn.forward(moved, x.astype(dtype), h_0.astype(dtype))
    return (dh.astype(dtype) * h).sum()


curves = {}
for dtype in (np.float64, np.float32):
    for formula in (one_sided, central, complex_step):
        errors = []
        for eps in EPS:
            slopes = [formula(lambda step: loss(entry, step, dtype), eps) for entry in np.ndindex(H, H)]
            errors.append(abs(slopes - by_backward.ravel()).max() / abs(by_backward).max())
        curves[formula.__name__, dtype.__name__] = np.array(errors)
for (name, width), error in curves.items():
    print(f"{width} {name:<13} best {error.min():.0e} at ε = {EPS[error.argmin()]:.0e},  at ε = 1e-5 {error[4]:.0e}, "
          f"at 1e-10 {error[9]:.0e}")

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
save(figure, "04_is_it_right.png")

# %% [markdown]
# ![Error of three derivative formulas over the step size, in float64 and in float32](figures/04_is_it_right.png)
#
# Read it from right to left, from a large ε to a small one. The blue line, at first on top of the orange one, falls
# twice as steeply as the green: ε² against ε. Then the error of rounding is the larger one, and both rise again. In
# float64 central differences are best near 1e-5. There the error is 3e-11, so about ten digits agree. The complex step
# does not rise again: from 1e-8 on it is exact to the last digits.
#
# In float32 differences reach three to five digits, and only two at ε = 1e-5. At ε = 1e-10 the loss does not change
# at all: the slope comes out as 0, an error of 1. The complex step reaches 8e-8, about the rounding of float32.
#
# So there are two good ways, both in float64: central differences with ε = 1e-5, and the complex step with a tiny ε.
# `gradcheck` offers both, and refuses float32. What else a check needs is the subject of tutorial 5.

# %% tags=["proof"]
best = {key: error.min() for key, error in curves.items()}
assert 1e-12 < best["central", "float64"] < 1e-10 and 1e-6 <= EPS[curves["central", "float64"].argmin()] <= 1e-4
assert 1e-9 < best["one_sided", "float64"] < 1e-7 and 1e-5 < best["central", "float32"] < 1e-2
assert curves["complex_step", "float64"][8:].max() < 1e-14 and curves["complex_step", "float32"][8:].max() < 1e-5
assert np.allclose(curves["central", "float32"][9:], 1) and 5e-3 < curves["central", "float32"][4] < 5e-2
assert all(gradcheck.check(rnn, params, x, h_0, rng=rng, method=method).ok for method in ("central", "complex"))
try:
    gradcheck.check(rnn, rnn.init(rng, D, H), x, rng=rng)  # init makes float32 if it is not told otherwise
except TypeError:
    pass
else:
    raise AssertionError("a check in float32 should be refused")

# %% [markdown]
# **To take away:** for x > 0 the function |x| x² is the same as x³. What does the complex step say about its slope at
# 1, and why? And central differences? In the stepper (`python tutorials/step.py 04`) press p and try
# `complex_step(lambda step: abs(1 + step) * (1 + step)**2, 1e-30)`.

# %% [markdown] tags=["answer"]
# ## Answer
#
# The complex step says 2, and no error is raised. For NumPy and Python |z| is the length of the complex number z. It is
# a real number, here √(1 + ε²), so the small imaginary part is lost. |x| counts as the constant 1, and what is left is
# the slope of x². Central differences say 3, which is right. So it is good to have two ways.

# %% tags=["proof"]
of_abs = lambda step: abs(1 + step) * (1 + step)**2
assert complex_step(of_abs, 1e-30) == 2 and np.isclose(central(of_abs, 1e-5), 3, rtol=0, atol=1e-9)
