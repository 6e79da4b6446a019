"""The picture of a kernel's error: a heat map of error over yardstick, with the lines of its blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.reports.pictures.style import log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradcheck.verdicts.comparison import Comparison, HeatMap

USUAL = (128, 64, 32, 16)  # blocks whose lines are drawn where no other explains the error
MOST_LINES = 24
HOTTEST = 100.0  # the ratio at which the scale ends


def draw(ax: Axes, comparison: Comparison) -> None:
    """Draw the map of a result: white is what its precision gives, dark is a hundred times that."""
    found = comparison.map
    if found is None:
        return
    from matplotlib.colors import LogNorm  # noqa: PLC0415  only where a picture is wanted

    cells = np.nan_to_num(np.array(found.cells), posinf=HOTTEST * 10)
    norm = LogNorm(1.0, HOTTEST, clip=True)
    extent = (-0.5, found.columns - 0.5, found.rows - 0.5, -0.5)
    edges_x = np.minimum(np.arange(cells.shape[1] + 1) * found.width, found.columns) - 0.5
    edges_y = np.minimum(np.arange(cells.shape[0] + 1) * found.height, found.rows) - 0.5
    mesh = ax.pcolormesh(edges_x, edges_y, np.maximum(cells, 1e-3), cmap="Reds", norm=norm, rasterized=True)
    ax.set_xlim(extent[0], extent[1])
    ax.set_ylim(extent[2], extent[3])
    for at in lines(comparison.block, found):
        ax.axvline(at - 0.5, linewidth=0.6, color="#97631a", alpha=0.6)
    ax.set_xlabel("column")
    ax.locator_params(integer=True, nbins=5)
    if found.rows == 1:
        ax.set_yticks([])
    else:
        ax.set_ylabel("row")
    bar = ax.figure.colorbar(mesh, ax=ax, label="error / yardstick", extend="both")
    log_axis(bar.ax.yaxis)


def lines(block: int | None, found: HeatMap) -> list[int]:
    """Return the columns where blocks begin: of the block that explains the error, or of a usual one."""
    sizes = [block] if block else [b for b in USUAL if 2 * b <= found.columns]
    for size in sizes:
        at = list(range(size, found.columns, size))
        if len(at) <= MOST_LINES:
            return at
    return []


def caption(name: str, comparison: Comparison) -> str:
    """Return the sentence below the picture."""
    found = comparison.map
    if found is None:
        return ""
    size = "an entry" if (found.height, found.width) == (1, 1) else f"{found.height} x {found.width} entries"
    block = (
        f"; lines where blocks of {comparison.block} begin" if comparison.block else "; lines at blocks of a usual size"
    )
    return f"The error of {name} over what an honest kernel is off by: one cell is {size}{block}."
