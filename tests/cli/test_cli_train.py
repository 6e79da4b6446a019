"""`gradcheck train` and its group: what is printed where, exit codes, what an interruption keeps."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gradcheck.cli import COMMANDS, main
from gradcheck.cli.threads import VARIABLES
from gradcheck.two_layer_relu.problem import Shape, draw
from gradcheck.two_layer_relu.training import train

SMALL = ["--shape", "4,5,3,2", "--lr", "1e-3"]
GRADCHECK = [sys.executable, "-m", "gradcheck"]


def run(*arguments):
    return CliRunner().invoke(main, ["train", *SMALL, *arguments])


def small_losses(**options):
    losses, _ = train(draw(Shape(4, 5, 3, 2), dtype="float64"), lr=1e-3, **options)
    return losses


def as_lines(losses):
    return "".join(f"{t} {loss!r}\n" for t, loss in enumerate(losses))


def test_losses_go_to_standard_output_and_the_summary_then_to_standard_error():
    result = run("--steps", "3", "--losses", "-")
    assert result.exit_code == 0
    assert result.stdout == as_lines(small_losses(steps=3))
    assert "3 steps in" in result.stderr


def test_losses_go_to_a_file_and_the_summary_to_standard_output(tmp_path):
    result = run("--steps", "3", "--losses", str(tmp_path / "losses.txt"))
    assert result.exit_code == 0
    losses = small_losses(steps=3)
    assert (tmp_path / "losses.txt").read_text() == as_lines(losses)
    assert result.stdout.startswith("numpy float64, shape 4,5,3,2, seed 0, lr 0.001: 3 steps in ")
    assert result.stdout.endswith(f"loss {losses[0]:.8g} -> {losses[-1]:.8g}\n")
    assert result.stderr == ""  # no progress bar where there is no terminal


def test_torch_trains_as_numpy_does():
    pytest.importorskip("torch")
    result = run("--steps", "3", "--losses", "-", "--backend", "torch")
    assert result.exit_code == 0
    got = [float(line.split()[1]) for line in result.stdout.splitlines()]
    # Three steps of a network with sums of at most 8 terms: a few dozen roundings.
    assert got == pytest.approx(small_losses(steps=3), rel=1e-13)


def test_seed_and_dtype_are_those_of_the_draw():
    result = run("--steps", "1", "--losses", "-", "--seed", "7", "--dtype", "float32")
    losses, _ = train(draw(Shape(4, 5, 3, 2), 7, "float32"), steps=1)
    assert result.stdout == as_lines(losses)


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_plot_draws_a_picture(tmp_path, suffix, start):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"loss.{suffix}"
    assert run("--steps", "5", "--plot", str(path)).exit_code == 0
    assert path.read_bytes().startswith(start)


def test_a_divergence_is_one_sentence_and_keeps_losses_and_picture(tmp_path):
    pytest.importorskip("matplotlib")
    lines, picture = tmp_path / "losses.txt", tmp_path / "loss.png"
    result = run("--lr", "1e3", "--losses", str(lines), "--plot", str(picture))
    assert result.exit_code == 2
    assert result.stderr.startswith("gradcheck: Training diverged with lr=1000: the loss of step ")
    assert result.stderr.count("\n") == 1
    kept = len(lines.read_text().splitlines())
    assert f"the loss of step {kept} is" in result.stderr
    assert f"{kept} of 500 steps" in result.stdout
    assert picture.exists()


BAD = {
    "negative lr": (["--lr", "-1"], "gradcheck: lr is -1.0, wanted a positive finite number"),
    "NumPy elsewhere": (["--device", "cuda"], "gradcheck: device is 'cuda', but NumPy computes on 'cpu'"),
    "three sizes": (["--shape", "1,2,3"], "wanted four integers such as 64,1000,100,10"),
    "negative size": (["--shape", "1,2,3,-4"], "wanted four integers such as 64,1000,100,10"),
    "negative steps": (["--steps", "-1"], "Invalid value for '--steps'"),
    "no directory for the losses": (["--losses", "nowhere/losses.txt"], "Invalid value for '--losses'"),
    "no directory for the picture": (["--plot", "nowhere/loss.png"], "there is no directory 'nowhere'"),
    "a picture of no known kind": (["--plot", "loss.txt"], "wanted a name that ends in one of .pdf, .png, .svg"),
    "unknown backend": (["--backend", "jax"], "Invalid value for '--backend'"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_options_exit_with_2_and_say_why(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("missing", "arguments", "install"),
    [
        ("torch", ["--backend", "torch"], "pip install 'gradcheck[torch]'"),
        ("matplotlib", ["--plot", "loss.png"], "pip install 'gradcheck[plot]'"),
    ],
)
def test_a_missing_package_is_one_sentence_with_what_to_install(missing, arguments, install):
    code = f"import sys; sys.modules[{missing!r}] = None; from gradcheck.cli import main; main()"
    command = [sys.executable, "-c", code, "train", *SMALL, *arguments]
    unset = {name: value for name, value in os.environ.items() if name not in VARIABLES}  # which CI sets, and few do
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=unset)
    assert done.returncode == 2
    assert install in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_keeps_what_was_computed(tmp_path):
    lines = tmp_path / "losses.txt"
    command = [*GRADCHECK, "train", *SMALL, "--steps", "100000000", "--losses", str(lines)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (lines.exists() and lines.stat().st_size > 0):  # the first full buffer: it is training
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "gradcheck: interrupted\n"
    written = lines.read_text()
    count = len(written.splitlines())
    counted = int(re.search(r": (\d+) of 100000000 steps", stdout)[1])
    assert count - counted in (0, 1)  # the signal may come between writing a loss and counting it
    assert written.startswith(as_lines(small_losses(steps=50)))
    assert written.splitlines()[-1].startswith(f"{count - 1} ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is Linux's")
def test_a_full_disk_ends_with_one_line():
    command = [*GRADCHECK, "train", *SMALL, "--steps", "3", "--losses", "/dev/full"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert re.fullmatch(r"gradcheck: .*No space left on device.*\n", result.stderr)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_closed_pipe_ends_quietly():
    command = [*GRADCHECK, "train", *SMALL, "--steps", "100000", "--losses", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("0 ")
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        lines = process.stderr.read().splitlines()
    assert len(lines) <= 1  # the summary, if the pipe was closed between two flushes; no traceback
    assert all(line.startswith("numpy float64, shape 4,5,3,2") for line in lines)


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal is POSIX")
@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_a_progress_bar_and_no_color_is_respected(no_color):
    import pty  # noqa: PLC0415  not on Windows

    ours, theirs = pty.openpty()
    environment = {name: text for name, text in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    environment |= {"TERM": "xterm-256color"} | ({"NO_COLOR": "1"} if no_color else {})
    code = "from gradcheck.cli import main, progress; progress.PATIENCE = 0; main()"
    command = [sys.executable, "-c", code, "train", *SMALL, "--steps", "5"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "5/5" in shown
    assert ("\x1b[3" in shown or "\x1b[9" in shown) is not no_color
    assert done.stdout.startswith("numpy float64, shape 4,5,3,2, seed 0")


def test_help_loads_no_command_and_none_of_their_libraries():
    code = (
        "import sys\nfrom gradcheck.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "print(sorted({'rich', 'torch', 'matplotlib', 'gradcheck.cli.train'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name, line in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert line in done.stdout


def test_an_unknown_command_is_a_usage_error():
    result = CliRunner().invoke(main, ["trian"])
    assert result.exit_code == 2
    assert "No such command 'trian'" in result.stderr


def test_train_is_found_by_its_name():
    command = main.get_command(click.Context(main), "train")
    assert command.name == "train"


@pytest.mark.parametrize(("options", "said"), [(["--device", "nope", "--backend", "torch"], "nope"), (["9"], "9")])
def test_what_is_refused_leaves_the_file_of_losses_as_it_was(tmp_path, options, said):
    path = tmp_path / "losses.txt"
    path.write_text("mine")
    result = run("--steps", "1", "--losses", str(path), *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert path.read_text() == "mine"
