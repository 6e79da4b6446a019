import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from gradcheck.oracles.finite_difference import TARGET
from gradcheck.slopes.estimates import (
    CROWDED,
    Estimate,
    choose,
    extrapolated_gap,
    one_estimate,
    richardson,
)
from gradcheck.slopes.ladder import Ladder
from gradcheck.slopes.measure import measure_slope
from gradcheck.slopes.noise import Noise, measure_noise
from gradcheck.slopes.sides import extrapolated_side, gap_exponent, grows
from gradcheck.slopes.slope import COARSEST, Level, Slope
from gradcheck.slopes.still import HALVINGS, first_move, still_levels

UNIT = 2.0**-53
FINEST = -34
NOISE = Noise(bound=4 * UNIT, unit=UNIT)


def level(phi, step, noise=0):
    """What a Ladder keeps of one step, in whatever numbers φ computes with."""
    plus, minus, here = phi(step), phi(-step), phi(step * 0)
    return Level(step, plus, minus, (plus - minus) / (2 * step), (plus + minus - 2 * here) / step, noise)


def polynomial(*coefficients):
    return lambda t: sum(c * t**k for k, c in enumerate(coefficients))


def slope_of(phi, *, noise=NOISE, scale=1.0, target=TARGET, finest=FINEST, start=None):
    calls = []

    def counted(t):
        calls.append(t)
        return phi(t)

    found = measure_slope(counted, phi(0.0), noise, scale=scale, target=target, finest=finest, start=start)
    return found, len(calls)


def q(*values):
    return [Fraction(str(v)) for v in values]


STEPS = [(Fraction(1, 4), Fraction(1, 8)), (Fraction(1, 4), Fraction(1, 256)), (Fraction(1, 1024), Fraction(1, 65536))]


# The two claims of the file's head, in exact arithmetic --------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), STEPS)
@pytest.mark.parametrize("coefficients", [q(1, 2, 3), q(0.5, -1, 7, 4), q(1, 0, 0, -9), q(3, 1, -2, 5, 11)])
def test_two_levels_bound_the_slope_of_a_smooth_function(coefficients, a, b):
    phi = polynomial(*coefficients)
    found = one_estimate(level(phi, a), level(phi, b), 1, None)
    assert abs(found.value - coefficients[1]) <= found.error
    assert extrapolated_gap(level(phi, a), level(phi, b))[0] == -2 * (coefficients + [Fraction(0)] * 4)[4] * a * b * (
        a + b
    )


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("a", "b"), STEPS)
@pytest.mark.parametrize("jump", q(1, -3))
def test_two_levels_bound_the_slope_beside_a_kink_at_any_distance(side, a, b, jump):
    smooth = polynomial(*q(1, 2, 5))
    for part in range(1, 201):
        for distance in (b * part / 100, b + (a - b) * part / 100):  # inside the fine step, and beyond it
            at = side * distance
            # φ'(0) = 2, and jump more where the kink lies behind the point
            truth = 2 + (jump if side < 0 else 0)

            def phi(t, at=at):
                return smooth(t) + jump * max(t - at, Fraction(0))

            found = one_estimate(level(phi, a), level(phi, b), 1, None)
            assert abs(found.value - truth) <= found.error, (distance / b, found)


@pytest.mark.parametrize(("a", "b"), STEPS)
def test_a_kink_at_the_point_puts_both_one_sided_slopes_within_the_bound(a, b):
    def phi(t):
        return 2 * t + 3 * max(t, Fraction(0))

    found = one_estimate(level(phi, a), level(phi, b), 1, None)
    assert abs(found.value - 2) <= found.error
    assert abs(found.value - 5) <= found.error
    assert found.jump == 3


@pytest.mark.parametrize("coefficients", [q(1, 2, 3, 4, 5, 6, 7), q(0, -1, 0, 8, 0, -64), q(1, 1, 1, 1, 0, 100)])
@pytest.mark.parametrize("steps", [q("0.25", "0.0625", "0.015625"), q("0.25", "0.03125", "0.0078125")])
def test_three_levels_bound_the_slope_of_polynomials_to_degree_six(coefficients, steps):
    phi = polynomial(*coefficients)
    a, b, c = (level(phi, h) for h in steps)
    found = richardson(a, b, c, 1)
    assert abs(found.value - coefficients[1]) <= found.error
    assert abs(found.value - coefficients[1]) < abs(c.central - coefficients[1])  # and it is closer


def test_richardson_is_exact_for_cubics():
    phi = polynomial(*q(1, 2, 3, 4))
    found = richardson(*(level(phi, h) for h in q("0.25", "0.0625", "0.015625")), 1)
    assert (found.value, found.error) == (2, 0)


def test_the_noise_of_every_evaluation_enters_the_bound():
    phi, e = polynomial(*q(1, 2)), Fraction(1, 1000)
    a, b, c = q("0.25", "0.0625", "0.015625")
    for signs in range(2**7):  # every way in which seven evaluations can be off by e
        off = dict(zip([0, a, -a, b, -b, c, -c], [e if signs >> i & 1 else -e for i in range(7)], strict=True))

        def noisy(t, off=off):
            return phi(t) + off[t]

        levels = [level(noisy, h, e / h) for h in (a, b, c)]
        assert abs(one_estimate(levels[0], levels[1], 1, None).value - 2) <= e / b
        for found in (one_estimate(*levels[:2], 1, None), one_estimate(*levels[1:], 1, None), richardson(*levels, 1)):
            assert abs(found.value - 2) <= found.error
            assert abs(found.jump) <= found.jump_noise


def test_crowded_steps_weigh_what_the_step_changes_and_look_one_level_further_back():
    a, b = Level(4.0, 0, 0, 1.0, 0.0, 0.0), Level(2.0, 0, 0, 1.5, 0.0, 0.0)
    assert one_estimate(a, b, CROWDED, None).error == CROWDED * 0.5
    far = Level(8.0, 0, 0, 5.5, 0.0, 0.0)
    assert one_estimate(a, b, CROWDED, far).error == CROWDED * 2.0
    near = Level(8.0, 0, 0, 1.0, 0.0, 0.0)
    assert one_estimate(a, b, CROWDED, near).error == CROWDED * 0.5


# Choosing ------------------------------------------------------------------------------------------------------


def test_a_small_bound_that_finer_levels_contradict_is_not_believed():
    # the first two levels agree by chance at 1; everything finer says 2
    levels = [Level(2.0**-k, 0, 0, value, 0.0, 1e-9) for k, value in ((2, 1.0), (4, 1.0), (10, 2.0), (16, 2.0))]
    assert choose(levels, fine=True).value == 2.0


def test_of_agreeing_levels_the_one_with_the_smallest_bound_is_taken():
    levels = [Level(2.0**-k, 0, 0, 1.0, 0.0, 2.0**-40 * 2**k) for k in (4, 10, 16)]
    assert choose(levels, fine=True).step == 2.0**-10


# Measuring -----------------------------------------------------------------------------------------------------

SMOOTH = [
    (lambda t: math.exp(1 + t), math.e),
    (lambda t: math.sin(3 + 2 * t), 2 * math.cos(3)),
    (lambda t: 1 / (2 + t), -0.25),
    (lambda t: math.log(0.5 + t), 2.0),
    (lambda t: (1 + t) ** 7, 7.0),
    (lambda t: 5.0 - 3 * t, -3.0),
]


@pytest.mark.parametrize(("phi", "truth"), SMOOTH)
@pytest.mark.parametrize("start", [None, -25])
def test_smooth_functions_are_measured_to_the_target_in_few_evaluations(phi, truth, start):
    found, calls = slope_of(phi, scale=abs(truth), start=start)
    assert abs(found.value - truth) <= found.error <= TARGET * abs(truth)
    assert not found.kinked
    assert found.left == found.right == found.value
    assert calls <= 12


@pytest.mark.parametrize(("phi", "truth"), SMOOTH)
def test_without_an_expected_size_the_slope_is_measured_relative_to_itself(phi, truth):
    found, _ = slope_of(phi, scale=0.0)
    assert abs(found.value - truth) <= found.error <= 1e-6


@pytest.mark.parametrize("factor", [2.0**-300, 2.0**300])
def test_tiny_and_huge_functions_are_measured_as_well_as_others(factor):
    ordinary, _ = slope_of(lambda t: math.exp(1 + t))
    scaled, _ = slope_of(lambda t: factor * math.exp(1 + t), noise=Noise(factor * NOISE.bound, UNIT), scale=factor)
    assert scaled.value == factor * ordinary.value
    assert scaled.error == factor * ordinary.error


def test_a_kink_near_the_point_is_stepped_past_and_never_missed():
    rng = np.random.default_rng(0)
    for _ in range(300):
        at = float(rng.choice([-1, 1]) * 2.0 ** rng.uniform(-20, 0))
        jump = float(rng.choice([-1, 1]) * 10.0 ** rng.uniform(-3, 1))

        def phi(t, at=at, jump=jump):
            return 1 + 2 * t + 0.5 * t * t + jump * max(t - at, 0.0)

        truth = 2 + (jump if at < 0 else 0)
        noise = measure_noise(phi, phi(0.0), UNIT)
        found, _ = slope_of(phi, noise=noise)
        assert abs(found.value - truth) <= found.error, (at, jump, found)
        if found.kinked:
            assert abs(at) < found.resolution


@pytest.mark.parametrize("jump", [3.0, -0.01])
@pytest.mark.parametrize("bend", [0.0, 5.0])
def test_a_kink_at_the_point_is_said_with_both_slopes(jump, bend):
    found, _ = slope_of(lambda t: 1 + 2 * t + bend * t * t + jump * max(t, 0.0))
    assert found.kinked
    assert abs(found.left - 2) <= found.side_error
    assert abs(found.right - 2 - jump) <= found.side_error
    assert found.value == pytest.approx(2 + jump / 2, abs=found.side_error)
    assert found.error == pytest.approx(abs(found.right - found.left) / 2 + found.side_error)  # both sides, no more
    assert abs(found.exponent) < 0.1
    assert found.side_error < 1e-3 * abs(jump)


@pytest.mark.parametrize(
    ("phi", "exponent"), [(lambda t: abs(t) ** 1.25, 0.25), (lambda t: math.sqrt(abs(t)), -0.5), (abs, 0.0)]
)
def test_the_exponent_tells_a_kink_from_what_is_steeper_or_smoother(phi, exponent):
    found, _ = slope_of(phi)
    assert found.exponent == pytest.approx(exponent, abs=0.01)
    assert found.kinked is (exponent == 0)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_an_infinite_slope_is_not_given_a_finite_bound_that_shrinks(scale):
    found, _ = slope_of(lambda t: math.copysign(math.sqrt(abs(t)), t), scale=scale)
    assert found.error > 0.1 * abs(found.value)


def test_noise_stops_the_steps_where_they_would_only_measure_noise():
    rng = np.random.default_rng(5)

    def phi(t):
        return math.exp(1 + t) + 1e-6 * float(rng.standard_normal())

    errors = []
    for _ in range(200):
        noise = measure_noise(phi, phi(0.0), UNIT)
        found, calls = slope_of(phi, noise=noise)
        assert abs(found.value - math.e) <= found.error
        assert calls <= 28
        errors.append(found.error)
    # the best step of a plain central difference under noise ε is h³ = 3ε/φ''', its bound 3ε/2h; within ten times that
    best = 1.5 * 5e-6 / (3 * 5e-6 / math.e) ** (1 / 3)
    assert np.median(errors) < 10 * best


def test_a_coarse_arithmetic_has_its_finest_step():
    found, _ = slope_of(lambda t: math.exp(1 + t), noise=Noise(1e-7, 2.0**-24), finest=-13)
    assert found.resolution >= 2.0**-13
    assert abs(found.value - math.e) <= found.error


def test_a_constant_function_has_slope_zero_up_to_what_a_step_may_hide():
    found, _ = slope_of(lambda _: 3.0, noise=Noise(6 * UNIT, UNIT, flat=True))
    assert found.value == 0
    assert found.error > 0
    assert found.constant == 2 * UNIT * 3.0 / 2.0**COARSEST


def test_the_zero_slope_of_steps_is_uncertain_by_the_smallest_move_over_the_step():
    flat = Noise(6 * UNIT, UNIT, flat=True, granularity=0.125)
    found, _ = slope_of(lambda t: 1.0 if abs(t) < 3 else 1.125, noise=flat)
    assert found.value == 0
    assert found.error >= 0.125 / 2.0**COARSEST


def test_a_move_seen_by_the_ladder_itself_counts_as_what_a_step_may_hide():
    flat = Noise(2 * UNIT, UNIT, flat=True)
    found, _ = slope_of(lambda t: 1.0 if t < 0.2 else 1.5, noise=flat)
    assert found.error >= 0.5 / 2.0**COARSEST


def test_a_zero_claim_on_a_quantised_function_is_compared_next_to_the_point():
    noise = Noise(2.0**-8, UNIT, granularity=2.0**-8)
    found, _ = slope_of(lambda t: round((1.3 + t) * 256) / 256, noise=noise, scale=0.0)
    assert not math.isnan(found.constant)
    for phi in (lambda t: 1.3 + t, lambda t: 1.3 + max(t, 0.0), lambda t: 1.3 + max(-t, 0.0), lambda t: 1.3 - abs(t)):
        assert math.isnan(slope_of(phi, noise=noise, scale=0.0)[0].constant)


def test_where_a_constant_function_begins_to_move_tells_a_dead_unit_from_steps():
    flat = Noise(2 * UNIT, UNIT, flat=True, granularity=0.01)
    dead, _ = slope_of(lambda t: max(t - 0.1, 0.0) ** 2, noise=flat, scale=0.0)
    assert dead.hidden < 1e-9
    steps, _ = slope_of(lambda t: round(100 * max(t - 0.1, 0.0)) / 100, noise=flat, scale=0.0)
    assert steps.hidden >= 0.01
    other_side, _ = slope_of(lambda t: max(-t - 0.2, 0.0), noise=flat, scale=0.0)
    assert other_side.hidden < 1e-6
    still, _ = slope_of(lambda _: 1.0, noise=flat, scale=0.0)
    assert still.hidden == 0
    unasked, _ = slope_of(lambda _: 1.0, noise=flat, scale=1.0)
    assert math.isnan(unasked.hidden)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("phi", "truth"),
    [
        (lambda t: t * math.sqrt(t), 0.0),  # smooth on its side but for the edge
        (math.exp, 1.0),
        (lambda t: 1 + 3 * t + t * t, 3.0),
        (lambda t: t * t * math.sqrt(t) - 2 * t, -2.0),
    ],
)
def test_a_function_defined_on_one_side_is_extrapolated_from_there(phi, truth, sign):
    found, _ = slope_of(lambda t: phi(sign * t) if sign * t >= 0 else math.nan)
    assert found.one_sided
    assert not found.kinked
    assert abs(found.value - sign * truth) <= found.error < 0.1
    known, unknown = (found.right, found.left) if sign > 0 else (found.left, found.right)
    assert known == found.value
    assert math.isnan(unknown)


def test_three_steps_to_the_one_side_tell_the_slope_and_two_do_not():
    steps = []

    def phi(t):
        steps.append(t)
        return math.exp(t) if t >= 0 else math.nan

    three, _ = slope_of(phi, finest=-8, noise=Noise(1e-5, UNIT))
    assert len({t for t in steps if t > 0}) == 3
    assert abs(three.value - 1) <= three.error < math.inf
    assert three.resolution == min(t for t in steps if t > 0)
    assert slope_of(phi, finest=-4, noise=Noise(1e-5, UNIT))[0] is None


def test_the_infinite_slope_at_an_edge_is_not_called_known():
    found, _ = slope_of(lambda t: math.sqrt(t) if t >= 0 else math.nan)
    assert found.one_sided
    assert found.error > abs(found.value) / 10


def test_a_function_defined_nowhere_next_to_the_point_has_no_slope():
    assert slope_of(lambda t: 1.0 if t == 0 else math.inf)[0] is None


def test_steps_that_leave_the_domain_are_shrunk():
    found, _ = slope_of(lambda t: math.log(2.0**-9 + t) if t > -(2.0**-9) else math.nan, scale=512.0)
    assert not found.one_sided
    assert abs(found.value - 512) <= found.error < 1e-3 * 512


def test_the_count_of_levels_has_an_end():
    rng = np.random.default_rng(1)
    found, calls = slope_of(lambda _: float(rng.standard_normal()), noise=Noise(1e-300, 1e-300), target=1e-300)
    assert calls <= 2 * 14
    assert found.error > 0.1


# One-sided extrapolation, in exact arithmetic ------------------------------------------------------------------


@pytest.mark.parametrize("coefficients", [q(3, 5), q(3, 5, -7), q(0, 0, 1), q(1, -1, 1, -1)])
def test_one_sided_quotients_of_polynomials_are_extrapolated_within_their_bound(coefficients):
    quotient = polynomial(*coefficients)  # (φ(h) − φ(0))/h, whose value at 0 is the slope
    points = [(h, quotient(h), 0) for h in q("0.25", "0.03125", "0.00390625", "0.00048828125")]
    value, error = extrapolated_side(points)
    assert abs(value - coefficients[0]) <= error
    assert (error == 0) is (len(coefficients) == 2)


@pytest.mark.parametrize("power", [0.5, 0.75, 1.5])
def test_one_sided_quotients_at_the_edge_of_a_root_are_within_their_bound(power):
    points = [(2.0**-k, 2.0 + (2.0**-k) ** power, 0.0) for k in (2, 5, 8, 11, 14)]
    value, error = extrapolated_side(points)
    assert abs(value - 2) <= error


def test_noise_of_one_sided_quotients_enters_their_bound():
    for signs in range(2**3):
        points = [(2.0**-k, 1 + (0.01 if signs >> i & 1 else -0.01), 0.01) for i, k in enumerate((2, 5, 8))]
        value, error = extrapolated_side(points)
        assert abs(value - 1) <= error


def test_a_coarse_agreement_that_the_finest_quotients_contradict_is_not_believed():
    points = [(2.0**-k, 1.0 if k < 10 else 2.0, 1e-6) for k in (2, 5, 8, 11, 14, 17, 20)]
    value, _ = extrapolated_side(points)
    assert value == pytest.approx(2.0, abs=1e-5)


# The gap's exponent --------------------------------------------------------------------------------------------


def test_the_exponent_is_fitted_where_the_gap_stands_out_of_the_noise():
    levels = [Level(2.0**-k, 0, 0, 0.0, 3 * 2.0 ** (-k * 0.25), 2.0 ** (k - 30)) for k in (2, 6, 10, 14, 18, 24)]
    exponent, at = gap_exponent(levels)
    assert exponent == pytest.approx(0.25, abs=1e-12)
    assert levels[at].step == 2.0**-18  # at 2^-24 the noise is 2^-6, sixteen times it above the gap


def test_two_levels_tell_no_exponent():
    levels = [Level(2.0**-k, 0, 0, 0.0, 1.0, 0.0) for k in (2, 6)]
    assert math.isnan(gap_exponent(levels)[0])


@pytest.mark.parametrize(
    ("near", "far"), [(1e-320, 1e300), (1e300, 1e-320), (math.inf, 1.0), (1.0, math.inf), (math.inf, math.inf)]
)
def test_the_exponent_of_gaps_of_any_size_is_a_float(near, far):
    levels = [Level(h, 0.0, 0.0, 0.0, gap, 0.0) for h, gap in ((4.0, 1.0), (2.0, far), (1.0, near))]
    assert isinstance(gap_exponent(levels)[0], float)


def test_a_gap_that_a_finer_level_no_longer_shows_does_not_persist():
    levels = [Level(2.0**-k, 0, 0, 0.0, gap, 1e-9) for k, gap in ((2, 1.0), (4, 1.0), (6, 1.0), (8, 0.0))]
    assert gap_exponent(levels)[0] == math.inf


# What is no slope ----------------------------------------------------------------------------------------------


def test_a_value_that_stands_apart_from_its_surroundings_is_a_jump():
    found, _ = slope_of(lambda t: 1.0 if t == 0 else 2.0 + t, noise=NOISE)
    assert found.jumps
    one_sided, _ = slope_of(lambda t: 1.0 if t < 0 else 2.0)
    assert one_sided.jumps


@pytest.mark.parametrize("phi", [abs, math.exp, lambda t: math.sqrt(abs(t)), lambda _: 3.0])
def test_continuous_functions_do_not_jump(phi):
    assert not slope_of(phi)[0].jumps


@pytest.mark.parametrize("power", [0.2, 0.5, 0.75])
def test_an_infinitely_steep_function_has_no_bound_on_either_side(power):
    cusp, _ = slope_of(lambda t: abs(t) ** power)
    assert cusp.error == math.inf
    edge, _ = slope_of(lambda t: t**power if t >= 0 else math.nan)
    assert edge.error == math.inf


def test_quotients_grow_if_the_last_three_do():
    assert grows([1.0, -2.0, 4.0])
    assert grows([9.0, 1.0, 2.0, 4.0])
    assert not grows([1.0, 2.0])
    assert not grows([1.0, 1.2, 1.4])
    assert not grows([1.0, 2.0, 2.5])


def test_slopes_are_equal_by_their_numbers_those_that_are_none_included():
    one, same, other = (Slope(1.0, 0.5, float("nan"), value, 0.5, 0.25, float("nan")) for value in (1.0, 1.0, 2.0))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != (1.0, 0.5)


# The ladder ----------------------------------------------------------------------------------------------------


def test_a_level_is_evaluated_once_and_within_the_steps_allowed():
    calls = []
    ladder = Ladder(lambda t: calls.append(t) or t, 0.0, NOISE, finest=-10, scale=1.0)
    for exponent in (-40, -10, COARSEST):
        ladder.measure(exponent)
    assert calls == [2.0**-10, -(2.0**-10), 2.0**COARSEST, -(2.0**COARSEST)]
    assert ladder.exponents == [COARSEST, -10]


def test_the_levels_of_a_flat_function_are_as_noisy_as_its_smallest_move():
    ladder = Ladder(lambda t: 1.0, 1.0, Noise(UNIT, UNIT, flat=True, granularity=0.125), finest=-10, scale=1.0)  # noqa: ARG005
    for exponent in (-2, -4, -8):
        ladder.measure(exponent)
    assert [v.noise * v.step for v in ladder.levels] == [0.125] * 3


def test_finer_steps_that_would_only_measure_noise_are_not_taken():
    ladder = Ladder(lambda t: t, 0.0, Noise(1e-3, 1e-3), FINEST, 1.0)
    for exponent in (-4, -10):
        ladder.measure(exponent)
    assert ladder.next_exponent(Estimate(0, 1e-4, 1.0, 0, 2.0**-10, 0.0), 1e-9) == -7  # between, where noise is less


@pytest.mark.parametrize(
    ("at_zero", "size", "exponent"),
    [(16.0, 1.0, 2), (1000.0, 1.0, 6), (0.0, 1.0, COARSEST), (16.0, 0.0, COARSEST), (1e-3, 1.0, COARSEST)],
)
def test_steps_beyond_the_argument_go_as_asked_but_change_phi_by_a_quarter_at_most(at_zero, size, exponent):
    assert Ladder(lambda t: t, at_zero, NOISE, FINEST, size).coarsest(size, 64.0) == exponent


@pytest.mark.parametrize(
    ("phi", "exponents", "error", "helps"),
    [
        (lambda t: t + t**3, (-4, -6, -8), 1e-6, True),  # Richardson's extrapolant removes t³
        (lambda t: t + t**3, (-4, -10, -16), 1e-6, False),  # across wide gaps it says little of the coarse level
        (lambda t: t + t**4 + t**5, (-2, -5, -8), 1e-9, False),  # the coarse ones err already
        (lambda t: t + t**3, (1, -2, -5), 1e6, False),  # beyond the argument's size they differ
        (lambda t: t, (1, -2, -5), 1e-9, True),
    ],
)
def test_coarser_steps_are_tried_while_the_coarsest_serve(phi, exponents, error, helps):
    ladder = Ladder(phi, 0.0, NOISE, FINEST, 1.0)
    for exponent in exponents:
        ladder.measure(exponent)
    assert ladder.coarser_helps(Estimate(1.0, error, 0, 0, math.ldexp(1.0, exponents[-1]), error)) is helps


@pytest.mark.parametrize("finest", [-34, -13, -3])
def test_rest_next_to_the_point_is_looked_for_on_three_different_steps(finest):
    levels = still_levels(Ladder(lambda _: 1.0, 1.0, NOISE, finest, 0.0))
    assert len({v.step for v in levels}) == 3
    assert all(math.ldexp(1.0, finest) <= v.step < 1 for v in levels)


def test_a_jump_is_known_as_one_after_a_few_halvings_and_a_first_move_is_followed_to_the_end():
    def halvings(phi):
        calls = []
        ladder = Ladder(lambda t: calls.append(t) or phi(t), 1.0, NOISE, FINEST, 0.0)
        ladder.measure(COARSEST)
        calls.clear()
        first_move(ladder.phi, ladder.at_zero, ladder.values())
        return len(calls)

    assert halvings(lambda t: 1 + max(t - 0.1, 0.0)) == HALVINGS
    assert 0 < halvings(lambda t: 1 + 0.01 * (t > 0.1)) < HALVINGS / 2


def test_a_level_with_an_undefined_side_is_remembered_and_not_used():
    ladder = Ladder(lambda t: math.nan if t < 0 else t, 0.0, NOISE, finest=-10, scale=1.0)
    ladder.measure(-4)
    assert ladder.exponents == []
    assert ladder.levels == []
    assert ladder.one_sided[-4][0] == 2.0**-4


@pytest.mark.parametrize(
    ("exponents", "fine", "best", "following"),
    [
        # noise limits, with space between the level used and the one above: go between
        ([-4, -12], True, Estimate(0, 1.0, 0, 0, 2.0**-12, 0.9), -8),
        # noise limits, and nothing coarser has been tried: three powers up, at most a quarter
        ([-6, -8], False, Estimate(0, 1.0, 0, 0, 2.0**-8, 0.9), -3),
        # noise limits at the coarsest step: nothing helps
        ([-2, -4], False, Estimate(0, 1.0, 0, 0, 2.0**-4, 0.9), None),
        # the step limits: go finer
        ([-4, -10], True, Estimate(0, 1.0, 1.0, 0, 2.0**-10, 0.0), -13),
        # φ bends like a smooth function: a level inside tells
        ([-4, -10], True, Estimate(0, 1.0, 0.0, 0, 2.0**-10, 0.0), -7),
        # the finest step is reached: fill the widest gap, or give up
        ([-24, -34], True, Estimate(0, 1.0, 1.0, 0, 2.0**-34, 0.0), -29),
        ([-31, -34], True, Estimate(0, 1.0, 1.0, 0, 2.0**-34, 0.0), None),
        # just above the finest, crowded steps shrink by four
        ([-30, -32], False, Estimate(0, 1.0, 1.0, 0, 2.0**-32, 0.0), -34),
    ],
)
def test_the_next_step_is_the_one_that_tightens_the_bound(exponents, fine, best, following):
    ladder = Ladder(lambda t: t, 0.0, Noise(1e-30, 1e-30), FINEST, 1.0)
    ladder.fine = fine
    for exponent in exponents:
        ladder.measure(exponent)
    assert ladder.next_exponent(best, 1e-9) == following


def test_steps_go_beyond_the_size_of_an_argument_that_is_tiny_beside_what_f_is_made_of():
    for tiny in (1e-6, 1e-9, 1e-14, 1e-100):
        found, _ = slope_of(lambda t: math.exp(tiny * t), scale=tiny)  # noqa: B023  called at once
        assert abs(found.value - tiny) <= found.error <= 1e-6 * tiny
        assert found.levels[0].step * tiny <= 0.5  # φ changes by a quarter, to the next power of two


def test_steps_stay_near_the_argument_where_a_large_offset_hides_the_slope():
    found, _ = slope_of(lambda t: math.sin(t) + 1e12, noise=Noise(1e-3, UNIT), scale=1.0)
    assert abs(found.value - 1) <= found.error
    assert found.levels[0].step <= 16


def test_levels_descend_by_at_least_a_factor_two():
    found, _ = slope_of(lambda t: math.exp(1 + t) + abs(t - 1e-5))
    assert all(a.step >= 2 * b.step for a, b in pairwise(found.levels))


# What a slope costs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "phi", [lambda t: math.sin(1 + t), math.exp, lambda t: 1 + 3 * t + t * t, lambda t: 1 / (1 + math.exp(-1 - t))]
)
def test_a_smooth_slope_of_ordinary_size_takes_four_evaluations(phi):
    found, calls = slope_of(phi)
    assert calls == 4
    assert found.error <= TARGET * max(1, abs(found.value))


def test_both_sides_of_a_kink_are_also_seen_from_a_step_coarser_than_the_first():
    found, calls = slope_of(lambda t: 1 + abs(t) + t)
    steps = [v.step for v in found.levels]
    assert steps == sorted(steps, reverse=True)
    assert found.levels[-1].step == 2.0**FINEST  # a kink is looked for next to the point first
    assert calls == 2 * len(steps)
    assert found.kinked
    # the three coarsest tell the sides: two extrapolants, the noise of the finer one (ρ + 1)/(ρ − 1) times its level's
    assert found.side_error == pytest.approx(2 * found.levels[2].noise * 9 / 7, rel=1e-3)
    assert found.levels[0].step == 2.0**-16
