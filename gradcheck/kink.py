"""Kinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck.report import ArgumentReport
    from gradcheck.trial import Trial


def judge(trial: Trial, resolution: float, *, required: str | None, kink_of: Any) -> ArgumentReport:
    """Return the verdict on an argument at a kink."""
    raise NotImplementedError
