# %% [markdown]
# # 10. The forget gate: how far back a gradient reaches
#
# *Beside the article: §2, the gates "against vanishing and exploding gradients".*
#
# The article says that the LSTM has gates so that gradients do not vanish. Which gate, and how open? Tutorial 9 found
# the line that answers. From one step of the cell to the step before leads one factor, f_t:
#
#     (B2)  dc_{t-1} = dc_t ⊙ f_t + ...
#
# No matrix, and no slope of tanh. It is a product of a hundred factors all the same.
#
# ## The smallest numbers
#
# `lstm.init` draws small weights, so at the start f_t is near σ(b_f).
#
# PREDICT: b_f is 0, 1 or 5. What part of dc is left after a hundred steps?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import lstm, plots
from minirnn.activations import sigmoid

for b_f in (0.0, 1.0, 5.0):
    print(f"b_f = {b_f:.0f}: f = {sigmoid(b_f):.3f}, f**100 = {sigmoid(b_f) ** 100:.0e}")

# %% [markdown]
# With b_f = 0 nothing, with b_f = 1 nothing that one could use, with b_f = 5 one half. But these are the numbers of
# one way back. There are others, through h_t and U_h. So measure all of them together.

# %% tags=["proof"]
assert [round(float(sigmoid(b)), 3) for b in (0.0, 1.0, 5.0)] == [0.5, 0.731, 0.993]
assert 2e-14 < sigmoid(1.0) ** 100 < 3e-14 and 0.45 < sigmoid(5.0) ** 100 < 0.55

# %% [markdown]
# ## The loop
#
# An LSTM of 32 units reads 100 random inputs. A gradient of length 1 arrives at h_T, and nowhere else. The loop is
# that of tutorial 9, without the gradients of the weights. It writes down the length of dh_t and that of dc_t.

# %%
T, H = 100, 32
x = np.random.default_rng(0).normal(size=(T, 1))
dh_last = np.ones(H) / np.sqrt(H)


def lengths(params):
    """The lengths of dh_t and of dc_t at each step, (T, 2)."""
    U_h, (_, _, cache) = params["U_h"], lstm.forward(params, x[None])
    inside = {name: values[0] for name, values in lstm.trace(cache).items()}  # each (T, H), of the one series
    i, f, g, o, c = (inside[name] for name in ("i", "f", "g", "o", "c"))
    c_prev = np.concatenate([np.zeros((1, H)), c[:-1]])
    dh, dc_future, rows = dh_last, np.zeros(H), []
    for t in reversed(range(T)):
        dc = dc_future + dh * o[t] * (1 - np.tanh(c[t]) ** 2)  # (B2)
        rows.append((np.linalg.norm(dh), np.linalg.norm(dc)))
        da_i = dc * g[t] * i[t] * (1 - i[t])
        da_f = dc * c_prev[t] * f[t] * (1 - f[t])
        da_c = dc * i[t] * (1 - g[t] ** 2)
        da_o = dh * np.tanh(c[t]) * o[t] * (1 - o[t])
        dh = U_h.T @ np.concatenate([da_i, da_f, da_c, da_o])  # (B1), nothing from outside
        dc_future = dc * f[t]
    return np.array(rows[::-1]), dh


def fresh(b_f, seed):
    """An LSTM before training."""
    params = lstm.init(np.random.default_rng(seed), 1, H, np.float64)
    lstm.gates(params)["b_f"][:] = b_f
    return params


SEEDS = (1, 2, 3)
measured = {b_f: np.array([lengths(fresh(b_f, seed))[0] for seed in SEEDS]) for b_f in (0, 1, 5)}
for b_f, one in measured.items():
    print(f"b_f = {b_f}: dc at step 0, three seeds", *(f"{value:.0e}" for value in one[:, 0, 1]))

# %% [markdown]
# ## The picture
#
# PREDICT: draw dh_t and dc_t for b_f = 5, from right to left. Do they look alike?

# %%
figure = Figure(figsize=(12, 4.4), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)
for (b_f, one), colour, style in zip(measured.items(), (plots.ORANGE, plots.GREEN, plots.BLUE), (":", "--", "-")):
    for ax, which in ((left, 1), (right, 0)):
        for k, line in enumerate(one[:, :, which]):
            ax.semilogy(line, color=colour, linestyle=style, linewidth=2, label=f"b_f = {b_f}" if k == 0 else None)
for ax, title in ((left, "dc$_t$, of the cell"), (right, "dh$_t$, of the hidden state")):
    ax.axhline(1, color="black", linewidth=0.5)
    ax.set(title=title, xlabel="step t; the loss is at the right end", ylim=(1e-24, 1e6), xlim=(0, T - 1))
left.set_ylabel("length of the gradient")
left.legend(frameon=False, loc="lower right", title="three seeds each")
save(figure, "10_the_forget_gate.png")
for t in (99, 98, 97, 89, 50, 0):
    print(f"b_f = 5, seed 1, step {t:>2}: dc {measured[5][0, t, 1]:.3f}, dh {measured[5][0, t, 0]:.3f}")

# %% [markdown]
# ![Length of dc and of dh over a hundred steps for three forget biases](figures/10_the_forget_gate.png)
#
# The cell line alone, for one unit and four steps: `python -m minirnn watch --forget -1 1 3`.
#
# ![What three forget biases leave of the gradient at step 0](../.github/forget.gif)
#
# With b_f = 0 about 21 orders of magnitude are lost, nearly as many as in the fresh RNN of tutorial 6. b_f = 1 loses
# 7 or 8: a factor of about 0.85 a step, more than f alone would leave, for the ways through h_t add to it. With
# b_f = 5 the gradient arrives.
#
# dh for b_f = 5 falls from 1 to about 0.03 in two steps. Is that vanishing? No: dc is flat, at about 0.09. The loss
# came in at h_T, and h_T is shown by o_t alone. What travels on is dc. Each dh_t before is only what leaks from the
# cell line back into h_{t-1}, through the gates' slopes and U_h. So look at dc to see what a cell remembers.
#
# So gates do not abolish vanishing: open forget gates do. b_f = 1 opens them for some steps (Gers, Schmidhuber and
# Cummins 2000; Jozefowicz, Zaremba and Sutskever 2015 find that it helps). The rest is for training to learn, or for
# a larger b_f to give.
#
# And with b_f = 5 the lines rise to the left. The ways through h_t still multiply by matrices, and they add to a line
# that is hardly shrinking. So an LSTM can explode, and `training.step` clips for it too.

# %% tags=["proof"]
at_0 = {b_f: one[:, 0, 1] for b_f, one in measured.items()}
assert 1e-24 < at_0[0].min() and at_0[0].max() < 1e-18 and 1e-10 < at_0[1].min() and at_0[1].max() < 1e-5
assert at_0[5].min() > 0.1 and (at_0[5] > measured[5][:, 50, 1]).all()
assert all(0.80 < (one[9, 1] / one[89, 1]) ** (1 / 80) < 0.90 for one in measured[1])
assert (measured[5][0, 60:, 1] > 0.07).all() and (measured[5][0, 60:, 1] < 0.11).all()
assert measured[5][0, 99, 0] > 0.999 and measured[5][0, 97, 0] < 0.04
_, dh_0 = lengths(fresh(1, 1))
_, _, cache = lstm.forward(fresh(1, 1), x[None])
_, _, (theirs, _) = lstm.backward(cache, None, (dh_last[None], None))
assert np.allclose(dh_0, theirs[0], rtol=1e-10, atol=0)

# %% [markdown]
# ## In the same trap?
#
# Tutorial 6 ended with a trap: a tanh unit that holds something safely loses its gradient. Is the cell in the same
# trap?
#
# PREDICT: one cell, f = 0.999, i = 0, for 100 steps. What is left of its value, and what of its gradient?

# %%
c, dc = 0.8, 1.0
for _ in range(100):
    c = 0.999 * c + 0 * 0.5
for _ in range(100):
    dc = 0.999 * dc
print(f"value {c:.3f} of 0.8, gradient {dc:.3f} of 1")

# %% [markdown]
# Of both, 90 %. The cell does not come back to a resting place after a push; it stays where it was pushed. Its factor
# is f, and near 1. What protects the value is the shut input gate, and not a resting place.

# %% tags=["proof"]
assert round(c / 0.8, 2) == 0.9 and round(dc, 2) == 0.9

# %% [markdown]
# **To take away:** the input has to be kept for about 1000 steps, and half of the gradient is to arrive. Which b_f is
# that? And what does such a b_f cost if the task needs only the last three steps?

# %% [markdown] tags=["answer"]
# ## Answer
#
# f¹⁰⁰⁰ = 1/2 needs f = 0.9993, so b_f = log(f / (1 - f)) = 7.3. The cell then sums up whatever the input gate lets
# in, for hundreds of steps. Old values disturb the new ones until training has learned to clear them. That is why
# b_f = 1 is the usual start, and a larger one is chosen for long tasks: about log(length), as Tallec and Ollivier
# (2018) derive.

# %% tags=["proof"]
f = 0.5 ** (1 / 1000)
assert round(f, 4) == 0.9993 and round(np.log(f / (1 - f)), 1) == 7.3
