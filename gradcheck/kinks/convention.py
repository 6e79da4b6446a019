"""Which side the claim takes at a kink, as a name: of the kink variable, of a kink's normal, or of the argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks.bends import grows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.walls import Wall

    Array = NDArray[np.float64]

CLOSE = 1e-5  # to a side, as a share of the way from one to the other
MOST_SLACK = 0.1  # a kink of which less is known has no side that could be told
SHOWN = 1e-6  # the smallest part of a jump that counts as one, relative to the largest


def side(share: float) -> str:
    """Name the side of a claim that is `share` of the right limit and the rest of the left one."""
    for name, value in (("right", 1.0), ("left", 0.0), ("midpoint", 0.5)):
        if abs(share - value) < CLOSE:
            return name
    return "other"


def snapped(share: Array | float, slack: Array | float) -> Array:
    """Return shares that are a side, or the middle, as far as drift and round-off tell, as just that."""
    found = np.array(share, dtype=np.float64)
    for value in (0.0, 0.5, 1.0):
        found = np.where(np.abs(found - value) <= np.minimum(slack, MOST_SLACK), value, found)
    return found


def overall(names: Iterable[str]) -> str:
    """Return the convention of an array whose entries, or kinks, have those."""
    different = set(names)
    return "mixed" if len(different) > 1 else next(iter(different), "other")


def of_entries(near: Neighbourhood, count: int | None = None) -> Array:
    """Return each entry's share of the limit from larger values of the argument; NaN where no claim differs.

    The limits are the ends of what the claims next to the point range over: the upper end is that on the right where
    claims grow along the entry's own moves, the lower one where they fall.

    Parameters
    ----------
    near : Neighbourhood
        The claims.
    count : int, optional
        How many of them are looked at, from the first; all by default.

    """
    right = grows(near, count) >= 0
    shares = np.empty(near.here.size)
    for part in near.parts:
        low, high = near.range(part, count)
        gap = np.where(high - low > near.tolerance, high - low, np.nan)
        share = snapped((near.here[part] - low) / gap, near.tolerance / gap)
        shares[part] = np.where(right[part], share, 1 - share)
    return shares


def of_wall(wall: Wall) -> str:
    """Name the side of one simple kink: the argument's, where all entries of its normal say the same."""
    shown = wall.normal[np.abs(wall.normal) > SHOWN * float(np.max(np.abs(wall.normal)))]
    if (shown > 0).all():
        return side(wall.share)
    if (shown < 0).all():
        return side(1 - wall.share)
    return overall({side(wall.share), side(1 - wall.share)})
