"""The step of `numpy_core` at the speed of its five matrix products: the same lines, in buffers made once.

    workspace = Workspace(problem)
    for t in range(500):
        loss = workspace.step(1e-6)

What differs from the textbook lines, and why:

* `np.dot(a, b, out)` for `a @ b`: the same BLAS call with less in front of it, and a matrix-vector one where a
  side is 1, for which `@` leaves BLAS.
* A product over an axis of length 1 is `np.multiply` of a column with a row: BLAS skips factors of 0 there, and would
  lose the NaN of inf·0 that the textbook has.
* What is kept of h is where it passes a gradient on, `not h < 0`, as integers 0 and 1. They multiply the *bits* of h,
  which becomes max(h, 0) in place, and those of its gradient. A float product would make NaN of inf·0; the
  textbook's assignment `grad_h[h < 0] = 0` branches at every entry, 10 times slower on random signs; `np.maximum` with
  a scalar takes 4 times as long as an integer product.
* −2·lr scales the residual, n·d_out numbers, in place of a 2 there and lr on both gradients, d_in·h + h·d_out
  numbers. Doubling is exact; lr is rounded in where it meets the residual, as often as in the textbook.
* The loss is a dot product of the residual with itself: no array of squares.
* ∂loss/∂h takes the place of h_relu, whose last use, in ∂loss/∂w2, comes before it.
* Many samples are taken a block after the other, whose lines stay in the cache; the changes of the weights are summed
  over the blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.errors import ArgumentError
from gradcheck.two_layer_relu.blocks import blocks
from gradcheck.two_layer_relu.numpy_core import Gradients
from gradcheck.two_layer_relu.problem import Problem, check_fit


def _product(length: int) -> Any:
    """Return how to multiply matrices over an axis of that length; both take (a, b, out)."""
    return np.multiply if length == 1 else np.dot


class _NumpyBlock:
    """The lines of some of the samples: views, made once, of their rows and of buffers that all blocks share."""

    def __init__(self, problem: Problem, rows: slice, buffers: tuple[Any, ...]) -> None:
        self.rows, self.x, self.y = rows, problem.x[rows], problem.y[rows]
        self.hidden, self.negative, self.passes, self.residual = (b[: len(self.x)] for b in buffers)
        self.x_T, self.hidden_T, self.hidden_bits = self.x.T, self.hidden.T, self.hidden.view(self.passes.dtype)
        self.residual_flat = self.residual.reshape(-1)
        self.over_rows = _product(len(self.x))


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
                    f"{name} is {type(array).__name__} of dtype {array.dtype}, wanted a NumPy array of "
                    "float32 or float64: convert it, or use numpy_core."
                )
        self.problem = problem
        divided = blocks(shape, dtype.itemsize)
        rows = max(block.stop - block.start for block in divided)
        buffers = (
            np.empty((rows, shape.h), dtype),  # h, then h_relu in its place, then ∂loss/∂h times −lr
            np.empty((rows, shape.h), bool),  # h < 0, then not h < 0
            np.empty((rows, shape.h), f"i{dtype.itemsize}"),  # not h < 0
            np.empty((rows, shape.d_out), dtype),  # y_pred, then y_pred − y, then times −2·lr
        )
        self._blocks = [_NumpyBlock(problem, block, buffers) for block in divided]
        self._changes = np.empty((shape.d_in, shape.h), dtype), np.empty((shape.h, shape.d_out), dtype)  # −lr·∂loss/∂w
        one, two = self._changes
        # What a block adds to them; the first sets them.
        self._parts = self._changes if len(divided) == 1 else (np.empty_like(one), np.empty_like(two))
        self._over_d_in, self._over_h, self._over_d_out = map(_product, shape[1:])
        self._w2_T = problem.w2.T
        self._zero, self._minus_twice_lr = np.zeros((), dtype), np.zeros((), dtype)
        self._lr: float | None = None

    def step(self, lr: float) -> Any:
        """Take one step of gradient descent, w ← w − lr·∂loss/∂w, and return the loss before it, a scalar.

        No array is allocated (NumPy's own scratch for a column times a row, 2·8192 numbers, excepted). Where every
        number stays finite, the result is the textbook's to round-off.
        """
        if lr != self._lr:
            self._lr = lr
            self._minus_twice_lr[...] = -2 * lr
        _, _, w1, w2 = self.problem
        change_w1, change_w2 = sums = self._changes
        loss = 0
        for block in self._blocks:
            loss = loss + self._forward(block)
            np.multiply(block.residual, self._minus_twice_lr, block.residual)
            part_w1, part_w2 = sums
            block.over_rows(block.hidden_T, block.residual, part_w2)
            block.over_rows(block.x_T, self._backward(block, block.residual), part_w1)
            if sums is not self._changes:
                np.add(change_w1, part_w1, change_w1)
                np.add(change_w2, part_w2, change_w2)
            sums = self._parts
        np.add(w1, change_w1, w1)
        np.add(w2, change_w2, w2)
        return loss

    def loss(self) -> Any:
        """Compute Σ (y_pred − y)², a scalar."""
        return sum(self._forward(block) for block in self._blocks)

    def gradients(self) -> Gradients:
        """Compute ∂loss/∂x, ∂loss/∂y, ∂loss/∂w1, ∂loss/∂w2, with relu'(0) = 1, in new arrays."""
        x, y, w1, w2 = self.problem
        found = Gradients(np.empty_like(x), np.empty_like(y), np.zeros_like(w1), np.zeros_like(w2))
        for block in self._blocks:
            self._forward(block)
            grad_y_pred = 2 * block.residual
            found.y[block.rows] = -grad_y_pred
            np.add(found.w2, block.over_rows(block.hidden_T, grad_y_pred), found.w2)
            grad_h = self._backward(block, grad_y_pred)
            found.x[block.rows] = self._over_h(grad_h, w1.T)
            np.add(found.w1, block.over_rows(block.x_T, grad_h), found.w1)
        return found

    def _forward(self, block: _NumpyBlock) -> Any:
        """Fill the block's lines up to the residual, and return its part of the loss."""
        _, _, w1, w2 = self.problem
        self._over_d_in(block.x, w1, block.hidden)
        np.less(block.hidden, self._zero, block.negative)
        np.logical_not(block.negative, block.negative)  # not `hidden >= 0`, which stops a NaN
        np.copyto(block.passes, block.negative)
        np.multiply(block.hidden_bits, block.passes, block.hidden_bits)
        self._over_h(block.hidden, w2, block.residual)
        np.subtract(block.residual, block.y, block.residual)
        return block.residual_flat.dot(block.residual_flat)

    def _backward(self, block: _NumpyBlock, grad_y_pred: Any) -> Any:
        """Carry a gradient (or a multiple of it) from y_pred to h, with relu'(0) = 1, into the place of h_relu."""
        self._over_d_out(grad_y_pred, self._w2_T, block.hidden)
        np.multiply(block.hidden_bits, block.passes, block.hidden_bits)
        return block.hidden


def loss(x: Any, y: Any, w1: Any, w2: Any) -> Any:
    """Compute the loss once, as `numpy_core.loss`; for many calls keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).loss()


def gradients(x: Any, y: Any, w1: Any, w2: Any) -> Gradients:
    """Compute the gradients once, as `numpy_core.gradients`; for many calls keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).gradients()


def step(x: Any, y: Any, w1: Any, w2: Any, lr: float) -> Any:
    """Take one step, as `numpy_core.step`; for many steps keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).step(lr)
