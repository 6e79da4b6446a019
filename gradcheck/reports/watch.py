"""Who watches: the pytest plugin, where a run of pytest has loaded it, is told of every check and may set defaults."""

from __future__ import annotations

import inspect
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol

from gradcheck.reports.repeat import remembered
from gradcheck.verdicts.certificate import Verdict

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
    """Return `check` with the defaults of who watches, who is told of the report; a failure remembers its call."""
    parameters = inspect.signature(check).parameters
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())

    @wraps(check)
    def told(*args: P.args, **options: P.kwargs) -> Report:
        __tracebackhide__ = True  # in pytest, where the report says what is wrong and this frame does not
        now = watcher()
        given: Any = dict(options)
        for name, value in () if now is None else now.defaults().items():
            if takes_all or name in parameters:
                given.setdefault(name, value)
        report = check(*args, **given)
        if report.verdict is not Verdict.PASS:
            report = remembered(report, check, args, given)
        if now is not None:
            now.add(report)
        return report

    return told
