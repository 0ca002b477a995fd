# %% [markdown]
# # 37. Who speaks? Three networks beside a linear layer
#
# *Beside the article: its question-and-answer part, on F1; the model of §5 as a classifier.*
#
# Nine men say the two vowels /ae/ again and again, as in tutorial 36. An utterance has 7 to 29 frames of 12 numbers.
# Who speaks? And is a network better, which reads all frames in their order, than a linear layer that sees a few?
#
# All models end alike: a linear layer gives nine scores, a softmax makes them probabilities, and the loss is the
# cross-entropy (tutorial 28). They differ in what this last layer reads.
#
# *A linear layer alone* reads the first frame, the middle one or the last; or all three, 36 numbers; or the mean of all
# frames.
#
# *Networks* have 48 units and three read-outs:
#
# - *Last step.* An LSTM, and its state at the last real step.
# - *Both ends.* A *bidirectional* network is two LSTMs of 24 units. The second reads from the last real step to the
#   first. So it ends at step 0: at the last step it has read one frame only. `both_ends` takes the end of each.
# - *Attention pooling.* It takes the mean of all states of the two, with weights that are learned. It is the additive
#   attention of tutorial 31 with one query, and this query is a parameter. If the scores of two states 4 and 8 are 0
#   and ln 3, the softmax gives the weights ¼ and ¾. So the mean is 7. Padding has weight 0.
#
# All three passed the test of tutorial 36: with other padding, not one digit of the loss changes.
#
# minirnn has no layer of attention pooling, so the next cell makes it. At first reading, go past it. The networks have
# dropout (tutorial 20): in training, three of ten numbers that a read-out gives are set to 0.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import attention, compose, datasets, fast, gradcheck, linear, losses, metrics, optim, plots, training
from minirnn.activations import softmax
from minirnn.layers.layer import Layer


def _pooling():
    """Attention pooling as a layer: h (B, T, H) to its weighted mean (B, H)."""
    def init(rng, H, dtype=np.float32):
        return {"q": rng.normal(size=H).astype(dtype), "attention": attention.additive.init(rng, H, dtype=dtype)}

    def forward(params, h, lengths=None):
        q = np.tile(params["q"], (len(h), 1, 1))
        context, _, cache = attention.additive.forward(params["attention"], q, h, h, lengths)
        return context[:, 0], cache

    def backward(cache, dy):
        grads, dq, dk, dv = attention.additive.backward(cache, dy[:, None])
        return {"q": dq.sum(axis=(0, 1)), "attention": grads}, dk + dv  # h is the keys and the values

    return Layer(init, forward, backward, takes=["lengths"], name="pooling")


pooling = _pooling()
both = compose.bidirectional(fast.lstm)


def network(recurrent, read_out):
    return compose.chain(recurrent, compose.with_dropout(read_out, 0.3), linear)


NETWORKS = {"LSTM, last step": network(fast.lstm, compose.last_step),
            "bidirectional, both ends": network(both, compose.both_ends),
            "bidirectional, attention pooling": network(both, pooling)}
FRAMES = {"linear, first frame": lambda u: u[0],
          "linear, middle frame": lambda u: u[len(u) // 2],
          "linear, last frame": lambda u: u[-1],
          "linear, mean of all frames": lambda u: u.mean(axis=0),
          "linear, first, middle and last": lambda u: np.concatenate([u[0], u[len(u) // 2], u[-1]])}
THREE = "linear, first, middle and last"

# %% tags=["proof"]
v_a = np.log(3) / (np.tanh([8.0]) - np.tanh(4))  # so that the scores differ by ln 3
uneven = {"q": np.zeros(1), "attention": {"W_q": np.eye(1), "W_k": np.eye(1), "v_a": v_a}}
for padding in (0.0, 100.0):
    mean, cache = pooling.forward(uneven, np.array([[[4.0], [8], [padding]]]), np.array([2]))
    assert np.isclose(mean.item(), 7) and pooling.backward(cache, np.ones((1, 1)))[1][0, 2] == 0
rng, lengths = np.random.default_rng(0), np.array([4, 2, 1])
x, y = rng.normal(size=(3, 4, 12)), np.array([1, 0, 1])
for model in NETWORKS.values():
    whole = compose.with_loss(model, losses.cross_entropy, y)
    params = whole.init(rng, 12, 4, 2, dtype=np.float64)
    before = whole.forward(params, x, lengths=lengths)[0]
    after = whole.forward(params, np.where(losses.length_mask(lengths, 4)[..., None], x, 99), lengths=lengths)[0]
    assert gradcheck.check(whole, params, x, rng=rng, method="complex", lengths=lengths).ok and after == before

# %% [markdown]
# ## The data, and choices without the test
#
# 640 utterances (Kudo, Toyama and Shimbo 1999): the first 270 to train, 370 to test. Each of the 12 numbers is scaled
# by its mean and deviation over the training frames.
#
# The 270 are dealt into five parts. Each model is trained five times, each time without one part, and says who speaks
# there. That gives 270 answers, and the wrong ones are its *validation errors*. They chose the settings of all models.
#
# In the test all five answer. The mean of their probabilities is a sixth answer, *averaged* below.

# %%
utterances, speakers = datasets.japanese_vowels()
frames = np.concatenate(utterances[:270])
utterances = [((u - frames.mean(axis=0)) / frames.std(axis=0)).astype(np.float32) for u in utterances]
part, test = np.arange(640) % 5, np.arange(270, 640)
part[test] = -1
true = speakers[test]


def five(model, widths, x, lengths=None, *, lr, decay=0.0, **settings):
    """Five trainings: the number of validation errors, and the test probabilities (5, 370, 9)."""
    errors, said = 0, []
    for k in range(1 if QUICK else 5):
        rng = np.random.default_rng(k)
        params = model.init(rng, *widths)
        data = training.Batch(x, speakers, lengths).rows((part >= 0) & (part != k))
        training.fit(model, params, optim.Adam(lr, weight_decay=decay), data, rng=rng, loss=losses.cross_entropy,
                     **settings)
        scores = model.forward(params, x, lengths=lengths)[0]
        errors += int((scores.argmax(axis=1) != speakers)[part == k].sum())
        said.append(softmax(scores[test].astype(float)))
    return errors, np.array(said)


def linear_layer(numbers_of):
    """A linear layer on a few numbers an utterance; of three weight decays the one with fewest validation errors."""
    x = np.array([numbers_of(u) for u in utterances])
    tried = [five(compose.chain(linear), (x.shape[1], 9), x, lr=0.05, decay=decay, epochs=10 if QUICK else 300,
                  batch_size=270) for decay in ((1e-3,) if QUICK else (1e-4, 1e-3, 1e-2))]
    return min(tried, key=lambda one: one[0])


# %% [markdown]
# Two models are *paired* with their averaged answers: on how many utterances is only the first wrong, and on how many
# only the second? If the two are equally good, each such utterance is like the throw of a coin. p is how often a coin
# falls at least so unevenly. Above 0.05 we call the two level. Level does not mean equal: 370 utterances cannot show a
# difference of a few errors.
#
# In the table each model is paired with the linear layer on three frames. "3 : 9" would say: only the three frames are
# wrong on 3 utterances, and only the model of the row on 9.
#
# PREDICT: how many of the 370 will the linear layer get wrong from one frame, and how many from three? How many will
# the best network get wrong?

# %%
models = {name: linear_layer(numbers_of) for name, numbers_of in FRAMES.items()}
x, lengths = datasets.padded(utterances)
models |= {name: five(model, (12, 48, 9), x, lengths, lr=3e-3, epochs=1 if QUICK else 15, batch_size=16)
           for name, model in NETWORKS.items()}
each = {name: (said.argmax(axis=2) != true).sum(axis=1) for name, (_, said) in models.items()}
wrong = {name: said.mean(axis=0).argmax(axis=1) != true for name, (_, said) in models.items()}

p = {}
print(f"{'errors':<34}{'validation':>10}{'each of five in the test':>26}{'averaged':>10}{'paired':>9}{'p':>7}")
for name, (errors, _) in models.items():
    three, row, p[name] = metrics.paired(wrong[THREE], wrong[name])
    pair = "" if name == THREE else f"{three:>4} : {row:<2}{p[name]:>7.3f}"
    print(f"{name:<34}{errors:>10}{', '.join(map(str, each[name])):>26}{wrong[name].sum():>10}{pair}")

# %% [markdown]
# - *Which frames?* First, middle and last have the fewest validation errors of all, 4. So this linear layer is the one
#   to beat. It has 4 errors in the test. One frame leaves 18 at best.
# - *Is a network better?* Not shown: each has more errors, in validation and in the test. The best, with attention
#   pooling, is level: 7 errors when five are averaged. A single one mostly has more, 5 to 17; a single linear layer has
#   3 to 7. (The p of the last step is small. But its five differ much, so other seeds may move it.)
# - *Must one read all the frames?* Here not. The mean reads all, and is behind three.
#
# All these p come from the same 370 utterances. One p near 0.05 proves little.

# %% tags=["proof"]
if not QUICK:
    errors = {name: one.sum() for name, one in wrong.items()}
    validation = {name: one[0] for name, one in models.items()}
    attentive = "bidirectional, attention pooling"
    assert min(validation, key=validation.get) == min(errors, key=errors.get) == THREE and errors[THREE] <= 6
    assert attentive == min(NETWORKS, key=errors.get)
    assert p[attentive] > 0.05 > max(p[name] for name in FRAMES if name != THREE)
    assert min(errors[name] for name in FRAMES if "frame" in name.split()) > 14
    assert np.ptp(each[THREE]) <= 4 and np.ptp(each[attentive]) > 5 and np.ptp(each["LSTM, last step"]) > 4
    assert np.median(each[attentive]) > each[THREE].max()

# %% [markdown]
# ## Whom does a network confuse?
#
# A *confusion matrix* counts who was taken for whom: a row for each man who spoke, a column for each answer. For one
# man, *recall* is the share of his row that is right. *Precision* is the share of his column that is right. F1 joins
# the two, 2 · precision · recall / (precision + recall). It is 1 if both are 1, and small if one of them is. *Macro F1*
# is the mean of F1 over the nine men. So a man with few utterances counts as much as a man with many.
#
# PREDICT: the five networks with attention pooling make 62 errors together. There are 72 ways to take one man for
# another. Are the errors spread over most of them, or are they in a few?

# %%
answers = models["bidirectional, attention pooling"][1].argmax(axis=2)
confusion = np.zeros((9, 9), int)
for one in answers:
    np.add.at(confusion, (true, one), 1)
right = confusion.diagonal()
recall, precision = right / confusion.sum(axis=1), right / np.maximum(confusion.sum(axis=0), 1)
f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
for name, values in (("speaker", range(1, 10)), ("recall", recall), ("precision", precision), ("F1", f1)):
    print(f"{name:<10}", *(f"{value:>5.3g}" for value in values))
print(f"macro F1: {f1.mean():.3f}")
mistakes = confusion - np.diag(right)
largest = np.sort(mistakes.ravel())[::-1]
print(f"{largest.sum()} errors in {(largest > 0).sum()} of 72 ways; the five largest: {largest[:5]}")

# %%
figure = Figure(figsize=(11, 4), layout="constrained")
left, middle = figure.subplots(1, 2, width_ratios=[1.5, 1])
for height, name in enumerate(models):
    colour = plots.BLUE if name in NETWORKS else plots.ORANGE
    left.plot(each[name], [height] * len(each[name]), "o", color=colour, alpha=0.4)
    left.plot(wrong[name].sum(), height, "D", color=colour, markersize=9)
left.set_yticks(range(len(models)), models)
left.set(xlabel="errors of 370 (dots: each of five, diamond: averaged)", xlim=(0, None), ylim=(len(models) - 0.5, -0.5),
         title="Three frames: level with the best network")
left.grid(axis="x", alpha=0.4)
middle.imshow(mistakes, cmap="Blues", vmin=0)
for row, column in zip(*np.nonzero(mistakes)):
    dark = mistakes[row, column] > mistakes.max() / 2
    middle.text(column, row, mistakes[row, column], ha="center", va="center", color="white" if dark else "black")
middle.set(xlabel="taken for", ylabel="speaker", title="Errors with attention pooling", xticks=range(9),
           yticks=range(9), xticklabels=range(1, 10), yticklabels=range(1, 10))
save(figure, "37_who_speaks.png")

# %% tags=["proof"]
if not QUICK:
    assert recall.argmin() == 1 and precision.argmin() == 8 and set(mistakes[1].argsort()[-2:]) == {7, 2}
    assert (largest > 0).sum() < 30 and largest[:5].sum() > 0.4 * largest.sum()
assert np.isclose(f1.mean(), metrics.macro_f1(answers.ravel(), np.tile(true, len(answers))))

# %% [markdown]
# ![Errors of all models, and who is taken for whom by the networks with attention pooling](figures/37_who_speaks.png)
#
# The errors are in a few ways: 19 of 72, and five of these hold 34 of the 62. Speaker 2 has the lowest recall, 0.88: he
# is taken for 8 or for 3. Speaker 9 has the lowest precision, 0.90: others are taken for him.
#
# **To take away:** a model says "speaker 3" each time. 88 of the 370 utterances are his. What share of its answers is
# right? What are his recall, precision and F1, and what is macro F1?

# %% [markdown] tags=["answer"]
# ## Answer
#
# 88/370 = 24 % are right. His recall is 1 and his precision 0.24. So his F1 is 2 · 0.24 · 1 / 1.24 = 0.38. The other
# eight have F1 0. So macro F1 is 0.38/9 = 0.043: it shows that this model knows nothing.

# %%
always = np.full(370, 2)
print(f"right: {(always == true).mean():.3f}, macro F1: {metrics.macro_f1(always, true):.3f}")

# %% tags=["proof"]
assert (true == 2).sum() == 88 and round(metrics.macro_f1(always, true), 3) == 0.043
