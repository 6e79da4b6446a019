"""Singular values, by LAPACK's slower routine: the faster one gives up on some matrices of claims that repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def svd(matrix: Array) -> tuple[Array, Array, Array]:
    """Return left singular vectors, singular values, and right ones as rows.

    `gesvd` iterates by the QR algorithm; `gesdd`, which NumPy calls, divides and conquers, and may not converge.
    """
    from scipy.linalg import svd as decomposed  # noqa: PLC0415  SciPy loads late

    left, sizes, rows = decomposed(matrix, full_matrices=False, lapack_driver="gesvd")
    return np.asarray(left), np.asarray(sizes), np.asarray(rows)


def rank(matrix: Array, least: float) -> int:
    """Return how many singular values are above `least`."""
    return int(np.sum(svd(matrix)[1] > least))


def inverse(matrix: Array) -> Array:
    """Return the inverse of Moore and Penrose of a matrix of full rank."""
    left, sizes, rows = svd(matrix)
    return np.asarray(rows.T @ (left.T / sizes[:, None]))
