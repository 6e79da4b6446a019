"""`gradcheck kernel`: a kernel against its reference, on drawn inputs."""

import re

import pytest
from click.testing import CliRunner

import gradcheck as gc
from gradcheck.cli import main

torch = pytest.importorskip("torch")

MODULE = """
import torch

class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, wrong):
        ctx.save_for_backward(x, w)
        ctx.wrong = wrong
        return x * w

    @staticmethod
    def backward(ctx, c):
        x, w = ctx.saved_tensors
        dx = c * w
        if ctx.wrong and x.shape[1] > 32:
            dx[:, x.shape[1] // 32 * 32 :] = 0
        return dx, (c * x).sum(0), None

def fused(x, w):
    return Product.apply(x, w, False)

def broken(x, w):
    return Product.apply(x, w, True)

def plain(x, w):
    return x * w

def contradicted(x, w):  # its gradient of x is not its own slope: it judges nobody
    return (x + 0.1 * (x - x.detach())) * w

def some_sizes(x, w):
    if x.shape[0] % 2:
        raise ValueError("odd")
    return fused(x, w)
"""
CODES = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "fused_product.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)

    def invoke(kernel, *options, command=("kernel",), reference="plain", dtype="float32"):
        options = ["--reference", f"fused_product:{reference}", "--signature", "(n,d),(d)", "--dtype", dtype, *options]
        return CliRunner().invoke(main, [*command, f"fused_product:{kernel}", *options])

    return invoke


@pytest.mark.parametrize("command", [["kernel"], ["verify", "--kernel"]])
def test_a_wrong_kernel_is_shrunk_to_the_smallest_sizes(run, command):
    result = run("broken", "--blocks", command=command, dtype="bfloat16")
    assert result.exit_code == 1, result.output
    assert "n = 1, d = 33" in result.output


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_right_kernel_passes(run, dtype):
    result = run("fused", "--max-examples", "4", dtype=dtype)
    assert result.exit_code == 0, result.output
    assert "PASS  fused_product:fused: 4 cases drawn" in result.output


@pytest.mark.parametrize(
    ("kernel", "reference", "verdict"),
    [("fused", "plain", "PASS"), ("broken", "plain", "FAIL"), ("fused", "contradicted", "INCONCLUSIVE")],
)
def test_whatever_the_verdict_its_report_is_written(run, tmp_path, kernel, reference, verdict):
    pytest.importorskip("jinja2")
    options = ["--max-examples", "3", "--blocks", "--json", "k.json", "--report", "k.html"]
    result = run(kernel, *options, reference=reference)
    assert result.exit_code == CODES[verdict], result.output
    assert verdict in result.output
    report = gc.Report.from_json((tmp_path / "k.json").read_text(encoding="utf-8"))
    assert str(report.verdict) == verdict
    assert re.fullmatch(
        r"one of \d cases drawn from \(n,d\),\(d\) in float32: n = \d+, d = \d+ \(.*\)", report.notes[-1]
    )
    assert verdict in (tmp_path / "k.html").read_text(encoding="utf-8")


def test_what_could_not_be_checked_is_counted(run):
    result = run("some_sizes", "--max-examples", "8")
    assert result.exit_code == 0, result.output
    assert "cases left out, the last because: some_sizes raised ValueError on these inputs: odd" in result.output


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_a_folder_that_is_not_there_is_told_before_anything_is_drawn(run, option):
    result = run("nothing_like_it", option, "nowhere/k.html")
    assert result.exit_code == 2
    assert "nowhere" in result.output


def test_undecided_cases_are_told_with_the_smallest_of_them(run):
    done = run("fused", "--max-examples", "3", reference="contradicted")
    assert done.exit_code == 3
    assert "3 of 3 cases are undecided, no other is wrong; the smallest of them: n = " in done.output
    assert "contradicts the slopes" in " ".join(done.output.split())


def test_a_report_that_is_refused_leaves_the_data_as_it_was(run, tmp_path):
    (tmp_path / "k.json").write_text("mine")
    done = run("fused", "--max-examples", "1", "--json", "k.json", "--report", "k.txt")
    assert done.exit_code == 2
    assert (tmp_path / "k.json").read_text() == "mine"
