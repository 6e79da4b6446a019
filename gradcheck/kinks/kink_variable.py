"""The claim at a point judged kink by kink, where the variable that is 0 at each kink is known.

Near the point the gradient is base + Σ λ_z·c_z over the zeros z of the variable, with λ_z = 1 where it is positive and
0 where it is negative. So what each kink adds, c_z, is seen in the claims next to the point: read off where one kink
alone moves an entry, solved for by least squares where several do. At the point λ_z may be anything in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.point import finished
from gradcheck.errors import ArgumentError, shown
from gradcheck.kinks import convention, span
from gradcheck.kinks.changes import differing
from gradcheck.kinks.nearest_point import in_zonotope
from gradcheck.kinks.sides import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.verdicts.trial import Trial

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

ROUND = 8
CHOICE = 12  # moves of which one is asked for
FORETOLD = 2  # claims that the kinks told apart must give as well
MOST = 256  # kinks that depend on one another: as many claims are asked for
SMALL = 2.0**-20  # of the variable's largest entry: its round-off next to the point
CLOSE = 1e-5  # to which λ is known at best


@dataclass(frozen=True)
class NamedKink:
    """One kink (or several that are always on one side together): its entries, its bend, and the claim's λ.

    λ is known to `slack`, by the drift and round-off of the claims.
    """

    entries: Entries
    bend: float
    share: float
    slack: float


@dataclass(frozen=True)
class Solved:
    """What the kink variable says.

    Attributes
    ----------
    kinks : tuple of NamedKink
        The kinks that this argument moves.
    distance : float
        Of the claim from the nearest base + Σ λ_z·c_z with λ in [0, 1].
    rest : array
        What no λ explains.
    slack : float
        What drift and round-off may leave of it.

    """

    kinks: tuple[NamedKink, ...]
    distance: float
    rest: Array
    slack: float

    @property
    def inside(self) -> bool:
        """Whether the claim is a subgradient."""
        return self.explained and all(-k.slack <= k.share <= 1 + k.slack for k in self.kinks)

    @property
    def explained(self) -> bool:
        """Whether the claim is made of the kinks' own parts."""
        return float(np.linalg.norm(self.rest)) <= self.slack

    @property
    def reason(self) -> str:
        """Why the claim is outside, one sentence."""
        if self.inside:
            return ""
        if not self.explained:
            return "no subgradient of f: the claim is not made of the kinks' own parts"
        worst = max((kink.share for kink in self.kinks), key=lambda share: abs(share - 0.5))
        return f"no subgradient of f: the claim uses {worst:.3g} at the kink, wanted a value in [0, 1]"


class Variable:
    """The kink variable of a trial, and which of its entries are 0 at the point.

    Raises
    ------
    ArgumentError
        If it has no zero there.

    """

    def __init__(self, trial: Trial, kink_of: Callable[..., Any]) -> None:
        self._claim = trial.prediction.claim
        self._kink_of = kink_of
        self.zero = self._zeros(trial)
        if not len(self.zero):
            raise ArgumentError(
                "kink_of returned no zero at the point, but f has a kink there: name the variable that is 0"
            )

    def _zeros(self, trial: Trial) -> Entries:
        """Return the entries that are 0 at the point, but for the round-off of computing them."""
        here = self._values(trial.prediction.leaves)
        allowed = 64 * trial.field.unit * float(np.max(np.abs(here), initial=0.0))
        return np.flatnonzero(np.abs(here) <= allowed)

    def parts(self, leaves: Sequence[Any]) -> Sequence[Any]:
        """Return the arrays of the variable at some arguments."""
        result = finished(self._kink_of(*self._claim.arguments(leaves)), self._kink_of)
        return result if isinstance(result, tuple | list) else (result,)

    def _values(self, leaves: Sequence[Any], entries: Entries | slice = slice(None)) -> Array:
        parts = self.parts(leaves)
        try:
            return np.concatenate([arrays.to_numpy(part).reshape(-1) for part in parts])[entries]
        except (TypeError, ValueError, IndexError) as error:
            said = f"kink_of= returned {shown(parts)}, wanted an array or a tuple of arrays, as large at every call"
            raise ArgumentError(said) from error

    def at(self, leaves: Sequence[Any]) -> Array:
        """Return the entries that are 0 at the point, at other arguments."""
        return self._values(leaves, self.zero)


class _Samples:
    """The claims next to the point in the entries that have changed, and the kink variable's sides there."""

    def __init__(self, beside: Beside, variable: Variable, rng: np.random.Generator) -> None:
        self.beside = beside
        self.variable = variable
        self.rng = rng
        self.tolerance = beside.tolerance
        self.first = beside.changes.whole(0)
        self.first_move = beside.move(0)
        self.entries = beside.changing()
        self.values = [beside.changes.at(k, self.entries) for k in range(len(beside.moves))]
        self.signs: list[Array] = [np.asarray(s) for s in beside.signs]

    def ask(self, move: Array) -> None:
        """Ask for one more claim, but not where a kink that the argument moves stays at 0 and takes a side."""
        leaves = self.beside.there(move)
        sides = self.variable.at(leaves)
        felt = np.max(np.abs(self.signs), axis=0) > 0
        if (np.abs(sides) < SMALL * np.max(np.abs(sides), initial=0.0))[felt].any():
            return
        claim = self.beside.claim(leaves)
        changed = np.union1d(self.entries, differing(claim, self.first, self.tolerance))
        if len(changed) > len(self.entries):
            known = np.searchsorted(changed, self.entries)
            for k, value in enumerate(self.values):
                wider = self.first[changed]
                wider[known] = value
                self.values[k] = wider
            self.entries = changed
        self.values.append(claim[self.entries])
        self.signs.append(sides)

    def tell_apart(self) -> None:
        """Ask for claims until no two kinks that the argument moves have been on the same sides in all of them.

        The variable is cheap to ask, so of a few moves the one is taken that parts most.
        """
        for _ in range(2 * len(self.variable.zero).bit_length() + ROUND):
            groups = numbered(np.array(self.signs) > 0)
            if not self._alike(groups):
                break
            moves = [self.noise() for _ in range(CHOICE)]
            sides = [self.variable.at(self.beside.there(move)) for move in moves]
            parted = [np.count_nonzero(np.bincount(2 * groups + (side * self.signs[0] > 0))) for side in sides]
            self.ask(moves[int(np.argmax(parted))])
        self.more(len(self.values) + FORETOLD)

    def _alike(self, groups: Entries) -> bool:
        """Tell whether two kinks of one group, that have changed sides, are not always in proportion."""
        values = np.array(self.signs)
        changed = ((values > 0) != (values[0] > 0)).any(axis=0)
        values = values[:, changed] * np.where(values[0, changed] > 0, 1.0, -1.0)  # h and −h name one kink
        values /= np.linalg.norm(values, axis=0)
        _, first, group = np.unique(groups[changed], return_index=True, return_inverse=True)
        return bool(np.max(np.abs(values - values[:, first[group]]), initial=0.0) > SMALL)

    def more(self, count: int) -> None:
        """Ask for claims at random moves until there are `count`."""
        for _ in range(2 * count):
            if len(self.values) >= count:
                return
            self.ask(self.noise())

    def noise(self) -> Array:
        """Return a random move."""
        return self.rng.standard_normal(len(self.first))

    def kinks(
        self, entries: Sequence[Entries], parts: Sequence[Array], shares: Array, positive: NDArray[np.bool_]
    ) -> tuple[NamedKink, ...]:
        """Return kinks with what they add in their entries, which the first move crosses to the `positive` side.

        f is continuous, so a part is along its kink's normal; it points to the positive side where f bends up.
        """
        along = np.array([part @ self.first_move[mine] for mine, part in zip(entries, parts, strict=True)])
        counts = np.array([len(part) for part in parts])
        norms = np.array([np.linalg.norm(part) for part in parts])
        slack = np.maximum(CLOSE, self.tolerance * np.sqrt(counts) / norms)
        bends = np.where((along >= 0) == positive, 1.0, -1.0)
        rows = zip(entries, bends.tolist(), convention.snapped(shares, slack).tolist(), slack.tolist(), strict=True)
        return tuple(NamedKink(*row) for row in rows)

    @property
    def off(self) -> bool:
        """Whether the claim at the point differs from the first in an entry that has not changed yet."""
        off = differing(self.first, self.beside.here, self.tolerance)
        return bool(len(np.setdiff1d(off, self.entries, assume_unique=True)))


def judged(beside: Beside, variable: Variable, rng: np.random.Generator) -> tuple[Solved | None, Entries]:
    """Return λ of every kink and the entries that change; None where the kinks interact, or are too many."""
    samples = _Samples(beside, variable, rng)
    samples.tell_apart()
    solved = _one_by_one(samples)
    if solved is None or samples.off:
        kinds = len(np.unique(numbered(np.array(samples.signs) > 0)))
        samples.more(len(samples.values) + (kinds + ROUND if kinds <= MOST else 0))
        solved = None if samples.off else (_one_by_one(samples) or _together(samples))
    return solved, samples.entries


def _one_by_one(samples: _Samples) -> Solved | None:
    """Return λ for each kink if every entry that changes is moved by one kink alone; None where one is not.

    Such an entry has two values. It changes over in the claims in which its kink does, or one that is always on one
    side together with it, or on the other: h and −h name one kink.
    """
    values, signs = np.array(samples.values), np.array(samples.signs) > 0
    here, zeros = samples.beside.here[samples.entries], signs.shape[1]
    up = values > (values.min(axis=0) + values.max(axis=0)) / 2
    high, low = values.mean(axis=0, where=up), values.mean(axis=0, where=~up)
    number = numbered(np.hstack([signs, up]))
    kinks, first = np.unique(number[:zeros], return_index=True)
    one = np.max(np.abs(np.where(up, high, low) - values), axis=0, initial=0.0) <= samples.tolerance
    if not (one & np.isin(number[zeros:], kinks)).all():
        return None
    found, owner = np.unique(number[zeros:], return_inverse=True)
    positive = signs[0, first[np.searchsorted(kinks, found)]]
    part = np.where(up[0] == positive[owner], high - low, low - high)
    target = here - np.where(part > 0, low, high)
    shares = np.bincount(owner, target * part) / np.bincount(owner, part * part)
    beyond = target - shares.clip(0, 1)[owner] * part
    order, ends = np.argsort(owner, kind="stable"), np.cumsum(np.bincount(owner))[:-1]
    named = samples.kinks(np.split(samples.entries[order], ends), np.split(part[order], ends), shares, positive)
    slack = samples.tolerance * np.sqrt(len(here)) + 1e-9 * float(np.linalg.norm(part))
    return Solved(named, float(np.linalg.norm(beyond)), target - shares[owner] * part, slack)


def _together(samples: _Samples) -> Solved | None:
    """Return λ of every kink that is felt, solved for together; None where their parts do not add up.

    Kinks that are always on one side together, as those of two equal samples of data are, count as one.
    """
    signs = (np.array(samples.signs) > 0).astype(np.float64)
    signs = np.unique(signs[:, np.ptp(signs, axis=0) > 0], axis=1)  # kinks that this argument moves
    system = np.hstack([np.ones((len(signs), 1)), signs])
    if span.rank(system, 2.0**-40 * np.sqrt(system.size)) < system.shape[1]:
        return None
    values, here = np.array(samples.values), samples.beside.here[samples.entries]
    solution, *_ = np.linalg.lstsq(system, values, rcond=None)
    slack = samples.tolerance * np.sqrt(values.size)
    if float(np.linalg.norm(system @ solution - values)) > slack:
        return None
    target, parts, positive = here - solution[0], solution[1:], signs[0] > 0
    felt = np.linalg.norm(parts, axis=1) > samples.tolerance * np.sqrt(parts.shape[1])
    parts, positive = parts[felt], positive[felt]
    shares, distance = _within(parts, target, slack), 0.0
    if shares is None:
        distance = float(np.linalg.norm(in_zonotope(parts, target) @ parts - target))
        shares, *_ = np.linalg.lstsq(parts.T, target, rcond=None)
    moved = np.abs(parts) > samples.tolerance
    entries = [samples.entries[mine] for mine in moved]
    kinks = samples.kinks(entries, [part[mine] for part, mine in zip(parts, moved, strict=True)], shares, positive)
    return Solved(kinks, distance, target - shares @ parts, slack)


def _within(parts: Array, target: Array, slack: float) -> Array | None:
    """Return λ in [0, 1] with Σ λ_z c_z = target, one for all kinks if there is such; None if there are none.

    More kinks than entries leave λ open: the smallest solution may lie outside [0, 1] though another lies inside.
    """
    for value in (1.0, 0.0, 0.5):
        same = np.full(len(parts), value)
        if float(np.linalg.norm(same @ parts - target)) <= slack:
            return same
    found = in_zonotope(parts, target)
    return found if float(np.linalg.norm(found @ parts - target)) <= slack else None
