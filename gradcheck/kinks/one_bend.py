"""The nearest point of the hull where f bends one way, with the claim itself as the oracle.

For a convex germ h the claim next to the point in direction u is the subgradient that reaches furthest along u. So the
nearest point p of the hull of the claims known so far tells where to look for a missing one: along u = g − p, from p to
the claim g on trial (P. Wolfe, Mathematical Programming 11, 1976). Either p reaches g, and its weights are the proof
that g is a subgradient; or no claim reaches as far along u as g does, and u is the proof that it is none. A concave h
is the same with −u.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import half_turn
from gradcheck.kinks.blocks import falls, flips
from gradcheck.kinks.changes import differ
from gradcheck.kinks.moves import by_parts
from gradcheck.kinks.nearest_point import combined, in_hull
from gradcheck.kinks.neighbourhood import Spent
from gradcheck.kinks.packed import parts
from gradcheck.kinks.parts import Parts
from gradcheck.kinks.separation import Separation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.blocks import Labels
    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.parts import Block

    Array = NDArray[np.float64]
    Moved = Iterator[tuple[slice, Array]]
    Entries = NDArray[np.signedinteger[Any]]

PATIENCE = 12  # turns without a nearer point before a block is taken for one that bends both ways
# The least random part of a move towards a claim, by its size. Entries that the claim treats alike are tied here, and
# equal moves leave them tied. What is claimed at such a tie is a convention, and no gradient next to the point.
ASIDE = 64.0
WATCHED = 48  # turns over which one sees how fast the nearest point comes nearer
BEYOND = 16.0  # a claim that reaches so many times further than the nearest point leads to more of them
FIRST = 2**8  # blocks of many that are settled before all others
SAMPLES = 40  # in tests over all pairs of samples


def towards(near: Neighbourhood, turns: int) -> Array | None:
    """Return convex weights of whole claims that give the claim on trial, or None where `turns` more show none.

    Entries in which f is concave are looked for on the other side.
    """
    best, used = np.inf, list(range(len(near.claims)))
    for turn in range(turns + 1):
        claims = near.some(used)
        weights = in_hull(claims, near.here)
        rest = near.here - combined(weights, claims)
        del claims
        far = float(np.max(np.abs(rest), initial=0.0))
        if far <= near.tolerance:
            shown = [k for k, weight in zip(used, weights, strict=True) if weight]
            tied = [k for k in shown if not near.off_ties(k)]
            if not tied:
                return weights
            used = [k for k in used if k not in tied]
            continue
        distance = float(np.linalg.norm(rest))
        if turn == turns or not near.may_keep or distance > best * (1 - 2.0**-10):
            return None
        best = distance
        near.ask(flips(near) * rest / far + 2.0**-8 * near.noise())
        used = [*(k for k, weight in zip(used, weights, strict=True) if weight), len(near.claims) - 1]
    return None


def one_sign(claims: Array, moves: Array, tolerance: float) -> int:
    """Return 1 where (s − s')·(z − z') ≥ 0 for all pairs of samples (convex), −1 where ≤ 0, 0 for both signs."""
    products, size = claims @ moves.T, np.abs(moves).sum(axis=1)
    own = np.diag(products)
    each = own[:, None] - products - products.T + own[None, :]
    slack = 2 * tolerance * (size[:, None] + size[None, :])
    return 1 if (each >= -slack).all() else -1 if (each <= slack).all() else 0


class Bends:
    """Which way f bends in each block of a large argument, as far as claims differ from the first two.

    Moves are as large as the argument and made anew, so all blocks are looked at together, once for each claim.
    """

    def __init__(self, near: Neighbourhood, divided: Parts) -> None:
        self._near, self._parts = near, divided
        self._up = np.ones(divided.several, dtype=bool)
        self._down = self._up.copy()
        for number in range(1, len(near.claims)):
            self._see(partial(near.claim, number), partial(near.move_by_parts, number), min(number, 2))

    def see(self, claim: Array, move: Array) -> None:
        """Take in a claim and its move."""
        self._see(claim.__getitem__, lambda: by_parts(move), 2)

    def of(self, block: Block) -> int:
        """Return what `one_sign` does."""
        return 1 if self._up[block.number] else -1 if self._down[block.number] else 0

    def _see(self, claim: Callable[[slice], Array], move: Callable[[], Moved], count: int) -> None:
        """Take in a claim against the first one, or the first two."""
        near = self._near
        product, size = np.empty(near.here.size), np.empty(near.here.size)
        for number in range(count):
            for (part, own), (_, other) in zip(move(), near.move_by_parts(number), strict=True):
                product[part] = (claim(part) - near.claim(number, part)) * (own - other)
                size[part] = np.abs(own) + np.abs(other)
            each, slack = self._parts.sums(product), 2 * near.tolerance * self._parts.sums(size)
            self._up &= each >= -slack
            self._down &= each <= slack


class Search:
    """The search for a proof in every block at once."""

    def __init__(self, near: Neighbourhood, labels: Labels) -> None:
        self.near = near
        self.parts = Parts(near, labels)
        self.alone, self.blocks = self.parts.alone, self.parts.some(slice(FIRST))
        self.bends = None if isinstance(near.moves, list) or not self.blocks else Bends(near, self.parts)
        self.separation: Separation | None = None
        self.refuted: NDArray[np.bool_] | None = None
        self.distances: dict[int, list[float]] = {}  # turn by turn, of blocks of very many entries by their first one

    def run(self) -> str:
        """Return "inside", "outside", "both ways", "too many", or "refuted" where blocks depend on one another."""
        state = self._of_single_entries()
        turn = 0
        while not state:
            state = self._turn(turn)
            turn += 1
        return state

    def _of_single_entries(self) -> str:
        """Judge the entries that bend alone: their claims are the two slopes, and all between is a subgradient."""
        near, alone = self.near, self.alone
        if not len(alone):
            return ""
        outside = np.zeros(near.here.size, dtype=bool)
        for part in near.parts:
            low, high = near.range(part)
            outside[part] = np.maximum(low - near.here[part], near.here[part] - high) > near.tolerance
        off = alone if alone is near.positions and outside.all() else alone[outside[alone]]
        if not len(off):
            return ""
        count = len(near.claims)
        sides = [self._far(off, sign) for sign in (1.0, -1.0)]  # does it bend after all, and does it move others?
        bent = np.zeros(len(off), dtype=bool)
        worst = (-np.inf, 0, 0.0, 0.0)
        for part in parts(len(off)):
            mine = off[part]
            low, high = near.range(mine, count)
            least, most = (
                end([values, *(side[mine] for side in sides)], axis=0)
                for end, values in ((np.min, low), (np.max, high))
            )
            bent[part] = most - least > high - low + near.tolerance
            beyond = np.maximum(least - near.here[mine], near.here[mine] - most)
            place = int(np.argmax(beyond))
            found = (float(beyond[place]), int(mine[place]), float(least[place]), float(most[place]))
            worst = max(worst, found, key=lambda entry: entry[0])
        if bent.any():
            self.refuted = differ(sides[0], sides[1], near.tolerance)
            self.refuted[off[bent]] = True
            return "refuted"
        del sides
        self.separation = self._beyond(*worst[1:])
        return "outside"

    def _far(self, off: Entries, sign: float) -> Array:
        """Return the claim where some entries are moved far, all one way, and the others little."""
        near = self.near
        move = near.noise()
        move *= 2.0**-6
        move[off] = sign * (1 + near.rng.random(len(off)))
        return near.ask(move, keep=near.may_keep)

    def _beyond(self, entry: int, low: float, high: float) -> Separation:
        """Return the proof of an outside along one entry, of the range that its claims have."""
        near, claimed = self.near, float(self.near.here[entry])
        sign = 1.0 if claimed > high else -1.0
        move = np.zeros(near.here.size)
        move[entry] = sign
        bends = "concave" if falls(near, entry) else "convex"
        kind = "flat" if high - low <= near.tolerance else bends
        return Separation(move, sign * claimed, (high if sign > 0 else -low) + 0.0, kind)

    def _turn(self, turn: int) -> str:
        """Ask for one claim that leads towards the one on trial in every block that is still open."""
        near = self.near
        move = near.noise()
        asked = self._open(self.blocks[:FIRST], turn, move)  # one that is outside is enough
        if not asked:
            if len(self.blocks) < self.parts.several:
                self.blocks += self.parts.some(slice(FIRST, None))
            asked = self._open(self.blocks[FIRST:], turn, move)
        if not asked:
            self.parts.blocks = self.blocks
            return "both ways" if any(block.state == "both ways" for block in self.blocks) else "inside"
        claim, made, places = self._asked(move, asked)
        if self.bends is not None:
            self.bends.see(claim, made)
        for block, place in zip(asked, places, strict=True):
            block.used = (*block.used, place)
            if (state := self._apart(block, claim, made) or self._hopeless(block, claim, made)) != "":
                return state
        return ""

    def _open(self, blocks: Sequence[Block], turn: int, move: Array) -> list[Block]:
        """Return those that are still open, and have put their own move into `move`."""
        return [block for block in blocks if block.state == "open" and self._look(block, turn, move)]

    def _asked(self, move: Array, blocks: Sequence[Block]) -> tuple[Array, Array, list[int]]:
        """Ask for a claim; return it, its move, and where it is kept for each block.

        If no more may be kept, it is kept block by block in place of claims that the block does not use:
        blocks say nothing of one another.
        """
        near = self.near
        if near.may_keep:
            claim = near.ask(move)
            return claim, near.moves[-1], [len(near.claims) - 1] * len(blocks)
        made, claim = near.ask_unkept(move)
        places = []
        for block in blocks:
            free = [k for k in range(2, len(near.claims)) if k not in block.used]
            if not free:
                raise Spent
            near.put(free[0], block.entries, made, claim)
            places.append(free[0])
        return claim, made, places

    def _look(self, block: Block, turn: int, move: Array) -> bool:
        """Put the move from the nearest point to the claim into `move`; return whether the block is still open."""
        near, entries = self.near, block.entries
        rest = block.nearest(near)
        far, distance = float(np.max(np.abs(rest))), float(np.linalg.norm(rest))
        if far <= near.tolerance:
            block.state = "inside"
            return False
        if self.bends is None:
            block.bend = one_sign(*near.at(entries, SAMPLES), near.tolerance)
        else:
            block.bend = self.bends.of(block)
        block.stalled = 0 if distance < block.best else block.stalled + 1
        block.best = min(block.best, distance)
        if block.bend == 0 or block.stalled > PATIENCE:
            block.state = "both ways"
            return False
        # next to the round boundary of a ball a claim is as near as the square of how far its move is off
        across = float(np.max(np.abs(near.claim(0, entries) - near.claim(1, entries)))) or 1.0
        aside = max(min(2.0**-8, math.sqrt(far / across) / 4), ASIDE * near.blur)
        if turn % 3 == 2:  # on that boundary: from its centre
            rest = near.here[entries] - (near.claim(0, entries) + near.claim(1, entries)) / 2
            far, aside = float(np.max(np.abs(rest))) or 1.0, ASIDE * near.blur
        move[entries] = block.bend * (rest / far + aside * near.rng.standard_normal(len(entries)))
        return True

    def _apart(self, block: Block, claim: Array, made: Array) -> str:
        """Return "outside" where the claim asked for separates, "refuted" where other blocks move this one, else ""."""
        near, entries, bend = self.near, block.entries, block.bend
        u, apart = made[entries], (near.here - claim)[entries]
        gap, length = bend * float(apart @ u), float(np.sum(np.abs(u)))
        if gap <= 4 * near.tolerance * length:
            return ""
        if len(self.parts) > 1:
            noise = near.noise()  # of equals one wins if all others fall, and none if all rise
            for other in (noise / 64, 8 * noise, 8 * np.abs(noise), -8 * np.abs(noise)):
                other[entries] = u
                moved = np.abs(near.ask(other, keep=near.may_keep) - claim) > near.tolerance
                if moved[entries].any():
                    self.refuted = np.zeros(len(moved), dtype=bool)
                    self.refuted[entries] = moved[entries]
                    return "refuted"
        bent_once = half_turn.bends_one_way(near, entries, u, bend)
        claims, moves = near.at(entries)
        furthest = float(np.max(bend * (claims @ u)))
        reaches = furthest <= bend * float(claim[entries] @ u) + 4 * near.tolerance * length
        if not (bent_once and reaches and one_sign(claims, moves, near.tolerance) == bend):
            block.state = "both ways"
            return ""
        move = np.zeros(near.here.size)
        move[entries] = bend * u
        kind = "convex" if bend > 0 else "concave"
        self.separation = Separation(move, bend * float(near.here[entries] @ u), furthest, kind)
        return "outside"

    def _hopeless(self, block: Block, claim: Array, made: Array) -> str:
        """Return "too many" where a block has more entries than claims are left, and these come near too slowly.

        Where the claim is outside, the nearest point soon comes no nearer, and no claim reaches much further than it.
        """
        near, left = self.near, self.near.most - self.near.asked
        if len(block.entries) <= left + len(block.used):
            return ""
        path = self.distances.setdefault(int(block.entries[0]), [])
        path.append(block.best)
        if len(path) <= 2 * WATCHED:
            return ""
        nearer, needed = np.log(path[-1 - WATCHED] / block.best), np.log(block.best / near.tolerance)
        u = made[block.entries]
        beyond = block.bend * float((claim - near.here)[block.entries] @ u)
        slow = needed * WATCHED > nearer * left
        return "too many" if slow and beyond > BEYOND * block.best * float(np.linalg.norm(u)) else ""

    def refuted_or_joined(self, labels: Labels) -> NDArray[np.bool_]:
        """Return the entries that are no blocks of their own: just refuted, or joined before."""
        names, count = np.unique(labels, return_counts=True)
        joined: NDArray[np.bool_] = np.isin(labels, names[count > 1])
        return joined if self.refuted is None else joined | self.refuted
