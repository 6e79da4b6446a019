"""Is the claim right next to the point? There f is smooth, and its one-sided slopes at the point say what it must be.

The claim at x ± δ·v is held against the right and the left slope along v. Both claims and slopes are known within
bounds: the claim drifts from its limit by δ·φ'', and has round-off of its own, both seen in its change from δ to 3δ;
the slope has the bound of its extrapolation. A kink at 0 < t < h, nearer to the point than δ, leaves j·t/h in a slope
that steps of h have told from the point on. So a claim is called wrong only where two directions say so by two sets of
steps each, one of which does not begin at the point (`gradcheck.kinks.one_sided`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.kinks import one_sided
from gradcheck.kinks.changes import largest_of
from gradcheck.kinks.packed import parts
from gradcheck.slopes.direction import Scale, inner
from gradcheck.slopes.every_float import exact_sum
from gradcheck.verdicts.certificate import Interval, Mismatch, error_norm, smallest_visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.verdicts.report import Probe

    Array = NDArray[np.float64]

MOST_PROBES = 4
BLOCK = 2**15  # entries whose products are added up together
FEWEST = 3  # directions for an upper end
UNIT = Scale(1.0)  # claims come in the argument's scale
NEARER = 2.0**-4  # times δ: a kink at the point leaves the claim as it is
DEVIATIONS = 4.0  # of the claim's own drift and round-off along a direction
FAR = 64.0  # times the middle one: a drift that may be a jump
LINEAR = 2.0**-4  # of the change from δ to 3δ: by no more is a drift off the middle at 2δ


@dataclass(frozen=True)
class SideMismatch:
    """One side of one probe, at unit stretch.

    Attributes
    ----------
    mismatch : Mismatch
        Of the claim at x ± δ·v and the one-sided slope.
    other : Mismatch
        The same as it was known at first: both have to object.
    near, far : float
        Slopes along v of the claims at δ and at 3δ.
    rounding : float
        Round-off of adding one up.
    change : float
        Standard deviation over directions of what the claim's drift and round-off may do to its slope.
    middle : float or None
        Slope along v of the claim at 2δ, once it was asked for.

    """

    mismatch: Mismatch
    other: Mismatch
    near: float
    far: float
    rounding: float
    change: float
    middle: float | None = None


class Formula:
    """The sides of a trial's first probes."""

    def __init__(self, beside: Beside, probes: Sequence[Probe], *, beyond: bool = False) -> None:
        self.beside = beside
        self.probes = list(probes)[:MOST_PROBES]
        self.beyond = beyond
        self.size = 0.0
        self.sides: list[tuple[SideMismatch, SideMismatch]] = []

    def measure(self, most: int = MOST_PROBES) -> None:
        """Ask for the claims on both sides of every probe, or of `most` of them."""
        for number in range(len(self.sides), min(len(self.probes), most)):
            self.measure_one(number)

    def measure_one(self, number: int) -> tuple[SideMismatch, SideMismatch]:
        """Ask for the claims on both sides of one probe."""
        probe = self.probes[number]
        pair = (self._side(probe, 1.0, probe.slope.right), self._side(probe, -1.0, probe.slope.left))
        self.sides.append(pair)
        return pair

    def _side(self, probe: Probe, sign: float, slope: float) -> SideMismatch:
        """Ask for the claims on one side, at δ and at 3δ, and hold the first against the slope."""
        beside = self.beside
        v = beside.trial.direction(probe.probe)
        steps = sign * max(1.0, probe.slope.resolution / beside.delta) if self.beyond and beside.delta else sign
        leaves = beside.leaves(v, steps)
        claim = beside.claim(leaves)
        leaves = beside.leaves(v, 3 * steps)
        del v  # as large as the argument, as leaves are
        change = beside.claim(leaves)
        del leaves
        change -= claim
        if not self.beyond:
            beside.keep(probe.probe, sign, claim, change)
        flat = beside.as_move(arrays.to_numpy(beside.trial.direction(probe.probe)))
        self.size = max(self.size, UNIT.norm(claim))
        near, rounding = (n / probe.stretch for n in _along(claim, flat))
        drift = _along(change, flat)[0] / probe.stretch
        error = math.inf if math.isnan(slope) else probe.slope.side_error / probe.stretch + rounding + abs(drift)
        mismatch = Mismatch(near, 0.0 if math.isnan(slope) else slope / probe.stretch, error)
        return SideMismatch(mismatch, mismatch, near, near + drift, rounding, UNIT.norm(change))

    def refine(self, *, slopes: bool = True) -> None:
        """Know the claims' limits to more accuracy, and `slopes` that no nearer kink changes.

        A third claim, at 2δ, tells drift from round-off: drift is linear, and what is left of it is round-off.
        """
        field, index = self.beside.trial.field, self.beside.trial.index
        measured = self.probes[: len(self.sides)]
        for number, (probe, pair) in enumerate(zip(measured, self.sides, strict=True)):
            v = self.beside.trial.direction(probe.probe)
            known: tuple[one_sided.OneSidedSlope | None, one_sided.OneSidedSlope | None] = (None, None)
            if slopes:
                known = one_sided.sides(probe.slope, field.line({index: v}), field.finest([index]))
            better = []
            for sign, side, found in zip((1.0, -1.0), pair, known, strict=True):
                middle = self._slope_at(probe, 2 * sign) if side.middle is None else side.middle
                better.append(_refined(side, middle, found, probe))
            self.sides[number] = (better[0], better[1])

    def tell_drift(self) -> None:
        """Tell, by claims at δ, 2δ and 3δ, whether the largest drift is one where it is far above the others.

        A drift is linear: at 2δ half of it is there in every entry. Of a jump all is, or nothing. Most drifts may be
        next to none: on one side of a ReLU they are 0, along a direction in 64 of the other far below what is typical.
        """
        beside = self.beside
        largest = max(beside.drifts, default=0.0)
        if largest <= FAR * float(np.median(beside.drifts or [0.0])) or largest <= beside.round_off / FAR:
            return
        number, side = divmod(beside.drifts.index(largest), 2)
        drawn, sign = partial(beside.trial.direction, self.probes[number].probe), 1.0 - 2.0 * side
        off = beside.claim(beside.leaves(drawn(), 2 * sign))
        for steps in (sign, 3 * sign):
            claim = beside.claim(beside.leaves(drawn(), steps))
            claim /= 2
            off -= claim
        if largest_of(off) <= LINEAR * largest:
            beside.drifts = [largest]

    def _slope_at(self, probe: Probe, steps: float) -> float:
        """Return the slope along a probe of the claim at steps·δ."""
        beside = self.beside
        claim = beside.claim(beside.leaves(beside.trial.direction(probe.probe), steps))
        flat = beside.as_move(arrays.to_numpy(beside.trial.direction(probe.probe)))
        return _along(claim, flat)[0] / probe.stretch

    def changes_within(self) -> bool:
        """Tell, by one more claim, whether the one that is furthest off at δ changes nearer to the point: no kink."""
        off = [(abs(side.mismatch.value) - side.mismatch.bound) for pair in self.sides for side in pair]
        number, side = divmod(off.index(max(off)), 2)
        found = self.sides[number][side]
        nearer = self._slope_at(self.probes[number], NEARER * (1 - 2 * side))
        return abs(nearer - found.near) > abs(found.mismatch.value) / 4

    def add(self, other: Formula) -> None:
        """Take in the sides of further probes."""
        self.probes += other.probes
        self.sides += other.sides
        self.size = max(self.size, other.size)

    def _with_changes(self, found: Sequence[Mismatch], changes: Sequence[float]) -> list[Mismatch]:
        """Return the mismatches that have a bound, with the claim's own drift and round-off in it."""
        typical = math.hypot(*changes) / math.sqrt(max(len(changes), 1))
        extra = DEVIATIONS * (typical + self.beside.trial.jitter_next_to_kink)
        return [m._replace(bound=m.bound + extra) for m in found if math.isfinite(m.bound)]

    def interval(self) -> Interval:
        """Return the interval for the error of the claims next to the point, the worse of the two sides.

        Both are held to the larger side's size: one of them may be zero, as a ReLU's is. N lies within E of it. The
        chance to err is shared by the two sides, and by the two numbers of directions after which one may stop.
        """
        trial = self.beside.trial
        confidence = (3 + trial.confidence) / 4
        ends = [found for side in (0, 1) if (found := self._ends(side, confidence)) is not None]
        low = max((least for least, _ in ends), default=0.0)
        high = max((most for _, most in ends), default=math.inf)
        return Interval(low, max(low, high), relative=True, confidence=trial.confidence)

    def _ends(self, side: int, confidence: float) -> tuple[float, float] | None:
        """Return the least and the largest error of one side, None where nothing is known of it."""
        changes, size = [one.change for pair in self.sides for one in pair], self.gradient_size
        found = self._with_changes([pair[side].mismatch for pair in self.sides], changes)
        if not found:
            return None
        most = error_norm(_telling(found, confidence), confidence)[1]
        doubted = self._with_changes([_least(pair[side]) for pair in self.sides], changes)
        least = error_norm(doubted, confidence)[0] if sum(m.significant for m in doubted) >= 2 else 0.0
        low = least / (size + least) if least > 0 else 0.0
        if most == 0:
            return low, 0.0
        return low, most / (size - most) if most < size < math.inf else math.inf

    @property
    def gradient_size(self) -> float:
        """The size of the gradient next to the point; where moves are restricted, the claims show a part of it."""
        trial = self.beside.trial
        return self.size if trial.tangent is None else max(self.size, trial.true_norm)

    def smallest_error(self) -> float:
        """Return the smallest relative error that the one-sided slopes would have shown."""
        bounds = [max(side.mismatch.bound for side in pair) for pair in self.sides]
        size = max(self.size, self.beside.trial.true_norm)
        return (
            smallest_visible(bounds, self.beside.trial.confidence) / size if len(bounds) > 1 and size > 0 else math.inf
        )


def _along(claim: Array, flat: Array) -> tuple[float, float]:
    """Return a claim's slope along a move and its round-off, block by block: temporaries may be as large as either."""
    sums = [inner(claim[part], flat[part]) for part in parts(len(claim), BLOCK)]
    doubled = 2.0**-52 * exact_sum([abs(value) for value, _ in sums])  # of adding the blocks up
    return exact_sum([value for value, _ in sums]), exact_sum([error for _, error in sums]) + doubled


def _telling(found: list[Mismatch], confidence: float) -> list[Mismatch]:
    """Return those of the mismatches whose bounds alone promise the least upper end for the error.

    A kink of another entry that stands just off the point spoils the bound of a few directions. What is chosen depends
    on the bounds and not on the mismatches, so fewer directions are no less honest than fewer probes.
    """
    by_bound = sorted(found, key=lambda m: m.bound)
    nothing = [Mismatch(0.0, 0.0, m.bound) for m in by_bound]
    counts = range(min(FEWEST, len(found)), len(found) + 1)
    best = min(counts, key=lambda k: error_norm(nothing[:k], confidence)[1])
    return by_bound[:best]


def _refined(side: SideMismatch, middle: float, found: one_sided.OneSidedSlope | None, probe: Probe) -> SideMismatch:
    """Return a side with the claim's limit, and with a second slope where that is known more closely."""
    if math.isinf(side.mismatch.bound):
        return side
    left = side.near - 2 * middle + side.far
    limit = side.near - (side.far - side.near) / 2
    slope, error = side.mismatch.measured, probe.slope.side_error / probe.stretch
    if found is not None and found.error / probe.stretch < error:
        slope, error = found.value / probe.stretch, found.error / probe.stretch
    mismatch = Mismatch(limit, slope, error + side.rounding + abs(left))
    return replace(side, mismatch=mismatch, change=abs(left), middle=middle)


def _least(side: SideMismatch) -> Mismatch:
    """Return the mismatch that objects the less."""
    return min((side.mismatch, side.other), key=lambda m: abs(m.value) - m.bound)
