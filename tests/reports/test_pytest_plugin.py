"""The pytest plugin from outside: pytest is run on files written here, and what it prints and writes is read."""

import json
import os
import re
from importlib.metadata import version

import hypothesis  # noqa: F401  like gradcheck: a run within this process unloads what it was the first to load
import jsonschema
import numpy as np
import numpy.fft
import pytest

import gradcheck
from gradcheck.reports.data import schema

# A run within this process unloads what it was the first to load, and extensions of NumPy are not loaded twice: a check
# of every kind of outcome loads what gradcheck imports only when it is needed.
for claim in (np.ones_like, np.zeros_like):
    gradcheck.check(np.sum, claim, (np.ones(3),)).to_json()

FUNCTIONS = """
import numpy as np
import pytest

W = np.array([0.5, -1.5, 2.0])

def loss(w):
    return np.sum(np.sin(w))

def right(w):
    return np.cos(w)

def wrong(w):
    return -np.cos(w)
"""
SCHEMA = schema()


@pytest.fixture
def run(pytester):
    """Write a test file below FUNCTIONS and run pytest on it, within this process."""

    def write_and_run(code, *options):
        pytester.makepyfile(FUNCTIONS + code)
        return pytester.runpytest_inprocess("-p", "no:benchmark", "-p", "no:cacheprovider", *options)

    return write_and_run


@pytest.fixture
def run_apart(pytester):
    """Write a test file below FUNCTIONS and run pytest on it, in a process of its own."""

    def write_and_run(code, *options):
        pytester.makepyfile(FUNCTIONS + code)
        return pytester.runpytest_subprocess("-p", "no:benchmark", "-p", "no:cacheprovider", *options)

    return write_and_run


def written(pytester, name="report.json"):
    data = json.loads((pytester.path / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    return data


# The fixture ----------------------------------------------------------------------------------------------


def test_the_fixture_passes_a_right_gradient_and_returns_its_report(run):
    result = run("""
def test_right(gradcheck):
    report = gradcheck(loss, right, (W,), names=["weight"])
    assert report and report["weight"].error.high < 1e-6
""")
    result.assert_outcomes(passed=1)


KERNELS = """
def square(x):
    return x**2

def pulled(c, x):
    return 2 * c * x

X = np.linspace(-1, 1, 12, dtype=np.float32)
"""


def test_the_fixture_holds_a_kernel_against_its_reference(run):
    result = run(f"""{KERNELS}
def test_right(gradcheck):
    report = gradcheck.kernel((square, pulled), (square, pulled), (X,))
    assert report and report["x"].comparison.kind == "gradient"

def test_wrong(gradcheck):
    gradcheck.kernel((square, lambda c, x: c * x), (square, pulled), (X,))

@pytest.mark.gradcheck(seed=7)
def test_its_options(gradcheck):
    assert gradcheck.kernel((square, pulled), (square, pulled), (X,)).seed == 7

def test_no_kernel(gradcheck):
    gradcheck.kernel(1, (square, pulled), (X,))
""")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            ">       gradcheck.kernel((square, lambda c, x: c [*] x), (square, pulled), (X,))",
            "E*GradientError: FAIL  square: 1 of 2 results is wrong*",
            "*ArgumentError: kernel is a int, wanted a callable or a pair (forward, backward)*",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_gradcheck.py*")


def test_a_failure_shows_the_report_and_none_of_our_frames(run):
    result = run("""
def test_wrong(gradcheck):
    gradcheck(loss, wrong, (W,))
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       gradcheck(loss, wrong, (W,))",
            "E*GradientError: FAIL  loss: the gradient is wrong*",
            "E*w (3,)*wrong: -1 x the true gradient (relative error *)",
            "E*every entry is -1 x the true gradient: the sign is flipped",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_gradcheck.py*")
    result.stdout.no_fnmatch_line("*check.py*")


def test_the_function_gradcheck_itself_hides_its_frames_too(run):
    result = run("""
import gradcheck as gc

def test_wrong():
    gc.assert_gradient(loss, wrong, (W,))
""")
    result.stdout.fnmatch_lines(["E*GradientError: FAIL  loss: the gradient is wrong*"])
    result.stdout.no_fnmatch_line("*check.py*")


def test_an_undecided_gradient_fails_the_test(run):
    result = run("""
def test_undecided(gradcheck):
    gradcheck(loss, right, (W,), max_evaluations=5)
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*GradientError: INCONCLUSIVE  loss*", "E*max_evaluations=5 is used up"])


def test_a_bad_call_is_one_sentence_without_our_frames(run):
    result = run("""
def test_bad_call(gradcheck):
    gradcheck(loss, right, (W,), probes=1)
""")
    result.stdout.fnmatch_lines(["E*ArgumentError: probes=1, wanted an integer of 2 or more*"])
    result.stdout.no_fnmatch_line("*check.py*")


def test_what_the_function_raised_is_shown_where_it_was_raised(run):
    result = run("""
def broken(w):
    raise OSError("disk full")

def test_broken(gradcheck):
    gradcheck(broken, right, (W,))
""")
    result.stdout.fnmatch_lines(["E*OSError: disk full", "E*ArgumentError: broken raised OSError*"])
    result.stdout.no_fnmatch_line("*check.py*")


def test_the_fixture_works_under_given_and_the_failing_example_is_shrunk(run):
    result = run("""
from hypothesis import given, settings, strategies as st

settings.register_profile("patient", deadline=None, max_examples=20)
settings.load_profile("patient")

@given(size=st.integers(1, 5))
def test_law(gradcheck, size):
    gradcheck(loss, right, (W[:1] * size,))

@given(size=st.integers(1, 5))
def test_broken_law(gradcheck, size):
    gradcheck(loss, wrong if size > 2 else right, (W[:1] * size,))
""")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*the sign is flipped", "E*gradcheck=gradcheck,", "E*size=3,*"])
    result.stdout.no_fnmatch_line("*HealthCheck*")


# The marker and the options -------------------------------------------------------------------------------


def test_of_two_settings_the_nearer_one_counts(run):
    result = run(
        """
def settings(report):
    return report.seed, len(report[0].probes), report.confidence

def test_command_line(gradcheck):
    assert settings(gradcheck(loss, right, (W,))) == (11, 6, 0.9999)

@pytest.mark.gradcheck(seed=12, confidence=0.999)
class TestMarked:
    def test_class(self, gradcheck):
        assert settings(gradcheck(loss, right, (W,))) == (12, 6, 0.999)

    @pytest.mark.gradcheck(seed=13, probes=5)
    def test_function(self, gradcheck):
        assert settings(gradcheck(loss, right, (W,))) == (13, 5, 0.999)

    @pytest.mark.gradcheck(seed=13, probes=5)
    def test_call(self, gradcheck):
        assert settings(gradcheck(loss, right, (W,), seed=14, probes=7)) == (14, 7, 0.999)
""",
        "--gradcheck-seed=11",
        "--gradcheck-probes=6",
    )
    result.assert_outcomes(passed=4)


def test_a_marked_rtol_lets_an_approximate_gradient_pass(run):
    result = run("""
def nearly(w):
    return 1.001 * np.cos(w)

@pytest.mark.gradcheck(rtol=0.1)
def test_allowed(gradcheck):
    gradcheck(loss, nearly, (W,))

def test_not_allowed(gradcheck):
    gradcheck(loss, nearly, (W,))
""")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*FAILED*::test_not_allowed*"])


@pytest.mark.parametrize(
    ("arguments", "word"), [("rtoll=0.1", "rtoll"), ("0.1", "0.1"), ("gradient=wrong", "gradient")], ids=str
)
def test_a_marker_that_no_check_understands_fails_its_own_test(run, arguments, word):
    result = run(f"""
@pytest.mark.gradcheck({arguments})
def test_marked(gradcheck):
    gradcheck(loss, right, (W,))

def test_other(gradcheck):
    gradcheck(loss, right, (W,))
""")
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines([f"@pytest.mark.gradcheck got {word}, wanted keywords of *rtol*"])


# Every check of a run belongs to it ------------------------------------------------------------------------

WITHOUT_THE_FIXTURE = """
import gradcheck as gc

def test_check():
    assert gc.check(loss, wrong, (W,))

def test_assert():
    gc.assert_gradient(loss, wrong, (W,))

def test_right():
    gc.assert_gradient(loss, right, (W,))

def test_means_it():
    assert not gc.check(loss, wrong, (W,))

def test_raises():
    with pytest.raises(gc.GradientError):
        gc.assert_gradient(loss, wrong, (W,))

@pytest.mark.xfail(strict=True)
def test_xfail():
    gc.assert_gradient(loss, wrong, (W,))
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=str)
def test_checks_without_the_fixture_are_in_the_summary_and_on_the_page(run_apart, pytester, options):
    if options:
        pytest.importorskip("xdist")
    result = run_apart(WITHOUT_THE_FIXTURE, "--gradcheck-report=report.json", *options)
    result.assert_outcomes(failed=2, passed=3, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "6 gradients: 2 FAIL, 1 PASS, 3 expected FAIL; * evaluations",
            "FAIL: loss in *::test_assert",
            "  w: every entry is -1 x the true gradient: the sign is flipped",
            "FAIL: loss in *::test_check",
            "  w: every entry is -1 x the true gradient: the sign is flipped",
        ]
    )
    result.stdout.no_fnmatch_line("FAIL: *test_means_it*")
    found = written(pytester)["tests"]
    assert {r["test"].partition("::")[2]: r["expected"] for r in found} == {
        "test_check": False,
        "test_assert": False,
        "test_right": False,
        "test_means_it": True,
        "test_raises": True,
        "test_xfail": True,
    }


def test_marker_and_options_apply_to_checks_without_the_fixture(run):
    result = run(
        """
import gradcheck as gc

@pytest.mark.gradcheck(seed=5, confidence=0.99)
def test_marked():
    report = gc.check(loss, right, (W,))
    assert (report.seed, report.confidence, len(report[0].probes)) == (5, 0.99, 6)
    assert gc.assert_gradient(loss, right, (W,), seed=7).seed == 7
""",
        "--gradcheck-probes=6",
    )
    result.assert_outcomes(passed=1)


def test_the_short_summary_names_the_mistake(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = run("""
import gradcheck as gc

def test_wrong():
    gc.assert_gradient(loss, wrong, (W,))

def test_undecided(gradcheck):
    gradcheck(loss, right, (W,), max_evaluations=5)
""")
    result.stdout.fnmatch_lines(
        [
            "FAILED *::test_wrong - w: sign flipped",
            "FAILED *::test_undecided - w undecided: max_evaluations=5 is used up",
        ]
    )


def test_a_failed_assertion_on_a_report_shows_it(run):
    result = run("""
import gradcheck as gc

def test_wrong():
    assert gc.check(loss, wrong, (W,))
""")
    result.stdout.fnmatch_lines(
        [
            "E*assert <Report FAIL loss: w: every entry is -1 x the true gradient: the sign is flipped>",
            "*- gradcheck: FAIL loss: w: every entry is -1 x the true gradient: the sign is flipped -*",
            "FAIL  loss: the gradient is wrong *",
            "*cause:  every entry is -1 x the true gradient: the sign is flipped",
        ]
    )


def test_a_derivation_is_one_gradient_of_the_run(run, pytester):
    run(
        """
from gradcheck.derivations.softmax_cross_entropy import derivation, draw

def test_lines():
    assert derivation.check(draw())
""",
        "--gradcheck-report=report.json",
    )
    (record,) = written(pytester)["tests"]
    assert record["checks"] == 1
    assert record["report"]["title"] == "derivation softmax_cross_entropy"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("lambda w, grad_y: grad_y.sum()", "it has shape (), w has shape (3,)"),
        ("lambda w, grad_y: grad_y @ w @ w", "it raised ValueError"),
        ("lambda w, grad_y: None", "it is a NoneType, wanted an array like w"),
    ],
)
def test_a_derivation_whose_wrong_line_cannot_be_measured_is_a_wrong_gradient_of_the_run(run, pytester, line, problem):
    result = run(
        f"""
from gradcheck.lines.derivation import Derivation

DERIVATION = Derivation(
    name="sines",
    forward={{"y": lambda w: np.sin(w), "loss": lambda xp, y: xp.sum(y)}},
    gradient={{"y": lambda xp, y: xp.ones_like(y), "w": {line}}},
)

def test_lines():
    assert DERIVATION.check({{"w": W}}, seed=7)
""",
        "--gradcheck-report=report.json",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["1 gradient: 1 FAIL*"])
    (record,) = written(pytester)["tests"]
    found = record["report"]
    assert found["title"] == "derivation sines"
    assert found["complaint"].startswith(f"the gradient of w: {problem}")
    assert found["seed"] == 7
    assert found["confidence"] == 0.9999
    assert found["evaluations"] > 0
    assert [note.partition("=")[0] for note in found["notes"]] == ["wrong line: grad_w "]


def test_without_the_plugin_checks_are_as_ever(run_apart):
    result = run_apart(
        """
import gradcheck as gc

def test_right():
    assert gc.check(loss, right, (W,))
""",
        "-p",
        "no:gradcheck",
    )
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*= gradcheck =*")


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("--gradcheck-seed=-1", "0 or more"),
        ("--gradcheck-probes=1", "2 or more"),
        ("--gradcheck-report=report.txt", ".html or .json"),
    ],
)
def test_a_bad_option_stops_the_run(run, option, wanted):
    result = run("", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{option}, wanted *{wanted}"])


def test_the_marker_and_the_options_are_listed(run):
    run("", "--markers").stdout.fnmatch_lines(["@pytest.mark.gradcheck(*rtol, confidence, seed*"])
    run("", "--help").stdout.fnmatch_lines(["*--gradcheck-seed*", "*--gradcheck-probes*", "*--gradcheck-report*"])


# The header and the summary -------------------------------------------------------------------------------


def test_the_header_names_versions_seed_and_profile(run, pytester):
    pytester.makeconftest("""
from hypothesis import settings
settings.register_profile("brisk", max_examples=3)
settings.load_profile("brisk")
""")
    result = run("def test_nothing(): pass", "--gradcheck-seed=5")
    result.stdout.fnmatch_lines(
        [f"gradcheck: gradcheck *, numpy {version('numpy')}*; seed 5; 4 probes; *profile brisk"]
    )


def test_the_summary_counts_checks_and_evaluations_and_names_the_widest_interval(run):
    result = run(
        """
def rough(w):
    return 1.001 * np.cos(w)

def test_narrow(gradcheck):
    narrow = gradcheck(loss, right, (W,))
    print("spent", narrow.evaluations + narrow.contract_evaluations)

@pytest.mark.gradcheck(rtol=0.1)
def test_wide(gradcheck):
    wide = gradcheck(loss, rough, (W,))
    print("spent", wide.evaluations + wide.contract_evaluations)
""",
        "-s",
    )
    spent = sum(map(int, re.findall(r"spent (\d+)", result.stdout.str())))
    result.stdout.fnmatch_lines(
        [
            "*= gradcheck =*",
            f"2 gradients: 2 PASS; {spent} evaluations",
            "widest interval of a PASS: loss in *::test_wide",
            "  w right to *",
        ]
    )


def test_the_summary_lists_what_is_wrong_and_what_is_undecided_with_the_reason(run):
    result = run("""
def test_wrong(gradcheck):
    gradcheck(loss, wrong, (W,))

def test_undecided(gradcheck):
    gradcheck(loss, right, (W,), max_evaluations=5)
""")
    result.stdout.fnmatch_lines(
        [
            "2 gradients: 1 FAIL, 1 INCONCLUSIVE; * evaluations",
            "FAIL: loss in *::test_wrong",
            "  w: every entry is -1 x the true gradient: the sign is flipped",
            "INCONCLUSIVE: loss in *::test_undecided",
            "  w: max_evaluations=5 is used up",
        ]
    )


def test_a_long_list_is_cut_and_says_so(run):
    result = run(
        """
@pytest.mark.parametrize("i", range(13))
def test_wrong(gradcheck, i):
    gradcheck(loss, wrong, (W,))
""",
        "--tb=no",
    )
    listed = [line for line in result.outlines if line.startswith("FAIL: loss in")]
    assert len(listed) == 10
    result.stdout.fnmatch_lines(["FAIL: 3 more"])


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=str)
def test_a_run_without_a_check_says_nothing_and_does_not_load_scipy(run_apart, pytester, options):
    pytester.makeconftest("""
import sys

def pytest_unconfigure():
    print("loaded:", sorted({"gradcheck", "scipy"} & sys.modules.keys()))
""")
    result = run_apart("def test_nothing(): pass", *options)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["loaded: []"])
    result.stdout.no_fnmatch_line("*= gradcheck =*")


# Reports --------------------------------------------------------------------------------------------------

TWO_TESTS = """
from hypothesis import given, settings, strategies as st

@settings(max_examples=4, database=None, deadline=None, derandomize=True)
@given(size=st.integers(1, 4))
def test_law(gradcheck, size):
    gradcheck(loss, right, (W * size,))

def test_wrong(gradcheck):
    gradcheck(loss, wrong, (W,))
"""


def test_a_report_as_data_holds_every_check_worst_first(run, pytester):
    result = run(TWO_TESTS, "--gradcheck-report=new/folder/report.json")
    result.stdout.fnmatch_lines(["report: new/folder/report.json"])
    data = written(pytester, "new/folder/report.json")
    found = [(record["test"].partition("::")[2], record["report"]["verdict"]) for record in data["tests"]]
    assert found == [("test_wrong", "FAIL"), ("test_law", "PASS")]
    assert data["tests"][1]["checks"] == data["verdicts"]["PASS"] > 1


def test_a_report_as_a_page_names_tests_and_verdicts(run_apart, pytester):
    run_apart(TWO_TESTS, "--gradcheck-report=report.html")
    page = (pytester.path / "report.html").read_text(encoding="utf-8")
    assert "::test_wrong" in page
    assert "::test_law" in page
    assert "the sign is flipped" in page


def test_a_report_is_written_where_nothing_was_checked(run_apart, pytester):
    run_apart("def test_nothing(): pass", "--gradcheck-report=report.html")
    assert "No gradient was checked" in (pytester.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("code", "ending"), [("right", 4), ("wrong", 1)])
def test_a_report_that_cannot_be_written_costs_no_result_and_the_run_does_not_end_well(run, pytester, code, ending):
    pytester.makefile(".txt", occupied="a file where a folder is wanted")
    result = run(
        f"""
def test_one(gradcheck):
    gradcheck(loss, {code}, (W,))
""",
        "--gradcheck-report=occupied.txt/report.json",
    )
    result.stdout.fnmatch_lines(
        ["1 gradient: 1 *; * evaluations", "the report could not be written to occupied.txt/report.json: *"]
    )
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert result.ret == ending


def test_a_report_that_is_a_folder_is_refused_before_any_test_runs(run, pytester):
    pytester.mkdir("report.html")
    result = run("def test_nothing(): pass", "--gradcheck-report=report.html")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--gradcheck-report=report.html is a folder, wanted a file*"])


def test_a_run_that_only_collects_writes_no_report(run, pytester):
    result = run(TWO_TESTS, "--gradcheck-report=report.json", "--collect-only")
    assert result.ret == 0
    assert not (pytester.path / "report.json").exists()


def test_the_seed_of_the_command_line_repeats_a_run_to_the_bit(run, pytester):
    for name in ("one", "two"):
        run(
            "def test_wrong(gradcheck): gradcheck(loss, wrong, (W,))",
            f"--gradcheck-report={name}.json",
            "--gradcheck-seed=9",
        )
    assert written(pytester, "one.json") == written(pytester, "two.json")
    assert written(pytester, "one.json")["tests"][0]["report"]["seed"] == 9


def test_checks_in_threads_are_all_counted(run, pytester):
    run(
        """
from concurrent.futures import ThreadPoolExecutor

def test_threads(gradcheck):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: gradcheck(loss, right, (W * k,)), range(1, 41)))
""",
        "--gradcheck-report=report.json",
    )
    assert written(pytester)["checks"] == 40


def test_under_xdist_the_reports_of_all_workers_are_merged(run_apart, pytester):
    pytest.importorskip("xdist")
    four_tests = TWO_TESTS + TWO_TESTS.replace("def test_", "def test_second_")
    run_apart(four_tests, "--gradcheck-report=alone.json")
    result = run_apart(four_tests, "--gradcheck-report=merged.json", "-n", "2")
    result.assert_outcomes(passed=2, failed=2)
    alone, merged = written(pytester, "alone.json"), written(pytester, "merged.json")
    assert merged == alone
    result.stdout.fnmatch_lines(
        [f"4 gradients ({alone['checks']} checks): 2 FAIL, 2 PASS; {alone['evaluations']} evaluations"]
    )


def test_a_worker_that_crashes_takes_no_other_reports_along(run_apart, pytester):
    pytest.importorskip("xdist")
    result = run_apart(
        """
import os

def test_right(gradcheck):
    gradcheck(loss, right, (W,))

def test_crash():
    os._exit(3)
""",
        *("--gradcheck-report=report.json", "-n", "2", "--max-worker-restart=0"),
    )
    result.stdout.fnmatch_lines(["*FAILED*::test_crash*"])
    assert [record["test"].partition("::")[2] for record in written(pytester)["tests"]] == ["test_right"]


# Switched off ---------------------------------------------------------------------------------------------


def test_switched_off_nothing_of_it_is_left(run):
    result = run("def test_nothing(): pass", "-p", "no:gradcheck")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("gradcheck:*")
    result = run("def test_one(gradcheck): pass", "-p", "no:gradcheck")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*fixture 'gradcheck' not found"])


def test_under_xdist_each_worker_computes_with_its_share_of_the_cores(run_apart, monkeypatch):
    pytest.importorskip("xdist")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    threads = max(1, (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) // 2)
    code = """
def test_threads(gradcheck):
    from threadpoolctl import threadpool_info
    gradcheck(loss, right, (W,))
    assert {pool["num_threads"] for pool in threadpool_info()} == {THREADS}
"""
    result = run_apart(code.replace("THREADS", str(threads)), "-n", "2")
    result.assert_outcomes(passed=1)
    assert f"checks of a worker compute with {threads} thread" in result.stdout.str()


def test_a_derivation_is_on_the_page_of_the_run_with_its_wrong_lines(run, tmp_path):
    page = tmp_path / "report.html"
    result = run(
        """
import gradcheck as gc

def derivation(grad_w):
    return gc.Derivation({"y": lambda w: np.sin(w), "loss": lambda y: np.sum(y)},
                         {"y": lambda y: np.ones_like(y), "w": grad_w}, name="sines")

def test_right():
    assert derivation(lambda w, grad_y: grad_y * np.cos(w)).check({"w": W})

def test_wrong():
    assert derivation(lambda w, grad_y: -grad_y * np.cos(w)).check({"w": W})
""",
        f"--gradcheck-report={page}",
    )
    result.assert_outcomes(passed=1, failed=1)
    text = page.read_text(encoding="utf-8")
    assert text.count("derivation sines") >= 2
    assert "wrong line: grad_w" in text
    result.stdout.fnmatch_lines(["2 gradients*1 FAIL, 1 PASS*"])
