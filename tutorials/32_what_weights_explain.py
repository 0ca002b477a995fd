# %% [markdown]
# # 32. Attention weights: do they explain an answer?
#
# *Beside the article: its question-and-answer part, on attention.*
#
# At each step attention has weights that sum to 1, one for each step of the source. They can be drawn as a map: where
# did the model look? It is tempting to read such a map as a reason. Can one?
#
# The models are those of tutorial 31. An LSTM reads a sequence of digits, and another says it backwards. At each step
# the *context* is the mean of the reader's states at all its steps, weighted by attention. What is said is read out of
# two things: the speaker's own state, and the context.
#
# ## The smallest numbers
#
# PREDICT: the score of an answer is 1 · (own state) + 0.1 · (context). The own state is 4. The map has its whole weight
# on one step, and the value there is 30. Which of the two decides more: the state, or the step that the map points to?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import attention, linear, losses, models, optim, plots, training
from minirnn.datasets import tasks

print("from the state", 1 * 4.0, "from the context", 0.1 * 30.0)

# %% [markdown]
# The state. The map does not say how much the context counts.
#
# ## Two maps
#
# Two kinds of attention, the dot product and the additive one, with three seeds each, say 1000 new sequences of ten
# digits. The speaker reads the right digits, whatever it says. In the map a row is a step of the target, a column
# one of the source.

# %%
EPOCHS, BATCHES, BATCH_SIZE, SEEDS = (2, 10, 32, range(1)) if QUICK else (18, 50, 32, range(3))


def train(kind, seed):
    """A model and its trained parameters; every epoch has new sequences."""
    model, rng, opt = models.EncoderDecoder(kind), np.random.default_rng(seed), optim.Adam()
    params, data_rng = model.init(rng, 11, 11, 16, 16), np.random.default_rng([seed, 1])
    schedule = optim.WarmupCosine(peak=0.02, warmup=1, total=max(3, EPOCHS))
    for _ in range(EPOCHS):
        schedule.step(opt)
        data = training.Batch(*tasks.reversal(data_rng, BATCHES * BATCH_SIZE, 4, 20))
        training.epoch(model, params, opt, data, rng, BATCH_SIZE, loss=losses.cross_entropy)
    return model, params


trained = {name: [train(kind, seed) for seed in SEEDS]
           for name, kind in (("dot", attention.dot), ("additive", attention.additive))}
N, FIRST, LAST = 10, 0, 9  # ten digits; the steps at which the first and the last one are said
(source, inputs), targets, _, _ = tasks.reversal(np.random.default_rng(10**6), 1000, N, N)
maps = {name: [model.forward(params, (source, inputs))[1] for model, params in runs] for name, runs in trained.items()}

figure = Figure(figsize=(10, 4), layout="constrained")
for ax, name in zip(figure.subplots(1, 2), trained):
    plots.attention_weights(maps[name][0][0], ax, keys=source[0], queries=[*targets[0, :-1], "stop"])
    ax.set(xlabel="the source reads", ylabel="to be said", title=f"{name}: weights of one sequence")
save(figure, "32_where_they_look.png")

print("mean weight on the digit that is said; seeds 0, 1, 2")
on_it = {}
for name in trained:
    on_it[name] = np.array([weights[:, range(N), range(N - 1, -1, -1)].mean(axis=0) for weights in maps[name]])
    print(f"{name:<9} first digit", on_it[name][:, FIRST].round(2), "last digit", on_it[name][:, LAST].round(2))

# %% [markdown]
# ![Heat maps of the weights of two kinds of attention](figures/32_where_they_look.png)
#
# Additive attention reads along the diagonal from top right to bottom left. The map is darkest for the digit that is
# said first. The map of the dot product is pale. For the digit said last the weight is only a little more than an equal
# share, 0.1.
#
# The maps seem to say: additive attention needs its context, most of all for the first digit. The dot product hardly
# needs it.

# %% tags=["proof"]
if not QUICK:
    assert on_it["additive"][:, FIRST].min() > 0.8 and on_it["additive"].mean(axis=0).argmax() == FIRST
    assert on_it["dot"][:, LAST].min() > 0.1 and on_it["dot"][:, LAST].max() < 0.2

# %% [markdown]
# ## Take the context away
#
# Put zeros in the place of the context. Nothing else differs. The last numbers of a row are the share of sequences in
# which all digits are right. Guessing a digit is right in 10 %.
#
# PREDICT: with zeros, which digit is still right: the one said first, or the one said last? Is it the same for both
# kinds?

# %%
def scores(model, params, replace):
    """The scores of all digits at each step, when `replace` has changed the contexts."""
    h, state, _ = model.reader.forward(params["encoder"], source)
    s, _, _ = model.reader.forward(params["decoder"], inputs, state)
    context, _, _ = model.attention.forward(params["attention"], s, h, h)
    return linear.forward(params["read_out"], np.concatenate([s, replace(context, h)], axis=2))[0]


def show(title, replace, compare=targets):
    """Print and return, for each kind: the share of `compare` that is said, (first, last, all) by seed."""
    shares = {}
    for name, runs in trained.items():
        hits = [scores(model, params, replace).argmax(axis=2) == compare for model, params in runs]
        shares[name] = np.array([[hit[:, FIRST].mean(), hit[:, LAST].mean(), hit.all(axis=1).mean()] for hit in hits]).T
        first, last, whole = (" ".join(f"{share:>4.0%}" for share in by_seed) for by_seed in shares[name])
        print(f"{name:<9}{title:<34}first {first}   last {last}   all {whole}")
    return shares


print("share of 1000 sequences, seeds 0, 1, 2")
own = show("its own context, right", lambda context, h: context)
zeros = show("zeros, right", lambda context, h: 0 * context)

# %% [markdown]
# The *first* digit is still right, with both kinds. It was read last, and the state still has it. So at the darkest
# place of the map the state can answer without a context.
#
# The *last* digit needs its context. Additive attention loses all of it, and the dot product a third to three quarters,
# however pale its map is. (The dot product says only one sequence in eight whole. We look at its two ends.)
#
# The reader's states also remember earlier digits. So a weight on a step is not a weight on one digit.
#
# ## Give it the context of another sequence
#
# No model has seen zeros in training. So now give it a context that it knows: that of another sequence.
# `context[::-1]` reverses the batch. The states stay.
#
# PREDICT: additive attention, the first digit. Does the model now say that of its own sequence, which the state has, or
# that of the other one?

# %%
mine = show("another's context, own digit", lambda context, h: context[::-1])
other = show("another's context, other's digit", lambda context, h: context[::-1], targets[::-1])

# %% [markdown]
# That of the other, nearly always. Why, if the state can say its own? The read-out is linear: a score is a part from
# the state and a part from the context. How far is, in each part, the right first digit above the mean of the others?

# %%
def above_others(part):
    """How far the right first digit is above the mean of the nine others, on average."""
    part = part[:, FIRST, :10]
    right = np.take_along_axis(part, targets[:, [FIRST]], axis=1)[:, 0]
    return np.mean(right - (part.sum(axis=1) - right) / 9)


print("the right first digit above the others, seeds 0, 1, 2")
parts = {}
for name, runs in trained.items():
    found = []
    for model, params in runs:
        alone = scores(model, params, lambda context, h: 0 * context)
        both = scores(model, params, lambda context, h: context)
        found.append([above_others(alone - params["read_out"]["b"]), above_others(both - alone)])
    parts[name] = np.transpose(found)
    print(f"{name:<9} from the state", parts[name][0].round(1), "from the context", parts[name][1].round(1))

# %% [markdown]
# With additive attention the state alone can say the digit. But a real context weighs about three times as much, and
# wins. With the dot product it is the other way round, and it says its own first digit.
#
# So a map says where a context comes from. It does not say whether the state could answer without it, nor which of the
# two wins. To know that, change the context, and in more than one way.

# %% tags=["proof"]
if not QUICK:
    assert min(zeros["dot"][0].min(), zeros["additive"][0].min()) > 0.7 and own["additive"].min() > 0.9
    assert own["dot"][1].min() > 0.85 and zeros["dot"][1].max() < 0.75 and zeros["additive"][1].max() < 0.15
    assert other["additive"][:2].min() > 0.9 and mine["additive"].max() < 0.2 and mine["dot"][0].min() > 0.8
    state, context = np.array([parts["additive"], parts["dot"]]).swapaxes(0, 1)
    assert (1.7 * state[0] < context[0]).all() and 2 < np.mean(context[0] / state[0]) < 4.5
    assert (state[1] > 2 * context[1]).all()

# %% [markdown]
# **To take away:** now all weights are equal: each context is the plain mean of the reader's states. What is left of
# the last digit, with the dot product and with additive attention? Guess from the two maps.

# %% [markdown] tags=["answer"]
# ## Answer
#
# With the dot product most last digits are still right, with additive attention few. So here the maps did tell whether
# the pattern of the weights matters.
#
# But not everywhere. The dot product says fewer sequences whole than with its own weights. And at the darkest place,
# additive attention's first digit, about three quarters are still right.

# %%
equal = show("equal weights, right", lambda context, h: np.broadcast_to(h.mean(axis=1, keepdims=True), context.shape))

# %% tags=["proof"]
if not QUICK:
    assert 0.75 < equal["dot"][1].min() and equal["dot"][1].max() < 0.95 and equal["additive"][1].max() < 0.4
    assert (equal["dot"][2] < own["dot"][2] - 0.03).all() and 0.65 < equal["additive"][0].mean() < 0.9
