# %% [markdown]
# # 40. What the poet knows: how much of the form has it found?
#
# *Beside the article: its question-and-answer part, on language models.*
#
# In tutorial 39 a GRU learned to guess the next token of a Tang quatrain. Nobody told it the form. How much of the form
# has it found? One can change what it reads, look at what it pays, and let it write.
#
# The form again: four lines, each of five characters and a mark. Lines 2 and 4 rhyme, as niǎo and shǎo do in 春晓:
#
# | tokens | Chinese | sound |
# |---|---|---|
# | 1 to 6 | 春眠不觉晓， | chūn mián bù jué xiǎo |
# | 7 to 12 | 处处闻啼鸟。 | chù chù wén tí niǎo |
# | 13 to 18 | 夜来风雨声， | yè lái fēng yǔ shēng |
# | 19 to 24 | 花落知多少。 | huā luò zhī duō shǎo |
#
# ## Data and network
#
# Both are those of tutorial 39, and the next cell repeats them. The 1,000 most frequent tokens are kept, all others are
# 〇. The GRU is trained from two
# seeds. It pays -ln p nats for each token that came.

# %%
from collections import Counter

import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, datasets, embedding, fast, linear, losses, optim, plots, training
from minirnn.activations import log_softmax, softmax

poems, *_ = datasets.tang_quatrains()
shuffled = [poems[k] for k in np.random.default_rng(0).permutation(len(poems))]
first, asked = shuffled[:3018], shuffled[3018:]
lines = lambda poem: {poem[:5], poem[6:11], poem[12:17], poem[18:23]}
lines_asked = set().union(*map(lines, asked))
learnt = [poem for poem in first if not lines(poem) & lines_asked]  # without other versions of what is asked
BEGIN, RARE = "^", "〇"
vocabulary = [BEGIN, RARE, *sorted(token for token, _ in Counter("".join(learnt)).most_common(1000))]
number, V = {token: k for k, token in enumerate(vocabulary)}, len(vocabulary)
train, validation, test = (np.array([[number.get(token, 1) for token in BEGIN + poem] for poem in part])
                           for part in (learnt, asked[:377], asked[377:]))  # (n, 25): begin, and 24 tokens
SEEDS, EPOCHS, H = range(2), 4, 96
if QUICK:
    train, validation, test, EPOCHS, H = train[:300], validation[:40], test[:40], 1, 16
network = compose.tied(compose.chain(compose.with_dropout(embedding, 0.2), compose.with_dropout(fast.gru, 0.2), linear))
trained = []
for seed in SEEDS:
    rng = np.random.default_rng(seed)
    params = network.init(rng, V, H, H, V)
    steps = optim.WarmupCosine(peak=0.02, warmup=1, total=max(3, EPOCHS + 1))
    training.fit(network, params, optim.Adam(), (train[:, :-1], train[:, 1:]), rng=rng, epochs=EPOCHS, batch_size=16,
                 loss=losses.cross_entropy, schedule=steps)
    trained.append(params)


def pays(params, poems):
    """The nats that a network pays for each token, (n, 24)."""
    log_p = log_softmax(network.forward(params, poems[:, :-1])[0])
    return -np.take_along_axis(log_p, poems[:, 1:, None], axis=2)[..., 0].astype(float)


gru = [pays(params, test) for params in trained]
print("nats per token:", *(f"{one.mean():.2f}" for one in gru))

# %% [markdown]
# ## Does it know where the marks come?
#
# Take the third character out of line 1 of each poem. All that follows comes one place earlier. So the mark of line 2
# stands at place 11, no longer at place 12. The GRU reads such poems, and was never trained on one.
#
# PREDICT: where does it expect the mark of line 2 now: at place 11, at place 12, or at neither for sure?

# %%
MARKS = [number[mark] for mark in "，。"]
for name, read in ("whole poems", test), ("one taken out", np.delete(test, 3, axis=1)):
    for seed, params in zip(SEEDS, trained):
        p = softmax(network.forward(params, read[:, :-1])[0])[:, :, MARKS].sum(axis=2).mean(axis=0)
        print(f"{name:<15}seed {seed}, p(a mark)" + "".join(f"  place {t}: {p[t - 1]:.2f}" for t in range(9, 13)))

# %% [markdown]
# At place 11, as sure as before at 12. So it does not go by the place in the poem: it expects the mark five characters
# after the last one. In whole poems it pays less than 0.01 nats at the marks.

# %% tags=["proof"]
if not QUICK:
    for params, one in zip(trained, gru):
        for read, at in (test, 12), (np.delete(test, 3, axis=1), 11):
            p = softmax(network.forward(params, read[:, :-1])[0])[:, :, MARKS].sum(axis=2).mean(axis=0)
            assert p[at - 1] > 0.97 and all(p[t - 1] < 0.05 for t in range(9, 13) if t != at)
        assert one[:, 5::6].mean() < 0.01

# %% [markdown]
# ## Does it hear the rhyme?
#
# Nobody told the network how a character sounds. But the poems tell which characters stand together at the ends of
# lines 2 and 4. A count can learn it: after the end of line 2, how often came each end of line 4? It falls back on
# "place alone": how often a character stands at this place.
#
# Does the GRU use it? Replace one character that it reads by that of another poem at the same place. How many more nats
# does the last character of line 4 cost then? Three are replaced, one at a time:
#
# - the last character of line 2, which rhymes with it;
# - the one before that, which need not rhyme;
# - the character just before it, in line 4.
#
# PREDICT: which of the three cost the GRU more than 0.05 nats?

# %%
def counted(context, base):
    """Counts after each context, which fall back on the model `base`; a model is a function p(row, t) (tutorial 39)."""
    N, pairs, kinds = Counter(), Counter(), Counter()
    for row in train.tolist():
        for t in range(1, len(row)):
            u, w = context(row, t), row[t]
            kinds[u] += (u, w) not in pairs
            N[u] += 1
            pairs[u, w] += 1

    def p(row, t):
        u, q = context(row, t), base(row, t)
        return (max(pairs[u, row[t]] - 0.9, 0) + 0.9 * kinds[u] * q) / N[u] if N[u] else q

    return p


both = np.concatenate([validation, test])  # more poems, a smaller standard error
place = counted(lambda row, t: t, lambda row, t: 1 / V)
rhyme = counted(lambda row, t: (t, row[11] if t == 23 else ""), place)  # token 23 ends line 4, token 11 line 2
models = {"place alone": lambda poems: -np.log([[place(row, t) for t in range(1, 25)] for row in poems.tolist()]),
          "count of rhymes": lambda poems: -np.log([[rhyme(row, t) for t in range(1, 25)] for row in poems.tolist()]),
          "GRU, seed 0": lambda poems: pays(trained[0], poems), "GRU, seed 1": lambda poems: pays(trained[1], poems)}
whole = {name: model(both) for name, model in models.items()}


def cost_of_a_change(name, t):
    """Nats more for the last character when token t is another poem's: mean, standard error."""
    changed = both.copy()
    changed[:, t] = np.roll(both[:, t], 1)
    d = (models[name](changed) - whole[name])[:, 22]
    return d.mean(), d.std(ddof=1) / np.sqrt(len(d))


costs = {}
print(f"{'last character of line 4':<30}" + "".join(f"{name:>18}" for name in list(models)[1:]))
print(f"{'nats, nothing replaced':<30}" + "".join(f"{whole[name][:, 22].mean():>18.2f}" for name in list(models)[1:]))
print("nats more, if replaced:")
for what, t in ("  the last of line 2", 11), ("  the one before that", 10), ("  the one just before", 22):
    costs[what] = [cost_of_a_change(name, t) for name in list(models)[1:]]
    print(f"{what:<30}" + "".join(f"{mean:>+10.3f} ± {error:.3f}" for mean, error in costs[what]))

figure = Figure(figsize=(9, 3.6), layout="constrained")
ax = figure.subplots()
t = np.arange(1, 25)
for k in range(6, 25, 6):
    ax.axvline(k, color="black", alpha=0.08, linewidth=9)
for name, color, label in (("place alone", plots.GREY, "place alone"), ("GRU, seed 0", plots.ORANGE, "GRU, two seeds"),
                           ("GRU, seed 1", plots.ORANGE, None)):
    ax.plot(t, whole[name].mean(axis=0), ".-", color=color, label=label)
ax.plot(23, whole["count of rhymes"][:, 22].mean(), "*", markersize=14, color=plots.BLUE, label="count of rhymes")
ax.set(xlabel="place in the poem (grey bars: marks)", ylabel="nats, mean over the poems", xticks=[1, 6, 12, 18, 24],
       ylim=(-0.3, 8), title="The GRU has found the marks, but not the rhyme: a count is ahead there")
ax.legend(frameon=False, ncols=3, loc="upper center")
save(figure, "40_what_the_poet_knows.png")

# %% [markdown]
# ![What the GRUs and two counts pay at each place of the poem](figures/40_what_the_poet_knows.png)
#
# The character just before costs the GRUs more than half a nat. The other two cost next to nothing, and the rhyme no
# more than the one that need not rhyme. So these GRUs hear no rhyme.
#
# The poems do tell it: to the count of rhymes the change costs about 1.5 nats. This count reads one character of line
# 2, and nothing of line 4. Still it pays half a nat less here than the GRUs.

# %% tags=["proof"]
if not QUICK:
    (count, *of_rhyme), (zero, *of_beside), (_, *of_before) = costs.values()
    assert 1.3 < count[0] < 1.7 and zero[0] == 0 and round(whole["count of rhymes"][:, 22].mean(), 2) == 4.52
    assert all(0.3 < (whole[f"GRU, seed {seed}"] - whole["count of rhymes"])[:, 22].mean() < 0.8 for seed in SEEDS)
    assert all(mean > 0.5 for mean, _ in of_before) and all(abs(mean) < 0.03 for mean, _ in (*of_rhyme, *of_beside))

# %% [markdown]
# ## It writes
#
# Draw a token from the probabilities, read it back in, and go on: this is *sampling*. A *temperature* τ divides the
# scores before the softmax. From p = (0.8, 0.2) come weights p^(1/τ). So τ = 1/2 gives the weights 0.64 and 0.04.
# Divided by their sum they are 0.94 and 0.06. And τ = 2 gives 0.67 and 0.33.
#
# PREDICT: a hundred poems are written with each of τ = 0.3, 1 and 2. Which keep the form of characters and marks? Which
# use fewer different tokens than real poems do?

# %%
def write(temperature, many, rng):
    """Poems that the GRU of seed 0 writes, each token drawn from its probabilities."""
    rows, state, written = np.zeros((many, 1), int), None, [""] * many
    for _ in range(24):
        scores, state, _ = network.forward(trained[0], rows, state)
        scaled = scores[:, 0].astype(float) / temperature
        scaled[:, :2] = -np.inf  # never "begin" or 〇
        rows = np.array([[rng.choice(V, p=p)] for p in softmax(scaled)])
        written = [poem + vocabulary[token] for poem, (token,) in zip(written, rows)]
    return written


def keeps_the_form(poem):
    return all((token in "，。？！") == (k % 6 == 5) for k, token in enumerate(poem))


samples = {f"τ = {temperature}": write(temperature, 10 if QUICK else 100, np.random.default_rng(0))
           for temperature in (0.3, 1, 2)}
samples["real poems"] = asked[377:]
kept, different = {}, {}
print("             keep the form   different tokens   the first of them")
for name, written in samples.items():
    kept[name] = np.mean([keeps_the_form(poem) for poem in written])
    different[name] = np.mean([len(set(poem)) for poem in written])
    print(f"{name:<12}{kept[name]:>12.0%}{different[name]:>17.1f}{'':>10}{written[0]}")

# %% [markdown]
# With τ = 0.3 and 1 nearly all keep the form. With τ = 0.3 they repeat themselves: they use fewer different tokens than
# real poems, with τ = 1 about as many. A τ of 2 makes likelier what is unlikely, and few keep the form. If one token in
# ten is wrong, only 0.9^24 = 8 % of the poems have none.
#
# These came first in one run (another processor may write others):
#
# | τ | Chinese | in English, word for word |
# |---|---|---|
# | 0.3 | 有心无所事，一道无由人。 | have a heart, nothing to do: one road, no reason, a person. |
# | | 自是求人事，不知此不知。 | of itself ask for people's affairs: not know, this not know. |
# | 1 | 湖山城郭南，万里路难举。 | lake, mountains, south of the city walls: ten thousand miles, road hard to lift. |
# | | 天空踏下水，与在飘为宫。 | sky empty, treads down water: with, at, drifts, is a palace. |
# | 2 | 爱月寻采堦凤一调通， | love moon, seek, pick, stairs, phoenix, one tune passes: |
#
# **To take away:** does the GRU remember anything of lines 1 to 3 when it reads line 4, if not the rhyme? Replace all
# three by those of another poem. Guess first: does a character of line 4 cost more then? And if only line 3 is another?

# %% tags=["proof"]
assert np.allclose(softmax(np.log([0.8, 0.2]) / 0.5), (0.94, 0.06), atol=2e-3)
assert np.allclose(softmax(np.log([0.8, 0.2]) / 2), (0.67, 0.33), atol=4e-3)
if not QUICK:
    assert min(kept["τ = 0.3"], kept["τ = 1"]) > 0.85 and kept["τ = 2"] < 0.3
    assert different["τ = 0.3"] + 1.5 < different["real poems"] and different["τ = 2"] > 22
    assert abs(different["τ = 1"] - different["real poems"]) < 1

# %% [markdown] tags=["answer"]
# ## Answer
#
# Yes: with seeds 0 and 1, 0.21 and 0.15 nats more per character. Line 3 alone costs 0.15 and 0.09, lines 1 and 2
# together 0.05. So the GRU
# remembers mostly the line that it just read.

# %% tags=["proof"]
for name, lines_of in ("lines 1 to 3", slice(1, 19)), ("line 3", slice(13, 19)), ("lines 1 and 2", slice(1, 13)):
    other = test.copy()
    other[:, lines_of] = np.roll(test[:, lines_of], 1, axis=0)
    costs[name] = [(pays(params, other) - pays(params, test))[:, 18:23].mean(axis=1) for params in trained]
    print(f"nats more per character of line 4, other {name:<14}",
          *(f"{d.mean():+.3f} ± {d.std(ddof=1) / np.sqrt(len(d)):.3f}  " for d in costs[name]))
if not QUICK:
    for all_three, third, two in zip(*list(costs.values())[3:]):
        assert all_three.mean() > 0.08 and third.mean() > two.mean() + 0.01 and third.mean() > 0.5 * all_three.mean()
