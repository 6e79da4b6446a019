"""The judges in whole claims, on functions whose subdifferential is known."""

import itertools

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.kinks import bends, blocks, coupling, one_bend, second_look, subgradient, whole_claims
from gradcheck.kinks.moves import Mixed, Moves, Yielded
from gradcheck.kinks.nearest_point import combined, in_hull
from gradcheck.kinks.neighbourhood import Neighbourhood, Spent
from gradcheck.kinks.packed import Packed
from gradcheck.kinks.parts import Parts
from property_tests import kink_families as known
from property_tests.test_kinks_known import judged
from tests.kinks.germs import near, of_walls, relu, rows, watched

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
        inside = state(germ, [0.0, 0.0], seed)
        assert inside.state == "inside"
        assert not inside.by_blocks
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
        assert asked <= 400 + second_look.LOOKS  # an outside takes two whole turns, and is looked at again


def test_signs_of_products_tell_the_bend():
    rng = np.random.default_rng(0)
    moves = rng.standard_normal((9, 3))
    claims = np.where(moves > 0, 1.0, 0.0)
    assert bends.one_sign(claims, moves, 1e-9) == 1
    assert bends.one_sign(-claims, moves, 1e-9) == -1
    assert bends.one_sign(claims * [1, -1, 1], moves, 1e-9) == 0
    assert bends.one_sign(claims * [1, 1, 0], moves, 1e-9) == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tolerance", [0.0, 1e-9])
def test_blocks_are_found_along_the_axes(seed, tolerance):
    shape = (4, 5)
    labels = blocks.found(near(rows(shape), np.zeros(20), shape=shape, seed=seed, tolerance=tolerance)).reshape(shape)
    assert (labels == labels[:, :1]).all()
    assert len(np.unique(labels[:, 0])) == 4
    single = blocks.found(near(relus, np.zeros(5), seed=seed, tolerance=tolerance))
    assert len(np.unique(single)) == 5
    whole = blocks.found(near(rows((1, 6)), np.zeros(6), seed=seed, tolerance=tolerance))
    assert len(np.unique(whole)) == 1


def test_blocks_are_proposed_along_every_choice_of_axes_the_finest_first():
    shape = (3, 1, 4, 5)
    places = np.array(np.unravel_index(np.arange(60), shape))
    chosen = [(0, 2), (0, 3), (2, 3), (0,), (2,), (3,), ()]
    for axes, labels in zip(chosen, blocks.proposals(near(relu, np.zeros(60), shape=shape)), strict=True):
        _, wanted = np.unique(places[list(axes)], axis=1, return_inverse=True) if axes else (None, np.zeros(60))
        pairs = np.unique(np.array([labels, wanted.reshape(-1)]), axis=1)
        assert len(pairs[0]) == len(np.unique(labels)) == len(np.unique(wanted))


@pytest.mark.parametrize(("count", "bits"), [(2, 1), (5, 3), (8, 3), (9, 4)])
def test_moves_part_every_two_blocks_and_few_of_them_are_kept(count, bits):
    found = near(relu, np.zeros(2 * count), opening=1)
    first, kept, moves = found.moves[0], len(found.claims), watched(found)
    assert not blocks.refuted(found, np.repeat(np.arange(count), 2)).any()
    assert len(moves) == bits + 8  # random ones
    same = np.array(moves[:bits]) == first
    assert (same[:, ::2] == same[:, 1::2]).all()
    assert len(np.unique(same[:, ::2], axis=1)[0]) == count
    assert len(found.claims) - kept == len(range(0, len(moves), 4))


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


@pytest.mark.parametrize("tolerance", [0.0, 1e-9])
def test_entries_that_bend_up_and_those_that_bend_down_are_two_blocks(tolerance):
    def gradient(w):
        up, down = np.zeros(8), np.zeros(8)
        up[np.argmax(w[:4])] = 1.0
        down[4 + np.argmax(w[4:])] = -1.0
        return up + down

    labels = blocks.found(near(gradient, np.zeros(8), tolerance=tolerance))
    assert sorted(np.unique(labels, return_counts=True)[1]) == [4, 4]


def test_flips_are_the_entries_in_which_claims_fall():
    found = near(relus, np.zeros(5), opening=10)
    assert list(blocks.flips(found)) == [1, -1, 1, -1, 1]


def test_a_mixture_takes_each_entry_from_its_own_claim():
    found = near(relus, np.zeros(5))
    pick = np.array([0, 1, 2, 3, 0])
    move = Mixed(pick, found.moves)()
    assert move == pytest.approx([found.moves[k][i] for i, k in enumerate(pick)])
    assert not blocks.unlike(found, pick, relus(move)).any()
    other = relus(move)
    other[3] += 1
    assert list(blocks.unlike(found, pick, other)) == [False, False, False, True, False]


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


@pytest.mark.parametrize("n", [coupling.MOST_WHOLE, coupling.MOST_WHOLE + 1])  # ends, and stretches between them
def test_as_many_levels_as_may_be_asked_for_are(n):
    found = near(relu, np.linspace(0, 1, n), opening=1)
    asked = found.asked
    result = coupling.coupled(found, Parts(found, np.arange(n)))
    assert found.asked - asked == n - 1
    assert result.shows(found)


def test_of_single_entries_with_very_many_weights_those_of_one_are_told():
    shares = np.append([0.0, 1.0], np.linspace(0.125, 0.75, 40))
    found = state(lambda w: 2.0 * relu(w), 2.0 * shares)
    assert found.state == "inside"
    assert found.by_blocks
    assert found.weights == pytest.approx([0.125, 0.875], abs=1e-6)


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


def test_a_claim_that_is_one_of_those_next_to_the_point_has_all_the_weight():
    found = near(rows((1, 3)), np.array([0.0, 1.0, 0.0]), opening=6)
    assert any(found.same(claim, found.here) for claim in found.claims)
    assert list(coupling.guessed(found).weights) == [1.0]


def test_one_block_of_all_is_no_guess():
    found = near(rows((1, 3)), np.array([0.5, 0.5, 0.0]), opening=6)
    assert coupling.guessed(found).labels is None


# Both bends ------------------------------------------------------------------------------------------------------


def sort_of(c):
    """The gradient of Σ c_k · the k-th smallest."""

    def gradient(w):
        out = np.empty(len(c))
        out[np.argsort(w, kind="stable")] = c
        return out

    return gradient


def distance_of(target, corners):
    return np.abs(target - combined(in_hull(corners, target), corners)).max()


@pytest.mark.parametrize("seed", range(40))
def test_a_sort_of_three_is_decided_as_its_six_corners_say(seed):
    rng = np.random.default_rng(seed)
    c = np.array([1.0, -1.0, 0.5]) + 0.3 * rng.standard_normal(3)
    corners = np.array([c[list(p)] for p in itertools.permutations(range(3))])
    target = corners.mean(axis=0) + rng.uniform(0.2, 2.0) * (rng.dirichlet(np.ones(6)) - 1 / 6) @ corners
    linear = 10 * rng.standard_normal(3)
    corners, target = corners + linear, target + linear
    off = distance_of(target, corners)
    found = state(lambda w: sort_of(c)(w) + linear, target, seed)
    assert found.state == ("inside" if off < 1e-9 else "outside")
    if found.state == "inside":
        assert found.weights.sum() == pytest.approx(1)
        assert found.weights.min() > 0
        assert not found.by_blocks
    else:
        u = found.separation.move
        assert found.separation.claimed == pytest.approx(target @ u)
        assert found.separation.reached == pytest.approx((corners @ u).max())


@pytest.mark.parametrize("seed", range(3))
def test_drift_of_the_claims_does_not_make_a_plane_more_than_one(seed):
    rng, c = np.random.default_rng(seed), np.array([1.0, -1.0, 0.5])
    found = near(
        lambda w: sort_of(c)(w) + 4e-4 * rng.uniform(-1, 1, 3), np.full(3, c.mean()), opening=30, tolerance=1e-3
    )
    assert subgradient._in_a_plane(found, np.arange(3)).state == "inside"


@pytest.mark.parametrize(("times", "outside"), [(3.0, False), (30.0, True)])
def test_beyond_a_corner_by_no_more_than_drift_is_not_outside(times, outside):
    corner = np.array([1.0, -1.0, 0.5])
    target = corner + times * 1e-6 * (corner - corner.mean()) / np.abs(corner - corner.mean()).max()
    assert (state(sort_of(corner), target, tolerance=1e-6).state == "outside") == outside


@pytest.mark.parametrize(("kinks", "left"), [(40, 80), (40, 120)])
def test_where_kinks_are_too_many_for_a_half_turn_a_flat_move_is_still_looked_for(kinks, left):
    """Kinks of both bends, all along (1, 2, 3, -1, 2), along which the claim is off."""
    u = np.array([1.0, 2.0, 3.0, -1.0, 2.0])
    normals = np.random.default_rng(0).standard_normal((kinks, 5))
    normals -= np.outer(normals @ u, u) / (u @ u)
    c = np.where(np.arange(kinks) % 2, 1.0, -1.0)
    found = near(of_walls(normals, c), 0.5 * c @ normals + 0.3 * u, opening=6)
    found.most = found.asked + left
    finding = subgradient.judged(found)
    assert finding.state == "outside"
    assert finding.separation.move == pytest.approx(u / 3)


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_in_a_plane_beside_entries_that_bend_alone_the_proof_is_of_its_own_entries(size):
    c = size * np.array([1.0, -1.0, 0.5])

    def gradient(w):
        return np.append(sort_of(c)(w[:3]), size * relu(w[3:]))

    inside = state(
        gradient, np.append(np.full(3, c.mean()), size * np.array([0.3, 1.0])), seed=1, tolerance=1e-9 * size
    )
    assert inside.state == "inside"
    off = np.append(c.mean() + size * np.array([1.0, -2.0, 1.0]), size * np.array([0.3, 1.0]))
    found = [state(gradient, off, seed=seed, tolerance=1e-9 * size) for seed in range(20)]
    outside = [finding for finding in found if finding.state != "undecided"]
    assert len(outside) >= 4
    for finding in outside:
        assert finding.state == "outside"
        assert not finding.separation.move[3:].any()
        assert np.abs(finding.separation.move).max() == pytest.approx(1)


@pytest.mark.parametrize("size", [1e-3, 1.0])
def test_pieces_in_a_plane_that_a_turn_misses_are_not_passed_over(size):
    """Three kinks within 2e-3 that add up to nothing: a turn in twelve parts does not meet them."""
    thin = [[1.0, 0.0], [1.0, 1e-3], [1.0, 2e-3]]
    germ = of_walls([[0.0, 1.0], [1.0, 1.0], *thin], size * np.array([1.0, -2.0, 3.0, -6.0, 3.0]))
    found = near(germ, size * np.array([-1.0, -0.5]), opening=4)
    assert subgradient._in_a_plane(found, np.arange(2)).state == "inside"
    found.ask(np.array([1e-4, -0.2]))
    assert subgradient._in_a_plane(found, np.arange(2)) is None


def test_what_is_said_of_a_plane_of_a_few_entries_is_said_block_by_block():
    def gradient(w):
        return np.append(sort_of(np.array([1.0, -1.0, 0.5]))(w[:3]), relu(w[3:]))

    found = near(gradient, np.append(np.full(3, 1 / 6), [0.3, 1.0]), opening=4)
    inside = subgradient._both_ways(found, np.arange(3))
    assert inside.state == "inside"
    assert inside.by_blocks
    asked = found.asked
    assert subgradient._in_a_plane(found, np.arange(5)) is None
    assert found.asked == asked  # more than a plane is seen without asking


@pytest.mark.parametrize("seed", range(10))
def test_of_a_sort_of_four_much_is_found_and_nothing_wrong(seed):
    rng = np.random.default_rng(seed)
    c = rng.standard_normal(4)
    corners = np.array([c[list(p)] for p in itertools.permutations(range(4))])
    target = corners.mean(axis=0) + rng.uniform(0.2, 1.5) * (rng.dirichlet(np.full(24, 0.1)) - 1 / 24) @ corners
    found = state(sort_of(c), target, seed)
    assert found.state == ("inside" if distance_of(target, corners) < 1e-9 else "undecided")
    if found.state == "inside":
        assert found.weights.sum() == pytest.approx(1)
    else:
        assert "several pieces of f meet here" in found.reason


def test_a_sum_that_no_corner_of_a_sort_has_is_outside_though_it_bends_both_ways():
    c = np.array([1.0, -1.0, 0.5, 0.25])
    found = state(sort_of(c), np.full(4, 0.3))
    assert found.state == "outside"
    assert found.separation.kind == "flat"


def test_blocks_with_very_many_weights_of_their_own_are_inside_block_by_block():
    shape = (40, 2)
    shares = np.linspace(0.01, 0.49, 40)
    found = state(rows(shape), np.column_stack([shares, 1 - shares]).ravel(), shape=shape)
    assert found.state == "inside"
    assert found.by_blocks
    assert found.weights.sum() == pytest.approx(1)
    assert found.labels is not None


def test_a_claim_that_drifts_by_more_than_the_claim_is_off_decides_nothing():
    """Beside claims known to 1e-9, later ones that are off by 1e-6 show a combination of nothing."""
    germ = rows((1, 3))
    found = near(germ, np.full(3, 1 / 3), opening=6)
    search = one_bend.Search(found, np.zeros(3, dtype=int))
    assert search.run() == "inside"
    shown = coupling.coupled(found, search.parts)
    assert subgradient._inside(found, shown, np.zeros(3, dtype=int)).state == "inside"
    off = coupling.Coupled(shown.weights, 1e-6)
    assert subgradient._inside(found, off, np.zeros(3, dtype=int)).state == "undecided"


@pytest.mark.parametrize(
    ("pieces", "room", "one", "two"),
    [(False, True, [], [2, 5, 11, 23, 47]), (False, False, list(range(2, 50, 3)), []), (True, True, [], [])],
)
def test_two_claims_aside_are_asked_for_at_turns_ever_further_apart(monkeypatch, pieces, room, one, two):
    """Where f is linear in pieces none is, and where two have no room one is, every third turn."""
    monkeypatch.setattr(Neighbourhood, "has_pieces", pieces)
    monkeypatch.setattr(Neighbourhood, "has_much_room", room)
    search = one_bend.Search(near(rows((1, 3)), np.full(3, 1 / 3)), np.zeros(3, dtype=int))
    sides = [search._sides(turn) for turn in range(50)]
    assert [turn for turn, count in enumerate(sides) if count == 1] == one
    assert [turn for turn, count in enumerate(sides) if count == 2] == two


def test_in_order_both_ways_is_asked_once():
    found = near(relu, np.zeros(5))
    asked = found.asked
    subgradient._in_order(found)
    assert found.asked - asked == 2
    falling, rising = found.moves[-2:]
    assert (np.diff(falling) < 0).all()
    assert (np.diff(rising) > 0).all()
    found.ordered = True
    subgradient._in_order(found)
    assert found.asked - asked == 2


def test_few_entries_are_not_moved_in_periods():
    for few in (4, subgradient.MANY):
        found = near(rows((1, few)), np.zeros(few))
        asked = found.asked
        subgradient._in_periods(found, np.zeros(few, dtype=int))
        assert found.asked == asked
    shape = (2, subgradient.MANY + 10)
    labels = np.repeat([0, 2, 1], [10, subgradient.MANY, subgradient.MANY + 10])
    one = near(rows(shape), np.zeros(labels.size), shape=shape)
    subgradient._in_periods(one, labels)
    assert one.asked - asked == 27  # the periods of one axis: the largest block is a row
    more = near(rows((1, subgradient.MANY + 1)), np.zeros(subgradient.MANY + 1))
    more.most_kept = len(more.claims) + 3
    subgradient._in_periods(more, np.zeros(subgradient.MANY + 1, dtype=int))
    assert more.asked - asked == 3


# The search where f bends one way --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_claims_that_lead_to_the_one_on_trial_are_asked_for(seed):
    found = near(rows((1, 9)), np.full(9, 1 / 9), opening=8, seed=seed)
    assert len(np.unique(found.claims, axis=0)) < 9
    weights = whole_claims.towards(found, 12)
    assert len(np.unique(found.claims, axis=0)) == 9
    assert weights.sum() == pytest.approx(1)
    assert found.asked - 16 <= 12


def test_no_more_turns_are_taken_than_allowed_nor_than_there_is_use_for():
    def asked(turns, each=1 / 6, kept=None):
        found = near(rows((1, 6)), np.full(6, each), opening=1)
        found.most_kept = kept or found.most_kept
        assert whole_claims.towards(found, turns) is None
        return found.asked - 2

    assert asked(0) == 0
    assert asked(1) == 1
    assert asked(3) == 3
    assert asked(12, kept=2) == 0
    assert asked(50, each=1.0) < 25


def test_a_tie_that_a_move_has_hit_is_no_claim_next_to_the_point():
    found = near(lambda w: 1.0 * (w == w.max()), np.ones(2))
    found.ask(np.ones(2))
    assert found.same(found.claims[-1], found.here)
    assert whole_claims.towards(found, 12) is None


@pytest.mark.parametrize("seed", range(3))
def test_where_an_entry_alone_turns_out_to_bend_it_is_refuted_with_those_it_moves(seed):
    """max(0, x - 40·|y|) bends where x is moved far and y little."""

    def gradient(w):
        above = 1.0 * (w[0] > 40 * np.abs(w[1]))
        return np.array([above, -40 * above * np.sign(w[1]), 7.0])

    found = near(gradient, np.array([0.5, 0.0, 7.0]), opening=3, seed=seed)
    assert not np.ptp(found.claims, axis=0).any()
    search = one_bend.Search(found, np.arange(3))
    assert search.run() == "refuted"
    assert list(search.refuted) == [True, True, False]
    for sign, move in zip((1.0, -1.0), found.moves[-2:], strict=True):
        assert 1 <= sign * move[0] < 2
        assert np.abs(move[1:]).max() < 0.1
    again = near(gradient, np.array([0.5, 0.0, 7.0]), opening=3, seed=seed)
    assert subgradient._in_blocks(again).state in ("inside", "undecided")  # it bends both ways


def test_blocks_that_others_move_are_refuted():
    said = []
    for seed in range(6):
        found = near(rows((1, 4)), np.array([2.0, 2.0, 0.0, 0.0]), opening=3, seed=seed)
        search = one_bend.Search(found, np.array([0, 0, 1, 1]))
        said.append(search.run())
        if said[-1] == "refuted":
            assert search.refuted[:2].any()
            assert not search.refuted[2:].any()
        apart = near(rows((2, 2)), np.array([2.0, 2.0, 0.5, 0.5]), opening=3, seed=seed)
        assert one_bend.Search(apart, np.array([0, 0, 1, 1])).run() == "outside"
    assert set(said) <= {"refuted", "both ways"}
    assert said.count("refuted") >= 3


@pytest.mark.parametrize("way", ["rise", "fall"])
def test_a_block_that_others_move_only_where_all_of_them_do_the_same_is_refuted(way):
    sign = 1.0 if way == "rise" else -1.0

    def gradient(w):
        pair = rows((1, 2))(w[:2])
        others = sign * w[2:]
        return np.append(pair * (0.5 if others.min() > 0 and others.sum() > 20 else 1.0), relu(w[2:]))

    here = np.append([1.5, 1.5], np.full(10, 0.5))
    search = one_bend.Search(near(gradient, here, opening=3), np.array([0, 0, *range(1, 11)]))
    assert search.run() == "refuted"


def test_entries_refuted_or_joined_before():
    search = one_bend.Search(near(relu, np.zeros(5)), np.array([0, 0, 1, 2, 3]))
    assert list(search.refuted_or_joined()) == [True, True, False, False, False]
    search.refuted = np.array([False, False, False, True, False])
    assert list(search.refuted_or_joined()) == [True, True, False, True, False]


@pytest.mark.parametrize("kept", [5, 6, 8, 12])
def test_with_few_claims_kept_each_block_keeps_those_that_it_uses(kept):
    shape = (12, 3)
    for last, wanted in ((1 / 3, "inside"), (0.5, "outside")):
        found = near(rows(shape), np.append(np.full(35, 1 / 3), last), shape=shape)
        found.most_kept = kept
        search = one_bend.Search(found, np.repeat(np.arange(12), 3))
        assert search.run() == wanted
        assert len(found.claims) <= kept
        for group in search.parts.groups if wanted == "inside" else ():
            group.weigh(found)
            for entries, used, weights in zip(group.entries, group.used, group.weights, strict=True):
                part = sum(w * found.claims[k][entries] for k, w in zip(used, weights, strict=True))
                assert part == pytest.approx(np.full(3, 1 / 3))


def test_where_much_is_held_already_nothing_is_replaced(monkeypatch):
    shape = (12, 6)
    found = near(rows(shape), np.full(72, 1 / 6), shape=shape, opening=2)
    found.most_kept = 7
    assert one_bend.Search(found, np.repeat(np.arange(12), 6)).run() == "inside"
    again = near(rows(shape), np.full(72, 1 / 6), shape=shape, opening=2)
    again.most_kept = 7
    monkeypatch.setattr(Neighbourhood, "may_put", False)
    with pytest.raises(Spent):
        one_bend.Search(again, np.repeat(np.arange(12), 6)).run()


@pytest.mark.parametrize(("held", "room", "put"), [(827, True, True), (826, False, True), (413, False, False)])
def test_there_is_room_by_the_bytes_that_claims_and_moves_take(held, room, put):
    found, moves, claims = near(relu, np.zeros(8)), Moves(), Packed(8)
    moves.append(np.ones(8))
    for claim in (np.zeros(8), np.ones(8)):
        claims.append(claim)
    moves.append(np.ones(79))
    found.begin(moves, claims, [True, True])
    assert claims.nbytes + moves.nbytes == 827
    found.most_kept, found.most_held = 2, held
    assert (found.has_room(np.zeros(8)), found.may_put) == (room, put)
    # one whose move takes less than a byte an entry is kept as long as one may be put
    light, heavy = (Yielded(8, lambda: iter(()), nbytes) for nbytes in (7, 8))
    assert (found.has_room(light), found.has_room(heavy)) == (put, room)
    found.most_kept = 3
    assert found.has_room(np.zeros(8))


@pytest.mark.parametrize(("held", "room"), [(213, False), (214, True)])
def test_there_is_room_for_claims_of_few_values(held, room):
    found, moves, claims = near(relu, np.zeros(8)), Moves(), Packed(8)
    for claim in (np.zeros(8), np.ones(8)):
        moves.append(np.ones(1))
        claims.append(claim)
    found.begin(moves, claims, [True, True])
    assert claims.of_values == 128  # 0.6 of 213 and a third
    found.most_kept, found.most_held = 2, held
    assert found.has_room(np.zeros(8)) is room
    assert found.has_room(Yielded(8, lambda: iter(()), 1)) is room


@pytest.mark.parametrize(("values", "pieces"), [(1, True), (2, True), (3, False), (8, False)])
def test_claims_that_share_values_are_those_of_pieces(values, pieces):
    found, claims = near(relu, np.zeros(8)), Packed(8)
    for k in range(8):
        claims.append(np.full(8, 1.0 + k % values))
    assert not found.has_pieces  # of a small argument all is kept, and nothing asked of it
    found.begin(Moves(), claims, [True] * 8)
    assert found.has_pieces is pieces


def test_where_nothing_may_be_replaced_the_search_is_spent():
    found = near(rows((1, 6)), np.full(6, 1 / 6))
    found.most_kept = len(found.claims)
    with pytest.raises(Spent):
        one_bend.Search(found, np.zeros(6, dtype=int)).run()


def test_a_ball_is_reached_on_its_boundary():
    for seed in range(4):
        direction = np.random.default_rng(seed).standard_normal(7)
        found = near(lambda w: w / np.linalg.norm(w), direction / np.linalg.norm(direction), seed=seed)
        search = one_bend.Search(found, np.zeros(7, dtype=int))
        assert search.run() == "inside"
        beyond = near(lambda w: w / np.linalg.norm(w), 1.01 * direction / np.linalg.norm(direction), seed=seed)
        search = one_bend.Search(beyond, np.zeros(7, dtype=int))
        assert search.run() == "outside"
        u = search.separation.move
        assert search.separation.claimed == pytest.approx(beyond.here @ u)
        assert search.separation.reached == pytest.approx(np.linalg.norm(u), rel=1e-4)


def test_no_more_than_some_blocks_are_looked_at_for_a_proof_before_the_next_claim(monkeypatch):
    """In 24 rows of two, all to both, every row is apart; a kink that others move is told in the first of them."""
    shape, labels = (24, 2), np.repeat(np.arange(24), 2)
    asked = []
    for suspects in (3, 64):
        found = near(rows(shape), np.ones(48), shape=shape)
        monkeypatch.setattr(one_bend, "SUSPECTS", suspects)
        monkeypatch.setattr(one_bend.Search, "_apart", lambda *block: asked.append(block) or "")
        search, before = one_bend.Search(found, labels), len(asked)
        assert search._turn(0) == ""
        assert len(asked) - before == min(suspects, 24)
    for _, group, row, claim, u in asked:
        assert sorted(claim) == [0, 1]
        assert group.bend[row] == 1
        assert u @ (1 - claim) > 0.1


@pytest.mark.parametrize(
    ("falls", "beyond", "hopeless"), [(1.01, 20.0, True), (1.01, 15.0, False), (30.0, 20.0, False)]
)
def test_a_search_is_hopeless_where_claims_far_beyond_bring_little(falls, beyond, hopeless):
    found = near(rows((1, 50)), np.zeros(50))
    found.most = found.asked + 10
    search = one_bend.Search(found, np.zeros(50, dtype=int))
    block, u = search.parts.groups[0], np.zeros(50)
    block.bend[0], u[3] = 1, 2.0
    for turn in range(2 * one_bend.WATCHED + 1):
        block.best[0] = best = falls**-turn if falls < 2 else 10.0 ** (140 - falls * turn / 10)
        said = search._hopeless(block, np.array([0]), beyond * best * u / 2, u)
        assert said is (hopeless and turn == 2 * one_bend.WATCHED)
    found.most = found.asked + 50  # as many as it has entries
    assert not search._hopeless(block, np.array([0]), beyond * best * u / 2, u)


@pytest.mark.parametrize("bend", [1, -1, 0])
def test_the_bends_of_many_blocks_are_those_of_each(bend):
    shape = (6, 2)
    signs = np.array([bend, bend]) if bend else np.array([1.0, -1.0])
    largest = rows(shape)
    gradient = (lambda w: bend * largest(w)) if bend else (lambda w: (1.0 * (w.reshape(shape) > 0) * signs).ravel())
    found = near(gradient, np.zeros(12), shape=shape, opening=3)
    parts = Parts(found, np.repeat(np.arange(6), 2))
    seen = bends.Bends(found, parts)
    for _ in range(4):
        move = found.noise()
        seen.see(gradient(move), move)
    assert list(seen.of(0, np.arange(6))) == [bend] * 6
    claims, moves = (at.reshape(-1, 6, 2) for at in found.at(np.arange(12)))
    assert list(bends.signs(claims, moves, found.tolerance)) == [bend] * 6
    alone = [bends.one_sign(claims[:, row], moves[:, row], found.tolerance) for row in range(6)]
    assert alone == [bend] * 6


@pytest.mark.parametrize("claimed", [0.5, 0.0])
def test_a_piece_that_bends_the_other_way_and_is_thin_is_found_before_a_fail(claimed):
    """min(|Σx|, x₀) seems concave where −1 is not met; ½e₀ and 0 are subgradients by it alone."""

    def gradient(x):
        if not x.any():
            return claimed * np.eye(3)[0]
        return np.eye(3)[0] if x[0] < abs(x.sum()) else np.sign(x.sum()) * np.ones(3)

    for seed in range(40):
        report = gc.check(lambda x: float(min(abs(x.sum()), x[0])), gradient, (np.zeros(3),), seed=seed)
        assert report.verdict is not gc.Verdict.FAIL, seed


@pytest.mark.parametrize("rows", [1, 2, 30, 1000, 2000])
@pytest.mark.parametrize("at_zero", [(1.0, *[0.0] * 7), tuple(np.full(8, 8**-0.5)), (0.6, 0.0, 0.8, *[0.0] * 5)])
def test_unit_vectors_of_rows_of_norms_at_zero_are_shown_in_few_claims(rows, at_zero):
    def gradient(x):
        size = np.linalg.norm(x, axis=1, keepdims=True)
        return np.where(size > 0, x / np.where(size > 0, size, 1.0), at_zero)

    report = gc.check(lambda x: np.sum(np.linalg.norm(x, axis=1)), gradient, (np.zeros((rows, 8)),))
    assert report.verdict is gc.Verdict.PASS
    assert report.gradient_evaluations <= 100
    report = gc.check(lambda x: np.sum(np.linalg.norm(x, axis=1)), lambda x: 1.01 * gradient(x), (np.zeros((rows, 8)),))
    assert report.verdict is gc.Verdict.FAIL
