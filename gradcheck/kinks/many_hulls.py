"""The nearest points of the hulls of very many small blocks, all at once.

The problem of each block is that of `nearest_point.in_hull`: t ≥ 0 minimises |A·t|² + (1 − Σt)². Its normal equations
are solved by the active set of C. Lawson and R. Hanson ("Solving Least Squares Problems", 1974, chapter 23). An entry
of t becomes free, or zero again, by one sweep of a small symmetric table (J. Goodnight, The American Statistician 33,
1979), and one sweep serves all blocks, each with a pivot of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Chosen = NDArray[np.bool_]

DEPENDENT = 1e-11  # of a vertex, what no combination of those in use gives: less is round-off of its square
SLACK = 2.0**-46  # what a vertex must gain, of 1
STEPS = 4  # for each vertex; far more than any takes that ends


def in_hulls(vertices: Array, targets: Array, among: Chosen) -> tuple[Array, Chosen]:
    """Return the convex weights of the point of each hull nearest to its target, and which of them were found.

    Parameters
    ----------
    vertices : array (count, size, hulls)
        Finite.
    targets : array (size, hulls)
        The claims.
    among : array of bool (count, hulls)
        Which vertices a hull has; at least one.

    Returns
    -------
    weights : array (count, hulls)
        Not negative, with sum 1 where they were found.
    found : array of bool (hulls,)
        False where round-off kept the active set from ending: `in_hull` does better there.

    """
    count, _, hulls = vertices.shape
    weights = np.zeros((count, hulls))
    found: Chosen = np.zeros(hulls, dtype=bool)
    table, live = _table(vertices, targets), np.arange(hulls)
    own = np.einsum("iib->ib", table)[:count].copy()
    used, t = np.zeros((count, hulls), dtype=bool), np.zeros((count, hulls))
    for _ in range(STEPS * (count + 2)):
        each = np.arange(len(live))
        solved = np.where(used, table[count, :count], 0.0)
        falls = used & (solved <= 0)
        back: Chosen = np.any(falls, axis=0, keepdims=True)[0]
        room = np.einsum("iib->ib", table)[:count] > DEPENDENT * own
        gain = np.where(among & ~used & room, table[count, :count], -np.inf)
        into = gain.argmax(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(falls, t / (t - solved), np.inf)
        out = shares.argmin(axis=0)
        t += np.where(back, shares[out, each], 1.0) * (solved - t)
        more: Chosen = np.asarray(back | (gain[into, each] > SLACK))
        weights[:, live[~more]], found[live[~more]] = t[:, ~more], True
        if not more.any():
            break
        live, back, pivot, table = live[more], back[more], np.where(back, out, into)[more], table[:, :, more]
        own, among, used, t = own[:, more], among[:, more], used[:, more], t[:, more]
        each = np.arange(len(live))
        t[pivot[back], each[back]] = 0.0
        used[pivot, each] = ~back
        _sweep(table, pivot, back)
    total = weights.sum(axis=0)
    found = found & (total > 0)
    return weights / np.where(found, total, 1.0), found


def _table(vertices: Array, targets: Array) -> Array:
    """Return the normal equations of each hull, and their right sides as a last row and column."""
    count, _, hulls = vertices.shape
    largest = np.maximum(np.abs(vertices).max(axis=(0, 1)), np.abs(targets).max(axis=0))
    scale = np.ldexp(1.0, -np.clip(np.frexp(largest)[1], -1000, 1000))  # with it differences are floats
    off = vertices * scale - targets * scale
    largest = np.abs(off).max(axis=(0, 1))
    off /= np.where(largest > 0, largest, 1.0)
    table = np.ones((count + 1, count + 1, hulls))
    for i in range(count):
        for j in range(i + 1):
            table[i, j] = table[j, i] = 1.0 + np.einsum("mb,mb->b", off[i], off[j])
    table[count, count] = 0.0
    return table


def _sweep(table: Array, pivot: NDArray[np.intp], back: Chosen) -> None:
    """Solve each table for its pivot, or take that back, in place."""
    each = np.arange(table.shape[2])
    row = table[pivot, :, each].T.copy()
    size = row[pivot, each]
    scaled = row / size
    table -= row[:, None] * scaled
    scaled *= np.where(back, -1.0, 1.0)
    table[pivot, :, each], table[:, pivot, each] = scaled.T, scaled
    table[pivot, pivot, each] = -1.0 / size
