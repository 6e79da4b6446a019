"""Claims of a large argument kept in a few bits an entry: which of the few values that the entry has taken it is.

Next to a kink an entry has one value on each side, so many claims of it are two numbers and a bit each. An entry of
many kinks has more values; there are never more than claims.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.scaled import Scaled

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

TWO = 2  # values of an entry: those on the two sides of a kink
BLOCK = 2**13  # entries looked at together: temporaries stay small beside the argument


def parts(count: int, block: int = BLOCK) -> list[slice]:
    """Return slices of `count` entries, a block each."""
    return [slice(start, start + block) for start in range(0, count, block)]


class Few:
    """A value for some of very many entries; NaN for all others."""

    def __init__(self, count: int, entries: Entries, values: Array) -> None:
        self.count = count
        self.entries = entries
        self.values = values

    def __getitem__(self, where: slice | Entries) -> Array:
        """Return the values of some entries."""
        if isinstance(where, slice):
            start, stop, _ = where.indices(self.count)
            first, last = np.searchsorted(self.entries, np.array((start, stop), dtype=self.entries.dtype))
            found = np.full(stop - start, np.nan)
            found[self.entries[first:last] - start] = self.values[first:last]
            return found
        place, known = self._places(where)
        found = np.full(len(where), np.nan)
        found[known] = self.values[place[known]]
        return found

    def _places(self, entries: Entries) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return where some entries stand among those that have a value, or would, and which of them do."""
        place = np.searchsorted(self.entries, entries)
        known = place < len(self.entries)
        known[known] = self.entries[place[known]] == entries[known]
        return place, known

    def add(self, entries: Entries, values: Array) -> None:
        """Take in values of some entries, of a few for the first time."""
        place, known = self._places(entries)
        self.values[place[known]] = values[known]
        entries, values = entries[~known], values[~known]
        order = np.argsort(entries)
        places = np.searchsorted(self.entries, entries[order])
        self.entries = np.insert(self.entries, places, entries[order])
        self.values = np.insert(self.values, places, values[order])


class Bits:
    """Small numbers of very many entries, in as many bits as the largest needs: a plane of bits for each."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.planes: list[NDArray[np.uint8]] = []

    def __getitem__(self, where: slice | Entries) -> NDArray[np.int16]:
        """Return the numbers of some entries."""
        if isinstance(where, slice):
            start, stop, _ = where.indices(self.count)
            found = np.zeros(stop - start, dtype=np.int16)
            for place, plane in enumerate(self.planes):
                bits = np.unpackbits(plane[start // 8 : (stop + 7) // 8])
                found |= bits[start % 8 : start % 8 + len(found)].astype(np.int16) << place
            return found
        found = np.zeros(len(where), dtype=np.int16)
        for place, plane in enumerate(self.planes):
            found |= ((plane[where // 8] >> (7 - where % 8).astype(np.uint8)) & 1).astype(np.int16) << place
        return found

    def __setitem__(self, where: slice | Entries, numbers: NDArray[np.int16]) -> None:
        """Change the numbers of some entries; a slice begins at a multiple of eight, and ends at one or at the end."""
        while len(self.planes) < int(numbers.max(initial=0)).bit_length():
            self.planes.append(np.zeros((self.count + 7) // 8, dtype=np.uint8))
        for place, plane in enumerate(self.planes):
            bits = ((numbers >> place) & 1).astype(bool)
            if isinstance(where, slice):
                start, stop, _ = where.indices(self.count)
                plane[start // 8 : (stop + 7) // 8] = np.packbits(bits)
            else:
                own = (128 >> where % 8).astype(np.uint8)
                np.bitwise_and.at(plane, where // 8, ~own)
                np.bitwise_or.at(plane, where[bits] // 8, own[bits])


class Packed:
    """Claims in some entries, or no more than the range of them.

    Attributes
    ----------
    levels : list of (array (entries,) or Few)
        The values that each entry has taken, NaN where it has not taken as many; of more than two only where it has.
    codes : list of (Bits or None)
        Which of these it has, claim by claim; None where no more than the range of a claim was to be kept.
    same : float
        How far apart values may be that are kept as one.

    """

    def __init__(self, count: int, same: float = 0.0) -> None:
        self.count = count
        self.same = same
        self.levels: list[Array | Few] = []
        self.codes: list[Bits | None] = []

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Array]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, number: int) -> Array:
        """Return a claim."""
        return self.part(number)

    @property
    def nbytes(self) -> int:
        """How many bytes the claims take."""
        planes = sum(plane.nbytes for codes in self.codes if codes is not None for plane in codes.planes)
        few = (
            x for level in self.levels for x in ((level.entries, level.values) if isinstance(level, Few) else (level,))
        )
        return planes + sum(x.nbytes for x in few)

    def part(self, number: int, where: slice | Entries = slice(None)) -> Array:
        """Return a claim in some of the entries, a copy.

        Raises
        ------
        LookupError
            If no more than its range was kept.

        """
        codes = self.codes[number]
        if codes is None:
            raise LookupError(number)
        mine = codes[where]
        found = np.array(self.levels[0][where]) if self.levels else np.zeros(0)
        for level, values in enumerate(self.levels[1:], 1):
            here = mine == level
            if here.any():
                np.copyto(found, values[where], where=here)
        return found

    def append(self, claim: Array | Scaled) -> None:
        """Keep a claim."""
        codes = Bits(self.count)
        self.codes.append(codes)
        for part in parts(self.count):
            codes[part] = self._coded(claim[part], part)

    def widen(self, claim: Array, enough: float = np.inf) -> None:
        """Keep the range of a claim, where what is known of it is not `enough` already."""
        self.codes.append(None)
        for part in parts(self.count):
            low, high = self.range(part)
            values = claim[part]
            beyond = ~((values >= low - self.same) & (values <= high + self.same)) & ~(high - low >= enough)
            if beyond.any():
                self._coded(np.where(beyond, values, self.levels[0][part] if self.levels else values), part)

    def put(self, number: int, entries: Entries, values: Array) -> None:
        """Change a claim in some entries."""
        codes = self.codes[number]
        if codes is None:
            raise LookupError(number)
        for part in parts(len(entries)):
            self._forget(number, entries[part])
            codes[entries[part]] = self._coded(values[part], entries[part])

    def _forget(self, number: int, entries: Entries) -> None:
        """Let go of the values of some entries that no claim has but the one of that number."""
        free, each = np.ones((len(self.levels), len(entries)), dtype=bool), np.arange(len(entries))
        for k, codes in enumerate(self.codes):
            if codes is not None and k != number:
                free[codes[entries], each] = False
        for level, unused in zip(self.levels, free, strict=True):
            gone = entries[unused & ~np.isnan(level[entries])]
            if isinstance(level, Few):
                level.add(gone, np.full(len(gone), np.nan))
            else:
                level[gone] = np.nan

    def _coded(self, values: Array, where: slice | Entries) -> NDArray[np.int16]:
        """Return which of their levels the values in some entries are, new ones among them."""
        codes = np.zeros(len(values), dtype=np.int16)
        left = np.ones(len(values), dtype=bool)
        level = 0
        while left.any():
            if level == len(self.levels):
                self.levels.append(np.full(self.count, np.nan) if level < TWO else self._none())
            kept = self.levels[level]
            known = kept[where]
            new = left & np.isnan(known)
            if new.any():
                known = np.where(new, values, known)
                if isinstance(kept, Few):
                    mine = np.flatnonzero(new).astype(np.int32)
                    kept.add(where.start + mine if isinstance(where, slice) else where[mine], values[new])
                    if 3 * len(kept.entries) > 2 * self.count:  # four bytes more for each of them
                        self.levels[level] = kept[:]
                else:
                    kept[where] = known
            here = new | (left & (np.abs(values - known) <= self.same))
            codes[here] = level
            left &= ~here
            level += 1
        return codes

    def _none(self) -> Few:
        return Few(self.count, np.zeros(0, dtype=np.int32), np.zeros(0))

    def range(self, where: slice | Entries = slice(None)) -> tuple[Array, Array]:
        """Return the smallest and the largest value of each of some entries; NaN where none is kept."""
        first = self.levels[0][where] if self.levels else np.full(self.count, np.nan)[where]
        low, high = first.copy(), first.copy()
        for level in self.levels[1:]:
            np.fmin(low, level[where], out=low)
            np.fmax(high, level[where], out=high)
        return low, high

    def chosen(self, numbers: Sequence[int]) -> Packed:
        """Return some of the claims, which are kept once."""
        found = Packed(self.count, self.same)
        found.levels = list(self.levels)
        found.codes = [self.codes[k] for k in numbers]
        return found

    def wider(self, count: int, places: Entries, others: Array) -> Packed:
        """Return the same claims in `count` entries: at `places` those, all else has the value that `others` has.

        These are no claims any more: both together may be much larger than the argument.
        """
        found = Packed(count, self.same)
        if self.codes:
            found.levels.append(others)
        for level in range(len(self.levels)):
            kept = self.levels.pop(0)
            if isinstance(kept, Few):
                found.levels.append(Few(count, places[kept.entries], kept.values))
                continue
            wide = np.full(count, np.nan) if level else others
            wide[places] = kept
            found.levels[level:] = [wide]
        for codes in self.codes:
            wider = None if codes is None else Bits(count)
            if codes is not None and wider is not None:
                numbers = np.zeros(count, dtype=np.int16)
                numbers[places] = codes[:]
                wider[:] = numbers
            found.codes.append(wider)
        return found
