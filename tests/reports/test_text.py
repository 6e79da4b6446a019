import math
import re

import pytest

from gradcheck.reports.text import LINES, as_text, wrapped
from gradcheck.reports.words import (
    LONGEST,
    clipped,
    coarse,
    entry_name,
    finding,
    headline,
    number,
    percent,
    remarks,
    said,
    short,
    values,
    why,
    worst_first,
)
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
        (
            wrong(factor=1.0012345678, low=1e-3, high=2e-3),
            "wrong: 1.001 x the true gradient (relative error 1.0e-03 to 2.0e-03)",
        ),
        (
            wrong(factor=1.00000003, low=1e-8, high=4e-8),
            "wrong: 1.00000003 x the true gradient (relative error 1.0e-08 to 4.0e-08)",
        ),
        (wrong(factor=3.0001, low=2.0, high=2.1), "wrong: 3 x the true gradient (relative error 2.0e+00 to 2.1e+00)"),
        (wrong(low=1e4, high=math.inf), "wrong: the true gradient is zero, or next to it"),
        (wrong(low=1e3, high=math.inf), "wrong by a relative error of 1.0e+03 or more"),
        (wrong(low=-1.0), "wrong"),
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


@pytest.mark.parametrize("longest", [LONGEST, 9, 10])
@pytest.mark.parametrize("more", [0, 1, 40])
def test_a_long_name_loses_its_middle_alone(longest, more):
    name = "".join(chr(ord("a") + i % 26) for i in range(longest + more))
    found = clipped(name, longest)
    assert len(found) == min(len(name), longest)
    if not more:
        assert found == name
        return
    before, after = found.split("…")
    assert name.startswith(before)
    assert name.endswith(after)
    assert len(after) - len(before) in (0, 1)


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ((1.0, 2.0), ["1", "2"]),
        ((1.23456789, 2.0), ["1.23457", "2"]),
        ((1.23456789, 1.23456722), ["1.23456789", "1.23456722"]),
        ((1.0, 1.0 + 1e-11), ["1", "1.00000000001"]),
        ((1.0, 1.0 + 2e-15), ["1", "1"]),
        ((1.5, 1.5), ["1.5", "1.5"]),
        ((1 + 2j, 3 + 0j), ["1+2j", "3+0j"]),
        ((1 + 0j, 3 + 0j), ["1", "3"]),
    ],
)
def test_numbers_have_as_many_digits_as_tell_them_apart(numbers, texts):
    assert values(*numbers) == texts


def test_an_entry_is_named_by_its_index_and_a_scalar_by_its_name():
    assert entry_name("w", (2, 1)) == "w[2, 1]"
    assert entry_name("w", ()) == "w"


def test_arguments_are_sorted_by_what_a_reader_should_see_first():
    mixed = report(argument("a"), open_("b"), wrong("c"), argument("d"), open_("e"), wrong("f"))
    assert [found.name for found in worst_first(mixed)] == ["c", "f", "b", "e", "a", "d"]


def test_why_is_told_once_for_all_that_have_the_same_cause():
    found = report(
        argument("a"), open_("b", reason="no"), wrong("c", advice="yes"), wrong("d", advice="yes"), wrong("e")
    )
    assert why(found) == "c, d: yes; e: wrong by a relative error of 2.0e-02 to 5.0e-01; b: no"
    assert why(report(argument())) == ""


def test_in_short_a_mistake_goes_before_its_explanation():
    found = report(
        argument("a"),
        open_("b", reason="used up"),
        wrong("c", mistakes=("sign", "factor"), advice="turn the sign"),
        wrong("d", advice="look"),
        wrong("e"),
    )
    assert short(found) == (
        "c: sign; d: look; e: wrong by a relative error of 2.0e-02 to 5.0e-01; b undecided: used up"
    )
    assert short(report(argument())) == "the gradient is right"
    assert short(report(wrong("c"), complaint="no\nshape")) == "no\\nshape"


def test_all_of_an_argument_in_one_line():
    found = wrong(advice="one", reason="two", where_text="row 2", worst=(WorstEntry((2,), 1.0, 2.0, 1.0),))
    assert said(found, 0.9999) == (
        "wrong by a relative error of 2.0e-02 to 5.0e-01; one; two; row 2; x[2] claimed 1, measured 2"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([argument(high=3e-3, measured_in="float32"), argument(high=1e-4)], "float32, where an error below 3.0e-03"),
        ([wrong(measured_in="bfloat16")], "bfloat16, where small errors do not show"),
        ([argument(high=math.inf, measured_in="float32")], "float32, where small errors do not show"),
        (
            [argument(measured_in="float32"), argument(measured_in="float16"), argument(measured_in="float32")],
            "float32 and float16, where",
        ),
    ],
)
def test_a_narrow_dtype_is_told_with_what_it_hides(arguments, words):
    assert f"f computes in {words}" in coarse(report(*arguments))


@pytest.mark.parametrize("dtype", ["", "float64", "complex128"])
def test_a_wide_dtype_needs_no_remark(dtype):
    assert coarse(report(argument(measured_in=dtype))) == ""


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ([{"high": 1e-2}, {"high": 3e-2}], "an error below 3.0e-02 does not show"),
        ([{"high": 1e-2}, {"high": 2.0, "verdict": Verdict.FAIL}], "an error below 1.0e-02 does not show"),
        ([{"high": 2.0, "verdict": Verdict.INCONCLUSIVE}], "small errors do not show"),
        ([{"high": 0.0}], "small errors do not show"),
    ],
)
def test_how_small_an_error_a_narrow_dtype_shows_is_what_right_gradients_were_bounded_by(arguments, seen):
    told = coarse(report(*(argument(measured_in="float32", **given) for given in arguments)))
    assert told.startswith(f"f computes in float32, where {seen}")
    assert "float64" not in told  # these arguments are in float64 already


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


def names(*arguments, **fields):
    """What stands first in each line below the headline; a number of arguments by itself."""
    lines = as_text(report(*arguments, **fields)).splitlines()[1:]
    lines = [line for line in lines if not line.startswith("      [")]
    return [line.strip() if line.startswith("  and ") else line.split()[0] for line in lines]


def detailed(name):
    return wrong(name, where_text=f"row {name}", reason=f"because of {name}", next=f"look at {name}")


def right(*numbers):
    return [argument(f"p{i}") for i in numbers]


def test_as_many_right_arguments_are_listed_as_fit_in_a_dozen_lines():
    assert names(*right(*range(11))) == [f"p{i}" for i in range(11)]
    assert names(*right(*range(12))) == [*(f"p{i}" for i in range(10)), "and 2 more: 2 right"]
    assert names(*right(*range(20)), notes=("n",)) == [*(f"p{i}" for i in range(9)), "and 11 more: 11 right", "note:"]


def test_right_arguments_come_after_undecided_ones_that_have_no_more_to_say():
    undecided = [open_(f"o{i}") for i in range(3)]
    assert names(*right(*range(12)), *undecided) == [
        *("o0", "o1", "o2"),
        *(f"p{i}" for i in range(7)),
        "and 5 more: 5 right",
    ]


def test_a_right_argument_with_a_note_is_listed_if_its_note_fits():
    noted = argument("p", notes=("a note of its own",))
    assert names(*right(*range(8)), noted, *right(8, 9, 10)) == [
        *(f"p{i}" for i in range(8)),
        *("p", "note:"),
        "and 3 more: 3 right",
    ]
    assert names(*right(*range(9)), noted, *right(9, 10)) == [*(f"p{i}" for i in range(9)), "p9", "and 2 more: 2 right"]


def test_the_first_wrong_argument_is_told_in_full_and_further_ones_as_far_as_there_is_room():
    full = ["where:", "cause:", "next:"]
    assert names(*map(detailed, "abcd")) == ["a", *full, "b", *full, "c", "d"]
    assert names(*map(detailed, "abc"), *right(*range(4))) == ["a", *full, "b", *full, "c", "and 4 more: 4 right"]
    assert names(*map(detailed, "abcdefghijkl")) == ["a", *full, *"bcdefghijkl"]


def test_the_example_goes_with_the_cause_that_was_said_before_and_with_nothing_else():
    causes = {"notes": ("the same note",), "next": "the same step", "where_text": "at the same place"}
    assert names(wrong("a", reason="one", **causes), wrong("b", reason="two", **causes)) == [
        *("a", "where:", "cause:", "note:", "next:"),
        *("b", "cause:"),
    ]
    assert names(
        wrong("a", reason="one", where_text="row 1", notes=("the same note",)),
        wrong("b", reason="two", where_text="row 2", notes=("the same note",)),
    ) == ["a", "where:", "cause:", "note:", "b", "where:", "cause:"]


def test_a_name_that_takes_a_line_of_its_own_is_followed_by_what_was_found():
    assert as_text(report(argument("p" * 30))).splitlines()[1:] == [
        f"  {'p' * 30} (3,)",
        "    right to 3.7e-09 (99.99 %)  smooth",
    ]
    lengths = [len("  x (3,)  "), 28 + len("    ")]
    for name, start in zip(["x", "y" * 23], lengths, strict=True):  # 28 columns with its shape
        assert as_text(report(argument(name))).splitlines()[1].index("right") == start


def test_a_word_is_not_broken_at_its_hyphen():
    assert wrapped(f"{'x' * 70} left-handed", "", 80) == ["x" * 70, "left-handed"]


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
