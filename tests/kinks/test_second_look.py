"""A claim that was called no subgradient is looked at again."""

from pathlib import Path

import numpy as np
import pytest

from gradcheck.kinks import second_look
from gradcheck.kinks.separation import Separation
from tests.kinks.germs import near, of_walls, relu

FLAT, UP = np.zeros(3), np.array([0.0, 1.0, 0.0])


def thin(w):
    """Return the gradient of max(x, min(y, 1.05·x)) at any move: y's piece has 0.4 % of all directions."""
    x, y, _ = w
    if y < x or x < 0:
        return np.array([1.0, 0, 0])
    return UP if y < 1.05 * x else np.array([1.05, 0, 0])


def refuted(gradient, separation, seed, here=FLAT, **options):
    found = near(gradient, here, seed=seed, **options)
    told = second_look.refutes(found, separation)
    return told, found.asked


def test_a_piece_that_is_thin_in_one_direction_is_found():
    false = Separation(UP, 0.5, 0.0, "concave")  # no slope along y is above 0: but for the thin piece
    assert sum(refuted(thin, false, seed)[0] for seed in range(40)) >= 30  # points would find 16


def test_an_outside_that_holds_stays_and_takes_so_many_claims():
    true = Separation(UP, 1.5, 1.0, "concave")
    before = near(thin, FLAT, seed=0).asked
    for seed in range(10):
        told, asked = refuted(thin, true, seed)
        assert not told
        assert second_look.LOOKS <= asked - before <= second_look.LOOKS + 12


@pytest.mark.parametrize("kind", ["flat", "convex"])
def test_a_claim_that_falls_short_along_a_move_refutes_that_f_is_flat_there_and_nothing_else(kind):
    short = Separation(np.array([1.0, 0, 0]), 1.5, 1.05, kind)
    assert [refuted(thin, short, seed)[0] for seed in range(5)] == [kind == "flat"] * 5


def test_where_no_more_may_be_asked_for_or_kept_the_outside_stays():
    false = Separation(UP, 0.5, 0.0, "concave")
    found = near(thin, FLAT, seed=0)
    found.most = found.asked
    assert not second_look.refutes(found, false)
    found.most = found.asked + 1  # half a turn is more
    assert not second_look.refutes(found, false) or found.asked == found.most
    found.most, found.most_kept = 500, len(found.claims)
    asked = found.asked
    assert not second_look.refutes(found, false)
    assert found.asked == asked


def test_a_claim_that_is_one_of_those_next_to_the_point_gives_no_way_to_look():
    linear = Separation(UP, 0.5, 0.0, "concave")
    told, asked = refuted(lambda _: FLAT, linear, 0)
    assert not told
    assert asked > second_look.LOOKS


@pytest.mark.parametrize("kind", ["concave", "flat"])
def test_claims_that_reach_further_by_no_more_than_eight_times_their_tolerance_refute_nothing(kind):
    rng = np.random.default_rng(0)
    separation = Separation(UP, 1.5, 1.0, kind)

    def refutes(times):
        choices = [times] if kind == "concave" else [-times, times]
        return refuted(lambda _: UP * (1 + 2.0**-30 * rng.choice(choices)), separation, 0, tolerance=2.0**-30)[0]

    assert not refutes(8)
    assert refutes(8.5)


@pytest.mark.parametrize("seed", range(5))
def test_no_half_turn_of_very_many_kinks_takes_more_than_all_may(seed):
    gradient = of_walls(np.random.default_rng(seed).standard_normal((80, 5)), np.ones(80))
    never = Separation(np.ones(5), 1e9, 1e8, "convex")  # no claim reaches as far
    found = near(gradient, np.zeros(5), seed=seed)
    found.asked = 200
    assert not second_look.refutes(found, never)
    assert second_look.LOOKS <= found.asked - 200 <= second_look.LOOKS + 12


def test_the_documentation_says_how_many_they_are():
    page = Path(__file__).parents[2] / "docs" / "kinks.md"
    assert f"called at {second_look.LOOKS} more points" in page.read_text(encoding="utf-8")


def test_half_turns_go_through_moves_of_all_sizes_then_the_proof_then_from_a_claim_to_the_one_on_trial():
    here, spread = np.full(400, 3.0), np.hypot(2, np.pi / 8**0.5)  # of the logarithms: of both that they are sums of
    found = near(relu, here, seed=0)
    u = np.linspace(-1, 1, 400)
    first, second = second_look.ends(found, u, 0)
    for move in (first, second):
        assert np.std(np.log(np.abs(move))) == pytest.approx(spread, rel=0.1)
    assert np.linalg.norm(first) == pytest.approx(20, rel=0.2)  # as long as 400 entries drawn at random
    start, towards = second_look.ends(found, u, 1)
    assert np.abs(start).max() < 6
    assert towards is u
    start, towards = second_look.ends(found, u, 2)
    assert np.abs(start).max() < 6
    assert set(towards) == {2.0, 3.0}
    alike = near(np.zeros_like, FLAT)
    assert second_look.ends(alike, UP, 2)[1] is UP
