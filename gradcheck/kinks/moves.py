"""The moves of a large argument's claims, drawn anew each time where it is known how they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.packed import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Drawn:
    """A move drawn at random, or its opposite, but for a few entries; drawn anew at each call."""

    kind: type[np.random.BitGenerator]
    state: Mapping[str, Any]
    count: int
    sign: float = 1.0
    entries: Entries | None = None
    values: Array | None = None

    def __call__(self) -> Array:
        """Return the move."""
        move = np.empty(self.count)
        for part, values in self.by_parts():
            move[part] = values
        return move

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        generator = self.kind()
        generator.state = self.state
        rng = np.random.Generator(generator)
        for part in parts(self.count):
            values = rng.standard_normal(min(part.stop, self.count) - part.start)
            if self.sign < 0:
                np.negative(values, out=values)
            if self.entries is not None and self.values is not None:
                mine = (self.entries >= part.start) & (self.entries < part.stop)
                values[self.entries[mine] - part.start] = self.values[mine]
            yield part, values


class Moves:
    """Moves, each an array or what returns it."""

    def __init__(self) -> None:
        self._moves: list[Array | Callable[[], Array]] = []

    def __len__(self) -> int:
        return len(self._moves)

    def __iter__(self) -> Iterator[Array]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, number: int) -> Array:
        """Return a move; not to be written into."""
        move = self._moves[number]
        return move() if callable(move) else move

    def own(self, number: int) -> Array:
        """Return a move to be written into."""
        move = self._moves[number]
        return move() if callable(move) else move.copy()

    def append(self, move: Array | Callable[[], Array]) -> None:
        """Keep a move."""
        self._moves.append(move)

    def put(self, number: int, entries: Entries, values: Array) -> None:
        """Change a move in some entries."""
        moves = [self[k].copy() for k in range(len(self))]  # others may be made of this one
        moves[number][entries] = values
        self._moves[:] = moves
