"""Simple kinks named one by one from claims that are known already: the entries of each, its bend, the claim's side.

A simple kink is a plane through the point. Across it the claim jumps by J along the plane's normal, so the entries that
J is about take two values together, and the sign of J·z tells which at a move z. Entries are put together that change
sides in the same claims; where that sign is right in all claims, they are one kink. Kinks that share entries take more
than two values there, and a half-turn tells them apart.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import convention, walls
from gradcheck.kinks.around import Grown
from gradcheck.kinks.half_turn import HalfTurn
from gradcheck.kinks.moves import Moves, by_parts
from gradcheck.kinks.nearest_point import in_zonotope
from gradcheck.kinks.neighbourhood import Spent
from gradcheck.kinks.packed import parts
from gradcheck.kinks.sides import Sides
from gradcheck.kinks.walls import Wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.moves import Drawn
    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

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
    sides = _Entries(near, labels)
    if labels is None and not sides.alone.all():
        with suppress(Spent, Grown):
            sides.see_more()
        if near.remake is None:  # the claims were kept
            sides = _Entries(near, labels)
    if not len(sides.changing):
        return ()
    with suppress(Spent, Grown):
        sides.part()
    found = sides.single()
    if len(found) < KINKS:
        found += sides.together()
    if len(found) < KINKS:
        known = [kink.entries for kink in found]
        rest = np.setdiff1d(sides.changing, np.concatenate(known)) if known else sides.changing
        if len(rest) and len(rest) <= MOST:
            found += [Named(rest, wall) for wall in _by_a_half_turn(near, rest)]
    return tuple(found[:KINKS])


class _Entries:
    """Which of its two values each entry that changes has in each claim.

    Attributes
    ----------
    changing : array of int
        The entries that change.
    high : Sides
        Which have the larger value, claim by claim: in those that are kept, and in those asked for here.
    moves : Moves
        Of the claims asked for here.
    two : array of bool
        The entries that have two values only.
    up, down : array of bool
        The entries whose own moves tell which: the larger value where they rise, or where they fall.

    """

    def __init__(self, near: Neighbourhood, labels: Entries | None) -> None:
        self.near = near
        changes = np.zeros(near.here.size, dtype=bool)
        for part in near.parts:
            low, high = near.range(part)
            changes[part] = high - low > near.tolerance
        self.changing = near.positions if changes.all() else np.flatnonzero(changes).astype(np.int32)
        self.labels = labels
        self.high = Sides(len(self.changing))
        self.moves = Moves()
        del changes
        self.two = np.ones(len(self.changing), dtype=bool)
        self.up, self.down = self.two.copy(), self.two.copy()
        for number in range(len(near.moves)):
            self._see(partial(near.claim, number))
            self._see_move(near.move_by_parts(number))

    def _see(self, claim: Callable[[Entries], Array]) -> None:
        """Take in a claim, of which `claim` returns some entries."""
        sides = np.empty(len(self.changing), dtype=bool)
        for part in parts(len(self.changing)):
            mine = self.changing[part]
            low, gap = self.range(mine)
            above = claim(mine) - low
            sides[part] = side = above > gap / 2
            self.two[part] &= np.abs(above - np.where(side, gap, 0.0)) <= self.near.tolerance
        self.high.append(sides)

    def _see_move(self, move: Iterable[tuple[slice, Array]]) -> None:
        """Take in the move of the last claim, block by block."""
        for part, values in move:
            mine = slice(*np.searchsorted(self.changing, np.array((part.start, part.stop), self.changing.dtype)))
            own, side = values[self.changing[mine] - part.start], self.high.part(len(self.high) - 1, mine)
            self.up[mine] &= side == (own > 0)
            self.down[mine] &= side == (own < 0)

    def range(self, entries: Entries) -> tuple[Array, Array]:
        """Return the smaller value of each of some entries, and how much larger the larger one is."""
        low, high = self.near.range(entries)
        return low, high - low

    @property
    def alone(self) -> NDArray[np.bool_]:
        """The entries that have two values, and whose own moves tell which."""
        return self.two & (self.up | self.down)

    @property
    def groups(self) -> Entries:
        """The same number, from 0, for entries that have changed sides together, and may belong together."""
        return self.high.numbered(within=None if self.labels is None else self.labels[self.changing])

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
            move, mine = self.near.drawn_move(), self.changing[alone]
            size = np.abs(move()[mine])
            side = second ^ self.high[0][alone]
            self._ask(replace(move, entries=mine, values=np.where(side == self.up[alone], size, -size)))
        self._put_still()

    def _put_still(self) -> None:
        """Ask, twice, where entries that are alone so far move by next to nothing beside all others, these both ways.

        An entry that is of one kink with others then changes sides with them, and its own move does not tell.
        """
        alone = self.alone
        if 0 < np.count_nonzero(alone) <= KINKS and not alone.all():
            still, move = self.changing[alone], self.near.drawn_move()
            move = replace(move, entries=still, values=move()[still] * STILL)
            self._ask(move)
            self._ask(replace(move, times=-1.0))

    def see_more(self) -> None:
        """Ask for claims at random moves until so many are known that they tell kinks apart.

        Of a large argument none of them is kept.
        """
        near = self.near
        while near.remake is None and len(near.claims) < ENOUGH and near.may_keep:
            near.ask_drawn()
        while near.remake is not None and len(self.high) < ENOUGH:
            self._ask(near.drawn_move())

    def _ask(self, move: Drawn) -> None:
        made, claim = self.near.ask_made(move)
        self._see(claim.__getitem__)
        del claim  # as large as the argument
        self.moves.append(made)
        self._see_move(by_parts(made))

    @property
    def apart(self) -> NDArray[np.bool_]:
        """The entries that are a kink each: those alone, and no others, change sides in these claims.

        Of the entries of one kink some may be told by their own moves as well, by chance.
        """
        alone = self.alone
        together = self.two & ~alone
        if not together.any():
            return alone
        group = self.groups
        shared = np.zeros(int(group.max()) + 1, dtype=bool)
        shared[group[together]] = True
        return alone & ~shared[group]

    def single(self) -> list[Named]:
        """Return the kinks of single entries."""
        near, found = self.near, []
        for place in np.flatnonzero(self.apart)[:KINKS]:
            entry = self.changing[place]
            low, gap = (float(values[0]) for values in self.range(np.array([entry])))
            share = float(convention.snapped((near.here[entry] - low) / gap, near.tolerance / gap))
            bend = 1.0 if self.up[place] else -1.0
            found.append(Named(np.array([entry]), Wall(np.array([bend * gap]), bend, share)))
        return found

    def together(self) -> list[Named]:
        """Return the kinks of several entries."""
        groups = self._changing_together()
        jumps = [self._jump(mine) for mine in groups]
        kinks = map(self._of, groups, jumps, self._signs(groups, jumps))
        return [kink for kink in kinks if kink is not None]

    def _changing_together(self) -> list[Entries]:
        """Return where the entries stand that change sides together, not alone; as many groups as kinks are named."""
        those, group = self.two & ~self.apart, self.groups
        occurs = np.zeros(int(group.max(initial=0)) + 1, dtype=bool)
        occurs[group[those]] = True
        occurs &= np.cumsum(occurs, dtype=np.int32) <= KINKS
        places = np.flatnonzero(those & occurs[group]).astype(np.int32)
        group = group[places]
        count = np.bincount(group)
        places = places[np.argsort(group, kind="stable")]
        return [mine for mine in np.split(places, np.cumsum(count[count > 0])[:-1]) if len(mine)]

    def _jump(self, places: Entries) -> Array:
        """Return what entries that change sides together gain where the first of them changes to its larger value."""
        first = self.high.part(0, places)
        return np.where(first == first[0], 1.0, -1.0) * self.range(self.changing[places])[1]

    def _signs(self, groups: Sequence[Entries], jumps: Sequence[Array]) -> list[NDArray[np.bool_]]:
        """Return for each group whether J·z > 0, claim by claim."""
        found = np.empty((len(groups), len(self.high)), dtype=bool)
        kept = len(self.near.moves)
        for number in range(len(self.high)):
            move = self.near.moves[number] if number < kept else self.moves[number - kept]
            for k, (places, jump) in enumerate(zip(groups, jumps, strict=True)):
                found[k, number] = float(jump @ move[self.changing[places]]) > 0
            del move  # before the next is drawn
        return list(found)

    def _of(self, places: Entries, jump: Array, signs: NDArray[np.bool_]) -> Named | None:
        """Return the kink of entries that change sides together, None where the sign of J·z does not tell them."""
        near, entries = self.near, self.changing[places]
        there = np.array([self.high.part(k, places[:1])[0] for k in range(len(self.high))])
        if (signs != there).any() and (signs == there).any():
            return None
        bend = 1.0 if signs[0] == there[0] else -1.0
        low, gap = self.range(entries)
        target = near.here[entries] - np.where(jump > 0, low, low + gap)
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
