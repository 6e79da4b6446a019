"""Everything that is passed is the caller's: what a call changes in it is put back, and said."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.tree import DEEPEST, is_node, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray


POINT = ("args", "inputs")
LARGE = 2**15  # entries of a floating argument above which its only copy is that of the claim


class Kept:
    """Copies of the arrays in what is passed, by name; large floating ones of the point are kept by the claim alone.

    Parameters
    ----------
    passed : mapping of str to object
        What is passed, by the name that a note calls it.

    """

    def __init__(self, passed: Mapping[str, Any]) -> None:
        self._kept = [
            (name, array, kept)
            for label, x in passed.items()
            for name, array in _arrays(x, label, DEEPEST)
            if not (label in POINT and _large(array)) and (kept := _copied(array)) is not None
        ]

    def put_back(self) -> tuple[str, ...]:
        """Write the copies back where an array differs from its own; return the names of those."""
        changed = []
        for name, array, kept in self._kept:
            if not _same(array, kept):
                arrays.written(array, kept)
                changed.append(name)
        return tuple(changed)


def twin(x: Any) -> Any:
    """Return a copy of an object; the object itself where it cannot be copied (it holds a file, a lock, a graph)."""
    try:
        return copy.deepcopy(x)
    except Exception:  # noqa: BLE001  whatever its parts raise
        return x


def _arrays(x: Any, name: str, levels: int) -> Iterator[tuple[str, Any]]:
    if is_node(x) and levels:
        for key, part in items(x):
            yield from _arrays(part, f"{name}.{key}", levels - 1)
    elif isinstance(x, np.ndarray) or arrays.is_torch(x):
        yield name, x


def _large(x: Any) -> bool:
    try:
        return arrays.is_floating(x) and arrays.total_size([x]) > LARGE
    except Exception:  # noqa: BLE001  a nested tensor has no shape: a point refuses it
        return False


def _copied(x: Any) -> Any:
    """Return a copy of an array; None where it has no entries of its own to change."""
    try:
        return x.detach().clone() if arrays.is_torch(x) else x.copy(order="K") if x.flags.writeable else None
    except Exception:  # noqa: BLE001  a tensor of a kind that cannot be copied, which a point refuses
        return None


def _same(x: Any, kept: Any) -> bool:
    """Tell whether an array holds what its copy holds, NaN equal to NaN; True where the two cannot be compared."""
    try:
        if arrays.is_torch(x):
            return x.shape == kept.shape and bool(((x == kept) | ((x != x) & (kept != kept))).all())  # noqa: PLR0124
        return _bits(x) == _bits(kept)
    except Exception:  # noqa: BLE001  as above
        return True


def _bits(x: NDArray[Any]) -> bytes | list[int]:
    return [id(entry) for entry in x.ravel().tolist()] if x.dtype == object else x.tobytes()
