# %% [markdown]
# # 7. The article's LSTMModel, repaired: the error that stops you, and the one that does not
#
# *Beside the article: §5, the PyTorch model with input_dim=10, hidden_dim=20, output_dim=1.*
#
# One LSTM reads the sequence, and a linear layer reads its last state:
#
#     h_1 .. h_T = LSTM(x_1 .. x_T),        y = W h_T + b
#
# In minirnn that is a line, `chain(lstm, last_step, linear)`. How many weights has it? Four blocks of 20 rows, each
# with 10 inputs, 20 states and a bias, and 21 for the read-out: 4 · 20 · (10 + 20 + 1) + 21 = 2501. (PyTorch counts
# 2581: it has two biases a block where one does.)

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
count = sum(array.size for _, array in tree.leaves(params))
in_torch = sum(array.size for layer in (params[0], params[2]) for array in weights.to_torch(layer).values())
print("weights:", count, "and as PyTorch keeps them:", in_torch)
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
assert "no attribute 'hidden_dim'" in message

# %% [markdown]
# A harmless mistake: it says where it is, and nobody gets a wrong number from it. The remedy is to leave the zeros
# out. Without a state an LSTM starts from zero, in PyTorch as here.
#
# ## The error that does not stop you
#
# `nn.LSTM` takes (time, batch, feature), unless it is told `batch_first=True`. The article does not tell it, and goes
# on to treat axis 0 as the batch and axis 1 as time. So PyTorch walks along axis 0: from one *sequence* to the next.
# minirnn is batch first; this is the same mistake, with the axes exchanged on the way in and out.


# %%
def confused(params, x):
    """The LSTM that takes the batch for time."""
    h, _, cache = lstm.forward(params, x.swapaxes(0, 1))
    return h.swapaxes(0, 1), cache


def confused_backward(cache, dh):
    grads, dx, _ = lstm.backward(cache, dh.swapaxes(0, 1))
    return grads, dx.swapaxes(0, 1)


printed = compose.chain(compose.Layer(lstm.init, confused, confused_backward, sizes=2), compose.last_step, linear)

# %% [markdown]
# PREDICT: three sequences of seven steps. Change the first sequence, and nothing else. Which of the three outputs may
# change?

# %%
x = rng.normal(size=(3, 7, 10))
changed = x.copy()
changed[0] = rng.normal(size=(7, 10))
for name, one in (("ours", model), ("as printed", printed)):
    y, y_changed = (one.forward(params, given)[0] for given in (x, changed))
    change = np.abs(y_changed - y).ravel()
    print(f"{name:<11} shape {y.shape}, outputs {y.ravel().round(3)}, changed by {change.round(3)}")
    assert y.shape == (3, 1) and change[0] > 0.01
    assert (change[1:] == 0).all() if one is model else (change[1:] > 0.001).all()

# %% [markdown]
# With the axes confused, the forecast for one sequence depends on another that happens to share its batch. The shape
# is right, the numbers look like numbers, no error is raised.
#
# Would the article's zeros have given it away? They have the batch's size on the wrong axis, so they fit only where
# B = T. Elsewhere the message speaks of the state's size (PyTorch's: "Expected hidden[0] size (1, 7, 20), got [1, 3,
# 20]"), and whoever follows it, or leaves the state out, has silenced the alarm.

# %%
for B, T in ((3, 7), (7, 7)):
    zeros = np.zeros((B, 20))
    try:
        lstm.forward(params[0], np.ones((B, T, 10)).swapaxes(0, 1), (zeros, zeros))
        message = "no error"
    except ValueError as error:
        message = str(error)
    print(f"B = {B}, T = {T}: {message}")
    assert (message == "no error") == (B == T)

# %% [markdown]
# ## What the output sees
#
# The backward pass tells what an output depends on: send 1 into the output of sequence 3 alone, and look where in x
# the gradient arrives. Rows are the sequences of the batch, columns the steps.
#
# PREDICT: draw both maps.

# %%
x = rng.normal(size=(6, 8, 10))
seen = {}
figure = Figure(figsize=(11, 3.6), layout="constrained")
for ax, (name, one) in zip(figure.subplots(1, 2), (("ours", model), ("as printed", printed))):
    _, _, cache = one.forward(params, x)
    _, dx, _ = one.backward(cache, np.eye(6)[:, 3:4])
    seen[name] = np.linalg.norm(dx, axis=2)  # (B, T)
    image = ax.imshow(np.ma.masked_equal(seen[name], 0), cmap="viridis_r", norm=LogNorm(1e-3, 1e-1))
    ax.set(title=f"{name}: what the output of sequence 3 sees", xlabel="step t", ylabel="sequence of the batch")
figure.colorbar(image, ax=figure.axes, label="norm of dy$_3$/dx")
save(figure, "07_the_articles_model_repaired.png")
ours, theirs = (norms > 0 for norms in seen.values())
assert ours[3].all() and not np.delete(ours, 3, axis=0).any()
assert theirs[:4, -1].all() and not theirs[:, :-1].any() and not theirs[4:].any()
print({name: f"{np.count_nonzero(norms)} of {norms.size} places" for name, norms in seen.items()})

# %% [markdown]
# ![Where the gradient of one output arrives, ours and as printed](figures/07_the_articles_model_repaired.png)
#
# White is zero. Ours sees all steps of its own sequence. As printed it sees one step of its own and the last step of
# the sequences that happen to stand before it. There is no time left in it.
#
# ## Does training notice?
#
# A task that needs all steps: the target is the sum of the first feature over ten steps, divided by √10, so that its
# variance is 1. (A linear model on all 100 inputs solves it exactly. It is here to test the plumbing.)
#
# PREDICT: the confused model sees one of the ten terms. What is the best MSE it can reach?

# %%
EPOCHS = 1 if QUICK else 15


def data(n, seed, T=10):
    x = np.random.default_rng(seed).normal(size=(n, T, 10)).astype(np.float32)
    return training.Batch(x, x[:, :, 0].sum(axis=1, keepdims=True) / np.float32(np.sqrt(T)))


train, validation, test = data(1000, 1), data(500, 2), data(500, 3)
print(f"always 0: test MSE {(test.y**2).mean():.3f}")
histories, errors = {}, {}
for name, one in (("ours", model), ("as printed", printed)):
    trained = one.init(np.random.default_rng(0), 10, 20, 1)
    histories[name] = training.fit(one, trained, optim.Adam(lr=0.01), train, validation,
                                   rng=np.random.default_rng(0), epochs=EPOCHS)
    first, last = (histories[name]["train"][epoch] for epoch in (0, -1))
    errors[name] = [training.evaluate(one, trained, test, batch_size=size) for size in (1, 32, 256)]
    print(f"{name:<11} training loss {first:.3f} to {last:.3f}; test MSE in batches of 1, 32, 256:",
          *(f"{value:.4f}" for value in errors[name]))

# %% [markdown]
# The best it can reach is 1 - 1/10 = 0.9 of the variance. Its training loss falls all the same, below 0.9 even: it
# learns the training data by heart. Seen alone that curve looks like a network that learns something hard; a hint is
# that validation never follows. And its test error depends on the batch size of the evaluation, which no sound
# model's does. Ours ends near 0.005.

# %%
if not QUICK:
    assert histories["as printed"]["train"][-1] < 0.9 < histories["as printed"]["train"][0]
    assert min(histories["as printed"]["validation"]) > 0.88 and min(errors["as printed"]) > 0.88
    assert max(errors["ours"]) < 0.02
assert np.ptp(errors["ours"]) < 1e-5 < 1e-4 < np.ptp(errors["as printed"])

# %% [markdown]
# ## Ours is PyTorch's
#
# Is the repaired model the one that PyTorch computes with `batch_first=True`? Sizes 2, 3, 1 and weights made by a
# rule, so that they need no file. The numbers below were recorded in float64 with torch 2.13.0, by the code in `live`
# further down.

# %%
B, T, D, H = 3, 4, 2, 3


def by_rule(shape, start, wave=np.sin):
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
for name, value in RECORDED.items():
    print(f"{name:<20} ours {np.round(ours[name], 6)}, PyTorch {np.round(value, 6)}")
    assert np.allclose(ours[name], value, rtol=0, atol=1e-11)

# %% [markdown]
# The last line is the confusion, in PyTorch itself: `nn.LSTM` without `batch_first`, on the same input. Our emulation
# is exact.
#
# Where PyTorch is installed the recorded numbers are made afresh; and the gradients of the full size, 10, 20, 1, are
# checked without any other library, by the complex step.


# %%
def live(torch):
    """The recorded numbers, by PyTorch."""
    right, wrong = (torch.nn.LSTM(D, H, batch_first=first, dtype=torch.float64) for first in (True, False))
    read_out = torch.nn.Linear(H, 1, dtype=torch.float64)
    for module, layer in ((right, small[0]), (wrong, small[0]), (read_out, small[2])):
        module.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(layer)))
    given = torch.tensor(x, requires_grad=True)
    prediction = read_out(right(given)[0][:, -1])
    loss = torch.nn.functional.mse_loss(prediction, torch.tensor(target))
    loss.backward()
    return {"prediction": prediction.detach().numpy().ravel(), "loss": loss.item(),
            "norm of dU_h": right.weight_hh_l0.grad.norm().item(), "norm of dx": given.grad.norm().item(),
            "without batch_first": read_out(wrong(given)[0][:, -1]).detach().numpy().ravel()}


try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
except ImportError:
    print("PyTorch is not installed: the recorded numbers stand")
else:
    assert all(np.allclose(value, ours[name], rtol=0, atol=1e-12) for name, value in live(torch).items())
    print("the same, live, by torch", torch.__version__)
whole = compose.with_loss(model, losses.mse, rng.normal(size=(3, 1)))
report = gradcheck.check(whole, params, rng.normal(size=(3, 7, 10)), rng=rng, method="complex")
print(f"largest error of any gradient: {report.max_error:.1e}")
assert report.ok

# %% [markdown]
# **To take away:** a batch is a set: each of its sequences must be answered as if it were alone. Write that as a test
# of two lines, for any model, with `model.forward(params, x[2:3])`. Which of your own models would you like to run it
# on? And does it catch the confusion if the test has a batch of one?
