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
from contextlib import nullcontext
from dataclasses import replace
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.arrays import WIDER, cast, copied, dtype_name, is_array, is_floating, is_torch, like, same, shape_of
from gradcheck.check import check
from gradcheck.claims.point import finite_point
from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.kinks import chain_rule
from gradcheck.lines.line import GRADIENT_PREFIX, NAMESPACE
from gradcheck.lines.report import DerivationReport, LineReport
from gradcheck.reports.watch import unwatched, watcher
from gradcheck.slopes.field import quiet
from gradcheck.slopes.streams import Purpose, stream
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.options import read_rules
from gradcheck.verdicts.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcheck.lines.formulas import Formulas
    from gradcheck.lines.line import Line


def judge(derivation: Formulas, inputs: Mapping[str, Any], *, seed: int = 0, **options: Any) -> DerivationReport:
    """Judge every gradient line of `derivation` at `inputs`, then the whole; see this module's text for how.

    Raises
    ------
    ArgumentError
        The inputs do not fit the derivation, a forward line raises, is not finite, or changes what it reads, there is
        no gradient line, or `gradcheck.check` does not accept the inputs or the options.

    """
    if not isinstance(inputs, Mapping):
        raise ArgumentError(f"inputs is a {type(inputs).__name__}, wanted a dict of arrays by name")
    if own := {"names", "kink_of"} & set(options):
        raise ArgumentError(f"{min(own)}= is set by the derivation itself, line by line: leave it away")
    rules = read_rules({"seed": seed, **options})
    if not derivation.gradient_lines:
        raise ArgumentError(f"{derivation.name} has no gradient line: there is nothing to check")
    inputs = {name: value.detach() if is_torch(value) else value for name, value in inputs.items()}
    with quiet(), unwatched():
        report = _judged(derivation, inputs, seed=seed, **options)
    if (now := watcher()) is not None:
        now.add(_of_all(report, rules.confidence))
    return report


def _of_all(report: DerivationReport, confidence: float) -> Report:
    """Return what a run of pytest keeps of a derivation: the worst of its lines and the whole, with the wrong lines."""
    lines = [line for line in report.lines if line.verdict is Verdict.FAIL]
    parts = [report.whole, *(line.report for line in report.lines)]
    worst = next((part for part in parts if part is not None and part.verdict is report.verdict), None)
    if worst is None:  # every wrong line broke its contract, and has no report
        worst = Report(
            title="",
            arguments=(),
            evaluations=report.evaluations,
            gradient_evaluations=len(report.lines),
            contract_evaluations=0,
            seed=report.seed,
            confidence=confidence,
            oracle="contract",
            complaint=f"the gradient of {lines[0].name}: {lines[0].problem}",
        )
    wrong = tuple(f"wrong line: {line.text}" for line in lines)
    return replace(worst, title=f"derivation {report.name}", notes=(*worst.notes, *wrong))


def _judged(derivation: Formulas, inputs: Mapping[str, Any], *, seed: int, **options: Any) -> DerivationReport:
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
        proven = all(line.verdict is Verdict.PASS for line in lines)
        with chain_rule.shown_by_lines() if proven else nullcontext():
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


def _forward(derivation: Formulas, inputs: Mapping[str, Any]) -> dict[str, Any]:
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
        derivation: Formulas,
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
