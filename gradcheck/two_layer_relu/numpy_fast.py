"""The step of `numpy_core` at the speed of its five matrix products: the same lines, in buffers made once.

    workspace = Workspace(problem)
    for t in range(500):
        loss = workspace.step(1e-6)

What differs from the textbook lines, and why:

* `np.dot(a, b, out)` for `a @ b`: the same BLAS call with less in front of it, and a matrix-vector one where a
  side is 1, for which `@` leaves BLAS.
* A product over an axis of length 1 is `np.multiply` of a column with a row: BLAS skips factors of 0 there, and would
  lose the NaN of inf·0 that the textbook has.
* h becomes max(h, 0) in place; what is kept of h is where it passes a gradient on, `not h < 0`.
* The mask multiplies the gradient's *bits*, as integers, by 0 or 1. A float product would make NaN of inf·0, and
  the textbook's assignment `grad_h[h < 0] = 0` branches at every entry: 10 times slower on random signs.
* −2·lr scales the residual, n·d_out numbers, in place of a 2 there and lr on both gradients, d_in·h + h·d_out
  numbers. Doubling is exact; lr is rounded in where it meets the residual, as often as in the textbook.
* The loss is a dot product of the residual with itself: no array of squares.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.errors import ArgumentError
from gradcheck.two_layer_relu.numpy_core import Gradients
from gradcheck.two_layer_relu.problem import Problem, check_fit

__all__ = ["Workspace", "gradients", "loss", "step"]


def _product(length: int) -> Any:
    """Return how to multiply matrices over an axis of that length; both take (a, b, out)."""
    return np.multiply if length == 1 else np.dot


class Workspace:
    """A problem together with a buffer for every line of its step.

    The workspace holds on to the problem's arrays. Their numbers may change between two calls, and `step` changes
    w1 and w2 in place. BLAS takes contiguous arrays and their transposes as they are; others (`a[::2]`) work, and
    NumPy copies them in every step.

    Parameters
    ----------
    problem : Problem
        NumPy arrays x (n, d_in), y (n, d_out), w1 (d_in, h), w2 (h, d_out), all float32 or all float64.

    Raises
    ------
    ArgumentError
        If the arrays do not fit, or have another dtype: `numpy_core` takes them all.

    """

    def __init__(self, problem: Problem) -> None:
        shape = check_fit(**problem._asdict())
        dtype = problem.x.dtype
        for name, array in problem._asdict().items():
            if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
                raise ArgumentError(
                    f"{name} is {type(array).__name__} of dtype {array.dtype}, but should be a NumPy array of "
                    "float32 or float64: convert it, or use numpy_core."
                )
        self.problem = problem
        self._hidden = np.empty((shape.n, shape.h), dtype)  # h, then h_relu in its place
        self._passes = np.empty((shape.n, shape.h), bool)  # not h < 0
        self._residual = np.empty((shape.n, shape.d_out), dtype)  # y_pred, then y_pred − y, then times −2·lr
        self._grad_h = np.empty((shape.n, shape.h), dtype)
        self._change_w1 = np.empty((shape.d_in, shape.h), dtype)  # −lr·∂loss/∂w1
        self._change_w2 = np.empty((shape.h, shape.d_out), dtype)
        self._over_n, self._over_d_in, self._over_h, self._over_d_out = map(_product, shape)
        # Views and scalars that a step would otherwise make anew.
        self._grad_h_bits = self._grad_h.view(f"i{dtype.itemsize}")
        self._residual_flat = self._residual.reshape(-1)
        self._x_T, self._w2_T, self._hidden_T = problem.x.T, problem.w2.T, self._hidden.T
        self._zero = np.zeros((), dtype)
        self._lr: float | None = None
        self._minus_twice_lr = np.zeros((), dtype)

    def step(self, lr: float) -> Any:
        """Take one step of gradient descent, w ← w − lr·∂loss/∂w, and return the loss before it, a scalar.

        Nothing is allocated. Where every number stays finite, the result is the textbook's to round-off.
        """
        if lr != self._lr:
            self._lr = lr
            self._minus_twice_lr[...] = -2 * lr
        _, _, w1, w2 = self.problem
        loss = self.loss()
        residual = self._residual
        np.multiply(residual, self._minus_twice_lr, residual)
        self._over_n(self._hidden_T, residual, self._change_w2)
        self._over_n(self._x_T, self._backward(residual), self._change_w1)
        np.add(w1, self._change_w1, w1)
        np.add(w2, self._change_w2, w2)
        return loss

    def loss(self) -> Any:
        """Compute Σ (y_pred − y)², a scalar, and leave the lines of the forward pass in the buffers."""
        x, y, w1, w2 = self.problem
        hidden, residual = self._hidden, self._residual
        self._over_d_in(x, w1, hidden)
        np.less(hidden, self._zero, self._passes)
        np.logical_not(self._passes, self._passes)  # not `hidden >= 0`, which stops a NaN
        np.maximum(hidden, self._zero, out=hidden)
        self._over_h(hidden, w2, residual)
        np.subtract(residual, y, residual)
        return self._residual_flat.dot(self._residual_flat)

    def gradients(self) -> Gradients:
        """Compute ∂loss/∂x, ∂loss/∂y, ∂loss/∂w1, ∂loss/∂w2, with relu'(0) = 1, in new arrays."""
        self.loss()
        grad_y_pred = 2 * self._residual
        grad_w2 = self._over_n(self._hidden_T, grad_y_pred)
        grad_h = self._backward(grad_y_pred)
        grad_x, grad_w1 = self._over_h(grad_h, self.problem.w1.T), self._over_n(self._x_T, grad_h)
        return Gradients(x=grad_x, y=-grad_y_pred, w1=grad_w1, w2=grad_w2)

    def _backward(self, grad_y_pred: Any) -> Any:
        """Carry a gradient (or a multiple of it) from y_pred to h, with relu'(0) = 1."""
        self._over_d_out(grad_y_pred, self._w2_T, self._grad_h)
        np.multiply(self._grad_h_bits, self._passes, self._grad_h_bits)
        return self._grad_h


def loss(x: Any, y: Any, w1: Any, w2: Any) -> Any:
    """Compute the loss once, as `numpy_core.loss`; for many calls keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).loss()


def gradients(x: Any, y: Any, w1: Any, w2: Any) -> Gradients:
    """Compute the gradients once, as `numpy_core.gradients`; for many calls keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).gradients()


def step(x: Any, y: Any, w1: Any, w2: Any, lr: float) -> Any:
    """Take one step, as `numpy_core.step`; for many steps keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).step(lr)
