"""Warnings of the user's code while it is called some thousand times: each is shown once, and counted."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from gradcheck.reports.words import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SHOWN = 10


@contextmanager
def counted_warnings() -> Iterator[None]:
    """Count warnings by place and text, and write them to standard error at the end; `-W` of Python's own counts more.

    This process has one thread here, and ends soon: the filters are its own.
    """
    if sys.warnoptions:
        yield
        return
    found: Counter[str] = Counter()

    def count(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001  of warnings.showwarning
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        found[
            f"{category.__name__}: {visible(' '.join(str(message).split()))} ({Path(filename).name}, line {lineno})"
        ] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for ignored in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", ignored)  # as Python's own filters do
        warnings.showwarning = count
        try:
            yield
        finally:
            for text, times in found.most_common(MOST_SHOWN):
                click.echo(f"warned {times} time{'s' * (times != 1)}: {text}", err=True)
            if len(found) > MOST_SHOWN:
                click.echo(f"{len(found) - MOST_SHOWN} more warnings, each less often", err=True)
