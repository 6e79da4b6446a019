"""Blocks of entries that say nothing of one another: how they are looked for, and what is asked for that."""

import numpy as np
import pytest

from gradcheck.kinks import blocks
from tests.kinks.germs import near, relu, rows, watched


@pytest.mark.parametrize("labels", [np.zeros(6, dtype=int), np.full(6, 3)])
def test_one_block_needs_no_claim(labels):
    found = near(rows((1, 6)), np.zeros(6))
    before = found.asked
    assert not blocks.refuted(found, labels).any()
    assert found.asked == before
    assert not blocks.refuted(found, np.array([0, 0, 0, 1, 1, 1])).all()
    assert found.asked > before


def test_where_a_quarter_of_the_entries_is_refuted_no_others_are_joined():
    def gradient(w):
        return np.concatenate([relu(w[:6]), np.eye(2)[w[6:].argmax()]])

    for seed in range(10):
        found = near(gradient, np.zeros(8), shape=(4, 2), seed=seed)
        bad = np.arange(8) >= 6
        assert blocks.found(found, bad).tolist() == [0, 1, 2, 3, 4, 5, 11, 11]


@pytest.mark.parametrize(("sign", "falls"), [(1, False), (-1, True), (0, False)])
def test_claims_fall_along_the_moves_of_an_entry_whatever_both_are_about(sign, falls):
    found = near(lambda w: 100 - 50 * (sign == 1) + sign * relu(w - 30), np.zeros(2), opening=0)
    for move in (20.0, 29.0, 31.0, 40.0, 45.0, 46.0):
        found.ask(np.array([move, 0.0]))
    assert blocks.falls(found, 0) is falls
    assert blocks.falls(found, 1) is False


def test_a_sixth_of_the_entries_that_never_changed_are_moved_far_to_see_which_way_they_bend():
    found = near(np.zeros_like, np.zeros(12))
    moves = watched(found)
    assert blocks._by_bend(found) is None
    assert len(moves) == 48
    moves = np.array(moves)
    assert np.array_equal(moves[::2], -moves[1::2])
    raised = moves[::2] > 4.5
    assert set(raised.sum(axis=1)) == {2}
    assert moves[::2][raised].mean() == pytest.approx(8, abs=0.5)
