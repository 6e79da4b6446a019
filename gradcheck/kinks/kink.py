"""Where f has one-sided slopes only: whether the claim is a subgradient, and by which convention.

The formula is judged next to the point, where f is smooth: the claim at x ± δ·v must give the right and the left slope
along v, which are already measured. At the point itself the claim must be a convex combination of the claims next to
it (`gradcheck.kinks.hull`), or, where the kink variable is known, be made of λ ∈ [0, 1] kink by kink.

The convention is named as the side of the *argument* whose limit the claim equals, entry by entry; of the kink
variable where one is known, since only then does "relu'(0) = 1" have a meaning.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.claim import WrongClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.kinks import clarke, convention, kink_variable
from gradcheck.kinks.nearby import MOST_PROBES, distance, next_to_the_point, norm, sides, spread
from gradcheck.verdicts.certificate import Interval, Mismatch, Verdict, error_norm, smallest_visible
from gradcheck.verdicts.report import Kink
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.kinks.clarke import Finding
    from gradcheck.kinks.nearby import Nearby
    from gradcheck.verdicts.report import ArgumentReport

SHOWN = 10_000  # entries listed in a report
MOST_PUSHED = 64  # entries of a jvp's argument that are pushed forward one by one


def judge(
    trial: Trial, resolution: float, *, required: str | None, kink_of: Callable[..., Any] | None
) -> ArgumentReport:
    """Return the verdict on an argument along some of whose directions f has a kink at the point."""
    x = trial.gradient.leaves[trial.index]
    if trial.claimed is None:
        if arrays.total_size([x]) > MOST_PUSHED:
            return _of_a_large_jvp(trial, resolution)
        trial = _with_array(trial)
    delta = distance(trial)
    pairs, near = next_to_the_point(trial, delta)
    interval = _formula(trial, pairs, _size(trial, near))
    kinked = [probe for probe in trial.probes if probe.slope.kinked] or trial.probes
    within = max(probe.slope.resolution for probe in kinked)
    report = trial.report(Verdict.INCONCLUSIVE, interval, resolution).with_(
        smallest_error=_smallest_error(trial, pairs, _size(trial, near))
    )
    if interval.low > 0:
        beyond = _formula(trial, next_to_the_point(trial, delta, beyond=True)[0], _size(trial, near))
        if beyond.low == 0 and _one_piece(near):
            return _near_the_point(report.with_(error=beyond), within)
        kink = Kink("other", valid=False, entries=(), within=within)
        return report.with_(verdict=Verdict.FAIL, kink=kink, reason="wrong already next to the kink, where f is smooth")
    if kink_of is None:
        found, near = clarke.judged(trial, near, delta)
        name = convention.of_argument(trial, near, found.groups, delta)
    else:
        name, found = kink_variable.judged(trial, near, delta, kink_of)
    entries = tuple(dict.fromkeys(clarke.index_of(trial, int(entry)) for entry in found.entries[:SHOWN]))
    kink = Kink(name, found.valid, entries, within)
    return _conclude(report, kink, found, required, known=kink_of is not None, high=interval.high)


def _with_array(trial: Trial) -> Trial:
    """Return the trial of a jvp as that of the gradient whose entries the jvp gives, one for each unit tangent."""
    claim, index = trial.gradient.claim, trial.index
    push = claim.predicted
    if push is None:  # only a jvp has no array
        raise TypeError(trial.name)

    def gradient(leaves: Sequence[Any]) -> tuple[Any, ...]:
        x = leaves[index]
        shape = arrays.shape_of(x)
        units = [np.reshape(row, shape) for row in np.eye(math.prod(shape))]
        entries = np.array([push(leaves, index, arrays.like(unit, x)) for unit in units])
        if arrays.is_complex(x):
            entries = entries + 1j * np.array([push(leaves, index, arrays.like(1j * unit, x)) for unit in units])
        array = arrays.like(entries.reshape(shape), x)
        return tuple(array if i == index else None for i in range(len(leaves)))

    found = Prediction(claim.with_(claimed=gradient, predicted=None, linear=None), trial.gradient.leaves)
    known = Trial(trial.field, found, index, confidence=trial.confidence, tangent=trial.tangent)
    known.probes, known.oracle = trial.probes, trial.oracle
    return known


def _of_a_large_jvp(trial: Trial, resolution: float) -> ArgumentReport:
    reason = (
        f"f has a kink here, where a jvp of more than {MOST_PUSHED} entries shows too little: claim a vjp, or "
        "check at a point off the kink"
    )
    return trial.undecided(resolution, reason).with_(smallest_error=math.inf)


def _smallest_error(trial: Trial, pairs: Sequence[tuple[Mismatch, Mismatch]], size: float) -> float:
    """Return the smallest relative error that the one-sided slopes would have shown next to the kink."""
    bounds = [max(m.bound for m in pair) for pair in pairs]
    size = max(size, trial.true_norm)
    return smallest_visible(bounds, trial.confidence) / size if len(bounds) > 1 and size > 0 else math.inf


def right_beside(trial: Trial, resolution: float) -> bool:
    """Tell whether a claim that is wrong at the point is right at x ± δ·v: then it is the point that is special."""
    if trial.claimed is None or any(p.slope.one_sided for p in trial.probes):
        return False
    found, size = [], 0.0 if trial.tangent is None else trial.true_norm
    for probe in trial.probes[:MOST_PROBES]:
        try:
            pair = sides(trial, probe, distance(trial))
        except WrongClaim:
            return False
        size = max(size, *(norm(trial, side.claim) for side in pair))
        found.append((pair[0].mismatch, pair[1].mismatch))
        if any(m.significant and abs(m.value) > resolution * size for m in found[-1]):
            return False  # no claims further on would bring the bound down to the resolution
    return _formula(trial, found, size).high <= resolution


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
    return max(spread(trial, near), 0.0 if trial.tangent is None else trial.true_norm)


def _one_piece(near: Nearby) -> bool:
    """Tell whether the claim is the same at the point and on every side of it: the kink is not at the point."""
    return all(float(np.max(np.abs(sample - near.here))) <= near.tolerance for sample in near.samples)


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


def _formula(trial: Trial, pairs: Sequence[tuple[Mismatch, Mismatch]], size: float) -> Interval:
    """Return the interval for the error of the claims next to the point, the worse of the two sides.

    Both are held to the larger side's `size`: one of them may be zero, as a ReLU's is. N lies within E of it.
    """
    worst = Interval(0.0, 0.0, relative=True, confidence=trial.confidence)
    extra = 4 * trial.jitter_next_to_kink
    for side in (0, 1):
        found = [pair[side] for pair in pairs]
        found = [Mismatch(m.claimed, m.measured, m.bound + extra) for m in found if math.isfinite(m.bound)]
        if not found:
            continue
        low, high = error_norm(found, (1 + trial.confidence) / 2)
        least = low / (size + low) if low > 0 and sum(m.significant for m in found) >= 2 else 0.0
        most = high / (size - high) if high < size < math.inf else (0.0 if high == 0 <= size < math.inf else math.inf)
        worst = Interval(max(worst.low, least), max(worst.high, most), relative=True, confidence=trial.confidence)
    return worst
