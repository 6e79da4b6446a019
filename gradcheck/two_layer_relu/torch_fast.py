"""The step of `torch_core` at the speed of its five matrix products: the same lines, in buffers made once.

    workspace = Workspace(problem)
    for t in range(500):
        loss = workspace.step(1e-6)     # stays on the device: nothing waits for it

What differs from the textbook lines, and why:

* The residual takes the place of y_pred, and every product has its buffer.
* The updates are products, w − 2·lr·(aᵀ·b) (`addmm_` with alpha = −2·lr): no gradient array is written and
  read again, and the 2 of d(u²)/du = 2u, an exact factor, is folded into alpha.
* The mask is `threshold_backward`, which selects without a branch, so that inf·0 never arises. It passes a
  gradient where h > t, and h > −(the smallest positive number) is h ≥ 0: relu'(0) = 1. NaN passes, as it does
  through `masked_fill(h < 0, 0)`.
* The loss is a dot product of the residual with itself: no array of squares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.two_layer_relu.numpy_core import Gradients
from gradcheck.two_layer_relu.problem import Problem, check_fit

try:
    import torch
except ModuleNotFoundError as error:
    raise UnsupportedError(
        "The Torch network needs PyTorch, which is not installed: run `pip install 'gradcheck[torch]'`, "
        "or use the NumPy network."
    ) from error

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Workspace", "gradients", "loss", "step"]


class Workspace:
    """A problem together with a buffer for every line of its step.

    The workspace holds on to the problem's tensors, detached from any graph. Their numbers may change between two
    calls, and `step` changes w1 and w2 in place.

    Parameters
    ----------
    problem : Problem
        Tensors x (n, d_in), y (n, d_out), w1 (d_in, h), w2 (h, d_out), of one floating-point dtype and device.

    Raises
    ------
    ArgumentError
        If the tensors do not fit, or are not floating-point ones.
    UnsupportedError
        If Torch is set to flush subnormal numbers to zero: the mask needs the smallest one.

    """

    def __init__(self, problem: Problem) -> None:
        shape = check_fit(**problem._asdict())
        for name, tensor in problem._asdict().items():
            if not isinstance(tensor, torch.Tensor) or not tensor.dtype.is_floating_point:
                raise ArgumentError(
                    f"{name} is {type(tensor).__name__} of dtype {tensor.dtype}, but should be a floating-point "
                    "tensor: pass to_torch(problem)."
                )
        self.problem = Problem(*(tensor.detach() for tensor in problem))
        x, _, _, w2 = self.problem
        self._h: Tensor = x.new_empty(shape.n, shape.h)
        self._h_relu = x.new_empty(shape.n, shape.h)
        self._residual = x.new_empty(shape.n, shape.d_out)  # y_pred − y
        self._grad_h: Tensor = x.new_empty(shape.n, shape.h)
        # Views and scalars that a step would otherwise make anew.
        self._x_T, self._w2_T, self._h_relu_T = x.T, w2.T, self._h_relu.T
        self._residual_flat = self._residual.view(-1)
        self._below_zero = _largest_negative(x)

    def step(self, lr: float) -> Tensor:
        """Take one step of gradient descent, w ← w − lr·∂loss/∂w, and return the loss before it.

        The loss is a tensor of no dimensions on the problem's device. Nothing else is allocated and, on a GPU,
        nothing is waited for.
        """
        _, _, w1, w2 = self.problem
        loss = self.loss()
        self._backward(self._residual)
        w2.addmm_(self._h_relu_T, self._residual, alpha=-2 * lr)
        w1.addmm_(self._x_T, self._grad_h, alpha=-2 * lr)
        return loss

    def loss(self) -> Tensor:
        """Compute Σ (y_pred − y)², as `step` returns it, and leave the lines of the forward pass in the buffers."""
        x, y, w1, w2 = self.problem
        torch.mm(x, w1, out=self._h)
        torch.clamp_min(self._h, 0, out=self._h_relu)
        torch.mm(self._h_relu, w2, out=self._residual)
        self._residual.sub_(y)
        loss: Tensor = self._residual_flat.dot(self._residual_flat)
        return loss

    def gradients(self) -> Gradients:
        """Compute ∂loss/∂x, ∂loss/∂y, ∂loss/∂w1, ∂loss/∂w2, with relu'(0) = 1, in new tensors."""
        self.loss()
        grad_y_pred = 2 * self._residual
        grad_w2 = self._h_relu_T @ grad_y_pred
        grad_h = self._backward(grad_y_pred)
        return Gradients(x=grad_h @ self.problem.w1.T, y=-grad_y_pred, w1=self._x_T @ grad_h, w2=grad_w2)

    def _backward(self, grad_y_pred: Tensor) -> Tensor:
        """Carry a gradient (or a multiple of it) from y_pred to h, with relu'(0) = 1."""
        torch.mm(grad_y_pred, self._w2_T, out=self._grad_h)
        _threshold_backward(self._grad_h, self._h, self._below_zero, grad_input=self._grad_h)
        return self._grad_h


_threshold_backward: Any = torch.ops.aten.threshold_backward.grad_input


def _largest_negative(x: Tensor) -> float:
    """Return the largest number below 0 of x's dtype, minus its smallest subnormal."""
    info = torch.finfo(x.dtype)
    number = -info.smallest_normal * info.eps
    if not bool(x.new_tensor([number]) < 0):
        raise UnsupportedError(
            f"Torch flushes subnormal numbers of {x.dtype} to zero here, and a mask of h < 0 needs one: "
            "call torch.set_flush_denormal(False), or use torch_core."
        )
    return number


def loss(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """Compute the loss once, as `torch_core.loss`; for many calls keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).loss()


def gradients(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> Gradients:
    """Compute the gradients once, as `torch_core.gradients`; for many calls keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).gradients()


def step(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, lr: float) -> Tensor:
    """Take one step, as `torch_core.step`; for many steps keep a Workspace."""
    return Workspace(Problem(x, y, w1, w2)).step(lr)
