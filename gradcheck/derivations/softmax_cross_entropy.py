"""Multinomial logistic regression: a linear layer, softmax and cross-entropy, averaged over the samples.

Shapes: x (n, d), w (d, k), b (k,), y (n, k) with one 1 a row (one-hot labels) and 0 elsewhere.

    z     = x w + b                                  (n, k)   logits
    shift = max_j z_ij                               (n, 1)   keeps exp from overflowing, cancels in p
    e     = exp(z - shift)                           (n, k)
    p     = e / sum_j e_ij                           (n, k)   softmax
    L     = -sum_ij y_ij log p_ij / n

Backwards, with G_v for dL/dv. The classical step goes from L to z at once. With log p_ij = z_ij - log sum_a
exp z_ia, row i of nL is -sum_j y_ij z_ij + (sum_j y_ij) log sum_a exp z_ia, and as labels sum to 1 in each
row,

    G_z = (p - y) / n ;

the shift does not appear, for L does not depend on it. Then G_w = x^T G_z, G_b = sum over samples of G_z, and
G_x = G_z w^T, as in any linear layer.

Source: Bishop, Pattern Recognition and Machine Learning (2006), equations (4.104) to (4.109).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="softmax_cross_entropy",
    inputs=("x", "w", "b", "y"),
    forward={
        "z": lambda x, w, b: x @ w + b,
        "shift": lambda xp, z: xp.max(z, axis=1, keepdims=True),
        "e": lambda xp, z, shift: xp.exp(z - shift),
        "p": lambda xp, e: e / xp.sum(e, axis=1, keepdims=True),
        "loss": lambda xp, y, p: -xp.sum(y * xp.log(p)) / y.shape[0],
    },
    gradient={
        "z": lambda p, y: (p - y) / y.shape[0],
        "w": lambda x, grad_z: x.T @ grad_z,
        "b": lambda xp, grad_z: xp.sum(grad_z, axis=0),
        "x": lambda grad_z, w: grad_z @ w.T,
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal x (5, 3), w (3, 4), b (4,), and one-hot y (5, 4)."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (5, 3), "w": (3, 4), "b": (4,)}
    inputs = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    labels = np.eye(4)[rng.integers(4, size=5)]
    return inputs | {"y": labels.astype(dtype)}
