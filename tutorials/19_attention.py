# %% [markdown]
# # 19. Attention: look back instead of remembering
#
# *Beside the article: its question-and-answer part, on additive, dot-product and multi-head attention.*
#
# A network reads a sequence of digits, and another says it backwards: 3 1 4 becomes 4 1 3. Without attention all that
# the second network knows of the first is one state. Everything it is to say must fit in there, whatever the length.
# With attention it may look back: at each step it asks a question, the query q_i; each step of the source has a key
# k_j, and what it gets is a mean of the values v_j, weighted by how well the key fits the question:
#
#     w_ij = softmax_j(score(q_i, k_j)),        context_i = Σ_j w_ij v_j
#
# The kinds differ in the score alone. *Dot product*: q·k/√D. *Additive*: v_a · tanh(W_q q + W_k k). *Multi-head*:
# several dot products side by side, each in a subspace of its own.

# %% [markdown]
# ## The smallest numbers
#
# One query, two keys of width 4. The scores are q·k/√4 = 1 and 0, so the weights are e/(e + 1) = 0.731 and 0.269, and
# the context lies between the values 10 and 20, at 0.731 · 10 + 0.269 · 20 = 12.69.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import attention, compose, gradcheck, losses, models, optim, plots, training
from minirnn.datasets import tasks

q = np.array([[[2.0, 0, 0, 0]]])
k = np.array([[[1.0, 0, 0, 0], [0, 1, 0, 0]]])
v = np.array([[[10.0], [20.0]]])
context, weights, cache = attention.dot.forward({}, q, k, v)
print("weights", weights.round(3), "context", context.round(2))
assert weights.round(3).tolist() == [[[0.731, 0.269]]] and context.round(2).item() == 12.69

# %% [markdown]
# ## Backward by hand
#
# Let the loss be the context itself, so dcontext = 1. Then dv = w. The weights get dw = dcontext · v = (10, 20), but
# a softmax ties its outputs together, since they sum to 1. What all of them receive alike changes nothing, so the
# mean under w is taken off: dscore_j = w_j (dw_j - Σ_l w_l dw_l) = 0.731 · (10 - 12.69) = -1.966 for the first key.
#
# PREDICT: and for the second? The answer needs no calculation.

# %%
_, dq, dk, dv = attention.dot.backward(cache, np.ones((1, 1, 1)))
dscores = dq[0, 0, :2] * 2  # dq = Σ_j dscore_j k_j / √4, and the keys are unit vectors
print("dscores", dscores.round(3), "dv", dv.ravel().round(3))
assert dscores.round(3).tolist() == [-1.966, 1.966]  # the second is the opposite of the first: they sum to 0

# %% [markdown]
# ## The check
#
# Every path, for each kind: to queries, keys, values and parameters, from the context and from the weights.

# %%
rng = np.random.default_rng(0)
q, k, v = (rng.normal(size=shape) for shape in ((3, 2, 4), (3, 5, 4), (3, 5, 4)))
for kind in (attention.dot, attention.additive, attention.multi_head):
    params = {name: rng.normal(size=p.shape) for name, p in
              (kind.init(rng) if kind is attention.dot else kind.init(rng, 4)).items()}
    report = gradcheck.check(kind, params, q, k, v, np.array([5, 1, 3]), rng=rng, method="complex")
    print(f"{kind.__name__.split('.')[-1]:<12} largest error {report.max_error:.1e}")
    assert report.ok

# %% [markdown]
# ## Four models of one size
#
# An LSTM of 16 units reads, another says, trained on lengths 4 to 10. A sequence of ten digits is one of 10¹⁰, so the
# state that is handed over, 16 numbers h and 16 numbers c, has to carry 33 bits, and the order of them.
#
# PREDICT: without attention, how many of a thousand new sequences of length 10 come out without a mistake?

# %%
KINDS = {"none": None, "dot": attention.dot, "additive": attention.additive,
         "multi-head (2)": compose.with_settings(attention.multi_head, heads=2)}
EPOCHS, BATCHES, BATCH_SIZE = 3 if QUICK else 60, 50, 64


def train(kind):
    """The trained parameters, and the mean loss of each epoch; every epoch has new sequences."""
    model, rng, opt = models.EncoderDecoder(kind), np.random.default_rng(0), optim.Adam()
    params, curve = model.init(rng, 11, 11, 16, 16), []
    schedule = optim.WarmupCosine(peak=0.01, warmup=1, total=EPOCHS)
    for _ in range(EPOCHS):
        schedule.step(opt)
        data = training.Batch(*tasks.reversal(rng, BATCHES * BATCH_SIZE))
        values, _ = training.epoch(model, params, opt, data, rng, BATCH_SIZE, loss=losses.cross_entropy)
        curve.append(np.mean(values))
    return model, params, curve


def exact(model, params, length, n=1000):
    """The share of n new sequences that come out whole, stop symbol and all."""
    (source, _), targets, _, _ = tasks.reversal(np.random.default_rng(1), n, length, length)
    said, _ = model.greedy(params, source, start=10, steps=length + 1)
    return (said == targets).all(axis=1).mean()


trained = {name: train(kind) for name, kind in KINDS.items()}
print(f"{'attention':<16}" + "".join(f"length {length:<6}" for length in (4, 7, 10, 20)))
shares = {}
for name, (model, params, _) in trained.items():
    shares[name] = [exact(model, params, length) for length in (4, 7, 10, 20)]
    print(f"{name:<16}" + "".join(f"{share:<13.1%}" for share in shares[name]))

# %% [markdown]
# All four have LSTMs of the same size. Without attention fewer than half of the long sequences come out whole: the
# state is full. With additive or multi-head attention all do.
#
# The dot product by itself hardly helps here. It has no weights of its own: the same 16 numbers of h_j must be
# memory, key and value at once, and s_i must be memory and query. The other two learn separate views of them, W_q s
# and W_k h.
#
# And nobody says a sequence of 20: lengths that were never trained are not learned by looking back. The claim that
# attention as such deals with long sequences does not hold here.

# %%
if not QUICK:
    length_10 = {name: share[2] for name, share in shares.items()}
    assert length_10["none"] < 0.5 and length_10["dot"] < 0.65
    assert length_10["additive"] >= 0.99 and length_10["multi-head (2)"] >= 0.99
    assert all(share[3] == 0 for share in shares.values())

# %% [markdown]
# ## Where do they look?
#
# PREDICT: a row of the map is a step of the target, a column one of the source. Which cells are dark?

# %%
(source, _), targets, lengths, _ = tasks.reversal(np.random.default_rng(1), 1000, 10, 10)


def looks(name):
    """What a model says of the sequences above, and where it looks: (n, 11), and (n, 11, 10), a mean over the heads."""
    model, params, _ = trained[name]
    said, weights = model.greedy(params, source, start=10, steps=11)
    return said, weights.mean(axis=1) if np.ndim(weights) == 4 else weights


figure = Figure(figsize=(12, 7), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(3, 2))
for ax, name in zip(above.subplots(1, 3), ("dot", "additive", "multi-head (2)")):
    said, weights = looks(name)
    plots.attention_weights(weights[0], ax, keys=source[0], queries=[*said[0, :-1], "stop"])
    ax.set_title(f"{name}{', mean of both heads' if 'head' in name else ''}")
    ax.set(xlabel="the source reads", ylabel="the network says")
ax = below.subplots()
for name, (_, _, curve) in trained.items():
    ax.semilogy(range(1, EPOCHS + 1), curve, label=name)
ax.set(xlabel=f"epoch of {BATCHES * BATCH_SIZE} new sequences", ylabel="cross-entropy, nats a symbol")
ax.legend(frameon=False, ncols=4)
save(figure, "19_attention.png")

# %% [markdown]
# ![Heat maps of the weights of three kinds of attention, and learning curves](figures/19_attention.png)
#
# Additive attention reads along the other diagonal, one digit at a time: about 95 % of the weight lies on the very
# digit that is said. The weights of the dot product lie nearly everywhere: about 16 % on that digit.
#
# ## What the weights explain, and what they do not
#
# So the second model does not depend on that digit? Do not read it off the map; try. Change the digit at one place of
# the source, and see whether what is said of it changes.

# %%
steps = np.arange(10)
changed = source.copy()
changed[:, 3] = (changed[:, 3] + 1) % 10  # said at step 6
on_the_digit, depends = {}, {}
for name in ("dot", "additive"):
    model, params, _ = trained[name]
    said, weights = looks(name)
    on_the_digit[name] = weights[:, steps, 9 - steps].mean()
    teacher = np.concatenate([np.full((1000, 1), 10), targets[:, :-1]], axis=1)  # the same words before step 6
    before, after = (model.forward(params, (given, teacher))[0][:, 6].argmax(axis=1) for given in (source, changed))
    depends[name] = (before != after).mean()
    print(f"{name:<10} weight on the digit {on_the_digit[name]:.2f}, the answer changes with it in {depends[name]:.1%}")
if not QUICK:
    assert on_the_digit["additive"] > 0.9 and on_the_digit["dot"] < 0.25
    assert depends["additive"] > 0.99 and depends["dot"] > 0.9

# %% [markdown]
# With the dot product too nearly every answer depends on that digit, although the map shows next to nothing: what it
# says comes through the state. The weights tell where a model reads, not what it would say had it read something
# else. And even h_j is no digit but an LSTM's state, which has seen all digits before j. A heat map is a picture of a
# layer, and no explanation of an answer. For that, change the input.
#
# Look at the last row too: "stop" is said with its weights spread over all digits, or on any. That answer needs none.
#
# **To take away:** without attention, which of the ten digits is wrong most often, and why? The state of the first
# network has to carry the digit that is said first, and the one that is said last. Measure it, with `looks("none")[0]
# != targets`.
