"""The report of a run as one HTML page that needs no network: pictures above, the numbers they are drawn from below."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from gradcheck.bench.markdown import argument_rows, check_rows, environment_rows, precision_rows, step_rows
from gradcheck.bench.pictures import draw_ratios, draw_roofline
from gradcheck.reports.pictures.output import svg

if TYPE_CHECKING:
    from jinja2 import Template

    from gradcheck.bench.results import Results


def page(results: Results, command: str) -> str:
    """Return a whole HTML document; `command` repeats the run."""
    return _template().render(
        css=(files("gradcheck.reports") / "page.css").read_text(encoding="utf-8"),
        command=command,
        libraries=[_library(results, *table) for table in step_rows(results)],
        rooflines=[_roofline(results, key) for key in dict.fromkeys(case.peak_key for case in results.cases())],
        checks=check_rows(results.checks) if results.checks else None,
        arguments=argument_rows(results.arguments) if results.arguments else None,
        precision=precision_rows(results) if results.precision else None,
        environment=environment_rows(results),
        reasons=results.reasons(),
    )


def _library(results: Results, library: str, header: list[str], rows: list[list[str]]) -> dict[str, Any]:
    cases = [case for case in results.cases() if case.library == library]
    said = "; ".join(
        f"{row[0]} {row[1]}: " + ", ".join(map(" ".join, zip(header[4:], row[4:], strict=True))) for row in rows
    )
    picture = svg(
        lambda ax: draw_ratios(ax, results, cases),
        1.3 + 0.28 * len(cases),
        f"Time of a step over its floor, {library}. {said}",
        f"ratios-{library}",
    )
    return {"name": library, "header": header, "rows": rows, "picture": picture}


def _roofline(results: Results, key: str) -> dict[str, Any]:
    peak = results.environment["peak"][key]
    said = f"Roofline, {key}: at most {peak['gflops']:.0f} GFLOP/s and {peak['bytes_per_second'] / 1e9:.1f} GB/s."
    return {
        "name": key,
        "picture": svg(lambda ax: draw_roofline(ax, results, key), 3.2, said, f"roof-{key}"),
    }


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  only where a page is wanted

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((files("gradcheck.bench") / "page.html").read_text(encoding="utf-8"))
