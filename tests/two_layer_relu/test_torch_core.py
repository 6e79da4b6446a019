"""The Torch network against numbers worked out on paper, and the door from NumPy to Torch."""

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gradcheck import errors  # noqa: E402  Torch first: without it this file is skipped
from gradcheck.two_layer_relu import torch_core  # noqa: E402
from gradcheck.two_layer_relu.problem import Problem, Shape, draw  # noqa: E402

# The example of test_numpy_core.py: h = [[1, 3], [3, -5]], y_pred - y = [[1], [-2]].
PAPER = Problem(
    x=np.array([[1.0, 2], [3, -1]]),
    y=np.array([[4.0], [8]]),
    w1=np.array([[1.0, -1], [0, 2]]),
    w2=np.array([[2.0], [1]]),
)
GRADIENTS = [[[2, 4], [-8, 0]], [[-2], [4]], [[-20, 2], [16, 4]], [[-10], [6]]]


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return request.param


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_loss_and_gradients_are_those_on_paper(device, dtype):
    problem = torch_core.to_torch(PAPER, device, dtype)
    lines = torch_core.forward(problem.x, problem.w1, problem.w2)
    assert lines.h.tolist() == [[1, 3], [3, -5]]
    assert lines.h_relu.tolist() == [[1, 3], [3, 0]]
    assert lines.y_pred.tolist() == [[5], [6]]
    loss = torch_core.loss(*problem)
    assert loss.shape == ()
    assert loss.item() == 5
    grad = torch_core.gradients(*problem)
    assert [tensor.tolist() for tensor in grad] == GRADIENTS
    for tensor in (loss, *grad):
        assert tensor.dtype == getattr(torch, dtype)
        assert tensor.device.type == device


def test_gradients_use_no_autograd_and_leave_their_arguments_alone():
    problem = torch_core.to_torch(PAPER)
    with torch.inference_mode():  # in which autograd cannot record
        assert [tensor.tolist() for tensor in torch_core.gradients(*problem)] == GRADIENTS
    for got, want in zip(problem, PAPER, strict=True):
        np.testing.assert_array_equal(got.numpy(), want)


def test_relu_has_slope_1_at_0():
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    assert [tensor.item() for tensor in torch_core.gradients(one, -one, zero, one)] == [0, -2, 2, 0]


def test_a_step_moves_the_weights_against_the_gradient_and_returns_the_loss_before():
    problem = torch_core.to_torch(PAPER)
    assert torch_core.step(*problem, 0.125).item() == 5
    assert problem.w1.tolist() == [[3.5, -1.25], [-2, 1.5]]
    assert problem.w2.tolist() == [[3.25], [0.25]]
    assert PAPER.w1.tolist() == [[1, -1], [0, 2]]  # the tensors are copies


@pytest.mark.parametrize("empty", Shape._fields)
def test_a_size_of_zero_is_an_empty_sum(empty):
    problem = torch_core.to_torch(draw(Shape(2, 3, 4, 5)._replace(**{empty: 0})))
    want = (problem.y**2).sum().item() if empty in {"d_in", "h"} else 0
    assert torch_core.loss(*problem).item() == pytest.approx(want, rel=1e-14)
    assert [grad.shape for grad in torch_core.gradients(*problem)] == [tensor.shape for tensor in problem]


MISFITS = {
    "x is a vector": ({"x": torch.ones(2)}, r"x has shape \(2,\), wanted a matrix \(n, d_in\)"),
    "y lacks a sample": (
        {"y": torch.ones(1, 1).double()},
        r"y has shape \(1, 1\), wanted .* = \(2, 1\)",
    ),
    "w1 is float32": (
        {"w1": torch.ones(2, 2)},
        "w1 has dtype torch.float32, wanted torch.float64 like x",
    ),
    "w2 is elsewhere": (
        {"w2": torch.ones(2, 1, dtype=torch.float64, device="meta")},
        "w2 has device meta, wanted cpu like x",
    ),
}


@pytest.mark.parametrize(("change", "message"), MISFITS.values(), ids=MISFITS)
@pytest.mark.parametrize("function", [torch_core.loss, torch_core.gradients])
def test_tensors_that_do_not_fit_are_named(function, change, message):
    with pytest.raises(errors.ArgumentError, match=message):
        function(**torch_core.to_torch(PAPER)._asdict() | change)


@pytest.mark.parametrize("device", ["gpu", 3.5])
def test_an_unknown_device_is_an_argument_error(device):
    with pytest.raises(errors.ArgumentError, match="is unknown to Torch: pass 'cpu' or 'cuda'"):
        torch_core.to_torch(PAPER, device)


def test_a_device_without_numbers_is_refused():
    with pytest.raises(errors.ArgumentError, match="device 'meta' holds no numbers: pass 'cpu' or 'cuda'"):
        torch_core.to_torch(PAPER, "meta")


def test_a_device_that_is_not_there_is_said_so():
    with pytest.raises(errors.UnsupportedError, match="'cuda:63' is not available here"):
        torch_core.to_torch(PAPER, "cuda:63")


@pytest.mark.parametrize("dtype", ["int32", "nonsense", torch.int64, 3])
def test_a_dtype_that_is_not_floating_point_is_refused(dtype):
    with pytest.raises(errors.ArgumentError, match="wanted a floating-point one"):
        torch_core.to_torch(PAPER, dtype=dtype)


def test_without_torch_the_import_says_what_to_install():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from gradcheck.errors import UnsupportedError\n"
        "try:\n    import gradcheck.two_layer_relu.torch_core\n"
        "except UnsupportedError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'gradcheck[torch]'" in done.stdout
