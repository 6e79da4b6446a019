r"""Which line of a derivation is wrong: each gradient line is judged by itself, then the whole.

Take the gradient line of a variable n, and let U be the variables whose gradients it reads (`grad_m` for m
in U). Follow the forward lines from n to the loss L: each path meets a first member of U, or none. Hence
the chain rule

    dL/dn  =  sum_{m in U} (dm/dn)_U^T dL/dm  +  (dL/dn)_U ,

where ( )_U follows only paths that do not pass through a member of U on their way. The right-hand side is the
gradient, at the true value of n, of a scalar function of n alone,

    F(u)  =  sum_{m in U} <c_m, m_U(u)>  +  L_U(u) ,        c_m = dL/dm ,

in which the forward lines below n are run again with n = u while readers of a member of U keep its true
value. So the line, given c_m for `grad_m`, has to be F's gradient, and F is known without it: a line that
reads no gradient is held against the loss (U empty, F(u) = L with n = u); a path that the line forgot is
still in F.

Where the lines of U are right, their own values are the true c_m. Below a wrong line the true c_m are not
known, and Gaussian ones stand in: the identity holds for any c_m as long as the line does not rely on a
property of the true ones. Either way no wrong line spoils the judgement of another.

A line is a formula, and judged in float64 also for inputs of float32: how accurate it is there shows in the
whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.arrays import WIDER, cast, copied, dtype_name, is_array, is_floating, like, same, shape_of
from gradcheck.check import check
from gradcheck.claims.point import finite_point
from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.lines.line import GRADIENT_PREFIX, NAMESPACE
from gradcheck.reports.text import WIDTH, fact_rows, wrapped
from gradcheck.reports.watch import unwatched
from gradcheck.reports.words import finding
from gradcheck.slopes.field import quiet
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.lines.derivation import Derivation
    from gradcheck.lines.line import Line
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


def judge(derivation: Derivation, inputs: Mapping[str, Any], *, seed: int = 0, **options: Any) -> DerivationReport:
    """Judge every gradient line of `derivation` at `inputs`, then the whole; see this module's text for how.

    Raises
    ------
    ArgumentError
        The inputs do not fit the derivation, a forward line raises, is not finite, or changes what it reads, there is
        no gradient line, or `gradcheck.check` does not accept the inputs or the options.

    """
    if not isinstance(inputs, Mapping):
        raise ArgumentError(f"inputs is a {type(inputs).__name__}, wanted a dict of arrays by name")
    if not derivation.gradient_lines:
        raise ArgumentError(f"{derivation.name} has no gradient line: there is nothing to check")
    inputs = {name: value.detach() if hasattr(value, "detach") else value for name, value in inputs.items()}
    with quiet(), unwatched():
        return _judged(derivation, inputs, seed=seed, **options)


def _judged(derivation: Derivation, inputs: Mapping[str, Any], *, seed: int, **options: Any) -> DerivationReport:
    known = _forward(derivation, {name: _widened(value) for name, value in inputs.items()})
    true: dict[str, Any] = {}  # gradients that are known to be right, by variable
    lines, evaluations = [], 1
    for number, line in enumerate(derivation.gradient_lines):
        trial = _Trial(derivation, line, known, true, stream(seed, Purpose.LINE, number))
        report, spent = trial.run(seed=seed, **options)
        lines.append(report)
        evaluations += spent
        if report.verdict is Verdict.PASS and trial.upstream != "random":
            true[line.name] = trial.claim(known[line.name])
    whole = None
    if derivation.claimed and all(line.report is not None or line.upstream == "unknown" for line in lines):
        held = {name: inputs[name] for name in derivation.inputs if name not in derivation.claimed}
        loss, gradient = derivation.as_functions(held)
        arguments = tuple(inputs[name] for name in derivation.claimed)
        whole = check(
            loss,
            gradient,
            arguments,
            names=derivation.claimed,
            kink_of=derivation.kink_of(held),
            seed=seed,
            **options,
        )
        evaluations += whole.evaluations
    return DerivationReport(derivation.name, tuple(lines), whole, evaluations, seed)


def _forward(derivation: Derivation, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a line can read; what a forward line does wrong is the caller's error."""
    try:
        values = derivation.values({name: copied(x) if is_array(x) else x for name, x in inputs.items()})
    except GradcheckError:
        raise
    except Exception as error:
        where = "; ".join(getattr(error, "__notes__", ()))
        raise ArgumentError(f"{type(error).__name__}: {error}, {where or 'in the forward pass'}") from error
    known = {NAMESPACE: values[NAMESPACE], **inputs}
    for line in derivation.forward_lines:
        read = {name: copied(known[name]) for name in line.parameters if is_array(known[name])}
        known[line.name] = line({**known, **read})
        if changed := _changed(read, known):
            raise ArgumentError(f"the {line.label} changes {changed} in place: let it work on a copy")
    for name in derivation.variables:
        if is_floating(known[name]):
            finite_point([known[name]], [name])
    return known


def _changed(values: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Return the first name whose array is another one than before; empty if none is."""
    return next((n for n, x in values.items() if is_array(x) and not same(x, before[n])), "")


class _Trial:
    """One gradient line held against the function F whose gradient it has to be."""

    def __init__(
        self,
        derivation: Derivation,
        line: Line,
        known: Mapping[str, Any],
        true: Mapping[str, Any],
        rng: np.random.Generator,
    ) -> None:
        self.derivation, self.line, self.known = derivation, line, known
        below = derivation.recompute(known, line.name, known[line.name], held=line.upstream)
        self.reached = tuple(m for m in line.upstream if m in below)
        self.reaches_loss = derivation.loss_name in below
        unknown = [m for m in line.upstream if m not in true]
        self.unknowable = [m for m in unknown if m not in below]
        self.upstream = "random" if unknown else "true" if line.upstream else "none"
        self.cotangents = {m: true[m] if m in true else _gaussian(known[m], rng) for m in line.upstream}

    def function(self, value: Any) -> Any:
        """F(u), a scalar."""
        fresh = self.derivation.recompute(self.known, self.line.name, value, held=self.line.upstream)
        total = self.known[NAMESPACE].sum
        terms = [total(self.cotangents[m] * fresh[m]) for m in self.reached]
        if self.reaches_loss or not terms:  # a variable that reaches nothing leaves the loss as it is
            loss = self.derivation.loss_name
            terms.append(fresh.get(loss, self.known[loss]))
        return sum(terms[1:], start=terms[0])

    def claim(self, value: Any) -> Any:
        """Return what the line says at n = u: it sees every forward value of u, and the cotangents."""
        fresh = self.derivation.recompute(self.known, self.line.name, value)
        gradients = {GRADIENT_PREFIX + m: c for m, c in self.cotangents.items()}
        return self.line({**self.known, **fresh, **gradients})

    def run(self, **options: Any) -> tuple[LineReport, int]:
        """Return the verdict on the line, and the evaluations it took."""
        name, text = self.line.name, f"{GRADIENT_PREFIX}{self.line.name} = {self.line.expression}"
        if self.unknowable:
            problem = f"it reads the gradient of {self.unknowable[0]}, to be put right first"
            return LineReport(name, text, Verdict.INCONCLUSIVE, "unknown", problem=problem), 0
        misfit = self._misfit()
        if misfit is not None:
            return LineReport(name, text, Verdict.FAIL, self.upstream, problem=misfit), 0
        report = check(
            self.function,
            lambda value: (self.claim(value),),
            (self.known[name],),
            names=(name,),
            kink_of=self._kink_of(),
            **options,
        )
        return LineReport(name, text, report.verdict, self.upstream, report=report), report.evaluations

    def _kink_of(self) -> Callable[[Any], tuple[Any, ...]] | None:
        """Return the function of n that gives the kink variables of F, or None if F has none."""
        held = self.line.upstream
        below = self.derivation.recompute(self.known, self.line.name, self.known[self.line.name], held=held)
        kinks = [name for name in self.derivation.kinks if name in below and name not in held]
        if not kinks:
            return None

        def kink_of(value: Any) -> tuple[Any, ...]:
            fresh = self.derivation.recompute(self.known, self.line.name, value, held=held)
            return tuple(fresh[name] for name in kinks)

        return kink_of

    def _misfit(self) -> str | None:
        """Say why the line's value cannot be measured, or None."""
        variable = self.known[self.line.name]
        gradients = {GRADIENT_PREFIX + m: c for m, c in self.cotangents.items()}
        before = {name: ({**self.known, **gradients})[name] for name in self.line.parameters if name != NAMESPACE}
        values = {name: copied(value) if is_array(value) else value for name, value in before.items()}
        try:
            value = self.line({**self.known, **values})
        except Exception as error:  # noqa: BLE001  # whatever a written line raises is the finding
            return f"it raised {type(error).__name__}: {shorten(str(error), 90, placeholder=' ...')}"
        if changed := _changed(values, before):
            return f"it changes {changed} in place: let it work on a copy"
        if not is_array(value) and not isinstance(value, int | float | complex):
            return f"it is a {type(value).__name__}, wanted an array like {self.line.name}"
        got, want = tuple(getattr(value, "shape", ())), tuple(getattr(variable, "shape", ()))
        return None if got == want else f"it has shape {got}, {self.line.name} has shape {want}"


def _gaussian(variable: Any, rng: np.random.Generator) -> Any:
    """Return a standard normal stand-in for a gradient: its variable's library, shape, dtype and device."""
    return like(np.asarray(rng.standard_normal(shape_of(variable))), variable)


def _widened(value: Any) -> Any:
    """Return float32 and narrower arrays in float64, anything else as it is."""
    return cast(value, WIDER[dtype_name(value)]) if is_floating(value) and dtype_name(value) in WIDER else value
