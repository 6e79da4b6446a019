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

from gradcheck.bench.results import CheckCost
from gradcheck.errors import UnsupportedError
from gradcheck.two_layer_relu.problem import Shape

# About 10², 10⁴, 10⁵ and 10⁷ parameters.
CHECKED = {
    "1e2": Shape(4, 8, 8, 2),
    "1e4": Shape(32, 120, 75, 12),
    "1e5": Shape(64, 1000, 100, 10),
    "1e7": Shape(64, 10000, 1000, 10),
}
TOOLS = ("gradcheck", "torch fast", "torch slow", "scipy random", "scipy all")
# These ask for one evaluation or two per parameter: bearable up to 10⁴.
ONE_BY_ONE = ("torch slow", "scipy all")
REPEATS = 3
PER_EVALUATION, PER_PARAMETER = 1e-4, 1e-8  # seconds, for the estimate only


def planned(*, quick: bool = False) -> list[tuple[str, str]]:
    """Return (tool, size) of what is measured: those left out that would take hours, or need Torch where it is not.

    Parameters
    ----------
    quick : bool
        10² and 10⁴ parameters only.

    """
    with_torch = find_spec("torch") is not None
    return [
        (tool, size)
        for size in list(CHECKED)[: 2 if quick else None]
        for tool in TOOLS
        if (with_torch or not tool.startswith("torch")) and not (tool in ONE_BY_ONE and size in ("1e5", "1e7"))
    ]


def estimate(tool: str, size: str) -> float:
    """Return about how many seconds `measured` takes: a process that loads its libraries, and the evaluations."""
    shape = CHECKED[size]
    parameters = (shape.d_in + shape.d_out) * shape.h
    evaluations = 2 * parameters if tool in ONE_BY_ONE else 64
    loading = 3.0 if tool.startswith("torch") else 1.0
    return loading + _repeats(tool, size) * evaluations * (PER_EVALUATION + PER_PARAMETER * parameters)


def _repeats(tool: str, size: str) -> int:
    return 1 if size == "1e7" or tool in ONE_BY_ONE else REPEATS


def measured(tool: str, size: str) -> CheckCost:
    """Run one tool on one size in a process of its own, on one thread.

    Raises
    ------
    UnsupportedError
        If the process fails, for want of memory, say.

    """
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.run(  # noqa: S603  this interpreter, this package
        [sys.executable, "-m", "gradcheck.bench.one_check", tool, size, str(_repeats(tool, size))],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **one_thread},
    )
    if process.returncode:
        said = process.stderr.strip().splitlines()
        raise UnsupportedError(f"its process ended with {process.returncode}: {said[-1] if said else 'no message'}")
    found = json.loads(process.stdout)
    return CheckCost(**{**found, "seconds": tuple(found["seconds"])})
