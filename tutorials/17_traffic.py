# %% [markdown]
# # 17. Traffic: what a network finds that the line was not told
#
# *Beside the article: §6, traffic flow; the model of §5, read out at every step as in §4, equation 4.*
#
# Each hour, so many vehicles pass a counter on the interstate I-94 in Minneapolis: 15,312 hours, and in 66 of them
# nobody counted. How many will pass in each of the next 24 hours? The rhythm of the week says most of it. The question
# is what can be learned beyond that, by a line and by an LSTM that read the same numbers.
#
# ## Two kinds of not knowing
#
# Let usual_t be the mean of this hour of the week in the training part, and s a scale. The series of this tutorial is
#
#     u_t = (volume_t - usual_t) / s        how unusual is this hour?
#
# An hour without a count is not known, and neither is tomorrow. Both are the same thing to the network: at step t it
# reads
#
#     x_t = (k_{t-1} u_{t-1}, k_{t-1}, calendar_t),        k = 1 if known, else 0
#
# and says u_t. The calendar (hour, weekday, holiday) is known of the future too. The window has 24 past hours, then 24
# with k = 0. Nothing is filled in to be learned: where there was no count, the mask m_t of the loss is 0.
#
# On paper: the network says (1, 2, 5), the counts were (0, 0, none), so L = Σ m (y - u)² / Σ m = (1 + 4) / 2 = 2.5.
# Backward, dy = 2 m (y - u) / Σ m = (1, 2, 0), and what stands in place of the missing count has no influence.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, gradcheck, linear, losses, optim, plots, training
from minirnn.plots import BLUE, GREEN, GREY, ORANGE

for missing in (0.0, 99.0):
    counts, mask = np.array([[0, 0, missing]]), np.array([[True, True, False]])
    loss, cache = losses.mse(np.array([[1.0, 2, 5]]), counts, mask)
    print("loss", loss, "dy", losses.mse_backward(cache))
    assert loss == 2.5 and losses.mse_backward(cache).tolist() == [[1, 2, 0]]

# %% [markdown]
# ## The data
#
# The hours in order, 70 % to train, 15 % to choose with, 15 % to test. Mean and scale are those of the training part.
# Below is a window around a gap, of 3 past hours and 3 to come.
#
# PREDICT: counts are missing from 7 to 9 o'clock. Which rows have k = 0, and which have m = 0?

# %%
traffic = datasets.i94_traffic()
time, volume, holiday = traffic["time"], traffic["volume"], traffic["holiday"]
n, H = len(volume), 24
one, two = round(0.7 * n), round(0.85 * n)
known = ~np.isnan(volume)
hour, weekday = np.arange(n) % 24, (time.astype("datetime64[D]").astype(int) + 3) % 7  # 0 is Monday
hour_of_week = 24 * weekday + hour
usual = np.array([np.nanmean(volume[:one][hour_of_week[:one] == k]) for k in range(168)])[hour_of_week]
scale = datasets.Scale.fit((volume - usual)[:one][known[:one]])
u = np.where(known, scale.apply(volume - usual), 0)
calendar = np.column_stack([np.eye(24)[hour], np.eye(7)[weekday], holiday])


def examples(origins, past=24, ahead=H):
    """The windows that know all before each origin k and nothing from k on."""
    steps = np.arange(-past, ahead)
    t = origins[:, None] + steps
    k = known[t - 1] & (steps <= 0)
    x = np.concatenate([(k * u[t - 1])[..., None], k[..., None], calendar[t]], axis=2)
    learn = known[t] & (steps >= -12)  # the first hours only warm the state up
    return training.Batch(x.astype(np.float32), u[t][..., None].astype(np.float32), mask=learn)


print(f"{n:,} hours, {(~known).sum()} of them without a count")
assert n == 15312 and (~known).sum() == 66
gap = np.flatnonzero(time == np.datetime64("2018-08-07T09"))
window = examples(gap, past=3, ahead=3)
print("t                volume  reads u_{t-1}      k      m")
for t, x, m in zip(time[gap[0] - 3:gap[0] + 3], window.x[0], window.mask[0]):
    print(f"{t}  {volume[time == t][0]:>8.0f} {x[0]:>14.2f} {x[1]:>6.0f} {m:>6}")
assert window.x[0, :, 1].tolist() == [1, 1, 0, 0, 0, 0]
assert window.mask[0].tolist() == [True, False, False, False, True, True]

# %% [markdown]
# Every step with a known count is a target, also among the past hours: there the network is asked for the next hour
# only. So one pass trains both, one hour ahead and up to 24. The check, with a gap:

# %%
network = compose.chain(fast.lstm, linear)
rng = np.random.default_rng(0)
params = network.init(rng, 34, 3, 1, dtype=np.float64)
model = compose.with_loss(network, losses.mse, window.y.astype(float), window.mask)
report = gradcheck.check(model, params, window.x.astype(float), rng=rng, method="complex")
print(f"largest error {report.max_error:.1e}")
assert report.ok

# %% [markdown]
# ## What is to be beaten
#
# Three forecasts without learning, and lines: a ridge regression for each of the 24 hours ahead (tutorial 15), with a
# penalty chosen on validation. *Ridge AR* reads the last 336 volumes. *Ridge, calendar* reads what the network reads:
# 24 values of u and of k, hour of the week, and the holidays of the 24 hours to come. Where an input is missing,
# volume or u is the usual one.

# %%
train, validation, test = (np.arange(*part) for part in ((336, one - H + 1), (one, two - H + 1), (two, n - H + 1)))
ahead = np.arange(H)
whole = train[known[train[:, None] + ahead].all(axis=1)]  # a line has no mask: origins with a gap ahead are left out
filled = np.where(known, volume, usual)


def rows_ar(k):
    return np.column_stack([np.ones(len(k)), scale.apply(filled[k[:, None] - np.arange(1, 337)])])


def rows_calendar(k):
    past, of_week = k[:, None] - np.arange(1, 25), np.eye(168)[hour_of_week[k]]
    return np.column_stack([np.ones(len(k)), u[past], known[past], of_week, holiday[k[:, None] + ahead]])


def squared(forecast, origins):
    """The squared errors (n, H), 0 where nobody counted, and where somebody did."""
    t = origins[:, None] + ahead
    return np.where(known[t], forecast - filled[t], 0) ** 2, known[t]


def rmse(forecast, origins, axis=None):
    e, counted = squared(forecast, origins)
    return np.sqrt(e.sum(axis) / counted.sum(axis))


def ridge(rows, less=usual, group=np.zeros(n, int), penalties=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1)):
    """Forecasts for validation and test, of volume less `less`. Each group of origins has a line of its own."""
    target = scale.apply(filled - less)
    said = [np.zeros((len(penalties), len(k), H)) for k in (validation, test)]
    for g in np.unique(group):
        k = whole[group[whole] == g]
        X, y = rows(k), target[k[:, None] + ahead]
        A, b = X.T @ X, X.T @ y
        for i, penalty in enumerate(penalties):
            punish = penalty * len(k) * np.eye(len(A))
            punish[0, 0] = 0
            W = np.linalg.solve(A + punish, b)
            for forecast, origins in zip(said, (validation, test)):
                mine = group[origins] == g
                forecast[i, mine] = rows(origins[mine]) @ W
    said = [less[k[:, None] + ahead] + scale.invert(f) for f, k in zip(said, (validation, test))]
    best = np.argmin([rmse(f, validation, axis=0) for f in said[0]], axis=0)
    return [f[best, :, ahead].T for f in said]


parts = (one, two), (two, n)  # of validation and test
forecasts = {
    "persistence": [baselines.persistence(filled[:end], start, H) for start, end in parts],
    "last week": [baselines.seasonal_naive(filled[:end], start, H, season=168) for start, end in parts],
    "usual": [usual[k[:, None] + ahead] for k in (validation, test)],
    "ridge AR": ridge(rows_ar, less=np.zeros(n)),
    "ridge, calendar": ridge(rows_calendar)}

# %% [markdown]
# ## The network
#
# 64 units, in float32, batches of 32 windows; every second origin is enough, since windows overlap. The rate warms up
# for an epoch and then falls in half a cosine. Chosen on validation among about a dozen settings: 16, 32 or 64 units;
# 24 or 48 past hours; raw volume instead of u, which was clearly worse; weight decay. The mean of three seeds is a
# model too. (A first version, of 32 units and every third origin, was worse on validation, about 227 and 366; its test
# errors, 224 and 345, had been seen when this larger one was tried.)
#
# PREDICT: will the network's gain over *ridge, calendar* be larger for the next hour, or for the mean of the next 24?

# %%
EPOCHS, STRIDE, SEEDS = (1, 12, 1) if QUICK else (6, 2, 3)


def trained(seed):
    rng = np.random.default_rng(seed)
    params = network.init(rng, 34, 64, 1)
    history = training.fit(network, params, optim.Adam(), examples(train[::STRIDE]), examples(validation[::3]), rng=rng,
                           epochs=EPOCHS, batch_size=32, schedule=optim.WarmupCosine(peak=5e-3, warmup=1, total=7))
    print(f"seed {seed}: best at epoch {history['best']} of {EPOCHS}")
    return params


for seed in range(SEEDS):
    params = trained(seed)
    said = [network.forward(params, examples(k).x)[0][:, -H:, 0].astype(float) for k in (validation, test)]
    forecasts[f"LSTM, seed {seed}"] = [usual[k[:, None] + ahead] + scale.invert(f)
                                       for f, k in zip(said, (validation, test))]
networks = [f for name, f in forecasts.items() if "LSTM" in name]
forecasts["LSTM, mean"] = [np.mean(f, axis=0) for f in zip(*networks)]


def scores(forecast, origins):
    """RMSE and MAE of the next hour, and of all 24."""
    e, counted = squared(forecast, origins)
    return [number for hours in (1, H) for number in (np.sqrt(e[:, :hours].sum() / counted[:, :hours].sum()),
                                                      np.sqrt(e[:, :hours]).sum() / counted[:, :hours].sum())]


table = {}


def show(*names):
    print(f"{'vehicles an hour':<17} {'validation, RMSE':>19} {'test: 1 hour':>17} {'24 hours':>19}")
    print(f"{'':<17} {'1 h':>11} {'24 h':>7} {'RMSE':>11} {'MAE':>5} {'RMSE':>13} {'MAE':>5}")
    for name in names:
        (v1, _, v24, _), (rmse_1, mae_1, rmse_24, mae_24) = table[name] = [
            scores(f, k) for f, k in zip(forecasts[name], (validation, test))]
        print(f"{name:<17} {v1:>11.0f} {v24:>7.0f} {rmse_1:>11.0f} {mae_1:>5.0f} {rmse_24:>13.0f} {mae_24:>5.0f}")


show(*forecasts)

# %% [markdown]
# One hour ahead the network wins: an RMSE of about 212 where the line with the same inputs has 232. Over 24 hours it
# won on validation (about 359 against 382), and on the test part it does not: about 326 against 322. So there the
# choice made on validation was no gain.
#
# ## What did it find?
#
# A line adds. If 500 vehicles are missing in this hour, it takes the same share of them from the next, at noon as at 5
# in the morning. But how long something unusual lasts depends on the hour. A network can multiply: its gates read the
# calendar and act on the state. If that is all, then 24 lines, one for each hour of the day at which the forecast is
# made, should do as well.
#
# PREDICT: do they?

# %%
forecasts["ridge by hour"] = ridge(rows_calendar, group=hour)
show("ridge, calendar", "LSTM, mean", "ridge by hour")


def excess(f, g, hours):
    """By how much the squared error of f is above that of g on test, and its standard error, from means of weeks."""
    e, f = (squared(one_of[1], test)[0][:, :hours].mean(axis=1) for one_of in (f, g))
    weeks = (e - f)[:len(e) // 168 * 168].reshape(-1, 168).mean(axis=1)
    return weeks.mean(), weeks.std(ddof=1) / np.sqrt(len(weeks))


for name in ("LSTM, mean", "ridge by hour"):
    for hours in (1, H):
        print("{:<14} less ridge, calendar, {:>2} h: {:>6.0f} ± {:.0f}".format(
            name, hours, *excess(forecasts[name], forecasts["ridge, calendar"], hours)))
day = time[test].astype("datetime64[D]")
other_days = ~np.isin(day, np.array(["2018-07-03", "2018-07-04"], "datetime64[D]"))
without_july = {name: rmse(forecasts[name][1][other_days], test[other_days])
                for name in ("ridge, calendar", "ridge by hour", "LSTM, mean", *(f for f in forecasts if "seed" in f))}
print("24 hours, without the forecasts made on 3 and 4 July: " +
      ", ".join(f"{name} {value:.0f}" for name, value in without_july.items()))
below_zero = {name: int((forecasts[name][1] < 0).sum()) for name in ("ridge, calendar", "ridge by hour", "LSTM, mean")}
print("forecasts below zero vehicles:", below_zero, "of", forecasts["LSTM, mean"][1].size)
e = squared(forecasts["LSTM, mean"][1], test)[0]
share = e[np.isin(day, np.array(["2018-07-03", "2018-07-04"], "datetime64[D]"))].sum() / e.sum()
print(f"forecasts made on 3 and 4 July: {share:.0%} of the squared error of the LSTM")

line, lstms, by_hour = (table[name][1] for name in ("ridge, calendar", "LSTM, mean", "ridge by hour"))
at_0 = {name: np.sqrt(np.mean(squared(forecasts[name][1], test)[0][hour[test] == 0, 0]))
        for name in ("ridge, calendar", "LSTM, mean")}
ahead_of = rmse(forecasts["LSTM, mean"][1], test, axis=0) < rmse(forecasts["ridge, calendar"][1], test, axis=0)
print("error at 0 o'clock: " + ", ".join(f"{name} {value:.0f}" for name, value in at_0.items()))
print("hours ahead at which the network is better:", 1 + np.flatnonzero(ahead_of))

measured = [at_0["ridge, calendar"], line[0], line[2], by_hour[0], by_hour[2]]
assert np.allclose(measured, [286, 232, 322, 212, 304], atol=1)
assert below_zero["ridge, calendar"] == 228 and round(without_july["ridge by hour"]) == 285
if not QUICK:
    assert without_july["LSTM, mean"] < without_july["ridge by hour"]
    assert lstms[0] < 225 and 295 < lstms[2] < 360 and share > 0.15
    assert at_0["LSTM, mean"] < 150 and ahead_of[:4].all() and not ahead_of[18:].any()
    assert excess(forecasts["LSTM, mean"], forecasts["ridge, calendar"], 1)[0] < 0
    assert all(table["LSTM, mean"][0][k] < table["ridge, calendar"][0][k] for k in (0, 2))

figure = Figure(figsize=(12, 6.6), layout="constrained")
above, below = figure.subfigures(2, 1)
by_day, by_ahead = above.subplots(1, 2)
for name, colour in {"usual": GREY, "ridge, calendar": BLUE, "LSTM, mean": ORANGE, "ridge by hour": GREEN}.items():
    e, counted = squared(forecasts[name][1], test)
    total, count = (np.bincount(hour[test], a[:, 0]) for a in (e, counted))
    by_day.plot(range(24), np.sqrt(total / count), ".-", color=colour, label=name)
    by_ahead.plot(ahead + 1, rmse(forecasts[name][1], test, axis=0), ".-", color=colour, label=name)
by_day.set(xlabel="hour of the day that is forecast", ylabel="RMSE, vehicles", title="One hour ahead, by hour")
by_ahead.set(xlabel="hours ahead", ylabel="RMSE, vehicles", title="All hours, by distance")
by_day.legend(frameon=False, fontsize=8)
ax = below.subplots()
start = int(np.flatnonzero(time == np.datetime64("2018-08-30T00"))[0])
week = start + np.arange(168)
plots.forecast(time[week], volume[week], {name: forecasts[name][1][week[::24] - two].ravel()
                                          for name in ("LSTM, mean", "ridge, calendar")}, ax)
ax.set(ylabel="vehicles an hour", title="A week, each day forecast at midnight; Monday 3 September 2018 is a holiday")
save(figure, "17_traffic.png")

# %% [markdown]
# ![Errors by hour of the day and by distance, and a week of forecasts](figures/17_traffic.png)
#
# In the next hour they do: about 212, like the network. So the network found something real that the one line had not
# been told; once told, 24 lines fitted in a second do the same.
#
# Over 24 hours the order hangs on two days. The training part holds one 4 July. Of the network's squared error nearly a
# third stems from forecasts made on 3 and 4 July. With them the 24 lines are ahead of the network, 304 to about 326;
# without them the order turns round, 285 to about 278, and the seeds lie on both sides, 275 to
# 295. Two days are no evidence for either.
#
# Gradient boosting on lags belongs beside them. Recorded once, with another program that is not run here, it has 204,
# 276 and 315 for the single hours 1, 6 and 24 ahead: better than both in the next hour.
#
# The one line says a number below zero vehicles 228 times of 54,576; the network and the 24 lines never do. A forecast
# in use would be cut off at 0.
#
# The figure shows it at one place. At 23 o'clock all models are at their worst: some evenings bring twice the usual
# traffic. The line carries this into the next hour, where it is wrong by 286. The network, with about 95, has learned
# that an hour later it means little.
#
# The network's advantage in the next hour is more than two standard errors. It holds for about nine hours. In the mean
# over 24 hours no difference is beyond luck.
#
# **To take away:** give the one line a single product more, `u[k - 1] * (hour[k] == 0)`, as a column of
# `rows_calendar`. How much of the distance to the network does it close?
