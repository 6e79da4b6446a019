"""What is said of a report, in words: numbers, findings, entries, kinks, causes, and what to do next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcheck.reports import kernel_words
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck.verdicts.report import ArgumentReport, Kink, Report, WorstEntry

ZERO = 1e3  # an error this many times the true gradient is no relative error any more
ORDER = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}  # what a reader should see first
WORDS = {Verdict.FAIL: "wrong", Verdict.INCONCLUSIVE: "undecided", Verdict.PASS: "right"}
WIDE = ("", "float64", "complex128")  # arithmetic that needs no remark
SHOWN = 3  # entries named in a sentence
LONGEST = 48  # characters of a name; a longer one loses its middle


# Characters -----------------------------------------------------------------------------------------------


def visible(text: str) -> str:
    """Return text with every character that does not print as its escape: newlines, control codes, half surrogates."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def clipped(name: str, longest: int = LONGEST) -> str:
    """Return a name that fits, its middle left out where it is long."""
    name = visible(name)
    half = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-(longest - 1 - half) :]}"


def number(value: float) -> str:
    """Return a relative error in two significant digits."""
    return f"{value:.1e}" if math.isfinite(value) and value != 0 else "0" if value == 0 else "∞"


def percent(confidence: float) -> str:
    """Return 0.9999 as ``99.99 %``."""
    return f"{100 * float(confidence):.10g} %"


def values(*numbers: complex) -> list[str]:
    """Return numbers in six digits, in more where that is what it takes to tell them apart."""
    real = all(z.imag == 0 for z in numbers)
    texts: list[str] = []
    for digits in (6, 9, 12, 15):
        texts = [f"{z.real:.{digits}g}" if real else f"{z:.{digits}g}" for z in numbers]
        if len(set(texts)) == len(texts):
            break
    return texts


# An argument ----------------------------------------------------------------------------------------------


def finding(argument: ArgumentReport, confidence: float) -> str:
    """Return how wrong the gradient is at most, or at least, in a few words."""
    error = argument.error
    if argument.comparison is not None:
        return kernel_words.finding(argument, argument.comparison)
    if argument.verdict is Verdict.FAIL:
        return _wrong(argument)
    if argument.verdict is Verdict.INCONCLUSIVE:
        return f"undecided: error below {number(error.high)}" if math.isfinite(error.high) else "undecided"
    if not error.relative:
        return f"zero to ±{number(error.high)} absolute ({percent(confidence)})"
    return f"right to {number(error.high)} ({percent(confidence)})"


def _wrong(argument: ArgumentReport) -> str:
    error, factor = argument.error, argument.factor
    if error.low <= 0:
        return "wrong"
    if error.low > ZERO:
        return "wrong: the true gradient is zero, or next to it"
    size = f"{number(error.low)} or more" if not math.isfinite(error.high) else f"{number(error.low)} to "
    size += number(error.high) if math.isfinite(error.high) else ""
    if factor is not None:
        digits = 4 if abs(factor - 1) > 1e-3 else 9  # 1.00000003, and not 1
        return f"wrong: {factor:.{digits}g} x the true gradient (relative error {size})"
    return f"wrong by a relative error of {size}"


def remarks(argument: ArgumentReport) -> str:
    """Return kink, proof of power and arithmetic, the right-hand part of an argument's line."""
    parts = []
    if argument.kink is not None:
        parts.append(_kink(argument.kink, argument.name))
    elif argument.verdict is Verdict.PASS and argument.comparison is None:
        parts.append("smooth")
    if argument.planted is not None and argument.planted.applicable:
        missed = "; ".join(argument.planted.not_caught[:2]) + ("; ..." if len(argument.planted.not_caught) > 2 else "")
        parts.append(
            f"{argument.planted.caught}/{argument.planted.applicable} planted mistakes caught"
            + (f", not: {missed}" if missed else "")
        )
    if argument.measured_in not in WIDE:
        parts.append(f"measured in {argument.measured_in}")
    return "  ".join(parts)


def _kink(kink: Kink, name: str) -> str:
    at = f" at {indices(kink.entries, name)}" if any(kink.entries) else ""
    return f"kink{at}: {kink.convention}, a subgradient" if kink.valid else f"kink{at}: no subgradient"


def indices(entries: Sequence[tuple[int, ...]], name: str) -> str:
    """Return entries as ``x[0], x[3] and 2 more``."""
    listed = ", ".join(entry_name(name, index) for index in entries[:SHOWN])
    return listed + (f" and {len(entries) - SHOWN} more" if len(entries) > SHOWN else "")


def entry_name(name: str, index: Sequence[int]) -> str:
    """Return ``w[2, 1]``, and ``w`` for a scalar."""
    return clipped(name) + (f"[{', '.join(map(str, index))}]" if len(index) else "")


def entry(argument: ArgumentReport) -> str:
    """Return the worst entry, claimed and measured; empty where none was measured by itself."""
    if argument.worst and argument.comparison is not None:
        return kernel_words.entry(argument)
    return entry_text(argument.worst[0], argument.name) if argument.worst else ""


def entry_text(worst: WorstEntry, name: str) -> str:
    """Return ``w[2, 1] claimed 20.1992, measured 19.6992``."""
    claimed, measured = values(worst.claimed, worst.measured)
    return f"{worst.label or entry_name(name, worst.index)} claimed {claimed}, measured {measured}"


def causes(argument: ArgumentReport) -> list[str]:
    """Return why the gradient is wrong or undecided, a sentence each: the mistake, then what the verdict rests on."""
    return [text for text in (argument.advice, argument.reason) if text]


def next_step(argument: ArgumentReport) -> str:
    """Return what to do now; empty where the cause says it."""
    if argument.next or argument.verdict is not Verdict.FAIL or causes(argument):
        return argument.next
    if argument.where is not None and any(i is not None for i in argument.where):
        there = ", ".join(":" if i is None else str(i) for i in argument.where)
        name = f"{clipped(argument.name)}[{there}]"
        return f"see what the code does for {name} only: an index, a condition, a sign"
    return "judge the backward pass line by line, with gradcheck.Derivation"


def said(argument: ArgumentReport, confidence: float) -> str:
    """Return all that is said of an argument, in one line."""
    return "; ".join(filter(None, (finding(argument, confidence), *facts(argument))))


def facts(argument: ArgumentReport) -> tuple[str, ...]:
    """Return where the gradient is wrong, its worst entry, and why."""
    return tuple(filter(None, (*causes(argument), argument.where_text, entry(argument))))


# A report -------------------------------------------------------------------------------------------------


def worst_first(report: Report) -> list[ArgumentReport]:
    """Return the arguments, wrong ones before undecided ones before right ones, otherwise in their order."""
    return sorted(report, key=lambda argument: ORDER[argument.verdict])


def headline(report: Report) -> str:
    """Return what was found in one sentence."""
    if of_kernel := kernel_words.headline(report):
        return of_kernel
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
    found: dict[str, list[str]] = {}
    for a in worst_first(report):
        if a.verdict is not Verdict.PASS:
            found.setdefault((*facts(a), finding(a, report.confidence))[0], []).append(clipped(a.name))
    return "; ".join(f"{', '.join(names)}: {cause}" for cause, names in found.items())


def diagnosis(report: Report) -> str:
    """Return the verdict and its cause in one line, the cause first seen: for a `repr` and a list of failures."""
    cause = report.complaint or why(report) or headline(report)
    return visible(f"{report.verdict} {clipped(report.title)}: {cause}")


def short(report: Report) -> str:
    """Return what is wrong in as few words as there are: for a line that may be cut."""
    if report.complaint:
        return visible(report.complaint)
    found = []
    for a in worst_first(report):
        cause = a.mistakes[0] if a.mistakes else (*facts(a), finding(a, report.confidence))[0]
        if a.verdict is Verdict.FAIL:
            found.append(f"{clipped(a.name)}: {cause}")
        elif a.verdict is Verdict.INCONCLUSIVE:
            found.append(f"{clipped(a.name)} undecided: {cause}")
    return visible("; ".join(found)) or headline(report)


def coarse(report: Report) -> str:
    """Return a remark where slopes were measured in a narrow dtype; empty elsewhere."""
    narrow = [a for a in report if a.measured_in not in WIDE]
    if not narrow:
        return ""
    small = max(a.error.high if a.verdict is Verdict.PASS else 0.0 for a in report)
    seen = f"an error below {number(small)} does not show" if 0 < small < math.inf else "small errors do not show"
    told = f"f computes in {' and '.join(dict.fromkeys(a.measured_in for a in narrow))}, where {seen}"
    if all(a.dtype in WIDE for a in narrow):  # it accepts float64, and a note says what it does with it
        return told
    return f"{told}: let it accept float64 (JAX: jax.config.update('jax_enable_x64', True))"
