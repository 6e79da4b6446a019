"""The picture of all intervals: how wrong each gradient is at least and at most, on one axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck.reports.pictures.style import COLOURS, MARKS, OF_VERDICT, label_of, log_axis
from gradcheck.reports.words import finding, percent, worst_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradcheck.verdicts.report import Report

DECADES = 303  # on either side of 1
MOST_ROWS = 24  # arguments
SMALLEST = 1e-17  # relative errors are drawn down to here, below float64's round-off
LARGEST = 1e300  # and up to here: the axis ends a few decades further on


def draw_intervals(ax: Axes, report: Report, *, words: bool = True) -> None:
    """Draw the interval of each argument's error on one log axis, a row each, with the resolution that is wanted.

    Wrong arguments are the first rows; of many only MOST_ROWS are drawn. The name stands beside its bar and, with
    `words`, what was found above it.
    """
    low, high = error_range(report)
    shown = worst_first(report)[:MOST_ROWS]
    ax.set_xscale("log")
    log_axis(ax.xaxis)
    ax.set_xlim(low, high)
    ax.set_ylim(len(shown) - 0.4, -0.75)
    ax.set_yticks(range(len(shown)), [f"{MARKS[a.verdict]} {label_of(a.name, 16)}" for a in shown])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(visible=True, axis="x")
    for row, argument in enumerate(shown):
        colour = COLOURS[OF_VERDICT[argument.verdict]]
        ax.get_yticklabels()[row].set_color(colour)
        start, end = max(argument.error.low, low), min(argument.error.high, high)
        ax.plot([start, end], [row, row], color=colour, linewidth=5, solid_capstyle="butt")
        if argument.error.low <= low:  # down to zero: off the axis
            ax.plot([low], [row], color=colour, marker=4, markersize=9, clip_on=False)
        if argument.error.high >= high:
            ax.plot([high], [row], color=colour, marker=5, markersize=9, clip_on=False)
        if low <= argument.resolution <= high and argument.error.relative:
            ax.plot([argument.resolution] * 2, [row - 0.22, row + 0.22], color=COLOURS["ink"], linewidth=1.5)
        if words:
            above: dict[str, Any] = {
                "transform": ax.get_yaxis_transform(),
                "verticalalignment": "bottom",
                "color": colour,
            }
            ax.text(0.0, row - 0.3, finding(argument, report.confidence), **above)
    left_out = len(report) - len(shown)
    more = f"; {left_out} more are not drawn" if left_out else ""
    ax.set_xlabel(f"relative error ({percent(report.confidence)});  | = resolution wanted{more}")


def error_range(report: Report) -> tuple[float, float]:
    """Return the ends of the error axis, powers of ten around all that is drawn."""
    drawn = [SMALLEST]
    for a in report:
        drawn += [v for v in (a.error.low, a.error.high, a.resolution) if SMALLEST < v < LARGEST]
    smallest = min(drawn[1:], default=1e-3)
    largest = max([*drawn, 10 * smallest])
    return decade(math.floor(math.log10(smallest)) - 1), decade(math.ceil(math.log10(largest) + 0.5))


def decade(exponent: float) -> float:
    """Return a power of ten, as near as it can be drawn: no axis goes from 0 or to infinity."""
    return math.pow(10.0, min(max(exponent, -DECADES), DECADES))


def intervals_height(report: Report) -> float:
    """Return the height in inches that the intervals need."""
    return 0.7 + 0.36 * min(max(len(report), 1), MOST_ROWS)
