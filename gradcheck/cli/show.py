"""Where the commands print their results: standard output, with the verdict's word in its colour."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gradcheck.reports.text import WIDTH, as_text
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from gradcheck.verdicts.report import Report

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}
STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}


def result_console() -> Console:
    """Return where results go: NO_COLOR and pipes get plain text, and a text is what it says, [brackets] and all."""
    from rich.console import Console  # noqa: PLC0415  a tenth of a second

    class ResultConsole(Console):
        def on_broken_pipe(self) -> None:
            """Leave a closed pipe to the group's own exit code: rich would exit with 1, which is FAIL."""
            raise BrokenPipeError

    return ResultConsole(soft_wrap=False, markup=False, emoji=False, highlight=False)


def print_line(text: str) -> None:
    """Print a sentence, between words broken to a terminal's width and whole elsewhere."""
    console = result_console()
    console.print(text, soft_wrap=not console.is_terminal)


def print_verdict(verdict: Verdict, said: str) -> None:
    """Print a verdict and what it is about, in a line."""
    from rich.text import Text  # noqa: PLC0415

    console = result_console()
    text = Text.assemble((str(verdict), STYLES[verdict]), f"  {said}")
    console.print(text, soft_wrap=not console.is_terminal)


def write_json(path: Path, data: Any) -> None:
    """Write results as JSON, whole or not at all; infinity and NaN, which JSON has not, as words."""
    from gradcheck.reports import files  # noqa: PLC0415  only where it is asked for
    from gradcheck.reports.data import plain  # noqa: PLC0415

    files.write(path, json.dumps(plain(data), indent=1, allow_nan=False) + "\n")


def print_report(console: Console, report: Report) -> None:
    """Print a report's text as wide as the terminal, with its first word in the verdict's colour."""
    from rich.text import Text  # noqa: PLC0415

    text = Text(as_text(report, console.width if console.is_terminal else WIDTH))
    for verdict, style in STYLES.items():
        text.highlight_regex(rf"\A{verdict}\b", style)
    console.print(text, soft_wrap=True)  # its lines are laid out already
