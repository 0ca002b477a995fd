"""Normalization: numbers brought to mean 0 and variance 1, then to a scale γ and a shift β that are learned.

`layer_norm` over the features of each step, `batch_norm` over the batch (and time) for each feature, and
`layer_norm_lstm`, an LSTM with the first of them inside its recurrence.
"""

from . import batch_norm, layer_norm, layer_norm_lstm

__all__ = ["layer_norm", "batch_norm", "layer_norm_lstm"]
