"""What must be caught: power does not fall with the size of the argument, nor under noise."""

import numpy as np
import pytest
from functions import Case, hash_noisy, noisy
from hypothesis import given
from hypothesis import strategies as st

import gradcheck as gc
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Shape, draw


def log_cosh(n, m, seed):
    """A loss of an n by m argument whose gradient entries differ: Σ c·log cosh w."""
    rng = np.random.default_rng(seed)
    c, w = rng.standard_normal((n, m)), rng.standard_normal((n, m))
    return lambda w: np.sum(c * np.logaddexp(w, -w)), lambda w: c * np.tanh(w), w


def flipped(gradient, index, factor):
    def wrong(w):
        g = gradient(w).copy()
        g[index] *= factor
        return g

    return wrong


@pytest.mark.parametrize(
    ("size", "seeds"), [(64, 20), (256, 20), (1000, 2), pytest.param(1000, 20, marks=pytest.mark.thorough)]
)
def test_one_entry_of_flipped_sign_is_caught_every_time_where_it_exceeds_three_times_the_resolution(size, seeds):
    rng = np.random.default_rng(size)
    caught = exceeding = 0
    for seed in range(seeds):
        f, gradient, w = log_cosh(size, size, seed)
        index = tuple(int(i) for i in rng.integers(size, size=2))
        g = gradient(w)
        relative = 2 * abs(g[index]) / float(np.linalg.norm(g))
        report = gc.check(f, flipped(gradient, index, -1), (w,), seed=seed)
        if relative > 3 * report.smallest_error:
            exceeding += 1
            caught += report.verdict is gc.Verdict.FAIL
    assert exceeding >= 0.9 * seeds  # a flipped entry that is nearly 0 may be too small to see
    assert caught == exceeding


@pytest.mark.parametrize("seed", range(5))
def test_one_entry_wrong_by_a_hundredth_is_caught_at_100_by_40(seed):
    f, gradient, w = log_cosh(100, 40, seed)
    largest = tuple(int(i) for i in np.unravel_index(np.argmax(abs(gradient(w))), w.shape))
    report = gc.check(f, flipped(gradient, largest, 1.01), (w,), seed=seed)
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].where == largest


def noisy_network(level, kind, seed):
    problem = draw(Shape(4, 8, 8, 2), seed)
    rng = np.random.default_rng(seed)

    def loss(w1, w2):
        return numpy_core.loss(problem.x, problem.y, w1, w2)

    def gradient(w1, w2):
        found = numpy_core.gradients(problem.x, problem.y, w1, w2)
        return found.w1, found.w2

    case = Case("network", loss, gradient, (problem.w1, problem.w2))
    return noisy(case, level, rng) if kind == "fresh" else hash_noisy(case, level)


@pytest.mark.parametrize("kind", ["fresh", "of the point"])
@pytest.mark.parametrize("level", [1e-8, 1e-5, 1e-3])
def test_under_noise_a_right_gradient_never_fails_and_the_resolution_grows(kind, level):
    reached = []
    for seed in range(10):
        case = noisy_network(level, kind, seed)
        report = gc.check(case.f, case.gradient, case.args, seed=seed)
        assert report.verdict is not gc.Verdict.FAIL
        reached.append(report.smallest_error)
    assert np.median(reached) > level  # far above what is reached without noise
    if kind == "fresh":
        assert any("different answers" in note for note in report.notes)


@pytest.mark.parametrize("kind", ["fresh", "of the point"])
@pytest.mark.parametrize("level", [1e-8, 1e-5, 1e-3])
def test_under_noise_a_factor_two_is_caught_or_at_a_thousandth_undecided(kind, level):
    verdicts = []
    for seed in range(10):
        case = noisy_network(level, kind, seed)
        report = gc.check(case.f, lambda *w, case=case: tuple(2 * g for g in case.gradient(*w)), case.args, seed=seed)
        verdicts.append(report.verdict)
    if level < 1e-3:
        assert set(verdicts) == {gc.Verdict.FAIL}
    assert gc.Verdict.PASS not in verdicts


@given(
    shape=st.tuples(*[st.integers(1, 12)] * 4), seed=st.integers(0, 1000), dtype=st.sampled_from(["float32", "float64"])
)
def test_a_right_network_never_fails(shape, seed, dtype):
    problem = draw(Shape(*shape), seed, dtype)
    report = gc.check(numpy_core.loss, numpy_core.gradients, problem, seed=seed)
    assert report.verdict is not gc.Verdict.FAIL, str(report)
