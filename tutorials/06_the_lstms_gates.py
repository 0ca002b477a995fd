# %% [markdown]
# # 6. The LSTM's gates: one cell that writes, keeps, clears and shows
#
# *Beside the article: §3, the three gates; §4, equations 2, 3 and 4.*
#
# Two of the article's equations are the LSTM's: the cell c_t keeps a part f_t of what it held and takes in a part i_t
# of the candidate c̃_t.
#
#     c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t                         equation 2
#     c̃_t = tanh(W_xc x_t + U_c h_{t-1} + b_c)                 equation 3
#
# Three things are left out there: where f_t and i_t come from, where h_t comes from, and the output gate that §3
# speaks of:
#
#     i_t = σ(W_xi x_t + U_i h_{t-1} + b_i)                    input gate: may new information enter?
#     f_t = σ(W_xf x_t + U_f h_{t-1} + b_f)                    forget gate: is the old cell kept?
#     o_t = σ(W_xo x_t + U_o h_{t-1} + b_o)                    output gate: is the cell shown?
#     h_t = o_t ⊙ tanh(c_t)
#
# Mind the name: a forget gate of 1 keeps everything. The LSTM of Hochreiter and Schmidhuber (1997) had none, which is
# f_t = 1; it came with Gers, Schmidhuber and Cummins (2000).
#
# ## The smallest numbers
#
# One unit, one input: x_t = 1, h_{t-1} = 0.5, c_{t-1} = 0.5. The weights below make the arguments 1.1, 2.2, 0.55 and
# 0, so that i = σ(1.1) = 0.750, f = σ(2.2) = 0.900, c̃ = tanh(0.55) = 0.501 and o = σ(0) = 0.5.
#
# PREDICT: c_t = 0.900 · 0.5 + 0.750 · 0.501 = 0.826. And h_t?

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, linear, lstm, optim, plots, rnn, training
from minirnn.activations import sigmoid

params = lstm.init(np.random.default_rng(0), D=1, H=1, dtype=np.float64)
named = lstm.gates(params)  # views: writing to named["W_xi"] changes params
for gate, W_x, U, b in (("i", 1.0, 0.2, 0.0), ("f", 1.0, 0.4, 1.0), ("c", 0.5, 0.1, 0.0), ("o", -0.5, 1.0, 0.0)):
    named[f"W_x{gate}"][:], named[f"U_{gate}"][:], named[f"b_{gate}"][:] = W_x, U, b
x, state = np.ones((1, 1, 1)), (np.array([[0.5]]), np.array([[0.5]]))  # h and c before
_, (h_t, c_t), cache = lstm.forward(params, x, state)
step = {name: values.item() for name, values in lstm.trace(cache).items()}  # g is the article's c̃
print({name: round(value, 3) for name, value in step.items()})
expected = {"g": 0.501, "i": 0.75, "f": 0.9, "o": 0.5, "c": 0.826, "h": 0.339}
assert {name: round(value, 3) for name, value in step.items()} == expected
assert np.isclose(h_t, sigmoid(0.0) * np.tanh(sigmoid(2.2) * 0.5 + sigmoid(1.1) * np.tanh(0.55)))

# %% [markdown]
# h_t = 0.5 · tanh(0.826) = 0.339: half of what the cell has to say.
#
# Backward, by hand: let the loss be h_t. Then dc_t = o_t (1 - tanh²(c_t)) = 0.5 · (1 - 0.678²) = 0.270, and by
# equation 2 the old cell gets dc_{t-1} = f_t dc_t = 0.900 · 0.270 = 0.243. No weight stands between the two cells.

# %%
_, _, (_, dc) = lstm.backward(cache, np.ones((1, 1, 1)))
print("dc_{t-1}", dc.round(3).item())
assert dc.round(3).item() == 0.243

# %% [markdown]
# ## What equation 4 really is
#
# The article prints o_t = σ(W_oh h_t + b_o). It cannot be the output gate. h_t = o_t tanh(c_t) needs o_t first, and
# this o_t needs h_t first. Put together they are a riddle, h = σ(w h + b) tanh(c), and not even one with a single
# answer. With w = 8, b = -4 and tanh(c) = 1:
#
# PREDICT: how many h solve h = σ(8h - 4)?

# %%
h = np.linspace(0, 1, 100_000)  # an even number of points, so that none is a solution itself
signs = np.sign(sigmoid(8 * h - 4) - h)
solutions = h[1:][signs[1:] != signs[:-1]]
print("h =", solutions.round(3))
assert solutions.round(3).tolist() == [0.021, 0.5, 0.979]

# %% [markdown]
# Three. What is printed does make sense as something else: a read-out of the hidden state, once that is known. It
# fits the words beside it, by which o_t is "the output". In minirnn it is `linear` with a σ. So o and b_o name two
# things in the article, the gate of §3 and the read-out of §4; here they get one layer each.

# %%
rng = np.random.default_rng(0)
read_out = linear.init(rng, 3, 2, dtype=np.float64)
h = rng.normal(size=(4, 3))
y, _ = linear.forward(read_out, h, activation="sigmoid")
by_equation_4 = np.stack([sigmoid(read_out["W"] @ h_t + read_out["b"]) for h_t in h])
print("largest difference from equation 4:", np.abs(y - by_equation_4).max())
assert np.allclose(y, by_equation_4, rtol=0, atol=1e-15)

# %% [markdown]
# ## Gates that one can read
#
# Now a task made so that all three gates are needed. At every step comes a value v_t in -1 .. 1, and two signals:
# *write* (with probability 0.15, and at step 0) and *ask* (0.3). When asked, the network is to say the value that was
# last written; when not, zero. One LSTM unit and a linear read-out have 22 weights. Is that enough?
#
# PREDICT: which gate should listen to which signal?

# %%
EPOCHS, SEEDS = (3, 2) if QUICK else (15, 5)


def task(rng, n, T=20, write=0.15):
    """Inputs (n, T, 3): value, write, ask; targets (n, T, 1)."""
    v, w, ask = rng.uniform(-1, 1, (n, T)), rng.random((n, T)) < write, rng.random((n, T)) < 0.3
    w[:, 0] = True
    last = np.maximum.accumulate(np.where(w, np.arange(T), 0), axis=1)  # the step that wrote last
    held = np.take_along_axis(v, last, axis=1)
    return np.stack([v, w, ask], axis=2), (held * ask)[..., None]


def train(layer, units, seed):
    model, rng = compose.chain(layer, linear), np.random.default_rng(seed)
    params, opt = model.init(rng, 3, units, 1, dtype=np.float64), optim.Adam()
    schedule = optim.WarmupCosine(peak=0.03, warmup=1, total=EPOCHS)
    for _ in range(EPOCHS):
        schedule.step(opt)
        training.epoch(model, params, opt, training.Batch(*task(rng, 3200)), rng, batch_size=64)
    return model, params, training.evaluate(model, params, validation)


validation, test = (training.Batch(*task(np.random.default_rng(seed), 2000)) for seed in (100, 101))
lstms = [train(lstm, 1, seed) for seed in range(SEEDS)]
rnns = [train(rnn, 3, seed) for seed in range(SEEDS)]
print("validation loss, LSTM of 1 unit: ", *(f"{loss:.4f}" for *_, loss in lstms))
print("validation loss, RNN of 3 units: ", *(f"{loss:.4f}" for *_, loss in rnns))
model, params, _ = min(lstms, key=lambda trained: trained[2])
error = {"always 0": (test.y**2).mean(),
         "RNN, 3 units, 25 weights": training.evaluate(*min(rnns, key=lambda trained: trained[2])[:2], test),
         "LSTM, 1 unit, 22 weights": training.evaluate(model, params, test)}
for name, value in error.items():
    print(f"{name:<26} test MSE {value:.4f}")

# %% [markdown]
# It is enough, but not from every start: three of five seeds find it. The others settle at 0.03 with the roles of i_t
# and c̃_t swapped: there the candidate listens to *write* and the input gate to the value. The seed that is shown
# below was chosen on validation data. An RNN of a few weights more, trained alike, gets half of the way: nothing in
# it multiplies a value by a signal, and what it holds must pass through U_h and tanh at every step.

# %%
if not QUICK:
    assert error["LSTM, 1 unit, 22 weights"] < 0.003 < 0.02 < error["RNN, 3 units, 25 weights"] < error["always 0"]
    assert sum(loss < 0.005 for *_, loss in lstms) >= 2
    for _, (first, _), loss in lstms:
        to_value, to_write, _ = np.abs(lstm.gates(first)["W_xc"][0])
        assert (loss < 0.005) == (to_value > to_write)

# %% [markdown]
# ## What did the gates learn?
#
# The weights can be read like a sentence; the columns are what a gate hears.

# %%
named = lstm.gates(params[0])
print(f"{'':<8}{'value':>8}{'write':>8}{'ask':>8}{'h':>8}{'bias':>8}")
for gate, name in zip("ifco", ("i_t", "f_t", "c̃_t", "o_t")):
    row = [*named[f"W_x{gate}"][0], *named[f"U_{gate}"][0], *named[f"b_{gate}"]]
    print(f"{name:<8}" + "".join(f"{weight:>8.1f}" for weight in row))
h, _, cache = lstm.forward(params[0], test.x)
trace = {name: values[..., 0] for name, values in lstm.trace(cache).items()}
write, ask = test.x[..., 1] > 0, test.x[..., 2] > 0
opens = {(gate, signal): trace[gate][on].mean() for gate, signals in
         (("i", {"write": write, "no write": ~write}), ("f", {"write": write, "no write": ~write}),
          ("o", {"ask": ask, "no ask": ~ask})) for signal, on in signals.items()}
for (gate, signal), value in opens.items():
    print(f"{gate}_t on average, {signal + ':':<10} {value:.3f}")

# %% [markdown]
# At *write* the input gate opens and the forget gate closes: c_t = 0 · c_{t-1} + 1 · c̃_t, the value replaces what
# was there. Otherwise i is near 0 and f near 1: c_t = c_{t-1}. The candidate listens to the value alone, and the
# output gate to *ask* alone. The forget gate started at σ(b_f) = σ(1) = 0.73, half open. That start matters where
# memory has to be learned: tutorial 5 shows the gradient for several b_f. Training has raised b_f to about 4.5, which
# is f = 0.99.

# %%
if not QUICK:
    assert opens["i", "write"] > 0.8 and opens["i", "no write"] < 0.05
    assert opens["f", "write"] < 0.1 and opens["f", "no write"] > 0.97
    assert opens["o", "ask"] > 0.75 and opens["o", "no ask"] < 0.05
    assert 3 < named["b_f"].item() < 6
    assert np.argmax(np.abs(named["W_xc"])) == 0 and np.argmax(np.abs(named["W_xo"])) == 2

W, b = params[1]["W"].item(), params[1]["b"].item()
T, row = test.x.shape[1], 180  # a sequence with three writes and some questions after each
figure = Figure(figsize=(10, 5.5), layout="constrained")
above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
v, y, holds = test.x[row, :, 0], test.y[row, :, 0], W * opens["o", "ask"] * np.tanh(trace["c"][row]) + b
above.plot(v, ".", color=plots.GREY, label="value v$_t$")
above.plot(np.flatnonzero(write[row]), v[write[row]], "s", color="black", markerfacecolor="none", label="write v$_t$")
above.step(np.arange(T), holds, where="mid", color=plots.BLUE, label="what the cell would say if asked")
above.vlines(np.flatnonzero(ask[row]), 0, y[ask[row]], color=plots.ORANGE, alpha=0.4, linewidth=6,
             label="target, where asked")
above.plot(W * h[row, :, 0] + b, ".", color=plots.ORANGE, label="what the network says")
above.axhline(0, color="black", linewidth=0.5)
above.set_ylim(-1.1, 1.6)
above.legend(frameon=False, ncols=3, loc="upper left")
plots.through_time(np.stack([trace[gate][row] for gate in "ofi"], axis=1), below, limits=(0, 1))
below.set_yticks(range(3), ["o: show", "f: keep", "i: write"])
below.set_xticks(range(T))
save(figure, "06_the_lstms_gates.png")

# %% [markdown]
# ![A value is written, held, asked for, replaced; below, the gates at each step](figures/06_the_lstms_gates.png)
#
# ## What each gate is for
#
# A picture suggests; an intervention shows. Force one gate open, whatever the signals say, by a bias of 50, and
# measure.
#
# PREDICT: can the network do without any of the three?

# %%
stuck = {}
for gate, what in (("i", "everything is written"), ("f", "nothing is cleared, as in 1997"), ("o", "always shown")):
    changed = [{name: p.copy() for name, p in layer.items()} for layer in params]
    lstm.gates(changed[0])[f"b_{gate}"][:] = 50
    stuck[gate] = training.evaluate(model, changed, test)
    print(f"{gate}_t = 1: test MSE {stuck[gate]:.3f}, {what}")
if not QUICK:
    assert min(stuck.values()) > 0.8 * error["always 0"]

# %% [markdown]
# No: stuck open, each of them makes the network as bad as one that always says 0, or far worse. With i_t = 1 every
# value is added to the cell; with f_t = 1 the cell holds the sum of all that was written; with o_t = 1 the network
# says what it was not asked for.
#
# Do not expect such gates of a network on real data. Many units share the work there, and a gate should be read with
# the same care as a heat map of attention.
#
# **To take away:** f is near 1 and not 1. What is left of a value after 20 steps, after 200? Work it out from b_f,
# then test the network with `task(rng, 2000, T=200, write=0.01)`, which it was never trained on. Is it the value that
# is lost, or its size?
