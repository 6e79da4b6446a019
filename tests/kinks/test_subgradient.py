"""The judges in whole claims, on functions whose subdifferential is known."""

import numpy as np
import pytest

from gradcheck.kinks import blocks, coupling, one_bend, subgradient
from gradcheck.kinks.parts import Parts
from property_tests import kink_families as known
from property_tests.test_kinks_known import judged
from tests.kinks.germs import near, of_walls, relu, rows

SIGNS = np.array([1.0, -2.0, 3.0, -1.0, 2.0])


def relus(w):
    return SIGNS * relu(w)


def state(gradient, here, seed=0, **options):
    return subgradient.judged(near(gradient, here, seed=seed, **options))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, np.array([0.1, 0.9, 0.3, 0.6, 0.2])])
def test_entries_that_bend_alone_are_inside_between_their_sides(seed, share):
    found = state(relus, share * SIGNS, seed)
    assert found.state == "inside"
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights.min() > 0
    assert not found.by_blocks


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("off", [0.01, 0.2, -0.01])
def test_one_entry_beyond_its_side_is_outside_along_that_entry(seed, off):
    here = SIGNS * (1.0 if off > 0 else 0.0)
    here[1] += SIGNS[1] * off
    found = state(relus, here, seed)
    assert found.state == "outside"
    assert list(np.flatnonzero(found.separation.move)) == [1]
    assert found.separation.claimed - found.separation.reached == pytest.approx(2 * abs(off))
    assert found.separation.kind == "concave"


@pytest.mark.parametrize("shape", [(1, 2), (3, 4), (8, 3)])
@pytest.mark.parametrize("seed", range(2))
def test_of_equals_one_wins_or_they_share(shape, seed):
    each = np.full(shape, 1 / shape[1]).ravel()
    first = np.eye(shape[1])[np.zeros(shape[0], dtype=int)].ravel()
    assert state(rows(shape), first, seed, shape=shape).state == "inside"
    assert state(rows(shape), each, seed, shape=shape).state == "inside"
    for wrong in (np.ones(first.size), np.zeros(first.size), 1.05 * first, 0.95 * each):
        found = state(rows(shape), wrong, seed, shape=shape)
        assert found.state == "outside"
        u = found.separation.move
        assert wrong @ u == pytest.approx(found.separation.claimed, rel=1e-6)
        assert u.reshape(shape).max(axis=1).sum() == pytest.approx(found.separation.reached, rel=1e-3, abs=1e-6)
    assert state(lambda w: -rows(shape)(w), -np.ones(first.size), seed, shape=shape).state == "outside"


def test_an_entry_without_a_kink_is_outside_where_the_claim_differs_at_the_point():
    found = state(lambda w: np.array([1.0, relu(w[1])]), np.array([1.5, 0.0]))
    assert found.state == "outside"
    assert found.separation.kind == "flat"
    assert list(np.flatnonzero(found.separation.move)) == [0]


@pytest.mark.parametrize("total", [0.0, 1.01, 2.0])
def test_a_median_moves_with_all_its_arguments(total):
    def gradient(w):
        return np.eye(5)[np.argsort(w)[2]]

    found = state(gradient, total * np.array([0.2, 0.2, 0.2, 0.2, 0.2]))
    assert found.state == "outside"
    assert found.separation.kind == "flat"
    u = found.separation.move
    assert u == pytest.approx(np.full(5, u[0]))
    assert found.separation.claimed == pytest.approx(total * u[0])
    assert found.separation.reached == pytest.approx(u[0])
    assert state(gradient, np.full(5, 0.2)).state == "inside"


def test_pieces_in_a_plane_are_all_met():
    """max(x, 0) + max(y, 0) − max(x + y, 0): both bends, three kinks, two entries, sides that depend on one another."""
    germ = of_walls([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 1.0, -1.0])
    for seed in range(3):
        assert state(germ, [0.0, 0.0], seed).state == "inside"
        assert state(germ, [0.6, -0.6], seed).state == "outside"


def test_too_few_claims_are_told():
    small = near(rows((1, 30)), np.full(30, 1 / 30))
    small.most = small.asked + 5
    found = subgradient.judged(small)
    assert found.state == "undecided"
    assert "were not enough" in found.reason


@pytest.mark.parametrize("family", [f for f in known.FAMILIES if f not in (known.sort, known.median)])
def test_a_few_cases_of_each_family_are_judged_right_in_few_claims(family):
    for seed in range(40_000, 40_006):
        case = known.drawn(family, seed)
        if case is None or case.germ.bends == known.FANS:
            continue
        found, asked = judged(case, seed)
        assert found.state == ("inside" if case.inside else "outside")
        assert asked <= 250


def test_signs_of_products_tell_the_bend():
    rng = np.random.default_rng(0)
    moves = rng.standard_normal((9, 3))
    claims = np.where(moves > 0, 1.0, 0.0)
    assert one_bend.one_sign(claims, moves, 1e-9) == 1
    assert one_bend.one_sign(-claims, moves, 1e-9) == -1
    assert one_bend.one_sign(claims * [1, -1, 1], moves, 1e-9) == 0
    assert one_bend.one_sign(claims * [1, 1, 0], moves, 1e-9) == 1


@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_found_along_the_axes(seed):
    shape = (4, 5)
    labels = blocks.found(near(rows(shape), np.zeros(20), shape=shape, seed=seed)).reshape(shape)
    assert (labels == labels[:, :1]).all()
    assert len(np.unique(labels[:, 0])) == 4
    single = blocks.found(near(relus, np.zeros(5), seed=seed))
    assert len(np.unique(single)) == 5
    whole = blocks.found(near(rows((1, 6)), np.zeros(6), seed=seed))
    assert len(np.unique(whole)) == 1


def test_only_rows_that_have_a_tie_are_joined():
    shape = (20, 2)

    def gradient(w):
        w = w.reshape(shape)
        out = 1.0 * (w > 0)
        out[3] = np.eye(2)[w[3].argmax()]
        return out.ravel()

    labels = blocks.found(near(gradient, np.zeros(40), shape=shape)).reshape(shape)
    assert labels[3, 0] == labels[3, 1]
    assert len(np.unique(labels)) == 39


def test_entries_that_bend_up_and_those_that_bend_down_are_two_blocks():
    def gradient(w):
        up, down = np.zeros(8), np.zeros(8)
        up[np.argmax(w[:4])] = 1.0
        down[4 + np.argmax(w[4:])] = -1.0
        return up + down

    labels = blocks.found(near(gradient, np.zeros(8)))
    assert sorted(np.unique(labels, return_counts=True)[1]) == [4, 4]


def test_flips_are_the_entries_in_which_claims_fall():
    found = near(relus, np.zeros(5), opening=10)
    assert list(blocks.flips(found)) == [1, -1, 1, -1, 1]


def test_a_mixture_takes_each_entry_from_its_own_claim():
    found = near(relus, np.zeros(5))
    move, claim = blocks.mixed(found, np.array([0, 1, 2, 3, 0]))
    assert move == pytest.approx([found.moves[k][i] for i, k in enumerate([0, 1, 2, 3, 0])])
    assert claim == pytest.approx(relus(move))


def test_a_guess_is_shown_by_whole_claims_and_says_how_entries_go_together():
    shape = (6, 3)
    found = near(rows(shape), np.full(18, 1 / 3), shape=shape, opening=6)
    guess = coupling.guessed(found)
    assert guess.weights == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    labels = guess.labels.reshape(shape)
    assert (labels == labels[:, :1]).all()
    assert guess.joined.any()
    assert coupling.guessed(near(relus, SIGNS)).labels is None
    assert coupling.guessed(near(rows(shape), np.ones(18), shape=shape)).weights is None


def test_whole_claims_are_coupled_level_by_level():
    shares = np.array([0.25, 0.5, 0.75, 0.25, 1.0])
    found = near(relus, shares * SIGNS)
    parts = Parts(found, np.arange(5))
    assert len(parts) == 5
    assert parts.within(found)
    asked = found.asked
    result = coupling.coupled(found, parts)
    assert found.asked - asked == 4  # shares of the larger value: ¼, ½, ¾, ¾, 1, and the end
    assert result.weights.sum() == pytest.approx(1)
    assert result.shows(found)
    assert result.off < 1e-9


def test_whole_claims_that_are_no_mixture_refute_the_blocks():
    found = near(rows((1, 4)), np.full(4, 0.25), opening=6)
    result = coupling.coupled(found, Parts(found, np.arange(4)))
    assert result.weights is None
    assert result.refuted.any()
    assert not result.shows(found)


def test_more_levels_than_may_be_asked_for_show_nothing():
    n = coupling.MOST_WHOLE + 2
    found = near(relu, np.linspace(0, 1, n), opening=1)
    asked = found.asked
    assert coupling.coupled(found, Parts(found, np.arange(n))).weights is None
    assert found.asked == asked


def test_a_part_outside_is_not_within():
    here = SIGNS.copy()
    here[2] += 0.1
    found = near(relus, here)
    assert not Parts(found, np.arange(5)).within(found)
    assert not Parts(found, np.zeros(5, dtype=int)).within(found)


def test_as_many_levels_as_may_be_asked_for_are():
    n = coupling.MOST_WHOLE + 1  # so many ends, and stretches between them
    found = near(relu, np.linspace(0, 1, n), opening=1)
    asked = found.asked
    result = coupling.coupled(found, Parts(found, np.arange(n)))
    assert found.asked - asked == coupling.MOST_WHOLE
    assert result.shows(found)


def test_what_is_left_of_the_claim_is_held_against_drift():
    found = near(relus, SIGNS, tolerance=1e-3)
    assert coupling.Coupled(np.ones(1), 1.9e-3).shows(found)
    assert not coupling.Coupled(np.ones(1), 2.1e-3).shows(found)
    assert not coupling.Coupled().shows(found)


def test_entries_that_do_not_change_have_any_claim():
    found = near(lambda w: np.array([relu(w[0]), 3.0, -2.0]), np.array([0.5, 3.0, -2.0]))
    result = coupling.coupled(found, Parts(found, np.arange(3)))
    assert result.weights == pytest.approx([0.5, 0.5])
    assert result.shows(found)


def test_one_block_of_all_is_no_guess():
    found = near(rows((1, 3)), np.array([0.5, 0.5, 0.0]), opening=6)
    assert coupling.guessed(found).labels is None
