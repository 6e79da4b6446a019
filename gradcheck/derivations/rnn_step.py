"""A plain recurrent network's step, taken twice with the same weights; squared error on the last state.

Shapes: x1, x2 (n, d), h0 (n, a), wx (d, a), wh (a, a), b (a,), target (n, a).

    a1 = x1 wx + h0 wh + b,    h1 = tanh a1           (n, a)
    a2 = x2 wx + h1 wh + b,    h2 = tanh a2           (n, a)
    L  = sum (h2 - target)^2 / 2

Backwards through time, with G_v for dL/dv. G_h2 = h2 - target. tanh' = 1 - tanh^2, so G_a2 = G_h2 (1 -
h2^2). h1 is used by the second step: G_h1 = G_a2 wh^T, and G_a1 = G_h1 (1 - h1^2). The weights are used by
both steps, and their gradients add:

    G_wx = x1^T G_a1 + x2^T G_a2,   G_wh = h0^T G_a1 + h1^T G_a2,   G_b = sum over samples of G_a1 + G_a2 .

The inputs belong to one step each: G_x1 = G_a1 wx^T, G_x2 = G_a2 wx^T, G_h0 = G_a1 wh^T.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), equations (10.8), (10.9) and section 10.2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="rnn_step",
    inputs=("x1", "x2", "h0", "wx", "wh", "b", "target"),
    forward={
        "a1": lambda x1, wx, h0, wh, b: x1 @ wx + h0 @ wh + b,
        "h1": lambda xp, a1: xp.tanh(a1),
        "a2": lambda x2, wx, h1, wh, b: x2 @ wx + h1 @ wh + b,
        "h2": lambda xp, a2: xp.tanh(a2),
        "loss": lambda xp, h2, target: xp.sum((h2 - target) ** 2) / 2,
    },
    gradient={
        "h2": lambda h2, target: h2 - target,
        "a2": lambda grad_h2, h2: grad_h2 * (1 - h2**2),
        "h1": lambda grad_a2, wh: grad_a2 @ wh.T,
        "a1": lambda grad_h1, h1: grad_h1 * (1 - h1**2),
        "wx": lambda x1, grad_a1, x2, grad_a2: x1.T @ grad_a1 + x2.T @ grad_a2,
        "wh": lambda h0, grad_a1, h1, grad_a2: h0.T @ grad_a1 + h1.T @ grad_a2,
        "b": lambda xp, grad_a1, grad_a2: xp.sum(grad_a1 + grad_a2, axis=0),
        "x1": lambda grad_a1, wx: grad_a1 @ wx.T,
        "x2": lambda grad_a2, wx: grad_a2 @ wx.T,
        "h0": lambda grad_a1, wh: grad_a1 @ wh.T,
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small normal inputs: x1, x2 (3, 2), h0 (3, 4), wx (2, 4), wh (4, 4), b (4,), target (3, 4).

    Weights have standard deviation 1/2, so that tanh is not saturated; the rest 1.
    """
    rng = np.random.default_rng(seed)
    drawn = {
        "x1": rng.standard_normal((3, 2)),
        "x2": rng.standard_normal((3, 2)),
        "h0": rng.standard_normal((3, 4)),
        "wx": rng.standard_normal((2, 4)) / 2,
        "wh": rng.standard_normal((4, 4)) / 2,
        "b": rng.standard_normal(4) / 2,
        "target": rng.standard_normal((3, 4)),
    }
    return {name: value.astype(dtype) for name, value in drawn.items()}
