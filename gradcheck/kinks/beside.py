"""The claims next to the point of a trial: the one file of this wing that reads the trial.

Claims are asked for at x + δ·v, where δ is the distance at which their drift, δ·φ'', and the round-off of f's own
intermediate values, u/δ, balance: √u, 2^-27 in float64. They come in the argument's scale, flat and real, a complex
entry as two.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.errors import ArgumentError
from gradcheck.kinks.neighbourhood import Neighbourhood
from gradcheck.slopes.streams import Purpose, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.verdicts.trial import Trial

    Array = NDArray[np.float64]

WHOLE = 2**13  # entries up to which claims are kept whole; of more, those that some claim has changed
MOST_TANGENTS = 512  # entries up to which the moves that `tangent=` allows get coordinates of their own
BLUR = 64.0  # units of round-off by which a kink of f's intermediate values may stand elsewhere


class Grown(Exception):  # noqa: N818  a finding
    """Entries changed that no claim had changed before."""

    def __init__(self, entries: NDArray[np.int64]) -> None:
        super().__init__(len(entries))
        self.entries = entries


class Beside:
    """The point of a trial, and the claims next to it.

    Attributes
    ----------
    delta : float
        δ.
    here : array (entries,)
        The claim at the point.
    drifts : list of float
        By how much an entry of a claim changes at most from δ to 3δ, round-off included, side by side.
    signs : list of arrays
        What `watch`, where it is set, said of the arguments of each claim kept.

    """

    def __init__(self, trial: Trial, watch: Callable[[Sequence[Any]], Any] | None = None) -> None:
        self.trial = trial
        self.x = trial.gradient.leaves[trial.index]
        self.shape = arrays.shape_of(self.x)
        self.complex = arrays.is_complex(self.x)
        value = trial.scale.value
        if not isinstance(value, float):
            value = value.reshape(-1)
            value = np.concatenate([value, value]) if self.complex else value
        self.scale: Any = value
        unit = trial.field.unit
        self.delta = math.ldexp(1.0, max(trial.field.finest([trial.index]), round(math.log2(unit) / 2)))
        self.blur = BLUR * unit / self.delta
        self.basis: Array | None = None
        if trial.tangent is not None and self.flat_size <= MOST_TANGENTS:
            self.basis = self._tangents()
        self.here = self.in_scale(np.asarray(trial.claimed))
        self.drifts: list[float] = []
        self.moves: list[Array] = []
        self.claims: list[Array] = []
        self.signs: list[Any] = []
        self.watch = watch
        self._apart: Array | None = None  # how far any claim is from the first one, entry by entry

    def flat(self, values: NDArray[Any]) -> Array:
        """Return an array of the argument's shape as a flat real one."""
        flat = values.reshape(-1)
        if self.complex:
            return np.concatenate([flat.real, flat.imag]).astype(np.float64, copy=False)
        return np.asarray(flat.real, dtype=np.float64)

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
            allowed.append(self.flat(values.reshape(self.shape)) / self.scale)
        left, sizes, _ = np.linalg.svd(np.array(allowed).T, full_matrices=False)
        return np.asarray(left[:, sizes > 1e-9 * sizes[0]])

    def in_scale(self, gradient: NDArray[Any]) -> Array:
        """Return a gradient in the argument's scale, in the coordinates of the moves that are allowed."""
        flat: Array = self.flat(gradient) * self.scale
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
        count = math.prod(self.shape)
        return (flat[:count] + 1j * flat[count:] if self.complex else flat).reshape(self.shape)

    def indices(self, entries: NDArray[np.int64]) -> list[tuple[int, ...]]:
        """Return the argument's indices that some entries of a claim are about, each once."""
        if self.basis is not None:
            parts = [self.basis[:, entries] @ (claim - self.claims[0])[entries] for claim in (self.here, *self.claims)]
            entries = np.flatnonzero(np.max(np.abs(parts), axis=0) > self.tolerance)
        count = max(math.prod(self.shape), 1)
        return [tuple(int(i) for i in np.unravel_index(e, self.shape)) for e in np.unique(entries % count)]

    @property
    def tolerance(self) -> float:
        """How far two claims of one piece of f may be apart, entry by entry.

        Along one direction in 64 a normal drift is below 1/64 of what is typical, along several in a row never; one far
        above the others is a jump at a kink that stands off the point. Below 2^-30 of the gradient no difference
        matters; round-off of the arithmetic may be far above it.
        """
        largest = max(float(np.max(np.abs(c), initial=0.0)) for c in (self.here, *self.claims))
        drift = min(max(self.drifts), 8 * float(np.median(self.drifts))) if self.drifts else 0.0
        return 64 * drift + max(2.0**9 * self.trial.field.unit, 2.0**-30) * largest

    def leaves(self, v: Any, steps: float = 1.0) -> list[Any]:
        """Return the arguments with this one at x + steps·δ·v."""
        leaves = list(self.trial.gradient.leaves)
        leaves[self.trial.index] = arrays.shifted(self.x, steps * self.delta, v)
        return leaves

    def claim(self, leaves: Sequence[Any]) -> Array:
        """Return the claim at some arguments."""
        return self.in_scale(arrays.to_numpy(self.trial.gradient.at(leaves)[self.trial.index]))

    def keep(self, v: Any, sign: float, claim: Array, leaves: Sequence[Any]) -> None:
        """Keep the claim at x ± δ·v; of a large argument the first one, and how far others are from it."""
        if self._apart is None:
            self._apart = np.zeros(len(claim))
        else:
            np.maximum(self._apart, np.abs(claim - self.claims[0]), out=self._apart)
        if self.watch is not None:
            self.signs.append(self.watch(leaves))
        if len(claim) <= WHOLE or (self.watch is not None and not self.moves):
            self.moves.append(sign * self.as_move(arrays.to_numpy(v)))
        if len(claim) <= WHOLE or self.watch is not None or not self.claims:
            self.claims.append(claim)

    def ask(self, move: Array) -> tuple[Array, Array, list[Any]]:
        """Return the move that could be made, the claim there, and the arguments."""
        made, leaves = self.moved(move)
        return made, self.claim(leaves), leaves

    def moved(self, move: Array) -> tuple[Array, list[Any]]:
        """Return the move that could be made, rounded and along the argument's tangents, and the arguments there."""
        values = self.as_direction(move)
        if self.trial.tangent is not None and self.basis is None:
            values = np.asarray(self.trial.tangent(values)).reshape(values.shape)
        x = arrays.to_numpy(self.x)
        there = values * self.delta
        there += x
        leaves = list(self.trial.gradient.leaves)
        leaves[self.trial.index] = arrays.like(there, self.x)
        made = np.subtract(arrays.to_numpy(leaves[self.trial.index]), x)
        made /= self.delta
        return self.as_move(made), leaves

    @property
    def one_piece(self) -> bool:
        """Whether the claim is the same at the point and on every side of it: then f has no kink there."""
        return not len(self.changing()) and not self.jumps

    @property
    def jumps(self) -> bool:
        """Whether the claim at the point differs from those next to it, which are all the same."""
        off = float(np.max(np.abs(self.here - self.claims[0]), initial=0.0))
        return not len(self.changing()) and off > self.tolerance

    def changing(self) -> NDArray[np.int64]:
        """Return the entries that differ between the claims next to the point."""
        return np.flatnonzero(self._apart > self.tolerance) if self._apart is not None else np.zeros(0, dtype=np.int64)

    def off(self) -> NDArray[np.int64]:
        """Return the entries that the claims next to the point agree about, and the claim at it does not."""
        off = np.abs(self.here - self.claims[0]) > self.tolerance
        off[self.changing()] = False
        return np.flatnonzero(off)

    def entries(self) -> NDArray[np.int64]:
        """Return the entries to look at: all of a small argument, else those in which anything differs."""
        if len(self.here) <= WHOLE:
            return np.arange(len(self.here))
        return np.union1d(self.changing(), self.off())

    def neighbourhood(self, entries: NDArray[np.int64], number: int = 0) -> Neighbourhood:
        """Return the claims next to the point in some entries, from which more can be asked for.

        The other entries move at random, and raise `Grown` where they change after all.
        """
        rng = stream(self.trial.field.seed, Purpose.NEARBY, self.trial.index, number)
        whole = len(entries) == len(self.here)
        others = np.ones(len(self.here), dtype=bool)
        others[entries] = False
        first, tolerance = self.claims[0], self.tolerance

        def claim_at(part: Array) -> tuple[Array, Array]:
            if whole:
                made, claim, _ = self.ask(part)
                return made, claim
            move = rng.standard_normal(len(self.here))
            move[entries] = part
            made, leaves = self.moved(move)
            made = made[entries]
            del move
            claim = self.claim(leaves)
            found = claim[entries]
            claim -= first
            changed = np.flatnonzero((np.abs(claim, out=claim) > tolerance) & others)
            if len(changed):
                raise Grown(changed)
            return made, found

        size = (len(self.here),) if self.basis is not None else (2, *self.shape) if self.complex else self.shape
        places = [np.asarray(axis) for axis in np.unravel_index(entries, size)] if size else []
        near = Neighbourhood(claim_at, self.here[entries], places, rng=rng, blur=self.blur)
        near.tolerance = tolerance
        if whole:
            for move, claim in zip(self.moves, self.claims[: len(self.moves)], strict=True):
                near.add(move, claim)
        if len(near.claims) < 2:
            move = near.noise()
            near.ask(move, drawn=True)
            near.ask(-move, drawn=True)
        return near
