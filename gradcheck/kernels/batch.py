"""Whether a row is the same alone and in its batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.backward_contract import close
from gradcheck.errors import ArgumentError, shown
from gradcheck.kernels.cotangents import Drawn
from gradcheck.kernels.evidence import UNITS
from gradcheck.kernels.leaves import Inputs, Leaf, filled, flat

if TYPE_CHECKING:
    from gradcheck.kernels.programs import Answer, Program

MOST = 3  # rows that are asked alone: the first, the middle, the last


def compare(kernel: Program, inputs: Inputs, drawn: Drawn, whole: Answer, axis: Any) -> tuple[str, bool, int]:
    """Return a sentence, whether rows are independent of their batch, and how often the kernel was called.

    Parameters
    ----------
    kernel, inputs, drawn, whole
        The kernel, what it was called with, the cotangents, and its answer.
    axis : int or mapping of str to int
        The batch axis of all inputs that have as many entries along it as the first; or by name.
    """
    axes = _axes(inputs, axis)
    count = {arrays.shape_of(inputs.leaves[i])[a] for i, a in axes.items()}
    if len(count) != 1:
        raise ArgumentError(f"batch_axis={axis!r}: the inputs have {sorted(count)} entries along it, wanted one number")
    n = count.pop()
    own = axis if isinstance(axis, int) else next(iter(axes.values()))
    worst, equal, calls = "", True, 0
    for row in sorted({0, n // 2, n - 1})[:MOST]:
        alone = kernel.run(_row(inputs, axes, row), _cotangents(drawn, row, own, n))
        calls += 1
        for (name, y), (_, z) in zip(whole.outputs, alone.outputs, strict=True):
            if _batched(y, own, n):
                equal, worst = _compared(_cut(y, own, row), z, name, row, equal, worst)
        for k, i in enumerate(inputs.judged):
            if i in axes and whole.gradients[k] is not None and alone.gradients[k] is not None:
                label = f"d{inputs.names[i]}"
                part = _cut(whole.gradients[k], axes[i], row)
                equal, worst = _compared(part, alone.gradients[k], label, row, equal, worst)
    if worst:
        return worst, False, calls
    how = "to the bit" if equal else "to round-off"
    return f"a row alone is what it is in its batch, {how}", True, calls


def _compared(part: Any, alone: Any, name: str, row: int, equal: bool, worst: str) -> tuple[bool, str]:
    if arrays.same(part, alone):
        return equal, worst
    if close(alone, part, UNITS[arrays.dtype_name(part)]):
        return False, worst
    a, b = arrays.to_numpy(part), arrays.to_numpy(alone)
    off = float(np.linalg.norm(a - b) / max(float(np.linalg.norm(b)), 1e-300))
    return False, worst or f"row {row} of {name} is another alone than in its batch, by {off:.1e} of it"


def _axes(inputs: Inputs, axis: Any) -> dict[int, int]:
    if isinstance(axis, Mapping):
        unknown = [name for name in axis if name not in inputs.names]
        if unknown:
            raise ArgumentError(f"batch_axis={shown(axis)}, wanted names among {list(inputs.names)}")
        if not all(a is None or (isinstance(a, int) and not isinstance(a, bool)) for a in axis.values()):
            raise ArgumentError(f"batch_axis={shown(axis)}, wanted an axis such as 0 for each name")
        return {inputs.names.index(name): int(a) for name, a in axis.items() if a is not None}
    if not isinstance(axis, int) or isinstance(axis, bool):
        raise ArgumentError(f"batch_axis={shown(axis)}, wanted an axis such as 0, or a dict of axes by input")
    first = arrays.shape_of(inputs.leaves[0])
    if not -len(first) <= axis < len(first):
        raise ArgumentError(f"batch_axis={axis}, but {inputs.names[0]} has the shape {first}")
    n = first[axis]
    found = {}
    for i, x in enumerate(inputs.leaves):
        shape = arrays.shape_of(x)
        if len(shape) == len(first) and shape[axis] == n:
            found[i] = axis
    return found


def _row(inputs: Inputs, axes: Mapping[int, int], row: int) -> Inputs:
    """Return the inputs with one row of those that have a batch axis; integer arrays of as many rows are cut too."""
    leaves = [_cut(x, axes[i], row) if i in axes else x for i, x in enumerate(inputs.leaves)]
    n = arrays.shape_of(inputs.leaves[next(iter(axes))])[next(iter(axes.values()))]
    axis = next(iter(axes.values()))

    def cut(x: Any) -> Any:
        shape = arrays.shape_of(x)
        return _cut(x, axis, row) if len(shape) > axis >= 0 and shape[axis] == n else x

    template = filled(inputs.template, iter([x for _, x in flat(inputs.template)]), cut)
    return replace(inputs, template=template, leaves=tuple(leaves))


def _cut(x: Any, axis: int, row: int) -> Any:
    index: list[Any] = [slice(None)] * len(arrays.shape_of(x))
    index[axis] = slice(row, row + 1)
    part = x[tuple(index)]
    return part.clone() if arrays.is_torch(part) else np.array(part) if isinstance(part, np.ndarray) else part


def _batched(y: Any, axis: int, n: int) -> bool:
    shape = arrays.shape_of(y)
    return -len(shape) <= axis < len(shape) and shape[axis] == n


def _cotangents(drawn: Drawn, row: int, axis: int, n: int) -> Callable[[Sequence[Leaf]], list[Any]]:
    cut = Drawn(drawn.seed)
    cut.names = drawn.names
    cut.values = [_cut(c, axis, row) if _batched(c, axis, n) else c for c in drawn.values]
    return cut.given()
