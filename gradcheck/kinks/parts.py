"""The entries of a claim divided into blocks, and how far each block's part of the claim is shown.

There may be as many blocks as entries, so nothing is kept for a block but a row of an array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.many_hulls import in_hulls
from gradcheck.kinks.nearest_point import USED, in_hull
from gradcheck.kinks.packed import Packed, parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Chosen = NDArray[np.bool_]
    Entries = NDArray[np.signedinteger[Any]]

OPEN, INSIDE, BOTH_WAYS = 0, 1, 2  # how far the search in a block has come
NUMBERS = 2**15  # in the tables of blocks that are looked at together
CLOSE = 2.0**-20  # of a hull's size: with less left of the claim its square is next to round-off of 1
FEW = 8  # so many are rounded less, and not much slower, one by one


class Alike:
    """Blocks of as many entries each: entries that bend together.

    Attributes
    ----------
    entries : array (blocks, size)
        Those of each block, in order.
    used : array (blocks, slots)
        The samples that may carry weight, −1 behind them.
    weights : array (blocks, slots)
        Of these, once all blocks are shown.
    bend : array (blocks,)
        Of a search, as all that follow: 1 where f bends up in a block, −1 where down, 0 where both ways, as far as was
        looked.
    best : array (blocks,)
        How far the nearest point is from the claim.
    stalled : array (blocks,)
        For how many turns no nearer one was found.
    state : array (blocks,)
        `OPEN`, `INSIDE` or `BOTH_WAYS`.

    """

    def __init__(self, entries: Entries, known: int) -> None:
        self.entries = entries
        self.used = np.tile(np.arange(known, dtype=np.int16), (len(entries), 1))
        self.weights: Array = np.zeros((0, 0))
        self.bend, self.stalled, self.state = np.zeros((3, 0), dtype=np.int8)
        self.best: Array = np.zeros(0)

    def begin(self) -> None:
        """Begin a search."""
        self.bend, self.stalled, self.state = np.zeros((3, len(self)), dtype=np.int8)
        self.best = np.full(len(self), np.inf)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def size(self) -> int:
        """How many entries each block has."""
        return int(self.entries.shape[1])

    def some(self, rows: Entries) -> Iterator[Entries]:
        """Yield some blocks a few at a time, so that what is made of them stays small beside the argument."""
        return (rows[part] for part in parts(len(rows), self._together))

    def every(self) -> Iterator[Entries]:
        """Yield all blocks a few at a time."""
        return (np.arange(*part.indices(len(self))) for part in parts(len(self), self._together))

    @property
    def _together(self) -> int:
        """How many blocks are looked at together."""
        slots = int(self.used.shape[1])
        return max(NUMBERS // (slots + 1) // max(slots + 1, self.size), 1)

    def nearest(self, near: Neighbourhood, rows: Entries, fresh: int | None = None) -> Array:
        """Return what is left of the claim beyond the nearest point of the hull of the samples used, (rows, size).

        All but the last `fresh` of them carried weight when that was last looked for.
        """
        vertices, targets, used = self._vertices(near, rows), near.here[self.entries[rows]].T, self.used[rows] >= 0
        known = np.zeros(len(used), dtype=int) if fresh is None else used.sum(axis=1) - fresh
        begin = np.arange(used.shape[1])[:, None] < known
        weights = _weights(vertices, targets, used.T, begin, few=len(self) <= FEW)
        self._keep(rows, weights)
        return _left(vertices, targets, weights).T

    def weigh(self, near: Neighbourhood) -> None:
        """Weigh the samples of each block, where that has not been done."""
        if self.weights.shape == self.used.shape:
            return
        self.weights = np.zeros(self.used.shape)
        for rows in self.every():
            self.nearest(near, rows, fresh=0)

    @property
    def most_used(self) -> int:
        """How many samples the block uses that uses most of them."""
        return int((self.used >= 0).sum(axis=1).max(initial=0))

    def most_weights(self, near: Neighbourhood) -> Array:
        """Return the weights of that block."""
        row = (self.used >= 0).sum(axis=1).argmax(keepdims=True)
        one = Alike(self.entries[row], 0)
        one.used = self.used[row]
        one.weigh(near)
        return np.asarray(one.weights[one.weights > 0])

    def shown(self, near: Neighbourhood) -> list[Alike] | None:
        """Return the blocks with weights by which the samples give the claim's part in each, or None if they do not.

        Blocks that the same sample gives, or the middle of the first two, are one from there on. In all others one
        alone of samples that are the same carries weight.
        """
        given, known = self._given(near), self.used.shape[1]
        rest = Alike(self.entries if (given < 0).all() else self.entries[given < 0], known)
        rest.weights = np.zeros(rest.used.shape)
        for rows in rest.every():
            vertices, targets = rest._vertices(near, rows), near.here[rest.entries[rows]].T
            weights = _weights(vertices, targets, _distinct(vertices, near.tolerance), few=len(rest) <= FEW)
            if float(np.max(np.abs(_left(vertices, targets, weights)))) > near.tolerance:
                return None
            rest._keep(rows, weights)
        rest.trim()
        joined = []
        for k in np.unique(given[given >= 0]):
            joined.append(one := Alike(self.entries[given == k].reshape(1, -1), 0))
            one.used = np.array([[0, 1] if k == known else [k]], dtype=np.int16)
            one.weights = np.full(one.used.shape, 1 / one.used.size)
        return [*joined, rest] if len(rest) else joined

    def add(self, rows: Entries, places: Entries) -> None:
        """Let one more sample carry weight in each of some blocks."""
        count = (self.used[rows] >= 0).sum(axis=1)
        if count.max(initial=0) == self.used.shape[1]:
            self.used = np.pad(self.used, ((0, 0), (0, 1)), constant_values=-1)
        self.used[rows, count] = places

    def free(self, rows: Entries, count: int) -> Entries:
        """Return for each of some blocks which of `count` samples it does not use, after the first two; 0 for none."""
        places = np.zeros(len(rows), dtype=np.int16)
        for k in range(count - 1, 1, -1):
            places[~(self.used[rows] == k).any(axis=1)] = k
        return places

    def trim(self) -> None:
        """Let go of room that no block needs."""
        slots = self.most_used
        self.used = self.used[:, :slots].copy()
        self.weights = self.weights[:, :slots].copy()

    def _vertices(self, near: Neighbourhood, rows: Entries) -> Array:
        """Return the samples used in some blocks, (slots, size, rows); anything in empty slots."""
        entries, used = self.entries[rows], self.used[rows]
        if self.size > NUMBERS:  # it may be as large as the argument
            vertices = np.empty((len(used[0]), self.size, 1))
            for vertex, k in zip(vertices, used[0], strict=True):
                vertex[:, 0] = near.claim(max(int(k), 0), entries[0])
            return vertices
        numbers = np.unique(used[used >= 0])
        claims = _several(near, numbers.tolist(), entries.ravel()).reshape(len(numbers), *entries.shape)
        which = np.searchsorted(numbers, np.maximum(used, numbers[0]))
        return np.ascontiguousarray(claims[which.T, np.arange(len(rows))].transpose(0, 2, 1))

    def _given(self, near: Neighbourhood) -> NDArray[np.int16]:
        """Return which sample gives each block, as many as there are for the middle of the first two, −1 for none."""
        known = self.used.shape[1]
        given = np.full(len(self), -1, dtype=np.int16)
        for rows in self.every():
            entries = self.entries[rows]
            targets, plain = near.here[entries], np.full(len(rows), -1)
            for k in range(known):
                claim = near.claim(k, entries.ravel()).reshape(entries.shape)
                plain[(plain < 0) & (np.abs(claim - targets).max(axis=1) <= near.tolerance)] = k
            if known > 1:
                middle = sum(near.claim(k, entries.ravel()).reshape(entries.shape) for k in (0, 1)) / 2
                plain[(plain < 0) & (np.abs(middle - targets).max(axis=1) <= near.tolerance)] = known
            given[rows] = plain
        return given

    def _keep(self, rows: Entries, weights: Array) -> None:
        """Keep the samples that carry weight, and forget the others."""
        order = np.argsort(weights == 0, axis=0, kind="stable").T
        kept = np.take_along_axis(weights.T, order, axis=1)
        if len(self.weights):
            self.weights[rows] = kept
        self.used[rows] = np.where(kept > 0, np.take_along_axis(self.used[rows], order, axis=1), -1)


def _weights(vertices: Array, targets: Array, among: Chosen, begin: Chosen | None = None, *, few: bool) -> Array:
    """Return the weights of the point of each hull nearest to its target, (slots, hulls)."""
    if few:
        weights, found = np.zeros((len(vertices), vertices.shape[2])), np.zeros(vertices.shape[2], dtype=bool)
    else:
        weights, found = in_hulls(vertices, targets, among, begin)
        _look_closer(vertices, targets, among, weights)
    for place in np.flatnonzero(~found):
        mine = among[:, place]
        weights[:, place] = 0.0
        # no copy of a block of very many entries
        hull = vertices[:, :, place] if mine.all() else vertices[mine, :, place]
        weights[mine, place] = in_hull(hull, targets[:, place])
    return np.where(weights > USED * weights.max(axis=0), weights, 0.0)


def _left(vertices: Array, targets: Array, weights: Array) -> Array:
    """Return what is left of the targets beyond the points that weights make up, (size, hulls)."""
    return np.asarray(targets - np.einsum("kb,kmb->mb", weights, vertices))


def _look_closer(vertices: Array, targets: Array, among: Chosen, weights: Array) -> None:
    """Weigh anew where the target is next to a hull: the squares of vertices far from it hide what is left."""
    left = np.abs(_left(vertices, targets, weights)).max(axis=0)
    apart = np.abs(vertices - targets).max(axis=1)
    mine = among & (apart <= left / CLOSE)
    some = np.flatnonzero((among & ~mine).any(axis=0) & mine.any(axis=0))
    if not len(some):
        return
    mine = mine[:, some]
    close = np.where(mine[:, None], vertices[:, :, some], targets[:, some])
    again, found = in_hulls(close, targets[:, some], mine)
    less = np.abs(_left(close, targets[:, some], again)).max(axis=0)
    nearer = found & (less < left[some])
    weights[:, some[nearer]] = again[:, nearer]


def _several(near: Neighbourhood, numbers: Sequence[int], entries: Entries) -> Array:
    """Return some claims in a few entries, (claims, entries)."""
    if isinstance(near.claims, Packed):
        return near.claims.several(numbers, entries)
    return np.array([near.claims[k][entries] for k in numbers])


def _distinct(vertices: Array, tolerance: float) -> Chosen:
    """Return one of each kind of vertices in each hull."""
    kept = np.ones((len(vertices), vertices.shape[2]), dtype=bool)
    for k in range(1, len(vertices)):
        for before in range(k):
            kept[k] &= ~kept[before] | (np.abs(vertices[k] - vertices[before]).max(axis=0) > tolerance)
    return kept


class Parts:
    """Entries that bend alone, and blocks of several.

    Attributes
    ----------
    alone : array of int
        The entries that are a block each.
    groups : list of Alike
        The blocks of several entries, by how many they have.

    """

    def __init__(self, near: Neighbourhood, labels: Entries | None) -> None:
        self.groups: list[Alike] = []
        if labels is None or labels is near.positions:
            self.alone: Entries = near.positions
            return
        order = np.argsort(labels, kind="stable").astype(np.int32)  # of very many entries no argument here is
        ordered = labels[order]
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])).astype(np.int32)
        count = np.diff(np.append(first, len(order)))
        del ordered
        self.alone = order[first[count == 1]]
        for size in np.unique(count[count > 1]):
            entries = order[first[count == size][:, None] + np.arange(size, dtype=np.int32)]
            self.groups.append(Alike(entries, len(near.claims)))

    def __len__(self) -> int:
        return len(self.alone) + sum(map(len, self.groups))

    def labels(self, near: Neighbourhood) -> Entries:
        """Return which block each entry is in."""
        found = near.positions
        if self.groups:
            found, first = np.empty(near.here.size, dtype=np.int32), len(self.alone)
            found[self.alone] = np.arange(first, dtype=np.int32)
            for group in self.groups:
                found[group.entries] = np.arange(first, first + len(group), dtype=np.int32)[:, None]
                first += len(group)
        return found

    def within(self, near: Neighbourhood) -> bool:
        """Tell whether in each block some combination of the samples gives the claim's part."""
        for part in near.parts:
            low, high = near.range(part)
            if (np.maximum(low - near.here[part], near.here[part] - high) > near.tolerance).any():
                return False
        groups = []
        while self.groups:  # each is let go of once it is shown
            if (shown := self.groups.pop().shown(near)) is None:
                return False
            groups += shown
        self.groups = groups
        return True
