"""Worker processes: what is called runs in them, and one that dies costs the call it was running."""

import importlib
import math
import os
import sys
import time
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress

import pytest

from gradcheck.sweeps.worker_processes import WorkerProcesses

# In a module of its own, which the workers import.
CALLS = """
import os, signal, time
from pathlib import Path

def log(folder, name):
    with open(Path(folder) / "log", "a") as file:
        file.write(f"{name} {os.getpid()}\\n")

def note(folder, name):
    log(folder, name)
    return name

def die_once(folder, name):
    log(folder, name)
    flag = Path(folder) / f"{name} died"
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return name

def die(folder, name):
    log(folder, name)
    os.kill(os.getpid(), signal.SIGKILL)

def sleep(folder, name):
    log(folder, name)
    time.sleep(600)

def fail(folder, name):
    raise LookupError(name)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def calls(tmp_path, monkeypatch):
    (tmp_path / "calls_of_workers.py").write_text(CALLS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("calls_of_workers")
    del sys.modules["calls_of_workers"]


def logged(folder):
    """Return (name, process) of every call that began."""
    return [(name, int(pid)) for name, pid in map(str.split, (folder / "log").read_text().splitlines())]


def test_a_call_whose_process_dies_is_run_again_and_one_that_always_dies_is_given_up_alone(calls, tmp_path):
    kinds = [calls.note, calls.die_once, calls.note, calls.die, calls.note, calls.fail, calls.note]
    with WorkerProcesses(2) as workers:
        futures = [workers.submit(kind, tmp_path, f"call{i}") for i, kind in enumerate(kinds)]
        wait(futures)
    began = [name for name, _ in logged(tmp_path)]
    for i, (kind, future) in enumerate(zip(kinds, futures, strict=True)):
        name = f"call{i}"
        if kind is calls.die:
            assert began.count(name) == 3
            with pytest.raises(BrokenProcessPool, match="died 3 times"):
                future.result()
        elif kind is calls.fail:
            with pytest.raises(LookupError, match=name):
                future.result()
        else:
            assert future.result() == name
            assert began.count(name) == (2 if kind is calls.die_once else 1)
    assert os.getpid() not in {pid for _, pid in logged(tmp_path)}


def interrupted(jobs, submit):
    """Leave the block of `jobs` workers by Ctrl-C, right after `submit(workers)`; return the seconds that took."""
    start = math.nan
    with suppress(KeyboardInterrupt), WorkerProcesses(jobs) as workers:
        submit(workers)
        start = time.monotonic()
        raise KeyboardInterrupt
    return time.monotonic() - start


def test_leaving_by_an_exception_ends_the_processes_in_the_middle_of_their_calls(calls, tmp_path):
    futures = []

    def submit(workers):
        futures.extend(workers.submit(calls.sleep, tmp_path, f"call{i}") for i in range(3))
        while not ((tmp_path / "log").exists() and len(logged(tmp_path)) == 2):
            time.sleep(0.02)

    assert interrupted(2, submit) < 30  # of 600
    assert len(logged(tmp_path)) == 2
    for _, pid in logged(tmp_path):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert futures[2].cancelled()


def test_leaving_while_a_process_starts_runs_none_of_its_calls(calls, tmp_path):
    assert interrupted(1, lambda workers: workers.submit(calls.sleep, tmp_path, "call")) < 30
    assert not (tmp_path / "log").exists()
