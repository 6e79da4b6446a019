"""Advice that is given is followed, and works."""

import re

import numpy as np
import pytest

import gradcheck as gc

X = np.random.default_rng(0).standard_normal(20)


def on_an_offset(w):
    return np.sum(np.sin(w)) + 1e12


def test_the_rtol_that_a_reason_names_passes():
    report = gc.check(on_an_offset, np.cos, (X,), oracle="finite differences")
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    rtol = float(re.search(r"pass rtol=([\d.e+-]+)", report[0].reason)[1])
    assert gc.check(on_an_offset, np.cos, (X,), oracle="finite differences", rtol=rtol)


def test_the_atol_that_a_reason_names_passes_with_its_absolute_bound():
    def far(w):
        return 1.0 + 1e-18 * np.sum(w**3)

    def gradient(w):
        return 3e-18 * w**2

    report = gc.check(far, gradient, (X,), oracle="finite differences")
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    atol = float(re.search(r"pass atol=([\d.e+-]+)", report[0].reason)[1])
    assert atol < 2.0**-32  # 2^20 units of round-off of f: no more than differences over steps of the argument's size
    again = gc.check(far, gradient, (X,), oracle="finite differences", atol=atol)
    assert again
    assert not again[0].error.relative


@pytest.mark.parametrize(
    ("offset", "told"), [(1e5, "resolution reached "), (1e7, "f computes in float32 inside, whose roundings hide")]
)
def test_float64_is_advised_where_roundings_inside_leave_few_digits_or_none(offset, told):
    report = gc.check(lambda x: float(np.float32(np.sum(x**3) + offset)), lambda x: 3 * x**2, (X[:3],))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert report[0].reason.startswith(told)
    assert "let f compute in float64" in report[0].reason


@pytest.mark.parametrize(("dtype", "offset", "kernel"), [("float16", 1000, True), ("float32", 10**7, False)])
def test_of_the_narrowest_dtypes_a_reference_is_advised_beside_float64(dtype, offset, kernel):
    def f(x):
        if x.dtype != dtype:
            raise TypeError(x.dtype)
        return np.sum(x**3) + x.dtype.type(offset)

    report = gc.check(f, lambda x: 3 * x**2, (X[:3].astype(dtype),))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "let the function accept float64" in report[0].reason
    assert ("gradcheck.check_kernel" in report[0].reason) is kernel


def test_without_an_oracle_pinned_the_next_one_decides_and_the_report_says_which():
    report = gc.check(lambda w: 1.0 + 1e-18 * np.sum(w**3), lambda w: 3e-18 * w**2, (X,))
    assert report
    assert "decided by complex step" in report[0].notes[0]


def test_an_error_below_atol_passes_and_one_above_fails():
    e = np.random.default_rng(1).standard_normal(20)
    size = float(np.linalg.norm(e))
    for error, verdict in ((1e-8, "PASS"), (1e-3, "FAIL")):
        found = gc.check(lambda x: np.sum(x**3), lambda x, r=error: 3 * x**2 + r * e / size, (X,), atol=1e-5)
        assert str(found.verdict) == verdict


@pytest.mark.parametrize("digits", [0, 1, 3, 6])
def test_a_straight_through_claim_is_told_and_passes_against_its_smooth_function(digits):
    def rounded(x):
        return np.round(x, digits)

    report = gc.check(rounded, vjp=lambda c, x: c, args=(X,))  # noqa: ARG005
    assert report.verdict is gc.Verdict.FAIL
    assert "straight_through=" in report[0].reason
    again = gc.check(rounded, vjp=lambda c, x: c, args=(X,), straight_through=lambda x: x)  # noqa: ARG005
    assert again
    assert "held against straight_through" in again.notes[0]


def test_how_far_the_smooth_function_is_from_f_is_told():
    report = gc.check(
        lambda x: 2 * np.sum(np.round(x)),
        lambda x: np.full_like(x, 2.0),
        (np.array([2.25, 3.5]),),
        straight_through=lambda x: 2 * np.sum(x),
    )
    assert report
    assert "which differs from f by 5.0e-01 at the point" in report.notes[0]  # 2 * (2.25 + 3.5) beside 2 * (2 + 4)


def test_a_look_up_table_passes_where_it_is_declared():
    edges, table = np.linspace(-3, 3, 49), np.linspace(0, 1, 50)

    def looked_up(x):
        return np.sum(table[np.searchsorted(edges, x)])

    report = gc.check(looked_up, np.zeros_like, (X,))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "piecewise_constant=True" in report[0].reason
    assert gc.check(looked_up, np.zeros_like, (X,), piecewise_constant=True)


def test_a_smooth_function_declared_piecewise_constant_is_no_pass_for_zero():
    assert gc.check(lambda x: np.sum(x**2), np.zeros_like, (X,), piecewise_constant=True).verdict is gc.Verdict.FAIL


def test_fewer_digits_than_usual_are_a_pass_that_says_how_many():
    report = gc.check(lambda w: float(1 + 1e-9 * np.sum(w**3)), lambda w: 3e-9 * w**2, (X,))
    assert report
    assert 1e-5 < report[0].error.high == report[0].resolution <= 1e-3
    assert "fewer digits than usual" in report[0].notes[0]
    assert gc.check(lambda w: float(1 + 1e-9 * np.sum(w**3)), lambda w: 3.01e-9 * w**2, (X,)).verdict is gc.Verdict.FAIL


def test_an_argument_that_does_next_to_nothing_beside_another_has_an_absolute_error():
    def f(a, b):
        return float(np.sum(np.sin(a)) + 1e-14 * np.sum(b**3))

    report = gc.check(f, lambda a, b: (np.cos(a), 3e-14 * b**2), (X, X))
    assert report
    assert report["a"].error.relative
    assert not report["b"].error.relative
    assert report["b"].error.high < 1e-9
    assert "less than differences show" in report["b"].notes[0]


def test_an_offset_that_hides_a_gradient_is_no_pass():
    report = gc.check(lambda w: float(np.sum(np.sin(w)) + 1e15), lambda w: 2 * np.cos(w), (X,))
    assert report.verdict is gc.Verdict.INCONCLUSIVE


def test_what_differences_cannot_show_is_not_passed_against_a_stated_tolerance():
    report = gc.check(lambda w: float(1 + 1e-9 * np.sum(w**3)), lambda w: 3e-9 * w**2, (X,), rtol=1e-6)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
