"""Moves along which f is linear, and moves in periods, that decide of very many entries that bend together."""

import numpy as np
import pytest

from gradcheck.kinks import flat, periods, second_look, subgradient
from tests.kinks.germs import near, of_walls, relu, rng_of, rows


def windows(count, width):
    """Return the entries of each window of a row that moves on by one entry."""
    return np.arange(count - width + 1)[:, None] + np.arange(width)


def images(side, width, batch=1):
    corners = range(side - width + 1)
    plane = [[(i + a) * side + j + b for a in range(width) for b in range(width)] for i in corners for j in corners]
    return np.concatenate([np.array(plane) + k * side * side for k in range(batch)])


def largest_of(groups, count):
    """The gradient of the sum of the largest of each group; of equals the first wins."""

    def gradient(w):
        return np.bincount(groups[np.arange(len(groups)), w[groups].argmax(axis=1)], minlength=count).astype(float)

    return gradient


def shared(groups, count):
    return np.bincount(groups.ravel(), minlength=count) / groups.shape[1]


@pytest.mark.parametrize("factor", [1.0, -2.0])
@pytest.mark.parametrize("wrong", [1.5, 0.0])
@pytest.mark.parametrize("tolerance", [0.0, 1e-9])
def test_a_row_whose_sum_no_claim_has_is_outside_along_itself(factor, wrong, tolerance):
    shape = (5, 3)
    here = factor * np.full(shape, 1 / 3)
    here[2] *= wrong
    found = near(lambda w: factor * rows(shape)(w), here.ravel(), shape=shape, tolerance=tolerance)
    asked = found.asked
    separation = flat.along_a_group(found)
    move = separation.move.reshape(shape)
    assert (np.flatnonzero(move.any(axis=1)) == [2]).all()
    assert (np.abs(move[2]) == 1).all()
    assert separation.kind == "flat"
    assert separation.claimed == pytest.approx(here.ravel() @ separation.move)
    assert separation.reached == pytest.approx(factor * separation.move[6])
    assert separation.claimed > separation.reached
    assert found.asked - asked == 12  # four moves from three claims, back and forth, far and near


def test_the_worst_of_several_is_the_proof():
    shape = (4, 3)
    here = np.full(shape, 1 / 3)
    here[1] *= 1.1
    here[3] *= 1.2
    separation = flat.along_a_group(near(rows(shape), here.ravel(), shape=shape))
    assert (np.flatnonzero(separation.move) == [9, 10, 11]).all()


def test_of_lines_the_finest_are_asked_first_and_the_whole_last():
    tied = largest_of(np.arange(6)[None], 6)
    separation = flat.along_a_group(near(tied, np.full(6, 0.2), shape=(2, 3)))
    assert separation.move == pytest.approx(np.ones(6))
    assert (separation.claimed, separation.reached) == (pytest.approx(1.2), pytest.approx(1.0))


@pytest.mark.parametrize("here", [np.full(12, 1 / 3), np.eye(3)[[0, 1, 2, 0]].ravel()])
def test_a_claim_of_the_same_sums_is_not_asked_about(here):
    found = near(rows((4, 3)), here, shape=(4, 3))
    asked = found.asked
    assert flat.along_a_group(found) is None
    assert found.asked == asked


def test_sums_that_change_are_not_flat():
    found = near(relu, np.full(6, 3.0), shape=(2, 3), opening=4)
    asked = found.asked
    assert flat.along_a_group(found) is None
    assert found.asked == asked


def test_a_move_that_changes_claims_is_not_flat_though_all_have_one_sum():
    found = near(lambda w: np.array([1.0, 0.0]) if w.sum() > 0 else np.array([0.0, 1.0]), np.ones(2))
    assert flat.along_a_group(found) is None


@pytest.mark.parametrize(
    ("step", "flat_there"), [(1.0, False), (-1.0, False), (64.0, False), (-64.0, False), (8.0, True)]
)
@pytest.mark.parametrize("start", [0, 1, 2])
def test_a_move_is_tried_from_three_claims_back_and_forth_and_near_and_far(step, flat_there, start):
    changed = []

    def gradient(w):
        return rows((1, 3))(w) + (2.0 if any(np.allclose(w, move) for move in changed) else 0.0)

    found = near(gradient, np.ones(3))
    changed.append(found.moves[start] + step)
    assert (flat.along_a_group(found) is not None) == flat_there


def test_sums_are_held_to_what_drift_leaves_of_them():
    for off, outside in ((1.0, True), (0.02, False)):
        here = np.full(4, (1 + off) / 4)
        found = near(rows((1, 4)), here, shape=(1, 4), tolerance=1e-3)
        assert (flat.along_a_group(found) is not None) == outside


def test_no_more_is_kept_than_may_be():
    found = near(rows((1, 4)), np.ones(4))
    found.most_kept = len(found.claims) + 2
    assert flat.along_a_group(found) is not None
    assert len(found.claims) == found.most_kept


def test_a_move_square_to_all_differences_is_the_proof():
    normals = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]])
    here = 0.5 * (normals[0] - normals[1]) + [0, 0, 0, 0.25]
    found = near(of_walls(normals, [1.0, -1.0]), here, opening=6)
    separation = flat.along(found, np.arange(4))
    assert separation.move == pytest.approx([0, 0, 0, 1], abs=1e-9)
    assert (separation.claimed, separation.reached) == (pytest.approx(0.25), pytest.approx(0.0, abs=1e-9))
    inside = near(of_walls(normals, [1.0, -1.0]), 0.5 * (normals[0] - normals[1]), opening=6)
    assert flat.along(inside, np.arange(4)) is None


@pytest.mark.parametrize("size", [1.0, 1e6])
@pytest.mark.parametrize(("times", "outside"), [(5.0, False), (20.0, True)])
def test_a_move_square_to_all_differences_is_held_to_what_drift_leaves_in_each_entry(size, times, outside):
    tolerance = 1e-3 * size
    here = np.full(9, size / 9 + times * tolerance)
    found = near(lambda w: size * rows((1, 9))(w), here, opening=12, tolerance=tolerance)
    assert (flat.along(found, np.arange(9)) is not None) == outside


@pytest.mark.parametrize("seed", range(3))
def test_drift_is_no_direction_in_which_claims_differ(seed):
    rng, normals = np.random.default_rng(seed), np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]])
    here = 0.5 * (normals[0] - normals[1]) + [0, 0, 0, 0.25]
    found = near(
        lambda w: of_walls(normals, [1.0, -1.0])(w) + 4e-4 * rng.uniform(-1, 1, 4), here, opening=30, tolerance=1e-3
    )
    assert flat.along(found, np.arange(4)).move == pytest.approx([0, 0, 0, 1], abs=1e-2)


def test_a_kink_that_no_claim_had_shown_is_taken_in():
    """The second kink is crossed where its entry is far above the first: at no random move."""
    normals = np.array([[1.0, 0.0, 0.0], [-8.0, 1.0, 0.0]])

    def gradient(w):
        both = normals[0] @ w > 0 and normals[1] @ w > 0
        return (normals[0] @ w > 0) * normals[0] - both * normals[1]

    found = near(gradient, np.array([0.5, -0.25, 0.0]))
    assert flat.along(found, np.arange(3)) is None
    assert np.ptp([claim[1] for claim in found.claims]) > 0  # now it has


# In periods ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [2, 3, 4, 5, 6, 7])
def test_of_each_window_every_entry_wins_once_in_its_period(width):
    count, groups = 40, windows(40, width)
    moves = list(periods.moves(near(relu, np.zeros(count)), np.arange(count)))
    before = sum(range(2, width))
    claims = [largest_of(groups, count)(move) for move in moves[before : before + width]]
    assert np.mean(claims, axis=0) == pytest.approx(shared(groups, count))
    assert all(len(np.unique(move)) == count for move in moves)  # no two are tied


@pytest.mark.parametrize(("width", "before"), [(2, 0), (3, 4), (4, 13)])
def test_in_a_plane_too(width, before):
    groups = images(9, width, batch=2)
    found = near(relu, np.zeros(162), shape=(2, 9, 9))
    moves = list(periods.moves(found, np.arange(81)))
    claims = [largest_of(groups, 162)(move) for move in moves[before : before + width**2]]
    assert np.mean(claims, axis=0) == pytest.approx(shared(groups, 162))


@pytest.mark.parametrize(
    ("shape", "entries", "count"),
    [((20,), 20, 27), ((5, 4), 20, 29), ((3, 3, 3), 27, 8), ((2, 2, 2, 2), 16, 16), ((2,) * 5, 32, 0), ((6, 1), 1, 0)],
)
def test_periods_are_few(shape, entries, count):
    found = near(relu, np.zeros(shape).ravel(), shape=shape)
    assert len(list(periods.moves(found, np.arange(entries)))) == count


# What they decide ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "shape"), [(windows(1000, 3), (1000,)), (images(26, 3), (26, 26)), (images(15, 3, 3), (3, 15, 15))]
)
def test_a_tie_shared_in_windows_that_overlap_is_inside_and_of_another_sum_outside(groups, shape):
    count = int(np.prod(shape))
    right = shared(groups, count)
    inside = near(largest_of(groups, count), right, shape=shape)
    assert subgradient.judged(inside).state == "inside"
    assert inside.asked <= 120
    wrong = near(largest_of(groups, count), 1.01 * right, shape=shape)
    found = subgradient.judged(wrong)
    assert found.state == "outside"
    assert found.separation.claimed == pytest.approx(1.01 * found.separation.reached)
    assert wrong.asked <= 60 + second_look.LOOKS


def test_so_many_claims_as_would_be_needed_are_not_asked_for():
    count = 1500
    groups = rng_of(0).permutation(count)[windows(count, 3)]  # of no order
    here = shared(groups, count)
    inside = near(largest_of(groups, count), here)
    found = subgradient.judged(inside)
    assert found.state == "undecided"
    assert "more entries bend together" in found.reason
    assert inside.asked <= 300
    here[groups[0]] += 9.0, -9.0, 0.0  # of the same sum
    assert subgradient.judged(near(largest_of(groups, count), here)).state == "outside"
