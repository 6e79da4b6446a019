import numpy as np
import pytest

from gradcheck.kinks import many_hulls, span
from gradcheck.kinks.many_hulls import in_hulls
from gradcheck.kinks.nearest_point import combined, in_hull, in_zonotope
from gradcheck.kinks.packed import BLOCK

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


@pytest.mark.parametrize("entry", [0, BLOCK - 1, BLOCK, BLOCK + 7, 2 * BLOCK, 2 * BLOCK + 4])
def test_entries_of_every_block_count(entry):
    long = np.zeros((2, 2 * BLOCK + 5))
    long[1, [1, entry]] = 1, 2
    target = np.zeros(2 * BLOCK + 5)
    target[entry] = 1.0
    assert in_hull(long, target) == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize("seed", range(40))
def test_no_point_of_the_hull_is_nearer(seed):
    """p is nearest if no vertex lies on the target's side of it: (t − p)·(v − p) ≤ 0."""
    rng = np.random.default_rng(seed)
    count, entries = int(rng.integers(1, 9)), int(rng.integers(1, 6))
    vertices = rng.integers(-2, 3, (count, entries)) * 1.0
    target = rng.standard_normal(entries) * rng.choice([0.3, 3.0])
    weights = in_hull(vertices, target)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    nearest = combined(weights, vertices)
    assert ((vertices - nearest) @ (target - nearest)).max() <= 1e-9


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e9])
def test_no_point_of_the_zonotope_is_nearer(seed, size):
    """The distance falls along no share that is free to change that way."""
    rng = np.random.default_rng(seed)
    count, entries = int(rng.integers(1, 9)), int(rng.integers(1, 6))
    jumps, target = rng.standard_normal((count, entries)), 2 * rng.standard_normal(entries)
    shares = in_zonotope(size * jumps, size * target)
    assert ((shares >= 0) & (shares <= 1)).all()
    falls = jumps @ (target - shares @ jumps)  # as the share grows
    assert (falls[shares < 1 - 1e-9] <= 1e-9).all()
    assert (falls[shares > 1e-9] >= -1e-9).all()


def test_where_the_solver_gives_up_the_middle_is_the_answer(monkeypatch):
    def circles(*_, **__):
        raise RuntimeError

    monkeypatch.setattr("scipy.optimize.nnls", circles)
    assert in_hull(SQUARE, np.array([2.0, 3.0])) == pytest.approx(np.full(4, 0.25))


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


def hulls(kind, size, count, seed=0):
    """Return 300 hulls of a kind, a target of each, mostly inside, and which vertices each has."""
    rng = np.random.default_rng((seed, size, count))
    vertices = rng.standard_normal((count, size, 300))
    if kind == "on a ball":
        vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    elif kind == "corners":
        vertices = np.eye(size)[rng.integers(size, size=(count, 300))].transpose(0, 2, 1)
    elif kind == "close together":
        vertices = 1 + 1e-5 * vertices
    elif kind == "equal":
        vertices = vertices[:1] + np.zeros((count, 1, 1))
    targets = np.einsum("kb,kmb->mb", rng.dirichlet(np.ones(count), 300).T, vertices)
    if kind == "outside":
        targets = 3 * rng.standard_normal((size, 300))
    among = rng.random((count, 300)) < 0.8
    among[0] = True
    return vertices, targets, among


@pytest.mark.parametrize("scale", [1.0, 1e307, 1e-307])
@pytest.mark.parametrize("kind", ["any", "outside", "on a ball", "corners", "close together", "equal"])
@pytest.mark.parametrize(("size", "count"), [(1, 3), (2, 5), (3, 12), (8, 10), (6, 40)])
def test_the_nearest_points_of_many_hulls_are_those_of_each(kind, size, count, scale):
    vertices, targets, among = hulls(kind, size, count)
    weights, found = in_hulls(scale * vertices, scale * targets, among)
    assert found.all()
    assert (weights >= 0).all()
    assert not weights[~among].any()
    assert weights.sum(axis=0) == pytest.approx(np.ones(300))
    assert ((weights > 0).sum(axis=0) <= size + 1).all()
    for place in range(0, 300, 7):
        mine = among[:, place]
        alone = in_hull(vertices[mine, :, place], targets[:, place]) @ vertices[mine, :, place]
        together = weights[:, place] @ vertices[:, :, place]
        far, near = (float(np.linalg.norm(targets[:, place] - point)) for point in (together, alone))
        assert far <= near + 1e-12


@pytest.mark.parametrize("kind", ["any", "outside", "on a ball", "corners", "close together", "equal"])
@pytest.mark.parametrize("begin", ["carried", "all", "any"])
def test_the_nearest_points_are_the_same_whatever_they_begin_with(kind, begin):
    vertices, targets, among = hulls(kind, 4, 7)
    weights, _ = in_hulls(vertices, targets, among)
    without = among.copy()
    without[-1] &= without[:-1].sum(axis=0) == 0
    carried = in_hulls(vertices, targets, without)[0] > 0
    rng = np.random.default_rng(0)
    first = {"carried": carried, "all": among, "any": among & (rng.random(among.shape) < 0.5)}[begin]
    again, found = in_hulls(vertices, targets, among, first)
    assert found.all()
    off, before = (targets - np.einsum("kb,kmb->mb", each, vertices) for each in (again, weights))
    assert (np.linalg.norm(off, axis=0) <= np.linalg.norm(before, axis=0) + 1e-9).all()


@pytest.mark.parametrize("close", [1e-4, 1e-6, 1e-8, 1e-10, 1e-15])
def test_vertices_next_to_one_another_on_a_circle_lose_no_other_hull(close):
    """Their squares are all but the same, which is a singular system; it is solved with those of all other hulls."""
    rng = np.random.default_rng(5)
    angle = rng.uniform(0, 6, 300) + np.where(np.arange(300) % 2, close, 1.0) * rng.standard_normal((3, 300))
    vertices, middle = np.stack([np.cos(angle), np.sin(angle)], axis=1), angle.mean(axis=0)
    targets = np.stack([np.cos(middle), np.sin(middle)])
    weights, found = in_hulls(vertices, targets, np.ones((3, 300), dtype=bool))
    assert found.all()
    for place in range(300):
        far = np.linalg.norm(targets[:, place] - weights[:, place] @ vertices[:, :, place])
        alone = in_hull(vertices[:, :, place], targets[:, place]) @ vertices[:, :, place]
        assert far <= np.linalg.norm(targets[:, place] - alone) + 1e-7 * close**0.5


def test_vertices_that_depend_on_one_another_but_for_round_off():
    # 300 points of a plane's line up to 1e-9 of it: three of them are as good as dependent
    rng = np.random.default_rng(3)
    vertices = np.stack([rng.standard_normal((6, 300)), 1e-9 * rng.standard_normal((6, 300))], axis=1)
    targets = np.einsum("kb,kmb->mb", rng.dirichlet(np.ones(6), 300).T, vertices)
    weights, found = in_hulls(vertices, targets, np.ones((6, 300), dtype=bool))
    assert found.all()
    assert (weights >= 0).all()
    assert np.abs(targets - np.einsum("kb,kmb->mb", weights, vertices)).max() <= 1e-8


def test_those_that_carried_weight_are_where_it_ends_soonest(monkeypatch):
    vertices, targets, among = hulls("any", 4, 9)
    turns, turn = [], many_hulls._Active.turn

    def counted(active, solved):
        turns.append(1)
        return turn(active, solved)

    monkeypatch.setattr(many_hulls._Active, "turn", counted)
    carried = in_hulls(vertices, targets, among)[0] > 0
    before = len(turns)
    in_hulls(vertices, targets, among, carried)
    assert before > 4
    assert len(turns) - before == 1


def test_where_the_active_set_does_not_end_it_is_said(monkeypatch):
    monkeypatch.setattr(many_hulls, "STEPS", 0)
    weights, found = in_hulls(*hulls("any", 3, 5))
    assert not found.any()
    assert not weights.any()


def test_no_weight_falls_below_zero_at_any_turn_and_the_one_let_go_of_is_zero():
    rng = np.random.default_rng(5)
    vertices, targets = rng.standard_normal((8, 3, 400)), rng.standard_normal((3, 400))
    among = np.ones((8, 400), dtype=bool)
    active = many_hulls._Active(many_hulls._products(vertices, targets), among, among)
    backwards = 0
    for turn in range(60):
        before = active._used.copy()
        more = active.turn(active.solved() if turn else active.t.copy())
        let_go = before & ~active._used
        backwards += np.count_nonzero(let_go)
        assert np.all(active.t >= 0)
        assert not active.t[let_go].any()
        if not more.any():
            break
        active.keep(more)
    assert backwards > 100
