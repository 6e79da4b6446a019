"""A two-dimensional convolution layer (cross-correlation, stride 1, no padding) with squared error.

Shapes: x (n, c, H, W), w (o, c, P, Q), b (o,), target (n, o, H - P + 1, W - Q + 1).

    y_nohk = sum_{c, p, q} w_ocpq x_nc(h+p)(k+q)  +  b_o          (n, o, H - P + 1, W - Q + 1)
    L      = sum (y - target)^2 / 2

Backwards, with G_v for dL/dv. G_y = y - target. y is linear in w, in b and in x, so every gradient collects
G_y over all the places where a number is used:

    G_w_ocpq = sum_{n, h, k} G_y_nohk x_nc(h+p)(k+q) G_b_o    = sum_{n, h, k} G_y_nohk G_x_ncst = sum_{o, p,
    q} w_ocpq G_y_no(s-p)(t-q)              where 0 <= s - p <= H - P and 0 <= t - q <= W - Q .

The sums over channels and samples are written as tensor contractions, the ones over places as they stand.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), equations (9.6), (9.11) and (9.13).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


def correlate(xp: Any, x: Any, w: Any) -> Any:
    """Sum over p, q and c of w_ocpq x_nc(h+p)(k+q), axes (n, o, h, k)."""
    (height, width), (rows, columns) = x.shape[2:], w.shape[2:]
    h, k = height - rows + 1, width - columns + 1
    terms = [
        xp.tensordot(x[:, :, p : p + h, q : q + k], w[:, :, p, q], axes=([1], [1]))  # (n, h, k, o)
        for p in range(rows)
        for q in range(columns)
    ]
    return xp.permute_dims(sum(terms[1:], start=terms[0]), (0, 3, 1, 2))


def kernel_gradient(xp: Any, x: Any, grad_y: Any) -> Any:
    """Sum over n, h and k of G_y_nohk x_nc(h+p)(k+q), axes (o, c, p, q)."""
    (height, width), (h, k) = x.shape[2:], grad_y.shape[2:]
    rows = [
        xp.stack(
            [
                xp.tensordot(grad_y, x[:, :, p : p + h, q : q + k], axes=([0, 2, 3], [0, 2, 3]))  # (o, c)
                for q in range(width - k + 1)
            ],
            axis=-1,
        )
        for p in range(height - h + 1)
    ]
    return xp.stack(rows, axis=2)


def input_gradient(xp: Any, w: Any, grad_y: Any) -> Any:
    """Sum over o, p and q of w_ocpq G_y_no(s-p)(t-q) where these exist, axes (n, c, s, t)."""
    (rows, columns), (h, k) = w.shape[2:], grad_y.shape[2:]

    def at(s: int, t: int) -> Any:
        terms = [
            grad_y[:, :, s - p, t - q] @ w[:, :, p, q]  # (n, c)
            for p in range(rows)
            for q in range(columns)
            if 0 <= s - p < h and 0 <= t - q < k
        ]
        return sum(terms[1:], start=terms[0])

    return xp.stack(
        [xp.stack([at(s, t) for t in range(k + columns - 1)], axis=-1) for s in range(h + rows - 1)], axis=2
    )


derivation = Derivation(
    name="convolution",
    inputs=("x", "w", "b", "target"),
    forward={
        "y": lambda xp, x, w, b: correlate(xp, x, w) + b[:, None, None],
        "loss": lambda xp, y, target: xp.sum((y - target) ** 2) / 2,
    },
    gradient={
        "y": lambda y, target: y - target,
        "w": kernel_gradient,
        "b": lambda xp, grad_y: xp.sum(grad_y, axis=(0, 2, 3)),
        "x": input_gradient,
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal inputs: x (2, 3, 4, 5), w (2, 3, 2, 3), b (2,), target (2, 2, 3, 3)."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (2, 3, 4, 5), "w": (2, 3, 2, 3), "b": (2,), "target": (2, 2, 3, 3)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
