"""Sides taken: the kinks, or the entries, that have changed over in the same claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Side = NDArray[np.bool_]
    Entries = NDArray[np.signedinteger[Any]]


class Sides:
    """The sides of very many columns, claim by claim, in a bit each; eight claims are a row of bytes."""

    def __init__(self, columns: int, claims: Iterable[Side] = ()) -> None:
        self.columns = columns
        self._rows: list[NDArray[np.uint8]] = []
        self._count = 0
        for claim in claims:
            self.append(claim)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Side:
        """Return the sides of a claim."""
        return self.part(number, slice(None))

    def part(self, number: int, where: slice | Entries) -> Side:
        """Return the sides of a claim in some columns."""
        row, place = divmod(number, 8)
        return np.asarray(self._rows[row][where] & (128 >> place), dtype=bool)

    def append(self, sides: Side) -> None:
        """Take in those of a claim."""
        if self._count % 8 == 0:
            self._rows.append(np.zeros(self.columns, dtype=np.uint8))
        self._rows[-1][sides] |= 128 >> self._count % 8
        self._count += 1

    def numbered(self) -> Entries:
        """Return a number for each column, from 0: the same for those that are equal, or opposite, in all claims."""
        first = self[0]
        masks = [255 & ~(255 >> min(self._count - 8 * row, 8)) for row in range(len(self._rows))]
        packed = [np.where(first, row ^ np.uint8(mask), row) for row, mask in zip(self._rows, masks, strict=True)]
        order = np.lexsort(packed).astype(np.int32)
        new = np.zeros(max(self.columns - 1, 0), dtype=bool)
        for row in packed:
            ordered = row[order]
            new |= ordered[1:] != ordered[:-1]
        number = np.zeros(self.columns, dtype=np.int32)
        number[order[1:]] = np.cumsum(new, dtype=np.int32)
        return number


def numbered(sides: NDArray[np.bool_]) -> Entries:
    """Return a number for each column of a matrix, from 0: the same for those that are equal, or opposite."""
    return Sides(sides.shape[1], sides).numbered()
