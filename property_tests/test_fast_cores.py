"""The fast cores against the textbook ones: the same numbers to round-off, the same conventions exactly.

Two kinds of data, as for the textbook cores. On small integers, with a learning rate that is a power of two,
nothing rounds, and results are compared to the last digit. Normal numbers round, and the bound is Higham's (see
`steps_allow`). Blocks of samples are made as small as they can be, so that small problems have many.
"""

import numpy as np
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from gradcheck.two_layer_relu import blocks, numpy_core, numpy_fast
from gradcheck.two_layer_relu.problem import Problem, Shape, draw

torch = pytest.importorskip("torch")

from gradcheck.two_layer_relu import torch_core, torch_fast  # noqa: E402  Torch first: without it, skipped

dtypes = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)
sizes = st.one_of(st.just(1), st.integers(0, 6), st.integers(1, 40))
shapes = st.builds(Shape, sizes, sizes, sizes, sizes)
tall_shapes = st.builds(Shape, st.integers(1, 150), *[st.integers(1, 3)] * 3)  # in blocks of 16 rows at least
layouts = st.lists(st.sampled_from(["C", "Fortran", "strided"]), min_size=4, max_size=4)
SPECIAL = [np.inf, -np.inf, np.nan, -0.0, 0.0]


def tensors(problem):
    """Tensors that share the arrays' memory."""
    return Problem(*(torch.from_numpy(array) for array in problem))


CORES = {
    "NumPy": (numpy_core, numpy_fast, numpy_fast.Workspace, lambda problem: problem),
    "Torch": (torch_core, torch_fast, torch_fast.TorchWorkspace, tensors),
}
cores = pytest.mark.parametrize("core", CORES.values(), ids=CORES)


@pytest.fixture(autouse=True, scope="module")
def _smallest_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", 1)
        yield


def number_of_blocks(problem):
    return len(blocks.blocks(Shape(*problem.x.shape, *problem.w2.shape), problem.x.itemsize))


@st.composite
def integer_problems(draw_from):
    """Integers of up to 3, as for the textbook cores: h is often 0, and no sum exceeds 2^24 (float32's last).

    The first residual is at most 3 and h at most 9·d_in, so an entry of grad_w1 is at most 54·n·d_out and one of
    grad_w2 at most 54·n·d_in: below 2^15 for the sizes drawn here, and float32 holds that in units of 1/4.
    """
    size = st.integers(1, 12)
    shape = draw_from(st.builds(Shape, size, size, size, size) | tall_shapes, label="shape")
    dtype = draw_from(dtypes, label="dtype")
    rng = np.random.default_rng(draw_from(seeds, label="seed"))
    x, w1 = rng.integers(-3, 4, (shape.n, shape.d_in)), rng.integers(-3, 4, (shape.d_in, shape.h))
    w2, residual = rng.integers(-3, 4, (shape.h, shape.d_out)), rng.integers(-3, 4, (shape.n, shape.d_out))
    y = np.maximum(x @ w1, 0) @ w2 - residual
    return Problem(*(array.astype(dtype) for array in (x, y, w1, w2)))


@st.composite
def normal_problems(draw_from):
    shape = draw_from(shapes | tall_shapes, label="shape")
    return draw(shape, draw_from(seeds, label="seed"), draw_from(dtypes, label="dtype"))


@st.composite
def problems_with_special_numbers(draw_from):
    """Integers with a few infinities, NaNs and zeros of either sign among them."""
    problem = draw_from(integer_problems(), label="problem")
    rng = np.random.default_rng(draw_from(seeds, label="places"))
    for name in draw_from(st.sets(st.sampled_from(Problem._fields), min_size=1), label="where"):
        array = getattr(problem, name)
        array.flat[rng.integers(array.size)] = draw_from(st.sampled_from(SPECIAL), label=name)
    return problem


def laid_out(array, layout):
    """The same numbers in another layout of memory, always a copy."""
    if layout == "Fortran":
        return np.array(array, order="F")
    if layout == "strided":
        wide = np.zeros((2 * array.shape[0], 3 * array.shape[1]), array.dtype)
        wide[::2, ::3] = array
        return wide[::2, ::3]
    return array.copy()


def copied(problem, layouts=("C",) * 4):
    return Problem(*map(laid_out, problem, layouts))


def steps_allow(problem, lr):
    """What two orders of the operations of one step may leave between two results: (loss, w1, w2).

    Twice γ_p times the same polynomial of the absolute values, p the roundings that meet in a term, u = eps/2
    (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1): d_in for h, h for y_pred, 1 for − y, 1
    for lr, d_out back through w2, n for the sum over samples, 2 for the update.
    """
    x, y, w1, w2 = (abs(array).astype("float64") for array in problem)
    n, d_in, hidden, d_out = *x.shape, *w2.shape
    h = x @ w1
    residual = h @ w2 + y
    grad_w1, grad_w2 = x.T @ (2 * residual @ w2.T), h.T @ (2 * residual)
    p = 2 * d_in + hidden + d_out + n * d_out + n + 6
    u = np.finfo(problem.x.dtype).eps / 2
    twice = 2 * p * u / (1 - p * u)
    return (
        twice * 2 * (residual**2).sum(),
        twice * (w1 + lr * grad_w1),
        twice * (w2 + lr * grad_w2),
    )


def off_the_kinks(problem):
    """Whether no rounding can put a hidden unit on the other side of 0."""
    size = (abs(problem.x).astype("float64") @ abs(problem.w1)).max(initial=0)
    p = 2 * problem.x.shape[1] + 2
    h = problem.x.astype("float64") @ problem.w1
    return (abs(h) > p * np.finfo(problem.x.dtype).eps * size).all()


@cores
@given(problem=integer_problems(), layouts=layouts)
def test_on_integers_a_step_is_the_textbooks_to_the_last_digit(core, problem, layouts):
    textbook, _, new, convert = core
    event(f"hidden units at 0: {bool((problem.x @ problem.w1 == 0).any())}")
    event(f"many blocks: {number_of_blocks(problem) > 1}")
    one, other = copied(problem), copied(problem, layouts)
    lr = 2.0**-2
    want = float(textbook.step(*convert(one), lr))
    assert float(new(convert(other)).step(lr)) == want
    for name in Problem._fields:
        np.testing.assert_array_equal(getattr(other, name), getattr(one, name), err_msg=name)


@cores
@given(problem=integer_problems(), layouts=layouts)
def test_on_integers_loss_and_gradients_are_the_textbooks_to_the_last_digit(core, problem, layouts):
    textbook, fast, _, convert = core
    laid = convert(copied(problem, layouts))
    assert float(fast.loss(*laid)) == float(textbook.loss(*convert(problem)))
    for name, want in textbook.gradients(*convert(problem))._asdict().items():
        np.testing.assert_array_equal(getattr(fast.gradients(*laid), name), want, err_msg=name)


@cores
@given(problem=normal_problems(), layouts=layouts)
def test_on_normal_numbers_a_step_is_the_textbooks_to_round_off(core, problem, layouts):
    assume(off_the_kinks(problem))
    textbook, _, new, convert = core
    one, other = copied(problem), copied(problem, layouts)
    lr = 1e-3
    losses = textbook.step(*convert(one), lr), new(convert(other)).step(lr)
    loss, w1, w2 = steps_allow(problem, lr)
    assert abs(float(losses[0]) - float(losses[1])) <= loss
    assert (abs(one.w1 - other.w1) <= w1).all()
    assert (abs(one.w2 - other.w2) <= w2).all()


@cores
@given(problem=problems_with_special_numbers())
def test_infinities_and_nans_end_where_the_textbook_has_them(core, problem):
    textbook, _, new, convert = core
    one, other = copied(problem), copied(problem)
    lr = 2.0**-2
    with np.errstate(all="ignore"):
        want, got = textbook.step(*convert(one), lr), new(convert(other)).step(lr)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))
    for name in Problem._fields:
        np.testing.assert_array_equal(getattr(other, name), getattr(one, name), err_msg=name)


@cores
@given(problem=integer_problems(), steps=st.integers(2, 4))
def test_a_workspace_kept_over_steps_goes_where_single_steps_go(core, problem, steps):
    _, fast, new, convert = core
    kept, single = copied(problem), copied(problem)
    workspace = new(convert(kept))
    for t in range(steps):
        lr = 2.0 ** -(8 + t)  # another one each step: no scale may be left from the last
        assert float(workspace.step(lr)) == float(fast.step(*convert(single), lr))
    np.testing.assert_array_equal(kept.w1, single.w1)
    np.testing.assert_array_equal(kept.w2, single.w2)


@given(shape=st.builds(Shape, st.integers(0, 10**5), sizes, sizes, sizes), itemsize=st.sampled_from([4, 8]))
def test_blocks_hold_every_sample_once_in_order_and_their_sizes_differ_by_one_at_most(shape, itemsize):
    found = blocks.blocks(shape, itemsize)
    assert [row for block in found for row in range(shape.n)[block]] == list(range(shape.n))
    lengths = [block.stop - block.start for block in found]
    assert max(lengths) - min(lengths) <= 1
    event(f"blocks: {min(len(found), 3)}")
