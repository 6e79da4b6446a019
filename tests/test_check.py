import math

import numpy as np
import pytest

import gradcheck as gc
from gradcheck import GradientError
from gradcheck.errors import ArgumentError, GradcheckError, UnsupportedError

X = np.array([0.5, -1.5, 2.0])
W = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])


def cubes(x):
    return np.sum(x**3)


def cubes_gradient(x):
    return 3 * x**2


def product(w, x):
    return float(np.sum((w @ x) ** 2))


def product_gradient(w, x):
    h = w @ x
    return 2 * np.outer(h, x), 2 * w.T @ h


def check(f=cubes, gradient=cubes_gradient, args=(X,), **options):
    return gc.check(f, gradient, args, **options)


# Bad calls -----------------------------------------------------------------------------------------------------

BAD_OPTIONS = {
    "rtol negative": ({"rtol": -1e-3}, "rtol=-0.001, wanted a positive number, or None"),
    "rtol zero": ({"rtol": 0.0}, "rtol=0.0, wanted a positive number"),
    "rtol nan": ({"rtol": math.nan}, "rtol=nan, wanted a positive number"),
    "rtol infinite": ({"rtol": math.inf}, "rtol=inf, wanted a positive number"),
    "confidence 1": ({"confidence": 1.0}, r"confidence=1.0, wanted a probability inside \(0, 1\)"),
    "confidence 0": ({"confidence": 0}, "confidence=0, wanted a probability"),
    "confidence nan": ({"confidence": math.nan}, "confidence=nan, wanted a probability"),
    "no probes": ({"probes": 0}, "probes=0, wanted an integer of 2 or more: one direction proves no error"),
    "one probe": ({"probes": 1}, "probes=1, wanted an integer of 2 or more"),
    "half a probe": ({"probes": 2.5}, "probes=2.5, wanted an integer"),
    "true probes": ({"probes": True}, "probes=True, wanted an integer"),
    "negative seed": ({"seed": -1}, "seed=-1, wanted an integer of 0 or more"),
    "named seed": ({"seed": "a"}, "seed='a', wanted an integer"),
    "oracle": ({"oracle": "magic"}, "oracle='magic', wanted one of 'finite differences', 'autograd', 'exact', or None"),
    "budget": ({"max_evaluations": 3}, "max_evaluations=3, wanted None, or an integer above the 3 of the contract"),
    "named budget": ({"max_evaluations": "9"}, "max_evaluations='9', wanted None, or an integer"),
    "named rtol": ({"rtol": "1e-3"}, "rtol='1e-3', wanted a positive number"),
    "named confidence": ({"confidence": "high"}, "confidence='high', wanted a probability"),
    "kink variable no function": ({"kink_of": "h"}, "kink_of=.h., wanted a function of the arguments"),
    "tangent no dict": ({"tangent": lambda v: v}, "tangent=.*, wanted functions of a direction by argument name"),
    "tangent no function": ({"tangent": {"x": 1}}, "tangent=.*, wanted functions of a direction by argument name"),
    "kwargs no dict": ({"kwargs": [1]}, r"kwargs=\[1\], wanted a dict of keyword arguments"),
    "every entry": ({"every_entry": 1}, "every_entry=1, wanted True or False"),
    "deterministic": ({"deterministic": "yes"}, "deterministic='yes', wanted True or False"),
    "in-place cotangent": ({"inplace_cotangent": 1}, "inplace_cotangent=1, wanted True or False"),
    "batch axis": ({"batch_axis": 0.5}, "batch_axis=0.5, wanted an axis such as 0, or a dict of axes by input"),
    "convention": ({"kink": "top"}, "kink='top', wanted one of 'right', 'left', 'midpoint', 'chain-rule', or None"),
}


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_options_are_checked_at_the_door(options, words):
    calls = []
    with pytest.raises(ArgumentError, match=words):
        check(lambda x: calls.append(x) or cubes(x), **options)
    assert calls == []


BAD_FORMS = {
    "f no function": (lambda: gc.check(3, cubes_gradient, (X,)), "f is a int, wanted a function"),
    "gradient no function": (
        lambda: gc.check(cubes, (X,), cubes_gradient),
        r"gradient is a tuple, wanted a function: did you mean check\(f, gradient, args\)\?",
    ),
    "vjp no function": (lambda: gc.check(cubes, vjp=X, args=(X,)), "vjp is a ndarray, wanted a function$"),
    "two forms": (
        lambda: gc.check(cubes, cubes_gradient, (X,), vjp=cubes),
        "gradient= and vjp= were passed, wanted one form of claim",
    ),
    "args missing": (lambda: gc.check(cubes, cubes_gradient), "args is missing: pass the point as a tuple of arrays"),
    "args a set": (lambda: gc.check(cubes, cubes_gradient, {1.0}), r"args is a set, .* pass args=\(x,\)"),
    "order 3": (lambda: gc.check(cubes, cubes_gradient, (X,), order=3), "order=3, wanted 1, or 2 together with inputs"),
    "order without inputs": (lambda: gc.check(cubes, cubes_gradient, (X,), order=2), "order=2, wanted 1"),
    "names": (lambda: check(names=("a", "b")), "wanted 1 different names, one for each argument"),
    "nan": (lambda: check(args=(np.array([1.0, math.nan, 0]),)), r"x is nan at \(1,\), wanted finite numbers"),
    "integers": (lambda: check(args=(np.array([1, 2]),)), "args has no floating array"),
    "array": (lambda: check(lambda x: x), r"f returned an array of shape \(3,\), wanted a scalar: sum it, or pass jac"),
    "complex": (lambda: check(lambda x: np.sum(x) * 1j), "f returned a complex number, wanted a real scalar"),
    "none": (lambda: check(lambda _: None), "f returned NoneType, wanted a real scalar"),
    "value nan": (lambda: check(lambda x: np.log(x).sum()), "f is nan at the point, wanted a finite number"),
    "raises": (lambda: check(lambda _: {}["w"]), "f raised KeyError at the point: 'w'"),
    "no gradients": (lambda: check(cubes, None), "no gradient was passed and cubes returned"),
    "all none": (lambda: check(gradient=lambda _: None), "None for every argument: there is nothing to check"),
}


@pytest.mark.parametrize(("call", "words"), BAD_FORMS.values(), ids=BAD_FORMS)
def test_what_cannot_be_checked_is_refused_in_one_sentence(call, words):
    with pytest.raises(ArgumentError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, GradcheckError)
    assert isinstance(caught.value, ValueError)


BAD_TANGENTS = {
    "unknown": ({"w": lambda v: v}, "tangent= names 'w', which is no judged argument: there are x"),
    "raises": ({"x": lambda v: v / {}["y"]}, "the tangent= of x raised KeyError: 'y'"),
    "shape": ({"x": lambda v: v[:, None]}, r"the tangent= of x returned shape \(3, 1\), wanted \(3,\), as given"),
    "nan": ({"x": lambda v: v * math.nan}, "the tangent= of x returned a number that is not finite"),
    "zero": ({"x": lambda v: 0 * v}, "the tangent= of x returned zero: no direction is left to check along"),
}


@pytest.mark.parametrize(("tangent", "words"), BAD_TANGENTS.values(), ids=BAD_TANGENTS)
def test_a_tangent_that_is_none_is_refused(tangent, words):
    with pytest.raises(ArgumentError, match=words):
        check(tangent=tangent)


def test_a_kink_variable_that_raises_is_the_callers_error():
    with pytest.raises(ArgumentError, match="kink_of= raised ZeroDivisionError"):
        gc.check(lambda x: np.sum(abs(x)), np.sign, (np.array([0.0, 1.0]),), kink_of=lambda x: x / (1 // 0))


@pytest.mark.parametrize(
    ("f", "gradient", "args", "words"),
    [
        (cubes, cubes_gradient, (X, X), "the gradient cannot be called with what it is given: cubes_grad"),
        (
            lambda x: np.sum(np.log(x)),
            lambda x: 1 / x,
            (np.zeros(2),),
            "f is -inf at the point, wanted a finite number",
        ),
    ],
)
def test_where_function_and_gradient_both_break_it_is_the_callers_error(f, gradient, args, words):
    with pytest.raises(ArgumentError, match=words):
        gc.check(f, gradient, args)


def test_a_gradient_that_reads_what_its_function_left_behind_is_told_so():
    class Layer:
        def loss(self, x):
            self.cache = 3 * x**2
            return np.sum(x**3)

        def gradient(self, x):
            return self.cache + 0 * x

        def both(self, x):
            self.loss(x)
            return self.gradient(x)

    layer = Layer()
    report = gc.check(layer.loss, layer.gradient, (X,))
    assert report.verdict is gc.Verdict.FAIL
    assert "raised AttributeError" in report.complaint
    assert "after a call of loss it does not: it reads what loss leaves behind; call loss inside it" in report.complaint
    assert gc.check(layer.loss, layer.both, (X,))


@pytest.mark.parametrize("z", [1.5 - 0.5j, np.complex128(2j), np.array(1 + 1j)])
def test_one_complex_number_is_an_argument(z):
    assert gc.check(lambda z: abs(z) ** 2, lambda z: 2 * z, (z,))
    wrong = gc.check(lambda z: abs(z) ** 2, lambda z: 2 * np.conj(z) + 1, (z,))
    assert wrong.verdict is gc.Verdict.FAIL


def test_integers_are_fine_where_nothing_is_claimed():
    report = check(
        lambda x, n: np.sum(x[n] ** 2), lambda x, n: (np.bincount(n, 2 * x[n], len(x)), None), (X, np.array([0, 2]))
    )
    assert report.verdict is gc.Verdict.PASS
    assert [a.name for a in report] == ["x"]


# Right and wrong -----------------------------------------------------------------------------------------------


def test_a_right_gradient_passes_with_an_interval_that_starts_at_zero():
    report = check()
    assert report.verdict is gc.Verdict.PASS
    assert report[0].error.low == 0
    assert report[0].error.high < 1e-7
    assert report[0].error.confidence == 0.9999
    assert report[0].reason == ""
    assert bool(report)
    assert report.title == "cubes"
    assert report[0].smallest_error < 2e-7


WRONG = {
    "half": (lambda x: 1.5 * x**2, 0.5, "factor 2 is missing"),
    "double": (lambda x: 6 * x**2, 1.0, "factor 2 too many"),
    "sign": (lambda x: -3 * x**2, 2.0, "sign"),
    "weight decay": (lambda x: 3 * x**2 + 0.01 * x, None, "0.01 x"),
    "one entry": (lambda x: 3 * x**2 + np.array([0, 0.01, 0]), None, "x[1]"),
    "zero": (np.zeros_like, 1.0, "zero everywhere"),
    "slightly": (lambda x: 3 * (1 + 1e-5) * x**2, 1e-5, ""),
}


@pytest.mark.parametrize(("gradient", "error", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_gradient_fails_with_its_size_and_the_right_words(gradient, error, words):
    report = check(gradient=gradient)
    assert report.verdict is gc.Verdict.FAIL
    assert not bool(report)
    assert report[0].error.low > 0
    if error is not None:
        assert error in report[0].error
    assert words in " ".join(str(report).split())


def test_only_the_wrong_argument_of_two_fails():
    report = check(product, lambda w, x: (product_gradient(w, x)[0], -product_gradient(w, x)[1]), (W, X))
    assert report.verdict is gc.Verdict.FAIL
    assert report["w"].verdict is gc.Verdict.PASS
    assert report["x"].verdict is gc.Verdict.FAIL


def test_swapped_gradients_of_equal_shapes_are_told():
    b = np.array([1.0, 0.25, -0.5])
    report = check(lambda a, b: np.sum(a**2 * b), lambda a, b: (a**2, 2 * a * b), (X, b))
    assert report.verdict is gc.Verdict.FAIL
    assert "swap" in str(report).lower() or "gradient of b" in str(report)


def test_a_fail_rests_on_fresh_directions_too():
    report = check(gradient=lambda x: 3.1 * x**2)
    assert len(report[0].probes) >= 8
    assert len({p.probe for p in report[0].probes}) == len(report[0].probes)


def test_an_approximate_gradient_is_judged_by_rtol():
    def gradient(x):
        return 3 * (1 + 1e-4) * x**2

    assert check(gradient=gradient).verdict is gc.Verdict.FAIL
    assert check(gradient=gradient, rtol=1e-1).verdict is gc.Verdict.PASS
    strict = check(gradient=gradient, rtol=1e-6)
    assert strict.verdict is gc.Verdict.FAIL
    assert "the error is above rtol=1e-06" in strict[0].reason
    between = check(gradient=gradient, rtol=1e-4)
    assert between.verdict is gc.Verdict.INCONCLUSIVE
    assert "wanted 1.0e-04: pass rtol=0.001 if that will do" in between[0].reason


def test_more_probes_narrow_the_interval():
    few, many = check(gradient=lambda x: 3.03 * x**2, probes=4), check(gradient=lambda x: 3.03 * x**2, probes=64)
    assert many[0].error.high / many[0].error.low < few[0].error.high / few[0].error.low / 4
    assert 0.01 in many[0].error


# Zero gradients ------------------------------------------------------------------------------------------------


def test_a_zero_gradient_of_an_argument_that_does_not_matter_passes_absolutely():
    report = check(lambda x, y: np.sum(x**3) + 0 * np.sum(y), lambda x, y: (3 * x**2, 0 * y), (X, X + 1))
    assert report.verdict is gc.Verdict.PASS
    assert report["x"].error.relative
    assert not report["y"].error.relative
    assert report["y"].error.high < 1e-12
    assert "absolute" in str(report)


def test_a_zero_gradient_of_an_argument_that_matters_fails():
    report = check(product, lambda w, x: (product_gradient(w, x)[0], 0 * x), (W, X))
    assert report["x"].verdict is gc.Verdict.FAIL
    assert report["x"].mistakes == ("gradient is zero",)


def test_a_gradient_claimed_where_nothing_matters_fails():
    report = check(lambda x, y: np.sum(x**3) + 0 * np.sum(y), lambda x, y: (3 * x**2, y), (X, X + 1))
    assert report["y"].verdict is gc.Verdict.FAIL
    assert "the true gradient is zero" in str(report)


def test_a_stationary_point_is_judged_absolutely():
    report = check(lambda x: 1 + np.sum((x - X) ** 2), lambda x: 2 * (x - X))
    assert report.verdict is gc.Verdict.PASS
    assert not report[0].error.relative


def test_a_piecewise_constant_function_has_gradient_zero():
    report = check(lambda x: float(np.sum(np.round(x))), np.zeros_like, (X + 0.2,))
    assert report.verdict is gc.Verdict.PASS


@pytest.mark.parametrize("power", [1, 2])
def test_a_layer_of_dead_units_has_gradient_zero(power):
    x, w = np.array([[1.375, -1.5625, 0.5]]), np.array([[0.6875, -0.5], [0.6875, 1.8125], [-0.25, 0.25]])
    assert (x @ w < 0).all()
    report = check(lambda x, w: np.sum(np.maximum(x @ w, 0) ** power), lambda x, w: (0 * x, 0 * w), (x, w))
    assert report.verdict is gc.Verdict.PASS
    assert not report["w"].error.relative


@pytest.mark.parametrize("tiny", [1e-6, 1e-10, 1e-20, 1e-100])
def test_an_argument_that_is_tiny_beside_the_others_is_judged_as_closely_as_they_are(tiny):
    x, w, b = np.linspace(-1, 1, 12).reshape(4, 3), np.array([0.5, -1.0, 0.7]), np.array([tiny])

    def loss(w, b):
        return np.sum(np.tanh(x @ w + b))

    def gradient(w, b):
        d = 1 - np.tanh(x @ w + b) ** 2
        return x.T @ d, np.array([d.sum()])

    report = check(loss, gradient, (w, b))
    assert report.verdict is gc.Verdict.PASS
    assert report["b"].error.high < 1e-6
    wrong = check(loss, lambda w, b: (gradient(w, b)[0], gradient(w, b)[1] / 4), (w, b))
    assert wrong["b"].verdict is gc.Verdict.FAIL
    assert wrong["w"].verdict is gc.Verdict.PASS


def test_a_gradient_kept_from_its_first_call_is_right_and_told():
    kept = {}
    report = check(cubes, lambda x: 3 * kept.setdefault("x", x.copy()) ** 2)
    assert report.verdict is gc.Verdict.PASS
    assert "though f curves: right here, but kept from an earlier call?" in report.notes[0]


@pytest.mark.parametrize("power", [1, 2])
def test_nothing_is_said_of_a_gradient_that_may_be_the_same_elsewhere(power):
    x = np.linspace(-1, 1, 12).reshape(4, 3)  # piecewise linear: the same gradient until a unit dies
    w = np.array([[0.5, -1.0], [0.3, 0.2], [-0.7, 0.4]])

    def gradient(w):
        return power * x.T @ ((x @ w > 0) * np.maximum(x @ w, 0) ** (power - 1))

    report = check(lambda w: np.sum(np.maximum(x @ w, 0) ** power), gradient, (w,))
    assert report.verdict is gc.Verdict.PASS
    assert not report.notes


def test_small_steps_of_low_precision_are_no_proof_of_a_zero_gradient():
    report = check(lambda x: float(np.float16(np.sum(x**3))), np.zeros_like)
    assert report.verdict is not gc.Verdict.PASS


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_an_empty_argument_has_an_empty_gradient(shape):
    y = np.zeros(shape)
    report = check(lambda x, y: np.sum(x**3) + np.sum(y), lambda x, y: (3 * x**2, np.ones_like(y)), (X, y))
    assert report.verdict is gc.Verdict.PASS
    assert report["y"].error == gc.Interval(0.0, 0.0, relative=False, confidence=0.9999)
    alone = check(lambda y: float(np.sum(y)), np.ones_like, (np.zeros(shape),))
    assert alone.verdict is gc.Verdict.PASS


def test_numbers_near_the_largest_do_not_overflow_in_the_verdict():
    x = np.array([0.5, -1.5, 2.0]) * 1e150
    assert check(lambda x: np.sum(x**2), lambda x: 2 * x, (x,)).verdict is gc.Verdict.PASS


# What is inconclusive, and says why ----------------------------------------------------------------------------


def test_a_budget_that_is_used_up_is_inconclusive_and_kept():
    calls = []
    report = check(lambda x: calls.append(1) or cubes(x), max_evaluations=12)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "max_evaluations=12 is used up" in report[0].reason
    assert len(calls) <= 12
    assert report.evaluations + report.contract_evaluations == len(calls)


def test_a_budget_that_ends_while_a_mistake_is_looked_for_leaves_what_is_known():
    enough = check(gradient=lambda x: 3.1 * x**2)
    limit = enough.evaluations + enough.contract_evaluations - 1
    assert check(gradient=lambda x: 3.1 * x**2, max_evaluations=limit).verdict is not gc.Verdict.PASS
    for budget in range(4, limit, 5):
        assert check(gradient=lambda x: 3.1 * x**2, max_evaluations=budget).verdict is not gc.Verdict.PASS


def test_a_function_defined_at_the_point_only_is_inconclusive():
    report = check(lambda x: cubes(x) if np.array_equal(x, X) else math.nan)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "is not finite on either side of the point along 4 directions" in report[0].reason
    assert "pass tangent= to stay inside its domain" in report[0].reason


def test_a_function_that_raises_next_to_the_point_says_so_and_is_judged_where_it_does_not():
    def f(x):
        if x[0] > 0.5 + 2.0**-18:
            raise np.linalg.LinAlgError("not positive definite")
        return cubes(x)

    report = check(f)
    assert report.verdict is gc.Verdict.PASS
    assert report.notes == (
        "f raised next to the point (LinAlgError: not positive definite); steps were kept where it does not",
    )


def test_an_infinitely_steep_function_has_no_derivative_and_says_so():
    report = check(lambda x: np.sum(np.cbrt(x)), np.ones_like, (np.array([0.0, 1.0]),))
    assert report.verdict is not gc.Verdict.PASS
    if report.verdict is gc.Verdict.INCONCLUSIVE:
        assert "f is infinitely steep at the point" in report[0].reason


def test_a_label_that_f_jumps_with_is_called_one():
    def hinge(s, y):
        return np.sum(np.maximum(0, 1 - np.sign(y) * s) ** 2)

    def gradient(s, y):
        return -2 * np.sign(y) * np.maximum(0, 1 - np.sign(y) * s), np.zeros_like(y)

    report = check(hinge, gradient, (X, np.array([0.0, 0.0, 0.0])))
    assert report["s"].verdict is gc.Verdict.PASS
    assert report["y"].verdict is gc.Verdict.INCONCLUSIVE
    assert "f jumps at the point when y moves" in report["y"].reason


def test_an_ill_conditioned_gradient_says_what_limits_it():
    x = np.array([1e6 + 0.1])
    report = check(lambda x: np.sum(np.sin(x)), np.cos, (x,))
    assert report.verdict is not gc.Verdict.FAIL
    wrong = check(lambda x: np.sum(np.sin(x)), lambda x: -np.cos(x), (x,))
    assert wrong.verdict is gc.Verdict.FAIL


def test_a_gradient_that_is_right_at_the_point_and_not_next_to_it_is_inconclusive():
    report = check(gradient=lambda x: 3 * x**2 * (1 + 1e-3 * (x != X)))
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert "right at the point and jumps there: beside the point it is another one" in report[0].reason


# Forms, oracles, options ---------------------------------------------------------------------------------------


def test_every_form_of_the_same_claim_has_the_same_verdict():
    def both(w, x):
        return product(w, x), product_gradient(w, x)

    def forward(w, x):
        return w @ x, (w, x)

    def layer_vjp(c, w, x):
        return np.outer(c, x), w.T @ c

    reports = [
        gc.check(product, product_gradient, (W, X)),
        gc.check(product, lambda w, x: dict(zip("wx", product_gradient(w, x), strict=True)), {"w": W, "x": X}),
        gc.check(both, args=(W, X)),
        gc.check(lambda w, x: w @ x, vjp=layer_vjp, args=(W, X)),
        gc.check(lambda w, x: w @ x, jvp=lambda v, w, x: v[0] @ x + w @ v[1], args=(W, X)),
        gc.check(forward, backward=lambda c, cache: layer_vjp(c, *cache), args=(W, X)),
    ]
    assert [str(r.verdict) for r in reports] == ["PASS"] * 6
    assert all([a.name for a in r] == ["w", "x"] for r in reports)


def test_a_wrong_claim_fails_in_every_form():
    reports = [
        gc.check(lambda w, x: w @ x, vjp=lambda c, w, x: (np.outer(c, x) / 2, w.T @ c), args=(W, X)),
        gc.check(lambda w, x: w @ x, jvp=lambda v, w, x: v[0] @ x / 2 + w @ v[1], args=(W, X)),
        gc.check(
            lambda w, x: (w @ x, x), backward=lambda c, x: (np.outer(c, x) / 2, None), args=(W, X), names=("w", "x")
        ),
    ]
    assert [str(r["w"].verdict) for r in reports] == ["FAIL"] * 3
    assert str(reports[0]["x"].verdict) == str(reports[1]["x"].verdict) == "PASS"


def test_a_jvp_that_is_not_linear_is_a_breach():
    report = gc.check(cubes, jvp=lambda v, x: np.abs(3 * x**2 @ v), args=(X,))
    assert report.verdict is gc.Verdict.FAIL
    twice = gc.check(cubes, jvp=lambda v, x: 3 * x**2 @ v + v @ v, args=(X,))
    assert "not linear in the tangent" in twice.complaint


def test_a_hessian_vector_product_is_the_gradient_of_a_gradients_product():
    v = np.array([1.0, -0.5, 0.25])
    assert check(lambda x: 3 * x**2 @ v, lambda x: 6 * x * v).verdict is gc.Verdict.PASS


def test_complex_arguments_follow_the_convention_that_minus_g_descends():
    z = np.array([1 + 2j, -0.5 + 0.25j])
    assert check(lambda z: np.sum(np.abs(z) ** 2), lambda z: 2 * z, (z,)).verdict is gc.Verdict.PASS
    conjugate = check(lambda z: np.sum(np.abs(z) ** 2), lambda z: 2 * np.conj(z), (z,))
    assert conjugate.verdict is gc.Verdict.FAIL


def test_symmetric_arguments_are_probed_along_what_tangent_allows():
    s = np.array([[2.0, 0.5], [0.5, 3.0]])

    def logdet(s):
        return 2 * np.sum(np.log(np.diag(np.linalg.cholesky(s))))

    def gradient(s):
        return np.linalg.inv(s)

    # a Cholesky reads the lower half only: along other directions its slope is another one
    assert check(logdet, gradient, (s,)).verdict is gc.Verdict.FAIL
    assert check(logdet, gradient, (s,), tangent={"s": lambda v: v + v.T}).verdict is gc.Verdict.PASS


def test_keyword_arguments_reach_function_and_gradient():
    report = gc.check(
        lambda x, *, p: np.sum(x**p), lambda x, *, p: p * x ** (p - 1), (X,), kwargs={"p": 4}, names=["point"]
    )
    assert report.verdict is gc.Verdict.PASS
    assert report["point"].shape == (3,)


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**40])
def test_a_power_of_two_on_the_loss_changes_nothing_of_the_report(factor):
    plain, scaled = check(), check(lambda x: factor * cubes(x), lambda x: factor * cubes_gradient(x))
    assert scaled[0].error == plain[0].error
    assert scaled.evaluations == plain.evaluations


def test_a_point_of_huge_and_tiny_entries_is_judged():
    x = np.array([1e-6, 1e-3, 1.0, 1e3, 1e6])
    assert check(lambda x: np.sum(np.log(x)), lambda x: 1 / x, (x,)).verdict is gc.Verdict.PASS
    wrong = check(lambda x: np.sum(np.log(x)), lambda x: 1 / x * [1.01, 1, 1, 1, 1], (x,))
    assert wrong.verdict is gc.Verdict.FAIL


def test_float32_is_judged_in_float64_where_the_function_allows_it():
    report = check(args=(X.astype(np.float32),))
    assert report.verdict is gc.Verdict.PASS
    assert report[0].dtype == "float32"
    assert report[0].error.high < 1e-7
    assert report[0].accuracy.verdict is gc.Verdict.PASS


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x.astype(np.float32) ** 3),
        lambda x: np.sum(x**3) if x.dtype == np.float32 else 1 / 0,
    ],
)
def test_float32_is_judged_at_its_own_noise_where_it_does_not(f):
    report = check(f, lambda x: (3 * x**2).astype(np.float32), (X.astype(np.float32),))
    assert report.verdict is gc.Verdict.PASS
    assert report[0].accuracy is None
    assert 1e-7 < report[0].error.high < 8e-3
    half = check(f, lambda x: (1.5 * x**2).astype(np.float32), (X.astype(np.float32),))
    assert half.verdict is gc.Verdict.FAIL


def test_a_gradient_that_stays_in_float32_is_not_judged_in_float64():
    report = check(gradient=lambda x: (3 * x**2).astype(np.float32), args=(X.astype(np.float32),))
    assert report[0].accuracy is None
    assert report.verdict is gc.Verdict.PASS


def test_a_gradient_rounded_to_float32_is_told_in_float64():
    report = check(gradient=lambda x: (np.float64(1 / 3) * 9 * x**2).astype(np.float32) * np.float32(1.0001))
    assert report.verdict is gc.Verdict.FAIL


# Repeating -----------------------------------------------------------------------------------------------------


def test_the_same_seed_repeats_the_check_to_the_bit_and_another_does_not():
    one, again, other = (check(gradient=lambda x: 3.03 * x**2, seed=s) for s in (7, 7, 8))
    assert one == again
    assert str(one) == str(again)
    assert one[0].error != other[0].error
    assert one.seed == 7
    assert "seed=7" in one.repeat


def test_evaluations_are_counted_without_those_of_the_contract():
    calls = []
    report = check(lambda x: calls.append(1) or cubes(x))
    assert report.evaluations + report.contract_evaluations == len(calls)
    assert report.evaluations < 40


# assert_gradient -----------------------------------------------------------------------------------------------


def test_assert_gradient_returns_the_report_of_a_pass():
    assert gc.assert_gradient(cubes, cubes_gradient, (X,)) == check()


@pytest.mark.parametrize(
    ("options", "verdict"), [({"gradient": lambda x: x}, "FAIL"), ({"max_evaluations": 12}, "INCONCLUSIVE")]
)
def test_assert_gradient_raises_on_everything_else_with_the_report_as_message(options, verdict):
    with pytest.raises(GradientError) as caught:
        gc.assert_gradient(cubes, **{"gradient": cubes_gradient, "args": (X,), **options})
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, GradcheckError)
    assert str(caught.value.report.verdict) == verdict
    assert str(caught.value) == str(caught.value.report)


# Oracles through the public face -------------------------------------------------------------------------------


def test_autograd_is_refused_for_numpy():
    with pytest.raises(UnsupportedError, match="oracle='autograd' needs Torch tensors"):
        check(oracle="autograd")


def test_the_oracle_is_named_in_the_report():
    assert check().oracle == "finite differences"
    assert "[finite differences, " in str(check())
    pytest.importorskip("flint")
    assert check(oracle="exact").oracle == "exact"
    assert check(oracle="exact").verdict is gc.Verdict.PASS
    assert check(gradient=lambda x: 3 * x**2 + 1e-9, oracle="exact").verdict is gc.Verdict.FAIL


def test_autograd_judges_torch_functions():
    torch = pytest.importorskip("torch")
    x = torch.tensor(X)
    right = gc.check(lambda x: (x**3).sum(), lambda x: 3 * x**2, (x,), oracle="autograd")
    assert right.verdict is gc.Verdict.PASS
    assert right[0].error.high < 1e-10
    wrong = gc.check(lambda x: (x**3).sum(), lambda x: 3 * x**2 * (1 + 1e-9), (x,), oracle="autograd")
    assert wrong.verdict is gc.Verdict.FAIL


def test_a_claim_of_zero_is_wrong_where_only_round_off_keeps_f_from_moving_next_to_the_point():
    large = 1e8

    def f(b):
        return large + np.sum((b - 1) ** 2)

    report = gc.check(f, lambda b: 0 * b, (np.array([1e-3]),))
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].worst[0].measured.real == pytest.approx(-1.998, rel=1e-3)


def test_a_right_gradient_of_a_logarithm_in_steps_up_to_the_edge_of_its_domain_is_no_fail():
    for seed in range(20):
        x = 10.0 ** np.random.default_rng(seed).uniform(-3, 3, 20)
        report = gc.check(lambda x: np.round(np.sum(np.log(x)), 2), lambda x: 1 / x, (x,), seed=seed)
        assert report.verdict is not gc.Verdict.FAIL


@pytest.mark.parametrize("entries", [[0, 1, -1], [0, 0, 0]])
def test_zeros_among_float16_are_no_size(entries):
    a = np.array(entries, np.float16)
    assert gc.check(lambda a: np.sum(np.tanh(a)), lambda a: 1 - np.tanh(a) ** 2, (a,)).verdict is gc.Verdict.PASS


def test_a_kink_that_shows_at_coarse_steps_only_is_no_error_of_the_program():
    w = np.random.default_rng(2).standard_normal(10)
    for seed in range(6):
        report = gc.check(lambda w: 100.0 + 1e-14 * np.sum(np.abs(w)), lambda w: 1e-14 * np.sign(w), (w,), seed=seed)
        assert report.verdict is not gc.Verdict.FAIL


def test_integers_of_numpy_are_integers():
    report = gc.check(
        lambda x: np.sum(x**2),
        lambda x: 2 * x,
        (np.ones(3),),
        seed=np.int64(3),
        probes=np.int32(5),
        max_evaluations=None,
    )
    assert report.verdict is gc.Verdict.PASS
    assert type(report.seed) is int
    assert len(report[0].probes) == 5


# At the ends of the floats -----------------------------------------------------------------------------------------


def test_an_output_as_small_as_a_float_can_be_is_weighed_like_another():
    x = np.array([0.5, 2.0])
    report = gc.check(lambda x: (x, np.full(2, 5e-324)), vjp=lambda c, x: 1.0 * c[0], args=(x,))  # noqa: ARG005  that is the case
    assert report.verdict is gc.Verdict.PASS


@pytest.mark.parametrize(
    ("slope", "verdicts"), [(1e307, {"PASS", "INCONCLUSIVE"}), (1e308, {"FAIL"}), (-1e307, {"FAIL"})]
)
def test_a_kink_between_slopes_as_large_as_floats_can_be_is_judged(slope, verdicts):
    x = np.array([0.5, 2.0])
    report = gc.check(lambda x: 1e307 * np.abs(x - 0.5).sum(), lambda x: slope * np.sign(x - 0.5), (x,))
    assert str(report.verdict) in verdicts, str(report)
