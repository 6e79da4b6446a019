"""What the fast cores refuse; that they compute what the textbook does is in property_tests/test_fast_cores.py."""

import numpy as np
import pytest

from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.two_layer_relu import numpy_fast
from gradcheck.two_layer_relu.problem import Problem, Shape, draw

PROBLEM = draw(Shape(2, 3, 4, 5))


@pytest.mark.parametrize("dtype", ["int64", "float16", "complex128"])
def test_numpy_s_fast_core_takes_float32_and_float64_only(dtype):
    problem = Problem(*(array.astype(dtype) for array in PROBLEM))
    with pytest.raises(ArgumentError, match=f"x is ndarray of dtype {dtype}, but should be a NumPy array of float32"):
        numpy_fast.Workspace(problem)


def test_torch_s_fast_core_takes_tensors_only():
    pytest.importorskip("torch")
    from gradcheck.two_layer_relu import torch_fast  # noqa: PLC0415

    with pytest.raises(ArgumentError, match=r"x is ndarray of dtype float64, but should be .* pass to_torch"):
        torch_fast.Workspace(PROBLEM)


def test_torch_s_mask_needs_subnormal_numbers_and_says_so_where_they_are_switched_off():
    torch = pytest.importorskip("torch")
    from gradcheck.two_layer_relu import torch_core, torch_fast  # noqa: PLC0415

    if not torch.set_flush_denormal(True):
        pytest.skip("this processor does not flush subnormal numbers")
    try:
        with pytest.raises(UnsupportedError, match=r"call torch.set_flush_denormal\(False\), or use torch_core"):
            torch_fast.Workspace(torch_core.to_torch(PROBLEM))
    finally:
        torch.set_flush_denormal(False)
    torch_fast.Workspace(torch_core.to_torch(PROBLEM))


def test_a_workspace_takes_another_learning_rate_at_every_step():
    kept, single = (Problem(*(np.copy(array) for array in PROBLEM)) for _ in range(2))
    workspace = numpy_fast.Workspace(kept)
    for lr in (2.0**-10, 2.0**-10, 2.0**-12, 0.0):
        assert workspace.step(lr) == numpy_fast.step(*single, lr)
        assert np.array_equal(kept.w1, single.w1)
        assert np.array_equal(kept.w2, single.w2)
