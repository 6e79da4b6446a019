"""Both sides of the point: whether φ has a kink there, and its one-sided slopes."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from gradcheck.slopes.slope import COARSEST, Level, Slope

if TYPE_CHECKING:
    from gradcheck.slopes.estimates import Estimate
    from gradcheck.slopes.ladder import Ladder

STEEP = 1.5
KINK = 0.1  # |p| below this in |S| ~ h^p is a gap that persists: h^0.1 shrinks 4-fold over the 2^-14 to 2^-34


def grows(quotients: list[float]) -> bool:
    """Tell whether the last three of `quotients`, coarse to fine, grow as those of an infinitely steep φ would.

    |t|^p has quotients ~ h^(p−1): over steps 8 times finer they grow by 8^(1−p), half as much again or more for
    p ≤ 0.8.
    """
    sizes = [abs(q) for q in quotients[-3:]]
    return len(sizes) == 3 and all(fine > STEEP * coarse for coarse, fine in pairwise(sizes))


def assembled(levels: list[Level], best: Estimate) -> Slope:
    """Return the slope of both sides where the gap persists at the point, and `best` alone elsewhere."""
    near = [v for v in levels if v.step <= math.ldexp(1.0, COARSEST)]  # a kink far outside is none at the point
    exponent, at = gap_exponent(near)
    at += len(levels) - len(near)
    if exponent < -KINK and grows([v.gap for v in levels[: at + 1]]):
        best = best._replace(error=math.inf)
    if grows([v.central for v in near]) and abs(near[-1].central) > 16 * near[-1].noise:
        best = best._replace(error=math.inf)  # f changes within the finest step
    plain = Slope(best.value, best.error, best.value, best.value, best.error, levels[-1].step, exponent, tuple(levels))
    if not abs(exponent) <= KINK:
        return plain
    seen = levels[: at + 1]
    right, right_error = extrapolated_side([(v.step, v.central + v.gap / 2, 2 * v.noise) for v in seen])
    left, left_error = extrapolated_side([(v.step, v.central - v.gap / 2, 2 * v.noise) for v in seen])
    side_error = max(right_error, left_error)
    half = abs(right - left) / 2
    if half <= 2 * side_error:
        return plain
    return Slope(
        (left + right) / 2,
        half + side_error,
        left,
        right,
        side_error,
        levels[at].step,
        exponent,
        tuple(levels),
    )


def extrapolated_side(points: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Return a one-sided slope and its error bound from (step, difference quotient, its noise), coarse to fine.

    Quotients err by h·φ''/2 + O(h²), so two of them extrapolate linearly to h = 0; the bound is three times the change
    from one extrapolant to the next, plus noise, at the level that every finer one agrees with (Lepski's rule, as in
    `choose`). At least three points.
    """
    extrapolants = []
    for (a, coarse, _), (b, fine, noise) in pairwise(points):
        ratio = a / b
        extrapolants.append(((ratio * fine - coarse) / (ratio - 1), noise * (ratio + 1) / (ratio - 1)))
    candidates = [
        (value, 3 * abs(value - before) + noise, noise) for (before, _), (value, noise) in pairwise(extrapolants)
    ]

    def agreed(i: int) -> bool:
        value, error, _ = candidates[i]
        return all(abs(value - other) <= error + noise for other, _, noise in candidates[i + 1 :])

    # At least the finest is chosen: it has no finer one to agree with.
    chosen = next(i for i in sorted(range(len(candidates)), key=lambda i: candidates[i][1]) if agreed(i))
    return candidates[chosen][:2]


def gap_exponent(levels: list[Level]) -> tuple[float, int]:
    """Return p in |S(h)| ~ h^p, and the index of the finest level whose gap stands out of the noise.

    p is that of the two finest such levels: a kink's gap, j + h·φ'', is the smooth part's on coarser ones. It is NaN
    where fewer than three stand out, and infinite where a still finer level would have shown the gap, had it persisted.
    """
    seen = [i for i, v in enumerate(levels) if abs(v.gap) > 16 * v.noise]
    if len(seen) < 3:
        return math.nan, -1
    last = levels[seen[-1]]
    if any(16 * v.noise < abs(last.gap) / 2 for v in levels[seen[-1] + 1 :]):
        return math.inf, -1
    before = levels[seen[-2]]
    return (math.log2(abs(before.gap)) - math.log2(abs(last.gap))) / math.log2(before.step / last.step), seen[-1]


def one_sided(ladder: Ladder) -> Slope | None:
    """Return the slope of a φ that is defined on one side only, extrapolated from there; None if on neither."""
    for sign, side in ((1, 0), (-1, 1)):
        points = []
        for k, values in sorted(ladder.one_sided.items(), reverse=True):
            if math.isfinite(values[side]):
                step = math.ldexp(1.0, k)
                noise = 2 * max(ladder.noise.at(values[side]), ladder.noise.at(ladder.at_zero)) / step
                points.append((step, (values[side] - ladder.at_zero) / (sign * step), noise))
        if len(points) < 3:
            continue
        value, error = extrapolated_side(points)
        if grows([quotient for _, quotient, _ in points]):
            error = math.inf
        left, right = (math.nan, value) if sign > 0 else (value, math.nan)
        return Slope(value, error, left, right, error, points[-1][0], math.nan)
    return None
