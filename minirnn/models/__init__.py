"""Whole models, built by composition alone: `Forecaster` for a series, `LanguageModel` for text, `EncoderDecoder` from
sequence to sequence."""

from .encoder_decoder import EncoderDecoder
from .forecaster import Forecaster
from .language_model import LanguageModel

__all__ = ["Forecaster", "LanguageModel", "EncoderDecoder"]
