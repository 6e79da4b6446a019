"""The place of an error: one entry, a slice, several, everywhere; what it costs, and when it is not said."""

import re

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.claims.claim import Given
from gradcheck.claims.gradient import GradientClaim
from gradcheck.claims.prediction import Prediction
from gradcheck.diagnosis import locate
from gradcheck.diagnosis.locate import EVERY, LIMIT, Search
from gradcheck.diagnosis.place import Finding
from gradcheck.diagnosis.syndrome import size_of, slices, whole
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
    return Search(trial, LIMIT)


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


@pytest.mark.parametrize(
    ("box", "halves"),
    [
        (((0, 10), (0, 6)), [((0, 5), (0, 6)), ((5, 10), (0, 6))]),
        (((6, 10), (0, 6)), [((6, 10), (0, 3)), ((6, 10), (3, 6))]),  # along the longer side, not the further
        (((0, 10), (2, 5)), [((0, 5), (2, 5)), ((5, 10), (2, 5))]),
        (((1, 4), (0, 1)), [((1, 3), (0, 1)), ((3, 4), (0, 1))]),
    ],
)
def test_a_box_is_halved_along_its_longest_axis_and_each_half_has_its_own_errors(box, halves, monkeypatch):
    error = error_at((10, 6), ...)
    found, seen = search(error), []
    monkeypatch.setattr(found, "_search", lambda half, mismatch: seen.append((half, mismatch)))
    r = found.measure.r(found.measure.base)
    found._halve(box, found.measure.along(found.measure.masked(box, found.measure.base), goal=1e-6))
    assert [half for half, _ in seen] == halves
    for half, mismatch in seen:
        assert mismatch.value == pytest.approx(np.sum((error * r)[slices(half)]), rel=1e-4)


@pytest.mark.parametrize(("row", "half"), [(7, (5, 10)), (2, (0, 5))])
def test_a_half_without_errors_is_searched_no_further(row, half, monkeypatch):
    found, seen = search(error_at((10, 6), (row, 2))), []
    monkeypatch.setattr(found, "_search", lambda half, _: seen.append(half))
    found._halve(whole((10, 6)), found.measure.first)
    assert seen == [(half, (0, 6))]


@pytest.mark.parametrize("row", [4, 0])
@pytest.mark.parametrize("others", [[], [(7, 5)]])
def test_errors_outside_the_places_found_are_noticed(row, others, monkeypatch):
    found = search(error_at((10, 6), (row, 2), *others))
    monkeypatch.setattr(found, "_search", lambda *_: found.found.places.append(((row, row + 1), (2, 3))))
    found.run()
    assert found.found.elsewhere is bool(others)


def test_a_claim_that_is_wrong_as_a_whole_needs_no_look_elsewhere(monkeypatch):
    found = search(error_at((10, 6), ...))
    monkeypatch.setattr(found, "_search", lambda box, _: found.found.places.append(box))
    found.run()
    assert found.measure.spent == 0
    assert not found.found.elsewhere


PART = ((0, 10), (0, 4))


@pytest.mark.parametrize(
    ("box", "answers", "accepted", "measured"),
    [
        # the whole: five entries, five more where these differ
        (whole((10, 6)), [1, 1, 1, 1, 1], True, (5, 5)),
        (whole((10, 6)), [0, 0, 0, 0, 0], False, (0, 5)),
        (whole((10, 6)), [1, 1, 0, 0, 0, 0, 0, 1, 0, 0], True, (3, 10)),
        (whole((10, 6)), [1, 1, 0, 0, 0, 0, 1, 1, 0, 0], True, (4, 10)),
        (whole((10, 6)), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], False, (2, 10)),
        # a part: one entry, four more where that is wrong
        (PART, [0], False, (0, 0)),
        (PART, [1, 0, 1, 0, 1], True, (0, 0)),
        (PART, [1, 1, 1, 0, 1], True, (0, 0)),
        (PART, [1, 0, 0, 0, 1], False, (0, 0)),
    ],
)
def test_three_wrong_entries_of_a_sample_make_a_place_and_two_never_do(box, answers, accepted, measured, monkeypatch):
    found, left = search(error_at((10, 6), ...)), list(answers)
    monkeypatch.setattr(found, "entry", lambda *_: bool(left.pop(0)))
    assert found._accept(box) is accepted
    assert left == []
    assert found.found.places == ([box] if accepted else [])
    assert found.found.sampled == measured


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
    assert Finding().worst == ()
