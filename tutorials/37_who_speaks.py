# %% [markdown]
# # 37. Who speaks? Three networks beside a linear layer
#
# *Beside the article: its question-and-answer part, on F1; the model of §5 as a classifier.*
#
# Nine men say the two vowels /ae/ again and again, as in tutorial 36. An utterance has 7 to 29 frames of 12 numbers.
# Who speaks? And is a network better, which reads all frames in their order, than a linear layer that sees a few?
#
# All models end in a linear layer with nine scores, and a softmax makes them probabilities (tutorial 28). They differ
# in what this linear layer reads.
#
# *A linear layer alone* reads the first frame, the middle one or the last; or all three, 36 numbers; or the mean of all
# frames.
#
# *Networks* have 48 units and three read-outs:
#
# - *Last step.* An LSTM, and its state at the last real step.
# - *Both ends.* A *bidirectional* network is two LSTMs of 24 units. The second LSTM reads backwards and ends at step 0.
#   So `both_ends` takes the first LSTM's last state and the second's state at step 0.
# - *Attention pooling.* Two states are 4 and 8, their weights ¼ and ¾. Then their mean is ¼ · 4 + ¾ · 8 = 7. Attention
#   pooling is such a mean of all states of the two LSTMs. The weights come from the additive attention of tutorial 31,
#   with one query. This query is a parameter.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import attention, compose, datasets, fast, gradcheck, linear, losses, metrics, optim, plots, training
from minirnn.activations import softmax

both = compose.bidirectional(fast.lstm)


def network(recurrent, read_out):
    return compose.chain(recurrent, compose.with_dropout(read_out, 0.3), linear)  # dropout: tutorial 20


NETWORKS = {"LSTM, last step": network(fast.lstm, compose.last_step),
            "two LSTMs, both ends": network(both, compose.both_ends),
            "two LSTMs, attention pooling": network(both, compose.attention_pooling(attention.additive))}
FRAMES = {"linear, first frame": lambda u: u[0],
          "linear, middle frame": lambda u: u[len(u) // 2],
          "linear, last frame": lambda u: u[-1],
          "linear, mean of all frames": lambda u: u.mean(axis=0),
          "linear, three frames": lambda u: np.concatenate([u[0], u[len(u) // 2], u[-1]])}
LAST, THREE = "linear, last frame", "linear, three frames"

# %% tags=["proof"]
rng, lengths = np.random.default_rng(0), np.array([4, 2, 1])
x, y = rng.normal(size=(3, 4, 12)), np.array([1, 0, 1])
for model in NETWORKS.values():
    whole = compose.with_loss(model, losses.cross_entropy, y)
    params = whole.init(rng, 12, 4, 2, dtype=np.float64)
    before = whole.forward(params, x, lengths=lengths)[0]
    after = whole.forward(params, np.where(losses.length_mask(lengths, 4)[..., None], x, 99), lengths=lengths)[0]
    assert gradcheck.check(whole, params, x, rng=rng, method="complex", lengths=lengths).ok and after == before

# %% [markdown]
# ## The data
#
# 640 utterances (Kudo, Toyama and Shimbo 1999): the first 270 to train, 370 to test. Each of the 12 numbers is scaled
# by its mean and deviation over the training frames. All models have the same weight decay.
#
# The 270 are dealt into five parts. Each model is trained five times, each time without one part, and says who speaks
# there. That gives 270 answers, and the wrong ones are its *validation errors*.
#
# In the test all five answer. The mean of their probabilities is a sixth answer, *averaged* below.

# %%
utterances, speakers = datasets.japanese_vowels()
frames = np.concatenate(utterances[:270])
utterances = [((u - frames.mean(axis=0)) / frames.std(axis=0)).astype(np.float32) for u in utterances]
part, test = np.arange(640) % 5, np.arange(270, 640)
part[test] = -1
true = speakers[test]


def five(model, widths, x, lengths=None, *, lr, **settings):
    """Five trainings: the number of validation errors, and the test probabilities (5, 370, 9)."""
    errors, said = 0, []
    for k in range(1 if QUICK else 5):
        rng = np.random.default_rng(k)
        params = model.init(rng, *widths)
        data = training.Batch(x, speakers, lengths).rows((part >= 0) & (part != k))
        training.fit(model, params, optim.Adam(lr, weight_decay=0.01), data, rng=rng, loss=losses.cross_entropy,
                     **settings)
        scores = model.forward(params, x, lengths=lengths)[0]
        errors += int((scores.argmax(axis=1) != speakers)[part == k].sum())
        said.append(softmax(scores[test].astype(float)))
    return errors, np.array(said)


# %% [markdown]
# Each model is *paired* with the linear layer on three frames, both averaged. "3 : 9" would say: on 3 utterances only
# the three frames are wrong, and on 9 only the model of the row. If two models are equally good, each such utterance is
# like the throw of a coin. p is how often a coin falls at least so unevenly. Above 0.05 we call the two level. That
# does not mean equal: 370 utterances cannot show a difference of a few errors.
#
# PREDICT: put them in order, the fewest errors first: the linear layer on one frame, the linear layer on three frames,
# the LSTM.

# %%
models = {}
for name, numbers_of in FRAMES.items():
    x = np.array([numbers_of(u) for u in utterances])
    models[name] = five(compose.chain(linear), (x.shape[1], 9), x, lr=0.05, epochs=10 if QUICK else 300, batch_size=270)
x, lengths = datasets.padded(utterances)
for name, model in NETWORKS.items():
    models[name] = five(model, (12, 48, 9), x, lengths, lr=3e-3, epochs=1 if QUICK else 15, batch_size=16)
each = {name: (said.argmax(axis=2) != true).sum(axis=1) for name, (_, said) in models.items()}
wrong = {name: said.mean(axis=0).argmax(axis=1) != true for name, (_, said) in models.items()}


def pair(one, other):
    """Only the first is wrong, only the second, and p, as text."""
    first, second, p = metrics.paired(wrong[one], wrong[other])
    return f"{first:>4} : {second:<4}{'< 0.001' if p < 0.001 else f'{p:.3f}':>7}"


print(f"{'errors (fewer is better)':<30}{'validation, of 270':>20}{'test averaged, of 370':>23}{'paired':>9}{'p':>7}")
for name, (errors, _) in models.items():
    print(f"{name:<30}{errors:>20}{wrong[name].sum():>23}  {'' if name == THREE else pair(THREE, name)}")

# %% [markdown]
# - *Which frames?* Three frames have the fewest validation errors. So this linear layer is the one to beat. It has 4
#   errors in the test. One frame leaves 18 at best.
# - *Is a network better than three frames?* None is shown to be. Each has more errors in validation, and in the test
#   each is level with the linear layer. (That is averaged. One alone, a network has more errors: the figure's dots.)
# - *Which network is best?* These errors do not tell: they differ by two.

# %% tags=["proof"]
if not QUICK:
    errors = {name: one.sum() for name, one in wrong.items()}
    validation = {name: one[0] for name, one in models.items()}
    assert min(validation, key=validation.get) == THREE and errors[THREE] <= 6
    assert max(metrics.paired(wrong[THREE], wrong[name])[2] for name in FRAMES if name != THREE) < 0.05
    assert min(errors[name] for name in FRAMES if "frame" in name.split()) > 14
    for name in NETWORKS:
        assert metrics.paired(wrong[THREE], wrong[name])[2] > 0.05 and errors[name] >= errors[THREE] - 1
        assert np.median(each[name]) > np.median(each[THREE])

# %% [markdown]
# ## Whom do the networks confuse?
#
# A *confusion matrix* counts who was taken for whom: a row for each man who spoke, a column for each answer. For one
# man, *recall* is the share of his row that is right. *Precision* is the share of his column that is right. F1 joins
# the two, 2 · precision · recall / (precision + recall). It is 1 if both are 1, and small if one of them is. *Macro F1*
# is the mean of F1 over the nine men.
#
# PREDICT: a man speaks 10 times, and a model finds 6 of these. It also takes 2 utterances of others for his. What are
# his recall, precision and F1?

# %%
answers = np.concatenate([models[name][1] for name in NETWORKS]).argmax(axis=2)  # of all networks, (15, 370)
confusion = np.zeros((9, 9), int)
for one in answers:
    np.add.at(confusion, (true, one), 1)


def scores_of(confusion):
    """Recall, precision and F1 of each man."""
    right = confusion.diagonal()
    recall, precision = right / confusion.sum(axis=1), right / np.maximum(confusion.sum(axis=0), 1)
    return recall, precision, 2 * precision * recall / np.maximum(precision + recall, 1e-9)


small = np.array([[6, 4], [2, 8]])  # on paper: his row first
print("on paper: recall {:.2f}, precision {:.2f}, F1 {:.2f}".format(*(of[0] for of in scores_of(small))))
recall, precision, f1 = scores_of(confusion)
print("speaker   ", *(f"{man:>5}" for man in range(1, 10)))
for name, values in (("recall", recall), ("precision", precision), ("F1", f1)):
    print(f"{name:<10}", *(f"{value:>5.2f}" for value in values))
always = np.full(370, 2)  # speaker 3, each time
print(f"the networks:       {(answers == true).mean():.2f} right, macro F1 {f1.mean():.2f}")
print(f"always 'speaker 3': {(always == true).mean():.2f} right, macro F1 {metrics.macro_f1(always, true):.2f}")

# %% [markdown]
# Recall is 6/10, precision 6/8, and F1 2 · 0.6 · 0.75 / 1.35 = 0.67.

# %%
figure = Figure(figsize=(11, 4), layout="constrained")
left, middle = figure.subplots(1, 2, width_ratios=[1.5, 1])
for height, name in enumerate(models):
    colour = plots.BLUE if name in NETWORKS else plots.ORANGE
    for n, times in zip(*np.unique(each[name], return_counts=True)):  # equal numbers one above the other
        left.plot([n] * times, height + 0.17 * (np.arange(times) - (times - 1) / 2), "o", color=colour, markersize=4)
    left.plot(wrong[name].sum(), height, "D", color=colour, markersize=12, markerfacecolor="none")
left.set_yticks(range(len(models)), models)
left.set(xlabel="errors of 370 (dots: each of five, diamond: averaged)", xlim=(0, None), ylim=(len(models) - 0.5, -0.5),
         title="Averaged, three frames are level with the networks")
left.grid(axis="x", alpha=0.4)
mistakes = confusion - np.diag(confusion.diagonal())
middle.imshow(mistakes, cmap="Blues", vmin=0)
for row, column in zip(*np.nonzero(mistakes)):
    dark = mistakes[row, column] > mistakes.max() / 2
    middle.text(column, row, mistakes[row, column], ha="center", va="center", color="white" if dark else "black")
middle.set(xlabel="taken for (right answers left out)", ylabel="speaker", title="Errors of 15 networks",
           xticks=range(9), yticks=range(9), xticklabels=range(1, 10), yticklabels=range(1, 10))
save(figure, "37_who_speaks.png")

# %% tags=["proof"]
assert np.allclose([one[0] for one in scores_of(small)], [0.6, 0.75, 2 / 3])
if not QUICK:
    assert recall.argmin() == 1 and set(precision.argsort()[:2]) == {7, 8}
assert np.isclose(f1.mean(), metrics.macro_f1(answers.ravel(), np.tile(true, len(answers))))

# %% [markdown]
# ![Errors of all models, and who is taken for whom by the networks](figures/37_who_speaks.png)
#
# The matrix holds the errors of all 15 trained networks: one utterance counts up to 15 times. Speaker 2 has the lowest
# recall, he is taken for others. Speakers 8 and 9 have the lowest precision, others are taken for them.
#
# Who always says "speaker 3" has 24 % right, for 88 of the 370 utterances are his. But macro F1 is 0.04: eight of the
# nine F1 are 0.
#
# **To take away:** someone tries one linear layer only, that on the last frame, and pairs it with the two LSTMs and
# both ends. What will be found, and what may be concluded from it?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The network is far ahead, and p is small. So it is better than the last frame. It does not follow that a network is
# needed: three frames and a linear layer are level with it. A network is worth what it adds to the best simple model.

# %%
print("only the last frame is wrong : only both ends, p:", pair(LAST, "two LSTMs, both ends"))

# %% tags=["proof"]
assert (true == 2).sum() == 88 and round(metrics.macro_f1(always, true), 3) == 0.043
assert QUICK or metrics.paired(wrong[LAST], wrong["two LSTMs, both ends"])[2] < 0.05
