"""The cost of a check: counted in a process of its own, alike for every tool, and failures told."""

import subprocess

import pytest

from gradcheck.bench import checks
from gradcheck.bench.checks import CHECKED, ONE_BY_ONE, TOOLS, estimate, measured, planned
from gradcheck.errors import UnsupportedError

SMALLEST = "1e2"
PARAMETERS = (CHECKED[SMALLEST].d_in + CHECKED[SMALLEST].d_out) * CHECKED[SMALLEST].h


@pytest.mark.parametrize(("name", "shape"), CHECKED.items(), ids=str)
def test_a_size_is_named_by_its_number_of_parameters(name, shape):
    assert (shape.d_in + shape.d_out) * shape.h == pytest.approx(float(name), rel=0.21)


# What a one-by-one tool needs is known: two evaluations a parameter and two more, or one a parameter and one more.
@pytest.mark.parametrize(
    ("tool", "said", "evaluations"),
    [
        ("gradcheck", "PASS", range(20, 80)),
        ("torch slow", "True", [2 * PARAMETERS + 2]),
        ("torch fast", "True", range(2, 10)),
        ("scipy random", "error ", [2]),
        ("scipy all", "error ", [PARAMETERS + 1]),
    ],
)
def test_every_tool_finds_the_same_gradient_right_and_is_counted(tool, said, evaluations):
    if tool.startswith("torch"):
        pytest.importorskip("torch")
    cost = measured(tool, SMALLEST)
    assert cost.verdict.startswith(said)
    assert cost.evaluations in evaluations
    assert cost.parameters == PARAMETERS
    assert cost.argument_bytes == 8 * PARAMETERS
    assert all(seconds > 0 for seconds in cost.seconds)
    assert cost.peak_bytes is None or cost.peak_bytes >= 0


def test_the_peak_counts_what_the_check_holds_and_not_what_is_loaded():
    cost = measured("gradcheck", "1e5")  # arrays so large that they are not put where smaller ones were freed
    if cost.peak_bytes is None:
        pytest.skip("only Linux tells the peak")
    # At least a copy, a direction and a moved argument; less than the process itself, whose modules alone take more.
    assert 3 * cost.argument_bytes < cost.peak_bytes < 32 * 2**20


def test_what_takes_an_evaluation_per_parameter_is_measured_up_to_ten_thousand():
    large = {(tool, size) for tool, size in planned() if size in ("1e5", "1e7")}
    assert {tool for tool, _ in large}.isdisjoint(ONE_BY_ONE)
    assert {tool for tool, _ in planned()} <= set(TOOLS)
    assert {size for _, size in planned(quick=True)} == {"1e2", "1e4"}


def test_torchs_checks_are_left_out_where_there_is_no_torch(monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda _: None)
    assert {tool for tool, _ in planned()} == {"gradcheck", "scipy random", "scipy all"}


def test_the_estimate_grows_with_the_size():
    assert estimate("gradcheck", "1e2") < estimate("gradcheck", "1e7") < 60


def test_a_process_that_fails_is_told_with_its_last_words(monkeypatch):
    def killed(*_args, **_options):
        return subprocess.CompletedProcess([], -9, "", "one line\nMemoryError: no 8 GiB\n")

    monkeypatch.setattr(subprocess, "run", killed)
    with pytest.raises(UnsupportedError, match="its process ended with -9: MemoryError: no 8 GiB"):
        measured("gradcheck", SMALLEST)
