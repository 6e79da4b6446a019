"""From a claim to a report: what f and the gradient are called with, and what is kept of it."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.judge import flow
from gradcheck.slopes.field import Field
from gradcheck.verdicts.options import read_rules
from gradcheck.verdicts.trial import Trial

X = np.array([0.5, -1.5, 2.0])


def cubes(x):
    return np.sum(x**3)


@pytest.mark.parametrize("returned", [lambda x: x[:1], lambda x: x * np.nan, lambda x: "no array"])  # noqa: ARG005
def test_what_a_wrong_gradient_did_to_its_argument_f_does_not_see(returned):
    seen = []

    def f(x):
        seen.append(x.copy())
        return cubes(x)

    def gradient(x):
        x[:] = 7.0
        return returned(x)

    report = gc.check(f, gradient, (X.copy(),))
    assert report.complaint
    assert seen
    assert all(np.array_equal(x, X) for x in seen)


def test_a_gradient_that_claims_other_arguments_in_float64_is_judged_in_its_own_dtype():
    def gradient(x, y):
        return 2 * x, None if y.dtype == np.float32 else 2 * y

    args = (X.astype(np.float32), X.astype(np.float32))
    report = gc.check(lambda x, y: np.sum(x**2) + np.sum(y**2), gradient, args)
    assert [a.name for a in report] == ["x"]
    assert report[0].measured_in == "float32"
    assert report.unchecked == ("y (no gradient claimed)",)


@pytest.mark.parametrize("count", [1, 2])
def test_the_round_off_of_a_claim_is_known_of_one_argument_and_of_several(count):
    claim = GradientClaim(
        lambda *xs: sum(map(cubes, xs)), lambda *xs: tuple(3 * x**2 for x in xs), Given((X, X + 1)[:count])
    )
    field, predicted = Field(claim, claim.leaves, seed=0), Prediction(claim, claim.leaves)
    trials = {i: Trial(field, predicted, i, confidence=0.9999) for i in range(count)}
    assert flow._measure(trials, read_rules({})) == ""
    for i, trial in trials.items():
        moved = field.unit * field.scales[i].norm(6 * claim.leaves[i] ** 2)  # x(1 + u) moves 3x² by 6x²u
        assert moved / 16 < trial.jitter < 16 * moved


def test_a_report_counts_what_the_contract_took_apart_from_the_slopes():
    calls = []

    def f(x):
        calls.append(x)
        return cubes(x)

    report = gc.check(f, lambda x: 3 * x**2, (X,))
    assert report.contract_evaluations == 3
    assert report.evaluations + report.contract_evaluations == len(calls)
