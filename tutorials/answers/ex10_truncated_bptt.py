"""Answer to exercise 10. Truncated backpropagation through time."""

import numpy as np

from minirnn import rnn


def truncated_bptt(params, x, h0, dh, k):
    T = x.shape[1]
    dx, state = np.zeros_like(x), h0
    total = {name: np.zeros_like(p) for name, p in params.items()}
    for start in range(0, T, k):
        part = slice(start, start + k)  # a slice ends by itself at T, so the last may be shorter
        h, state, cache = rnn.forward(params, x[:, part], state)  # the state goes on into the next chunk
        grads, dx_part, dstate = rnn.backward(cache, dh[:, part])  # dstate belongs to the chunk before: dropped
        dx[:, part] = dx_part
        for name in total:
            total[name] += grads[name]
    return state, dx, total["W_ih"], total["U_h"], total["b_h"]
