import itertools
from math import comb, log

import numpy as np
import pytest

from gradcheck.kinks import hull
from gradcheck.kinks.hull import CHANCE, TILTS, Group, groups, varying

TOLERANCE = 1e-9


def all_groups(samples, tolerance=TOLERANCE):
    samples = np.array(samples, dtype=np.float64)
    moving = varying(samples, tolerance)
    return groups(samples[:, moving], moving, tolerance)


def group(vertices, *, complete=True):
    vertices = np.array(vertices, dtype=np.float64)
    count = len(vertices)
    return Group(np.arange(vertices.shape[1]), vertices, np.arange(count), complete)


# The hull ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vertices", "claim", "distance"),
    [
        ([[0.0], [1.0]], [0.0], 0),
        ([[0.0], [1.0]], [0.5], 0),
        ([[0.0], [1.0]], [1.5], 0.5),
        ([[0.0], [1.0]], [-0.25], 0.25),
        ([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5], 0),  # a tie of two in max
        ([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], np.sqrt(0.5)),  # each entry in [0, 1], and no subgradient
        ([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.25, 0.25], 0),
        ([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [-3.0, 0.0], 3.0),
        ([[0.0, 0.0], [1e6, 1e6]], [5e5, 5e5], 0),
        ([[2.0, 2.0], [2.0, 2.0 + 1e-6]], [2.0, 2.0 + 5e-7], 0),
    ],
)
def test_the_distance_to_the_hull(vertices, claim, distance):
    found = group(vertices)
    weights, gap = found.weights(np.array(claim))
    spread = np.ptp(found.vertices) or 1.0
    assert gap == pytest.approx(distance, abs=1e-7 * spread)
    assert np.all(weights >= 0)
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    assert np.linalg.norm(weights @ found.vertices - claim) == pytest.approx(gap, abs=1e-12)


@pytest.mark.parametrize("factor", [2.0**-60, 2.0**60])
def test_the_distance_scales_with_the_vertices(factor):
    vertices, claim = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0.9, 0.4])
    weights, gap = group(vertices).weights(claim)
    scaled_weights, scaled_gap = group(factor * vertices).weights(factor * claim)
    assert np.array_equal(scaled_weights, weights)
    assert scaled_gap == factor * gap


def test_the_only_vertex_is_the_nearest():
    weights, gap = group([[2.0, 1.0]]).weights(np.array([2.0, 4.0]))
    assert (weights.tolist(), gap) == ([1.0], 3.0)


def test_a_convex_combination_of_many_vertices_is_inside_and_a_little_outside_is_outside():
    rng = np.random.default_rng(0)
    vertices = rng.standard_normal((12, 5))
    found = group(vertices)
    for _ in range(50):
        share = rng.dirichlet(np.ones(12))
        assert found.weights(share @ vertices)[1] < 1e-9
    furthest = vertices[np.argmax(np.linalg.norm(vertices - vertices.mean(axis=0), axis=1))]
    beyond = furthest + 1e-3 * (furthest - vertices.mean(axis=0))
    assert found.weights(beyond)[1] > 1e-6


def test_weights_read_the_groups_own_entries_of_the_claim():
    found = Group(np.array([3, 1]), np.array([[0.0, 0.0], [2.0, 4.0]]), np.array([0, 1]), complete=True)
    weights, gap = found.weights(np.array([9.0, 1.0, 9.0, 0.5]))
    assert gap < 1e-9
    assert weights.tolist() == pytest.approx([0.75, 0.25])


# What varies ---------------------------------------------------------------------------------------------------


def test_entries_that_differ_between_samples_by_more_than_the_tolerance_vary():
    samples = np.array([[1.0, 2.0, 3.0], [1.0 + 1e-10, 2.5, 3.0], [1.0, 2.0, 3.0 + 1e-8]])
    assert varying(samples, TOLERANCE).tolist() == [1, 2]


def test_a_difference_of_just_the_tolerance_is_none():
    samples = np.array([[1.0, 1.0], [1.5, 1.5 + 2.0**-52]])
    assert varying(samples, 0.5).tolist() == [1]
    assert all_groups([[0.0], [0.5], [0.0], [0.5]], tolerance=0.5) == []


# Groups --------------------------------------------------------------------------------------------------------


def relu_units(signs, columns=2):
    """Claims next to a point where some hidden units are 0: unit u moves its own column of entries."""
    return [[(u + 1.0) * s for u, s in enumerate(row) for _ in range(columns)] for row in signs]


EVERY_SIGN = list(itertools.product((0.0, 1.0), repeat=3)) * 4


def test_independent_kinks_have_a_group_each():
    found = all_groups(relu_units(EVERY_SIGN))
    assert sorted(sorted(g.entries.tolist()) for g in found) == [[0, 1], [2, 3], [4, 5]]
    assert all(len(g.vertices) == 2 for g in found)
    assert all(g.complete for g in found)


def test_the_labels_of_a_group_say_which_vertex_each_sample_showed():
    samples = np.array(relu_units(EVERY_SIGN))
    for g in all_groups(samples):
        assert np.array_equal(g.vertices[g.labels], samples[:, g.entries])


def test_a_tie_of_three_is_one_group_with_three_vertices():
    rows = np.eye(3)[np.random.default_rng(0).integers(0, 3, 32)]
    found = all_groups(rows)
    assert len(found) == 1
    assert sorted(map(tuple, found[0].vertices.tolist())) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    assert found[0].weights(np.array([1 / 3, 1 / 3, 1 / 3]))[1] < 1e-9
    assert found[0].weights(np.array([1.0, 1.0, 0.0]))[1] > 0.5


def test_a_tie_beside_an_independent_kink_is_told_from_it():
    rng = np.random.default_rng(1)
    rows = np.hstack([np.eye(2)[rng.integers(0, 2, 48)], rng.integers(0, 2, (48, 1)).astype(float)])
    found = all_groups(rows)
    assert sorted(sorted(g.entries.tolist()) for g in found) == [[0, 1], [2]]


def test_values_that_never_go_together_are_dependent():
    # the second moves only where the first does: relu of a relu. Linearly independent, yet (0, 1) is never seen
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 2, (2, 64))
    found = all_groups(np.stack([first, first * second], axis=1).astype(float))
    assert len(found) == 1
    assert len(found[0].vertices) == 3


def test_a_linear_relation_binds_the_entries_that_are_in_it_and_no_other():
    rng = np.random.default_rng(3)
    a, other, b = rng.integers(0, 2, (3, 64)).astype(float)
    found = all_groups(np.stack([a, other, b, a + b], axis=1))
    assert sorted(sorted(g.entries.tolist()) for g in found) == [[0, 2, 3], [1]]


def test_a_new_vertex_in_the_second_half_leaves_the_hull_incomplete():
    late = [[0.0], [1.0], [0.0], [1.0], [2.0], [0.0], [1.0], [2.0]]
    assert not all_groups(late)[0].complete
    assert all_groups([[2.0], *late])[0].complete


def test_a_vertex_seen_once_leaves_room_for_others_never_seen():
    once = [[2.0], [0.0], [1.0], [0.0], [1.0], [0.0], [1.0], [0.0]]
    assert not all_groups(once)[0].complete
    assert all_groups([*once, [2.0]])[0].complete


def test_values_within_the_tolerance_are_one_vertex():
    samples = [[1.0], [0.0], [1.0 + 1e-12], [1e-12], [1.0], [0.0]]
    (found,) = all_groups(samples)
    assert len(found.vertices) == 2
    assert found.labels[0] == found.labels[2] == found.labels[4]


def test_few_samples_do_not_bind_what_is_independent():
    # four samples of four entries satisfy some linear relation by themselves
    rows = [[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]]
    assert len(all_groups(rows)) == 4


def test_twice_as_many_samples_as_entries_show_a_relation():
    a, b = np.array([[0.0, 1.0, 0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0, 0.0, 1.0]])
    assert len(all_groups(np.stack([a, b, a + b], axis=1))) == 1


def test_beyond_so_many_kinks_pairs_are_no_longer_compared(monkeypatch):
    rng = np.random.default_rng(4)
    rows = rng.integers(0, 2, (96, 12)).astype(float)
    rows[:, 1] = rows[:, 0] * rng.integers(0, 2, 96)  # never without the first
    for most, compared in ((12, True), (11, False)):
        monkeypatch.setattr(hull, "MOST_PATTERNS", most)
        assert any({0, 1} <= set(g.entries.tolist()) for g in all_groups(rows)) is compared


def test_patterns_of_shared_kinks_are_bound_though_each_combination_of_values_is_rare():
    # two entries of one column of weights, whose five kinks move both: eleven and more values each
    rng = np.random.default_rng(5)
    x = np.array([[1.0, 2.0], [2.0, -1.0], [-1.0, 1.0], [3.0, 1.0], [-2.0, 3.0]])
    rows = [(x @ rng.standard_normal(2) > 0).astype(float) @ x for _ in range(64)]
    assert len(all_groups(rows)) == 1


# Chance ----------------------------------------------------------------------------------------------------------


def bound_on_chance(rows, columns, missing, tilts):
    """The logarithm of Π (1 − q + q^(1−θ))·exp(−θs) for each θ, q counted in whole numbers."""
    n = sum(rows)
    log_q = np.array([[log(comb(n - r, c)) - log(comb(n, c)) for c in columns] for r in rows])
    seen = -np.sum(log_q * missing)
    return np.array([np.sum(np.logaddexp(np.log1p(-np.exp(log_q)), (1 - t) * log_q)) - t * seen for t in tilts])


def chance(rows, columns, missing):
    return hull._chance(np.array(rows), np.array(columns), sum(rows), np.array(missing, dtype=bool))


# How often each value was seen: few values of many samples to many values of a few each, n even and odd.
COUNTS = [(16, 16), (8, 8, 8, 9), (4,) * 8, (2,) * 16, (2,) * 32]


@pytest.mark.parametrize("counts", COUNTS, ids=lambda c: f"{len(c)} values of {c[0]}")
def test_the_chance_of_a_one_to_one_relation_is_bounded_as_derived_and_nearly_as_well_as_can_be(counts):
    missing = 1 - np.eye(len(counts))
    found = chance(counts, counts, missing)
    assert found == pytest.approx(bound_on_chance(counts, counts, missing, TILTS).min(), rel=1e-9, abs=1e-9)
    assert found <= 0.9 * bound_on_chance(counts, counts, missing, np.linspace(0.5, 16, 500)).min() + 0.01


@pytest.mark.parametrize(("rows", "columns"), [((5, 28), (6, 27)), ((8, 25), (8, 25)), ((10, 10, 12), (4, 28))])
def test_independent_patterns_leave_out_as_much_no_more_often_than_the_bound_says(rows, columns):
    rng, draws = np.random.default_rng(6), 2000
    first, second = np.repeat(np.arange(len(rows)), rows), np.repeat(np.arange(len(columns)), columns)
    bounds = {}
    for _ in range(draws):
        missing = np.ones((len(rows), len(columns)), dtype=bool)
        missing[first, rng.permutation(second)] = False
        bounds.setdefault(missing.tobytes(), []).append(chance(rows, columns, missing))
    logs = np.sort(np.concatenate(list(bounds.values())))
    share = np.arange(1, draws + 1) / draws  # of the draws with a bound of this or less
    assert np.all(share <= np.exp(logs) + 4 * np.sqrt(share / draws))


def test_a_combination_that_cannot_be_missing_by_chance_proves_dependence_and_nothing_where_it_is_there():
    often = (13, 20)  # of 33 samples: twenty and twenty have seven in common at least
    assert chance(often, often, [[False, False], [False, True]]) < -300
    assert chance(often, often, [[False, False], [False, False]]) >= 0


def test_the_more_pairs_are_compared_the_less_chance_each_is_allowed():
    rng = np.random.default_rng(7)
    pair = np.repeat([[0, 0], [0, 1], [1, 0]], (2, 15, 15), axis=0)  # the second never where the first
    left_out = chance((17, 15), (17, 15), [[False, False], [False, True]])
    found = {}
    for count in range(2, 20):
        others = rng.permuted(np.repeat([[0], [1]], 16, axis=0) * np.ones((1, count - 2), dtype=int), axis=0)
        found[count] = (1, 0) in hull._missing_combinations(np.hstack([pair, others]))
    assert found == {n: left_out < log(CHANCE / (n * (n - 1) / 2) / len(TILTS)) for n in found}
    assert set(found.values()) == {True, False}


@pytest.mark.parametrize("values", [2, 5, 12])
def test_independent_patterns_are_bound_by_chance_less_often_than_stated(values):
    bound = 0
    for seed in range(60):
        rows = np.random.default_rng(seed).integers(0, values, (64, 2)).astype(float)
        bound += len(all_groups(rows)) == 1
    assert bound <= 1  # a chance of 1e-3 at most, 0.06 in 60, and four standard deviations
