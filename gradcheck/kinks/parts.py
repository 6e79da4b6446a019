"""The entries of a claim divided into blocks, and how far each block's part of the claim is shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.nearest_point import combined, in_hull
from gradcheck.kinks.packed import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.blocks import Labels
    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

ROWS = 2**10  # blocks looked at together


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
    number: int = 0  # which of all it is

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
        order = np.argsort(labels, kind="stable").astype(np.int32)  # of very many entries no argument here is
        ordered = labels[order]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        count = np.diff(np.append(first, len(order)))
        del ordered
        self.alone = order[first[count == 1]]
        many = count > 1
        self._order, self._first, self._count = order, first[many].astype(np.int32), count[many].astype(np.int32)

    def _block(self, place: int) -> Block:
        first = self._first[place]
        return Block(self._order[first : first + self._count[place]], self._known, number=place)

    @cached_property
    def blocks(self) -> list[Block]:
        """The blocks of several entries, made where they are first asked for: there may be very many."""
        return self.some(slice(None))

    def some(self, which: slice) -> list[Block]:
        """Return some of the blocks of several entries, made anew."""
        return [self._block(place) for place in range(self.several)[which]]

    @property
    def several(self) -> int:
        """How many blocks of several entries there are."""
        return len(self._first)

    def __len__(self) -> int:
        return (self.several or len(self.blocks)) + len(self.alone)

    def sums(self, values: Array) -> Array:
        """Return the sum of some values in each block of several entries."""
        return self._reduced(np.add, np.arange(self.several), values.__getitem__)

    def within(self, near: Neighbourhood) -> bool:
        """Tell whether in each block some combination of the samples gives the claim's part.

        Blocks that the same sample gives, or the middle of the first two, are one from here on.
        """
        for part in near.parts:
            low, high = near.range(part)
            if (np.maximum(low - near.here[part], near.here[part] - high) > near.tolerance).any():
                return False
        found, left = self._plain(near)
        for place in left:
            block = self._block(place)
            if float(np.max(np.abs(block.nearest(near, distinct=True)))) > near.tolerance:
                return False
            found.append(block)
        self.blocks = found
        self._order = self._first = self._count = np.zeros(0, dtype=np.int32)  # as large as the argument together
        return True

    def _plain(self, near: Neighbourhood) -> tuple[list[Block], Entries]:
        """Return blocks together that one sample gives, or the middle of the first two, and which are left."""
        alike: list[Block] = []
        left = np.arange(self.several)
        plain: list[tuple[tuple[int, ...], tuple[float, ...]]] = [((k,), (1.0,)) for k in self._known]
        if len(self._known) > 1:
            plain.append(((0, 1), (0.5, 0.5)))
        for used, weights in plain:
            if not len(left):
                break
            off = self._reduced(np.maximum, left, partial(_off, near, used, weights))
            given = left[off <= near.tolerance]
            if len(given):
                alike.append(Block(self._entries(given), used, weights))
            left = left[off > near.tolerance]
        return alike, left

    def _reduced(self, ufunc: np.ufunc, places: Entries, values: Callable[[Entries], Array]) -> Array:
        """Return what a ufunc makes of the values of each block's entries, of a few blocks at a time."""
        found = np.zeros(len(places))
        for part in parts(len(places), ROWS):
            starts = np.cumsum(self._count[places[part]]) - self._count[places[part]]
            found[part] = ufunc.reduceat(values(self._entries(places[part])), starts)
        return found

    def _entries(self, places: Entries) -> Entries:
        """Return the entries of some blocks, block by block."""
        count = self._count[places]
        first = self._first[places] - (np.cumsum(count, dtype=np.int32) - count)
        return np.asarray(self._order[np.repeat(first, count) + np.arange(int(count.sum()), dtype=np.int32)])


def _off(near: Neighbourhood, used: Sequence[int], weights: Sequence[float], entries: Entries) -> Array:
    """Return how far a combination of samples is from the claim in some entries."""
    off = -near.here[entries]
    for k, weight in zip(used, weights, strict=True):
        off += weight * near.claim(k, entries)
    return np.abs(off)
