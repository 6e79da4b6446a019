"""The NumPy network against numbers worked out on paper, in floats and in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from gradcheck import errors
from gradcheck.two_layer_relu import numpy_core

# Two samples, two inputs, two hidden units, one output. On paper:
#   h = [[1, 3], [3, -5]], h_relu = [[1, 3], [3, 0]], y_pred = [[5], [6]], y_pred - y = [[1], [-2]].
X = [[1, 2], [3, -1]]
Y = [[4], [8]]
W1 = [[1, -1], [0, 2]]
W2 = [[2], [1]]
GRAD_X = [[2, 4], [-8, 0]]
GRAD_Y = [[-2], [4]]
GRAD_W1 = [[-20, 2], [16, 4]]
GRAD_W2 = [[-10], [6]]


def paper(dtype):
    return tuple(np.array(rows, dtype) for rows in (X, Y, W1, W2))


def exact(rows):
    return np.array([[Fraction(number, 3) for number in row] for row in rows], dtype=object)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_loss_and_gradients_are_those_on_paper(dtype):
    x, y, w1, w2 = paper(dtype)
    lines = numpy_core.forward(x, w1, w2)
    assert lines.h.tolist() == [[1, 3], [3, -5]]
    assert lines.h_relu.tolist() == [[1, 3], [3, 0]]
    assert lines.y_pred.tolist() == [[5], [6]]
    loss = numpy_core.loss(x, y, w1, w2)
    assert loss == 5
    assert loss.dtype == dtype
    grad = numpy_core.gradients(x, y, w1, w2)
    assert [array.tolist() for array in grad] == [GRAD_X, GRAD_Y, GRAD_W1, GRAD_W2]
    assert all(array.dtype == dtype for array in grad)


def test_the_five_lines_of_the_backward_pass_are_those_on_paper():
    x, y, w1, w2 = paper("float64")
    grad = numpy_core.backward(x, y, w2, numpy_core.forward(x, w1, w2))
    assert grad.y_pred.tolist() == [[2], [-4]]
    assert grad.w2.tolist() == GRAD_W2
    assert grad.h_relu.tolist() == [[4, 2], [-8, -4]]
    assert grad.h.tolist() == [[4, 2], [-8, 0]]
    assert grad.w1.tolist() == GRAD_W1


def test_gradients_leave_their_arguments_alone():
    arguments = paper("float64")
    before = [array.copy() for array in arguments]
    numpy_core.gradients(*arguments)
    for got, want in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(got, want)


def test_relu_has_slope_1_at_0():
    one, zero = np.array([[1.0]]), np.array([[0.0]])
    grad = numpy_core.gradients(one, -one, zero, one)  # h = 0, y_pred - y = 1, grad_h_relu = 2
    assert [array.item() for array in grad] == [0, -2, 2, 0]


def test_the_same_code_is_exact_on_fractions():
    x, y, w1, w2 = (exact(rows) for rows in (X, Y, W1, W2))
    # Every argument is a third of the one on paper: h scales with 1/9, y_pred with 1/27; y = 4/3 and 8/3.
    residual = [Fraction(5, 27) - Fraction(4, 3), Fraction(6, 27) - Fraction(8, 3)]
    assert numpy_core.loss(x, y, w1, w2) == residual[0] ** 2 + residual[1] ** 2
    grad = numpy_core.gradients(x, y, w1, w2)
    assert grad.y.tolist() == [[-2 * residual[0]], [-2 * residual[1]]]
    # Row 0 of x sees both hidden units: grad_h[0] = 2·residual[0]·w2, times w1 transposed.
    first, second = 2 * residual[0] * Fraction(2, 3), 2 * residual[0] * Fraction(1, 3)
    assert grad.x[0].tolist() == [(first - second) / 3, 2 * second / 3]
    assert all(isinstance(number, Fraction) for array in (grad.y, grad.w1, grad.w2) for number in array.ravel())


def test_a_step_moves_the_weights_against_the_gradient_and_returns_the_loss_before():
    x, y, w1, w2 = paper("float64")
    assert numpy_core.step(x, y, w1, w2, 0.125) == 5
    assert w1.tolist() == [[3.5, -1.25], [-2, 1.5]]
    assert w2.tolist() == [[3.25], [0.25]]
    assert (x.tolist(), y.tolist()) == (X, Y)


def test_a_step_keeps_float32():
    x, y, w1, w2 = paper("float32")
    loss = numpy_core.step(x, y, w1, w2, 0.1)
    assert loss.dtype == w1.dtype == w2.dtype == "float32"


@pytest.mark.parametrize("empty", ["n", "d_in", "h", "d_out"])
def test_a_size_of_zero_is_an_empty_sum(empty):
    size = {"n": 2, "d_in": 3, "h": 4, "d_out": 5, empty: 0}
    x, y = np.ones((size["n"], size["d_in"])), np.ones((size["n"], size["d_out"]))
    w1, w2 = np.ones((size["d_in"], size["h"])), np.ones((size["h"], size["d_out"]))
    # Without inputs or hidden units y_pred is 0 and the loss Σ y² = 10; without samples or outputs it is 0.
    assert numpy_core.loss(x, y, w1, w2) == (10 if empty in {"d_in", "h"} else 0)
    grad = numpy_core.gradients(x, y, w1, w2)
    assert [array.shape for array in grad] == [array.shape for array in (x, y, w1, w2)]
    np.testing.assert_array_equal(grad.y, 2 * y)


MISFITS = {
    "x is a vector": ({"x": np.ones(2)}, r"x has shape \(2,\), wanted a matrix \(n, d_in\)"),
    "y lacks a sample": (
        {"y": np.ones((1, 1))},
        r"y has shape \(1, 1\), wanted \(n, d_out\) = \(2, 1\)",
    ),
    "w1 is transposed": (
        {"w1": np.ones((3, 2))},
        r"w1 has shape \(3, 2\), wanted \(d_in, h\) = \(2, 2\)",
    ),
    "w2 has too many rows": ({"w2": np.ones((3, 1))}, r"w2 has shape \(3, 1\), wanted .* = \(2, 1\)"),
    "w2 is float32": (
        {"w2": np.ones((2, 1), "float32")},
        "w2 has dtype float32, wanted float64 like x",
    ),
}


@pytest.mark.parametrize(("change", "message"), MISFITS.values(), ids=MISFITS)
@pytest.mark.parametrize("function", [numpy_core.loss, numpy_core.gradients])
def test_arrays_that_do_not_fit_are_named(function, change, message):
    arguments = dict(zip(("x", "y", "w1", "w2"), paper("float64"), strict=True)) | change
    with pytest.raises(errors.ArgumentError, match=message):
        function(**arguments)


def test_a_step_refuses_what_does_not_fit_before_it_changes_anything():
    x, y, w1, w2 = paper("float64")
    with pytest.raises(errors.ArgumentError, match="y has shape"):
        numpy_core.step(x, y[:1], w1, w2, 1.0)
    assert (w1.tolist(), w2.tolist()) == (W1, W2)
