import math

import numpy as np
import pytest

from gradcheck.slopes.noise import GENERIC, SAFETY, Noise, difference_table, hidden_steps, measure_noise

UNIT = 2.0**-53


def white(sigma, seed, phi=lambda t: 1.0 + t):
    rng = np.random.default_rng(seed)
    return lambda t: phi(t) + sigma * float(rng.standard_normal())


def test_an_evaluation_far_out_is_off_by_the_round_off_of_its_own_value():
    noise = Noise(bound=1e-10, unit=UNIT)
    assert noise.at(1.0) == 1e-10
    assert noise.at(-1e9) == 2 * UNIT * 1e9


def test_two_measurements_are_joined_by_the_larger_noise_and_the_smaller_move():
    joined = Noise(1e-3, 2e-8, flat=True, granularity=math.inf).widened(Noise(1e-2, 1e-8, flat=False, granularity=0.5))
    assert repr(joined) == repr(Noise(1e-2, 2e-8, flat=False, granularity=0.5))  # NaN is not itself to ==
    assert Noise(1.0, 1.0, flat=True).widened(Noise(1.0, 1.0, flat=True)).flat


# (k!)²/(2k)! makes every order of differences of white noise have mean square σ²; of a polynomial they vanish
# beyond its degree.
def test_the_difference_table_reads_the_noise_of_a_polynomial_and_not_the_polynomial():
    found = []
    for seed in range(400):
        noise = 1e-6 * np.random.default_rng(seed).standard_normal(8)
        t = np.arange(8.0)
        found.append(difference_table(1 + 0.5 * t - 0.1 * t**2 + noise))
    assert 0.5e-6 < np.median(found) < 2e-6
    assert np.quantile(found, 0.99) < 5e-6


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_difference_table_neither_overflows_nor_vanishes(scale):
    values = np.random.default_rng(3).standard_normal(8)
    assert difference_table(list(scale * values)) == pytest.approx(scale * difference_table(list(values)))


def test_where_no_three_orders_agree_the_largest_of_the_last_is_taken():
    parabola = [0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0]  # no noise, and differences that never change sign
    assert difference_table(parabola) == 0.0
    steep = [10.0**k for k in range(8)]
    by_hand = []
    for k in (5, 6, 7):
        differences = np.diff(steep, k)
        gamma = math.factorial(k) ** 2 / math.factorial(2 * k)
        by_hand.append(math.sqrt(gamma * np.mean(differences**2)))
    assert difference_table(steep) == pytest.approx(max(by_hand), rel=1e-12)


@pytest.mark.parametrize("sigma", [1e-12, 1e-8, 1e-3])
def test_the_bound_on_white_noise_covers_central_differences_999_times_in_1000(sigma):
    trials, misses = 3000, 0
    for seed in range(trials):
        phi = white(sigma, seed)
        noise = measure_noise(phi, phi(0.0), UNIT)
        misses += abs(phi(0.0) - phi(0.0)) / 2 > noise.bound
    assert misses <= 3 + 4 * math.sqrt(3)  # 0.1 % of 3000, and four of its own standard deviations


def test_the_bound_on_white_noise_is_not_far_above_it():
    found = []
    for seed in range(300):
        phi = white(1e-6, seed)
        found.append(measure_noise(phi, phi(0.0), UNIT).bound)
    assert 2e-6 < np.median(found) < 2 * SAFETY * 1e-6


def test_a_smooth_function_has_no_noise_beyond_its_round_off():
    noise = measure_noise(lambda t: math.exp(1 + t), math.e, UNIT)
    assert 2 * UNIT * math.e <= noise.bound <= 64 * UNIT * math.e
    assert not noise.flat
    assert noise.granularity == math.inf


def test_a_linear_function_has_at_least_the_noise_of_rounding_its_value():
    assert measure_noise(lambda t: 1024.0 + t, 1024.0, UNIT).bound >= 2 * UNIT * 1024.0


def test_measuring_takes_seven_evaluations_where_the_function_moves():
    calls = []
    measure_noise(lambda t: calls.append(t) or math.sin(1 + t), math.sin(1), UNIT)
    assert len(calls) == 7
    assert all(t > 0 for t in calls)  # to one side: a kink at the point is no noise


def test_a_kink_at_the_point_is_no_noise():
    assert measure_noise(lambda t: 1 + abs(t), 1.0, UNIT).bound <= 64 * UNIT


def test_a_quantised_function_is_off_by_its_step():
    step = 2.0**-8
    noise = measure_noise(lambda t: round((1.3 + t) / step) * step, round(1.3 / step) * step, UNIT)
    # spacings widen by a factor of 8, so the smallest move seen is at most so many steps
    assert step <= noise.granularity <= 8 * step
    assert noise.bound >= noise.granularity
    assert not noise.flat


def test_a_dead_side_is_left_for_the_other_one():
    noise = measure_noise(lambda t: 1 + min(t, 0.0), 1.0, UNIT)
    assert not noise.flat


def test_a_function_that_never_moves_may_be_constant_or_compute_in_eight_bits():
    noise = measure_noise(lambda _: 3.0, 3.0, UNIT)
    assert noise.flat
    assert noise.bound == 2.0**-8 * 3.0
    assert noise.granularity == math.inf


@pytest.mark.parametrize("edge", [1e-1, 1e-3, 1e-6])
def test_steps_up_to_the_edge_of_the_domain_are_no_round_off(edge):
    # a logarithm in steps of a thousandth: flat as far as it is defined, or with one step before it ends
    noise = measure_noise(
        lambda t: round(math.log(edge - t), 3) if t < edge else math.nan, round(math.log(edge), 3), UNIT
    )
    assert noise.bound >= 0.999e-3


def test_a_function_flat_near_the_point_tells_what_a_step_may_have_hidden():
    noise = measure_noise(lambda t: 1.0 if abs(t) < 3 else 1.5 if t > 0 else 3.0, 1.0, UNIT)
    assert noise.flat
    assert noise.granularity == 0.5
    assert noise.bound == 2 * UNIT * 3.0


def test_a_single_step_out_of_flatness_counts_as_quantum():
    # six values of eight are equal at the widest spacing; the last two show the step
    noise = measure_noise(lambda t: 0.25 if t > 5.5 * GENERIC * 2**-5 else 0.0, 0.0, UNIT)
    assert not noise.flat
    assert noise.granularity == 0.25
    assert noise.bound == 0.25


def test_next_to_the_edge_on_the_right_the_left_is_measured():
    noise = measure_noise(lambda t: math.nan if t > 0 else math.exp(t), 1.0, UNIT)
    assert not noise.flat
    assert noise.bound <= 64 * UNIT


def test_where_neither_side_is_defined_only_round_off_is_known():
    noise = measure_noise(lambda _: math.nan, 2.0, UNIT)
    assert noise.bound == 4 * UNIT
    assert not noise.flat


@pytest.mark.parametrize(("edge", "digits"), [(1e-2, 1), (1e-2, 2), (1e-4, 0), (1e-4, 2), (1e-6, 0), (1e-8, 0)])
def test_steps_of_a_function_whose_domain_ends_on_both_sides_are_no_round_off(edge, digits):
    def phi(t):
        return round(math.log(edge - abs(t)), digits) if abs(t) < edge else math.nan

    assert measure_noise(phi, phi(0.0), UNIT).bound >= 0.999 * 10.0**-digits


def counted(phi):
    def called(t):
        called.steps.append(t)
        return phi(t)

    called.steps = []
    return called


@pytest.mark.parametrize("sigma", [0.0, 1e-9])
def test_the_slope_over_the_steps_of_the_noise_is_known_as_well_as_both_ends_are(sigma):
    phi = counted(white(sigma, 0, lambda t: 1.0 + 3.0 * t))
    noise = measure_noise(phi, 1.0, UNIT)
    reach = phi.steps[6]
    assert reach == max(map(abs, phi.steps[:7]))
    assert noise.slope_error == 2 * noise.bound / reach
    assert abs(noise.slope - 3.0) <= noise.slope_error


@pytest.mark.parametrize("unit", [2.0**-53, 2.0**-24])
def test_the_noise_of_a_square_that_vanishes_at_the_point_is_that_of_its_steps(unit):
    first = white(2.0**8 * unit, 0, lambda t: t)
    phi = counted(lambda t: first(t) ** 2)
    noise = measure_noise(phi, 0.0, unit)
    assert len(phi.steps) == 7 + 8
    at_steps = 2 * 2.0**8 * unit * 2.0**-10  # 2 ε |r|, where r is that far from zero
    assert at_steps / 4 < noise.bound < 64 * at_steps


@pytest.mark.parametrize(("unit", "asked"), [(2.0**-53, 8), (2.0**-24, 8), (2.0**-11, 7)])
def test_no_second_table_is_taken_where_f_is_no_larger_or_no_step_is_finer(unit, asked):
    phi = counted(white(2.0**8 * unit, 0, lambda t: 1.0 + t))
    measure_noise(phi, 1.0, unit)
    assert len(phi.steps) == asked


def test_round_off_between_values_of_one_step_is_no_step():
    last = iter([0, 1, 0, 1, 1, 0, 1] * 10)
    noise = measure_noise(
        lambda t: 1 + 2.0**-40 * math.floor(2.0**36 * t) + 2 * UNIT * next(last), 1.0, UNIT
    )  # the finest spacing is 2^-38
    assert noise.granularity == pytest.approx(2.0**-40, rel=1e-3, abs=0)


@pytest.mark.parametrize("steps", [1, 3, 90])
@pytest.mark.parametrize("quantum", [2e-8, 1e-6])
def test_steps_of_a_steep_function_that_fit_into_the_spacing_are_seen_between_its_points(steps, quantum):
    spacing = math.ldexp(GENERIC, math.floor(0.7 * math.log2(UNIT)))

    def phi(t):
        return 1 + quantum * round(steps * (1 + 1e-4) * t / spacing)

    assert measure_noise(phi, 1.0, UNIT).bound >= quantum / 4


def test_a_steep_function_that_is_smooth_has_no_more_noise_for_it():
    noise = measure_noise(lambda t: 3 + math.sin(1e5 * t) + 1e5 * t, 3.0, UNIT)
    assert noise.bound <= 64 * UNIT


@pytest.mark.parametrize("steps", [1, 8, 100])
def test_steps_that_each_point_of_the_table_is_a_whole_number_of_are_seen_between_them(steps):
    spacing = math.ldexp(GENERIC, -38)
    step = 2.0**-72

    def phi(t):
        return 2.0**-33 + step * round((steps + 0.01) * t / spacing)

    def smooth(t):
        return 2.0**-33 + step * (steps + 0.01) * t / spacing

    assert measure_noise(phi, phi(0.0), UNIT).bound < step / 100
    assert step / 16 < hidden_steps(phi, phi(0.0), UNIT) <= step
    assert hidden_steps(smooth, smooth(0.0), UNIT) == 0.0


def test_where_there_is_no_table_there_are_no_steps_between_its_points():
    assert hidden_steps(lambda t: math.nan if t else 1.0, 1.0, UNIT) == 0.0
    assert hidden_steps(lambda _: 1.0, 1.0, UNIT) == 0.0
