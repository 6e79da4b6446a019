"""An executor of worker processes in which a dead process costs the call that it was running, and no other.

A `ProcessPoolExecutor` is broken for good once one of its processes is gone (out of memory, killed), and all its calls
fail with it. Here every worker is such a pool with a single process, so that it is known which call died; that call is
run again in a new process, and the other workers never hear of it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

ATTEMPTS = 3  # a process may die by chance; a call that has killed three is the cause

P = ParamSpec("P")
T = TypeVar("T")


class WorkerProcesses(ThreadPoolExecutor):
    """Run calls in processes of their own; a thread here waits for each.

    Leaving its ``with`` block by an exception, Ctrl-C say, ends the processes at once. They end by themselves when this
    process is gone. What is called has to be importable, as for any pool that spawns its processes.

    Parameters
    ----------
    jobs : int
        How many processes; each computes with an equal share of the processors.

    """

    def __init__(self, jobs: int) -> None:
        super().__init__(max_workers=jobs)
        threads = max(1, (os.cpu_count() or 1) // jobs)
        self._workers = [_Worker(threads) for _ in range(jobs)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule ``fn(*args, **kwargs)``.

        The future raises what `fn` raises, or BrokenProcessPool when three processes have died in this call.
        """
        return super().submit(self._call, fn, *args, **kwargs)

    def _call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        worker = self._idle.get()
        try:
            for _ in range(ATTEMPTS):
                with suppress(BrokenProcessPool):
                    return worker.call(fn, *args, **kwargs)
                if worker.killed:
                    raise BrokenProcessPool("its worker process was ended")
            raise BrokenProcessPool(f"its worker process died {ATTEMPTS} times")
        finally:
            self._idle.put(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and let the processes end after those they have."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            for worker in self._workers:
                worker.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            super().shutdown(wait=False, cancel_futures=True)
            for worker in self._workers:
                worker.kill()
        self.shutdown()


class _Worker:
    """One process, started with its first call and again after its death."""

    def __init__(self, threads: int) -> None:
        self.killed = False
        self._threads = threads
        self._pool: ProcessPoolExecutor | None = None
        self._pid: int | None = None

    def call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the call returns; raise what it raises, or BrokenProcessPool if the process is gone."""
        try:
            return self._started().submit(fn, *args, **kwargs).result()
        except BrokenProcessPool:
            self.close()
            raise

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                mp_context=multiprocessing.get_context("spawn"),  # fork copies locks that BLAS's threads hold
                initializer=_start,
                initargs=(self._threads,),
            )
            self._pid = self._pool.submit(os.getpid).result()
        if self.killed:  # while it started, and nobody knew whom to end
            raise BrokenProcessPool("its worker process was ended")
        return self._pool

    def kill(self) -> None:
        """End the process in the middle of its call, for good."""
        self.killed = True
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)

    def close(self) -> None:
        """End the process after its call."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = self._pid = None


def _start(threads: int) -> None:
    """Make this process one of several: no more threads than its share, and no life after its parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal's processes; the parent decides
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for Torch, which is not loaded yet
    threadpool_limits(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end: killed, it cannot stop its workers, and they would wait for calls for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
