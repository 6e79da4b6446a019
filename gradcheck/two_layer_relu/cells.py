"""One cell of a sweep: which network on which data, the grid of them, and what a cell comes to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck.two_layer_relu.network_check import BACKENDS, FINITE_DIFFERENCES, Settings, judge_network
from gradcheck.two_layer_relu.problem import Shape
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SHAPES", "Cell", "Result", "grid", "judge"]

# One of everything; a single sample; small; one output; full size.
SHAPES = (Shape(1, 1, 1, 1), Shape(1, 7, 3, 2), Shape(4, 5, 6, 2), Shape(16, 100, 30, 1), Shape())


class Cell(NamedTuple):
    """One cell of the grid: which network, on which data, and where."""

    backend: str
    shape: Shape
    dtype: str
    device: str
    seed: int

    @property
    def command(self) -> str:
        """Return the command that judges this cell alone, and says more about it."""
        sizes = ",".join(map(str, self.shape))
        where = f" --device {self.device}" if self.device != "cpu" else ""
        return (
            f"gradcheck verify --backend {self.backend} --shape {sizes} --dtype {self.dtype}{where} --seed {self.seed}"
        )


@dataclass(frozen=True)
class Result:
    """What a cell came to.

    Attributes
    ----------
    cell : Cell
        What was judged.
    rows : tuple of dict
        `network_check.Row.to_dict()` of every point, oracle and argument.
    seconds : float
        How long it took.

    """

    cell: Cell
    rows: tuple[dict[str, Any], ...]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """Return FAIL if any gradient is wrong, else INCONCLUSIVE if any is undecided, else PASS."""
        return Verdict.worst([Verdict(row["verdict"]) for row in self.rows])

    @property
    def resolution(self) -> float:
        """Return the largest relative error that a gradient may have, as measured; infinity if that is unknown.

        Gradients that are zero have no relative error and do not count: they are right to an absolute one.
        """
        errors = [row["error"] for row in self.rows if row["oracle"] == FINITE_DIFFERENCES]
        return max((float(error["high"]) for error in errors if error["relative"]), default=0.0)

    @property
    def remarks(self) -> list[str]:
        """Return a sentence for each row that is no PASS."""
        return [
            f"{row['verdict']} {row['point']}, {row['argument']}, {row['oracle']}: {row['remark']}"
            for row in self.rows
            if row["verdict"] != str(Verdict.PASS)
        ]


def grid(
    *,
    shapes: Iterable[Shape] = SHAPES,
    dtypes: Iterable[str] = ("float64", "float32"),
    devices: Iterable[str] = ("cpu",),
    seeds: Iterable[int] = (0, 1, 2),
    backends: Iterable[str] = BACKENDS,
) -> list[Cell]:
    """Return every combination once; NumPy computes on the CPU, whatever the devices."""
    combinations = product(backends, devices, shapes, dtypes, seeds)
    cells = (
        Cell(backend, Shape(*shape), dtype, "cpu" if backend == "numpy" else device, seed)
        for backend, device, shape, dtype, seed in combinations
    )
    return list(dict.fromkeys(cells))


def judge(cell: Cell) -> Result:
    """Judge one cell: both points, both oracles, all four arguments.

    Raises
    ------
    ArgumentError, UnsupportedError
        If the data cannot be made in this shape, dtype or device.

    """
    start = time.perf_counter()
    settings = Settings(shape=cell.shape, dtype=cell.dtype, seed=cell.seed, device=cell.device)
    rows = tuple(row.to_dict() for row in judge_network(cell.backend, settings))
    return Result(cell, rows, time.perf_counter() - start)
