"""Right gradients of which f's values show nothing: no slope contradicts them; wrong ones of the same f fail."""

import numpy as np
import pytest

import gradcheck as gc

PASS, FAIL = gc.Verdict.PASS, gc.Verdict.FAIL
BIAS = np.array([-0.0249, 0.045, -0.017, -0.0036])


def oscillation(sharpness):
    """sin of a steep function on an offset: f changes within the finest step."""
    at = np.array([1.1327, -0.686, -0.0855, -0.2026])

    def inner(b):
        y = at + b
        e = np.exp(sharpness * (y**3 / 9 + y) / 2)
        return e**3 / 9 + e, (e**2 / 3 + 1) * e / 2 * sharpness * (y**2 / 3 + 1)

    def gradient(b):
        value, slope = inner(b)
        return np.cos(value) * slope

    return lambda b: float(425 + np.sum(np.sin(inner(b)[0]))), gradient


@pytest.mark.parametrize("sharpness", [15.5, 17.0])
def test_where_f_moves_as_far_over_small_steps_as_over_large_ones_a_steep_claim_is_not_wrong(sharpness):
    f, gradient = oscillation(sharpness)
    for seed in range(40):
        assert gc.check(f, gradient, (BIAS,), seed=seed).verdict is not FAIL


def test_as_steep_a_claim_is_wrong_where_f_is_smooth():
    for seed in range(10):
        report = gc.check(lambda b: float(425 + np.sum(np.sin(b))), lambda b: 1e14 * np.cos(b), (BIAS,), seed=seed)
        assert report.verdict is FAIL


@pytest.mark.parametrize("size", [0.1, 1.0, 100.0])
def test_so_is_one_where_f_moves_by_round_off_alone(size):
    for seed in range(10):
        report = gc.check(
            lambda b: float(425 + 1e-12 * np.sum(np.sin(1e6 * b))), lambda b: 0 * b + size, (BIAS,), seed=seed
        )
        assert report.verdict is FAIL


@pytest.mark.parametrize("away", [4.9, 5.0])
def test_on_large_steps_a_gaussian_on_an_offset_is_level_and_says_nothing_of_its_tail(away):
    def f(x):
        return float(6975 + np.sum(np.exp(-((x - 6973) ** 2))))

    def gradient(x):
        return -2 * (x - 6973) * np.exp(-((x - 6973) ** 2))

    x = np.array([6973.0 + away])
    for seed in range(60):
        assert gc.check(f, gradient, (x,), seed=seed, oracle="finite differences").verdict is not FAIL
    unlike = gc.check(lambda x: 6975.0 + 0 * float(x[0]), lambda x: 1e-3 * x, (x,), oracle="finite differences")
    assert unlike.verdict is FAIL


def layer_norms(sharp):
    """Two layer norms of two entries: what the second one norms is equal but for round-off."""

    def norm(x):
        centred = x - x.mean()
        size = np.sqrt(np.mean(centred**2) + 1e-5)
        return centred / size, size

    def f(x):
        return 67 + sharp * np.array([3.0, 1.0]) @ norm(sharp * norm(x)[0] ** 2 / 4)[0]

    def pulled(g, unit, size):
        return (g - g.mean() - unit * np.mean(g * unit)) / size

    def gradient(x):
        first, size = norm(x)
        g = pulled(sharp * np.array([3.0, 1.0]), *norm(sharp * first**2 / 4))
        return pulled(g * sharp * first / 2, first, size)

    return f, gradient


@pytest.mark.parametrize("x", [(12.535, 12.539), (12.5351, 12.5362), (0.2, 0.21)])
def test_code_that_is_looked_into_does_not_contradict_the_round_off_of_a_claim(x):
    f, gradient = layer_norms(30.0)
    for seed in range(20):
        assert gc.check(f, gradient, (np.array(x),), seed=seed).verdict is not FAIL


@pytest.mark.parametrize("sharp", [5.0, 10.0, 30.0])
def test_nor_where_it_is_the_same_at_the_next_number_and_another_one_further_off(sharp):
    normed, slope = layer_norms(sharp)

    def squashed(x):
        return 1 / (1 + np.exp(12.53 - x))

    def gradient(x):
        return slope(squashed(x)) * squashed(x) * (1 - squashed(x))

    x = np.array([12.535, 12.539])
    for seed in range(20):
        assert gc.check(lambda x: normed(squashed(x)), gradient, (x,), seed=seed).verdict is not FAIL


def test_it_contradicts_a_claim_that_is_no_round_off():
    f, _ = layer_norms(30.0)
    for seed in range(10):
        assert gc.check(f, lambda x: np.full(2, 1e-3) * x, (np.array([12.535, 12.539]),), seed=seed).verdict is FAIL


def of_rounded(dtype, steepness, factor=1.0):
    """A steep function of arguments that it rounds, and the gradient of the same one that does not."""

    def rounded(x):
        return x.astype(dtype).astype(np.float64)

    def f(x, b):
        return float(np.sum(np.exp(steepness * (rounded(x) - 2.4)) * np.sin(rounded(b))))

    def gradient(x, b):
        size = factor * np.exp(steepness * (x - 2.4))
        return steepness * size * np.sin(b), size * np.cos(b)

    return f, gradient, (np.array([1.2345, 2.3456, 0.9173]), np.array([0.31, -0.27, 0.55]))


@pytest.mark.parametrize("steepness", [20.0, 200.0, 900.0])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_slopes_of_the_point_that_arguments_are_rounded_to_do_not_contradict_the_gradient_at_their_own(
    dtype, steepness
):
    f, gradient, args = of_rounded(dtype, steepness)
    for seed in range(20):
        assert gc.check(f, gradient, args, seed=seed).verdict is not FAIL


@pytest.mark.parametrize(("dtype", "steepness"), [("float16", 20.0), ("float32", 20.0), ("float32", 60.0)])
def test_a_factor_is_wrong_there_too(dtype, steepness):
    f, gradient, args = of_rounded(dtype, steepness, factor=2.0)
    found = [gc.check(f, gradient, args, seed=seed).verdict for seed in range(20)]
    assert found.count(FAIL) >= 18
    assert PASS not in found


def test_where_the_claim_is_another_one_at_the_rounded_point_that_is_said():
    f, gradient, args = of_rounded("float16", 60.0, factor=1.1)
    reports = [gc.check(f, gradient, args, seed=seed) for seed in range(20)]
    said = [report for report in reports if any("f rounds its arguments to float16" in a.reason for a in report)]
    assert said
    assert all(report.verdict is not PASS for report in reports)


@pytest.mark.parametrize("quantum", [1.87e-4, 1e-3])
def test_stairs_of_small_steps_are_not_taken_for_large_ones_where_few_of_their_values_were_seen(quantum):
    x = np.array([-0.00198047])

    def f(x):
        return np.round((np.sum(np.tanh(0.01 * x)) - 1) / quantum) * quantum

    for seed in range(40):
        report = gc.check(f, lambda x: 0.01 / np.cosh(0.01 * x) ** 2, (x,), seed=seed)
        assert report.verdict is not FAIL


@pytest.mark.parametrize("quantum", [0.25, 1.0])
def test_a_slope_claimed_on_stairs_of_large_steps_is_that_of_a_straight_through_estimator(quantum):
    def f(x):
        return np.sum(np.round(x / quantum) * quantum)

    for seed in range(20):
        report = gc.check(f, np.ones_like, (np.array([0.3, 1.7, -2.2]),), seed=seed)
        assert report.verdict is FAIL
        assert "straight-through" in report[0].reason
