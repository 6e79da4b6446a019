"""Whether φ changes within the finest step: then no step of the ladder tells its slope."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.slopes.slope import Slope

STEEPER = 16.0  # a claim so many times the slope that is measured asks for a look
SEEN = 2.0**6  # units of round-off of φ
FLOATS = 2.0**-52  # of an entry's size: no two numbers are closer
LINEAR = 0.25  # φ follows the step where a quarter of it moves φ by a quarter, give or take a quarter of that


def steeper_within(
    phi: Callable[[float], float], at_zero: float, slope: Slope, *, claimed: float, finest: int, unit: float
) -> bool:
    """Tell whether φ is linear, and far steeper than its measured slope, on steps finer than the ladder's.

    tanh(x/1e-12) is a jump at all steps of the ladder. A slope as large as the one that is claimed would carry φ
    across all the values it takes there within t; at t/16 and finer φ must follow it, if the claim is right.

    Parameters
    ----------
    phi : callable
        φ(t).
    at_zero : float
        φ(0).
    slope : Slope
        As measured.
    claimed : float
        The slope that is claimed.
    finest : int
        Exponent of the ladder's finest step.
    unit : float
        Unit round-off of φ's arithmetic.

    """
    most = abs(slope.value) + (slope.error if math.isfinite(slope.error) else 0.0)
    if not abs(claimed) > STEEPER * most:
        return False
    span = max((abs(v - at_zero) for level in slope.levels for v in (level.plus, level.minus)), default=0.0)
    # where φ takes no other value it cannot be known how far its values lie apart: from the finest step down
    down = [math.ldexp(1.0, finest - 8 * k) for k in range(1, 8)]
    steps = [span / (STEEPER * abs(claimed))] if span > 0 else down
    noise = max((level.noise * level.step for level in slope.levels), default=0.0)
    if span > 0 and steps[0] < STEEPER * FLOATS and span <= STEEPER * noise:
        return True  # from one number to the next φ goes through all its values, as far as is known: they look random
    visible = SEEN * unit * abs(at_zero)
    return any(
        _follows(phi, max(visible, 2 * most * step), step) for step in steps if 0 < step < math.ldexp(1.0, finest)
    )


def _follows(phi: Callable[[float], float], least: float, step: float) -> bool:
    """Tell whether φ is linear on steps of that size and finer, and moves by more than `least`."""
    halves: list[float] = []
    for t in (step, step / 4, step / 16):
        half = (phi(t) - phi(-t)) / 2
        if not least * t / step < abs(half) < math.inf:
            return False
        halves.append(half)
    return all(abs(4 * b / a - 1) <= LINEAR for a, b in pairwise(halves))
