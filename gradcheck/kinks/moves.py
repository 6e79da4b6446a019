"""The moves of a large argument's claims, made anew block by block each time where it is known how they were made.

Very many moves may be made side by side, so nothing keeps a block that it has yielded: they are mapped, one on another.
"""

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


DRAWN = 0  # what stands for none of a coarse move's numbers, 1 to 3 for -1 to 1
BITS = np.arange(0, 8, 2, dtype=np.uint8)  # where four such codes begin in a byte


class Move(ABC):
    """A move that is made anew each time, block by block: no array as large as the argument is needed for it."""

    count: int
    nbytes: int = 0  # of what is kept to make it

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
        return move.by_parts()
    whole = move() if callable(move) else move
    return ((part, np.asarray(whole[part], dtype=np.float64)) for part in parts(len(whole)))


def nbytes_of(move: Array | Callable[[], Array]) -> int:
    """Return how many bytes are kept for a move."""
    return move.nbytes if isinstance(move, (Move, np.ndarray)) else 0


@dataclass(frozen=True)
class Drawn(Move):
    """A move drawn at random, or the sizes of one, times a number; but for a few entries."""

    kind: type[np.random.BitGenerator]
    state: Mapping[str, Any]
    count: int
    times: float = 1.0
    sizes: bool = False
    entries: Entries | None = None
    values: Array | None = None

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        generator = self.kind()
        generator.state = self.state
        rng = np.random.Generator(generator)
        return ((part, self._block(part, rng)) for part in parts(self.count))

    def _block(self, part: slice, rng: np.random.Generator) -> Array:
        values: Array = rng.standard_normal(min(part.stop, self.count) - part.start)
        if self.sizes:
            np.abs(values, out=values)
        values *= self.times
        if self.entries is not None and self.values is not None:
            mine = (self.entries >= part.start) & (self.entries < part.stop)
            values[self.entries[mine] - part.start] = self.values[mine]
        return values


@dataclass(frozen=True)
class InOrder(Move):
    """A move along which entries fall in their order, or, with the opposite sign and the same numbers drawn, rise.

    They are a little aside, so that none are tied.
    It is as long as many entries need to be 2^-16 apart: a move is rounded, to 2^-20 at worst.
    """

    count: int
    sign: float
    rng: Callable[[], np.random.Generator]

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        size = self.sign * max(1.0, self.count * 2.0**-17)
        step, rng = -2 * size / max(self.count - 1, 1), self.rng()

        def block(part: slice) -> tuple[slice, Array]:
            values = size + step * np.arange(part.start, min(part.stop, self.count))
            values += 2.0**-4 * size / max(self.count, 1) * rng.standard_normal(len(values))
            return part, values

        return map(block, parts(self.count))


class Yielded(Move):
    """A move that a function yields block by block."""

    def __init__(self, count: int, yielded: Callable[[], Iterator[tuple[slice, Array]]], nbytes: int = 0) -> None:
        self.count, self.nbytes = count, nbytes
        self._yielded = yielded

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        return self._yielded()


class Mixed(Move):
    """A move that takes each entry from one of several moves."""

    def __init__(self, pick: Picked, moves: Sequence[Array | Callable[[], Array]]) -> None:
        self.count, self.nbytes = len(pick), pick.nbytes
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


class Put(Move):
    """A move that has values of its own in some entries, and is as another one where these are NaN.

    All are of the values' precision. If that is single, so is the move as it was made, or x + δ·s∘z is rounded to fewer
    bits.
    """

    def __init__(self, move: Array | Callable[[], Array], values: NDArray[np.floating[Any]]) -> None:
        self.count, self.nbytes = len(values), values.nbytes
        self.beneath, self.values = move, values

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        return map(self._block, by_parts(self.beneath))

    def _block(self, beneath: tuple[slice, Array]) -> tuple[slice, Array]:
        part, values = beneath
        own = self.values[part]
        return part, np.where(np.isnan(own), values.astype(own.dtype), own).astype(np.float64)


class Coarse(Move):
    """A move of -1, 0 and 1 in two bits, a little aside, so that none are tied; drawn where the values are NaN.

    Where f is linear in pieces a claim is the same for all moves nearby.
    """

    def __init__(self, drawn: Drawn, values: NDArray[np.floating[Any]]) -> None:
        self._four = np.zeros(-(-len(values) // len(BITS)), dtype=np.uint8)
        for part in parts(len(values)):
            codes = np.nan_to_num(np.rint(np.clip(values[part], -1, 1)) + 2, nan=DRAWN).astype(np.uint8)
            codes = np.append(codes, np.zeros(-len(codes) % len(BITS), dtype=np.uint8)).reshape(-1, len(BITS))
            self._four[self._bytes(part)] = (codes << BITS).sum(axis=1, dtype=np.uint8)
        self.count, self.nbytes = len(values), self._four.nbytes
        self._drawn = drawn

    def _bytes(self, part: slice) -> slice:
        return slice(part.start // len(BITS), part.stop // len(BITS))

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        return map(self._block, self._drawn.by_parts())

    def _block(self, beneath: tuple[slice, Array]) -> tuple[slice, Array]:
        part, drawn = beneath
        codes = (self._four[self._bytes(part), None] >> BITS & 3).ravel()[: len(drawn)].astype(np.float64)
        return part, np.where(codes == DRAWN, drawn, codes - 2 + drawn / 16)


class Aside(Move):
    """A move, and a small part of another one."""

    def __init__(self, move: Array | Callable[[], Array], size: float, other: Move) -> None:
        self.count = other.count
        self.nbytes = nbytes_of(move)
        self._move, self._size, self._other = move, size, other

    def by_parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield the move block by block, from the first entry on."""
        return map(self._block, by_parts(self._move), self._other.by_parts())

    def _block(self, move: tuple[slice, Array], other: tuple[slice, Array]) -> tuple[slice, Array]:
        return move[0], move[1] + self._size * other[1]


class Moves:
    """Moves, each an array, of single precision where that is the move, or what returns it."""

    def __init__(self) -> None:
        self._moves: list[Array | Callable[[], Array]] = []

    def __len__(self) -> int:
        return len(self._moves)

    def __iter__(self) -> Iterator[Array]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, number: int) -> Array:
        """Return a move; not to be written into."""
        move = self._moves[number]
        return np.asarray(move() if callable(move) else move, dtype=np.float64)

    def made(self, number: int) -> Array | Callable[[], Array]:
        """Return a move, or what returns it."""
        return self._moves[number]

    @property
    def nbytes(self) -> int:
        """How many bytes are kept for them."""
        return sum(map(nbytes_of, self._moves))

    def own(self, number: int) -> Array:
        """Return a move to be written into."""
        move = self._moves[number]
        return move() if callable(move) else np.array(move, dtype=np.float64)

    def append(self, move: Array | Callable[[], Array]) -> None:
        """Keep a move."""
        self._moves.append(move)

    def put(self, number: int, entries: Entries, values: NDArray[np.floating[Any]]) -> None:
        """Change a move in some entries; what was made of it stays as it was."""
        move = self._moves[number]
        if isinstance(move, np.ndarray):
            self._moves[number] = changed = move.copy()
            changed[entries] = values
            return
        if isinstance(move, Put):
            beneath, own = move.beneath, move.values.copy()
        else:
            beneath, own = move, np.full(move.count if isinstance(move, Move) else len(move()), np.nan, values.dtype)
        own[entries] = values
        self._moves[number] = Put(beneath, own)
