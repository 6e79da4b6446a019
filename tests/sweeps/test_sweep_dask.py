"""A sweep on a real Dask cluster of two worker processes, one of which is killed in the middle."""

import importlib
import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter

import pytest
from click.testing import CliRunner

from gradcheck import Verdict
from gradcheck.cli import main, progress
from gradcheck.sweeps.file import SweepFile
from gradcheck.sweeps.sweep import grid, sweep

distributed = pytest.importorskip("distributed", reason="Dask is an optional extra")
dask = pytest.importorskip("dask")

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]

# In a module of its own, which the workers import: real verdicts, taken slowly, each start on record.
JUDGES = """
import os, time
from pathlib import Path
from gradcheck.sweeps.sweep import judge

def slowly(cell):
    with open(Path(__file__).with_name("starts"), "a") as file:
        file.write(f"{cell.shape.n} {cell.dtype} {cell.seed} {os.getpid()}\\n")
    time.sleep(0.1)
    return judge(cell)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("dask")
    (path / "judges_of_workers.py").write_text(JUDGES)
    return path


@pytest.fixture(scope="module")
def cluster(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("OMP_NUM_THREADS", "1")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as made:
            yield made


def started(folder):
    """Return (what was started, process) so far, a pair a start."""
    path = folder / "starts"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(start, int(pid)) for start, _, pid in (line.rpartition(" ") for line in lines)]


def test_a_worker_killed_in_the_middle_loses_nothing_and_puts_nothing_into_the_result_twice(folder, cluster, tmp_path):
    judges = importlib.import_module("judges_of_workers")
    cells = grid(shapes=[(1, 1, 1, 1), (2, 3, 4, 1)], seeds=range(6), backends=["numpy"])
    killed = []

    def kill_one():
        while len(started(folder)) < 5:
            time.sleep(0.005)
        _, pid = started(folder)[-1]  # it sleeps now, with its cell begun and not done
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    killer = threading.Thread(target=kill_one)
    with distributed.Client(cluster) as client:
        killer.start()
        found = sweep(cells, client.get_executor(), path=tmp_path / "s.jsonl", judge=judges.slowly)
        killer.join()

    assert found.troubles == {}
    assert list(found.results) == cells
    assert found.verdict is Verdict.PASS
    lines = (tmp_path / "s.jsonl").read_text().splitlines()
    assert len(lines) == len({json.dumps(list(json.loads(line).values())[:5]) for line in lines}) == len(cells)
    assert SweepFile(tmp_path / "s.jsonl").results == found.results

    # It was the middle: what the killed process had begun last was begun again by another, and most cells came after.
    last = [start for start, pid in started(folder) if pid == killed[0]][-1]
    assert len({pid for start, pid in started(folder) if start == last} - set(killed)) == 1
    begun = Counter(start for start, _ in started(folder))
    assert len(begun) == len(cells)
    assert begun[last] == 2


def test_the_command_takes_a_scheduler_s_address(cluster, tmp_path):
    page = tmp_path / "s.html"
    grid_of_four = ["--backend=numpy", "--shape=1,1,1,1", "--shape=2,3,4,1", "--seed=0", "--seed=1", "--dtype=float64"]
    result = CliRunner().invoke(
        main, ["verify", "--sweep", str(page), "--dask", cluster.scheduler_address, *grid_of_four]
    )
    assert result.exit_code == 0, result.output
    assert "PASS  4 of 4 cells right" in result.stdout
    assert len(SweepFile(tmp_path / "s.jsonl").results) == 4


def test_a_cluster_without_workers_is_told_and_goes_on_when_there_are_some(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.5)
    with distributed.LocalCluster(n_workers=0, threads_per_worker=1, processes=False, dashboard_address=":0") as empty:
        starter = threading.Timer(4.0, empty.scale, [1])
        starter.start()
        page = ["verify", "sweep", str(tmp_path / "s.html"), "--dask", empty.scheduler_address]
        result = CliRunner().invoke(main, [*page, "--backend=numpy", "--shape=1,1,1,1", "--seed=0", "--dtype=float64"])
        starter.join()
    assert result.exit_code == 0, result.output
    assert re.search(r"gradcheck: 0 of 1 cells; the cluster at \S+ has no workers: start some", result.stderr)


def test_an_address_without_a_scheduler_exits_with_2_and_names_it(tmp_path):
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        result = CliRunner().invoke(
            main, ["verify", "--sweep", str(tmp_path / "s.html"), "--dask", "tcp://127.0.0.1:9"]
        )
    assert result.exit_code == 2
    assert "--dask is 'tcp://127.0.0.1:9', but no scheduler answers there" in result.stderr
