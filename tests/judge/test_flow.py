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


def mutates(x):
    x[:] = 7.0
    return 3 * x**2


def with_rows_apart(x):
    return 3 * x**2 if x.flags.c_contiguous else 6 * x**2


class Later:
    """A gradient that raises when it is called for the third time."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        if self.calls > 2:
            raise ValueError("again")
        return 3 * x**2


@pytest.mark.parametrize(
    ("gradient", "args", "calls", "of_the_gradient"),
    [
        (lambda x: 3 * x**2, (X,), None, 6),
        (lambda x, y: (3 * x**2, 3 * y**2), (X, X + 1), None, 6),
        (lambda x: 3 * x**2, (X.astype(np.float32),), None, 9),  # in float32 once, and for its own accuracy
        (lambda x: x[:1], (X,), 2, 2),
        (lambda x: x * np.nan, (X,), 2, 2),
        (mutates, (X.copy(),), 0, 1),
        (with_rows_apart, (1e-3 * np.outer(X, [1.0, 2.0]),), 3, 13),
        (Later(), (X,), 3, 3),
    ],
    ids=["right", "two", "float32", "shape", "NaN", "mutates", "layout", "raises later"],
)
def test_a_report_counts_every_call_of_f_and_of_the_gradient(gradient, args, calls, of_the_gradient):
    counts = {"f": 0, "gradient": 0}

    def counted(name, function):
        def called(*args):
            counts[name] += 1
            return function(*args)

        return called

    claim = GradientClaim(
        counted("f", lambda *xs: sum(map(cubes, xs))), counted("gradient", gradient), Given(tuple(args))
    )
    report = flow.judge(claim, read_rules({}))
    asked_its_dtype = args[0].dtype == np.float32  # whether it computes in float64 where it is asked to
    assert report.evaluations + report.contract_evaluations == counts["f"] - asked_its_dtype
    assert report.gradient_evaluations == counts["gradient"] == of_the_gradient
    assert report.contract_evaluations == (3 if calls is None else calls)
    assert bool(report.complaint) is (calls is not None)
    assert calls is None or report.evaluations == 0


def test_the_callers_numpy_settings_change_no_report():
    def f(x):
        return np.sum(np.log(x)) + 1e-300 * np.sum(np.exp(1e3 * x) * 1e-300)

    def checked():
        return str(gc.check(f, lambda x: 1 / x, (np.array([0.5, 0.1, 0.7]),)))

    expected = checked()
    with np.errstate(all="raise"):
        assert checked() == expected


def test_arguments_of_mixed_dtypes_are_never_passed_in_others():
    seen = set()

    def gradient(x, y):
        seen.add((x.dtype.name, y.dtype.name))
        return 2 * x, 3 * y**2

    report = gc.check(lambda x, y: np.sum(x**2) + np.sum(y**3), gradient, (X.astype(np.float32), X))
    assert report.verdict is gc.Verdict.PASS
    assert seen == {("float32", "float64")}


def test_a_kink_that_round_off_of_the_point_would_cross_is_no_round_off_of_the_claim():
    def gradient(x, y):
        side = np.sign(x[0] - x[1])
        return np.array([side, -side, 0.0]), 3 * y**2

    claim = GradientClaim(lambda x, y: abs(x[0] - x[1]) + cubes(y), gradient, Given((np.ones(3), X)))
    field, predicted = Field(claim, claim.leaves, seed=0), Prediction(claim, claim.leaves)
    trials = {i: Trial(field, predicted, i, confidence=0.9999) for i in range(2)}
    flow._measure(trials, read_rules({}))
    assert any(probe.slope.kinked for probe in trials[0].probes)
    assert trials[0].jitter == 0
    assert 0 < trials[1].jitter < 1e-12


@pytest.mark.parametrize("probes", [2, 4, 300])
def test_what_was_measured_before_the_budget_ended_is_judged(probes):
    def checked(**options):
        return gc.check(
            lambda x, y: cubes(x) + cubes(y),
            lambda x, y: (3 * x**2, 2.9 * y**2),
            {"x": X, "y": X + 1},
            probes=probes,
            **options,
        )

    whole = checked()
    assert [str(a.verdict) for a in whole] == ["PASS", "FAIL"]
    spent = whole.evaluations + whole.contract_evaluations
    twice = 4 * max(probes, 4)  # a slope takes two levels; a FAIL is measured again, then looked into
    for left in (25, 23 + twice + 2 * probes):
        part = checked(max_evaluations=spent - left)
        assert [str(a.verdict) for a in part] == ["PASS", "INCONCLUSIVE"]
        assert "is used up" in part["y"].reason
    assert not part["y"].probes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_function_that_declines_float64_is_judged_in_float32(dtype):
    seen = set()

    def gradient(x):
        seen.add(x.dtype.name)
        return 3 * x**2

    report = gc.check(lambda x: np.sum(x.astype(dtype) ** 3, dtype=dtype), gradient, (X.astype(np.float32),))
    assert report.verdict is gc.Verdict.PASS
    assert report[0].measured_in == dtype.__name__
    assert seen == {"float32", dtype.__name__}


@pytest.mark.parametrize(("rounded", "judged_in"), [(np.float32, "float32"), (np.float64, "float64")])
def test_a_function_is_judged_at_what_it_rounds_to_inside(rounded, judged_in):
    report = gc.check(lambda x: float(np.sum(np.tanh(x.astype(rounded)))), lambda x: 1 - np.tanh(x) ** 2, (X,))
    assert report.verdict is gc.Verdict.PASS
    assert report[0].measured_in == judged_in
