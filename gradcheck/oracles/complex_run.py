"""Runs a user's NumPy code on complex arrays: what goes in, what comes out, and what it rounds on the way."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import UnsupportedError
from gradcheck.oracles.complex_arrays import ROUNDED, ComplexArray, each, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def rounded(function: Callable[[list[Any]], Any], points: list[Any]) -> int:
    """Return the size of the largest array that the code rounds to whole numbers, or takes the sign of; 0 for none."""
    sizes = [0]
    token = ROUNDED.set(sizes)
    try:
        imaginary(function, points)
    finally:
        ROUNDED.reset(token)
    return max(sizes)


MAKERS = ("asarray", "array", "asanyarray", "ascontiguousarray")


@contextlib.contextmanager
def _arrays_taken() -> Iterator[None]:
    """Let `np.asarray(x)` and `np.array([c, -s])` of the code keep complex arrays, which NumPy does not ask of them."""
    kept = {name: getattr(np, name) for name in MAKERS}
    for name, original in kept.items():
        setattr(np, name, _taking(original))
    try:
        yield
    finally:
        for name, original in kept.items():
            setattr(np, name, original)


def _taking(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def made(x: Any, dtype: Any = None, *args: Any, **options: Any) -> Any:
        if not _holds_ours(x):
            return original(x, dtype, *args, **options)
        if dtype is not None and np.dtype(dtype) != np.float64:
            raise UnsupportedError(f"the code asks for {np.dtype(dtype)}: a complex step cannot follow")
        return ComplexArray(original(each(x, plain), np.complex128).copy())

    return made


def _holds_ours(x: Any) -> bool:
    return isinstance(x, ComplexArray) or (isinstance(x, list | tuple) and any(map(_holds_ours, x)))


def imaginary(function: Callable[[list[Any]], Any], points: list[Any]) -> float:
    """Return the imaginary part of function(points), NaN where a number is not finite.

    Raises
    ------
    UnsupportedError
        If the code cannot be followed: whatever it raises.

    """
    try:
        with np.errstate(all="ignore"), _arrays_taken():
            found = function([ComplexArray(z) for z in points])
    except UnsupportedError:
        raise
    except Exception as error:
        raise UnsupportedError(f"a complex step cannot follow the code ({type(error).__name__}: {error})") from error
    if not isinstance(found, ComplexArray) or found.size != 1:
        raise UnsupportedError("the code left the numbers that a complex step can follow")
    value = complex(found.z.reshape(())[()])
    return value.imag if np.isfinite(value) else float("nan")
