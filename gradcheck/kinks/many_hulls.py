"""The nearest points of the hulls of very many small blocks, all at once.

The problem of each block is that of `nearest_point.in_hull`: t ≥ 0 minimises |A·t|² + (1 − Σt)². Its normal equations
are solved by the active set of C. Lawson and R. Hanson ("Solving Least Squares Problems", 1974, chapter 23): a turn
solves those of the vertices in use for all blocks at once, and takes one more vertex into use, or one out, in each.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Chosen = NDArray[np.bool_]

ROUND_OFF = 2.0**-50  # of a square: with so much more of each no equations are singular
SLACK = 2.0**-46  # what a vertex must gain, of 1
STEPS = 4  # for each vertex; far more than any takes that ends


def in_hulls(vertices: Array, targets: Array, among: Chosen, begin: Chosen | None = None) -> tuple[Array, Chosen]:
    """Return the convex weights of the point of each hull nearest to its target, and which of them were found.

    Parameters
    ----------
    vertices : array (count, size, hulls)
        Finite.
    targets : array (size, hulls)
        The claims.
    among : array of bool (count, hulls)
        Which vertices a hull has; at least one.
    begin : array of bool (count, hulls), optional
        The vertices to begin with: those that carry weight without one that is new. With any others it takes longer.

    Returns
    -------
    weights : array (count, hulls)
        Not negative, with sum 1 where they were found.
    found : array of bool (hulls,)
        False where round-off kept the active set from ending: `in_hull` does better there.

    """
    count, _, hulls = vertices.shape
    weights, found = np.zeros((hulls, count)), np.zeros(hulls, dtype=bool)
    with suppress(np.linalg.LinAlgError):  # vertices in use that are exactly dependent
        left = _Active(_products(vertices, targets), among, np.zeros_like(among) if begin is None else begin)
        for turn in range(STEPS * (count + 2)):
            more = left.turn(left.solved() if turn else left.t.copy())
            done = left.hulls[~more]
            weights[done], found[done] = left.t[~more], True
            if not more.any():
                break
            left.keep(more)
    np.divide(weights, weights.sum(axis=1, keepdims=True), out=weights, where=found[:, None])
    return weights.T, found


def _products(vertices: Array, targets: Array) -> Array:
    """Return the normal equations of each hull, (hulls, count, count); all of their right sides are 1."""
    largest = np.maximum(np.abs(vertices).max(axis=(0, 1)), np.abs(targets).max(axis=0))
    scale = np.ldexp(1.0, -np.clip(np.frexp(largest)[1], -1000, 1000))  # with it differences are floats
    off = vertices * scale - targets * scale
    largest = np.abs(off).max(axis=(0, 1))
    np.divide(off, largest, out=off, where=largest > 0)
    rows = np.ascontiguousarray(off.transpose(2, 0, 1))
    products = rows @ rows.transpose(0, 2, 1) + 1.0
    np.einsum("hii->hi", products)[:] *= 1 + ROUND_OFF
    return np.asarray(products)


class _Active:
    """The hulls that are still open, (hulls, count): which vertices are in use, and the weights t."""

    def __init__(self, products: Array, among: Chosen, begin: Chosen) -> None:
        self.hulls = np.arange(len(products))
        self._products = products
        self._among, self._used = among.T.copy(), begin.T.copy()
        try:
            self.t = self.solved()
        except np.linalg.LinAlgError:  # of some that are exactly dependent
            self.t = np.zeros(begin.T.shape)
        self._used[(self._used & (self.t <= 0)).any(axis=1)] = False
        self.t[~self._used] = 0.0

    def solved(self) -> Array:
        """Return the weights that the vertices in use would have were none to be kept above 0."""
        both = self._used[:, :, None] & self._used[:, None, :]
        equations = np.where(both, self._products, np.eye(both.shape[1]))
        return np.asarray(np.linalg.solve(equations, self._used[:, :, None].astype(np.float64))[:, :, 0])

    def turn(self, solved: Array) -> Chosen:
        """Move the weights to those solved for as far as none falls below 0, change what is in use.

        Return which hulls are still open. The weights that it begins with are solved for.
        """
        each = np.arange(len(self.hulls))
        falls = self._used & (solved <= 0)
        back: Chosen = np.any(falls, axis=1, keepdims=True)[:, 0]
        gain = np.where(self._among & ~self._used, 1.0 - np.einsum("hij,hj->hi", self._products, solved), -np.inf)
        into = gain.argmax(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(falls, self.t / (self.t - solved), np.inf)
        out = shares.argmin(axis=1)
        self.t += np.where(back, shares[each, out], 1.0)[:, None] * (solved - self.t)
        self.t[each[back], out[back]] = 0.0
        more: Chosen = back | (gain[each, into] > SLACK)
        self._used[each[more], np.where(back, out, into)[more]] = ~back[more]
        return more

    def keep(self, some: Chosen) -> None:
        """Let go of all other hulls."""
        self.hulls, self._products = self.hulls[some], self._products[some]
        self._among, self._used, self.t = self._among[some], self._used[some], self.t[some]
