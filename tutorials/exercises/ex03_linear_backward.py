"""Exercise 3. The linear layer, backward.

Forward, for each of B sequences and each of T steps, with x and y as columns:

    y = W x + b

So y[k] is the sum over d of W[k, d] x[d], and b[k]. Backward: given dy = dL/dy, find dL/dx, dL/dW and dL/db. For each
ask: which y's does it reach, and with what factor? The gradient is the sum, over those, of dy times that factor.

    x[d]     reaches y[k] of its own place only, for every k, by W[k, d]
    W[k, d]  reaches y[k] of every sequence and every step, by the x[d] there
    b[k]     reaches y[k] of every sequence and every step, by 1

The arrays hold all the columns at once, batch first: x (B, T, D) holds the column of sequence b and step t as x[b, t].
On such arrays forward is `y = x @ W.T + b`. B and T are alike here, and x.reshape(-1, D) makes one long list of both.

Check it with: python tutorials/check.py 03
"""

import numpy as np


def linear_backward(W, x, dy):
    """W (K, D), x (B, T, D), and from the loss: dy (B, T, K). Leave all inputs as they are.

    Returns dx (B, T, D), dW (K, D), db (K,). About 5 lines.
    """
    raise NotImplementedError
