"""A Jacobian matrix: `jac=`, dense, sparse or a linear operator, for one argument or one for each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims import matrices
from gradcheck.claims.array_claim import ArrayClaim
from gradcheck.claims.outputs import numbers_as_arrays
from gradcheck.claims.point import caller
from gradcheck.claims.tree import a_kind
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.slopes.direction import scale_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from gradcheck.claims.claim import Given
    from gradcheck.claims.matrices import JacobianBlock


MISSES = (
    "the declared sparsity pattern misses {}[{}, {}], which is {}{}: a solver that uses it differences another matrix"
)


class MatrixClaim(ArrayClaim):
    """A claim whose rows can be told apart: J·v is known for all outputs at once."""

    letter = "J"
    columns: tuple[str, ...]

    def pushed(self, leaves: Sequence[Any], index: int, direction: Any) -> list[NDArray[Any]]:
        """Return J·direction for each output, one leaf moving."""
        raise NotImplementedError

    def transposed(self, index: int) -> Self | None:
        """Return the claim with its matrix transposed in one argument; None where it cannot be."""
        del index
        return None

    def asymmetry(self, leaves: Sequence[Any]) -> str:
        """Return a sentence if the matrix should be symmetric and is not; empty elsewhere."""
        del leaves
        return ""

    def remark(self, leaves: Sequence[Any]) -> str:
        """Return what a wrong matrix may be meant as; empty where nothing is known."""
        del leaves
        return ""

    def missed(self, index: Sequence[int], worst: Sequence[Any]) -> str:
        """Return a sentence if an entry of a wrong row lies outside a declared pattern; empty elsewhere."""
        del index, worst
        return ""

    def label(self, index: int, output: str = "") -> str:
        """Return what to call the part of the matrix that belongs to one argument (and one output)."""
        parts = [part for part in (output, "" if len(self.columns) == 1 else self.columns[index]) if part]
        return f"{self.letter}({' × '.join(parts)})" if parts else self.letter

    def unit(self, row: int) -> list[NDArray[Any]]:
        """Return the cotangents that pick one row, numbered over all outputs."""
        found = [np.zeros(c.size) for c in self.cotangents]
        for part in found:
            if 0 <= row < part.size:
                part[row] = 1.0
            row -= part.size
        return [part.reshape(c.shape) for part, c in zip(found, self.cotangents, strict=True)]

    def output_of_rows(self) -> list[str]:
        """Return the name of the output that each row belongs to."""
        return [name for c, name in zip(self.cotangents, self.output_names, strict=True) for _ in range(c.size)]

    def row_index(self, row: int) -> tuple[str, tuple[int, ...]]:
        """Return the name of a row's output, empty where there is one alone, and the row's index in it."""
        for c, name in zip(self.cotangents, self.output_names, strict=True):
            if row < c.size:
                index = tuple(int(i) for i in np.unravel_index(row, c.shape)) if c.shape else ()
                return ("" if len(self.cotangents) == 1 else name), index
            row -= c.size
        raise IndexError(row)


class JacobianClaim(MatrixClaim, keyword="jac"):
    """The claim that `jac(*args)` is the matrix of ∂f_i/∂x_j, rows for outputs and columns for entries of arguments.

    Parameters
    ----------
    function : callable
        f, with one output or several.
    jac : callable or matrix
        A matrix alone claims J at the point only.
    given : Given
        The point and the rest; its option ``sparsity`` is a matrix that tells where J may have entries other than zero.

    """

    turned = False

    def __init__(self, function: Callable[..., Any], jac: Any, given: Given) -> None:
        if isinstance(jac, str | bool):
            raise ArgumentError(
                f"{self.keyword}={jac!r} claims nothing, wanted a function that returns the Jacobian, or a matrix"
            )
        super().__init__(numbers_as_arrays(function), jac, given)
        self.at_point_only = not callable(jac)
        self.given_unit = 0.0 if callable(jac) else matrices.coarsest(jac)
        self.jac = jac if callable(jac) else lambda *_, **__: jac
        self.sparsity = given.options.get("sparsity")
        self.named()
        self.balance_rows()

    def named(self) -> None:
        """Name rows and columns, before the matrix is read by these names."""
        self.columns = self.names

    def _result(self, leaves: Sequence[Any]) -> Any:
        """Return what the user's function returns."""
        return caller(self.jac, self.tree, self.kwargs)(leaves)

    def blocks(self, leaves: Sequence[Any]) -> list[list[JacobianBlock | None]]:
        """Return the claimed matrix as one block for each output and leaf, None where nothing is claimed."""
        result = self._result(leaves)
        try:
            found = matrices.blocks(self._whole(result), self.out, self.tree, self.output_names, self.letter)
        except WrongClaim:
            raise
        except Exception as error:
            raise WrongClaim(
                f"{self.letter}, {a_kind(result)}, cannot be read as numbers ({type(error).__name__}: {error})"
            ) from error
        return [[b and b.transposed() for b in row] for row in found] if self.turned else found

    def _whole(self, result: Any) -> Any:
        """Return a result as `matrices.blocks` takes it."""
        return result

    def fits(self) -> bool | None:
        """Tell whether the matrices are whole, and not one for each sample; None if they are no Jacobian's.

        They are none where f's output is a single number, or where they fit nowhere and have no row for each output.
        """
        if len(self.out) == 1 and arrays.shape_of(self.out[0]) == ():
            return None
        try:
            return not any(block is not None and block.batch for row in self.blocks(self.leaves) for block in row)
        except WrongClaim:
            rows = {arrays.shape_of(y)[0] for y in self.out if arrays.shape_of(y)}
            shapes = [np.shape(part) for part in _parts_of(self._result(self.leaves))]
            alike = any(len(shape) > 1 and {shape[0], shape[-1]} & rows for shape in shapes)
            return True if alike else None  # the contract tells what is wrong with it

    def claimed(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return Jᴴ·c for each leaf: its real part where the leaf is real."""
        columns = zip(*self.blocks(leaves), strict=True)
        return tuple(self._pulled(column, x) for column, x in zip(columns, leaves, strict=True))

    def _pulled(self, column: Sequence[JacobianBlock | None], x: Any) -> Any:
        if any(block is None for block in column):
            return None
        total = sum(b.pull(c) for b, c in zip(column, self.cotangents, strict=True) if b is not None)
        total = np.asarray(total)
        return arrays.like((total if arrays.is_complex(x) else total.real).reshape(arrays.shape_of(x)), x)

    def pushed(self, leaves: Sequence[Any], index: int, direction: Any) -> list[NDArray[Any]]:
        """Return J·direction for each output, one leaf moving."""
        v = arrays.to_numpy(direction)
        rows = self.blocks(leaves)
        return [
            np.zeros(c.shape) if (b := row[index]) is None else b.push(v)
            for row, c in zip(rows, self.cotangents, strict=True)
        ]

    def transposed(self, index: int) -> Self | None:
        """Return the claim with its square matrix transposed."""
        sizes = {int(c.size) for c in self.cotangents} | {arrays.total_size([self.leaves[index]])}
        if len(self.cotangents) > 1 or len(sizes) > 1 or sizes == {1}:
            return None
        return self.with_(turned=True)

    def missed(self, index: Sequence[int], worst: Sequence[Any]) -> str:
        """Return a sentence if an entry of a wrong row, among the `worst` of it, lies outside the declared pattern."""
        if self.sparsity is None or len(self.out) > 1 or len(self.leaves) > 1:
            return ""
        row = int(arrays.flat_index(index, self.cotangents[0].shape)) if index else 0
        for entry in worst:
            column = int(arrays.flat_index(entry.index, arrays.shape_of(self.leaves[0]))) if entry.index else 0
            if not matrices.has_entry(self.sparsity, row, column) and entry.measured != 0:
                return MISSES.format(self.letter, row, column, f"{complex(entry.measured).real:.6g}", "")
        return ""

    def linear(self, leaves: Sequence[Any]) -> str | None:
        """Return a sentence if the matrix contradicts itself: its pattern, or its transpose."""
        blocks = self.blocks(leaves)
        if self.sparsity is not None and (said := self._outside(blocks)):
            return said
        for row, name in zip(blocks, self.output_names, strict=True):
            for block in row:
                if block is not None and (said := block.adjoint_mismatch()):
                    return said if len(blocks) == 1 else f"{name}: {said}"
        return None

    def _outside(self, blocks: Sequence[Sequence[JacobianBlock | None]]) -> str:
        """Return a sentence if an entry is claimed outside the declared pattern."""
        if len(blocks) != 1 or len(blocks[0]) != 1 or blocks[0][0] is None:
            raise ArgumentError("sparsity= is for one output and one argument: check the others apart, with only=")
        missed = blocks[0][0].outside(self.sparsity)
        if missed is None:
            return ""
        (i, j), value, count = missed
        more = f", and {count - 1} more" if count > 1 else ""
        return MISSES.format(self.letter, i, j, f"{value:.6g}", more)

    def balance_rows(self) -> None:
        """Scale the cotangent row by row, so that no row is too small beside others to be seen.

        By a power of two next to 1/‖J_i∘s‖, or to 2^12/|f_i| where f_i is so large that its round-off would drown the
        others: a slope is off by about 2^20 units of it, and a PASS needs 2^-17 of the row.
        """
        try:
            blocks = self.blocks(self.leaves)
        except Exception:  # noqa: BLE001  the contract tells what is wrong with it
            return
        values = [arrays.to_numpy(x) for x in self.leaves]
        scales = [np.broadcast_to(scale_of(x).value, x.shape) for x in values]
        for k, row in enumerate(blocks):
            size = np.sqrt(sum(b.row_sizes(s) ** 2 for b, s in zip(row, scales, strict=True) if b is not None))
            size = np.maximum(size, 2.0**-12 * np.abs(arrays.to_numpy(self.out[k])))
            known = np.isfinite(size) & (size > 0)
            if np.any(known):
                exponents = np.where(known, -np.round(np.log2(np.where(known, size, 1.0))), 0).astype(int)
                exponents -= math.floor(np.median(exponents[known])) * (len(blocks) == 1)
                scaled = self.plain[k] * np.ldexp(1.0, np.clip(exponents, -500, 500))
                self.cotangents[k] = np.where(known, scaled, self.cotangents[k])


def _parts_of(result: Any) -> list[Any]:
    """Return the matrices in what a `jac` function returned."""
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else [result]
    return [part for part in parts if part is not None]
