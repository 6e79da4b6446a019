"""What the machine can do at most: a large square product, and a sum over more numbers than the caches hold.

They bound a roofline (S. Williams, A. Waterman and D. Patterson, Commun. ACM 52(4), 2009): a computation
of so many operations per byte runs at no more than min(peak, operations per byte × bandwidth).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE, CUDA_SIDE = 1024, 8192
REPEATS = 3
BIG = 2**27  # bytes, several times a last-level cache


def peak(library: str, dtype: str, device: str, clock: Callable[[Callable[[], Any], int], float]) -> dict[str, float]:
    """Return {"gflops", "bytes_per_second"}: the best of a few samples of each, for one library, dtype and device."""
    product, total, side, size = _work(library, dtype, device)
    product()
    total()
    return {
        "gflops": 2 * side**3 / min(clock(product, 1) for _ in range(REPEATS)) / 1e9,
        "bytes_per_second": size / min(clock(total, 1) for _ in range(REPEATS)),
    }


def _work(library: str, dtype: str, device: str) -> tuple[Callable[[], Any], Callable[[], Any], int, int]:
    """Return a product, a sum, the side of the matrices and the bytes that the sum reads."""
    if library == "numpy":
        a = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(dtype)
        out, flat = np.empty_like(a), np.ones(BIG // a.itemsize, dtype)
        return lambda: np.matmul(a, a, out=out), flat.sum, SIDE, BIG
    import torch  # noqa: PLC0415  Torch is loaded when it is asked for

    side = SIDE if device == "cpu" else CUDA_SIDE
    matrix = torch.randn(side, side, device=device).to(getattr(torch, dtype))
    ones = torch.ones(BIG // matrix.element_size(), device=device, dtype=matrix.dtype)
    buffer = torch.empty_like(matrix)
    return lambda: torch.mm(matrix, matrix, out=buffer), ones.sum, side, BIG
