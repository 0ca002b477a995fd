"""Normalization: numbers brought to mean 0 and variance 1, then to a scale γ and a shift β that are learned.

`layer_norm` works over the features of each step, `batch_norm` over the batch (and time) for each feature.
`layer_norm_lstm` is an LSTM with layer normalization inside its recurrence.
"""

from . import batch_norm, layer_norm, layer_norm_lstm

__all__ = ["layer_norm", "batch_norm", "layer_norm_lstm"]
