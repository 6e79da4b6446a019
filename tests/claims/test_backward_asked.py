"""When two answers of a backward pass are the same."""

import math

import numpy as np
import pytest

from gradcheck.claims.backward_asked import close, difference

X = np.array([[1.0, -2.0], [0.5, np.nan]])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (X, X.copy(), True),
        (X, X * (1 + 2.0**-40), True),  # NaN at the same place, the rest by another order of summation
        (X, X * (1 + 2.0**-10), False),
        (X, np.nan_to_num(X), False),
        (X, X[:1], False),
        (X[:1], X, False),
        (X, X[None], False),
        (None, None, True),
        (None, X, False),
        (X, None, False),
    ],
)
def test_two_gradients_agree_entry_by_entry_up_to_round_off(one, other, same):
    assert close(one, other, 2.0**-53) is same


def test_an_entry_of_a_gradient_may_be_off_by_round_off_of_the_others():
    assert close(np.array([1.0, 1e-12]), np.array([1.0, 0.0]), 2.0**-53)
    assert not close(np.array([0.0, 1e-12]), np.array([0.0, 0.0]), 2.0**-53)
    assert close(np.array([0.0, 1e-12]), np.array([0.0, 0.0]), 2.0**-53, size=1.0)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (None, None, 0.0),
        (X, X.copy(), 0.0),
        (X[0], X[0] * 1.25, 0.25),
        (np.zeros(2), np.array([0.0, 3.0]), 3.0),
        (None, X, math.inf),
        (X, None, math.inf),
        (X[:1], np.vstack([X[:1], X[:1]]), math.inf),
        (np.vstack([X[:1], X[:1]]), X[:1], math.inf),
    ],
)
def test_the_difference_is_relative_to_the_first_and_zero_for_the_same_bits_alone(one, other, apart):
    assert difference(one, other) == pytest.approx(apart)


def test_a_difference_that_is_lost_beside_the_others_is_none_the_less():
    assert difference(np.array([1e300, 0.0]), np.array([1e300, 1e-300])) > 0
