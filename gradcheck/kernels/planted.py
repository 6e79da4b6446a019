"""Proof of power: kernel mistakes planted in the kernel's own results, and which of them the rule would have caught."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradcheck.kernels.matrix import Matrix
from gradcheck.kernels.rule import objections
from gradcheck.kernels.statistics import measure
from gradcheck.kernels.sums import ResultMatrices
from gradcheck.verdicts.report import Planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.kernels.evidence import KernelResult

MOST = 2**16  # entries in which mistakes are planted: whole rows of a larger result, the last ones among them
BLOCK = 32
Array = NDArray[np.float64]


def _last_columns(k: Array, _: Array) -> Array:
    start = (k.shape[1] - 1) // BLOCK * BLOCK
    k[:, start:] = 0
    return k


def _last_rows(k: Array, _: Array) -> Array:
    k[(len(k) - 1) // 16 * 16 :] = 0
    return k


def _stale_row(k: Array, _: Array) -> Array:
    middle = len(k) // 2
    k[middle] = k[middle - 1]
    return k


def _tile_twice(k: Array, _: Array) -> Array:
    k[:16, :16] *= 2
    return k


def _every_fourth(k: Array, _: Array) -> Array:
    k[:, 3::4] = 0
    return k


def _projection(k: Array, d: Array) -> Array:
    """Add, in each row, a multiple of d whose size is that of one entry of the row: 1/√n of the row."""
    row = np.sqrt(np.mean(k * k, axis=1, keepdims=True))
    return np.asarray(k + row / np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-300) * d)


MISTAKES: dict[str, tuple[Callable[[Array, Array], Array], int, int]] = {
    "zero": (lambda k, _: 0 * k, 1, 1),
    "sign flipped": (lambda k, _: -k, 1, 1),
    "half of it": (lambda k, _: 0.5 * k, 1, 1),
    "1 % too large": (lambda k, _: 1.01 * k, 1, 32),
    "the last block of columns missing": (_last_columns, 1, 2),
    "the last block of rows missing": (_last_rows, 2, 1),
    "a row that keeps the row before": (_stale_row, 2, 1),
    "a block added twice": (_tile_twice, 17, 17),
    "every fourth column missing": (_every_fourth, 1, 8),
    "shifted by one": (lambda k, _: np.roll(k, 1, axis=1), 1, 3),
    "in reverse order": (lambda k, _: k[:, ::-1].copy(), 1, 3),
    "a projection dropped": (_projection, 4, 64),
}
"""By name: how it is planted, and the fewest rows and columns that it needs."""


def plant(result: KernelResult, factor: float) -> Planted:
    """Return how many mistakes, planted in a result that passed, would have been a FAIL."""
    if result.matrices.size == 0:
        return Planted(0, 0, ())
    matrices = _part(result.matrices)
    kernel = matrices.kernel.read(0, matrices.rows)
    direction = next((d for d in matrices.directions.values() if d is not None), None)
    along = np.ones_like(kernel) if direction is None else direction.read(0, matrices.rows)
    caught, missed = 0, []
    for name, (make, rows, columns) in MISTAKES.items():
        if matrices.rows < rows or matrices.columns < columns:
            continue
        wrong = make(kernel.copy(), along)
        if np.linalg.norm(wrong - kernel) <= 1e-3 * np.linalg.norm(kernel):
            continue  # it changes nothing: not applicable
        found = measure(replace(matrices, kernel=Matrix(wrong)), result.u, result.smallest)
        if objections(found, result.u, factor):
            caught += 1
        else:
            missed.append(f"{result.label}: {name}")
    return Planted(caught, caught + len(missed), tuple(missed))


def _part(result: ResultMatrices) -> ResultMatrices:
    """Return a result of few enough entries: as a matrix, whole rows at the end of a larger one."""
    rows = min(result.rows, max(MOST // max(result.columns, 1), 1))
    start = result.rows - rows

    def cut(matrix: Matrix) -> Matrix:
        return Matrix(matrix.read(start, result.rows))

    return ResultMatrices(
        truth=cut(result.truth),
        low=[cut(m) for m in result.low],
        kernel=cut(result.kernel),
        moved=[cut(m) for m in result.moved],
        directions={name: None if m is None else cut(m) for name, m in result.directions.items()},
    )
