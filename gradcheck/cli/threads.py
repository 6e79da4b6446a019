"""How many threads the pools of NumPy and Torch compute with: as many as the largest product deserves.

A product that is shared waits for the slowest of its threads. Where another process holds a core, that thread waits for
its turn, some milliseconds: more than a small product takes in all.
"""

from __future__ import annotations

import math
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gradcheck.bench.timing import pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Linux lets a thread run about 3 ms before another has its turn (sched_base_slice_ns), at some 1e10 operations per
# second and core: a share of less is over before a thread that has to wait has begun.
SHARE = 3e-3 * 1e10


def largest_product(shape: tuple[int, int, int, int]) -> int:
    """Return the floating-point operations of x @ w1, or of the products as large in the backward pass."""
    n, d_in, h, _ = shape
    return 2 * n * d_in * h


def product_of(entries: int) -> float:
    """Return the floating-point operations of a product of square matrices of n² = so many entries each: 2·n³."""
    return 2 * entries * math.sqrt(entries)


def deserved(flop: float) -> int:
    """Return how many threads a product of so many operations deserves, of the cores there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, int(flop / SHARE)))


@contextmanager
def threads_for(threads: int | None, *, flop: float) -> Iterator[None]:
    """Compute with `threads`, or with as many as the product deserves where the environment does not say.

    Torch, where it is not loaded yet, reads the variables when it is.
    """
    if threads is None and any(name in os.environ for name in VARIABLES):
        yield
        return
    count = deserved(flop) if threads is None else threads
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, str(count)))
    try:
        with pinned(count, torch_too=sys.modules.get("torch") is not None):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
