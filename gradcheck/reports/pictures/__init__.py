"""The pictures of a report, drawn with matplotlib from measurements that the report already holds.

In reading order: `style` (colours and axes), `intervals`, `place`, `along`, `ladder` (one picture each, drawn on given
axes), `output` (all of them together, and SVG for a page).
"""

from gradcheck.reports.pictures.along import draw_line, line_of, telling_probe, window
from gradcheck.reports.pictures.intervals import draw_intervals, error_range, intervals_height
from gradcheck.reports.pictures.ladder import difference, draw_ladder, gradient_size, mismatch, slants
from gradcheck.reports.pictures.output import figure, panels, svg
from gradcheck.reports.pictures.place import draw_place, places
from gradcheck.reports.pictures.style import COLOURS, STYLE, log_axis, matplotlib_style, power_of_ten

__all__ = [
    "COLOURS",
    "STYLE",
    "difference",
    "draw_intervals",
    "draw_ladder",
    "draw_line",
    "draw_place",
    "error_range",
    "figure",
    "gradient_size",
    "intervals_height",
    "line_of",
    "log_axis",
    "matplotlib_style",
    "mismatch",
    "panels",
    "places",
    "power_of_ten",
    "slants",
    "svg",
    "telling_probe",
    "window",
]
