# %% [markdown]
# # 17. The article's LSTMModel: one error that stops you, and one that does not
#
# *Beside the article: §5, the PyTorch model with input_dim=10, hidden_dim=20, output_dim=1.*
#
# The article's class has two mistakes. One stops the program. The other raises no error, and the network then reads
# something else than time. How can one see that, in numbers and in a picture?
#
# The model is one LSTM that reads the sequence, and a linear layer that reads its last state:
#
#     h_1 .. h_T = LSTM(x_1 .. x_T),        y = W h_T + b
#
# In minirnn that is a line, `chain(lstm, last_step, linear)`: one layer after the other, where `last_step` passes on
# h_T alone.
#
# ## The error that stops you
#
# The class does not run as printed: its forward pass reads `self.hidden_dim`, which its constructor never sets. Here
# is that mistake alone.

# %%
import warnings

import numpy as np
from common import save
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from minirnn import compose, linear, lstm, tree, weights

rng = np.random.default_rng(0)


class Model:
    def __init__(self, hidden_dim):
        self.params = lstm.init(rng, 10, hidden_dim)

    def forward(self, x):
        zeros = np.zeros((len(x), self.hidden_dim))
        return lstm.forward(self.params, x, (zeros, zeros))


try:
    Model(20).forward(np.ones((4, 7, 10)))
except AttributeError as error:
    message = str(error)
print(message)

# %% [markdown]
# This mistake is harmless. It says where it is, and nobody gets a wrong number from it. The zeros are not needed:
# without a state an LSTM starts from zero, in PyTorch as here.
#
# ## The error that does not stop you
#
# `nn.LSTM` takes (time, batch, feature), unless it is told `batch_first=True`. (A feature is one of the numbers of a
# step.) The article's code does not say so. It then uses axis 0 as the batch and axis 1 as time. So PyTorch walks
# along axis 0, from one *sequence* to the next.
#
# minirnn takes (batch, time, feature). To make the same mistake here, exchange the axes on the way in and out.

# %%
def confused(params, x):
    """The LSTM that takes the batch for time."""
    h, _, cache = lstm.forward(params, x.swapaxes(0, 1))
    return h.swapaxes(0, 1), cache


def confused_backward(cache, dh):
    grads, dx, _ = lstm.backward(cache, dh.swapaxes(0, 1))
    return grads, dx.swapaxes(0, 1)


# A layer is its three functions. This one takes no state and no lengths, and its init takes two sizes, D and H.
wrong_axis = compose.Layer(lstm.init, confused, confused_backward, takes=(), sizes=2)
models = {"repaired": compose.chain(lstm, compose.last_step, linear),
          "as printed": compose.chain(wrong_axis, compose.last_step, linear)}
params = models["repaired"].init(rng, 10, 20, 1, dtype=np.float64)  # the same weights for both

# %% [markdown]
# PREDICT: three sequences of seven steps. Change the first sequence, and nothing else. Which of the three outputs may
# change, in each model?

# %%
x = rng.normal(size=(3, 7, 10))
other = x.copy()
other[0] = rng.normal(size=(7, 10))
change = {}
for name, model in models.items():
    y, *_ = model.forward(params, x)
    y_other, *_ = model.forward(params, other)
    change[name] = np.abs(y_other - y).ravel()
    print(f"{name:<11} shape {y.shape}, outputs {y.ravel().round(3)}, changed by {change[name].round(3)}")

# %% [markdown]
# In the repaired model, the first alone. In the printed one, all three. Its forecast for one sequence depends on
# others, which happen to be in the same batch. The shape is right, and no error is raised.
#
# The article's initial zeros would often have stopped it. For 3 sequences of 7 steps they are (1, 3, 20). PyTorch takes
# axis 1 as the batch and wants (1, 7, 20). So it raises an error, unless B = T. Without the zeros nothing warns.

# %% tags=["proof"]
assert "no attribute 'hidden_dim'" in message
assert change["repaired"][0] > 0.01 and (change["repaired"][1:] == 0).all() and (change["as printed"] > 0.001).all()
for B, T in ((3, 7), (7, 7)):
    zeros = np.zeros((B, 20))
    try:
        lstm.forward(params[0], np.ones((B, T, 10)).swapaxes(0, 1), (zeros, zeros))
    except ValueError:
        assert B != T
    else:
        assert B == T

# %% [markdown]
# ## What the output sees
#
# The backward pass tells what an output depends on. Take six sequences of eight steps. Send 1 into the output of
# sequence 3 alone, and look where in x the gradient arrives. The rows of the map are the sequences of the batch, from
# 0 to 5. Its columns are the steps, from 0 to 7.
#
# PREDICT: draw the map of each model.

# %%
x = rng.normal(size=(6, 8, 10))
only_3 = np.zeros((6, 1))
only_3[3] = 1
seen = {}
figure = Figure(figsize=(11, 3.8), layout="constrained")
for ax, (name, model) in zip(figure.subplots(1, 2), models.items()):
    _, _, cache = model.forward(params, x)
    _, dx, _ = model.backward(cache, only_3)
    seen[name] = np.linalg.norm(dx, axis=2)  # (B, T)
    image = ax.imshow(np.ma.masked_equal(seen[name], 0), cmap="viridis_r", norm=LogNorm(1e-3, 1e-1))
    ax.set_title(f"{name}: what the output of sequence 3 sees", fontsize=12)
    ax.set_xlabel("step", fontsize=12), ax.set_ylabel("sequence of the batch", fontsize=12)
figure.colorbar(image, ax=figure.axes).set_label("length of d$y_3$/d$x$", fontsize=12)
save(figure, "17_the_articles_model.png")

# %% [markdown]
# ![Where the gradient of one output arrives, repaired and as printed](figures/17_the_articles_model.png)
#
# White is zero. The repaired model sees all steps of its own sequence. As printed it sees one step of its own, the
# last, and the last step of the sequences that stand before it. It does not read through time at all.
#
# PyTorch does the same. With the same weights, the printed class gives the numbers of our confused `chain`. They were
# recorded with torch 2.13.0, and a cell that the stepper does not show compares them. Where PyTorch is installed, it
# also computes them afresh.

# %% tags=["proof"]
repaired, printed = (norms > 0 for norms in seen.values())
assert repaired[3].all() and not np.delete(repaired, 3, axis=0).any()
assert printed[:4, -1].all() and not printed[:, :-1].any() and not printed[4:].any()

B, T, D, H = 3, 4, 2, 3


def by_rule(shape, start, wave=np.sin):
    """Weights that need no file."""
    return wave(np.arange(start, start + np.prod(shape), dtype=np.float64)).reshape(shape)


small = [{"W_x": by_rule((4 * H, D), 0), "U_h": by_rule((4 * H, H), 24), "b": by_rule((4 * H,), 60)}, {},
         {"W": by_rule((1, H), 72), "b": by_rule((1,), 75)}]
x = by_rule((B, T, D), 0, np.cos)
in_minirnn = models["as printed"].forward(small, x)[0].ravel()
assert np.allclose(in_minirnn, [-0.503080767828, -0.188252854676, -0.211227304293], rtol=0, atol=1e-11)
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
except ImportError:
    print("PyTorch is not installed: the recorded numbers stand")
else:
    layers = torch.nn.LSTM(D, H).double(), torch.nn.Linear(H, 1).double()
    for module, layer in zip(layers, (small[0], small[2])):
        module.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(layer)))
    out, _ = layers[0](torch.tensor(x))
    assert np.allclose(layers[1](out[:, -1, :]).detach().numpy().ravel(), in_minirnn, rtol=0, atol=1e-12)
    print(f"PyTorch {torch.__version__}, run now, gives the same numbers")

# %% [markdown]
# The repair is one argument, `batch_first=True`. Tutorial 18 shows the repaired class and trains both models.
#
# **To take away:** a batch is a set. Each of its sequences must be answered as if it were alone. Write that as a test
# of two lines, for any model. Does it find the confusion if the test has a batch of one?

# %% [markdown] tags=["answer"]
# ## Answer
#
#     together, alone = model.forward(params, x)[0], model.forward(params, x[2:3])[0]
#     assert np.allclose(together[2:3], alone)
#
# With a batch of one it cannot fail, for no other sequence is there. Two are enough if the second is tested. The first
# has none before it, so with it the test cannot fail either.

# %% tags=["proof"]
x = rng.normal(size=(4, 7, 10))
for name, model in models.items():
    for some, k, found in (x, 2, True), (x[:2], 1, True), (x, 0, False):  # the first one has none before it
        together, alone = model.forward(params, some)[0], model.forward(params, some[k:k + 1])[0]
        assert np.allclose(together[k:k + 1], alone) == (name == "repaired" or not found)
