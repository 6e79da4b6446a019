"""One directional derivative with an error bound, from evaluations of φ(t) = f(x + t·v) alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcheck.slopes.estimates import choose
from gradcheck.slopes.every_float import exponent_above
from gradcheck.slopes.ladder import Ladder
from gradcheck.slopes.sides import assembled, one_sided
from gradcheck.slopes.slope import COARSEST
from gradcheck.slopes.still import stillness

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.slopes.estimates import Estimate
    from gradcheck.slopes.noise import Noise
    from gradcheck.slopes.slope import Slope

# With the finest level h at 2^-14 or below noise is no issue: two levels h and 8h serve, D(8h) − D(h) being 63·h²/6 of
# φ''', 2^-24.6 where φ''' is as large as φ', and a third level extrapolates where that is too much.
FINE = -14
MOST_LEVELS = 14


def measure_slope(
    phi: Callable[[float], float],
    at_zero: float,
    noise: Noise,
    *,
    scale: float,
    target: float,
    finest: int,
    start: int | None = None,
) -> Slope | None:
    """Measure φ'(0) with an error bound, in as few evaluations as the bound allows.

    Parameters
    ----------
    phi : callable
        φ(t); may return NaN or infinity where it is not defined.
    at_zero : float
        φ(0).
    noise : Noise
        Error of an evaluation.
    scale : float
        Size to expect of the slope; the target is relative to it (or to the slope, if that is larger).
    target : float
        Relative error bound to stop at.
    finest : int
        No step below ``2**finest`` (below it the entries of x would not move exactly).
    start : int, optional
        Exponent of the fine level to begin with (where the last slope of this argument ended).

    Returns
    -------
    Slope or None
        None where φ is finite on neither side.

    """
    ladder = Ladder(phi, at_zero, noise, finest, scale)
    _first_levels(ladder, scale, target, start)
    while True:
        levels = ladder.trusted
        best = choose(levels, fine=ladder.fine) if len(levels) > 1 else None
        following = _following(ladder, best, scale, target) if len(ladder.tried) < MOST_LEVELS else None
        if following is None:
            break
        ladder.measure(following)
    if best is None:
        return one_sided(ladder)
    return stillness(ladder, levels, assembled(levels, best))


def _following(ladder: Ladder, best: Estimate | None, scale: float, target: float) -> int | None:
    """Return the exponent of the level to measure next, None where the bound is met or none would help."""
    if best is None:
        lowest = min(ladder.tried) - 3
        return lowest if lowest >= ladder.finest else None
    wanted = target * max(scale, abs(best.value))
    if best.error <= wanted:
        return None
    following = ladder.next_exponent(best, wanted)
    return None if following in ladder.tried else following


def _first_levels(ladder: Ladder, scale: float, target: float, start: int | None) -> None:
    """Measure the levels every line begins with: where the noise lets the target be met, and 8 times coarser."""
    if ladder.noise.flat:
        ladder.fine = False
        ladder.begin((COARSEST, -4, -6, -8))
        for exponent in (COARSEST, -4, -6, -8):
            ladder.measure(exponent)
        return
    if start is not None:
        _pair(ladder, start)
        return
    if scale == 0:
        ladder.measure(FINE)
        level = ladder.tried[max(FINE, ladder.finest)]
        scale = abs(level.central) if level is not None and abs(level.central) > level.noise else 0.0
    # a pair's bound has 3.3 times the noise of its finer level (`estimates.one_estimate`); the rest is for truncation
    wanted = 4 * ladder.noise.bound / (target * scale) if target * scale > 0 else math.inf
    fine = max(exponent_above(wanted), -22, ladder.finest)
    if fine <= FINE:
        _pair(ladder, fine)
        return
    ladder.fine = False
    top = _seen(ladder, scale)
    ladder.begin((top, top - 2, top - 4))
    for exponent in (top, top - 2, top - 4):
        ladder.measure(exponent)


def _pair(ladder: Ladder, fine: int) -> None:
    ladder.fine, ladder.begun = fine <= FINE, fine + 3
    ladder.begin((fine + 3, fine))
    ladder.measure(fine + 3)
    ladder.measure(fine)


def _seen(ladder: Ladder, scale: float) -> int:
    """Return the exponent of the coarsest step, larger than usual where a slope of `scale` drowns in noise there."""
    ladder.measure(COARSEST)
    level = ladder.tried[COARSEST]
    if scale == 0 or level is None or abs(level.central) > level.noise:
        return COARSEST
    return ladder.coarsest(scale, 64 * ladder.noise.bound / scale)  # seen there, and 16 times finer
