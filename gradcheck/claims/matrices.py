"""The matrices that people write for a Jacobian, brought to blocks that map tangents and cotangents.

A block is one output by one argument: dense of shape out + argument (or both flat), batched (leading axes shared by
output and argument, each sample by itself), sparse, or a linear operator.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.returned import on_a_manifold
from gradcheck.claims.tree import a_kind
from gradcheck.errors import WrongClaim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.claims.tree import Tree

ADJOINT = 2.0**-26  # √u: A and its transpose agree far better, another matrix far worse


class JacobianBlock:
    """∂(one output)/∂(one argument).

    Attributes
    ----------
    out, argument : tuple of int
        Their shapes.
    batch : int
        How many leading axes they share, each sample by itself.

    """

    def __init__(self, matrix: Any, out: tuple[int, ...], argument: tuple[int, ...], batch: int = 0) -> None:
        self.matrix = matrix
        self.out = out
        self.argument = argument
        self.batch = batch

    def push(self, v: NDArray[Any]) -> NDArray[Any]:
        """Return J·v, like the output."""
        if self.batch:
            found = np.einsum("bij,bj->bi", self.matrix, self._samples(v, self.argument))
            return np.asarray(found).reshape(self.out)
        return np.asarray(self.matrix @ v.reshape(-1)).reshape(self.out)

    def pull(self, c: NDArray[Any]) -> NDArray[Any]:
        """Return Jᴴ·c, like the argument."""
        if self.batch:
            found = np.einsum("bij,bi->bj", np.conj(self.matrix), self._samples(c, self.out))
        elif self.is_operator:
            found = self.matrix.rmatvec(c.reshape(-1))
        else:
            found = np.conj(np.asarray(self.matrix.T @ np.conj(c.reshape(-1))))
        return np.asarray(found).reshape(self.argument)

    def _samples(self, x: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return x.reshape(math.prod(shape[: self.batch]), math.prod(shape[self.batch :]))

    def transposed(self) -> JacobianBlock | None:
        """Return the block of the transposed matrix; None where it has none of the same shape."""
        if self.batch or not hasattr(self.matrix, "T"):
            return None
        return JacobianBlock(self.matrix.T, self.out, self.argument)

    @property
    def is_operator(self) -> bool:
        """Whether only products are known."""
        return hasattr(self.matrix, "matvec") and not hasattr(self.matrix, "tocsr")

    def row_sizes(self, scale: NDArray[Any]) -> NDArray[np.float64]:
        """Return ‖J_i∘s‖ of each row, like the output; NaN for an operator, whose rows are not known."""
        s = np.abs(scale).reshape(-1) ** 2
        if self.is_operator:
            return np.full(self.out, np.nan)
        if self.batch:
            squares = np.einsum(
                "bij,bj->bi", np.abs(self.matrix) ** 2, self._samples(np.abs(scale) ** 2, self.argument)
            )
        else:
            squares = abs(self.matrix).power(2) @ s if hasattr(self.matrix, "power") else np.abs(self.matrix) ** 2 @ s
        return np.sqrt(np.asarray(squares, dtype=np.float64)).reshape(self.out)

    def adjoint_mismatch(self) -> str:
        """Return a sentence if an operator's `rmatvec` is not the adjoint of its `matvec`."""
        if not self.is_operator:
            return ""
        rng = np.random.default_rng(0)
        v, c = rng.standard_normal(math.prod(self.argument)), rng.standard_normal(math.prod(self.out))
        try:
            pushed, pulled = self.matrix.matvec(v), self.matrix.rmatvec(c)
        except NotImplementedError:
            return ""
        one, other = np.vdot(c, pushed), np.vdot(pulled, v)
        size = np.linalg.norm(c) * np.linalg.norm(pushed) + np.linalg.norm(pulled) * np.linalg.norm(v)
        if abs(one - other) <= ADJOINT * size:
            return ""
        return f"rmatvec is not the adjoint of matvec: c·(J v) is {one:.6g}, (Jᵀ c)·v is {other:.6g}"

    def outside(self, pattern: Any) -> tuple[tuple[int, int], float, int] | None:
        """Return the largest entry outside `pattern`, with its row, column and how many there are; None if none."""
        from scipy import sparse  # noqa: PLC0415  only where a pattern is declared

        allowed = sparse.csr_array(np.atleast_2d(pattern) if not sparse.issparse(pattern) else pattern) != 0
        size = (math.prod(self.out), math.prod(self.argument))
        if self.batch or self.is_operator:
            raise WrongClaim("sparsity= wants a dense or sparse matrix for jac=, one for the whole")
        if allowed.shape != size:
            raise WrongClaim(f"sparsity= has shape {allowed.shape}, wanted {size}, that of the Jacobian")
        claimed = sparse.csr_array(self.matrix)
        extra = (claimed - claimed.multiply(allowed)).tocoo()
        extra.eliminate_zeros()
        if extra.nnz == 0:
            return None
        at = int(np.argmax(np.abs(extra.data)))
        return (int(extra.coords[0][at]), int(extra.coords[1][at])), extra.data[at], extra.nnz


def has_entry(pattern: Any, row: int, column: int) -> bool:
    """Tell whether a pattern, dense or sparse, has an entry."""
    return bool((pattern.tocsr() if hasattr(pattern, "tocsr") else np.atleast_2d(pattern))[row, column])


def coarsest(matrix: Any) -> float:
    """Return the largest unit round-off of matrices that are given as they are; float64's for what is no array."""
    if isinstance(matrix, dict | tuple | list):
        parts = matrix.values() if isinstance(matrix, dict) else matrix
        return max(map(coarsest, parts), default=2.0**-53)
    return arrays.ROUNDOFF.get(arrays.dtype_name(matrix), 2.0**-53) if hasattr(matrix, "dtype") else 2.0**-53


def blocks(
    result: Any, outputs: Sequence[Any], tree: Tree, names: Sequence[str], letter: str
) -> list[list[JacobianBlock | None]]:
    """Return what a `jac` function returned as one block for each output and leaf.

    Parameters
    ----------
    result : matrix, or tuple, list or dict of them
        One matrix for the one output and argument, or for all arguments flattened and joined; or one for each
        argument; for several outputs one of these for each.
    outputs : sequence of array
        f's, at the point.
    tree : Tree
        The arguments.
    names : sequence of str
        Of the outputs.
    letter : str
        What to call the matrix.

    Raises
    ------
    WrongClaim
        If there are too many or too few, or one has another shape.

    """
    rows = [result] if len(outputs) == 1 else _parts(result, len(outputs), names, f"{letter} has", "output")
    leaves = tree.originals()
    found = []
    for row, y, output in zip(rows, outputs, names, strict=True):
        where = letter if len(outputs) == 1 else f"{letter} of {output}"
        found.append(_row(row, arrays.shape_of(y), [np.shape(x) for x in leaves], tree, where))
    return found


def _row(
    row: Any, out: tuple[int, ...], shapes: Sequence[tuple[int, ...]], tree: Tree, where: str
) -> list[JacobianBlock | None]:
    wanted = [tree.only is None or name in tree.only for name in tree.names]
    if len(shapes) == 1 and not isinstance(row, dict | tuple):
        return [_block(row, out, shapes[0], where)]
    if not isinstance(row, tuple | list | dict):
        asked = [shape for shape, is_asked in zip(shapes, wanted, strict=True) if is_asked]
        if np.shape(row)[-1:] == (sum(math.prod(shape) for shape in shapes),):
            joined = _joined(row, out, shapes, where)
            return [block if is_asked else None for block, is_asked in zip(joined, wanted, strict=True)]
        given = iter([_block(row, out, asked[0], where)] if len(asked) == 1 else _joined(row, out, asked, where))
        return [next(given) if is_asked else None for is_asked in wanted]
    parts = _parts(row, len(shapes), tree.names, f"{where} has", "argument", sum(wanted))
    if len(parts) < len(shapes):
        given = iter(parts)
        parts = [next(given) if asked else None for asked in wanted]
    return [
        None if part is None or not asked else _block(part, out, shape, f"{where} in {name}")
        for part, shape, name, asked in zip(parts, shapes, tree.names, wanted, strict=True)
    ]


def _parts(row: Any, count: int, names: Sequence[str], has: str, what: str, or_count: int | None = None) -> list[Any]:
    if (nested := _nested(row, names)) is not None:
        return nested
    if isinstance(row, dict):
        keys = [name.rpartition(".")[2] if name not in row else name for name in names]
        missing = [name for name, key in zip(names, keys, strict=True) if key not in row]
        if missing:
            raise WrongClaim(f"{has} no block for {missing[0]}: return None for it if none is claimed")
        return [row[key] for key in keys]
    if not isinstance(row, tuple | list) or len(row) not in (count, or_count):
        got = f"{len(row)} entries" if isinstance(row, tuple | list) else f"{a_kind(row)}"
        raise WrongClaim(f"{has} {got}, wanted {count}: one for each {what}")
    return list(row)


def _nested(row: Any, names: Sequence[str]) -> list[Any] | None:
    """Return what is nested as `names` say, ``output.b.c`` or ``params.0.w``; None where it is not, or is flat."""
    paths = [name.split(".") for name in names]
    for skipped in (0, 1):  # the name of the output itself, or of the one argument, is no key
        found = [_walked(row, path[skipped:]) for path in paths]
        if all(len(path) > skipped for path in paths) and not any(part is ... for part in found):
            deep = any(len(path) > skipped + 1 for path in paths)
            return found if deep else None
    return None


def _walked(row: Any, path: Sequence[str]) -> Any:
    """Return the entry at a path of keys and numbers, Ellipsis where there is none."""
    for step in path:
        if isinstance(row, dict):
            row = row.get(step, ...)
        elif isinstance(row, list | tuple) and step.isdecimal() and int(step) < len(row):
            row = row[int(step)]
        else:
            return ...
    return row


def _block(matrix: Any, out: tuple[int, ...], argument: tuple[int, ...], where: str) -> JacobianBlock:
    m, n = math.prod(out), math.prod(argument)
    if hasattr(matrix, "tocsr") or hasattr(matrix, "matvec"):
        if tuple(matrix.shape) != (m, n):
            raise WrongClaim(f"{where} has shape {tuple(matrix.shape)}, wanted {(m, n)}{_hint(matrix.shape, m, n)}")
        if hasattr(matrix, "tocsr"):
            matrix = matrix.tocsr()
            _finite(matrix.data, where)
        return JacobianBlock(matrix, out, argument)
    values = _dense(matrix, where)
    if values.shape in ((*out, *argument), (m, n)) or (values.size == m * n and values.ndim <= 2 and 1 in (m, n)):
        _finite(values, where)
        return JacobianBlock(values.reshape(m, n), out, argument)
    for batch in range(1, min(len(out), len(argument)) + 1):
        if out[:batch] == argument[:batch] and values.shape == (*out, *argument[batch:]):
            _finite(values, where)
            samples = math.prod(out[:batch])
            return JacobianBlock(values.reshape(samples, math.prod(out[batch:]), -1), out, argument, batch)
    wanted = (*out, *argument)
    columns = values.size // m if m and values.size % m == 0 and values.shape[: len(out)] in (out, (m,)) else 0
    moved = on_a_manifold(argument, columns)
    flat = f" (or {(m, n)})" if wanted != (m, n) else ""
    raise WrongClaim(f"{where} has shape {values.shape}, wanted {wanted}{flat}{moved or _hint(values.shape, m, n)}")


def _dense(matrix: Any, where: str) -> NDArray[Any]:
    values = arrays.to_numpy(matrix) if arrays.is_array(matrix) else np.asarray(matrix)
    if values.dtype.kind not in "fciu":
        raise WrongClaim(f"{where} is {a_kind(matrix)}, wanted a matrix of numbers")
    return values


def _finite(values: NDArray[Any], where: str) -> None:
    if not np.all(np.isfinite(values)):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise WrongClaim(f"{where} is {values[index]} at {index}, wanted finite numbers")


def _hint(shape: Sequence[int], m: int, n: int) -> str:
    return ": it is transposed; rows are outputs, columns are arguments" if tuple(shape) == (n, m) and m != n else ""


def _joined(
    matrix: Any, out: tuple[int, ...], shapes: Sequence[tuple[int, ...]], where: str
) -> list[JacobianBlock | None]:
    """Return the blocks of one matrix whose columns run over all arguments, flattened and joined."""
    sizes = [math.prod(shape) for shape in shapes]
    whole = _block(matrix, out, (sum(sizes),), where)
    if whole.is_operator:
        raise WrongClaim(f"{where} is one operator for {len(shapes)} arguments, wanted one for each")
    ends = np.cumsum(sizes)
    return [
        JacobianBlock(whole.matrix[:, end - size : end], out, shape)
        for end, size, shape in zip(ends, sizes, shapes, strict=True)
    ]
