"""The judgement of a claim at a kink where nothing is known of f: entries, claims and naming in one piece."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import convention, naming, subgradient
from gradcheck.kinks.around import Around, Grown
from gradcheck.kinks.changes import WHOLE
from gradcheck.kinks.naming import Named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.subgradient import Finding

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class BlackBox:
    """What was found, in which entries, with which claims, and by which names.

    Attributes
    ----------
    entries : array
        The entries of the claim that were looked at.
    near : Neighbourhood or None
        The claims in them; None where there are no such entries.
    count : int
        How many claims were known before the kinks were named.
    kinks : tuple of Named
        The simple kinks, with entries of `near`.
    centre : bool
        Whether the claim is the middle of the claims at any move and its opposite.

    """

    finding: Finding
    entries: Entries
    near: Neighbourhood | None
    count: int
    kinks: tuple[Named, ...]
    centre: bool

    @property
    def still(self) -> bool:
        """Whether no claim next to the point differs from another."""
        if self.near is None:
            return True
        return self.near.spread <= self.near.tolerance

    @cached_property
    def shares(self) -> Array:
        """Each entry's share of the limit from larger values of the argument, NaN where it has no kink.

        They are as large as a claim, and only made when all is judged.
        """
        if self.near is None:
            return np.zeros(0)
        shares = convention.of_entries(self.near, self.count)
        _by_kinks(shares, self.kinks)
        return shares

    def forget(self) -> None:
        """Let go of the claims once all is said of them: what they were asked of refers to them, and keeps them."""
        if self.near is not None:
            self.near.forget()


def black_box(beside: Beside) -> BlackBox:
    """Judge the claim at the point from the claims next to it alone."""
    if len(beside.here) > WHOLE:
        beside.ask_in_order()
    entries = beside.entries()
    if not len(entries):
        finding = subgradient.Finding("inside", weights=np.ones(1))
        return BlackBox(finding, entries, None, 0, (), centre=False)
    around = Around(beside, entries)
    del entries  # as large as the argument, and not those looked at where these are all
    while True:  # entries turn up as long as claims may be asked for
        try:
            finding = subgradient.judged(around.near)
        except Grown as found:
            more = found.with_traceback(None)  # its frames keep arrays as large as the argument
        else:
            return _named(around.near, finding, around.entries)
        around = around.grown(more)


def _named(near: Neighbourhood, finding: Finding, entries: Entries) -> BlackBox:
    count = len(near.claims)
    if finding.walls:
        kinks = tuple(Named(finding.entries, wall) for wall in finding.walls)
    else:
        kinks = naming.named(near, finding.labels) if finding.state == "inside" else ()
    return BlackBox(finding, entries, near, count, kinks, centre=_is_centre(near))


def _by_kinks(shares: Array, kinks: Sequence[Named]) -> None:
    """Put in the shares of entries that one simple kink alone moves: its normal says which side is on the right."""
    known = np.zeros(len(shares), dtype=np.int64)
    for kink in kinks:
        known[kink.entries] += 1
    for kink in kinks:
        alone = known[kink.entries] == 1
        right = kink.wall.normal[alone] > 0
        shares[kink.entries[alone]] = np.where(right, kink.wall.share, 1 - kink.wall.share)


def _is_centre(near: Neighbourhood) -> bool:
    """Tell whether the claim is the middle of the claims at each move and its opposite: ½ of a ReLU, 0 of a norm."""
    pairs = [k for k in range(len(near.claims) - 1) if _opposite(near, k)]
    middles = (
        np.abs((near.claim(k, part) + near.claim(k + 1, part)) / 2 - near.here[part])
        for k in pairs
        for part in near.parts
    )
    return bool(pairs) and all(float(np.max(off, initial=0.0)) <= near.tolerance for off in middles)


def _opposite(near: Neighbourhood, number: int) -> bool:
    """Tell whether a claim's move and that of the next one are opposites."""
    pairs = zip(near.move_by_parts(number), near.move_by_parts(number + 1), strict=True)
    return all(bool((np.abs(one + other) <= near.blur).all()) for (_, one), (_, other) in pairs)
