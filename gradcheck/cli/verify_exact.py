"""`gradcheck verify exact`: the NumPy network's formula is right, yes or no, and how far its code is from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.check import check
from gradcheck.cli.progress import progress
from gradcheck.cli.show import EXIT_CODES, STYLES, result_console, write_json
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Problem, Shape, boundary, draw
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gradcheck.verdicts.argument_report import Exactness
    from gradcheck.verdicts.report import ArgumentReport, Report

SMALL = Shape(4, 5, 6, 2)  # w1 has 30 entries, w2 12: all are judged
DIRECTIONS = 2  # at the full size; each costs seconds
ANSWERS = {"PASS": "right", "FAIL": "wrong", "INCONCLUSIVE": "undecided"}


def verify_exact(shape: Shape, *, dtype: str, seed: int, json_path: Path | None) -> int:
    """Judge w1 and w2 exactly at a small and at the full size, print a table, and return the exit code."""
    start = time.perf_counter()
    found: dict[str, Report] = {}
    with progress(None, "loading") as show:
        for what, problem in _points(shape, dtype, seed).items():
            show(0, f"exact arithmetic: {what}")
            found[what] = check(
                numpy_core.loss,
                numpy_core.gradients,
                tuple(problem),
                names=Problem._fields,
                only=("w1", "w2"),
                kink_of=lambda x, y, w1, w2: x @ w1,  # noqa: ARG005  the arguments of the loss
                oracle="exact",
                probes=DIRECTIONS,
                seed=seed,
            )
    seconds = time.perf_counter() - start
    verdict = Verdict.worst([_verdict(row) for each in found.values() for row in each])
    console = result_console()
    console.print(_table(found, dtype))
    console.print(
        f"The formula is compared with the loss's own slopes in exact rational arithmetic, so it is right or not, with "
        f"no tolerance. The last columns are the distance of the {dtype} code from it in ulps: of the worst entry, and "
        "in ulps of the largest entry, which cancellation in small entries does not inflate.",
    )
    console.print(Text.assemble((str(verdict), STYLES[verdict]), f"  in {seconds:.1f} s"))
    if json_path is not None:
        data = {
            "verdict": str(verdict),
            "dtype": dtype,
            "seed": seed,
            "seconds": seconds,
            "rows": [_as_data(what, row) for what, each in found.items() for row in each],
        }
        write_json(json_path, data)
    return EXIT_CODES[verdict]


def _points(shape: Shape, dtype: str, seed: int) -> dict[str, Problem]:
    """Return the problems: small and full, normal data and ReLU boundary (which needs sizes of at least 1)."""
    points = {}
    for size in dict.fromkeys((Shape(*map(min, shape, SMALL)), shape)):
        label = ",".join(map(str, size))
        points[f"normal data, shape {label}"] = draw(size, seed, dtype)
        if min(size) > 0:
            points[f"ReLU boundary, shape {label}"] = boundary(size, seed, dtype)
    return points


def _table(found: Mapping[str, Report], dtype: str) -> Table:
    table = Table(
        title=f"NumPy network, {dtype}, in exact arithmetic",
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in ("argument", "shape", "judged", "formula", "at kinks", "worst", "largest"):
        numeric = column in {"worst", "largest"}
        table.add_column(column, no_wrap=True, justify="right" if numeric else "left")
    for what, report in found.items():
        title, _, size = what.partition(", ")  # in two cells, neither of them wide
        table.add_row("", size.removeprefix("shape "), Text(title, style="italic"))
        for row in report:
            exact = _exact(row)
            table.add_row(
                row.name,
                str(row.shape),
                f"{exact.directions} directions",
                _answer(row),
                "smooth" if row.kink is None else row.kink.convention,
                f"{exact.ulps:.2g}",
                f"{exact.ulps_of_largest:.2g}",
            )
    return table


def _exact(row: ArgumentReport) -> Exactness:
    if row.exact is None:  # NumPy code of our own: exact arithmetic runs it
        raise TypeError(row.name)
    return row.exact


def _verdict(row: ArgumentReport) -> Verdict:
    return row.verdict if _exact(row).equal else Verdict.FAIL


def _answer(row: ArgumentReport) -> Text:
    verdict = _verdict(row)
    return Text(ANSWERS[str(verdict)], style=STYLES[verdict])


def _as_data(what: str, row: ArgumentReport) -> dict[str, Any]:
    exact = _exact(row)
    return {
        "data": what,
        "argument": row.name,
        "shape": list(row.shape),
        "verdict": str(_verdict(row)),
        "directions": exact.directions,
        "equal": exact.equal,
        "convention": None if row.kink is None else row.kink.convention,
        "ulps": exact.ulps,
        "ulps_of_largest": exact.ulps_of_largest,
    }
