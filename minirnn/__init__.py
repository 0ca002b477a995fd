"""minirnn: RNNs and LSTMs from scratch in NumPy, with every backward pass derived by hand and proven.

The law, for every layer and whatever is composed of layers:

    params           = layer.init(rng, sizes..., dtype=np.float32)
    *outputs, cache  = layer.forward(params, *inputs)
    grads, *dinputs  = layer.backward(cache, *doutputs)      # the mirror image: grads like params, dX like X

Read layers/rnn.py, then layers/lstm.py, then gradcheck.py. The rest is what a forecast needs, and the techniques around
it.
"""

from . import baselines, counting, datasets, gradcheck, initialize, losses, metrics, models, optim, training, weights
from .layers import attention, compose, dropout, embedding, fast, gru, linear, lstm, normalize, rnn
from .layers.decayed import decayed

__all__ = ["rnn", "lstm", "gru", "linear", "embedding", "attention", "normalize", "dropout", "decayed", "compose",
           "losses", "optim", "initialize", "gradcheck", "training", "models", "datasets", "baselines", "counting",
           "metrics", "weights"]
__version__ = "0.1.0"
