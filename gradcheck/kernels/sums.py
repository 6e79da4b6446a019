"""Sums over groups of entries of a result: the whole, each row, column, tile and slab, in one pass over the arrays.

With the truth g, the error e of the kernel, the error l of the reference in low precision, and the change j of the
truth under a jitter of the inputs, each group has Σe², Σl², Σg², Σj², Σeg, Σlg and Σg⁴. Along a direction d (an input,
an output, the cotangent, all ones) each row has Σed, Σld, Σgd and Σd².
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kernels.matrix import Matrix, by_sixteens, chunks, tile_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

QUANTITIES = ("ee", "ll", "gg", "jj", "eg", "lg", "g4")


@dataclass
class ResultMatrices:
    """One result (an output or a gradient): what is on trial and what it is held against, as matrices of one shape.

    Attributes
    ----------
    truth, kernel : Matrix
        The reference in float64; the kernel.
    low : sequence of Matrix
        The reference in the kernel's dtypes, in one way or several: the largest error counts.
    moved : sequence of Matrix
        The truth where the inputs are jittered.
    directions : mapping of str to Matrix
        Arrays of the same shape, along which an error would be no rounding; None stands for ones.
    largest : float
        Where the truth is larger, the kernel's dtype overflows.
    """

    truth: Matrix
    low: Sequence[Matrix]
    kernel: Matrix
    moved: Sequence[Matrix] = ()
    directions: Mapping[str, Matrix | None] = field(default_factory=dict)
    largest: float = np.inf

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.truth.rows

    @property
    def columns(self) -> int:
        """The number of columns, two for a complex one."""
        return self.truth.columns * self.truth.width

    @property
    def size(self) -> int:
        """The number of real entries."""
        return self.rows * self.columns


@dataclass
class Errors:
    """Some rows of a result: truth, errors and condition, divided by a power of two.

    `unfinished` are the flat indices where the kernel is not finite, though the truth is.
    """

    g: NDArray[Any]
    e: NDArray[Any]
    low: NDArray[Any]
    jj: NDArray[Any]
    unfinished: NDArray[np.int64]


def errors(result: ResultMatrices, start: int, stop: int, scale: float, dtype: Any = np.float64) -> Errors:
    """Return rows `start` to `stop`, times `scale`; entries whose truth is not finite are left out as zeros.

    An entry of the reference in low precision that is not finite says nothing, and counts as right.
    """
    scale = dtype(scale)
    truth = result.truth.read(start, stop)
    g = (truth * np.float64(scale)).astype(dtype, copy=False)
    with np.errstate(invalid="ignore", over="ignore"):
        e = result.kernel.read(start, stop, dtype) * scale
        e -= g
        low: NDArray[np.float64] | None = None
        for one in result.low:
            off = one.read(start, stop, dtype) * scale
            off -= g
            off[~np.isfinite(off)] = 0.0
            low = off if low is None else np.where(np.abs(off) > np.abs(low), off, low)
        low = np.zeros_like(g) if low is None else low
        jj = np.zeros_like(g) if result.moved else np.zeros((1, 1), dtype=dtype)
        for moved in result.moved:
            j = (moved.read(start, stop) * np.float64(scale)).astype(dtype, copy=False)
            j -= g
            j *= j
            jj += j
        if result.moved:
            jj /= len(result.moved)
    jj[~np.isfinite(jj)] = 0.0
    finite = np.isfinite(e)  # neither truth nor kernel is NaN or infinite
    unfinished = np.zeros(0, np.int64)
    if not finite.all():
        fits = np.isfinite(truth) & ~(np.abs(truth) >= result.largest)
        unfinished = np.flatnonzero(~np.isfinite(result.kernel.read(start, stop)) & fits) + start * truth.shape[1]
        g, e, low = (np.where(finite, values, 0) for values in (g, e, low))
        jj = np.where(finite, jj, 0) if result.moved else jj
    return Errors(g, e, low, jj, unfinished)


@dataclass
class Sums:
    """Sums over the groups of a result.

    Attributes
    ----------
    groups : dict
        ``groups["row"]["ee"]`` and so on: one number for each group.
    sizes : dict
        Entries of each group.
    along : dict
        ``along["x"]["ed"]`` and so on: one number for each row.
    whole : dict
        Σe²g², Σeg³, Σl²g², Σlg³ besides, for the standard error of the scale.
    unfinished : ndarray
        The flat indices where the kernel is not finite, though the truth is.
    """

    groups: dict[str, dict[str, NDArray[np.float64]]]
    sizes: dict[str, NDArray[np.float64]]
    along: dict[str, dict[str, NDArray[np.float64]]]
    whole: dict[str, float]
    unfinished: NDArray[np.int64]


def add(result: ResultMatrices, scale: float, dtype: Any, visit: Callable[[Errors, int], None]) -> Sums:
    """Return the sums of a result, its entries times `scale`; `visit` is told the rows that are read, and the first."""
    rows, columns = result.rows, result.columns
    row = {q: np.zeros(rows) for q in QUANTITIES}
    column = {q: np.zeros(columns) for q in QUANTITIES}
    tiles: dict[str, list[NDArray[np.float64]]] = {q: [] for q in QUANTITIES}
    along = {name: {q: np.zeros(rows) for q in ("ed", "ld", "gd", "dd")} for name in result.directions}
    whole = dict.fromkeys(("eegg", "eggg", "llgg", "lggg"), 0.0)
    unfinished = []
    for start, stop in chunks(rows, columns):
        part = errors(result, start, stop, scale, dtype)
        visit(part, start)
        unfinished.append(part.unfinished)
        g, e, low = part.g, part.e, part.low
        gg = g * g
        eg, lg = e * g, low * g
        whole["eegg"] += float(np.vdot(eg, eg))
        whole["llgg"] += float(np.vdot(lg, lg))
        whole["eggg"] += float(np.vdot(eg, gg))
        whole["lggg"] += float(np.vdot(lg, gg))
        for name, d in result.directions.items():
            values = np.ones_like(g) if d is None else d.read(start, stop, dtype).astype(dtype, copy=False)
            if not np.isfinite(values).all():
                values = np.where(np.isfinite(values), values, 0)
            sums = along[name]
            for q, other in (("ed", e), ("ld", low), ("gd", g), ("dd", values)):
                sums[q][start:stop] = np.einsum("ij,ij->i", other, values)
        moved = [("jj", part.jj)] if result.moved else []
        for q, values in (("eg", eg), ("lg", lg), ("gg", gg), *moved):
            _add(q, values, start, stop, row, column, tiles)
        np.multiply(gg, gg, out=gg)
        _add("g4", gg, start, stop, row, column, tiles)
        for q, values in (("ee", e), ("ll", low)):
            np.multiply(values, values, out=values)
            _add(q, values, start, stop, row, column, tiles)
    if not result.moved:
        tiles["jj"] = [np.zeros_like(part) for part in tiles["gg"]]
    groups, sizes = _grouped(result, row, column, {q: np.concatenate(parts).ravel() for q, parts in tiles.items()})
    return Sums(groups, sizes, along, whole, np.concatenate(unfinished) if unfinished else np.zeros(0, np.int64))


def _grouped(
    result: ResultMatrices,
    row: dict[str, NDArray[np.float64]],
    column: dict[str, NDArray[np.float64]],
    tile: dict[str, NDArray[np.float64]],
) -> tuple[dict[str, dict[str, NDArray[np.float64]]], dict[str, NDArray[np.float64]]]:
    """Return the sums by kind of group, and how many entries each group has."""
    rows, columns = result.rows, result.columns
    groups = {
        "whole": {q: np.array([row[q].sum()]) for q in QUANTITIES},
        "row": row,
        "column": column,
        "tile": tile,
    }
    sizes = {
        "whole": np.array([float(result.size)]),
        "row": np.full(rows, float(columns)),
        "column": np.full(columns, float(rows)),
        "tile": tile_sizes(rows, columns).ravel(),
    }
    for axis, labels in slabs(result.truth.shape).items():
        count = int(labels.max()) + 1
        name = f"slab {axis}"
        groups[name] = {q: np.bincount(labels, weights=row[q], minlength=count) for q in QUANTITIES}
        sizes[name] = np.bincount(labels, minlength=count) * float(columns)
    return groups, sizes


def slabs(shape: tuple[int, ...]) -> dict[int, NDArray[np.int64]]:
    """Return, for each leading axis of an array of three or more axes, which slab along it each row belongs to."""
    leading = shape[:-1]
    if len(leading) < 2:
        return {}
    index = np.indices(leading).reshape(len(leading), -1)
    return {axis: index[axis] for axis, n in enumerate(leading) if n > 1}


def _add(
    quantity: str,
    values: NDArray[Any],
    start: int,
    stop: int,
    row: dict[str, NDArray[np.float64]],
    column: dict[str, NDArray[np.float64]],
    tiles: dict[str, list[NDArray[np.float64]]],
) -> None:
    row[quantity][start:stop] = values.sum(axis=1)
    strips = by_sixteens(values, 0)
    column[quantity] += strips.sum(axis=0)
    tiles[quantity].append(by_sixteens(strips, 1))
