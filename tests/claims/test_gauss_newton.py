"""Gauss-Newton approximations: judged as JᵀJ where the residuals are known, else held to what every JᵀJ is."""

import numpy as np
import pytest

import gradcheck as gc
import gradcheck.scipy as problems
from gradcheck.errors import ArgumentError
from gradcheck.manifolds import SO3

RNG = np.random.default_rng(0)
A, Y, X = RNG.standard_normal((7, 4)), RNG.standard_normal(7), RNG.standard_normal(4)
MEANT = {"approximate": "gauss-newton"}


def residuals(x):
    return np.tanh(A.astype(x.dtype) @ x) - Y.astype(x.dtype)


def jac(x):
    return (1 - np.tanh(A.astype(x.dtype) @ x) ** 2)[:, None] * A.astype(x.dtype)


FACTORS = {"half": 0.5, "sum": 1.0, "mean": 1 / 7}


def problem(name):
    factor = FACTORS[name]
    return (
        lambda x: factor * np.sum(residuals(x) ** 2),
        lambda x: 2 * factor * jac(x).T @ residuals(x),
        lambda x: 2 * factor * jac(x).T @ jac(x),
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FACTORS)
def test_the_right_one_passes_with_whatever_stands_in_front(name, dtype):
    f, g, h = problem(name)
    report = gc.check(f, g, X.astype(dtype), hess=h, hessp=lambda x, p: h(x) @ p, residuals=residuals, **MEANT)
    assert report
    assert [a.name for a in report] == ["x", "H", "H·p"]
    assert problems.minimize(f, X, jac=g, hess=h, residuals=residuals, **MEANT)


def test_wrong_ones_are_named_by_row_and_column():
    f, g, h = problem("half")

    def with_entry(x):
        found = h(x)
        found[1, 2] += 0.1
        found[2, 1] += 0.1
        return found

    report = gc.check(f, g, X, hess=with_entry, residuals=residuals, **MEANT)
    assert str(report["x"].verdict) == "PASS"
    assert sorted(report["H"].where) == [1, 2]
    assert "two entries are wrong: H[" in report["H"].where_text
    assert "a factor 2 too many" in gc.check(f, g, X, hess=lambda x: 2 * h(x), residuals=residuals, **MEANT)["H"].advice
    whole = gc.check(f, g, X, hess=lambda x: h(x) + 0.1 * np.eye(4), residuals=residuals, **MEANT)
    assert whole["H"].verdict is gc.Verdict.FAIL
    assert "approximate=" not in str(whole)


def test_blocks_of_several_arguments():
    t = np.linspace(0, 1, 9)

    def r(a, b):
        return a[0] * np.exp(-b * t) + a[1] - np.cos(t)

    def parts(a, b):
        e = np.exp(-b * t)
        return np.stack([e, np.ones(9)], axis=1), -a[0] * t * e

    def g(a, b):
        ja, jb = parts(a, b)
        return ja.T @ r(a, b), jb @ r(a, b)

    def h(a, b, mixed=1.0):
        ja, jb = parts(a, b)
        return (ja.T @ ja, mixed * ja.T @ jb), (mixed * jb @ ja, jb @ jb)

    call = (lambda a, b: np.sum(r(a, b) ** 2) / 2, g, (np.array([1.0, 0.5]), 0.7))
    assert gc.check(*call, hess=h, residuals=r, **MEANT)
    report = gc.check(*call, hess=lambda a, b: h(a, b, 0.0), residuals=r, **MEANT)
    assert report["H in b"].where_text.startswith("the block H(a × b) is claimed zero")


@pytest.mark.parametrize("form", ["hess", "hessp"])
def test_without_residuals_it_is_held_to_what_every_one_is_and_said_not_to_be_checked(form):
    f, g, h = problem("half")

    def claimed(change):
        return (lambda x: change(h(x))) if form == "hess" else (lambda x, p: change(h(x)) @ p)

    report = gc.check(f, g, X, **{form: claimed(lambda m: m)}, **MEANT)
    assert report
    assert [a.name for a in report] == ["x"]
    assert "beyond being symmetric and positive semidefinite" in report.notes[0]
    assert "it has the eigenvalue -" in gc.check(f, g, X, **{form: claimed(lambda m: -m)}, **MEANT).complaint
    assert "not symmetric" in gc.check(f, g, X, **{form: claimed(np.triu)}, **MEANT).complaint


def test_a_sum_that_is_not_of_squares_alone_is_refused():
    f, g, h = problem("half")
    with pytest.raises(ArgumentError, match="f is no multiple of the sum of squares of residuals="):
        gc.check(lambda x: f(x) + x @ x, lambda x: g(x) + 2 * x, X, hess=h, residuals=residuals, **MEANT)
    with pytest.raises(ArgumentError, match="pass it together with hess= or hessp="):
        gc.check(f, g, X, residuals=residuals, **MEANT)
    with pytest.raises(ArgumentError, match="pass them together with approximate='gauss-newton'"):
        gc.check(f, g, X, hess=h, residuals=residuals)
    with pytest.raises(ArgumentError, match="approximate='newton', wanted one of 'gauss-newton'"):
        gc.check(f, g, X, hess=h, approximate="newton")


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_residuals_of_a_rotation_in_its_coordinates(factor):
    points, targets = RNG.standard_normal((5, 3)), RNG.standard_normal((5, 3))
    rotation = SO3().exp(np.array([0.3, -0.4, 0.2]))

    def r(R):
        return (points @ R.T - targets).ravel()

    def of_r(R):
        return np.vstack([-R @ np.cross(np.eye(3), p) for p in points])

    def h(R):
        return factor * of_r(R).T @ of_r(R)

    call = (lambda R: np.sum(r(R) ** 2) / 2, lambda R: of_r(R).T @ r(R), rotation)
    moves = {"retract": {"R": SO3()}, "residuals": r, **MEANT}
    report = gc.check(*call, hess=h, hessp=lambda R, p: h(R) @ p, **moves)
    assert [str(a.verdict) for a in report] == ["PASS", *(["PASS" if factor == 1 else "FAIL"] * 2)]
    assert any("calls of residuals= before the slopes" in note for note in report.notes)
