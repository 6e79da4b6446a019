"""The claims kept next to the point, in the entries in which they differ from the claim at the point or one another.

A kink moves few of a large argument's entries. In all others the claims next to the point are the claim at it, as far
as drift and round-off tell, so a claim kept costs what it differs in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Entries = NDArray[np.int64]

WHOLE = 2**13  # entries up to which claims are kept whole
BLOCK = 2**15  # entries looked at together: temporaries stay small beside the argument


class Scaled:
    """The entries of a large array in the argument's scale, as they are asked for: a copy of all would be as large."""

    def __init__(self, values: Array, scale: float | Array) -> None:
        self._values = values
        self._scale = scale

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, part: slice | Entries) -> Array:
        """Return some entries, a copy."""
        scale = self._scale if isinstance(self._scale, float) else self._scale[part]
        return np.asarray(self._values[part] * scale)


class Changes:
    """The claims kept, each as its values in some entries.

    Attributes
    ----------
    here : array (entries,) or Scaled
        The claim at the point.
    entries : array
        Those in which values are kept, in order: all of a small argument, else those that any claim has changed.
    values : list of (array or None)
        The claims in these entries, None where no more than their range was to be kept.
    low, high : array
        The smallest and the largest value of each of these entries in any claim.
    largest : float
        The largest entry of any claim.

    """

    def __init__(self, here: Array | Scaled, *, whole: bool = False) -> None:
        self.here = here
        self.entries: Entries = np.arange(len(here) if whole or len(here) <= WHOLE else 0)
        self.values: list[Array | None] = []
        self.low, self.high = np.full(len(self.entries), np.inf), np.full(len(self.entries), -np.inf)
        self.largest = _largest(here)

    def add(self, claim: Array, change: Array | None, tolerance: float, *, values: bool = True) -> None:
        """Keep the claim at δ, which changes by `change` up to 3δ where that is known, or no more than its range.

        Drift is linear, so half of the change is between the point and δ. Where that leaves no more than `tolerance`
        the claim is the one at the point.
        """
        self.largest = max(self.largest, _largest(claim))
        if len(self.entries) < len(self.here):
            self._widen(np.union1d(self.entries, differing(claim, self.here, tolerance, change)))
        found = claim[self.entries]
        self.low, self.high = np.minimum(self.low, found), np.maximum(self.high, found)
        self.values.append(found if values else None)

    def _widen(self, entries: Entries) -> None:
        before = self.entries, self.here[entries]
        self.entries = entries
        self.values = [None if value is None else self._wider(value, *before) for value in self.values]
        if self.values:
            self.low, self.high = self._wider(self.low, *before), self._wider(self.high, *before)
        else:
            self.low, self.high = np.full(len(entries), np.inf), np.full(len(entries), -np.inf)

    def _wider(self, value: Array, entries: Entries, here: Array) -> Array:
        """Return values in `entries` in all that are kept now: they were those of the claim at the point elsewhere."""
        wider = here.copy()
        wider[np.searchsorted(self.entries, entries)] = value
        return wider

    def release(self) -> None:
        """Let go of all that is kept, for good."""
        self.values = [None] * len(self.values)
        self.entries, self.low, self.high = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)

    def whole(self, number: int) -> Array:
        """Return a claim in all entries."""
        claim = np.array(self.here[:])
        claim[self.entries] = self._value(number)
        return claim

    def _value(self, number: int) -> Array:
        value = self.values[number]
        if value is None:
            raise LookupError(number)
        return value

    def at(self, number: int, entries: Entries) -> Array:
        """Return a claim in some entries."""
        if len(self.entries) == len(self.here):
            return self._value(number)[entries]
        found = self.here[entries]
        _, here, there = np.intersect1d(entries, self.entries, assume_unique=True, return_indices=True)
        found[here] = self._value(number)[there]
        return found

    def changing(self, tolerance: float) -> Entries:
        """Return the entries in which the claims kept differ."""
        return np.asarray(self.entries[self.high - self.low > tolerance])

    def off(self, tolerance: float) -> Entries:
        """Return the entries that the claims kept agree about, and the claim at the point does not."""
        apart = np.abs(self.here[self.entries] - self.low)
        return np.asarray(self.entries[(self.high - self.low <= tolerance) & (apart > tolerance)])


def parts(count: int, block: int = BLOCK) -> list[slice]:
    """Return slices of `count` entries, a block each."""
    return [slice(start, start + block) for start in range(0, count, block)]


def _largest(values: Array | Scaled) -> float:
    return max((float(np.max(np.abs(values[part]))) for part in parts(len(values))), default=0.0)


def differing(claim: Array | Scaled, here: Array | Scaled, tolerance: float, change: Array | None = None) -> Entries:
    """Return the entries in which a claim, less half of its change from δ to 3δ, differs from the one at the point."""
    found = [np.zeros(0, dtype=np.int64)]
    for part in parts(len(claim)):
        apart = claim[part] - here[part]
        if change is not None:
            apart -= change[part] / 2
        found.append(part.start + np.flatnonzero(np.abs(apart) > tolerance))
    return np.concatenate(found)
