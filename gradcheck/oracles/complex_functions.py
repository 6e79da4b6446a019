"""Which of NumPy's functions a complex step follows: analytic ones, and real ones that can be continued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

ANALYTIC = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "negative",
        "positive",
        "power",
        "float_power",
        "square",
        "sqrt",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "arcsin",
        "arccos",
        "arctan",
        "arcsinh",
        "arccosh",
        "arctanh",
        "reciprocal",
        "matmul",
        "vecmat",
        "matvec",
    ]
)
COMPARISONS = frozenset(
    [
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "isfinite",
        "isnan",
        "isinf",
        "signbit",
        "logical_not",
        "logical_and",
    ]
)
STEPS = frozenset(["rint", "floor", "ceil", "trunc", "sign", "heaviside", "floor_divide"])
FUNCTIONS = frozenset(
    [
        "sum",
        "prod",
        "mean",
        "cumsum",
        "cumprod",
        "dot",
        "inner",
        "outer",
        "tensordot",
        "einsum",
        "trace",
        "diagonal",
        "diag",
        "reshape",
        "ravel",
        "transpose",
        "swapaxes",
        "moveaxis",
        "squeeze",
        "expand_dims",
        "concatenate",
        "stack",
        "vstack",
        "hstack",
        "dstack",
        "column_stack",
        "split",
        "array_split",
        "roll",
        "flip",
        "tile",
        "repeat",
        "broadcast_to",
        "pad",
        "where",
        "take",
        "take_along_axis",
        "triu",
        "tril",
        "diff",
        "convolve",
        "kron",
        "cross",
        "select",
        "choose",
        "copy",
        "atleast_1d",
        "atleast_2d",
        "rollaxis",
        "rot90",
        "delete",
        "insert",
        "append",
        "compress",
        "broadcast_arrays",
        "average",
        "ediff1d",
        "trapezoid",
        "sliding_window_view",
    ]
)
ORDERED = frozenset(
    ["max", "min", "amax", "amin", "sort", "argsort", "argmax", "argmin", "median", "searchsorted", "partition"]
)
LINEAR_ALGEBRA = frozenset(
    ["solve", "inv", "det", "matrix_power", "multi_dot", "matmul", "tensordot", "outer", "trace", "diagonal"]
)


def log_sum_exp(a: Any, axis: Any = 0, *, keepdims: bool = False) -> Any:
    """Return what `np.logaddexp.reduce` does."""
    top = np.max(np.real(a), axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)  # of nothing but log(0)
    found = top + np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True))
    return found if keepdims else np.squeeze(found, axis=axis)


def _chosen(a: Any, b: Any, *, larger: bool) -> Any:
    first = np.real(a) >= np.real(b) if larger else np.real(a) <= np.real(b)
    return np.where(first, a, b)


# Real functions, continued from where they are analytic: |x| is x or −x.
CONTINUED: dict[str, Callable[..., Any]] = {
    "absolute": lambda a: np.where(np.real(a) < 0, -a, a),
    "fabs": lambda a: np.where(np.real(a) < 0, -a, a),
    "conjugate": lambda a: a,
    "maximum": lambda a, b: _chosen(a, b, larger=True),
    "fmax": lambda a, b: _chosen(a, b, larger=True),
    "minimum": lambda a, b: _chosen(a, b, larger=False),
    "fmin": lambda a, b: _chosen(a, b, larger=False),
    "hypot": lambda a, b: np.sqrt(a * a + b * b),
    "logaddexp": lambda a, b: log_sum_exp(np.stack(np.broadcast_arrays(a, b))),
    "expit": lambda a: 1 / (1 + np.exp(-a)),
    "cbrt": lambda a: np.sign(np.real(a)) * (a * np.sign(np.real(a))) ** (1 / 3),
}
