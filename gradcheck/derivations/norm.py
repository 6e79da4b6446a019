"""Rows scaled to Euclidean length 1 and weighed: the normalisation behind cosine similarity.

Shapes: x (n, d), c (n, d).

    square = sum_j x_ij^2                             (n, 1)
    length = sqrt(square)                             (n, 1)
    unit   = x / length                               (n, d)
    L      = sum c unit

Backwards, with G_v for dL/dv. L is linear: G_unit = c and G_c = unit. The length divides a whole row, so
G_length = -sum_j G_unit x / length^2; G_square = G_length / (2 length). x feeds unit directly and through
square,

    G_x = G_unit / length + 2 x G_square ,

which, written out, is (c - unit <c, unit>) / length: what is left of c once its part along x is taken away.
At x = 0 nothing here is differentiable.

Source: Magnus & Neudecker, Matrix Differential Calculus (2019), for the differentials used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="norm",
    inputs=("x", "c"),
    forward={
        "square": lambda xp, x: xp.sum(x**2, axis=1, keepdims=True),
        "length": lambda xp, square: xp.sqrt(square),
        "unit": lambda x, length: x / length,
        "loss": lambda xp, c, unit: xp.sum(c * unit),
    },
    gradient={
        "unit": lambda c: c,
        "c": lambda unit: unit,
        "length": lambda xp, grad_unit, x, length: -xp.sum(grad_unit * x, axis=1, keepdims=True) / length**2,
        "square": lambda grad_length, length: grad_length / (2 * length),
        "x": lambda grad_unit, length, x, grad_square: grad_unit / length + 2 * x * grad_square,
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal inputs: x (4, 3), c (4, 3)."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((4, 3)).astype(dtype) for name in ("x", "c")}
