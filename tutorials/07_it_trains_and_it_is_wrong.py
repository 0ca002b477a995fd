# %% [markdown]
# # 7. It trains, and it is wrong: a falling loss is not a check
#
# *Beside the article: §3, its four steps; §4, equation 1.*
#
# Somebody writes the backward pass of an RNN, starts training, and the loss falls. So the backward pass is right?
#
# Below is a backward pass like that of tutorial 3. `bug` chooses one of three common mistakes, each in one line
# marked `wrong`. Find out why each is wrong. It works on a batch of B series at once. Inside the loop each series is
# a column: x[t] is (D, B) and h[t] is (H, B). So a product such as `da @ x[t].T` also sums over the series.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, linear, losses, optim, plots, rnn, tree


def layer(bug=None):
    """The RNN of equation 1 with its own forward, and the backward pass written here."""
    def backward(cache, dh, dstate=None):
        params, x, _, _, h = cache  # h[t] is the state before step t, h[t + 1] the one after it
        grads, dx = {name: np.zeros_like(p) for name, p in params.items()}, np.zeros_like(x)
        dh_next = 0 if dstate is None else dstate.T  # dstate: the gradient of the last state
        for t in reversed(range(len(x))):
            dh_t = dh[:, t].T + dh_next  # dh, from outside, is (B, T, H)
            da = dh_t * (1 - h[t + 1] ** 2)
            if bug == "tanh' of h":
                da = dh_t * (1 - np.tanh(h[t + 1]) ** 2)  # wrong
            dh_next = params["U_h"].T @ da
            if bug == "no transpose":
                dh_next = params["U_h"] @ da  # wrong
            if bug == "no dh_next":
                dh_next = 0 * dh_t  # wrong
            grads["W_ih"] += da @ x[t].T
            grads["U_h"] += da @ h[t].T
            grads["b_h"] += da.sum(axis=1)
            dx[t] = params["W_ih"].T @ da
        return grads, dx.transpose(2, 0, 1), dh_next.T  # B in front again
    # a layer is three functions; `takes` names what forward takes besides x
    return compose.Layer(rnn.init, rnn.forward, backward, takes=rnn.takes)


LAYERS = {name or "right": layer(name) for name in (None, "tanh' of h", "no dh_next", "no transpose")}

# %% [markdown]
# ## The smallest numbers
#
# Take the example of tutorials 1 and 2, where dU_h was 0.972 on paper.
#
# PREDICT: one of the three mistakes gives exactly the right answer here. Which, and why?

# %%
tiny = {"W_ih": np.array([[0.5]]), "U_h": np.array([[0.8]]), "b_h": np.zeros(1)}
dU_h = {}
for name, one in LAYERS.items():
    _, _, cache = one.forward(tiny, np.array([[[1.0], [1.0], [-2.0]]]))
    grads, _, _ = one.backward(cache, np.ones((1, 3, 1)))
    dU_h[name] = grads["U_h"].item()
    print(f"{name:<13} dU_h = {dU_h[name]:.3f}")

# %% [markdown]
# The missing transpose: with one unit U_h is a single number, which is its own transpose. The three mistakes are:
#
# - tanh' of h: the slope is 1 - h², where h = tanh(a); here it is 1 - tanh(h)²;
# - no dh_next: nothing comes from the future, the second source of dh_t;
# - no transpose: forward adds up along rows, so backward must add up down columns.
#
# The first two are off by less than a fifth here, and their sign is right.

# %% tags=["proof"]
assert [round(value, 3) for value in dU_h.values()] == [0.972, 1.085, 0.817, 0.972]

# %% [markdown]
# ## The task, and the four steps of training
#
# The network reads random numbers between -1 and 1. At each step it must give back the number that it read five steps
# before. This is the *target*. That number is no longer in the input, so the state must keep it.
#
# The network needs one thing more: a *read-out* y_t = W h_t + b, which makes its answer from the state. This is the
# layer `linear`. `compose.chain(recurrent, linear)` puts it behind the RNN. The loss is the mean of (y_t -
# target_t)², the *mean squared error* or MSE. A *mask* leaves out the first five steps, which have no target.
#
# The article's four steps are marked in the code below. They run for a *batch* of 32 series at a time. Once
# through all series is an *epoch*. The optimizer is Adam. After each epoch the error is measured on new series, which
# are not trained on. It is divided by the variance of the targets, 1/3. So a network that always says 0 has an error
# of 1.
#
# Four networks have the same first weights, data and optimizer; one is right, three are wrong. A fifth gets a gradient
# of zero in its recurrent layer, so that only the read-out is trained. Each is trained from three *seeds*, that is,
# three sets of first weights.
#
# PREDICT: which of the five end below an error of 0.01, and which above 0.5?

# %%
LAG, T, H, BATCH = 5, 20, 16, 32
EPOCHS, SEEDS = (2, 1) if QUICK else (30, 3)


def echo(rng, n=1000):
    """n series, their targets, and where the targets count."""
    x = rng.uniform(-1, 1, (n, T, 1)).astype(np.float32)
    target, mask = np.roll(x, LAG, axis=1), np.zeros((n, T), bool)
    mask[:, LAG:] = True
    return x, target, mask


rng = np.random.default_rng(0)
train_set, new_set = echo(rng), echo(rng)


def gradients(model, params, x, target, mask):
    y, _, cache = model.forward(params, x)  # steps 1 and 2: forward pass, hidden states
    _, loss_cache = losses.mse(y, target, mask)
    grads, *_ = model.backward(cache, losses.mse_backward(loss_cache))  # step 3: backward pass
    return grads


def train(recurrent, seed, lr=3e-3):
    """The error on new series after each epoch."""
    model, rng = compose.chain(recurrent, linear), np.random.default_rng(seed)
    params, opt, curve = model.init(rng, 1, H, 1), optim.Adam(lr), []
    for _ in range(EPOCHS):
        for rows in np.array_split(rng.permutation(1000), 1000 // BATCH):
            grads = gradients(model, params, *(part[rows] for part in train_set))
            opt.step(params, grads)  # step 4: weight update
        y, _, _ = model.forward(params, new_set[0])
        curve.append(losses.mse(y, *new_set[1:])[0] * 3)  # 1/3 is the variance of numbers between -1 and 1
    return curve


def nothing(cache, dh, dstate=None):
    """A backward pass whose gradients are all zero; `tree.map` does something to each array."""
    return tree.map(np.zeros_like, rnn.backward(cache, dh, dstate))


everyone = LAYERS | {"read-out only": compose.Layer(rnn.init, rnn.forward, nothing, takes=rnn.takes)}
curves = {name: np.array([train(one, seed) for seed in range(SEEDS)]) for name, one in everyone.items()}
print(f"{'':<14} after 1 epoch     lowest            after {EPOCHS}      (range of {SEEDS} seeds)")
for name, c in curves.items():
    columns = (c[:, 0], c.min(axis=1), c[:, -1])
    print(f"{name:<14}", *(f"{f'{v.min():.4f}-{v.max():.4f}':<17}" for v in columns))
slower = train(rnn, seed=0, lr=2e-3)[-1]
print(f"right, seed 0, with a learning rate of 0.002 in place of 0.003: {slower:.4f} after {EPOCHS}")

STYLES = {"right": (plots.BLUE, "-"), "tanh' of h": ("black", ":"), "no dh_next": (plots.GREEN, "-"),
          "no transpose": (plots.ORANGE, "-"), "read-out only": (plots.GREY, "-.")}
figure = Figure(figsize=(10, 4.5), layout="constrained")
ax = figure.subplots()
for name, c in curves.items():
    colour, style = STYLES[name]
    lines = ax.semilogy(range(1, EPOCHS + 1), c.T, color=colour, linestyle=style, linewidth=2)
    lines[0].set_label(name)
ax.axhline(1, color="black", linestyle="--", linewidth=1, label="always 0")
ax.set(xlabel="epoch", ylabel="MSE / variance, new series", ylim=(2e-4, 2.5))
ax.legend(frameon=False, loc="lower left", ncols=2)
save(figure, "07_it_trains_and_it_is_wrong.png")

# %% [markdown]
# ![Learning curves of one right and three wrong backward passes](figures/07_it_trains_and_it_is_wrong.png)
#
# There are three lines of each kind, one for each seed. Hide the blue lines with your hand. The green ones look like a
# model that only needs more epochs. Yet after 30 epochs the error is 0.07 to 0.18, and with the right backward about
# 0.001. (In a recorded run of 150 epochs one came to 0.0045, and another stayed at 0.06.)
#
# Without the transpose the loss falls too, for a while, in one run to 0.014. Then it rises again. In the end the error
# is about 0.7 to 1, as with the read-out alone.
#
# The dotted lines run close beside the blue ones. After 30 epochs tanh' of h makes the error about a quarter larger.
# With the right backward, a learning rate of 0.002 instead of 0.003 does more: 0.0013 instead of 0.0009. In a recorded
# run of 150 epochs the mistake even ended lower: at 0.00023, and the right backward at 0.00026.
#
# So the curve of a wrong backward can look like the curve of a right one.

# %% tags=["proof"]
if not QUICK:
    end = {name: c[:, -1] for name, c in curves.items()}
    assert end["right"].max() < 0.002 and end["tanh' of h"].max() < 0.003
    ratio = curves["tanh' of h"][:, -10:].mean() / curves["right"][:, -10:].mean()
    assert 1.05 < ratio < 1.4, ratio
    assert end["no dh_next"].min() > 0.03 and end["no dh_next"].max() < 0.4 < 0.5 < end["read-out only"].min()
    assert end["no transpose"].min() > 0.3 and curves["no transpose"].min() < 0.3
    assert slower > end["tanh' of h"].max() and 0.001 < slower < 0.0017 and 0.0006 < end["right"].min()

# %% [markdown]
# ## Why does it fall at all?
#
# Take all weights as one long vector. Straight downhill is the opposite of the right gradient. A small step makes the
# loss smaller if its angle to straight downhill is below 90°.
#
# PREDICT: take Adam's first step from the right gradient. Is its angle 0°?

# %%
def first_step(recurrent):
    """Adam's first step from the start of seed 0, and the gradient there, each as one long vector."""
    model = compose.chain(recurrent, linear)
    params = model.init(np.random.default_rng(0), 1, H, 1)
    flat = lambda parts: np.concatenate([leaf.ravel() for _, leaf in tree.leaves(parts)])  # leaves: all the arrays
    before, grads = flat(params), gradients(model, params, *train_set)
    optim.Adam(lr=3e-3).step(params, grads)
    return flat(params) - before, flat(grads)


_, right_gradient = first_step(rnn)
angles = {}
for name, one in everyone.items():
    step, _ = first_step(one)
    cosine = step @ -right_gradient / np.linalg.norm(step) / np.linalg.norm(right_gradient)
    angles[name] = np.degrees(np.arccos(cosine))
    print(f"{name:<13} Adam's first step is {angles[name]:.0f}° from straight downhill")

# %% [markdown]
# The right one has 46°: Adam's first step is made from the sign of each slope, as tutorial 6 showed. All are below 90°,
# even the last one's. So all five first steps go down. This promises nothing for later steps: the orange lines rise
# again.
#
# So a falling loss says that the steps lead down, more or less. It does not say that the gradient is the right one.
# Before you train, check the gradient, as tutorial 5 does. How to find the wrong line is the subject of tutorial 8.

# %% tags=["proof"]
assert max(angles.values()) < 85 and all(c[:, 0].max() < 1 for c in curves.values())
assert abs(angles["right"] - angles["tanh' of h"]) < 2 and 40 < angles["right"] < 50

# %% [markdown]
# **To take away:** a fourth mistake reads x one step off: `grads["W_ih"] += da @ x[t - 1].T`. Does a network with this
# mistake train? Write it into `layer`, and its name into LAYERS and STYLES. (The stepper then says which of the page's
# numbers no longer hold.)

# %% [markdown] tags=["answer"]
# ## Answer
#
# It trains, to an error of about 0.004 instead of 0.001. Only the gradient of W_ih is wrong. All others are computed
# from da, which is right. The learning curve alone would not show the mistake.

# %% tags=["proof"]
def one_step_off(cache, dh, dstate=None):
    params, x, *rest = cache
    return rnn.backward((params, np.roll(x, 1, axis=0), *rest), dh, dstate)  # only dW_ih reads x


fourth = compose.Layer(rnn.init, rnn.forward, one_step_off, takes=rnn.takes)
end_of_fourth = np.mean([train(fourth, seed)[-1] for seed in range(SEEDS)])
print(f"the fourth mistake: mean error {end_of_fourth:.4f} after {EPOCHS}")
assert QUICK or 0.0015 < end_of_fourth < 0.02
