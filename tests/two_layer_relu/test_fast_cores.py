"""The fast cores: no memory is asked for in a step after the first, arrays that do not fit are refused."""

import resource
import statistics
import tracemalloc

import numpy as np
import pytest

from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.two_layer_relu import numpy_core, numpy_fast
from gradcheck.two_layer_relu.blocks import blocks
from gradcheck.two_layer_relu.problem import Problem, Shape, draw

# One block of samples, one sample, several blocks.
SHAPES = [Shape(64, 1000, 100, 10), Shape(1, 1000, 100, 10), Shape(5000, 8, 64, 3)]
STEPS = 20
LR = 2.0**-40


def numpy_steps(core, shape, dtype):
    """A function that takes a step, after it was called once."""
    problem = draw(shape, dtype=dtype)
    step = numpy_fast.Workspace(problem).step if core == "fast" else lambda lr: numpy_core.step(*problem, lr)
    step(LR)
    return step


def traced(step):
    """The most bytes that Python and NumPy held in a step beyond those before it, the median of some steps.

    Other threads of the process are traced too, but not in every step.
    """
    found = []
    tracemalloc.start()
    try:
        for _ in range(STEPS):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            step(LR)
            found.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return statistics.median(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_numpy_step_after_the_first_asks_for_no_array(shape, dtype):
    scratch = 2 * 8192 * np.dtype(dtype).itemsize if shape.n == 1 else 0  # NumPy's own, for a column times a row
    assert traced(numpy_steps("fast", shape, dtype)) < scratch + 2048  # and scalars; the smallest array is larger


def test_the_textbooks_arrays_are_seen():
    shape = SHAPES[0]
    assert traced(numpy_steps("textbook", shape, "float64")) > 8 * shape.d_in * shape.h


def test_several_blocks_are_tested_here():
    assert [len(blocks(shape, 8)) > 1 for shape in SHAPES] == [False, False, True]


def page_faults(step):
    """The page faults of a step, the median of some: now and then there are those of the rest of the process."""
    found = []
    for _ in range(STEPS):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        step(LR)
        found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return statistics.median(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_numpy_step_after_the_first_touches_no_new_page(shape, dtype):
    assert page_faults(numpy_steps("fast", shape, dtype)) == 0


def test_arrays_of_another_kind_are_refused_by_name():
    problem = draw(Shape(2, 3, 4, 5), dtype="float64")
    with pytest.raises(ArgumentError, match=r"x is ndarray of dtype int64, wanted .* float32 or float64"):
        numpy_fast.Workspace(Problem(*(array.astype("int64") for array in problem)))
    with pytest.raises(ArgumentError, match=r"w2 has shape \(4, 5\)"):
        numpy_fast.Workspace(problem._replace(w1=np.ones((3, 3))))


# Torch ----------------------------------------------------------------------------------------------------


def torch_steps(core, shape, dtype):
    torch = pytest.importorskip("torch")
    from gradcheck.two_layer_relu import torch_core, torch_fast  # noqa: PLC0415

    del torch
    problem = torch_core.to_torch(draw(shape, dtype=dtype))
    step = torch_fast.TorchWorkspace(problem).step if core == "fast" else lambda lr: torch_core.step(*problem, lr)
    step(LR)
    return step


def allocated(step):
    """The largest tensor, in bytes, that some steps asked for."""
    from torch.profiler import ProfilerActivity, profile  # noqa: PLC0415

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        for _ in range(STEPS):
            step(LR)
    return max(event.cpu_memory_usage for event in profiled.events())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_torch_step_after_the_first_asks_for_nothing_but_its_loss(shape, dtype):
    assert allocated(torch_steps("fast", shape, dtype)) <= 8


def test_the_torch_textbooks_tensors_are_seen():
    shape = SHAPES[0]
    assert allocated(torch_steps("textbook", shape, "float64")) >= 8 * shape.d_in * shape.h


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_torch_step_after_the_first_touches_no_new_page(shape, dtype):
    assert page_faults(torch_steps("fast", shape, dtype)) == 0


def test_torch_tensors_of_another_kind_are_refused_by_name():
    torch = pytest.importorskip("torch")
    from gradcheck.two_layer_relu import torch_fast  # noqa: PLC0415

    with pytest.raises(ArgumentError, match=r"x is Tensor of dtype torch.int64, wanted a floating-point tensor"):
        torch_fast.TorchWorkspace(Problem(*(torch.ones(2, 2, dtype=torch.int64) for _ in range(4))))


def test_a_torch_that_flushes_subnormal_numbers_is_refused_with_what_to_do():
    torch = pytest.importorskip("torch")
    from gradcheck.two_layer_relu import torch_fast  # noqa: PLC0415

    if not torch.set_flush_denormal(True):
        pytest.skip("this CPU cannot flush subnormal numbers")
    try:
        with pytest.raises(UnsupportedError, match=r"call torch.set_flush_denormal\(False\), or use torch_core"):
            torch_fast.TorchWorkspace(Problem(*(torch.ones(2, 2) for _ in range(4))))
    finally:
        torch.set_flush_denormal(False)


def test_a_workspace_takes_another_learning_rate_at_every_step():
    kept, single = (Problem(*(np.copy(array) for array in draw(Shape(2, 3, 4, 5)))) for _ in range(2))
    workspace = numpy_fast.Workspace(kept)
    for lr in (2.0**-10, 2.0**-10, 2.0**-12, 0.0):
        assert workspace.step(lr) == numpy_fast.step(*single, lr)
        assert np.array_equal(kept.w1, single.w1)
        assert np.array_equal(kept.w2, single.w2)
