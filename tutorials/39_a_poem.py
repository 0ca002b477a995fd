# %% [markdown]
# # 39. A poem, one character at a time: counts or a network?
#
# *Beside the article: its question-and-answer part, on language models and perplexity.*
#
# A *language model* reads a text. After each character it says how likely each next one is. Here it reads 3,772
# quatrains of the Tang dynasty. All have one form: four lines, each of five characters and a mark. Lines 2 and 4
# rhyme, here niǎo and shǎo:
#
# | 春晓, Meng Haoran | in English, word for word |
# |---|---|
# | 春眠不觉晓， | spring sleep: not aware of dawn, |
# | 处处闻啼鸟。 | everywhere one hears birds sing. |
# | 夜来风雨声， | in the night came the sound of wind and rain: |
# | 花落知多少。 | of flowers that fell, who knows how many? |
#
# Which guesses the next character better: counts, or a network?
#
# ## The smallest numbers
#
# A model pays -ln p for each character that came, where p is what it gave to it. The mean of this is the
# *cross-entropy* (tutorial 28). The *perplexity* is exp of this mean.
#
# Suppose p was 1/2, 1/4 and 1/2. The model pays ln 2, ln 4 and ln 2. The mean is (4 ln 2)/3, and the perplexity is
# 2^(4/3) = 2.52. So it pays as much as a model that must choose among 2.52 equal possibilities.
#
# What is read and guessed is called a *token*: a character or a mark. A poem has 24, of which four are marks.
#
# PREDICT: a model knows the marks for certain. To each of 1,000 characters it gives the same p. Is its perplexity over
# the 24 tokens 1,000, or less?

# %%
from collections import Counter

import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, datasets, embedding, fast, gradcheck, linear, losses, metrics, optim, plots, training
from minirnn.activations import softmax

print(f"perplexity: {metrics.perplexity(20 / 24 * np.log(1000)):.0f}")

# %% [markdown]
# It is 1000^(20/24) = 316. The marks cost nothing, and they are in the mean.
#
# ## The data
#
# The poems are shuffled once: 80 % to train, 10 % for choices (validation), 10 % to test. Some poems exist in several
# versions that share whole lines. A version in training would give the answer away, so it is left out there.
#
# The 1,000 most frequent tokens of training are kept. All other characters, 13 %, become one token 〇. A token that
# says "begin" stands first.

# %%
poems, *_ = datasets.tang_quatrains()
shuffled = [poems[k] for k in np.random.default_rng(0).permutation(len(poems))]
first, asked = shuffled[:3018], shuffled[3018:]
lines = lambda poem: {poem[:5], poem[6:11], poem[12:17], poem[18:23]}
lines_asked = set().union(*map(lines, asked))
learnt = [poem for poem in first if not lines(poem) & lines_asked]
BEGIN, RARE = "^", "〇"
vocabulary = [BEGIN, RARE, *sorted(token for token, _ in Counter("".join(learnt)).most_common(1000))]
number, V = {token: k for k, token in enumerate(vocabulary)}, len(vocabulary)
train, validation, test = (np.array([[number.get(token, 1) for token in BEGIN + poem] for poem in part])
                           for part in (learnt, asked[:377], asked[377:]))  # (n, 25): begin, and 24 tokens
if QUICK:
    train, validation, test = train[:300], validation[:40], test[:40]
print(f"{len(train)} poems to train, {len(validation)} for choices, {len(test)} to test; "
      f"left out as versions: {len(first) - len(learnt)}")
print(f"of the characters in training, {(train == 1).sum() / (20 * len(train)):.0%} are {RARE}")

# %% tags=["proof"]
assert round(metrics.perplexity(-np.log([0.5, 0.25, 0.5]).mean()), 2) == 2.52
assert abs((train == 1).sum() / (20 * len(train)) - 0.13) < 0.02

# %% [markdown]
# ## Counts
#
# How often did w follow the character u? A count of pairs is a *bigram*, of three a *trigram*, in general an *n-gram*.
# Most pairs never came. So a count must fall back on a more general model q. This one takes 0.9 from each count that
# it has, and gives what it took to q:
#
#     p(w | u) = ( max(N(u w) - 0.9, 0)  +  0.9 · kinds(u) · q(w) ) / N(u)
#
# N(u w) is how often w followed u, N(u) how often anything did, and kinds(u) how many different tokens did. Let u be
# seen 4 times, 3 times before w, once before v. Then p(w | u) = (2.1 + 1.8 q(w)) / 4.
#
# The trigram falls back on the bigram, and that on how often each token came. They do not know where in the poem they
# are. But one can tell them. *Told the place* means: the bigram falls back on how often a token stands at this place
# of the poem, and marks are counted apart.
#
# The last row is the strongest: the mean of the probabilities of four counts. One is the trigram that is told the
# place. The other three fall back on the place as well, and are told more of the form:
#
# - the character before, apart for each place in a line;
# - the character above, at the same place of the line before;
# - the rhyme: the end of line 1 for that of line 2, and the end of line 2 for that of line 4.
#
# PREDICT: which has the lower perplexity, the bigram or the trigram? How much is it worth to know the place?

# %%
def counted(context, base):
    """Counts of training after each context. They fall back on the model `base`: a model is a function p(row, t)."""
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


def given(model, poems):
    """What a model gives to each token that came, (n, 24)."""
    return np.array([[model(row, t) for t in range(1, 25)] for row in poems.tolist()])


def perplexity(p):
    return metrics.perplexity(-np.log(p).mean())


alike = lambda row, t: 1 / V
mark = lambda t: t % 6 == 0  # each sixth token
often = counted(lambda row, t: "", alike)
bigram = counted(lambda row, t: row[t - 1], often)
trigram = counted(lambda row, t: (row[max(t - 2, 0)], row[t - 1]), bigram)
place = counted(lambda row, t: t, alike)
told_bigram = counted(lambda row, t: (mark(t), row[t - 1]), place)
told_trigram = counted(lambda row, t: (mark(t), row[max(t - 2, 0)], row[t - 1]), told_bigram)
in_line = counted(lambda row, t: (t % 6, row[t - 1]), place)
above = counted(lambda row, t: (mark(t), row[t - 6] if t > 6 else ""), place)
rhyme = counted(lambda row, t: (t, row[{11: 5, 23: 11}.get(t, 0)]), place)  # tokens 5, 11, 23 end lines 1, 2, 4
four = lambda row, t: (told_trigram(row, t) + in_line(row, t) + above(row, t) + rhyme(row, t)) / 4
counts = {"how often": often, "bigram": bigram, "trigram": trigram, "bigram told the place": told_bigram,
          "trigram told the place": told_trigram, "mean of four counts": four}
p = {name: given(model, test) for name, model in counts.items()}
print("perplexity in the test")
for name in p:
    print(f"{name:<24}{perplexity(p[name]):>8.1f}")

# %% [markdown]
# With this fallback the bigram is better than the trigram. To know the place is worth far more than a third character.
# The mean of four counts is what a network has to beat.

# %% tags=["proof"]
learned, train = train, np.array([[7, 1], [7, 1], [7, 1], [7, 2]])
assert np.isclose(counted(lambda row, t: row[0], alike)([7, 1], 1), (2.1 + 1.8 / V) / 4)
train = learned
assert all(np.isclose(sum(model([0, w], 1) for w in range(V)), 1) for model in counts.values())
if not QUICK:
    assert perplexity(p["bigram"]) < perplexity(p["trigram"]) - 3
    assert perplexity(p["trigram told the place"]) < perplexity(p["trigram"]) - 50
    assert min(p, key=lambda name: perplexity(p[name])) == "mean of four counts"

# %% [markdown]
# ## The network
#
# An embedding gives each token a vector, and a GRU reads them. A linear layer and softmax make the probabilities. (All
# are explained in tutorial 28.) The linear layer's W is the embedding's table again (`compose.tied`). Nobody tells the
# network the place. But its state has read all that came before.
#
# It is trained from three seeds, four times over the poems. Its settings were chosen on validation.
#
# PREDICT: it was told nothing. Which rows of the table does it beat?

# %%
SEEDS, EPOCHS, H = (range(2), 1, 16) if QUICK else (range(3), 4, 96)
network = compose.tied(compose.chain(compose.with_dropout(embedding, 0.2), compose.with_dropout(fast.gru, 0.2), linear))
curves, gru = [], []
for seed in SEEDS:
    rng = np.random.default_rng(seed)
    params = network.init(rng, V, H, H, V)
    history = training.fit(network, params, optim.Adam(), (train[:, :-1], train[:, 1:]),
                           (validation[:, :-1], validation[:, 1:]), rng=rng, epochs=EPOCHS, batch_size=16,
                           loss=losses.cross_entropy,
                           schedule=optim.WarmupCosine(peak=0.02, warmup=1, total=max(3, EPOCHS + 1)))
    curves.append(np.exp(history["validation"]))
    logits = network.forward(params, test[:, :-1])[0]
    gru.append(np.take_along_axis(softmax(logits), test[:, 1:, None], axis=2)[..., 0].astype(float))


def compare(name, of, rival):
    """Print a perplexity, and the nats per token that this model pays more than its rival: mean ± standard error."""
    d = (np.log(rival) - np.log(of)).mean(axis=1)  # one number for each poem
    print(f"{name:<24}{perplexity(of):>8.1f}{d.mean():>+14.3f} ± {d.std(ddof=1) / np.sqrt(len(d)):.3f}")
    return d


best = p["mean of four counts"]
print(f"{'':<24}{'perplexity':>10}   nats more than the four counts")
for name in ("bigram", "trigram told the place"):
    compare(name, p[name], best)
found = [compare(f"GRU, seed {seed}", one, best) for seed, one in zip(SEEDS, gru)]
found_mean = compare("mean of the GRUs", np.mean(gru, axis=0), best)

figure = Figure(figsize=(8, 4.4), layout="constrained")
ax = figure.subplots()
for name, model in counts.items():
    height = perplexity(given(model, validation))
    ax.axhline(height, color=plots.BLUE if "told" in name or "four" in name else plots.GREY)
    side = "bottom" if name.startswith("trigram") else "top"
    ax.text(1.02, height, name, transform=ax.get_yaxis_transform(), va=side)
for curve, label in zip(curves, ("three GRUs", None, None)):
    ax.plot(range(1, EPOCHS + 1), curve, "o-", color=plots.ORANGE, label=label)
ax.set(xlabel="times over the poems", ylabel="perplexity in validation", xticks=range(1, EPOCHS + 1), ylim=(60, 250),
       title="The GRUs pass the other counts and reach the best")
ax.legend(frameon=False, loc=(0.3, 0.35))
save(figure, "39_a_poem.png")

# %% [markdown]
# ![Perplexity of three GRUs while they learn, and of the counts](figures/39_a_poem.png)
#
# It beats the counts that were told nothing, by far, and also those that are told the place. With the four counts,
# which know the place and the rhyme, a single GRU is about level: the difference is at most 0.04 nats.
#
# The mean of the three GRUs wins: it pays about 0.1 nats less than the four counts, beyond chance. (The counts are a
# mean as well, of four.)
#
# All this holds for 1,000 tokens and four times over the poems. With all 2,608 that came twice, one GRU is behind the
# four counts after as long a training, by 0.057 ± 0.013 nats (recorded once). But the curves still fall.
#
# The counts take seconds, but someone who knows the form had to tell it. The GRU found something by itself. Tutorial 40
# asks what.
#
# **To take away:** take the mean of the four counts and one GRU, `(best + gru[0]) / 2`. Guess first: is its perplexity
# that of the worse one, between them, or better than both? What does that say?

# %% tags=["proof"]
small = network.init(rng, 5, 4, 4, 5, dtype=np.float64)
x, y = rng.integers(0, 5, (2, 3)), rng.integers(0, 5, (2, 3))
assert gradcheck.check(compose.with_loss(network, losses.cross_entropy, y), small, x, rng=rng, method="complex").ok
if not QUICK:
    assert all(abs(d.mean()) < 0.06 for d in found)
    assert found_mean.mean() < -0.06 and found_mean.mean() < -5 * found_mean.std() / np.sqrt(len(test))
    assert all(perplexity(one) < perplexity(p["bigram told the place"]) - 5 for one in gru)
    assert all(curve[-1] < curve[-2] - 2 for curve in curves)

# %% [markdown] tags=["answer"]
# ## Answer
#
# It is better than both: about 77. So each knows something that the other does not. Tutorial 30 says why a mean gains
# by that.

# %% tags=["proof"]
half = (best + gru[0]) / 2
compare("counts and GRU, seed 0", half, best)
if not QUICK:
    assert perplexity(half) < min(perplexity(best), perplexity(gru[0])) - 4 and abs(perplexity(half) - 77) < 3
