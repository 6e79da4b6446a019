"""The claims kept next to the point, in the entries in which they differ from the claim at the point or one another.

A kink moves few of a large argument's entries. In all others the claims next to the point are the claim at it, as far
as drift and round-off tell, so a claim kept costs what it differs in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gradcheck.kinks.packed import Packed, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.scaled import Scaled

    class Claim(Protocol):
        """A claim of which some entries are asked for at a time."""

        def __len__(self) -> int: ...

        def __getitem__(self, part: slice, /) -> NDArray[np.float64]: ...

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

MOST = 0.5  # of the entries: where more change all are kept
ENOUGH = 2.0**-4  # of the largest entry: claims so far apart differ, whatever their drift is found to be
WHOLE = 2**13  # entries up to which claims are kept whole


class Changes:
    """The claims kept, each as its values in some entries.

    Attributes
    ----------
    here : array (entries,) or Scaled
        The claim at the point.
    entries : array
        Those in which values are kept, in order: all of a small argument, else those that any claim has changed.
    claims : Packed
        The claims in these entries.
    largest : float
        The largest entry of any claim.

    """

    def __init__(self, here: Array | Scaled, *, whole: bool = False) -> None:
        self.here = here
        self.small = whole or len(here) <= WHOLE  # of such a one all entries are looked at
        self.entries: Entries = np.arange(len(here) if self.small else 0)
        self.claims = Packed(len(self.entries))
        self.largest = largest_of(here)

    def add(
        self, claim: Array, change: Array | None, tolerance: float, *, values: bool = True, same: float = 0.0
    ) -> None:
        """Keep the claim at δ, which changes by `change` up to 3δ where that is known, or no more than its range.

        Drift is linear, so half of the change is between the point and δ. Where that leaves no more than `tolerance`
        the claim is the one at the point. Values of a large argument that are no further apart than `same` are one.
        """
        self.largest = max(self.largest, largest_of(claim))
        if len(self.entries) < len(self.here):
            changed = differ(claim, self.here, tolerance, change)
            changed[self.entries] = True
            self._widen(changed)
        if len(self.here) > WHOLE:
            self.claims.same = same
        found = claim if len(self.entries) == len(claim) else claim[self.entries]
        if values:
            self.claims.append(found)
        else:
            self.claims.widen(found, ENOUGH * self.largest)

    def _widen(self, changed: NDArray[np.bool_]) -> None:
        count = np.count_nonzero(changed)
        if count == len(self.entries):
            return
        if MOST * len(changed) < count:  # all are as cheap
            changed[:] = True
        entries = np.flatnonzero(changed).astype(np.int32)  # of very many entries no argument here is
        self.claims = self.claims.wider(len(entries), np.searchsorted(entries, self.entries), self.here[entries])
        self.entries = entries

    def release(self) -> None:
        """Let go of all that is kept, for good."""
        self.claims = Packed(0)
        self.entries = np.zeros(0, dtype=np.int64)

    def whole(self, number: int) -> Array:
        """Return a claim in all entries."""
        if len(self.entries) == len(self.here):
            return self.claims[number]
        claim = np.array(self.here[:])
        claim[self.entries] = self.claims[number]
        return claim

    def at(self, number: int, entries: Entries | slice) -> Array:
        """Return a claim in some entries."""
        if len(self.entries) == len(self.here):
            return self.claims.part(number, entries)
        if isinstance(entries, slice):
            entries = np.arange(len(self.here))[entries]
        found = self.here[entries]
        _, here, there = np.intersect1d(entries, self.entries, assume_unique=True, return_indices=True)
        found[here] = self.claims.part(number, there)
        return found

    def packed(self, numbers: Sequence[int], entries: Entries) -> Packed:
        """Return some claims in some entries."""
        if np.array_equal(self.entries, entries):
            return self.claims.chosen(numbers)
        found = Packed(len(entries), self.claims.same)
        for number in numbers:
            found.append(self.at(number, entries))
        return found

    def changing(self, tolerance: float) -> Entries:
        """Return the entries in which the claims kept differ."""
        return self._those(self._where(lambda low, high, _: high - low > tolerance))

    def off(self, tolerance: float) -> Entries:
        """Return the entries that the claims kept agree about, and the claim at the point does not."""
        apart = self._where(lambda low, high, here: (high - low <= tolerance) & (np.abs(here - low) > tolerance))
        return self.entries[apart]

    def apart(self, tolerance: float) -> Entries:
        """Return the entries in which the claims kept, and the claim at the point, are not all the same."""
        return self._those(
            self._where(lambda low, high, here: (high - low > tolerance) | (np.abs(here - low) > tolerance))
        )

    def _those(self, chosen: NDArray[np.bool_]) -> Entries:
        """Return some of the entries; all of them as they are kept."""
        return self.entries if chosen.all() else self.entries[chosen]

    def _where(self, holds: Callable[[Array, Array, Array], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Return in which of the entries it holds for the range of the claims, and the claim at the point."""
        found = np.zeros(len(self.entries), dtype=bool)
        for part in parts(len(found)):
            found[part] = holds(*self.claims.range(part), self.here[self.entries[part]])
        return found


def largest_of(values: Array | Scaled) -> float:
    """Return the largest absolute value; no temporary is as large as the array."""
    return max((float(np.max(np.abs(values[part]))) for part in parts(len(values))), default=0.0)


def differing(claim: Claim, here: Claim, tolerance: float, change: Array | None = None) -> Entries:
    """Return the entries in which a claim, less half of its change from δ to 3δ, differs from the one at the point."""
    return np.flatnonzero(differ(claim, here, tolerance, change))


def differ(claim: Claim, here: Claim, tolerance: float, change: Array | None = None) -> NDArray[np.bool_]:
    """Tell in which entries it does."""
    found = np.zeros(len(claim), dtype=bool)
    for part in parts(len(claim)):
        apart = claim[part] - here[part]
        if change is not None:
            apart -= change[part] / 2
        found[part] = np.abs(apart) > tolerance
    return found
