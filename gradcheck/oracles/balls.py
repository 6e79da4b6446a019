"""Exact real numbers, the only module that imports python-flint: rationals, and balls that hold the true value.

A number here is an exact rational (``fmpq``) as long as it can be, and after a function such as exp a
real ball (``arb``: a midpoint and a radius within which the true number lies, whatever was rounded).
Both come from FLINT: F. Johansson, "Arb: efficient arbitrary-precision midpoint-radius interval
arithmetic", IEEE Transactions on Computers 66 (2017).
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gradcheck.errors import UnsupportedError

try:
    import flint
    from flint import arb, arb_mat, arb_series, fmpq, fmpq_mat
    from flint.utils.flint_exceptions import DomainError
except ModuleNotFoundError as missing:
    raise UnsupportedError(
        "exact arithmetic needs python-flint, which is not installed: pip install 'gradcheck[exact]'"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "Real",
    "Undecided",
    "agree",
    "arb",
    "arb_series",
    "entries_of_product",
    "fmpq",
    "is_finite",
    "is_zero",
    "matrix",
    "middle",
    "most_terms",
    "nearest",
    "radius",
    "real",
    "series",
    "sign",
    "square_root",
    "working",
]

Real: TypeAlias = fmpq | arb
MOST_BITS = 2**20  # of an exact number; each product of two may have twice as many as they have
TOO_MANY_DIGITS = "a number has too many digits for exact arithmetic"


class Undecided(ArithmeticError):  # noqa: N818 - not an error of the caller: a request for more of `what`
    """The arithmetic is not fine enough yet: more ``"bits"`` or more ``"terms"`` are needed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"undecided: more {what} are needed")
        self.what = what


@contextmanager
def working(*, bits: int, terms: int) -> Iterator[None]:
    """Compute with balls of ``bits`` bits and series of at most ``terms`` terms inside the block."""
    before = flint.ctx.prec, flint.ctx.cap
    flint.ctx.prec, flint.ctx.cap = bits, terms
    try:
        yield
    finally:
        flint.ctx.prec, flint.ctx.cap = before


def most_terms() -> int:
    """Return the number of terms a series may have, as `working` set it."""
    return int(flint.ctx.cap)


def real(number: Any) -> Real:
    """Return an int, a bool, a float (the rational that it is) or a NumPy scalar as an exact rational."""
    if isinstance(number, (fmpq, arb)):
        return number
    if isinstance(number, int) or (isinstance(number, np.generic) and number.dtype.kind in "biu"):
        return fmpq(int(number))
    if isinstance(number, (float, np.floating)):
        if not np.isfinite(number):
            raise UnsupportedError(
                f"{number} entered the computation and is no exact number: use a finite constant, or choose "
                "the entries with np.where"
            )
        return fmpq(*number.as_integer_ratio())
    raise UnsupportedError(
        f"a {type(number).__module__}.{type(number).__qualname__} entered the computation and cannot be made "
        "exact: exact arithmetic runs NumPy code on real numbers"
    )


def sign(number: Real) -> int:
    """Return the sign of the true number; raise `Undecided` when its ball holds 0 and more."""
    if number > 0:
        return 1
    if number < 0:
        return -1
    if is_zero(number):
        return 0
    raise Undecided("bits")


def is_zero(number: Real) -> bool:
    """Whether the number is known to be exactly 0."""
    return not number if isinstance(number, fmpq) else number.is_zero()


def square_root(number: Real) -> Real:
    """Return the square root, rational where it can be."""
    if isinstance(number, fmpq):
        try:
            return number.sqrt()
        except DomainError:  # irrational
            return arb(number).sqrt()
    return number.sqrt()


def series(coefficients: Sequence[Real], terms: int, function: Callable[[arb_series], arb_series]) -> list[Real]:
    """Return ``terms`` Taylor coefficients of ``function`` of the series with these coefficients."""
    composed: list[Real] = [*function(arb_series([arb(c) for c in coefficients], terms)).coeffs()[:terms]]
    return composed + [arb(0)] * (terms - len(composed))


def matrix(rows: int, columns: int, entries: Sequence[Real]) -> fmpq_mat | arb_mat:
    """Return entries in row order as a matrix of FLINT's, whose products are exact or enclosed, and quick."""
    rationals = [entry for entry in entries if isinstance(entry, fmpq)]
    if len(rationals) < len(entries):
        return arb_mat(rows, columns, entries)
    return fmpq_mat(rows, columns, rationals)


def entries_of_product(left: fmpq_mat | arb_mat, right: fmpq_mat | arb_mat) -> list[Real]:
    """Return the entries of the product of two matrices, in row order."""
    if type(left) is not type(right):
        left, right = arb_mat(left), arb_mat(right)
    return [*(left * right).entries()]


def middle(number: Real) -> Fraction:
    """Return the rational itself, or the middle of the ball, exactly; 0 where that is below 2^-MOST_BITS."""
    return Fraction(int(number.p), int(number.q)) if isinstance(number, fmpq) else _binary(number, number.mid())[0]


def radius(number: Real) -> Fraction:
    """Return 0 for a rational, and for a ball how far from its `middle` the number may be."""
    if isinstance(number, fmpq):
        return Fraction(0)
    return sum(_binary(number, number.rad()), _binary(number, number.mid())[1])


def _binary(number: arb, part: arb) -> tuple[Fraction, Fraction]:
    """Return a part of a ball, and what it is off by: FLINT's own conversion ends the process where it cannot."""
    if not number.is_finite():
        raise Undecided("bits")
    mantissa, exponent = map(int, part.man_exp())
    if exponent > MOST_BITS:
        raise UnsupportedError(TOO_MANY_DIGITS)
    if exponent + mantissa.bit_length() < -MOST_BITS:
        return Fraction(0), Fraction(1, 2**MOST_BITS)
    return Fraction(mantissa << max(exponent, 0), 1 << max(-exponent, 0)), Fraction(0)


def nearest(number: Real | Fraction) -> float:
    """Return the float nearest to a number's middle; infinite where that is beyond the floats."""
    exact = number if isinstance(number, Fraction) else middle(number)
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def is_finite(number: Real) -> bool:
    """Whether the number is a rational or a ball that is bounded."""
    return isinstance(number, fmpq) or number.is_finite()


def agree(one: Real, other: Real) -> bool:
    """Whether two numbers are equal, if rational, or may be, if balls: their enclosures meet."""
    if isinstance(one, fmpq) and isinstance(other, fmpq):
        return one == other
    return arb(one).overlaps(arb(other))
