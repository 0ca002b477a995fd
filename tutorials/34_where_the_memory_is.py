# %% [markdown]
# # 34. Where is the memory? A look into the cells
#
# *Beside the article: §2, long dependencies; §4, equation 2.*
#
# Tutorial 33 trained LSTMs on the adding problem. Among the first 50 of 100 to 110 steps two values are marked, X1 and
# X2, each between -1 and 1. At the end the network is to say 0.5 + (X1 + X2) / 4. So it keeps something of two numbers
# for 50 to 100 steps. In which of its 16 units?
#
# ## The smallest numbers
#
# Equation 2 is c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t. One unit could do the whole task. Its input gate opens at the two
# marks and is shut at all other steps, and its forget gate stays near 1.
#
# PREDICT: i = 1 at the two marks, i = 0 elsewhere, and f = 0.99 at all steps. The marked values 0.8 and 0.6 come in at
# the steps 5 and 35. How much of their sum, 1.4, is in the cell at step 100?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, fast, initialize, linear, lstm, optim, plots, training
from minirnn.datasets import adding

c = 0.0
for t in range(101):
    c = 0.99 * c + {5: 0.8, 35: 0.6}.get(t, 0.0)
print(f"in the cell at step 100: {c:.3f}")

# %% [markdown]
# 0.62, less than a half. The first value has faded to 0.38 of itself, the second to 0.52. Their plain sum is lost. So f
# has to be nearer to 1, or the network does something else.

# %% tags=["proof"]
assert round(c, 2) == 0.62 and np.isclose(c, 0.8 * 0.99**95 + 0.6 * 0.99**65)

# %% [markdown]
# ## Ten networks that have learned it
#
# They start with *chrono*: each unit draws for how many steps it will keep. `fast.lstm` computes what `lstm` does, only
# sooner. On new sequences, always saying 0.5 would have a mean squared error (MSE) of about 0.04.

# %%
T, H, BATCH_SIZE, UPDATES, SEEDS = 100, 16, 32, *((10, 1) if QUICK else (400, 10))
model = compose.chain(fast.lstm, compose.last_step, linear)


def train(seed):
    rng, opt = np.random.default_rng(seed), optim.Adam(lr=0.01)
    params = model.init(rng, 2, H, 1)
    initialize.chrono(rng, params, T)
    for _ in range(UPDATES):
        training.step(model, params, opt, training.Batch(*adding(rng, BATCH_SIZE, T)), clip=1.0)
    return params


x, y, lengths = adding(np.random.default_rng(99), 100 if QUICK else 200, T)
two = (x[..., 1] == 1).sum(axis=1) == 2  # in some sequences the first mark is lost (tutorial 33): leave them out
x, y, lengths = x[two], y[two], lengths[two]
marked = x[..., 1] == 1
first, second = np.nonzero(marked)[1].reshape(-1, 2).T  # the steps of the two marks in each sequence

trained = [train(seed) for seed in range(SEEDS)]
mse = [np.mean((model.forward(params, x, lengths=lengths)[0] - y)**2) for params in trained]
print("MSE, seeds from 0 on:", " ".join(f"{one:.5f}" for one in mse))

# %% tags=["proof"]
if not QUICK:
    assert max(mse) < 0.004 and 0.035 < np.mean((y - 0.5)**2) < 0.05

# %% [markdown]
# ## Take the two values away
#
# Take a sequence, and the same once more with both marked values set to 0. Nothing else differs. So what differs in the
# cells is the memory of the two values.
#
# The picture shows the difference of c in one sequence and one network, seed 0: a row for each unit, white where there
# is none. Above are the gates of the unit that differs most right after the second mark.
#
# PREDICT: at which steps does the colour begin, at which does it change, and does it end?

# %%
without = x.copy()
without[..., 0][marked] = 0


def inside(params, inputs):
    """The gates, the cell c and h of every unit at every step: a dict of arrays (sequences, steps, units)."""
    return lstm.trace(lstm.forward(params[0], inputs)[2])


# a sequence with marks far apart, at large values
row = int(np.argmax((first > 5) & (second - first > 25) & (x[..., 0] > 0.5).all(axis=1, where=marked)))
n = lengths[row]
gates = inside(trained[0], x[[row], :n])
memory = (gates["c"] - inside(trained[0], without[[row], :n])["c"])[0]  # (steps, units)
unit = int(np.argmax(abs(memory[second[row]])))

figure = Figure(figsize=(11, 7), layout="constrained")
above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 3.5))
above.plot(x[row, :n, 0], ".", color=plots.GREY, markersize=4, label="values")
above.plot(np.flatnonzero(marked[row]), x[row, marked[row], 0], "s", color="black", label="marked")
above.set_ylim(-1.1, 1.7)
above.legend(frameon=False, ncols=2, loc="upper left")
middle.plot(gates["i"][0, :, unit], color=plots.GREEN, label=f"i$_t$ of unit {unit}")
middle.plot(gates["f"][0, :, unit], color=plots.BLUE, label=f"f$_t$ of unit {unit}")
middle.set(ylim=(-0.05, 1.05))
middle.legend(frameon=False, loc="center right")
plots.through_time(memory, below, label="c$_t$, one row a unit:\nwith the two values, less without")
below.set_yticks([unit], [f"unit {unit}"])
save(figure, "34_where_the_memory_is.png")

# %% [markdown]
# ![Two marked values, the gates of one unit, and what the two change in all cells](figures/34_where_the_memory_is.png)
#
# Colour begins at the first mark, changes at the second, and does not end. In the row of unit 15 the input gate opens
# half at the two marks, and at no other step. The first value comes in, the second is added to it. Then the cell fades
# slowly, since f is about 0.99. The other rows grow slowly. (The marker is -1 at the first and the last
# step, so the gates jump there.)

# %% tags=["proof"]
if not QUICK:
    i, at, change = gates["i"][0, :, unit], [first[row], second[row]], abs(memory)
    assert 0.3 < i[at].min() and i[at].max() < 0.7 and np.delete(i, at).max() < 0.1 and unit == 15
    assert 0.97 < np.median(gates["f"][0, :, unit]) < 1
    assert not change[:first[row]].any() and change[-1].max() > 0 and change[-1, unit] < 0.9 * change[second[row], unit]

# %% [markdown]
# ## Erase one unit
#
# A difference of c does not tell how much it counts: the answer may use it or not. So erase it. At one step, put into a
# unit the h and c that it would have held had both values been 0. Then let the network run on.
#
# How far apart are now two answers whose targets are 1 apart? This *slope* says how much of the two values the answers
# use. With nothing erased it is about 1. The *cost* of a unit is how far the slope falls when this unit alone is
# erased: 0 if the answers lose nothing, 1 if they lose all. (What is erased may still be in other units, but weaker.)
#
# The units are ranked on one half of the sequences. Their costs come from the other half.
#
# PREDICT: the largest cost is 1 if one unit holds all, and 1/16 if all hold the same. What is it right after the second
# mark? And at the end?

# %%
HALVES = slice(0, None, 2), slice(1, None, 2)  # of the sequences


def slopes(params, groups, when, erased="hc"):
    """(groups, halves): the slope when the units of a group forget the two values, at the step `when` of a sequence."""
    empty, found = inside(params, without), []
    for units in groups:
        state, says = None, np.zeros(len(x))
        for t in range(x.shape[1]):
            _, state, _ = lstm.forward(params[0], x[:, [t]], state)
            forget = (when == t)[:, None] & np.isin(range(H), units)  # (sequences, units)
            state = [np.where(forget & (name in erased), empty[name][:, t], kept) for name, kept in zip("hc", state)]
            ends = lengths - 1 == t
            says[ends] = linear.forward(params[2], state[0][ends])[0][:, 0]
        found.append([np.polyfit(y[half, 0], says[half], 1)[0] for half in HALVES])
    return np.array(found)


def costs(params, when):
    """The cost of each unit, the largest first."""
    whole, *one_gone = slopes(params, [[], *range(H)], when)
    ranked, shown = np.transpose(whole - one_gone)
    return shown[np.argsort(-ranked)]


print("cost         after the second mark           at the end")
print("of erasing   one unit    the next       one unit    the next")
after, end = np.array([[costs(params, second), costs(params, lengths - 1)] for params in trained]).swapaxes(0, 1)
for seed in range(SEEDS):
    print(f"seed {seed}{after[seed, 0]:>15.2f}{after[seed, 1]:>12.2f}{end[seed, 0]:>15.2f}{end[seed, 1]:>12.2f}")

# %% [markdown]
# Right after the second mark one unit often holds most of what the answers use. In other networks a few units share it.
#
# At the end it is spread, in all ten networks. No unit costs more than about a half, and in most a third or less,
# though one often still leads. In the steps between, other units have taken over a part of it.

# %% tags=["proof"]
if not QUICK:
    assert after[:, 0].min() > 0.25 and 3 <= np.sum(after[:, 0] > 0.7) <= 9 and after[:, 1].max() > 0.2
    assert end[:, 0].max() < 0.6 and np.median(end[:, 0]) < 0.4 and (end[:, 0] < after[:, 0]).all()

# %% [markdown]
# **To take away:** an LSTM has two states, h and c. Erase only the h of all 16 units, right after the second mark. Or
# only their c. Which costs more?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The c. Without h nothing is lost. Without c nothing is left. At the next step the old h only enters through U h, and a
# new h is made from the cell. The cell itself is carried over, f ⊙ c. So between the steps the memory is in c.

# %%
everything = [range(H)]  # one group, with all units
either = np.array([[slopes(params, everything, second, erased=name).mean() for name in "hc"] for params in trained])
print("slope without h:", either[:, 0].round(2))
print("slope without c:", either[:, 1].round(2))

# %% tags=["proof"]
if not QUICK:
    assert 0.9 < either[:, 0].min() and either[:, 0].max() < 1.1 and abs(either[:, 1]).max() < 0.1
