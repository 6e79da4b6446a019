"""Which way f bends: claims grow along their own moves where it is convex, and fall where it is concave."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.moves import by_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.parts import Parts
    from gradcheck.kinks.scaled import Scaled

    Array = NDArray[np.float64]
    Moved = Iterator[tuple[slice, Array]]
    Entries = NDArray[np.signedinteger[Any]]


def grows(near: Neighbourhood, count: int | None = None) -> Array:
    """Return for each entry how its first `count` claims change together with its own moves: above 0 where they grow.

    Sample by sample, and in blocks, as there may be many entries.
    """
    count = count or len(near.claims)
    together = np.zeros(near.here.size)
    means = [_mean(near, part, count) for part in near.parts] if isinstance(near.claims, list) else []
    for k in range(count):
        for number, (part, move) in enumerate(near.move_by_parts(k)):
            mean = means[number] if means else _mean(near, part, count)  # as large as a claim of all entries
            together[part] += (near.claim(k, part) - mean) * move  # the moves' own mean adds nothing
    return together


def _mean(near: Neighbourhood, part: slice, count: int) -> Array:
    """Return the mean of the first claims in some entries."""
    total = np.zeros(len(near.here[part]))
    for k in range(count):
        total += near.claim(k, part)
    total /= count
    return total


def one_sign(claims: Array, moves: Array, tolerance: float) -> int:
    """Return 1 where (s − s')·(z − z') ≥ 0 for all pairs of samples (convex), −1 where ≤ 0, 0 for both signs."""
    return int(signs(claims[:, None], moves[:, None], tolerance)[0])


def signs(claims: Array, moves: Array, tolerance: float) -> NDArray[np.int8]:
    """Return what `one_sign` does for each of many blocks; both (samples, blocks, size)."""
    products, size = claims.transpose(1, 0, 2) @ moves.transpose(1, 2, 0), np.abs(moves).sum(axis=2).T
    own = np.einsum("bss->bs", products)
    each = own[:, :, None] - products - products.transpose(0, 2, 1) + own[:, None, :]
    slack = 2 * tolerance * (size[:, :, None] + size[:, None, :])
    up, down = (each >= -slack).all(axis=(1, 2)), (each <= slack).all(axis=(1, 2))
    return np.where(up, 1, np.where(down, -1, 0)).astype(np.int8)


class Bends:
    """Which way f bends in each block of a large argument, as far as claims differ from the first two.

    Moves are as large as the argument and made anew, so all blocks are looked at together, once for each claim.
    """

    def __init__(self, near: Neighbourhood, divided: Parts) -> None:
        self._near = near
        self._up = [np.ones(len(group), dtype=bool) for group in divided.groups]
        self._down = [up.copy() for up in self._up]
        self._groups = divided.groups
        for number in range(1, len(near.claims)):
            self._see(partial(near.claim, number), partial(near.move_by_parts, number), min(number, 2))

    def see(self, claim: Array | Scaled, move: Array | Callable[[], Array]) -> None:
        """Take in a claim and its move, or what returns that."""
        self._see(claim.__getitem__, lambda: by_parts(move), 2)

    def of(self, place: int, rows: Entries) -> NDArray[np.int8]:
        """Return which way f bends in some blocks of a group."""
        return np.where(self._up[place][rows], 1, np.where(self._down[place][rows], -1, 0)).astype(np.int8)

    def _see(self, claim: Callable[[slice], Array], move: Callable[[], Moved], count: int) -> None:
        """Take in a claim against the first one, or the first two."""
        near = self._near
        product, size = np.empty(near.here.size), np.empty(near.here.size, dtype=np.float32)
        for number in range(count):
            for (part, own), (_, other) in zip(move(), near.move_by_parts(number), strict=True):
                product[part] = (claim(part) - near.claim(number, part)) * (own - other)
                size[part] = np.abs(own) + np.abs(other)
            for group, up, down in zip(self._groups, self._up, self._down, strict=True):
                for rows in group.every():
                    entries = group.entries[rows]
                    each, slack = product[entries].sum(axis=1), 2 * near.tolerance * size[entries].sum(axis=1)
                    up[rows] &= each >= -slack
                    down[rows] &= each <= slack
