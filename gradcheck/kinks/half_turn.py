"""Every simple kink through a point is met once on a half-turn round it.

A simple kink is a plane n·z = 0 through the point; the path cos(a)·z + sin(a)·r with a from 0 to π crosses each such
plane exactly once, and between two crossings the claims are the same but for drift. f is continuous, so its gradient
jumps along the normal: J = c·n. Hence a jump tells the angle of its own crossing, tan(a) = −J·z / J·r, and two claims
beside that angle confirm that one kink alone is crossed there; else they part the interval. f bends up across the kink
where J points the way the path goes, J·path' > 0, down where it points back.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.neighbourhood import Neighbourhood

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

FIRST = 30  # claims after which one crossing at least must have been isolated: else kinks are not simple, or very many


class HalfTurn:
    """The crossings met on a half-turn that moves some entries, the others held at a random move.

    Attributes
    ----------
    complete : bool
        Whether every change of the claim was told apart into single jumps.
    jumps : array (crossings, entries)
        What the claim gains at each, in the order of the path.
    bends : array (crossings,)
        1 where f bends up across it, −1 where down.
    path : dict of float to array
        The claims by angle.

    """

    def __init__(
        self,
        near: Neighbourhood,
        entries: Entries,
        budget: int,
        start: Array | None = None,
        towards: Array | None = None,
        *,
        hopeless: int = FIRST,
        pieces: int = 1,
    ) -> None:
        self.near = near
        self.entries = entries
        self.held = near.drawn_move()
        self.first = near.rng.standard_normal(len(entries)) if start is None else start
        self.hopeless = hopeless
        other = near.rng.standard_normal(len(entries)) if towards is None else towards
        self.other = other * (np.linalg.norm(self.first) / np.linalg.norm(other))
        self.last_claim = near.asked + budget
        self.first_claim = near.asked
        self.path: dict[float, Array] = {}
        found: list[tuple[Array, float]] = []
        self._found = found
        ends = np.linspace(0.0, math.pi, pieces + 1)
        self.complete = all(self._parted(float(low), float(high)) for low, high in pairwise(ends))
        self.jumps = np.array([jump for jump, _ in found]).reshape(len(found), len(entries))
        self.bends = np.array([bend for _, bend in found])

    def at(self, angle: float) -> Array:
        """Return the move of the entries at an angle."""
        return np.asarray(np.cos(angle) * self.first + np.sin(angle) * self.other)

    def claim(self, angle: float) -> Array:
        """Return the claim in the entries at an angle."""
        if angle not in self.path:
            move = replace(self.held, entries=self.entries, values=self.at(angle))
            self.path[angle] = self.near.ask_in(move, self.entries)
        return self.path[angle]

    def _same(self, one: float, other: float) -> bool:
        return self.near.same(self.claim(one), self.claim(other))

    def _beside(self, jump: Array, angle: float) -> float:
        """Return how far from an angle claims are asked for to be off the kink, as far as its place is known."""
        way = np.cos(angle) * self.other - np.sin(angle) * self.first
        size = float(np.linalg.norm(jump))
        far = float(np.linalg.norm(self.at(angle)))  # 0 where one entry alone goes to its opposite
        speed = abs(float(jump / size @ way)) / max(far, float(np.finfo(np.float64).tiny))
        known = 4 * self.near.tolerance / float(np.max(np.abs(jump)))
        return float(np.clip(max(known, self.near.blur) / max(speed, 1e-12), self.near.blur, 1e-2))

    def _parted(self, low: float, high: float) -> bool:
        """Find the jumps between two angles; return False where that took too many claims."""
        if self._same(low, high):
            return True
        asked = self.near.asked
        none = not self._found and asked > self.first_claim + self.hopeless
        if asked > self.last_claim or none:
            return False
        jump = self.claim(high) - self.claim(low)
        angle = float(np.arctan2(-(jump @ self.first), jump @ self.other) % np.pi)
        beside = self._beside(jump, angle)
        if high - low <= 2.5 * beside:
            way = jump @ (self.at(high) - self.at(low))
            self._found.append((jump, float(np.sign(way))))
            return True
        if not low < angle < high:  # several kinks between them
            middle = low + (high - low) * float(self.near.rng.uniform(0.35, 0.65))
            return self._parted(low, middle) and self._parted(middle, high)
        left, right = max(angle - beside, low), min(angle + beside, high)
        if not self._same(left, low):
            return self._parted(low, left) and self._parted(left, high)
        return self._parted(left, right) and self._parted(right, high)


def bends_one_way(near: Neighbourhood, entries: Entries, move: Array, bend: int, budget: int = 150) -> bool:
    """Tell whether no kink on two turns through move and −move bends the other way.

    Half of a turn crosses every simple kink. A kink that ends at another one, as in max(x − max(y, 0), 0), may be on
    the other half alone, or where a turn through other moves goes.
    """
    others = near.rng.standard_normal((2, len(entries)))
    for towards in (others[0], -others[0], others[1], -others[1]):
        turn = HalfTurn(near, entries, budget // 2, -move, towards, pieces=4)
        for low, high in pairwise(sorted(turn.path)):
            way = turn.at(high) - turn.at(low)
            gain = bend * float((turn.path[high] - turn.path[low]) @ way)
            if gain < -2 * near.tolerance * float(np.sum(np.abs(way))):
                return False
    return True
