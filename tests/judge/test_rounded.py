"""What f rounds to inside: when it is asked for, along which lines, and what is told of it."""

from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck as gc
from gradcheck import arrays
from gradcheck.judge import rounded
from gradcheck.oracles.finite_difference import FiniteDifferences
from gradcheck.slopes.inside import BY_DESIGN, NOTHING, Inside
from gradcheck.verdicts import reasons
from gradcheck.verdicts.options import read_rules

X = np.array([0.5, -1.5, 2.0])
DOUBLE = float(np.ldexp(1.0, -53))  # an object of its own: units are compared by size
SINGLE = Inside("float32", 2.0**-24)


def in_single(x):
    return float(np.sum(np.tanh(x.astype(np.float32))))


def slope_of_it(x):
    return 1 - np.tanh(x) ** 2


def noted(report):
    return [note for note in report.notes if "float32" in note]


@pytest.mark.parametrize(
    ("options", "args"),
    [
        ({"piecewise_constant": True}, (X,)),
        ({"oracle": "exact"}, (X,)),
        ({}, (X.astype(np.float32),)),
        ({}, (X, X.astype(np.float32))),
    ],
    ids=["stairs are declared", "another oracle", "narrow", "one of them narrow"],
)
def test_it_is_not_asked_for_where_steps_are_meant_or_known(monkeypatch, options, args):
    monkeypatch.setattr(rounded.inside, "look", lambda *_: SINGLE)
    field = SimpleNamespace(leaves=args, unit=DOUBLE)
    prediction = SimpleNamespace(judged=[0])
    assert rounded.before(field, prediction, read_rules(options)) == NOTHING
    field.leaves = (X, X)
    assert rounded.before(field, prediction, read_rules({})) == SINGLE
    assert rounded.before(field, prediction, read_rules({"oracle": "finite differences"})) == SINGLE


@pytest.mark.parametrize(("unit", "found"), [(DOUBLE, SINGLE), (2.0**-24, Inside("float16", 0.25))])
def test_a_cast_that_is_seen_in_the_code_is_measured_and_not_guessed(monkeypatch, unit, found):
    monkeypatch.setattr(rounded.inside, "look", lambda *_: SINGLE)
    monkeypatch.setattr(rounded.inside, "seen_of", lambda *_: 0.25)
    field = SimpleNamespace(leaves=(X,), unit=unit, dtype="float16")
    assert rounded.before(field, SimpleNamespace(judged=[0]), read_rules({})) == found


@pytest.mark.parametrize(("unit", "found"), [(DOUBLE, NOTHING), (2.0**-11, Inside("float16", 2.0**-11))])
def test_where_the_budget_ends_a_cast_is_taken_for_all_of_f(monkeypatch, unit, found):
    def ended(*_):
        raise rounded.BudgetReached("the end")

    monkeypatch.setattr(rounded.inside, "look", ended)
    monkeypatch.setattr(rounded.inside, "seen_of", ended)
    field = SimpleNamespace(leaves=(X,), unit=unit, dtype="float16")
    assert rounded.before(field, SimpleNamespace(judged=[0]), read_rules({})) == found


def a_trial(
    *,
    random=False,
    moved=(1, 1),
    significant=(True, True),
    off=(1.0, 1.0, 1.0),
    claimed=(1.0, 1.0),
    unit=DOUBLE,
    oracle=None,
):
    probes = [
        SimpleNamespace(probe=i, moved=m, claimed=c, slope=i)
        for i, (m, c) in enumerate(zip(moved, claimed, strict=True))
    ]
    field = SimpleNamespace(leaves=(X,), unit=unit, line=lambda move: move[0])
    return SimpleNamespace(
        field=field,
        index=0,
        random=random,
        oracle=FiniteDifferences(field, [0]) if oracle is None else oracle,
        probes=probes,
        direction=lambda number: number,
        mismatch=lambda probe: SimpleNamespace(significant=significant[probe.probe], value=off[probe.probe]),
    )


def behind(monkeypatch, trial, *found, reason="", nearer=True, **options):
    """What is found behind a trial's mismatches, and the numbers of the lines that were looked along."""
    looked = []

    def along(_, line):
        looked.append(line)
        return found[min(line, len(found) - 1)]

    monkeypatch.setattr(rounded.inside, "nearer", lambda *_: nearer)
    monkeypatch.setattr(rounded.inside, "along", along)
    argument = SimpleNamespace(reason=reason)
    return rounded.behind(trial, argument, read_rules(options)), looked


@pytest.mark.parametrize(
    "reason", ["", *sorted(text for text in vars(reasons).values() if isinstance(text, str) and " " in text), "~"]
)
def test_a_claim_that_fails_is_looked_behind_but_for_a_straight_through_estimator(monkeypatch, reason):
    found, looked = behind(monkeypatch, a_trial(), SINGLE, reason=reason)
    asked = reason != reasons.STRAIGHT_THROUGH
    assert (found, looked) == ((SINGLE, [0, 1]) if asked else (NOTHING, []))


@pytest.mark.parametrize(
    ("trial", "options"),
    [
        ({"random": True}, {}),
        ({}, {"piecewise_constant": True}),
        ({}, {"oracle": "exact"}),
        ({"oracle": "balls"}, {}),
        ({"significant": (False, False)}, {}),
        ({"moved": (2, 3)}, {}),
        ({"moved": (0, 0)}, {}),
    ],
    ids=["random", "stairs", "another oracle", "exact slopes", "nothing wrong", "joint", "none moved"],
)
def test_nothing_is_looked_behind_where_differences_of_this_argument_contradict_nothing(monkeypatch, trial, options):
    assert behind(monkeypatch, a_trial(**trial), SINGLE, **options) == (NOTHING, [])


def test_a_claim_that_larger_steps_contradict_too_is_not_looked_behind(monkeypatch):
    assert behind(monkeypatch, a_trial(), SINGLE, nearer=False) == (NOTHING, [])


def test_the_coarser_of_two_lines_counts_and_no_third_is_looked_along(monkeypatch):
    three = {"moved": (1, 1, 1), "significant": (True,) * 3, "claimed": (1.0,) * 3}
    for found in ((NOTHING, SINGLE), (SINGLE, NOTHING)):
        assert behind(monkeypatch, a_trial(**three), *found) == (SINGLE, [0, 1])
    skipped = {**three, "moved": (2, 1, 1), "significant": (True, True, True)}
    assert behind(monkeypatch, a_trial(**skipped), SINGLE) == (SINGLE, [1, 2])


@pytest.mark.parametrize("off", [(0.5, -3.0), (3.0, 0.5)])
@pytest.mark.parametrize("significant", [(True, True), (True, False), (False, True)])
def test_larger_steps_are_asked_along_one_line_for_what_is_claimed_along_it(monkeypatch, off, significant):
    asked = []
    trial = a_trial(off=off, claimed=(10.0, 11.0), significant=significant)
    monkeypatch.setattr(rounded.inside, "along", lambda *_: SINGLE)
    monkeypatch.setattr(rounded.inside, "nearer", lambda *given: asked.append(given) or True)
    assert rounded.behind(trial, SimpleNamespace(reason=""), read_rules({})) == SINGLE
    most = max((i for i in range(2) if significant[i]), key=lambda i: abs(off[i]))
    assert asked == [(most, most, 10.0 + most)]


def test_the_lines_are_those_that_contradict_a_claim_most(monkeypatch):
    four = {"moved": (1,) * 4, "significant": (True, True, True, False), "claimed": (1.0,) * 4}
    _, looked = behind(monkeypatch, a_trial(**four, off=(0.5, -3.0, 2.0, 9.0)), SINGLE)
    assert looked == [1, 2]


@pytest.mark.parametrize(
    ("unit", "of_f", "claimed", "counts"),
    [
        (2.0**-24, 2.0**-25, 1.0, False),  # no coarser than is known
        (2.0**-24, 2.0**-24, 1.0, False),
        (2.0**-25, 2.0**-24, 1.0, False),
        (1.1 * 2.0**-24, 2.0**-25, 1.0, True),
        (1.1 * 2.0**-24, 2.0**-25, 0.0, True),
        (BY_DESIGN, DOUBLE, 0.0, True),
        (2 * BY_DESIGN, DOUBLE, 0.0, False),  # stairs, and a claim of zero
        (2 * BY_DESIGN, DOUBLE, 1.0, True),
    ],
)
def test_what_is_found_counts_where_it_is_coarser_and_no_stairs_that_are_claimed(
    monkeypatch, unit, of_f, claimed, counts
):
    jumps = Inside("float32", unit)
    found, _ = behind(monkeypatch, a_trial(unit=of_f, claimed=(claimed, claimed)), jumps)
    assert found == (jumps if counts else NOTHING)


@pytest.mark.parametrize(
    ("share", "by_design", "told"),
    [
        (1.0, False, "computes in float32 inside"),
        (1 / 8, False, "computes in float32 inside"),
        (0.99 / 8, False, "computes a part of itself in float32 or less"),
        (1.0, True, "moves in steps"),
        (0.01, True, "moves in steps"),
    ],
)
def test_how_much_of_f_is_rounded_is_told_in_place_of_what_was_said_before(share, by_design, told):
    unit = share * arrays.ROUNDOFF["float32"]
    inside = SimpleNamespace()
    field = SimpleNamespace(
        claim=SimpleNamespace(title="loss"),
        computing_in=lambda dtype, given: inside if (dtype, given) == ("float32", unit) else None,
    )
    before = ["loss takes float64, and computes in float16 inside: so it was said", "another note"]
    found, notes = rounded.at_that(field, Inside("float32", unit, by_design=by_design), before)
    assert found is (field if by_design else inside)
    assert notes[0] == "another note"
    assert told in notes[1]
    assert len(notes) == 2
    assert rounded.at_that(field, NOTHING, before) == (field, before)


def test_stairs_are_a_zero_gradient_that_a_straight_through_estimator_is_not():
    def stairs(x):
        return np.sum(np.round(x + 0.2))

    assert rounded.stairs(gc.check(stairs, np.ones_like, (X,)))
    assert not rounded.stairs(gc.check(stairs, np.zeros_like, (X,), piecewise_constant=True))
    assert not rounded.stairs(gc.check(lambda x: np.sum(x**2), lambda x: 3 * x, (X,)))


def test_float32_inside_is_told_where_it_was_not_declared_and_differences_are_asked():
    assert noted(gc.check(in_single, slope_of_it, (X,)))
    assert not noted(gc.check(in_single, slope_of_it, (X,), piecewise_constant=True))
