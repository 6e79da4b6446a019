"""Rows looked up in a table, one of them more than once, then a linear layer with squared error.

Shapes: table (v, d), index (n,) integers in 0 ... v - 1, w (d, k), y (n, k).

    e      = table[index]                             (n, d)
    y_pred = e w                                      (n, k)
    L      = sum (y_pred - y)^2

Backwards, with G_v for dL/dv. G_y_pred = 2 (y_pred - y), G_w = e^T G_y_pred, G_e = G_y_pred w^T. A row of
the table gets the gradients of all the samples that looked it up, added, and 0 where none did:

    G_table_r = sum over i with index_i = r of G_e_i .

index has no gradient: it is no real number.

Source: Mikolov et al., "Efficient Estimation of Word Representations in Vector Space", arXiv:1301.3781,
section 2.1, for the projection layer; the sum is the transpose of the selection matrix S with e = S table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="embedding_lookup",
    inputs=("table", "index", "w", "y"),
    forward={
        "e": lambda xp, table, index: xp.take(table, index, axis=0),
        "y_pred": lambda e, w: e @ w,
        "loss": lambda xp, y_pred, y: xp.sum((y_pred - y) ** 2),
    },
    gradient={
        "y_pred": lambda y_pred, y: 2 * (y_pred - y),
        "w": lambda e, grad_y_pred: e.T @ grad_y_pred,
        "e": lambda grad_y_pred, w: grad_y_pred @ w.T,
        "table": lambda xp, table, index, grad_e: xp.stack(
            [xp.sum(xp.where((index == r)[:, None], grad_e, 0), axis=0) for r in range(table.shape[0])]
        ),
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal table (5, 3), w (3, 2), y (6, 2), and index (6,) with repeats and gaps."""
    rng = np.random.default_rng(seed)
    shapes = {"table": (5, 3), "w": (3, 2), "y": (6, 2)}
    inputs = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    return inputs | {"index": np.array([3, 0, 3, 1, 3, 0])}
