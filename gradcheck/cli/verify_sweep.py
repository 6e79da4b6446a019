"""`gradcheck verify sweep PAGE.html`: the networks over a grid, in several processes or on a Dask cluster."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click
from rich.text import Text

from gradcheck.cli.progress import progress
from gradcheck.cli.show import EXIT_CODES, STYLES, print_verdict, result_console
from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.sweeps import page as sweep_page
from gradcheck.sweeps.sweep import sweep
from gradcheck.sweeps.worker_processes import WorkerProcesses
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from gradcheck.sweeps.sweep import Cell, Sweep

__all__ = ["verify_sweep"]

MOST_SHOWN = 10  # of the cells that are no PASS; the page has them all


def verify_sweep(cells: Sequence[Cell], page: Path, *, jobs: int, dask: str | None) -> int:
    """Judge the cells, print a summary, write the page, and return the exit code.

    Raises
    ------
    ArgumentError
        If the page's name does not end in .html, its directory does not exist, the results beside it are of other
        code or cannot be written, or no Dask scheduler answers.
    UnsupportedError
        If a package is missing.
    KeyboardInterrupt
        As it came, after a word on how to go on.

    """
    _check(page)
    results = page.with_suffix(".jsonl")
    try:
        with _executor(jobs, dask) as executor, progress(len(cells), "cells") as show:
            _check_writable(results)
            found = sweep(cells, executor, path=results, judged=lambda done: show(done, "cells"))
    except KeyboardInterrupt:
        click.echo(f"The results so far are in {results}; the same command goes on from there.", err=True)
        raise
    page.write_text(sweep_page.page(found), encoding="utf-8")
    _print(found, page, results)
    return EXIT_CODES[found.verdict]


def _check(page: Path) -> None:
    if page.suffix.lower() != ".html":
        raise ArgumentError(f"--sweep is {str(page)!r}, but should be the page to write, such as sweep.html")
    if not page.parent.is_dir():
        raise ArgumentError(f"--sweep is {str(page)!r}, but there is no directory {str(page.parent)!r}: make it first.")
    if find_spec("jinja2") is None:
        raise UnsupportedError("A page needs Jinja2, which is not installed: run `pip install 'gradcheck[report]'`.")


def _check_writable(results: Path) -> None:
    """Refuse a file that the first result, minutes from now, could not be written to."""
    try:
        results.open("ab").close()
    except OSError as error:
        raise ArgumentError(f"{str(results)!r}, beside the page, cannot be written: {error.strerror}") from error


@contextmanager
def _executor(jobs: int, dask: str | None) -> Iterator[Executor]:
    """Yield what runs the cells: processes of this machine, or a Dask cluster's own executor."""
    if dask is None:
        with WorkerProcesses(jobs) as processes:
            yield processes
        return
    try:
        from distributed import Client  # noqa: PLC0415  an optional extra
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            "--dask needs Dask's distributed, which is not installed: run `pip install 'gradcheck[dask]'`."
        ) from error
    try:
        client = Client(dask)
    except (OSError, ValueError) as error:
        raise ArgumentError(f"--dask is {dask!r}, but no scheduler answers there: {error}") from error
    with client:
        yield client.get_executor()


def _print(found: Sweep, page: Path, results: Path) -> None:
    console = result_console()
    for result in [each for each in found.results.values() if each.verdict is not Verdict.PASS][:MOST_SHOWN]:
        console.print(Text(str(result.verdict), STYLES[result.verdict]), result.cell.command, soft_wrap=True)
        for remark in result.remarks:
            console.print(f"  {remark}", soft_wrap=True)
    for trouble, count in Counter(found.troubles.values()).most_common(MOST_SHOWN):
        console.print(f"{count} cells not judged: {trouble}", soft_wrap=True)
    before = f", {found.resumed} of them judged before" if found.resumed else ""
    print_verdict(found.verdict, f"{sweep_page.headline(found)}{before}")
    console.print(f"{page}: every cell; {results}: every row", soft_wrap=True)
