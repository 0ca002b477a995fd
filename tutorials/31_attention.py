# %% [markdown]
# # 31. Attention: look back instead of remembering
#
# *Beside the article: its question-and-answer part, on additive, dot-product and multi-head attention.*
#
# A network, the *encoder*, reads a sequence of digits. Another, the *decoder*, says it backwards: 3 1 4 becomes 4 1 3.
# Without attention all that the decoder learns of the sequence is one state, however long it was.
#
# With attention the decoder may look back. At each step i it asks a question, the *query* q_i. Each step j of the
# source has a *key* k_j and a *value* v_j. The score says how well the key fits the question. A softmax (tutorial 28)
# makes weights of the scores, and the *context* is the weighted mean of the values:
#
#     w_ij = softmax_j(score(q_i, k_j)),        context_i = Σ_j w_ij v_j
#
# Here q_i is the decoder's state s_i, and k_j = v_j = h_j, the encoder's states. What the decoder says is read out of
# both, one below the other, W [s_i; context_i] + b: a score for each digit and for the stop. The kinds of attention
# differ in the score:
#
# - *dot product*: q·k/√D, where D is the length of q and k;
# - *additive*: v_a · tanh(W_q q + W_k k), with weights v_a, W_q and W_k;
# - *multi-head*: queries, keys and values first go through linear layers; then several dot products side by side, each
#   on a part of them.

# %% [markdown]
# ## The smallest numbers
#
# One query, two keys of width 4. The scores are q·k/√4 = 1 and 0. So the weights are e/(e + 1) = 0.731 and 0.269. The
# values are 10 and 20, so the context is 0.731 · 10 + 0.269 · 20 = 12.69.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import attention, gradcheck, linear, losses, models, optim, plots, training, tree
from minirnn.datasets import tasks

q = np.array([[[2.0, 0, 0, 0]]])
k = np.array([[[1.0, 0, 0, 0], [0, 1, 0, 0]]])
v = np.array([[[10.0], [20.0]]])
context, weights, cache = attention.dot.forward({}, q, k, v)
print("weights", weights.round(3), "context", context.round(2))

# %% tags=["proof"]
assert weights.round(3).tolist() == [[[0.731, 0.269]]] and context.round(2).item() == 12.69

# %% [markdown]
# ## Backward by hand
#
# Let the loss be the context itself, so dcontext = 1. Then dv = w. The weights get dw = dcontext · v = (10, 20). But
# the weights sum to 1. So adding the same number to every dw changes nothing. Subtract their mean Σ w dw:
#
#     dscore_j = w_j (dw_j - Σ_l w_l dw_l)
#
# For the first key that is 0.731 · (10 - 12.69) = -1.966.
#
# PREDICT: and for the second? The answer needs no calculation.

# %%
_, dq, dk, dv = attention.dot.backward(cache, np.ones((1, 1, 1)))
dscores = dq[0, 0, :2] * 2  # dq = Σ_j dscore_j k_j / √4, and the keys are unit vectors
print("dscores", dscores.round(3), "dv", dv.ravel().round(3))

# %% tags=["proof"]
assert dscores.round(3).tolist() == [-1.966, 1.966] and dv.ravel().round(3).tolist() == [0.731, 0.269]

# %% [markdown]
# ## The check
#
# The second is the opposite of the first: what the scores receive sums to 0. Now every path of each kind, in many
# dimensions: the gradients of queries, keys, values and parameters.

# %%
rng, reports = np.random.default_rng(0), []
q, k, v = (rng.normal(size=shape) for shape in ((3, 2, 4), (3, 5, 4), (3, 5, 4)))
for kind in (attention.dot, attention.additive, attention.multi_head):
    params = {name: rng.normal(size=p.shape) for name, p in
              (kind.init(rng) if kind is attention.dot else kind.init(rng, 4)).items()}
    reports.append(gradcheck.check(kind, params, q, k, v, np.array([5, 1, 3]), rng=rng, method="complex"))
    print(f"{kind.__name__.split('.')[-1]:<12} largest error {reports[-1].max_error:.1e}")

# %% tags=["proof"]
assert all(report.ok for report in reports)

# %% [markdown]
# ## Four models
#
# Encoder and decoder are LSTMs of 16 units. The sequences have 4 to 20 digits, and a stop symbol ends what is said.
# Four models train on the same sequences, three seeds each:
#
# - without attention: 16 numbers h and 16 numbers c are handed over, and nothing else;
# - with the dot product;
# - with one head: the dot product, but queries, keys and values first go through linear layers;
# - with additive attention.
#
# In training the decoder reads the right digits, one step late (*teacher forcing*). In the test it reads what it has
# said itself, at each step the likeliest symbol (*greedy*). It starts from symbol 10, which is also the stop. The
# learning rate rises for one epoch to its *peak*, 0.02. Then it falls along a cosine.
#
# PREDICT: how many of 500 new sequences of length 20 come out whole, without attention and with the additive
# one? And how many of lengths 21, 22 and 25, which no model has seen in training?

# %%
KINDS = {"none": None, "dot": attention.dot, "one head": attention.multi_head, "additive": attention.additive}
COLOURS = dict(zip(KINDS, (plots.GREY, plots.BLUE, plots.GREEN, plots.ORANGE)))
EPOCHS, BATCHES, BATCH_SIZE, LENGTHS = 2 if QUICK else 18, 10 if QUICK else 50, 32, (4, 10, 15, 20, 21, 22, 25)
SEEDS = range(1 if QUICK else 3)


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


def exact(model, params, length, n=100 if QUICK else 500):
    """The share of n new sequences that come out whole, stop symbol and all."""
    (source, _), targets, _, _ = tasks.reversal(np.random.default_rng(10**6), n, length, length)
    said, _ = model.greedy(params, source, start=10, steps=length + 1)
    return (said == targets).all(axis=1).mean()


trained = {name: [train(kind, seed) for seed in SEEDS] for name, kind in KINDS.items()}
shares = {name: np.array([[exact(model, params, length) for length in LENGTHS] for model, params in runs])
          for name, runs in trained.items()}  # (seeds, lengths)

# %%
print(f"{'said whole':<20}" + "".join(f"length {length:<5}" for length in LENGTHS))
for name, share in shares.items():
    for seed, row in enumerate(share):
        print(f"{f'{name}, seed {seed}':<20}" + "".join(f"{value:<12.1%}" for value in row))
sizes = {name: sum(p.size for _, p in tree.leaves(runs[0][1])) for name, runs in trained.items()}
print("weights:", sizes)

figure = Figure(figsize=(8, 3.4), layout="constrained")
ax = figure.subplots()
for name, share in shares.items():
    for seed, row in enumerate(share):
        ax.plot(LENGTHS, row, ".-", color=COLOURS[name], label=None if seed else name)
ax.axvspan(20.5, 25.5, color="black", alpha=0.08)
ax.text(20.7, 0.9, "never trained")
ax.set(xlabel="length of the sequence", ylabel="share said whole", xlim=(3.5, 25.5), ylim=(-0.03, 1.05), xticks=LENGTHS,
       title="Four models, three seeds each")
ax.legend(frameon=False, loc="lower left")
save(figure, "31_attention.png")

# %% [markdown]
# ![Share of whole sequences by length, four models](figures/31_attention.png)
#
# With additive attention 79 to 96 % of the sequences of length 20 come out whole. Without attention none does.
# (The models have 4,763 to 6,027 weights, most of them in the two LSTMs.) This is what attention is for. The
# encoder does not have to press the sequence into one state: the decoder looks back. The 79 to 96 % belong to this
# setting. With a peak rate of 0.007 it is 37 to 53 % (recorded once, three seeds).
#
# Lengths above 20 are *unseen*. Additive attention still says 52 to 73 % of length 21 whole, and 24 to 33 % of length
# 22. Of length 25 none is left. So it does not stop where training stopped: it gets worse with each further digit.
#
# Is the state full, then? No, without attention it only learns slowly. After 180 epochs in batches of 64, with a peak
# rate of 0.01, it says 71 to 75 % of length 10. In the table it is about 10 %. Of length 15 it is 15 %. (Recorded once,
# three seeds.) How far it would get was not tried.
#
# The dot product is hardly better than no attention. It has no weights of its own: the same 16 numbers of h_j must
# serve as memory, as key and as value. With linear layers before it, one head, it is far better. But its seeds differ
# most: of length 20 it says 5 to 37 %.

# %% tags=["proof"]
if not QUICK:
    of = {name: dict(zip(LENGTHS, share.T)) for name, share in shares.items()}
    assert of["additive"][20].min() > 0.7 and of["none"][20].max() == 0
    assert of["additive"][15].min() > 0.95 and of["none"][15].max() < 0.02
    assert of["dot"][10].max() < 0.3 and 0.05 < of["none"][10].min() < of["none"][10].max() < 0.15
    assert of["one head"][10].min() > 0.75
    assert 0.4 < of["additive"][21].min() and of["additive"][21].max() < 0.85
    assert 0.15 < of["additive"][22].min() and of["additive"][22].max() < 0.45
    assert all(share[:, -1].max() < 0.05 for share in shares.values())
assert (min(sizes.values()), max(sizes.values())) == (4763, 6027)

# %% [markdown]
# So attention is for this: the decoder looks back instead of remembering. *Where* it looks, and what that explains, is
# the subject of tutorial 32.
#
# **To take away:** without attention, at which of the ten steps of a sequence of length 10 is the digit wrong most
# often, and why? Make new sequences with `tasks.reversal(rng, 1000, 10, 10)`, and compare `model.greedy(...)[0]` with
# them.

# %% [markdown] tags=["answer"]
# ## Answer
#
# In the middle, at steps 6 and 7: about 60 % are wrong there, when the network reads what it has said itself. The digit
# that is said first is wrong in 5 to 8 %. The encoder has just read it.
#
# Two things add up behind it. The decoder reads its own words, so one mistake brings the next. And the state is not
# exact. Given the right digits as input, 20 to 31 % are wrong at steps 2 to 7, at each step about equally many. So the
# middle is not harder for the state than step 2. The end is easier: at step 10 it is 3 to 6 %.

# %%
N = 10
(source, inputs), targets, _, _ = tasks.reversal(np.random.default_rng(10**6), 1000, N, N)
measured = []
for seed in SEEDS:
    model, params = trained["none"][seed]
    wrong = (model.greedy(params, source, start=10, steps=N + 1)[0] != targets).mean(axis=0)
    forced = (model.forward(params, (source, inputs))[0].argmax(axis=2) != targets).mean(axis=0)
    measured.append((wrong, forced))
    print(f"none, seed {seed}: wrong at each step", wrong.round(2), "given the right digits", forced.round(2))

# %% tags=["proof"]
if not QUICK:
    for wrong, forced in measured:
        assert wrong.argmax() in (4, 5, 6, 7) and 0.5 < wrong.max() < 0.7 and wrong[0] < 0.1
        assert 0.15 < forced[1:7].min() and forced[1:7].max() < 0.35 and forced[9] < 0.1
