"""Training: gradient descent on the two-layer network, with the loss of every step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcheck.errors import ArgumentError, DivergenceError
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Problem, check_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BACKENDS = ("numpy", "torch")


class Trained(NamedTuple):
    """What a training gives back.

    Attributes
    ----------
    losses : list of float
        losses[t] is the loss before update t.
    problem : Problem
        The problem with the weights after the last update: NumPy arrays, or tensors on the device used.

    """

    losses: list[float]
    problem: Problem


def train(
    problem: Problem,
    *,
    steps: int = 500,
    lr: float = 1e-6,
    backend: str = "numpy",
    device: str = "cpu",
) -> Trained:
    """Train a copy of the problem's weights by gradient descent: w ← w − lr·∂loss/∂w, `steps` times.

    Parameters
    ----------
    problem : Problem
        NumPy arrays of one floating-point dtype, in which everything is computed; they are not changed.
    steps : int
        Number of updates, at least 0.
    lr : float
        The learning rate, positive.
    backend : {"numpy", "torch"}
        Whose hand-written network is used.
    device : str
        "cpu", or for Torch any device that it has.

    Raises
    ------
    ArgumentError
        If the arrays or the options are not usable.
    UnsupportedError
        If Torch is not installed, or lacks the device.
    DivergenceError
        If a loss is not finite; it holds the losses before.

    Examples
    --------
    >>> from gradcheck.two_layer_relu.problem import Shape, draw
    >>> losses, _ = train(draw(Shape(n=8, d_in=5, h=4, d_out=2)), steps=100, lr=1e-3)
    >>> losses[-1] < losses[0]
    True

    """
    problem = prepare(problem, backend=backend, device=device)
    return Trained(list(descend(problem, steps=steps, lr=lr)), problem)


def prepare(problem: Problem, *, backend: str, device: str = "cpu") -> Problem:
    """Check a problem of NumPy arrays and copy it to where the backend computes.

    Raises
    ------
    ArgumentError, UnsupportedError
        As for `train`.

    """
    check_problem(problem)
    if backend == "numpy":
        if str(device) != "cpu":
            raise ArgumentError(f"device is {device!r}, but NumPy computes on 'cpu': pass backend='torch'.")
        return Problem(*(np.array(array) for array in problem))
    if backend == "torch":
        from gradcheck.two_layer_relu import torch_core  # noqa: PLC0415  Torch is loaded when it is asked for

        return torch_core.to_torch(problem, device=device)
    raise ArgumentError(f"backend is {backend!r}, wanted one of {', '.join(BACKENDS)}: pass one of these.")


def descend(problem: Problem, *, steps: int = 500, lr: float = 1e-6) -> Iterator[float]:
    """Update the problem's weights in place, step by step, and yield the loss before each update.

    Parameters
    ----------
    problem : Problem
        NumPy arrays, or tensors on one device; w1 and w2 are changed.
    steps, lr
        As for `train`.

    Raises
    ------
    ArgumentError
        At once, if the arrays or the options are not usable.
    DivergenceError
        At the first loss that is not finite.

    """
    check_problem(problem)
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise ArgumentError(f"steps is {steps!r}, wanted an integer of at least 0: pass steps=500.")
    if isinstance(lr, bool) or not isinstance(lr, (int, float, np.floating)) or not 0 < lr < math.inf:
        raise ArgumentError(f"lr is {lr!r}, wanted a positive finite number: pass lr=1e-6.")
    return _descend(problem, int(steps), float(lr), _step_of(problem))


def _descend(
    problem: Problem, steps: int, lr: float, step: Callable[[Any, Any, Any, Any, float], Any]
) -> Iterator[float]:
    losses: list[float] = []
    for t in range(steps):
        with np.errstate(over="ignore", invalid="ignore"):  # said below, once, with the step
            loss = float(step(*problem, lr))
        if not math.isfinite(loss):
            before = f" after {losses[-1]:.6g}" if losses else ""
            raise DivergenceError(
                f"Training diverged with lr={lr:g}: the loss of step {t} is {loss}{before}; pass a smaller lr.",
                step=t,
                losses=tuple(losses),
            )
        losses.append(loss)
        yield loss


def _step_of(problem: Problem) -> Callable[[Any, Any, Any, Any, float], Any]:
    """Find the core that the arrays belong to."""
    if isinstance(problem.x, np.ndarray):
        return numpy_core.step
    from gradcheck.two_layer_relu import torch_core  # noqa: PLC0415  Torch is loaded when it is asked for

    return torch_core.step
