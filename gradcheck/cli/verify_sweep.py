"""`gradcheck verify sweep PAGE.html`: the networks over a grid, in several processes or on a Dask cluster."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click
from rich.text import Text

from gradcheck.cli.options import check_folder
from gradcheck.cli.progress import progress
from gradcheck.cli.show import EXIT_CODES, STYLES, print_verdict, result_console
from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.reports import files
from gradcheck.sweeps import page as sweep_page
from gradcheck.sweeps.file import SweepFile
from gradcheck.sweeps.sweep import sweep
from gradcheck.sweeps.worker_processes import WorkerProcesses
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from gradcheck.sweeps.sweep import Cell, Sweep

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
    asked = set(cells)
    before = [cell for cell in SweepFile(results).results if cell not in asked]  # other grids': the page keeps them
    cells = [*cells, *before]
    try:
        with _executor(jobs, dask) as (executor, trouble), progress(len(cells), "cells") as show:
            _check_writable(results)
            done = 0

            def judged(count: int) -> None:
                nonlocal done
                done = count
                show(done, "cells")

            found = sweep(
                cells,
                executor,
                path=results,
                judged=judged,
                waited=lambda: show(done, "; ".join(filter(None, ["cells", trouble()]))),
            )
    except KeyboardInterrupt:
        click.echo(f"The results so far are in {results}; the same command goes on from there.", err=True)
        raise
    files.write(page, sweep_page.page(found))
    _print(found, page, results, len(before))
    return EXIT_CODES[found.verdict]


def _check(page: Path) -> None:
    if page.suffix.lower() != ".html":
        raise ArgumentError(f"--sweep is {str(page)!r}, wanted the page to write, such as sweep.html")
    check_folder("--sweep", page)
    if find_spec("jinja2") is None:
        raise UnsupportedError("A page needs Jinja2, which is not installed: run `pip install 'gradcheck[report]'`.")


def _check_writable(results: Path) -> None:
    """Refuse a file that the first result, minutes from now, could not be written to."""
    try:
        results.open("ab").close()
    except OSError as error:
        raise ArgumentError(f"{str(results)!r}, beside the page, cannot be written: {error.strerror}") from error


@contextmanager
def _executor(jobs: int, dask: str | None) -> Iterator[tuple[Executor, Callable[[], str]]]:
    """Yield what runs the cells, processes of this machine or a Dask cluster's own executor, and what ails it."""
    if dask is None:
        with WorkerProcesses(jobs) as processes:
            yield processes, str
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

    def trouble() -> str:
        if client.status != "running":
            return f"the scheduler at {dask} does not answer ({client.status})"
        if not client.scheduler_info()["workers"]:
            return f"the cluster at {dask} has no workers: start some, or interrupt and go on later"
        return ""

    with client:
        yield client.get_executor(), trouble


def _print(found: Sweep, page: Path, results: Path, others: int) -> None:
    console = result_console()
    for result in [each for each in found.results.values() if each.verdict is not Verdict.PASS][:MOST_SHOWN]:
        console.print(Text(str(result.verdict), STYLES[result.verdict]), result.cell.command, soft_wrap=True)
        for remark in result.remarks:
            console.print(f"  {remark}", soft_wrap=True)
    for trouble, count in Counter(found.troubles.values()).most_common(MOST_SHOWN):
        console.print(f"{count} cells not judged: {trouble}", soft_wrap=True)
    before = f", {found.resumed} of them judged before" if found.resumed else ""
    before += f" ({others} for other grids)" if others else ""
    print_verdict(found.verdict, f"{sweep_page.headline(found)}{before}")
    console.print(f"{page}: every cell; {results}: every row", soft_wrap=True)
