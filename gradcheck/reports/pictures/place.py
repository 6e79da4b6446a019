"""The picture of an array: where its gradient is wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck.reports.pictures.style import COLOURS, FLAT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradcheck.verdicts.report import ArgumentReport

MOST_CELLS = 48  # an array of more rows or columns is drawn with a dot for an entry, which would be too small to see


def has_place(argument: ArgumentReport) -> bool:
    """Return whether it is known where an array of more than one entry is wrong."""
    return math.prod(argument.shape) > 1 and (argument.where is not None or bool(argument.worst))


def as_matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (rows, columns) as the array is drawn: its last two axes, a vector as a row."""
    rows, columns = (1, 1, *shape)[-2:]
    return rows, columns


def places(argument: ArgumentReport) -> list[tuple[int, int]]:
    """Return (row, column) of the worst entries, as the array is drawn."""
    return [((0, 0, *w.index)[-2], (0, 0, *w.index)[-1]) for w in argument.worst if not w.label]


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
