# %% [markdown]
# # 32. Attention weights: do they explain an answer?
#
# *Beside the article: its question-and-answer part, on attention.*
#
# At each step attention has weights that sum to 1, one for each step of the source. They can be drawn as a map: where
# did the model look? It is tempting to read such a map as a reason. Can one?
#
# The models are those of tutorial 31. An LSTM reads a sequence of digits, and another says it backwards. At each step
# the context is the mean of what the first one has at its steps, weighted by attention. What is said is read out of the
# second LSTM's own state and of the context.
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
# The state. The map says how much of a value is in the context. It does not say how much the context counts.
#
# ## Two maps
#
# Two kinds of attention, the dot product and the additive one, with three seeds each, trained as in tutorial 31. They
# say 1000 new sequences of ten digits. Additive attention says nearly all of them whole, the dot product few.
#
# PREDICT: a row of the map is a step of the target, a column one of the source. Which cells are dark?

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

print("said whole, and the weight on the digit that is said; seeds 0, 1, 2")
maps, whole, on_it = {}, {}, {}  # by the kind of attention, then by the seed
for name, runs in trained.items():
    answers = [model.greedy(params, source, start=10, steps=N + 1) for model, params in runs]
    maps[name] = [weights for _, weights in answers]
    whole[name] = np.array([(said == targets).all(axis=1).mean() for said, _ in answers])
    on_it[name] = np.array([weights[:, range(N), range(N - 1, -1, -1)].mean(axis=0) for weights in maps[name]])
    print(f"{name:<9} whole", whole[name].round(2), "first digit", on_it[name][:, FIRST].round(2),
          "last digit", on_it[name][:, LAST].round(2))

figure = Figure(figsize=(10, 4), layout="constrained")
for ax, name in zip(figure.subplots(1, 2), trained):
    plots.attention_weights(maps[name][0][0], ax, keys=source[0], queries=[*targets[0, :-1], "stop"])
    ax.set(xlabel="the source reads", ylabel="to be said", title=f"{name}: weights of one sequence")
save(figure, "32_where_they_look.png")

# %% [markdown]
# ![Heat maps of the weights of two kinds of attention](figures/32_where_they_look.png)
#
# Additive attention reads along the other diagonal. For the digit that is said first the map is darkest: about 0.9 or
# more. The map of the dot product is pale. For the digit that is said last the weight is hardly more than an equal
# share, which is 0.1.
#
# The maps seem to say: the additive one needs its context, most of all for the first digit. The dot product hardly
# needs it.

# %% tags=["proof"]
if not QUICK:
    assert min(whole["additive"]) > 0.95 and 0.05 < np.mean(whole["dot"]) < 0.2
    assert on_it["additive"][:, FIRST].min() > 0.8 and on_it["additive"].mean(axis=0).argmax() == FIRST
    assert on_it["dot"][:, LAST].max() < 0.2

# %% [markdown]
# ## Take the context away
#
# Put zeros in the place of the context. Nothing else differs. The second LSTM reads the right digits, whatever it says.
#
# PREDICT: with zeros, which digit is still right: the one said first, or the one said last? Is it the same for both
# kinds?

# %%
def says(model, params, replace):
    """What is said at each step, when `replace` has changed the contexts."""
    h, state, _ = model.reader.forward(params["encoder"], source)
    s, _, _ = model.reader.forward(params["decoder"], inputs, state)
    context, _, _ = model.attention.forward(params["attention"], s, h, h)
    logits, _ = linear.forward(params["read_out"], np.concatenate([s, replace(context, h)], axis=2))
    return logits.argmax(axis=2)


def show(title, replace, compare=targets):
    """Print and return, for each kind and seed, how often the first and the last digit are those of `compare`."""
    shares = {}
    for name, runs in trained.items():
        hits = np.array([(says(model, params, replace) == compare).mean(axis=0) for model, params in runs])
        shares[name] = hits[:, [FIRST, LAST]]
        first, last = (" ".join(f"{share:>4.0%}" for share in column) for column in shares[name].T)
        print(f"{name:<10}{title:<34}first {first}    last {last}")
    return shares


print("share of 1000 sequences, seeds 0, 1, 2")
own = show("its own context, right", lambda context, h: context)
zeros = show("zeros, right", lambda context, h: 0 * context)

# %% [markdown]
# The *first* digit is still right, with both kinds. It is the last that was read, and the state still has it. So the
# darkest place of the map is not needed for the answer.
#
# The *last* digit needs its context, with both kinds. The dot product falls from about 95 % to 25 to 64 %, however pale
# its map is.
#
# ## Give it the context of another sequence
#
# No model has seen zeros in training. So ask once more, with contexts that a model knows: those of another sequence, at
# all steps. `context[::-1]` reverses the batch. The states stay.
#
# PREDICT: additive attention, the first digit. The state has it, as zeros have shown. Does the model now say the digit
# of its own sequence, or that of the other one?

# %%
mine = show("another's context, own digit", lambda context, h: context[::-1])
other = show("another's context, other's digit", lambda context, h: context[::-1], targets[::-1])

# %% [markdown]
# That of the other, nearly always. So additive attention says what the context says. Zeros had left the state to answer
# alone; beside a real context the state counts for next to nothing. The dot product says its own first digit in about
# 90 %. Its own last digit it says in a third to a half, and the other's in about a fifth.
#
# So a dark place of the map did not mean that the answer needs it. A pale map did not mean that it needs nothing. A map
# says where a context comes from. It does not say whether an answer needs this context, or follows it. To know that,
# change the input, and in more than one way.

# %% tags=["proof"]
if not QUICK:
    assert min(zeros["dot"][:, 0].min(), zeros["additive"][:, 0].min()) > 0.8 and own["additive"].min() > 0.98
    assert own["dot"][:, 1].min() > 0.9 and zeros["dot"][:, 1].max() < 0.75 and zeros["additive"][:, 1].max() < 0.05
    assert other["additive"].min() > 0.95 and mine["additive"].max() < 0.2
    assert 0.85 < mine["dot"][:, 0].min() and mine["dot"][:, 0].max() < 0.97
    assert 0.25 < mine["dot"][:, 1].min() and mine["dot"][:, 1].max() < 0.6 and (mine["dot"] > other["dot"]).all()

# %% [markdown]
# **To take away:** give each step the mean of all h_j. Equal weights would give that: a map without any pattern. What
# is left of the last digit, with the dot product and with additive attention? Guess from the two maps.

# %% [markdown] tags=["answer"]
# ## Answer
#
# With the dot product 84 to 90 % are still right, with additive attention 3 to 6 %. So the dot product needs a context
# for the last digit, but its own weights matter little. Additive attention needs its own weights.

# %%
equal = show("equal weights, right", lambda context, h: np.broadcast_to(h.mean(axis=1, keepdims=True), context.shape))

# %% tags=["proof"]
if not QUICK:
    assert 0.8 < equal["dot"][:, 1].min() and equal["dot"][:, 1].max() < 0.95 and equal["additive"][:, 1].max() < 0.1
