"""What is timed: ways to take one step, each a function of no arguments on a problem of its own.

`floor` is no step: it is the five matrix products alone, each into a buffer made before, and nothing can be quicker in
the same library. In NumPy it is `np.matmul`, which `@` stands for; `floor_dot` is `np.dot`, quicker where little is
computed or where one side of a product is 1.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import ArgumentError
from gradcheck.two_layer_relu import numpy_core, numpy_fast
from gradcheck.two_layer_relu.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

FLOOR = "floor"
VARIANTS = {
    "numpy": (FLOOR, "floor_dot", "fast", "textbook"),
    "torch": (FLOOR, "fast", "graph", "textbook", "autograd", "compiled"),
}
# So small that ten thousand steps leave the numbers as they were, and far from subnormal.
LR = 1e-9


def prepared(problem: Problem, library: str, device: str = "cpu", dtype: str | None = None) -> Problem:
    """Copy a problem of NumPy arrays to a library and a device; Torch may compute in another dtype."""
    if library == "numpy":
        return Problem(*(array.copy() for array in problem))
    from gradcheck.two_layer_relu.torch_core import to_torch  # noqa: PLC0415  Torch is loaded when it is asked for

    return to_torch(problem, device, dtype)


def make(library: str, variant: str, problem: Problem, lr: float = LR) -> Callable[[], Any]:
    """Return what takes one step of `problem` in place, by that variant.

    Parameters
    ----------
    library : {"numpy", "torch"}
        Whose arrays `problem` holds.
    variant : str
        One of ``VARIANTS[library]``.
    problem : Problem
        Its w1 and w2 are updated in place by each call; the floors leave them as they are.
    lr : float
        The learning rate.

    Raises
    ------
    ArgumentError
        If there is no such variant.
    UnsupportedError
        If it cannot run here; the message is the reason.

    """
    if variant not in VARIANTS.get(library, ()):
        raise ArgumentError(f"variant is {variant!r} of {library!r}, wanted one of {VARIANTS}: pass one of these.")
    if library == "numpy":
        return _NUMPY[variant](problem, lr)
    from gradcheck.bench import torch_variants  # noqa: PLC0415  Torch is loaded when it is asked for

    return torch_variants.MAKERS[variant](problem, lr)


def _numpy_floor(problem: Problem, _: float) -> Callable[[], Any]:
    x, y, w1, w2 = problem
    hidden, y_pred, grad_w1, grad_w2 = x @ w1, y.copy(), w1.copy(), w2.copy()
    grad_hidden = np.ones_like(hidden)

    def products() -> None:
        np.matmul(x, w1, out=hidden)
        np.matmul(hidden, w2, out=y_pred)
        np.matmul(hidden.T, y_pred, out=grad_w2)
        np.matmul(y_pred, w2.T, out=grad_hidden)
        np.matmul(x.T, grad_hidden, out=grad_w1)

    return products


def _numpy_floor_dot(problem: Problem, _: float) -> Callable[[], Any]:
    x, y, w1, w2 = problem
    hidden, y_pred, grad_w1, grad_w2 = x @ w1, y.copy(), w1.copy(), w2.copy()
    grad_hidden = np.ones_like(hidden)
    x_T, hidden_T, w2_T = x.T, hidden.T, w2.T

    def products() -> None:
        np.dot(x, w1, hidden)
        np.dot(hidden, w2, y_pred)
        np.dot(hidden_T, y_pred, grad_w2)
        np.dot(y_pred, w2_T, grad_hidden)
        np.dot(x_T, grad_hidden, grad_w1)

    return products


_NUMPY: dict[str, Callable[[Problem, float], Callable[[], Any]]] = {
    FLOOR: _numpy_floor,
    "floor_dot": _numpy_floor_dot,
    "fast": lambda problem, lr: partial(numpy_fast.Workspace(problem).step, lr),
    "textbook": lambda problem, lr: partial(numpy_core.step, *problem, lr),
}
