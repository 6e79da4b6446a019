"""The claims next to the point in those entries that any kink moves, from which more can be asked for.

All other entries of a large argument move at random and are not kept. Where one of them changes after all, it is taken
in: the claims that are known already left it as it was, and how they moved it is drawn again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks.changes import WHOLE, differing
from gradcheck.kinks.neighbourhood import Neighbourhood
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside

    Array = NDArray[np.float64]
    Entries = NDArray[np.int64]

ALLOWED = 2**17  # numbers in the claims kept that are allowed in any case, 1 MiB; as many in their moves
LEAST = 5  # claims that are kept in any case
KEPT = 1  # numbers to keep in the claims of a large argument, for each of its entries; as many in their moves


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
        self.entries = entries
        self.number: int = 0 if before is None else before.number + 1
        self.whole = len(entries) == len(beside.here)
        self.near = self._empty()
        self.taken: list[int] = []
        if before is None:
            self._take()
        else:
            self._carry(before)

    def _take(self) -> None:
        """Begin with the claims that were kept; those of a large argument are kept here alone."""
        changes = self.beside.changes
        self.taken = [k for k, values in enumerate(changes.values) if values is not None]
        for k in self.taken:
            self._given(k, changes.at(k, self.entries))
        if len(self.beside.here) > WHOLE:
            changes.release()

    def _given(self, k: int, values: Array) -> None:
        ordered = self.beside.moves[k][0] is None
        self.near.add(self.beside.move(k)[self.entries], values, drawn=not ordered)
        self.near.ordered |= ordered

    def _carry(self, before: Around) -> None:
        """Begin with the claims that are known in fewer entries: they left the others as they were."""
        old, near = np.searchsorted(self.entries, before.entries), before.near
        self.near.asked = near.asked
        for k, (number, move, claim) in enumerate(zip(near.numbers, near.moves, near.claims, strict=True)):
            if len(self.near.claims) + 2 >= self.near.most_kept:
                break
            values = np.array(self.beside.here[self.entries])
            values[old] = claim
            if number == 0:
                self.taken.append(before.taken[k])
                self._given(before.taken[k], values)
            elif number > 0 and near.drawn[k]:
                all_moves = before._others(number)
                all_moves[before.entries] = move
                self.near.add(self.beside.made(self.beside.there(all_moves), self.entries), values)
        near.forget()  # the two refer to one another

    def _empty(self) -> Neighbourhood:
        beside, entries = self.beside, self.entries
        size = (len(beside.here),) if beside.basis is not None else beside.shape
        size = (2, *size) if beside.complex and beside.basis is None else size
        rng = stream(beside.trial.field.seed, Purpose.NEARBY, beside.trial.index, 2 * self.number)
        near = Neighbourhood(self._claim, beside.here[entries], entries, size, rng=rng, blur=beside.blur)
        near.claim_like = self._claim_like
        near.tolerance = beside.tolerance
        if len(beside.here) > WHOLE:
            near.most_kept = max(LEAST, max(KEPT * len(beside.here), ALLOWED) // len(entries))
        return near

    def _others(self, asked: int) -> Array:
        """Return the random move of all entries beneath the claim of that number asked for here."""
        trial = self.beside.trial
        number = (asked << 32) + 2 * self.number + 1
        return stream(trial.field.seed, Purpose.NEARBY, trial.index, number).standard_normal(len(self.beside.here))

    def _claim(self, part: Array) -> tuple[Array, Array]:
        """Return the claim at a move of the entries looked at, all others moving at random."""
        return self._claim_on(self._others(self.near.asked), part)

    def _claim_like(self, part: Array, like: int) -> tuple[Array, Array]:
        """Return the claim at a move of the entries looked at, all others moving as for another claim."""
        asked = self.near.numbers[like]
        return self._claim_on(self._others(asked) if asked else self.beside.move(self.taken[like]), part)

    def _claim_on(self, move: Array, part: Array) -> tuple[Array, Array]:
        beside, entries = self.beside, self.entries
        if self.whole:
            return beside.ask(part)
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

    def grown(self, more: Grown, *, to_all: bool) -> Around:
        """Return the same with the entries that turned up, or with all; the claims known are kept."""
        entries = np.arange(len(self.beside.here)) if to_all else np.union1d(self.entries, more.entries)
        return Around(self.beside, entries, self)
