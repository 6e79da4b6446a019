"""What a check found: the verdict of each argument, and how it reads as text and as data.

The dataclasses here are all there is to say about a report's data. JSON, its schema and reading back are derived from
their fields and types by msgspec (`gradcheck.reports.data`): a new field is one line here, with a default, and a line
in its docstring. Fields hold what JSON can hold: numbers, strings, tuples, and dataclasses of these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from gradcheck.errors import GradcheckError, UnsupportedError
from gradcheck.slopes.slope import Slope  # noqa: TC001  msgspec reads the types of fields
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.comparison import Comparison  # noqa: TC001  its fields are read from JSON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Kink:
    """What the claim does where f has one-sided slopes only.

    Attributes
    ----------
    convention : str
        ``"right"``, ``"left"``, ``"midpoint"``, ``"other"`` or ``"mixed"``.
    valid : bool
        Whether the claim is a subgradient.
    entries : tuple of index tuples
        Entries of the argument that move across a kink.
    within : float
        The kink lies within this step of the point, relative to the argument's size.
    note : str
        What a reader should know, one sentence or empty.

    """

    convention: str
    valid: bool
    entries: tuple[tuple[int, ...], ...]
    within: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Planted:
    """How many of the named mistakes, planted in the claim that passed, would have been a FAIL on the same slopes."""

    caught: int
    applicable: int
    not_caught: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorstEntry:
    """One wrong entry, with the derivative measured for it alone."""

    index: tuple[int, ...]
    claimed: complex
    measured: complex
    error: float


@dataclass(frozen=True)
class Probe:
    """One direction of one argument: which, what was measured, and what the claim predicts.

    Where several arguments moved together, `moved` of them, the slope is theirs less what the claim predicts of the
    others: the slope of this argument, provided that the others are right.
    """

    probe: int
    stretch: float
    slope: Slope
    claimed: float
    claim_error: float
    moved: int = 1


@dataclass(frozen=True, repr=False)
class ArgumentReport:
    """What was found about the gradient of one argument.

    Attributes
    ----------
    name : str
        Of the argument.
    shape : tuple of int
        Of the argument.
    dtype : str
        Of the argument.
    verdict : Verdict
        PASS, FAIL or INCONCLUSIVE.
    error : Interval
        The claim's relative error lies in [error.low, error.high].
    resolution : float
        The relative error at which this argument would be called inconclusive.
    smallest_error : float
        The smallest relative error that the slopes would have shown, with the report's confidence.
    reason : str
        Why the verdict is no PASS, one sentence; empty on a PASS.
    kink : Kink or None
        None where f is smooth.
    accuracy : Accuracy or None
        How far the gradient in its own dtype is from the one in float64, where both exist.
    where : tuple or None
        The wrong entry (an index), or a slice (``None`` stands for a whole axis).
    where_text : str
        The same as a sentence; empty where a named mistake tells the place.
    mistakes : tuple of str
        Names of the mistakes that explain every slope, best first.
    advice : str
        What the mistake is and what is right instead, one sentence; empty where none explains the slopes.
    factor : float or None
        The claim is this number times the true gradient; None where no factor explains the slopes.
    next : str
        What to do now, one sentence; empty where `advice` or `reason` says it.
    planted : Planted or None
        The proof of power of a PASS.
    worst : tuple of WorstEntry
        The worst entries, measured on their own.
    probes : tuple of Probe
        The slopes all of this rests on.
    measured_in : str
        The narrowest dtype in the arithmetic of the slopes; empty where it is not known.
    notes : tuple of str
        What a reader should know besides.
    comparison : Comparison or None
        For a result of a kernel: error, yardstick and their ratio.

    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    verdict: Verdict
    error: Interval
    resolution: float
    smallest_error: float
    reason: str = ""
    kink: Kink | None = None
    accuracy: Accuracy | None = None
    where: tuple[int | None, ...] | None = None
    where_text: str = ""
    mistakes: tuple[str, ...] = ()
    advice: str = ""
    factor: float | None = None
    next: str = ""
    planted: Planted | None = None
    worst: tuple[WorstEntry, ...] = ()
    probes: tuple[Probe, ...] = ()
    measured_in: str = ""
    notes: tuple[str, ...] = ()
    comparison: Comparison | None = None

    def __str__(self) -> str:
        from gradcheck.reports.text import argument_text  # noqa: PLC0415  text reads a report, so it comes after

        return argument_text(self)

    def __repr__(self) -> str:
        from gradcheck.reports.words import said, visible  # noqa: PLC0415

        return visible(f"<ArgumentReport {self.verdict} {self.name} {self.shape}: {said(self, self.error.confidence)}>")

    def with_(self, **changes: Any) -> ArgumentReport:
        """Return a copy with some fields replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Accuracy:
    """The gradient in the arguments' own dtype against the same gradient in float64.

    Attributes
    ----------
    dtype : str
        The arguments' own.
    error : float
        ‖g − g₆₄‖/‖g₆₄‖ in the norm of the argument's scale.
    allowed : float
        What the problem's condition and the dtype allow.
    verdict : Verdict
        PASS or FAIL.

    """

    dtype: str
    error: float
    allowed: float
    verdict: Verdict


@dataclass(frozen=True, repr=False)
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
    unchecked : tuple of str
        Names of the arguments that are not judged, each with the reason.
    """

    _cause: ClassVar[BaseException | None] = None

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
    unchecked: tuple[str, ...] = ()

    def with_cause(self, cause: BaseException | None) -> Report:
        """Return the report with what the gradient raised, for tracebacks to end there."""
        object.__setattr__(self, "_cause", cause)
        return self

    @property
    def cause(self) -> BaseException | None:
        """What the gradient raised; not part of the data."""
        return self._cause

    def __getstate__(self) -> dict[str, Any]:
        """Leave the cause out: an exception may not be pickled."""
        return {name: value for name, value in vars(self).items() if name != "_cause"}

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
        """Write the report to a file: a page that needs no network (.html), or data (.json).

        Parameters
        ----------
        path : str or Path
            Where to; its ending says which.

        Raises
        ------
        ArgumentError
            If the path ends otherwise.

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
        from gradcheck.reports.pictures import figure  # noqa: PLC0415

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
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from the report, of which the message is made."""
        return GradientError, (self.report,)
