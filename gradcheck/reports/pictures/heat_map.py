"""Heat maps: a kernel's error over its yardstick, with the lines of its blocks, and each entry of a wrong gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcheck.reports.pictures.style import log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from gradcheck.verdicts.comparison import Comparison, HeatMap

USUAL = (128, 64, 32, 16)  # blocks whose lines are drawn where no other explains the error
MOST_LINES = 24
HOTTEST = 100.0  # the ratio at which the scale ends


LEAST = 1e-3  # of the largest entry: where the scale of a gradient's errors begins
LIGHTEST = 0.25  # of matplotlib's Reds: what is wrong is told from white, however little


def draw(ax: Axes, comparison: Comparison) -> None:
    """Draw the map of a kernel's result: white is what its precision gives or less, dark is a hundred times that."""
    found = comparison.map
    if found is None:
        return
    _draw(ax, found, np.array(found.cells), 1.0, HOTTEST, "error / yardstick")
    for at in lines(comparison.block, found):
        ax.axvline(at - 0.5, linewidth=0.6, color="#97631a", alpha=0.6)


def draw_entries(ax: Axes, found: HeatMap) -> None:
    """Draw the map of a gradient, each entry measured alone: white is right, dark is off by the largest entry.

    A wrong entry has an error above 0, and is red however small that is.
    """
    ax.patch.set_hatch("///")  # seen where an entry could not be measured
    ax.patch.set_edgecolor("#8a8a8a")
    cells = np.array(found.cells)
    _draw(ax, found, np.where((cells > 0) & (cells < LEAST), LEAST, cells), LEAST, 1.0, "error / largest entry")


def _draw(ax: Axes, found: HeatMap, cells: NDArray[np.float64], least: float, most: float, label: str) -> None:
    from matplotlib import colormaps  # noqa: PLC0415  only where a picture is wanted
    from matplotlib.colors import LinearSegmentedColormap, LogNorm  # noqa: PLC0415

    cells = np.ma.masked_invalid(np.where(np.isposinf(cells), most * 10, np.maximum(cells, least / 1e3)))
    edges_x = np.minimum(np.arange(cells.shape[1] + 1) * found.width, found.columns) - 0.5
    edges_y = np.minimum(np.arange(cells.shape[0] + 1) * found.height, found.rows) - 0.5
    dark = colormaps["Reds"](np.linspace(LIGHTEST, 1, 256))
    reds = LinearSegmentedColormap.from_list("wrong", dark).with_extremes(under="white")
    norm = LogNorm(least, most)
    mesh = ax.pcolormesh(edges_x, edges_y, cells, cmap=reds, norm=norm, rasterized=True)
    ax.set_xlim(-0.5, found.columns - 0.5)
    ax.set_ylim(found.rows - 0.5, -0.5)
    ax.set_xlabel("column")
    ax.locator_params(integer=True, nbins=5)
    if found.rows == 1:
        ax.set_yticks([])
    else:
        ax.set_ylabel("row")
    bar = ax.figure.colorbar(mesh, ax=ax, label=label, extend="both")
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
    size = "one entry" if (found.height, found.width) == (1, 1) else f"{found.height} x {found.width} entries"
    block = f"blocks of {comparison.block}" if comparison.block else "blocks of a usual size"
    return (
        f"The error of {name}, divided by the yardstick: the error that a right kernel has in this precision. White is "
        f"1 or less. One cell is {size}; lines show where {block} begin."
    )
