"""The step of `torch_core` at the speed of its five matrix products: the same lines, in buffers made once.

    workspace = TorchWorkspace(problem)
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
* On a CPU, many samples are taken a block after the other, whose lines stay in the cache. All of them need the weights
  as they were: the products then add to the changes of the weights, which are added at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.two_layer_relu.blocks import blocks
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


def _part(tensor: Tensor, rows: slice) -> Tensor:
    """Return some rows: the tensor itself if they are all, since each call on a view takes a little longer."""
    return tensor if rows == slice(0, len(tensor)) else tensor[rows]


class _TorchBlock:
    """The lines of some of the samples: views, made once, of their rows and of buffers that all blocks share."""

    def __init__(self, problem: Problem, rows: slice, buffers: tuple[Tensor, ...]) -> None:
        self.rows, self.x, self.y = rows, _part(problem.x, rows), _part(problem.y, rows)
        own = slice(0, rows.stop - rows.start)
        self.h, self.h_relu, self.residual, self.grad_h = (_part(buffer, own) for buffer in buffers)
        self.x_T, self.h_relu_T = self.x.T, self.h_relu.T
        self.residual_flat = self.residual.view(-1)


class TorchWorkspace:
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
                    f"{name} is {type(tensor).__name__} of dtype {tensor.dtype}, wanted a floating-point "
                    "tensor: pass to_torch(problem)."
                )
        self.problem = Problem(*(tensor.detach() for tensor in problem))
        x, _, self._w1, self._w2 = self.problem
        divided = blocks(shape, x.itemsize) if x.device.type == "cpu" else [slice(0, shape.n)]
        rows = max(block.stop - block.start for block in divided)
        # h, h_relu, y_pred − y, ∂loss/∂h, the last but for a factor of 2
        buffers = tuple(x.new_empty(rows, columns) for columns in (shape.h, shape.h, shape.d_out, shape.h))
        self._blocks = [_TorchBlock(self.problem, block, buffers) for block in divided]
        weights = self._w1, self._w2
        # What the products of a step are added to: the weights, or their changes if further blocks need the weights.
        self._sums = weights if len(divided) == 1 else (torch.empty_like(self._w1), torch.empty_like(self._w2))
        self._w2_T = self._w2.T
        self._below_zero = _largest_negative(x)

    def step(self, lr: float) -> Tensor:
        """Take one step of gradient descent, w ← w − lr·∂loss/∂w, and return the loss before it.

        The loss is a tensor of no dimensions on the problem's device. Nothing else is allocated and, on a GPU,
        nothing is waited for.
        """
        sum_w1, sum_w2 = self._sums
        if sum_w1 is not self._w1:
            sum_w1.zero_()
            sum_w2.zero_()
        scale, losses = -2 * lr, []
        for block in self._blocks:
            losses.append(self._forward(block))
            self._backward(block, block.residual)
            sum_w2.addmm_(block.h_relu_T, block.residual, alpha=scale)
            sum_w1.addmm_(block.x_T, block.grad_h, alpha=scale)
        if sum_w1 is not self._w1:
            self._w1.add_(sum_w1)
            self._w2.add_(sum_w2)
        return _sum(losses)

    def loss(self) -> Tensor:
        """Compute Σ (y_pred − y)², as `step` returns it."""
        return _sum([self._forward(block) for block in self._blocks])

    def gradients(self) -> Gradients:
        """Compute ∂loss/∂x, ∂loss/∂y, ∂loss/∂w1, ∂loss/∂w2, with relu'(0) = 1, in new tensors."""
        x, y, w1, w2 = self.problem
        found = Gradients(torch.empty_like(x), torch.empty_like(y), torch.zeros_like(w1), torch.zeros_like(w2))
        for block in self._blocks:
            self._forward(block)
            grad_y_pred = 2 * block.residual
            grad_h = self._backward(block, grad_y_pred)
            found.x[block.rows] = grad_h @ w1.T
            found.y[block.rows] = -grad_y_pred
            found.w1.addmm_(block.x_T, grad_h)
            found.w2.addmm_(block.h_relu_T, grad_y_pred)
        return found

    def _forward(self, block: _TorchBlock) -> Tensor:
        """Fill the block's lines up to the residual, and return its part of the loss."""
        torch.mm(block.x, self._w1, out=block.h)
        torch.clamp_min(block.h, 0, out=block.h_relu)
        torch.mm(block.h_relu, self._w2, out=block.residual)
        block.residual.sub_(block.y)
        loss: Tensor = block.residual_flat.dot(block.residual_flat)
        return loss

    def _backward(self, block: _TorchBlock, grad_y_pred: Tensor) -> Tensor:
        """Carry a gradient (or a multiple of it) from y_pred to h, with relu'(0) = 1."""
        torch.mm(grad_y_pred, self._w2_T, out=block.grad_h)
        _threshold_backward(block.grad_h, block.h, self._below_zero, grad_input=block.grad_h)
        return block.grad_h


def _sum(losses: list[Tensor]) -> Tensor:
    """Add the blocks' losses up, in place of the first."""
    loss = losses[0]
    for other in losses[1:]:
        loss.add_(other)
    return loss


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
    """Compute the loss once, as `torch_core.loss`; for many calls keep a TorchWorkspace."""
    return TorchWorkspace(Problem(x, y, w1, w2)).loss()


def gradients(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> Gradients:
    """Compute the gradients once, as `torch_core.gradients`; for many calls keep a TorchWorkspace."""
    return TorchWorkspace(Problem(x, y, w1, w2)).gradients()


def step(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, lr: float) -> Tensor:
    """Take one step, as `torch_core.step`; for many steps keep a TorchWorkspace."""
    return TorchWorkspace(Problem(x, y, w1, w2)).step(lr)
