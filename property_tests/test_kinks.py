"""At a kink: finite differences say what exact arithmetic says, a subgradient is never called wrong, others always."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import gradcheck as gc
from gradcheck.two_layer_relu import numpy_core
from gradcheck.two_layer_relu.problem import Shape, boundary

pytest.importorskip("flint")

# d_in ≥ 2, so that a column of x of ones makes each unit's threshold a weight of its own
shapes = st.builds(Shape, n=st.integers(1, 6), d_in=st.integers(2, 6), h=st.integers(1, 6), d_out=st.integers(1, 4))
seeds = st.integers(0, 2**16)


def backward(x, y, w1, w2, at_zero):
    """The hand gradient with relu'(0) = `at_zero`: a number, or the string of a mistake."""
    h = x @ w1
    relu = np.maximum(h, 0)
    grad_y_pred = 2 * (relu @ w2 - y)
    grad_h = grad_y_pred @ w2.T
    if at_zero != "no mask":
        grad_h = grad_h * np.where(h > 0, 1, np.where(h == 0, at_zero, 0))
    return grad_h @ w1.T, -grad_y_pred, x.T @ grad_h, relu.T @ grad_y_pred


def hidden_units(x, _y, w1, _w2):
    return x @ w1


def judged(problem, at_zero, **options):
    return gc.check(numpy_core.loss, lambda *args: backward(*args, at_zero), problem, **options)


def kinked(problem):
    """Whether a zero unit's gradient is not zero: only then does relu'(0) show."""
    x, y, w1, w2 = problem
    h = x @ w1
    return bool(np.any(((2 * (np.maximum(h, 0) @ w2 - y)) @ w2.T)[h == 0] != 0))


@given(shape=shapes, seed=seeds, at_zero=st.sampled_from([0.0, 0.5, 1.0, 0.3, 1.2, -0.2]), known=st.booleans())
@example(shape=Shape(1, 2, 1, 1), seed=1564, at_zero=1.2, known=False)  # f is so curved that claims far out drift
def test_finite_differences_classify_a_boundary_point_as_exact_arithmetic_does(shape, seed, at_zero, known):
    problem = boundary(shape, seed)
    options = {"seed": seed, "kink_of": hidden_units if known else None}
    near = judged(problem, at_zero, **options)
    exact = judged(problem, at_zero, oracle="exact", **options)
    for one, other in zip(near, exact, strict=True):
        assert one.verdict is other.verdict, (one.name, one.reason, other.reason)
        assert (one.kink is None) == (other.kink is None), one.name
        if one.kink is not None:
            assert (one.kink.convention, one.kink.valid) == (other.kink.convention, other.kink.valid)


@given(shape=shapes, seed=seeds, at_zero=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
@example(shape=Shape(5, 4, 1, 4), seed=40963, at_zero=0.0)  # of the moves to the side that drifts one hardly leaves 0
def test_with_the_kink_variable_known_every_subgradient_passes_and_its_convention_is_named(shape, seed, at_zero):
    problem = boundary(shape, seed)
    report = judged(problem, at_zero, kink_of=hidden_units, seed=seed)
    assert report.verdict is gc.Verdict.PASS
    names = {0.0: "left", 0.25: "other", 0.5: "midpoint", 1.0: "right"}
    found = {argument.kink.convention for argument in report if argument.kink is not None}
    assert found == ({names[at_zero]} if kinked(problem) else set())


@given(shape=shapes, seed=seeds)
@example(shape=Shape(4, 5, 1, 2), seed=2044)  # two equal rows of x: their kinks are never apart
def test_another_mask_is_another_convention_and_fails_where_one_is_required(shape, seed):
    problem = boundary(shape, seed)
    assume(kinked(problem))
    assert judged(problem, 0.0, kink_of=hidden_units, seed=seed)["w1"].kink.convention == "left"
    assert judged(problem, 1.0, kink_of=hidden_units, kink="right", seed=seed).verdict is gc.Verdict.PASS
    required = judged(problem, 0.0, kink_of=hidden_units, kink="right", seed=seed)
    assert required["w1"].verdict is gc.Verdict.FAIL
    assert "wanted right" in required["w1"].reason


@given(
    shape=shapes, seed=seeds, wrong=st.sampled_from(["no mask", 1.2, -0.2]), required=st.sampled_from([None, "right"])
)
def test_a_mask_forgotten_or_a_value_outside_0_and_1_fails_required_or_not(shape, seed, wrong, required):
    problem = boundary(shape, seed)
    x, y, w1, w2 = problem
    hidden = x @ w1
    grad_h = (2 * (np.maximum(hidden, 0) @ w2 - y)) @ w2.T
    shown = grad_h[hidden < 0] if wrong == "no mask" else grad_h[hidden == 0]
    assume(np.any(shown != 0))
    report = judged(problem, wrong, kink_of=hidden_units, kink=required, seed=seed)
    assert report["w1"].verdict is gc.Verdict.FAIL


@given(n=st.integers(2, 6), ties=st.integers(2, 4), seed=seeds, given_to=st.data())
def test_at_a_tie_of_max_what_adds_up_to_one_passes_and_nothing_else(n, ties, seed, given_to):
    ties = min(n, ties)
    x = np.concatenate([np.full(ties, 2.0), np.linspace(-1, 1, n - ties)])
    shares = np.array(given_to.draw(st.lists(st.integers(0, 4), min_size=ties, max_size=ties), label="shares"), float)
    assume(shares.sum() > 0)
    right = np.concatenate([shares / shares.sum(), np.zeros(n - ties)])

    def gradient_that_gives(share):
        return lambda z: share if np.array_equal(z, x) else 1.0 * (z == z.max())

    report = gc.check(np.max, gradient_that_gives(right), (x,), seed=seed, names=["x"])
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert report["x"].kink.valid
    report = gc.check(np.max, gradient_that_gives(1.5 * right), (x,), seed=seed, names=["x"])
    assert report.verdict is not gc.Verdict.PASS
    assert ties > 2 or report.verdict is gc.Verdict.FAIL


KINKS = {
    "hinge at its margin": (lambda z: np.maximum(1 - z, 0).sum(), lambda z, s: -np.where(z == 1, s, z < 1), 1.0),
    "clip at a bound": (lambda z: np.clip(z, -1, 1).sum(), lambda z, s: np.where(abs(z) == 1, s, abs(z) < 1), 1.0),
    "L1 at 0": (lambda z: np.abs(z).sum(), lambda z, s: np.where(z == 0, 2 * s - 1, np.sign(z)), 0.0),
    "relu at 0": (lambda z: np.maximum(z, 0).sum(), lambda z, s: np.where(z == 0, s, z > 0), 0.0),
}


@given(
    name=st.sampled_from(sorted(KINKS)),
    on=st.lists(st.booleans(), min_size=1, max_size=40),
    share=st.sampled_from([0.0, 0.5, 1.0, 0.3]),
    seed=seeds,
)
def test_every_share_of_a_simple_kink_passes_on_any_entries(name, on, share, seed):
    f, gradient, edge = KINKS[name]
    x = np.where(on, edge, np.random.default_rng(seed).choice([-1.75, 0.5, 2.5], len(on)))
    report = gc.check(f, lambda z: 1.0 * gradient(z, share), (x,), seed=seed, names=["z"])
    assert report.verdict is gc.Verdict.PASS, str(report)
    assert (report["z"].kink is None) == (not any(on))
    if any(on):
        assert {index for (index,) in report["z"].kink.entries} == set(np.flatnonzero(on).tolist())


@given(n=st.integers(1, 8), h=st.integers(1, 8), seed=seeds, at_zero=st.sampled_from([0.0, 1.0, 1.5]))
def test_with_all_hidden_units_at_zero_and_the_kink_variable_known_nothing_is_undecided(n, h, seed, at_zero):
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 4, (n, 3)).astype(float)
    w1, w2, y = np.zeros((3, h)), rng.integers(1, 4, (h, 2)).astype(float), rng.integers(1, 4, (n, 2)).astype(float)
    assume(np.linalg.matrix_rank(x) == n)  # each unit of each sample on a side of its own

    def loss(w1):
        return numpy_core.loss(x, y, w1, w2)

    report = gc.check(loss, lambda w1: backward(x, y, w1, w2, at_zero)[2], (w1,), kink_of=lambda w1: x @ w1, seed=seed)
    assert report.verdict is (gc.Verdict.FAIL if at_zero == 1.5 else gc.Verdict.PASS), str(report)
