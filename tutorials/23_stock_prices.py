# %% [markdown]
# # 23. Stock prices: what a curve close to the truth is worth
#
# *Beside the article: §6, stock prices; the model of §5.*
#
# Many tutorials train an LSTM on a stock price and plot its forecast over the truth. The two curves lie on each other.
# How much does such a forecast know of the next day?
#
# ## The score on paper
#
# Let a price move by e_t from day to day: p_t = p_{t-1} + e_t. If nobody knows e_t before, the best forecast is
# p_{t-1}, yesterday's price. Its error is e_t. Yet the score that is usually printed is R², the coefficient of
# determination. It is 1 if every forecast is right:
#
#     R² = 1 - Σ (p_t - p̂_t)² / Σ (p_t - mean p)²
#
# Take the prices 1 2 3 4 5 6, and the forecasts 1 2 3 4 5 for the last five. Every one is wrong by 1. The mean of the
# last five is 4, so R² = 1 - 5/10 = 0.5.
#
# PREDICT: and for the prices 1 .. 101, each forecast again wrong by 1?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, plots, training
from minirnn.plots import BLUE, ORANGE


def r2(forecast, truth):
    return 1 - metrics.mse(forecast, truth) / np.var(truth)


for last in (6, 101):
    prices = np.arange(1.0, last + 1)
    print(f"prices 1 .. {last}: R² = {r2(prices[:-1], prices[1:]):.4f}")

# %% tags=["proof"]
assert r2(np.arange(1.0, 6), np.arange(2.0, 7)) == 0.5 and 0.9985 < r2(prices[:-1], prices[1:]) < 0.9995

# %% [markdown]
# 0.999. The error is the same, and the price moved further. A high R² may only say that.
#
# ## A real price
#
# The New York Stock Exchange, 6,051 trading days. The file has the *log return* of the Dow Jones index,
# r_t = ln(p_t / p_{t-1}). We rebuild a price from it: 100 · exp(r_1 + ... + r_t).
#
# The days up to 1979-12-31 are for training, the rest is the test. It has two parts. On the *early* days the price is
# never above the highest price of training. The *late* days begin when it first is.

# %%
days = datasets.nyse()
date, n = days["date"], len(days["date"])
price = 100 * np.exp(np.cumsum(days["dj_return"]))
cut = int((date <= np.datetime64("1979-12-31")).sum())  # the first day of the test
choose = round(0.85 * cut)  # from here to the cut: validation
truth, highest = price[cut:], price[:cut].max()
early = slice(0, int(np.argmax(truth > highest)))
late = slice(early.stop, n - cut)
print(f"highest price: {highest:.0f} in training, {truth.max():.0f} on the late days")
print(f"{early.stop} early days, {n - cut - early.stop} late days from {date[cut:][late][0]}")

# %% tags=["proof"]
assert (n, n - cut, early.stop) == (6051, 1770, 718) and round(highest) == 162 and round(truth.max()) == 301
assert truth[early].max() <= highest < truth[late][0]

# %% [markdown]
# ## Three forecasts of the next day
#
# - *Yesterday's price*.
# - *Ridge*: a weighted sum of the last prices with a penalty (tutorial 21).
# - *LSTM*: the article's model reads the prices of 20 days and says the next. Five seeds, and the mean of the five.
#
# The last 15 % of the training days choose how many days the ridge reads, its penalty, and the epoch of each LSTM. Then
# each is fitted again, to all training days.

# %%
def lstm(series, seed):
    """Forecasts of the test days, each from the 20 values before it."""
    scale = datasets.Scale.fit(series[:cut])
    x, y = datasets.windows(scale.apply(series).astype(np.float32), 20)
    k = np.arange(20, n)  # y[i] is the value of day k[i]
    model = compose.chain(fast.lstm, compose.last_step, linear)

    def fitted(part, epochs, validation=None):
        rng = np.random.default_rng(seed)
        params = model.init(rng, 1, 16, 1)
        log = training.fit(model, params, optim.Adam(3e-3), (x[part], y[part]), validation, rng=rng, epochs=epochs,
                           batch_size=64)
        return params, log["best"]

    choosing = (k >= choose) & (k < cut)
    _, best = fitted(k < choose, 1 if QUICK else 20, (x[choosing], y[choosing]))
    params, _ = fitted(k < cut, best)
    return scale.invert(model.forward(params, x[k >= cut])[0][:, 0].astype(float))


yesterday = price[cut - 1:-1]
line = baselines.chosen_ar(price[:cut], choose)
networks = {f"LSTM, seed {seed}": lstm(price, seed) for seed in range(1 if QUICK else 5)}
said = {"yesterday's price": yesterday, "ridge": line.forecasts(price, cut, 1)[:, 0], **networks,
        "LSTM, mean": np.mean(list(networks.values()), axis=0)}

# %% [markdown]
# The table has three columns for the early days, and three for the late days: RMSE; the squared error *minus that of
# yesterday's price* ± its standard error (negative is better); R². For the standard error, 20 trading days count as one
# observation: four weeks, the longest blocks of tutorial 22.
#
# PREDICT: on the late days the price goes up to 301. How much does an LSTM say at most: about 300, or under 200?

# %%
def minus(forecast, rival, truth):
    """The squared error minus that of a rival: mean and standard error, from blocks of 20 days."""
    d = (forecast - truth) ** 2 - (rival - truth) ** 2
    blocks = d[:len(d) // 20 * 20].reshape(-1, 20).mean(axis=1)
    return d.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


print(" " * 17 + "".join(f"{part + ': RMSE':>13}{'minus yesterday':>20}{'R²':>8}" for part in ("early", "late")))
for name, f in said.items():
    row = f"{name:<17}"
    for part in early, late:
        difference, error = minus(f[part], yesterday[part], truth[part])
        row += f"{metrics.rmse(f[part], truth[part]):>13.3f}{difference:>11.3f} ± {error:<6.3f}"
        row += f"{r2(f[part], truth[part]):>8.3f}"
    print(row)
print("The LSTMs say at most:", *[f"{f.max():.0f}" for f in networks.values()])
low = np.flatnonzero(truth <= highest)[early.stop:]  # the late days up to the highest price of training
for name in ("yesterday's price", "LSTM, seed 0"):
    error = metrics.rmse(said[name][low], truth[low])
    print(f"RMSE on the {len(low)} late days up to {highest:.0f}, {name}: {error:.2f}")

# %% tags=["proof"]
rmse = {name: [metrics.rmse(f[part], truth[part]) for part in (early, late)] for name, f in said.items()}
beside = {name: [minus(f[part], yesterday[part], truth[part]) for part in (early, late)] for name, f in said.items()}
last = rmse["yesterday's price"]
assert abs(rmse["ridge"][0] - last[0]) < 0.005 and last[1] > 1.4 * last[0]
assert beside["ridge"][1][0] > 3.5 * beside["ridge"][1][1] and len(low) == 38
assert r2(yesterday[early], truth[early]) < 0.985 and r2(yesterday[late], truth[late]) > 0.997
if not QUICK:
    assert all(abs(row[0] / last[0] - 1) < 0.02 for row in rmse.values())
    assert all(r2(f[early], truth[early]) > 0.98 for f in said.values())
    scores = [beside[name][0][0] / beside[name][0][1] for name in networks]
    assert min(scores) < -1.6 and max(scores) > 1.6
    difference, error = beside["LSTM, mean"][0]
    assert -3.5 < difference / error < -1.2 and -0.02 < difference / last[0]**2 < -0.004
    for name, f in networks.items():
        assert highest < f.max() < 180 and rmse[name][1] > 20 * last[1] and r2(f[late], truth[late]) < 0
        assert metrics.rmse(f[low], truth[low]) < 1.25 * metrics.rmse(yesterday[low], truth[low])

# %% [markdown]
# On the early days each R² is 0.98. The ridge is level with yesterday's price. One of the five networks is ahead by 2.7
# standard errors, another is behind by 2.5: it depends on the seed. The mean of the five may be ahead, by about one
# percent of the squared error. (We added this row after we had seen the test days.)
#
# On the late days all are worse: the ridge by four standard errors, and the LSTMs do not come near 301. Each number of
# h lies between -1 and 1, so the linear layer has a largest value. On the late days up to 162 the LSTM does not fail:
# its RMSE is 2.06 there, and that of yesterday's price 2.23.
#
# Yesterday's price has a larger error on the late days, and yet a higher R²: as on paper.
#
# ## The test for the illusion
#
# On the early days all the curves lie on the truth. Compare the forecast for day t with the truth of day t - k. The
# number k is called the *lag*. The forecast is meant for k = 0.
#
# PREDICT: is the error at k = 1 about a half, a fifth or a twentieth of that at k = 0?

# %%
lags = np.arange(-2, 5)


def by_lag(forecast, truth):
    """The RMSE at each lag."""
    t = np.arange(4, len(truth) - 2)  # the days that have a truth at each lag
    return [metrics.rmse(forecast[t], truth[t - k]) for k in lags]


errors = {name: by_lag(said[name][early], truth[early]) for name in ("ridge", *networks)}
print(f"{'RMSE at':<14}{'k = 0':>7}{'k = 1':>7}")
for name, row in errors.items():
    print(f"{name:<14}{row[2]:>7.2f}{row[3]:>7.2f}")
print(f"the ridge: {line.w[2]:.2f} · yesterday's price {line.w[1]:+.2f} · the price of the day before it")

# %% tags=["proof"]
assert line.p == 2 and np.allclose(line.w[1:], [-0.17, 1.17], atol=0.005) and lags[np.argmin(errors["ridge"])] == 1
if not QUICK:
    assert all(lags[np.argmin(row)] == 1 and 0.1 < row[3] / row[2] < 0.3 for row in errors.values())

# %%
figure = Figure(figsize=(11, 3.4), layout="constrained")
zoom, lag = figure.subplots(1, 2, width_ratios=(2, 1))
shown = slice(240, 290)
plots.forecast(date[cut:][shown], truth[shown], {"LSTM, seed 0": networks["LSTM, seed 0"][shown]}, zoom)
zoom.set(ylabel="price", title="50 early days: close to the truth, and a day late")
for name in networks:
    lag.plot(lags, errors[name], color=ORANGE, linewidth=1, label="five LSTMs" if name == "LSTM, seed 0" else None)
lag.plot(lags, errors["ridge"], "o--", color=BLUE, markersize=5, label="ridge")
lag.set(xlabel="lag k: compared with the truth k days before", ylabel="RMSE", ylim=0,
        title="Nearest to yesterday's price")
lag.legend(frameon=False, loc="lower left")
save(figure, "23_stock_prices.png")

# %% [markdown]
# ![Fifty days of a price and a forecast that is a day late; errors of two models by lag](figures/23_stock_prices.png)
#
# About a fifth: 0.2 to 0.3, beside 1.3 to 1.4. Each forecast is an *echo*: it lies nearest to the price of the day
# before. The ridge shows how. It says yesterday's price, and adds 0.17 of the last move.
#
# An echo need not be a bad forecast: of a price that moves by chance, the last price is the best. But its curve lies on
# the truth, and its R² is high, without any knowledge of the next day. What counts is the error beside that of
# yesterday's price.
#
# **To take away:** make a price that is pure chance, from returns that nobody can know:
#
#     walk = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.008, n)))
#
# Forecast its last 1,770 days by yesterday's value and by the ridge. Which number could tell you that there is nothing
# to forecast in it: R², the k of the smallest error, or the RMSE?

# %% [markdown] tags=["answer"]
# ## Answer
#
# Only the RMSE beside that of yesterday's value can: here the ridge is not below it. R² is 0.99 for both. And k = 1
# would be best too if a small part of the next move were known. The RMSE may miss such a small part: give the returns a
# correlation of 0.05 with those of the day before, and the ridge is still not below.

# %% tags=["proof"]
moves = np.random.default_rng(0).normal(0, 0.008, n)
known = moves.copy()
for t in range(1, n):
    known[t] += 0.05 * known[t - 1]
for correlation, moves in (0, moves), (0.05, known):
    walk = 100 * np.exp(np.cumsum(moves))
    of_walk = {"yesterday's value": walk[cut - 1:-1],
               "ridge": baselines.chosen_ar(walk[:cut], choose).forecasts(walk, cut, 1)[:, 0]}
    for name, f in of_walk.items():
        error = metrics.rmse(f, walk[cut:])
        print(f"correlation {correlation:<5}{name:<18} R² {r2(f, walk[cut:]):.3f}, RMSE {error:.4f}")
        assert round(r2(f, walk[cut:]), 2) == 0.99
    a, b = (metrics.rmse(f, walk[cut:]) for f in of_walk.values())
    assert 0 < b - a < 0.005 and lags[np.argmin(by_lag(of_walk["ridge"], walk[cut:]))] == 1
