"""Where φ does not move: how far, and what slope may hide there.

A smooth φ with the slope that was measured moves by it at every step, however small. One that does not is
constant next to the point: a dead unit, stairs (a rounded number, a look-up table), or low precision inside f.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gradcheck.slopes.every_float import exponent_above
from gradcheck.slopes.noise import ROUNDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gradcheck.slopes.ladder import Ladder
    from gradcheck.slopes.slope import Level, Slope

HALVINGS = 28
STANDS = 2.0**4  # units of round-off: sums of many terms that do not move are off by a few
MOVES = 2.0**6  # a slope is asked for at a step where it would move φ by so many times that
VISIBLE = 2.0**8  # units of round-off: a step of that part of the argument's size keeps eight bits


def stillness(ladder: Ladder, levels: list[Level], slope: Slope) -> Slope:
    """Return the slope with what is known of a φ that does not move next to the point."""
    zero, noise = ladder.scale == 0, ladder.noise
    if zero and math.isfinite(noise.granularity):  # φ moves in steps, the claim is zero: is φ constant next to x?
        levels = [*levels, *still_levels(ladder)]
    if _moves_within(ladder, levels):
        return replace(slope, error=math.inf, side_error=math.inf)
    still = [v.step for v in levels if v.plus == v.minus == ladder.at_zero]
    tolerance = 0.0
    if len(still) < 3:
        if not noise.rough(ladder.at_zero):
            return slope
        tolerance = STANDS * noise.unit * abs(ladder.at_zero)
        step = _unmoved(ladder, slope, tolerance)
        if step is None:
            return slope
        still = [step]
    slope = replace(slope, constant=max(tolerance, ROUNDINGS * noise.unit * abs(ladder.at_zero)) / max(still))
    if not zero:
        return slope
    first = first_move(ladder.phi, ladder.at_zero, ladder.values(), tolerance)
    return replace(slope, hidden=first / max(still), first=first)


def _moves_within(ladder: Ladder, levels: list[Level]) -> bool:
    """Tell whether φ has one and the same value at all steps, and another at the point: it moves within the finest.

    A narrow bump is flat on both sides, and has any slope where the point is.
    """
    if len(levels) < 3:
        return False
    one, apart = levels[0].plus, STANDS * ladder.noise.unit * abs(ladder.at_zero)
    return abs(one - ladder.at_zero) > apart and all(level.plus == level.minus == one for level in levels)


def _unmoved(ladder: Ladder, slope: Slope, tolerance: float) -> float | None:
    """Return a step along which the slope would move φ visibly, if φ does not move on one side; None if it does.

    It would on both, but an edge of stairs may be as near as that to the point. The step may be finer than the
    ladder's: there is no difference to be taken, and a few bits of it are enough.
    """
    expected = max(abs(slope.value) - slope.error, ladder.scale)
    if not 0 < expected < math.inf:
        return None
    finest = math.frexp(VISIBLE * ladder.noise.unit)[1]
    exponent = max(finest, exponent_above(MOVES * tolerance / expected))
    if exponent > -10:
        return None
    step = math.ldexp(1.0, exponent)
    moves = [abs(ladder.phi(side * step) - ladder.at_zero) for side in (1, -1)]
    if not any(move <= tolerance for move in moves):
        return None
    for _ in range(4 if ladder.scale == 0 else 0):  # how far: the further, the smaller the slope that may hide
        if any(abs(ladder.phi(side * 16 * step) - ladder.at_zero) > tolerance for side in (1, -1)):
            break
        step *= 16
    return step


def first_move(
    phi: Callable[[float], float], at_zero: float, values: Iterable[tuple[float, float]], tolerance: float = 0.0
) -> float:
    """Return the smallest move of φ where it begins to move, found by halving; 0 where it was never seen to move.

    Past a dead unit's kink φ moves continuously, and its first move is as small as one likes; where low precision
    inside f makes it move in steps, no move is smaller than one.
    """

    def size(value: float) -> float:
        move = abs(value - at_zero)
        return 0.0 if move <= tolerance else move

    moves = {t: size(value) for t, value in values if math.isfinite(value)}
    moving = [t for t, move in moves.items() if move > 0]
    if not moving:
        return 0.0
    outer = min(moving, key=abs)
    inner = max((t for t, move in moves.items() if move == 0 and 0 <= t / outer < 1), key=abs, default=0.0)
    first = smallest = moves[outer]
    for halving in range(HALVINGS):
        middle = (inner + outer) / 2
        move = size(phi(middle))
        if move == 0:
            inner = middle
        elif move > 0:
            outer, smallest = middle, min(smallest, move)
        else:
            break
        if halving == 8 and smallest > first / 4:
            break  # it jumps
    return smallest


def still_levels(ladder: Ladder) -> list[Level]:
    """Return three levels next to the point, if φ does not move by a bit on them."""
    near = []
    span = min(12, max(-6 - ladder.finest, 2))  # up to 2^-6, and three levels in any arithmetic
    for thirds in (3, 2, 1):
        exponent = ladder.finest + span * thirds // 3
        ladder.measure(exponent)
        level = ladder.tried[exponent]
        if level is not None and level.plus == level.minus == ladder.at_zero:
            near.append(level)
    return near if len(near) == 3 else []
