"""The entries of a claim divided into blocks, and how far each block's part of the claim is shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.nearest_point import combined, in_hull

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gradcheck.kinks.blocks import Labels
    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]


@dataclass(slots=True)
class Block:
    """Entries that bend together, and how far the search in them has come."""

    entries: Entries
    used: tuple[int, ...]  # samples that may carry weight
    weights: tuple[float, ...] = ()  # of these, where they have been weighed
    bend: int = 0  # 1 where f bends up in them, −1 where down, as far as was looked
    best: float = np.inf
    stalled: int = 0
    state: str = "open"  # "inside", "both ways", "outside"

    def nearest(self, near: Neighbourhood, *, distinct: bool = False) -> Array:
        """Return what is left of the claim beyond the nearest point of the hull of the samples used.

        Of samples that are the same one alone carries weight if they are asked to be `distinct`.
        """
        target = near.here[self.entries]
        vertices = np.array([near.claim(k, self.entries) for k in self.used])
        if distinct:
            kept = _distinct(vertices, target, near.tolerance)
            vertices, self.used = vertices[kept], tuple(self.used[k] for k in kept)
        weights = in_hull(vertices, target)
        carry = np.flatnonzero(weights)
        self.used, self.weights = tuple(self.used[k] for k in carry), tuple(weights[carry].tolist())
        return np.asarray(target - combined(weights, vertices))


def _distinct(vertices: Array, target: Array, tolerance: float) -> list[int]:
    """Return one of each kind of vertices, and that one alone which is the target."""
    off = np.abs(vertices - target).max(axis=1)
    if off.min() <= tolerance:
        return [int(off.argmin())]
    kept: list[int] = []
    for k, vertex in enumerate(vertices):
        if not kept or (np.abs(vertices[kept] - vertex).max(axis=1) > tolerance).all():
            kept.append(k)
    return kept


class Parts:
    """Entries that bend alone, and blocks of several.

    Attributes
    ----------
    alone : array of int
        The entries that are a block each.

    """

    def __init__(self, near: Neighbourhood, labels: Labels | None) -> None:
        self._order: Entries = np.zeros(0, dtype=np.int32)
        self._first, self._count = self._order, self._order
        self._known = tuple(range(len(near.claims)))
        if labels is None or labels is near.positions:
            self.alone: Entries = near.positions
            return
        order = np.argsort(labels, kind="stable")
        ordered = labels[order]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        count = np.diff(np.append(first, len(order)))
        del ordered
        self.alone = order[first[count == 1]]
        many = count > 1
        self._order, self._first, self._count = order, first[many].astype(np.int32), count[many].astype(np.int32)

    def _made(self) -> Iterator[Block]:
        for first, count in zip(self._first, self._count, strict=True):
            yield Block(self._order[first : first + count], self._known)

    @cached_property
    def blocks(self) -> list[Block]:
        """The blocks of several entries, made where they are first asked for: there may be very many."""
        return list(self._made())

    def __len__(self) -> int:
        return len(self._first) + len(self.alone)

    def within(self, near: Neighbourhood) -> bool:
        """Tell whether in each block some combination of the samples gives the claim's part."""
        for part in near.parts:
            low, high = near.range(part)
            if (np.maximum(low - near.here[part], near.here[part] - high) > near.tolerance).any():
                return False
        found = []
        for block in self._made():
            if float(np.max(np.abs(block.nearest(near, distinct=True)))) > near.tolerance:
                return False
            found.append(block)
        self.blocks = found
        return True
