"""From mismatches along random directions to an interval for the gradient's error, and a verdict.

With Gaussian v_j the mismatches m_j = g·v_j − slope_j = e·v_j ± b_j are normal with variance E² = ‖e∘s‖², so
Σ (e·v_j)²/E² follows χ² with k degrees of freedom, and

    √(Σ max(|m_j| − b_j, 0)² / χ²_k(1 − a)) ≤ E ≤ √(Σ (|m_j| + b_j)² / χ²_k(a)),   each with probability 1 − a.

The size of the true gradient, N = ‖∇f∘s‖, has such an interval from the slopes, and lies within E of the claim's size
G = ‖g∘s‖ without any chance: G − E ≤ N ≤ G + E. The relative error r = E/N takes the tighter of the two. Four
one-sided statements share what the confidence leaves, 1 − confidence, and not evenly: an upper bound costs χ²_k(a) ~
a^(2/k) for small a, which k = 4 probes feel, a lower bound only log(1/a). So E ≤ ... takes 8 tenths of it, E ≥ ... one
tenth, and the two on N half a tenth each, since N is mostly told by G. Four probes then tell E within a factor
√(χ²₄(1 − 1e-5)/χ²₄(8e-5)) = 33.5 at 99.99 % (even shares: 43.2).
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ERROR_ABOVE, ERROR_BELOW, SIZE = 0.8, 0.1, 0.05  # shares of 1 − confidence; N takes the last one twice


class Verdict(enum.Enum):
    """What a check says; only PASS is a pass."""

    PASS = "PASS"  # noqa: S105  a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"

    def __str__(self) -> str:
        return self.value

    @staticmethod
    def worst(verdicts: Sequence[Verdict]) -> Verdict:
        """Return FAIL if any is, else INCONCLUSIVE if any is, else PASS."""
        for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            if verdict in verdicts:
                return verdict
        return Verdict.PASS


class Mismatch(NamedTuple):
    """One direction: what the claim predicts, what was measured, and how far both may be off together."""

    claimed: float
    measured: float
    bound: float

    @property
    def value(self) -> float:
        """Claimed minus measured: e·v."""
        return self.claimed - self.measured

    @property
    def significant(self) -> bool:
        """Whether the claim is wrong along this direction beyond all bounds; a bound that is no number says nothing."""
        return not (abs(self.value) <= self.bound or math.isnan(self.bound))


@dataclass(frozen=True)
class Interval:
    """The error lies in [low, high] with the stated confidence.

    Attributes
    ----------
    low, high : float
        Relative error ‖g − ∇f‖/‖∇f‖ in the norm of the argument's scale; the absolute ‖(g − ∇f)∘s‖, in the units of
        f, where `relative` is False.
    relative : bool
        False where the gradient itself is zero as far as can be seen.
    confidence : float
        Probability of the statement over the directions.

    """

    low: float
    high: float
    relative: bool
    confidence: float

    def __contains__(self, error: float) -> bool:
        return self.low <= error <= self.high


@lru_cache(maxsize=256)
def chi2_quantile(probability: float, k: int) -> float:
    """Return the quantile of χ² with k degrees of freedom, whose distribution function is P(k/2, x/2)."""
    from scipy.special import gammaincinv  # noqa: PLC0415  `import gradcheck` does without SciPy

    return 2 * float(gammaincinv(k / 2, probability))


def error_norm(mismatches: Sequence[Mismatch], confidence: float) -> tuple[float, float]:
    """Return the interval for E = ‖e∘s‖, in the units of f."""
    left, k = 1 - confidence, len(mismatches)
    least, most = _sizes([m.value for m in mismatches], mismatches)
    return (
        least / math.sqrt(chi2_quantile(1 - ERROR_BELOW * left, k)),
        most / math.sqrt(chi2_quantile(ERROR_ABOVE * left, k)),
    )


def _sizes(values: Sequence[float], mismatches: Sequence[Mismatch]) -> tuple[float, float]:
    """Return the least and the largest norm that values have within the bounds; what is no number bounds nothing."""
    pairs = [(abs(value), m.bound) for value, m in zip(values, mismatches, strict=True)]
    known = [(size, bound) for size, bound in pairs if not math.isnan(size + bound)]
    least = math.hypot(*(max(0.0, size - bound) for size, bound in known))
    return least, math.hypot(*map(sum, known)) if len(known) == len(pairs) else math.inf


def relative_error(mismatches: Sequence[Mismatch], claimed_norm: float | None, confidence: float) -> Interval:
    """Return the interval for the relative error E/N.

    Parameters
    ----------
    mismatches : sequence of Mismatch
        One for each direction, of unit stretch.
    claimed_norm : float or None
        G = ‖g∘s‖, None where it is not known.
    confidence : float
        In (0, 1).

    Returns
    -------
    Interval
        `high` is infinite where the true gradient may be zero, and where a number overflows.

    """
    if not mismatches:
        return Interval(0.0, math.inf, relative=True, confidence=confidence)  # numbers that small have no steps
    low, high = error_norm(mismatches, confidence)
    tail, k = SIZE * (1 - confidence), len(mismatches)
    least, most = _sizes([m.measured for m in mismatches], mismatches)
    smallest = least / math.sqrt(chi2_quantile(1 - tail, k))
    largest = most / math.sqrt(chi2_quantile(tail, k))
    if claimed_norm is not None and math.isfinite(claimed_norm) and math.isfinite(high):
        smallest, largest = max(smallest, claimed_norm - high), min(largest, claimed_norm + low)
    if not (math.isfinite(high) and math.isfinite(smallest)):
        return Interval(0.0, math.inf, relative=True, confidence=confidence)  # numbers that overflow are no evidence
    # Each end holds with the confidence. With small probability both are wrong and cross: then they are swapped.
    least, most = sorted((ratio(low, largest), ratio(high, smallest)))
    return Interval(least, most, relative=True, confidence=confidence)


def ratio(error: float, size: float) -> float:
    """Return error/size; infinite where the size may be zero and the error may not."""
    if error == 0 and not math.isnan(size):
        return 0.0
    return error / size if size > 0 and error < math.inf else math.inf


def smallest_visible(bounds: Sequence[float], confidence: float) -> float:
    """Return the smallest E for which two or more of the directions would stand out of their bounds.

    A direction surely stands out where |e·v_j| > 2b, b the largest bound (the mismatch is known to ± b itself). Each
    |e·v_j| = E|z_j| stays within 2b with probability p = P(|z| ≤ 2b/E); fewer than two stand out with probability
    k·pᵏ⁻¹(1 − p) + pᵏ, set to 1 − confidence and solved for p by bisection.
    """
    return 2 * max(bounds) / math.sqrt(chi2_quantile(_within(len(bounds), confidence), 1))


@lru_cache(maxsize=64)
def _within(k: int, confidence: float) -> float:
    """Return the p at which fewer than two of k events of probability 1 − p happen with probability 1 − confidence."""
    missed = 1 - confidence
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        low, high = (p, high) if k * p ** (k - 1) * (1 - p) + p**k < missed else (low, p)
    return low


def default_resolution(unit: float) -> float:
    """Return the relative error below which a PASS is expected of arithmetic with this unit round-off.

    2·u^(1/3), the step at which a central difference balances noise and truncation: 1e-5 for float64, 8e-3 for
    float32, 0.16 for float16, 0.31 for bfloat16.
    """
    return 2 * math.cbrt(unit)
