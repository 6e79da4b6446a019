"""Which claim is made: the one form among those that are registered, read from what `check` was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck.claims.claim import Claim, Given
from gradcheck.claims.forward_backward import ForwardBackwardClaim
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.jvp import JvpClaim
from gradcheck.claims.torch_backward import TorchClaim
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Importing a form registers it.
FORMS = (GradientClaim, VjpClaim, JvpClaim, ForwardBackwardClaim, TorchClaim)
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
    **given: Any,
) -> Claim:
    """Return the claim of the one form in `given` that is not None; that of a function alone, if none is.

    Parameters
    ----------
    function : callable
        f.
    args : tuple, list or dict
        The point.
    names, kwargs, seed, oracle, order, only
        As `check` takes them.
    **given
        The value of each form's keyword.

    Raises
    ------
    ArgumentError
        If there are several forms, or what one was given is none.

    """
    present = [keyword for keyword, value in given.items() if value is not None]
    if not callable(function):
        raise ArgumentError(f"f is a {type(function).__name__}, wanted a function")
    if len(present) > 1:
        raise ArgumentError(f"{' and '.join(f'{p}=' for p in present)} were passed, wanted one form of claim")
    keyword = present[0] if present else "gradient"
    value = given.get(keyword)
    if present and keyword != "inputs" and not callable(value):
        hint = ": did you mean check(f, gradient, args)?" if keyword == "gradient" else ""
        raise ArgumentError(f"{keyword} is a {type(value).__name__}, wanted a function{hint}")
    if order not in (1, 2) or (order == 2 and keyword != "inputs"):
        raise ArgumentError(f"order={order}, wanted 1, or 2 together with inputs= (Torch's double backward)")
    if keyword == "inputs" and oracle == "autograd":
        raise ArgumentError(
            "oracle='autograd' would judge the backward of inputs= by itself: use oracle='finite differences'"
        )
    if args is None and keyword != "inputs":
        raise ArgumentError(POINT)
    options = {"order": order} if keyword == "inputs" else {}
    claim = Claim.forms[keyword].read(function, value, Given(args, names, dict(kwargs or {}), seed, options))
    return claim if only is None else claim.with_(tree=claim.tree.restricted(only))
