"""`gradcheck kernel`: a kernel against its reference, on drawn inputs."""

import pytest
from click.testing import CliRunner

from gradcheck.cli import main

pytest.importorskip("torch")

MODULE = """
import torch

class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, c):
        x, w = ctx.saved_tensors
        dx = c * w
        if x.shape[1] > 32:
            dx[:, x.shape[1] // 32 * 32 :] = 0
        return dx, (c * x).sum(0)

def fused(x, w):
    return Product.apply(x, w)

def plain(x, w):
    return x * w
"""


@pytest.mark.parametrize("command", [["kernel", "fused_product:fused"], ["verify", "--kernel", "fused_product:fused"]])
def test_a_wrong_kernel_is_shrunk_to_the_smallest_sizes(tmp_path, monkeypatch, command):
    (tmp_path / "fused_product.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    options = ["--reference", "fused_product:plain", "--signature", "(n,d),(d)", "--blocks"]
    result = CliRunner().invoke(main, [*command, *options])
    assert result.exit_code == 1, result.output
    assert "n = 1, d = 33" in result.output


def test_a_right_kernel_passes(tmp_path, monkeypatch):
    (tmp_path / "fused_product_right.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    options = ["--reference", "fused_product_right:plain", "--signature", "(n,d),(d)", "--max-examples", "4"]
    result = CliRunner().invoke(main, ["kernel", "fused_product_right:plain", *options])
    assert result.exit_code == 0, result.output
    assert "PASS" in result.output


def test_undecided_cases_are_told_with_the_smallest_of_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "undecided_kernel.py").write_text(
        "def plain(x):\n    return (x * x).detach() + x\n\nfused = plain\n"  # its gradient contradicts its slopes
    )
    done = CliRunner().invoke(
        main, ["kernel", "undecided_kernel:fused", "--reference", "undecided_kernel:plain", "--signature", "(n)"]
    )
    assert done.exit_code == 3
    assert "are undecided, no other is wrong; the smallest of them: n = " in done.output
    assert "contradicts the slopes" in " ".join(done.output.split())
