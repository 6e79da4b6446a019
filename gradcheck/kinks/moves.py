"""The moves of a large argument's claims, made anew block by block each time where it is known how they were made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.packed import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]
    Picked = NDArray[np.integer[Any]]


class Move(ABC):
    """A move that is made anew each time, block by block: no array as large as the argument is needed for it."""

    count: int

    @abstractmethod
    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""

    def __call__(self) -> Array:
        """Return the move."""
        move = np.empty(self.count)
        for part, values in self.by_parts():
            move[part] = values
        return move


def by_parts(move: Array | Callable[[], Array]) -> Iterator[tuple[slice, Array]]:
    """Yield a move block by block, from the first entry on; not to be written into."""
    if isinstance(move, Move):
        yield from move.by_parts()
        return
    whole = move() if callable(move) else move
    for part in parts(len(whole)):
        yield part, whole[part]


@dataclass(frozen=True)
class Drawn(Move):
    """A move drawn at random, or its opposite, but for a few entries."""

    kind: type[np.random.BitGenerator]
    state: Mapping[str, Any]
    count: int
    sign: float = 1.0
    entries: Entries | None = None
    values: Array | None = None

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


@dataclass(frozen=True)
class InOrder(Move):
    """A move along which entries fall in their order, or rise; a little aside, so that none are tied.

    It is as long as many entries need to be 2^-16 apart: a move is rounded, to 2^-20 at worst.
    """

    count: int
    sign: float
    rng: Callable[[], np.random.Generator]

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        size = self.sign * max(1.0, self.count * 2.0**-17)
        step, rng = -2 * size / max(self.count - 1, 1), self.rng()
        for part in parts(self.count):
            values = size + step * np.arange(part.start, min(part.stop, self.count))
            values += 2.0**-4 * abs(size) / max(self.count, 1) * rng.standard_normal(len(values))
            yield part, values


class Yielded(Move):
    """A move that a function yields block by block."""

    def __init__(self, count: int, yielded: Callable[[], Iterator[tuple[slice, Array]]]) -> None:
        self.count = count
        self._yielded = yielded

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        return self._yielded()


class Mixed(Move):
    """A move that takes each entry from one of several moves."""

    def __init__(self, pick: Picked, moves: Sequence[Array | Callable[[], Array]]) -> None:
        self.count = len(pick)
        self._pick = pick
        self._moves = {int(k): moves[k] for k in np.unique(pick)}

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        made = {k: by_parts(move) for k, move in self._moves.items()}
        for part in parts(self.count):
            pick = self._pick[part]
            values = np.empty(len(pick))
            for k, one in made.items():
                np.copyto(values, next(one)[1], where=pick == k)
            yield part, values


class Aside(Move):
    """A move, and a small part of another one."""

    def __init__(self, move: Array | Callable[[], Array], size: float, other: Move) -> None:
        self.count = other.count
        self._move, self._size, self._other = move, size, other

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        for (part, values), (_, other) in zip(by_parts(self._move), self._other.by_parts(), strict=True):
            yield part, values + self._size * other


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

    def made(self, number: int) -> Array | Callable[[], Array]:
        """Return a move, or what returns it."""
        return self._moves[number]

    def own(self, number: int) -> Array:
        """Return a move to be written into."""
        move = self._moves[number]
        return move() if callable(move) else move.copy()

    def append(self, move: Array | Callable[[], Array]) -> None:
        """Keep a move."""
        self._moves.append(move)

    def put(self, number: int, entries: Entries, values: Array) -> None:
        """Change a move in some entries; what was made of it stays as it was."""
        move = self[number].copy()
        move[entries] = values
        self._moves[number] = move
