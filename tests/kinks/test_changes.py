import numpy as np
import pytest

from gradcheck.kinks.changes import WHOLE, Changes, differing
from gradcheck.kinks.neighbourhood import Spent
from gradcheck.kinks.packed import BLOCK, parts
from gradcheck.kinks.scaled import LARGEST, Scaled
from tests.kinks.germs import near, relu

LARGE = WHOLE + 10


def some(**values):
    claim = np.ones(LARGE)
    for entry, value in values.items():
        claim[int(entry[1:])] = value
    return claim


def test_of_a_large_argument_what_changes_is_kept():
    changes = Changes(np.ones(LARGE))
    changes.add(some(_3=2.0), None, 1e-9)
    changes.add(some(_3=2.0, _7=0.0), None, 1e-9)
    changes.add(some(_3=2.0, _9=1 + 1e-10), None, 1e-9)
    assert list(changes.entries) == [3, 7]
    assert list(changes.changing(1e-9)) == [7]
    assert list(changes.off(1e-9)) == [3]
    assert changes.at(1, np.array([2, 3, 7])) == pytest.approx([1.0, 2.0, 0.0])
    assert changes.at(0, np.array([2, 3, 7])) == pytest.approx([1.0, 2.0, 1.0])
    assert changes.whole(1) == pytest.approx(some(_3=2.0, _7=0.0))
    assert changes.largest == 2.0
    assert [list(ends) for ends in changes.claims.range()] == [[2.0, 0.0], [2.0, 1.0]]


def test_entries_of_a_small_one_are_all_kept():
    changes = Changes(np.array([1.0, -3.0]))
    changes.add(np.array([1.0, -4.0]), None, 1e-9)
    assert list(changes.entries) == [0, 1]
    assert not len(changes.changing(1e-9))
    assert list(changes.off(1e-9)) == [1]
    assert changes.largest == 4.0
    assert changes.at(0, np.array([1])) == [-4.0]
    changes.add(np.array([5.0, -4.0]), None, 1e-9)
    assert changes.largest == 5.0
    assert list(changes.changing(1e-9)) == [0]


def test_half_of_the_change_to_three_steps_is_drift():
    claim, change = some(_1=1 + 1e-3, _2=1 + 1e-3), np.zeros(LARGE)
    change[1] = 2e-3
    assert list(differing(claim, np.ones(LARGE), 1e-9, change)) == [2]
    assert list(differing(claim, np.ones(LARGE), 1e-9)) == [1, 2]


def test_blocks_cover_every_entry_once():
    assert [(p.start, min(p.stop, 20_000)) for p in parts(20_000)] == [(0, 8_192), (8_192, 16_384), (16_384, 20_000)]
    claim = np.zeros(2 * BLOCK + 3)
    claim[[0, BLOCK, 2 * BLOCK + 2]] = 1.0
    assert list(differing(claim, np.zeros(len(claim)), 0.5)) == [0, BLOCK, 2 * BLOCK + 2]


def test_values_that_are_let_go_are_asked_for_in_vain():
    changes = Changes(np.ones(LARGE))
    changes.add(some(_3=2.0), None, 1e-9, values=False)
    assert list(changes.entries) == [3]
    assert changes.claims.codes == [None]
    with pytest.raises(LookupError):
        changes.at(0, np.array([3]))
    changes.add(some(_4=2.0), None, 1e-9)
    assert list(changes.changing(1e-9)) == [3, 4]
    changes.release()
    assert not len(changes.claims)
    assert not len(changes.changing(1e-9))
    assert not len(changes.entries)


@pytest.mark.parametrize(("size", "kept"), [(8_192, 8_192), (8_193, 0)])
def test_up_to_a_size_claims_are_kept_whole(size, kept):
    assert len(Changes(np.ones(size)).entries) == kept
    assert len(Changes(np.ones(size), whole=True).entries) == size


def test_entries_in_the_arguments_scale():
    values = np.arange(5.0)
    assert Scaled(values, 2.0)[np.array([1, 3])] == pytest.approx([2.0, 6.0])
    assert Scaled(values, np.arange(5.0))[2:4] == pytest.approx([4.0, 9.0])
    assert len(Scaled(values, 2.0)) == 5
    with pytest.raises(ValueError, match="read-only"):
        Scaled(values, 1.0)[:][0] = 9
    values[0] = 7  # as may whoever holds the values


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("part", [slice(1, 4), np.array([1, 2, 3])])
def test_entries_are_scaled_up_and_down_alike(scale, part):
    values = np.array([9.0, -3.0, 0.0, 5.0, 9.0])
    for given in (scale, np.full(5, scale)):
        assert list(Scaled(values, given)[part]) == [-3 * scale, 0.0, 5 * scale]


def test_entries_beyond_the_floats_count_as_the_largest_on_their_side():
    values = np.array([1e308, -1e308, np.inf, -np.inf, -1e307])
    with np.errstate(over="ignore"):
        assert list(Scaled(values, 10.0)[:]) == [LARGEST, -LARGEST, LARGEST, -LARGEST, -1e308]


# Neighbourhoods --------------------------------------------------------------------------------------------------


def test_no_more_is_asked_than_may_be():
    found = near(relu, np.zeros(3))
    found.most = found.asked + 1
    found.ask(found.noise())
    with pytest.raises(Spent):
        found.ask(found.noise())


def test_no_more_is_kept_than_there_is_room_for():
    found = near(relu, np.zeros(3))
    found.most_kept = len(found.claims) + 1
    assert found.may_keep
    found.ask(found.noise())
    assert not found.may_keep
    found.ask(found.noise(), keep=False)
    with pytest.raises(Spent):
        found.ask(found.noise())
    assert len(found.claims) == len(found.moves) == len(found.drawn) == len(found.numbers) == found.most_kept


def test_a_claim_at_a_tie_is_told_from_those_around_it():
    def gradient(w):
        return np.where(w == w.max(), 1.0, 0.0)

    found = near(gradient, np.ones(3), opening=0)
    found.ask(np.ones(3))
    assert not found.off_ties(0)
    found.ask(np.array([1.0, 0.5, 0.25]))
    assert found.off_ties(1)
    found.ask(np.ones(3), drawn=True)
    assert found.off_ties(2)  # nobody asks of a move drawn at random


def test_the_range_of_claims_and_those_of_some_entries():
    found = near(relu, np.zeros(4), opening=3)
    low, high = found.range()
    assert (low == 0).all()
    assert (high == 1).all()
    claims, moves = found.at(np.array([1, 3]))
    assert claims == pytest.approx(relu(moves))
    assert claims.shape == (6, 2)
    few, _ = found.at(np.array([1]), 4)
    assert few == pytest.approx(claims[[0, 1, 4, 5], :1])
    assert found.size == 1.0


def test_forgotten_claims_are_gone():
    found = near(relu, np.zeros(4))
    found.forget()
    assert found.claims == []
    with pytest.raises(Spent):
        found.ask(found.noise())
