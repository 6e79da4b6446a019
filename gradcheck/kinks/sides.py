"""Columns of sides taken: the kinks, or the entries, that have changed over in the same claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def numbered(sides: Sequence[NDArray[np.bool_]] | NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a number for each column, from 0: the same for those that are equal, or opposite, in all rows."""
    rows = range(0, len(sides), 8)
    packed = np.array([np.packbits(np.array(sides[k : k + 8]) ^ sides[0], axis=0)[0] for k in rows])
    order = np.lexsort(packed)
    new = np.any(packed[:, order[1:]] != packed[:, order[:-1]], axis=0)
    number = np.zeros(len(order), dtype=np.int64)
    number[order[1:]] = np.cumsum(new)
    return number
