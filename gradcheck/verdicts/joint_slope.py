"""One slope along which several arguments move, and what is left of it when some of them are taken away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.verdicts.certificate import Mismatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcheck.slopes.slope import Slope


@dataclass(frozen=True)
class Measured:
    """One joint slope: what each member was claimed to contribute, with its round-off, and what was measured."""

    parts: Mapping[int, tuple[float, float]]
    slope: Slope
    mismatch: Mismatch
    size: float = 0.0  # to be expected of the slope

    @property
    def jump(self) -> tuple[float, float]:
        """The jump of the slope at the point, and the bound on its error."""
        return self.slope.right - self.slope.left, 2 * self.slope.side_error


def total(values: Sequence[float]) -> tuple[float, float]:
    """Return the sum, and a bound on its round-off: see `gradcheck.slopes.direction.inner`."""
    array = np.array(values)
    return float(array.sum()), 2.0**-53 * (20 + math.log2(len(values))) * float(np.abs(array).sum())


def difference(whole: Measured, part: Measured, rest: Sequence[int]) -> Measured:
    """Return what the rest of the members must show if a part of them shows `part`."""
    a, b = whole.mismatch, part.mismatch
    mismatch = Mismatch(a.claimed - b.claimed, a.measured - b.measured, a.bound + b.bound)
    return Measured({i: whole.parts[i] for i in rest}, whole.slope, mismatch)


def clarity(mismatch: Mismatch) -> float:
    """Return how many times its bound a mismatch is."""
    return abs(mismatch.value) / mismatch.bound if mismatch.bound > 0 else math.inf
