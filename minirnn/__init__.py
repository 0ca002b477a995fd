from .layers import compose, linear, lstm, rnn
from . import gradcheck, losses, optim
