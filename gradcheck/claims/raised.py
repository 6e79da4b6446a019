"""Whose error it is when a call of the user's function raises: that of its code, or of how it was called."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

OURS = str(Path(__file__).parents[1])

LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


def by_caller(error: BaseException) -> bool:
    """Tell whether the caller's own code raised an error, itself or in a library that it calls."""
    files = []
    frame: TracebackType | None = error.__traceback__
    while frame is not None:
        files.append(frame.tb_frame.f_code.co_filename)
        frame = frame.tb_next
    for file in reversed(files):
        if file.startswith(OURS):
            return False
        if not file.startswith(LIBRARIES):
            return True
    return False


def from_inside(error: BaseException) -> bool:
    """Tell whether the traceback of an error has a frame outside this package: it was raised by the user's code."""
    frame: TracebackType | None = error.__traceback__
    while frame is not None:
        if not frame.tb_frame.f_code.co_filename.startswith(OURS):
            return True
        frame = frame.tb_next
    return False


def sentence(who: str, error: BaseException, where: str = "") -> str:
    """Return what happened, as one sentence."""
    if isinstance(error, TypeError) and not from_inside(error):
        return f"{who} cannot be called with what it is given: {error}"
    return f"{who} raised {type(error).__name__}{where}: {error}"
