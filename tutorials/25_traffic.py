# %% [markdown]
# # 25. Traffic: what a network finds that the line was not told
#
# *Beside the article: §6, traffic flow; the model of §5, read out at every step as in §4, equation 4.*
#
# A counter on the interstate I-94 in Minneapolis counts the vehicles of each hour: the *volume*. How many will pass in
# the next hour? The rhythm of the week says most of it. A line and an LSTM read the same numbers. Does the network find
# more than the line, and can the line be told what it found?
#
# ## An hour without a count
#
# There are 15,312 hours, and in 66 of them nobody counted. Let usual_t be the mean of this hour of the week in the
# training part, and s a scale. The series of this tutorial is
#
#     u_t = (volume_t - usual_t) / s        how unusual is this hour?
#
# At step t the network reads
#
#     x_t = (k_{t-1} u_{t-1}, k_{t-1}, calendar_t)        k = 1 if the hour was counted, else 0
#
# and says u_t. The calendar (hour, weekday, holiday) is known before.
#
# No count means nothing to learn from. At such a step the mask m_t of the loss is 0. On paper: the network says
# (1, 2, 5), and the counts were (0, 0, none). Then L = Σ m (y - u)² / Σ m = (1 + 4) / 2 = 2.5. Backward,
# dy = 2 m (y - u) / Σ m = (1, 2, 0). What stands in place of the missing count has no influence.
#
# PREDICT: below are the hours from 6 to 11 o'clock. Those of 7, 8 and 9 were not counted. In which of the six rows is
# k = 0, and in which is m = 0?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, datasets, fast, gradcheck, linear, losses, optim, training
from minirnn.plots import BLUE, GREEN, ORANGE

traffic = datasets.i94_traffic()
time, volume, holiday = traffic["time"], traffic["volume"], traffic["holiday"]
n = len(volume)
one, two = round(0.7 * n), round(0.85 * n)  # 70 % of the hours to train, 15 % to choose with, 15 % to test
known = ~np.isnan(volume)
hour, weekday = np.arange(n) % 24, (time.astype("datetime64[D]").astype(int) + 3) % 7  # 0 is Monday
hour_of_week = 24 * weekday + hour
usual = np.array([np.nanmean(volume[:one][hour_of_week[:one] == k]) for k in range(168)])[hour_of_week]
scale = datasets.Scale.fit((volume - usual)[:one][known[:one]])
u = np.where(known, scale.apply(volume - usual), 0)
calendar = np.column_stack([np.eye(24)[hour], np.eye(7)[weekday], holiday])


def examples(hours, steps=24):
    """The windows that end with the forecast of these hours; the loss is that of the last 12 steps, since in the first
    ones the state has seen too little."""
    t = hours[:, None] + np.arange(1 - steps, 1)
    k = known[t - 1]
    x = np.concatenate([(k * u[t - 1])[..., None], k[..., None], calendar[t]], axis=2)
    learn = known[t] & (np.arange(steps) >= steps - 12)
    return training.Batch(x.astype(np.float32), u[t][..., None].astype(np.float32), mask=learn)


print(f"{n:,} hours, {(~known).sum()} of them without a count")
window = examples(np.flatnonzero(time == np.datetime64("2018-08-07T11")), steps=6)
print("t                volume  reads k u_{t-1}      k      m")
for t, x, m in zip(np.flatnonzero(time == np.datetime64("2018-08-07T06")) + np.arange(6), window.x[0], window.mask[0]):
    print(f"{time[t]}  {volume[t]:>8.0f} {x[0]:>16.2f} {x[1]:>6.0f} {m:>6}")

# %% [markdown]
# Row t reads k of the hour before, t-1. The count that is missing at 7 shows as m = 0 in its own row, and as k = 0 in
# the next.

# %% tags=["proof"]
assert n == 15312 and (~known).sum() == 66
assert window.x[0, :, 1].tolist() == [1, 1, 0, 0, 0, 1]
assert window.mask[0].tolist() == [True, False, False, False, True, True]
for missing in (0.0, 99.0):
    loss, cache = losses.mse(np.array([[1.0, 2, 5]]), np.array([[0, 0, missing]]), np.array([[True, True, False]]))
    assert loss == 2.5 and losses.mse_backward(cache).tolist() == [[1, 2, 0]]
network = compose.chain(fast.lstm, linear)
rng = np.random.default_rng(0)
params = network.init(rng, 34, 3, 1, dtype=np.float64)
model = compose.with_loss(network, losses.mse, window.y.astype(float), window.mask)
assert gradcheck.check(model, params, window.x.astype(float), rng=rng, method="complex").ok

# %% [markdown]
# ## The models
#
# - Three forecasts without learning: the last volume, that of the same hour last week, the usual one.
# - The *line*: a ridge regression (tutorial 21), its penalty chosen on validation. It reads 24 values of u and of k, as
#   the network does, and the calendar. Its calendar is the richer one: a column for each hour of the week, where the
#   network has the hour and the weekday.
# - The *LSTM*: 32 units, windows of 24 hours, five seeds. The epoch is chosen on validation. So was the number of
#   units, of 32 and 64. (Recorded, not run here. The test errors of both had been seen.)
# - The mean of the five networks.
#
# PREDICT: by how many per cent will the error of the network be below that of the line, if it is?

# %%
train, validation, test = np.arange(336, one), np.arange(one, two), np.arange(two, n)
PARTS = validation, test
EPOCHS, STRIDE, SEEDS = (1, 12, 1) if QUICK else (6, 2, 5)  # every second window is enough, since they overlap
filled = np.where(known, volume, usual)


def rows(k):
    of_week = np.eye(168)[hour_of_week[k]]
    past = k[:, None] - np.arange(1, 25)
    return np.column_stack([np.ones(len(k)), u[past], known[past], of_week, holiday[k]])


def rmse(forecast, hours):
    e = (forecast - volume[hours])[known[hours]]
    return np.sqrt(np.mean(e**2))


def ridge(rows, group=np.zeros(n, int)):
    """Forecasts for validation and test. Each group of hours has a line of its own."""
    penalties = 1e-5, 1e-4, 1e-3, 1e-2, 1e-1
    said = [np.zeros((len(penalties), len(hours))) for hours in PARTS]
    for g in np.unique(group):
        k = train[(group[train] == g) & known[train]]
        X = rows(k)
        for i, penalty in enumerate(penalties):
            punish = penalty * len(k) * np.eye(X.shape[1])
            punish[0, 0] = 0
            W = np.linalg.solve(X.T @ X + punish, X.T @ u[k])
            for forecast, hours in zip(said, PARTS):
                mine = group[hours] == g
                forecast[i, mine] = rows(hours[mine]) @ W
    said = [usual[hours] + scale.invert(f) for f, hours in zip(said, PARTS)]
    best = np.argmin([rmse(f, validation) for f in said[0]])
    return [f[best] for f in said]


def lstm(seed):
    rng = np.random.default_rng(seed)
    params = network.init(rng, 34, 32, 1)
    training.fit(network, params, optim.Adam(), examples(train[::STRIDE]), examples(validation[::3]), rng=rng,
                 epochs=EPOCHS, batch_size=32, schedule=optim.WarmupCosine(peak=5e-3, warmup=1, total=7))
    said = [network.forward(params, examples(hours).x)[0][:, -1, 0].astype(float) for hours in PARTS]
    return [usual[hours] + scale.invert(f) for f, hours in zip(said, PARTS)]


def show(*names):
    print(f"{'vehicles':<22}{'validation: RMSE':>17}{'MAE':>6}{'test: RMSE':>13}{'MAE':>6}")
    for name in names:
        print(f"{name:<22}" + "".join(f"{rmse(f, hours):>{width}.0f}{np.nanmean(abs(f - volume[hours])):>6.0f}"
                                      for f, hours, width in zip(forecasts[name], PARTS, (17, 13))))


network = compose.chain(fast.lstm, linear)
forecasts = {"the last volume": [filled[hours - 1] for hours in PARTS],
             "last week": [filled[hours - 168] for hours in PARTS], "usual": [usual[hours] for hours in PARTS],
             "line": ridge(rows), **{f"LSTM, seed {seed}": lstm(seed) for seed in range(SEEDS)}}
forecasts["LSTM, mean"] = [np.mean(f, axis=0) for f in zip(*(forecasts[f"LSTM, seed {s}"] for s in range(SEEDS)))]
show(*forecasts)

# %% [markdown]
# The networks are ahead by 11 to 16 per cent: 204 for their mean on test, where the line with the same inputs has 237.
#
# PREDICT: the error of the line is not larger by the same at all hours of the day. At which is it?

# %%
def by_hour(name, part):
    """The RMSE of each hour of the day."""
    hours = PARTS[part]
    return np.array([rmse(forecasts[name][part][hour[hours] == h], hours[hour[hours] == h]) for h in range(24)])


print("RMSE of the line less that of the LSTM, at 0 to 23 o'clock")
for part, name in enumerate(("validation", "test")):
    behind = by_hour("line", part) - by_hour("LSTM, mean", part)
    print(f"{name:<11}" + "".join(f"{value:>5.0f}" for value in behind))
share = [np.sum(u[k] * u[k - 1]) / np.sum(u[k - 1] ** 2) for k in (train[hour[train] == h] for h in range(24))]
print("how much of u_{t-1} is left in u_t, when t is 0 to 23 o'clock")
print(f"{'training':<11}" + "".join(f"{value:>5.1f}" for value in share))

# %% [markdown]
# At midnight, and from 5 to 7 in the morning, on validation and on test. The last row says why. A line adds: it takes a
# share of u_{t-1} to the next hour, the same share at all hours. But at midnight only 0.3 of it is left. At 5 in the
# morning it is 2.7 times as much, because there are more vehicles then than an hour before. A network can multiply: its
# gates read the calendar and act on the state.

# %% tags=["proof"]
assert round(share[0], 1) == 0.3 and round(share[5], 1) == 2.7
assert np.nanmean(volume[hour == 5]) > 1.5 * np.nanmean(volume[hour == 4])
of_line = [rmse(f, hours) for f, hours in zip(forecasts["line"], PARTS)]
assert np.allclose(of_line, (245, 237), atol=0.5)
if not QUICK:
    of_networks = [rmse(f, hours) for f, hours in zip(forecasts["LSTM, mean"], PARTS)]
    assert np.allclose(of_networks, (207, 205), atol=1.5)
    assert all(0.11 < 1 - rmse(forecasts[name][part], PARTS[part]) / of_line[part] < 0.165
               for name in forecasts if "LSTM" in name for part in (0, 1))
    for part in (0, 1):
        worst = np.argsort(by_hour("line", part) - by_hour("LSTM, mean", part))[-4:]
        assert set(worst) == {0, 5, 6, 7} or part == 1 and {0, 5, 6} < set(worst)

# %% [markdown]
# If that is what it found, the line can be told. Fit 24 lines, one for each hour of the day.
#
# PREDICT: how much of the distance to the network will the 24 lines close: none, half, or all?

# %%
forecasts["24 lines"] = ridge(rows, group=hour)
show("line", "LSTM, mean", "24 lines")


def excess(f, g, part):
    """How much the squared error of f is above that of g, and its standard error: a week counts as one observation
    (tutorial 22)."""
    hours = PARTS[part]
    e = [np.where(known[hours], forecasts[name][part] - filled[hours], 0) ** 2 for name in (f, g)]
    weeks = np.array([week.mean() for week in np.array_split(e[0] - e[1], round(len(hours) / 168))])
    return weeks.mean(), weeks.std(ddof=1) / np.sqrt(len(weeks))


names = [*(f"LSTM, seed {seed}" for seed in range(SEEDS)), "LSTM, mean"]
pairs = [*((name, "line") for name in names), ("24 lines", "line"), *((name, "24 lines") for name in names)]
print(f"{'squared error, and standard error':<33}{'validation':>17}{'test':>17}")
for pair in pairs:
    differences = ["{:>10.0f} ± {:>4.0f}".format(*excess(*pair, part)) for part in (0, 1)]
    print(f"{' less '.join(pair):<33}" + "".join(differences))

# %% tags=["proof"]
of_24 = [rmse(f, hours) for f, hours in zip(forecasts["24 lines"], PARTS)]
assert np.allclose(of_24, (226, 212), atol=0.5)
if not QUICK:
    closed = [(a**2 - b**2) / (a**2 - c**2) for a, b, c in zip(of_line, of_24, of_networks)]
    assert np.allclose(closed, (0.51, 0.78), atol=0.04)
    sure = {pair: [d / e for d, e in (excess(*pair, part) for part in (0, 1))] for pair in pairs}
    assert np.allclose(sure["LSTM, mean", "line"], (-2.5, -2.2), atol=0.1)
    assert np.allclose(sure["24 lines", "line"], (-1.6, -1.7), atol=0.1)
    assert np.allclose(sure["LSTM, mean", "24 lines"], (-2.0, -2.6), atol=0.1)
    assert all(-2.45 < value < -1.75 for name in names[:-1] for value in sure[name, "line"])
    assert all(-2.05 < value < -0.75 for name in names[:-1] for value in sure[name, "24 lines"])

# %%
figure = Figure(figsize=(11, 3.6), layout="constrained")
for part, ax in enumerate(figure.subplots(1, 2, sharey=True)):
    for name, colour in {"line": BLUE, "24 lines": GREEN, "LSTM, mean": ORANGE}.items():
        ax.plot(range(24), by_hour(name, part), ".-", color=colour, label=name)
    ax.set(xlabel="hour of the day that is forecast", xticks=range(0, 24, 4),
           title=("Validation", "Test")[part] + ": one line is behind at midnight, and at 5 to 7")
ax.figure.axes[0].set(ylabel="RMSE, vehicles")
ax.figure.axes[0].legend(frameon=False)
save(figure, "25_traffic.png")

# %% [markdown]
# ![RMSE by hour of the day: line, 24 lines and networks, on validation and test](figures/25_traffic.png)
#
# In squared error the 24 lines close half of the distance on validation, and nearly four fifths on test. So half or
# more of what the network found is that the hour matters. A line can be told that.
#
# How sure is it? The mean of the networks is ahead of the one line by 2.5 standard errors on validation and by 2.2 on
# test. Single networks are ahead of it by 1.8 to 2.4. So a lead over the one line is likely. The 24 lines are ahead of
# it by 1.6 and 1.7.
#
# The mean is ahead of the 24 lines too, by 2.0 and 2.6 standard errors. Single networks are by 0.8 to 2.0. So the mean
# is likely to know more than the hour. Whether one network does, these data do not say.
#
# *Gradient boosting* adds up many small decision trees. It reads 24 values of u, hour, weekday and holiday. Recorded
# once, it has 227 on validation and 208 on test. (`HistGradientBoostingRegressor` of scikit-learn 1.9.1, rate 0.1, 31
# leaves. The number of trees, 54 of up to 200, was chosen on validation.)
#
# **To take away:** give the one line a single product more, `u[k - 1] * (hour[k] == 0)`, as a column of `rows`. How
# much of the distance to the 24 lines does it close? And 24 products, one for each hour,
# `u[k - 1, None] * np.eye(24)[hour[k]]`?

# %% [markdown] tags=["answer"]
# ## Answer
#
# With one product the line goes from 237 to 231. In squared error that is a quarter of the distance to the 24 lines.
# With 24 products it is at 212, where they are: all of it, in one line.

# %% tags=["proof"]
def told(products):
    return rmse(ridge(lambda k: np.column_stack([rows(k), products(k)]))[1], test)


one_product = told(lambda k: u[k - 1] * (hour[k] == 0))
all_products = told(lambda k: u[k - 1, None] * np.eye(24)[hour[k]])
print(f"one product {one_product:.1f}, 24 products {all_products:.1f}")
assert round(one_product) == 231 and round(all_products) == round(of_24[1]) == 212
assert 0.2 < (of_line[1]**2 - one_product**2) / (of_line[1]**2 - of_24[1]**2) < 0.3
