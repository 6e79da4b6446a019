"""What an array-valued f returns: its floating arrays, in the structure that their cotangents have too.

φ = Σ conj(c)·f(x) (its real part), with a fixed random c, is a scalar whose gradient a vjp claims; a jvp claims the
same slope from the other side.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.point import all_numbers, title_of
from gradcheck.claims.tree import a_kind, is_node, items
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PLAIN = (type(None), bool, int, float, complex, str, bytes)  # no derivative is asked of them


class OtherShape(Exception):  # noqa: N818  the edge of f's domain, which a step must not cross
    """f returned outputs of another shape or number than at the point."""


def _is_record(x: Any) -> bool:
    return dataclasses.is_dataclass(x) and not isinstance(x, type) and not arrays.is_array(x)


def _parts(x: Any) -> list[tuple[str, Any]]:
    if _is_record(x):
        return [(field.name, getattr(x, field.name)) for field in dataclasses.fields(x)]
    return items(x)


def named_arrays(result: Any, name: str = "output") -> Iterator[tuple[str, Any]]:
    """Yield the floating arrays and numbers in what a function returned, however nested, with their names."""
    if is_node(result) or _is_record(result):
        for key, part in _parts(result):
            yield from named_arrays(part, f"{name}.{key}")
    elif arrays.is_floating(result):
        yield name, result
    elif isinstance(result, float | complex):
        yield name, np.asarray(result)


def floating(result: Any) -> list[Any]:
    """Return the floating arrays and numbers in what a function returned, in order."""
    return [part for _, part in named_arrays(result)]


def outputs(result: Any, function: Any) -> list[Any]:
    """Return the floating arrays in what f returned, of which there must be one."""
    if isinstance(result, list) and all_numbers(result):
        raise ArgumentError(f"{title_of(function)} returned a list of numbers, wanted an array: np.asarray([...])")
    kept = floating(result)
    if not kept:
        more = ": return a tuple of arrays" if hasattr(result, "__next__") else ""
        raise ArgumentError(f"{title_of(function)} returned no floating array ({type(result).__name__}){more}")
    return kept


def numbers_as_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose list of numbers comes as an array, as SciPy's solvers take it."""

    def converted(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if not (isinstance(result, list) and all_numbers(result)):
            return result
        return arrays.of_numbers(result)

    converted.__name__ = title_of(function)
    converted.__wrapped__ = function  # type: ignore[attr-defined]  # where signatures are read from
    return converted


def passed_over(result: Any, name: str = "output") -> Iterator[str]:
    """Yield the names of those outputs that are neither arrays nor plain values: nothing is known of what they hold."""
    if is_node(result) or _is_record(result):
        for key, part in _parts(result):
            yield from passed_over(part, f"{name}.{key}")
    elif not (arrays.is_array(result) or isinstance(result, PLAIN)):
        yield f"{name}, {a_kind(result)}"


def structured(template: Any, leaves: Iterator[Any]) -> Any:
    """Return `leaves` in the structure of `template`, an output of f, without the parts that hold no floating array."""
    if _is_record(template):
        parts = {key: structured(part, leaves) if floating(part) else None for key, part in _parts(template)}
        return dataclasses.replace(template, **parts)
    if not is_node(template):
        return next(leaves)
    if isinstance(template, dict):
        return {key: structured(part, leaves) for key, part in template.items() if floating(part)}
    if hasattr(template, "_fields"):
        return type(template)(*[structured(part, leaves) if floating(part) else None for part in template])
    parts_of = [structured(part, leaves) for part in template if floating(part)]
    return parts_of if isinstance(template, list) else tuple(parts_of)


def structure_in_words(x: Any) -> str:
    """Return the structure of x in words: its nesting, and the shapes of its arrays."""
    if arrays.is_array(x):
        return f"array {arrays.shape_of(x)}"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{key!r}: {structure_in_words(part)}" for key, part in x.items()) + "}"
    if is_node(x):
        inside = ", ".join(map(structure_in_words, x))
        return f"[{inside}]" if isinstance(x, list) else f"({inside}{',' if len(x) == 1 else ''})"
    return type(x).__name__


def cotangent(y: Any, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return a Gaussian cotangent like y, of few digits; 0 where y is infinite: a mask, of which nothing is claimed."""
    c = rng.standard_normal(arrays.shape_of(y))
    if arrays.is_complex(y):
        c = c + 1j * rng.standard_normal(arrays.shape_of(y))
    short = _short(c.real) + 1j * _short(c.imag) if arrays.is_complex(y) else _short(c)
    masked = np.isinf(arrays.to_numpy(y))
    return np.where(masked, 0, short) if np.any(masked) and not np.all(masked) else short


def _short(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round to seven bits, exact in every dtype down to bfloat16: f and vjp then meet the same cotangent."""
    return arrays.of_unit(values, 2.0**-7)


def in_dtype(weights: Any, y: Any) -> Any:
    """Return `weights` in the library, dtype and device of y; conjugate in JAX, whose cotangents contract without."""
    values = np.asarray(weights)
    return arrays.like(np.conj(values) if arrays.library_of(y) == "jax" else values, y)


def contract(results: Sequence[Any], cotangents: Sequence[Any], function: Callable[..., Any]) -> float:
    """Return Re Σ conj(c)·y.

    Raises
    ------
    OtherShape
        If there are other outputs than cotangents.

    """
    if len(results) != len(cotangents):
        raise OtherShape(f"{title_of(function)} returned {len(results)} arrays here, and {len(cotangents)} before")
    total = 0.0
    for y, c in zip(results, cotangents, strict=True):
        values = arrays.to_numpy(y)
        if values.shape != c.shape:
            raise OtherShape(f"{title_of(function)} returned shape {values.shape} here, and {c.shape} at the point")
        terms = (np.conj(c) * values).real
        masked = np.isinf(values) & (c == 0)
        total += float(np.sum(np.where(masked, 0, terms) if np.any(masked) else terms))
    return total


def inside(result: Any) -> list[Any]:
    """Return the arrays in what f returned on numbers of an oracle's own: all parts that are no plain values."""
    if is_node(result) or _is_record(result):
        return [leaf for _, part in _parts(result) for leaf in inside(part)]
    if isinstance(result, float | complex):
        return [np.asarray(result)]
    if arrays.is_array(result):
        return [result] if arrays.is_floating(result) or arrays.dtype_name(result) == "object" else []
    return [] if isinstance(result, PLAIN) else [result]


def contract_inside(results: Sequence[Any], cotangents: Sequence[Any]) -> Any:
    """Return the contraction in the outputs' own library, so that an oracle can look inside."""
    total: Any = 0
    for y, c in zip(results, cotangents, strict=True):
        if not hasattr(y, "sum"):  # one number
            total = total + float(c) * y
            continue
        weights = arrays.like(np.conj(c), y) if arrays.is_floating(y) else np.conj(c)
        total = total + (weights * y).sum()
    return total.real if hasattr(total, "dtype") and "complex" in str(total.dtype) else total


def dtype_of(result: Any) -> str:
    """Return the dtype name of what a function returned."""
    return arrays.dtype_name(result) if arrays.is_array(result) else "float64"
