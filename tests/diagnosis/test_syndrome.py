"""Weighted probes: what they read off a few slopes, and how sure they have to be."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.diagnosis.syndrome import SLOPE_AT_MOST, Digit, Exhausted, Measure, digits_of, size_of, slices, whole
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.direction import placed
from gradcheck.slopes.field import Field
from gradcheck.verdicts.trial import Trial

RNG = np.random.default_rng(17)
LIMIT = 2000


def measure(error, w=None, *, limit=LIMIT, dtype=np.float64, noise=0.0):
    """Return (a Measure of Σ sin(w), whose claim is wrong by `error`, the arguments w)."""
    error = np.asarray(error, dtype=float)
    w = np.random.default_rng(3).standard_normal(error.shape) if w is None else w
    w = w.astype(dtype)

    def f(w):
        return np.sum(np.sin(w)) + noise * np.sin(1e15 * np.sum(w))

    claim = GradientClaim(f, lambda w: np.cos(w) + error, Given((w,)))
    trial = Trial(Field(claim, claim.leaves, seed=0), Prediction(claim, claim.leaves), 0, confidence=0.9999)
    trial.measure(FiniteDifferences(trial.field, [0]), 4)
    return Measure(trial, limit), w


def error_at(shape, *places, size=0.5):
    error = np.zeros(shape)
    for place in places:
        error[place] = size * RNG.uniform(0.5, 2, size=np.shape(error[place]))
    return error


# Boxes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (4,), (3, 5), (2, 3, 4)])
def test_the_whole_box_holds_every_entry(shape):
    assert np.ones(shape)[slices(whole(shape))].size == size_of(whole(shape)) == math.prod(shape)


def test_a_box_is_read_from_its_first_index_to_before_its_last():
    box = ((1, 3), (2, 3))
    assert np.arange(12).reshape(3, 4)[slices(box)].tolist() == [[6], [10]]
    assert size_of(box) == 2


# Digits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "base", "number"), [(1000, 1000, 1), (1001, 1000, 2), (10**7, 1000, 3), (2, 1000, 1), (9, 2, 4)]
)
def test_digits_tell_every_index_apart(count, base, number):
    digits = digits_of(0, 0, count, base)
    assert len(digits) == number
    assert all(digit.base <= base for digit in digits)
    sampled = np.unique(np.linspace(0, count - 1, 1001).astype(int))
    assert len({tuple(i // d.unit % d.base for d in digits) for i in sampled}) == len(sampled)


def test_a_digit_is_read_where_one_integer_lies_in_the_interval():
    digit = Digit(axis=0, first=0, unit=1, base=10, count=10)
    weights = digit.weights(1)
    assert [digit.read(w, 0.04) for w in weights] == list(range(10))
    assert digit.read(weights[3] + 0.1, 0.04) is None  # between two
    assert digit.read(weights[3], 0.1) is None  # either of two
    assert digit.read(1.1, 0.04) is None  # one beyond the last
    assert digit.read(-1.1, 0.04) is None  # one before the first


@pytest.mark.parametrize(("count", "base"), [(1, 1000), (5, 1000), (1000, 1000), (1001, 1000), (30, 5), (81, 3)])
def test_the_digits_of_an_index_make_it_up(count, base):
    digits = digits_of(1, 7, count, base)
    assert {(d.axis, d.first, d.count) for d in digits} == {(1, 7, count)}
    for i in range(count):
        assert sum(i // d.unit % d.base * d.unit for d in digits) == i


@pytest.mark.parametrize("base", [2, 3, 10, 101])
def test_weights_are_centred_equally_far_apart_and_at_most_one(base):
    weights = Digit(axis=0, first=0, unit=1, base=base, count=base).weights(1)
    assert np.allclose(weights + weights[::-1], 0, atol=1e-15)
    assert np.allclose(np.diff(weights), 2 / base)
    assert np.all(np.abs(weights) < 1)


def test_weights_lie_along_their_axis():
    for axis, shape in enumerate([(4, 1, 1), (1, 4, 1), (1, 1, 4)]):
        assert Digit(axis=axis, first=0, unit=1, base=4, count=4).weights(3).shape == shape


def test_a_higher_digit_weighs_its_unit_of_indices_alike():
    weights = Digit(axis=0, first=0, unit=3, base=2, count=6).weights(1)
    assert weights.tolist() == [-0.5, -0.5, -0.5, 0.5, 0.5, 0.5]


# Slopes of one's own ---------------------------------------------------------------------------------------------


def test_a_mismatch_along_a_direction_is_the_error_s_share_of_it():
    error = error_at((4, 3), ...)
    found, w = measure(error)
    v = placed(w, RNG.standard_normal((4, 3)))
    m = found.along(v, goal=1e-6)
    assert m.bound < 1e-6
    assert abs(m.value - np.sum(error * v)) <= m.bound


def test_a_coarser_goal_is_met_by_coarser_steps_and_costs_no_more():
    spent, bounds = [], []
    v = np.random.default_rng(7).standard_normal((4, 3))
    for goal in (1e-9, 1e-1):
        found, _ = measure(error_at((4, 3), ...), np.random.default_rng(8).standard_normal((4, 3)))
        bounds.append(found.along(v, goal=goal).bound)
        spent.append(found.spent)
    assert 0 < spent[1] <= spent[0]
    assert bounds[0] < bounds[1] / 4 < 1e-1


@pytest.mark.parametrize("goal", [1e-2, 1e-4, 1e-6])
def test_a_slope_is_measured_to_its_goal_where_that_takes_many_steps(goal):
    w = 40 * np.random.default_rng(3).standard_normal((4, 3))  # steps of a quarter of w cross several waves
    found, _ = measure(error_at((4, 3), ...), w)
    assert found.along(40 * RNG.standard_normal((4, 3)), goal=goal).bound <= goal


def test_the_clearest_probe_comes_first_and_not_the_one_with_the_largest_mismatch():
    trial = measure(error_at((4, 3), (1, 2)))[0].trial
    by_size = sorted(trial.probes, key=lambda p: abs(trial.mismatch(p).value), reverse=True)
    for n, probe in enumerate(by_size):  # the larger, the less sure
        blurred = replace(probe.slope, error=2.0 ** (-4 * n) * abs(trial.mismatch(probe).value))
        trial.probes[trial.probes.index(probe)] = replace(probe, slope=blurred)
    found = Measure(trial, LIMIT)
    assert (found.base.probe, found.other.probe) == (by_size[-1].probe, by_size[-2].probe)
    assert found.first == trial.mismatch(found.base)


def test_a_probe_s_direction_predicts_its_own_mismatch():
    error = error_at((4, 3), ...)
    found, _ = measure(error)
    for probe in (found.base, found.other):
        assert np.sum(error * found.r(probe)) == pytest.approx(found.trial.mismatch(probe).value, rel=1e-6)


def test_a_slope_that_might_not_fit_in_the_evaluations_left_is_not_begun():
    v = RNG.standard_normal((4, 3))
    found, _ = measure(error_at((4, 3), ...), limit=SLOPE_AT_MOST)
    found.along(v, goal=1e-6)
    assert 0 < found.spent <= SLOPE_AT_MOST
    before = found.trial.field.evaluations
    with pytest.raises(Exhausted):
        found.along(v, goal=1e-6)
    assert found.trial.field.evaluations == before


def test_inside_a_box_a_direction_is_the_probe_s_and_zero_outside():
    found, _ = measure(error_at((4, 3), ...))
    box = ((1, 3), (0, 2))
    v, r = found.masked(box, found.base), found.r(found.base)
    assert np.array_equal(v[slices(box)], r[slices(box)])
    assert np.count_nonzero(v) == size_of(box)
    assert np.array_equal(found.masked(whole((4, 3)), found.base), r)


def test_the_shares_of_all_entries_make_up_the_claim_s_round_off():
    w = np.linspace(-1.5, 1.5, 12).reshape(4, 3)
    found, _ = measure(np.zeros((4, 3)), w)
    assert found.share(whole((4, 3))) == 1
    claim = np.cos(w)
    for box in (((0, 1), (0, 1)), ((1, 3), (1, 2)), ((2, 4), (0, 3))):
        spread_like_the_claim = np.linalg.norm(claim[slices(box)]) / np.linalg.norm(claim)
        spread_evenly = math.sqrt(size_of(box) / 12)
        assert found.share(box) == pytest.approx(max(spread_like_the_claim, spread_evenly))


def test_the_share_of_entries_of_very_different_sizes_is_that_of_their_changes():
    w = np.logspace(-6, 3, 12).reshape(4, 3)
    found, _ = measure(np.zeros((4, 3)), w)
    scaled = np.cos(w) * found.trial.scale.value
    box = ((3, 4), (1, 3))
    assert found.share(box) == pytest.approx(np.linalg.norm(scaled[slices(box)]) / np.linalg.norm(scaled))


def test_a_claim_of_zero_has_its_round_off_spread_evenly():
    w = RNG.standard_normal((4, 4))
    found, _ = measure(-np.cos(w), w)
    assert found.share(((0, 2), (0, 2))) == 0.5


# Decoding --------------------------------------------------------------------------------------------------------


def decoded(error, box=None, **options):
    found, _ = measure(error, **options)
    shape = np.shape(error)
    box = whole(shape) if box is None else box
    m0 = found.first if box == whole(shape) else found.along(found.masked(box, found.base), goal=1e-7)
    return found.decode(box, m0)


@pytest.mark.parametrize("index", [(0, 0), (6, 4), (3, 2), (6, 0)])
def test_one_wrong_entry_s_indices_are_read_off(index):
    assert decoded(error_at((7, 5), index)) == list(index)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e3])
def test_indices_are_read_off_small_and_large_errors(size):
    assert decoded(error_at((40, 5), (31, 3), size=size)) == [31, 3]
    assert decoded(error_at((40, 5), (31, 3), (32, 3), size=size)) == [None, 3]


def test_indices_are_read_off_through_the_noise_of_f():
    for seed in range(5):
        index = np.random.default_rng(seed).integers(0, (12, 5))
        assert decoded(error_at((12, 5), tuple(index), size=20), noise=1e-4) == index.tolist()


def test_a_wrong_row_holds_one_index_and_a_wrong_column_the_other():
    assert decoded(error_at((7, 5), 3)) == [3, None]
    assert decoded(error_at((7, 5), np.s_[:, 1])) == [None, 1]
    assert decoded(error_at((7, 5), ...)) == [None, None]


def test_indices_are_those_of_the_array_and_not_of_the_box():
    assert decoded(error_at((7, 5), (5, 3), (0, 0)), box=((2, 7), (1, 5))) == [5, 3]


def test_an_axis_of_one_index_has_it_without_a_slope():
    found, _ = measure(error_at((7, 5), (5, 3)), limit=0)
    assert found.decode(((5, 6), (3, 4)), found.first) == [5, 3]


def test_a_long_axis_is_read_digit_by_digit():
    assert decoded(error_at((2500,), 2377)) == [2377]


def test_float32_tells_fewer_indices_apart_and_so_takes_more_digits():
    assert decoded(error_at((2500,), 1234, size=20), dtype=np.float32) == [1234]


def test_a_mismatch_that_is_none_holds_no_index():
    found, _ = measure(np.zeros((7, 5)))
    assert found.decode(whole((7, 5)), found.first) == [None, None]


@pytest.mark.parametrize("bound", [0.6, 0.2])
def test_an_error_too_small_against_the_bounds_to_tell_two_indices_apart_holds_none(bound):
    found, _ = measure(error_at((7, 5), (3, 2)))
    m = found.first
    blunt = type(m)(m.claimed, m.measured, bound * abs(m.value))
    assert found.decode(whole((7, 5)), blunt) == [None, None]


def test_decoding_leaves_the_probe_s_direction_as_it_was():
    found, _ = measure(error_at((7, 5), (3, 2)))
    before = found.r(found.base).copy()
    found.decode(whole((7, 5)), found.first)
    assert np.array_equal(found.r(found.base), before)


def test_an_entry_s_own_direction_is_rounded_as_the_argument_s_grid_is():
    found, w = measure(error_at((4, 3), (1, 2)))
    v = np.zeros((4, 3))
    v[1, 2] = 1 / 3
    entry = found.placed_entry(v, (1, 2))
    assert entry == placed(w, v)[1, 2]
    assert entry != 1 / 3
