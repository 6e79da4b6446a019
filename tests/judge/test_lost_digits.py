"""Where f loses what is claimed: no FAIL of a claim that is right nearer to zero, and one of a claim that is wrong."""

import numpy as np
import pytest

import gradcheck as gc

SURE = np.array([[41.0, 1.0, -2.0, 0.5], [38.0, -1.0, 2.0, 1.5]])


def logarithms(z):
    highest = z.max(axis=-1, keepdims=True)
    return z - highest - np.log(np.sum(np.exp(z - highest), axis=-1, keepdims=True))


def loss(z):
    """Return -log(p0 + p1), a sum of probabilities that is 1 up to 1e-17."""
    return -np.sum(np.logaddexp(logarithms(z)[:, 0], logarithms(z)[:, 1]))


def gradient(z):
    among = np.zeros_like(z)
    among[:, :2] = np.exp(logarithms(z[:, :2]))
    return np.exp(logarithms(z)) - among


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("oracle", [None, "finite differences"])
def test_a_right_gradient_that_f_loses_is_undecided(seed, oracle):
    report = gc.check(loss, gradient, (SURE,), seed=seed, oracle=oracle)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "right nearer to zero" in report[0].reason


def test_what_is_advised_works():
    assert gc.check(loss, gradient, (SURE,), atol=1e-6).verdict is gc.Verdict.PASS
    assert gc.check(loss, gradient, (SURE / 8,)).verdict is gc.Verdict.PASS


@pytest.mark.parametrize("factor", [2.0, -1.0, 1.01])
def test_a_gradient_that_is_wrong_nearer_to_zero_too_is_wrong(factor):
    assert gc.check(loss, lambda z: factor * gradient(z), (SURE,)).verdict is gc.Verdict.FAIL


@pytest.mark.parametrize("far", [4.0, 8.0, 12.0])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_digits_that_f_does_not_lose_far_out_count(far, factor):
    x = np.array([far, 0.9 * far])

    def f(x):
        return float(np.exp(-np.sum(x**2)))  # `float` keeps other oracles out

    assert gc.check(f, lambda x: -2 * x * f(x), (x,)).verdict is gc.Verdict.PASS
    assert gc.check(f, lambda x: -2 * factor * x * f(x), (x,)).verdict is gc.Verdict.FAIL


def test_what_it_costs_is_counted_and_bounded():
    calls = []

    def counted(z):
        calls.append(1)
        return loss(z)

    report = gc.check(counted, gradient, (SURE,), max_evaluations=60)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert len(calls) <= 60 + report.contract_evaluations + 2
    del calls[:]
    report = gc.check(counted, gradient, (SURE,), oracle="finite differences")
    assert len(calls) == report.evaluations + report.contract_evaluations


def test_a_mismatch_beyond_the_floats_is_not_lost():
    x = np.array([1.0, 2.0])
    report = gc.check(lambda x: float(np.sum(x**2)), lambda x: np.array([1e300, 2 * x[1]]), (x,))
    assert report.verdict is gc.Verdict.FAIL
