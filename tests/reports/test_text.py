import math
import re

import pytest

from gradcheck.reports.text import LINES, as_text
from gradcheck.reports.words import finding, headline, number, percent, remarks
from gradcheck.verdicts.certificate import Interval, Verdict
from gradcheck.verdicts.report import ArgumentReport, Kink, Planted, Report, WorstEntry


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
        (wrong(), "wrong by a relative error of 2.0e-02 to 5.0e-01"),
        (wrong(factor=0.5), "wrong: 0.5 x the true gradient (relative error 2.0e-02 to 5.0e-01)"),
        (wrong(factor=-1.0, high=math.inf), "wrong: -1 x the true gradient (relative error 2.0e-02 or more)"),
        (wrong(high=math.inf), "wrong by a relative error of 2.0e-02 or more"),
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
        (wrong(kink=Kink("other", valid=False, entries=())), "kink: no subgradient"),
        (
            argument(kink=Kink("left", valid=True, entries=((0,), (2,)))),
            "kink at x[0], x[2]: left, a subgradient",
        ),
        (
            argument(kink=Kink("left", valid=True, entries=tuple((i, 0) for i in range(9)))),
            "kink at x[0, 0], x[1, 0], x[2, 0] and 6 more: left, a subgradient",
        ),
        (argument(measured_in="float32"), "smooth  measured in float32"),
        (argument(measured_in="float64"), "smooth"),
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
        "PASS  loss: 2 gradients are right  [finite differences, 30 evaluations, seed 7]\n"
        "  w1 (3,)   right to 3.7e-09 (99.99 %)  smooth\n"
        "  w10 (3,)  right to 3.7e-09 (99.99 %)  smooth"
    )


def test_a_fail_says_where_which_entry_why_what_next_and_how_to_repeat():
    found = wrong(
        advice="every entry is 0.5 x the true gradient",
        reason="because",
        where_text="row 2",
        worst=(WorstEntry((2,), 1.0, 2.0, 1.0),),
        next="look there",
        notes=("aside",),
    )
    assert as_text(report(found, notes=("f is random",), repeat="again", unchecked=("b", "c"))).splitlines() == [
        "FAIL  loss: the gradient is wrong  [finite differences, 30 evaluations, seed 7]",
        "  x (3,)  wrong by a relative error of 2.0e-02 to 5.0e-01",
        "    where:  row 2",
        "    entry:  x[2] claimed 1, measured 2",
        "    cause:  every entry is 0.5 x the true gradient",
        "    cause:  because",
        "    note:   aside",
        "    next:   look there",
        "  unchecked: b, c",
        "  note:     f is random",
        "  repeat:   again",
    ]


def test_one_argument_is_told_as_the_whole_tells_it():
    found = wrong(reason="because", where_text="row 2")
    assert str(found).splitlines() == [
        "FAIL  x (3,): wrong by a relative error of 2.0e-02 to 5.0e-01",
        "    where:  row 2",
        "    cause:  because",
    ]


def test_a_repr_is_one_line_with_the_diagnosis():
    found = wrong(reason="because")
    assert repr(found) == "<ArgumentReport FAIL x (3,): wrong by a relative error of 2.0e-02 to 5.0e-01; because>"
    assert repr(report(found)) == "<Report FAIL loss: x: because>"
    assert repr(report(argument())) == "<Report PASS loss: the gradient is right>"
    assert repr(report(complaint="the gradient has\nthe wrong shape")) == (
        "<Report FAIL loss: the gradient has\\nthe wrong shape>"
    )


def test_without_a_cause_the_next_step_is_the_derivation():
    assert as_text(report(wrong())).splitlines()[-1].startswith("    next:   judge the backward pass line by line")


def test_the_same_advice_is_given_once_with_one_example():
    text = as_text(report(*(wrong(f"w{i}", advice="a factor 2 is missing", where_text=f"at {i}") for i in range(3))))
    assert text.count("a factor 2 is missing") == 1
    assert text.count("at ") == 1


def test_a_report_has_about_a_dozen_lines_and_the_wrong_ones_come_first():
    many = [argument(f"p{i}") for i in range(20)] + [open_(f"o{i}") for i in range(4)] + [wrong("w", advice="look")]
    lines = as_text(report(*many, notes=("n",), repeat="again")).splitlines()
    assert len(lines) <= LINES == 12
    assert lines[1] == "      [finite differences, 30 evaluations, seed 7]"
    assert lines[2].startswith("  w (3,)")
    assert "look" in lines[3]
    assert [line.split()[0] for line in lines[4:8]] == ["o0", "o1", "o2", "o3"]
    assert lines[-3] == "  and 20 more: 20 right"
    assert lines[-2:] == ["  note:     n", "  repeat:   again"]


@pytest.mark.parametrize("count", [1, 5, 6, 17, 40, 300])
def test_every_wrong_and_every_undecided_argument_is_named(count):
    many = [argument(f"p{i}") for i in range(3)] + [wrong(f"w{i}") for i in range(count)]
    text = as_text(report(*many, *(open_(f"o{i}") for i in range(count)), repeat="again"))
    named = set(re.findall(r"[wo][0-9]+", text))
    assert named == {f"{letter}{i}" for letter in "wo" for i in range(count)}


def test_slopes_in_a_narrow_dtype_are_a_note():
    found = as_text(report(argument(high=5.5e-3, measured_in="float32")))
    assert "measured in float32" in found
    assert "an error below 5.5e-03 does not show" in " ".join(found.split())


# Any content, any width ------------------------------------------------------------------------------------

HOSTILE = ["a\nb", "\x1b[31mred", "\u202ereversed", "\udc80", "\0", "x" * 500, "[bold]", "🙂" * 9, "", " ", "w w", "é́"]


@pytest.mark.parametrize("width", [0, 20, 60, 80, 200])
@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_no_name_breaks_a_line_or_a_terminal(name, width):
    found = report(
        wrong(name, reason=name, where_text=name, worst=(WorstEntry((1, 2), 1, 2, 1),)),
        notes=(name,),
        unchecked=(name,),
        complaint=name,
    )
    for text in (as_text(found, width), str(found[0]), repr(found), repr(found[0]), found.explain()):
        assert all(line.isprintable() for line in text.split("\n"))
        text.encode("utf-8")
    assert len(as_text(found, width).splitlines()) < 40 + 500 // max(width - 12, 28) * 4


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_number_index_or_command_is_broken_at_the_edge(width):
    command = "gradcheck verify package.module:loss package.module:gradient --signature '(n,d),(d,k)->()' --seed 0"
    for padding in range(60):
        found = report(
            wrong(
                "w",
                low=2.0e-2,
                high=5.0e-1,
                factor=0.25,
                reason="x" * padding + " resolution reached 1.0e-03, wanted 1.0e-05 with 99.99 % at w[10, 20, 30]",
                worst=(WorstEntry((10, 20, 30), 1.234567, -9.87654e-12, 1.0),),
                where_text="y" * padding + " row 3, w[3, :, 7], is wrong (6 of 7 entries measured there)",
            ),
            repeat=command,
        )
        lines = as_text(found, width).splitlines()
        text = "\n".join(lines)
        for whole in (
            "1.0e-03",
            "99.99 %",
            "w[10, 20, 30]",
            "claimed 1.23457",
            "w[3, :, 7]",
            "2.0e-02 to 5.0e-01",
            command,
        ):
            assert whole in text, whole
        assert all(len(line) <= width for line in lines if command not in line)


def test_what_is_copied_stands_in_lines_of_its_own():
    found = as_text(report(wrong(), repeat="import mine\nprint(1)"))
    assert found.splitlines()[-2:] == ["  repeat:   import mine", "            print(1)"]
