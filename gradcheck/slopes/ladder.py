"""The levels measured on one line so far, and the rule for which to measure next."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from gradcheck.slopes.estimates import CROWDED, Estimate, one_estimate, richardson
from gradcheck.slopes.every_float import LARGEST, exponent_above
from gradcheck.slopes.slope import COARSEST, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gradcheck.slopes.noise import Noise

SEEN = 2.0  # a slope stands out where it is this many times the noise
COARSER = 8.0  # levels are 8 times apart: the next coarser one has an eighth of the noise


class Ladder:
    """The levels measured so far on one line, and the rule for which to measure next."""

    def __init__(self, phi: Callable[[float], float], at_zero: float, noise: Noise, finest: int, scale: float) -> None:
        self.phi = phi
        self.at_zero = at_zero
        self.noise = noise
        self.finest = finest
        self.scale = scale
        self.fine = True
        self.begun = COARSEST
        self.tried: dict[int, Level | None] = {}
        self.one_sided: dict[int, tuple[float, float]] = {}
        self.granularity = noise.granularity if noise.flat else math.inf

    def begin(self, exponents: Iterable[int]) -> None:
        """Begin the evaluations of levels that are certain to be measured, where they may run side by side."""
        if (begin := getattr(self.phi, "begin", None)) is not None:
            new = {max(self.finest, k) for k in exponents} - set(self.tried)
            begin(sign * math.ldexp(1.0, k) for k in sorted(new, reverse=True) for sign in (1, -1))

    def measure(self, exponent: int) -> None:
        """Evaluate φ at ±2^exponent, once."""
        exponent = max(self.finest, exponent)
        if exponent in self.tried:
            return
        self.begin([exponent])
        step = math.ldexp(1.0, exponent)
        plus, minus = self.phi(step), self.phi(-step)
        self.one_sided[exponent] = (plus, minus)
        if not (math.isfinite(plus) and math.isfinite(minus)):
            self.tried[exponent] = None
            return
        if self.noise.flat:
            moves = [abs(v - self.at_zero) for v in (plus, minus) if v != self.at_zero]
            self.granularity = min([self.granularity, *moves])
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
        if not self.noise.flat or math.isinf(self.granularity):
            return levels
        return [replace(v, noise=max(v.noise, self.granularity / v.step)) for v in levels]

    @property
    def trusted(self) -> list[Level]:
        """The levels that a slope may rest on, coarse to fine.

        Beyond the argument's own size φ may be bounded, and D(h) ~ 1/h vanish with its noise: there a slope that is not
        seen is no evidence. Nor is one that is seen, but is no longer that of the level before.
        """
        kept: list[Level] = []
        for level in reversed(self.levels):
            if level.step > math.ldexp(1.0, COARSEST):
                if kept and abs(level.central - kept[-1].central) > max(
                    abs(level.central) / 4, level.noise + kept[-1].noise
                ):
                    break
                if abs(level.central) <= SEEN * level.noise:
                    continue
            kept.append(level)
        return kept[::-1]

    def coarser_helps(self, best: Estimate) -> bool:
        """Tell whether the coarsest levels are as good as `best`: where they err more, a coarser one errs more yet.

        Beyond the argument's own size they must not differ by more than noise.
        """
        levels = self.levels
        if len(levels) < 3:
            return True
        a, b, c = levels[:3]
        if a.step >= math.ldexp(1.0, COARSEST):
            noise, small = a.noise + b.noise, abs(b.central) / 2**10
            return abs(a.central - b.central) <= max(noise, small) and abs(a.gap - b.gap) <= max(4 * noise, small)
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
            # the slope as the coarsest level has it: `best` may lie far below, its noise far above the slope
            size = max(self.scale, min(abs(best.value), abs(self.levels[0].central)))
            wanted *= size / (max(self.scale, abs(best.value)) or 1.0)
            enough = best.noise * best.step / wanted if wanted > 0 else 0.0
            following = self.coarsest(size, min(enough, math.ldexp(1.0, min(coarse + 6, LARGEST))))
        return following if following > coarse and following not in self.tried and self.coarser_helps(best) else None

    def coarsest(self, size: float, step: float) -> int:
        """Return the exponent of `step`, or of one that changes φ by a quarter of itself if its slope is `size`."""
        quarter = abs(self.at_zero) / (4 * size) if size > 0 else 0.0
        return max(COARSEST, exponent_above(min(quarter, step)))

    def next_exponent(self, best: Estimate, wanted: float) -> int | None:
        """Return the exponent of the level that would tighten `best` most, None where none would."""
        ks = self.exponents
        fine = ks[-1]
        widest = max(pairwise(ks), key=lambda pair: pair[0] - pair[1])
        outside = ks[0] > COARSEST and best.step > math.ldexp(1.0, COARSEST)  # there noise is all, known or not
        if best.noise > best.error / 2 or outside:  # noise limits: a level between, or a coarser one
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
        kinked = self.fine and not reachable and abs(best.jump) > best.error / 2
        return ks[0] + 3 if kinked and ks[0] == self.begun else None  # both sides are told best where there is no noise
