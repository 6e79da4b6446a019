"""What a check costs: evaluations are counted, so these hold on every machine."""

import statistics

import pytest

import gradcheck as gc
from gradcheck.two_layer_relu import numpy_core, problem


@pytest.mark.parametrize("seed", range(3))
def test_the_weights_of_the_full_network_are_certified_to_1e_7_in_at_most_120_evaluations(seed):
    x, y, w1, w2 = problem.draw(seed=seed)
    report = gc.check(
        lambda w1, w2: numpy_core.loss(x, y, w1, w2),
        lambda w1, w2: numpy_core.gradients(x, y, w1, w2)[2:],
        (w1, w2),
        seed=seed,
    )
    assert report.verdict is gc.Verdict.PASS
    assert report.evaluations <= 120
    assert all(argument.error.high <= 1e-7 for argument in report)


@pytest.mark.parametrize("known", [False, True])
def test_kinks_of_the_full_network_are_classified_within_400_evaluations_and_64_gradients(known):
    gradients = []
    for seed in range(3):
        x, y, w1, w2 = problem.boundary(seed=seed)
        report = gc.check(
            lambda w1, w2, x=x, y=y: numpy_core.loss(x, y, w1, w2),
            lambda w1, w2, x=x, y=y: numpy_core.gradients(x, y, w1, w2)[2:],
            (w1, w2),
            kink_of=(lambda w1, _, x=x: x @ w1) if known else None,
            seed=seed,
        )
        assert report.verdict is gc.Verdict.PASS
        assert report["w1"].kink.convention == ("right" if known else "mixed")  # of x @ w1, of w1
        assert report["w2"].kink is None
        assert report.evaluations <= 400
        assert report.gradient_evaluations <= 64
        gradients.append(report.gradient_evaluations)
    assert statistics.median(gradients) <= 32
