"""The picture of the steps: noise where they are small, truncation where they are large, and the bound between."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck.reports.pictures.intervals import LARGEST, SMALLEST, decade
from gradcheck.reports.pictures.style import COLOURS, OF_VERDICT, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradcheck.slopes.slope import Level
    from gradcheck.verdicts.report import ArgumentReport, Probe

MEASURED: dict[str, Any] = {"color": COLOURS["measured"], "marker": "o", "markersize": 3.5, "linewidth": 0.8}
BOUND: dict[str, Any] = {"color": COLOURS["ink"], "marker": "D", "markersize": 4, "linestyle": "", "fillstyle": "none"}


def has_ladder(argument: ArgumentReport) -> bool:
    """Return whether there are steps to draw: the exact oracle and autograd take none."""
    return any(p.slope.levels for p in argument.probes)


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
    ends = decade(math.floor(math.log10(min(steps)))), decade(math.ceil(math.log10(max(steps))))
    heights = [y for points in (bounds, *curves) for _, y in points]
    heights += [on_slant(factor, power, min(steps) if power < 0 else max(steps)) for factor, power, *_ in sides]
    floor = max(min(heights, default=SMALLEST), SMALLEST) / 3
    off = [mismatch(p) / (p.stretch * size) for p in probes]
    low, high = (min(max(floor, v), LARGEST) for v in (min(off), max(off)))
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=(floor / 2, 4 * max([*heights, high])))
    log_axis(ax.xaxis)
    log_axis(ax.yaxis)
    ax.grid(visible=True)
    for i, points in enumerate(filter(None, curves)):
        ax.plot(*zip(*points, strict=True), label="_nolegend_" if i else "difference − slope", **MEASURED)
    if bounds:
        ax.plot(*zip(*bounds, strict=True), label="bound of the slope", **BOUND)
    for factor, power, label, dashes in sides:
        line = [on_slant(factor, power, h) for h in ends]
        ax.plot(ends, line, color=COLOURS["noise"], linewidth=1, linestyle=dashes, label=label)
    colour = COLOURS[OF_VERDICT[argument.verdict]]
    ax.fill_between(ends, low, high, color=colour, alpha=0.22, linewidth=0)
    ax.plot(ends, [high, high], color=colour, linestyle=":", linewidth=1.8, label="claim − slope")
    ax.set_xlabel("step h, in sizes of the argument")
    ax.set_ylabel("relative to the gradient")


def drawable(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that fit on a log axis: those above 0."""
    return [(x, y) for x, y in points if SMALLEST < y < LARGEST]


def on_slant(factor: float, power: int, h: float) -> float:
    """Return factor·h^power, as far as it can be drawn."""
    return decade(math.log10(factor) + power * math.log10(h))


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
            truncation = max(truncation, difference(probe, coarse) / unit / step / (step if power == 2 else 1.0))
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
    size = math.hypot(*found) / math.sqrt(max(len(found), 1))
    return size if 0 < size < math.inf else 1.0


def mismatch(probe: Probe) -> float:
    """Return how far the claim is from the slope; at a kink, from the nearest value between the two sides."""
    slope = probe.slope
    if not slope.kinked:
        return abs(probe.claimed - slope.value)
    low, high = sorted((slope.left, slope.right))
    return max(low - probe.claimed, probe.claimed - high, 0.0)
