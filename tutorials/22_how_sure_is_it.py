# %% [markdown]
# # 22. How sure is it? Which differences may be luck
#
# *Beside the article: §6, weather forecasting, with the model of §5.*
#
# In tutorial 21 a straight line forecast Seattle's temperature better than three networks. Would other days give the
# same order? This page puts a *standard error* beside each difference. Then it takes other days.
#
# ## A standard error on paper
#
# Take the squared error of one model less that of the other, day by day: d_1 .. d_N. Their mean says who is ahead. If
# the N differences are independent, the standard error of this mean is
#
#     s / √N,     where s² = Σ (d_n - mean d)² / (N - 1)
#
# Suppose the two models are equally good. Then the mean is within two standard errors of zero in about 95 % of cases.
# So a smaller difference may be luck.
#
# On paper, d = 1, 1, 1, 5, 5, 5 has the mean 3. As six observations: s² = 6 · 4 / 5 = 4.8, so √(4.8 / 6) = 0.89.
# The mean would be more than three standard errors from zero. But a day is like its neighbour here. Perhaps there are
# only two independent observations: a block of three days with the mean 1, and one with the mean 5.
#
# PREDICT: as two observations, how large is the standard error?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, optim, training
from minirnn.plots import BLUE, ORANGE


def excess(d, days):
    """The mean of d, and its standard error if each block of so many days is one observation."""
    blocks = d[:len(d) // days * days].reshape(-1, days).mean(axis=1)
    return blocks.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


paper = np.array([1.0, 1, 1, 5, 5, 5])
for days in (1, 3):
    mean, error = excess(paper, days)
    print(f"blocks of {days}: {mean:.2f} ± {error:.2f}")

# %% tags=["proof"]
assert np.allclose(excess(paper, 1), (3, np.sqrt(0.8))) and np.allclose(excess(paper, 3), (3, 2))

# %% [markdown]
# 2: s² = 4 + 4 = 8, and √(8 / 2) = 2. These are the same six days, but now their mean may be luck.
#
# ## The models of tutorial 21
#
# The next cell repeats them. All read 14 days, and forecast the next seven. It also forecasts three other test parts,
# for the end of this page.
#
# - *line*: the ridge regression. Ten blocks of the training part choose its penalties.
# - *LSTM*: the article's model, from three seeds, and the mean of their three forecasts. It reads what the line reads.
#   One output layer says all seven days. Validation chooses one epoch for the seven.
# - *climatology, AR(1)*: a curve of the year, and how far today is from it, shrunk more for each day ahead.

# %%
weather = datasets.seattle_weather()
date, temperature = weather["date"], weather["temp_max"]
angle = 2 * np.pi * (date - date.astype("datetime64[Y]")).astype(int) / 365.25
calendar = np.column_stack([np.sin(angle), np.cos(angle)])
season = np.column_stack([np.ones(len(date)), calendar])
LENGTH, H, SEEDS = 14, 7, range(1 if QUICK else 3)
network = compose.chain(fast.lstm, compose.last_step, linear)


def forecasts(one, two, end, ahead=H):
    """Train before day `one`, validate before `two`, test before `end`: the truth and what each says, (days, ahead)."""
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
        params = network.init(rng, 3, 16, ahead)
        epochs = 2 if QUICK else 100
        training.fit(network, params, optim.Adam(3e-3), train, validation, rng=rng, epochs=epochs, patience=20)
        said[f"LSTM, seed {seed}"] = network.forward(params, x_test.astype(np.float32))[0].astype(float)
    said["LSTM, mean"] = np.mean([said[f"LSTM, seed {seed}"] for seed in SEEDS], axis=0)
    said = {name: scale.invert(f) for name, f in said.items()}
    usual = season @ np.linalg.lstsq(season[:one], temperature[:one], rcond=None)[0]
    unusual = (temperature - usual)[:end]
    shrunk = baselines.AR(1).fit(unusual[:one]).forecasts(unusual, two, H)
    said["climatology, AR(1)"] = (baselines.truth(usual[:end], two, H) + shrunk)[:, :ahead]
    return scale.invert(y_test), said


cuts = {"May to December 2015": ("2014-10-20", "2015-05-27", "2016-01-01"),
        "March to October 2014": ("2013-08-07", "2014-03-15", "2014-10-20"),
        "October 2014 to May 2015": ("2014-03-15", "2014-10-20", "2015-05-27"),
        "all of 2015": ("2014-01-01", "2015-01-01", "2016-01-01")}  # the first days after training, validation, test
cuts = {name: np.searchsorted(date, np.array(days, "datetime64[D]")).tolist() for name, days in cuts.items()}
results = {name: forecasts(*cut) for name, cut in cuts.items()}

# %% [markdown]
# ## Which block?
#
# Take May to December 2015, the line, and the network that was the best there, seed 0. Two forecasts of neighbouring
# days share six of their seven days. So their differences are alike. The *correlation* of one day's difference with the
# next day's says how much. It is 1 if they rise and fall together, and about 0 if one tells nothing about the other.
#
# PREDICT: how does the standard error grow from blocks of one day to blocks of 14: not at all, to 2 or 3 times, or to
# 14 times?

# %%
def squared_error(name, truth, said):
    """The mean squared error over the days ahead, for each day of the test part."""
    return ((said[name] - truth) ** 2).mean(axis=1)


truth, said = results["May to December 2015"]
d = squared_error("LSTM, seed 0", truth, said) - squared_error("line", truth, said)
print(f"correlation of one day's difference with the next: {np.corrcoef(d[1:], d[:-1])[0, 1]:.2f}")
for days in (1, 7, 14, 28):
    mean, error = excess(d, days)
    print(f"blocks of {days:>2}: {mean:.2f} ± {error:.2f}")

# %% tags=["proof"]
if not QUICK:
    (m_1, e_1), (m_14, e_14), (_, e_28) = (excess(d, days) for days in (1, 14, 28))
    assert np.corrcoef(d[1:], d[:-1])[0, 1] > 0.5 and m_1 / e_1 > 3.5 and 1 < m_14 / e_14 < 2
    assert 2 * e_1 < e_14 < 3 * e_1 and e_14 < e_28 < 1.2 * e_14

# %% [markdown]
# To 2.5 times. If each day were one observation, the network would be behind by 1.28 / 0.34, almost four standard
# errors. With blocks of two weeks it is 1.31 / 0.85, one and a half. From two weeks to four the standard error grows
# little. So we take blocks of two weeks.
#
# ## Other days
#
# The test part is one summer and autumn. Three other cuts of the same four years follow, with the same settings and
# other seasons. Their parts overlap.
#
# A test part may have only seven blocks of 28 days. For seven observations the limit is not two standard errors but
# 2.45 (*Student's limit*). A difference gets a star if it is beyond this limit with blocks of 14, of 21 and of 28 days.
# What has no star may be luck.
#
# PREDICT: on how many of the four cuts is a network ahead of the line? On how many do all three networks get a star?

# %%
def beside_line(model, truth, said):
    """The squared error less that of the line, its standard error with blocks of 14 days, and if it gets a star."""
    d = squared_error(model, truth, said) - squared_error("line", truth, said)
    star = all(abs(mean) > 2.45 * error for mean, error in (excess(d, days) for days in (14, 21, 28)))
    return *excess(d, 14), star


def written(mean, error, star):
    return f"{mean:.2f} ± {error:.2f}{' *' if star else ''}"


table = {}
print("squared error less that of the line, over 7 days, °C²")
print(" " * 20 + "".join(f"{name:<26}" for name in cuts))
for model in list(said)[1:]:
    table[model] = [beside_line(model, *result) for result in results.values()]
    print(f"{model:<20}" + "".join(f"{written(*entry):<26}" for entry in table[model]))

# %%
figure = Figure(figsize=(7.5, 4.5), layout="constrained")
axes = figure.subplots()
for place, (model, entries) in enumerate(table.items()):
    for row, (mean, error, star) in enumerate(entries):
        axes.errorbar(mean, row + place / 7, xerr=2.45 * error, fmt="*" if star else ".", markersize=12 if star else 9,
                      color=ORANGE if "LSTM" in model else "#56b4e9", linewidth=3.5 if "mean" in model else 1.5,
                      label=None if row or model[-1] in "12" else model.replace("seed 0", "3 seeds"))
axes.axvline(0, color=BLUE, label="line")
axes.set(xlabel="squared error less that of the line, over 7 days, °C²",
         title="More than luck (a star): on one cut of four")
axes.set_yticks(np.arange(4) + 2 / 7, [name.replace(" to ", " to\n") for name in cuts])
axes.invert_yaxis()
axes.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.6))
save(figure, "22_how_sure_is_it.png")

# %% [markdown]
# ![Differences to the line with the limits of chance, on four test parts](figures/22_how_sure_is_it.png)
#
# A bar shows 2.45 standard errors with blocks of 14 days. A star needs blocks of 21 and of 28 days too.
#
# On none, and on one. Asked for seven days at once, no network is ahead of the line on any cut, nor is their mean. From
# March to October 2014 they are nearly level. Only on all of 2015, the longest test part, are all three networks behind
# by more than luck. So is climatology with AR(1).
#
# These differences share days, weights and settings, so they are not independent. And on the first cut they depend on
# how the line is chosen: one network is ahead of the line by validation (tutorial 21).
#
# So much can be said: with less than three years to train on, no network that says seven days at once is the best here.

# %% tags=["proof"]
t = np.linspace(-200, 200, 400_001)
density = (1 + t ** 2 / 6) ** -3.5  # Student's, of seven observations, up to a factor
assert abs(density[abs(t) < 2.45].sum() / density.sum() - 0.95) < 5e-4 and len(truth) // 28 == 7
assert cuts["May to December 2015"] == [1023, 1242, 1461]  # as in tutorial 21
if not QUICK:
    networks = [entries for model, entries in table.items() if "LSTM" in model]  # the mean is the last
    assert all(entries[cut][0] > (-0.1 if cut == 1 else 0) for entries in networks for cut in range(4))
    assert [sum(entries[cut][2] for entries in networks[:3]) for cut in range(4)] == [0, 0, 0, 3]
    assert [star for _, _, star in table["climatology, AR(1)"]] == [False, False, False, True]

# %% [markdown]
# **To take away:** in tutorial 21 the networks were behind one day ahead too. But the line has weights and a penalty
# for this day alone. A network shares its 16 units with six other days, and its epoch is the best for all seven. Now
# the network says one day only:
#
#     for name, cut in cuts.items():
#         print(name, written(*beside_line("LSTM, mean", *forecasts(*cut, ahead=1))))
#
# Before you run it: will the line still be ahead?

# %% [markdown] tags=["answer"]
# ## Answer
#
# No, they are level. Here is the squared error of the networks' mean less that of the line, one day ahead. On the left
# the networks were asked for seven days, on the right for one:
#
#     May to December 2015      0.83 ± 0.67         0.55 ± 0.39
#     March to October 2014     4.14 ± 1.01 *      -0.24 ± 0.26
#     October 2014 to May 2015  0.82 ± 0.34        -0.28 ± 0.10
#     all of 2015               1.75 ± 0.53 *       0.11 ± 0.24
#
# Asked for one day, they are ahead on two cuts and behind on two, without a star. So on the last three cuts the
# networks were behind because they were asked for seven days at once.

# %% tags=["proof"]
seven, one = [], []
for name, cut in cuts.items():
    truth, said = results[name]
    seven.append(beside_line("LSTM, mean", truth[:, :1], {model: f[:, :1] for model, f in said.items()}))
    one.append(beside_line("LSTM, mean", *forecasts(*cut, ahead=1)))
    print(f"{name:<25} {written(*seven[-1]):<15} {written(*one[-1])}")
if not QUICK:
    assert np.allclose(np.array(seven)[:, 0], [0.83, 4.14, 0.82, 1.75], atol=0.3)
    assert np.allclose(np.array(one)[:, :2], [[0.55, 0.39], [-0.24, 0.26], [-0.28, 0.10], [0.11, 0.24]], atol=0.1)
    assert [star for _, _, star in seven] == [False, True, False, True] and not any(star for _, _, star in one)
