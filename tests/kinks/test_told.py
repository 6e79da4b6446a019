"""What is said of a claim at a kink."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.kinks import told
from gradcheck.kinks.around import Grown
from gradcheck.kinks.neighbourhood import Spent
from gradcheck.kinks.separation import Separation
from tests.kinks.germs import near, relu, rows, watched


@pytest.mark.parametrize(
    ("direction", "said"),
    [
        ([1.0, -0.5, -0.0], "(1, -0.5, 0)"),
        ([[0.25], [1 / 3]], "(0.25, 0.333)"),
        (np.arange(8.0), "(0, 1, 2, 3, 4, 5, 6, 7)"),
        (np.arange(9.0), "the direction 1 at (1,), 2 at (2,), 3 at (3,), 4 at (4,) and 4 more"),
        (np.eye(4), "the direction 1 at (0, 0), 1 at (1, 1), 1 at (2, 2), 1 at (3, 3)"),
        (np.eye(3)[:, :, None] * 2, "the direction 2 at (0, 0, 0), 2 at (1, 1, 0), 2 at (2, 2, 0)"),
    ],
)
def test_a_direction_is_written_out_or_its_first_moves_are(direction, said):
    assert told._written(np.asarray(direction, dtype=float)) == said


def test_the_entries_that_a_direction_moves():
    direction = np.array([[0.0, 2.0, 0.0], [-1.0, 0.0, 0.0]])
    assert told._moved(direction) == (((0, 1), 2.0), ((1, 0), -1.0))
    assert told._moved(1j * direction) == (((0, 1), 2j), ((1, 0), -1j))
    assert len(told._moved(np.ones(told.SHOWN + 1))) == told.SHOWN


@pytest.mark.parametrize(("count", "said"), [(1, "(0,)"), (3, "(0,), (1,), (2,)"), (4, "(0,), (1,), (2,) and 1 more")])
def test_three_entries_are_listed(count, said):
    assert told.some([(k,) for k in range(count)]) == said


def test_a_proof_in_round_numbers_is_as_good_as_one_in_others():
    """3 to every entry of a tie of three: along (1, 1, 1) the largest rises by 1."""
    found = near(rows((1, 3)), np.full(3, 3.0))
    move = 7.0 * np.array([1.0, 0.99, 1.04])
    kept, asked, moves = len(found.claims), found.asked, watched(found)
    simpler = told._simpler(found, Separation(move, float(found.here @ move), 7.28, "convex"))
    assert simpler.move == pytest.approx(np.ones(3))
    assert np.abs(np.array(moves) - 1.0).max() < 2e-3
    assert len(np.unique(moves)) == 6  # no two are tied
    assert (simpler.claimed, simpler.reached, simpler.kind) == (9.0, 1.0, "convex")
    assert len(found.claims) == kept
    assert found.asked == asked + 2


def test_below_a_concave_function_claims_are_asked_for_on_the_other_side():
    """−max: its slope along (1, 1, 0) is at most 0, which the claims at (−1, −1, 0) show."""
    germ = rows((1, 3))
    found = near(lambda w: -germ(w), np.full(3, 1.0), opening=1)
    move = np.array([1.0, 1.02, 0.01])
    simpler = told._simpler(found, Separation(move, 2.03, -0.01, "concave"))
    assert list(simpler.move) == [1.0, 1.0, 0.0]
    assert simpler.reached == 0.0
    assert simpler.claimed == 2.0


@pytest.mark.parametrize("kind", ["convex", "concave", "flat"])
def test_a_round_move_that_separates_much_less_is_not_taken(kind):
    found = near(relu, np.array([1.0, -0.03]))
    first = Separation(np.array([1.0, -0.04]), 1.0012, 1.0, kind)
    assert told._simpler(found, first) is first  # along (1, 0) the claim reaches no further than f


@pytest.mark.parametrize(("off", "simpler"), [(0.2, False), (0.3, True)])
def test_drift_is_taken_off_what_a_round_move_separates(off, simpler):
    """With claims known to 0.03, 4 · 0.03 · 1 of the separation along (1, 0) may be drift."""
    found = near(relu, np.array([1.0 + off, 0.5]), tolerance=0.03)
    given = Separation(np.array([1.0, 0.04]), 1.0 + 0.2, 1.0, "convex")
    assert (told._simpler(found, given) is not given) == simpler


@pytest.mark.parametrize(("off", "simpler"), [(0.2, False), (0.4, True)])
def test_drift_counts_for_each_entry_that_a_round_move_moves(off, simpler):
    """With claims known to 0.03, 4 · 0.03 · 2 of the separation along (1, 1) may be drift."""
    found = near(relu, np.array([1.0 + off, 1.0]), tolerance=0.03)
    given = Separation(np.array([1.0, 0.98]), 2.0 + 0.1, 2.0, "convex")
    assert (told._simpler(found, given) is not given) == simpler


def test_a_bound_and_a_proof_that_nothing_more_can_be_asked_for_stay_as_they_are():
    found = near(rows((1, 3)), np.full(3, 3.0))
    move = np.array([1.0, 0.96, 1.04])
    for kind, most in (("bound", 600), ("convex", found.asked)):
        found.most = most
        given = Separation(move, 9.0, 1.04, kind)
        assert told._simpler(found, given) is given
        assert found.asked == 4

    def grown(_):
        raise Grown(np.arange(1))

    found._claim_at, found.most = grown, 600
    given = Separation(move, 9.0, 1.04, "convex")
    assert told._simpler(found, given) is given
    with pytest.raises(Grown):
        found.ask(found.noise())
    assert not issubclass(Grown, Spent)


@pytest.mark.parametrize(
    ("here", "said"),
    [
        ([1.0, 1.0, 1.0, 5.0], "does every entry"),
        ([0.0, 0.0, 0.0, 5.0], "does no entry"),
        ([1.0, 0.5, 0.0, 5.0], ""),
        ([1.0, 1.0, 0.0, 5.0], ""),
    ],
)
@pytest.mark.parametrize("factor", [1.0, -3.0, 1e-8, 1e8])
def test_every_entry_or_none_of_a_tie_is_asked_about(here, said, factor):
    germ = rows((1, 3))
    found = near(
        lambda w: factor * np.append(germ(w[:3]), 5.0), factor * np.array(here), opening=6, tolerance=1e-9 * abs(factor)
    )
    question = told._of_ties(found)
    assert said in question
    assert bool(question) == bool(said)


def test_one_entry_that_changes_is_no_tie():
    assert told._of_ties(near(lambda w: np.array([1.0 * (w[0] > 0), 3.0]), np.array([1.0, 3.0]))) == ""


@pytest.mark.parametrize("seed", range(4))
def test_a_kink_along_a_normal_that_falls_has_the_share_of_its_own_side(seed):
    """The kink of max(−x − 2y, 0) is one of both entries; the claim takes a quarter of it."""
    normal = np.array([-1.0, -2.0])
    report = gc.check(
        lambda x: np.maximum(normal @ x, 0),
        lambda x: normal * (0.25 if normal @ x == 0 else normal @ x > 0),
        (np.array([2.0, -1.0]),),
        seed=seed,
    )
    (kink,) = report[0].kink.kinks
    assert kink.entries == ((0,), (1,))
    assert kink.bend == "up"
    assert kink.share == pytest.approx(0.75)  # of the limit from larger arguments, where f is 0
    assert report[0].kink.convention == "other"


@pytest.mark.parametrize("count", [4, 9])
def test_a_claim_outside_is_off_by_its_distance_from_the_nearest_subgradient(count):
    """1 to each of n that tie is (1 - 1/n)·√n from the nearest, 1/n to each, and √n long."""
    report = gc.check(np.max, lambda x: 1.0 * (x == x.max()), (np.ones(count),))
    assert report[0].error.low == pytest.approx(1 - 1 / count)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("convex", "f rises by 2"), ("flat", "f rises by 2"), ("concave", "no slope"), ("bound", "no slope")],
)
def test_what_f_does_along_the_proof(kind, said):
    assert Separation(np.ones(1), 3.0, 2.0, kind).said(2.0).startswith(said)
    assert "exceeds 2" in Separation(np.ones(1), 3.0, 2.0).said(2.0)
