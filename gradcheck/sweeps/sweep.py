"""The two networks judged over a grid of shapes, dtypes, devices and seeds, by any `concurrent.futures.Executor`.

Every cell of the grid is judged by itself, so that cells may run anywhere and in any order. Results are written to a
file as they come; a sweep that was interrupted goes on from there.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Future, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradcheck.sweeps.file import SweepFile
from gradcheck.two_layer_relu.cells import Cell, Result, grid, judge
from gradcheck.verdicts.certificate import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor
    from pathlib import Path

__all__ = ["Cell", "Result", "Sweep", "grid", "judge", "sweep"]

WAIT = 2.0  # seconds without a result until that is told


@dataclass(frozen=True)
class Sweep:
    """Every cell of a grid, judged or not.

    Attributes
    ----------
    cells : tuple of Cell
        The grid, in its order.
    results : dict of Cell to Result
        The cells that were judged.
    troubles : dict of Cell to str
        Why the others were not.
    resumed : int
        How many results were there before.

    """

    cells: tuple[Cell, ...]
    results: dict[Cell, Result] = field(default_factory=dict)
    troubles: dict[Cell, str] = field(default_factory=dict)
    resumed: int = 0

    @property
    def verdict(self) -> Verdict:
        """Return the worst verdict; a cell that was not judged is INCONCLUSIVE, and so is a grid without cells."""
        known = [result.verdict for result in self.results.values()]
        return Verdict.worst(known if len(known) == len(self.cells) > 0 else [*known, Verdict.INCONCLUSIVE])


def sweep(
    cells: Iterable[Cell],
    executor: Executor,
    *,
    path: Path | None = None,
    judge: Callable[[Cell], Result] = judge,
    judged: Callable[[int], None] = lambda _: None,
    waited: Callable[[], None] = lambda: None,
) -> Sweep:
    """Judge the cells that have no result yet.

    Parameters
    ----------
    cells : iterable of Cell
        The grid; a cell that is there twice counts once.
    executor : concurrent.futures.Executor
        What runs the cells: a pool, `WorkerProcesses`, or Dask's ``Client(address).get_executor()``.
    path : Path, optional
        A file of JSON lines: the results in it are taken over, each new one is added as soon as it is known.
    judge : callable
        What is called with each cell; the executor must be able to carry it to its workers.
    judged : callable
        Told how many results there are, after each.
    waited : callable
        Called every few seconds while no result comes.

    Returns
    -------
    Sweep
        A cell that raised, or whose worker died for good, is among the troubles; it is not in the file, and is tried
        again by the next call.

    Raises
    ------
    ArgumentError
        If the file was made by other code, or is none of ours.

    """
    cells = tuple(dict.fromkeys(cells))
    file = SweepFile(path)
    found = {cell: file.results[cell] for cell in cells if cell in file.results}
    resumed = len(found)
    troubles: dict[Cell, str] = {}
    judged(resumed)
    futures = {_submit(executor, judge, cell): cell for cell in cells if cell not in found}
    try:
        for future in _as_they_come(futures, waited):
            cell = futures[future]
            try:
                found[cell] = future.result()
            except Exception as error:  # noqa: BLE001  whatever happens to a cell concerns this cell
                troubles[cell] = f"{type(error).__name__}: {error}"
                continue
            file.add(found[cell])
            judged(len(found))
    finally:
        for future in futures:
            future.cancel()
    ordered = {cell: found[cell] for cell in cells if cell in found}
    return Sweep(cells, ordered, troubles, resumed)


def _as_they_come(futures: Iterable[Future[Result]], waited: Callable[[], None]) -> Iterator[Future[Result]]:
    """Yield futures as they end, and tell while none does."""
    pending = list(dict.fromkeys(futures))
    while pending:
        came: set[Future[Result]] = set()
        try:
            for future in as_completed(pending, timeout=WAIT):
                came.add(future)
                yield future
        except TimeoutError:
            if not came:
                waited()
        pending = [future for future in pending if future not in came]


def _submit(executor: Executor, judge: Callable[[Cell], Result], cell: Cell) -> Future[Result]:
    """Schedule the cell; an executor that broke meanwhile must not take the results before this one along."""
    try:
        return executor.submit(judge, cell)
    except BrokenExecutor as error:
        failed: Future[Result] = Future()
        failed.set_exception(error)
        return failed
