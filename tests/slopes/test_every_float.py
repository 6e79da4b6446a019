import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.slopes.every_float import LARGEST, SMALLEST, exact_sum, exponent_above


@given(st.floats())
def test_the_exponent_of_any_float_is_the_least_that_is_no_smaller(size):
    k = exponent_above(size)
    assert SMALLEST <= k <= LARGEST
    assert 0 < math.ldexp(1.0, k) < math.inf
    if size <= 2.0**LARGEST:
        assert size <= math.ldexp(1.0, k)
        assert k == SMALLEST or size > math.ldexp(1.0, k - 1)


@pytest.mark.parametrize("size", [math.inf, math.nan, 1.5 * 2.0**LARGEST])
def test_what_no_power_of_two_bounds_has_the_largest_exponent(size):
    assert exponent_above(size) == LARGEST


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_a_sum_is_rounded_once_or_infinite(values):
    exact, found = sum(map(Fraction, values)), exact_sum(values)
    if math.isinf(found):
        assert abs(sum(values)) == math.inf or abs(exact) >= 2**1023
        assert (found > 0) == (exact > 0)
    elif not math.isnan(found):  # NaN: the exact sum is small, and a part of it beyond the floats
        assert found == float(exact)


def test_infinities_of_both_signs_add_up_to_no_number():
    assert math.isnan(exact_sum([math.inf, -math.inf]))
    assert exact_sum([math.inf, 1.0]) == math.inf
    assert exact_sum([1e308, 1e308]) == math.inf
    assert exact_sum([-1e308, -1e308]) == -math.inf


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_beyond_the_floats_has_its_sign_whatever_its_parts_are(sign):
    largest = sign * 1.7e308
    assert exact_sum([largest, largest, -largest / 2]) == sign * math.inf
    assert exact_sum([-largest] * 3 + [largest] * 5) == sign * math.inf
