# %% [markdown]
# # 24. Return and volume: where is there something to forecast?
#
# *Beside the article: §6, stock prices; the model of §5.*
#
# Tutorial 23 forecast a price. No model was better than the last price, though R² was 0.998. So look at the change
# itself. And look at another series of the same exchange: how many shares are traded. In which of the two is there
# something to forecast? Ask the same models, a line and an LSTM, about both.
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
# up to 1979-12-31. The test is the 1,770 days after. The score is R², as in tutorial 23:
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

from minirnn import compose, datasets, fast, linear, metrics, optim, training
from minirnn.plots import BLUE, GREEN, GREY, ORANGE

days = datasets.nyse()
date, n = days["date"], len(days["date"])
variables = np.column_stack([days["log_volume"], days["dj_return"], days["log_volatility"]])
VOLUME, RETURN, SEEDS = 0, 1, range(1 if QUICK else 5)
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
# All read the same: five days of the three variables, and the *weekday* of the day to come. They forecast one variable
# of that day. The last 15 % of the training days choose. Then all is fitted again, to all training days.
#
# - The *line* is a ridge regression (tutorial 21). These days choose its penalty. Beside it stand the line without a
#   penalty, and the line without the weekday.
# - The article's *LSTM*, from five seeds. These days choose its epoch. At each step it reads the weekday of the day
#   after.
# - The mean of the five networks, and the mean of that and the line (*both*).
#
# Two cheaper forecasts: always 0, and like yesterday.

# %%
weekday = np.eye(5)[(date.astype(int) + 3) % 7]  # no trade on Saturdays and Sundays
z = (variables - variables[:cut].mean(axis=0)) / variables[:cut].std(axis=0)
k = np.arange(5, n)  # the days that are forecast
past = z[k[:, None] + np.arange(-5, 0)]


def ridge(X, y, end, penalty):
    """Forecasts of all days k by a line that is fitted to those before `end`."""
    before = k < end
    centred = X - X[before].mean(axis=0)
    A = centred[before].T @ centred[before] + penalty * before.sum() * np.eye(X.shape[1])
    return y[before].mean() + centred @ np.linalg.lstsq(A, centred[before].T @ (y - y[before].mean())[before],
                                                        rcond=None)[0]


def line(y, calendar=True):
    """The forecasts of the test days, and the penalty that was chosen."""
    X = np.column_stack([past.reshape(len(k), -1), weekday[k]] if calendar else [past.reshape(len(k), -1)])
    after = (k >= choose) & (k < cut)
    penalty = min((0, 1e-3, 1e-2, 1e-1, 1, 10), key=lambda p: metrics.mse(ridge(X, y, choose, p)[after], y[after]))
    return ridge(X, y, cut, penalty)[k >= cut], penalty, ridge(X, y, cut, 0)[k >= cut]


def lstm(y, seed):
    """The forecasts of the test days."""
    x = np.concatenate([past, weekday[k[:, None] + np.arange(-4, 1)]], axis=2).astype(np.float32)
    model, epochs = compose.chain(fast.lstm, compose.last_step, linear), 1 if QUICK else 30
    for part, after in (k < choose, (k >= choose) & (k < cut)), (k < cut, None):
        rng = np.random.default_rng(seed)
        params = model.init(rng, x.shape[2], 12, 1)
        chosen = dict(validation=(x[after], y[after, None]), patience=8) if after is not None else {}
        epochs = training.fit(model, params, optim.Adam(3e-3), (x[part], y[part, None]), rng=rng, epochs=epochs,
                              batch_size=64, **chosen)["best"]
    return model.forward(params, x[k >= cut])[0][:, 0].astype(float)


def study(variable):
    """The forecasts of the test days by all models, and their truth."""
    y = z[k, variable]
    straight, penalty, free = line(y)
    print(f"the penalty chosen: {penalty}")
    networks = {f"LSTM, seed {seed}": lstm(y.astype(np.float32), seed) for seed in SEEDS}
    mean = np.mean([*networks.values()], axis=0)
    zero = np.full(len(straight), -variables[:cut, variable].mean() / variables[:cut, variable].std())
    return {"always 0": zero, "yesterday's": past[k >= cut, -1, variable], "line, no penalty": free,
            "line, no weekday": line(y, calendar=False)[0], "line": straight, **networks, "LSTM, mean": mean,
            "both": (mean + straight) / 2}, y[k >= cut]


def r2(forecast, truth):
    return 1 - metrics.mse(forecast, truth) / np.var(truth)


def excess(f, g, truth):
    """By how much the squared error of f is above that of g, and its standard error: 20 days count as one observation
    (tutorial 22)."""
    d = (f - truth) ** 2 - (g - truth) ** 2
    blocks = d[len(d) % 20:].reshape(-1, 20).mean(axis=1)
    return blocks.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


def show(said, truth, rival):
    print(f"{'test':<17} {'R²':>7} {'RMSE':>6} {'MAE':>6} {'squared error less ' + rival:>28}")
    for name, f in said.items():
        print(f"{name:<17} {r2(f, truth):>7.3f} {metrics.rmse(f, truth):>6.3f} {metrics.mae(f, truth):>6.3f} "
              "{:>18.4f} ± {:.4f}".format(*excess(f, said[rival], truth)))

# %% [markdown]
# ## The return
#
# The last column of the table is the squared error less that of *always 0*, with its standard error.
#
# PREDICT: whose R² is above 0.01?

# %%
returns, truth_r = study(RETURN)
show(returns, truth_r, rival="always 0")
print("correlation of r_t with r_{t-1} in 600 days from")
for start in range(0, n - 600, 600):
    print(f"    {date[start]}: {correlation(variables[start:start + 600, RETURN]):>5.2f}")

# %% tags=["proof"]
ahead_r = {name: excess(f, returns["always 0"], truth_r) for name, f in returns.items()}
assert max(r2(f, truth_r) for f in returns.values()) < 0.01 and round(r2(returns["yesterday's"], truth_r), 1) == -0.9
assert abs(ahead_r["line"][0]) < ahead_r["line"][1]
assert ahead_r["line, no penalty"][0] > 2 * ahead_r["line, no penalty"][1]
if not QUICK:
    assert all(abs(d) < 2 * e for name, (d, e) in ahead_r.items() if "LSTM" in name or name == "both")

# %% [markdown]
# Nobody's. The line and the networks are level with *always 0*. In the training part there was something to learn: the
# correlation of 0.19. That happens where some shares of an index are traded late (Lo and MacKinlay 1988). But it did
# not last. It was there from 1965 on, and small again before the training part ended.
#
# So the line without a penalty, which trusts it, is behind *always 0* by more than two standard errors. The days to
# choose with are the last ones of training. They chose a large penalty: with it the line says nearly the mean.
#
# ## The volume
#
# The last column is now the difference to the line.
#
# PREDICT: with the same inputs, will an LSTM be ahead of the line? And the mean of both?

# %%
volume, truth_v = study(VOLUME)
show(volume, truth_v, rival="line")

# %% tags=["proof"]
assert len(truth_v) == len(truth_r) == 1770
for name, of_the_book in {"yesterday's": 0.180, "line, no weekday": 0.413, "line": 0.460}.items():
    assert round(r2(volume[name], truth_v), 3) == of_the_book
assert np.array_equal(volume["line"], volume["line, no penalty"])
if not QUICK:
    ahead_v = {name: excess(f, volume["line"], truth_v) for name, f in volume.items()}
    assert all(abs(d) < 2 * e for name, (d, e) in ahead_v.items() if "LSTM" in name)
    assert ahead_v["both"][0] < -3 * ahead_v["both"][1] and abs(r2(volume["both"], truth_v) - 0.476) < 0.003

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
dots.set(xlabel="test R², one day ahead; a dot a seed",
         title="Return: nothing was found. Volume: nearly half is known")
save(figure, "24_return_and_volume.png")

# %% [markdown]
# ![Test R² of return and volume: lines, LSTMs, and both](figures/24_return_and_volume.png)
#
# Nearly half of the variance of the volume is known the day before. Yesterday's volume and the two lines have the R² of
# the book: 0.18, 0.41 and 0.46. (Its RNN, without the weekday, has about 0.42.) The penalty chosen is 0, so the line
# and the line without a penalty are the same.
#
# No network alone is ahead of the line by two standard errors, nor is the mean of the five. But the mean of networks
# and line is: 0.476, ahead by nearly four standard errors. So networks and line make different errors, and together
# they know a little more. (The test days had been seen when this mean was added.)
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
y, yesterday = truth_v, past[k >= cut, -1, VOLUME]
of_test, of_training = (r2(a * yesterday, y) for a in (after, before))
print(f"R² {of_test:.3f} with a = {after:.2f}, {of_training:.3f} with a = {before:.2f}")
assert np.allclose((after, of_test, before, of_training), (0.59, 0.35, 0.71, 0.33), atol=0.005)
