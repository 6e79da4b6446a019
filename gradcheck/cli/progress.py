"""How far a command is: a bar with the time left on a terminal, and elsewhere a line every half minute."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gradcheck.cli.interrupts import raise_if_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 2.0  # seconds without a bar
EVERY = 30.0  # seconds between two lines


def duration(seconds: float) -> str:
    """Return about how long something takes, in words."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Told:
    """Where the work stands, in a sentence."""

    def __init__(self, total: int | None, what: str) -> None:
        self.done, self.total, self.what = 0, total, what
        self.start = time.monotonic()
        self._from = 0

    def update(self, done: int, what: str) -> None:
        """Take what was there before for no work of now: the first update may be a resumed one."""
        if self.done == 0 and time.monotonic() - self.start < 1:
            self._from = done
        self.done, self.what = done, what

    def __str__(self) -> str:
        passed = time.monotonic() - self.start
        if self.total is None:
            return f"{self.what}, for {duration(passed)}"
        share = (self.done - self._from) / max(self.total - self._from, 1)
        left = f", about {duration(passed * (1 / share - 1))} left" if 0 < share < 1 else ""
        return f"{self.done} of {self.total} {self.what} in {duration(passed)}{left}"


@contextmanager
def progress(total: int | None, what: str) -> Iterator[Callable[[int, str], None]]:
    """Yield a function of (done, what) that shows how far the work is; an interrupted one it ends."""
    if sys.stderr is None:
        yield lambda _done, _what: raise_if_interrupted()
        return
    with (_bar if sys.stderr.isatty() else _lines)(total, what) as show:

        def shown(done: int, now: str) -> None:
            raise_if_interrupted()
            show(done, now)

        yield shown


@contextmanager
def _lines(total: int | None, what: str) -> Iterator[Callable[[int, str], None]]:
    """Write a line every half minute, also while nothing comes to an end."""
    told, ended = Told(total, what), threading.Event()

    def write() -> None:
        while not ended.wait(EVERY):
            click.echo(f"gradcheck: {told}", err=True)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield told.update
    finally:
        ended.set()
        writer.join()


@contextmanager
def _bar(total: int | None, what: str) -> Iterator[Callable[[int, str], None]]:
    """Show a bar once the work has lasted two seconds."""
    from rich.console import Console  # noqa: PLC0415  a bar is for terminals only
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    counted = (BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn())
    columns = counted if total is not None else (TimeElapsedColumn(),)
    bar = Progress(
        *columns, TextColumn("{task.description}", markup=False), console=Console(stderr=True), transient=True
    )
    task = bar.add_task(what, total=total)
    late = threading.Timer(PATIENCE, bar.start)
    late.daemon = True
    if PATIENCE <= 0:
        bar.start()
    else:
        late.start()
    try:
        yield lambda done, now: bar.update(task, completed=done, description=now)
    finally:
        late.cancel()
        if late.ident is not None:
            late.join()
        bar.stop()
