# %% [markdown]
# # 38. Missing frames: what are the times worth?
#
# *Beside the article: its question-and-answer part, on data that is irregularly spaced.*
#
# In *irregular data* the readings are not equally far apart: a sensor fails, a patient comes back after a day or a
# month. The *gap* δ_t is the time since the reading before. Is a network better when it knows the times? Two questions
# are asked about the same data.
#
# Three LSTMs of 48 units are compared. Each gives its answer from the state of its last step:
#
# - One *ignores* the times.
# - One reads the *time so far* as one more input: the sum of the gaps from the first reading to this one.
# - One is `decayed` (Che et al. 2018). It reads the gap as one more input, and its state fades in the gap: h becomes
#   h · exp(-w δ), and c likewise. Training finds w for each unit.
#
# ## The smallest numbers
#
# Let w = ln 2 and the state 0.8. After a gap of 1 the state is 0.8 · ½ = 0.4.
#
# PREDICT: what is left of 0.8 after a gap of 3?

# %%
from collections import defaultdict

import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, datasets, decayed, fast, gradcheck, linear, losses, optim, plots, training
from minirnn.layers.layer import Layer

gaps = np.array([1.0, 3])
print("0.8 after gaps of 1 and 3:", (0.8 * np.exp(-np.log(2) * gaps)).round(3))

# %% [markdown]
# A half of a half of a half: 0.1 is left. (There is a bias b, too: the factor is exp(-max(0, w δ + b)).)
#
# The next cell makes `decayed` a layer that fits into a chain. At first reading, go past it.

# %%
fading = decayed(fast.lstm)


def init(rng, D, H, dtype=np.float32):
    return fading.init(rng, D - 1, H, dtype=dtype)


def forward(params, x, state=None, lengths=None):
    return fading.forward(params, x[..., :-1], x[..., -1], state, lengths)  # the last column of x: the gaps


def backward(cache, dh, dstate=None):
    grads, dx, dgaps, dstate = fading.backward(cache, dh, dstate)
    return grads, np.concatenate([dx, dgaps[..., None]], axis=2), dstate


in_time = Layer(init, forward, backward, takes=["state", "lengths"], name="decayed", direction="past")

# %% tags=["proof"]
assert np.allclose(0.8 * np.exp(-np.log(2) * gaps), [0.4, 0.1])
rng, x = np.random.default_rng(0), np.random.default_rng(1).uniform(0.1, 2, (3, 4, 6))
small = compose.with_loss(compose.chain(in_time, compose.last_step, linear), losses.cross_entropy, np.array([1, 0, 1]))
params = small.init(rng, 6, 4, 2, dtype=np.float64)
assert gradcheck.check(small, params, x, rng=rng, method="complex", lengths=np.array([4, 2, 1])).ok

# %% [markdown]
# ## The data, and two questions
#
# Nine men speak, as in tutorial 37: 270 utterances to train, 370 to test, each frame 12 numbers. Six of ten frames are
# dropped at random, from training and test alike. The times of the others are kept. The questions are:
#
# - *Who speaks?*
# - *Did he speak long?* Had the utterance 16 frames or more, before any was dropped?
#
# Beside the LSTMs stands what costs little:
#
# - For the first question, the linear layer of tutorial 37. It reads the first, the middle and the last frame that are
#   left, and no times.
# - For the second, a *rule*. It says yes if the gaps add up to more than a limit. The limit is the one with fewest
#   errors in training.
#
# One draw of the dropped frames may be luck. So there are five draws, and each has its own seed for the networks. Each
# model trains on all 270. The settings are those of tutorial 37, so they were chosen for the first question.

# %%
utterances, speakers = datasets.japanese_vowels()
frames = np.concatenate(utterances[:270])
utterances = [(u - frames.mean(axis=0)) / frames.std(axis=0) for u in utterances]
long = np.array([len(u) > 15 for u in utterances]).astype(int)
QUESTIONS = {"Who speaks?": speakers, "Did he speak long?": long}
THREE, RULE = "linear, three frames", "rule, sum of the gaps"
IGNORES, SO_FAR, DECAYED = LSTMS = "LSTM, ignores", "LSTM, time so far", "LSTM, decayed"
STEP = 0.3  # the gap between neighbours: small, so that gaps are about as large as the 12 numbers
DRAWS, EPOCHS = (1, 1) if QUICK else (5, 15)


def dropped(rng, share=0.6):
    """Each utterance without some frames, at least two are left; column 13 is the gap."""
    rest = []
    for u in utterances:
        order = rng.permutation(len(u))  # the first two stay
        kept = np.sort(order[(np.arange(len(u)) < 2) | (rng.random(len(u)) >= share)])
        rest.append(np.column_stack([u[kept], STEP * np.diff(kept, prepend=kept[0])]).astype(np.float32))
    return rest


def train(model, labels, x, lengths=None, *, hidden=(), seed, lr, decay=0.0, epochs, batch_size):
    """Train on the first 270. Gives a function of the test's x: a 1 for each of the 370 that is answered wrong."""
    rng = np.random.default_rng(seed)
    params = model.init(rng, x.shape[-1], *hidden, labels.max() + 1)
    training.fit(model, params, optim.Adam(lr, weight_decay=decay), training.Batch(x, labels, lengths).rows(slice(270)),
                 rng=rng, loss=losses.cross_entropy, epochs=epochs, batch_size=batch_size)
    given = {} if lengths is None else {"lengths": lengths[270:]}
    return lambda x: (model.forward(params, x, **given)[0].argmax(axis=1) != labels[270:]).astype(int)


def rule(numbers):
    """A 1 for each of the 370 that the rule "numbers > limit" answers wrong."""
    wrong = [((numbers > limit) != long).astype(int) for limit in range(2, 25)]
    return min(wrong, key=lambda one: one[:270].sum())[270:]


print(f"long: {long[:270].sum()} of 270 in training, {long[270:].sum()} of 370 in the test")

# %% [markdown]
# To say always no to the second question makes 163 errors.
#
# Each row of the table is a model: its errors of 370 in each draw, and their mean. The last column says how many more
# that is than the LSTM that ignores the times has, ± the standard error of tutorial 22. One observation is one
# utterance, averaged over the draws.
#
# PREDICT: in each question, does an LSTM that knows the times make fewer errors than the one that ignores them? Is it
# ahead of the linear layer, and of the rule?

# %%
wrong = {question: defaultdict(list) for question in QUESTIONS}  # for each model and draw 370 zeros and ones
readers = {question: [] for question in QUESTIONS}
for draw in range(DRAWS):
    timed = dropped(np.random.default_rng(draw))
    untimed = [u[:, :12] for u in timed]
    so_far = [np.column_stack([u[:, :12], u[:, 12].cumsum()]) for u in timed]
    three = np.array([np.ravel([u[0], u[len(u) // 2], u[-1]]) for u in untimed])
    linear_layer = train(linear, speakers, three, seed=draw, lr=0.05, decay=0.01, epochs=300, batch_size=270)
    wrong["Who speaks?"][THREE].append(linear_layer(three[270:]))
    wrong["Did he speak long?"][RULE].append(rule(np.array([u[-1, 12] / STEP for u in so_far]).round()))
    for question, labels in QUESTIONS.items():
        for name, layer, sequences in ((IGNORES, fast.lstm, untimed), (SO_FAR, fast.lstm, so_far),
                                       (DECAYED, in_time, timed)):
            chain = compose.chain(layer, compose.with_dropout(compose.last_step, 0.3), linear)
            x, lengths = datasets.padded(sequences)
            network = train(chain, labels, x, lengths, hidden=(48,), seed=draw, lr=3e-3, epochs=EPOCHS, batch_size=16)
            wrong[question][name].append(network(x[270:]))
            if name == SO_FAR:
                readers[question].append((network, x[270:], lengths[270:]))


def more(one, other):
    """How many errors `one` has more than `other`, mean of the draws, and the standard error."""
    difference = np.mean(one, axis=0) - np.mean(other, axis=0)  # one number for each utterance
    return difference.sum(), np.sqrt(370) * difference.std(ddof=1)


for question, models in wrong.items():
    print(f"{question:<24} draw 0    1    2    3    4    mean   more than 'ignores'")
    for name, answers in models.items():
        each, (difference, error) = np.sum(answers, axis=1), more(answers, models[IGNORES])
        print(f"  {name:<22}", *(f"{n:>4}" for n in each), f"{each.mean():>7.1f}",
              "" if name == IGNORES else f"{difference:>11.1f} ± {error:.1f}")

# %% [markdown]
# - *Who speaks?* Knowing the times does not help. `decayed` is level with the LSTM that ignores them. With the time so
#   far there are 5 errors more, 2.4 standard errors: perhaps a loss, and no gain. The linear layer reads no times, and
#   has about half the errors of a single LSTM.
# - *Did he speak long?* Here the times help. Both LSTMs that know them have about 15 errors fewer, more than four
#   standard errors. `decayed` varies: 30 fewer in one draw, none in another. And it need not be decay: the time so far
#   as an input does as well.
# - *The rule* has the fewest errors in each draw, on average 24 fewer than these two. But it is told nearly the answer:
#   its sum is the time from the first frame that is left to the last. One LSTM reads the same sum at its last step.
#   Settings chosen for this question may serve it better.

# %% tags=["proof"]
if not QUICK:
    who, how_long = wrong.values()
    assert abs(more(who[DECAYED], who[IGNORES])[0]) < 6 and more(who[SO_FAR], who[IGNORES])[0] > -2
    assert max(np.sum(who[THREE]) / np.sum(who[name]) for name in LSTMS) < 0.75
    for name in (SO_FAR, DECAYED):
        difference, error = more(how_long[name], how_long[IGNORES])
        assert difference < -6 and difference < -3 * error
    assert abs(more(how_long[SO_FAR], how_long[DECAYED])[0]) < 15
    rules = np.sum(how_long[RULE], axis=1)
    assert rules.tolist() == [55, 41, 60, 43, 53]
    assert all((rules < np.sum(how_long[name], axis=1)).sum() >= 4 for name in LSTMS)
    assert min(more(how_long[name], how_long[RULE])[0] for name in (SO_FAR, DECAYED)) > 12
assert long[:270].sum() == 133 and long[270:].sum() == 163

# %% [markdown]
# ## Which inputs does the network use?
#
# *Permutation importance* tells. Shuffle one of the inputs among all frames of the test. How many more errors does the
# trained network make now? Here that is counted for each of the 13 inputs of the LSTM that reads the time so far, as a
# mean of the draws.
#
# PREDICT: which costs more errors, shuffling the time or shuffling the most important of the 12 numbers? Say it for
# each question.

# %%
importance = {}
for question, networks in readers.items():
    costs = np.zeros((len(networks), 13))
    for draw, (network, x, lengths) in enumerate(networks):
        real, rng = losses.length_mask(lengths, x.shape[1]), np.random.default_rng(draw)
        for j in range(13):
            shuffled = x.copy()
            shuffled[real, j] = rng.permutation(x[real, j])
            costs[draw, j] = network(shuffled).sum() - network(x).sum()
    importance[question] = costs.mean(axis=0)
    print(f"{question:<20} more errors, numbers 1 .. 12:", *(f"{cost:.0f}" for cost in importance[question][:12]),
          f"  time: {importance[question][12]:.0f}")

figure = Figure(figsize=(9, 4), layout="constrained")
ax = figure.subplots()
for shift, (question, colour) in enumerate(zip(QUESTIONS, (plots.BLUE, plots.ORANGE))):
    ax.bar(np.arange(13) + 0.4 * shift - 0.2, importance[question], 0.4, color=colour, label=question)
ax.set_xticks(range(13), [*range(1, 13), "time\nso far"], fontsize=12)
ax.set_xlabel("the input that is shuffled", fontsize=12), ax.set_ylabel("more errors of 370", fontsize=12)
ax.set_title("The same data, two questions: other inputs are used")
ax.legend(frameon=False, fontsize=12, loc="upper center")
save(figure, "38_missing_frames.png")

# %% [markdown]
# ![Permutation importance of the 12 numbers and of the time, for two questions](figures/38_missing_frames.png)
#
# To say who speaks, the network uses the numbers 1 and 6 most, and the time little. To say whether he spoke long, it
# uses the time most.
#
# But its 65 errors are not what the time is worth. The LSTM that never knew it makes only about 15 more. A shuffled
# time is worse than none: the network still relies on it. So permutation importance tells what a trained network uses.
# To learn what an input is worth, train a second time, without it.
#
# What the times are worth depends on the question. So train once with them and once without, and try the simplest rule
# beside.

# %% tags=["proof"]
if not QUICK:
    who_uses, long_uses = importance.values()
    assert set(who_uses.argsort()[-2:]) == {0, 5} and who_uses[12] < 20
    assert 45 < long_uses[12] < 85 and long_uses[:12].max() < 25
    assert long_uses[12] > 20 - more(how_long[SO_FAR], how_long[IGNORES])[0]

# %% [markdown]
# **To take away:** the LSTM that ignores the times can still count the frames that are left. Does it know more than
# their number? How many errors will a rule make that reads this number instead of the sum?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The rule that reads the number of frames makes about 104 errors, the LSTM that ignores the times about 89. The
# difference is 2.6 standard errors. So the LSTM probably knows a little more than the number.

# %%
draws = [dropped(np.random.default_rng(draw)) for draw in range(DRAWS)]
counts = [rule(np.array([len(u) for u in timed])) for timed in draws]
difference, error = more(counts, wrong["Did he speak long?"][IGNORES])
print("rule, number of frames:", *np.sum(counts, axis=1), f" mean {np.sum(counts) / DRAWS:.1f},",
      f"more than '{IGNORES}': {difference:.1f} ± {error:.1f}")

# %% tags=["proof"]
if not QUICK:
    assert np.sum(counts, axis=1).tolist() == [106, 108, 115, 92, 98] and difference > 4
