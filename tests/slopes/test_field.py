"""f around a point: the scale of what is zero there, the steps in which it moves, and whose noise is whose."""

import numpy as np
import pytest

from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.slopes.budget import Budget
from gradcheck.slopes.field import Field

X = np.array([0.5, -1.5, 2.0])


def field(f, *args, **options):
    claim = GradientClaim(f, lambda *xs: xs, Given(args))
    return Field(claim, claim.leaves, seed=0, **options)


@pytest.mark.parametrize("tiny", range(4))
def test_each_argument_that_is_zero_has_the_scale_that_f_has_there(tiny):
    def f(*args):
        return sum(
            np.sum(10.0 ** np.arange(x.size) * np.tanh(1e9 * x) if i == tiny else 1e-2 * x) for i, x in enumerate(args)
        )

    args = [np.zeros(2), np.zeros(3), np.zeros(4), np.zeros(1), X]
    found = field(f, *args, budget=Budget(evaluations=200))
    before = found.scales
    found.scale_zeros(range(5))
    assert 2.0**-40 < found.scales[tiny].value < 2.0**-20
    assert all(found.scales[i] is before[i] for i in range(5) if i != tiny)
    assert found.evaluations < 40


def test_what_is_not_judged_or_not_zero_keeps_its_scale():
    found = field(lambda x, y: np.sum(np.sin(1e9 * x)) + np.sum(np.sin(1e9 * y)), np.zeros(2), X)
    before, spent = found.scales, found.evaluations
    found.scale_zeros([1])
    assert found.scales is before
    assert found.evaluations == spent


@pytest.mark.parametrize(("at_point", "relative"), [(0.0, 1e-6), (0.5, 2e-6), (-8.0, 1.25e-7)])
def test_steps_are_relative_to_the_value_and_absolute_where_that_is_zero(at_point, relative):
    found = field(lambda x: 1e-6 * np.floor(np.sum(x) * 1e6 - 1e6 + 0.5) + at_point, X)
    assert found.at_point == at_point
    found.noise([0])
    assert found.step_size() == pytest.approx(relative, rel=1e-6, abs=0)


def test_the_noise_of_an_argument_is_not_that_of_others_that_stand_on_a_discontinuity():
    def f(x, y, z):
        return 1 + np.sum(np.sin(x)) + np.sum(np.sin(y)) + 1e-3 * np.sum(np.sin(1e15 * z))

    found = field(f, X, X + 1, X + 2)
    judged = range(3)
    joint = found.noise(judged)

    def of(*moved, repeat=0):
        return found.noise_of(dict.fromkeys(moved), judged, repeat).bound

    assert joint.bound > 1e-4
    assert of(0, 1, 2) == joint.bound
    assert of(0, 2) > 1e-4
    assert of(2) > 1e-4
    assert of(0) < 1e-13
    assert of(0, 1) < 1e-13
    assert of(2, repeat=1) > 1e-4
    assert of(0, repeat=1) < 1e-13


def test_noise_that_is_measured_again_counts_with_what_was_measured_before():
    found = field(lambda x, y: 1 + np.sum(np.sin(x)) + 1e-3 * np.sum(np.sin(1e15 * y)), X, X + 1)
    own = [found.noise_of({0: None}, [0, 1], repeat).bound for repeat in range(3)]
    both = [found.noise([0, 1], repeat).bound for repeat in range(3)]
    assert own == sorted(own)
    assert both == sorted(both)
