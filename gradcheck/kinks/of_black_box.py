"""The judgement of a claim at a kink where nothing is known of f: entries, claims and naming in one piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.kinks import convention, subgradient, walls
from gradcheck.kinks.beside import Grown
from gradcheck.kinks.half_turn import HalfTurn
from gradcheck.kinks.nearest_point import in_zonotope
from gradcheck.kinks.neighbourhood import MOST_CLAIMS, Spent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.subgradient import Finding
    from gradcheck.kinks.walls import Wall

    Array = NDArray[np.float64]
    Entries = NDArray[np.int64]

GROWTHS = 3  # times that entries no claim had changed may turn up
RESERVED = 60  # claims for the contract and for the formula next to the point
HOPELESS = 14  # claims after which one kink at least must have been told apart
NAMING = 30  # claims that naming kinks one by one may cost


@dataclass(frozen=True)
class BlackBox:
    """What was found, in which entries, with which claims; `shares` and `single` name the sides.

    Attributes
    ----------
    entries : array
        The entries of the claim that were looked at.
    near : Neighbourhood or None
        The claims in them; None where there are no such entries.
    shares : array
        Each entry's share of the limit from larger values of the argument, NaN where it has no kink.
    single : array of bool
        The entries with one kink of their own.
    wall_entries, walls
        Simple kinks of several entries, and the entries of `near` that their normals are about.

    """

    finding: Finding
    entries: Entries
    near: Neighbourhood | None
    shares: Array
    single: NDArray[np.bool_]
    wall_entries: Entries
    walls: tuple[Wall, ...]


def black_box(beside: Beside) -> BlackBox:
    """Judge the claim at the point from the claims next to it alone."""
    entries, gradient = beside.entries(), beside.trial.gradient
    before = gradient.evaluations
    none = np.zeros(0, dtype=np.int64)
    for number in range(GROWTHS + 1):
        if not len(entries):
            finding = subgradient.Finding("inside", weights=np.ones(1))
            return BlackBox(finding, entries, None, np.zeros(0), np.zeros(0, dtype=bool), none, ())
        try:
            near = beside.neighbourhood(entries, number)
            near.most = MOST_CLAIMS - RESERVED - (gradient.evaluations - before - near.asked)
            finding = subgradient.judged(near)
        except Grown as more:
            last = number + 2 > GROWTHS
            entries = np.arange(len(beside.here)) if last else np.union1d(entries, more.entries)
            continue
        return _named(near, finding, entries)
    raise AssertionError("no entry is left that could turn up")  # pragma: no cover


def _named(near: Neighbourhood, finding: Finding, entries: Entries) -> BlackBox:
    shares = convention.of_entries(near.claims, near.moves, near.here, near.tolerance)
    single = convention.simple_entries(near.claims, near.moves, near.tolerance)
    wall_entries, found = finding.entries, finding.walls
    rest = np.flatnonzero(~single & ~np.isnan(shares))
    if finding.state == "inside" and not found and len(rest):
        wall_entries, found = rest, _walls(near, rest)
    return BlackBox(finding, entries, near, shares, single, wall_entries, found)


def _walls(near: Neighbourhood, entries: Entries) -> tuple[Wall, ...]:
    """Return the simple kinks of some entries if a half-turn tells them apart in few claims, else none."""
    before = near.asked
    near.most = min(near.most, before + NAMING)
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
