"""The trial of one argument's gradient: its directions, their slopes, and the interval they give."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.prediction import ClaimNoise
from gradcheck.slopes.every_float import exponent_above
from gradcheck.slopes.noise import STEP
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.certificate import (
    Interval,
    Mismatch,
    Verdict,
    error_norm,
    ratio,
    relative_error,
    smallest_visible,
)
from gradcheck.verdicts.report import ArgumentReport, Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.claims.prediction import Prediction
    from gradcheck.oracles.base import Oracle
    from gradcheck.slopes.field import Field
    from gradcheck.slopes.slope import Slope

# A jitter of one unit of round-off changes the claim by Δ, and g·v by a normal number of variance ‖Δ∘s‖²: four
# standard deviations leave 6e-5.
DEVIATIONS = 4.0
SMALL = 2**18  # entries of all arguments together up to which directions are kept; those of more are drawn anew
SMOOTH = 0.9  # |right − left| ~ h^p with p about 1: no kink, and finer steps need not look for one


class Trial:
    """One argument: its probes so far and what the claim predicts along them.

    Attributes
    ----------
    probes : list of Probe
        In the order in which they were measured.
    oracle : Oracle or None
        What measured the last of them.
    jitter : float
        Standard deviation of the claim's own round-off along a direction: ‖Δ∘s‖ when the point moves by one unit.
    factor : float
        By which this argument's directions are scaled in the joint round that it is in, 1 elsewhere.
    same_elsewhere : bool
        Whether the claim is the same to the bit at another point.
    sized : bool
        Whether f was seen where the argument is moved by its own size.
    values_far_apart : list of float
        What f was there.
    cleared : bool
        Whether a claim of zero was looked at on larger steps already, together with others.

    """

    def __init__(
        self,
        field: Field,
        prediction: Prediction,
        index: int,
        *,
        confidence: float,
        tangent: Callable[[Any], Any] | None = None,
        noise: ClaimNoise | None = None,
    ) -> None:
        self.field = field
        self.prediction = prediction
        self.index = index
        self.confidence = confidence
        self.tangent = tangent
        self.name = prediction.claim.names[index]
        self.scale = field.scales[index]
        self.probes: list[Probe] = []
        self.unmeasured = 0
        self.oracle: Oracle | None = None
        self.jitter = 0.0
        self.factor = 1.0
        self._factors: dict[int, float] = {}  # of the directions that moved other arguments too
        self._stretches: dict[int, float] = {}
        self._kept: dict[int, Any] = {}  # directions of a small argument
        self._drawn_anew = False
        self._risk = 1 - confidence
        self._next = 0
        self.noise = noise = noise or ClaimNoise.none(len(prediction.leaves))
        self.random = noise.random  # f gave two answers at the point
        self._repeat, self.same_elsewhere = noise.repeat[index], noise.frozen[index]
        self._start: int | None = None
        self.sized = False
        self.values_far_apart: list[float] = []
        self.cleared = False

    @property
    def claimed(self) -> NDArray[Any] | None:
        """The claimed array, None for a claim that only maps tangents."""
        return self.prediction.values[self.index]

    @cached_property
    def claimed_norm(self) -> float | None:
        """‖g∘s‖; None where directions are restricted or the claim is no array."""
        if self.claimed is None or self.tangent is not None:
            return None
        return self.scale.norm(self.claimed)

    def stretch(self, probe: int) -> float:
        """Return the factor in [1, 2) by which a probe's steps are moved."""
        if probe not in self._stretches:
            shared = probe in self._factors  # one for all arguments that move together
            purpose, argument = (Purpose.SHARED_STRETCH, 0) if shared else (Purpose.STRETCH, self.index)
            self._stretches[probe] = _uniform(self.field.seed, purpose, argument, probe)
        return self._stretches[probe]

    def direction(self, probe: int) -> Any:
        """Return the direction of a probe, the same each time."""
        if probe in self._kept:
            return self._kept[probe]
        v = self.field.direction(self.index, probe, stretch=self.length(probe), tangent=self.tangent)
        if self.field.size <= SMALL and not self._drawn_anew:
            self._kept[probe] = v
        return v

    def length(self, probe: int) -> float:
        """Return the factor by which a probe's direction is longer than one of the argument's size."""
        return self.stretch(probe) * self._factors.get(probe, 1.0)

    def keeps(self, probe: int) -> bool:
        """Tell whether the direction of a probe is kept, and not drawn anew each time."""
        return probe in self._kept

    def _draw(self, count: int) -> None:
        """Draw the next directions of this argument all at once, where they are kept."""
        if self.tangent is None and self.field.size <= SMALL and not self._drawn_anew:
            numbers = range(self._next, self._next + count)
            found = self.field.directions(self.index, numbers, [self.stretch(number) for number in numbers])
            self._kept.update(zip(numbers, found, strict=True))

    def keep_few_directions(self, most: int) -> None:
        """Draw the directions of an argument of more entries anew each time, from here on."""
        if math.prod(self.prediction.shapes[self.index]) > most:
            self._kept.clear()
            self._drawn_anew = True

    # A joint round, see `gradcheck.verdicts.joint`: its directions are numbered after this argument's own.

    def begin_joint(self, factor: float, risk: float) -> None:
        """Enter a joint round: directions are scaled by `factor`, and its statement may err with probability `risk`."""
        self.probes, self.factor, self._risk = [], factor, risk

    def join(self, number: int) -> None:
        """Take part in the direction of that number."""
        self._factors[number] = self.factor
        self._next = number + 1

    def settle(self, probes: Sequence[Probe], oracle: Oracle | None) -> None:
        """Take slopes that were measured together with others, or as another trial of the same argument."""
        self.probes, self.oracle = list(probes), oracle

    def end_joint(self) -> None:
        """Leave the joint rounds without a verdict: what follows may err with the half of the risk that they left."""
        self.probes, self.factor, self._risk = [], 1.0, (1 - self.confidence) / 2

    @property
    def next_number(self) -> int:
        """The number of the next direction."""
        return self._next

    @property
    def joint(self) -> bool:
        """Whether the slopes are those of several arguments that moved together."""
        return any(probe.moved > 1 for probe in self.probes)

    @property
    def round_off(self) -> float:
        """Standard deviation of g·v from the claim's own round-off: its jitter, and how far it repeats itself."""
        return self.jitter + self._repeat

    def predict(self, v: Any) -> tuple[float, float]:
        """Return what the claim predicts along v, and its round-off."""
        return self.prediction.along(self.index, v, self.field.unit)

    def measure(self, oracle: Oracle, count: int) -> list[Probe]:
        """Measure `count` more slopes along fresh directions with fresh steps."""
        self.oracle = oracle
        fresh: list[Probe] = []
        if self.too_small or self.empty:
            return fresh
        self._draw(count)
        for _ in range(count):
            probe, self._next = self._next, self._next + 1
            v = self.direction(probe)
            claimed, claim_error = self.predict(v)
            norm = self.claimed_norm
            size = abs(claimed) if norm is None else norm
            slope = oracle.slope({self.index: v}, scale=self.stretch(probe) * size, start=self._start)
            if slope is None:
                self.unmeasured += 1
                continue
            self._start = self._next_start(slope)
            fresh.append(Probe(probe, self.stretch(probe), slope, claimed, claim_error))
        self.probes.extend(fresh)
        return fresh

    def _next_start(self, slope: Slope) -> int | None:
        """Begin where the last slope had to go, when that was further down than usual and not to look for a kink."""
        if slope.resolution <= 0 or slope.kinked or slope.one_sided or slope.exponent < SMOOTH:
            return None
        exponent = exponent_above(slope.resolution)
        return exponent if exponent < -22 else None

    @property
    def empty(self) -> bool:
        """Whether the argument has no entries: nothing can be wrong."""
        return arrays.total_size([self.prediction.leaves[self.index]]) == 0

    @property
    def too_small(self) -> bool:
        """Whether the argument is so near the smallest number of its dtype that steps of it cannot be told apart."""
        name = arrays.dtype_name(self.prediction.leaves[self.index])
        size = self.scale.value if isinstance(self.scale.value, float) else float(np.min(self.scale.value))
        return size < 16 * math.ldexp(arrays.SMALLEST[name], -arrays.FINEST[name])

    @property
    def unseen(self) -> bool:
        """Whether the claim is an array, not zero, and smaller than what its slopes can tell from zero."""
        return any(0 < (self.claimed_norm or 0.0) <= probe.slope.error for probe in self.probes)

    @property
    def frozen(self) -> bool:
        """Whether the claim is the same to the bit at another point, though f curves along the directions measured."""
        return not self.joint and self.same_elsewhere and sum(curved(probe.slope) for probe in self.probes) > 2

    def report(self, verdict: Verdict, error: Interval, resolution: float, reason: str = "") -> ArgumentReport:
        """Return the report on the argument with its probes so far."""
        return ArgumentReport(
            name=self.name,
            shape=arrays.shape_of(self.prediction.leaves[self.index]),
            dtype=arrays.dtype_name(self.prediction.claim.leaves[self.index]),
            verdict=verdict,
            error=error,
            resolution=resolution,
            smallest_error=self.smallest_error(),
            reason=reason,
            probes=tuple(self.probes),
            measured_in=self.field.arithmetic,
        )

    def undecided(self, resolution: float, reason: str) -> ArgumentReport:
        """Return the report on an argument of whose error nothing is known."""
        nothing = Interval(0.0, math.inf, relative=True, confidence=self.confidence)
        return self.report(Verdict.INCONCLUSIVE, nothing, resolution, reason)

    def mismatch(self, probe: Probe) -> Mismatch:
        """Return one probe's mismatch at unit stretch."""
        bound = probe.slope.error + probe.claim_error + DEVIATIONS * self.round_off * probe.stretch
        return Mismatch(probe.claimed / probe.stretch, probe.slope.value / probe.stretch, bound / probe.stretch)

    def mismatches(self, probes: Sequence[Probe] | None = None) -> list[Mismatch]:
        """Return the mismatches of `probes` (of all by default)."""
        return [self.mismatch(probe) for probe in (self.probes if probes is None else probes)]

    def interval(self) -> Interval:
        """Return the interval for the relative error."""
        found, norm = self.mismatches(), self.claimed_norm
        if self.joint and norm is not None:
            _, high = error_norm(found, 1 - self._risk)
            interval = Interval(0.0, ratio(high, norm - high), relative=True, confidence=self.confidence)
        else:
            interval = relative_error(found, norm, 1 - self._risk)
        return replace(interval, confidence=self.confidence)

    def absolute(self, bounds: Sequence[float] | None = None) -> Interval:
        """Return the interval for ‖e∘s‖; `bounds` are those of slopes known to be zero, and claimed so."""
        found = self.mismatches()
        if bounds is not None:
            found = [Mismatch(m.claimed, 0.0, b) for m, b in zip(found, bounds, strict=True)]
        low, high = error_norm(found, 1 - self._risk)
        return Interval(0.0 if self.joint else low, high, relative=False, confidence=self.confidence)

    @property
    def jitter_next_to_kink(self) -> float:
        """The claim's round-off where a jitter of the point would cross a kink: how far it repeats itself."""
        return self._repeat

    @property
    def smallest_move(self) -> float:
        """The smallest difference of two values of f along the slopes measured that is no round-off.

        A noise table whose values lie many steps apart shows moves of many steps.
        """
        levels = [level for probe in self.probes for level in probe.slope.levels]
        values = sorted({self.field.at_point, *(v for level in levels for v in (level.plus, level.minus))})
        rounding = STEP * self.field.unit * self.field.largest
        return min((b - a for a, b in pairwise(values) if b - a > rounding), default=math.inf)

    @property
    def true_norm(self) -> float:
        """An estimate of N = ‖∇f∘s‖: the root mean square of the measured slopes."""
        found = self.mismatches()
        return math.hypot(*(m.measured for m in found)) / math.sqrt(len(found)) if found else 0.0

    def clear(self) -> None:
        """Note that a claim of zero was looked at on larger steps, together with others."""
        self.cleared = True

    def see_size(self) -> None:
        """See f where the argument is moved by its own size, at more points if f moves in steps: what sizes it has."""
        in_steps = any(probe.slope.first > 0 for probe in self.probes)
        for probe in [] if self.sized else self.probes[: 4 if in_steps else 2]:
            line = self.field.line({self.index: self.direction(probe.probe)})
            self.values_far_apart += [line(t) for t in ((-1.0, -0.5, 0.5, 1.0) if in_steps else (-1.0, 1.0))]
        self.sized = True

    def smallest_error(self) -> float:
        """Return the smallest relative error that these slopes would have shown."""
        found = self.mismatches()
        size = self.claimed_norm if self.claimed_norm is not None else self.true_norm
        size = max(size, self.true_norm)
        if len(found) < 2 or size == 0:
            return float("inf")
        return smallest_visible([m.bound for m in found], self.confidence) / size


@lru_cache(maxsize=64)
def _uniform(seed: int, purpose: Purpose, argument: int, number: int) -> float:
    """Return a number in [1, 2); kept, since all arguments of a joint round ask for the same few."""
    return float(stream(seed, purpose, argument, number).uniform(1, 2))


def curved(slope: Slope) -> bool:
    """Tell whether the gap of the two finest levels is that of a smooth φ that bends, h·φ'', and not a kink's."""
    if len(slope.levels) < 2 or any(abs(level.gap) <= 16 * level.noise for level in slope.levels[-2:]):
        return False
    coarse, fine = slope.levels[-2:]
    return 0.5 < (coarse.gap / coarse.step) / (fine.gap / fine.step) < 2
