"""`gradcheck check`: a point from a file, every form of claim, files to write, what cannot be used."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gradcheck.cli import main

MODULE = """
import numpy as np

def loss(x, w):
    return ((x @ w) ** 2).sum()

def gradient(x, w):
    r = 2 * (x @ w)
    return r @ w.T, x.T @ r

def half(x, w):
    r = x @ w
    return r @ w.T, x.T @ r

def of_params(params):
    return (params["w"] ** 2).sum() + 3 * params["b"].sum()

def by_key(params):
    return {"w": 2 * params["w"], "b": np.full_like(params["b"], 3)}

def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()

def softmax_vjp(cotangent, z):
    p = softmax(z)
    return p * (cotangent - p @ cotangent)

def forward(z):
    return z ** 3, z

def backward(dout, cache):
    return 3 * cache ** 2 * dout

def relu(h):
    return np.maximum(h, 0).sum()

def relu_gradient(h):
    return 1.0 * (h >= 0)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "points.py").write_text(MODULE)
    rng = np.random.default_rng(0)
    np.savez("xw.npz", w=rng.standard_normal((3, 2)), x=rng.standard_normal((4, 3)))
    np.savez("in_order.npz", rng.standard_normal((4, 3)), rng.standard_normal((3, 2)))
    np.savez("params.npz", **{"params.w": rng.standard_normal(3), "params.b": rng.standard_normal(2)})
    np.save("z.npy", rng.standard_normal(4))
    np.save("h.npy", np.array([0.0, 1.0, -2.0]))
    yield tmp_path
    sys.modules.pop("points", None)


def run(*arguments):
    return CliRunner().invoke(main, ["check", *arguments])


RIGHT = {
    "by name": ["points:loss", "points:gradient", "--point", "xw.npz"],
    "in order": ["points:loss", "points:gradient", "--point", "in_order.npz"],
    "in float32": ["points:loss", "points:gradient", "--point", "xw.npz", "--dtype", "float32"],
    "a dict": ["points:of_params", "points:by_key", "--point", "params.npz"],
    "a vjp": ["points:softmax", "--vjp", "points:softmax_vjp", "--point", "z.npy"],
    "a backward": ["points:forward", "--backward", "points:backward", "--point", "z.npy"],
    "a kink": ["points:relu", "points:relu_gradient", "--point", "h.npy", "--kink", "right"],
}


@pytest.mark.parametrize("arguments", RIGHT.values(), ids=RIGHT)
def test_a_right_gradient_passes_whatever_its_form_and_its_point(arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("PASS  ")


def test_tensors_are_made_where_they_are_asked_for():
    pytest.importorskip("torch")
    result = run("points:loss", "points:gradient", "--point", "xw.npz", "--backend", "torch")
    assert result.exit_code == 0, result.output


def test_a_wrong_gradient_exits_with_1_and_the_report_goes_to_the_files():
    files = ["--json", "out.json", "--report", "out.html"]
    result = run("points:loss", "points:half", "--point", "xw.npz", *files)
    assert result.exit_code == 1, result.output
    assert result.stdout.startswith("FAIL  loss: ")
    assert "a factor 2 is missing" in " ".join(result.stdout.split())
    assert json.loads(Path("out.json").read_text(encoding="utf-8"))["verdict"] == "FAIL"
    assert "a factor 2 is missing" in Path("out.html").read_text(encoding="utf-8")


def test_another_convention_than_the_required_one_exits_with_1():
    result = run("points:relu", "points:relu_gradient", "--point", "h.npy", "--kink", "left")
    assert result.exit_code == 1, result.output


def test_what_stays_undecided_exits_with_3():
    result = run("points:loss", "points:gradient", "--point", "xw.npz", "--max-evaluations", "8")
    assert result.exit_code == 3, result.output
    assert result.stdout.startswith("INCONCLUSIVE  ")


def test_the_same_seed_prints_the_same():
    same = [run("points:loss", "points:half", "--point", "xw.npz", "--seed", "3").stdout for _ in range(2)]
    assert same[0] == same[1]
    assert "seed 3" in same[0]


BAD = {
    "no such file": (["points:loss", "--point", "no.npz"], "there is no such file"),
    "another kind of file": (["points:loss", "--point", "points.py"], "wanted a .npz or .npy file"),
    "a broken file": (["points:loss", "--point", "broken.npz"], "'broken.npz' cannot be read"),
    "objects": (["points:loss", "--point", "objects.npy"], "cannot be read: Object arrays cannot be loaded"),
    "words": (["points:loss", "--point", "words.npy"], "is of dtype <U4, wanted numbers"),
    "an empty file": (["points:loss", "--point", "none.npz"], "holds no array"),
    "an array and a dict": (["points:loss", "--point", "both.npz"], "which is an array itself"),
    "two claims": (["points:loss", "points:gradient", "--vjp", "points:half", "--point", "xw.npz"], "second claim"),
    "two forms": (["points:loss", "--jvp", "points:half", "--vjp", "points:half", "--point", "xw.npz"], "second claim"),
    "no module": (["nomodule:loss", "--point", "xw.npz"], "there is no module 'nomodule'"),
    "a folder for the page": (["points:loss", "--point", "xw.npz", "--report", "no/r.html"], "no directory 'no'"),
    "no function": (["points:loss", "points:gradeint", "--point", "xw.npz"], "did you mean 'gradient'?"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_exits_with_2_and_one_sentence(folder, arguments, message):
    (folder / "broken.npz").write_bytes(b"PK no archive")
    np.save("objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save("words.npy", np.array(["word"]))
    np.savez("none.npz")
    np.savez("both.npz", **{"a": np.ones(2), "a.b": np.ones(2)})
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(re.findall("^(?:gradcheck|Error): ", result.stderr, re.MULTILINE)) == 1
    assert result.stdout == ""
