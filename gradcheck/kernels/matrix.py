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


def by_sixteens(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return the sums over each 16 entries along an axis of a matrix, the last ones fewer.

    As numpy.add.reduceat does, in a thirtieth of its time.
    """
    n = values.shape[axis]
    whole = n // TILE * TILE
    if axis == 0:
        parts = [values[:whole].reshape(-1, TILE, values.shape[1]).sum(axis=1)]
        rest = values[whole:].sum(axis=0, keepdims=True)
    else:
        parts = [values[:, :whole].reshape(len(values), -1, TILE).sum(axis=2)]
        rest = values[:, whole:].sum(axis=1, keepdims=True)
    return np.concatenate([*parts, rest], axis=axis) if whole < n else parts[0]


def tiled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums over tiles of 16 × 16 entries, the last ones of an axis smaller."""
    return by_sixteens(by_sixteens(values, 0), 1)


def tile_sizes(rows: int, columns: int) -> NDArray[np.float64]:
    """Return the number of entries of each tile."""
    heights = np.minimum(TILE, rows - np.arange(0, rows, TILE))
    widths = np.minimum(TILE, columns - np.arange(0, columns, TILE))
    return np.outer(heights, widths).astype(np.float64)
