# %% [markdown]
# # 32. Long memory: two numbers, a hundred steps ago
#
# *Beside the article: §2, long dependencies and gates against vanishing gradients; §4, equation 2.*
#
# The adding problem of Hochreiter and Schmidhuber (1997, experiment 4). A sequence of 100 to 110 pairs: a value,
# uniform in -1 .. 1, and a marker. Two values are marked with 1, one among the first ten steps, the other before step
# 50. Both ends are marked with -1, everything else with 0. After the last step the network is to say
#
#     y = 0.5 + (X1 + X2) / 4            X1, X2 the two marked values
#
# So it has to find two numbers by their marks and keep them for 50 to 100 steps. All other values are noise, and it
# has to take in none of them.
#
# ## The smallest numbers: what knowing nothing costs
#
# A value uniform in -1 .. 1 has the variance 1/3. A network that always says 0.5 has an MSE of (1/3 + 1/3) / 16 =
# 0.0417. One that knows X2 and not X1 has half of that.
#
# One detail of the task makes it a little less. The first step has the mark -1 in any case. A value that was to be
# marked there is lost and counts as 0. X1 is lost in 1 of 10 sequences. In the other nine, X2 is lost in 1 of 48. What
# is left is (0.9 + 1 - 0.9/48) · 1/3 / 16 = 0.0392.

# %%
import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, fast, initialize, linear, losses, lstm, optim, plots, rnn, training
from minirnn.activations import sigmoid
from minirnn.datasets import adding

T, H, BATCH_SIZE = 100, 16, 32
_, y, _ = adding(np.random.default_rng(1), 20_000, T)
on_paper = (0.9 + 1 - 0.9 / 48) / 3 / 16
print(f"always 0.5: MSE {np.mean((y - 0.5)**2):.4f}, on paper {on_paper:.4f}")

# %% tags=["proof"]
assert abs(np.mean((y - 0.5)**2) - on_paper) < 0.001 and round(on_paper, 4) == 0.0392

# %% [markdown]
# ## What a cell keeps, and what it lets in
#
# Equation 2 is c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t. Let the gates stand still. After 100 steps f^100 is left of what
# came first. Meanwhile a candidate c̃ comes in at every step. If these are independent of each other, with mean 0 and
# standard deviation s, they add up in c to noise of the standard deviation
#
#     i · s · √(1 + f² + f⁴ + ... + f^198)        variances add up, and f^k is left of a candidate k steps ago
#
# At the start the gates stand where their biases put them, near f = σ(b_f) and i = σ(b_i).
#
# PREDICT: b_f = 1, the usual start, keeps 2e-14 of the first value. b_f = 5 keeps half. And how much noise does it
# let in, with b_i = 0?

# %%
kept, noise = {}, {}
for b_f, b_i in ((1, 0), (1, -3), (5, 0), (5, -3)):
    f, i = sigmoid(np.array([b_f, b_i], float))
    kept[b_f, b_i], noise[b_f, b_i] = f**T, i * np.sqrt(np.sum(f**(2 * np.arange(T))))
    print(f"b_f = {b_f}, b_i = {b_i:>2}: f = {f:.3f}, i = {i:.3f}; kept {kept[b_f, b_i]:.0e}, "
          f"noise {noise[b_f, b_i]:.2f} s")

# %% [markdown]
# 3.7 times the standard deviation of one candidate. The same cell with b_i = -3 lets in a tenth of that.

# %% tags=["proof"]
assert 2e-14 < kept[1, 0] < 3e-14 and round(kept[5, 0], 2) == 0.51
assert round(noise[5, 0], 1) == 3.7 and round(noise[5, -3], 2) == 0.35

# %% [markdown]
# ## Eight starts, before any training
#
# The *orthogonal* RNN starts with a U_h that changes no length (tutorial 10, the answer). *Chrono* (Tallec and
# Ollivier 2018) draws a number u for each unit from 1 .. T - 1 and sets b_f = log u and b_i = -log u. Then f is about
# u/(u + 1): each unit forgets within about u steps, some soon and some late.
#
# Let a gradient of norm 1 arrive at the last step. What reaches each earlier h_t? The print shows the median over 64
# sequences. Beside it stands how much the cells hold after these sequences: the standard deviation of c.

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
          "LSTM, b_f = 5, b_i = -3": (lstm, biases(5, -3)), "LSTM, chrono": (lstm, chrono)}
FAST = {rnn: fast.rnn, lstm: fast.lstm}  # the same numbers, sooner


def start(name, seed=0, dtype=np.float32):
    """The model, its first parameters, and the rng to go on with."""
    layer, prepare = STARTS[name]
    model, rng = compose.chain(FAST[layer], compose.last_step, linear), np.random.default_rng(seed)
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
        print(f"   in the cells: {c.std():.2f}", end="")
    print()

# %% tags=["proof"]
at_5 = {name: np.median(norms[:, 5]) for name, norms in arrives.items()}
assert max(at_5["RNN"], at_5["LSTM, b_f = 0"], at_5["LSTM, b_f = 1, b_i = -3"]) < 1e-13
assert 1e-7 < at_5["LSTM, b_f = 1"] < 1e-5
arriving = "RNN, orthogonal", "LSTM, b_f = 5", "LSTM, b_f = 5, b_i = -3", "LSTM, chrono"
assert min(at_5[name] for name in arriving) > 5e-4
assert 5 < holds["LSTM, b_f = 5"] < 10 and max(holds["LSTM, b_f = 5, b_i = -3"], holds["LSTM, chrono"]) < 0.1

# %% [markdown]
# ## 8,000 sequences each
#
# 16 units, 250 updates of 32 sequences that were never seen before. Adam with learning rate 0.01, the gradient
# clipped to norm 1, three seeds. Each sequence is new, so the error in training is an error on new data, as in the
# paper. Seven of the starts are trained: b_f = 0, where least of all arrives, is left out.
#
# PREDICT: four of the seven get a gradient through the hundred steps, as printed above. Which of the seven get below
# half of 0.0392?

# %%
UPDATES, SEEDS = (12, 1) if QUICK else (250, 3)


def trainer(name, seed):
    """A model, its parameters, and a function that trains it until so many updates are made in all, or the last 2,000
    sequences were answered within 0.04, the paper's criterion. It returns each sequence's absolute error."""
    model, params, rng = start(name, seed)
    opt, errors = optim.Adam(lr=0.01), []

    def watched(prediction, target, mask):
        errors.extend(np.abs(prediction - target).ravel())
        return losses.mse(prediction, target, mask)

    def go_on(updates):
        while len(errors) < updates * BATCH_SIZE and not (len(errors) >= 2000 and max(errors[-2000:]) <= 0.04):
            training.step(model, params, opt, training.Batch(*adding(rng, BATCH_SIZE, T)), loss=watched, clip=1.0)
        return np.array(errors)

    watched.backward = losses.mse.backward
    return model, params, go_on


runs = {(name, seed): trainer(name, seed) for name in STARTS if name != "LSTM, b_f = 0" for seed in range(SEEDS)}
errors = {run: go_on(UPDATES) for run, (*_, go_on) in runs.items()}
late = {name: [np.mean(errors[name, seed][-1600:]**2) for seed in range(SEEDS)] for name, _ in runs}
print(f"{'':<26}MSE of the last 1,600 of 8,000 sequences, each seed")
for name, values in late.items():
    print(f"{name:<26}" + "".join(f"{value:>9.4f}" for value in values))

# %% [markdown]
# Two of the starts: those with the forget gate open *and* the input gate nearly shut. All others stay near the error
# of a constant answer.

# %%
figure = Figure(figsize=(12, 4.2), layout="constrained")
left, right = figure.subplots(1, 2)
colours = dict(zip(STARTS, (plots.GREY, "black", "#f0a070", plots.ORANGE, "#8b4513", "#7b2d8b", plots.GREEN,
                            plots.BLUE)))
for name, colour in colours.items():
    label = name.replace("b_f", "b$_f$").replace("b_i", "b$_i$")
    left.semilogy(np.median(arrives[name], axis=0), color=colour, label=label)
    if name in late:
        means = np.convolve(errors[name, 0]**2, np.full(320, 1 / 320), "valid")  # of ten updates
        right.semilogy(np.arange(len(means)) + 320, means, color=colour)
left.set(xlabel="step t", ylabel="norm of dLoss/dh$_t$", ylim=(1e-20, 10),
         title="Before training: to four starts a gradient comes back")
right.set(xlabel="sequences seen", ylabel="MSE, mean of 320 sequences", title="Training, seed 0: two of the four learn")
figure.legend(*left.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=4)
save(figure, "32_gradient_and_learning.png")

# %% [markdown]
# ![What reaches earlier steps before training, and learning curves](figures/32_gradient_and_learning.png)
#
# With b_f = 1 and with the plain RNN nearly nothing comes back from the end. With b_f = 5 alone the gradient comes
# back, but the input gate is half open. The cells hold about 7 at the end, and tanh(7) is flat: h says nothing of
# them. So the forget gate must be open, *and* the cells must not fill up. An input gate that is nearly shut is one way.
# Hochreiter and Schmidhuber had f = 1 by construction. They met this noise in this very experiment, and started their
# input gates at b_i = -3 and -6.
#
# Another way leaves b_f = 5 and b_i = 0, and multiplies the candidate's weights W_xc and U_c by 0.1. Before training
# the cells then hold about 0.05 instead of 7. This start learns too, but later. After 750 updates four seeds of five
# have 0.0002 to 0.0016, and one has 0.043 (recorded once).
#
# The orthogonal RNN shows that a gradient that arrives is not yet a memory. Whatever comes in later goes through the
# same U_h and tanh, on top of what is kept.
#
# How solid is it? With 1,000 updates instead of 250 the five that failed still have 0.037 to 0.040, each of three
# seeds (recorded once). Other tasks, widths and learning rates may come out otherwise.
#
# Clipping matters less than the start, but it does matter. With a limit of 0.1, chrono is below half after 164, 166
# and 150 updates; with a limit of 1 after 214, 218 and 170. About half of the first hundred gradients are longer than
# 0.1. It does not rescue b_f = 5 alone: 0.039 to 0.042 (recorded once, three seeds).

# %% tags=["proof"]
params = start("LSTM, b_f = 5", dtype=float)[1][0]
for name in ("W_xc", "U_c"):
    lstm.gates(params)[name][:] *= 0.1
assert 0.03 < lstm.forward(params, adding(np.random.default_rng(1), 64, T)[0][:, :T].astype(float))[1][1].std() < 0.1
solving = ["LSTM, b_f = 5, b_i = -3", "LSTM, chrono"]
if not QUICK:
    assert all((value < on_paper / 2) == (name in solving) for name, values in late.items() for value in values)
    assert all(0.035 < value < 0.045 for name, values in late.items() if name not in solving for value in values)

# %% [markdown]
# ## Solved, by the paper's own criterion
#
# The criterion: the last 2,000 training sequences were all answered within 0.04. Then come 2,560 new ones. The
# paper's networks got at most one of them wrong. Its LSTM needed 74,000 sequences, a mean over several trials. The
# chrono runs above went on until they met the criterion.

# %%
solved = []
test = training.Batch(*adding(np.random.default_rng(99), 2560, T))
for seed in range(SEEDS):
    model, params, go_on = runs["LSTM, chrono", seed]
    seen = go_on(UPDATES if QUICK else 2500)
    prediction, *_ = model.forward(params, test.x, lengths=test.lengths)
    wrong = np.sum(np.abs(prediction - test.y) > 0.04)
    solved.append((len(seen), seen[-2000:].max(), wrong, params))
    print(f"seed {seed}: {len(seen):,} sequences, then {wrong} of 2,560 wrong")
needed = np.mean([n for n, *_ in solved])
print(f"mean: {needed:,.0f} sequences; Hochreiter and Schmidhuber 1997: 74,000")

# %% [markdown]
# It needed fewer sequences. This does not prove that the network is better. Much differs. Ours has 16 units, theirs
# had 4 cells. Ours has Adam, theirs plain gradient descent. We make an update for 32 sequences, they made one for
# each. And the chrono start is told T.
#
# Right after the criterion is first met, a few of the 2,560 are still wrong, more than the paper allows. Longer
# training or a falling learning rate would be next.
#
# ## Where is the memory?
#
# Take a new sequence, and the same once more with both marked values set to zero. Nothing else differs. So what
# differs in the cells is the memory of the two. A picture shows the difference of c: a row for each unit, a column
# for each step, white where there is none.
#
# PREDICT: at which steps does the colour begin, at which does it change, and does it end?

# %%
params, rng = solved[0][-1], np.random.default_rng(0)
marked = test.x[..., 1] == 1
places = [np.flatnonzero(row) for row in marked]
X = [x[place, 0] for x, place in zip(test.x, places)]
row = next(k for k, (p, v) in enumerate(zip(places, X)) if len(p) == 2 and p[1] - p[0] > 25 and v.min() > 0.5)
erased = test.x[[row]].copy()
erased[..., 0][marked[[row]]] = 0
n = test.lengths[row]
with_them, without = (lstm.trace(lstm.forward(params[0], x[:, :n])[2]) for x in (test.x[[row]], erased))
memory = (with_them["c"] - without["c"])[0]
adds = ((with_them["h"] - without["h"]) @ params[2]["W"].T)[0, :, 0]
true = np.cumsum(test.x[row, :n, 0] * marked[row, :n]) / 4
print(f"marked: {X[row].round(2)} at steps {places[row]}, which add {true[-1]:.3f} to the target; "
      f"to the answer {adds[-1]:.3f}")

_, _, cache = lstm.forward(params[0], test.x)
i = lstm.trace(cache)["i"]
elsewhere = (test.x[..., 1] == 0) & losses.length_mask(test.lengths, test.x.shape[1])
opens, shut = i[marked].mean(axis=0), i[elsewhere].mean(axis=0)
unit = int(np.argmax(opens - shut))
print(f"unit {unit}: i_t is {opens[unit]:.2f} on average at a mark, {shut[unit]:.2f} elsewhere")
print(f"   f_t in the picture: {np.median(with_them['f'][0, :, unit]):.3f} in the median")

figure = Figure(figsize=(11, 7.5), layout="constrained")
above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2.2, 3.5))
above.plot(test.x[row, :n, 0], ".", color=plots.GREY, markersize=4, label="values")
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
below.set_yticks([unit], [f"unit {unit}"])
save(figure, "32_where_the_memory_is.png")

# %% [markdown]
# ![Two marked values, the gates of one unit, and what the two change in all cells](figures/32_where_the_memory_is.png)
#
# Colour begins at the first mark, changes at the second, and does not end. The top row is the clearest. Its input
# gate opens at the two marks and at no other step. The first value comes in, the second is added to it. Between them
# the cell fades slowly, since f is about 0.99 and not 1.
#
# The other units are less tidy. They receive the sum through h, a little at each step, and grow while the first unit
# fades. The answer is right at the end of the sequence, where it was trained to be right, and not before.
#
# So an LSTM bridges a hundred steps, as the 1997 paper says, and the RNNs did not in this time. But gates alone were
# not enough here, though §2 of the article names them as the remedy. With the usual start b_f = 1 the LSTM failed
# like the RNN. Gates help when they start where the task needs them.

# %% tags=["proof"]
if not QUICK:
    assert all(largest <= 0.04 for _, largest, *_ in solved) and 15_000 < needed < 50_000
    assert all(wrong < 30 for *_, wrong, _ in solved)
    assert abs(adds[-1] - true[-1]) < 0.05 and opens[unit] > 5 * shut[unit]
    assert 0.97 < np.median(with_them["f"][0, :, unit]) < 1

# %% [markdown]
# **To take away:** this network was trained at T = 100. Ask it at T = 200: `x, y, lengths = adding(rng, 1000, 200)`
# and `model.forward(params, x, lengths=lengths)[0]` against y. Before you look: what does f = 0.99 leave of a value
# after 200 steps? And will large and small sums come out too far from 0.5, or too near?

# %% [markdown] tags=["answer"]
# ## Answer
#
# After 200 steps f = 0.99 leaves 0.13, and after 100 steps 0.37. The read-out has learned to make up for 100 steps,
# and not for 200. So what the answers know of the two values is too small. Large and small sums come out too near to
# each other. The *slope* says how far apart two answers are, for targets that are 1 apart. It is about 1 at T = 100,
# and about half to two thirds at T = 200.
#
# It is more than 0.37; other units may fade more slowly. The noise of another hundred steps has come in as well, and
# the error is about a hundred times as large.

# %% tags=["proof"]
assert round(0.99**200, 2) == 0.13 and round(0.99**100, 2) == 0.37
if not QUICK:
    for seed in range(SEEDS):
        model, params, _ = runs["LSTM, chrono", seed]
        spread = {}
        for steps in (100, 200):
            x, y, lengths = adding(np.random.default_rng(5), 1000, steps)
            said = model.forward(params, x, lengths=lengths)[0]
            spread[steps] = np.polyfit(y.ravel(), said.ravel(), 1)[0], np.mean((said - y)**2)
            print(f"seed {seed}, T = {steps}: slope {spread[steps][0]:.2f}, MSE {spread[steps][1]:.5f}")
        assert 0.95 < spread[100][0] < 1.02 and 0.38 < spread[200][0] < 0.75 and spread[200][1] > 30 * spread[100][1]
