"""What an array-valued f returns, contracted with a fixed random cotangent to one number.

φ = Σ conj(c)·f(x) (its real part) is a scalar whose gradient a vjp claims; a jvp claims the same slope from the other
side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.claim import Claim
from gradcheck.claims.point import caller, point, title_of
from gradcheck.errors import ArgumentError
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class ArrayClaim(Claim):
    """A claim about an array- or tuple-valued function, judged through a random cotangent.

    Attributes
    ----------
    cotangents : list of array
        One for each output, of NumPy.

    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Any,
        names: Sequence[str] | None,
        kwargs: Mapping[str, Any],
        seed: int,
    ) -> None:
        self.user = function
        self.title = title_of(function)
        self.kwargs = kwargs
        self.seed = seed
        self.tree, self.leaves = point(arguments, function, names)
        self.names = self.tree.names
        self.call = caller(function, self.tree, kwargs)
        first = self.call(self.leaves)
        self.several = isinstance(first, tuple | list | dict)
        self.out = outputs(first, function)
        self.cotangents = [cotangent(y, stream(seed, Purpose.COTANGENT, i)) for i, y in enumerate(self.out)]

    def outputs(self, leaves: Sequence[Any]) -> list[Any]:
        """Return every floating array that f returns."""
        return outputs(self.call(leaves), self.user)

    def function(self, leaves: Sequence[Any]) -> float:
        """Return f contracted with the cotangent."""
        return contract(self.outputs(leaves), self.cotangents, self.user)

    def output_dtype(self, leaves: Sequence[Any]) -> str:
        """Return the dtype name of f's first output."""
        return dtype_of(self.outputs(leaves)[0])

    def arguments(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments by position."""
        return self.tree.positional(leaves)

    def raw(self, leaves: Sequence[Any]) -> Any:
        """Return the contraction in the outputs' own library."""
        return contract_inside(self.outputs(leaves), self.cotangents)

    def apply(self, function: Callable[..., Any], given: Any, leaves: Sequence[Any]) -> Any:
        """Return function(given, *arguments), by name where the arguments are a dict."""
        if isinstance(self.tree.template, dict):
            return function(given, **self.tree.fill(leaves), **self.kwargs)
        return function(given, *self.tree.fill(leaves), **self.kwargs)


def outputs(result: Any, function: Any) -> list[Any]:
    """Return the floating arrays in what f returned, of which there must be one."""
    kept = floating(result)
    if not kept:
        raise ArgumentError(f"{title_of(function)} returned no floating array ({type(result).__name__})")
    return kept


def floating(result: Any) -> list[Any]:
    """Return the floating arrays and numbers in what a function returned."""
    parts = list(result) if isinstance(result, tuple | list) else [result]
    if isinstance(result, dict):
        parts = list(result.values())
    kept = [p for p in parts if arrays.is_floating(p) or isinstance(p, float)]
    return [np.asarray(p) if isinstance(p, float) and not isinstance(p, np.generic) else p for p in kept]


def cotangent(y: Any, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return a Gaussian cotangent like y, of few digits."""
    c = rng.standard_normal(arrays.shape_of(y))
    if arrays.is_complex(y):
        c = c + 1j * rng.standard_normal(arrays.shape_of(y))
    return _short(c.real) + 1j * _short(c.imag) if arrays.is_complex(y) else _short(c)


def _short(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round to seven bits, exact in every dtype down to bfloat16: f and vjp then meet the same cotangent."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(mantissa * 2**7) / 2**7, exponent))


def in_dtype(weights: Any, y: Any) -> Any:
    """Return `weights` in the library, dtype and device of y."""
    return arrays.like(np.asarray(weights), y)


def contract(outputs: Sequence[Any], cotangents: Sequence[Any], function: Any) -> float:
    """Return Re Σ conj(c)·y."""
    if len(outputs) != len(cotangents):
        raise ArgumentError(f"{title_of(function)} returned {len(outputs)} arrays here, and {len(cotangents)} before")
    total = 0.0
    for y, c in zip(outputs, cotangents, strict=True):
        values = arrays.to_numpy(y)
        if values.shape != c.shape:
            raise ArgumentError(
                f"{title_of(function)} returned shape {values.shape} at one point and {c.shape} at another"
            )
        total += float(np.sum((np.conj(c) * values).real))
    return total


def contract_inside(outputs: Sequence[Any], cotangents: Sequence[Any]) -> Any:
    """Return the contraction in the outputs' own library, so that an oracle can look inside."""
    total: Any = 0
    for y, c in zip(outputs, cotangents, strict=True):
        weights = np.conj(c) if y.dtype == object else arrays.like(np.conj(c), y)
        total = total + (weights * y).sum()
    return total.real if hasattr(total, "dtype") and "complex" in str(total.dtype) else total


def dtype_of(result: Any) -> str:
    """Return the dtype name of what a function returned."""
    return arrays.dtype_name(result) if arrays.is_array(result) else "float64"
