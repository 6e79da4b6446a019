"""The pictures of a run: step ÷ floor by shape and variant, and the roofline. Drawn in the style of the reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.bench.sizes import elements_moved, flop
from gradcheck.bench.variants import FLOOR
from gradcheck.reports.pictures.style import COLOURS, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradcheck.bench.results import Results, TimedCase

MARKERS = {
    "fast": ("o", "pass"),
    "textbook": ("s", "doubt"),
    "autograd": ("^", "fail"),
    "compiled": ("D", "measured"),
    "graph": ("P", "measured"),
    "floor_dot": ("x", "muted"),
    FLOOR: ("_", "ink"),
}
ITEM_BYTES = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2}


def draw_ratios(ax: Axes, results: Results, cases: list[TimedCase]) -> None:
    """Draw each variant's time over the floor's, a row for each case, with the quartiles as a line."""
    ax.set_xscale("log")
    ax.axvline(1, color=COLOURS["ink"], linewidth=1)
    for variant in dict.fromkeys(v for case in cases for v in results.of(case) if v != FLOOR):
        marker, colour = MARKERS[variant]
        found = [(row, r) for row, case in enumerate(cases) if (r := results.ratio(case, variant)) is not None]
        style: dict[str, Any] = {
            "color": COLOURS[colour],
            "marker": marker,
            "markersize": 5,
            "linestyle": "",
            "alpha": 0.9,
        }
        ax.plot([r.median for _, r in found], [row for row, _ in found], label=variant, **style)
        for row, r in found:
            ax.plot([r.low, r.high], [row, row], color=COLOURS[colour], linewidth=1.2)
    ax.set_yticks(range(len(cases)), [f"{case.shape} {case.dtype}" for case in cases])
    ax.set_ylim(len(cases) - 0.5, -0.5)
    ax.grid(visible=True, axis="x", which="both")
    ticks = [t for t in (0.2, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 50) if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("step ÷ its five matrix products")


def draw_roofline(ax: Axes, results: Results, peak_key: str) -> None:
    """Draw achieved speed over operations per byte, under what the machine can do: min(peak, intensity·bandwidth)."""
    cases = [case for case in results.cases() if case.peak_key == peak_key]
    peak = results.environment["peak"][peak_key]
    item = ITEM_BYTES[cases[0].dtype]
    intensity = {case: flop(case.sizes) / (elements_moved(case.sizes) * item) for case in cases}
    low, high = min(intensity.values()) / 3, max(intensity.values()) * 3
    along = np.geomspace(low, high, 200)
    limit = np.minimum(peak["gflops"], along * peak["bytes_per_second"] / 1e9)
    ax.plot(along, limit, color=COLOURS["ink"], linewidth=1.5)
    for variant in dict.fromkeys(v for case in cases for v in results.of(case)):
        marker, colour = MARKERS[variant]
        found = [(intensity[case], results.of(case)[variant].gflops) for case in cases if variant in results.of(case)]
        size = 12 if variant == FLOOR else 6
        style: dict[str, Any] = {"color": COLOURS[colour], "marker": marker, "markersize": size}
        ax.plot([at for at, _ in found], [speed for _, speed in found], label=variant, linestyle="", **style)
    for case in cases:
        slowest = min(timing.gflops for timing in results.of(case).values())
        place: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "top", "fontsize": 8}
        ax.annotate(case.shape, (intensity[case], slowest), (0, -6), **place)
    ax.set_xscale("log")
    ax.set_yscale("log")
    log_axis(ax.xaxis)
    log_axis(ax.yaxis)
    ax.set_xlim(low, high)
    ax.margins(y=0.12)  # for the names below the marks
    ax.grid(visible=True)
    ax.set_xlabel("operations per byte")
    ax.set_ylabel("GFLOP/s")
