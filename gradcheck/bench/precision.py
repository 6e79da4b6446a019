"""What a lower precision does to the gradient, judged by the check itself.

The claim is the fast core's gradient computed in that precision from the float64 weights, the function the float64
loss. So the interval that the check finds is the error of the precision, and no rtol hides it.
"""

from __future__ import annotations

from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

import gradcheck
from gradcheck.bench.sizes import SHAPES, scaled
from gradcheck.two_layer_relu import numpy_core


def gradient_errors(device: str = "cpu", shape: str = "seed") -> list[dict[str, Any]]:
    """Return {dtype, argument, low, high, verdict} for each precision that the device has.

    Parameters
    ----------
    device : str
        "cpu", or such as "cuda", where TF32 is judged, too.
    shape : str
        One of `sizes.SHAPES`.

    """
    if find_spec("torch") is None:
        return []
    dtypes = ["float32", *(["tf32"] if device != "cpu" else []), "bfloat16"]
    x, y, w1, w2 = scaled(SHAPES[shape], "float64")
    found = []
    for dtype in dtypes:
        report = gradcheck.check(
            lambda w1, w2: numpy_core.loss(x, y, w1, w2),
            lambda w1, w2, dtype=dtype: _gradients(x, y, w1, w2, dtype, device),
            (w1, w2),
        )
        found += [
            {"dtype": dtype, "argument": a.name, "low": a.error.low, "high": a.error.high, "verdict": str(a.verdict)}
            for a in report
        ]
    return found


def _gradients(x: Any, y: Any, w1: Any, w2: Any, dtype: str, device: str) -> tuple[Any, Any]:
    """Compute ∂loss/∂w1, ∂loss/∂w2 in that precision, as float64 NumPy arrays."""
    from gradcheck.two_layer_relu import cuda, torch_core, torch_fast  # noqa: PLC0415  Torch is asked for
    from gradcheck.two_layer_relu.problem import Problem  # noqa: PLC0415

    problem = torch_core.to_torch(Problem(x, y, w1, w2), device, "float32" if dtype == "tf32" else dtype)
    with nullcontext() if device == "cpu" else cuda.tf32(enabled=dtype == "tf32"):
        gradients = torch_fast.gradients(*problem)
    return gradients.w1.double().cpu().numpy(), gradients.w2.double().cpu().numpy()
