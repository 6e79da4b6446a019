"""The verdict on one argument: what is known of it before any number, and where its round-off explains it."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.judge import one_argument
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.budget import BudgetReached
from gradcheck.verdicts import reasons
from gradcheck.verdicts.certificate import Interval, Mismatch
from gradcheck.verdicts.options import read_rules


@pytest.mark.parametrize(
    ("measured", "before", "jittered", "explained"),
    [
        ((0.5, -0.5), 1e-9, 1e-6, True),
        ((0.5, -0.5), 1e-6, 1e-9, False),
        ((0.5, -0.5), 1e-9, 1e-9, False),
        ((1.0, -1.0), 1e-9, 1e-6, True),  # no slope stands out of its bound
        ((0.5, -2.0), 1e-9, 1e-6, False),
    ],
)
def test_only_where_no_slope_is_seen_more_jitter_may_explain_a_claim(
    monkeypatch, measured, before, jittered, explained
):
    mismatches = [SimpleNamespace(measured=value, bound=1.0) for value in measured]
    field = SimpleNamespace(unit=2.0**-53)
    trial = SimpleNamespace(mismatches=lambda: mismatches, jitter=before, index=3, prediction=None, field=field)
    monkeypatch.setattr(one_argument, "spread", lambda *_, unseen: dict.fromkeys(unseen, jittered))
    assert one_argument._may_be_round_off(trial) is explained
    assert trial.jitter == (max(before, jittered) if max(map(abs, measured)) <= 1 else before)


@pytest.mark.parametrize(
    ("own", "inside", "asked"),
    [(1e-5, "", 1e-5), (1e-5, "float32", 4e-5), (0.1, "bfloat16", 0.125), (0.5, "bfloat16", 0.5)],
)
def test_low_precision_inside_asks_for_fewer_digits(monkeypatch, own, inside, asked):
    monkeypatch.setattr(one_argument, "default_resolution", lambda _: own)
    prediction = SimpleNamespace(claim=SimpleNamespace(own_error=0.0, given_unit=0.0))
    field = SimpleNamespace(unit=2.0**-53, inside=inside)
    assert one_argument.resolution_of(read_rules({}), prediction, field) == pytest.approx(asked)


@pytest.mark.parametrize("probes", [0, 1, 2])
def test_one_direction_says_nothing(monkeypatch, probes):
    monkeypatch.setattr(reasons, "unmeasurable", lambda _: "too few")
    smooth = SimpleNamespace(slope=SimpleNamespace(kinked=False))
    trial = SimpleNamespace(
        probes=[smooth] * probes, prediction=SimpleNamespace(claim=SimpleNamespace(at_point_only=True))
    )
    assert one_argument._unknown(trial) == ("" if probes > 1 else "too few")


def test_f_that_changes_within_the_finest_step_is_undecided_and_the_reason_says_so():
    x = np.array([0.0, 1.0])
    report = gc.check(
        lambda x: np.sum(np.tanh((x - [0.0, 1.0]) / 1e-13)), lambda x: np.full_like(x, 1e13), (x,), probes=4
    )
    assert report.verdict is gc.Verdict.INCONCLUSIVE
    assert report[0].reason == reasons.FASTER


@pytest.mark.parametrize("probes", [2, 4, 6])
def test_a_pass_is_measured_once_and_any_other_answer_along_fresh_directions_too(probes):
    def checked(factor):
        return gc.check(lambda x: np.sum(x**3), lambda x: factor * x**2, (np.array([0.5, -1.5, 2.0]),), probes=probes)

    numbers = {factor: [probe.probe for probe in checked(factor)[0].probes] for factor in (3.0, 2.9)}
    assert numbers[3.0] == list(range(probes))
    assert numbers[2.9][: probes + max(probes, 4)] == list(range(probes + max(probes, 4)))


ABSOLUTE, RELATIVE = (Interval(0.0, 1e-9, relative=relative, confidence=0.9999) for relative in (False, True))


@pytest.mark.parametrize("verdict", [gc.Verdict.FAIL, gc.Verdict.INCONCLUSIVE])
@pytest.mark.parametrize(
    ("standing_out", "claimed", "wrong"),
    [(0, 0.0, False), (1, 0.0, False), (2, 0.0, True), (4, 0.0, True), (4, 2.5, False)],
)
def test_on_larger_steps_two_directions_have_to_move_f_and_to_object(
    monkeypatch, standing_out, claimed, wrong, verdict
):
    larger = SimpleNamespace(
        mismatches=lambda: [Mismatch(claimed, 3.0 if i < standing_out else 0.5, 1.0) for i in range(4)]
    )
    monkeypatch.setattr(one_argument.unit_scale, "is_tiny", lambda _: True)
    monkeypatch.setattr(one_argument.unit_scale, "trial_at_unit_scale", lambda *_: larger)
    monkeypatch.setattr(one_argument, "resolution_of", lambda *_: 1e-5)
    monkeypatch.setattr(one_argument.decide, "verdict", lambda *_: (verdict, RELATIVE, ""))
    trial = SimpleNamespace(prediction=None, field=None)
    found = one_argument._wrong_on_larger_steps(trial, read_rules({}))
    assert found == ((larger, verdict, RELATIVE, "") if wrong else None)


@pytest.mark.parametrize(
    ("interval", "doubt", "verdict"),
    [
        (ABSOLUTE, "", gc.Verdict.FAIL),
        (ABSOLUTE, "f may lose it", gc.Verdict.INCONCLUSIVE),
        (RELATIVE, "", gc.Verdict.PASS),
    ],
)
def test_what_shows_no_digits_passes_only_if_larger_steps_do_not_contradict_it(monkeypatch, interval, doubt, verdict):
    report = gc.check(lambda x: np.sum(x**3), lambda x: 3 * x**2, (np.array([0.5, -1.5, 2.0]),))[0]
    trial = SimpleNamespace(report=lambda verdict, interval, *_: report.with_(verdict=verdict, error=interval))
    monkeypatch.setattr(one_argument.decide, "by_the_digits", lambda *_: interval)
    monkeypatch.setattr(
        one_argument, "_wrong_on_larger_steps", lambda *_: (trial, gc.Verdict.FAIL, RELATIVE, "wrong further out")
    )
    monkeypatch.setattr(one_argument, "_faster", lambda _: False)
    monkeypatch.setattr(one_argument.unseen_kink, "may_explain", lambda _: False)
    monkeypatch.setattr(one_argument.lost_digits, "doubt", lambda *_: doubt)
    assert one_argument._by_the_digits(report, trial, read_rules({}))[1].verdict is verdict


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_claim_of_zero_for_a_tiny_argument_is_asked_on_steps_of_one_too(slope):
    tiny = 1e-20 * np.array([1.0, -2.0, 3.0])
    report = gc.check(lambda x: 1 + slope * np.sum(x), lambda x: 0 * x, (tiny,))
    assert report.verdict is (gc.Verdict.FAIL if slope else gc.Verdict.PASS)


def test_a_kink_nearer_than_slopes_can_tell_is_what_leaves_a_right_gradient_undecided():
    def f(x):
        return 3 * max(x[0], x[1]) + min(x[0], x[1])

    def gradient(x):
        return np.array([3.0, 1.0]) if x[0] > x[1] else np.array([1.0, 3.0])

    found = [gc.check(f, gradient, (np.array([1 + 1e-11, 1.0]),), seed=seed) for seed in range(20)]
    assert all(report.verdict is not gc.Verdict.FAIL for report in found)
    undecided = [report for report in found if report.verdict is gc.Verdict.INCONCLUSIVE]
    assert 0 < len(undecided) < 10
    assert all("f has a kink within" in report[0].reason for report in undecided)


def test_an_argument_without_entries_is_right_without_an_error():
    report = gc.check(
        lambda x, y: np.sum(x) + np.sum(y), lambda x, y: (np.ones_like(x), np.ones_like(y)), (np.ones(0), np.ones(2))
    )
    assert (str(report[0].verdict), report[0].error.low, report[0].error.high) == ("PASS", 0.0, 0.0)
    assert not report[0].error.relative


def test_a_pass_names_mistakes_that_it_would_have_seen_and_no_other_verdict_does():
    def report(factor):
        return gc.check(lambda x: np.sum(x**3), lambda x: factor * x**2, (np.array([0.5, -1.5, 2.0]),))[0]

    assert report(3.0).planted.caught > 5
    assert report(2.9).planted is None


@pytest.mark.parametrize(("factor", "probes"), [(1.0, 4), (3.0, 4 + 16)])
def test_where_f_rounds_inside_sixteen_more_slopes_are_measured_before_another_verdict(factor, probes):
    report = gc.check(
        lambda x: float(np.sum(np.tanh(x.astype(np.float32)))),
        lambda x: factor * (1 - np.tanh(x) ** 2),
        (np.random.default_rng(0).standard_normal(30),),
    )
    assert report.verdict is (gc.Verdict.PASS if factor == 1 else gc.Verdict.FAIL)
    assert report[0].measured_in == "float32"
    assert len(report[0].probes) == probes


@pytest.mark.parametrize(
    ("again", "standing_out", "verdict"),
    [
        (gc.Verdict.FAIL, 0, gc.Verdict.INCONCLUSIVE),
        (gc.Verdict.FAIL, 1, gc.Verdict.INCONCLUSIVE),
        (gc.Verdict.FAIL, 2, gc.Verdict.FAIL),
        (gc.Verdict.PASS, 0, gc.Verdict.PASS),
        (gc.Verdict.PASS, 1, gc.Verdict.PASS),
    ],
)
def test_a_fail_rests_on_two_fresh_directions_and_a_pass_on_all(monkeypatch, again, standing_out, verdict):
    answers = iter([gc.Verdict.FAIL, again])
    fresh = [SimpleNamespace(significant=i < standing_out) for i in range(4)]
    trial = SimpleNamespace(
        mismatches=lambda _: fresh, report=lambda verdict, _, __, reason: (verdict, reason), oracle=None
    )
    monkeypatch.setattr(one_argument.decide, "verdict", lambda *_: (next(answers), RELATIVE, "why"))
    monkeypatch.setattr(one_argument, "_again", lambda *_: fresh)
    monkeypatch.setattr(one_argument, "_may_be_round_off", lambda _: False)
    monkeypatch.setattr(one_argument, "_of_a_rounded_point", lambda _: "")
    monkeypatch.setattr(one_argument, "_faster", lambda _: False)
    monkeypatch.setattr(one_argument.unseen_kink, "may_explain", lambda _: False)
    monkeypatch.setattr(one_argument, "_looked_beside", lambda *given: given[-1])
    monkeypatch.setattr(one_argument, "_concluded", lambda argument, *_: argument)
    found = one_argument._where_smooth(trial, {}, read_rules({}), 1e-5)
    assert found == (verdict, one_argument.FRESH if verdict is gc.Verdict.INCONCLUSIVE else "why")


@pytest.mark.parametrize(("factor", "measured"), [(3.0, False), (2.0, True)])
def test_every_entry_of_a_wrong_gradient_is_measured_where_that_is_asked_for(factor, measured):
    x = np.array([0.5, -1.5, 2.0])
    report = gc.check(lambda x: np.sum(x**3), lambda x: factor * x**2, (x,), every_entry=True)[0]
    assert (report.entries is not None) is measured


def test_a_straight_through_estimator_is_wrong_by_no_mistake():
    report = gc.check(lambda x: np.sum(np.round(x + 0.2)), np.ones_like, (np.array([0.5, -1.5, 2.0]),))[0]
    assert report.verdict is gc.Verdict.FAIL
    assert report.reason == reasons.STRAIGHT_THROUGH
    assert (report.mistakes, report.advice, report.where_text, report.worst) == ((), "", "", ())


@pytest.mark.parametrize(
    ("change", "rounds", "dtype", "allowed"),
    [
        (0.0, "float16", "", 0.0),
        (0.1, "float16", "float16", 0.4),
        (0.2, "float16", "float16", math.inf),  # an eighth of the claim, and more: steps see nothing of it
        (0.1, "float32", "float32", 0.4),
        (0.1, "float64", "", 0.0),
    ],
)
def test_what_the_claim_changes_by_at_the_point_that_f_rounds_to_is_allowed_it(change, rounds, dtype, allowed):
    x, claim = np.array([0.1]), np.array([1.0])
    trial = SimpleNamespace(
        index=0,
        jitter=0.0,
        oracle=object.__new__(FiniteDifferences),
        scale=SimpleNamespace(norm=lambda values: float(np.linalg.norm(values))),
        field=SimpleNamespace(
            at_point=float(x.astype(rounds)[0]), evaluate=lambda leaves: float(leaves[0].astype(rounds)[0])
        ),
        prediction=SimpleNamespace(
            leaves=[x],
            judged=[0],
            values=[claim],
            claim=SimpleNamespace(at_point_only=False),
            at=lambda leaves: [claim + change * (leaves[0] != x)],
        ),
    )
    assert one_argument._of_a_rounded_point(trial) == dtype
    assert trial.jitter == pytest.approx(allowed)


def test_where_nothing_is_left_to_spend_no_rounded_point_is_asked_for():
    def spent(_):
        raise BudgetReached

    x = np.array([0.1])
    trial = SimpleNamespace(
        index=0,
        oracle=object.__new__(FiniteDifferences),
        field=SimpleNamespace(at_point=0.1, evaluate=spent),
        prediction=SimpleNamespace(
            leaves=[x], judged=[0], values=[x], claim=SimpleNamespace(at_point_only=False), at=None
        ),
    )
    assert one_argument._of_a_rounded_point(trial) == ""


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-20])
def test_a_kink_within_the_finest_step_that_f_shows_of_a_bias_of_zero_is_no_mistake(seed, size):
    """Squares of 1e-6 are far below the last digit of f, and those of a step are of another order."""
    rng = np.random.default_rng(seed)
    W, z = rng.standard_normal((3, 5)), 1e-6 * rng.standard_normal((2, 3))

    def f(b):
        return float(1 + 1e-6 * np.maximum.accumulate((z + b) ** 2 @ W, axis=1).sum())

    def gradient(b):
        squares = (z + b) ** 2 @ W
        largest = np.maximum.accumulate(squares, axis=1)
        counts = (largest[:, :, None] == squares[:, None, :]).sum(axis=1)
        return 2e-6 * ((z + b) * (counts @ W.T)).sum(axis=0)

    report = gc.check(f, gradient, (size * rng.standard_normal(3),), seed=seed)
    assert report.verdict is gc.Verdict.INCONCLUSIVE


def test_a_claim_is_wrong_where_f_bends_little_beside_what_it_is_off():
    x = np.zeros(3)
    for seed in range(5):
        report = gc.check(lambda x: 1 + np.sum(x**2) + np.sum(x), lambda x: 1.01 + 2 * x, (x,), seed=seed)
        assert report.verdict is gc.Verdict.FAIL
        report = gc.check(lambda x: 1 + np.sum(x**2), lambda x: 1e-3 + 2 * x, (x,), seed=seed)
        assert report.verdict is gc.Verdict.FAIL
