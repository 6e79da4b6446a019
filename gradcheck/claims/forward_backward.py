"""A forward that returns its cache, and the backward that takes it: `backward=`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck.claims.point import caller, point, title_of, tree_names
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcheck.claims.claim import Claim, Given


class ForwardBackwardClaim(VjpClaim, keyword="backward"):
    """The claim of a ``forward(*args) -> (out, cache)`` with ``backward(dout, cache) -> gradients``."""

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        arguments: Any,
        names: Sequence[str] | None,
        kwargs: Mapping[str, Any],
        seed: int,
    ) -> None:
        tree, leaves = point(arguments, forward, names)
        first = caller(forward, tree, kwargs)(leaves)
        if not (isinstance(first, tuple) and len(first) == 2):
            raise ArgumentError(
                f"{title_of(forward)} returned {type(first).__name__}, wanted (out, cache) since backward= was passed"
            )

        def output(*args: Any, **named: Any) -> Any:
            return forward(*args, **named)[0]

        def pulled(cotangent: Any, *args: Any, **named: Any) -> Any:
            _, cache = forward(*args, **named)
            return backward(cotangent, cache)

        output.__name__ = title_of(forward)
        super().__init__(output, pulled, arguments, tree_names(tree, names), kwargs, seed)

    @classmethod
    def read(cls, function: Callable[..., Any], value: Any, given: Given) -> Claim:
        """Return the claim of `check(function, backward=value, args=args)`."""
        return cls(function, value, given.args, given.names, given.kwargs, given.seed)
