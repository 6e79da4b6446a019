"""The words of a kernel's report: how far a result is off, in units of what its precision gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.verdicts.comparison import Comparison
    from gradcheck.verdicts.report import ArgumentReport, Report


def label(argument: ArgumentReport) -> str:
    """Return how a row is called: dq for the gradient of q in a kernel's report, its name elsewhere."""
    gradient = argument.comparison is not None and argument.comparison.kind == "gradient"
    return f"d{argument.name}" if gradient else argument.name


def finding(argument: ArgumentReport, comparison: Comparison) -> str:
    """Return how far a result is off, in a few words."""
    found = f"{comparison.ratio:.2g} x what {argument.dtype} gives (error {comparison.error:.1e})"
    if argument.verdict is Verdict.PASS:
        return f"within {found}"
    word = "wrong" if argument.verdict is Verdict.FAIL else "undecided"
    return f"{word}: {found}" if math.isfinite(comparison.error) else f"{word}: not finite"


def entry(argument: ArgumentReport) -> str:
    """Return the worst entry and what the reference gives there."""
    worst = argument.worst[0]
    index = f"[{', '.join(map(str, worst.index))}]" if worst.index else ""
    ours, theirs = (f"{z.real:.5g}" if z.imag == 0 else f"{z:.5g}" for z in (worst.claimed, worst.measured))
    return f"{label(argument)}{index} is {ours}, the reference gives {theirs}"


def headline(report: Report) -> str:
    """Return what was found in one sentence; empty for a report on no kernel, and for a breach of contract."""
    if report.complaint or not any(a.comparison is not None for a in report.arguments):
        return ""
    count = len(report.arguments)
    wrong = sum(a.verdict is Verdict.FAIL for a in report.arguments)
    undecided = sum(a.verdict is Verdict.INCONCLUSIVE for a in report.arguments)
    return {
        Verdict.PASS: "the kernel is right",
        Verdict.FAIL: f"{wrong} of {count} results {'is' if wrong == 1 else 'are'} wrong",
        Verdict.INCONCLUSIVE: f"{undecided} of {count} results undecided",
    }[report.verdict]
