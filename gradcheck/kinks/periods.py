"""Moves in periods along the argument's axes: of every window of entries each is the largest at one of them.

Windows that overlap, as those of a pool, bend together, and a claim in the middle of their hull, which shares each tie
alike, is a mean of very many claims at random moves, but of p claims where windows of p entries in a row all rise in
the same period of p: then each entry of each window wins once. In a plane these are p² claims.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

MOST = 30  # moves of all periods
ASIDE = 2.0**-4  # of the distance of two entries of one period, at random: so that no two are tied


def moves(near: Neighbourhood, entries: Entries) -> Iterator[Array]:
    """Yield moves, all those of a period of 2 first, along the axes of the argument that some entries span."""
    axes = [place for axis in blocks.axes(near) if np.ptp((place := blocks.place(near, axis))[entries])]
    asked = 0
    for period in range(2, MOST):
        count = period ** len(axes)
        asked += count
        if not axes or asked > MOST:
            return
        phase = np.ravel_multi_index([axis % period for axis in axes], (period,) * len(axes))
        for shift in range(count):
            yield (phase + shift) % count + ASIDE * near.noise()
