"""The two networks by hand, against each other and against autograd, for drawn shapes, layouts and kinks.

Two kinds of data. Small integers compute without rounding in float32 and float64, so that everything is
compared exactly, and hidden units at 0 are common. Normal numbers round; then two ways to compute one
polynomial of the data differ by at most 2·γ_p times the same polynomial of the absolute values, where p is
the largest number of roundings that meet in a term and γ_p = p·u / (1 − p·u), u = eps/2 (Higham, Accuracy and
Stability of Numerical Algorithms, section 3.1).
"""

import numpy as np
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from gradcheck.two_layer_relu import numpy_core, torch_core  # noqa: E402  Torch first: without it, skipped
from gradcheck.two_layer_relu.problem import Problem, Shape, boundary, draw  # noqa: E402

ARGUMENTS = Problem._fields
dtypes = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)
# 1 is the edge of every size; 4 inputs of up to 3 already make zeros common, 40 make long sums.
sizes = st.one_of(st.just(1), st.integers(1, 6), st.integers(1, 40))
shapes = st.builds(Shape, sizes, sizes, sizes, sizes)
layouts = st.lists(st.sampled_from(["C", "Fortran", "strided", "part"]), min_size=4, max_size=4)


@st.composite
def integer_problems(draw_from):
    """Integers of up to 3, which make zeros in h; y puts y_pred − y between −3 and 3.

    For sizes of up to 40 no sum exceeds 40·6·360 = 86,400 (that of w2's gradient: |h| ≤ 40·9 = 360), and
    float32 holds every integer up to 2^24.
    """
    shape, dtype = draw_from(shapes, label="shape"), draw_from(dtypes, label="dtype")
    rng = np.random.default_rng(draw_from(seeds, label="seed"))
    x, w1 = rng.integers(-3, 4, (shape.n, shape.d_in)), rng.integers(-3, 4, (shape.d_in, shape.h))
    w2, residual = rng.integers(-3, 4, (shape.h, shape.d_out)), rng.integers(-3, 4, (shape.n, shape.d_out))
    y = np.maximum(x @ w1, 0) @ w2 - residual
    return Problem(*(array.astype(dtype) for array in (x, y, w1, w2)))


@st.composite
def normal_problems(draw_from, shapes=shapes):
    shape = draw_from(shapes, label="shape")
    return draw(shape, draw_from(seeds, label="seed"), draw_from(dtypes, label="dtype"))


def laid_out(array, layout):
    """The same numbers in another layout of memory."""
    if layout == "Fortran":
        return np.asfortranarray(array)
    if layout == "strided":
        wide = np.zeros((2 * array.shape[0], 3 * array.shape[1]), array.dtype)
        wide[::2, ::3] = array
        return wide[::2, ::3]
    if layout == "part":
        wide = np.zeros((array.shape[0] + 2, array.shape[1] + 3), array.dtype)
        wide[1:-1, 2:-1] = array
        return wide[1:-1, 2:-1]
    return array


def tensors(problem):
    """Tensors that share the arrays' memory, so that a layout is Torch's as well."""
    return Problem(*(torch.from_numpy(array) for array in problem))


def autograd(problem, relu):
    """The gradients by Torch's autograd, with the ReLU given."""
    x, y, w1, w2 = (torch.tensor(array, requires_grad=True) for array in problem)
    loss = ((relu(x @ w1) @ w2 - y) ** 2).sum()
    return Problem(*(grad.numpy() for grad in torch.autograd.grad(loss, (x, y, w1, w2))))


def relu_one_at_zero(h):
    # clamp(min=0) too takes relu'(0) = 1, but only up to Torch 2.13
    return torch.where(h < 0, 0, h)


def bounds(problem):
    """What two ways to compute the lines and the gradients may differ by: (Forward, Gradients)."""
    x, y, w1, w2 = (abs(array).astype("float64") for array in problem)
    h = x @ w1
    grad_y_pred = 2 * (h @ w2 + y)
    grad_h = grad_y_pred @ w2.T
    n, d_in, hidden, d_out = *x.shape, *w2.shape
    # A term of w2's gradient is h_relu·(y_pred − y): d_in roundings, d_in + hidden + 1, then n to add up.
    # One of x's or w1's: those of y_pred − y, d_out to go back through w2, then hidden or n.
    p = 2 * d_in + hidden + d_out + max(n, hidden) + 1
    u = np.finfo(problem.x.dtype).eps / 2
    twice = 2 * p * u / (1 - p * u)
    lines = numpy_core.Forward(h, h, h @ w2)
    grads = numpy_core.Gradients(grad_h @ w1.T, grad_y_pred, x.T @ grad_h, h.T @ grad_y_pred)
    return numpy_core.Forward(*(twice * a for a in lines)), numpy_core.Gradients(*(twice * a for a in grads))


def off_the_kinks(problem):
    """Whether no rounding can put a hidden unit on the other side of 0."""
    return (abs(problem.x @ problem.w1) > bounds(problem)[0].h).all()


def agree(got, want, allowed):
    return all((abs(a - b) <= c).all() for a, b, c in zip(got, want, allowed, strict=True))


@given(normal_problems(), layouts)
def test_forward_and_loss_are_equal_in_numpy_and_torch(problem, layouts):
    laid = Problem(*map(laid_out, problem, layouts))
    lines = numpy_core.forward(laid.x, laid.w1, laid.w2)
    tensor = tensors(laid)
    other = [line.numpy() for line in torch_core.forward(tensor.x, tensor.w1, tensor.w2)]
    allowed = bounds(problem)[0]
    assert agree(lines, other, allowed)
    # Σ (r + e)² − Σ r² = Σ (2·r + e)·e, and adding m squares rounds m times more.
    residual, squares = abs(lines.y_pred - problem.y), problem.y.size + 2
    rounding = 2 * squares * np.finfo(problem.y.dtype).eps * (residual.astype("float64") ** 2).sum()
    moved = ((2 * residual + allowed.y_pred) * allowed.y_pred).sum()
    assert abs(numpy_core.loss(*laid) - torch_core.loss(*tensor).item()) <= moved + rounding


@given(normal_problems(), layouts)
def test_hand_gradients_are_autograds_up_to_round_off_in_every_layout(problem, layouts):
    assume(off_the_kinks(problem))
    laid = Problem(*map(laid_out, problem, layouts))
    by_numpy = numpy_core.gradients(*laid)
    by_torch = [grad.numpy() for grad in torch_core.gradients(*tensors(laid))]
    allowed = bounds(problem)[1]
    assert agree(by_numpy, autograd(problem, relu_one_at_zero), allowed)
    assert agree(by_torch, autograd(problem, relu_one_at_zero), allowed)


@given(integer_problems(), layouts)
def test_hand_gradients_are_autograds_with_one_at_zero_to_the_last_digit_on_integers(problem, layouts):
    event(f"hidden units at 0: {(problem.x @ problem.w1 == 0).any()}")
    laid = Problem(*map(laid_out, problem, layouts))
    by_torch = torch_core.gradients(*tensors(laid))
    for name, want in autograd(problem, relu_one_at_zero)._asdict().items():
        np.testing.assert_array_equal(getattr(numpy_core.gradients(*laid), name), want, err_msg=name)
        np.testing.assert_array_equal(getattr(by_torch, name).numpy(), want, err_msg=name)


@given(integer_problems())
def test_hand_gradients_and_autograds_with_relu_differ_by_what_passes_through_the_zeros(problem):
    lines = numpy_core.forward(problem.x, problem.w1, problem.w2)
    through = numpy_core.backward(problem.x, problem.y, problem.w2, lines).h_relu * (lines.h == 0)
    want = {"x": through @ problem.w1.T, "y": 0, "w1": problem.x.T @ through, "w2": 0}
    other = autograd(problem, torch.relu)
    for core in (numpy_core.gradients(*problem), torch_core.gradients(*tensors(problem))):
        for name in ARGUMENTS:
            difference = np.asarray(getattr(core, name)) - getattr(other, name)
            np.testing.assert_array_equal(difference, np.broadcast_to(want[name], difference.shape), err_msg=name)


@given(shapes, seeds, dtypes)
def test_on_boundary_data_exactly_the_entries_at_a_zero_differ_from_autograds_with_relu(shape, seed, dtype):
    problem = boundary(shape, seed, dtype)
    zero = problem.x @ problem.w1 == 0
    assert zero.any()
    single = zero.sum(axis=0) <= 1  # columns in which no two zeros can cancel in an entry
    for core in (numpy_core.gradients(*problem), torch_core.gradients(*tensors(problem))):
        differs = {
            name: np.asarray(getattr(core, name)) != getattr(autograd(problem, torch.relu), name) for name in ARGUMENTS
        }
        assert not differs["y"].any()
        assert not differs["w2"].any()
        # x has no entry that is 0: the whole column of w1 belongs to a zero, or none of it.
        np.testing.assert_array_equal(differs["w1"][:, single], np.tile(zero.any(axis=0), (shape.d_in, 1))[:, single])
        # The threshold's own entry sees every zero of its column, and they do not cancel.
        np.testing.assert_array_equal(differs["w1"][0], zero.any(axis=0))
        assert not differs["x"][~zero.any(axis=1)].any()
        for n, k in np.argwhere(zero & single):
            np.testing.assert_array_equal(differs["x"][n], problem.w1[:, k] != 0)


@given(shapes, seeds, dtypes)
def test_on_boundary_data_a_mask_of_h_not_positive_is_told_apart(shape, seed, dtype):
    problem = boundary(shape, seed, dtype)
    lines = numpy_core.forward(problem.x, problem.w1, problem.w2)
    grad_h = numpy_core.backward(problem.x, problem.y, problem.w2, lines).h_relu.copy()
    grad_h[lines.h <= 0] = 0  # wrong on purpose: relu'(0) = 0
    wrong = problem.x.T @ grad_h
    assert (wrong != numpy_core.gradients(*problem).w1).any()
    np.testing.assert_array_equal(wrong, autograd(problem, torch.relu).w1)


# Wrong on purpose: each must differ from autograd by more than round-off, or the laws above could not fail.


def wrong_gradients(problem, mistake):
    """The five lines with one mistake."""
    x, y, w1, w2 = problem
    h, h_relu, y_pred = numpy_core.forward(x, w1, w2)
    grad_y_pred = 2 * (y_pred - y)
    if mistake == "missing 2":
        grad_y_pred = grad_y_pred / 2
    if mistake == "mean for sum":
        grad_y_pred = grad_y_pred / y.size
    grad_h = grad_y_pred @ (w2 if mistake == "missing transpose of w2" else w2.T)
    if mistake != "missing mask":
        grad_h[h < 0] = 0
    grad_w1 = (x if mistake == "missing transpose of x" else x.T) @ grad_h
    grad_w2 = (h_relu if mistake == "missing transpose of h_relu" else h_relu.T) @ grad_y_pred
    grad_x = grad_h @ (w1 if mistake == "missing transpose of w1" else w1.T)
    return numpy_core.Gradients(grad_x, -grad_y_pred, grad_w1, grad_w2)


squares = st.integers(2, 12).map(lambda size: Shape(size, size, size, size))
WRONG = {
    "missing 2": set(ARGUMENTS),
    "mean for sum": set(ARGUMENTS),
    "missing mask": {"x", "w1"},
    "missing transpose of w2": {"x", "w1"},
    "missing transpose of x": {"w1"},
    "missing transpose of h_relu": {"w2"},
    "missing transpose of w1": {"x"},
}


@pytest.mark.parametrize(("mistake", "affected"), WRONG.items(), ids=WRONG)
@given(problem=normal_problems(squares))
def test_gradients_wrong_on_purpose_differ_by_more_than_round_off(mistake, affected, problem):
    h = problem.x @ problem.w1
    assume(off_the_kinks(problem))
    assume((h > 0).any() and (h < 0).any())  # some unit passes its gradient on, and some is masked
    h_relu = np.maximum(h, 0)
    assume((h_relu != h_relu.T).any())  # a transpose that changes nothing is no mistake
    wrong, right, allowed = wrong_gradients(problem, mistake), autograd(problem, relu_one_at_zero), bounds(problem)[1]
    got = {
        name
        for name in ARGUMENTS
        if not (abs(getattr(wrong, name) - getattr(right, name)) <= getattr(allowed, name)).all()
    }
    assert got == affected


@given(problem=normal_problems(squares))
def test_gradients_with_no_mistake_do_not_differ(problem):
    assume(off_the_kinks(problem))
    assert agree(wrong_gradients(problem, "no mistake"), autograd(problem, relu_one_at_zero), bounds(problem)[1])
