"""The error of a result over its yardstick, as a picture of a few dozen cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kernels.sums import Result, errors
from gradcheck.verdicts.comparison import HeatMap

if TYPE_CHECKING:
    from gradcheck.kernels.statistics import Statistics

ROWS, COLUMNS = 48, 64  # cells at most


def heat(result: Result, found: Statistics) -> HeatMap | None:
    """Return the map of a result; None for a single number."""
    if result.size < 2 or found.level is None:
        return None
    height, width = -(-result.rows // ROWS), -(-result.columns // COLUMNS)
    starts = range(0, result.columns, width)
    n = np.minimum(width, result.columns - np.array(starts))
    cells = []
    for first in range(0, result.rows, height):
        part = errors(result, first, min(first + height, result.rows), found.power)
        means = [
            np.add.reduceat((q**2 if i < 3 else q).sum(axis=0), starts) / (n * len(q))
            for i, q in enumerate((part.e, part.low, part.g, part.jj))
        ]
        y2 = found.level.yardstick(means[1], means[2], means[3], n * float(len(part.g)), found.median)
        cells.append(tuple(float(f"{v:.3g}") for v in np.sqrt(means[0] / np.maximum(y2, 1e-300))))
    return HeatMap(tuple(cells), height, width, result.rows, result.columns)
