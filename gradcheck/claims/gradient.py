"""The gradient of a scalar function: `gradient=`, or a function that returns loss and gradients together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims.claim import Claim, Given
from gradcheck.claims.outputs import dtype_of
from gradcheck.claims.point import argument_names, caller, point, title_of
from gradcheck.claims.returned import by_argument
from gradcheck.claims.tree import flat
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self


class GradientClaim(Claim, keyword="gradient"):
    """The claim that `gradient(*args)` is the gradient of the scalar `function(*args)`.

    Without `gradient`, `function` returns ``(loss, gradients)``. Arrays instead of a function are claimed at the point
    only.
    """

    def __init__(self, function: Callable[..., Any], gradient: Any, given: Given) -> None:
        if gradient is not None and not callable(gradient):
            self.at_point_only, arrays_given = True, gradient
            self.given_unit = max(
                (arrays.ROUNDOFF.get(arrays.dtype_name(g), 0.0) for g in filter(arrays.is_array, flat(gradient))),
                default=0.0,
            )
            gradient = lambda *_, **__: arrays_given  # noqa: E731  a claim is a function from here on
        self.title = title_of(function)
        self.tree, self.leaves = point(given.args, _named(function, gradient, given.args), given.names)
        self.names = self.tree.names
        self._kwargs = given.kwargs
        self._call = caller(function, self.tree, given.kwargs)
        self._gradient = None if gradient is None else caller(gradient, self.tree, given.kwargs)
        if gradient is None:
            outcome = self._call(self.leaves)
            if not (isinstance(outcome, tuple) and len(outcome) == 2):
                raise ArgumentError(
                    f"no gradient was passed and {self.title} returned {type(outcome).__name__}, wanted "
                    "(loss, gradients): pass gradient=, vjp=, jvp=, or inputs= for Torch's own backward"
                )

    def standing_for(self, smooth: Callable[..., Any]) -> Self:
        """Return the claim held against `smooth` instead of f."""
        call = caller(smooth, self.tree, self._kwargs)
        if self._gradient is None:
            both = self._call
            return self.with_(_call=call, _gradient=lambda leaves: both(leaves)[1])
        return self.with_(_call=call)

    def raw(self, leaves: Sequence[Any]) -> Any:
        """Return the loss as the user's library returns it."""
        result = self._call(leaves)
        return result[0] if self._gradient is None else result

    def function(self, leaves: Sequence[Any]) -> float:
        """Return the loss."""
        return arrays.scalar(self.raw(leaves), self.title)

    def claimed(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return the gradient of each leaf."""
        result = self._call(leaves)[1] if self._gradient is None else self._gradient(leaves)
        found = by_argument(result, self.tree)
        return tuple(map(_in_its_dtype, found, leaves)) if self.at_point_only else found

    def output_dtype(self, leaves: Sequence[Any]) -> str:
        """Return the dtype name of the loss."""
        return dtype_of(self.raw(leaves))

    def arguments(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments by position."""
        return self.tree.positional(leaves)


def _in_its_dtype(gradient: Any, x: Any) -> Any:
    """Return a given array in the dtype of its argument, which may have been promoted to float64."""
    name = arrays.dtype_name(x)
    same_kind = arrays.is_floating(gradient) and arrays.is_complex(gradient) == arrays.is_complex(x)
    return arrays.cast(gradient, name) if same_kind and arrays.dtype_name(gradient) != name else gradient


def _named(function: Callable[..., Any], gradient: Callable[..., Any] | None, arguments: Any) -> Callable[..., Any]:
    """Return the one of the two whose signature names the arguments: f, unless it takes ``*args``."""
    if gradient is None or not isinstance(arguments, tuple | list):
        return function
    count = len(arguments)
    return gradient if argument_names(function, count, None)[-1:] == (f"arg{count - 1}",) else function
