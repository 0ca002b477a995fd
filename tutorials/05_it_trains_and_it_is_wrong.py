# %% [markdown]
# # 5. It trains, and it is wrong: a falling loss is not a check
#
# *Beside the article: §3, its four steps; §4, equation 1.*
#
# Somebody writes the backward pass of an RNN, starts training, and the loss falls. So the backward pass is right? Here
# is one written out, with three classic mistakes to choose from. Each is one small slip in one line.
#
# Inside the loop each series is a column: x[t] is (D, B), h[t] is (H, B), for B series at once. A product such as
# da @ x[t].T then also sums over the series.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, gradcheck, linear, losses, optim, plots, rnn, tree


def layer(bug=None):
    """The RNN of equation 1 with its own forward, and the backward pass written here."""
    def backward(cache, dh, dstate=None):
        params, x, _, _, h_slots = cache
        h_prev, h = h_slots[:-1], h_slots[1:]  # h_prev[t] is h_{t-1}
        W_ih, U_h = params["W_ih"], params["U_h"]
        dW_ih, dU_h, db_h = np.zeros_like(W_ih), np.zeros_like(U_h), np.zeros_like(params["b_h"])
        dx, dh = np.zeros_like(x), dh.transpose(1, 2, 0)
        dh_next = np.zeros_like(h[0]) if dstate is None else dstate.T

        for t in reversed(range(len(x))):
            dh_t = dh[t] + dh_next
            da = dh_t * (1 - h[t] ** 2)
            if bug == "tanh' of h":
                da = dh_t * (1 - np.tanh(h[t]) ** 2)  # wrong: h is already a tanh, and here it is fed to tanh again
            dh_next = U_h.T @ da
            if bug == "no transpose":
                dh_next = U_h @ da  # wrong: what was collected along rows must go back down columns
            if bug == "no dh_next":
                dh_next = 0 * dh_t  # wrong: each step believes that it is the last
            dW_ih += da @ x[t].T
            dU_h += da @ h_prev[t].T
            db_h += da.sum(axis=1)
            dx[t] = W_ih.T @ da

        return {"W_ih": dW_ih, "U_h": dU_h, "b_h": db_h}, dx.transpose(2, 0, 1), dh_next.T
    return compose.Layer(rnn.init, rnn.forward, backward, sizes=2)  # the three functions of a layer


LAYERS = {name or "right": layer(name) for name in (None, "tanh' of h", "no dh_next", "no transpose")}

# %% [markdown]
# ## The smallest numbers
#
# The example of tutorials 1 and 2, where dU_h was 0.972 on paper.
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
# The missing transpose: one unit has a 1 x 1 matrix, which is its own transpose. The other two are off by less than a
# fifth, and their sign is right: a step against such a gradient still goes down. That is the trap.

# %% tags=["proof"]
assert [round(value, 3) for value in dU_h.values()] == [0.972, 1.085, 0.817, 0.972]

# %% [markdown]
# ## The task, and the four steps of training
#
# Read random numbers between -1 and 1. At each step say what was read five steps ago. It is no feat (the answer stands in
# the input, five places back), but it cannot be done without the state.
#
# The network needs one thing more: a read-out, which makes its answer y_t = W h_t + b of the state. `linear` is that, and
# `compose.chain(recurrent, linear)` puts it behind the RNN. The loss is the mean of (y_t - target_t)², the *mean squared
# error* or MSE. A mask leaves out the first five steps, where there is nothing to say yet.
#
# The article's four steps are four lines in `train` below. They run for a small group of series at a time, a *batch* of
# 32; once through all series is an *epoch*. The optimizer is Adam. After each epoch the error is measured on series that
# were not trained on. It is printed over the variance of the targets, so that a network that always says 0 scores 1.
#
# PREDICT: four networks, the same starts, data and optimizer. Put them in order. Where among them is a fifth, whose
# recurrent layer gets a gradient of zero, so that only the read-out is trained?

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


def train(recurrent, seed):
    """The error on new series after each epoch."""
    model, rng = compose.chain(recurrent, linear), np.random.default_rng(seed)
    params, opt, curve = model.init(rng, 1, H, 1), optim.Adam(lr=3e-3), []
    for _ in range(EPOCHS):
        for rows in np.array_split(rng.permutation(1000), 1000 // BATCH):
            x, target, mask = (part[rows] for part in train_set)
            y, _, cache = model.forward(params, x)  # steps 1 and 2: forward pass, hidden states
            _, loss_cache = losses.mse(y, target, mask)
            grads, *_ = model.backward(cache, losses.mse_backward(loss_cache))  # step 3: backward pass
            opt.step(params, grads)  # step 4: weight update
        y, _, _ = model.forward(params, new_set[0])
        curve.append(losses.mse(y, *new_set[1:])[0] * 3)  # 1/3 is the variance of numbers between -1 and 1
    return curve


def nothing(cache, dh, dstate=None):
    return tree.map(np.zeros_like, rnn.backward(cache, dh, dstate))


everyone = LAYERS | {"read-out only": compose.Layer(rnn.init, rnn.forward, nothing, sizes=2)}
curves = {name: np.array([train(one, seed) for seed in range(SEEDS)]) for name, one in everyone.items()}
print(f"{'':<14} after 1 epoch     lowest            after {EPOCHS}      (range of {SEEDS} seeds)")
for name, c in curves.items():
    columns = (c[:, 0], c.min(axis=1), c[:, -1])
    print(f"{name:<14}", *(f"{f'{v.min():.4f}-{v.max():.4f}':<17}" for v in columns))

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
save(figure, "05_it_trains_and_it_is_wrong.png")

# %% [markdown]
# ![Learning curves of one right and three wrong backward passes](figures/05_it_trains_and_it_is_wrong.png)
#
# RESULTS
