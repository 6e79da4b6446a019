"""What f rounds to inside: asked before its slopes are judged, and along a line that is about to fail a claim."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.oracles.by_name import FINITE_DIFFERENCES
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes import inside
from gradcheck.slopes.budget import BudgetReached
from gradcheck.slopes.inside import NOTHING, Inside
from gradcheck.verdicts import reasons
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcheck.claims.prediction import Prediction
    from gradcheck.slopes.field import Field
    from gradcheck.verdicts.options import Rules
    from gradcheck.verdicts.report import ArgumentReport, Report
    from gradcheck.verdicts.trial import Trial

INSIDE = (
    "{} takes float64, and computes in {} inside: judged at that; for more let it compute in float64, or hold it "
    "against a reference with gradcheck.check_kernel"
)
PART = (
    "{} takes float64, and computes a part of itself in {} or less: judged at that; for more let it compute in "
    "float64, or hold it against a reference with gradcheck.check_kernel"
)
STEPS = (
    "{} also moves in steps, as if a part of it were rounded to {}: the claim is right between them, if they are "
    "meant; if they are low precision inside f, let it compute in float64, or use gradcheck.check_kernel"
)
LINES = 2  # no FAIL rests on fewer; roundings to few digits are seen on one, and not on the other
COARSER = 2.0  # than f was taken to be
FEW = 2.0**-3  # of the round-off of all of f in that dtype


def before(field: Field, prediction: Prediction, rules: Rules) -> Inside:
    """Return what f rounds to inside along all arguments together, where that is coarser than what it takes."""
    if not _asked_for(field, rules):
        return NOTHING

    def predicted(move: Mapping[int, Any]) -> float:
        return sum(prediction.along(i, v, field.unit)[0] for i, v in move.items())

    cast = field.unit > inside.UNIT  # seen in its code, or by the dtype of what it returns
    with contextlib.suppress(BudgetReached):  # nor is anything judged then
        if cast:
            return Inside(field.dtype, inside.seen_of(field, prediction.judged))
        return inside.look(field, prediction.judged, predicted)
    return Inside(field.dtype, field.unit) if cast else NOTHING


def behind(trial: Trial, argument: ArgumentReport, rules: Rules) -> Inside:
    """Return what f rounds to along one of the lines on which it contradicts a claim.

    Where f rounds a part of itself, the slopes over small steps are those of its other part.
    """
    field, known = trial.field, trial.random or argument.reason == reasons.STRAIGHT_THROUGH
    if known or not _asked_for(field, rules) or not isinstance(trial.oracle, FiniteDifferences):
        return NOTHING
    wrong = [p for p in trial.probes if p.moved == 1 and trial.mismatch(p).significant]
    wrong = sorted(wrong, key=lambda p: -abs(trial.mismatch(p).value))[:LINES]  # what is rounded moves most there
    lines = [field.line({trial.index: trial.direction(probe.probe)}) for probe in wrong]
    with contextlib.suppress(BudgetReached):
        if wrong and inside.nearer(lines[0], wrong[0].slope, wrong[0].claimed):
            found = max((inside.along(field, line) for line in lines), key=lambda jumps: jumps.unit)
            meant = found.unit > inside.BY_DESIGN and not any(p.claimed for p in wrong)  # stairs, and a claim of zero
            return found if found.unit > COARSER * field.unit and not meant else NOTHING
    return NOTHING


def _asked_for(field: Field, rules: Rules) -> bool:
    if rules.piecewise_constant or rules.oracle not in (None, FINITE_DIFFERENCES):
        return False
    return all(arrays.dtype_name(x) in arrays.WIDE for x in field.leaves)


def at_that(field: Field, found: Inside, notes: list[str]) -> tuple[Field, list[str]]:
    """Return f as what it computes in, and the notes with one on that; f as it is where it does not round."""
    if not found.dtype:
        return field, notes
    part = found.unit < FEW * arrays.ROUNDOFF[found.dtype]
    sentence = (STEPS if found.by_design else PART if part else INSIDE).format(field.claim.title, found.dtype)
    others = [note for note in notes if not note.startswith(f"{field.claim.title} takes float64, and computes")]
    return field if found.by_design else field.computing_in(found.dtype, found.unit), [*others, sentence]


def stairs(report: Report) -> bool:
    """Tell whether a claim failed as one about stairs: f was found to stand still, whatever it rounds to."""
    return any(a.verdict is Verdict.FAIL and a.reason == reasons.STRAIGHT_THROUGH for a in report)
