"""All arguments together: what one round settles, whom it finds, and what it costs."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.slopes.slope import Slope
from gradcheck.verdicts.certificate import Mismatch
from gradcheck.verdicts.joint import COUNTS, Joint
from gradcheck.verdicts.joint_slope import Measured

MANY = 145
ENOUGH = 250  # evaluations in which one or two wrong arguments among MANY are found, named and placed


def many(count=MANY, *, sizes=None, scales=None, seed=0):
    """Return f(x_1, ..., x_n) = Σ w_i·sin(x_i/s_i), its gradient as a list, and a point."""
    rng = np.random.default_rng(seed)
    sizes = [3] * count if sizes is None else sizes
    scales = [1.0] * count if scales is None else scales
    point = tuple(s * rng.standard_normal(size) for size, s in zip(sizes, scales, strict=True))
    weights = [rng.uniform(0.5, 2, size) for size in sizes]

    def f(*xs):
        return sum(float(np.sum(w * np.sin(x / s))) for x, w, s in zip(xs, weights, scales, strict=True))

    def gradient(*xs):
        return [w * np.cos(x / s) / s for x, w, s in zip(xs, weights, scales, strict=True)]

    return f, gradient, point


def times(gradient, factor, *indices):
    """Return the gradient with some arguments' multiplied by a factor."""

    def wrong(*xs):
        found = gradient(*xs)
        for i in indices:
            found[i] = factor * found[i]
        return found

    return wrong


def verdicts(report, verdict):
    return [a.name for a in report if a.verdict is verdict]


def wrong_ones(report):
    assert not verdicts(report, gc.Verdict.INCONCLUSIVE)
    return verdicts(report, gc.Verdict.FAIL)


# The price ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 16, 64, MANY])
def test_right_gradients_cost_the_same_for_any_number_of_arguments(count):
    report = gc.check(*many(count))
    assert report.verdict is gc.Verdict.PASS
    assert report.evaluations <= 60
    assert all(p.moved == count for a in report for p in a.probes)


def test_sizes_from_one_to_ten_thousand_cost_no_more():
    sizes = [int(n) for n in np.geomspace(1, 10**4, 40)]
    report = gc.check(*many(40, sizes=sizes))
    assert report.verdict is gc.Verdict.PASS
    assert report.evaluations <= 60


def test_scales_from_1e_minus_9_to_1e9_cost_no_more_where_f_is_as_sensitive_to_each():
    report = gc.check(*many(60, scales=list(np.geomspace(1e-9, 1e9, 60))))
    assert report.verdict is gc.Verdict.PASS
    assert report.evaluations <= 60


def test_shares_of_f_that_span_eighteen_decades_are_judged_in_groups():
    f, gradient, point = many(60, scales=list(np.geomspace(1e-9, 1e9, 60)))
    shares = np.geomspace(1, 1e-18, 60)

    def shared(*xs):  # f as before, of each argument times its share
        return f(*(x * share for x, share in zip(xs, shares, strict=True)))

    def shared_gradient(*xs):
        moved = [x * share for x, share in zip(xs, shares, strict=True)]
        return [g * share for g, share in zip(gradient(*moved), shares, strict=True)]

    report = gc.check(shared, shared_gradient, point)
    assert not verdicts(report, gc.Verdict.FAIL)
    assert len(verdicts(report, gc.Verdict.PASS)) >= 20  # down to 1e-6 of f, the others drown in its round-off
    assert report[0].verdict is gc.Verdict.PASS


def test_probes_asks_for_as_many_joint_slopes():
    report = gc.check(*many(8), probes=2 * COUNTS[0])
    assert {len(a.probes) for a in report} == {2 * COUNTS[0]}


def test_a_joint_interval_has_no_lower_end_and_still_holds_the_error():
    report = gc.check(*many(8))
    assert {a.error.low for a in report} == {0.0}
    assert all(0 < a.error.high < 1e-5 for a in report)


# Who is wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 70, MANY - 1])
def test_one_of_many_wrong_by_a_thousandth_is_found_and_named(index):
    f, gradient, point = many()
    report = gc.check(f, times(gradient, 1.001, index), point)
    assert wrong_ones(report) == [f"arg{index}"]
    assert report[index].mistakes == ("constant factor 1.001",)
    assert 0 < report[index].error.low < 0.001 < report[index].error.high
    assert report.evaluations <= ENOUGH


def test_one_entry_of_one_argument_wrong_by_a_hundredth_is_placed():
    f, gradient, point = many()

    def wrong(*xs):
        found = gradient(*xs)
        found[33][1] *= 1.01
        return found

    report = gc.check(f, wrong, point)
    assert wrong_ones(report) == ["arg33"]
    assert report[33].where == (1,)
    assert report.evaluations <= ENOUGH


def test_two_at_once_are_both_found():
    f, gradient, point = many()
    report = gc.check(f, times(gradient, 1.01, 3, 100), point)
    assert wrong_ones(report) == ["arg3", "arg100"]
    assert report.evaluations <= ENOUGH


def test_five_cost_five_times_one_at_most():
    f, gradient, point = many()
    five = (3, 50, 77, 100, 144)
    report = gc.check(f, times(gradient, 1.01, *five), point)
    assert wrong_ones(report) == [f"arg{i}" for i in five]
    assert report.evaluations <= 5 * gc.check(f, times(gradient, 1.01, 3), point).evaluations


def test_all_wrong_are_all_named():
    f, gradient, point = many(12)
    report = gc.check(f, times(gradient, -1, *range(12)), point)
    assert wrong_ones(report) == [f"arg{i}" for i in range(12)]
    assert all(a.mistakes[0] == "sign flipped" for a in report)


def test_gradients_of_two_arguments_that_are_swapped_are_named_so():
    f, gradient, point = many()

    def swapped(*xs):
        found = gradient(*xs)
        found[4], found[9] = found[9], found[4]
        return found

    report = gc.check(f, swapped, point)
    assert wrong_ones(report) == ["arg4", "arg9"]
    assert report[4].mistakes == ("swapped with arg9",)
    assert report[9].mistakes == ("swapped with arg4",)


def test_errors_that_cancel_in_the_sum_of_the_arguments_do_not_cancel_here():
    rng = np.random.default_rng(1)
    point = tuple(rng.standard_normal(5) for _ in range(20))

    def gradient(*xs):
        found = [np.cos(sum(xs)) for _ in xs]
        found[2], found[5] = found[2] + 0.1, found[5] - 0.1
        return found

    report = gc.check(lambda *xs: float(np.sum(np.sin(sum(xs)))), gradient, point)
    assert wrong_ones(report) == ["arg2", "arg5"]


def test_a_wrong_argument_far_smaller_than_the_others_is_found():
    f, gradient, point = many(30, scales=[1.0] * 15 + [1e-6] * 15)
    report = gc.check(f, times(gradient, 1.01, 29), point)
    assert wrong_ones(report) == ["arg29"]


# What a claim may be -----------------------------------------------------------------------------------------------


def test_claims_of_zero_are_judged_together_and_a_wrong_one_among_them_is_found():
    f, gradient, point = many(40)

    def first_ten(*xs):
        return f(*xs[:10], *(np.zeros_like(x) for x in xs[10:]))

    def claimed(*xs):
        return gradient(*xs)[:10] + [np.zeros_like(x) for x in xs[10:]]

    report = gc.check(first_ten, claimed, point)
    assert report.verdict is gc.Verdict.PASS
    assert report.evaluations <= ENOUGH
    assert not any(a.error.relative for a in report.arguments[10:])

    report = gc.check(lambda *xs: first_ten(*xs) + 1e-3 * float(np.sum(np.sin(xs[33]))), claimed, point)
    assert wrong_ones(report) == ["arg33"]
    assert report[33].mistakes == ("gradient is zero",)


def test_a_claim_of_zero_that_is_wrong_on_larger_steps_only_is_found_among_others():
    tiny = tuple(np.full(3, 1e-12) for _ in range(6))
    big = np.array([0.5, 1.5])

    def f(x, *biases):
        return float(np.sum(np.sin(x))) + 1e-3 * float(np.sum(biases[4]))

    def gradient(x, *biases):
        return [np.cos(x), *(np.zeros_like(b) for b in biases)]

    report = gc.check(f, gradient, (big, *tiny))
    assert wrong_ones(report) == ["arg5"]
    right = gc.check(lambda x, *_: float(np.sum(np.sin(x))), gradient, (big, *tiny))
    assert right.verdict is gc.Verdict.PASS


def test_empty_arguments_take_no_part_and_cost_nothing():
    f, gradient, point = many(6, sizes=[3, 0, 4, 0, 2, 1])
    report = gc.check(f, gradient, point)
    assert report.verdict is gc.Verdict.PASS
    assert [len(a.probes) for a in report] == [4, 0, 4, 0, 4, 4]
    assert report.evaluations <= 60


def test_complex_arguments():
    rng = np.random.default_rng(2)
    point = tuple(rng.standard_normal(3) + 1j * rng.standard_normal(3) for _ in range(10))

    def f(*xs):
        return sum(float(np.sum(np.abs(x) ** 2 + (x * x).real)) for x in xs)

    def gradient(*xs):
        return [2 * x + 2 * np.conj(x) for x in xs]

    assert gc.check(f, gradient, point).verdict is gc.Verdict.PASS
    assert wrong_ones(gc.check(f, times(gradient, 1j, 6), point)) == ["arg6"]


def test_float32_arguments_of_a_function_that_computes_in_what_it_is_given():
    rng = np.random.default_rng(3)
    point = tuple(rng.standard_normal(3).astype(np.float32) for _ in range(20))

    def f(*xs):
        return sum(np.sum(np.sin(x)) for x in xs)

    def gradient(*xs):
        return [np.cos(x) for x in xs]

    report = gc.check(f, gradient, point)
    assert report.verdict is gc.Verdict.PASS
    assert report.evaluations <= 60
    assert wrong_ones(gc.check(f, times(gradient, np.float32(1.001), 7), point)) == ["arg7"]


def test_a_jvp_is_measured_argument_by_argument():
    rng = np.random.default_rng(4)
    point = tuple(rng.standard_normal(3) for _ in range(4))

    def jvp(tangents, *xs):
        return sum(np.cos(x) * v for x, v in zip(xs, tangents, strict=True))

    report = gc.check(lambda *xs: sum(np.sin(x) for x in xs), jvp=jvp, args=point)
    assert report.verdict is gc.Verdict.PASS
    assert all(p.moved == 1 for a in report for p in a.probes)


def test_a_restricted_argument_is_measured_alone_and_the_others_together():
    f, gradient, point = many(6)
    report = gc.check(f, gradient, point, tangent={"arg3": lambda v: v - np.mean(v)})
    assert report.verdict is gc.Verdict.PASS
    assert [a.probes[0].moved for a in report] == [5, 5, 5, 1, 5, 5]


@pytest.mark.parametrize("oracle", ["exact", "autograd"])
def test_other_oracles_move_all_arguments_too(oracle):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    values = [rng.standard_normal(3) for _ in range(8)]
    library, point = np, tuple(values)
    if oracle == "autograd":
        library, point = torch, tuple(torch.tensor(x, requires_grad=True) for x in values)

    def f(*xs):
        return sum(library.sin(x).sum() for x in xs)

    def gradient(*xs):
        return [library.cos(x) for x in xs]

    assert gc.check(f, gradient, point, oracle=oracle).verdict is gc.Verdict.PASS
    assert wrong_ones(gc.check(f, times(gradient, 1.01, 6), point, oracle=oracle)) == ["arg6"]


# Where f is not smooth, exact or everywhere -----------------------------------------------------------------------


def hinges(*xs):
    return sum(float(np.sum(np.maximum(x, 0)) + np.sum(np.sin(x))) for x in xs)


def hinges_gradient(*xs):
    return [(x > 0) + np.cos(x) for x in xs]


def test_a_kink_in_one_argument_leaves_the_others_together():
    point = list(many(40)[2])
    point[20] = np.zeros(3)
    report = gc.check(hinges, hinges_gradient, tuple(point))
    assert report.verdict is gc.Verdict.PASS
    assert [a.name for a in report if a.kink is not None] == ["arg20"]
    assert {a.probes[0].moved for a in report if a.kink is None} == {39}
    assert report.evaluations <= ENOUGH


def test_a_wrong_value_at_a_kink_and_a_wrong_smooth_argument_are_both_found():
    point = list(many(40)[2])
    point[20] = np.zeros(3)

    def wrong(*xs):
        found = hinges_gradient(*xs)
        found[20], found[7] = 2.0 * (xs[20] >= 0) + np.cos(xs[20]), 1.01 * found[7]
        return found

    assert wrong_ones(gc.check(hinges, wrong, tuple(point))) == ["arg7", "arg20"]


def test_f_that_raises_next_to_the_point_when_one_argument_moves():
    f, gradient, point = many(12)
    edge = (*point[:3], np.array([0.5, 0.7, 0.9]), *point[4:])

    def at_an_edge(*xs):
        if np.any(xs[3] < 0.5):
            raise ValueError("outside")
        return f(*xs)

    report = gc.check(at_an_edge, gradient, edge)
    assert not verdicts(report, gc.Verdict.FAIL)
    assert len(verdicts(report, gc.Verdict.PASS)) >= 11
    assert wrong_ones(gc.check(at_an_edge, times(gradient, 1.01, 8), edge)) == ["arg8"]


@pytest.mark.parametrize("noise", [1e-12, 1e-8, 1e-3])
def test_noise_never_makes_a_right_gradient_fail(noise):
    rng = np.random.default_rng(6)
    f, gradient, point = many(12)
    report = gc.check(lambda *xs: f(*xs) * (1 + noise * rng.standard_normal()), gradient, point)
    assert not verdicts(report, gc.Verdict.FAIL)


def test_noise_hides_no_wrong_sign():
    rng = np.random.default_rng(7)
    f, gradient, point = many(6)
    noisy = gc.check(lambda *xs: f(*xs) * (1 + 1e-8 * rng.standard_normal()), times(gradient, -1, 2), point)
    assert verdicts(noisy, gc.Verdict.FAIL) == ["arg2"]


# A gradient that is kept from an earlier call ---------------------------------------------------------------------


def test_a_kept_gradient_among_many_is_told():
    f, gradient, point = many(40)
    kept = gradient(*point)[8]

    def claimed(*xs):
        found = gradient(*xs)
        found[8] = kept.copy()
        return found

    report = gc.check(f, claimed, point)
    assert report.verdict is gc.Verdict.PASS
    (note,) = report.notes
    assert note.startswith("the gradient of arg8 is the same to the bit at another point")


def test_of_many_kept_gradients_some_are_told_and_the_bill_is_small():
    f, gradient, point = many()
    kept = gradient(*point)
    report = gc.check(f, lambda *_: [g.copy() for g in kept], point)
    assert report.verdict is gc.Verdict.PASS
    assert any("kept from an earlier call" in note for note in report.notes)
    assert report.evaluations <= ENOUGH


def test_the_gradient_of_a_linear_function_is_no_kept_one():
    point = many(10)[2]

    def linear(*xs):
        return float(sum(np.sum(x) * (i + 1) for i, x in enumerate(xs)))

    report = gc.check(linear, lambda *xs: [np.full_like(x, i + 1.0) for i, x in enumerate(xs)], point)
    assert report.verdict is gc.Verdict.PASS
    assert report.notes == ()


# A budget ----------------------------------------------------------------------------------------------------------


def test_what_was_judged_when_the_budget_ends_stands():
    f, gradient, point = many()
    whole = gc.check(f, times(gradient, 1.01, 3), point).evaluations
    report = gc.check(f, times(gradient, 1.01, 3), point, max_evaluations=whole - 30)
    assert verdicts(report, gc.Verdict.INCONCLUSIVE) == ["arg3"]
    assert len(verdicts(report, gc.Verdict.PASS)) == MANY - 1
    assert "max_evaluations" in report[3].reason


@pytest.mark.parametrize("budget", [4, 10, 20, 25, 45, 60, 80])
def test_any_budget_is_kept_and_makes_no_verdict_of_its_own(budget):
    f, gradient, point = many(20)
    report = gc.check(f, times(gradient, 1.01, 3), point, max_evaluations=budget)
    assert report.evaluations + report.contract_evaluations <= budget
    assert set(verdicts(report, gc.Verdict.FAIL)) <= {"arg3"}
    assert "arg3" not in verdicts(report, gc.Verdict.PASS)


def test_a_report_says_how_many_arguments_moved_and_gives_what_each_was_claimed_to_contribute():
    f, gradient, point = many(5)
    report = gc.check(f, gradient, point)
    assert all(math.isclose(p.claimed, p.slope.value, rel_tol=1e-4, abs_tol=1e-6) for a in report for p in a.probes)
    assert report.to_dict()["arguments"][0]["probes"][0]["moved"] == 5


def test_a_slope_of_which_nothing_is_known_says_nothing_of_any_argument():
    """Not even what is no number: that would bound nothing, and object to nothing."""
    alone = SimpleNamespace(stretch=lambda _: 1.0, factor=1.0, round_off=0.0)
    slope = Slope(5.0, math.inf, 5.0, 5.0, math.inf, 2.0**-10, math.nan, ())
    measured = Measured({0: (1.0, 0.0), 1: (2.0, 0.0)}, slope, Mismatch(3.0, 5.0, math.inf), 1.0)
    probe = Joint._view(SimpleNamespace(trials=[alone, alone]), 0, 0, measured)
    assert probe.slope.error == probe.slope.side_error == math.inf
    assert (probe.slope.value, probe.claimed) == (3.0, 1.0)
