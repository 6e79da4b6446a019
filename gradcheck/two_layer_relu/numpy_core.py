"""The two-layer ReLU network and its gradients in NumPy, by hand: the text of the derivation as code.

The lines use only `@`, `maximum`, comparison, a Boolean mask, `sum` and `.T`, so that the same code also runs
on arrays of exact numbers (dtype object). They check that the arrays fit, not what is in them: for that, see
`problem.check_problem`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradcheck.two_layer_relu.problem import check_fit


class Forward(NamedTuple):
    """The lines of the forward pass: h (n, h), h_relu (n, h), y_pred (n, d_out)."""

    h: Any
    h_relu: Any
    y_pred: Any


class Backward(NamedTuple):
    """∂loss/∂ of each line, in the order in which they are derived, each of the shape of its line."""

    y_pred: Any
    w2: Any
    h_relu: Any
    h: Any
    w1: Any


class Gradients(NamedTuple):
    """∂loss/∂ of each argument, in the order of the arguments of `loss`, each of its argument's shape."""

    x: Any
    y: Any
    w1: Any
    w2: Any


def forward(x: Any, w1: Any, w2: Any) -> Forward:
    """Compute h = x·w1, h_relu = max(h, 0), y_pred = h_relu·w2.

    Parameters
    ----------
    x, w1, w2 : array (n, d_in), (d_in, h), (h, d_out)
        float32 or float64, one dtype for all; exact numbers (dtype object) and integers work too.

    Raises
    ------
    ArgumentError
        If the arrays do not fit.

    """
    check_fit(x=x, w1=w1, w2=w2)
    h = x @ w1
    h_relu = np.maximum(h, 0)
    y_pred = h_relu @ w2
    return Forward(h, h_relu, y_pred)


def loss(x: Any, y: Any, w1: Any, w2: Any) -> Any:
    """Compute Σ (y_pred − y)², a scalar; 0 for an empty sum.

    Raises
    ------
    ArgumentError
        If the arrays do not fit.

    """
    check_fit(x=x, y=y, w1=w1, w2=w2)
    return ((forward(x, w1, w2).y_pred - y) ** 2).sum()


def backward(x: Any, y: Any, w2: Any, lines: Forward) -> Backward:
    """Compute the five gradient lines, given those of the forward pass.

    relu is not differentiable at 0; this derivation takes relu'(0) = 1: the mask is h < 0, not h <= 0.
    """
    grad_y_pred = 2 * (lines.y_pred - y)
    grad_w2 = lines.h_relu.T @ grad_y_pred
    grad_h_relu = grad_y_pred @ w2.T
    grad_h = grad_h_relu.copy()
    grad_h[lines.h < 0] = 0
    grad_w1 = x.T @ grad_h
    return Backward(grad_y_pred, grad_w2, grad_h_relu, grad_h, grad_w1)


def gradients(x: Any, y: Any, w1: Any, w2: Any) -> Gradients:
    """Compute ∂loss/∂x, ∂loss/∂y, ∂loss/∂w1, ∂loss/∂w2, with relu'(0) = 1.

    Parameters
    ----------
    x, y, w1, w2 : array (n, d_in), (n, d_out), (d_in, h), (h, d_out)
        As for `loss`; they are not changed.

    Raises
    ------
    ArgumentError
        If the arrays do not fit.

    """
    check_fit(x=x, y=y, w1=w1, w2=w2)
    grad = backward(x, y, w2, forward(x, w1, w2))
    return Gradients(x=grad.h @ w1.T, y=-grad.y_pred, w1=grad.w1, w2=grad.w2)


def step(x: Any, y: Any, w1: Any, w2: Any, lr: float) -> Any:
    """Take one step of gradient descent, w ← w − lr·∂loss/∂w, and return the loss before it.

    Parameters
    ----------
    x, y, w1, w2 : array (n, d_in), (n, d_out), (d_in, h), (h, d_out)
        w1 and w2 are updated in place.
    lr : float
        The learning rate.

    Raises
    ------
    ArgumentError
        If the arrays do not fit.

    """
    check_fit(x=x, y=y, w1=w1, w2=w2)
    lines = forward(x, w1, w2)
    grad = backward(x, y, w2, lines)
    w1 -= lr * grad.w1
    w2 -= lr * grad.w2
    return ((lines.y_pred - y) ** 2).sum()
