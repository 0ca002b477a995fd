# %% [markdown]
# # 22. How sure is it? Which differences may be luck
#
# *Beside the article: §6, weather forecasting, with the model of §5.*
#
# Tutorial 21 forecast Seattle's temperature on one test part, from May to December 2015. There a straight line was
# ahead of three networks, which were asked for seven days at once. Would other days give the same order? This page puts
# a *standard error* beside each difference. Then it takes other days.
#
# ## A standard error on paper
#
# Take the squared error of one model less that of the other, day by day: d_1 .. d_N. Their mean says who is ahead. If
# the N differences are independent, the standard error of this mean is
#
#     s / √N,     where s² = Σ (d_n - mean d)² / (N - 1)
#
# Suppose the two models are equally good. Then the mean is within two standard errors of zero in about 95 % of cases.
# So a smaller difference may be luck. (Two is for many observations. For 15 it is 2.14, for 7 it is 2.45: *Student's
# limit*.)
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

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, training
from minirnn.plots import BLUE, ORANGE


def excess(d, days):
    """The mean of d, its standard error if each block of so many days is one observation, and how many blocks."""
    blocks = d[:len(d) // days * days].reshape(-1, days).mean(axis=1)
    return blocks.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks)), len(blocks)


paper = np.array([1.0, 1, 1, 5, 5, 5])
for days in (1, 3):
    mean, error, _ = excess(paper, days)
    print(f"blocks of {days}: {mean:.2f} ± {error:.2f}")

# %% tags=["proof"]
assert np.allclose(excess(paper, 1), (3, np.sqrt(0.8), 6)) and np.allclose(excess(paper, 3), (3, 2, 2))

# %% [markdown]
# 2: s² = 4 + 4 = 8, and √(8 / 2) = 2. These are the same six days, but now their mean may be luck. So the size of a
# block matters.
#
# ## The models of tutorial 21
#
# The next cell repeats them. All read 14 past days and forecast the next seven. A *cut* divides the days, in order,
# into a training, a validation and a test part.
#
# - *ridge, calendar* is the line. Ten blocks of the training part choose its penalties.
# - *the same, by validation* has its penalties from the validation part.
# - *LSTM* is the article's model, from three seeds, and their mean. It reads what the line reads. One output layer says
#   all seven days. Validation chooses one epoch for the seven.
# - *climatology, AR(1)* is a curve of the year, and a share of how far today is from it.

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

    parts = train, (x_val, y_val), (x_test, y_test) = examples(0, one), examples(one, two), examples(two, end)
    said = {"ridge, calendar": baselines.chosen_ridge(*train, gap=LENGTH + H - 1).forecasts(x_test)}
    fits = [baselines.Ridge(penalty).fit(*train) for penalty in baselines.PENALTIES]
    best = np.argmin([((line.forecasts(x_val) - y_val) ** 2).mean(axis=0) for line in fits], axis=0)  # (ahead,)
    said["the same, by validation"] = np.column_stack([fits[k].forecasts(x_test)[:, h] for h, k in enumerate(best)])
    train, validation, (x_test, _) = [[a.astype(np.float32) for a in part] for part in parts]
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        params = network.init(rng, 3, 16, ahead)
        training.fit(network, params, optim.Adam(3e-3), train, validation, rng=rng, epochs=2 if QUICK else 100,
                     patience=20)
        said[f"LSTM, seed {seed}"] = network.forward(params, x_test)[0].astype(float)
    said["LSTM, mean"] = np.mean([said[f"LSTM, seed {seed}"] for seed in SEEDS], axis=0)
    said = {name: scale.invert(f) for name, f in said.items()}
    usual = season @ np.linalg.lstsq(season[:one], temperature[:one], rcond=None)[0]
    unusual = (temperature - usual)[:end]
    said["climatology, AR(1)"] = (baselines.truth(usual[:end], two, H) +
                                  baselines.AR(1).fit(unusual[:one]).forecasts(unusual, two, H))[:, :ahead]
    return scale.invert(y_test), said


n = len(temperature)
cuts = {"May to December 2015": (round(0.7 * n), round(0.85 * n), n)}
results = {name: forecasts(*cut) for name, cut in cuts.items()}
(truth, said), = results.values()
for name, f in said.items():
    print(f"{name:<23} RMSE over 7 days: {metrics.rmse(f, truth):.2f} °C")

# %% [markdown]
# ## Why the difference, and which block?
#
# Take the line and the best of the networks here, seed 0. Each of the two errors has a standard error, and so has
# their difference, which is taken day by day. The *correlation* of two series is printed too. It is 1 if they rise and
# fall together, and about 0 if one tells nothing about the other.
#
# PREDICT: which has the smallest standard error: the error of the line, that of the network, or the difference?

# %%
line_error, lstm_error = (((said[name] - truth) ** 2).mean(axis=1) for name in ("ridge, calendar", "LSTM, seed 0"))
less = lstm_error - line_error
for name, d in {"line": line_error, "LSTM, seed 0": lstm_error, "LSTM less line": less}.items():
    print(f"{name:<14} blocks of " + ", ".join(f"{days}: {mean:.2f} ± {error:.2f}" for days in (1, 7, 14, 28)
                                               for mean, error, _ in [excess(d, days)]))
weeks = less[:len(less) // 7 * 7].reshape(-1, 7).mean(axis=1)
print(f"correlation of the two errors: {np.corrcoef(line_error, lstm_error)[0, 1]:.2f}")
print(f"correlation of one week's difference with the next: {np.corrcoef(weeks[1:], weeks[:-1])[0, 1]:.2f}")

# %% tags=["proof"]
a, b, both = (excess(d, 14)[1] for d in (line_error, lstm_error, less))
if not QUICK:
    assert both < 0.6 * min(a, b) and np.corrcoef(line_error, lstm_error)[0, 1] > 0.8
    by_block = [excess(less, days) for days in (1, 7, 14, 28)]
    (m_1, e_1, _), (m_14, e_14, _), (_, e_28, _) = (by_block[k] for k in (0, 2, 3))
    assert m_1 / e_1 > 3.5 and 1.4 < m_14 / e_14 < 1.7 and 2.3 * e_1 < e_14 < e_28 < 1.2 * e_14
    assert 0.3 < np.corrcoef(weeks[1:], weeks[:-1])[0, 1] < 0.55

# %% [markdown]
# The difference. Line and network are wrong on the same days, and the difference takes away what both share.
#
# And the block matters. Two forecasts of neighbouring days share six of their seven days. Even neighbouring weeks are
# alike. If each day were one observation, the network would be behind by 1.28 / 0.34, almost four standard errors. With
# blocks of two weeks it is 1.31 / 0.85, one and a half. From two weeks to four the standard error grows little.
#
# ## Other days
#
# The test part is one summer and autumn. Three other cuts of the same four years follow, with the same settings and
# other seasons. Their parts overlap, so they are not independent.
#
# A difference gets a star only if it is beyond Student's limit in each way of counting: blocks of 14, 21 and 28 days,
# each from every first day, beside the line with either choice of penalties. What has no star may be luck.
#
# PREDICT: over seven days, on how many of the four cuts is a network ahead of the line? On how many do all three
# networks get a star?

# %%
LIMIT = {6: 2.57, 7: 2.45, 9: 2.31, 10: 2.26, 11: 2.23, 12: 2.20, 14: 2.16, 15: 2.14, 16: 2.13, 17: 2.12, 24: 2.07,
         25: 2.06}  # Student's t for so many blocks: 95 % lie within


def star(model, said, truth, days):
    """Whether a model is behind both lines, or ahead of both, by more than chance in each way of counting."""
    ways = set()
    for line in {"ridge, calendar", "the same, by validation"} - {model}:
        d = ((said[model] - truth) ** 2 - (said[line] - truth) ** 2)[:, :days].mean(axis=1)
        for mean, error, blocks in (excess(d[first:], block) for block in (14, 21, 28) for first in range(block)):
            ways.add(np.sign(mean) if abs(mean) > LIMIT[blocks] * error else 0)
    return ways in ({1}, {-1})


def at(day):
    return int(np.argmax(date == np.datetime64(day)))


cuts |= {"March to October 2014": (at("2013-08-07"), at("2014-03-15"), at("2014-10-20")),
         "October 2014 to May 2015": (at("2014-03-15"), at("2014-10-20"), at("2015-05-27")),
         "all of 2015": (at("2014-01-01"), at("2015-01-01"), n)}
results |= {name: forecasts(*cut) for name, cut in cuts.items() if name not in results}
beside = {}  # the difference, its standard error, the number of blocks, and the star
print("squared error less that of ridge, calendar, °C², and its standard error (blocks of 14 days)")
for name, (truth, said) in results.items():
    print(f"{name:<27}{'1 day':>10} {'7 days':>15}     trained on {cuts[name][0] / 365.25:.1f} years")
    for model in list(said)[1:]:
        d = (said[model] - truth) ** 2 - (said["ridge, calendar"] - truth) ** 2
        rows = beside[name, model] = [(*excess(d[:, :days].mean(axis=1), 14), star(model, said, truth, days))
                                      for days in (1, H)]
        print(f"    {model:<23}" + "".join(f"{mean:>10.2f} ± {error:.2f} {' *'[starred]}"
                                           for mean, error, _, starred in rows))

# %%
figure = Figure(figsize=(10, 5.2), layout="constrained")
panels = figure.subplots(1, 2, sharey=True)
for k, (axes, title) in enumerate(zip(panels, ("1 day ahead", "over 7 days"))):
    for row, name in enumerate(results):
        for place, model in enumerate(list(said)[2:]):
            mean, error, blocks, starred = beside[name, model][k]
            mark = dict(fmt="*", markersize=11) if starred else dict(fmt=".", markersize=9)
            axes.errorbar(mean, row + place / 6.5, xerr=LIMIT[blocks] * error, **mark,
                          color=ORANGE if "LSTM" in model else "#56b4e9", linewidth=3 if "mean" in model else 1.5,
                          label=None if row or model[-1] in "12" else model.replace("seed 0", "3 seeds"))
    axes.axvline(0, color=BLUE, label="ridge, calendar")
    axes.set(xlabel="squared error less that of ridge, calendar, °C²", title=title)
    axes.grid(axis="x", alpha=0.4)
axes.set_yticks(np.arange(4) + 2 / 6.5, [name.replace(" to ", " to\n") for name in results])
axes.invert_yaxis()
panels[0].legend(frameon=False, fontsize=9, loc="upper right")
save(figure, "22_how_sure_is_it.png")

# %% [markdown]
# ![Differences to the line with the limits of chance, on four test parts](figures/22_how_sure_is_it.png)
#
# A bar shows Student's limit for blocks of 14 days. Where it crosses the blue line, the difference may be luck. A star
# needs all blocks and both lines, and a bar shows only one of these ways.
#
# Asked for seven days at once, none of the three networks is ahead of the line on any cut, at either distance. Nor is
# their mean. But these 24 differences are not independent: they share days, weights and settings. And fewer are more
# than luck. One day ahead all three networks have a star on one cut, and two of them on another. Over seven days all
# three have one on the longest cut only. Climatology with AR(1) has one star too, over seven days of the longest cut.
#
# And how the line is chosen can matter as much as the network. With penalties by validation it is worse by 1.95 over
# seven days of the first cut. There the network of seed 0 is ahead of it.
#
# So much can be said: with 1.6 to 2.8 years to train on, no network that says seven days at once is the best here.

# %% tags=["proof"]
for blocks, limit in LIMIT.items():  # the density of Student's t, (1 + t²/ν)^(-(ν+1)/2), within the limit and in all
    t, nu = np.linspace(-200, 200, 400_001), blocks - 1
    density = (1 + t ** 2 / nu) ** (-(nu + 1) / 2)
    assert abs(density[abs(t) < limit].sum() / density.sum() - 0.95) < 5e-4
if not QUICK:
    for truth, said in results.values():
        for days in 1, H:
            rmse = {model: metrics.rmse(f[:, :days], truth[:, :days]) for model, f in said.items()}
            assert "LSTM" not in min(rmse, key=rmse.get)
    networks = [f"LSTM, seed {seed}" for seed in SEEDS]
    assert all(row[0] > 0 for name in results for row in beside[name, "LSTM, mean"])
    assert all(row[0] > 0 for name in results for model in networks for row in beside[name, model])
    one_day, seven_days = ([sum(beside[name, model][k][-1] for model in networks) for name in results] for k in (0, 1))
    assert one_day == [0, 3, 0, 2] and seven_days == [0, 0, 0, 3]
    assert [row[-1] for name in results for row in beside[name, "climatology, AR(1)"]] == [False] * 7 + [True]
    by_validation = beside["May to December 2015", "the same, by validation"][1][0]
    assert round(by_validation, 2) == 1.95
    assert [beside["May to December 2015", model][1][0] < by_validation for model in networks] == [True, False, False]

# %% [markdown]
# **To take away:** the comparison one day ahead is unequal. The line has weights and a penalty for this day alone. The
# network shares its 16 units with six other days, and its epoch is the best for all seven. Call
# `forecasts(*cut, ahead=1)` for each cut. Now the network has one output, and validation chooses the epoch by this day.
# Before you run it: will the line still be ahead?

# %% [markdown] tags=["answer"]
# ## Answer
#
# No, they are level. The mean of the three networks, less the line, is on the four cuts, in their order:
# 0.55 ± 0.39, -0.24 ± 0.26, -0.28 ± 0.10 and 0.11 ± 0.24. It is ahead on two cuts and behind on two, without a star.
# With ten seeds, measured once, it is 0.57 ± 0.41, -0.20 ± 0.28, -0.21 ± 0.11 and 0.05 ± 0.24.
#
# So one day ahead the networks of this page were behind because they were asked for seven days at once.

# %% tags=["proof"]
one_day = {}
for name, cut in cuts.items():
    truth, said = forecasts(*cut, ahead=1)
    d = ((said["LSTM, mean"] - truth) ** 2 - (said["ridge, calendar"] - truth) ** 2)[:, 0]
    one_day[name] = *excess(d, 14)[:2], star("LSTM, mean", said, truth, 1)
    print("{:<25} mean of the one-day networks less line: {:.2f} ± {:.2f}".format(name, *one_day[name]))
if not QUICK:
    means, errors, stars = zip(*one_day.values())
    assert np.allclose([means, errors], [[0.55, -0.24, -0.28, 0.11], [0.39, 0.26, 0.10, 0.24]], rtol=0, atol=0.02)
    assert not any(stars)
