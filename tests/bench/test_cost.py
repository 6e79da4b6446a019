"""What a check costs: evaluations and bytes are counted, so these hold on every machine."""

import statistics
import tracemalloc

import pytest

import gradcheck as gc
from gradcheck.bench import checks
from gradcheck.bench.sizes import scaled
from gradcheck.two_layer_relu import numpy_core, problem


def check_of(network, **options):
    """Check the gradient in both weights."""
    x, y, w1, w2 = network
    return gc.check(
        lambda w1, w2: numpy_core.loss(x, y, w1, w2),
        lambda w1, w2: numpy_core.gradients(x, y, w1, w2)[2:],
        (w1, w2),
        **options,
    )


def test_the_weights_of_the_full_network_are_certified_to_2e_7_in_28_evaluations_in_the_median_and_80_at_most():
    evaluations = []
    for seed in range(7):
        report = check_of(problem.draw(seed=seed), seed=seed)
        assert report.verdict is gc.Verdict.PASS
        assert all(argument.error.high <= 2e-7 for argument in report)
        evaluations.append(report.evaluations)
    assert statistics.median(evaluations) <= 28
    assert max(evaluations) <= 80  # where slopes over steps of 2^-7 differ from those next to the point: roundings?


@pytest.mark.parametrize("known", [False, True])
def test_kinks_of_the_full_network_are_classified_within_400_evaluations_and_64_gradients(known):
    gradients = []
    for seed in range(3):
        network = problem.boundary(seed=seed)
        report = check_of(network, kink_of=(lambda w1, _, x=network.x: x @ w1) if known else None, seed=seed)
        assert report.verdict is gc.Verdict.PASS
        assert report["w1"].kink.convention == ("right" if known else "mixed")  # of x @ w1, of w1
        assert report["w2"].kink is None
        assert report.evaluations <= 400
        assert report.gradient_evaluations <= 64
        gradients.append(report.gradient_evaluations)
    assert statistics.median(gradients) <= 32


def test_a_check_of_two_million_parameters_takes_under_80_evaluations_and_seven_times_their_memory():
    network = scaled(problem.Shape(64, 5000, 400, 10), "float64")
    tracemalloc.start()
    try:
        report = check_of(network)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.verdict is gc.Verdict.PASS
    assert report.evaluations < 80
    # three of them are the claim, its point, and a copy to compare with
    assert peak < 6.5 * (network.w1.nbytes + network.w2.nbytes)


@pytest.mark.thorough
def test_so_does_one_of_ten_million_in_a_process_of_its_own():
    cost = checks.measured("gradcheck", "1e7")
    assert cost.verdict == "PASS"
    assert cost.parameters > 10**7
    assert cost.evaluations < 80  # those of the contract among them
    assert cost.peak_bytes is None or cost.peak_bytes < 6 * cost.argument_bytes
