"""Simple kinks of either bend, one by one: where each lies, which way it bends, and what the claim takes of it.

Near the point the gradient is the first claim of a half-turn plus the jumps of the kinks that have been crossed. Where
that gives every claim asked for, and fresh ones, the subdifferential lies in the zonotope first + Σ λ_k·J_k with
λ_k ∈ [0, 1], and λ is both the proof and the convention, kink by kink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import span
from gradcheck.kinks.half_turn import HalfTurn
from gradcheck.kinks.nearest_point import in_hull, in_zonotope
from gradcheck.kinks.separation import Separation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

FRESH = 8  # claims that the kinks found must foretell
PATTERNS = 60  # rounds of looking for sides that can be taken together, where normals are dependent
MOVES = 1000  # in each, of which nothing is asked


@dataclass(frozen=True)
class Wall:
    """One simple kink.

    Attributes
    ----------
    normal : array (entries,)
        The gradient on the side that it points to, less that on the other side, times `bend`.
    bend : float
        1 where f bends up, −1 where down.
    share : float
        λ: 1 where the claim is the limit from the normal's side, 0 from the other.

    """

    normal: Array
    bend: float
    share: float


class Walls:
    """h on some entries is linear plus one kink for each jump, all of them crossed at `end`."""

    def __init__(self, near: Neighbourhood, entries: Entries, turn: HalfTurn) -> None:
        self.near = near
        self.entries = entries
        self.first = turn.path[0.0]
        self.jumps = turn.jumps
        self.sides = np.sign(turn.jumps @ turn.at(np.pi))
        self.slack = near.tolerance * (2 + len(turn.jumps))

    def crossed(self, moves: Array) -> NDArray[np.bool_]:
        """Return for each move which kinks it has crossed."""
        return np.asarray((moves @ self.jumps.T) * self.sides > 0)

    def foretell(self, claims: Array, moves: Array) -> bool:
        """Tell whether the kinks give these claims at these moves."""
        told = self.first + self.crossed(moves) @ self.jumps
        return bool(np.max(np.abs(told - claims), initial=0.0) <= self.slack)

    def ask(self, part: Array) -> Array | None:
        """Return the claim at a move of the entries, None where the kinks do not foretell it."""
        move = self.near.noise()
        move[self.entries] = part
        claim = self.near.ask(move, keep=self.near.may_keep)[self.entries]
        return claim if self.foretell(claim[None], part[None]) else None

    def of_claim(self, shares: Array) -> tuple[Wall, ...]:
        """Return the kinks, each with its share of the side that its normal points to: that where the path goes."""
        return tuple(
            Wall(side * jump, side, float(share))
            for jump, side, share in zip(self.jumps, self.sides, shares, strict=True)
        )


def found(near: Neighbourhood, entries: Entries, budget: int) -> Walls | None:
    """Return the simple kinks that give every claim asked so far, and fresh ones; None where there are no such."""
    turn = HalfTurn(near, entries, budget)
    if not turn.complete or not len(turn.jumps):
        return None
    walls = Walls(near, entries, turn)
    if not walls.foretell(*near.at(entries)):
        return None
    foretold = all(walls.ask(near.noise()[entries]) is not None for _ in range(FRESH))
    return walls if foretold else None


@dataclass(frozen=True)
class Judged:
    """What the zonotope says: "inside", "outside", "undecided", or "not simple"."""

    state: str
    reason: str = ""
    walls: tuple[Wall, ...] = ()
    weights: Array | None = None
    separation: Separation | None = None


def judged(walls: Walls) -> Judged:
    """Judge the claim against the zonotope of its kinks, and show it as a combination of whole claims that exist."""
    near, entries, jumps = walls.near, walls.entries, walls.jumps
    target = near.here[entries] - walls.first
    shares = in_zonotope(jumps, target)
    rest = target - shares @ jumps
    if float(np.max(np.abs(rest))) > walls.slack:
        return _outside(walls, target, rest, shares)
    normals = jumps / np.linalg.norm(jumps, axis=1, keepdims=True)
    if span.rank(normals, 1e-6) == len(jumps):
        back = span.inverse(jumps)  # moves with n_k·z of any signs: each pattern of sides can be reached
        levels = np.unique(np.round(np.append(shares, [0.0, 1.0]), 6))
        middles = (levels[1:] + levels[:-1]) / 2
        taken = [back @ (np.where(shares > middle, 1.0, -1.0) * walls.sides) for middle in middles]
        return _shown(walls, np.array(taken), shares)
    moves = _patterns(walls)
    if moves is None:
        return Judged("undecided", "kinks of both bends whose sides depend on one another", walls.of_claim(shares))
    return _shown(walls, moves, shares)


def _outside(walls: Walls, target: Array, rest: Array, shares: Array) -> Judged:
    """Return "outside" where the residual separates the claim from the zonotope, which holds the subdifferential."""
    near, jumps = walls.near, walls.jumps
    reached = float(np.maximum(jumps @ rest, 0.0).sum())
    if rest @ target - reached <= 4 * walls.slack * float(np.sum(np.abs(rest))):
        return Judged("undecided", "on the edge of what the kinks allow")
    scale = 1 / float(np.max(np.abs(rest)))
    for sign in (1.0, -1.0, 1.0, -1.0):  # along it and back: are there kinks yet that no claim has shown?
        aside = 2.0**-8 * near.rng.standard_normal(len(rest))
        if walls.ask(sign * scale * rest + aside) is None:
            return Judged("not simple")
    move = np.zeros(near.here.size)
    move[walls.entries] = scale * rest
    base = float(walls.first @ rest)
    separation = Separation(move, scale * (base + float(target @ rest)), scale * (base + reached))
    return Judged("outside", walls=walls.of_claim(shares), separation=separation)


def _shown(walls: Walls, moves: Array, shares: Array) -> Judged:
    """Return "inside" where the claims at these moves, asked for, give the claim on trial."""
    near, target = walls.near, walls.near.here[walls.entries]
    asked = []
    for move in moves:
        aside = 2.0**-12 * near.rng.standard_normal(len(move))
        claim = walls.ask(move * (np.sqrt(len(move)) / np.linalg.norm(move)) + aside)
        if claim is None:
            return Judged("not simple")
        asked.append(claim)
    claims = np.array(asked)
    weights = in_hull(claims, target)
    if float(np.max(np.abs(weights @ claims - target))) > near.tolerance:
        return Judged("undecided", "the claims next to the point drift by more than the claim is off")
    return Judged("inside", walls=walls.of_claim(shares), weights=weights)


def _patterns(walls: Walls) -> Array | None:
    """Return moves whose claims, as the kinks foretell them, have the claim on trial in their hull.

    Normals are dependent: not every pattern of sides is taken anywhere. Nothing is asked for here.
    """
    near, target = walls.near, walls.near.here[walls.entries]
    used = np.zeros((0, len(target)))
    for _ in range(PATTERNS):
        moves = np.concatenate([used, near.rng.standard_normal((MOVES, len(target)))])
        crossed, first = np.unique(walls.crossed(moves), axis=0, return_index=True)
        vertices = walls.first + crossed @ walls.jumps
        weights = in_hull(vertices, target)
        used = moves[first[weights > 0]]
        if float(np.max(np.abs(target - weights @ vertices))) <= walls.slack:
            return used
    return None
