"""What a problem on the ReLU boundary promises: h the same in every dtype, library and order of adding."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from gradcheck.two_layer_relu.boundary_problems import boundary_problems


def exact_hidden(problem):
    x, w1 = (np.array([[Fraction(float(v)) for v in row] for row in a], dtype=object) for a in problem[::2])
    return x.dot(w1)


@given(boundary_problems())
def test_hidden_units_are_computed_without_rounding_in_any_order(problem):
    exact = exact_hidden(problem)
    for order in (slice(None), slice(None, None, -1)):
        h = problem.x[:, order] @ problem.w1[order]
        assert (np.vectorize(Fraction, otypes=[object])(h.astype("float64")) == exact).all()


@given(boundary_problems())
def test_torch_computes_the_same_hidden_units(problem):
    torch = pytest.importorskip("torch")
    h = (torch.from_numpy(problem.x) @ torch.from_numpy(problem.w1)).numpy()
    np.testing.assert_array_equal(h, problem.x @ problem.w1)


@given(boundary_problems(kinds=["zero"], dtype="float32"))
def test_the_zeros_of_float32_are_those_of_float64(problem):
    wide = problem.x.astype("float64") @ problem.w1.astype("float64")
    np.testing.assert_array_equal(problem.x @ problem.w1 == 0, wide == 0)
