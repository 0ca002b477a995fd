# %% [markdown]
# # 20. How sure is it? Which differences may be luck
#
# *Beside the article: §6, weather forecasting, with the model of §5.*
#
# Tutorial 19 forecast Seattle's temperature on one test part, from May to December 2015. One day ahead a line was the
# best. Over seven days one network of three was ahead of that line, and two were behind. Would other days give the same
# order? This page puts a *standard error* beside each difference. Then it takes other days.
#
# ## A standard error on paper
#
# Take the squared error of one model less that of the other, day by day: d_1 .. d_N. Their mean says who is ahead. If
# the N differences are independent, the standard error of this mean is
#
#     s / √N,     where s² = Σ (d_n - mean d)² / (N - 1)
#
# For many of them, the mean is within two standard errors of the true value in about 95 % of cases. So a difference of
# less than two standard errors may be luck. Two models with such a difference are called *level* here. (Diebold and
# Mariano 1995 test two forecasts in a similar way.)
#
# On paper, d = 1, 1, 1, 5, 5, 5 has the mean 3. As six observations: s² = 6 · 4 / 5 = 4.8, so √(4.8 / 6) = 0.89. The
# mean would be more than three standard errors from zero. But a day is like its neighbour here. Perhaps there are only
# two independent observations: a block of three days with the mean 1, and one with the mean 5.
#
# PREDICT: as two observations, how large is the standard error?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, training
from minirnn.plots import BLUE, GREEN, ORANGE


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
# 2: s² = 4 + 4 = 8, and √(8 / 2) = 2. These are the same six days, but now their mean may be luck. So the size of a
# block matters.
#
# ## The models of tutorial 19
#
# The next cell repeats them. All forecast the next seven days, and all choices are made on validation. A *cut* divides
# the days, in order, into a training, a validation and a test part.
#
# - *ridge, calendar* is the line. It reads a window of past days, each with its temperature and its time of year.
# - *ridge AR* is a line that reads past temperatures alone.
# - *climatology, AR(1)* is a curve of the year, and a share of how far today is from it. It has five numbers.
# - *LSTM* is the article's model, from three seeds. It reads 14 days of what the line reads.

# %%
weather = datasets.seattle_weather()
date, temperature = weather["date"], weather["temp_max"]
angle = 2 * np.pi * (date - date.astype("datetime64[Y]")).astype(int) / 365.25
calendar = np.column_stack([np.sin(angle), np.cos(angle)])
H, SEEDS = 7, range(1 if QUICK else 3)
LENGTHS = 1, 2, 3, 7, 14, 21, 30, 45, 60
PENALTIES = np.array([1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1, 3, 10])
network = compose.chain(fast.lstm, compose.last_step, linear)


class Cut:
    """Train on the days before `one`, validate on those from there to `two`, test from there to `end`."""

    def __init__(self, one, two, end):
        self.one, self.two, self.end = one, two, end
        self.parts = {"train": (0, one), "validation": (one, two), "test": (two, end)}
        self.scale = datasets.Scale.fit(temperature[:one])
        self.z = self.scale.apply(temperature)
        self.inputs = np.column_stack([self.z, calendar])
        self.truth = self.scale.invert(self.examples("test")[1])

    def examples(self, part, length=14):
        """x (N, length, inputs) and y (N, H): the days before and from each day k, with all of y in the part."""
        first, last = self.parts[part]
        k = np.arange(max(first, length), last - H + 1)[:, None]
        return self.inputs[k + np.arange(-length, 0)], self.z[k + np.arange(H)]


def flat(x):
    return np.column_stack([np.ones(len(x)), x.reshape(len(x), -1)])


def line(cut, penalties=PENALTIES):
    """The forecasts of ridge, calendar for the test part, its window, and its penalty for each day ahead."""
    def chosen(length):
        (x, y), (x_val, y_val) = cut.examples("train", length), cut.examples("validation", length)
        X, I = flat(x), np.diag([0.0, *np.ones(x[0].size)])
        fits = np.array([np.linalg.solve(X.T @ X + penalty * len(X) * I, X.T @ y) for penalty in penalties])
        errors = ((flat(x_val) @ fits - y_val) ** 2).mean(axis=1)  # (penalties, H)
        best = errors.argmin(axis=0)
        return errors.min(axis=0).mean(), length, fits[best, :, np.arange(H)].T, penalties[best]
    _, length, W, best = min((chosen(length) for length in LENGTHS), key=lambda fit: fit[0])
    return cut.scale.invert(flat(cut.examples("test", length)[0]) @ W), length, best


def lstm(cut, seed):
    rng = np.random.default_rng(seed)
    params = network.init(rng, 3, 16, H)
    data = [[a.astype(np.float32) for a in cut.examples(part)] for part in cut.parts]
    training.fit(network, params, optim.Adam(3e-3), *data[:2], rng=rng, epochs=2 if QUICK else 100, patience=20)
    return cut.scale.invert(network.forward(params, data[2][0])[0].astype(float))


def forecasts(cut):
    """What each model says of the test part, (days, H)."""
    one, two, series = cut.one, cut.two, temperature[:cut.end]
    season = np.column_stack([np.ones(cut.end), calendar[:cut.end]])
    climatology = season @ np.linalg.lstsq(season[:one], series[:one], rcond=None)[0]
    unusual = series - climatology
    ar = baselines.chosen_ar(series[:two], one)
    said = {"ridge, calendar": line(cut)[0],
            "ridge AR": baselines.AR(ar.p, ar.ridge).fit(series[:one]).forecasts(series, two, H),
            "climatology, AR(1)": baselines.truth(climatology, two, H) +
                                  baselines.AR(1).fit(unusual[:one]).forecasts(unusual, two, H)}
    said |= {f"LSTM, seed {seed}": lstm(cut, seed) for seed in SEEDS}
    return said | {"LSTM, mean": np.mean([f for name, f in said.items() if "LSTM" in name], axis=0)}


n = len(temperature)
cut = Cut(round(0.7 * n), round(0.85 * n), n)
said = forecasts(cut)
print(f"test part: {len(cut.truth)} days from {date[cut.two]}")
for name, f in said.items():
    print(f"{name:<19} RMSE over 7 days: {metrics.rmse(f, cut.truth):.2f} °C")

# %% [markdown]
# ## Why the difference, and which block?
#
# The network of seed 0 is ahead of the line here. Each of the two errors has a standard error, and so has their
# difference. The difference is taken day by day.
#
# PREDICT: which has the smallest standard error: the error of the line, that of the network, or the difference?

# %%
def squared(name):
    """The squared error over seven days of each forecast of the first cut."""
    return ((said[name] - cut.truth) ** 2).mean(axis=1)


line_error, lstm_error = squared("ridge, calendar"), squared("LSTM, seed 0")
for name, d in {"line": line_error, "LSTM, seed 0": lstm_error, "LSTM less line": lstm_error - line_error}.items():
    print(f"{name:<15}" + ", ".join(f"blocks of {days}: {d_mean:.2f} ± {error:.2f}" for days in (1, 7, 14, 28)
                                    for d_mean, error in [excess(d, days)]))
weeks = (lstm_error - line_error)[:len(line_error) // 7 * 7].reshape(-1, 7).mean(axis=1)
print(f"correlation of the two errors: {np.corrcoef(line_error, lstm_error)[0, 1]:.2f}")
print(f"correlation of one week's difference with the next: {np.corrcoef(weeks[1:], weeks[:-1])[0, 1]:.2f}")

# %% tags=["proof"]
a, b, both = (excess(d, 14)[1] for d in (line_error, lstm_error, lstm_error - line_error))
if not QUICK:
    assert both < 0.6 * min(a, b) and np.corrcoef(line_error, lstm_error)[0, 1] > 0.8
    by_block = [excess(lstm_error - line_error, days)[1] for days in (1, 7, 14, 28)]
    assert 2.3 * by_block[0] < by_block[2] < by_block[3] < 1.2 * by_block[2]
    assert 0.3 < np.corrcoef(weeks[1:], weeks[:-1])[0, 1] < 0.5

# %% [markdown]
# The difference. Line and network are wrong on the same days: what surprised one surprised the other. The difference
# takes away what both share.
#
# And the block matters. Two forecasts of neighbouring days share six of their seven days. Even neighbouring weeks are
# alike. If each day were one observation, the standard error of the difference would be 0.42. With blocks of two weeks
# it is 1.12. From two weeks to four it grows little. So two weeks count as one observation from here on.
#
# ## Other days
#
# The test part is one summer and autumn. Three other cuts of the same four years follow, with the same settings. They
# have other seasons. But their parts overlap with those of the first, so they are no independent witnesses.
#
# PREDICT: on how many of the four cuts is a network ahead of the line over seven days? On how many is the line ahead of
# all three by more than luck?

# %%
def at(day):
    return int(np.argmax(date == np.datetime64(day)))


cuts = {"May to December 2015": cut,
        "March to October 2014": Cut(at("2013-08-07"), at("2014-03-15"), at("2014-10-19") + 1),
        "October 2014 to May 2015": Cut(at("2014-03-15"), at("2014-10-20"), at("2015-05-26") + 1),
        "all of 2015": Cut(at("2014-01-01"), at("2015-01-01"), at("2015-12-31") + 1)}
results = {name: said if c is cut else forecasts(c) for name, c in cuts.items()}
ahead = {}
print("squared error less that of ridge, calendar, °C², and its standard error")
for name, all_said in results.items():
    truth = cuts[name].truth
    print(f"{name:<33} {'1 day':>10} {'7 days':>16}")
    for model, f in all_said.items():
        if model != "ridge, calendar":
            d = (f - truth) ** 2 - (all_said["ridge, calendar"] - truth) ** 2
            rows = ahead[name, model] = [excess(d[:, :h].mean(axis=1), 14) for h in (1, H)]
            print(f"    {model:<23}" + "".join(f"{d:>10.2f} ± {e:.2f}" for d, e in rows))

# %%
figure = Figure(figsize=(10, 5.2), layout="constrained")
COLOURS = {"climatology, AR(1)": "#56b4e9", "ridge AR": GREEN, "LSTM, seed": ORANGE}
panels = figure.subplots(1, 2, sharey=True)
for k, (axes, title) in enumerate(zip(panels, ("1 day ahead", "over 7 days"))):
    for model, colour in COLOURS.items():
        places, d, e = np.array([(row + place / 7, *ahead[name, full][k]) for row, name in enumerate(cuts)
                                 for place, full in enumerate(said) if full.startswith(model)]).T
        axes.errorbar(d, places, xerr=2 * e, fmt=".", markersize=9, color=colour,
                      label=model.replace("seed", "3 seeds"))
    axes.axvline(0, color=BLUE, label="ridge, calendar")
    axes.set(xlabel="squared error less that of ridge, calendar, °C²", title=f"{title} (± 2 standard errors)")
    axes.grid(axis="x", alpha=0.4)
axes.set_yticks(np.arange(4) + 3 / 7, [name.replace(" to ", "\nto ") for name in cuts])
axes.invert_yaxis()
panels[0].legend(frameon=False, fontsize=9, loc="upper right")
save(figure, "20_how_sure_is_it.png")

# %% [markdown]
# ![Differences to the line with two standard errors, on four test parts](figures/20_how_sure_is_it.png)
#
# A bar that crosses the blue line may be luck.
#
# One day ahead each network is behind the line on each cut. Nine of the twelve are behind by more than two standard
# errors.
#
# Over seven days it depends on the cut. On the last two the line is ahead of each seed by more than two standard
# errors. On the first two, networks and line are level. On the first cut one seed is below zero, and so is the mean of
# the three.
#
# Nor is this line always the best. Over seven days of the first cut climatology with AR(1) is ahead of it by two
# standard errors: five numbers beside 301 weights. On the last two cuts *ridge AR*, which has no calendar, is level
# with the line.
#
# So much can be said: with 1.6 to 2.8 years to train on, no network is the best on any of these test parts.

# %% tags=["proof"]
if not QUICK:
    for name, all_said in results.items():
        truth = cuts[name].truth
        for h in 1, H:
            assert "LSTM" not in min(all_said, key=lambda model: metrics.rmse(all_said[model][:, :h], truth[:, :h]))
    beside = {name: np.array([ahead[name, f"LSTM, seed {seed}"] for seed in SEEDS]) for name in cuts}  # (3, 2, 2)
    assert min(rows[0][0] for rows in ahead.values()) > 0
    one_day = np.concatenate([rows[:, 0, 0] / rows[:, 0, 1] for rows in beside.values()])
    assert 8 <= (one_day > 2).sum() <= 10
    in_errors = {name: rows[:, 1, 0] / rows[:, 1, 1] for name, rows in beside.items()}
    assert min(in_errors["all of 2015"]) > 1.9 and min(in_errors["October 2014 to May 2015"]) > 1.9
    assert all(max(abs(in_errors[name])) < 1.5 for name in list(cuts)[:2])
    assert (in_errors["May to December 2015"] < 0).sum() == 1 and ahead["May to December 2015", "LSTM, mean"][1][0] < 0
    assert min(in_errors["March to October 2014"]) > -0.2
    five, error = ahead["May to December 2015", "climatology, AR(1)"][1]
    assert five < -1.9 * error
    assert all((abs(ahead[name, "ridge AR"][k][0]) < 1.5 * ahead[name, "ridge AR"][k][1]) for k in (0, 1)
               for name in ("all of 2015", "October 2014 to May 2015"))
for c in cuts.values():  # no choice is the largest, and still smaller penalties change nothing
    rmse = []
    for penalties in PENALTIES, np.append([1e-6, 1e-5], PENALTIES):
        f, length, chosen = line(c, penalties)
        assert length < LENGTHS[-1] and max(chosen) < PENALTIES[-1]
        rmse.append(metrics.rmse(f, c.truth))
    assert abs(rmse[0] - rmse[1]) < 0.01

# %% [markdown]
# **To take away:** over seven days of the first cut seed 0 differs from the line by -0.64 ± 1.12, on 213 days. If the
# difference stayed as it is: about how many years of test days would make it two standard errors?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The standard error would have to be 0.32, which is 3.5 times smaller. It falls as 1/√N, so N must be 3.5² = 12 times
# as large: about 2,600 days, or 7 years. And nothing says that the difference would stay as it is.

# %% tags=["proof"]
if not QUICK:
    mean, error = excess(lstm_error - line_error, 14)
    times = (error / (abs(mean) / 2)) ** 2
    print(f"{times:.1f} times as many days: {times * len(cut.truth) / 365.25:.1f} years")
    assert 11 < times < 13.5 and 6.3 < times * len(cut.truth) / 365.25 < 7.7
