"""The claim at a point judged kink by kink, where the variable that is 0 at each kink is known.

Near the point the gradient is base + Σ λ_z·c_z over the zeros z of the variable, with λ_z = 1 where it is positive and
0 where it is negative. So what each kink adds, c_z, is seen in the claims next to the point: read off where one kink
alone moves an entry, solved for by least squares where several do. At the point λ_z may be anything in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import convention, normals, span
from gradcheck.kinks.nearest_point import in_zonotope
from gradcheck.kinks.packed import parts as blocks
from gradcheck.kinks.sides import Sides
from gradcheck.kinks.variable_samples import ROUND, SMALL, Samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.beside import Beside
    from gradcheck.kinks.variable_samples import Variable

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

MOST = 256  # kinks that depend on one another: as many claims are asked for
CLOSE = 1e-5  # to which λ is known at best
FEW = 2**9  # entries of which all claims are looked at together
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
        beyond = (np.abs(self.shares[part] - 0.5) - 0.5 - self.slacks[part] for part in blocks(len(self.shares)))
        return self.explained and all(bool((far <= 0).all()) for far in beyond)

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


def _known(tolerance: float, counts: Entries, norms: Array, shares: Array) -> tuple[Array, Array]:
    """Return λ of kinks, and the slack of each, in the arrays passed.

    Parameters
    ----------
    tolerance : float
        How far claims of one piece of f are apart.
    counts, norms : array (kinks,)
        The number of entries of what each kink adds, and its norm.
    shares : array (kinks,)
        λ as it was computed.

    """
    for block in blocks(len(shares)):
        norms[block] = np.maximum(CLOSE, tolerance * np.sqrt(counts[block]) / norms[block])
        shares[block] = convention.snapped(shares[block], norms[block])
    return shares, norms


def _named(
    entries: Sequence[Entries], along: NDArray[Any], positive: NDArray[np.bool_], shares: Array, slacks: Array
) -> tuple[NamedKink, ...]:
    """Return the first kinks, of those entries.

    f is continuous, so what a kink adds is along its normal: it points to the positive side where f bends up. `along`
    is what it adds times the first move, which crosses it to the `positive` side, or to the other.
    """
    bends = np.where((along[:NAMED] >= 0) == positive[: len(along[:NAMED])], 1.0, -1.0)
    rows = zip(entries, bends.tolist(), shares[:NAMED].tolist(), slacks[:NAMED].tolist(), strict=True)
    return tuple(NamedKink(*row) for row in rows)


def judged(beside: Beside, variable: Variable, rng: np.random.Generator) -> tuple[Solved | None, Entries]:
    """Return λ of every kink and the entries that change; None where the kinks interact, or are too many.

    Kinks that are not told apart share one λ: what is made of them so is a subgradient, but not every subgradient is.
    """
    samples = Samples(beside, variable, rng)
    apart, foretold = samples.tell_apart()
    if not foretold:
        return None, samples.entries
    solved = None if samples.off else _one_by_one(samples)
    if solved is None and not samples.off:
        solved = None if (found := normals.seen(samples)) is None or samples.off else _of_parts(samples, found)
    if solved is None:
        kinds = int(samples.sides.numbered().max(initial=-1)) + 1
        samples.more(len(samples) + (kinds + ROUND if kinds <= MOST else 0))
        solved = None if samples.off else (_one_by_one(samples) or _together(samples))
    # of kinks in proportion up to round-off each may have a share of its own, and they may be so far from one
    blur = SMALL * beside.changes.largest * math.sqrt(len(samples.entries)) if samples.as_one else 0.0
    if solved is not None and not solved.inside and not (apart and solved.distance > blur):
        solved = None
    return solved, samples.entries


def _one_by_one(samples: Samples) -> Solved | None:
    """Return λ for each kink if every entry that changes is moved by one kink alone; None where one is not.

    Such an entry has two values. It changes over in the claims in which its kink does, or one that is always on one
    side together with it, or on the other: h and −h name one kink.
    """
    up = _upper(samples)
    owned = None if up is None else _owners(samples, up)
    if up is None or owned is None:
        return None
    owner, positive = owned
    part, target = _parts(samples, up, up[0] == positive[owner])
    samples.forget()
    del up
    named = np.flatnonzero(owner < NAMED)
    along = np.bincount(owner[named], part[named] * samples.first_move[samples.entries[named]])
    del named
    shares = _sums(owner, target, part)
    shares /= _sums(owner, part, part)
    slack = samples.tolerance * np.sqrt(len(part)) + 1e-9 * float(np.linalg.norm(part))
    ends = (shares[owner[block]] for block in blocks(len(part)))
    off = [
        [np.linalg.norm(target[block] - own * part[block]) for own in (share.clip(0, 1), share)]
        for block, share in zip(blocks(len(part)), ends, strict=True)
    ]
    distance, rest = np.linalg.norm(np.array(off).reshape(-1, 2), axis=0)
    del target
    norms = _sums(owner, part, part)
    del part
    found, slacks = _known(samples.tolerance, np.bincount(owner), np.sqrt(norms, out=norms), shares)
    kinks = _named(_entries_of(samples, owner), along, positive, found, slacks)
    return Solved(kinks, found, slacks, float(distance), float(rest), slack)


def _sums(owner: Entries, one: Array, other: Array) -> Array:
    """Return the inner product of two arrays in the entries of each kink."""
    found = np.zeros(int(owner.max(initial=-1)) + 1)
    for block in blocks(len(owner)):
        np.add.at(found, owner[block], one[block] * other[block])
    return found


def _values(samples: Samples) -> Iterator[tuple[slice, Array]]:
    """Yield the claims of a few entries at a time, (claims, entries)."""
    for block in blocks(len(samples.entries), FEW):
        yield block, np.array([samples.claim(k, block) for k in range(len(samples))])


def _upper(samples: Samples) -> Sides | None:
    """Return where entries have the larger one of their two values; None where one has more than two."""
    up = Sides(len(samples.entries))
    for block, values in _values(samples):
        above = values > (values.min(axis=0) + values.max(axis=0)) / 2
        high, low = values.mean(axis=0, where=above), values.mean(axis=0, where=~above)
        if np.max(np.abs(np.where(above, high, low) - values), initial=0.0) > samples.tolerance:
            return None
        up.put(block, above)
    return up


def _parts(samples: Samples, up: Sides, rising: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return what each entry's kink adds, and what the claim has more than without it.

    It is `rising` where the larger value is on the kink's positive side.
    """
    part, target = np.empty(len(samples.entries)), np.empty(len(samples.entries))
    for block, values in _values(samples):
        above = np.array([up.part(k, block) for k in range(len(samples))])
        high, low = values.mean(axis=0, where=above), values.mean(axis=0, where=~above)
        part[block] = np.where(rising[block], high - low, low - high)
        target[block] = samples.beside.here[samples.entries[block]] - np.where(rising[block], low, high)
    return part, target


def _owners(samples: Samples, up: Sides) -> tuple[Entries, NDArray[np.bool_]] | None:
    """Return the number of each entry's kink, and which kinks the first move crosses to the positive side.

    None where an entry changes over with no kink.
    """
    zeros = samples.sides.columns
    number = samples.sides.numbered(up)
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
    solution, *_ = np.linalg.lstsq(system, values, rcond=None)
    slack = samples.tolerance * np.sqrt(values.size)
    if float(np.linalg.norm(system @ solution - values)) > slack:
        return None
    return _of_parts(samples, normals.Parts(solution[0], solution[1:], signs[0] > 0, slack))


def _of_parts(samples: Samples, known: normals.Parts) -> Solved | None:
    """Return λ of kinks of which it is known what each adds; None on the edge of what they allow."""
    here, slack = samples.beside.here[samples.entries], known.slack
    target, parts, positive = here - known.base, known.parts, known.positive
    felt = np.linalg.norm(parts, axis=1) > samples.tolerance * np.sqrt(parts.shape[1])
    parts, positive = parts[felt], positive[felt]
    shares, distance = _within(parts, target, slack), 0.0
    if shares is None:
        beyond = target - in_zonotope(parts, target) @ parts
        distance = float(np.linalg.norm(beyond))
        if float(target @ beyond - np.maximum(parts @ beyond, 0.0).sum()) <= slack * distance:
            return None  # no proof that it is outside
        shares, *_ = np.linalg.lstsq(parts.T, target, rcond=None)
    moved = np.abs(parts) > samples.tolerance
    rows = [part[mine] for part, mine in zip(parts, moved, strict=True)]
    move = samples.first_move[samples.entries]
    along = np.array([row @ move[mine] for row, mine in zip(rows, moved, strict=True)])
    norms = np.array([np.linalg.norm(row) for row in rows])
    found, slacks = _known(samples.tolerance, np.count_nonzero(moved, axis=1), norms, shares)
    kinks = _named([samples.entries[mine] for mine in moved[:NAMED]], along, positive, found, slacks)
    return Solved(kinks, found, slacks, distance, float(np.linalg.norm(target - shares @ parts)), slack)


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
