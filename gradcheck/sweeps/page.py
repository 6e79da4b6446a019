"""A sweep as one HTML page that needs no network: every cell a verdict and a resolution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradcheck.reports.page import template
from gradcheck.reports.words import number
from gradcheck.sweeps.file import made_by
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from gradcheck.sweeps.sweep import Sweep
    from gradcheck.two_layer_relu.cells import Cell
    from gradcheck.two_layer_relu.problem import Shape

NAMES = {"numpy": "NumPy", "torch": "Torch"}


@dataclass
class Part:
    """One table: a network on a device, a column a dtype, a row a shape and seed."""

    title: str
    dtypes: dict[str, None] = field(default_factory=dict)
    rows: dict[Shape, dict[int, dict[str, Cell]]] = field(default_factory=dict)


def page(sweep: Sweep) -> str:
    """Return the whole HTML document."""
    results = sweep.results.values()
    return template("sweep.html").render(
        title=f"{sweep.verdict} {headline(sweep)}",
        sweep=sweep,
        headline=headline(sweep),
        parts=_parts(sweep),
        wrong=[result for result in results if result.verdict is not Verdict.PASS],
        oracles=_values(sweep, "oracle") or ["nothing yet"],
        points=_values(sweep, "point"),
        dtypes={cell.dtype for cell in sweep.cells},
        seconds=sum(result.seconds for result in results),
        confidence=min((row["error"]["confidence"] for result in results for row in result.rows), default=0.0),
        made_by=made_by(),
        cell_text=_cell_text,
    )


def _values(sweep: Sweep, name: str) -> list[str]:
    """Return what the rows have under a name, each once."""
    return list(dict.fromkeys(row[name] for result in sweep.results.values() for row in result.rows))


def headline(sweep: Sweep) -> str:
    """Return how many cells there are, how many of them are right, and how closely that is known."""
    right = [result.resolution for result in sweep.results.values() if result.verdict is Verdict.PASS]
    closely = f" to {number(max(right))} or better" if right else ""
    return f"{len(right)} of {len(sweep.cells)} cells right{closely}"


def _parts(sweep: Sweep) -> list[Part]:
    parts: dict[tuple[str, str], Part] = {}
    for cell in sweep.cells:
        key = cell.backend, cell.device
        part = parts.setdefault(key, Part(f"{NAMES[cell.backend]} on {cell.device}"))
        part.dtypes[cell.dtype] = None
        part.rows.setdefault(cell.shape, {}).setdefault(cell.seed, {})[cell.dtype] = cell
    for part in parts.values():
        part.dtypes = dict.fromkeys(sorted(part.dtypes, reverse=True))  # float64 first, whichever came first
    return list(parts.values())


def _cell_text(cell: Cell) -> str:
    sizes = " × ".join(map(str, cell.shape))
    return f"{NAMES[cell.backend]} on {cell.device}, {sizes}, {cell.dtype}, seed {cell.seed}"
