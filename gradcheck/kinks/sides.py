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

    def put(self, where: slice, sides: NDArray[np.bool_]) -> None:
        """Put in the sides of some columns, claim by claim, (claims, columns)."""
        self._count = max(self._count, len(sides))
        for row in range(0, len(sides), 8):
            if row // 8 == len(self._rows):
                self._rows.append(np.zeros(self.columns, dtype=np.uint8))
            self._rows[row // 8][where] = np.packbits(sides[row : row + 8], axis=0)[0]

    @property
    def changed(self) -> Side:
        """The columns that are not on one side in all claims."""
        first, found = self[0], np.zeros(self.columns, dtype=bool)
        for row, mask in zip(self._rows, self._masks, strict=True):
            found |= row != np.where(first, np.uint8(mask), np.uint8(0))
        return found

    @property
    def _masks(self) -> list[int]:
        """Which bits of each row are claims."""
        return [255 & ~(255 >> min(self._count - 8 * row, 8)) for row in range(len(self._rows))]

    def beside(self, other: Sides) -> Sides:
        """Return these columns and those of as many claims."""
        found = Sides(self.columns + other.columns)
        found._rows = [np.concatenate(rows) for rows in zip(self._rows, other._rows, strict=True)]
        found._count = self._count
        return found

    def numbered(self) -> Entries:
        """Return a number for each column, from 0: the same for those that are equal, or opposite, in all claims."""
        first = self[0]
        packed = [np.where(first, row ^ np.uint8(mask), row) for row, mask in zip(self._rows, self._masks, strict=True)]
        order = np.lexsort(packed).astype(np.int32)
        new = np.zeros(max(self.columns - 1, 0), dtype=bool)
        for row in packed:
            ordered = row[order]
            new |= ordered[1:] != ordered[:-1]
        number = np.zeros(self.columns, dtype=np.int32)
        number[order[1:]] = np.cumsum(new, dtype=np.int32)
        return number
