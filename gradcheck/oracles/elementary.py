"""exp, log, tanh, … of germs: rigorous Taylor series of balls, under NumPy's names.

The value comes from FLINT's own function of a ball, the higher coefficients from its power series
arithmetic. No derivative is written down here by hand (where FLINT has no series of a function, the
function is composed of those it has), so the judge does not repeat what it judges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck.errors import UnsupportedError
from gradcheck.oracles.balls import (
    Real,
    Undecided,
    arb,
    arb_series,
    fmpq,
    is_finite,
    most_terms,
    series,
    square_root,
)
from gradcheck.oracles.germs import BUILT_ON_GERMS, EXACT, ZERO, Germ, germ

if TYPE_CHECKING:
    from collections.abc import Callable


class Function(NamedTuple):
    """A function of a ball, and the same one of a power series with ball coefficients."""

    value: Callable[[arb], arb]
    series: Callable[[arb_series], arb_series]


def _sinh(x: arb_series) -> arb_series:
    return (x.exp() - (-x).exp()) / 2


def _cosh(x: arb_series) -> arb_series:
    return (x.exp() + (-x).exp()) / 2


_ONE, _TWO, _TEN = arb(1), arb(2), arb(10)

FUNCTIONS = {
    "exp": Function(arb.exp, lambda x: x.exp()),
    "exp2": Function(lambda x: _TWO**x, lambda x: (x * _TWO.log()).exp()),
    "expm1": Function(arb.expm1, lambda x: x.exp() - 1),
    "log": Function(arb.log, lambda x: x.log()),
    "log2": Function(lambda x: x.log() / _TWO.log(), lambda x: x.log() / _TWO.log()),
    "log10": Function(lambda x: x.log() / _TEN.log(), lambda x: x.log() / _TEN.log()),
    "log1p": Function(arb.log1p, lambda x: (1 + x).log()),
    "sin": Function(arb.sin, lambda x: x.sin()),
    "cos": Function(arb.cos, lambda x: x.cos()),
    "tan": Function(arb.tan, lambda x: x.tan()),
    "sinh": Function(arb.sinh, _sinh),
    "cosh": Function(arb.cosh, _cosh),
    "tanh": Function(arb.tanh, lambda x: _sinh(x) / _cosh(x)),
    "arcsin": Function(arb.asin, lambda x: x.asin()),
    "arccos": Function(arb.acos, lambda x: x.acos()),
    "arctan": Function(arb.atan, lambda x: x.atan()),
    "arcsinh": Function(arb.asinh, lambda x: (x + (1 + x * x).sqrt()).log()),
    "arccosh": Function(arb.acosh, lambda x: (x + (x * x - 1).sqrt()).log()),
    "arctanh": Function(arb.atanh, lambda x: ((1 + x) / (1 - x)).log() / 2),
    "erf": Function(arb.erf, lambda x: x.erf()),  # scipy.special.erf
    "erfc": Function(arb.erfc, lambda x: x.erfc()),  # scipy.special.erfc
    "expit": Function(lambda x: 1 / (1 + (-x).exp()), lambda x: 1 / (1 + (-x).exp())),  # scipy.special.expit
}


def apply(name: str, x: Germ) -> Germ:
    """Return the germ of the named function at a germ; raise `UnsupportedError` where it is not defined."""
    function = FUNCTIONS[name]
    start = arb(x.coefficient(0))
    if x.is_constant():
        terms: tuple[Real, ...] = (function.value(start),)
        order = EXACT
    else:
        order = min(x.order, most_terms())
        first, *others = series(x.terms, order, function.series)
        value = function.value(start)
        terms = (value if is_finite(value) else first, *others)
    if not all(is_finite(term) for term in terms):
        if not start.is_exact():
            raise Undecided("bits")
        raise UnsupportedError(
            f"np.{name} is taken at {start.str(10)}, where it is not defined or infinitely steep: "
            "move the point, or choose the entries before the function is applied"
        )
    return Germ(terms, order)


def square_root_of(x: Germ) -> Germ:
    """Return the square root, exact where it is rational; √(t²s) = t√s."""
    side = x.sign()
    if side == 0:
        return ZERO
    if side < 0:
        raise UnsupportedError("np.sqrt is taken of a negative number: f is not defined there")
    low = x.valuation()
    if low % 2:
        raise UnsupportedError("np.sqrt is taken of a number that leaves 0: f is infinitely steep there")
    rest = x.shift(-low)
    if rest.is_constant():
        return Germ((square_root(rest.terms[0]),)).shift(low // 2)
    order = min(rest.order, most_terms())
    terms = series(rest.terms, order, lambda s: s.sqrt())
    if not all(is_finite(term) for term in terms):
        raise Undecided("bits")
    return Germ((square_root(rest.terms[0]), *terms[1:]), order).shift(low // 2)


def power(base: Germ, exponent: Germ) -> Germ:
    """Return base ** exponent: products for a whole exponent, roots for halves, exp(b·log a) otherwise."""
    if not exponent.is_constant() or isinstance(exponent.coefficient(0), arb):
        return apply("exp", exponent * apply("log", base))
    rational = exponent.coefficient(0)
    assert isinstance(rational, fmpq)  # noqa: S101 - the type checker's: a ball went another way
    if rational < 0:
        return germ(1) / power(base, -exponent)
    if rational.q == 1:
        return _whole_power(base, int(rational.p))
    if rational.q == 2:
        return _whole_power(square_root_of(base), int(rational.p))
    return apply("exp", exponent * apply("log", base))


def _whole_power(base: Germ, count: int) -> Germ:
    """Square and multiply."""
    product = germ(1)
    while count:
        if count & 1:
            product = product * base
        base, count = base * base if count > 1 else base, count >> 1
    return product


def log_of_sum(one: Germ, other: Germ) -> Germ:
    """Return log(exp(one) + exp(other)), numpy.logaddexp: balls do not overflow."""
    return apply("log", apply("exp", one) + apply("exp", other))


def hypotenuse(one: Germ, other: Germ) -> Germ:
    """Return √(one² + other²), numpy.hypot."""
    return square_root_of(one * one + other * other)


def _method(name: str) -> Callable[[Germ], Germ]:
    return lambda x: apply(name, x)


UNARY: dict[str, Callable[[Germ], Germ]] = {name: _method(name) for name in FUNCTIONS}
UNARY["sqrt"] = square_root_of
BINARY: dict[str, Callable[[Germ, Any], Germ]] = {"logaddexp": log_of_sum, "hypot": hypotenuse}

BUILT_ON_GERMS["power"] = power

# np.exp of a plain object array calls the method exp of its entries.
for _name, _function in (UNARY | BINARY).items():
    setattr(Germ, _name, _function)
