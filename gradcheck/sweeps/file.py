"""The results of a sweep as a file of JSON lines, one a cell, that survives being cut off in the middle of a line."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import msgspec

from gradcheck.errors import ArgumentError
from gradcheck.two_layer_relu.cells import Cell, Result
from gradcheck.two_layer_relu.problem import Shape

Magnitude = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Said = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class ErrorData(TypedDict):
    """An interval, as `Row.to_dict` writes it."""

    low: Magnitude
    high: Magnitude | Literal["inf"]
    relative: bool
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]


class RowData(TypedDict):
    """A row of a cell, as `Row.to_dict` writes it."""

    backend: str
    point: str
    argument: str
    shape: list[Count]
    oracle: str
    verdict: Said
    error: ErrorData
    allowed: Magnitude
    kink: str
    remark: str


class CellData(TypedDict):
    """A line of the file: a cell and what it came to. Without a row a cell has no verdict."""

    backend: Literal["numpy", "torch"]
    shape: Annotated[list[Count], msgspec.Meta(min_length=4, max_length=4)]
    dtype: str
    device: str
    seed: Count
    verdict: Said
    seconds: Magnitude
    rows: Annotated[list[RowData], msgspec.Meta(min_length=1)]
    made_by: str


START = b'{"backend": '  # of every line


class SweepFile:
    """The results in a file, which is made with the first one.

    Attributes
    ----------
    path : Path or None
        Of the file; None keeps the results in memory alone.
    results : dict of Cell to Result
        What it holds.

    Raises
    ------
    ArgumentError
        If a line is no result, or one of other code: what that code found says nothing about this.

    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.results: dict[Cell, Result] = {}
        self._made_by = made_by()
        self._whole: int | None = None  # bytes before a last line that is written but in part
        if path is None or not path.exists():
            return
        if not path.is_file():
            raise ArgumentError(f"{str(path)!r} is no file that results could be kept in: name another page")
        self._read(path)

    def add(self, result: Result) -> None:
        """Write one more line, and return when it is on the disk."""
        if result.cell in self.results:
            return
        self.results[result.cell] = result
        if self.path is None:
            return
        if self._whole is not None:  # its cell is judged again, and the next line starts afresh
            os.truncate(self.path, self._whole)
            self._whole = None
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(_as_data(result, self._made_by), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self, path: Path) -> None:
        whole, newline, torn = path.read_bytes().rpartition(b"\n")
        for number, line in enumerate((whole + newline).splitlines(), 1):
            result = self._parse(line, number)
            self.results.setdefault(result.cell, result)
        if torn:
            if not (torn.startswith(START) or START.startswith(torn)):  # no line of ours, and so not ours to cut off
                self._parse(torn, whole.count(b"\n") + 1 + bool(newline))
            self._whole = len(whole + newline)

    def _parse(self, line: bytes, number: int) -> Result:
        try:
            data = msgspec.json.decode(line, type=CellData)
            result = _from_data(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise ArgumentError(
                f"line {number} of {str(self.path)!r} is no result of a sweep ({error}): delete the file, or name "
                "another page"
            ) from error
        if data["made_by"] != self._made_by:
            raise ArgumentError(
                f"{str(self.path)!r} was made by {data['made_by']}, and this is {self._made_by}: delete it to start "
                "anew, or name another page"
            )
        return result


@cache
def made_by() -> str:
    """Return what results depend on besides their cell: the code and the libraries it computes with."""
    package = Path(__file__).parents[1]
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(package.rglob("*.py")))).hexdigest()
    return ", ".join([f"gradcheck {code[:12]}", *filter(None, map(_installed, ("numpy", "scipy", "torch")))])


def _installed(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def _as_data(result: Result, maker: str) -> dict[str, Any]:
    resolution = result.resolution
    return {
        **result.cell._asdict(),
        "verdict": str(result.verdict),
        "resolution": resolution if resolution < float("inf") else "inf",
        "seconds": result.seconds,
        "rows": result.rows,
        "made_by": maker,
    }


def _from_data(data: CellData) -> Result:
    cell = Cell(data["backend"], Shape(*data["shape"]), data["dtype"], data["device"], data["seed"])
    result = Result(cell, tuple(dict(row) for row in data["rows"]), data["seconds"])
    if str(result.verdict) != data["verdict"]:
        raise ValueError(f"the verdict is {data['verdict']}, and that of its rows {result.verdict}")
    return result
