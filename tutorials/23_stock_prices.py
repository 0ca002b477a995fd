# %% [markdown]
# # 23. Stock prices: what a curve close to the truth is worth
#
# *Beside the article: §6, stock prices; the model of §5.*
#
# The article names stock prices first. Many tutorials train an LSTM on a price and plot its forecast over the truth.
# The two curves lie on each other. How much does such a forecast know of the next day? This page takes that picture
# apart.
#
# ## The picture with no forecast in it
#
# Let a price move by e_t from day to day: p_t = p_{t-1} + e_t. If nobody knows e_t before, the best forecast is
# p_{t-1}. Its error is e_t. Yet the score that is usually printed is R², the coefficient of determination:
#
#     R² = 1 - Σ (p_t - p̂_t)² / Σ (p_t - mean p)²
#
# On paper: prices 1 2 3 4 5 6, forecasts 1 2 3 4 5 for the last five. Every one is wrong by 1. The mean of the last
# five is 4, so R² = 1 - 5/10 = 0.5.
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
assert r2(np.arange(1.0, 6), np.arange(2.0, 7)) == 0.5 and r2(prices[:-1], prices[1:]) > 0.998

# %% [markdown]
# ## A real price, three models
#
# The New York Stock Exchange, 6,051 trading days. The file has the *log return* of the Dow Jones index for each day:
# r_t = ln(p_t / p_{t-1}). The price here is a *reconstruction*, 100 · exp(r_1 + ... + r_t). Its unit is per cent of the
# price before the first day. The first 70 % of the days are for training, 15 % for validation, 15 % for the test. Three
# models forecast the next day:
#
# - yesterday's price;
# - a ridge autoregression, AR (tutorial 21): how many days it reads and its penalty are chosen on validation;
# - the article's LSTM, which reads the prices of 20 days as they are. Three seeds.
#
# The last two are fitted to all days before the test.
#
# PREDICT: in which order will they end, and how far apart?

# %%
days = datasets.nyse()
date, n = days["date"], len(days["date"])
price = 100 * np.exp(np.cumsum(days["dj_return"]))
train, validation, test = datasets.split(price)
one, two, SEEDS = len(train), len(train) + len(validation), range(1 if QUICK else 3)


def article_lstm(series, start, end, seed):
    """Forecasts of the days start .. end of an LSTM that is fitted to all before `start`, as the line beside it. The
    last 15 % of these days choose the epoch; then it starts again from new weights and trains so long on all of them.
    """
    scale = datasets.Scale.fit(series[:start])
    x, y = datasets.windows(scale.apply(series[:start]).astype(np.float32), 20)
    model = compose.chain(fast.lstm, compose.last_step, linear)
    choose, epochs = round(0.85 * len(y)), 1 if QUICK else 20
    for part, after in (slice(0, choose), (x[choose:], y[choose:])), (slice(0, None), None):
        rng = np.random.default_rng(seed)
        params = model.init(rng, 1, 16, 1)
        epochs = training.fit(model, params, optim.Adam(3e-3), (x[part], y[part]), after, rng=rng, epochs=epochs,
                              batch_size=64)["best"]
    past = scale.apply(baselines.pasts(series[:end], 20, start, 1)).astype(np.float32)
    return scale.invert(model.forward(params, past[..., None])[0][:, 0].astype(float))


def show(said, truth):
    """RMSE in the unit of the price, and R². Then the squared error less that of the first, with its standard error: 20
    days count as one observation (tutorial 22)."""
    table, (first, *_) = {}, said.values()
    print(f"{'':<20} {'RMSE':>6} {'R²':>7} {'less the first':>16}")
    for name, f in said.items():
        d = (f - truth) ** 2 - (first - truth) ** 2
        blocks = d[len(d) % 20:].reshape(-1, 20).mean(axis=1)
        table[name] = metrics.rmse(f, truth), r2(f, truth), blocks.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))
        print("{:<20} {:>6.3f} {:>7.3f} {:>8.3f} ± {:.3f}".format(name, *table[name]))
    return table


line = baselines.chosen_ar(price[:two], one)
networks = {f"LSTM, seed {seed}": article_lstm(price, two, n, seed) for seed in SEEDS}
said = {"yesterday's price": price[two - 1:-1], f"ridge AR({line.p})": line.forecasts(price, two, 1)[:, 0], **networks}
scores = show(said, test)

# %% tags=["proof"]
last, of_line = scores["yesterday's price"], scores[f"ridge AR({line.p})"]
assert last[0] < of_line[0] < 1.02 * last[0] and round(last[1], 3) == round(of_line[1], 3) == 0.998
if not QUICK:
    assert all(scores[name][1] < 0 and scores[name][0] > 5 * last[0] for name in networks)

# %% [markdown]
# Yesterday's price wins. The ridge regression is a little worse, by 2.5 standard errors.
# Both have R² = 0.998. The LSTM fails altogether. Why? Look at the highest price that each network was trained on, and
# at the highest that it says.

# %%
highest = price[:two].max()
print(f"highest price before the test {highest:.0f}; {np.mean(test > highest):.0%} of the test days are above")
for name, forecast in networks.items():
    print(f"{name}: says {forecast.max():.0f} at most")
print("\nThe same LSTM, on returns:")
of_returns = {f"on returns, seed {seed}": price[two - 1:-1] * np.exp(article_lstm(days["dj_return"], two, n, seed))
              for seed in SEEDS}
remedy = show({"yesterday's price": said["yesterday's price"]} | of_returns, test)

# %% tags=["proof"]
assert round(highest) == 190 and 0.6 < np.mean(test > highest) < 0.7
if not QUICK:
    assert all(highest < forecast.max() < 200 for forecast in networks.values())
    assert all(abs(row[0] - last[0]) < 0.01 and abs(row[2]) < 1.2 * row[3] for name, row in remedy.items()
               if "on" in name)

# %% [markdown]
# They say 194 to 197 at most: little more than the highest price that they were trained on. Two thirds of the test days
# are higher. The plain remedy is to let the LSTM read and forecast the return, r_t. Its forecast of the price is then
# p_{t-1} exp(r̂_t). Now it does not fail: it is level with yesterday's price. The
# differences are about a standard error, or less.
#
# ## The test for the illusion
#
# So look at prices of a height that it knows. The same models, fitted to the training part alone, forecast the
# validation days. Keep the days whose price is not above the highest of the training part: 88 % of them.
#
# On these days, compare the forecast for day t with the truth of day t - k. The number k is called the *lag*. The
# forecast is meant for k = 0.
#
# PREDICT: at which lag k is the error smallest, for the LSTM and for the ridge regression?

# %%
known = validation <= train.max()
on_validation = {"ridge AR": baselines.AR(line.p, line.ridge).fit(train).forecasts(price[:two], one, 1)[:, 0],
                 **{f"LSTM, seed {seed}": article_lstm(price, one, two, seed) for seed in SEEDS}}
lags, t = np.arange(-3, 6), 5 + np.flatnonzero(known[5:-3])
by_lag = {name: [metrics.rmse(f[t], validation[t - k]) for k in lags] for name, f in on_validation.items()}
print("RMSE at k =       " + "".join(f"{k:>7}" for k in lags))
for name, row in by_lag.items():
    print(f"{name:<18}" + "".join(f"{value:>7.2f}" for value in row))
print(f"\nThe {known.mean():.0%} of the validation days:")
with_last = {"yesterday's price": price[one - 1:two - 1]} | on_validation
within = show({name: f[known] for name, f in with_last.items()}, validation[known])

# %% tags=["proof"]
assert lags[np.argmin(by_lag["ridge AR"])] == 1 and round(known.mean(), 2) == 0.88
if not QUICK:
    assert all(lags[np.argmin(row)] == 1 for row in by_lag.values())
    assert all(row[1] > 0.98 and 1.35 < row[0] < 1.382 for row in within.values())
    assert all(-2 < row[2] / row[3] < -0.2 for name, row in within.items() if name in on_validation)

# %%
figure = Figure(figsize=(11, 3.4), layout="constrained")
zoom, lag = figure.subplots(1, 2, width_ratios=(2, 1))
shown, colours = slice(300, 350), {"LSTM, seed 0": ORANGE, "ridge AR": BLUE}
plots.forecast(date[one:two][shown], validation[shown], {name: on_validation[name][shown] for name in colours}, zoom)
zoom.set(ylabel="price", title="50 validation days: close to the truth, and a day late")
for name, colour in colours.items():
    lag.plot(lags, by_lag[name], ".-", color=colour, label=name)
lag.axvline(1, color=GREY, linestyle=":")
lag.set(xlabel="lag k: compared with the truth k days before", ylabel="RMSE",
        title="Nearest to yesterday's price: k = 1")
lag.legend(frameon=False)
save(figure, "23_stock_prices.png")

# %% [markdown]
# ![Fifty days of a price and two forecasts that are a day late; their errors by lag](figures/23_stock_prices.png)
#
# At k = 1, for all of them. Such a forecast is an *echo*: it repeats the day before. The LSTM's curve lies on the truth
# because yesterday's price does. Each R² is above 0.98. Each RMSE is a little below that of yesterday's price, 1.38, by
# 0.3 to 1.8 standard errors. That may be luck.
#
# An echo need not be a bad forecast: of a price that moves by chance, the last price is the best. (A forecast that knew
# a small part of the next move would be nearest at k = 1 too.) The illusion is the R², and the two curves that lie on
# each other. They are there without any knowledge of the next day. What counts is the error beside that of the last
# price.
#
# Can the change itself be forecast? That is the question of tutorial 24.
#
# **To take away:** make a price that is pure chance, from returns that nobody can know:
#
#     walk = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.008, n)))
#
# Forecast it by its last value and by a ridge autoregression. Which number would tell you that there is nothing to
# forecast in it: R², the k of the smallest error, or the RMSE?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The RMSE, and only beside that of the last value: the line is not below it. R² is 0.99 for both, in a walk in which
# nothing can be forecast. And k = 1 would be best too if a small part of the next move were known.

# %% tags=["proof"]
walk = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.008, n)))
walk_line = baselines.chosen_ar(walk[:two], one).forecasts(walk, two, 1)[:, 0]
now = walk[two:]
of_walk = show({"its last value": walk[two - 1:-1], "the line": walk_line}, now)
echo = [metrics.rmse(walk_line[5:-3], now[5 - k:len(now) - 3 - k]) for k in lags]
assert lags[np.argmin(echo)] == 1 and all(round(row[1], 2) == 0.99 for row in of_walk.values())
assert abs(of_walk["the line"][0] - of_walk["its last value"][0]) < 0.005
