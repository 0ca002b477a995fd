# %% [markdown]
# # 8. Find the wrong line: make the problem smaller
#
# *Beside the article: §3, step 3; §4, equation 1.*
#
# The gradient check of tutorial 5 says that a backward pass is wrong. It does not say which line. This page finds the
# line, without reading the code: it checks smaller and smaller problems, and looks at which gradients become right.
#
# Here are again the three mistakes of tutorial 7, each in one line marked `wrong`:
#
# - tanh' of h: the slope is 1 - h², where h = tanh(a); here it is 1 - tanh(h)²;
# - no dh_next: nothing comes from the future;
# - no transpose: U_h where U_hᵀ belongs.
#
# In your own program there would be no marks. Here they let you guess what each check will say. As in tutorial 7, each
# series is a column inside the loop: x[t] is (D, B) and h[t] is (H, B).

# %%
import numpy as np
from common import save
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from minirnn import compose, gradcheck, plots, rnn


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
# ## The whole problem
#
# First the check of a network with H = 5 units. It reads B = 3 series of T = 4 steps, with D = 2 numbers at each step.
# Weights, inputs and initial states are not small. The check draws the gradients that arrive from outside: one for
# each h_t, and one more for the last state. It compares every entry of five gradients with the complex step, and
# allows an error of 1e-12.
#
# PREDICT: how many of the five gradients does each mistake make wrong: those of W_ih, U_h, b_h, x and h_0?

# %%
NAMES = {"W_ih": "W_ih", "U_h": "U_h", "b_h": "b_h", "x": "x", "state": "h_0"}  # as the check has them, and as we do


def wrong_ones(layer, T, H, B=3):
    """The names of the wrong gradients, and the row of the worst entry."""
    rng = np.random.default_rng(1)
    params = {name: 0.7 * rng.normal(size=p.shape) for name, p in rnn.init(rng, 2, H).items()}
    x, h_0 = rng.normal(size=(B, T, 2)), rng.normal(size=(B, H))
    rows = gradcheck.check(layer, params, x, h_0, rng=rng, method="complex").rows
    return [NAMES[row.tensor] for row in rows if row.error > 1e-12], max(rows, key=lambda row: row.error)


for name, one in LAYERS.items():
    names, worst = wrong_ones(one, T=4, H=5)
    print(f"{name:<13} wrong: {', '.join(names) or 'none':<25} worst entry: backward {worst.backward:6.3f}, "
          f"complex step {worst.numerical:6.3f}")

# %% [markdown]
# All five, with each mistake. In the worst entry even the sign is wrong, also with tanh' of h, whose learning curve in
# tutorial 7 was nearly the right one. So the check has found that something is wrong, but not what.
#
# ## The smallest numbers
#
# Take the smallest problem, one unit and one step: W_ih = 0.5, U_h = 0.8, no bias, x_1 = 1, h_0 = 0.25. The loss is
# h_1, so dh_1 = 1.
#
#     a_1   = 0.5 · 1 + 0.8 · 0.25   = 0.7         h_1 = tanh(0.7) = 0.604
#     da_1  = 1 - 0.604²             = 0.635
#     dW_ih = da_1 x_1               = 0.635       dU_h = da_1 h_0   = 0.159       db_h = da_1 = 0.635
#     dx_1  = W_ih da_1              = 0.317       dh_0 = U_h da_1   = 0.508
#
# PREDICT: which of the last five numbers does each mistake change?

# %%
tiny = {"W_ih": np.array([[0.5]]), "U_h": np.array([[0.8]]), "b_h": np.zeros(1)}
smallest = {}
for name, one in LAYERS.items():
    _, _, cache = one.forward(tiny, np.array([[[1.0]]]), np.array([[0.25]]))
    grads, dx, dh_0 = one.backward(cache, np.ones((1, 1, 1)))
    smallest[name] = [round(g.item(), 3) for g in (*grads.values(), dx, dh_0)]
    print(f"{name:<13}", "  ".join(f"d{of} {value:.3f}" for of, value in zip(NAMES.values(), smallest[name])))

# %% [markdown]
# - **tanh' of h** changes all five. Each of them is computed from da_1, and da_1 is wrong.
# - **no dh_next** changes only dh_0. There is one step, so nothing else comes from the future.
# - **no transpose** changes nothing: a single number is its own transpose.
#
# So three mistakes that looked alike look different here.

# %% tags=["proof"]
right = [0.635, 0.159, 0.635, 0.317, 0.508]
assert smallest["right"] == smallest["no transpose"] == right and smallest["no dh_next"] == right[:4] + [0]
assert all(abs(a - b) > 0.01 for a, b in zip(smallest["tanh' of h"], right))
everything = list(NAMES.values())
for name, one in LAYERS.items():
    names, worst = wrong_ones(one, T=4, H=5)
    assert names == (everything if name != "right" else []) and (worst.backward * worst.numerical < 0) == bool(names)

# %% [markdown]
# ## Smaller in one direction at a time
#
# Now the check of random numbers again, for three problems: the whole one, one with a single step, and one with a
# single unit.
#
# PREDICT: with one step and five units, which gradients are wrong without the transpose? With four steps and one unit,
# which are wrong without dh_next?

# %%
CASES = {"the whole problem: T = 4, H = 5": (4, 5), "one step: T = 1, H = 5": (1, 5),
         "one unit: T = 4, H = 1": (4, 1)}
COLOURS = ListedColormap([plots.BLUE, plots.ORANGE])
wrong = {}
figure = Figure(figsize=(11, 3.3), layout="constrained")
for ax, (case, (T, H)) in zip(figure.subplots(1, 3, sharey=True), CASES.items()):
    wrong[case] = {name: wrong_ones(one, T, H)[0] for name, one in LAYERS.items()}
    grid = np.array([[of in names for of in NAMES.values()] for names in wrong[case].values()])
    ax.pcolormesh(grid, cmap=COLOURS, vmin=0, vmax=1, edgecolor="white", linewidth=3)
    for row, column in np.ndindex(grid.shape):
        ax.text(column + 0.5, row + 0.5, "wrong" if grid[row, column] else "right", color="white", ha="center",
                va="center", fontsize=11)
    ax.set_title(case, fontsize=11)
    ax.set_xticks(np.arange(5) + 0.5, ["dW$_{ih}$", "dU$_h$", "db$_h$", "dx", "dh$_0$"])
    ax.set_yticks(np.arange(4) + 0.5, LAYERS)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
ax.invert_yaxis()
save(figure, "08_find_the_wrong_line.png")
for case, by_name in wrong.items():
    print(case, *(f"    {name:<13} wrong: {', '.join(names) or 'none'}" for name, names in by_name.items()), sep="\n")

# %% [markdown]
# ![Which gradients of four backward passes are wrong, in three problems](figures/08_find_the_wrong_line.png)
#
# Read a row from left to right:
#
# - **tanh' of h**: all are wrong in each problem, also with one step. So the mistake is in what all five share: in the
#   line of da, or in that of dh_t, from which da is made. (dh_t without dh_next looks like this too.)
# - **no dh_next**: with one step only dh_0 is wrong. So da is right, and the mistake is on the way from step to step:
#   in the line of dh_next. With one unit all are wrong, so it is not about the order of the axes.
# - **no transpose**: with one step only dh_0 is wrong, so it is the line of dh_next again. With one unit all are right.
#   So the mistake is in the order of the axes: a transpose, or a sum along the wrong axis.
#
# Three small checks have led to a line or two. None of them trains anything, and nobody has to judge a curve.
#
# A learning curve asks whether a model gets better. The gradient check asks whether it does what the equations say.
# Ask the second question first.

# %% tags=["proof"]
whole, one_step, one_unit = wrong.values()
assert whole == {name: everything if name != "right" else [] for name in LAYERS}
assert one_step == {"right": [], "tanh' of h": everything, "no dh_next": ["h_0"], "no transpose": ["h_0"]}
assert one_unit == {"right": [], "tanh' of h": everything, "no dh_next": everything, "no transpose": []}


def only_from_outside(cache, dh, dstate=None):
    params, *rest = cache
    grads, dx, _ = rnn.backward((params | {"U_h": 0 * params["U_h"]}, *rest), dh)  # so no dh_next comes to a dh_t
    return grads, dx, (dh[:, 0] * (1 - cache[-1][1].T ** 2)) @ params["U_h"]


without = compose.Layer(rnn.init, rnn.forward, only_from_outside, takes=rnn.takes)
assert all(wrong_ones(without, T, H)[0] == everything for T, H in CASES.values())

# %% [markdown]
# **To take away:** somebody writes `da.mean(axis=1)` for `da.sum(axis=1)`. Which gradients are wrong in the three
# problems? Which smaller problem makes all of them right? Write it into `layer` as a fourth mistake, and its name into
# LAYERS. (The stepper then says which of the page's numbers no longer hold.)

# %% [markdown] tags=["answer"]
# ## Answer
#
# Only db_h is wrong, in all three problems: nothing else is computed from it. So the mistake is in its own line. The
# mean over the batch is the sum divided by B. With one series, B = 1, all gradients are right. So there is a third
# direction in which a problem can be made smaller: the batch.

# %% tags=["proof"]
def mean_of_batch(cache, *upstream):
    grads, dx, dstate = rnn.backward(cache, *upstream)
    return grads | {"b_h": grads["b_h"] / len(dx)}, dx, dstate  # dx is (B, T, D)


fourth = compose.Layer(rnn.init, rnn.forward, mean_of_batch, takes=rnn.takes)
assert [wrong_ones(fourth, T, H)[0] for T, H in CASES.values()] == [["b_h"]] * 3
assert wrong_ones(fourth, T=4, H=5, B=1)[0] == []
