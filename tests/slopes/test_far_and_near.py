"""The scale of a zero argument, φ that changes within the finest step, φ that stands still, and noise off a minimum."""

import math

import numpy as np
import pytest

from gradcheck.oracles.finite_difference import TARGET
from gradcheck.slopes.direction import Scale, inner
from gradcheck.slopes.measure import measure_slope
from gradcheck.slopes.noise import Noise, measure_noise
from gradcheck.slopes.within_finest_step import steeper_within
from gradcheck.slopes.zero import scale_of_zero

UNIT = 2.0**-53
NOISE = Noise(bound=4 * UNIT, unit=UNIT)


def measured(phi, scale, noise=NOISE):
    return measure_slope(phi, phi(0.0), noise, scale=scale, target=TARGET, finest=-34)


@pytest.mark.parametrize(
    ("phi", "scale"),
    [
        (lambda t: 3 * t, 1.0),
        (lambda t: 1e9 + t, 1.0),
        (lambda t: math.tanh(t / 1e-12), 2.0**-40),
        (lambda t: 1.0, 1.0),  # noqa: ARG005
        (lambda t: math.exp(min(1e14 * t, 700)), 2.0**-32),
    ],
)
def test_the_scale_of_a_zero_is_the_largest_step_that_f_follows(phi, scale):
    assert scale_of_zero(phi, phi(0.0), UNIT) == scale


def test_a_step_within_the_finest_is_told_from_a_wrong_claim():
    def steep(t):
        return math.tanh(t / 1e-13)

    slope = measured(steep, 1e13)
    assert steeper_within(steep, 0.0, slope, claimed=1e13, finest=-34, unit=UNIT)
    smooth = measured(math.sin, 1e13)
    assert not steeper_within(math.sin, 0.0, smooth, claimed=1e13, finest=-34, unit=UNIT)
    tiny = measured(lambda t: 1e-30 * math.sin(t), 1e-30, Noise(bound=1e-48, unit=UNIT))
    assert not steeper_within(lambda t: 1e-30 * math.sin(t), 0.0, tiny, claimed=1e300, finest=-34, unit=UNIT)


def test_a_slope_that_still_grows_at_the_finest_steps_has_no_bound():
    assert math.isinf(measured(lambda t: math.tanh(t / 1e-13), 1.0).error)


def test_far_out_a_slope_that_is_not_seen_is_no_evidence():
    def bounded(t):
        return 1e3 + 1e-13 * math.tanh(t)  # below a last bit of 1e3: at every step nothing moves, D(h) is 0

    slope = measured(bounded, 1e-13, Noise(bound=4e3 * UNIT, unit=UNIT))
    assert abs(slope.value - 1e-13) <= slope.error


def test_a_rounded_function_stands_still_where_its_slope_would_move_it():
    def stairs(t):
        return round(1000 * (0.3 + t)) / 1000

    noise = measure_noise(stairs, stairs(0.0), UNIT)
    assert not math.isnan(measured(stairs, 0.0, noise).constant)
    assert math.isnan(measured(math.cos, 0.0).constant)


def test_at_a_minimum_the_noise_is_that_of_the_steps():
    rng = np.random.default_rng(0)
    A, w = rng.standard_normal((20, 3)), rng.standard_normal(3)
    y, v = A @ w, rng.standard_normal(3)

    def loss(t):
        return float(np.sum((A @ (w + t * v) - y) ** 2))

    assert measure_noise(loss, loss(0.0), UNIT).bound > UNIT * loss(2.0**-10)


@pytest.mark.parametrize("exponent", [-300, -170, 0, 170, 300])
def test_norms_and_products_do_not_overflow_where_their_result_is_a_number(exponent):
    g = np.array([3.0, 4.0]) * 10.0**exponent
    s = 10.0**-exponent
    assert Scale(s).norm(g) == pytest.approx(5)
    assert Scale(np.full(2, s)).norm(g) == pytest.approx(5)
    value, error = inner(g, np.array([1.0, 1.0]) * s)
    assert value == pytest.approx(7)
    assert error < 1e-13


def test_a_product_beyond_the_largest_number_is_the_largest_number():
    with np.errstate(over="ignore"):  # as everywhere in a check
        value, error = inner(np.array([1e300, -1e10]), np.array([1e300, 1.0]))
    assert value == np.finfo(np.float64).max
    assert math.isfinite(error)


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e300])
def test_stillness_is_asked_at_any_size(scale):
    for size in (1e-300, 1.0, 1e300):
        slope = measured(lambda t, s=size: s * round(1 + 8 * t), scale, Noise(bound=size, unit=UNIT, granularity=size))
        assert slope is not None
