# %% [markdown]
# # 23. Stock prices: what a curve close to the truth is worth
#
# *Beside the article: §6, stock prices; the model of §5.*
#
# The article names stock prices first. Many tutorials train an LSTM on a price and plot its forecast over the truth.
# The two curves lie on each other. How much does such a forecast know of the next day?
#
# ## The score on paper
#
# Let a price move by e_t from day to day: p_t = p_{t-1} + e_t. If nobody knows e_t before, the best forecast is
# p_{t-1}, yesterday's price. Its error is e_t. Yet the score that is usually printed is R², the coefficient of
# determination:
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
from minirnn.plots import BLUE, GREY, ORANGE


def r2(forecast, truth):
    return 1 - metrics.mse(forecast, truth) / np.var(truth)


for last in (6, 101):
    prices = np.arange(1.0, last + 1)
    print(f"prices 1 .. {last}: R² = {r2(prices[:-1], prices[1:]):.4f}")

# %% tags=["proof"]
assert r2(np.arange(1.0, 6), np.arange(2.0, 7)) == 0.5 and 0.9985 < r2(prices[:-1], prices[1:]) < 0.9995

# %% [markdown]
# 0.999. The price goes further from its mean, and the error stays the same. So a high R² may only say that the price
# moved far.
#
# ## A real price
#
# The New York Stock Exchange, 6,051 trading days. The file has the *log return* of the Dow Jones index for each day:
# r_t = ln(p_t / p_{t-1}). We rebuild a price from it: 100 · exp(r_1 + ... + r_t).
#
# The days up to 1979-12-31 are for training. The 1,770 days after are the test. It has two parts. On the *early* days
# the price is never above the highest price of training. The *late* days begin when it first is.

# %%
days = datasets.nyse()
date, returns = days["date"], days["dj_return"]
n, price = len(date), 100 * np.exp(np.cumsum(returns))
cut = int((date <= np.datetime64("1979-12-31")).sum())  # the first day of the test
choose = round(0.85 * cut)  # from here to the cut: validation
truth, highest = price[cut:], price[:cut].max()
early = slice(0, int(np.argmax(truth > highest)))
late = slice(early.stop, n - cut)
print(f"highest price of training: {highest:.0f}")
for name, part in ("early", early), ("late", late):
    print(f"{name:<5} {part.stop - part.start:>5} days from {date[cut:][part][0]}, prices {truth[part].min():.0f} to "
          f"{truth[part].max():.0f}")

# %% tags=["proof"]
assert n == 6051 and n - cut == 1770 and round(highest) == 162 and round(truth.max()) == 301
assert truth[early].max() <= highest < truth[late][0]

# %% [markdown]
# ## Four forecasts of the next day
#
# - *Yesterday's price*.
# - *Ridge*: a weighted sum of the last prices with a penalty (tutorial 21).
# - *LSTM on prices*: the article's model reads the prices of 20 days and says the next. Five seeds, 0 to 4.
# - *LSTM on returns*: the same model reads 20 returns and says the next, r̂_t. So its price is p_{t-1} · exp(r̂_t).
#   Three seeds.
#
# The last 15 % of the training days are for validation. They choose how many days the ridge reads, its penalty, and the
# epoch of each LSTM. Then each is fitted again, to all training days.
#
# The table shows, for the early days, RMSE and R². Between them is the squared error less that of yesterday's price,
# with its standard error. (20 days count as one observation, see tutorial 22.) Then come RMSE and R² of the late days,
# and the highest price that the model says.
#
# PREDICT: which of the four is clearly better than yesterday's price on the early days? Which fails on the late days?

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


def less(forecast, rival, truth):
    """The squared error less that of a rival: mean and standard error, from blocks of 20 days."""
    d = (forecast - truth) ** 2 - (rival - truth) ** 2
    blocks = d[:len(d) // 20 * 20].reshape(-1, 20).mean(axis=1)
    return d.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


yesterday = price[cut - 1:-1]
line = baselines.chosen_ar(price[:cut], choose)
said = {"yesterday's price": yesterday, "ridge": line.forecasts(price, cut, 1)[:, 0]}
said |= {f"LSTM on prices {seed}": lstm(price, seed) for seed in range(1 if QUICK else 5)}
said |= {f"LSTM on returns {seed}": yesterday * np.exp(lstm(returns, seed)) for seed in range(1 if QUICK else 3)}
print(f"{'':<18}{'early: RMSE':>12}{'less yesterday':>17}{'R²':>8}{'late: RMSE':>14}{'R²':>8}{'highest':>9}")
for name, f in said.items():
    difference, error = less(f[early], yesterday[early], truth[early])
    print(f"{name:<18}{metrics.rmse(f[early], truth[early]):>12.3f}{difference:>9.3f} ± {error:.3f}"
          f"{r2(f[early], truth[early]):>8.3f}{metrics.rmse(f[late], truth[late]):>14.3f}"
          f"{r2(f[late], truth[late]):>8.3f}{f.max():>9.0f}")

# %% tags=["proof"]
rmse = {name: [metrics.rmse(f[part], truth[part]) for part in (early, late)] for name, f in said.items()}
last = rmse["yesterday's price"]
assert abs(rmse["ridge"][0] - last[0]) < 0.005 and 0.05 < rmse["ridge"][1] - last[1] < 0.08
if not QUICK:
    assert all(abs(row[0] / last[0] - 1) < 0.02 for row in rmse.values())
    assert all(r2(f[early], truth[early]) > 0.98 for f in said.values()) and r2(yesterday[late], truth[late]) > 0.997
    beside = [less(f[early], yesterday[early], truth[early]) for name, f in said.items() if "prices" in name]
    assert min(d / e for d, e in beside) < -1.6 and max(d / e for d, e in beside) > 1.6
    for name, f in said.items():
        if "prices" in name:
            assert highest < f.max() < 180 and rmse[name][1] > 20 * last[1] and r2(f[late], truth[late]) < 0
        elif "returns" in name:
            assert last[1] < rmse[name][1] < last[1] + 0.06

# %% [markdown]
# On the early days none is. Each RMSE is within 2 % of that of yesterday's price, and each R² is above 0.98. One LSTM
# on prices is behind by more than two standard errors, another ahead by about as much: the seed decides.
#
# On the late days the LSTM on prices fails. It says 172 to 174 at most. That is little more than 162, the highest price
# that it was trained on. The ridge and the LSTM on returns do not fail. But they are not better than yesterday's price.
#
# And look at yesterday's price. Its error is larger on the late days, and yet its R² is higher. As on paper, the price
# moves further.
#
# ## The test for the illusion
#
# Stay on the early days, where all the curves lie on the truth. Compare the forecast for day t with the truth of day
# t - k. The number k is called the *lag*. The forecast is meant for k = 0.
#
# PREDICT: at which lag k is the error smallest, for the ridge and for the LSTM on prices?

# %%
lags = np.arange(-2, 5)


def by_lag(forecast, truth):
    t = np.arange(4, len(truth) - 2)  # the days that have a truth at each lag
    return [metrics.rmse(forecast[t], truth[t - k]) for k in lags]


errors = {name: by_lag(f[early], truth[early]) for name, f in said.items() if name == "ridge" or "prices" in name}
print(f"{'RMSE at k =':<18}" + "".join(f"{k:>7}" for k in lags))
for name, row in errors.items():
    print(f"{name:<18}" + "".join(f"{value:>7.2f}" for value in row))

# %% tags=["proof"]
assert lags[np.argmin(errors["ridge"])] == 1
if not QUICK:
    assert all(lags[np.argmin(row)] == 1 and min(row) < 0.5 < 1.2 < row[2] for row in errors.values())

# %%
figure = Figure(figsize=(11, 3.4), layout="constrained")
zoom, lag = figure.subplots(1, 2, width_ratios=(2, 1))
shown = slice(240, 290)
plots.forecast(date[cut:][shown], truth[shown], {"LSTM on prices 0": said["LSTM on prices 0"][shown]}, zoom)
zoom.set(ylabel="price", title="50 early days: close to the truth, and a day late")
for name, row in errors.items():
    lag.plot(lags, row, ".-", color=BLUE if name == "ridge" else ORANGE,
             label=name if name == "ridge" else "LSTM on prices" if name[-1] == "0" else None)
lag.axvline(1, color=GREY, linestyle=":")
lag.set(xlabel="lag k: compared with the truth k days before", ylabel="RMSE", title="Nearest to yesterday's price")
lag.legend(frameon=False)
save(figure, "23_stock_prices.png")

# %% [markdown]
# ![Fifty days of a price and a forecast that is a day late; errors of two models by lag](figures/23_stock_prices.png)
#
# At k = 1, for all of them. Such a forecast is an *echo*: it repeats the day before. Its curve lies on the truth
# because yesterday's price does.
#
# An echo need not be a bad forecast: of a price that moves by chance, the last price is the best. The illusion is the
# R², and the two curves that lie on each other. They are there without any knowledge of the next day. What counts is
# the error beside that of yesterday's price.
#
# Can the change itself be forecast? That is the question of tutorial 24.
#
# **To take away:** make a price that is pure chance, from returns that nobody can know:
#
#     walk = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.008, n)))
#
# Forecast its last 1,770 days by yesterday's value and by the ridge. Which number would tell you that there is nothing
# to forecast in it: R², the k of the smallest error, or the RMSE?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The RMSE, and only beside that of yesterday's value: the ridge is not below it. R² is 0.99 for both, though nothing
# can be forecast. And k = 1 would be best too if a small part of the next move were known.

# %% tags=["proof"]
walk = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.008, n)))
of_walk = {"yesterday's value": walk[cut - 1:-1],
           "ridge": baselines.chosen_ar(walk[:cut], choose).forecasts(walk, cut, 1)[:, 0]}
for name, f in of_walk.items():
    print(f"{name:<18} R² {r2(f, walk[cut:]):.3f}, RMSE {metrics.rmse(f, walk[cut:]):.3f}")
    assert round(r2(f, walk[cut:]), 2) == 0.99
a, b = (metrics.rmse(f, walk[cut:]) for f in of_walk.values())
assert abs(b - a) < 0.005 and lags[np.argmin(by_lag(of_walk["ridge"], walk[cut:]))] == 1
