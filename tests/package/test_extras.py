"""What an optional library is needed for says so in one sentence, with the command that installs it."""

import os
import re
import subprocess
import sys

import pytest

# Nothing finds the library, as where it is not installed.
WITHOUT = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name.partition(".")[0] == {library!r} else find(name, *rest)

import numpy as np
import gradcheck as gc
report = gc.check(lambda x: np.sum(x**2), lambda x: 2 * x, (np.ones(2),))
try:
    {statement}
except gc.UnsupportedError as error:
    print(error)
"""
NEEDS = {
    "a page": ("jinja2", "report.save('report.html')", "report"),
    "a picture": ("matplotlib", "report.plot()", "plot"),
    "strategies": ("hypothesis", "import gradcheck.strategies", "hypothesis"),
    "a search for a counterexample": ("hypothesis", "import gradcheck.search.counterexample", "hypothesis"),
    "a file of given functions": ("hypothesis", "import gradcheck.cli.verify_file", "hypothesis"),
    "exact arithmetic": (
        "flint",
        "gc.check(lambda x: np.sum(x**2), lambda x: 2 * x, (np.ones(2),), oracle='exact')",
        "exact",
    ),
    "the Torch network": ("torch", "import gradcheck.two_layer_relu.torch_core", "torch"),
    "the fast Torch network": ("torch", "import gradcheck.two_layer_relu.torch_fast", "torch"),
    "Torch arrays to draw": (
        "torch",
        "from gradcheck.strategies import arrays_for; arrays_for('(n)->()', library='torch')",
        "torch",
    ),
}


def output_of(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, **options).stdout


@pytest.mark.parametrize(("library", "statement", "extra"), NEEDS.values(), ids=NEEDS)
def test_what_is_missing_is_named_with_how_to_install_it(library, statement, extra, tmp_path):
    if "strategies" in statement:
        pytest.importorskip("hypothesis")
    said = output_of(WITHOUT.format(library=library, statement=statement), cwd=tmp_path)
    assert said.count("\n") == 1
    assert "which is not installed" in said
    assert f"pip install 'gradcheck[{extra}]'" in said


@pytest.mark.parametrize("library", ["jinja2", "matplotlib", "hypothesis", "flint", "torch"])
def test_a_check_and_its_text_need_none_of_them(library):
    assert "PASS" in output_of(WITHOUT.format(library=library, statement="print(report)"))


@pytest.mark.parametrize("library", ["jinja2", "matplotlib", "hypothesis", "flint", "torch"])
def test_a_point_from_a_file_needs_none_of_them(library, tmp_path):
    (tmp_path / "mine.py").write_text("def loss(w):\n    return (w**2).sum()\n\ndef gradient(w):\n    return 2 * w\n")
    statement = (
        "np.savez('data.npz', w=np.ones(3)); from gradcheck.cli import main; "
        "main(['check', 'mine:loss', 'mine:gradient', '--point', 'data.npz'])"
    )
    assert "PASS" in output_of(WITHOUT.format(library=library, statement=statement), cwd=tmp_path)


def test_a_page_without_matplotlib_has_no_pictures_and_says_why(tmp_path):
    pytest.importorskip("jinja2")
    output_of(WITHOUT.format(library="matplotlib", statement="report.save('report.html')"), cwd=tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Pictures need matplotlib" in page
    assert "<svg" not in page


# Terminals -------------------------------------------------------------------------------------------------------

WORK = """
from gradcheck.cli import progress
progress.PATIENCE = {patience}
with progress.progress(None, "loading") as say:
    say(0, "reading")
with progress.progress(3, "cells") as bar:
    for done in (1, 2):
        bar(done, "cells")
"""


def on_a_terminal(code):
    """Return what a program writes to its standard error, where that is a terminal."""
    pty = pytest.importorskip("pty")
    here, there = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stderr=there, stdout=subprocess.PIPE) as process:
        os.close(there)
        written = b""
        while True:
            try:
                read = os.read(here, 1 << 12)
            except OSError:  # the other end is closed
                break
            if not read:
                break
            written += read
    os.close(here)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode())  # without colours and moves of the cursor


def test_on_a_terminal_progress_is_shown_once_the_work_lasts():
    shown = on_a_terminal(WORK.format(patience=0))
    assert re.search(r"2/3 [-0-9:]+ cells", shown)  # with the time left
    assert "reading" in shown
    quick = on_a_terminal(WORK.format(patience=3600))
    assert "cells" not in quick


def test_in_a_pipe_progress_leaves_no_trace():
    done = subprocess.run([sys.executable, "-c", WORK.format(patience=0)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
