"""`gradcheck bench`: what is printed where, files, exit codes, what an interruption keeps, words that are refused."""

import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gradcheck.bench import run as bench_run
from gradcheck.bench.saved import as_json, load
from gradcheck.cli import main

GRADCHECK = [sys.executable, "-m", "gradcheck"]
QUICK = ["bench", "--quick", "--libraries", "numpy", "--shapes", "tiny", "--no-checks"]


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A quick run from a shell, and where it wrote its files."""
    folder = tmp_path_factory.mktemp("quick")
    command = [*GRADCHECK, *QUICK, "--output", str(folder / "run 1")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"})
    return done, folder / "run 1"


def test_ratios_go_to_standard_output_and_how_long_it_takes_to_standard_error(quick):
    done, _ = quick
    assert re.fullmatch(r"about \d+ (s|min) to go\n", done.stderr)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["step", "÷", "floor,", "numpy"]
    assert lines[1].split() == ["shape", "dtype", "floor", "GFLOP/s", "floor_dot", "fast", "textbook"]
    assert [line.split()[:2] for line in lines[2:4]] == [["tiny", "float32"], ["tiny", "float64"]]


def test_the_files_are_named_and_repeat_the_command(quick):
    done, folder = quick
    pytest.importorskip("matplotlib")
    paths = [folder / name for name in ("bench.json", "bench.md", "bench.html")]
    assert done.stdout.splitlines()[-3:] == [str(path) for path in paths]
    assert f"`gradcheck {' '.join(QUICK)} --output '{folder}'`" in paths[1].read_text(encoding="utf-8")
    assert {case.dtype for case in load(paths[0]).cases()} == {"float32", "float64"}


def test_a_run_is_no_slower_than_itself(quick):
    path = str(quick[1] / "bench.json")
    result = run("bench", "compare", path, path, "--max-slowdown", "0")
    assert result.exit_code == 0
    assert result.stdout.endswith("0 of 4 slower by more than 0% of their ratio to the floor\n")


def slowed(path, factor, to):
    """The same run with a fast step that takes `factor` times as long, on a machine twice as slow."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for entry in data["benchmarks"]:
        times = 2 * (factor if entry["extra_info"]["variant"] == "fast" else 1)
        entry["stats"]["data"] = [times * seconds for seconds in entry["stats"]["data"]]
    to.write_text(json.dumps(data), encoding="utf-8")
    return str(to)


def test_a_step_that_became_slower_over_its_floor_ends_with_exit_code_1(quick, tmp_path):
    old = quick[1] / "bench.json"
    result = run("bench", "compare", str(old), slowed(old, 3.0, tmp_path / "new.json"), "--max-slowdown", "10%")
    assert result.exit_code == 1
    (row,) = [line for line in result.stdout.splitlines() if line.lstrip().startswith("tiny-float64-numpy  fast")]
    assert row.rstrip().endswith("SLOWER")
    assert "+200.0%" in row
    assert "2 of 4 slower by more than 10%" in result.stdout


def test_a_machine_that_became_slower_ends_with_exit_code_0(quick, tmp_path):
    old = quick[1] / "bench.json"
    assert run("bench", "compare", str(old), slowed(old, 1.0, tmp_path / "new.json")).exit_code == 0


def test_a_slowdown_within_what_is_allowed_ends_with_exit_code_0(quick, tmp_path):
    old = quick[1] / "bench.json"
    new = slowed(old, 3.0, tmp_path / "new.json")
    assert run("bench", "compare", str(old), new, "--max-slowdown", "250%").exit_code == 0


def test_variants_that_only_one_run_has_are_said(quick, tmp_path):
    old = load(quick[1] / "bench.json")
    del old.timings[-1]
    (tmp_path / "less.json").write_text(json.dumps(as_json(old)))
    result = run("bench", "compare", str(quick[1] / "bench.json"), str(tmp_path / "less.json"))
    assert result.exit_code == 0
    assert "only in one of the runs: tiny-float64-numpy textbook" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shapes", "small"], "shape is 'small', wanted one of tiny, seed, single, tall, medium, large"),
        (["--dtypes", "float16"], "dtype is 'float16', wanted one of"),
        (["--libraries", "jax"], "library is 'jax', wanted one of numpy, torch"),
        (["--shapes", ","], "wanted names with commas between them"),
        (["--threads", "0"], "0 is not in the range 1<=x<=1024"),
        (["compare", "none.json", "none.json"], "'none.json' cannot be read"),
        (["--output", "file/new"], "--output file/new cannot be made (Not a directory): pass a directory"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_in_one_sentence_with_exit_code_2(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    result = run("bench", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(re.findall(r"^(?:gradcheck|Error): ", result.stderr, re.MULTILINE)) == 1
    assert "Traceback" not in result.output


def test_a_share_that_is_none_is_refused(quick):
    path = str(quick[1] / "bench.json")
    result = run("bench", "compare", path, path, "--max-slowdown", "much")
    assert result.exit_code == 2
    assert "got 'much', wanted a share such as 10% or 0.1" in result.stderr


def test_another_tools_json_is_refused(quick, tmp_path):
    (tmp_path / "other.json").write_text('{"machine_info": {}, "benchmarks": []}')
    result = run("bench", "compare", str(tmp_path / "other.json"), str(quick[1] / "bench.json"))
    assert result.exit_code == 2
    assert "is no result of `gradcheck bench`" in result.stderr


def interrupted_in_case(number, monkeypatch):
    """A run that Ctrl-C meets in its case of that number."""
    timed = bench_run.timed
    cases = []

    def interrupt(case, plan):
        cases.append(case)
        if len(cases) == number:
            raise KeyboardInterrupt
        return timed(case, plan)

    monkeypatch.setattr(bench_run, "timed", interrupt)


def test_ctrl_c_keeps_what_was_measured(tmp_path, monkeypatch):
    interrupted_in_case(2, monkeypatch)
    result = run(*QUICK, "--output", str(tmp_path))
    assert result.exit_code == 130
    assert result.stderr.endswith("gradcheck: interrupted\n")
    assert "left out: 1 (what came next): interrupted" in result.stdout
    assert [case.dtype for case in load(tmp_path / "bench.json").cases()] == ["float32"]


def test_ctrl_c_before_anything_was_measured_writes_nothing(tmp_path, monkeypatch):
    interrupted_in_case(1, monkeypatch)
    result = run(*QUICK, "--output", str(tmp_path))
    assert result.exit_code == 130
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []
