"""The scale of an argument that is zero: 1, unless f has long stopped to follow it there.

An argument of zeros has no size of its own. In metres, atoms are displaced by 1e-11; a step of 1 takes them out of
sight, and f along it says nothing of its slope at 0. So the step shrinks, 256-fold at a time, until f's change shrinks
with it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SHRINK = 8  # exponents at a time: far less than the ladder's 32, so that the ladder reaches the right place
SMALLEST = -160
FOLLOWS = 4.0  # f follows a step if its change falls to a quarter or less when the step falls to a 256th
SEEN = 2.0**10  # units of round-off of f below which nothing is told


def scale_of_zero(phi: Callable[[float], float], at_zero: float, unit: float) -> float:
    """Return the largest 2^(−8k) at which φ's change still follows the step, 1 where none does.

    Parameters
    ----------
    phi : callable
        φ(t) along a direction of size 1.
    at_zero : float
        φ(0).
    unit : float
        Unit round-off of φ's arithmetic.

    """
    before = abs(phi(1.0) - at_zero)
    if before <= SEEN * unit * abs(at_zero):  # saturated to +1 and to −1 on both of two entries, perhaps
        before = abs(phi(-0.75) - at_zero)
    for exponent in range(-SHRINK, SMALLEST, -SHRINK):
        if before <= SEEN * unit * abs(at_zero):
            return 1.0
        after = abs(phi(math.ldexp(1.0, exponent)) - at_zero)
        if after <= before / FOLLOWS:  # not so where φ is infinite or undefined
            return math.ldexp(1.0, exponent + SHRINK)
        before = after
    return 1.0
