"""A claim judged kink by kink, on samples made by hand: what each part says at the edges of its tolerance."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.errors import ArgumentError
from gradcheck.kinks import kink_variable, nearby

TOLERANCE = 1e-3


def near_of(samples, here, tolerance=TOLERANCE):
    samples = np.array(samples, dtype=float)
    return nearby.Nearby(samples, np.zeros_like(samples), np.array(here, dtype=float), tolerance)


# One kink, one group -------------------------------------------------------------------------------------------

FIRST = np.array([True, False, True, False])


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ([[1, 0, 1, 0]], [True]),
        ([[0, 1, 0, 1]], [False]),
        ([[0, 0, 1, 0]], []),  # with the group in all samples but one
        ([[0, 1, 0, 0]], []),  # against it in all samples but one
        ([[1, 1, 1, 1]], []),
        ([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 0, 0]], [True, True, False]),
        ([], []),
    ],
)
def test_only_a_variable_that_moves_with_the_group_in_every_sample_is_its_own(columns, found):
    signs = np.array(columns, dtype=bool).reshape(-1, 4).T
    assert kink_variable._orientations(FIRST, signs) == found


BASE, JUMP = np.array([10.0, 20.0]), np.array([3.0, 4.0])
ACROSS = np.array([4.0, -3.0]) / 5  # normal to the jump
ALTERNATING = [BASE + JUMP, BASE, BASE + JUMP, BASE]
WITH, AGAINST = np.array([[1.0], [0.0], [1.0], [0.0]]), np.array([[0.0], [1.0], [0.0], [1.0]])


@pytest.mark.parametrize(("signs", "weight"), [(WITH, 0.25), (AGAINST, 0.75), (np.hstack([WITH, WITH]), 0.25)])
def test_the_weight_is_that_of_the_positive_side(signs, weight):
    near = near_of(ALTERNATING, BASE + 0.25 * JUMP)
    assert kink_variable._one_by_one(near, np.array([0, 1]), signs) == pytest.approx([weight])


@pytest.mark.parametrize("signs", [np.hstack([WITH, AGAINST]), np.ones((4, 1)), np.zeros((4, 0))])
def test_a_group_without_a_variable_of_its_own_or_with_two_that_disagree_is_not_read_off(signs):
    near = near_of(ALTERNATING, BASE + 0.25 * JUMP)
    assert kink_variable._one_by_one(near, np.array([0, 1]), signs) is None


@pytest.mark.parametrize(("tolerance", "room"), [(TOLERANCE, math.sqrt(2) * TOLERANCE), (0.0, 5e-9)])
@pytest.mark.parametrize("factor", [-1.01, -0.99, 0.99, 1.01])
def test_a_claim_off_the_line_through_the_two_vertices_is_not_read_off(tolerance, room, factor):
    # the base is 0, so that subtracting it loses no digit: 5e-9 is a billionth of the jump
    near = near_of([JUMP, [0, 0], JUMP, [0, 0]], 0.5 * JUMP + factor * room * ACROSS, tolerance)
    weights = kink_variable._one_by_one(near, np.array([0, 1]), WITH)
    assert (weights is not None) == (abs(factor) < 1)


def test_a_group_of_three_vertices_is_not_read_off():
    near = near_of([BASE, BASE + JUMP, BASE + 2 * JUMP, BASE], BASE)
    assert kink_variable._one_by_one(near, np.array([0, 1]), WITH) is None


def test_groups_are_read_off_one_by_one_and_one_that_cannot_be_leaves_none():
    rows = np.array([[1, 1], [0, 1], [1, 0], [0, 0]] * 4, dtype=float)
    near = near_of(rows, [0.25, 0.5])
    assert sorted(kink_variable._one_by_one(near, np.array([0, 1]), rows)) == [0.25, 0.5]
    assert kink_variable._one_by_one(near, np.array([0, 1]), rows[:, :1]) is None


# Several kinks that share entries ------------------------------------------------------------------------------

ORIGIN = np.array([1.0, 2.0, 3.0])
PARTS = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
CELLS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=float)
ALL = np.arange(3)


def together(here, sides=CELLS, values=None, tolerance=TOLERANCE):
    samples = ORIGIN + CELLS @ PARTS if values is None else values
    return kink_variable._together(near_of(samples, here, tolerance), ALL, sides)


def test_the_weights_of_kinks_that_share_entries_are_solved_for():
    weights, gap, room = together(ORIGIN + np.array([0.25, 0.75]) @ PARTS)
    assert sorted(weights) == pytest.approx([0.25, 0.75])
    assert gap == pytest.approx(0, abs=1e-9)
    assert room == pytest.approx(TOLERANCE * math.sqrt(12))  # four samples of three entries


def test_weights_outside_are_returned_as_they_are_and_the_gap_is_what_no_weights_leave():
    normal = np.cross(*PARTS) / np.linalg.norm(np.cross(*PARTS))
    weights, gap, _ = together(ORIGIN + np.array([1.5, -0.5]) @ PARTS + 0.75 * normal)
    assert sorted(weights) == pytest.approx([-0.5, 1.5])
    assert gap == pytest.approx(0.75)


def test_a_kink_that_this_argument_does_not_move_has_no_weight():
    for constant in (0.0, 1.0):
        weights, _, _ = together(ORIGIN + PARTS[0], np.hstack([np.full((4, 1), constant), CELLS]))
        assert sorted(weights) == pytest.approx([0.0, 1.0], abs=1e-9)


@pytest.mark.parametrize(("factor", "count"), [(0.9, 1), (1.1, 2)])
def test_a_kink_that_adds_less_than_the_drift_has_no_weight(factor, count):
    size = factor * TOLERANCE * math.sqrt(3)
    small = np.vstack([PARTS[0], [0, size, 0]])
    weights, _, _ = together(ORIGIN + PARTS[0], values=ORIGIN + CELLS @ small)
    assert len(weights) == count


def test_variables_that_always_change_sides_together_are_one_and_with_opposite_signs_not_told_apart():
    weights, gap, _ = together(ORIGIN + np.array([0.25, 0.75]) @ PARTS, CELLS[:, [0, 1, 0, 1, 1]])
    assert sorted(weights) == pytest.approx([0.25, 0.75])
    assert gap == pytest.approx(0, abs=1e-9)
    assert together(ORIGIN, np.hstack([CELLS, 1 - CELLS])) is None


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_kinks_whose_parts_do_not_add_up_are_not_solved_for(factor):
    exclusive = np.array([1.0, -1.0, -1.0, 1.0])  # what no sum of the two parts leaves: the one or the other
    error = factor * TOLERANCE * math.sqrt(12) / 2
    values = ORIGIN + CELLS @ PARTS + error * exclusive[:, None] * [0, 1, 0]
    assert (together(ORIGIN, values=values) is None) == (factor > 1)


# Weights in [0, 1] ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1.0, 0.0, 0.5])
@pytest.mark.parametrize("off", [0.0, 0.25])  # the second just as far as there is room
def test_one_weight_for_all_kinks_comes_first(value, off):
    parts = np.array([[4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    target = value * parts.sum(axis=0) + [off, 0]
    assert kink_variable._within(parts, target, 0.25).tolist() == [value] * 3


def test_weights_are_found_though_the_smallest_solution_lies_outside():
    parts = np.array([[1.0], [1.0], [-4.0]])
    target = np.array([1.9])  # least squares takes 0.1, 0.1, −0.42
    weights = kink_variable._within(parts, target, 1e-9)
    assert np.all((weights >= 0) & (weights <= 1))
    assert weights @ parts == pytest.approx(target)


@pytest.mark.parametrize(("room", "found"), [(0.24, False), (0.2500001, True)])
def test_no_weights_are_found_where_the_nearest_are_out_of_reach(room, found):
    weights = kink_variable._within(np.eye(2), np.array([1.25, 0.3]), room)
    assert (weights is not None) == found
    if found:
        assert weights == pytest.approx([1.0, 0.3])


# What is said --------------------------------------------------------------------------------------------------


def scaled_by(scale, claimed=None):
    return SimpleNamespace(scale=SimpleNamespace(value=scale), claimed=claimed)


@pytest.mark.parametrize(
    ("weights", "gap", "beyond"),
    [
        ([1.25, 0.5], 0.0, 0.25 * 4),
        ([0.5, -0.5], 0.0, 0.5 * 4),
        ([1.25], 1.5, 1.5),
        ([1.0, 0.0], 0.0, 0.0),
        ([], 0.0, 0.0),
    ],
)
def test_how_far_outside_is_the_share_beyond_the_sides_of_the_largest_jump_or_the_gap(weights, gap, beyond):
    near = near_of([[5.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [0, 0, 0])
    size = math.hypot(5, 1)
    for scale in (2.0, np.array([2.0, 2.0, 2.0])):
        found = kink_variable._outside(scaled_by(scale), near, np.array([0, 2]), np.array(weights), gap)
        assert found == pytest.approx(beyond / size)
    least = kink_variable._outside(scaled_by(np.array([2.0, 8.0, 1.0])), near, np.array([0, 2]), np.array(weights), gap)
    assert least == pytest.approx(beyond * 1 / math.hypot(10, 1))  # the smallest scale: a lower bound


@pytest.mark.parametrize(("weights", "worst"), [([0.2, 1.7, 0.5], "1.7"), ([-0.4, 1.3], "-0.4"), ([2.0, -0.5], "2")])
def test_the_weight_furthest_outside_is_told(weights, worst):
    weights = np.array(weights)
    assert kink_variable._why_outside(weights, 1.0, 1.0) == (
        f"no subgradient of f: the claim uses {worst} at the kink, wanted a value in [0, 1]"
    )
    assert kink_variable._why_outside(weights, 1.1, 1.0) == (
        "no subgradient of f: the claim is not made of the kinks' own parts"
    )


# The variable itself -------------------------------------------------------------------------------------------


def relu_sum(x):
    return np.sum(np.maximum(x, 0))


def step_of(x):
    return (x > 0) + 0.25 * (x == 0)


@pytest.fixture
def at_three(trial_at):
    """Three kinks in three entries, and one smooth entry."""
    return trial_at(relu_sum, step_of, np.array([0.0, 0.0, 0.0, 1.0]))


def test_the_zeros_of_the_variable_are_those_within_its_round_off(at_three):
    unit = at_three.field.unit
    values = [0.0, 63 * unit, -64 * unit, 65 * unit, -1.0]
    assert kink_variable._zeros(at_three, lambda _: np.array(values)).tolist() == [0, 1, 2]
    large = [256.0, 100 * unit, 64 * 256 * unit, 65 * 256 * unit]
    assert kink_variable._zeros(at_three, lambda _: np.array(large)).tolist() == [1, 2]
    assert kink_variable._zeros(at_three, lambda _: np.array([])).tolist() == []


def test_a_variable_of_several_parts_is_taken_as_one(at_three):
    leaves = at_three.gradient.leaves
    one = kink_variable._variable(at_three, lambda x: x.reshape(2, 2), leaves)
    for pack in (tuple, list):
        parts = kink_variable._variable(at_three, lambda x, pack=pack: pack([x[:1], x[1:].reshape(3, 1)]), leaves)
        assert parts.tolist() == one.tolist() == [0, 0, 0, 1]


def test_the_side_of_a_kink_is_positive_where_its_variable_is(at_three):
    moves = np.array([[1.0, -1.0, 0.0, 0.0], [-1.0, 2.0, 3.0, 0.0]])
    near = nearby.Nearby(np.zeros((2, 4)), moves, np.zeros(4), 0.0)
    signs = kink_variable._signs(at_three, near, 2.0**-20, lambda x: x, np.array([0, 1, 2]))
    assert signs.tolist() == [[1, 0, 0], [0, 1, 1]]


def nothing_sampled(trial):
    near = nearby.next_to_the_point(trial, nearby.distance(trial))[1]
    return near, nearby.distance(trial)


@pytest.mark.parametrize("factor", [1.0, 1e-200])
def test_each_kink_is_met_alone_on_its_side_once_moves_are_chosen(at_three, factor):
    near, delta = nothing_sampled(at_three)
    zero = np.arange(3)
    found = kink_variable._one_at_a_time(at_three, near, delta, lambda x: factor * x, zero)
    assert len(found.samples) == len(near.samples) + 5
    added, shown = np.array(found.moves[len(near.moves) :]), np.array(found.samples[len(near.samples) :])
    alone = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    assert np.sign(added[:, :3]).tolist() == [[1, 1, 1], [-1, -1, -1], *alone]
    assert shown[:, :3].tolist() == (np.array([[1, 1, 1], [-1, -1, -1], *alone]) > 0).tolist()
    count = 3 + nearby.ROUND
    typical = np.mean([np.linalg.norm(nearby.drawn(at_three, 64 + m)) for m in range(count)])
    assert np.linalg.norm(added, axis=1) == pytest.approx(np.full(5, typical))


@pytest.mark.parametrize(
    ("most", "numbers", "added"),
    [
        (3, 44, 5),  # 3 kinks, (3 + 8)·4 numbers: as many as there may be
        (2, 44, 0),  # more kinks: no more samples than the most kinks
        (10, 43, 2),  # more numbers: 10 samples, 8 of them there
        (256, 43, 3),  # 3 + 8 samples
    ],
)
def test_too_many_kinks_or_numbers_are_met_by_chance(at_three, monkeypatch, most, numbers, added):
    monkeypatch.setattr(kink_variable, "MOST_KINKS", most)
    monkeypatch.setattr(kink_variable, "MOST_NUMBERS", numbers)
    near, delta = nothing_sampled(at_three)
    assert len(near.samples) == 8
    found = kink_variable._one_at_a_time(at_three, near, delta, lambda x: x, np.arange(3))
    assert len(found.samples) == 8 + added


# The judgement -------------------------------------------------------------------------------------------------


def judged(trial, kink_of):
    near, delta = nothing_sampled(trial)
    before = trial.gradient.evaluations
    name, finding = kink_variable.judged(trial, near, delta, kink_of)
    return name, finding, trial.gradient.evaluations - before


def test_a_kink_of_its_own_is_read_off_sixteen_claims(trial_at):
    trial = trial_at(relu_sum, step_of, np.array([0.0, 1.0, 0.0]))
    name, finding, asked = judged(trial, lambda x: x)
    assert (name, finding.valid, finding.decided, finding.reason) == ("other", True, True, "")
    assert finding.entries.tolist() == [0, 2]
    assert asked == 8


def test_kinks_that_share_entries_are_asked_for_after_thirty_two_claims(trial_at):
    a = np.array([[1.0, 2.0], [2.0, -1.0], [1.0, 1.0]])

    def gradient(x):
        h = a @ x
        return a.T @ np.where(h > 0, 1.0, 0.5 * (h == 0))

    trial = trial_at(lambda x: np.sum(np.maximum(a @ x, 0)), gradient, np.zeros(2))
    name, finding, asked = judged(trial, lambda x: a @ x)
    assert (name, finding.valid) == ("midpoint", True)
    assert asked == 24 + 3 + 2


@pytest.mark.parametrize(
    ("value", "valid"), [(1 + 0.9e-5, True), (1 + 1.1e-5, False), (-0.9e-5, True), (-1.1e-5, False)]
)
def test_a_weight_may_leave_the_unit_interval_by_round_off_only(trial_at, value, valid):
    trial = trial_at(relu_sum, lambda x: (x > 0) + value * (x == 0), np.array([0.0, 1.0]))
    _, finding, _ = judged(trial, lambda x: x)
    assert finding.valid == valid
    assert finding.decided
    assert bool(finding.reason) != valid
    beyond = max(value - 1, -value)
    assert finding.distance == pytest.approx(beyond / math.sqrt(2), rel=0.01)


def test_a_variable_that_is_nowhere_zero_is_an_error(at_three):
    with pytest.raises(ArgumentError, match="name the variable that is 0"):
        judged(at_three, lambda x: x + 1)


def test_one_kink_is_right_and_another_left_and_together_they_are_mixed():
    def gradient(x):
        return (x > 0) + (x == 0) * np.array([1.0, 0.0, 0.0])

    report = gc.check(relu_sum, gradient, (np.array([0.0, 0.0, 1.0]),), kink_of=lambda x: x)
    assert report[0].kink.convention == "mixed"
    assert report[0].kink.entries == ((0,), (1,))
