# %% [markdown]
# # 12. The LSTM cell: write, keep, show
#
# *Beside the article: §3, the three gates; §4, equations 2, 3 and 4.*
#
# The RNN makes its whole state new at every step. An LSTM (long short-term memory) has a second state, the *cell*
# c_t. It can leave the cell nearly unchanged. Here are its six equations. The article prints two of them. (Its
# equation 4 is another one: see below.)
#
#     i_t = σ(W_xi x_t + U_i h_{t-1} + b_i)        input gate: may new information enter?
#     f_t = σ(W_xf x_t + U_f h_{t-1} + b_f)        forget gate: is the old cell kept?
#     c̃_t = tanh(W_xc x_t + U_c h_{t-1} + b_c)     candidate: what could be written                   equation 3
#     o_t = σ(W_xo x_t + U_o h_{t-1} + b_o)        output gate: is the cell shown?
#     c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t              cell: what is kept, and what is written            equation 2
#     h_t = o_t ⊙ tanh(c_t)                        hidden state (like the h of the RNN): what is shown
#
# ⊙ multiplies entry by entry. A *gate* is a number between 0 and 1 that multiplies. Each unit has three gates and a
# candidate. The candidate is no gate: it is the new content, between -1 and 1.
#
# Two names mislead. A forget gate of 1 forgets nothing. And the i of W_xi is the input gate, while the i of equation
# 1, in W_ih, is "input".
#
# Hochreiter and Schmidhuber (1997) had no forget gate. That is the same as f_t = 1. The forget gate came with
# Gers, Schmidhuber and Cummins (2000).
#
# In the picture f_t comes first, since it is the first to act on the cell. Everywhere else the order is that of the
# equations.
#
# ![One step of the LSTM in the article's symbols](figures/12_the_lstm_cell.png)

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import diagrams, linear, lstm
from minirnn.activations import sigmoid

figure = Figure(figsize=(10, 5.2), layout="constrained")
diagrams.lstm_cell(figure.subplots())
save(figure, "12_the_lstm_cell.png")

# %% [markdown]
# ## The smallest numbers
#
# One unit, one input: x_t = 1, h_{t-1} = 0.5, c_{t-1} = 0.5. The weights below make the arguments 1.1, 2.2, 0.55 and
# 0. On paper:
#
#     i = σ(1.1) = 0.750        f = σ(2.2) = 0.900        c̃ = tanh(0.55) = 0.501        o = σ(0) = 0.500
#     c_t = 0.900 · 0.5 + 0.750 · 0.501 = 0.826
#
# PREDICT: h_t?

# %%
W_xi, U_i, b_i = 1.0, 0.2, 0.0
W_xf, U_f, b_f = 1.0, 0.4, 1.0
W_xc, U_c, b_c = 0.5, 0.1, 0.0
W_xo, U_o, b_o = -0.5, 1.0, 0.0


def step(x, h_prev, c_prev):
    """One step of an LSTM of one unit: the six equations, in six lines."""
    i = sigmoid(W_xi * x + U_i * h_prev + b_i)
    f = sigmoid(W_xf * x + U_f * h_prev + b_f)
    g = np.tanh(W_xc * x + U_c * h_prev + b_c)  # the candidate c̃; the code calls it g
    o = sigmoid(W_xo * x + U_o * h_prev + b_o)
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return i, f, g, o, c, h


i, f, g, o, c, h = step(1.0, 0.5, 0.5)
print(f"i {i:.3f}  f {f:.3f}  c̃ {g:.3f}  o {o:.3f}  c {c:.3f}  h {h:.3f}")

# %% [markdown]
# h_t = 0.5 · tanh(0.826) = 0.339. The output gate shows half of tanh(c_t).

# %% tags=["proof"]
assert np.round([i, f, g, o, c, h], 3).tolist() == [0.75, 0.9, 0.501, 0.5, 0.826, 0.339]

# %% [markdown]
# ## What gates can do
#
# Set the gates by hand, to 0 or 1, and look at equation 2 alone. The cell starts at 0.8. Three steps have the
# candidates 0.1, 0.2 and -0.3.
#
# PREDICT: what is in the cell after the three steps? Say it for each of the four pairs of i and f.

# %%
for i, f in ((0, 1), (1, 0), (0, 0), (1, 1)):
    c, cells = 0.8, []
    for c_new in (0.1, 0.2, -0.3):
        c = f * c + i * c_new
        cells.append(round(c, 2))
    print(f"i = {i}, f = {f}: the cell is", cells)

# %% [markdown]
# i = 0 and f = 1 keep. i = 1 and f = 0 replace. Two zeros clear. With two ones the cell adds up. An RNN has no such
# switch: it sends its whole state through U_h and tanh at every step. And the gates are computed, from x_t and
# h_{t-1}. So the *network* decides what to keep, at every step and for every unit.

# %% tags=["proof"]
assert cells == [0.9, 1.1, 0.8]

# %% [markdown]
# ## What equation 4 really is
#
# The article prints o_t = σ(W_oh h_t + b_o). Try to read it as the output gate. Then h_t = o_t tanh(c_t) needs o_t
# first, and this o_t needs h_t first. Put together they are one equation with h on both sides: h = σ(w h + b)
# tanh(c). For a large c, tanh(c) is nearly 1. So take h = σ(w h + b).
#
# PREDICT: how many h solve h = σ(h)? And how many solve h = σ(8h - 4)?

# %%
candidates = np.linspace(0, 1, 100_000)
solutions = {}
for w, b in ((1, 0), (8, -4)):
    gap = sigmoid(w * candidates + b) - candidates  # it changes its sign where there is a solution
    solutions[w] = [candidates[k] for k in range(1, len(gap)) if gap[k - 1] * gap[k] < 0]
    print(f"h = σ({w}h {b:+}): h =", np.round(solutions[w], 3))

# %% [markdown]
# One, and three. Where there are three, the equation does not say which h is meant. Where there is one, it does not say
# how to compute it. A forward pass needs the output gate before h_t. So the gate cannot read h_t.
#
# What is printed makes sense as a read-out: it computes an output from h_t, after h_t is known. It fits the words
# beside it, by which o_t is "the output". In minirnn it is `linear` with a σ. So o and b_o name two things in the
# article, the gate of §3 and the read-out of §4. Here they are two layers.

# %% tags=["proof"]
assert np.round(solutions[8], 3).tolist() == [0.021, 0.5, 0.979] and np.round(solutions[1], 3).tolist() == [0.659]
rng = np.random.default_rng(0)
read_out, states = linear.init(rng, 3, 2, dtype=np.float64), rng.normal(size=(4, 3))
y, _ = linear.forward(read_out, states, activation="sigmoid")
assert np.allclose(y, [sigmoid(read_out["W"] @ h_t + read_out["b"]) for h_t in states], rtol=0, atol=1e-15)

# %% [markdown]
# ## Matrices
#
# With H units and D inputs, W_xi is (H, D), U_i is (H, H), and so for f, c̃ and o. `lstm.init` keeps the four one
# under the other, in the order of the equations: i, f, c̃, o. So W_x is (4H, D), U_h is (4H, H) and b is (4H,).
# `lstm.gates` gives the parts their names. They are views: writing to one changes the whole. The step stays as it is,
# with @ for the products.

# %%
def loop(params, x):
    """The six equations for one series x (T, D): the states h (T, H)."""
    p = lstm.gates(params)
    h = c = np.zeros(len(p["b_i"]))
    hs = []
    for x_t in x:
        i = sigmoid(p["W_xi"] @ x_t + p["U_i"] @ h + p["b_i"])
        f = sigmoid(p["W_xf"] @ x_t + p["U_f"] @ h + p["b_f"])
        g = np.tanh(p["W_xc"] @ x_t + p["U_c"] @ h + p["b_c"])
        o = sigmoid(p["W_xo"] @ x_t + p["U_o"] @ h + p["b_o"])
        c = f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
    return np.array(hs)


rng = np.random.default_rng(0)
params, x = lstm.init(rng, D=2, H=5, dtype=np.float64), rng.normal(size=(3, 7, 2))
h, (h_T, c_T), _ = lstm.forward(params, x)
print({name: p.shape for name, p in params.items()}, "h", h.shape, "last h and c", h_T.shape, c_T.shape)
gaps = [abs(h[series] - loop(params, x[series])).max() for series in range(3)]
print("largest difference from our loop:", max(gaps))

# %% [markdown]
# `lstm.forward` is this loop, for B series at once. Its state is a pair, (h, c).

# %% tags=["proof"]
assert max(gaps) < 1e-15
one = lstm.init(rng, D=1, H=1, dtype=np.float64)
for name, value in dict(W_xi=W_xi, U_i=U_i, b_i=b_i, W_xf=W_xf, U_f=U_f, b_f=b_f, W_xc=W_xc, U_c=U_c, b_c=b_c,
                        W_xo=W_xo, U_o=U_o, b_o=b_o).items():
    lstm.gates(one)[name][:] = value
_, (h_t, c_t), _ = lstm.forward(one, np.ones((1, 1, 1)), (np.array([[0.5]]), np.array([[0.5]])))
assert round(h_t.item(), 3) == 0.339 and round(c_t.item(), 3) == 0.826

# %% [markdown]
# **To take away:** `lstm.init` sets b_f = 1 and all other biases to 0. With x = 0 and h = 0, what part of the cell is
# left after one step, after 10? And with b_f = 5?

# %% [markdown] tags=["answer"]
# ## Answer
#
# f = σ(1) = 0.731 is left after one step, 0.731¹⁰ = 0.044 after 10. With b_f = 5 it is 0.993 and 0.935. So b_f says
# how long the cell remembers before it has learned anything. Tutorial 15 asks what that does to the gradient.

# %% tags=["proof"]
assert round(sigmoid(1.0), 3) == 0.731 and round(sigmoid(1.0) ** 10, 3) == 0.044
assert round(sigmoid(5.0), 3) == 0.993 and round(sigmoid(5.0) ** 10, 3) == 0.935
