"""Which side the claim takes at a kink: the side of the argument whose limit it equals, entry by entry."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks.clarke import bends, position
from gradcheck.kinks.nearby import extended, scale_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.kinks import hull
    from gradcheck.kinks.nearby import Nearby
    from gradcheck.verdicts.trial import Trial

ALONE = 3  # entries of a group that are moved alone until one changes


def of_argument(trial: Trial, near: Nearby, groups: Sequence[hull.Group], delta: float) -> str:
    """Return the convention, entry by entry as the side of the argument whose limit the claim equals."""
    names: set[str] = set()
    for group in groups:
        if len(group.vertices) == 2:
            names |= _of_one_kink(near, group)
        else:
            names |= _of_some_entry(trial, near, group, delta)
    return overall(names)


def overall(names: set[str]) -> str:
    """Return the convention of an array whose entries have those."""
    return "mixed" if len(names) > 1 else next(iter(names), "other")


def _of_one_kink(near: Nearby, group: hull.Group) -> set[str]:
    """Name the sides for a group with two vertices: one kink, whose normal is the jump of the gradient."""
    jump, on_zero = group.vertices[0] - group.vertices[1], position(near, group)
    normal = bends(near, group) * jump
    crossing = np.abs(jump) > near.tolerance
    right = np.where(normal > 0, on_zero, 1 - on_zero)[crossing]
    return {side(float(value)) for value in np.unique(np.round(right, 6))}


def side(weight: float) -> str:
    """Name the side of a claim that is `weight` of the right limit and the rest of the left one."""
    for name, value in (("right", 1.0), ("left", 0.0), ("midpoint", 0.5)):
        if abs(weight - value) < 1e-5:
            return name
    return "other"


def _of_some_entry(trial: Trial, near: Nearby, group: hull.Group, delta: float) -> set[str]:
    """Name the side for the entry of a group that changes most, or the next one that changes when moved alone."""
    sizes = np.ptp(near.at(group.entries), axis=0)
    for entry in group.entries[np.argsort(-sizes, kind="stable")[:ALONE]]:
        if (name := _of_entry(trial, near, int(entry), delta)) is not None:
            return {name}
    return set()


def _of_entry(trial: Trial, near: Nearby, entry: int, delta: float) -> str | None:
    """Name the side for one entry by moving it alone to the right and to the left; None where that changes nothing."""
    move = np.zeros(near.here.shape)
    move[entry] = math.ldexp(1.0, round(math.log2(scale_at(trial, entry))))
    right, left = (sample[entry] for sample in extended(trial, near, delta, [move, -move]).samples[-2:])
    if abs(right - left) <= near.tolerance:
        return None
    return side(float((near.here[entry] - left) / (right - left)))
