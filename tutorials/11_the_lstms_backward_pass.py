# %% [markdown]
# # 11. The LSTM's backward pass: eight equations, an arrow each
#
# *Beside the article: §3, step 3, the backward pass of §4, equations 2 and 3.*
#
# Tutorial 2 went backward through an RNN of one unit. The LSTM goes the same way, with more arrows. One rule holds
# for all of them. *An arrow carries the gradient back, times the slope of what it did forward. Where several arrows
# arrive, add.*
#
# The eight equations get the numbers (B1) to (B8), as in `layers/lstm.py`. (The RNN's equations had numbers of their
# own. These are others.)
#
# The unit is that of tutorial 10, for two steps: x_1 = 1, x_2 = -1, from h_0 = c_0 = 0.5. The loss is L = h_1 + h_2.
# As before, dX stands for dL/dX. a_i is the argument of the σ of i, and likewise a_f and a_o. The code writes g for
# c̃, so a_g is the argument of its tanh.
#
# ## Forward: six equations, and four arguments

# %%
from types import SimpleNamespace

import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import diagrams, gradcheck, lstm
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

# %% [markdown]
# ## One step backward, arrow by arrow
#
# Suppose that dh_t is known. The slopes that we need are σ' = s (1 - s) and tanh' = 1 - s², each with its own output
# s.
#
# **h_t = o_t tanh(c_t)** has two arrows in, from o_t and from c_t. The gradient runs back along both. o_t gets dh_t
# times tanh(c_t). c_t gets dh_t times o_t (1 - tanh²(c_t)).
#
# But c_t is used twice: by h_t, and by the next step, in c_{t+1} = f_{t+1} c_t + ... The arrow to c_{t+1} brings back
# dc_{t+1} f_{t+1}. The code calls this product dc_future. So dc_t has two sources:
#
#     (B2)  dc_t = dc_future + dh_t · o_t (1 - tanh²(c_t))
#
# **c_t = f_t c_{t-1} + i_t c̃_t** has four arrows in. Each factor gets dc_t times its partner: i_t gets dc_t c̃_t,
# c̃_t gets dc_t i_t, f_t gets dc_t c_{t-1}, and c_{t-1} gets dc_t f_t. The last one is the dc_future of the step
# before.
#
# **The three gates and the candidate** pass it on to their arguments, times σ' or tanh':
#
#     (B3)  da_i = dc_t · c̃_t · i_t (1 - i_t)
#     (B4)  da_f = dc_t · c_{t-1} · f_t (1 - f_t)
#     (B5)  da_g = dc_t · i_t · (1 - c̃_t²)
#     (B6)  da_o = dh_t · tanh(c_t) · o_t (1 - o_t)
#
# **The arguments** are sums such as a_i = W_xi x_t + U_i h_{t-1} + b_i. So h_t goes into the four arguments of step
# t+1, with the factors U_i, U_f, U_c, U_o. Their four da come back to it. The other source of dh_t is outside, the
# loss at step t:
#
#     (B1)  dh_t = from outside + U_i da_i + U_f da_f + U_c da_g + U_o da_o    (these da are those of step t+1)
#
# x_t goes into the four arguments of its own step, with the factors W_xi, W_xf, W_xc and W_xo:
#
#     (B7)  dx_t = W_xi da_i + W_xf da_f + W_xc da_g + W_xo da_o
#
# PREDICT: dh_2 = 1, since nothing comes after step 2. Will dh_1 be larger or smaller than 1? dc_1 has two sources, by
# h_1 and by f_2. Compute on paper, or guess: which one brings back more?

# %%
def backward(s, dh, dc_future):
    """One step: the gradients of its arguments, and what it sends to the step before, as h and as c."""
    dc = dc_future + dh * s.o * (1 - np.tanh(s.c) ** 2)  # (B2)
    da_i = dc * s.g * s.i * (1 - s.i)  # (B3)
    da_f = dc * s.c_prev * s.f * (1 - s.f)  # (B4)
    da_g = dc * s.i * (1 - s.g**2)  # (B5)
    da_o = dh * np.tanh(s.c) * s.o * (1 - s.o)  # (B6)
    to_h_prev = U_i * da_i + U_f * da_f + U_c * da_g + U_o * da_o  # (B1), for the step before
    to_c_prev = dc * s.f  # (B2), dc_future of the step before
    return SimpleNamespace(**locals())


d_two = backward(two, dh=1, dc_future=0)  # after step 2 comes nothing
d_one = backward(one, dh=1 + d_two.to_h_prev, dc_future=d_two.to_c_prev)
for name, d in (("step 2", d_two), ("step 1", d_one)):
    print(f"{name}: dh {d.dh:.3f}  dc {d.dc:.3f}  da_i {d.da_i:.3f}  da_f {d.da_f:.3f}  da_g {d.da_g:.3f}  "
          f"da_o {d.da_o:.3f}  to h before {d.to_h_prev:.3f}  to c before {d.to_c_prev:.3f}")
print(f"dc_1 by f_2: {d_two.to_c_prev:.3f}, by h_1: {d_one.dc - d_two.to_c_prev:.3f}")

# %% [markdown]
# On paper, step 2 and then what reaches step 1:
#
#     dh_2 = 1            dc_2 = 1 · 0.698 · (1 - 0.308²) = 0.632
#     da_i = 0.632 · -0.435 · 0.282 · 0.718 = -0.056          da_f = 0.632 · 0.826 · 0.534 · 0.466 = 0.130
#     da_g = 0.632 · 0.282 · (1 - 0.435²)   =  0.145          da_o = 1 · 0.308 · 0.698 · 0.302     = 0.065
#     dh_1 = 1 + 0.2 · -0.056 + 0.4 · 0.130 + 0.1 · 0.145 + 1 · 0.065 = 1.120
#     dc_1 = 0.632 · 0.534 + 1.120 · 0.5 · (1 - 0.678²) = 0.338 + 0.303 = 0.640
#
# The code keeps all digits. With these rounded ones the last digit may differ by one.

# %% tags=["proof"]
paper = {(2, "dh"): 1, (2, "dc"): 0.632, (2, "da_i"): -0.056, (2, "da_f"): 0.130, (2, "da_g"): 0.145,
         (2, "da_o"): 0.065, (2, "to_c_prev"): 0.338, (1, "dh"): 1.120, (1, "dc"): 0.640}
for (step, name), value in paper.items():
    assert round(float(getattr({1: d_one, 2: d_two}[step], name)), 3) == value, (step, name)
assert round(float(d_one.dc - d_two.to_c_prev), 3) == 0.303 and round(float(np.tanh(two.c)), 3) == 0.308


def loss_from(h_0=0.5, c_0=0.5, x_1=1.0):
    s = forward(x_1, h_0, c_0)
    return s.h + forward(-1.0, s.h, s.c).h


slope = lambda **move: (loss_from(**{k: v + 1e-6 for k, v in move.items()})
                        - loss_from(**{k: v - 1e-6 for k, v in move.items()})) / 2e-6
assert np.isclose(slope(h_0=0.5), d_one.to_h_prev) and np.isclose(slope(c_0=0.5), d_one.to_c_prev)
assert np.isclose(slope(x_1=1.0), W_xi * d_one.da_i + W_xf * d_one.da_f + W_xc * d_one.da_g + W_xo * d_one.da_o)

# %% [markdown]
# ## The picture
#
# Here is step 1, with what it meets of step 2, in the style of tutorial 2. Blue runs forward and orange runs back,
# each orange arrow with its factor. Where many arrows meet, only the orange ones are drawn. x_1 is left out. It is
# used like h_0, with W_xi, W_xf, W_xc, W_xo in place of U_i, U_f, U_c, U_o.

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
for (name, a, value, da, partner, factor), y in zip(rows, (2.9, 1.75, -0.05, -1.3)):
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
ax.text(15.6, 5.05, "the next step", ha="left", fontsize=12)
ax.set(xlim=(-1.2, 19.2), ylim=(-2.3, 5.5))
save(figure, "11_the_lstms_backward_pass.png")

# %% [markdown]
# ![One step of the LSTM with its numbers, forward and backward](figures/11_the_lstms_backward_pass.png)
#
# Each equation is an arrow, or the sum where arrows meet. (B2) is the upper right corner, (B1) the lower right one.
# (B3) to (B6) are the four rows, read from right to left. For a_f that is 0.640 · 0.500 · 0.090 = 0.029.
#
# Now look at the top line. From c_1 to c_0 there is one factor, f, and nothing else: no U, no tanh'. All other ways
# back go through a U and a slope. Tutorial 13 is about that line.
#
# The same network, one operation at a time: `python -m minirnn watch`. With `--steps 3` a third step follows.
#
# ![An LSTM of one unit, forward and backward, one operation at a time](../.github/watch.gif)

# %% tags=["proof"]
assert round(float(d_one.dc * one.c_prev * one.f * (1 - one.f)), 3) == 0.029 and round(one.f * (1 - one.f), 3) == 0.090

# %% [markdown]
# ## Matrices
#
# With H units, h, c and the gates are vectors, and the products in (B2) to (B6) are entry by entry, ⊙. The four
# arguments stand one under the other, in a_t = W_x x_t + U_h h_{t-1} + b. So da_t = [da_i; da_f; da_g; da_o] has 4H
# entries. Each entry of h_{t-1} went into all 4H arguments. So its gradient adds up down a column of U_h. That is the
# transpose, as in tutorial 2:
#
#     (B1)  dh_t = from outside + U_hᵀ da_{t+1}
#     (B7)  dx_t = W_xᵀ da_t
#     (B8)  dW_x = Σ_t da_t x_tᵀ,   dU_h = Σ_t da_t h_{t-1}ᵀ,   db = Σ_t da_t
#
# (B8) is the sum over the steps, as in tutorial 2: a weight is used at every step.
#
# The loop also returns what step 1 sends back to h_0 and c_0: the gradient of the initial state.

# %%
def backward_in_matrices(params, x, dh_outside, h_0, c_0):
    """For one series: x (T, D), dh_outside (T, H). Forward by the six equations, then (B1) to (B8)."""
    W_x, U_h, b = params["W_x"], params["U_h"], params["b"]
    h_prev, c_prev, kept = h_0, c_0, []
    for x_t in x:
        a_i, a_f, a_g, a_o = np.split(W_x @ x_t + U_h @ h_prev + b, 4)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
        c = f * c_prev + i * g
        kept.append((x_t, h_prev, c_prev, i, f, g, o, c))
        h_prev, c_prev = o * np.tanh(c), c

    dW_x, dU_h, db, dx = np.zeros_like(W_x), np.zeros_like(U_h), np.zeros_like(b), np.zeros_like(x)
    dh_future, dc_future = np.zeros_like(h_0), np.zeros_like(c_0)
    for t in reversed(range(len(x))):
        x_t, h_prev, c_prev, i, f, g, o, c = kept[t]
        dh = dh_outside[t] + dh_future  # (B1)
        dc = dc_future + dh * o * (1 - np.tanh(c) ** 2)  # (B2)
        da_i = dc * g * i * (1 - i)  # (B3)
        da_f = dc * c_prev * f * (1 - f)  # (B4)
        da_g = dc * i * (1 - g**2)  # (B5)
        da_o = dh * np.tanh(c) * o * (1 - o)  # (B6)
        da = np.concatenate([da_i, da_f, da_g, da_o])
        dx[t] = W_x.T @ da  # (B7)
        dW_x += np.outer(da, x_t)  # (B8)
        dU_h += np.outer(da, h_prev)  # (B8)
        db += da  # (B8)
        dh_future = U_h.T @ da  # for (B1) of the step before
        dc_future = dc * f  # for (B2) of the step before
    return {"W_x": dW_x, "U_h": dU_h, "b": db}, dx, (dh_future, dc_future)


rng = np.random.default_rng(0)
T, D, H = 6, 2, 4
params = {name: rng.normal(size=p.shape) for name, p in lstm.init(rng, D, H).items()}
x, dh_outside = rng.normal(size=(T, D)), rng.normal(size=(T, H))
h_0, c_0 = rng.normal(size=H), rng.normal(size=H)
grads, dx, (dh_0, dc_0) = backward_in_matrices(params, x, dh_outside, h_0, c_0)

_, _, cache = lstm.forward(params, x[None], (h_0[None], c_0[None]))
theirs, dx_theirs, (dh_0_theirs, dc_0_theirs) = lstm.backward(cache, dh_outside[None])
gaps = {name: abs(grads[name] - theirs[name]).max() for name in grads}
gaps |= {"x": abs(dx - dx_theirs).max(), "h_0": abs(dh_0 - dh_0_theirs).max(), "c_0": abs(dc_0 - dc_0_theirs).max()}
for name, gap in gaps.items():
    print(f"{name:<4} largest difference from lstm.backward {gap:.0e}")

# %% [markdown]
# `layers/lstm.py` has the same lines, for B series at once. The two agree, but both come from the same derivation. So
# ask a witness that does not use it: the complex step of tutorial 3. It moves every weight, every input and every
# entry of the initial state.
#
# PREDICT: how many derivatives is that for D = 2 inputs, H = 4 units and T = 6 steps?

# %%
report = gradcheck.check(lstm, params, x[None], (h_0[None], c_0[None]), rng=rng, method="complex")
print(report)

# %% [markdown]
# 4H (D + H + 1) = 112 weights, 12 inputs and 8 states: 132 derivatives, and all are right to 12 digits or more.

# %% tags=["proof"]
assert max(gaps.values()) < 1e-13 and report.ok
assert sum(np.prod(row.shape) for row in report.rows) == 132 and sum(p.size for p in params.values()) == 112
unit = lstm.init(rng, D=1, H=1, dtype=np.float64)
for name, value in dict(W_xi=W_xi, U_i=U_i, b_i=b_i, W_xf=W_xf, U_f=U_f, b_f=b_f, W_xc=W_xc, U_c=U_c, b_c=b_c,
                        W_xo=W_xo, U_o=U_o, b_o=b_o).items():
    lstm.gates(unit)[name][:] = value
half = np.array([[0.5]])
_, _, cache = lstm.forward(unit, np.array([[[1.0], [-1.0]]]), (half, half))
_, dx_unit, (dh_unit, dc_unit) = lstm.backward(cache, np.ones((1, 2, 1)))
assert np.isclose(dh_unit.item(), d_one.to_h_prev) and np.isclose(dc_unit.item(), d_one.to_c_prev)

# %% [markdown]
# **To take away:** the LSTM of 1997 sent gradients back in time through the cell line alone. What came through U_h
# was cut off. (Within a step everything stays.) Which term of which equation has to go? What is dh_1 in the example
# then, and what is dc_0?

# %% [markdown] tags=["answer"]
# ## Answer
#
# The second source in (B1), U_hᵀ da_{t+1}. Then dh_1 = 1, from outside alone. dc_1 = 0.338 + 1 · 0.270 = 0.608, and
# dc_0 = 0.608 · 0.900 = 0.547, where the whole gradient has 0.576. The learning step is cheaper, and no longer exact.
# minirnn computes all of it.

# %% tags=["proof"]
cut = backward(one, dh=1, dc_future=d_two.to_c_prev)
assert round(float(cut.dc), 3) == 0.608 and round(float(cut.to_c_prev), 3) == 0.547
assert round(float(d_one.to_c_prev), 3) == 0.576
