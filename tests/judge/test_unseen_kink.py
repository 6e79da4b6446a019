"""A kink nearer than any step shows: no right gradient is called wrong, and no FAIL doubted where f hardly bends."""

from collections import Counter

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.judge import unseen_kink

SEEDS = 60


def largest_squares(seed):
    """A bias of 0 beside activations near 1e-9: whose square is the largest is another question at steps of 1e-8."""
    rng = np.random.default_rng(seed)
    rows, units = (int(n) for n in rng.integers(2, 6, 2))
    activations = 10.0 ** rng.uniform(-10, -8) * rng.standard_normal((rows, 3))
    weights = 10.0 ** rng.uniform(3, 6) * rng.standard_normal((3, units))
    shares = rng.standard_normal(rows)

    def squares(bias):
        return (activations + bias) ** 2 @ weights

    def f(bias):
        return 1000.0 + shares @ np.max(squares(bias), axis=1)

    def gradient(bias):
        return 2 * shares @ ((activations + bias) * weights[:, np.argmax(squares(bias), axis=1)].T)

    return f, gradient


def squares_beside(offset, seed):
    """A bias of 0 of a sum of squares of activations of 1e-9 to 1, and its gradient off by 0.1 % to 100 %."""
    rng = np.random.default_rng(seed)
    activations = 10.0 ** rng.uniform(-9, 0) * rng.standard_normal(4)
    shares, error = rng.standard_normal(4), 10.0 ** rng.uniform(-3, 0)

    def f(bias):
        return offset + shares @ (activations + bias) ** 2

    def wrong(bias):
        return (1 + error) * 2 * shares * (activations + bias)

    return f, wrong


def verdicts(cases):
    return Counter(gc.check(*case, (np.zeros(n),), seed=seed).verdict for seed, (case, n) in enumerate(cases))


def test_a_right_gradient_beside_a_kink_that_no_step_shows_never_fails(monkeypatch):
    found = verdicts((largest_squares(seed), 3) for seed in range(SEEDS))
    assert found[gc.Verdict.FAIL] == 0
    monkeypatch.setattr(unseen_kink, "may_explain", lambda _: False)
    assert verdicts((largest_squares(seed), 3) for seed in range(SEEDS))[gc.Verdict.FAIL] > SEEDS / 10


@pytest.mark.parametrize(("offset", "caught"), [(0.0, 60), (1.0, 40), (1000.0, 35)])
def test_a_wrong_one_fails_where_f_bends_by_less_on_the_finest_step_that_shows_it(offset, caught):
    found = verdicts((squares_beside(offset, seed), 4) for seed in range(SEEDS))
    assert found[gc.Verdict.FAIL] >= caught
    assert found[gc.Verdict.PASS] == 0


@pytest.mark.parametrize("size", [1e-300, 1e-100, 1e100, 1e300])
@pytest.mark.parametrize("offset", [0.0, 1e-300, 1.0, 1e300])
def test_a_claim_of_any_size_is_wrong_where_f_is_linear(size, offset):
    report = gc.check(lambda x: offset + np.sum(x), lambda x: np.full_like(x, size), (np.zeros(3),))
    hidden = size < 1e-16 * offset and offset > 1  # the claim would not move f by a bit, and neither does x
    assert report.verdict is (gc.Verdict.INCONCLUSIVE if hidden else gc.Verdict.FAIL)


def test_an_argument_larger_than_the_steps_has_no_kink_that_near():
    x = np.array([1.0, -2.0, 0.5])
    for seed in range(5):
        report = gc.check(lambda x: 1e6 + np.sum(x**2), lambda x: 2 * x + [3e-5, -3e-5, 3e-5], (x,), seed=seed)
        assert report.verdict is gc.Verdict.FAIL


def test_the_round_off_of_a_linear_function_is_no_bend():
    slopes = np.cos(np.arange(5.0))
    wrong = slopes + 1e-2 * np.eye(5)[2]
    for seed in range(SEEDS):
        report = gc.check(lambda x: 1 + slopes @ x + np.sin(1.0), lambda _: wrong.copy(), (np.zeros(5),), seed=seed)
        assert report.verdict is gc.Verdict.FAIL
