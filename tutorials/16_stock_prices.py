# %% [markdown]
# # 16. Stock prices: the forecast that is yesterday's price
#
# *Beside the article: §6, stock prices; the model of §5.*
#
# The article names stock prices first. Many tutorials train an LSTM on a price, plot its forecast over the truth, and
# the two lines lie on each other. This one takes that picture apart, and then looks for what can be forecast in the
# same data.
#
# ## The picture with no forecast in it
#
# If a price moves by e_t from day to day, p_t = p_{t-1} + e_t, and nobody knows e_t before, the best forecast is
# p_{t-1}. Its error is e_t. Yet the score that is usually printed is
#
#     R² = 1 - Σ (p_t - p̂_t)² / Σ (p_t - mean p)²
#
# and its denominator grows with every trend. On paper: prices 1 2 3 4 5 6, forecasts 1 2 3 4 5 for the last five.
# Every one is wrong by 1. The mean of the last five is 4, so R² = 1 - 5/10 = 0.5.
#
# PREDICT: and for the prices 1 .. 101, each forecast again wrong by 1?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, plots, training
from minirnn.plots import BLUE, GREEN, GREY, ORANGE


def r2(forecast, truth):
    return 1 - metrics.mse(forecast, truth) / np.var(truth)


for last in (6, 101):
    prices = np.arange(1.0, last + 1)
    print(f"prices 1 .. {last}: R² = {r2(prices[:-1], prices[1:]):.4f}")
assert r2(np.arange(1.0, 6), np.arange(2.0, 7)) == 0.5 and r2(prices[:-1], prices[1:]) > 0.998

# %% [markdown]
# ## A real price, three models
#
# The New York Stock Exchange, 6,051 trading days. The file has the Dow Jones' daily log return r_t; the price is a
# *reconstruction*, 100 · exp(r_1 + ... + r_t), so its unit is per cent of the first day's. 70 / 15 / 15 in time's
# order. A ridge autoregression, order and penalty chosen on validation, and the article's LSTM on windows of 20 days,
# trained on the price as it is, with three seeds. Both are fitted to all days before the test. They forecast one day,
# and five by reading their own forecasts.
#
# PREDICT: in which order?

# %%
days = datasets.nyse()
date, returns, n = days["date"], days["dj_return"], len(days["date"])
price = 100 * np.exp(np.cumsum(returns))
train, validation, test = datasets.split(price)
one, two, H = len(train), len(train) + len(validation), 5
SEEDS = range(1 if QUICK else 3)


def article_lstm(series, start, end, seed, horizon=H):
    """Forecasts from each day of start .. end of an LSTM that is fitted to all before `start`, as the line beside it.
    The last 15 % of these choose the epoch; then it starts afresh and trains so long on all of them."""
    scale = datasets.Scale.fit(series[:start])
    x, y = datasets.windows(scale.apply(series[:start]).astype(np.float32), 20)
    model, choose = compose.chain(fast.lstm, compose.last_step, linear), round(0.85 * len(y))
    settings, epochs = dict(batch_size=64), 1 if QUICK else 20
    for part in (slice(0, choose), slice(0, None)):
        rng = np.random.default_rng(seed)
        params = model.init(rng, 1, 16, 1)
        after = (x[choose:], y[choose:]) if part.stop else None
        epochs = training.fit(model, params, optim.Adam(3e-3), (x[part], y[part]), after, rng=rng, epochs=epochs,
                              **settings)["best"]
    past = scale.apply(baselines.pasts(series[:end], 20, start, horizon)).astype(np.float32)
    said = baselines.recursive(lambda p: model.forward(params, p[..., None])[0], past, horizon)
    return scale.invert(said.astype(float))


line = baselines.chosen_ar(price[:two], one)


def show(table):
    """One and five days: RMSE and MAE, in the unit of the series, and R² of one day."""
    print(f"{'':<26} {'1 day: RMSE':>11} {'MAE':>7} {'R²':>7} {'5 days: RMSE':>14} {'MAE':>7}")
    for name, (rmse_1, mae_1, one_day, rmse_5, mae_5) in table.items():
        print(f"{name:<26} {rmse_1:>11.3f} {mae_1:>7.3f} {one_day:>7.3f} {rmse_5:>14.3f} {mae_5:>7.3f}")


def scores(forecast, truth):
    known = np.isfinite(truth)  # the last days have fewer than five after them
    return (metrics.rmse(forecast[:, 0], truth[:, 0]), metrics.mae(forecast[:, 0], truth[:, 0]),
            r2(forecast[:, 0], truth[:, 0]), metrics.rmse(forecast[known], truth[known]),
            metrics.mae(forecast[known], truth[known]))


truth = baselines.truth(price, two, H)
said = {"yesterday's price": baselines.persistence(price, two, H), f"ridge AR({line.p})": line.forecasts(price, two, H),
        **{f"LSTM, seed {seed}": article_lstm(price, two, n, seed) for seed in SEEDS}}
prices = {name: scores(f, truth) for name, f in said.items()}
show(prices)
y_1, line_1 = prices["yesterday's price"], prices[f"ridge AR({line.p})"]
assert y_1[0] < line_1[0] and y_1[3] < line_1[3] and round(y_1[2], 3) == round(line_1[2], 3) == 0.998
if not QUICK:
    assert all(row[2] < 0.7 and row[0] > 5 * y_1[0] for name, row in prices.items() if "LSTM" in name)

# %% [markdown]
# Yesterday's price wins, and the ridge regression is a little worse than knowing nothing. Both have R² = 0.998.
#
# The LSTM fails altogether, for a simple reason: every h is between -1 and 1, so the read-out W h + b cannot say more
# than b + Σ|W|, and most test prices lie above every price it was trained on. (A shuffled split would hide this: it
# trains on days of every height.) So look at the validation days instead, which it has not seen either, and whose
# prices lie mostly within what it knows. There it looks like a forecast.
#
# ## The test for the illusion
#
# Compare the forecast for day t with the truth of day t - k. A forecast is best at k = 0. An echo is best at k = 1.

# %%
past = baselines.pasts(price[:two], 1, one, 1)[:, 0]  # the days before, from the last of the training part on
now = baselines.truth(price[:two], one, 1)[:, 0]
echoes = {"LSTM": article_lstm(price, one, two, seed=0, horizon=1)[:, 0],
          "ridge AR": baselines.AR(line.p, line.ridge).fit(train).forecasts(price[:two], one, 1)[:, 0]}
shifts = np.arange(-3, 6)
by_shift = {name: [metrics.rmse(f[5:-3], now[5 - k:len(now) - 3 - k]) for k in shifts] for name, f in echoes.items()}
print("k         " + "".join(f"{k:>7}" for k in shifts))
for name, row in by_shift.items():
    print(f"{name:<10}" + "".join(f"{value:>7.2f}" for value in row))
for name, f in echoes.items():
    today, yesterday = (np.corrcoef(f, p)[0, 1] for p in (now, past))
    print(f"{name:<10} R² {r2(f, now):.3f}, correlation {today:.4f} with the truth, {yesterday:.4f} with yesterday")
print(f"trained on prices up to {train.max():.0f}; validation {validation.min():.0f} to {validation.max():.0f}, test "
      f"{test.min():.0f} to {test.max():.0f}; {np.mean(validation <= train.max()):.0%} of the validation days within")
best = {name: shifts[np.argmin(row)] for name, row in by_shift.items()}
assert best["ridge AR"] == 1 and test.min() > train.max()
if not QUICK:
    assert best["LSTM"] == 1 and r2(echoes["LSTM"], now) > 0.9

# %% [markdown]
# Both forecasts are nearer to yesterday's price than to the one they are meant for. The LSTM has R² above 0.9, has
# learned to copy, and copies worse than one line of NumPy does.

# %% [markdown]
# ## Returns
#
# What is left is to forecast the change itself, r_t. R² = 0 is the mean of the test days. The same three models.
#
# PREDICT: is the LSTM's R² above 0?

# %%
r_line = baselines.chosen_ar(returns[:two], one)
truth_r = baselines.truth(returns, two, H)
r_said = {"always 0": np.zeros_like(truth_r), "yesterday's return": baselines.persistence(returns, two, H),
          f"ridge AR({r_line.p})": r_line.forecasts(returns, two, H),
          **{f"LSTM, seed {seed}": article_lstm(returns, two, n, seed) for seed in SEEDS}}
r_table = {name: scores(100 * f, 100 * truth_r) for name, f in r_said.items()}
show(r_table)
memory = [np.corrcoef(part[1:], part[:-1])[0, 1] for part in datasets.split(returns)]
print("correlation of r_t with r_{t-1} in train, validation, test:", np.round(memory, 2))
assert all(row[2] < 0.01 for row in r_table.values()) and np.allclose(memory, [0.19, 0.04, 0.06], atol=0.01)

# %% [markdown]
# No R² is above 0.01, of the line or of an LSTM. The line did learn something: in the training part a return knows a
# little of the next, with a correlation of 0.19, as it would where some shares of an index are traded late (Lo and
# MacKinlay 1988). Later it is 0.04 and 0.06. What held for 17 years was gone in the years after.

# %% [markdown]
# ## Where there is something to learn: volume
#
# The same file has the logarithm of each day's volume, less its own past mean. This is the task of James et al. (An
# Introduction to Statistical Learning, chapter 10): five days of three variables, log volume, return and log
# volatility; train up to 1979-12-31, test on the 1,770 days after. A day ahead the book reports test R² of 0.18 for
# yesterday's value, 0.41 for an autoregression, 0.46 with the weekday, and 0.42 for its RNN. Here an LSTM reads the
# five days, without and with the weekday of the day to come, and says five days at once. The last 15 % of the training
# days choose its epoch.
#
# PREDICT: with the same inputs, will the LSTM beat the line?

# %%
variables = np.column_stack([days["log_volume"], returns, days["log_volatility"]])
weekday = np.eye(5)[(date.astype(int) + 3) % 7]  # no trade on Saturdays and Sundays
cut = int((date <= np.datetime64("1979-12-31")).sum())
volume = np.append(variables[:, 0], np.full(H - 1, np.nan))  # five days from the last one on are not known
k = np.arange(5, n)  # the first of the five days ahead; test where k >= cut
choose = round(0.85 * cut)  # from here on to the cut the LSTM chooses its epoch


def standardized(until):
    """Windows (N, 5, 3) and targets (N, H), with mean and deviation of the days before `until`."""
    mean, std = variables[:until].mean(axis=0), variables[:until].std(axis=0)
    x, y = (variables - mean) / std, (volume - mean[0]) / std[0]
    return x[k[:, None] + np.arange(-5, 0)], y[k[:, None] + np.arange(H)]


def least_squares(x, y, calendar):
    """Forecasts (test days, H): a line for each day ahead, on the targets before the cut."""
    forecasts = []
    for h in range(H):
        columns = weekday[np.minimum(k + h, n - 1)] if calendar else np.ones((len(k), 1))
        X, before = np.column_stack([x.reshape(len(x), -1), columns]), k + h < cut
        forecasts.append(X[k >= cut] @ np.linalg.lstsq(X[before], y[before, h], rcond=None)[0])
    return np.column_stack(forecasts)


def network_forecasts(x, y, calendar, seed):
    """The same of an LSTM; with the calendar it reads at each step the weekday of the day after."""
    if calendar:
        x = np.concatenate([x, weekday[k[:, None] + np.arange(-4, 1)]], axis=2)
    model, rng = compose.chain(fast.lstm, compose.last_step, linear), np.random.default_rng(seed)
    x = x.astype(np.float32)
    params = model.init(rng, x.shape[2], 12, H)
    train, after, all_of_them = ((x[part], y[part].astype(np.float32)) for part in (
        k <= choose - H, (k >= choose) & (k <= cut - H), k <= cut - H))  # no target lies in two parts
    epochs = training.fit(model, params, optim.Adam(3e-3), train, after, rng=rng, epochs=1 if QUICK else 30,
                          batch_size=64, patience=8)["best"]
    rng = np.random.default_rng(seed)
    params = model.init(rng, x.shape[2], 12, H)  # afresh, on all days before the cut, as the line
    training.fit(model, params, optim.Adam(3e-3), all_of_them, rng=rng, epochs=epochs, batch_size=64)
    return model.forward(params, x[k >= cut])[0].astype(float)


x, y = standardized(n)  # the book's protocol: with the test days too
truth_v, yesterday = y[k >= cut], x[k >= cut, -1, 0]
v_said = {"yesterday's volume": np.repeat(yesterday[:, None], H, axis=1), "the day a week ago": x[k >= cut, :, 0],
          "AR(5)": least_squares(x, y, False), "AR(5), weekday": least_squares(x, y, True)}
for calendar in (False, True):
    for seed in range(1 if QUICK else 3):
        v_said[f"LSTM{', weekday' * calendar}, seed {seed}"] = network_forecasts(x, y, calendar, seed)
v_table = {name: scores(f, truth_v) for name, f in v_said.items()}
print(f"{len(truth_v)} test days; the LSTM with weekday has {4 * 12 * (8 + 12 + 1) + 5 * 13:,} weights")
assert len(truth_v) == 1770
show(v_table)
for name, of_the_book in {"yesterday's volume": 0.180, "AR(5)": 0.413, "AR(5), weekday": 0.460}.items():
    assert round(v_table[name][2], 3) == of_the_book
if not QUICK:
    assert all(0.37 < row[2] < 0.465 for name, row in v_table.items() if "LSTM" in name)

# %% [markdown]
# The book's numbers, to three digits: 0.180, 0.413, 0.460. Here is signal: nearly half of the variance of tomorrow's
# volume is known today. The network, with the same days and the same inputs, is level with the line at best: with the
# weekday 0.449 to 0.457, the line 0.460. It has 1,073 weights, a line 20. Nearly all that is to be known is linear.
#
# (The book standardizes with mean and deviation of all days, the test days too. For a line that changes nothing: least
# squares finds weights that undo shift and scale.)

# %%
figure = Figure(figsize=(11, 3.4), layout="constrained")
zoom, lag = figure.subplots(1, 2, width_ratios=(2, 1))
some = slice(300, 350)
plots.forecast(date[one:two][some], now[some], {name: f[some] for name, f in echoes.items()}, zoom)
zoom.set(ylabel="price", title="50 validation days: close to the truth, and a day late")
for (name, row), colour in zip(by_shift.items(), (ORANGE, BLUE)):
    lag.plot(shifts, row, ".-", color=colour, label=name)
lag.axvline(1, color=GREY, linestyle=":")
lag.set(xlabel="compared with the truth k days before", ylabel="RMSE", title="It is yesterday's price: best at k = 1")
lag.legend(frameon=False)
save(figure, "16_stock_prices.png")

figure = Figure(figsize=(7, 3.4), layout="constrained")
bars = figure.subplots()
rows = {"return: " + name: (row[2], name) for name, row in r_table.items() if "AR" in name or "LSTM" in name}
rows |= {"volume: " + name: (row[2], name) for name, row in v_table.items() if row[2] > 0}
for name, (value, short) in rows.items():
    group = name.split(", seed")[0]
    bars.plot(value, group, "o", markersize=8, alpha=0.6, color=ORANGE if "LSTM" in short else BLUE)
bars.invert_yaxis()
bars.axvline(0, color=GREY, linewidth=1)
bars.grid(axis="x", alpha=0.4)
bars.set(xlabel="test R², one day ahead; a dot a seed", title="Returns: nothing to forecast. Volume: a line has it")
save(figure, "16_what_can_be_forecast.png")

# %% [markdown]
# ![Fifty days of a price and two forecasts that are a day late; their errors by lag](figures/16_stock_prices.png)
#
# ![Test R² of return and volume, lines and LSTMs](figures/16_what_can_be_forecast.png)
#
# **To take away:** make `price` a walk of pure chance, with these for `returns` where it is computed:
#
#     np.random.default_rng(0).normal(0, 0.008, n)
#
# Which of the numbers of the first two tables would tell you that there is nothing to forecast in it?
