"""`gradcheck verify exact`: the NumPy network's formula is right, yes or no, and how far its code is from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.cli.progress import progress
from gradcheck.cli.show import EXIT_CODES, STYLES, result_console, write_json
from gradcheck.oracles.exact_verdict import judge_exactly
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Problem, Shape, boundary, draw
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gradcheck.oracles.exact_verdict import ExactRow, ExactVerdict

__all__ = ["verify_exact"]

SMALL = Shape(4, 5, 6, 2)  # w1 has 30 entries, w2 12: all are judged
DIRECTIONS = 2  # at the full size; each costs seconds
ANSWERS = {"PASS": "right", "FAIL": "wrong", "INCONCLUSIVE": "undecided"}


def verify_exact(shape: Shape, *, dtype: str, seed: int, json_path: Path | None) -> int:
    """Judge w1 and w2 exactly at a small and at the full size, print a table, and return the exit code."""
    start = time.perf_counter()
    found: dict[str, ExactVerdict] = {}
    with progress(None, "loading") as show:
        for what, problem in _points(shape, dtype, seed).items():
            show(0, f"exact arithmetic: {what}")
            found[what] = judge_exactly(
                numpy_core.loss,
                numpy_core.gradients,
                tuple(problem),
                names=Problem._fields,
                only=("w1", "w2"),
                directions=DIRECTIONS,
                kink_of=lambda x, y, w1, w2: x @ w1,  # noqa: ARG005  the arguments of the loss
                seed=seed,
            )
    seconds = time.perf_counter() - start
    verdict = Verdict.worst([Verdict(each.verdict) for each in found.values()])
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
            "rows": [_as_data(what, row) for what, each in found.items() for row in each.rows],
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


def _table(found: Mapping[str, ExactVerdict], dtype: str) -> Table:
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
    for what, verdict in found.items():
        title, _, size = what.partition(", ")  # in two cells, neither of them wide
        table.add_row("", size.removeprefix("shape "), Text(title, style="italic"))
        for row in verdict.rows:
            table.add_row(
                row.name,
                str(row.shape),
                f"{row.judged} {row.along}",
                _answer(row),
                row.convention or "smooth",
                f"{row.ulps:.2g}",
                f"{row.ulps_of_largest:.2g}",
            )
    return table


def _verdict(row: ExactRow) -> Verdict:
    if row.outcomes["wrong"]:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if row.outcomes["undecided"] else Verdict.PASS


def _answer(row: ExactRow) -> Text:
    verdict = _verdict(row)
    return Text(ANSWERS[str(verdict)], style=STYLES[verdict])


def _as_data(what: str, row: ExactRow) -> dict[str, Any]:
    return {
        "data": what,
        "argument": row.name,
        "shape": list(row.shape),
        "along": row.along,
        "outcomes": dict(row.outcomes),
        "convention": row.convention,
        "ulps": row.ulps,
        "ulps_of_largest": row.ulps_of_largest,
    }
