"""A case as a Python program: the check that failed, with its arrays written out, to copy and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["literal", "program"]


def literal(array: Any) -> str:
    """Return the expression that makes an array again, to the last bit.

    Examples
    --------
    >>> literal(np.array([[1.0, -0.5]]))
    'np.array([[1.0, -0.5]])'
    >>> literal(np.zeros((2, 0), "float32"))
    "np.zeros((2, 0), dtype='float32')"

    """
    name = arrays.dtype_name(array)
    if arrays.is_torch(array):
        if array.numel() == 0:
            return f"torch.zeros({tuple(array.shape)}, dtype=torch.{name})"
        return f"torch.tensor({array.tolist()}, dtype=torch.{name})"
    values = np.asarray(array)
    dtype = "" if name == "float64" else f", dtype={name!r}"
    if values.size == 0:
        return f"np.zeros({values.shape}{dtype})"
    return f"np.array({values.tolist()}{dtype})"


def program(targets: Sequence[str], args: Sequence[Any], *, seed: int, rtol: float | None = None) -> str:
    """Return a program that checks the functions of `targets` at `args` as was done here.

    Parameters
    ----------
    targets : sequence of str
        ``package.module:loss``, and ``package.module:gradient`` unless the first returns both.
    args : sequence of array
        The case.
    seed, rtol
        As passed to `gradcheck.check`.

    """
    functions = [target.partition(":")[::2] for target in targets]
    library = "import torch" if any(arrays.is_torch(array) for array in args) else "import numpy as np"
    imports = dict.fromkeys(f"import {module}" for module, _ in functions)
    options = f", rtol={rtol!r}" if rtol is not None else ""
    names = [f"{module}.{name}" for module, name in functions]
    called = f"{names[0]}, {names[1] if len(names) == 2 else None}, args, seed={seed}{options}"
    rows = [f"    {literal(array)}," for array in args]
    lines = [library, "", "import gradcheck", *imports, "", "args = (", *rows, ")"]
    return "\n".join([*lines, f"print(gradcheck.check({called}))"])
