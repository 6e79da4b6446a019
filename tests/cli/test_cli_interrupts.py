"""Ctrl-C ends a command with 130 and a line, whatever dropped it, and whenever it comes."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

COMMAND = [sys.executable, "-c", "from gradcheck_command import main; main()", "verify"]
FUNCTIONS = ["dropped:loss", "dropped:gradient", "--signature", "(n)"]

DROPPED = {
    "by the garbage collector's callbacks": """
def inside(phase, info):
    interrupt()
gc.callbacks.append(inside)
def loss(x):
    gc.collect()
    return (x ** 2).sum()
""",
    "by a destructor": """
class Thing:
    def __del__(self):
        interrupt()
def loss(x):
    Thing()
    return (x ** 2).sum()
""",
    "by a bare except": """
def loss(x):
    try:
        interrupt()
    except:
        pass
    return (x ** 2).sum()
""",
    "by nothing": """
def loss(x):
    interrupt()
    return (x ** 2).sum()
""",
    "at import": """
interrupt()
""",
}

START = """
import gc, os, signal
sent = []
def interrupt():
    if not sent:
        sent.append(True)
        os.kill(os.getpid(), signal.SIGINT)
def gradient(x):
    return 2 * x
"""


@pytest.mark.parametrize("text", DROPPED.values(), ids=DROPPED)
def test_an_interrupt_is_not_lost(tmp_path, text):
    (tmp_path / "dropped.py").write_text(START + text)
    command = [*COMMAND, *FUNCTIONS, "--max-examples", "1000000"]  # more than it could ever draw in that time
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120)
    assert done.returncode == 130, done.stderr
    assert done.stderr == "gradcheck: interrupted\n"


def test_a_function_that_drops_every_interrupt_is_ended_by_the_third(tmp_path):
    (tmp_path / "dropped.py").write_text(
        "import os, signal\ndef loss(x):\n    while True:\n        try:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n        except:\n            pass\n"
    )
    command = [*COMMAND, "dropped:loss", "--signature", "(n)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (130, "gradcheck: interrupted\n")


@pytest.mark.parametrize("moment", range(3))
def test_at_any_moment_it_is_a_line_and_no_traceback(moment):
    code = "from gradcheck_command import main; print('started', flush=True); main()"
    command = [sys.executable, "-c", code, "verify", "--backend", "numpy", "--shape", "4,5,6,2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        time.sleep(0.1 + 0.5 * moment)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) in {(130, "gradcheck: interrupted\n"), (0, "")}
    assert process.returncode == 130 or "PASS" in out
