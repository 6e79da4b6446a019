r"""Layer normalisation in Numba, as a pair of NumPy functions: y = h·w + b, h = (x − mean)·r, r = 1/√(var + ε).

With g = c·w: dx = r·(g − ⟨g⟩ − h·⟨g·h⟩), dw = Σ c·h, db = Σ c, sums over rows, means over columns.
"""

import numba
import numpy as np
import torch

WRONG = ("mean left out", "projection left out", "db of the last row", "dw from x", "every fourth column")


@numba.njit
def _forward(x, w, b):
    y = np.empty(x.shape, dtype=np.float32)
    for i in range(x.shape[0]):
        mean = np.float32(x[i].mean())
        r = np.float32(1) / np.sqrt(np.float32(((x[i] - mean) ** 2).mean() + 1e-5))
        for j in range(x.shape[1]):
            y[i, j] = (x[i, j] - mean) * r * w[j] + b[j]
    return y


@numba.njit
def _backward(c, x, w, which):
    n = x.shape[1]
    dx, dw, db = np.empty(x.shape, dtype=np.float32), np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.float32)
    for i in range(x.shape[0]):
        mean = np.float32(x[i].mean())
        r = np.float32(1) / np.sqrt(np.float32(((x[i] - mean) ** 2).mean() + 1e-5))
        h = (x[i] - mean) * r
        g = c[i] * w
        one = np.float32(0) if which == 1 else np.float32(g.mean())
        two = np.float32(0) if which == 2 else np.float32((g * h).mean())
        dx[i] = r * (g - one - two * h)
        if which == 3:
            db[:] = c[i]
        else:
            db += c[i]
        dw += c[i] * (x[i] if which == 4 else h)
    if which == 5:
        dx[:, ::4] = 0
    return dx, dw, db


def kernel(mistake=""):
    which = WRONG.index(mistake) + 1 if mistake else 0

    def forward(x, w, b):
        return _forward(x, w, b)

    def backward(c, x, w, b):
        return _backward(np.ascontiguousarray(c), x, w, which)

    return forward, backward


def reference(x, w, b):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], w, b, 1e-5)


def inputs():
    rng = np.random.default_rng(6)
    x, w, b = rng.standard_normal((14, 45)), 1 + rng.standard_normal(45), rng.standard_normal(45)
    return x.astype(np.float32), w.astype(np.float32), b.astype(np.float32)
