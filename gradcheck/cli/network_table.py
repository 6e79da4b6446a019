"""How `gradcheck verify` shows its verdicts on the two networks: a table a backend, the derivation's lines, a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from gradcheck.cli.show import STYLES
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from gradcheck.lines.report import DerivationReport
    from gradcheck.two_layer_relu.network_check import Cancelling, Row

NAMES = {"numpy": "NumPy", "torch": "Torch"}


def styled(verdict: Verdict) -> Text:
    """Return the verdict's word in its colour."""
    return Text(str(verdict), style=STYLES[verdict])


def network_table(rows: Sequence[Row], title: str) -> Table:
    """Return one backend's rows as a table, the two points apart."""
    table = _table(title)
    for column in ("argument", "shape", "oracle", "relative error", "verdict"):
        table.add_column(column, no_wrap=True, justify="right" if column == "relative error" else "left")
    shown = ""
    for row in rows:
        if row.point != shown:
            table.add_row(Text(row.point, style="italic"))
            shown = row.point
        table.add_row(row.argument, str(row.shape), row.oracle, error_text(row), styled(row.verdict))
    return table


def error_text(row: Row) -> str:
    """Return how large the error is: a number where all entries were compared, else the end of its interval."""
    low, high = row.error.low, row.error.high
    if low == high:
        return f"{low:.1e}" if low else "0"
    absolute = "" if row.error.relative else " abs."
    if row.verdict is Verdict.FAIL and low > 0:
        return f"at least {low:.1e}{absolute}"
    return f"at most {high:.1e}{absolute}" if high < float("inf") else "unknown"


def remarks(rows: Sequence[Row]) -> list[str]:
    """Return what to read below a table: the convention at the kinks, then what each row other than PASS says."""
    told = []
    conventions = sorted({row.kink for row in rows if row.kink})
    passed = all(row.verdict is Verdict.PASS for row in rows if row.kink)
    if conventions and passed:
        told.append(
            f"At the ReLU boundary the loss has kinks, and the gradient is a subgradient there: "
            f"relu'(0) = {_slope_at_zero(conventions)}."
        )
    told += [
        f"{row.verdict} {row.point}, {row.argument}, {row.oracle}: {row.remark}"
        for row in rows
        if row.verdict is not Verdict.PASS and row.remark
    ]
    return told


def lines_table(reports: Mapping[str, DerivationReport]) -> Table:
    """Return the derivation's lines, each with the verdict in every backend."""
    table = _table("The derivation, line by line, on small normal data")
    table.add_column("line", overflow="fold")
    for backend in reports:
        table.add_column(NAMES[backend], no_wrap=True)
    columns = list(reports.values())
    for number, line in enumerate(columns[0].lines):
        table.add_row(Text(line.text), *(styled(report.lines[number].verdict) for report in columns))
    return table


def cancelling_note(found: Cancelling, console: Console) -> None:
    """Print the example in which no fixed relu'(0) is right, beside the verdicts and not one of them."""
    console.print(
        "Not every chain-rule value is a subgradient. At x = (1, -1), y = (-1, 1), w1 = 0, w2 = 1 two kinks coincide "
        f"and cancel: the loss is smooth in w1 with slope {found.slope:g}, the hand gradient with relu'(0) = 1 gives "
        f"{found.hand:g}, and the check rightly says",
        Text(str(found.verdict), style=STYLES[found.verdict]),
        "(an example; it does not count below).",
    )


def _slope_at_zero(conventions: Sequence[str]) -> str:
    values = {"right": "1", "left": "0", "midpoint": "1/2"}
    return " or ".join(values.get(convention, convention) for convention in conventions)


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
    )
