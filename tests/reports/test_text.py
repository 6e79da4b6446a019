import math

import pytest

from gradcheck.reports.text import LINES, as_text, finding, headline, number, percent, remarks
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.report import ArgumentReport, Kink, Planted, Report


def argument(name="x", verdict=Verdict.PASS, low=0.0, high=3.7e-9, *, relative=True, **fields):
    error = Interval(low, high, relative=relative, confidence=0.9999)
    return ArgumentReport(name, (3,), "float64", verdict, error, 1e-5, 1e-8, **fields)


def wrong(name="x", low=0.02, high=0.5, **fields):
    return argument(name, Verdict.FAIL, low, high, **fields)


def open_(name="x", high=1e-3, **fields):
    return argument(name, Verdict.INCONCLUSIVE, 0.0, high, **fields)


def report(*arguments, **fields):
    return Report("loss", arguments, 30, 5, 3, 7, 0.9999, "finite differences", **fields)


@pytest.mark.parametrize(
    ("value", "text"), [(3.71e-9, "3.7e-09"), (0.0, "0"), (1.0, "1.0e+00"), (math.inf, "∞"), (math.nan, "∞")]
)
def test_errors_are_printed_in_two_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("confidence", "text"), [(0.9999, "99.99 %"), (0.5, "50 %"), (0.99, "99 %"), (0.999999, "99.9999 %")]
)
def test_confidence_is_printed_as_a_percentage(confidence, text):
    assert percent(confidence) == text


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (argument(), "right to 3.7e-09 (99.99 %)"),
        (argument(high=1e-12, relative=False), "zero to ±1.0e-12 absolute (99.99 %)"),
        (wrong(), "wrong by 2.0e-02 to 5.0e-01"),
        (wrong(high=math.inf), "wrong by 2.0e-02 or more"),
        (wrong(low=1e4, high=math.inf), "wrong: the true gradient is zero, or next to it"),
        (wrong(low=0.0), "wrong"),
        (open_(), "undecided: error below 1.0e-03"),
        (open_(high=math.inf), "undecided"),
    ],
)
def test_the_finding_says_how_wrong_at_most_or_at_least(found, words):
    assert finding(found, 0.9999) == words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (argument(), "smooth"),
        (wrong(), ""),
        (argument(kink=Kink("right", valid=True, entries=())), "kink: right, a subgradient"),
        (wrong(kink=Kink("other", valid=False, entries=())), "kink: other, no subgradient"),
        (argument(planted=Planted(14, 14)), "smooth  14/14 planted mistakes caught"),
        (argument(planted=Planted(0, 0)), "smooth"),
        (argument(planted=Planted(1, 2, ("sign (a)",))), "smooth  1/2 planted mistakes caught, not: sign (a)"),
        (argument(planted=Planted(0, 3, ("a", "b", "c"))), "smooth  0/3 planted mistakes caught, not: a; b; ..."),
    ],
)
def test_remarks_tell_smooth_from_kinked_and_what_would_have_been_caught(found, words):
    assert remarks(found) == words


@pytest.mark.parametrize(
    ("arguments", "fields", "words"),
    [
        ([argument()], {}, "the gradient is right"),
        ([argument(), argument("y")], {}, "2 gradients are right"),
        ([wrong()], {}, "the gradient is wrong"),
        ([argument(), wrong("y")], {}, "1 of 2 gradients is wrong"),
        ([open_(), wrong("y"), wrong("z")], {}, "2 of 3 gradients are wrong"),
        ([open_()], {}, "the gradient is undecided"),
        ([argument(), open_("y")], {}, "1 of 2 gradients undecided"),
        ([], {"complaint": "the gradient returned 1 entries, wanted 2"}, "the gradient returned 1 entries, wanted 2"),
    ],
)
def test_the_headline_counts(arguments, fields, words):
    assert headline(report(*arguments, **fields)) == words


def test_a_pass_is_one_line_for_each_argument_under_the_headline():
    assert as_text(report(argument("w1"), argument("w10"), repeat="again")) == (
        "PASS  loss: 2 gradients are right   [finite differences, 30 evaluations, seed 7]\n"
        "  w1 (3,)   right to 3.7e-09 (99.99 %)  smooth\n"
        "  w10 (3,)  right to 3.7e-09 (99.99 %)  smooth"
    )


def test_a_fail_says_what_where_and_how_to_repeat():
    found = wrong(advice="every entry is 0.5 x the true gradient", reason="because", where_text="row 2")
    assert as_text(report(found, notes=("f is random",), repeat="again")).splitlines() == [
        "FAIL  loss: the gradient is wrong   [finite differences, 30 evaluations, seed 7]",
        "  x (3,)  wrong by 2.0e-02 to 5.0e-01",
        "            every entry is 0.5 x the true gradient",
        "            because",
        "            row 2",
        "  note: f is random",
        "  repeat: again",
    ]


def test_the_same_advice_is_given_once():
    text = as_text(report(*(wrong(f"w{i}", advice="a factor 2 is missing", where_text=f"at {i}") for i in range(3))))
    assert text.count("a factor 2 is missing") == 1
    assert text.count("at ") == 1


def test_a_report_has_at_most_a_dozen_lines_and_the_wrong_ones_come_first():
    many = [argument(f"p{i}") for i in range(20)] + [open_(f"o{i}") for i in range(4)] + [wrong("w", advice="look")]
    lines = as_text(report(*many, notes=("n",), repeat="again")).splitlines()
    assert len(lines) <= LINES == 12
    assert lines[1].startswith("  w (3,)")
    assert "look" in lines[2]
    assert [line.split()[0] for line in lines[3:7]] == ["o0", "o1", "o2", "o3"]
    assert lines[-3] == "  and 18 more: 18 right"
    assert lines[-2:] == ["  note: n", "  repeat: again"]


def test_what_is_left_out_is_counted_by_its_verdict():
    many = [wrong(f"w{i}") for i in range(12)] + [open_("o"), argument("p")]
    last = as_text(report(*many)).splitlines()[-1]
    kept = 10
    assert last == f"  and {14 - kept} more: {12 - kept} wrong, 1 undecided, 1 right"
