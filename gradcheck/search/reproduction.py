"""A case as a Python program: the check that failed, with its arrays written out, to copy and run."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.search.calls import leaves_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def literal(array: Any) -> str:
    """Return the expression that makes an array, or arrays nested in dicts and tuples, again, to the last bit.

    Examples
    --------
    >>> literal(np.array([[1.0, -0.5]]))
    'np.array([[1.0, -0.5]])'
    >>> literal(np.zeros((2, 0), "float32"))
    "np.zeros((2, 0), dtype='float32')"

    """
    if isinstance(array, dict):
        return "{" + ", ".join(f"{key!r}: {literal(part)}" for key, part in array.items()) + "}"
    if isinstance(array, (tuple, list)):
        return "(" + "".join(f"{literal(part)}, " for part in array) + ")"
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


def program(targets: Sequence[str], args: Any, *, seed: int, rtol: float | None = None) -> str:
    """Return a program that checks the functions of `targets` at `args` as was done here.

    Parameters
    ----------
    targets : sequence of str
        ``package.module:loss``, and ``package.module:gradient`` unless the first returns both.
    args : tuple or dict of arrays
        The case.
    seed, rtol
        As passed to `gradcheck.check`.

    """
    expressions = [_expression(target) for target in targets]
    library = "import torch" if any(arrays.is_torch(array) for array in leaves_of(args)) else "import numpy as np"
    imports = dict.fromkeys(f"import {module}" for module, _ in expressions)
    options = f", rtol={rtol!r}" if rtol is not None else ""
    names = [name for _, name in expressions]
    called = f"{names[0]}, {names[1] if len(names) == 2 else None}, args, seed={seed}{options}"
    if isinstance(args, dict):
        rows = ["args = {", *(f"    {name!r}: {literal(part)}," for name, part in args.items()), "}"]
    else:
        rows = ["args = (", *(f"    {literal(part)}," for part in args), ")"]
    lines = [library, "", "import gradcheck", *imports, "", *rows]
    return "\n".join([*lines, f"print(gradcheck.check({called}))"])


TAKEN = {"args", "gradcheck", "importlib", "np", "print", "torch"}  # what else the program names


def _expression(target: str) -> tuple[str, str]:
    """Return what to import for a target, and the expression that is its function, whatever its module is called."""
    module, _, name = target.partition(":")
    packages, attributes = module.split("."), name.split(".")
    if all(map(_plain, packages)) and packages[0] not in TAKEN:
        imported, expression = module, module
    else:
        imported, expression = "importlib", f"importlib.import_module({module!r})"
    for attribute in attributes:
        expression = f"{expression}.{attribute}" if _plain(attribute) else f"getattr({expression}, {attribute!r})"
    return imported, expression


def _plain(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)
