"""The claims next to the point of a trial: the one file of this folder that reads the trial.

Claims are asked for at x + δ·v, where δ is the distance at which their drift, δ·φ'', and the round-off of f's own
intermediate values, u/δ, balance: √u, 2^-27 in float64. They come in the argument's scale, flat and real, a complex
entry as two.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.kinks.changes import WHOLE, Changes, largest_of
from gradcheck.kinks.moves import InOrder, Yielded, by_parts, nbytes_of
from gradcheck.kinks.packed import parts
from gradcheck.kinks.scaled import LARGEST, Scaled
from gradcheck.kinks.span import svd
from gradcheck.slopes.direction import draw_by_parts
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.verdicts.trial import Trial

    Array = NDArray[np.float64]

TAKEN = 2  # claims of a large argument that were asked for the formula's sake and serve again
MOST_TANGENTS = 512  # entries up to which the moves that `tangent=` allows get coordinates of their own
BLUR = 64.0  # units of round-off by which a kink of f's intermediate values may stand elsewhere
SAME = 32.0  # twice the drift that is seen: of a claim at one side and of that at the other


def in_order(count: int, sign: float, rng: np.random.Generator) -> Array:
    """Return a move along which entries fall in their order, or rise."""
    return InOrder(count, sign, lambda: rng)()


class Beside:
    """The point of a trial, and the claims next to it.

    Attributes
    ----------
    delta : float
        δ.
    here : array (entries,)
        The claim at the point.
    drifts : list of float
        By how much an entry of a claim changes at most from δ to 3δ, round-off included, side by side; of them the
        largest alone once it was told from a jump.
    changes : Changes
        The claims kept.
    moves : list of (int or None, float)
        The probe of each, None where entries moved in their order, and the side.

    """

    def __init__(self, trial: Trial, *, every: bool = False) -> None:
        self.trial = trial
        self.x = trial.prediction.leaves[trial.index]
        self.shape = arrays.shape_of(self.x)
        self.complex = arrays.is_complex(self.x)
        value = trial.scale.value
        if not isinstance(value, float):
            value = value.reshape(-1)
            value = np.repeat(value, 2) if self.complex else value
        self.scale: Any = value
        unit = trial.field.unit
        self.delta = math.ldexp(1.0, max(trial.field.finest([trial.index]), round(math.log2(unit) / 2)))
        self.blur = BLUR * unit / self.delta
        self.basis: Array | None = None
        if trial.tangent is not None and self.flat_size <= MOST_TANGENTS:
            self.basis = self._tangents()
        claimed = np.asarray(trial.claimed)
        large = self.flat_size > WHOLE
        self.here: Array | Scaled = Scaled(self.flat(claimed), value) if large else self.in_scale(claimed)
        self.drifts: list[float] = []
        self.changes = Changes(self.here)
        self.moves: list[tuple[int | None, float]] = []
        self.every = every  # whether all claims are kept, or of a large argument the first ones alone

    def flat(self, values: NDArray[Any]) -> Array:
        """Return an array of the argument's shape as a flat real one, a complex entry as two."""
        flat = values.reshape(-1)
        if self.complex:
            flat = np.ascontiguousarray(flat, dtype=np.complex128).view(np.float64)
        return np.asarray(flat.real, dtype=np.float64)

    @property
    def norm(self) -> float:
        """The norm of the claim at the point."""
        return math.hypot(*(float(np.linalg.norm(self.here[part])) for part in parts(len(self.here))))

    @property
    def flat_size(self) -> int:
        """The number of entries, a complex one counted twice."""
        return math.prod(self.shape) * (2 if self.complex else 1)

    def _tangents(self) -> Array:
        """Return an orthonormal basis, (entries, moves), of the moves in the argument's scale that are allowed."""
        allowed = []
        for unit in np.eye(self.flat_size):
            try:
                values = np.asarray(self.trial.tangent(self.shaped(unit * self.scale)))  # type: ignore[misc]  # is set
            except ArgumentError:  # zero: this entry alone may not move
                continue
            allowed.append(self.flat(values.reshape(self.shape) / np.max(np.abs(values))) / self.scale)
        if not allowed:
            raise ArgumentError(f"the tangent= of {self.trial.name} lets no entry move")
        left, sizes, _ = svd(np.array(allowed).T)
        return np.asarray(left[:, sizes > 1e-9 * sizes[0]])

    def in_scale(self, gradient: NDArray[Any]) -> Array:
        """Return a gradient in the argument's scale, in the coordinates of the moves that are allowed."""
        flat: Array = self.flat(gradient) * self.scale
        np.clip(flat, -LARGEST, LARGEST, out=flat)
        return flat if self.basis is None else self.basis.T @ flat

    def as_move(self, v: NDArray[Any]) -> Array:
        """Return a direction in the same coordinates."""
        flat: Array = self.flat(v) / self.scale
        return flat if self.basis is None else self.basis.T @ flat

    def as_direction(self, move: Array) -> NDArray[Any]:
        """Return a move in the argument's own units and shape."""
        return self.shaped((move if self.basis is None else self.basis @ move) * self.scale)

    def shaped(self, flat: Array) -> NDArray[Any]:
        """Return a flat real array in the argument's shape."""
        return (np.ascontiguousarray(flat).view(np.complex128) if self.complex else flat).reshape(self.shape)

    def indices(self, entries: NDArray[np.int64], most: int | None = None) -> list[tuple[int, ...]]:
        """Return the argument's indices that some entries of a claim are about, each once, the first `most` of them."""
        if self.basis is not None:
            first = self.changes.whole(0)
            claims = [self.here[:], *(self.changes.whole(k) for k in range(1, len(self.moves)))]
            apart = [self.basis[:, entries] @ (claim - first)[entries] for claim in claims]
            entries = np.flatnonzero(np.max(np.abs(apart), axis=0) > self.tolerance)
        each = 2 if self.complex else 1
        if most is not None and each * most < len(entries):
            entries = np.partition(entries, each * most)[: each * most]
        return [tuple(int(i) for i in np.unravel_index(e, self.shape)) for e in np.unique(entries // each)[:most]]

    @property
    def tolerance(self) -> float:
        """How far two claims of one piece of f may be apart, entry by entry.

        Along one direction in 64 a normal drift is below 1/64 of what is typical, along several in a row never; one far
        above the others is a jump at a kink that stands off the point, unless it was told from one.
        """
        drift = min(max(self.drifts), 8 * float(np.median(self.drifts))) if self.drifts else 0.0
        return 64 * drift + self.round_off

    @property
    def same(self) -> float:
        """How far two values of an entry may be apart that are kept as one: by a small part of the tolerance."""
        return self.tolerance / SAME

    @property
    def round_off(self) -> float:
        """Below 2^-30 of the gradient no difference matters; round-off of the arithmetic may be far above it."""
        return max(2.0**9 * self.trial.field.unit, 2.0**-30) * self.changes.largest

    def leaves(self, v: Any, steps: float = 1.0) -> list[Any]:
        """Return the arguments with this one at x + steps·δ·v."""
        leaves = list(self.trial.prediction.leaves)
        leaves[self.trial.index] = arrays.shifted(self.x, steps * self.delta, v)
        return leaves

    def claim(self, leaves: Sequence[Any]) -> Array:
        """Return the claim at some arguments."""
        return self.in_scale(arrays.to_numpy(self.trial.prediction.at(leaves)[self.trial.index]))

    def looked_up(self, leaves: Sequence[Any]) -> Array | Scaled:
        """Return the claim at some arguments to read in some entries: as that at the point, scaled as asked for."""
        if not isinstance(self.here, Scaled):
            return self.claim(leaves)
        return Scaled(self.flat(arrays.to_numpy(self.trial.prediction.at(leaves)[self.trial.index])), self.scale)

    def keep(self, probe: int, sign: float, claim: Array, change: Array) -> None:
        """Keep the claim at x ± δ·v, v a probe's direction, which changes by `change` from δ to 3δ."""
        self.drifts.append(largest_of(change))
        values = self.every or len(self.here) <= WHOLE or len(self.moves) < TAKEN
        self.changes.add(claim, change, self.round_off, values=values, same=self.same)
        self.moves.append((probe, sign))

    def move(self, number: int) -> Array:
        """Return the move of a claim kept."""
        return self.move_anew(number)()

    def move_anew(self, number: int) -> Callable[[], Array]:
        """Return what returns the move of a claim kept."""
        probe, sign = self.moves[number]
        if probe is None:
            rng = partial(stream, self.trial.field.seed, Purpose.NEARBY, self.trial.index)
            return InOrder(len(self.here), sign, rng)
        if len(self.here) > WHOLE and self.by_entries and not self.trial.keeps(probe):
            return self._along(probe, sign)
        return lambda: sign * self.as_move(arrays.to_numpy(self.trial.direction(probe)))

    def _along(self, probe: int, sign: float) -> Yielded:
        """Return the move along a probe's direction, or against it, to be drawn block by block."""
        trial = self.trial
        x, scale = trial.field.leaves[trial.index], trial.field.scales[trial.index]

        def blocks() -> Iterator[tuple[slice, Array]]:
            rng = stream(trial.field.seed, Purpose.DIRECTION, trial.index, probe)
            return map(block, draw_by_parts(x, scale, rng, stretch=trial.length(probe)))

        def block(drawn: tuple[slice, Array]) -> tuple[slice, Array]:
            return drawn[0], drawn[1] / self.scale_of(drawn[0]) * sign

        return Yielded(len(self.here), blocks)

    def ask_in_order(self) -> None:
        """Keep the claims where entries fall, and where they rise, in their order."""
        for sign in (1.0, -1.0):
            self.moves.append((None, sign))
            claim = self.claim(self.there(self.move(len(self.moves) - 1)))
            self.changes.add(claim, None, self.tolerance, same=self.same)

    def ask(self, move: Array) -> tuple[Array, Array]:
        """Return the move that could be made, and the claim there."""
        leaves = self.there(move)
        claim = self.claim(leaves)
        return self.moved_to(leaves), claim

    def moved(self, move: Array) -> tuple[Array, list[Any]]:
        """Return the move that could be made, rounded and along the argument's tangents, and the arguments there."""
        leaves = self.there(move)
        return self.moved_to(leaves), leaves

    def moved_to(self, leaves: Sequence[Any]) -> Array:
        """Return the move that leads to arguments."""
        made = np.subtract(arrays.to_numpy(leaves[self.trial.index]), arrays.to_numpy(self.x))
        made /= self.delta
        flat = self.flat(made)
        flat /= self.scale
        return flat if self.basis is None else self.basis.T @ flat

    def allowed(self, move: Array) -> NDArray[Any]:
        """Return a move as a direction of the argument that its tangents allow, to be written into."""
        values = self.as_direction(move)
        if self.trial.tangent is not None and self.basis is None:
            values = np.array(self.trial.tangent(values)).reshape(values.shape)
        return values

    def there(self, move: Array) -> list[Any]:
        """Return the arguments at a move."""
        if not self.by_entries:
            values = self.allowed(move)
            values *= self.delta
            values += arrays.to_numpy(self.x)
        else:
            values = self._shifted(by_parts(move))
        return self._with(values)

    def there_anew(self, move: Callable[[], Array]) -> list[Any]:
        """Return the arguments at a move that is drawn, or made, for them alone."""
        return self._with(self._shifted(by_parts(move))) if self.by_entries else self.there(move())

    def made_anew(self, move: Callable[[], Array]) -> Callable[[], Array]:
        """Return what returns a move as it can be made: rounded, and along the argument's tangents."""
        if not self.by_entries:
            return lambda: self.moved_to(self.there(move()))

        def block(shifted: tuple[slice, NDArray[Any], NDArray[Any]]) -> tuple[slice, Array]:
            part, x, there = shifted
            return part, np.asarray(np.subtract(there, x, dtype=np.float64) / self.delta / self.scale_of(part))

        return Yielded(len(self.here), lambda: map(block, self._shifted_by_parts(by_parts(move))), nbytes_of(move))

    @property
    def by_entries(self) -> bool:
        """Whether entries move by themselves: no tangents hold them."""
        return self.basis is None and self.trial.tangent is None

    def _with(self, values: NDArray[Any]) -> list[Any]:
        leaves = list(self.trial.prediction.leaves)
        leaves[self.trial.index] = arrays.like(values, self.x)
        return leaves

    @property
    def _values(self) -> NDArray[Any]:
        """The argument in NumPy, in its own dtype where it is NumPy's."""
        return self.x if isinstance(self.x, np.ndarray) else arrays.to_numpy(self.x)

    def _shifted(self, move: Iterable[tuple[slice, Array]]) -> NDArray[Any]:
        """Return x + δ·move in the argument's own dtype."""
        x = self._values
        flat = np.empty(self.flat_size, dtype=x.real.dtype)
        for part, _, values in self._shifted_by_parts(move):
            flat[part] = values
        return flat.view(x.dtype).reshape(self.shape)

    def _shifted_by_parts(self, move: Iterable[tuple[slice, Array]]) -> Iterator[tuple[slice, Array, NDArray[Any]]]:
        """Yield x and x + δ·move, rounded to the argument's own dtype, block by block."""
        flat = np.ravel(self._values).view(self._values.real.dtype)

        def shifted(moved: tuple[slice, Array]) -> tuple[slice, NDArray[Any], NDArray[Any]]:
            part, values = moved
            block = values * self.scale_of(part)
            block *= self.delta
            block += flat[part]
            return part, flat[part], block.astype(flat.dtype, copy=False)

        return map(shifted, move)

    def scale_of(self, part: slice | NDArray[np.int64]) -> Any:
        """Return the scale of some entries."""
        return self.scale if isinstance(self.scale, float) else self.scale[part]

    def made(self, leaves: Sequence[Any], entries: NDArray[np.int64]) -> Array:
        """Return the move to arguments in some entries."""
        each = (arrays.to_numpy(values) for values in (self.x, leaves[self.trial.index]))
        x, there = (np.ravel(values).view(values.real.dtype)[entries] for values in each)
        return np.asarray((there - x) / self.delta / self.scale_of(entries))

    @property
    def one_piece(self) -> bool:
        """Whether the claim is the same at the point and on every side of it: then f has no kink there."""
        return not len(self.changing()) and not self.jumps

    @property
    def jumps(self) -> bool:
        """Whether the claim at the point differs from those next to it, which are all the same."""
        return not len(self.changing()) and bool(len(self.off()))

    def changing(self) -> NDArray[np.int64]:
        """Return the entries that differ between the claims next to the point."""
        return self.changes.changing(self.tolerance)

    def off(self) -> NDArray[np.int64]:
        """Return the entries that the claims next to the point agree about, and the claim at it does not."""
        return self.changes.off(self.tolerance)

    def entries(self) -> NDArray[np.int64]:
        """Return the entries to look at: all of a small argument, else those in which anything differs."""
        if self.changes.small:
            return self.changes.entries
        return self.changes.apart(self.tolerance)
