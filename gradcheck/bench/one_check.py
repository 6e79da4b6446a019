"""`python -m gradcheck.bench.one_check TOOL SIZE REPEATS`: check, alone in this process, and print what it took."""

from __future__ import annotations

import gc
import json
import signal
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import gradcheck
from gradcheck.bench.checks import CHECKED
from gradcheck.bench.results import CheckCost
from gradcheck.bench.sizes import scaled
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Problem, Shape

if TYPE_CHECKING:
    from collections.abc import Callable

TINY = Shape(2, 3, 4, 2)  # a first check loads what is loaded only once


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        """Count, and call."""
        self.calls += 1
        return self.function(*args)


def cost(tool: str, size: str, repeats: int = 1) -> CheckCost:
    """Return what one check of that size takes with that tool; time is this thread's own, peak memory that above."""
    problem = scaled(CHECKED[size], "float64")
    arguments = problem.w1.nbytes + problem.w2.nbytes
    prepare(tool, scaled(TINY, "float64"))[0]()
    check, loss, gradient = prepare(tool, problem)
    gc.collect()
    before = reset_peak()
    seconds = []
    for _ in range(repeats):
        loss.calls = gradient.calls = 0
        start = time.thread_time()
        said = check()
        seconds.append(time.thread_time() - start)
    peak = peak_beyond(before)
    parameters = problem.w1.size + problem.w2.size
    return CheckCost(tool, parameters, loss.calls, gradient.calls, tuple(seconds), peak, arguments, said)


def prepare(tool: str, problem: Problem) -> tuple[Callable[[], str], Counted, Counted]:
    """Return a tool's check of the network's weights, which returns what it says, and the two functions it calls."""
    if tool.startswith("torch"):
        return _torch(problem, fast=tool == "torch fast")
    x, y, w1, w2 = problem
    loss = Counted(lambda w1, w2: numpy_core.loss(x, y, w1, w2))
    gradient = Counted(lambda w1, w2: numpy_core.gradients(x, y, w1, w2)[2:])
    if tool == "gradcheck":
        return lambda: str(gradcheck.check(loss, gradient, (w1, w2)).verdict), loss, gradient
    return _scipy(problem, loss, gradient, "all" if tool == "scipy all" else "random"), loss, gradient


def _scipy(problem: Problem, loss: Counted, gradient: Counted, direction: str) -> Callable[[], str]:
    from scipy.optimize import check_grad  # noqa: PLC0415  one tool of several

    w1, w2 = problem.w1, problem.w2

    def split(w: Any) -> tuple[Any, Any]:
        return w[: w1.size].reshape(w1.shape), w[w1.size :].reshape(w2.shape)

    def flat_gradient(w: Any) -> Any:
        return np.concatenate([g.ravel() for g in gradient(*split(w))])

    def check() -> str:
        w = np.concatenate([w1.ravel(), w2.ravel()])
        error = check_grad(lambda w: loss(*split(w)), flat_gradient, w, direction=direction, rng=0)
        return f"error {error:.1e}"

    return check


def _torch(problem: Problem, *, fast: bool) -> tuple[Callable[[], str], Counted, Counted]:
    import torch  # noqa: PLC0415  one tool of several

    from gradcheck.two_layer_relu import torch_core  # noqa: PLC0415

    torch.set_num_threads(1)
    x, y, w1, w2 = torch_core.to_torch(problem)
    loss = Counted(torch_core.loss)
    gradient = Counted(torch_core.gradients)

    class Loss(torch.autograd.Function):
        """The loss, with the hand gradients as its backward."""

        @staticmethod
        def forward(ctx: Any, w1: Any, w2: Any) -> Any:
            ctx.save_for_backward(w1, w2)
            return loss(x, y, w1, w2)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            found = gradient(x, y, *ctx.saved_tensors)
            return grads[0] * found.w1, grads[0] * found.w2

    def check() -> str:
        inputs = (w1.requires_grad_(), w2.requires_grad_())
        passed = torch.autograd.gradcheck(Loss.apply, inputs, fast_mode=fast, raise_exception=False)
        return "True" if passed else "False"

    return check, loss, gradient


def reset_peak() -> int | None:
    """Forget the peak of the resident set, and return the set's size in bytes; None where only Linux could."""
    refs = Path("/proc/self/clear_refs")
    if not refs.exists():
        return None
    refs.write_text("5", encoding="ascii")
    return _status("VmRSS")


def peak_beyond(before: int | None) -> int | None:
    """Return the bytes by which the resident set outgrew what `reset_peak` returned; None where that is None."""
    return None if before is None else max(_status("VmHWM") - before, 0)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise KeyError(name)


def main() -> None:
    """Print the cost as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # who is interrupted with the command that asked has nothing to say
    tool, size, repeats = sys.argv[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = cost(tool, size, int(repeats))
    sys.stdout.write(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
