"""What it costs to check the gradient of the same function, by gradcheck and by what else there is.

The function is the loss of the two-layer network in its weights, in float64. Every way runs in a process of its own
(`one_check`), so that its peak memory is its own: the growth of the resident set from just before the check, arguments
and data excluded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from gradcheck.bench.results import CheckCost
from gradcheck.two_layer_relu.problem import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHECKED", "TOOLS", "costs"]

# About 10², 10⁴, 10⁵ and 10⁷ parameters.
CHECKED = {
    "1e2": Shape(4, 8, 8, 2),
    "1e4": Shape(32, 120, 75, 12),
    "1e5": Shape(64, 1000, 100, 10),
    "1e7": Shape(64, 10000, 1000, 10),
}
TOOLS = ("gradcheck", "torch fast", "torch slow", "scipy, one direction", "scipy, all")
# These ask for one evaluation or two per parameter: bearable up to 10⁴.
ONE_BY_ONE = ("torch slow", "scipy, all")
REPEATS = 3


def costs(*, quick: bool = False) -> Iterator[CheckCost]:
    """Yield what each tool needs at each size, those left out that would take hours.

    Parameters
    ----------
    quick : bool
        10² and 10⁴ parameters only.

    """
    for size in list(CHECKED)[: 2 if quick else None]:
        for tool in TOOLS:
            if tool.startswith("torch") and find_spec("torch") is None:
                continue
            if tool in ONE_BY_ONE and size in ("1e5", "1e7"):
                continue
            yield measured(tool, size)


def measured(tool: str, size: str) -> CheckCost:
    """Run one tool on one size in a process of its own, on one thread."""
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    repeats = 1 if size == "1e7" or tool in ONE_BY_ONE else REPEATS
    process = subprocess.run(  # noqa: S603  this interpreter, this package
        [sys.executable, "-m", "gradcheck.bench.one_check", tool, size, str(repeats)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **one_thread},
    )
    found = json.loads(process.stdout)
    return CheckCost(**{**found, "seconds": tuple(found["seconds"])})
