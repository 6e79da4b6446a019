"""Why a claim is off that is no mistake, and the rtol= that allows for it."""

from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.judge import tolerance
from gradcheck.verdicts import reasons
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.report import WorstEntry

X = np.array([0.5, -1.5, 2.0, 0.25])


def cubes(x):
    return np.sum(x**3)


def slightly_off(x):
    return 3 * x**2 * (1 + 4e-7 * np.sin(np.arange(4) + 1))


def test_the_rtol_that_is_named_is_twice_the_error_and_passes():
    report = gc.check(cubes, slightly_off, (X,))
    assert report.verdict is Verdict.FAIL
    rtol, error = float(report[0].next.rpartition("rtol=")[2]), report[0].error.high
    assert 1.5 * error < rtol < 2.6 * error
    assert gc.check(cubes, slightly_off, (X,), rtol=rtol)


def test_a_small_error_that_has_a_name_is_not_taken_for_a_tolerance():
    x = np.random.default_rng(0).standard_normal(5000)
    report = gc.check(lambda x: np.mean(x**3), lambda x: 3 * x**2 / (x.size - 1), (x,))
    assert report[0].mistakes == ("constant factor 1.0002",)
    assert not report[0].next


def test_arrays_in_float32_are_not_said_to_differ_from_call_to_call():
    x = X.astype(np.float32)
    for report in (gc.check(cubes, 3 * x**2, (x,)), gc.check(lambda x: x**2, jac=np.diag(2 * x), args=(x,))):
        assert report
        assert not any("call to call" in note for note in report.notes)


def undecided(entries, reason, high=0.5):
    report = gc.check(cubes, lambda x: 3 * x**2, (X[:entries],))[0]
    error = Interval(0.0, high, relative=True, confidence=0.9999)
    return report.with_(verdict=Verdict.INCONCLUSIVE, reason=reason, error=error)


def on_trial(*, repeat=0.0, jitter=0.0, random=False):
    claim = SimpleNamespace(at_point_only=False, own_error=0.0)
    return SimpleNamespace(
        prediction=SimpleNamespace(claim=claim),
        jitter_next_to_kink=repeat,
        claimed_norm=1.0,
        random=random,
        jitter=jitter,
    )


@pytest.mark.parametrize(
    ("high", "mistakes", "limit"),
    [
        (1e-7, (), "below 1e-06"),
        (1e-7, ("factor 2",), "below 1e-06"),  # no slip of a pen is so small
        (1e-4, (), "below 0.001"),
        (1e-4, ("factor 2",), ""),
        (1e-2, (), ""),
    ],
)
def test_a_small_error_without_a_better_explanation_may_be_a_tolerance(high, mistakes, limit):
    report = undecided(4, "", high).with_(verdict=Verdict.FAIL, mistakes=mistakes)
    told = tolerance.allowed_for(report, on_trial())
    assert told.next.startswith(limit)
    assert bool(told.next) is bool(limit)


@pytest.mark.parametrize(
    ("claimed", "measured", "told"),
    [(1000.0, 1000.5, True), (1e-9, 1e-9, True), (1.0, 1.01, False), (1.01, -1.01, False), (1e-9, 1.1e-9, False)],
)
def test_an_entry_that_is_off_by_a_part_of_itself_is_no_tolerance(claimed, measured, told):
    report = undecided(4, "", 1e-4).with_(
        verdict=Verdict.FAIL, worst=(WorstEntry((0,), claimed, measured, abs(claimed - measured)),)
    )
    assert bool(tolerance.allowed_for(report, on_trial()).next) is told


@pytest.mark.parametrize("reason", [reasons.ONE, tolerance.FRESH])
@pytest.mark.parametrize(("entries", "advised"), [(1, False), (2, True), (4, True)])
def test_another_direction_is_advised_where_there_is_one(reason, entries, advised):
    told = tolerance.allowed_for(undecided(entries, reason), on_trial())
    assert (told.reason == reason) is advised
    assert ("probes=" in told.reason) is advised


@pytest.mark.parametrize(
    ("repeat", "jitter", "random", "told"),
    [
        (1e-3, 1e-3, False, True),
        (1e-3, 1.0, False, False),  # so much is the claim's own round-off
        (1e-3, 1e-3, True, False),  # f is random, which is said already
        (1e-15, 1e-15, False, False),
    ],
)
def test_a_claim_whose_own_calls_differ_is_told_so(repeat, jitter, random, told):
    report = tolerance.allowed_for(undecided(4, "why"), on_trial(repeat=repeat, jitter=jitter, random=random))
    assert ("Let it draw the same at each call" in report.reason) is told
    assert told or report.reason == "why"


def test_how_far_calls_differ_is_relative_to_the_claim():
    trial = on_trial(repeat=1e-3)
    trial.claimed_norm = 4.0
    assert tolerance.differs(trial) == "differs from call to call by 2.5e-04 of its size"
