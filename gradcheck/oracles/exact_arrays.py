"""NumPy arrays of germs: how a user's own NumPy code runs in exact arithmetic, unchanged.

An `ExactArray` is an ``ndarray`` of dtype object whose entries are germs. NumPy hands it every ufunc and
function call. What is done here is little: numbers that join in (float arrays of the code's own, masks,
constants) become exact before they are used and after they were stored, products of matrices go to
FLINT's matrices, functions that NumPy has no object loop for go to `elementary`, and what cannot be
exact is refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.claims.tree import a_kind
from gradcheck.errors import UnsupportedError
from gradcheck.oracles.balls import Real, Undecided, entries_of_product, fmpq, matrix, most_terms
from gradcheck.oracles.elementary import BINARY, UNARY
from gradcheck.oracles.germs import BUILT_ON_GERMS, EXACT, ZERO, Germ, germ

if TYPE_CHECKING:
    from collections.abc import Callable

PREDICATES = {"isfinite": True, "isnan": False, "isinf": False}  # of every exact number
LINEAR_ALGEBRA = {
    "norm",
    "matrix_norm",
    "vector_norm",
    "matrix_power",
    "multi_dot",
    "outer",
    "trace",
    "diagonal",
}


class ExactArray(np.ndarray[Any, Any]):
    """An object array of germs, which runs NumPy code exactly."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if func.__module__ == "numpy.linalg" and func.__name__ not in LINEAR_ALGEBRA:
            raise UnsupportedError(
                f"np.linalg.{func.__name__} runs compiled floating-point code (LAPACK) and cannot run "
                "exactly: judge this function by finite differences, with gradcheck.check"
            )
        return exact(super().__array_function__(func, types, args, kwargs))

    def __setitem__(self, key: Any, value: Any) -> None:
        entries = exact(np.asarray(value))
        super().__setitem__(key, entries if entries.ndim else entries.item())

    def dot(self, other: Any, out: Any = None) -> Any:
        """Return numpy.dot(self, other)."""
        if out is None and self.ndim <= 2 and 0 < np.ndim(other) <= 2:
            return np.matmul(self, other) if self.ndim else self * other
        return exact(super().dot(other, out))


def exact(value: Any) -> Any:
    """Return numbers as germs and arrays of numbers as `ExactArray`; masks and indices as they are."""
    if isinstance(value, (tuple, list)):
        return type(value)(exact(item) for item in value)
    if isinstance(value, (float, np.floating)):
        return germ(value)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fO":
        return value
    return exact_array(value)


def exact_array(value: Any) -> ExactArray:
    """Return an array of real numbers or germs as an `ExactArray`, without a copy when it is one of germs."""
    try:
        array = np.asarray(value)
    except Exception as error:
        raise UnsupportedError(f"{a_kind(value)} entered the computation: exact arithmetic is for reals") from error
    if array.dtype.kind not in "biufO":
        raise UnsupportedError(f"an array of {array.dtype} entered the computation: exact arithmetic is for reals")
    entries = array.ravel().tolist()
    if array.dtype.kind == "O" and all(type(entry) is Germ for entry in entries):
        return array.view(ExactArray)
    return _filled([ZERO if entry is None else germ(entry) for entry in entries], array.shape)  # None: np.empty_like


def _filled(entries: list[Germ], shape: tuple[int, ...]) -> ExactArray:
    array = np.empty(len(entries), dtype=object)
    for i, entry in enumerate(entries):  # one by one: NumPy must not look for sequences in an entry
        array[i] = entry
    return array.reshape(shape).view(ExactArray)


def _plain(value: Any) -> Any:
    """Return an operand for NumPy's object loops: germs in a plain array."""
    if isinstance(value, Germ):
        scalar = np.empty((), dtype=object)
        scalar[()] = value
        return scalar
    return exact_array(value).view(np.ndarray)


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Run a ufunc whose operands hold germs; raise `UnsupportedError` for one that only knows floats."""
    name = ufunc.__name__
    if name in PREDICATES:
        return np.full(np.shape(inputs[0]), PREDICATES[name])[()]
    if "out" in options:
        options["out"] = tuple(_buffer(array) for array in options["out"])
    if method == "at":  # in place, by index
        ufunc.at(_buffer(inputs[0]), inputs[1], *(_plain(value) for value in inputs[2:]))
        return None
    operands = [_plain(inputs[0]), *(inputs[1:] if method == "reduceat" else map(_plain, inputs[1:]))]
    if ufunc is np.matmul and method == "__call__" and "out" not in options:
        return _matmul(*operands)
    if method == "__call__" and name in UNARY | BINARY and "where" not in options:
        function = UNARY.get(name) or BINARY[name]
        results = np.frompyfunc(function, ufunc.nin, 1)(*operands, **options)
    else:
        results = _object_loop(ufunc, method, operands, options)
    if "out" in options:
        return options["out"][0].view(ExactArray)
    return exact(results)


BUILT_ON_GERMS["ufunc"] = apply_ufunc


def _object_loop(ufunc: np.ufunc, method: str, operands: list[Any], options: dict[str, Any]) -> Any:
    options.pop("dtype", None)  # the dtype of a germ is a germ
    try:
        return getattr(ufunc, method)(*operands, **options)
    except (UnsupportedError, Undecided):
        raise
    except (TypeError, AttributeError) as reason:
        raise UnsupportedError(
            f"{ufunc.__name__} is a compiled function of floats and cannot run exactly: write it with "
            "+ - * / **, np.maximum, np.where, np.exp, np.log, np.tanh, np.sqrt and their like"
        ) from reason


def _buffer(array: Any) -> Any:
    if array is None or array.dtype == object:
        return array if array is None else array.view(np.ndarray)
    raise UnsupportedError(
        f"the code writes exact numbers into an array of {array.dtype}, where they would be rounded: make "
        "the array with np.zeros_like or np.empty_like of an argument"
    )


def _matmul(left: Any, right: Any) -> Any:
    """Return left @ right, by NumPy's rules for one, two and more dimensions."""
    if left.ndim == 0 or right.ndim == 0:
        raise ValueError("matmul: an operand is a scalar, use * instead")
    rows = left[np.newaxis, :] if left.ndim == 1 else left
    columns = right[:, np.newaxis] if right.ndim == 1 else right
    if rows.shape[-1] != columns.shape[-2]:
        raise ValueError(f"matmul: shapes {left.shape} and {right.shape} do not match")
    stack = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    rows = np.broadcast_to(rows, stack + rows.shape[-2:])
    columns = np.broadcast_to(columns, stack + columns.shape[-2:])
    product = np.empty((*stack, rows.shape[-2], columns.shape[-1]), dtype=object)
    for place in np.ndindex(stack):
        product[place] = _product(rows[place], columns[place])
    if left.ndim == 1:
        product = product[..., 0, :]
    if right.ndim == 1:
        product = product[..., 0]
    return exact(product) if product.ndim else product[()]


def _product(left: Any, right: Any) -> Any:
    """Multiply two matrices of germs: Σ aᵢbⱼ t^(i+j), term by term in FLINT's matrices."""
    shape = left.shape[0], right.shape[1]
    if left.size * right.size == 0:
        return _filled([ZERO] * (shape[0] * shape[1]), shape)
    if not all(entry.order == EXACT for entry in (*left.ravel(), *right.ravel())):
        return np.matmul(left, right)  # entry by entry: each knows how many of its terms are sure
    lefts, rights = _coefficients(left), _coefficients(right)
    count = len(lefts) + len(rights) - 1
    terms: list[list[Real]] = [[fmpq(0)] * (shape[0] * shape[1]) for _ in range(min(count, most_terms()))]
    for i, a in enumerate(lefts):
        for j, b in enumerate(rights[: max(len(terms) - i, 0)]):
            terms[i + j] = [s + p for s, p in zip(terms[i + j], entries_of_product(a, b), strict=True)]
    order = EXACT if count <= most_terms() else most_terms()
    return _filled([Germ(entry, order) for entry in zip(*terms, strict=True)], shape)


def _coefficients(array: Any) -> list[Any]:
    """Return one matrix for every power of t, at least one."""
    count = max(1, *(len(entry.terms) for entry in array.ravel()))
    return [
        matrix(
            array.shape[0],
            array.shape[1],
            [entry.terms[k] if k < len(entry.terms) else fmpq(0) for entry in array.ravel()],
        )
        for k in range(count)
    ]
