"""Is the claim at the point in the hull of the claims next to it? Which of these to ask for, for a black box.

Random claims show most vertices of the sampled Clarke subdifferential (`gradcheck.kinks.hull`). What they miss is asked
for: the whole claims that the claim at the point would be made of, or the vertex furthest towards it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gradcheck import arrays
from gradcheck.kinks import hull
from gradcheck.kinks.nearby import ROUND, drawn, extended, flat_scale, more, norm, put, scale_at, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gradcheck.kinks.nearby import Nearby
    from gradcheck.verdicts.trial import Trial

MOST_SAMPLES = 64
MOST_NUMBERS = 2**25  # in all samples: a quarter of a gigabyte, and as much for their moves
SEARCHES, SEARCH_STREAM = 24, 2**16  # for a vertex that 64 random samples missed
JOINED_STREAM, REVEALED_STREAM = 2**17, 2**18
MOST_REVEALED = 16  # searches for kinks that none of the samples showed, four entries at a time
ASIDE, MISSES = -5, 3  # the share of a random move, 2^-5 and then less, in three searches that find nothing


@dataclass(frozen=True)
class Finding:
    """What the hull or the kink variable says of the claim at the point."""

    valid: bool
    decided: bool
    distance: float
    entries: NDArray[np.int64]
    groups: tuple[hull.Group, ...] = ()
    reason: str = ""


def judged(trial: Trial, near: Nearby, delta: float) -> tuple[Finding, Nearby]:
    """Return whether the claim lies in the hull of the claims next to it, drawing more of these while it helps.

    A claim inside the hull of whole claims is a subgradient. Inside the hulls of groups it is one only if these are
    independent: shown by whole claims that are asked for, or else taken for granted after all samples.
    """
    most = min(MOST_SAMPLES, MOST_NUMBERS // near.here.size)
    while True:
        near = revealed(trial, near, delta)
        finding = _in_hull(trial, near)
        if finding.valid:
            near = _joined(trial, near, finding.groups, delta)
            finding = _in_hull(trial, near)
        one_each = all(_parted(near, group) for group in finding.groups)
        if finding.valid and one_each and _gap(near, _whole(near, finding.entries)) == 0:
            break
        count = ROUND if len(near.samples) < 4 * ROUND else 2 * ROUND
        if len(near.samples) + count > most:
            break
        near = more(trial, near, delta, count)
    if finding.groups and not finding.valid:
        finding, near = _search_groups(trial, near, finding, delta)
    if finding.valid and len(finding.groups) > 1:
        finding, near = _search_whole(trial, near, finding, delta)
    return finding, near


def revealed(trial: Trial, near: Nearby, delta: float) -> Nearby:
    """Return the samples with those that show a kink in entries where the claim is off and none was seen yet.

    Of many that are tied in a maximum, random samples let some never win. An entry moved far and all others a little
    wins, or loses, alone; one in which f has no kink changes in neither.
    """
    for search in range(MOST_REVEALED):
        off = off_the_kinks(near, hull.varying(near.samples, near.tolerance))
        entries = [int(i) for i in np.argsort(-off, kind="stable")[: ROUND // 2] if off[i] > near.tolerance]
        if not entries:
            return near
        aside, moves = _aside(trial, REVEALED_STREAM + search), []
        for entry in entries:
            alone = np.zeros(near.here.shape)
            alone[entry] = scale_at(trial, entry)
            moves += [put(trial, aside + alone), put(trial, aside - alone)]
        further = extended(trial, near, delta, moves)
        if not set(entries) & set(hull.varying(further.samples, near.tolerance).tolist()):
            return near
        near = further
    return near


def _joined(trial: Trial, near: Nearby, groups: Sequence[hull.Group], delta: float) -> Nearby:
    """Return the samples with the whole claims that the claim at the point is made of, if each group is one kink.

    With weights λ_1 ≥ λ_2 ≥ … for the kinks' positive sides the claim is Σ_i (λ_i − λ_{i+1})·V_i, V_i the claim where
    the first i kinks are on that side and the rest are not (L. Lovász, "Submodular functions and convexity", 1983).
    Moved along its jump, a group that is one kink shows the claim of that side; several kinks that changed sides
    together in all samples so far do not. A little of a random move keeps off kinks at which the claim's own convention
    would speak: what is tied here may still be tied after equal moves.
    """
    single = len(groups) < 2 and all(len(group.entries) == 1 for group in groups)
    if single or any(len(group.vertices) != 2 for group in groups):
        return near
    shares = [position(near, group) for group in groups]
    levels = sorted({round(min(max(share, 0.0), 1.0), 6) for share in shares})
    between = [(a + b) / 2 for a, b in pairwise([0.0, *levels, 1.0]) if a < b]
    if len(between) > ROUND:
        return near
    typical, moves = float(np.max(np.abs(near.moves[0]))), []
    for number, level in enumerate(between):
        move = np.zeros(near.here.shape)
        for share, group in zip(shares, groups, strict=True):
            normal = bends(near, group) * (group.vertices[0] - group.vertices[1])
            move[group.entries] = (1.0 if share > level else -1.0) * normal * (typical / float(np.max(np.abs(normal))))
        moves.append(put(trial, move + _aside(trial, JOINED_STREAM + number)))
    return extended(trial, near, delta, moves)


def _search_groups(trial: Trial, near: Nearby, finding: Finding, delta: float) -> tuple[Finding, Nearby]:
    """Return the finding once the vertices that random samples missed have been looked for, group by group."""
    misses = 0
    for search in range(SEARCHES):
        if finding.valid or misses == MISSES:
            break
        towards = np.zeros(near.here.shape)
        for group in finding.groups:
            weights, _ = group.weights(near.here)
            towards[group.entries] = near.here[group.entries] - weights @ group.vertices
        known = sum(len(group.vertices) for group in finding.groups)
        near = _extreme(trial, near, finding, towards, delta, search, misses)
        finding = _in_hull(trial, near)
        misses = 0 if sum(len(group.vertices) for group in finding.groups) > known else misses + 1
    return finding, near


def _search_whole(trial: Trial, near: Nearby, finding: Finding, delta: float) -> tuple[Finding, Nearby]:
    """Return the finding, undecided if the claim is inside the hull of each group and yet apart from that of them all.

    Then the groups are not independent. A search that comes nearer until it ends is no evidence of that.
    """
    misses, moving, further = 0, finding.entries, near
    for search in range(SEARCHES):
        if _gap(further, _whole(further, moving)) == 0:
            return finding, near
        if misses == MISSES:
            return replace(finding, valid=False, decided=False), near
        weights, gap = _whole(further, moving).weights(near.here)
        towards = np.zeros(near.here.shape)
        towards[moving] = near.here[moving] - weights @ further.at(moving)
        further = _extreme(trial, further, finding, towards, delta, SEARCHES + search, misses)
        misses = 0 if _whole(further, moving).weights(near.here)[1] < gap * (1 - 2.0**-20) else misses + 1
    return finding, near


def _extreme(
    trial: Trial,
    near: Nearby,
    finding: Finding,
    towards: NDArray[np.float64],
    delta: float,
    search: int,
    misses: int,
) -> Nearby:
    """Return the samples with the claims at x ± δ·u, u `towards` the claim from the hull: where a vertex is missing.

    For a convex f the gradient at x + δ·u is the subgradient that reaches furthest along u, for a concave one that at
    x − δ·u: a claim inside is reached in a few such steps (P. Wolfe, Mathematical Programming 11, 1976), and one from
    which u leads nowhere is outside. A group is taken for convex where its claims grow along the moves. A little of a
    random move keeps u off the other kinks, at which the claim's own convention would speak.
    """
    u = towards.copy()
    for group in finding.groups:
        part = near.at(group.entries)
        if float(np.sum((part - part.mean(axis=0)) * near.moves_at(group.entries))) < 0:
            u[group.entries] *= -1
    u /= float(np.max(np.abs(u) / flat_scale(trial)))
    u += _aside(trial, SEARCH_STREAM + search, misses)
    return extended(trial, near, delta, [put(trial, u), put(trial, -u)])


def _aside(trial: Trial, number: int, misses: int = 0) -> NDArray[np.float64]:
    """Return a little of a random move, less after each search that found nothing."""
    return math.ldexp(1.0, ASIDE - 2 * misses) * drawn(trial, number)


def _whole(near: Nearby, moving: NDArray[np.int64]) -> hull.Group:
    return hull.Group(moving, near.at(moving), np.arange(len(near.samples)), complete=False)


def _gap(near: Nearby, group: hull.Group) -> float:
    """Return how far the claim is from a group's hull, 0 where drift and round-off account for it."""
    if not len(group.entries):
        return 0.0
    _, gap = group.weights(near.here)
    return gap if gap > near.tolerance * math.sqrt(len(group.entries)) + 1e-9 * float(np.ptp(group.vertices)) else 0.0


def _in_hull(trial: Trial, near: Nearby) -> Finding:
    moving = hull.varying(near.samples, near.tolerance)
    size = max(norm(trial, near.here), trial.true_norm, spread(trial, near))
    off = off_the_kinks(near, moving)
    if off.any():
        distance = norm(trial, off) / size
        if len(near.samples) >= ROUND * MOST_REVEALED:  # every search showed one more: there may be others
            return Finding(valid=False, decided=False, distance=distance, entries=moving)
        return Finding(valid=False, decided=True, distance=distance, entries=moving, reason=off_reason(trial, off))
    found = tuple(hull.groups(near.at(moving), moving, near.tolerance))
    gaps = [_gap(near, group) for group in found]
    decided = all(group.complete for group, gap in zip(found, gaps, strict=True) if gap > 0)
    distance = math.hypot(*gaps) * float(np.median(trial.scale.value)) / size
    return Finding(distance == 0, decided, distance, moving, found)


def index_of(trial: Trial, flat: int) -> tuple[int, ...]:
    """Return the index of an entry of a flat real claim, of whose complex entries there are two."""
    shape = arrays.shape_of(trial.gradient.leaves[trial.index])
    return tuple(int(i) for i in np.unravel_index(flat % max(math.prod(shape), 1), shape))


def _parted(near: Nearby, group: hull.Group) -> bool:
    """Tell whether the jump of a group's two vertices is normal to what parts the samples that show them.

    True for groups of more vertices, which are several kinks.
    """
    if len(group.vertices) != 2:
        return True
    heights = near.moves_at(group.entries) @ (group.vertices[0] - group.vertices[1])
    one, other = heights[group.labels == 0], heights[group.labels == 1]
    return bool(max(one) < min(other) or max(other) < min(one))


def position(near: Nearby, group: hull.Group) -> float:
    """Return how far the claim is from vertex 1 to vertex 0 of a group of two: 1 where it is vertex 0."""
    jump = group.vertices[0] - group.vertices[1]
    return float((near.here[group.entries] - group.vertices[1]) @ jump / (jump @ jump))


def bends(near: Nearby, group: hull.Group) -> float:
    """Return 1 where a group of one kink is convex across it, −1 where concave.

    f is continuous, so its gradient jumps along the kink's normal; its sign is that for which the samples with vertex 0
    lie on the positive side.
    """
    jump = group.vertices[0] - group.vertices[1]
    heights = near.moves_at(group.entries) @ jump
    on_zero = group.labels == 0
    return 1.0 if heights[on_zero].sum() - heights[~on_zero].sum() >= 0 else -1.0


def off_the_kinks(near: Nearby, moving: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how far the claim is from those next to it in entries that no kink moves: 0 if everywhere by tolerance."""
    off = np.abs(near.here - sum(near.samples) / len(near.samples))
    off[moving] = 0
    return off if float(off.max(initial=0.0)) > near.tolerance else np.zeros_like(off)


def off_reason(trial: Trial, off: NDArray[np.float64]) -> str:
    """Say in which entry the claim is furthest from those next to it."""
    index = index_of(trial, int(np.argmax(off)))
    return f"at {index} the claim differs from the claims next to it, though f has no kink in that entry"
