"""The place of an error: one entry, a slice, several, everywhere; what it costs, and when it is not said."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck import locate
from gradcheck.place import Finding
from gradcheck.syndrome import Digit, digits_of

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


@pytest.mark.parametrize(
    ("count", "base", "number"), [(1000, 1000, 1), (1001, 1000, 2), (10**7, 1000, 3), (2, 1000, 1), (9, 2, 4)]
)
def test_digits_tell_every_index_apart(count, base, number):
    digits = digits_of(0, 0, count, base)
    assert len(digits) == number
    assert all(digit.base <= base for digit in digits)
    sampled = np.unique(np.linspace(0, count - 1, 1001).astype(int))
    assert len({tuple(i // d.unit % d.base for d in digits) for i in sampled}) == len(sampled)


def test_a_digit_is_read_where_one_integer_lies_in_the_interval():
    digit = Digit(axis=0, first=0, unit=1, base=10, count=10)
    weights = digit.weights(1)
    assert [digit.read(w, 0.04) for w in weights] == list(range(10))
    assert digit.read(weights[3] + 0.1, 0.04) is None  # between two
    assert digit.read(weights[3], 0.1) is None  # either of two
    assert digit.read(1.5, 0.04) is None  # beyond the last


def test_nothing_found_shows_no_worst_entry():
    assert Finding().worst == ()
