"""What f computes in, where that is coarser than its arguments and its value: found out by how its values move.

A value that was rounded to float32 inside moves in steps of its last bit. Where all of f is rounded so, the noise next
to the point shows it: plateaus, and steps between them. Where a part of f is, the other part moves on every step, and
small steps show nothing of the first: but then slopes over small and over large steps differ, and halving finds a place
where f jumps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.slopes.noise import GENERIC, OFFSETS, ROUNDINGS, SAFETY, difference_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.slopes.field import Field, Move, Phi
    from gradcheck.slopes.slope import Slope

UNIT = arrays.ROUNDOFF["float64"]
NARROW = ("float32", "float16", "bfloat16")
ROUND_OFF = 2.0**6  # steps of fewer units of round-off may well be round-off themselves
STEPS = 2.0**-7  # no dtype has larger ones, relative to the value
ULPS = 16.0  # a sum of a few terms moves by so many last bits at a time
LARGE_STEP = -7  # exponent: truncation is 2^-14 of φ'''/12, and bfloat16 moves by a last bit
APART = 2.0**-5  # slopes of a smooth φ differ by less between that step and the point
SPACINGS = (-17, -14, -11, -8, -6)  # exponents, from where float32 moves from value to value to where bfloat16 does
FAR_APART = (-4, -2)  # and where few numbers, rounded to few bits, jump at all
NOISY = 2.0**5  # times the noise next to the point: it is another kind of noise
LARGE_STEPS = (-8, -5, -2)  # exponents: roundings hardly tilt φ there
TRUNCATION = 2.0**-3  # of what truncation was over steps 8 times as large it is no more than a 64th
AROUND = -9  # exponent of the steps at which the bits of values are counted
FURTHER = -2
FINEST = -33  # exponent of the step within which a jump is one
JUMP = 2.0**-3  # of the noise, at least, is left of it there
ON_THE_WAY = 2.0**-3  # of that jump: φ is least far ahead where its pieces end between jumps
QUIET = 2.0**-2  # of the jump, at most, is there beside it
BY_DESIGN = 2.0**-20  # relative steps from which a function may be made of stairs


@dataclass(frozen=True)
class Inside:
    """What was found.

    Attributes
    ----------
    dtype : str
        What f rounds to, as far as its values show; empty where it is no coarser than its value's.
    unit : float
        The round-off relative to f's value: less than that of `dtype` where only a part of f is rounded.
    by_design : bool
        Whether these may be stairs that are meant, and the claim is right between them.
    unsure : bool
        Whether they may be the digits of an output: what else can look into f is to be heard first.
    """

    dtype: str = ""
    unit: float = 0.0
    by_design: bool = False
    unsure: bool = False


NOTHING = Inside()


def look(field: Field, judged: Sequence[int], predicted: Callable[[Move], float]) -> Inside:
    """Return what f rounds to inside.

    Parameters
    ----------
    field : Field
        f around the point.
    judged : sequence of int
        The arguments that move.
    predicted : callable
        Maps a move to the slope that is claimed along it.
    """
    move = field.noise_move(judged)
    noise = field.noise(judged, move=move)
    phi = field.line(move)
    if ROUND_OFF * field.unit < field.step_size() < STEPS:
        return _by_steps(field, phi, noise.granularity, none_claimed=predicted(move) == 0)
    if noise.flat or math.isfinite(noise.granularity):
        return NOTHING
    h = math.ldexp(GENERIC, LARGE_STEP)
    far = (4 * phi(h / 2) - 3 * field.at_point - phi(h)) / h  # on the side of the noise: there may be a kink here
    near, error = noise.slope, noise.slope_error
    if not error < APART * max(abs(far), abs(near)):
        near, error = predicted(move), 0.0
    if not math.isfinite(far) or _close(far, near, error + noise.bound / h):
        return NOTHING
    found = _by_jumps(field, phi, noise.bound)
    meant = found.unit > BY_DESIGN and _close(predicted(move), near, error)
    return replace(found, by_design=bool(found.dtype) and meant)


def seen_of(field: Field, judged: Sequence[int]) -> float:
    """Return the round-off relative to f's value of an f whose code casts to `field.dtype`: as far as φ shows it.

    Where a part of f is cast, it is less than that of the dtype.
    """
    phi, unit = field.line(field.noise_move(judged)), 0.0
    for exponent in SPACINGS:
        values = _spaced(field, phi, exponent)
        if all(map(math.isfinite, values)) and _rough(values):
            sigma = difference_table(values) / max(map(abs, values))
            unit = max(unit, SAFETY * sigma / ROUNDINGS if sigma > NOISY * UNIT else 0.0)
    return min(unit, field.unit) or field.unit


def nearer(phi: Phi, slope: Slope, claimed: float) -> bool:
    """Tell whether a claim that φ's slope contradicts is nearer to one over larger steps, and not by truncation.

    Where a part of f is rounded, the slope over small steps is that of the other part, and the one over large steps
    that of both. It is no truncation if it is not far less over finer steps, or not far more over still larger ones.
    """
    finer, closer_before = math.inf, False
    larger = (math.ldexp(GENERIC, exponent) for exponent in LARGE_STEPS)
    for over in chain(
        (level.central for level in reversed(slope.levels)), ((phi(h) - phi(-h)) / (2 * h) for h in larger)
    ):
        off = abs(over - slope.value)
        closer = abs(over - claimed) <= off
        if (closer or closer_before) and (finer > TRUNCATION * off or finer == 0):
            return True
        finer, closer_before = off, closer
    return False


def along(field: Field, phi: Phi) -> Inside:
    """Return what f rounds to along the line of `phi`, whose steps may be as large as the argument."""
    return _by_jumps(field, phi, ROUNDINGS * UNIT * abs(field.at_point), FAR_APART)


def _close(one: float, other: float, error: float) -> bool:
    return abs(one - other) <= APART * max(abs(one), abs(other)) + error


def _by_steps(field: Field, phi: Phi, granularity: float, *, none_claimed: bool) -> Inside:
    """Return what f rounds to where it moves in steps next to the point.

    Values that hold no more bits than a dtype were rounded to it, or are counts: whose gradient is zero, and whose
    steps are not as fine as those of float32. Where values hold more, a part of f is rounded, or its output is.
    """
    values = [field.at_point, *(phi(math.ldexp(i * GENERIC, AROUND)) for i in (-2, -1, 1, 2))]
    fine = field.step_size() <= BY_DESIGN
    for name in NARROW:
        unit = arrays.ROUNDOFF[name]
        last = max(math.ldexp(unit, math.frexp(value)[1]) for value in values)
        if granularity <= ULPS * last and all(_held(value, unit) for value in (*values, *_further(phi))):
            return NOTHING if none_claimed and not fine else Inside(name, unit)
    if none_claimed or not fine:
        return NOTHING
    found = _by_jumps(field, phi, 2 * field.unit * field.largest)
    return replace(found, unsure=bool(found.dtype))


def _further(phi: Phi) -> list[float]:
    """Return φ far from the point: 1 − cos(t) has few bits next to 0, its steps being those of 1, and more there."""
    values = (phi(math.ldexp(side * GENERIC, FURTHER)) for side in (-1, 1))
    return [value for value in values if math.isfinite(value)]


def _held(value: float, unit: float) -> bool:
    """Tell whether a value is finite, and has no more bits than a dtype with this unit round-off."""
    if not math.isfinite(value):
        return False
    mantissa = math.frexp(value)[0] / unit
    return mantissa == math.floor(mantissa)


def _by_jumps(field: Field, phi: Phi, bound: float, more: Sequence[int] = ()) -> Inside:
    """Return the dtype whose rounding makes φ jump; nothing where φ does not jump."""
    largest = size = 0.0
    for exponent in (*SPACINGS, *more):  # where jumps are rare on small steps, these show less than a rounding
        values = _spaced(field, phi, exponent)
        if not all(map(math.isfinite, values)):
            break
        sigma = difference_table(values)
        if sigma > max(NOISY * bound, largest) and _rough(values) and _jumps(phi, values, exponent, JUMP * sigma):
            largest, size = sigma, sigma / max(map(abs, values))
        elif not more and sigma > NOISY * bound:
            break
    dtype = next((name for name in NARROW if size <= 2 * arrays.ROUNDOFF[name]), "") if size else ""
    return Inside(dtype, min(SAFETY * size / ROUNDINGS, arrays.ROUNDOFF[dtype])) if dtype else NOTHING


def _spaced(field: Field, phi: Phi, exponent: int) -> list[float]:
    """Return φ at the point and at equally spaced steps to one side."""
    return [phi(math.ldexp(i * GENERIC, exponent)) if i else field.at_point for i in OFFSETS]


def _rough(values: Sequence[float]) -> bool:
    """Tell whether values jump up and down from one to the next, as roundings do and no smooth function does."""
    third = np.sign(np.diff(values, n=3))  # signs, since a product of small differences may vanish
    return bool(np.sum(third[1:] * third[:-1] < 0) >= len(third) // 2)


def _jumps(phi: Phi, values: Sequence[float], exponent: int, least: float) -> bool:
    """Tell whether halving finds a jump of `least` or more, up or down, between φ at equally spaced steps.

    It is looked for where φ is furthest ahead of the cubic through the values, or furthest behind. Where φ bends, or
    has a kink, less and less of that is left. Between two jumps up a rounded φ falls behind by as much as one jump
    makes up for, so a half without a jump may be as far off, but never ahead.
    """
    smooth = np.polynomial.Polynomial.fit(math.ldexp(GENERIC, exponent) * np.array(OFFSETS), values, 3)

    def ahead(a: float, b: float, at_a: float, at_b: float) -> float:
        return at_b - at_a - float(smooth(b) - smooth(a))

    return _jumps_up(phi, values, exponent, least, ahead) or _jumps_up(
        phi, values, exponent, least, lambda *ends: -ahead(*ends)
    )


def _jumps_up(phi: Phi, values: Sequence[float], exponent: int, least: float, ahead: Callable[..., float]) -> bool:
    """Tell whether halving finds a jump ahead, by what `ahead` says of two steps and the values of φ there."""
    steps = [math.ldexp(i * GENERIC, exponent) for i in OFFSETS]
    pieces = zip(steps[:-1], steps[1:], values[:-1], values[1:], strict=True)
    left, right, at_left, at_right = max(pieces, key=lambda piece: ahead(*piece))
    for _ in range(exponent - FINEST):
        middle = (left + right) / 2
        value = phi(middle)
        if not math.isfinite(value):
            return False
        if ahead(left, middle, at_left, value) >= ahead(middle, right, value, at_right):
            right, at_right = middle, value
        else:
            left, at_left = middle, value
        if ahead(left, right, at_left, at_right) < ON_THE_WAY * least:
            return False
    width, jump = right - left, ahead(left, right, at_left, at_right)
    before = ahead(left - width, left, phi(left - width), at_left)
    after = ahead(right, right + width, at_right, phi(right + width))
    # a rounding to few bits is quiet on both sides; round-off of φ itself is everywhere, as that of r² is at r = 0
    return jump >= least and max(abs(before), abs(after)) <= QUIET * jump
