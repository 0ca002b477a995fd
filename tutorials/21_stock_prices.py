# %% [markdown]
# # 21. Stock prices: what a curve close to the truth is worth
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
# models forecast:
#
# - yesterday's price;
# - a ridge autoregression, AR (tutorial 19): how many days it reads and its penalty are chosen on validation;
# - the article's LSTM, which reads the prices of 20 days as they are. Three seeds.
#
# The last two are fitted to all days before the test. They forecast one day. For five days they take their own
# forecasts as input.
#
# PREDICT: in which order will they end, and how far apart?

# %%
days = datasets.nyse()
date, returns, n = days["date"], days["dj_return"], len(days["date"])
price = 100 * np.exp(np.cumsum(returns))
train, validation, test = datasets.split(price)
one, two, H = len(train), len(train) + len(validation), 5
SEEDS = range(1 if QUICK else 3)


def article_lstm(series, start, end, seed, horizon=H):
    """Forecasts from each day of start .. end of an LSTM that is fitted to all before `start`, as the line beside it,
    and the most that its linear layer can say. The last 15 % of these days choose the epoch; then it starts again
    from new weights and trains so long on all of them."""
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
    most = params[-1]["b"] + abs(params[-1]["W"]).sum()  # if each h were 1 or -1
    return scale.invert(said.astype(float)), scale.invert(most.item())


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
lstms = [article_lstm(price, two, n, seed) for seed in SEEDS]
said = {"yesterday's price": baselines.persistence(price, two, H), f"ridge AR({line.p})": line.forecasts(price, two, H),
        **{f"LSTM, seed {seed}": forecast for seed, (forecast, _) in enumerate(lstms)}}
prices = {name: scores(f, truth) for name, f in said.items()}
show(prices)

# %% tags=["proof"]
y_1, line_1 = prices["yesterday's price"], prices[f"ridge AR({line.p})"]
assert y_1[0] < line_1[0] and y_1[3] < line_1[3] and round(y_1[2], 3) == round(line_1[2], 3) == 0.998
if not QUICK:
    assert all(row[2] < 0.7 and row[0] > 5 * y_1[0] for name, row in prices.items() if "LSTM" in name)

# %% [markdown]
# Yesterday's price wins, and the ridge regression is a little worse. Both have R² = 0.998. The LSTM fails altogether.
# Why? Look at the highest price that each network was trained on, and at the highest that it says.

# %%
highest = price[:two].max()
print(f"highest price before the test {highest:.0f}; {np.mean(price[two:] > highest):.0%} of the test days are above")
for seed, (forecast, most) in enumerate(lstms):
    print(f"LSTM, seed {seed}: says {forecast[:, 0].max():.0f} at most; its linear layer could say {most:.0f}")
cut_off = np.minimum(said["yesterday's price"][:, 0], highest)
print(f"yesterday's price, but never more than {highest:.0f}: RMSE {metrics.rmse(cut_off, truth[:, 0]):.1f}")

# %% [markdown]
# It says hardly more than the highest price that it was trained on, 190. Two thirds of the test days are higher. If
# yesterday's price were cut off at 190, it would be as bad: its RMSE would be 47.1. (There is a hard limit too. Every
# h is between -1 and 1, so the linear layer W h + b cannot say more than b + Σ|W|. But that is higher.) A random split
# would hide this failure: it trains on days of every height.

# %% tags=["proof"]
assert round(highest) == 190 and 0.6 < np.mean(price[two:] > highest) < 0.7
assert abs(metrics.rmse(cut_off, truth[:, 0]) - 47.1) < 0.1
if not QUICK:
    assert all(highest < forecast[:, 0].max() < 205 and most > 210 for forecast, most in lstms)

# %% [markdown]
# ## The test for the illusion
#
# Take another LSTM, which is fitted to the training part alone, and look at its forecasts for the validation days.
# Most of these prices lie within what it knows. There it looks like a forecast.
#
# On these days, compare the forecast for day t with the truth of day t - k. The number k is called the *lag*. The
# forecast is meant for k = 0.
#
# PREDICT: at which lag k is the error smallest, for the LSTM and for the ridge regression?

# %%
past = baselines.pasts(price[:two], 1, one, 1)[:, 0]  # the days before, from the last of the training part on
now = baselines.truth(price[:two], one, 1)[:, 0]
on_validation = {"LSTM": article_lstm(price, one, two, seed=0, horizon=1)[0][:, 0],
                 "ridge AR": baselines.AR(line.p, line.ridge).fit(train).forecasts(price[:two], one, 1)[:, 0]}
known = now <= train.max()  # the LSTM was trained on prices of this height
shifts, t = np.arange(-3, 6), 5 + np.flatnonzero(known[5:-3])
by_shift = {name: [metrics.rmse(f[t], now[t - k]) for k in shifts] for name, f in on_validation.items()}
print("k         " + "".join(f"{k:>7}" for k in shifts))
for name, row in by_shift.items():
    print(f"{name:<10}" + "".join(f"{value:>7.2f}" for value in row))
print(f"trained on prices up to {train.max():.0f}; {known.mean():.0%} of the validation days are within")
for name, f in (on_validation | {"yesterday's price": past}).items():
    within, above = (metrics.rmse(f[some], now[some]) for some in (known, ~known))
    print(f"{name:<18} R² {r2(f, now):.3f}, RMSE {metrics.rmse(f, now):.2f}: {within:.2f} within, {above:.2f} above")
squared = (on_validation["LSTM"] - now) ** 2
print(f"{squared[~known].sum() / squared.sum():.0%} of the LSTM's squared error is from the days above")

# %% tags=["proof"]
best = {name: shifts[np.argmin(row)] for name, row in by_shift.items()}
assert best["ridge AR"] == 1 and round(metrics.rmse(past, now), 2) == 1.44 and known.mean() > 0.8
if not QUICK:
    assert best["LSTM"] == 1 and r2(on_validation["LSTM"], now) > 0.9 and metrics.rmse(on_validation["LSTM"], now) > 2
    assert abs(metrics.rmse(on_validation["LSTM"][known], now[known]) - metrics.rmse(past[known], now[known])) < 0.05
    assert 0.8 < squared[~known].sum() / squared.sum() < 0.9

# %%
figure = Figure(figsize=(11, 3.4), layout="constrained")
zoom, lag = figure.subplots(1, 2, width_ratios=(2, 1))
shown = slice(300, 350)
plots.forecast(date[one:two][shown], now[shown], {name: f[shown] for name, f in on_validation.items()}, zoom)
zoom.set(ylabel="price", title="50 validation days: close to the truth, and a day late")
for (name, row), colour in zip(by_shift.items(), (ORANGE, BLUE)):
    lag.plot(shifts, row, ".-", color=colour, label=name)
lag.axvline(1, color=GREY, linestyle=":")
lag.set(xlabel="compared with the truth k days before", ylabel="RMSE", title="Nearest to yesterday's price: k = 1")
lag.legend(frameon=False)
save(figure, "21_stock_prices.png")

# %% [markdown]
# ![Fifty days of a price and two forecasts that are a day late; their errors by lag](figures/21_stock_prices.png)
#
# At k = 1, both of them. Such a forecast is an *echo*: it repeats the day before. On the days within what it knows the
# LSTM is as good as yesterday's price: an RMSE of 1.36 beside 1.38. Over all days it has R² above 0.9, and an RMSE of
# 3.26 beside 1.44. The few days above make 85 % of its squared error.
#
# An echo need not be a bad forecast: of a price that moves by chance, the last price is the best. A forecast that knew
# a small part of the next move would be nearest at k = 1 too. The illusion is the R², and the two curves that lie on
# each other. They are there without any knowledge of the next day. What counts is the error beside that of the last
# price.
#
# Can the change itself be forecast? That is the question of tutorial 22.
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
walk_truth, walk_last = walk[two:], walk[two - 1:-1]
echo = [metrics.rmse(walk_line[5:-3], walk_truth[5 - k:len(walk_truth) - 3 - k]) for k in shifts]
for name, f in {"its last value": walk_last, "the line": walk_line}.items():
    print(f"a walk, forecast by {name}: R² {r2(f, walk_truth):.4f}, RMSE {metrics.rmse(f, walk_truth):.3f}")
print(f"the line's error is smallest at k = {shifts[np.argmin(echo)]}")

assert shifts[np.argmin(echo)] == 1
assert round(r2(walk_last, walk_truth), 2) == round(r2(walk_line, walk_truth), 2) == 0.99
assert abs(metrics.rmse(walk_line, walk_truth) - metrics.rmse(walk_last, walk_truth)) < 0.005
