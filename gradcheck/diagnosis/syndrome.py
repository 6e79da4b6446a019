"""Weighted probes: which index of an axis holds all the errors, read from a few slopes like an error-correcting code.

Let e be the claim's error, r a random direction and w a weight for each index of one axis. Where every wrong entry has
the same index i along that axis, whatever else it is,

    m₀ = e·r,   m₁ = e·(w∘r) = w(i)·m₀,   so that   w(i) = m₁/m₀,

and with w(i) = (2·digit − base + 1)/base, centred and at most 1, the digit is an integer. A ratio that is no such
integer says that errors lie at several indices. A long axis is split in digits: i = Σ digit_k · base^k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.direction import placed
from gradcheck.verdicts.report import Probe
from gradcheck.verdicts.trial import SMALL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.verdicts.certificate import Mismatch
    from gradcheck.verdicts.trial import Trial

LARGEST_BASE = 1000
SLOPE_AT_MOST = 28  # evaluations: gradcheck.slopes.measure takes at most 14 levels, two each
FINITE_DIFFERENCE_TARGET = 2.0**-29  # a slope is done at this times `scale`: gradcheck.oracles.finite_difference

Box = tuple[tuple[int, int], ...]  # (first, past the last) of each axis


class Exhausted(Exception):  # noqa: N818  not an error: what has been found stands
    """The evaluations set aside for finding the place are used up."""


def whole(shape: tuple[int, ...]) -> Box:
    """Return the box of all entries."""
    return tuple((0, n) for n in shape)


def size_of(box: Box) -> int:
    """Return the number of entries in a box."""
    return math.prod(b - a for a, b in box)


def slices(box: Box) -> tuple[slice, ...]:
    """Return the box as an index."""
    return tuple(slice(a, b) for a, b in box)


@dataclass(frozen=True)
class Digit:
    """One digit of the indices of an axis: ``(index − first) // unit % base``."""

    axis: int
    first: int
    unit: int
    base: int
    count: int

    def weights(self, dimensions: int) -> NDArray[np.float64]:
        """Return w along the axis, shaped to broadcast over `dimensions` axes."""
        digit = np.arange(self.count) // self.unit % self.base
        weights = (2.0 * digit - self.base + 1) / self.base
        return weights.reshape([-1 if k == self.axis else 1 for k in range(dimensions)])

    def read(self, ratio: float, error: float) -> int | None:
        """Return the one digit with w = ratio ± error; None if there is none, or more than one."""
        middle, half = (ratio * self.base + self.base - 1) / 2, error * self.base / 2
        if not (half < 0.5 and -1 < middle < self.base):
            return None
        digit = round(middle)
        return digit if abs(digit - middle) <= half and 0 <= digit < self.base else None


def digits_of(axis: int, first: int, count: int, largest_base: int) -> list[Digit]:
    """Return the digits that tell `count` indices apart: as few as `largest_base` allows, all of about one base."""
    number = max(1, math.ceil(math.log(count) / math.log(largest_base) - 1e-12))
    base = math.ceil(count ** (1 / number) - 1e-9)
    while base**number < count:
        base += 1
    return [Digit(axis, first, base**k, base, count) for k in range(number)]


class Measure:
    """Slopes of one argument along directions of our own, within a number of evaluations."""

    def __init__(self, trial: Trial, limit: int) -> None:
        self.trial = trial
        self.limit = limit
        self.x = trial.prediction.leaves[trial.index]
        self.shape = arrays.shape_of(self.x)
        self.complex = arrays.is_complex(self.x)
        self._began = trial.field.evaluations
        ranked = sorted(trial.probes, key=lambda p: _clarity(trial.mismatch(p)), reverse=True)
        self.base, self.other = ranked[0], ranked[1]
        claimed = trial.claimed
        self._norm = trial.scale.norm(claimed) if claimed is not None else trial.true_norm
        self.small = trial.field.size <= SMALL
        self._drawn: dict[int, NDArray[Any]] = {}

    @property
    def spent(self) -> int:
        """Evaluations so far."""
        return self.trial.field.evaluations - self._began

    @property
    def first(self) -> Mismatch:
        """The mismatch of the clearest slope measured before: m₀ of the whole array, at unit stretch."""
        return self.trial.mismatch(self.base)

    @property
    def rounding(self) -> float:
        """How far, relatively, a direction is off that was rounded to the argument's grid: several entries' worth."""
        name = arrays.dtype_name(self.x)
        return 8 * arrays.ROUNDOFF[name] / 2.0 ** arrays.FINEST[name]

    def r(self, probe: Probe) -> NDArray[Any]:
        """Return a probe's direction at unit stretch; of a small argument it is kept, of a large one drawn anew."""
        if probe.probe in self._drawn:
            return self._drawn[probe.probe]
        direction = arrays.to_numpy(self.trial.direction(probe.probe))
        if not self.small:
            direction /= probe.stretch
            return direction
        self._drawn[probe.probe] = direction / probe.stretch
        return self._drawn[probe.probe]

    def along(self, direction: NDArray[Any], *, goal: float, share: float = 1.0) -> Mismatch:
        """Return the mismatch along `direction` (of the argument's scale), with a bound near `goal` where possible.

        A direction of a large argument is rounded in place.

        Parameters
        ----------
        direction : ndarray
            Shaped like the argument.
        goal : float
            Bound at which to stop, in the units of f.
        share : float
            The part of the claim's own round-off that this direction sees, at most 1.

        Raises
        ------
        Exhausted
            If the next slope might not fit in the evaluations left.

        """
        trial, oracle = self.trial, self.trial.oracle
        if self.spent + SLOPE_AT_MOST > self.limit or oracle is None:
            raise Exhausted
        v = placed(self.x, direction, out=None if self.small else direction)
        claimed, claim_error = trial.predict(v)
        scale = max(goal / FINITE_DIFFERENCE_TARGET, abs(claimed))
        slope = oracle.slope({trial.index: v}, scale=scale, start=None)
        if slope is None:
            raise Exhausted
        # As a probe of stretch `share`, the mismatch comes at 1/share of this size: undone here.
        found = trial.mismatch(Probe(-1, share, slope, claimed, claim_error))
        return type(found)(found.claimed * share, found.measured * share, found.bound * share)

    def share(self, box: Box) -> float:
        """Return the part of the claim's round-off that lies in a box, if it is spread like the claim or evenly."""
        even = math.sqrt(size_of(box) / max(math.prod(self.shape), 1))
        claimed = self.trial.claimed
        if claimed is None or self._norm == 0:
            return even
        part = claimed[slices(box)]
        scale = self.trial.scale.value
        values = part * (scale if isinstance(scale, float) else scale[slices(box)])
        return min(1.0, max(even, float(np.linalg.norm(np.ravel(values))) / self._norm))

    def placed_entry(self, v: NDArray[Any], index: tuple[int, ...]) -> complex:
        """Return the entry of `v` at `index` as the argument's grid rounds it."""
        one = self.x[index] if index else self.x
        return complex(arrays.to_numpy(placed(one, np.asarray(v[index]))))

    def masked(self, box: Box, probe: Probe) -> NDArray[Any]:
        """Return the probe's direction inside the box, zero outside."""
        r = self.r(probe)
        if box == whole(self.shape):
            return r
        v = np.zeros_like(r)
        v[slices(box)] = r[slices(box)]
        return v

    def decode(self, box: Box, m0: Mismatch) -> list[int | None]:
        """Return for each axis the index at which all errors inside the box lie, None where they lie at several.

        Parameters
        ----------
        box : Box
            Where to look.
        m0 : Mismatch
            Of the base probe's direction inside the box, significant.

        """
        if not m0.significant:
            return [None for _ in box]
        relative = m0.bound / abs(m0.value)
        sharpest = 0.5 / (2 * relative + self.rounding)
        base = int(min(LARGEST_BASE, sharpest))
        found: list[int | None] = []
        for axis, (first, last) in enumerate(box):
            if last - first == 1:
                found.append(first)
            elif base < 2:
                found.append(None)
            else:
                found.append(self._index(box, axis, m0, base))
        return found

    def _index(self, box: Box, axis: int, m0: Mismatch, base: int) -> int | None:
        first, last = box[axis]
        index = 0
        for digit in digits_of(axis, first, last - first, base):
            v = self.masked(box, self.base)
            v = v.copy() if v is self._drawn.get(self.base.probe) else v
            v[slices(box)] *= digit.weights(len(box))
            m1 = self.along(v, goal=abs(m0.value) / (16 * digit.base), share=self.share(box))
            ratio = m1.value / m0.value
            error = (m1.bound + abs(ratio) * m0.bound) / abs(m0.value) + self.rounding
            value = digit.read(ratio, error)
            if value is None:
                return None
            index += value * digit.unit
        return first + index if first + index < last else None


def _clarity(m: Mismatch) -> float:
    return abs(m.value) / m.bound if m.bound > 0 else math.inf
