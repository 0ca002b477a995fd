"""Exercise 10. Truncated backpropagation through time: a long sequence in chunks.

Going back through all T steps takes memory for all of them. So cut the sequence into chunks of k steps, the last one
may be shorter. For each chunk, from first to last:

    forward     from the state in which the chunk before ended: the state is carried
    backward    through this chunk only: the gradient that arrives at the chunk's first state is dropped, cut

The weights are the same in every chunk, so their gradients are sums over the chunks. They are those of the loss as if
each chunk began with a state that depends on no weight.

You need not write the RNN again, take the library's. Here the batch comes first; params and grads are dicts with W_ih,
U_h and b_h:

    h, state, cache = rnn.forward(params, x, state)      x (B, steps, D), state (B, H), h (B, steps, H)
    grads, dx, dstate = rnn.backward(cache, dh)          dh (B, steps, H), the gradient from the loss
"""

import numpy as np

from minirnn import rnn


def truncated_bptt(params, x, h0, dh, k):
    """params: W_ih (H, D), U_h (H, H), b_h (H,). x (B, T, D), h0 (B, H), from the loss: dh (B, T, H), and k.
    Leave all inputs as they are.

    Returns state (B, H), the one after the last step, dx (B, T, D), dW_ih (H, D), dU_h (H, H), db_h (H,).
    About 10 lines.
    """
    raise NotImplementedError
