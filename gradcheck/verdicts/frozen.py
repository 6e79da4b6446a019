"""Arguments that passed together although their claim never changes: which of them are measured alone.

A claim that is the same to the bit at another point is right for an f that is linear there, and kept from an earlier
call where f curves. Joint slopes do not tell along whom f curves: one slope that moves these arguments alone tells
whether it curves along any of them, and halving finds them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcheck.verdicts.trial import curved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcheck.oracles.base import Oracle
    from gradcheck.verdicts.trial import Trial

NAMED = 3  # examples of a cache that is kept: the others are found when these are mended


def suspects(trials: Mapping[int, Trial], oracle: Oracle) -> list[int]:
    """Return some arguments whose claim is the same at another point and along which f curves, `NAMED` at most.

    Parameters
    ----------
    trials : mapping of int to Trial
        By argument; those that passed together are looked at.
    oracle : Oracle
        Measures one slope of all of them, and where f curves along it at most 2·log₂ n more for each one found.

    """
    waiting = [[i for i, trial in trials.items() if trial.joint and trial.same_elsewhere]]
    found: list[int] = []
    while waiting and len(found) < NAMED:
        members = waiting.pop()
        if not members or not _curves(trials, members, oracle):
            continue
        if len(members) == 1:
            found += members
        else:
            half = len(members) // 2
            waiting += [members[half:], members[:half]]
    return found


def _curves(trials: Mapping[int, Trial], members: Sequence[int], oracle: Oracle) -> bool:
    move = {i: trials[i].direction(trials[i].probes[0].probe) for i in members}
    size = math.hypot(*(trials[i].probes[0].stretch * (trials[i].claimed_norm or 0.0) for i in members))
    slope = oracle.slope(move, scale=size, start=None)
    return slope is not None and curved(slope)
