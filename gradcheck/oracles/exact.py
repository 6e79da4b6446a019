"""The exact oracle: slopes and gradients of the user's own NumPy code, without rounding and without a step.

The code runs unchanged on arrays of germs (see `germs`): floats enter as the rationals that they are and
the point moves by t·direction with an infinitesimal t > 0, then by −t·direction. The coefficient of t is
the one-sided slope: an exact rational where the code does + − × ÷ and comparisons, a ball that holds the
true slope where it calls exp or tanh. Bits, and terms of the germs, are raised until every comparison is
decided and every ball tight.

Why not a step such as 2^-300, taken in plain rationals? It was tried first. Its quotient is off by a
term of the size of the step, so a claim is never *equal* to it, and balls would need a bound of the
second derivative besides. Nor is it quicker: FLINT multiplies the matrices of each term of the germs at
once, so that on the 64-1000-100-10 network a loss takes 0.2 s with germs, where x @ w1 alone takes 5 s
on object arrays of rationals with a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.oracles.balls import Real, Undecided, agree, fmpq, middle, nearest, radius, real, sign, working
from gradcheck.oracles.exact_arrays import ExactArray, exact_array
from gradcheck.oracles.exact_run import call, constant_terms, real_array, run
from gradcheck.oracles.germs import moving
from gradcheck.oracles.tightness import guaranteed_digits, is_tight, round_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["ExactPoint", "ExactSlope", "exact_gradient", "exact_slope"]

FEWEST_BITS, MOST_BITS = 128, 2**14
FEWEST_TERMS, MOST_TERMS = (
    2,
    32,
)  # value and slope; where 32 terms tie, more would too

T = TypeVar("T")


@dataclass(frozen=True)
class ExactSlope:
    """What f does along a direction at a point.

    Attributes
    ----------
    value : fmpq or arb
        f at the point.
    left, right : fmpq or arb
        Its slopes as t → 0− and t → 0+: exact rationals, or balls that hold the true slope.

    """

    value: Real
    left: Real
    right: Real

    @property
    def height(self) -> float:
        """The value as the float next to it."""
        return nearest(self.value)

    @property
    def rational(self) -> bool:
        """Whether both slopes are exact rationals."""
        return isinstance(self.left, fmpq) and isinstance(self.right, fmpq)

    @property
    def smooth(self) -> bool:
        """Whether left and right are equal (rational), or no different within their bound (balls)."""
        return agree(self.left, self.right)

    @property
    def bound(self) -> float:
        """Guaranteed bound of the error of the middles of left and right; 0 for rationals."""
        return round_up(max(radius(self.left), radius(self.right)))

    @property
    def digits(self) -> float:
        """Guaranteed significant decimal digits of left and right; infinite for rationals."""
        return min(guaranteed_digits(self.left), guaranteed_digits(self.right))

    def rounded(self) -> tuple[float, float, float]:
        """Return (left, right, bound) as floats; the bound holds for both, rounding included."""
        left, right = nearest(self.left), nearest(self.right)
        if not math.isfinite(left - right):
            return left, right, math.inf
        errors = [abs(middle(s) - Fraction(r)) + radius(s) for s, r in ((self.left, left), (self.right, right))]
        return left, right, round_up(max(errors))


class ExactPoint:
    """A point whose numbers are exact, at which functions and gradients are run.

    Parameters
    ----------
    args : sequence of array_like of real numbers
        The arguments, as passed to the function. Floats are the rationals that they are.
    digits : int
        Significant decimal digits that a ball must guarantee.

    Raises
    ------
    ArgumentError
        If an argument holds NaN or infinite numbers.
    UnsupportedError
        If an argument is not a NumPy array of real numbers (a Torch tensor, a complex array).

    """

    def __init__(self, args: Sequence[ArrayLike], *, digits: int = 30) -> None:
        self.floats = tuple(real_array(array, f"argument {i}") for i, array in enumerate(args))
        self.args = tuple(exact_array(array) for array in self.floats)
        self.digits = digits

    def value(self, f: Callable[..., Any]) -> Real:
        """Return f at the point, tight or not."""
        return self._refined(lambda: run(f, self.args).coefficient(0), lambda _: True)

    def slope(self, f: Callable[..., Any], directions: Sequence[ArrayLike]) -> ExactSlope:
        """Return the one-sided slopes of f along a direction; see `exact_slope`."""
        return self._refined(lambda: self._slope(f, directions), self._is_tight)

    def gradient(
        self, gradient: Callable[..., Any], towards: Sequence[ArrayLike] | None = None
    ) -> tuple[NDArray[Any] | None, ...]:
        """Return what the gradient code gives at, or just beside, the point; see `exact_gradient`."""

        def compute() -> tuple[NDArray[Any] | None, ...]:
            args = self.args if towards is None else self.moved(towards)
            returned = call(gradient, args)
            parts = returned if isinstance(returned, (tuple, list)) else (returned,)
            if len(parts) != len(args):
                raise ArgumentError(f"the gradient has {len(parts)} parts, wanted one per argument: {len(args)}")
            pairs = zip(parts, args, strict=True)
            return tuple(None if part is None else constant_terms(part, arg.shape) for part, arg in pairs)

        return self._refined(compute, lambda parts: all(p is None or self._is_tight_array(p) for p in parts))

    def values_and_rates(
        self, variable: Callable[..., Sequence[Any]], directions: Sequence[ArrayLike]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the entries of the arrays that `variable` returns, and their rates along a direction, as floats.

        An entry is 0 if and only if it is exactly 0.
        """

        def compute() -> list[tuple[Real, Real]]:
            found = []
            for part in call(variable, self.moved(directions)):
                for entry in exact_array(part).ravel():
                    value = entry.coefficient(0)
                    sign(value)  # asks for more bits where a ball holds 0
                    found.append((value, entry.coefficient(1)))
            return found

        pairs = self._refined(compute, lambda _: True)
        values, rates = ([nearest(number) for number in side] for side in zip(*pairs, strict=True))
        return np.array(values), np.array(rates)

    def moved(self, directions: Sequence[ArrayLike], side: int = 1) -> tuple[ExactArray, ...]:
        """Return args + side·t·directions as germs."""
        if len(directions) != len(self.args):
            raise ArgumentError(f"{len(directions)} directions were passed, wanted one per argument: {len(self.args)}")
        return tuple(_move(arg, direction, side) for arg, direction in zip(self.args, directions, strict=True))

    def _slope(self, f: Callable[..., Any], directions: Sequence[ArrayLike]) -> ExactSlope:
        value = run(f, self.args).coefficient(0)
        right = run(f, self.moved(directions))
        left = run(f, self.moved(directions, -1))
        for limit in (left.coefficient(0), right.coefficient(0)):
            if not agree(limit, value):
                raise ArgumentError(
                    f"f jumps at the point: it is {nearest(value):.6g} there and tends to "
                    f"{nearest(limit):.6g} beside it, so it has no slope; move the point"
                )
        return ExactSlope(value, -left.coefficient(1), right.coefficient(1))

    def _refined(self, compute: Callable[[], T], tight: Callable[[T], bool]) -> T:
        """Compute with more bits and terms until nothing is undecided and the balls are tight."""
        bits, terms = FEWEST_BITS, FEWEST_TERMS
        while bits <= MOST_BITS and terms <= MOST_TERMS:
            try:
                with working(bits=bits, terms=terms):
                    result = compute()
                    if tight(result):
                        return result
                    bits *= 2
            except Undecided as needed:
                bits, terms = (bits * 2, terms) if needed.what == "bits" else (bits, terms * 2)
        raise UnsupportedError(
            f"two numbers that the code compares, or a result, could not be told apart with {MOST_BITS} "
            f"bits and {MOST_TERMS} terms: most likely they are equal but irrational; move the point"
        )

    def _is_tight(self, slope: ExactSlope) -> bool:
        scale = abs(middle(slope.value))
        return all(is_tight(side, self.digits, scale) for side in (slope.left, slope.right))

    def _is_tight_array(self, part: NDArray[Any]) -> bool:
        balls = [entry for entry in part.ravel() if not isinstance(entry, fmpq)]
        scale = max((abs(middle(ball)) for ball in balls), default=Fraction(0))
        return all(is_tight(ball, self.digits, scale) for ball in balls)


def exact_slope(
    f: Callable[..., Any], args: Sequence[ArrayLike], directions: Sequence[ArrayLike], *, digits: int = 30
) -> ExactSlope:
    """Return the exact one-sided slopes of f along a direction: d f(args + t·directions)/dt as t → 0±.

    Parameters
    ----------
    f : callable
        The user's own NumPy code, unchanged: maps the arguments to one number.
    args, directions : sequence of array_like of real numbers
        One of each per argument, of equal shapes.
    digits : int
        Significant decimal digits that a ball must guarantee. A slope that no ball tells from 0 is returned
        once its bound is below 10^(−2·digits)·|f|.

    Raises
    ------
    ArgumentError
        If an argument does not fit or is not finite, f is not scalar, or f jumps at the point.
    UnsupportedError
        If the code leaves exact arithmetic (floats, LAPACK, Torch), divides by 0, or is infinitely steep.

    Examples
    --------
    >>> slope = exact_slope(lambda x: np.maximum(x, 0).sum(), [np.array([0.0, 0.1])], [np.array([3.0, 1.0])])
    >>> slope.left, slope.right
    (1, 4)

    """
    return ExactPoint(args, digits=digits).slope(f, directions)


def exact_gradient(
    gradient: Callable[..., Any],
    args: Sequence[ArrayLike],
    *,
    towards: Sequence[ArrayLike] | None = None,
    digits: int = 30,
) -> tuple[NDArray[Any] | None, ...]:
    """Return what the gradient code gives in exact arithmetic: object arrays of rationals or balls.

    Parameters
    ----------
    gradient : callable
        The user's own NumPy code, unchanged: maps the arguments to one array per argument, of its shape (None where
        nothing is claimed).
    args : sequence of array_like of real numbers
        The point.
    towards : sequence of array_like, optional
        A direction: return the limit of gradient(args + t·towards) as t → 0+ instead. At a kink of f this is
        the gradient just beside it, an element of the Clarke subdifferential if the formula is right.
    digits : int
        Significant decimal digits that a ball must guarantee; an entry that no ball tells from 0 is returned
        once its bound is below 10^(−2·digits) of the largest one.

    Raises
    ------
    ArgumentError, UnsupportedError
        As `exact_slope`.

    """
    return ExactPoint(args, digits=digits).gradient(gradient, towards)


def _move(arg: ExactArray, direction: ArrayLike, side: int) -> ExactArray:
    rates = real_array(direction, "a direction")
    if rates.shape != arg.shape:
        raise ArgumentError(f"a direction has shape {rates.shape}, but its argument has {arg.shape}")
    entries = np.array(arg, dtype=object, copy=True).reshape(-1)
    flat = rates.ravel()  # not rates.flat, which ends at 32 dimensions
    for i in np.flatnonzero(flat):
        entries[i] = moving(entries[i].coefficient(0), side * real(flat[i]))
    return entries.reshape(arg.shape).view(ExactArray)
