"""What a check may spend, where it evaluates f, and what it says meanwhile."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from gradcheck.errors import GradcheckError

if TYPE_CHECKING:
    from concurrent.futures import Executor

CONTRACT = 3  # evaluations before any number: f's dtype, its value, and its value again
PATIENCE = 2.0  # seconds before a line appears
EVERY = 0.5  # seconds between two lines


class BudgetReached(GradcheckError):  # noqa: N818  what was measured stands
    """What a check may spend is spent: what has been measured so far stands, and the verdict is INCONCLUSIVE."""


class Budget:
    """What one check may spend, from now on.

    Parameters
    ----------
    evaluations : int, optional
        Of f at most.
    seconds : float, optional
        No evaluation begins later than that; those of the contract always do.
    progress : bool, optional
        Whether a line on `stream` tells what is spent; by default where it is a terminal.
    executor : concurrent.futures.Executor, optional
        Where evaluations run that do not wait for each other.
    stream : file, optional
        For the line; the standard error stream by default.

    """

    def __init__(
        self,
        *,
        evaluations: int | None = None,
        seconds: float | None = None,
        progress: bool | None = None,
        executor: Executor | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self.evaluations = evaluations
        self.seconds = seconds
        self.executor = executor
        self._stream = sys.stderr if stream is None else stream
        self._shows = progress is not False and _is_open(self._stream) and (progress or self._stream.isatty())
        self._began = time.monotonic()
        self._next = PATIENCE
        self._width = 0

    def left(self, spent: int) -> bool:
        """Tell whether one more evaluation may begin after `spent` of them."""
        return not self._reached(spent)

    def spend(self, spent: int, title: str) -> None:
        """Begin one more evaluation after `spent` of them.

        Raises
        ------
        BudgetReached
            If none may.

        """
        if reached := self._reached(spent):
            raise BudgetReached(reached)
        if self._shows and (now := time.monotonic() - self._began) >= self._next:
            self._next = now + EVERY
            self._write(f"gradcheck: {title}, {spent} evaluations, {now:.0f} s")

    def close(self) -> None:
        """Take the line away."""
        if self._width:
            self._write("")
            self._write("")

    def _reached(self, spent: int) -> str:
        if self.evaluations is not None and spent >= self.evaluations:
            return f"max_evaluations={self.evaluations} is used up"
        if self.seconds is not None and spent >= CONTRACT and time.monotonic() - self._began >= self.seconds:
            return f"max_seconds={self.seconds:g} is used up"
        return ""

    def _write(self, line: str) -> None:
        self._stream.write(f"\r{line:{self._width}}")
        self._stream.flush()
        self._width = len(line)


def _is_open(stream: TextIO | None) -> bool:
    """Tell whether a stream can be written to: a program without a console has none."""
    return stream is not None and not stream.closed
