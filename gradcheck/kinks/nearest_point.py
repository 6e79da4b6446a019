"""The point of a convex hull, or of a zonotope, that is nearest to a claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks.packed import Packed, parts
from gradcheck.slopes.every_float import exponent_above

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.scaled import Scaled

    Array = NDArray[np.float64]
    Vertices = Sequence[Array] | Array | Packed
    Target = Array | Scaled

MOST_STEPS = 10_000  # of an active set, far more than any takes that ends
USED = 1e-12  # a weight below it is round-off of zero


def in_hull(vertices: Vertices, target: Target) -> Array:
    """Return the convex weights of the point of the vertices' hull nearest to `target`.

    With A the vertices less the target, t ≥ 0 minimises |A·t|² + (1 − Σt)², and t/Σt is the nearest point: a
    non-negative least-squares problem (K. Haskell and R. Hanson, Mathematical Programming 21, 1981) of as many rows as
    there are vertices, once the long side has been turned away.

    Parameters
    ----------
    vertices : sequence of arrays (entries,)
        At least one.
    target : array (entries,) or Scaled
        The claim.

    Returns
    -------
    array (count,)
        Weights, not negative, with sum 1.

    """
    from scipy.optimize import nnls  # noqa: PLC0415  half a second of imports that only a kink needs

    system = _differences(vertices, target)
    system = system / (np.max(np.abs(system), initial=0.0) or 1.0)
    count = system.shape[1]
    try:
        found, _ = nnls(np.vstack([system, np.ones(count)]), np.append(np.zeros(len(system)), 1.0), maxiter=MOST_STEPS)
    except RuntimeError:  # it went in circles: the middle is no worse a start for the next claim
        found = np.ones(count)
    found = np.where(found > USED * found.max(), found, 0.0)
    return np.asarray(found / found.sum(), dtype=np.float64)


def in_zonotope(jumps: Array, target: Array) -> Array:
    """Return λ in [0, 1] for which Σ λ_k·jump_k is nearest to `target`; `jumps` is (count, entries)."""
    from scipy.optimize import lsq_linear  # noqa: PLC0415  as above

    size = np.max(np.abs(jumps), initial=0.0) or 1.0
    *columns, right = _reduced(np.column_stack([jumps.T, target]) / size).T
    found = lsq_linear(np.transpose(columns), right, bounds=(0, 1), method="bvls", tol=1e-14, max_iter=MOST_STEPS)
    return np.clip(np.asarray(found.x, dtype=np.float64), 0.0, 1.0)


def combined(weights: Array, vertices: Vertices) -> Array:
    """Return Σ weight_k·vertex_k, one by one: there may be many entries."""
    total = np.zeros(len(vertices[0]))
    for part in parts(len(total)):
        for weight, vertex in zip(weights, _parts_of(vertices, part), strict=True):
            if weight:
                total[part] += weight * vertex
    return total


def _parts_of(vertices: Vertices, part: slice) -> list[Array]:
    if isinstance(vertices, Packed):
        return [vertices.part(k, part) for k in range(len(vertices))]
    return [vertex[part] for vertex in vertices]


def _differences(vertices: Vertices, target: Target) -> Array:
    """Return the vertices less the target as columns, turned to as few rows, block by block."""
    found = np.zeros((0, len(vertices)))
    blocks = parts(len(target))
    most = [float(np.max(np.abs(x))) for part in blocks for x in (*_parts_of(vertices, part), target[part])]
    largest = max(most, default=0.0)
    scale = 2.0 ** -min(max(exponent_above(largest), -1000), 1000)  # with it differences are floats
    for part in blocks:
        block = np.array([scale * vertex - scale * target[part] for vertex in _parts_of(vertices, part)]).T
        found = _reduced(np.vstack([found, block]))
    return found


def _reduced(tall: Array) -> Array:
    """Return a matrix of at most as many rows as columns with the same inner products of its columns."""
    return np.asarray(np.linalg.qr(tall, mode="r"))
