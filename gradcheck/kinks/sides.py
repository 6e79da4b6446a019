"""Sides taken: the kinks, or the entries, that have changed over in the same claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.packed import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    def from_first(self) -> Iterator[NDArray[np.uint8]]:
        """The rows, with a bit for each claim on another side than the first one or on the same as it."""
        first = self[0]
        for row, mask in zip(self._rows, self._masks, strict=True):
            yield np.where(first, row ^ np.uint8(mask), row)

    @property
    def _masks(self) -> list[int]:
        """Which bits of each row are claims."""
        return [255 & ~(255 >> min(self._count - 8 * row, 8)) for row in range(len(self._rows))]

    def numbered(self, *others: Sides, within: Entries | None = None) -> Entries:
        """Return a number for each column, from 0: the same for those that are equal, or opposite, in all claims.

        The columns of others, in as many claims, come after these. Columns of different labels `within` are different.
        """
        every = (one.from_first for one in (self, *others))
        packed: list[NDArray[Any]] = [] if within is None else [within]
        packed += [np.concatenate(rows) for rows in zip(*every, strict=True)]
        order = np.lexsort(packed)
        new = np.zeros(len(order), dtype=bool)
        for part in parts(len(order)):
            for row in packed:
                ordered = row[order[max(part.start - 1, 0) : part.stop]]
                new[max(part.start, 1) : part.stop] |= ordered[1:] != ordered[:-1]
        del packed
        number, last = np.zeros(len(order), dtype=np.int32), 0
        for part in parts(len(order)):
            numbers = last + np.cumsum(new[part], dtype=np.int32)
            number[order[part]] = numbers
            last = int(numbers[-1])
        return number
