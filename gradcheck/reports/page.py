"""Reports as one HTML page that needs no network, as a fragment for notebooks, and as files."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.reports import heat_map, kernel_words
from gradcheck.reports.data import as_json
from gradcheck.reports.files import write
from gradcheck.reports.repeat import program
from gradcheck.reports.text import as_text
from gradcheck.reports.words import entry, finding, headline, number, percent, why, worst_first
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Template

    from gradcheck.reports.session import Session
    from gradcheck.verdicts.report import ArgumentReport, Report

ENDINGS = (".html", ".json", ".py")
SYMBOLS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}
# A picture takes 10 to 30 kB and a twentieth of a second: the pages of large test suites draw the worst reports only.
MOST_PICTURED = 20


@dataclass(frozen=True)
class Picture:
    """One picture of an argument: SVG, and the sentence below it."""

    title: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Section:
    """One report on a page: where it comes from, and whether its pictures are drawn."""

    report: Report
    test: str = ""
    checks: int = 1
    pictured: bool = True


def checked_path(path: str | Path) -> Path:
    """Return the path if its ending says what to write."""
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ArgumentError(f"{str(path)!r} ends in {path.suffix!r}, wanted a path that ends in .html, .json or .py")
    return path


def save(path: str | Path, report: Report) -> None:
    """Write one report as a page (.html) or as data (.json); see `Report.save`."""
    path = checked_path(path)
    ending = path.suffix.lower()
    if ending == ".py":
        return save_program(path, report)
    write(path, page([Section(report)], report.title) if ending == ".html" else report.to_json())
    return None


def save_program(path: Path, report: Report) -> None:
    """Write the program that makes a check again, and its arrays beside it where they are not small."""
    data = path.with_suffix(".npz")
    text, kept = program(report, data.name)
    if kept:
        held = io.BytesIO()
        np.savez_compressed(held, allow_pickle=False, **kept)
        write(data, held.getvalue())
    write(path, text)


def save_session(path: str | Path, session: Session) -> None:
    """Write the reports of a test session on one page (.html) or as data (.json)."""
    path = checked_path(path)
    if path.suffix.lower() == ".json":
        text = as_json(session.to_dict())
    else:
        sections = [
            Section(record.report, record.test, record.checks, i < MOST_PICTURED)
            for i, record in enumerate(session.records)
        ]
        text = page(sections, session.headline)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, text)


def page(sections: Iterable[Section], title: str) -> str:
    """Return a whole HTML document."""
    return template("page.html").render(**_words(list(sections)), document=title)


def fragment(report: Report) -> str:
    """Return one report as an element with its own styles, for a notebook's cell."""
    return template("page.html").render(**_words([Section(report)]), document="")


def _words(sections: list[Section]) -> dict[str, Any]:
    return {
        "sections": sections,
        "drawable": find_spec("matplotlib") is not None,
        "most_pictured": MOST_PICTURED,
    }


@cache
def template(name: str) -> Template:
    """Return a template of the package, such as ``page.html``."""
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415  only where a page is wanted
    except ImportError as error:
        raise UnsupportedError(
            "pages need Jinja2, which is not installed: pip install 'gradcheck[report]', or save the data as .json"
        ) from error

    from gradcheck import __version__  # noqa: PLC0415  the package imports what a page shows

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_source),
    )
    environment.globals.update(
        css=_source("page.css"),
        version=__version__,
        symbols=SYMBOLS,
        headline=headline,
        finding=finding,
        entry=entry,
        percent=percent,
        number=number,
        shape=shape_text,
        as_text=as_text,
        pictures=pictures,
        intervals=intervals,
        kink_text=kink_text,
        value=value_text,
        worst_first=worst_first,
        why=why,
    )
    return environment.get_template(name)


def _source(name: str) -> str:
    return (files("gradcheck.reports") / name).read_text(encoding="utf-8")


def shape_text(shape: tuple[int, ...]) -> str:
    """Return (64, 1000) as ``64 × 1000``."""
    return " × ".join(map(str, shape)) or "scalar"


def value_text(value: complex) -> str:
    """Return a derivative in seven digits, real where it is."""
    return f"{value.real:.7g}" if value.imag == 0 else f"{value:.7g}"


# Pictures and what they show in words ---------------------------------------------------------------------


def intervals(report: Report, key: str) -> str:
    """Return the picture of all intervals as SVG."""
    from gradcheck.reports.pictures import draw_intervals, intervals_height, svg  # noqa: PLC0415

    said = "; ".join(f"{a.name}: {a.verdict}, {finding(a, report.confidence)}" for a in report)
    height = intervals_height(report)
    return svg(lambda ax: draw_intervals(ax, report, words=False), height, f"Intervals of the errors. {said}", key)


def pictures(argument: ArgumentReport, key: str) -> list[Picture]:
    """Return the pictures of one argument with their captions."""
    from gradcheck.reports.pictures import panels, svg  # noqa: PLC0415

    found = []
    for i, (title, height, draw) in enumerate(panels(argument)):
        caption = CAPTIONS[title](argument)
        found.append(Picture(title, svg(draw, height, f"{title}: {argument.name}. {caption}", f"{key}.{i}"), caption))
    return found


def _of_place(argument: ArgumentReport) -> str:
    last = " The last two axes are drawn." if len(argument.shape) > 2 else ""
    if argument.where is None:
        said = "marked are the worst of the entries that were measured one by one, not all that are wrong"
    elif None not in argument.where:
        said = "the lines cross at the wrong entry"
    else:
        said = "hatched where it is wrong; filled are entries measured one by one, the fuller the more wrong"
    return f"The array {argument.name}, {shape_text(argument.shape)}: {said}.{last}"


def _of_line(argument: ArgumentReport) -> str:
    if argument.kink is not None:
        return (
            f"φ(t) = f with {argument.name} moved by t·v: its slopes left and right of t = 0 differ, and the claim has "
            "to lie between them."
        )
    return f"φ(t) = f with {argument.name} moved by t·v: the dots follow the slope, and should follow the claim."


def _of_ladder(argument: ArgumentReport) -> str:
    off = "inside" if argument.verdict is Verdict.PASS else "above" if argument.verdict is Verdict.FAIL else "near"
    return (
        f"{len(argument.probes)} directions. Large steps err by truncation, small ones by noise; a diamond is the "
        f"bound that came of it. The claim is {off} these bounds."
    )


def _of_map(argument: ArgumentReport) -> str:
    if argument.comparison is None:
        return ""
    return heat_map.caption(kernel_words.label(argument), argument.comparison)


CAPTIONS = {
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
    return f"f has a kink here{within}; the claim is {valid}, convention: {kink.convention}."
