# %% [markdown]
# # 5. The gradient check: what it needs to find a mistake
#
# *Beside the article: §3, step 3.*
#
# A *gradient check* compares a backward pass with derivatives that are taken without it. Tutorial 4 found how to take
# them: in float64, by central differences with ε = 1e-5 or by the complex step. Is that enough to find a mistake?
#
# This page takes one wrong backward pass, and looks at it with several checks. The mistake is that of tutorial 3: U_h
# where U_hᵀ belongs.
#
# ## The smallest numbers
#
# In tutorial 3 the rows of U_h were (1, 2) and (3, 4), and da was (1, 10). So U_hᵀ da is (31, 42), and without the
# transpose it is (21, 43). This comes from the future. Let (1, 1) arrive from outside, and add it:
#
#     right     dh = (32, 43)
#     wrong     dh = (22, 44)
#
# How far apart are they? A usual measure compares lengths of vectors, written |·|:
#
#     |wrong - right| / (|wrong| + |right|)  =  |(-10, 1)| / (49.2 + 53.6)  =  9.8 %
#
# PREDICT: let U_h be a thousand times smaller, and the rest as before. Will this error be larger, smaller or the same?

# %%
from types import SimpleNamespace

import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import gradcheck, plots, rnn


def apart(one, two):
    """The usual measure; a matrix is taken as one long vector."""
    return np.linalg.norm(one - two) / (np.linalg.norm(one) + np.linalg.norm(two))


errors = []
for scale in (1, 0.001):
    U, da, outside = scale * np.array([[1, 2], [3, 4]]), np.array([1, 10]), np.array([1, 1])
    right_dh, wrong_dh = outside + U.T @ da, outside + U @ da
    errors.append(apart(wrong_dh, right_dh))
    print(f"U_h times {scale:<6} right {right_dh}  wrong {wrong_dh}  error {errors[-1]:.1%}")

# %% [markdown]
# It is 0.3 %. The mistake is only in the part that comes from the future. With a tiny U_h this part is tiny beside what
# arrives from outside.

# %% tags=["proof"]
assert np.round(errors, 3).tolist() == [0.098, 0.003]

# %% [markdown]
# ## The size of the weights
#
# Many programs start from weights of about 0.01, as does Karpathy's min-char-rnn (2015). Suppose that somebody checks
# the gradient at this start.
#
# An RNN with four units reads three series of five steps. Inputs, and the dh from outside, are random numbers with a
# standard deviation of 1. The weights are the same random numbers times a scale, from 0.001 to 1. `rnn.backward` finds
# U_h in its cache. So the mistake is made by giving it a cache with the transposed matrix.
#
# The measure now compares dU_h of a backward pass with dU_h of central differences. A *tolerance* is the largest error
# at which a backward pass is still called right. A loose one is 1 %.
#
# PREDICT: with this tolerance, at which weights will the wrong one pass: of 0.1, of 0.01, of 0.001?

# %%
B, T, D, H = 3, 5, 2, 4


def numbers(seed, scale):
    """Weights of this scale, inputs, and the dh from outside."""
    rng = np.random.default_rng(seed)
    params = {name: scale * rng.normal(size=p.shape) for name, p in rnn.init(rng, D, H).items()}
    return params, rng.normal(size=(B, T, D)), rng.normal(size=(B, T, H))


def no_transpose(cache, dh, dstate=None):  # dstate: the gradient of the last state
    params, *rest = cache
    transposed = params | {"U_h": params["U_h"].T}
    return rnn.backward((transposed, *rest), dh, dstate)


def whole_matrix(backward, params, x, dh):
    """The usual measure for dU_h."""
    _, _, cache = rnn.forward(params, x)
    # `numerical` moves the entries of params["U_h"] in place, and calls the loss, which reads them there
    by_differences = gradcheck.numerical(lambda _: (dh * rnn.forward(params, x)[0]).sum(), params["U_h"])
    return apart(backward(cache, dh)[0]["U_h"], by_differences)


SCALES = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1])
of_wrong, of_right = ([whole_matrix(backward, *numbers(0, scale)) for scale in SCALES]
                      for backward in (no_transpose, rnn.backward))
for scale, wrong_one, right_one in zip(SCALES, of_wrong, of_right):
    print(f"weights of about {scale:<6} error of the wrong one {wrong_one:.1e}, of the right one {right_one:.0e}")
others = [whole_matrix(no_transpose, *numbers(seed, 0.01)) for seed in range(1, 8)]
print("seven other sets at 0.01: errors of the wrong one", *(f"{error:.1%}" for error in others))

figure = Figure(figsize=(8, 4), layout="constrained")
ax = figure.subplots()
ax.loglog(SCALES, of_wrong, color=plots.ORANGE, marker="s", label="U$_h$ without its transpose")
ax.loglog(SCALES, of_right, color=plots.BLUE, marker="o", label="the right backward")
for tolerance, words in ((1e-2, "allowed: 1 %"), (1e-7, "allowed: 1e-7")):
    ax.axhline(tolerance, color="black", linestyle=":")
    ax.text(1, tolerance * 1.4, words, ha="right")
ax.set(xlabel="size of the weights (standard deviation)", ylabel="error of dU$_h$, whole matrix", ylim=(1e-12, 10))
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(0, 0.55))
save(figure, "05_at_tiny_weights.png")

# %% [markdown]
# ![Error of a right and of a wrong backward over the size of the weights](figures/05_at_tiny_weights.png)
#
# At weights of 1 the error is 43 %: nobody misses that. At 0.1 it is 9 %. At 0.01 it is 0.95 %, below 1 %, and at
# 0.001 a tenth of that. There the mistake passes. With seven other sets of random numbers the error at 0.01 is
# between 0.3 % and 2.5 %. So finding it there is luck.
#
# A tolerance of 1e-7 finds the mistake at each size in the figure. The right backward is far below it. That needs
# float64: in float32 the differences themselves are less exact than that.

# %% tags=["proof"]
assert np.round([of_wrong[k] for k in (2, 4, 6)], 3).tolist() == [0.009, 0.088, 0.433] and of_wrong[2] < 0.01
assert np.all(np.diff(of_wrong) > 0) and round(of_wrong[0], 3) == 0.001 and min(of_wrong) > 1e-7 > 100 * max(of_right)
assert round(of_wrong[2], 4) == 0.0095 and round(min(others), 3) == 0.003 and round(max(others), 3) == 0.025
assert max(whole_matrix(no_transpose, *numbers(seed, 0.001)) for seed in range(1, 8)) < 0.003

# %% [markdown]
# ## A check of entries
#
# `gradcheck.check` looks at each entry of each gradient. The error of an entry is the difference of the two numbers,
# divided by the larger of them. (Where both are below 1/1000 of the largest gradient of all tensors, it is divided by
# that 1/1000.)
#
# It checks all weights, the inputs, and the initial state if one is given. The dh from outside are again random
# numbers, which it draws from `rng`. It prints a row for each *tensor*, as arrays of any shape are called. There you
# see the worst entry: its error, where it is, and the two numbers.
#
# PREDICT: at weights of 0.01, is the worst entry of dU_h off by less than 1 %, or by more?

# %%
wrong = SimpleNamespace(forward=rnn.forward, backward=no_transpose)  # a layer, as far as a check needs one
small, x, _ = numbers(0, 0.01)
reports = {name: gradcheck.check(layer, small, x, rng=np.random.default_rng(1))
           for name, layer in (("right", rnn), ("wrong", wrong))}
print(reports["wrong"])
print(f"the right backward: largest error {reports['right'].max_error:.0e}")

# %% [markdown]
# By more: 29 %, and with the seven other sets by 10 % or more. It is a small entry, 0.0011 where 0.0034 would be right.
# Both are below 1/1000 of the largest gradient, 7.9. So the difference, 0.0023, is divided by 0.0079. Now even a
# tolerance of 1 % finds the mistake.
#
# The measure for the whole matrix hides such an entry. Say that (3, 0.01) is right and (3, 0.02) is found. The lengths
# are both about 3, so the error of the whole is 0.01 / 6, below 0.2 %. By itself the second entry is off by half.
#
# So four things make it harder for a mistake to pass:
#
# - weights, states and inputs that are not small;
# - float64;
# - a look at every entry of every tensor;
# - a tolerance near what the formula can reach: `gradcheck` allows 1e-7 for central differences, and 1e-12 for the
#   complex step.

# %% tags=["proof"]
worst = max(reports["wrong"].rows, key=lambda row: row.error)
assert worst.tensor == "U_h" and round(worst.error, 2) == 0.29 and reports["right"].ok
assert round(worst.backward, 4) == 0.0011 and round(worst.numerical, 4) == 0.0034
assert np.isclose(abs(worst.backward - worst.numerical) / worst.error, 0.0079, atol=5e-5)  # 1/1000 of the largest
assert 0.0015 < apart(np.array([3, 0.01]), np.array([3, 0.02])) < 0.002
for seed in range(1, 8):
    params, inputs, _ = numbers(seed, 0.01)
    assert gradcheck.check(wrong, params, inputs, rng=np.random.default_rng(1)).max_error > 0.1
assert gradcheck.TOLERANCE == {"central": 1e-7, "complex": 1e-12}

# %% [markdown]
# **To take away:** for which U_h, however large its entries, does this mistake pass every check? Are weights that are
# all 0.5 good for a check? Is the identity matrix? In the stepper press p and try
# `print(gradcheck.check(wrong, small | {"U_h": np.eye(H)}, x, rng=np.random.default_rng(1)))`.

# %% [markdown] tags=["answer"]
# ## Answer
#
# For a symmetric one, U_h = U_hᵀ: then the transpose makes no difference. A matrix of equal entries is symmetric, and
# so is the identity. A check with such weights cannot find the mistake. A random matrix of two or more units is
# practically never symmetric.

# %% tags=["proof"]
params, x, _ = numbers(0, 1)
for U in (np.full((H, H), 0.5), np.eye(H), params["U_h"] + params["U_h"].T):
    assert gradcheck.check(wrong, params | {"U_h": U}, x, rng=np.random.default_rng(1)).ok
