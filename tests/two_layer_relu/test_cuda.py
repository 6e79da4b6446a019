"""CUDA: importable, typed and refused in one sentence where there is no device; the same steps where there is one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck.errors import UnsupportedError
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Problem, Shape, draw

torch = pytest.importorskip("torch")

from gradcheck.bench.precision import gradient_errors  # noqa: E402  Torch first: without it, skipped
from gradcheck.bench.timing import seconds_on_cuda  # noqa: E402
from gradcheck.two_layer_relu import torch_fast  # noqa: E402
from gradcheck.two_layer_relu.cuda import GraphStep, tf32, why_no_cuda  # noqa: E402
from gradcheck.two_layer_relu.torch_core import to_torch  # noqa: E402

REASON = why_no_cuda()
SMALL = Shape(4, 5, 3, 2)
LR = 2.0**-10


def test_the_module_is_imported_without_torch():
    code = "import sys; import gradcheck.two_layer_relu.problem; sys.modules['torch'] = None\n"
    code += "from gradcheck.errors import UnsupportedError\n"
    code += "try:\n    import gradcheck.two_layer_relu.cuda\nexcept UnsupportedError as error:\n    print(error)\n"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'gradcheck[torch]'" in done.stdout


@pytest.mark.skipif(not REASON, reason="there is a CUDA device")
def test_a_graph_without_a_device_is_refused_with_the_reason():
    with pytest.raises(UnsupportedError, match=r"A CUDA graph needs a CUDA device: Torch .* CUDA"):
        GraphStep(to_torch(draw(SMALL)), LR)


def test_tf32_is_an_option_for_a_while():
    before = torch.backends.cuda.matmul.allow_tf32
    with tf32():
        assert torch.backends.cuda.matmul.allow_tf32
        with tf32(enabled=False):
            assert not torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32 == before


def test_the_check_finds_an_error_of_the_size_of_each_precision():
    found = {(entry["dtype"], entry["argument"]): entry for entry in gradient_errors()}
    assert {dtype for dtype, _ in found} == {"float32", "bfloat16"}
    for (dtype, _), entry in found.items():
        eps = torch.finfo(getattr(torch, dtype)).eps
        # Each number is rounded to within eps/2 of itself: an error far from that is not the precision's.
        assert eps / 64 < entry["low"] < entry["high"] < 64 * eps


@pytest.mark.skipif(not REASON, reason="there is a CUDA device")
def test_the_script_for_a_device_says_that_there_is_none_and_writes_nothing(tmp_path):
    script = Path(__file__).parents[2] / ".ci" / "cuda.py"
    if not script.exists():
        pytest.skip("the source archive has it, the tests beside a wheel have not")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert re.fullmatch(r"PyTorch \S+ finds no CUDA device: nothing was run\n", done.stdout)
    assert list(tmp_path.iterdir()) == []


# On a device ----------------------------------------------------------------------------------------------

on_a_device = [pytest.mark.cuda, pytest.mark.skipif(bool(REASON), reason=REASON)]


def on_cuda(fixture_or_test):
    for mark in on_a_device:
        fixture_or_test = mark(fixture_or_test)
    return fixture_or_test


def wanted(shape, steps):
    """The losses and the weights after some textbook steps in NumPy."""
    problem = draw(shape, dtype="float64")
    return [numpy_core.step(*problem, LR) for _ in range(steps)], problem


@on_cuda
@pytest.mark.parametrize("make", ["workspace", "graph"])
def test_steps_on_a_device_are_the_textbooks(make):
    losses, want = wanted(SMALL, 3)
    problem = to_torch(draw(SMALL, dtype="float64"), "cuda")
    workspace = torch_fast.TorchWorkspace(problem)
    step = GraphStep(problem, LR) if make == "graph" else lambda: workspace.step(LR)
    got = [float(step()) for _ in range(3)]
    assert got == pytest.approx(losses, rel=1e-12)
    for name in ("w1", "w2"):
        assert getattr(problem, name).cpu().numpy() == pytest.approx(getattr(want, name), rel=1e-12)


@on_cuda
def test_recording_a_graph_leaves_the_weights_as_they_are():
    problem = to_torch(draw(SMALL, dtype="float64"), "cuda")
    before = Problem(*(tensor.clone() for tensor in problem))
    GraphStep(problem, LR)
    assert torch.equal(problem.w1, before.w1)
    assert torch.equal(problem.w2, before.w2)


@on_cuda
def test_nothing_in_a_step_waits_for_the_device():
    step = torch_fast.TorchWorkspace(to_torch(draw(SMALL), "cuda")).step
    step(LR)
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(LR)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@on_cuda
def test_a_step_after_the_first_asks_for_no_memory_but_its_loss():
    step = torch_fast.TorchWorkspace(to_torch(draw(Shape(64, 1000, 100, 10)), "cuda")).step
    step(LR)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step(LR)
    assert torch.cuda.max_memory_allocated() - before <= 1024  # the allocator's smallest block is 512


@on_cuda
def test_time_is_the_devices():
    a = torch.randn(4096, 4096, device="cuda")
    assert seconds_on_cuda(lambda: torch.mm(a, a), 10) > 10 * 2 * 4096**3 / 1e15  # no device does 1e15 in float32


@on_cuda
def test_tf32_is_judged_to_be_of_its_precision():
    found = [entry for entry in gradient_errors("cuda") if entry["dtype"] == "tf32"]
    assert found
    assert all(2**-17 < entry["high"] < 2**-4 for entry in found)  # eps is 2^-10
