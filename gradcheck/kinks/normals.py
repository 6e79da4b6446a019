"""What each of many kinks adds, where the kink variable tells their normals: one number for each kink.

f is continuous, so what kink z adds to the gradient is along its normal n_z, the gradient of the kink variable:
a_z·n_z. The variable is cheap to ask, and n_z is seen in it. So each claim of d entries gives d equations for the a_z,
and a few claims tell what very many kinks add, though no claim was asked for at each of them.

With D the sides less those of the first claim, (claims, kinks), and N the normals, (kinks, entries), the normal
equations of these have the matrix (N·Nᵀ)∘(Dᵀ·D), entry by entry (a Khatri-Rao product; C. Khatri and C. Rao, Sankhyā A
30, 1968).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.kinks import span
from gradcheck.kinks.variable_samples import ROUND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gradcheck.kinks.variable_samples import Samples

    Array = NDArray[np.float64]
    Entries = NDArray[np.signedinteger[Any]]

MOST_CLAIMS = 450  # with those asked for before and afterwards fewer than 600
MOST_ENTRIES = 1_024  # each is moved by itself, both ways, and the variable is asked there
MOST_KINKS = 4_096
EQUATIONS = 2  # for each number that is solved for
WELL, TRIES = 2.0**-6, 3  # the smallest eigenvalue, of at most 1, for which no more claims are asked for; how often
SPANNED = 1e-6  # the smallest singular value of normals that counts
RANK = 2.0**-20  # that below which the kinks are not told apart
NOISY = 4.0  # times the round-off and drift that are seen: what may be off the equations may be in line with them
SEEN = 64.0  # of the tolerance: how far below it drift is


@dataclass(frozen=True)
class Parts:
    """What the kinks add, and what the claim is without them.

    Attributes
    ----------
    base : array (entries,)
        The claim on the negative side of all kinks.
    parts : array (kinks, entries)
        What each adds on its positive side.
    positive : array of bool (kinks,)
        Whether the first claim is on it.
    slack : float
        How far off a combination of these may be.

    """

    base: Array
    parts: Array
    positive: NDArray[np.bool_]
    slack: float


def seen(samples: Samples) -> Parts | None:
    """Return what each kink adds; None where normals do not explain the claims, or are too many to be asked for."""
    kinks = _apart(samples)
    free = samples.beside.by_entries or samples.beside.basis is not None
    entries = samples.entries
    if not free or not 0 < len(entries) <= MOST_ENTRIES or not 0 < len(kinks) <= MOST_KINKS:
        return None
    normals = _normals(samples, kinks)
    if normals is None:
        return None
    count = max(len(samples), EQUATIONS * -(-len(kinks) // span.rank(normals, SPANNED)) + ROUND)
    for _ in range(TRIES):
        if count > MOST_CLAIMS:
            break
        samples.more(count)
        if len(samples) < count or len(samples.entries) > len(entries):
            return None
        if _least(normals, _crossed(samples, kinks)) >= WELL:
            break
        count += count // 2
    return _solved(samples, kinks, normals)


def _apart(samples: Samples) -> Entries:
    """Return the first entry of the variable of each kink that the argument moves."""
    changed = np.flatnonzero(samples.sides.changed)
    _, first = np.unique(samples.sides.numbered()[changed], return_index=True)
    return changed[np.sort(first)]


def _normals(samples: Samples, kinks: Entries) -> Array | None:
    """Return the normals of kinks in the entries, of length 1; None where the variable does not move with one."""
    beside, found = samples.beside, np.empty((len(kinks), len(samples.entries)))
    move = np.zeros(len(beside.here))
    for place, entry in enumerate(samples.entries):
        ends = []
        for size in (1.0, -1.0):
            move[entry] = size
            leaves = beside.there(move)
            ends.append((samples.variable.at(leaves)[kinks], float(beside.moved_to(leaves)[entry])))
        move[entry] = 0.0
        (right, far), (left, near) = ends
        found[:, place] = (right - left) / (far - near)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    if not np.all(np.isfinite(found)) or not np.all(lengths > 0):
        return None
    return np.asarray(found / lengths)


def _crossed(samples: Samples, kinks: Entries) -> Array:
    """Return for each claim but the first which kinks it is beyond: 1 to the positive side, −1 to the other."""
    sides = np.array([samples.sides.part(k, kinks) for k in range(len(samples))], dtype=np.float64)
    return np.asarray(sides[1:] - sides[0])


def _least(normals: Array, crossed: Array) -> float:
    """Return the smallest eigenvalue of the equations, each unknown in its own scale."""
    matrix = (normals @ normals.T) * (crossed.T @ crossed)
    scale = np.sqrt(np.diag(matrix))
    return float(np.linalg.eigvalsh(matrix / np.outer(scale, scale))[0])


def _solved(samples: Samples, kinks: Entries, normals: Array) -> Parts | None:
    crossed = _crossed(samples, kinks)
    if _least(normals, crossed) < RANK:
        return None
    claims = np.array([samples.claim(k, slice(None)) for k in range(len(samples))])
    gained = claims[1:] - claims[0]
    matrix = (normals @ normals.T) * (crossed.T @ crossed)
    sizes = np.linalg.solve(matrix, np.sum(crossed * (gained @ normals.T), axis=0))
    off = float(np.linalg.norm(gained - (crossed * sizes) @ normals))
    slack = samples.tolerance * np.sqrt(claims.size)
    if off > slack:
        return None
    parts, positive = sizes[:, None] * normals, samples.sides.part(0, kinks)
    noise = max(off, slack / SEEN) / np.sqrt(np.linalg.eigvalsh(matrix)[0])  # in the sizes of all kinks together
    widened = slack + NOISY * noise * float(np.linalg.norm(normals, 2))
    return Parts(claims[0] - positive @ parts, parts, positive, widened)
