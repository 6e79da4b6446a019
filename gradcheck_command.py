"""The command `gradcheck`: deaf to nothing from its first line on.

Until the package is imported, Ctrl-C ends the process at once and without a traceback; there is nothing to keep yet.
This lies outside the package, whose own imports take some tenths of a second.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["main"]

INTERRUPTED = 130  # what a shell reports for SIGINT


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell's background job ignores it
        signal.signal(signal.SIGINT, _end)
    from gradcheck.cli import main as command  # noqa: PLC0415  see above

    command(prog_name="gradcheck")


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  signal's own arguments
    with suppress(OSError):  # standard error may be closed
        os.write(2, b"gradcheck: interrupted\n")
    os._exit(INTERRUPTED)
