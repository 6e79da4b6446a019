"""Columns of sides taken: the kinks, or the entries, that have changed over in the same claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def numbered(sides: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a number for each column, from 0: the same for those that are equal, or opposite, in all rows."""
    packed = np.packbits(sides ^ sides[0], axis=0)
    order = np.lexsort(packed)
    new = np.any(packed[:, order[1:]] != packed[:, order[:-1]], axis=0)
    number = np.zeros(len(order), dtype=np.int64)
    number[order[1:]] = np.cumsum(new)
    return number
