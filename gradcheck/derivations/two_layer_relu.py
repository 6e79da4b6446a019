"""Two fully connected layers with a ReLU between them, squared error summed over everything.

Shapes: x (n, d), w1 (d, h), w2 (h, k), y (n, k).

    h      = x w1                      (n, h)
    h_relu = max(h, 0)                 (n, h)
    y_pred = h_relu w2                 (n, k)
    L      = sum (y_pred - y)^2

Backwards, with G_v for dL/dv. Entry (i, j) of L's sum is (y_pred_ij - y_ij)^2, so G_y_pred = 2 (y_pred -
y). From y_pred_ij = sum_a h_relu_ia w2_aj: G_w2_aj = sum_i h_relu_ia G_y_pred_ij and G_h_relu_ia = sum_j
G_y_pred_ij w2_aj, which as products read h_relu^T G_y_pred and G_y_pred w2^T. max(h, 0) acts entry by entry
with derivative 1 for h > 0 and 0 for h < 0; at h = 0, where it has none, the value 1 is taken. G_w1 = x^T
G_h as for w2.

Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323
(1986), with the ReLU of Nair & Hinton, ICML 2010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="two_layer_relu",
    inputs=("x", "y", "w1", "w2"),
    forward={
        "h": lambda x, w1: x @ w1,
        "h_relu": lambda xp, h: xp.where(h < 0, 0, h),
        "y_pred": lambda h_relu, w2: h_relu @ w2,
        "loss": lambda xp, y_pred, y: xp.sum((y_pred - y) ** 2),
    },
    gradient={
        "y_pred": lambda y_pred, y: 2 * (y_pred - y),
        "w2": lambda h_relu, grad_y_pred: h_relu.T @ grad_y_pred,
        "h_relu": lambda grad_y_pred, w2: grad_y_pred @ w2.T,
        "h": lambda xp, grad_h_relu, h: xp.where(h < 0, 0, grad_h_relu),  # relu'(0) = 1
        "w1": lambda x, grad_h: x.T @ grad_h,
    },
    kinks=("h",),
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal inputs: x (4, 3), y (4, 2), w1 (3, 5), w2 (5, 2)."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (4, 3), "y": (4, 2), "w1": (3, 5), "w2": (5, 2)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
