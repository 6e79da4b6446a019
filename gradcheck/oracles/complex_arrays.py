"""NumPy code continued to complex numbers, so that a step along the imaginary axis can be taken.

A `ComplexArray` stands for an array of real numbers x and carries x + i·h·x′, h so small that its square is nothing. It
is no
`ndarray`: what NumPy hands to it is either analytic and computed on complex numbers, or has a real meaning that is
continued (|x| is x or −x, a comparison looks at the real parts, a conjugate is x), or is refused. So no derivative is
lost in silence, as it is where complex numbers are passed to code that was written for real ones.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcheck.errors import UnsupportedError
from gradcheck.oracles.complex_functions import (
    ANALYTIC,
    COMPARISONS,
    CONTINUED,
    FUNCTIONS,
    LINEAR_ALGEBRA,
    ORDERED,
    STEPS,
    log_sum_exp,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class ComplexArray(NDArrayOperatorsMixin):
    """An array of real numbers with an imaginary part that is infinitely small."""

    __slots__ = ("z",)
    __array_priority__ = 1000

    def __init__(self, z: Any) -> None:
        self.z = np.asarray(z, dtype=np.complex128)

    # What is asked of an array that is handed about

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102  as of an ndarray, here and below
        return self.z.shape

    @property
    def ndim(self) -> int:  # noqa: D102
        return self.z.ndim

    @property
    def size(self) -> int:  # noqa: D102
        return self.z.size

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return np.dtype(np.float64)

    @property
    def T(self) -> ComplexArray:  # noqa: D102, N802
        return ComplexArray(self.z.T)

    @property
    def real(self) -> ComplexArray:  # noqa: D102
        return self

    def __len__(self) -> int:
        return len(self.z)

    def __iter__(self) -> Any:
        return (ComplexArray(part) for part in self.z)

    def __getitem__(self, key: Any) -> ComplexArray:
        return ComplexArray(self.z[_real(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.z[_real(key)] = plain(value)

    def __bool__(self) -> bool:
        return bool(self.z.real)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UnsupportedError("the code makes a plain array of its argument: a complex step cannot follow")

    __float__ = __int__ = __index__ = __complex__ = __array__

    def astype(self, dtype: Any, **_: Any) -> ComplexArray:
        """Return itself for float64; refuse less."""
        if np.dtype(dtype) != np.float64:
            raise UnsupportedError(f"the code casts its argument to {np.dtype(dtype)}: a complex step cannot follow")
        return ComplexArray(self.z.copy())

    def __getattr__(self, name: str) -> Any:
        """Return a method of arrays: sum, reshape, max and the like."""
        function = getattr(np, {"conj": "conjugate"}.get(name, name), None)
        if name.startswith("_") or not hasattr(np.ndarray, name) or function is None:
            raise AttributeError(name)
        if name in ("reshape", "transpose"):
            return lambda *a, **k: ComplexArray(getattr(self.z, name)(*a, **k))
        return lambda *args, **kwargs: function(self, *args, **kwargs)

    def flatten(self) -> ComplexArray:
        """Return a flat copy."""
        return ComplexArray(self.z.flatten())

    # What NumPy hands over

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        name = ufunc.__name__
        if out is not None:
            if method != "__call__" or not isinstance(out[0], ComplexArray):
                raise UnsupportedError("the code writes into a plain array: a complex step cannot follow")
            out[0].z[...] = plain(ufunc(*inputs, **options))
            return out[0]
        if name in STEPS:
            _round_noted(inputs)
        if name in COMPARISONS or (name in STEPS and method == "__call__"):
            found = getattr(ufunc, method)(*(_real(x) for x in inputs), **options)
            return ComplexArray(found) if name in STEPS else found
        if name in CONTINUED and method == "__call__" and not options:
            return ComplexArray(CONTINUED[name](*(plain(x) for x in inputs)))
        if name in ("maximum", "minimum") and method == "reduce":
            return (np.max if name == "maximum" else np.min)(*inputs, **options)
        if name == "logaddexp" and method == "reduce":
            return ComplexArray(log_sum_exp(*(plain(x) for x in inputs), **options))
        if name in ANALYTIC:
            if options.get("dtype") is not None:
                raise UnsupportedError("the code asks for a dtype: a complex step cannot follow")
            return _wrapped(getattr(ufunc, method)(*(plain(x) for x in inputs), **options))
        raise UnsupportedError(f"np.{name} is not known to a complex step")

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        name, module = func.__name__, func.__module__
        if name in SPECIAL:
            return SPECIAL[name](*args, **kwargs)
        if module == "numpy.linalg":
            if name not in LINEAR_ALGEBRA:
                raise UnsupportedError(f"np.linalg.{name} is not known to a complex step")
        elif name in ("shape", "ndim", "size", "argmax", "argmin", "argsort", "zeros_like", "ones_like", "empty_like"):
            found = func(*each(args, _real), **{k: each(v, _real) for k, v in kwargs.items()})
            return ComplexArray(found) if name.endswith("_like") and np.asarray(found).dtype.kind == "f" else found
        elif name not in FUNCTIONS | ORDERED:
            raise UnsupportedError(f"np.{name} is not known to a complex step")
        if any(isinstance(x, np.dtype | type) for x in args) or not {"dtype", "out"}.isdisjoint(kwargs):
            raise UnsupportedError("the code asks for a dtype, or writes into an array: a complex step cannot follow")
        if name in ("insert", "pad") and args:  # what is written into the first would lose its imaginary part
            args = (ComplexArray(plain(args[0])), *args[1:])
        return _wrapped(func(*each(args, plain), **{k: each(v, plain) for k, v in kwargs.items()}))


def _variance(a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, **_: Any) -> Any:
    centred = a - np.mean(a, axis=axis, keepdims=True)
    count = np.sum(np.ones(np.shape(a)), axis=axis, keepdims=keepdims) - ddof
    return np.sum(centred * centred, axis=axis, keepdims=keepdims) / count


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002  NumPy's name
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and np.ndim(x) != 1):
        raise UnsupportedError(f"np.linalg.norm of order {ord} is not known to a complex step")
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **_: Any) -> Any:
    a = a if a_min is None else np.maximum(a, a_min)
    return a if a_max is None else np.minimum(a, a_max)


def _round(a: Any, decimals: int = 0, **_: Any) -> Any:
    _round_noted((a,))
    return ComplexArray(np.round(a.z.real, decimals))


SPECIAL: dict[str, Callable[..., Any]] = {
    "var": _variance,
    "std": lambda *args, **kwargs: np.sqrt(_variance(*args, **kwargs)),
    "norm": _norm,
    "clip": _clip,
    "round": _round,
    "around": _round,
    "abs": np.absolute,
    "real": lambda a: a,
    "vdot": lambda a, b: np.sum(np.ravel(a) * np.ravel(b)),
}


def plain(x: Any) -> Any:
    """Return x as NumPy's; refuse complex numbers of the code's own: |z| means another thing there."""
    if isinstance(x, ComplexArray):
        return x.z
    if isinstance(x, complex) or (isinstance(x, np.ndarray | np.generic) and x.dtype.kind not in "biuf"):
        raise UnsupportedError("the code computes with complex numbers or objects of its own")
    return x


def _real(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(_real(part) for part in x)
    return x.z.real if isinstance(x, ComplexArray) else x


def each(x: Any, change: Callable[[Any], Any]) -> Any:
    """Return x, or what it nests, with its arrays changed."""
    if isinstance(x, list | tuple):
        return type(x)(each(part, change) for part in x)
    return change(x)


def _wrapped(found: Any) -> Any:
    if isinstance(found, list | tuple):
        return type(found)(_wrapped(part) for part in found)
    return ComplexArray(found) if np.asarray(found).dtype.kind == "c" else found


# The largest array that the code has rounded, while it is followed.
ROUNDED: ContextVar[list[int]] = ContextVar("ROUNDED")


def _round_noted(inputs: tuple[Any, ...]) -> None:
    ROUNDED.get([0]).append(max(x.size for x in inputs if isinstance(x, ComplexArray)))
