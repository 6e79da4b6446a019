"""Where a reference overflows there is nothing to be held against; odd answers of it are the caller's error."""

import numpy as np
import pytest

import gradcheck as gc

PAIR = (lambda x: x * x, lambda c, x: 2 * c * x)


def test_a_kernel_that_overflows_as_its_reference_does_is_undecided_and_not_right():
    report = gc.check_kernel(PAIR, PAIR, (np.full(3, 1e308),))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "nowhere finite" in report["output"].reason


def test_one_finite_entry_is_compared():
    report = gc.check_kernel(PAIR, PAIR, (np.array([1e308, 2.0, 3.0]),))
    assert report["output"].verdict is gc.Verdict.PASS


def test_a_seed_of_numpy_is_a_seed():
    torch = pytest.importorskip("torch")
    x = torch.linspace(0.5, 2.0, 5)
    reports = [gc.check_kernel(lambda x: x * x, lambda x: x * x, (x,), seed=s) for s in (4, np.uint8(4))]
    assert str(reports[0]) == str(reports[1])


def test_a_double_backward_of_what_returns_no_tensors_is_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(gc.GradcheckError, match="returned no tensors"):
        gc.check_kernel(lambda _: np.ones(3), lambda x: x, (torch.ones(3),), order=2)


def test_a_reference_whose_shape_changes_from_call_to_call_is_refused():
    torch = pytest.importorskip("torch")
    sizes = iter([3] * 3 + [6] * 100)
    with pytest.raises(gc.GradcheckError, match="shape"):
        gc.check_kernel(lambda x: x * 2, lambda x: (x * 2).repeat(next(sizes) // 3), (torch.ones(3),))
