# %% [markdown]
# # 18. Overfitting: which of five remedies helps?
#
# *Beside the article: its question-and-answer part, on overfitting, batch size and regularization.*
#
# A network with many weights can memorize its training data. Its training loss falls and falls, and its loss on new
# data rises. That is *overfitting*. It cannot be seen without validation data. Remedies against it are called
# *regularization*. This page tries five of them on one network.
#
# The task is that of tutorial 17: from a window of 24 years of sunspots to the next, validated on 1866 to 1920. The
# baseline AR(9) has ten weights and a validation MSE of 0.187.
#
# ## The smallest numbers
#
# PREDICT: an LSTM of 32 units reads one number a step. How many weights has it, with its read-out? How many is that
# for each of the 142 windows?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, plots, training, tree

years, numbers = datasets.sunspots()
numbers = np.sqrt(numbers[years <= 1920])
WINDOW, START = 24, int(np.flatnonzero(years == 1866)[0])
series = datasets.Scale.fit(numbers[:START]).apply(numbers).astype(np.float32)
x, y = datasets.windows(series, WINDOW)
train, validation = (x[:START - WINDOW], y[:START - WINDOW]), (x[START - WINDOW:], y[START - WINDOW:])
ar = metrics.mse(baselines.AR(9).fit(series[:START]).forecasts(series, START, 1), baselines.truth(series, START, 1))

model = compose.chain(fast.lstm, compose.last_step, linear)
weights = sum(p.size for _, p in tree.leaves(model.init(np.random.default_rng(0), 1, 32, 1)))
print(f"{weights} weights for {len(train[1])} windows: {weights / len(train[1]):.0f} each")

# %% [markdown]
# 4 · 32 · (1 + 32 + 1) + 33 = 4385, about 31 for each number that is to be learned. Enough to memorize them all.

# %% tags=["proof"]
assert weights == 4385 and round(weights / len(train[1])) == 31 and round(ar, 3) == 0.187

# %% [markdown]
# ## Five remedies
#
# - *A bigger batch*: all 142 windows at once. The article's question-and-answer part says that it helps.
# - *Weight decay* adds 0.01 · p to the gradient of each weight p. So each weight is pulled towards zero.
# - *Dropout* sets half of the h_t to zero in training, at random. So no unit can rely on another one.
# - *A falling learning rate*: `ReduceOnPlateau` multiplies lr by 0.3 after 5 epochs without a better validation loss.
# - *Early stopping* ends after 20 epochs without a better validation loss, and returns the weights of the best epoch.
#
# Each is compared with *no remedy*: batches of 32, Adam, lr = 0.01, 50 epochs. That is 5 updates an epoch, 250 in
# all. The bigger batch makes one update an epoch. So it gets 250 epochs, for as many updates.
#
# Early stopping needs no runs of its own. What it returns is the best epoch of a run. So we look at each run twice: at
# its last 50 updates and at its best epoch. Eight seeds each.
#
# The best epoch was chosen on the years that judge it, so its loss is too low. So we also choose it on the first 28
# years and judge it on the last 27, and the other way round. The mean error of all 55 years is called *other years*.
#
# PREDICT: put no remedy and the first four in order of their validation loss in the last 50 updates. Then compare
# that of weight decay with *other years* of no remedy, which is early stopping alone. Which is lower?

# %%
SEEDS, UPDATES = (1, 15) if QUICK else (8, 250)
HALF_OUT = compose.with_dropout(fast.lstm, 0.5)


class Watch:
    """training.fit calls `show` after each epoch: it keeps the squared error of each year of the validation."""

    def __init__(self, model, params):
        self.model, self.params, self.errors, self.stage = model, params, [], ""

    def show(self, history, epochs):
        self.errors.append(((self.model.forward(self.params, validation[0])[0] - validation[1]) ** 2).ravel())


def histories(batch_size=32, layer=fast.lstm, weight_decay=0.0, falling=False, units=32, patience=None, seeds=SEEDS):
    """What training.fit tells of each seed; and its squared errors, (epochs, years)."""
    model, result = compose.chain(layer, compose.last_step, linear), []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        schedule = optim.ReduceOnPlateau(0.3, patience=5) if falling else None
        params, optimizer = model.init(rng, 1, units, 1), optim.Adam(lr=0.01, weight_decay=weight_decay)
        watch = Watch(model, params)
        run = training.fit(model, params, optimizer, train, validation, rng=rng, progress=watch, patience=patience,
                           epochs=UPDATES // -(-142 // batch_size),  # -(-a // b) rounds up
                           batch_size=batch_size, schedule=schedule)
        result.append(run | {"errors": np.array(watch.errors)})
    return result


def on_other_years(errors):
    """The MSE where the epoch is chosen on one half of the years and judged on the other half, and the reverse."""
    halves = errors[:, :28], errors[:, 28:]
    first, second = (half.mean(axis=1).argmin() for half in halves)
    return np.append(halves[0][second], halves[1][first]).mean()


def summary(name, runs):
    """Of each seed: the validation loss in the last fifth of the run, at its best epoch, and on other years."""
    losses = np.array([run["validation"] for run in runs])
    end, best = losses[:, -(losses.shape[1] // 5 or 1):].mean(axis=1), losses.min(axis=1)
    fair = np.array([on_other_years(run["errors"]) for run in runs])
    print(f"{name:<18}", *(f"{what} {of.mean():.3f} ({of.min():.3f} to {of.max():.3f})  "
                           for what, of in (("end", end), ("best", best), ("other years", fair))))
    return end, best, fair


runs = {"no remedy": histories(), "bigger batch": histories(batch_size=142),
        "dropout 0.5": histories(layer=HALF_OUT), "falling lr": histories(falling=True),
        "weight decay 0.01": histories(weight_decay=0.01)}
table = {name: summary(name, some) for name, some in runs.items()}
for name in list(table)[1:]:
    lower = [(one < none).sum() for one, none in zip(table[name], table["no remedy"])]
    print("{:<18} lower than no remedy in so many seeds: end {}, best {}, other years {}".format(name, *lower))
few = np.mean([run["validation"][:50][-10:] for run in runs["bigger batch"]])
print(f"bigger batch, updates 41 to 50: {few:.3f}")

COLOURS = {"no remedy": "black", "bigger batch": plots.ORANGE, "dropout 0.5": plots.GREEN, "falling lr": plots.GREY,
           "weight decay 0.01": plots.BLUE}
figure = Figure(figsize=(12, 4.8), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(3, 2))
for row, (name, colour) in enumerate(COLOURS.items()):
    mean = np.mean([run["validation"] for run in runs[name]], axis=0)
    updates = np.arange(1, len(mean) + 1) * (UPDATES // len(mean))
    left.plot(updates, mean, color=colour, linewidth=2.2)
    end, _, fair = table[name]
    aside = {"dropout 0.5": 0.013, "falling lr": 0.008, "weight decay 0.01": -0.016}.get(name, 0)
    left.text(UPDATES * 1.02, end.mean() + aside, name, color=colour, va="center", fontsize=12)
    right.plot(fair, [row] * SEEDS, "o", color=colour, alpha=0.5, markersize=7)
    right.plot([fair.mean()] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=4)
learning = np.mean([run["train"] for run in runs["no remedy"]], axis=0)
left.plot(np.arange(1, len(learning) + 1) * (UPDATES // len(learning)), learning, color="black", linewidth=1,
          linestyle="--")
left.text(UPDATES * 1.02, learning[-1], "no remedy, training", va="center", fontsize=12)
left.plot([0, UPDATES], [ar, ar], color="black", linestyle=":")
left.text(UPDATES * 1.02, ar, "AR(9)", va="center", fontsize=12)
left.set(xlim=(0, UPDATES * 1.45), ylim=(0, 0.5), xticks=np.linspace(0, UPDATES, 6))
left.set_title("The validation loss rises again, or not", fontsize=13)
left.set_xlabel("updates", fontsize=12), left.set_ylabel("MSE, mean of the seeds", fontsize=12)
right.axvline(ar, color="black", linestyle=":")
right.text(ar + 0.001, 4.4, "AR(9)", fontsize=12)
right.set_yticks(range(5), COLOURS, fontsize=12)
right.set(ylim=(4.6, -0.6))
right.set_title("Epoch chosen on other years", fontsize=13)
right.set_xlabel("MSE on other years", fontsize=12)
save(figure, "18_overfitting.png")

# %% [markdown]
# ![Validation loss over the updates with each remedy, and the error on other years](figures/18_overfitting.png)
#
# At the end all but the bigger batch have helped, in each of the eight seeds:
#
# - **The bigger batch** has the highest loss, 0.39. Without a remedy it is 0.29. Who compares after 50 epochs sees
#   0.23 against 0.29, and thinks that it helps. But it has made 50 updates then, not 250. After as many updates it has
#   seen each window five times as often. So neither comparison is fair.
# - **Dropout** slows the rise, to 0.23.
# - **The falling lr** stops the rise at 0.21, since the weights hardly move any more.
# - **Weight decay** is the best, 0.18, about as good as AR(9). It needs no choice of an epoch.
#
# **Early stopping** comes to 0.16, but on the years on which the epoch was chosen. On other years it comes to 0.195.
# That is far below 0.29, and no better than weight decay or AR(9).
#
# With early stopping, on other years, what do the other remedies add?
#
# - Weight decay comes to 0.164. It is lower than early stopping alone in six of eight seeds.
# - Dropout comes to 0.175, the falling lr to 0.18. They are lower in five and in three of eight.
# - The bigger batch comes to 0.22, and is higher in seven of eight.
#
# So here: weight decay, and early stopping with it.

# %% tags=["proof"]
if not QUICK:
    none, batch, dropout, falling, decay = (np.array(rows) for rows in table.values())
    assert all((some[0] < none[0]).all() for some in (dropout, falling, decay)) and (batch[0] > none[0]).all()
    means = np.mean([none, batch, dropout, falling, decay], axis=2)
    assert np.allclose(means[:, 0], [0.29, 0.39, 0.23, 0.21, 0.18], rtol=0, atol=0.006)
    assert np.allclose(means[:, 2], [0.195, 0.22, 0.175, 0.18, 0.164], rtol=0, atol=0.002)
    assert round(means[0, 1], 2) == 0.16 and round(few, 2) == 0.23 and means[4, 0] < ar < means[0, 2]
    assert [(some[2] < none[2]).sum() for some in (decay, dropout, falling)] == [6, 5, 3]
    assert (batch[2] > none[2]).sum() == 7
    stopped = histories(patience=20, seeds=2)
    assert [min(run["validation"]) for run in stopped] == none[1][:2].tolist()
    assert np.allclose([run["errors"].mean(axis=1) for run in runs["no remedy"]],
                       [run["validation"] for run in runs["no remedy"]], rtol=1e-5)
    worked = [np.argmin(run["validation"]) + 1 + 20 for run in runs["no remedy"]]
    assert [len(run["validation"]) for run in stopped] == worked[:2]

# %% [markdown]
# The strengths of the remedies were fixed on the same 55 years. As errors of a forecast the numbers are too good.
# Those take later years that nobody has looked at. And on another task or network the order can be another.
#
# **To take away:** a smaller network is a remedy too: call `summary("4 units", histories(units=4))`. Before you run
# it: will the loss rise less? And will its best epoch be better?

# %% [markdown] tags=["answer"]
# ## Answer
#
# It rises less: at the end its loss is lower in each of the eight seeds. But its best epoch is worse in each, about
# 0.18, where 32 units reach 0.16. A small network can memorize less, and also learn less.

# %% tags=["proof"]
small = summary("4 units", histories(units=4))
if not QUICK:
    assert (small[0] < none[0]).all() and (small[1] > none[1]).all() and round(small[1].mean(), 2) == 0.18
