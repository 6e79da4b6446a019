"""Who watches: the pytest plugin, where a run of pytest has loaded it, is told of every check and may set defaults."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gradcheck.verdicts.report import Report

P = ParamSpec("P")
PLUGIN = "pytest_gradcheck"
_unwatched: ContextVar[bool] = ContextVar("unwatched", default=False)


class Watcher(Protocol):
    """A run that keeps the reports of its checks."""

    def defaults(self) -> Mapping[str, Any]:
        """Return the options of a check that does not set them itself."""

    def add(self, report: Report) -> None:
        """Keep the report of a check."""


def watcher() -> Watcher | None:
    """Return who watches now; None outside pytest. The plugin is looked up, not imported: it imports pytest."""
    running = getattr(sys.modules.get(PLUGIN), "RUNNING", None)
    return running[-1] if running and not _unwatched.get() else None


@contextmanager
def unwatched() -> Iterator[None]:
    """Make checks that nobody is told of: parts of a larger one, which reports them itself."""
    token = _unwatched.set(True)
    try:
        yield
    finally:
        _unwatched.reset(token)


def watched(check: Callable[P, Report]) -> Callable[P, Report]:
    """Return `check` with the defaults of who watches, who is told of the report."""

    @wraps(check)
    def told(*args: P.args, **options: P.kwargs) -> Report:
        __tracebackhide__ = True  # in pytest, where the report says what is wrong and this frame does not
        now = watcher()
        if now is None:
            return check(*args, **options)
        given: Any = {**now.defaults(), **options}
        report = check(*args, **given)
        now.add(report)
        return report

    return told
