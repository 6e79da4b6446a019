"""Deciding reads what was measured: it evaluates nothing."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.verdicts import decide

X = np.array([0.5, -1.5, 2.0])
CASES = {
    "right": (lambda x: np.sum(x**2), lambda x: 2 * x, {}),
    "wrong": (lambda x: np.sum(x**2), lambda x: 3 * x, {}),
    "zero and right": (lambda x: 7.0 + 0 * np.sum(x), lambda x: 0 * x, {}),
    "zero and wrong": (lambda x: np.sum(x**2), lambda x: 0 * x, {}),
    "tiny": (lambda x: 1 + 1e-20 * np.sum(x), lambda x: 0 * x, {}),
    "stairs": (lambda x: np.sum(np.round(x + 0.2)), lambda x: 0 * x, {}),
    "stairs, declared": (lambda x: np.sum(np.round(x + 0.2)), lambda x: 0 * x, {"piecewise_constant": True}),
    "straight through": (lambda x: np.sum(np.round(x + 0.2)), np.ones_like, {}),
    "low precision": (lambda x: float(np.float32(np.sum(x**2))), lambda x: 2 * x, {}),
    "within atol": (lambda x: np.sum(x**2), lambda x: 2 * x + 1e-4, {"atol": 1e-2}),
    "a minimum": (lambda x: np.sum((x - X) ** 2), lambda x: 2 * (x - X), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_verdict_evaluates_neither_f_nor_the_gradient(name, monkeypatch):
    calls, before = [], decide.verdict

    def counted(trial, rules, resolution):
        spent = trial.field.evaluations, trial.prediction.evaluations
        found = before(trial, rules, resolution)
        calls.append((trial.field.evaluations, trial.prediction.evaluations) == spent)
        return found

    monkeypatch.setattr(decide, "verdict", counted)
    f, gradient, options = CASES[name]
    gc.check(f, gradient, (X,), **options)
    assert calls
    assert all(calls)


def test_a_coarse_noise_table_makes_no_stairs_of_a_rounded_result():
    # values of this table lie twenty steps apart, though f moves in steps of a thousandth of itself
    a = np.array([0.16664115, 0.12739785, -0.29030956])
    b = np.array([0.67749055, 0.95115385, 1.63704378])

    def cosine(a, b):
        return a @ b / np.sqrt((a @ a) * (b @ b))

    def gradient(a, b):
        na, nb, c = a @ a, b @ b, cosine(a, b)
        return b / np.sqrt(na * nb) - c * a / na, a / np.sqrt(na * nb) - c * b / nb

    step = 0.000963000826612277 * abs(cosine(a, b))
    for seed in (34633, 0, 1):
        report = gc.check(lambda a, b: np.round(cosine(a, b) / step) * step, gradient, (a, b), seed=seed)
        assert report.verdict is not gc.Verdict.FAIL, str(report)


@pytest.mark.parametrize("steepness", [1e10, 4.7e10, 9e10, 5e12])
@pytest.mark.parametrize("bent", [np.tanh, np.sin])
def test_a_function_that_changes_within_the_finest_step_contradicts_no_right_gradient(bent, steepness):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        a = steepness * rng.standard_normal(int(rng.integers(2, 12)))
        report = gc.check(lambda x, a=a: bent(a @ x), lambda _, a=a: a, (np.zeros(a.size),), seed=seed)
        assert report.verdict is not gc.Verdict.FAIL


@pytest.mark.parametrize("stairs", [np.round, np.floor, np.sign], ids=lambda f: f.__name__)
def test_a_straight_through_claim_on_stairs_fails_whatever_the_seed(stairs):
    x = np.array([0.2, 1.3, 2.4])
    verdicts = [gc.check(lambda x: stairs(x).sum(), np.ones_like, (x,), seed=seed).verdict for seed in range(20)]
    assert verdicts == [gc.Verdict.FAIL] * 20
