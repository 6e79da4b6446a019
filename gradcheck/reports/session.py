"""The checks of a test session: how many, what they cost, and the worst report of each test."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcheck.verdicts.report import Report

ORDER = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)
EXPECTED = ("passed", "xfailed")  # outcomes of a test that meant its gradient to be wrong


def badness(report: Report) -> tuple[int, float]:
    """Return what reports are sorted by: the verdict, then the upper end of the widest interval."""
    return ORDER.index(report.verdict), max((a.error.high for a in report), default=math.inf)


@dataclass
class Record:
    """All checks of one function in one test, of which the worst report is kept.

    A property test makes hundreds of checks. Of two reports that are equally bad the later one is kept: Hypothesis
    ends with the smallest failing example.

    Attributes
    ----------
    test : str
        The test's name, as pytest gives it; empty outside a test.
    report : Report
        The worst of them.
    verdicts : dict of Verdict to int
        How many checks ended how.
    evaluations : int
        Of the function, in all of them.
    outcome : str
        Of the test: ``"passed"``, ``"failed"``, ``"xfailed"`` (it was expected to fail), or empty if it is not known.

    """

    test: str
    report: Report
    verdicts: dict[Verdict, int] = field(default_factory=dict)
    evaluations: int = 0
    outcome: str = ""

    @property
    def checks(self) -> int:
        """How many there were."""
        return sum(self.verdicts.values())

    @property
    def expected(self) -> bool:
        """Whether the gradient is no PASS and the test meant it so."""
        return self.report.verdict is not Verdict.PASS and self.outcome in EXPECTED

    def add(self, report: Report) -> None:
        """Count one more check, and keep its report if it is the worst so far."""
        self.verdicts[report.verdict] = self.verdicts.get(report.verdict, 0) + 1
        self.evaluations += report.evaluations + report.contract_evaluations
        if report.verdict is Verdict.FAIL or badness(report) >= badness(self.report):
            self.report = report

    def merge(self, other: Record) -> None:
        """Add the checks of the same function in the same test, made in another process."""
        for verdict, count in other.verdicts.items():
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + count
        self.evaluations += other.evaluations
        if badness(other.report) >= badness(self.report):
            self.report = other.report

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data; a report that cannot be written costs only itself: `problem` says why."""
        from gradcheck.reports.data import as_json, report_data, writable  # noqa: PLC0415  msgspec only where needed

        report, problem = None, ""
        try:
            report = report_data(self.report)
            as_json(report)
        except Exception as error:  # noqa: BLE001  whatever a field holds that no JSON can
            report, problem = None, f"{type(error).__name__}: {error}"
        return {
            "test": writable(self.test),
            "outcome": self.outcome,
            "expected": self.expected,
            "checks": self.checks,
            "verdicts": {str(verdict): count for verdict, count in self.verdicts.items()},
            "evaluations": self.evaluations,
            "report": report,
            "problem": writable(problem),
        }


class Session:
    """The records of a session, in the order in which their tests first checked something."""

    def __init__(self) -> None:
        self.problems: list[str] = []  # of records that another process could not send
        self._records: dict[tuple[str, str], Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, test: str, report: Report) -> None:
        """Count one check."""
        key = (test, report.title)
        self._records.setdefault(key, Record(test, report)).add(report)

    def ended(self, test: str, outcome: str) -> None:
        """Note how a test ended."""
        for record in self._records.values():
            if record.test == test:
                record.outcome = outcome

    def merge(self, records: Iterable[Record]) -> None:
        """Add the records of another process."""
        for record in records:
            key = (record.test, record.report.title)
            if key in self._records:
                self._records[key].merge(record)
            else:
                self._records[key] = record

    @property
    def records(self) -> list[Record]:
        """All records: unexpected ones first, worst first; equally bad ones in the order of the tests' names."""
        found = sorted(self._records.values(), key=lambda record: (record.test, record.report.title))
        found.sort(key=lambda record: badness(record.report), reverse=True)
        return sorted(found, key=lambda record: record.expected)

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many checks ended how."""
        return {v: sum(r.verdicts.get(v, 0) for r in self._records.values()) for v in ORDER}

    @property
    def ended_so(self) -> dict[str, int]:
        """How many records ended how, the worst of their checks: ``{"PASS": 3, "FAIL": 1, "expected FAIL": 1}``."""
        counts: dict[str, int] = {}
        for expected in (False, True):
            for verdict in reversed(ORDER):
                label = f"expected {verdict}" if expected else str(verdict)
                counts[label] = sum(r.report.verdict is verdict and r.expected is expected for r in self.records)
        return {label: count for label, count in counts.items() if count}

    @property
    def headline(self) -> str:
        """What was checked and how it ended, in a line."""
        gradients, checks = len(self), sum(self.verdicts.values())
        said = f"{gradients} {'gradient' if gradients == 1 else 'gradients'}"
        if checks != gradients:
            said += f" ({checks} checks)"
        ended = ", ".join(f"{count} {label}" for label, count in self.ended_so.items())
        return f"{said}: {ended}" if ended else said

    @property
    def evaluations(self) -> int:
        """Evaluations of the functions in all checks."""
        return sum(record.evaluations for record in self._records.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the session as plain data, ready for JSON; ``python -m gradcheck.reports.data`` prints its schema."""
        from gradcheck.reports.data import VERSION  # noqa: PLC0415  msgspec only where data are wanted

        return {
            "schema": VERSION,
            "checks": sum(self.verdicts.values()),
            "evaluations": self.evaluations,
            "verdicts": {str(verdict): count for verdict, count in self.verdicts.items()},
            "tests": [record.to_dict() for record in self.records],
        }

    def sent(self) -> str:
        """Return the records as text for another process."""
        return json.dumps([record.to_dict() for record in self.records])

    def receive(self, text: str) -> None:
        """Add the records that another process has `sent`; one that it could not write is a problem of its own."""
        from gradcheck.reports.data import report_from  # noqa: PLC0415

        for data in json.loads(text):
            if data["report"] is None:
                self.problems.append(f"the report of {data['test']} could not be written: {data['problem']}")
                continue
            verdicts = {Verdict(name): count for name, count in data["verdicts"].items()}
            record = Record(data["test"], report_from(data["report"]), verdicts, data["evaluations"], data["outcome"])
            self.merge([record])
