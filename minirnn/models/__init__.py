"""Whole models, built by composition alone: `Forecaster` for a series, and `PlainForecaster`, the article's model of
section 5; `LanguageModel` for text; `EncoderDecoder` from sequence to sequence."""

from .encoder_decoder import EncoderDecoder
from .forecaster import Forecaster
from .language_model import LanguageModel
from .plain_forecaster import PlainForecaster

__all__ = ["Forecaster", "PlainForecaster", "LanguageModel", "EncoderDecoder"]
