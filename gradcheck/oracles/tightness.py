"""How well a number is known: guaranteed digits of a ball, units in the last place, bounds rounded up."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.oracles.balls import Real, middle, nearest, radius

if TYPE_CHECKING:
    from numpy.typing import NDArray


def guaranteed_digits(number: Real, scale: Fraction = Fraction(0)) -> float:
    """Return the significant decimal digits that a ball guarantees; infinite for an exact number.

    Those of a ball that holds 0 are counted from the scale, if one is given.
    """
    bound, size = radius(number), abs(middle(number))
    if not bound:
        return math.inf
    size = size if size > bound else scale
    return _log10(size) - _log10(bound) if size > bound else 0.0


def is_tight(number: Real, digits: int, scale: Fraction) -> bool:
    """Whether a ball guarantees its digits, or is 0 to twice as many beside the scale."""
    holds_zero = abs(middle(number)) <= radius(number)
    return guaranteed_digits(number, scale) >= (2 * digits if holds_zero else digits)


def ulps(rounded: NDArray[np.floating[Any]], exact: NDArray[Any]) -> NDArray[np.float64]:
    """Return |rounded − exact| in units in the last place of the exact numbers, in ``rounded``'s dtype.

    Where the exact number is 0, or below the normal range, the unit is the smallest subnormal.
    """
    there = np.array([nearest(entry) for entry in exact.ravel()], dtype=rounded.dtype)
    distances = [
        nearest(abs(Fraction(float(r)) - middle(e)) / Fraction(float(u))) if np.isfinite([r, u]).all() else math.inf
        for r, e, u in zip(rounded.ravel(), exact.ravel(), np.spacing(np.abs(there)), strict=True)
    ]
    return np.array(distances, dtype=np.float64).reshape(rounded.shape)


def round_up(bound: Fraction) -> float:
    """Return the least float that is no smaller."""
    found = nearest(bound)
    return found if math.isinf(found) or Fraction(found) >= bound else math.nextafter(found, math.inf)


def _log10(number: Fraction) -> float:
    """Return log10 of a fraction of any size."""
    return math.log10(number.numerator) - math.log10(number.denominator)
