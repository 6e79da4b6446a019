"""The place of an error: one entry, a slice, several, everywhere; what it costs, and when it is not said."""

import contextlib
import re

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.diagnosis import locate
from gradcheck.diagnosis.locate import EVERY, LIMIT, SAMPLE, PlaceSearch
from gradcheck.diagnosis.place import Located
from gradcheck.diagnosis.syndrome import Exhausted, size_of, slices, whole
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.field import Field
from gradcheck.verdicts.trial import Trial

RNG = np.random.default_rng(5)


def smooth(w):
    return np.sum(np.sin(w))


def located(w, error, **options):
    """Return the report on a claim that is wrong by `error`."""
    return gc.check(smooth, lambda w: np.cos(w) + error, (w,), **options)[0]


def error_at(shape, *places, size=0.25):
    error = np.zeros(shape)
    for place in places:
        error[place] = size * RNG.uniform(0.5, 2, size=np.shape(error[place]))
    return error


@pytest.mark.parametrize(
    ("shape", "index"),
    [
        ((7,), (6,)),
        ((2500,), (1234,)),
        ((20, 15), (0, 14)),
        ((3, 4, 5), (2, 0, 3)),
        ((2, 3, 4, 5), (1, 1, 1, 1)),
        ((), ()),
    ],
)
def test_one_wrong_entry_is_found(shape, index):
    argument = located(RNG.standard_normal(shape), error_at(shape, index))
    assert argument.where == index


def test_one_wrong_entry_comes_with_its_claimed_and_its_measured_value():
    w = RNG.standard_normal((6, 5))
    worst = located(w, np.eye(30)[22].reshape(6, 5)).worst[0]
    assert worst.index == (4, 2)
    assert worst.claimed == pytest.approx(np.cos(w[4, 2]) + 1, rel=1e-12)
    assert worst.measured == pytest.approx(np.cos(w[4, 2]), rel=1e-5)
    assert worst.error == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "place", "where", "words"),
    [
        ((12, 9), np.s_[3], (3, None), "row 3, w[3, :],"),
        ((12, 9), np.s_[:, 8], (None, 8), "column 8, w[:, 8],"),
        ((2, 5, 3, 4), np.s_[:, 2], (None, 2, None, None), "channel 2, w[:, 2, :, :],"),
        ((2, 30), np.s_[1], (1, None), "row 1, w[1, :],"),
        ((6, 5, 7), np.s_[4], (4, None, None), "slice 4, w[4, :, :],"),
        ((6, 5, 7), np.s_[4, :, 3], (4, None, 3), "w[4, :, 3] is wrong"),
    ],
)
def test_one_wrong_slice_is_found_and_named(shape, place, where, words):
    argument = located(RNG.standard_normal(shape), error_at(shape, place))
    assert argument.where == where
    assert words in argument.where_text


@pytest.mark.parametrize("places", [((0, 3), (0, 7)), ((2, 3), (9, 3)), ((1, 1), (8, 7)), ((1, 1), (1, 2), (8, 7))])
def test_a_few_wrong_entries_are_listed_and_are_no_row(places):
    argument = located(RNG.standard_normal((12, 9)), error_at((12, 9), *places))
    assert argument.where is None
    assert all(str(place) in argument.where_text for place in places)
    assert "all else is right" in argument.where_text


def test_under_noise_one_of_two_wrong_entries_is_not_said_to_be_the_only_one():
    w = np.linspace(-1, 2, 20).reshape(5, 4)
    error = np.zeros((5, 4))
    error[0, 3] = error[2, 1] = 1.5e-3
    found = [
        gc.check(lambda w: float(np.float32(smooth(w))), lambda w: np.cos(w) + error, (w,), seed=seed)[0]
        for seed in range(40)
    ]
    assert sum(a.verdict is gc.Verdict.FAIL for a in found) > 10
    assert [a.where for a in found] == [None] * 40
    assert any("others as large cannot be told from none" in a.where_text for a in found)


def test_equal_and_opposite_entries_of_a_row_are_two_entries():
    error = np.zeros((12, 9))
    error[4, 1], error[4, 6] = 0.5, -0.5
    assert "wrong at (4, 1), (4, 6), all else is right" in located(RNG.standard_normal((12, 9)), error).where_text


def test_two_wrong_rows_are_listed_as_rows():
    argument = located(RNG.standard_normal((12, 9)), error_at((12, 9), 2, 10))
    assert argument.where is None
    assert "wrong at [2, :], [10, :], all else is right" in argument.where_text


def test_an_error_in_every_entry_is_everywhere():
    argument = located(RNG.standard_normal((12, 9)), error_at((12, 9), ...))
    assert argument.where is None
    assert argument.where_text.startswith("everywhere")


def test_the_share_of_wrong_entries_is_estimated():
    error = error_at((40, 25), ...) * (RNG.uniform(size=(40, 25)) < 0.5)
    text = located(RNG.standard_normal((40, 25)), error).where_text
    assert text.startswith("about")
    assert 20 <= int(text.split()[1]) <= 80


def test_too_many_places_are_said_to_be_more_than_found():
    places = tuple((i, (5 * i) % 25) for i in range(0, 40, 3))
    argument = located(RNG.standard_normal((40, 25)), error_at((40, 25), *places))
    assert argument.where is None
    assert "more is wrong, not located within 200 evaluations" in argument.where_text


@pytest.mark.parametrize("places", [((3, 4),), ((0, 3), (0, 7)), ((1, 1), (8, 7)), (np.s_[3],), (...,)])
def test_the_search_costs_at_most_200_evaluations(places, monkeypatch):
    w, error = RNG.standard_normal((12, 9)), error_at((12, 9), *places)
    whole = gc.check(smooth, lambda w: np.cos(w) + error, (w,))
    monkeypatch.setattr(locate, "find", lambda argument, *_: argument)
    unlocated = gc.check(smooth, lambda w: np.cos(w) + error, (w,))
    assert 0 < whole.evaluations - unlocated.evaluations <= 200


def test_max_evaluations_is_kept_and_the_fail_stays():
    w, error = RNG.standard_normal((12, 9)), error_at((12, 9), (1, 1), (8, 7))
    whole = gc.check(smooth, lambda w: np.cos(w) + error, (w,))
    short = gc.check(smooth, lambda w: np.cos(w) + error, (w,), max_evaluations=whole.evaluations - 20)
    assert short.verdict is gc.Verdict.FAIL
    assert short.evaluations <= whole.evaluations - 20
    assert "not located within max_evaluations" in short[0].where_text


def test_a_complex_argument_s_entry_is_found():
    w = RNG.standard_normal((5, 6)) + 1j * RNG.standard_normal((5, 6))
    error = np.zeros((5, 6), dtype=complex)
    error[3, 2] = 0.5j
    argument = gc.check(lambda w: np.sum(np.abs(w) ** 2), lambda w: 2 * w + error, (w,))[0]
    assert argument.where == (3, 2)
    assert argument.worst[0].claimed - argument.worst[0].measured == pytest.approx(0.5j, abs=1e-5)


def test_a_float32_function_s_entry_is_found():
    w = RNG.standard_normal((5, 6)).astype(np.float32)
    error = error_at((5, 6), (3, 2), size=2).astype(np.float32)

    def single(w):
        return np.sum(np.sin(w.astype(np.float32)), dtype=np.float32)

    argument = gc.check(single, lambda w: np.cos(w.astype(np.float32)) + error, (w,))[0]
    assert argument.where == (3, 2)


def test_entries_of_very_different_sizes_have_their_own_scale():
    w = np.logspace(-6, 6, 40).reshape(8, 5)
    error = np.zeros((8, 5))
    error[1, 2] = 1 / w[1, 2]
    argument = gc.check(lambda w: np.sum(np.log(w)), lambda w: 1 / w + error, (w,))[0]
    assert argument.where == (1, 2)


def test_a_jvp_s_entry_is_found():
    w = RNG.standard_normal((4, 5))
    weight = 1 + error_at((4, 5), (2, 3))
    argument = gc.check(np.sin, jvp=lambda v, w: np.cos(w) * v * weight, args=(w,))[0]
    assert argument.where == (2, 3)


def test_restricted_directions_have_no_entries():
    w = RNG.standard_normal((4, 4))
    w = w + w.T
    argument = gc.check(smooth, lambda w: np.cos(w) * 1.5 + w, (w,), tangent={"w": lambda v: v + v.T})[0]
    assert argument.where is None
    assert argument.where_text == "not located: tangent= does not let single entries move"


def test_an_axis_of_length_one_is_no_slice():
    argument = located(RNG.standard_normal((1, 30)), error_at((1, 30), ...))
    assert argument.where is None
    assert argument.where_text.startswith("everywhere")


@pytest.mark.parametrize("places", [((4, 7),), ((4, 7), (9, 1)), ((0, 0), (0, 1), (11, 8))])
def test_small_errors_are_found_in_a_function_that_is_strongly_curved(places):
    # each slope has to be measured to a part of the error, which takes many steps here
    w, error = RNG.standard_normal((12, 9)), error_at((12, 9), *places, size=1e-3)
    argument = gc.check(lambda w: np.sum(np.sin(40 * w)), lambda w: 40 * np.cos(40 * w) + error, (w,), names=["w"])[0]
    assert {entry.index for entry in argument.worst} == set(places)
    assert "more is wrong" not in argument.where_text


# The parts of a search -------------------------------------------------------------------------------------------


def search(error):
    """Return a search for the errors of Σ sin(w)'s claim."""
    w = np.random.default_rng(3).standard_normal(error.shape)
    claim = GradientClaim(smooth, lambda w: np.cos(w) + error, Given((w,)))
    trial = Trial(Field(claim, claim.leaves, seed=0), Prediction(claim, claim.leaves), 0, confidence=0.9999)
    trial.measure(FiniteDifferences(trial.field, [0]), 4)
    return PlaceSearch(trial, LIMIT)


def test_an_entry_is_measured_once_and_told_right_or_wrong():
    found = search(error_at((6, 5), (2, 3)))
    assert [found.entry(index, 1e-4) for index in [(2, 3), (2, 4), (2, 3)]] == [True, False, True]
    assert list(found.found.entries) == [(2, 3), (2, 4)]
    spent = found.measure.spent
    found.entry((2, 4), 1e-4)
    assert found.measure.spent == spent


def test_a_sample_is_of_different_entries_inside_the_box_not_measured_before():
    box = ((2, 8), (1, 4))
    found = search(error_at((10, 6), slices(box)))
    found.entry((3, 2), 1e-4)
    assert found.sample(box, 4) == 4
    assert len(found.found.entries) == 5
    assert all(2 <= i < 8 and 1 <= j < 4 for i, j in found.found.entries)
    assert found.sample(box, 1000) == 6 * 3 - 5  # all that are left
    assert len(found.found.entries) == size_of(box)


def covered(places):
    return {(i, j) for (a, b), (c, d) in places for i in range(a, b) for j in range(c, d)}


@pytest.mark.parametrize(
    "box", [((2, 3), (0, 40)), ((0, 40), (5, 6)), ((37, 40), (38, 40)), ((6, 8), (0, 3)), ((1, 4), (7, 8))]
)
def test_halving_finds_a_rectangle_of_errors_and_nothing_beside_it(box):
    found, complete = search(error_at((40, 40), slices(box))), False
    with contextlib.suppress(Exhausted):  # in so few evaluations not every rectangle is
        found.run()
        complete = True
    assert covered(found.found.places) <= covered([box])
    assert covered(found.found.places) == covered([box]) or not complete
    assert complete or size_of(box) < 40
    assert not found.found.elsewhere


@pytest.mark.parametrize("row", [4, 0])
@pytest.mark.parametrize("others", [[], [(7, 5)]])
def test_errors_outside_the_places_found_are_noticed(row, others):
    error = error_at((10, 6), (row, 2)) + 1e-5 * error_at(
        (10, 6), *others
    )  # too small to be looked for beside the other
    found = search(error)
    found.run()
    assert found.found.places == [((row, row + 1), (2, 3))]
    assert found.found.elsewhere is bool(others)


def test_a_claim_that_is_wrong_as_a_whole_needs_no_look_elsewhere():
    found = search(error_at((10, 6), ...))
    found.run()
    assert found.found.places == [whole((10, 6))]
    assert len(found.found.entries) == SAMPLE  # and no slope but theirs
    assert not found.found.elsewhere


@pytest.mark.parametrize("density", [0.02, 0.1, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_three_wrong_entries_of_a_sample_make_the_whole_a_place_and_two_never_do(density, seed):
    rng = np.random.default_rng(seed)
    error = np.where(rng.random((10, 6)) < density, rng.uniform(0.5, 2, (10, 6)), 0.0)
    error[3, 3] = 1.0
    found = search(error)
    with contextlib.suppress(Exhausted):
        found.run()
    assert found.found.wrong == {index for index in found.found.entries if error[index]}
    wrong, count = found.found.sampled
    assert count in {0, SAMPLE, 2 * SAMPLE}
    assert (found.found.places == [whole((10, 6))]) == (wrong >= 3)
    if density == 1:
        assert (wrong, count) == (SAMPLE, SAMPLE)


def test_a_few_entries_are_all_measured_and_the_wrong_ones_listed():
    error = error_at((EVERY,), [1, 4, 6])
    argument = located(RNG.standard_normal(EVERY), error)
    assert "wrong at (1,), (4,), (6,), all else is right" in argument.where_text


def test_the_share_of_wrong_entries_is_told_from_ten_of_them():
    error = error_at((40, 25), ...) * (np.arange(1000).reshape(40, 25) % 2)
    text = located(np.random.default_rng(5).standard_normal((40, 25)), error, seed=1).where_text
    assert re.match(r"about \d+ % of the entries are wrong \([3-9] of 10 measured\)", text)


@pytest.mark.parametrize("size", [1e-6, 1e3])
def test_small_and_large_errors_are_found_alike(size):
    argument = located(RNG.standard_normal((12, 9)), error_at((12, 9), (4, 7), size=size))
    assert argument.where == (4, 7)
    assert "all else" not in argument.where_text
    two = located(RNG.standard_normal((12, 9)), error_at((12, 9), (4, 7), (9, 1), size=size))
    assert "wrong at (4, 7), (9, 1), all else is right" in two.where_text


def test_nothing_found_shows_no_worst_entry():
    assert Located().worst == ()
