"""Simple kinks named one by one from claims that are known already: the entries of each, its bend, the claim's side.

A simple kink is a plane through the point. Across it the claim jumps by J along the plane's normal, so the entries that
J is about take two values together, and the sign of J·z tells which at a move z. Entries are put together that change
sides in the same claims; where that sign is right in all claims, they are one kink. Kinks that share entries take more
than two values there, and a half-turn tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks import convention, walls
from gradcheck.kinks.around import Grown
from gradcheck.kinks.half_turn import HalfTurn
from gradcheck.kinks.nearest_point import in_zonotope
from gradcheck.kinks.neighbourhood import Spent
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
MOST = 2**13  # entries that a half-turn is made for


@dataclass(frozen=True)
class Named:
    """One simple kink: its entries, and its normal in them."""

    entries: Entries
    wall: Wall


def named(near: Neighbourhood, labels: Entries | None) -> tuple[Named, ...]:
    """Return the simple kinks; `labels` says which entries may belong together, where that is known."""
    if labels is None and not _Sides(near).alone.all():
        try:
            while len(near.claims) < ENOUGH and near.may_keep:
                near.ask(near.noise(), drawn=True)
        except (Spent, Grown):
            pass
    sides = _Sides(near)
    if not len(sides.changing):
        return ()
    found = sides.single() + sides.together(labels)
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
    high : array of bool (claims, changing)
        Whether a claim has the larger value.
    two, alone : array of bool
        The entries that have two values only, and those of them whose own moves tell which.
    keys : array (changing, bytes)
        The claims in which an entry has not the side it has in the first: the same for the entries of one kink.

    """

    def __init__(self, near: Neighbourhood) -> None:
        self.near = near
        low, high = near.range()
        self.changing = np.flatnonzero(high - low > near.tolerance)
        self.low, top = low[self.changing], high[self.changing]
        self.gap = top - self.low
        self.high = np.empty((len(near.claims), len(self.changing)), dtype=bool)
        self.two = np.ones(len(self.changing), dtype=bool)
        up, down = self.two.copy(), self.two.copy()
        for side, claim, move in zip(self.high, near.claims, near.moves, strict=True):
            values, own = claim[self.changing], move[self.changing]
            side[:] = values - self.low > self.gap / 2
            self.two &= np.abs(np.where(side, top, self.low) - values) <= near.tolerance
            up &= side == (own > 0)
            down &= side == (own < 0)
        self.up = up
        self.alone = self.two & (up | down)
        self.keys = np.packbits(self.high ^ self.high[0], axis=0).T

    @property
    def apart(self) -> NDArray[np.bool_]:
        """The entries that are a kink each: those alone, and no others, change sides in these claims.

        Of the entries of one kink some may be told by their own moves as well, by chance.
        """
        _, group = np.unique(self.keys, axis=0, return_inverse=True)
        not_alone = np.zeros(int(group.max(initial=-1)) + 1, dtype=bool)
        not_alone[group.reshape(-1)[self.two & ~self.alone]] = True
        return np.asarray(self.alone & ~not_alone[group.reshape(-1)])

    def single(self) -> list[Named]:
        """Return the kinks of single entries."""
        near, found = self.near, []
        for place in np.flatnonzero(self.apart)[:KINKS]:
            entry, gap = self.changing[place], float(self.gap[place])
            share = float(convention.snapped((self.near.here[entry] - self.low[place]) / gap, near.tolerance / gap))
            bend = 1.0 if self.up[place] else -1.0
            found.append(Named(np.array([entry]), Wall(np.array([bend * gap]), bend, share)))
        return found

    def together(self, labels: Entries | None) -> list[Named]:
        """Return the kinks of several entries."""
        places = np.flatnonzero(self.two & ~self.apart)
        if not len(places):
            return []
        patterns = self.keys[places]
        keys = patterns if labels is None else np.column_stack([patterns, labels[self.changing[places]]])
        _, group = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        ends = np.flatnonzero(np.diff(group.reshape(-1)[order])) + 1
        kinks = (self._of(places[part]) for part in np.split(order, ends)[:KINKS])
        return [kink for kink in kinks if kink is not None]

    def _of(self, places: Entries) -> Named | None:
        """Return the kink of entries that change sides together, None where the sign of J·z does not tell them."""
        near, entries = self.near, self.changing[places]
        there = self.high[:, places[0]]
        jump = np.where(self.high[0, places] == there[0], 1.0, -1.0) * self.gap[places]
        base = np.where(jump > 0, self.low[places], self.low[places] + self.gap[places])
        signs = np.array([float(jump @ move[entries]) for move in near.moves]) > 0
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
