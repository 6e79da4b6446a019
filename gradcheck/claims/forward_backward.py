"""A forward that returns its cache, and the backward that takes it: `backward=`."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradcheck.claims.outputs import floating
from gradcheck.claims.point import caller, point, title_of, tree_names
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.claims.claim import Given


class ForwardBackwardClaim(VjpClaim, keyword="backward"):
    """The claim of a ``forward(*args) -> (out, cache)`` with ``backward(dout, cache) -> gradients``.

    With several outputs, ``(out, extra, cache)``, `backward` takes a cotangent for each, ``(dout, dextra, cache)``, or
    a tuple of them.
    """

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any], given: Given) -> None:
        tree, leaves = point(given.args, forward, given.names)
        first = _with_cache(caller(forward, tree, given.kwargs)(leaves), forward)
        alone = len(first) == 2
        spread = None if alone else _spread(backward, first[:-1])

        def output(*args: Any, **named: Any) -> Any:
            result = _with_cache(forward(*args, **named), forward)
            return result[0] if alone else result[:-1]

        def pulled(cotangent: Any, *args: Any, **named: Any) -> Any:
            cache = _with_cache(forward(*args, **named), forward)[-1]
            if not spread:
                return backward(cotangent, cache)
            parts = iter(cotangent)
            return backward(*[next(parts) if has else None for has in spread], cache)

        output.__name__ = title_of(forward)
        super().__init__(output, pulled, replace(given, names=tree_names(tree, given.names)))


def _with_cache(result: Any, forward: Callable[..., Any]) -> tuple[Any, ...]:
    """Return what the forward pass returned, which ends in a cache."""
    if not (isinstance(result, tuple) and len(result) >= 2):
        raise ArgumentError(
            f"{title_of(forward)} returned {type(result).__name__}, wanted (out, cache) since backward= was passed"
        )
    return result


def _spread(backward: Callable[..., Any], outs: Sequence[Any]) -> list[bool] | None:
    """Return which of the outputs that `backward` has a parameter for have a cotangent; None if it takes one tuple."""
    floats = [bool(floating(y)) for y in outs]
    try:
        parameters = inspect.signature(backward).parameters.values()
    except (TypeError, ValueError):
        return floats
    positional = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    if positional == 2:
        return None
    return floats if positional == len(floats) + 1 else [has for has in floats if has]
