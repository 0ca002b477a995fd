# %% [markdown]
# # 15. The forget gate: how far back a gradient reaches
#
# *Beside the article: §2, the gates "against vanishing and exploding gradients".*
#
# The article says that the LSTM has gates so that gradients do not vanish. How far back does a gradient reach, and
# what decides it: which gate, and what else?
# Tutorial 13 found the line that answers, the *cell line*. From c_{t+1} back to c_t leads one factor, f_{t+1}:
#
#     (B2)  dc_t = dc_{t+1} ⊙ f_{t+1} + ...
#
# There is no matrix on it, and no slope of tanh. Yet over a hundred steps it is a product of a hundred factors.
#
# ## The smallest numbers
#
# `lstm.init` draws small weights, so at the start f_t is near σ(b_f).
#
# PREDICT: b_f is 0, 1 or 5. What part of dc is left after a hundred steps?

# %%
from types import SimpleNamespace

import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import lstm, plots
from minirnn.activations import sigmoid

for b_f in (0.0, 1.0, 5.0):
    print(f"b_f = {b_f:.0f}: f = {sigmoid(b_f):.3f}, f**100 = {sigmoid(b_f) ** 100:.0e}")

# %% [markdown]
# b_f = 0 leaves nothing. b_f = 1 leaves nothing that one could use. b_f = 5 leaves one half.
#
# Tutorial 9 ended with a trap: a tanh unit that holds a value loses its gradient. The cell is not in it. Where the
# input gate is shut, c_t = f_t c_{t-1}. So the value and its gradient have the same factor, f_t. With f_t near 1 both
# are kept.
#
# But these are the numbers of one way back. There are others, through h_t and U_h. So measure the cell line alone, and
# then all ways together.

# %% tags=["proof"]
assert [round(float(sigmoid(b)), 3) for b in (0.0, 1.0, 5.0)] == [0.5, 0.731, 0.993]
assert 2e-14 < sigmoid(1.0) ** 100 < 3e-14 and 0.45 < sigmoid(5.0) ** 100 < 0.55

# %% [markdown]
# ## The loop
#
# An LSTM of 32 units reads 100 random inputs. A gradient of length 1 arrives at the last h_t, and nowhere else. The
# loop is that of tutorial 14 for one series, without the gradients of the weights. It notes the length of dh_t and of
# dc_t. With `through_h=False` nothing goes back through h_t, and the cell line is alone.

# %%
T, H = 100, 32
SEEDS = (1, 2, 3)
inputs = np.random.default_rng(0).normal(size=(400, 1))
dh_last = np.ones(H) / np.sqrt(H)  # of length 1


def fresh(b_f, seed):
    """An LSTM before training."""
    params = lstm.init(np.random.default_rng(seed), 1, H, np.float64)
    lstm.gates(params)["b_f"][:] = b_f
    return params


def lengths(params, h_0=np.zeros(H), c_0=np.zeros(H), through_h=True):
    """The lengths of dh_t and of dc_t and the mean slope of tanh(c_t), each (T,); dh_0, before the first step."""
    _, _, cache = lstm.forward(params, inputs[None, :T], (h_0[None], c_0[None]))
    i, f, g, o, c, _ = (values[0] for values in lstm.trace(cache).values())  # each (T, H)
    c_prev = np.concatenate([c_0[None], c[:-1]])
    dh, dc_future = dh_last, np.zeros(H)
    of_h, of_c = np.zeros(T), np.zeros(T)
    for t in reversed(range(T)):
        dc = dc_future + dh * o[t] * (1 - np.tanh(c[t]) ** 2)  # (B2)
        of_h[t], of_c[t] = np.linalg.norm(dh), np.linalg.norm(dc)
        da_i = dc * g[t] * i[t] * (1 - i[t])
        da_f = dc * c_prev[t] * f[t] * (1 - f[t])
        da_g = dc * i[t] * (1 - g[t] ** 2)
        da_o = dh * np.tanh(c[t]) * o[t] * (1 - o[t])
        dh = through_h * params["U_h"].T @ np.concatenate([da_i, da_f, da_g, da_o])  # (B1), nothing from outside
        dc_future = dc * f[t]
    return SimpleNamespace(dh=of_h, dc=of_c, slope=(1 - np.tanh(c) ** 2).mean(axis=1), dh_0=dh)


measured, alone = ({b_f: [lengths(fresh(b_f, seed), through_h=through_h) for seed in SEEDS] for b_f in (0, 1, 5)}
                   for through_h in (True, False))

# %% [markdown]
# ## The picture
#
# PREDICT: sketch the length of dc_t for each b_f, from right to left. Then that of dh_t for b_f = 5: does it look like
# dc_t?

# %%
figure = Figure(figsize=(12, 4.4), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(3, 2))
for (b_f, runs), colour, style in zip(measured.items(), (plots.ORANGE, plots.GREEN, plots.BLUE), (":", "--", "-")):
    for k, run in enumerate(runs):
        left.semilogy(run.dc, color=colour, linestyle=style, linewidth=2, label=f"b_f = {b_f}" if k == 0 else None)
for k, run in enumerate(measured[5]):
    right.semilogy(range(88, T), run.dc[88:], color=plots.BLUE, linewidth=2, label="dc$_t$" if k == 0 else None)
    right.semilogy(range(88, T), run.dh[88:], "o-", color="black", markersize=4, linewidth=1,
                   label="dh$_t$" if k == 0 else None)
left.axhline(1, color="black", linewidth=0.5)
left.set(title="dc$_t$ over a hundred steps", ylabel="length of the gradient",
         xlabel="step t; the loss is at the right end", ylim=(1e-24, 1e6), xlim=(0, T - 1))
right.set(title="dc$_t$ and dh$_t$ for b_f = 5, the last steps", xlabel="step t", ylim=(0.008, 1.5))
left.legend(frameon=False, loc="lower right", title="three seeds each")
right.legend(frameon=False, loc="upper left")
save(figure, "15_the_forget_gate.png")
for b_f, runs in measured.items():
    print(f"b_f = {b_f}, three seeds: dc at the last step", *(f"{run.dc[-1]:.2f}" for run in runs))
    for ways, of in (("all ways", runs), ("cell line alone", alone[b_f])):
        print(f"    dc at step 0, {ways}:", *(f"{run.dc[0]:.0e}" for run in of))

# %% [markdown]
# ![Length of dc for three forget biases; dc and dh in the last steps](figures/15_the_forget_gate.png)
#
# With b_f = 0 the gradient loses about 20 powers of ten on its way, with b_f = 1 about 7. With b_f = 5 it arrives. So
# having gates is not enough. The forget gate must be open. Yet all ways together bring far more than the cell line
# alone: for b_f = 1 more than 100,000 times as much, for b_f = 5 more than 60 times. So the ways through h_t count too.
#
# The right side has b_f = 5 alone. In two or three steps dh falls from 1 to a few hundredths. Is that vanishing? No: in
# these last twelve steps dc stays between 0.08 and 0.2. From the last h_t the gradient went into the cell, and what
# travels on is dc. Each earlier dh_t gets only a small part. So look at dc to see what a cell remembers.
#
# The cell line alone, for one unit and four steps: `python -m minirnn watch --forget -1 1 3`.
#
# ![What three forget biases leave of the gradient at step 0](../.github/forget.gif)

# %% tags=["proof"]
at_0 = {b_f: np.array([run.dc[0] for run in runs]) for b_f, runs in measured.items()}
start = {b_f: np.array([run.dc[-1] for run in runs]) for b_f, runs in measured.items()}
assert 19.5 < np.log10(start[0] / at_0[0]).min() and np.log10(start[0] / at_0[0]).max() < 22
assert 6.5 < np.log10(start[1] / at_0[1]).min() and np.log10(start[1] / at_0[1]).max() < 8
assert at_0[5].min() > 1 and all(np.all(abs(start[b_f] - 0.5) < 0.02) for b_f in (0, 1))
more = {b_f: at_0[b_f] / np.array([run.dc[0] for run in runs]) for b_f, runs in alone.items()}
assert more[1].min() > 1e5 and more[5].min() > 60
for run in measured[5]:
    assert run.dc[88:].min() > 0.08 and run.dc[88:].max() < 0.2 and run.dh[99] > 0.999 and run.dh[88:96].max() < 0.07
_, _, cache = lstm.forward(fresh(1, 1), inputs[None, :T])
_, _, (theirs, _) = lstm.backward(cache, None, (dh_last[None], None))
assert np.allclose(measured[1][0].dh_0, theirs[0], rtol=1e-10, atol=0)

# %% [markdown]
# ## What decides how much comes through h_t?
#
# With b_f = 5 the lines rise to the left, above 1. f is below 1, so the rise comes through h_t. Why is it at the left
# end, and not at the right?
#
# Each way through h_t = o_t tanh(c_t) has the slope of tanh(c_t) as a factor. At the left end the cells are still near
# c_0 = 0. Is this the reason? To test it, let the same network start with full cells, those after 400 inputs.
#
# PREDICT: will dc still rise to the left when the cells start full?

# %%
def full(params):
    """h and c after 400 inputs."""
    _, (h, c), _ = lstm.forward(params, inputs[None])
    return h[0], c[0]


open_gates = [fresh(5, seed) for seed in SEEDS]
tests = {"from c_0 = 0": measured[5], "from full cells": [lengths(params, *full(params)) for params in open_gates],
         "cell line alone": alone[5]}
for name, runs in tests.items():
    print(f"{name}, three seeds: dc at step 0 / dc at step 60:", *(f"{run.dc[0] / run.dc[60]:.2f}" for run in runs))
    for t in (0, 60):
        print(f"    mean slope of tanh(c) at step {t}:", *(f"{run.slope[t]:.2f}" for run in runs))

# %% [markdown]
# From c_0 = 0 the slope of tanh(c) is 1 at first, and the ways through h_t are open. As the cells fill, tanh(c) becomes
# flat, and they close. So dc grows by a factor of 45 or more over the first 60 steps, 6 to 9 % a step.
#
# From full cells the slope is below 0.1 from the start, and dc does not grow. On the cell line alone it does not grow
# either: f = 0.993 is all that multiplies it, and 0.993⁶⁰ is about 0.66.
#
# So how far back a gradient reaches is decided by two things: the forget gates, and the slope of tanh(c) on the ways
# through h_t. Where the cells are small and the forget gates open, an LSTM can even explode. `training.step` clips for
# it as for the RNN.

# %% tags=["proof"]
growth = {name: np.array([run.dc[0] / run.dc[60] for run in runs]) for name, runs in tests.items()}
assert growth["from c_0 = 0"].min() > 45 and all(1.06 < g ** (1 / 60) < 1.09 for g in growth["from c_0 = 0"])
assert growth["from full cells"].max() < 1 and np.all(abs(growth["cell line alone"] - 0.67) < 0.03)
assert all(run.slope[0] > 0.99 and run.slope[60] < 0.4 and run.slope[99] < 0.2 for run in tests["from c_0 = 0"])
assert all(run.slope[[0, 60]].max() < 0.1 for run in tests["from full cells"]) and round(0.993**60, 2) == 0.66

# %% [markdown]
# **To take away:** the input has to be kept for about 1000 steps, and half of the gradient is to arrive. Which b_f is
# that? And what does such a b_f cost if the task needs only the last three steps?

# %% [markdown] tags=["answer"]
# ## Answer
#
# On the cell line alone, f¹⁰⁰⁰ = 1/2 needs f = 0.9993. So b_f = log(f / (1 - f)) = 7.3. (The ways through h_t can add
# to the gradient.) The cell then sums up whatever the input gate lets in, for hundreds of steps. Old values disturb
# the new ones until training has learned to clear them. That is why b_f = 1 is the usual start (Gers, Schmidhuber and
# Cummins 2000; Jozefowicz, Zaremba and Sutskever 2015). Long tasks start with a larger one, about log(length), as
# Tallec and Ollivier (2018) derive: log(1000) = 6.9.

# %% tags=["proof"]
f = 0.5 ** (1 / 1000)
assert round(f, 4) == 0.9993 and round(np.log(f / (1 - f)), 1) == 7.3 and round(np.log(1000), 1) == 6.9
