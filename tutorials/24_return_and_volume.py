# %% [markdown]
# # 24. Return and volume: where is there something to forecast?
#
# *Beside the article: §6, stock prices; the model of §5.*
#
# Tutorial 23 forecast a price. No single model was clearly better than yesterday's price. So look at the change itself,
# the return, and at how many shares are traded. In which of the two is there something to forecast? Ask a line and an
# LSTM about both.
#
# ## How much can yesterday tell?
#
# The score is R², as in tutorial 23:
#
#     R² = 1 - Σ (y_t - ŷ_t)² / Σ (y_t - mean y)²
#
# Let ŷ_t = a y_{t-1}. Let the series have mean 0 and the same variance on all days, and let ρ be the correlation of y_t
# with y_{t-1}. Then the variance of y_t - a y_{t-1} is (1 - 2 a ρ + a²) times that of y. So:
#
#     R² = 1 - (1 - 2 a ρ + a²) = 2 a ρ - a²
#
# PREDICT: which a is the best? How large is R² then, if ρ = 0.6, and if ρ = 0.05?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import baselines, compose, datasets, fast, linear, metrics, optim, training
from minirnn.plots import BLUE, GREY

a = np.linspace(0, 1, 101)
for ρ in (0.6, 0.05):
    score = 2 * a * ρ - a**2
    print(f"ρ = {ρ}: the best a is {a[score.argmax()]:.2f}, with R² = {score.max():.4f}; a = 1 has {score[-1]:.2f}")

# %% tags=["proof"]
assert np.allclose((a[score.argmax()], score.max(), score[-1]), (ρ, ρ**2, 2 * ρ - 1))

# %% [markdown]
# The slope 2 ρ - 2 a is zero at a = ρ. There R² = ρ². With a = 1 ("like yesterday") R² = 2 ρ - 1.
#
# ## The data
#
# The New York Stock Exchange, 6,051 trading days. The file has three variables for each day:
#
# - the *return*, r_t = ln(p_t / p_{t-1}), where p is the Dow Jones index;
# - the log *volume*: the logarithm of how many shares were traded, less the mean of the days before;
# - the logarithm of the *volatility*, which is how much prices moved on the last days.
#
# The split is that of tutorial 23, and of a textbook (James et al., An Introduction to Statistical Learning, chapter
# 10): training up to 1979-12-31, its last 15 % for validation, then the test.

# %%
days = datasets.nyse()
date, n = days["date"], len(days["date"])
cut = int((date <= np.datetime64("1979-12-31")).sum())  # the first day of the test
choose = round(0.85 * cut)  # from here to the cut: validation
values = np.column_stack([days["dj_return"], days["log_volume"], days["log_volatility"]])
RETURN, VOLUME, VOLATILITY = 0, 1, 2
z = (values - values[:cut].mean(axis=0)) / values[:cut].std(axis=0)
for name, v in ("return", RETURN), ("volume", VOLUME):
    ρ = [np.corrcoef(z[part, v][1:], z[part, v][:-1])[0, 1] for part in (slice(0, cut), slice(cut, n))]
    print(f"{name}: correlation with the day before {ρ[0]:.2f} in training, {ρ[1]:.2f} in the test")

# %% tags=["proof"]
assert (n, n - cut) == (6051, 1770) and np.isclose(ρ[1], 0.59, atol=0.005)
assert np.isclose(np.corrcoef(z[cut + 1:, RETURN], z[cut:-1, RETURN])[0, 1], 0.05, atol=0.005)

# %% [markdown]
# ## A line and an LSTM that read the same
#
# Both read five days, a step for each. A step has the three variables of its day t, and the *calendar* of day t+1,
# which is known before. It says whether day t+1 is a Monday, a Tuesday, ..., and whether a holiday comes just before
# it. So the last step describes the day to be forecast.

# %%
weekday = np.eye(5)[(date.astype(int) + 3) % 7]  # no trade on Saturdays and Sundays
after_holiday = np.r_[False, np.busday_count(date[:-1], date[1:]) > 1]
calendar = np.column_stack([weekday, after_holiday])
k = np.arange(5, n)  # the days that are forecast
steps = k[:, None] + np.arange(-5, 0)
x = np.concatenate([z[steps], calendar[steps + 1]], axis=2)  # (days, 5, 3 + 6)
before, choosing, train, test = k < choose, (k >= choose) & (k < cut), k < cut, k >= cut

# %% [markdown]
# The *line* is a ridge regression (tutorial 21). The *LSTM* is the article's model, from five seeds. Validation chooses
# the penalty and the epochs. Then both are fitted again, to all training days.

# %%
def line(x, y):
    """The forecasts of the test days."""
    def error(penalty):
        return metrics.mse(baselines.Ridge(penalty).fit(x[before], y[before]).forecasts(x[choosing]), y[choosing])

    penalty = min((0, 1e-3, 1e-2, 1e-1, 1, 10), key=error)
    return baselines.Ridge(penalty).fit(x[train], y[train]).forecasts(x[test])[:, 0]


def lstm(x, y, seed):
    """The forecasts of the test days, as in tutorial 23."""
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

# %% [markdown]
# Beside them stand *always the mean* of the training days, *like yesterday*, and lines that read less. They read
# yesterday's value of the series, its five days, or the five days of all three variables. The last rows are means: of
# the five LSTMs, and of that mean and the line that reads all.

# %%
def r2(forecast, truth):
    return 1 - metrics.mse(forecast, truth) / np.var(truth)


def study(variable):
    """All forecasts of the test days, and the truth."""
    y = z[k, variable][:, None]
    truth = y[test, 0]
    networks = [lstm(x, y, seed) for seed in range(1 if QUICK else 5)]
    networks.sort(key=lambda f: r2(f, truth))
    said = {"always the mean": np.zeros(len(truth)),  # z has the mean 0 in training
            "like yesterday": x[test, -1, variable],
            "line: yesterday": line(x[:, -1:, variable], y), "line: five days": line(x[:, :, variable], y),
            "line: three variables": line(x[:, :, :3], y), "line: all": line(x, y),
            "LSTM: lowest of five": networks[0], "LSTM: highest of five": networks[-1],
            "LSTM: mean of five": np.mean(networks, axis=0)}
    said["mean of LSTM and line"] = (said["LSTM: mean of five"] + said["line: all"]) / 2
    return said, truth


studies = {"return": study(RETURN), "volume": study(VOLUME)}

# %% [markdown]
# For both series the table shows R², and R² *minus that of "line: all"*, ± its standard error: positive is better.
# (20 days count as one observation, as in tutorial 23.)
#
# PREDICT: on the test days ρ² of the volume is 0.35. Will "line: all" be below, at or above it? And will it have an R²
# above 0.02 for the return?

# %%
def minus(forecast, rival, truth):
    """R² minus that of a rival, and its standard error, from blocks of 20 days."""
    d = ((rival - truth) ** 2 - (forecast - truth) ** 2) / np.var(truth)
    blocks = d[:len(d) // 20 * 20].reshape(-1, 20).mean(axis=1)
    return d.mean(), blocks.std(ddof=1) / np.sqrt(len(blocks))


print(f"{'':<22}" + "".join(f"{name + ': R²':>16}{'minus line: all':>18}" for name in studies))
for row in studies["return"][0]:
    print(f"{row:<22}", end="")
    for said, truth in studies.values():
        difference, error = minus(said[row], said["line: all"], truth)
        print(f"{r2(said[row], truth):>16.3f}{difference:>10.3f} ± {error:.3f}", end="")
    print()
said, truth = studies["return"]
print(f"\nreturn, line: all: standard deviation {said['line: all'].std() / truth.std():.2f} of that of the truth")
said, truth = studies["volume"]
halves = [r2(said["line: all"][half], truth[half]) for half in (slice(0, 885), slice(885, 1770))]
print(f"volume, line: all: R² {halves[0]:.2f} in the first half of the test, {halves[1]:.2f} in the second")

# %% tags=["proof"]
assert np.round(halves, 2).tolist() == [0.59, 0.41]
said, truth = studies["return"]
assert max(r2(f, truth) for f in said.values()) < 0.01 and round(r2(said["like yesterday"], truth), 1) == -0.9
assert np.std(said["line: all"]) < 0.12 * np.std(truth)
difference, error = minus(said["line: all"], said["always the mean"], truth)
assert abs(difference) < error
said, truth = studies["volume"]
rows = "like yesterday", "line: yesterday", "line: five days", "line: three variables", "line: all"
assert np.allclose([r2(said[row], truth) for row in rows], [0.180, 0.345, 0.374, 0.413, 0.485], atol=0.001)
for row in rows[:-1]:
    difference, error = minus(said["line: all"], said[row], truth)
    assert difference > 4 * error
if not QUICK:
    for row in said:
        if "LSTM:" in row:
            difference, error = minus(said[row], said["line: all"], truth)
            assert -3 * error < difference < error and 0.455 < r2(said[row], truth) < 0.495
    assert abs(difference) < error  # of the mean of five
    difference, error = minus(said["mean of LSTM and line"], said["line: all"], truth)
    assert 0.004 < difference < 0.018 and 1.3 * error < difference < 4 * error

# %%
figure = Figure(figsize=(9, 3.6), layout="constrained")
ax = figure.subplots()
for name, colour in ("return", GREY), ("volume", BLUE):
    scores = {row: r2(f, studies[name][1]) for row, f in studies[name][0].items()}
    ax.plot(list(scores.values()), list(scores), "o", color=colour, markersize=8, label=name)
ax.axvline(0, color=GREY, linewidth=1)
ax.text(-0.09, 1, "← return: -0.9", va="center", color="#555555")
ax.grid(axis="x", alpha=0.4)
ax.set(xlabel="R² on the test days, one day ahead", xlim=(-0.1, 0.55), xticks=np.arange(-0.1, 0.6, 0.1),
       title="Return: no better than the mean. Volume: nearly half")
ax.legend(loc="lower center")
ax.invert_yaxis()
save(figure, "24_return_and_volume.png")

# %% [markdown]
# ![R² of return and volume: simple forecasts, four lines, LSTMs and means](figures/24_return_and_volume.png)
#
# In the return nobody finds anything: no R² is above 0.01. *Like yesterday* has -0.9, as 2 · 0.05 - 1 says. The line
# says nearly the mean: its forecasts vary a tenth as much as the truth.
#
# Of the volume, nearly half of the variance is known the day before. That is on average: it is less in the second half
# of the test. *Like yesterday* has 0.18, as in the book, and as 2 · 0.59 - 1 says. The line that reads only yesterday
# has about ρ² = 0.35. Then the days before add 0.03, the other variables 0.04 and the calendar 0.07.
#
# Alone the LSTM is not ahead of the line: the five are level with it or behind. The mean of both may be ahead, by about
# one hundredth of R². (The holidays and the mean of both were added after the test days had been seen, so 0.485 and
# 0.497 are a little flattering.) What helps here are inputs, above all the calendar, and hardly the network.
#
# **To take away:** the file has a third variable, the log volatility. Its ρ on the test days is 0.955. Calculate on
# paper what *like yesterday* and the best a have. Then compare with the line that reads all:
#
#     y = z[k, VOLATILITY][:, None]
#     print(r2(x[test, -1, VOLATILITY], y[test, 0]), r2(line(x, y), y[test, 0]))
#
# How much does the line find that yesterday's value does not tell?

# %% [markdown] tags=["answer"]
# ## Answer
#
# Nearly nothing: 0.002. On paper they have 2 ρ - 1 = 0.910 and ρ² = 0.912. *Like yesterday* has 0.909 and the line
# 0.911. So of the three series this one has the highest R², and here the line is least ahead of *like yesterday*. It
# forecasts an echo, as in tutorial 23.

# %% tags=["proof"]
y = z[k, VOLATILITY][:, None]
truth, like_yesterday, by_line = y[test, 0], x[test, -1, VOLATILITY], line(x, y)
difference, error = minus(by_line, like_yesterday, truth)
print(f"R² {r2(like_yesterday, truth):.3f}, {r2(by_line, truth):.3f}; the difference {difference:.4f} ± {error:.4f}")
assert round(np.corrcoef(z[cut + 1:, VOLATILITY], z[cut:-1, VOLATILITY])[0, 1], 3) == 0.955
assert round(r2(like_yesterday, truth), 3) == 0.909 and round(r2(by_line, truth), 3) == 0.911
