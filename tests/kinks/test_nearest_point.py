import numpy as np
import pytest

from gradcheck.kinks import span
from gradcheck.kinks.nearest_point import BLOCK, combined, in_hull, in_zonotope

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("target", "nearest"),
    [
        ((0.25, 0.5), (0.25, 0.5)),
        ((1.0, 1.0), (1.0, 1.0)),
        ((2.0, 0.5), (1.0, 0.5)),
        ((2.0, 3.0), (1.0, 1.0)),
        ((-1.0, 0.25), (0.0, 0.25)),
    ],
)
def test_the_nearest_point_of_a_square(target, nearest):
    weights = in_hull(SQUARE, np.array(target))
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    assert combined(weights, SQUARE) == pytest.approx(nearest, abs=1e-9)


def test_the_same_of_any_scale_and_of_a_list():
    for scale in (1e-200, 1e200):
        weights = in_hull([scale * vertex for vertex in SQUARE], scale * np.array([0.25, 0.5]))
        assert combined(weights, SQUARE) == pytest.approx((0.25, 0.5))


def test_one_vertex_has_all_the_weight():
    assert in_hull([np.array([3.0, 4.0])], np.array([0.0, 1.0])) == pytest.approx([1.0])
    assert in_hull([np.zeros(2)], np.zeros(2)) == pytest.approx([1.0])


def test_weights_that_are_round_off_are_none():
    weights = in_hull(SQUARE, np.array([1.0, 1.0]))
    assert np.count_nonzero(weights) == 1


def test_entries_beyond_a_block_count_as_well():
    long = np.zeros((2, 2 * BLOCK + 5))
    long[1, [0, BLOCK, 2 * BLOCK + 4]] = 1, 2, 3
    assert in_hull(long, 0.25 * long[1]) == pytest.approx([0.75, 0.25])
    target = long[1].copy()
    target[2 * BLOCK + 4] = -3.0  # ⟨long[1], target⟩ = 1 + 4 − 9
    assert in_hull(long, target) == pytest.approx([1.0, 0.0])


def test_shares_of_jumps_in_a_zonotope():
    jumps = np.array([[2.0, 0.0, 1.0], [0.0, 4.0, 0.0]])
    assert in_zonotope(jumps, np.array([1.0, 1.0, 0.5])) == pytest.approx([0.5, 0.25])
    assert in_zonotope(jumps, np.array([9.0, -1.0, 4.5])) == pytest.approx([1.0, 0.0])
    assert in_zonotope(1e150 * jumps, 1e150 * np.array([1.0, 1.0, 0.5])) == pytest.approx([0.5, 0.25])


def test_more_jumps_than_entries():
    jumps = np.array([[1.0], [1.0], [2.0]])
    shares = in_zonotope(jumps, np.array([2.5]))
    assert shares @ jumps == pytest.approx([2.5])
    assert ((shares >= 0) & (shares <= 1)).all()


def test_singular_values_and_the_inverse():
    matrix = np.array([[3.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    assert span.svd(matrix)[1] == pytest.approx([3.0, 2.0])
    assert span.rank(matrix, 2.5) == 1
    assert span.rank(matrix, 1.5) == 2
    assert span.inverse(matrix) == pytest.approx(np.linalg.pinv(matrix))


def test_shares_are_bounded_while_they_are_looked_for():
    jumps = np.array([[1.0, 0.0], [1.0, 1.0]])
    assert in_zonotope(jumps, np.array([3.0, 0.5])) == pytest.approx([1.0, 1.0])  # not (1, ¾), cut from (2, ¾)


def test_many_vertices_and_many_jumps():
    rng = np.random.default_rng(0)
    vertices = rng.standard_normal((70, 40))
    weights = rng.dirichlet(np.ones(70))
    assert combined(in_hull(vertices, weights @ vertices), vertices) == pytest.approx(weights @ vertices, abs=1e-9)
    jumps, shares = rng.standard_normal((60, 40)), rng.random(60)
    assert in_zonotope(jumps, shares @ jumps) @ jumps == pytest.approx(shares @ jumps, abs=1e-9)


def test_weights_and_vertices_are_as_many():
    with pytest.raises(ValueError, match="zip"):
        combined(np.ones(2), SQUARE)
