import numpy as np
import pytest

from gradcheck.kinks.nearest_point import in_hull
from gradcheck.kinks.packed import parts
from gradcheck.kinks.parts import Alike, Parts, _distinct, _look_closer
from tests.kinks.germs import near, relu, rows

VERTICES = np.array([[0.0, 0.0], [1.0, 0.0], [1e-4, 0.0], [1.0, 2.0], [1.0, 2e-4]])


def blocks(divided):
    """Return the entries, the samples and the weights of every block."""
    return {
        tuple(entries): (tuple(used[weights > 0]), weights[weights > 0])
        for group in divided.groups
        for entries, used, weights in zip(group.entries, group.used, group.weights, strict=True)
    }


def test_entries_with_a_label_of_their_own_are_alone():
    divided = Parts(near(relu, np.zeros(6)), np.array([7, 3, 7, 9, 3, 7]))
    assert list(divided.alone) == [3]
    assert [group.entries.tolist() for group in divided.groups] == [[[1, 4]], [[0, 2, 5]]]
    assert len(divided) == 3


@pytest.mark.parametrize(("tolerance", "kept"), [(1e-3, [0, 1, 3]), (1e-5, [0, 1, 2, 3, 4]), (2.5, [0])])
def test_one_of_each_kind_of_vertices(tolerance, kept):
    two = np.stack([VERTICES, VERTICES[::-1]], axis=2)
    assert list(np.flatnonzero(_distinct(two, tolerance)[:, 0])) == kept
    assert _distinct(two[:, :, 1:], tolerance).sum() == len(kept)


def test_vertices_far_out_do_not_hide_what_is_left_next_to_the_claim():
    """A claim 2^-40 from the middle of two vertices that are 2^-15 from it; the square of that is round-off of 1."""
    aside, off = np.array([0.0, 2.0**-15]), np.array([2.0**-40, 0.0])
    vertices = np.stack([[-1.0, 0.5], off - aside, off + aside, [0.5, -1.0], [2.0**-26, 0.0]])[:, :, None]
    targets, among = np.zeros((2, 1)), np.ones((5, 1), dtype=bool)
    weights = np.array([[0.0], [0.0], [0.0], [0.0], [1.0]])
    _look_closer(vertices, targets, among, weights)
    assert weights[:, 0] == pytest.approx([0, 0.5, 0.5, 0, 0], abs=1e-6)
    assert np.einsum("kb,kmb->m", weights, vertices) == pytest.approx(off, abs=2.0**-50)
    alone = np.array([[0.0], [0.0], [1.0], [0.0], [0.0]])
    _look_closer(vertices, targets, alone > 0, alone)
    assert alone[2, 0] == 1.0


def test_of_many_blocks_each_is_looked_at_as_closely():
    """Nine blocks that share samples: in each the claim is 2^-40 from the middle of two that are 2^-25 from it."""
    aside, off = np.array([0.0, 2.0**-25]), np.array([2.0**-40, 0.0])
    found = near(relu, np.zeros(18), opening=2)
    found.claims[:4] = [np.tile(v, 9) for v in ([1.0, 0.5], off - aside, off + aside, [1.0, -0.5])]
    many = Alike(np.arange(18).reshape(9, 2), 4)
    assert many.nearest(found, np.arange(9)) == pytest.approx(np.tile(-off, (9, 1)), abs=2.0**-50)


def test_what_is_left_beyond_the_nearest_point():
    found = near(relu, np.array([0.5, 0.5, 2.0]), opening=1)
    found.claims[:2] = [np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])]
    block = Alike(np.array([[0, 1]]), 2)
    assert block.nearest(found, np.array([0])) == pytest.approx(np.zeros((1, 2)), abs=1e-9)
    block.weigh(found)
    assert block.weights == pytest.approx(np.array([[0.5, 0.5]]))
    assert Alike(np.array([[2]]), 2).nearest(found, np.array([0])) == pytest.approx(np.array([[1.0]]))
    assert not Parts(found, np.array([0, 0, 1])).within(found)
    found.here[2] = 1.0
    assert Parts(found, np.array([0, 0, 1])).within(found)


def test_blocks_that_one_sample_gives_or_the_middle_of_two_are_one_from_then_on():
    found = near(rows((6, 2)), np.zeros(12), shape=(6, 2), opening=3)
    first, second = (found.claims[k].reshape(6, 2) for k in (0, 1))
    here = first.copy()
    here[2:4] = second[2:4]
    here[4] = 0.5
    here[5] = [0.25, 0.75]  # neither a sample nor the middle
    found.here = here.ravel()
    divided = Parts(found, np.repeat(np.arange(6), 2))
    assert divided.within(found)
    shown = blocks(divided)
    assert shown[0, 1, 2, 3] == ((0,), [1.0])
    assert shown[4, 5, 6, 7] == ((1,), [1.0])
    assert shown[8, 9][0] == (0, 1)
    assert list(shown[8, 9][1]) == [0.5, 0.5]
    assert sorted(shown[10, 11][1]) == pytest.approx([0.25, 0.75])


def test_a_block_that_a_sample_gives_in_some_entries_only_is_not_given_by_it():
    found = near(rows((4, 3)), np.zeros(12), shape=(4, 3), opening=6)
    found.here = np.tile([0.7, 0.3, 0.0], 4)  # a sample is 0 in one entry or two
    divided = Parts(found, np.repeat(np.arange(4), 3))
    assert divided.within(found)
    assert [sorted(weights) for _, weights in blocks(divided).values()] == [pytest.approx([0.3, 0.7])] * 4


def test_where_one_block_is_not_shown_none_is():
    found = near(rows((40, 2)), np.full(80, 0.5), shape=(40, 2), opening=3)
    assert Parts(found, np.repeat(np.arange(40), 2)).within(found)
    found.here = np.append(np.full(78, 0.5), [0.9, 0.2])  # each entry is within its range, the row is not
    assert not Parts(found, np.repeat(np.arange(40), 2)).within(found)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_the_nearest_points_of_many_blocks_are_those_of_each(size):
    shape = (50, size)
    here = np.random.default_rng(size).normal(1 / size, 0.3, shape)
    found = near(rows(shape), here.ravel(), shape=shape, opening=9)
    group = Parts(found, np.repeat(np.arange(50), size)).groups[0]
    rest = np.concatenate([group.nearest(found, some) for some in group.some(np.arange(50))])
    for row, entries in enumerate(group.entries):
        vertices = np.array([claim[entries] for claim in found.claims])
        alone = here[row] - in_hull(vertices, here[row]) @ vertices
        assert rest[row] == pytest.approx(alone, abs=1e-9)
    assert ((group.used >= 0).sum(axis=1) <= size + 1).all()


def test_a_sample_is_added_where_each_block_has_room_and_told_free_where_none_uses_it():
    group = Alike(np.arange(6).reshape(3, 2), 4)
    group.used[:] = [[0, 2, -1, -1], [0, 1, 2, 3], [3, -1, -1, -1]]
    assert list(group.free(np.arange(3), 5)) == [3, 4, 2]
    assert list(group.free(np.arange(3), 4)) == [3, 0, 2]
    group.add(np.array([0, 2]), np.array([3, 2]))
    assert group.used.tolist() == [[0, 2, 3, -1], [0, 1, 2, 3], [3, 2, -1, -1]]
    group.add(np.array([1]), np.array([4]))
    assert group.used.tolist() == [[0, 2, 3, -1, -1], [0, 1, 2, 3, 4], [3, 2, -1, -1, -1]]
    group.used[1, 2:] = -1
    group.trim()
    assert group.used.tolist() == [[0, 2, 3], [0, 1, -1], [3, 2, -1]]


def test_blocks_are_looked_at_a_few_at_a_time():
    group = Alike(np.arange(20_000).reshape(10_000, 2), 7)
    some = list(group.some(np.arange(10_000)))
    assert np.array_equal(np.concatenate(some), np.arange(10_000))
    assert max(map(len, some)) * 8 * 8 <= 2**15
    whole = Alike(np.arange(20_000).reshape(1, 20_000), 7)
    assert [list(rows) for rows in whole.some(np.arange(1))] == [[0]]
    assert len(parts(0)) == 0
    assert not list(group.some(np.arange(0)))
