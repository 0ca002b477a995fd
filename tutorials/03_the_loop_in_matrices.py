# %% [markdown]
# # 3. The loop in matrices: many units, many series
#
# *Beside the article: §3, steps 1 to 3, and the backward pass of §4, equation 1.*
#
# Tutorials 1 and 2 had one unit and one series. Now a network has H units, and reads D numbers at each step. What
# becomes of the two loops? Equation 1 stays as it is:
#
#     (1)  h_t = φ(W_ih x_t + U_h h_{t-1} + b_h)        x_t (D),  h_t and b_h (H),  W_ih (H, D),  U_h (H, H)
#
# Only the products are now those of a matrix and a vector. The shape of each stands in brackets after its name.
#
# ## The smallest numbers: forward along a row, backward down a column
#
# Take two units, p and q. Let the rows of U_h be (1, 2) and (3, 4). Forward, each unit adds up along a *row* (...
# stands for the input and the bias):
#
#     a of p  =  1 · (h of p) + 2 · (h of q) + ...
#     a of q  =  3 · (h of p) + 4 · (h of q) + ...
#
# Backward, ask where h of p went: into a of p with the weight 1, and into a of q with the weight 3. So its gradient
# adds up down a *column*. Let da = (1, 10):
#
#     dh of p  =  1 · 1 + 3 · 10  =  31
#     dh of q  =  2 · 1 + 4 · 10  =  42
#
# This is U_hᵀ da, the product with the transpose. For the same reason dx is W_ihᵀ da.
#
# PREDICT: somebody forgets the transpose and writes U_h da. What does NumPy say?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import diagrams, gradcheck, rnn

U, h_before, da = np.array([[1, 2], [3, 4]]), np.array([5, 6]), np.array([1, 10])
print("U_h h  ", U @ h_before)
print("U_hᵀ da", U.T @ da)
print("U_h da ", U @ da)

# %% [markdown]
# Nothing. U_h is square, so the wrong product has the right shape, and other numbers. Here are the right ones, with
# (5, 6) as the state before:

# %%
places = {"h_p": (0, 2.6), "h_q": (0, 0), "a_p": (6, 2.6), "a_q": (6, 0)}
boxes, arrows = {}, {}
for row, to in enumerate("pq"):
    boxes[f"a_{to}"] = f"a of {to} = {(U @ h_before)[row]} + ...", f"da of {to} = {da[row]}"
    boxes[f"h_{to}"] = f"h of {to} = {h_before[row]}", f"dh of {to} = {(U.T @ da)[row]}"
    for column, start in enumerate("pq"):
        arrows[f"h_{start}", f"a_{to}"] = f"·{U[row, column]}", f"·{U[row, column]}", 0.5 if start == to else 0.2
figure = Figure(figsize=(9, 3.6), layout="constrained")
ax = diagrams.graph(figure.subplots(), places, boxes, arrows, size=(2, 0.9), fontsize=14)
ax.text(6, 3.35, "adds along a row of U$_h$", ha="center", fontsize=13, color=diagrams.FORWARD)
ax.text(0, 3.35, "adds down a column of U$_h$", ha="center", fontsize=13, color=diagrams.BACKWARD)
ax.set(xlim=(-2, 8), ylim=(-0.7, 3.7))
save(figure, "03_the_loop_in_matrices.png")

# %% tags=["proof"]
assert (U.T @ da).tolist() == [31, 42] and (U @ da).tolist() == [21, 43] and (U @ h_before).tolist() == [17, 39]

# %% [markdown]
# ![Two units: each arrow has one weight, used forward and backward](figures/03_the_loop_in_matrices.png)
#
# Each arrow has one weight, and uses it in both directions. Where arrows meet, add: blue ones at a, orange ones at h.
#
# ## Forward
#
# This is the loop of tutorial 1 with vectors. `@` is the product of a matrix and a vector. `rnn.forward` is this loop,
# but it reads many series at once. Several series that are read together are called a *batch*. Let B be their number,
# and let each have T steps of D numbers.
#
# PREDICT: 4 series of 7 steps, 2 numbers a step, 5 units. What is the shape of x, and that of all states h? And how
# many weights and biases does the network have?

# %%
def forward(params, x):
    """Equation 1 for one series x (T, D): h_0 and the states after it, (T + 1, H)."""
    W_ih, U_h, b_h = params["W_ih"], params["U_h"], params["b_h"]
    h = [np.zeros(len(b_h))]
    for x_t in x:
        h.append(np.tanh(W_ih @ x_t + U_h @ h[-1] + b_h))  # equation 1
    return np.array(h)


rng = np.random.default_rng(0)
B, T, D, H = 4, 7, 2, 5
params = rnn.init(rng, D, H, dtype=np.float64)  # random weights: {"W_ih": ..., "U_h": ..., "b_h": ...}
x = rng.normal(size=(B, T, D))
h, h_last, cache = rnn.forward(params, x)
print("x", x.shape, "h", h.shape, "last states", h_last.shape)
print({name: p.shape for name, p in params.items()}, "numbers in all:", sum(p.size for p in params.values()))
gap = max(abs(h[k] - forward(params, x[k])[1:]).max() for k in range(B))
print(f"largest difference from our loop: {gap:.0e}")

# %% [markdown]
# x is (4, 7, 2) and h is (4, 7, 5): `rnn.forward` leaves h_0 out. There are 10 + 25 + 5 = 40 numbers, for any number of
# steps and series. The third thing that `rnn.forward` returns is its *cache*: what `rnn.backward` needs to know of the
# forward pass.

# %% tags=["proof"]
assert all(np.allclose(h[k], forward(params, x[k])[1:], rtol=0, atol=1e-14) for k in range(B))
assert h.shape == (B, T, H) and (h_last == h[:, -1]).all() and sum(p.size for p in params.values()) == 40

# %% [markdown]
# ## Backward
#
# This is the loop of tutorial 2, for one series. A weight's gradient was da_t times what the weight was multiplied by.
# Now U_h[k, j] multiplies h[j] of the step before and goes into a[k]. So its gradient is da[k] h[j]. All of these
# together are the matrix da_t h_{t-1}ᵀ, and `np.outer` makes it.
#
# (B1) to (B7) are the numbers of the equations in `layers/rnn.py`. Python counts steps from 0. So x[t] is the input of
# a step, h[t] the state before it, and h[t + 1] the state after it.

# %%
def backward(params, x, h, dh_outside):
    """One series: x (T, D), h (T + 1, H) with h_0 in front, dh_outside (T, H): dL/dh_t as far as L reads h_t itself."""
    W_ih, U_h = params["W_ih"], params["U_h"]
    dW_ih, dU_h, db_h = np.zeros_like(W_ih), np.zeros_like(U_h), np.zeros_like(params["b_h"])
    dx, from_future = np.zeros_like(x), np.zeros(len(U_h))
    for t in reversed(range(len(x))):
        dh_t = dh_outside[t] + from_future  # (B1) two sources
        da_t = dh_t * (1 - h[t + 1] ** 2)  # (B2)
        dW_ih += np.outer(da_t, x[t])  # (B3) the sums over t
        dU_h += np.outer(da_t, h[t])  # (B4)
        db_h += da_t  # (B5)
        dx[t] = W_ih.T @ da_t  # (B6)
        from_future = U_h.T @ da_t  # (B1) of step t-1; after the last turn it is dh_0, (B7)
    return {"W_ih": dW_ih, "U_h": dU_h, "b_h": db_h}, dx, from_future


one_unit = {"W_ih": np.array([[0.5]]), "U_h": np.array([[0.8]]), "b_h": np.zeros(1)}
x_unit = np.array([[1.0], [1.0], [-2.0]])
grads, _, _ = backward(one_unit, x_unit, forward(one_unit, x_unit), np.ones((3, 1)))
print("tutorial 2:", {name: round(g.item(), 3) for name, g in grads.items()})

dh_outside = rng.normal(size=(B, T, H))
theirs, dx_theirs, dh_0_theirs = rnn.backward(cache, dh_outside)
ours = [backward(params, x[k], forward(params, x[k]), dh_outside[k]) for k in range(B)]

# %% [markdown]
# With one unit these are the numbers of tutorial 2.
#
# `ours` has the gradients of each of the four series. `theirs` comes from one call for the whole batch.
#
# PREDICT: dx of the batch has a part for each series. Does dU_h have one, too?

# %%
print("dx", dx_theirs.shape, "dh_0", dh_0_theirs.shape, "dU_h", theirs["U_h"].shape)

# %% [markdown]
# It has none. All series use the same weights. So it is as with the steps: used many times, so add. dU_h is the sum of
# our four, and so are dW_ih and db_h. An input or an initial state belongs to one series, and nothing is added.

# %%
gaps = {name: abs(sum(grads[name] for grads, _, _ in ours) - theirs[name]).max() for name in theirs}
gaps["dx"] = max(abs(dx - dx_theirs[k]).max() for k, (_, dx, _) in enumerate(ours))
gaps["dh_0"] = max(abs(dh_0 - dh_0_theirs[k]).max() for k, (_, _, dh_0) in enumerate(ours))
print(f"largest difference from rnn.backward: {max(gaps.values()):.0e}")

# %% [markdown]
# Our loop and `rnn.backward` agree. This does not prove that they are right: both could have the same mistake. A better
# witness is a derivative that is taken without any backward pass. What the next line does is the subject of tutorial 4.

# %%
report = gradcheck.check(rnn, params, x, rng=rng, method="complex")
print(f"rnn.backward against derivatives taken without it: largest error {report.max_error:.0e} of their size")

# %% tags=["proof"]
assert [round(grads[name].item(), 3) for name in ("U_h", "W_ih", "b_h")] == [0.972, 0.505, 2.994]
assert max(gaps.values()) < 1e-13 and report.ok and theirs["U_h"].shape == (H, H)

# %% [markdown]
# **To take away:** somebody writes (B6) without the transpose, `dx[t] = W_ih @ da_t`. When does NumPy notice it, and
# when not? And which line would stay right with any mistake in (B6)?

# %% [markdown] tags=["answer"]
# ## Answer
#
# W_ih is (H, D), so `W_ih @ da_t` needs D = H. With D = 2 and H = 5 it is an error. With D = H it runs, and dx is
# wrong. So test with sizes that all differ. Then a wrong axis is an error more often. For U_h it cannot help: that
# matrix is always square.
#
# All other lines stay right. dx is sent to a layer before this one, and this loop does not read it again. A mistake in
# the last line, U_hᵀ da_t, makes everything wrong but dx of the last step.

# %% tags=["proof"]
try:
    params["W_ih"] @ dh_outside[0, 0]
except ValueError:
    pass
else:
    raise AssertionError("(5, 2) times (5) should not fit")
