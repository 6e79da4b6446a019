"""Values that a chain rule gives at a kink and that are no subgradients.

Where kinks cancel, as in relu(x) − relu(−x), the chain rule with one convention for relu'(0) gives an element of a
*conservative field* of f (J. Bolte and E. Pauwels, "Conservative set valued fields, automatic differentiation,
stochastic gradient methods and deep learning", Mathematical Programming 188, 2021; W. Lee, H. Yu, X. Rival and H. Yang,
"On correctness of automatic differentiation for non-differentiable functions", NeurIPS 2020). Such a value is no limit
of gradients. `kink="chain-rule"` accepts it where Torch's own graph of f, of Torch's own parts alone, gives it: its
derivative of each elementary kink follows one convention. And where a derivation's lines have been shown to be right
one by one, those of its kinks among them.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from gradcheck.errors import GradcheckError
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcheck.verdicts.argument_report import ArgumentReport
    from gradcheck.verdicts.certificate import Interval
    from gradcheck.verdicts.trial import Trial

NAME = "chain-rule"
NOTE = "no subgradient of f, and accepted: {of} gives this value, by one convention for each kink"
NOT_SHOWN = (
    "; kink='chain-rule' accepts it only where Torch's own graph of f, or a derivation's lines, give the same value, "
    "and here none does"
)

GIVEN = "; {of} gives it, by one convention for each kink: kink='chain-rule' accepts that"

_lines: ContextVar[bool] = ContextVar("lines", default=False)


@contextmanager
def shown_by_lines() -> Iterator[None]:
    """Within, the claim is what a derivation's lines give that are each right by themselves."""
    before = _lines.set(True)
    try:
        yield
    finally:
        _lines.reset(before)


def allowed(report: ArgumentReport, trial: Trial, required: str | None, beside: Interval) -> ArgumentReport:
    """Return the report of a claim that is no subgradient, a PASS where the chain rule gives it and may.

    Its error is then that of the claims `beside` the point. Where that is not asked for, it is named as what it is.
    """
    wrong_there = beside.high > report.resolution
    if required not in (NAME, None) or report.verdict is not Verdict.FAIL or wrong_there:
        return report
    of = "the derivation, line by line," if _lines.get() else "Torch's chain rule" if _is_torchs(trial) else ""
    if required is None:
        return report.with_(reason=report.reason + GIVEN.format(of=of)) if of and report.reason else report
    if not of:
        return report.with_(reason=report.reason + NOT_SHOWN)
    return report.with_(verdict=Verdict.PASS, reason="", notes=(*report.notes, NOTE.format(of=of)), error=beside)


def _is_torchs(trial: Trial) -> bool:
    """Tell whether Torch's derivative of f at the point has the claim's slope along every direction measured."""
    from gradcheck.oracles.autograd import Autograd  # noqa: PLC0415  Torch is optional
    from gradcheck.oracles.torch_forward import TorchForward  # noqa: PLC0415  as above

    try:
        TorchForward(trial.field, trial.prediction.claim).require_own_parts()  # a backward of one's own shows nothing
        oracle = Autograd(trial.field, trial.prediction.claim.raw)
        for probe in trial.probes:
            v = trial.direction(probe.probe)
            slope = oracle.slope({trial.index: v}, scale=0.0, start=None)
            claimed, rounding = trial.predict(v)
            if slope is None or abs(slope.value - claimed) > slope.error + rounding:
                return False
    except GradcheckError:
        return False
    return bool(trial.probes)
