"""A claim that is called no subgradient is looked at again.

A piece of f of both bends may be so thin that no move asked for has met it, and the proof does not know it. Half-turns
find what points miss: a piece that is thin in one direction is crossed by many of them.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks.half_turn import HalfTurn
from gradcheck.kinks.neighbourhood import Spent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.separation import Separation

    Array = NDArray[np.float64]

LOOKS = 128  # claims that may refute an outside


def refutes(near: Neighbourhood, separation: Separation) -> bool:
    """Ask for claims on half-turns; tell whether one reaches as far as it should not, or changes along a flat move."""
    u, every = separation.move, slice(None)
    slack = 8 * near.tolerance * float(np.sum(np.abs(u)))
    last = near.asked + LOOKS
    for kind in itertools.cycle(range(3)):
        if near.asked >= min(last, near.most) or not near.may_keep:  # as far as it can be put to the test
            break
        known = len(near.claims)
        start, towards = ends(near, u, kind)
        with suppress(Spent):
            HalfTurn(near, near.positions, last - near.asked, start, towards)
        for k in range(known, len(near.claims)):
            beyond = float(near.claim(k, every) @ u) - separation.reached
            if beyond > slack or (separation.kind == "flat" and beyond < -slack):
                return True
    return False


def ends(near: Neighbourhood, u: Array, kind: int) -> tuple[Array, Array]:
    """Return where a half-turn begins, and what it goes through: any moves, the proof's, from a claim to that on trial.

    Any moves have entries of all sizes, and are no longer than others: claims far out are off by more than `tolerance`.
    """
    start = near.noise()
    if kind == 0:
        sized = start * np.exp(2 * near.noise())
        return sized * (np.linalg.norm(start) / np.linalg.norm(sized)), near.noise() * np.exp(2 * near.noise())
    if kind == 1:
        return start, u
    towards = near.here[:] - near.claim(int(near.rng.integers(len(near.claims))), slice(None))
    return start, towards if towards.any() else u
