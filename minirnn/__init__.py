from .layers import compose, linear, lstm, rnn
from . import baselines, datasets, gradcheck, losses, metrics, models, optim, training, weights
