"""Files that others made, or that broke: a sentence with exit code 2 before anything is computed, never a traceback."""

# ruff: noqa: S311  draws for tests, no secrets

import io
import json
import random

import fuzz_commands
import fuzz_files
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcheck.bench.results import CheckCost, Results, TimedCase, Timing
from gradcheck.bench.saved import as_json, from_json
from gradcheck.cli import main
from gradcheck.cli.point import load
from gradcheck.errors import ArgumentError
from gradcheck.strategies.signature import parse
from gradcheck.sweeps.file import SweepFile
from gradcheck.two_layer_relu.cells import Cell, Result
from gradcheck.two_layer_relu.problem import Shape

IN_A_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.sampled_from(["PASS", "inf", "[red]", 10**400, -1, 0]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)


def row():
    error = {"low": 0.0, "high": 1e-8, "relative": True, "confidence": 0.9999}
    return {
        "backend": "numpy", "point": "normal data", "argument": "w1", "shape": [3, 4], "oracle": "finite differences",
        "verdict": "PASS", "error": error, "allowed": 1e-5, "kink": "", "remark": "",
    }  # fmt: skip


def a_run():
    case = TimedCase("tiny", Shape(4, 8, 8, 2), "float64", "numpy")
    timings = [Timing(case, name, (1e-5, 2e-5), 3) for name in ("floor", "textbook")]
    cost = CheckCost("gradcheck", 100, 20, 1, (0.1, 0.2), None, 800, "PASS")
    return as_json(Results({"cores": 1}, timings, [("torch", "not installed")], [cost], [{"dtype": "float32"}]))


def places(data, at=()):
    """Every path into nested data."""
    yield at
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, part in items:
        yield from places(part, (*at, key))


def with_(data, path, value):
    """Return a copy of the data with another value at a path."""
    if not path:
        return value
    copy = json.loads(json.dumps(data))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copy


RUN = a_run()


@given(st.sampled_from(list(places(RUN))), ANYTHING)
def test_the_json_of_a_bench_with_anything_anywhere_is_read_or_refused(path, value):
    try:
        found = from_json(with_(RUN, path, value), "'x.json'")
    except ArgumentError as error:
        assert str(error).startswith("'x.json' is no result of `gradcheck bench`")  # noqa: PT017  or it is read
        return
    for case in found.cases():
        assert str(case).isprintable()
        assert found.ratio(case, "textbook") is None or found.ratio(case, "textbook").median > 0


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "s.jsonl"
    SweepFile(path).add(Result(Cell("numpy", Shape(2, 3, 4, 1), "float64", "cpu", 0), (row(),), 0.5))
    return json.loads(path.read_text())


@IN_A_FOLDER
@given(st.data(), ANYTHING)
def test_a_line_of_a_sweep_with_anything_anywhere_is_read_or_refused_and_never_a_pass_without_rows(
    line, tmp_path, data, value
):
    path = tmp_path / "s.jsonl"
    changed = with_(line, data.draw(st.sampled_from(list(places(line)))), value)
    path.write_text(json.dumps(changed) + "\n", encoding="utf-8")
    try:
        found = SweepFile(path).results
    except ArgumentError:
        return
    for result in found.values():
        assert result.rows
        assert str(result.verdict) == changed["verdict"]
        assert result.resolution >= 0


@pytest.fixture(scope="module")
def point():
    file = io.BytesIO()
    np.savez(file, x=np.arange(6.0).reshape(2, 3), w=np.ones(3, np.float32))
    return file.getvalue()


@IN_A_FOLDER
@given(st.data())
def test_a_point_with_bytes_changed_or_cut_off_is_read_or_refused(point, tmp_path, data):
    broken = bytearray(point[: data.draw(st.integers(0, len(point)))])
    if broken:
        for at, byte in data.draw(
            st.lists(st.tuples(st.integers(0, len(broken) - 1), st.integers(0, 255)), max_size=4)
        ):
            broken[at] = byte
    path = tmp_path / data.draw(st.sampled_from(["p.npz", "p.npy"]))
    path.write_bytes(bytes(broken))
    try:
        load(path)
    except ArgumentError as error:
        assert str(path) in str(error)  # noqa: PT017  or it is read


@given(st.text(alphabet="(),->?nd3²٣é_ 0", max_size=30))
def test_a_signature_is_read_and_written_alike_or_refused(text):
    try:
        read = parse(text)
    except ArgumentError:
        return
    assert parse(str(read)) == read
    assert read.entries(2) >= 0
    sizes = {name.rstrip("?"): 2 for shape in read.inputs for name in shape}
    assert all(isinstance(size, int) for i in range(len(read.inputs)) for size in read.shape(i, sizes))


WORDS = st.sampled_from(
    [
        "verify", "check", "train", "functions", "file", "networks", "exact", "sweep", "--signature", "(n)", "(n",
        "--seed", "-1", "0", "--shape", "1,1,1,1", "9,9,9", "--exact", "--sweep", "s.txt", "nomodule:f", "none.py",
        "--point", "none.npz", "--", "", "--json", "nowhere/x.json", "--rtol", "nan", "[red]", "--range", "--jobs",
        "--device", "--dtype", "float16", "²", "--max-side", "1" * 30, "--positive", "--boundary",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(WORDS, max_size=6).filter(lambda words: "train" not in words[:1]))
def test_a_command_line_of_words_in_any_order_ends_with_a_sentence_or_a_verdict(words):
    result = CliRunner().invoke(main, [*words, "--shape=1,1,1"])  # so that nothing long begins
    assert result.exit_code in {0, 2}, (words, result.output)
    assert "Traceback" not in result.output
    assert result.exit_code != 0 or "--help" in words or "PASS" in result.stdout


@settings(deadline=None)
@given(st.integers(0, 2**48))
def test_a_file_with_anything_in_it_is_read_or_refused_in_a_sentence(seed):
    file = fuzz_files.drawn(random.Random(seed))
    assert fuzz_files.breach(file) is None, fuzz_files.words_of(file)


@pytest.mark.parametrize("number", range(30))  # not under @given, which the commands run themselves
def test_a_command_line_with_anything_in_it_ends_with_a_code_and_loses_no_file(number):
    line = fuzz_commands.drawn(random.Random(number))
    assert fuzz_commands.breach(line) is None, fuzz_commands.words_of(line)
