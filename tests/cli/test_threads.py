"""Threads: as many as the largest product deserves, unless the user says; each of pytest-xdist's workers its share."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_info

from gradcheck.cli import main
from gradcheck.cli.threads import VARIABLES, deserved, largest_product, product_of, threads_for
from gradcheck.two_layer_relu.problem import Shape

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture
def no_variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def pools():
    return {pool["num_threads"] for pool in threadpool_info()}


def test_small_products_deserve_one_thread_and_large_ones_every_core():
    assert deserved(0) == deserved(largest_product(Shape())) == 1
    assert deserved(largest_product(Shape(8192, 8192, 8192, 2048))) == CORES
    assert product_of(100**2) == largest_product(Shape(100, 100, 100, 1))


@pytest.mark.usefixtures("no_variables")
def test_within_it_every_pool_has_the_threads_and_afterwards_what_it_had():
    before = pools()
    with threads_for(None, flop=0):
        assert pools() == {1}
        assert os.environ["OMP_NUM_THREADS"] == "1"  # for a Torch that is loaded now
    with threads_for(2, flop=0):
        assert os.environ["OMP_NUM_THREADS"] == "2"
    assert pools() == before
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.usefixtures("no_variables")
def test_torch_computes_with_them_too():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with threads_for(1, flop=0):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_what_the_environment_says_counts_unless_the_option_does(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threads_for(None, flop=0):
        assert os.environ["OMP_NUM_THREADS"] == "2"
    with threads_for(1, flop=0):
        assert os.environ["OMP_NUM_THREADS"] == "1"


MODULE = """
import os
import torch
from threadpoolctl import threadpool_info
def f(x):
    print(torch.get_num_threads(), max(pool["num_threads"] for pool in threadpool_info()))
    return (x ** 2).sum()
"""


@pytest.mark.parametrize(("options", "threads"), [([], "1"), (["--threads", "2"], "2")], ids=["by itself", "asked"])
def test_a_command_fits_the_threads_of_a_torch_that_it_loads(tmp_path, options, threads):
    pytest.importorskip("torch")
    (tmp_path / "counting.py").write_text(MODULE)
    command = [sys.executable, "-m", "gradcheck", "verify", "counting:f", "--signature", "(n)", "--max-examples", "1"]
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.stdout.split("\n", 1)[0] == f"{threads} {threads}", done.stderr


@pytest.mark.parametrize("command", ["check", "train", "verify"])
def test_every_command_that_computes_takes_the_option(command):
    words = [command, *(["functions"] if command == "verify" else []), "--help"]
    assert "--threads" in CliRunner().invoke(main, words).stdout
