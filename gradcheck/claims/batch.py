"""Whether a row is the same alone and in its batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.backward_asked import close
from gradcheck.errors import ArgumentError, shown

if TYPE_CHECKING:
    from gradcheck.claims.backward_asked import Asked, Run


@dataclass(frozen=True)
class Rows:
    """What asking rows alone has come to.

    Attributes
    ----------
    sentence : str
        What to tell.
    fine : bool
        Whether every row is alone what it is in its batch.
    coupled : bool
        Whether an output itself is another alone, or none has the axis: then gradients may well differ.
    calls : int
        How often the backward was called.
    """

    sentence: str
    fine: bool
    coupled: bool
    calls: int


@dataclass
class _Found:
    """The worst of what was compared so far."""

    equal: bool = True
    worst: str = ""

    def compare(self, part: Any, alone: Any, name: str, row: int, unit: float) -> bool:
        """Compare a part of the batch's answer with what the row gives alone; tell whether they agree."""
        if arrays.shape_of(part) == arrays.shape_of(alone) and arrays.same(part, alone):
            return True
        self.equal = False
        if close(alone, part, unit):
            return True
        a, b = arrays.to_numpy(part), arrays.to_numpy(alone)
        told = f"has the shape {b.shape} alone, {a.shape} in its batch"
        if a.shape == b.shape:
            off = float(np.linalg.norm(a - b) / max(float(np.linalg.norm(b)), 1e-300))
            told = f"is another alone than in its batch, by {off:.1e} of it"
        self.worst = self.worst or f"row {row} of {name} {told}"
        return False


def compare(
    asked: Asked,
    outputs: list[str],
    axis: Any,
    changed: Callable[[Callable[[Any], Any]], Run],
    *,
    batched: frozenset[int] | None = None,
) -> Rows:
    """Return what some rows give alone, compared with the batch.

    Parameters
    ----------
    asked : Asked
        The backward and its answer for the whole batch.
    outputs : list of str
        The outputs' names.
    axis : int or mapping of str to int
        The batch axis of all inputs that have as many entries along it as the first; or by name.
    changed : callable
        Maps a function of arrays to the backward whose constants (integers, masks) went through it.
    batched : frozenset of int, optional
        The leaves that may have the axis where it is one number; parameters of a module do not.
    """
    axes = _axes(asked, axis, batched)
    lengths = {arrays.shape_of(asked.leaves[i])[a] for i, a in axes.items()}
    if len(lengths) != 1:
        told = sorted(lengths) if lengths else "no"
        raise ArgumentError(f"batch_axis={shown(axis)}: the inputs have {told} entries along it, wanted one number")
    n, own = lengths.pop(), next(iter(axes.values()))
    whole = list(asked.cotangents(asked.outputs))
    has = [_has(y, own, n) for y in asked.outputs]
    found, coupled, calls = _Found(), not any(has), 0
    for row in sorted({0, n // 2, n - 1}) if n else []:
        leaves = [_cut(x, axes[i], row) if i in axes else arrays.copied(x) for i, x in enumerate(asked.leaves)]
        cotangents = [c if c is None or not _has(c, own, n) else _cut(c, own, row) for c in whole]
        run = changed(partial(_row, axis=own, row=row, n=n))
        calls += 1
        try:
            values, gradients = run(leaves, asked.judged, partial(_always, cotangents))
        except Exception as error:
            raise ArgumentError(
                f"batch_axis={shown(axis)}: one row cannot be asked alone ({type(error).__name__}: {error}); pass a "
                "dict with the axis of each input that has one"
            ) from error
        for name, y, z, batch in zip(outputs, asked.outputs, values, has, strict=True):
            if batch:
                unit = arrays.ROUNDOFF[arrays.dtype_name(y)]
                coupled |= not found.compare(_cut(y, own, row), z, name, row, unit)
        for i in sorted(asked.judged & set(axes)):
            g, h = asked.gradients[i], gradients[i]
            if g is not None and h is not None:
                found.compare(_cut(g, axes[i], row), h, f"d{asked.names[i]}", row, asked.units[i])
    if found.worst:
        return Rows(found.worst, fine=False, coupled=coupled, calls=calls)
    how = "to the bit" if found.equal else "to round-off"
    return Rows(f"a row alone is what it is in its batch, {how}", fine=True, coupled=coupled, calls=calls)


def _axes(asked: Asked, axis: Any, batched: frozenset[int] | None) -> dict[int, int]:
    names = list(asked.names)
    if isinstance(axis, Mapping):
        unknown = [name for name in axis if name not in names]
        if unknown:
            raise ArgumentError(f"batch_axis={shown(axis)}, wanted names among {names}")
        found = {names.index(name): a for name, a in axis.items() if a is not None}
        for i, a in found.items():
            if not -len(arrays.shape_of(asked.leaves[i])) <= a < len(arrays.shape_of(asked.leaves[i])):
                raise ArgumentError(
                    f"batch_axis={shown(axis)}, but {names[i]} has the shape {arrays.shape_of(asked.leaves[i])}"
                )
        return found
    first = arrays.shape_of(asked.leaves[0])
    if not -len(first) <= axis < len(first):
        raise ArgumentError(f"batch_axis={axis}, but {names[0]} has the shape {first}")
    may = frozenset(range(len(names))) if batched is None else batched
    return {
        i: axis
        for i, x in enumerate(asked.leaves)
        if i in may and len(arrays.shape_of(x)) == len(first) and arrays.shape_of(x)[axis] == first[axis]
    }


def _cut(x: Any, axis: int, row: int) -> Any:
    index: list[Any] = [slice(None)] * len(arrays.shape_of(x))
    index[axis] = slice(row, row + 1)
    return arrays.copied(x[tuple(index)])


def _row(x: Any, axis: int, row: int, n: int) -> Any:
    """Return one row of an array that has as many as the batch; anything else as it is."""
    return _cut(x, axis, row) if _has(x, axis, n) else x


def _always(given: list[Any], _: Any) -> list[Any]:
    return given


def _has(x: Any, axis: int, n: int) -> bool:
    if not arrays.is_array(x):
        return False
    shape = arrays.shape_of(x)
    return -len(shape) <= axis < len(shape) and shape[axis] == n
