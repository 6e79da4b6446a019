"""Which side the claim takes at a kink, as a name: of the kink variable, of a kink's normal, or of the argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from gradcheck.kinks.walls import Wall

    Array = NDArray[np.float64]

CLOSE = 1e-5  # to a side, as a share of the way from one to the other
SHOWN = 1e-6  # the smallest part of a jump that counts as one, relative to the largest


def side(share: float) -> str:
    """Name the side of a claim that is `share` of the right limit and the rest of the left one."""
    for name, value in (("right", 1.0), ("left", 0.0), ("midpoint", 0.5)):
        if abs(share - value) < CLOSE:
            return name
    return "other"


def overall(names: Iterable[str]) -> str:
    """Return the convention of an array whose entries, or kinks, have those."""
    different = set(names)
    return "mixed" if len(different) > 1 else next(iter(different), "other")


def of_entries(claims: Array, moves: Array, here: Array, tolerance: float) -> Array:
    """Return each entry's share of the limit from larger values of the argument; NaN where no claim differs.

    The limits are the ends of what the claims next to the point range over: the upper end is that on the right where
    claims grow along the entry's own moves, the lower one where they fall.

    Parameters
    ----------
    claims, moves : array (samples, entries)
        Next to the point.
    here : array (entries,)
        The claim at it.
    tolerance : float
        Claims that differ by less are the same.

    """
    low, high = claims.min(axis=0), claims.max(axis=0)
    grows = np.sum((claims - claims.mean(axis=0)) * (moves - moves.mean(axis=0)), axis=0) >= 0
    gap = np.where(high - low > tolerance, high - low, np.nan)
    share = (here - low) / gap
    return np.asarray(np.where(grows, share, 1 - share))


def simple_entries(claims: Array, moves: Array, tolerance: float) -> NDArray[np.bool_]:
    """Return the entries with one kink of their own: two values, told apart by the sign of the entry's own move."""
    right = moves > 0
    inside = np.zeros(claims.shape[1])
    means = []
    for chosen in (right, ~right):
        count = np.maximum(chosen.sum(axis=0), 1)
        mean = np.where(chosen, claims, 0.0).sum(axis=0) / count
        inside = np.maximum(inside, np.max(np.where(chosen, np.abs(claims - mean), 0.0), axis=0))
        means.append(mean)
    return np.asarray((np.abs(means[0] - means[1]) > tolerance) & (inside <= tolerance))


def of_wall(wall: Wall) -> str:
    """Name the side of one simple kink: the argument's, where all entries of its normal say the same."""
    shown = wall.normal[np.abs(wall.normal) > SHOWN * float(np.max(np.abs(wall.normal)))]
    if (shown > 0).all():
        return side(wall.share)
    if (shown < 0).all():
        return side(1 - wall.share)
    return overall({side(wall.share), side(1 - wall.share)})
