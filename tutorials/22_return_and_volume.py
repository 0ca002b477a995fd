# %% [markdown]
# # 22. Return and volume: where is there something to forecast?
#
# *Beside the article: §6, stock prices; the model of §5.*
#
# Tutorial 21 forecast a price. No model was better than the last price, though R² was 0.998. So look at the change
# itself. And look at another series of the same exchange: how many shares are traded. In which of the two is there
# something to forecast? Does an LSTM find more of it than a line?
#
# ## The data
#
# The New York Stock Exchange, 6,051 trading days. The file has three variables for each day:
#
# - the *return*, r_t = ln(p_t / p_{t-1}), where p is the Dow Jones index;
# - the log *volume*: the logarithm of how many shares were traded, less the mean of the days before;
# - the logarithm of the *volatility*, which is how much prices moved of late.
#
# The split is that of a textbook (James et al., An Introduction to Statistical Learning, chapter 10). A model trains
# up to 1979-12-31. The test is the 1,770 days after. The score is R², as in tutorial 21:
#
#     R² = 1 - Σ (y_t - ŷ_t)² / Σ (y_t - mean y)²
#
# A forecast that is always the mean of the test days has R² = 0. On paper, let ŷ_t = a y_{t-1}, and let the series
# have mean 0 and the same variance on all days. With ρ, the correlation of y_t with y_{t-1},
#
#     R² = 1 - (1 - 2 a ρ + a²) = 2 a ρ - a²
#
# It is the largest at a = ρ, where R² = ρ². With a = 1 ("like yesterday") it is 2 ρ - 1: below zero unless ρ > 1/2.
#
# PREDICT: of which of the three variables is the correlation of one day with the next the smallest?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, training
from minirnn.plots import BLUE, GREEN, GREY, ORANGE

days = datasets.nyse()
date, n = days["date"], len(days["date"])
variables = np.column_stack([days["log_volume"], days["dj_return"], days["log_volatility"]])
VOLUME, RETURN, H, SEEDS = 0, 1, 5, range(1 if QUICK else 3)
cut = int((date <= np.datetime64("1979-12-31")).sum())  # the first day of the test
choose = round(0.85 * cut)  # from here to the cut are the days to choose with


def correlation(series):
    return np.corrcoef(series[1:], series[:-1])[0, 1]


memory = np.array([[correlation(part) for part in (series[:cut], series[cut:])] for series in variables.T])
print("correlation with the day before, in training and test")
for name, (before, after) in zip(("log volume", "return", "log volatility"), memory):
    print(f"{name:<15}{before:>6.2f}{after:>7.2f}")

# %% tags=["proof"]
a, ρ = np.linspace(-1, 1, 201), 0.6
assert a[np.argmax(2 * a * ρ - a**2)].round(6) == ρ and memory[:, 0].argmin() == memory[:, 1].argmin() == RETURN
assert np.allclose(memory[RETURN], [0.19, 0.05], atol=0.005)

# %% [markdown]
# The return: 0.19 in the training part, 0.05 in the test part.
#
# ## The models
#
# All read the same: five days of the three variables, and the *weekday* of the day to come. All forecast one variable
# for the next five days. The days before the cut fit them.
#
# - Two lines, by least squares, one for each day ahead: without and with the weekday.
# - The article's LSTM, from three seeds. It reads at each step the weekday of the day after. It forecasts five days at
#   once. The last 15 % of the training days choose its epoch. Then it trains so long on all of them.
# - The mean of the three networks, and the mean of that and the line (*both*).
#
# Beside them stand cheaper forecasts: always 0, like yesterday, like the same day a week ago. And an *AR*, which reads
# past values of the one variable. How many it reads, the last 15 % of the training days choose (tutorial 21).

# %%
weekday = np.eye(5)[(date.astype(int) + 3) % 7]  # no trade on Saturdays and Sundays
k = np.arange(5, n)  # the first of the five days ahead; test where k >= cut
z = (variables - variables[:cut].mean(axis=0)) / variables[:cut].std(axis=0)
x = z[k[:, None] + np.arange(-5, 0)]


def targets(variable):
    """(N, H); five days from the last one on are not known."""
    return np.append(z[:, variable], np.full(H - 1, np.nan))[k[:, None] + np.arange(H)]


def least_squares(y, end=cut, calendar=True):
    """Forecasts (days from `end` on, H): a line for each day ahead, on the targets before `end`."""
    forecasts = []
    for h in range(H):
        columns = weekday[np.minimum(k + h, n - 1)] if calendar else np.ones((len(k), 1))
        X, before = np.column_stack([x.reshape(len(x), -1), columns]), k + h < end
        forecasts.append(X[k >= end] @ np.linalg.lstsq(X[before], y[before, h], rcond=None)[0])
    return np.column_stack(forecasts)


def lstm(y, seed):
    """The same of an LSTM. And its forecasts of the days that chose its epoch, before it was trained on them."""
    inputs = np.concatenate([x, weekday[k[:, None] + np.arange(-4, 1)]], axis=2).astype(np.float32)
    model = compose.chain(fast.lstm, compose.last_step, linear)
    train, after, both = ((inputs[part], y[part].astype(np.float32)) for part in (
        k <= choose - H, (k >= choose) & (k <= cut - H), k <= cut - H))  # no target lies in two parts

    def trained(data, epochs, **choice):
        rng = np.random.default_rng(seed)
        params = model.init(rng, inputs.shape[2], 12, H)
        return params, training.fit(model, params, optim.Adam(3e-3), data, rng=rng, epochs=epochs, batch_size=64,
                                    **choice)["best"]

    params, epochs = trained(train, 1 if QUICK else 30, validation=after, patience=8)
    before = model.forward(params, after[0])[0].astype(float)
    params, _ = trained(both, epochs)  # afresh
    return model.forward(params, inputs[k >= cut])[0].astype(float), before


def chosen_ar(variable):
    """Forecasts of one day of an AR, repeated: its own forecasts are its input for the days after."""
    series = np.append(z[:, variable], np.zeros(H - 1))  # the last days are compared with nothing
    return baselines.chosen_ar(series[:cut], choose).forecasts(series, cut, H)


def r2(forecast, truth):
    return 1 - metrics.mse(forecast[:, 0], truth[:, 0]) / np.var(truth[:, 0])


def study(variable):
    """The forecasts of the test days by all models, and R² of line, networks and both on the days to choose with."""
    y = targets(variable)
    networks, before = zip(*(lstm(y, seed) for seed in SEEDS))
    straight, mean = least_squares(y), np.mean(networks, axis=0)
    said = {"always 0": np.zeros_like(straight) - variables[:cut, variable].mean() / variables[:cut, variable].std(),
            "yesterday's": np.repeat(x[k >= cut, -1:, variable], H, axis=1), "a week ago": x[k >= cut, :, variable],
            "AR": chosen_ar(variable), "line, no weekday": least_squares(y, calendar=False), "line": straight}
    said |= {f"LSTM, seed {seed}": f for seed, f in enumerate(networks)}
    after, of_networks = y[(k >= choose) & (k <= cut - H)], np.mean(before, axis=0)
    of_line = least_squares(y, end=choose)[:len(after)]
    chosen = [r2(f, after) for f in (of_line, of_networks, (of_line + of_networks) / 2)]
    return said | {"LSTM, mean": mean, "both": (mean + straight) / 2}, y[k >= cut], chosen


def scores(forecast, truth):
    """R², RMSE and MAE of one day, RMSE and MAE over five."""
    known = np.isfinite(truth)
    return [r2(forecast, truth), *(measure(a, b) for a, b in ((forecast[:, 0], truth[:, 0]), (forecast[known],
            truth[known])) for measure in (metrics.rmse, metrics.mae))]


def excess(f, g, truth):
    """By how much the squared error of f is above that of g one day ahead, and its standard error: 20 days count as
    one observation (tutorial 20)."""
    d = ((f - truth) ** 2 - (g - truth) ** 2)[:, 0]
    blocks = d[len(d) % 20:].reshape(-1, 20).mean(axis=1)
    return blocks.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


def show(said, truth, rival):
    """The scores. And the squared error of one day less that of the rival, with its standard error."""
    print(f"{'':<17} {'1 day: R²':>10} {'RMSE':>6} {'MAE':>6} {'5 days: RMSE':>13} {'MAE':>6} {'less ' + rival:>15}")
    for name, f in said.items():
        difference = "{:>9.4f} ± {:.4f}".format(*excess(f, said[rival], truth))
        print("{:<17} {:>10.3f} {:>6.3f} {:>6.3f} {:>13.3f} {:>6.3f}".format(name, *scores(f, truth)), difference)

# %% [markdown]
# ## The return
#
# The last column of the table is the squared error of one day less that of *always 0*, with its standard error.
#
# PREDICT: whose R² is above 0.01?

# %%
returns, truth_r, chosen_r = study(RETURN)
show(returns, truth_r, rival="always 0")
print("correlation of r_t with r_{t-1} in 600 days from")
for start in range(0, n - 600, 600):
    print(f"    {date[start]}: {correlation(variables[start:start + 600, RETURN]):>5.2f}")

# %% tags=["proof"]
ahead_r = {name: excess(f, returns["always 0"], truth_r) for name, f in returns.items()}
assert max(r2(f, truth_r) for f in returns.values()) < 0.01
assert ahead_r["line"][0] > 2 * ahead_r["line"][1] and round(r2(returns["yesterday's"], truth_r), 1) == -0.9
assert abs(ahead_r["AR"][0]) < 2 * ahead_r["AR"][1]
if not QUICK:
    assert all(abs(d) < 1.5 * e for name, (d, e) in ahead_r.items() if "LSTM" in name)

# %% [markdown]
# Nobody's. The networks are level with *always 0*. The line, which is fitted without a
# penalty, is behind it by more than two standard errors.
#
# In the training part there was something to learn: the correlation of 0.19. That happens where some shares of an index
# are traded late (Lo and MacKinlay 1988). But it did not last. It was there from 1965 on, and small again before the
# training part ended. What the line learned there did not help on the test days.
#
# ## The volume
#
# The last column is now the difference to the line.
#
# PREDICT: with the same inputs, will an LSTM be ahead of the line?

# %%
volume, truth_v, chosen_v = study(VOLUME)
show(volume, truth_v, rival="line")
print("R² of one day on validation, the days that chose the epochs: line {:.3f}, LSTM, mean {:.3f}, both {:.3f}".format(
    *chosen_v))
print(f"the LSTM has {4 * 12 * (8 + 12 + 1) + 5 * 13:,} weights")

# %% tags=["proof"]
assert len(truth_v) == 1770
for name, of_the_book in {"yesterday's": 0.180, "line, no weekday": 0.413, "line": 0.460}.items():
    assert round(r2(volume[name], truth_v), 3) == of_the_book
if not QUICK:
    ahead_v = {name: excess(f, volume["line"], truth_v) for name, f in volume.items()}
    assert all(-2 * ahead_v[name][1] < ahead_v[name][0] and 0.44 < r2(f, truth_v) < 0.465
               for name, f in volume.items() if "LSTM" in name)
    assert ahead_v["both"][0] < -2 * ahead_v["both"][1] and abs(r2(volume["both"], truth_v) - 0.469) < 0.003
    assert np.argmax(chosen_v) == 2

# %%
figure = Figure(figsize=(7.5, 3.4), layout="constrained")
dots = figure.subplots()
COLOURS = {"LSTM": ORANGE, "both": GREEN}
for title, said, truth in ("return", returns, truth_r), ("volume", volume, truth_v):
    for name, f in said.items():
        if r2(f, truth) > -0.1:
            dots.plot(r2(f, truth), f"{title}: {name.split(', seed')[0]}", "o", markersize=8, alpha=0.6,
                      color=COLOURS.get(name.split(",")[0], BLUE))
dots.invert_yaxis()
dots.axvline(0, color=GREY, linewidth=1)
dots.grid(axis="x", alpha=0.4)
dots.set(xlabel="test R², one day ahead; a dot a seed", title="Return: nothing. Volume: a line finds nearly all")
save(figure, "22_return_and_volume.png")

# %% [markdown]
# ![Test R² of return and volume: lines, LSTMs, and both](figures/22_return_and_volume.png)
#
# Not alone. Yesterday's volume and the two lines have the R² of the book: 0.18, 0.41 and 0.46. (Its RNN, without the
# weekday, has about 0.42.) So nearly half of the variance of tomorrow's volume is known today. No network is ahead of
# the line by two standard errors, nor is the mean of three. The LSTM has 1,073 weights for five days, the line 20 for
# each.
#
# With these three seeds the mean of networks and line is ahead of the line by more than two standard errors: 0.469
# beside 0.460. With three other seeds it had 0.466, ahead by 1.5 of them (recorded).
# Validation chooses this mean too, though it also chose the epochs of the networks. (The test days had been seen when
# this mean was added.) A mean of two different lines gains a little too, so this does not show that the
# networks know more. Nearly all that these models find is linear.
#
# **To take away:** forecast the volume by a · y_{t-1} alone, with y less its mean. In the test part ρ is 0.59. Which a
# would be the best there, and with which R²? Which R² has a = 0.71, the correlation in the training part?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The best is a = 0.59, with R² = 0.59² = 0.35. With a = 0.71 it is 2 · 0.71 · 0.59 - 0.71² = 0.33. The line has 0.46:
# the rest comes from the other days, the other two variables and the weekday.

# %% tags=["proof"]
before, after = memory[VOLUME]
y, yesterday = truth_v[:, :1], x[k >= cut, -1:, VOLUME]
of_test, of_training = (r2(a * yesterday, y) for a in (after, before))
print(f"R² {of_test:.3f} with a = {after:.2f}, {of_training:.3f} with a = {before:.2f}")
assert np.allclose((after, of_test, before, of_training), (0.59, 0.35, 0.71, 0.33), atol=0.005)
