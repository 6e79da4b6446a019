import math

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.jvp import JvpClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.oracles.exact_slopes import ExactSlopes
from gradcheck.slopes.field import Field
from gradcheck.verdicts import accuracy, escalation
from gradcheck.verdicts.trial import Trial

UNIT = 2.0**-24
X = np.array([0.5, -1.5, 2.0, 0.7])


def rooms(f, gradient, *args):
    claim = GradientClaim(f, gradient, Given(args))
    return Prediction(claim, claim.leaves), Field(claim, claim.leaves, seed=0)


def cubes(x):
    return np.sum(x**3)


def cubes_gradient(x):
    return 3 * x**2


# log(1 + x) is written so that it cancels for small x, or with log1p
SMALL = np.array([1.3e-4, -2.7e-4, 3.9e-4], dtype=np.float32)


def softened(x):
    return np.sum(np.log1p(x) ** 2)


def stable(x):
    return 2 * np.log1p(x) / (1 + x)


def cancelling(x):
    return 2 * np.log(1 + x) / (1 + x)


def test_a_jitter_moves_entries_by_one_unit_at_most_and_repeats_itself():
    moved = accuracy.jittered([X, 2 * X], UNIT, seed=3, repeat=0)
    for x, y in zip((X, 2 * X), moved, strict=True):
        assert set(np.round((y / x - 1) / (2 * UNIT)).tolist()) <= {-1.0, 0.0, 1.0}
    assert not np.array_equal(moved[0], X)
    assert np.array_equal(moved[0], accuracy.jittered([X, 2 * X], UNIT, seed=3, repeat=0)[0])
    assert not np.array_equal(moved[0], accuracy.jittered([X, 2 * X], UNIT, seed=3, repeat=1)[0])


def test_a_jitter_of_one_argument_leaves_the_others():
    moved = accuracy.jittered([X, 2 * X], UNIT, seed=3, repeat=0, only=1)
    assert moved[0] is X
    assert not np.array_equal(moved[1], 2 * X)


def test_the_spread_of_a_gradient_is_its_condition():
    gradient, field = rooms(cubes, cubes_gradient, X)
    found = accuracy.spread(gradient, field, UNIT, [0])[0]
    largest = field.scales[0].norm(6 * X * (2 * UNIT * X))  # every entry moved
    assert largest / 4 < found <= largest * (1 + 1e-6)


def test_the_spread_of_a_jvp_is_not_known():
    claim = JvpClaim(cubes, lambda v, x: 3 * x**2 @ v, Given((X,)))
    found = accuracy.spread(Prediction(claim, claim.leaves), Field(claim, claim.leaves, seed=0), UNIT, [0])
    assert found == {0: 0.0}


def test_a_jitter_that_leaves_the_domain_teaches_nothing():
    gradient, field = rooms(cubes, lambda x: 3 * x**2 if np.array_equal(x, X) else np.full_like(x, np.nan), X)
    assert accuracy.spread(gradient, field, UNIT, [0]) == {0: 0.0}


def test_a_label_on_a_discontinuity_does_not_blur_the_gradient_of_the_scores():
    labels = np.array([1.0, 1.0, -1.0, 2.0])

    def gradient(scores, labels):
        return np.where(labels == 1.0, 3.0, 1.0) * scores, 0 * labels

    found = rooms(lambda s, y: 0.5 * np.sum(np.where(y == 1.0, 3.0, 1.0) * s**2), gradient, X, labels)
    assert accuracy.spread(*found, UNIT, [0, 1])[0] < 1e-5


def test_what_another_argument_does_to_a_gradient_counts_in_proportion_and_not_as_a_jump():
    def f(x, b):
        return b * np.exp(1e5 * (x - 1)).sum()

    def gradient(x, b):
        e = np.exp(1e5 * (x - 1))
        return 1e5 * b * e, np.array(e.sum() * (2.0 if (x >= 1).all() else 1.0) if jumps else e.sum())

    for jumps, least, most in ((False, 1e5 * UNIT, 1e6 * UNIT), (True, 0.0, 0.0)):
        x = np.full(3, 1.0 if jumps else 1.0 + 1e-7)
        found, field = rooms(f, gradient, x, np.array(1.0))
        assert least <= accuracy.spread(found, field, UNIT, [0, 1])[1] <= most


def test_only_the_arguments_asked_for_are_jittered_and_none_where_none_is():
    gradient, field = rooms(lambda a, b: np.sum(a * b), lambda a, b: (b, a), X, X + 1)
    before = gradient.evaluations
    assert accuracy.spread(gradient, field, UNIT, []) == {}
    assert gradient.evaluations == before
    assert list(accuracy.spread(gradient, field, UNIT, [1])) == [1]


def test_none_beside_claimed_arrays_has_no_spread_and_no_accuracy():
    found, field = rooms(lambda a, b: np.sum(a * b), lambda a, b: (None, a), X, X + 1)  # noqa: ARG005
    assert accuracy.spread(found, field, UNIT, [0, 1])[0] == 0.0
    assert set(accuracy.judge(found.values, found, field, "float32")) == {1}


@pytest.mark.parametrize(("scale", "verdict"), [(0.9, "PASS"), (1.1, "FAIL")])
def test_the_error_allowed_is_that_of_the_condition_and_of_the_sums(scale, verdict):
    gradient, field = rooms(cubes, cubes_gradient, X)
    size = field.scales[0].norm(gradient.values[0])
    condition = accuracy.spread(gradient, field, UNIT, [0])[0]
    lost = field.scales[0].norm(np.full(4, 2.0**-149))
    allowed = 4 * math.sqrt(4 + 64) * (condition + UNIT * size + lost) + 4 * UNIT * abs(cubes(X))
    carried = abs(cubes(X)) * size + math.sqrt(4 + 64) * field.scales[0].norm(cubes_gradient(1.5 * X))
    more = 0.0 if scale * (allowed + 4 * UNIT * carried) <= allowed else 4 * UNIT * carried
    allowed += more
    native = [gradient.values[0] * (1 + scale * allowed / size)]
    found = accuracy.judge(native, gradient, field, "float32")[0]
    assert str(found.verdict) == verdict
    assert found.error == pytest.approx(scale * allowed / size, rel=1e-6)
    assert found.allowed == pytest.approx(allowed / size, rel=1e-12)


def test_a_gradient_that_is_zero_in_float64_is_compared_absolutely():
    gradient, field = rooms(lambda _: 1.0, np.zeros_like, X)
    found = accuracy.judge([np.full(4, 1e-3)], gradient, field, "float32")[0]
    assert found.error == pytest.approx(field.scales[0].norm(np.full(4, 1e-3)))
    assert str(found.verdict) == "FAIL"
    assert str(accuracy.judge([np.zeros(4)], gradient, field, "float32")[0].verdict) == "PASS"


def test_the_length_of_sums_counts_up_to_the_block_of_a_blocked_sum():
    x = np.full(2**16, 0.5)
    gradient, field = rooms(cubes, cubes_gradient, x)
    found = accuracy.judge(gradient.values, gradient, field, "float32")[0]
    condition = accuracy.spread(gradient, field, UNIT, [0])[0]
    size = field.scales[0].norm(gradient.values[0])
    sums = 4 * 2.0**7 * (condition / size + UNIT)
    assert found.allowed == pytest.approx(sums + 4 * UNIT * abs(cubes(x)) / size, rel=1e-12)


def test_a_jitter_of_a_subnormal_entry_is_the_spacing_of_subnormal_numbers():
    smallest = 2.0**-149
    x = np.array([3 * smallest, -smallest, 0.0, 1.0])
    moved = [accuracy.jittered([x], UNIT, seed=0, repeat=r, smallest=smallest)[0] - x for r in range(20)]
    assert {m[0] for m in moved} == {m[1] for m in moved} == {-smallest, smallest}
    assert {m[2] for m in moved} == {0.0}
    assert max(abs(m[3]) for m in moved) == 2 * UNIT


# Through the public face ---------------------------------------------------------------------------------------


def test_a_stable_formula_passes_in_float32_and_a_cancelling_one_is_told_with_the_right_words():
    right = gc.check(softened, stable, (SMALL,))
    assert right.verdict is gc.Verdict.PASS
    assert right[0].accuracy.verdict is gc.Verdict.PASS
    assert right[0].dtype == "float32"
    wrong = gc.check(softened, cancelling, (SMALL,))
    assert wrong.verdict is gc.Verdict.FAIL
    assert "the formula is right in float64, but in float32 the gradient is off by" in wrong[0].reason
    assert "it cancels; rearrange it" in wrong[0].reason


def test_a_wrong_formula_in_float32_is_called_wrong_and_not_inaccurate():
    report = gc.check(softened, lambda x: stable(x) / 2, (SMALL,))
    assert report.verdict is gc.Verdict.FAIL
    assert "cancels" not in report[0].reason
    assert report[0].error.low > 0.1


def test_an_ill_conditioned_gradient_is_as_accurate_as_its_inputs():
    x = np.array([100.1, 200.2, 300.3], dtype=np.float32)  # sin of large numbers: float32 inputs leave few digits
    report = gc.check(lambda x: np.sum(np.cos(x)), lambda x: -np.sin(x), (x,))
    assert report.verdict is gc.Verdict.PASS
    assert report[0].accuracy.allowed > 1e-5


def test_what_underflows_in_float32_is_not_called_wrong():
    x = np.array([[1.4e-45], [-1.6875], [-0.4375]], dtype=np.float32)
    w = np.array([[1.4e-45]], dtype=np.float32)  # (x w)^2 is 0 in float32, and 2 w^2 x as well
    report = gc.check(lambda x, w: np.sum((x @ w) ** 2), lambda x, w: (2 * x @ w @ w.T, 2 * x.T @ (x @ w)), (x, w))
    assert report.verdict is gc.Verdict.PASS


def test_a_gradient_of_subnormal_numbers_may_be_off_by_their_spacing():
    x = np.array([1.1e-6, 1.3e-6, 0.7e-6], dtype=np.float32)  # 8 x^7 has a few bits in float32
    found = gc.check(lambda x: np.sum(x**8), lambda x: 8 * x**7, (x,))[0].accuracy
    assert found.error > 1e-5  # of a gradient that float64 holds to the last digit
    assert found.verdict is gc.Verdict.PASS


def root_mean_square(x):
    return np.sum(x / np.sqrt(np.mean(x**2) + np.finfo(x.dtype).eps))


def root_mean_square_gradient(x):
    size = np.sqrt(np.mean(x**2) + np.finfo(x.dtype).eps)
    return 1 / size - np.sum(x) * x / (x.size * size**3)


def test_a_function_that_depends_on_its_dtype_is_judged_there():
    x = 1e-4 * X.astype(np.float32)
    report = gc.check(root_mean_square, root_mean_square_gradient, (x,))
    assert report.verdict is gc.Verdict.PASS
    assert "is another function in float32" in report.notes[0]
    wrong = gc.check(root_mean_square, lambda x: 2 * root_mean_square_gradient(x), (x,))
    assert wrong.verdict is gc.Verdict.FAIL


def test_a_saturated_unit_may_be_off_by_the_round_off_of_its_forward_value():
    x = np.array([4.5, 5.0], dtype=np.float32)
    gradient = gc.check(lambda x: np.sum(np.tanh(x)), lambda x: 1 - np.tanh(x) ** 2, (x,))
    assert gradient.verdict is gc.Verdict.PASS
    assert gradient[0].accuracy.error > 1e-5  # of what is left of the slope
    half = gc.check(lambda x: np.sum(np.tanh(x)), lambda x: (1 - np.tanh(x) ** 2) / 2, (x,))
    assert half.verdict is gc.Verdict.FAIL


def test_a_gradient_that_is_zero_has_no_relative_accuracy():
    # two observations are always perfectly correlated: the gradient is zero, and what round-off leaves is noise
    torch = pytest.importorskip("torch")
    x = torch.tensor([[0.3, 1.7], [-2.1, 0.4], [0.9, -0.6]])
    argument = gc.check(torch.corrcoef, inputs=(x,))[0]
    assert str(argument.verdict) == "PASS"
    assert not argument.error.relative
    assert argument.accuracy is None


@pytest.mark.parametrize("function", ["i0e", "i1e"])
def test_a_special_function_of_one_number_may_be_off_by_the_roundings_of_its_series(function):
    torch = pytest.importorskip("torch")
    for value in (-7.3, -2.5, 0.4, 3.1, 8.9):
        report = gc.check(getattr(torch.special, function), inputs=(torch.tensor(value),))
        assert str(report.verdict) == "PASS"


@pytest.mark.parametrize("seed", [3, 4, 11, 16, 27])
def test_where_terms_cancel_in_f_its_gradient_need_not_be_better_than_f(seed):
    rng = np.random.default_rng(seed)
    c, W = rng.standard_normal((3, 4)), rng.standard_normal((4, 4))
    x, b = (0.2 * rng.standard_normal(shape).astype(np.float32) for shape in ((3, 4), 4))

    def layer(x, b):
        return np.tanh(x.dtype.type(11) * np.logaddexp(0, x + b))  # saturated in both arguments

    def f(x, b):
        return np.sum(20 * c.astype(x.dtype) * (layer(x, b) @ W.astype(x.dtype)))

    def gradient(x, b):
        dtype, h = x.dtype.type, layer(x, b)
        g = (dtype(20) * c.astype(dtype)) @ W.T.astype(dtype) * (1 - h * h) * dtype(11) / (1 + np.exp(-(x + b)))
        return g, g.sum(axis=0)

    assert gc.check(f, gradient, (x, b), seed=seed).verdict is gc.Verdict.PASS


@pytest.mark.parametrize(("offset", "least", "most"), [(0.0, 0.0, 1e-12), (1e16, 0.7, 70.0)])
def test_a_claim_may_be_off_by_as_much_as_f_is_from_itself_in_exact_arithmetic(offset, least, most):
    pytest.importorskip("flint")
    found, field = rooms(lambda x: np.sum((x + offset) - offset), np.ones_like, np.array([0.3, 0.4]))
    trial = Trial(field, found, 0, confidence=0.9999)
    other = escalation.another_trial(trial, ExactSlopes(field, found.claim))
    assert least <= other.jitter <= most


def largest_of_sums(x, b):
    return np.sum(np.log(2 + x[:, None] * x + b[:, None]).max(axis=0))


def largest_of_sums_gradient(x, b):
    rows = np.log(2 + x[:, None] * x + b[:, None]).argmax(axis=0)
    each = np.exp(-np.log(2 + x[rows] * x + b[rows]))
    by_x, by_b = np.zeros_like(x), np.zeros_like(b)
    np.add.at(by_b, rows, each)
    np.add.at(by_x, rows, each * x)
    return by_x + each * x[rows], by_b


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_of_values_that_a_bias_of_zero_parts_by_less_than_round_off_may_be_another_one(seed):
    x = 1e-5 * np.random.default_rng(seed).standard_normal(5).astype(np.float32)
    b = np.zeros(5, dtype=np.float32)
    wide = largest_of_sums_gradient(x.astype(np.float64), b.astype(np.float64))[1]
    assert np.abs(largest_of_sums_gradient(x, b)[1] - wide).max() > 0.1
    assert gc.check(largest_of_sums, largest_of_sums_gradient, (x, b), seed=seed)["b"].verdict is not gc.Verdict.FAIL


def test_a_bias_of_zero_excuses_no_formula_that_cancels():
    def gradient(x, b):
        return cancelling(x + b), cancelling(x + b)

    reports = [gc.check(lambda x, b: softened(x + b), gradient, (SMALL, 0 * SMALL), seed=seed) for seed in range(5)]
    told = [report["b"].reason for report in reports if report["b"].verdict is gc.Verdict.FAIL]
    assert len(told) >= 3
    assert all("in float32 the gradient is off" in reason for reason in told)
    wide = [SMALL.astype(np.float64), np.zeros(3)]
    prediction, field = rooms(lambda x, b: softened(x + b), gradient, *wide)
    assert accuracy._jump_beside_zeros(prediction, field, 2.0**-24, 1) == 0.0
