"""`gradcheck verify functions`: what is drawn, how arguments are described, and code that ends a command or warns."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcheck.cli import main
from gradcheck.search.reproduction import program

MODULE = """
import sys
import warnings

import numpy as np

def loss(x, w):
    return ((x @ w) ** 2).sum()

def gradient(a, b):
    r = 2 * (a @ b)
    return r @ b.T, a.T @ r

def half(x, w):
    r = x @ w
    return r @ w.T, x.T @ r

def entropy(p):
    if (p <= 0).any() or (p >= 1).any():
        raise ValueError("wants numbers between 0 and 1")
    return (p * np.log(p)).sum()

def entropy_gradient(p):
    return np.log(p) + 1

def log_loss(x):
    if (x <= 0).any():
        raise ValueError("wants positive numbers")
    return np.log(x).sum()

def log_gradient(x):
    return 1 / x

def cross_entropy(params, x, labels):
    z = x @ params["w"] + params["b"]
    z = z - z.max(axis=1, keepdims=True)
    return (np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(x)), labels]).sum()

def cross_entropy_gradient(params, x, labels):
    z = x @ params["w"] + params["b"]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(x)), labels] -= 1
    return {"w": x.T @ p, "b": p.sum(axis=0)}, None, None

def warns(x):
    warnings.warn("look [here]")
    return (x ** 2).sum()

def twice(x):
    return 2 * x

def leaves(x):
    sys.exit(0)

def leaves_at_kinks(x):
    if (x == 1).any():
        raise GeneratorExit
    return (x ** 2).sum()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "drawn.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("drawn", None)


def run(*arguments):
    return CliRunner().invoke(main, ["verify", *arguments])


def verify(loss, gradient, signature, *options):
    return run(f"drawn:{loss}", f"drawn:{gradient}", "--signature", signature, "--max-examples", "20", *options)


# What is drawn --------------------------------------------------------------------------------------------


def test_positive_entries_leave_out_no_draw():
    result = verify("log_loss", "log_gradient", "(n)", "--positive")
    assert result.exit_code == 0, result.output
    assert "left out" not in result.stdout


@pytest.mark.parametrize(("low", "high"), [("0", "1"), ("0.25", "0.3")])
def test_entries_of_a_range_lie_inside_it(low, high):
    result = verify("entropy", "entropy_gradient", "(n)", "--range", low, high)
    assert result.exit_code == 0, result.output
    assert "left out" not in result.stdout
    assert f"entries {low} to {high}" in result.stdout


@pytest.mark.parametrize(("low", "high"), [("1", "0"), ("1", "1"), ("0", "inf"), ("nan", "1"), ("-1e308", "1e308")])
def test_a_range_that_is_none_is_refused(low, high):
    result = verify("entropy", "entropy_gradient", "(n)", "--range", low, high)
    assert result.exit_code == 2
    assert "wanted two finite numbers, the lower one first" in result.stderr


def test_large_sizes_are_drawn_too():
    result = run("drawn:warns", "drawn:twice", "--signature", "(300)", "--max-examples", "3")
    assert result.exit_code == 0, result.output


# The signature --------------------------------------------------------------------------------------------

WRONG = {
    "two sizes that are one": (
        "(n,d),(e,k)",
        "lets d and e differ, but drawn:loss takes them only equal",
        "(n,d),(d,k)",
    ),
    "in another order": ("(d,n),(e,d)", "lets n and e differ", "(d,n),(n,d)"),
}


@pytest.mark.parametrize(("signature", "said", "better"), WRONG.values(), ids=WRONG)
def test_sizes_that_may_not_differ_are_told_before_anything_is_drawn(signature, said, better):
    result = verify("loss", "half", signature)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert f"write '{better}->()'" in result.stderr
    assert result.stdout == ""


def test_more_draws_refused_for_their_sizes_than_judged_is_no_pass():
    (Path("drawn.py")).write_text(
        MODULE + "\ndef even(x):\n    assert len(x) not in {1, 4, 5, 6}, 'no such size'\n    return (x ** 2).sum()\n"
    )
    result = verify("even", "twice", "(n)")
    assert result.exit_code == 2, result.output
    assert "have sizes that drawn:even does not take, the last because: AssertionError: no such size" in result.stderr


def test_an_array_of_too_many_dimensions_and_one_of_too_many_entries_are_refused():
    result = verify("warns", "twice", f"({','.join(f'd{i}' for i in range(42))})")
    assert result.exit_code == 2
    assert "has an array of 42 dimensions, wanted at most 32" in result.stderr
    result = verify("warns", "twice", "(1000000,1000000)")
    assert result.exit_code == 2
    assert "GiB of memory" in result.stderr
    result = verify("warns", "twice", "(n,²)")
    assert result.exit_code == 2
    assert "has '²', wanted names and numbers" in result.stderr


# Arguments described in a file ----------------------------------------------------------------------------

DESCRIBED = """
x = "(n,d)"
labels = {shape = "(n)", integers = [0, 2]}
[params]
w = "(d,3)"
b = {shape = "(3)", range = [-1, 1]}
"""


def test_a_file_describes_dicts_and_integers_by_the_names_of_arguments(folder):
    (folder / "inputs.toml").write_text(DESCRIBED)
    result = verify("cross_entropy", "cross_entropy_gradient", "inputs.toml")
    assert result.exit_code == 0, result.output
    assert "entries as described" in result.stdout


def test_a_failure_of_described_arguments_is_repeated_by_its_program(folder):
    (folder / "inputs.toml").write_text(DESCRIBED)
    wrong = "\ndef wrong(params, x, labels):\n    g, *_ = cross_entropy_gradient(params, x, labels)\n"
    (folder / "drawn.py").write_text(MODULE + wrong + "    return {**g, 'b': g['b'] / 2}, None, None\n")
    result = verify("cross_entropy", "wrong", "inputs.toml", "--max-side", "2")
    assert result.exit_code == 1, result.output
    assert "--signature inputs.toml --seed 0 --max-examples 20 --max-side 2" in " ".join(result.stdout.split())
    printed = result.stdout.partition("This program repeats it:\n")[2]
    done = subprocess.run([sys.executable, "-c", printed], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.splitlines()[0] in result.stdout


BAD = {
    "no TOML": ("x = (n)", "cannot be read as TOML"),
    "no argument": ("", "names no argument"),
    "a number": ("x = 3", "x in 'inputs.toml' is 3, wanted a shape"),
    "no shape": ('x = "n"', "wanted the shape of every argument"),
    "two shapes": ('x = "(n),(d)"', "wanted the shape of one array"),
    "an unknown key": ('x = {shape = "(n)", positve = true}', "has 'positve', wanted"),
    "two kinds": ('x = {shape = "(n)", positive = true, range = [0, 1]}', "wanted one of them"),
    "a range of words": ('x = {shape = "(n)", range = ["a", "b"]}', "wanted two numbers"),
    "a wrong order": ('x = {shape = "(n)", integers = [3, 0]}', "wanted [lowest, largest]"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_description_that_cannot_be_used_says_why(folder, text, said):
    (folder / "inputs.toml").write_text(text)
    result = verify("warns", "twice", "inputs.toml")
    assert result.exit_code == 2, result.output
    assert said in result.stderr


# Code that ends the command, warns, or cannot be imported --------------------------------------------------

ENDS = [
    "sys.exit(0)",
    "sys.exit()",
    "raise SystemExit",
    "raise GeneratorExit",
    "import asyncio; raise asyncio.CancelledError",
]


@pytest.mark.parametrize("statement", ENDS)
@pytest.mark.parametrize("where", ["at import", "in the loss", "in the gradient", "after a while"])
def test_code_that_ends_the_process_is_no_pass(folder, statement, where):
    ends = {
        "at import": f"import sys\n{statement}\n",
        "in the loss": f"import sys\ndef f(x):\n    {statement}\ndef g(x):\n    return 2 * x\n",
        "in the gradient": f"import sys\ndef f(x):\n    return (x ** 2).sum()\ndef g(x):\n    {statement}\n",
        "after a while": "import sys\ncalls = []\ndef f(x):\n    calls.append(1)\n    if len(calls) > 500:\n"
        f"        {statement}\n    return (x ** 2).sum()\ndef g(x):\n    return 2 * x\n",
    }
    (folder / "ending.py").write_text(ends[where])
    sys.modules.pop("ending", None)
    result = run("ending:f", "ending:g", "--signature", "(n)")
    assert result.exit_code == 2, result.output
    assert re.search(r"^gradcheck: .*ending\.py, line \d+\)", result.stderr, re.MULTILINE), result.stderr
    assert "PASS" not in result.stdout
    assert result.stderr.count("\n") == 1


def test_a_file_of_given_functions_that_ends_the_process_is_no_pass(folder):
    (folder / "ending.py").write_text(
        "import sys\nfrom hypothesis import given, strategies as st\n"
        "@given(st.integers())\ndef f(x):\n    sys.exit(0)\n"
    )
    result = run("ending.py")
    assert result.exit_code == 2, result.output
    assert "ending.py, line 5)" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [("x = 1\ny = 1 / 0\n", "ZeroDivisionError: division by zero"), ("x = 1\ndef (:\n", "SyntaxError: invalid syntax")],
)
def test_an_import_error_has_its_file_and_its_line(folder, text, said):
    (folder / "broken.py").write_text(text)
    result = run("broken:f", "--signature", "(n)")
    assert result.exit_code == 2
    assert re.search(rf"cannot be imported: {said} \(\S*broken\.py, line 2\)$", result.stderr.strip())


def test_a_warning_is_shown_once_and_counted():
    result = verify("warns", "twice", "(n)")
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"warned \d{3,} times: UserWarning: look \[here\] \(drawn\.py, line \d+\)\n", result.stderr)


def test_brackets_are_text_and_no_markup(folder):
    (folder / "drawn.py").write_text(MODULE + "\nraise RuntimeError('[red]pip install[/red] [torch]')\n")
    result = verify("loss", "half", "(n,d),(d,k)")
    assert "[red]pip install[/red] [torch]" in result.stderr


def test_characters_that_a_terminal_would_obey_are_shown_by_their_escapes(folder):
    (folder / "drawn.py").write_text("raise RuntimeError('\\x1b[31mred \\ud800')\n")
    result = verify("loss", "half", "(n,d),(d,k)")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "[31mred" in result.stderr


@pytest.mark.parametrize("rtol", ["nan", "inf", "0", "-1"])
def test_a_tolerance_that_is_none_is_refused_before_anything_is_drawn(rtol):
    result = verify("loss", "half", "(n,d),(d,k)", "--rtol", rtol)
    assert result.exit_code == 2
    assert "Invalid value for '--rtol'" in result.stderr


def test_sizes_beyond_any_number_are_refused():
    result = verify("loss", "half", "(n,d),(d,k)", "--max-side", "1" + "0" * 400)
    assert result.exit_code == 2
    assert "GiB of memory" in result.stderr


# What repeats a failure -----------------------------------------------------------------------------------


def test_the_command_that_is_printed_repeats_the_failure_and_is_quoted_for_a_shell(folder):
    result = verify("loss", "half", "(n,d),(d,k)", "--max-side", "3", "--range", "0.5", "2", "--seed", "4")
    assert result.exit_code == 1, result.output
    line = re.search(r"repeat: +(gradcheck verify .*)", result.stdout)[1]
    again = subprocess.run(
        ["/bin/bash", "-c", line.replace("gradcheck", f"{sys.executable} -m gradcheck", 1)],
        capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert again.stdout == result.stdout


def test_the_page_of_a_failure_and_of_a_pass_is_written(folder):
    assert verify("loss", "half", "(n,d),(d,k)", "--report", "r.json").exit_code == 1
    assert json.loads((folder / "r.json").read_text())["verdict"] == "FAIL"
    assert verify("loss", "gradient", "(n,d),(d,k)", "--report", "r.html").exit_code == 0
    assert "PASS" in (folder / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", ["class", "2nd", "my-own", "args", "np", "of.a.class", "gradcheck"])
def test_the_program_compiles_whatever_the_module_is_called(module):
    text = program([f"{module}:loss", f"{module}:the-gradient"], (), seed=0)
    compile(text, "program", "exec")
    assert f"import_module('{module}')" in text
