"""The claims asked for next to a kink whose variable is known: which of them, how many, and what they tell apart."""

import numpy as np
import pytest

import gradcheck as gc
from gradcheck.kinks.beside import Beside
from gradcheck.kinks.changes import WHOLE
from gradcheck.kinks.formula import Formula
from gradcheck.kinks.kink_variable import judged
from gradcheck.kinks.moves import Moves
from gradcheck.kinks.packed import BLOCK, Packed
from gradcheck.kinks.sides import Sides
from gradcheck.kinks.variable_samples import FORETOLD, ROUND, Samples, Variable, _parted


def relu_samples(trial_at, size, kink_of=np.negative):
    trial = trial_at(lambda x: np.maximum(x, 0).sum(), lambda x: 1.0 * (x > 0), np.zeros(size))
    beside = Beside(trial)
    Formula(beside, trial.probes).measure()
    return Samples(beside, Variable(trial, kink_of), np.random.default_rng(0))


class Told(Samples):
    """Claims of which the variable's entries alone are known, (claims, entries)."""

    def __init__(self, variable):
        self.variable = type("Zeros", (), {"zero": np.arange(variable.shape[1])})
        self.squares = (variable**2).sum(axis=0)
        self.sides = Sides(variable.shape[1], variable > 0)
        self.signs = Moves()
        for values in variable:
            self.signs.append(values)


UP, TWICE, OTHER, STILL = (np.array(row) for row in ([1.0, -1, 2], [2.0, -2, 4], [1.0, -3, 1], [1.0, 1, 1]))
ASIDE, RISING = np.array([1.0, 1, -1]), np.array([1.0, 2, 3])


@pytest.mark.parametrize(
    ("kinks", "alike"),
    [
        ([UP], False),
        ([UP, TWICE], False),  # one kink, named twice
        ([UP, -TWICE], False),
        ([UP, OTHER], True),
        ([UP, -OTHER], True),
        ([STILL, UP, OTHER], True),
        ([STILL, UP, TWICE], False),
        ([STILL, UP, ASIDE], False),
        ([ASIDE, UP, TWICE], False),
        ([UP, ASIDE, TWICE, -ASIDE, -UP], False),
        ([UP, ASIDE, TWICE, -ASIDE, OTHER], True),
        ([STILL, STILL], False),
        ([STILL, RISING, UP], False),  # kinks on one side in all claims are none of the argument's
    ],
)
def test_kinks_always_on_the_same_or_on_opposite_sides_are_alike_unless_in_proportion(kinks, alike):
    samples = Told(np.transpose(kinks))
    assert samples._alike(samples.sides.numbered()) == alike


@pytest.mark.parametrize(
    ("groups", "values", "first", "count"),
    [
        ([0, 0], [1.0, -1.0], [True, True], 2),
        ([0, 0], [1.0, -1.0], [True, False], 1),  # both where the first claim is
        ([0, 0], [-1.0, 1.0], [True, False], 1),  # neither
        ([0, 1, 2, 2], [1.0, -1.0, 1.0, -1.0], [True, True, False, False], 4),
        ([2, 1, 0], [1.0, -1.0, 1.0], [True, True, False], 3),
    ],
)
def test_a_move_parts_a_group_of_kinks_if_it_crosses_some_of_them(groups, values, first, count):
    assert _parted(np.array(groups), np.array(values), np.array(first)) == count


@pytest.mark.parametrize(("size", "kept"), [(3, list), (WHOLE, list), (WHOLE + 1, Packed)])
def test_of_a_large_argument_claims_are_packed_and_no_values_of_the_variable_kept(trial_at, size, kept):
    samples = relu_samples(trial_at, size)
    samples.tell_apart()
    assert type(samples.claims) is kept
    assert all(callable(move) == (kept is Packed) for move in samples.signs._moves)


def test_kinks_told_apart_are_asked_about_in_two_more_claims(trial_at):
    samples = relu_samples(trial_at, 1)
    before = len(samples)
    assert samples.tell_apart() == (True, True)
    assert len(samples) == before + FORETOLD


def test_nothing_is_said_of_a_kink_where_no_further_claim_can_be_asked_for(trial_at, monkeypatch):
    found = relu_samples(trial_at, 1)
    passed = found.beside, found.variable, found.rng
    assert judged(*passed)[0].inside
    monkeypatch.setattr(Samples, "_tied", lambda *_: True)
    assert relu_samples(trial_at, 1).tell_apart() == (True, False)
    assert judged(*passed)[0] is None


@pytest.mark.parametrize("rate", [1.0, 1e-9, 1e9])
def test_no_claim_is_asked_for_where_a_kink_stays_at_0_beside_how_far_it_has_been(trial_at, rate):
    samples = relu_samples(trial_at, 2, lambda x: x * [1.0, rate])
    before = len(samples)
    for move, asked in (([1.0, 0.0], 0), ([0.0, 1.0], 0), ([1.0, 1e-9], 0), ([1.0, 1e-3], 1), ([-1.0, 1.0], 2)):
        samples.ask(lambda move=move: np.array(move))
        assert len(samples) == before + asked


@pytest.mark.parametrize("size", [3, BLOCK, 2 * BLOCK + 5])
def test_moves_are_what_the_generator_draws_one_after_another(trial_at, size):
    samples, rng = relu_samples(trial_at, 1), np.random.default_rng(1)
    samples.rng = np.random.default_rng(1)
    samples.beside.here = np.zeros(size)
    for move in [samples.drawn_move() for _ in range(3)]:
        assert np.array_equal(move(), rng.standard_normal(size))


@pytest.mark.parametrize(
    "variable",
    [
        lambda x: x[:1],
        lambda x: np.array([x[0], 1.0, x[1]]),
        lambda x: np.array([x[0], x[1], 1.0, x[0] - x[1]]),
        lambda x: np.array([1.0, 1.0, x[0]]),
        lambda x: np.array([x[0], 1.0, x[1], 1.0, 1.0, x[0] + x[1]]),
    ],
)
def test_zeros_anywhere_in_the_variable_are_found(variable):
    def f(x):
        return np.maximum(variable(x), 0).sum()

    def gradient(x):
        rows = np.transpose([variable(unit) - variable(np.zeros(2)) for unit in np.eye(2)])
        return (variable(x) > 0) @ rows

    report = gc.check(f, gradient, (np.zeros(2),), kink_of=variable)
    assert report.verdict is gc.Verdict.PASS
    assert len(report[0].kink.kinks) == np.count_nonzero(variable(np.zeros(2)) == 0)
    assert report[0].kink.convention == "left"


@pytest.mark.parametrize("later", [1, 3])
def test_a_variable_that_is_smaller_next_to_the_point_is_refused(later):
    """Its last zero, the fifth entry, is not there any more."""

    def variable(x):
        values = np.array([x[0], x[1], 1.0, 1.0, x[2]])
        return values[:later] if x.any() else values

    with pytest.raises(gc.ArgumentError, match="as large at every call"):
        gc.check(lambda x: np.maximum(x, 0).sum(), lambda x: 1.0 * (x > 0), (np.zeros(3),), kink_of=variable)


def test_kinks_that_no_claim_tells_apart_are_given_up_on():
    """The second is on the side of the first everywhere, and not in proportion to it."""

    def variable(x):
        size = np.abs(x).sum()
        return np.array([x[0], x[0] * (1 + abs(x[1]) / size) if size else 0.0, x[1]])

    def passed(kink_of):
        return gc.check(lambda x: np.maximum(x, 0).sum(), lambda x: 1.0 * (x > 0), (np.zeros(2),), kink_of=kink_of)

    plain, report = passed(lambda x: x), passed(variable)
    assert report.verdict is gc.Verdict.PASS
    assert report.gradient_evaluations <= plain.gradient_evaluations + 2 * (3).bit_length() + ROUND
