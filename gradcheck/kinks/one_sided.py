"""One-sided slopes to the accuracy that f's noise allows, where those that the ladder left are too coarse.

On the right of the point φ is smooth, and the polynomial through its values at several steps h has its slope φ'(0+) at
0. The value at the point itself is left out: so the slope is right as well where φ has a kink at 0 < t < h, nearer than
any step, which shifts all those values alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradcheck.slopes.every_float import exact_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.slopes.slope import Slope

EXTRA = (-7, -9, -11, -14, -16, -18, -20, -22)  # exponents of the steps, those that the ladder has not been on
MOST_POINTS = 5


@dataclass(frozen=True)
class OneSidedSlope:
    """A one-sided slope: value ± error."""

    value: float
    error: float


def sides(
    slope: Slope, phi: Callable[[float], float], finest: int
) -> tuple[OneSidedSlope | None, OneSidedSlope | None]:
    """Return the right and the left slope; None for a side without three steps, or without a ladder.

    Parameters
    ----------
    slope : Slope
        With the levels measured so far.
    phi : callable
        φ(t).
    finest : int
        The exponent of the smallest step.

    """
    if not slope.levels:
        return None, None
    noise = max(level.noise * level.step for level in slope.levels)
    known = {math.frexp(level.step)[1] - 1: (level.plus, level.minus) for level in slope.levels}
    for exponent in EXTRA:
        if exponent >= finest and exponent not in known:
            step = math.ldexp(1.0, exponent)
            known[exponent] = (phi(step), phi(-step))
    found = []
    for number, sign in ((0, 1.0), (1, -1.0)):
        points = [
            (math.ldexp(1.0, k), sign * values[number])
            for k, values in sorted(known.items(), reverse=True)
            if EXTRA[0] >= k >= EXTRA[-1] and math.isfinite(values[number])
        ]
        found.append(_extrapolated(points, noise))
    return found[0], found[1]


def _extrapolated(points: Sequence[tuple[float, float]], noise: float) -> OneSidedSlope | None:
    """Return the slope at 0 of values at steps h, coarse to fine, each off by up to `noise`.

    The bound is three times the change from one degree to the next, plus noise, at the candidate that all with finer
    steps agree with within their noise (Lepski's rule, as for slopes).
    """
    candidates: list[tuple[float, OneSidedSlope, float]] = []
    for last in range(2, len(points)):
        before = None
        for count in range(2, min(MOST_POINTS, last + 1) + 1):
            window = points[last + 1 - count : last + 1]
            weights = _slope_at_zero([h for h, _ in window])
            value = exact_sum([w * (v - window[0][1]) for w, (_, v) in zip(weights, window, strict=True)])
            if before is not None and math.isfinite(value - before):
                own = noise * sum(map(abs, weights))
                candidates.append((window[-1][0], OneSidedSlope(value, 3 * abs(value - before) + own), own))
            before = value
    candidates.sort(key=lambda c: c[1].error)
    for finest, side, _ in candidates:
        finer = [c for c in candidates if c[0] < finest]
        if all(abs(c[1].value - side.value) <= side.error + c[2] for c in finer):
            return side
    return None


def _slope_at_zero(steps: Sequence[float]) -> list[float]:
    """Return the weights of values at `steps` in the slope at 0 of the polynomial through them.

    Lagrange's polynomial of step i is Π (h_k − t)/(h_k − h_i) over k ≠ i; its slope at 0 is −Σ 1/h_k times its value.
    """
    weights = []
    for i, step in enumerate(steps):
        others = [h for k, h in enumerate(steps) if k != i]
        value = math.prod(h / (h - step) for h in others)
        weights.append(-value * sum(1 / h for h in others))
    return weights
