"""Torch's ways to take a step: floor, fast, textbook, autograd as users write it, torch.compile, a CUDA graph."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from gradcheck.errors import UnsupportedError
from gradcheck.two_layer_relu import torch_core, torch_fast
from gradcheck.two_layer_relu.cuda import GraphStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.two_layer_relu.problem import Problem


def _floor(problem: Problem, _: float) -> Callable[[], Any]:
    x, y, w1, w2 = problem
    hidden, y_pred, grad_w1, grad_w2 = x @ w1, y.clone(), w1.clone(), w2.clone()
    grad_hidden = torch.ones_like(hidden)
    x_T, hidden_T, w2_T = x.T, hidden.T, w2.T

    def products() -> None:
        torch.mm(x, w1, out=hidden)
        torch.mm(hidden, w2, out=y_pred)
        torch.mm(hidden_T, y_pred, out=grad_w2)
        torch.mm(y_pred, w2_T, out=grad_hidden)
        torch.mm(x_T, grad_hidden, out=grad_w1)

    return products


def _autograd(problem: Problem, lr: float) -> Callable[[], Any]:
    """Return the training loop of the tutorials: backward(), an update under no_grad, gradients set back to zero."""
    x, y = problem.x, problem.y
    w1, w2 = problem.w1.requires_grad_(), problem.w2.requires_grad_()

    def step() -> Any:
        loss = ((x @ w1).clamp(min=0) @ w2 - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            w1.sub_(w1.grad, alpha=lr)
            w2.sub_(w2.grad, alpha=lr)
            w1.grad.zero_()
            w2.grad.zero_()
        return loss

    return step


def _compiled(problem: Problem, lr: float) -> Callable[[], Any]:
    """Return the textbook step through torch.compile; the first call, which compiles, is made here."""
    x, y, w1, w2 = problem

    def lines(x: Any, y: Any, w1: Any, w2: Any) -> Any:
        forward = torch_core.Forward(h := x @ w1, relu := h.clamp(min=0), relu @ w2)
        grad = torch_core.backward(x, y, w2, forward)
        w1 -= lr * grad.w1
        w2 -= lr * grad.w2
        return ((forward.y_pred - y) ** 2).sum()

    torch.compiler.reset()  # it compiles a function for eight sets of shapes at most, over all cases
    try:
        with torch.no_grad():
            compiled = torch.compile(lines, fullgraph=True, dynamic=False)
            compiled(x, y, w1.clone(), w2.clone())
    except Exception as error:  # no compiler, a Python that Dynamo does not know, a driver: the reason is the result
        reason = " ".join(str(error).split("\n\n")[0].split()) or type(error).__name__
        raise UnsupportedError(f"torch.compile cannot work here: {reason}") from error

    def step() -> Any:
        with torch.no_grad():
            return compiled(x, y, w1, w2)

    return step


MAKERS: dict[str, Callable[[Problem, float], Callable[[], Any]]] = {
    "floor": _floor,
    "fast": lambda problem, lr: partial(torch_fast.TorchWorkspace(problem).step, lr),
    "graph": GraphStep,
    "textbook": lambda problem, lr: partial(torch_core.step, *problem, lr),
    "autograd": _autograd,
    "compiled": _compiled,
}
