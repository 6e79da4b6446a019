"""Where φ does not move by a bit: how far, and what slope may hide there."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gradcheck.slopes.noise import ROUNDINGS

if TYPE_CHECKING:
    from gradcheck.slopes.ladder import Ladder
    from gradcheck.slopes.slope import Level, Slope

HALVINGS = 28


def stillness(ladder: Ladder, levels: list[Level], slope: Slope) -> Slope:
    """Return the slope with what is known of a φ that does not move by a bit next to the point."""
    zero = ladder.scale == 0
    if zero and math.isfinite(ladder.noise.quantum):  # φ moves in steps, the claim is zero: is φ constant next to x?
        levels = [*levels, *_still(ladder)]
    still = [v.step for v in levels if v.plus == v.minus == ladder.at_zero]
    if len(still) < 3:
        return slope
    slope = replace(slope, constant=ROUNDINGS * ladder.noise.unit * abs(ladder.at_zero) / max(still))
    return replace(slope, hidden=_first_move(ladder) / max(still)) if zero else slope


def _first_move(ladder: Ladder) -> float:
    """Return the smallest move of φ where it begins to move, found by halving; 0 where it was never seen to move.

    Past a dead unit's kink φ moves continuously, and its first move is as small as one likes; where low precision
    inside f makes it move in steps, no move is smaller than one.
    """
    moves = {t: abs(value - ladder.at_zero) for t, value in ladder.values() if math.isfinite(value)}
    moving = [t for t, move in moves.items() if move > 0]
    if not moving:
        return 0.0
    outer = min(moving, key=abs)
    inner = max((t for t, move in moves.items() if move == 0 and 0 <= t / outer < 1), key=abs, default=0.0)
    first = smallest = moves[outer]
    for halving in range(HALVINGS):
        middle = (inner + outer) / 2
        move = abs(ladder.phi(middle) - ladder.at_zero)
        if move == 0:
            inner = middle
        elif move > 0:
            outer, smallest = middle, min(smallest, move)
        else:
            break
        if halving == 8 and smallest > first / 4:
            break  # it jumps
    return smallest


def _still(ladder: Ladder) -> list[Level]:
    """Return three levels next to the point, if φ does not move by a bit on them."""
    near = []
    room = min(12, max(-6 - ladder.finest, 2))  # up to 2^-6, and three levels in any arithmetic
    for thirds in (3, 2, 1):
        exponent = ladder.finest + room * thirds // 3
        ladder.measure(exponent)
        level = ladder.tried[exponent]
        if level is not None and level.plus == level.minus == ladder.at_zero:
            near.append(level)
    return near if len(near) == 3 else []
