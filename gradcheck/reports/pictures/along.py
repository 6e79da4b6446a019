"""The picture of f along one direction: its values, the slope measured on each side, and the slope claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck.reports.pictures.ladder import mismatch
from gradcheck.reports.pictures.style import COLOURS, label_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradcheck.slopes.slope import Level
    from gradcheck.verdicts.report import ArgumentReport, Probe


def line_of(argument: ArgumentReport) -> Probe | None:
    """Return the probe whose φ(t) is worth a picture: at a kink, and where the claim is visibly off."""
    probe = telling_probe(argument)
    if probe is None or probe.slope.kinked:
        return probe
    return probe if mismatch(probe) > abs(probe.slope.value) / 100 else None


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
    ax.set_xlabel(f"t, moving {label_of(name)} by t·v, direction {probe.probe}")
    ax.set_ylabel("φ(t) − φ(0)")
