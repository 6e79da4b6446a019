"""The smooth maximum of each row, computed so that it cannot overflow, and weighed.

Shapes: x (n, d), c (n,).

    top = max_j x_ij                                  (n,)
    e   = exp(x - top)                                (n, d)
    lse = top + log sum_j e_ij                        (n,)
    L   = sum_i c_i lse_i

Backwards, with G_v for dL/dv. L is linear: G_lse = c and G_c = lse. top cancels: lse = log sum_j exp x_ij
whatever it is, so the derivative of lse is that of the plain formula, exp x_ij over the sum, which is
exp(x_ij - lse_i), the softmax:

    G_x_ij = G_lse_i exp(x_ij - lse_i) .

Source: Boyd & Vandenberghe, Convex Optimization (2004), section 3.1.5; Blanchard, Higham & Higham,
"Accurately computing the log-sum-exp and softmax functions", IMA J. Numer. Anal. 41 (2021), for the shift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="log_sum_exp",
    inputs=("x", "c"),
    forward={
        "top": lambda xp, x: xp.max(x, axis=1),
        "e": lambda xp, x, top: xp.exp(x - top[:, None]),
        "lse": lambda xp, top, e: top + xp.log(xp.sum(e, axis=1)),
        "loss": lambda xp, c, lse: xp.sum(c * lse),
    },
    gradient={
        "lse": lambda c: c,
        "c": lambda lse: lse,
        "x": lambda xp, grad_lse, x, lse: grad_lse[:, None] * xp.exp(x - lse[:, None]),
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal inputs: x (4, 3), c (4,)."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (4, 3), "c": (4,)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
