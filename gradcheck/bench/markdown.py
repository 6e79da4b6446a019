"""The report of a run as Markdown: ratios to the floor, speed, the cost of a check, the environment."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from gradcheck.bench.variants import FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gradcheck.bench.results import ArgumentsCost, CheckCost, Results, Spread

MANY_PAGES = 2**20  # bytes: what Python itself touches meanwhile is little beside as much
FLOOR_MEANS = (
    "A step of the two-layer network over its *floor*: its five matrix products alone, in the same library, on the "
    "same threads, in the same rounds. Medians of paired ratios [quartiles]."
)


def as_markdown(results: Results, command: str) -> str:
    """Return the whole report; `command` repeats it."""
    parts = [
        "# A run of the benchmarks",
        f"`{command}`",
        FLOOR_MEANS,
    ]
    for library, header, rows in step_rows(results):
        parts += [f"## Step ÷ floor, {library}", _table(header, rows)]
    if results.checks:
        parts += ["## The cost of a check", _table(*check_rows(results.checks))]
    if results.arguments:
        parts += ["## Many arguments", _table(*argument_rows(results.arguments))]
    if results.precision:
        parts += ["## The gradient in lower precision", _table(*precision_rows(results))]
    parts += ["## Environment", _table(("what", "value"), environment_rows(results))]
    if results.skipped:
        parts += ["## Left out"] + [_left_out(reason, what) for reason, what in results.reasons().items()]
    return "\n\n".join(parts) + "\n"


def step_rows(results: Results, *, quartiles: bool = True) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return (library, header, rows) for each library: the floor's time and speed, every variant as a ratio to it."""

    def cell(ratio: Spread | None) -> str:
        if ratio is None:
            return "-"
        return str(ratio) if quartiles else f"{ratio.median:.2f}"

    tables = []
    for library in dict.fromkeys(case.library for case in results.cases()):
        of_library = [case for case in results.cases() if case.library == library]
        variants = [v for v in dict.fromkeys(v for c in of_library for v in results.of(c)) if v != FLOOR]
        header = ["shape", "dtype", "floor", "GFLOP/s", *variants]
        if library == "torch":
            header.append("autograd ÷ fast")
        rows = []
        for case in of_library:
            timings = results.of(case)
            floor = timings[FLOOR]
            row = [case.shape, case.dtype, time_text(statistics.median(floor.seconds)), f"{floor.gflops:.3g}"]
            row += [cell(results.ratio(case, variant)) for variant in variants]
            if library == "torch":
                row.append(cell(results.ratio(case, "autograd", "fast")))
            rows.append(row)
        tables.append((library, header, rows))
    return tables


def check_rows(checks: Sequence[CheckCost]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of what checks cost."""
    header = ["parameters", "tool", "evaluations", "gradients", "time", "memory", "÷ arguments", "said"]
    rows = [
        [
            f"{cost.parameters:,}",
            cost.tool,
            f"{cost.evaluations:,}",
            str(cost.gradients),
            time_text(statistics.median(cost.seconds)),
            "unknown" if cost.peak_bytes is None else size_text(cost.peak_bytes),
            _times_arguments(cost),
            cost.verdict,
        ]
        for cost in checks
    ]
    return header, rows


def argument_rows(costs: Sequence[ArgumentsCost]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of what checks of many arguments cost."""
    header = ["case", "evaluations", "time", "÷ torch fast", "said"]
    rows = [
        [
            cost.case,
            f"{cost.evaluations:,}",
            time_text(statistics.median(cost.seconds)),
            "-" if cost.ratio is None else f"{cost.ratio:.1f}",
            cost.said,
        ]
        for cost in costs
    ]
    return header, rows


def _times_arguments(cost: CheckCost) -> str:
    """Return peak memory over that of the arguments, where these are many of the system's pages."""
    if cost.peak_bytes is None or cost.argument_bytes < MANY_PAGES:
        return "-"
    return f"{cost.peak_bytes / cost.argument_bytes:.1f}"


def precision_rows(results: Results) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of what a lower precision does to the gradient, as the check itself judges it."""
    header = ["products in", "argument", "relative error", "verdict without rtol"]
    rows = [
        [entry["dtype"], entry["argument"], f"{entry['low']:.1e} to {entry['high']:.1e}", entry["verdict"]]
        for entry in results.precision
    ]
    return header, rows


def environment_rows(results: Results) -> list[list[str]]:
    """Return what and value, one line each."""
    rows = []
    for what, value in results.environment.items():
        if what == "peak":
            for peak_key, found in value.items():
                speeds = f"{found['gflops']:.0f} GFLOP/s, {found['bytes_per_second'] / 1e9:.1f} GB/s read"
                rows.append([f"peak {peak_key}", speeds])
        elif isinstance(value, dict):
            rows += [[name, str(entry)] for name, entry in value.items()]
        else:
            rows.append([what, "; ".join(value) if isinstance(value, list) else str(value)])
    return rows


def time_text(seconds: float) -> str:
    """Return a time in three digits and its unit."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def size_text(count: float) -> str:
    """Return a number of bytes in three digits and its unit."""
    for size, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _left_out(reason: str, what: Sequence[str]) -> str:
    shown = ", ".join(what[:3]) + (f" and {len(what) - 3} more" if len(what) > 3 else "")
    return f"- {shown}: {reason}"
