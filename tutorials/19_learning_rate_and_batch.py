# %% [markdown]
# # 19. Learning rate and batch size: how many steps, and how long
#
# *Beside the article: its question-and-answer part, on the learning rate ("start at about 0.001") and the batch
# size.*
#
# Tutorial 6 said: a learning rate of Adam is a length. A weight moves by about lr at each update. So the number of
# updates matters too. It depends on the batch size.
#
# ## The smallest numbers
#
# Take 142 examples to learn from, 40 epochs, and lr = 0.001. In an LSTM of 16 units, weights start between -1/√16 and
# 1/√16.
#
# PREDICT: about how far can a weight go, in batches of 8? And with all 142 in one batch? Which is far enough to
# learn?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, plots, training

for size in (8, 32, 142):
    updates = 40 * -(-142 // size)  # -(-a // b) rounds up
    print(f"batches of {size:>3}: {updates:>3} updates, a way of about {0.001 * updates:.2f} for lr = 0.001")

# %% [markdown]
# An epoch in batches of 8 is 18 updates, so there are 720, and a way of 0.72. (That is a rule of thumb: a step can be
# longer than lr.) With all in one batch it is 0.04. That is little beside weights of up to 0.25. Is it too little? A
# real task will show.
#
# ## A real task: sunspots
#
# The number of sunspots of each year from 1700 on rises and falls in about eleven years. The task: from 24 years say
# the next. Each stretch of 24 years is a *window*. A window whose next year is before 1866 is for training. The years
# 1866 to 1920 are for *validation*: nothing is learned from them, they only tell how good a setting is. Later years
# are not looked at. The numbers are replaced by their square roots and scaled to mean 0 and variance 1.
#
# A network's error says nothing without something to compare it with. Such a simple forecast is a *baseline*:
#
# - *always 0*, the mean of the years before 1866;
# - *persistence*: next year will be like this year;
# - *AR(9)*, autoregression: a weighted sum of the last nine years, w_1 x_{t-1} + ... + w_9 x_{t-9} + b. The weights
#   are those with the smallest squared error in training (*least squares*).

# %%
years, numbers = datasets.sunspots()
numbers = np.sqrt(numbers[years <= 1920])
WINDOW, START = 24, int(np.flatnonzero(years == 1866)[0])
series = datasets.Scale.fit(numbers[:START]).apply(numbers).astype(np.float32)
x, y = datasets.windows(series, WINDOW)
train, validation = (x[:START - WINDOW], y[:START - WINDOW]), (x[START - WINDOW:], y[START - WINDOW:])

truth = baselines.truth(series, START, 1)
zero, naive = (truth**2).mean(), metrics.mse(baselines.persistence(series, START, 1), truth)
ar = metrics.mse(baselines.AR(9).fit(series[:START]).forecasts(series, START, 1), truth)
print(f"{len(train[1])} windows to train on, {len(validation[1])} to validate")
print(f"validation MSE: always 0 {zero:.3f}, persistence {naive:.3f}, AR(9) {ar:.3f}")

# %% tags=["proof"]
assert (len(train[1]), len(validation[1])) == (142, 55)
assert np.round([zero, naive, ar], 3).tolist() == [0.939, 0.374, 0.187]

# %% [markdown]
# ## The sweep
#
# A *sweep* tries several settings, one after the other. Here these are five learning rates, 0.001, 0.003, 0.01, 0.03
# and 0.1, for each of three batch sizes. An LSTM of 16 units, Adam, 40 epochs, three seeds. Of each run we keep the
# lowest validation loss of all epochs.
#
# PREDICT: which rate is best for batches of 8, of 32 and of 142? And is one of the three batch sizes better than the
# others, each at its best rate?

# %%
EPOCHS, SEEDS = (2, 1) if QUICK else (40, 3)
RATES, BATCHES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1), (8, 32, 142)
model = compose.chain(fast.lstm, compose.last_step, linear)  # fast.lstm: the same numbers as lstm, faster


def lowest_loss(lr, batch_size, seed):
    rng = np.random.default_rng(seed)
    history = training.fit(model, model.init(rng, 1, 16, 1), optim.Adam(lr), train, validation, rng=rng, epochs=EPOCHS,
                           batch_size=batch_size)
    return min(history["validation"])


lowest = {(size, lr): np.mean([lowest_loss(lr, size, seed) for seed in range(SEEDS)])
          for size in BATCHES for lr in RATES}
print("lowest validation MSE, mean of the seeds\n" + f"{'batch':<8}" + "".join(f"lr {lr:<7g}" for lr in RATES))
for size in BATCHES:
    print(f"{size:<8}" + "".join(f"{lowest[size, lr]:<10.3f}" for lr in RATES))

figure = Figure(figsize=(8, 4.2), layout="constrained")
ax = figure.subplots()
for size, colour, marker in zip(BATCHES, (plots.ORANGE, plots.BLUE, plots.GREEN), "osD"):
    line = [lowest[size, lr] for lr in RATES]
    ax.loglog(RATES, line, color=colour, marker=marker, linewidth=2, label=f"batches of {size}")
    ax.plot(RATES[np.argmin(line)], min(line), marker, color=colour, markersize=14, fillstyle="none")  # the best rate
ax.axhline(naive, color=plots.GREY, linestyle="--", label="persistence")
ax.axhline(ar, color="black", linestyle=":", linewidth=2, label="AR(9)")
ax.set(xlabel="learning rate of Adam", ylabel="lowest validation MSE", ylim=(0.14, 1.1))
ax.set_yticks([0.15, 0.2, 0.3, 0.5, 1], ["0.15", "0.2", "0.3", "0.5", "1"])
ax.minorticks_off()
ax.legend(frameon=False, loc="upper right")
save(figure, "19_learning_rate_and_batch.png")

# %% [markdown]
# ![Lowest validation loss over the learning rate, for three batch sizes](figures/19_learning_rate_and_batch.png)
#
# For batches of 8, 0.001 is a good start. For all windows in one batch it is far too small: its loss, 0.90, is hardly
# better than the 0.94 of always 0. Its best rate is 0.03. Batches of 8 do best at 0.001 and 0.003, batches of 32 at
# 0.003 and 0.01. Between the two rates of such a pair the difference is less than between seeds. So the fewer the
# updates, the larger the best learning rate. (Large marks show the lowest means.) At its best rate each batch size
# comes to about 0.16.
#
# A sweep over such rates costs minutes. It is the first thing to do with a new task, and again with a new batch size.

# %% tags=["proof"]
if not QUICK:
    best = {size: min(RATES, key=lambda lr: lowest[size, lr]) for size in BATCHES}
    assert lowest[8, 1e-3] < ar < lowest[32, 1e-3] < lowest[142, 1e-3] and round(lowest[142, 1e-3], 2) == 0.9
    assert best == {8: 3e-3, 32: 1e-2, 142: 3e-2} and all(0.15 < lowest[size, best[size]] < 0.175 for size in BATCHES)

# %% [markdown]
# The settings were chosen on the same 55 years on which they are judged. So the numbers compare settings. They do not
# tell the error of a forecast. For that one needs later years that nobody has looked at.
#
# **To take away:** batches of 8 have 720 updates in 40 epochs. How many epochs would batches of 142 need for as many?
# With lr = 0.001 again, is the result then the same?

# %% [markdown] tags=["answer"]
# ## Answer
#
# 720 epochs, one update each. Then it learns. The lowest validation loss of the first seed falls from 0.94 to 0.21.
# It does not reach the 0.16 of the small batches. So the number of updates explains most of the difference, and not
# all. With lr = 0.03 the big batch comes to 0.16 in 40 epochs.

# %% tags=["proof"]
if not QUICK:
    rng = np.random.default_rng(0)
    history = training.fit(model, model.init(rng, 1, 16, 1), optim.Adam(0.001), train, validation, rng=rng, epochs=720,
                           batch_size=142)
    print(f"batches of 142, 720 epochs, first seed: lowest validation MSE {min(history['validation']):.3f}")
    assert 0.19 < min(history["validation"]) < 0.27 and 0.925 < lowest_loss(0.001, 142, 0) < 0.945
