"""Numbers that know what they do just after a point: germs at t = 0+, whose order is exact.

A germ is a number that moves with an infinitesimal t > 0: a₀ + a₁t + a₂t² + …, of which finitely many
terms are kept. The terms are exact rationals as long as the arithmetic is + − × ÷, and real balls once a
function such as exp is met. Two germs compare as they do for every small enough t > 0: by the first term
in which they differ. So ``h > 0`` is answered at h = 0 + 1·t as it is an instant after a kink, whatever
the code does with the answer, and there is no step to choose and no truncation error to bound.

What cannot be told yet raises `Undecided`: a ball that holds zero asks for more bits, a difference that
vanishes in every term that was kept asks for more terms. Every operation gives the terms it is sure of,
no more.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gradcheck.errors import UnsupportedError
from gradcheck.oracles.balls import (
    MOST_BITS,
    TOO_MANY_DIGITS,
    Real,
    Undecided,
    fmpq,
    is_zero,
    most_terms,
    real,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT = sys.maxsize  # the order of a germ of which every term is known
_NOUGHT = fmpq(0)
# What the operators of a germ need of the files that are built on germs, which enter it here: `elementary` the power,
# `exact_arrays` the ufuncs.
BUILT_ON_GERMS: dict[str, Callable[..., Any]] = {}
R = TypeVar("R")


def _binary(operation: Callable[[Germ, Germ], R]) -> Callable[[Germ, Any], R]:
    """Give a method of two germs any number as its second one; arrays are left to NumPy."""

    @wraps(operation)
    def method(self: Germ, other: Any) -> R:
        if type(other) is not Germ:
            if isinstance(other, np.ndarray):
                return NotImplemented  # type: ignore[no-any-return]  # as Python asks of its operators
            other = germ(other)
        return operation(self, other)

    return method


class Germ:
    """a₀ + a₁t + … + O(t^order) as t → 0+, which NumPy's object arrays take for a real number.

    Attributes
    ----------
    terms : tuple of fmpq or arb
        Coefficients, without trailing zeros; those between the end and ``order`` are 0.
    order : int
        Terms from this one on are unknown; `EXACT` when all are known.

    """

    __slots__ = ("order", "terms")
    __hash__ = None  # type: ignore[assignment]  # equality may ask for more bits
    terms: tuple[Real, ...]
    order: int

    def __init__(self, terms: tuple[Real, ...], order: int = EXACT) -> None:
        if len(terms) > most_terms():
            order = min(order, most_terms())
        terms = terms[:order]
        while terms and is_zero(terms[-1]):
            terms = terms[:-1]
        if any(isinstance(term, fmpq) and term.height_bits() > MOST_BITS for term in terms):
            raise UnsupportedError(TOO_MANY_DIGITS)
        self.terms = terms
        self.order = order

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return BUILT_ON_GERMS["ufunc"](ufunc, method, inputs, options)

    def __repr__(self) -> str:
        known = " + ".join(f"{term}·t^{k}" for k, term in enumerate(self.terms)) or "0"
        return known if self.order == EXACT else f"{known} + O(t^{self.order})"

    def coefficient(self, k: int) -> Real:
        """Return the coefficient of t^k; raise `Undecided` when it is not known."""
        if k < len(self.terms):
            return self.terms[k]
        if k >= self.order:
            raise Undecided("terms")
        return _NOUGHT

    def is_constant(self) -> bool:
        """Whether the number does not move, and that is known."""
        return self.order == EXACT and len(self.terms) <= 1

    def valuation(self) -> int:
        """Return the number of leading terms known to be 0."""
        return next((k for k, term in enumerate(self.terms) if not is_zero(term)), self.order)

    def sign(self) -> int:
        """Return the sign for every small enough t > 0."""
        for term in self.terms:
            side = sign(term)
            if side:
                return side
        if self.order == EXACT:
            return 0
        raise Undecided("terms")

    def shift(self, by: int) -> Germ:
        """Multiply by t^by; a negative one asks that the terms that fall off are known to be 0."""
        if any(sign(term) for term in self.terms[: max(-by, 0)]):
            raise UnsupportedError("a quotient grows without bound beside the point, so f has no slope there")
        return Germ((_NOUGHT,) * by + self.terms[max(-by, 0) :], _moved(self.order, by))

    # The field: sums, products and quotients of truncated series.

    @_binary
    def __add__(self, other: Germ) -> Germ:
        longer, shorter = self.terms, other.terms
        if len(longer) < len(shorter):
            longer, shorter = shorter, longer
        head = tuple(a + b for a, b in zip(longer, shorter, strict=False))
        return Germ(head + longer[len(shorter) :], min(self.order, other.order))

    @_binary
    def __sub__(self, other: Germ) -> Germ:
        return self + (-other)

    @_binary
    def __mul__(self, other: Germ) -> Germ:
        if self.is_constant() and other.is_constant():
            return Germ((self.terms[0] * other.terms[0],)) if self.terms and other.terms else ZERO
        low, other_low = self.valuation(), other.valuation()
        if EXACT in (low, other_low):
            return ZERO
        # a·O(t^n) = O(t^(n + valuation of a))
        order = min(_moved(self.order, other_low), _moved(other.order, low))
        if len(self.terms) + len(other.terms) - 1 > most_terms():
            order = min(order, most_terms())
        product: list[Real] = [_NOUGHT] * min(len(self.terms) + len(other.terms) - 1, order)
        for i, a in enumerate(self.terms):
            for j, b in enumerate(other.terms[: max(len(product) - i, 0)]):
                product[i + j] = product[i + j] + a * b
        return Germ(tuple(product), order)

    @_binary
    def __truediv__(self, other: Germ) -> Germ:
        if other.sign() == 0:
            raise UnsupportedError(
                "a number is divided by exactly 0, which has no exact value: choose the denominator first, "
                "as in a / np.where(b == 0, 1, b)"
            )
        low = other.valuation()
        top, bottom = self.shift(-low), other.shift(-low)
        if bottom.is_constant():
            return Germ(tuple(a / bottom.terms[0] for a in top.terms), top.order)
        if top.valuation() == EXACT:
            return ZERO
        order = min(top.order, bottom.order, most_terms())
        quotient: list[Real] = []
        for k in range(order):  # q_k = (a_k − Σ_{j ≥ 1} b_j q_{k−j}) / b_0
            rest = top.coefficient(k)
            for j in range(1, k + 1):
                rest = rest - bottom.coefficient(j) * quotient[k - j]
            quotient.append(rest / bottom.terms[0])
        return Germ(tuple(quotient), order)

    @_binary
    def __pow__(self, other: Germ) -> Germ:
        power: Germ = BUILT_ON_GERMS["power"](self, other)
        return power

    __radd__ = __add__
    __rmul__ = __mul__

    @_binary
    def __rsub__(self, other: Germ) -> Germ:
        return other - self

    @_binary
    def __rtruediv__(self, other: Germ) -> Germ:
        return other / self

    @_binary
    def __rpow__(self, other: Germ) -> Germ:
        return other**self

    def __neg__(self) -> Germ:
        return Germ(tuple(-a for a in self.terms), self.order)

    def __pos__(self) -> Germ:
        return self

    def __abs__(self) -> Germ:
        return -self if self.sign() < 0 else self

    def conjugate(self) -> Germ:
        """Return itself: a germ is real."""
        return self

    @property
    def real(self) -> Germ:
        """Itself: a germ is real."""
        return self

    # Order: as for every small enough t > 0.

    @_binary
    def __lt__(self, other: Germ) -> bool:
        return self.compare(other) < 0

    @_binary
    def __le__(self, other: Germ) -> bool:
        return self.compare(other) <= 0

    @_binary
    def __gt__(self, other: Germ) -> bool:
        return self.compare(other) > 0

    @_binary
    def __ge__(self, other: Germ) -> bool:
        return self.compare(other) >= 0

    @_binary
    def __eq__(self, other: Germ) -> bool:
        return self.compare(other) == 0

    @_binary
    def __ne__(self, other: Germ) -> bool:
        return self.compare(other) != 0

    def compare(self, other: Germ) -> int:
        """Return the sign of self − other."""
        return 0 if self is other else (self - other).sign()

    def __bool__(self) -> bool:
        return self.sign() != 0

    # The ways out of exact arithmetic, all closed.

    def __float__(self) -> float:
        raise UnsupportedError(_leak("a float"))

    def __int__(self) -> int:
        raise UnsupportedError(_leak("an int"))

    def __index__(self) -> int:
        raise UnsupportedError(_leak("an index"))

    def __complex__(self) -> complex:
        raise UnsupportedError(_leak("a complex number"))


def _leak(what: str) -> str:
    return (
        f"the code turns an exact number into {what}, where exactness would be lost: leave out float(), "
        ".astype(float) and math.*, and make buffers with np.zeros_like or np.empty_like of an argument"
    )


def _moved(order: int, by: int) -> int:
    return EXACT if order == EXACT else order + by


def germ(number: Any) -> Germ:
    """Return a number that does not move: an int, a bool, or a float as the exact rational that it is."""
    return number if type(number) is Germ else Germ((real(number),))


def moving(start: Real, rate: Real) -> Germ:
    """Return start + rate·t."""
    return Germ((start, rate))


ZERO = Germ(())
