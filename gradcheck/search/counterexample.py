"""The smallest case in which a user's gradient is wrong: inputs drawn by Hypothesis, checked, and shrunk.

A FAIL is an exception to Hypothesis, which then looks for smaller sizes and simpler numbers that fail the same way.
Three ways are kept apart, so that a plain mistake is not shrunk into another at a kink: the claim broke its contract,
it is wrong where f is smooth, or it is no subgradient at a kink (as any chain-rule value may be where kinks coincide).
INCONCLUSIVE is no failure: it is counted, and the smallest such case is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.check import check
from gradcheck.errors import ArgumentError, GradcheckError, UnsupportedError
from gradcheck.search.calls import Stopped, called, leaves_of
from gradcheck.search.sizes import Sizes
from gradcheck.search.user_functions import raised
from gradcheck.strategies.described import Arguments, from_signature
from gradcheck.verdicts.certificate import Verdict

try:
    import hypothesis
    from hypothesis.errors import FlakyFailure, Unsatisfiable
except ModuleNotFoundError as error:
    raise UnsupportedError(
        "Drawing inputs needs Hypothesis, which is not installed: run `pip install 'gradcheck[hypothesis]'`."
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.strategies.signature import Signature
    from gradcheck.verdicts.report import Report


@dataclass(frozen=True)
class DrawnCase:
    """One point and what the check says there."""

    args: Any
    report: Report

    @property
    def size(self) -> int:
        """Entries of all arguments together."""
        return arrays.total_size(leaves_of(self.args))


@dataclass
class SearchResult:
    """What the drawn cases gave.

    Attributes
    ----------
    drawn : int
        Cases checked, those of the shrinking not counted.
    shrinking : int
        Cases checked to make a failure smaller.
    inconclusive : int
        How many of the drawn ones were INCONCLUSIVE.
    largest_error : float
        The largest bound of a relative error among the arguments that passed.
    undefined : int
        How many draws the function could not be evaluated at; not among the drawn.
    refused : int
        How many of these for their sizes, whatever stood in them.
    failure : DrawnCase or None
        The smallest FAIL.
    undecided : DrawnCase or None
        The smallest INCONCLUSIVE.
    widest : DrawnCase or None
        The PASS with the largest bound of an error.
    why_undefined : str
        What was raised there, the last time.

    """

    drawn: int = 0
    shrinking: int = 0
    inconclusive: int = 0
    largest_error: float = 0.0
    undefined: int = 0
    refused: int = 0
    failure: DrawnCase | None = None
    undecided: DrawnCase | None = None
    widest: DrawnCase | None = None
    why_undefined: str = ""
    _failures: dict[type[Exception], DrawnCase] = field(default_factory=dict, repr=False)

    @property
    def verdict(self) -> Verdict:
        """FAIL if any case is, else INCONCLUSIVE if any is, else PASS."""
        if self.failure is not None:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if self.inconclusive else Verdict.PASS

    def count(self, case: DrawnCase, outcome: type[Exception] | None) -> None:
        """Count a case that was checked; `outcome` tells what is wrong with it. The last replay is the smallest."""
        shrunk = bool(self._failures)
        if outcome is not None:
            self._failures[outcome] = case
            self.failure = next(self._failures[kind] for kind in ORDER if kind in self._failures)
        if shrunk:
            self.shrinking += 1
            return
        self.drawn += 1
        passed = [a.error.high for a in case.report if a.verdict is Verdict.PASS and a.error.relative]
        largest = max(passed, default=0.0)
        if case.report.verdict is Verdict.PASS and (self.widest is None or largest > self.largest_error):
            self.widest = case
        self.largest_error = max(self.largest_error, largest)
        if outcome is None and case.report.verdict is Verdict.INCONCLUSIVE:
            self.inconclusive += 1
            if self.undecided is None or case.size < self.undecided.size:
                self.undecided = case

    def complaint(self, target: str, signature: str) -> str | None:
        """Return why the search says nothing of the function; None where it does."""
        if self.drawn == 0:
            return (
                f"no drawn case could be checked: {self.why_undefined or 'the signature leaves none'}; if the function "
                "needs tensors, pass --backend torch; if other numbers, pass --positive or --range, or describe each "
                "argument in a TOML file"
            )
        if self.failure is None and self.refused > self.drawn:
            return (
                f"of {self.drawn + self.undefined} draws {self.refused} have sizes that {target} does not take, the "
                f"last because: {self.why_undefined}; is {signature!r} its signature?"
            )
        return None


class _BrokenContract(Exception):  # noqa: N818  outcomes, not errors
    """The gradient has the wrong shape, holds a NaN, changes its arguments, ..."""


class _WrongWhereSmooth(Exception):  # noqa: N818
    """An argument without a kink is a FAIL."""


class _WrongAtKink(Exception):  # noqa: N818
    """Only arguments with a kink at the point are."""


ORDER = (_BrokenContract, _WrongWhereSmooth, _WrongAtKink)


def search(
    f: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    signature: str | Signature | Arguments,
    *,
    target: str = "the function",
    max_examples: int = 50,
    seed: int = 0,
    dtype: str = "float64",
    library: str = "numpy",
    rtol: float | None = None,
    max_side: int = 6,
    boundary: bool = False,
    on_case: Callable[[SearchResult], None] = lambda _: None,
) -> SearchResult:
    """Check drawn cases and shrink a failure.

    Parameters
    ----------
    f, gradient : callable
        As for `gradcheck.check`; `gradient` is None for an f that returns ``(loss, gradients)``.
    signature : str, Signature or Arguments
        Shapes of the arguments, see `strategies.arrays_for`, or more about each, see `strategies.described`.
    target : str
        What the function is called in errors.
    max_examples : int
        Cases to draw.
    seed : int
        Of the draws and of every check.
    dtype, library, boundary
        As for `strategies.arrays_for`, where the signature is no Arguments.
    max_side : int
        The largest size to draw.
    rtol : float, optional
        As for `gradcheck.check`.
    on_case : callable
        Told the search so far after every case.

    Raises
    ------
    ArgumentError
        If the signature is not the function's, or no drawn case could be checked, with the reason.

    """
    found = SearchResult()
    arguments = signature
    if not isinstance(arguments, Arguments):
        arguments = from_signature(arguments, dtype=dtype, library=library, boundary=boundary)
    sizes = Sizes(f, arguments)

    def judge(args: Any) -> None:
        case = _checked(f, gradient, args, found, seed, rtol)
        if case is None:
            found.refused += sizes.refuses(args)
            on_case(found)
            hypothesis.reject()
        outcome = _outcome(case.report)
        found.count(case, outcome)
        on_case(found)
        if outcome is not None:
            raise outcome

    try:
        sizes.check(target)
        hypothesis.seed(seed)(_settings(max_examples)(hypothesis.given(arguments.drawn(max_side=max_side))(judge)))()
    except (*ORDER, ExceptionGroup, FlakyFailure):
        pass  # recorded when it was raised; a function that answers differently each time is in the report's notes
    except Unsatisfiable:
        pass
    except Stopped as error:
        cause = error.__cause__ or error
        raise ArgumentError(f"{target} ended the search with {raised(cause)}: a loss may only return") from cause
    if (complaint := found.complaint(target, str(arguments.signature))) is not None:
        raise ArgumentError(complaint)
    return found


def _settings(max_examples: int) -> hypothesis.settings:
    """Return how cases are drawn: as many as asked for, from the seed alone, and failures are shrunk."""
    return hypothesis.settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
        report_multiple_bugs=True,
    )


def _checked(
    f: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    args: Any,
    found: SearchResult,
    seed: int,
    rtol: float | None,
) -> DrawnCase | None:
    """Check one case; None where f itself cannot be evaluated there."""
    try:
        called(f, args)
    except Exception as error:  # noqa: BLE001  whatever the user's function raises at this point
        found.why_undefined = raised(error)
    else:
        try:
            return DrawnCase(args, check(f, gradient, args, seed=seed, rtol=rtol))
        except GradcheckError as error:
            found.why_undefined = str(error)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise Stopped from error
    found.undefined += 1
    return None


def _outcome(report: Report) -> type[Exception] | None:
    if report.verdict is not Verdict.FAIL:
        return None
    if report.complaint:
        return _BrokenContract
    wrong = [argument for argument in report if argument.verdict is Verdict.FAIL]
    return _WrongAtKink if all(argument.kink is not None for argument in wrong) else _WrongWhereSmooth
