"""Answer to exercise 9. Gradient flow."""

import numpy as np


def gradient_norms(U_h, h):
    T, H, B = h.shape
    norm = np.ones((T, B))  # the last state changes with itself one to one
    for b in range(B):  # each sequence has Jacobians of its own, by its own tanh'
        product = np.eye(H)
        for t in reversed(range(T - 1)):
            J = (1 - h[t + 1, :, b] ** 2)[:, None] * U_h  # of h_{t+1}: row i of U_h leads to a[i], then tanh'(a[i])
            product = product @ J  # dh_{T-1}/dh_{t+1} times dh_{t+1}/dh_t: the later step stands on the left
            norm[t, b] = np.linalg.norm(product, 2)
    limit = np.linalg.norm(U_h, 2) ** np.arange(T - 1, -1, -1)  # as many factors as there are steps from t to T-1
    return norm, limit
