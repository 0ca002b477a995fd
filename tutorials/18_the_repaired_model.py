# %% [markdown]
# # 18. The repaired model, trained: would the loss have shown the mistake?
#
# *Beside the article: §5, the PyTorch model with input_dim=10, hidden_dim=20, output_dim=1.*
#
# Tutorial 17 found a mistake in the article's class that raises no error: its LSTM takes the batch for time. Here is
# the class, repaired:
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
# Here both are trained on one task, the repaired model and the printed one. Do their losses tell which is wrong?
#
# ## The same model in minirnn
#
# It is `chain(lstm, last_step, linear)`: y = W h_T + b.
#
# PREDICT: how many weights has it, with 10 inputs, 20 units and 1 output?

# %%
import warnings

import numpy as np
from common import QUICK, save
from matplotlib.figure import Figure

from minirnn import compose, gradcheck, linear, losses, lstm, optim, plots, training, tree, weights

repaired = compose.chain(lstm, compose.last_step, linear)
params = repaired.init(np.random.default_rng(0), 10, 20, 1)
for path, array in tree.leaves(params):  # params is a list with a dict for each layer; its arrays, with their places
    print(f"{path:<8} {array.shape}")
count = sum(array.size for _, array in tree.leaves(params))
print("together", count)

# %% [markdown]
# i, f, c̃ and o have 20 rows each, with 10 inputs, 20 states and a bias. The read-out has 20 + 1. Together that is
# 4 · 20 · (10 + 20 + 1) + 21 = 2501. PyTorch counts 80 more, 2581: it has a second bias for each row.
#
# With the same weights both give the same forecasts, to 1e-11, and the same gradients. PyTorch's numbers were recorded
# with torch 2.13.0. A cell that the stepper does not show compares them.

# %% tags=["proof"]
in_torch = sum(array.size for layer in (params[0], params[2]) for array in weights.to_torch(layer).values())
assert (count, in_torch) == (2501, 2581)

B, T, D, H = 3, 4, 2, 3


def by_rule(shape, start, wave=np.sin):
    """Weights that need no file."""
    return wave(np.arange(start, start + np.prod(shape), dtype=np.float64)).reshape(shape)


small = [{"W_x": by_rule((4 * H, D), 0), "U_h": by_rule((4 * H, H), 24), "b": by_rule((4 * H,), 60)}, {},
         {"W": by_rule((1, H), 72), "b": by_rule((1,), 75)}]
x, target = by_rule((B, T, D), 0, np.cos), np.array([[1.0], [0.0], [-1.0]])
RECORDED = {"prediction": [-0.337249476526, -0.119371556662, -0.174463214281], "loss": 0.827998905194,
            "norm of dU_h": 0.098062498820, "norm of dx": 0.521940767597}

y, _, cache = repaired.forward(small, x)
loss, loss_cache = losses.mse(y, target)
grads, dx, _ = repaired.backward(cache, losses.mse_backward(loss_cache))
ours = {"prediction": y.ravel(), "loss": loss, "norm of dU_h": np.linalg.norm(grads[0]["U_h"]),
        "norm of dx": np.linalg.norm(dx)}
assert all(np.allclose(ours[name], value, rtol=0, atol=1e-11) for name, value in RECORDED.items())


def live(torch):
    """The recorded numbers, by PyTorch."""
    from torch import nn

    class LSTMModel(nn.Module):
        def __init__(self, input_dim, hidden_dim, output_dim):
            super().__init__()
            self.lstm = nn.LSTM(input_dim, hidden_dim, batch_first=True)
            self.fc = nn.Linear(hidden_dim, output_dim)

        def forward(self, x):
            out, _ = self.lstm(x)
            return self.fc(out[:, -1, :])

    model = LSTMModel(D, H, 1).double()
    for module, layer in ((model.lstm, small[0]), (model.fc, small[2])):
        module.load_state_dict(tree.map(torch.from_numpy, weights.to_torch(layer)))
    given = torch.tensor(x, requires_grad=True)
    prediction = model(given)
    loss = nn.functional.mse_loss(prediction, torch.tensor(target))
    loss.backward()
    return {"prediction": prediction.detach().numpy().ravel(), "loss": loss.item(),
            "norm of dU_h": model.lstm.weight_hh_l0.grad.norm().item(), "norm of dx": given.grad.norm().item()}


if not QUICK:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torch
    except ImportError:
        print("PyTorch is not installed: the recorded numbers stand")
    else:
        assert all(np.allclose(value, ours[name], rtol=0, atol=1e-12) for name, value in live(torch).items())
        print(f"PyTorch {torch.__version__}, run now, gives the same numbers")
rng, widths = np.random.default_rng(0), (2, 3, 1) if QUICK else (10, 20, 1)
whole = compose.with_loss(repaired, losses.mse, rng.normal(size=(3, 1)))
assert gradcheck.check(whole, repaired.init(rng, *widths, dtype=np.float64), rng.normal(size=(3, 7, widths[0])),
                       rng=rng, method="complex").ok

# %% [markdown]
# ## A task that needs all steps
#
# x has ten steps of ten features, all random. The target is the sum of the first feature over the ten steps. It is
# divided by √10, so that its variance is 1. So a model that always says 0 has an MSE of about 1.
#
# The printed model sees only the last step of a sequence. Beside it, it sees other sequences, which say nothing about
# this one.
#
# PREDICT: it knows one of the ten terms. What is the best MSE it can reach on new data?

# %%
def data(n, seed, T=10):
    x = np.random.default_rng(seed).normal(size=(n, T, 10)).astype(np.float32)
    return training.Batch(x, x[:, :, 0].sum(axis=1, keepdims=True) / np.float32(np.sqrt(T)))


train, validation, test = data(1000, 1), data(500, 2), data(500, 3)
one_term = {}
for name, some in (("training", train), ("validation", validation), ("test", test)):
    one_term[name] = ((some.y - some.x[:, -1, :1] / np.sqrt(10)) ** 2).mean()
    print(f"{name:<10} MSE: always 0 {(some.y**2).mean():.3f}, the last of the ten terms {one_term[name]:.3f}")


def inputs(some):
    return np.c_[some.x.reshape(len(some.x), -1), np.ones(len(some.x))].astype(np.float64)


line = np.linalg.lstsq(inputs(train), train.y, rcond=None)[0]
line_error = ((inputs(test) @ line - test.y) ** 2).mean()
print(f"a linear model on all 100 inputs: test MSE {line_error:.0e}")

# %% [markdown]
# One term of ten explains 1/10 of the variance. So about 1 - 1/10 = 0.9 is the best. With the right term it is 0.918
# on these training data and 0.924 on the test data.
#
# The task is linear, so a linear model solves it exactly, and no LSTM can be better. The task has one purpose: to show
# whether the steps reach the output.
#
# ## Both are trained
#
# `training.fit` runs the four steps of tutorial 7, epoch by epoch. It clips the gradient at norm 1. It changes
# `params` in place, and at the end puts back the weights of the best epoch in validation. Adam has lr = 0.01. Five
# seeds each.
#
# PREDICT: there will be four curves, training and validation loss of each model. Which of them fall below 0.9?

# %%
def confused(params, x):
    """The LSTM that takes the batch for time: the printed model has it."""
    h, _, cache = lstm.forward(params, x.swapaxes(0, 1))
    return h.swapaxes(0, 1), cache


def confused_backward(cache, dh):
    grads, dx, _ = lstm.backward(cache, dh.swapaxes(0, 1))
    return grads, dx.swapaxes(0, 1)


wrong_axis = compose.Layer(lstm.init, confused, confused_backward, takes=(), sizes=2)
printed = compose.chain(wrong_axis, compose.last_step, linear)
EPOCHS, SEEDS, SIZES = (2, 1, (32, 256)) if QUICK else (15, 5, (1, 32, 256))
histories, errors = {}, {}
for name, model in (("repaired", repaired), ("as printed", printed)):
    histories[name], errors[name] = [], []
    for seed in range(SEEDS):
        params = model.init(np.random.default_rng(seed), 10, 20, 1)
        histories[name].append(training.fit(model, params, optim.Adam(lr=0.01), train, validation,
                                            rng=np.random.default_rng(seed), epochs=EPOCHS))
        errors[name].append([training.evaluate(model, params, test, batch_size=size) for size in SIZES])
    last, low = np.mean([(h["train"][-1], min(h["validation"])) for h in histories[name]], axis=0)
    print(f"{name:<10} last training loss {last:.3f}, lowest validation loss {low:.3f} (means of the seeds)")
    for seed, row in enumerate(errors[name]):
        print(f"    seed {seed}: test MSE in batches of {', '.join(map(str, SIZES))}:", *(f"{e:.4f}" for e in row))

figure = Figure(figsize=(9, 4.6), layout="constrained")
ax = figure.subplots()
for name, colour in (("as printed", plots.ORANGE), ("repaired", plots.BLUE)):
    for part, style in (("validation", "-"), ("train", "--")):
        curves = np.array([history[part] for history in histories[name]])
        ax.plot(range(1, EPOCHS + 1), curves.mean(axis=0), style, color=colour, linewidth=2.2,
                label=f"{name}, {'training' if part == 'train' else part}")
        ax.fill_between(range(1, EPOCHS + 1), curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.15, lw=0)
ax.axhline(one_term["validation"], color="black", linestyle=":", label="the last term alone")
ax.set(ylim=(0, 1.1), xlim=(1, EPOCHS))
ax.set_xlabel("epoch", fontsize=12), ax.set_ylabel("MSE, mean and range of the seeds", fontsize=12)
ax.legend(frameon=False, loc="center right", fontsize=12)
save(figure, "18_the_repaired_model.png")

# %% [markdown]
# ![Training and validation loss, repaired and as printed](figures/18_the_repaired_model.png)
#
# Three of the four. The repaired model comes to about 0.005 in training and 0.004 in validation. The training loss of
# the printed model falls too, to 0.84. That is below 0.918, the best with one term. So it memorizes. Seen alone, its
# curve looks like that of a network that learns something hard.
#
# So this curve alone does not show the mistake. (Beside the line's training loss, nearly 0, it would.) Two more hints:
#
# - The validation loss of the printed model does not follow. Its lowest mean is about 0.94, at the second epoch. That
#   says that something is wrong, and not what.
# - Its test error changes with the batch size of the test, by about 0.01. A sound model's does not.

# %% tags=["proof"]
for sound, row in [(name == "repaired", row) for name in errors for row in errors[name]]:
    assert np.ptp(row) < 1e-5 if sound else 0.002 < np.ptp(row) < 0.02 or QUICK
if not QUICK:
    curves = {name: {part: np.array([history[part] for history in histories[name]]) for part in ("train", "validation")}
              for name in histories}
    last = {name: {part: of[:, -1] for part, of in parts.items()} for name, parts in curves.items()}
    assert 0.0045 < last["repaired"]["train"].mean() < 0.0055 and last["repaired"]["train"].max() < 0.01
    assert 0.0035 < curves["repaired"]["validation"].min(axis=1).mean() < 0.0045
    assert np.array(errors["repaired"]).max() < 0.01 and np.array(errors["as printed"]).min() > one_term["test"]
    assert 0.835 < last["as printed"]["train"].mean() < 0.845 and last["as printed"]["train"].max() < 0.86
    seen = curves["as printed"]["validation"]
    assert seen.min() > 0.92 and seen.mean(axis=0).argmin() == 1 and round(seen.mean(axis=0).min(), 2) == 0.94
assert [round(float(one_term[part]), 3) for part in ("training", "test")] == [0.918, 0.924] and line_error < 1e-12

# %% [markdown]
# **To take away:** often the sequences are windows of one long series: steps 1 to 10, steps 2 to 11, and so on. Put
# them into a batch in this order, not shuffled. What does the printed model read then?

# %% [markdown] tags=["answer"]
# ## Answer
#
# It reads the series. The last step of the window before is the step before. So a walk through the batch is a walk
# through time. Then even the validation loss hides the mistake. We trained it in such batches of 32. The target was
# the sum of the last two steps, scaled to variance 1. In ordered validation batches the MSE is 0.02. One window at a
# time it is 0.5, for then the model sees one step of the two.

# %% tags=["proof"]
def windows(length, seed, T=10):
    s = np.random.default_rng(seed).normal(size=(length, 1)).astype(np.float32)
    x = np.stack([s[k:k + T] for k in range(length - T + 1)])
    return s, training.Batch(x, x[:, -2:].sum(axis=1) / np.float32(np.sqrt(2)))


s, ordered = windows(1009, 1)
for seed in range(1 if QUICK else 3):
    params = printed.init(np.random.default_rng(seed), 1, 20, 1)
    h, *_ = lstm.forward(params[0], s[None, 9:41])  # the series itself, from the last step of the first window on
    assert np.allclose(printed.forward(params, ordered.x[:32])[0], h[0] @ params[2]["W"].T + params[2]["b"], atol=1e-6)
    optimizer = optim.Adam(lr=0.01)
    for _ in range(1 if QUICK else 20):
        for start in range(0, 1000, 32):
            training.step(printed, params, optimizer, ordered.rows(slice(start, start + 32)))
    in_order, one_by_one = (training.evaluate(printed, params, windows(1009, 2)[1], batch_size=n) for n in (32, 1))
    print(f"ordered windows: validation MSE {in_order:.3f} in batches of 32, {one_by_one:.3f} one by one")
    assert QUICK or (round(in_order, 2), round(one_by_one, 1)) == (0.02, 0.5)
