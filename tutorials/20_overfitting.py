# %% [markdown]
# # 20. Overfitting: which of five remedies helps?
#
# *Beside the article: its question-and-answer part, on overfitting, batch size and regularization.*
#
# A network with many weights can memorize its training data. Its training loss falls and falls, and its loss on new
# data rises. That is *overfitting*. It cannot be seen without validation data. Remedies against it are called
# *regularization*. This page tries five of them on one network.
#
# The task is that of tutorial 19: from a window of 24 years of sunspots to the next, trained on the years before 1866
# and validated on 1866 to 1920. The later years, 1921 to 2008, were not used for any choice. They judge.
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
WINDOW, START, LATER = 24, int(np.flatnonzero(years == 1866)[0]), int(np.flatnonzero(years == 1921)[0])
numbers = np.sqrt(numbers)
series = datasets.Scale.fit(numbers[:START]).apply(numbers).astype(np.float32)
x, y = datasets.windows(series, WINDOW)
train, validation, later = ((x[part], y[part]) for part in (
    slice(START - WINDOW), slice(START - WINDOW, LATER - WINDOW), slice(LATER - WINDOW, None)))
line = baselines.AR(9).fit(series[:START])
ar, ar_later = (metrics.mse(line.forecasts(series[:end], start, 1), baselines.truth(series[:end], start, 1))
                for start, end in ((START, LATER), (LATER, None)))
print(f"AR(9), ten weights: validation MSE {ar:.3f}, MSE on {len(later[1])} later years {ar_later:.3f}")

model = compose.chain(fast.lstm, compose.last_step, linear)
weights = sum(p.size for _, p in tree.leaves(model.init(np.random.default_rng(0), 1, 32, 1)))
print(f"{weights} weights for {len(train[1])} windows: {weights / len(train[1]):.0f} each")

# %% [markdown]
# 4 · 32 · (1 + 32 + 1) + 33 = 4385, about 31 for each number that is to be learned. Enough to memorize them all.

# %% tags=["proof"]
assert weights == 4385 and round(weights / len(train[1])) == 31 and round(ar, 3) == 0.187
assert (len(train[1]), len(validation[1]), len(later[1])) == (142, 55, 88) and round(ar_later, 3) == 0.148

# %% [markdown]
# ## Five remedies
#
# - *A bigger batch*: all 142 windows at once. The article's question-and-answer part says that it helps.
# - *Weight decay* adds 0.01 · p to the gradient of each weight p. So each weight is pulled towards zero.
# - *Dropout* sets half of the h_t to zero in training, at random. So no unit can rely on another one.
# - *A falling learning rate*: `ReduceOnPlateau` multiplies lr by 0.3 after 5 epochs without a better validation loss.
# - *Early stopping* ends after 20 epochs without a better validation loss, and puts back the weights of the best one.
#
# Each is compared with *no remedy*: batches of 32, Adam, lr = 0.01, 50 epochs. That is 5 updates an epoch, 250 in
# all. The bigger batch makes one update an epoch. So it gets 250 epochs, for as many updates. (It then sees each window
# five times as often. No comparison of batch sizes is quite fair.)
#
# Early stopping needs no runs of its own: it is the best epoch of the runs without a remedy. Of all others we take the
# mean of the last 50 updates. Eight seeds each.
#
# Early stopping chose its epoch on the validation years, so there its loss is too low. The falling learning rate also
# follows their loss. And the strengths of the remedies were fixed on these years. So the later years judge.
#
# PREDICT: put no remedy and the five in order of their loss on the validation years. Which of the five help on the
# later years too?

# %%
SEEDS, UPDATES = (1, 15) if QUICK else (8, 250)
HALF_OUT = compose.with_dropout(fast.lstm, 0.5)


class Watch:
    """training.fit calls `show` after each epoch: it keeps the loss on the later years, which training does not see."""

    def __init__(self, model, params):
        self.model, self.params, self.losses, self.stage = model, params, [], ""

    def show(self, history, epochs):
        self.losses.append(training.evaluate(self.model, self.params, training.Batch(*later)))


def histories(batch_size=32, layer=fast.lstm, weight_decay=0.0, falling=False, units=32, patience=None, seeds=SEEDS):
    """What training.fit tells of each seed; and the loss on the later years."""
    model, result = compose.chain(layer, compose.last_step, linear), []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        schedule = optim.ReduceOnPlateau(0.3, patience=5) if falling else None
        params, optimizer = model.init(rng, 1, units, 1), optim.Adam(lr=0.01, weight_decay=weight_decay)
        watch = Watch(model, params)
        run = training.fit(model, params, optimizer, train, validation, rng=rng, progress=watch, patience=patience,
                           epochs=UPDATES // -(-142 // batch_size),  # -(-a // b) rounds up
                           batch_size=batch_size, schedule=schedule)
        result.append(run | {"later": watch.losses})
    return result


def summary(name, runs, stop=False):
    """Of each seed the loss on validation and on later years: mean of the last fifth, or at the best epoch (stop)."""
    losses = np.array([[run["validation"], run["later"]] for run in runs])  # (seeds, 2, epochs)
    if stop:
        result = np.array([both[:, both[0].argmin()] for both in losses])
    else:
        result = losses[:, :, -(losses.shape[2] // 5 or 1):].mean(axis=2)
    print(f"{name:<18}", *(f"{what} {of.mean():.3f} ({of.min():.3f} to {of.max():.3f})  "
                           for what, of in zip(("validation", "later years"), result.T)))
    return result.T


runs = {"no remedy": histories(), "bigger batch": histories(batch_size=142),
        "dropout 0.5": histories(layer=HALF_OUT), "falling lr": histories(falling=True),
        "weight decay 0.01": histories(weight_decay=0.01)}
table = {name: summary(name, some) for name, some in runs.items()}
table["early stopping"] = summary("early stopping", runs["no remedy"], stop=True)
for name in list(table)[1:]:
    lower = (table[name] < table["no remedy"]).sum(axis=1)
    print("{:<18} lower than no remedy in so many seeds: validation {}, later years {}".format(name, *lower))

COLOURS = {"no remedy": "black", "bigger batch": plots.ORANGE, "dropout 0.5": plots.GREEN, "falling lr": plots.GREY,
           "weight decay 0.01": plots.BLUE, "early stopping": "black"}
figure = Figure(figsize=(12, 4.8), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(3, 2))
for row, (name, colour) in enumerate(COLOURS.items()):
    end, after = table[name]
    right.plot(after, [row] * SEEDS, "o", color=colour, alpha=0.5, markersize=7)
    right.plot([after.mean()] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=4)
    if name == "early stopping":
        continue
    mean = np.mean([run["validation"] for run in runs[name]], axis=0)
    updates = np.arange(1, len(mean) + 1) * (UPDATES // len(mean))
    left.plot(updates, mean, color=colour, linewidth=2.2)
    aside = {"dropout 0.5": 0.013, "falling lr": 0.008, "weight decay 0.01": -0.016}.get(name, 0)
    left.text(UPDATES * 1.02, end.mean() + aside, name, color=colour, va="center", fontsize=12)
learning = np.mean([run["train"] for run in runs["no remedy"]], axis=0)
left.plot(np.arange(1, len(learning) + 1) * (UPDATES // len(learning)), learning, color="black", linewidth=1,
          linestyle="--")
left.text(UPDATES * 1.02, learning[-1], "no remedy, training", va="center", fontsize=12)
left.plot([0, UPDATES], [ar, ar], color="black", linestyle=":")
left.text(UPDATES * 1.02, ar, "AR(9)", va="center", fontsize=12)
left.set(xlim=(0, UPDATES * 1.45), ylim=(0, 0.5), xticks=np.linspace(0, UPDATES, 6))
left.set_title("The validation loss rises again, or not", fontsize=13)
left.set_xlabel("updates", fontsize=12), left.set_ylabel("MSE, mean of the seeds", fontsize=12)
right.set_xscale("log")
right.set_xticks([0.12, 0.15, 0.2, 0.3, 0.4, 0.6], [0.12, 0.15, 0.2, 0.3, 0.4, 0.6])
right.minorticks_off()
right.axvline(ar_later, color="black", linestyle=":")
right.text(ar_later * 1.02, -0.65, "AR(9)", fontsize=12)
right.set_yticks(range(6), COLOURS, fontsize=12)
right.set(ylim=(5.6, -1))
right.set_title("On the later years the order changes", fontsize=13)
right.set_xlabel("MSE on 1921 to 2008, eight seeds", fontsize=12)
save(figure, "20_overfitting.png")

# %% [markdown]
# ![Validation loss over the updates with each remedy, and the error on later years](figures/20_overfitting.png)
#
# On the validation years all but the bigger batch help, in each of the eight seeds. On the later years:
#
# - **The falling lr** helps in all eight: 0.13, without a remedy 0.17. The weights soon hardly move any more.
# - **Dropout** helps in all eight: 0.14.
# - **Weight decay** comes to 0.16, hardly better than no remedy.
# - **Early stopping** had the lowest validation loss, 0.16. Here it comes to 0.22, lower than no remedy in two of
#   eight. The best epoch for 55 years was not the best one for the next 88.
# - **The bigger batch** is the worst on both, 0.39 and 0.41.
#
# So a remedy that lowers the validation loss may help only there. Dropout and the falling lr help on both spans. These
# two alone are also below AR(9), 0.148.
#
# Twelve other seeds, 100 to 111, were measured once, not on this page. On the later years the falling lr came to 0.13,
# dropout to 0.145, no remedy and weight decay to 0.165. Early stopping came to 0.19, lower than no remedy in six of
# twelve.

# %% tags=["proof"]
if not QUICK:
    none, batch, dropout, falling, decay, early = table.values()
    means = np.mean(list(table.values()), axis=2)
    assert np.allclose(means[:, 0], [0.287, 0.388, 0.227, 0.205, 0.179, 0.164], rtol=0, atol=0.004)
    assert np.allclose(means[:, 1], [0.169, 0.407, 0.14, 0.129, 0.164, 0.218], rtol=0, atol=0.004)
    assert [(some < none).sum(axis=1).tolist() for some in (batch, dropout, falling, decay, early)] == [
        [0, 0], [8, 8], [8, 8], [8, 5], [8, 2]]
    assert max(dropout[1].mean(), falling[1].mean()) < ar_later < decay[1].mean()
    stopped = histories(patience=20, seeds=2)
    assert [min(run["validation"]) for run in stopped] == early[0][:2].tolist()
    worked = [np.argmin(run["validation"]) + 1 + 20 for run in runs["no remedy"]]
    assert [len(run["validation"]) for run in stopped] == worked[:2]

# %% [markdown]
# On another task or network the order can be another.
#
# **To take away:** a smaller network is a remedy too: call `summary("4 units", histories(units=4))`. Before you run
# it: will the validation loss rise less? And will its best epoch be better?

# %% [markdown] tags=["answer"]
# ## Answer
#
# It rises less: at the end its loss is lower in each of the eight seeds. But its best epoch is worse in each, about
# 0.18, where 32 units reach 0.16. A small network can memorize less, and also learn less.

# %% tags=["proof"]
few = histories(units=4)
end, best = summary("4 units", few)[0], summary("4 units, best", few, stop=True)[0]
if not QUICK:
    assert (end < none[0]).all() and (best > early[0]).all() and round(best.mean(), 2) == 0.18
