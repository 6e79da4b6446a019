"""The two-layer ReLU network and its gradients in Torch, by hand: no autograd computes them.

The same lines as in `numpy_core`, for tensors on any device. `loss` is built from differentiable parts, so autograd can
be asked the same question away from h = 0; at h = 0 the backward of `clamp(min=0)` has a convention of its own, 1 up to
Torch 2.13 and 0 since (`against_autograd` writes the ReLU so that it is 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.two_layer_relu.numpy_core import Backward, Forward, Gradients
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

__all__ = ["Backward", "Forward", "Gradients", "backward", "forward", "gradients", "loss", "step", "to_torch"]


def to_torch(problem: Problem, device: Any = "cpu", dtype: Any = None) -> Problem:
    """Copy a problem of arrays to tensors.

    Parameters
    ----------
    problem : Problem
        NumPy arrays, or tensors.
    device : str or torch.device
        Such as "cpu", "cuda", "cuda:1".
    dtype : str or torch.dtype, optional
        Such as "float32"; that of each array where it is not given.

    Raises
    ------
    ArgumentError
        If the dtype or the device does not exist.
    UnsupportedError
        If the device is not available here.

    """
    device, dtype = _checked_device(device), _checked_dtype(dtype)
    return Problem(*(torch.asarray(array, dtype=dtype, device=device, copy=True) for array in problem))


def forward(x: Tensor, w1: Tensor, w2: Tensor) -> Forward:
    """Compute h = x·w1, h_relu = max(h, 0), y_pred = h_relu·w2.

    Parameters
    ----------
    x, w1, w2 : Tensor (n, d_in), (d_in, h), (h, d_out)
        One floating-point dtype and one device for all.

    Raises
    ------
    ArgumentError
        If the tensors do not fit.

    """
    check_fit(x=x, w1=w1, w2=w2)
    h = x @ w1
    h_relu = h.clamp(min=0)
    y_pred = h_relu @ w2
    return Forward(h, h_relu, y_pred)


def loss(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """Compute Σ (y_pred − y)², a tensor of no dimensions; 0 for an empty sum.

    Raises
    ------
    ArgumentError
        If the tensors do not fit.

    """
    check_fit(x=x, y=y, w1=w1, w2=w2)
    residual: Tensor = forward(x, w1, w2).y_pred - y
    return (residual**2).sum()


def backward(x: Tensor, y: Tensor, w2: Tensor, lines: Forward) -> Backward:
    """Compute the five gradient lines, given those of the forward pass.

    relu is not differentiable at 0; this derivation takes relu'(0) = 1: the mask is h < 0, not h <= 0.
    """
    grad_y_pred = 2 * (lines.y_pred - y)
    grad_w2 = lines.h_relu.T @ grad_y_pred
    grad_h_relu = grad_y_pred @ w2.T
    grad_h = grad_h_relu.masked_fill(lines.h < 0, 0)
    grad_w1 = x.T @ grad_h
    return Backward(grad_y_pred, grad_w2, grad_h_relu, grad_h, grad_w1)


def gradients(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor) -> Gradients:
    """Compute ∂loss/∂x, ∂loss/∂y, ∂loss/∂w1, ∂loss/∂w2, with relu'(0) = 1.

    Parameters
    ----------
    x, y, w1, w2 : Tensor (n, d_in), (n, d_out), (d_in, h), (h, d_out)
        As for `loss`; they are not changed.

    Raises
    ------
    ArgumentError
        If the tensors do not fit.

    """
    check_fit(x=x, y=y, w1=w1, w2=w2)
    grad = backward(x, y, w2, forward(x, w1, w2))
    return Gradients(x=grad.h @ w1.T, y=-grad.y_pred, w1=grad.w1, w2=grad.w2)


def step(x: Tensor, y: Tensor, w1: Tensor, w2: Tensor, lr: float) -> Tensor:
    """Take one step of gradient descent, w ← w − lr·∂loss/∂w, and return the loss before it.

    Parameters
    ----------
    x, y, w1, w2 : Tensor (n, d_in), (n, d_out), (d_in, h), (h, d_out)
        w1 and w2 are updated in place.
    lr : float
        The learning rate.

    Raises
    ------
    ArgumentError
        If the tensors do not fit.

    """
    check_fit(x=x, y=y, w1=w1, w2=w2)
    with torch.no_grad():
        lines = forward(x, w1, w2)
        grad = backward(x, y, w2, lines)
        w1 -= lr * grad.w1
        w2 -= lr * grad.w2
        residual: Tensor = lines.y_pred - y
        return (residual**2).sum()


def _checked_device(device: Any) -> torch.device:
    try:
        checked = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ArgumentError(f"device {device!r} is unknown to Torch: pass 'cpu' or 'cuda'.") from error
    if checked.type == "meta":
        raise ArgumentError("device 'meta' holds no numbers: pass 'cpu' or 'cuda'.")
    try:
        torch.empty(0, device=checked)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        raise UnsupportedError(
            f"device {device!r} is not available here (Torch {torch.__version__}): pass device='cpu'."
        ) from error
    return checked


def _checked_dtype(dtype: Any) -> torch.dtype | None:
    checked = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if checked is None and dtype is None:
        return None
    if not isinstance(checked, torch.dtype) or not checked.is_floating_point:
        raise ArgumentError(f"dtype is {dtype!r}, wanted a floating-point one: pass 'float32' or 'float64'.")
    return checked
