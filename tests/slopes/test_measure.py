import math
import warnings

import numpy as np
import pytest

from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.errors import ArgumentError, GradcheckError
from gradcheck.slopes.budget import Budget, BudgetReached
from gradcheck.slopes.field import Field, quiet

X = np.array([0.5, -1.5, 2.0])
Y = np.array([1.0, 0.25])


def field(f, *args, seed=0, limit=None, gradient=None):
    args = args or (X,)
    claim = GradientClaim(f, gradient or (lambda *a: tuple(np.zeros_like(x) for x in a)), Given(args))
    return Field(claim, claim.leaves, seed=seed, budget=Budget(evaluations=limit))


def product(x, y):
    return float(np.sum(x**2) * np.sum(y))


def test_every_call_of_f_is_counted():
    calls = []
    found = field(lambda x: calls.append(1) or float(np.sum(x**2)))
    found.line({0: X})(0.5)
    found.noise([0])
    assert found.evaluations == len(calls)


def test_a_line_moves_one_argument_along_a_direction():
    found = field(product, X, Y)
    assert found.line({1: np.array([1.0, 1.0])})(0.5) == product(X, Y + 0.5)
    assert found.line({0: X})(-1.0) == 0.0
    assert found.at_point == product(X, Y)


def test_the_largest_finite_value_is_remembered():
    found = field(lambda x: math.inf if x[0] > 2 else float(np.sum(x)))
    found.line({0: np.ones(3)})(-10.0)
    found.line({0: np.ones(3)})(10.0)
    assert found.largest == abs(float(np.sum(X - 10.0)))


def test_probes_along_other_directions_have_other_keys():
    found = field(product, X, Y)
    assert np.array_equal(found.direction(0, 1), found.direction(0, 1))
    assert not np.array_equal(found.direction(0, 1), found.direction(0, 2))
    assert not np.array_equal(found.direction(0, 1), field(product, X, Y, seed=1).direction(0, 1))
    assert np.array_equal(found.direction(0, 1, tangent=lambda v: 0 * v), np.zeros(3))


def test_an_argument_is_stepped_no_finer_than_its_dtype_allows():
    assert field(product, X, Y).finest([0]) == -34
    assert field(lambda x: x.sum(), X.astype(np.float32)).finest([0]) == -13


@pytest.mark.parametrize(
    ("x", "f", "digits"),
    [
        (X, np.sum, 53),
        (X.astype(np.float32), np.sum, 24),
        (X, lambda x: np.sum(x, dtype=np.float32), 24),  # computed narrower than its argument
        (X.astype(np.float32), lambda x: float(np.sum(x, dtype=np.float64)), 24),  # its argument moves in few digits
        (X, lambda x: int(np.sum(x)), 53),
    ],
)
def test_the_round_off_is_that_of_the_narrowest_dtype_on_the_way(x, f, digits):
    assert field(f, x).unit == 2.0**-digits


# At the point --------------------------------------------------------------------------------------------------


def raising(_):
    raise KeyError("w2")


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (raising, "raising raised KeyError at the point: 'w2'"),
        (lambda _: math.nan, "f is nan at the point, wanted a finite number"),
        (lambda _: -math.inf, "f is -inf at the point, wanted a finite number"),
        (lambda x: x, r"f returned an array of shape \(3,\)"),
    ],
)
def test_an_f_that_has_no_value_at_the_point_is_refused(f, words):
    with pytest.raises(ArgumentError, match=words):
        field(f)


def test_an_f_that_raises_only_when_called_again_is_refused():
    calls = iter([1.0])

    def f(_):
        try:
            return next(calls)
        except StopIteration:
            raise ValueError("once only") from None

    with pytest.raises(ArgumentError, match="f raised ValueError at the point: once only"):
        field(f)


# Next to the point ---------------------------------------------------------------------------------------------


def test_an_f_that_raises_next_to_the_point_is_undefined_there_and_the_first_reason_is_kept():
    def f(x):
        if x[0] > 1:
            raise np.linalg.LinAlgError(f"not positive definite beyond {x[0]}")
        return float(x[0])

    found = field(f)
    assert math.isnan(found.line({0: np.ones(3)})(1.0))
    assert math.isnan(found.line({0: np.ones(3)})(2.0))
    assert found.failure == "LinAlgError: not positive definite beyond 1.5"


def test_an_error_of_gradchecks_own_is_not_taken_for_the_edge_of_a_domain():
    found = field(lambda x: float(np.sum(x)) if x[0] < 1 else x)
    with pytest.raises(GradcheckError, match="wanted a scalar"):
        found.line({0: np.ones(3)})(1.0)


def test_overflow_next_to_the_point_is_silent_and_the_warnings_of_others_are_left_alone():
    before = list(warnings.filters)
    with quiet():
        assert np.isnan(np.log(np.array(-1.0)))
        assert np.isinf(np.exp(np.array(1e4)))
        with pytest.warns(UserWarning, match="mine"):
            warnings.warn("mine", UserWarning, stacklevel=1)
    assert warnings.filters == before


def test_the_budget_is_kept_to_the_last_evaluation():
    calls = []
    found = field(lambda x: calls.append(1) or float(np.sum(x)), limit=5)
    with pytest.raises(BudgetReached, match="max_evaluations=5 is used up"):
        found.noise([0])
    assert found.evaluations == len(calls) == 5


# Noise ---------------------------------------------------------------------------------------------------------


def test_noise_is_measured_once_along_all_judged_arguments_and_shared():
    found = field(product, X, Y)
    before = found.evaluations
    assert found.noise([0, 1]) is found.noise([0, 1])
    assert found.evaluations == before + 7
    assert found.noise_of([1], [0, 1]) is found.noise([0, 1])


def test_noise_measured_again_takes_a_fresh_direction_and_never_shrinks():
    found = field(product, X, Y)
    first = found.noise([0, 1])
    assert found.noise([0, 1], repeat=1).bound >= first.bound
    assert found.evaluations == 2 + 2 * 7


def labelled(scores, labels):
    """A hinge whose margin jumps by 1 with the sign of an entry of labels that is exactly 0."""
    return float(np.sum(scores**2) + np.sum(labels >= 0))


def test_an_argument_on_a_discontinuity_does_not_spoil_the_noise_of_the_others():
    found = field(labelled, X, np.array([0.0, 1.0]))
    repeat = next(r for r in range(20) if found.noise([0, 1], r).bound > 1e-3)  # a direction that crosses the jump
    assert found.noise_of([0], [0, 1], repeat).bound < 1e-13
    assert found.noise_of([0], [0, 1], repeat) is found.noise_of([0], [0, 1], repeat)
    other = next(r for r in range(repeat + 1, 40) if found.noise([0, 1], r).bound > 1e-3)
    assert found.noise_of([0], [0, 1], other).bound >= found.noise_of([0], [0, 1], repeat).bound


def test_steps_of_f_are_told_relative_to_its_value():
    found = field(lambda x: float(np.round(np.sum(x) * 8) / 8 + 8.0))
    found.noise([0])
    assert 0.125 <= found.step_size() * found.at_point <= 8 * 0.125  # spacings widen eightfold
    smooth = field(product, X, Y)
    assert smooth.step_size() == math.inf
    smooth.noise([0, 1])
    assert smooth.step_size() == math.inf
