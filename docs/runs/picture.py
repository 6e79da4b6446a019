"""The picture of the reference runs: our range and quantiles shaded, the printed losses as dots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes

# The lower and upper edge of each band, its colour and its name, from the widest to the narrowest.
BANDS = (
    ("min", "max", "#dbe7f3", "all our seeds"),
    ("q0.025", "q0.975", "#b3cde8", "95 % of them"),
    ("q0.25", "q0.75", "#7ba7d4", "half of them"),
)
PANELS = ((46, "the first steps"), (499, "all steps"))


def draw_picture(tables: dict[str, tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]], path: Path) -> None:
    """Draw a row of panels a run, from its range by column name, the printed steps and losses."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(tables), len(PANELS), squeeze=False, sharex="col", sharey="col")
    for panels, (run, table) in zip(rows, tables.items(), strict=True):
        for axes, (last, steps) in zip(panels, PANELS, strict=True):
            draw_panel(axes, *table, last)
            axes.set_title(f"{run.replace('_', ', ')}: {steps}", loc="left", fontsize=10)
        panels[0].set_ylabel("loss")
    for axes in rows[-1]:
        axes.set_xlabel("step t")
    rows[0][-1].legend(frameon=False)
    figure.savefig(path, dpi=110)


def draw_panel(axes: Axes, ours: dict[str, np.ndarray], steps: np.ndarray, printed: np.ndarray, last: int) -> None:
    """Draw one run up to its step `last`."""
    shown = ours["step"] <= last
    for low, high, color, name in BANDS:
        axes.fill_between(
            ours["step"][shown], ours[low][shown], ours[high][shown], color=color, linewidth=0, label=name
        )
    axes.plot(ours["step"][shown], ours["q0.5"][shown], color="#20639b", linewidth=1.2, label="their median")
    dots = steps <= last
    axes.plot(steps[dots], printed[dots], "o", color="#c8452e", markersize=2.6, label="the printed run")
    axes.set_yscale("log")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
