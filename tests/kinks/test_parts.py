import numpy as np
import pytest

from gradcheck.kinks.parts import Block, Parts, _distinct
from tests.kinks.germs import near, relu, rows

VERTICES = np.array([[0.0, 0.0], [1.0, 0.0], [1e-4, 0.0], [1.0, 2.0], [1.0, 2e-4]])


def test_entries_with_a_label_of_their_own_are_alone():
    parts = Parts(near(relu, np.zeros(5)), np.array([7, 3, 7, 9, 3]))
    assert list(parts.alone) == [3]
    assert [list(block.entries) for block in parts.blocks] == [[1, 4], [0, 2]]
    assert len(parts) == 3


@pytest.mark.parametrize(
    ("target", "tolerance", "kept"),
    [
        ((0.5, 0.0), 1e-3, [0, 1, 3]),
        ((0.5, 0.0), 1e-5, [0, 1, 2, 3, 4]),
        ((1.0, 2.0), 1e-5, [3]),
        ((1.0, 2.0), 1e-3, [3]),
        ((1.0, 1e-4), 1e-3, [1]),
        ((1.0, 1.0), 1e-3, [0, 1, 3]),
    ],
)
def test_one_of_each_kind_or_the_target_alone(target, tolerance, kept):
    assert _distinct(VERTICES, np.array(target), tolerance) == kept


def test_what_is_left_beyond_the_nearest_point():
    found = near(relu, np.array([0.5, 0.5, 2.0]), opening=1)
    found.claims[:2] = [np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])]
    block = Block(np.array([0, 1]), [0, 1])
    assert block.nearest(found) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert block.weights == pytest.approx([0.5, 0.5])
    assert Block(np.array([2]), [0, 1]).nearest(found) == pytest.approx([1.0])
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
    parts = Parts(found, np.repeat(np.arange(6), 2))
    assert parts.within(found)
    blocks = {tuple(block.entries): (block.used, block.weights) for block in parts.blocks}
    assert blocks[0, 1, 2, 3] == ((0,), (1.0,))
    assert blocks[4, 5, 6, 7] == ((1,), (1.0,))
    assert blocks[8, 9] == ((0, 1), (0.5, 0.5))
    assert sorted(blocks[10, 11][1]) == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("labels", [[7, 3, 7, 9, 3], [0, 0, 1, 1, 1]])
def test_sums_over_blocks(labels):
    labels, values = np.array(labels), np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    parts = Parts(near(relu, np.zeros(5)), labels)
    assert list(parts.sums(values)) == [sum(values[block.entries]) for block in parts.blocks]


def test_a_block_that_a_sample_gives_in_some_entries_only_is_not_given_by_it():
    found = near(rows((4, 3)), np.zeros(12), shape=(4, 3), opening=6)
    found.here = np.tile([0.7, 0.3, 0.0], 4)  # a sample is 0 in one entry or two
    parts = Parts(found, np.repeat(np.arange(4), 3))
    assert parts.within(found)
    assert [sorted(block.weights) for block in parts.blocks] == [pytest.approx([0.3, 0.7])] * 4
