"""`gradcheck verify --sweep`: the grid, what a cell comes to, going on after an interruption, the page, exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcheck import Verdict
from gradcheck.cli import main, verify_sweep
from gradcheck.errors import ArgumentError
from gradcheck.sweeps.file import SweepFile, made_by
from gradcheck.sweeps.page import page
from gradcheck.sweeps.sweep import Cell, Result, Sweep, grid, judge, sweep
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Shape

SMALL = Shape(2, 3, 4, 1)
CELLS = grid(shapes=[SMALL, (1, 1, 1, 1)], seeds=[0, 1], backends=["numpy"])


def row(verdict="PASS", high=1e-8, *, relative=True, oracle="finite differences", remark=""):
    error = {"low": 0.0, "high": high, "relative": relative, "confidence": 0.9999}
    return {
        "backend": "numpy", "point": "normal data", "argument": "w1", "shape": [3, 4], "oracle": oracle,
        "verdict": verdict, "error": error, "allowed": 1e-5, "kink": "", "remark": remark,
    }  # fmt: skip


def right(cell):
    return Result(cell, (row(),), 0.5)


# The grid and its cells -----------------------------------------------------------------------------------


def test_the_grid_has_every_combination_once_and_numpy_stays_on_the_cpu():
    shapes = [(4, 5, 6, 2), (1, 1, 1, 1), (4, 5, 6, 2)]
    cells = grid(shapes=shapes, dtypes=["float64"], devices=["cpu", "cuda"], seeds=[3, 5])
    assert len(cells) == len(set(cells)) == 2 * 2 + 2 * 2 * 2
    assert {cell.device for cell in cells if cell.backend == "numpy"} == {"cpu"}
    assert {cell.device for cell in cells if cell.backend == "torch"} == {"cpu", "cuda"}
    assert {cell.shape for cell in cells} == {Shape(4, 5, 6, 2), Shape(1, 1, 1, 1)}


def test_a_cell_is_judged_as_the_command_alone_judges_it(tmp_path):
    cell = Cell("numpy", SMALL, "float32", "cpu", 7)
    found = judge(cell)
    rows = tmp_path / "rows.json"
    alone = CliRunner().invoke(main, [*cell.command.split()[1:], "--json", str(rows)])
    assert alone.exit_code == 0, alone.output
    assert json.loads(rows.read_text())["rows"] == list(found.rows)
    assert found.verdict is Verdict.PASS
    assert 0 < found.resolution < 1e-5


def test_a_wrong_gradient_makes_its_cell_a_fail_with_the_argument_named(monkeypatch):
    gradients = numpy_core.gradients
    monkeypatch.setattr(numpy_core, "gradients", lambda *args: (g := gradients(*args))._replace(w1=g.w1 / 2))
    found = judge(CELLS[0])
    assert found.verdict is Verdict.FAIL
    assert found.resolution > 0.5  # w1 is wrong by a half, or more as far as four directions can tell
    assert found.remarks
    assert all(remark.startswith("FAIL") and ", w1, " in remark for remark in found.remarks)
    assert any("factor" in remark for remark in found.remarks)


def test_the_resolution_is_the_worst_relative_one_of_finite_differences():
    rows = (row(high=1e-9), row(high=3e-7), row(high=5.0, relative=False), row(high=0.1, oracle="torch.autograd"))
    assert Result(CELLS[0], rows, 0.0).resolution == 3e-7
    assert Result(CELLS[0], (row(high="inf"),), 0.0).resolution == float("inf")
    assert Result(CELLS[0], (row("FAIL"), row("INCONCLUSIVE"), row()), 0.0).verdict is Verdict.FAIL


# Sweeping, and going on after an interruption -------------------------------------------------------------


def test_an_interrupted_sweep_keeps_its_results_and_goes_on_with_the_rest(tmp_path):
    judged = []

    def interrupted(cell):
        if len(judged) == 3:
            raise KeyboardInterrupt
        judged.append(cell)
        return right(cell)

    path = tmp_path / "sweep.jsonl"
    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyboardInterrupt):
        sweep(CELLS, pool, path=path, judge=interrupted)
    before = path.read_bytes()
    assert before.count(b"\n") == 3

    with ThreadPoolExecutor(2) as pool:
        found = sweep(CELLS, pool, path=path, judge=lambda cell: (judged.append(cell), right(cell))[1])
    assert found.resumed == 3
    assert tuple(found.results) == tuple(CELLS) == found.cells
    assert sorted(judged) == sorted(CELLS)  # each of them once, over both
    assert path.read_bytes().startswith(before)
    assert path.read_bytes().count(b"\n") == len(CELLS)


def test_a_cell_that_raises_costs_no_other_and_is_tried_again(tmp_path):
    def fails(cell):
        if cell == CELLS[2]:
            raise MemoryError("too large")
        return right(cell)

    path, told = tmp_path / "sweep.jsonl", []
    with ThreadPoolExecutor(2) as pool:
        found = sweep(CELLS, pool, path=path, judge=fails, judged=told.append)
        assert found.troubles == {CELLS[2]: "MemoryError: too large"}
        assert found.verdict is Verdict.INCONCLUSIVE
        assert told == list(range(len(CELLS)))
        again = sweep(CELLS, pool, path=path, judge=right)
    assert again.resumed == len(CELLS) - 1
    assert again.verdict is Verdict.PASS


def test_an_executor_that_breaks_while_cells_are_submitted_loses_no_result():
    class Breaking(Executor):
        def __init__(self):
            self.pool, self.left = ThreadPoolExecutor(1), 3

        def submit(self, fn, /, *args, **kwargs):
            self.left -= 1
            if self.left < 0:
                raise BrokenProcessPool("gone")
            return self.pool.submit(fn, *args, **kwargs)

    found = sweep(CELLS, Breaking(), judge=right)
    assert list(found.results) == CELLS[:3]
    assert set(found.troubles.values()) == {"BrokenProcessPool: gone"}


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [("", "INCONCLUSIVE"), ("PASS PASS", "PASS"), ("PASS INCONCLUSIVE", "INCONCLUSIVE"), ("INCONCLUSIVE FAIL", "FAIL")],
)
def test_a_sweep_is_as_right_as_its_worst_cell_and_undecided_without_cells(verdicts, worst):
    results = {cell: Result(cell, (row(v),), 0.0) for cell, v in zip(CELLS, verdicts.split(), strict=False)}
    assert Sweep(tuple(results), results).verdict is Verdict(worst)


# The file -------------------------------------------------------------------------------------------------


def test_a_file_cut_off_anywhere_loses_at_most_its_last_line(tmp_path):
    path = tmp_path / "sweep.jsonl"
    file = SweepFile(path)
    for cell in CELLS[:2]:
        file.add(right(cell))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in sorted({*range(0, len(whole), 20), first - 1, first, first + 1, len(whole) - 1, len(whole)}):
        path.write_bytes(whole[:length])
        file = SweepFile(path)
        lines = 0 if length < first else 1 if length < len(whole) else 2
        assert list(file.results) == CELLS[:lines]
        for cell in CELLS[:2]:
            file.add(right(cell))
        assert path.read_bytes() == whole


def test_what_a_file_held_comes_back_as_it_was(tmp_path):
    result = Result(CELLS[0], (row(high="inf"), row("FAIL", remark="− × é")), 0.25)
    SweepFile(tmp_path / "s.jsonl").add(result)
    assert SweepFile(tmp_path / "s.jsonl").results == {CELLS[0]: result}
    [line] = (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["verdict"] == "FAIL"
    assert json.loads(line)["resolution"] == "inf"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace(made_by(), "gradcheck 0"), "was made by gradcheck 0, and this is gradcheck"),
        (
            lambda text: text.replace('"seed"', '"sed"'),
            "line 1 of .* is no result of a sweep .Object missing required field `seed`",
        ),
        (lambda text: text + "[]\n", "line 2 of"),
        (lambda _: "# Notes\n", "line 1 of"),
    ],
    ids=["other code", "a missing key", "no object", "no JSON"],
)
def test_results_of_other_code_and_files_of_others_are_refused_and_left_alone(tmp_path, change, said):
    path = tmp_path / "s.jsonl"
    SweepFile(path).add(right(CELLS[0]))
    path.write_text(text := change(path.read_text()))
    with pytest.raises(ArgumentError, match=said):
        SweepFile(path)
    assert path.read_text() == text


def changed(where, value):
    """Return what puts a value into a line's data."""

    def change(text):
        data = json.loads(text)
        *outer, last = where
        at = data
        for key in outer:
            at = at[key]
        at[last] = value
        return json.dumps(data) + "\n"

    return change


HOSTILE = {
    "no rows": (["rows"], []),
    "rows of numbers": (["rows"], [1]),
    "rows in words": (["rows"], "PASS"),
    "a verdict of its own": (["verdict"], "FAIL"),
    "no verdict": (["rows", 0, "verdict"], "RIGHT"),
    "a verdict in a list": (["rows", 0, "verdict"], ["PASS"]),
    "no interval": (["rows", 0, "error"], 1e-8),
    "a bound in words": (["rows", 0, "error", "high"], "small"),
    "three sizes": (["shape"], [1, 2, 3]),
    "a size in words": (["shape"], ["n", 1, 1, 1]),
    "a negative size": (["shape"], [-1, 1, 1, 1]),
    "a seed of one half": (["seed"], 0.5),
    "seconds in words": (["seconds"], "long"),
    "another backend": (["backend"], "jax"),
    "a device of lists": (["device"], [[]]),
    "a maker of numbers": (["made_by"], 3),
}


@pytest.mark.parametrize(("where", "value"), HOSTILE.values(), ids=HOSTILE)
def test_a_line_with_other_types_or_without_rows_is_told_before_any_cell_is_judged(tmp_path, where, value):
    path = tmp_path / "s.jsonl"
    SweepFile(path).add(right(CELLS[0]))
    path.write_text(text := changed(where, value)(path.read_text()))
    result = run(tmp_path / "s.html")
    assert result.exit_code == 2
    assert re.fullmatch(r"gradcheck: line 1 of .* is no result of a sweep \(.*\): delete the file.*\n", result.stderr)
    assert path.read_text() == text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fifos")
def test_a_fifo_in_the_file_s_place_is_refused(tmp_path):
    os.mkfifo(tmp_path / "s.jsonl")
    result = run(tmp_path / "s.html")
    assert result.exit_code == 2
    assert "is no file that results could be kept in" in result.stderr


# The page -------------------------------------------------------------------------------------------------


class Text(HTMLParser):
    """What a page shows, row by row, and what it would fetch."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.fetched, self.text, self.in_row = [], [], "", False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows, self.in_row = [*self.rows, []], True
        self.fetched += [value for key, value in attrs if key in {"src", "href"} and not value.startswith("data:,")]

    def handle_endtag(self, tag):
        self.in_row = self.in_row and tag != "tr"

    def handle_data(self, data):
        self.text += data
        if data.strip() and self.in_row:
            self.rows[-1].append(data.strip())


def test_every_cell_of_the_page_is_a_verdict_and_a_resolution_and_nothing_is_fetched():
    results = {cell: Result(cell, (row(high=(i + 1) * 1e-9),), 0.0) for i, cell in enumerate(CELLS)}
    html = page(Sweep(tuple(CELLS), results))
    shown = Text(html)
    assert "8 of 8 cells right to 8.0e-09 or better" in shown.text
    assert shown.rows[1:7] == [
        ["2 × 3 × 4 × 1"],
        ["0", "✓", "PASS", "1.0e-09", "✓", "PASS", "3.0e-09"],
        ["1", "✓", "PASS", "2.0e-09", "✓", "PASS", "4.0e-09"],
        ["1 × 1 × 1 × 1"],
        ["0", "✓", "PASS", "5.0e-09", "✓", "PASS", "7.0e-09"],
        ["1", "✓", "PASS", "6.0e-09", "✓", "PASS", "8.0e-09"],
    ]
    assert shown.fetched == []
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html


def test_the_page_says_what_is_no_pass_and_what_was_not_judged():
    results = {cell: right(cell) for cell in CELLS[:-1]}
    results[CELLS[1]] = replace(results[CELLS[1]], rows=(row("FAIL", 2.0, remark="a factor 2 <everywhere>"),))
    html = page(Sweep(tuple(CELLS), results, {CELLS[-1]: "MemoryError: too <large>"}))
    shown = Text(html)
    assert "FAIL 6 of 8 cells right" in " ".join(shown.text.split())
    assert "a factor 2 <everywhere>" in shown.text
    assert CELLS[1].command in shown.text
    assert "MemoryError: too <large>" in shown.text
    assert shown.rows[3][:4] == ["1", "✗", "FAIL", "2.0e+00"]
    assert shown.rows[6][4:5] == ["not judged"]


def test_the_page_claims_no_oracle_that_was_not_there():
    text = " ".join(Text(page(Sweep(tuple(CELLS), {cell: right(cell) for cell in CELLS}))).text.split())
    assert "PyTorch was not installed: nothing was held against torch.autograd." in text
    both = (row(), row(oracle="torch.autograd"))
    text = " ".join(Text(page(Sweep(tuple(CELLS), {cell: Result(cell, both, 0.5) for cell in CELLS}))).text.split())
    assert "held against finite differences and torch.autograd, on normal data." in text
    results = {cell: Result(cell, (row(), {**row(), "point": "ReLU boundary"}), 0.5) for cell in CELLS}
    text = " ".join(Text(page(Sweep(tuple(CELLS), results))).text.split())
    assert "on normal data and at the ReLU boundary, where some hidden units are exactly 0." in text


# The command ----------------------------------------------------------------------------------------------


GRID = ["--backend=numpy", "--shape=2,3,4,1", "--shape=1,1,1,1", "--dtype=float64", "--seed=0", "--seed=1"]


def run(path, *options):
    return CliRunner().invoke(main, ["verify", "--sweep", str(path), *(options or GRID)])


@pytest.fixture
def in_threads(monkeypatch):
    """Let the command judge in this process, where a test can put wrong code in place."""

    @contextmanager
    def threads(jobs, dask):
        assert dask is None
        with ThreadPoolExecutor(jobs) as pool:
            yield pool, str

    monkeypatch.setattr(verify_sweep, "_executor", threads)


@pytest.mark.usefixtures("in_threads")
def test_a_right_grid_exits_with_0_and_writes_the_page(tmp_path):
    result = run(tmp_path / "s.html")
    assert result.exit_code == 0, result.output
    assert "PASS  4 of 4 cells right to" in result.stdout
    assert "4 of 4 cells right" in (tmp_path / "s.html").read_text(encoding="utf-8")
    again = run(tmp_path / "s.html")
    assert again.exit_code == 0
    assert "4 of them judged before" in again.stdout


@pytest.mark.usefixtures("in_threads")
def test_a_smaller_grid_adds_to_the_page_of_a_bigger_one(tmp_path):
    assert run(tmp_path / "s.html").exit_code == 0
    result = run(tmp_path / "s.html", "--backend=numpy", "--shape=1,1,1,1", "--dtype=float64", "--seed=1", "--seed=2")
    assert result.exit_code == 0
    assert "PASS  5 of 5 cells right to" in result.stdout
    assert "4 of them judged before (3 for other grids)" in result.stdout
    assert "5 of 5 cells right" in (tmp_path / "s.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("in_threads")
def test_a_wrong_gradient_exits_with_1_and_names_the_cell_s_command(tmp_path, monkeypatch):
    gradients = numpy_core.gradients
    monkeypatch.setattr(numpy_core, "gradients", lambda *args: (g := gradients(*args))._replace(y=-g.y))
    result = run(tmp_path / "s.html")
    assert result.exit_code == 1
    assert "FAIL gradcheck verify --backend numpy --shape 2,3,4,1 --dtype float64 --seed 1" in result.stdout
    assert "FAIL  0 of 4 cells right" in result.stdout


@pytest.mark.usefixtures("in_threads")
def test_a_cell_that_was_not_judged_exits_with_3(tmp_path):
    pytest.importorskip("torch")
    result = run(tmp_path / "s.html", "--backend", "torch", "--shape", "1,1,1,1", "--device", "nowhere")
    assert result.exit_code == 3
    assert "6 cells not judged: ArgumentError: device 'nowhere' is unknown to Torch" in result.stdout


@pytest.mark.usefixtures("in_threads")
@pytest.mark.parametrize(
    ("taken", "said"), [("s.html", "is a directory"), ("s.jsonl", "is no file that results could be kept in")]
)
def test_a_place_that_cannot_be_written_is_refused_before_any_cell_is_judged(tmp_path, taken, said):
    (tmp_path / taken).mkdir()
    result = run(tmp_path / "s.html", "--backend", "numpy", "--shape", "1,1,1,1")
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--sweep s.txt", "wanted the page to write, such as sweep.html"),
        ("--sweep none/s.html", "there is no directory 'none'"),
        ("--sweep s.html --exact", "No such option"),
        ("--sweep s.html --json s.json", "--json is an option of"),
        ("--sweep s.html --rtol 1e-3", "--rtol is an option of `gradcheck verify functions`"),
        ("--sweep s.html --jobs 2 --dask tcp://h:1", "leave one of them out"),
        ("mine:loss --sweep s.html", "Got unexpected extra argument (mine:loss)"),
        ("--jobs 2", "--jobs is an option of `gradcheck verify sweep`"),
        ("--seed 1 --seed 2", "--seed was given 2 times, wanted it once"),
        ("--shape 1,1,1,1 --shape 2,2,2,2", "--shape was given 2 times"),
    ],
)
def test_what_does_not_go_together_exits_with_2(tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["verify", *options.split()])
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.usefixtures("in_threads")
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["kill", "^C"]
)
def test_a_command_that_is_stopped_in_the_middle_goes_on_where_it_was(tmp_path, sent, code):
    many = [*GRID, *(f"--seed={seed}" for seed in range(2, 400))]
    path = tmp_path / "s.jsonl"
    command = [sys.executable, "-m", "gradcheck", "verify", "--sweep", str(tmp_path / "s.html"), "--jobs", "1", *many]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_for(lambda: path.exists() and path.read_bytes().count(b"\n") > 2)
        os.killpg(process.pid, sent) if sent == signal.SIGINT else process.send_signal(sent)
        complaint = process.stderr.read()  # ends when the workers, who hold it as well, have ended
    assert process.returncode == code, complaint
    assert sent != signal.SIGINT or f"The results so far are in {path}" in complaint
    kept = path.read_bytes().rpartition(b"\n")[0].splitlines()

    result = run(tmp_path / "s.html")
    assert result.exit_code == 0, result.output
    lines = path.read_bytes().splitlines()
    assert lines[: len(kept)] == kept
    cells = [tuple(map(str, (each["shape"], each["seed"]))) for each in map(json.loads, lines)]
    assert len(set(cells)) == len(cells) < 800
    assert {(str(list(shape)), str(seed)) for shape in (SMALL, (1, 1, 1, 1)) for seed in (0, 1)} <= set(cells)


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_two_jobs_find_what_one_thread_finds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gradcheck", "verify", "--sweep", str(tmp_path / "s.html"), "--jobs", "2", *GRID],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no bar where nobody looks
    found = SweepFile(Path(tmp_path / "s.jsonl")).results
    assert set(found) == set(grid(shapes=[SMALL, (1, 1, 1, 1)], dtypes=["float64"], seeds=[0, 1], backends=["numpy"]))
    assert {cell: result.rows for cell, result in found.items()} == {cell: judge(cell).rows for cell in found}


@pytest.mark.parametrize("text", ["a user's notes", '{"mine": 1}', "[1, 2]", '{"backend": "numpy"}\n{"mine": 1}'])
def test_a_file_that_is_no_sweeps_is_refused_and_stays_as_it_was(tmp_path, text):
    path = tmp_path / "page.html.jsonl"
    path.write_text(text)
    with pytest.raises(ArgumentError, match="is no result of a sweep"):
        SweepFile(path)
    assert path.read_text() == text


def test_a_line_written_in_part_is_cut_off_when_the_next_is_written(tmp_path):
    path = tmp_path / "page.html.jsonl"
    SweepFile(path).add(right(CELLS[0]))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    found = SweepFile(path)
    assert path.read_bytes() == whole + whole[:40]  # reading writes nothing
    assert list(found.results) == [CELLS[0]]
    found.add(right(CELLS[1]))
    assert path.read_bytes().startswith(whole)
    assert list(SweepFile(path).results) == CELLS[:2]
