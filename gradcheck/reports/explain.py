"""The long form of a report: what was measured, what each number means, and what to do next."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING

from gradcheck.reports.kernel_words import label
from gradcheck.reports.words import (
    causes,
    clipped,
    coarse,
    entry,
    finding,
    headline,
    indices,
    next_step,
    number,
    percent,
    visible,
    worst_first,
)
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcheck.verdicts.comparison import Comparison
    from gradcheck.verdicts.report import ArgumentReport, Report

WIDTH = 80
SMALL = 0.1  # the least relative error that nobody means
SOURCES = {
    "finite differences": "from differences of f at steps of many sizes, with a bound on noise and truncation",
    "autograd": "by torch.autograd",
    "exact": "in exact arithmetic, by running f on numbers that carry an infinitesimal",
}
CONVENTIONS = {
    "right": "It is the slope to the right of the kink.",
    "left": "It is the slope to the left of the kink.",
    "midpoint": "It is the mean of the slopes on both sides.",
    "mixed": "Different entries follow different conventions.",
    "other": "It is neither the slope of a side nor their mean.",
}


def explained(report: Report) -> str:
    """Return the long form; see `Report.explain`."""
    parts = [_text(f"{report.verdict}  {clipped(report.title)}: {headline(report)}")]
    if report.arguments:
        parts.append(_section("What was measured", [_measured(report)]))
    for argument in worst_first(report):
        title = f"{clipped(label(argument))} {argument.shape} {argument.dtype}: {argument.verdict}"
        parts.append(_section(title, list(_argument(argument, report.confidence))))
    remarks = [*report.notes, coarse(report)]
    if report.unchecked:
        remarks.append(f"Not checked, since no gradient was claimed: {', '.join(map(clipped, report.unchecked))}.")
    if any(remarks):
        parts.append(_section("What to know besides", [text for text in remarks if text]))
    parts.append(_section("What to do next", list(_next(report))))
    return "\n\n".join(parts)


def _measured(report: Report) -> str:
    if _of_kernel(report):
        return (
            "The results and gradients of the kernel, compared with those of the reference in float64 on the same "
            f"inputs: {report.evaluations} evaluations. The yardstick is the error that a right kernel has in the same "
            f"precision; it is measured on the reference, with random rounding that seed={report.seed} repeats."
        )
    source = SOURCES.get(report.oracle, f"by {report.oracle}")
    return (
        f"Slopes of f along random directions v of each argument, {source}: {report.evaluations} evaluations. The "
        "claimed gradient g predicts each of them, g·v. The mismatches give the interval for the error, with "
        f"confidence {percent(report.confidence)} over the directions, which seed={report.seed} repeats."
    )


def _of_kernel(report: Report) -> bool:
    return any(argument.comparison is not None for argument in report)


def _argument(argument: ArgumentReport, confidence: float) -> Iterator[str]:
    yield f"{finding(argument, confidence)}."
    yield _interval(argument) if argument.comparison is None else _compared(argument, argument.comparison)
    if argument.where_text:
        yield f"Where: {argument.where_text}."
    if worst := entry(argument):
        yield f"Entry: {worst}{'' if argument.comparison else ', the measurement from moving that entry alone'}."
    yield from (f"Cause: {cause}." for cause in causes(argument))
    if argument.kink is not None:
        yield _kink(argument)
    if argument.accuracy is not None:
        found = argument.accuracy
        yield (
            f"Computed in {found.dtype} the gradient is off the one in float64 by {number(found.error)}; the "
            f"condition of the problem allows {number(found.allowed)}."
        )
    if argument.exact is not None and argument.exact.equal:
        yield (
            f"In exact arithmetic the formula equals the slopes along {argument.exact.directions} random directions: "
            f"it is right. The floating-point code is off by {number(argument.exact.ulps)} ulps in the worst entry, "
            f"{number(argument.exact.ulps_of_largest)} ulps of the largest one."
        )
    if argument.planted is not None and argument.planted.applicable:
        planted = argument.planted
        where = "this gradient" if argument.comparison is None else "this result"
        evidence = "on the same slopes" if argument.comparison is None else "by the same limits"
        yield (
            f"Proof of power: {planted.caught} of {planted.applicable} common mistakes, planted in {where}, "
            f"would have been a FAIL {evidence}."
        )
        yield from (f"Not caught: {missed}." for missed in planted.not_caught)
    if argument.smallest_error < 1:
        yield f"A relative error above {number(argument.smallest_error)} would have shown."
    yield from argument.notes


def _compared(argument: ArgumentReport, found: Comparison) -> str:
    return (
        f"The norm of the error, divided by that of the true result, is {number(found.error)}. A right kernel in "
        f"{argument.dtype} has {number(found.yardstick)}; the ratio is {found.ratio:.2g}. Nearest to its limit is the "
        f"statistic '{found.statistic}': {found.value:.3g} times the yardstick, and right kernels stay below "
        f"{found.limit:.3g}."
    )


def _interval(argument: ArgumentReport) -> str:
    low, high = number(argument.error.low), number(argument.error.high)
    if not argument.error.relative:
        return (
            f"Claim and slopes are zero as far as can be seen. The error times the argument's size is at most {high}, "
            "in the units of f."
        )
    scale = "the norms weighted by the argument's scale"
    if math.isinf(argument.error.high):
        return f"The relative error ‖g − ∇f‖/‖∇f‖, {scale}, is at least {low}; the true gradient may be zero."
    wanted = f" A PASS needs an upper end of {number(argument.resolution)} or less."
    wanted = wanted if argument.verdict is Verdict.INCONCLUSIVE else ""
    return f"The relative error ‖g − ∇f‖/‖∇f‖, {scale}, lies between {low} and {high}.{wanted}"


def _kink(argument: ArgumentReport) -> str:
    kink = argument.kink
    if kink is None:
        return ""
    at = f" at {indices(kink.entries, argument.name)}" if any(kink.entries) else ""
    valid = "a subgradient, which is all a gradient can be there" if kink.valid else "no subgradient"
    return f"f has a kink{at}: its slopes differ from side to side. The claim is {valid}. " + CONVENTIONS.get(
        kink.convention, ""
    )


def _next(report: Report) -> Iterator[str]:
    if report.verdict is Verdict.PASS:
        yield "Nothing: keep the check as a test, with gradcheck.assert_gradient or the pytest fixture."
    if report.complaint:
        yield f"Mend the claim first: {report.complaint}. Numbers are judged after that."
    steps = [next_step(argument) for argument in report if argument.verdict is Verdict.FAIL]
    said = dict.fromkeys(f"{step[0].upper()}{step[1:]}." for step in (report.next, *steps) if step)
    yield from said
    kernel = _of_kernel(report)
    if report.verdict is Verdict.FAIL and kernel:
        yield "If the kernel is meant to be coarser, factor=4 loosens all limits."
    if report.verdict is Verdict.FAIL and report.arguments and not kernel:
        if not any("gradcheck.Derivation" in step for step in said):
            yield "Find the line: gradcheck.Derivation judges each line of a backward pass by itself."
        if any(argument.verdict is Verdict.FAIL and argument.error.low < SMALL for argument in report):
            yield "If a small error is meant (an approximate gradient), allow it with rtol=."
    if any(a.kink is not None and a.verdict is not Verdict.PASS for a in report):
        yield "At a kink: name the kink variable with kink_of=, or check at a point off the kink."
    if report.verdict is Verdict.INCONCLUSIVE and not kernel:
        yield "Sharper slopes: more directions (probes=16), float64, or oracle='exact' for NumPy code."
    if report.repeat and report.verdict is not Verdict.PASS:
        yield f"Repeat: {report.repeat}"
    pages = ["your-own-kernel"] if kernel else []
    pages += ["when-it-fails"] if report.verdict is not Verdict.PASS else [] if kernel else ["how-it-decides"]
    pages += ["kinks"] if any(argument.kink is not None for argument in report) else []
    pages += ["symptoms", "line-by-line"] if report.verdict is Verdict.FAIL and not kernel else []
    yield "To read more, in a terminal:"
    yield from (f"  gradcheck docs {page}" for page in pages)


def _section(title: str, rows: list[str]) -> str:
    return "\n".join([visible(title), *(_text(row, "  ") for row in rows)])


def _text(row: str, indent: str = "") -> str:
    return "\n".join(
        fill(
            visible(part),
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for part in row.splitlines() or [""]
    )
