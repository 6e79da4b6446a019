"""`gradcheck verify`: tables, exit codes, files; the user's own functions shrunk to the smallest failing case."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from gradcheck import ArgumentError, Verdict
from gradcheck.cli import main
from gradcheck.search.counterexample import search
from gradcheck.search.user_functions import import_file
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.against_autograd import autograd, distances
from gradcheck.two_layer_relu.network_check import Settings, judge_cancelling, judge_network, worst
from gradcheck.two_layer_relu.problem import Shape, boundary, draw

SMALL = ["--shape", "4,5,6,3"]
SETTINGS = Settings(shape=Shape(4, 5, 6, 3))
SIGNATURE = "(n,d),(n,k),(d,h),(h,k)->()"


def run(*arguments):
    return CliRunner().invoke(main, ["verify", *arguments])


# The two networks -----------------------------------------------------------------------------------------


def test_both_networks_pass_at_a_small_size_with_a_row_for_every_argument_point_and_oracle(tmp_path):
    pytest.importorskip("torch")
    result = run(*SMALL, "--json", str(tmp_path / "rows.json"))
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / "rows.json").read_text())
    rows = {(r["backend"], r["point"], r["oracle"], r["argument"]): r for r in data["rows"]}
    assert len(rows) == len(data["rows"]) == 2 * 2 * 2 * 4
    assert {r["verdict"] for r in data["rows"]} == {"PASS"}
    assert {r["kink"] for r in rows.values() if r["argument"] == "w1" and r["oracle"].startswith("fin")} == {
        "",
        "right",
    }
    boundary_rows = [r for r in data["rows"] if r["point"] == "ReLU boundary" and r["oracle"] == "torch.autograd"]
    assert all(r["error"]["high"] == r["allowed"] == 0 for r in boundary_rows)
    assert set(data["lines"]) == {"numpy", "torch"}
    assert "PASS 32 of 32 gradients right" in result.stdout
    assert "relu'(0) = 1" in result.stdout


@pytest.mark.parametrize("columns", [80, 100])
def test_the_tables_fit_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run("--backend", "numpy")  # the default size, whose shapes are the widest
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert "…" not in result.stdout
    assert "(1000, 100)   finite differences" in result.stdout


# As where it is not installed: nothing finds it. (A None in sys.modules would be met by array_api_compat.)
WITHOUT_TORCH = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Absent())
from gradcheck.cli import main
main()
"""


def test_without_torch_numpy_is_checked_and_what_was_left_out_is_said():
    command = [sys.executable, "-c", WITHOUT_TORCH, "verify", *SMALL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Left out, as PyTorch is not installed" in done.stdout
    assert "pip install 'gradcheck[torch]'" in " ".join(done.stdout.split())
    assert "PASS 8 of 8 gradients right" in done.stdout
    done = subprocess.run([*command, "--backend", "torch"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_shape_with_no_samples_says_that_the_boundary_was_left_out():
    result = run("--shape", "0,5,6,3", "--backend", "numpy")
    assert "The ReLU boundary was left out" in result.stdout


class Core:
    """A network with one mistake in the gradient of w1."""

    loss = staticmethod(numpy_core.loss)

    def __init__(self, change):
        self.change = change

    def gradients(self, x, y, w1, w2):
        right = numpy_core.gradients(x, y, w1, w2)
        return right._replace(w1=self.change(right.w1))


def one_entry(grad):
    wrong = grad.copy()
    wrong[0, 0] *= 1.01
    return wrong


WRONG = {
    "a factor": lambda grad: grad / 2,
    "one entry by a hundredth": one_entry,
    "a flipped sign": lambda grad: -grad,
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_wrong_gradient_is_failed_by_every_oracle_and_names_the_argument(change):
    pytest.importorskip("torch")
    rows = list(judge_network("numpy", SETTINGS, Core(change)))
    wrong = {(row.point, row.oracle, row.argument) for row in rows if row.verdict is Verdict.FAIL}
    oracles = ("finite differences", "torch.autograd")
    assert wrong == {(p, o, "w1") for p in ("normal data", "ReLU boundary") for o in oracles}
    assert worst(rows) is Verdict.FAIL
    assert all(row.remark for row in rows if row.verdict is Verdict.FAIL)


def test_a_gradient_of_the_wrong_shape_is_a_fail_with_its_sentence():
    rows = list(judge_network("numpy", SETTINGS, Core(lambda grad: grad.T)))
    assert worst(rows) is Verdict.FAIL
    assert any("shape (6, 5), wanted (5, 6)" in row.remark for row in rows)


def test_another_convention_at_the_boundary_passes_finite_differences_and_differs_from_autograd():
    pytest.importorskip("torch")

    class Left(Core):
        def gradients(self, x, y, w1, w2):
            lines = numpy_core.forward(x, w1, w2)
            right = numpy_core.gradients(x, y, w1, w2)
            grad_h = numpy_core.backward(x, y, w2, lines).h_relu * (lines.h > 0)
            return right._replace(x=grad_h @ w1.T, w1=x.T @ grad_h)

    rows = {(r.point, r.oracle, r.argument): r for r in judge_network("numpy", SETTINGS, Left(None))}
    measured = rows["ReLU boundary", "finite differences", "w1"]
    assert (measured.verdict, measured.kink) == (Verdict.PASS, "left")
    assert rows["ReLU boundary", "torch.autograd", "w1"].verdict is Verdict.FAIL
    assert rows["normal data", "torch.autograd", "w1"].verdict is Verdict.PASS


def test_the_cancelling_example_is_a_fail_with_its_numbers():
    found = judge_cancelling()
    assert (found.slope, found.hand, found.verdict) == (2.0, 4.0, Verdict.FAIL)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_round_off_allows_against_autograd_is_above_what_is_and_below_one_wrong_entry(dtype):
    torch = pytest.importorskip("torch")
    for seed in range(5):
        problem = draw(Shape(8, 30, 10, 3), seed, dtype)
        hand = numpy_core.gradients(*problem)
        reference = autograd(type(problem)(*map(torch.from_numpy, problem)))
        found = distances(hand, reference, problem, exact=False)
        assert all(distance.agrees for distance in found.values())
        k = np.unravel_index(np.argmax(abs(hand.w1)), hand.w1.shape)
        wrong = hand.w1.copy()
        wrong[k] *= 1.01
        assert not distances(hand._replace(w1=wrong), reference, problem, exact=False)["w1"].agrees


def test_on_boundary_data_no_round_off_is_allowed():
    torch = pytest.importorskip("torch")
    problem = boundary(Shape(4, 5, 6, 3))
    reference = autograd(type(problem)(*map(torch.from_numpy, problem)))
    hand = numpy_core.gradients(*problem)
    off = hand._replace(y=np.nextafter(hand.y, np.inf))
    assert all(d.agrees for d in distances(hand, reference, problem, exact=True).values())
    assert not distances(off, reference, problem, exact=True)["y"].agrees


# In exact arithmetic --------------------------------------------------------------------------------------


def test_the_numpy_formula_is_right_in_exact_arithmetic(tmp_path):
    pytest.importorskip("flint")
    result = run("--exact", "--shape", "5,7,8,3", "--json", str(tmp_path / "exact.json"))
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "exact.json").read_text())["rows"]
    assert {(row["argument"], row["data"].partition(",")[0]) for row in rows} == {
        (name, data) for name in ("w1", "w2") for data in ("normal data", "ReLU boundary")
    }
    assert all(row["verdict"] == "PASS" and row["equal"] and row["directions"] >= 2 for row in rows)
    at_kinks = [row for row in rows if row["data"].startswith("ReLU") and row["argument"] == "w1"]
    assert {row["convention"] for row in at_kinks} == {"right"}
    assert all(row["ulps"] == 0 for row in rows if row["data"].startswith("ReLU"))


def test_without_flint_exact_says_what_to_install():
    code = "import sys; sys.modules['flint'] = None; from gradcheck.cli import main; main()"
    command = [sys.executable, "-c", code, "verify", "--exact"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert done.stderr.count("\n") == 1


# The user's own functions ---------------------------------------------------------------------------------

MODULE = """
import numpy as np

def loss(x, y, w1, w2):
    return ((np.maximum(x @ w1, 0) @ w2 - y) ** 2).sum()

def gradient(x, y, w1, w2):
    h = x @ w1
    residual = 2 * (np.maximum(h, 0) @ w2 - y)
    grad_h = residual @ w2.T
    grad_h[h < 0] = 0
    return grad_h @ w1.T, -residual, x.T @ grad_h, np.maximum(h, 0).T @ residual

def only_one_sample(x, y, w1, w2):
    gx, gy, g1, g2 = gradient(x, y, w1, w2)
    return gx, gy, (g1 / 2 if len(x) == 1 else g1), g2

def only_odd(x, y, w1, w2):
    gx, gy, g1, g2 = gradient(x, y, w1, w2)
    if w1.shape[1] % 2 == 1 and w1.shape[1] > 1:
        g2 = g2.copy()
        g2[-1] = 0
    return gx, gy, g1, g2

def transposed(x, y, w1, w2):
    gx, gy, g1, g2 = gradient(x, y, w1, w2)
    return gx, gy, g1.T, g2

def both(x, y, w1, w2):
    return loss(x, y, w1, w2), gradient(x, y, w1, w2)

def log_loss(x):
    if (x <= 0).any():
        raise ValueError("wants positive numbers")
    return np.log(x).sum()

def log_gradient(x):
    return 1 / x

def never(x):
    raise ValueError("always")

def steep(x):
    return float(np.sqrt(np.abs(x - 1)).sum())

def steep_gradient(x):
    return np.zeros_like(x)

def hard_swish(x):
    return (x * np.clip(x + 3, 0, 6) / 6).sum()

def unclipped(x):
    return (2 * x + 3) / 6

number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine.py").write_text(MODULE)
    sys.modules.pop("mine", None)
    yield tmp_path
    sys.modules.pop("mine", None)


def verify_mine(loss, gradient, *options, signature=SIGNATURE):
    names = [f"mine:{name}" for name in (loss, gradient) if name]
    return run(*names, "--signature", signature, *options)


@pytest.mark.usefixtures("module")
def test_a_right_gradient_passes_on_every_drawn_case():
    result = verify_mine("loss", "gradient")
    assert result.exit_code == 0, result.output
    assert re.match(r"PASS  mine:gradient: 50 cases drawn from .*every error is at most", result.stdout)


@pytest.mark.usefixtures("module")
def test_a_function_that_returns_loss_and_gradients_stands_alone():
    result = verify_mine("both", None, "--max-examples", "10")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.usefixtures("module")
def test_a_mistake_for_one_sample_only_is_found_and_shrunk_to_ones(seed):
    result = verify_mine("loss", "only_one_sample", "--seed", str(seed))
    assert result.exit_code == 1, result.output
    assert "w1 (1, 1)  wrong: " in result.stdout
    assert "    np.array([[1.0]]),\n" in result.stdout
    assert f'--signature "{SIGNATURE}" --seed {seed}' in result.stdout


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.usefixtures("module")
def test_a_mistake_for_odd_sizes_only_is_found_and_shrunk_to_three(seed):
    result = verify_mine("loss", "only_odd", "--seed", str(seed))
    assert result.exit_code == 1, result.output
    assert "w2 (3, 1)" in result.stdout
    assert "np.array([[1.0, 1.0, 1.0]])," in result.stdout


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.usefixtures("module")
def test_a_mistake_past_the_bend_of_a_clipped_function_is_found(seed):
    result = verify_mine("hard_swish", "unclipped", "--seed", str(seed), signature="(n)->()")
    assert result.exit_code == 1, result.output
    assert re.search(r"np.array\(\[-?3\.5\]\),", result.stdout)


@pytest.mark.usefixtures("module")
def test_a_gradient_of_the_wrong_shape_is_shrunk_to_the_smallest_that_is_not_square():
    result = verify_mine("loss", "transposed")
    assert result.exit_code == 1
    assert re.search(r"shape \((2, 1|1, 2)\), wanted \((1, 2|2, 1)\), the shape of w1", result.stdout)


def test_the_printed_program_runs_and_repeats_the_verdict(module):
    result = verify_mine("loss", "only_odd", "--json", "out.json")
    program = result.stdout.partition("This program repeats it:\n")[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=module)
    assert done.stdout.splitlines()[0] in result.stdout
    data = json.loads((module / "out.json").read_text())
    assert data["verdict"] == "FAIL"
    assert data["case"]["report"]["verdict"] == "FAIL"


@pytest.mark.usefixtures("module")
def test_float32_and_torch_cases_are_written_out_as_such():
    result = verify_mine("loss", "only_one_sample", "--dtype", "float32")
    assert "np.array([[1.0]], dtype='float32')" in result.stdout
    assert "--dtype float32" in result.stdout


@pytest.mark.usefixtures("module")
def test_draws_that_the_function_refuses_are_left_out_and_counted():
    result = verify_mine("log_loss", "log_gradient", signature="(n)->()")
    assert result.exit_code == 0, result.output
    assert re.search(r"\d+ draws left out, the last because: ValueError: wants positive numbers", result.stdout)


@pytest.mark.usefixtures("module")
def test_undecided_cases_are_counted_shown_and_exit_with_3():
    result = verify_mine("loss", "gradient", "--dtype", "float64", "--rtol", "1e-14", "--max-examples", "5")
    assert result.exit_code == 3, result.output
    assert re.match(r"\d of 5 cases drawn .* are undecided, no other is wrong", result.stdout)
    assert "INCONCLUSIVE" in result.stdout
    assert "This program repeats it" in result.stdout


BAD = {
    "no module": (["nomine:loss", "--signature", "(n)"], "there is no module 'nomine'"),
    "no function": (["mine:los", "--signature", "(n)"], "did you mean 'loss'?"),
    "no colon": (["mine", "--signature", "(n)"], "wanted package.module:function"),
    "a number": (["mine:number", "--signature", "(n)"], "is a int, wanted a function"),
    "a bad signature": (["mine:loss", "--signature", "(n"], "wanted the shape of every argument"),
    "no signature": (["mine:loss", "mine:gradient"], "the shapes are missing"),
    "an array for a result": (
        ["mine:loss", "--signature", "(n)->(n)"],
        "has the result (n), wanted () or none",
    ),
    "a file for a module": (["mine.py:loss", "--signature", "(n)"], "wanted a module's name: mine:loss"),
    "three functions": (["mine:a", "mine:b", "mine:c", "--signature", "(n)"], "wanted the loss and its"),
    "never defined": (["mine:never", "mine:never", "--signature", "(n)"], "ValueError: always"),
    "too few arguments": (["mine:loss", "mine:gradient", "--signature", "(n)"], "missing 3 required"),
    "no file": (["none.py"], "there is no file 'none.py'"),
    "a file without @given": (["mine.py"], "has no function under @given"),
    "a signature and a file": (["mine.py", "--signature", "(n)"], "--signature is an option of"),
    "a file twice": (["--signature", "mine.py", "--rtol", "1e-3"], "--rtol is an option of"),
    "an option of networks": (["mine:loss", "--exact"], "Got unexpected extra argument (mine:loss)"),
    "an option of functions": (["--rtol", "1e-3"], "--rtol is an option of `gradcheck verify functions`"),
    "no directory": (["--json", "nowhere/x.json"], "there is no directory 'nowhere'"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
@pytest.mark.usefixtures("module")
def test_bad_arguments_exit_with_2_and_one_sentence(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(re.findall("^(?:gradcheck|Error): ", result.stderr, re.MULTILINE)) == 1
    assert result.stdout == ""


@pytest.mark.usefixtures("module")
def test_an_rtol_that_is_not_positive_is_refused_before_anything_is_drawn():
    result = run("mine:loss", "mine:gradient", "--signature", SIGNATURE, "--rtol", "-1")
    assert result.exit_code == 2
    assert "-1.0 is not in the range x>0" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes are POSIX")
def test_a_closed_pipe_is_no_verdict():
    command = [sys.executable, "-m", "gradcheck", "verify", *SMALL, "--backend", "numpy"]
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    finally:
        os.close(write)
    assert (result.returncode, result.stderr) == (141, "")


UNUSABLE = {
    "a file that raises": ("broken.py", "1 / 0", ["broken.py"], "'broken.py' cannot be run: ZeroDivisionError: div"),
    "a module that raises": (
        "broken.py",
        "1 / 0",
        ["broken:f", "--signature", "(n)"],
        "broken cannot be imported: ZeroDivisionError: div",
    ),
    "a module in need": (
        "needy.py",
        "import nowhere_installed",
        ["needy:f", "--signature", "(n)"],
        "needy cannot be imported: it needs 'nowhere_installed', which is not installed",
    ),
}


@pytest.mark.parametrize(("name", "text", "arguments", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_cannot_be_used_says_why_in_one_sentence(module, name, text, arguments, message):
    (module / name).write_text(text)
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_that_is_no_python_is_refused(tmp_path):
    (tmp_path / "loss.txt").write_text("f = 1")
    with pytest.raises(ArgumentError, match="is no Python file: its name should end in"):
        import_file(tmp_path / "loss.txt")


CHECKS = """
import numpy as np
from hypothesis import given, strategies as st
import gradcheck
from gradcheck.strategies import arrays_for

positive = st.sampled_from([0.5, 1.0, 2.0])

@given(arrays_for("(n)->()", elements=positive))
def right(args):
    gradcheck.assert_gradient(lambda x: np.log(x).sum(), lambda x: 1 / x, args)

@given(arrays_for("(n)->()", elements=positive))
def wrong(args):
    gradcheck.assert_gradient(lambda x: np.log(x).sum(), lambda x: 1 / x**2, args)
"""


@pytest.mark.parametrize("arguments", [["checks_of_mine.py"], ["--signature", "checks_of_mine.py"]], ids=" ".join)
def test_a_file_of_given_functions_is_run_and_each_gets_a_verdict(module, arguments):
    (module / "checks_of_mine.py").write_text(CHECKS)
    result = run(*arguments, "--max-examples", "20", "--json", "out.json")
    assert result.exit_code == 1, result.output
    assert json.loads((module / "out.json").read_text()) == {
        "verdict": "FAIL",
        "functions": {"right": "PASS", "wrong": "FAIL"},
    }
    assert "PASS  right" in result.stdout
    assert "FAIL  wrong, shrunk to the smallest case" in result.stdout
    assert "args=(array([0.5]),)" in result.stdout


def test_of_several_failures_of_one_given_function_the_wrong_gradient_comes_first(module):
    (module / "several.py").write_text(
        """
import gradcheck
import numpy as np
from hypothesis import given, strategies as st

def square(w):
    return np.sum(w * w)

@given(st.sampled_from([1.0, 2.0, 3.0]))
def judged(x):
    w = np.array([x, 0.5])
    if x == 1:
        raise OSError("the disk is full")
    if x == 2:
        gradcheck.assert_gradient(square, lambda w: 3 * w, (w,))

@given(st.integers())
def raises(n):
    raise OSError("the disk is gone")
"""
    )
    result = run("several.py")
    assert result.exit_code == 1, result.output
    assert "FAIL  judged, shrunk to the smallest case:" in result.stdout
    assert "FAIL  square: the gradient is wrong" in result.stdout
    assert "the disk is full" not in result.stdout
    assert "FAIL  raises, shrunk to the smallest case:\nOSError: the disk is gone" in result.stdout


# The search -----------------------------------------------------------------------------------------------


def test_a_mistake_where_smooth_is_not_shrunk_into_one_at_a_kink():
    def wrong(x):
        return np.where(x >= 0, 1.0, -1.0) * 1.5  # wrong everywhere, and no subgradient of |x| at 0

    found = search(lambda x: np.abs(x).sum(), wrong, "(n)->()", boundary=True)
    assert found.verdict is Verdict.FAIL
    assert found.failure.report[0].kink is None
    assert found.failure.args[0].tolist() == [1.0]


def test_a_mistake_at_a_kink_only_is_found_with_boundary_data_and_only_then():
    def outside(x):
        return np.where(x == 0, 1.2, np.sign(x))

    def f(x):
        return np.abs(x).sum()

    assert search(f, outside, "(n)->()").verdict is Verdict.PASS
    found = search(f, outside, "(n)->()", boundary=True, max_examples=2000)  # an entry in 77 is 0
    assert found.verdict is Verdict.FAIL
    assert found.failure.args[0].tolist() == [0.0]


def test_the_search_is_repeated_by_its_seed():
    def wrong(x):
        return 2 * x * (1 if len(x) < 3 else 1.1)

    runs = [search(lambda x: (x**2).sum(), wrong, "(n)->()", seed=3) for _ in range(2)]
    assert runs[0].drawn == runs[1].drawn
    assert runs[0].failure.args[0].tolist() == runs[1].failure.args[0].tolist() == [1.0, 1.0, 1.0]
