# %% [markdown]
# # 39. A poem, one character at a time: counts or a network?
#
# *Beside the article: its question-and-answer part, on language models and perplexity.*
#
# A *language model* reads a text, and says how likely each next character is. Here it reads 3,772 quatrains of the Tang
# dynasty. All have four lines, each of five characters and a mark. Lines 2 and 4 rhyme, often line 1 too. In this poem
# they end in xiǎo, niǎo and shǎo:
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
# What is read and guessed is called a *token*: a character or a mark. A poem has 24, of which four are marks.
#
# A model pays -ln p *nats* for each token, where p is the probability that it gave to the token that came. The
# *perplexity* is exp of the mean of this (of the cross-entropy, tutorial 28).
#
# Suppose p was 1/2, 1/4 and 1/2. The mean of ln 2, ln 4 and ln 2 is (4 ln 2)/3, and the perplexity is 2^(4/3) = 2.52.
# So the model pays as much as one that must choose among 2.52 equal possibilities.
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
# The poems are shuffled: 80 % to train, 10 % for choices (validation), 10 % to test. A poem that shares a line with one
# of the last two parts is left out of training.
#
# The 1,000 most frequent tokens are kept. All other characters, 13 %, become one token 〇. A token "begin" stands first.

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
      f"left out: {len(first) - len(learnt)}")
print(f"of the characters in training, {(train == 1).sum() / (20 * len(train)):.0%} are {RARE}")

# %% tags=["proof"]
assert round(metrics.perplexity(-np.log([0.5, 0.25, 0.5]).mean()), 2) == 2.52
assert abs((train == 1).sum() / (20 * len(train)) - 0.13) < 0.02

# %% [markdown]
# ## Counts
#
# The *bigram* counts pairs: how often did w follow the character u? Most pairs never came. So it takes 0.9 from each
# count that it has, and gives this to a more general model q: how often each token came. To w after u it gives
#
#     p(w | u) = ( max(N(u w) - 0.9, 0)  +  0.9 · kinds(u) · q(w) ) / N(u)
#
# N(u w) is how often w followed u, N(u) how often anything did, and kinds(u) how many different tokens did. Let u be
# seen 4 times, 3 times before w, once before v. Then p(w | u) = (2.1 + 1.8 q(w)) / 4.
#
# A *trigram* looks at two characters before, an *n-gram* at n - 1. None of them knows where in the poem it is. But one
# can tell it:
#
# - *bigram told the marks*: it knows at which token which mark comes;
# - *trigram told the place*: it falls back on a bigram, and the bigram on how often a token stands at this place of the
#   poem.
#
# Five more counts fall back on the place. The first looks at the character before. Two are counted separately for each
# of the five places in a line: the character before, and the character two before. One looks at the character above,
# in the line before. The last knows the rhyme: the ends of lines 1 and 2 tell of those of lines 2 and 4.
#
# *Five counts* is the mean of their probabilities, with weights for each place that are chosen on validation.
#
# PREDICT: which saves the bigram more nats: to be told the marks, or all else that the five counts know?

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


def weighted(models, poems):
    """The same for the mean of models, weighted at each place in the way that suits validation."""
    came = np.array([given(model, validation) for model in models])  # (models, n, 24)
    weights = np.full((len(models), 1, 24), 1 / len(models))
    for _ in range(50):  # a model's new weight is its mean share of what the weighted sum gives
        share = weights * came / (weights * came).sum(axis=0)
        weights = share.mean(axis=1, keepdims=True)
    return (weights * [given(model, poems) for model in models]).sum(axis=0)


def perplexity(p):
    return metrics.perplexity(-np.log(p).mean())


mark = lambda t: t if t % 6 == 0 else 0  # which mark, 0 for a character
in_line = lambda t: mark(t) or t % 6  # which mark, or the place in the line
alike = lambda row, t: 1 / V
bigram = counted(lambda row, t: row[t - 1], counted(lambda row, t: "", alike))
told_marks = counted(lambda row, t: (mark(t), row[t - 1]), counted(lambda row, t: mark(t), alike))
place = counted(lambda row, t: t, alike)
five = [counted(lambda row, t: (mark(t), row[t - 1]), place),
        counted(lambda row, t: (in_line(t), row[t - 1]), place),
        counted(lambda row, t: (in_line(t), row[max(t - 2, 0)]), place),
        counted(lambda row, t: (mark(t), row[max(t - 6, 0)]), place),
        counted(lambda row, t: (t, row[{11: 5, 23: 11}.get(t, 0)]), place)]  # tokens 5, 11, 23 end lines 1, 2, 4
trigram = counted(lambda row, t: (mark(t), row[max(t - 2, 0)], row[t - 1]), five[0])
p = {"bigram": given(bigram, test), "bigram told the marks": given(told_marks, test),
     "trigram told the place": given(trigram, test), "five counts": weighted(five, test)}
print("perplexity in the test:", ", ".join(f"{name} {perplexity(p[name]):.1f}" for name in p))

# %% [markdown]
# To be told the marks: ln (159.1 / 97.9) = 0.49 nats. All else: ln (97.9 / 80.4) = 0.20.

# %% tags=["proof"]
learned, train = train, np.array([[7, 1], [7, 1], [7, 1], [7, 2]])
assert np.isclose(counted(lambda row, t: row[0], alike)([7, 1], 1), (2.1 + 1.8 / V) / 4)
train = learned
assert all(np.isclose(sum(model([0, w], 1) for w in range(V)), 1) for model in (bigram, told_marks, trigram, *five))
if not QUICK:
    known = {"bigram": 159.1, "bigram told the marks": 97.9, "five counts": 80.4}
    assert all(round(perplexity(p[name]), 1) == value for name, value in known.items())
    assert perplexity(p["five counts"]) < perplexity(np.mean([given(model, test) for model in five], axis=0)) - 4

# %% [markdown]
# ## The network
#
# It is an embedding, a GRU, a linear layer and softmax (tutorial 28). Nobody tells it the marks, the places or the
# rhyme. But its state has read all that came before. Its settings were chosen on validation.
#
# PREDICT: is a single GRU ahead of the bigram that is told the marks? Of the five counts? Is the mean of three GRUs?

# %%
SEEDS, EPOCHS, H = (range(2), 1, 16) if QUICK else (range(3), 4, 96)
# tied: the linear layer's W is the embedding's table again; dropout: in training, a fifth of the numbers become 0
network = compose.tied(compose.chain(compose.with_dropout(embedding, 0.2), compose.with_dropout(fast.gru, 0.2), linear))
gru = []
for seed in SEEDS:
    rng = np.random.default_rng(seed)
    params = network.init(rng, V, H, H, V)
    steps = optim.WarmupCosine(peak=0.02, warmup=1, total=max(3, EPOCHS + 1))  # the learning rate rises, then falls
    training.fit(network, params, optim.Adam(), (train[:, :-1], train[:, 1:]), rng=rng, epochs=EPOCHS, batch_size=16,
                 loss=losses.cross_entropy, schedule=steps)
    logits = network.forward(params, test[:, :-1])[0]
    gru.append(np.take_along_axis(softmax(logits), test[:, 1:, None], axis=2)[..., 0].astype(float))
p.update({f"GRU, seed {seed}": one for seed, one in zip(SEEDS, gru)})
p["mean of the GRUs"] = np.mean(gru, axis=0)


def more(of):
    """Nats per token that a model pays more than the five counts: one number for each poem."""
    return (np.log(p["five counts"]) - np.log(of)).mean(axis=1)


def error(d):
    return d.std(ddof=1) / np.sqrt(len(d))  # of the mean


print(f"{'(less is better)':<24}perplexity   nats more than the five counts, ± standard error")
for name, of in p.items():
    print(f"{name:<24}{perplexity(of):>10.1f}{more(of).mean():>+14.3f} ± {error(more(of)):.3f}")

figure = Figure(figsize=(8, 3.2), layout="constrained")
ax = figure.subplots()
colors = [plots.GREY] + [plots.BLUE] * 3 + [plots.ORANGE] * (len(p) - 4)
bars = ax.barh(list(p), [perplexity(of) for of in p.values()], color=colors)
ax.bar_label(bars, fmt="%.1f", padding=3)
ax.invert_yaxis()
ax.set(xlabel="perplexity in the test: less is better (blue: told something of the form)", xlim=(0, 175),
       title="One GRU is behind the five counts, the mean of three is level")
save(figure, "39_a_poem.png")

# %% [markdown]
# ![Perplexity of the counts and of the GRUs. Blue: was told the form](figures/39_a_poem.png)
#
# Each GRU pays 0.09 to 0.14 nats less than the trigram that is told the place, and 0.04 to 0.09 more than the five
# counts. The mean of the three is about level with them. The two best are both means: of five counts, of three GRUs.
#
# But someone who knows the form had to tell it to the counts. Tutorial 40 asks what the GRUs found by themselves.
#
# **To take away:** `np.log(p["five counts"] / gru[0]).mean(axis=0)` compares the two at each of the 24 tokens. Guess
# first: at which are the counts furthest ahead, and what do they know there?

# %% tags=["proof"]
small = network.init(rng, 5, 4, 4, 5, dtype=np.float64)
x, y = rng.integers(0, 5, (2, 3)), rng.integers(0, 5, (2, 3))
assert gradcheck.check(compose.with_loss(network, losses.cross_entropy, y), small, x, rng=rng, method="complex").ok
if not QUICK:
    assert all(0.02 < more(one).mean() < 0.12 for one in gru)
    assert abs(more(p["mean of the GRUs"]).mean()) < 0.05
    assert all(perplexity(one) < perplexity(p["trigram told the place"]) - 5 for one in gru)

# %% [markdown] tags=["answer"]
# ## Answer
#
# At token 23, the end of line 4: the counts know the rhyme. There they are ahead by 0.7 to 0.9 nats, elsewhere by less
# than half as much. This one token of 24 makes about 0.03 of the nats in the table.

# %% tags=["proof"]
for seed, one in zip(SEEDS, gru):
    ahead = np.log(p["five counts"] / one).mean(axis=0)
    print(f"seed {seed}: furthest ahead at token {ahead.argmax() + 1}, by {ahead.max():.2f}, "
          f"then by {np.sort(ahead)[-2]:.2f} nats")
    if not QUICK:
        assert ahead.argmax() == 22 and 0.6 < ahead.max() < 1 and np.sort(ahead)[-2] < 0.6 * ahead.max()
