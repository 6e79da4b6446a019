import numpy as np
import pytest

from gradcheck.kinks.parts import Block, Parts, _distinct
from tests.kinks.germs import near, relu

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
