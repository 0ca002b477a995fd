# %% [markdown]
# # 30. Does a mean of models know more?
#
# *Beside the article: §6, recommender systems.*
#
# Tutorial 29 told tables and a GRU what sells now. Then a table was ahead: the *fading pairs*, whose counts fade with
# time. Three GRUs, trained from three seeds, were behind it. Take the mean of the three GRUs' probabilities. Or the
# mean of a network and the table. Nothing is trained or chosen for it. Does such a mean know more than the best of its
# parts?
#
# A model gives a probability to each item, and pays -ln p of the one that came next in a session, in *nats*.
#
# ## Two models on paper
#
# To what came, one model gives 0.9 at event 1 and 0.1 at event 2. The other gives 0.1 and 0.9. Each pays the mean of
# 0.105 and 2.303, which is 1.204 nats.
#
# PREDICT: the mean of the two gives 0.5 twice. Does it pay more than each model alone, the same, or less?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, counting, datasets, embedding, fast, linear, losses, optim, plots, training

for one, two in ([0.9, 0.1], [0.1, 0.9]), ([0.9, 0.9], [0.5, 0.5]):
    parts = np.array([one, two])
    alone, mean = -np.log(parts).mean(axis=1), -np.log(parts.mean(axis=0)).mean()
    print(f"{one} pays {alone[0]:.3f}, {two} pays {alone[1]:.3f}, their mean pays {mean:.3f}")

# %% [markdown]
# Less: 0.693. The curve of -ln p bends upwards. So a mean of probabilities never pays more than the mean of what its
# parts pay:
#
#     -ln((p + q)/2) ≤ (-ln p - ln q)/2        equal only where p = q
#
# It pays much less where the parts differ: one is sure where the other is wrong.
#
# But it can pay more than the better part. In the second example one model gives 0.9 at both events, the other 0.5.
# Their mean gives 0.7 and pays 0.357, the better one alone only 0.105. So a mean helps when the parts are about as
# good and are wrong at different events.

# %% tags=["proof"]
assert np.allclose([-np.log([0.9, 0.1]).mean(), -np.log(0.5), -np.log(0.7), -np.log(0.9)], [1.204, 0.693, 0.357, 0.105],
                   atol=5e-4)

# %% [markdown]
# ## The models of tutorial 29
#
# They are fitted to 8,226 sessions of a shop for gifts, and the test is the 1,452 after them. What a session has seen
# is masked. Each model is multiplied by its factor of recent popularity:
#
#     p_j ∝ p_j · (recent popularity_j / popularity_j)^0.75
#
# The half-life of recent popularity was chosen on validation: 150 sessions for the table, 300 for the GRUs. (Tutorial
# 29 took 300 for all, and its table paid 3.789.) Below, *the table* is the fading pairs, *three GRUs* is the mean of
# the three, and & stands for the mean of two models. The *hit rate at 10* is the share of events where the item that
# came is among the ten likeliest.
#
# PREDICT: the table alone pays 3.790 nats. Does the mean of three GRUs pay less? Does the mean of a GRU and the table?

# %%
EPOCHS, SEEDS, MOST = (1, range(1), 1000) if QUICK else (8, range(3), None)  # MOST: how many sessions to train on
sessions, items = datasets.online_retail()
V, n = len(items), round(0.85 * len(sessions))
PARTS = {"validation": (round(0.85 * n), n), "test": (n, len(sessions))}  # a part is guessed by what came before it
network = compose.chain(compose.with_dropout(embedding, 0.3), compose.with_dropout(fast.gru, 0.3), linear)


def gru(past, asked, seed):
    """The GRU of tutorial 28: its probabilities at each event of `asked`."""
    rng = np.random.default_rng(seed)
    params = network.init(rng, V, 48, 48, V)
    params[0]["W"] *= 0.3
    training.fit(network, params, optim.Adam(), datasets.next_items(past[:MOST]), epochs=EPOCHS, rng=rng,
                 batch_size=128, loss=losses.cross_entropy,
                 schedule=optim.WarmupCosine(peak=0.01, warmup=1, total=max(3, EPOCHS)))
    x, _, lengths, mask = datasets.next_items(asked)
    return np.exp(network.forward(params, x, lengths=lengths)[0][mask].astype(float))


def guesses(past, asked):
    """What the models give to each event of `asked`, and their means: a list over seeds for each."""
    def with_recent(p, half_life):
        factor = (counting.popularity(past, V, half_life) / counting.popularity(past, V)) ** 0.75
        return counting.masked(p * factor, counting.memories(asked, V, 1.0) > 0)

    fading = counting.Counts(0.2, 160, pairs=0.15, half_life=8000).fit(past, V).probabilities(asked)
    p = {"table": [with_recent(fading, 150)],
         "GRU": [with_recent(gru(past, asked, seed), 300) for seed in SEEDS]}
    p["three GRUs"] = [np.mean(p["GRU"], axis=0)]
    for some in "GRU", "three GRUs":
        p[f"{some} & table"] = [(one + p["table"][0]) / 2 for one in p[some]]
    return p


def nats(p, part="test"):
    return -np.log(p[np.arange(len(p)), came[part]])


def hits(p):
    """1 where the item that came is among the ten likeliest, else 0; at each event of the test."""
    return (np.argsort(-p, axis=1, kind="stable")[:, :10] == came["test"][:, None]).any(axis=1).astype(float)


models = {part: guesses(sessions[:start], sessions[start:end]) for part, (start, end) in PARTS.items()}
came = {part: np.concatenate([session[1:] for session in sessions[slice(*ends)]]) for part, ends in PARTS.items()}
print(f"{'':<20}{'validation nats':>16}{'test nats':>12}{'hit at 10':>12}")
for name in models["test"]:
    for new, p in zip(models["validation"][name], models["test"][name]):
        print(f"{name:<20}{nats(new, 'validation').mean():>16.3f}{nats(p).mean():>12.3f}{hits(p).mean():>12.3f}")

# %% [markdown]
# Which differences are more than luck? As in tutorial 28, 100 sessions in a row are one observation. ± is one standard
# error over 14 of these, and the ratio is the difference divided by it. By chance alone, 5 % of cases lie beyond 2.16.

# %%
block = np.repeat(np.arange(len(sessions) - n) // 100, [len(session) - 1 for session in sessions[n:]])


def less(name, rival, of):
    """The mean over blocks of what a model has less what its rival has, and its standard error, for each seed."""
    for p in models["test"][name]:
        d = (np.bincount(block, of(p) - of(models["test"][rival][0])) / np.bincount(block))[:14]
        yield d.mean(), d.std(ddof=1) / np.sqrt(14)


ahead = {}
print(f"{'':<34}{'nats':>18}{'ratio':>8}{'hit at 10':>20}{'ratio':>8}")
for pair in (("three GRUs", "table"), ("GRU & table", "table"), ("GRU & table", "three GRUs"),
             ("three GRUs & table", "table"), ("three GRUs & table", "three GRUs")):
    ahead[pair] = [list(less(*pair, of)) for of in (nats, hits)]
    for row in zip(*ahead[pair]):
        print(f"{' less '.join(pair):<34}" + "".join(f"{d:>+11.4f} ± {e:.4f}{d / e:>+8.2f}  " for d, e in row))

figure = Figure(figsize=(10, 3.6), layout="constrained")
left, right = figure.subplots(1, 2)
p = np.linspace(0.05, 1, 200)
left.plot(p, -np.log(p), color="black")
left.plot([0.1, 0.9], -np.log([0.1, 0.9]), "o--", color=plots.GREEN)
for height, colour, label in ((1.204, plots.GREEN, "mean of what two models pay"),
                              (0.693, plots.ORANGE, "what their mean pays")):
    left.plot(0.5, height, "o", color=colour, markersize=9, label=f"{height}: {label}")
left.legend(frameon=False, loc="upper right")
left.set(xlabel="p of the item that came", ylabel="-ln p, in nats", xlim=(0, 1), ylim=(0, 3))
for height, name in enumerate(models["test"]):
    values = [nats(one).mean() for one in models["test"][name]]
    colour = plots.ORANGE if "&" in name else plots.GREEN if name == "table" else plots.BLUE
    right.plot(values, [height] * len(values), "o", color=colour, markersize=9)
right.set_yticks(range(len(models["test"])), [f"{name}, by seed" if name.startswith("GRU") else name
                                              for name in models["test"]])
right.set(ylim=(len(models["test"]) - 0.5, -0.5), xlabel="test nats an event: fewer is better")
right.grid(axis="x", alpha=0.4)
save(figure, "30_mean_of_models.png")

# %% [markdown]
# ![The curve of -ln p and two means on it; test nats of models and their means](figures/30_mean_of_models.png)
#
# ## Does a mean know more?
#
# Yes, in nats. The mean of three GRUs pays less than each of them. It is level with the table in nats, and 0.009 behind
# in the hit rate. The mean of one GRU and the table pays 0.012 to 0.013 less than the table alone. With three GRUs it
# is 0.019 ± 0.003 less, and 0.021 ± 0.003 less than the three. That mean is the best of all models here: 3.770 nats. On
# validation it pays least too, so one would have chosen it without the test.
#
# In the hit rate at 10, no: the mean with the table is level with the table alone.
#
# Three GRUs differ in their random start alone, a GRU and the table differ in kind. A GRU and the table save 0.026
# against the mean of what their parts pay, three GRUs 0.025, two GRUs 0.019. So one that differs in kind is worth about
# two more that are alike. Two tables are too much alike: pairs that fade and pairs that do not have a mean of 3.794,
# more than the 3.790 of the first alone.
#
# Tutorials 27 to 30 asked what a network adds to counting, for the next item in this shop. Alone, a GRU is not ahead
# of the best table. But it knows something that no table here knows, and the mean brings that in.
#
# How solid is it? The idea of the mean came after other results on the test had been seen, and so did that of the
# pairs. Elsewhere, measure again.

# %% tags=["proof"]
assert abs(nats(models["test"]["table"][0]).mean() - 3.790) < 6e-4 and n == 8226
grid = np.random.default_rng(0).uniform(1e-6, 1, (2, 1000))
assert (-np.log(grid.mean(axis=0)) <= -np.log(grid).mean(axis=0)).all()
past, asked = sessions[:n], sessions[n:]
plain = counting.Counts(0.2, 160, pairs=0.15).fit(past, V).probabilities(asked)
plain *= (counting.popularity(past, V, 150) / counting.popularity(past, V)) ** 0.75
plain = counting.masked(plain, counting.memories(asked, V, 1.0) > 0)
assert round(nats((plain + models["test"]["table"][0]) / 2).mean(), 3) == 3.794


def saved(*parts):
    """What the mean of models saves against the mean of what they pay."""
    return np.mean([nats(p).mean() for p in parts]) - nats(np.mean(parts, axis=0)).mean()


if not QUICK:
    table, grus = models["test"]["table"][0], models["test"]["GRU"]
    assert all(0.0255 < saved(p, table) < 0.028 for p in grus) and round(saved(*grus), 3) == 0.025
    assert all(round(saved(grus[k], grus[k - 1]), 3) == 0.019 for k in range(3))
    (d, e), = ahead["three GRUs", "table"][1]
    assert abs(d + 0.009) < 6e-4 and d < -2.16 * e
    assert all(abs(d) < 2 * e for d, e in ahead["three GRUs", "table"][0])
    assert all(d < -2.16 * e and abs(d + 0.0128) < 0.003 for d, e in ahead["GRU & table", "table"][0])
    assert all(d < -2.16 * e and abs(d + 0.015) < 0.003 for d, e in ahead["GRU & table", "three GRUs"][0])
    assert all(d < -4 * e and abs(d + 0.019) < 0.003 for d, e in ahead["three GRUs & table", "table"][0])
    assert all(d < -4 * e and abs(d + 0.021) < 0.003 for d, e in ahead["three GRUs & table", "three GRUs"][0])
    assert all(abs(d) < 2 * e for d, e in ahead["three GRUs & table", "table"][1])
    assert all(nats(models["test"]["three GRUs"][0]).mean() < nats(p).mean() for p in models["test"]["GRU"])
    for part in PARTS:
        lowest = {name: min(nats(p, part).mean() for p in seeds) for name, seeds in models[part].items()}
        assert min(lowest, key=lowest.get) == "three GRUs & table"
    recent = {k: counting.popularity(sessions[:PARTS["validation"][0]], V, k) ** 0.75 for k in (75, 150, 300, 600)}
    for name, chosen in ("table", 150), ("GRU", 300):
        paid = {half_life: np.mean([nats(counting.masked(p * factor / recent[chosen], p == 0), "validation").mean()
                                    for p in models["validation"][name]]) for half_life, factor in recent.items()}
        assert min(paid, key=paid.get) == chosen

# %% [markdown]
# **To take away:** another mean of two models is that of their logarithms: √(p_j q_j), scaled to sum to 1. If one model
# gives an item little, so does this mean. Is it better or worse than the mean of the probabilities here?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The same. The mean of three GRUs and the table pays 3.770 nats in both ways.
#
# On paper, with two items, the mean of the logarithms of 0.9 and 0.1 gives 0.5 too. But of 0.99 and 0.5 it gives
# 0.91, where the mean of the probabilities is 0.745. Here it does not matter.

# %% tags=["proof"]
p, q = models["test"]["three GRUs"][0], models["test"]["table"][0]
root = np.sqrt(p * q) / np.sqrt(p * q).sum(axis=1, keepdims=True)
print(f"mean of the logarithms: {nats(root).mean():.4f}, of the probabilities: {nats((p + q) / 2).mean():.4f}")
by_logs = lambda p, q: np.sqrt(p * q) / (np.sqrt(p * q) + np.sqrt((1 - p) * (1 - q)))  # two items
assert np.isclose(by_logs(0.9, 0.1), 0.5) and abs(by_logs(0.99, 0.5) - 0.91) < 0.005
if not QUICK:
    assert abs(nats(root).mean() - nats((p + q) / 2).mean()) < 0.002
