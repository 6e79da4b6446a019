"""An array as a matrix, read a few rows at a time: 16 million entries are never held in float64 all at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

TILE = 16  # rows and columns of a tile; blocks of kernels are multiples of it
CHUNK = 2**17  # entries read at a time: 1 MB in float64, so that what is made of them stays in a cache
FOLDED = 2**16  # entries from which a vector is read as rows of 256


class Matrix:
    """The entries of an array as rows and columns: the last axis are the columns, all others together the rows.

    A vector is one row. Complex entries are two columns each. Trailing axes of length 1 are left out.
    """

    def __init__(self, array: Any) -> None:
        shape = list(arrays.shape_of(array))
        while len(shape) > 1 and shape[-1] == 1:
            shape.pop()
        self.shape = tuple(shape)
        self.columns = shape[-1] if shape else 1
        self.rows = math.prod(shape[:-1]) if len(shape) > 1 else 1
        self.width = 2 if arrays.is_complex(array) else 1
        if self.rows == 1 and self.columns >= FOLDED and self.columns % 256 == 0:
            self.rows, self.columns = self.columns // 256, 256
        self._array: Any = array.detach() if arrays.is_torch(array) else np.asarray(array)
        self._array = self._array.reshape(self.rows, self.columns)

    def read(self, start: int, stop: int, dtype: Any = np.float64) -> NDArray[Any]:
        """Return some rows in float64 or float32, a fresh array or one that must not be written."""
        part = self._array[start:stop]
        if dtype is np.float32 and self.width == 1 and arrays.dtype_name(part) in ("bfloat16", "float16", "float32"):
            wide = arrays.cast(part, "float32")
            return np.asarray(wide.numpy(force=True) if arrays.is_torch(wide) else wide)
        values = arrays.to_numpy(part)
        if self.width == 2:
            values = np.ascontiguousarray(values).view(np.float64)
        return values


def chunks(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Return ranges of rows to be read together, each a multiple of a tile's rows but the last."""
    step = max(CHUNK // max(columns, 1) // TILE, 1) * TILE
    for start in range(0, rows, step):
        yield start, min(start + step, rows)


def strips(rows: int, columns: int, most: int) -> list[tuple[int, int]]:
    """Return ranges of 16 rows, spread over all, of about `most` entries together; all rows where they are less."""
    if rows * columns <= most:
        return [(0, rows)]
    count = max(most // (TILE * columns), 1)
    starts = np.unique(np.linspace(0, max(rows - TILE, 0), count).astype(int) // TILE * TILE)
    return [(int(start), min(int(start) + TILE, rows)) for start in starts]


def tiled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums over tiles of 16 × 16 entries, the last ones of an axis smaller."""
    rows, columns = values.shape
    by_rows = np.add.reduceat(values, range(0, rows, TILE), axis=0)
    return np.asarray(np.add.reduceat(by_rows, range(0, columns, TILE), axis=1))


def tile_sizes(rows: int, columns: int) -> NDArray[np.float64]:
    """Return the number of entries of each tile."""
    heights = np.minimum(TILE, rows - np.arange(0, rows, TILE))
    widths = np.minimum(TILE, columns - np.arange(0, columns, TILE))
    return np.outer(heights, widths).astype(np.float64)
