"""The picture of an array: where its gradient is wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck.reports.pictures.style import COLOURS, FLAT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradcheck.verdicts.report import ArgumentReport

UNKNOWN, SOUND = 0.55, 0.45  # opacities
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
    return [_cell(w.index) for w in argument.worst if not w.label]


def _cell(index: tuple[int, ...]) -> tuple[int, int]:
    row, column = (0, 0, *index)[-2:]
    return row, column


def draw_place(ax: Axes, argument: ArgumentReport) -> None:
    """Draw the array as a map: grey where no entry was measured by itself, green where one is right, red where wrong.

    The located place is hatched; of the wrong entries the darker ones are the more wrong, as the legend says.
    """
    rows, columns = as_matrix(argument.shape)
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    for spine in ax.spines.values():
        spine.set_visible(True)
    ax.add_patch(patch(-0.5, -0.5, columns, rows, facecolor=COLOURS["grid"], alpha=UNKNOWN, linewidth=0))
    if argument.where is not None:
        _draw_where(ax, argument.where, rows, columns)
    largest = max((abs(w.error) for w in argument.worst), default=0.0)
    small = max(rows, columns) <= MOST_CELLS
    for index in argument.sound:
        _draw_cell(ax, _cell(index), COLOURS["pass"], SOUND, small=small)
    for entry in reversed([w for w in argument.worst if not w.label]):  # the worst on top
        _draw_cell(ax, _cell(entry.index), COLOURS["fail"], _darkness(abs(entry.error), largest), small=small)
    _legend(ax, argument, largest)
    ax.locator_params(integer=True, nbins=5)
    if rows == 1:
        ax.set_yticks([])
        ax.set_box_aspect(FLAT)
    ax.set_xlabel({1: "index", 2: "column"}.get(len(argument.shape), "last axis"))
    if rows > 1:
        ax.set_ylabel("row" if len(argument.shape) == 2 else "last axis but one")


def _darkness(error: float, largest: float) -> float:
    share = math.sqrt(error / largest) if 0 < largest < math.inf else 1.0
    return 0.25 + 0.65 * share


def _draw_where(ax: Axes, where: tuple[int | None, ...], rows: int, columns: int) -> None:
    """Hatch the place of the error; the lines through a single entry cross there."""
    red = COLOURS["fail"]
    row, column = (None, None, *where)[-2:] if len(where) > 1 else (0, *where)
    top, height = (-0.5, rows) if row is None else (row - 0.5, 1)
    left, width = (-0.5, columns) if column is None else (column - 0.5, 1)
    ax.add_patch(patch(left, top, width, height, fill=False, hatch="////", edgecolor=red, linewidth=1.0))
    if row is None or column is None:
        return
    ax.axhline(row, color=red, linewidth=0.9, linestyle=":")
    ax.axvline(column, color=red, linewidth=0.9, linestyle=":")
    side = 1 if column < columns / 2 else -1  # where there is more space
    ax.annotate(
        str(list(where)),
        (column + side / 2, row),
        xytext=(9 * side, 3),
        textcoords="offset points",
        horizontalalignment="left" if side > 0 else "right",
        verticalalignment="bottom" if row > 0 or rows == 1 else "top",
    )


def _draw_cell(ax: Axes, cell: tuple[int, int], colour: str, alpha: float, *, small: bool) -> None:
    row, column = cell
    if small:
        ax.add_patch(patch(column - 0.5, row - 0.5, 1, 1, facecolor=colour, alpha=alpha, linewidth=0, gid="entry"))
        return
    dot: dict[str, Any] = {"marker": "o", "markersize": 4 + 9 * alpha, "color": colour}
    ax.plot([column], [row], clip_on=False, zorder=3, markeredgecolor=COLOURS["panel"], **dot)


def _legend(ax: Axes, argument: ArgumentReport, largest: float) -> None:
    """Give the axes the entries of a legend: what is wrong, by how much at most and at least, right, not measured."""
    errors = [abs(w.error) for w in argument.worst if math.isfinite(w.error)]
    shown = dict.fromkeys([max(errors, default=0.0), min(errors, default=0.0)])
    for error in shown if errors else ():
        colour, alpha = COLOURS["fail"], _darkness(error, largest)
        ax.add_patch(patch(0, 0, 0, 0, facecolor=colour, alpha=alpha, linewidth=0, label=f"wrong by {error:.2g}"))
    if argument.sound:
        ax.add_patch(patch(0, 0, 0, 0, facecolor=COLOURS["pass"], alpha=SOUND, linewidth=0, label="right"))
    measured = len(argument.worst) + len(argument.sound)
    if measured < math.prod(argument.shape):
        colour = COLOURS["grid"]
        ax.add_patch(patch(0, 0, 0, 0, facecolor=colour, alpha=UNKNOWN, linewidth=0, label="not measured alone"))


def patch(left: float, top: float, width: float, height: float, **style: Any) -> Any:
    """Return a rectangle."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    return Rectangle((left, top), width, height, **style)
