"""Beside a kink: one point for all arguments, each measured there once, and only as far as it is asked."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.judge.nearby import Nearby
from gradcheck.slopes.budget import Budget
from gradcheck.slopes.field import Field
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.options import read_rules
from gradcheck.verdicts.trial import Trial

X, Y, Z = np.array([0.0, 1.5, -2.0, 0.5]), np.array([[1.0, 0.0], [2.0, -1.0]]), np.array([0.0, 1.0])
WEIGHTS = np.array([[1.0, 2.0], [3.0, 4.0]])


def f(x, y, z):
    return float(np.sum(np.maximum(x, 0) * [1, 2, 3, 4]) + np.sum(np.abs(y) * WEIGHTS) + np.sum(np.abs(z)))


class Beside:
    """Three arguments at kinks, each claimed with a factor of its own."""

    def __init__(self, *factors, evaluations=None, **options):
        def gradient(x, y, z):
            right = (x > 0) * [1, 2, 3, 4], np.sign(y) * WEIGHTS, np.sign(z)
            return tuple(factor * g for factor, g in zip(factors, right, strict=True))

        claim = GradientClaim(f, gradient, Given((X, Y, Z)))
        self.field = Field(claim, claim.leaves, seed=0, budget=Budget(evaluations=evaluations))
        predicted = Prediction(claim, claim.leaves)
        self.trials = {i: Trial(self.field, predicted, i, confidence=0.9999) for i in range(3)}
        self.nearby = Nearby(self.trials, read_rules(options))

    def before(self, index):
        return self.trials[index].report(Verdict.FAIL, Interval(0.5, 2.0, relative=True, confidence=0.9999), 1e-5)

    def named(self, index):
        return self.nearby.named(self.before(index), index)

    @property
    def measured(self):
        """Slopes of each argument there."""
        return [len(trial.probes) for trial in self.nearby._beside[1].values()]


@pytest.mark.parametrize(("probes", "own", "other"), [(2, 8, 4), (4, 8, 4), (5, 10, 5), (6, 12, 6)])
def test_the_own_slopes_are_twice_those_of_the_others(probes, own, other):
    beside = Beside(2.0, 2.0, 2.0, probes=probes)
    assert "the same in every gradient" in beside.named(0).advice
    assert beside.measured == [own, other, other]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_others_are_measured_as_long_as_they_show_the_same_mistake(index):
    beside = Beside(*(3.0 if i == (index + 1) % 3 else 2.0 for i in range(3)))
    report = beside.named(index)
    assert report.mistakes == ("factor 2 too many",)
    assert "the same in every gradient" not in report.advice
    first = next(i for i in range(3) if i != index)
    last = 3 - index - first
    expected = {index: 8, first: 4, last: 0 if first == (index + 1) % 3 else 4}
    assert beside.measured == [expected[i] for i in range(3)]


def test_a_jvp_has_no_backward_pass_to_look_at():
    x, z = np.array([0.0, 1.5, -2.0]), np.array([1.0, 0.0])
    report = gc.check(
        lambda x, z: np.sum(np.abs(x)) + np.sum(np.abs(z)),
        jvp=lambda t, x, z: 2 * np.sign(x) @ t[0] + 2 * np.sign(z) @ t[1],
        args=(x, z),
    )
    for found in report:
        assert found.mistakes == ("factor 2 too many",)
        assert "backward" not in found.advice


def test_slopes_that_are_there_are_not_measured_again():
    beside = Beside(2.0, 2.0, 2.0)
    beside.named(0)
    assert beside.measured == [8, 4, 4]
    beside.named(1)
    assert beside.measured == [8, 8, 4]
    beside.named(1)
    assert beside.measured == [8, 8, 4]


def test_what_is_spent_there_counts_where_it_was_asked_for():
    beside = Beside(2.0, 2.0, 2.0)
    began = beside.field.evaluations
    beside.named(0)
    there = beside.nearby._beside[0]
    assert beside.field.evaluations == there.evaluations
    spent = there.evaluations - began
    assert spent > 2 * 8  # two evaluations for a slope at least
    beside.named(1)
    assert beside.field.evaluations == there.evaluations > began + spent


def test_the_point_is_off_the_kinks_and_next_to_the_point():
    beside = Beside(2.0, 2.0, 2.0)
    for there, here in zip(beside.nearby._beside[0].leaves, (X, Y, Z), strict=True):
        assert (there != 0).all()
        distance = np.linalg.norm(there - here) / np.linalg.norm(here)
        assert 2.0**-9 < distance < 2.0**-5


def test_a_claim_that_is_right_there_is_left_as_it_is():
    beside = Beside(1.0, 2.0, 2.0)
    before = beside.before(0)
    assert beside.nearby.named(before, 0) is before
    assert beside.measured == [8, 0, 0]


@pytest.mark.parametrize("evaluations", [5, 9])
def test_where_nothing_more_may_be_spent_the_verdict_stands_without_a_name(evaluations):
    beside = Beside(2.0, 2.0, 2.0, evaluations=evaluations)
    before = beside.before(0)
    assert beside.nearby.named(before, 0) is before
    assert beside.field.evaluations <= evaluations


@pytest.mark.parametrize("fails", ["f", "gradient", "gradient raises"])
def test_where_f_or_its_gradient_ends_beside_the_kink_the_verdict_stands_without_a_name(fails):
    def beside(x):
        return not np.array_equal(x, X)

    def f(x):
        return np.nan if fails == "f" and beside(x) else float(np.sum(np.abs(x)))

    def gradient(x):
        if fails == "gradient raises" and beside(x):
            raise ValueError("outside")
        return 2 * np.sign(x) * (np.nan if fails == "gradient" and beside(x) else 1)

    claim = GradientClaim(f, gradient, Given((X,)))
    field = Field(claim, claim.leaves, seed=0)
    trials = {0: Trial(field, Prediction(claim, claim.leaves), 0, confidence=0.9999)}
    before = trials[0].report(Verdict.FAIL, Interval(0.5, 2.0, relative=True, confidence=0.9999), 1e-5)
    assert Nearby(trials, read_rules({})).named(before, 0) is before
