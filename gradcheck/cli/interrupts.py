"""Ctrl-C, which a command never loses.

Python turns it into a KeyboardInterrupt in whatever runs at that moment. In a callback of the garbage collector or a
destructor an exception is told and dropped, and a bare ``except:`` of a user's function drops it too. Here it is kept
in mind: dropped by Python it comes again in the code that the callback interrupted, dropped by a function it comes with
the next step of the command, or else decides its exit code. The third one ends the process at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self

INTERRUPTED = 130  # what a shell reports for SIGINT
MOST = 3


class Interrupts:
    """Within it, `seen` tells how often Ctrl-C came; deaf where the process is, as a shell's background jobs are."""

    current: ClassVar[Interrupts | None] = None

    def __init__(self) -> None:
        self.seen = 0
        self._before: Any = None
        self._hook = sys.unraisablehook

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) not in {signal.SIG_IGN, None}:
            self._before = signal.signal(signal.SIGINT, self._came)
            self._hook, sys.unraisablehook = sys.unraisablehook, self._dropped
            Interrupts.current = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            sys.unraisablehook = self._hook
            Interrupts.current = None

    def _came(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  signal's own arguments
        self.seen += 1
        if self.seen >= MOST:
            with suppress(OSError):  # standard error may be closed
                os.write(2, b"gradcheck: interrupted\n")
            os._exit(INTERRUPTED)
        raise KeyboardInterrupt

    def _dropped(self, what: sys.UnraisableHookArgs) -> None:
        """Raise a KeyboardInterrupt that no code could catch once more, in the code that was running before.

        As a debugger stops in a frame that is there already: by a trace function, which is called at its next line.
        """
        if not issubclass(what.exc_type, KeyboardInterrupt):
            self._hook(what)
            return
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  documented, for CPython, which alone has these callbacks
        while frame is not None:
            frame.f_trace = _raise
            frame = frame.f_back
        sys.settrace(_trace_nothing)  # of new frames; without one, no frame is traced


def raise_if_interrupted() -> None:
    """Raise KeyboardInterrupt where one was dropped."""
    if Interrupts.current is not None and Interrupts.current.seen:
        raise KeyboardInterrupt


def _raise(frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG001  of a trace function
    sys.settrace(None)
    raise KeyboardInterrupt


def _trace_nothing(frame: FrameType, event: str, arg: Any) -> None:  # noqa: ARG001  of a trace function
    return None
