import numpy as np
import pytest

from gradcheck.kinks import walls
from gradcheck.kinks.half_turn import HalfTurn, bends_one_way
from gradcheck.kinks.nearest_point import in_zonotope
from tests.kinks.germs import near, of_walls, rng_of, rows

NORMALS = np.array([[1.0, 2.0, 0.0, 1.0], [0.0, 1.0, -1.0, 3.0], [2.0, -1.0, 1.0, 0.0]])
C = np.array([1.0, -2.0, 0.5])
ALL = np.arange(4)


def turned(normals=NORMALS, c=C, seed=0, budget=200, **options):
    return HalfTurn(near(of_walls(normals, c), np.zeros(normals.shape[1]), seed=seed), ALL, budget, **options)


@pytest.mark.parametrize("seed", range(5))
def test_a_half_turn_meets_every_kink_once(seed):
    turn = turned(seed=seed)
    assert turn.complete
    assert len(turn.jumps) == 3
    for normal, c in zip(NORMALS, C, strict=True):
        same = [np.allclose(np.abs(jump), np.abs(c * normal)) for jump in turn.jumps]
        assert sum(same) == 1
        assert turn.bends[same.index(True)] == np.sign(c)


@pytest.mark.parametrize("seed", range(5))
def test_the_jumps_add_up_to_the_claim_at_the_end(seed):
    turn = turned(seed=seed)
    assert turn.path[0.0] + turn.jumps.sum(axis=0) == pytest.approx(turn.claim(np.pi))


def test_a_turn_that_may_not_ask_enough_is_not_complete():
    assert not turned(budget=3).complete


def test_kinks_that_are_not_simple_are_given_up_early():
    found = near(rows((1, 40)), np.zeros(40))
    turn = HalfTurn(found, np.arange(40), 500, hopeless=10)
    if not len(turn.jumps):
        assert found.asked < 60


def test_a_turn_where_nothing_changes_is_complete_at_two_claims():
    found = near(lambda _: np.ones(4), np.ones(4))
    asked = found.asked
    turn = HalfTurn(found, ALL, 100)
    assert turn.complete
    assert not len(turn.jumps)
    assert found.asked == asked + 2


@pytest.mark.parametrize("seed", range(4))
def test_bends_of_one_sign_are_told_from_both(seed):
    one = near(of_walls(NORMALS, np.abs(C)), np.zeros(4), seed=seed)
    move = rng_of(seed).standard_normal(4)
    assert bends_one_way(one, ALL, move, 1)
    assert not bends_one_way(one, ALL, move, -1)
    down = near(of_walls(NORMALS, -np.abs(C)), np.zeros(4), seed=seed)
    assert bends_one_way(down, ALL, move, -1)
    assert not bends_one_way(near(of_walls(NORMALS, C), np.zeros(4), seed=seed), ALL, move, 1)


def claimed(shares):
    return (C * np.asarray(shares)) @ NORMALS


@pytest.mark.parametrize("shares", [(1, 1, 1), (0, 0, 0), (0.5, 0.5, 0.5), (0.25, 1, 0), (0.3, 0.6, 0.9)])
@pytest.mark.parametrize("seed", range(3))
def test_shares_of_each_kink_are_found_and_shown(shares, seed):
    found = walls.found(near(of_walls(NORMALS, C), claimed(shares), seed=seed), ALL, 200)
    judged = walls.judged(found)
    assert judged.state == "inside"
    assert judged.weights.sum() == pytest.approx(1)
    for normal, c, share in zip(NORMALS, C, shares, strict=True):
        wall = next(w for w in judged.walls if np.allclose(np.abs(w.normal), np.abs(c * normal)))
        assert wall.bend == np.sign(c)
        assert wall.share == pytest.approx(share if wall.normal @ normal > 0 else 1 - share, abs=1e-6)


@pytest.mark.parametrize("shares", [(1.2, 1, 1), (0, -0.01, 0), (1.01, 0.5, 0.5)])
def test_a_share_beyond_a_side_is_outside_with_a_direction(shares):
    germ = of_walls(NORMALS, C)
    judged = walls.judged(walls.found(near(germ, claimed(shares)), ALL, 200))
    assert judged.state == "outside"
    u = judged.separation.move
    assert claimed(shares) @ u == pytest.approx(judged.separation.claimed)
    ends = np.array([claimed([k & 1, k >> 1 & 1, k >> 2 & 1]) for k in range(8)])
    assert (ends @ u).max() == pytest.approx(judged.separation.reached)
    assert judged.separation.claimed > judged.separation.reached


def test_pieces_that_meet_in_one_place_are_no_simple_kinks():
    assert walls.found(near(rows((1, 6)), np.zeros(6)), np.arange(6), 300) is None


def test_no_kinks_are_no_walls():
    assert walls.found(near(lambda _: np.ones(4), np.ones(4)), ALL, 100) is None


def test_dependent_normals_are_taken_together():
    normals = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -2.0]])
    c = np.array([1.0, -1.0, 2.0, -0.5])
    inside = (c * np.full(4, 0.5)) @ normals  # the centre of a symmetric body
    judged = walls.judged(walls.found(near(of_walls(normals, c), inside), np.arange(2), 200))
    assert judged.state == "inside"
    assert judged.weights.sum() == pytest.approx(1)


def test_a_zonotope_reaches_its_target():
    shares = in_zonotope(C[:, None] * NORMALS, claimed((0.2, 0.4, 0.6)))
    assert shares == pytest.approx([0.2, 0.4, 0.6])


@pytest.mark.parametrize("seed", range(8))
def test_each_kink_costs_a_few_claims(seed):
    found = near(of_walls(NORMALS, C), np.zeros(4), seed=seed)
    before = found.asked
    assert HalfTurn(found, ALL, 200).complete
    assert found.asked - before <= 2 + 6 * len(C)  # halving alone takes 20 for each


def test_a_turn_asks_no_more_than_its_budget_and_the_claims_it_is_at():
    found = near(of_walls(NORMALS, C), np.zeros(4))
    before = found.asked
    assert not HalfTurn(found, ALL, 8).complete
    assert found.asked - before <= 8 + 4


def test_small_jumps_bend_as_well():
    germ = of_walls(NORMALS, 1e-3 * C)
    assert not bends_one_way(near(germ, np.zeros(4)), ALL, rng_of(3).standard_normal(4), 1)
    assert bends_one_way(near(of_walls(NORMALS, 1e-3 * np.abs(C)), np.zeros(4)), ALL, rng_of(3).standard_normal(4), 1)


def test_two_kinks_close_together_are_told_apart():
    normals = np.array([[1.0, 2.0, 0.0, 1.0], [1.0, 2.001, 0.0, 1.0]])
    turn = turned(normals, np.array([1.0, -2.0]))
    assert turn.complete
    assert len(turn.jumps) == 2
    assert set(turn.bends) == {1.0, -1.0}


@pytest.mark.parametrize("seed", range(4))
def test_many_kinks_with_dependent_normals_are_judged(seed):
    rng = rng_of(seed)
    normals, c = rng.standard_normal((9, 4)), rng.choice([-1.0, 1.0], 9) * rng.uniform(0.5, 2, 9)
    centre = (c * 0.5) @ normals
    found = walls.judged(walls.found(near(of_walls(normals, c), centre, seed=seed), ALL, 300))
    assert found.state == "inside"
    z = rng.standard_normal(4)
    vertex = of_walls(normals, c)(z)
    found = walls.judged(walls.found(near(of_walls(normals, c), vertex, seed=seed), ALL, 300))
    assert found.state == "inside"
    ends = np.where(c * (normals @ z) > 0, 1.0, 0.0)
    beyond = (c * ends) @ normals
    outside = centre + 1.05 * (beyond - centre)
    found = walls.judged(walls.found(near(of_walls(normals, c), outside, seed=seed), ALL, 300))
    assert found.state == "outside"
