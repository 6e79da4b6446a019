"""Where f has one-sided slopes only: whether the claim is a subgradient, and by which convention.

Two questions. Is the formula right next to the point, where f is smooth (`gradcheck.kinks.formula`)? And is the claim
at the point a convex combination of the claims next to it (`gradcheck.kinks.subgradient`), or, where the kink variable
is known, made of λ ∈ [0, 1] kink by kink (`gradcheck.kinks.kink_variable`)? Without the first, a formula that is wrong
everywhere would supply its own wrong hull.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.claims.prediction import Prediction
from gradcheck.errors import WrongClaim
from gradcheck.kinks import chain_rule, changes, exactly, kink_variable, told
from gradcheck.kinks.formula import FEWEST, Formula
from gradcheck.kinks.of_black_box import black_box
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts import reasons
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.report import Kink
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcheck.verdicts.report import ArgumentReport, Probe

MOST_PUSHED = 2**10  # entries of a jvp's argument that are pushed forward one by one, for each claim
JUMPS = (
    "the gradient is right at the point and jumps there: beside the point it is another one; does it treat the point "
    "specially? check at another point"
)
JUMP = 16.0  # times its changes next to the point: a claim that a jitter changes by more jumps there


def judge(
    trial: Trial,
    resolution: float,
    *,
    required: str | None,
    kink_of: Callable[..., Any] | None,
    again: Callable[[], list[Probe]] | None = None,
) -> ArgumentReport:
    """Return the verdict on an argument along some of whose directions f has a kink at the point.

    Parameters
    ----------
    trial : Trial
        With its first probes.
    resolution : float
        The relative error to tell.
    required : str or None
        The convention that the caller asks for.
    kink_of : callable, optional
        The kink variable.
    again : callable, optional
        Measures as many slopes again along fresh directions: asked where the first ones leave the formula undecided,
        and before it is called wrong.

    """
    trial.keep_few_directions(changes.WHOLE)
    if trial.claimed is None:
        if arrays.total_size([trial.prediction.leaves[trial.index]]) > MOST_PUSHED:
            return _of_a_large_jvp(trial, resolution)
        trial = _with_array(trial)
    variable = None if kink_of is None else exactly.variable(trial, kink_of)
    beside = exactly.beside(trial, every=variable is not None)
    formula = Formula(beside, trial.probes)
    interval = _next_to_it(formula, resolution, again)
    within = _within(trial)
    report = trial.report(Verdict.INCONCLUSIVE, interval, resolution).with_(smallest_error=formula.smallest_error())
    if not _is_right(interval, resolution):
        beyond = Formula(beside, trial.probes, beyond=True)
        beyond.measure()
        error = beyond.interval()
        if error.low == 0 and beside.one_piece:
            return _near_the_point(report, error, within)
        worst = max(interval, error, key=lambda found: found.low)
        if worst.low > 0:
            if formula.changes_within():
                return report.with_(reason=reasons.FASTER)
            kink = Kink("other", valid=False, entries=(), within=within)
            reason = "wrong already next to the kink, where f is smooth"
            return report.with_(verdict=Verdict.FAIL, error=worst, kink=kink, reason=reason)
    formula.tell_drift()
    if variable is not None:
        rng = stream(trial.field.seed, Purpose.NAMED, trial.index)
        solved, entries = kink_variable.judged(beside, variable, rng)
        if solved is not None:
            found = told.of_named_kinks(report, beside, solved, entries, within, required, formula)
            return chain_rule.allowed(found, trial, required, interval)
    box = black_box(beside)
    found = told.of_black_box(report, beside, box, within, required, formula)
    box.forget()
    return chain_rule.allowed(found, trial, required, interval)


def _next_to_it(formula: Formula, resolution: float, again: Callable[[], list[Probe]] | None) -> Interval:
    """Return the interval for the error next to the point, measured to more accuracy where that may decide it.

    A claim is wrong there only where the first directions and fresh ones say so, each by themselves.
    """
    measure_few, refine_claims = partial(formula.measure, FEWEST), partial(formula.refine, slopes=False)
    for step in (measure_few, refine_claims, formula.measure, refine_claims, formula.refine):
        step()
        interval = formula.interval()
        if _is_right(interval, resolution):
            return interval
    if again is None:
        return interval
    trial = formula.beside.trial
    before = list(trial.probes)
    fresh = Formula(formula.beside, again())
    trial.settle([*fresh.probes, *before], trial.oracle)
    fresh.measure()
    fresh.refine()
    wrong = min(interval.low, fresh.interval().low) > 0
    formula.add(fresh)
    return formula.interval() if wrong else replace(formula.interval(), low=0.0)


def _is_right(interval: Interval, resolution: float) -> bool:
    return interval.low == 0 and interval.high <= resolution


def _within(trial: Trial) -> float:
    kinked = [probe for probe in trial.probes if probe.slope.kinked] or trial.probes
    return max(probe.slope.resolution for probe in kinked)


def _with_array(trial: Trial) -> Trial:
    """Return the trial of a jvp as that of the gradient whose entries the jvp gives, one for each unit tangent."""
    claim, index = trial.prediction.claim, trial.index
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

    found = Prediction(claim.with_(claimed=gradient, predicted=None, linear=None), trial.prediction.leaves)
    known = Trial(trial.field, found, index, confidence=trial.confidence, tangent=trial.tangent)
    known.settle(trial.probes, trial.oracle)
    return known


def _of_a_large_jvp(trial: Trial, resolution: float) -> ArgumentReport:
    reason = (
        f"f has a kink here, where a jvp of more than {MOST_PUSHED} entries shows too little: claim a vjp, or "
        "check at a point off the kink"
    )
    return trial.undecided(resolution, reason).with_(smallest_error=math.inf)


def _can_be_asked(trial: Trial) -> bool:
    """Tell whether there are claims next to the point: a jvp gives no array, and arrays say nothing of other points."""
    return bool(trial.probes) and trial.claimed is not None and not trial.prediction.claim.at_point_only


def without_the_jump(trial: Trial) -> bool:
    """Take a jump of the claim at the point out of its round-off; return whether there is one.

    Moved by one unit of round-off, a claim that treats the point specially changes by far more than it does next to the
    point. That is no ill-conditioned problem.
    """
    if not _can_be_asked(trial):
        return False
    formula = Formula(exactly.beside(trial), trial.probes)
    try:
        pair = formula.measure_one(0)
    except WrongClaim:
        return False
    own = math.hypot(*(side.change for side in pair))
    if trial.jitter <= JUMP * own:
        return False
    trial.jitter = own
    return True


def near_by(trial: Trial) -> str:
    """Say so where the claims on both sides of the point are those of different pieces of f; else say nothing."""
    if not _can_be_asked(trial):
        return ""
    beside = exactly.beside(trial)
    try:
        Formula(beside, trial.probes).measure_one(0)
    except WrongClaim:
        return ""
    if not len(beside.changing()) or not beside.delta:  # exact claims next to the point: no kink is nearer than those
        return ""
    return (
        f"f has a kink within {beside.delta:.1e} of the argument's size of the point, nearer than slopes can tell: "
        "check at the kink itself or further off, or with oracle='exact'"
    )


def right_beside(trial: Trial, resolution: float) -> bool:
    """Tell whether a claim that is wrong at the point is not wrong at x ± δ·v: then it is the point that is special."""
    if not _can_be_asked(trial) or any(p.slope.one_sided for p in trial.probes):
        return False
    beside = exactly.beside(trial)
    formula = Formula(beside, trial.probes)
    for number in range(len(formula.probes)):
        try:
            pair = formula.measure_one(number)
        except WrongClaim:
            return False
        least = resolution * formula.gradient_size
        wrong = any(side.mismatch.significant and abs(side.mismatch.value) > least for side in pair)
        if wrong and not len(beside.changing()):
            return False  # no claims further on would bring the bound down to the resolution
    formula.refine()
    return formula.interval().low == 0 and bool(len(beside.changing()) or beside.jumps)


def at_the_point_only(trial: Trial, argument: ArgumentReport, required: str | None) -> ArgumentReport:
    """Return the report on a claim that is right next to the point and wrong at it, by slopes that show no kink.

    f may have a kink of which no line shows anything: a median is odd along every line through a tie.
    """
    beside = exactly.beside(trial)
    formula = Formula(beside, trial.probes)
    formula.measure()
    found = black_box(beside)
    near = found.near
    if near is not None and found.finding.state == "outside" and found.still:  # not even where one looked for a kink
        argument = argument.with_(reason=told.jump(beside, found.entries, near))
        found.forget()
        return chain_rule.allowed(argument, trial, required, formula.interval())
    report = trial.report(Verdict.INCONCLUSIVE, formula.interval(), argument.resolution)
    report = report.with_(smallest_error=formula.smallest_error())
    report = told.of_black_box(report, beside, found, _within(trial), required, formula)
    found.forget()
    return chain_rule.allowed(report, trial, required, formula.interval())


def _near_the_point(report: ArgumentReport, error: Interval, within: float) -> ArgumentReport:
    """Return the verdict where the claim jumps between δ and the finest step f's noise allows: f is smooth at x."""
    note = f"f has a kink within {within:.1e} of the argument's size of the point, not at it"
    report = report.with_(error=error, notes=(note,))
    if error.high <= report.resolution:
        return report.with_(verdict=Verdict.PASS)
    return report.with_(reason=told.too_coarse(error.high, report.resolution))
