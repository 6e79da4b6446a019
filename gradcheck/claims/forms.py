"""Which claim is made: the one form among those that are registered, read from what `check` was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims.adjoint import AdjointClaim
from gradcheck.claims.backward_asked import Terms
from gradcheck.claims.claim import Claim, Given
from gradcheck.claims.forward_backward import ForwardBackwardClaim
from gradcheck.claims.gauss_newton import with_residuals, without_residuals
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.habits import as_meant
from gradcheck.claims.hessian import HessianClaim, HesspClaim
from gradcheck.claims.jacobian import JacobianClaim, MatrixClaim
from gradcheck.claims.jvp import JvpClaim
from gradcheck.claims.pattern import PatternClaim
from gradcheck.claims.point import synchronous
from gradcheck.claims.retraction import SECOND, retracted
from gradcheck.claims.torch_backward import TorchClaim
from gradcheck.claims.tree import a_kind, flat
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# Importing a form registers it.
FORMS = (
    *(GradientClaim, VjpClaim, JvpClaim, AdjointClaim, JacobianClaim, HessianClaim, HesspClaim),
    *(ForwardBackwardClaim, TorchClaim),
)
VALUES = ("inputs", "jac", "gradient", "hess")  # keywords that take more than functions
POINT = "args is missing: pass the point as a tuple of arrays, check(f, gradient, (w1, w2))"


def read_claim(
    function: Callable[..., Any],
    args: Any = None,
    *,
    names: Sequence[str] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
    oracle: str | None = None,
    order: int = 1,
    only: Sequence[str] | None = None,
    sparsity: Any = None,
    residuals: Callable[..., Any] | None = None,
    terms: Terms | None = None,
    **given: Any,
) -> Claim:
    """Return the claim of the one form in `given` that is not None; that of a function alone, if none is.

    Parameters
    ----------
    function : callable
        f.
    args : tuple, list or dict
        The point.
    names, kwargs, seed, oracle, order, only, sparsity, residuals, terms
        As `check` takes them.
    **given
        The value of each form's keyword.

    Raises
    ------
    ArgumentError
        If there are several forms, or what one was given is none.

    """
    beside = given.pop("gradient", None) if any(given.get(keyword) is not None for keyword in SECOND) else None
    function, args, given = as_meant(function, args, given)
    present = [keyword for keyword, value in given.items() if value is not None]
    if not callable(function):
        raise ArgumentError(f"f is a {type(function).__name__}, wanted a function")
    if len(present) > 1:
        raise ArgumentError(f"{' and '.join(f'{p}=' for p in present)} were passed, wanted one form of claim")
    synchronous({"f": function, **given})
    keyword = present[0] if present else "gradient"
    value = given.get(keyword)
    if present and keyword not in VALUES and not callable(value):
        raise ArgumentError(f"{keyword} is a {type(value).__name__}, wanted a function")
    if keyword == "gradient" and present and not callable(value):
        _given_as_arrays(value, args)
    if keyword != "inputs":
        _of_arguments(args, order)
    elif oracle == "autograd":
        raise ArgumentError(
            "oracle='autograd' would judge the backward of inputs= by itself: use oracle='finite differences'"
        )
    if sparsity is not None and keyword != "jac" and (present or beside is not None):
        raise ArgumentError("sparsity= is the pattern of a Jacobian: pass it with jac=, or alone")
    inputs = {"order": order, "terms": _terms(terms, keyword, order)}
    own: dict[str, dict[str, Any]] = {"inputs": inputs, "jac": {"sparsity": sparsity}}
    options = own.get(keyword, {"gradient": beside} if keyword in SECOND else {})
    point = Given(args, names, dict(kwargs or {}), seed, options)
    if sparsity is not None and not present:
        return PatternClaim.read(function, sparsity, point)
    if residuals is not None and keyword in SECOND:
        claim = with_residuals(keyword, function, value, point, residuals)
    else:
        claim = Claim.forms[keyword].read(function, value, point)
    return claim if only is None else claim.with_(tree=claim.tree.restricted(only))


def _of_arguments(args: Any, order: int) -> None:
    """Raise ArgumentError where a form other than inputs= lacks its point, or is given what belongs to that."""
    if order == 2:
        raise ArgumentError(f"order={order}, wanted 1, or 2 together with inputs= (Torch's double backward)")
    if args is None:
        raise ArgumentError(POINT)


def _given_as_arrays(value: Any, args: Any) -> None:
    """Raise ArgumentError unless the gradient's place holds a gradient, and there is a point."""
    if args is None or callable(args) or not _is_gradient(value):
        matrix = ", or check(f, jac=J, args=(x,)) for a matrix" if arrays.is_array(value) else ""
        raise ArgumentError(
            f"gradient is {a_kind(value)}, wanted a function: did you mean check(f, gradient, args){matrix}?"
        )


def _terms(terms: Terms | None, keyword: str, order: int) -> Terms:
    """Return what a backward is asked to owe; terms that are not the usual ones are for Torch's own backward."""
    if terms is not None and terms.asked and (keyword != "inputs" or order == 2):
        raise ArgumentError(
            f"{terms.asked}= is asked of a backward pass of Torch: pass it together with inputs=, order=1"
        )
    return terms or Terms()


def _is_gradient(value: Any) -> bool:
    """Tell whether a value may be a gradient given as arrays."""
    return any(arrays.is_array(part) or isinstance(part, float) for part in flat(value))


def read_claims(
    function: Callable[..., Any],
    args: Any = None,
    *,
    retract: Mapping[str, Any] | None = None,
    approximate: str | None = None,
    **given: Any,
) -> Iterator[Claim]:
    """Yield every claim that is made: a gradient, then its Hessian and products with it; see `read_claim`."""
    seconds = [keyword for keyword in SECOND if given.get(keyword) is not None]
    _meant(approximate, given.get("residuals"), seconds)
    gradient = given.get("gradient")
    if retract:
        function, args, given, gradient = _in_coordinates(function, args, given, retract)
    first = {key: value for key, value in given.items() if key not in SECOND}
    if not seconds:
        yield read_claim(function, args, **first)
        return
    whole: list[Claim] = []
    if (own := given.get("gradient")) is not None:
        pair = given.get("hess") is True and callable(own)
        whole.append(read_claim(function, args, **first | {"gradient": _first_of(own) if pair else own}))
    later = (
        read_claim(function, args, **first | {"gradient": gradient}, **{keyword: given[keyword]}) for keyword in seconds
    )
    if approximate is not None and given.get("residuals") is None and whole:
        yield without_residuals(whole[0], [claim for claim in later if isinstance(claim, MatrixClaim)])
        return
    yield from whole
    yield from later


def _in_coordinates(
    function: Callable[..., Any], args: Any, given: Mapping[str, Any], retract: Mapping[str, Any]
) -> tuple[Callable[..., Any], Any, dict[str, Any], Any]:
    """Return function, args and what is given in tangent coordinates, and the gradient whose Jacobian is a Hessian."""
    claims = {key: value for key, value in given.items() if key in (*Claim.forms, "residuals")}
    function, args, read = as_meant(function, args, claims)
    claims = dict.fromkeys(claims) | read
    function, args, claims, names = retracted(function, args, claims, given.get("names"), retract)
    carried = claims.pop("carried", claims.get("gradient"))
    return function, args, {**given, **claims, "names": names}, carried


def _meant(approximate: str | None, residuals: Any, seconds: Sequence[str]) -> None:
    """Raise ArgumentError where an approximation is not said of anything."""
    if approximate is not None and not seconds:
        raise ArgumentError("approximate= is said of a Hessian: pass it together with hess= or hessp=")
    if approximate is None and residuals is not None:
        raise ArgumentError("residuals= tell what JᵀJ is: pass them together with approximate='gauss-newton'")


def _first_of(pair: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: pair(*args, **kwargs)[0]
