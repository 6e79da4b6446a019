"""Self-attention with one head: scaled dot-product attention of a sequence with itself.

Shapes: x (n, d), wq (d, a), wk (d, a), wv (d, a), target (n, a).

    q      = x wq,   k = x wk,   v = x wv             (n, a)
    scores = q k^T / sqrt(a)                          (n, n)
    shift  = max_j scores_ij                          (n, 1)   keeps exp from overflowing, cancels in p
    e      = exp(scores - shift)                      (n, n)
    p      = e / sum_j e_ij                           (n, n)   softmax of every row
    out    = p v                                      (n, a)
    L      = sum (out - target)^2 / 2

Backwards, with G_v for dL/dv. G_out = out - target. Of the product p v: G_v = p^T G_out, G_p = G_out v^T. A
row of softmax has dp_j/dscores_l = p_j (1[j = l] - p_l), symmetric in j and l, so with <.,.> summing over
the row

    G_scores = p (G_p - <G_p, p>) ;

the shift does not appear, for p does not depend on it. From scores = q k^T / sqrt(a): G_q = G_scores k /
sqrt(a), G_k = G_scores^T q / sqrt(a). Each of the projections gives its weight x^T G and its share of G_x:

    G_x = G_q wq^T + G_k wk^T + G_v wv^T .

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation (1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.lines.derivation import Derivation

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

derivation = Derivation(
    name="attention",
    inputs=("x", "wq", "wk", "wv", "target"),
    forward={
        "q": lambda x, wq: x @ wq,
        "k": lambda x, wk: x @ wk,
        "v": lambda x, wv: x @ wv,
        "scores": lambda q, k: q @ k.T / q.shape[1] ** 0.5,
        "shift": lambda xp, scores: xp.max(scores, axis=1, keepdims=True),
        "e": lambda xp, scores, shift: xp.exp(scores - shift),
        "p": lambda xp, e: e / xp.sum(e, axis=1, keepdims=True),
        "out": lambda p, v: p @ v,
        "loss": lambda xp, out, target: xp.sum((out - target) ** 2) / 2,
    },
    gradient={
        "out": lambda out, target: out - target,
        "v": lambda p, grad_out: p.T @ grad_out,
        "p": lambda grad_out, v: grad_out @ v.T,
        "scores": lambda xp, p, grad_p: p * (grad_p - xp.sum(grad_p * p, axis=1, keepdims=True)),
        "q": lambda grad_scores, k: grad_scores @ k / k.shape[1] ** 0.5,
        "k": lambda grad_scores, q: grad_scores.T @ q / q.shape[1] ** 0.5,
        "wq": lambda x, grad_q: x.T @ grad_q,
        "wk": lambda x, grad_k: x.T @ grad_k,
        "wv": lambda x, grad_v: x.T @ grad_v,
        "x": lambda grad_q, wq, grad_k, wk, grad_v, wv: grad_q @ wq.T + grad_k @ wk.T + grad_v @ wv.T,
    },
)


def draw(seed: int = 0, dtype: DTypeLike = "float64") -> dict[str, NDArray[np.generic]]:
    """Return small standard normal inputs: x (4, 3), wq, wk, wv (3, 4), target (4, 4)."""
    rng = np.random.default_rng(seed)
    shapes = {"x": (4, 3), "wq": (3, 4), "wk": (3, 4), "wv": (3, 4), "target": (4, 4)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
