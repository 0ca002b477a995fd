# %% [markdown]
# # 38. Missing frames: what are the times worth?
#
# *Beside the article: its question-and-answer part, on data that is irregularly spaced.*
#
# In *irregular data* the readings are not equally far apart: a sensor fails, a patient comes back after a day or a
# month. The *gap* δ_t is the time since the reading before. The *time so far* is the sum of the gaps.
#
# What are the times worth? An input is *worth* 5 errors if a model makes 5 errors fewer when it is trained with the
# input. To find that out, one trains twice.
#
# *Permutation importance* is cheaper. It trains once, with the input, and then shuffles this input in the test. How
# many more errors does the trained network make? Does that tell what the input is worth?
#
# ## The smallest numbers
#
# Four cases have the answers 1, 1, -1, -1. The input a is equal to the answer. The input b is a copy of a. A network
# that was trained with both answers a, and does not look at b.
#
# PREDICT: a is shuffled. How many of the four are wrong, on average? And how many are wrong if one trains without a?

# %%
from collections import defaultdict
from itertools import permutations

import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, datasets, decayed, fast, linear, losses, optim, plots, training
from minirnn.layers.layer import Layer

a = b = answer = np.array([1, 1, -1, -1])
print("a shuffled:", np.mean([(np.array(order) != answer).sum() for order in permutations(a)]), "wrong on average")
print("trained without a, the network answers b:", (b != answer).sum(), "wrong")

# %% [markdown]
# Shuffling a costs 2 errors of four. But a is worth nothing: without it b serves as well. Shuffling shows what a
# network *uses*.
#
# ## The data, and two questions
#
# Nine men speak, as in tutorial 37: 270 utterances to train, 370 to test, each frame 12 numbers. About half of the
# frames are dropped at random, from training and test alike. The times of the others are kept. Two questions are asked:
#
# - *Who speaks?*
# - *Did he speak long?* Had the utterance 16 frames or more, before any was dropped?
#
# For each question two models are trained without the times, and three with them.
#
# - The *linear layer* of tutorial 37 reads the first, the middle and the last frame that are left. It may read one more
#   number, the whole time from the first of these to the last.
# - The *LSTM* of tutorial 37 with the last step. It may read one more input at each step, the time so far.
# - Or the LSTM is `decayed` (Che et al. 2018). It reads the gap as one more input, and its state fades in the gap: h
#   becomes h · exp(-w δ), and c likewise. Training finds w for each unit.
#
# The times are scaled as the 12 numbers are, by mean and deviation over the training data. One draw of the dropped
# frames may be luck. So there are six draws, each with its own seed for the models.

# %%
utterances, speakers = datasets.japanese_vowels()
frames = np.concatenate(utterances[:270])
utterances = [(u - frames.mean(axis=0)) / frames.std(axis=0) for u in utterances]
long = np.array([len(u) > 15 for u in utterances]).astype(int)
QUESTIONS = {"Who speaks?": speakers, "Did he speak long?": long}
LINEAR, LSTM, RULE = "linear, three frames", "LSTM", "rule, whole time"
AND_WHOLE, SO_FAR, DECAYED = "linear, and whole time", "LSTM, and time so far", "LSTM, decayed"
WITHOUT = {AND_WHOLE: LINEAR, SO_FAR: LSTM, DECAYED: LSTM}  # the same model without the times
DRAWS, EPOCHS = (1, 1) if QUICK else (6, 15)


def dropped(rng):
    """Of each utterance the frames that are left, at least two, and for each the time so far."""
    rest, times = [], []
    for u in utterances:
        order = rng.permutation(len(u))  # the first two stay
        kept = np.sort(order[(np.arange(len(u)) < 2) | (rng.random(len(u)) >= 0.6)])
        rest.append(u[kept].astype(np.float32))
        times.append((kept - kept[0]).astype(np.float32))
    return rest, times


def scaled(times):
    """By mean and deviation over the training data."""
    known = np.concatenate(times[:270])
    return [((t - known.mean()) / known.std())[:, None] for t in times]


def fading(lstm):
    """`decayed` for a chain: the last column of x holds the gaps."""
    layer = decayed(lstm)

    def init(rng, D, H, dtype=np.float32):
        return layer.init(rng, D - 1, H, dtype=dtype)

    def forward(params, x, state=None, lengths=None):
        return layer.forward(params, x[..., :-1], x[..., -1], state, lengths)

    def backward(cache, dh, dstate=None):
        grads, dx, dgaps, dstate = layer.backward(cache, dh, dstate)
        return grads, np.concatenate([dx, dgaps[..., None]], axis=2), dstate

    return Layer(init, forward, backward, takes=["state", "lengths"], name="decayed", direction="past")


def train(model, labels, x, lengths=None, *, hidden=(), seed, lr, decay=0.0, epochs, batch_size):
    """Train on the first 270. Gives a function: of an x of the test, how many of the 370 are answered wrong."""
    rng = np.random.default_rng(seed)
    params = model.init(rng, x.shape[-1], *hidden, labels.max() + 1)
    training.fit(model, params, optim.Adam(lr, weight_decay=decay), training.Batch(x, labels, lengths).rows(slice(270)),
                 rng=rng, loss=losses.cross_entropy, epochs=epochs, batch_size=batch_size)
    given = {} if lengths is None else {"lengths": lengths[270:]}
    return lambda x: (model.forward(params, x, **given)[0].argmax(axis=1) != labels[270:]).sum()


def train_lstm(labels, x, lengths, seed, layer=fast.lstm):
    chain = compose.chain(layer, compose.with_dropout(compose.last_step, 0.3), linear)
    return train(chain, labels, x, lengths, hidden=(48,), seed=seed, lr=3e-3, epochs=EPOCHS, batch_size=16)


def rule(whole):
    """Errors of the rule "long if the whole time is above a limit"; the limit with fewest errors in training."""
    wrong = [(whole > limit) != long for limit in range(2, 25)]
    return min(wrong, key=lambda one: one[:270].sum())[270:].sum()


# %% [markdown]
# The table says how many errors of 370 each model makes, a mean of the draws, and what the times are worth to it. ± is
# the standard error over the six draws.
#
# Two rules stand beside the second question. One reads the whole time only. The other knows only who speaks: it says
# what is more frequent for this man in training.
#
# PREDICT: in which question are the times worth more? Is an LSTM that knows them ahead of the linear layer that knows
# them?

# %%
errors = {question: defaultdict(list) for question in QUESTIONS}  # of each model, one number a draw
readers = {question: [] for question in QUESTIONS}
settings = {"lr": 0.05, "decay": 0.01, "epochs": 10 if QUICK else 300, "batch_size": 270}
for draw in range(DRAWS):
    rest, times = dropped(np.random.default_rng(draw))
    three = np.array([np.ravel([u[0], u[len(u) // 2], u[-1]]) for u in rest])
    and_whole = np.hstack([three, np.concatenate(scaled([t[-1:] for t in times]))])
    untimed, lengths = datasets.padded(rest)
    timed, _ = datasets.padded([np.hstack(pair) for pair in zip(rest, scaled(times))])
    gaps = [0.3 * np.diff(t, prepend=0)[:, None] for t in times]  # a state half gone after a few frames
    with_gaps, _ = datasets.padded([np.hstack(pair) for pair in zip(rest, gaps)])
    for question, labels in QUESTIONS.items():
        for name, x in ((LINEAR, three), (AND_WHOLE, and_whole)):
            errors[question][name].append(train(linear, labels, x, seed=draw, **settings)(x[270:]))
        for name, layer, x in ((LSTM, fast.lstm, untimed), (DECAYED, fading(fast.lstm), with_gaps),
                               (SO_FAR, fast.lstm, timed)):
            network = train_lstm(labels, x, lengths, draw, layer)
            errors[question][name].append(network(x[270:]))
        readers[question].append((network, timed[270:], lengths[270:]))  # the LSTM with the time so far
    errors["Did he speak long?"][RULE].append(rule(np.array([t[-1] for t in times])))
often = np.array([long[:270][speakers[:270] == man].mean() > 0.5 for man in range(9)])
errors["Did he speak long?"]["rule, who speaks"] = [(often[speakers[270:]] != long[270:]).sum()] * DRAWS


def mean_and_error(numbers):
    return np.mean(numbers), np.std(numbers, ddof=1) / np.sqrt(DRAWS) if DRAWS > 1 else 0.0


worth = {question: {name: mean_and_error(np.subtract(models[without], models[name]))
                    for name, without in WITHOUT.items()} for question, models in errors.items()}
for question, models in errors.items():
    print(f"{question:<26}{'errors of 370':>14}{'the times are worth (more is better)':>40}")
    for name, each in models.items():
        value = "{:>26.1f} ± {:.1f}".format(*worth[question][name]) if name in WITHOUT else ""
        print(f"  {name:<24}{np.mean(each):>14.1f}", value)

# %% [markdown]
# - *Who speaks?* The times are worth little. They spare the linear layer about 2 errors of 10. To the LSTMs they are
#   worth nothing that shows.
# - *Did he speak long?* They are worth much: nearly half of the linear layer's errors, a quarter of the LSTM's. What
#   they are worth to `decayed` differs most from draw to draw.
# - The linear layer that knows the whole time is ahead of all LSTMs in both questions. In the second, even the rule
#   that reads nothing else is.
# - Some men speak longer than others. The rule that knows only who speaks has fewer errors than the two models without
#   times. So they may do no more than hear who speaks.

# %% tags=["proof"]
share = np.mean([1 - sum(map(len, dropped(np.random.default_rng(s))[0])) / sum(map(len, utterances)) for s in (0, 1)])
assert 0.5 < share < 0.54
if not QUICK:
    who, how_long = worth.values()
    assert 0.5 < who[AND_WHOLE][0] < 4 and abs(who[SO_FAR][0]) < 5
    assert how_long[AND_WHOLE][0] > 35 and how_long[SO_FAR][0] > 12 and how_long[DECAYED][0] > 5
    assert min(m / e for m, e in (how_long[AND_WHOLE], how_long[SO_FAR], who[AND_WHOLE])) > 2
    assert abs(who[DECAYED][0]) < 5 and how_long[DECAYED][1] == max(e for _, e in how_long.values())
    for question, models in errors.items():
        assert np.mean(models[AND_WHOLE]) < np.mean(models[SO_FAR]) - 5
    assert np.mean(models[RULE]) < np.mean(models[SO_FAR]) - 5
    assert models["rule, who speaks"][0] < min(np.mean(models[LINEAR]), np.mean(models[LSTM])) - 3

# %% [markdown]
# ## Which inputs does the network use?
#
# Now the LSTM that reads the time so far. One of its 13 inputs is shuffled among all frames of the test. How many more
# errors does it make?
#
# PREDICT: the time is shuffled. Does that cost more errors than the time is worth to the LSTM, or fewer?

# %%
uses = {}
for question, networks in readers.items():
    costs = np.zeros((len(networks), 13))
    for draw, (network, x, lengths) in enumerate(networks):
        real, rng = losses.length_mask(lengths, x.shape[1]), np.random.default_rng(draw)
        for j in range(13):
            shuffled = x.copy()
            shuffled[real, j] = rng.permutation(x[real, j])
            costs[draw, j] = network(shuffled) - network(x)
    uses[question] = costs.mean(axis=0)
    print(f"{question:<20} more errors, numbers 1 .. 12:", *(f"{cost:.0f}" for cost in uses[question][:12]),
          f"  time: {uses[question][12]:.0f}")

figure = Figure(figsize=(9, 4), layout="constrained")
ax = figure.subplots()
for shift, (question, colour) in enumerate(zip(QUESTIONS, (plots.BLUE, plots.ORANGE))):
    ax.bar(np.arange(13) + 0.4 * shift - 0.2, uses[question], 0.4, color=colour, label=question)
    ax.plot([11.6 + 0.4 * shift, 12 + 0.4 * shift], [worth[question][SO_FAR][0]] * 2, color="black", linewidth=4,
            solid_capstyle="butt", label="what the time is worth" if shift else None)
ax.set_xticks(range(13), [*range(1, 13), "time\nso far"], fontsize=12)
ax.set_xlabel("the input that is shuffled", fontsize=12), ax.set_ylabel("more errors of 370", fontsize=12)
ax.set_title("Shuffling shows which inputs are used, not what they are worth")
ax.legend(frameon=False, fontsize=12, loc="upper center")
save(figure, "38_missing_frames.png")

# %% [markdown]
# ![Permutation importance of the 12 numbers and of the time, and what the time is worth](figures/38_missing_frames.png)
#
# To say who speaks, the LSTM uses many of the numbers. To say whether he spoke long, it uses the time most.
#
# In both questions shuffling the time costs far more than the time is worth. A shuffled time is worse than none: the
# network still relies on it, and now it is false. So permutation importance tells what a trained network uses. To learn
# what an input is worth, train a second time, without it.

# %% tags=["proof"]
if not QUICK:
    who_uses, long_uses = uses.values()
    assert long_uses[12] > long_uses[:12].max() + 15 and (who_uses[:12] > 5).sum() > 5
    assert who_uses[12] > who[SO_FAR][0] + 5 and long_uses[12] > how_long[SO_FAR][0] + 15

# %% [markdown]
# **To take away:** the blue bars say that number 1 is used most to tell who speaks. How do you find out what it is
# worth to this LSTM? Will it be as much as its bar is high?

# %% [markdown] tags=["answer"]
# ## Answer
#
# Train the LSTM again in each draw, without number 1, and count. Number 1 is worth about 6 errors, far less than its
# bar says. The other numbers know much of what it knows, as b knows a.

# %%
without = []
for draw in range(DRAWS):
    rest, times = dropped(np.random.default_rng(draw))
    x, lengths = datasets.padded([np.hstack([u[:, 1:], t]) for u, t in zip(rest, scaled(times))])
    without.append(train_lstm(speakers, x, lengths, draw)(x[270:]))
more, error = mean_and_error(np.subtract(without, errors["Who speaks?"][SO_FAR]))
print(f"number 1 is worth {more:.1f} ± {error:.1f} errors; shuffling it costs {uses['Who speaks?'][0]:.0f}")

# %% tags=["proof"]
if not QUICK:
    assert more < who_uses[0] / 2
