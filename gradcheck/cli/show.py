"""Where the commands print: results to standard output, what is going on to standard error if that is a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

__all__ = ["EXIT_CODES", "STYLES", "late_bar", "print_report", "result_console", "spinner"]

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}
STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}
PATIENCE = 2.0  # seconds without a bar


def result_console() -> Console:
    """Return where results go: standard output; NO_COLOR and pipes get plain text."""
    from rich.console import Console  # noqa: PLC0415  a tenth of a second

    class Result(Console):
        def on_broken_pipe(self) -> None:
            """Leave a closed pipe to the group's own exit code: rich would exit with 1, which is FAIL."""
            raise BrokenPipeError

    return Result(soft_wrap=False)


@contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """Show on standard error what is being done, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.status import Status  # noqa: PLC0415

    with Status("loading", console=Console(stderr=True)) as status:
        yield status.update


@contextmanager
def late_bar(total: int) -> Iterator[Callable[[int, str], None]]:
    """Yield a function of (done, what); its bar appears on a terminal once the work has lasted two seconds."""
    if not sys.stderr.isatty():
        yield lambda _done, _what: None
        return
    from rich.console import Console  # noqa: PLC0415  a bar is for terminals only
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task("", total=total)
    start = time.monotonic()

    def show(done: int, what: str) -> None:
        progress.update(task, completed=done, description=what)
        if not progress.live.is_started and time.monotonic() - start > PATIENCE:
            progress.start()

    try:
        yield show
    finally:
        progress.stop()


def print_report(console: Console, report: object) -> None:
    """Print a report's text with its first word in the verdict's colour, and long lines left whole in pipes."""
    from rich.text import Text  # noqa: PLC0415

    text = Text(str(report))
    for verdict, style in STYLES.items():
        text.highlight_regex(rf"\A{verdict}\b", style)
    console.print(text, soft_wrap=not console.is_terminal)
