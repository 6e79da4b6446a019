import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import lsq_linear

import gradcheck as gc
from gradcheck.errors import ArgumentError
from gradcheck.kinks import kink
from gradcheck.kinks.beside import Beside
from gradcheck.kinks.formula import Formula
from gradcheck.verdicts.certificate import Interval

C = np.array([1.0, 2.0, 3.0])
X = np.array([0.0, 1.5, -2.0])  # the first entry is at the kink


def relu(x):
    return np.sum(C * np.maximum(x, 0))


def relu_with(at_zero):
    """The gradient with relu'(0) = at_zero."""
    return lambda x: C * np.where(x > 0, 1.0, np.where(x < 0, 0.0, at_zero))


def check(f, gradient, *args, **options):
    return gc.check(f, gradient, args or (X,), **options)


def test_a_claim_made_of_many_kinks_with_weights_of_their_own_is_found_in_few_claims():
    x = np.zeros(24)
    weights = np.array([0.0, 0.25, 0.5, 1.0] * 6)
    report = check(lambda x: np.sum(np.maximum(x, 0)), lambda x: np.where(x > 0, 1.0, np.where(x < 0, 0.0, weights)), x)
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink.convention == "mixed"
    assert report.gradient_evaluations <= 48


# One kink at one entry -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at_zero", "convention"), [(1.0, "right"), (0.0, "left"), (0.5, "midpoint"), (0.25, "other")])
@pytest.mark.parametrize("known", [False, True])
def test_every_value_between_the_sides_is_a_subgradient_and_its_convention_is_named(at_zero, convention, known):
    report = check(relu, relu_with(at_zero), kink_of=(lambda x: x) if known else None)
    assert report.verdict is gc.Verdict.PASS
    found = report[0].kink
    assert found.convention == convention
    assert found.valid
    assert found.entries == ((0,),)
    assert found.within < 1e-3
    assert report[0].error.high < 1e-6
    assert f": {convention}, a subgradient" in str(report)


@pytest.mark.parametrize("at_zero", [1.01, -0.01, 2.0])
@pytest.mark.parametrize("known", [False, True])
def test_a_value_beyond_the_sides_is_no_subgradient(at_zero, known):
    report = check(relu, relu_with(at_zero), kink_of=(lambda x: x) if known else None)
    assert report.verdict is gc.Verdict.FAIL
    assert not report[0].kink.valid
    assert "no subgradient of f" in report[0].reason
    if known:
        assert f"the claim uses {at_zero:.3g} at the kink, wanted a value in [0, 1]" in report[0].reason
    beyond = max(at_zero - 1, -at_zero)
    assert 0 < report[0].error.low <= beyond


@pytest.mark.parametrize("known", [False, True])
def test_a_formula_that_is_wrong_next_to_the_kink_is_wrong(known):
    report = check(relu, lambda x: 2 * relu_with(1.0)(x), kink_of=(lambda x: x) if known else None)
    assert report.verdict is gc.Verdict.FAIL
    assert "wrong already next to the kink, where f is smooth" in report[0].reason
    assert not report[0].kink.valid
    assert "factor 2" in report[0].advice


def test_the_error_next_to_a_kink_is_relative_to_the_gradient():
    plain = check(relu, lambda x: 2 * relu_with(1.0)(x))[0].error
    assert 0 < plain.low <= 1 <= plain.high
    scaled = check(lambda x: 2.0**10 * relu(x), lambda x: 2.0**11 * relu_with(1.0)(x))[0].error
    assert (scaled.low, scaled.high) == pytest.approx((plain.low, plain.high), rel=1e-6)
    seen = [check(lambda x, c=c: c * relu(x), lambda x, c=c: c * relu_with(1.0)(x))[0] for c in (1.0, 2.0**10)]
    assert seen[0].smallest_error == pytest.approx(seen[1].smallest_error, rel=1e-6)


@pytest.mark.parametrize("known", [False, True])
def test_an_entry_that_is_wrong_at_the_point_only_and_has_no_kink_is_named(known):
    def gradient(x):
        g = relu_with(1.0)(x)
        g[1] += 0.5 * (x[0] == 0)
        return g

    report = check(relu, gradient, kink_of=(lambda x: x) if known else None)
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].reason == (
        "at (1,) the claim differs from the claims next to it, though f has no kink in that entry"
    )
    if not known:
        assert 0 < report[0].error.low <= 0.5 / np.linalg.norm(gradient(X))  # by so much of the gradient at least


def test_the_side_is_the_arguments_and_the_kink_variables_where_one_is_known():
    # −x is the kink variable: its right is the argument's left
    report = check(lambda x: relu(-x), lambda x: -relu_with(1.0)(-x))
    assert report[0].kink.convention == "left"
    known = check(lambda x: relu(-x), lambda x: -relu_with(1.0)(-x), kink_of=lambda x: -x)
    assert known[0].kink.convention == "right"


@pytest.mark.parametrize(("required", "verdict"), [("right", "PASS"), ("left", "FAIL"), ("midpoint", "FAIL")])
@pytest.mark.parametrize("known", [False, True])
def test_a_required_convention_is_required(required, verdict, known):
    report = check(relu, relu_with(1.0), kink=required, kink_of=(lambda x: x) if known else None)
    assert str(report.verdict) == verdict
    if verdict == "FAIL":
        of = "the kink variable" if known else "the argument"
        assert report[0].reason == f"the convention at the kink is right, wanted {required} ({of}) at (0,)"
        assert report[0].kink.valid


def test_a_long_list_of_entries_is_cut_in_the_message():
    x = np.zeros(6)
    report = check(
        lambda x: np.sum(np.arange(1, 7) * np.maximum(x, 0)), lambda x: np.arange(1.0, 7.0) * (x >= 0), x, kink="left"
    )
    assert "at (0,), (1,), (2,) and 3 more" in report[0].reason


def test_both_conventions_in_one_array_are_mixed():
    def gradient(x):
        return C * np.where(x > 0, 1.0, np.where(x < 0, 0.0, [1.0, 0.0, 1.0]))

    report = check(relu, gradient, np.zeros(3))
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink.convention == "mixed"
    assert check(relu, gradient, np.zeros(3), kink_of=lambda x: x)[0].kink.convention == "mixed"


def test_a_kink_near_the_point_but_not_at_it_is_stepped_past():
    report = check(relu, relu_with(1.0), np.array([1e-4, 1.5, -2.0]))
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink is None


def test_a_kink_nearer_than_the_steps_is_not_taken_for_one_at_the_point():
    def gradient(x):
        return C * (x > 0)

    for distance in (1e-9, 1e-11, 1e-13):
        x = np.array([distance, 1.5, -2.0])
        assert check(relu, gradient, x).verdict is not gc.Verdict.FAIL


def test_float32_and_scaled_arguments_have_their_kinks_judged():
    for x in (X.astype(np.float32), 1e6 * X, 1e-6 * X, np.array([0.0, 1e-4, -2e3])):
        right = check(lambda x: np.sum(np.maximum(x, 0)), lambda x: 1.0 * (x >= 0).astype(x.dtype), x)
        assert right.verdict is gc.Verdict.PASS, x
        assert right[0].kink.convention == "right"
        wrong = check(lambda x: np.sum(np.maximum(x, 0)), lambda x: (1.0 * (x >= 0) + (x == 0)).astype(x.dtype), x)
        assert wrong.verdict is gc.Verdict.FAIL, x


def test_the_modulus_of_a_complex_number_at_zero_is_no_failure_of_the_program():
    z = np.array([0j, 1 + 1j])
    report = check(
        lambda z: np.sum(np.maximum(z.real, 0) + z.imag**2), lambda z: (z.real >= 0) + 2j * z.imag, z, kink="right"
    )
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink.entries == ((0,),)


def test_a_function_curved_on_both_sides_is_judged_as_well():
    def f(x):
        return np.sum(np.exp(np.abs(x)))

    def gradient(x):
        return np.exp(np.abs(x)) * np.sign(x)

    report = check(f, gradient)
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink.convention == "midpoint"


# Several kinks -------------------------------------------------------------------------------------------------


def one_hot(x):
    return np.eye(len(x))[np.argmax(x)]


def shared(x):
    ties = x == x.max()
    return ties / ties.sum()


TIE = np.array([1.0, 1.0, 0.5])


@pytest.mark.parametrize("gradient", [one_hot, shared])
def test_any_mixture_of_the_tied_is_a_subgradient_of_max(gradient):
    report = check(np.max, gradient, TIE)
    assert report.verdict is gc.Verdict.PASS
    assert set(report[0].kink.entries) == {(0,), (1,)}


@pytest.mark.parametrize(
    ("shares", "convention"),
    [([1, 0, 0], "mixed"), ([0.5, 0.5, 0], "mixed"), ([1 / 3, 1 / 3, 1 / 3], "other")],
)
def test_at_a_tie_of_three_each_entry_has_a_side_of_its_own(shares, convention):
    def gradient(x):
        return np.array(shares, dtype=float) if np.ptp(x) == 0 else one_hot(x)

    report = check(np.max, gradient, np.ones(3))
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink.convention == convention


def test_both_of_a_tie_is_no_subgradient_although_each_entry_lies_between_its_sides():
    def both(x):
        return (x >= x.max() - 1e-300).astype(float)

    report = check(np.max, both, TIE)
    assert report.verdict is gc.Verdict.FAIL
    assert "no subgradient of f" in report[0].reason


def layer(w, x, c):
    """c·relu(x·w) summed: kinks where a hidden unit x·w_u is 0; each moves its own column of w."""
    return np.sum(np.maximum(x @ w, 0) @ c)


def layer_gradient(at_zero):
    def gradient(w, x, c):
        h = x @ w
        return x.T @ (np.where(h > 0, 1.0, np.where(h < 0, 0.0, at_zero)) * c), None, None

    return gradient


INPUT = np.array([[1.0, 2.0], [2.0, -1.0]])
WEIGHTS = np.array([[2.0, 1.0, 0.5], [-1.0, 2.0, 1.5]])  # h = [[0, 5, 3.5], [5, 0, -0.5]]
OUT = np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize(("at_zero", "convention"), [(1.0, "right"), (0.0, "left"), (0.5, "midpoint")])
def test_a_hidden_unit_at_zero_has_the_convention_of_its_kink_variable(at_zero, convention):
    report = check(layer, layer_gradient(at_zero), WEIGHTS, INPUT, OUT, kink_of=lambda w, x, _: x @ w)
    assert report.verdict is gc.Verdict.PASS
    assert report["w"].kink.convention == convention
    assert {entry[1] for entry in report["w"].kink.entries} == {0, 1}


def test_two_hidden_units_outside_their_sides_are_told():
    report = check(layer, layer_gradient(1.5), WEIGHTS, INPUT, OUT)
    assert report.verdict is gc.Verdict.FAIL
    known = check(layer, layer_gradient(1.5), WEIGHTS, INPUT, OUT, kink_of=lambda w, x, _: x @ w)
    assert "the claim uses 1.5 at the kink" in known["w"].reason


@pytest.mark.parametrize("at_zero", [0.0, 1.0, 1.5])
def test_kinks_that_move_the_same_entries_are_solved_for_together(at_zero):
    x = np.array([[1.0, 2.0], [2.0, -1.0], [1.0, 1.0]])
    w = np.zeros((2, 1))  # three kinks, two entries
    c = np.array([1.0])
    report = check(layer, layer_gradient(at_zero), w, x, c, kink_of=lambda w, x, _: (x @ w).ravel())
    assert report.verdict is (gc.Verdict.PASS if at_zero <= 1 else gc.Verdict.FAIL)


@pytest.mark.parametrize("sides", [[1, 0, 1], [0, 1, 1], [1, 0.5, 0]])
def test_kinks_that_move_the_same_entries_may_each_have_a_side_of_their_own(sides):
    x, w = np.array([[1.0, 2.0], [2.0, -1.0], [1.0, 1.0]]), np.zeros((2, 1))
    gradient = layer_gradient(np.array(sides, dtype=float)[:, None])
    report = check(layer, gradient, w, x, np.array([1.0]), kink_of=lambda w, x, _: (x @ w).ravel())
    assert report.verdict is gc.Verdict.PASS


# Kinks that share their entries: each entry alone, and each pair of them, lies between its sides.
SHARED = [
    [[1.0, 2.0], [-1.0, 2.0]],
    [[1.0, -2.0, -1.0], [2.0, 0.0, 1.0], [-3.0, 3.0, -2.0]],
    [[1.0, -1.0, -1.0, -2.0], [-1.0, -2.0, 2.0, 2.0], [3.0, -2.0, -1.0, 2.0], [-1.0, 2.0, -3.0, -1.0]],
]


@pytest.mark.parametrize("x", SHARED)
@pytest.mark.parametrize("at_zero", [1.5, -0.25])
def test_kinks_that_share_entries_let_no_wrong_value_pass_with_or_without_their_variable(x, at_zero):
    x, w = np.array(x), np.zeros((len(x[0]), 1))
    blind = check(layer, layer_gradient(at_zero), w, x, np.array([1.0]))
    assert blind.verdict is not gc.Verdict.PASS
    known = check(layer, layer_gradient(at_zero), w, x, np.array([1.0]), kink_of=lambda w, x, _: x @ w)
    assert known.verdict is gc.Verdict.FAIL


@pytest.mark.parametrize("x", SHARED)
@pytest.mark.parametrize("at_zero", [1.0, 0.0, 0.5])
def test_kinks_that_share_entries_fail_no_right_value(x, at_zero):
    x, w = np.array(x), np.zeros((len(x[0]), 1))
    blind = check(layer, layer_gradient(at_zero), w, x, np.array([1.0]))
    assert blind.verdict is gc.Verdict.PASS  # vertices in cells that random moves hardly meet are looked for
    known = check(layer, layer_gradient(at_zero), w, x, np.array([1.0]), kink_of=lambda w, x, _: x @ w)
    assert known.verdict is gc.Verdict.PASS


@pytest.mark.parametrize("x", SHARED)
def test_the_vertices_of_a_concave_function_are_looked_for_as_well(x):
    x, w = np.array(x), np.zeros((len(x[0]), 1))
    assert check(layer, layer_gradient(1.0), w, x, np.array([-1.0])).verdict is gc.Verdict.PASS


def test_kinks_that_coincide_and_cancel_make_the_chain_rules_value_wrong():
    x, y = np.array([[1.0], [-1.0]]), np.array([[-1.0], [1.0]])

    def loss(w):
        return np.sum((np.maximum(x * w, 0) - y) ** 2)

    def gradient(w):
        return np.sum(2 * (np.maximum(x * w, 0) - y) * (x * w >= 0) * x).reshape(1)

    report = check(loss, gradient, np.array([0.0]))
    assert report.verdict is gc.Verdict.FAIL
    assert "right next to the point and wrong at it" in report[0].reason
    assert "kinks of f cancel there, as in relu(x) - relu(-x)" in report[0].reason


def test_relu_of_x_minus_relu_of_minus_x_is_smooth_at_zero_and_the_answer_is_one():
    def f(x):
        return np.sum(C * (np.maximum(x, 0) - np.maximum(-x, 0)))

    assert check(f, lambda _: C).verdict is gc.Verdict.PASS
    for value in (0.0, 2.0):
        assert check(f, lambda x, v=value: C * np.where(x == 0, v, 1.0)).verdict is gc.Verdict.FAIL


def test_a_claim_that_jumps_sideways_at_the_kink_is_not_made_of_the_kinks_own_part():
    a = np.array([1.0, 2.0])

    def gradient(x):
        return np.ones(2) if a @ x == 0 else a * (a @ x > 0)  # (1, 1) lies not between (0, 0) and (1, 2)

    report = check(lambda x: np.maximum(a @ x, 0), gradient, np.array([2.0, -1.0]), kink_of=lambda x: a @ x)
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].reason == "no subgradient of f: the claim is not made of the kinks' own parts"


@pytest.mark.parametrize("seed", range(4))
def test_a_median_at_a_tie_has_a_kink_that_no_line_through_it_shows(seed):
    def gradient(x):
        return np.eye(len(x))[np.argsort(x, kind="stable")[len(x) // 2]]

    report = check(np.median, gradient, np.zeros(3), seed=seed)
    assert report.verdict is not gc.Verdict.FAIL
    wrong = check(np.median, lambda x: gradient(x) * (1 + (np.ptp(x) == 0)), np.zeros(3), seed=seed)
    assert wrong.verdict is not gc.Verdict.PASS


def nested(x):
    """The second kink is moved by the first: what they add to the gradient depends on each other."""
    return np.maximum(x[1] - np.maximum(x[0], 0), 0) + x[2] ** 2


def nested_gradient(x, at_zero, off=0.0):
    first = x[0] > 0 or (x[0] == 0 and at_zero)
    h = x[1] - max(x[0], 0)
    second = h > 0 or (h == 0 and at_zero)
    return np.array([-1.0 * first * second - off * (x[0] == 0), 1.0 * second, 2 * x[2]])


@pytest.mark.parametrize("at_zero", [1, 0])
def test_kinks_within_kinks_are_judged_as_a_black_box_is(at_zero):
    x = np.array([0.0, 0.0, 1.0])

    def variable(x):
        return np.array([x[0], x[1] - np.maximum(x[0], 0)])

    report = check(nested, lambda x: nested_gradient(x, at_zero), x, kink_of=variable)
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink.valid
    for seed in range(
        20
    ):  # some cells of the second kink are thin: random moves miss them, and kinks that are seen late
        right = check(nested, lambda x: nested_gradient(x, at_zero), x, kink_of=variable, seed=seed)
        assert right.verdict is gc.Verdict.PASS
        wrong = check(nested, lambda x: nested_gradient(x, at_zero, off=1.0), x, kink_of=variable, seed=seed)
        assert wrong.verdict is not gc.Verdict.PASS
        assert wrong.verdict is gc.Verdict.FAIL or not at_zero


@pytest.mark.parametrize(("at_zero", "verdict"), [(1.0, gc.Verdict.PASS), (2.0, gc.Verdict.FAIL)])
def test_a_kink_variable_that_names_a_kink_twice_with_both_signs_changes_no_verdict(at_zero, verdict):
    report = check(relu, relu_with(at_zero), kink_of=lambda x: np.concatenate([x, -x]))
    assert report.verdict is verdict


def test_a_kink_at_the_edge_of_the_domain_is_judged_along_the_directions_that_stay_inside():
    def f(x):
        return np.nan if x[1] < -abs(x[0]) / 2 else abs(x[0]) + x[1]

    at_edge = np.zeros(2)
    report = check(f, lambda x: np.array([np.sign(x[0]), 1.0]), at_edge)
    assert report.verdict is gc.Verdict.PASS
    assert report[0].kink.convention == "midpoint"
    wrong = check(f, lambda x: np.array([2.0 if x[0] == 0 else np.sign(x[0]), 1.0]), at_edge)
    assert wrong.verdict is gc.Verdict.FAIL


def nearly_tied(x):
    """max of two that differ by less than the steps of 1e-6 in which f is known."""
    return np.round((2 * max(x[0], x[1]) + x[2]) / 1e-6) * 1e-6


NEARLY_TIED = np.array([1 + 1e-7, 1.0, -2.0])


def nearly_tied_gradient(x):
    return np.array([2.0 * (x[0] >= x[1]), 2.0 * (x[0] < x[1]), 1.0])


def test_a_kink_nearer_than_the_noise_lets_steps_go_is_reported_as_near_and_not_at_the_point():
    report = check(nearly_tied, nearly_tied_gradient, NEARLY_TIED)
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert report[0].notes[0].startswith("f has a kink within ")
    assert report[0].notes[0].endswith(" of the argument's size of the point, not at it")
    assert "next to the kink, wanted" in report[0].reason
    loose = check(nearly_tied, nearly_tied_gradient, NEARLY_TIED, rtol=5e-2)
    assert loose.verdict is gc.Verdict.PASS
    assert loose[0].notes[0].startswith("f has a kink within ")
    assert loose[0].kink is None


def test_a_wrong_claim_near_a_kink_is_no_less_wrong():
    report = check(nearly_tied, lambda x: 1.5 * nearly_tied_gradient(x), NEARLY_TIED)
    assert report.verdict is gc.Verdict.FAIL


# What is said when it cannot be told ---------------------------------------------------------------------------


def test_a_kink_variable_without_a_zero_is_the_callers_mistake():
    with pytest.raises(ArgumentError, match="kink_of returned no zero at the point, but f has a kink there: name the"):
        check(relu, relu_with(1.0), kink_of=lambda x: x + 1)


def test_more_kinks_in_a_group_than_samples_are_inconclusive_and_never_a_pass():
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (24, 3)).astype(float)
    x[:, 0] = 1.0
    w, c = np.zeros((3, 1)), np.array([1.0])
    report = check(layer, layer_gradient(1.2), w, x, c)
    assert report.verdict is not gc.Verdict.PASS
    if report.verdict is gc.Verdict.INCONCLUSIVE:
        assert "pass kink_of= to name the kink variable, or oracle='exact'" in report["w"].reason


def test_an_rtol_coarser_than_the_bound_still_judges_the_kink():
    assert check(relu, relu_with(1.0), rtol=1e-2).verdict is gc.Verdict.PASS
    as_reached = check(relu, relu_with(1.0), rtol=check(relu, relu_with(1.0))[0].error.high)
    assert as_reached.verdict is gc.Verdict.PASS
    assert as_reached[0].error.high == as_reached[0].resolution
    tight = check(relu, relu_with(1.0), rtol=1e-14)
    assert tight.verdict is gc.Verdict.INCONCLUSIVE
    assert "next to the kink, wanted 1.0e-14" in tight[0].reason


def test_a_kink_leaves_the_smallest_error_of_its_one_sided_slopes():
    assert 0 < check(relu, relu_with(1.0))[0].smallest_error < 1e-6


# The parts -----------------------------------------------------------------------------------------------------


def test_only_a_claim_that_is_special_at_the_point_is_right_beside_it(trial_at):
    special = trial_at(lambda x: np.sum(x**2), lambda x: 2 * x * (x != 1.5), np.array([1.5, 0.5]))
    assert kink.right_beside(special, 1e-5)
    wrong = trial_at(lambda x: np.sum(x**2), lambda x: 3 * x, np.array([1.5, 0.5]))
    assert not kink.right_beside(wrong, 1e-5)
    outside = trial_at(
        lambda x: np.sum(x**2), lambda x: 3 * x if x[0] == 1.5 else np.full_like(x, math.nan), np.array([1.5, 0.5])
    )
    assert not kink.right_beside(outside, 1e-5)
    edge = trial_at(lambda x: np.nan if x[0] < 0 else np.sum(x), lambda x: (x != 0) * 1.0, np.array([0.0, 1.0]))
    assert not kink.right_beside(edge, 1.0)
    special.prediction.values = (None,)
    assert not kink.right_beside(special, 1e-5)


def test_a_claim_that_is_wrong_at_the_first_step_aside_is_asked_for_no_further(trial_at):
    wrong = trial_at(lambda x: np.sum(x**2), lambda x: 3 * x, np.array([1.5, 0.5]))
    before = wrong.prediction.evaluations
    assert not kink.right_beside(wrong, 1e-5)
    assert wrong.prediction.evaluations - before == 4


def test_claims_on_both_sides_of_the_point_of_different_pieces_tell_of_a_kink_close_to_it(trial_at):
    x = np.array([1 + 1e-9, 1.5])
    close = trial_at(lambda x: np.maximum(x - 1, 0).sum(), lambda x: 1.0 * (x > 1), x)
    said = kink.near_by(close)
    assert said.startswith("f has a kink within 1.5e-08 of the argument's size of the point")
    smooth = trial_at(lambda x: np.sum(x**2), lambda x: 2 * x, np.array([1.5, 0.5]))
    assert kink.near_by(smooth) == ""
    close.probes = []
    assert kink.near_by(close) == ""
    broken = trial_at(lambda x: np.maximum(x - 1, 0).sum(), lambda x: 1.0 * (x > 1) if x[0] == 1 + 1e-9 else x[:1], x)
    assert kink.near_by(broken) == ""
    assert not kink.without_the_jump(broken)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_jump_of_the_claim_at_the_point_is_no_round_off_of_it(trial_at, size):
    """Moved by a unit of round-off a claim that is special at the point changes by all that it is off."""
    x = size * np.array([1.5, 0.5])
    special = trial_at(lambda x: np.sum(x**2), lambda x: 2 * x * (x != 1.5 * size), x)
    special.jitter = 3.0 * size * size
    assert kink.without_the_jump(special)
    assert special.jitter < 1e-6 * size * size
    left = special.jitter
    assert not kink.without_the_jump(special)
    assert special.jitter == left
    special.probes = []
    special.jitter = 3.0
    assert not kink.without_the_jump(special)


def test_a_small_gradient_that_is_special_at_the_point_is_right_beside_it(trial_at):
    """What is wrong is held against the gradient's own size."""
    tiny = 1e-9
    special = trial_at(lambda x: tiny * np.sum(x**2), lambda x: 2 * tiny * x * (x != 1.5), np.array([1.5, 0.5]))
    assert kink.right_beside(special, 1e-5)
    wrong = trial_at(lambda x: tiny * np.sum(x**2), lambda x: 2.1 * tiny * x, np.array([1.5, 0.5]))
    before = wrong.prediction.evaluations
    assert not kink.right_beside(wrong, 1e-5)
    assert wrong.prediction.evaluations - before == 4


# The slow ones, last: a broken program is told by the others ---------------------------------------------------


@pytest.mark.parametrize("known", [False, True])
def test_kinks_that_changed_sides_together_in_the_first_samples_are_not_taken_for_one(known):
    rng = np.random.default_rng(0)
    for seed in range(40):
        x, c = rng.standard_normal(8), rng.choice([-1.0, 1.0], 8) * rng.uniform(0.5, 2, 8)
        x[rng.random(8) < 0.5] = 0
        report = check(
            lambda x, c=c: np.sum(c * np.maximum(x, 0) + x**2),
            lambda x, c=c: c * (x >= 0) + 2 * x,
            x,
            kink="right",
            kink_of=(lambda x: x) if known else None,
            seed=seed,
        )
        assert report.verdict is gc.Verdict.PASS


def test_eight_kinks_in_four_entries_pass_nothing_that_their_hull_does_not_hold():
    outcomes = []
    for seed in range(12):
        x = np.random.default_rng(seed).integers(-3, 4, (8, 4)).astype(float)
        for at_zero in (1.0, 1.05):  # the vertex of one side, and beyond it
            # f is convex: its subdifferential at 0 is all Σ λ_i x_i with λ in [0, 1]
            target = at_zero * x.sum(axis=0)
            inside = np.linalg.norm(lsq_linear(x.T, target, (0, 1), method="bvls").x @ x - target) < 1e-9
            report = check(layer, layer_gradient(at_zero), np.zeros((4, 1)), x, np.array([1.0]))
            outcomes.append((at_zero, inside))
            assert (report.verdict is gc.Verdict.PASS) == inside
    assert {(1.0, True), (1.05, False)} <= set(outcomes)


@pytest.mark.parametrize("at_zero", [1.0, 0.5, 40.0])
def test_hundreds_of_kinks_in_a_few_entries_let_no_wrong_value_pass_though_they_are_named(at_zero):
    x = np.random.default_rng(0).integers(-3, 4, (300, 3)).astype(float)
    target = at_zero * x.sum(axis=0)
    inside = np.linalg.norm(lsq_linear(x.T, target, (0, 1), method="bvls").x @ x - target) < 1e-9
    assert inside == (at_zero <= 1)
    report = check(
        layer,
        layer_gradient(at_zero),
        np.zeros((3, 1)),
        x,
        np.array([1.0]),
        kink_of=lambda w, x, _: x @ w,
    )
    assert (report.verdict is gc.Verdict.PASS) == inside


def test_torch_relu_is_left_and_clamp_like_is_told_by_its_value():
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, requires_grad=True)
    assert gc.check(torch.relu, inputs=(x,))[0].kink.convention in ("left", "other", "mixed")
    assert gc.check(lambda x: torch.relu(x).sum(), inputs=(x,))[0].kink.convention == "left"


@pytest.mark.parametrize("wrong", [[3], [2, 9], range(12)])
def test_among_many_arguments_at_kinks_the_wrong_ones_are_named_without_measuring_all_beside_them(wrong):
    rng = np.random.default_rng(0)
    point = tuple(np.concatenate([[0.0, 0.0], rng.standard_normal(4)]) for _ in range(12))
    weights = rng.uniform(0.5, 2, (12, 6))

    def f(*args):
        return sum(float(np.sum(w * np.maximum(x, 0) + 0.3 * np.sin(x))) for x, w in zip(args, weights, strict=True))

    def gradient(*args):
        right = [w * (x > 0) + 0.3 * np.cos(x) for x, w in zip(args, weights, strict=True)]
        return [2 * g if i in wrong else g for i, g in enumerate(right)]

    least = gc.check(f, lambda *args: [g / (2 if i in wrong else 1) for i, g in enumerate(gradient(*args))], point)
    report = gc.check(f, gradient, point)
    found = [a for a in report if a.verdict is gc.Verdict.FAIL]
    assert [a.name for a in found] == [f"arg{i}" for i in wrong]
    assert all(a.mistakes == ("factor 2 too many",) for a in found)
    assert all(("the same in every gradient" in a.advice) == (len(wrong) == 12) for a in found)
    assert report.evaluations < least.evaluations + 280 * len(found)


@pytest.mark.parametrize(("gives", "said"), [(1.0, "every entry"), (0.0, "no entry")])
@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_a_tie_that_every_entry_or_none_wins_is_asked_about(gives, said, shape):
    x = np.random.default_rng(0).integers(0, 2, shape).astype(float)
    x[..., :2] = 2.0  # the largest of each row, twice

    def gradient(x):
        largest = x == x.max(-1, keepdims=True)
        return largest * np.where(largest.sum(-1, keepdims=True) > 1, gives, 1.0)

    report = gc.check(lambda x: np.sum(x.max(-1)), gradient, (x,))
    assert report.verdict is gc.Verdict.FAIL
    assert f"does {said} take the gradient?" in report["x"].next
    assert "-0" not in report["x"].kink.proof


def test_a_value_off_both_sides_is_no_tie():
    report = gc.check(np.max, lambda x: 0.7 * (x == 2), (np.array([2.0, 2.0, 1.0]),))
    assert report.verdict is gc.Verdict.FAIL
    assert report[0].next == ""


class Scripted:
    """A formula whose interval is each time the next of a list."""

    def __init__(self, ends, trial):
        self.ends, self.done = list(ends), []
        self.beside = SimpleNamespace(trial=trial)
        self.probes = ["fresh"]

    def measure(self, most=4):
        self.done.append(most)

    def refine(self, *, slopes=True):
        self.done.append("slopes" if slopes else "claims")

    def add(self, other):
        self.done.append(other)

    def interval(self):
        low, high = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        return Interval(low, high, relative=True, confidence=0.9)


COARSE, WRONG, RIGHT = (0.0, 2.0), (0.5, 2.0), (0.0, 1.0)
STEPS = [3, "claims", 4, "claims", "slopes"]


@pytest.mark.parametrize("spoilt", [COARSE, WRONG, (0.5, 0.75)])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_formula_is_measured_until_it_is_right_to_the_resolution_and_no_further(count, spoilt):
    formula = Scripted([spoilt] * (count - 1) + [RIGHT], None)
    found = kink._next_to_it(formula, 1.0, lambda: pytest.fail("asked"))
    assert (found.low, found.high) == RIGHT
    assert formula.done == STEPS[:count]


@pytest.mark.parametrize(
    ("first", "fresh", "low"), [(WRONG, WRONG, 0.25), (WRONG, COARSE, 0.0), (COARSE, WRONG, 0.0), (COARSE, COARSE, 0.0)]
)
def test_a_formula_is_wrong_where_fresh_directions_say_so_too(first, fresh, low, monkeypatch):
    settled = []
    trial = SimpleNamespace(probes=["first"], oracle=None, settle=lambda probes, _: settled.extend(probes))
    formula, other = Scripted([first] * 5 + [(0.25, 3.0)], trial), Scripted([fresh], trial)
    monkeypatch.setattr(kink, "Formula", lambda _, probes: probes)
    found = kink._next_to_it(formula, 1.0, lambda: other)
    assert (found.low, found.high) == (low, 3.0)
    assert formula.done == [*STEPS, other]
    assert other.done == [4, "slopes"]
    assert settled == ["fresh", "first"]
    alone = Scripted([first], trial)
    assert kink._next_to_it(alone, 1.0, None).low == first[0]


@pytest.mark.parametrize(("times", "jumps"), [(15.5, False), (16.5, True)])
def test_a_jump_is_sixteen_times_what_the_claim_changes_by_next_to_the_point(trial_at, times, jumps):
    def gradient(x):
        return 2 * x * (1 + 1e-6 * np.sin(1e9 * x))

    trial = trial_at(lambda x: np.sum(x**2), gradient, np.array([1.5, 0.5]))
    own = math.hypot(*(side.change for side in Formula(Beside(trial), trial.probes).measure_one(0)))
    trial.jitter = times * own
    assert kink.without_the_jump(trial) == jumps
    assert trial.jitter == (own if jumps else times * own)
