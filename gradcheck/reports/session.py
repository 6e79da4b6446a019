"""The checks of a test session: how many, what they cost, and the worst report of each test."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcheck.verdicts.report import Report

ORDER = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


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

    """

    test: str
    report: Report
    verdicts: dict[Verdict, int] = field(default_factory=dict)
    evaluations: int = 0

    @property
    def checks(self) -> int:
        """How many there were."""
        return sum(self.verdicts.values())

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


class Session:
    """The records of a session, in the order in which their tests first checked something."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, test: str, report: Report) -> None:
        """Count one check."""
        key = (test, report.title)
        self._records.setdefault(key, Record(test, report)).add(report)

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
        """All records, worst first; equally bad ones in the order of the tests' names."""
        found = sorted(self._records.values(), key=lambda record: (record.test, record.report.title))
        return sorted(found, key=lambda record: badness(record.report), reverse=True)

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many checks ended how."""
        return {v: sum(r.verdicts.get(v, 0) for r in self._records.values()) for v in ORDER}

    @property
    def evaluations(self) -> int:
        """Evaluations of the functions in all checks."""
        return sum(record.evaluations for record in self._records.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the session as plain data, ready for JSON; ``python -m gradcheck.reports.data`` prints its schema."""
        from gradcheck.reports.data import session_data  # noqa: PLC0415  msgspec only where data are wanted

        return session_data(self)
