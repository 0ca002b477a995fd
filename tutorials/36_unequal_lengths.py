# %% [markdown]
# # 36. Sequences of unequal length: nothing may depend on the padding
#
# *Beside the article: its question-and-answer part, on sequences of variable length.*
#
# Nine men say the two vowels /ae/ again and again. Each *utterance*, one man saying it once, was cut into 7 to 29
# *frames*. A frame is 12 numbers that describe the sound of a short moment.
#
# A batch is one array, and an array has one length. So short utterances are filled up with *padding*: frames that
# nobody spoke. Whoever breaks the rule of the title gets no error message. How does one keep to it, and how does one
# see that it is broken?
#
# ## The smallest numbers
#
# A network with one unit halves its state and adds what it reads: h_t = x_t + ½ h_{t-1}. It reads two sequences. The
# second is shorter, so it gets one step of padding, here 0:
#
# | | x | h | length | mask |
# |---|---|---|---|---|
# | first | 2, 1, 4 | 2, 2, 5 | 3 | 1, 1, 1 |
# | second | 4, 6, *0* | 4, 8, *4* | 2 | 1, 1, 0 |
#
# The network does not know what padding is. It reads on, so at the padding too there is a state: 4. The *length* of a
# sequence is how many of its steps are real. The *mask* says the same for each step: 1 if it is real, else 0.
#
# A *read-out* makes one number of all states of a sequence. Two read-outs of the second sequence, right and wrong:
#
# | read-out | right | | wrong | |
# |---|---|---|---|---|
# | last step | h at step length - 1, counted from 0 | 8 | `h[:, -1]` | 4 |
# | mean | Σ mask · h / length | 6 | `h.mean(axis=1)` | 16/3 |
#
# The first sequence has no padding: both ways give 5 and 3.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, datasets, fast, gradcheck, linear, losses, optim, plots, training

x, lengths = np.array([[2.0, 1, 4], [4, 6, 0]]), np.array([3, 2])
mask = losses.length_mask(lengths, 3)


def states(x):
    h, state = np.zeros_like(x), 0
    for t in range(x.shape[1]):
        state = x[:, t] + state / 2
        h[:, t] = state
    return h


def right_last(x):
    return states(x)[[0, 1], [2, 1]]  # at length - 1


def wrong_last(x):
    return states(x)[:, -1]


print("mask", mask.astype(int).tolist())
print("right: last step", right_last(x), "mean", (mask * states(x)).sum(axis=1) / lengths)
print("wrong: last step", wrong_last(x), "mean", states(x).mean(axis=1).round(2))

# %% [markdown]
# PREDICT: the padding of the second sequence becomes 100. What becomes of its four numbers, 8 and 6, 4 and 5.33?

# %%
other = x.copy()
other[1, 2] = 100
print("right: last step", right_last(other), "mean", (mask * states(other)).sum(axis=1) / lengths)
print("wrong: last step", wrong_last(other), "mean", states(other).mean(axis=1).round(2))

# %% [markdown]
# The right ones stay 8 and 6. The wrong ones become 104 and 38.67.
#
# ## The same in minirnn
#
# The lengths go into `forward`: `model.forward(params, x, lengths=lengths)`. Then each layer keeps to them, and
# `last_step` takes the right step. Whoever forgets `lengths=lengths` gets `h[:, -1]`, and no error.
#
# This is the test for any model: change the padding. Not one digit of the answer may change. Here the model is an LSTM
# of 48 units that is not yet trained. Its last step goes into a linear layer. This gives nine scores, one for each of
# the nine men. Between the two is the dropout of tutorial 20, which acts in training only. The frames are random
# numbers, and the padding changes from 0 to 99.

# %%
model = compose.chain(fast.lstm, compose.with_dropout(compose.last_step, 0.3), linear)
rng = np.random.default_rng(0)
params = model.init(rng, 12, 48, 9)
frames, lengths = rng.normal(size=(3, 4, 12)).astype(np.float32), np.array([4, 2, 1])
real = losses.length_mask(lengths, 4)[..., None]
changes = {}
for name, given in (("with lengths", lengths), ("lengths forgotten", None)):
    scores = [model.forward(params, np.where(real, frames, padding), lengths=given)[0] for padding in (0, 99)]
    changes[name] = np.abs(scores[0] - scores[1]).max(axis=1)
    print(f"{name:<18} largest change of a score, for lengths 4, 2 and 1: {changes[name].round(2)}")

# %% tags=["proof"]
assert right_last(x).tolist() == right_last(other).tolist() == [5, 8] and wrong_last(x).tolist() == [5, 4]
assert wrong_last(other)[1] == 104 and states(other)[1].mean().round(2) == 38.67
assert (changes["with lengths"] == 0).all() and (changes["lengths forgotten"][1:] > 0.01).all()
small = compose.with_loss(model, losses.cross_entropy, np.array([1, 0, 1]))
params = small.init(rng, 12, 4, 2, dtype=np.float64)
frames = frames.astype(np.float64)
assert gradcheck.check(small, params, frames, rng=rng, method="complex", lengths=lengths).ok
_, _, cache = small.forward(params, frames, lengths=lengths)
dx = small.backward(cache, 1.0)[1]
assert (dx[~real[..., 0]] == 0).all() and (dx[real[..., 0]] != 0).any(axis=1).all()

# %% [markdown]
# ## What does the mistake cost?
#
# 640 utterances (Kudo, Toyama and Shimbo 1999): 270 to train, 370 to test. Each of the 12 numbers is scaled by its mean
# and deviation over the training frames. So padding with 0 is padding with the mean frame. The LSTM says who speaks:
# the man with the largest score.
#
# One LSTM is trained with the lengths, one without, each from five random starts. In training all
# utterances are padded up to 29 frames, the longest of the test. Then all 370 are read three times:
#
# - padded up to 29 frames, as in training;
# - padded up to 60 frames, as if the batch held one utterance of 60 frames;
# - each utterance alone, without any padding.
#
# PREDICT: an LSTM was trained without lengths. In which of the three ways does it make the fewest errors?

# %%
utterances, speakers = datasets.japanese_vowels()
frames = np.concatenate(utterances[:270])
utterances = [(u - frames.mean(axis=0)) / frames.std(axis=0) for u in utterances]
x, lengths = datasets.padded(utterances)
test = np.arange(270, 640)


def trained(seed, told):
    """An LSTM, told the lengths or not."""
    data = training.Batch(x[:270], speakers[:270], lengths[:270] if told else None)
    rng = np.random.default_rng(seed)
    params = model.init(rng, 12, 48, 9, dtype=np.float64)
    training.fit(model, params, optim.Adam(3e-3), data, rng=rng, loss=losses.cross_entropy,
                 epochs=1 if QUICK else 15, batch_size=16)
    return params


def errors(params, told):
    """In the test, for the three ways to read."""
    counts = []
    for T in (29, 60):
        longer = np.pad(x[test], [(0, 0), (0, T - 29), (0, 0)])
        scores = model.forward(params, longer, lengths=lengths[test] if told else None)[0]
        counts.append((scores.argmax(axis=1) != speakers[test]).sum())
    alone = [model.forward(params, utterances[n][None])[0].argmax() != speakers[n] for n in test]
    return counts + [sum(alone)]


WAYS = "padded to 29, as in training", "padded to 60", "alone"
found = {}
print(f"{'errors of 370, five trainings':<24}{'with lengths':>24}{'lengths forgotten':>24}")
for name, told in (("with lengths", True), ("lengths forgotten", False)):
    found[name] = np.array([errors(trained(seed, told), told) for seed in range(1 if QUICK else 5)])
for k, way in enumerate(WAYS):
    print(f"{way:<30}", *(f"{', '.join(map(str, of[:, k])):>22}" for of in found.values()))

# %% tags=["proof"]
good, bad = found.values()
assert (good == good[:, :1]).all()
if not QUICK:
    as_trained, to_60, alone = bad.T
    assert good.max() < 20 and as_trained.min() <= good.max() and sorted(as_trained)[1] > good.max()
    assert (as_trained < to_60).all() and (as_trained < alone).all() and alone.min() > good.max() + 15

# %%
figure = Figure(figsize=(7, 3.6), layout="constrained")
ax = figure.subplots()
for (name, of), colour, shift in zip(found.items(), (plots.BLUE, plots.ORANGE), (-0.08, 0.08)):
    for k in range(len(WAYS)):
        ax.plot(np.full(len(of), k + shift), of[:, k], "o", color=colour, alpha=0.6, label=name if k == 0 else None)
ax.set_xticks(range(len(WAYS)), [way.replace(", ", ",\n") for way in WAYS])
ax.set(xlabel="the same utterances", ylabel="errors of 370", ylim=(0, None))
ax.set_title("With lengths, padding changes nothing")
ax.grid(axis="y", alpha=0.4)
ax.legend()
save(figure, "36_unequal_lengths.png")

# %% [markdown]
# ![Errors of the same utterances, padded in three ways, with and without lengths](figures/36_unequal_lengths.png)
#
# With lengths each LSTM has the same errors three times. Without, each has the fewest errors padded as in training: it
# learned to answer after this padding. After more of it each has more errors, and alone several times as many.
#
# Padded as in training, four of the five without lengths have clearly more errors than those with. But one has as few.
# So one test need not show the mistake. Other padding shows it.
#
# **To take away:** another read-out takes for each unit its largest state over all steps, `h.max(axis=1)`. Let the
# states of a unit be (-1, -2, -3) and (-5, -7), padded with 0. What is right, what does `h.max(axis=1)` say, and why
# would one not have seen the mistake with the states at the top of this page?

# %% [markdown] tags=["answer"]
# ## Answer
#
# Right is -1 and -5. `h.max(axis=1)` says -1 and 0: the padding is the largest. With the states 4, 8 and, at the
# padding, 4 it says 8, which is right by luck. So test with other padding. Put -∞ where nobody spoke:

# %%
h = np.array([[-1.0, -2, -3], [-5, -7, 0]])
print("wrong:", h.max(axis=1), " right:", np.where(mask, h, -np.inf).max(axis=1))

# %% tags=["proof"]
assert h.max(axis=1).tolist() == [-1, 0] and np.where(mask, h, -np.inf).max(axis=1).tolist() == [-1, -5]
assert states(np.array([[4.0, 6, 0]])).max() == 8
