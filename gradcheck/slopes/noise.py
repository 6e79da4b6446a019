"""How far an evaluation of φ may be off: the noise floor, measured and not assumed.

Source: J. J. Moré and S. M. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33(3), 2011 (ECnoise). The
k-th differences of m+1 equally spaced values of (smooth function + noise of standard deviation σ) have variance
σ² (2k)!/(k!)², once k is large enough for the smooth part to have vanished; so

    σ_k² = (k!)²/(2k)! · mean of the squared k-th differences,

and σ is read off where three orders in a row agree within a factor of 4 and the differences change sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Eight values and a factor of 5: with normal noise, the error |n₁ − n₂|/2 of a central difference's numerator is
# below 5 σ̂ in more than 99.93 % of draws (below 4.4 σ̂ in 99.9 %); `docs/how-it-decides.md` has the command.
OFFSETS = range(8)  # to one side: a kink at the point would pass for noise
SAFETY = 5.0
# A rounded sum or product is off by up to u·|φ|; both ends of a difference may be.
ROUNDINGS = 2.0
FEWEST_DIGITS = 2.0**-8  # relative error of a number in the coarsest dtype, bfloat16
# The spacing is no power of two: on short numbers every rounding may be exact, and would pass for no noise at all.
GENERIC = (math.sqrt(5) - 1) / 2
COARSEST = -5  # 7 · 2^-5 · 0.6 is an eighth of the argument's size: half as far as steps go


@dataclass(frozen=True)
class Noise:
    """A bound on the absolute error of one evaluation of φ.

    Attributes
    ----------
    bound : float
        |computed φ − φ| is below this near the point (in the units of φ).
    unit : float
        Unit round-off of the arithmetic that φ is computed in; an evaluation far from the point is off by at
        least ``2 · unit · |φ|``.
    flat : bool
        No two evaluations near the point differed: φ is constant there, or moves in steps of unknown size.
    quantum : float
        The smallest move of φ, where it moves in steps; where flat, the smallest one seen far away (four times the
        argument's size): what a step near the point may have hidden. Infinite if φ moves smoothly, or never did.

    """

    bound: float
    unit: float
    flat: bool = False
    quantum: float = math.inf

    def at(self, value: float) -> float:
        """Return the bound for an evaluation that gave `value`."""
        return max(self.bound, ROUNDINGS * self.unit * abs(value))

    def widened(self, other: Noise) -> Noise:
        """Return the larger of two measurements."""
        return Noise(
            max(self.bound, other.bound),
            max(self.unit, other.unit),
            self.flat and other.flat,
            min(self.quantum, other.quantum),
        )


def difference_table(values: Sequence[float]) -> float:
    """Return σ̂ of the noise in equally spaced `values` (ECnoise); the largest of three agreeing orders.

    Where no three orders agree the largest of the last three is returned, which errs upwards.
    """
    sigma, changes_sign = [], []
    differences = np.asarray(values, dtype=np.float64)
    for k in range(1, len(values)):
        differences = np.diff(differences)
        gamma = factorial(k) ** 2 / factorial(2 * k)
        largest = float(np.max(np.abs(differences)))  # whose square may overflow, or vanish
        share = float(np.mean((differences / largest) ** 2)) if largest else 0.0
        sigma.append(largest * math.sqrt(gamma * share))
        changes_sign.append(bool(differences.min() < 0 < differences.max()))
    for k in range(len(sigma) - 2):
        window = sigma[k : k + 3]
        if changes_sign[k] and max(window) <= 4 * min(window):
            return max(window)
    return max(sigma[-3:])


def measure_noise(phi: Callable[[float], float], at_zero: float, unit: float, tiny: float = 0.0) -> Noise:
    """Measure the noise floor of `phi` near 0, widening the spacing over plateaus.

    Parameters
    ----------
    phi : callable
        φ(t), the function along a direction scaled to the argument (t = 1 changes it by its own size).
    at_zero : float
        φ(0), already evaluated.
    unit : float
        Unit round-off of φ's arithmetic, 2^-53 for float64.
    tiny : float
        What underflow may take from an evaluation: no error is bounded by less.

    Returns
    -------
    Noise
        Seven evaluations where φ varies from point to point, up to 72 where it is flat.

    """
    first = math.floor(0.7 * math.log2(unit))  # many ulps apart, and near enough for φ to be a low polynomial
    floor = max(ROUNDINGS * unit * abs(at_zero), tiny)
    quantum, plateau = math.inf, False
    for exponent, sign in _spacings(first):
        values = _values(phi, at_zero, exponent, sign)
        distinct = sorted(set(values))
        crowded = len(distinct) <= len(values) / 2
        plateau = plateau or crowded
        if plateau:
            quantum = min([quantum, *(b - a for a, b in pairwise(distinct))])
        if not crowded or len(values) < len(OFFSETS) - 2:
            break
    else:
        return _of_flat(phi, values, floor, quantum, unit)
    if len(values) < len(OFFSETS) - 2:  # next to the edge of φ's domain: too few values for a table
        return _of_flat(phi, values, floor, quantum, unit) if plateau else Noise(floor, unit)
    bound = max(floor, SAFETY * difference_table(values))
    return Noise(max(bound, quantum), unit, quantum=quantum) if plateau else Noise(bound, unit)


def _spacings(first: int) -> list[tuple[int, int]]:
    """Return exponents of spacings, ever wider, to the right of the point, then to the left (a dead unit's side)."""
    wider = [*range(first, COARSEST, 8), COARSEST]
    return [(exponent, 1) for exponent in wider] + [(exponent, -1) for exponent in wider]


def _values(phi: Callable[[float], float], at_zero: float, exponent: int, sign: int) -> list[float]:
    """Return φ at equally spaced points on one side of 0, on the other where φ is not defined there."""
    values: list[float] = []
    for side in (sign, -sign):
        values = [at_zero if i == 0 else phi(math.ldexp(side * i * GENERIC, exponent)) for i in OFFSETS]
        values = [value for value in values if math.isfinite(value)]
        if len(values) == len(OFFSETS):
            break
    return values


def _of_flat(phi: Callable[[float], float], values: list[float], floor: float, quantum: float, unit: float) -> Noise:
    """Return the noise of a φ that hardly moves: its quantum, or the round-off of what it computes with elsewhere."""
    if math.isfinite(quantum):
        return Noise(max(floor, quantum), unit, quantum=quantum)
    far = [value for value in (phi(-4.0), phi(4.0)) if math.isfinite(value)]
    moves = [abs(value - values[0]) for value in far if value != values[0]]
    bound = max(floor, ROUNDINGS * unit * max(abs(value) for value in [*values, *far]))
    if not moves:  # φ is constant, or computes in so few digits that it never moved
        bound = max(bound, FEWEST_DIGITS * abs(values[0]))
    return Noise(bound, unit, flat=True, quantum=min(moves, default=math.inf))
