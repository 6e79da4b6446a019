"""The kernels of docs/kernels: Triton (under its interpreter without a GPU), C++ and Numba, right and wrong ones."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

import gradcheck as gc

torch = pytest.importorskip("torch")

FOLDER = Path(__file__).parents[2] / "docs" / "kernels"
TRITON = ("rms_norm", "cross_entropy", "swiglu", "recurrence", "attention")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def triton():
    if DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("there is no device, and Triton's interpreter is switched off")
    return pytest.importorskip("triton")


def judged(module, dtype, mistake):
    return gc.check_kernel(
        lambda *args: module.kernel(*args, mistake=mistake), module.reference, module.inputs(dtype, DEVICE)
    )


@pytest.mark.parametrize(
    "name", ["swiglu", *(pytest.param(n, marks=pytest.mark.thorough) for n in TRITON if n != "swiglu")]
)
def test_triton_kernels_right_and_wrong(triton, name):  # noqa: ARG001  the fixture skips without it
    module = example(f"triton_{name}")
    right = judged(module, torch.bfloat16, "")
    assert right.verdict is gc.Verdict.PASS, str(right)
    for mistake in module.WRONG:
        assert judged(module, torch.bfloat16, mistake).verdict is gc.Verdict.FAIL, mistake


@pytest.mark.thorough  # compiles for half a minute
def test_a_cpp_kernel_right_and_wrong():
    if shutil.which("g++") is None or (importlib.util.find_spec("ninja") is None and shutil.which("ninja") is None):
        pytest.skip("needs g++ and ninja")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where pip puts ninja
    module = example("cpp_softmax")
    right = judged(module, torch.float16, "")
    assert right.verdict is gc.Verdict.PASS, str(right)
    for mistake in module.WRONG:
        report = judged(module, torch.float16, mistake)
        assert report.verdict is gc.Verdict.FAIL, mistake
    assert "contiguous" in report.complaint


@pytest.mark.thorough  # compiles too
def test_a_numba_kernel_right_and_wrong():
    pytest.importorskip("numba")
    module = example("numba_layer_norm")
    assert gc.check_kernel(module.kernel(), module.reference, module.inputs())
    for mistake in module.WRONG:
        report = gc.check_kernel(module.kernel(mistake), module.reference, module.inputs())
        assert report.verdict is gc.Verdict.FAIL, mistake
