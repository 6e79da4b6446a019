import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("flint")

import gradcheck as gc
from gradcheck.check import check
from gradcheck.errors import ArgumentError, UnsupportedError
from gradcheck.oracles.balls import Undecided, agree, arb, fmpq, middle, nearest, radius, working
from gradcheck.oracles.elementary import FUNCTIONS
from gradcheck.oracles.exact import ExactPoint, exact_gradient, exact_slope
from gradcheck.oracles.exact_arrays import exact_array
from gradcheck.oracles.exact_run import run
from gradcheck.oracles.germs import Germ, germ
from gradcheck.oracles.tightness import ulps
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Problem, Shape, boundary, coinciding_kinks, draw
from gradcheck.verdicts.certificate import Verdict

POINT = np.array([[0.5, -1.25, 0.75], [2.0, 0.1, -0.3]])
MOVE = np.array([[1.0, -0.5, 0.25], [0.1, 3.0, -1.0]])


def sides(f, x, v):
    slope = exact_slope(f, [np.array(x)], [np.array(v)])
    return slope.left, slope.right


def masked(h):
    h = h.copy()
    h[h < 0] = 0
    return h.sum()


def added_at(h):
    total = np.zeros_like(h)
    np.add.at(total, [0, 0], h)
    return total.sum()


@pytest.mark.parametrize(
    ("f", "x", "v", "left", "right"),
    [
        (lambda h: np.maximum(h, 0).sum(), [0.0], [3.0], 0, 3),
        (lambda h: np.where(h > 0, h, 0).sum(), [0.0], [3.0], 0, 3),
        (lambda h: np.where(h >= 0, h, 0).sum(), [0.0], [3.0], 0, 3),
        (lambda h: (h * (h > 0)).sum(), [0.0], [-3.0], -3, 0),
        (masked, [0.0, -1.0, 2.0], [3.0, 1.0, 1.0], 1, 4),
        (lambda h: np.clip(h, -1.0, 0.0).sum(), [0.0], [2.0], 2, 0),
        (lambda h: np.abs(h).sum(), [0.0, 0.5], [2.0, 1.0], -1, 3),
        (lambda h: h.max(), [1.0, 1.0], [1.0, 5.0], 1, 5),
        (lambda h: np.sort(h)[0], [1.0, 1.0], [1.0, 5.0], 5, 1),
        (lambda h: h[h.argmax()], [1.0, 1.0], [1.0, 5.0], 1, 5),
        (np.linalg.norm, [0.0, 0.0], [3.0, 4.0], -5, 5),
        (lambda h: (np.maximum(h, 0) - np.maximum(-h, 0)).sum(), [0.0], [1.0], 1, 1),
        (lambda h: (np.maximum(h, 0) ** 2).sum(), [0.0], [1.0], 0, 0),
        # the comparison is decided by a term in t² or t³, which the first two terms do not show
        (lambda h: np.where(h**2 > 0, h, 7 * h**2).sum(), [0.0], [1.0], 1, 1),
        (lambda h: np.where(h**3 > 0, h, 0).sum(), [0.0], [1.0], 0, 1),
        (lambda h: (h**3 / h**2).sum() if (h != 0).all() else h.sum(), [0.0], [2.0], 2, 2),
        (added_at, [1.0, 2.0], [1.0, 1.0], 2, 2),
    ],
)
def test_slopes_of_both_sides_of_a_kink_are_exact_rationals(f, x, v, left, right):
    assert sides(f, x, v) == (left, right)


def test_floats_are_the_rationals_that_they_are():
    slope = exact_slope(lambda x: 0.1 * x.sum(), [np.array([0.3])], [np.array([0.2])])
    assert middle(slope.right) == Fraction(0.1) * Fraction(0.2)
    assert middle(slope.value) == Fraction(0.1) * Fraction(0.3)
    assert slope.rational
    assert slope.smooth
    assert slope.bound == 0
    assert slope.digits == math.inf


def test_one_ulp_beside_the_kink_is_no_kink():
    beside = np.nextafter(0.0, 1.0)
    assert sides(lambda h: np.maximum(h, 0).sum(), [beside], [1.0]) == (1, 1)
    assert sides(lambda h: np.maximum(h, 0).sum(), [-beside], [1.0]) == (0, 0)


def test_slopes_as_floats_come_with_a_bound_that_covers_their_rounding():
    left, right, bound = exact_slope(lambda x: (x / 3).sum(), [np.array([1.0])], [np.array([1.0])]).rounded()
    assert left == right == 1 / 3
    assert Fraction(bound) >= abs(Fraction(1 / 3) - Fraction(1, 3)) > 0


def test_a_jump_has_no_slope():
    with pytest.raises(ArgumentError, match="f jumps at the point: it is 0 there and tends to 1"):
        sides(lambda h: np.where(h > 0, 1.0, 0.0 * h).sum(), [0.0], [1.0])


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda h: float(h.sum()), "into a float"),
        (lambda h: math.exp(h[0, 0]), "into a float"),
        (lambda h: h.astype(float).sum(), "into a float"),
        (lambda h: np.asarray(h, dtype=float).sum(), "into a float"),
        (lambda h: int(h[0, 0]), "into an int"),
        (lambda h: complex(h[0, 0]).real, "into a complex number"),
        (lambda h: range(9)[h[0, 0]], "into an index"),
        (lambda h: (h * Decimal("0.5")).sum(), r"a decimal\.Decimal entered the computation"),
        (lambda _: 3.5, "f returned the float 3.5"),
        (
            lambda h: np.add(h, 1.0, out=np.empty(h.shape)).sum(),
            "writes exact numbers into an array of float64",
        ),
        (lambda h: np.linalg.inv(h[:, :2]).sum(), "LAPACK"),
        (lambda h: np.linalg.det(h[:, :2]), "LAPACK"),
        (lambda h: np.fft.fft(h).real.sum(), "cannot run in exact arithmetic"),
        (lambda h: np.heaviside(h, 0.5).sum(), "heaviside is a compiled function of floats"),
        (lambda h: (h / (h - h)).sum(), "divided by exactly 0"),
        (lambda h: np.sqrt(-np.abs(h)).sum(), "negative number"),
        (lambda h: np.log(h - h).sum(), "np.log is taken at 0"),
        (lambda h: np.sqrt(np.abs(h - POINT)).sum(), "infinitely steep"),
        (lambda h: (1 / (h - POINT) + 0).sum() if (h != POINT).all() else h.sum(), "grows without bound"),
        (lambda h: np.where(h > 0, h, -np.inf).max(), "-inf entered the computation"),
        (lambda h: (h * 1j).sum(), "complex"),
    ],
)
def test_what_cannot_be_exact_is_refused_in_one_sentence(f, says):
    with pytest.raises(UnsupportedError, match=says) as refusal:
        exact_slope(f, [POINT], [MOVE])
    assert "\n" not in str(refusal.value)


def test_complex_numbers_are_refused_in_one_sentence():
    with pytest.raises(UnsupportedError, match="argument 0 has dtype complex128, but exact arithmetic is for real"):
        exact_slope(lambda z: abs(z).sum(), [np.array([1j])], [np.ones(1)])


def test_torch_is_refused_in_one_sentence():
    torch = pytest.importorskip("torch")
    with pytest.raises(UnsupportedError, match=r"argument 0 is a torch\.Tensor"):
        exact_slope(lambda x: x.sum(), [torch.ones(2)], [np.ones(2)])
    with pytest.raises(UnsupportedError, match="cannot run in exact arithmetic"):
        exact_slope(lambda x: torch.tensor(x).sum(), [np.ones(2)], [np.ones(2)])


@pytest.mark.parametrize(
    ("args", "directions", "says"),
    [
        ([np.array([np.nan])], [np.ones(1)], "argument 0 holds NaN"),
        ([np.ones(2)], [np.ones(3)], r"a direction has shape \(3,\), but its argument has \(2,\)"),
        ([np.ones(2)], [np.ones(2), np.ones(2)], "2 directions were passed"),
    ],
)
def test_arguments_that_do_not_fit_are_named(args, directions, says):
    with pytest.raises(ArgumentError, match=says):
        exact_slope(lambda x: x.sum(), args, directions)
    with pytest.raises(ArgumentError, match="f returned an array of shape"):
        exact_slope(lambda x: x, [np.ones(2)], [np.ones(2)])


def quotient(f, args, directions, bits=4000):
    """(f(x + hv) − f(x − hv)) / 2h at h = 2^-300: values of f alone, no series."""
    step = fmpq(1, 2**300)
    with working(bits=bits, terms=1):
        ends = [
            run(
                f,
                [
                    exact_array(arg) + exact_array(move) * germ(side * step)
                    for arg, move in zip(args, directions, strict=True)
                ],
            ).coefficient(0)
            for side in (1, -1)
        ]
        return (ends[0] - ends[1]) / (2 * step)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_and_its_slope_agree_with_its_own_values(name):
    x, v = (np.array([1.75]), np.array([0.3])) if name == "arccosh" else (np.array([0.625]), np.array([0.3]))

    def f(array):
        return (3 * getattr(array[0], name)() + 1) ** 2

    slope = exact_slope(f, [x], [v])
    assert slope.digits >= 30
    assert abs(middle(slope.right) - middle(quotient(f, [x], [v]))) <= radius(slope.right) + Fraction(1, 2**590)
    known = {"expit": lambda t: 1 / (1 + math.exp(-t)), "arcsin": math.asin, "arccos": math.acos}
    known |= {"arctan": math.atan, "arcsinh": math.asinh, "arccosh": math.acosh, "arctanh": math.atanh}
    value = known.get(name) or getattr(math, name)
    assert float(middle(slope.value)) == pytest.approx((3 * value(x[0]) + 1) ** 2, rel=1e-14)


def test_functions_of_numpy_reach_the_balls_by_every_way():
    for f in (
        lambda x: np.exp(x).sum(),
        lambda x: np.exp(np.asarray(x)).sum(),
        lambda x: sum(np.exp(entry) for entry in x.flat),
        lambda x: (np.e**x).sum() * 0 + np.exp(x, out=np.empty_like(x)).sum(),
    ):
        slope = exact_slope(f, [POINT], [MOVE])
        want = (np.exp(POINT) * MOVE).sum()
        assert float(middle(slope.right)) == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.einsum("ij,kj->ik", x, x).sum(),
        lambda x: (x @ x.T).sum(),
        lambda x: np.dot(x, x.T).sum(),
        lambda x: x.dot(x.T).sum(),
        lambda x: (np.stack([x, x]) @ x.T)[0].sum(),
        lambda x: (x @ x[0]).sum() + (x[1] @ x.T).sum(),
        lambda x: np.tensordot(x, x, axes=([1], [1])).sum(),
    ],
)
def test_every_product_of_matrices_is_the_same(f):
    gram = MOVE @ POINT.T
    slope = exact_slope(f, [POINT], [MOVE])
    assert slope.rational
    assert float(middle(slope.right)) == pytest.approx((gram + gram.T).sum(), rel=1e-14)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3,), (2,)), ((2, 3), ())])
def test_matrices_that_numpy_does_not_multiply_are_not_multiplied(shapes):
    left, right = (np.ones(shape) for shape in shapes)
    for one, other in ((left, right), (exact_array(left), exact_array(right)), (exact_array(left), right)):
        with pytest.raises(ValueError, match="matmul"):
            one @ other


def test_a_product_over_nothing_is_zero():
    f = lambda x: (x[:, :0] @ x[:, :0].T).sum() + x.sum()  # noqa: E731
    assert middle(exact_slope(f, [POINT], [MOVE]).right) == sum(map(Fraction, MOVE.flat))


def test_a_product_of_matrices_keeps_an_exact_zero_exact():
    zeros = np.zeros((3, 2))
    slope = exact_slope(lambda x: np.maximum(np.tanh(x) @ zeros, 0).sum() + x.sum(), [POINT], [MOVE])
    assert middle(slope.right) - Fraction(MOVE.sum()) == pytest.approx(0, abs=1e-15)


def test_a_product_of_matrices_knows_no_more_terms_than_its_factors():
    with working(bits=64, terms=2):
        t = Germ((fmpq(0), fmpq(1)))
        short = (1 + t) * (1 - t)  # 1 − t², of which two terms are kept
        assert short.order == 2
        product = exact_array(np.array([[short]], dtype=object)) @ np.ones((1, 1))
        assert product[0, 0].order == 2
    with working(bits=64, terms=3):
        assert ((1 + t) * (1 - t)).terms == (1, 0, -1)


def test_numbers_of_python_and_arrays_of_numpy_stand_on_either_side():
    move = Fraction(MOVE[0, 0])
    for f, times in (
        (lambda x: (x[0, 0] * np.ones((2, 3))).sum(), 6),
        (lambda x: (np.ones((2, 3)) * x[0, 0]).sum(), 6),
        (lambda x: 3 - x[0, 0] * 2, -2),
        (lambda x: +x[0, 0] + x[0, 0].conjugate() + x[0, 0].real, 3),
        (lambda x: 1 / (1 / x[0, 0]), 1),
        (lambda x: np.asarray(x[0, 0] or 0.0), 1),
        (lambda x: x.dot(np.ones((2, 3, 1)))[0, 0, 0] - x[0, 1] - x[0, 2], 1),
    ):
        assert middle(exact_slope(f, [POINT], [MOVE]).right) == pytest.approx(times * move, rel=1e-15)
    assert float(middle(exact_slope(lambda x: 2 ** x[0, 0], [POINT], [MOVE]).right)) == pytest.approx(
        2**0.5 * math.log(2) * MOVE[0, 0], rel=1e-15
    )


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(np.isfinite(x) & ~np.isnan(x), x, 0).sum(),
        lambda x: sum(part.sum() for part in np.split(x, 3, axis=1)),
        lambda x: np.broadcast_arrays(x, np.ones((2, 1)))[0].sum(),
    ],
    ids=["isfinite", "split", "broadcast"],
)
def test_functions_of_numpy_that_ask_or_divide_keep_numbers_exact(f):
    assert middle(exact_slope(f, [POINT], [MOVE]).right) == sum(map(Fraction, MOVE.flat))


def test_the_sum_of_exponentials_and_the_hypotenuse_have_their_slopes():
    x, v = np.array([0.5, 0.75]), np.array([1.0, -2.0])
    shares = np.exp(x) / np.exp(x).sum()
    slope = exact_slope(lambda x: np.logaddexp(x[0], x[1]), [x], [v])
    assert float(middle(slope.right)) == pytest.approx(shares @ v, rel=1e-15)
    slope = exact_slope(lambda x: np.hypot(x[0], x[1]), [x], [v])
    assert float(middle(slope.right)) == pytest.approx(x @ v / math.hypot(*x), rel=1e-15)


def test_a_quotient_times_the_denominator_is_the_numerator():
    with working(bits=64, terms=6):
        t = Germ((fmpq(0), fmpq(1)))
        top, bottom = 2 + 3 * t - t**4, 3 - t + 5 * t**2 + 7 * t**3
        back = (top / bottom) * bottom
        assert back.order == 6
        assert [back.coefficient(k) for k in range(6)] == [2, 3, 0, 0, -1, 0]


@pytest.mark.parametrize("digits", [1, 200])
def test_as_many_digits_are_guaranteed_as_were_asked_for(digits):
    slope = exact_slope(lambda x: np.tanh(x).sum(), [POINT], [MOVE], digits=digits)
    assert slope.digits >= digits
    assert not slope.rational


def test_a_slope_that_is_zero_is_bounded_at_twice_the_digits():
    def shifted(z):  # softmax does not change when all of z moves by the same amount
        p = np.exp(z - z.max())
        return np.log(p / p.sum())[0]

    slope = exact_slope(shifted, [np.array([0.3, 0.2, -1.0])], [np.ones(3)])
    assert middle(slope.right) <= radius(slope.right) <= Fraction(1, 10**60)


def test_a_tie_of_irrational_numbers_is_not_guessed():
    with pytest.raises(UnsupportedError, match="could not be told apart"):
        exact_slope(lambda x: np.maximum(np.exp(x), np.exp(x + 0)).sum(), [np.array([0.5])], [np.ones(1)])


def test_a_gradient_is_exact_at_the_kink_and_beside_it():
    def gradient(h):
        grad = np.ones_like(h)
        grad[h < 0] = 0
        return grad

    h = np.array([0.0, 1.0])
    assert [list(g) for g in exact_gradient(gradient, [h])] == [[1, 1]]
    assert [list(g) for g in exact_gradient(gradient, [h], towards=[np.array([-1.0, -1.0])])] == [[0, 1]]


def test_a_gradient_must_fit_and_must_be_exact():
    with pytest.raises(UnsupportedError, match="the gradient returned floats"):
        exact_gradient(lambda h: np.ones(h.shape), [np.ones(2)])
    with pytest.raises(ArgumentError, match=r"has shape \(1,\), but its argument has \(2,\)"):
        exact_gradient(lambda h: h[:1], [np.ones(2)])
    with pytest.raises(ArgumentError, match="2 parts, wanted one per argument: 1"):
        exact_gradient(lambda h: (h, h), [np.ones(2)])


def test_ulps_count_units_in_the_last_place():
    exact = np.array([fmpq(1), fmpq(1, 3), fmpq(4)], dtype=object)
    rounded = np.array([1.0 + 2**-51, 1 / 3, math.inf])
    distances = ulps(rounded, exact)
    assert distances[0] == 2
    assert 0 < distances[1] <= 0.5
    assert distances[2] == math.inf


def test_the_user_s_arrays_are_left_alone():
    x = POINT.copy()

    def changes_its_argument(h):
        h *= 2
        return h.sum()

    exact_slope(changes_its_argument, [x], [MOVE])
    assert (x == POINT).all()
    assert ExactPoint([x]).value(changes_its_argument) == 2 * sum(fmpq(*t.as_integer_ratio()) for t in x.flat)


# The judgement.

SMALL = Shape(4, 8, 8, 2)


def hidden(x, _y, w1, _w2):
    return x @ w1


def with_value_at_zero(value):
    """The hand gradient with relu'(0) = value."""

    def gradients(x, y, w1, w2):
        h = x @ w1
        grad_y_pred = 2 * (np.maximum(h, 0) @ w2 - y)
        grad_h = grad_y_pred @ w2.T
        grad_h = np.where(h > 0, grad_h, np.where(h == 0, value * grad_h, 0))
        return grad_h @ w1.T, -grad_y_pred, x.T @ grad_h, np.maximum(h, 0).T @ grad_y_pred

    return gradients


def judge(problem, gradients=numpy_core.gradients, kink_of=hidden, **options):
    options |= {"names": Problem._fields, "kink_of": kink_of, "oracle": "exact"}
    return check(numpy_core.loss, gradients, tuple(problem), **options)


def test_the_network_s_hand_gradient_is_equal_to_the_slopes():
    report = judge(draw(SMALL))
    assert report.verdict is Verdict.PASS
    for row in report:
        assert row.exact.equal
        assert row.exact.directions >= 2
        assert row.exact.digits == math.inf
        assert 0 < row.exact.ulps_of_largest <= row.exact.ulps < math.inf
        assert row.kink is None
    assert "In exact arithmetic the formula equals the slopes" in " ".join(report.explain().split())


@pytest.mark.parametrize(
    ("value", "verdict", "convention"),
    [
        (1, Verdict.PASS, "right"),
        (0, Verdict.PASS, "left"),
        (0.5, Verdict.PASS, "midpoint"),
        (0.25, Verdict.PASS, "other"),
        (1.2, Verdict.FAIL, "other"),
        (-0.2, Verdict.FAIL, "other"),
    ],
)
def test_the_convention_at_the_kink_is_named_and_one_outside_0_to_1_is_wrong(value, verdict, convention):
    report = judge(boundary(SMALL), with_value_at_zero(value))
    assert report.verdict is verdict
    assert report["w1"].kink.convention == convention
    assert report["w1"].kink.valid == (verdict is Verdict.PASS)
    assert report["w1"].kink.within == 0
    assert report["w1"].exact.equal  # next to the kink the formula is right
    assert report["w2"].exact.equal
    # The same data without the kink variable: the sides are then those of the argument, and mixed.
    blind = judge(boundary(SMALL), with_value_at_zero(value), kink_of=None)
    assert blind.verdict is verdict
    if value in (0, 1):
        assert blind["w1"].kink.convention == "mixed"


def test_where_the_kink_variable_is_known_kinks_are_judged_one_by_one():
    report = judge(boundary(Shape(6, 9, 16, 3)), with_value_at_zero(0), only=("w1",))
    assert report["w1"].kink.kinks
    assert {kink.convention for kink in report["w1"].kink.kinks} == {"left"}


def test_kinks_that_coincide_and_cancel_make_the_hand_gradient_wrong():
    report = judge(coinciding_kinks())
    assert report.verdict is Verdict.FAIL
    assert report["w1"].verdict is Verdict.FAIL


def test_a_valid_subgradient_outside_both_slopes_is_not_called_wrong():
    def f(x):
        return np.maximum(x[0] + x[1], 0) - np.maximum(x[0] - x[1], 0)

    def gradient(x):  # a limit of gradients: relu'(0) = 1 for the first kink, 0 for the second
        first, second = x[0] + x[1] >= 0, x[0] - x[1] > 0
        return np.array([first * 1 - second * 1, first * 1 + second * 1]) + np.zeros_like(x)

    assert sides(f, [0.0, 0.0], [1.0, 0.0]) == (0, 0)
    assert check(f, gradient, (np.zeros(2),), oracle="exact").verdict is Verdict.PASS


@pytest.mark.parametrize(("at_zero", "verdict"), [(1.0, Verdict.PASS), (1.2, Verdict.FAIL)])
def test_a_vertex_among_256_is_proved_to_be_one_and_what_lies_beyond_it_is_not(at_zero, verdict):
    rng = np.random.default_rng(3)
    rows = rng.integers(1, 50, (8, 8)).astype(float)  # eight kinks at 0, all of which move along each entry
    signs = np.array([1.0, -1.0] * 4)

    def f(x):
        return (signs * np.maximum(rows @ x, 0)).sum()

    def gradient(x):  # relu'(0) = 1 where the kink is convex, else 0: a limit of gradients, one of 256
        h = rows @ x
        return rows.T @ (signs * ((h > 0) + at_zero * ((h == 0) & (signs > 0)))) + np.zeros_like(x)

    assert np.linalg.matrix_rank(rows) == 8  # so that some x has every pattern of signs
    report = check(f, gradient, (np.zeros(8),), oracle="exact")
    assert report.verdict is verdict
    assert report[0].exact.equal


@pytest.mark.parametrize("wrong", ["w1", "w2"])
def test_one_wrong_entry_is_found(wrong):
    def gradients(*args):
        right = numpy_core.gradients(*args)._asdict()
        right[wrong] = right[wrong].copy()
        right[wrong][1, 1] = right[wrong][1, 1] * (1 + 2.0**-52)
        return tuple(right.values())

    report = judge(draw(SMALL), gradients)
    assert [row.name for row in report if not row.exact.equal] == [wrong]
    assert report[wrong].exact.error == 2.0**-52
    assert report[wrong].exact.wrong == ((1, 1),)
    assert "in exact arithmetic the formula is off by 2.2e-16 at (1, 1)" in report[wrong].notes[0]


def test_a_wrong_entry_of_an_argument_too_large_to_ask_one_by_one_is_still_wrong():
    def gradient(x, y):
        grad = 2 * x
        grad[7] = grad[7] * (1 + 2.0**-50)
        return grad, 2 * y

    rng = np.random.default_rng(0)
    report = check(
        lambda x, y: (x**2).sum() + (y**2).sum(),
        gradient,
        (rng.standard_normal(300), rng.standard_normal(2)),
        oracle="exact",
    )
    assert [row.exact.equal for row in report] == [False, True]
    assert report["x"].exact.wrong == ()
    assert 0 < report["x"].exact.error < 2.0**-45


def test_a_forgotten_mask_is_wrong():
    def gradients(x, y, w1, w2):
        grad_y_pred = 2 * (np.maximum(x @ w1, 0) @ w2 - y)
        grad_h = grad_y_pred @ w2.T
        return grad_h @ w1.T, -grad_y_pred, x.T @ grad_h, np.maximum(x @ w1, 0).T @ grad_y_pred

    for problem in (draw(SMALL), boundary(SMALL)):
        report = judge(problem, gradients)
        assert report["w1"].verdict is Verdict.FAIL
        assert not report["w1"].exact.equal
        assert report["w2"].exact.equal


@pytest.mark.parametrize(
    "given",
    [
        {"vjp": lambda c, x: c * (x > 0) + 0 * x},
        {"backward": lambda c, x: c * (x > 0) + 0 * x},
    ],
    ids=["vjp", "backward"],
)
def test_other_forms_run_on_exact_numbers_too(given):
    f = (lambda x: (np.maximum(x, 0), x)) if "backward" in given else lambda x: np.maximum(x, 0)
    report = check(f, args=(np.array([0.0, 1.0, -1.0]),), oracle="exact", **given)
    assert report.verdict is Verdict.PASS
    assert report[0].exact.equal
    assert report[0].kink.convention == "left"


def test_a_gradient_that_makes_floats_is_judged_by_them_and_a_note_says_so():
    def gradient(x):
        return np.array([2 * float(x[0]), 1.0]) if x.dtype == float else np.ones(2)

    report = check(lambda x: x[0] ** 2 + x[1], gradient, (np.array([0.5, 2.0]),), oracle="exact")
    assert report.verdict is Verdict.PASS
    assert report[0].exact is None
    assert "the gradient was judged by its floats: the gradient returned floats" in report[0].notes[0]


def test_balls_that_agree_overlap():
    with working(bits=64, terms=1):
        third = arb(1) / 3
        assert agree(third, fmpq(1, 3))
        assert not agree(third, fmpq(1, 2))


def test_arrays_of_torch_have_no_exact_slopes():
    torch = pytest.importorskip("torch")
    with pytest.raises(UnsupportedError, match="oracle='exact' runs NumPy code only: pass NumPy arrays"):
        check(lambda x: (x**2).sum(), lambda x: 2 * x, (torch.ones(2),), oracle="exact")


@pytest.mark.parametrize("number", [np.timedelta64(3, "s"), np.datetime64("2020-01-01"), Decimal("0.5"), "1", 1j])
def test_what_is_no_real_number_is_refused_where_f_returns_it(number):
    with pytest.raises(UnsupportedError, match="cannot be made exact"):
        run(lambda _: number, [exact_array(POINT)])


def test_as_many_axes_as_numpy_has_are_no_obstacle():
    x = np.full((1,) * 64, 0.5)
    slope = exact_slope(lambda x: (x**2).sum(), [x], [np.ones(x.shape)])
    assert slope.left == slope.right == 1
    (found,) = exact_gradient(lambda x: 2 * x, [x])
    assert found.shape == x.shape
    assert check(lambda x: (x**2).sum(), lambda x: 2 * x, (x,), oracle="exact").verdict is Verdict.PASS


@pytest.mark.parametrize("exponent", [1e15, -1e15])
def test_a_power_of_too_many_digits_is_refused_and_no_memory_is_asked_for_it(exponent):
    def f(x):
        return np.sum(x**exponent)

    with pytest.raises(UnsupportedError, match="too many digits"):
        check(f, lambda x: exponent * x ** (exponent - 1), (np.array([1 + 2.0**-51]),), oracle="exact")


def squared_often(x):
    for _ in range(60):
        x = x * x
    return np.sum(x)


def a_map_iterated(x):
    for _ in range(60):
        x = 3.7 * x * (1 - x)
    return np.sum(x)


def a_fraction_continued(x):
    for _ in range(60):
        x = 1 / (x * x + 1)
    return np.sum(x)


@pytest.mark.parametrize("f", [squared_often, a_map_iterated, a_fraction_continued])
def test_products_of_too_many_digits_are_refused_as_powers_are(f):
    with pytest.raises(UnsupportedError, match="too many digits"):
        check(f, lambda x: x, (np.array([0.3]),), oracle="exact")
    assert check(f, lambda x: x, (np.array([0.3]),)).verdict is not Verdict.PASS  # and without it there is a verdict


@pytest.mark.parametrize(
    "ball",
    [arb("inf"), arb("nan"), arb("1e1000").exp(), arb(2) ** (2**20 + 1)],
    ids=["infinite", "NaN", "overflowed", "of too many digits"],
)
def test_a_ball_that_is_no_fraction_does_not_end_the_process(ball):
    with pytest.raises((Undecided, UnsupportedError)):
        middle(ball)
    with pytest.raises((Undecided, UnsupportedError)):
        radius(ball)


@pytest.mark.parametrize("ball", [arb(2) ** (-(2**21)), arb("-1e1000").exp()])
def test_a_ball_too_small_to_write_is_0_and_its_radius_holds_it(ball):
    assert middle(ball) == 0
    assert 0 < radius(ball) <= Fraction(2, 2**2**20)


@pytest.mark.parametrize(("number", "wanted"), [(10**400, math.inf), (-(10**400), -math.inf), (3, 3.0)])
def test_a_rational_beyond_the_floats_is_infinite_as_one(number, wanted):
    assert nearest(fmpq(number)) == nearest(Fraction(number)) == wanted


def test_a_slope_beyond_the_floats_is_not_measured():
    x = np.array([2.0])
    report = gc.check(lambda x: (x - 2).sum() * 1e308 * 1e10, np.ones_like, (x,), oracle="exact")
    assert str(report.verdict) == "INCONCLUSIVE"
