import math

import numpy as np
import pytest
from scipy.stats import chi2

from gradcheck.verdicts.certificate import (
    ERROR_ABOVE,
    ERROR_BELOW,
    SIZE,
    Interval,
    Mismatch,
    Verdict,
    chi2_quantile,
    default_resolution,
    error_norm,
    ratio,
    relative_error,
    smallest_visible,
)

DRAWS = 4000


def rare(probability, draws=DRAWS):
    """The count of events of this probability that chance exceeds once in 30,000 tests: four standard deviations."""
    return draws * probability + 4 * math.sqrt(draws * probability * (1 - probability)) + 1


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ([], Verdict.PASS),
        ([Verdict.PASS, Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.PASS], Verdict.FAIL),
    ],
)
def test_the_verdict_of_several_is_the_worst(verdicts, worst):
    assert Verdict.worst(verdicts) is worst


def test_verdicts_are_printed_as_words():
    assert [str(v) for v in Verdict] == ["PASS", "FAIL", "INCONCLUSIVE"]


@pytest.mark.parametrize(
    ("claimed", "measured", "bound", "significant"),
    [
        (1.0, 1.0, 0.0, False),
        (1.5, 1.0, 0.5, False),  # on the bound: explained by it
        (1.5, 1.0, 0.49, True),
        (1.0, 1.5, 0.49, True),
        (1.0, 1.0, math.inf, False),
        (math.nan, 1.0, 1.0, True),  # no number explains a NaN
        (1.0, math.inf, 1.0, True),
    ],
)
def test_a_mismatch_is_significant_beyond_its_bound(claimed, measured, bound, significant):
    assert Mismatch(claimed, measured, bound).significant is significant


def test_the_mismatch_is_claimed_minus_measured():
    assert Mismatch(3.0, 1.0, 0.1).value == 2.0


def test_an_interval_contains_its_ends():
    interval = Interval(0.1, 0.2, relative=True, confidence=0.99)
    assert all(r in interval for r in (0.1, 0.15, 0.2))
    assert not any(r in interval for r in (0.0999, 0.2001, math.nan))


# The median of χ² with two degrees of freedom is 2·ln 2, and its distribution function 1 − exp(−x/2).
@pytest.mark.parametrize("probability", [1e-5, 0.025, 0.5, 0.99])
def test_chi_square_quantiles(probability):
    assert chi2_quantile(probability, 2) == pytest.approx(-2 * math.log1p(-probability), rel=1e-12)


def test_the_four_statements_share_what_the_confidence_leaves():
    assert pytest.approx(1, rel=1e-15) == ERROR_ABOVE + ERROR_BELOW + 2 * SIZE


# E from Σ(|m_j| ∓ b_j)², N from Σ(|slope_j| ∓ b_j)², each side with its share of what the confidence leaves.
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("confidence", [0.4, 0.9, 0.9999])
def test_the_interval_is_the_one_that_chi_square_gives(k, confidence):
    found = [Mismatch(claimed=3.0 + j, measured=1.0 - j, bound=0.1 * j) for j in range(k)]
    j, left, quantile = np.arange(k), 1 - confidence, chi2(k).ppf
    error = 2 + 2 * j
    low = math.sqrt(np.sum((error - 0.1 * j) ** 2) / quantile(1 - 0.1 * left))
    high = math.sqrt(np.sum((error + 0.1 * j) ** 2) / quantile(0.8 * left))
    assert error_norm(found, confidence) == pytest.approx((low, high), rel=1e-9)
    size = np.abs(1 - j)
    smallest = math.sqrt(np.sum(np.maximum(size - 0.1 * j, 0) ** 2) / quantile(1 - 0.05 * left))
    largest = math.sqrt(np.sum((size + 0.1 * j) ** 2) / quantile(0.05 * left))
    interval = relative_error(found, None, confidence)
    assert (interval.low, interval.high) == pytest.approx((low / largest, high / smallest), rel=1e-9)
    assert interval.confidence == confidence


@pytest.mark.parametrize("k", [2, 4, 16])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_each_side_of_the_error_misses_as_often_as_its_tail_says(k, confidence):
    too_high, too_low = ERROR_BELOW * (1 - confidence), ERROR_ABOVE * (1 - confidence)
    rng, above, below = np.random.default_rng(1), 0, 0
    for z in 3.0 * rng.standard_normal((DRAWS, k)):
        low, high = error_norm([Mismatch(m, 0.0, 0.0) for m in z], confidence)
        above += low > 3.0
        below += high < 3.0
    for count, tail in ((above, too_high), (below, too_low)):
        least = DRAWS * tail - 4 * math.sqrt(DRAWS * tail)
        assert least <= count <= rare(tail)  # and no less often either: the interval is as narrow as it may be


@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("towards", [-1.0, 1.0])
def test_slopes_off_by_all_their_bound_in_the_worst_direction_do_not_break_the_interval(size, towards):
    rng, missed = np.random.default_rng(2), 0
    for z in size * rng.standard_normal((DRAWS, 4)):
        low, high = error_norm([Mismatch(m + towards * math.copysign(1, m), 0.0, 1.0) for m in z], 0.9)
        missed += not low <= size <= high
    assert missed <= rare(0.1 * (ERROR_BELOW + ERROR_ABOVE))


# g = ∇f + e with e of relative size r: claimed = (∇f + e)·v, measured = ∇f·v.
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("r", [1e-6, 0.01, 0.5, 2.0])
def test_the_relative_error_is_covered_as_often_as_stated(r, known):
    rng, missed = np.random.default_rng(3), 0
    true = rng.standard_normal(20)
    true /= np.linalg.norm(true)
    wrong = rng.standard_normal(20)
    wrong *= r / np.linalg.norm(wrong)
    norm = float(np.linalg.norm(true + wrong)) if known else None
    for _ in range(DRAWS // 2):
        directions = rng.standard_normal((4, 20))
        found = [Mismatch(float((true + wrong) @ v), float(true @ v), 0.0) for v in directions]
        missed += r not in relative_error(found, norm, 0.9)
    assert missed <= rare(0.1, DRAWS // 2)


@pytest.mark.parametrize("known", [True, False])
def test_half_the_gradient_is_off_by_half_whatever_the_claim_says_of_its_size(known):
    rng, missed = np.random.default_rng(4), 0
    for z in rng.standard_normal((DRAWS // 2, 4)):  # ∇f·v is N(0, 1); the claim is half of it
        found = [Mismatch(m / 2, m, 0.0) for m in z]
        missed += 0.5 not in relative_error(found, 0.5 if known else None, 0.9)
    assert missed <= rare(0.1, DRAWS // 2)


def test_four_probes_tell_the_size_of_an_error_within_a_factor_36():
    z = [0.5, -1.2, 0.9, 1.1]
    interval = relative_error([Mismatch(m * (1 + 1e-3), m, 0.0) for m in z], 1.0, 0.9999)
    assert 1 < interval.high / interval.low <= 36
    assert 1e-3 in interval


def test_the_known_size_of_the_claim_narrows_the_interval():
    found = [Mismatch(1.001 * m, m, 0.0) for m in (0.5, -1.2, 0.9, 1.1)]
    with_size, without = relative_error(found, 1.0, 0.9999), relative_error(found, None, 0.9999)
    assert with_size.high < without.high
    assert with_size.low >= without.low


def test_ends_that_chance_lets_cross_are_told_in_order():
    # slopes that no gradient of the claimed size has but once in a universe: the claim's own size against theirs
    slopes = [19886.0] + 15 * [60.5]
    found = relative_error([Mismatch(m + 0.7, m, 1e-7) for m in slopes], 200.0, 0.9999)
    assert 0 < found.low < found.high


def test_no_mismatch_is_an_error_of_zero_or_more():
    interval = relative_error([Mismatch(m, m, 1e-9) for m in (1.0, -0.5)], 1.0, 0.99)
    assert interval.low == 0
    assert 0 < interval.high < 1e-6


def test_where_the_gradient_may_be_zero_the_relative_error_may_be_anything():
    interval = relative_error([Mismatch(0.0, 1e-12, 1e-9)] * 4, 0.0, 0.99)
    assert (interval.low, interval.high) == (0.0, math.inf)


def test_exact_zeros_of_claim_and_slopes_are_no_error():
    interval = relative_error([Mismatch(0.0, 0.0, 0.0)] * 4, 0.0, 0.99)
    assert (interval.low, interval.high) == (0.0, 0.0)


@pytest.mark.parametrize("factor", [2.0**-500, 2.0**500])
def test_a_power_of_two_scales_out_of_the_relative_error(factor):
    found = [(1.01, 1.0, 1e-6), (-0.49, -0.5, 1e-6), (0.2, 0.2, 1e-6)]
    plain = relative_error([Mismatch(*m) for m in found], 1.0, 0.99)
    scaled = relative_error([Mismatch(*(factor * x for x in m)) for m in found], factor, 0.99)
    assert scaled == plain


# |e·v_j| = E|z_j|, the slope off by its bound in the direction that hides the error best.
@pytest.mark.parametrize("k", [2, 4, 8])
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_the_smallest_visible_error_is_seen_as_often_as_stated_and_no_much_smaller_one_is(k, confidence):
    bound = 0.25
    size = smallest_visible([bound, bound / 2, *[bound / 3] * (k - 2)], confidence)
    z = np.abs(np.random.default_rng(5).standard_normal((20 * DRAWS, k)))
    missed = [int(np.sum(np.sum(e * z - bound > bound, axis=1) < 2)) for e in (size, size / 4)]
    assert missed[0] <= rare(1 - confidence, 20 * DRAWS)
    assert missed[0] >= 20 * DRAWS * (1 - confidence) - 4 * math.sqrt(20 * DRAWS * (1 - confidence))
    assert missed[1] > 2 * missed[0]


# The values that the docstring gives.
@pytest.mark.parametrize(
    ("digits", "resolution"), [(53, 1e-5), (24, 8e-3), (11, 0.16), (8, 0.31)], ids=["64", "32", "16", "bf16"]
)
def test_the_resolution_expected_of_each_precision(digits, resolution):
    assert default_resolution(2.0**-digits) == pytest.approx(resolution, rel=0.05)
    assert default_resolution(2.0**-digits) ** 3 == pytest.approx(8 * 2.0**-digits)


@pytest.mark.parametrize("off", [math.nan, math.inf])
@pytest.mark.parametrize("measured", [1.0, 2.0, math.nan])
def test_what_is_no_number_bounds_nothing(off, measured):
    found = [Mismatch(1.0, 1.0, 1e-9), Mismatch(1.0, measured, off), Mismatch(-1.0, -1.0, 1e-9)]
    assert error_norm(found, 0.9999) == (0.0, math.inf)
    interval = relative_error(found, 1.0, 0.9999)
    assert (interval.low, interval.high) == (0.0, math.inf)
    low, high = error_norm([Mismatch(3.0, 1.0, 1e-9), Mismatch(1.0, measured, off)], 0.9999)
    assert low > 0
    assert high == math.inf


@pytest.mark.parametrize(
    ("error", "size", "wanted"),
    [
        (1.0, 4.0, 0.25),
        (0.0, 4.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.0, -1.0, 0.0),
        (1.0, 0.0, math.inf),
        (1.0, -1.0, math.inf),
        (math.nan, 1.0, math.inf),
        (1.0, math.nan, math.inf),
        (0.0, math.nan, math.inf),
        (math.nan, math.nan, math.inf),
        (math.inf, math.inf, math.inf),
        (1.0, math.inf, 0.0),
    ],
)
def test_the_ratio_to_what_is_no_number_may_be_anything(error, size, wanted):
    assert ratio(error, size) == wanted


def test_of_no_slope_there_is_no_bound():
    found = relative_error([], 1.0, 0.9999)
    assert (found.low, found.high, found.relative) == (0.0, math.inf, True)
