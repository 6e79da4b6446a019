"""Claims of a large argument kept in a few bits an entry: which of the few values that the entry has taken it is.

Next to a kink an entry has one value on each side, so many claims of it are two numbers and a bit each. An entry of
many kinks has more values; there are never more than claims. A value and its opposite are one number and a bit: where f
is even about the point, as a norm is at 0, the claim at the opposite move is the opposite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.bits import Bits, length, level_of

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


class Packed:
    """Claims in some entries, or no more than the range of them.

    Attributes
    ----------
    levels : list of (array (entries,) or Few)
        The values that each entry has taken, NaN where it has not taken as many; of more than two only where it has.
    own, opposite : list of Bits
        Whether an entry has taken a level's value, and its opposite: 1, else 0.
    codes : list of (Bits or None)
        Which of the levels it has, claim by claim, or the complement of the one whose opposite it has; None where no
        more than the range of a claim was to be kept.
    same : float
        How far apart values may be that are kept as one.

    """

    def __init__(self, count: int, same: float = 0.0) -> None:
        self.count = count
        self.same = same
        self.levels: list[Array | Few] = []
        self.own: list[Bits] = []
        self.opposite: list[Bits] = []
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
        kept = (*self.codes, *self.own, *self.opposite)
        return self.of_values + sum(bits.nbytes for bits in kept if bits is not None)

    @property
    def of_values(self) -> int:
        """How many of these bytes are values, not which of them a claim has."""
        few = (
            x for level in self.levels for x in ((level.entries, level.values) if isinstance(level, Few) else (level,))
        )
        return sum(x.nbytes for x in few)

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
        below, mine = level_of(codes[where])
        found = np.array(self.levels[0][where]) if self.levels else np.zeros(0)
        for level, values in enumerate(self.levels[1:], 1):
            here = mine == level
            if here.any():
                np.copyto(found, values[where], where=here)
        np.negative(found, out=found, where=below)
        return found

    def several(self, numbers: Sequence[int], entries: Entries) -> Array:
        """Return some claims in a few entries, (claims, entries): all at once, where `part` would take each by itself.

        Raises
        ------
        LookupError
            If no more than the range of one was kept.

        """
        below, level = np.zeros((2, len(numbers), len(entries)), dtype=np.int16)
        byte, shift = entries // 8, (7 - entries % 8).astype(np.uint8)
        for row, number in enumerate(numbers):
            if (codes := self.codes[number]) is None:
                raise LookupError(number)
            for place, plane in enumerate(codes.planes):
                level[row] |= ((plane[byte] >> shift) & np.uint8(1)).astype(np.int16) << place
            if codes.below is not None:
                below[row] = (codes.below[byte] >> shift) & np.uint8(1)
        found = np.take_along_axis(np.array([values[entries] for values in self.levels]), level, axis=0)
        np.negative(found, out=found, where=below != 0)
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
        """Change a claim in some entries; temporaries are a few times as large as these."""
        codes = self.codes[number]
        if codes is None:
            raise LookupError(number)
        self._forget(number, entries)
        codes[entries] = self._coded(values, entries)

    def _forget(self, number: int, entries: Entries) -> None:
        """Let go of the values of some entries that no claim has but, it may be, the one of that number.

        One whose opposite a claim has stays, as what it is the opposite of.
        """
        free, each = np.ones((2, len(self.levels), len(entries)), dtype=bool), np.arange(len(entries))
        for k, codes in enumerate(self.codes):
            if codes is not None and k != number:
                below, place = level_of(codes[entries])
                free[below.astype(np.intp), place, each] = False
        kept = zip(self.levels, self.own, self.opposite, free.transpose(1, 0, 2), strict=True)
        for level, own, opposite, (unused, unturned) in kept:
            for bits, none in ((own, unused), (opposite, unturned)):
                bits[entries[none]] = np.zeros(np.count_nonzero(none), dtype=np.int16)
            gone = entries[unused & unturned & ~np.isnan(level[entries])]
            if isinstance(level, Few):
                level.add(gone, np.full(len(gone), np.nan))
            else:
                level[gone] = np.nan

    def _coded(self, values: Array, where: slice | Entries) -> NDArray[np.int16]:
        """Return which of their levels the values in some entries are, or are the opposite of; new ones among them."""
        codes = np.zeros(len(values), dtype=np.int16)
        left = np.ones(len(values), dtype=bool)
        level = 0
        while left.any():
            if level == len(self.levels):
                self.levels.append(np.full(self.count, np.nan) if level < TWO else self._none())
                self.own.append(Bits(self.count))
                self.opposite.append(Bits(self.count))
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
            turned = left & ~here & (np.abs(values + known) <= self.same)
            codes[here], codes[turned] = level, ~level
            for bits, found in ((self.own[level], here), (self.opposite[level], turned)):
                if found.any():
                    bits[where] = bits[where] | found
            left &= ~(here | turned)
            level += 1
        return codes

    def _none(self) -> Few:
        return Few(self.count, np.zeros(0, dtype=np.int32), np.zeros(0))

    def range(self, where: slice | Entries = slice(None)) -> tuple[Array, Array]:
        """Return the smallest and the largest value of each of some entries; NaN where none is kept."""
        low = np.full(length(where, self.count), np.nan)
        high = low.copy()
        for level, own, opposite in zip(self.levels, self.own, self.opposite, strict=True):
            values = level[where]
            for has, one in ((own, values), (opposite, -values)):
                taken = np.where(has[where] != 0, one, np.nan)
                np.fmin(low, taken, out=low)
                np.fmax(high, taken, out=high)
        return low, high

    def chosen(self, numbers: Sequence[int]) -> Packed:
        """Return some of the claims; what is kept of them is kept once, and is gone from both if one is trimmed."""
        found = Packed(self.count, self.same)
        found.levels, found.own, found.opposite = list(self.levels), list(self.own), list(self.opposite)
        found.codes = [self.codes[k] for k in numbers]
        return found

    def trim(self) -> None:
        """Let go of the values that no claim has: those of claims of which no more than the range was to be kept."""
        for part in parts(self.count):
            self._forget(-1, np.arange(*part.indices(self.count), dtype=np.int32))
        while self.levels and np.isnan(self.levels[-1][:]).all():
            del self.levels[-1], self.own[-1], self.opposite[-1]

    def wider(self, count: int, places: Entries, others: Array) -> Packed:
        """Return the same claims in `count` entries: at `places` those, all else has the value that `others` has.

        These are no claims any more: both together may be much larger than the argument.
        """
        found = Packed(count, self.same)
        if self.codes:
            found.levels.append(others)
            if not self.levels:  # of no entry
                self.own, self.opposite = [Bits(0)], [Bits(0)]
        for level in range(len(self.levels)):
            kept = self.levels.pop(0)
            if isinstance(kept, Few):
                found.levels.append(Few(count, places[kept.entries], kept.values))
                continue
            wide = np.full(count, np.nan) if level else others
            wide[places] = kept
            found.levels[level:] = [wide]
        found.own = [self._wider(bits, count, places, int(not level)) for level, bits in enumerate(self.own)]
        found.opposite = [self._wider(bits, count, places) for bits in self.opposite]
        found.codes = [None if codes is None else self._wider(codes, count, places) for codes in self.codes]
        return found

    def _wider(self, bits: Bits, count: int, places: Entries, elsewhere: int = 0) -> Bits:
        """Return the same numbers in `count` entries: at `places` those, all others the same."""
        wider, numbers = Bits(count), np.full(count, elsewhere, dtype=np.int16)
        numbers[places] = bits[:]
        wider[:] = numbers
        return wider
