"""Whether φ changes within the finest step: then no step of the ladder tells its slope."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcheck.slopes.ladder import Ladder
    from gradcheck.slopes.slope import Slope

STEEPER = 16.0  # a claim so many times the slope that is measured asks for a look
SEEN = 2.0**6  # units of round-off of φ
LINEAR = 0.25  # φ follows the step where a quarter of it moves φ by a quarter, give or take a quarter of that


def resolved(ladder: Ladder, slope: Slope) -> Slope:
    """Return the slope, its bound infinite if φ is linear, and far steeper, on steps finer than the ladder's.

    tanh(x/1e-12) is a jump at all steps of the ladder. A slope as large as the one that is claimed would carry φ across
    all the values it takes there within t; at t/16 and finer φ must follow it, if the claim is right.
    """
    most = abs(slope.value) + slope.error
    if not ladder.scale > STEEPER * most:
        return slope
    values = [value for _, value in ladder.values() if math.isfinite(value)]
    span = max((abs(value - ladder.at_zero) for value in values), default=0.0)
    finest = math.ldexp(1.0, ladder.finest)
    if span > 0:
        steps = [step] if (step := span / (STEEPER * ladder.scale)) < finest else []
    else:  # what φ takes there cannot be known: from the finest step down
        steps = [math.ldexp(finest, -8 * k) for k in range(1, 8)]
    return replace(slope, error=math.inf) if any(_follows(ladder, most, step) for step in steps) else slope


def _follows(ladder: Ladder, most: float, step: float) -> bool:
    """Tell whether φ is linear on steps of that size and finer, and steeper than `most`."""
    visible = SEEN * ladder.noise.unit * abs(ladder.at_zero)
    halves: list[float] = []
    for t in (step, step / 4, step / 16):
        plus, minus = ladder.phi(t), ladder.phi(-t)
        half = (plus - minus) / 2
        if not (math.isfinite(half) and abs(half) > max(visible, 2 * most * t)):
            return False
        halves.append(half)
    return all(abs(4 * b / a - 1) <= LINEAR for a, b in pairwise(halves))
