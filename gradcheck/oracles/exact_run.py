"""Runs user code on exact arrays; checks what goes in and what comes out: floats are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import ArgumentError, GradcheckError, UnsupportedError
from gradcheck.oracles.balls import Undecided
from gradcheck.oracles.exact_arrays import ExactArray, exact_array
from gradcheck.oracles.germs import Germ, germ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray


def real_array(array: Any, what: str) -> NDArray[Any]:
    """Return an argument or a direction as an array; refuse what is not real, finite and of NumPy."""
    if type(array).__module__.partition(".")[0] in {"torch", "jax", "jaxlib", "cupy", "tensorflow"}:
        raise UnsupportedError(
            f"{what} is a {type(array).__module__}.{type(array).__name__}, which has no exact arithmetic: "
            "write the function in NumPy for the exact oracle, or use gradcheck.check"
        )
    numbers = np.asarray(array)
    if numbers.dtype.kind not in "biuf":
        raise UnsupportedError(f"{what} has dtype {numbers.dtype}, but exact arithmetic is for real numbers")
    if not np.isfinite(numbers).all():
        raise ArgumentError(f"{what} holds NaN or infinite numbers, wanted finite ones")
    return numbers


def run(f: Callable[..., Any], args: Sequence[ExactArray]) -> Germ:
    """Return f(*args), one germ; raise `UnsupportedError` if it is no exact number."""
    returned = call(f, args)
    if isinstance(returned, np.ndarray):
        if returned.ndim:
            raise ArgumentError(f"f returned an array of shape {returned.shape}, wanted one number")
        returned = returned[()]
    if isinstance(returned, (float, np.floating)):
        raise UnsupportedError(
            f"f returned the {type(returned).__name__} {returned}, so some step left exact arithmetic: let "
            "every number that depends on the arguments be computed from them by NumPy"
        )
    return germ(returned)


def call(function: Callable[..., Any], args: Iterable[ExactArray]) -> Any:
    """Return function(*args) on copies of the args; raise `UnsupportedError` from whatever it raises."""
    try:
        return function(*(arg.copy() for arg in args))
    except (GradcheckError, Undecided):
        raise
    except Exception as reason:
        raise UnsupportedError(
            f"{getattr(function, '__name__', 'the function')} cannot run in exact arithmetic "
            f"({type(reason).__name__}: {reason}): use what docs/exact-arithmetic.md lists"
        ) from reason


def constant_terms(part: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the constant terms of one argument's gradient."""
    if isinstance(part, (float, np.floating)) or getattr(getattr(part, "dtype", None), "kind", "") == "f":
        raise UnsupportedError(
            "the gradient returned floats, so some step left exact arithmetic: make buffers with "
            "np.zeros_like of an argument and compute every number from the arguments"
        )
    germs = exact_array(part)
    if germs.shape != shape:
        raise ArgumentError(f"a part of the gradient has shape {germs.shape}, but its argument has {shape}")
    values = np.empty(germs.size, dtype=object)
    for i, entry in enumerate(germs.ravel()):
        values[i] = entry.coefficient(0)
    return values.reshape(shape)
