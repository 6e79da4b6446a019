"""Simple kinks named one by one from claims that are known already: the entries of each, its bend, the claim's side.

A simple kink is a plane through the point. Across it the claim jumps by J along the plane's normal, so the entries that
J is about take two values together, and the sign of J·z tells which at a move z. Entries are put together that change
sides in the same claims; where that sign is right in all claims, they are one kink. Kinks that share entries take more
than two values there, and a half-turn tells them apart.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks import convention, walls
from gradcheck.kinks.around import Grown
from gradcheck.kinks.half_turn import HalfTurn
from gradcheck.kinks.nearest_point import in_zonotope
from gradcheck.kinks.neighbourhood import Spent
from gradcheck.kinks.sides import numbered
from gradcheck.kinks.walls import Wall

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Entries = NDArray[np.int64]

KINKS = 1_000  # kinks named at most
ENOUGH = 12  # claims that tell kinks apart by their sides
NAMING = 30  # claims that a half-turn may cost
HOPELESS = 14  # claims of it after which one kink at least must have been told apart
STILL = 2.0**-10  # of a move: far below those of other entries, far above what it is rounded by
MOST = 2**13  # entries that a half-turn is made for


@dataclass(frozen=True)
class Named:
    """One simple kink: its entries, and its normal in them."""

    entries: Entries
    wall: Wall


def named(near: Neighbourhood, labels: Entries | None) -> tuple[Named, ...]:
    """Return the simple kinks; `labels` says which entries may belong together, where that is known."""
    if labels is None and not _Sides(near, labels).alone.all():
        with suppress(Spent, Grown):
            while len(near.claims) < ENOUGH and near.may_keep:
                near.ask(near.noise(), drawn=True)
    sides = _Sides(near, labels)
    if not len(sides.changing):
        return ()
    with suppress(Spent, Grown):
        sides.part()
    found = sides.single() + sides.together()
    known = [kink.entries for kink in found]
    rest = np.setdiff1d(sides.changing, np.concatenate(known)) if known else sides.changing
    if len(rest) and len(rest) <= MOST and len(found) < KINKS:
        found += [Named(rest, wall) for wall in _by_a_half_turn(near, rest)]
    return tuple(found[:KINKS])


class _Sides:
    """Which of its two values each entry that changes has in each claim.

    Attributes
    ----------
    changing : array of int
        The entries that change.
    low, gap : array
        The smaller value of each, and how much larger the larger one is.
    high : list of array of bool (changing,)
        Which have the larger value, claim by claim: in those that are kept, and in those asked for here.
    moves : list of array (changing,)
        Of the claims asked for here.
    two : array of bool
        The entries that have two values only.
    up, down : array of bool
        The entries whose own moves tell which: the larger value where they rise, or where they fall.

    """

    def __init__(self, near: Neighbourhood, labels: Entries | None) -> None:
        self.near = near
        low, high = near.range()
        self.changing = np.flatnonzero(high - low > near.tolerance)
        self.labels = np.zeros(len(low), dtype=np.int64) if labels is None else labels
        self.low = low[self.changing]
        self.gap = high[self.changing] - self.low
        self.high: list[NDArray[np.bool_]] = []
        self.moves: list[Array] = []
        self.two = np.ones(len(self.changing), dtype=bool)
        self.up, self.down = self.two.copy(), self.two.copy()
        for claim, move in zip(near.claims, near.moves, strict=True):
            self._see(claim, move)

    def _see(self, claim: Array, move: Array) -> None:
        above, own = claim[self.changing] - self.low, move[self.changing]
        side = above > self.gap / 2
        self.high.append(side)
        self.two &= np.abs(above - np.where(side, self.gap, 0.0)) <= self.near.tolerance
        self.up &= side == (own > 0)
        self.down &= side == (own < 0)

    @property
    def alone(self) -> NDArray[np.bool_]:
        """The entries that have two values, and whose own moves tell which."""
        return self.two & (self.up | self.down)

    @property
    def groups(self) -> Entries:
        """The same number for entries that have changed sides together, and may belong together."""
        number = numbered(np.array(self.high))
        pairs = number * (int(self.labels.max(initial=0)) + 1) + self.labels[self.changing]
        return np.asarray(np.unique(pairs, return_inverse=True)[1])

    def part(self) -> None:
        """Ask for claims until of any two entries that are alone so far one has changed sides without the other.

        Half of a group is moved to where by its own moves it has changed sides since the first claim, the other half
        not. Entries of one kink change sides together: some are then seen not to be alone. More than can be listed are
        taken as they look.
        """
        while np.count_nonzero(alone := self.alone) <= KINKS:
            group = self.groups[alone]
            order = np.argsort(group, kind="stable")
            _, first, count = np.unique(group[order], return_index=True, return_counts=True)
            if (count == 1).all():
                break
            second = np.empty(len(group), dtype=bool)
            second[order] = (np.arange(len(group)) - np.repeat(first, count)) % 2 == 1
            move, mine = self.near.noise(), self.changing[alone]
            size = np.abs(move[mine])
            side = second ^ self.high[0][alone]
            move[mine] = np.where(side == self.up[alone], size, -size)
            self._ask(move)
        self._put_still()

    def _put_still(self) -> None:
        """Ask, twice, where entries that are alone so far move by next to nothing beside all others, these both ways.

        An entry that is of one kink with others then changes sides with them, and its own move does not tell.
        """
        alone = self.alone
        if 0 < np.count_nonzero(alone) <= KINKS and not alone.all():
            still, move = self.changing[alone], self.near.noise()
            move[still] *= STILL
            back = -move
            back[still] = move[still]
            self._ask(move)
            self._ask(back)

    def _ask(self, move: Array) -> None:
        made, claim = self.near.ask_unkept(move)
        self._see(claim, made)
        self.moves.append(made[self.changing])

    @property
    def apart(self) -> NDArray[np.bool_]:
        """The entries that are a kink each: those alone, and no others, change sides in these claims.

        Of the entries of one kink some may be told by their own moves as well, by chance.
        """
        group, alone = self.groups, self.alone
        shared = np.unique(group[self.two & ~alone])
        return np.asarray(alone & ~np.isin(group, shared))

    def single(self) -> list[Named]:
        """Return the kinks of single entries."""
        near, found = self.near, []
        for place in np.flatnonzero(self.apart)[:KINKS]:
            entry, gap = self.changing[place], float(self.gap[place])
            share = float(convention.snapped((self.near.here[entry] - self.low[place]) / gap, near.tolerance / gap))
            bend = 1.0 if self.up[place] else -1.0
            found.append(Named(np.array([entry]), Wall(np.array([bend * gap]), bend, share)))
        return found

    def together(self) -> list[Named]:
        """Return the kinks of several entries."""
        places = np.flatnonzero(self.two & ~self.apart)
        group = self.groups[places]
        order = np.argsort(group, kind="stable")
        ends = np.flatnonzero(np.diff(group[order])) + 1
        kinks = (self._of(places[part]) for part in np.split(order, ends)[:KINKS] if len(part))
        return [kink for kink in kinks if kink is not None]

    def _of(self, places: Entries) -> Named | None:
        """Return the kink of entries that change sides together, None where the sign of J·z does not tell them."""
        near, entries = self.near, self.changing[places]
        there = np.array([side[places[0]] for side in self.high])
        jump = np.where(self.high[0][places] == there[0], 1.0, -1.0) * self.gap[places]
        base = np.where(jump > 0, self.low[places], self.low[places] + self.gap[places])
        moves = [*(move[entries] for move in near.moves), *(move[places] for move in self.moves)]
        signs = np.array([float(jump @ move) for move in moves]) > 0
        if (signs != there).any() and (signs == there).any():
            return None
        bend = 1.0 if signs[0] == there[0] else -1.0
        target = near.here[entries] - base
        share = float(target @ jump) / float(jump @ jump)
        if float(np.max(np.abs(target - share * jump))) > 2 * near.tolerance:
            return None
        share = float(convention.snapped(share, near.tolerance / float(np.max(np.abs(jump)))))
        return Named(entries, Wall(bend * jump, bend, share))


def _by_a_half_turn(near: Neighbourhood, entries: Entries) -> tuple[Wall, ...]:
    """Return the simple kinks of some entries if a half-turn tells them apart in few claims, else none."""
    near.most = min(near.most, near.asked + NAMING)
    try:
        turn = HalfTurn(near, entries, NAMING, hopeless=HOPELESS)
    except (Spent, Grown):
        return ()
    if not turn.complete or not len(turn.jumps):
        return ()
    simple = walls.Walls(near, entries, turn)
    if not simple.foretell(*near.at(entries)):
        return ()
    target = near.here[entries] - simple.first
    shares = in_zonotope(simple.jumps, target)
    return simple.of_claim(shares) if near.same(shares @ simple.jumps, target) else ()
