"""The claim at a point judged kink by kink, where the variable that is 0 at each kink is known.

Near the point the gradient is base + Σ λ_z·c_z over the zeros z of the variable, with λ_z = 1 where it is positive and
0 where it is negative. So what each kink adds, c_z, is seen in the claims next to the point: read off where one kink
alone moves an entry, solved for by least squares where several do. At the point λ_z may be anything in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import convention, span
from gradcheck.kinks.nearest_point import in_zonotope
from gradcheck.kinks.packed import parts as blocks
from gradcheck.kinks.sides import Sides
from gradcheck.kinks.variable_samples import ROUND, Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.kinks.variable_samples import Variable

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

MOST = 256  # kinks that depend on one another: as many claims are asked for
CLOSE = 1e-5  # to which λ is known at best
NAMED = 1_000  # kinks of which entries and bend are told


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
        The kinks that this argument moves, the first of them.
    shares, slacks : array (all kinks,)
        λ of each, and how far it is known.
    distance : float
        Of the claim from the nearest base + Σ λ_z·c_z with λ in [0, 1].
    rest : float
        The norm of what no λ explains.
    slack : float
        What drift and round-off may leave of it.

    """

    kinks: tuple[NamedKink, ...]
    shares: Array
    slacks: Array
    distance: float
    rest: float
    slack: float

    @property
    def inside(self) -> bool:
        """Whether the claim is a subgradient."""
        return self.explained and bool(((self.shares >= -self.slacks) & (self.shares <= 1 + self.slacks)).all())

    @property
    def explained(self) -> bool:
        """Whether the claim is made of the kinks' own parts."""
        return self.rest <= self.slack

    @property
    def convention(self) -> str:
        """The convention of all kinks."""
        parts = (np.unique(self.shares[part]).tolist() for part in blocks(len(self.shares)))
        return convention.overall(convention.side(share) for part in parts for share in part)

    @property
    def reason(self) -> str:
        """Why the claim is outside, one sentence."""
        if self.inside:
            return ""
        if not self.explained:
            return "no subgradient of f: the claim is not made of the kinks' own parts"
        worst = float(self.shares[np.argmax(np.abs(self.shares - 0.5))])
        return f"no subgradient of f: the claim uses {worst:.3g} at the kink, wanted a value in [0, 1]"


def _known(
    samples: Samples, along: Array, counts: Array, norms: Array, shares: Array, positive: NDArray[np.bool_]
) -> tuple[Array, Array, Array]:
    """Return λ of kinks, the slack of each, and which way f bends there.

    f is continuous, so what a kink adds is along its normal; it points to the side that is positive where f bends up.

    Parameters
    ----------
    samples : Samples
        The claims.
    along : array (kinks,)
        What each kink adds times the first move.
    counts, norms : array (kinks,)
        The number of entries of what it adds, and its norm.
    shares : array (kinks,)
        λ as it was computed.
    positive : array of bool (kinks,)
        Whether the first move crosses the kink to the positive side.

    """
    slacks = np.maximum(CLOSE, samples.tolerance * np.sqrt(counts) / norms)
    bends = np.where((along >= 0) == positive, 1.0, -1.0)
    return convention.snapped(shares, slacks), slacks, bends


def judged(beside: Beside, variable: Variable, rng: np.random.Generator) -> tuple[Solved | None, Entries]:
    """Return λ of every kink and the entries that change; None where the kinks interact, or are too many."""
    samples = Samples(beside, variable, rng)
    samples.tell_apart()
    solved = _one_by_one(samples)
    if solved is None or samples.off:
        kinds = int(samples.sides.numbered().max(initial=-1)) + 1
        samples.more(len(samples) + (kinds + ROUND if kinds <= MOST else 0))
        solved = None if samples.off else (_one_by_one(samples) or _together(samples))
    return solved, samples.entries


def _one_by_one(samples: Samples) -> Solved | None:
    """Return λ for each kink if every entry that changes is moved by one kink alone; None where one is not.

    Such an entry has two values. It changes over in the claims in which its kink does, or one that is always on one
    side together with it, or on the other: h and −h name one kink.
    """
    ends = _two_values(samples)
    owned = None if ends is None else _owners(samples, ends[0])
    if ends is None or owned is None:
        return None
    up, low, part = ends
    owner, positive = owned
    np.negative(part, out=part, where=up[0] != positive[owner])
    target = np.empty(len(part))
    for block in blocks(len(part)):
        high = low[block] + np.abs(part[block])
        here = samples.beside.here[samples.entries[block]]
        target[block] = here - np.where(part[block] > 0, low[block], high)
    del low
    squares = np.bincount(owner, part * part)
    shares = np.bincount(owner, target * part) / squares
    rest = target - shares[owner] * part
    target -= shares.clip(0, 1)[owner] * part
    slack = samples.tolerance * np.sqrt(len(part)) + 1e-9 * float(np.linalg.norm(part))
    distance, left = float(np.linalg.norm(target)), float(np.linalg.norm(rest))
    del target, rest
    along = np.bincount(owner, part * samples.first_move[samples.entries])
    found, slacks, bends = _known(samples, along, np.bincount(owner), np.sqrt(squares), shares, positive)
    kinks = map(NamedKink, _entries_of(samples, owner), bends.tolist(), found.tolist(), slacks.tolist())
    return Solved(tuple(kinks), found, slacks, distance, left, slack)


def _two_values(samples: Samples) -> tuple[Sides, Array, Array] | None:
    """Return where entries have the larger one of their two values, the smaller one, and what the other has more.

    None where one has more than two.
    """
    count, claims = len(samples.entries), range(len(samples))
    up, low, gap = Sides(count), np.empty(count), np.empty(count)
    for block in blocks(count):
        values = np.array([samples.claim(k, block) for k in claims])
        above = values > (values.min(axis=0) + values.max(axis=0)) / 2
        high, low[block] = values.mean(axis=0, where=above), values.mean(axis=0, where=~above)
        if np.max(np.abs(np.where(above, high, low[block]) - values), initial=0.0) > samples.tolerance:
            return None
        up.put(block, above)
        gap[block] = high - low[block]
    return up, low, gap


def _owners(samples: Samples, up: Sides) -> tuple[Entries, NDArray[np.bool_]] | None:
    """Return the number of each entry's kink, and which kinks the first move crosses to the positive side.

    None where an entry changes over with no kink.
    """
    zeros = samples.sides.columns
    number = samples.sides.beside(up).numbered()
    first = np.full(int(number.max(initial=0)) + 1, -1, dtype=np.int32)  # zero of the variable that has each number
    first[number[:zeros][::-1]] = np.arange(zeros, dtype=np.int32)[::-1]
    number = number[zeros:]
    if (first[number] < 0).any():
        return None
    present = np.zeros(len(first), dtype=bool)
    present[number] = True
    rank = np.cumsum(present, dtype=np.int32) - 1
    return rank[number], samples.sides.part(0, first[present])


def _entries_of(samples: Samples, owner: Entries) -> list[Entries]:
    """Return the entries of the first kinks."""
    places = np.flatnonzero(owner < NAMED)
    order = places[np.argsort(owner[places], kind="stable")]
    return np.split(samples.entries[order], np.cumsum(np.bincount(owner[places]))[:-1])


def _together(samples: Samples) -> Solved | None:
    """Return λ of every kink that is felt, solved for together; None where their parts do not add up.

    Kinks that are always on one side together, as those of two equal samples of data are, count as one.
    """
    signs = np.array([samples.sides[k] for k in range(len(samples))], dtype=np.float64)
    signs = np.unique(signs[:, np.ptp(signs, axis=0) > 0], axis=1)  # kinks that this argument moves
    system = np.hstack([np.ones((len(signs), 1)), signs])
    if span.rank(system, 2.0**-40 * np.sqrt(system.size)) < system.shape[1]:
        return None
    values = np.array([samples.claim(k, slice(None)) for k in range(len(samples))])
    here = samples.beside.here[samples.entries]
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
    rows = [part[mine] for part, mine in zip(parts, moved, strict=True)]
    move = samples.first_move[samples.entries]
    along = np.array([row @ move[mine] for row, mine in zip(rows, moved, strict=True)])
    norms = np.array([np.linalg.norm(row) for row in rows])
    found, slacks, bends = _known(samples, along, np.count_nonzero(moved, axis=1), norms, shares, positive)
    entries = [samples.entries[mine] for mine in moved[:NAMED]]
    kinks = map(NamedKink, entries, bends.tolist(), found.tolist(), slacks.tolist())
    return Solved(tuple(kinks), found, slacks, distance, float(np.linalg.norm(target - shares @ parts)), slack)


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
