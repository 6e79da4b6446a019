"""The words of a page: captions of its pictures, values and ratios, and which picture comes first."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradcheck.errors import UnsupportedError
from gradcheck.reports import kernel_words
from gradcheck.reports.pictures import heat_map
from gradcheck.reports.repeat import program
from gradcheck.reports.words import coarse, finding, indices, number
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.verdicts.report import ArgumentReport, Report, WorstEntry

FIRST = {
    "Where it is wrong",
    "Every entry",
    "Error over its yardstick",
}  # what a reader looks for; the others say how it was measured


@dataclass(frozen=True)
class Picture:
    """One picture of an argument: SVG, and the sentence below it; the `first` ones are seen without opening a fold."""

    title: str
    svg: str
    caption: str
    first: bool


def pictures(argument: ArgumentReport, key: str) -> list[Picture]:
    """Return the pictures of one argument with their captions."""
    from gradcheck.reports.pictures.output import panels, svg  # noqa: PLC0415  matplotlib only where it is wanted

    found = []
    for i, (title, height, draw) in enumerate(panels(argument)):
        caption = CAPTIONS[title](argument)
        drawn = svg(draw, height, f"{title}: {argument.name}. {caption}", f"{key}.{i}")
        first = title in FIRST or (title == "Along one direction" and argument.kink is not None)
        found.append(Picture(title, drawn, caption, first))
    return found


def intervals(report: Report, key: str) -> str:
    """Return the picture of all intervals as SVG."""
    from gradcheck.reports.pictures.intervals import draw_intervals, intervals_height  # noqa: PLC0415  as above
    from gradcheck.reports.pictures.output import svg  # noqa: PLC0415  as above

    said = "; ".join(f"{a.name}: {a.verdict}, {finding(a, report.confidence)}" for a in report)
    height = intervals_height(report)
    return svg(lambda ax: draw_intervals(ax, report, words=False), height, f"Intervals of the errors. {said}", key)


def _of_place(argument: ArgumentReport) -> str:
    last = " The last two axes are drawn." if len(argument.shape) > 2 else ""
    if argument.where is None:
        said = "red are the worst of the entries that were measured one by one. Others may be wrong as well"
    elif None not in argument.where:
        said = "the lines cross at the wrong entry"
    else:
        said = "hatched where it is wrong. Filled are entries that were measured one by one: the darker, the more wrong"
    return f"The array {argument.name} ({shape_text(argument.shape)}): {said}.{last}"


def _of_line(argument: ArgumentReport) -> str:
    if argument.kink is not None:
        return (
            f"φ(t) is f with {argument.name} moved by t·v. Its slopes left and right of t = 0 differ. A right "
            "claim has a slope between them along every direction."
        )
    return (
        f"φ(t) is f with {argument.name} moved by t·v. The dots are values of f. Of a right claim the dashed "
        "line would lie on them."
    )


def _of_ladder(argument: ArgumentReport) -> str:
    off = "inside" if argument.verdict is Verdict.PASS else "above" if argument.verdict is Verdict.FAIL else "near"
    return (
        f"How a slope is measured: f is evaluated a step h to both sides, and the difference is divided by 2h. This is "
        f"done for many h, along each of {len(argument.probes)} directions. With large steps the slope is off because "
        f"f bends, with small ones because f is rounded. A diamond is the bound on what remains. The claim (dotted) is "
        f"{off} these bounds."
    )


def _of_map(argument: ArgumentReport) -> str:
    if argument.comparison is None:
        return ""
    return heat_map.caption(kernel_words.label(argument), argument.comparison)


def _of_entries(argument: ArgumentReport) -> str:
    last = " Its leading axes are drawn one after the other." if len(argument.shape) > 2 else ""
    return (
        f"Every entry of {argument.name} ({shape_text(argument.shape)}), measured by moving it alone. White is right, "
        f"red is wrong: the darker, the larger the error, divided by the largest entry. Hatched is not measured.{last}"
    )


CAPTIONS = {
    "Every entry": _of_entries,
    "Error over its yardstick": _of_map,
    "Where it is wrong": _of_place,
    "Along one direction": _of_line,
    "The ladder of steps": _of_ladder,
}


def kink_text(argument: ArgumentReport) -> str:
    """Return what the claim does at the kink, in a sentence."""
    kink = argument.kink
    if kink is None:
        return ""
    within = f" (within {number(kink.within)} of the point)" if math.isfinite(kink.within) and kink.within > 0 else ""
    valid = "a valid subgradient" if kink.valid else "no subgradient"
    at = f" at {indices(kink.entries, argument.name)}" if any(kink.entries) else ""
    convention = "" if kink.convention == "other" else f", convention: {kink.convention}"
    return f"f has a kink here{at}{within}; the claim is {valid}{convention}."


def interval_text(argument: ArgumentReport) -> str:
    """Return the interval of the error in words."""
    low, high = argument.error.low, argument.error.high
    if not argument.error.relative:
        return f"the gradient is zero as far as can be seen: its error is at most {number(high)}, in the units of f"
    upper = f"{number(low)} or more" if math.isinf(high) else f"{number(low)} to {number(high)}"
    return f"relative error {upper}; a PASS needs {number(argument.resolution)} or less"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return (64, 1000) as ``64 × 1000``, (5,) as ``5 entries``."""
    if len(shape) == 1:
        return "1 entry" if shape[0] == 1 else f"{shape[0]} entries"
    return " × ".join(map(str, shape)) or "scalar"


def value_text(value: complex) -> str:
    """Return a derivative in six digits, real where it is."""
    value = complex(value)
    return f"{value.real:.6g}" if value.imag == 0 else f"{value:.6g}"


def ratio_text(worst: WorstEntry) -> str:
    """Return claimed ÷ measured in four digits; a dash where nothing is measured."""
    claimed, measured = complex(worst.claimed), complex(worst.measured)
    if measured == 0 or not all(map(math.isfinite, (claimed.real, claimed.imag, measured.real, measured.imag))):
        return "–"
    found = claimed / measured + 0.0  # a negative zero is none to a reader
    return f"{found.real:.4g}" if abs(found.imag) <= 1e-6 * abs(found) else f"{found:.4g}"


def capital(sentence: str) -> str:
    """Return a sentence with a capital letter first, the others as they are."""
    return sentence[:1].upper() + sentence[1:]


def notes(report: Report) -> list[str]:
    """Return what a reader should know besides."""
    return [note for note in (*report.notes, coarse(report)) if note]


def repeat_text(report: Report, test: str = "") -> str:
    """Return the program that repeats a failure if it needs no file beside it, else its test, or how to write it."""
    if report.verdict is Verdict.PASS:
        return ""
    again = f"python -m pytest {shlex.quote(test)} --gradcheck-seed {report.seed}" if test else report.repeat
    try:
        text, kept = program(report)
    except UnsupportedError:
        return again
    return again if kept else text
