"""Linear least squares with a bias, the squared error averaged over the samples.

Shapes: x (n, d), w (d, k), b (k,), y (n, k).

    y_pred   = x w + b                  (n, k)
    residual = y_pred - y               (n, k)
    L        = sum residual^2 / n

Backwards, with G_v for dL/dv. L is quadratic in the residual: G_residual = 2 residual / n. The residual
depends on y_pred with derivative 1 and on y with -1, so G_y_pred = G_residual and G_y = -G_residual. From
y_pred_ij = sum_a x_ia w_aj + b_j: G_w_aj = sum_i x_ia G_y_pred_ij, that is x^T G_y_pred; G_b_j sums over
the samples that share b_j; and G_x = G_y_pred w^T.

Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning (2009), equations (3.2) to (3.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="linear",
    inputs=("x", "w", "b", "y"),
    forward={
        "y_pred": lambda x, w, b: x @ w + b,
        "residual": lambda y_pred, y: y_pred - y,
        "loss": lambda xp, residual: xp.sum(residual**2) / residual.shape[0],
    },
    gradient={
        "residual": lambda residual: 2 * residual / residual.shape[0],
        "y": lambda grad_residual: -grad_residual,
        "y_pred": lambda grad_residual: grad_residual,
        "w": lambda x, grad_y_pred: x.T @ grad_y_pred,
        "b": lambda xp, grad_y_pred: xp.sum(grad_y_pred, axis=0),
        "x": lambda grad_y_pred, w: grad_y_pred @ w.T,
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal inputs: x (5, 3), w (3, 2), b (2,), y (5, 2)."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (5, 3), "w": (3, 2), "b": (2,), "y": (5, 2)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
