"""The pictures of a report on one matplotlib Figure, and one of them as SVG for a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from gradcheck.reports.pictures import heat_map
from gradcheck.reports.pictures.along import draw_line, line_of
from gradcheck.reports.pictures.intervals import draw_intervals, intervals_height
from gradcheck.reports.pictures.ladder import draw_ladder, has_ladder
from gradcheck.reports.pictures.place import as_matrix, draw_place, has_place
from gradcheck.reports.pictures.style import COLOURS, FLAT, HEIGHT, WIDTH, label_of, legend_above, matplotlib_style
from gradcheck.reports.words import visible, worst_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradcheck.verdicts.report import ArgumentReport, Report


def panels(argument: ArgumentReport) -> list[tuple[str, float, Callable[[Axes], None]]]:
    """Return (title, height in inches, how to draw it) of an argument's pictures."""
    found: list[tuple[str, float, Callable[[Axes], None]]] = []
    probe = line_of(argument)
    comparison = argument.comparison
    if comparison is not None and comparison.map is not None:
        height = HEIGHT if comparison.map.rows > 1 else FLAT * WIDTH + 0.8
        return [("Error over its yardstick", height, lambda ax: heat_map.draw(ax, comparison))]
    if (entries := argument.entries) is not None:
        height = HEIGHT if entries.rows > 1 else FLAT * WIDTH + 0.8
        found.append(("Every entry", height, lambda ax: heat_map.draw_entries(ax, entries)))
    elif has_place(argument):
        height = HEIGHT if as_matrix(argument.shape)[0] > 1 else FLAT * WIDTH + 0.5
        found.append(("Where it is wrong", height, lambda ax: draw_place(ax, argument)))
    if probe is not None:
        found.append(("Along one direction", HEIGHT, lambda ax: draw_line(ax, probe, argument.name)))
    if has_ladder(argument):
        found.append(("The ladder of steps", HEIGHT, lambda ax: draw_ladder(ax, argument)))
    return found


def figure(report: Report) -> Figure:
    """Return all pictures of a report on one matplotlib Figure: the intervals, then three pictures a row.

    Raises
    ------
    UnsupportedError
        If matplotlib is not installed.

    """
    with matplotlib_style():
        from matplotlib.figure import Figure  # noqa: PLC0415

        drawn = [(a.name, title, draw) for a in worst_first(report) for title, _, draw in panels(a)]
        columns = min(max(len(drawn), 1), 3)
        rows = -(-len(drawn) // columns)
        heights = [intervals_height(report), *[3.2] * rows]
        fig = Figure(figsize=(max(WIDTH * columns, 6), sum(heights) + 0.4), layout="constrained")
        fig.suptitle(f"{report.verdict}  {label_of(report.title, 60)}", x=0.01, horizontalalignment="left")
        grid = fig.add_gridspec(1 + rows, columns, height_ratios=heights)
        top = fig.add_subplot(grid[0, :])
        if len(report):
            draw_intervals(top, report)
        else:
            top.set_axis_off()
            top.text(0.01, 0.5, report.complaint, wrap=True)
        for i, (name, title, draw) in enumerate(drawn):
            ax = fig.add_subplot(grid[1 + i // columns, i % columns])
            draw(ax)
            ax.set_title(f"{label_of(name)}: {title[0].lower()}{title[1:]}", pad=14)
            if ax.get_legend_handles_labels()[0]:
                ax.legend()
        return fig


def svg(draw: Callable[[Axes], None], height: float, alt: str, key: str) -> str:
    """Return a picture as an SVG element that takes the page's colours and width.

    Parameters
    ----------
    draw : callable
        Draws on given axes.
    height : float
        In inches; the width is that of a phone.
    alt : str
        What the picture shows, in words.
    key : str
        Makes the identifiers inside the picture unique on a page.

    """
    with matplotlib_style():
        import matplotlib as mpl  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

        mpl.rcParams["svg.hashsalt"] = key
        fig = Figure(figsize=(WIDTH, height), layout="constrained")
        ax = fig.subplots()
        draw(ax)
        legend_above(ax)
        out = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        fig.savefig(out, format="svg", metadata=nothing, transparent=True)
    return _for_page(out.getvalue(), alt)


def _for_page(text: str, alt: str) -> str:
    from markupsafe import escape  # noqa: PLC0415

    text = text[text.index("<svg") :].strip()
    text = re.sub(r'<style type="text/css">.*?</style>', "", text, flags=re.DOTALL)  # it would style the page
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # the same in every picture, and never referred to
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    for name, value in COLOURS.items():
        text = text.replace(value, f"var(--{name})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(visible(alt))}" ', 1)
