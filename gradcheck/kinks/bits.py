"""Small numbers of very many entries, in as many bits as the largest needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Entries = NDArray[np.signedinteger[Any]]


class Bits:
    """Small numbers of very many entries, in as many bits as the largest needs: a plane of bits for each.

    Those below 0 are the complements of others, and one plane tells which they are.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.planes: list[NDArray[np.uint8]] = []
        self.below: NDArray[np.uint8] | None = None

    @property
    def nbytes(self) -> int:
        """How many bytes they take."""
        return sum(plane.nbytes for plane in (*self.planes, self.below) if plane is not None)

    def __getitem__(self, where: slice | Entries) -> NDArray[np.int16]:
        """Return the numbers of some entries."""
        found = np.zeros(length(where, self.count), dtype=np.int16)
        for place, plane in enumerate(self.planes):
            found |= self._bits(plane, where).astype(np.int16) << place
        if self.below is not None:
            found ^= -self._bits(self.below, where).astype(np.int16)
        return found

    def __setitem__(self, where: slice | Entries, numbers: NDArray[np.int16]) -> None:
        """Change the numbers of some entries; a slice begins at a multiple of eight, and ends at one or at the end."""
        below, numbers = level_of(numbers)
        while len(self.planes) < int(numbers.max(initial=0)).bit_length():
            self.planes.append(self._none())
        if self.below is None and below.any():
            self.below = self._none()
        for place, plane in enumerate(self.planes):
            self._put(plane, where, ((numbers >> place) & 1).astype(bool))
        if self.below is not None:
            self._put(self.below, where, below)

    def _none(self) -> NDArray[np.uint8]:
        return np.zeros((self.count + 7) // 8, dtype=np.uint8)

    def _bits(self, plane: NDArray[np.uint8], where: slice | Entries) -> NDArray[np.uint8]:
        """Return 0 or 1 for each of some entries."""
        if not isinstance(where, slice):
            return np.asarray((plane[where // 8] >> (7 - where % 8).astype(np.uint8)) & 1)
        start, stop, _ = where.indices(self.count)
        return np.unpackbits(plane[start // 8 : (stop + 7) // 8])[start % 8 :][: stop - start]

    def _put(self, plane: NDArray[np.uint8], where: slice | Entries, bits: NDArray[np.bool_]) -> None:
        if isinstance(where, slice):
            start, stop, _ = where.indices(self.count)
            plane[start // 8 : (stop + 7) // 8] = np.packbits(bits)
            return
        own = (128 >> where % 8).astype(np.uint8)
        np.bitwise_and.at(plane, where // 8, ~own)
        np.bitwise_or.at(plane, where[bits] // 8, own[bits])


def length(where: slice | Entries, count: int) -> int:
    """Return how many of `count` entries are meant."""
    return len(range(*where.indices(count))) if isinstance(where, slice) else len(where)


def level_of(codes: NDArray[np.int16]) -> tuple[NDArray[np.bool_], NDArray[np.int16]]:
    """Return which numbers are complements, and the numbers or those that they are the complements of."""
    below = codes < 0
    return below, np.where(below, ~codes, codes)
