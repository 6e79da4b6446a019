"""What is asked of arrays, whatever their library: NumPy, Torch, JAX and others.

Torch and JAX are not imported here, since an array of theirs exists only where its library is loaded already; only
`converter` imports Torch, where tensors are asked for.
"""

from __future__ import annotations

import math
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from gradcheck.errors import ArgumentError, ArrayValued, GradcheckError, UnsupportedError, check_choice

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from numpy.typing import NDArray

# Unit round-off u = 2^-(digits), digits counted with the implicit bit (IEEE 754-2019, table 3.5; bfloat16 has 8).
ROUNDOFF = {
    "float64": 2.0**-53,
    "complex128": 2.0**-53,
    "float32": 2.0**-24,
    "complex64": 2.0**-24,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}
# The smallest positive number of each, below which results are lost: 2^(e_min − digits + 1) of the same table.
SMALLEST = {
    "float64": 2.0**-1074,
    "complex128": 2.0**-1074,
    "float32": 2.0**-149,
    "complex64": 2.0**-149,
    "float16": 2.0**-24,
    "bfloat16": 2.0**-133,
}
# Below its smallest normal number, 2^e_min, a number stands for 0; not so float16's, which end at 6e-5 only.
NORMAL = {name: smallest / (2 * ROUNDOFF[name]) for name, smallest in SMALLEST.items()} | {"float16": 0.0}
# The finest step of each: v is rounded so that x + 2^k·v is exact, and keeps this many leading bits of its own:
# 18, 10, 5 and 4. What is left between the finest step and a quarter is the ladder.
FINEST = {
    "float64": -34,
    "complex128": -34,
    "float32": -13,
    "complex64": -13,
    "float16": -5,
    "bfloat16": -3,
}
LIBRARIES = ("numpy", "torch")  # that arrays can be made of
BLOCK = 2**15  # entries that are looked at together
WIDE = ("float64", "complex128")
WIDER = {
    "float32": "float64",
    "float16": "float64",
    "bfloat16": "float64",
    "complex64": "complex128",
}


def is_torch(x: Any) -> bool:
    """Tell whether x is a Torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, getattr(torch, "Tensor", ()))  # () while Torch is being imported


def is_array(x: Any) -> bool:
    """Tell whether x is an array of a known library (a NumPy scalar counts)."""
    return isinstance(x, np.ndarray | np.generic) or is_torch(x) or hasattr(x, "__array_namespace__")


def namespace(x: Any) -> Any:
    """Return the array-API namespace of x; NumPy's own, since NumPy 2 keeps the standard."""
    if isinstance(x, np.ndarray | np.generic):
        return np
    return array_api_compat.array_namespace(x)


def dtype_name(x: Any) -> str:
    """Return the plain name of x's dtype, such as ``"float64"`` or ``"bfloat16"``."""
    return _name_of(x.dtype)


@lru_cache(maxsize=64)
def _name_of(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def is_floating(x: Any) -> bool:
    """Tell whether x holds real or complex floating-point numbers of a dtype that can be checked."""
    return is_array(x) and dtype_name(x) in ROUNDOFF


def is_complex(x: Any) -> bool:
    """Tell whether x holds complex numbers."""
    return dtype_name(x).startswith("complex")


def device_of(x: Any) -> str:
    """Return the device x lives on, as text."""
    return str(getattr(x, "device", "cpu"))


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of x as a plain tuple."""
    if type(x) is np.ndarray:
        return tuple(x.shape)
    if getattr(x, "is_nested", False) is True:
        raise ArgumentError("a nested tensor has no shape: pass a padded one")
    return tuple(map(int, x.shape))


def to_numpy(x: Any) -> NDArray[Any]:
    """Return the values of x as a float64 or complex128 NumPy array (a copy unless x is one already).

    Raises
    ------
    UnsupportedError
        If its library does not give them: of a nested or quantized tensor, or where they are kept no more.

    """
    if type(x) is np.ndarray and x.dtype == np.float64:
        return x
    try:
        return _values(x)
    except (GradcheckError, MemoryError):
        raise
    except Exception as error:
        raise UnsupportedError(
            f"the values of a {type(x).__name__} cannot be read ({type(error).__name__}: {error}): pass a plain array"
        ) from error


def _values(x: Any) -> NDArray[Any]:
    if is_torch(x):
        import torch  # noqa: PLC0415  only where a tensor exists

        x = x.detach()
        if x.device.type == "meta":
            raise UnsupportedError("a tensor on the meta device holds no numbers")
        if x.layout != torch.strided:
            x = x.to_dense()
        x = x.to(torch.complex128 if x.is_complex() else torch.float64).numpy(force=True)
    array = np.asarray(x.get() if array_api_compat.is_cupy_array(x) else x)
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64, copy=False)


def of_unit(values: NDArray[Any], unit: float) -> NDArray[Any]:
    """Return real values rounded to as many bits as a dtype of this unit round-off has, whatever their exponent."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.rint(mantissa / unit) * unit, exponent))


def rounded(leaves: Sequence[Any], which: Iterable[int], name: str) -> list[Any]:
    """Return the leaves, those named rounded to a dtype; one that overflows is infinite."""

    def nearest(values: NDArray[Any]) -> NDArray[Any]:
        if name in ("float16", "float32"):
            return values.astype(name).astype(values.dtype)
        return of_unit(values, ROUNDOFF[name])

    found = list(leaves)
    for index in which:
        values = to_numpy(leaves[index])
        both = nearest(values.real) + 1j * nearest(values.imag) if is_complex(leaves[index]) else nearest(values)
        found[index] = like(both, leaves[index])
    return found


def like(values: NDArray[Any], x: Any) -> Any:
    """Return `values` as an array of x's library, dtype and device: their real part where x is real."""
    values = values.real if values.dtype.kind == "c" and not is_complex(x) else values
    if is_torch(x):
        torch = namespace(x)
        return torch.asarray(np.ascontiguousarray(values)).to(dtype=x.dtype, device=x.device).reshape(x.shape)
    if isinstance(x, np.ndarray | np.generic):
        return values.astype(x.dtype, copy=False)
    return namespace(x).asarray(values, dtype=x.dtype)


def cast(x: Any, name: str) -> Any:
    """Return x in the dtype called `name`, detached from any graph."""
    if is_torch(x):
        import torch  # noqa: PLC0415  only where a tensor exists

        return x.detach().to(getattr(torch, name))
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x).astype(name)
    if library_of(x) == "jax" and name in WIDE and not sys.modules["jax"].config.jax_enable_x64:
        return x  # where float64 is not enabled JAX would truncate, with a warning
    return namespace(x).astype(x, getattr(namespace(x), name))


def shifted(x: Any, t: float, v: Any) -> Any:
    """Return x + t·v in x's dtype."""
    if type(x) is not np.ndarray and is_torch(x):
        x = x.detach()
    step = v * float(t)
    if type(step) is np.ndarray and step.dtype == x.dtype:
        step += x  # without a third array of its size
        return step
    return x + step


def resized(leaves: Sequence[Any], indices: Collection[int], t: float) -> list[Any]:
    """Return the leaves, those of `indices` moved by t times themselves."""
    return [shifted(x, t, x) if i in indices else x for i, x in enumerate(leaves)]


def copied(x: Any) -> Any:
    """Return a copy of x that shares no memory with it."""
    if is_torch(x):
        return x.detach().clone()
    return np.array(x) if isinstance(x, np.ndarray | np.generic) else namespace(x).asarray(x, copy=True)


def written(x: Any, values: Any) -> None:
    """Write `values`, an array like x, into x where x can be written to."""
    if is_torch(x):
        import torch  # noqa: PLC0415  only where a tensor exists

        once = tuple(slice(0, 1) if step == 0 else slice(None) for step in x.stride())  # an expanded axis is one entry
        with torch.inference_mode(x.is_inference()):  # where alone a tensor of inference mode can be written to
            x.data[once].copy_(values.detach()[once])
    elif isinstance(x, np.ndarray) and x.flags.writeable:
        x[...] = values


def same(a: Any, b: Any) -> bool:
    """Tell whether two arrays are equal to the bit, NaN equal to NaN."""
    if is_torch(a) and is_torch(b) and a.dtype == b.dtype and a.layout == b.layout and a.device == b.device:
        import torch  # noqa: PLC0415  only where a tensor exists

        if torch.equal(a, b):  # without a copy of either in float64
            return True
    left, right = to_numpy(a), to_numpy(b)
    if left.shape != right.shape:
        return False
    equal = left == right
    if np.all(equal):
        return True
    equal |= np.isnan(left) & np.isnan(right)  # np.array_equal(..., equal_nan=True) copies both arrays
    return bool(np.all(equal))


def all_finite(values: NDArray[Any]) -> bool:
    """Tell whether no entry is NaN or infinite; of a large array block by block, without a mask of its size."""
    if values.size <= BLOCK or not values.flags.forc:
        return bool(np.isfinite(values).all())
    flat = values.ravel(order="K")
    return all(bool(np.isfinite(flat[first : first + BLOCK]).all()) for first in range(0, flat.size, BLOCK))


def scalar(value: Any, what: str) -> float:
    """Return `value` as a Python float; a loss must be one real number.

    Raises
    ------
    ArrayValued
        If it is an array of another size.
    ArgumentError
        If it is complex, or no number at all.

    """
    if type(value) in (float, np.float64):
        return float(value)
    if is_array(value):
        if math.prod(shape_of(value)) != 1:
            raise ArrayValued(
                f"{what} returned an array of shape {shape_of(value)}, wanted a scalar: "
                "sum it, or pass jac= (its Jacobian) or vjp= to check the derivative of an array-valued function"
            )
        if dtype_name(value) == "bool":
            raise ArgumentError(f"{what} returned a bool, wanted a real scalar")
        number = to_numpy(value).reshape(())
        if np.iscomplexobj(number):
            raise ArgumentError(f"{what} returned a complex number, wanted a real scalar: take its real part or |.|²")
        return float(number)
    if isinstance(value, tuple | list) and value and hasattr(value[0], "__float__"):
        raise ArgumentError(
            f"{what} returned a {type(value).__name__}, wanted a real scalar: pass lambda *args: {what}(*args)[0], or "
            f"{what} alone where it returns (loss, gradients)"
        )
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise ArgumentError(f"{what} returned {type(value).__name__}, wanted a real scalar")
    return float(value)


def of_numbers(values: Any) -> NDArray[Any]:
    """Return numbers, in lists or an array of NumPy's, as float64, or complex128 where one of them is complex."""
    array = np.asarray(values)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64, copy=False)


def flat_index(index: Iterable[Any], shape: Sequence[int]) -> Any:
    """Return the place of an index, or of arrays of indices, in row order; of as many axes as NumPy has.

    `numpy.ravel_multi_index` ends at one less.
    """
    found: Any = 0
    for i, n in zip(index, shape, strict=True):
        found = found * n + i
    return found


def library_of(x: Any) -> str:
    """Return the name of x's library: ``"numpy"``, ``"torch"``, ``"jax"``, ..."""
    if isinstance(x, np.ndarray | np.generic):
        return "numpy"
    return type(x).__module__.partition(".")[0].removesuffix("lib")


def total_size(arrays: Iterable[Any]) -> int:
    """Return the number of entries of all arrays together."""
    return sum(math.prod(shape_of(x)) for x in arrays)


def converter(library: str) -> Callable[[NDArray[Any]], Any]:
    """Return what turns a NumPy array into one of the library, of the same dtype."""
    check_choice("library", library, LIBRARIES)
    if library == "numpy":
        return lambda array: array
    try:
        import torch  # noqa: PLC0415  only where it is asked for
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            "library='torch' needs PyTorch, which is not installed: run `pip install 'gradcheck[torch]'`, "
            "or pass library='numpy'."
        ) from error
    return torch.from_numpy
