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
# All read the same: five days of the three variables, and the *calendar* of the day to come. That is its weekday, and
# whether a holiday lies between it and the trading day before. They forecast one variable of that day. The last 15 % of
# the training days choose. Then all is fitted again, to all training days.
#
# - The *line* is a ridge regression (tutorial 21). These days choose its penalty. Beside it stand the line without a
#   penalty, the line without the holidays, and the line without the calendar.
# - The article's *LSTM*, from five seeds. These days choose its epoch. At each step it reads the calendar of the day
#   after.
# - The mean of the five networks, and the mean of that and the line (*both*).
#
# Two cheaper forecasts: always 0, and like yesterday.

# %%
weekday = np.eye(5)[(date.astype(int) + 3) % 7]  # no trade on Saturdays and Sundays
after_holiday = np.r_[False, np.busday_count(date[:-1], date[1:]) > 1]
calendar = np.column_stack([weekday, after_holiday])
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


def line(y, calendar):
    """The forecasts of the test days, the penalty that was chosen, and the forecasts without one."""
    X = np.column_stack([past.reshape(len(k), -1), calendar[k]])
    after = (k >= choose) & (k < cut)
    error = {p: metrics.mse(ridge(X, y, choose, p)[after], y[after]) for p in (0, 1e-3, 1e-2, 1e-1, 1, 10)}
    penalty = min(error, key=error.get)
    print(f"penalty {penalty}, squared error on the days to choose with {error[penalty]:.4f}")
    return ridge(X, y, cut, penalty)[k >= cut], ridge(X, y, cut, 0)[k >= cut]


def lstm(y, seed):
    """The forecasts of the test days."""
    x = np.concatenate([past, calendar[k[:, None] + np.arange(-4, 1)]], axis=2).astype(np.float32)
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
    lines = {name: line(y, calendar[:, :columns])
             for name, columns in (("line, no calendar", 0), ("line, no holidays", 5), ("line", 6))}
    networks = {f"LSTM, seed {seed}": lstm(y.astype(np.float32), seed) for seed in SEEDS}
    mean = np.mean([*networks.values()], axis=0)
    zero = np.full(len(mean), -variables[:cut, variable].mean() / variables[:cut, variable].std())
    return {"always 0": zero, "yesterday's": past[k >= cut, -1, variable], "line, no penalty": lines["line"][1],
            **{name: chosen for name, (chosen, free) in lines.items()}, **networks, "LSTM, mean": mean,
            "both": (mean + lines["line"][0]) / 2}, y[k >= cut]


def r2(forecast, truth):
    return 1 - metrics.mse(forecast, truth) / np.var(truth)


def excess(f, g, truth, days=20):
    """By how much the squared error of f is above that of g, and its standard error: 20 days count as one observation
    (tutorial 22)."""
    d = (f - truth) ** 2 - (g - truth) ** 2
    blocks = d[len(d) % days:].reshape(-1, days).mean(axis=1)
    return blocks.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


def show(said, truth, rival):
    print(f"{'test':<18} {'R²':>6} {'RMSE':>6} {'squared error less ' + rival + ', ratio':>35}")
    for name, f in said.items():
        difference, error = excess(f, said[rival], truth)
        ratio = f"{difference / error:>10.1f}" if error else ""
        scores = f"{r2(f, truth):>6.3f} {metrics.rmse(f, truth):>6.3f}"
        print(f"{name:<18} {scores} {difference:>14.4f} ± {error:.4f}{ratio}")

# %% [markdown]
# ## The return
#
# The last columns of the table: the squared error less that of *always 0*, its standard error, and their ratio.
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
    assert all(abs(d) < e for name, (d, e) in ahead_r.items() if "LSTM" in name or name == "both")

# %% [markdown]
# Nobody's. The line and the networks are level with *always 0*: no difference is larger than its standard error. In the
# training part there was something to learn: the correlation of 0.19. That happens where some shares of an index are
# traded late (Lo and MacKinlay 1988). But it did not last. It was there from 1965 on, and small again before the
# training part ended.
#
# So the line without a penalty, which relies on this 0.19, is behind *always 0* by more than two standard errors. The
# days to choose with are the last ones of training. They chose a large penalty: with it the line says nearly the mean.
#
# ## The volume
#
# The last columns now compare with the line.
#
# PREDICT: with the same inputs, will an LSTM be ahead of the line? And the mean of both?

# %%
volume, truth_v = study(VOLUME)
show(volume, truth_v, rival="line")
by_block = {name: [np.divide(*excess(volume[name], volume["line"], truth_v, size)) for size in (5, 20, 40, 60, 100)]
            for name in ("LSTM, mean", "both")}
print("The ratio, if 5, 20, 40, 60 or 100 days count as one observation:")
for name, row in by_block.items():
    print(f"{name:<18}" + "".join(f"{ratio:>6.1f}" for ratio in row))

# %% tags=["proof"]
assert len(truth_v) == len(truth_r) == 1770
for name, of_the_book in {"yesterday's": 0.180, "line, no calendar": 0.413, "line, no holidays": 0.460,
                          "line": 0.468}.items():
    assert round(r2(volume[name], truth_v), 3) == of_the_book
assert np.array_equal(volume["line"], volume["line, no penalty"])
if not QUICK:
    ahead_v = {name: excess(f, volume["line"], truth_v) for name, f in volume.items()}
    single = sorted(d / e for name, (d, e) in ahead_v.items() if "LSTM, seed" in name)
    assert -2.5 < single[0] < -1.8 and all(-1 < ratio < -0.4 for ratio in single[1:])
    assert all(-2.2 < ratio < -1.4 for ratio in by_block["LSTM, mean"]) and max(by_block["both"]) < -3.3
    assert abs(r2(volume["both"], truth_v) - 0.489) < 0.003

# %%
figure = Figure(figsize=(10, 3), layout="constrained")
COLOURS = {"LSTM": ORANGE, "both": GREEN}
ROWS = "line, no calendar", "line, no holidays", "line", "LSTM, seed", "LSTM, mean", "both"
for ax, title, said, truth in zip(figure.subplots(1, 2, sharey=True), (
        "Return: level with always 0", "Volume: both together are ahead"), (returns, volume), (truth_r, truth_v)):
    for row in ROWS:
        for name, f in said.items():
            if name == row or name[:-2] == row:
                ax.plot(r2(f, truth), row.replace("LSTM, seed", "LSTM, five seeds"), "o", markersize=7, alpha=0.7,
                        color=COLOURS.get(name.split(",")[0], BLUE))
    ax.grid(axis="x", alpha=0.4)
    ax.set(xlabel="test R², one day ahead", title=title)
figure.axes[0].invert_yaxis()
figure.axes[0].axvline(0, color=GREY, linewidth=1)
figure.axes[0].set(xlim=(-0.06, 0.04))
figure.axes[1].set(xlim=(0.4, 0.5))
save(figure, "24_return_and_volume.png")

# %% [markdown]
# ![Test R² of return and volume: lines, LSTMs, and both](figures/24_return_and_volume.png)
#
# Nearly half of the variance of the volume is known the day before. Yesterday's volume, the line without the calendar
# and the line without the holidays have the R² of the book: 0.18, 0.41 and 0.46. (Its RNN, without the weekday, has
# about 0.42.) With the holidays the line has 0.468. The penalty chosen is 0.
#
# All five networks are above that, but four of them by less than a standard error. Their mean is ahead by 1.6 to 2.0 of
# them, depending on the block: perhaps luck. But the mean of networks and line has 0.489. It is ahead of the line by
# 3.6 to 4.7 standard errors. So networks and line make different errors, and together they know a little more.
#
# (The holidays and this mean were added after the test days had been seen. On the days to choose with, too, the
# holidays help the line: its squared error falls from 0.454 to 0.449.)
#
# **To take away:** forecast the volume by a · y_{t-1} alone, with y less its mean. In the test part ρ is 0.59. Which a
# would be the best there, and with which R²? Which R² has a = 0.71, the correlation in the training part?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The best is a = 0.59, with R² = 0.59² = 0.35. With a = 0.71 it is 2 · 0.71 · 0.59 - 0.71² = 0.33. The line has 0.47:
# the rest comes from the other days, the other two variables and the calendar.

# %% tags=["proof"]
before, after = memory[VOLUME]
y, yesterday = truth_v, past[k >= cut, -1, VOLUME]
of_test, of_training = (r2(a * yesterday, y) for a in (after, before))
print(f"R² {of_test:.3f} with a = {after:.2f}, {of_training:.3f} with a = {before:.2f}")
assert np.allclose((after, of_test, before, of_training), (0.59, 0.35, 0.71, 0.33), atol=0.005)
