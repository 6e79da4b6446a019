"""Reports as one HTML page that needs no network, as a fragment for notebooks, and as files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.reports import captions, kernel_words, words
from gradcheck.reports.data import as_json
from gradcheck.reports.explain import explained
from gradcheck.reports.files import write
from gradcheck.reports.repeat import program
from gradcheck.reports.text import as_text
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Template
    from markupsafe import Markup

    from gradcheck.reports.session import Session
    from gradcheck.verdicts.report import Report

ENDINGS = (".html", ".json", ".py")
SYMBOLS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}
# A picture takes 10 to 30 kB and a twentieth of a second: the pages of large test suites draw the worst reports only,
# and those of many arguments the worst arguments.
MOST_PICTURED = 20
MOST_ARGUMENTS = 12


@dataclass(frozen=True)
class Section:
    """One report on a page: where it comes from, and whether its pictures are drawn."""

    report: Report
    test: str = ""
    checks: int = 1
    pictured: bool = True
    expected: bool = False


@dataclass(frozen=True)
class Entry:
    """A section as it stands on the page, and its line in the list of contents."""

    key: str
    verdict: Verdict
    title: str
    test: str
    checks: int
    expected: bool
    said: str
    html: str


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
            Section(record.report, record.test, record.checks, i < MOST_PICTURED, record.expected)
            for i, record in enumerate(session.records)
        ]
        text = page(sections, session.headline)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, text)


def page(sections: Iterable[Section], title: str) -> str:
    """Return a whole HTML document; without a title only the element inside it, see `fragment`."""
    whole, sections = template("page.html"), list(sections)
    several = len(sections) != 1
    entries = [_entry(section, f"report{i}", 2 if several else 1) for i, section in enumerate(sections, 1)]
    drawable = find_spec("matplotlib") is not None
    return whole.render(entries=entries, document=title, drawable=drawable, most_pictured=MOST_PICTURED)


def fragment(report: Report) -> str:
    """Return one report as an element with its own styles, for a notebook's cell."""
    return page([Section(report)], "")


def _entry(section: Section, key: str, level: int) -> Entry:
    """Return a section as HTML; a report that cannot be shown costs itself only, and says why."""
    report = section.report
    pictured = section.pictured and find_spec("matplotlib") is not None
    options = {"section": section, "report": report, "key": key, "level": level, "most_arguments": MOST_ARGUMENTS}
    try:
        said = words.why(report) or words.headline(report)
        html = template("report.html").render(**options, pictured=pictured)
    except Exception as error:  # noqa: BLE001  whatever its fields hold
        said = f"this report cannot be shown: {type(error).__name__}: {error}"
        html = template("broken.html").render(**options, said=said)
    about = (str(report.title), section.test, section.checks, section.expected)
    return Entry(key, report.verdict, *about, said, html)


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
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_source),
    )
    environment.globals.update(
        css=_source("page.css"),
        version=__version__,
        symbols=SYMBOLS,
        as_text=lambda report: _preformatted(as_text(report)),
        explained=lambda report: _preformatted(explained(report)),
        label=kernel_words.label,
        shape=captions.shape_text,
        value=captions.value_text,
        ratio=captions.ratio_text,
        repeat=lambda report, test: _preformatted(captions.repeat_text(report, test)),
    )
    shown = ("capital", "interval_text", "intervals", "kink_text", "notes", "pictures")
    environment.globals.update({word: getattr(captions, word) for word in shown})
    said = ("causes", "entry_name", "finding", "headline", "next_step", "number", "percent", "remarks", "worst_first")
    environment.globals.update({word: getattr(words, word) for word in said})
    return environment.get_template(name)


def _source(name: str) -> str:
    return (files("gradcheck.reports") / name).read_text(encoding="utf-8")


def _shown(value: object) -> object:
    """Return text with the characters that HTML has no place for as their escapes; what is HTML stays as it is."""
    return words.visible(value) if type(value) is str else value


def _preformatted(text: str) -> Markup:
    """Return text of several lines as HTML."""
    from markupsafe import escape  # noqa: PLC0415  comes with Jinja2

    return escape("\n".join(words.visible(line) for line in text.split("\n")))
