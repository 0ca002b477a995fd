# %% [markdown]
# # 13. The forget gate: how far back a gradient reaches
#
# *Beside the article: §2, the gates "against vanishing and exploding gradients".*
#
# The article says that the LSTM has gates so that gradients do not vanish. Which gate, and how open? Tutorial 11 found
# the line that answers. From c_{t+1} back to c_t leads one factor, f_{t+1}:
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
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import lstm, plots
from minirnn.activations import sigmoid

for b_f in (0.0, 1.0, 5.0):
    print(f"b_f = {b_f:.0f}: f = {sigmoid(b_f):.3f}, f**100 = {sigmoid(b_f) ** 100:.0e}")

# %% [markdown]
# b_f = 0 leaves nothing. b_f = 1 leaves nothing that one could use. b_f = 5 leaves one half. But these are the
# numbers of one way back. There are others, through h_t and U_h. So measure all of them together.

# %% tags=["proof"]
assert [round(float(sigmoid(b)), 3) for b in (0.0, 1.0, 5.0)] == [0.5, 0.731, 0.993]
assert 2e-14 < sigmoid(1.0) ** 100 < 3e-14 and 0.45 < sigmoid(5.0) ** 100 < 0.55

# %% [markdown]
# ## The loop
#
# An LSTM of 32 units reads 100 random inputs. A gradient of length 1 arrives at the last h_t, and nowhere else. The
# loop is that of tutorial 11, without the gradients of the weights. It notes the length of dh_t and of dc_t. What
# happened in each forward step comes from `lstm.trace`: it returns i, f, g, o, c and h of all steps by name.
#
# The loop has a switch. With `through_h=False` nothing goes back through h_t, and the cell line is alone.

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


def lengths(params, T=T, h_0=np.zeros(H), c_0=np.zeros(H), through_h=True):
    """The lengths of dh_t and of dc_t at each step, each (T,), and dh before the first step."""
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
    return of_h, of_c, dh


measured = {b_f: [lengths(fresh(b_f, seed)) for seed in SEEDS] for b_f in (0, 1, 5)}

# %% [markdown]
# ## The picture
#
# PREDICT: draw dc_t for each b_f, from right to left. Then draw dh_t for b_f = 5. Do dc_t and dh_t look alike?

# %%
figure = Figure(figsize=(12, 4.4), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(3, 2))
for (b_f, runs), colour, style in zip(measured.items(), (plots.ORANGE, plots.GREEN, plots.BLUE), (":", "--", "-")):
    for k, (_, of_c, _) in enumerate(runs):
        left.semilogy(of_c, color=colour, linestyle=style, linewidth=2, label=f"b_f = {b_f}" if k == 0 else None)
for k, (of_h, of_c, _) in enumerate(measured[5]):
    right.semilogy(range(88, T), of_c[88:], color=plots.BLUE, linewidth=2, label="dc$_t$" if k == 0 else None)
    right.semilogy(range(88, T), of_h[88:], "o-", color="black", markersize=4, linewidth=1,
                   label="dh$_t$" if k == 0 else None)
left.axhline(1, color="black", linewidth=0.5)
left.set(title="dc$_t$ over a hundred steps", ylabel="length of the gradient",
         xlabel="step t; the loss is at the right end", ylim=(1e-24, 1e6), xlim=(0, T - 1))
right.set(title="dc$_t$ and dh$_t$ for b_f = 5, the last steps", xlabel="step t", ylim=(0.008, 1.5))
left.legend(frameon=False, loc="lower right", title="three seeds each")
right.legend(frameon=False, loc="upper left")
save(figure, "13_the_forget_gate.png")
for b_f, runs in measured.items():
    print(f"b_f = {b_f}: dc at step 0, three seeds:", *(f"{of_c[0]:.0e}" for _, of_c, _ in runs))
for t in (99, 98, 97, 96, 90):
    print(f"b_f = 5, step {t}: dc", *(f"{of_c[t]:.2f}" for _, of_c, _ in measured[5]),
          "  dh", *(f"{of_h[t]:.2f}" for of_h, _, _ in measured[5]))

# %% [markdown]
# ![Length of dc for three forget biases; dc and dh in the last steps](figures/13_the_forget_gate.png)
#
# With b_f = 0 the gradient loses about 20 powers of ten on its way, with b_f = 1 about 7. For b_f = 1 that is a
# factor of about 0.85 a step. f alone would be 0.73; the ways through h_t add the rest. With b_f = 5 the gradient
# arrives, in this network of 32 units.
#
# The right side has b_f = 5 alone. In two or three steps dh falls from 1 to a few hundredths. Is that vanishing? No:
# dc stays between 0.08 and 0.2 in all three seeds. The loss came in at the last h_t, and from there it went into the
# cell. What travels on is dc. Each earlier dh_t gets only a small part: what leaves the cell line through the gates
# and U_h. So look at dc to see what a cell remembers.
#
# So having gates is not enough. The forget gate must be open. b_f = 1 opens it enough for some steps. Gers,
# Schmidhuber and Cummins (2000) and Jozefowicz, Zaremba and Sutskever (2015) find that it helps.
#
# The cell line alone, for one unit and four steps: `python -m minirnn watch --forget -1 1 3`.
#
# ![What three forget biases leave of the gradient at step 0](../.github/forget.gif)

# %% tags=["proof"]
at_0 = {b_f: np.array([of_c[0] for _, of_c, _ in runs]) for b_f, runs in measured.items()}
start = {b_f: np.array([of_c[-1] for _, of_c, _ in runs]) for b_f, runs in measured.items()}
assert 19.5 < np.log10(start[0] / at_0[0]).min() and np.log10(start[0] / at_0[0]).max() < 22
assert 6.5 < np.log10(start[1] / at_0[1]).min() and np.log10(start[1] / at_0[1]).max() < 8
assert all(0.80 < (of_c[9] / of_c[89]) ** (1 / 80) < 0.90 for _, of_c, _ in measured[1]) and at_0[5].min() > 1
for of_h, of_c, _ in measured[5]:
    assert of_c[88:].min() > 0.08 and of_c[88:].max() < 0.2 and of_h[99] > 0.999 and of_h[88:96].max() < 0.07
_, _, dh_0 = lengths(fresh(1, 1))
_, _, cache = lstm.forward(fresh(1, 1), inputs[None, :T])
_, _, (theirs, _) = lstm.backward(cache, None, (dh_last[None], None))
assert np.allclose(dh_0, theirs[0], rtol=1e-10, atol=0)

# %% [markdown]
# ## Why does it rise at the left end?
#
# With b_f = 5 the lines rise to the left, above 1. f is below 1, so the cell line cannot do it. The ways through h_t
# can: they pass U_h, and they add to dc.
#
# PREDICT: if the LSTM reads 400 inputs, will dc rise for 400 steps? And if its cells do not start at 0, but full?

# %%
for seed in SEEDS:
    params = fresh(5, seed)
    _, (h_400, c_400), cache = lstm.forward(params, inputs[None])
    slope = (1 - np.tanh(lstm.trace(cache)["c"][0]) ** 2).mean(axis=1)
    print(f"seed {seed}: mean slope of tanh(c) at steps 0, 30, 60, 99:", *(f"{slope[t]:.2f}" for t in (0, 30, 60, 99)))
    for name, settings in (("100 inputs", {}), ("400 inputs", {"T": 400}),
                           ("100 inputs, from full cells", {"h_0": h_400[0], "c_0": c_400[0]}),
                           ("100 inputs, cell line alone", {"through_h": False})):
        _, of_c, _ = lengths(params, **settings)
        print(f"    {name:<28} dc at step 0 {of_c[0]:>6.3f}, at step 60 {of_c[60]:.3f}, at the last {of_c[-1]:.3f}")

# %% [markdown]
# Each way through h_t = o_t tanh(c_t) has the slope of tanh(c_t) as a factor. The cells start at 0, where the slope
# is 1. As they fill, tanh(c) becomes flat, and these ways close.
#
# So from step 60 back to step 0 dc grows by a factor of 45 or more, with 100 inputs and with 400. That is 6 to 10 % a
# step. From the last step back to step 60 it changes by about 1 % a step or less. (For seed 3 even that makes a
# factor of 90 in 340 steps.) Two checks agree. From full cells dc does not rise. On the cell line alone dc is
# multiplied by f = 0.99 at each step.
#
# So an LSTM can explode too, where its cells are small and its forget gates open. `training.step` clips for it as for
# the RNN.

# %% tags=["proof"]
growth = lambda of_c, late, early: (of_c[early] / of_c[late]) ** (1 / (late - early))
for seed in SEEDS:
    params = fresh(5, seed)
    _, (h_400, c_400), cache = lstm.forward(params, inputs[None])
    slope = (1 - np.tanh(lstm.trace(cache)["c"][0]) ** 2).mean(axis=1)
    assert slope[0] > 0.99 and slope[30] > 0.7 and slope[60] < 0.4 and slope[99] < 0.2
    for steps in (100, 400):
        of_c = lengths(params, T=steps)[1]
        assert 1.06 < growth(of_c, 60, 0) < 1.1 and of_c[0] / of_c[60] > 45
        assert 0.99 < growth(of_c, steps - 1, 60) < 1.014
    full, alone = lengths(params, h_0=h_400[0], c_0=c_400[0])[1], lengths(params, through_h=False)[1]
    assert growth(full, 60, 0) < 1.003 and growth(full, 99, 60) < 1 and 0.99 < growth(alone, 99, 0) < 0.995

# %% [markdown]
# ## In the same trap?
#
# Tutorial 8 ended with a trap: a tanh unit that holds something safely loses its gradient. Is the cell in the same
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
# Of both, 90 %. The tanh unit goes back to its resting place after a push. The cell stays where it was pushed. Its
# factor is f, and f is near 1. What protects its value is the shut input gate.

# %% tags=["proof"]
assert round(c / 0.8, 2) == 0.9 and round(dc, 2) == 0.9

# %% [markdown]
# **To take away:** the input has to be kept for about 1000 steps, and half of the gradient is to arrive. Which b_f is
# that? And what does such a b_f cost if the task needs only the last three steps?

# %% [markdown] tags=["answer"]
# ## Answer
#
# On the cell line alone, f¹⁰⁰⁰ = 1/2 needs f = 0.9993. So b_f = log(f / (1 - f)) = 7.3. (The ways through h_t can add
# to the gradient.) The cell then sums up whatever the input gate lets in, for hundreds of steps. Old values disturb
# the new ones until training has learned to clear them. That is why b_f = 1 is the usual start. Long tasks start with
# a larger one, about log(length), as Tallec and Ollivier (2018) derive: log(1000) = 6.9.

# %% tags=["proof"]
f = 0.5 ** (1 / 1000)
assert round(f, 4) == 0.9993 and round(np.log(f / (1 - f)), 1) == 7.3 and round(np.log(1000), 1) == 6.9
