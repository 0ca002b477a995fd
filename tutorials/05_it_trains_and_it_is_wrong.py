# %% [markdown]
# # 4. It trains, and it is wrong: a falling loss is not a check
#
# *Beside the article: §3, steps 3 and 4, the backward pass and the weight update; §4, equation 1.*
#
# Somebody writes the backward pass of an RNN, starts training, and the loss falls. So the backward pass is right? Here
# is one written out, with three classic mistakes to choose from. Each is one small slip in one line.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, gradcheck, linear, losses, optim, plots, rnn, training, tree


def layer(bug=None):
    """The RNN of equation 1, with its own forward and the backward pass written here."""
    def backward(cache, dh, dstate=None):
        params, x, _, _, (slots, *_) = cache  # slots (T+1, H, B): the initial state, then h_t after each step
        h_prev, h, U_h = slots[:-1], slots[1:], params["U_h"]
        da = np.empty_like(h)
        dh_next = 0 if dstate is None else dstate.T
        for t in reversed(range(len(h))):
            dh_t = dh[:, t].T + dh_next
            da[t] = dh_t * (1 - (np.tanh(h[t]) if bug == "tanh' of h" else h[t]) ** 2)
            dh_next = {"no transpose": U_h, "no dh_next": 0 * U_h}.get(bug, U_h.T) @ da[t]
        grads = {"W_ih": np.tensordot(da, x, ([0, 2], [1, 0])),  # Σ_t da_t x_tᵀ
                 "U_h": np.tensordot(da, h_prev, ([0, 2], [0, 2])),  # Σ_t da_t h_{t-1}ᵀ
                 "b_h": da.sum(axis=(0, 2))}
        return grads, (params["W_ih"].T @ da).transpose(2, 0, 1), dh_next.T
    return compose.Layer(rnn.init, rnn.forward, backward, sizes=2)


LAYERS = {name or "right": layer(name) for name in (None, "tanh' of h", "no dh_next", "no transpose")}

# %% [markdown]
# - **tanh' of h**: tanh'(a) = 1 - tanh²(a) = 1 - h². Whoever writes 1 - tanh²(h) has fed the derivative its own output.
# - **no dh_next**: what comes back from step t+1 is forgotten. The loop runs, and each step thinks it is the last.
# - **no transpose**: U_h da instead of U_hᵀ da.
#
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
    dU_h[name] = one.backward(cache, np.ones((1, 3, 1)))[0]["U_h"].item()
    print(f"{name:<13} dU_h = {dU_h[name]:.3f}")
assert [round(value, 3) for value in dU_h.values()] == [0.972, 1.085, 0.817, 0.972]

# %% [markdown]
# One unit has a 1 x 1 matrix, which is its own transpose. The other two are off by less than a fifth, and their sign
# is right: a step against such a gradient still goes down. That is the trap.
#
# ## The task
#
# Read random numbers, and say at each step what was read five steps ago. It is no feat (the answer stands in the
# input, five places back), but it cannot be done without the state. Errors are MSE over the variance of the targets,
# so a constant scores 1. All are measured on a thousand new sequences.

# %%
LAG, T, H, EPOCHS, SEEDS = 5, 20, 16, *((2, 1) if QUICK else (30, 3))
VARIANCE = 1 / 3  # of numbers uniform in ±1


def echo(rng, n=1000):
    x = rng.uniform(-1, 1, (n, T, 1)).astype(np.float32)
    y, mask = np.roll(x, LAG, axis=1), np.zeros((n, T), bool)
    mask[:, LAG:] = True  # before that there is nothing to say
    return training.Batch(x, y, mask=mask)


rng = np.random.default_rng(0)
train, new = echo(rng), echo(rng)


def curve(recurrent, seed):
    """The error on new sequences after each epoch."""
    model, rng = compose.chain(recurrent, linear), np.random.default_rng(seed)
    history = training.fit(model, model.init(rng, 1, H, 1), optim.Adam(lr=3e-3), train, new, rng=rng, epochs=EPOCHS)
    return np.array(history["validation"]) / VARIANCE


# %% [markdown]
# PREDICT: four networks, the same starts, data and optimizer. Put them in order. Where among them is a fifth, whose
# recurrent layer gets a gradient of zero, so that only the read-out is trained?

# %%
zero = lambda cache, dh, dstate=None: tree.map(np.zeros_like, rnn.backward(cache, dh, dstate))
everyone = LAYERS | {"read-out only": compose.Layer(rnn.init, rnn.forward, zero, sizes=2)}
curves = {name: np.array([curve(one, seed) for seed in range(SEEDS)]) for name, one in everyone.items()}
print(f"{'':<14} after 1 epoch     lowest            after {EPOCHS}")
for name, c in curves.items():
    columns = (c[:, 0], c.min(axis=1), c[:, -1])
    print(f"{name:<14}", *(f"{f'{v.min():.4f}-{v.max():.4f}':<17}" for v in columns))

figure = Figure(figsize=(10, 4.5), layout="constrained")
ax = figure.subplots()
for (name, c), colour in zip(curves.items(), (plots.BLUE, "black", plots.GREEN, plots.ORANGE, plots.GREY)):
    lines = ax.semilogy(range(1, EPOCHS + 1), c.T, color=colour, linestyle=":" if colour == "black" else "-")
    lines[0].set_label(name)
ax.axhline(1, color="black", linestyle="--", linewidth=1)
ax.text(1, 1.1, "a constant", va="bottom", fontsize=9)
ax.set(xlabel="epoch", ylabel="MSE / variance, new sequences", ylim=(3e-4, 2.5))
ax.legend(frameon=False, loc="lower left", ncols=2)
save(figure, "04_it_trains_and_it_is_wrong.png")

# %% [markdown]
# ![Learning curves of one right and three wrong backward passes](figures/04_it_trains_and_it_is_wrong.png)
#
# Look at the green lines alone, as one does who has nothing to compare them with. They fall and fall, far below what
# the read-out can do by itself, so the recurrent weights do learn. It looks like a model that needs more epochs. Yet
# after 30 epochs its error is about 0.06 to 0.17, and with the right backward about 0.001.
#
# Without the transpose the loss falls too, for a while. Then the weights drift to where nothing can be read any more.
# In the end its error is about 0.9, as if they had never been trained.
#
# The dotted lines are the worst news. The wrong derivative costs about a quarter here, and no learning curve would
# tell that from a slightly different learning rate. On another task it may cost more; nobody would know.

# %%
if not QUICK:
    end = {name: c[:, -1] for name, c in curves.items()}
    assert end["right"].max() < 0.002 and end["tanh' of h"].max() < 0.003
    ratio = curves["tanh' of h"][:, -10:].mean() / curves["right"][:, -10:].mean()
    print(f"error with tanh' of h over the right one, in the last ten epochs: {ratio:.2f}")
    assert 1.05 < ratio < 1.4
    assert end["no dh_next"].min() > 0.03 and end["no dh_next"].max() < 0.4 < 0.5 < end["read-out only"].min()
    assert end["no transpose"].min() > 0.3 and curves["no transpose"].min() < 0.3

# %% [markdown]
# ## Why does it fall at all?
#
# A small step against any direction whose angle to the gradient is below 90° makes the loss smaller. So look at the
# cosine of the angle between each wrong gradient and the right one, before the first step.

# %%
def gradient(recurrent):
    """The gradient of the whole model as one long vector, at the start of seed 0."""
    model = compose.chain(recurrent, linear)
    y, _, cache = model.forward(model.init(np.random.default_rng(0), 1, H, 1), train.x)
    _, loss_cache = losses.mse(y, train.y, train.mask)
    grads, *_ = model.backward(cache, losses.mse_backward(loss_cache))
    return np.concatenate([g.ravel() for _, g in tree.leaves(grads)])


cosine = {}
for name, one in LAYERS.items():
    g, right = gradient(one), gradient(rnn)
    cosine[name] = g @ right / np.linalg.norm(g) / np.linalg.norm(right)
    print(f"{name:<13} cosine {cosine[name]:.3f}")
assert cosine["right"] > 0.99999 and cosine["tanh' of h"] > 0.999
assert 0.3 < cosine["no transpose"] < 0.6 and 0.3 < cosine["no dh_next"] < 0.6

# %% [markdown]
# All point downhill, even the two that are off by about 60°. The read-out helps: its own gradient is right in all of
# them. That is at the start. Nothing promises it for later, as the orange lines show.
#
# ## The check
#
# A second, and no training. Weights of ordinary size, all sizes different, every entry against the complex step.

# %%
def check(recurrent, T=4, H=5):
    rng = np.random.default_rng(1)
    params = {name: 0.7 * rng.normal(size=p.shape) for name, p in rnn.init(rng, 2, H).items()}
    x, h_0 = rng.normal(size=(3, T, 2)), rng.normal(size=(3, H))
    return gradcheck.check(recurrent, params, x, h_0, rng=rng, method="complex")


print("no transpose\n", check(LAYERS["no transpose"]), "\n", sep="")
for name, one in LAYERS.items():
    report = check(one)
    worst = max(report.rows, key=lambda row: row.error)
    print(f"{name:<13} {'ok   ' if report.ok else 'WRONG'}  worst: {worst.tensor}{list(worst.index)}, "
          f"backward {worst.backward:.3f}, complex step {worst.numerical:.3f}")
    assert report.ok == (name == "right") and (report.ok or report.max_error > 0.5)

# %% [markdown]
# Each mistake is off by more than half somewhere, where 1e-12 is allowed: that takes no judgement. The report names
# the worst entry of every tensor. But with everything wrong, which line is it? Make the problem smaller, until
# something comes right.
#
# PREDICT: with one step, T = 1, what is still wrong without dh_next? And with one unit, H = 1?

# %%
CASES = {"T = 4, H = 5": {}, "T = 1": {"T": 1}, "H = 1": {"H": 1}}
wrong = {(name, case): [row.tensor for row in check(one, **sizes).rows if row.error > 1e-12]
         for name, one in LAYERS.items() for case, sizes in CASES.items()}
for name in LAYERS:
    print(f"{name:<13}", *(f"{case}: {', '.join(wrong[name, case]) or 'all right'}".ljust(36) for case in CASES))
everything = ["W_ih", "U_h", "b_h", "x", "state"]
assert [wrong["tanh' of h", case] for case in CASES] == [everything] * 3
assert [wrong["no dh_next", case] for case in CASES] == [everything, ["state"], everything]
assert [wrong["no transpose", case] for case in CASES] == [everything, ["state"], []]
assert not any(wrong["right", case] for case in CASES)

# %% [markdown]
# If one step is right but for the initial state, the mistake lies on the way from step to step. If moreover one unit
# is right, it is in the order of the axes. If even one step is wrong everywhere, it is in the step itself, before
# anything goes back in time. Three small checks have found the line.
#
# The learning curve asks whether a model gets better. The gradient check asks whether it does what the equations say.
# Ask the second question first.
#
# **To take away:** write a fourth mistake into `layer`, one that you have made or could make: W_ih not transposed, x_t
# one step off, a sum that is a mean. Guess which tensors the three cases will name, then run them. Does it train?
