"""The verdict on one argument: smooth, at a kink, or wrong, and then which mistake and where."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck import arrays
from gradcheck.diagnosis import every_entry, locate, names
from gradcheck.diagnosis.rows import located as in_matrix
from gradcheck.diagnosis.symmetric import right_when_symmetric
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.judge import lost_digits, unseen_kink
from gradcheck.judge.tolerance import FRESH, allowed_for
from gradcheck.kinks import kink
from gradcheck.oracles.by_name import again, oracle_of
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.budget import BudgetReached
from gradcheck.slopes.inside import NARROW
from gradcheck.slopes.within_finest_step import steeper_within
from gradcheck.verdicts import decide, escalation, reasons, unit_scale
from gradcheck.verdicts.accuracy import spread
from gradcheck.verdicts.certificate import Interval, Verdict, default_resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcheck.claims.prediction import Prediction
    from gradcheck.judge.nearby import Nearby
    from gradcheck.slopes.field import Field
    from gradcheck.verdicts.options import Rules
    from gradcheck.verdicts.report import ArgumentReport
    from gradcheck.verdicts.trial import Trial

STEADY = 2.0**-3  # of a claim: by less than that it is another one at the rounded point
ROUNDINGS = 4.0  # of the point: its own, that of a step on either side, and one more
# Where f rounds inside each slope tells little: sixteen more bound the error seven times as closely as four do.
MORE_INSIDE = 16
# Every operation inside is rounded, and not only the value: a right gradient shows fewer digits than by one rounding.
ROUNDED, AN_EIGHTH = 4.0, 2.0**-3


def _guarded(kink_of: Callable[..., Any]) -> Callable[..., Any]:
    """Return kink_of with what it raises told as the caller's error."""

    def guarded(*args: Any) -> Any:
        try:
            return kink_of(*args)
        except Exception as error:
            raise ArgumentError(f"kink_of= raised {type(error).__name__}: {error}") from error

    return guarded


def resolution_of(rules: Rules, prediction: Prediction, field: Field) -> float:
    """Return the relative error below which a PASS is given: `rtol`, or what the arithmetic allows."""
    if rules.rtol is not None:
        return rules.rtol
    inside = arrays.ROUNDOFF.get(field.inside, 0.0)
    resolution = default_resolution(max(prediction.claim.given_unit, field.unit, inside))
    return max(resolution, min(ROUNDED * resolution, AN_EIGHTH)) if field.inside else resolution


def verdict_on(trial: Trial, trials: Mapping[int, Trial], nearby: Nearby, rules: Rules, reached: str) -> ArgumentReport:
    """Return the verdict on one argument; a first answer other than PASS is measured again along fresh directions.

    `trials` are those of all arguments; `reached` says what ended the measuring early, and is empty if nothing did.
    """
    resolution = resolution_of(rules, trial.prediction, trial.field)
    if arrays.total_size([trial.prediction.leaves[trial.index]]) == 0:  # an empty sum: nothing to be wrong about
        nothing = Interval(0.0, 0.0, relative=False, confidence=trial.confidence)
        return trial.report(Verdict.PASS, nothing, resolution)
    if unknown := reached or _unknown(trial):
        return trial.undecided(resolution, unknown)
    if any(probe.slope.kinked for probe in trial.probes):
        kink_of = None if rules.kink_of is None else _guarded(rules.kink_of)
        at_kink = kink.judge(
            trial, resolution, required=rules.kink, kink_of=kink_of, again=lambda: _again(trial, rules)
        )
        return nearby.named(at_kink, trial.index) if at_kink.error.low > 0 else at_kink
    return _where_smooth(trial, trials, rules, resolution)


def _where_smooth(trial: Trial, trials: Mapping[int, Trial], rules: Rules, resolution: float) -> ArgumentReport:
    """Decide on an argument without a kink at the point; what is no PASS is measured again, and looked into."""
    verdict, interval, reason = decide.verdict(trial, rules, resolution)
    if verdict is not Verdict.PASS:
        fresh = _again(trial, rules)
        verdict, interval, reason = decide.verdict(trial, rules, resolution)
        if verdict is Verdict.FAIL and sum(m.significant for m in trial.mismatches(fresh)) < 2:
            verdict = Verdict.INCONCLUSIVE
            reason = FRESH
    if verdict is Verdict.FAIL and _may_be_round_off(trial):
        verdict, interval, reason = decide.verdict(trial, rules, resolution)
    if verdict is Verdict.PASS and not interval.relative and (larger := _wrong_on_larger_steps(trial, rules)):
        trial, verdict, interval, reason = larger
    if verdict is Verdict.INCONCLUSIVE:
        verdict, interval, reason = _looked_beside(trial, rules, resolution, (verdict, interval, reason))
    verdict, reason = _doubted(trial, rules, verdict, reason)
    if verdict is Verdict.FAIL and (dtype := _of_a_rounded_point(trial)):
        verdict, interval, _ = decide.verdict(trial, rules, resolution)
        if verdict is not Verdict.FAIL:  # and no PASS: slopes there say nothing of the claim here
            return trial.report(Verdict.INCONCLUSIVE, interval, resolution, reasons.ROUNDED_POINT.format(dtype))
    return _concluded(trial.report(verdict, interval, resolution, reason), trial, trials, rules)


def _doubted(trial: Trial, rules: Rules, verdict: Verdict, reason: str) -> tuple[Verdict, str]:
    """Return a verdict and its reason; of a FAIL whose slopes do not show the claim wrong, why they do not."""
    if verdict is not Verdict.FAIL:
        return verdict, reason
    doubt = reasons.FASTER if _faster(trial) else lost_digits.doubt(trial, rules)
    doubt = doubt or (reasons.BENDS.format(trial.name) if unseen_kink.may_explain(trial) else "")
    return (Verdict.INCONCLUSIVE, doubt) if doubt else (verdict, reason)


def _may_be_round_off(trial: Trial) -> bool:
    """Jitter the claim more often where no slope stands out of zero; tell whether it then moves by more.

    The gradient of a layer norm of two numbers far apart is what two large terms leave of each other: 1e-7, of either
    sign, in two of three neighbouring points.
    """
    if any(abs(m.measured) > m.bound for m in trial.mismatches()):
        return False
    before, i = trial.jitter, trial.index
    trial.jitter = max(before, spread(trial.prediction, trial.field, trial.field.unit, [i], unseen=[i])[i])
    return trial.jitter > before


def _of_a_rounded_point(trial: Trial) -> str:
    """Return the dtype that f rounds its arguments to, if the claim is another one at the point that they become.

    f is the same to the bit at both, and its slopes are those there. What the claim changes by is allowed it.
    """
    field, prediction, i = trial.field, trial.prediction, trial.index
    here = prediction.values[i]
    if here is None or prediction.claim.at_point_only or not isinstance(trial.oracle, FiniteDifferences):
        return ""
    found, moved = "", 0.0
    for name in sorted(NARROW, key=arrays.ROUNDOFF.__getitem__):  # what is rounded to few bits is the same at more
        rounded = arrays.rounded(prediction.leaves, prediction.judged, name)
        pairs = zip(rounded, prediction.leaves, strict=True)
        if all(one is x or np.array_equal(arrays.to_numpy(one), arrays.to_numpy(x)) for one, x in pairs):
            continue  # the point itself
        with contextlib.suppress(WrongClaim, ArgumentError, BudgetReached):  # nothing learnt: it is a FAIL
            if field.evaluate(rounded) != field.at_point or (there := prediction.at(rounded)[i]) is None:
                break
            found, moved = name, trial.scale.norm(arrays.to_numpy(there) - here)
    if not moved > 0:
        return ""
    steady = moved < STEADY * trial.scale.norm(here)  # else steps over a rounding see nothing of it
    trial.jitter += ROUNDINGS * moved if steady else math.inf
    return found


def _concluded(argument: ArgumentReport, trial: Trial, trials: Mapping[int, Trial], rules: Rules) -> ArgumentReport:
    """Return the report, of another oracle where this one is undecided, with a mistake's name or the proof of power."""
    if argument.verdict is Verdict.INCONCLUSIVE and argument.reason != kink.JUMPS:
        resolution, other = argument.resolution, None
        if rules.oracle is None:
            other = escalation.decided(trial, lambda t: decide.verdict(t, rules, resolution), resolution)
        trial, argument = other or (trial, argument)
        if argument.verdict is Verdict.INCONCLUSIVE:  # a doubt that round-off explains, too
            trial, argument = _by_the_digits(argument, trial, rules)
    if argument.verdict is Verdict.FAIL:
        argument = allowed_for(_wrong(argument, trial, trials, rules), trial)
        wanted = rules.every_entry and argument.verdict is Verdict.FAIL
        return every_entry.measured(argument, trial) if wanted else argument
    return names.power(argument, trial, trials) if argument.verdict is Verdict.PASS else allowed_for(argument, trial)


def _by_the_digits(argument: ArgumentReport, trial: Trial, rules: Rules) -> tuple[Trial, ArgumentReport]:
    """Return a PASS of fewer digits where f's own show no more; the report as it was where they show too little."""
    interval = decide.by_the_digits(trial, rules, argument.resolution)
    if interval is None:
        return trial, argument
    if interval.relative:
        return trial, trial.report(Verdict.PASS, interval, interval.high).with_(notes=(reasons.FEWER,))
    if larger := _wrong_on_larger_steps(trial, rules):
        trial, verdict, seen, reason = larger
        verdict, reason = _doubted(trial, rules, verdict, reason)
        return trial, trial.report(verdict, seen, argument.resolution, reason)
    return trial, trial.report(Verdict.PASS, interval, argument.resolution).with_(notes=(reasons.LAST_DIGITS,))


def _faster(trial: Trial) -> bool:
    """Tell whether f changes within the finest step along a direction that contradicts the claim."""
    field, finest = trial.field, trial.field.finest([trial.index])
    wrong = [p for p in trial.probes if trial.mismatch(p).significant and p.moved == 1]
    return any(
        steeper_within(
            field.line({trial.index: trial.direction(p.probe)}),
            field.at_point,
            p.slope,
            claimed=p.claimed,
            finest=finest,
            unit=field.unit,
        )
        for p in wrong[:4]
    )


def _unknown(trial: Trial) -> str:
    """Return why nothing can be said of an argument, empty where something can."""
    if len(trial.probes) < 2:
        return reasons.unmeasurable(trial)
    if trial.prediction.claim.at_point_only and any(probe.slope.kinked for probe in trial.probes):
        return "f has a kink here, and arrays claim nothing next to it: pass the gradient as a function"
    return ""


def _looked_beside(
    trial: Trial, rules: Rules, resolution: float, undecided: tuple[Verdict, Interval, str]
) -> tuple[Verdict, Interval, str]:
    """Return what is decided where the claim jumps at the point, and say so where a kink stands next to it."""
    verdict, interval, reason = undecided
    if kink.without_the_jump(trial):
        verdict, interval, reason = decide.verdict(trial, rules, resolution)
        if verdict is Verdict.PASS:
            return Verdict.INCONCLUSIVE, interval, kink.JUMPS
    return verdict, interval, (verdict is Verdict.INCONCLUSIVE and kink.near_by(trial)) or reason


def _wrong_on_larger_steps(trial: Trial, rules: Rules) -> tuple[Trial, Verdict, Interval, str] | None:
    """Return the trial of a tiny argument on steps of 1 and its verdict; None where none objects, or not asked for.

    f has to move there: where it stands still, the mismatch is the claim's own round-off.
    """
    if rules.oracle is not None or not unit_scale.is_tiny(trial):
        return None
    larger = unit_scale.trial_at_unit_scale(trial, max(rules.probes, 4))
    if larger is None or sum(m.significant and abs(m.measured) > m.bound for m in larger.mismatches()) < 2:
        return None
    return larger, *decide.verdict(larger, rules, resolution_of(rules, trial.prediction, trial.field))


def _wrong(argument: ArgumentReport, trial: Trial, trials: Mapping[int, Trial], rules: Rules) -> ArgumentReport:
    """Return the report of a FAIL with its mistake and its place; of a PASS where it is a subgradient after all."""
    if kink.right_beside(trial, min(argument.resolution, trial.interval().low)):
        return kink.at_the_point_only(trial, argument, rules.kink)
    if argument.reason == reasons.STRAIGHT_THROUGH:
        return argument  # wrong everywhere, and not by a mistake
    if decide.never_moves(trial):
        used = f"f does not move by a bit when {trial.name} does: does f use {trial.name}?"
        return argument.with_(advice=used)
    if (told := right_when_symmetric(argument, trial)) is not None:
        return told
    found = names.placed(locate.find(names.named(argument, trial, trials), trial), trial)
    return in_matrix(found, trial)


def _again(trial: Trial, rules: Rules) -> list[Any]:
    """Measure as many slopes again, with fresh directions, fresh steps and the noise measured afresh."""
    before = trial.oracle or oracle_of(rules.oracle, trial.field, trial.prediction)
    oracle = again(before, trial.field, trial.prediction)
    if isinstance(oracle, FiniteDifferences) and not (trial.too_small or trial.empty):
        trial.field.noise(trial.prediction.judged, 1)  # before a direction is drawn, which is as large as its own
    fresh = trial.measure(oracle, max(rules.probes, MORE_INSIDE if trial.field.inside else 4))
    decide.see_size(trial)
    return fresh
