import numpy as np
import pytest

from gradcheck.kinks import walls
from gradcheck.kinks.half_turn import FIRST, HalfTurn, bends_one_way
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


@pytest.mark.parametrize("seed", range(3))
def test_kinks_that_are_not_simple_are_given_up_early(seed):
    found = near(lambda w: w / np.linalg.norm(w), np.zeros(40), seed=seed)
    asked = found.asked
    turn = HalfTurn(found, np.arange(40), 500, hopeless=10)
    assert not turn.complete
    assert not len(turn.jumps)
    assert 10 < found.asked - asked <= 10 + 4


def test_once_a_kink_was_told_apart_the_budget_alone_ends_the_turn():
    rng = rng_of(0)
    normals = np.vstack([NORMALS, rng.standard_normal((9, 4))])
    turn = turned(normals, rng.choice([-1.0, 1.0], 12))
    assert turn.complete
    assert len(turn.path) > FIRST


@pytest.mark.parametrize("opening", [1, 2, 5])
def test_a_budget_is_what_a_turn_may_cost(opening):
    def made(budget):
        found = near(of_walls(NORMALS, C), np.zeros(4), opening=opening)
        asked = found.asked
        return HalfTurn(found, ALL, budget), found.asked - asked

    turn, cost = made(200)
    assert turn.complete
    assert made(cost)[0].complete
    for budget in (3, 8):
        turn, spent = made(budget)
        assert not turn.complete
        assert budget < spent <= budget + 3


def test_how_far_from_a_kink_claims_are_asked_for():
    def beside(jump, angle=0.0, tolerance=0.0):
        found = near(lambda _: np.zeros(3), np.zeros(3), tolerance=tolerance)
        found.blur = 1e-6
        turn = HalfTurn(found, np.arange(3), 9, np.array([2.0, 0, 0]), np.array([0.0, 3.0, 0]))
        return turn._beside(np.array(jump), angle)

    assert beside([0.0, 1.0, 0.0]) == pytest.approx(1e-6)  # crossed square
    assert beside([0.0, 3.0, 4.0]) == pytest.approx(1e-6 / 0.6)  # crossed aslant
    assert beside([3.0, 0.0, 4.0], angle=np.pi / 2) == pytest.approx(1e-6 / 0.6)
    assert beside([1.0, -1.0, 2.0**0.5], angle=np.pi / 4) == pytest.approx(1e-6 * 2**0.5)
    assert beside([0.0, 0.0, 1.0]) == pytest.approx(1e-2)  # never crossed: as far as may be
    assert beside([0.0, 3.0, 4.0], tolerance=1e-5) == pytest.approx(4 * 1e-5 / 4 / 0.6)  # known by its jump


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


@pytest.mark.parametrize("bend", [1, -1])
def test_kinks_that_end_at_one_another_are_met_whichever_half_they_are_on(bend):
    """max(x − max(y, 0), 0) bends up across two rays and down across the third, from one point."""

    def gradient(w):
        x, y = w
        above = 1.0 * (x > max(y, 0.0))
        return np.array([above, -above * (y > 0)])

    for seed in range(20):
        move = rng_of(seed).standard_normal(2)
        assert not bends_one_way(near(gradient, np.zeros(2), seed=seed), np.arange(2), move, bend)


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


# Kinks one by one ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1.0, 1e-7])
def test_many_kinks_of_independent_normals_are_shown_by_one_claim_for_each_share(size):
    rng = rng_of(5)
    normals, c = rng.standard_normal((20, 24)), size * rng.choice([-1.0, 1.0], 20)
    shares = rng.choice([0.0, 0.25, 0.6, 1.0], 20)
    found = near(of_walls(normals, c), (c * shares) @ normals, tolerance=1e-9 * size)
    simple = walls.found(found, np.arange(24), 400)
    asked = found.asked
    judged = walls.judged(simple)
    assert judged.state == "inside"
    assert found.asked - asked == 5  # from 0 to ¼, 0.4, 0.6, ¾ and 1: shares of either side
    assert sorted(judged.weights) == pytest.approx([0.15, 0.15, 0.2, 0.25, 0.25])


def test_kinks_found_must_foretell_eight_fresh_claims():
    turned_alone = near(of_walls(NORMALS, C), np.zeros(4))
    HalfTurn(turned_alone, ALL, 200)
    found = near(of_walls(NORMALS, C), np.zeros(4))
    walls.found(found, ALL, 200)
    assert found.asked - turned_alone.asked == 8


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_kink_along_the_proof_that_no_claim_has_shown_undoes_it(sign):
    """A thin cone round the move that separates the claim from what is known."""
    germ, here = of_walls(NORMALS, C), claimed((1.2, 1, 1))
    known = walls.judged(walls.found(near(germ, here), ALL, 200))
    way = sign * known.separation.move / np.linalg.norm(known.separation.move)

    def gradient(w):
        return germ(w) + 0.5 * (way @ w > 0.99 * np.linalg.norm(w)) * way

    assert known.state == "outside"
    assert walls.judged(walls.found(near(gradient, here), ALL, 200)).state == "not simple"


def test_a_claim_that_shows_another_kink_is_no_proof_of_an_inside():
    germ, here = of_walls(NORMALS, C), claimed((0.5, 0.5, 0.5))
    found = near(germ, here)
    simple = walls.found(found, ALL, 200)
    found._claim_at = lambda w: (w, germ(w) + 1e-3)
    assert walls.judged(simple).state == "not simple"


def test_on_the_edge_nothing_is_said():
    found = near(of_walls(NORMALS, C), claimed((1 + 1e-4, 1, 1)), tolerance=1e-4)
    judged = walls.judged(walls.found(found, ALL, 200))
    assert judged.state in ("inside", "undecided")
    far = near(of_walls(NORMALS, C), claimed((1.02, 1, 1)), tolerance=1e-4)
    assert walls.judged(walls.found(far, ALL, 200)).state == "outside"


def test_the_proof_moves_the_entries_of_these_kinks_alone():
    def gradient(w):
        return np.append(of_walls(NORMALS, C)(w[:4]), 7.0)

    judged = walls.judged(walls.found(near(gradient, np.append(claimed((1.5, 0, 1)), 7.0)), ALL, 200))
    u = judged.separation.move
    assert u[4] == 0
    assert np.abs(u).max() == pytest.approx(1)
    assert judged.separation.claimed == pytest.approx(claimed((1.5, 0, 1)) @ u[:4])


@pytest.mark.parametrize("seed", range(12))
def test_sides_that_can_be_taken_together_are_found_in_thin_cells(seed):
    rng = rng_of(seed)
    normals, c = rng.standard_normal((12, 3)), rng.choice([-1.0, 1.0], 12) * rng.uniform(0.2, 2, 12)
    germ = of_walls(normals, c)
    corners = np.array([germ(rng.standard_normal(3)) for _ in range(4)])
    judged = walls.judged(walls.found(near(germ, rng.dirichlet(np.ones(4)) @ corners, seed=seed), np.arange(3), 400))
    assert judged.state == "inside"
    assert judged.weights.sum() == pytest.approx(1)


def test_a_corner_of_the_zonotope_that_no_side_gives_is_undecided():
    normals = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    c = np.array([1.0, 1.0, -0.5])
    simple = walls.found(near(of_walls(normals, c), np.zeros(2)), np.arange(2), 200)
    corners = simple.first + np.array([[k & 1, k >> 1 & 1, k >> 2 & 1] for k in range(8)]) @ simple.jumps
    taken = simple.first + np.unique(simple.crossed(rng_of(0).standard_normal((999, 2))), axis=0) @ simple.jumps
    far = max(corners, key=lambda corner: np.linalg.norm(taken - corner, axis=1).min())
    assert np.linalg.norm(taken - far, axis=1).min() > 0.1
    simple.near.here = far
    judged = walls.judged(simple)
    assert judged.state == "undecided"
    assert len(judged.walls) == 3


def test_a_cell_that_few_moves_meet_is_found_in_some_round():
    normals = np.array([[1.0, 0.0], [1.0, 1e-3], [0.0, 1.0]])
    germ = of_walls(normals, [1.0, -1.0, 0.5])
    thin = germ(np.array([1e-4, -1.0]))
    simple = walls.found(near(germ, thin), np.arange(2), 200)
    assert simple.near.same(germ(walls._patterns(simple)[0]), thin)


def test_claims_may_be_off_by_the_drift_of_all_jumps_together():
    simple = walls.found(near(of_walls(NORMALS, C), np.zeros(4), tolerance=1e-4), ALL, 200)
    move = rng_of(9).standard_normal((1, 4))
    claim = of_walls(NORMALS, C)(move[0])[None]
    assert simple.foretell(claim + 4.9e-4, move)
    assert not simple.foretell(claim - 5.1e-4, move)
