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

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.slopes.slope import Level

FAR = 2.0**500  # of two steps: further apart the square of their ratio would be no float
# If noise forbids small steps, many kinks lie inside every step, and the differences d and J are random sums of them.
# Five times these covers 99.8 % of sums of up to 1000 ReLUs under noise of 1e-8 to 1e-3 (three times: 99.4 %), as
# `docs/crowded.py` prints.
CROWDED = 5.0


class Estimate(NamedTuple):
    """A candidate for φ'(0): value ± error, the slope's jump at the point ± its noise, and the step it rests on."""

    value: float
    error: float
    jump: float
    jump_noise: float
    step: float
    noise: float


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
    ab, bc = (min(wide.step / near.step, FAR) ** 2 for wide, near in ((a, b), (b, c)))
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
    # At least the finest is chosen: it has no finer one to agree with.
    return next(best for best in sorted(candidates, key=_error) if _agreed(best, candidates))


def _error(candidate: Estimate) -> float:
    return candidate.error


def _agreed(best: Estimate, candidates: Sequence[Estimate]) -> bool:
    """Tell whether every finer estimate agrees with `best`."""
    finer = [other for other in candidates if other.step < best.step]
    return all(abs(other.value - best.value) <= other.noise + best.error for other in finer)
