"""The one table of named mistakes: plant and correct."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcheck.report import ArgumentReport
    from gradcheck.trial import Trial


def explain(argument: ArgumentReport, trial: Trial, trials: Mapping[int, Trial]) -> ArgumentReport:
    """Return the report of a FAIL with the mistakes that explain every slope."""
    del trial, trials
    return argument


def power(argument: ArgumentReport, trial: Trial, trials: Mapping[int, Trial]) -> ArgumentReport:
    """Return the report of a PASS with the mistakes that would have been caught."""
    del trial, trials
    return argument
