"""The pictures of a report, drawn with matplotlib: intervals, ladders of steps, φ(t), and the place of an error.

Each is drawn by one function on given axes, from measurements that the report already holds. `figure` puts them on one
matplotlib Figure, `svg` turns one into a picture for a page, its colours replaced by the page's own (light or dark).
"""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING, Any

from gradcheck.errors import UnsupportedError
from gradcheck.reports import heat_map
from gradcheck.reports.words import finding, percent, worst_first
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradcheck.slopes.slope import Level
    from gradcheck.verdicts.report import ArgumentReport, Probe, Report

# Names are those of the page's CSS variables; the values are its light theme, each used for one name only, so that
# `svg` can put the variable in the colour's place.
COLOURS = {
    "ink": "#1b2330",
    "muted": "#5c6675",
    "grid": "#d5dae2",
    "panel": "#fcfdfe",
    "pass": "#0b6e4f",
    "fail": "#b3261e",
    "doubt": "#8a5a00",
    "measured": "#1f5fbf",
    "noise": "#97631a",
}
OF_VERDICT = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.INCONCLUSIVE: "doubt"}
MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}
STYLE = {
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.facecolor": COLOURS["panel"],
    "figure.facecolor": COLOURS["panel"],
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.7,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.facecolor": COLOURS["panel"],
    "svg.fonttype": "none",
    "text.usetex": False,
    "text.parse_math": False,
}
MEASURED: dict[str, Any] = {"color": COLOURS["measured"], "marker": "o", "markersize": 3.5, "linewidth": 0.8}
BOUND: dict[str, Any] = {"color": COLOURS["ink"], "marker": "D", "markersize": 4, "linestyle": "", "fillstyle": "none"}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
WIDTH = 3.9  # inches: a phone's width at the size of the text
HEIGHT = 2.6
FLAT = 0.2  # a vector's height over its width
MOST_CELLS = 48  # an array of more rows or columns is drawn with a dot for an entry, which would be too small to see
SMALLEST = 1e-17  # relative errors are drawn down to here, below float64's round-off


def matplotlib_style() -> Any:
    """Return the context in which all pictures are drawn, whatever the user's own settings are.

    Raises
    ------
    UnsupportedError
        If matplotlib is not installed.

    """
    try:
        import matplotlib.style  # noqa: PLC0415  only where a picture is wanted
    except ImportError as error:
        raise UnsupportedError(
            "pictures need matplotlib, which is not installed: pip install 'gradcheck[plot]'"
        ) from error
    return matplotlib.style.context(["default", STYLE])


def log_axis(axis: Any) -> None:
    """Label powers of ten in plain characters: 10⁻⁹."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: PLC0415

    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    axis.set_minor_formatter(NullFormatter())


def power_of_ten(value: float) -> str:
    """Return 1e-9 as 10⁻⁹."""
    return "10" + str(round(math.log10(value))).translate(SUPERSCRIPTS)


# Intervals ------------------------------------------------------------------------------------------------


def draw_intervals(ax: Axes, report: Report, *, words: bool = True) -> None:
    """Draw the interval of each argument's error on one log axis, a row each, with the resolution that is wanted.

    Wrong arguments are the first rows. Each is labelled with its name and, with `words`, with what was found.
    """
    low, high = error_range(report)
    ax.set_xscale("log")
    log_axis(ax.xaxis)
    ax.set_xlim(low, high)
    ax.set_ylim(len(report) - 0.4, -0.75)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(visible=True, axis="x")
    for row, argument in enumerate(worst_first(report)):
        colour = COLOURS[OF_VERDICT[argument.verdict]]
        start, end = max(argument.error.low, low), min(argument.error.high, high)
        ax.plot([start, end], [row, row], color=colour, linewidth=5, solid_capstyle="butt")
        if argument.error.low <= low:  # down to zero: off the axis
            ax.plot([low], [row], color=colour, marker=4, markersize=9, clip_on=False)
        if argument.error.high >= high:
            ax.plot([high], [row], color=colour, marker=5, markersize=9, clip_on=False)
        if low <= argument.resolution <= high and argument.error.relative:
            ax.plot([argument.resolution] * 2, [row - 0.22, row + 0.22], color=COLOURS["ink"], linewidth=1.5)
        found = f"  {finding(argument, report.confidence)}" if words else ""
        ax.text(
            0.0,
            row - 0.3,
            f"{MARKS[argument.verdict]} {clipped(argument.name, 24)}{found}",
            transform=ax.get_yaxis_transform(),
            verticalalignment="bottom",
            color=colour,
        )
    ax.set_xlabel(f"relative error ({percent(report.confidence)});  | = resolution wanted")


def error_range(report: Report) -> tuple[float, float]:
    """Return the ends of the error axis, powers of ten around all that is drawn."""
    drawn = [SMALLEST]
    for a in report:
        drawn += [v for v in (a.error.low, a.error.high, a.resolution) if SMALLEST < v < math.inf]
    smallest = min(drawn[1:], default=1e-3)
    largest = max([*drawn, 10 * smallest])
    return 10.0 ** (math.floor(math.log10(smallest)) - 1), 10.0 ** math.ceil(math.log10(largest) + 0.5)


def clipped(name: str, length: int = 18) -> str:
    """Return a name that fits in a picture."""
    return name if len(name) <= length else name[: length - 1] + "…"


# The ladder of step sizes ---------------------------------------------------------------------------------


def draw_ladder(ax: Axes, argument: ArgumentReport) -> None:
    """Draw how far each step's difference is from the slope found, noise and truncation (a V), and the claim.

    Everything is divided by the size of the gradient as measured (the root mean square of the slopes), so that the
    axis is the same as the intervals'.
    """
    size = gradient_size(argument)
    probes = [p for p in argument.probes if p.slope.levels]
    bounds = drawable([(settled(p).step * p.stretch, bound(p) / (p.stretch * size)) for p in probes])
    # the level that the slope was taken from differs from it by nothing: its error is the bound's to tell
    curves = [
        drawable([(v.step * p.stretch, difference(p, v) / (p.stretch * size)) for v in p.slope.levels]) for p in probes
    ]
    sides = slants(probes, size)
    steps = [v.step * p.stretch for p in probes for v in p.slope.levels]
    ends = 10.0 ** math.floor(math.log10(min(steps))), 10.0 ** math.ceil(math.log10(max(steps)))
    heights = [y for points in (bounds, *curves) for _, y in points]
    heights += [factor * (min(steps) if power < 0 else max(steps)) ** power for factor, power, *_ in sides]
    floor = min(heights, default=SMALLEST) / 3
    off = [mismatch(p) / (p.stretch * size) for p in probes]
    low, high = (max(v, floor) for v in (min(off), max(off)))
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=(floor / 2, 4 * max([*heights, high])))
    log_axis(ax.xaxis)
    log_axis(ax.yaxis)
    ax.grid(visible=True)
    for i, points in enumerate(filter(None, curves)):
        ax.plot(*zip(*points, strict=True), label="_nolegend_" if i else "difference − slope", **MEASURED)
    if bounds:
        ax.plot(*zip(*bounds, strict=True), label="bound of the slope", **BOUND)
    for factor, power, label, dashes in sides:
        line = [factor * h**power for h in ends]
        ax.plot(ends, line, color=COLOURS["noise"], linewidth=1, linestyle=dashes, label=label)
    colour = COLOURS[OF_VERDICT[argument.verdict]]
    ax.fill_between(ends, low, high, color=colour, alpha=0.22, linewidth=0)
    ax.plot(ends, [high, high], color=colour, linestyle=":", linewidth=1.8, label="claim − slope")
    ax.set_xlabel("step h, in sizes of the argument")
    ax.set_ylabel("relative to the gradient")


def drawable(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that a log axis has room for."""
    return [(x, y) for x, y in points if SMALLEST < y < math.inf]


def slants(probes: list[Probe], size: float) -> list[tuple[float, int, str, str]]:
    """Return (factor, power, label, line style) of the two sides of the V: noise, which falls with h, and truncation.

    A central difference errs by a multiple of h², a one-sided one by a multiple of h. Truncation is read off the
    coarsest steps, and not drawn where the noise hides it there.
    """
    power = 1 if any(p.slope.kinked for p in probes) else 2
    noise, truncation = 0.0, 0.0
    for probe in probes:
        coarse = probe.slope.levels[0]
        noise = max(noise, *(uncertainty(probe, v) * v.step / size for v in probe.slope.levels))
        if difference(probe, coarse) > uncertainty(probe, coarse):
            step, unit = coarse.step * probe.stretch, probe.stretch * size
            truncation = max(truncation, difference(probe, coarse) / unit / step**power)
    found = [(noise, -1, "noise of f ÷ h", "--"), (truncation, power, f"truncation ∝ h{'²' * (power - 1)}", "-.")]
    return [side for side in found if 0 < side[0] < math.inf]


def difference(probe: Probe, level: Level) -> float:
    """Return how far a level's difference quotient is from the slope; at a kink, the worse of the two sides."""
    slope = probe.slope
    if not slope.kinked:
        return abs(level.central - slope.value)
    right, left = level.central + level.gap / 2, level.central - level.gap / 2
    return max(abs(right - slope.right), abs(left - slope.left))


def uncertainty(probe: Probe, level: Level) -> float:
    """Return the noise of the quotient that `difference` reads: a one-sided one has twice a central one's."""
    return 2 * level.noise if probe.slope.kinked else level.noise


def bound(probe: Probe) -> float:
    """Return the bound on the error of the slope, of either side's at a kink."""
    return probe.slope.side_error if probe.slope.kinked else probe.slope.error


def settled(probe: Probe) -> Level:
    """Return the level whose difference is the nearest to the slope, the finest of them."""
    return min(reversed(probe.slope.levels), key=lambda v: difference(probe, v))


def gradient_size(argument: ArgumentReport) -> float:
    """Return the gradient's size as the slopes show it, 1 where they are all zero."""
    found = [p.slope.value / p.stretch for p in argument.probes]
    size = math.sqrt(sum(v * v for v in found) / len(found)) if found else 0.0
    return size if size > 0 else 1.0


def mismatch(probe: Probe) -> float:
    """Return how far the claim is from the slope; at a kink, from the nearest value between the two sides."""
    slope = probe.slope
    if not slope.kinked:
        return abs(probe.claimed - slope.value)
    low, high = sorted((slope.left, slope.right))
    return max(low - probe.claimed, probe.claimed - high, 0.0)


# φ(t) -----------------------------------------------------------------------------------------------------


def telling_probe(argument: ArgumentReport) -> Probe | None:
    """Return the probe whose picture shows most: the widest kink, else the largest mismatch; None without levels."""
    probes = [p for p in argument.probes if p.slope.levels]
    kinked = [p for p in probes if p.slope.kinked]
    if kinked:
        return max(kinked, key=lambda p: abs(p.slope.right - p.slope.left) / p.stretch)
    return max(probes, key=lambda p: mismatch(p) / p.stretch, default=None)


def window(probe: Probe) -> tuple[Level, ...]:
    """Return the levels to draw, coarse to fine: from the largest step at which φ is nearly two straight lines."""
    slope = probe.slope
    jump = slope.right - slope.left if slope.kinked else 0.0
    slopes = max(abs(slope.value), abs(probe.claimed), abs(jump))
    for i, level in enumerate(slope.levels):
        if abs(level.gap - jump) <= slopes / 4:
            return slope.levels[i:]
    return slope.levels[-1:]


def draw_line(ax: Axes, probe: Probe, name: str) -> None:
    """Draw φ(t) − φ(0) along one direction, with the slopes measured on each side and the claimed one."""
    slope, levels = probe.slope, window(probe)
    reach = levels[0].step
    # φ(±h) − φ(0) from the differences themselves: right and left quotients are central ± gap/2
    points = [(0.0, 0.0)]
    for v in levels:
        points += [(v.step, v.step * (v.central + v.gap / 2)), (-v.step, -v.step * (v.central - v.gap / 2))]
    ax.axhline(0, color=COLOURS["grid"], linewidth=0.8)
    ax.axvline(0, color=COLOURS["grid"], linewidth=0.8)
    if slope.kinked:
        ax.plot(
            [-reach, 0],
            [-reach * slope.left, 0],
            color=COLOURS["measured"],
            linewidth=1.6,
            label=f"left slope {slope.left:.4g}",
        )
        ax.plot(
            [0, reach],
            [0, reach * slope.right],
            color=COLOURS["noise"],
            linewidth=1.6,
            label=f"right slope {slope.right:.4g}",
        )
    else:
        ax.plot(
            [-reach, reach],
            [-reach * slope.value, reach * slope.value],
            color=COLOURS["measured"],
            linewidth=1.6,
            label=f"slope {slope.value:.4g}",
        )
    ax.plot(
        [-reach, reach],
        [-reach * probe.claimed, reach * probe.claimed],
        color=COLOURS["fail"],
        linestyle="--",
        linewidth=1.6,
        label=f"claimed {probe.claimed:.4g}",
    )
    ax.plot(
        *zip(*points, strict=True), color=COLOURS["ink"], linestyle="", marker="o", markersize=4, label="φ(t) − φ(0)"
    )
    ax.ticklabel_format(style="sci", scilimits=(-2, 3))
    ax.set_xlabel(f"t, moving {clipped(name)} by t·v, direction {probe.probe}")
    ax.set_ylabel("φ(t) − φ(0)")


# Where ----------------------------------------------------------------------------------------------------


def as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (rows, columns) as the array is drawn: its last two axes, a vector as a row."""
    rows, columns = (1, 1, *shape)[-2:]
    return rows, columns


def places(argument: ArgumentReport) -> list[tuple[int, int]]:
    """Return (row, column) of the worst entries, as the array is drawn."""
    return [((0, 0, *w.index)[-2], (0, 0, *w.index)[-1]) for w in argument.worst]


def draw_place(ax: Axes, argument: ArgumentReport) -> None:
    """Draw the array as a map, the wrong part hatched, the entries measured on their own the darker the more wrong."""
    rows, columns = as_matrix(argument.shape)
    red = COLOURS["fail"]
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    for spine in ax.spines.values():
        spine.set_visible(True)
    if argument.where is not None:
        row, column = (None, None, *argument.where)[-2:] if len(argument.shape) > 1 else (0, *argument.where)
        top, height = (-0.5, rows) if row is None else (row - 0.5, 1)
        left, width = (-0.5, columns) if column is None else (column - 0.5, 1)
        ax.add_patch(patch(left, top, width, height, fill=False, hatch="////", edgecolor=red, linewidth=1.0))
        if row is not None and column is not None:
            ax.axhline(row, color=red, linewidth=0.9, linestyle=":")
            ax.axvline(column, color=red, linewidth=0.9, linestyle=":")
            side = 1 if column < columns / 2 else -1  # where there is more room
            ax.annotate(
                str(list(argument.where)),
                (column + side / 2, row),
                xytext=(9 * side, 3),
                textcoords="offset points",
                horizontalalignment="left" if side > 0 else "right",
                verticalalignment="bottom" if row > 0 or rows == 1 else "top",
            )
    largest = max((abs(w.error) for w in argument.worst), default=0.0)
    small = max(rows, columns) <= MOST_CELLS
    for (row, column), entry in zip(places(argument), argument.worst, strict=True):
        share = math.sqrt(abs(entry.error) / largest) if largest > 0 else 1.0
        if small:
            cell: dict[str, Any] = {"facecolor": red, "alpha": 0.25 + 0.65 * share, "linewidth": 0}
            ax.add_patch(patch(column - 0.5, row - 0.5, 1, 1, **cell))
        else:
            dot: dict[str, Any] = {
                "marker": "o",
                "markersize": 5 + 9 * share,
                "color": red,
                "markeredgecolor": COLOURS["panel"],
            }
            ax.plot([column], [row], clip_on=False, zorder=3, **dot)
    ax.locator_params(integer=True, nbins=5)
    if rows == 1:
        ax.set_yticks([])
        ax.set_box_aspect(FLAT)
    ax.set_xlabel({1: "index", 2: "column"}.get(len(argument.shape), "last axis"))
    if rows > 1:
        ax.set_ylabel("row" if len(argument.shape) == 2 else "last axis but one")


def patch(left: float, top: float, width: float, height: float, **style: Any) -> Any:
    """Return a rectangle."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    return Rectangle((left, top), width, height, **style)


# Which pictures an argument has ---------------------------------------------------------------------------


def has_ladder(argument: ArgumentReport) -> bool:
    """Return whether there are steps to draw: the exact oracle and autograd take none."""
    return any(p.slope.levels for p in argument.probes)


def line_of(argument: ArgumentReport) -> Probe | None:
    """Return the probe whose φ(t) is worth a picture: at a kink, and where the claim is visibly off."""
    probe = telling_probe(argument)
    if probe is None or probe.slope.kinked:
        return probe
    return probe if mismatch(probe) > abs(probe.slope.value) / 100 else None


def has_place(argument: ArgumentReport) -> bool:
    """Return whether it is known where an array of more than one entry is wrong."""
    return math.prod(argument.shape) > 1 and (argument.where is not None or bool(argument.worst))


def panels(argument: ArgumentReport) -> list[tuple[str, float, Callable[[Axes], None]]]:
    """Return (title, height in inches, how to draw it) of an argument's pictures."""
    found: list[tuple[str, float, Callable[[Axes], None]]] = []
    probe = line_of(argument)
    comparison = argument.comparison
    if comparison is not None and comparison.map is not None:
        height = HEIGHT if comparison.map.rows > 1 else FLAT * WIDTH + 0.8
        return [("Error over its yardstick", height, lambda ax: heat_map.draw(ax, comparison))]
    if has_place(argument):
        height = HEIGHT if as_matrix(argument.shape)[0] > 1 else FLAT * WIDTH + 0.5
        found.append(("Where it is wrong", height, lambda ax: draw_place(ax, argument)))
    if probe is not None:
        found.append(("Along one direction", HEIGHT, lambda ax: draw_line(ax, probe, argument.name)))
    if has_ladder(argument):
        found.append(("The ladder of steps", HEIGHT, lambda ax: draw_ladder(ax, argument)))
    return found


def legend_above(ax: Axes) -> None:
    """Put a legend above the axes, where it hides nothing, if there is anything to tell apart."""
    if ax.get_legend_handles_labels()[0]:
        ax.figure.legend(loc="outside upper left", ncols=2, columnspacing=1.2, handlelength=1.8, frameon=False)


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
        fig.suptitle(f"{report.verdict}  {clipped(report.title, 60)}", x=0.01, horizontalalignment="left")
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
            ax.set_title(f"{clipped(name)}: {title[0].lower()}{title[1:]}", pad=14)
            if ax.get_legend_handles_labels()[0]:
                ax.legend()
        return fig


# SVG for a page -------------------------------------------------------------------------------------------


def intervals_height(report: Report) -> float:
    """Return the height in inches that the intervals need."""
    return 0.7 + 0.46 * max(len(report), 1)


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
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1)
