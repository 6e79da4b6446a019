"""The data: draws that repeat, boundary data where relu'(0) = 1 is a subgradient, checks at the door."""

import numpy as np
import pytest

from gradcheck import errors
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import (
    Problem,
    Shape,
    boundary,
    check_fit,
    check_problem,
    coinciding_kinks,
    draw,
)

SHAPES = {
    "all 1": Shape(1, 1, 1, 1),
    "one input": Shape(5, 1, 3, 2),
    "one sample": Shape(1, 5, 4, 1),
    "one hidden unit": Shape(6, 4, 1, 3),
    "one output": Shape(6, 7, 8, 1),
    "small": Shape(4, 5, 8, 3),
    "many samples, two inputs": Shape(64, 2, 7, 1),
    "full size": Shape(),
}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def test_the_default_draw_is_the_full_size_in_float64():
    problem = draw()
    assert [array.shape for array in problem] == [(64, 1000), (64, 10), (1000, 100), (100, 10)]
    assert {array.dtype for array in problem} == {np.dtype("float64")}


def test_a_draw_is_standard_normal_in_the_order_x_y_w1_w2():
    rng = np.random.default_rng(7)
    for got, size in zip(draw(Shape(2, 3, 4, 5), seed=7), [(2, 3), (2, 5), (3, 4), (4, 5)], strict=True):
        np.testing.assert_array_equal(got, rng.standard_normal(size))


def test_a_seed_means_the_same_problem_in_float32():
    for wide, narrow in zip(draw(Shape(2, 3, 4, 5), 7), draw(Shape(2, 3, 4, 5), 7, "float32"), strict=True):
        np.testing.assert_array_equal(narrow, wide.astype("float32"))


@every_shape
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_boundary_data_compute_the_same_in_float32_and_float64(shape, seed):
    wide, narrow = boundary(shape, seed), boundary(shape, seed, "float32")
    assert numpy_core.loss(*wide) == numpy_core.loss(*narrow)
    got = (*numpy_core.forward(narrow.x, narrow.w1, narrow.w2), *numpy_core.gradients(*narrow))
    want = (*numpy_core.forward(wide.x, wide.w1, wide.w2), *numpy_core.gradients(*wide))
    for single, double in zip(got, want, strict=True):
        assert single.dtype == "float32"
        np.testing.assert_array_equal(single, double)


@every_shape
def test_boundary_data_have_few_zeros_and_nothing_else_near_them(shape):
    problem = boundary(shape)
    h = problem.x @ problem.w1
    assert (h == 0).any()
    assert abs(h[h != 0]).min(initial=1) >= 0.5
    assert (h == 0).sum(axis=1).max() == 1
    if shape in {SHAPES["small"], SHAPES["full size"]}:
        assert (h == 0).sum(axis=0).max() == 1
        assert (h == 0).sum() == shape.h // 4


def lifted_along_w1(problem, delta):
    w1 = problem.w1.copy()
    w1[0] += delta
    return problem._replace(w1=w1)


def lifted_along_x(problem, delta):
    x = problem.x.copy()
    for n, k in np.argwhere(problem.x @ problem.w1 == 0):
        x[n] += delta * problem.w1[:, k]
    return problem._replace(x=x)


@every_shape
@pytest.mark.parametrize(("name", "lifted"), [("w1", lifted_along_w1), ("x", lifted_along_x)], ids=["w1", "x"])
def test_the_hand_gradient_is_the_limit_of_gradients_where_all_zeros_are_positive(shape, name, lifted):
    problem = boundary(shape)
    zeros = problem.x @ problem.w1 == 0
    at_the_kink = getattr(numpy_core.gradients(*problem), name)
    distances = []
    for delta in (2.0**-16, 2.0**-26):  # far below the other units' 1/2
        near = lifted(problem, delta)
        h = near.x @ near.w1
        if name == "w1" or shape.d_in > 1:  # along x a single input with weight 0 moves no hidden unit
            assert (h[zeros] > 0).all()
            assert (h != 0).all()  # differentiable: the chain rule is the gradient, whatever relu'(0)
        assert ((h > 0) | zeros == (problem.x @ problem.w1 >= 0)).all()  # no other unit changed sides
        distances.append(abs(getattr(numpy_core.gradients(*near), name) - at_the_kink).max())
    # The gradient is a polynomial of delta, which is tiny: 2^10 times nearer means 2^10 times closer.
    assert distances[1] == pytest.approx(distances[0] / 2**10, rel=1e-2, abs=0)


@every_shape
def test_the_other_side_of_the_kink_has_another_gradient(shape):
    problem = boundary(shape)
    columns = (problem.x @ problem.w1 == 0).any(axis=0)
    right = numpy_core.gradients(*lifted_along_w1(problem, 2.0**-26)).w1
    left = numpy_core.gradients(*lifted_along_w1(problem, -(2.0**-26))).w1
    # Residuals are integers, so a jump of Σ 2·residual·w2 that is not 0 is at least 2.
    jump = abs(right[0] - left[0])
    assert jump[columns].min() > 1
    assert jump[~columns].max(initial=0) < 1


def test_one_sided_slopes_of_the_loss_bracket_the_hand_gradient_at_a_single_zero():
    problem = boundary(Shape(1, 1, 1, 1))
    t = 2.0**-20

    def loss(w1):
        return numpy_core.loss(problem.x, problem.y, np.array([[w1]]), problem.w2)

    right, left = (loss(t) - loss(0.0)) / t, (loss(0.0) - loss(-t)) / t
    grad = numpy_core.gradients(*problem).w1.item()
    assert left == 0  # a dead unit
    assert right == pytest.approx(grad, abs=2 * t)  # (relu(w1)·w2 − y)² has curvature 2·(x·w2)², here 2


def test_where_kinks_cancel_the_chain_rule_is_no_subgradient():
    problem = coinciding_kinks()

    def loss(w1):
        return numpy_core.loss(problem.x, problem.y, np.array([[w1]]), problem.w2)

    t = 2.0**-20
    assert (loss(t) - loss(0.0)) / t == 2 + t
    assert (loss(0.0) - loss(-t)) / t == 2 - t
    assert numpy_core.gradients(*problem).w1.item() == 4


@pytest.mark.parametrize("make", [draw, boundary, lambda **options: coinciding_kinks(options["dtype"])])
@pytest.mark.parametrize("dtype", ["int64", "object", "complex128", "nonsense"])
def test_a_dtype_that_is_not_floating_point_is_refused(make, dtype):
    with pytest.raises(errors.ArgumentError, match="wanted a floating-point one: pass 'float32' or 'float64'"):
        make(dtype=dtype)


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3, -1), (1, 2, 3, 4.0)])
@pytest.mark.parametrize("make", [draw, boundary])
def test_a_shape_that_is_not_four_sizes_is_refused(make, shape):
    with pytest.raises(errors.ArgumentError, match="wanted four integers n, d_in, h, d_out"):
        make(shape)


def test_boundary_data_need_at_least_one_of_everything():
    with pytest.raises(errors.ArgumentError, match="of at least 1"):
        boundary(Shape(0, 1, 1, 1))


def test_boundary_data_that_float16_would_round_are_refused():
    with pytest.raises(errors.ArgumentError, match="float16 is exact only up to"):
        boundary(Shape(), dtype="float16")


def good():
    return draw(Shape(2, 3, 4, 5))


UNUSABLE = {
    "list": (good()._replace(x=[[1.0]]), "x is a list, wanted an array"),
    "integers": (
        good()._replace(w1=np.ones((3, 4), int)),
        "w1 has dtype int64, but training needs a floating",
    ),
    "objects": (
        good()._replace(y=good().y.astype(object)),
        "y has dtype object, but training needs a floating",
    ),
    "float32": (
        good()._replace(w2=good().w2.astype("float32")),
        "w2 has dtype float32, wanted float64",
    ),
    "NaN": (good()._replace(w2=np.full((4, 5), np.nan)), "w2 holds NaN or infinite numbers"),
    "inf": (good()._replace(x=np.full((2, 3), np.inf)), "x holds NaN or infinite numbers"),
    "misfit": (
        good()._replace(w2=np.ones((3, 5))),
        r"w2 has shape \(3, 5\), wanted \(h, d_out\) = \(4, 5\)",
    ),
}


@pytest.mark.parametrize(("problem", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_problem_that_cannot_be_trained_on_is_refused(problem, message):
    with pytest.raises(errors.ArgumentError, match=message):
        check_problem(problem)


def test_a_good_problem_has_its_shape():
    assert check_problem(good()) == Shape(2, 3, 4, 5)
    assert check_fit(x=good().x, w1=good().w1) == Shape(2, 3, 4, -1)


def test_exact_numbers_and_integers_fit_beside_floats():
    objects = Problem(*(array.astype(object) for array in good()))
    assert check_fit(**objects._asdict()) == Shape(2, 3, 4, 5)
    assert check_fit(**good()._replace(y=np.ones((2, 5), int))._asdict()) == Shape(2, 3, 4, 5)
