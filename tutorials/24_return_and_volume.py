# %% [markdown]
# # 24. Return and volume: where is there something to forecast?
#
# *Beside the article: §6, stock prices; the model of §5.*
#
# Tutorial 23 forecast a price. No model was better than yesterday's price. So look at the change itself, the return.
# And look at another series of the same exchange: how many shares are traded. In which of the two is there something to
# forecast? Ask a line and an LSTM about both.
#
# ## How much can yesterday tell?
#
# The score is R², as in tutorial 23:
#
#     R² = 1 - Σ (y_t - ŷ_t)² / Σ (y_t - mean y)²
#
# A forecast that is always the mean of the test days has R² = 0. Now let ŷ_t = a y_{t-1}. Let the series have mean 0
# and the same variance on all days. With ρ, the correlation of y_t with y_{t-1}, on paper:
#
#     R² = 1 - (1 - 2 a ρ + a²) = 2 a ρ - a²
#
# PREDICT: which a is the best? How large is R² then, if ρ = 0.6, and if ρ = 0.05?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, training
from minirnn.plots import BLUE, GREY, ORANGE

a = np.linspace(0, 1, 101)
for ρ in (0.6, 0.05):
    score = 2 * a * ρ - a**2
    print(f"ρ = {ρ}: the best a is {a[score.argmax()]:.2f}, with R² = {score.max():.4f}; a = 1 has {score[-1]:.2f}")

# %% tags=["proof"]
assert np.allclose((a[score.argmax()], score.max(), score[-1]), (ρ, ρ**2, 2 * ρ - 1))

# %% [markdown]
# The slope 2 ρ - 2 a is zero at a = ρ. There R² = ρ². With a = 1 ("like yesterday") it is 2 ρ - 1: below zero unless
# ρ > 1/2.
#
# ## The data
#
# The New York Stock Exchange, 6,051 trading days. The file has three variables for each day:
#
# - the *return*, r_t = ln(p_t / p_{t-1}), where p is the Dow Jones index;
# - the log *volume*: the logarithm of how many shares were traded, less the mean of the days before;
# - the logarithm of the *volatility*, which is how much prices moved of late.
#
# The split is that of a textbook (James et al., An Introduction to Statistical Learning, chapter 10), and of tutorial
# 23. The days up to 1979-12-31 are for training. The last 15 % of them are for validation. The test is the 1,770 days
# after.

# %%
days = datasets.nyse()
date, n = days["date"], len(days["date"])
cut = int((date <= np.datetime64("1979-12-31")).sum())  # the first day of the test
choose = round(0.85 * cut)  # from here to the cut: validation
parts = {"first 85 % of training": (0, choose), "validation": (choose, cut), "test": (cut, n)}
print(f"{'correlation with the day before:':<34} return  log volume")
for part, (start, end) in parts.items():
    both = days["dj_return"][start:end], days["log_volume"][start:end]
    ρ = [np.corrcoef(series[1:], series[:-1])[0, 1] for series in both]
    print(f"{part:<34} {ρ[0]:>6.2f} {ρ[1]:>11.2f}")

# %% tags=["proof"]
assert (n, n - cut) == (6051, 1770) and np.allclose(ρ, [0.05, 0.59], atol=0.005)

# %% [markdown]
# ## A line and an LSTM that read the same
#
# Both read five days of the three variables, and the *calendar*: the weekday, and whether a holiday lies between a day
# and the trading day before. The calendar of a day is known before it. So each step has that of the next day, and the
# last step has that of the day to be forecast. Both say one variable of that day.
#
# - The *line* is a ridge regression (tutorial 21). Validation chooses its penalty.
# - The *LSTM* is the article's model, from five seeds. Validation chooses its epoch. The mean of its five forecasts is
#   a row too.
#
# Then both are fitted again, to all training days. Two cheaper forecasts stand beside them: always 0, and like
# yesterday.

# %%
weekday = np.eye(5)[(date.astype(int) + 3) % 7]  # no trade on Saturdays and Sundays
after_holiday = np.r_[False, np.busday_count(date[:-1], date[1:]) > 1]
calendar = np.column_stack([weekday, after_holiday])
variables = np.column_stack([days["dj_return"], days["log_volume"], days["log_volatility"]])
RETURN, VOLUME = 0, 1
mean, deviation = variables[:cut].mean(axis=0), variables[:cut].std(axis=0)
z = (variables - mean) / deviation
k = np.arange(5, n)  # the days that are forecast
steps = k[:, None] + np.arange(-5, 0)
x = np.concatenate([z[steps], calendar[steps + 1]], axis=2)  # (days, 5, 3 + 6)
before, choosing, train, test = k < choose, (k >= choose) & (k < cut), k < cut, k >= cut


def line(x, y):
    """The forecasts of the test days."""
    error = {}
    for penalty in (0, 1e-3, 1e-2, 1e-1, 1, 10):
        fitted = baselines.Ridge(penalty).fit(x[before], y[before])
        error[penalty] = metrics.mse(fitted.forecasts(x[choosing]), y[choosing])
    penalty = min(error, key=error.get)
    print(f"penalty of the line: {penalty}")
    return baselines.Ridge(penalty).fit(x[train], y[train]).forecasts(x[test])[:, 0]


def lstm(x, y, seed):
    """The forecasts of the test days."""
    x, y = x.astype(np.float32), y.astype(np.float32)
    model = compose.chain(fast.lstm, compose.last_step, linear)

    def fitted(part, epochs, validation=None, patience=None):
        rng = np.random.default_rng(seed)
        params = model.init(rng, x.shape[2], 12, 1)
        log = training.fit(model, params, optim.Adam(3e-3), (x[part], y[part]), validation, rng=rng, epochs=epochs,
                           batch_size=64, patience=patience)
        return params, log["best"]

    _, best = fitted(before, 1 if QUICK else 30, (x[choosing], y[choosing]), patience=8)
    params, _ = fitted(train, best)
    return model.forward(params, x[test])[0][:, 0].astype(float)


def r2(forecast, truth):
    return 1 - metrics.mse(forecast, truth) / np.var(truth)


def less(forecast, rival, truth):
    """The squared error less that of a rival: mean and standard error, from blocks of 20 days (tutorial 22)."""
    d = (forecast - truth) ** 2 - (rival - truth) ** 2
    blocks = d[:len(d) // 20 * 20].reshape(-1, 20).mean(axis=1)
    return d.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


def study(variable, rival):
    """Print the scores on the test days, and return the forecasts and the truth."""
    y = z[k, variable][:, None]
    truth, networks = y[test, 0], [lstm(x, y, seed) for seed in range(1 if QUICK else 5)]
    said = {"always 0": np.full(len(truth), -mean[variable] / deviation[variable]),
            "like yesterday": x[test, -1, variable], "line": line(x, y),
            **{f"LSTM, seed {seed}": f for seed, f in enumerate(networks)}, "LSTM, mean": np.mean(networks, axis=0)}
    print(f"{'':<15} {'R²':>6}   squared error less that of {rival}")
    for name, f in said.items():
        difference, error = less(f, said[rival], truth)
        print(f"{name:<15} {r2(f, truth):>6.3f} {difference:>10.3f} ± {error:.3f}")
    return said, truth

# %% [markdown]
# ## The return
#
# The table shows R² on the test days. Beside it is the squared error less that of *always 0*, with its standard error.
#
# PREDICT: whose R² is above 0.01?

# %%
returns, truth_r = study(RETURN, "always 0")

# %% tags=["proof"]
assert max(r2(f, truth_r) for f in returns.values()) < 0.01 and round(r2(returns["like yesterday"], truth_r), 1) == -0.9
for name, f in returns.items():
    difference, error = less(f, returns["always 0"], truth_r)
    assert abs(difference) < 2 * error or name == "like yesterday" or not difference

# %% [markdown]
# Nobody's. The line and the networks are level with *always 0*: no difference is as large as two standard errors. *Like
# yesterday* has -0.9, which is 2 · 0.05 - 1.
#
# The first days had something to learn, a correlation of 0.20. It did not last. Validation chose a large
# penalty, and with it the line says nearly the mean.
#
# ## The volume
#
# Now the second column compares with the line.
#
# PREDICT: will the R² of the line be above ρ² = 0.59² = 0.35? And will the LSTM be ahead of the line?

# %%
volume, truth_v = study(VOLUME, "line")

# %% tags=["proof"]
assert round(r2(volume["like yesterday"], truth_v), 3) == 0.180 and abs(r2(volume["line"], truth_v) - 0.485) < 0.001
if not QUICK:
    for name in [name for name in volume if "LSTM" in name]:
        difference, error = less(volume[name], volume["line"], truth_v)
        assert -error < difference < 3 * error and 0.455 < r2(volume[name], truth_v) < 0.495
    assert abs(difference) < error  # of their mean

# %%
figure = Figure(figsize=(10, 3), layout="constrained")
left, right = figure.subplots(1, 2, sharex=True, sharey=True)
for ax, title, said, truth in ((left, "Return: level with always 0", returns, truth_r),
                               (right, "Volume: nearly half, by line and LSTM alike", volume, truth_v)):
    for name, f in said.items():
        if name != "LSTM, mean":
            ax.plot(r2(f, truth), "LSTM, five seeds" if "LSTM" in name else name, "o", markersize=8, alpha=0.6,
                    color=ORANGE if "LSTM" in name else BLUE if name == "line" else GREY)
    ax.axvline(0, color=GREY, linewidth=1)
    ax.grid(axis="x", alpha=0.4)
    ax.set(xlabel="R² on the test days, one day ahead", title=title, xlim=(-1, 1), xticks=(-1, -0.5, 0, 0.5, 1))
ax.invert_yaxis()
save(figure, "24_return_and_volume.png")

# %% [markdown]
# ![R² of return and volume: cheap forecasts, a line and five LSTMs](figures/24_return_and_volume.png)
#
# Nearly half of the variance of the volume is known the day before. *Like yesterday* has 0.18, as in the book, and as
# 2 · 0.59 - 1 says. The line has 0.485. That is more than 0.35, because it also reads the days before, the other
# variables and the calendar.
#
# The LSTM is not ahead of the line. Some seeds are level with it, others are behind by about two standard errors. Their
# mean is level. So a network was not needed here. (The holidays became an input after the test days had been seen.)
#
# And where the money is, in the return, the same models with the same inputs are level with always 0.
#
# **To take away:** this line reads less. Of the calendar it has only the day to come, not the days before:
#
#     less_known = np.column_stack([x[:, :, :3].reshape(len(x), -1), x[:, -1, 3:]])
#     weaker = line(less_known, z[k, VOLUME][:, None])
#
# What would you have said of the LSTM, had you compared it with this line?

# %% [markdown] tags=["answer"]
# ## Answer
#
# That it is perhaps better. This line has 0.468. The mean of the LSTMs, 0.484, is ahead of it by about one and a half
# standard errors. But the LSTM reads the holidays of all five days. A line that reads them too has 0.485. So give a
# line the same inputs before you praise a network.

# %% tags=["proof"]
less_known = np.column_stack([x[:, :, :3].reshape(len(x), -1), x[:, -1, 3:]])
weaker = line(less_known, z[k, VOLUME][:, None])
difference, error = less(volume["LSTM, mean"], weaker, truth_v)
print(f"R² {r2(weaker, truth_v):.3f}; LSTM, mean, less this line: {difference:.3f} ± {error:.3f}")
assert round(r2(weaker, truth_v), 3) == 0.468
if not QUICK:
    assert -2.6 < difference / error < -0.8
