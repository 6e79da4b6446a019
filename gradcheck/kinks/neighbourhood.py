"""The claims next to a point at which f has kinks, asked for move by move.

Everything here is in the argument's scale: a move z stands for x + δ·s∘z, a claim is G∘s. So entries of every size
weigh alike, a distance is a share of what the argument's own size does to f, and ⟨claim, z⟩ is a slope along z.

As δ → 0 the claims become those of the germ h(z) = f'(x; z), which is positively homogeneous: they depend on z's
direction alone, and jump where z crosses a kink. What they change by within δ, and their round-off, is `tolerance`.
"""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks.moves import Aside, Coarse, Drawn, Mixed, Move, Put, by_parts
from gradcheck.kinks.packed import Packed, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.moves import Moves
    from gradcheck.kinks.scaled import Scaled

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]
    Picked = NDArray[np.integer[Any]]

MOST_CLAIMS = 540  # and 60 for the contract and for the formula next to the point
FEW_VALUES = 0.6  # of what may be held: claims with values of their own in most entries take each other's place
SHARE = 4  # claims to a value, on average, where f is linear in pieces
MUCH = 2  # times what is held before no claim is kept any more, and before one of few bits is put in place of another
MOST_NUMBERS = 2**23  # in all claims kept, and as many in their moves: 64 MiB each


class Spent(Exception):  # noqa: N818  nothing is wrong, there is no more to ask with
    """As many claims as may be asked for have been asked for."""


class Neighbourhood:
    """The claims next to the point asked for so far.

    Parameters
    ----------
    claim_at : callable
        Maps a move, an array (entries,), to the move that was really made (its rounding, its tangents) and the claim
        there, both (entries,) in the argument's scale.
    here : array (entries,) or Scaled
        The claim at the point.
    entries : integer array (entries,)
        Where each stands in the flat argument.
    shape : tuple of int
        The argument's.
    rng : Generator
        For random moves.
    most : int
        Claims to ask for at most.
    blur : float
        By how much of a move's size a kink may stand elsewhere for it than its normal says: round-off of x + δ·s∘z.

    """

    def __init__(
        self,
        claim_at: Callable[[Array], tuple[Array, Array]],
        here: Array | Scaled,
        entries: Entries,
        shape: tuple[int, ...],
        *,
        rng: np.random.Generator,
        most: int = MOST_CLAIMS,
        blur: float = 2.0**-20,
    ) -> None:
        self._claim_at = claim_at
        self.here = here
        self.entries = entries
        self.shape = shape
        self.rng = rng
        self.most = most
        self.blur = blur
        self.moves: list[Array] | Moves = []
        self.claims: list[Array] | Packed = []
        self.drawn: list[bool] = []
        # Of each claim among those asked for here, from 1; 0 if asked for elsewhere.
        self.numbers: list[int] = []
        self.claim_like: Callable[[Array, int], tuple[Array, Array]] | None = None
        # Of a large argument: what returns a move anew, and the claim there, for what returns a move to ask for.
        self.remake: Callable[[Callable[[], Array]], tuple[Callable[[], Array], Array | Scaled]] | None = None
        self.ordered = False  # whether claims where all entries fall, or rise, in their order are among them
        self.tolerance = 0.0
        self.asked = 0
        self.most_held = 0  # bytes, of a large argument
        self.most_kept = max(16, MOST_NUMBERS // max(here.size, 1))

    @property
    def size(self) -> float:
        """The largest entry of all claims."""
        here = (self.here[part] for part in self.parts)
        claims = (self.claim(k, part) for part in self.parts for k in range(len(self.claims)))
        return max((float(np.max(np.abs(values))) for values in itertools.chain(here, claims)), default=0.0)

    @cached_property
    def positions(self) -> Entries:
        """Those of all entries looked at, from 0; where they are all of the argument's these are they."""
        whole = len(self.entries) and self.entries[-1] == len(self.entries) - 1
        return self.entries if whole else np.arange(len(self.entries), dtype=np.int32)

    def claim(self, number: int, where: slice | Entries) -> Array:
        """Return a claim in some entries."""
        return self.claims.part(number, where) if isinstance(self.claims, Packed) else self.claims[number][where]

    def some(self, numbers: Sequence[int]) -> Sequence[Array] | Packed:
        """Return some of the claims."""
        return self.claims.chosen(numbers) if isinstance(self.claims, Packed) else [self.claims[k] for k in numbers]

    def add(
        self, move: Array | Callable[[], Array], claim: Array | Scaled, *, drawn: bool = True, number: int = 0
    ) -> None:
        """Keep a claim; `drawn` says that the move was drawn at random, `number` that it was asked for here."""
        if not self.has_room(move):
            raise Spent
        self.numbers.append(number)
        self.moves.append(move)  # type: ignore[arg-type]  # a list takes arrays alone, and is given no other
        self.claims.append(claim)  # type: ignore[arg-type]  # as above
        self.drawn.append(drawn)

    def put(self, number: int, entries: Entries, move: Array | Callable[[], Array], claim: Array | Scaled) -> None:
        """Keep the last claim in some entries in place of another one."""
        self.numbers[number] = self.asked
        values = (move() if callable(move) else move)[entries].astype(self.moves_in)
        if isinstance(self.moves, list):
            self.moves[number][entries] = values
        else:
            self.moves.put(number, entries, values)
        del values
        if isinstance(self.claims, list):
            self.claims[number][entries] = claim[entries]
            return
        for part in parts(len(entries)):
            some = entries[part]
            self.claims.put(number, some, claim[some])

    def begin(self, moves: Moves, claims: Packed, drawn: Sequence[bool]) -> None:
        """Begin with claims of a large argument that were asked for elsewhere."""
        self.moves, self.claims, self.drawn = moves, claims, list(drawn)
        self.numbers = [0] * len(claims)

    @property
    def packed(self) -> Packed:
        """The claims of a large argument."""
        if not isinstance(self.claims, Packed):
            raise TypeError
        return self.claims

    @property
    def may_keep(self) -> bool:
        """Whether one more claim may be kept."""
        return len(self.claims) < self.most_kept

    def has_room(self, move: Array | Callable[[], Array]) -> bool:
        """Tell whether one more claim may be kept that is needed: of a large argument more, if they are of few values.

        And more still if their moves take few bits: where one is put in place of another it takes single precision.
        """
        if self.may_keep or not isinstance(self.claims, Packed):
            return self.may_keep
        few_bits = isinstance(move, Move) and move.nbytes < self.here.size
        most = (MUCH if few_bits else 1) * self.most_held
        return self._held <= most and self.claims.of_values <= FEW_VALUES * self.most_held

    @property
    def has_much_room(self) -> bool:
        """Whether two more claims, and a move as large, may be kept for certain."""
        return isinstance(self.claims, list) or self._held + 4 * 8 * self.here.size <= self.most_held

    @property
    def has_pieces(self) -> bool:
        """Whether claims of a large argument take so few values that f is linear in pieces: four of them share one."""
        if not isinstance(self.claims, Packed):
            return False
        return SHARE * self.claims.of_values <= len(self.claims) * 8 * self.here.size

    @property
    def may_put(self) -> bool:
        """Whether a claim may be kept in some entries in place of another one, whose values are then let go of."""
        return self._held <= MUCH * self.most_held

    @property
    def _held(self) -> int:
        """How many bytes the claims of a large argument and their moves take."""
        if not isinstance(self.claims, Packed) or isinstance(self.moves, list):
            return 0
        return self.claims.nbytes + self.moves.nbytes

    def ask(self, move: Array, *, keep: bool = True, drawn: bool = False) -> Array:
        """Return the claim at x + δ·s∘move, and keep it; `drawn` says that the move was drawn at random."""
        if not keep and self.remake is not None:
            return np.asarray(self.ask_made(lambda: move)[1][:])
        made, claim = self.ask_unkept(move)
        if keep:
            self.add(made, claim, drawn=drawn, number=self.asked)
        return claim

    def ask_unkept(self, move: Array, like: int | None = None) -> tuple[Array, Array]:
        """Return the move that was really made and the claim there; entries not looked at move as for claim `like`."""
        self._count()
        return self._claim_at(move) if like is None or self.claim_like is None else self.claim_like(move, like)

    def moved(self, number: int, entries: Entries, more: Array) -> Array:
        """Return the move of a claim, and some entries by so much more."""
        move = self.moves[number].copy() if isinstance(self.moves, list) else self.moves.own(number)
        move[entries] += more
        return move

    def ask_mixed(self, pick: Picked, *, keep: bool = True) -> Array | Scaled:
        """Return the claim where each entry moves as for the claim that `pick` names, and keep it."""
        moves = self.moves
        mixed = Mixed(pick, moves if isinstance(moves, list) else [moves.made(k) for k in range(len(moves))])
        return self._ask_kept(mixed, keep=keep)

    def ask_drawn(self) -> None:
        """Ask for the claim at a random move, and keep it."""
        self.add(*self.ask_made(self.drawn_move()), number=self.asked)

    def ask_made(self, move: Callable[[], Array]) -> tuple[Array | Callable[[], Array], Array | Scaled]:
        """Return the move that was really made, or what returns it where that is large, and the claim there."""
        if self.remake is None:
            return self.ask_unkept(move())
        self._count()
        return self.remake(move)

    def ask_in(self, move: Callable[[], Array], entries: Entries) -> Array:
        """Return the claim at a move in some entries, and keep it if it may be kept."""
        return np.asarray(self._ask_kept(move, keep=self.may_keep)[entries])

    def _ask_kept(self, move: Callable[[], Array], *, keep: bool) -> Array | Scaled:
        made, claim = self.ask_made(move)
        if keep:
            self.add(made, claim, drawn=False, number=self.asked)
        return claim

    def drawn_move(self) -> Drawn:
        """Return what `noise` does, to be drawn again."""
        generator = self.rng.bit_generator
        found = Drawn(type(generator), generator.state, self.here.size)
        for part in self.parts:
            self.rng.standard_normal(len(self.here[part]))
        return found

    @property
    def moves_in(self) -> type[np.floating[Any]]:
        """The floating type that moves made on purpose are kept in: of a large argument it is half as wide."""
        return np.float64 if self.remake is None else np.float32

    def towards(self, values: NDArray[np.floating[Any]], *, coarse: bool) -> Array | Move:
        """Return a move with some values, of a few bits if it is `coarse` and large; a random one where NaN."""
        if self.remake is None:
            return np.where(np.isnan(values), self.noise(), values)
        drawn = self.drawn_move()
        return Coarse(drawn, values) if coarse else Put(drawn, values)

    def ask_towards(self, move: Array | Move) -> tuple[Array | Callable[[], Array], Array | Scaled]:
        """Return what `ask_made` does of such a move; of single precision what is to be kept of a large one."""
        if isinstance(move, np.ndarray):
            return self.ask_unkept(move)
        made, claim = self.ask_made(move)
        return made().astype(self.moves_in) if isinstance(move, Put) and callable(made) else made, claim

    def _count(self) -> None:
        if self.asked >= self.most:
            raise Spent
        self.asked += 1

    def forget(self) -> None:
        """Let go of all claims, and of what they were asked of."""
        self.moves, self.claims, self.drawn, self.numbers = [], [], [], []
        self.claim_like = self.remake = None
        self._claim_at = _nothing

    def off_ties(self, number: int) -> bool:
        """Tell whether a claim stands for those around its move, and not for a tie that the move has hit.

        A move that was made on purpose may be tied where the claim's own convention speaks, as at the point itself.
        Moved aside by a little a gradient next to the point changes by as little; one at a tie jumps. Moves drawn at
        random are off all ties.
        """
        if self.drawn[number]:
            return True
        largest = max(float(np.max(np.abs(values))) for _, values in self.move_by_parts(number))
        aside = max(min(64 * self.blur, 2.0**-4 / len(self.here)) * largest, 2 * self.blur)
        claim: Array | Scaled
        if isinstance(self.moves, list) or self.remake is None:
            _, claim = self.ask_unkept(self.moves[number] + aside * self.noise(), like=number)
        else:
            claim = self.ask_made(Aside(self.moves.made(number), aside, self.drawn_move()))[1]
        ends = (float(np.max(np.abs(claim[part] - self.claim(number, part)))) for part in self.parts)
        return max(ends, default=0.0) <= self.tolerance + self.size / 16

    def move_by_parts(self, number: int) -> Iterator[tuple[slice, Array]]:
        """Yield the move of a claim block by block, from the first entry on; not to be written into."""
        return by_parts(self.moves[number] if isinstance(self.moves, list) else self.moves.made(number))

    def noise(self) -> Array:
        """Return a random move."""
        return self.rng.standard_normal(self.here.size)

    def at(self, entries: Entries | slice, most: int = 0) -> tuple[Array, Array]:
        """Return claims and moves, each (samples, entries); at most the first and last `most` / 2 of them."""
        count = len(self.claims)
        chosen = [k for k in range(count) if not most or k < most // 2 or k >= count - most // 2]
        return np.array([self.claim(k, entries) for k in chosen]), np.array([self.moves[k][entries] for k in chosen])

    def range(self, where: slice | Entries = slice(None), count: int | None = None) -> tuple[Array, Array]:
        """Return the smallest and the largest value of each entry, or of some, in the first `count` claims."""
        if isinstance(self.claims, Packed) and count in (None, len(self.claims)):
            return self.claims.range(where)
        first = self.claim(0, where)
        low, high = first.copy(), first.copy()
        for k in range(1, count or len(self.claims)):  # one at a time: there may be many entries
            claim = self.claim(k, where)
            np.minimum(low, claim, out=low)
            np.maximum(high, claim, out=high)
        return low, high

    @property
    def spread(self) -> float:
        """By how much an entry differs at most between the claims."""
        ends = (self.range(part) for part in self.parts)
        return max((float(np.max(high - low, initial=0.0)) for low, high in ends), default=0.0)

    @property
    def parts(self) -> list[slice]:
        """The entries in blocks, for what need not be known of all at once."""
        return parts(len(self.here))

    def is_here(self, number: int) -> bool:
        """Tell whether a claim is the one at the point, as far as drift and round-off tell."""
        return all(self.same(self.claim(number, part), self.here[part]) for part in self.parts)

    def same(self, one: Array, other: Array) -> bool:
        """Tell whether two claims, or the same part of two, are no further apart than drift and round-off."""
        return bool(np.max(np.abs(one - other), initial=0.0) <= self.tolerance)


def _nothing(_: Array) -> tuple[Array, Array]:
    raise Spent
