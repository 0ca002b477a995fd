# %% [markdown]
# # 13. The LSTM's backward pass: an arrow for each equation
#
# *Beside the article: §3, step 3, the backward pass of §4, equations 2 and 3.*
#
# How does a gradient go back through one step of an LSTM? Tutorial 2 went back through an RNN of one unit. The LSTM
# has more arrows, and one rule for all. *An arrow carries the gradient back, times the slope of what it did forward.
# Where several arrows arrive, add.*
#
# This page follows each arrow, with numbers. Seven equations come out of it: (B1) to (B7) of `layers/lstm.py`, for one
# unit. (The RNN of tutorial 3 had (B1) to (B7) of its own.) The eighth is for the weights, and stands on the next page.
#
# The unit is that of tutorial 12, for two steps: x_1 = 1, x_2 = -1, from h_0 = c_0 = 0.5. The loss is L = h_1 + h_2.
# a_i stands for the argument of the σ of i (likewise a_f, a_o). c̃ is g in the code and in a_g. Its weights are W_xc,
# U_c and b_c, as in the article.
#
# ## Forward: four arguments, and six equations

# %%
from types import SimpleNamespace

import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import diagrams, lstm
from minirnn.activations import sigmoid

W_xi, U_i, b_i = 1.0, 0.2, 0.0
W_xf, U_f, b_f = 1.0, 0.4, 1.0
W_xc, U_c, b_c = 0.5, 0.1, 0.0
W_xo, U_o, b_o = -0.5, 1.0, 0.0


def forward(x, h_prev, c_prev):
    """One step. All that the backward pass will need is kept."""
    a_i = W_xi * x + U_i * h_prev + b_i
    a_f = W_xf * x + U_f * h_prev + b_f
    a_g = W_xc * x + U_c * h_prev + b_c
    a_o = W_xo * x + U_o * h_prev + b_o
    i = sigmoid(a_i)
    f = sigmoid(a_f)
    g = np.tanh(a_g)  # the candidate c̃
    o = sigmoid(a_o)
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return SimpleNamespace(**locals())  # all names above: one.i, one.c_prev and so on


one = forward(1.0, 0.5, 0.5)
two = forward(-1.0, one.h, one.c)
for name, s in (("step 1", one), ("step 2", two)):
    print(f"{name}: i {s.i:.3f}  f {s.f:.3f}  c̃ {s.g:.3f}  o {s.o:.3f}  c {s.c:.3f}  h {s.h:.3f}")
print(f"tanh(c_2) {np.tanh(two.c):.3f}")

# %% [markdown]
# ## Back through step 2, arrow by arrow
#
# Three slopes are all that is needed:
#
# - A sum y has the slope 1 for each of its parts. So each part gets dy, the slope of L for y.
# - A product y = u v has the slope v for u, and u for v. So *each factor gets dy times its partner*.
# - σ has the slope s (1 - s), and tanh has 1 - s², where s is its own output.
#
# Nothing comes after step 2. So dh_2 = 1, from the loss alone. (The code keeps all digits, so your last may differ.)
#
# **h_t = o_t tanh(c_t)** is a product. o_t gets dh_t tanh(c_t), and tanh(c_t) gets dh_t o_t, and c_t gets that times
# the slope of tanh: dh_t o_t (1 - tanh²(c_t)). In step 2:
#
#     do = 1 · 0.308 = 0.308            dc_2 = 1 · 0.698 · (1 - 0.308²) = 0.632
#
# **c_t = f_t c_{t-1} + i_t c̃_t** is a sum of two products. Both get dc_t. So each of the four factors gets dc_t times
# its partner:
#
#     di = dc_2 c̃_2 = 0.632 · -0.435 = -0.275        df       = dc_2 c_1 = 0.632 · 0.826 = 0.522
#     dc̃ = dc_2 i_2 = 0.632 ·  0.282 =  0.179        to c_1   = dc_2 f_2 = 0.632 · 0.534 = 0.338
#
# **The three gates and the candidate** pass it on to their arguments, times σ' or tanh'. So da_i = di · i_t (1 - i_t).
# With di = dc_t c̃_t put in, this is (B3). The other three follow in the same way:
#
#     (B3)  da_i = dc_t c̃_t · i_t (1 - i_t)             step 2:  -0.275 · 0.282 · 0.718  = -0.056
#     (B4)  da_f = dc_t c_{t-1} · f_t (1 - f_t)                   0.522 · 0.534 · 0.466  =  0.130
#     (B5)  da_g = dc_t i_t · (1 - c̃_t²)                          0.179 · (1 - 0.435²)   =  0.145
#     (B6)  da_o = dh_t tanh(c_t) · o_t (1 - o_t)                 0.308 · 0.698 · 0.302  =  0.065
#
# **An argument** is a sum such as a_i = W_xi x_t + U_i h_{t-1} + b_i. x_t is used in the four arguments of its step.
# There its partners are W_xi, W_xf, W_xc and W_xo. Four arrows arrive at it, so add:
#
#     (B7)  dx_t = W_xi da_i + W_xf da_f + W_xc da_g + W_xo da_o
#
# ## What arrives at step 1: two sources each
#
# **h_1 is used twice.** The loss uses it, with the slope 1: this comes *from outside*. And the four arguments of step 2
# use it, beside U_i, U_f, U_c and U_o. So with the four da of step t+1:
#
#     (B1)  dh_t = from outside + U_i da_i + U_f da_f + U_c da_g + U_o da_o
#
# **c_1 is used twice**, too: by h_1, and by c_2 = f_2 c_1 + ... Both arrows are known. What comes from the later step
# is dc_{t+1} f_{t+1}. The code calls it dc_future:
#
#     (B2)  dc_t = dc_future + dh_t · o_t (1 - tanh²(c_t))
#
# In step 2 dc_future was 0. (If a loss reads c_t itself, a part from outside is added here, too.) From here on step 1
# goes as step 2 did.
#
# PREDICT: which of its two sources brings more to dc_1: h_1 or c_2? (dh_1 is 1.120, tanh(c_1) is 0.678.)

# %%
def backward(s, dh, dc_future):
    """One step: the gradients of its arguments, and what it sends to the step before, as h and as c."""
    dc = dc_future + dh * s.o * (1 - np.tanh(s.c) ** 2)  # (B2)
    da_i = dc * s.g * s.i * (1 - s.i)  # (B3)
    da_f = dc * s.c_prev * s.f * (1 - s.f)  # (B4)
    da_g = dc * s.i * (1 - s.g**2)  # (B5)
    da_o = dh * np.tanh(s.c) * s.o * (1 - s.o)  # (B6)
    dx = W_xi * da_i + W_xf * da_f + W_xc * da_g + W_xo * da_o  # (B7)
    to_h_prev = U_i * da_i + U_f * da_f + U_c * da_g + U_o * da_o  # (B1), for the step before
    to_c_prev = dc * s.f  # (B2), dc_future of the step before
    return SimpleNamespace(**locals())


d_two = backward(two, dh=1, dc_future=0)  # after step 2 comes nothing
d_one = backward(one, dh=1 + d_two.to_h_prev, dc_future=d_two.to_c_prev)
for name, d in (("step 2", d_two), ("step 1", d_one)):
    print(f"{name}: dh {d.dh:.3f}  dc {d.dc:.3f}  da_i {d.da_i:.3f}  da_f {d.da_f:.3f}  da_g {d.da_g:.3f}  "
          f"da_o {d.da_o:.3f}  to h before {d.to_h_prev:.3f}  to c before {d.to_c_prev:.3f}")
print(f"step 2: di {d_two.dc * two.g:.3f}  df {d_two.dc * two.c_prev:.3f}  dc̃ {d_two.dc * two.i:.3f}")
print(f"dc_1 by c_2: {d_two.to_c_prev:.3f}, by h_1: {d_one.dc - d_two.to_c_prev:.3f}")

# %% [markdown]
# c_2 brings a little more than h_1:
#
#     dh_1 = 1 + 0.2 · -0.056 + 0.4 · 0.130 + 0.1 · 0.145 + 1 · 0.065    ≈ 1.120
#     dc_1 = 0.338 + 1.120 · 0.5 · (1 - 0.678²)         = 0.338 + 0.303  ≈ 0.640

# %% tags=["proof"]
paper = {(2, "dh"): 1, (2, "dc"): 0.632, (2, "da_i"): -0.056, (2, "da_f"): 0.130, (2, "da_g"): 0.145,
         (2, "da_o"): 0.065, (2, "to_c_prev"): 0.338, (1, "dh"): 1.120, (1, "dc"): 0.640}
for (step, name), value in paper.items():
    assert round(float(getattr({1: d_one, 2: d_two}[step], name)), 3) == value, (step, name)
assert round(float(d_one.dc - d_two.to_c_prev), 3) == 0.303 and round(float(np.tanh(two.c)), 3) == 0.308
parts = d_two.dc * np.array([two.g, two.c_prev, two.i])
assert np.round(parts, 3).tolist() == [-0.275, 0.522, 0.179] and round(float(np.tanh(one.c)), 3) == 0.678

# %% [markdown]
# Is that right? The next cell compares with slopes that need no backward pass: it moves one number a little.

# %%
def loss(h_0=0.5, c_0=0.5, x_1=1.0):
    s = forward(x_1, h_0, c_0)
    return s.h + forward(-1.0, s.h, s.c).h


def moved(name, value):
    """The slope of L without any backward pass: move one number a little up and down."""
    return (loss(**{name: value + 1e-6}) - loss(**{name: value - 1e-6})) / 2e-6


for name, value, by_arrows in (("h_0", 0.5, d_one.to_h_prev), ("c_0", 0.5, d_one.to_c_prev), ("x_1", 1.0, d_one.dx)):
    print(f"d{name}: by the arrows {by_arrows:.6f}, by moving {name} {moved(name, value):.6f}")

# %% tags=["proof"]
for name, by_arrows in dict(h_0=d_one.to_h_prev, c_0=d_one.to_c_prev, x_1=d_one.dx).items():
    assert np.isclose(by_arrows, moved(name, dict(h_0=0.5, c_0=0.5, x_1=1.0)[name]), rtol=1e-8)
unit = lstm.init(np.random.default_rng(0), D=1, H=1, dtype=np.float64)
for name, value in dict(W_xi=W_xi, U_i=U_i, b_i=b_i, W_xf=W_xf, U_f=U_f, b_f=b_f, W_xc=W_xc, U_c=U_c, b_c=b_c,
                        W_xo=W_xo, U_o=U_o, b_o=b_o).items():
    lstm.gates(unit)[name][:] = value
_, _, cache = lstm.forward(unit, np.array([[[1.0], [-1.0]]]), (np.array([[0.5]]), np.array([[0.5]])))
theirs, dx_unit, (dh_unit, dc_unit) = lstm.backward(cache, np.ones((1, 2, 1)))
for article, code in zip("ifco", "ifgo"):  # (B8), all twelve weights
    das = [getattr(d, f"da_{code}") for d in (d_one, d_two)]
    for name, partners in ((f"W_x{article}", (1, -1)), (f"U_{article}", (0.5, one.h)), (f"b_{article}", (1, 1))):
        assert np.isclose(lstm.gates(theirs)[name].item(), np.dot(das, partners), rtol=1e-12)
assert np.allclose(dx_unit.ravel(), [d_one.dx, d_two.dx]) and np.isclose(dh_unit.item(), d_one.to_h_prev)
assert np.isclose(dc_unit.item(), d_one.to_c_prev)

# %% [markdown]
# ## The picture
#
# Here is step 1, and the part of step 2 that sends gradients to it. Blue runs forward. Orange runs back, each arrow
# with its factor. Where many arrows meet, only the orange ones are drawn. x_1 is left out, and with it (B7). (The next
# cell only draws.)
#
# PREDICT: how many factors lie on the way back from c_1 to c_0? And how many from c_1 through i to h_0?

# %%
places = {"c_0": (0, 4.4), "h_0": (0, 0.65), "c_1": (13.2, 4.4), "h_1": (13.2, -1.3), "c_2": (18, 4.4),
          "a_2": (15.7, 1.0), "h_2": (18, 1.3), "L": (18, -1.3)}
boxes = {"c_0": (f"c_0 = {one.c_prev:.3f}", f"dc_0 = {d_one.to_c_prev:.3f}"),
         "h_0": (f"h_0 = {one.h_prev:.3f}", f"dh_0 = {d_one.to_h_prev:.3f}"),
         "c_1": (f"c_1 = {one.c:.3f}", f"dc_1 = {d_one.dc:.3f}"),
         "h_1": (f"h_1 = {one.h:.3f}", f"dh_1 = {d_one.dh:.3f}"),
         "c_2": (f"c_2 = {two.c:.3f}", f"dc_2 = {d_two.dc:.3f}"), "a_2": ("a of step 2", "four da"),
         "h_2": (f"h_2 = {two.h:.3f}", f"dh_2 = {d_two.dh:.3f}"), "L": (f"L = {one.h + two.h:.3f}", "")}
arrows = {("c_0", "c_1"): ("·f", f"·f = ·{one.f:.3f}"), ("c_1", "c_2"): ("·f_2", f"·f_2 = ·{two.f:.3f}"),
          ("c_1", "h_1"): ("", f"·o (1 - tanh²(c))\n = ·{one.o * (1 - np.tanh(one.c) ** 2):.3f}"),
          ("c_2", "h_2"): ("", f"·o_2 (1 - tanh²(c_2))\n = ·{two.o * (1 - np.tanh(two.c) ** 2):.3f}"),
          ("h_1", "a_2"): ("", f"Σ U da = {d_two.to_h_prev:.3f}", 0.55),
          ("h_1", "L"): ("·1", "·1"), ("h_2", "L"): ("·1", "·1")}
rows = (("i", one.a_i, one.i, d_one.da_i, "c̃", one.g), ("f", one.a_f, one.f, d_one.da_f, "c_0", one.c_prev),
        ("c̃", one.a_g, one.g, d_one.da_g, "i", one.i), ("o", one.a_o, one.o, d_one.da_o, "tanh(c)", np.tanh(one.c)))
for (name, a, value, da, partner, factor), y in zip(rows, (2.9, 1.8, -0.2, -1.3)):
    places |= {f"a_{name}": (4, y), name: (7.4, y)}
    gradient = factor * (d_one.dh if name == "o" else d_one.dc)
    letter = "g" if name == "c̃" else name
    boxes[f"a_{name}"] = f"a_{letter} = {a:.3f}", f"da_{letter} = {da:.3f}"
    boxes[name] = f"{name} = {value:.3f}", f"d{name} = {gradient:.3f}"
    arrows["h_0", f"a_{name}"] = None, f"·U_{name[0]}", 0.5
    arrows[f"a_{name}", name] = "tanh" if name == "c̃" else "σ", f"·{da / gradient:.3f}"
    arrows[name, "h_1" if name == "o" else "c_1"] = None, f"·{partner} = ·{factor:.3f}", 0.03 if name == "f" else 0.28
figure = Figure(figsize=(15, 6.2), layout="constrained")
ax = diagrams.graph(figure.subplots(), places, boxes, arrows, size=(1.9, 0.84), fontsize=12)
ax.text(13.2, 5.05, "two sources of dc_1", ha="center", fontsize=12)
ax.text(13.2, -2.0, "two sources of dh_1", ha="center", fontsize=12)
ax.text(0, -1.2, f"U_i = {U_i}\nU_f = {U_f}\nU_c = {U_c}\nU_o = {U_o}", ha="center", va="center", fontsize=12,
        color=diagrams.BACKWARD)
ax.text(15.6, 5.05, "step 2", ha="left", fontsize=12)
ax.text(5.7, 5.05, "step 1 (f, i, c̃, o, c without a number are those of step 1)", ha="center", fontsize=12)
ax.set(xlim=(-1.2, 19.2), ylim=(-2.3, 5.5))
save(figure, "13_the_lstms_backward_pass.png")

# %% [markdown]
# ![One step of the LSTM with its numbers, forward and backward](figures/13_the_lstms_backward_pass.png)
#
# One from c_1 to c_0: f = 0.900. And three through i: c̃, a slope and U_i, 0.501 · 0.187 · 0.2 = 0.019. The top line is
# the *cell line*: f, and nothing else, no U and no slope. All other paths back go through a U and a slope. Over two
# steps the cell line leaves 0.900 · 0.534 = 0.48. Tutorial 15 is about that line.
#
# (B1) to (B6) are all in the picture. (B2) arrives at c_1, (B1) at h_1. (B3) to (B6) are the
# four rows, read from right to left. For a_f that is 0.640 · 0.500 · 0.090 = 0.029. (di and df are both 0.320 by
# chance: here c̃ is nearly c_0.)
#
# The same network, one operation at a time, takes two minutes: `python -m minirnn watch`.
#
# ![An LSTM of one unit, forward and backward, one operation at a time](../.github/watch.gif)

# %% tags=["proof"]
assert round(one.f * two.f, 2) == 0.48 and round(one.g * one.i * (1 - one.i) * U_i, 3) == 0.019
assert [round(float(d_one.dc * partner), 3) for partner in (one.g, one.c_prev)] == [0.320, 0.320]
assert round(float(d_one.dc * one.c_prev * one.f * (1 - one.f)), 3) == 0.029 and round(one.f * (1 - one.f), 3) == 0.090

# %% [markdown]
# **To take away:** the LSTM of 1997 sent gradients back in time through the cell line alone. What came through U_i,
# U_f, U_c and U_o was cut off. (Within a step everything stays.) Which term of which equation has to go? What is dh_1
# in the example then, and what is dc_0?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The second source in (B1), U_i da_i + U_f da_f + U_c da_g + U_o da_o. Then dh_1 = 1, from outside alone. And dc_1 =
# 0.338 + 1 · 0.270 = 0.608, so dc_0 = 0.608 · 0.900 = 0.547, where the whole gradient has 0.576. minirnn computes all
# of it.

# %%
cut = backward(one, dh=1, dc_future=d_two.to_c_prev)
print(f"cut: dc_1 {cut.dc:.3f}, dc_0 {cut.to_c_prev:.3f}; whole: dc_0 {d_one.to_c_prev:.3f}")

# %% tags=["proof"]
assert round(float(cut.dc), 3) == 0.608 and round(float(cut.to_c_prev), 3) == 0.547
assert round(float(d_one.to_c_prev), 3) == 0.576
