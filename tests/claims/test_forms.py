import math
import re
import sys
import types

import numpy as np
import pytest

from gradcheck import Verdict, check
from gradcheck.claims.claim import Given
from gradcheck.claims.forward_backward import ForwardBackwardClaim
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.jvp import JvpClaim
from gradcheck.claims.outputs import OtherShape, cotangent
from gradcheck.claims.point import point, title_of, tree_names
from gradcheck.claims.tree import Tree
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import ArgumentError, WrongClaim
from gradcheck.slopes.streams import Purpose, stream

X = np.array([0.5, -1.5, 2.0])
W = np.array([[1.0, 2.0, 0.5], [-1.0, 0.25, 3.0]])


def energy(x, power=2):
    return np.sum(x**power)


def energy_gradient(x, power=2):
    return power * x ** (power - 1)


def linear(w, x):
    return w @ x


def linear_vjp(c, w, x):
    return np.outer(c, x), w.T @ c


def linear_jvp(tangents, w, x):
    dw, dx = tangents
    return dw @ x + w @ dx


def slope(claim, i, v, h=2.0**-20):
    """A plain central difference along v of leaf i: enough to tell a right claim from a wrong one."""
    ends = []
    for t in (h, -h):
        leaves = list(claim.leaves)
        leaves[i] = leaves[i] + t * v
        ends.append(claim.function(leaves))
    return (ends[0] - ends[1]) / (2 * h)


# The point -----------------------------------------------------------------------------------------------------


def test_the_point_is_flattened_with_names_from_the_signature():
    tree, leaves = point((W, X), linear, None)
    assert tree.names == ("w", "x")
    assert np.array_equal(leaves[0], W)
    assert np.array_equal(leaves[1], X)
    assert not np.shares_memory(leaves[1], X)


def test_python_floats_become_numpy_scalars():
    _, leaves = point((0.5, 1j, 3), lambda a, b, n: a, None)  # noqa: ARG005
    assert [type(x) for x in leaves] == [np.float64, np.complex128]


def test_a_dict_of_arguments_is_named_by_its_keys():
    tree, leaves = point({"w": W, "rest": [X, {"n": 3}]}, linear, None)
    assert tree.names == ("w", "rest.0")
    assert len(leaves) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (X, r"args is a ndarray, wanted a tuple of arrays: pass args=\(x,\)"),
        (3.0, "args is a float"),
        ((), r"args has no floating array \(it is empty\)"),
        ((np.array([1, 2]), "x"), r"args has no floating array \(ndarray int64, str\): cast one to float64"),
        ({"n": 3}, r"args has no floating array \(int\)"),
        (([1.0, 2.0],), r"argument 0 is a list of numbers, wanted an array: pass np.asarray\(\[1.0, 2.0\]...\)"),
        ((X, [1, 2]), "argument 1 is a list of numbers"),
        (([[1.0, 2.0], [3.0, 4.0]],), "argument 0 is a list of numbers"),
        ((np.ma.array(X),), "is a masked array, wanted a plain one"),
    ],
)
def test_a_point_without_arrays_is_refused(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        point(arguments, energy, None)


# The gradient of a scalar --------------------------------------------------------------------------------------


def test_a_loss_and_its_gradient_make_a_claim():
    claim = GradientClaim(energy, energy_gradient, Given((X,), kwargs={"power": 3}))
    assert claim.names == ("x",)
    assert claim.title == "energy"
    assert claim.function([X]) == float(np.sum(X**3))
    assert np.array_equal(claim.claimed([X])[0], 3 * X**2)
    assert claim.output_dtype([X.astype(np.float32)]) == "float32"
    assert claim.raw([X]) == np.sum(X**3)
    assert claim.arguments([X]) == (X,)
    assert claim.predicted is None
    assert claim.linear is None


def test_one_function_may_return_loss_and_gradients_together():
    claim = GradientClaim(lambda x: (energy(x), energy_gradient(x)), None, Given((X,)))
    assert claim.function([X]) == float(np.sum(X**2))
    assert np.array_equal(claim.claimed([X])[0], 2 * X)
    assert claim.title == "f"


@pytest.mark.parametrize("result", [1.5, (1.5,), (1.5, X, X), [1.5, X]])
def test_a_function_alone_that_returns_no_pair_is_no_claim(result):
    with pytest.raises(ArgumentError, match=r"no gradient was passed and f returned \w+, wanted \(loss, gradients\)"):
        GradientClaim(lambda _: result, None, Given((X,)))


def test_a_loss_that_is_an_array_is_refused_when_it_is_evaluated():
    claim = GradientClaim(lambda x: x, lambda x: x, Given((X,)))
    with pytest.raises(ArgumentError, match=r"f returned an array of shape \(3,\), wanted a scalar"):
        claim.function([X])


def test_a_loss_that_is_a_python_float_counts_as_float64():
    claim = GradientClaim(lambda x: float(x.sum()), np.ones_like, Given((X.astype(np.float32),)))
    assert claim.output_dtype(claim.leaves) == "float64"


def test_names_come_from_f_unless_it_takes_anything():
    assert GradientClaim(energy, lambda y: y, Given((X,))).names == ("x",)
    assert GradientClaim(lambda *args: 0.0 * len(args), energy_gradient, Given((X,))).names == ("x",)
    assert GradientClaim(energy, energy_gradient, Given((X,), names=["mine"])).names == ("mine",)
    assert GradientClaim(energy, energy_gradient, Given({"x": X})).names == ("x",)


# A vjp ---------------------------------------------------------------------------------------------------------


def test_a_vjp_claims_the_gradient_of_a_fixed_contraction():
    claim = VjpClaim(linear, linear_vjp, Given((W, X)))
    gw, gx = claim.claimed(claim.leaves)
    assert slope(claim, 0, W) == pytest.approx(float(np.sum(gw * W)), rel=1e-8)
    assert slope(claim, 1, X) == pytest.approx(float(np.sum(gx * X)), rel=1e-8)
    assert claim.raw(claim.leaves) == pytest.approx(claim.function(claim.leaves), rel=1e-12)
    assert claim.linear(claim.leaves) is None


def test_another_seed_asks_with_another_cotangent():
    values = {VjpClaim(linear, linear_vjp, Given((W, X), seed=seed)).function((W, X)) for seed in range(5)}
    assert len(values) == 5


def test_cotangents_are_exact_in_every_dtype():
    c = cotangent(np.zeros(200), stream(0, Purpose.COTANGENT))
    assert np.array_equal(c.astype(np.float16), c)
    bits = np.abs(c) / 2.0 ** (np.floor(np.log2(np.abs(c))) - 7)
    assert np.array_equal(bits, np.round(bits))
    z = cotangent(np.zeros(3, dtype=np.complex64), stream(0, Purpose.COTANGENT))
    assert np.array_equal(z.astype(np.complex64), z)
    assert np.all(z.imag != 0)


def test_cotangents_arrive_in_the_dtype_of_the_output():
    seen = []

    def pulled(c, _):
        seen.append(c.dtype)
        return c * 2

    claim = VjpClaim(lambda x: 2 * x, pulled, Given((X.astype(np.float32),)))
    claim.claimed(claim.leaves)
    claim.claimed([X])
    assert seen == [np.float32, np.float64]


def test_a_function_of_two_outputs_is_asked_with_two_cotangents():
    claim = VjpClaim(lambda x: (x**2, x.sum()), lambda c, x: 2 * c[0] * x + c[1], Given((X,)))
    (g,) = claim.claimed([X])
    assert slope(claim, 0, X) == pytest.approx(float(g @ X), rel=1e-8)


def test_a_dict_of_outputs_is_asked_in_its_order_and_what_is_no_float_is_left_out():
    def f(x):
        return {"y": 3 * x, "n": 5, "s": float(x[0])}

    claim = VjpClaim(f, lambda c, _: 3 * c["y"] + np.array([c["s"], 0, 0]), Given((X,)))
    (g,) = claim.claimed([X])
    assert slope(claim, 0, X) == pytest.approx(float(g @ X), rel=1e-8)


def test_arguments_by_name_reach_the_pullback_by_name():
    claim = VjpClaim(linear, lambda c, x, w: {"x": w.T @ c, "w": np.outer(c, x)}, Given({"w": W, "x": X}))
    gw, gx = claim.claimed(claim.leaves)
    assert slope(claim, 0, W) == pytest.approx(float(np.sum(gw * W)), rel=1e-8)
    assert slope(claim, 1, X) == pytest.approx(float(np.sum(gx * X)), rel=1e-8)


def test_complex_outputs_are_contracted_by_the_real_part():
    claim = VjpClaim(lambda x: (1 + 2j) * x, lambda c, _: (np.conj(1 + 2j) * c).real, Given((X,)))
    (g,) = claim.claimed([X])
    assert slope(claim, 0, X) == pytest.approx(float(g @ X), rel=1e-8)
    assert isinstance(claim.function([X]), float)
    assert claim.raw([X]) == pytest.approx(claim.function([X]), rel=1e-12)


@pytest.mark.parametrize(
    ("pullback", "words"),
    [
        (lambda c, w, x: (np.outer(np.ones_like(c), x), w.T @ c), "ignores the cotangent: twice .* the gradient of w"),
        (lambda c, w, x: (np.outer(c, x), w.T @ c**2), "squares the cotangent: twice .* the gradient of x"),
        (lambda c, w, x: (np.outer(c, x), w.T @ np.abs(c)), "ignores the sign of the cotangent: minus .* of x"),
        (lambda c, w, x: (np.outer(c, x), w.T @ np.maximum(c, 0)), "not linear in the cotangent: minus .* of x"),
        (lambda c, w, x: (np.outer(c, x), w.T @ (c + 1)), "is not linear in the cotangent: twice .* gradient of x"),
    ],
)
def test_a_vjp_that_is_not_linear_in_its_cotangent_is_told(pullback, words):
    claim = VjpClaim(linear, pullback, Given((W, X)))
    assert re.search(words, claim.linear(claim.leaves))


def test_round_off_and_missing_or_odd_gradients_are_no_breach_of_linearity():
    def pulled(c, w, x):
        return None, (w.T @ c) * (1 + 1e-15 * math.copysign(1, c[0])) + 0 * x

    assert VjpClaim(linear, pulled, Given((W, X))).linear((W, X)) is None
    shapes = iter([np.zeros(3), np.zeros(2), np.zeros(2)])
    odd = VjpClaim(linear, lambda *_: (None, next(shapes)), Given((W, X)))
    assert odd.linear((W, X)) is None  # another shape is told elsewhere


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda _: None, r"f returned no floating array \(NoneType\)"),
        (lambda _: np.array([1, 2]), r"f returned no floating array \(ndarray\)"),
        (lambda _: (), "f returned no floating array"),
    ],
)
def test_a_function_without_a_floating_output_is_refused(function, words):
    with pytest.raises(ArgumentError, match=words):
        VjpClaim(function, lambda c, _: c, Given((X,)))


def test_an_output_that_changes_its_shape_or_number_is_refused():
    claim = VjpClaim(lambda x: x[x > 0], lambda c, _: c, Given((X,)))
    with pytest.raises(OtherShape, match=r"f returned shape \(3,\) here, and \(2,\) at the point"):
        claim.function([np.abs(X)])
    claim = VjpClaim(lambda x: [x] * int(np.sum(x > 0)), lambda c, _: c[0], Given((X,)))
    with pytest.raises(OtherShape, match="f returned 3 arrays here, and 2 before"):
        claim.function([np.abs(X)])


# A jvp ---------------------------------------------------------------------------------------------------------


def test_a_jvp_predicts_the_slope_of_the_contraction():
    claim = JvpClaim(linear, linear_jvp, Given((W, X)))
    assert claim.claimed(claim.leaves) == (None, None)
    assert claim.predicted(claim.leaves, 0, W) == pytest.approx(slope(claim, 0, W), rel=1e-8)
    assert claim.predicted(claim.leaves, 1, X) == pytest.approx(slope(claim, 1, X), rel=1e-8)
    assert claim.linear(claim.leaves) is None
    assert claim.output_dtype(claim.leaves) == "float64"
    assert claim.raw(claim.leaves) == pytest.approx(claim.function(claim.leaves), rel=1e-12)
    assert all(map(np.array_equal, claim.arguments(claim.leaves), (W, X)))


def test_a_single_tangent_comes_alone_and_nested_or_named_ones_like_the_arguments():
    alone = JvpClaim(energy, lambda v, x: 2 * x @ v, Given((X,)))
    assert alone.predicted((X,), 0, X) == pytest.approx(slope(alone, 0, X), rel=1e-8)
    nested = JvpClaim(lambda p: linear(*p), lambda v, p: linear_jvp(v[0], *p), Given(((W, X),)))
    assert nested.predicted((W, X), 1, X) == pytest.approx(slope(nested, 1, X), rel=1e-8)
    named = JvpClaim(linear, lambda v, w, x: linear_jvp((v["w"], v["x"]), w, x), Given({"w": W, "x": X}))
    assert named.predicted((W, X), 0, W) == pytest.approx(slope(named, 0, W), rel=1e-8)


def test_a_jvp_of_complex_arguments_is_asked_with_complex_zeros_beside():
    claim = JvpClaim(lambda a, b: a * b, lambda v, a, b: v[0] * b + a * v[1], Given((X + 1j, X - 2j)))
    assert claim.predicted(claim.leaves, 0, X * 1j) == pytest.approx(slope(claim, 0, X * 1j), rel=1e-8)


def test_a_jvp_of_the_wrong_shape_is_a_wrong_claim():
    claim = JvpClaim(linear, lambda v, w, x: x, Given((W, X)))  # noqa: ARG005
    with pytest.raises(WrongClaim, match=r"the jvp returned shape \(3,\), wanted \(2,\), the shape of f"):
        claim.predicted(claim.leaves, 0, W)


BAD_JVPS = {
    "raises": (lambda *_: {}["y"], "the jvp raised KeyError: 'y'"),
    "none": (lambda *_: None, "the jvp returned NoneType, wanted 1: one like each output of f"),
    "several": (lambda v, _: (v, v), "the jvp returned 2 floating arrays, wanted 1"),
    "nan": (lambda v, _: v * np.nan, "the jvp returned a number that is not finite"),
    "in place": (lambda v, x: v.__imul__(2 * x), "the jvp changes the tangent of x in place: work on a copy"),
}


@pytest.mark.parametrize(("pushforward", "words"), BAD_JVPS.values(), ids=BAD_JVPS)
def test_a_jvp_that_returns_no_such_output_is_a_fail_in_one_sentence(pushforward, words):
    report = check(lambda x: x**2, jvp=pushforward, args=(X,))
    assert report.verdict is Verdict.FAIL
    assert words in report.complaint


def test_a_backward_that_writes_into_its_cotangent_is_told_and_meets_it_unchanged():
    def backward(dout, x):
        dout[x <= 0] = 0
        return dout

    x = np.array([0.5, -1.5, 2.0])
    report = check(lambda x: (np.maximum(x, 0), x), backward=backward, args=(x,))
    assert report.complaint == "the vjp changes its cotangent in place: work on a copy"
    assert check(lambda x: (np.maximum(x, 0), x), backward=lambda d, x: backward(d.copy(), x), args=(x,))


def test_a_vjp_that_raises_for_another_cotangent_is_a_fail():
    calls = []

    def pullback(cotangent, x):
        calls.append(cotangent)
        return 2 * x * cotangent if len(calls) == 1 else {}["y"]

    assert "the vjp raised KeyError" in check(lambda x: x**2, vjp=pullback, args=(X,)).complaint


def test_a_jvp_that_is_not_linear_in_its_tangent_is_told():
    claim = JvpClaim(linear, lambda v, w, x: linear_jvp(v, w, x) + v[1] @ v[1], Given((W, X)))
    assert claim.linear(claim.leaves) == (
        "the jvp is not linear in the tangent of x: twice the tangent does not give twice"
    )


# forward and backward ------------------------------------------------------------------------------------------


def forward(w, x):
    return w @ x, (w, x)


def test_a_backward_reads_the_cache_of_its_forward():
    claim = ForwardBackwardClaim(forward, lambda c, cache: linear_vjp(c, *cache), Given((W, X)))
    assert claim.names == ("w", "x")
    gw, gx = claim.claimed(claim.leaves)
    assert slope(claim, 0, W) == pytest.approx(float(np.sum(gw * W)), rel=1e-8)
    assert slope(claim, 1, X) == pytest.approx(float(np.sum(gx * X)), rel=1e-8)


@pytest.mark.parametrize(("arguments", "names"), [({"w": W, "x": X}, ("w", "x")), (((W, X),), ("pair.0", "pair.1"))])
def test_names_survive_the_wrapping_of_forward(arguments, names):
    def nested(pair):
        return forward(*pair)

    f = forward if isinstance(arguments, dict) else nested
    claim = ForwardBackwardClaim(
        f, lambda c, cache: linear_vjp(c, *cache) if f is forward else (linear_vjp(c, *cache),), Given(arguments)
    )
    assert claim.names == names
    assert claim.claimed(claim.leaves)[1] is not None


def test_a_report_of_a_forward_and_its_backward_has_the_forward_s_name():
    def scaled(x):
        return 2 * x, None

    assert check(scaled, backward=lambda dout, _: 2 * dout, args=(X,)).title == "scaled"


def test_inputs_that_are_no_tensors_are_refused_with_torch_or_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as where it is not installed
    with pytest.raises(ArgumentError, match="inputs= has no Torch tensor: pass args= and gradient="):
        check(energy, inputs=(X,))


def test_a_forward_without_a_cache_is_refused():
    with pytest.raises(ArgumentError, match=r"linear returned ndarray, wanted \(out, cache\) since backward= was pass"):
        ForwardBackwardClaim(linear, lambda c, _: c, Given((W, X)))


def test_names_given_by_the_caller_are_kept():
    tree = Tree.of((W, X), ("w", "x"))
    assert tree_names(tree, ["a", "b"]) == ["a", "b"]
    assert tree_names(tree, None) == ("w", "x")


def test_functions_are_called_by_their_name_in_messages():
    class Model:
        @classmethod
        def able(cls):
            return cls

    assert title_of(energy) == "energy"
    assert title_of(lambda: 0) == "f"
    assert title_of(Model()) == "Model"
    assert title_of(Model.able) == "able"
    assert title_of(types.SimpleNamespace(__name__="(loss)")) == "(loss)"


def test_a_gradient_is_one_for_each_argument_before_it_is_nested_like_one_of_them():
    def f(pair, z):
        return np.sum(pair[0]) + np.sum(pair[1]) + np.sum(z**2)

    report = check(f, lambda _, z: (None, 2 * z), ((X, X), X))
    assert [(a.name, str(a.verdict)) for a in report] == [("z", "PASS")]


def test_a_gradient_is_nested_like_an_argument_only_where_its_shapes_are_that_arguments():
    two = np.array([0.5, 2.0])

    def f(pair, y, z):
        return np.sum(pair[0]) + np.sum(pair[1]) + np.sum(y**2) + np.sum(z**2)

    report = check(f, lambda _, y, z: (2 * y, 2 * z), ((two, two), X, X), only=("y", "z"))
    assert [(a.name, str(a.verdict)) for a in report] == [("y", "PASS"), ("z", "PASS")]


@pytest.mark.parametrize("form", ["gradient", "vjp", "jvp", "backward", "loss and gradients"])
def test_a_function_that_raises_at_the_point_is_the_callers_error_in_every_form(form):
    def broken(_):
        raise RuntimeError("no such layer")

    claim = {} if form == "loss and gradients" else {form: lambda *arrays: arrays[-1]}
    with pytest.raises(ArgumentError, match="broken raised RuntimeError at the point: no such layer"):
        check(broken, args=(np.array([1.0, 2.0]),), **claim)


# What a vjp is passed for tuples, and a jvp at a kink ----------------------------------------------------------


@pytest.mark.parametrize(
    "outputs", [lambda x: (x**2, x.argmax(1)), lambda x: (x**2,), lambda x: [x**2], lambda x: (x**2, None)]
)
def test_a_function_that_returns_a_tuple_has_a_tuple_of_cotangents_even_of_one(outputs):
    x = np.arange(12.0).reshape(4, 3) - 5.5
    assert check(outputs, vjp=lambda c, x: c[0] * 2 * x, args=(x,)).verdict is Verdict.PASS
    assert check(lambda x: x**2, vjp=lambda c, x: c * 2 * x, args=(x,)).verdict is Verdict.PASS


@pytest.mark.parametrize(("at_zero", "convention"), [(0.0, "left"), (1.0, "right"), (0.5, "midpoint"), (1.5, None)])
@pytest.mark.parametrize("x", [np.array([0.0, 1.0, -1.0]), np.zeros(4), np.array(0.0)])
@pytest.mark.parametrize("seed", range(2))
def test_a_jvp_at_a_kink_is_judged_as_the_gradient_that_it_gives(at_zero, convention, x, seed):
    report = check(
        lambda x: np.maximum(x, 0), jvp=lambda t, x: t * ((x > 0) + at_zero * (x == 0)), args=(x,), seed=seed
    )
    assert report.verdict is (Verdict.FAIL if convention is None else Verdict.PASS)
    if convention is not None:
        assert report[0].kink.convention == convention


def test_a_complex_jvp_at_a_kink_gives_its_gradient():
    z = np.array([0j, 1 + 1j])
    report = check(
        lambda z: np.maximum(z.real, 0) + z.imag**2,
        jvp=lambda t, z: (z.real >= 0) * t.real + 2 * z.imag * t.imag,
        args=(z,),
    )
    assert report.verdict is Verdict.PASS
    assert report[0].kink.convention == "right"


def test_a_jvp_of_many_entries_at_a_kink_is_undecided_and_says_what_to_do():
    report = check(lambda x: np.maximum(x, 0), jvp=lambda t, x: t * (x > 0), args=(np.arange(1025.0),))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "a jvp of more than 1024 entries shows too little: claim a vjp" in report[0].reason
