"""Is the claim at a kink a convex combination of the claims next to it? The sampled Clarke subdifferential.

Clarke's subdifferential of a function that is smooth almost everywhere is the convex hull of the limits of its
gradients (F. Clarke, "Optimization and Nonsmooth Analysis", 1983, theorem 2.5.1). One hull for the whole array needs
2^q samples for q independent kinks, and entry by entry is too lenient (at a tie of two in max, (1, 1) passes entry by
entry and is no subgradient). So entries are grouped by what changes together over the samples, and each group is held
against its own hull.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls
from scipy.special import gammaln

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Combinations of two patterns' values that no sample shows are taken for dependence where chance would leave out as
# many in any of all pairs less often than this.
CHANCE = 1e-3
TILTS = 2.0 ** np.arange(-1, 5)
MOST_PATTERNS = 512  # above this many independent kinks pairs are no longer compared


@dataclass(frozen=True)
class Group:
    """Entries whose values change together from sample to sample.

    Attributes
    ----------
    entries : array of int
        Positions in the flat array.
    vertices : array (vertices, entries)
        The different values the group took.
    labels : array of int (samples,)
        Which vertex each sample showed.
    complete : bool
        Every vertex was seen twice or more, and no new one in the second half of the samples: the share of those never
        seen is about the share of those seen once (I. Good, Biometrika 40, 1953).

    """

    entries: NDArray[np.int64]
    vertices: NDArray[np.float64]
    labels: NDArray[np.int64]
    complete: bool

    def weights(self, claim: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return the convex weights of the point of the hull nearest to `claim`, and its distance."""
        target = claim[self.entries]
        centre = self.vertices[0]
        spread = float(np.max(np.abs(self.vertices - centre))) or 1.0
        system = np.vstack([(self.vertices - centre).T / spread, np.full(len(self.vertices), 1e4)])
        found, _ = nnls(system, np.append((target - centre) / spread, 1e4), maxiter=100 * len(self.vertices))
        found = found / found.sum()
        return found, float(np.linalg.norm(found @ self.vertices - target))


def varying(samples: Sequence[NDArray[np.float64]], tolerance: float) -> NDArray[np.int64]:
    """Return the entries that differ between samples by more than `tolerance`."""
    low, high = samples[0].copy(), samples[0].copy()
    for row in samples[1:]:  # one at a time: there may be millions of entries
        np.minimum(low, row, out=low)
        np.maximum(high, row, out=high)
    return np.flatnonzero(high - low > tolerance)


def groups(values: NDArray[np.float64], entries: NDArray[np.int64], tolerance: float) -> list[Group]:
    """Return the groups of `entries`; `values` is (samples, entries), what each of these was in each sample."""
    if not len(entries):
        return []
    labels = _labels(values, tolerance)
    patterns, first_entry, owner = np.unique(labels, axis=1, return_index=True, return_inverse=True)
    owner = owner.reshape(-1)
    linked = _components(patterns, values[:, first_entry])
    found = []
    for component in range(int(linked.max()) + 1):
        members = np.flatnonzero(linked[owner] == component)
        joint = _joint([patterns[:, p] for p in np.flatnonzero(linked == component)])
        first = np.unique(joint, return_index=True)[1]
        half = len(joint) // 2
        again = bool(np.unique(joint, return_counts=True)[1].min() > 1)
        complete = again and set(joint[half:].tolist()) <= set(joint[:half].tolist())
        found.append(Group(entries[members], values[np.ix_(first, members)], joint, complete))
    return found


def _labels(values: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Return for each entry and sample the first sample that has the same value there."""
    count = len(values)
    labels = np.zeros(values.shape, dtype=np.int64)
    for m in range(count):
        labels[m] = m
        for earlier in range(m - 1, -1, -1):
            same = np.abs(values[m] - values[earlier]) <= tolerance
            labels[m, same] = labels[earlier, same]
    return labels


def _joint(patterns: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    stacked = np.stack(patterns, axis=1)
    return np.asarray(np.unique(stacked, axis=0, return_inverse=True)[1]).reshape(-1)


def _components(patterns: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a component number for each pattern; patterns that do not vary independently share one."""
    count = patterns.shape[1]
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, j in [*_linear_relations(values), *_missing_combinations(patterns)]:
        parent[root(i)] = root(j)
    roots = [root(i) for i in range(count)]
    names = {r: n for n, r in enumerate(dict.fromkeys(roots))}
    return np.array([names[r] for r in roots], dtype=np.int64)


def _linear_relations(values: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return pairs of patterns tied by a linear relation that holds in every sample (a tie of three: the sum is 1).

    Only with at least twice as many samples as patterns: fewer satisfy some relation by themselves.
    """
    samples, count = values.shape
    if 2 * count > samples:
        return []
    centred = values - values.mean(axis=0)
    centred = centred / np.maximum(np.linalg.norm(centred, axis=0), np.finfo(np.float64).tiny)
    basis: list[int] = []
    pairs: list[tuple[int, int]] = []
    for j in range(count):
        if basis:
            solution, *_ = np.linalg.lstsq(centred[:, basis], centred[:, j], rcond=None)
            if np.linalg.norm(centred[:, basis] @ solution - centred[:, j]) < 1e-6:
                pairs.extend((j, basis[i]) for i in np.flatnonzero(np.abs(solution) > 1e-3))
                continue
        basis.append(j)
    return pairs


def _missing_combinations(patterns: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return pairs of patterns that show fewer combinations of values than chance would have shown."""
    samples, count = patterns.shape
    if not 1 < count <= MOST_PATTERNS:
        return []
    allowed = math.log(CHANCE / math.comb(count, 2) / len(TILTS))
    codes = [np.unique(patterns[:, i], return_inverse=True, return_counts=True)[1:] for i in range(count)]
    pairs = []
    for i, (a, sizes_a) in enumerate(codes):
        for j, (b, sizes_b) in enumerate(codes[:i]):
            table = np.zeros((len(sizes_a), len(sizes_b)), dtype=bool)
            table[a.reshape(-1), b.reshape(-1)] = True
            if not table.all() and _chance(sizes_a, sizes_b, samples, ~table) < allowed:
                pairs.append((i, j))
    return pairs


def _chance(rows: NDArray[np.int64], columns: NDArray[np.int64], samples: int, missing: NDArray[np.bool_]) -> float:
    """Return the logarithm of a bound on the probability that independent patterns leave out this much.

    A combination of values seen r and c times is missing with probability q = C(n − r, c)/C(n, c). With Y = 1 where it
    is, and all of them taken for independent, E q^(−θY) = 1 − q + q^(1−θ); so by Markov's inequality Σ −Y log q reaches
    the s that is seen with probability Π (1 − q + q^(1−θ))·exp(−θs) at most, for any θ (H. Chernoff, 1952).
    """
    r, c = rows[:, None], columns[None, :]
    # -inf where r + c > n, since gammaln is infinite at 0, -1, -2, ...: never missing by chance
    log_q = gammaln(samples - r + 1) + gammaln(samples - c + 1) - gammaln(samples - r - c + 1) - gammaln(samples + 1)
    log_q = log_q[..., None]
    seen = np.maximum(log_q, -700.0)  # q > 0, so that what cannot be missing, and is not, adds nothing
    factors = np.logaddexp(np.log1p(-np.exp(seen)), (1 - TILTS) * seen)
    factors = np.where(np.isfinite(log_q), factors, 0.0)
    return float(np.min(factors.sum(axis=(0, 1)) + TILTS * np.where(missing[..., None], seen, 0.0).sum(axis=(0, 1))))
