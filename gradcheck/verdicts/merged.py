"""Several reports on one function (its gradient, its Hessian, its constraints) as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck.verdicts.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence


def merged(title: str, reports: Sequence[Report]) -> Report:
    """Return one report with the arguments of all; a breach of contract in any is one of the whole."""
    if len(reports) == 1:
        return reports[0]
    broken = [r for r in reports if r.complaint]
    first = reports[0]
    report = Report(
        title=title,
        arguments=tuple(argument for r in reports for argument in r.arguments),
        evaluations=sum(r.evaluations for r in reports),
        gradient_evaluations=sum(r.gradient_evaluations for r in reports),
        contract_evaluations=sum(r.contract_evaluations for r in reports),
        seed=first.seed,
        confidence=first.confidence,
        oracle=next((r.oracle for r in reports if not r.complaint), first.oracle),
        notes=tuple(dict.fromkeys(note for r in reports for note in r.notes)),
        complaint="; ".join(f"{r.title}: {r.complaint}" if r.title != title else r.complaint for r in broken),
        repeat=next((r.repeat for r in reports if r.repeat), ""),
        next="; ".join(filter(None, (r.next for r in broken))),
        unchecked=tuple(dict.fromkeys(name for r in reports for name in r.unchecked)),
    )
    return report.with_cause(next((r.cause for r in broken if r.cause is not None), None))
