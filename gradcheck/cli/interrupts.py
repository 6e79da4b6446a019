"""Ctrl-C, which a command never loses.

Python turns it into a KeyboardInterrupt in whatever runs at that moment. In a callback of the garbage collector or a
destructor an exception is told and dropped, and a bare ``except:`` of a user's function drops it too. Here it is kept
in mind: dropped by Python it comes again, dropped by a function it still decides the exit code, and the third one ends
the process at once.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self

__all__ = ["INTERRUPTED", "Interrupts"]

INTERRUPTED = 130  # what a shell reports for SIGINT
MOST = 3
AGAIN = 0.01  # seconds until one that was dropped comes again, outside the callback that dropped it


class Interrupts:
    """Within it, `seen` tells how often Ctrl-C came; deaf where the process is, as a shell's background jobs are."""

    def __init__(self) -> None:
        self.seen = 0
        self._before: Any = None
        self._hook = sys.unraisablehook

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) not in {signal.SIG_IGN, None}:
            self._before = signal.signal(signal.SIGINT, self._came)
            self._hook, sys.unraisablehook = sys.unraisablehook, self._dropped
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            sys.unraisablehook = self._hook

    def _came(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  signal's own arguments
        self.seen += 1
        if self.seen >= MOST:
            with suppress(OSError):  # standard error may be closed
                os.write(2, b"gradcheck: interrupted\n")
            os._exit(INTERRUPTED)
        raise KeyboardInterrupt

    def _dropped(self, what: sys.UnraisableHookArgs) -> None:
        """Let a KeyboardInterrupt that no code could catch come again."""
        if not issubclass(what.exc_type, KeyboardInterrupt):
            self._hook(what)
            return
        self.seen -= 1
        timer = threading.Timer(AGAIN, _thread.interrupt_main)
        timer.daemon = True
        timer.start()
