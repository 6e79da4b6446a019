"""Where f has one-sided slopes only: whether the claim is a subgradient, and by which convention.

The formula is judged next to the point, where f is smooth: the claim at x ± δ·v must give the right and the left slope
along v, which are already measured. At the point itself the claim must be a convex combination of the claims next to
it (`gradcheck.hull`), or, where the kink variable is known, be made of λ ∈ [0, 1] kink by kink.

The convention is named as the side of the *argument* whose limit the claim equals, entry by entry; of the kink
variable where one is known, since only then does "relu'(0) = 1" have a meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import lsq_linear

from gradcheck import arrays, hull
from gradcheck.certificate import Interval, Mismatch, Verdict, error_norm, smallest_visible
from gradcheck.claim import WrongClaim
from gradcheck.direction import placed
from gradcheck.errors import ArgumentError
from gradcheck.report import ArgumentReport, Kink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from gradcheck.slope import Slope
    from gradcheck.trial import Trial

NEARBY = 4099  # the stream of nearby points
ROUND = 8
# Along one direction in 64 the claim drifts by less than 1/64 of what is typical; along three in a row, never.
DRIFTS = 3
MOST_SAMPLES = 64
SEARCHES, SEARCH_STREAM = 24, 2**16  # for a vertex that 64 random samples missed
ASIDE, MISSES = -5, 3  # the share of a random move, 2^-5 and then less, in three searches that find nothing
ALONE = 3  # entries of a group that are moved alone until one changes
MOST_KINKS = 256
MOST_NUMBERS = 2**25  # a quarter of a gigabyte of moves
SHOWN = 10_000  # entries listed in a report


@dataclass(frozen=True)
class Nearby:
    """The claims next to the point.

    Attributes
    ----------
    samples : array (samples, entries)
        Claims at x + δ·w, one row each, real (complex entries as two).
    moves : array (samples, entries)
        The w.
    here : array (entries,)
        The claim at the point.
    tolerance : float
        How far the claim drifts within δ, entry by entry: differences below it are no kink.

    """

    samples: NDArray[np.float64]
    moves: NDArray[np.float64]
    here: NDArray[np.float64]
    tolerance: float


def judge(
    trial: Trial, resolution: float, *, required: str | None, kink_of: Callable[..., Any] | None
) -> ArgumentReport:
    """Return the verdict on an argument along some of whose directions f has a kink at the point."""
    x = trial.gradient.leaves[trial.index]
    delta = _distance(trial)
    sides, near = _next_to_the_point(trial, delta)
    interval = _formula(trial, sides, _size(trial, near))
    within = max(p.slope.resolution for p in trial.probes if p.slope.kinked)
    report = ArgumentReport(
        name=trial.name,
        shape=arrays.shape_of(x),
        dtype=arrays.dtype_name(trial.gradient.claim.leaves[trial.index]),
        verdict=Verdict.INCONCLUSIVE,
        error=interval,
        resolution=resolution,
        smallest_error=_smallest_error(trial, sides, _size(trial, near)),
        probes=tuple(trial.probes),
    )
    if interval.low > 0:
        beyond = _formula(trial, _next_to_the_point(trial, delta, beyond=True)[0], _size(trial, near))
        if beyond.low == 0 and _one_piece(near):
            return _near_the_point(report.with_(error=beyond), within)
        kink = Kink("other", valid=False, entries=(), within=within)
        return report.with_(verdict=Verdict.FAIL, kink=kink, reason="wrong already next to the kink, where f is smooth")
    if kink_of is None:
        found, near = _by_hull(trial, near, delta)
        kink = _convention_of_argument(trial, near, found, delta, within)
    else:
        kink, found = _by_kink_variable(trial, near, delta, kink_of, within)
    return _conclude(report, kink, found, required, known=kink_of is not None, high=interval.high)


def _smallest_error(trial: Trial, sides: Sequence[tuple[Mismatch, Mismatch]], size: float) -> float:
    """Return the smallest relative error that the one-sided slopes would have shown next to the kink."""
    bounds = [max(m.bound for m in pair) for pair in sides]
    size = max(size, trial.true_norm)
    return smallest_visible(bounds, trial.confidence) / size if len(bounds) > 1 and size > 0 else math.inf


def _distance(trial: Trial) -> float:
    """Return δ, the finest step: x + δ·v is exact there, so that no rounding leaves the point on a tie."""
    return math.ldexp(1.0, trial.field.finest(trial.index))


def right_beside(trial: Trial, resolution: float) -> bool:
    """Tell whether a claim that is wrong at the point is right at x ± δ·v: then it is the point that is special."""
    if trial.claimed is None or any(p.slope.one_sided for p in trial.probes):
        return False
    try:
        sides, near = _next_to_the_point(trial, _distance(trial))
    except WrongClaim:
        return False
    return _formula(trial, sides, _size(trial, near)).high <= resolution


@dataclass(frozen=True)
class Finding:
    """What the hull or the kink variable says of the claim at the point."""

    valid: bool
    decided: bool
    distance: float
    entries: NDArray[np.int64]
    groups: tuple[hull.Group, ...] = ()
    reason: str = ""


def _conclude(
    report: ArgumentReport, kink: Kink, found: Finding, required: str | None, *, known: bool, high: float
) -> ArgumentReport:
    report = report.with_(kink=kink)
    if not found.valid:
        if not found.decided:
            return report.with_(
                reason=found.reason
                or "many kinks meet here: pass kink_of= to name the kink variable, or oracle='exact'"
            )
        error = Interval(found.distance, math.inf, relative=True, confidence=report.error.confidence)
        return report.with_(
            verdict=Verdict.FAIL,
            error=error,
            reason=found.reason or "no subgradient of f: outside what lies around it",
        )
    if required is not None and kink.convention != required:
        of = "the kink variable" if known else "the argument"
        return report.with_(
            verdict=Verdict.FAIL,
            reason=f"the convention at the kink is {kink.convention}, wanted {required} ({of}) "
            f"at {_some(kink.entries)}",
        )
    if high <= report.resolution:
        return report.with_(verdict=Verdict.PASS)
    return report.with_(reason=f"resolution reached {high:.1e} next to the kink, wanted {report.resolution:.1e}")


def _size(trial: Trial, near: Nearby) -> float:
    """Return the size of the gradient next to the point, the largest that the claims there have."""
    return max(_spread(trial, near), 0.0 if trial.tangent is None else trial.true_norm)


def _one_piece(near: Nearby) -> bool:
    """Tell whether the claim is the same at the point and on every side of it: the kink is not at the point."""
    return float(np.max(np.abs(near.samples - near.here), initial=0.0)) <= near.tolerance


def _near_the_point(report: ArgumentReport, within: float) -> ArgumentReport:
    """Return the verdict where the claim jumps between δ and the finest step f's noise allows: f is smooth at x."""
    note = f"f has a kink within {within:.1e} of the argument's size of the point, not at it"
    if report.error.high <= report.resolution:
        return report.with_(verdict=Verdict.PASS, notes=(note,))
    return report.with_(
        notes=(note,),
        reason=f"resolution reached {report.error.high:.1e} next to the kink, wanted {report.resolution:.1e}",
    )


def _some(entries: Sequence[tuple[int, ...]]) -> str:
    shown = ", ".join(str(entry) for entry in entries[:3])
    return shown + (f" and {len(entries) - 3} more" if len(entries) > 3 else "")


def _flat(values: NDArray[Any]) -> NDArray[np.float64]:
    flat = values.reshape(-1)
    return np.concatenate([flat.real, flat.imag]) if np.iscomplexobj(flat) else flat.astype(np.float64, copy=False)


def _claim_at(trial: Trial, moved: Any) -> NDArray[np.float64]:
    leaves = list(trial.gradient.leaves)
    leaves[trial.index] = moved
    return _flat(arrays.to_numpy(trial.gradient.at(leaves)[trial.index]))


def _next_to_the_point(
    trial: Trial, delta: float, *, beyond: bool = False
) -> tuple[list[tuple[Mismatch, Mismatch]], Nearby]:
    """Return the right and the left mismatch of each probe, and the claims they rest on.

    The claims are those at x ± δ·v; with `beyond`, at the finest step at which each slope still showed the kink.
    """
    x = trial.gradient.leaves[trial.index]
    samples, moves = [], []
    sides: list[tuple[Mismatch, Mismatch]] = []
    largest = 0.0
    for n, probe in enumerate(trial.probes[: ROUND // 2]):
        v = trial.direction(probe.probe)
        flat = _flat(arrays.to_numpy(v))
        pair = []
        if beyond:
            delta = probe.slope.resolution
        for sign in (1.0, -1.0):
            g = _claim_at(trial, arrays.shifted(x, sign * delta, v))
            samples.append(g)
            moves.append(sign * flat)
            side = probe.slope.right if sign > 0 else probe.slope.left
            error = math.inf
            if not math.isnan(side):
                error = probe.slope.side_error + _drift(trial, probe.slope, v, sign * delta, float(g @ flat))
            pair.append((float(g @ flat), 0.0 if math.isnan(side) else side, error, probe.stretch))
        if n < DRIFTS:  # on both sides: the claim may be constant on one, as a ReLU's is
            for sign, near in zip((2.0, -2.0), samples[-2:], strict=True):
                further = _claim_at(trial, arrays.shifted(x, sign * delta, v))
                largest = max(largest, float(np.max(np.abs(further - near))))
        right, left = (Mismatch(c / s, m / s, e / s) for c, m, e, s in pair)
        sides.append((right, left))
    here = _flat(np.asarray(trial.claimed))
    size = float(np.max(np.abs(np.concatenate([here, *samples[:2]])))) if here.size else 0.0
    tolerance = 64 * largest + 2.0**9 * trial.field.unit * size
    return sides, Nearby(np.array(samples), np.array(moves), here, tolerance)


def _drift(trial: Trial, slope: Slope, v: Any, delta: float, predicted: float) -> float:
    """Return a bound on δ·φ'' on one side: the claim at x + δ·v differs by that, along v, from its limit at x.

    φ'' is twice what the difference quotients, h·φ''/2 off, show beyond their noise; where an oracle took no steps, the
    claim's own change from δ to 2δ tells.
    """
    if not slope.levels:
        further = _claim_at(trial, arrays.shifted(trial.gradient.leaves[trial.index], 2 * delta, v))
        return 2 * abs(float(further @ _flat(arrays.to_numpy(v))) - predicted)
    bend, sign = 0.0, math.copysign(1.0, delta)
    for a, b in pairwise(slope.levels):
        change = abs(a.central - b.central + sign * (a.gap - b.gap) / 2) - 2 * (a.noise + b.noise)
        bend = max(bend, 2 * change / (a.step - b.step))
    return 2 * bend * abs(delta)


def _flat_scale(trial: Trial) -> Any:
    value = trial.scale.value
    if isinstance(value, float):
        return value
    flat = value.reshape(-1)
    return np.concatenate([flat, flat]) if np.iscomplexobj(np.asarray(trial.claimed)) else flat


def _formula(trial: Trial, sides: Sequence[tuple[Mismatch, Mismatch]], size: float) -> Interval:
    """Return the interval for the error of the claims next to the point, the worse of the two sides.

    Both are held to the larger side's `size`: one of them may be zero, as a ReLU's is. N lies within E of it.
    """
    worst = Interval(0.0, 0.0, relative=True, confidence=trial.confidence)
    extra = 4 * trial.jitter_next_to_kink
    for side in (0, 1):
        found = [pair[side] for pair in sides]
        found = [Mismatch(m.claimed, m.measured, m.bound + extra) for m in found if math.isfinite(m.bound)]
        if not found:
            continue
        low, high = error_norm(found, (1 + trial.confidence) / 2)
        least = low / (size + low) if low > 0 and sum(m.significant for m in found) >= 2 else 0.0
        most = high / (size - high) if size > high else (0.0 if high == 0 else math.inf)
        worst = Interval(max(worst.low, least), max(worst.high, most), relative=True, confidence=trial.confidence)
    return worst


def _more(trial: Trial, near: Nearby, delta: float, count: int) -> Nearby:
    """Return the samples with `count` more of them."""
    x = trial.gradient.leaves[trial.index]
    samples, moves = list(near.samples), list(near.moves)
    for m in range(len(samples), len(samples) + count):
        w = _drawn(trial, m)
        samples.append(_claim_at(trial, arrays.shifted(x, delta, w)))
        moves.append(_flat(arrays.to_numpy(w)))
    return Nearby(np.array(samples), np.array(moves), near.here, near.tolerance)


def _by_hull(trial: Trial, near: Nearby, delta: float) -> tuple[Finding, Nearby]:
    """Return whether the claim lies in the hull of the claims next to it, drawing more of these while it helps.

    A claim inside the hull of whole claims is a subgradient. Inside the hulls of groups it is one only if these are
    independent: shown by whole claims that are asked for, or else taken for granted after all samples.
    """
    while True:
        finding = _in_hull(trial, near)
        if finding.valid:
            near = _joined(trial, near, finding.groups, delta)
            finding = _in_hull(trial, near)
        one_each = all(_parted(near, group) for group in finding.groups)
        if finding.valid and one_each and _in_one_hull(near, finding.entries):
            break
        if len(near.samples) >= MOST_SAMPLES:
            break
        near = _more(trial, near, delta, ROUND if len(near.samples) < 32 else 2 * ROUND)
    if finding.groups and not finding.valid:
        finding, near = _search_groups(trial, near, finding, delta)
    if finding.valid and len(finding.groups) > 1:
        finding, near = _search_whole(trial, near, finding, delta)
    return finding, near


def _joined(trial: Trial, near: Nearby, groups: Sequence[hull.Group], delta: float) -> Nearby:
    """Return the samples with the whole claims that the claim at the point is made of, if each group is one kink.

    With weights λ_1 ≥ λ_2 ≥ … for the kinks' positive sides the claim is Σ_i (λ_i − λ_{i+1})·V_i, V_i the claim where
    the first i kinks are on that side and the rest are not (L. Lovász, "Submodular functions and convexity", 1983).
    Moved along its jump, a group that is one kink shows the claim of that side; several kinks that changed sides
    together in all samples so far do not.
    """
    single = len(groups) < 2 and all(len(group.entries) == 1 for group in groups)
    if single or any(len(group.vertices) != 2 for group in groups):
        return near
    shares = [_share(near, group) for group in groups]
    levels = sorted({round(min(max(share, 0.0), 1.0), 6) for share in shares})
    between = [(a + b) / 2 for a, b in pairwise([0.0, *levels, 1.0]) if a < b]
    if len(between) > ROUND:
        return near
    samples, moves = list(near.samples), list(near.moves)
    typical = float(np.max(np.abs(near.moves[0])))
    for level in between:
        move = np.zeros(near.here.shape)
        for share, group in zip(shares, groups, strict=True):
            normal = _bends(near, group) * (group.vertices[0] - group.vertices[1])
            move[group.entries] = (1.0 if share > level else -1.0) * normal * (typical / float(np.max(np.abs(normal))))
        moves.append(_flat(arrays.to_numpy(_placed(trial, move))))
        samples.append(_claim_at(trial, _moved(trial, delta, moves[-1])[trial.index]))
    return Nearby(np.array(samples), np.array(moves), near.here, near.tolerance)


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
        if _in_one_hull(further, moving):
            return finding, near
        if misses == MISSES:
            return replace(finding, valid=False, decided=False), near
        weights, gap = _whole(further, moving).weights(near.here)
        towards = np.zeros(near.here.shape)
        towards[moving] = near.here[moving] - weights @ further.samples[:, moving]
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
        part = near.samples[:, group.entries]
        if float(np.sum((part - part.mean(axis=0)) * near.moves[:, group.entries])) < 0:
            u[group.entries] *= -1
    u /= float(np.max(np.abs(u) / _flat_scale(trial)))
    u += math.ldexp(1.0, ASIDE - 2 * misses) * _flat(arrays.to_numpy(_drawn(trial, SEARCH_STREAM + search)))
    samples, moves = list(near.samples), list(near.moves)
    for sign in (1.0, -1.0):
        moves.append(_flat(arrays.to_numpy(_placed(trial, sign * u))))
        samples.append(_claim_at(trial, _moved(trial, delta, moves[-1])[trial.index]))
    return Nearby(np.array(samples), np.array(moves), near.here, near.tolerance)


def _whole(near: Nearby, moving: NDArray[np.int64]) -> hull.Group:
    return hull.Group(moving, near.samples[:, moving], np.arange(len(near.samples)), complete=False)


def _in_one_hull(near: Nearby, moving: NDArray[np.int64]) -> bool:
    whole = _whole(near, moving)
    return whole.weights(near.here)[1] <= near.tolerance * math.sqrt(len(moving)) + 1e-9 * float(np.ptp(whole.vertices))


def _in_hull(trial: Trial, near: Nearby) -> Finding:
    moving = hull.varying(near.samples, near.tolerance)
    norm = max(float(np.linalg.norm(near.here * _flat_scale(trial))), trial.true_norm, _spread(trial, near))
    off = np.abs(near.here - near.samples.mean(axis=0))
    off[moving] = 0
    if float(off.max(initial=0.0)) > near.tolerance:
        distance = float(np.linalg.norm(off * _flat_scale(trial))) / norm
        index = _index(trial, int(np.argmax(off)))
        return Finding(
            valid=False,
            decided=True,
            distance=distance,
            entries=moving,
            reason=f"at {index} the claim differs from the claims next to it, though f has no kink in that entry",
        )
    found = tuple(hull.groups(near.samples, moving, near.tolerance))
    distance, decided = 0.0, True
    for group in found:
        _, gap = group.weights(near.here)
        if gap > near.tolerance * math.sqrt(len(group.entries)) + 1e-9 * float(np.ptp(group.vertices)):
            distance = math.hypot(distance, gap)
            decided = decided and group.complete
    scale = trial.scale.value if isinstance(trial.scale.value, float) else float(np.median(trial.scale.value))
    return Finding(distance == 0, decided, distance * scale / norm, moving, found)


def _spread(trial: Trial, near: Nearby) -> float:
    """Return the size of the claims next to the point, which is there even where the claim itself is zero."""
    return float(np.max(np.linalg.norm(near.samples * _flat_scale(trial), axis=1)))


def _index(trial: Trial, flat: int) -> tuple[int, ...]:
    shape = arrays.shape_of(trial.gradient.leaves[trial.index])
    return tuple(int(i) for i in np.unravel_index(flat % max(math.prod(shape), 1), shape))


def _listed(trial: Trial, entries: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(dict.fromkeys(_index(trial, int(i)) for i in entries[:SHOWN]))


def _convention_of_argument(trial: Trial, near: Nearby, found: Finding, delta: float, within: float) -> Kink:
    """Return the convention, entry by entry as the side of the argument whose limit the claim equals."""
    names: set[str] = set()
    for group in found.groups:
        if len(group.vertices) == 2:
            names |= _of_one_kink(near, group)
        else:
            names |= _of_some_entry(trial, near, group, delta)
    convention = names.pop() if len(names) == 1 else "mixed" if names else "other"
    return Kink(convention, found.valid, _listed(trial, found.entries), within)


def _parted(near: Nearby, group: hull.Group) -> bool:
    """Tell whether the jump of a group's two vertices is normal to what parts the samples that show them.

    True for groups of more vertices, which are several kinks.
    """
    if len(group.vertices) != 2:
        return True
    heights = near.moves[:, group.entries] @ (group.vertices[0] - group.vertices[1])
    one, other = heights[group.labels == 0], heights[group.labels == 1]
    return bool(max(one) < min(other) or max(other) < min(one))


def _share(near: Nearby, group: hull.Group) -> float:
    """Return how far the claim is from vertex 1 to vertex 0 of a group of two: 1 where it is vertex 0."""
    jump = group.vertices[0] - group.vertices[1]
    return float((near.here[group.entries] - group.vertices[1]) @ jump / (jump @ jump))


def _bends(near: Nearby, group: hull.Group) -> float:
    """Return 1 where a group of one kink is convex across it, −1 where concave.

    f is continuous, so its gradient jumps along the kink's normal; its sign is that for which the samples with vertex 0
    lie on the positive side.
    """
    jump = group.vertices[0] - group.vertices[1]
    heights = near.moves[:, group.entries] @ jump
    on_zero = group.labels == 0
    return 1.0 if heights[on_zero].sum() - heights[~on_zero].sum() >= 0 else -1.0


def _of_one_kink(near: Nearby, group: hull.Group) -> set[str]:
    """Name the sides for a group with two vertices: one kink, whose normal is the jump of the gradient."""
    jump, share = group.vertices[0] - group.vertices[1], _share(near, group)
    normal = _bends(near, group) * jump
    crossing = np.abs(jump) > near.tolerance
    right = np.where(normal > 0, share, 1 - share)[crossing]
    return {_side(float(value)) for value in np.unique(np.round(right, 6))}


def _side(weight: float) -> str:
    for name, value in (("right", 1.0), ("left", 0.0), ("midpoint", 0.5)):
        if abs(weight - value) < 1e-5:
            return name
    return "other"


def _of_some_entry(trial: Trial, near: Nearby, group: hull.Group, delta: float) -> set[str]:
    """Name the side for the entry of a group that changes most, or the next one that changes when moved alone."""
    sizes = np.ptp(near.samples[:, group.entries], axis=0)
    for entry in group.entries[np.argsort(-sizes, kind="stable")[:ALONE]]:
        if (name := _of_entry(trial, near, int(entry), delta)) is not None:
            return {name}
    return set()


def _of_entry(trial: Trial, near: Nearby, entry: int, delta: float) -> str | None:
    """Name the side for one entry by moving it alone to the right and to the left; None where that changes nothing."""
    x = trial.gradient.leaves[trial.index]
    unit = np.zeros(arrays.shape_of(x), dtype=np.complex128 if arrays.is_complex(x) else np.float64)
    count = unit.size
    scale = trial.scale.value
    size = scale if isinstance(scale, float) else float(scale.reshape(-1)[entry % count])
    unit.reshape(-1)[entry % count] = 2.0 ** round(math.log2(size)) * (1 if entry < count else 1j)
    v = arrays.like(unit, x)
    right = _claim_at(trial, arrays.shifted(x, delta, v))[entry]
    left = _claim_at(trial, arrays.shifted(x, -delta, v))[entry]
    if abs(right - left) <= near.tolerance:
        return None
    return _side(float((near.here[entry] - left) / (right - left)))


def _by_kink_variable(
    trial: Trial, near: Nearby, delta: float, kink_of: Callable[..., Any], within: float
) -> tuple[Kink, Finding]:
    """Judge the claim kink by kink: claim = base + Σ λ_z c_z over the zeros z of the kink variable.

    What each kink adds to the gradient on its positive side, c_z, is seen in the claims next to the point, where λ_z is
    1 or 0 by the sign of the variable there: read off where one kink alone moves a group of entries, solved for by
    least squares where several do.
    """
    zero = _zeros(trial, kink_of)
    if not len(zero):
        raise ArgumentError(
            "kink_of returned no zero at the point, but f has a kink there: name the variable that is 0"
        )
    weights = None
    for count in (2 * ROUND, 3 * ROUND, 4 * ROUND):
        if weights is None:
            near = _more(trial, near, delta, count - len(near.samples))
            moving = hull.varying(near.samples, near.tolerance)
            weights = _one_by_one(near, moving, _signs(trial, near, delta, kink_of, zero))
    inside, gap, room = True, 0.0, 1.0
    if weights is None:
        near = _one_at_a_time(trial, near, delta, kink_of, zero)
        moving = hull.varying(near.samples, near.tolerance)
        solved = _together(near, moving, _signs(trial, near, delta, kink_of, zero))
        if solved is None:  # the kinks interact, or are too many: their parts do not add up
            finding, near = _by_hull(trial, near, delta)
            return _convention_of_argument(trial, near, finding, delta, within), finding
        weights, gap, room = solved
    inside = bool(np.all((weights > -1e-5) & (weights < 1 + 1e-5)))
    off = _smooth_entries_off(trial, near, moving)
    valid = gap <= room and inside and off is None
    names = {_side(float(value)) for value in weights}
    convention = names.pop() if len(names) == 1 else "mixed" if names else "other"
    reason = off or ("" if valid else _why_outside(weights, gap, room))
    distance = _outside(trial, near, moving, weights, gap)
    return Kink(convention, valid, _listed(trial, moving), within), Finding(
        valid, decided=True, distance=distance, entries=moving, reason=reason
    )


def _one_at_a_time(
    trial: Trial, near: Nearby, delta: float, kink_of: Callable[..., Any], zero: NDArray[np.int64]
) -> Nearby:
    """Return the samples with claims where all kinks are on one side, and where one alone is on the other.

    Random moves may never reach some of these cells. Along random moves w_j the kink variable is H = h(x + δ·w_j);
    where it is linear in the argument, the combination of moves with coefficients H⁺t has h = t.
    """
    count = len(zero) + ROUND
    if len(zero) > MOST_KINKS or count * near.here.size > MOST_NUMBERS:
        return _more(trial, near, delta, max(0, min(count, MOST_KINKS) - len(near.samples)))
    pool = [_flat(arrays.to_numpy(_drawn(trial, MOST_SAMPLES + m))) for m in range(count)]
    H = np.array([_variable(trial, kink_of, _moved(trial, delta, move))[zero] for move in pool]).T
    targets = np.hstack([np.ones((len(zero), 1)), -np.ones((len(zero), 1)), 2 * np.eye(len(zero)) - 1])
    coefficients, *_ = np.linalg.lstsq(H / max(float(np.abs(H).max()), np.finfo(np.float64).tiny), targets, rcond=None)
    samples, moves = list(near.samples), list(near.moves)
    typical = float(np.mean([np.linalg.norm(move) for move in pool]))
    for move in coefficients.T @ np.array(pool):
        size = float(np.linalg.norm(move))
        if size > 0:
            moves.append(move * (typical / size))
            samples.append(_claim_at(trial, _moved(trial, delta, moves[-1])[trial.index]))
    return Nearby(np.array(samples), np.array(moves), near.here, near.tolerance)


def _one_by_one(near: Nearby, moving: NDArray[np.int64], signs: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return λ for each group of entries that a single kink moves; None where a group is not of that kind."""
    weights = []
    for group in hull.groups(near.samples, moving, near.tolerance):
        if len(group.vertices) != 2:
            return None
        positive = {bool(z) for z in _orientations(group.labels == 0, signs > 0)}
        if len(positive) != 1:
            return None
        target = near.here[group.entries]
        jump = group.vertices[0] - group.vertices[1]
        share = _share(near, group)
        rest = float(np.linalg.norm(target - group.vertices[1] - share * jump))
        if rest > near.tolerance * math.sqrt(len(jump)) + 1e-9 * float(np.linalg.norm(jump)):
            return None
        weights.append(share if positive.pop() else 1 - share)
    return np.array(weights)


def _orientations(first: NDArray[np.bool_], signs: NDArray[np.bool_]) -> list[bool]:
    """Return for each kink variable that moves with the group whether the group's first vertex is its positive side."""
    same = np.all(signs == first[:, None], axis=0)
    opposite = np.all(signs != first[:, None], axis=0)
    return [True] * int(same.sum()) + [False] * int(opposite.sum())


def _together(
    near: Nearby, moving: NDArray[np.int64], sides: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float] | None:
    """Return λ of every kink that is felt, how far the claim is from such a sum, and what round-off allows."""
    sides = sides[:, np.ptp(sides, axis=0) > 0]  # kinks that this argument moves
    system = np.hstack([np.ones((len(sides), 1)), sides])
    if np.linalg.matrix_rank(system) < system.shape[1]:
        return None
    values = near.samples[:, moving]
    solution, *_ = np.linalg.lstsq(system, values, rcond=None)
    room = near.tolerance * math.sqrt(values.size)
    if float(np.linalg.norm(system @ solution - values)) > room:
        return None
    base, parts = solution[0], solution[1:]
    target = near.here[moving] - base
    parts = parts[np.linalg.norm(parts, axis=1) > near.tolerance * math.sqrt(parts.shape[1])]
    weights = _within(parts, target, room)
    if weights is None:
        weights, *_ = np.linalg.lstsq(parts.T, target, rcond=None)
    return weights, float(np.linalg.norm(weights @ parts - target)), room


def _within(parts: NDArray[np.float64], target: NDArray[np.float64], room: float) -> NDArray[np.float64] | None:
    """Return λ in [0, 1] with Σ λ_z c_z = target, one for all kinks if there is such; None if there are none.

    More kinks than entries leave λ open: the smallest solution may lie outside [0, 1] though another lies inside.
    """
    for value in (1.0, 0.0, 0.5):
        same = np.full(len(parts), value)
        if float(np.linalg.norm(same @ parts - target)) <= room:
            return same
    found = np.asarray(lsq_linear(parts.T, target, bounds=(0, 1), method="bvls").x, dtype=np.float64)
    return found if float(np.linalg.norm(found @ parts - target)) <= room else None


def _outside(trial: Trial, near: Nearby, moving: NDArray[np.int64], weights: NDArray[np.float64], gap: float) -> float:
    """Return a lower bound on how far the claim is from every subgradient, relative to the gradient's size."""
    beyond = float(np.max(np.abs(weights - np.clip(weights, 0, 1)), initial=0.0))
    jump = float(np.ptp(near.samples[:, moving], axis=0).max(initial=0.0))
    scale = trial.scale.value if isinstance(trial.scale.value, float) else float(np.min(trial.scale.value))
    return max(beyond * jump, gap) * scale / max(_spread(trial, near), np.finfo(np.float64).tiny)


def _smooth_entries_off(trial: Trial, near: Nearby, moving: NDArray[np.int64]) -> str | None:
    off = np.abs(near.here - near.samples.mean(axis=0))
    off[moving] = 0
    if float(off.max(initial=0.0)) <= near.tolerance:
        return None
    index = _index(trial, int(np.argmax(off)))
    return f"at {index} the claim differs from the claims next to it, though f has no kink in that entry"


def _why_outside(weights: NDArray[np.float64], gap: float, room: float) -> str:
    if gap > room:
        return "no subgradient of f: the claim is not made of the kinks' own parts"
    worst = float(weights[np.argmax(np.abs(weights - 0.5))])
    return f"no subgradient of f: the claim uses {worst:.3g} at the kink, wanted a value in [0, 1]"


def _variable(trial: Trial, kink_of: Callable[..., Any], leaves: Sequence[Any]) -> NDArray[np.float64]:
    claim = trial.gradient.claim
    result = kink_of(*claim.arguments(leaves)) if claim.arguments is not None else kink_of(*leaves)
    parts = result if isinstance(result, tuple | list) else (result,)
    return np.concatenate([arrays.to_numpy(part).reshape(-1) for part in parts])


def _zeros(trial: Trial, kink_of: Callable[..., Any]) -> NDArray[np.int64]:
    """Return the positions at which the kink variable is 0 up to the round-off of computing it."""
    h = _variable(trial, kink_of, trial.gradient.leaves)
    allowed = 64 * trial.field.unit * float(np.max(np.abs(h), initial=0.0))
    return np.flatnonzero(np.abs(h) <= allowed)


def _signs(
    trial: Trial, near: Nearby, delta: float, kink_of: Callable[..., Any], zero: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return for each sample which of the zero kinks lie on their positive side there."""
    signs = [_variable(trial, kink_of, _moved(trial, delta, move))[zero] > 0 for move in near.moves]
    return np.array(signs, dtype=np.float64)


def _moved(trial: Trial, delta: float, move: NDArray[np.float64]) -> list[Any]:
    """Return the arguments with this one at x + δ·move, `move` flat and real."""
    leaves = list(trial.gradient.leaves)
    x = leaves[trial.index]
    count = math.prod(arrays.shape_of(x))
    values = move[:count] + 1j * move[count:] if arrays.is_complex(x) else move
    leaves[trial.index] = arrays.shifted(x, delta, arrays.like(values.reshape(arrays.shape_of(x)), x))
    return leaves


def _placed(trial: Trial, move: NDArray[np.float64]) -> Any:
    x = trial.gradient.leaves[trial.index]
    count = math.prod(arrays.shape_of(x))
    values = move[:count] + 1j * move[count:] if arrays.is_complex(x) else move
    values = values.reshape(arrays.shape_of(x))
    return placed(x, values if trial.tangent is None else np.asarray(trial.tangent(values)).reshape(values.shape))


def _drawn(trial: Trial, number: int) -> Any:
    return trial.field.direction(trial.index, NEARBY + number, tangent=trial.tangent)
