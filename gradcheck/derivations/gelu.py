"""A layer with the Gaussian error linear unit, in its tanh form, with squared error.

Shapes: x (n, d), w (d, a), target (n, a). Constants: c = sqrt(2 / pi), k = 0.044715.

    h = x w                                           (n, a)
    s = c (h + k h^3)                                 (n, a)
    t = tanh s                                        (n, a)
    y = h (1 + t) / 2                                 (n, a)
    L = sum (y - target)^2 / 2

Backwards, with G_v for dL/dv. G_y = y - target. y depends on t and on h itself: G_t = G_y h / 2. tanh' = 1
- tanh^2: G_s = G_t (1 - t^2). h feeds s, with ds/dh = c (1 + 3 k h^2), and y directly, with dy/dh = (1 + t)
/ 2:

    G_h = G_s c (1 + 3 k h^2) + G_y (1 + t) / 2 .

G_w = x^T G_h and G_x = G_h w^T.

Source: Hendrycks & Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415, section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

C = (2 / np.pi) ** 0.5
K = 0.044715  # fitted, as the paper gives it

derivation = Derivation(
    name="gelu",
    inputs=("x", "w", "target"),
    forward={
        "h": lambda x, w: x @ w,
        "s": lambda h: C * (h + K * h**3),
        "t": lambda xp, s: xp.tanh(s),
        "y": lambda h, t: h * (1 + t) / 2,
        "loss": lambda xp, y, target: xp.sum((y - target) ** 2) / 2,
    },
    gradient={
        "y": lambda y, target: y - target,
        "t": lambda grad_y, h: grad_y * h / 2,
        "s": lambda grad_t, t: grad_t * (1 - t**2),
        # 3 * h**2 first: 3 * K would round K's triple, and no longer be the derivative of the line for s
        "h": lambda grad_s, h, grad_y, t: grad_s * C * (1 + 3 * h**2 * K) + grad_y * (1 + t) / 2,
        "w": lambda x, grad_h: x.T @ grad_h,
        "x": lambda grad_h, w: grad_h @ w.T,
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal inputs: x (4, 3), w (3, 2), target (4, 2)."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (4, 3), "w": (3, 2), "target": (4, 2)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
