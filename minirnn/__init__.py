"""minirnn: RNNs and LSTMs from scratch in NumPy, with every backward pass derived by hand and proven.

The law, for every layer and whatever is composed of layers:

    params           = layer.init(rng, sizes..., dtype=np.float32)
    *outputs, cache  = layer.forward(params, *inputs)
    grads, *dinputs  = layer.backward(cache, *doutputs)      # the mirror image: grads like params, dX like X

Read layers/rnn.py, then layers/lstm.py, then gradcheck.py. The rest is what a forecast needs.
"""

from . import baselines, datasets, gradcheck, losses, metrics, models, optim, training, weights
from .layers import compose, embedding, gru, linear, lstm, rnn

__all__ = ["rnn", "lstm", "gru", "linear", "embedding", "compose", "losses", "optim", "gradcheck", "training", "models",
           "datasets", "baselines", "metrics", "weights"]
__version__ = "0.1.0"
