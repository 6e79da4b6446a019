"""Where errors are, and how one result of a kernel compares with its reference, as a report keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HeatMap:
    """The error of a kernel over its yardstick, of a gradient over its largest entry; in cells of rows and columns.

    Attributes
    ----------
    cells : tuple of tuple of float
        The ratio of root mean squares in each cell; NaN where it is not known.
    height, width : int
        Rows and columns of a cell; the last ones of an axis may have fewer.
    rows, columns : int
        Of the result, its leading axes taken together.
    """

    cells: tuple[tuple[float, ...], ...]
    height: int
    width: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Comparison:
    """One output or gradient of a kernel beside the reference.

    Attributes
    ----------
    kind : str
        ``"output"`` or ``"gradient"``.
    error : float
        Root mean square error over the truth's root mean square.
    yardstick : float
        What a right computation in this precision gets, in the same unit.
    ratio : float
        error / yardstick.
    scale : float
        By how much the result is too large as a whole, from a regression on the truth.
    statistic : str
        The statistic that is nearest to its limit, or furthest beyond.
    value, limit : float
        That statistic, and what right kernels stay below.
    block : int or None
        The block size that explains where the result is wrong.
    map : HeatMap or None
        Where the error is.
    """

    kind: str
    error: float
    yardstick: float
    ratio: float
    scale: float
    statistic: str
    value: float
    limit: float
    block: int | None = None
    map: HeatMap | None = None
