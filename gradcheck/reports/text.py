"""A report as text for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.verdicts.report import ArgumentReport, Report

WIDTH = 118
ZERO = 1e3  # an error this many times the true gradient is no relative error any more
LINES = 12
ORDER = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}  # what a reader should see first
WORDS = {Verdict.FAIL: "wrong", Verdict.INCONCLUSIVE: "undecided", Verdict.PASS: "right"}


def worst_first(report: Report) -> list[ArgumentReport]:
    """Return the arguments, wrong ones before undecided ones before right ones, otherwise in their order."""
    return sorted(report, key=lambda argument: ORDER[argument.verdict])


def number(value: float) -> str:
    """Return a relative error in two significant digits."""
    return f"{value:.1e}" if math.isfinite(value) and value != 0 else "0" if value == 0 else "∞"


def percent(confidence: float) -> str:
    """Return 0.9999 as ``99.99 %``."""
    return f"{100 * float(confidence):.10g} %"


def finding(argument: ArgumentReport, confidence: float) -> str:  # noqa: PLR0911  one for each outcome
    """Return how wrong the gradient is at most, or at least, in a few words."""
    error = argument.error
    if argument.verdict is Verdict.PASS:
        if not error.relative:
            return f"zero to ±{number(error.high)} absolute ({percent(confidence)})"
        return f"right to {number(error.high)} ({percent(confidence)})"
    if argument.verdict is Verdict.FAIL and error.low > 0:
        if error.low > ZERO:
            return "wrong: the true gradient is zero, or next to it"
        if not math.isfinite(error.high):
            return f"wrong by {number(error.low)} or more"
        return f"wrong by {number(error.low)} to {number(error.high)}"
    if argument.verdict is Verdict.FAIL:
        return "wrong"
    return f"undecided: error below {number(error.high)}" if math.isfinite(error.high) else "undecided"


def remarks(argument: ArgumentReport) -> str:
    """Return kink and proof of power, the right-hand part of an argument's line."""
    parts = []
    if argument.kink is None:
        parts.append("smooth" if argument.verdict is Verdict.PASS else "")
    else:
        valid = "a subgradient" if argument.kink.valid else "no subgradient"
        parts.append(f"kink: {argument.kink.convention}, {valid}")
    if argument.planted is not None and argument.planted.applicable:
        missed = "; ".join(argument.planted.not_caught[:2]) + ("; ..." if len(argument.planted.not_caught) > 2 else "")
        parts.append(
            f"{argument.planted.caught}/{argument.planted.applicable} planted mistakes caught"
            + (f", not: {missed}" if missed else "")
        )
    return "  ".join(part for part in parts if part)


def headline(report: Report) -> str:
    """Return what was found in one sentence."""
    judged = len(report.arguments)
    wrong = sum(a.verdict is Verdict.FAIL for a in report.arguments)
    undecided = sum(a.verdict is Verdict.INCONCLUSIVE for a in report.arguments)
    one = judged == 1
    return {
        Verdict.PASS: "the gradient is right" if one else f"{judged} gradients are right",
        Verdict.FAIL: report.complaint
        or ("the gradient is wrong" if one else f"{wrong} of {judged} gradients {'is' if wrong == 1 else 'are'} wrong"),
        Verdict.INCONCLUSIVE: "the gradient is undecided" if one else f"{undecided} of {judged} gradients undecided",
    }[report.verdict]


def why(report: Report) -> str:
    """Return what there is to say of each argument that is no PASS, in one line; empty where nothing is."""
    found = [
        f"{a.name}: {said}"
        for a in worst_first(report)
        if a.verdict is not Verdict.PASS and (said := a.advice or a.reason or a.where_text)
    ]
    return "; ".join(found)


def as_text(report: Report) -> str:
    """Return the report in at most a dozen lines: verdict, arguments, reasons, how to repeat."""
    cost = f"[{report.oracle}, {report.evaluations} evaluations, seed {report.seed}]"
    head = f"{report.verdict}  {report.title}: {headline(report)}   {cost}"
    notes = [f"  note: {note}" for note in report.notes]
    if report.verdict is not Verdict.PASS and report.repeat:
        notes.append(f"  repeat: {report.repeat}")
    return "\n".join([head, *_arguments(report, LINES - 1 - len(notes)), *notes])


def _arguments(report: Report, most: int) -> list[str]:
    """Return the lines of all arguments; where they are too many, of the first wrong ones, the others counted."""
    label = max((len(f"{a.name} {a.shape}") for a in report.arguments), default=0)
    said: set[str] = set()
    blocks: list[list[str]] = []
    for argument in report.arguments:
        head = f"{argument.name} {argument.shape}".ljust(label)
        lines = [f"  {head}  {finding(argument, report.confidence)}  {remarks(argument)}".rstrip()]
        fresh = [text for text in (argument.advice, argument.reason, argument.where_text) if text and text not in said]
        if argument.advice and argument.advice in said:
            fresh = []  # the same mistake once more: its first place serves as the example
        said.update(fresh)
        blocks.append(lines + [f"  {' ' * label}    {text}" for text in fresh])
    if sum(map(len, blocks)) <= most:
        return [line for block in blocks for line in block]
    urgent = sorted(range(len(blocks)), key=lambda i: ORDER[report.arguments[i].verdict])
    kept: list[str] = []
    for place, i in enumerate(urgent):
        if len(kept) + len(blocks[i]) > most - 1 and kept:
            rest = [report.arguments[k].verdict for k in urgent[place:]]
            counts = [f"{rest.count(v)} {WORDS[v]}" for v in ORDER if v in rest]
            return [*kept, f"  and {len(rest)} more: {', '.join(counts)}"]
        kept += blocks[i]
    return kept
