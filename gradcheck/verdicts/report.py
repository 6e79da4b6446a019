"""What a check found: the verdicts on all arguments, and how they read as text, as data, as a page and as pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from gradcheck.errors import GradcheckError, UnsupportedError
from gradcheck.verdicts.argument_report import Accuracy, ArgumentReport, Kink, Planted, Probe, WorstEntry
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.figure import Figure

    from gradcheck.reports.repeat import Call

__all__ = [
    "Accuracy",
    "ArgumentReport",
    "GradientError",
    "Kink",
    "Planted",
    "Probe",
    "Report",
    "WorstEntry",
]


@dataclass(frozen=True)
class Report:
    """What a check found, argument by argument; `report[0]` and `report["w1"]` give one of them.

    A report is true if it is a PASS. `str(report)` is for people.

    Attributes
    ----------
    title : str
        The function's name.
    arguments : tuple of ArgumentReport
        One for each argument that was judged; none if the claim broke its contract.
    evaluations : int
        Of the function, for its slopes.
    gradient_evaluations : int
        Of the claimed gradient.
    contract_evaluations : int
        Of the function, for what a claim owes before any number.
    seed : int
        Repeats the check.
    confidence : float
        Of each argument's interval.
    oracle : str
        Where the slopes come from.
    notes : tuple of str
        What a reader should know.
    complaint : str
        The breach of contract that ended the check, one sentence; empty where there was none.
    repeat : str
        How to repeat the check.
    next : str
        What to do about `complaint`, one sentence; empty where the complaint says it.
    source : str
        File, line and name of the claimed gradient; empty where Python does not know it.
    unchecked : tuple of str
        Names of the arguments that are not judged, each with the reason.
    """

    _cause: ClassVar[BaseException | None] = None
    _call: ClassVar[Any] = None

    title: str
    arguments: tuple[ArgumentReport, ...]
    evaluations: int
    gradient_evaluations: int
    contract_evaluations: int
    seed: int
    confidence: float
    oracle: str
    notes: tuple[str, ...] = ()
    complaint: str = ""
    repeat: str = ""
    next: str = ""
    source: str = ""
    unchecked: tuple[str, ...] = ()

    def with_cause(self, cause: BaseException | None) -> Report:
        """Return the report with what the gradient raised, for tracebacks to end there."""
        object.__setattr__(self, "_cause", cause)
        return self

    @property
    def cause(self) -> BaseException | None:
        """What the gradient raised; not part of the data."""
        return self._cause

    def with_call(self, call: Call) -> Report:
        """Return the report with the call that made it, from which `save` writes a program."""
        object.__setattr__(self, "_call", call)
        return self

    @property
    def call(self) -> Call | None:
        """The call that made a report that is no PASS; not part of the data."""
        made: Call | None = self._call
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Leave cause and call out: an exception or a function may not be pickled."""
        return {name: value for name, value in vars(self).items() if name not in {"_cause", "_call"}}

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all arguments; FAIL if the claim broke its contract."""
        if self.complaint:
            return Verdict.FAIL
        return Verdict.worst([argument.verdict for argument in self.arguments])

    @property
    def smallest_error(self) -> float:
        """The smallest relative error that the check would have caught in every argument."""
        return max((argument.smallest_error for argument in self.arguments), default=math.inf)

    def __getitem__(self, key: int | str) -> ArgumentReport:
        if isinstance(key, str):
            for argument in self.arguments:
                if argument.name == key:
                    return argument
            raise KeyError(f"{key!r} is no judged argument; there are {[a.name for a in self.arguments]}")
        return self.arguments[key]

    def __iter__(self) -> Iterator[ArgumentReport]:
        return iter(self.arguments)

    def __len__(self) -> int:
        return len(self.arguments)

    def __bool__(self) -> bool:
        return self.verdict is Verdict.PASS

    def __str__(self) -> str:
        from gradcheck.reports.text import as_text  # noqa: PLC0415  text reads a report, so it comes after

        return as_text(self)

    def __repr__(self) -> str:
        from gradcheck.reports.words import diagnosis  # noqa: PLC0415

        return f"<Report {diagnosis(self)}>"

    def explain(self) -> str:
        """Return the report in long form: what was measured, what each number means, and what to do next."""
        from gradcheck.reports.explain import explained  # noqa: PLC0415

        return explained(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, ready for JSON; ``python -m gradcheck.reports.data`` prints its schema."""
        from gradcheck.reports.data import report_data  # noqa: PLC0415  data are made of a report, so they come after

        return report_data(self)

    def to_json(self) -> str:
        """Return the report as JSON text, which `from_json` reads back."""
        from gradcheck.reports.data import as_json  # noqa: PLC0415

        return as_json(self.to_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Return the report that `to_json` or ``save("report.json")`` wrote.

        Parameters
        ----------
        text : str or bytes
            The text itself, such as ``Path("report.json").read_bytes()``.

        Raises
        ------
        ArgumentError
            If the text is no report: the message says which field is wrong.

        """
        from gradcheck.reports.data import report_of  # noqa: PLC0415

        return report_of(text)

    def save(self, path: str | Path) -> None:
        """Write the report to a file: a page that needs no network (.html), data (.json), or a program (.py).

        The program makes a check that did not pass again; arguments that are not small go into a file beside it
        (.npz). The file that was there before is replaced when the new one is whole.

        Parameters
        ----------
        path : str or Path
            Where to; its ending says which.

        Raises
        ------
        ArgumentError
            If the path ends otherwise.
        UnsupportedError
            If Jinja2 is not installed (.html), or if a function cannot be imported by name (.py).
        OSError
            If the file cannot be written.

        """
        from gradcheck.reports.page import save  # noqa: PLC0415  a page reads a report, so it comes after

        save(path, self)

    def plot(self) -> Figure:
        """Return the pictures of the report as one matplotlib Figure, which `savefig` writes to a file.

        Raises
        ------
        UnsupportedError
            If matplotlib is not installed.

        """
        from gradcheck.reports.pictures.output import figure  # noqa: PLC0415  matplotlib only where it is wanted

        return figure(self)

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it: a page, or its text where Jinja2 is not installed."""
        from gradcheck.reports.page import fragment  # noqa: PLC0415

        try:
            return fragment(self)
        except UnsupportedError:
            return f"<pre>{escape(str(self))}</pre>"


class GradientError(GradcheckError, AssertionError):
    """`assert_gradient` did not get a PASS: the report is the message.

    Attributes
    ----------
    report : Report
        What was measured.

    """

    def __init__(self, report: Report) -> None:
        AssertionError.__init__(self, str(report))  # whole, however long
        self.report = report

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from the report, of which the message is made."""
        return GradientError, (self.report,)
