"""Which directions an argument allows: the caller's `tangent=` functions, held to what they owe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import ArgumentError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


def tangents(given: Mapping[str, Callable[[Any], Any]], judged: Sequence[str]) -> dict[str, Callable[[Any], Any]]:
    """Return the functions of `tangent=` by name, each of which checks what it returns.

    Raises
    ------
    ArgumentError
        If a name is none of the judged arguments'; when called, if a function raises, or returns something of another
        shape, zero, or not finite.

    """
    for name in given:
        if name not in judged:
            raise ArgumentError(f"tangent= names {name!r}, which is no judged argument: there are {', '.join(judged)}")
    return {name: _checked(function, name) for name, function in given.items()}


def _checked(function: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    def tangent(v: NDArray[Any]) -> NDArray[Any]:
        try:
            returned = function(v)
            allowed = np.asarray(returned)
        except Exception as error:
            raise ArgumentError(f"the tangent= of {name} raised {type(error).__name__}: {error}") from error
        if allowed.dtype.kind not in ("fiuc" if np.iscomplexobj(v) else "fiu"):
            raise ArgumentError(f"the tangent= of {name} returned {shown(returned)}, wanted an array of {v.dtype}")
        allowed = allowed.astype(v.dtype)
        if allowed.shape != v.shape:
            raise ArgumentError(f"the tangent= of {name} returned shape {allowed.shape}, wanted {v.shape}, as given")
        if not np.all(np.isfinite(allowed)):
            raise ArgumentError(f"the tangent= of {name} returned a number that is not finite")
        if v.size and not np.any(allowed):
            raise ArgumentError(f"the tangent= of {name} returned zero: no direction is left to check along")
        return allowed

    return tangent
