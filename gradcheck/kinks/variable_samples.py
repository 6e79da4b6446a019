"""The claims next to the point where the kink variable is known, and on which side each of its entries is there.

The variable is cheap, so of a large one no values are kept: they are asked for again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.point import finished
from gradcheck.errors import ArgumentError, shown
from gradcheck.kinks.changes import WHOLE, differ
from gradcheck.kinks.moves import Drawn, Moves
from gradcheck.kinks.packed import Packed, parts
from gradcheck.kinks.sides import Sides

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.verdicts.trial import Trial

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

ROUND = 8
CHOICE = 12  # moves of which one is asked for
FORETOLD = 2  # claims that the kinks told apart must give as well
BITS = 20  # of a value of the variable: what is as far below is its round-off next to the point
SMALL = 2.0**-BITS
NEVER = -(2**14)  # below the exponents of all numbers


class Variable:
    """The kink variable of a trial, and which of its entries are 0 at the point.

    Raises
    ------
    ArgumentError
        If it has no zero there.

    """

    def __init__(self, trial: Trial, kink_of: Callable[..., Any]) -> None:
        self._claim = trial.prediction.claim
        self._kink_of = kink_of
        self.zero = self._zeros(trial)
        if not len(self.zero):
            raise ArgumentError(
                "kink_of returned no zero at the point, but f has a kink there: name the variable that is 0"
            )

    def _zeros(self, trial: Trial) -> Entries:
        """Return the entries that are 0 at the point, but for the round-off of computing them."""
        here = self._values(trial.prediction.leaves)
        allowed = 64 * trial.field.unit * float(np.max(np.abs(here), initial=0.0))
        return np.flatnonzero(np.abs(here) <= allowed).astype(np.int32)

    def parts(self, leaves: Sequence[Any]) -> Sequence[Any]:
        """Return the arrays of the variable at some arguments."""
        result = finished(self._kink_of(*self._claim.arguments(leaves)), self._kink_of)
        return result if isinstance(result, tuple | list) else (result,)

    def _values(self, leaves: Sequence[Any], entries: Entries | None = None) -> Array:
        """Return the variable, or some entries of it; not to be written into."""
        parts = self.parts(leaves)
        try:
            flat = [arrays.to_numpy(part).reshape(-1) for part in parts]
            values = flat[0] if len(flat) == 1 else np.concatenate(flat)
            if entries is None or (len(entries) == len(values) and entries[-1] == len(entries) - 1):  # all of it
                return values
            return values[entries]
        except (TypeError, ValueError, IndexError) as error:
            said = f"kink_of= returned {shown(parts)}, wanted an array or a tuple of arrays, as large at every call"
            raise ArgumentError(said) from error

    def at(self, leaves: Sequence[Any]) -> Array:
        """Return the entries that are 0 at the point, at other arguments."""
        return self._values(leaves, self.zero)


class Samples:
    """The claims next to the point in the entries that have changed, and the kink variable's sides there.

    Attributes
    ----------
    entries : array
        Those that have changed.
    claims : list of array (entries,) or Packed
        The claims in them.
    signs : Moves
        The variable in these claims, one array each or what asks for it again.
    sides : Sides
        Where it is positive.
    first_move : array
        The move of the first claim, in all entries.

    """

    def __init__(self, beside: Beside, variable: Variable, rng: np.random.Generator) -> None:
        self.beside = beside
        self.variable = variable
        self.rng = rng
        self.tolerance = beside.tolerance
        self.entries = beside.changing()
        known = range(len(beside.moves))
        self.large = len(beside.here) > WHOLE
        self.claims: list[Array] | Packed
        if self.large:
            self.claims = beside.changes.packed(known, self.entries)
        else:
            self.claims = [beside.changes.at(k, self.entries) for k in known]
        self.signs, self.sides = Moves(), Sides(len(variable.zero))
        self.exponents = np.full(len(variable.zero), NEVER, dtype=np.int16)  # of the variable's largest values
        self.as_one = False  # whether kinks in proportion, as far as round-off tells, count as one
        self.squares = np.zeros(len(variable.zero))  # of the variable, added up, as long as kinks are told apart
        for k in known:
            self._take(partial(self._at_probe, k))

    @property
    def first_move(self) -> Array:
        """The move of the first claim."""
        return self.beside.move(0)

    def __len__(self) -> int:
        return len(self.claims)

    def claim(self, number: int, where: slice | Entries) -> Array:
        """Return a claim in some of the entries that have changed."""
        claims = self.claims
        return claims.part(number, where) if isinstance(claims, Packed) else claims[number][where]

    def _at_probe(self, number: int) -> Array:
        """Return the variable where a claim was asked for beforehand."""
        beside = self.beside
        probe, sign = beside.moves[number]
        return self.variable.at(beside.leaves(beside.trial.direction(probe), sign))  # type: ignore[arg-type]  # a probe

    def _at(self, move: Callable[[], Array]) -> Array:
        """Return the variable at a move."""
        return self.variable.at(self.beside.there_anew(move))

    def _take(self, values: Callable[[], Array]) -> None:
        found = values()
        for part in parts(len(found)):
            np.maximum(self.exponents[part], _exponents(found[part]), out=self.exponents[part])
        for part in parts(len(self.squares)):
            self.squares[part] += found[part] ** 2
        self.sides.append(found > 0)
        self.signs.append(values if self.large else np.array(found))

    def ask(self, move: Callable[[], Array]) -> None:
        """Ask for one more claim, but not where a kink that the argument moves stays at 0 and takes a side."""
        leaves = self.beside.there_anew(move)
        values = self.variable.at(leaves)
        if self._tied(values):
            return
        del values
        claim = self.beside.looked_up(leaves)
        del leaves
        if len(self.entries) < len(self.beside.here):
            self._widen(differ(claim, self._first, self.tolerance))
        found = claim if len(self.entries) == len(claim) else claim[self.entries]
        self.claims.append(found)  # type: ignore[arg-type]  # a list is given arrays alone
        self._take(partial(self._at, move))

    def _tied(self, values: Array) -> bool:
        """Tell whether a kink that the argument moves stays at 0, beside how far it has been from it."""
        for part in parts(len(values)):
            known = self.exponents[part]
            if ((known > NEVER) & (_exponents(values[part]) < known - BITS)).any():
                return True
        return False

    @property
    def _first(self) -> First:
        return First(self.beside)

    def _widen(self, changed: NDArray[np.bool_]) -> None:
        """Take in entries that have changed; the claims known are as the first one there."""
        changed[self.entries] = True
        entries = np.flatnonzero(changed)
        if len(entries) == len(self.entries):
            return
        places, first = np.searchsorted(entries, self.entries), self._first[entries]
        if isinstance(self.claims, Packed):
            self.claims = self.claims.wider(len(entries), places, first)
        else:
            for k, value in enumerate(self.claims):
                self.claims[k] = first.copy()
                self.claims[k][places] = value
        self.entries = entries

    def tell_apart(self) -> tuple[bool, bool]:
        """Ask for claims until no two kinks that the argument moves have been on the same sides in all of them.

        The variable is cheap to ask, so of a few moves the one is taken that parts most. Return whether that is so, and
        whether further claims could be asked for, which what is known of the kinks must give as well.
        """
        apart = False
        for _ in range(2 * len(self.variable.zero).bit_length() + ROUND):
            groups = self.sides.numbered()
            if apart := not self._alike(groups):
                break
            moves = [self.drawn_move() for _ in range(CHOICE)]
            first = self.sides[0]
            parted = [_parted(groups, self._at(move), first) for move in moves]
            del groups
            self.ask(moves[int(np.argmax(parted))])
        self.squares = np.zeros(0)
        wanted = len(self.claims) + FORETOLD
        self.more(wanted)
        return apart, len(self.claims) >= wanted

    def _alike(self, groups: Entries) -> bool:
        """Tell whether two kinks of one group, that have changed sides, are not always in proportion."""
        changed = np.flatnonzero(self.sides.changed).astype(np.int32)
        if len(changed) == len(self.variable.zero) == self.variable.zero[-1] + 1:  # all, as is common
            changed = self.variable.zero
        mine = groups[changed]
        first = np.full(int(mine.max(initial=0)) + 1, -1, dtype=np.int32)
        first[mine[::-1]] = np.arange(len(mine), dtype=np.int32)[::-1]
        self.as_one = bool(np.count_nonzero(first >= 0) < len(mine))
        if not self.as_one:  # each is alone
            return False
        others = first[mine]
        del first, mine
        flipped = ~self.sides.part(0, changed)  # h and −h name one kink
        for k in reversed(range(len(self.signs))):  # the first two are opposites, and in proportion
            values = self.signs[k]
            for part in parts(len(changed)):
                own, other = (
                    np.where(flipped[mine], -1.0, 1.0) * values[changed[mine]] / np.sqrt(self.squares[changed[mine]])
                    for mine in (part, others[part])
                )
                if float(np.max(np.abs(own - other))) > SMALL:
                    return True
            del values
        return False

    def more(self, count: int) -> None:
        """Ask for claims at random moves until there are `count`."""
        for _ in range(2 * count):
            if len(self.claims) >= count:
                return
            self.ask(self.drawn_move())

    def drawn_move(self) -> Drawn:
        """Return a random move, to be drawn again."""
        generator = self.rng.bit_generator
        found = Drawn(type(generator), generator.state, len(self.beside.here))
        for part in parts(found.count):
            self.rng.standard_normal(min(part.stop, found.count) - part.start)
        return found

    def forget(self) -> None:
        """Let go of the claims, once all is known of them."""
        self.claims, self.signs, self.sides = [], Moves(), Sides(0)

    @property
    def off(self) -> bool:
        """Whether the claim at the point differs from the first in an entry that has not changed yet."""
        off = differ(self._first, self.beside.here, self.tolerance)
        off[self.entries] = False
        return bool(off.any())


class First:
    """The first claim, block by block."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside

    def __len__(self) -> int:
        return len(self._beside.here)

    def __getitem__(self, where: slice | Entries) -> Array:
        """Return the claim in some entries."""
        return self._beside.changes.at(0, where)


def _exponents(values: Array) -> NDArray[np.int16]:
    """Return the exponents of numbers, and NEVER that of 0."""
    mantissas, exponents = np.frexp(values)
    return np.where(mantissas == 0, NEVER, exponents).astype(np.int16)


def _parted(groups: Entries, values: Array, first: NDArray[np.bool_]) -> int:
    """Return how many groups there are once each is parted by whether a side is that of the first claim."""
    found = np.zeros((2, int(groups.max(initial=0)) + 1), dtype=bool)
    for part in parts(len(groups)):
        side = np.where(first[part], values[part] > 0, values[part] < 0)
        found[0, groups[part][side]] = True
        found[1, groups[part][~side]] = True
    return int(np.count_nonzero(found))
