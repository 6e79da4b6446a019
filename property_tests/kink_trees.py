"""Minima and maxima of few linear forms, nested: kinks of both bends that end at one another.

No list of their subdifferentials is made: pieces are those met along many random moves, and a claim is a convex
combination of these. So it is known to be right, and nothing is known of claims that are wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

MOVES = 4_000
SLOPES = np.array([-2.0, -1.0, 0.5, 1.0, 2.0])


class Right(NamedTuple):
    """A tree, its pieces' least share of all directions, and a right claim at 0."""

    tree: Any
    least: float
    claim: Any


def tree(rng: Generator, n: int, depth: int) -> Any:
    """Return a nested tuple: an operation and its parts, or a linear form."""
    if depth == 0 or rng.random() < 0.15:
        form = np.zeros(n)
        some = rng.choice(n, rng.integers(1, n + 1), replace=False)
        form[some] = rng.choice(SLOPES, len(some))
        return form
    kind = str(rng.choice(["min", "max", "abs", "relu", "sum"], p=[0.3, 0.3, 0.15, 0.15, 0.1]))
    return (kind, *(tree(rng, n, depth - 1) for _ in range(1 if kind in ("abs", "relu") else 2)))


def evaluated(of: Any, z: Any) -> tuple[Any, Any]:
    """Return a tree's values and gradients at moves z, (moves,) and (moves, n)."""
    if isinstance(of, np.ndarray):
        return z @ of, np.broadcast_to(of, z.shape)
    kind, *parts = of
    (value, slope), *rest = (evaluated(part, z) for part in parts)
    if kind in ("abs", "relu"):
        times = np.sign(value) if kind == "abs" else 1.0 * (value > 0)
        return value * times, slope * times[:, None]
    other, its = rest[0]
    if kind == "sum":
        return value + other, slope + its
    first = value < other if kind == "min" else value > other
    return np.where(first, value, other), np.where(first[:, None], slope, its)


def drawn(rng: Generator) -> Right:
    """Return a tree of two or three levels in 2 to 6 entries, with a claim of any of its pieces."""
    n = int(rng.integers(2, 7))
    of = tree(rng, n, int(rng.integers(2, 4)))
    slopes = np.round(evaluated(of, rng.standard_normal((MOVES, n)))[1], 9)
    pieces, counts = np.unique(slopes, axis=0, return_counts=True)
    weights = rng.dirichlet(np.full(len(pieces), rng.choice([0.05, 0.3, 1.0])))
    return Right(of, counts.min() / MOVES, weights @ pieces)
