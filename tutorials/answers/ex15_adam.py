"""Answer to exercise 15. Adam."""

import numpy as np


def adam(p0, dp, lr, beta1, beta2, eps):
    m, v = np.zeros_like(p0), np.zeros_like(p0)
    now, p = p0, np.zeros_like(dp)
    for t in range(len(dp)):
        n = t + 1  # steps are counted from 1: with n = 0 the corrections would divide by zero
        m = beta1 * m + (1 - beta1) * dp[t]
        v = beta2 * v + (1 - beta2) * dp[t] ** 2
        m_hat = m / (1 - beta1 ** n)  # new names: m and v go on uncorrected
        v_hat = v / (1 - beta2 ** n)
        now = now - lr * m_hat / (np.sqrt(v_hat) + eps)  # eps after the root; and not now -= ..., which changes p0
        p[t] = now
    return p
