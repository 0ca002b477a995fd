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
# Weights (0.5, 0.5), values 1 and 3: the context is 2. Weights (0.9, 0.1), values 2 and 2: the context is 2 again. And
# a read-out may give the context a small weight, or none.
#
# PREDICT: the score of an answer is 1 · (own state) + 0.1 · (context). The own state is 4, and the map is dark at a
# value of 30 (weight 1). Which of the two decides more: the state, or what the dark place points to?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import attention, linear, losses, models, optim, plots, training
from minirnn.datasets import tasks

print("from the state", 1 * 4.0, "from the context", 0.1 * 30.0)

# %% [markdown]
# The state. The weight says how much of a value is in the context. It does not say how much the context counts.
#
# ## Two heat maps
#
# The dot product and additive attention, three seeds each, trained as in tutorial 31 on lengths 4 to 20. All sequences
# below have length 10. Additive attention says nearly all of these right, the dot product about one in eight.
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
N = 10  # the length of the sequences below
(source, inputs), targets, _, _ = tasks.reversal(np.random.default_rng(10**6), 1000, N, N)


def looks(name, seed=0):
    """Where a model looks when it says the sequences above: (n, 11, 10)."""
    model, params = trained[name][seed]
    return model.greedy(params, source, start=10, steps=N + 1)[1]


print("weight on the digit that is said, each seed:")
on_it = {name: np.array([looks(name, seed)[:, np.arange(N), N - 1 - np.arange(N)].mean(axis=0) for seed in SEEDS])
         for name in ("dot", "additive")}  # (seeds, steps)
for name, rows in on_it.items():
    print(f"    {name:<9} mean over steps", rows.mean(axis=1).round(2), "at step 1", rows[:, 0].round(2))

figure = Figure(figsize=(10, 4), layout="constrained")
for ax, name in zip(figure.subplots(1, 2), ("dot", "additive")):
    plots.attention_weights(looks(name)[0], ax, keys=source[0], queries=[*targets[0, :-1], "stop"])
    ax.set(xlabel="the source reads", ylabel="to be said", title=f"{name}: weights of one sequence")
save(figure, "32_where_they_look.png")

# %% [markdown]
# ![Heat maps of the weights of two kinds of attention](figures/32_where_they_look.png)
#
# Additive attention reads along the other diagonal. About 70 % of the weight lies on the very digit that is said. The
# weights of the dot product lie nearly everywhere: about 15 % are on that digit, where an equal share would be 10 %.
#
# ## Change something, and see what happens
#
# Do the maps tell what an answer needs? Replace the context of one step: by zeros, by the context of step 3, or by the
# mean of all h_j, which equal weights would give. (Zeros are a context that no model ever saw in training.) Here the
# decoder reads the right digits, whatever it says.
#
# PREDICT: with zeros instead of the context, which digit is still said right: the one said first, or the one said last?
# Does it differ between the dot product and additive attention? And the stop symbol?

# %%
STEPS = {"step 1": 0, "step 5": 4, "step 10": 9, "stop": N}


def said_right(model, params, instead):
    """The share that is right at each of these steps, with another context there."""
    h, state, _ = model.reader.forward(params["encoder"], source)
    s, _, _ = model.reader.forward(params["decoder"], inputs, state)
    context, _, _ = model.attention.forward(params["attention"], s, h, h)
    context = {"its own": context, "zeros": 0 * context, "that of step 3": np.broadcast_to(context[:, 2:3], s.shape),
               "equal weights": np.broadcast_to(h.mean(axis=1, keepdims=True), s.shape)}
    logits, _ = linear.forward(params["read_out"], np.concatenate([s, context[instead]], axis=2))
    return (logits.argmax(axis=2) == targets).mean(axis=0)[list(STEPS.values())]


print("said right, seeds 0, 1, 2" + "".join(f"{step:>20}" for step in STEPS))
right = {}
for name in ("dot", "additive"):
    for instead in ("its own", "zeros", "that of step 3", "equal weights"):
        right[name, instead] = np.array([said_right(*trained[name][seed], instead) for seed in SEEDS])
        print(f"{name:<10}{instead:<15}" + "".join(f"{' '.join(f'{x:.0%}' for x in seeds):>20}"
                                                  for seeds in right[name, instead].T))

# %% [markdown]
# The maps seem to say: additive attention uses its context, and the dot product hardly does.
#
# With zeros the digit that is said *first* is still right, in 91 to 100 %, with both kinds. It is the last that the
# encoder has read, and the state still has it. The map of additive attention is darkest there. It does read that
# context, as another context shows: then the digit is wrong. But it can answer without this context.
#
# The digit that is said *last* needs its context, with both kinds. The dot product falls from about 95 % to 25 to 64 %,
# additive attention from 100 % to 0. So the context of the dot product carries digits too. But its map hardly matters:
# with equal weights 84 to 90 % are still right. With additive attention the map does matter: 3 to 6 % are left.
#
# The *stop* needs no context: zeros change nothing. But additive attention reads it. With the context of step 3, only
# 15 to 32 % of the stops are left.
#
# The maps alone did not say which symbol needs its context. A map is a picture of a layer, and no explanation of an
# answer. For that, change the input, and in more than one way. For the last digit of the dot product zeros leave 25 to
# 64 %, and another context 53 to 59 %.

# %% tags=["proof"]
if not QUICK:
    assert on_it["additive"].mean(axis=1).min() > 0.6 and 0.1 < on_it["dot"].mean() < 0.2
    assert on_it["additive"][:, 0].min() > 0.85
    zeros, other = ({name: right[name, instead] for name in on_it} for instead in ("zeros", "that of step 3"))
    assert min(zeros["dot"][:, 0].min(), zeros["additive"][:, 0].min()) > 0.85 and other["additive"][:, 0].max() < 0.3
    assert right["dot", "its own"][:, 2].min() > 0.9 and zeros["dot"][:, 2].max() < 0.75
    equal = {name: right[name, "equal weights"][:, 2] for name in on_it}
    assert 0.8 < equal["dot"].min() and equal["dot"].max() < 0.93 and equal["additive"].max() < 0.1
    assert 0.5 < other["dot"][:, 2].min() and other["dot"][:, 2].max() < 0.65
    assert zeros["additive"][:, 2].max() < 0.05 and right["additive", "its own"].min() > 0.98
    assert min(zeros["dot"][:, 3].min(), zeros["additive"][:, 3].min()) > 0.98 and other["additive"][:, 3].max() < 0.5

# %% [markdown]
# **To take away:** give each sequence the contexts of another one, at all steps: `context[::-1]` reverses the batch.
# The decoder's own states stay. Which digits does additive attention say then, those of its own sequence or of the
# other? And the dot product? Guess from the table first. It says that with zeros the first digit is still right.

# %% [markdown] tags=["answer"]
# ## Answer
#
# Additive attention says the other sequence, in 97 to 100 % at each step, the first one included. So its answer is what
# the context says. With zeros the state had answered alone; beside a real context the state counts for next to nothing.
#
# The dot product says its own first digit in 90 to 94 %, and later ones in 34 to 77 %. Those of the other sequence it
# says in 12 to 25 %, where chance alone gives 10 %. So its state says most, and the wrong context does harm.
#
# So what the maps seemed to say was right. But only this change shows it. Zeros had spoken against it: for the first
# digit of the one, and for the last digit of the other. Ask with contexts that the model knows.

# %%
def said_with_others_contexts(model, params):
    """The share of digits of the own sequence, and of the one that the contexts come from, at each step."""
    h, state, _ = model.reader.forward(params["encoder"], source)
    s, _, _ = model.reader.forward(params["decoder"], inputs, state)
    context, _, _ = model.attention.forward(params["attention"], s, h, h)
    logits, _ = linear.forward(params["read_out"], np.concatenate([s, context[::-1]], axis=2))
    said = logits.argmax(axis=2)
    return (said == targets).mean(axis=0)[:N], (said == targets[::-1]).mean(axis=0)[:N]


swapped = {name: [said_with_others_contexts(*trained[name][seed]) for seed in SEEDS] for name in trained}
for name, rows in swapped.items():
    for seed, (own, other) in enumerate(rows):
        print(f"{name:<9} seed {seed}: own", own.round(2), "other", other.round(2))

# %% tags=["proof"]
if not QUICK:
    own, other = (np.array([row[k] for row in swapped["additive"]]) for k in (0, 1))
    assert other.min() > 0.965 and own.max() < 0.2
    own, other = (np.array([row[k] for row in swapped["dot"]]) for k in (0, 1))
    assert 0.88 < own[:, 0].min() and own[:, 0].max() < 0.96 and 0.3 < own[:, 1:].min() and own[:, 1:].max() < 0.8
    assert 0.1 < other.min() and other.max() < 0.27
