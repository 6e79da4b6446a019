"""From a claim to a report: the contract, the slopes of each argument, the verdict, the mistake and its place."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims import contract
from gradcheck.claims.point import check_point, finite_point
from gradcheck.claims.prediction import Prediction
from gradcheck.claims.tangent import tangents
from gradcheck.errors import ArgumentError, GradcheckError, WrongClaim
from gradcheck.judge import rounded
from gradcheck.judge.nearby import Nearby
from gradcheck.judge.one_argument import resolution_of, verdict_on
from gradcheck.judge.tolerance import differs
from gradcheck.oracles.by_name import FINITE_DIFFERENCES, oracle_of
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.budget import BudgetReached
from gradcheck.slopes.field import Field, quiet
from gradcheck.slopes.inside import NOTHING
from gradcheck.verdicts import accuracy, decide, exactness, frozen, unit_scale
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.joint import Joint
from gradcheck.verdicts.report import ArgumentReport, Report
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcheck.claims.claim import Claim
    from gradcheck.claims.prediction import ClaimNoise
    from gradcheck.slopes.budget import Budget
    from gradcheck.verdicts.options import Rules
    from gradcheck.verdicts.report import Accuracy

FROZEN = "is the same to the bit at another point, though f curves: right here, but kept from an earlier call?"
LAYOUT = 64.0  # another order of summation may cost so many times what a bit of the arguments does


@quiet()
def judge(claim: Claim, rules: Rules) -> Report:
    """Return the report on a claim: contract first, then the numbers of each argument."""
    with contextlib.closing(rules.budget()) as budget:
        return _in_widest_dtype(claim, rules, budget)


def _in_widest_dtype(claim: Claim, rules: Rules, budget: Budget) -> Report:
    """Ask the claim once; judge it in float64 where f and the gradient both work in it, else in the dtype given."""
    notes = list(claim.notes)
    copies = [arrays.copied(x) for x in claim.leaves]
    try:
        prediction = Prediction(claim, claim.leaves)
    except WrongClaim as complaint:
        finite_point(copies, claim.names)
        _restore(claim, copies)
        # raises where f cannot be evaluated: no FAIL then
        field = Field(claim, claim.leaves, seed=rules.seed, budget=budget)
        remark = _after_f(claim)
        _restore(claim, copies)
        sentence = str(complaint) + remark
        return _complaint(claim, rules, sentence, complaint.__cause__, calls=field.evaluations, gradients=2)
    judged = prediction.judged
    check_point([claim.leaves[i] for i in judged], [claim.names[i] for i in judged])
    if (changed := _mutated(claim, copies)) is not None:
        return _complaint(claim, rules, f"the gradient changes its argument {changed} in place: work on a copy")
    del copies  # as large as the arguments
    wide = _promoted(claim, prediction)
    if wide is None:
        return _judged(claim, prediction, None, rules, budget, notes)
    report = _judged(claim, wide, None if claim.at_point_only else prediction, rules, budget, notes)
    inaccurate = any(a.accuracy is not None and a.accuracy.verdict is Verdict.FAIL for a in report)
    if inaccurate and (note := accuracy.another_function(claim, wide.leaves)) is not None:
        return _judged(claim, prediction, None, rules, budget, [*claim.notes, note])
    return report


def _judged(
    claim: Claim,
    prediction: Prediction,
    native: Prediction | None,
    rules: Rules,
    budget: Budget,
    notes: list[str],
) -> Report:
    """Return the report on `prediction`: its contract, then its numbers; and on the `native` one's accuracy, if any."""
    field = _field_at(claim, prediction, rules, budget)
    before, spent_on_backward = 0 if native is None else native.evaluations, 0

    def complaint(sentence: str, cause: BaseException | None = None) -> Report:
        calls, gradients = field.evaluations + spent_on_backward, before + prediction.evaluations
        return _complaint(claim, rules, sentence, cause, calls=calls, gradients=gradients)

    try:
        own = partial(_own_round_off, field, prediction)
        noise, breach, note = contract.examine(prediction, field, own)
        spent = field.evaluations
        if breach:
            return complaint(breach)
        if note and rules.deterministic:
            return complaint(note)
        if note:
            notes.append(note)
        owed = None if note or claim.owed is None else claim.owed(prediction.leaves, prediction.arrays)
        if owed is not None:
            spent_on_backward = owed.calls
            notes += owed.notes
            if owed.breaches:
                return complaint(f"the backward {'; '.join(owed.breaches)}")
        field.scale_zeros(prediction.judged)
        found = NOTHING if note else rounded.before(field, prediction, rules)
        field, notes = rounded.at_that(field, found, notes) if not found.unsure else (field, notes)
        report = _numbers(field, prediction, native, noise, rules, notes)
        if found.unsure and report.verdict is not Verdict.PASS and not rounded.stairs(report):
            field, notes = rounded.at_that(field, found, notes)
            report = _numbers(field, prediction, native, noise, rules, notes)
    except WrongClaim as error:
        return complaint(str(error), error.__cause__)
    return replace(
        report,
        contract_evaluations=spent + spent_on_backward,
        evaluations=field.evaluations - spent,
        gradient_evaluations=before + prediction.evaluations,
    )


def _field_at(claim: Claim, prediction: Prediction, rules: Rules, budget: Budget) -> Field:
    """Return f around the point, once it is known to leave its arguments as they are."""
    copies = [arrays.copied(x) for x in claim.leaves]
    field = Field(claim, prediction.leaves, seed=rules.seed, budget=budget)
    if (changed := _mutated(claim, copies)) is not None:
        raise ArgumentError(f"{claim.title} changes its argument {changed} in place: let it work on a copy")
    return field


def _after_f(claim: Claim) -> str:
    """Return a remark if the gradient that broke its contract keeps it now that f was called."""
    try:
        Prediction(claim, claim.leaves)
    except GradcheckError:
        return ""
    return (
        f"; after a call of {claim.title} it does not: it reads what {claim.title} leaves behind; call {claim.title} "
        "inside it, or pass the two as f and backward= with a cache"
    )


def _restore(claim: Claim, copies: Sequence[Any]) -> None:
    """Write the copies back into the arguments."""
    for x, copy in zip(claim.leaves, copies, strict=True):
        arrays.written(x, copy)


def _mutated(claim: Claim, copies: Sequence[Any]) -> str | None:
    """Return the name of an argument that a call has changed, which is put back; None where there is none."""
    for x, copy, name in zip(claim.leaves, copies, claim.names, strict=True):
        if not arrays.same(x, copy):
            arrays.written(x, copy)
            return name
    return None


def _complaint(
    claim: Claim, rules: Rules, sentence: str, cause: BaseException | None = None, *, calls: int = 0, gradients: int = 1
) -> Report:
    """Return the report on a claim that broke its contract, after so many calls of f and of the gradient."""
    report = Report(
        title=claim.title,
        arguments=(),
        evaluations=0,
        gradient_evaluations=gradients,
        contract_evaluations=calls,
        seed=rules.seed,
        confidence=rules.confidence,
        oracle="contract",
        complaint=sentence,
    )
    return report.with_cause(cause)


def _promoted(claim: Claim, native: Prediction) -> Prediction | None:
    """Return the claim at the same point in float64, if the function and the gradient both work in it."""
    names = [arrays.dtype_name(x) for x in claim.leaves]
    if all(name not in arrays.WIDER for name in names) or len({arrays.ROUNDOFF[name] for name in names}) > 1:
        return None  # dtypes that are mixed on purpose are judged each in its own: casts inside f follow them
    leaves = [
        arrays.cast(x, arrays.WIDER[n]) if n in arrays.WIDER else x for x, n in zip(claim.leaves, names, strict=True)
    ]
    if any(arrays.dtype_name(x) != arrays.WIDER.get(n, n) for x, n in zip(leaves, names, strict=True)):
        return None  # a library in which float64 is switched off
    try:
        if arrays.ROUNDOFF.get(claim.output_dtype(leaves), 1.0) > 2.0**-53:
            return None
        prediction = Prediction(claim, leaves)
    except Exception:  # noqa: BLE001  float64 is an offer: a function that declines it is judged in its own dtype
        return None
    wide = all(
        arrays.ROUNDOFF[arrays.dtype_name(prediction.arrays[i])] <= 2.0**-53
        for i in prediction.judged
        if prediction.arrays[i] is not None
    )
    return prediction if wide and prediction.judged == native.judged else None


def _own_round_off(field: Field, prediction: Prediction, index: int) -> float:
    """Return how far off the claim of one argument may be in another order of summation."""
    jitter = accuracy.spread(prediction, field, field.unit, [index])[index]
    largest = max(field.scales[i].norm(here) for i in prediction.judged if (here := prediction.values[i]) is not None)
    rounded = accuracy.roundings(prediction, field) * largest  # of one that is zero: terms of another's size cancel
    return max(LAYOUT * jitter, rounded, accuracy.own_round_off(prediction, field, index))


def _numbers(
    field: Field,
    prediction: Prediction,
    native: Prediction | None,
    noise: ClaimNoise,
    rules: Rules,
    notes: list[str],
) -> Report:
    """Measure the slopes of each argument, then decide on each: all that follows the contract."""
    claim = prediction.claim
    allowed = tangents(rules.tangent, [claim.names[i] for i in prediction.judged])
    trials = {
        i: Trial(field, prediction, i, confidence=rules.confidence, tangent=allowed.get(claim.names[i]), noise=noise)
        for i in prediction.judged
    }
    reached = _measure(trials, rules)
    accuracies: dict[int, Accuracy] = {}
    if native is not None:
        dtype = max((arrays.dtype_name(x) for x in native.leaves), key=lambda n: arrays.ROUNDOFF[n])
        accuracies = accuracy.judge(native.arrays, prediction, field, dtype)
    found, remarks, nearby = [], list[str](), Nearby(trials, rules)
    for i, trial in trials.items():
        try:
            argument = verdict_on(trial, trials, nearby, rules, "" if len(trial.probes) >= rules.probes else reached)
        except BudgetReached as error:
            reached = str(error)
            argument = verdict_on(trial, trials, nearby, rules, reached)
        if argument.verdict is not Verdict.PASS and (behind := rounded.behind(trial, argument, rules)).dtype:
            field, notes = rounded.at_that(field, behind, notes)
            return _numbers(field, prediction, native, noise, rules, notes)
        argument = exactness.told(argument, trial)
        found.append(_with_accuracy(argument, accuracies.get(i)))
        remarks += _remarks(argument, trial)
    if field.failure:
        remarks.append(f"{claim.title} raised next to the point ({field.failure}); steps were kept where it does not")
    return Report(
        title=claim.title,
        arguments=tuple(found),
        evaluations=field.evaluations,
        gradient_evaluations=prediction.evaluations,
        contract_evaluations=0,
        seed=rules.seed,
        confidence=rules.confidence,
        oracle=rules.oracle or FINITE_DIFFERENCES,
        notes=(*notes, *remarks),
        repeat=f"gradcheck.check(..., seed={rules.seed})",
        unchecked=claim.not_checked(prediction.judged),
    )


def _remarks(argument: ArgumentReport, trial: Trial) -> list[str]:
    """Return what is to be said of a claim beside its verdict."""
    found = [FROZEN] if argument.verdict is Verdict.PASS and trial.frozen else []
    if argument.verdict is not Verdict.INCONCLUSIVE and (said := differs(trial)):
        found.append(said)
    return [f"the gradient of {trial.name} {remark}" for remark in found]


def _measure(trials: Mapping[int, Trial], rules: Rules) -> str:
    """Measure the slopes of every argument; return what ended it early, if anything did."""
    try:
        _slopes(trials, rules)
    except BudgetReached as error:
        reached = str(error)
    else:
        reached = ""
    _round_off(trials)
    with contextlib.suppress(BudgetReached):
        for trial in trials.values():
            decide.see_size(trial)
    return reached


def _slopes(trials: Mapping[int, Trial], rules: Rules) -> None:
    """Measure the slopes of every argument: together where that settles them, alone where it does not."""
    first = next(iter(trials.values()))
    field, prediction = first.field, first.prediction
    oracle = oracle_of(rules.oracle, field, prediction)
    if isinstance(oracle, FiniteDifferences):
        field.noise(prediction.judged)  # what f does not see of its arguments, the claim need not
    if len(trials) > 1:
        for i, jitter in accuracy.spread(prediction, field, field.coarseness(), list(trials)).items():
            trials[i].jitter = jitter
        Joint(trials, oracle, count=rules.probes, resolution=resolution_of(rules, prediction, field), rules=rules).run()
        for i in frozen.suspects(trials, oracle):
            trials[i].end_joint()
    for trial in trials.values():
        if not trial.probes:
            trial.measure(oracle, rules.probes)
    if rules.oracle is None:
        unit_scale.clear(trials, max(rules.probes, 4))


def _round_off(trials: Mapping[int, Trial]) -> None:
    """Take from each claim's own round-off what is none: a kink that the point's jitter crosses."""
    first = next(iter(trials.values()))
    field, prediction, unit = first.field, first.prediction, first.field.coarseness()
    kinked = [i for i, trial in trials.items() if any(probe.slope.kinked for probe in trial.probes)]
    for i in kinked:
        trials[i].jitter = 0.0
    if len(trials) == 1 and not kinked:
        first.jitter = accuracy.spread(prediction, field, unit, list(trials))[first.index]
    unseen = [i for i, trial in trials.items() if i not in kinked and trial.unseen and trial.jitter == 0]
    for i, jitter in accuracy.spread(prediction, field, unit, unseen, unseen=unseen).items():
        trials[i].jitter = jitter


def _with_accuracy(argument: ArgumentReport, found: Accuracy | None) -> ArgumentReport:
    """Return the report with the accuracy of the float32 gradient, which may make a FAIL of a right formula."""
    if found is None:
        return argument
    if not argument.error.relative:  # zero as far as can be seen: nothing to be accurate relative to
        return argument
    if found.verdict is Verdict.PASS or argument.verdict is not Verdict.PASS:  # only right formulas are asked
        return argument.with_(accuracy=found)
    return argument.with_(
        accuracy=found,
        verdict=Verdict.FAIL,
        reason=(
            f"the formula is right in float64, but in {found.dtype} the gradient is off by {found.error:.1e}, "
            f"allowed {found.allowed:.1e} by the problem's condition: it cancels; rearrange it"
        ),
    )
