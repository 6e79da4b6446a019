"""Reports of a run: JSON that pytest-benchmark reads and we read back, Markdown, one page, two runs compared."""

import json
import re
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gradcheck.bench import files
from gradcheck.bench.compare import changes, fraction
from gradcheck.bench.markdown import as_markdown, size_text, time_text
from gradcheck.bench.results import ArgumentsCost, CheckCost, Results, TimedCase, Timing, quartiles
from gradcheck.bench.saved import as_json, from_json, load
from gradcheck.bench.sizes import SHAPES
from gradcheck.errors import ArgumentError
from gradcheck.two_layer_relu.problem import Shape, draw

CASE = TimedCase("seed", SHAPES["seed"], "float64", "numpy")
TORCH = TimedCase("tiny", SHAPES["tiny"], "float32", "torch")
COMMAND = "gradcheck bench --shapes seed,tiny"


def made_up(slower=1.0, machine=1.0):
    """Results on a machine that takes `machine` times as long, whose fast step takes `slower` times as long."""
    floor = [1e-3 * machine, 1.1e-3 * machine, 1.2e-3 * machine]
    fast = [1.1 * slower * s for s in floor]
    return Results(
        environment={
            "cpu": "a | b",
            "cores": 2,
            "versions": {"numpy": "2.0"},
            "blas": ["one", "two"],
            "peak": {
                "float64-numpy": {"gflops": 50.0, "bytes_per_second": 2e10},
                "float32-torch": {"gflops": 100.0, "bytes_per_second": 2e10},
            },
        },
        timings=[
            Timing(CASE, "floor", tuple(floor), 2),
            Timing(CASE, "fast", tuple(fast), 2),
            Timing(TORCH, "floor", (1e-6, 1e-6), 1000),
            Timing(TORCH, "fast", (2e-6, 2e-6), 1000),
            Timing(TORCH, "autograd", (1e-5, 1e-5), 1000),
        ],
        skipped=[("tiny-float32-torch graph", "a CUDA graph needs a CUDA device"), ("torch slow", "no <memory>")],
        checks=[
            CheckCost("gradcheck", 80, 42, 6, (0.005, 0.007, 0.006), 100_000, 640, "PASS"),
            CheckCost("gradcheck", 10**6, 60, 6, (0.5,), 40 * 2**20, 8 * 2**20, "PASS"),
            CheckCost("torch fast", 10**6, 6, 4, (0.1,), None, 8 * 2**20, "True"),
        ],
        arguments=[
            ArgumentsCost("64 arguments", 33, (0.02, 0.01, 0.03), (), "PASS"),
            ArgumentsCost("an encoder", 1049, (1.0, 3.0, 4.0), (2.0, 2.0, 2.0), "FAIL: arg70"),
        ],
        precision=[{"dtype": "bfloat16", "argument": "w1", "low": 1e-3, "high": 1e-2, "verdict": "FAIL"}],
    )


# What was measured ----------------------------------------------------------------------------------------


def test_a_ratio_is_the_median_of_ratios_within_rounds_and_not_the_ratio_of_medians():
    timings = [Timing(CASE, "floor", (1.0, 2.0, 4.0), 1), Timing(CASE, "fast", (3.0, 2.0, 8.0), 1)]
    assert Results({}, timings).ratio(CASE, "fast").median == 2.0  # of 3, 1, 2; the medians' ratio is 1.5


def test_there_is_no_ratio_to_what_did_not_run():
    assert made_up().ratio(CASE, "textbook") is None
    assert made_up().ratio(CASE, "fast", to="autograd") is None


def test_the_spread_is_the_median_and_the_quartiles():
    assert quartiles([5.0, 1.0, 3.0, 2.0, 4.0]) == quartiles([1.0, 2.0, 3.0, 4.0, 5.0])
    assert str(quartiles([1.0, 2.0, 3.0, 4.0, 5.0])) == "3.00 [2.00-4.00]"
    assert str(quartiles([1.5])) == "1.50 [1.50-1.50]"


def test_speed_counts_the_operations_of_the_five_products():
    # 4·64·1000·100 + 6·64·100·10 = 25,984,000 operations in the median of 1.1 ms.
    assert Timing(CASE, "floor", (1e-3, 1.1e-3, 9e-3), 1).gflops == pytest.approx(25.984e-3 / 1.1e-3)


# JSON -----------------------------------------------------------------------------------------------------


def test_what_is_saved_is_what_is_loaded(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(as_json(made_up())))
    assert load(path) == made_up()


def test_a_file_of_before_there_were_checks_of_many_arguments_is_read():
    data = as_json(made_up())
    del data["machine_info"]["gradcheck"]["arguments"]
    assert from_json(data, "old").arguments == []


@pytest.mark.parametrize("field", ["seconds", "torch_fast"])
def test_a_time_that_is_none_is_refused(field):
    data = as_json(made_up())
    data["machine_info"]["gradcheck"]["arguments"][0][field] = [-1.0]
    with pytest.raises(ArgumentError, match=r"no result of `gradcheck bench`"):
        from_json(data, "a file")


def test_pytest_benchmark_compares_what_is_saved(tmp_path):
    for name, slower in (("old", 1.0), ("new", 1.5)):
        (tmp_path / name).mkdir()
        files.write(made_up(slower), tmp_path / name, COMMAND)
    command = [sys.executable, "-m", "pytest_benchmark", "--storage", str(tmp_path), "compare", "--sort=name"]
    command += ["--columns=median,rounds,iterations", "--group-by=group", "old/bench.json", "new/bench.json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    text = done.stdout + done.stderr
    assert "seed-float64-numpy" in text
    assert re.search(r"step\[seed-float64-numpy-fast\].* 1\.21", text)  # 1.1 · 1.1 ms
    assert re.search(r"step\[seed-float64-numpy-fast\].* 1\.81", text)  # and 1.5 times that
    assert "check[80-gradcheck]" in text


def test_every_statistic_of_pytest_benchmark_is_there_and_is_computed_as_it_does():
    from pytest_benchmark.stats import Stats  # noqa: PLC0415

    samples = (1.0, 2.0, 3.0, 4.0, 20.0)  # the last is an outlier
    ours = as_json(Results({}, [Timing(CASE, "floor", samples, 7)]))["benchmarks"][0]["stats"]
    theirs = Stats()
    for seconds in samples:
        theirs.update(seconds)
    assert ours.pop("data") == list(samples)
    assert ours.pop("iterations") == 7
    quartiles = {"q1": 2.0, "q3": 4.0, "iqr": 2.0, "ld15iqr": 1.0, "hd15iqr": 4.0, "iqr_outliers": 1, "outliers": "1;1"}
    assert {name: ours.pop(name) for name in quartiles} == quartiles  # pytest-benchmark has another rule of quartiles
    assert ours == pytest.approx({name: getattr(theirs, name) for name in ours})


def broken(change):
    data = as_json(made_up())
    change(data)
    return data


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"machine_info": {"cpu": {}}, "benchmarks": []},  # pytest-benchmark's own
        broken(lambda d: d["benchmarks"][0]["stats"].update(data=[])),
        broken(lambda d: d["benchmarks"][0]["stats"].update(data=[0.0])),
        broken(lambda d: d["benchmarks"][0]["stats"].update(data=["fast"])),
        broken(lambda d: d["benchmarks"][0]["extra_info"].pop("case")),
        broken(lambda d: d["benchmarks"][-1]["extra_info"].update(colour="red")),
    ],
    ids=str(["list", "empty", "not ours", "no samples", "no time", "word", "no case", "unknown field"]).split(", "),
)
def test_what_is_no_result_is_refused_in_one_sentence(data):
    with pytest.raises(ArgumentError, match=r"\A'x.json' is no result of `gradcheck bench`.*: pass a bench.json\.\Z"):
        from_json(data, "'x.json'")


def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(ArgumentError, match=r"cannot be read \(No such file or directory\): pass a bench.json"):
        load(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("no JSON")
    with pytest.raises(ArgumentError, match=r"text.json' is not JSON .*: pass a bench.json"):
        load(tmp_path / "text.json")


# Text and page --------------------------------------------------------------------------------------------


def rows_of(text, heading):
    """The cells of the table under a heading."""
    table = text.split(f"## {heading}\n")[1].split("## ")[0].strip().splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table if line.startswith("|")]


def test_markdown_has_ratios_with_their_quartiles_costs_environment_and_what_was_left_out():
    text = as_markdown(made_up(), COMMAND)
    assert f"`{COMMAND}`" in text
    assert rows_of(text, "Step ÷ floor, numpy") == [
        ["shape", "dtype", "floor", "GFLOP/s", "fast"],
        ["---"] * 5,
        ["seed", "float64", "1.1 ms", "23.6", "1.10 [1.10-1.10]"],
    ]
    header, _, row = rows_of(text, "Step ÷ floor, torch")
    assert dict(zip(header, row, strict=True))["autograd ÷ fast"] == "5.00 [5.00-5.00]"
    _, _, small, large, unknown = rows_of(text, "The cost of a check")
    assert small == ["80", "gradcheck", "42", "6", "6 ms", "97.7 KiB", "-", "PASS"]
    assert large == ["1,000,000", "gradcheck", "60", "6", "500 ms", "40 MiB", "5.0", "PASS"]
    assert unknown[5:7] == ["unknown", "-"]
    assert ["bfloat16", "w1", "1.0e-03 to 1.0e-02", "FAIL"] in rows_of(text, "The gradient in lower precision")
    assert rows_of(text, "Many arguments")[-2:] == [
        ["64 arguments", "33", "20 ms", "-", "PASS"],
        ["an encoder", "1,049", "3 s", "1.5", "FAIL: arg70"],
    ]
    environment = rows_of(text, "Environment")
    assert ["cpu", r"a \| b"] in environment
    assert ["blas", "one; two"] in environment
    assert ["peak float64-numpy", "50 GFLOP/s, 20.0 GB/s read"] in environment
    assert "- tiny-float32-torch graph: a CUDA graph needs a CUDA device" in text


def test_a_report_without_timings_is_a_report():
    text = as_markdown(Results({"peak": {}}, skipped=[("torch on cuda", "there is none")]), COMMAND)
    assert "- torch on cuda: there is none" in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (0.0015, "1.5 ms"), (1.234e-5, "12.3 µs"), (9e-9, "9 ns")], ids=str
)
def test_times_have_three_digits_and_a_unit(seconds, text):
    assert time_text(seconds) == text


def test_sizes_have_three_digits_and_a_unit():
    assert [size_text(n) for n in (10, 2048, 3.5 * 2**20, 2**30)] == ["10 B", "2 KiB", "3.5 MiB", "1 GiB"]


def written(results, directory):
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    paths = files.write(results, directory, COMMAND)
    return {path.suffix: path for path in paths}


def test_a_run_is_written_as_data_text_and_page(tmp_path):
    paths = written(made_up(), tmp_path / "new" / "folder")
    assert set(paths) == {".json", ".md", ".html"}
    assert load(paths[".json"]) == made_up()
    assert paths[".md"].read_text(encoding="utf-8") == as_markdown(made_up(), COMMAND)


def test_the_page_is_written_only_where_pictures_can_be_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    assert [path.name for path in files.write(made_up(), tmp_path, COMMAND)] == ["bench.json", "bench.md"]


def test_the_page_says_what_is_drawn_to_those_who_cannot_see_it_and_escapes_what_it_quotes(tmp_path):
    html = written(made_up(), tmp_path)[".html"].read_text(encoding="utf-8")
    assert "Time of a step over its floor, numpy. seed float64: fast 1.10 [1.10-1.10]" in html
    assert "Roofline, float64-numpy: at most 50 GFLOP/s and 20.0 GB/s." in html
    assert "no &lt;memory&gt;" in html
    assert "<memory>" not in html
    assert COMMAND in html


@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_opens_without_a_complaint_or_a_request_and_is_not_wider_than_the_window(browser, tmp_path, width):
    opened = browser.open(written(made_up(), tmp_path)[".html"].as_uri(), width=width)
    assert opened.complaints == []
    assert opened.requests == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.evaluate("document.querySelectorAll('svg').length") == 4  # a picture a library, a roofline a dtype


def test_a_page_without_timings_opens(tmp_path):
    results = Results({"peak": {}}, skipped=[("torch on cuda", "there is none")])
    assert "torch on cuda: there is none" in written(results, tmp_path)[".html"].read_text(encoding="utf-8")


# Two runs -------------------------------------------------------------------------------------------------


def change_of(old, new, variant="fast"):
    (found,) = [c for c in changes(old, new) if (c.case, c.variant) == (str(CASE), variant)]
    return found


def test_a_slower_machine_is_no_slower_code():
    found = change_of(made_up(), made_up(machine=3.0))
    assert found.slowdown == pytest.approx(0)
    assert not found.slower_than(0.01)


def test_a_slower_step_is_slower_code_on_whatever_machine():
    found = change_of(made_up(), made_up(slower=1.2, machine=0.5))
    assert found.slowdown == pytest.approx(0.2)
    assert found.slower_than(0.1)
    assert not found.slower_than(0.3)
    assert found.verdict(0.1) == "SLOWER"


def test_a_quicker_step_is_not_slower():
    assert not change_of(made_up(slower=1.2), made_up()).slower_than(0.0)


def test_what_overlaps_within_the_quartiles_is_said_to_be_noise():
    def noisy(*ratios):
        return Results({}, [Timing(CASE, "floor", (1.0,) * 4, 1), Timing(CASE, "fast", ratios, 1)])

    found = change_of(noisy(1.0, 1.1, 1.9, 2.0), noisy(1.5, 1.8, 2.0, 2.1))
    assert found.slowdown > 0.2
    assert not found.slower_than(0.1)
    assert found.verdict(0.1) == "within the spread"


def test_what_users_would_write_otherwise_is_shown_and_not_judged():
    def with_autograd(seconds):
        results = made_up()
        return replace(results, timings=[*results.timings[:4], Timing(TORCH, "autograd", (seconds,) * 2, 1)])

    (found,) = [c for c in changes(with_autograd(1e-5), with_autograd(9e-5)) if c.variant == "autograd"]
    assert found.slowdown == pytest.approx(8)
    assert not found.slower_than(0.1)
    assert found.verdict(0.1) == "not judged"


def test_runs_with_nothing_in_common_are_refused():
    other = Results({}, [Timing(TORCH, "floor", (1.0,), 1)])
    with pytest.raises(ArgumentError, match="no variant in common: run both with the same --shapes and --dtypes"):
        changes(other, Results({}, [Timing(CASE, "floor", (1.0,), 1)]))


@pytest.mark.parametrize(("text", "share"), [("10%", 0.1), (" 2.5 % ", 0.025), ("0.1", 0.1), (".5", 0.5), ("0", 0.0)])
def test_a_share_is_per_cent_or_a_number(text, share):
    assert fraction(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "ten", "-10%", "10%%", "nan", "1e3"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ArgumentError, match=f"got {re.escape(repr(text))}, wanted a share such as 10% or 0.1"):
        fraction(text)


# The recorded run -----------------------------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"


def test_the_ratios_in_the_documentation_are_those_of_the_recorded_run():
    recorded = load(DOCS / "benchmarks" / "bench.json")
    medians = {
        (case.library, case.dtype, variant, case.shape): f"{recorded.ratio(case, variant).median:.2f}"
        for case in recorded.cases()
        for variant in recorded.of(case)
    }
    header, _, *rows = rows_of((DOCS / "benchmarks.md").read_text(encoding="utf-8"), "A step divided by its floor")
    assert len(rows) == 12
    for library, dtype, variant, *cells in rows:
        for shape, cell in zip(header[3:], cells, strict=True):
            assert cell.strip("*") == medians[library.lower(), dtype, variant, shape]


def test_the_cost_of_a_check_in_the_documentation_is_that_of_the_recorded_run():
    recorded = [
        [c for n, c in enumerate(row) if n not in (3, 7)] for row in cost_rows(DOCS / "benchmarks" / "bench.md")
    ]
    assert len(recorded) == 16
    assert cost_rows(DOCS / "benchmarks.md") == recorded


def cost_rows(page):
    return rows_of(page.read_text(encoding="utf-8"), "The cost of a check")[2:]


def test_the_parts_of_a_step_are_lines_that_it_has():
    parts = runpy.run_path(str(DOCS / "benchmarks" / "parts.py"))
    for shape, blocks in ((Shape(5, 3, 4, 2), 1), (Shape(4096, 64, 64, 8), 8)):
        groups, count = parts["lines"](draw(shape, 0))
        assert list(groups) == ["products", "mask", "residual", "update"]
        assert count == blocks
        for named in groups.values():
            for line in named.values():
                line()
