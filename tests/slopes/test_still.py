"""What is known of a slope where f does not move on any step, or in one bound within the finest."""

import math

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.slopes import still
from gradcheck.slopes.ladder import Ladder
from gradcheck.slopes.noise import Noise
from gradcheck.slopes.slope import Slope
from gradcheck.slopes.within_finest_step import steeper_within

UNIT = 2.0**-53


@pytest.mark.parametrize("seed", range(8))
def test_a_bump_within_the_finest_step_fails_no_right_gradient(seed):
    rng = np.random.default_rng(seed)
    c = rng.uniform(500, 9000, 2)
    height, x = 10.0 ** rng.uniform(-13.5, -11) * c.mean(), c + rng.uniform(0.3, 1, 2)

    def bump(x):
        return height * np.exp(-np.sum((x - c) ** 2))

    report = gc.check(lambda x: c[0] + bump(x), lambda x: -2 * (x - c) * bump(x), (x,), seed=seed)
    assert report.verdict is not gc.Verdict.FAIL, str(report)


@pytest.mark.parametrize("rate", [1e13, 1e14, 1e15, 1e16])
def test_what_goes_through_all_its_values_from_one_number_to_the_next_fails_no_claim(rate):
    for seed in range(4):
        x = np.random.default_rng(seed).uniform(1, 2, 3)
        report = gc.check(lambda x: np.sum(np.sin(rate * x)), lambda x: rate * np.cos(rate * x), (x,), seed=seed)
        assert report.verdict is not gc.Verdict.FAIL, str(report)
    wrong = gc.check(lambda x: np.sum(np.sin(x)), lambda x: rate * np.cos(x), (x,))
    assert wrong.verdict is gc.Verdict.FAIL, str(wrong)


def a_ladder(phi, *, scale=0.0, finest=-30, levels=()):
    found = Ladder(phi, phi(0.0), Noise(2 * UNIT, UNIT), finest, scale)
    for exponent in levels:
        found.measure(exponent)
    return found


def flat_up_to(end):
    return lambda t: 1.0 if abs(t) <= end else 1.0 + 0.25 * (abs(t) - end)


@pytest.mark.parametrize(("finest", "exponents"), [(-30, [-18, -22, -26]), (-16, [-6, -10, -13]), (-7, [-5, -6, -7])])
def test_three_levels_are_looked_at_up_to_a_64th_of_the_argument(finest, exponents):
    ladder = a_ladder(lambda _: 1.0, finest=finest)
    assert [level.step for level in still.still_levels(ladder)] == [2.0**k for k in exponents]
    assert still.still_levels(a_ladder(flat_up_to(2.0 ** (exponents[0] - 1)), finest=finest)) == []


def a_slope(value, error=0.0, levels=()):
    return Slope(value, error, value, value, error, 0.0, 1.0, tuple(levels))


FIRST, LAST = 2.0**-44, 2.0**-28  # of which eight bits are kept, and four times sixteen times that


@pytest.mark.parametrize("end", range(-50, 0, 3))
def test_a_claim_of_zero_is_held_to_the_largest_step_on_which_f_stands_still(end):
    step = still._unmoved(a_ladder(flat_up_to(2.0**end)), a_slope(1e-3), 0.0)
    if 2.0**end < FIRST:
        assert step is None
    else:
        assert min(LAST, 2.0**end / 16) <= step <= 2.0**end


def test_a_slope_that_is_none_within_its_error_asks_for_no_step():
    assert still._unmoved(a_ladder(flat_up_to(1.0)), a_slope(1e-9, error=1e-3), 0.0) is None
    assert still._unmoved(a_ladder(flat_up_to(1.0)), a_slope(math.inf), 0.0) is None


def test_where_something_is_claimed_the_first_step_is_enough():
    assert still._unmoved(a_ladder(flat_up_to(1.0), scale=1.0), a_slope(1e-3), 0.0) == FIRST
    assert still._unmoved(a_ladder(flat_up_to(FIRST / 2), scale=1.0), a_slope(1e-3), 0.0) is None


@pytest.mark.parametrize("side", [1, -1])
def test_an_edge_on_one_side_next_to_the_point_leaves_f_standing_still(side):
    def edge(t):
        return flat_up_to(2.0**-20)(t) + 1e-3 * (side * t > 0)

    assert still._unmoved(a_ladder(edge), a_slope(1e-3), 0.0) == FIRST
    assert still._unmoved(a_ladder(lambda t: edge(t) + 1e-4 * (side * t < 0)), a_slope(1e-3), 0.0) is None


@pytest.mark.parametrize(("off", "moves"), [(0.0, False), (12.0, False), (20.0, True), (2.0**20, True)])
def test_only_a_move_beyond_round_off_of_a_long_sum_is_one_within_the_finest_step(off, moves):
    ladder = a_ladder(lambda t: 1.0 + off * UNIT * (t != 0), levels=(-8, -11, -14))
    assert still._moves_within(ladder, ladder.levels) is moves


@pytest.mark.parametrize("other", [(-8, 1), (-11, -1), (-14, 1), (-14, -1)])
def test_a_bump_within_the_finest_step_has_one_value_on_all_steps(other):
    def phi(t):
        return 1.0 if t == 0 else 3.0 if t == other[1] * 2.0 ** other[0] else 2.0

    ladder = a_ladder(phi, levels=(-8, -11, -14))
    assert not still._moves_within(ladder, ladder.levels)
    assert still._moves_within(ladder, [level for level in ladder.levels * 2 if 3.0 not in (level.plus, level.minus)])
    assert not still._moves_within(ladder, [v for v in ladder.levels if 3.0 not in (v.plus, v.minus)])


STEEP, WIDTH = 2.0**10, 2.0**-50


def bump(t):
    return 1.0 + STEEP * t * math.exp(-((t / WIDTH) ** 2))


@pytest.mark.parametrize("levels", [(), (-8, -11, -14)])
def test_a_slope_that_lives_within_the_finest_step_alone_is_found(levels):
    slope = a_slope(0.0, levels=a_ladder(bump, levels=levels).levels)
    found = steeper_within(bump, 1.0, slope, claimed=STEEP, finest=-30, unit=UNIT)
    assert found
    assert not steeper_within(lambda _: 1.0, 1.0, slope, claimed=STEEP, finest=-30, unit=UNIT)


@pytest.mark.parametrize(("last_bits", "found"), [(16, False), (40, True)])
def test_a_slope_of_a_few_last_bits_is_none(last_bits, found):
    def phi(t):
        return 1.0 + math.copysign(last_bits, t) * 2 * UNIT * min(abs(t) * 2.0**46, 1)

    assert steeper_within(phi, 1.0, a_slope(0.0), claimed=1.0, finest=-38, unit=UNIT) is found


def test_values_that_look_random_over_steps_of_many_numbers_are_no_steep_slope():
    rng = np.random.default_rng(0)

    def phi(t):
        return 1.0 + (2 * UNIT * rng.integers(-8, 9) if t else 0.0)

    ladder = Ladder(phi, 1.0, Noise(16 * UNIT, UNIT), -30, 1.0)
    for exponent in (-8, -11, -14):
        ladder.measure(exponent)
    slope = a_slope(0.0, levels=ladder.levels)
    assert not steeper_within(phi, 1.0, slope, claimed=1e-8, finest=-30, unit=UNIT)
    assert steeper_within(phi, 1.0, slope, claimed=1e8, finest=-30, unit=UNIT)


def test_steps_that_the_ladder_reached_are_not_looked_within_again():
    def phi(t):
        return min(max(2.0**20 * t, -0.5), 0.5)

    slope = a_slope(0.0, levels=a_ladder(phi, levels=(-8, -11, -14)).levels)  # the span of φ is 1/2
    assert steeper_within(phi, 0.0, slope, claimed=2.0**16, finest=-20, unit=UNIT)  # half of it is crossed in 2^-21
    assert not steeper_within(phi, 0.0, slope, claimed=2.0**16, finest=-21, unit=UNIT)
    assert not steeper_within(phi, 0.0, slope, claimed=2.0**16, finest=-30, unit=UNIT)


@pytest.mark.parametrize("at_zero", [1.0, -8.0, 2.0**-20])
def test_round_off_over_the_largest_step_is_what_may_hide_where_f_stands_still(at_zero):
    ladder = a_ladder(lambda _: at_zero, scale=1.0, levels=(-8, -11, -14))
    found = still.stillness(ladder, ladder.levels, a_slope(0.0))
    assert found.constant == 2 * UNIT * abs(at_zero) * 2.0**8
    assert math.isnan(found.hidden)
    moving = a_ladder(lambda t: at_zero + t, scale=1.0, levels=(-8, -11, -14))
    assert math.isnan(still.stillness(moving, moving.levels, a_slope(1.0)).constant)


@pytest.mark.parametrize("sides", [(1, 1), (1, 0), (0, 1)], ids=["both sides", "right", "left"])
@pytest.mark.parametrize("up", [1, -1])
def test_where_f_moves_on_one_side_alone_or_downwards_it_moves(sides, up):
    def phi(t):
        return 1.0 + up * 0.25 * sides[t < 0] * max(abs(t) - 2.0**-36, 0.0)

    assert FIRST * 16 <= still._unmoved(a_ladder(phi), a_slope(1e-3), 0.0) <= 2.0**-36
    assert still.still_levels(a_ladder(phi, finest=-30)) == []
    assert len(still.still_levels(a_ladder(phi, finest=-60))) == 3
