"""The claims next to the point in those entries that any kink moves, from which more can be asked for.

All other entries of a large argument move at random and are not kept. Where one of them changes after all, it is taken
in: the first claims, those that were kept, left it as it was.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.changes import MOST, WHOLE, differing
from gradcheck.kinks.moves import Moves
from gradcheck.kinks.neighbourhood import Neighbourhood
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.kinks.scaled import Scaled

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

ALLOWED = 2**17  # numbers in the claims kept that are allowed in any case, 1 MiB; as many in their moves
HELD = 5  # times the claim at the point, in claims and moves, and what one more of them takes
FEW = 4  # with more than so many times fewer entries than the argument has, the moves in them are kept
LEAST = 5  # claims that are kept in any case: at two moves and where entries fall and rise in order, and one more


class Grown(Exception):  # noqa: N818  a finding
    """Entries changed that no claim had changed before."""

    def __init__(self, entries: Entries) -> None:
        super().__init__(len(entries))
        self.entries = entries


class Around:
    """The entries looked at, and their claims.

    Attributes
    ----------
    entries : array
        In order.
    near : Neighbourhood
        The claims in them.
    taken : list of int
        Those of the claims kept that it begins with.

    """

    def __init__(self, beside: Beside, entries: Entries, before: Around | None = None) -> None:
        self.beside = beside
        count = len(beside.here)
        if MOST * count < len(entries) < count and self._most_kept(count) == self._most_kept(len(entries)):
            entries = np.arange(len(beside.here), dtype=np.int32)
        self.entries = entries
        self.whole = len(entries) == len(beside.here)
        seed = beside.trial.field.seed
        rng = stream(seed, Purpose.NEARBY, beside.trial.index) if before is None else before.near.rng
        self.near: Neighbourhood = self._empty(rng)
        self.taken = self._begin(before)
        if before is not None:
            self.near.asked = before.near.asked
            before.near.forget()  # the two refer to one another
        elif len(beside.here) > WHOLE:
            beside.changes.release()
            self.near.packed.trim()

    def _begin(self, before: Around | None) -> list[int]:
        """Begin with claims that were asked for elsewhere, as long as one more can be kept after them.

        Those that are known in fewer entries left the others as they were. Return which they are.
        """
        near, beside = self.near, self.beside
        if before is None:
            kept = [k for k, codes in enumerate(beside.changes.claims.codes) if codes is not None]
        else:
            numbers = before.near.numbers[: len(before.taken)]
            still = [place for place, number in enumerate(numbers) if not number]
            kept = [before.taken[place] for place in still]
        kept = kept[: near.most_kept - 1]
        drawn = [beside.moves[k][0] is not None for k in kept]
        near.ordered = not all(drawn)
        if len(beside.here) <= WHOLE:
            for k, one in zip(kept, drawn, strict=True):
                near.add(self._move(k), beside.changes.at(k, self.entries), drawn=one)
            return kept
        moves = Moves()
        for k in kept:
            if self.whole:
                moves.append(beside.move_anew(k))
            else:
                moves.append(partial(self._move, k) if FEW * len(self.entries) > len(beside.here) else self._move(k))
        if before is None:
            claims = beside.changes.packed(kept, self.entries)
        else:
            places = np.searchsorted(self.entries, before.entries)
            known = before.near.packed.chosen(still[: len(kept)])
            before.near.claims = []
            known.trim()
            claims = known.wider(len(self.entries), places, beside.here[self.entries])
        near.begin(moves, claims, drawn)
        return kept

    def _move(self, number: int) -> Array:
        """Return the move of a claim that was asked for elsewhere."""
        move = self.beside.move(number)
        return move if self.whole else move[self.entries]

    def _empty(self, rng: np.random.Generator) -> Neighbourhood:
        beside, entries = self.beside, self.entries
        size = (len(beside.here),) if beside.basis is not None else beside.shape
        size = (*size, 2) if beside.complex and beside.basis is None else size
        here = beside.here if self.whole else beside.here[entries]
        near = Neighbourhood(self._claim, here, entries, size, rng=rng, blur=beside.blur)
        near.claim_like = self._claim_like
        near.remake = self._remake if self.whole and len(beside.here) > WHOLE else None
        near.tolerance = beside.tolerance
        if len(beside.here) > WHOLE:
            near.most_kept = self._most_kept(len(entries))
            near.most_held = 8 * max(HELD * here.size, 2 * ALLOWED)
        return near

    def _most_kept(self, count: int) -> int:
        """Return how many claims of so many entries are kept at most."""
        return max(LEAST, max(len(self.beside.here), ALLOWED) // count)

    def _others(self, asked: int) -> Array:
        """Return the random move of all entries beneath the claim of that number, from 1."""
        trial = self.beside.trial
        return stream(trial.field.seed, Purpose.NEARBY, trial.index, asked).standard_normal(len(self.beside.here))

    def _claim(self, part: Array) -> tuple[Array, Array]:
        """Return the claim at a move of the entries looked at, all others moving at random."""
        return self.beside.ask(part) if self.whole else self._claim_on(self._others(self.near.asked), part)

    def _remake(self, move: Callable[[], Array]) -> tuple[Callable[[], Array], Array | Scaled]:
        """Return what returns the move that was made, and the claim there; no move is kept while it is asked for."""
        beside = self.beside
        return beside.made_anew(move), beside.looked_up(beside.there_anew(move))

    def _claim_like(self, part: Array, like: int) -> tuple[Array, Array]:
        """Return the claim at a move of the entries looked at, all others moving as for another claim."""
        if self.whole:
            return self.beside.ask(part)
        asked = self.near.numbers[like]
        return self._claim_on(self._others(asked) if asked else self.beside.move(self.taken[like]), part)

    def _claim_on(self, move: Array, part: Array) -> tuple[Array, Array]:
        beside, entries = self.beside, self.entries
        move[entries] = part
        leaves = beside.there(move)
        del move  # as large as the argument
        made = beside.made(leaves, entries)
        claim = beside.looked_up(leaves)
        del leaves
        changed = np.setdiff1d(differing(claim, beside.here, self.near.tolerance), entries, assume_unique=True)
        if len(changed):
            raise Grown(changed)
        return made, claim[entries]

    def grown(self, more: Grown) -> Around:
        """Return the same with the entries that turned up; claims that were asked for elsewhere are kept."""
        return Around(self.beside, np.union1d(self.entries, more.entries), self)
