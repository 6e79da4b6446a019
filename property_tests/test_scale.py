"""Laws of scale: a verdict is about the derivation, not about the units of the loss or of an argument."""

import numpy as np
from functions import EVERY, Case
from hypothesis import given
from hypothesis import strategies as st

import gradcheck as gc

NAMES = sorted(EVERY)
points = st.tuples(st.sampled_from(NAMES), st.integers(0, 2**16), st.sampled_from([1, 2, 5, 20]))


def point(drawn):
    name, seed, n = drawn
    return EVERY[name](np.random.default_rng(seed), n, 1.0)


def judged(case: Case, seed=0, factor=1.0):
    return gc.check(case.f, lambda *args: tuple(factor * g for g in case.gradient(*args)), case.args, seed=seed)


def loss_times(case, c):
    return case._replace(
        f=lambda *args: c * case.f(*args), gradient=lambda *args: tuple(c * g for g in case.gradient(*args))
    )


def first_argument_times(case, c):
    """The same f of an argument in other units: x is passed as c·x, and its gradient is divided by c."""

    def gradient(x, *others):
        first, *rest = case.gradient(x / c, *others)
        return (first / c, *rest)

    return case._replace(
        f=lambda x, *others: case.f(x / c, *others), gradient=gradient, args=(c * case.args[0], *case.args[1:])
    )


def numbers(report):
    return [(a.verdict, a.error.relative, a.error.low, a.error.high) for a in report if a.error.relative]


@given(drawn=points, k=st.integers(-40, 40), factor=st.sampled_from([1.0, 1.001, 2.0]))
def test_a_loss_in_units_of_a_power_of_two_gives_the_same_report(drawn, k, factor):
    case = point(drawn)
    before, after = judged(case, factor=factor), judged(loss_times(case, 2.0**k), factor=factor)
    assert after.verdict is before.verdict
    assert after.evaluations == before.evaluations
    assert numbers(after) == numbers(before)


@given(drawn=points, k=st.integers(-40, 40), factor=st.sampled_from([1.0, 1.001, 2.0]))
def test_an_argument_in_units_of_a_power_of_two_gives_the_same_report(drawn, k, factor):
    case = point(drawn)
    before, after = judged(case, factor=factor), judged(first_argument_times(case, 2.0**k), factor=factor)
    assert after.verdict is before.verdict
    assert numbers(after) == numbers(before)


@given(drawn=points, exponent=st.floats(-12, 12), factor=st.sampled_from([1.0, 1.001, 2.0]))
def test_no_factor_on_the_loss_turns_a_pass_into_a_fail_or_back(drawn, exponent, factor):
    case = point(drawn)
    verdicts = {judged(case, factor=factor).verdict, judged(loss_times(case, 10.0**exponent), factor=factor).verdict}
    assert verdicts != {gc.Verdict.PASS, gc.Verdict.FAIL}


@given(drawn=points, exponent=st.floats(-12, 12), factor=st.sampled_from([1.0, 1.001, 2.0]))
def test_no_factor_on_an_argument_turns_a_pass_into_a_fail_or_back(drawn, exponent, factor):
    case = point(drawn)
    moved = first_argument_times(case, 10.0**exponent)
    verdicts = {judged(case, factor=factor).verdict, judged(moved, factor=factor).verdict}
    assert verdicts != {gc.Verdict.PASS, gc.Verdict.FAIL}


@given(
    n=st.integers(1, 6), times=st.integers(2, 50), factor=st.sampled_from([1.0, 1.001, 2.0]), seed=st.integers(0, 99)
)
def test_tiling_an_argument_changes_no_verdict(n, times, factor, seed):
    w = np.random.default_rng(seed).uniform(0.5, 2, n)

    def verdict(w):
        return gc.check(lambda w: np.sum(np.log(w) * w), lambda w: factor * (np.log(w) + 1), (w,)).verdict

    assert verdict(np.tile(w, times)) is verdict(w)


@given(seed=st.integers(0, 2**16), n=st.integers(1, 20))
def test_a_zero_gradient_passes_for_an_argument_that_does_not_matter_and_fails_for_one_that_does(seed, n):
    rng = np.random.default_rng(seed)
    w, idle = rng.uniform(0.5, 2, n), rng.standard_normal(n)
    report = gc.check(lambda w, idle: np.sum(w**3) + 0 * idle.sum(), lambda w, idle: (3 * w**2, 0 * idle), (w, idle))
    assert report.verdict is gc.Verdict.PASS
    assert not report["idle"].error.relative
    report = gc.check(lambda w: np.sum(w**3), lambda w: 0 * w, (w,))
    assert report.verdict is gc.Verdict.FAIL


@given(drawn=points, seed=st.integers(0, 2**32), factor=st.sampled_from([1.0, 1.001, 2.0]))
def test_a_check_repeats_bit_for_bit_from_its_seed(drawn, seed, factor):
    case = point(drawn)
    one, other = judged(case, seed, factor), judged(case, seed, factor)
    assert one.to_dict() == other.to_dict()
    assert [p.slope for a in one for p in a.probes] == [p.slope for a in other for p in a.probes]
