# %% [markdown]
# # 1. One step by hand: an RNN is one line, again and again
#
# *Beside the article: §4, equation 1, and §3, steps 1 and 2.*
#
# A recurrent network reads a series one value at a time. What it knows of the past is in its state h. Each step makes
# the new state out of the input and the old state:
#
#     (1)  h_t = φ(W_ih x_t + U_h h_{t-1} + b_h)
#
# W_ih says how much the input counts, U_h how much the past counts, b_h is a bias. φ squashes the sum: the article
# writes σ, the logistic function with values between 0 and 1; today's networks take tanh, with values between -1 and
# 1. The i of W_ih means "input".

# %% [markdown]
# ## The smallest numbers
#
# One unit, so that all are plain numbers: W_ih = 0.5, U_h = 0.8, b_h = 0. The inputs are 1, 1, -2, and h_0 = 0. With
# a_t for the argument of φ, on paper:
#
#     a_1 = 0.5 ·  1 + 0.8 · 0     =  0.5        h_1 = tanh( 0.5)   =  0.462
#     a_2 = 0.5 ·  1 + 0.8 · 0.462 =  0.870      h_2 = tanh( 0.870) =  0.701
#     a_3 = 0.5 · -2 + 0.8 · 0.701 = -0.439      h_3 = tanh(-0.439) = -0.413
#
# The first two inputs are the same and the states are not: the second step knows that there was a first.

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import plots, rnn
from minirnn.activations import sigmoid

W_ih, U_h, b_h = 0.5, 0.8, 0.0
x = [1.0, 1.0, -2.0]


def states(x, phi, h=0.0):
    """h_1, h_2, ... by equation 1."""
    hs = []
    for x_t in x:
        h = phi(W_ih * x_t + U_h * h + b_h)
        hs.append(h)
    return hs


h = states(x, np.tanh)
print("tanh", np.round(h, 3))
assert np.round(h, 3).tolist() == [0.462, 0.701, -0.413]

# %% [markdown]
# ## The article's own σ
#
# PREDICT: the third input pulls hard towards the negative. Where does the state go if φ is σ?

# %%
h_sigma = states(x, sigmoid)
print("σ   ", np.round(h_sigma, 3))
assert np.round(h_sigma, 3).tolist() == [0.622, 0.731, 0.398]

nothing = states([0.0] * 50, sigmoid)  # no input at all
print("σ without any input: h_1", nothing[0], "and h_50", nothing[-1].round(3))
assert nothing[0] == 0.5 and nothing[-1].round(3) == 0.622

# %% [markdown]
# Down to 0.398 and not below 0, because σ has no negative values. And since σ(0) = 0.5, a network with σ drifts to a
# rest of its own, here 0.622, when nothing happens. With tanh, nothing in gives nothing out, as long as b_h = 0.

# %% [markdown]
# ## The current input, not the current output
#
# The article's §3 has four steps: forward pass, update of the hidden state, backward pass, weight update. In an RNN
# the first two are one line, equation 1: the result of step t *is* its new state.
#
# Step 2 there updates the state from the previous state and "the current output". Equation 1 has x_t in that place,
# the current *input*, and equation 1 is right. An output of step t does not exist before the update is done. Take the
# newest output there is, h_{t-1}, and no x is left in the equation.
#
# PREDICT: with the output in place of the input, what are the states for 1, 1, -2? And for 5, 0, 3?

# %%
for series in ([1.0, 1.0, -2.0], [5.0, 0.0, 3.0]):
    h_out, fed_output = 0.0, []
    for _ in series:  # nobody looks at what it holds
        h_out = np.tanh(W_ih * h_out + U_h * h_out + b_h)
        fed_output.append(float(h_out))
    print("fed its output", fed_output, "  fed its input", np.round(states(series, np.tanh), 3))
    assert fed_output == [0, 0, 0]

# %% [markdown]
# ## Unrolled in time
#
# The article calls the RNN a special feedforward network. A feedforward network gives the same output whenever it gets
# the same input. The RNN above gave 0.462 for a 1, and then 0.701 for a 1. What is feedforward is the RNN *unrolled*,
# one layer for each step, with the loop gone:
#
#            x_1         x_2         x_3
#             ↓           ↓           ↓
#     h_0 → layer → h_1 → layer → h_2 → layer → h_3
#
# Two things make it special. Each layer has an input of its own, and all layers share the same weights. So a number in
# U_h is used three times here, and a series of 1000 steps needs no more weights than one of three.

# %%
def feedforward(layers, x, h=0.0):
    for (W, U, b), x_t in zip(layers, x):
        h = np.tanh(W * x_t + U * h + b)
    return h


shared = (W_ih, U_h, b_h)
print("three layers, shared weights", round(feedforward([shared] * 3, x), 3))
print("a middle layer of its own   ", round(feedforward([shared, (0.5, 0.9, 0.0), shared], x), 3))
assert feedforward([shared] * 3, x) == h[2]
assert round(feedforward([shared, (0.5, 0.9, 0.0), shared], x), 3) == -0.398  # feedforward, and not an RNN

# %% [markdown]
# The three layers, and why their gradients will be a *sum*, are the start of tutorial 2.
#
# ## Shapes: batch first
#
# Real networks read B series at once, of T steps with D values each, into H units: x (B, T, D) gives h (B, T, H). The
# weights know nothing of B and T: W_ih (H, D), U_h (H, H), b_h (H,). `rnn.forward` is the loop above with matrices in
# it.

# %%
params = {"W_ih": np.array([[W_ih]]), "U_h": np.array([[U_h]]), "b_h": np.array([b_h])}
batch = np.array([[1.0, 1, -2], [5, 0, 3]])[:, :, None]  # two series, three steps, one value each
for activation, phi in (("tanh", np.tanh), ("sigmoid", sigmoid)):
    h_all, h_last, _ = rnn.forward(params, batch, activation=activation)
    assert np.allclose(h_all[0, :, 0], states([1, 1, -2], phi)) and np.allclose(h_all[1, :, 0], states([5, 0, 3], phi))
print("x", batch.shape, "h", h_all.shape, "final state", h_last.shape)

rng = np.random.default_rng(0)
B, T, D, H = 4, 7, 2, 5
h_all, h_last, _ = rnn.forward(rnn.init(rng, D, H), rng.normal(size=(B, T, D)))
print("x", (B, T, D), "h", h_all.shape, "final state", h_last.shape)
assert h_all.shape == (B, T, H) and (h_last == h_all[:, -1]).all()

# %% [markdown]
# ## The picture: how long does it remember?
#
# One pulse, x_1 = 2, and zeros after it. Whatever the state is later, beyond where it would be without the pulse, is
# memory.
#
# PREDICT: for U_h = 0.5, 0.9 and 1.5 and tanh, which states are back at 0 after 20 steps?

# %%
SIZES, STEPS = (0.5, 0.9, 1.5), 20
pulse = np.zeros((2, STEPS, 1))
pulse[0, 0] = 2  # the second series stays at 0
figure = Figure(figsize=(10, 3.6), layout="constrained")
memory = {}
for ax, (activation, name) in zip(figure.subplots(1, 2), (("tanh", "tanh"), ("sigmoid", "σ"))):
    for size, colour in zip(SIZES, (plots.BLUE, plots.GREEN, plots.ORANGE)):
        with_pulse, without = rnn.forward(params | {"U_h": np.array([[size]])}, pulse, activation=activation)[0]
        memory[name, size] = (with_pulse - without).ravel()
        ax.plot(range(1, STEPS + 1), with_pulse, marker=".", color=colour, label=f"U_h = {size}")
        ax.plot(range(1, STEPS + 1), without, color=colour, linestyle="--", linewidth=1)
    ax.set(title=f"φ = {name}", xlabel="step t", ylabel="state h_t", ylim=(-0.05, 1), xticks=range(1, STEPS + 1, 3))
    ax.plot([], [], color=plots.GREY, linestyle="--", linewidth=1, label="without the pulse")
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.8 if name == "tanh" else 0.45))
save(figure, "01_one_step_by_hand.png")
for (name, size), m in memory.items():
    print(f"{name:<5} U_h = {size}   of the pulse is left after 5 steps {m[4]:.3f}, after 20 {m[19]:.6f}")
assert [round(memory["tanh", size][19], 2) for size in SIZES] == [0, 0.06, 0.86]
assert all(abs(memory["σ", size][4]) < 0.01 and abs(memory["σ", size][19]) < 1e-6 for size in SIZES)

# %% [markdown]
# ![The state after one pulse, for three sizes of U_h, with tanh and with σ](figures/01_one_step_by_hand.png)
#
# With tanh, U_h = 0.5 forgets at once and 0.9 slowly: 0.06 is left after 20 steps. With U_h = 1.5 the state settles at
# 0.86 and stays there for good. With σ all three states are high, and yet they remember next to nothing: after five
# steps less than 0.01 separates them from the dashed lines, where there was no pulse. A difference in the state is
# multiplied by U_h φ' at each step, and σ' is at most 1/4 where tanh' goes up to 1. High is not the same as informed.
#
# **To take away:** somewhere between U_h = 0.9 and 1.5 the tanh unit stops forgetting. Where, and why there? And what
# does it do with U_h = -1.5? Change SIZES (and ylim).
