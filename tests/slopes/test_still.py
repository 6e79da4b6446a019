"""What is known of a slope where f does not move on any step, or in one bound within the finest."""

import numpy as np
import pytest

import gradcheck as gc


@pytest.mark.parametrize("seed", range(8))
def test_a_bump_within_the_finest_step_fails_no_right_gradient(seed):
    rng = np.random.default_rng(seed)
    c = rng.uniform(500, 9000, 2)
    height, x = 10.0 ** rng.uniform(-13.5, -11) * c.mean(), c + rng.uniform(0.3, 1, 2)

    def bump(x):
        return height * np.exp(-np.sum((x - c) ** 2))

    report = gc.check(lambda x: c[0] + bump(x), lambda x: -2 * (x - c) * bump(x), (x,), seed=seed)
    assert report.verdict is not gc.Verdict.FAIL, str(report)


@pytest.mark.parametrize("rate", [1e13, 1e14, 1e15, 1e16])
def test_what_goes_through_all_its_values_from_one_number_to_the_next_fails_no_claim(rate):
    for seed in range(4):
        x = np.random.default_rng(seed).uniform(1, 2, 3)
        report = gc.check(lambda x: np.sum(np.sin(rate * x)), lambda x: rate * np.cos(rate * x), (x,), seed=seed)
        assert report.verdict is not gc.Verdict.FAIL, str(report)
    wrong = gc.check(lambda x: np.sum(np.sin(x)), lambda x: rate * np.cos(x), (x,))
    assert wrong.verdict is gc.Verdict.FAIL, str(wrong)
