# %% [markdown]
# # 15. The article's LSTMModel, repaired: the error that stops you, and the one that does not
#
# *Beside the article: §5, the PyTorch model with input_dim=10, hidden_dim=20, output_dim=1.*
#
# One LSTM reads the sequence, and a linear layer reads its last state:
#
#     h_1 .. h_T = LSTM(x_1 .. x_T),        y = W h_T + b
#
# In minirnn that is a line, `chain(lstm, last_step, linear)`: one layer after the other, where `last_step` passes on
# h_T alone.
#
# PREDICT: how many weights has it, with 10 inputs, 20 units and 1 output?

# %%
import warnings

import numpy as np
from common import QUICK, save
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from minirnn import compose, gradcheck, linear, losses, lstm, optim, training, tree, weights

model = compose.chain(lstm, compose.last_step, linear)
rng = np.random.default_rng(0)
params = model.init(rng, 10, 20, 1, dtype=np.float64)
for path, array in tree.leaves(params):  # params is a list with a dict for each layer; its arrays, with their places
    print(f"{path:<8} {array.shape}")
count = sum(array.size for _, array in tree.leaves(params))
print("together", count)

# %% [markdown]
# i, f, c̃ and o have 20 rows each, with 10 inputs, 20 states and a bias. The read-out has 20 + 1. Together that is
# 4 · 20 · (10 + 20 + 1) + 21 = 2501. PyTorch counts 80 more, 2581: it has a second bias for each row.

# %% tags=["proof"]
in_torch = sum(array.size for layer in (params[0], params[2]) for array in weights.to_torch(layer).values())
assert (count, in_torch) == (2501, 2581)

# %% [markdown]
# ## The error that stops you
#
# The printed class does not run: its forward pass reads `self.hidden_dim`, which its constructor never sets. Here is
# that mistake alone.

# %%
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
printed = compose.chain(wrong_axis, compose.last_step, linear)

# %% [markdown]
# PREDICT: three sequences of seven steps. Change the first sequence, and nothing else. Which of the three outputs may
# change?

# %%
x = rng.normal(size=(3, 7, 10))
other = x.copy()
other[0] = rng.normal(size=(7, 10))
change = {}
for name, one in (("ours", model), ("as printed", printed)):
    y, *_ = one.forward(params, x)
    y_other, *_ = one.forward(params, other)
    change[name] = np.abs(y_other - y).ravel()
    print(f"{name:<11} shape {y.shape}, outputs {y.ravel().round(3)}, changed by {change[name].round(3)}")

# %% [markdown]
# In ours, the first alone. With the axes confused, the forecast for one sequence depends on another, which happens to
# be in its batch. The shape is right, the numbers look like numbers, and no error is raised.
#
# Would the article's initial zeros have shown it? Their shape is (1, 3, 20) for B = 3. PyTorch, which takes axis 1 as
# the batch, wants (1, 7, 20). So it stops with an error, unless B = T. Without the zeros this error is gone. Then
# nothing warns.

# %% tags=["proof"]
assert "no attribute 'hidden_dim'" in message
assert change["ours"][0] > 0.01 and (change["ours"][1:] == 0).all() and (change["as printed"] > 0.001).all()
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
# The backward pass tells what an output depends on. Send 1 into the output of sequence 3 alone, and look where in x
# the gradient arrives. The rows of the map are the sequences of the batch, its columns the steps.
#
# PREDICT: draw both maps.

# %%
x = rng.normal(size=(6, 8, 10))
seen = {}
figure = Figure(figsize=(11, 3.8), layout="constrained")
for ax, (name, one) in zip(figure.subplots(1, 2), (("ours", model), ("as printed", printed))):
    _, _, cache = one.forward(params, x)
    only_3 = np.zeros((6, 1))
    only_3[3] = 1
    _, dx, _ = one.backward(cache, only_3)
    seen[name] = np.linalg.norm(dx, axis=2)  # (B, T)
    image = ax.imshow(np.ma.masked_equal(seen[name], 0), cmap="viridis_r", norm=LogNorm(1e-3, 1e-1))
    ax.set(title=f"{name}: what the output of sequence 3 sees", xlabel="step t", ylabel="sequence of the batch")
figure.colorbar(image, ax=figure.axes, label="length of dy$_3$/dx")
save(figure, "15_the_articles_model_repaired.png")

# %% [markdown]
# ![Where the gradient of one output arrives, ours and as printed](figures/15_the_articles_model_repaired.png)
#
# White is zero. Ours sees all steps of its own sequence. As printed it sees one step of its own, the last, and the
# last step of the sequences that stand before it. It does not read through time at all.

# %% tags=["proof"]
ours, theirs = (norms > 0 for norms in seen.values())
assert ours[3].all() and not np.delete(ours, 3, axis=0).any()
assert theirs[:4, -1].all() and not theirs[:, :-1].any() and not theirs[4:].any()

# %% [markdown]
# ## The class, repaired
#
# Both mistakes mended, and nothing else changed:
#
#     class LSTMModel(nn.Module):
#         def __init__(self, input_dim, hidden_dim, output_dim):
#             super().__init__()
#             self.lstm = nn.LSTM(input_dim, hidden_dim, batch_first=True)     # x is (batch, time, feature)
#             self.fc = nn.Linear(hidden_dim, output_dim)
#
#         def forward(self, x):
#             out, _ = self.lstm(x)                                            # from zeros: no state is given
#             return self.fc(out[:, -1, :])                                    # the last step of each sequence
#
#     model = LSTMModel(10, 20, 1)
#
# With the same weights it gives the numbers of our `chain` to 1e-11, and its gradients too. PyTorch's numbers were
# recorded with torch 2.13.0. A cell that the stepper does not show compares them. Where PyTorch is installed, it also
# computes them afresh.

# %% tags=["proof"]
B, T, D, H = 3, 4, 2, 3


def by_rule(shape, start, wave=np.sin):
    """Weights that need no file."""
    return wave(np.arange(start, start + np.prod(shape), dtype=np.float64)).reshape(shape)


small = [{"W_x": by_rule((4 * H, D), 0), "U_h": by_rule((4 * H, H), 24), "b": by_rule((4 * H,), 60)}, {},
         {"W": by_rule((1, H), 72), "b": by_rule((1,), 75)}]
x, target = by_rule((B, T, D), 0, np.cos), np.array([[1.0], [0.0], [-1.0]])
RECORDED = {"prediction": [-0.337249476526, -0.119371556662, -0.174463214281], "loss": 0.827998905194,
            "norm of dU_h": 0.098062498820, "norm of dx": 0.521940767597,
            "without batch_first": [-0.503080767828, -0.188252854676, -0.211227304293]}

y, _, cache = model.forward(small, x)
loss, loss_cache = losses.mse(y, target)
grads, dx, _ = model.backward(cache, losses.mse_backward(loss_cache))
ours = {"prediction": y.ravel(), "loss": loss, "norm of dU_h": np.linalg.norm(grads[0]["U_h"]),
        "norm of dx": np.linalg.norm(dx), "without batch_first": printed.forward(small, x)[0].ravel()}
assert all(np.allclose(ours[name], value, rtol=0, atol=1e-11) for name, value in RECORDED.items())


def live(torch):
    """The recorded numbers, by PyTorch."""
    from torch import nn

    class LSTMModel(nn.Module):
        def __init__(self, input_dim, hidden_dim, output_dim, batch_first=True):
            super().__init__()
            self.lstm = nn.LSTM(input_dim, hidden_dim, batch_first=batch_first)
            self.fc = nn.Linear(hidden_dim, output_dim)

        def forward(self, x):
            out, _ = self.lstm(x)
            return self.fc(out[:, -1, :])

    right, wrong = (LSTMModel(D, H, 1, batch_first).double() for batch_first in (True, False))
    for one in (right, wrong):
        for module, layer in ((one.lstm, small[0]), (one.fc, small[2])):
            module.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(layer)))
    given = torch.tensor(x, requires_grad=True)
    prediction = right(given)
    loss = nn.functional.mse_loss(prediction, torch.tensor(target))
    loss.backward()
    return {"prediction": prediction.detach().numpy().ravel(), "loss": loss.item(),
            "norm of dU_h": right.lstm.weight_hh_l0.grad.norm().item(), "norm of dx": given.grad.norm().item(),
            "without batch_first": wrong(given).detach().numpy().ravel()}


try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
except ImportError:
    print("PyTorch is not installed: the recorded numbers stand")
else:
    assert all(np.allclose(value, ours[name], rtol=0, atol=1e-12) for name, value in live(torch).items())
    print(f"PyTorch {torch.__version__}, run now, gives the same numbers")
whole = compose.with_loss(model, losses.mse, rng.normal(size=(3, 1)))
assert gradcheck.check(whole, params, rng.normal(size=(3, 7, 10)), rng=rng, method="complex").ok

# %% [markdown]
# ## Does training notice?
#
# Here is a task that needs all steps. The target is the sum of the first feature over ten steps. It is divided by
# √10, so that its variance is 1. (A linear model on all 100 inputs solves it exactly. The task only tests whether the
# steps reach the output.) `training.fit` runs the four steps of tutorial 6, epoch by epoch, and clips the gradient at
# norm 1.
#
# PREDICT: the confused model sees one of the ten terms. What is the best MSE it can reach on new data?

# %%
EPOCHS = 1 if QUICK else 15


def data(n, seed, T=10):
    x = np.random.default_rng(seed).normal(size=(n, T, 10)).astype(np.float32)
    return training.Batch(x, x[:, :, 0].sum(axis=1, keepdims=True) / np.float32(np.sqrt(T)))


train, validation, test = data(1000, 1), data(500, 2), data(500, 3)
one_term = {name: ((some.y - some.x[:, -1, :1] / np.sqrt(10)) ** 2).mean()
            for name, some in (("training", train), ("test", test))}
print(f"always 0: test MSE {(test.y**2).mean():.3f}")
print("the last of the ten terms alone:", *(f"{name} MSE {value:.3f} " for name, value in one_term.items()))
histories, errors = {}, {}
for name, one in (("ours", model), ("as printed", printed)):
    trained = one.init(np.random.default_rng(0), 10, 20, 1)
    histories[name] = training.fit(one, trained, optim.Adam(lr=0.01), train, validation,
                                   rng=np.random.default_rng(0), epochs=EPOCHS)
    in_training, best = histories[name]["train"], min(histories[name]["validation"])
    errors[name] = [training.evaluate(one, trained, test, batch_size=size) for size in (1, 32, 256)]
    print(f"{name:<11} training loss {in_training[0]:.3f} to {in_training[-1]:.3f}, lowest validation loss {best:.3f}; "
          "test MSE in batches of 1, 32, 256:", *(f"{value:.4f}" for value in errors[name]))

# %% [markdown]
# One term of ten explains 1/10 of the variance, so about 1 - 1/10 = 0.9 is the best. Using the right term alone gives
# 0.924 on these test data, and the confused model comes near it. On the training data the right term gives 0.918.
# There the loss of the confused model falls below it, to 0.837: the model memorizes its training data. Seen alone
# that curve looks like a network that learns something hard. There are two hints. The validation loss does not
# follow. And the test error depends on the batch size of the test, which a sound model's does not. Ours ends near
# 0.005.

# %% tags=["proof"]
if not QUICK:
    first, *_, last = histories["as printed"]["train"]
    assert 0.82 < last < 0.85 < one_term["training"] < first
    assert min(histories["as printed"]["validation"]) > 0.88 and min(errors["as printed"]) > 0.88
    assert max(errors["ours"]) < 0.02
assert (round(float(one_term["training"]), 3), round(float(one_term["test"]), 3)) == (0.918, 0.924)
assert np.ptp(errors["ours"]) < 1e-5 < 1e-4 < np.ptp(errors["as printed"])

# %% [markdown]
# **To take away:** a batch is a set. Each of its sequences must be answered as if it were alone. Write that as a test
# of two lines, for any model. Does it find the confusion if the test has a batch of one?

# %% [markdown] tags=["answer"]
# ## Answer
#
#     together, alone = model.forward(params, x)[0], model.forward(params, x[2:3])[0]
#     assert np.allclose(together[2:3], alone)
#
# With a batch of one it cannot fail, for no other sequence is there. Take three or more, and do not test the first
# one: it has none before it.

# %% tags=["proof"]
x = rng.normal(size=(4, 7, 10))
for one, sound in ((model, True), (printed, False)):
    together, alone = one.forward(params, x)[0], one.forward(params, x[2:3])[0]
    assert np.allclose(together[2:3], alone) == sound
    assert np.allclose(one.forward(params, x[:1])[0], one.forward(params, x[:1])[0])
    assert np.allclose(together[:1], one.forward(params, x[:1])[0])  # the first one has nobody before it
