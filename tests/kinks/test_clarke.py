"""The claim against the hull of the claims next to it, on samples made by hand, and what is asked for when."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.kinks import clarke, hull, nearby

TOLERANCE = 1e-3


def near_of(samples, here, moves=None, tolerance=TOLERANCE):
    samples = np.array(samples, dtype=float)
    moves = np.zeros_like(samples) if moves is None else np.array(moves, dtype=float)
    return nearby.Nearby(samples, moves, np.array(here, dtype=float), tolerance)


def trial_of(scale=1.0, true_norm=0.0, shape=(3,)):
    """What the hull asks a trial for."""
    return SimpleNamespace(
        scale=SimpleNamespace(value=scale),
        true_norm=true_norm,
        index=0,
        gradient=SimpleNamespace(leaves=[np.zeros(shape)]),
        claimed=np.zeros(shape),
    )


def group_of(entries, vertices, labels, complete=True):
    return hull.Group(np.array(entries), np.array(vertices, dtype=float), np.array(labels), complete)


# Inside or not -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tolerance", "jump", "room"), [(TOLERANCE, 1.0, 2e-3 + 1e-9), (0.0, 2.0, 2e-9), (0.0, 64.0, 64e-9)]
)
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_claim_is_inside_within_the_drift_of_its_entries_and_a_billionth_of_the_jump(tolerance, jump, room, factor):
    corner = np.full(4, jump)
    normal = np.array([1.0, -1.0, 1.0, -1.0]) / 2
    here = 0.5 * corner + factor * room * normal
    group = group_of([0, 1, 2, 3], [corner, np.zeros(4)], [0, 1])
    gap = clarke._gap(near_of([corner, np.zeros(4)], here, tolerance=tolerance), group)
    assert gap == (0 if factor < 1 else pytest.approx(factor * room, rel=1e-3))


def test_the_hull_of_whole_claims_is_that_of_all_samples_in_the_entries_that_move():
    near = near_of([[0, 5, 0], [1, 5, 0], [0, 5, 1]], [0.6, 5, 0.6])
    whole = clarke._whole(near, np.array([0, 2]))
    assert whole.vertices.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert not whole.complete
    assert clarke._gap(near, whole) == pytest.approx(0.2 / math.sqrt(2))  # from x + y ≤ 1


def test_a_claim_in_the_hull_of_each_group_is_valid():
    rows = list(itertools.product([0.0, 1.0], repeat=2)) * 4
    found = clarke._in_hull(trial_of(shape=(2,)), near_of(rows, [0.25, 1.0]))
    assert (found.valid, found.decided, found.distance, found.reason) == (True, True, 0.0, "")
    assert found.entries.tolist() == [0, 1]
    assert sorted(group.entries.tolist() for group in found.groups) == [[0], [1]]


@pytest.mark.parametrize("scale", [2.0, np.array([2.0, 2.0])])
@pytest.mark.parametrize(("true_norm", "size"), [(0.0, 2 * math.hypot(4, 5)), (100.0, 100.0)])
def test_the_distance_is_that_from_all_hulls_together_relative_to_the_largest_size(scale, true_norm, size):
    rows = list(itertools.product([0.0, 1.0], repeat=2)) * 4
    found = clarke._in_hull(trial_of(scale, true_norm, (2,)), near_of(rows, [4.0, 5.0]))
    assert (found.valid, found.decided) == (False, True)
    assert found.distance == pytest.approx(2 * 5 / size, rel=1e-6)  # 3 and 4 beyond


def test_the_size_may_be_that_of_the_claims_next_to_the_point():
    rows = list(itertools.product([0.0, 8.0], repeat=2)) * 4
    found = clarke._in_hull(trial_of(shape=(2,)), near_of(rows, [-1.0, 0.0]))
    assert found.distance == pytest.approx(1 / math.hypot(8, 8))


def test_only_a_group_that_the_claim_is_outside_of_needs_all_its_vertices():
    rows = np.array(list(itertools.product([0.0, 1.0], repeat=2)) * 4)
    rows[:, 1] = np.where(np.arange(16) == 9, 2.0, rows[:, 1])  # a vertex seen once: there may be more
    assert clarke._in_hull(trial_of(shape=(2,)), near_of(rows, [1.5, 0.5])).decided
    assert not clarke._in_hull(trial_of(shape=(2,)), near_of(rows, [0.5, 2.5])).decided
    assert not clarke._in_hull(trial_of(shape=(2,)), near_of(rows, [1.5, 2.5])).decided


@pytest.mark.parametrize(("off", "wrong"), [(0.9 * TOLERANCE, False), (-1.1 * TOLERANCE, True), (3.0, True)])
def test_an_entry_that_no_kink_moves_has_the_claim_next_to_it(off, wrong):
    near = near_of([[0, 4, 0], [1, 4, 0], [0, 4, 0], [1, 4, 0]], [1.0, 4 + off, 0.0])
    found = clarke._in_hull(trial_of(2.0), near)
    assert found.valid == (not wrong)
    assert found.entries.tolist() == [0]
    if wrong:
        assert found.decided
        assert found.distance == pytest.approx(abs(off) / math.hypot(1, max(4, 4 + off)), rel=1e-3)
        assert found.reason.startswith("at (1,) the claim differs from the claims next to it")


def test_the_entry_that_is_furthest_off_is_named_in_the_arguments_shape():
    trial = trial_of(shape=(2, 3))
    assert clarke.off_reason(trial, np.array([0, 1, 0, 0, 2, 0.5])).startswith("at (1, 1) ")
    assert clarke.index_of(trial, 5) == (1, 2)
    assert clarke.index_of(trial, 6 + 4) == (1, 1)  # the imaginary part of the same entry
    assert clarke.index_of(trial_of(shape=()), 0) == ()


def test_what_is_off_by_less_than_the_drift_counts_for_nothing():
    near = near_of([[0, 0, 0], [2, 0, 0]], [0, TOLERANCE / 2, -2 * TOLERANCE])
    assert clarke.off_the_kinks(near, np.array([0])).tolist() == [0, TOLERANCE / 2, 2 * TOLERANCE]
    assert not clarke.off_the_kinks(near, np.array([0, 2])).any()


# One kink ------------------------------------------------------------------------------------------------------

# heights along the jump (1, -2): 5, 1, -1, -5
MOVES = np.array([[1.0, -2.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 2.0]])
JUMP = np.array([[1.0, -2.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("labels", "parted"),
    [([0, 0, 1, 1], True), ([1, 1, 0, 0], True), ([0, 1, 0, 1], False), ([0, 0, 0, 1], True), ([0, 1, 1, 1], True)],
)
def test_one_kink_parts_the_moves_by_their_height_along_its_jump(labels, parted):
    group = group_of([0, 1], JUMP, labels)
    near = near_of(JUMP[labels], JUMP[0], MOVES)
    assert clarke._parted(near, group) is parted
    assert clarke.position(near, group) == 1.0


@pytest.mark.parametrize("order", [1, -1])
def test_moves_of_equal_height_on_both_sides_are_not_parted(order):
    moves = np.array([[1.0, -2.0], [1.0, 0.0], [1.0, 0.0], [-1.0, 2.0]])[::order]
    assert not clarke._parted(near_of(JUMP[[0, 0, 1, 1]], JUMP[0], moves), group_of([0, 1], JUMP, [0, 0, 1, 1]))


def test_more_than_two_vertices_are_parted_by_no_single_jump():
    group = group_of([0, 1], [[0, 0], [1, 0], [0, 1]], [0, 1, 2, 0])
    assert clarke._parted(near_of(np.zeros((4, 2)), [0, 0], MOVES), group)


@pytest.mark.parametrize(("labels", "sign"), [([0, 0, 1, 1], 1.0), ([1, 1, 0, 0], -1.0), ([1, 0, 0, 0], -1.0)])
def test_a_kink_is_convex_where_the_vertex_ahead_lies_ahead(labels, sign):
    group = group_of([0, 1], JUMP, labels)
    assert clarke.bends(near_of(JUMP[labels], [0, 0], MOVES), group) == sign


def test_moves_across_neither_way_are_taken_for_convex():
    group = group_of([0, 1], JUMP, [0, 1])
    assert clarke.bends(near_of(JUMP, [0, 0], [[2.0, 1.0], [-2.0, -1.0]]), group) == 1.0


@pytest.mark.parametrize("where", [0.0, 0.25, 1.0, 1.5, -0.5])
def test_the_position_of_a_claim_is_along_the_jump_from_vertex_one(where):
    zero, one = np.array([5.0, 1.0, -2.0]), np.array([3.0, 1.0, 2.0])
    here = np.zeros(5)
    here[[0, 2, 4]] = one + where * (zero - one) + [0.0, 7.0, 0.0]  # and across
    near = near_of(np.zeros((1, 5)), here)
    assert clarke.position(near, group_of([0, 2, 4], [zero, one], [0, 1])) == pytest.approx(where)


# The claims that are asked for ---------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """Return the moves that would be asked for, less what is random, in the place of the samples with their claims."""
    monkeypatch.setattr(clarke, "drawn", lambda *_: 0.0)
    monkeypatch.setattr(clarke, "put", lambda _, move: move)
    monkeypatch.setattr(clarke, "extended", lambda _, __, ___, moves: moves)


def singles(shares, signs=None, typical=2.0):
    """Groups of an entry each, from 0 to 1 but for sign, in which the claim has those shares of the positive side."""
    count = len(shares)
    signs = np.ones(count) if signs is None else np.array(signs, dtype=float)
    moves = np.array([np.ones(count), -np.ones(count)]) * typical
    samples = np.array([np.maximum(signs, 0), np.maximum(-signs, 0)])  # entry i jumps by sign i along move i
    groups = [group_of([i], [[samples[0, i]], [samples[1, i]]], [0, 1]) for i in range(count)]
    here = samples[1] + np.array(shares) * (samples[0] - samples[1])
    return near_of(samples, here, moves), groups


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("shares", "moves"),
    [
        ([0.25, 1.0], [[2, 2], [-2, 2]]),  # at levels 1/8 and 5/8
        ([0.0, 1.0], [[-2, 2]]),
        ([0.5, 0.5], [[2, 2], [-2, -2]]),
        ([1.0, 1.0], [[2, 2]]),
        ([0.0, 0.0], [[-2, -2]]),
        ([-0.5, 1.5], [[-2, 2]]),  # outside: the nearest
        ([0.25, 0.25 + 1e-7], [[2, 2], [-2, -2]]),  # round-off makes no level of its own
        ([0.25, 0.75, 0.5], [[2, 2, 2], [-2, 2, 2], [-2, 2, -2], [-2, -2, -2]]),
    ],
)
def test_the_whole_claims_of_which_the_claim_is_made_are_asked_for(shares, moves):
    near, groups = singles(shares)
    found = clarke._joined(None, near, groups, 1.0)
    assert np.array(found).tolist() == moves


@pytest.mark.usefixtures("asked")
def test_a_concave_kink_is_met_on_its_other_side_and_each_group_as_far_as_is_typical():
    near, _ = singles([1.0, 1.0, 1.0])
    # entries 0 and 1 are one group that jumps by (4, -1) backwards
    group = group_of([0, 1], [[0, 0], [4, -1]], [0, 1])
    other = group_of([2], [[1], [0]], [0, 1])
    moves = np.array([[4.0, -1.0, 3.0], [-4.0, 1.0, -3.0]])
    near = near_of([[0, 0, 1], [4, -1, 0]], [0, 0, 1], moves)
    assert np.array(clarke._joined(None, near, [group, other], 1.0)).tolist() == [[4, -1, 4]]


@pytest.mark.usefixtures("asked")
def test_one_entry_or_more_than_two_vertices_ask_for_nothing():
    near, groups = singles([0.25, 1.0])
    assert clarke._joined(None, near, groups[:1], 1.0) is near
    three = group_of([0], [[0], [1], [2]], [0, 1])
    assert clarke._joined(None, near, [three, groups[1]], 1.0) is near
    pair = group_of([0, 1], [[1, 1], [0, 0]], [0, 1])
    assert len(clarke._joined(None, near, [pair], 1.0)) > 0
    assert clarke._joined(None, near, [], 1.0) is near


@pytest.mark.usefixtures("asked")
def test_a_round_of_whole_claims_is_asked_for_at_most():
    shares = (np.arange(nearby.ROUND - 1) + 1) / nearby.ROUND
    near, groups = singles(shares)
    assert len(clarke._joined(None, near, groups, 1.0)) == nearby.ROUND
    near, groups = singles([*shares, 0.99])
    assert clarke._joined(None, near, groups, 1.0) is near


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("misses", "share"), [(0, 2.0**-5), (1, 2.0**-7), (2, 2.0**-9)])
@pytest.mark.parametrize("scale", [4.0, np.array([4.0, 4.0, 4.0, 4.0])])
def test_a_missing_vertex_is_looked_for_both_ways_with_a_little_of_a_random_move(monkeypatch, misses, share, scale):
    random = np.array([1.0, -1.0, 2.0, 3.0])
    streams = []
    monkeypatch.setattr(clarke, "drawn", lambda _, number: streams.append(number) or random)
    moves = np.array([[1.0, 0, 1, 0], [-1.0, 0, -1, 0], [1.0, 0, 2, 0]])
    samples = np.array([[1.0, 0, 0, 0], [0.0, 0, 1, 0], [1.0, 0, 0, 0]])  # entry 0 convex, entry 2 concave
    groups = (group_of([0], [[1], [0]], [0, 1, 0]), group_of([2], [[0], [1]], [0, 1, 0]))
    finding = clarke.Finding(valid=False, decided=False, distance=1.0, entries=np.array([0, 2]), groups=groups)
    towards = np.array([3.0, 0.0, -6.0, 0.0])
    near = near_of(samples / 16, [0, 0, 0, 0], moves)  # the sign of the bend counts, and not its size
    found = clarke._extreme(trial_of(scale), near, finding, towards, 1.0, 7, misses)
    expected = np.array([2.0, 0, 4.0, 0]) + share * random  # as large as the scale, the concave one turned round
    assert found[0].tolist() == expected.tolist()
    assert found[1].tolist() == (-expected).tolist()
    assert streams == [clarke.SEARCH_STREAM + 7]
    assert towards.tolist() == [3.0, 0.0, -6.0, 0.0]


# How long it is looked for -------------------------------------------------------------------------------------


class Search:
    """Records each search, after which a group has `vertices` of them and the claim is at `gaps` of the hull."""

    def __init__(self, monkeypatch, vertices=(), valid_after=None, gaps=()):
        self.calls, self.vertices, self.valid_after, self.gaps = [], list(vertices), valid_after, [*gaps]
        monkeypatch.setattr(clarke, "_extreme", self.extreme)
        monkeypatch.setattr(clarke, "_in_hull", lambda *_: self.finding())

    def extreme(self, _trial, near, _finding, towards, _delta, search, misses):
        self.calls.append((search, misses))
        self.towards = towards
        return near

    def finding(self):
        count = self.vertices[min(len(self.calls), len(self.vertices) - 1)]
        group = group_of([1], np.arange(count)[:, None], [0, 1])
        valid = self.valid_after is not None and len(self.calls) >= self.valid_after
        return clarke.Finding(valid, decided=True, distance=1.0, entries=np.array([1]), groups=(group,))


NEAR = near_of([[0, 0, 0], [0, 1, 0]], [0, 5, 0])


def test_three_searches_in_a_row_that_find_no_new_vertex_are_the_last(monkeypatch):
    search = Search(monkeypatch, vertices=[2])
    finding, _ = clarke._search_groups(None, NEAR, search.finding(), 1.0)
    assert search.calls == [(0, 0), (1, 1), (2, 2)]
    assert not finding.valid
    assert search.towards.tolist() == [0, 4, 0]  # from the hull [0, 1] to 5


def test_a_new_vertex_gives_three_more_searches(monkeypatch):
    search = Search(monkeypatch, vertices=[2, 2, 2, 3, 3, 4])
    clarke._search_groups(None, NEAR, search.finding(), 1.0)
    assert search.calls == [(0, 0), (1, 1), (2, 2), (3, 0), (4, 1), (5, 0), (6, 1), (7, 2)]


def test_there_are_no_more_than_so_many_searches(monkeypatch):
    search = Search(monkeypatch, vertices=range(2, 40))
    clarke._search_groups(None, NEAR, search.finding(), 1.0)
    assert search.calls == [(n, 0) for n in range(clarke.SEARCHES)]


def test_a_claim_that_is_inside_is_searched_for_no_longer(monkeypatch):
    search = Search(monkeypatch, vertices=[2], valid_after=2)
    finding, _ = clarke._search_groups(None, NEAR, search.finding(), 1.0)
    assert len(search.calls) == 2
    assert finding.valid


def whole_search(monkeypatch, gaps):
    """Search with hulls of all claims from which the claim is at those distances, one after another."""
    search = Search(monkeypatch, vertices=[2])

    def extreme(trial, near, *rest):
        search.extreme(trial, near, *rest)
        return near_of([[0, 0, 0], [0, 5 - gaps[min(len(search.calls), len(gaps) - 1)], 0]], [0, 5, 0], tolerance=1e-9)

    monkeypatch.setattr(clarke, "_extreme", extreme)
    near = near_of([[0, 0, 0], [0, 5 - gaps[0], 0]], [0, 5, 0], tolerance=1e-9)
    finding = clarke.Finding(valid=True, decided=True, distance=0.0, entries=np.array([1]))
    found, returned = clarke._search_whole(None, near, finding, 1.0)
    assert returned is near  # what was searched for is not what the convention is read off
    return found, search


def test_whole_claims_that_come_no_nearer_leave_it_undecided(monkeypatch):
    found, search = whole_search(monkeypatch, [4.0])
    assert (found.valid, found.decided) == (False, False)
    n = clarke.SEARCHES
    assert search.calls == [(n, 0), (n + 1, 1), (n + 2, 2)]
    assert search.towards.tolist() == [0, 4, 0]


def test_whole_claims_that_come_nearer_are_asked_for_until_the_claim_is_inside(monkeypatch):
    found, search = whole_search(monkeypatch, [4.0, 3.0, 3.0, 3.0, 1.0, 0.0])
    assert (found.valid, found.decided) == (True, True)
    assert [misses for _, misses in search.calls] == [0, 0, 1, 2, 0]


def test_a_search_that_still_comes_nearer_at_its_end_says_nothing(monkeypatch):
    found, search = whole_search(monkeypatch, 4 * 0.9 ** np.arange(40))
    assert found.valid
    assert len(search.calls) == clarke.SEARCHES


@pytest.mark.parametrize(("nearer", "last"), [(2.0**-21, 3), (2.0**-19, clarke.SEARCHES)])
def test_coming_nearer_by_round_off_is_no_progress(monkeypatch, nearer, last):
    _, search = whole_search(monkeypatch, 4 * (1 - nearer) ** np.arange(40))
    assert len(search.calls) == last


# The whole -----------------------------------------------------------------------------------------------------


def relu_sum(x):
    return np.sum(np.maximum(x, 0))


def judged(trial):
    delta = nearby.distance(trial)
    near = nearby.next_to_the_point(trial, delta)[1]
    finding, near = clarke.judged(trial, near, delta)
    return finding, near


@pytest.mark.parametrize("value", [1.0, 0.25])
def test_one_kink_in_one_entry_needs_no_claims_beyond_the_first(trial_at, value):
    finding, near = judged(trial_at(relu_sum, lambda x: (x > 0) + value * (x == 0), np.array([0.0, 1.0])))
    assert finding.valid
    assert len(near.samples) == 8


@pytest.mark.parametrize("ties", [24, 40])
@pytest.mark.parametrize("seed", range(3))
def test_of_many_that_are_tied_each_is_let_win_once(trial_at, ties, seed):
    def share(x):
        return (x == x.max()) / np.sum(x == x.max())

    finding, near = judged(trial_at(np.max, share, np.zeros(ties), seed=seed))
    assert finding.valid
    assert np.array(near.samples).max(axis=0).tolist() == [1.0] * ties


@pytest.mark.parametrize("ties", [3, 8, 16, 40])
def test_equal_moves_do_not_let_the_claim_at_a_tie_vouch_for_itself(trial_at, ties):
    def too_much(x):
        return (x == x.max()) / np.sum(x == x.max()) * (1.2 if np.ptp(x) == 0 else 1.0)

    for seed in range(3):
        finding, _ = judged(trial_at(np.max, too_much, np.zeros(ties), seed=seed))
        assert not finding.valid


def test_an_entry_without_a_kink_is_asked_for_once_more_and_then_wrong(trial_at):
    trial = trial_at(
        relu_sum, lambda x: (x > 0) + 0.5 * (x == 0) + (x[0] == 0) * np.array([0, 0.25]), np.array([0.0, 1])
    )
    finding, _ = judged(trial)
    assert (finding.valid, finding.decided) == (False, True)
    assert finding.reason.startswith("at (1,) the claim differs")


def test_kinks_that_still_turn_up_after_so_many_searches_leave_it_undecided(trial_at):
    def share(x):
        return (x == x.max()) / np.sum(x == x.max())

    finding, near = judged(trial_at(np.max, share, np.zeros(200)))
    assert (finding.valid, finding.decided) == (False, False)
    assert len(near.samples) >= nearby.ROUND * clarke.MOST_REVEALED


def test_a_kink_that_no_sample_shows_in_any_entry_has_nothing_outside():
    near = near_of([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0])
    found = clarke._in_hull(trial_of(shape=(2,)), near)
    assert found.valid
    assert clarke._gap(near, clarke._whole(near, found.entries)) == 0


def test_two_kinks_need_the_whole_claims_they_are_made_of(trial_at):
    finding, near = judged(trial_at(relu_sum, lambda x: (x > 0) + 0.5 * (x == 0), np.zeros(2)))
    assert finding.valid
    assert len(near.samples) == 8 + 2  # half of one claim and half of the one opposite


def test_a_claim_outside_is_outside_after_sixty_four_claims_and_three_searches(trial_at):
    finding, near = judged(trial_at(relu_sum, lambda x: (x > 0) + 1.5 * (x == 0), np.array([0.0, 1.0])))
    assert (finding.valid, finding.decided) == (False, True)
    assert len(near.samples) == clarke.MOST_SAMPLES + 2 * clarke.MISSES
    assert finding.distance == pytest.approx(0.5 / math.hypot(1.5, 1))


def test_samples_are_fewer_where_each_of_them_is_large(monkeypatch, trial_at):
    monkeypatch.setattr(clarke, "MOST_NUMBERS", 2 * 16)
    _, near = judged(trial_at(relu_sum, lambda x: (x > 0) + 1.5 * (x == 0), np.array([0.0, 1.0])))
    assert len(near.samples) == 16 + 2 * clarke.MISSES


def test_rounds_of_eight_and_then_of_sixteen_are_drawn(monkeypatch):
    counts = []

    def more(_trial, near, _delta, count):
        counts.append(count)
        total = len(near.samples) + count
        return near_of(np.zeros((total, 1)), [0.0])

    monkeypatch.setattr(clarke, "more", more)
    nothing = clarke.Finding(valid=False, decided=False, distance=1.0, entries=np.array([0]))
    monkeypatch.setattr(clarke, "_in_hull", lambda *_: nothing)
    clarke.judged(None, near_of(np.zeros((8, 1)), [0.0]), 1.0)
    assert counts == [8, 8, 8, 16, 16]
