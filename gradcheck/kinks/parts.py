"""The entries of a claim divided into blocks, and how far each block's part of the claim is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.nearest_point import combined, in_hull

if TYPE_CHECKING:
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
    blocks : list of Block
        The others.

    """

    def __init__(self, near: Neighbourhood, labels: Labels | None) -> None:
        self.blocks: list[Block] = []
        if labels is None:
            self.alone: Entries = near.positions
            return
        order = np.argsort(labels, kind="stable")
        ordered = labels[order]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        count = np.diff(np.append(first, len(order)))
        del ordered
        self.alone = order[first[count == 1]]
        several = [order[i : i + n] for i, n in zip(first, count, strict=True) if n > 1]
        known = tuple(range(len(near.claims)))
        self.blocks += [Block(e, known) for e in several]

    def __len__(self) -> int:
        return len(self.blocks) + len(self.alone)

    def within(self, near: Neighbourhood) -> bool:
        """Tell whether in each block some combination of the samples gives the claim's part."""
        for part in near.parts:
            low, high = near.range(part)
            if (np.maximum(low - near.here[part], near.here[part] - high) > near.tolerance).any():
                return False
        return all(float(np.max(np.abs(block.nearest(near, distinct=True)))) <= near.tolerance for block in self.blocks)
