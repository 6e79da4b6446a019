"""The moves of a large argument's claims, drawn anew each time where it is known how they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Entries = NDArray[np.int64]


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

    def append(self, move: Array | Callable[[], Array]) -> None:
        """Keep a move."""
        self._moves.append(move)

    def put(self, number: int, entries: Entries, values: Array) -> None:
        """Change a move in some entries."""
        move = self._moves[number]
        if callable(move):
            self._moves[number] = move = move().copy()
        move[entries] = values
