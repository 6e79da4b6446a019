"""What was found about a derivation: a verdict for each gradient line, and for the whole."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from gradcheck.reports.text import WIDTH, fact_rows, wrapped
from gradcheck.reports.words import finding
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.verdicts.report import Report


@dataclass(frozen=True)
class LineReport:
    """What was found out about one gradient line.

    Attributes
    ----------
    name : str
        The variable whose gradient the line gives.
    text : str
        The line as written, `grad_h = ...`.
    verdict : Verdict
        Of this line alone, its upstream gradients taken as right.
    upstream : str
        What stood for the gradients it reads: "none", "true", or "random" below a wrong line.
    report : Report or None
        The check of this line, its one argument being the variable; None where there was nothing to measure.
    problem : str or None
        Why nothing could be measured: it raised, its shape is wrong, or what it reads is unknown.

    """

    name: str
    text: str
    verdict: Verdict
    upstream: str
    report: Report | None = None
    problem: str | None = None

    def __str__(self) -> str:
        text = shorten(self.text, WIDTH - 2, placeholder=" ...")
        if self.verdict is Verdict.PASS:
            return text
        start = f"      {self.verdict}: "
        if self.report is None or self.report.complaint:
            said = self.problem if self.report is None else self.report.complaint
            return "\n".join([text, *wrapped(str(said), start, WIDTH)])
        (argument,) = self.report
        found = wrapped(finding(argument, self.report.confidence), start, WIDTH)
        return "\n".join([text, *found, *fact_rows(argument, " " * 6)])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "name": self.name,
            "text": self.text,
            "verdict": self.verdict.value,
            "upstream": self.upstream,
            "report": None if self.report is None else self.report.to_dict(),
            "problem": self.problem,
        }


@dataclass(frozen=True)
class DerivationReport:
    """The verdicts on every gradient line, in the order written, and on the whole gradient.

    Attributes
    ----------
    name : str
        The derivation's name.
    lines : tuple of LineReport
        One for each gradient line.
    whole : Report or None
        `gradcheck.check` of all claimed inputs together; None where a line gave no gradient at all.
    evaluations : int
        Runs of the forward lines, or of a part of them.
    seed : int
        Repeats the check.

    """

    name: str
    lines: tuple[LineReport, ...]
    whole: Report | None
    evaluations: int
    seed: int

    @property
    def verdict(self) -> Verdict:
        """The worst of the lines' and the whole's."""
        verdicts = [line.verdict for line in self.lines]
        return Verdict.worst(verdicts if self.whole is None else [*verdicts, self.whole.verdict])

    @property
    def first_wrong(self) -> str | None:
        """The variable whose gradient line is the first wrong one, or None."""
        return next((line.name for line in self.lines if line.verdict is Verdict.FAIL), None)

    def __bool__(self) -> bool:
        """Whether all of it is right."""
        return self.verdict is Verdict.PASS

    def __getitem__(self, name: str) -> LineReport:
        """Return the report of one gradient line."""
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def __str__(self) -> str:
        """At most twelve lines: the verdict, the wrong lines with what was measured, the whole."""
        return "\n".join((self._headline(), *self._body()))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "first_wrong": self.first_wrong,
            "lines": [line.to_dict() for line in self.lines],
            "whole": None if self.whole is None else self.whole.to_dict(),
            "evaluations": self.evaluations,
            "seed": self.seed,
        }

    def _headline(self) -> str:
        count = len(self.lines)
        wrong = [line.name for line in self.lines if line.verdict is Verdict.FAIL]
        if wrong:
            said = f"{len(wrong)} of {count} gradient lines wrong, the first is {wrong[0]!r}"
        elif self.verdict is Verdict.PASS:
            said = f"all {count} gradient lines and the whole are right"
        elif self.verdict is Verdict.FAIL:
            said = f"no gradient line of {count} is wrong by itself, but the whole is no gradient"
        else:
            unsure = [line.name for line in self.lines if line.verdict is not Verdict.PASS]
            said = f"undecided: {', '.join(unsure) or 'the whole'}"
        spent = f"{self.evaluations} evaluations, seed {self.seed}"
        return f"{self.verdict.value}  {self.name}: {said}    {spent}"

    def _body(self) -> list[str]:
        troubled = [line for line in self.lines if line.verdict is not Verdict.PASS]
        rows = [row for line in troubled[:1] for row in f"  {line}".split("\n")]
        rows += [
            row for line in troubled[1:4] for row in f"  {line}".split("\n")[:2]
        ]  # the first is to be mended first
        if len(troubled) > 4:
            rows.append(f"  {len(troubled) - 4} more: {', '.join(line.name for line in troubled[4:])}")
        right = [line.name for line in self.lines if line.verdict is Verdict.PASS]
        if right:
            rows += wrapped(", ".join(right), "  right: ", WIDTH)
        if self.whole is not None and self.first_wrong is None:
            wrong = [found for found in self.whole if found.verdict is not Verdict.PASS]
            for found in wrong[:2]:
                rows += wrapped(finding(found, self.whole.confidence), f"  the whole, {found.name}: ", WIDTH)
                rows += fact_rows(found, "      ")
        return rows
