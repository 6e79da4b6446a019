import re

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims import contract
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.jvp import JvpClaim
from gradcheck.claims.prediction import ClaimNoise, Prediction
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.slopes.field import Field

X = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])


def cubes(x):
    return np.sum(x**3)


def cubes_gradient(x):
    return 3 * x**2


def claim(f=cubes, gradient=cubes_gradient, args=(X,)):
    return GradientClaim(f, gradient, Given(args))


def rooms(**parts):
    found = claim(**parts)
    return Prediction(found, found.leaves), Field(found, found.leaves, seed=0)


def breach(gradient, field):
    """What the contract objects to."""
    return contract.examine(gradient, field, lambda _: 0.0)[1]


# The claimed arrays --------------------------------------------------------------------------------------------


def test_claimed_arrays_are_counted_and_kept_in_float64():
    gradient, _ = rooms(args=(X.astype(np.float32),))
    assert gradient.evaluations == 1
    assert gradient.judged == (0,)
    assert gradient.values[0].dtype == np.float64
    assert gradient.arrays[0].dtype == np.float32


def test_what_is_claimed_none_is_not_judged():
    gradient, _ = rooms(f=lambda a, b: np.sum(a * b), gradient=lambda a, b: (None, a), args=(X, X))  # noqa: ARG005
    assert gradient.judged == (1,)
    assert gradient.values[0] is None


def test_a_gradient_of_nothing_is_refused():
    with pytest.raises(ArgumentError, match="the gradient is None for every argument: there is nothing to check"):
        rooms(gradient=lambda _: None)


def test_a_gradient_that_raises_is_a_wrong_claim_with_its_words():
    with pytest.raises(WrongClaim, match="the gradient raised ZeroDivisionError: division by zero"):
        rooms(gradient=lambda _: 1 / 0)


def test_an_argument_error_inside_the_gradient_is_the_callers():
    counts = np.array([1, 2])
    with pytest.raises(ArgumentError, match="cast the argument, or return None"):
        rooms(f=lambda x, n: np.sum(x) + np.sum(n), gradient=lambda x, n: (x, n), args=(X, counts))


# Breaches of the claim: each is one sentence, through the public face -------------------------------------------


def in_place(x):
    x *= 2
    return x


BUFFER = np.empty_like(X)


def buffered(x):
    np.multiply(3 * x, x, out=BUFFER)
    return BUFFER


def of_order(x):
    return 3 * x**2 if x.flags.c_contiguous else 3 * x[::-1] ** 2


BREACHES = {
    "shape": (lambda x: x[0], r"the gradient of x has shape \(3,\), wanted \(2, 3\), the shape of x"),
    "broadcastable": (lambda x: x[:1], r"the gradient of x has shape \(1, 3\), wanted \(2, 3\)"),
    "integers": (lambda x: np.ones(x.shape, dtype=int), "the gradient of x has dtype int64, wanted a floating dtype"),
    "nan": (np.log, r"the gradient of x is nan at \(0, 1\), wanted finite numbers"),
    "too many": (lambda x: (x, x), "the gradient returned 2 entries, wanted 1: one per argument"),
    "no array": (lambda _: "x", "the gradient of x is a str, wanted an array like x"),
    "raises": (lambda _: {}["w2"], "the gradient raised KeyError: 'w2'"),
    "mutates": (in_place, "the gradient changes its argument x in place: work on a copy"),
    "buffer": (buffered, "it is returned in a buffer that later calls overwrite; return a new array"),
    "layout": (of_order, "the gradient of x is another one when the arguments are not contiguous"),
}


@pytest.mark.parametrize(("gradient", "words"), BREACHES.values(), ids=BREACHES)
def test_a_breach_of_the_contract_is_a_fail_with_one_sentence(gradient, words):
    x = X.copy()
    report = gc.check(cubes, gradient, (x,))
    assert report.verdict is gc.Verdict.FAIL
    assert re.search(words, report.complaint)
    assert "\n" not in report.complaint
    assert report.oracle == "contract"
    assert len(report) == 0
    assert str(report).startswith("FAIL  cubes: ")
    assert np.array_equal(x, X)  # put back, where the gradient changed it
    with pytest.raises(gc.GradientError) as caught:
        gc.assert_gradient(cubes, gradient, (x,))
    assert re.search(words, caught.value.report.complaint)


def test_a_gradient_that_changes_its_argument_and_then_fails_leaves_it_as_it_was():
    def spoils(x):
        x += 1
        return x[0]

    x = X.copy()
    assert gc.check(cubes, spoils, (x,)).complaint
    assert np.array_equal(x, X)


@pytest.mark.parametrize(
    ("vjp", "words"),
    [
        (lambda c, x: 2 * x * np.ones_like(c), "the vjp ignores the cotangent"),
        (lambda c, x: 2 * x * c**2, "the vjp squares the cotangent"),
        (lambda c, x: 2 * x * np.abs(c), "the vjp ignores the sign of the cotangent"),
    ],
)
def test_a_vjp_that_is_not_linear_is_a_fail_with_one_sentence(vjp, words):
    report = gc.check(lambda x: x**2, vjp=vjp, args=(X,))
    assert report.verdict is gc.Verdict.FAIL
    assert words in report.complaint


# What is no breach ---------------------------------------------------------------------------------------------


def test_a_gradient_right_in_every_layout_passes_and_costs_few_calls():
    report = gc.check(cubes, cubes_gradient, (X,))
    assert report.verdict is gc.Verdict.PASS
    assert report.gradient_evaluations <= 6
    assert report.contract_evaluations == 3


@pytest.mark.parametrize("x", [X.T, X[:, ::-1], X[:, ::2], np.broadcast_to(np.float64(1.5), (2, 3))])
def test_points_of_any_layout_are_taken(x):
    assert gc.check(cubes, cubes_gradient, (x,)).verdict is gc.Verdict.PASS


def test_another_order_of_summation_in_another_layout_is_no_breach():
    def summed(x):
        return (3 * x**2) * (1 + 1e-15 * (not x.flags.c_contiguous))

    gradient, field = rooms(gradient=summed)
    assert breach(gradient, field) is None


@pytest.mark.parametrize("x", [np.array(2.0), np.array([2.0]), np.float64(2.0)])
def test_a_single_number_has_no_other_layout(x):
    assert contract.strided_copy(x) is x
    gradient, field = rooms(f=lambda x: float(np.sum(x**3)), args=(x,))
    assert breach(gradient, field) is None
    assert gradient.evaluations == 3  # at the point, elsewhere, and at the point again


def test_a_strided_copy_has_the_same_values_and_other_strides():
    copy = contract.strided_copy(X)
    assert np.array_equal(copy, X)
    assert copy.strides == (48, 16)


# f -------------------------------------------------------------------------------------------------------------


def test_an_f_that_changes_its_argument_is_the_callers_to_mend():
    def halves(x):
        x /= 2
        return np.sum(x**3)

    x = X.copy()
    with pytest.raises(ArgumentError, match="halves changes its argument x in place: let it work on a copy"):
        gc.check(halves, cubes_gradient, (x,))
    assert np.array_equal(x, X)


def test_a_random_f_is_noted_and_its_spread_taken_for_noise():
    rng = np.random.default_rng(0)
    report = gc.check(lambda x: np.sum(x**3) * (1 + 1e-9 * rng.standard_normal()), cubes_gradient, (X,))
    assert report.verdict is not gc.Verdict.FAIL
    assert "f gives different answers at the same point (relative spread" in report.notes[0]
    assert "fix the random generator's seed" in report.notes[0]
    assert report[0].error.high > 1e-9


def test_a_random_f_that_is_noise_only_says_so():
    rng = np.random.default_rng(0)
    report = gc.check(lambda x: np.sum(x**3) + 100 * rng.standard_normal(), cubes_gradient, (X,))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "f is random" in str(report)


def test_a_gradient_that_varies_from_call_to_call_is_as_uncertain_as_its_spread():
    rng = np.random.default_rng(0)
    gradient, field = rooms(gradient=lambda x: 3 * x**2 + 1e-3 * rng.standard_normal(x.shape))
    noise = contract.repeats(gradient, field)
    spread = 1e-3 * field.scales[0].norm(np.ones(X.shape))
    assert spread / 4 < noise.repeat[0] < 4 * spread


def test_a_deterministic_gradient_repeats_itself_exactly():
    gradient, field = rooms()
    assert contract.repeats(gradient, field) == ClaimNoise((0.0,), (False,), random=False)


def test_where_the_other_point_is_outside_the_domain_nothing_is_learnt_and_nothing_blamed():
    def only_here(x):
        return 3 * x**2 if np.array_equal(x, X) else np.full_like(x, np.nan)

    gradient, field = rooms(gradient=only_here)
    assert contract.repeats(gradient, field) == ClaimNoise.none(1)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_the_slope_that_a_jvp_claims_is_off_by_some_units_of_itself(scale):
    found = JvpClaim(lambda x: x**2, lambda v, x: scale * 2 * x * v, Given((X,)))
    value, bound = Prediction(found, found.leaves).along(0, np.ones_like(X), 2.0**-53)
    assert 0 < 4 * abs(value) * 2.0**-53 < bound < 2**10 * abs(value) * 2.0**-53


def test_none_beside_claimed_arrays_has_no_spread_and_no_layout():
    gradient, field = rooms(f=lambda a, b: np.sum(a * b), gradient=lambda a, b: (None, a), args=(X, X + 1))  # noqa: ARG005
    assert contract.repeats(gradient, field).repeat == (0.0, 0.0)
    assert breach(gradient, field) is None


def test_a_jvp_returns_no_array_that_could_be_stale_or_strided():
    found = JvpClaim(lambda x: x**2, lambda v, x: 2 * x * v, Given((X,)))
    gradient, field = Prediction(found, found.leaves), Field(found, found.leaves, seed=0)
    assert gradient.judged == (0,)
    assert breach(gradient, field) is None
    assert contract.repeats(gradient, field) == ClaimNoise.none(1)


def test_torch_arguments_are_put_back_and_strided_too():
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, requires_grad=True)
    report = gc.check(lambda x: (x**3).sum(), lambda x: x.data.mul_(2), (x,))
    assert "changes its argument x in place" in report.complaint
    assert np.array_equal(x.detach().numpy(), X)
    copy = contract.strided_copy(x)
    assert torch.equal(copy, x)
    assert copy.stride() == (6, 2)
    sparse = x.detach().to_sparse()
    assert contract.strided_copy(sparse) is sparse
    wrong = gc.check(lambda x: (x**3).sum(), lambda x: 3 * x**2 if x.is_contiguous() else 2 * x**2, (x.detach(),))
    assert "not contiguous" in wrong.complaint


def test_a_gradient_may_refuse_the_layout_that_its_function_refuses():
    def flat(x):
        if not x.flags.c_contiguous:
            raise ValueError("wants a contiguous array")
        return x.ravel()

    x = np.array([[0.5, -1.0], [2.0, 0.25]])
    assert gc.check(lambda x: np.sum(flat(x) ** 2), lambda x: (2 * flat(x)).reshape(2, 2), (x,))
    report = gc.check(lambda x: np.sum(x**2), lambda x: (2 * flat(x)).reshape(2, 2), (x,))
    assert "wants a contiguous array" in report.complaint


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_copy_of_a_large_matrix_takes_its_own_size_only(order):
    x = np.array(np.arange(1001 * 1000.0).reshape(1001, 1000), order=order)
    copy = contract.strided_copy(x)
    assert np.array_equal(copy, x)
    assert not np.shares_memory(copy, x)
    assert copy.strides == ((8, 8008) if order == "C" else (8000, 8))
    row = np.zeros((1, 1000001))  # its two orders are the same layout
    assert contract.strided_copy(row).strides == (16000016, 16)


def test_a_copy_of_a_large_tensor_takes_its_own_size_only():
    torch = pytest.importorskip("torch")
    x = torch.arange(1001 * 1000.0).reshape(1001, 1000)
    for tensor, strides in ((x, (1, 1001)), (x.T.contiguous().T, (1000, 1))):
        copy = contract.strided_copy(tensor)
        assert torch.equal(copy, tensor)
        assert copy.data_ptr() != tensor.data_ptr()
        assert copy.stride() == strides


@pytest.mark.parametrize("shape", [(4, 5), (1000, 1000), (1000001,)])
def test_a_copy_of_a_small_array_and_of_a_vector_lies_in_every_second_place(shape):
    x = np.arange(float(np.prod(shape))).reshape(shape)
    copy = contract.strided_copy(x)
    assert np.array_equal(copy, x)
    assert copy.strides[-1] == 16


# What a claim owes, and what is its own noise -------------------------------------------------------------------


def test_arrays_that_are_claimed_are_off_by_their_own_rounding_in_each_answer():
    gradient, field = rooms()
    gradient.claim = gradient.claim.with_(given_unit=2.0**-24, own_error=2.0**-12)
    norm = field.scales[0].norm(gradient.values[0])
    expected = (2.0**10 * 2.0**-24 + 2.0**-12) * norm
    assert contract.repeats(gradient, field).repeat == pytest.approx((expected,))
    assert contract.as_given(gradient, field).repeat == pytest.approx((expected,))


def test_what_both_rounding_and_repeating_make_of_a_claim_is_added():
    answers = iter([1.0, 1.0, 1.125])
    gradient, field = rooms(f=np.sum, gradient=lambda x: np.full_like(x, next(answers)))
    gradient.claim = gradient.claim.with_(own_error=0.25)
    norm = field.scales[0].norm(np.ones_like(X))
    assert contract.repeats(gradient, field).repeat == pytest.approx((0.125 * norm + 0.25 * norm,))


def test_of_a_random_f_nothing_is_known_elsewhere():
    rng = np.random.default_rng(0)
    gradient, field = rooms(f=lambda x: np.sum(x) + 1e-9 * rng.standard_normal(), gradient=np.ones_like)
    noise, breach, note = contract.examine(gradient, field, lambda _: 0.0)
    assert noise == ClaimNoise((0.0,), (False,), random=True)
    assert breach is None
    assert "gives different answers at the same point" in note


@pytest.mark.parametrize("spread", [0.0, 1e-12, 1e-3, 1.0])
def test_a_random_claim_is_told_from_one_that_is_wrong_in_another_layout(spread):
    rng = np.random.default_rng(0)

    def gradient(x):
        layout = 1.0 if x.flags.c_contiguous else 2.0
        return 3 * x**2 * (layout + spread * rng.standard_normal(x.shape))

    noise, breach, _ = contract.examine(*rooms(gradient=gradient), lambda _: 0.0)
    if spread < 1e-8:  # below √u it is round-off, and nothing random
        assert "not contiguous" in breach
    else:
        assert breach is None
        assert noise.repeat[0] > 0


@pytest.mark.parametrize(("relative", "own", "told"), [(1e-12, 0.0, False), (1e-6, 0.0, True), (1e-6, 1e3, False)])
def test_another_layout_may_move_a_claim_by_its_round_off(relative, own, told):
    gradient, field = rooms(gradient=lambda x: 3 * x**2 * (1.0 if x.flags.c_contiguous else 1 + relative))
    sentence = contract.any_layout(gradient, field, ClaimNoise.none(1), lambda _: own)
    assert (sentence is not None) is told


@pytest.mark.parametrize(("off", "verdict"), [(1e-15, gc.Verdict.PASS), (1e-10, gc.Verdict.FAIL)])
def test_terms_that_cancel_may_be_rounded_otherwise_where_the_arguments_are_not_contiguous(off, verdict):
    rng = np.random.default_rng(0)
    w, c = rng.standard_normal((2, 3, 4))
    around = 0.999 * np.sum(c * np.sin(w - w.mean()))

    def f(w, b):  # small at the point, though its gradient is not
        z = w + b
        return float(np.sum(c * np.sin(z - z.mean())) - around)

    def gradient(w, b):
        g = c * np.cos(w + b - (w + b).mean())
        return g - g.mean(), np.array(off if w.flags.c_contiguous else 0.0)  # Σ g - n·(its mean)

    assert gc.check(f, gradient, (w, np.array(0.3)), seed=0).verdict is verdict
