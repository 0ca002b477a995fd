# %% [markdown]
# # 20. Long memory: two numbers, a hundred steps ago
#
# *Beside the article: §2, long dependencies and gates against vanishing gradients; §4, equation 2.*
#
# The adding problem of Hochreiter and Schmidhuber (1997, experiment 4). A sequence of 100 to 110 pairs: a value,
# uniform in -1 .. 1, and a marker. Two values are marked with 1, one among the first ten steps, the other before step
# 50. Both ends are marked with -1, everything else with 0. After the last step the network is to say
#
#     y = 0.5 + (X1 + X2) / 4            X1, X2 the two marked values
#
# So it has to find two numbers by their marks, keep them for 50 to 100 steps, and take in nothing of the noise
# between.
#
# ## The smallest numbers: what knowing nothing costs
#
# A value uniform in -1 .. 1 has the variance 1/3. Who always says 0.5 has an MSE of (1/3 + 1/3) / 16 = 0.0417. Who
# knows X2 alone has half of that. A trap of the task makes it a little less: a mark on the very first step is written
# over by the -1 there, and X1 counts as 0. That happens to X1 in 1 of 10 sequences, to X2 in 0.9 of 48.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, gru, initialize, linear, losses, lstm, optim, plots, rnn, training
from minirnn.activations import sigmoid
from minirnn.datasets import adding

T, H, BATCH_SIZE = 100, 16, 32
_, y, _ = adding(np.random.default_rng(1), 20_000, T)
on_paper = (0.9 + 1 - 0.9 / 48) / 3 / 16
print(f"always 0.5: MSE {np.mean((y - 0.5)**2):.4f}, on paper {on_paper:.4f}")
assert abs(np.mean((y - 0.5)**2) - on_paper) < 0.001 and round(on_paper, 4) == 0.0392

# %% [markdown]
# ## What a cell keeps, and what it lets in
#
# Equation 2, c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t, with gates that stand still. After 100 steps f^100 is left of what came
# first. And meanwhile noise comes in at every step: candidates of size s, independent of each other, pile up to
#
#     size of the noise in c = i · s · √(1 + f² + f⁴ + ... + f^198)
#
# At the start the gates stand where their biases put them, f = σ(b_f) and i = σ(b_i).
#
# PREDICT: b_f = 1, the usual start, keeps 2e-14 of the first value. b_f = 5 keeps half. And how much noise does it let
# in, with b_i = 0?

# %%
kept, noise = {}, {}
for b_f, b_i in ((1, 0), (1, -3), (5, 0), (5, -3)):
    f, i = sigmoid(np.array([b_f, b_i], float))
    kept[b_f, b_i], noise[b_f, b_i] = f**T, i * np.sqrt(np.sum(f**(2 * np.arange(T))))
    print(f"b_f = {b_f}, b_i = {b_i:>2}: f = {f:.3f}, i = {i:.3f}; kept {kept[b_f, b_i]:.0e}, "
          f"noise {noise[b_f, b_i]:.2f} s")
assert 2e-14 < kept[1, 0] < 3e-14 and round(kept[5, 0], 2) == 0.51
assert round(noise[5, 0], 1) == 3.7 and round(noise[5, -3], 2) == 0.35

# %% [markdown]
# A cell that keeps everything also keeps all the noise: 3.7 times the size of one candidate, unless its input gate is
# nearly shut. So a long memory needs both, an open forget gate and a closed input gate. Hochreiter and Schmidhuber had
# f = 1 by construction, met the drift in this very experiment, and started their input gates at b_i = -3 and -6.
# *Chrono* initialization (Tallec and Ollivier 2018) does both at once: b_f = log u and b_i = -log u, with u drawn for
# each unit from 1 .. T - 1. Then f = u/(u + 1) on paper: each unit forgets within about u steps.
#
# ## Before any training
#
# Let a gradient of norm 1 arrive at the last step, and see what reaches each earlier h_t. Beside it, how much the cells
# hold at the end, by the size of c, when 64 sequences have gone through.

# %%


def biases(b_f, b_i):
    def prepare(rng, params):
        lstm.gates(params[0])["b_f"][:], lstm.gates(params[0])["b_i"][:] = b_f, b_i
    return prepare


as_it_is = lambda rng, params: params
chrono = lambda rng, params: initialize.chrono(rng, params, T)
STARTS = {"RNN": (rnn, as_it_is), "RNN, orthogonal": (rnn, initialize.orthogonal),
          "LSTM, b_f = 0": (lstm, biases(0, 0)), "LSTM, b_f = 1": (lstm, biases(1, 0)),
          "LSTM, b_f = 1, b_i = -3": (lstm, biases(1, -3)), "LSTM, b_f = 5": (lstm, biases(5, 0)),
          "LSTM, b_f = 5, b_i = -3": (lstm, biases(5, -3)), "LSTM, chrono": (lstm, chrono),
          "GRU, chrono": (gru, chrono)}


def start(name, seed=0, dtype=np.float32):
    """The model, its first parameters, and the rng to go on with."""
    layer, prepare = STARTS[name]
    model, rng = compose.chain(layer, compose.last_step, linear), np.random.default_rng(seed)
    params = model.init(rng, 2, H, 1, dtype=dtype)
    prepare(rng, params)
    return model, params, rng


x = adding(np.random.default_rng(1), 64, T)[0][:, :T].astype(float)
dh = np.zeros((64, T, H))
dh[:, -1] = 1 / np.sqrt(H)
arrives, holds = {}, {}
for name, (layer, _) in STARTS.items():
    params = start(name, dtype=float)[1][0]
    arrives[name] = training.gradient_through_time(layer, params, x, dh)
    print(f"{name:<24} gradient at step 5: {np.median(arrives[name][:, 5]):.0e}", end="")
    if layer is lstm:
        _, (_, c), _ = lstm.forward(params, x)
        holds[name] = c.std()
        print(f"   size of c: {c.std():.2f}", end="")
    print()

# %% [markdown]
# At step 5 nothing arrives in the RNN and with b_f = 0, about a millionth with b_f = 1. The orthogonal RNN and b_f = 5
# get their gradient. But with b_f = 5 alone the cells hold about 7, far more than on paper, for the noise comes back
# through h; and tanh(7) is flat.

# %%
at_5 = {name: np.median(norms[:, 5]) for name, norms in arrives.items()}
assert max(at_5["RNN"], at_5["LSTM, b_f = 0"], at_5["LSTM, b_f = 1, b_i = -3"]) < 1e-13
assert 1e-7 < at_5["LSTM, b_f = 1"] < 1e-5 and min(at_5["RNN, orthogonal"], at_5["LSTM, b_f = 5"]) > 1e-3
assert 5 < holds["LSTM, b_f = 5"] < 10 and max(holds["LSTM, b_f = 5, b_i = -3"], holds["LSTM, chrono"]) < 0.1

# %% [markdown]
# ## 8,000 sequences each
#
# 16 units, 250 updates of 32 sequences that were never seen before, Adam with learning rate 0.01, gradient clipped to
# norm 1. So the error in training is an error on new data, as in the paper.
#
# PREDICT: which get below half of 0.0392? b_f = 0, where least of all arrives, is left out.

# %%
UPDATES, SEEDS = (12, 1) if QUICK else (250, 3)


def train(name, updates, clip=1.0, seed=0):
    """Train until the last 2,000 sequences were all answered within 0.04, the paper's criterion, or for `updates`.
    Returns the model, its parameters, each sequence's absolute error when it came, and the gradient's norms."""
    model, params, rng = start(name, seed)
    opt, errors, norms = optim.Adam(lr=0.01), [], []

    def watched(prediction, target, mask):
        errors.extend(np.abs(prediction - target).ravel())
        return losses.mse(prediction, target, mask)

    watched.backward = losses.mse.backward
    while len(norms) < updates and not (len(errors) >= 2000 and max(errors[-2000:]) <= 0.04):
        batch = training.Batch(*adding(rng, BATCH_SIZE, T))
        _, norm, _ = training.step(model, params, opt, batch, loss=watched, clip=clip)
        norms.append(norm)
    return model, params, np.array(errors), np.array(norms)


curves, late = {}, {}
runs = [(name, name, 1.0) for name in STARTS if name != "LSTM, b_f = 0"]
runs += [("LSTM, b_f = 5, clip 0.1", "LSTM, b_f = 5", 0.1), ("LSTM, chrono, clip 0.1", "LSTM, chrono", 0.1),
         ("LSTM, chrono, no clipping", "LSTM, chrono", np.inf)]
print(f"{'':<26}MSE of the last 1,600   updates with a norm above 1")
for label, name, clip in runs:
    *_, errors, norms = train(name, UPDATES, clip)
    curves[label], late[label] = errors, np.mean(errors[-1600:]**2)
    print(f"{label:<26}{late[label]:>21.4f}{(norms > 1).mean():>30.0%}")

# %% [markdown]
# Three: those with the forget gate open *and* the input gate shut (in the GRU one gate does both, z keeps and 1 - z
# writes). Either half alone stays at a constant answer. And the orthogonal RNN shows that a gradient that arrives is
# not yet a memory: whatever comes in later goes through the same U_h and tanh, on top of what is kept.
#
# Clipping decides nothing here. Few norms are above 1, and Adam divides a gradient by its own usual size, so that even
# a limit of 0.1 hardly shortens the steps. It learns a little faster, and rescues nobody.

# %%
solving = [label for label in late if "chrono" in label or "b_i = -3" in label and "b_f = 5" in label]
if not QUICK:
    assert all((value < on_paper / 2) == (label in solving) for label, value in late.items())
    assert all(value > 0.03 for label, value in late.items() if label not in solving)

figure = Figure(figsize=(12, 4.2), layout="constrained")
left, right = figure.subplots(1, 2)
shown = [name for name in STARTS if name not in ("LSTM, b_f = 1, b_i = -3", "GRU, chrono")]
colours = dict(zip(shown, (plots.GREY, "black", "#f0a070", plots.ORANGE, "#7b2d8b", plots.GREEN, plots.BLUE)))
for name, colour in colours.items():
    label = name.replace("b_f", "b$_f$").replace("b_i", "b$_i$")
    left.semilogy(np.median(arrives[name], axis=0), color=colour, label=label)
    if name in curves:
        means = np.convolve(curves[name]**2, np.full(320, 1 / 320), "valid")  # of ten updates
        right.semilogy(np.arange(len(means)) + 320, means, color=colour)
left.set(xlabel="step t", ylabel="norm of dLoss/dh$_t$", title="before training: what reaches an earlier step",
         ylim=(1e-20, 10))
right.set(xlabel="sequences seen", ylabel="MSE, mean of 320 sequences", title="training")
figure.legend(*left.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=4)
save(figure, "20_gradient_and_learning.png")

# %% [markdown]
# ![What reaches earlier steps before training, and learning curves](figures/20_gradient_and_learning.png)
#
# ## Solved, by the paper's own criterion
#
# The last 2,000 training sequences all within 0.04; then 2,560 new ones, of which the paper's networks got at most one
# wrong. Its LSTM needed 74,000 sequences, a mean over several trials.

# %%
solved = []
fresh = training.Batch(*adding(np.random.default_rng(99), 2560, T))
for seed in range(SEEDS):
    model, params, errors, _ = train("LSTM, chrono", 12 if QUICK else 2500, seed=seed)
    prediction, *_ = model.forward(params, fresh.x, lengths=fresh.lengths)
    wrong = np.sum(np.abs(prediction - fresh.y) > 0.04)
    solved.append((len(errors), errors[-2000:].max(), wrong, params))
    print(f"seed {seed}: {len(errors):,} sequences, then {wrong} of 2,560 wrong")
needed = np.mean([n for n, *_ in solved])
print(f"mean: {needed:,.0f} sequences; Hochreiter and Schmidhuber 1997: 74,000")
if not QUICK:
    assert all(largest <= 0.04 for _, largest, *_ in solved) and 15_000 < needed < 50_000
    assert all(wrong < 30 for *_, wrong, _ in solved)

# %% [markdown]
# About 28,000, and that is no proof of a better network. Ours has 16 units where theirs had two blocks of two cells;
# Adam where they had plain gradient descent; an update for 32 sequences where they had one for each; and the chrono
# start, which is told T. The 28,000 sequences are about 900 updates. And right after the criterion is first met
# a few of 2,560 are still wrong, more than the paper allows: longer training or a falling learning rate would be next.
#
# ## Where is the memory?
#
# Take a new sequence, and the same once more with both marked values set to zero. Nothing else differs, so what differs
# in the cells is the memory of the two.
#
# PREDICT: in a picture of the difference of c, units by steps: where does colour begin, where change, where end?

# %%
params, rng = solved[0][-1], np.random.default_rng(0)
marked = fresh.x[..., 1] == 1
places = [np.flatnonzero(row) for row in marked]
X = [x[place, 0] for x, place in zip(fresh.x, places)]
row = next(k for k, (p, v) in enumerate(zip(places, X)) if len(p) == 2 and p[1] - p[0] > 25 and v.min() > 0.5)
erased = fresh.x[[row]].copy()
erased[..., 0][marked[[row]]] = 0
n = fresh.lengths[row]
with_them, without = (lstm.trace(lstm.forward(params[0], x[:, :n])[2]) for x in (fresh.x[[row]], erased))
memory = (with_them["c"] - without["c"])[0]
adds = ((with_them["h"] - without["h"]) @ params[2]["W"].T)[0, :, 0]
true = np.cumsum(fresh.x[row, :n, 0] * marked[row, :n]) / 4
print(f"marked: {X[row].round(2)} at steps {places[row]}, which add {true[-1]:.3f} to the target; "
      f"to the answer {adds[-1]:.3f}")

_, _, cache = lstm.forward(params[0], fresh.x)
i = lstm.trace(cache)["i"]
elsewhere = (fresh.x[..., 1] == 0) & losses.length_mask(fresh.lengths, fresh.x.shape[1])
opens, shut = i[marked].mean(axis=0), i[elsewhere].mean(axis=0)
unit = int(np.argmax(opens - shut))
print(f"unit {unit}: i_t is {opens[unit]:.2f} on average at a mark, {shut[unit]:.2f} elsewhere")
if not QUICK:
    assert abs(adds[-1] - true[-1]) < 0.05 and opens[unit] > 5 * shut[unit]
    assert 0.97 < np.median(with_them["f"][0, :, unit]) < 1

# %%
figure = Figure(figsize=(11, 7.5), layout="constrained")
above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2.2, 3.5))
above.plot(fresh.x[row, :n, 0], ".", color=plots.GREY, markersize=4, label="values")
above.plot(places[row], X[row], "s", color="black", markerfacecolor="none", label="marked")
above.plot(true, color="black", linewidth=1, label="(X1 + X2) / 4, so far")
above.plot(adds, color=plots.ORANGE, label="what the two add to W h$_t$")
above.set_ylim(-1.1, 1.9)
above.legend(frameon=False, ncols=4, loc="upper left")
middle.plot(with_them["i"][0, :, unit], color=plots.GREEN, label=f"i$_t$ of unit {unit}")
middle.plot(with_them["f"][0, :, unit], color=plots.BLUE, label=f"f$_t$ of unit {unit}")
middle.set(ylim=(-0.05, 1.05))
middle.legend(frameon=False, loc="center right")
plots.through_time(memory, below, label="c$_t$, one row a unit:\nwith the two values, less without")
below.set_yticks([unit], [unit])
save(figure, "20_where_the_memory_is.png")

# %% [markdown]
# ![Two marked values enter the cells and stay; the input gate opens twice](figures/20_where_the_memory_is.png)
#
# The top row is what one hoped for. Its input gate opens at the two marks and at no other step; the first value comes
# in, the second is added to it, and between them the cell fades slowly, since f is about 0.99 and not 1. The others
# are less tidy: they take the sum over through h, bit by bit, and grow while the first one fades. The answer is right
# at the end of the sequence, where it was trained to be right, and not before.
#
# So an LSTM bridges a hundred steps where an RNN does not, as the 1997 paper says. But gates alone are not enough, as
# §2 of the article would have it: with the usual start b_f = 1 the LSTM failed like the RNN in this time. They help
# when they start where the task needs them.
#
# **To take away:** this network was trained at T = 100. Ask it at T = 200: `x, y, lengths = adding(rng, 1000, 200)`
# and `model.forward(params, x, lengths=lengths)[0]` against y. Before you look: what does f = 0.99 leave of a value
# after 200 steps? And will large and small sums come out too far from 0.5, or too near?
