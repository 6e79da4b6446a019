"""What is defined for every float, zero, infinity and NaN among them, where `math` raises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALLEST, LARGEST = -1074, 1023  # exponents of the powers of two among the floats


def exponent_above(size: float) -> int:
    """Return the least k with size ≤ 2^k, as far as 2^k is a float; of NaN, which may be of any size, the largest."""
    if not size <= 2.0**LARGEST:
        return LARGEST
    mantissa, exponent = math.frexp(size)
    return max(exponent - (mantissa == 0.5), SMALLEST) if size > 0 else SMALLEST


def exact_sum(values: Sequence[float]) -> float:
    """Return the sum, rounded once; infinite or NaN where it is beyond the floats, or infinities are added."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(v / 2.0**64 for v in values) * math.inf
