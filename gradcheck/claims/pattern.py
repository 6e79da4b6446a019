"""A sparsity pattern alone, judged by the matrix that a solver differences with it.

Columns that share no row move together, one group at a time, and each row's change is put down to the one column of the
group that the pattern allows there (A. Curtis, M. Powell and J. Reid, "On the estimation of sparse Jacobian matrices",
J. Inst. Math. Appl. 13, 1974). An entry that the pattern misses is lost, or counted for another column. The matrix is a
claim like any other: where it is the Jacobian the pattern holds all its entries.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.jacobian import JacobianClaim
from gradcheck.errors import WrongClaim
from gradcheck.slopes.central import central
from gradcheck.slopes.direction import scale_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gradcheck.claims.claim import Given

DIFFERENCED = "the pattern is judged by the matrix that a solver differences with it, in {} calls of f"


class PatternClaim(JacobianClaim):
    """The claim that a sparsity pattern holds every entry of the Jacobian."""

    def __init__(self, function: Callable[..., Any], sparsity: Any, given: Given) -> None:
        super().__init__(function, _unknown, given)
        if len(self.out) != 1 or len(self.leaves) != 1:
            raise WrongClaim("sparsity= is for one output and one argument")
        matrix, off = self._differenced(sparsity)
        self.jac = lambda *_, **__: matrix
        self.sparsity = sparsity
        self.at_point_only = True
        self.own_error = off
        self.notes = (*self.notes, DIFFERENCED.format(self.calls))
        self.balance_rows()

    def _differenced(self, sparsity: Any) -> tuple[Any, float]:
        """Return the matrix by differences, and how far it is off, relative to it, its rows balanced."""
        from scipy import sparse  # noqa: PLC0415  only where a pattern is declared

        x, y = self.leaves[0], self.out[0]
        size = math.prod(arrays.shape_of(y)), math.prod(arrays.shape_of(x))
        pattern = sparse.csc_array(sparsity if sparse.issparse(sparsity) else np.atleast_2d(sparsity))
        if pattern.shape != size:
            raise WrongClaim(f"sparsity= has shape {pattern.shape}, wanted {size}, that of the Jacobian")
        pattern.eliminate_zeros()
        groups = grouped(pattern)
        self.calls = 0
        scale = np.broadcast_to(scale_of(arrays.to_numpy(x)).value, arrays.shape_of(x)).reshape(-1)
        unit = arrays.ROUNDOFF[arrays.dtype_name(x)]
        rows, columns = pattern.indices, np.repeat(np.arange(size[1]), np.diff(pattern.indptr))
        values, bounds = np.zeros(rows.size), np.zeros(rows.size)
        for group in range(int(groups.max(initial=-1)) + 1):
            move = np.where(groups == group, scale, 0.0).reshape(arrays.shape_of(x))

            def at(t: float, move: NDArray[Any] = move) -> NDArray[Any]:
                self.calls += 1
                moved = self.outputs([arrays.shifted(x, t, arrays.like(move, x))])
                return arrays.to_numpy(moved[0]).reshape(-1)

            slopes, bound = central(at, arrays.dtype_name(x), unit)
            inside = groups[columns] == group
            values[inside] = slopes[rows[inside]].real / scale[columns[inside]]
            bounds[inside] = bound[rows[inside]] / scale[columns[inside]]
        matrix = sparse.csr_array(sparse.coo_array((values, (rows, columns)), shape=size))
        squares = [np.bincount(rows, (x * scale[columns]) ** 2, minlength=size[0]) for x in (values, bounds)]
        balanced = np.maximum(squares[0], (2.0**-12 * np.abs(arrays.to_numpy(y)).reshape(-1)) ** 2)  # as rows are
        whole, off = (float(np.sum(x / np.where(balanced > 0, balanced, 1.0))) for x in squares)
        return matrix, math.sqrt(off / whole) if whole else 0.0


def grouped(pattern: Any) -> NDArray[np.intp]:
    """Return the group of each column of a sparse pattern: those of one group share no row. The first that is free."""
    taken: list[set[int]] = [set() for _ in range(pattern.shape[0])]
    groups = np.zeros(pattern.shape[1], dtype=np.intp)
    for column in range(pattern.shape[1]):
        rows = pattern.indices[pattern.indptr[column] : pattern.indptr[column + 1]]
        used = set().union(*(taken[row] for row in rows))
        groups[column] = group = next(k for k in range(len(used) + 1) if k not in used)
        for row in rows:
            taken[row].add(group)
    return groups


def _unknown(*_: Any, **__: Any) -> Any:
    raise WrongClaim("not differenced yet")
