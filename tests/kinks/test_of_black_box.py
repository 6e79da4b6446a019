import numpy as np
import pytest

from gradcheck.kinks import of_black_box
from gradcheck.kinks.naming import Named
from gradcheck.kinks.walls import Wall
from tests.kinks.germs import near, relu


def shifted(w):
    return 3.0 + 2.0 * relu(w)


@pytest.mark.parametrize(("here", "centre"), [([4.0, 4.0], True), ([4.0, 5.0], False), ([4.0, 4.5], False)])
def test_the_middle_of_a_move_and_its_opposite_is_the_centre(here, centre):
    assert of_black_box._is_centre(near(shifted, here)) == centre


def test_the_centre_is_that_of_every_pair():
    def gradient(w):
        return np.array([1.0 * (w[0] > 0), 1.0 * (w[0] > 0 and abs(w[1]) > 0.9)])

    seen = [of_black_box._is_centre(near(gradient, [0.5, 0.0], opening=4, seed=seed)) for seed in range(4)]
    assert not any(seen)


def test_moves_that_are_no_opposites_have_no_centre():
    found = near(shifted, [4.0, 4.0], opening=0)
    for sign in (1.0, -1.0, 2.0):
        found.ask(sign * np.array([1.0, 0.5 * sign]))
    assert not of_black_box._is_centre(found)
    found.ask(np.array([-2.0, -2.0]))
    assert of_black_box._is_centre(found)


def test_an_entry_of_one_kink_has_its_side_and_one_of_two_keeps_its_own():
    shares = np.array([0.9, 0.9, 0.9, 0.9, np.nan])
    kinks = [
        Named(np.array([0, 1]), Wall(np.array([2.0, -1.0]), 1.0, 0.25)),
        Named(np.array([1, 2]), Wall(np.array([1.0, -3.0]), -1.0, 1.0)),
    ]
    of_black_box._by_kinks(shares, kinks)
    assert shares[:4] == pytest.approx([0.25, 0.9, 0.0, 0.9])
    assert np.isnan(shares[4])


@pytest.mark.parametrize(("here", "still"), [(7.0, True), (0.0, True)])
def test_claims_that_agree_are_still(here, still):
    found = near(lambda w: np.full(3, 7.0) + 1e-12 * w, np.full(3, here))
    box = of_black_box.BlackBox(None, np.arange(3), found, 4, (), centre=False)
    assert box.still == still
    assert of_black_box.BlackBox(None, np.arange(0), None, 0, (), centre=False).still
    moving = of_black_box.BlackBox(None, np.arange(3), near(relu, np.zeros(3)), 4, (), centre=False)
    assert not moving.still


def test_claims_are_let_go_of():
    box = of_black_box.BlackBox(None, np.arange(3), near(relu, np.zeros(3)), 4, (), centre=False)
    box.forget()
    assert box.near.claims == []
    of_black_box.BlackBox(None, np.arange(0), None, 0, (), centre=False).forget()
