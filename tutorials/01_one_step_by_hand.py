# %% [markdown]
# # 1. One step by hand: an RNN is one line, again and again
#
# *Beside the article: §4, equation 1, and §3, steps 1 and 2.*
#
# `python tutorials/step.py 01` shows this page one cell at a time, and waits before it runs what answers a question.
#
# A recurrent network (RNN) reads a series one value at a time. What it knows of the past is its *state* h, which the
# article calls the *hidden state*. Each step makes a new state out of the input x and the old state:
#
#     (1)  h_t = φ(W_ih x_t + U_h h_{t-1} + b_h)
#
# W_ih and U_h are *weights*, numbers that training is to find. W_ih says how much the input counts, U_h how much the
# past counts. The i of W_ih means "input". b_h is a *bias*: it is added at every step, whatever the input is.
#
# φ ("phi") keeps the state within bounds. The article takes the *logistic function* σ(a) = 1 / (1 + e^-a), which lies
# between 0 and 1. Today's RNNs take tanh, which lies between -1 and 1.
#
# ## The smallest numbers
#
# A network of one *unit* has one number as its state, and all weights are plain numbers. Let W_ih = 0.5, U_h = 0.8
# and b_h = 0. The inputs are 1, 1, -2, and h_0 = 0. With a_t for the argument of φ, on paper:
#
#     a_1 = 0.5 ·  1 + 0.8 · 0     =  0.5        h_1 = tanh( 0.5)   =  0.462
#     a_2 = 0.5 ·  1 + 0.8 · 0.462 =  0.870      h_2 = tanh( 0.870) =  0.701
#     a_3 = 0.5 · -2 + 0.8 · 0.701 = -0.439      h_3 = tanh(-0.439) = -0.413
#
# The first two inputs are the same, and the states are not. The second step knows that there was a first. To compute
# the states from the first step to the last is called the *forward pass*.

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import plots
from minirnn.activations import sigmoid

W_ih, U_h, b_h = 0.5, 0.8, 0.0
x = [1.0, 1.0, -2.0]


def states(x, phi, U_h=U_h):
    """h_1, h_2, ... by equation 1."""
    h, hs = 0.0, []
    for x_t in x:
        h = phi(W_ih * x_t + U_h * h + b_h)  # equation 1
        hs.append(h)
    return np.array(hs)


h = states(x, np.tanh)
print("tanh", h.round(3))

# %% tags=["proof"]
assert h.round(3).tolist() == [0.462, 0.701, -0.413]

# %% [markdown]
# ## The article's own σ
#
# PREDICT: all inputs are 0, and so is h_0. Where is the state after 50 steps, with tanh and with σ?

# %%
nothing = {name: states([0.0] * 50, phi) for name, phi in (("tanh", np.tanh), ("σ", sigmoid))}
for name, hs in nothing.items():
    print(f"{name:<4} without any input: h_1 {hs[0]}, h_2 {hs[1]:.3f}, h_50 {hs[-1]:.4f}")
h_sigma = states(x, sigmoid)
print("σ    with the inputs 1, 1, -2:", h_sigma.round(4))

# %% [markdown]
# With tanh the state stays at 0, as long as b_h = 0. With σ it does not: σ(0) = 0.5, so the state moves although
# nothing comes in. It comes to rest where h = σ(0.8 h), at 0.6219. And σ is never below 0, so the state cannot become
# negative: the input of -2 takes it only to 0.398.

# %% tags=["proof"]
assert h_sigma.round(3).tolist() == [0.622, 0.731, 0.398]
assert nothing["σ"][0] == 0.5 and nothing["σ"][-1].round(4) == 0.6219 and (nothing["tanh"] == 0).all()

# %% [markdown]
# ## The current input, not the current output
#
# The article's §3 has four steps: forward pass, update of the hidden state, backward pass, weight update. In an RNN
# the first two are one line, equation 1: the result of step t *is* its new state.
#
# Step 2 there makes the new state from the previous state and "the current output". Equation 1 has x_t in that place,
# the current *input*. Equation 1 is right: step t has no output before its state is made. Suppose that somebody
# follows the article's words, and puts the newest output that exists, h_{t-1}, in the place of x_t.
#
# PREDICT: with h_{t-1} in place of x_t, what are the states for 1, 1, -2? And for 5, 0, 3?

# %%
for series in ([1.0, 1.0, -2.0], [5.0, 0.0, 3.0]):
    h_out, fed_output = 0.0, []
    for x_t in series:
        h_out = np.tanh(W_ih * h_out + U_h * h_out + b_h)
        fed_output.append(float(h_out))
    print("fed its output", fed_output, "  fed its input", states(series, np.tanh).round(3))

# %% [markdown]
# The two series get the same states, because the formula does not read the inputs. All states are zero, because h_0 and
# b_h are: the state starts at 0, and nothing moves it.

# %% tags=["proof"]
assert fed_output == [0, 0, 0]

# %% [markdown]
# ## Unrolled in time
#
# Draw one *layer*, that is, one use of equation 1, for each step. This is the RNN *unrolled*:
#
#            x_1         x_2         x_3
#             ↓           ↓           ↓
#     h_0 → layer → h_1 → layer → h_2 → layer → h_3
#
# It has no loop any more. A network without a loop is called a *feedforward network*. The article calls the RNN a
# special feedforward network, and two things make it special. Each layer has an input of its own. And all layers have
# the same weights. So the one number U_h is used three times here. A series of 1000 steps needs no more weights than a
# series of three.
#
# ## The picture: how long does it remember?
#
# One pulse, x_1 = 2, and zeros after it. Then the same without the pulse. The difference of the two states is what is
# left of the pulse: memory.
#
# PREDICT: with tanh the pulse makes h_1 = 0.76. How large is h_20, roughly, for U_h = 0.5, 0.9 and 1.5?

# %%
SIZES, STEPS = (0.5, 0.9, 1.5), 20
pulse, silence = [2.0] + [0.0] * (STEPS - 1), [0.0] * STEPS
memory = {}
figure = Figure(figsize=(10, 3.8), layout="constrained")
for ax, (name, phi) in zip(figure.subplots(1, 2), (("tanh", np.tanh), ("σ", sigmoid))):
    for size, colour, marker in zip(SIZES, (plots.BLUE, plots.GREEN, plots.ORANGE), "osD"):
        with_pulse, without = states(pulse, phi, size), states(silence, phi, size)
        memory[name, size] = with_pulse - without
        ax.plot(range(1, STEPS + 1), with_pulse, marker=marker, ms=4, color=colour, label=f"U_h = {size}")
        ax.plot(range(1, STEPS + 1), without, color=plots.GREY, linestyle="--", linewidth=1)
        print(f"{name:<5} U_h = {size}   of the pulse is left after 5 steps {memory[name, size][4]:.3f}, "
              f"after 20 {memory[name, size][19]:.6f}")
    ax.plot([], [], color=plots.GREY, linestyle="--", linewidth=1, label="without the pulse")
    ax.set(title=f"φ = {name}", xlabel="step t", ylabel="state h_t", ylim=(-0.05, 1.05), xticks=range(1, STEPS + 1, 3))
    ax.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.78 if name == "tanh" else 0.45))
save(figure, "01_one_step_by_hand.png")

# %% [markdown]
# ![The state after one pulse, for three sizes of U_h, with tanh and with σ](figures/01_one_step_by_hand.png)
#
# With tanh and U_h = 0.5 the pulse fades within a few steps: 0.045 is left after 5. With 0.9 it fades slowly: 0.06 is
# left after 20. (0.9¹⁹ alone would leave 0.10 of 0.76, but tanh is below its argument, at first.) With 1.5 it stays.
#
# With σ all three states are high, and yet they remember next to nothing at these weights. After five steps they are
# less than 0.01 away from the dashed lines, where there was no pulse. A high state need not be a memory.
#
# ## What exactly is kept?
#
# With tanh and U_h = 1.5 the pulse of 2 ends at 0.86.
#
# PREDICT: where does a pulse of -2 end? And how much does h_20 change if the pulse is 2.1 instead of 2?

# %%
def end(*pulses):
    """The last state after these pulses, each with 19 zeros after it."""
    return states([x_t for pulse in pulses for x_t in (pulse, *silence[1:])], np.tanh, 1.5)[-1]


for size in (0.5, 1.0, 2.0, -2.0):
    print(f"pulse {size:>4}: h_20 = {end(size):.3f}")
print(f"pulse 2.1 instead of 2.0: h_20 changes by {end(2.1) - end(2.0):.0e}")
for second in (-2.0, -3.0):
    print(f"pulse 2.0, then {second} at step 21: h_40 = {end(2.0, second):.3f}")

# %% [markdown]
# All end at 0.859 or at -0.859. The unit keeps one bit, the sign of the pulse. It keeps the bit until a strong pulse
# comes: -2 does not change it, and -3 does. Nearly nothing is left of the size of the pulse: with 2.1 in place of 2,
# h_20 changes by less than a billionth.
#
# Bengio, Simard and Frasconi (1994) showed that this is a trap. A state that keeps a bit is a state that small
# changes do not move. But learning works with small changes. It asks what a little more or less would do, and here
# the answer is: nearly nothing. Tutorial 9 returns to it.

# %% tags=["proof"]
assert [memory["tanh", size][19].round(2) for size in SIZES] == [0, 0.06, 0.86]
assert all(abs(memory["σ", size][4]) < 0.01 and abs(memory["σ", size][19]) < 1e-6 for size in SIZES)
assert memory["tanh", 0.5][4].round(3) == 0.045
assert [end(size).round(3) for size in (0.5, 1.0, 2.0, -2.0)] == [0.859, 0.859, 0.859, -0.859]
assert 1e-10 < end(2.1) - end(2.0) < 1e-9
assert end(2.0, -2.0).round(3) == 0.859 and end(2.0, -3.0).round(3) == -0.859

# %% [markdown]
# **To take away:** somewhere between U_h = 0.9 and 1.5 the tanh unit stops forgetting. Where, and why there? And what
# does it do with U_h = -1.5? Try `states([2.0] + [0.0] * 199, np.tanh, 0.95)[-1]`, and other sizes than 0.95: in the
# stepper press p.

# %% [markdown] tags=["answer"]
# ## Answer
#
# At U_h = 1. Near 0 tanh(a) is nearly a, so each step multiplies the state by about U_h. Below 1 the state shrinks to
# 0. Above 1 a small state grows and a large one shrinks, to the same value. At 1 itself it still shrinks, but ever more
# slowly. After 200 steps
# 0.95 leaves less than 0.001, 1 leaves 0.086, and 1.05 leaves 0.371.
#
# A state at rest solves h = tanh(U_h h). For U_h from 0 to 1 only h = 0 does. Above 1 there are two more: ±0.859 for
# U_h = 1.5. With U_h = -1.5 the state reaches the same size, and changes its sign at every step.

# %% tags=["proof"]
assert [states([2.0] + [0.0] * 199, np.tanh, size)[-1].round(3) for size in (0.95, 1, 1.05)] == [0, 0.086, 0.371]
assert np.isclose(np.tanh(1.5 * 0.8586), 0.8586, atol=1e-4)
assert states(pulse, np.tanh, -1.5)[-4:].round(3).tolist() == [-0.859, 0.859, -0.859, 0.859] or \
    states(pulse, np.tanh, -1.5)[-4:].round(3).tolist() == [0.859, -0.859, 0.859, -0.859]
