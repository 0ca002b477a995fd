# %% [markdown]
# # 14. The LSTM's backward pass in matrices: what is transposed, what is summed
#
# *Beside the article: §3, step 3, the backward pass of §4, equations 2 and 3.*
#
# Tutorial 13 derived (B1) to (B7) for one unit. A real LSTM has H units, and reads B series at once. Then the equations
# are products of matrices. Where does a transpose come in, and over what does one sum? Nothing new has to be derived.
# Take one entry of a matrix, and follow its arrows. The weights come last: (B8).
#
# ## Forward, entry by entry
#
# As in `layers/lstm.py`, each series is a column. The states h and c are (H, B), x_t is (D, B). The four arguments
# stand one under the other, in blocks of H rows:
#
#     a_t = [a_i; a_f; a_g; a_o] = W_x x_t + U_h h_{t-1} + b        a_t (4H, B),  W_x (4H, D),  U_h (4H, H),  b (4H)
#
# So one entry of a_t is a sum along a row of U_h. Here k is one of the 4H rows, j a unit, and n a series:
#
#     a[k, n] = Σ_j U[k, j] h[j, n] + ...
#
# Everything after a_t goes entry by entry, ⊙: a unit of a series meets itself only. So (B2) to (B6) stay as they were.
# All their arrays are (H, B). The four da stand one under the other, too: da_t is (4H, B). Three equations are left.
#
# ## (B1) and (B7): to h and to x
#
# Ask where the entry h[j, n] went. It is used in a[k, n] for all 4H rows k, each time with the factor U[k, j]. Each
# arrow brings back U[k, j] da[k, n]. So add over k, *down column j* of U_h:
#
#     dh[j, n] = Σ_k U[k, j] da[k, n]          which is  U_hᵀ da
#
# A @ B goes along the *rows* of A. We need the columns of U_h, so we take U_hᵀ, whose rows they are. That is the reason
# for each transpose of a weight in a backward pass. For x it is the same with W_x:
#
#     (B1)  dh_t = from outside + U_hᵀ da_{t+1}
#     (B7)  dx_t = W_xᵀ da_t
#
# The smallest case is the unit of tutorial 13: there U_h is a column of four, and U_hᵀ da is the Σ U da of its picture.
#
# PREDICT: tutorial 3 forgot the transpose, and NumPy said nothing. What does it say to `U_h @ da` here? And to the same
# mistake in one block, `U_i @ da_i`?

# %%
import numpy as np
from common import save
from matplotlib.figure import Figure

from minirnn import gradcheck, lstm, plots

U_h = np.array([[0.2], [0.4], [0.1], [1.0]])  # tutorial 13: U_i, U_f, U_c, U_o
da = np.array([[-0.056], [0.130], [0.145], [0.065]])  # its step 2
print("one unit: U_hᵀ da =", np.round(U_h.T @ da, 3))

rng = np.random.default_rng(0)
D, H, B, T = 4, 2, 3, 5
params = {name: rng.normal(size=p.shape) for name, p in lstm.init(rng, D, H).items()}
da = rng.normal(size=(4 * H, B))
U_i, da_i = lstm.gates(params)["U_i"], da[:H]


def attempt(words, one, two, right):
    """What NumPy says to a product, and whether it is the right one."""
    try:
        print(words, "has the shape", (one @ two).shape, "- right:", np.array_equal(one @ two, right))
    except ValueError as error:
        print(words, "is an error:", error)


attempt("U_h @ da", params["U_h"], da, params["U_h"].T @ da)
attempt("U_i @ da_i", U_i, da_i, U_i.T @ da_i)

# %% [markdown]
# The whole product has shapes that do not fit, and NumPy refuses it. A block of U_h is square, and there the wrong
# product passes. So shapes find some mistakes, and not all.
#
# ## (B8): to the weights
#
# A weight has arrows too. With one unit, U_f is a factor in a_f, beside h_{t-1}. So it gets da_f h_{t-1} at each step,
# and the steps add up, as in tutorial 2.
#
# PREDICT: with H units, B series and T steps, in how many products of the forward pass is the one number U[k, j]? So
# over what does its gradient sum?

# %%
h_before = rng.normal(size=(H, B))
dU = np.array([[sum(da[k, n] * h_before[j, n] for n in range(B)) for j in range(H)] for k in range(4 * H)])
print(f"dU_h of one step, by sums over n, and da @ h.T: largest difference {abs(dU - da @ h_before.T).max():.0e}")

# %% [markdown]
# In T B of them. U[k, j] is in row k alone, beside h[j, n]. But it is there *for every series n*, and at *every step
# t*. So add over both:
#
#     dU[k, j] = Σ_t Σ_n da[k, n] h[j, n]      which is  Σ_t da_t h_{t-1}ᵀ
#
# da is (4H, B), and hᵀ is (B, H): the axis they share is B, so the matrix product is the sum over the series. The sum
# over the steps is a += in the loop. W_x has x_t in the place of h_{t-1}. b has no partner, so its sum over the series
# has to be written:
#
#     (B8)  dW_x = Σ_t da_t x_tᵀ        dU_h = Σ_t da_t h_{t-1}ᵀ        db = Σ_t (da_t summed over the series)
#
# No sum over the series is in (B1) to (B7). Each series has an h, a c and an x of its own. All share the weights.

# %% tags=["proof"]
dh = np.array([[sum(params["U_h"][k, j] * da[k, n] for k in range(4 * H)) for n in range(B)] for j in range(H)])
assert np.allclose(da @ h_before.T, dU) and np.allclose(params["U_h"].T @ da, dh)
assert np.round(U_h.T @ [[-0.056], [0.130], [0.145], [0.065]], 2).item() == 0.12
assert (U_i @ da_i).shape == (U_i.T @ da_i).shape and not np.allclose(U_i @ da_i, U_i.T @ da_i)

# %% [markdown]
# ## The picture
#
# Three products, for H = 2 and B = 3. Dark is one entry of the result, and the entries that it is summed from. Blue
# comes from the forward pass, orange from the backward pass, and grey are the weights.

# %%
figure = Figure(figsize=(14, 4.4), layout="constrained")
ax = figure.subplots()


def entries(rows, columns, row=slice(None), column=slice(None)):
    """1 where a matrix is to be dark."""
    dark = np.zeros((rows, columns))
    dark[row, column] = 1
    return dark


def product(left, title, *matrices):
    """Draw `result = first · second` from `left` on; return where it ends."""
    x = left
    for sign, (name, dark, colour) in zip(" =·", matrices):
        rows, columns = dark.shape
        ax.text(x + 0.6, 0, sign, ha="center", va="center", fontsize=20)
        x, top = x + (1.9 if rows == 4 * H else 1.2), rows / 2
        for (row, column), is_dark in np.ndenumerate(dark):
            ax.fill_between((x + column, x + column + 1), top - row, top - row - 1, facecolor=colour, edgecolor="white",
                            alpha=0.9 if is_dark else 0.22)
        for block, gate in enumerate("i f c̃ o".split()):  # the block's name, and a line where the next one begins
            if rows == 4 * H:
                ax.text(x - 0.35, top - block * H - 1, gate, ha="center", va="center", fontsize=14)
                ax.plot((x, x + columns), (top - block * H,) * 2, color="black", linewidth=1.5 * (block > 0))
            elif columns == 4 * H:
                ax.text(x + block * H + 1, top + 0.4, gate, ha="center", va="center", fontsize=14)
                ax.plot((x + block * H,) * 2, (top, top - rows), color="black", linewidth=1.5 * (block > 0))
        shape = " × ".join({4 * H: "4H", H: "H", B: "B"}[size] for size in dark.shape)
        ax.text(x + columns / 2, top - rows - 0.2, f"{name}\n{shape}", ha="center", va="top", fontsize=14)
        x += columns
    ax.text((left + 1 + x) / 2, 4.4, title, ha="center", va="bottom", fontsize=16)
    return x


k, j, n = 4, 1, 2  # row 4 is the first of c̃; the second unit; the third series
x = product(0, "forward: along a row,\nsum over H", ("a", entries(8, 3, k, n), plots.BLUE),
            ("U_h", entries(8, 2, row=k), plots.GREY), ("h", entries(2, 3, column=n), plots.BLUE))
x = product(x + 1.5, "(B1), back to h: down a column of U_h\n= along a row of U_hᵀ, sum over 4H",
            ("dh", entries(2, 3, j, n), plots.ORANGE), ("U_hᵀ", entries(2, 8, row=j), plots.GREY),
            ("da", entries(8, 3, column=n), plots.ORANGE))
x = product(x + 1, "(B8), back to the weights:\nsum over the B series", ("dU_h", entries(8, 2, k, j), plots.ORANGE),
            ("da", entries(8, 3, row=k), plots.ORANGE), ("hᵀ", entries(3, 2, column=j), plots.BLUE))
ax.set(xlim=(1, x + 0.3), ylim=(-5.9, 6.3), aspect="equal")
ax.axis("off")
save(figure, "14_the_backward_pass_in_matrices.png")

# %% [markdown]
# ![Three matrix products, their shapes, and the axis that each one sums](figures/14_the_backward_pass_in_matrices.png)
#
# The axis that two factors share is the one that is summed: H forward, 4H back to h, B back to the weights.
#
# ## The loop
#
# The forward pass is that of tutorial 12. `lstm.trace` returns what it computed, i, f, g, o, c and h, each (B, T, H).
# `columns` turns them so that a step is a matrix with a column for each series. `dh_outside` is what comes from the
# loss, to every h_t.
#
# In the loop `dh_future` is the product U_hᵀ da of the picture, and `dc_future` is dc ⊙ f. What is left of them at the
# end are the gradients of h_0 and c_0.

# %%
def columns(batch):
    """(B, T, n) becomes (T, n, B)."""
    return batch.transpose(1, 2, 0)


def backward(params, x, dh_outside, h_0, c_0):
    """x (B, T, D), dh_outside (B, T, H), h_0 and c_0 (B, H)."""
    _, _, cache = lstm.forward(params, x, (h_0, c_0))
    i, f, g, o, c, h = (columns(values) for values in lstm.trace(cache).values())
    h_prev, c_prev = (np.concatenate([first.T[None], later[:-1]]) for first, later in ((h_0, h), (c_0, c)))
    x, dh_outside = columns(x), columns(dh_outside)

    W_x, U_h = params["W_x"], params["U_h"]
    dW_x, dU_h, db, dx = np.zeros_like(W_x), np.zeros_like(U_h), np.zeros_like(params["b"]), np.zeros_like(x)
    dh_future, dc_future = np.zeros_like(h[0]), np.zeros_like(c[0])
    for t in reversed(range(len(x))):
        dh = dh_outside[t] + dh_future  # (B1)
        dc = dc_future + dh * o[t] * (1 - np.tanh(c[t]) ** 2)  # (B2)
        da_i = dc * g[t] * i[t] * (1 - i[t])  # (B3)
        da_f = dc * c_prev[t] * f[t] * (1 - f[t])  # (B4)
        da_g = dc * i[t] * (1 - g[t] ** 2)  # (B5)
        da_o = dh * np.tanh(c[t]) * o[t] * (1 - o[t])  # (B6)
        da = np.concatenate([da_i, da_f, da_g, da_o])  # (4H, B)
        dx[t] = W_x.T @ da  # (B7)
        dW_x += da @ x[t].T  # (B8)
        dU_h += da @ h_prev[t].T  # (B8)
        db += da.sum(axis=1)  # (B8): axis 1 is that of the series
        dh_future = U_h.T @ da  # for (B1) of the step before
        dc_future = dc * f[t]  # for (B2) of the step before
    return {"W_x": dW_x, "U_h": dU_h, "b": db}, dx.transpose(2, 0, 1), (dh_future.T, dc_future.T)


x, dh_outside = rng.normal(size=(B, T, D)), rng.normal(size=(B, T, H))
h_0, c_0 = rng.normal(size=(2, B, H))
grads, dx, (dh_0, dc_0) = backward(params, x, dh_outside, h_0, c_0)

_, _, cache = lstm.forward(params, x, (h_0, c_0))
theirs, dx_theirs, (dh_0_theirs, dc_0_theirs) = lstm.backward(cache, dh_outside)
for name, ours, other in (*((name, grads[name], theirs[name]) for name in grads), ("x", dx, dx_theirs),
                          ("h_0", dh_0, dh_0_theirs), ("c_0", dc_0, dc_0_theirs)):
    print(f"{name:<4} {ours.shape!s:<10} largest difference from lstm.backward {abs(ours - other).max():.0e}")

# %% [markdown]
# `layers/lstm.py` has the same lines. The two agree, but both come from the same derivation. So ask a witness that does
# not use it: the complex step of tutorial 4. It moves every weight, every input and every entry of the initial state.
#
# PREDICT: how many derivatives is that, for D = 4, H = 2, B = 3 and T = 5?

# %%
report = gradcheck.check(lstm, params, x, (h_0, c_0), rng=rng, method="complex")
print(report)

# %% [markdown]
# 4H (D + H + 1) = 56 weights, B T D = 60 inputs and 2 B H = 12 states: 128 derivatives. (state.0 is h_0, state.1 is
# c_0.) The largest error is below 1e-14, and 1e-12 is allowed.

# %% tags=["proof"]
assert all(np.allclose(grads[name], theirs[name], rtol=0, atol=1e-13) for name in grads)
assert report.ok and report.max_error < 1e-14
assert all(np.allclose(ours, other, rtol=0, atol=1e-13)
           for ours, other in ((dx, dx_theirs), (dh_0, dh_0_theirs), (dc_0, dc_0_theirs)))
assert [sum(p.size for p in params.values()), x.size, h_0.size + c_0.size] == [56, 60, 12]
assert sum(np.prod(row.shape) for row in report.rows) == 128

# %% [markdown]
# **To take away:** let the input gate read the old cell, too: a_i = W_xi x_t + U_i h_{t-1} + p ⊙ c_{t-1} + b_i. The
# weight p has H numbers. (Gers and Schmidhuber (2000) call this a *peephole*.) Which of the eight equations gets one
# more term? And what is dp, summed over what?

# %% [markdown] tags=["answer"]
# ## Answer
#
# (B2). c_{t-1} is now used a third time, by a_i of step t. This arrow brings back p ⊙ da_i. So dc_{t-1} is
#
#     dc_future + p ⊙ da_i + dh_{t-1} ⊙ o_{t-1} ⊙ (1 - tanh²(c_{t-1}))
#
# with the da_i of step t. There is no transpose, since entry meets entry. p is shared by all series and all steps:
# dp = Σ_t (da_i ⊙ c_{t-1} summed over the series).

# %% tags=["proof"]
from minirnn.activations import sigmoid


def with_peephole(p, c_prev):
    """One step whose input gate reads the cell: i, f, g, o, c, and the loss Σ dh_outside ⊙ h of this step."""
    a_i, a_f, a_g, a_o = np.split(params["W_x"] @ x[:, 0].T + params["U_h"] @ h_0.T + params["b"][:, None], 4)
    i, f, g, o = sigmoid(a_i + p[:, None] * c_prev), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c = f * c_prev + i * g
    return i, f, g, o, c, (dh_outside[:, 0].T * o * np.tanh(c)).sum()


p, tiny = rng.normal(size=H), 1e-30
i, f, g, o, c, _ = with_peephole(p, c_0.T)
dc = dh_outside[:, 0].T * o * (1 - np.tanh(c) ** 2)
da_i = dc * g * i * (1 - i)
slope = lambda dp, dc_0: with_peephole(p + 1j * tiny * dp, c_0.T + 1j * tiny * dc_0)[-1].imag / tiny  # complex step
assert np.allclose([slope(one, 0) for one in np.eye(H)], (da_i * c_0.T).sum(axis=1), rtol=1e-12)
dc_0 = dc * f + p[:, None] * da_i
assert np.allclose([slope(0, one.reshape(H, B)) for one in np.eye(H * B)], dc_0.ravel(), rtol=1e-12)
