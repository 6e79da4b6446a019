"""One directional derivative with an error bound, from evaluations of φ(t) = f(x + t·v) alone.

At each level h there are a central difference D(h) = (φ(h) − φ(−h))/2h and a gap S(h) = (φ(h) + φ(−h) − 2φ(0))/h, the
right minus the left difference. Two levels a > b, ρ = a/b, give:

* d = |D(a) − D(b)|: what the step still changes;
* J = (ρ·S(b) − S(a))/(ρ − 1): S extrapolated to h = 0, the jump of the slope at the point. Where φ is smooth S(h) =
  h·φ'' + O(h³) and J vanishes to third order; a kink of jump j at distance t < b leaves S(h) = j(1 − t/h) and an
  error of j(1 − t/b)/2 in D(b), which d + |J|/2 covers for every t (d = j·t(1/b − 1/a)/2 and |J|/2 ≥
  j(1 − t/b − t/a)/2, since ρ·t/b − t/a = (ρ − 1)(t/b + t/a)).

So D(b) ± (d + |J|/2 + noise) is right for a smooth φ, and for one with a kink anywhere. Where three levels follow the
pattern of a smooth function, Richardson's D(c) + (D(c) − D(b))/(ρ² − 1) is closer, with three times the change from
one extrapolant to the next as its bound. Among all candidates the one with the smallest bound is taken whose interval
meets those of every finer level (O. Lepski, Theory Probab. Appl. 35(3), 1990): taking the smallest bound alone would be
a winner's curse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from gradcheck.slopes.noise import ROUNDINGS, Noise

if TYPE_CHECKING:
    from collections.abc import Callable

# A quarter of the argument's own size; where that drowns in noise, as far as φ changes by a quarter of itself.
COARSEST = -2
FINE = -10  # with the finest level at 2^-10 or below, noise is no issue: two levels far apart serve
# Where noise forbids small steps, kinks lie inside every step and the differences d and J are random sums of them:
# five times these covers 99.7 % of sums of up to 1000 ReLUs under noise of 1e-8 to 1e-3 (3 times: 99.6 %), as
# `docs/crowded.py` prints.
CROWDED = 5.0
COARSER = 8.0  # levels are 8 times apart: the next coarser one has an eighth of the noise
MOST_LEVELS = 14
HALVINGS = 28
STEEP = 1.5
KINK = 0.1  # |p| below this in |S| ~ h^p is a gap that persists: h^0.1 shrinks 4-fold over the 2^-14 to 2^-34


@dataclass(frozen=True)
class Level:
    """The differences of φ at one step h; `noise` bounds the error of `central`, four times it that of `gap`."""

    step: float
    plus: float
    minus: float
    central: float
    gap: float
    noise: float


@dataclass(frozen=True)
class Estimate:
    """A candidate for φ'(0): value ± error, the slope's jump at the point ± its noise, and the step it rests on."""

    value: float
    error: float
    jump: float
    jump_noise: float
    step: float
    noise: float


@dataclass(frozen=True)
class Slope:
    """φ'(0) = value ± error.

    Attributes
    ----------
    value : float
        The derivative; at a kink the mean of `left` and `right`.
    error : float
        Bound on |value − φ'(0)|; at a kink it covers both sides.
    left, right : float
        One-sided slopes, each within `side_error`; NaN where φ is not defined on that side.
    side_error : float
        Bound on the error of `left` and `right`.
    resolution : float
        The smallest step at which φ was compared: a kink is at the point *within* this distance.
    exponent : float
        p in |right − left| ~ h^p over the finest levels: 1 or more where smooth, 0 at a kink, below 0 where the
        slope grows without bound; NaN or infinite where the gap vanishes or drowns in noise (φ is smooth as far
        as can be seen).
    levels : tuple of Level
        The ladder, coarse to fine.
    constant : float
        Bound on |φ'(0)| where φ did not move by a bit on three levels or more: its round-off over the largest such
        step. NaN where φ moves.
    hidden : float
        Bound on |φ'(0)| where φ is constant next to the point, even if it moves in steps: the smallest move seen where
        it begins to move, over the largest step on which it does not. NaN where it was not looked for.

    """

    value: float
    error: float
    left: float
    right: float
    side_error: float
    resolution: float
    exponent: float
    levels: tuple[Level, ...] = field(repr=False, default=())
    constant: float = math.nan
    hidden: float = math.nan

    def __eq__(self, other: object) -> bool:
        """Tell whether all numbers are equal, NaN equal to NaN."""
        if not isinstance(other, Slope):
            return NotImplemented
        return self._comparable == other._comparable

    def __hash__(self) -> int:
        return hash((self.value, self.error, self.resolution))

    @property
    def _comparable(self) -> tuple[object, ...]:
        numbers = [getattr(self, f.name) for f in fields(self)]
        return tuple(None if isinstance(x, float) and math.isnan(x) else x for x in numbers)

    @property
    def kinked(self) -> bool:
        """Whether the one-sided slopes differ by more than their errors, however small the step."""
        return abs(self.right - self.left) > 2 * self.side_error

    @property
    def jumps(self) -> bool:
        """Whether φ(0) stands apart from its surroundings: their mean does not close in on it as the step shrinks."""
        apart = [abs(level.gap) * level.step for level in self.levels]
        return len(apart) >= 3 and min(apart) > max(apart) / 2 > 0

    @property
    def one_sided(self) -> bool:
        """Whether φ is defined on one side of the point only."""
        return math.isnan(self.left) or math.isnan(self.right)


def one_estimate(a: Level, b: Level, weight: float, coarser: Level | None) -> Estimate:
    """Return D(b) with the bound that levels a and b (and a coarser one) give; see the file's head."""
    jump, jump_noise = extrapolated_gap(a, b)
    change = abs(a.central - b.central)
    if coarser is not None:
        change = max(change, abs(coarser.central - b.central) / 2)
    significant = max(abs(jump) - jump_noise, 0.0)
    noise = b.noise + jump_noise / 2
    return Estimate(b.central, weight * (change + significant / 2) + noise, jump, jump_noise, b.step, noise)


def extrapolated_gap(a: Level, b: Level) -> tuple[float, float]:
    """Return (J, bound on its noise): the gap S extrapolated linearly from levels a > b to h = 0."""
    ratio = a.step / b.step
    jump = (ratio * b.gap - a.gap) / (ratio - 1)
    return jump, 4 * (ratio * b.noise + a.noise) / (ratio - 1)


def richardson(a: Level, b: Level, c: Level, weight: float) -> Estimate:
    """Return Richardson's extrapolant of levels b and c, bounded by its change from that of a and b."""
    ab, bc = (a.step / b.step) ** 2, (b.step / c.step) ** 2
    before = b.central + (b.central - a.central) / (ab - 1)
    value = c.central + (c.central - b.central) / (bc - 1)
    jump, jump_noise = extrapolated_gap(b, c)
    jump_before, noise_before = extrapolated_gap(a, b)
    kinks = max(abs(jump) - jump_noise, 0.0) / 2
    if weight > 1:
        kinks = weight * (kinks + max(abs(jump_before) - noise_before, 0.0) / 2)
    noise = c.noise * (bc + 1) / (bc - 1) + jump_noise / 2
    return Estimate(value, 3 * abs(value - before) + kinks + noise, jump, jump_noise, c.step, noise)


def choose(levels: list[Level], *, fine: bool) -> Estimate:
    """Return the estimate with the smallest bound that every finer one agrees with (at least two levels)."""
    weight = 1.0 if fine else CROWDED
    candidates = [
        one_estimate(a, b, weight, levels[i - 1] if i and not fine else None)
        for i, (a, b) in enumerate(pairwise(levels))
    ]
    candidates += [richardson(a, b, c, weight) for a, b, c in zip(levels, levels[1:], levels[2:], strict=False)]

    def agreed(best: Estimate) -> bool:
        finer = [other for other in candidates if other.step < best.step]
        return all(abs(other.value - best.value) <= other.noise + best.error for other in finer)

    # There is one: the finest has no finer one to agree with.
    return next(best for best in sorted(candidates, key=lambda candidate: candidate.error) if agreed(best))


class Ladder:
    """The levels measured so far on one line, and the rule for which to measure next."""

    def __init__(self, phi: Callable[[float], float], at_zero: float, noise: Noise, finest: int, scale: float) -> None:
        self.phi = phi
        self.at_zero = at_zero
        self.noise = noise
        self.finest = finest
        self.scale = scale
        self.fine = True
        self.tried: dict[int, Level | None] = {}
        self.one_sided: dict[int, tuple[float, float]] = {}
        self.quantum = noise.quantum if noise.flat else math.inf

    def measure(self, exponent: int) -> None:
        """Evaluate φ at ±2^exponent, once."""
        exponent = max(self.finest, exponent)
        if exponent in self.tried:
            return
        step = math.ldexp(1.0, exponent)
        plus, minus = self.phi(step), self.phi(-step)
        self.one_sided[exponent] = (plus, minus)
        if not (math.isfinite(plus) and math.isfinite(minus)):
            self.tried[exponent] = None
            return
        if self.noise.flat:
            moves = [abs(v - self.at_zero) for v in (plus, minus) if v != self.at_zero]
            self.quantum = min([self.quantum, *moves])
        noise = max(self.noise.at(plus), self.noise.at(minus)) / step
        central = (plus - minus) / (2 * step)
        gap = ((plus - self.at_zero) + (minus - self.at_zero)) / step
        self.tried[exponent] = Level(step, plus, minus, central, gap, noise)

    def values(self) -> list[tuple[float, float]]:
        """Return (t, φ(t)) for all steps."""
        sides = [(math.ldexp(1.0, k), pair) for k, pair in self.one_sided.items()]
        return [(sign * step, value) for step, pair in sides for sign, value in zip((1, -1), pair, strict=True)]

    @property
    def exponents(self) -> list[int]:
        """Exponents of the levels with finite differences, coarse to fine."""
        return sorted((k for k, level in self.tried.items() if level is not None), reverse=True)

    @property
    def levels(self) -> list[Level]:
        """Levels with finite differences, coarse to fine; the noise of a flat φ is its smallest move."""
        levels = [level for k in self.exponents if (level := self.tried[k]) is not None]
        if not self.noise.flat or math.isinf(self.quantum):
            return levels
        return [replace(v, noise=max(v.noise, self.quantum / v.step)) for v in levels]

    def _coarser_helps(self, best: Estimate) -> bool:
        """Tell whether the coarsest levels are as good as `best`: where they err more, a coarser one errs more yet.

        Beyond the argument's own size they must not differ by more than noise.
        """
        levels = self.levels
        if len(levels) < 3:
            return True
        a, b, c = levels[:3]
        if a.step >= math.ldexp(1.0, COARSEST):
            return abs(a.central - b.central) <= a.noise + b.noise and abs(a.gap - b.gap) <= 4 * (a.noise + b.noise)
        weight = 1.0 if self.fine else CROWDED
        nearest = one_estimate(a, b, weight, None).error
        if a.step <= COARSER * b.step:  # across a wider gap Richardson's extrapolant hardly depends on D(a)
            nearest = min(nearest, richardson(a, b, c, weight).error)
        return nearest <= COARSER * best.error

    def _upward(self, best: Estimate, wanted: float) -> int | None:
        """Return the exponent of a coarser level against the noise, None where it would not help.

        An argument may be tiny beside what f is made of (a bias of 1e-9). Beyond its own size steps go to where the
        noise allows an error of `wanted`, but 64-fold at a time once the slope stands out of the noise, and no further
        than φ changes by a quarter of itself, to first order.
        """
        coarse = self.exponents[0]
        if coarse < COARSEST:
            following = min(coarse + 3, COARSEST)
        else:
            enough = best.noise * best.step / wanted if wanted > 0 else 0.0
            following = self.coarsest(max(self.scale, abs(best.value)), min(enough, math.ldexp(64.0, coarse)))
        return following if following > coarse and following not in self.tried and self._coarser_helps(best) else None

    def coarsest(self, size: float, step: float) -> int:
        """Return the exponent of `step`, or of one that changes φ by a quarter of itself if its slope is `size`."""
        quarter = abs(self.at_zero) / (4 * size) if size > 0 else 0.0
        return max(COARSEST, math.ceil(math.log2(min(step, quarter) or 0.25)))

    def next_exponent(self, best: Estimate, wanted: float) -> int | None:
        """Return the exponent of the level that would tighten `best` most, None where none would."""
        ks = self.exponents
        fine = ks[-1]
        widest = max(pairwise(ks), key=lambda pair: pair[0] - pair[1])
        if best.noise > best.error / 2:  # noise limits: a level between, or a coarser one
            at = round(math.log2(best.step))
            above = [k for k in ks if k > at]
            if above and above[-1] - at >= 4:
                return (above[-1] + at) // 2
            return self._upward(best, wanted)
        finer = 2 if not self.fine and fine - 3 < self.finest else 3
        reachable = fine - finer >= self.finest
        if reachable and 3 * self.noise.at(self.at_zero) / math.ldexp(1.0, fine - finer) < best.error:
            curved = abs(best.jump) / 2 < best.error / 5
            if len(ks) == 2 and curved and widest[0] - widest[1] >= 6:
                return sum(widest) // 2  # a third level inside tells whether φ bends like a smooth function
            return fine - finer
        if widest[0] - widest[1] >= 4:
            return sum(widest) // 2
        return None


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
    best = None
    while len(ladder.tried) < MOST_LEVELS:
        levels = ladder.levels
        if len(levels) < 2:
            lowest = min(ladder.tried)
            if lowest - 3 < finest:
                break
            ladder.measure(lowest - 3)
            continue
        best = choose(levels, fine=ladder.fine)
        wanted = target * max(scale, abs(best.value))
        if best.error <= wanted:
            break
        following = ladder.next_exponent(best, wanted)
        if following is None or following in ladder.tried:
            break
        ladder.measure(following)
    levels = ladder.levels
    if len(levels) < 2:
        return one_sided(ladder)
    slope = _assemble(levels, choose(levels, fine=ladder.fine))
    if scale == 0 and math.isfinite(noise.quantum):  # φ moves in steps, the claim is zero: is φ constant next to x?
        levels = [*levels, *_still(ladder)]
    still = [v.step for v in levels if v.plus == v.minus == at_zero]
    if len(still) < 3:
        return slope
    slope = replace(slope, constant=ROUNDINGS * noise.unit * abs(at_zero) / max(still))
    return replace(slope, hidden=_first_move(ladder) / max(still)) if scale == 0 else slope


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


def _first_levels(ladder: Ladder, scale: float, target: float, start: int | None) -> None:
    """Measure the levels every line begins with: where the noise lets the target be met, and 64 times coarser."""
    if ladder.noise.flat:
        ladder.fine = False
        for exponent in (COARSEST, -4, -6, -8):
            ladder.measure(exponent)
        return
    if start is not None:
        ladder.measure(start + 6)
        ladder.measure(start)
        ladder.fine = start <= FINE
        return
    if scale == 0:
        ladder.measure(FINE)
        level = ladder.tried[max(FINE, ladder.finest)]
        scale = abs(level.central) if level is not None and abs(level.central) > level.noise else 0.0
    wanted = 8 * ladder.noise.bound / (target * scale) if target * scale > 0 else math.inf
    fine = COARSEST if math.isinf(wanted) else -22 if wanted == 0 else math.ceil(math.log2(wanted))
    fine = max(fine, -22, ladder.finest)
    ladder.fine = fine <= FINE
    if ladder.fine:
        ladder.measure(fine + 6)
        ladder.measure(fine)
        return
    top = _seen(ladder, scale)
    for exponent in (top, top - 2, top - 4):
        ladder.measure(exponent)


def _seen(ladder: Ladder, scale: float) -> int:
    """Return the exponent of the coarsest step, larger than usual where a slope of `scale` drowns in noise there."""
    ladder.measure(COARSEST)
    level = ladder.tried[COARSEST]
    if scale == 0 or level is None or abs(level.central) > level.noise:
        return COARSEST
    return ladder.coarsest(scale, 8 * ladder.noise.bound / scale)


def grows(quotients: list[float]) -> bool:
    """Tell whether the last three of `quotients`, coarse to fine, grow as those of an infinitely steep φ would.

    |t|^p has quotients ~ h^(p−1): over steps 8 times finer they grow by 8^(1−p), half as much again or more for
    p ≤ 0.8.
    """
    sizes = [abs(q) for q in quotients[-3:]]
    return len(sizes) == 3 and all(fine > STEEP * coarse for coarse, fine in pairwise(sizes))


def _assemble(levels: list[Level], best: Estimate) -> Slope:
    exponent, at = gap_exponent(levels)
    if exponent < -KINK and grows([v.gap for v in levels[: at + 1]]):
        best = replace(best, error=math.inf)
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

    # There is one: the finest has no finer one to agree with.
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
    return math.log2(abs(before.gap / last.gap)) / math.log2(before.step / last.step), seen[-1]


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
