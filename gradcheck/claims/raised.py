"""Whose error it is when a call of the user's function raises: that of its code, or of how it was called."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

OURS = str(Path(__file__).parents[1])

LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


def by_caller(error: BaseException) -> bool:
    """Tell whether the caller's own code raised an error, itself or in a library that it calls."""
    for file in reversed(_files(error)):
        if file.startswith(OURS):
            return False
        if not file.startswith(LIBRARIES):
            return True
    return False


def from_inside(error: BaseException) -> bool:
    """Tell whether the traceback of an error has a frame outside this package: it was raised by the user's code."""
    return any(not file.startswith(OURS) for file in _files(error))


def _files(error: BaseException) -> list[str]:
    """Return the files of an error's frames, the innermost last."""
    return [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]


def sentence(who: str, error: BaseException, where: str = "") -> str:
    """Return what happened, as one sentence."""
    if isinstance(error, TypeError) and not from_inside(error):
        return f"{who} cannot be called with what it is given: {error}"
    return f"{who} raised {type(error).__name__}{where}: {error}"
