"""Initial weights that suit a recurrence. Each changes the parameters of a layer, or of a whole model, in place.

The `init` of a layer draws from PyTorch's uniform distribution, and lets the LSTM's forget gate start open, b_f = 1
(Gers, Schmidhuber and Cummins 2000; Jozefowicz, Zaremba and Sutskever 2015).
"""

import numpy as np

from . import boundary


def orthogonal(rng, params):
    """Make each square block of every U_h a random orthogonal matrix.

    It keeps the length of what it multiplies, so at the start neither states nor gradients vanish or explode through it
    (Saxe, McClelland and Ganguli 2014).

    >>> from minirnn import rnn
    >>> U = orthogonal(np.random.default_rng(0), rnn.init(np.random.default_rng(1), 2, 5))["U_h"]
    >>> bool(np.allclose(U @ U.T, np.eye(5), atol=1e-6))
    True
    """
    rng = boundary.generator(rng)
    for layer in _recurrent(params):
        for block in layer["U_h"].reshape(-1, *[layer["U_h"].shape[1]] * 2):
            Q, R = np.linalg.qr(rng.standard_normal(block.shape))
            block[:] = Q * np.sign(np.diag(R))  # so that every rotation and reflection is equally likely
    return params


def chrono(rng, params, T):
    """Gates that start out remembering for times spread over sequences of T steps (Tallec and Ollivier 2018).

        u uniform in 1 .. T - 1,    LSTM: b_f = log u, b_i = -b_f,    GRU: b_z = log u

    A gate of σ(log u) = 1 - 1/(u + 1) forgets within about u + 1 steps. A layer without gates is left as it is.

    >>> from minirnn import lstm
    >>> params = chrono(np.random.default_rng(0), lstm.init(np.random.default_rng(1), 2, 100), T=50)
    >>> bool(1.0 < np.exp(lstm.gates(params)["b_f"]).max() < 49)
    True
    """
    boundary.size("T", T, least=3)
    rng = boundary.generator(rng)
    for layer in _recurrent(params):
        H = layer["U_h"].shape[1]
        remember = np.log(rng.uniform(1, T - 1, H))
        if len(layer["U_h"]) == 4 * H:  # the LSTM's blocks: i, f, c̃, o
            layer["b"][:H], layer["b"][H:2 * H] = -remember, remember
        elif len(layer["U_h"]) == 3 * H:  # the GRU's: r, z, n
            layer["b_x"][H:2 * H], layer["b_h"][H:2 * H] = remember, 0
    return params


def _recurrent(params):
    """The parameters of every recurrent layer within a tree."""
    if isinstance(params, (list, tuple)):
        params = dict(enumerate(params))
    if not isinstance(params, dict):
        return []
    return [params] if "U_h" in params else [found for child in params.values() for found in _recurrent(child)]
