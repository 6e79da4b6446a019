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
from functools import lru_cache
from itertools import pairwise
from math import factorial
from typing import TYPE_CHECKING

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
# Where φ is next to nothing at the point (a loss at its minimum) its noise there says nothing of the noise at the
# steps, where it is many times as large: a second table is taken there.
FURTHER, TIMES = -10, 2.0**6
STEP, ROUGH = 2.0**4, 2.0**10  # units of round-off below which a move is none, and above which noise is not round-off
SUSPICIOUS = 2.0**5  # units of round-off of φ itself: so much more noise than that, and φ is not what is computed with
STEEP = 2.0**-24  # of φ: by so much it moves in a table, far more than by its own size over steps of its argument's
PARTS = (1 + math.sqrt(2), 3 + GENERIC, 3 * math.sqrt(2))  # of the spacing: there a φ that moves in steps shows them


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
    granularity : float
        The smallest move of φ, where it moves in steps; where flat, the smallest one seen far away (four times the
        argument's size): what a step near the point may have hidden. Infinite if φ moves smoothly, or never did.
    plateau : float
        The step, relative to the argument's size, on which half of φ's values were equal; 0 where none were.
    slope, slope_error : float
        φ' over the few steps that the noise was measured on, and what the noise may make of it; NaN where φ does not
        move from step to step.

    """

    bound: float
    unit: float
    flat: bool = False
    granularity: float = math.inf
    plateau: float = 0.0
    slope: float = math.nan
    slope_error: float = math.inf

    def at(self, value: float) -> float:
        """Return the bound for an evaluation that gave `value`."""
        return max(self.bound, ROUNDINGS * self.unit * abs(value))

    def rough(self, value: float) -> bool:
        """Tell whether φ moves in steps, or by far more than the round-off of a `value` of it explains."""
        return self.flat or math.isfinite(self.granularity) or self.bound > ROUGH * self.unit * abs(value)

    def widened(self, other: Noise) -> Noise:
        """Return the larger of two measurements."""
        return Noise(
            max(self.bound, other.bound),
            max(self.unit, other.unit),
            self.flat and other.flat,
            min(self.granularity, other.granularity),
            max(self.plateau, other.plateau),
        )


def difference_table(values: Sequence[float]) -> float:
    """Return σ̂ of the noise in equally spaced `values` (ECnoise); the largest of three agreeing orders.

    Where no three orders agree the largest of the last three is returned, which errs upwards.
    """
    sigma, changes_sign = [], []
    differences = [float(value) for value in values]
    for k in range(1, len(values)):  # eight numbers: NumPy takes longer to be called than Python to subtract them
        differences = [after - before for before, after in pairwise(differences)]
        smallest, most = min(differences), max(differences)
        gamma = factorial(k) ** 2 / factorial(2 * k)
        largest = max(most, -smallest)  # whose square may overflow, or vanish
        share = math.fsum((d / largest) ** 2 for d in differences) / len(differences) if largest else 0.0
        sigma.append(largest * math.sqrt(gamma * share))
        changes_sign.append(smallest < 0 < most)
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
    floor = max(ROUNDINGS * unit * abs(at_zero), tiny)
    granularity, plateau, width = math.inf, False, 0.0
    for exponent, sign in _spacings(_first(unit)):
        values = _values(phi, at_zero, exponent, sign)
        distinct = sorted(set(values))
        crowded = len(distinct) <= len(values) / 2
        plateau = plateau or crowded
        width = math.ldexp(1.0, exponent) if crowded else width
        if plateau:
            # sums that step by 1e-6 differ by round-off as well: that is no step
            rounding = STEP * unit * max(abs(value) for value in values)
            moves = [b - a for a, b in pairwise(distinct)]
            granularity = min([granularity, *([move for move in moves if move > rounding] or moves)])
        if not crowded or len(values) < len(OFFSETS) - 2:
            break
    else:
        return _of_flat(phi, values, floor, granularity, unit)
    if len(values) < len(OFFSETS) - 2:  # next to the edge of φ's domain: too few values for a table
        return _of_flat(phi, values, floor, granularity, unit) if plateau else Noise(floor, unit)
    sigma, size = difference_table(values), max(abs(value) for value in values)
    if sigma > SUSPICIOUS * unit * size:
        sigma = max(sigma, _further(phi, values, exponent, sign))
    elif abs(values[-1] - values[0]) > STEEP * size and len(values) == len(OFFSETS):
        sigma = max(_between(phi, values, exponent, sign, unit), sigma)
    bound = max(floor, SAFETY * sigma)
    if plateau:
        return Noise(max(bound, granularity), unit, granularity=granularity, plateau=width)
    reach = math.ldexp(sign * GENERIC * (len(values) - 1), exponent)
    return Noise(bound, unit, slope=(values[-1] - values[0]) / reach, slope_error=2 * bound / abs(reach))


def _further(phi: Callable[[float], float], values: list[float], exponent: int, sign: int) -> float:
    """Return the noise a step of 2^-10 away, if φ is far larger there than next to the point; 0 if it is not.

    A square r² of a residual that is off by ε is off by ε² where r = 0, and by 2ε|r| at every step.
    """
    if exponent + 3 > FURTHER:
        return 0.0
    start = math.ldexp(sign * GENERIC, FURTHER)
    there = phi(start)
    if not TIMES * max(abs(value) for value in values) < abs(there) < math.inf:
        return 0.0
    table = [there, *(phi(start + math.ldexp(sign * i * GENERIC, exponent)) for i in OFFSETS[1:])]
    return difference_table(table) if all(map(math.isfinite, table)) else 0.0


def _between(phi: Callable[[float], float], values: list[float], exponent: int, sign: int, unit: float) -> float:
    """Return by how much φ is off between equally spaced points where it is as smooth as round-off; 0 if by no more.

    A steep φ that moves in steps moves by a whole number of them, now and then, from each point to the next, and the
    table of differences shows nothing. Moves by parts of the spacing do.
    """
    off = [0.0]
    for share in PARTS:
        value = phi(math.ldexp(sign * GENERIC * share, exponent))
        if math.isfinite(value):
            off.append(
                abs(value - math.fsum(w * v for w, v in zip(_lagrange(share, len(values)), values, strict=True)))
            )
    worst = max(off)
    return worst if worst > SUSPICIOUS * unit * max(map(abs, values)) else 0.0


def hidden_steps(phi: Callable[[float], float], at_zero: float, unit: float) -> float:
    """Return by how much φ is off between points at which it is as smooth as round-off; 0 where by no more than that.

    Ten evaluations. A slope is steep enough to be asked for more only where it moves φ by far more than its own size:
    `measure_noise` does not spend them on any other.
    """
    exponent = _first(unit)
    values = _values(phi, at_zero, exponent, 1)
    if len(values) < len(OFFSETS) or len(set(values)) <= len(values) / 2:
        return 0.0
    return _between(phi, values, exponent, 1, unit)


def _first(unit: float) -> int:
    """Return the exponent of the finest spacing: many ulps apart, near enough for φ to be a low polynomial."""
    return math.floor(0.7 * math.log2(unit))


@lru_cache
def _lagrange(t: float, count: int) -> list[float]:
    """Return the weights of values at 0, 1, … in that at t of the polynomial through them."""
    return [math.prod((t - j) / (i - j) for j in range(count) if j != i) for i in range(count)]


def _spacings(first: int) -> list[tuple[int, int]]:
    """Return exponents of spacings, ever wider, to the right of the point, then to the left (a dead unit's side)."""
    wider = [*range(first, COARSEST, 8), COARSEST]
    return [(exponent, 1) for exponent in wider] + [(exponent, -1) for exponent in wider]


def _values(phi: Callable[[float], float], at_zero: float, exponent: int, sign: int) -> list[float]:
    """Return φ at equally spaced points on one side of 0, on the other where φ is not defined there."""
    values: list[float] = []
    for side in (sign, -sign):
        points = [math.ldexp(side * i * GENERIC, exponent) for i in OFFSETS]
        if (begin := getattr(phi, "begin", None)) is not None:
            begin(t for t in points if t)
        values = [at_zero if t == 0 else phi(t) for t in points]
        values = [value for value in values if math.isfinite(value)]
        if len(values) == len(OFFSETS):
            break
    return values


def _of_flat(
    phi: Callable[[float], float], values: list[float], floor: float, granularity: float, unit: float
) -> Noise:
    """Return the noise of a φ that hardly moves: its granularity, or the round-off of its values elsewhere."""
    if math.isfinite(granularity):
        return Noise(max(floor, granularity), unit, granularity=granularity)
    far = [value for value in (phi(-4.0), phi(4.0)) if math.isfinite(value)]
    moves = [abs(value - values[0]) for value in far if value != values[0]]
    bound = max(floor, ROUNDINGS * unit * max(abs(value) for value in [*values, *far]))
    if not moves:  # φ is constant, or computes in so few digits that it never moved
        bound = max(bound, FEWEST_DIGITS * abs(values[0]))
    return Noise(bound, unit, flat=True, granularity=min(moves, default=math.inf))
