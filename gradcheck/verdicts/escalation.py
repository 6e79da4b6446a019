"""Before INCONCLUSIVE is said: the next oracle that can look into f's code is asked.

In order: forward-mode differentiation where f is Torch's or JAX's own parts, a complex step and then exact arithmetic
where it is NumPy code. Such an oracle shares the code with f, and could share a mistake of looking: so it is heard only
where it agrees with every difference that was measured, within that one's bound.

The budget: `SLOPES` slopes of each oracle, five or ten evaluations each; exact arithmetic, some thousand times slower,
where all arguments together have at most `EXACT_ENTRIES` entries.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.errors import GradcheckError
from gradcheck.slopes.budget import BudgetReached
from gradcheck.verdicts import decide, reasons
from gradcheck.verdicts.accuracy import LAMBDA, as_far_off_as_f, own_round_off, spread, wobble
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.contradiction import all_noise
from gradcheck.verdicts.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcheck.oracles.base import Oracle
    from gradcheck.verdicts.certificate import Interval
    from gradcheck.verdicts.report import ArgumentReport

SLOPES = 4
# Where differences see nothing, code that computes derivatives sees the claim's own round-off, and a jitter need not
# show that. So such code alone makes a claim a FAIL only if it is wrong by a tenth or more.
GROSS = 0.1
DOUBT = (
    "differences see no slope here, and {} finds another one than is claimed: a mistake, or round-off of the claim, "
    "which may be as large beside an f that is so much larger; check at another point, or pass atol= if it does not "
    "matter"
)
EXACT_ENTRIES = 64
LOST = 2.0**-10  # of f, by which it is off: its terms are so much larger, and the claim's
FEWEST_DIGITS = 2.0**-24  # of a derivative computed in fewer, the round-off allowed for is as large as itself


def oracles(trial: Trial) -> Iterator[Oracle]:
    """Yield the oracles that can look into this f, the cheapest first."""
    field, claim = trial.field, trial.prediction.claim
    for make in (_torch, _jax, _complex_step, _exact):
        try:
            yield make(field, claim)
        except (GradcheckError, ImportError):
            continue


def _torch(field: Any, claim: Any) -> Oracle:
    from gradcheck.oracles.torch_forward import TorchForward  # noqa: PLC0415  what is not asked is not imported

    return TorchForward(field, claim)


def _jax(field: Any, claim: Any) -> Oracle:
    from gradcheck.oracles.jax_forward import JaxForward  # noqa: PLC0415

    return JaxForward(field, claim)


def _complex_step(field: Any, claim: Any) -> Oracle:
    from gradcheck.oracles.complex_step import ComplexStep  # noqa: PLC0415

    return ComplexStep(field, claim)


def _exact(field: Any, claim: Any) -> Oracle:
    from gradcheck.oracles.exact_slopes import ExactSlopes  # noqa: PLC0415

    if arrays.total_size(field.leaves) > EXACT_ENTRIES:
        raise GradcheckError("too large for exact arithmetic")
    return ExactSlopes(field, claim)


def agrees(slope: Any, other: Any) -> bool:
    """Tell whether a slope lies within what a difference along the same direction allows."""
    if abs(slope.value) <= other.constant + slope.error:  # f was seen to stand still, whatever it does further out
        return True
    low, high = sorted((other.left, other.right)) if other.kinked else (other.value, other.value)
    error = (other.side_error if other.kinked else other.error) + slope.error
    return bool(math.isnan(low) or low - error <= slope.value <= high + error)


def another_trial(trial: Trial, oracle: Oracle) -> Trial | None:
    """Return the trial with slopes of `oracle`; None where it cannot follow f, or disagrees with a difference."""
    if trial.probes and all(probe.slope.jumps for probe in trial.probes):
        return None  # a derivative of zero on either side of a jump is none
    if all_noise(trial):
        return None  # what is left of f is round-off, and of its derivatives as well
    other = Trial(
        trial.field,
        trial.prediction,
        trial.index,
        confidence=trial.confidence,
        tangent=trial.tangent,
        noise=trial.noise,
    )
    unit, index = trial.field.unit, trial.index
    other.jitter = spread(trial.prediction, trial.field, unit, [index])[index]
    if other.jitter == 0:  # at a minimum that f reaches exactly most units of the point change nothing
        other.jitter = spread(trial.prediction, trial.field, unit, [index], unseen=[index])[index]
    try:
        other.measure(oracle, SLOPES)
        here = trial.field.at_point
        if (off := abs(getattr(oracle, "value", here) - here)) > LOST * abs(here):
            other.jitter = max(other.jitter, as_far_off_as_f(trial.prediction, off))
        decide.see_size(other)
        for probe in trial.probes[:SLOPES]:
            v = trial.direction(probe.probe)
            slope = oracle.slope({trial.index: v}, scale=0.0, start=None)
            if slope is not None and not agrees(slope, probe.slope):
                return None
    except BudgetReached:
        raise
    except GradcheckError:
        return None
    return other if len(other.probes) >= 2 else None


def decided(
    trial: Trial, judge: Callable[[Trial], tuple[Verdict, Interval, str]], resolution: float
) -> tuple[Trial, ArgumentReport] | None:
    """Return the first report that another oracle gives other than INCONCLUSIVE, and its trial; None if none does.

    Parameters
    ----------
    trial : Trial
        What differences could not decide.
    judge : callable
        Maps a trial without kinks to a verdict, an interval and a reason.
    resolution : float
        The relative error that a PASS needs.

    """
    if trial.random or trial.field.unit > FEWEST_DIGITS:
        return None
    doubt = None
    for oracle in oracles(trial):
        other = another_trial(trial, oracle)
        if other is None or any(probe.slope.kinked for probe in other.probes):
            continue
        verdict, interval, reason = judge(other)
        if verdict is Verdict.FAIL and interval.high <= resolution and not _beyond_round_off(other):
            verdict, reason = Verdict.PASS, ""  # two ways of computing one derivative, rounded in two ways
        if verdict is Verdict.FAIL and not (interval.low > GROSS and _beyond_round_off(other)):
            reason = DOUBT.format(oracle.name)
            doubt = doubt or (trial, trial.report(Verdict.INCONCLUSIVE, trial.interval(), resolution, reason))
            continue
        if verdict is Verdict.FAIL and other.true_norm == 0 and other.claimed_norm != 0:
            # constant by its code: stairs by design, or the digits of an output that stands for a smooth function?
            if not (getattr(oracle, "rounds", False) or decide.stairs_by_design(trial)):
                report = trial.report(Verdict.INCONCLUSIVE, trial.interval(), resolution, reasons.STANDS_STILL)
                return trial, report.with_(notes=(f"{oracle.name} finds no slope at all",))
            reason = reasons.STRAIGHT_THROUGH
        if verdict is not Verdict.INCONCLUSIVE:
            report = other.report(verdict, interval, resolution, reason)
            return other, report.with_(notes=(f"decided by {oracle.name}: differences could not tell",))
    return doubt


def _beyond_round_off(trial: Trial) -> bool:
    """Tell whether the claim is off by more than float64 explains, in a formula of f's usual size near the point."""

    def beyond(allowed: float) -> bool:
        return sum(abs(m.value) > m.bound + allowed for m in trial.mismatches()) >= 2

    of = trial.prediction, trial.field, trial.index
    allowed = own_round_off(*of)
    return beyond(allowed) and beyond(allowed + LAMBDA * wobble(*of))
