"""All that has `init`, `forward` and `backward`. Start with rnn.py, then lstm.py."""
