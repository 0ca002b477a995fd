# %% [markdown]
# # 40. What the poet knows: places, rhymes, and poems of its own
#
# *Beside the article: its question-and-answer part, on language models.*
#
# In tutorial 39 a GRU learned to guess the next token of a Tang quatrain. Nobody told it the form. What of the form
# has it found? One can look at what it pays, change what it reads, and let it write.
#
# The form again: four lines, each of five characters and a mark. Lines 2 and 4 rhyme, as niǎo and shǎo do in 春晓:
#
# | Chinese | sound | in English, word for word |
# |---|---|---|
# | 春眠不觉晓， | chūn mián bù jué xiǎo | spring sleep: not aware of dawn, |
# | 处处闻啼鸟。 | chù chù wén tí niǎo | everywhere one hears birds sing. |
# | 夜来风雨声， | yè lái fēng yǔ shēng | in the night came the sound of wind and rain: |
# | 花落知多少。 | huā luò zhī duō shǎo | of flowers that fell, who knows how many? |
#
# ## Data and network
#
# Both are those of tutorial 39. The 1,000 most frequent tokens are kept, all others are 〇. A model pays -ln p, in nats,
# for the token that came. The GRU is trained from two seeds. Beside it stands a count of pairs, the *bigram*: it knows
# the character before, and not the place.

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
    training.fit(network, params, optim.Adam(), (train[:, :-1], train[:, 1:]), rng=rng, epochs=EPOCHS, batch_size=16,
                 loss=losses.cross_entropy,
                 schedule=optim.WarmupCosine(peak=0.02, warmup=1, total=max(3, EPOCHS + 1)))
    trained.append(params)


def pays(params, poems):
    """The nats that a network pays for each token, (n, 24)."""
    log_p = log_softmax(network.forward(params, poems[:, :-1])[0])
    return -np.take_along_axis(log_p, poems[:, 1:, None], axis=2)[..., 0].astype(float)


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


alike = lambda row, t: 1 / V
pairs = counted(lambda row, t: row[t - 1], counted(lambda row, t: "", alike))
bigram = -np.log([[pairs(row, t) for t in range(1, 25)] for row in test.tolist()])
gru = [pays(params, test) for params in trained]
print(f"nats per token: bigram {bigram.mean():.2f}, GRUs", *(f"{one.mean():.2f}" for one in gru))

# %% [markdown]
# ## Does it know the places?
#
# The GRUs pay less. Now look at each of the six tokens of a line alone: five characters, and the mark.
#
# PREDICT: at which of the six is the GRU furthest ahead of the bigram? What does it pay there?

# %%
print("token of the line        1      2      3      4      5   mark")
for name, nats in ("bigram", bigram), ("GRU, seed 0", gru[0]), ("GRU, seed 1", gru[1]):
    by_token = nats.reshape(-1, 4, 6).mean(axis=(0, 1))
    print(f"{name:<20}" + "".join(f"{value:>7.2f}" for value in by_token))
lead = [(bigram - one)[:, 5::6].sum() / (bigram - one).sum() for one in gru]
print("share of the lead that comes at the marks:", *(f"{share:.0%}" for share in lead))

figure = Figure(figsize=(9, 3.6), layout="constrained")
ax = figure.subplots()
t = np.arange(1, 25)
for k in range(6, 25, 6):
    ax.axvline(k, color="black", alpha=0.08, linewidth=9)
ax.plot(t, bigram.mean(axis=0), ".-", color=plots.GREY, label="bigram")
for one, label in (gru[0], "GRU, two seeds"), (gru[1], None):
    ax.plot(t, one.mean(axis=0), ".-", color=plots.ORANGE, label=label)
ax.set(xlabel="place in the poem (grey bars: marks)", ylabel="nats, mean over the test", xticks=t[::2],
       ylim=(-0.3, 8.5), title="The GRUs know where the marks are, the bigram does not")
ax.legend(frameon=False, ncols=2, loc="upper center")
save(figure, "40_what_the_poet_knows.png")

# %% [markdown]
# ![What the bigram and the GRUs pay at each place of the poem](figures/40_what_the_poet_knows.png)
#
# At the mark. The bigram pays 1.74 nats there, the GRUs less than 0.01. So they have found that a mark comes after five
# characters. Nearly half of their lead is this.

# %% tags=["proof"]
if not QUICK:
    assert round(bigram[:, 5::6].mean(), 2) == 1.74 and all(one[:, 5::6].mean() < 0.01 for one in gru)
    assert all(0.38 < share < 0.55 for share in lead)
    for one in gru:
        ahead = (bigram - one).reshape(-1, 4, 6).mean(axis=(0, 1))
        assert ahead.argmax() == 5 and ahead.min() > 0

# %% [markdown]
# ## Does it hear the rhyme?
#
# Nobody told the network how a character sounds. But the poems tell which characters stand together at the ends of
# lines 2 and 4. A count can learn it: after the end of line 2, how often came each end of line 4? It falls back on how
# often a character stands at this place.
#
# To see who uses what, replace one character that is read. In its place comes that of *another* poem. How much more
# does the last character of line 4 cost then? Three are replaced, one at a time:
#
# - the last character of line 2, which rhymes with it;
# - the one before that, which need not rhyme;
# - the character just before it, in line 4.
#
# PREDICT: order the three by what they cost the GRU. And which of them cost the count of rhymes anything?

# %%
both = np.concatenate([validation, test])  # more poems, a smaller standard error
place = counted(lambda row, t: t, alike)
rhyme = counted(lambda row, t: (t, row[11] if t == 23 else ""), place)  # token 23 ends line 4, token 11 line 2
at_end = {"place alone": lambda poems: -np.log([place(row, 23) for row in poems.tolist()]),
          "count of rhymes": lambda poems: -np.log([rhyme(row, 23) for row in poems.tolist()]),
          "GRU, seed 0": lambda poems: pays(trained[0], poems)[:, 22],
          "GRU, seed 1": lambda poems: pays(trained[1], poems)[:, 22]}
print("nats for the last character:", ", ".join(f"{name} {of(both).mean():.2f}" for name, of in at_end.items()))


def cost_of_a_change(of, t):
    """Nats more for the last character when token t is another poem's, where the two differ: mean, standard error."""
    changed = both.copy()
    changed[:, t] = np.roll(both[:, t], 1)
    d = (of(changed) - of(both))[changed[:, t] != both[:, t]]
    return d.mean(), d.std(ddof=1) / np.sqrt(len(d))


costs = {}
print(f"\n{'nats more, if replaced':<30}" + "".join(f"{name:>18}" for name in list(at_end)[1:]))
for name, t in ("the last of line 2", 11), ("the one before that", 10), ("the one just before", 22):
    costs[name] = [cost_of_a_change(at_end[model], t) for model in list(at_end)[1:]]
    print(f"{name:<30}" + "".join(f"{mean:>+10.3f} ± {error:.3f}" for mean, error in costs[name]))

# %% [markdown]
# The character just before costs the GRUs more than half a nat. The other two cost next to nothing, and the rhyme no
# more than the one that need not rhyme. So these GRUs hear no rhyme.
#
# The poems do tell it: to the count of rhymes the change costs 1.5 nats. This count looks at one character of line 2,
# and at nothing of line 4. Still it pays less here than the GRUs: 4.52 nats, they about 5.05.

# %% tags=["proof"]
if not QUICK:
    (count, *of_rhyme), (zero, *of_beside), (_, *of_before) = costs.values()
    assert 1.3 < count[0] < 1.7 and zero[0] == 0 and round(at_end["count of rhymes"](both).mean(), 2) == 4.52
    assert all(4.9 < at_end[f"GRU, seed {seed}"](both).mean() < 5.2 for seed in SEEDS)
    assert all(mean > 0.5 for mean, _ in of_before) and all(abs(mean) < 0.03 for mean, _ in (*of_rhyme, *of_beside))

# %% [markdown]
# ## It writes
#
# Draw a token from the probabilities, read it back in, and go on: this is *sampling*. A *temperature* τ divides the
# logits before the softmax. From p = (0.8, 0.2) come weights p^(1/τ). So τ = 1/2 gives 0.64 to 0.04, which is (0.94,
# 0.06), and τ = 2 gives (0.67, 0.33).
#
# PREDICT: a hundred poems are written with each of τ = 0.3, 1 and 2. Which keep the form of characters and marks? And
# which use the fewest different tokens?

# %%
def write(temperature, many, rng):
    """Poems that the GRU of seed 0 writes, each token drawn from its probabilities."""
    rows, state, written = np.zeros((many, 1), int), None, [""] * many
    for _ in range(24):
        logits, state, _ = network.forward(trained[0], rows, state)
        scaled = logits[:, 0].astype(float) / temperature
        scaled[:, :2] = -np.inf  # never "begin" or 〇
        rows = np.array([[rng.choice(V, p=p)] for p in softmax(scaled)])
        written = [poem + vocabulary[token] for poem, (token,) in zip(written, rows)]
    return written


def keeps_the_form(poem):
    return all((token in "，。？！") == (k % 6 == 5) for k, token in enumerate(poem))


print("  τ   keep the form   different tokens in a poem   two of them")
samples = {}
for temperature in (0.3, 1.0, 2.0):
    poems = samples[temperature] = write(temperature, 10 if QUICK else 100, np.random.default_rng(0))
    print(f"{temperature:>3}{np.mean([keeps_the_form(poem) for poem in poems]):>12.0%}"
          f"{np.mean([len(set(poem)) for poem in poems]):>19.1f}{'':>13}{poems[0]}  {poems[1]}")

# %% [markdown]
# With τ = 0.3 and 1 nearly all keep the form, with τ = 2 few do. With τ = 0.3 they repeat themselves most. One run
# wrote these (another processor may write others):
#
# | τ | Chinese | in English, word for word |
# |---|---|---|
# | 0.3 | 今日入春花，花中已已开。 | today enters spring flowers: among flowers, already already open. |
# | | 今日无人至，何处几时来。 | today no one arrives: from where, what time, to come? |
# | 1 | 湖山城郭南，万里路难举。 | lake, mountains, south of the city walls: ten thousand miles, road hard to lift. |
# | | 天空踏下水，与在飘为宫。 | sky empty, treads down water: with, at, drifts, is a palace. |
# | 2 | 失地即欺雨， | lost ground, at once cheats the rain: |
#
# Words go together in pairs, and some lines make sense. No poem does as a whole.
#
# **To take away:** does the GRU remember anything of lines 1 to 3 when it reads line 4, if not the rhyme? Replace all
# three by those of another poem. Guess first: does a character of line 4 cost more then?

# %% tags=["proof"]
assert np.allclose(softmax(np.log([0.8, 0.2]) / 0.5), (0.94, 0.06), atol=2e-3)
assert np.allclose(softmax(np.log([0.8, 0.2]) / 2), (0.67, 0.33), atol=4e-3)
if not QUICK:
    kept = [np.mean([keeps_the_form(poem) for poem in poems]) for poems in samples.values()]
    different = [np.mean([len(set(poem)) for poem in poems]) for poems in samples.values()]
    assert min(kept[:2]) > 0.85 and kept[2] < 0.3 and different[0] + 2 < different[1]

# %% [markdown] tags=["answer"]
# ## Answer
#
# With `other[:, 1:19] = np.roll(test[:, 1:19], 1, axis=0)` each character of line 4 costs 0.1 to 0.2 nats more.
# So the GRU does use what it has read: what the poem speaks of, perhaps, but not its rhyme.

# %% tags=["proof"]
other = test.copy()
other[:, 1:19] = np.roll(test[:, 1:19], 1, axis=0)
for params in trained:
    d = (pays(params, other) - pays(params, test))[:, 18:23].mean(axis=1)
    mean, error = d.mean(), d.std(ddof=1) / np.sqrt(len(d))
    print(f"nats more per character of line 4: {mean:+.3f} ± {error:.3f}")
    if not QUICK:
        assert 0.08 < mean < 0.3 and mean > 4 * error
