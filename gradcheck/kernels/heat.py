"""The error of a result over its yardstick, as a picture of a few dozen cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kernels.matrix import TILE
from gradcheck.kernels.sums import ResultMatrices, errors
from gradcheck.verdicts.comparison import HeatMap

if TYPE_CHECKING:
    from gradcheck.kernels.statistics import GroupYardstick, Statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS, COLUMNS = 48, 64  # cells at most
LARGE = 2**18  # entries above which cells are made of tiles


def heat(result: ResultMatrices, found: Statistics) -> HeatMap | None:
    """Return the map of a result; None for a single number."""
    if result.size < 2 or found.level is None:
        return None
    if result.size > LARGE:
        return _of_tiles(result, found, found.level)
    height, width = -(-result.rows // ROWS), -(-result.columns // COLUMNS)
    starts = range(0, result.columns, width)
    n = np.minimum(width, result.columns - np.array(starts))
    cells = []
    for first in range(0, result.rows, height):
        part = errors(result, first, min(first + height, result.rows), found.power)
        sums = [
            np.add.reduceat(q.sum(axis=0), starts) for q in (part.e**2, part.low**2, part.g**2, part.jj + 0 * part.g)
        ]
        cells.append(_row(sums, n * float(len(part.g)), found, found.level))
    return HeatMap(tuple(cells), height, width, result.rows, result.columns)


def _of_tiles(result: ResultMatrices, found: Statistics, level: GroupYardstick) -> HeatMap:
    """Return the map of a large result from the sums over its tiles, which are there already."""
    shape = -(-result.rows // TILE), -(-result.columns // TILE)
    down, across = -(-shape[0] // ROWS), -(-shape[1] // COLUMNS)

    def cells(q: str) -> NDArray[np.float64]:
        rows = np.add.reduceat(found.tiles[q].reshape(shape), range(0, shape[0], down), axis=0)
        return np.asarray(np.add.reduceat(rows, range(0, shape[1], across), axis=1))

    sums = [cells(q) for q in ("ee", "ll", "gg", "jj")]
    every = tuple(_row([q[i] for q in sums], n, found, level) for i, n in enumerate(cells("n")))
    return HeatMap(every, down * TILE, across * TILE, result.rows, result.columns)


def _row(
    sums: list[NDArray[np.float64]], n: NDArray[np.float64], found: Statistics, level: GroupYardstick
) -> tuple[float, ...]:
    ee, ll, gg, jj = (q / n for q in sums)
    y2 = level.squared(ll, gg, jj, n, found.median)
    return tuple(float(f"{v:.3g}") for v in np.sqrt(ee / np.maximum(y2, 1e-300)))
