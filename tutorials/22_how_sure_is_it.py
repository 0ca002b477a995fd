# %% [markdown]
# # 22. How sure is it? Which differences may be luck
#
# *Beside the article: §6, weather forecasting, with the model of §5.*
#
# In tutorial 21 a straight line forecast Seattle's temperature better than every network. Would other days give the
# same order? This page puts a *standard error* beside each difference. Then it takes other days.
#
# ## A standard error on paper
#
# Take the squared error of one model minus that of the other, day by day: d_1 .. d_N. Their mean says who is ahead. If
# the N differences are independent, the standard error of this mean is
#
#     s / √N,     where s² = Σ (d_n - mean d)² / (N - 1)
#
# If two models are equally good, their mean difference is within two standard errors of zero in about 95 % of cases. So
# a smaller difference may be luck.
#
# On paper, d = 1, 1, 1, 5, 5, 5 has the mean 3. As six observations: s² = 6 · 4 / 5 = 4.8, so √(4.8 / 6) = 0.89. The
# mean is more than three standard errors from zero. But a day is like its neighbour here. Perhaps there are only two
# independent observations: a block of three days with the mean 1, and one with the mean 5.
#
# PREDICT: as two observations, how large is the standard error?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, optim, training
from minirnn.plots import BLUE, ORANGE


def excess(d, days):
    """The mean of d and its standard error, if a block of so many days is one observation. Days left over are cut."""
    blocks = d[:len(d) // days * days].reshape(-1, days).mean(axis=1)
    return blocks.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


paper = np.array([1.0, 1, 1, 5, 5, 5])
for days in (1, 3):
    mean, error = excess(paper, days)
    print(f"blocks of {days}: {mean:.2f} ± {error:.2f}")

# %% tags=["proof"]
assert np.allclose(excess(paper, 1), (3, np.sqrt(0.8))) and np.allclose(excess(paper, 3), (3, 2))

# %% [markdown]
# 2: s² = 4 + 4 = 8, and √(8 / 2) = 2. Now the mean of the same six days may be luck.
#
# ## The models of tutorial 21
#
# The next cell repeats the *line*, and the *LSTM* with weight decay from three seeds. It gives their squared errors: a
# row for each day of the test part, a column for each day ahead. It does so for four *cuts*, divisions of the days into
# train, validation and test. The first is that of tutorial 21.

# %%
weather = datasets.seattle_weather()
date, temperature = weather["date"], weather["temp_max"]
angle = 2 * np.pi * (date - date.astype("datetime64[Y]")).astype(int) / 365.25
calendar = np.column_stack([np.sin(angle), np.cos(angle)])
LENGTH, H, SEEDS = 14, 7, range(1 if QUICK else 3)
network = compose.chain(fast.lstm, compose.last_step, linear)


def squared_errors(one, two, end, ahead=H):
    """Train before day `one`, validate before `two`, test before `end`: of each model the squared errors in °C²."""
    scale = datasets.Scale.fit(temperature[:one])
    z = scale.apply(temperature)
    inputs = np.column_stack([z, calendar])

    def examples(first, last):
        k = np.arange(max(first, LENGTH), last - H + 1)[:, None]
        return inputs[k + np.arange(-LENGTH, 0)], z[k + np.arange(ahead)]

    x_test, y_test = examples(two, end)
    said = {"line": baselines.chosen_ridge(*examples(0, one), gap=LENGTH + H - 1).forecasts(x_test)}
    train, validation = [[a.astype(np.float32) for a in examples(*part)] for part in ((0, one), (one, two))]
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        params, optimizer = network.init(rng, 3, 16, ahead), optim.Adam(3e-3, weight_decay=1e-3)
        epochs = 2 if QUICK else 100
        training.fit(network, params, optimizer, train, validation, rng=rng, epochs=epochs, patience=20)
        said[f"LSTM, seed {seed}"] = network.forward(params, x_test.astype(np.float32))[0].astype(float)
    return {name: (scale.invert(f) - scale.invert(y_test)) ** 2 for name, f in said.items()}


cuts = {"May to December 2015": ("2014-10-20", "2015-05-27", "2016-01-01"),
        "March to October 2014": ("2013-08-07", "2014-03-15", "2014-10-20"),
        "October 2014 to May 2015": ("2014-03-15", "2014-10-20", "2015-05-27"),
        "all of 2015": ("2014-01-01", "2015-01-01", "2016-01-01")}  # the first days after training, validation, test
cuts = {name: np.searchsorted(date, np.array(days, "datetime64[D]")).tolist() for name, days in cuts.items()}
results = {name: squared_errors(*cut) for name, cut in cuts.items()}

# %% [markdown]
# ## Which block?
#
# Take the first cut and the network of seed 0. Two forecasts of neighbouring days share six of their seven days. So
# their differences are alike. The *correlation* of one day's difference with the next day's says how much: it is 1 if
# they rise and fall together, about 0 if one tells nothing about the other.
#
# PREDICT: how does the standard error grow from blocks of one day to blocks of 14: not at all, 2 to 3 times, 7 times?

# %%
def beside_line(errors, model):
    """The squared error minus that of the line: its mean over the seven days ahead, for each day of the test part."""
    return (errors[model] - errors["line"]).mean(axis=1)


d = beside_line(results["May to December 2015"], "LSTM, seed 0")
print(f"correlation of one day's difference with the next: {np.corrcoef(d[1:], d[:-1])[0, 1]:.2f}")
for days in (1, 7, 14, 28):
    mean, error = excess(d, days)
    print(f"blocks of {days:>2}: {mean:.2f} ± {error:.2f}")

# %% tags=["proof"]
if not QUICK:
    (m_1, e_1), (m_14, e_14), (_, e_28) = (excess(d, days) for days in (1, 14, 28))
    assert np.corrcoef(d[1:], d[:-1])[0, 1] > 0.5 and m_1 / e_1 > 2.45 and 0 < m_14 / e_14 < 2.2
    assert 1.8 * e_1 < e_14 < 3 * e_1 and 0.8 * e_14 < e_28 < 1.4 * e_14

# %% [markdown]
# 2.3 times. If each day were one observation, the network would be behind by more than three standard errors. With
# blocks of two weeks it is one and a half. From two weeks to four the standard error hardly grows. So we take blocks of
# two weeks. (The means differ a little, because the days after the last whole block are left out.)
#
# ## Other days
#
# Now all four cuts. Their parts overlap. Tutorial 21 chose its epochs on October 2014 to May 2015.
#
# A difference gets a star if it is beyond 2.45 standard errors with blocks of 14, of 21 and of 28 days. For seven
# blocks, the fewest that we have, the limit of 95 % is 2.45 and not 2. The rule is strict: no star may be luck or not.
#
# PREDICT: on how many of the four cuts are all three networks behind the line? How many of the twelve differences get a
# star?

# %%
def judged(d):
    """The mean of d, its standard error with blocks of 14 days, and if it gets a star."""
    star = all(abs(mean) > 2.45 * error for mean, error in (excess(d, days) for days in (14, 21, 28)))
    return *excess(d, 14), star


def written(mean, error, star):
    return f"{mean:.2f} ± {error:.2f}{' *' if star else ''}"


print("squared error minus that of the line, over 7 days, °C²: above 0 the network is behind")
print(" " * 26 + "".join(f"LSTM, seed {seed:<5}" for seed in SEEDS))
table = {}
for name, errors in results.items():
    table[name] = [judged(beside_line(errors, f"LSTM, seed {seed}")) for seed in SEEDS]
    print(f"{name:<26}" + "".join(f"{written(*entry):<16}" for entry in table[name]))

# %%
figure = Figure(figsize=(7.5, 4), layout="constrained")
axes = figure.subplots()
for row, entries in enumerate(table.values()):
    for seed, (mean, error, star) in enumerate(entries):
        axes.errorbar(mean, row + seed / 6, xerr=2.45 * error, fmt="*" if star else ".", color=ORANGE,
                      markersize=13 if star else 9, label=None if row or seed else "LSTM, 3 seeds")
axes.axvline(0, color=BLUE, label="line")
axes.set(xlabel="squared error minus that of the line, over 7 days, °C²",
         title="Behind the line on three cuts, but that may be luck")
axes.set_yticks(np.arange(4) + 1 / 6, [name.replace(" to ", " to\n") for name in cuts])
axes.invert_yaxis()
axes.legend(frameon=False, loc="lower left")
save(figure, "22_how_sure_is_it.png")

# %% [markdown]
# ![Differences to the line with the limits of chance, on four test parts](figures/22_how_sure_is_it.png)
#
# A bar shows 2.45 standard errors with blocks of 14 days. Two bars leave out 0 and have no star, because blocks of 21
# or 28 days do not agree.
#
# All three are behind on three cuts, and one of the twelve gets a star. From March to October 2014 the networks may be
# ahead of the line or behind. On all of 2015, the longest test part, all three are behind by 2.1 to 2.9 standard errors
# with blocks of 14 days. Only one keeps this with longer blocks, and we looked at four cuts. So it depends on the rule
# whether we call it luck.
#
# So no network is shown to be ahead of the line on any cut. On three of four they are behind, but this may be luck.

# %% tags=["proof"]
t = np.linspace(-200, 200, 400_001)
density = (1 + t ** 2 / 6) ** -3.5  # Student's, of seven observations, up to a factor
assert abs(density[abs(t) < 2.45].sum() / density.sum() - 0.95) < 5e-4 and len(d) // 28 == 7
assert cuts["May to December 2015"] == [1023, 1242, 1461]  # as in tutorial 21
if not QUICK:
    means, stars = (np.array([[entry[k] for entry in entries] for entries in table.values()]) for k in (0, 2))
    assert (means[[0, 2, 3]] > 0.2).all() and (abs(means[1]) < 1.2).all()
    assert not stars[1].any() and stars[[0, 2]].sum() <= 1 and not stars[3].all()

# %% [markdown]
# **To take away:** from March to October 2014 the networks are far behind the line on the first day ahead. On days 3 to
# 7 they are ahead of it in the mean. Here are networks that say the first day only, and the mean of the three seeds:
#
#     seven, one = results["March to October 2014"], squared_errors(*cuts["March to October 2014"], ahead=1)
#     lstm_seven, lstm_one = (np.mean([errors[f"LSTM, seed {seed}"][:, 0] for seed in SEEDS], axis=0)
#                             for errors in (seven, one))
#     for difference in (lstm_seven - seven["line"][:, 0], lstm_one - seven["line"][:, 0], lstm_seven - lstm_one):
#         print(written(*judged(difference)))
#
# Before you run it: will they be better on this day than the networks for seven days? Will this get a star?

# %% [markdown] tags=["answer"]
# ## Answer
#
# Yes, with a star. Squared error on the first day ahead, °C²:
#
#     networks for seven days, minus the line               3.54 ± 0.91 *
#     networks for one day, minus the line                 -0.26 ± 0.26
#     networks for seven days, minus networks for one day   3.80 ± 0.87 *
#
# Asked for one day only, they are level with the line on this cut. They have units and an epoch for this day alone.
# Which of the two helps, this comparison does not say.

# %% tags=["proof"]
seven, one = results["March to October 2014"], squared_errors(*cuts["March to October 2014"], ahead=1)
lstm_seven, lstm_one = (np.mean([errors[f"LSTM, seed {seed}"][:, 0] for seed in SEEDS], axis=0)
                        for errors in (seven, one))
by_day = np.mean([seven[f"LSTM, seed {seed}"] - seven["line"] for seed in SEEDS], axis=(0, 1))
first = [judged(difference) for difference in (lstm_seven - seven["line"][:, 0], lstm_one - seven["line"][:, 0],
                                               lstm_seven - lstm_one)]
print("minus the line, by day:", *(f"{mean:.2f}" for mean in by_day))
print("one day ahead: ", *(written(*entry) for entry in first), sep="   ")
if not QUICK:
    assert np.allclose([mean for mean, _, _ in first], [3.54, -0.26, 3.80], atol=1) and abs(first[1][0]) < 0.6
    assert [star for _, _, star in first] == [True, False, True] and by_day[2:].mean() < 0
