"""check_kernel() and assert_kernel(): what the user passes becomes a kernel, a reference, inputs and options."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.claims.promised import promised
from gradcheck.claims.tree import shallow
from gradcheck.errors import ArgumentError
from gradcheck.kernels.options import KernelOptions
from gradcheck.reports.watch import watched
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.report import GradientError, Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@watched
def check_kernel(
    kernel: Any,
    reference: Any,
    inputs: Any,
    *,
    kwargs: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
    gradients: str | Sequence[str] | None = None,
    seed: int = 0,
    factor: float = 1.0,
    deterministic: bool = False,
    inplace_cotangent: bool = False,
    batch_axis: int | Mapping[str, int] | None = None,
    order: int = 1,
) -> Report:
    """Judge a kernel and its backward against a reference, in the precision that the kernel runs in.

    The reference in float64, on the inputs as they are, is the truth; the reference in the kernel's dtypes says what a
    right computation in them is off by. Outputs and gradients are held against both, by limits that were calibrated on
    right kernels (`docs/your-own-kernel.md`). The reference itself is certified by slopes of it.

    Parameters
    ----------
    kernel : callable, module or pair
        A Torch callable with a backward of its own (a function, ``Function.apply``, a module, whose parameters are
        judged too), a JAX function (``custom_vjp``), or a pair ``(forward, backward)`` of NumPy, Torch or JAX:
        ``backward(cotangent, *inputs)``, or ``backward(cotangent, cache)`` where forward returns ``(out, cache)``.
    reference : callable, module or pair
        The same outputs by differentiable operations of Torch or JAX that take float64; casts inside it are followed in
        low precision only. A pair as above is taken too, and a NumPy function of few entries.
    inputs : tuple or dict
        What both are called with: arrays of mixed dtypes, integers, booleans, None, plain numbers, nested. The floating
        arrays that require a gradient are judged; if none does, all of them.
    kwargs : mapping, optional
        Keyword arguments of both; no gradient of them is judged.
    names : sequence of str, optional
        Names of the inputs; by default those of the signature.
    gradients : sequence of str, optional
        The inputs whose gradient is judged.
    seed : int
        Of the cotangents and of every other draw.
    factor : float
        Loosens all limits for a kernel that is meant to be coarser (fp8, fast math); the report says what could hide.
    deterministic : bool
        Two answers that are not the same to the bit are a FAIL instead of a note.
    inplace_cotangent : bool
        The kernel may overwrite its cotangent.
    batch_axis : int or mapping of str to int, optional
        Ask some rows alone too, along this axis of the inputs, and say whether they are the same as in the batch.

    order : int
        2 judges the kernel's double backward (Torch): the gradients as functions of the inputs and of grad_output.

    Returns
    -------
    Report
        A row for each output, named "output" or after its place in what is returned, and one for each gradient, named
        after its input; ``report["q"].comparison`` has error, yardstick and ratio.

    Raises
    ------
    ArgumentError
        If kernel or reference cannot be run on the inputs, or an option is none of these. What the kernel gets wrong
        is a FAIL, not an exception.

    Examples
    --------
    >>> import torch, gradcheck as gc
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     def backward(ctx, c):
    ...         return c
    >>> x = torch.linspace(-1, 1, 64, dtype=torch.bfloat16).reshape(4, 16)
    >>> report = gc.check_kernel(Double.apply, lambda x: 2 * x, (x,))
    >>> print(report["output"].verdict, report["x"].verdict, report["x"].mistakes[0])
    PASS FAIL factor 2 missing

    """
    options = KernelOptions(seed, factor, deterministic, inplace_cotangent, batch_axis, order)
    for name, value in (("kernel", kernel), ("reference", reference)):
        pair = isinstance(value, tuple | list)
        if not (callable(value) or (pair and len(value) == 2 and all(map(callable, value)))):
            raise ArgumentError(f"{name} is a {type(value).__name__}, wanted a callable or a pair (forward, backward)")
    from gradcheck.kernels.flow import try_kernel  # noqa: PLC0415  NumPy's and Torch's parts only where they are used

    for name, value in {"inputs": inputs, "kwargs": kwargs}.items():
        shallow(value, name)
    loaded, drawn = "jax" in sys.modules, np.random.get_state()  # noqa: NPY002  the caller's own draws
    try:
        with promised(
            {"inputs": inputs, "kwargs": kwargs}, "the kernel or its reference", " when called again"
        ) as changed:
            report = try_kernel(_called(kernel), _called(reference), inputs, kwargs, names, gradients, options)
    finally:
        if not loaded and "jax" in sys.modules:  # JAX draws from NumPy when it is imported
            np.random.set_state(drawn)  # noqa: NPY002  as above
    if not changed:
        return report
    note = f"the kernel or the reference changes {', '.join(changed)} in place: it was put back after the check"
    return replace(report, notes=(*report.notes, note))


def _called(function: Any) -> Any:
    """Return the callable of a torch.autograd.Function that was passed itself; anything else as it is."""
    if isinstance(function, type) and any(c.__module__ == "torch.autograd.function" for c in function.__mro__[1:]):
        made: Any = function
        return made.apply
    return function


def assert_kernel(kernel: Any, reference: Any, inputs: Any, **options: Any) -> Report:
    """Raise GradientError unless `check_kernel` says PASS; takes what it takes, and returns its report.

    Raises
    ------
    GradientError
        On FAIL and on INCONCLUSIVE; its message and its ``report`` say why.

    """
    __tracebackhide__ = True  # in pytest, where the report says what is wrong and this frame does not
    report = check_kernel(kernel, reference, inputs, **options)
    if report.verdict is not Verdict.PASS:
        raise GradientError(report)
    return report
