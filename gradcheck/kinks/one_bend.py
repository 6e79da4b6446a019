"""The nearest point of the hull where f bends one way, with the claim itself as the oracle.

For a convex germ h the claim next to the point in direction u is the subgradient that reaches furthest along u. So the
nearest point p of the hull of the claims known so far tells where to look for a missing one: along u = g − p, from p to
the claim g on trial (P. Wolfe, Mathematical Programming 11, 1976). Either p reaches g, and its weights are the proof
that g is a subgradient; or no claim reaches as far along u as g does, and u is the proof that it is none. A concave h
is the same with −u.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import half_turn
from gradcheck.kinks.bends import Bends, one_sign, signs
from gradcheck.kinks.blocks import falls
from gradcheck.kinks.changes import differ
from gradcheck.kinks.moves import Aside
from gradcheck.kinks.neighbourhood import Spent
from gradcheck.kinks.packed import parts
from gradcheck.kinks.parts import BOTH_WAYS, INSIDE, OPEN, Parts
from gradcheck.kinks.separation import Separation
from gradcheck.kinks.whole_claims import ROUGHLY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.blocks import Labels
    from gradcheck.kinks.moves import Move
    from gradcheck.kinks.neighbourhood import Neighbourhood
    from gradcheck.kinks.parts import Alike
    from gradcheck.kinks.scaled import Scaled

    Array = NDArray[np.float64]
    Moved = Iterator[tuple[slice, Array]]
    Entries = NDArray[np.signedinteger[Any]]

PATIENCE = 12  # turns without a nearer point before a block is taken for one that bends both ways
# The least random part of a move towards a claim, by its size. Entries that the claim treats alike are tied here, and
# equal moves leave them tied. What is claimed at such a tie is a convention, and no gradient next to the point.
ASIDE = 64.0
LESS = 16.0  # times less than that at least, where the hull is round: there is no tie
ROUND = 4.0  # times as far as the middle of two is from a round boundary, and more: the hull is not known to be round
EVERY = 3  # turns, of which the last one goes to a round boundary
WATCHED = 48  # turns over which one sees how fast the nearest point comes nearer
BEYOND = 16.0  # a claim that reaches so many times further than the nearest point leads to more of them
SAMPLES = 40  # in tests over all pairs of samples
SUSPECTS = 64  # blocks in which a claim is looked at for a proof before the next is asked for
TOGETHER = 2**6  # blocks of which these are looked at together


class Search:
    """The search for a proof in every block at once."""

    def __init__(self, near: Neighbourhood, labels: Labels) -> None:
        self.near = near
        self.parts = Parts(near, labels)
        self.alone = self.parts.alone
        for group in self.parts.groups:
            group.begin()
        self.bends = None if isinstance(near.moves, list) or not self.parts.groups else Bends(near, self.parts)
        self.coarse = True  # whether moves need a few bits only
        self.sides = 0  # how many claims a turn asks for at a round boundary: on both sides, on one, or none
        self.fresh: int | None = None  # claims that the last turn asked for
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
        near, claimed = self.near, float(self.near.here[entry : entry + 1][0])
        sign = 1.0 if claimed > high else -1.0
        move = np.zeros(near.here.size)
        move[entry] = sign
        bends = "concave" if falls(near, entry) else "convex"
        kind = "flat" if high - low <= near.tolerance else bends
        return Separation(move, sign * claimed, (high if sign > 0 else -low) + 0.0, kind)

    def _turn(self, turn: int) -> str:
        """Ask for one claim that leads towards the one on trial in every block that is still open."""
        towards, asked = self._looked(turn)
        if not asked:
            both = any((group.state == BOTH_WAYS).any() for group in self.parts.groups)
            return "both ways" if both else "inside"
        move = self.near.towards(towards, coarse=self.coarse)
        del towards  # as large as the argument, but for the precision
        hopeless, self.fresh = False, 0
        for one in self._both_sides(move, asked) if self.sides else [move]:
            self.fresh += 1
            kept, claim = self.near.ask_towards(one)
            made = self._use(asked, kept, claim)
            hopeless |= any(self._hopeless(*block, claim, made) for block in asked)
            suspects = list(itertools.islice(self._beyond_claims(asked, claim, made), SUSPECTS))
            del kept, claim, made  # as large as the argument, as what is asked for next will be
            for suspect in suspects:
                if (state := self._apart(*suspect)) != "":
                    return state
        return "too many" if hopeless else ""

    def _both_sides(self, middle: Array | Move, asked: Sequence[tuple[Alike, Entries]]) -> Iterator[Array | Move]:
        """Yield a move a little aside and, if two are to be asked for, one as much to the other side.

        On a round boundary the claim is in the middle of what these give, but for the square of how far they are aside.
        """
        near = self.near
        drawn, size, both = near.drawn_move(), ASIDE * near.blur, self.sides > 1
        most = max(group.size for group in self.parts.groups)
        far = max(float(group.best[rows].max()) for group, rows in asked)
        if both and (near.remake is not None or far <= ROUND * near.spread * most * size**2):
            size = min(max(math.sqrt(near.tolerance / max(near.spread, near.tolerance) / most), size / LESS), size)
        for aside in (size, -size)[: self.sides]:
            move = Aside(middle, aside, drawn)
            yield move if near.remake is not None else move()

    def _looked(self, turn: int) -> tuple[Array, list[tuple[Alike, Entries]]]:
        """Return the move to ask for next, NaN in blocks that are not open, and the blocks that are."""
        self.sides = self._sides(turn)
        asked, self.coarse = [], not self.sides
        dtype = np.float64 if self.sides > 1 else self.near.moves_in
        towards = np.full(self.near.here.size, np.nan, dtype=dtype)
        for place, group in enumerate(self.parts.groups):
            rows = self._look(place, np.flatnonzero(group.state == OPEN).astype(np.int32), towards)
            if len(rows):
                asked.append((group, rows))
        return towards, asked

    def _sides(self, turn: int) -> int:
        """Return how many claims a turn asks for at a round boundary; two at turns that are ever further apart."""
        periods, rest = divmod(turn + 1, EVERY)
        if rest or self.near.has_pieces:
            return 0
        if not self.near.has_much_room:
            return 1
        return 2 if periods.bit_count() == 1 else 0

    def _use(
        self, asked: Sequence[tuple[Alike, Entries]], kept: Array | Callable[[], Array], claim: Array | Scaled
    ) -> Array:
        """Let the blocks use a claim asked for, of a move or of what returns it; return the move.

        If no more may be kept, it is kept block by block in place of claims that the block does not use:
        blocks say nothing of one another.
        """
        near, has_room = self.near, self.near.has_room(kept)
        if self.bends is not None:
            self.bends.see(claim, kept)
        made = kept() if callable(kept) else kept
        if has_room:
            near.add(kept, claim, drawn=False, number=near.asked)
        for group, rows in asked:
            if has_room:
                places = np.full(len(rows), len(near.claims) - 1, dtype=np.int16)
            else:
                places = group.free(rows, len(near.claims))
                if not places.all() or not near.may_put:
                    raise Spent
                for place in np.unique(places):
                    near.put(int(place), group.entries[rows[places == place]].ravel(), made, claim)
            group.add(rows, places)
        return made

    def _look(self, place: int, rows: Entries, towards: Array) -> Entries:
        """Put the moves from the nearest points to the claim into `towards`; return the blocks that are still open."""
        still: list[Entries] = [np.zeros(0, dtype=np.int32)]
        group = self.parts.groups[place]
        for some in group.some(rows):
            rest = group.nearest(self.near, some, fresh=self.fresh)
            left = self._left(place, some, rest)
            if len(left):
                mine = some[left]
                towards[group.entries[mine]] = self._moves(group, mine, rest[left])
                still.append(mine)
        if len(rows):
            group.trim()
        found: Entries = np.concatenate(still)
        return found

    def _left(self, place: int, rows: Entries, rest: Array) -> Entries:
        """Return which of some blocks are still open, with so much left of the claim."""
        near, group = self.near, self.parts.groups[place]
        far, distance = np.abs(rest).max(axis=1), np.linalg.norm(rest, axis=1)
        group.state[rows[far <= near.tolerance]] = INSIDE
        left = np.flatnonzero(far > near.tolerance)
        mine = rows[left]
        group.bend[mine] = self._bends(place, mine)
        nearer = distance[left] < group.best[mine]
        group.stalled[mine] = np.where(nearer, 0, group.stalled[mine] + 1)
        group.best[mine] = np.minimum(group.best[mine], distance[left])
        both = (group.bend[mine] == 0) | (group.stalled[mine] > PATIENCE)
        group.state[mine[both]] = BOTH_WAYS
        still: Entries = left[~both]
        return still

    def _bends(self, place: int, rows: Entries) -> NDArray[np.int8]:
        """Return which way f bends in some blocks."""
        near, group = self.near, self.parts.groups[place]
        if self.bends is not None:
            return self.bends.of(place, rows)
        found = [np.zeros(0, dtype=np.int8)]
        for some in parts(len(rows), TOGETHER):
            entries = group.entries[rows[some]]
            claims, moves = (at.reshape(-1, *entries.shape) for at in near.at(entries.ravel(), SAMPLES))
            found.append(signs(claims, moves, near.tolerance))
        return np.concatenate(found)

    def _moves(self, group: Alike, rows: Entries, rest: Array) -> Array:
        """Return the moves of some blocks from the nearest points to the claim, or from centres to it."""
        near, entries = self.near, group.entries[rows]
        first, second = (near.claim(k, entries.ravel()).reshape(entries.shape) for k in (0, 1))
        if self.sides:  # from centres through the claim
            rest = near.here[entries] - (first + second) / 2
            far = np.abs(rest).max(axis=1, keepdims=True)
            return np.asarray(group.bend[rows, None] * rest / np.where(far > 0, far, 1.0))
        far = np.abs(rest).max(axis=1)
        # next to the round boundary of a ball a claim is as near as the square of how far its move is off
        across = np.abs(first - second).max(axis=1)
        across[across == 0] = 1.0
        aside = np.maximum(np.minimum(ROUGHLY, np.sqrt(far / across) / 4), ASIDE * near.blur)
        if near.has_pieces:
            aside[:] = ROUGHLY
        self.coarse &= bool(aside.min() >= ROUGHLY)
        noise = near.rng.standard_normal(entries.shape)
        return np.asarray(group.bend[rows, None] * (rest / far[:, None] + aside[:, None] * noise))

    def _beyond_claims(
        self, asked: Sequence[tuple[Alike, Entries]], claim: Array | Scaled, made: Array
    ) -> Iterator[tuple[Alike, int, Array, Array]]:
        """Yield the blocks in which the claim on trial reaches further than the one asked for; with that, its move."""
        near = self.near
        for group, rows in asked:
            for some in group.some(rows):
                entries = group.entries[some]
                own, u = claim[entries], made[entries]
                gap = group.bend[some] * np.einsum("bm,bm->b", near.here[entries] - own, u)
                for place in np.flatnonzero(gap > 4 * near.tolerance * np.abs(u).sum(axis=1)):
                    yield group, int(some[place]), own[place].copy(), u[place].copy()

    def _apart(self, group: Alike, row: int, claim: Array, u: Array) -> str:
        """Return "outside" where the claim asked for separates, "refuted" where other blocks move this one, else ""."""
        near, entries, bend = self.near, group.entries[row], int(group.bend[row])
        length = float(np.sum(np.abs(u)))
        if len(self.parts) > 1:
            # of equals one wins if all others fall, and none if all rise
            for times, sizes in ((1 / 64, False), (8.0, False), (8.0, True), (-8.0, True)):
                other = replace(near.drawn_move(), times=times, sizes=sizes, entries=entries, values=u)
                moved = np.abs(near.ask_in(other, entries) - claim) > near.tolerance
                if moved.any():
                    self.refuted = np.zeros(near.here.size, dtype=bool)
                    self.refuted[entries] = moved
                    return "refuted"
        bent_once = half_turn.bends_one_way(near, entries, u, bend)
        claims, moves = near.at(entries)
        furthest = float(np.max(bend * (claims @ u)))
        reaches = furthest <= bend * float(claim @ u) + 4 * near.tolerance * length
        if not (bent_once and reaches and one_sign(claims, moves, near.tolerance) == bend):
            group.state[row] = BOTH_WAYS
            return ""
        move = np.zeros(near.here.size)
        move[entries] = bend * u
        kind = "convex" if bend > 0 else "concave"
        self.separation = Separation(move, bend * float(near.here[entries] @ u), furthest, kind)
        return "outside"

    def _hopeless(self, group: Alike, rows: Entries, claim: Array | Scaled, made: Array) -> bool:
        """Tell whether a block has more entries than claims are left, and these come near too slowly.

        Where the claim is outside, the nearest point soon comes no nearer, and no claim reaches much further than it.
        """
        near, left = self.near, self.near.most - self.near.asked
        for row in rows if group.size > left else ():
            entries, best = group.entries[row], float(group.best[row])
            if group.size <= left + int((group.used[row] >= 0).sum()):
                continue
            path = self.distances.setdefault(int(entries[0]), [])
            path.append(best)
            if len(path) <= 2 * WATCHED:
                continue
            nearer, needed = np.log(path[-1 - WATCHED] / best), np.log(best / near.tolerance)
            u = made[entries]
            beyond = group.bend[row] * float((claim[entries] - near.here[entries]) @ u)
            if needed * WATCHED > nearer * left and beyond > BEYOND * best * float(np.linalg.norm(u)):
                return True
        return False

    def refuted_or_joined(self) -> NDArray[np.bool_]:
        """Return the entries that are no blocks of their own: just refuted, or joined before."""
        joined = np.ones(self.near.here.size, dtype=bool)
        joined[self.alone] = False
        return joined if self.refuted is None else joined | self.refuted
