"""A report as text for people and as plain data for programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.verdicts.report import ArgumentReport, Report

WIDTH = 118
ZERO = 1e3  # an error this many times the true gradient is no relative error any more
LINES = 12
ORDER = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}  # what a reader should see first
WORDS = {Verdict.FAIL: "wrong", Verdict.INCONCLUSIVE: "undecided", Verdict.PASS: "right"}
SCHEMA = 1  # of the data, as gradcheck/schema.json describes it; counts up when a field changes its meaning


def worst_first(report: Report) -> list[ArgumentReport]:
    """Return the arguments, wrong ones before undecided ones before right ones, otherwise in their order."""
    return sorted(report, key=lambda argument: ORDER[argument.verdict])


def number(value: float) -> str:
    """Return a relative error in two significant digits."""
    return f"{value:.1e}" if math.isfinite(value) and value != 0 else "0" if value == 0 else "∞"


def percent(confidence: float) -> str:
    """Return 0.9999 as ``99.99 %``."""
    return f"{100 * confidence:.10g} %"


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


def _plain(value: Any) -> Any:
    if isinstance(value, complex):
        return _plain(value.real) if value.imag == 0 else [_plain(value.real), _plain(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def as_dict(report: Report) -> dict[str, Any]:
    """Return the report as JSON-ready data."""
    return {
        "schema": SCHEMA,
        "verdict": str(report.verdict),
        "title": report.title,
        "oracle": report.oracle,
        "evaluations": report.evaluations,
        "gradient_evaluations": report.gradient_evaluations,
        "contract_evaluations": report.contract_evaluations,
        "seed": report.seed,
        "confidence": report.confidence,
        "smallest_error": _plain(report.smallest_error),
        "complaint": report.complaint,
        "notes": list(report.notes),
        "repeat": report.repeat,
        "arguments": [_argument(argument) for argument in report.arguments],
    }


def _argument(a: ArgumentReport) -> dict[str, Any]:
    return {
        "name": a.name,
        "shape": list(a.shape),
        "dtype": a.dtype,
        "verdict": str(a.verdict),
        "error": {
            "low": _plain(a.error.low),
            "high": _plain(a.error.high),
            "relative": a.error.relative,
            "confidence": a.error.confidence,
        },
        "resolution": _plain(a.resolution),
        "smallest_error": _plain(a.smallest_error),
        "reason": a.reason,
        "kink": None
        if a.kink is None
        else {
            "convention": a.kink.convention,
            "valid": a.kink.valid,
            "entries": [list(entry) for entry in a.kink.entries],
            "within": _plain(a.kink.within),
            "note": a.kink.note,
        },
        "accuracy": None
        if a.accuracy is None
        else {
            "dtype": a.accuracy.dtype,
            "error": _plain(a.accuracy.error),
            "allowed": _plain(a.accuracy.allowed),
            "verdict": str(a.accuracy.verdict),
        },
        "where": None if a.where is None else list(a.where),
        "where_text": a.where_text,
        "mistakes": list(a.mistakes),
        "advice": a.advice,
        "planted": None
        if a.planted is None
        else {
            "caught": a.planted.caught,
            "applicable": a.planted.applicable,
            "not_caught": list(a.planted.not_caught),
        },
        "worst": [
            {
                "index": list(w.index),
                "claimed": _plain(w.claimed),
                "measured": _plain(w.measured),
                "error": _plain(w.error),
            }
            for w in a.worst
        ],
        "probes": [
            {
                "probe": p.probe,
                "claimed": _plain(p.claimed),
                "measured": _plain(p.slope.value),
                "error": _plain(p.slope.error),
                "left": _plain(p.slope.left),
                "right": _plain(p.slope.right),
                "side_error": _plain(p.slope.side_error),
            }
            for p in a.probes
        ],
        "notes": list(a.notes),
    }
