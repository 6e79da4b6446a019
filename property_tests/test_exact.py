"""Laws of exact arithmetic: conventions to the last bit, enclosures that hold the truth, at every size."""

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("flint")

from hypothesis import given, note, settings
from hypothesis import strategies as st

from gradcheck.check import check
from gradcheck.oracles.balls import agree, fmpq, middle, radius, working
from gradcheck.oracles.exact import exact_gradient, exact_slope
from gradcheck.oracles.exact_arrays import exact_array
from gradcheck.oracles.exact_run import run
from gradcheck.oracles.germs import Germ, germ
from gradcheck.two_layer_relu import numpy_core
from gradcheck.verdicts.certificate import Verdict

sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def problems_at_zero(draw):
    """Integer x, y, w1, w2 with a hidden unit exactly 0, where w1[0, k] lifts all of column k."""
    n, d_in, h, d_out = (draw(sizes, label=name) for name in ("n", "d_in", "h", "d_out"))
    rng = np.random.default_rng(draw(seeds, label="seed"))
    x, y, w1, w2 = (rng.integers(-3, 4, size) for size in ((n, d_in), (n, d_out), (d_in, h), (h, d_out)))
    x[:, 0] = 1
    w1[0, 0] = -(x[0, 1:] @ w1[1:, 0])
    return tuple(array.astype(float) for array in (x, y, w1, w2))


def hand_gradient(at_zero):
    """The hand gradient of w1 with relu'(0) = at_zero."""

    def gradient(x, y, w1, w2):
        h = x @ w1
        grad_h = 2 * (np.maximum(h, 0) @ w2 - y) @ w2.T
        return x.T @ (grad_h * ((h > 0) + at_zero * (h == 0)))

    return gradient


@given(problem=problems_at_zero())
def test_the_slopes_of_the_two_sides_are_conventions_1_and_0_to_the_last_bit(problem):
    x, y, w1, w2 = problem
    assert (x @ w1 == 0).any()
    claims = [hand_gradient(at_zero)(*problem) for at_zero in (1, 0)]  # integers: floats compute them exactly
    for k in range(w1.shape[1]):
        lift = np.zeros_like(w1)
        lift[0, k] = 1.0
        slope = exact_slope(lambda w: numpy_core.loss(exact_array(x), y, w, w2), [w1], [lift])
        note(f"column {k}: left {slope.left}, right {slope.right}")
        assert (slope.right, slope.left) == tuple(fmpq(int(claim[0, k])) for claim in claims)


@given(problem=problems_at_zero(), at_zero=st.sampled_from([0, 1]))
def test_a_fixed_convention_is_that_of_the_limit_from_one_side(problem, at_zero):
    x, y, w1, w2 = problem
    claim = hand_gradient(at_zero)(*problem)
    lift = np.zeros_like(w1)
    lift[0] = 1.0 if at_zero else -1.0
    (limit,) = exact_gradient(
        lambda w: hand_gradient(0.5)(exact_array(x), y, w, w2), [w1], towards=[lift]
    )  # the value at 0 does not matter beside it
    assert (limit == np.vectorize(lambda entry: fmpq(int(entry)), otypes=[object])(claim)).all()


@given(problem=problems_at_zero())
def test_the_hand_gradient_is_never_called_wrong_where_one_kink_moves(problem):
    x, _, w1, _ = problem
    report = check(
        numpy_core.loss,
        numpy_core.gradients,
        problem,
        names=("x", "y", "w1", "w2"),
        kink_of=lambda x, _y, w1, _w2: x @ w1,
        only=("w1", "w2"),
        oracle="exact",
    )
    zeros = (x @ w1 == 0).sum(axis=0)
    note(f"{report}")
    if zeros.max() <= 1:
        assert report.verdict is Verdict.PASS
        assert report["w1"].kink is None or report["w1"].kink.convention == "right"
    assert report["w1"].exact.equal  # next to the kinks, whatever they are
    assert report["w2"].exact.equal
    assert report["w2"].kink is None


@st.composite
def series_formulas(draw):
    """A formula of t, written with + − × ÷, matrix products and functions: a callable of one germ."""
    small = st.integers(-3, 3)

    def leaf(constant, rate):
        return lambda t: germ(constant) + rate * t

    def combine(kind, one, other):
        return {
            "sum": lambda t: one(t) + other(t),
            "difference": lambda t: one(t) - other(t),
            "product": lambda t: one(t) * other(t),
            "quotient": lambda t: one(t) / (1 + other(t) ** 2),
            "exp": lambda t: np.exp(one(t) / 8),
            "tanh": lambda t: np.tanh(one(t)) * other(t),
            "matrices": lambda t: (
                exact_array(np.array([[one(t), t]], dtype=object)) @ np.array([[other(t)], [one(t)]], dtype=object)
            )[0, 0],
        }[kind]

    kinds = st.sampled_from(["sum", "difference", "product", "quotient", "exp", "tanh", "matrices"])
    return draw(
        st.recursive(st.builds(leaf, small, small), lambda part: st.builds(combine, kinds, part, part), max_leaves=6),
        label="formula",
    )


@given(formula=series_formulas(), terms=st.integers(1, 6))
def test_a_term_that_is_called_known_does_not_change_with_more_terms(formula, terms):
    with working(bits=256, terms=terms):
        short = formula(Germ((fmpq(0), fmpq(1))))
    with working(bits=256, terms=24):
        long = formula(Germ((fmpq(0), fmpq(1))))
        note(f"{terms} terms: {short}, 24 terms: {long}")
        for k in range(min(short.order, 8)):
            assert agree(short.coefficient(k), long.coefficient(k))


# Networks of transcendental functions, with their gradients by hand.


def softmax_cross_entropy(x, w, y):
    z = x @ w
    z = z - z.max(axis=1, keepdims=True)
    return -np.sum(y * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True)))) / len(x)


def softmax_cross_entropy_gradient(x, w, y):
    z = x @ w
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    grad_z = (p * y.sum(axis=1, keepdims=True) - y) / len(x)
    return grad_z @ w.T, x.T @ grad_z, -(np.log(p)) / len(x)


def layer_norm(x, w, y):
    centred = x - x.mean(axis=1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return np.sum((centred / scale @ w - y) ** 2)


def layer_norm_gradient(x, w, y):
    centred = x - x.mean(axis=1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    normal = centred / scale
    grad_out = 2 * (normal @ w - y)
    g = grad_out @ w.T
    g_mean, along = g.mean(axis=1, keepdims=True), (g * normal).mean(axis=1, keepdims=True)
    return (g - g_mean - normal * along) / scale, normal.T @ grad_out, -grad_out


def tanh_network(x, w, y):
    return np.sum((np.tanh(x @ w) - y) ** 2)


def tanh_network_gradient(x, w, y):
    a = np.tanh(x @ w)
    grad_h = 2 * (a - y) * (1 - a**2)
    return grad_h @ w.T, x.T @ grad_h, -2 * (a - y)


ROOT = np.sqrt(2 / np.pi)


def gelu_network(x, w, y):
    h = x @ w
    return np.sum((0.5 * h * (1 + np.tanh(ROOT * (h + 0.044715 * h**3))) - y) ** 2)


def gelu_network_gradient(x, w, y):
    h = x @ w
    t = np.tanh(ROOT * (h + 0.044715 * h**3))
    residual = 0.5 * h * (1 + t) - y
    # 3 * 0.044715 would be rounded by Python before any exact number is met, and found wrong by 1e-17
    slope = 0.5 * (1 + t) + 0.5 * h * (1 - t**2) * ROOT * (1 + 0.044715 * (3 * h**2))
    grad_h = 2 * residual * slope
    return grad_h @ w.T, x.T @ grad_h, -2 * residual


NETWORKS = {
    "softmax cross-entropy": (softmax_cross_entropy, softmax_cross_entropy_gradient),
    "layer norm": (layer_norm, layer_norm_gradient),
    "tanh": (tanh_network, tanh_network_gradient),
    "GELU": (gelu_network, gelu_network_gradient),
}


@st.composite
def layers(draw, largest=16):
    n, d_in, d_out = (draw(st.integers(1, largest), label=name) for name in ("n", "d_in", "d_out"))
    rng = np.random.default_rng(draw(seeds, label="seed"))
    return [rng.standard_normal(size) for size in ((n, d_in), (d_in, d_out), (n, d_out))]


def judged(network, gradient, args):
    return check(network, gradient, tuple(args), names=("x", "w", "y"), oracle="exact", probes=2)


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=5)
@given(args=layers())
def test_transcendental_networks_are_judged_to_thirty_guaranteed_digits(name, args):
    report = judged(*NETWORKS[name], args)
    for row in report:
        note(f"{name} {row} {row.exact}")
        assert row.verdict is Verdict.PASS
        assert row.exact.equal
        assert row.exact.digits >= 30
        assert row.kink is None


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=5)
@given(args=layers(largest=8), argument=st.integers(0, 2))
def test_a_transcendental_gradient_wrong_in_the_last_bit_is_caught(name, args, argument):
    network, gradient = NETWORKS[name]

    def wrong(*arrays):
        parts = list(gradient(*arrays))
        parts[argument] = parts[argument] * (1 + 2.0**-52)
        return parts

    row = judged(network, wrong, args)[argument]
    right = judged(network, gradient, args)[argument]
    exact = exact_gradient(gradient, args)[argument]
    if any(abs(middle(entry)) > 1e-9 for entry in exact.flat):
        assert not row.exact.equal
    assert right.exact.equal


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=5)
@given(args=layers(), seed=seeds)
def test_the_guarantee_holds_against_a_difference_quotient_of_values(name, args, seed):
    f, _ = NETWORKS[name]
    rng = np.random.default_rng(seed)
    v = [rng.standard_normal(arg.shape) for arg in args]
    slope = exact_slope(f, args, v)
    assert slope.digits >= 30
    step = fmpq(1, 2**300)  # (f(x + hv) − f(x − hv)) / 2h is f' + O(h²): values only, no series
    with working(bits=2000, terms=1):
        above, below = (
            run(f, [exact_array(a) + exact_array(d) * germ(side * step) for a, d in zip(args, v, strict=True)])
            for side in (1, -1)
        )
        quotient = (above.coefficient(0) - below.coefficient(0)) / (2 * step)
    truth = middle(quotient)
    assert radius(quotient) < Fraction(1, 2**500)
    for side in (slope.left, slope.right):
        assert abs(middle(side) - truth) <= radius(side) + Fraction(1, 2**500)
